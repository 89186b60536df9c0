/* Several ensembles, or steps behind one that are no known transform: which sums become the
 * forest's margins, and what is made of them.
 *
 *     tree A --> table of its leaves --+
 *                                      + --> margin 0 --> recipe --> predictions
 *     tree B --> table of its leaves --+
 *
 * Whatever a graph computes from one tree alone is known for each leaf: it becomes the leaf's value
 * (an isolation forest's leaf holds its depth, a weak learner's its vote). Sums over such trees, in
 * their order, are margins. An ensemble of many trees is a margin by itself. What is left is a
 * recipe, run on each row's margins. */
#include "onnx.h"

#include <math.h>

typedef struct settler {
    model_onnx *onnx;
    model_onnx_flow *flow;
    const uint32_t *outputs;
    size_t n_cells;
    uint32_t *uses;   /* of each cell: by cells of more than its own tree, and as a prediction */
    uint32_t *margin; /* of each cell: its margin, or MODEL_ONNX_NOTHING */
    uint32_t *last;   /* of each sum of trees: the part that came last; else MODEL_ONNX_NOTHING */
    uint32_t *rank;   /* of each part: when it is summed */
    uint32_t *order;  /* the parts by rank */
    size_t n_ranked;
    bool *reached, *inner; /* inner: a sum inside another sum */
    size_t n_margins;
} settler;

static const model_onnx_cell *cell_at(const settler *s, uint32_t cell)
{
    return model_onnx_cell_at(&s->flow->cells, cell);
}

static bool is_single_tree(const settler *s, uint32_t part)
{
    if (part >= s->flow->parts.count)
        return false;
    const model_onnx_part *at = model_onnx_part_at(s->flow, part);
    return !at->is_linear && at->trees.roots.count == 1;
}

/* Known for each leaf of one tree. */
static bool is_of_tree(const settler *s, uint32_t cell)
{
    const model_onnx_cell *at = cell_at(s, cell);
    return at->feature == MODEL_ONNX_NOTHING && is_single_tree(s, at->part);
}

static unsigned operands_of(const model_onnx_cell *cell, uint32_t *ret_from)
{
    const mw_recipe_step *step = &cell->step;
    ret_from[0] = step->a;
    ret_from[1] = step->b;
    ret_from[2] = step->c;
    if (cell->source == MODEL_ONNX_SCORE)
        return 1;
    if (cell->source != MODEL_ONNX_STEP || step->op == MW_RECIPE_CONSTANT)
        return 0;
    if (step->op == MW_RECIPE_WHERE)
        return 3;
    return step->op >= MW_RECIPE_ADD && step->op <= MW_RECIPE_OR ? 2 : 1;
}

static void count_uses(settler *s)
{
    uint32_t from[3];
    for (size_t i = 0; i < s->flow->n_outputs; i++) {
        s->reached[s->outputs[i]] = true;
        s->uses[s->outputs[i]]++;
    }
    for (size_t i = s->n_cells; i-- > 0;) {
        if (!s->reached[i])
            continue;
        bool of_tree = is_of_tree(s, (uint32_t)i);
        unsigned n = operands_of(cell_at(s, (uint32_t)i), from);
        for (unsigned k = 0; k < n; k++) {
            s->reached[from[k]] = true;
            s->uses[from[k]] += !of_tree;
        }
    }
}

/* a + b, where a is one tree's or such a sum, b the next tree's, and nobody else asks for either.
 */
static void find_sums(settler *s)
{
    for (uint32_t i = 0; i < s->n_cells; i++) {
        const model_onnx_cell *cell = cell_at(s, i);
        if (!s->reached[i])
            continue;
        if (is_of_tree(s, i)) {
            s->last[i] = cell->part;
            continue;
        }
        if (cell->source != MODEL_ONNX_STEP || cell->step.op != MW_RECIPE_ADD)
            continue;
        uint32_t a = cell->step.a, b = cell->step.b;
        bool sums = s->last[a] != MODEL_ONNX_NOTHING && is_of_tree(s, b);
        if (!sums || s->uses[a] != 1 || s->uses[b] != 1 || cell->step.kind > MW_RECIPE_FLOAT64)
            continue;
        s->last[i] = s->last[b];
        s->inner[a] = s->inner[b] = true;
    }
}

