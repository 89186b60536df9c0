/* Where a search begins does not change what it finds: more runs than are sorted as a whole, by a
 * metric that some lack, in pages (from the index) and at once (past its end, so by sorting). */
#include "record_folder.h"

#include <math.h>

enum { N_RUNS = 20100, N_KINDS = 1000, PAGE = 2000 };

typedef struct listing {
    const char *filter, *order;
    int64_t page;
    int *runs; /* their numbers, in order */
    int n;
} listing;

static double value_of(int i)
{
    return i % 7 == 0 ? NAN : (double)(i * 7919LL % N_KINDS);
}

static mw_status make_runs(mw_record *record, void *user, mw_error *err)
{
    (void)user;
    for (int i = 0; i < N_RUNS; i++) {
        char name[16];
        mw_run run;
        snprintf(name, sizeof name, "%d", i);
        mw_new_run wanted = {
            .experiment = MW_VIEW("0"), .name = mw_view_of(name), .started = i / 10};
        mw_metric metric = {.key = MW_VIEW("m"), .value = value_of(i)};
        mw_tag tags[] = {{MW_VIEW("kind"), i % 5 == 0 ? MW_VIEW("a") : MW_VIEW("b")},
                         {MW_VIEW("size"), i % 3 == 0 ? MW_VIEW("b") : MW_VIEW("c")}};
        mw_batch_of_run batch = {.metrics = {&metric, i % 3 != 2}, .params = {tags, 2}};
        MW_TRY(mw_record_create_run(record, &wanted, &run, err));
        MW_TRY(mw_record_log_batch(record, run.info.run_id, &batch, err));
        if (i % 500 == 499)
            mw_arena_reset(record->arena);
    }
    return MW_OK;
}

static int number_of(const mw_run_info *info)
{
    int64_t number = -1;
    assert_true(record_number(info->name, &number));
    return (int)number;
}

static mw_status list_page(mw_record *record, listing *l, mw_view *token, mw_error *err)
{
    mw_runs found;
    mw_view zero = MW_VIEW("0"), order = mw_view_of(l->order);
    mw_search wanted = {.experiments = {&zero, 1},
                        .filter = mw_view_of(l->filter),
                        .order_by = {&order, order.size > 0},
                        .page_token = *token,
                        .max_results = l->page,
                        .view = MW_VIEW_ACTIVE};
    MW_TRY(mw_record_search_runs(record, &wanted, &found, token, err));
    for (size_t i = 0; i < found.count; i++)
        l->runs[l->n++] = number_of(&found.items[i].info);
    return MW_OK;
}

static mw_status list_all(mw_record *record, void *user, mw_error *err)
{
    listing *l = user;
    char kept[64];
    mw_view token = {NULL, 0};
    do {
        MW_TRY(list_page(record, l, &token, err));
        if (token.data) {
            assert_true(token.size < sizeof kept);
            memcpy(kept, token.data, token.size);
            token.data = kept;
        }
        mw_arena_reset(record->arena);
    } while (token.data);
    return MW_OK;
}

static void list(listing *l)
{
    mw_error err;
    l->runs = calloc(2 * N_RUNS, sizeof *l->runs);
    assert_non_null(l->runs);
    if (mw_registry_read(registry, &arena, list_all, l, &err) != MW_OK)
        fail_msg("%s: %s %s", l->filter, err.what, err.why);
}

static void check_newest(const listing *l)
{
    for (int i = 1; i < l->n; i++)
        assert_true(l->runs[i - 1] / 10 >= l->runs[i] / 10);
}

/* Values in order, then NaN, then those without; the newest first among equals. */
static int rank(int i)
{
    return i % 3 == 2 ? 2 : isnan(value_of(i)) ? 1 : 0;
}

static void check_order(const listing *l, int sign)
{
    for (int i = 1; i < l->n; i++) {
        int a = l->runs[i - 1], b = l->runs[i];
        assert_true(rank(a) <= rank(b));
        if (rank(a) == rank(b) && rank(a) == 0)
            assert_true(sign * value_of(a) <= sign * value_of(b));
        if (rank(a) == rank(b) && (rank(a) > 0 || value_of(a) == value_of(b)))
            assert_true(a / 10 >= b / 10);
    }
}

static void test_pages_are_the_whole(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        int every;  /* one of so many runs satisfies it */
        int lowest; /* of its values; -1: it needs none */
    } cases[] = {{"", 1, -1},
                 {"params.kind = 'a'", 5, -1},
                 {"params.size = 'b'", 3, -1}, /* so many that they are found by the order */
                 {"metrics.m >= 0", 1, 0},
                 {"metrics.m >= 500", 1, 500},
                 {"params.kind = 'a' AND metrics.m >= 500", 5, 500},
                 {"metrics.m >= 700 AND params.size = 'b' AND params.kind = 'a'", 15, 700}};
    change(make_runs, NULL);
    static const char *const orders[] = {"metrics.m", "metrics.m DESC", "", "start_time DESC"};
    for (size_t i = 0; i < 4 * MW_COUNT(cases); i += TEST_WATCHED ? 5 : 1) {
        listing paged = {cases[i / 4].filter, orders[i % 4], PAGE, NULL, 0};
        listing whole = {cases[i / 4].filter, orders[i % 4], 50000, NULL, 0};
        list(&paged);
        list(&whole);
        int expected = 0;
        for (int k = 0; k < N_RUNS; k += cases[i / 4].every)
            expected +=
                cases[i / 4].lowest < 0 || (rank(k) == 0 && value_of(k) >= cases[i / 4].lowest);
        assert_int_equal(whole.n, expected);
        assert_int_equal(paged.n, expected);
        assert_memory_equal(paged.runs, whole.runs, sizeof(int) * (size_t)expected);
        if (i % 4 < 2)
            check_order(&whole, i % 4 ? -1 : 1);
        else
            check_newest(&whole);
        free(paged.runs);
        free(whole.runs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_pages_are_the_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
