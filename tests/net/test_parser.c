/* Request heads: what is refused, with which status, and that cutting the bytes changes nothing. */
#include "../test.h"

#include "net/parser.h"
#include "net/token.h"

static const net_head_limits default_limits = {MW_LIMIT_HEAD_BYTES, MW_LIMIT_TARGET_BYTES,
                                               MW_LIMIT_HEADERS};

typedef struct outcome {
    net_verdict verdict;
    int refusal;
    mw_error err;
    net_head head;
    mw_header headers[MW_LIMIT_HEADERS];
} outcome;

/* Feed the first `cut` bytes, from memory of exactly that size, then all of them. */
static void parse_cut(mw_view text, size_t cut, outcome *out)
{
    net_head_parser parser;
    net_head_parser_reset(&parser);
    memset(out, 0, sizeof *out);
    out->head.headers = out->headers;
    char *first = malloc(cut ? cut : 1);
    memcpy(first, text.data, cut);
    out->verdict =
        net_parse_head(&parser, &default_limits, first, cut, &out->head, &out->refusal, &out->err);
    if (out->verdict == NET_MORE) {
        free(first);
        memset(out->headers, 0x5a, sizeof out->headers); /* nobody may rely on what was there */
        out->verdict = net_parse_head(&parser, &default_limits, text.data, text.size, &out->head,
                                      &out->refusal, &out->err);
        return;
    }
    if (out->verdict == NET_WHOLE) { /* views into the piece: have them in the whole text */
        net_head_parser_reset(&parser);
        out->verdict = net_parse_head(&parser, &default_limits, text.data, cut, &out->head,
                                      &out->refusal, &out->err);
    }
    free(first);
}

static void parse_bytewise(mw_view text, outcome *out)
{
    net_head_parser parser;
    net_head_parser_reset(&parser);
    memset(out, 0, sizeof *out);
    out->head.headers = out->headers;
    for (size_t size = 0; size <= text.size && out->verdict == NET_MORE; size++)
        out->verdict = net_parse_head(&parser, &default_limits, text.data, size, &out->head,
                                      &out->refusal, &out->err);
}

static void assert_same_head(const char *name, const net_head *a, const net_head *b)
{
    bool same = a->method == b->method && mw_view_equal(a->method_text, b->method_text) &&
                mw_view_equal(a->target, b->target) && mw_view_equal(a->path, b->path) &&
                mw_view_equal(a->query, b->query) &&
                mw_view_equal(a->content_type, b->content_type) &&
                mw_view_equal(a->host, b->host) && a->size == b->size &&
                a->n_headers == b->n_headers && a->content_length == b->content_length &&
                a->chunked == b->chunked && a->keep_alive == b->keep_alive &&
                a->expects_continue == b->expects_continue && a->minor_version == b->minor_version;
    for (size_t i = 0; same && i < a->n_headers; i++)
        same = mw_view_equal(a->headers[i].name, b->headers[i].name) &&
               mw_view_equal(a->headers[i].value, b->headers[i].value);
    if (!same)
        fail_msg("%s: another head when cut", name);
}

static void assert_same(const char *name, size_t cut, const outcome *a, const outcome *b)
{
    if (a->verdict != b->verdict || a->refusal != b->refusal)
        fail_msg("%s: cut at %zu gives %d/%d, whole gives %d/%d", name, cut, b->verdict, b->refusal,
                 a->verdict, a->refusal);
    if (a->verdict == NET_REFUSED &&
        (a->err.code != b->err.code || strcmp(a->err.what, b->err.what)))
        fail_msg("%s: cut at %zu says '%s' instead of '%s'", name, cut, b->err.what, a->err.what);
    if (a->verdict == NET_WHOLE)
        assert_same_head(name, &a->head, &b->head);
}

static void parse_every_way(const char *name, mw_view text, outcome *out)
{
    static outcome other;
    parse_cut(text, text.size, out);
    for (size_t cut = 0; cut < text.size; cut++) {
        parse_cut(text, cut, &other);
        assert_same(name, cut, out, &other);
    }
    parse_bytewise(text, &other);
    assert_same(name, 1, out, &other);
}

