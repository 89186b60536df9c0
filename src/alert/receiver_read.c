/* One receiver: what it needs depends on its kind. */
#include <stdlib.h>

#include "read.h"

const char *const alert_kinds[] = {"alertmanager", "webhook", "slack", "email",
                                   "cloudevents",  "exec",    NULL};

#define KEY(name, kind, member)                            \
    {                                                      \
        name, kind, offsetof(alert_receiver, member), NULL \
    }

static const read_key receiver_keys[] = {
    KEY("name", READ_TEXT, name),
    {"kind", READ_CHOICE, offsetof(alert_receiver, kind), alert_kinds},
    KEY("url", READ_TEXT, url),
    KEY("url_file", READ_TEXT, url_file),
    KEY("url_env", READ_TEXT, url_env),
    KEY("ca_file", READ_TEXT, ca_file),
    KEY("headers", READ_WORDS, headers),
    KEY("secret_file", READ_TEXT, secret_file),
    KEY("secret_env", READ_TEXT, secret_env),
    KEY("token_file", READ_TEXT, token_file),
    KEY("token_env", READ_TEXT, token_env),
    KEY("from", READ_TEXT, from),
    KEY("to", READ_WORDS, to),
    KEY("user", READ_TEXT, user),
    KEY("password_file", READ_TEXT, password_file),
    KEY("password_env", READ_TEXT, password_env),
    KEY("require_tls", READ_BOOL, requires_tls),
    KEY("command", READ_WORDS, command),
    KEY("match", READ_TEXT, match_text),
    KEY("timeout", READ_TIME, timeout_ms),
    KEY("repeat", READ_TIME, repeat_ms),
    KEY("send_resolved", READ_BOOL, sends_resolved),
};

void alert_receiver_free(alert_receiver *receiver)
{
    if (!receiver)
        return;
    alert_matchers_done(&receiver->match);
    mw_arena_done(&receiver->arena);
    free(receiver);
}

static mw_status fail_receiver(alert_reader *in, const mw_yaml *map, const char *what,
                               const char *mend, mw_error *err)
{
    mw_fail(err, MW_E_ALERT_RECEIVER, "%s", what);
    mw_mend(err, "%s", mend);
    return read_at_node(in, map, err);
}

static bool has_line_end(mw_view text)
{
    return text.data && (memchr(text.data, '\n', text.size) || memchr(text.data, '\r', text.size));
}

static mw_status check_mail(alert_reader *in, const mw_yaml *map, const alert_receiver *r,
                            mw_error *err)
{
    if (r->url.data && !mw_view_starts(r->url, "smtp://") && !mw_view_starts(r->url, "smtps://"))
        return fail_receiver(in, mw_yaml_member(map, "url"), "mail goes to an SMTP server",
                             "write url: smtp://mail.example:587, or smtps://", err);
    if (!r->from.data || r->to.count == 0)
        return fail_receiver(in, map, "mail needs \"from\" and \"to\"",
                             "add 'from: mw@example.org' and 'to: [ops@example.org]'", err);
    bool bad = has_line_end(r->from);
    for (size_t i = 0; i < r->to.count; i++)
        bad = bad || has_line_end(r->to.items[i]) ||
              !memchr(r->to.items[i].data, '@', r->to.items[i].size);
    return bad ? fail_receiver(in, map, "an address of mail is none",
                               "write name@host, one a list item", err)
               : MW_OK;
}

static mw_status check_url(alert_reader *in, const mw_yaml *map, const alert_receiver *r,
                           mw_error *err)
{
    if (r->url.data && !mw_view_starts(r->url, "http://") && !mw_view_starts(r->url, "https://"))
        return fail_receiver(in, mw_yaml_member(map, "url"), "no address of a web server",
                             "begin it with http:// or https://", err);
    for (size_t i = 0; i < r->headers.count; i++)
        if (has_line_end(r->headers.items[i]) ||
            !memchr(r->headers.items[i].data, ':', r->headers.items[i].size))
            return fail_receiver(in, mw_yaml_member(map, "headers"), "no line of a header",
                                 "write headers: ['X-Team: risk']", err);
    return MW_OK;
}

static mw_status check_kind(alert_reader *in, const mw_yaml *map, const alert_receiver *r,
                            mw_error *err)
{
    if (r->kind == ALERT_EXEC)
        return r->command.count > 0
                   ? MW_OK
                   : fail_receiver(in, map, "exec needs a \"command\"",
                                   "add 'command: [/usr/local/bin/page, --team, risk]'", err);
    if (!r->url.data && !r->url_file.data && !r->url_env.data)
        return fail_receiver(in, map, "the receiver has no address",
                             "add 'url: ...', or url_file or url_env where it is a secret", err);
    return r->kind == ALERT_EMAIL ? check_mail(in, map, r, err) : check_url(in, map, r, err);
}

