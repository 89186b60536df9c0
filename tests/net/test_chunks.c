/* Chunked bodies: decoded the same however they are cut, refused where they are not exact. */
#include "../test.h"

#include "net/chunks.h"

enum { CAP_BYTES = 64 };

typedef struct decoded {
    net_chunk_event last;
    int refusal;
    size_t used;
    char body[256];
    size_t body_bytes;
} decoded;

static void feed(net_chunks *chunks, mw_view text, decoded *out)
{
    size_t at = 0;
    while (at <= text.size) {
        size_t used = 0;
        mw_view piece = {NULL, 0};
        mw_error err;
        /* memory of exactly that size, so that a sanitizer sees a byte too many */
        size_t left = text.size - at;
        char *copy = malloc(left ? left : 1);
        memcpy(copy, text.data + at, left);
        out->last = net_chunks_next(chunks, copy, left, &used, &piece, &out->refusal, &err);
        if (out->last == NET_CHUNK_DATA) {
            assert_true(out->body_bytes + piece.size <= sizeof out->body);
            memcpy(out->body + out->body_bytes, piece.data, piece.size);
            out->body_bytes += piece.size;
        }
        free(copy);
        if (out->last == NET_CHUNK_REFUSED)
            return;
        out->used += used;
        at += used;
        if (out->last != NET_CHUNK_DATA)
            return;
    }
}

static void decode_cut(mw_view text, size_t cut, decoded *out)
{
    net_chunks chunks;
    net_chunks_init(&chunks, CAP_BYTES);
    memset(out, 0, sizeof *out);
    feed(&chunks, (mw_view){text.data, cut}, out);
    if (out->last == NET_CHUNK_MORE)
        feed(&chunks, (mw_view){text.data + cut, text.size - cut}, out);
}

static void decode_every_way(const char *name, mw_view text, decoded *out)
{
    decode_cut(text, text.size, out);
    for (size_t cut = 0; cut < text.size; cut++) {
        decoded other;
        decode_cut(text, cut, &other);
        if (other.last != out->last || other.refusal != out->refusal ||
            other.body_bytes != out->body_bytes ||
            memcmp(other.body, out->body, out->body_bytes) != 0 ||
            (out->last == NET_CHUNK_END && other.used != out->used))
            fail_msg("%s: another result when cut at %zu", name, cut);
    }
}

static const struct chunk_case {
    const char *name, *text;
    int expected; /* 0 = the end was reached, -1 = more, else the refusal */
    const char *body;
    size_t behind; /* bytes that are not the body's */
} chunk_cases[] = {
    {"one chunk", "5\r\nhello\r\n0\r\n\r\n", 0, "hello", 0},
    {"empty body", "0\r\n\r\n", 0, "", 0},
    {"several", "1\r\na\r\n2\r\nbc\r\n00\r\n\r\n", 0, "abc", 0},
    {"hex in both cases", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", 0,
     "01234567890123456789", 0},
    {"leading zeros, 16 digits", "0000000000000001\r\nx\r\n0\r\n\r\n", 0, "x", 0},
    {"17 digits", "00000000000000001\r\nx\r\n0\r\n\r\n", 400, "", 0},
    {"data that looks like an end", "7\r\n0\r\n\r\nab\r\n0\r\n\r\n", 0, "0\r\n\r\nab", 0},
    {"next request behind", "1\r\nx\r\n0\r\n\r\nGET /", 0, "x", 5},
    {"extension", "1;name=\"a b\";c\r\nx\r\n0;last\r\n\r\n", 0, "x", 0},
    {"extension with a control byte", "1;a\001\r\nx\r\n0\r\n\r\n", 400, "", 0},
    {"trailers", "0\r\nX-Sum: 1\r\nY: \xc3\xa9\r\n\r\n", 0, "", 0},
    {"trailer without colon", "0\r\nBroken\r\n\r\n", 400, "", 0},
    {"trailer without name", "0\r\n: x\r\n\r\n", 400, "", 0},
    {"folded trailer", "0\r\nA: b\r\n c\r\n\r\n", 400, "", 0},
    {"trailer with a bare LF", "0\r\nA: b\n\r\n", 400, "", 0},
    {"not yet", "5\r\nhel", -1, "hel", 0},
    {"end not yet", "0\r\n", -1, "", 0},
    {"no size", "\r\nx", 400, "", 0},
    {"size with a sign", "+5\r\nhello\r\n0\r\n\r\n", 400, "", 0},
    {"size with 0x", "0x5\r\nhello\r\n0\r\n\r\n", 400, "", 0},
    {"size with a blank before", " 5\r\nhello\r\n0\r\n\r\n", 400, "", 0},
    {"size with a blank behind", "5 \r\nhello\r\n0\r\n\r\n", 400, "", 0},
    {"size that is no number", "zz\r\n", 400, "", 0},
    {"bare LF behind the size", "5\nhello\r\n0\r\n\r\n", 400, "", 0},
    {"chunk longer than said", "5\r\nhello!\r\n0\r\n\r\n", 400, "hello", 0},
    {"bare LF behind data", "5\r\nhello\n0\r\n\r\n", 400, "hello", 0},
    {"bare CR at the end", "0\r\n\rX", 400, "", 0},
    {"over the cap", "41\r\n", 413, "", 0},
    {"over the cap in sum", "1\r\nx\r\n40\r\n", 413, "x", 0},
    {"a size that overflows", "ffffffffffffffff\r\n", 413, "", 0},
    {"exactly the cap",
     "40\r\n0123456789012345678901234567890123456789012345678901234567890123\r\n0\r\n\r\n", 0,
     "0123456789012345678901234567890123456789012345678901234567890123", 0},
};

static void test_chunks(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(chunk_cases); i++) {
        const struct chunk_case *c = &chunk_cases[i];
        decoded out;
        mw_view text = mw_view_of(c->text);
        decode_every_way(c->name, text, &out);
        int got = out.last == NET_CHUNK_END ? 0 : out.last == NET_CHUNK_REFUSED ? out.refusal : -1;
        if (got != c->expected)
            fail_msg("%s: got %d, expected %d", c->name, got, c->expected);
        if (out.body_bytes != strlen(c->body) || memcmp(out.body, c->body, out.body_bytes) != 0)
            fail_msg("%s: body '%.*s'", c->name, (int)out.body_bytes, out.body);
        if (got == 0 && text.size - out.used != c->behind)
            fail_msg("%s: %zu bytes were left", c->name, text.size - out.used);
    }
}

static int decode_long(const char *begin, size_t n, const char *end)
{
    mw_buf text;
    decoded out;
    mw_buf_init(&text, MW_MIB);
    mw_buf_text(&text, begin);
    for (size_t i = 0; i < n; i++)
        mw_buf_char(&text, 'e');
    mw_buf_text(&text, end);
    decode_cut(mw_buf_as_view(&text), text.size, &out);
    mw_buf_done(&text);
    return out.last == NET_CHUNK_END ? 0 : out.refusal;
}

static void test_overhead_is_limited(void **state)
{
    (void)state;
    assert_int_equal(decode_long("0;", MW_LIMIT_CHUNK_EXTENSION_BYTES, "\r\n\r\n"), 0);
    assert_int_equal(decode_long("0;", MW_LIMIT_CHUNK_EXTENSION_BYTES + 1, "\r\n\r\n"), 400);
    assert_int_equal(decode_long("0\r\nA:", MW_LIMIT_HEAD_BYTES - 5, "\r\n\r\n"), 0);
    assert_int_equal(decode_long("0\r\nA:", MW_LIMIT_HEAD_BYTES, "\r\n\r\n"), 431);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_overhead_is_limited),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
