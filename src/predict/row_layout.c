/* Trees in the form that the row kernels walk; see row.h for the picture. */
#include <stdlib.h>

#include "row_draft.h"
#include "rules.h"

#include "base/banned.h"

/* A row reads few kilobytes of it, but it has to be built. */
#define TABLE_BYTES_MAX (16 * MW_MIB)

/* ---- room ------------------------------------------------------------------------------------ */

uint32_t row_take_values(row_draft *draft, size_t n_more)
{
    row_layout *layout = draft->layout;
    size_t first = layout->n_values;
    if (first + n_more > draft->values_room) {
        size_t room = 2 * (first + n_more);
        char *values = realloc(layout->values, room * layout->leaf_bytes);
        if (!values) {
            draft->enough = false;
            return 0;
        }
        memset(values + first * layout->leaf_bytes, 0, (room - first) * layout->leaf_bytes);
        layout->values = values;
        draft->values_room = room;
    }
    layout->n_values += n_more;
    return (uint32_t)first;
}

void row_put_leaf(row_draft *draft, size_t tree, size_t leaf, uint32_t value)
{
    const mw_forest *forest = draft->forest;
    size_t n = forest->tree_output[tree] == MW_ALL_OUTPUTS ? forest->n_margins : 1;
    char *to = draft->layout->values + value * draft->layout->leaf_bytes;
    for (size_t i = 0; i < n; i++) {
        double x = predict_leaf(forest, tree, leaf, i);
        if (forest->sum_float32)
            ((float *)to)[i] = (float)x;
        else
            ((double *)to)[i] = x;
    }
}

void row_put_number(const row_draft *draft, size_t node, uint8_t *ret_column, uint8_t *ret_rank)
{
    size_t column = draft->places.column[node] / BYTES_ROWS;
    *ret_column = draft->layout->wide ? draft->search[column] : (uint8_t)column;
    *ret_rank = row_stored_rank(draft->places.rank[node]);
}

uint8_t row_side(const row_draft *draft, size_t node)
{
    return draft->side[draft->places.column[node] / BYTES_ROWS];
}

/* ---- sets ------------------------------------------------------------------------------------ */

void row_put_set(row_draft *draft, size_t node, size_t at, unsigned bit)
{
    if (draft->n_sets == draft->sets_room) {
        size_t room = 2 * draft->sets_room + 64;
        row_set_question *sets = realloc(draft->sets, room * sizeof *sets);
        if (!sets) {
            draft->enough = false;
            return;
        }
        draft->sets = sets;
        draft->sets_room = room;
    }
    draft->sets[draft->n_sets++] = (row_set_question){node, at, (uint8_t)bit};
}

/* Its bit in the rows of those categories that go right. */
static void fill_set(row_draft *draft, const row_set_question *question)
{
    const row_layout *layout = draft->layout;
    size_t f = 0, node = question->node;
    mw_splits splits = mw_forest_splits(draft->forest);
    while (layout->cuts->codes[f].feature != splits.feature[node])
        f++;
    row_categories *of = &layout->categories[f];
    bool nan_in = predict_rule_of(splits.flags[node]) == PREDICT_SET_NAN_IN;
    bytes_set asked;
    bytes_put_set(draft->forest, layout->cuts, node, &asked);
    for (size_t row = 0; row < of->n_rows; row++) {
        bool is_nan = row == of->n_rows - 1;
        size_t number = is_nan ? (nan_in ? BYTES_NUMBER_NAN : 0) : row;
        unsigned right = ~asked.left[number / 8] >> number % 8 & 1;
        of->rows[row * layout->table_row_bytes + question->at] |= (char)(right << question->bit);
    }
}

