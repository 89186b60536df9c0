/* Fairness of live decisions: plans as text, groups of rows and labels, verdicts, and how often
 * they are wrong. */
#include "test.h"

#include "../folder.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "journal/fairness_books.h"

static mw_status take(mw_fair_plan *plan, const char *key, const char *text)
{
    mw_error err;
    mw_status status = MW_OK;
    assert_true(mw_fair_plan_take(plan, mw_view_of(key), mw_view_of(text), &status, &err));
    return status;
}

/* ---- plans ----------------------------------------------------------------------------------- */

static void plans_are_read(void **state)
{
    (void)state;
    mw_fair_plan plan, again;
    mw_fair_plan_init(&plan);
    assert_int_equal(take(&plan, "fairness_groups", "sex, age(25, 60) , sex*age(40)"), MW_OK);
    assert_int_equal(plan.n_attributes, 3);
    assert_string_equal(plan.attributes[2].name, "sex|age");
    assert_int_equal(plan.attributes[1].parts[0].n_bounds, 2);
    assert_int_equal(take(&plan, "fairness_limits",
                          "demographic_parity_ratio >= 0.8, equalized_odds_difference<=0.1"),
                     MW_OK);
    assert_int_equal(plan.n_limits, 2);
    assert_true(plan.limits[1].bound == 0.1);
    assert_int_equal(take(&plan, "fairness_window", "12h"), MW_OK);
    assert_int_equal(plan.window_ms, 12 * 3600 * 1000);
    again = plan;
    assert_true(mw_fair_plan_is_same(&plan, &again));
    assert_int_equal(take(&again, "fairness_groups", "sex, age(25, 61) , sex*age(40)"), MW_OK);
    assert_false(mw_fair_plan_is_same(&plan, &again));
    assert_int_equal(take(&again, "fairness_limits", "none"), MW_OK);
    assert_int_equal(again.n_limits, 0);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"fairness_groups", ""},
        {"fairness_groups", "a,b,c,d,e"},
        {"fairness_groups", "a,a"},
        {"fairness_groups", "age(60,25)"},
        {"fairness_groups", "age(x)"},
        {"fairness_groups", "age("},
        {"fairness_groups", "a*b*c*d"},
        {"fairness_groups", "a*"},
        {"fairness_groups", "x=y"},
        {"fairness_limits", "demographic_parity_ratio <= 0.8"},
        {"fairness_limits", "demographic_parity_ratio >= 1.2"},
        {"fairness_limits", "demographic_parity_difference_to_overall <= 0.1"},
        {"fairness_limits", "kindness >= 0.5"},
        {"fairness_limits", "demographic_parity_ratio"},
        {"fairness_window", "7"},
        {"fairness_window", "99d"},
        {"fairness_window", "10s"},
        {"fairness_threshold", "nan"},
        {"fairness_min_group", "0"},
        {"fairness_positive", ""},
    };
    for (size_t i = 0; i < MW_COUNT(wrong); i++) {
        mw_fair_plan plan;
        mw_fair_plan_init(&plan);
        if (take(&plan, wrong[i][0], wrong[i][1]) != MW_BAD_ARGUMENT)
            fail_msg("%s: %s", wrong[i][0], wrong[i][1]);
    }
}

/* ---- groups ---------------------------------------------------------------------------------- */

static const mw_view sexes[] = {{"F", 1}, {"M", 1}};

static mw_log_column columns[] = {{{"sex", 3}, MW_LOG_KEPT, sexes, 2},
                                  {{"age", 3}, MW_LOG_KEPT, NULL, 0},
                                  {{"zip", 3}, MW_LOG_HASHED, NULL, 0}};
static const mw_log_shape shape = {.endpoint = {"credit", 6},
                                   .version = 1,
                                   .model = 7,
                                   .answer = MW_LOG_PROBABILITY,
                                   .columns = columns,
                                   .n_columns = 3,
                                   .n_outputs = 1};