/* ---- refusals ---------------------------------------------------------------------------------
 */

#define H "Host: a\r\n"
#define END "\r\n"

static const struct refusal_case {
    const char *name;
    const char *text;
    size_t size;  /* 0 = strlen */
    int expected; /* 0 = whole, -1 = more */
} refusal_cases[] = {
    {"least 1.1", "GET / HTTP/1.1\r\n" H END, 0, 0},
    {"least 1.0", "GET / HTTP/1.0\r\n" END, 0, 0},
    {"one empty line before", "\r\nGET / HTTP/1.1\r\n" H END, 0, 0},
    {"two empty lines before", "\r\n\r\nGET / HTTP/1.1\r\n" H END, 0, 400},
    {"nothing", "", 0, -1},
    {"half a line", "GET / HT", 0, -1},
    {"no empty line yet", "GET / HTTP/1.1\r\n" H, 0, -1},
    {"CR, LF not yet", "GET / HTTP/1.1\r\n" H "\r", 0, -1},

    /* the table of what servers let through */
    {"length and chunked",
     "POST / HTTP/1.1\r\n" H "Content-Length: 7\r\nTransfer-Encoding: "
     "chunked\r\n" END,
     0, 400},
    {"chunked and length",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: "
     "7\r\n" END,
     0, 400},
    {"two lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 7\r\nContent-Length: 8\r\n" END, 0,
     400},
    {"the same length twice",
     "POST / HTTP/1.1\r\n" H "Content-Length: 7\r\ncontent-length: 7\r\n" END, 0, 400},
    {"list of lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 7, 7\r\n" END, 0, 400},
    {"length with plus", "POST / HTTP/1.1\r\n" H "Content-Length: +7\r\n" END, 0, 400},
    {"length with minus", "POST / HTTP/1.1\r\n" H "Content-Length: -7\r\n" END, 0, 400},
    {"length in hex", "POST / HTTP/1.1\r\n" H "Content-Length: 0x7\r\n" END, 0, 400},
    {"length with a point", "POST / HTTP/1.1\r\n" H "Content-Length: 7.0\r\n" END, 0, 400},
    {"empty length", "POST / HTTP/1.1\r\n" H "Content-Length:\r\n" END, 0, 400},
    {"blank before colon", "POST / HTTP/1.1\r\n" H "Content-Length : 7\r\n" END, 0, 400},
    {"tab before colon", "POST / HTTP/1.1\r\n" H "Content-Length\t: 7\r\n" END, 0, 400},
    {"folded header", "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n" END, 0, 400},
    {"folded by tab", "GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n" END, 0, 400},
    {"folded first header", "GET / HTTP/1.1\r\n Host: a\r\n" END, 0, 400},
    {"no Host", "GET / HTTP/1.1\r\n" END, 0, 400},
    {"two Host", "GET / HTTP/1.1\r\n" H H END, 0, 400},
    {"two Host in 1.0", "GET / HTTP/1.0\r\n" H H END, 0, 400},
    {"NUL in a value", "GET / HTTP/1.1\r\n" H "X: a\0b\r\n" END, 36, 400},
    {"NUL in a name", "GET / HTTP/1.1\r\n" H "X\0: ab\r\n" END, 36, 400},

    /* control bytes, line ends */
    {"bell in a value", "GET / HTTP/1.1\r\n" H "X: a\ab\r\n" END, 0, 400},
    {"DEL in a value", "GET / HTTP/1.1\r\n" H "X: a\177b\r\n" END, 0, 400},
    {"tab in a value", "GET / HTTP/1.1\r\n" H "X: a\tb\r\n" END, 0, 0},
    {"bytes beyond ASCII in a value", "GET / HTTP/1.1\r\n" H "X: \xc3\xa9\r\n" END, 0, 0},
    {"bare CR in a value", "GET / HTTP/1.1\r\n" H "X: a\rb\r\n" END, 0, 400},
    {"two CR", "GET / HTTP/1.1\r\n" H "X: a\r\r\n" END, 0, 400},
    {"bare LF after the request line", "GET / HTTP/1.1\n" H END, 0, 400},
    {"bare LF after a header", "GET / HTTP/1.1\r\nHost: a\n" END, 0, 400},
    {"bare LF at the end", "GET / HTTP/1.1\r\n" H "\n", 0, 400},
    {"LF first", "\nGET / HTTP/1.1\r\n" H END, 0, 400},
    {"header without colon", "GET / HTTP/1.1\r\n" H "Broken\r\n" END, 0, 400},
    {"header without name", "GET / HTTP/1.1\r\n" H ": x\r\n" END, 0, 400},
    {"slash in a name", "GET / HTTP/1.1\r\n" H "a/b: x\r\n" END, 0, 400},
    {"colon right behind the name, no blank", "GET / HTTP/1.1\r\nHost:a\r\n" END, 0, 0},

    /* Host */
    {"Host with port", "GET / HTTP/1.1\r\nHost: a.b-c:8080\r\n" END, 0, 0},
    {"Host IPv6", "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n" END, 0, 0},
    {"empty Host", "GET / HTTP/1.1\r\nHost:\r\n" END, 0, 0},
    {"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n" END, 0, 400},
    {"Host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n" END, 0, 400},
    {"Host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n" END, 0, 400},

    /* transfer coding */
    {"chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END, 0, 0},
    {"Chunked in capitals", "POST / HTTP/1.1\r\n" H "TRANSFER-ENCODING: CHUNKED\r\n" END, 0, 0},
    {"gzip, chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n" END, 0, 501},
    {"chunked, chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n" END, 0,
     501},
    {"identity", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n" END, 0, 501},
    {"xchunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n" END, 0, 501},
    {"chunked with a vertical tab", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \vchunked\r\n" END,
     0, 400},
    {"two codings",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: "
     "chunked\r\n" END,
     0, 400},
    {"empty coding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n" END, 0, 400},
    {"chunked in 1.0", "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n" END, 0, 400},

    /* request line */
    {"version 0.9 line", "GET /\r\n" END, 0, 400},
    {"version 2.0", "GET / HTTP/2.0\r\n" H END, 0, 505},
    {"version 1.2", "GET / HTTP/1.2\r\n" H END, 0, 505},
    {"version 0.9", "GET / HTTP/0.9\r\n" H END, 0, 505},
    {"version 11.1", "GET / HTTP/11.1\r\n" H END, 0, 400},
    {"version in small letters", "GET / http/1.1\r\n" H END, 0, 400},
    {"no version number", "GET / HTTP/\r\n" H END, 0, 400},
    {"blank behind the version", "GET / HTTP/1.1 \r\n" H END, 0, 400},
    {"two blanks before the target", "GET  / HTTP/1.1\r\n" H END, 0, 400},
    {"two blanks behind the target", "GET /  HTTP/1.1\r\n" H END, 0, 400},
    {"tab for a blank", "GET\t/ HTTP/1.1\r\n" H END, 0, 400},
    {"blank first", " GET / HTTP/1.1\r\n" H END, 0, 400},
    {"method with a slash", "GE/T / HTTP/1.1\r\n" H END, 0, 400},
    {"no method", "/ HTTP/1.1\r\n" H END, 0, 400},
    {"own method", "BREW /pot HTTP/1.1\r\n" H END, 0, 0},
    {"long method", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n" H END, 0, 400},
    {"small get is another method", "get / HTTP/1.1\r\n" H END, 0, 0},
    {"CONNECT", "CONNECT a:443 HTTP/1.1\r\n" H END, 0, 501},
    {"TLS hello", "\x16\x03\x01\x02\x00\x01", 6, 400},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, 505},
    {"binary", "\x80\x01\x02", 0, 400},

    /* targets */
    {"target with NUL", "GET /a\0b HTTP/1.1\r\n" H END, 30, 400},
    {"target beyond ASCII", "GET /\xc3\xa9 HTTP/1.1\r\n" H END, 0, 400},
    {"target with DEL", "GET /\177 HTTP/1.1\r\n" H END, 0, 400},
    {"target with a fragment", "GET /a#b HTTP/1.1\r\n" H END, 0, 400},
    {"target with a quote", "GET /a\"b HTTP/1.1\r\n" H END, 0, 400},
    {"target with brackets and braces", "GET /a?f[0]={x|y} HTTP/1.1\r\n" H END, 0, 0},
    {"target without slash", "GET a HTTP/1.1\r\n" H END, 0, 400},
    {"star with GET", "GET * HTTP/1.1\r\n" H END, 0, 400},
    {"star with OPTIONS", "OPTIONS * HTTP/1.1\r\n" H END, 0, 0},
    {"absolute", "GET http://a:1/b HTTP/1.1\r\n" H END, 0, 0},
    {"absolute https", "GET https://a/b HTTP/1.1\r\n" H END, 0, 0},
    {"absolute without host", "GET http:///b HTTP/1.1\r\n" H END, 0, 400},
    {"absolute with a user", "GET http://u@a/b HTTP/1.1\r\n" H END, 0, 400},
    {"another scheme", "GET ftp://a/b HTTP/1.1\r\n" H END, 0, 400},

    /* expectations */
    {"Expect 100-continue", "POST / HTTP/1.1\r\n" H "Expect: 100-Continue\r\n" END, 0, 0},
    {"another Expect", "POST / HTTP/1.1\r\n" H "Expect: 200-ok\r\n" END, 0, 417},
};

static void test_refusals(void **state)
{
    (void)state;
    static outcome out;
    for (size_t i = 0; i < MW_COUNT(refusal_cases); i++) {
        const struct refusal_case *c = &refusal_cases[i];
        parse_every_way(c->name, (mw_view){c->text, c->size ? c->size : strlen(c->text)}, &out);
        int got = out.verdict == NET_WHOLE ? 0 : out.verdict == NET_MORE ? -1 : out.refusal;
        if (got != c->expected)
            fail_msg("%s: got %d (%s), expected %d", c->name, got, out.err.what, c->expected);
        if (got > 0 && (out.err.what[0] == '\0' || out.err.mend[0] == '\0'))
            fail_msg("%s: nothing is said", c->name);
    }
}

/* ---- what a whole head says -------------------------------------------------------------------
 */

static const struct target_case {
    const char *line;
    mw_method method;
    const char *path, *query, *host;
} target_cases[] = {
    {"GET /a/b?x=1&y HTTP/1.1", MW_GET, "/a/b", "x=1&y", "h"},
    {"POST /? HTTP/1.1", MW_POST, "/", "", "h"},
    {"PUT /a%20b??c HTTP/1.1", MW_PUT, "/a%20b", "?c", "h"},
    {"OPTIONS * HTTP/1.1", MW_OPTIONS, "*", "", "h"},
    {"GET http://host:81/p?q HTTP/1.1", MW_GET, "/p", "q", "host:81"},
    {"GET HTTP://host HTTP/1.1", MW_GET, "/", "", "host"},
    {"DELETE http://host?q=2 HTTP/1.1", MW_DELETE, "/", "q=2", "host"},
    {"HEAD //x HTTP/1.1", MW_HEAD, "//x", "", "h"},
    {"PATCH /:predict HTTP/1.1", MW_PATCH, "/:predict", "", "h"},
    {"BREW / HTTP/1.1", MW_METHOD_OTHER, "/", "", "h"},
};

static void test_targets(void **state)
{
    (void)state;
    static outcome out;
    for (size_t i = 0; i < MW_COUNT(target_cases); i++) {
        const struct target_case *c = &target_cases[i];
        char text[200];
        snprintf(text, sizeof text, "%s\r\nHost: h\r\n\r\nrest", c->line);
        parse_every_way(c->line, mw_view_of(text), &out);
        assert_int_equal(out.verdict, NET_WHOLE);
        assert_int_equal(out.head.method, c->method);
        if (!mw_view_is(out.head.path, c->path) || !mw_view_is(out.head.query, c->query))
            fail_msg("%s: path '%.*s', query '%.*s'", c->line, MW_VIEW_ARG(out.head.path),
                     MW_VIEW_ARG(out.head.query));
        if (!mw_view_is(out.head.host, c->host))
            fail_msg("%s: host '%.*s'", c->line, MW_VIEW_ARG(out.head.host));
        assert_int_equal(out.head.size, strlen(text) - 4);
    }
}

static void test_headers_are_kept(void **state)
{
    (void)state;
    static outcome out;
    parse_every_way(
        "headers",
        MW_VIEW("POST /x HTTP/1.1\r\nHost: h\r\nX-Empty:\r\nX-Wide: \t a b \t\r\n"
                "Content-Type: text/csv; charset=utf-8\r\nContent-Length: 0012\r\n\r\n"),
        &out);
    assert_int_equal(out.verdict, NET_WHOLE);
    assert_int_equal(out.head.n_headers, 5);
    assert_true(mw_view_is(out.headers[1].name, "X-Empty"));
    assert_true(mw_view_is(out.headers[1].value, ""));
    assert_true(mw_view_is(out.headers[2].value, "a b"));
    assert_true(mw_view_is(out.head.content_type, "text/csv; charset=utf-8"));
    assert_int_equal(out.head.content_length, 12);
    assert_false(out.head.chunked);
}

/* Every byte at every place of a value, which is looked at eight bytes at a time. */
static void test_bytes_of_values(void **state)
{
    (void)state;
    enum { NAME_BYTES = 2, VALUE_BYTES = 19 };
    for (int byte = 0; byte < 256; byte++)
        for (size_t place = 0; place < VALUE_BYTES; place++) {
            mw_header header;
            char *line = malloc(NAME_BYTES + VALUE_BYTES);
            memcpy(line, "x:", NAME_BYTES);
            memset(line + NAME_BYTES, 'v', VALUE_BYTES);
            line[NAME_BYTES + place] = (char)byte;
            const char *fault =
                net_split_header((mw_view){line, NAME_BYTES + VALUE_BYTES}, &header);
            bool is_fine = byte == '\t' || (byte >= ' ' && byte != 0x7f);
            bool is_edge = place == 0 || place == VALUE_BYTES - 1;
            size_t trimmed = is_edge && (byte == ' ' || byte == '\t');
            if (is_fine != !fault || (!fault && header.value.size != VALUE_BYTES - trimmed))
                fail_msg("byte %d at %zu: %s", byte, place, fault ? fault : "taken");
            free(line);
        }
}

static const struct keep_case {
    const char *version, *connection;
    bool keeps;
} keep_cases[] = {
    {"1.1", "", true},
    {"1.1", "Connection: close\r\n", false},
    {"1.1", "Connection: CLOSE\r\n", false},
    {"1.1", "Connection: upgrade, close\r\n", false},
    {"1.1", "Connection: keep-alive\r\nConnection: close\r\n", false},
    {"1.1", "Connection: closed\r\n", true},
    {"1.0", "", false},
    {"1.0", "Connection: keep-alive\r\n", true},
    {"1.0", "Connection: Keep-Alive\r\n", true},
    {"1.0", "Connection: keep-alive, close\r\n", false},
};

static void test_keep_alive(void **state)
{
    (void)state;
    static outcome out;
    for (size_t i = 0; i < MW_COUNT(keep_cases); i++) {
        const struct keep_case *c = &keep_cases[i];
        char text[200];
        snprintf(text, sizeof text, "GET / HTTP/%s\r\nHost: h\r\n%s\r\n", c->version,
                 c->connection);
        parse_every_way(text, mw_view_of(text), &out);
        assert_int_equal(out.verdict, NET_WHOLE);
        if (out.head.keep_alive != c->keeps)
            fail_msg("HTTP/%s %s", c->version, c->connection);
    }
}

static void test_expect_is_not_for_1_0(void **state)
{
    (void)state;
    static outcome out;
    parse_every_way("1.0", MW_VIEW("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"), &out);
    assert_int_equal(out.verdict, NET_WHOLE);
    assert_false(out.head.expects_continue);
    parse_every_way("1.1", MW_VIEW("POST / HTTP/1.1\r\nHost:\r\nExpect: 100-continue\r\n\r\n"),
                    &out);
    assert_true(out.head.expects_continue);
}

static void test_huge_lengths(void **state)
{
    (void)state;
    static outcome out;
    static const char *const lengths[] = {"18446744073709551616", "99999999999999999999999999",
                                          "184467440737095516150000", "18446744073709551620"};
    for (size_t i = 0; i < MW_COUNT(lengths); i++) {
        char text[200];
        snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %s\r\n\r\n",
                 lengths[i]);
        parse_every_way(text, mw_view_of(text), &out);
        assert_int_equal(out.verdict, NET_WHOLE);
        assert_true(out.head.content_length > (uint64_t)1 << 60);
    }
}

/* ---- sizes ------------------------------------------------------------------------------------
 */

static int parse_sizes(size_t target_bytes, size_t n_headers, size_t value_bytes)
{
    static outcome out;
    mw_buf text;
    mw_buf_init(&text, MW_MIB);
    mw_buf_text(&text, "GET /");
    for (size_t i = 1; i < target_bytes; i++)
        mw_buf_char(&text, 'a');
    mw_buf_text(&text, " HTTP/1.1\r\nHost: h\r\n");
    for (size_t i = 1; i < n_headers; i++)
        mw_buf_text(&text, "x:y\r\n");
    if (value_bytes > 0)
        mw_buf_text(&text, "V: ");
    for (size_t i = 0; i < value_bytes; i++)
        mw_buf_char(&text, 'v');
    if (value_bytes > 0)
        mw_buf_text(&text, "\r\n");
    mw_buf_text(&text, "\r\n");
    parse_every_way("sizes", mw_buf_as_view(&text), &out);
    mw_buf_done(&text);
    return out.verdict == NET_WHOLE ? 0 : out.refusal;
}

static void test_sizes(void **state)
{
    (void)state;
    assert_int_equal(parse_sizes(4096, 1, 0), 0);
    assert_int_equal(parse_sizes(4097, 1, 0), 414);
    assert_int_equal(parse_sizes(9000, 1, 0), 414);
    assert_int_equal(parse_sizes(1, 100, 0), 0);
    assert_int_equal(parse_sizes(1, 101, 0), 431);
    size_t fixed = strlen("GET / HTTP/1.1\r\nHost: h\r\nV: \r\n\r\n");
    assert_int_equal(parse_sizes(1, 1, MW_LIMIT_HEAD_BYTES - fixed), 0);
    assert_int_equal(parse_sizes(1, 1, MW_LIMIT_HEAD_BYTES - fixed + 1), 431);
    assert_int_equal(parse_sizes(1, 1, 9000), 431);
}

static void test_method_names(void **state)
{
    (void)state;
    assert_string_equal(mw_method_name(MW_GET), "GET");
    assert_string_equal(mw_method_name(MW_OPTIONS), "OPTIONS");
    assert_string_equal(mw_method_name(MW_METHOD_OTHER), "OTHER");
    for (mw_method method = MW_GET; method < MW_METHOD_OTHER; method++)
        assert_int_equal(net_find_method(mw_view_of(mw_method_name(method))), method);
    static const char *const others[] = {"", "P", "POS", "POSTS", "post", "PO", "PROPFIND"};
    for (size_t i = 0; i < MW_COUNT(others); i++)
        assert_int_equal(net_find_method(mw_view_of(others[i])), MW_METHOD_OTHER);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_refusals),         cmocka_unit_test(test_targets),
        cmocka_unit_test(test_headers_are_kept), cmocka_unit_test(test_bytes_of_values),
        cmocka_unit_test(test_keep_alive),       cmocka_unit_test(test_expect_is_not_for_1_0),
        cmocka_unit_test(test_huge_lengths),     cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_method_names),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