/* *ret_fits = false: the table would take too much. False: no memory. */
static bool make_table(row_draft *draft, bool *ret_fits)
{
    row_layout *layout = draft->layout;
    const bytes_layout *cuts = layout->cuts;
    size_t n_rows = 0;
    layout->table_row_bytes = predict_whole_lines(layout->table_words + 8 * draft->n_set_words + 8);
    for (size_t f = 0; f < cuts->n_codes; f++)
        n_rows += layout->categories[f].n_rows = cuts->codes[f].n_numbers + 2u;
    *ret_fits = n_rows <= TABLE_BYTES_MAX / layout->table_row_bytes;
    if (!*ret_fits || cuts->n_codes == 0)
        return true;
    layout->table_bytes = n_rows * layout->table_row_bytes;
    char *rows = layout->table = predict_lines_take(layout->table_bytes);
    if (!rows)
        return false;
    for (size_t f = 0; f < cuts->n_codes; f++) {
        layout->categories[f].rows = rows;
        rows += layout->categories[f].n_rows * layout->table_row_bytes;
    }
    for (size_t i = 0; i < draft->n_sets; i++)
        fill_set(draft, &draft->sets[i]);
    return true;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* *ret_largest: nodes of a tree. False: one has too many leaves. */
static bool trees_fit(const mw_forest *forest, size_t *ret_largest)
{
    *ret_largest = 1;
    if (forest->levels)
        return forest->max_depth <= ROW_LEVELS_MAX;
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        size_t n_nodes = forest->tree_start[tree + 1] - forest->tree_start[tree], n_leaves = 0;
        for (size_t node = 0; node < n_nodes; node++)
            n_leaves += row_is_leaf(forest, forest->tree_start[tree] + node);
        if (n_leaves > ROW_LEAVES_MAX)
            return false;
        *ret_largest = n_nodes > *ret_largest ? n_nodes : *ret_largest;
    }
    return true;
}

static size_t take_data(row_layout *layout, size_t bytes)
{
    size_t at = layout->data_bytes;
    layout->data_bytes += predict_whole_lines(bytes);
    return at;
}

