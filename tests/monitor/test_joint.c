/* Features that part ways in live rows while each alone stays as it was; and rows that do not. */
#include <math.h>

#include "monitor/watch.h"
#include "test.h"

#include "pinned.h"

enum { FEATURES = 4, LEARN = 2000, ROWS = 50 };

static int begin(void **state)
{
    (void)state;
    return pinned_begin(LEARN, 1700000000000, 11);
}

static double draw(void)
{
    double sum = 0;
    for (unsigned i = 0; i < 12; i++)
        sum += test_chance(&seed);
    return sum - 6;
}

/* Feature 1 goes with 0, but for a share of the rows; 2 and 3 go alone. */
static void serve(size_t seconds, double parted)
{
    for (size_t s = 0; s < seconds; s++) {
        double rows[ROWS * FEATURES], outputs[ROWS];
        for (size_t i = 0; i < ROWS; i++) {
            double *row = rows + i * FEATURES, base = draw();
            row[0] = base;
            row[1] = test_chance(&seed) < parted ? 3 * draw() : 3 * base;
            row[2] = draw() * 100;
            row[3] = test_chance(&seed) < 0.1 ? (double)NAN : draw();
            outputs[i] = test_chance(&seed);
        }
        mw_matrix matrix = {rows, MW_FLOAT64, ROWS, FEATURES, FEATURES, 1};
        mw_monitor_tap(monitor, "j", 1, &matrix, outputs, 1);
        now_ns += SECOND;
        now_ms += 1000;
        mw_monitor_look(monitor);
    }
}

static mw_watch_report told(mw_watched columns[FEATURES + 1])
{
    mw_watch_report report;
    assert_true(mw_monitor_report(monitor, "j", 1, &report, columns, FEATURES + 1));
    return report;
}

static void test_parting_ways(void **state)
{
    mw_watched columns[FEATURES + 1];
    (void)state;
    serve(30, 0);
    assert_false(told(columns).joint.is_known);
    serve(20, 0);
    for (unsigned minute = 0; minute < (TEST_WATCHED ? 10 : 30); minute++) {
        serve(60, 0);
        mw_watch_joint usual = told(columns).joint;
        assert_true(usual.is_known && !usual.drifted && usual.psi < 0.1);
        assert_int_equal(usual.n_causes, 0);
    }
    serve(120, 1);
    mw_watch_report report = told(columns);
    assert_true(report.joint.drifted && report.joint.psi_since >= 0.2);
    assert_true(report.joint.since_seconds > 60 && report.joint.since_seconds < 240);
    assert_true(report.joint.n_causes >= 2 && report.joint.causes[0] < 2 &&
                report.joint.causes[1] < 2);
    assert_int_equal(report.n_drifted, 0); /* each alone is as before */
    if (TEST_WATCHED)
        return; /* until it is over, twenty minutes more */
    serve(20 * 60, 0);
    assert_false(told(columns).joint.psi_since >= 0.2 && told(columns).joint.psi >= 0.2);
}

static void test_one_feature_has_no_company(void **state)
{
    mw_watch_report report;
    mw_watched columns[2];
    (void)state;
    for (size_t s = 0; s < 60; s++) {
        double rows[ROWS], outputs[ROWS];
        for (size_t i = 0; i < ROWS; i++)
            rows[i] = outputs[i] = draw();
        mw_matrix matrix = {rows, MW_FLOAT64, ROWS, 1, 1, 1};
        mw_monitor_tap(monitor, "one", 1, &matrix, outputs, 1);
        now_ns += SECOND;
        mw_monitor_look(monitor);
    }
    assert_true(mw_monitor_report(monitor, "one", 1, &report, columns, 2));
    assert_true(report.state == MW_WATCH_WATCHING && !report.joint.is_known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_parting_ways, begin, end),
        cmocka_unit_test_setup_teardown(test_one_feature_has_no_company, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
