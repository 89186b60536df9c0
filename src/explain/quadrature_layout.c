/* The forest as the quadrature kernels want it: columns and their cuts, programs, memory. */
#include "quadrature.h"

#include <assert.h>
#include <stdlib.h>

#include "base/banned.h"

enum { LINE = 64 };

static mw_status fail_memory(mw_error *err)
{
    return mw_fail_memory(err, "the explainer");
}

/* ---- columns --------------------------------------------------------------------------------- */

typedef struct cut {
    const mw_forest *forest;
    size_t node;
} cut;

#define COMPARE(a, b) ((a) < (b) ? -1 : (a) > (b))

/* By feature and rule, then by threshold; a categorical node stands for itself. */
static int compare_rules(const cut *a, const cut *b)
{
    const mw_forest *forest = a->forest;
    int order = COMPARE(forest->feature[a->node], forest->feature[b->node]);
    if (order == 0)
        order = COMPARE(forest->flags[a->node], forest->flags[b->node]);
    if (order == 0 && forest->flags[a->node] & MW_NODE_CATEGORICAL)
        order = COMPARE(a->node, b->node);
    return order;
}

static int compare_cuts(const void *left, const void *right)
{
    const cut *a = left, *b = right;
    int order = compare_rules(a, b);
    if (order != 0)
        return order;
    double x = a->forest->threshold[a->node], y = b->forest->threshold[b->node];
    return COMPARE(x, y);
}

static void add_cut(quadrature_layout *layout, const cut *now, const cut *before)
{
    const mw_forest *forest = now->forest;
    if (!before || compare_rules(before, now) != 0) {
        size_t begin = 0;
        if (layout->n_columns > 0) {
            const quadrature_column *last = &layout->columns[layout->n_columns - 1];
            begin = last->first_threshold + last->n_thresholds;
        }
        layout->columns[layout->n_columns++] =
            (quadrature_column){forest->feature[now->node], now->node, begin, 0};
        before = NULL;
    }
    quadrature_column *column = &layout->columns[layout->n_columns - 1];
    if (!before || compare_cuts(before, now) != 0)
        layout->thresholds[column->first_threshold + column->n_thresholds++] =
            forest->threshold[now->node];
    layout->node_column[now->node] = (uint32_t)layout->n_columns - 1;
    layout->node_cut[now->node] = (int32_t)column->n_thresholds - 1;
}

static mw_status find_columns(const mw_forest *forest, quadrature_layout *layout, mw_error *err)
{
    size_t n_splits = 0;
    cut *cuts = malloc((forest->n_nodes + 1) * sizeof *cuts);
    if (!cuts)
        return fail_memory(err);
    for (size_t node = 0; node < forest->n_nodes; node++)
        if (forest->left[node] != MW_NO_CHILD)
            cuts[n_splits++] = (cut){forest, node};
    qsort(cuts, n_splits, sizeof *cuts, compare_cuts);
    mw_arena *arena = &layout->arena;
    layout->columns = mw_arena_take_zeroed(arena, n_splits, sizeof *layout->columns);
    layout->thresholds = mw_arena_take_zeroed(arena, n_splits, sizeof *layout->thresholds);
    layout->node_column = mw_arena_take_zeroed(arena, forest->n_nodes, sizeof(uint32_t));
    layout->node_cut = mw_arena_take_zeroed(arena, forest->n_nodes, sizeof(int32_t));
    bool taken = layout->columns && layout->thresholds && layout->node_column && layout->node_cut;
    for (size_t i = 0; taken && i < n_splits; i++)
        add_cut(layout, &cuts[i], i > 0 ? &cuts[i - 1] : NULL);
    free(cuts);
    return taken ? MW_OK : fail_memory(err);
}

/* How many thresholds do not send x left. They are sorted, and every rule is monotone in them. */
static int32_t rank_of(const quadrature_column *column, const double *thresholds, uint8_t flags,
                       double x)
{
    size_t begin = 0;
    for (size_t left = column->n_thresholds; left > 0;) {
        size_t half = left / 2;
        bool goes_left = predict_number_left(flags, thresholds[begin + half], x);
        begin += goes_left ? 0 : half + 1;
        left = goes_left ? half : left - half - 1;
    }
    return (int32_t)begin;
}

