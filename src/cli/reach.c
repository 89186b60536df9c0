/* How commands reach a running server; see reach.h. */
#include "reach.h"

enum { URL_BYTES = 512 };

static const char plain[] = "http://";

/* "8080", ":8080", "0.0.0.0:8080": a server that listens on every address is asked on this
 * machine's own. False when it is none of these, nor any other address without a scheme. */
static bool read_bare(mw_view text, char ret_url[URL_BYTES])
{
    mw_buf address;
    mw_buf_init(&address, URL_BYTES - 1);
    bool is_good = cli_read_address(text, &address);
    const char *port = is_good ? strrchr(address.data, ':') : NULL;
    bool is_any = is_good && (mw_view_starts(text, "0.0.0.0") || mw_view_starts(text, "[::]") ||
                              *address.data == ':');
    if (is_good)
        snprintf(ret_url, URL_BYTES, "%s%s%s", plain, is_any ? "127.0.0.1" : "",
                 is_any ? port : address.data);
    mw_buf_done(&address);
    return is_good;
}

mw_status cli_reach(const cli_call *call, const char *given, mw_dial **ret_dial, mw_error *err)
{
    const cli_setting *settings = call->settings;
    char url[URL_BYTES];
    mw_view text = mw_view_of(given ? given : settings[CLI_SERVER].text);
    if (mw_view_starts(text, plain))
        text = (mw_view){text.data + sizeof plain - 1, text.size - (sizeof plain - 1)};
    bool has_scheme = mw_view_starts(text, "https://") || mw_view_starts(text, "unix:");
    while (!has_scheme && text.size > 0 && text.data[text.size - 1] == '/')
        text.size--;
    if (!has_scheme && !read_bare(text, url)) {
        mw_fail(err, MW_E_OPTION_VALUE, "'%.*s' is no address of a server", MW_VIEW_ARG(text));
        return mw_mend(err, "write HOST:PORT, http://HOST:PORT, https://HOST:PORT or unix:PATH");
    }
    mw_dial_options options = {
        .url = has_scheme ? text.data : url,
        .headers = settings[CLI_HEADER].text,
        .ca_file = settings[CLI_CACERT].text,
        .is_insecure = cli_is_on(call, CLI_INSECURE),
    };
    return mw_dial_new(&options, ret_dial, err);
}

const char *cli_reach_name(const mw_dial *dial)
{
    const char *url = mw_dial_url(dial);
    return strncmp(url, plain, sizeof plain - 1) == 0 ? url + sizeof plain - 1 : url;
}

mw_status cli_tell_refusal(int http_status, mw_view body, const char *mend, mw_error *err)
{
    enum { SHOWN_BYTES = 400 }; /* mw_why keeps what it has room for */
    mw_json *root = NULL;
    mw_error unread;
    mw_view shown = mw_view_trim(body);
    if (http_status == 401 || http_status == 403)
        mw_mend(err, "give it a token: --header 'Authorization: Bearer TOKEN'");
    else
        mw_mend(err, "%s", mend);
    if (mw_json_read(body, &root, &unread) == MW_OK) {
        mw_view said = mw_json_text(mw_json_member(root, "detail"));
        mw_view hint = mw_json_text(mw_json_member(root, "hint"));
        shown = said.size > 0 ? said : mw_json_text(mw_json_member(root, "message"));
        if (hint.size > 0 && http_status != 401)
            mw_mend(err, "%.*s", MW_VIEW_ARG(hint));
    }
    mw_status status =
        mw_why(err, "%.*s", shown.size > SHOWN_BYTES ? SHOWN_BYTES : (int)shown.size, shown.data);
    mw_json_free(root);
    return status;
}

mw_status cli_repeat_refusal(int http_status, mw_view body, mw_error *err)
{
    char mend[sizeof err->mend];
    mw_json *root = NULL;
    mw_error unread;
    uint64_t number = 0;
    mw_fail(err, MW_E_APPLY_REPLY, "the server answers %d", http_status);
    cli_tell_refusal(http_status, body, "mw rollout status tells what is so", err);
    if (mw_json_read(body, &root, &unread) != MW_OK)
        return err->status;
    mw_view code = mw_json_text(mw_json_member(root, "code"));
    mw_view said = mw_json_text(mw_json_member(root, "detail"));
    mw_view why = mw_json_text(mw_json_member(root, "why"));
    if (mw_view_starts(code, "MW") && said.size > 0 &&
        mw_whole_parse((mw_view){code.data + 2, code.size - 2}, &number) && number <= INT32_MAX &&
        mw_code_find((int)number)) {
        memcpy(mend, err->mend, sizeof mend);
        mw_fail(err, (mw_code)number, "%.*s", MW_VIEW_ARG(said));
        mw_mend(err, "%s", mend);
        if (why.size > 0)
            mw_why(err, "%.*s", MW_VIEW_ARG(why));
    }
    mw_json_free(root);
    return err->status;
}
