/* What is learned of a stream, as bytes and back: it goes on to the bit, and no cut or changed byte
 * is taken for what it was. */
#include <math.h>
#include <stdlib.h>

#include "../chance.h"
#include "stats/stats.h"
#include "test.h"

enum { ROWS = 600, COLUMNS = 3 };

static uint64_t seed;
static double rows[ROWS * COLUMNS], targets[ROWS], labels[ROWS];
static mw_buf bytes;

static int begin(void **state)
{
    (void)state;
    seed = 21;
    for (size_t i = 0; i < ROWS; i++) {
        double *row = rows + i * COLUMNS;
        row[0] = test_chance(&seed);
        row[1] = floor(test_chance(&seed) * 5);
        row[2] = i % 17 == 0 ? (double)NAN : row[0] * 3 + test_chance(&seed);
        targets[i] = row[0] * row[0] + row[1];
        labels[i] = test_chance(&seed) < row[0];
    }
    mw_buf_init(&bytes, 16 * MW_MIB);
    return 0;
}

static int end(void **state)
{
    (void)state;
    mw_buf_done(&bytes);
    return 0;
}

/* In memory of exactly their size, so that a sanitizer sees a byte too many. */
static mw_unpack copied(size_t size, char **ret_copy)
{
    *ret_copy = malloc(size + (size == 0));
    assert_non_null(*ret_copy);
    memcpy(*ret_copy, bytes.data, size);
    return mw_unpack_of((mw_view){*ret_copy, size});
}

/* ---- each kind: read, and true where all bytes were taken for one -----------------------------
 */

static bool read_kll(mw_unpack *in)
{
    mw_error none;
    mw_kll *sketch = mw_kll_unpack(in);
    if (sketch)
        assert_int_equal(mw_kll_add(sketch, rows, ROWS, &none), MW_OK);
    mw_kll_free(sketch);
    return sketch && !in->failed;
}

static bool read_distinct(mw_unpack *in)
{
    mw_distinct sketch;
    return mw_distinct_unpack(in, &sketch) && mw_distinct_count(&sketch) >= 0;
}

static bool read_heavy(mw_unpack *in)
{
    mw_heavy sketch;
    if (!mw_heavy_unpack(in, &sketch))
        return false;
    mw_heavy_add(&sketch, rows, ROWS);
    return true;
}

static bool read_moments(mw_unpack *in)
{
    mw_moments moments;
    return mw_moments_unpack(in, &moments);
}

static bool read_boost(mw_unpack *in)
{
    double said[ROWS];
    mw_boost *boost = mw_boost_unpack(in);
    if (boost && mw_boost_columns(boost) <= COLUMNS)
        mw_boost_predict(boost, rows, ROWS, COLUMNS, said);
    mw_boost_free(boost);
    return boost && !in->failed;
}

static bool read_isotonic(mw_unpack *in)
{
    mw_isotonic *curve = mw_isotonic_unpack(in);
    bool done = curve && mw_isotonic_at(curve, 0.5) >= 0;
    mw_isotonic_free(curve);
    return done;
}

static bool read_chances(mw_unpack *in)
{
    mw_class_chances *chances = mw_class_chances_unpack(in);
    mw_class_chances_free(chances);
    return chances != NULL;
}

static bool read_joint(mw_unpack *in)
{
    double errors[ROWS];
    mw_joint *joint = mw_joint_unpack(in);
    if (joint && mw_joint_columns(joint) <= COLUMNS)
        assert_int_equal(mw_joint_errors(joint, rows, ROWS, COLUMNS, errors, NULL, NULL), MW_OK);
    mw_joint_free(joint);
    return joint && !in->failed;
}

static bool read_forest(mw_unpack *in)
{
    double scores[ROWS];
    mw_isolation *forest = mw_isolation_unpack(in);
    const mw_matrix matrix = {rows, MW_FLOAT64, ROWS, COLUMNS, COLUMNS, 1};
    if (forest && mw_isolation_features(forest) <= COLUMNS)
        mw_isolation_score(forest, &matrix, scores);
    mw_isolation_free(forest);
    return forest && !in->failed;
}

