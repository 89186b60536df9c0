/* Golden rows: which texts are taken, how far an answer may be off, and what a load does. */
#include "../test.h"
#include "../folder.h"

#include <unistd.h>

#include "serve/serve.h"

#define ROW "[29000, 2480, 2, 44, 33300, 64, 28, 2.34]"

static char folder[TEST_FOLDER_BYTES], model[128], beside[160];
static mw_forest *forest;
static mw_predictor *predictor;
static double answer;

static double predict_row(void)
{
    const double row[] = {29000, 2480, 2, 44, 33300, 64, 28, 2.34};
    const mw_matrix rows = {row, MW_FLOAT64, 1, MW_COUNT(row), MW_COUNT(row), 1};
    mw_scratch *scratch;
    double value;
    assert_int_equal(mw_scratch_new(&scratch, NULL), MW_OK);
    assert_int_equal(mw_predict_batch(predictor, &rows, MW_PREDICTION, scratch, &value, NULL),
                     MW_OK);
    mw_scratch_free(scratch);
    return value;
}

static int set_up(void **state)
{
    (void)state;
    char path[512];
    mw_file file;
    const char *root = getenv("MW_TEST_ROOT");
    snprintf(path, sizeof path, "%s/examples/models/credit.json", root ? root : ".");
    if (test_folder_make(folder) != 0 || mw_file_read(path, MW_MIB, &file, NULL) != MW_OK)
        return -1;
    snprintf(model, sizeof model, "%s/credit.json", folder);
    snprintf(beside, sizeof beside, "%s.golden.json", model);
    mw_status status = mw_file_write(model, (mw_view){file.data, file.size}, NULL);
    mw_file_done(&file);
    if (status != MW_OK || mw_forest_load(model, &forest, NULL) != MW_OK ||
        mw_predictor_new(forest, &predictor, NULL) != MW_OK)
        return -1;
    answer = predict_row();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mw_predictor_free(predictor);
    mw_forest_free(forest);
    return test_folder_remove(folder);
}

static mw_status replay(const char *text, mw_golden *golden, mw_error *err)
{
    return mw_golden_replay(mw_view_of(text), forest, predictor, golden, err);
}

static void test_differences(void **state)
{
    (void)state;
    static const struct {
        double factor;
        const char *more;
        size_t n_different;
    } cases[] = {{1, "", 0},
                 {1 + 1e-8, "", 0},
                 {1 - 9e-7, "", 0},
                 {1 + 2e-6, "", 1},
                 {1 + 2e-6, ",\"tolerance\":1e-5", 0},
                 {1 + 1e-8, ",\"tolerance\":0", 1},
                 {-1, "", 1},
                 {0, "", 1}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char text[512];
        mw_golden golden;
        mw_error err;
        snprintf(text, sizeof text, "{\"inputs\":[" ROW "],\"predictions\":[%.17g]%s}",
                 answer * cases[i].factor, cases[i].more);
        if (replay(text, &golden, &err) != MW_OK)
            fail_msg("case %zu: %s: %s", i, err.where, err.what);
        if (golden.n_rows != 1 || golden.n_different != cases[i].n_different)
            fail_msg("case %zu: %zu different", i, golden.n_different);
    }
}

/* A small value among large ones is measured by theirs, not by its own. */
static void test_small_among_large(void **state)
{
    (void)state;
    char text[1024];
    mw_golden golden;
    snprintf(text, sizeof text, "{\"inputs\":[" ROW "," ROW "],\"predictions\":[%.17g,%.17g]}",
             answer, answer);
    assert_int_equal(replay(text, &golden, NULL), MW_OK);
    assert_int_equal(golden.n_rows, 2);
    assert_int_equal(golden.n_different, 0);
    snprintf(text, sizeof text, "{\"inputs\":[" ROW "," ROW "],\"predictions\":[%.17g,null]}",
             answer);
    assert_int_equal(replay(text, &golden, NULL), MW_OK);
    assert_int_equal(golden.n_different, 1);
    assert_int_equal(golden.row, 1);
    assert_true(golden.difference > 1e300);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"inputs\":[" ROW "]}",
        "{\"inputs\":[" ROW "],\"predictions\":0.5}",
        "{\"inputs\":[" ROW "],\"predictions\":[]}",
        "{\"inputs\":[" ROW "],\"predictions\":[0.5,0.5]}",
        "{\"inputs\":[" ROW "],\"predictions\":[[0.5,0.5]]}",
        "{\"inputs\":[" ROW "],\"predictions\":[\"yes\"]}",
        "{\"inputs\":[" ROW "],\"predictions\":[{}]}",
        "{\"inputs\":[],\"predictions\":[]}",
        "{\"inputs\":[" ROW "],\"predictions\":[0.5],\"tolerance\":2}",
        "{\"inputs\":[" ROW "],\"predictions\":[0.5],\"tolerance\":\"1e-3\"}",
    };
    for (size_t i = 0; i < MW_COUNT(texts); i++) {
        mw_golden golden;
        mw_error err;
        if (replay(texts[i], &golden, &err) == MW_OK || err.code != MW_E_GOLDEN || !err.mend[0])
            fail_msg("%s: code %d", texts[i], err.code);
    }
    mw_golden golden;
    mw_error err;
    assert_int_not_equal(replay("{\"inputs\":[[1]],\"predictions\":[1]}", &golden, &err), MW_OK);
    assert_int_not_equal(replay("", &golden, &err), MW_OK);
    assert_int_not_equal(replay("[1", &golden, &err), MW_OK);
}

static void put_golden(double value)
{
    char text[512];
    snprintf(text, sizeof text, "{\"inputs\":[" ROW "],\"predictions\":[%.17g]}", value);
    assert_int_equal(mw_file_write(beside, mw_view_of(text), NULL), MW_OK);
}

static unsigned version_served;

static void note_version(void *user, const mw_endpoint_info *info)
{
    (void)user;
    version_served = info->ready ? info->version : 0;
}

/* Each load replays; what was served goes on. */
static void test_loads(void **state)
{
    (void)state;
    mw_fleet *fleet;
    mw_error err;
    const mw_fleet_options options = {.n_loops = 1, .n_workers = 1, .max_body_bytes = MW_MIB};
    assert_int_equal(mw_fleet_new(&options, &fleet, NULL), MW_OK);
    put_golden(answer + 0.1);
    assert_int_equal(mw_fleet_add(fleet, "credit", model, NULL, &err), MW_MISMATCH);
    assert_int_equal(err.code, MW_E_GOLDEN_DIFFERS);
    assert_non_null(strstr(err.where, "credit.json.golden.json"));
    put_golden(answer);
    assert_int_equal(mw_fleet_add(fleet, "credit", model, NULL, &err), MW_OK);
    put_golden(0);
    assert_int_equal(mw_fleet_reload(fleet, "credit", &err), MW_MISMATCH);
    mw_fleet_each(fleet, note_version, NULL);
    assert_int_equal(version_served, 1);
    assert_int_equal(unlink(beside), 0);
    assert_int_equal(mw_fleet_reload(fleet, "credit", &err), MW_OK);
    mw_fleet_each(fleet, note_version, NULL);
    assert_int_equal(version_served, 2);
    mw_fleet_free(fleet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_small_among_large),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_loads),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