static bool is_sum(const settler *s, uint32_t cell)
{
    return s->last[cell] != MODEL_ONNX_NOTHING && !is_of_tree(s, cell);
}

/* The first tree of a sum. */
static uint32_t bottom_of(const settler *s, uint32_t cell)
{
    while (is_sum(s, cell))
        cell = cell_at(s, cell)->step.a;
    return cell;
}

static void rank_part(settler *s, uint32_t part)
{
    if (s->rank[part] != MODEL_ONNX_NOTHING)
        return;
    s->rank[part] = (uint32_t)s->n_ranked;
    s->order[s->n_ranked++] = part;
}

/* Trees are summed as the sums name them, which need not be the order in which they stand: the
 * cells of a sum come in its order. */
static void rank_parts(settler *s)
{
    for (uint32_t i = 0; i < s->n_cells; i++) {
        if (!is_sum(s, i))
            continue;
        rank_part(s, s->last[bottom_of(s, i)]);
        rank_part(s, s->last[i]);
    }
    for (uint32_t part = 0; part < s->flow->parts.count; part++)
        rank_part(s, part);
}

/* A sum in another order than the trees' is none: each of its trees is a margin by itself. Sums
 * inside it may still be some. */
static void drop_disordered(settler *s)
{
    for (uint32_t i = 0; i < s->n_cells; i++) {
        uint32_t a = cell_at(s, i)->step.a, b = cell_at(s, i)->step.b;
        if (!is_sum(s, i) ||
            (s->last[a] != MODEL_ONNX_NOTHING && s->rank[s->last[a]] < s->rank[s->last[i]]))
            continue;
        s->inner[a] = s->inner[b] = false;
        s->last[i] = MODEL_ONNX_NOTHING;
    }
}

/* Each sum that is in no other gets a margin, and so do all trees in it. Later cells first, so that
 * a sum is seen before its parts; margins are then numbered from the first cell on. */
static void number_margins(settler *s)
{
    for (uint32_t i = 0; i < s->n_cells; i++) {
        const model_onnx_cell *cell = cell_at(s, i);
        bool raw = cell->source == MODEL_ONNX_MARGIN && !is_single_tree(s, cell->of);
        bool whole = s->last[i] != MODEL_ONNX_NOTHING && !s->inner[i] && s->uses[i] > 0;
        if (s->reached[i] && (raw || whole))
            s->margin[i] = (uint32_t)s->n_margins++;
    }
    for (uint32_t i = (uint32_t)s->n_cells; i-- > 0;) {
        const model_onnx_cell *cell = cell_at(s, i);
        if (s->margin[i] == MODEL_ONNX_NOTHING || is_of_tree(s, i) ||
            cell->source != MODEL_ONNX_STEP)
            continue;
        s->margin[cell->step.a] = s->margin[cell->step.b] = s->margin[i];
    }
}

/* ---- leaves ---------------------------------------------------------------------------------- */

/* What is computed of one tree, and where it goes. */
typedef struct tree_values {
    model_list roots;   /* uint32_t: cells that others ask for */
    model_list weights; /* model_onnx_weight */
    uint32_t *given;
    mw_arena arena;
    const mw_recipe *recipe;
    double *cells;
} tree_values;

static mw_status find_roots(const settler *s, uint32_t part, tree_values *v, mw_error *err)
{
    for (uint32_t i = 0; i < s->n_cells; i++) {
        const model_onnx_cell *cell = cell_at(s, i);
        v->given[i] = cell->source == MODEL_ONNX_MARGIN && cell->of == part ? cell->output
                                                                            : MODEL_ONNX_NOTHING;
        if (cell->part != part || s->margin[i] == MODEL_ONNX_NOTHING || !is_of_tree(s, i))
            continue;
        uint32_t *root = model_list_add(&v->roots, 1);
        if (!root)
            return mw_fail_memory(err, "the leaves of a tree");
        *root = i;
    }
    return MW_OK;
}

static void fill_given(const model_onnx_trees *trees, size_t leaf, const mw_recipe *recipe,
                       double *cells)
{
    const model_onnx_weight *weights = trees->weights.items;
    const uint32_t *first = trees->first.items;
    for (size_t i = 0; i < recipe->n_inputs; i++) {
        double sum = 0;
        for (uint32_t k = first[leaf]; k < first[leaf + 1]; k++) {
            if (weights[k].output != recipe->inputs[i])
                continue;
            sum = trees->sum_double ? sum + weights[k].value
                                    : (double)((float)sum + (float)weights[k].value);
        }
        cells[i * MW_RECIPE_LANES] = sum;
    }
}

