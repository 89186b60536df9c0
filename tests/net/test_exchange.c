/* What handlers are given: headers, percent-decoding, compression both ways. */
#include "../test.h"

#include <zlib.h>

#include "net/net.h"

static mw_arena arena;
static mw_buf reply;

static int set_up(void **state)
{
    (void)state;
    mw_arena_init(&arena, 64 * MW_KIB, 64 * MW_MIB);
    mw_buf_init(&reply, 16 * MW_MIB);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mw_arena_done(&arena);
    mw_buf_done(&reply);
    return 0;
}

static void test_headers(void **state)
{
    (void)state;
    const mw_header headers[] = {{MW_VIEW("Accept"), MW_VIEW("first")},
                                 {MW_VIEW("X"), MW_VIEW("")},
                                 {MW_VIEW("aCCept"), MW_VIEW("last")}};
    mw_exchange exchange = {.headers = headers, .n_headers = 3};
    assert_true(mw_view_is(mw_exchange_header(&exchange, "ACCEPT"), "last"));
    assert_non_null(mw_exchange_header(&exchange, "x").data);
    assert_null(mw_exchange_header(&exchange, "Accep").data);
    assert_null(mw_exchange_header(&exchange, "").data);
}

static const struct decode_case {
    const char *text, *expected; /* NULL = malformed */
} decode_cases[] = {
    {"", ""},       {"plain", "plain"}, {"a%20b", "a b"}, {"%C3%a9", "\xc3\xa9"}, {"%2F%2f", "//"},
    {"+", "+"},     {"%", NULL},        {"a%2", NULL},    {"%zz", NULL},          {"%2g", NULL},
    {"%%20", NULL}, {"%25%", NULL},     {"%2525", "%25"}, {"x%41", "xA"},         {"%41%42", "AB"},
};

static void test_percent_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(decode_cases); i++) {
        const struct decode_case *c = &decode_cases[i];
        mw_view text = {NULL, 0};
        size_t size = strlen(c->text);
        char *exact = malloc(size ? size : 1); /* a sanitizer sees a byte too many */
        memcpy(exact, c->text, size);
        bool fine = mw_percent_decode((mw_view){exact, size}, &arena, &text);
        if (fine != (c->expected != NULL) || (fine && !mw_view_is(text, c->expected)))
            fail_msg("'%s'", c->text);
        free(exact);
    }
}

/* ---- in -------------------------------------------------------------------------------------- */

static mw_view deflate_by(const char *data, size_t size, int window_bits)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    size_t room = deflateBound(&stream, size);
    char *out = mw_arena_take(&arena, room);
    stream.next_in = (Bytef *)(uintptr_t)data;
    stream.avail_in = (uInt)size;
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t written = room - stream.avail_out;
    deflateEnd(&stream);
    return (mw_view){out, written};
}

static mw_status inflate_as(const char *encoding, mw_view body, size_t cap, mw_view *ret_body,
                            mw_error *err)
{
    mw_header header = {MW_VIEW("Content-Encoding"), mw_view_of(encoding)};
    mw_exchange exchange = {
        .headers = &header, .n_headers = encoding ? 1 : 0, .body = body, .arena = &arena};
    return mw_exchange_inflate(&exchange, cap, ret_body, err);
}

static void fill(char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (char)('a' + (i * i / 13 + i / 7) % 26);
}

static const struct form {
    const char *encoding;
    int window_bits;
} forms[] = {{"gzip", 31}, {"x-gzip", 31}, {"GZIP", 31}, {"deflate", 15}, {"deflate", -15}};

static void test_inflate(void **state)
{
    (void)state;
    static char data[300000];
    fill(data, sizeof data);
    static const size_t sizes[] = {0, 1, 100, 16384, 16385, sizeof data};
    for (size_t f = 0; f < MW_COUNT(forms); f++)
        for (size_t s = 0; s < MW_COUNT(sizes); s++) {
            mw_error err;
            mw_view body, packed = deflate_by(data, sizes[s], forms[f].window_bits);
            if (inflate_as(forms[f].encoding, packed, sizes[s], &body, &err) != MW_OK)
                fail_msg("%s, %zu bytes: %s (%s)", forms[f].encoding, sizes[s], err.what, err.why);
            assert_int_equal(body.size, sizes[s]);
            assert_memory_equal(body.data, data, sizes[s]);
            if (sizes[s] > 0) { /* one byte less allowed: refused */
                assert_int_equal(inflate_as(forms[f].encoding, packed, sizes[s] - 1, &body, &err),
                                 MW_NO_MEMORY);
                assert_int_equal(err.code, MW_E_BODY_TOO_LARGE);
            }
            for (size_t cut = 0; cut < packed.size; cut += packed.size / 9 + 1)
                assert_int_equal(
                    inflate_as(forms[f].encoding, (mw_view){packed.data, cut}, MW_MIB, &body, &err),
                    MW_BAD_DATA);
            mw_arena_reset(&arena);
        }
}

