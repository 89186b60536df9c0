/* Two warm versions of an endpoint: loaded beside, weighed, swapped without a load, let go. */
#include "../test.h"
#include "../folder.h"

#include "serve/call.h"
#include "serve/split.h"

static char folder[TEST_FOLDER_BYTES], first[128], second[128], other[128];
static mw_fleet *fleet;

static void copy_example(const char *name, char *path, size_t size, const char *as)
{
    char from[512];
    mw_file file;
    mw_error err;
    snprintf(from, sizeof from, "%s/examples/models/%s", getenv("MW_TEST_ROOT"), name);
    snprintf(path, size, "%s/%s", folder, as);
    if (mw_file_read(from, 64 * MW_MIB, &file, &err) != MW_OK ||
        mw_file_write(path, (mw_view){file.data, file.size}, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    mw_file_done(&file);
}

static int set_up(void **state)
{
    (void)state;
    mw_error err;
    const mw_fleet_options options = {.n_loops = 1, .n_workers = 1, .max_body_bytes = MW_MIB};
    if (test_folder_make(folder) != 0)
        return -1;
    copy_example("credit.json", first, sizeof first, "a.json");
    copy_example("credit.json", second, sizeof second, "b.json");
    copy_example("plan.ubj", other, sizeof other, "c.ubj");
    if (mw_fleet_new(&options, &fleet, &err) != MW_OK)
        return -1;
    return mw_fleet_add(fleet, "credit", first, NULL, &err) == MW_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mw_fleet_free(fleet);
    return test_folder_remove(folder);
}

static const mw_split_options usual = {.key_header = "X-Key", .labels = {"1", "2"}};

static mw_status challenge(const char *path, mw_error *err)
{
    return mw_fleet_challenge(fleet, "credit", path, &usual, err);
}

static uint64_t loads;

static void see(void *user, const mw_endpoint_info *info)
{
    *(unsigned *)user = info->version;
    loads = info->loads_ok;
}

static unsigned served_version(void)
{
    unsigned version = 0;
    mw_fleet_each(fleet, see, &version);
    return version;
}

static void test_swap_without_a_load(void **state)
{
    (void)state;
    mw_error err;
    assert_false(mw_fleet_weigh(fleet, "credit", 0.5, 0));
    assert_int_equal(challenge(second, &err), MW_OK);
    assert_true(mw_fleet_has_warm(fleet, "credit", second));
    assert_true(mw_fleet_weigh(fleet, "credit", 0.5, 0));
    assert_int_equal(served_version(), 1);
    uint64_t before = loads;
    remove(second); /* it needs no file any more */
    remove(first);
    assert_int_equal(mw_fleet_move(fleet, "credit", second, false, &err), MW_OK);
    assert_int_equal(served_version(), 2);
    assert_true(mw_fleet_serves(fleet, "credit", second) &&
                mw_fleet_has_warm(fleet, "credit", first));
    assert_int_equal(mw_fleet_move(fleet, "credit", first, false, &err), MW_OK);
    assert_int_equal(served_version(), 1);
    assert_int_equal(loads, before);
    assert_int_equal(mw_fleet_dismiss(fleet, "credit", &err), MW_OK);
    assert_false(mw_fleet_has_warm(fleet, "credit", second));
    assert_int_equal(mw_fleet_move(fleet, "credit", second, false, &err), MW_NOT_FOUND);
    assert_int_equal(served_version(), 1);
}

static void test_refused(void **state)
{
    (void)state;
    mw_error err;
    assert_int_equal(challenge(other, &err), MW_CONFLICT); /* other columns */
    assert_int_equal(challenge("/nowhere.json", &err), MW_NOT_FOUND);
    assert_int_equal(mw_fleet_challenge(fleet, "nobody", second, &usual, &err), MW_NOT_FOUND);
    assert_int_equal(mw_fleet_dismiss(fleet, "nobody", &err), MW_NOT_FOUND);
    assert_int_equal(mw_fleet_dismiss(fleet, "credit", &err), MW_OK); /* nothing to let go */
    assert_int_equal(served_version(), 1);
}

static void test_counts(void **state)
{
    (void)state;
    mw_error err;
    mw_arm arms[MW_ARMS];
    double scores[8];
    serve_split *split;
    assert_int_equal(serve_split_new(&usual, 2, &split, &err), MW_OK);
    for (int i = 0; i < 100; i++) {
        serve_split_count_pair(split, 0, 0, false, 2000000, i * 0.01, MW_ARM_GROUPS);
        serve_split_count_pair(split, 1, 1, i % 10 == 0, 4000000, 0.5, MW_ARM_GROUPS);
    }
    serve_split_sum(split, arms);
    assert_true(arms[0].requests == 100 && arms[0].errors == 0 && arms[0].score_n == 100);
    assert_true(arms[1].requests == 100 && arms[1].errors == 10 && arms[1].latency_n == 90);
    assert_true(arms[0].latencies[mw_latency_bin(2000000)] == 100);
    double mean = arms[1].latency_sum / arms[1].latency_n;
    assert_true(mean > 15.2 && mean < 15.21); /* ln(4e6) = 15.2018 */
    assert_true(arms[0].scores[0] == 0);      /* not before there are edges */
    serve_split_unref(split);
    assert_int_equal(challenge(second, &err), MW_OK);
    assert_int_equal(mw_fleet_first_scores(fleet, "credit", scores, 8), 0);
    assert_true(mw_fleet_arms(fleet, "credit", arms) && arms[0].requests == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_swap_without_a_load), TEST(test_refused),
                                       TEST(test_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
