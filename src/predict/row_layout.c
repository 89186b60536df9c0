/* Trees in the form that the row kernels walk; see row.h for the picture. */
#include <stdlib.h>

#include "bytes_oblivious.h"
#include "row.h"
#include "rules.h"

#include "base/banned.h"

/* A row reads few kilobytes of it, but it has to be built. */
#define TABLE_BYTES_MAX (16 * MW_MIB)

typedef struct row_draft {
    const mw_forest *forest;
    row_layout *layout;
    bytes_places places;
    uint32_t *queue;  /* of the tree at hand, breadth first */
    uint32_t *number; /* (its nodes): among its splits, or among its leaves */
    bool fits;        /* no question had to stand where none may */
} row_draft;

typedef struct row_shape {
    size_t n_nodes, n_leaves, depth;
    bool oblivious;
} row_shape;

static bool is_leaf(const mw_forest *forest, size_t node)
{
    return forest->left[node] == MW_NO_CHILD;
}

/* ---- survey ---------------------------------------------------------------------------------- */

static row_shape survey_tree(row_draft *draft, size_t tree)
{
    const mw_forest *forest = draft->forest;
    size_t root = forest->tree_start[tree];
    row_shape shape = {.n_nodes = 1};
    draft->queue[0] = 0;
    for (size_t i = 0, level_end = 1, n_splits = 0; i < shape.n_nodes; i++) {
        if (i == level_end) {
            level_end = shape.n_nodes;
            shape.depth++;
        }
        uint32_t at = draft->queue[i];
        if (is_leaf(forest, root + at)) {
            draft->number[at] = (uint32_t)shape.n_leaves++;
            continue;
        }
        draft->number[at] = (uint32_t)n_splits++;
        draft->queue[shape.n_nodes++] = forest->left[root + at];
        draft->queue[shape.n_nodes++] = forest->right[root + at];
    }
    shape.oblivious = shape.depth <= ROW_DEPTH_MAX &&
                      bytes_is_oblivious(forest, tree, draft->queue, shape.n_nodes, shape.depth);
    return shape;
}

typedef struct group_shape {
    size_t depth, n_leaves; /* the largest */
    bool oblivious;         /* all */
} group_shape;

static group_shape survey_group(row_draft *draft, const row_group *group)
{
    group_shape found = {.oblivious = true};
    for (unsigned k = 0; k < group->n_trees; k++) {
        row_shape shape = survey_tree(draft, group->first_tree + k);
        found.depth = shape.depth > found.depth ? shape.depth : found.depth;
        found.n_leaves = shape.n_leaves > found.n_leaves ? shape.n_leaves : found.n_leaves;
        found.oblivious = found.oblivious && shape.oblivious;
    }
    return found;
}

/* False: its trees are too large. */
static bool choose_form(row_group *group, const group_shape *shape)
{
    group->depth = (unsigned)(shape->depth > 0 ? shape->depth : 1);
    group->span = ROW_TILE;
    if (shape->oblivious) {
        group->form = ROW_OBLIVIOUS;
    } else if (shape->depth <= ROW_TILE_DEPTH) {
        group->form = ROW_PERFECT;
    } else if (shape->n_leaves <= ROW_TILE) {
        group->form = ROW_NARROW;
    } else if (shape->depth <= ROW_DEPTH_MAX) {
        group->form = ROW_PERFECT;
        group->span = (size_t)1 << shape->depth;
    } else {
        group->form = ROW_WIDE;
        group->span = ROW_LEAVES_MAX;
    }
    return shape->n_leaves <= ROW_LEAVES_MAX || group->form == ROW_OBLIVIOUS;
}

/* ---- room ------------------------------------------------------------------------------------ */

static size_t take(row_layout *layout, size_t bytes)
{
    size_t at = layout->data_bytes;
    layout->data_bytes += (bytes + PREDICT_LINE - 1) / PREDICT_LINE * PREDICT_LINE;
    return at;
}

static size_t next_bytes(const row_group *group)
{
    switch (group->form) {
    case ROW_NARROW:
        return 4 * ROW_TILE; /* questions and leaves */
    case ROW_WIDE:
        return 2 * ROW_LEAVES_MAX * sizeof(uint16_t);
    default:
        return 0;
    }
}

static size_t first_leaf(const row_group *group)
{
    switch (group->form) {
    case ROW_PERFECT:
        return (size_t)1 << group->depth;
    case ROW_OBLIVIOUS:
        return 0;
    default:
        return group->span;
    }
}