/* Every cut is refused; of changed bytes what is taken can be used: the sanitizers watch. */
static void check(bool (*read)(mw_unpack *in))
{
    char *copy;
    size_t step = bytes.size > 4000 ? bytes.size / 400 : 1;
    mw_unpack in = copied(bytes.size, &copy);
    assert_false(bytes.failed);
    assert_true(read(&in) && in.at == in.end);
    free(copy);
    for (size_t size = 0; size < bytes.size; size += step) {
        in = copied(size, &copy);
        assert_false(read(&in) && !in.failed);
        free(copy);
    }
    for (size_t n = 0; n < 400; n++) {
        in = copied(bytes.size, &copy);
        for (size_t k = 0; k <= n % 3; k++)
            copy[(size_t)(test_chance(&seed) * (double)bytes.size)] ^=
                (char)(1 + (size_t)(test_chance(&seed) * 255));
        (void)read(&in);
        free(copy);
    }
}

/* ---- going on -------------------------------------------------------------------------------- */

/* Levels of files of before waited for nobody, and were in no order. */
static void test_kll_of_before(void **state)
{
    enum { LOW = 3, HIGH = 40 };
    (void)state;
    const double low[LOW] = {5, -1, 3}, q[] = {0, 0.5, 1};
    double high[HIGH], got[3];
    for (size_t i = 0; i < HIGH; i++)
        high[i] = (double)((i * 17) % HIGH);
    const uint64_t wholes[] = {8, 2, LOW + 2 * HIGH, 1};
    for (size_t i = 0; i < MW_COUNT(wholes); i++)
        mw_pack_whole(&bytes, wholes[i]);
    mw_pack_whole(&bytes, LOW);
    mw_pack_numbers(&bytes, low, LOW);
    mw_pack_whole(&bytes, HIGH);
    mw_pack_numbers(&bytes, high, HIGH);
    mw_unpack in = mw_unpack_of(mw_buf_as_view(&bytes));
    mw_kll *sketch = mw_kll_unpack(&in);
    assert_non_null(sketch);
    assert_int_equal(mw_kll_quantiles(sketch, q, MW_COUNT(q), got, NULL), MW_OK);
    assert_true(got[0] == -1 && fabs(got[1] - 19) <= 1 && got[2] == HIGH - 1);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(mw_kll_add(sketch, &high[i % HIGH], 1, NULL), MW_OK);
    assert_true(mw_kll_count(sketch) == 1083 && mw_kll_held(sketch) < 64);
    assert_int_equal(mw_kll_quantiles(sketch, q, MW_COUNT(q), got, NULL), MW_OK);
    assert_true(got[0] >= -1 && fabs(got[1] - 19.5) < 8 && got[2] <= HIGH - 1);
    mw_kll_free(sketch);
}

static void test_kll(void **state)
{
    static const double q[] = {0, 0.01, 0.5, 0.9, 1};
    double a[MW_COUNT(q)], b[MW_COUNT(q)], value;
    mw_kll *sketch;
    (void)state;
    assert_int_equal(mw_kll_new(160, 7, &sketch, NULL), MW_OK);
    for (size_t i = 0; i < 70000; i++) {
        value = test_chance(&seed) * 1000;
        assert_int_equal(mw_kll_add(sketch, &value, 1, NULL), MW_OK);
    }
    mw_kll_pack(sketch, &bytes);
    mw_unpack in = mw_unpack_of(mw_buf_as_view(&bytes));
    mw_kll *again = mw_kll_unpack(&in);
    assert_true(again && in.at == in.end && mw_kll_count(again) == 70000);
    for (size_t i = 0; i < 30000; i++) {
        value = test_chance(&seed) * 2000;
        assert_int_equal(mw_kll_add(sketch, &value, 1, NULL), MW_OK);
        assert_int_equal(mw_kll_add(again, &value, 1, NULL), MW_OK);
    }
    assert_int_equal(mw_kll_quantiles(sketch, q, MW_COUNT(q), a, NULL), MW_OK);
    assert_int_equal(mw_kll_quantiles(again, q, MW_COUNT(q), b, NULL), MW_OK);
    assert_memory_equal(a, b, sizeof a);
    mw_kll_free(sketch);
    mw_kll_free(again);
    check(read_kll);
}