static mw_status value_leaves(const settler *s, const model_onnx_trees *trees, tree_values *v,
                              mw_error *err)
{
    const model_onnx_split *splits = trees->splits.items;
    for (size_t node = 0; node < trees->splits.count; node++) {
        if (splits[node].mode != MODEL_ONNX_LEAF)
            continue;
        fill_given(trees, node, v->recipe, v->cells);
        mw_recipe_run(v->recipe, 1, v->cells);
        for (size_t i = 0; i < v->roots.count; i++) {
            model_onnx_weight *weight = model_list_add(&v->weights, 1);
            if (!weight)
                return mw_fail_memory(err, "the leaves of a tree");
            uint32_t root = ((const uint32_t *)v->roots.items)[i];
            double value = v->cells[(size_t)v->recipe->outputs[i] * MW_RECIPE_LANES];
            *weight = (model_onnx_weight){(uint32_t)node, s->margin[root], value};
        }
    }
    return MW_OK;
}

/* The weights of a tree, by node; each leaf has as many. */
static mw_status replace_weights(model_onnx_trees *trees, tree_values *v, mw_error *err)
{
    const model_onnx_split *splits = trees->splits.items;
    uint32_t *first = trees->first.items, at = 0;
    model_list_done(&trees->weights);
    trees->weights = v->weights;
    v->weights = (model_list){.item_bytes = sizeof(model_onnx_weight)};
    for (size_t node = 0; node < trees->splits.count; node++) {
        first[node] = at;
        at += splits[node].mode == MODEL_ONNX_LEAF ? (uint32_t)v->roots.count : 0;
    }
    first[trees->splits.count] = at;
    const model_onnx_weight *weights = trees->weights.items;
    for (size_t i = 0; i < trees->weights.count; i++)
        if (isnan(weights[i].value))
            return mw_fail(err, MW_E_TREE_VALUE, "what the graph makes of a leaf is not a number");
    return MW_OK;
}

static mw_status settle_single(const settler *s, uint32_t part, tree_values *v, mw_error *err)
{
    model_onnx_trees *trees = &model_onnx_part_at(s->flow, part)->trees;
    v->given = calloc(s->n_cells + 1, sizeof *v->given);
    if (!v->given)
        return mw_fail_memory(err, "the leaves of a tree");
    MW_TRY(find_roots(s, part, v, err));
    MW_TRY(model_onnx_recipe(&s->flow->cells, v->roots.items, v->roots.count, v->given, false,
                             &v->arena, &v->recipe, err));
    v->cells = malloc(mw_recipe_bytes(v->recipe) + sizeof *v->cells);
    if (!v->cells)
        return mw_fail_memory(err, "the leaves of a tree");
    MW_TRY(value_leaves(s, trees, v, err));
    return replace_weights(trees, v, err);
}

/* A tree among others: its leaves hold what the graph makes of them. */
static mw_status settle_tree(const settler *s, uint32_t part, mw_error *err)
{
    tree_values v = {.roots = {.item_bytes = sizeof(uint32_t)},
                     .weights = {.item_bytes = sizeof(model_onnx_weight)}};
    mw_arena_init(&v.arena, 4096, MW_GIB);
    mw_status status = settle_single(s, part, &v, err);
    model_list_done(&v.roots);
    model_list_done(&v.weights);
    free(v.given);
    free(v.cells);
    mw_arena_done(&v.arena);
    return status;
}

/* An ensemble of many trees: its outputs are margins; those that nothing asks for are dropped. */
static void settle_many(const settler *s, model_onnx_part *part)
{
    model_onnx_trees *trees = &part->trees;
    model_onnx_weight *weights = trees->weights.items;
    uint32_t *first = trees->first.items, at = 0;
    for (size_t node = 0; node < trees->splits.count; node++) {
        uint32_t begin = first[node], end = first[node + 1];
        first[node] = at;
        for (uint32_t k = begin; k < end; k++) {
            uint32_t margin = s->margin[part->margin + weights[k].output];
            if (margin == MODEL_ONNX_NOTHING)
                continue;
            weights[at] = weights[k];
            weights[at++].output = margin;
        }
    }
    first[trees->splits.count] = at;
    trees->weights.count = at;
}