static void plan_group(row_draft *draft, row_group *group)
{
    row_layout *layout = draft->layout;
    const mw_forest *forest = draft->forest;
    size_t value = forest->sum_float32 ? sizeof(float) : sizeof(double);
    group->first_leaf = first_leaf(group);
    for (unsigned k = 0; k < group->n_trees; k++) {
        size_t tree = group->first_tree + k, n_leaves = survey_tree(draft, tree).n_leaves;
        size_t leaf_bytes = value * row_outputs(forest, tree);
        if (group->form == ROW_PERFECT)
            n_leaves = (size_t)1 << group->depth;
        layout->vector_leaves |= forest->tree_output[tree] == MW_ALL_OUTPUTS;
        group->tree[k] = group->form == ROW_OBLIVIOUS && k > 0
                             ? group->tree[0]
                             : take(layout, 2 * group->span + next_bytes(group));
        /* the address may lie before the data: only what is added to it is read */
        group->leaves[k] = take(layout, n_leaves * leaf_bytes) - group->first_leaf * leaf_bytes;
    }
    for (unsigned k = group->n_trees; k < ROW_GROUP; k++) {
        group->tree[k] = group->tree[0];
        group->leaves[k] = group->leaves[0];
    }
}

/* ---- questions and leaves -------------------------------------------------------------------- */

/* Its bit in the rows of those categories that go right. In an oblivious group all trees share the
 * words of the first. */
static void put_set(row_draft *draft, const row_group *group, unsigned k, size_t node,
                    size_t question)
{
    const row_layout *layout = draft->layout;
    size_t f = 0, tree = group->first_tree + (group->form == ROW_OBLIVIOUS ? 0 : k);
    while (layout->cuts->codes[f].feature != draft->forest->feature[node])
        f++;
    row_categories *of = &layout->categories[f];
    bytes_set asked;
    bytes_put_set(draft->forest, layout->cuts, node, &asked);
    draft->fits = draft->fits && question < ROW_TILE;
    for (size_t row = 0; draft->fits && row < of->n_rows; row++) {
        bool is_nan = row == of->n_rows - 1;
        bool nan_in = predict_rule_of(draft->forest->flags[node]) == PREDICT_SET_NAN_IN;
        size_t number = is_nan ? (nan_in ? BYTES_NUMBER_NAN : 0) : row;
        uint64_t right = ~asked.left[number / 8] >> number % 8 & 1;
        of->words[row * row_table_width(layout) + tree] |= right << question;
    }
}

static void put_question(row_draft *draft, const row_group *group, unsigned k, size_t node,
                         size_t question)
{
    uint8_t *column = (uint8_t *)draft->layout->data + group->tree[k];
    if (draft->forest->flags[node] & MW_NODE_CATEGORICAL) {
        put_set(draft, group, k, node, question);
        return;
    }
    column[question] = (uint8_t)(draft->places.column[node] / BYTES_ROWS);
    column[group->span + question] = draft->places.rank[node];
}

static void put_leaf(row_draft *draft, const row_group *group, unsigned k, size_t number,
                     size_t leaf)
{
    size_t tree = group->first_tree + k, n = row_outputs(draft->forest, tree);
    char *leaves = draft->layout->data + group->leaves[k];
    number += group->first_leaf;
    for (size_t i = 0; i < n; i++) {
        double value = predict_leaf(draft->forest, tree, leaf, i);
        if (draft->forest->sum_float32)
            ((float *)leaves)[number * n + i] = (float)value;
        else
            ((double *)leaves)[number * n + i] = value;
    }
}

/* Questions that no node asks go left. */
static void clear_questions(row_draft *draft, const row_group *group, unsigned k)
{
    uint8_t *column = (uint8_t *)draft->layout->data + group->tree[k];
    memset(column, row_never(draft->layout), group->span);
    memset(column + group->span, 1, group->span);
}

/* ---- forms ----------------------------------------------------------------------------------- */

/* The first node of a level asks for all; level d is bit d of the leaf's number. Breadth first the
 * first decision is the highest bit of a leaf's place. */
static void fill_oblivious(row_draft *draft, const row_group *group, unsigned k)
{
    size_t root = draft->forest->tree_start[group->first_tree + k];
    row_shape shape = survey_tree(draft, group->first_tree + k);
    if (k == 0)
        clear_questions(draft, group, k);
    for (size_t level = 0; level < shape.depth; level++) {
        size_t node = root + draft->queue[((size_t)1 << level) - 1];
        put_question(draft, group, k, node, 8 * k + shape.depth - 1 - level);
    }
    for (size_t i = 0; i < shape.n_leaves; i++)
        put_leaf(draft, group, k, i, root + draft->queue[shape.n_leaves - 1 + i]);
}