void quadrature_rank(const mw_forest *forest, const quadrature_layout *layout,
                     const explain_block *block, int32_t *ranks)
{
    size_t n_rows = quadrature_rows(block);
    for (size_t c = 0; c < layout->n_columns; c++, ranks += EXPLAIN_BLOCK_ROWS) {
        const quadrature_column *column = &layout->columns[c];
        const double *thresholds = layout->thresholds + column->first_threshold;
        uint8_t flags = forest->flags[column->node];
        for (size_t r = 0; r < block->n_rows; r++) {
            double x = predict_read(block->rows, block->first + r, column->feature);
            x = predict_value(forest->input, x);
            ranks[r] = flags & MW_NODE_CATEGORICAL ? !predict_category_left(forest, column->node, x)
                                                   : rank_of(column, thresholds, flags, x);
        }
        for (size_t r = block->n_rows; r < n_rows; r++)
            ranks[r] = 0;
    }
}

/* ---- programs -------------------------------------------------------------------------------- */

typedef struct survey {
    const mw_forest *forest;
    size_t root;
    uint32_t *on_path; /* n_features: how often a feature stands on the path */
    uint32_t n_distinct, most_distinct;
    size_t n_splits;
    uint32_t depth;
} survey;

static void survey_node(survey *s, size_t node, uint32_t level)
{
    if (level > s->depth)
        s->depth = level;
    if (s->forest->left[node] == MW_NO_CHILD)
        return;
    uint32_t feature = s->forest->feature[node];
    s->n_splits++;
    if (s->on_path[feature]++ == 0 && ++s->n_distinct > s->most_distinct)
        s->most_distinct = s->n_distinct;
    survey_node(s, s->root + s->forest->left[node], level + 1);
    survey_node(s, s->root + s->forest->right[node], level + 1);
    if (--s->on_path[feature] == 0)
        s->n_distinct--;
}

static uint32_t points_for(uint32_t n_distinct)
{
    uint32_t points = (n_distinct + 1) / 2;
    return points < 1 ? 1 : points > QUADRATURE_POINTS_MAX ? QUADRATURE_POINTS_MAX : points;
}

#define TAKE_LARGER(to, value) ((to) = (value) > (to) ? (value) : (to))

/* A split: SPLIT, TURN, JOIN or one PAIR; at most 8 words a point and 2 more. A leaf: one. */
static void add_program(const mw_forest *forest, quadrature_layout *layout, size_t tree,
                        size_t output, uint32_t *on_path)
{
    survey s = {.forest = forest, .root = forest->tree_start[tree], .on_path = on_path};
    survey_node(&s, s.root, 0);
    if (s.n_splits == 0)
        return; /* only a bias */
    uint32_t points = points_for(s.most_distinct);
    size_t slots = s.n_splits < forest->n_features ? s.n_splits : forest->n_features;
    layout->programs[layout->n_programs++] = (quadrature_program){
        .tree = tree,
        .output = output,
        .mean = explain_mean(forest, tree, s.root, output),
        .n_points = points,
        .n_steps_max = 4 * s.n_splits + 2,
        .n_words_max = s.n_splits * (8 * points + 2) + s.n_splits + 1,
        .n_slots_max = slots,
    };
    const quadrature_program *program = &layout->programs[layout->n_programs - 1];
    TAKE_LARGER(layout->points_max, points);
    TAKE_LARGER(layout->levels_max, s.depth);
    TAKE_LARGER(layout->steps_max, program->n_steps_max);
    TAKE_LARGER(layout->words_max, program->n_words_max);
    TAKE_LARGER(layout->slots_max, slots);
}

/* By margin; those of one margin stay in file order. */
static mw_status sort_programs(const mw_forest *forest, quadrature_layout *layout, mw_error *err)
{
    const quadrature_program *found = layout->programs;
    mw_arena *arena = &layout->arena;
    size_t *first = layout->first_program;
    size_t *next = mw_arena_take_zeroed(arena, forest->n_margins, sizeof *next);
    layout->programs = mw_arena_take_zeroed(arena, layout->n_programs, sizeof *layout->programs);
    if (!next || !layout->programs)
        return fail_memory(err);
    for (size_t i = 0; i < layout->n_programs; i++)
        first[found[i].output + 1]++;
    for (size_t m = 0; m < forest->n_margins; m++) {
        next[m] = first[m];
        first[m + 1] += first[m];
    }
    for (size_t i = 0; i < layout->n_programs; i++)
        layout->programs[next[found[i].output]++] = found[i];
    return MW_OK;
}

