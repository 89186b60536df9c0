/* References from training profiles, and what survives a restart. Time is set by hand. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "../chance.h"
#include "monitor/monitor.h"
#include "test.h"
#include "../folder.h"

enum { FEATURES = 3, COLUMNS = FEATURES + 1, LEARN = 500, TRAINED = 4000 };
#define SECOND UINT64_C(1000000000)

static uint64_t now_ns, seed;
static int64_t now_ms;
static char folder[TEST_FOLDER_BYTES];
static mw_arena arena;
static mw_schema schema;
static mw_profile profile;

static const mw_view colours[] = {{"red", 3}, {"green", 5}, {"blue", 4}};

static double chance(void)
{
    return test_chance(&seed);
}

static double colour(void)
{
    double u = chance();
    return u < 0.5 ? 0 : u < 0.9 ? 1 : 2;
}

/* "x" and "colour" of the model are in the profile, in another order; "z" is not. */
static void make_profile(double shift)
{
    static double x[TRAINED], codes[TRAINED];
    for (size_t i = 0; i < TRAINED; i++) {
        x[i] = chance() + shift;
        codes[i] = colour() == 0 ? 1 : 0; /* codes of the profile's own: green, red */
    }
    static const mw_view texts[] = {{"green", 5}, {"red", 3}};
    mw_profile_source colours_of = {
        .name = MW_VIEW("colour"), .values = codes, .n = TRAINED, .texts = texts, .n_texts = 2};
    mw_profile_source numbers = {.name = MW_VIEW("x"), .values = x, .n = TRAINED};
    mw_profile_init(&profile);
    assert_int_equal(mw_profile_set_source(&profile, MW_VIEW("train.csv"), NULL), MW_OK);
    assert_int_equal(mw_profile_add(&profile, &colours_of, NULL), MW_OK);
    assert_int_equal(mw_profile_add(&profile, &numbers, NULL), MW_OK);
}

static int begin(void **state)
{
    const mw_column columns[] = {
        {.name = MW_VIEW("x")},
        {.name = MW_VIEW("z")},
        {.name = MW_VIEW("colour"),
         .type = MW_COLUMN_CATEGORY,
         .categories = colours,
         .n_categories = 3},
    };
    (void)state;
    now_ns = 5 * SECOND;
    now_ms = 1700000000000;
    seed = 3;
    mw_clock_pin(&now_ns, &now_ms);
    mw_arena_init(&arena, 4096, MW_MIB);
    make_profile(0);
    assert_int_equal(test_folder_make(folder), 0);
    return mw_schema_make(columns, FEATURES, true, &arena, &schema, NULL) != MW_OK;
}

static int end(void **state)
{
    (void)state;
    mw_clock_pin(NULL, NULL);
    mw_profile_done(&profile);
    mw_arena_done(&arena);
    return test_folder_remove(folder);
}

static mw_monitor *open_monitor(void)
{
    mw_monitor *monitor;
    mw_monitor_options options = {.learn_rows = LEARN, .without_watcher = true, .folder = folder};
    assert_int_equal(mw_monitor_new(&options, &monitor, NULL), MW_OK);
    return monitor;
}

static mw_status describe(mw_monitor *monitor, const mw_profile *reference, mw_error *err)
{
    mw_watch_subject subject = {.endpoint = "paint",
                                .version = 1,
                                .identity = MW_VIEW("model-1"),
                                .schema = &schema,
                                .n_outputs = 1,
                                .profile = reference};
    return mw_monitor_describe(monitor, &subject, err);
}

static void tap(mw_monitor *monitor, size_t n, double shift, double code)
{
    for (size_t i = 0; i < n; i++) {
        double row[FEATURES] = {chance() + shift, chance(),
                                code < 0 ? colour() == 0 ? 0 : 1 : code};
        double value = chance();
        mw_matrix matrix = {row, MW_FLOAT64, 1, FEATURES, FEATURES, 1};
        mw_monitor_tap(monitor, "paint", 1, &matrix, &value, 1);
    }
    now_ns += SECOND;
    now_ms += 1000;
    mw_monitor_look(monitor);
}

