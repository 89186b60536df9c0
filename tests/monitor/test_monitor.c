/* The watch: what is learned, what is counted, when a change is believed, and that looking all day
 * long alarms seldom. Time is set by hand. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "../chance.h"
#include "monitor/monitor.h"
#include "test.h"

enum { FEATURES = 3, OUTPUTS = 1, COLUMNS = FEATURES + OUTPUTS, LEARN = 1000 };
#define SECOND UINT64_C(1000000000)

static uint64_t now_ns, seed;
static int64_t now_ms;

static double chance(void)
{
    return test_chance(&seed);
}

static double normal(void)
{
    return sqrt(-2 * log(1 - chance())) * cos(6.283185307179586 * chance());
}

static int begin(void **state)
{
    now_ns = 1000 * SECOND;
    now_ms = 1000;
    seed = 7;
    mw_clock_pin(&now_ns, &now_ms);
    mw_monitor_options options = {.learn_rows = LEARN, .without_watcher = true};
    return mw_monitor_new(&options, (mw_monitor **)state, NULL) != MW_OK;
}

static int end(void **state)
{
    mw_monitor_free(*state);
    mw_clock_pin(NULL, NULL);
    return 0;
}

/* n rows of one request: feature 0 is normal about `shift`, 1 a die, 2 missing by `gone`. */
static void tap(mw_monitor *monitor, const char *name, size_t n, double shift, double gone)
{
    double *rows = calloc(n * FEATURES, sizeof *rows), *values = calloc(n, sizeof *values);
    for (size_t i = 0; i < n; i++) {
        rows[i * FEATURES] = normal() + shift;
        rows[i * FEATURES + 1] = floor(chance() * 6);
        rows[i * FEATURES + 2] = chance() < gone ? (double)NAN : chance();
        values[i] = rows[i * FEATURES] / 2;
    }
    mw_matrix matrix = {rows, MW_FLOAT64, n, FEATURES, FEATURES, 1};
    mw_monitor_tap(monitor, name, 1, &matrix, values, OUTPUTS);
    free(rows);
    free(values);
}

static void many(mw_monitor *monitor, const char *name, size_t n, double shift, double gone)
{
    for (size_t i = 0; i < n; i += 50)
        tap(monitor, name, 50, shift, gone);
}

static void look_after(mw_monitor *monitor, uint64_t seconds)
{
    now_ns += seconds * SECOND;
    mw_monitor_look(monitor);
}

static mw_watch_report report(mw_monitor *monitor, const char *name, mw_watched *columns)
{
    mw_watch_report found;
    assert_true(mw_monitor_report(monitor, name, 1, &found, columns, COLUMNS));
    return found;
}

static void test_learning(void **state)
{
    mw_monitor *monitor = *state;
    mw_watched columns[COLUMNS];
    mw_watch_report found;
    assert_false(mw_monitor_report(monitor, "a", 1, &found, columns, COLUMNS));
    many(monitor, "a", 400, 0, 0);
    look_after(monitor, 1);
    found = report(monitor, "a", columns);
    assert_true(found.state == MW_WATCH_LEARNING && found.reference_rows == 400 &&
                found.learn_rows == LEARN && found.n_features == 3 && found.n_outputs == 1);
    many(monitor, "a", 900, 0, 0); /* 300 are too many, and not counted */
    look_after(monitor, 1);
    found = report(monitor, "a", columns);
    assert_true(found.state == MW_WATCH_WATCHING && found.rows == 0 && found.n_drifted == 0);
    many(monitor, "a", 100, 0, 0);
    look_after(monitor, 1);
    found = report(monitor, "a", columns);
    assert_true(found.rows == 100 && found.window_rows == 100 && isnan(columns[0].psi));
    assert_false(mw_monitor_report(monitor, "a", 2, &found, columns, COLUMNS));
    assert_true(mw_monitor_memory_bytes(monitor) > LEARN);
}

static void test_a_change_is_found(void **state)
{
    mw_monitor *monitor = *state;
    mw_watched columns[COLUMNS];
    many(monitor, "a", LEARN, 0, 0);
    for (size_t i = 0; i < 40; i++) {
        look_after(monitor, 30);
        many(monitor, "a", 300, 0, 0);
    }
    look_after(monitor, 1);
    mw_watch_report quiet = report(monitor, "a", columns);
    assert_true(quiet.n_drifted == 0 && quiet.rows == 12000 && quiet.window_rows < 12000 &&
                quiet.window_seconds > 840 && quiet.window_seconds <= 900);
    assert_true(columns[0].psi < 0.05 && columns[0].log_e_value < 0);
    look_after(monitor, 60);
    many(monitor, "a", 600, 1, 0.3);
    look_after(monitor, 1);
    mw_watch_report found = report(monitor, "a", columns);
    assert_true(columns[0].drifted && columns[2].drifted && columns[3].drifted);
    assert_true(!columns[1].drifted && found.n_drifted == 3);
    assert_true(columns[0].psi_since > 0.5 && columns[0].log_e_value > 20);
    assert_true(columns[0].since_rows <= 1200 && columns[0].since_seconds < 120);
    assert_true(columns[2].missing > 100 && columns[2].missing_reference == 0);
    for (size_t i = 0; i < 20; i++) { /* and it ends */
        look_after(monitor, 60);
        many(monitor, "a", 600, 0, 0);
    }
    look_after(monitor, 1);
    assert_true(report(monitor, "a", columns).window_rows > 0);
    assert_true(columns[0].psi < 0.1 && !columns[0].drifted);
}

