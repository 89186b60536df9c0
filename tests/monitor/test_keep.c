/* What was learned of rows over a restart: beside a watch that was never stopped, one that was
 * stopped and begun again tells the same to the bit; and what cannot be read, or does not belong,
 * is put aside. */
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/watch.h"
#include "test.h"

#include "../folder.h"
#include "pinned.h"

enum { FEATURES = 3, COLUMNS = FEATURES + 1, LEARN = 1000, ROWS = 60, LABELS = 800 };

static char folder[TEST_FOLDER_BYTES], path[2 * TEST_FOLDER_BYTES + 300];
static mw_monitor *other; /* never stopped */
static const char endpoint[] = "k";
static bool is_regression, is_stuck, is_flood; /* y stands still; one row alone comes */

static mw_monitor *open_watch(const char *at)
{
    mw_monitor *made;
    mw_monitor_options options = {.learn_rows = LEARN, .without_watcher = true, .folder = at};
    assert_int_equal(mw_monitor_new(&options, &made, NULL), MW_OK);
    return made;
}

static void describe(mw_monitor *of, const char *identity)
{
    static const mw_column columns[FEATURES] = {{.name = MW_VIEW("x"), .type = MW_COLUMN_FLOAT64},
                                                {.name = MW_VIEW("y"), .type = MW_COLUMN_FLOAT64},
                                                {.name = MW_VIEW("c"), .type = MW_COLUMN_CATEGORY}};
    const mw_schema schema = {.columns = (mw_column *)columns, .n_columns = 3, .named = true};
    const mw_watch_subject subject = {.endpoint = endpoint,
                                      .version = 1,
                                      .identity = mw_view_of(identity),
                                      .schema = &schema,
                                      .n_outputs = 1};
    assert_int_equal(mw_monitor_describe(of, &subject, NULL), MW_OK);
}

static int begin(void **state)
{
    (void)state;
    now_ns = 50 * SECOND;
    now_ms = 1700000000000;
    seed = 3;
    is_regression = is_stuck = is_flood = false;
    mw_clock_pin(&now_ns, &now_ms);
    if (test_folder_make(folder) != 0)
        return -1;
    monitor = open_watch(folder);
    other = open_watch(NULL);
    describe(monitor, "m");
    describe(other, "m");
    return 0;
}

static int finish(void **state)
{
    mw_monitor_free(other);
    end(state);
    return test_folder_remove(folder);
}

static void serve(size_t seconds, double parted)
{
    for (size_t s = 0; s < seconds; s++) {
        double rows[ROWS * FEATURES], outputs[ROWS];
        for (size_t i = 0; i < ROWS; i++) {
            double *row = rows + i * FEATURES;
            row[0] = test_chance(&seed);
            row[1] = test_chance(&seed) < parted ? test_chance(&seed) : row[0];
            row[2] = floor(test_chance(&seed) * 4);
            if (is_stuck || is_flood)
                row[1] = 0.25;
            if (is_flood)
                row[0] = 0.5, row[2] = 1;
            outputs[i] = is_regression ? row[0] * 10 : row[0];
        }
        mw_matrix matrix = {rows, MW_FLOAT64, ROWS, FEATURES, FEATURES, 1};
        mw_monitor_tap(monitor, endpoint, 1, &matrix, outputs, 1);
        mw_monitor_tap(other, endpoint, 1, &matrix, outputs, 1);
        now_ns += SECOND;
        now_ms += 1000;
        mw_monitor_look(monitor);
        mw_monitor_look(other);
    }
}

static void tell_labels(void)
{
    static double scores[LABELS], labels[LABELS], rows[LABELS * FEATURES];
    for (size_t i = 0; i < LABELS; i++) {
        double *row = rows + i * FEATURES;
        row[0] = row[1] = test_chance(&seed);
        row[2] = floor(test_chance(&seed) * 4);
        scores[i] = is_regression ? row[0] * 10 : row[0];
        labels[i] = is_regression ? scores[i] + row[2] * test_chance(&seed)
                                  : test_chance(&seed) < scores[i] * scores[i];
    }
    const mw_watch_truth truth = {.n = LABELS,
                                  .n_scores = 1,
                                  .scores = scores,
                                  .labels = labels,
                                  .rows = is_regression ? rows : NULL,
                                  .n_columns = FEATURES};
    assert_int_equal(mw_monitor_truth(monitor, endpoint, 1, &truth, NULL), MW_OK);
    assert_int_equal(mw_monitor_truth(other, endpoint, 1, &truth, NULL), MW_OK);
}

/* The other's time does not begin anew: what is told of both is the same. */
static void restart(void)
{
    mw_monitor_free(monitor);
    monitor = open_watch(folder);
    describe(monitor, "m");
}

