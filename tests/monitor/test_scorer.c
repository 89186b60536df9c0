/* Live rows scored for anomalies: from the first rows on, with the training profile's bounds, as
 * much as there is time for. Time is set by hand. */
#include <math.h>
#include <stdlib.h>

#include "test.h"

#include "pinned.h"

enum { LEARN = 600 };

static int begin(void **state)
{
    (void)state;
    return pinned_begin(LEARN, 1700000000000, 4);
}

static void tap(size_t n, double shift)
{
    for (size_t i = 0; i < n; i++) {
        double x = test_chance(&seed) + test_chance(&seed);
        double row[2] = {x + shift, x - 0.1 * test_chance(&seed)}, value = 1;
        mw_matrix matrix = {row, MW_FLOAT64, 1, 2, 2, 1};
        mw_monitor_tap(monitor, "s", 1, &matrix, &value, 1);
    }
    now_ns += SECOND;
    mw_monitor_look(monitor);
}

static mw_watch_report report(void)
{
    mw_watch_report found;
    mw_watched none;
    assert_true(mw_monitor_report(monitor, "s", 1, &found, &none, 0));
    return found;
}

static void test_scores(void **state)
{
    (void)state;
    const double rows[] = {1, 0.95, 1, 9, 1.9, 0.1, (double)NAN, 1};
    double scores[4];
    mw_matrix matrix = {rows, MW_FLOAT64, 4, 2, 2, 1};
    assert_false(mw_monitor_score(monitor, "s", 1, &matrix, scores));
    tap(LEARN - 1, 0);
    assert_false(mw_monitor_score(monitor, "s", 1, &matrix, scores));
    assert_true(isnan(report().anomaly_threshold));
    tap(1, 0);
    assert_true(mw_monitor_score(monitor, "s", 1, &matrix, scores));
    double threshold = report().anomaly_threshold;
    assert_true(scores[0] < 0.5 && scores[1] > 0.9 && scores[3] == 1);
    assert_true(scores[2] > scores[0] && threshold > 0.5 && threshold < 1); /* a broken bond */
    matrix.n_columns = 1;
    assert_false(mw_monitor_score(monitor, "s", 1, &matrix, scores));
    assert_false(mw_monitor_score(monitor, "t", 1, &matrix, scores));
}

static void test_counts_behind_answers(void **state)
{
    (void)state;
    tap(LEARN, 0);
    assert_true(report().scored_rows == 0);
    tap(500, 0);
    mw_watch_report quiet = report();
    assert_true(quiet.scored_rows == 500 && quiet.anomalous_rows <= 10);
    tap(5000, 5); /* a thousand a second at most */
    mw_watch_report loud = report();
    assert_true(loud.scored_rows == 1500);
    assert_true(loud.anomalous_rows - quiet.anomalous_rows == 1000);
}

/* Loaded again and again, one model keeps its scorer, and no rows of those before. */
static void test_a_model_that_is_loaded_again(void **state)
{
    (void)state;
    enum { AGAIN = 50 };
    const mw_column columns[] = {{.name = MW_VIEW("x")}, {.name = MW_VIEW("y")}};
    const mw_schema schema = {.columns = (mw_column *)columns, .n_columns = 2, .named = true};
    mw_watch_subject subject = {.endpoint = "s",
                                .version = 1,
                                .identity = MW_VIEW("same"),
                                .schema = &schema,
                                .n_outputs = 1};
    const double rows[] = {1, 0.95, 1, 9};
    double before[2], after[2];
    mw_matrix matrix = {rows, MW_FLOAT64, 2, 2, 2, 1};
    assert_int_equal(mw_monitor_describe(monitor, &subject, NULL), MW_OK);
    tap(LEARN, 0);
    assert_true(mw_monitor_score(monitor, "s", 1, &matrix, before));
    size_t bytes = mw_monitor_memory_bytes(monitor);
    for (subject.version = 2; subject.version < 2 + AGAIN; subject.version++) {
        assert_int_equal(mw_monitor_describe(monitor, &subject, NULL), MW_OK);
        assert_true(mw_monitor_score(monitor, "s", subject.version, &matrix, after));
        assert_memory_equal(before, after, sizeof after);
        mw_monitor_look(monitor);
    }
    assert_false(mw_monitor_score(monitor, "s", 1, &matrix, after));
    size_t learned = LEARN * 3 * sizeof(double);
    assert_true(mw_monitor_memory_bytes(monitor) - bytes < AGAIN * learned);
    /* and one that came and went before it had all its rows */
    subject.identity = MW_VIEW("other");
    for (; subject.version < 2 + 2 * AGAIN; subject.version++) {
        assert_int_equal(mw_monitor_describe(monitor, &subject, NULL), MW_OK);
        double value = 1;
        mw_monitor_tap(monitor, "s", subject.version, &matrix, (double[]){value, value}, 1);
        mw_monitor_look(monitor);
    }
    assert_true(mw_monitor_memory_bytes(monitor) - bytes < 2 * AGAIN * learned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_scores, begin, end),
        cmocka_unit_test_setup_teardown(test_counts_behind_answers, begin, end),
        cmocka_unit_test_setup_teardown(test_a_model_that_is_loaded_again, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
