/* The PROXY header: both versions, what is refused, what is passed over. */
#include "../test.h"

#include "net/proxy.h"
#include "net/sniff.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(literal) literal, sizeof(literal) - 1

static const struct header_case {
    const char *name;
    const char *bytes;
    size_t size;
    net_verdict verdict;
    size_t header_size;
    const char *peer; /* NULL: the connection's own end stays */
} header_cases[] = {
    {"v1 TCP4", BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 51234 443\r\nGET"), NET_WHOLE, 45,
     "192.0.2.7:51234"},
    {"v1 TCP6", BYTES("PROXY TCP6 2001:db8::1 ::1 1 2\r\n"), NET_WHOLE, 32, "[2001:db8::1]:1"},
    {"v1 mapped", BYTES("PROXY TCP6 ::ffff:10.0.0.1 ::1 1 2\r\n"), NET_WHOLE, 36, "10.0.0.1:1"},
    {"v1 UNKNOWN", BYTES("PROXY UNKNOWN\r\n"), NET_WHOLE, 15, NULL},
    {"v1 UNKNOWN and more", BYTES("PROXY UNKNOWN a b c d e f\r\n"), NET_WHOLE, 27, NULL},
    {"v1 begun", BYTES("PROXY TCP4 192.0.2.7 198.51"), NET_MORE, 0, NULL},
    {"v1 first byte", BYTES("P"), NET_MORE, 0, NULL},
    {"v1 bare line feed", BYTES("PROXY UNKNOWN\n"), NET_REFUSED, 0, NULL},
    {"v1 two blanks", BYTES("PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n"), NET_REFUSED, 0, NULL},
    {"v1 a port too large", BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n"), NET_REFUSED, 0, NULL},
    {"v1 a leading zero", BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n"), NET_REFUSED, 0, NULL},
    {"v1 a word too many", BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n"), NET_REFUSED, 0, NULL},
    {"v1 a word too few", BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n"), NET_REFUSED, 0, NULL},
    {"v1 wrong family", BYTES("PROXY TCP4 ::1 ::1 1 2\r\n"), NET_REFUSED, 0, NULL},
    {"v1 UDP", BYTES("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n"), NET_REFUSED, 0, NULL},
    {"a request", BYTES("POST / HTTP/1.1\r\n"), NET_REFUSED, 0, NULL},
    {"TLS", BYTES("\x16\x03\x01"), NET_REFUSED, 0, NULL},
    {"nothing", BYTES(""), NET_MORE, 0, NULL},
    {"v2 TCP4",
     BYTES(SIGNATURE "\x21\x11\0\x0c\xc0\0\2\7\xc6\x33\x64\1\xc8\x22\1\xbb"
                     "rest"),
     NET_WHOLE, 28, "192.0.2.7:51234"},
    {"v2 with TLVs",
     BYTES(SIGNATURE "\x21\x11\0\x13\xc0\0\2\7\xc6\x33\x64\1\xc8\x22\1\xbb\2\0\4host"), NET_WHOLE,
     35, "192.0.2.7:51234"},
    {"v2 LOCAL", BYTES(SIGNATURE "\x20\0\0\0"), NET_WHOLE, 16, NULL},
    {"v2 LOCAL with addresses",
     BYTES(SIGNATURE "\x20\x11\0\x0c\xc0\0\2\7\xc6\x33\x64\1\xc8\x22\1\xbb"), NET_WHOLE, 28, NULL},
    {"v2 of no family", BYTES(SIGNATURE "\x21\0\0\0"), NET_WHOLE, 16, NULL},
    {"v2 begun", BYTES(SIGNATURE "\x21\x11\0\x0c\xc0\0\2"), NET_MORE, 0, NULL},
    {"v2 too short", BYTES(SIGNATURE "\x21\x11\0\3\xc0\0\2"), NET_REFUSED, 0, NULL},
    {"v2 UDP", BYTES(SIGNATURE "\x21\x12\0\x0c\xc0\0\2\7\xc6\x33\x64\1\xc8\x22\1\xbb"), NET_REFUSED,
     0, NULL},
    {"v2 version 3", BYTES(SIGNATURE "\x31"), NET_REFUSED, 0, NULL},
    {"v2 command 2", BYTES(SIGNATURE "\x22\0\0\0"), NET_REFUSED, 0, NULL},
    {"v2 beyond the limit", BYTES(SIGNATURE "\x21\x11\x0f\xf1"), NET_REFUSED, 0, NULL},
    {"v2 at the limit", BYTES(SIGNATURE "\x21\x11\x0f\xf0"), NET_MORE, 0, NULL},
};

static void test_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(header_cases); i++) {
        const struct header_case *c = &header_cases[i];
        net_proxy_header header = {.size = 0};
        mw_error err = {0};
        char peer[MW_PEER_TEXT_BYTES];
        char *exact = malloc(c->size ? c->size : 1); /* a sanitizer sees a byte too many */
        memcpy(exact, c->bytes, c->size);
        net_verdict verdict = net_parse_proxy(exact, c->size, &header, &err);
        free(exact);
        if (verdict != c->verdict || header.size != c->header_size)
            fail_msg("%s: verdict %d, size %zu (%s)", c->name, (int)verdict, header.size, err.why);
        if (verdict == NET_REFUSED)
            assert_int_equal(err.code, MW_E_PROXY_HEADER);
        if (header.has_peer != (c->peer != NULL) ||
            (c->peer && strcmp(mw_peer_text(&header.peer, true, peer), c->peer) != 0))
            fail_msg("%s: wrong peer", c->name);
    }
}

static void test_unix_and_ipv6(void **state)
{
    (void)state;
    char bytes[16 + 216] = SIGNATURE "\x21\x31\0\xd8/run/client";
    net_proxy_header header;
    mw_error err;
    assert_int_equal(net_parse_proxy(bytes, sizeof bytes, &header, &err), NET_WHOLE);
    assert_int_equal(header.peer.kind, MW_PEER_UNIX);
    memcpy(bytes + 12, "\x21\x21\0\x24", 4);
    memset(bytes + 16, 0, 36);
    bytes[31] = 1; /* ::1 */
    bytes[48] = 1;
    bytes[49] = 2;
    assert_int_equal(net_parse_proxy(bytes, 16 + 36, &header, &err), NET_WHOLE);
    char text[MW_PEER_TEXT_BYTES];
    assert_string_equal(mw_peer_text(&header.peer, true, text), "[::1]:258");
}

static const struct sniff_case {
    const char *bytes;
    size_t size;
    net_speech speech;
} sniff_cases[] = {
    {BYTES(""), NET_SPEECH_NONE},
    {BYTES("\x16"), NET_SPEECH_TLS},
    {BYTES("\x16\x03\x01"), NET_SPEECH_TLS},
    {BYTES("\x16\x02"), NET_SPEECH_OTHER},
    {BYTES("GET /"), NET_SPEECH_HTTP},
    {BYTES("\r\nGET /"), NET_SPEECH_HTTP},
    {BYTES("PRI * HTTP/2.0\r\n"), NET_SPEECH_HTTP2},
    {BYTES("PROXY TCP4"), NET_SPEECH_PROXY},
    {BYTES(SIGNATURE "\x21"), NET_SPEECH_PROXY},
    {BYTES("\x80\x2e\x01"), NET_SPEECH_OTHER},
    {BYTES("\0\0\0"), NET_SPEECH_OTHER},
};

static void test_sniff(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(sniff_cases); i++)
        if (net_sniff(sniff_cases[i].bytes, sniff_cases[i].size) != sniff_cases[i].speech)
            fail_msg("case %zu", i);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_unix_and_ipv6),
        cmocka_unit_test(test_sniff),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
