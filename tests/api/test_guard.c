/* The caches and the counting behind the guard. */
#include "../test.h"

#include <stdlib.h>

#include "api/logins.h"
#include "api/visitors.h"

static mw_error err;
static const uint64_t second_ns = 1000000000;

/* ---- failed logins --------------------------------------------------------------------------- */

static mw_peer peer_of(uint8_t kind, uint8_t first, uint8_t last)
{
    mw_peer peer = {.kind = kind};
    peer.address[0] = first;
    peer.address[kind == MW_PEER_IPV6 ? 15 : 3] = last;
    return peer;
}

static void test_limits(void **state)
{
    (void)state;
    api_logins *logins;
    mw_peer a = peer_of(MW_PEER_IPV4, 10, 1), b = peer_of(MW_PEER_IPV4, 10, 2);
    mw_peer here = peer_of(MW_PEER_IPV4, 127, 1);
    uint64_t now = 1000 * second_ns;
    assert_int_equal(api_logins_new(&logins, &err), MW_OK);
    for (int i = 0; i < MW_LIMIT_LOGIN_FAILURES; i++) {
        assert_int_equal(api_logins_wait(logins, &a, MW_VIEW("ada"), now), 0);
        api_logins_failed(logins, &a, MW_VIEW("ada"), now);
    }
    assert_int_equal(api_logins_wait(logins, &a, MW_VIEW(""), now), 61);    /* by peer */
    assert_int_equal(api_logins_wait(logins, &b, MW_VIEW("ada"), now), 61); /* by user */
    assert_int_equal(api_logins_wait(logins, &b, MW_VIEW("bob"), now), 0);
    assert_int_equal(api_logins_wait(logins, &a, MW_VIEW(""), now + 30 * second_ns), 31);
    assert_int_equal(api_logins_wait(logins, &a, MW_VIEW(""), now + 61 * second_ns), 0);
    for (int i = 0; i < 5 * MW_LIMIT_LOGIN_FAILURES; i++) /* a proxy's: many clients */
        api_logins_failed(logins, &here, MW_VIEW(""), now);
    assert_int_equal(api_logins_wait(logins, &here, MW_VIEW(""), now), 0);
    for (int i = 0; i < 5 * MW_LIMIT_LOGIN_FAILURES; i++)
        api_logins_failed(logins, &here, MW_VIEW(""), now);
    assert_true(api_logins_wait(logins, &here, MW_VIEW(""), now) > 0);
    api_logins_free(logins);
}

/* All addresses of one IPv6 network are one; a flood of names makes nobody else wait. */
static void test_many(void **state)
{
    (void)state;
    api_logins *logins;
    char name[32];
    uint64_t now = second_ns;
    mw_peer other = peer_of(MW_PEER_IPV4, 10, 9);
    assert_int_equal(api_logins_new(&logins, &err), MW_OK);
    for (int i = 0; i < MW_LIMIT_LOGIN_FAILURES; i++) {
        mw_peer peer = peer_of(MW_PEER_IPV6, 0x20, (uint8_t)i);
        api_logins_failed(logins, &peer, MW_VIEW(""), now);
    }
    mw_peer next = peer_of(MW_PEER_IPV6, 0x20, 200), far = peer_of(MW_PEER_IPV6, 0x21, 1);
    assert_true(api_logins_wait(logins, &next, MW_VIEW(""), now) > 0);
    assert_int_equal(api_logins_wait(logins, &far, MW_VIEW(""), now), 0);
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "u%d", i);
        mw_peer peer = peer_of(MW_PEER_IPV4, (uint8_t)(i % 100), (uint8_t)(i / 100));
        api_logins_failed(logins, &peer, mw_view_of(name), now);
    }
    assert_int_equal(api_logins_wait(logins, &other, MW_VIEW("ada"), now), 0);
    api_logins_free(logins);
}

/* ---- visitors -------------------------------------------------------------------------------- */

static api_visitor *make(uint64_t until_ns)
{
    api_visitor *visitor = calloc(1, sizeof *visitor);
    atomic_init(&visitor->n_refs, 1);
    visitor->until_ns = until_ns;
    visitor->token = 7;
    return visitor;
}

static void put(api_visitors *visitors, const char *shown, uint64_t generation, uint64_t until_ns)
{
    uint8_t key[VISITORS_KEY_BYTES];
    api_visitor *visitor = make(until_ns);
    api_visitors_hash(visitors, mw_view_of(shown), key);
    api_visitors_put(visitors, key, generation, visitor);
    api_visitor_unref(visitor);
}

static bool knows(api_visitors *visitors, unsigned loop, const char *shown, uint64_t now_ns)
{
    uint8_t key[VISITORS_KEY_BYTES];
    api_visitors_hash(visitors, mw_view_of(shown), key);
    api_visitor *found = api_visitors_find(visitors, loop, key, now_ns);
    api_visitor_unref(found);
    return found != NULL;
}

static void see(void *user, int64_t token)
{
    assert_int_equal(token, 7);
    ++*(int *)user;
}

static void test_visitors(void **state)
{
    (void)state;
    int n_used = 0;
    api_visitors *visitors;
    assert_int_equal(api_visitors_new(2, &visitors, &err), MW_OK);
    uint64_t generation = api_visitors_generation(visitors);
    assert_false(knows(visitors, 0, "Bearer a", 1));
    put(visitors, "Bearer a", generation, 100);
    assert_true(knows(visitors, 0, "Bearer a", 1));
    assert_true(knows(visitors, 1, "Bearer a", 99));
    assert_false(knows(visitors, 0, "Bearer a ", 1));
    assert_false(knows(visitors, 1, "Bearer a", 100)); /* expired */
    api_visitors_each_used(visitors, see, &n_used);
    api_visitors_each_used(visitors, see, &n_used);
    assert_int_equal(n_used, 1);
    api_visitors_renew(visitors);
    assert_false(knows(visitors, 0, "Bearer a", 1));
    put(visitors, "Bearer b", generation, 100); /* verified before the change: not believed */
    assert_false(knows(visitors, 0, "Bearer b", 1));
    for (int i = 0; i < 5000; i++) { /* more than there is room for */
        char shown[32];
        snprintf(shown, sizeof shown, "Bearer %d", i);
        put(visitors, shown, generation + 1, UINT64_MAX);
        assert_true(knows(visitors, (unsigned)i % 2, shown, 1));
    }
    api_visitors_free(visitors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_visitors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
