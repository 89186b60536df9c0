/* Who gets which version: the paper's vectors, and what a rising share may not do. */
#include "../test.h"

#include "../chance.h"
#include "release/release.h"

/* Aumasson and Bernstein's own: key 00..0f, input 00, 01 ... of that length. */
static void test_vectors(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        uint64_t hash;
    } vectors[] = {{0, UINT64_C(0x726fdb47dd0e0e31)},
                   {1, UINT64_C(0x74f839c593dc67fd)},
                   {8, UINT64_C(0x93f5f5799a932462)},
                   {15, UINT64_C(0xa129ca6149be45e5)},
                   {63, UINT64_C(0x958a324ceb064572)}};
    uint8_t salt[MW_SALT_BYTES];
    char input[64];
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (char)i;
    for (size_t i = 0; i < sizeof salt; i++)
        salt[i] = (uint8_t)i;
    for (size_t i = 0; i < MW_COUNT(vectors); i++)
        assert_int_equal(mw_assign_hash(salt, (mw_view){input, vectors[i].size}), vectors[i].hash);
}

static void test_salt(void **state)
{
    (void)state;
    uint8_t salt[MW_SALT_BYTES];
    assert_true(mw_salt_read(MW_VIEW("000102030405060708090a0b0c0d0eff"), salt));
    assert_int_equal(salt[1], 1);
    assert_int_equal(salt[15], 255);
    static const char *const bad[] = {"", "00", "g00102030405060708090a0b0c0d0eff",
                                      "000102030405060708090a0b0c0d0eff0"};
    for (size_t i = 0; i < MW_COUNT(bad); i++)
        assert_false(mw_salt_read(mw_view_of(bad[i]), salt));
}

/* A key that has the new version keeps it when the share rises, and the share is what was asked. */
static void test_monotone(void **state)
{
    (void)state;
    static const double shares[] = {0.0, 0.01, 0.05, 0.25, 0.5, 0.99, 1.0};
    enum { KEYS = 20000 };
    uint8_t salt[MW_SALT_BYTES] = {7};
    for (size_t s = 0; s < MW_COUNT(shares); s++) {
        size_t n = 0;
        for (int key = 0; key < KEYS; key++) {
            char text[16];
            mw_view view = {text, (size_t)snprintf(text, sizeof text, "user-%d", key)};
            uint64_t hash = mw_assign_hash(salt, view);
            bool now = hash < mw_assign_threshold(shares[s]);
            n += now;
            if (s > 0 && hash < mw_assign_threshold(shares[s - 1]))
                assert_true(now);
        }
        double share = (double)n / KEYS, p = shares[s];
        assert_true((share - p) * (share - p) <= 16 * (p * (1 - p) / KEYS + 1e-12));
    }
    assert_int_equal(mw_assign_threshold(-1), 0);
    assert_int_equal(mw_assign_threshold(0.0 / 0.0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_salt),
        cmocka_unit_test(test_monotone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