static void rows_fall_into_groups(void **state)
{
    (void)state;
    static const struct {
        double sex, age, zip;
        const char *told, *group;
    } rows[] = {
        {0, 30, 1, "", "F|25 to 60"},         {1, 25, 1, "", "M|25 to 60"},
        {1, 24.9, 1, "", "M|below 25"},       {0, 60, 1, "", "F|from 60"},
        {0, NAN, 1, "", "F|(missing)"},       {NAN, 30, 1, "", "(missing)|25 to 60"},
        {9, 30, 1, "", "(unknown)|25 to 60"}, {0, 30, 1, "sex=X\nage=70\n", "X|from 60"},
        {0, 30, 1, "age=old\n", "F|old"},
    };
    fair_book book = {.endpoint = (char[]){"credit"}};
    mw_fair_plan_init(&book.plan);
    assert_int_equal(take(&book.plan, "fairness_groups", "sex*age(25,60), zip, faith"), MW_OK);
    for (size_t i = 0; i < MW_COUNT(rows); i++) {
        bool logged = false;
        const double inputs[] = {rows[i].sex, rows[i].age, rows[i].zip};
        uint8_t g = fair_group_of(&book, 0, &shape, inputs, mw_view_of(rows[i].told), &logged);
        assert_true(g < book.names[0].n);
        assert_string_equal(book.names[0].names[g], rows[i].group);
        assert_int_equal(logged, rows[i].told[0] == '\0');
    }
    const double inputs[] = {0, 30, 1};
    assert_int_equal(fair_group_of(&book, 2, &shape, inputs, MW_VIEW("sex=F\n"), NULL),
                     FAIR_NO_GROUP);
    assert_int_equal(fair_group_of(&book, 2, &shape, inputs, MW_VIEW("faith=none\n"), NULL), 0);
    assert_int_equal(fair_group_of(&book, 1, &shape, inputs, MW_VIEW(""), NULL), 0);
    assert_int_equal(book.names[1].names[0][0], '#'); /* nobody's zip is told */
    for (int i = 0; i < 100; i++) {
        char told[40];
        snprintf(told, sizeof told, "faith=%d\n", i);
        (void)fair_group_of(&book, 2, &shape, inputs, mw_view_of(told), NULL);
    }
    assert_int_equal(book.names[2].n, MW_FAIR_GROUPS);
    assert_int_equal(fair_group_of(&book, 2, &shape, inputs, MW_VIEW("faith=77\n"), NULL),
                     MW_FAIR_OTHERS);
}

static void decisions_follow_the_kind_of_model(void **state)
{
    (void)state;
    static const mw_view classes[] = {{"no", 2}, {"yes", 3}, {"wait", 4}};
    mw_fair_plan plan;
    mw_fair_plan_init(&plan);
    const double low[] = {0.4}, high[] = {0.5}, two[] = {0.3, 0.7}, three[] = {0.1, 0.3, 0.6};
    mw_log_shape s = shape;
    assert_int_equal(fair_decision(&plan, &s, low), 0);
    assert_int_equal(fair_decision(&plan, &s, high), 1);
    plan.threshold = 0.3;
    assert_int_equal(fair_decision(&plan, &s, low), 1);
    s.answer = MW_LOG_PROBABILITIES;
    s.n_outputs = 2;
    assert_int_equal(fair_decision(&plan, &s, two), 1);
    s.n_outputs = s.n_classes = 3;
    s.classes = classes;
    assert_int_equal(fair_decision(&plan, &s, three), -1);
    assert_non_null(fair_why_not(&plan, &s));
    assert_int_equal(take(&plan, "fairness_positive", "wait"), MW_OK);
    assert_int_equal(fair_decision(&plan, &s, three), 1);
    assert_int_equal(fair_label(&plan, &s, 1), 0);
    s = (mw_log_shape){.answer = MW_LOG_NUMBER, .n_outputs = 1};
    mw_fair_plan_init(&plan);
    assert_int_equal(fair_decision(&plan, &s, high), -1);
    plan.threshold = 0.45;
    assert_int_equal(fair_decision(&plan, &s, high), 1);
    assert_int_equal(fair_label(&plan, &s, 0.4), 0);
}