static void test_counters(void **state)
{
    static mw_heavy heavy, again;
    static mw_heavy_counter list[MW_HEAVY_COUNTERS], other[MW_HEAVY_COUNTERS];
    (void)state;
    mw_heavy_init(&heavy);
    for (size_t i = 0; i < 5000; i++) {
        double value = floor(1 / (test_chance(&seed) + 1e-3)), rare = (double)i;
        mw_heavy_add(&heavy, &value, 1);
        mw_heavy_add(&heavy, &rare, i % 7 == 0);
    }
    mw_heavy_pack(&heavy, &bytes);
    mw_unpack in = mw_unpack_of(mw_buf_as_view(&bytes));
    assert_true(mw_heavy_unpack(&in, &again) && in.at == in.end && again.n == heavy.n);
    for (size_t i = 0; i < 3000; i++) {
        double value = floor(test_chance(&seed) * 400);
        mw_heavy_add(&heavy, &value, 1);
        mw_heavy_add(&again, &value, 1);
    }
    size_t n = mw_heavy_list(&heavy, list);
    assert_int_equal(mw_heavy_list(&again, other), n);
    assert_memory_equal(list, other, n * sizeof *list);
    check(read_heavy);
}

static void test_distinct_and_moments(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 100000; n *= 10) { /* few registers, and all of them */
        static mw_distinct sketch, again;
        mw_distinct_init(&sketch);
        for (size_t i = 0; i < n; i++)
            mw_distinct_add(&sketch, &(double){(double)i}, 1);
        mw_buf_reset(&bytes);
        mw_distinct_pack(&sketch, &bytes);
        mw_unpack in = mw_unpack_of(mw_buf_as_view(&bytes));
        assert_true(mw_distinct_unpack(&in, &again) && in.at == in.end);
        assert_memory_equal(&sketch, &again, sizeof sketch);
        assert_true(bytes.size <= 3 * n + 3 || bytes.size == MW_DISTINCT_REGISTERS + 1);
        check(read_distinct);
    }
    mw_moments moments, again;
    mw_moments_init(&moments);
    mw_moments_add(&moments, rows, ROWS);
    mw_buf_reset(&bytes);
    mw_moments_pack(&moments, &bytes);
    mw_unpack in = mw_unpack_of(mw_buf_as_view(&bytes));
    assert_true(mw_moments_unpack(&in, &again));
    assert_memory_equal(&moments, &again, sizeof moments);
    check(read_moments);
}

static void test_boosted_trees(void **state)
{
    double a[ROWS], b[ROWS];
    mw_boost *boost;
    (void)state;
    assert_int_equal(mw_boost_fit(rows, ROWS, COLUMNS, targets, &boost, NULL), MW_OK);
    assert_true(mw_boost_trees(boost) > 5);
    mw_boost_pack(boost, &bytes);
    mw_unpack in = mw_unpack_of(mw_buf_as_view(&bytes));
    mw_boost *again = mw_boost_unpack(&in);
    assert_true(again && in.at == in.end);
    mw_boost_predict(boost, rows, ROWS, COLUMNS, a);
    mw_boost_predict(again, rows, ROWS, COLUMNS, b);
    assert_memory_equal(a, b, sizeof a);
    mw_boost_free(boost);
    mw_boost_free(again);
    check(read_boost);
}

static void test_curves(void **state)
{
    double scores[ROWS];
    mw_isotonic *curve;
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        scores[i] = rows[i * COLUMNS];
    assert_int_equal(mw_isotonic_fit(scores, labels, ROWS, &curve, NULL), MW_OK);
    mw_isotonic_pack(curve, &bytes);
    mw_unpack in = mw_unpack_of(mw_buf_as_view(&bytes));
    mw_isotonic *again = mw_isotonic_unpack(&in);
    assert_true(again && in.at == in.end);
    for (size_t i = 0; i < ROWS; i++)
        assert_true(mw_isotonic_at(curve, scores[i]) == mw_isotonic_at(again, scores[i]));
    mw_isotonic_free(curve);
    mw_isotonic_free(again);
    check(read_isotonic);
}

