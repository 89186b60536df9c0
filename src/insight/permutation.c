/* Permutation importance: shuffle a column, predict, compare, put it back. */
#include "permutation.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

/* What one run holds: the column as it was and as it is dealt, predictions, room for the metric. */
typedef struct deal {
    double *column, *dealt, *scratch, *predictions;
    bool *used;
} deal;

static mw_status make_deal(const mw_permutation *work, deal *to, mw_error *err)
{
    size_t n = work->n_rows + 1;
    to->column = calloc(n, sizeof(double));
    to->dealt = calloc(n, sizeof(double));
    to->scratch = calloc(n, 2 * sizeof(double));
    to->predictions = calloc(n * work->forest->n_predictions, sizeof(double));
    to->used = calloc(work->forest->n_features + 1, sizeof(bool));
    if (!to->column || !to->dealt || !to->scratch || !to->predictions || !to->used)
        return mw_fail_memory(err, "the shuffles");
    const mw_forest *forest = work->forest;
    for (size_t f = 0; f < forest->n_features; f++)
        to->used[f] = forest->linear_weights || forest->leaf_linear || forest->before;
    mw_splits splits = mw_forest_splits(forest);
    for (size_t i = 0; !forest->before && i < splits.n; i++)
        if (mw_splits_ask(&splits, i))
            to->used[splits.feature[i]] = true;
    return MW_OK;
}

static void free_deal(deal *to)
{
    free(to->column);
    free(to->dealt);
    free(to->scratch);
    free(to->predictions);
    free(to->used);
}

/* ---- dealing --------------------------------------------------------------------------------- */

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next_bits(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Evenly below `bound` (Lemire 2019, without his rejection: the bias is below 2^-32 for the rows
 * that memory holds). */
static size_t next_below(uint64_t *state, size_t bound)
{
    return (size_t)(((unsigned __int128)next_bits(state) * bound) >> 64);
}

/* A stream of its own for each feature and repeat: no result depends on what was done before. */
static void shuffle(const mw_permutation *work, size_t feature, size_t repeat, double *values)
{
    uint64_t state = work->seed ^ (feature * 0xd1342543de82ef95u) ^ (repeat * 0xa0761d6478bd642fu);
    next_bits(&state);
    for (size_t i = work->n_rows; i > 1; i--) {
        size_t j = next_below(&state, i);
        double moved = values[i - 1];
        values[i - 1] = values[j];
        values[j] = moved;
    }
}

static void put_column(const mw_permutation *work, size_t feature, const double *from)
{
    for (size_t row = 0; row < work->n_rows; row++)
        work->values[row * work->row_stride + feature] = from[row];
}

static void deal_out(const mw_permutation *work, deal *hold, size_t feature, size_t repeat)
{
    size_t n = work->n_rows, by = work->rotate ? (repeat + 1) * work->rotate % n : 0;
    for (size_t row = 0; row < n; row++)
        hold->dealt[(row + by) % n] = hold->column[row];
    if (!work->rotate)
        shuffle(work, feature, repeat, hold->dealt);
    put_column(work, feature, hold->dealt);
}

/* ---- measuring ------------------------------------------------------------------------------- */

static mw_status measure(const mw_permutation *work, deal *hold, double *ret_value, mw_error *err)
{
    mw_matrix rows = {.data = work->values,
                      .dtype = MW_FLOAT64,
                      .n_rows = work->n_rows,
                      .n_columns = work->forest->n_features,
                      .row_stride = (ptrdiff_t)work->row_stride,
                      .column_stride = 1};
    if (work->stopped && work->stopped())
        return mw_fail(err, MW_E_INTERRUPTED, "interrupted");
    MW_TRY(mw_predict_parallel(work->predictor, &rows, MW_PREDICTION, work->pool, hold->predictions,
                               err));
    *ret_value = mw_metric_of(work->forest, work->metric, work->target, hold->predictions,
                              work->n_rows, hold->scratch);
    return MW_OK;
}

static mw_status try_feature(const mw_permutation *work, deal *hold, size_t feature, double base,
                             double *ret_drops, mw_error *err)
{
    mw_status status = MW_OK;
    for (size_t row = 0; row < work->n_rows; row++)
        hold->column[row] = work->values[row * work->row_stride + feature];
    for (size_t repeat = 0; repeat < work->n_repeats && status == MW_OK; repeat++) {
        double value = 0;
        deal_out(work, hold, feature, repeat);
        status = measure(work, hold, &value, err);
        ret_drops[repeat] = mw_metric_rises(work->metric) ? base - value : value - base;
    }
    put_column(work, feature, hold->column);
    return status;
}

static mw_status try_all(const mw_permutation *work, deal *hold, double *ret_base,
                         double *ret_drops, mw_error *err)
{
    MW_TRY(make_deal(work, hold, err));
    MW_TRY(measure(work, hold, ret_base, err));
    for (size_t f = 0; f < work->forest->n_features; f++, ret_drops += work->n_repeats) {
        memset(ret_drops, 0, work->n_repeats * sizeof *ret_drops);
        if (hold->used[f])
            MW_TRY(try_feature(work, hold, f, *ret_base, ret_drops, err));
    }
    return MW_OK;
}

mw_status mw_permutation_run(const mw_permutation *work, double *ret_base, double *ret_drops,
                             mw_error *err)
{
    deal hold = {0};
    MW_TRY(mw_metric_check(work->forest, work->metric, work->target, work->n_rows, err));
    mw_status status = try_all(work, &hold, ret_base, ret_drops, err);
    free_deal(&hold);
    return status;
}

/* ---- spread ---------------------------------------------------------------------------------- */

/* The 97.5 % point of Student's t. Up to 10 degrees from the table; beyond, the expansion in 1/n
 * about the normal (Abramowitz and Stegun 26.7.5), within 2e-4 there. */
static double student_point(size_t degrees)
{
    static const double table[] = {0,      12.7062, 4.3027, 3.1824, 2.7764, 2.5706,
                                   2.4469, 2.3646,  2.3060, 2.2622, 2.2281};
    if (degrees < MW_COUNT(table))
        return table[degrees];
    double z = 1.959964, n = (double)degrees, z3 = z * z * z, z5 = z3 * z * z;
    return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
           (3 * z5 * z * z + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n);
}

mw_spread mw_spread_of(const double *values, size_t n)
{
    mw_spread spread = {0, 0, 0};
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        spread.mean += values[i];
    spread.mean /= (double)n;
    if (n < 2)
        return spread;
    for (size_t i = 0; i < n; i++)
        squares += (values[i] - spread.mean) * (values[i] - spread.mean);
    spread.deviation = sqrt(squares / (double)(n - 1));
    spread.half_width = student_point(n - 1) * spread.deviation / sqrt((double)n);
    return spread;
}