static mw_status find_programs(const mw_forest *forest, quadrature_layout *layout, mw_error *err)
{
    size_t most = 0;
    for (size_t tree = 0; tree < forest->n_trees; tree++)
        most += explain_end_output(forest, tree) - explain_first_output(forest, tree);
    mw_arena *arena = &layout->arena;
    uint32_t *on_path = mw_arena_take_zeroed(arena, forest->n_features, sizeof *on_path);
    layout->programs = mw_arena_take_zeroed(arena, most, sizeof *layout->programs);
    layout->first_program =
        mw_arena_take_zeroed(arena, forest->n_margins + 1, sizeof *layout->first_program);
    if (!on_path || !layout->programs || !layout->first_program)
        return fail_memory(err);
    for (size_t tree = 0; tree < forest->n_trees; tree++)
        for (size_t m = explain_first_output(forest, tree); m < explain_end_output(forest, tree);
             m++)
            add_program(forest, layout, tree, m, on_path);
    return sort_programs(forest, layout, err);
}

static mw_status find_points(quadrature_layout *layout, mw_error *err)
{
    size_t count = layout->points_max + 1;
    layout->points = mw_arena_take_zeroed(&layout->arena, count, sizeof *layout->points);
    layout->weights = mw_arena_take_zeroed(&layout->arena, count, sizeof *layout->weights);
    if (!layout->points || !layout->weights)
        return fail_memory(err);
    for (size_t n = 1; n <= layout->points_max; n++)
        quadrature_gauss(n, layout->points[n], layout->weights[n]);
    return MW_OK;
}

/* ---- programs that are kept ------------------------------------------------------------------ */

static mw_status take_lists(quadrature_layout *layout, size_t n_steps, size_t n_words,
                            size_t n_slots, mw_error *err)
{
    mw_arena *arena = &layout->arena;
    layout->lists.steps = mw_arena_take(arena, n_steps * sizeof *layout->lists.steps);
    layout->lists.words = mw_arena_take(arena, n_words * sizeof *layout->lists.words);
    layout->lists.features = mw_arena_take(arena, n_slots * sizeof *layout->lists.features);
    if (!layout->lists.steps || !layout->lists.words || !layout->lists.features)
        return fail_memory(err);
    return MW_OK;
}

static quadrature_lists lists_at(const quadrature_layout *layout, const quadrature_program *program)
{
    return (quadrature_lists){layout->lists.steps + program->first_step,
                              layout->lists.words + program->first_word,
                              layout->lists.features + program->first_slot, program->n_slots};
}

static mw_status keep_programs(const mw_forest *forest, quadrature_layout *layout,
                               size_t kept_bytes_max, mw_error *err)
{
    size_t n_steps = 0, n_words = 0, n_slots = 0;
    for (size_t i = 0; i < layout->n_programs; i++) {
        quadrature_program *program = &layout->programs[i];
        program->first_step = n_steps;
        program->first_word = n_words;
        program->first_slot = n_slots;
        n_steps += program->n_steps_max;
        n_words += program->n_words_max;
        n_slots += program->n_slots_max;
    }
    size_t bytes =
        n_steps * sizeof(quadrature_step) + n_words * sizeof(int32_t) + n_slots * sizeof(uint32_t);
    if (bytes > kept_bytes_max)
        return MW_OK;
    MW_TRY(take_lists(layout, n_steps, n_words, n_slots, err));
    mw_arena *arena = &layout->arena;
    quadrature_path *path =
        mw_arena_take_zeroed(arena, layout->levels_max + (size_t)1, sizeof *path);
    uint32_t *slot_of = mw_arena_take(arena, forest->n_features * sizeof *slot_of);
    if (!path || !slot_of)
        return fail_memory(err);
    memset(slot_of, 0xff, forest->n_features * sizeof *slot_of);
    for (size_t i = 0; i < layout->n_programs; i++) {
        quadrature_program *program = &layout->programs[i];
        quadrature_lists lists = lists_at(layout, program);
        program->n_slots = quadrature_write(forest, layout, program, path, slot_of, &lists);
    }
    layout->kept = true;
    return MW_OK;
}