static mw_watch_report report(mw_monitor *monitor, mw_watched *columns)
{
    mw_watch_report found;
    assert_true(mw_monitor_report(monitor, "paint", 1, &found, columns, COLUMNS));
    return found;
}

static void test_watching_from_the_first_row(void **state)
{
    (void)state;
    mw_watched columns[COLUMNS];
    mw_monitor *monitor = open_monitor();
    assert_int_equal(describe(monitor, &profile, NULL), MW_OK);
    assert_true(mw_monitor_is_described(monitor, "paint", 1) &&
                !mw_monitor_is_described(monitor, "paint", 2));
    mw_watch_report found = report(monitor, columns);
    assert_true(found.state == MW_WATCH_WATCHING && found.n_profiled == 2 &&
                found.profile_rows == TRAINED && strcmp(found.source, "train.csv") == 0);
    assert_true(columns[0].is_profiled && columns[1].is_learning && columns[2].is_profiled &&
                columns[2].is_category && columns[3].is_learning && isnan(columns[1].psi));
    tap(monitor, 300, 0, -1);
    found = report(monitor, columns);
    assert_true(found.rows == 300 && found.reference_rows == 300 && found.n_drifted == 0);
    assert_true(columns[0].psi < 0.1 && columns[2].psi < 0.05 && columns[1].is_learning);
    tap(monitor, 400, 0.4, 2); /* blue is no colour of the training data */
    found = report(monitor, columns);
    assert_true(!columns[1].is_learning && !columns[1].is_profiled && !columns[3].is_learning);
    assert_true(columns[0].drifted && columns[2].drifted && found.n_drifted == 2);
    assert_true(columns[2].outside == 400 && found.rows == 700);
    mw_monitor_free(monitor);
}

static void test_a_restart_goes_on(void **state)
{
    (void)state;
    mw_watched before[COLUMNS], after[COLUMNS];
    mw_monitor *monitor = open_monitor();
    assert_int_equal(describe(monitor, &profile, NULL), MW_OK);
    for (size_t i = 0; i < 20; i++)
        tap(monitor, 100, i < 15 ? 0 : 0.4, -1);
    mw_watch_report was = report(monitor, before);
    mw_monitor_free(monitor);
    now_ns = 77 * SECOND; /* another boot; the wall's clock went on */
    monitor = open_monitor();
    assert_int_equal(describe(monitor, &profile, NULL), MW_OK);
    mw_watch_report is = report(monitor, after);
    assert_true(is.rows == was.rows && is.window_rows == was.window_rows &&
                is.watched_since == was.watched_since && is.n_drifted == was.n_drifted);
    for (size_t c = 0; c < COLUMNS; c++)
        assert_true(before[c].psi == after[c].psi && !after[c].is_learning &&
                    before[c].log_e_value == after[c].log_e_value &&
                    before[c].drifted == after[c].drifted);
    assert_true(after[0].drifted);
    mw_monitor_free(monitor);
}

/* What is learned is kept, too; a profile that comes later is another reference. */
static void test_another_reference_begins_anew(void **state)
{
    (void)state;
    mw_watched columns[COLUMNS];
    mw_monitor *monitor = open_monitor();
    assert_int_equal(describe(monitor, NULL, NULL), MW_OK);
    tap(monitor, LEARN + 50, 0, -1);
    tap(monitor, 300, 0, -1);
    mw_monitor_free(monitor);
    monitor = open_monitor();
    assert_int_equal(describe(monitor, NULL, NULL), MW_OK);
    mw_watch_report found = report(monitor, columns);
    assert_true(found.state == MW_WATCH_WATCHING && found.rows == 300 && found.n_profiled == 0);
    mw_monitor_free(monitor);
    monitor = open_monitor();
    assert_int_equal(describe(monitor, &profile, NULL), MW_OK);
    found = report(monitor, columns);
    assert_true(found.rows == 0 && found.n_profiled == 2 && columns[1].is_learning);
    tap(monitor, 10, 0, -1);
    mw_monitor_free(monitor);
}

