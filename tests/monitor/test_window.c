/* Looking back: windows, series and histograms over minutes, hours and days. Time is set by hand.
 */
#include <math.h>
#include <stdlib.h>

#include "test.h"

#include "pinned.h"

enum { LEARN = 1000, COLUMNS = 2 };

static int begin(void **state)
{
    (void)state;
    return pinned_begin(LEARN, 1700000000000 / 86400000 * 86400000 /* midnight */, 4);
}

/* n rows, of which one in `gone` is missing (0: none), then `seconds` pass. */
static void tap(size_t n, double shift, size_t gone, uint64_t seconds)
{
    for (size_t i = 0; i < n; i++) {
        double x = gone && i % gone == 0 ? (double)NAN : test_chance(&seed) + shift, value = 1;
        mw_matrix matrix = {&x, MW_FLOAT64, 1, 1, 1, 1};
        mw_monitor_tap(monitor, "w", 1, &matrix, &value, 1);
    }
    mw_monitor_look(monitor);
    now_ns += seconds * SECOND;
    now_ms += (int64_t)seconds * 1000;
}

static mw_watch_report window(double seconds, mw_watched *columns)
{
    mw_watch_report report;
    mw_monitor_look(monitor);
    assert_true(mw_monitor_window(monitor, "w", 1, seconds, &report, columns, COLUMNS));
    return report;
}

static void test_windows(void **state)
{
    (void)state;
    mw_watched columns[COLUMNS], verdict[COLUMNS];
    mw_watch_report report;
    assert_false(mw_monitor_window(monitor, "w", 1, 60, &report, columns, COLUMNS));
    tap(LEARN, 0, 0, 1);
    mw_monitor_look(monitor);
    for (size_t hour = 0; hour < 30; hour++) /* drifted in the first three hours */
        for (size_t part = 0; part < 4; part++)
            tap(100, hour < 3 ? 0.5 : 0, hour < 3 ? 10 : 0, 900);
    assert_true(window(3600, columns).window_rows <= 400 && columns[0].psi < 0.1 &&
                columns[0].missing == 0);
    report = window(7 * 86400.0, columns);
    assert_true(report.window_rows == 12000 && report.rows == 12000);
    assert_true(columns[0].psi > 0.05 && columns[0].missing == 120 && columns[0].outside > 400);
    report = window(12 * 3600.0, columns);
    assert_true(report.window_rows > 4000 && report.window_rows <= 4800 && columns[0].psi < 0.05);
    assert_true(report.window_seconds > 11 * 3600 && report.window_seconds <= 12 * 3600);
    assert_true(window(31 * 86400.0, columns).window_rows == 12000); /* by days */
    assert_true(mw_monitor_report(monitor, "w", 1, &report, verdict, COLUMNS));
    assert_true(verdict[0].drifted == columns[0].drifted &&
                verdict[0].log_e_value == columns[0].log_e_value);
}

static void test_series(void **state)
{
    (void)state;
    mw_watch_series series;
    assert_false(mw_monitor_series(monitor, "w", 1, MW_WATCH_PSI, 3600, &series));
    tap(LEARN, 0, 0, 1);
    mw_monitor_look(monitor);
    for (size_t minute = 0; minute < 90; minute++)
        tap(minute < 60 ? 300 : 20, minute < 45 ? 0 : 0.4, 0, 60);
    mw_monitor_look(monitor);
    assert_true(mw_monitor_series(monitor, "w", 1, MW_WATCH_PSI, 3600, &series));
    assert_true(series.n_points == 60 && series.step_seconds == 60 && series.n_columns == COLUMNS);
    for (size_t i = 1; i < 60; i++)
        assert_true(series.t[i] == series.t[i - 1] + 60);
    assert_true(series.rows[5] == 300 && series.rows[50] == 20 && series.rows[59] == 0);
    assert_true(series.values[5] < 0.1 && series.values[20] > 0.3);
    assert_true(series.values[40] > 0.3);  /* with the quarter of an hour before it */
    assert_true(isnan(series.values[59])); /* nothing came yet */
    mw_watch_series_done(&series);
    assert_true(mw_monitor_series(monitor, "w", 1, MW_WATCH_OUTSIDE_SHARE, 86400, &series));
    assert_true(series.step_seconds == 3600 && series.n_points >= 2 && series.n_points <= 3);
    assert_true(series.values[0] < 0.2);
    mw_watch_series_done(&series);
}

static void test_histograms(void **state)
{
    (void)state;
    mw_watch_bin bins[MW_WATCH_BINS];
    double reference = 0, current = 0;
    assert_int_equal(mw_monitor_bins(monitor, "w", 1, 0, 3600, 0, bins), 0);
    tap(LEARN, 0, 0, 1);
    mw_monitor_look(monitor);
    assert_int_equal(mw_monitor_bins(monitor, "w", 1, 9, 3600, 0, bins), 0);
    tap(500, 0.5, 5, 1);
    mw_monitor_look(monitor);
    size_t n = mw_monitor_bins(monitor, "w", 1, 0, 3600, 0, bins);
    assert_int_equal(n, 13);
    for (size_t i = 0; i < n; i++) {
        reference += bins[i].reference;
        current += bins[i].current;
    }
    assert_true(reference == LEARN && current == 500);
    assert_true(isinf(bins[0].low) && isinf(bins[11].high) && bins[0].high == bins[1].low);
    assert_true(bins[12].kind == MW_WATCH_BIN_MISSING && bins[12].current == 100);
    assert_true(bins[11].current > 100 && bins[1].current == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_windows, begin, end),
        cmocka_unit_test_setup_teardown(test_series, begin, end),
        cmocka_unit_test_setup_teardown(test_histograms, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