static void test_inflate_plain_and_unknown(void **state)
{
    (void)state;
    mw_error err;
    mw_view body;
    assert_int_equal(inflate_as(NULL, MW_VIEW("as it is"), 1, &body, &err), MW_OK);
    assert_true(mw_view_is(body, "as it is"));
    assert_int_equal(inflate_as("identity", MW_VIEW("as it is"), 1, &body, &err), MW_OK);
    static const char *const unknown[] = {"br", "zstd", "gzip, gzip", "gzip;q=1", "compress"};
    for (size_t i = 0; i < MW_COUNT(unknown); i++) {
        assert_int_equal(inflate_as(unknown[i], MW_VIEW("x"), 9, &body, &err), MW_UNSUPPORTED);
        assert_int_equal(err.code, MW_E_BODY_ENCODING);
    }
    assert_int_equal(inflate_as("gzip", MW_VIEW("not gzip at all"), 99, &body, &err), MW_BAD_DATA);
}

static void test_inflate_members_and_rubbish(void **state)
{
    (void)state;
    mw_error err;
    mw_view body, a = deflate_by("hello ", 6, 31), b = deflate_by("world", 5, 31);
    char both[200];
    memcpy(both, a.data, a.size);
    memcpy(both + a.size, b.data, b.size);
    assert_int_equal(inflate_as("gzip", (mw_view){both, a.size + b.size}, 99, &body, &err), MW_OK);
    assert_true(mw_view_is(body, "hello world"));
    memcpy(both + a.size, "rubbish", 7);
    assert_int_equal(inflate_as("gzip", (mw_view){both, a.size + 7}, 99, &body, &err), MW_BAD_DATA);
    a = deflate_by("hello", 5, 15);
    memcpy(both, a.data, a.size);
    both[a.size] = 'x';
    assert_int_equal(inflate_as("deflate", (mw_view){both, a.size + 1}, 99, &body, &err),
                     MW_BAD_DATA);
}

/* 64 MiB of zeros in 64 KiB: stopped at the cap, with memory in proportion to the cap. */
static void test_bomb(void **state)
{
    (void)state;
    char *zeros = calloc(1, 64 * MW_MIB);
    mw_error err;
    mw_view body, bomb;
    mw_arena small;
    mw_arena_done(&arena);
    mw_arena_init(&arena, 64 * MW_KIB, 256 * MW_MIB);
    bomb = deflate_by(zeros, 64 * MW_MIB, 31);
    free(zeros);
    mw_header header = {MW_VIEW("Content-Encoding"), MW_VIEW("gzip")};
    mw_arena_init(&small, 64 * MW_KIB, 64 * MW_MIB);
    mw_exchange exchange = {.headers = &header, .n_headers = 1, .body = bomb, .arena = &small};
    assert_int_equal(mw_exchange_inflate(&exchange, MW_MIB, &body, &err), MW_NO_MEMORY);
    assert_int_equal(err.code, MW_E_BODY_TOO_LARGE);
    assert_true(mw_arena_held_bytes(&small) < 4 * MW_MIB);
    mw_arena_done(&small);
}

/* ---- out ------------------------------------------------------------------------------------- */

static const struct accept_case {
    const char *accept, *expected; /* NULL = not compressed */
} accept_cases[] = {
    {NULL, NULL},
    {"", NULL},
    {"gzip", "gzip"},
    {"deflate", "deflate"},
    {"gzip, deflate, br", "gzip"},
    {"deflate, gzip;q=0.5", "deflate"},
    {"gzip;q=0", NULL},
    {"gzip;q=0, deflate", "deflate"},
    {"gzip;q=0.0, *", "deflate"},
    {"*", "gzip"},
    {"*;q=0", NULL},
    {"identity", NULL},
    {"br", NULL},
    {"GZip ; q=1.0", "gzip"},
};