static bool is_same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void compare_sketches(void)
{
    for (size_t c = 0; c < COLUMNS; c++) {
        mw_watch_sketch a, b;
        assert_true(mw_monitor_sketch(monitor, endpoint, 1, c, &a));
        assert_true(mw_monitor_sketch(other, endpoint, 1, c, &b));
        assert_true(a.rows == b.rows && a.distinct == b.distinct && is_same(a.mean, b.mean) &&
                    is_same(a.deviation, b.deviation) && a.has_quantiles == b.has_quantiles);
        for (size_t q = 0; a.has_quantiles && q < MW_WATCH_QUANTILES; q++)
            assert_true(a.quantiles[q] == b.quantiles[q]);
        assert_int_equal(a.n_categories, b.n_categories);
        for (size_t k = 0; k < a.n_categories; k++)
            assert_true(a.categories[k].code == b.categories[k].code &&
                        a.categories[k].share == b.categories[k].share);
    }
}

static void compare_joint(void)
{
    mw_watched columns[COLUMNS];
    mw_watch_report a, b;
    assert_true(mw_monitor_report(monitor, endpoint, 1, &a, columns, COLUMNS));
    assert_true(mw_monitor_report(other, endpoint, 1, &b, columns, COLUMNS));
    assert_true(a.joint.is_known && b.joint.is_known && a.joint.drifted == b.joint.drifted);
    assert_true(a.joint.psi == b.joint.psi && a.joint.log_e_value == b.joint.log_e_value);
    assert_true(a.joint.since_rows == b.joint.since_rows && a.joint.n_causes == b.joint.n_causes);
    assert_true(a.anomaly_threshold == b.anomaly_threshold && a.anomaly_threshold > 0);
}

static void compare_scores(void)
{
    const double rows[] = {0.5, 0.5, 1, 9, -9, 3, 0.1, 0.9, 77, (double)NAN, 0.2, 0};
    const mw_matrix matrix = {rows, MW_FLOAT64, 4, FEATURES, FEATURES, 1};
    double a[4], b[4];
    assert_true(mw_monitor_score(monitor, endpoint, 1, &matrix, a));
    assert_true(mw_monitor_score(other, endpoint, 1, &matrix, b));
    assert_memory_equal(a, b, sizeof a);
}

static void compare_decay(void)
{
    static mw_watch_decay_window x[MW_WATCH_DECAY_WINDOWS], y[MW_WATCH_DECAY_WINDOWS];
    mw_watch_decay a, b;
    assert_true(mw_monitor_decay(monitor, endpoint, 1, &a));
    assert_true(mw_monitor_decay(other, endpoint, 1, &b));
    assert_true(a.rows == b.rows && a.rows > 0 && a.reference_labels == LABELS &&
                a.is_calibrated == b.is_calibrated && a.n_metrics == b.n_metrics);
    for (size_t m = 0; m < a.n_metrics; m++)
        assert_true(is_same(a.estimated[m], b.estimated[m]) && is_same(a.low[m], b.low[m]) &&
                    is_same(a.reference[m], b.reference[m]) && a.decayed[m] == b.decayed[m]);
    size_t n = mw_monitor_decay_windows(monitor, endpoint, 1, x);
    assert_int_equal(n, mw_monitor_decay_windows(other, endpoint, 1, y));
    for (size_t i = 0; i < n; i++) {
        assert_true(x[i].t == y[i].t && x[i].rows == y[i].rows);
        assert_true(is_same(x[i].estimated[0], y[i].estimated[0]));
    }
}

static void compare(void)
{
    compare_sketches();
    compare_joint();
    compare_scores();
    compare_decay();
}

static void go_on_over_restarts(void)
{
    const size_t part = TEST_WATCHED ? 4 : 1;
    serve(20 + 40 / part, 0);
    tell_labels();
    serve(400 / part, 0);
    restart();
    compare_sketches();
    compare_scores();
    compare_decay();
    serve(300 / part, 0);
    compare();
    serve(100 / part, 1); /* drift that a restart falls into */
    restart();
    serve(100 / part, 1);
    compare();
    mw_watched columns[COLUMNS];
    mw_watch_report report;
    assert_true(mw_monitor_report(monitor, endpoint, 1, &report, columns, COLUMNS));
    assert_true(report.joint.drifted);
    assert_true(TEST_WATCHED || report.joint.since_seconds > 110);
}

static void test_a_classifier_goes_on(void **state)
{
    (void)state;
    go_on_over_restarts();
}

static void test_a_regression_goes_on(void **state)
{
    (void)state;
    is_regression = true;
    go_on_over_restarts();
}

