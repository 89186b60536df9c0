/* From a profile's columns to scores of rows: cheap looks first, the forest last.
 *
 * Sources: robust deviations: 1.4826 times the median distance from the median (Rousseeuw, Croux
 * 1993); isolation forest: isolation.c. Not done here: rows that are odd only beside those before
 * them. */
#include "stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define TO_DEVIATION 1.4826
#define RARITY_OF_NEW 20 /* in the forest: rarer than one in e^20 */

enum { BLOCK = 1024 };

const char *mw_anomaly_kind_name(mw_anomaly_kind kind)
{
    static const char *const names[] = {"joint", "beyond", "new category", "missing"};
    return (size_t)kind < MW_COUNT(names) ? names[kind] : "unknown";
}

mw_anomaly_bound mw_anomaly_bound_of(const mw_profile_column *column)
{
    double scale = TO_DEVIATION * column->mad;
    if (!(scale > 0))
        scale = column->deviation;
    if (!(scale > 0)) /* a constant: anything else is far */
        scale = fmax(fabs(column->median), 1) * 1e-3;
    return (mw_anomaly_bound){.low = column->low,
                              .high = column->high,
                              .scale = scale,
                              .is_category = column->is_category,
                              .is_never_missing = column->missing + column->infinite == 0,
                              .is_known = column->n > 0};
}

double mw_anomaly_rarity(const mw_profile_column *column, mw_view text)
{
    double all = column->n + column->missing;
    if (!column->is_category)
        return (double)NAN;
    for (size_t i = 0; i < column->n_categories; i++)
        if (mw_view_equal(column->categories[i].text, text))
            return log(all / fmax(column->categories[i].rows, 1));
    return column->others > 0 ? log(all) : (double)INFINITY;
}

/* ---- one value ------------------------------------------------------------------------------- */

static double look_at(const mw_anomaly_bound *bound, double value, mw_anomaly_kind *ret_kind)
{
    if (!bound->is_known)
        return 0;
    *ret_kind = MW_ANOMALY_MISSING;
    if (isnan(value))
        return bound->is_never_missing ? 1 : 0;
    *ret_kind = bound->is_category ? MW_ANOMALY_NEW_CATEGORY : MW_ANOMALY_BEYOND;
    if (bound->is_category)
        return isinf(value) ? 1 : 0;
    double beyond = value < bound->low ? bound->low - value : value - bound->high;
    if (!(beyond > 0))
        return 0;
    double excess = beyond / bound->scale;
    return isinf(excess) ? 1 : excess / (1 + excess);
}

static void look_at_row(const mw_anomaly_bound *bounds, size_t n, const double *row,
                        mw_anomaly *ret)
{
    *ret = (mw_anomaly){.joint = (double)NAN, .column = n};
    for (size_t c = 0; c < n; c++) {
        mw_anomaly_kind kind = MW_ANOMALY_JOINT;
        double score = look_at(&bounds[c], row[c], &kind);
        if (score > ret->score) {
            ret->score = score;
            ret->kind = kind;
            ret->column = c;
        }
    }
}

/* ---- the forest ------------------------------------------------------------------------------ */

/* Rows as the forest sees them: what is new is rarer than anything. */
static void for_forest(const mw_anomaly_bound *bounds, size_t n, const double *rows, size_t n_rows,
                       double *ret)
{
    for (size_t i = 0; i < n_rows * n; i++)
        ret[i] = bounds[i % n].is_category && isinf(rows[i]) ? RARITY_OF_NEW : rows[i];
}

mw_status mw_anomaly_fit(const mw_anomaly_bound *bounds, size_t n, const double *rows,
                         size_t n_rows, uint64_t seed, mw_isolation **ret_forest, mw_error *err)
{
    double *seen = malloc((n_rows * n + 1) * sizeof *seen);
    if (!seen)
        return mw_fail_memory(err, "an isolation forest");
    for_forest(bounds, n, rows, n_rows, seen);
    mw_matrix matrix = {seen, MW_FLOAT64, n_rows, n, (ptrdiff_t)n, 1};
    mw_status status =
        mw_isolation_fit(&matrix, &(mw_isolation_options){.seed = seed}, ret_forest, err);
    free(seen);
    return status;
}

static void join(const mw_isolation *forest, const mw_anomaly_bound *bounds, size_t n,
                 const double *rows, size_t n_rows, double *room, mw_anomaly *ret)
{
    double *scores = room + n_rows * n;
    mw_matrix matrix = {room, MW_FLOAT64, n_rows, n, (ptrdiff_t)n, 1};
    for_forest(bounds, n, rows, n_rows, room);
    mw_isolation_score(forest, &matrix, scores);
    for (size_t i = 0; i < n_rows; i++) {
        ret[i].joint = scores[i];
        if (scores[i] <= ret[i].score)
            continue;
        ret[i].score = scores[i];
        ret[i].kind = MW_ANOMALY_JOINT;
        ret[i].column = n;
    }
}

mw_status mw_anomaly_score(const mw_anomaly_bound *bounds, size_t n, const mw_isolation *forest,
                           const double *rows, size_t n_rows, mw_anomaly *ret, mw_error *err)
{
    size_t held = n_rows < BLOCK ? n_rows : BLOCK;
    double *room = malloc((held * (n + 1) + 1) * sizeof *room);
    if (!room)
        return mw_fail_memory(err, "the scores of anomalies");
    for (size_t i = 0; i < n_rows; i++)
        look_at_row(bounds, n, rows + i * n, &ret[i]);
    for (size_t begin = 0; forest && begin < n_rows; begin += BLOCK) {
        size_t size = n_rows - begin < BLOCK ? n_rows - begin : BLOCK;
        join(forest, bounds, n, rows + begin * n, size, room, ret + begin);
    }
    free(room);
    return MW_OK;
}