/* The history that is there. */
static void find_file(char *name, size_t size)
{
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing));)
        if (strstr(entry->d_name, ".watch"))
            snprintf(name, size, "%s", entry->d_name);
    closedir(listing);
}

static void damage(const char *name)
{
    mw_file file;
    mw_error err;
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(mw_file_read(path, MW_MIB, &file, &err), MW_OK);
    file.data[file.size / 2] ^= 1;
    assert_int_equal(mw_file_write(path, (mw_view){file.data, file.size}, &err), MW_OK);
    mw_file_done(&file);
}

static void test_a_damaged_history_is_put_aside(void **state)
{
    (void)state;
    char name[256] = "", aside[600];
    mw_watched columns[COLUMNS];
    mw_monitor *monitor = open_monitor();
    assert_int_equal(describe(monitor, &profile, NULL), MW_OK);
    tap(monitor, 700, 0, -1);
    mw_monitor_free(monitor);
    find_file(name, sizeof name);
    damage(name);
    monitor = open_monitor();
    assert_int_equal(describe(monitor, &profile, NULL), MW_OK);
    assert_true(report(monitor, columns).rows == 0 && columns[1].is_learning);
    snprintf(aside, sizeof aside, "%s/%s.old", folder, name);
    assert_int_equal(access(aside, F_OK), 0);
    mw_monitor_free(monitor);
}

static void test_clocks_that_jump(void **state)
{
    (void)state;
    mw_watched columns[COLUMNS];
    mw_monitor *monitor = open_monitor();
    assert_int_equal(describe(monitor, &profile, NULL), MW_OK);
    tap(monitor, 700, 0, -1);
    mw_monitor_free(monitor);
    now_ms -= 3600 * 1000; /* an hour back: counts go to the bucket that was reached */
    monitor = open_monitor();
    assert_int_equal(describe(monitor, &profile, NULL), MW_OK);
    tap(monitor, 50, 0, -1);
    assert_true(report(monitor, columns).rows == 750);
    mw_monitor_free(monitor);
    now_ms -= INT64_C(90) * 24 * 3600 * 1000; /* a season: nothing of it is waited for */
    monitor = open_monitor();
    assert_int_equal(describe(monitor, &profile, NULL), MW_OK);
    tap(monitor, 50, 0, -1);
    mw_watch_report found = report(monitor, columns);
    assert_true(found.rows == 50 && found.window_rows == 50 && found.window_seconds < 60);
    mw_monitor_free(monitor);
}

static void test_a_reference_of_other_columns(void **state)
{
    (void)state;
    mw_error err;
    mw_watched columns[COLUMNS];
    mw_profile other;
    const double values[] = {1, 2};
    mw_profile_source source = {.name = MW_VIEW("w"), .values = values, .n = 2};
    mw_profile_init(&other);
    assert_int_equal(mw_profile_add(&other, &source, NULL), MW_OK);
    mw_monitor *monitor = open_monitor();
    assert_int_equal(describe(monitor, &other, &err), MW_MISMATCH);
    assert_true(strstr(err.why, "'x'") && strstr(err.why, "'w'"));
    assert_int_equal(describe(monitor, NULL, &err), MW_OK); /* it is learned */
    tap(monitor, LEARN, 0, -1);
    assert_int_equal(report(monitor, columns).state, MW_WATCH_WATCHING);
    mw_monitor_free(monitor);
    mw_profile_done(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_watching_from_the_first_row, begin, end),
        cmocka_unit_test_setup_teardown(test_a_restart_goes_on, begin, end),
        cmocka_unit_test_setup_teardown(test_another_reference_begins_anew, begin, end),
        cmocka_unit_test_setup_teardown(test_a_damaged_history_is_put_aside, begin, end),
        cmocka_unit_test_setup_teardown(test_clocks_that_jump, begin, end),
        cmocka_unit_test_setup_teardown(test_a_reference_of_other_columns, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
