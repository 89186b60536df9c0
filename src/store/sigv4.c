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

static const char *signed_names(const store_keys *keys)
{
    return keys->token ? "host;x-amz-content-sha256;x-amz-date;x-amz-security-token"
                       : "host;x-amz-content-sha256;x-amz-date";
}

static void write_canonical(const store_signed *r, const store_keys *keys, const char *moment,
                            mw_buf *out)
{
    mw_buf_format(out, "%s\n%s\n%s\nhost:%s\nx-amz-content-sha256:%s\nx-amz-date:%s\n", r->method,
                  r->path, r->query, r->host, r->payload, moment);
    if (keys->token)
        mw_buf_format(out, "x-amz-security-token:%s\n", keys->token);
    mw_buf_format(out, "\n%s\n%s", signed_names(keys), r->payload);
}

bool store_sign(const store_signed *request, const store_keys *keys, mw_buf *out)
{
    struct tm when;
    mw_buf text;
    unsigned char key[KEY_BYTES], mac[KEY_BYTES];
    char day[DAY_BYTES], moment[MOMENT_BYTES], hex[HEX_BYTES];
    time_t seconds = (time_t)request->seconds;
    gmtime_r(&seconds, &when);
    strftime(day, sizeof day, "%Y%m%d", &when);
    strftime(moment, sizeof moment, "%Y%m%dT%H%M%SZ", &when);

    mw_buf_init(&text, TEXT_BYTES);
    write_canonical(request, keys, moment, &text);
    mw_digest_of(mw_buf_as_view(&text), hex);
    mw_buf_reset(&text);
    mw_buf_format(&text, "AWS4-HMAC-SHA256\n%s\n%s/%s/s3/aws4_request\n%s", moment, day,
                  request->region, hex);
    key_of(request, keys, day, key);
    hmac(key, sizeof key, mw_buf_as_view(&text), mac);
    *mw_hex_write(hex, mac, sizeof mac) = '\0';
    bool made = !text.failed;
    mw_buf_done(&text);
    explicit_bzero(key, sizeof key);

    mw_buf_format(out, "x-amz-content-sha256: %s\r\nx-amz-date: %s\r\n", request->payload, moment);
    if (keys->token)
        mw_buf_format(out, "x-amz-security-token: %s\r\n", keys->token);
    mw_buf_format(out,
                  "Authorization: AWS4-HMAC-SHA256 Credential=%s/%s/%s/s3/aws4_request,"
                  "SignedHeaders=%s,Signature=%s\r\n",
                  keys->id, day, request->region, signed_names(keys), hex);
    return made && !out->failed;
}