static void fill_perfect(row_draft *draft, const row_group *group, unsigned k, size_t at,
                         unsigned level, uint32_t node)
{
    const mw_forest *forest = draft->forest;
    size_t root = forest->tree_start[group->first_tree + k];
    if (is_leaf(forest, root + node)) {
        unsigned below = group->depth - level;
        size_t first = (at << below) - ((size_t)1 << group->depth);
        for (size_t i = 0; i < (size_t)1 << below; i++)
            put_leaf(draft, group, k, first + i, root + node);
        return;
    }
    put_question(draft, group, k, root + node, at);
    fill_perfect(draft, group, k, 2 * at, level + 1, forest->left[root + node]);
    fill_perfect(draft, group, k, 2 * at + 1, level + 1, forest->right[root + node]);
}

static void put_next(row_draft *draft, const row_group *group, unsigned k, size_t place,
                     size_t value)
{
    char *next = draft->layout->data + group->tree[k] + 2 * group->span;
    if (group->form == ROW_NARROW)
        ((uint8_t *)next)[place] = (uint8_t)value;
    else
        ((uint16_t *)next)[place] = (uint16_t)value;
}

/* What stands for a node in `next`: a question, or span + the number of a leaf. */
static size_t following(const row_draft *draft, const row_group *group, size_t root, uint32_t node)
{
    return draft->number[node] + (is_leaf(draft->forest, root + node) ? group->span : 0);
}

static void fill_graph(row_draft *draft, const row_group *group, unsigned k)
{
    const mw_forest *forest = draft->forest;
    size_t root = forest->tree_start[group->first_tree + k];
    row_shape shape = survey_tree(draft, group->first_tree + k);
    if (is_leaf(forest, root)) {
        put_next(draft, group, k, 0, group->span);
        put_next(draft, group, k, 1, group->span);
    }
    for (size_t i = 0; i < shape.n_nodes; i++) {
        uint32_t at = draft->queue[i];
        size_t number = draft->number[at];
        if (is_leaf(forest, root + at)) {
            put_leaf(draft, group, k, number, root + at);
            continue;
        }
        put_question(draft, group, k, root + at, number);
        put_next(draft, group, k, 2 * number,
                 following(draft, group, root, forest->left[root + at]));
        put_next(draft, group, k, 2 * number + 1,
                 following(draft, group, root, forest->right[root + at]));
    }
    for (size_t i = 0; group->form == ROW_NARROW && i < 2 * ROW_TILE; i++)
        put_next(draft, group, k, 2 * ROW_TILE + i, ROW_TILE + i / 2);
}