static mw_status read_receiver(alert_reader *in, const mw_yaml *map, alert_receiver *r,
                               mw_error *err)
{
    size_t at;
    MW_TRY(
        read_expect(in, map, MW_YAML_MAP, "a receiver", "write '- name: ...', 'kind: ...'", err));
    MW_TRY(read_keys(in, map, "alerts.receivers", receiver_keys, MW_COUNT(receiver_keys), &r->arena,
                     r, err));
    if (!r->name.data || !mw_yaml_member(map, "kind"))
        return fail_receiver(in, map, "a receiver needs \"name\" and \"kind\"",
                             "kind is alertmanager, webhook, slack, email, cloudevents or exec",
                             err);
    if (!alert_name_is_good(r->name, false))
        return fail_receiver(in, mw_yaml_member(map, "name"),
                             "a receiver's name has letters, digits and _ only",
                             "call it ops, or night_shift", err);
    if (r->match_text.data &&
        alert_matchers_read(r->match_text, &r->arena, &r->match, &at, err) != MW_OK)
        return read_at_byte(in, mw_yaml_member(map, "match"), at, err);
    if (r->timeout_ms < 100 || r->timeout_ms > MW_LIMIT_ALERT_TIMEOUT_MS)
        return fail_receiver(in, mw_yaml_member(map, "timeout"), "a time-out is 100ms to 60s",
                             "write timeout: 10s", err);
    return check_kind(in, map, r, err);
}

mw_status alert_receiver_read(alert_reader *in, const mw_yaml *map, alert_receiver **ret_receiver,
                              mw_error *err)
{
    alert_receiver *receiver = calloc(1, sizeof *receiver);
    if (!receiver)
        return mw_fail_memory(err, "a receiver");
    receiver->timeout_ms = MW_LIMIT_ALERT_TIMEOUT_MS / 6;
    receiver->sends_resolved = true;
    receiver->requires_tls = true;
    mw_arena_init(&receiver->arena, MW_KIB, MW_MIB);
    mw_status status = read_receiver(in, map, receiver, err);
    if (status != MW_OK) {
        alert_receiver_free(receiver);
        return status;
    }
    *ret_receiver = receiver;
    return MW_OK;
}

void alert_receiver_schema(mw_buf *out)
{
    read_schema(receiver_keys, MW_COUNT(receiver_keys), out);
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static void write_words(const alert_words *words, mw_buf *out)
{
    mw_buf_char(out, '[');
    for (size_t i = 0; i < words->count; i++) {
        mw_buf_text(out, i ? "," : "");
        mw_json_write_text(out, words->items[i]);
    }
    mw_buf_char(out, ']');
}

static bool is_said(const read_key *key, const void *at)
{
    return key->kind == READ_TEXT    ? ((const mw_view *)at)->data != NULL
           : key->kind == READ_WORDS ? ((const alert_words *)at)->count > 0
           : key->kind == READ_TIME  ? *(const int64_t *)at > 0
                                     : key->kind != READ_OTHER;
}

void alert_receiver_write(const alert_receiver *receiver, mw_buf *out)
{
    size_t n = 0;
    for (size_t k = 0; k < MW_COUNT(receiver_keys); k++) {
        const read_key *key = &receiver_keys[k];
        const void *at = (const char *)receiver + key->offset;
        if (!is_said(key, at))
            continue;
        mw_buf_format(out, "%s\"%s\":", n++ ? "," : "{", key->name);
        if (key->kind == READ_TEXT)
            mw_json_write_text(out, *(const mw_view *)at);
        else if (key->kind == READ_WORDS)
            write_words(at, out);
        else if (key->kind == READ_TIME)
            mw_buf_format(out, "\"%lldms\"", (long long)*(const int64_t *)at);
        else if (key->kind == READ_BOOL)
            mw_buf_text(out, *(const bool *)at ? "true" : "false");
        else
            mw_json_write_text(out, mw_view_of(key->choices[*(const uint64_t *)at]));
    }
    mw_buf_text(out, n ? "}" : "{}");
}

void alert_receiver_mark(const alert_receiver *receiver, char ret_mark[ALERT_MARK_BYTES])
{
    mw_buf text;
    char digest[MW_DIGEST_TEXT_BYTES];
    mw_buf_init(&text, MW_MIB);
    alert_receiver_write(receiver, &text);
    mw_digest_of(mw_buf_as_view(&text), digest);
    snprintf(ret_mark, ALERT_MARK_BYTES, "%.16s", digest);
    mw_buf_done(&text);
}

bool alert_receiver_reaches_in(const alert_receiver *r)
{
    const mw_view named[] = {r->url_file,    r->url_env,       r->ca_file,
                             r->secret_file, r->secret_env,    r->token_file,
                             r->token_env,   r->password_file, r->password_env};
    bool reaches = r->kind == ALERT_EXEC || r->command.count > 0;
    for (size_t i = 0; i < MW_COUNT(named); i++)
        reaches = reaches || named[i].data;
    return reaches;
}