/* Of the watch that was begun again and the one that was not, beside each other. */
static mw_watch_stream same_stream(bool stuck, bool flood)
{
    mw_watched a[COLUMNS], b[COLUMNS];
    mw_watch_report mine, theirs;
    assert_true(mw_monitor_report(monitor, endpoint, 1, &mine, a, COLUMNS));
    assert_true(mw_monitor_report(other, endpoint, 1, &theirs, b, COLUMNS));
    assert_true(a[1].stuck == stuck && b[1].stuck == stuck);
    assert_true(a[1].stuck_seconds == b[1].stuck_seconds && (!stuck || a[1].stuck_value == 0.25));
    assert_true(mine.stream.is_flood == flood && theirs.stream.is_flood == flood);
    return mine.stream;
}

static void test_a_stream_goes_on(void **state)
{
    (void)state;
    serve(120, 0);
    is_stuck = true;
    serve(40, 0); /* not a minute yet */
    same_stream(false, false);
    restart();
    serve(1, 0);
    assert_true(same_stream(false, false).usual_repeated < 0.1); /* blocks before are known */
    serve(30, 0);
    same_stream(true, false);
    restart();
    is_flood = true;
    serve(1, 0);
    same_stream(true, false);
    serve(30, 0);
    same_stream(true, true);
    restart();
    serve(1, 0);
    assert_true(same_stream(true, true).flood_seconds > 5);
    is_stuck = is_flood = false;
    serve(1, 0);
    same_stream(false, true); /* until a block says that it is over */
    serve(30, 0);
    same_stream(false, false);
}

/* ---- what is not taken ----------------------------------------------------------------------- */

static const char *learned_path(void)
{
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    path[0] = '\0';
    for (struct dirent *entry; (entry = readdir(listing));)
        if (strlen(entry->d_name) > 8 &&
            strcmp(entry->d_name + strlen(entry->d_name) - 8, ".learned") == 0)
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    closedir(listing);
    assert_true(path[0] != '\0');
    return path;
}