static void fill_group(row_draft *draft, const row_group *group)
{
    for (unsigned k = 0; k < group->n_trees; k++) {
        if (group->form == ROW_OBLIVIOUS) {
            fill_oblivious(draft, group, k);
            continue;
        }
        clear_questions(draft, group, k);
        if (group->form == ROW_PERFECT)
            fill_perfect(draft, group, k, 1, 0, 0);
        else
            fill_graph(draft, group, k);
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool take_plan(row_draft *draft)
{
    const mw_forest *forest = draft->forest;
    size_t largest = 1;
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        size_t n_nodes = forest->tree_start[tree + 1] - forest->tree_start[tree];
        largest = n_nodes > largest ? n_nodes : largest;
    }
    row_layout *layout = draft->layout;
    layout->n_groups = (forest->n_trees + ROW_GROUP - 1) / ROW_GROUP;
    layout->groups = calloc(layout->n_groups + 1, sizeof *layout->groups);
    draft->queue = calloc(largest + 1, sizeof *draft->queue);
    draft->number = calloc(largest + 1, sizeof *draft->number);
    return layout->groups && draft->queue && draft->number;
}

static bool plan_groups(row_draft *draft)
{
    const mw_forest *forest = draft->forest;
    for (size_t g = 0; g < draft->layout->n_groups; g++) {
        row_group *group = &draft->layout->groups[g];
        size_t left = forest->n_trees - g * ROW_GROUP;
        group->first_tree = g * ROW_GROUP;
        group->n_trees = (unsigned)(left < ROW_GROUP ? left : ROW_GROUP);
        group_shape shape = survey_group(draft, group);
        if (!choose_form(group, &shape))
            return false;
        plan_group(draft, group);
    }
    return true;
}

/* Searches with their codes. *ret_count: codes that are asked for. */
static bool list_searches(row_layout *layout, size_t *ret_count)
{
    const bytes_layout *cuts = layout->cuts;
    *ret_count = 0;
    layout->searches = calloc(cuts->n_searches + 1, sizeof *layout->searches);
    if (!layout->searches)
        return false;
    for (size_t s = 0; s < cuts->n_searches; s++) {
        const bytes_search *from = &cuts->searches[s];
        row_search *to = &layout->searches[s];
        *to = (row_search){.feature = from->feature,
                           .small = from->n_cuts <= 16,
                           .near_zero = from->near_zero && cuts->near_zero,
                           .zero_code = from->zero_code};
        for (unsigned rule = 0; rule < BYTES_RULES; rule++) {
            bool asked = from->column[rule] != BYTES_NO_COLUMN;
            *ret_count += asked;
            to->code[rule] = asked ? (uint8_t)(from->column[rule] / BYTES_ROWS) : ROW_NOWHERE;
            layout->zero_rules |= asked && rule >= PREDICT_ZERO_LEFT;
        }
    }
    return true;
}

/* False: they would take too much, or there is no memory; *ret_fits tells which. */
static bool take_categories(row_draft *draft, bool *ret_fits)
{
    row_layout *layout = draft->layout;
    const bytes_layout *cuts = layout->cuts;
    size_t width = row_table_width(layout), n_words = 0;
    layout->categories = calloc(cuts->n_codes + 1, sizeof *layout->categories);
    if (!layout->categories)
        return false;
    for (size_t f = 0; f < cuts->n_codes; f++) {
        layout->categories[f].n_rows = cuts->codes[f].n_numbers + 2u;
        n_words += layout->categories[f].n_rows * width;
    }
    *ret_fits = n_words <= TABLE_BYTES_MAX / sizeof(uint64_t) && cuts->n_codes <= ROW_FEATURES_MAX;
    uint64_t *words = *ret_fits ? calloc(n_words + 1, sizeof *words) : NULL;
    if (!words)
        return !*ret_fits;
    layout->words = words;
    layout->table_bytes = n_words * sizeof *words;
    for (size_t f = 0; f < cuts->n_codes; f++) {
        layout->categories[f].words = words;
        words += layout->categories[f].n_rows * width;
    }
    return true;
}

static bool take_data(row_layout *layout)
{
    void *data;
    if (posix_memalign(&data, PREDICT_LINE, layout->data_bytes + PREDICT_LINE) != 0)
        return false;
    memset(data, 0, layout->data_bytes + PREDICT_LINE);
    layout->data = data;
    return true;
}

static mw_status lay_out(row_draft *draft, bool *ret_fits, mw_error *err)
{
    row_layout *layout = draft->layout;
    if (!take_plan(draft))
        return mw_fail_memory(err, "the trees of a predictor");
    *ret_fits = plan_groups(draft);
    if (!*ret_fits)
        return MW_OK;
    layout->cuts = calloc(1, sizeof *layout->cuts);
    if (!layout->cuts)
        return mw_fail_memory(err, "a predictor");
    MW_TRY(bytes_find_cuts(draft->forest, layout->cuts, &draft->places, ret_fits, err));
    if (!*ret_fits)
        return MW_OK;
    size_t n_codes;
    if (!list_searches(layout, &n_codes) || !take_categories(draft, ret_fits))
        return mw_fail_memory(err, "the questions of a predictor");
    layout->few = n_codes < ROW_COLUMNS_FEW;
    layout->n_categories = layout->cuts->n_codes;
    *ret_fits = *ret_fits && n_codes < ROW_COLUMNS;
    if (!*ret_fits)
        return MW_OK;
    if (!take_data(layout))
        return mw_fail_memory(err, "the nodes of a predictor");
    draft->fits = true;
    for (size_t g = 0; g < layout->n_groups; g++)
        fill_group(draft, &layout->groups[g]);
    *ret_fits = draft->fits;
    return MW_OK;
}

mw_status row_layout_make(const mw_forest *forest, void **ret_layout, mw_error *err)
{
    *ret_layout = NULL;
    if (!bytes_forest_fits(forest))
        return MW_OK;
    row_layout *layout = calloc(1, sizeof *layout);
    if (!layout)
        return mw_fail_memory(err, "a predictor");
    row_draft draft = {.forest = forest, .layout = layout};
    bool fits = false;
    mw_status status = lay_out(&draft, &fits, err);
    free(draft.queue);
    free(draft.number);
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
    bytes_layout_free(layout->cuts);
    free(layout->searches);
    free(layout->categories);
    free(layout->words);
    free(layout->groups);
    free(layout->data);
    free(layout);
}

size_t row_layout_bytes(const void *untyped)
{
    const row_layout *layout = untyped;
    return sizeof *layout + bytes_layout_bytes(layout->cuts) +
           layout->cuts->n_searches * sizeof *layout->searches +
           layout->cuts->n_codes * sizeof *layout->categories + layout->table_bytes +
           layout->n_groups * sizeof *layout->groups + layout->data_bytes;
}
