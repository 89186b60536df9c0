/* The tops of a block's trees: how deep they are, and their questions; see row.h for the picture.
 */
#include <math.h>

#include "bytes_oblivious.h"
#include "row_draft.h"
#include "rules.h"

#include "base/banned.h"

/* Costs in instructions, for the choice of a top's depth. Fetching counts as instructions, too:
 * these are as many as go by meanwhile, from measurements of 100 to 1,000 trees. */
enum {
    COST_LEVEL_FEW = 12, /* a look-up, a comparison, a bit */
    COST_LEVEL_MANY = 21,
    COST_LINE = 4, /* 64 bytes of questions, or of bits about categories ... */
    COST_LINE_FAR = 10,
    COST_PIECE = 25,
    COST_PIECE_FAR = 60,
    COST_PIECE_FARTHEST = 250,
    COST_PIECE_SET = 3,     /* and feature with categories */
    PIECE_LEVELS = 5,       /* that a piece goes on for, mostly */
    FAR_BYTES = 256 * 1024, /* questions of all tops that a near cache does not hold any more */
    FAR_NODES = 20000,      /* pieces of so many come from outer caches */
    FARTHEST_NODES = 100000
};

/* Of AVX-512, where the walks that go on are listed by an instruction, and a line is a register. */
static const double wide_piece = 0.8, wide_set_line = 0.4;

/* ---- survey ---------------------------------------------------------------------------------- */

/* What part of the rows goes left, of a node whose children stand at these places. */
static double share_left(const double *cover, uint32_t left, uint32_t right)
{
    if (!cover)
        return 0.5;
    double share = cover[left] / (cover[left] + cover[right]);
    return share >= 0 && share <= 1 ? share : 0.5;
}

/* Without a branch on what is a leaf, which no processor foresees: children of leaves are written
 * to a place behind all nodes, and do not count. */
size_t row_survey_tree(row_draft *draft, size_t tree)
{
    const mw_forest *forest = draft->forest;
    size_t root = forest->tree_start[tree], n_nodes = 1;
    uint32_t end = (uint32_t)(forest->tree_start[tree + 1] - root);
    const double *cover = forest->cover ? forest->cover + root : NULL;
    draft->queue[0] = 0;
    draft->share[0] = 1;
    for (size_t i = 0; i < n_nodes; i++) {
        uint32_t at = draft->queue[i], left = forest->left[root + at];
        uint32_t right = forest->right[root + at];
        bool leaf = left == MW_NO_CHILD;
        double part = share_left(cover, leaf ? 0 : left, leaf ? 0 : right);
        draft->share[leaf ? end : left] = draft->share[at] * part;
        draft->share[leaf ? end : right] = draft->share[at] * (1 - part);
        draft->queue[n_nodes] = left;
        draft->queue[n_nodes + 1] = right;
        n_nodes += leaf ? 0 : 2;
    }
    return n_nodes;
}

typedef struct block_shape {
    size_t depth; /* of the deepest tree */
    bool oblivious;
    double go_on[ROW_LEAVES_MAX + 1]; /* share of walks that ask at level d, over all trees */
} block_shape;

static void choose_levels(const row_draft *draft, row_block *block)
{
    block->oblivious = true;
    for (size_t k = 0; k < block->n_trees; k++) {
        unsigned depth = mw_levels_depth(draft->forest, block->first_tree + k);
        block->by_starts = block->by_starts || depth > 8 || (k > 0 && depth != block->depth);
        block->depth = (uint8_t)(depth > block->depth ? depth : block->depth);
    }
}