/* `at` from the beginning, or from the end where it is negative. */
static void change_byte(long at, char to)
{
    FILE *file = fopen(learned_path(), "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    assert_int_equal(fputc(to, file), to);
    assert_int_equal(fclose(file), 0);
}

static bool has_learned(void)
{
    mw_watch_sketch sketch;
    mw_watched columns[COLUMNS];
    mw_watch_report report;
    assert_true(mw_monitor_report(monitor, endpoint, 1, &report, columns, COLUMNS));
    assert_true(report.rows == 40 * ROWS - LEARN - 20); /* the history is there */
    return mw_monitor_sketch(monitor, endpoint, 1, 0, &sketch) && report.anomaly_threshold > 0;
}

static void check_put_aside(long at, char to)
{
    char aside[sizeof path + 8];
    serve(40, 0);
    mw_monitor_free(monitor);
    change_byte(at, to);
    snprintf(aside, sizeof aside, "%s.old", learned_path());
    monitor = open_watch(folder);
    describe(monitor, "m");
    assert_false(has_learned());
    assert_int_equal(access(aside, F_OK), 0);
}

static void test_a_damaged_file_is_put_aside(void **state)
{
    (void)state;
    check_put_aside(-20, 'x');
}

static void test_a_newer_file_is_put_aside(void **state)
{
    (void)state;
    check_put_aside(7, '9');
    mw_error err;
    bool is_other;
    watch_version *version = watch_version_new("e", 1, 1, 1, 4, 1000, NULL);
    assert_non_null(version);
    assert_string_equal(watch_wrong_magic("MWLEARN2", "MWLEARN1"),
                        "it was written by a newer Millwright, which this one cannot read");
    assert_string_equal(watch_wrong_magic("MWWATCH0", "MWWATCH2"),
                        "it is of a format that is no longer read");
    assert_string_equal(watch_wrong_magic("somethin", "MWWATCH2"), "it begins with other bytes");
    assert_int_equal(watch_read_learned(MW_VIEW(""), version, 0, &is_other, &err), MW_OK);
    assert_true(is_other); /* it has no columns that could have been learned against */
    watch_version_free(version);
}

static void test_another_model_takes_nothing(void **state)
{
    mw_watch_sketch sketch;
    (void)state;
    serve(40, 0);
    mw_monitor_free(monitor);
    monitor = open_watch(folder);
    describe(monitor, "another");
    assert_false(mw_monitor_sketch(monitor, endpoint, 1, 0, &sketch));
}

/* The history is gone, and with it the reference: what was learned against it does not belong. */
static void test_another_reference_takes_nothing(void **state)
{
    mw_watch_sketch a, b;
    (void)state;
    serve(40, 0);
    mw_monitor_free(monitor);
    snprintf(path + strlen(learned_path()) - strlen("learned"), 8, "watch");
    assert_int_equal(remove(path), 0);
    monitor = open_watch(folder);
    describe(monitor, "m");
    assert_false(mw_monitor_sketch(monitor, endpoint, 1, 0, &a));
    serve(40, 0);
    assert_true(mw_monitor_sketch(monitor, endpoint, 1, 0, &a));
    assert_true(mw_monitor_sketch(other, endpoint, 1, 0, &b) && a.rows < b.rows);
}

/* Two days: times in the file are of nothing, the forest is. */
static void test_a_clock_that_was_set_back(void **state)
{
    mw_watch_sketch sketch;
    const double row[] = {0.5, 0.5, 1};
    const mw_matrix matrix = {row, MW_FLOAT64, 1, FEATURES, FEATURES, 1};
    double score;
    (void)state;
    serve(60, 0);
    tell_labels();
    serve(60, 0);
    mw_monitor_free(monitor);
    now_ms -= INT64_C(2) * 86400 * 1000;
    monitor = open_watch(folder);
    describe(monitor, "m");
    assert_false(mw_monitor_sketch(monitor, endpoint, 1, 0, &sketch));
    assert_true(mw_monitor_score(monitor, endpoint, 1, &matrix, &score));
    serve(60, 0);
    assert_true(mw_monitor_sketch(monitor, endpoint, 1, 0, &sketch) && sketch.seconds < 61);
    mw_watch_decay decay;
    assert_true(mw_monitor_decay(monitor, endpoint, 1, &decay) && decay.rows == 60 * ROWS);
}

/* ---- the folder ------------------------------------------------------------------------------ */

static void put_file(const char *name, size_t size, time_t written)
{
    char content[100] = "";
    mw_error err;
    const struct timespec times[] = {{.tv_sec = written}, {.tv_sec = written}};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(mw_file_write(path, (mw_view){content, size}, &err), MW_OK);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool is_there(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void test_the_folder_is_bounded(void **state)
{
    (void)state;
    put_file("b.watch", 50, 2000);
    put_file("a.learned", 50, 1000);
    put_file("c.learned", 50, 3000);
    put_file("d.watch.old", 50, 4000);
    put_file("notes.txt", 100, 1);
    assert_int_equal(watch_sweep(folder, 200), 0); /* as much as it may hold */
    assert_int_equal(watch_sweep(folder, 199), 1);
    assert_true(!is_there("d.watch.old") && is_there("a.learned"));
    assert_int_equal(watch_sweep(folder, 60), 2);
    assert_true(!is_there("a.learned") && !is_there("b.watch") && is_there("c.learned"));
    assert_int_equal(watch_sweep(folder, 0), 1);
    assert_true(is_there("notes.txt") && is_there("lock"));
    assert_int_equal(watch_sweep("/nowhere", 0), 0);
}

/* In the same process nothing is read: the version that goes on has all of the one before. */
static void test_a_model_that_is_loaded_again(void **state)
{
    mw_watch_sketch a, b;
    mw_column columns[FEATURES] = {
        {.type = MW_COLUMN_FLOAT64}, {.type = MW_COLUMN_FLOAT64}, {.type = MW_COLUMN_CATEGORY}};
    const mw_schema schema = {.columns = columns, .n_columns = FEATURES};
    const mw_watch_subject subject = {.endpoint = endpoint,
                                      .version = 2,
                                      .identity = MW_VIEW("m"),
                                      .schema = &schema,
                                      .n_outputs = 1};
    (void)state;
    serve(60, 0);
    assert_int_equal(mw_monitor_describe(monitor, &subject, NULL), MW_OK);
    assert_true(mw_monitor_sketch(monitor, endpoint, 2, 0, &a));
    assert_true(mw_monitor_sketch(other, endpoint, 1, 0, &b) && a.rows == b.rows);
    assert_false(mw_monitor_sketch(monitor, endpoint, 1, 0, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_classifier_goes_on, begin, finish),
        cmocka_unit_test_setup_teardown(test_a_regression_goes_on, begin, finish),
        cmocka_unit_test_setup_teardown(test_a_stream_goes_on, begin, finish),
        cmocka_unit_test_setup_teardown(test_a_damaged_file_is_put_aside, begin, finish),
        cmocka_unit_test_setup_teardown(test_a_newer_file_is_put_aside, begin, finish),
        cmocka_unit_test_setup_teardown(test_another_model_takes_nothing, begin, finish),
        cmocka_unit_test_setup_teardown(test_another_reference_takes_nothing, begin, finish),
        cmocka_unit_test_setup_teardown(test_a_clock_that_was_set_back, begin, finish),
        cmocka_unit_test_setup_teardown(test_a_model_that_is_loaded_again, begin, finish),
        cmocka_unit_test_setup_teardown(test_the_folder_is_bounded, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
