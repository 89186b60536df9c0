/* As much of cmocka as the tests of kernels call: arm64's own is not at hand where they are run by
 * run_neon.sh. A failure ends the program. */
#ifndef TESTS_PREDICT_NEON_CMOCKA_H
#define TESTS_PREDICT_NEON_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

#define cmocka_unit_test(test) {#test, test}
#define print_message(...) printf(__VA_ARGS__)
#define skip() return
#define fail_msg(...) (printf(__VA_ARGS__), printf("\n%s:%d\n", __FILE__, __LINE__), exit(1))
#define assert_true(claim) ((claim) ? (void)0 : fail_msg("not true: %s", #claim))
#define assert_int_equal(a, b) assert_true((a) == (b))
#define assert_ptr_equal(a, b) assert_true((const void *)(a) == (const void *)(b))
#define assert_non_null(a) assert_true((a) != NULL)
#define assert_string_equal(a, b) assert_true(strcmp(a, b) == 0)

#define cmocka_run_group_tests(tests, setup, teardown) \
    run_tests(tests, sizeof(tests) / sizeof(tests)[0])

static inline int run_tests(const struct CMUnitTest *tests, size_t n_tests)
{
    for (size_t i = 0; i < n_tests; i++) {
        void *state = NULL;
        tests[i].run(&state);
        printf("[       OK ] %s\n", tests[i].name);
    }
    printf("[  PASSED  ] %zu test(s).\n", n_tests);
    return 0;
}

#endif