static void survey_block(row_draft *draft, const row_block *block, block_shape *ret)
{
    const mw_forest *forest = draft->forest;
    *ret = (block_shape){.oblivious = true};
    for (size_t k = 0; k < block->n_trees; k++) {
        size_t tree = block->first_tree + k, root = forest->tree_start[tree];
        size_t n_nodes = row_survey_tree(draft, tree), depth = 0;
        for (size_t i = 0, level_end = 1, next_end = 1; i < n_nodes; i++) {
            if (i == level_end) {
                depth++;
                level_end = next_end;
            }
            bool leaf = row_is_leaf(forest, root + draft->queue[i]);
            next_end += leaf ? 0 : 2;
            ret->go_on[depth] += leaf ? 0 : draft->share[draft->queue[i]];
        }
        ret->depth = depth > ret->depth ? depth : ret->depth;
        ret->oblivious = ret->oblivious && depth <= ROW_DEPTH_MAX &&
                         bytes_is_oblivious(forest, tree, draft->queue, n_nodes, depth);
    }
    for (size_t level = 0; level < ret->depth; level++)
        ret->go_on[level] /= block->n_trees;
}

/* ---- depth ----------------------------------------------------------------------------------- */

static double cost_of_piece(const row_draft *draft)
{
    size_t n_nodes = draft->forest->n_nodes / 2; /* that ask */
    double cost = n_nodes > FARTHEST_NODES ? COST_PIECE_FARTHEST
                  : n_nodes > FAR_NODES    ? COST_PIECE_FAR
                                           : COST_PIECE;
    cost += COST_PIECE_SET * (double)draft->layout->n_categories;
    return draft->layout->lanes == ROW_LANES_MAX ? wide_piece * cost : cost;
}

/* Of a tree, on average. */
static double cost_of_top(const row_draft *draft, const block_shape *shape, unsigned depth)
{
    const row_layout *layout = draft->layout;
    double nodes = ldexp(1, (int)depth) - 1, lanes = (double)layout->lanes, rest = 0;
    bool far = 2 * nodes * (double)draft->forest->n_trees > FAR_BYTES;
    double top = 2 * (nodes - depth) + depth * (layout->few ? COST_LEVEL_FEW : COST_LEVEL_MANY);
    double lines = 2 * nodes * lanes / PREDICT_LINE;
    double set_lines = nodes / 8 * lanes / PREDICT_LINE * (double)layout->n_categories;
    if (layout->lanes == ROW_LANES_MAX)
        set_lines *= wide_set_line;
    top += lines * (far ? COST_LINE_FAR : COST_LINE) + set_lines * COST_LINE_FAR;
    for (size_t level = depth; level < shape->depth; level += PIECE_LEVELS)
        rest += shape->go_on[level] * cost_of_piece(draft);
    return top / lanes + rest;
}

void row_choose_top(row_draft *draft, row_block *block)
{
    block_shape shape;
    if (draft->forest->levels) {
        choose_levels(draft, block);
        return;
    }
    survey_block(draft, block, &shape);
    block->oblivious = shape.oblivious;
    block->depth = (uint8_t)(shape.depth < ROW_DEPTH_MAX ? shape.depth : ROW_DEPTH_MAX);
    bool whole = shape.oblivious || draft->layout->wide; /* which have no pieces */
    for (unsigned depth = block->depth; depth-- > 0 && !whole;) {
        if (cost_of_top(draft, &shape, depth) < cost_of_top(draft, &shape, block->depth))
            block->depth = (uint8_t)depth;
    }
    block->goes_on = shape.depth > block->depth;
}

/* ---- questions ------------------------------------------------------------------------------- */

typedef struct top_place {
    size_t lane, level, at;
} top_place;

static void put_question(row_draft *draft, const row_block *block, const top_place *place,
                         size_t node)
{
    row_layout *layout = draft->layout;
    size_t slot = block->oblivious ? 0 : place->at;
    size_t before = block->oblivious ? place->level : ((size_t)1 << place->level) - 1;
    uint8_t *column = (uint8_t *)layout->data + block->questions +
                      row_node_rows(layout) * layout->lanes * (before + slot) + place->lane;
    uint8_t *rank = column + layout->lanes;
    if (layout->wide)
        rank[layout->lanes] = row_side(draft, node);
    if (!(mw_forest_splits(draft->forest).flags[node] & MW_NODE_CATEGORICAL)) {
        row_put_number(draft, node, column, rank);
        return;
    }
    *rank = ROW_NEVER;
    size_t bit = block->oblivious ? place->level : ((size_t)1 << place->level) + slot;
    row_put_set(draft, node, block->set_planes + bit / 8 * layout->lanes + place->lane, bit % 8);
}

