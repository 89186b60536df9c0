/* Rules of change, from what is usual. */
#include "rules.h"

#include <math.h>
#include <stdlib.h>

#include "cells.h"

#include "base/banned.h"

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median distance from the median, made comparable to a standard deviation; else half the range of
 * the middle; else 1. Sorts the values. */
static double scale_of(double *values, size_t count)
{
    if (count == 0)
        return 1;
    qsort(values, count, sizeof *values, ascending);
    double median = values[count / 2], range = values[count - 1] - values[0];
    for (size_t i = 0; i < count; i++)
        values[i] = fabs(values[i] - median);
    qsort(values, count, sizeof *values, ascending);
    double scale = 1.4826 * values[count / 2];
    if (!(scale > 0))
        scale = range / 4;
    return scale > 0 && isfinite(scale) ? scale : 1;
}

/* The values of a column that are there; whole ones only? */
static size_t column_of(const mw_rows_seen *rows, size_t f, double *to, bool *whole)
{
    size_t count = 0;
    for (size_t row = 0; row < rows->n_rows; row++) {
        double value = rows->values[row * rows->stride + f];
        if (!isfinite(value))
            continue;
        *whole = *whole && value == floor(value);
        to[count++] = value;
    }
    return count;
}

static mw_status scale_of_breaks(const mw_forest *forest, size_t f, double *ret_scale,
                                 mw_error *err)
{
    double *breaks;
    size_t n_breaks;
    MW_TRY(mw_cells_breaks(forest, f, &breaks, &n_breaks, err));
    *ret_scale = scale_of(breaks, n_breaks);
    free(breaks);
    return MW_OK;
}

static mw_status learn_feature(const mw_forest *forest, size_t f, const mw_rows_seen *rows,
                               const mw_rows_seen *reference, double *room, mw_change_rule *rule,
                               mw_error *err)
{
    bool whole = true;
    *rule = (mw_change_rule){.low = -(double)INFINITY, .high = (double)INFINITY, .weight = 1};
    size_t n = column_of(rows, f, room, &whole);
    rule->n_categories = mw_feature_categories(forest, f);
    if (reference) {
        n = column_of(reference, f, room, &whole);
        for (size_t i = 0; i < n; i++) {
            rule->low = isinf(rule->low) ? room[i] : fmin(rule->low, room[i]);
            rule->high = isinf(rule->high) ? room[i] : fmax(rule->high, room[i]);
        }
        rule->scale = scale_of(room, n);
    } else {
        MW_TRY(scale_of_breaks(forest, f, &rule->scale, err));
    }
    rule->step = whole && n > 0 ? 1 : 0;
    return MW_OK;
}

mw_status mw_rules_learn(const mw_forest *forest, const mw_rows_seen *rows,
                         const mw_rows_seen *reference, mw_change_rule *ret_rules, mw_error *err)
{
    size_t most = rows->n_rows;
    if (reference && reference->n_rows > most)
        most = reference->n_rows;
    double *room = calloc(most + 1, sizeof *room);
    mw_status status = room ? MW_OK : mw_fail_memory(err, "the scales");
    for (size_t f = 0; f < forest->n_features && status == MW_OK; f++)
        status = learn_feature(forest, f, rows, reference, room, &ret_rules[f], err);
    free(room);
    return status;
}
