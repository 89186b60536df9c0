/* Category sets in bytes.
 *
 * Categories that occur in some set of a feature are numbered 1 .. 254; all others are 0. A row's
 * number is kept as two bytes, place and bit, so that "is it in the set?" is a look-up in the
 * set's 32 bytes and one comparison:
 *
 *     number 21 = place 2 (21 / 8), bit 0x20 (1 << 21 % 8)
 *
 *     set       [ 0x00 | 0x41 | 0x20 | 0x00 | ...        ]     32 bytes: who goes left
 *     place 2 ------------------^  & bit 0x20 -> left
 *
 * Sets hold those who go left, whichever side a library calls "in". NaN is number 0, or 255 where
 * it goes with the others' opposite: each in columns of its own, as for numbers. */
#include <math.h>
#include <stdlib.h>

#include "bytes_cuts.h"
#include "rules.h"

#include "base/banned.h"

enum {
    CATEGORIES_MAX = 65536, /* a table of them is 64 KiB a feature */
};

static bool is_set(const mw_splits *splits, size_t i)
{
    return (splits->flags[i] & MW_NODE_CATEGORICAL) && mw_splits_ask(splits, i);
}

static size_t set_end(const mw_forest *forest, uint32_t number)
{
    const mw_category_set *set = &forest->category_sets[number];
    return (size_t)(set->end - set->begin) * 32;
}

/* ---- numbering ------------------------------------------------------------------------------- */

/* The feature's entry in layout->codes, made when it is new. */
static bytes_codes *codes_of(bytes_layout *layout, uint32_t feature)
{
    for (size_t i = 0; i < layout->n_codes; i++) {
        if (layout->codes[i].feature == feature)
            return &layout->codes[i];
    }
    bytes_codes *codes = &layout->codes[layout->n_codes++];
    *codes = (bytes_codes){.feature = feature, .column = {BYTES_NO_COLUMN, BYTES_NO_COLUMN}};
    return codes;
}

/* False: this feature has too many categories. */
static bool number_set(const mw_forest *forest, uint32_t set, bytes_codes *codes)
{
    size_t end = set_end(forest, set);
    for (uint32_t code = 0; code < end; code++) {
        if (!predict_set_holds(forest, set, code))
            continue;
        if (code >= codes->n_categories)
            return false;
        if (codes->number[code] == BYTES_NUMBER_OTHER) {
            if (codes->n_numbers == BYTES_NUMBERS_MAX)
                return false;
            codes->number[code] = (uint8_t)++codes->n_numbers;
        }
    }
    return true;
}

static bool take_codes(const mw_forest *forest, bytes_layout *layout, size_t n_sets)
{
    size_t most = n_sets < forest->n_features ? n_sets : forest->n_features;
    mw_splits splits = mw_forest_splits(forest);
    layout->codes = calloc(most + 1, sizeof *layout->codes);
    if (!layout->codes)
        return false;
    for (size_t i = 0; i < splits.n; i++) {
        if (!is_set(&splits, i))
            continue;
        bytes_codes *codes = codes_of(layout, splits.feature[i]);
        size_t end = set_end(forest, splits.set[i]);
        end = end < CATEGORIES_MAX ? end : CATEGORIES_MAX;
        if (end > codes->n_categories)
            codes->n_categories = (uint32_t)end;
        predict_rule rule = predict_rule_of(splits.flags[i]);
        codes->less_equal = splits.flags[i] & MW_NODE_SET_LEFT;
        codes->column[rule == PREDICT_SET_NAN_IN] = 0;
    }
    for (size_t i = 0; i < layout->n_codes; i++) {
        layout->codes[i].number = calloc(layout->codes[i].n_categories + 1u, 1);
        if (!layout->codes[i].number)
            return false;
    }
    return true;
}

/* Two columns each: place and bit. */
static void number_columns(bytes_layout *layout)
{
    for (size_t i = 0; i < layout->n_codes; i++) {
        for (unsigned nan_in = 0; nan_in < 2; nan_in++) {
            uint32_t *column = &layout->codes[i].column[nan_in];
            if (*column == BYTES_NO_COLUMN)
                continue;
            *column = (uint32_t)(layout->n_columns * BYTES_ROWS);
            layout->n_columns += 2;
        }
    }
}

mw_status bytes_find_sets(const mw_forest *forest, bytes_layout *layout, bool *ret_plain,
                          mw_error *err)
{
    size_t n_sets = 0;
    mw_splits splits = mw_forest_splits(forest);
    for (size_t i = 0; i < splits.n; i++)
        n_sets += is_set(&splits, i);
    *ret_plain = true;
    if (n_sets == 0)
        return MW_OK;
    if (!take_codes(forest, layout, n_sets))
        return mw_fail_memory(err, "the categories of a predictor");
    for (size_t i = 0; i < splits.n; i++) {
        if (is_set(&splits, i) &&
            !number_set(forest, splits.set[i], codes_of(layout, splits.feature[i]))) {
            *ret_plain = false;
            return MW_OK;
        }
    }
    number_columns(layout);
    return MW_OK;
}

/* ---- a split's set --------------------------------------------------------------------------- */

void bytes_put_set(const mw_forest *forest, const bytes_layout *layout, size_t split,
                   bytes_set *ret_set)
{
    const bytes_codes *codes = layout->codes;
    mw_splits splits = mw_forest_splits(forest);
    while (codes->feature != splits.feature[split])
        codes++;
    bool nan_in = predict_rule_of(splits.flags[split]) == PREDICT_SET_NAN_IN;
    bool in_goes_left = splits.flags[split] & MW_NODE_SET_LEFT;
    *ret_set = (bytes_set){.column = codes->column[nan_in]};
    memset(ret_set->left, in_goes_left ? 0 : 255, sizeof ret_set->left);
    size_t end = set_end(forest, splits.set[split]);
    for (uint32_t code = 0; code < end; code++) {
        if (predict_set_holds(forest, splits.set[split], code))
            ret_set->left[codes->number[code] / 8] ^= (uint8_t)(1 << codes->number[code] % 8);
    }
    if (nan_in)
        ret_set->left[BYTES_NUMBER_NAN / 8] ^= (uint8_t)(1 << BYTES_NUMBER_NAN % 8);
}

/* ---- rows ------------------------------------------------------------------------------------ */

uint8_t bytes_number_of(const mw_forest *forest, const bytes_codes *codes, const mw_matrix *rows,
                        size_t row, bool nan_in)
{
    double x = predict_value(forest->input, predict_read(rows, row, codes->feature));
    if (isnan(x))
        return nan_in ? BYTES_NUMBER_NAN : BYTES_NUMBER_OTHER;
    /* The two libraries differ on what is no category; sets go left in one of them only. */
    if (!predict_is_category(x, codes->less_equal) || (uint32_t)(int32_t)x >= codes->n_categories)
        return BYTES_NUMBER_OTHER;
    return codes->number[(uint32_t)(int32_t)x];
}

void bytes_load_codes(const mw_forest *forest, const bytes_codes *codes, const mw_matrix *rows,
                      size_t first, size_t n_rows, uint8_t *columns)
{
    for (unsigned nan_in = 0; nan_in < 2; nan_in++) {
        if (codes->column[nan_in] == BYTES_NO_COLUMN)
            continue;
        uint8_t *place = columns + codes->column[nan_in], *bit = place + BYTES_ROWS;
        for (size_t r = 0; r < n_rows; r++) {
            uint8_t number = bytes_number_of(forest, codes, rows, first + r, nan_in);
            place[r] = number / 8;
            bit[r] = (uint8_t)(1 << number % 8);
        }
    }
}