quadrature_lists quadrature_lists_of(const mw_forest *forest, const quadrature_layout *layout,
                                     const quadrature_program *program, quadrature_memory *parts)
{
    if (layout->kept)
        return lists_at(layout, program);
    memset(parts->slot_of, 0xff, forest->n_features * sizeof *parts->slot_of);
    parts->lists.n_slots =
        quadrature_write(forest, layout, program, parts->path, parts->slot_of, &parts->lists);
    return parts->lists;
}

/* ---- life ------------------------------------------------------------------------------------ */

static mw_status fill(const mw_forest *forest, quadrature_layout *layout, size_t kept_bytes_max,
                      mw_error *err)
{
    MW_TRY(find_columns(forest, layout, err));
    MW_TRY(find_programs(forest, layout, err));
    MW_TRY(find_points(layout, err));
    return keep_programs(forest, layout, kept_bytes_max, err);
}

mw_status quadrature_lay_out_within(const mw_forest *forest, size_t kept_bytes_max,
                                    void **ret_layout, mw_error *err)
{
    quadrature_layout *layout = calloc(1, sizeof *layout);
    if (!layout)
        return fail_memory(err);
    mw_arena_init(&layout->arena, 64 * MW_KIB, SIZE_MAX / 2);
    mw_status status = fill(forest, layout, kept_bytes_max, err);
    if (status != MW_OK) {
        quadrature_free(layout);
        return status;
    }
    *ret_layout = layout;
    return MW_OK;
}

mw_status quadrature_lay_out(const mw_forest *forest, void **ret_layout, mw_error *err)
{
    return quadrature_lay_out_within(forest, MW_LIMIT_EXPLAINER_BYTES, ret_layout, err);
}

void quadrature_free(void *layout)
{
    if (!layout)
        return;
    mw_arena_done(&((quadrature_layout *)layout)->arena);
    free(layout);
}

size_t quadrature_bytes(const void *layout)
{
    const quadrature_layout *l = layout;
    return sizeof *l + mw_arena_held_bytes(&l->arena);
}

/* ---- memory of a block ----------------------------------------------------------------------- */

static size_t cut_off(char *memory, size_t *used, size_t bytes, void **ret_part)
{
    *ret_part = memory ? memory + *used : NULL;
    *used += (bytes + LINE - 1) / LINE * LINE;
    return *used;
}

size_t quadrature_divide(const mw_forest *forest, const quadrature_layout *layout, void *memory,
                         quadrature_memory *ret_parts)
{
    const size_t line = QUADRATURE_ROWS_MAX * sizeof(float);
    size_t levels = layout->levels_max + (size_t)1, features = forest->n_features, used = 0;
    size_t points = layout->points_max, written = layout->kept ? 0 : 1;
    void *parts[11];
    const size_t bytes[11] = {
        layout->n_columns * EXPLAIN_BLOCK_ROWS * sizeof(int32_t),
        features * EXPLAIN_BLOCK_ROWS * sizeof(double),
        layout->slots_max * line,
        levels * points * line,
        2 * levels * points * line,
        3 * levels * line,
        written * features * sizeof(uint32_t),
        written * levels * sizeof(quadrature_path),
        written * layout->steps_max * sizeof(quadrature_step),
        written * layout->words_max * sizeof(int32_t),
        written * layout->slots_max * sizeof(uint32_t),
    };
    for (size_t i = 0; i < MW_COUNT(parts); i++)
        cut_off(memory, &used, bytes[i], &parts[i]);
    *ret_parts = (quadrature_memory){parts[0], parts[1], parts[2],
                                     parts[3], parts[4], parts[5],
                                     parts[6], parts[7], {parts[8], parts[9], parts[10], 0}};
    return used;
}

size_t quadrature_memory_bytes(const mw_forest *forest, const void *layout)
{
    quadrature_memory parts;
    return quadrature_divide(forest, layout, NULL, &parts);
}

void quadrature_put(const mw_forest *forest, const explain_block *block, size_t output,
                    const double *totals)
{
    size_t width = forest->n_margins * (forest->n_features + 1);
    double *values = block->values + output * (forest->n_features + 1);
    for (size_t r = 0; r < block->n_rows; r++, values += width)
        for (size_t f = 0; f < forest->n_features; f++)
            values[f] = totals[f * EXPLAIN_BLOCK_ROWS + r];
}