static void the_window_moves_on(void **state)
{
    (void)state;
    fair_books books;
    fair_cell cells[MW_FAIR_GROUPS + 1];
    mw_error err;
    mw_fair_plan plan;
    const int64_t hour = 3600 * 1000, now = INT64_C(500000) * 24 * hour;
    const double inputs[] = {0, 30, 1}, yes[] = {0.9}, no[] = {0.1};
    fair_books_init(&books);
    mw_fair_plan_init(&plan);
    assert_int_equal(take(&plan, "fairness_groups", "sex"), MW_OK);
    assert_int_equal(take(&plan, "fairness_window", "1d"), MW_OK);
    assert_int_equal(fair_books_set(&books, "credit", &plan, &err), MW_OK);
    fair_book *book = fair_book_of(&books, MW_VIEW("credit"));
    fair_count_row(&books, book, &shape, now - 30 * hour, inputs, yes);
    fair_count_row(&books, book, &shape, now - 10 * hour, inputs, yes);
    fair_count_row(&books, book, &shape, now, inputs, no);
    fair_sum(book, book->versions[0], 0, now, cells);
    assert_int_equal(cells[0].seen, 2);
    assert_int_equal(cells[0].selected, 1);
    fair_sum(book, book->versions[0], 0, now + 20 * hour, cells);
    assert_int_equal(cells[0].seen, 1);
    fair_count_row(&books, book, &shape, now + 14 * hour, inputs, yes); /* in the place of -10 */
    fair_count_row(&books, book, &shape, now - 10 * hour, inputs, yes); /* too old by now */
    fair_sum(book, book->versions[0], 0, now + 14 * hour, cells);
    assert_int_equal(cells[0].seen, 2);
    mw_log_shape other = shape;
    other.model = 8;
    fair_count_row(&books, book, &other, now + 14 * hour + 60000, inputs, yes);
    assert_false(fair_is_inactive(book, book->versions[0]));
    fair_count_row(&books, book, &other, now + 15 * hour, inputs, yes);
    assert_true(fair_is_inactive(book, book->versions[0]));
    assert_false(fair_is_inactive(book, book->versions[1]));
    for (uint64_t m = 0; m < 20; m++) {
        other.model = m;
        fair_count_row(&books, book, &other, now, inputs, yes);
    }
    assert_int_equal(book->n_versions, FAIR_VERSIONS);
    plan.n_attributes = 0;
    assert_int_equal(fair_books_set(&books, "credit", &plan, &err), MW_OK);
    assert_null(fair_book_of(&books, MW_VIEW("credit")));
    fair_books_done(&books);
}

/* ---- verdicts -------------------------------------------------------------------------------- */

static mw_fair_report report_of(const mw_fair_plan *plan, const double (*groups)[2], size_t n)
{
    mw_fair_report report = {.n_groups = n, .is_logged = true};
    for (size_t g = 0; g < n; g++) {
        snprintf(report.groups[g].name, MW_FAIR_NAME_BYTES, "%c", (char)('a' + g));
        report.groups[g].rows = groups[g][0];
        report.groups[g].selected = groups[g][1];
    }
    fair_judge(plan, &report);
    return report;
}

static void limits_are_judged(void **state)
{
    (void)state;
    static const struct {
        double groups[3][2];
        size_t n;
        mw_fair_verdict verdict;
        double value;
        size_t n_small;
    } cases[] = {
        {{{1000, 500}, {1000, 200}}, 2, MW_FAIR_BROKEN, 0.4, 0},
        {{{10000, 5000}, {10000, 4900}}, 2, MW_FAIR_HOLDS, 0.98, 0},
        {{{100, 50}, {100, 42}}, 2, MW_FAIR_UNDECIDED, 0.84, 0},
        {{{300, 0}, {300, 300}}, 2, MW_FAIR_BROKEN, 0, 0},
        {{{60, 0}, {60, 40}}, 2, MW_FAIR_BROKEN, 0, 0},
        {{{200, 200}, {200, 200}}, 2, MW_FAIR_HOLDS, 1, 0},
        {{{10000, 5000}, {10000, 4900}, {9, 0}}, 3, MW_FAIR_UNDECIDED, 0.98, 1},
        {{{1000, 500}, {1000, 200}, {9, 9}}, 3, MW_FAIR_BROKEN, 0.4, 1},
        {{{1000, 500}}, 1, MW_FAIR_UNDECIDED, NAN, 0},
        {{{1000, 0}, {1000, 0}}, 2, MW_FAIR_UNDECIDED, 1, 0},
        {{{0, 0}, {0, 0}}, 2, MW_FAIR_UNDECIDED, NAN, 2},
    };
    mw_fair_plan plan;
    mw_fair_plan_init(&plan);
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_fair_report r = report_of(&plan, cases[i].groups, cases[i].n);
        const mw_fair_found *f = &r.found[0];
        if (f->verdict != cases[i].verdict || f->n_small != cases[i].n_small)
            fail_msg("case %zu: %s, %zu small, %g in %g..%g", i, mw_fair_verdict_names[f->verdict],
                     f->n_small, f->value, f->low, f->high);
        assert_true(isnan(cases[i].value) ? isnan(f->value)
                                          : fabs(f->value - cases[i].value) < 1e-12);
        assert_true(isnan(f->value) || (f->low <= f->value && f->value <= f->high));
    }
    mw_fair_report r = report_of(&plan, cases[2].groups, 2);
    assert_true(r.found[0].rows_needed > 100); /* of each */
}

