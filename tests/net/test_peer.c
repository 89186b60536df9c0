/* Who is at the other end: every family, and what people read. */
#include "../test.h"

#include <sys/un.h>

#include "net/address.h"
#include "house.h"

static const struct peer_case {
    int family;
    const char *address;
    uint16_t port;
    mw_peer_kind kind;
    const char *text, *host;
} peer_cases[] = {
    {AF_INET, "127.0.0.1", 4121, MW_PEER_IPV4, "127.0.0.1:4121", "127.0.0.1"},
    {AF_INET, "255.255.255.255", 65535, MW_PEER_IPV4, "255.255.255.255:65535", "255.255.255.255"},
    {AF_INET6, "::1", 1, MW_PEER_IPV6, "[::1]:1", "::1"},
    {AF_INET6, "2001:db8:1111:2222:3333:4444:5555:6666", 65535, MW_PEER_IPV6,
     "[2001:db8:1111:2222:3333:4444:5555:6666]:65535", "2001:db8:1111:2222:3333:4444:5555:6666"},
    {AF_INET6, "::ffff:10.1.2.3", 80, MW_PEER_IPV4, "10.1.2.3:80", "10.1.2.3"},
    {AF_UNIX, "", 0, MW_PEER_UNIX, "unix", "unix"},
    {AF_UNSPEC, "", 0, MW_PEER_UNKNOWN, "unknown", "unknown"},
};

static socklen_t fill(const struct peer_case *c, struct sockaddr_storage *address)
{
    memset(address, 0, sizeof *address);
    address->ss_family = (sa_family_t)c->family;
    if (c->family == AF_INET) {
        struct sockaddr_in *ipv4 = (void *)address;
        inet_pton(AF_INET, c->address, &ipv4->sin_addr);
        ipv4->sin_port = htons(c->port);
        return sizeof *ipv4;
    }
    if (c->family == AF_INET6) {
        struct sockaddr_in6 *ipv6 = (void *)address;
        inet_pton(AF_INET6, c->address, &ipv6->sin6_addr);
        ipv6->sin6_port = htons(c->port);
        return sizeof *ipv6;
    }
    return sizeof(sa_family_t); /* as accept gives it for a client without a name */
}

static void test_peer_of(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(peer_cases); i++) {
        const struct peer_case *c = &peer_cases[i];
        struct sockaddr_storage address;
        socklen_t size = fill(c, &address);
        mw_peer peer = net_peer_of((struct sockaddr *)&address, size);
        char text[MW_PEER_TEXT_BYTES];
        assert_int_equal(peer.kind, c->kind);
        assert_string_equal(mw_peer_text(&peer, true, text), c->text);
        assert_string_equal(mw_peer_text(&peer, false, text), c->host);
    }
}

static const struct public_case {
    const char *address;
    bool is_public;
} public_cases[] = {
    {"8.8.8.8", true},
    {"100.63.255.255", true},
    {"100.64.0.1", false}, /* a carrier's: the block ends within a byte */
    {"100.127.255.255", false},
    {"100.128.0.0", true},
    {"172.15.255.255", true},
    {"172.16.0.1", false},
    {"172.31.255.255", false},
    {"172.32.0.0", true},
    {"0.0.0.0", false},
    {"10.1.2.3", false},
    {"127.0.0.1", false},
    {"169.254.169.254", false},
    {"192.168.1.1", false},
    {"198.19.0.1", false},
    {"198.20.0.1", true},
    {"203.0.113.7", false},
    {"223.255.255.255", true},
    {"224.0.0.1", false},
    {"255.255.255.255", false},
    {"2606:4700::1111", true},
    {"2001:4860:4860::8888", true},
    {"2001:200::1", true},
    {"2001:1ff::1", false},
    {"2001:db8::1", false},
    {"3fff:fff::1", false},
    {"3fff:1000::1", true},
    {"::", false},
    {"::1", false},
    {"fe80::1", false},
    {"fd00::1", false},
    {"ff02::1", false},
    {"4000::1", false},
    {"::ffff:10.0.0.1", false}, /* what is carried counts */
    {"::ffff:8.8.8.8", true},
    {"64:ff9b::a9fe:a9fe", false},
    {"64:ff9b::808:808", true},
    {"64:ff9b:1::808:808", false},
    {"2002:a00:1::1", false},
    {"2002:808:808::1", true},
};

static void test_public(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(public_cases); i++) {
        const struct public_case *c = &public_cases[i];
        struct sockaddr_storage address;
        struct peer_case as_peer = {.family = strchr(c->address, ':') ? AF_INET6 : AF_INET,
                                    .address = c->address};
        socklen_t size = fill(&as_peer, &address);
        mw_peer peer = net_peer_of((struct sockaddr *)&address, size);
        if (net_is_public(&peer) != c->is_public)
            fail_msg("%s: expected %s", c->address, c->is_public ? "public" : "not");
    }
    assert_false(net_is_public(&(mw_peer){.kind = MW_PEER_UNIX}));
}

static void test_cut_short(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET};
    assert_int_equal(net_peer_of((struct sockaddr *)&address, sizeof address - 1).kind,
                     MW_PEER_UNKNOWN);
    assert_int_equal(net_peer_of((struct sockaddr *)&address, 0).kind, MW_PEER_UNKNOWN);
}

static void say_peer(void *user, mw_exchange *exchange)
{
    (void)user;
    char text[MW_PEER_TEXT_BYTES];
    mw_buf_text(exchange->reply, mw_peer_text(&exchange->peer, true, text));
    mw_exchange_reply(exchange);
}

static void test_exchange_knows_its_peer(void **state)
{
    (void)state;
    net_house house;
    house_prepare(&house);
    house.options.handler = say_peer;
    house_open(&house);
    int fd = wire_connect(house.address);
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    char expected[64];
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    snprintf(expected, sizeof expected, "127.0.0.1:%u", ntohs(own.sin_port));
    mw_buf answer;
    mw_buf_init(&answer, MW_MIB);
    for (int i = 0; i < 2; i++) { /* the exchange is used again */
        assert_true(wire_send(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_true(wire_answer(fd, &answer, true));
        assert_string_equal(wire_body(&answer), expected);
    }
    mw_buf_done(&answer);
    close(fd);
    house_close(&house);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_peer_of),
        cmocka_unit_test(test_public),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_exchange_knows_its_peer),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
