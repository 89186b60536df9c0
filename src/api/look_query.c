/* Questions of the pages, and the form of answers. */
#include "look.h"

#include <inttypes.h>
#include <sodium.h>

#include "mlflow.h"

mw_view api_query(mw_exchange *exchange, const char *name)
{
    mw_view rest = exchange->query;
    while (rest.size > 0) {
        mw_view value = mw_view_cut(&rest, '&'), key = mw_view_cut(&value, '=');
        if (!mw_view_is(key, name))
            continue;
        if (!mw_percent_decode(value, exchange->arena, &value) || !value.data)
            return MW_VIEW("");
        return value;
    }
    return (mw_view){NULL, 0};
}

static mw_status fail_number(const char *name, mw_view text, int64_t min, int64_t max,
                             mw_error *err)
{
    mw_fail(err, MW_E_QUERY, "'%.*s' is not what '%s' takes",
            (int)(text.size < 60 ? text.size : 60), text.data, name);
    return mw_mend(err, "a whole number from %" PRId64 " to %" PRId64, min, max);
}

mw_status api_query_number(mw_exchange *exchange, const char *name, int64_t min, int64_t max,
                           int64_t usual, int64_t *ret_number, mw_error *err)
{
    uint64_t number;
    mw_view text = api_query(exchange, name);
    *ret_number = usual;
    if (!text.data)
        return MW_OK;
    if (!mw_whole_parse(text, &number) || number > INT64_MAX || (int64_t)number < min ||
        (int64_t)number > max)
        return fail_number(name, text, min, max, err);
    *ret_number = (int64_t)number;
    return MW_OK;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* "W/\"0123456789abcdef\"" of the body. */
static const char *etag_of(mw_exchange *exchange)
{
    static const uint8_t key[crypto_shorthash_KEYBYTES]; /* no secret: it only names a content */
    uint64_t hash;
    char text[32];
    crypto_shorthash((uint8_t *)&hash, (const uint8_t *)exchange->reply->data,
                     exchange->reply->size, key);
    snprintf(text, sizeof text, "W/\"%016" PRIx64 "\"", hash);
    return mw_arena_text(exchange->arena, mw_view_of(text));
}

void api_answer_json(mw_exchange *exchange)
{
    char line[128];
    mw_error err;
    const char *etag = etag_of(exchange);
    mw_view known = mw_exchange_header(exchange, "If-None-Match");
    exchange->reply_type = MW_VIEW("application/json");
    if (etag) {
        snprintf(line, sizeof line, "Cache-Control: no-cache\r\nETag: %s\r\n", etag);
        exchange->reply_headers = mw_view_of(mw_arena_text(exchange->arena, mw_view_of(line)));
    }
    if (etag && mw_view_is(known, etag)) {
        mw_buf_reset(exchange->reply);
        exchange->status = 304;
        exchange->reply_type = (mw_view){NULL, 0};
    } else if (mw_exchange_deflate(exchange, &err) != MW_OK) {
        mw_serve_error(exchange, &err, 0);
    }
    mw_exchange_reply(exchange);
}

void api_answer_error(mw_exchange *exchange, const mw_error *err)
{
    mw_serve_error(exchange, err, 0);
    mw_exchange_reply(exchange);
}