static void labels_are_judged(void **state)
{
    (void)state;
    mw_fair_plan plan;
    mw_fair_plan_init(&plan);
    assert_int_equal(take(&plan, "fairness_limits",
                          "equal_opportunity_difference <= 0.1, equalized_odds_ratio >= 0.5"),
                     MW_OK);
    mw_fair_report r = {.n_groups = 2, .is_logged = true};
    snprintf(r.groups[0].name, MW_FAIR_NAME_BYTES, "b");
    snprintf(r.groups[1].name, MW_FAIR_NAME_BYTES, "a");
    r.groups[0] = (mw_fair_group){"b", 1200, 700, {400, 100, 100, 400}, false};
    r.groups[1] = (mw_fair_group){"a", 4000, 600, {250, 100, 250, 400}, false};
    fair_judge(&plan, &r);
    assert_string_equal(r.groups[0].name, "a");
    assert_int_equal(r.found[0].verdict, MW_FAIR_BROKEN); /* 0.8 beside 0.5 */
    assert_true(fabs(r.found[0].value - 0.3) < 1e-12);
    assert_int_equal(r.found[0].highest, 1);
    assert_true(fabs(r.found[1].value - 0.625) < 1e-12);
    assert_true(r.is_coverage_unequal); /* 1000 of 1200 beside 1000 of 4000 */
}

/* Equal groups of this rate, looked at 40 times while rows come: in how many of 100 streams a limit
 * is called broken. */
static size_t accused(const mw_fair_plan *plan, double rate, uint64_t seed)
{
    enum { RUNS = 100, LOOKS = 40, ROWS_A_LOOK = 100 };
    size_t n_wrong = 0;
    for (size_t run = 0; run < RUNS; run++) {
        double groups[3][2] = {{0}};
        bool wrong = false;
        for (size_t look = 0; look < LOOKS && !wrong; look++) {
            for (size_t i = 0; i < ROWS_A_LOOK; i++) {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                groups[i % 3][0]++;
                groups[i % 3][1] += (double)(seed >> 11) * 0x1p-53 < rate;
            }
            wrong = report_of(plan, groups, 3).found[0].verdict == MW_FAIR_BROKEN;
        }
        n_wrong += wrong;
    }
    return n_wrong;
}

static void equal_groups_are_seldom_accused(void **state)
{
    (void)state;
    static const char *const limits[] = {"demographic_parity_difference <= 0.01",
                                         "demographic_parity_ratio >= 0.95"};
    static const double rates[] = {0.01, 0.3, 0.99};
    for (size_t i = 0; i < MW_COUNT(limits); i++)
        for (size_t r = 0; r < MW_COUNT(rates); r++) {
            mw_fair_plan plan;
            mw_fair_plan_init(&plan);
            assert_int_equal(take(&plan, "fairness_limits", limits[i]), MW_OK);
            assert_true(accused(&plan, rates[r], 88172645463325252 + i + 7 * r) <= 3);
        }
}

/* ---- a journal at work ----------------------------------------------------------------------- */

enum { TAPPERS = 2, REQUESTS = 150, ROWS = 2 };

