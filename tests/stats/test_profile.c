/* Training profiles: what is made of columns, that the JSON reads back to the same, what is
 * refused; and drift against one, which equals drift against the rows in the same bins. */
#include <math.h>
#include <stdlib.h>

#include "../chance.h"
#include "stats/stats.h"
#include "test.h"

enum { ROWS = 3000 };

static const mw_view cities[] = {{"Ulm", 3}, {"Bonn", 4}, {"Köln", 5}};
static double numbers[ROWS], codes[ROWS];
static uint64_t seed;

static void fill(double shift)
{
    for (size_t i = 0; i < ROWS; i++) {
        double u = 1 - test_chance(&seed);
        numbers[i] = i % 100 == 7 ? (double)NAN : shift - log(u);
        codes[i] = i % 50 == 3 ? (double)NAN : (double)(i % 10 < 6 ? 1 : i % 10 < 9 ? 0 : 2);
    }
    numbers[0] = (double)INFINITY;
}

static void make(mw_profile *profile)
{
    seed = 5;
    fill(0);
    mw_profile_init(profile);
    mw_profile_source number = {.name = MW_VIEW("x"), .values = numbers, .n = ROWS};
    mw_profile_source city = {.name = MW_VIEW("city"),
                              .values = codes,
                              .n = ROWS,
                              .texts = cities,
                              .n_texts = 3,
                              .is_label = true};
    assert_int_equal(mw_profile_set_source(profile, MW_VIEW("train.csv"), NULL), MW_OK);
    assert_int_equal(mw_profile_add(profile, &number, NULL), MW_OK);
    assert_int_equal(mw_profile_add(profile, &city, NULL), MW_OK);
}

static void test_columns(void **state)
{
    (void)state;
    mw_profile profile;
    make(&profile);
    const mw_profile_column *x = mw_profile_find(&profile, MW_VIEW("x"));
    const mw_profile_column *city = mw_profile_find(&profile, MW_VIEW("city"));
    assert_true(x && city && !mw_profile_find(&profile, MW_VIEW("y")) && profile.rows == ROWS);
    assert_true(x->missing == 30 && x->infinite == 1 && x->n == ROWS - 31 && x->distinct == x->n);
    assert_true(fabs(x->mean - 1) < 0.1 && fabs(x->median - 0.693) < 0.05 && x->mad > 0.4);
    assert_true(fabs(x->skewness - 2) < 0.5 && x->low < 0.01 && x->high > 5);
    double sum = 0;
    for (size_t i = 0; i <= x->n_edges; i++)
        sum += x->counts[i];
    assert_true(sum == x->n && x->n_edges == 11 && x->counts[0] == 0 && x->counts[11] == 0);
    assert_true(x->quantiles[0] == x->edges[1] || x->quantiles[0] > x->edges[0]);
    assert_true(city->is_category && city->is_label && city->n_categories == 3 &&
                city->others == 0 && city->missing == 60);
    assert_true(mw_view_is(city->categories[0].text, "Bonn") && city->categories[0].rows > 1700);
    mw_profile_done(&profile);
}

static void test_json_reads_back(void **state)
{
    (void)state;
    mw_profile profile, again;
    mw_buf text, text_again;
    make(&profile);
    mw_buf_init(&text, MW_MIB);
    mw_buf_init(&text_again, MW_MIB);
    mw_profile_write(&profile, &text);
    assert_int_equal(mw_profile_read(mw_buf_as_view(&text), &again, NULL), MW_OK);
    mw_profile_write(&again, &text_again);
    assert_string_equal(text.data, text_again.data);
    mw_profile_done(&profile);
    mw_profile_done(&again);
    mw_buf_done(&text);
    mw_buf_done(&text_again);
}

#define HEAD "{\"format\":\"millwright-profile\",\"version\":1,\"rows\":4,\"columns\":["
#define CITY "{\"name\":\"c\",\"kind\":\"category\",\"count\":4,\"missing\":0,\"infinite\":0,"

static const struct bad_case {
    const char *text, *what;
} bad_cases[] = {
    {"[]", "no JSON object"},
    {"{}", "\"format\""},
    {"{\"format\":\"millwright-profile\",\"version\":9}", "version 9"},
    {HEAD "]}", "columns"},
    {HEAD "{\"kind\":\"number\"}]}", "no name"},
    {HEAD "{\"name\":\"c\",\"kind\":\"text\"}]}", "kind"},
    {HEAD "{\"name\":\"c\",\"kind\":\"number\",\"count\":-1}]}", "a count"},
    {HEAD "{\"name\":\"c\",\"kind\":\"number\",\"count\":3,\"missing\":0,\"infinite\":0,"
          "\"distinct\":1}]}",
     "add up to \"rows\""},
    {HEAD "{\"name\":\"c\",\"kind\":\"number\",\"count\":4,\"missing\":0,\"infinite\":0,"
          "\"distinct\":1,\"quantiles\":[1,2]}]}",
     "101"},
    {HEAD CITY "\"distinct\":5,\"categories\":[],\"others\":4}]}", "a count"},
    {HEAD CITY "\"distinct\":2,\"categories\":[[\"a\",1]],\"others\":0}]}", "add up"},
    {HEAD CITY "\"distinct\":2,\"categories\":[[\"a\"]],\"others\":0}]}", "pair"},
    {HEAD CITY "\"distinct\":1,\"categories\":[[\"a\",4]],\"others\":0}," CITY
               "\"distinct\":1,\"categories\":[[\"a\",4]],\"others\":0}]}",
     "one name"},
};

