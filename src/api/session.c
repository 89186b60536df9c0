/* Sealing and opening (XSalsa20 and Poly1305, by libsodium), and where a request comes from. */
#include "session.h"

#include <sodium.h>
#include <stdlib.h>

static const char cookie_name[] = "mw_session";

enum {
    STAMP_BYTES = 8, /* seconds since 1970, when it was sealed */
    HEADER_BYTES_MAX = 2048,
    BOX_BYTES_MAX =
        crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + STAMP_BYTES + HEADER_BYTES_MAX,
    MS_PER_SECOND = 1000
};

struct api_sessions {
    uint8_t key[crypto_secretbox_KEYBYTES];
};

mw_status api_sessions_new(api_sessions **ret_sessions, mw_error *err)
{
    api_sessions *sessions = malloc(sizeof *sessions);
    if (!sessions || sodium_init() < 0) {
        free(sessions);
        return mw_fail_memory(err, "the key of sessions");
    }
    crypto_secretbox_keygen(sessions->key);
    *ret_sessions = sessions;
    return MW_OK;
}

void api_sessions_free(api_sessions *sessions)
{
    if (!sessions)
        return;
    sodium_memzero(sessions->key, sizeof sessions->key);
    free(sessions);
}

static int64_t now_seconds(void)
{
    return mw_clock_wall_ms() / MS_PER_SECOND;
}

const char *api_session_seal(api_sessions *sessions, mw_view header, mw_arena *arena)
{
    uint8_t plain[STAMP_BYTES + HEADER_BYTES_MAX], box[BOX_BYTES_MAX];
    int64_t now = now_seconds();
    if (header.size > HEADER_BYTES_MAX)
        return NULL;
    memcpy(plain, &now, STAMP_BYTES);
    memcpy(plain + STAMP_BYTES, header.data, header.size);
    randombytes_buf(box, crypto_secretbox_NONCEBYTES);
    crypto_secretbox_easy(box + crypto_secretbox_NONCEBYTES, plain, STAMP_BYTES + header.size, box,
                          sessions->key);
    sodium_memzero(plain, sizeof plain);
    size_t size =
        crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + STAMP_BYTES + header.size;
    size_t room = sodium_base64_encoded_len(size, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *text = mw_arena_take(arena, room);
    if (text)
        sodium_bin2base64(text, room, box, size, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return text;
}

/* "a=1; mw_session=...; b=2" */
static mw_view find_cookie(const mw_exchange *exchange)
{
    mw_view rest = mw_exchange_header(exchange, "Cookie");
    while (rest.size > 0) {
        mw_view value = mw_view_trim(mw_view_cut(&rest, ';')), name = mw_view_cut(&value, '=');
        if (mw_view_is(name, cookie_name))
            return value;
    }
    return (mw_view){NULL, 0};
}

static bool changes(const mw_exchange *exchange)
{
    return exchange->method != MW_GET && exchange->method != MW_HEAD &&
           exchange->method != MW_OPTIONS;
}

mw_view api_session_open(api_sessions *sessions, const mw_exchange *exchange)
{
    static const mw_view none = {NULL, 0};
    uint8_t box[BOX_BYTES_MAX];
    size_t size;
    int64_t sealed;
    mw_view cookie = find_cookie(exchange);
    if (cookie.size == 0 || (changes(exchange) && !mw_exchange_header(exchange, "X-MW-CSRF").data))
        return none;
    if (sodium_base642bin(box, sizeof box, cookie.data, cookie.size, NULL, &size, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        size < crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + STAMP_BYTES)
        return none;
    size_t plain_size = size - crypto_secretbox_NONCEBYTES - crypto_secretbox_MACBYTES;
    uint8_t *plain = mw_arena_take(exchange->arena, plain_size);
    if (!plain ||
        crypto_secretbox_open_easy(plain, box + crypto_secretbox_NONCEBYTES,
                                   size - crypto_secretbox_NONCEBYTES, box, sessions->key) != 0)
        return none;
    memcpy(&sealed, plain, STAMP_BYTES);
    int64_t age = now_seconds() - sealed;
    if (age < 0 || age > MW_LIMIT_SESSION_SECONDS)
        return none;
    return (mw_view){(const char *)plain + STAMP_BYTES, plain_size - STAMP_BYTES};
}

/* "https://mw.internal:8443" is of this server where what stands behind the scheme is the Host that
 * was asked for, of a proxy or here; "null" is of nobody. */
static bool is_own_origin(const mw_exchange *exchange, mw_view origin)
{
    const mw_view names[] = {exchange->host, mw_exchange_header(exchange, "X-Forwarded-Host")};
    for (size_t i = 0; i + 3 <= origin.size; i++) {
        mw_view rest = {origin.data + i + 3, origin.size - i - 3};
        if (memcmp(origin.data + i, "://", 3) != 0)
            continue;
        for (size_t k = 0; k < MW_COUNT(names); k++)
            if (mw_view_equal_nocase(names[k], rest))
                return true;
        return false;
    }
    return false;
}

/* Browsers say Sec-Fetch-Site since 2023, though to plain HTTP only on this machine; Origin, which
 * is older, they say with everything that changes something. Other programs say neither. */
bool api_is_cross_site(const mw_exchange *exchange)
{
    mw_view site = mw_exchange_header(exchange, "Sec-Fetch-Site");
    mw_view origin = mw_exchange_header(exchange, "Origin");
    if (!changes(exchange))
        return false;
    if (site.data)
        return !mw_view_is(site, "same-origin") && !mw_view_is(site, "none");
    return origin.data && !is_own_origin(exchange, origin);
}
