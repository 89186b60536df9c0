/* AWS Signature Version 4. */
#include "sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <time.h>

enum { KEY_BYTES = 32, HEX_BYTES = 65, DAY_BYTES = 9, MOMENT_BYTES = 17, TEXT_BYTES = 64 * 1024 };

void store_encode(mw_buf *out, mw_view text, bool keep_slash)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c && strchr("-._~", c)) || (c == '/' && keep_slash);
        if (plain)
            mw_buf_char(out, (char)c);
        else
            mw_buf_format(out, "%%%02X", c);
    }
}

static void hmac(const unsigned char *key, size_t key_bytes, mw_view text,
                 unsigned char ret_mac[KEY_BYTES])
{
    unsigned int size = KEY_BYTES;
    HMAC(EVP_sha256(), key, (int)key_bytes, (const unsigned char *)text.data, text.size, ret_mac,
         &size);
}

/* The key of a day, a region and a service: it signs nothing else. */
static void key_of(const store_signed *request, const store_keys *keys, const char *day,
                   unsigned char ret_key[KEY_BYTES])
{
    char first[512];
    unsigned char key[KEY_BYTES];
    int size = snprintf(first, sizeof first, "AWS4%s", keys->secret);
    if (size < 0 || (size_t)size >= sizeof first)
        size = (int)sizeof first - 1;
    hmac((const unsigned char *)first, (size_t)size, mw_view_of(day), key);
    hmac(key, sizeof key, mw_view_of(request->region), ret_key);
    hmac(ret_key, KEY_BYTES, MW_VIEW("s3"), key);
    hmac(key, sizeof key, MW_VIEW("aws4_request"), ret_key);
    explicit_bzero(first, sizeof first);
    explicit_bzero(key, sizeof key);
}

typedef struct moment {
    char day[DAY_BYTES], text[MOMENT_BYTES];
} moment;

static moment moment_of(const store_signed *request)
{
    moment m;
    struct tm when;
    time_t seconds = (time_t)request->seconds;
    gmtime_r(&seconds, &when);
    strftime(m.day, sizeof m.day, "%Y%m%d", &when);
    strftime(m.text, sizeof m.text, "%Y%m%dT%H%M%SZ", &when);
    return m;
}

/* The canonical request is signed, and replaced by what was signed of it. */
static bool sign_text(const store_signed *request, const store_keys *keys, const moment *m,
                      mw_buf *canonical, char ret_hex[HEX_BYTES])
{
    unsigned char key[KEY_BYTES], mac[KEY_BYTES];
    bool made = !canonical->failed;
    mw_digest_of(mw_buf_as_view(canonical), ret_hex);
    mw_buf_reset(canonical);
    mw_buf_format(canonical, "AWS4-HMAC-SHA256\n%s\n%s/%s/s3/aws4_request\n%s", m->text, m->day,
                  request->region, ret_hex);
    key_of(request, keys, m->day, key);
    hmac(key, sizeof key, mw_buf_as_view(canonical), mac);
    *mw_hex_write(ret_hex, mac, sizeof mac) = '\0';
    explicit_bzero(key, sizeof key);
    return made && !canonical->failed;
}

static void write_names(const store_signed *r, const store_keys *keys, mw_buf *out)
{
    mw_buf_text(out, "host;x-amz-content-sha256");
    mw_buf_text(out, r->copy_source ? ";x-amz-copy-source" : "");
    mw_buf_text(out, ";x-amz-date");
    mw_buf_text(out, keys->token ? ";x-amz-security-token" : "");
}

static void write_canonical(const store_signed *r, const store_keys *keys, const moment *m,
                            mw_buf *out)
{
    mw_buf_format(out, "%s\n%s\n%s\nhost:%s\nx-amz-content-sha256:%s\n", r->method, r->path,
                  r->query, r->host, r->payload);
    if (r->copy_source)
        mw_buf_format(out, "x-amz-copy-source:%s\n", r->copy_source);
    mw_buf_format(out, "x-amz-date:%s\n", m->text);
    if (keys->token)
        mw_buf_format(out, "x-amz-security-token:%s\n", keys->token);
    mw_buf_char(out, '\n');
    write_names(r, keys, out);
    mw_buf_format(out, "\n%s", r->payload);
}

bool store_sign(const store_signed *request, const store_keys *keys, mw_buf *out)
{
    mw_buf text;
    char hex[HEX_BYTES];
    moment m = moment_of(request);
    mw_buf_init(&text, TEXT_BYTES);
    write_canonical(request, keys, &m, &text);
    bool made = sign_text(request, keys, &m, &text, hex);
    mw_buf_done(&text);

    mw_buf_format(out, "x-amz-content-sha256: %s\r\nx-amz-date: %s\r\n", request->payload, m.text);
    if (request->copy_source)
        mw_buf_format(out, "x-amz-copy-source: %s\r\n", request->copy_source);
    if (keys->token)
        mw_buf_format(out, "x-amz-security-token: %s\r\n", keys->token);
    mw_buf_format(out,
                  "Authorization: AWS4-HMAC-SHA256 Credential=%s/%s/%s/s3/aws4_request,"
                  "SignedHeaders=",
                  keys->id, m.day, request->region);
    write_names(request, keys, out);
    mw_buf_format(out, ",Signature=%s\r\n", hex);
    return made && !out->failed;
}

/* Sorted by name, as the signature wants it: capitals stand before small letters. */
static void write_presigned(const store_signed *r, const store_keys *keys, const moment *m,
                            unsigned seconds, mw_buf *out)
{
    mw_buf_text(out, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=");
    store_encode(out, mw_view_of(keys->id), false);
    mw_buf_format(out, "%%2F%s%%2F%s%%2Fs3%%2Faws4_request&X-Amz-Date=%s&X-Amz-Expires=%u", m->day,
                  r->region, m->text, seconds);
    if (keys->token) {
        mw_buf_text(out, "&X-Amz-Security-Token=");
        store_encode(out, mw_view_of(keys->token), false);
    }
    mw_buf_text(out, "&X-Amz-SignedHeaders=host");
    if (r->query[0])
        mw_buf_format(out, "&%s", r->query);
}

bool store_presign(const store_signed *request, const store_keys *keys, unsigned seconds,
                   mw_buf *out)
{
    mw_buf text, query;
    char hex[HEX_BYTES];
    moment m = moment_of(request);
    mw_buf_init(&text, TEXT_BYTES);
    mw_buf_init(&query, TEXT_BYTES);
    write_presigned(request, keys, &m, seconds, &query);
    mw_buf_format(&text, "%s\n%s\n", request->method, request->path);
    mw_buf_view(&text, mw_buf_as_view(&query));
    mw_buf_format(&text, "\nhost:%s\n\nhost\nUNSIGNED-PAYLOAD", request->host);
    bool made = sign_text(request, keys, &m, &text, hex) && !query.failed;
    mw_buf_view(out, mw_buf_as_view(&query));
    mw_buf_format(out, "&X-Amz-Signature=%s", hex);
    mw_buf_done(&text);
    mw_buf_done(&query);
    return made && !out->failed;
}