static bool plan_blocks(row_draft *draft, size_t largest)
{
    const mw_forest *forest = draft->forest;
    row_layout *layout = draft->layout;
    layout->n_blocks = (forest->n_trees + layout->lanes - 1) / layout->lanes;
    layout->blocks = calloc(layout->n_blocks + 1, sizeof *layout->blocks);
    draft->queue = calloc(largest + 2, sizeof *draft->queue);
    draft->share = calloc(largest + 1, sizeof *draft->share);
    if (!layout->blocks || !draft->queue || !draft->share)
        return false;
    for (size_t b = 0; b < layout->n_blocks; b++) {
        row_block *block = &layout->blocks[b];
        size_t left = forest->n_trees - b * layout->lanes;
        block->first_tree = b * layout->lanes;
        block->n_trees = (uint8_t)(left < layout->lanes ? left : layout->lanes);
        row_choose_top(draft, block);
        block->questions =
            take_data(layout, row_node_rows(layout) * layout->lanes * row_top_nodes(block));
        block->going_on = take_data(layout, layout->lanes * row_planes(block));
        block->set_planes = layout->table_words;
        if (layout->n_categories > 0)
            layout->table_words += layout->lanes * row_planes(block);
    }
    return true;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void survey_outputs(row_draft *draft)
{
    const mw_forest *forest = draft->forest;
    draft->layout->leaf_outputs = 1;
    for (size_t tree = 0; tree < forest->n_trees; tree++)
        if (forest->tree_output[tree] == MW_ALL_OUTPUTS)
            draft->layout->leaf_outputs = forest->n_margins;
    draft->layout->leaf_bytes =
        draft->layout->leaf_outputs * (forest->sum_float32 ? sizeof(float) : sizeof(double));
}

/* Whether one row may go the short way. */
static void survey_exits(row_draft *draft)
{
    row_layout *layout = draft->layout;
    layout->by_exits = draft->forest->n_margins == 1 && layout->leaf_outputs == 1 &&
                       layout->n_pieces == 0 && layout->n_categories == 0 && !layout->wide;
    for (size_t b = 0; b < layout->n_blocks; b++)
        layout->by_exits = layout->by_exits && !layout->blocks[b].by_starts;
}

static void put_column(row_layout *layout, size_t column, size_t number, unsigned rule)
{
    const bytes_search *search = &layout->cuts->searches[number];
    uint8_t missing = rule == PREDICT_NAN_RIGHT || rule == PREDICT_ZERO_RIGHT ? 255 : 0;
    if (rule == PREDICT_NAN_IS_ZERO)
        missing = search->zero_code;
    layout->columns.search[column] = (uint8_t)number;
    layout->columns.on_missing[column] = bytes_stored_rank(missing);
    layout->columns.on_zero[column] = bytes_stored_rank(rule == PREDICT_ZERO_RIGHT ? 255 : 0);
    layout->columns.asks_zero[column] = rule >= PREDICT_ZERO_LEFT;
    layout->zero_rules |= rule >= PREDICT_ZERO_LEFT;
}

/* Columns of numbers are numbered first, search by search. False: there are too many. */
static bool list_columns(row_layout *layout)
{
    const bytes_layout *cuts = layout->cuts;
    size_t n_columns = 0;
    for (size_t s = 0; s < cuts->n_searches; s++) {
        for (unsigned rule = 0; rule < BYTES_RULES; rule++) {
            if (cuts->searches[s].column[rule] == BYTES_NO_COLUMN)
                continue;
            if (n_columns == ROW_COLUMNS)
                return false;
            put_column(layout, n_columns++, s, rule);
        }
    }
    layout->few = n_columns <= ROW_COLUMNS_FEW;
    return true;
}

/* A wide row's columns, if this is one: one register instruction looks up 64 lanes, no questions
 * about categories, and of the rules only those that a missing value of its own decides. */
static bool list_wide(row_draft *draft)
{
    row_layout *layout = draft->layout;
    const bytes_layout *cuts = layout->cuts;
    size_t n_columns = 0;
    if (layout->lanes != ROW_LANES_MAX || cuts->n_codes > 0 || cuts->n_searches > ROW_SEARCHES)
        return false;
    for (size_t s = 0; s < cuts->n_searches; s++) {
        for (unsigned rule = 0; rule < BYTES_RULES; rule++) {
            if (cuts->searches[s].column[rule] == BYTES_NO_COLUMN)
                continue;
            if (rule != PREDICT_NAN_LEFT && rule != PREDICT_NAN_RIGHT)
                return false;
            draft->search[n_columns] = (uint8_t)s;
            draft->side[n_columns++] = rule == PREDICT_NAN_RIGHT ? 0x80 : 0;
        }
    }
    layout->zero_rules = false;
    layout->wide = true;
    return true;
}

static void put_pivots(row_layout *layout, size_t search)
{
    const bytes_layout *cuts = layout->cuts;
    uint32_t feature = cuts->searches[search].feature,
             n_pivots = cuts->searches[search].n_cuts / 16;
    size_t eight = search / ROW_TOGETHER;
    size_t place = eight * ROW_PIVOTS * ROW_TOGETHER + search % ROW_TOGETHER;
    layout->features[search] = feature;
    if (layout->n_pivots[eight] < n_pivots)
        layout->n_pivots[eight] = (uint8_t)n_pivots;
    uint32_t span = feature - layout->features[ROW_TOGETHER * eight] + 1;
    layout->span[eight] = (uint8_t)(span < UINT8_MAX ? span : UINT8_MAX);
    for (size_t i = 0; i < ROW_PIVOTS; i++, place += ROW_TOGETHER) {
        size_t cut = BYTES_PIVOTS + 16 * i + 15;
        layout->pivots32[place] = cuts->cuts32[search * BYTES_TABLE32 + cut];
        if (layout->pivots64)
            layout->pivots64[place] = cuts->cuts64[search * BYTES_TABLE + cut];
    }
}

/* False: no memory. What pads the last eight passes all, and nobody looks at it. */
static bool list_pivots(row_layout *layout)
{
    layout->n_together = (layout->cuts->n_searches + ROW_TOGETHER - 1) / ROW_TOGETHER;
    size_t n = layout->n_together * ROW_PIVOTS * ROW_TOGETHER;
    layout->pivots32 = predict_lines_take(n * sizeof *layout->pivots32);
    layout->pivots64 =
        layout->cuts->cuts64 ? predict_lines_take(n * sizeof *layout->pivots64) : NULL;
    if (!layout->pivots32 || (layout->cuts->cuts64 && !layout->pivots64))
        return false;
    for (size_t s = 0; s < layout->cuts->n_searches; s++)
        put_pivots(layout, s);
    for (size_t s = layout->cuts->n_searches; s % ROW_TOGETHER > 0; s++)
        layout->features[s] = layout->features[s - 1];
    return true;
}

static mw_status fail_memory(mw_error *err)
{
    return mw_fail_memory(err, "the trees of a predictor");
}

static mw_status find_questions(row_draft *draft, bool *ret_fits, mw_error *err)
{
    row_layout *layout = draft->layout;
    if (draft->found && draft->found->cuts) {
        layout->cuts = draft->found->cuts;
        draft->places = layout->cuts->places;
    } else {
        layout->cuts = layout->own_cuts = calloc(1, sizeof *layout->own_cuts);
        if (!layout->cuts)
            return fail_memory(err);
        MW_TRY(bytes_find_cuts(draft->forest, layout->own_cuts, &draft->places, ret_fits, err));
    }
    if (!*ret_fits)
        return MW_OK;
    layout->categories = calloc(layout->cuts->n_codes + 1, sizeof *layout->categories);
    if (!layout->categories)
        return fail_memory(err);
    layout->n_categories = layout->cuts->n_codes;
    *ret_fits =
        (list_columns(layout) || list_wide(draft)) && layout->n_categories <= ROW_FEATURES_MAX;
    return !*ret_fits || list_pivots(layout) ? MW_OK : fail_memory(err);
}

static mw_status lay_out(row_draft *draft, bool *ret_fits, mw_error *err)
{
    row_layout *layout = draft->layout;
    size_t largest;
    *ret_fits = trees_fit(draft->forest, &largest);
    if (*ret_fits)
        MW_TRY(find_questions(draft, ret_fits, err));
    if (!*ret_fits)
        return MW_OK;
    survey_outputs(draft);
    draft->enough = plan_blocks(draft, largest);
    for (size_t b = 0; draft->enough && layout->wide && b < layout->n_blocks; b++)
        *ret_fits = *ret_fits && !layout->blocks[b].goes_on;
    if (!*ret_fits)
        return MW_OK;
    if (draft->enough)
        draft->enough = (layout->data = predict_lines_take(layout->data_bytes)) != NULL;
    for (size_t b = 0; draft->enough && b < layout->n_blocks; b++) {
        if (draft->forest->levels)
            row_fill_levels(draft, &layout->blocks[b]);
        else
            row_fill_block(draft, &layout->blocks[b]);
    }
    survey_exits(draft);
    if (draft->forest->levels) { /* leaf values stand in the forest as they would here */
        layout->borrows = true;
        layout->values = (char *)(uintptr_t)draft->forest->levels->value;
    }
    return draft->enough && make_table(draft, ret_fits) ? MW_OK : fail_memory(err);
}

mw_status row_layout_make(const mw_forest *forest, predict_found *found, size_t lanes,
                          void **ret_layout, mw_error *err)
{
    *ret_layout = NULL;
    if (!bytes_forest_fits(forest))
        return MW_OK;
    row_layout *layout = calloc(1, sizeof *layout);
    if (!layout)
        return fail_memory(err);
    layout->lanes = lanes;
    row_draft draft = {.forest = forest, .layout = layout, .found = found};
    bool fits = false;
    mw_status status = lay_out(&draft, &fits, err);
    free(draft.queue);
    free(draft.share);
    free(draft.sets);
    if (layout->own_cuts)
        bytes_places_done(&draft.places);
    if (status != MW_OK || !fits)
        row_layout_free(layout);
    else
        *ret_layout = layout;
    return status;
}

void row_layout_free(void *untyped)
{
    row_layout *layout = untyped;
    if (!layout)
        return;
    bytes_layout_free(layout->own_cuts);
    size_t pivots = layout->n_together * ROW_PIVOTS * ROW_TOGETHER;
    predict_lines_free(layout->pivots32, pivots * sizeof *layout->pivots32);
    predict_lines_free(layout->pivots64, pivots * sizeof *layout->pivots64);
    free(layout->categories);
    predict_lines_free(layout->table, layout->table_bytes);
    free(layout->blocks);
    predict_lines_free(layout->data, layout->data_bytes);
    free(layout->pieces);
    free(layout->starts);
    if (!layout->borrows)
        free(layout->values);
    free(layout);
}

size_t row_layout_bytes(const void *untyped)
{
    const row_layout *layout = untyped;
    return sizeof *layout + (layout->own_cuts ? bytes_layout_bytes(layout->own_cuts) : 0) +
           layout->n_together * ROW_PIVOTS * ROW_TOGETHER *
               (sizeof(float) + (layout->pivots64 ? sizeof(double) : 0)) +
           layout->cuts->n_codes * sizeof *layout->categories + layout->table_bytes +
           layout->n_blocks * sizeof *layout->blocks + layout->data_bytes +
           layout->n_pieces * sizeof *layout->pieces + layout->n_values * layout->leaf_bytes +
           (layout->starts ? layout->n_blocks * layout->lanes * sizeof *layout->starts : 0);
}