/* ---- a whole forest -------------------------------------------------------------------------- */

static mw_status check_parts(const settler *s, mw_error *err)
{
    const model_onnx_part *first = model_onnx_part_at(s->flow, 0);
    for (size_t p = 0; p < s->flow->parts.count; p++) {
        const model_onnx_part *part = model_onnx_part_at(s->flow, p);
        if (part->is_linear != first->is_linear)
            return model_onnx_refuse(part->node, "trees and linear models are mixed", err);
        if (part->wide != first->wide)
            return model_onnx_refuse(part->node, "models of floats and of doubles are mixed", err);
    }
    for (size_t i = 0; i < s->n_cells; i++) {
        const model_onnx_cell *cell = cell_at(s, (uint32_t)i);
        if (s->reached[i] && cell->source == MODEL_ONNX_FEATURE)
            return model_onnx_refuse(first->node, "the predictions are made of features, too", err);
    }
    if (s->n_margins > 0 && s->n_margins <= MW_LIMIT_OUTPUTS)
        return MW_OK;
    return model_onnx_refuse(first->node, "its scores take no part in the predictions", err);
}

static mw_status write_parts(const settler *s, mw_error *err)
{
    for (size_t i = 0; i < s->flow->parts.count; i++) {
        uint32_t p = s->order[i];
        model_onnx_part *part = model_onnx_part_at(s->flow, p);
        if (part->is_linear)
            return model_onnx_set_weights(s->onnx, s->flow, s->margin, err);
        if (!is_single_tree(s, p))
            settle_many(s, part);
        else if (settle_tree(s, p, err) != MW_OK)
            return model_onnx_at(part->node, err);
        MW_TRY(model_onnx_build(s->onnx, part, err));
    }
    return MW_OK;
}

static mw_status set_recipe(const settler *s, mw_error *err)
{
    mw_forest *forest = s->onnx->build.forest;
    bool identity = s->n_margins == s->flow->n_outputs;
    for (size_t i = 0; identity && i < s->flow->n_outputs; i++)
        identity = s->margin[s->outputs[i]] == i;
    forest->n_predictions = s->flow->n_outputs;
    forest->transform = identity ? MW_TRANSFORM_IDENTITY : MW_TRANSFORM_RECIPE;
    if (identity)
        return MW_OK;
    return model_onnx_recipe(&s->flow->cells, s->outputs, s->flow->n_outputs, s->margin, false,
                             &forest->arena, &forest->after, err);
}

static mw_status settle(settler *s, mw_error *err)
{
    mw_forest *forest = s->onnx->build.forest;
    count_uses(s);
    find_sums(s);
    rank_parts(s);
    drop_disordered(s);
    number_margins(s);
    MW_TRY(check_parts(s, err));
    forest->n_margins = s->n_margins;
    MW_TRY(write_parts(s, err));
    return set_recipe(s, err);
}

mw_status model_onnx_set_margins(model_onnx *onnx, model_onnx_flow *flow, mw_error *err)
{
    size_t n = flow->cells.cells.count;
    settler s = {
        .onnx = onnx, .flow = flow, .outputs = model_onnx_slot(flow, flow->output), .n_cells = n};
    s.uses = calloc(n + 1, sizeof *s.uses);
    s.margin = malloc((n + 1) * sizeof *s.margin);
    s.last = malloc((n + 1) * sizeof *s.last);
    s.rank = malloc((flow->parts.count + 1) * sizeof *s.rank);
    s.order = malloc((flow->parts.count + 1) * sizeof *s.order);
    s.reached = calloc(n + 1, sizeof *s.reached);
    s.inner = calloc(n + 1, sizeof *s.inner);
    mw_status status = mw_fail_memory(err, "the margins of a graph");
    if (s.uses && s.margin && s.last && s.reached && s.inner && s.rank && s.order) {
        memset(s.rank, 0xff, (flow->parts.count + 1) * sizeof *s.rank);
        memset(s.margin, 0xff, (n + 1) * sizeof *s.margin);
        memset(s.last, 0xff, (n + 1) * sizeof *s.last);
        status = settle(&s, err);
    }
    free(s.uses);
    free(s.margin);
    free(s.last);
    free(s.rank);
    free(s.order);
    free(s.reached);
    free(s.inner);
    return status;
}