static void test_names_type(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        bool expected;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"*/*", false},
        {"application/json", false},
        {"text/plainer", false},
        {"text/plain", true},
        {"Text/Plain", true},
        {"text/html, text/plain", true},
        {"text/plain;version=0.0.4", true},
        {"text/plain; version=0.0.4 ; q=0.1", true},
        {"text/plain;version=0.0.4;q=0", false},
        {"text/plain ; Q=0.000", false},
        {"text/plain;q=0, text/plain;version=1", true},
        {"text/plain;q=2", true},
        {"text/plain;q=", true},
        {";q=0,,text/plain", true},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_header header = {MW_VIEW("Accept"), mw_view_of(cases[i].accept)};
        mw_exchange exchange = {.headers = &header, .n_headers = cases[i].accept ? 1 : 0};
        if (mw_exchange_names_type(&exchange, "text/plain") != cases[i].expected)
            fail_msg("Accept: %s", cases[i].accept);
    }
}

static void expect_compressed(const mw_exchange *exchange, const char *encoding, const char *data,
                              size_t size)
{
    char line[64];
    mw_view body;
    mw_error err;
    snprintf(line, sizeof line, "Content-Encoding: %s\r\n", encoding);
    assert_true(mw_view_starts(exchange->reply_headers, "X: y\r\n"));
    assert_non_null(
        memmem(exchange->reply_headers.data, exchange->reply_headers.size, line, strlen(line)));
    assert_true(exchange->reply->size < size);
    assert_int_equal(inflate_as(encoding, mw_buf_as_view(exchange->reply), size, &body, &err),
                     MW_OK);
    assert_int_equal(body.size, size);
    assert_memory_equal(body.data, data, size);
}

static void test_deflate(void **state)
{
    (void)state;
    static char data[100000];
    fill(data, sizeof data);
    for (size_t i = 0; i < MW_COUNT(accept_cases); i++) {
        const struct accept_case *c = &accept_cases[i];
        mw_error err;
        mw_header header = {MW_VIEW("Accept-Encoding"), mw_view_of(c->accept)};
        mw_exchange exchange = {.headers = &header,
                                .n_headers = c->accept ? 1 : 0,
                                .arena = &arena,
                                .reply = &reply,
                                .reply_headers = MW_VIEW("X: y\r\n")};
        mw_buf_reset(&reply);
        mw_buf_bytes(&reply, data, sizeof data);
        assert_int_equal(mw_exchange_deflate(&exchange, &err), MW_OK);
        assert_non_null(memmem(exchange.reply_headers.data, exchange.reply_headers.size,
                               "Vary: Accept-Encoding\r\n", 23));
        if (c->expected)
            expect_compressed(&exchange, c->expected, data, sizeof data);
        else if (reply.size != sizeof data)
            fail_msg("'%s': compressed", c->accept);
        mw_arena_reset(&arena);
    }
}

static void test_deflate_leaves_alone(void **state)
{
    (void)state;
    static char noise[20000];
    uint32_t seed = 12345;
    mw_error err;
    mw_header header = {MW_VIEW("Accept-Encoding"), MW_VIEW("gzip")};
    mw_exchange exchange = {.headers = &header, .n_headers = 1, .arena = &arena, .reply = &reply};
    mw_buf_text(&reply, "short");
    assert_int_equal(mw_exchange_deflate(&exchange, &err), MW_OK);
    assert_string_equal(reply.data, "short");
    assert_int_equal(exchange.reply_headers.size, 0);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)((seed = seed * 1664525 + 1013904223) >> 24);
    mw_buf_reset(&reply);
    mw_buf_bytes(&reply, noise, sizeof noise); /* does not become smaller */
    assert_int_equal(mw_exchange_deflate(&exchange, &err), MW_OK);
    assert_int_equal(reply.size, sizeof noise);
    assert_memory_equal(reply.data, noise, sizeof noise);
    assert_null(
        memmem(exchange.reply_headers.data, exchange.reply_headers.size, "Content-Enc", 11));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest all[] = {
        TEST(test_headers),
        TEST(test_percent_decode),
        TEST(test_inflate),
        TEST(test_inflate_plain_and_unknown),
        TEST(test_inflate_members_and_rubbish),
        TEST(test_bomb),
        TEST(test_names_type),
        TEST(test_deflate),
        TEST(test_deflate_leaves_alone),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
