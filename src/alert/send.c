/* A letter by HTTP: Alertmanager, webhooks, Slack, CloudEvents. Secrets are read when they are
 * needed, so that a new one in the file holds from the next letter on, and wiped behind. */
#include <sodium.h>
#include <stdlib.h>

#include "engine.h"

enum { SECRET_BYTES = 8192, URL_BYTES = 4096, HEADERS_BYTES = 16384, ANSWER_BYTES = 4096 };

/* ---- secrets --------------------------------------------------------------------------------- */

static mw_status fail_secret(const char *what, mw_view name, mw_error *err)
{
    mw_fail(err, MW_E_ALERT_SECRET, "%s %.*s", what, MW_VIEW_ARG(name));
    return mw_mend(err, "put it there, readable for the server alone");
}

mw_status alert_secret(mw_view file, mw_view variable, mw_buf *out, mw_error *err)
{
    if (file.data) {
        mw_file content;
        MW_TRY(mw_file_read(file.data, SECRET_BYTES, &content, err));
        mw_view text = {content.data, content.size};
        mw_buf_view(out, mw_view_trim(mw_view_cut(&text, '\n')));
        sodium_memzero(content.data, content.size);
        mw_file_done(&content);
        if (out->size == 0)
            return fail_secret("no secret stands in the first line of", file, err);
        return MW_OK;
    }
    if (!variable.data)
        return MW_OK;
    const char *value = getenv(variable.data);
    if (!value || !*value)
        return fail_secret("no secret stands in the variable", variable, err);
    mw_buf_text(out, value);
    return out->failed ? fail_secret("too long a secret stands in", variable, err) : MW_OK;
}

void alert_wipe(mw_buf *secret)
{
    sodium_memzero(secret->data, secret->size);
    mw_buf_done(secret);
}

static mw_status check_secret(mw_view file, mw_view variable, mw_error *err)
{
    mw_buf secret;
    mw_buf_init(&secret, SECRET_BYTES);
    mw_status status = alert_secret(file, variable, &secret, err);
    alert_wipe(&secret);
    return status;
}

mw_status alert_check_secrets(const alert_receiver *r, mw_error *err)
{
    mw_status status = check_secret(r->url_file, r->url_env, err);
    if (status == MW_OK)
        status = check_secret(r->secret_file, r->secret_env, err);
    if (status == MW_OK)
        status = check_secret(r->token_file, r->token_env, err);
    if (status == MW_OK)
        status = check_secret(r->password_file, r->password_env, err);
#if !__has_include(<curl/curl.h>)
    if (status == MW_OK && r->kind == ALERT_EMAIL) {
        status = mw_fail(err, MW_E_ALERT_MAIL_BUILD, "this program was built without libcurl");
        mw_mend(err, "apt install libcurl4-openssl-dev, then build it anew; or use another kind");
    }
#endif
    return status == MW_OK ? MW_OK : mw_at(err, "receiver '%.*s'", MW_VIEW_ARG(r->name));
}

/* ---- signatures ------------------------------------------------------------------------------ */

static void hmac(mw_view key, const mw_view *parts, size_t n,
                 unsigned char ret_mac[crypto_auth_hmacsha256_BYTES])
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)key.data, key.size);
    for (size_t i = 0; i < n; i++)
        crypto_auth_hmacsha256_update(&state, (const unsigned char *)parts[i].data, parts[i].size);
    crypto_auth_hmacsha256_final(&state, ret_mac);
}

void mw_letter_sign(mw_view secret, mw_view key, int64_t seconds, mw_view body, mw_buf *out)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char text[64], moment[32];
    int size = snprintf(moment, sizeof moment, ".%lld.", (long long)seconds);
    mw_view parts[] = {key, {moment, (size_t)size}, body};
    hmac(secret, parts, MW_COUNT(parts), mac);
    sodium_bin2base64(text, sizeof text, mac, sizeof mac, sodium_base64_VARIANT_ORIGINAL);
    mw_buf_format(out, "v1,%s", text);
}

void alert_sign(mw_view secret, mw_view key, int64_t seconds, mw_view body, mw_buf *out)
{
    static const char prefix[] = "whsec_";
    unsigned char raw[SECRET_BYTES];
    size_t raw_size;
    if (mw_view_starts(secret, prefix) &&
        sodium_base642bin(raw, sizeof raw, secret.data + sizeof prefix - 1,
                          secret.size - (sizeof prefix - 1), NULL, &raw_size, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0)
        secret = (mw_view){(const char *)raw, raw_size};
    mw_letter_sign(secret, key, seconds, body, out);
    sodium_memzero(raw, sizeof raw);
}

void alert_sign_body(mw_view secret, mw_view body, mw_buf *out)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char text[2 * sizeof mac + 1];
    hmac(secret, &body, 1, mac);
    *mw_hex_write(text, mac, sizeof mac) = '\0';
    mw_buf_text(out, text);
}

/* ---- the request ----------------------------------------------------------------------------- */