static void put_rest(row_draft *draft, const row_block *block, const top_place *place,
                     uint32_t node, uint32_t value)
{
    row_layout *layout = draft->layout;
    uint8_t *plane = (uint8_t *)layout->data + block->going_on + place->at / 8 * layout->lanes;
    plane[place->lane] |= (uint8_t)(1 << place->at % 8);
    draft->rests[draft->n_rests++] = (row_rest){node, value};
}

/* Exits of a leaf that lies above the last level are all those below its place. */
static void put_exits(row_draft *draft, const row_block *block, const top_place *place, size_t tree,
                      uint32_t node)
{
    size_t root = draft->forest->tree_start[tree];
    uint32_t first = block->first_value + (uint32_t)(place->lane << block->depth);
    if (!row_is_leaf(draft->forest, root + node)) {
        put_rest(draft, block, place, node, first + (uint32_t)place->at);
        return;
    }
    for (size_t below = 0; below < (size_t)1 << (block->depth - place->level); below++)
        row_put_leaf(draft, tree, root + node,
                     first + (uint32_t)(place->at + (below << place->level)));
}

static void fill_top(row_draft *draft, const row_block *block, top_place place, size_t tree,
                     uint32_t node)
{
    const mw_forest *forest = draft->forest;
    size_t root = forest->tree_start[tree];
    if (place.level == block->depth || row_is_leaf(forest, root + node)) {
        put_exits(draft, block, &place, tree, node);
        return;
    }
    top_place left = {place.lane, place.level + 1, place.at};
    top_place right = {place.lane, place.level + 1, place.at | (size_t)1 << place.level};
    /* of an oblivious level once: all its nodes ask the same */
    if (!block->oblivious || place.at == 0)
        put_question(draft, block, &place, root + node);
    fill_top(draft, block, left, tree, forest->left[root + node]);
    fill_top(draft, block, right, tree, forest->right[root + node]);
}

/* Asks nothing: the answer is no. */
static void put_nothing(row_draft *draft, const row_block *block, size_t lane, size_t level)
{
    row_layout *layout = draft->layout;
    size_t row = row_node_rows(layout) * level + 1;
    layout->data[block->questions + row * layout->lanes + lane] = ROW_NEVER;
}

/* A tree of levels: bit i of a leaf's number is the answer of level i, as in `at`. */
static void fill_levels(row_draft *draft, const row_block *block, size_t lane)
{
    const mw_forest *forest = draft->forest;
    size_t tree = block->first_tree + lane, depth = mw_levels_depth(forest, tree);
    for (size_t i = 0; i < depth; i++)
        put_question(draft, block, &(top_place){.lane = lane, .level = i},
                     forest->levels->start[tree] + i);
    for (size_t i = depth; i < block->depth; i++)
        put_nothing(draft, block, lane, i);
    if (block->by_starts)
        draft->layout->starts[tree] = (uint32_t)mw_levels_leaf(forest, tree);
}

void row_fill_levels(row_draft *draft, row_block *block)
{
    row_layout *layout = draft->layout;
    block->first_value = (uint32_t)mw_levels_leaf(draft->forest, block->first_tree);
    if (block->by_starts && !layout->starts) {
        layout->starts = calloc(layout->n_blocks * layout->lanes, sizeof *layout->starts);
        draft->enough = layout->starts != NULL;
    }
    for (size_t lane = 0; draft->enough && lane < block->n_trees; lane++)
        fill_levels(draft, block, lane);
}

void row_fill_block(row_draft *draft, row_block *block)
{
    block->first_value = row_take_values(draft, (size_t)block->n_trees << block->depth);
    for (size_t lane = 0; draft->enough && lane < block->n_trees; lane++) {
        size_t tree = block->first_tree + lane;
        if (block->goes_on) /* pieces ask for shares */
            row_survey_tree(draft, tree);
        draft->n_rests = 0;
        fill_top(draft, block, (top_place){.lane = lane}, tree, 0);
        row_cut_pieces(draft, tree);
    }
}