static void test_curves_of_classes(void **state)
{
    static double scores[2 * ROWS];
    double a[2], b[2];
    mw_class_chances *chances;
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        scores[i] = 1 - rows[i * COLUMNS];
        scores[ROWS + i] = rows[i * COLUMNS];
    }
    const mw_class_scores all = {scores, ROWS, 2, ROWS, labels, labels};
    assert_int_equal(mw_class_chances_fit(&all, MW_CALIBRATE_ALWAYS, &chances, NULL), MW_OK);
    mw_class_chances_pack(chances, &bytes);
    mw_unpack in = mw_unpack_of(mw_buf_as_view(&bytes));
    mw_class_chances *again = mw_class_chances_unpack(&in);
    assert_true(again && in.at == in.end && mw_class_chances_classes(again) == 2);
    for (size_t i = 0; i < ROWS; i++) {
        mw_class_chances_at(chances, scores + i, ROWS, a);
        mw_class_chances_at(again, scores + i, ROWS, b);
        assert_memory_equal(a, b, sizeof a);
    }
    mw_class_chances_free(chances);
    mw_class_chances_free(again);
    check(read_chances);
}

static void test_features_together(void **state)
{
    const bool is_category[] = {false, true, false};
    double a[ROWS], b[ROWS];
    mw_joint *joint;
    (void)state;
    assert_int_equal(mw_joint_fit(rows, ROWS, COLUMNS, is_category, 0.65, &joint, NULL), MW_OK);
    mw_joint_pack(joint, &bytes);
    mw_unpack in = mw_unpack_of(mw_buf_as_view(&bytes));
    mw_joint *again = mw_joint_unpack(&in);
    assert_true(again && in.at == in.end && mw_joint_columns(again) == COLUMNS);
    assert_int_equal(mw_joint_errors(joint, rows, ROWS, COLUMNS, a, NULL, NULL), MW_OK);
    assert_int_equal(mw_joint_errors(again, rows, ROWS, COLUMNS, b, NULL, NULL), MW_OK);
    assert_memory_equal(a, b, sizeof a);
    mw_joint_free(joint);
    mw_joint_free(again);
    check(read_joint);
}

static void test_isolation_forest(void **state)
{
    static const size_t samples[] = {2, 3, 100, 256};
    double a[ROWS], b[ROWS];
    const mw_matrix matrix = {rows, MW_FLOAT64, ROWS, COLUMNS, COLUMNS, 1};
    (void)state;
    for (size_t s = 0; s < MW_COUNT(samples); s++) {
        mw_isolation *forest;
        mw_isolation_options options = {.n_trees = 20, .sample = samples[s], .seed = s};
        assert_int_equal(mw_isolation_fit(&matrix, &options, &forest, NULL), MW_OK);
        mw_buf_reset(&bytes);
        mw_isolation_pack(forest, &bytes);
        mw_unpack in = mw_unpack_of(mw_buf_as_view(&bytes));
        mw_isolation *again = mw_isolation_unpack(&in);
        assert_true(again && in.at == in.end);
        assert_int_equal(mw_isolation_bytes(forest), mw_isolation_bytes(again));
        mw_isolation_score(forest, &matrix, a);
        mw_isolation_score(again, &matrix, b);
        assert_memory_equal(a, b, sizeof a);
        mw_isolation_free(forest);
        mw_isolation_free(again);
        check(read_forest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kll, begin, end),
        cmocka_unit_test_setup_teardown(test_kll_of_before, begin, end),
        cmocka_unit_test_setup_teardown(test_counters, begin, end),
        cmocka_unit_test_setup_teardown(test_distinct_and_moments, begin, end),
        cmocka_unit_test_setup_teardown(test_boosted_trees, begin, end),
        cmocka_unit_test_setup_teardown(test_curves, begin, end),
        cmocka_unit_test_setup_teardown(test_curves_of_classes, begin, end),
        cmocka_unit_test_setup_teardown(test_features_together, begin, end),
        cmocka_unit_test_setup_teardown(test_isolation_forest, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