static mw_status put_secret_headers(const alert_receiver *r, const book_letter *letter,
                                    mw_buf *headers, mw_error *err)
{
    mw_buf secret;
    mw_buf_init(&secret, SECRET_BYTES);
    int64_t seconds = mw_clock_wall_ms() / 1000;
    mw_status status = alert_secret(r->secret_file, r->secret_env, &secret, err);
    if (status == MW_OK && secret.size > 0) {
        mw_buf_format(headers, "webhook-timestamp: %lld\nwebhook-signature: ", (long long)seconds);
        alert_sign(mw_buf_as_view(&secret), letter->key, seconds, letter->body, headers);
        mw_buf_text(headers, "\nX-Hub-Signature-256: sha256=");
        alert_sign_body(mw_buf_as_view(&secret), letter->body, headers);
        mw_buf_char(headers, '\n');
    }
    mw_buf_reset(&secret);
    if (status == MW_OK)
        status = alert_secret(r->token_file, r->token_env, &secret, err);
    if (status == MW_OK && secret.size > 0)
        mw_buf_format(headers, "Authorization: Bearer %s\n", secret.data);
    alert_wipe(&secret);
    return status;
}

static mw_status put_headers(const alert_receiver *r, const book_letter *letter, mw_buf *headers,
                             mw_error *err)
{
    mw_buf_format(headers, "webhook-id: %.*s\nIdempotency-Key: %.*s\n", MW_VIEW_ARG(letter->key),
                  MW_VIEW_ARG(letter->key));
    for (size_t i = 0; i < r->headers.count; i++)
        mw_buf_format(headers, "%.*s\n", MW_VIEW_ARG(r->headers.items[i]));
    MW_TRY(put_secret_headers(r, letter, headers, err));
    if (headers->size > 0)
        headers->data[--headers->size] = '\0';
    return headers->failed ? mw_fail_memory(err, "a notification's headers") : MW_OK;
}

static const char *path_of(const alert_receiver *r, const char *url)
{
    const char *host = strstr(url, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    bool is_bare = !path || path[strspn(path, "/")] == '\0';
    return r->kind == ALERT_ALERTMANAGER && is_bare ? "/api/v2/alerts" : NULL;
}

static mw_status judge(int status, mw_view body, mw_error *err)
{
    enum { SHOWN_BYTES = 120 };
    if (status >= 200 && status < 300)
        return MW_OK;
    mw_view shown = mw_view_trim(body);
    mw_fail(err, MW_E_ALERT_DELIVERY, "the receiver answers %d", status);
    mw_why(err, "%.*s", shown.size > SHOWN_BYTES ? SHOWN_BYTES : (int)shown.size, shown.data);
    return mw_mend(err, "check the receiver's address, its token and its own log");
}

static mw_status post(const alert_receiver *r, const book_letter *letter, const char *url,
                      const char *headers, mw_error *err)
{
    mw_buf answer;
    mw_letter_reply reply = {.body = &answer};
    mw_letter sent = {.url = url,
                      .path = path_of(r, url),
                      .headers = headers,
                      .ca_file = r->ca_file.data,
                      .type = r->kind == ALERT_CLOUDEVENTS
                                  ? "application/cloudevents+json; charset=utf-8"
                                  : "application/json",
                      .body = letter->body,
                      .timeout_ms = (unsigned)r->timeout_ms};
    mw_buf_init(&answer, ANSWER_BYTES);
    mw_status status = mw_letter_post(&sent, &reply, err);
    if (status == MW_OK)
        status = judge(reply.status, mw_buf_as_view(&answer), err);
    mw_buf_done(&answer);
    return status;
}

static mw_status send_http(const alert_receiver *r, const book_letter *letter, mw_buf *url,
                           mw_error *err)
{
    mw_buf headers;
    mw_buf_init(&headers, HEADERS_BYTES);
    mw_status status = put_headers(r, letter, &headers, err);
    if (status == MW_OK)
        status = post(r, letter, url->data, headers.data, err);
    alert_wipe(&headers);
    return status;
}

static mw_status send_mail(const alert_receiver *r, const book_letter *letter, mw_view url,
                           mw_error *err)
{
    mw_buf password;
    mw_buf_init(&password, SECRET_BYTES);
    mw_status status = alert_secret(r->password_file, r->password_env, &password, err);
    if (status == MW_OK)
        status = alert_send_mail(r, letter, url, mw_buf_as_view(&password), err);
    alert_wipe(&password);
    return status;
}

mw_status alert_send(const alert_receiver *r, const book_letter *letter, mw_error *err)
{
    mw_buf url;
    if (r->kind == ALERT_EXEC)
        return alert_send_exec(r, letter, err);
    mw_buf_init(&url, URL_BYTES);
    mw_buf_view(&url, r->url);
    mw_status status = r->url.data ? MW_OK : alert_secret(r->url_file, r->url_env, &url, err);
    if (status == MW_OK)
        status = r->kind == ALERT_EMAIL ? send_mail(r, letter, mw_buf_as_view(&url), err)
                                        : send_http(r, letter, &url, err);
    alert_wipe(&url);
    return status;
}
