/* Breaks of a feature, and values between them. */
#include "cells.h"

#include <math.h>
#include <stdlib.h>

#include "predict/predict.h"

#include "base/banned.h"

static bool asks_code(const mw_splits *splits, size_t i, size_t feature)
{
    return splits->feature[i] == feature && mw_splits_ask(splits, i) &&
           splits->flags[i] & MW_NODE_CATEGORICAL;
}

bool mw_feature_is_categorical(const mw_forest *forest, size_t feature)
{
    if (forest->schema.columns && forest->schema.columns[feature].type == MW_COLUMN_CATEGORY)
        return true;
    mw_splits splits = mw_forest_splits(forest);
    for (size_t i = 0; i < splits.n; i++)
        if (asks_code(&splits, i, feature))
            return true;
    return false;
}

/* One beyond the highest code of a set. */
static size_t end_of_set(const mw_forest *forest, uint32_t number)
{
    const mw_category_set *set = &forest->category_sets[number];
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
    mw_splits splits = mw_forest_splits(forest);
    for (size_t i = 0; splits.set && i < splits.n; i++) {
        size_t end = asks_code(&splits, i, feature) ? end_of_set(forest, splits.set[i]) : 0;
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
static size_t cuts_of(mw_input input, uint8_t flags, double at, double *to)
{
    size_t n = 0;
    if (flags & MW_NODE_EQUAL) {
        to[n++] = first_from(input, at, false);
        to[n++] = first_from(input, at, true);
    } else
        to[n++] = first_from(input, at, flags & MW_NODE_LESS_EQUAL);
    if ((flags & MW_NODE_MISSING_MASK) == MW_NODE_MISSING_ZERO) {
        to[n++] = first_from(input, -predict_zero, false);
        to[n++] = first_from(input, predict_zero, true);
    }
    return n;
}

static bool cuts(const mw_splits *splits, size_t i, size_t feature)
{
    return splits->feature[i] == feature && mw_splits_ask(splits, i) &&
           !(splits->flags[i] & MW_NODE_CATEGORICAL);
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
    size_t n_places = 0, count = 0;
    mw_splits splits = mw_forest_splits(forest);
    for (size_t i = 0; i < splits.n; i++)
        n_places += cuts(&splits, i, feature);
    *ret_breaks = NULL;
    *ret_count = 0;
    if (n_places == 0)
        return MW_OK;
    double *breaks = calloc(n_places * CUTS_MAX, sizeof *breaks);
    if (!breaks)
        return mw_fail_memory(err, "the thresholds of a feature");
    for (size_t i = 0; i < splits.n; i++)
        if (cuts(&splits, i, feature))
            count += cuts_of(forest->input, splits.flags[i], splits.threshold[i], breaks + count);
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
