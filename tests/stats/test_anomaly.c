/* Isolation forest and the scores of rows: what stands alone scores high, the same rows and seeds
 * give the same bits in any block, and every cause is told. */
#include <math.h>
#include <stdlib.h>

#include "../chance.h"
#include "stats/stats.h"
#include "test.h"

enum { ROWS = 1000, FEATURES = 3 };

static double rows[ROWS * FEATURES];
static uint64_t seed;

static void fill(void)
{
    seed = 9;
    for (size_t i = 0; i < (size_t)ROWS * FEATURES; i++)
        rows[i] = test_chance(&seed) + test_chance(&seed) + test_chance(&seed);
}

static mw_matrix matrix_of(const double *values, size_t n)
{
    return (mw_matrix){values, MW_FLOAT64, n, FEATURES, FEATURES, 1};
}

static mw_isolation *fit(uint64_t of_seed)
{
    mw_isolation *forest;
    mw_matrix matrix = matrix_of(rows, ROWS);
    mw_isolation_options options = {.seed = of_seed};
    fill();
    assert_int_equal(mw_isolation_fit(&matrix, &options, &forest, NULL), MW_OK);
    return forest;
}

static void test_who_stands_alone(void **state)
{
    (void)state;
    const double odd[] = {
        1.5, 1.5, 1.5, 9, -9, 9, 1.5, 1.5, 40, (double)NAN, (double)NAN, 1.5, (double)INFINITY,
        1.5, 1.5};
    double scores[5], without;
    mw_isolation *forest = fit(1);
    mw_matrix matrix = matrix_of(odd, 5);
    mw_isolation_score(forest, &matrix, scores);
    assert_true(scores[0] < 0.5 && scores[1] > 0.7 && scores[2] > 0.5 && scores[3] < 0.55);
    assert_true(scores[4] > scores[0] && scores[1] > scores[2]);
    assert_int_equal(mw_isolation_cause(forest, odd + 6, &without), 2);
    assert_true(without < scores[2]);
    mw_isolation_free(forest);
    mw_isolation_free(NULL);
}

static void test_equal_bits(void **state)
{
    (void)state;
    static double all[ROWS], again[ROWS];
    mw_isolation *forest = fit(7), *same = fit(7), *other = fit(8);
    mw_matrix matrix = matrix_of(rows, ROWS);
    mw_isolation_score(forest, &matrix, all);
    mw_isolation_score(same, &matrix, again);
    assert_memory_equal(all, again, sizeof all);
    for (size_t i = 0; i < ROWS; i++) {
        mw_matrix one = matrix_of(rows + i * FEATURES, 1);
        mw_isolation_score(forest, &one, &again[i]);
    }
    assert_memory_equal(all, again, sizeof all);
    mw_isolation_score(other, &matrix, again);
    assert_memory_not_equal(all, again, sizeof all);
    mw_isolation_free(forest);
    mw_isolation_free(same);
    mw_isolation_free(other);
}

static void test_odd_references(void **state)
{
    (void)state;
    double one[] = {1, 2, (double)NAN}, score;
    mw_isolation *forest;
    mw_error err;
    mw_matrix matrix = matrix_of(one, 1);
    assert_int_equal(mw_isolation_fit(&matrix, NULL, &forest, NULL), MW_OK); /* one row */
    mw_isolation_score(forest, &matrix, &score);
    assert_true(score == 0.5);
    mw_isolation_free(forest);
    double same[30];
    for (size_t i = 0; i < MW_COUNT(same); i++)
        same[i] = i % 3 == 1 ? (double)INFINITY : 4;
    matrix = matrix_of(same, 10);
    assert_int_equal(mw_isolation_fit(&matrix, NULL, &forest, NULL), MW_OK); /* nothing varies */
    matrix.n_rows = 1;
    mw_isolation_score(forest, &matrix, &score);
    assert_true(fabs(score - 0.5) < 1e-6);
    mw_isolation_free(forest);
    matrix = matrix_of(one, 0);
    assert_int_not_equal(mw_isolation_fit(&matrix, NULL, &forest, &err), MW_OK);
    assert_true(err.mend[0]);
}

static void test_causes(void **state)
{
    (void)state;
    static double column[ROWS], codes[ROWS];
    const mw_view texts[] = {MW_VIEW("a"), MW_VIEW("b")};
    mw_profile profile;
    mw_anomaly found[5];
    fill();
    for (size_t i = 0; i < ROWS; i++) {
        column[i] = rows[i * FEATURES];
        codes[i] = i % 50 == 0;
    }
    mw_profile_init(&profile);
    mw_profile_source number = {.name = MW_VIEW("x"), .values = column, .n = ROWS};
    mw_profile_source text = {
        .name = MW_VIEW("c"), .values = codes, .n = ROWS, .texts = texts, .n_texts = 2};
    assert_int_equal(mw_profile_add(&profile, &number, NULL), MW_OK);
    assert_int_equal(mw_profile_add(&profile, &text, NULL), MW_OK);
    const mw_anomaly_bound bounds[] = {mw_anomaly_bound_of(&profile.columns[0]),
                                       mw_anomaly_bound_of(&profile.columns[1])};
    double common = mw_anomaly_rarity(&profile.columns[1], MW_VIEW("a"));
    double rare = mw_anomaly_rarity(&profile.columns[1], MW_VIEW("b"));
    double new = mw_anomaly_rarity(&profile.columns[1], MW_VIEW("z"));
    assert_true(common < 0.03 && fabs(rare - log(50)) < 1e-9 && isinf(new));
    const double values[] = {1.5, common, 30, common, 1.5, new, (double)NAN, rare, 1.5, rare};
    assert_int_equal(mw_anomaly_score(bounds, 2, NULL, values, 5, found, NULL), MW_OK);
    assert_true(found[0].score == 0 && isnan(found[0].joint) && found[4].score == 0);
    assert_true(found[1].score > 0.9 && found[1].kind == MW_ANOMALY_BEYOND && !found[1].column);
    assert_true(found[2].score == 1 && found[2].kind == MW_ANOMALY_NEW_CATEGORY &&
                found[2].column == 1);
    assert_true(found[3].score == 1 && found[3].kind == MW_ANOMALY_MISSING);
    for (mw_anomaly_kind kind = MW_ANOMALY_JOINT; kind <= MW_ANOMALY_MISSING; kind++)
        assert_string_not_equal(mw_anomaly_kind_name(kind), "unknown");
    mw_profile_done(&profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_stands_alone),
        cmocka_unit_test(test_equal_bits),
        cmocka_unit_test(test_odd_references),
        cmocka_unit_test(test_causes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