/* A sensor that stood still while the reference was learned, and moves later. */
static void test_a_constant_that_moves(void **state)
{
    mw_monitor *monitor = *state;
    double row[FEATURES] = {4, 4, (double)NAN}, value = 1;
    mw_watched columns[COLUMNS];
    mw_matrix matrix = {row, MW_FLOAT64, 1, FEATURES, FEATURES, 1};
    for (size_t i = 0; i < LEARN; i++)
        mw_monitor_tap(monitor, "c", 1, &matrix, &value, 1);
    look_after(monitor, 1);
    row[1] = -4;
    row[2] = 1;
    for (size_t i = 0; i < 300; i++)
        mw_monitor_tap(monitor, "c", 1, &matrix, &value, 1);
    look_after(monitor, 1);
    report(monitor, "c", columns);
    assert_true(!columns[0].drifted && columns[1].drifted && columns[2].drifted &&
                !columns[3].drifted);
    assert_true(columns[1].outside == 300);
}

static void test_large_requests_are_sampled(void **state)
{
    mw_monitor *monitor = *state;
    mw_watched columns[COLUMNS];
    many(monitor, "a", LEARN, 0, 0);
    look_after(monitor, 1);
    tap(monitor, "a", 100000, 0, 0);
    look_after(monitor, 1);
    uint64_t rows = report(monitor, "a", columns).rows;
    assert_true(rows > 200 && rows <= 256);
}

/* 60 endpoints of one hour each, looked at every minute: no more than 5 % of them ever say so. */
static void test_quiet_hours_stay_quiet(void **state)
{
    mw_monitor *monitor = *state;
    enum { HOURS = TEST_SHARE > 1 ? 20 : 60 };
    size_t alarms = 0;
    for (size_t hour = 0; hour < HOURS; hour++) {
        static char names[HOURS][16]; /* a pointer stands for an endpoint */
        char *name = names[hour];
        mw_watched columns[COLUMNS];
        bool alarmed = false;
        snprintf(name, sizeof names[0], "e%zu", hour);
        many(monitor, name, LEARN, 0, 0.1);
        for (size_t minute = 0; minute < 60; minute++) {
            look_after(monitor, 60);
            many(monitor, name, 100, 0, 0.1);
            if (report(monitor, name, columns).n_drifted > 0)
                alarmed = true;
            for (size_t c = 0; c < COLUMNS; c++)
                alarmed |= columns[c].log_e_value > log(COLUMNS * 20);
        }
        alarms += alarmed;
    }
    if (alarms > HOURS / 20)
        fail_msg("%zu of %d", alarms, HOURS);
}

static void *tap_often(void *monitor)
{
    double row[FEATURES] = {1, 2, 3}, value = 1;
    mw_matrix matrix = {row, MW_FLOAT64, 1, FEATURES, FEATURES, 1};
    for (size_t i = 0; i < 5000; i++)
        mw_monitor_tap(monitor, "threads", 1, &matrix, &value, 1);
    return NULL;
}

static void test_threads_count_every_row(void **state)
{
    mw_monitor *monitor = *state;
    mw_watched columns[COLUMNS];
    pthread_t threads[4];
    tap_often(monitor); /* learns, and the rest is passed over */
    look_after(monitor, 1);
    for (size_t i = 0; i < MW_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, tap_often, monitor), 0);
    for (size_t i = 0; i < 20; i++)
        mw_monitor_look(monitor);
    for (size_t i = 0; i < MW_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    look_after(monitor, 1);
    assert_true(report(monitor, "threads", columns).rows == 20000);
}

static void test_the_watcher_looks_by_itself(void **state)
{
    (void)state;
    mw_monitor *monitor;
    mw_monitor_options options = {.learn_rows = 10};
    assert_int_equal(mw_monitor_new(&options, &monitor, NULL), MW_OK);
    tap(monitor, "a", 10, 0, 0);
    mw_watch_report found = {0};
    mw_watched columns[COLUMNS];
    for (size_t i = 0; i < 100 && found.state == MW_WATCH_LEARNING; i++) {
        struct timespec wait = {0, 50 * 1000 * 1000};
        nanosleep(&wait, NULL);
        assert_true(mw_monitor_report(monitor, "a", 1, &found, columns, COLUMNS));
    }
    assert_int_equal(found.state, MW_WATCH_WATCHING);
    mw_monitor_free(monitor);
    mw_monitor_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_learning, begin, end),
        cmocka_unit_test_setup_teardown(test_a_change_is_found, begin, end),
        cmocka_unit_test_setup_teardown(test_a_constant_that_moves, begin, end),
        cmocka_unit_test_setup_teardown(test_large_requests_are_sampled, begin, end),
        cmocka_unit_test_setup_teardown(test_quiet_hours_stay_quiet, begin, end),
        cmocka_unit_test_setup_teardown(test_threads_count_every_row, begin, end),
        cmocka_unit_test(test_the_watcher_looks_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