static mw_column features[] = {{.name = {"age", 3}}};
static const mw_forest forest = {.n_features = 1,
                                 .n_classes = 2,
                                 .transform = MW_TRANSFORM_SIGMOID,
                                 .schema = {.columns = features, .n_columns = 1}};

/* Each request has one young row, refused, and one old one, selected. */
static void *tap(void *given)
{
    mw_journal *journal = given;
    for (unsigned i = 0; i < REQUESTS; i++) {
        char id[64];
        const double rows[ROWS] = {20, 70}, values[ROWS] = {0.2, 0.8};
        const mw_matrix matrix = {rows, MW_FLOAT64, ROWS, 1, 1, 1};
        snprintf(id, sizeof id, "%lx-%u", (unsigned long)pthread_self(), i);
        mw_journal_tap(
            journal, &(mw_journal_entry){"credit", 1, &forest, mw_view_of(id), &matrix, values, 1});
    }
    return NULL;
}

static void see_all(void *user, const mw_fair_report *report)
{
    *(mw_fair_report *)user = *report;
}

static mw_journal *open_journal(const char *folder)
{
    mw_journal *journal = NULL;
    mw_error err;
    const mw_journal_options options = {.folder = folder, .sample = 1, .flush_ms = 10};
    if (mw_journal_open(&options, &journal, &err) != MW_OK)
        fail_msg("%s", err.what);
    return journal;
}

static mw_fair_report wait_for(mw_journal *journal, double rows)
{
    mw_fair_report report = {.n_groups = 0};
    for (int i = 0; i < 500; i++) {
        double sum = 0;
        assert_true(mw_journal_each_fairness(journal, MW_VIEW("credit"), see_all, &report));
        for (size_t g = 0; g < report.n_groups; g++)
            sum += report.groups[g].rows;
        if (sum == rows)
            return report;
        usleep(10000);
    }
    fail_msg("%zu groups", report.n_groups);
    return report;
}

static void a_journal_counts_while_plans_change(void **state)
{
    (void)state;
    char folder[TEST_FOLDER_BYTES];
    mw_error err;
    mw_fair_plan plan;
    pthread_t threads[TAPPERS];
    assert_int_equal(test_folder_make(folder), 0);
    mw_journal *journal = open_journal(folder);
    mw_fair_plan_init(&plan);
    assert_false(mw_journal_each_fairness(journal, MW_VIEW("credit"), see_all, NULL));
    for (size_t i = 0; i < TAPPERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, tap, journal), 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(take(&plan, "fairness_groups", i % 2 ? "age(30)" : "age(50)"), MW_OK);
        assert_int_equal(mw_journal_watch_fairness(journal, "credit", &plan, &err), MW_OK);
    }
    for (size_t i = 0; i < TAPPERS; i++)
        pthread_join(threads[i], NULL);
    mw_journal_close(journal);
    journal = open_journal(folder); /* all of it is read again, once, whenever the plan came */
    assert_int_equal(mw_journal_watch_fairness(journal, "credit", &plan, &err), MW_OK);
    mw_fair_report report = wait_for(journal, TAPPERS * REQUESTS * ROWS);
    assert_int_equal(report.n_groups, 2);
    assert_string_equal(report.groups[0].name, "below 30");
    assert_true(report.groups[0].rows == TAPPERS * REQUESTS && report.groups[0].selected == 0);
    assert_true(report.groups[1].selected == TAPPERS * REQUESTS && report.is_logged);
    assert_int_equal(report.found[0].verdict, MW_FAIR_BROKEN);
    plan.n_attributes = 0;
    assert_int_equal(mw_journal_watch_fairness(journal, "credit", &plan, &err), MW_OK);
    assert_false(mw_journal_each_fairness(journal, MW_VIEW("credit"), see_all, &report));
    mw_journal_close(journal);
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_are_read),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(rows_fall_into_groups),
        cmocka_unit_test(decisions_follow_the_kind_of_model),
        cmocka_unit_test(the_window_moves_on),
        cmocka_unit_test(limits_are_judged),
        cmocka_unit_test(labels_are_judged),
        cmocka_unit_test(equal_groups_are_seldom_accused),
        cmocka_unit_test(a_journal_counts_while_plans_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
