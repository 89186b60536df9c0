/* Breaks of a feature, and values between them. */
#include "cells.h"

#include <math.h>
#include <stdlib.h>

#include "predict/predict.h"

#include "base/banned.h"

bool mw_feature_is_categorical(const mw_forest *forest, size_t feature)
{
    if (forest->schema.columns && forest->schema.columns[feature].type == MW_COLUMN_CATEGORY)
        return true;
    for (size_t node = 0; node < forest->n_nodes; node++)
        if (forest->feature[node] == feature && forest->left[node] != MW_NO_CHILD &&
            forest->flags[node] & MW_NODE_CATEGORICAL)
            return true;
    return false;
}

/* One beyond the highest code of a set. */
static size_t end_of_set(const mw_forest *forest, size_t node)
{
    const mw_category_set *set = &forest->category_sets[forest->set[node]];
    for (size_t word = set->end; word-- > set->begin;)
        for (size_t bit = 32; forest->category_words[word] && bit-- > 0;)
            if (forest->category_words[word] >> bit & 1)
                return (word - set->begin) * 32 + bit + 1;
    return 0;
}

size_t mw_feature_categories(const mw_forest *forest, size_t feature)
{
    size_t count = 0;
    if (forest->schema.columns && forest->schema.columns[feature].categories)
        return forest->schema.columns[feature].n_categories;
    for (size_t node = 0; node < forest->n_nodes; node++) {
        bool takes_codes = forest->flags[node] & MW_NODE_CATEGORICAL && forest->set &&
                           forest->left[node] != MW_NO_CHILD && forest->feature[node] == feature;
        size_t end = takes_codes ? end_of_set(forest, node) : 0;
        count = end > count ? end : count;
    }
    return count;
}

bool mw_forest_has_steps(const mw_forest *forest)
{
    return !forest->linear_weights && !forest->leaf_linear && !forest->before;
}

/* ---- values that the model can tell apart ---------------------------------------------------- */

double mw_cells_next(mw_input input, double value, bool up)
{
    double end = up ? (double)INFINITY : -(double)INFINITY;
    if (input == MW_INPUT_FLOAT32)
        return (double)nextafterf((float)value, (float)end);
    return nextafter(value, end);
}

/* The first value from `at` on; with `beyond` the first one above it. */
static double first_from(mw_input input, double at, bool beyond)
{
    double value = input == MW_INPUT_FLOAT32 ? (double)(float)at : at;
    if (value < at || (beyond && value == at))
        value = mw_cells_next(input, value, true);
    return value;
}

/* ---- breaks ---------------------------------------------------------------------------------- */

/* What a node cuts: at most four places. */
static size_t cuts_of(const mw_forest *forest, size_t node, double *to)
{
    uint8_t flags = forest->flags[node];
    double at = forest->threshold[node];
    size_t n = 0;
    if (flags & MW_NODE_EQUAL) {
        to[n++] = first_from(forest->input, at, false);
        to[n++] = first_from(forest->input, at, true);
    } else
        to[n++] = first_from(forest->input, at, flags & MW_NODE_LESS_EQUAL);
    if ((flags & MW_NODE_MISSING_MASK) == MW_NODE_MISSING_ZERO) {
        to[n++] = first_from(forest->input, -predict_zero, false);
        to[n++] = first_from(forest->input, predict_zero, true);
    }
    return n;
}

static bool cuts(const mw_forest *forest, size_t node, size_t feature)
{
    return forest->feature[node] == feature && forest->left[node] != MW_NO_CHILD &&
           !(forest->flags[node] & MW_NODE_CATEGORICAL);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorted, each once, finite ones alone. */
static size_t settle(double *breaks, size_t count)
{
    size_t kept = 0;
    qsort(breaks, count, sizeof *breaks, ascending);
    for (size_t i = 0; i < count; i++)
        if (isfinite(breaks[i]) && (kept == 0 || breaks[i] != breaks[kept - 1]))
            breaks[kept++] = breaks[i];
    return kept;
}

mw_status mw_cells_breaks(const mw_forest *forest, size_t feature, double **ret_breaks,
                          size_t *ret_count, mw_error *err)
{
    enum { CUTS_MAX = 4 };
    size_t n_nodes = 0, count = 0;
    for (size_t node = 0; node < forest->n_nodes; node++)
        n_nodes += cuts(forest, node, feature);
    *ret_breaks = NULL;
    *ret_count = 0;
    if (n_nodes == 0)
        return MW_OK;
    double *breaks = calloc(n_nodes * CUTS_MAX, sizeof *breaks);
    if (!breaks)
        return mw_fail_memory(err, "the thresholds of a feature");
    for (size_t node = 0; node < forest->n_nodes; node++)
        if (cuts(forest, node, feature))
            count += cuts_of(forest, node, breaks + count);
    *ret_count = settle(breaks, count);
    *ret_breaks = breaks;
    return MW_OK;
}

/* ---- cells ----------------------------------------------------------------------------------- */

size_t mw_cells_find(const double *breaks, size_t n_breaks, double value)
{
    size_t low = 0, high = n_breaks; /* breaks before low are <= value, from high on beyond it */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (breaks[middle] <= value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

double mw_cells_value(mw_input input, const double *breaks, size_t n_breaks, size_t cell)
{
    if (n_breaks == 0)
        return 0;
    double first = breaks[0], last = breaks[n_breaks - 1];
    double step = n_breaks > 1 ? (last - first) / (double)(n_breaks - 1) : fmax(1, fabs(first));
    if (cell == 0)
        return first - step < first ? first_from(input, first - step, false)
                                    : mw_cells_next(input, first, false);
    if (cell == n_breaks)
        return last + step > last ? first_from(input, last + step, false) : last;
    double from = breaks[cell - 1], middle = from + (breaks[cell] - from) / 2;
    if (input == MW_INPUT_FLOAT32)
        middle = (double)(float)middle;
    return middle >= from && middle < breaks[cell] ? middle : from;
}