static void test_what_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(bad_cases); i++) {
        mw_error err;
        mw_profile profile;
        mw_status status = mw_profile_read(mw_view_of(bad_cases[i].text), &profile, &err);
        mw_profile_done(&profile);
        if (status == MW_OK || !strstr(err.what, bad_cases[i].what) || !err.mend[0])
            fail_msg("%s: got '%s'", bad_cases[i].text, status == MW_OK ? "ok" : err.what);
    }
}

static mw_drift_feature against(const mw_profile_column *column, const double *values,
                                const mw_view *texts, mw_drift_method method)
{
    double room[ROWS], scratch[ROWS];
    mw_drift_options options;
    mw_drift_feature feature;
    mw_drift_options_init(MW_DRIFT_MILLWRIGHT, &options);
    options.numeric_method = options.category_method = method;
    mw_sample sample = mw_sample_make(values, ROWS, 1, room, scratch);
    assert_int_equal(mw_drift_measure_profile(column, &sample, texts, &options, &feature, NULL),
                     MW_OK);
    return feature;
}

static void test_drift_against_a_profile(void **state)
{
    (void)state;
    mw_profile profile;
    mw_error err;
    make(&profile);
    fill(0);
    const mw_profile_column *x = &profile.columns[0], *city = &profile.columns[1];
    mw_drift_feature same = against(x, numbers, NULL, MW_DRIFT_AUTO);
    assert_true(same.method == MW_DRIFT_PSI && same.statistic < 0.05 && same.threshold == 0.2 &&
                same.n_bins == 13 - 2 + 1); /* nothing is below all; some are above, and missing */
    fill(0.5);
    mw_drift_feature moved = against(x, numbers, NULL, MW_DRIFT_AUTO);
    assert_true(moved.statistic > 0.5 && moved.p_value < 1e-10 && moved.log_e_value > 20 &&
                moved.mean_current > moved.mean_reference);
    mw_drift_feature cities_same = against(city, codes, cities, MW_DRIFT_AUTO);
    assert_true(cities_same.method == MW_DRIFT_JENSEN_SHANNON && cities_same.statistic == 0);
    const mw_view others[] = {MW_VIEW("Ulm"), MW_VIEW("Rom"), MW_VIEW("Bonn")};
    double counts[MW_PROFILE_CATEGORIES + 2], room[ROWS], scratch[ROWS];
    mw_sample sample = mw_sample_make(codes, ROWS, 1, room, scratch);
    assert_int_equal(mw_profile_count(city, &sample, others, counts), 5);
    assert_true(counts[0] > 0 && counts[2] == 0 && counts[4] > 1700); /* Rom is new */
    mw_drift_options options;
    mw_drift_feature none;
    mw_drift_options_init(MW_DRIFT_MILLWRIGHT, &options);
    options.numeric_method = MW_DRIFT_KS;
    assert_int_equal(mw_drift_measure_profile(x, &sample, NULL, &options, &none, &err),
                     MW_BAD_ARGUMENT);
    assert_int_equal(err.code, MW_E_PROFILE_METHOD);
    mw_profile_done(&profile);
}

static void test_columns_without_values(void **state)
{
    (void)state;
    const double nothing[] = {(double)NAN, (double)NAN};
    mw_profile profile, again;
    mw_buf text;
    mw_profile_init(&profile);
    mw_profile_source source = {.name = MW_VIEW("x"), .values = nothing, .n = 2};
    assert_int_equal(mw_profile_add(&profile, &source, NULL), MW_OK);
    source.name = MW_VIEW("c");
    source.is_category = true;
    assert_int_equal(mw_profile_add(&profile, &source, NULL), MW_OK);
    mw_buf_init(&text, MW_MIB);
    mw_profile_write(&profile, &text);
    assert_int_equal(mw_profile_read(mw_buf_as_view(&text), &again, NULL), MW_OK);
    assert_true(isnan(again.columns[0].mean) && !again.columns[0].edges &&
                again.columns[1].n_categories == 0);
    mw_drift_options options;
    mw_drift_feature feature;
    mw_drift_options_init(MW_DRIFT_MILLWRIGHT, &options);
    mw_sample sample = {.sorted = numbers, .n = 10};
    assert_int_equal(
        mw_drift_measure_profile(&again.columns[0], &sample, NULL, &options, &feature, NULL),
        MW_OK);
    assert_true(isnan(feature.statistic));
    mw_profile_done(&profile);
    mw_profile_done(&again);
    mw_buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_json_reads_back),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_drift_against_a_profile),
        cmocka_unit_test(test_columns_without_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
