/* Isolation forest, grown and walked.
 *
 * A tree is filled up to a whole one of `depth` levels, so that every walk takes the same steps and
 * nothing branches:
 *
 *     node i: right = x[feature] > threshold;  i = 2 i + right        from 1 on, depth times
 *     leaf i - 2^depth: the path's length
 *
 * A node is one word, so that a step is two loads: where the feature's values of a block stand, and
 * the threshold as a whole number that orders alike. Where a leaf stands higher, all nodes below it
 * have an infinite threshold: the walk goes left, to a leaf that says the same. Rows walk in blocks
 * side by side, so that the loads of one hide behind those of the others. A sum is in the order of
 * the trees: the same bits for any block. */
#include "chance.h"
#include "stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define EULER 0.57721566490153286061

enum {
    USUAL_TREES = 100,
    USUAL_SAMPLE = 256,
    USUAL_DEPTH = 8,
    TREES_MAX = 10000,
    SAMPLE_MAX = 65536,
    BLOCK = 16
};

struct mw_isolation {
    size_t n_features, n_trees, n_leaves; /* n_leaves: of a tree, 2^depth; it has as many nodes */
    unsigned depth;
    double search;   /* mean depth of a search among the sample */
    uint64_t *nodes; /* of a tree: from 1 on */
    float *leaves, *medians;
};

/* ---- nodes ----------------------------------------------------------------------------------- */

/* A whole number that orders as x does; no NaN. Its own inverse, but for -0. */
static int32_t key_of(float x)
{
    int32_t bits;
    x += 0.0F; /* -0 is 0 */
    memcpy(&bits, &x, sizeof bits);
    return bits ^ (int32_t)((uint32_t)(bits >> 31) >> 1);
}

static uint64_t node_of(size_t feature, float threshold)
{
    return (uint64_t)(uint32_t)key_of(threshold) << 32 | (uint32_t)(feature * BLOCK);
}

static int32_t key_in(uint64_t node)
{
    return (int32_t)(uint32_t)(node >> 32);
}

static size_t feature_in(uint64_t node)
{
    return (uint32_t)node / BLOCK;
}

static float threshold_in(uint64_t node)
{
    int32_t key = key_in(node), bits = key ^ (int32_t)((uint32_t)(key >> 31) >> 1);
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* ---- growing --------------------------------------------------------------------------------- */

/* Mean depth of an unsuccessful search in a binary tree of n. */
static double search_depth(double n)
{
    if (n <= 1)
        return 0;
    return n == 2 ? 1 : 2 * (log(n - 1) + EULER) - 2 * (n - 1) / n;
}

typedef struct growing {
    mw_isolation *forest;
    const float *rows;    /* of this tree: (n, n_features) */
    uint32_t *order;      /* rows, parted as the tree grows */
    uint32_t *candidates; /* features */
    uint64_t random;
    uint64_t *nodes;
    float *leaves;
} growing;

static double chance(growing *g)
{
    return (double)(stats_draw(&g->random) >> 11) * 0x1p-53;
}

static void range_of(const growing *g, uint32_t feature, size_t begin, size_t end, float *ret_low,
                     float *ret_high)
{
    size_t n_features = g->forest->n_features;
    *ret_low = INFINITY;
    *ret_high = -INFINITY;
    for (size_t i = begin; i < end; i++) {
        float x = g->rows[g->order[i] * n_features + feature];
        *ret_low = x < *ret_low ? x : *ret_low;
        *ret_high = x > *ret_high ? x : *ret_high;
    }
}

/* A feature that varies among these rows, drawn evenly; false: none does. */
static bool draw_feature(growing *g, size_t begin, size_t end, uint32_t *ret_feature, float *low,
                         float *high)
{
    for (size_t left = g->forest->n_features; left > 0; left--) {
        size_t at = (size_t)(chance(g) * (double)left);
        uint32_t feature = g->candidates[at];
        range_of(g, feature, begin, end, low, high);
        *ret_feature = feature;
        if (*low < *high)
            return true;
        g->candidates[at] = g->candidates[left - 1]; /* not again at this node */
        g->candidates[left - 1] = feature;
    }
    return false;
}

static size_t part(growing *g, size_t begin, size_t end, uint32_t feature, float threshold)
{
    size_t n_features = g->forest->n_features, middle = begin;
    for (size_t i = begin; i < end; i++) {
        uint32_t row = g->order[i];
        if (g->rows[row * n_features + feature] > threshold)
            continue;
        g->order[i] = g->order[middle];
        g->order[middle++] = row;
    }
    return middle;
}

/* Down the left side to a leaf of the whole tree. */
static void end_path(growing *g, size_t node, unsigned level, size_t n)
{
    double length = (double)level + search_depth((double)n);
    for (; level < g->forest->depth; level++) {
        g->nodes[node] = node_of(0, INFINITY);
        node *= 2;
    }
    g->leaves[node - g->forest->n_leaves] = (float)length;
}

static void grow(growing *g, size_t node, unsigned level, size_t begin, size_t end)
{
    uint32_t feature;
    float low, high;
    if (end - begin <= 1 || level == g->forest->depth ||
        !draw_feature(g, begin, end, &feature, &low, &high)) {
        end_path(g, node, level, end - begin);
        return;
    }
    float threshold = low + (float)chance(g) * (high - low);
    if (!(threshold < high)) /* rounded up: one side would be empty */
        threshold = low;
    size_t middle = part(g, begin, end, feature, threshold);
    g->nodes[node] = node_of(feature, threshold);
    grow(g, 2 * node, level + 1, begin, middle);
    grow(g, 2 * node + 1, level + 1, middle, end);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static double value_at(const mw_matrix *rows, size_t row, size_t column)
{
    ptrdiff_t at = (ptrdiff_t)row * rows->row_stride + (ptrdiff_t)column * rows->column_stride;
    return rows->dtype == MW_FLOAT64 ? ((const double *)rows->data)[at]
                                     : (double)((const float *)rows->data)[at];
}

/* Beyond what a float holds is beyond all of them. */
static float as_float(double value, float median)
{
    return isnan(value) ? median : (float)value;
}

static void take_row(const mw_isolation *forest, const mw_matrix *rows, size_t row, float *to)
{
    for (size_t f = 0; f < forest->n_features; f++)
        to[f] = as_float(value_at(rows, row, f), forest->medians[f]);
}

static mw_status set_medians(mw_isolation *forest, const mw_matrix *rows, mw_error *err)
{
    size_t n = rows->n_rows;
    double *room = malloc((3 * n + 1) * sizeof *room), *values = room + 2 * n;
    if (!room)
        return mw_fail_memory(err, "an isolation forest");
    for (size_t f = 0; f < forest->n_features; f++) {
        for (size_t i = 0; i < n; i++)
            values[i] = value_at(rows, i, f);
        mw_sample sample = mw_sample_make(values, n, 1, room, room + n);
        forest->medians[f] = sample.n > 0 ? (float)mw_sample_quantile(&sample, 0.5) : 0;
    }
    free(room);
    return MW_OK;
}

/* `sample` of the rows, none twice; infinite values count as the largest number. */
static void draw_rows(growing *g, const mw_matrix *rows, uint32_t *all, size_t sample, float *to)
{
    for (size_t i = 0; i < sample; i++) {
        size_t at = i + (size_t)(chance(g) * (double)(rows->n_rows - i));
        uint32_t row = all[at];
        all[at] = all[i];
        all[i] = row;
        take_row(g->forest, rows, row, to + i * g->forest->n_features);
        g->order[i] = (uint32_t)i;
    }
    for (size_t i = 0; i < sample * g->forest->n_features; i++)
        if (isinf(to[i]))
            to[i] = to[i] > 0 ? 3.4028234e38f : -3.4028234e38f;
}

/* ---- fit ------------------------------------------------------------------------------------- */

void mw_isolation_free(mw_isolation *forest)
{
    if (!forest)
        return;
    free(forest->nodes);
    free(forest->leaves);
    free(forest->medians);
    free(forest);
}

size_t mw_isolation_bytes(const mw_isolation *forest)
{
    size_t tree = forest->n_leaves * (sizeof *forest->nodes + sizeof *forest->leaves);
    return sizeof *forest + forest->n_features * sizeof *forest->medians + forest->n_trees * tree;
}

static mw_isolation *make(size_t n_features, size_t n_trees, size_t sample)
{
    mw_isolation *forest = calloc(1, sizeof *forest);
    if (!forest)
        return NULL;
    *forest = (mw_isolation){.n_features = n_features, .n_trees = n_trees};
    while (((size_t)1 << forest->depth) < sample)
        forest->depth++;
    forest->depth = forest->depth ? forest->depth : 1;
    forest->n_leaves = (size_t)1 << forest->depth;
    forest->search = search_depth((double)sample);
    forest->nodes = calloc(n_trees * forest->n_leaves, sizeof *forest->nodes);
    forest->leaves = calloc(n_trees * forest->n_leaves, sizeof *forest->leaves);
    forest->medians = calloc(n_features, sizeof *forest->medians);
    if (forest->nodes && forest->leaves && forest->medians)
        return forest;
    mw_isolation_free(forest);
    return NULL;
}

static void grow_all(growing *g, const mw_matrix *rows, uint32_t *all, size_t sample, float *room)
{
    mw_isolation *forest = g->forest;
    for (size_t t = 0; t < forest->n_trees; t++) {
        g->nodes = forest->nodes + t * forest->n_leaves;
        g->leaves = forest->leaves + t * forest->n_leaves;
        draw_rows(g, rows, all, sample, room);
        grow(g, 1, 0, 0, sample);
    }
}

mw_status mw_isolation_fit(const mw_matrix *rows, const mw_isolation_options *options,
                           mw_isolation **ret_forest, mw_error *err)
{
    mw_isolation_options o = options ? *options : (mw_isolation_options){0};
    size_t n = rows->n_rows, n_features = rows->n_columns;
    o.n_trees = o.n_trees == 0 ? USUAL_TREES : o.n_trees > TREES_MAX ? TREES_MAX : o.n_trees;
    o.sample = o.sample == 0 ? USUAL_SAMPLE : o.sample > SAMPLE_MAX ? SAMPLE_MAX : o.sample;
    o.sample = o.sample < 2 ? 2 : o.sample;
    if (n == 0 || n_features == 0 || n > UINT32_MAX) {
        mw_fail(err, MW_E_DRIFT_COLUMNS, "an isolation forest of %zu rows and %zu features", n,
                n_features);
        return mw_mend(err, "give it rows of the reference, with at least one column of numbers");
    }
    size_t sample = o.sample < n ? o.sample : n;
    mw_isolation *forest = make(n_features, o.n_trees, sample);
    uint32_t *all = malloc((n + sample + n_features) * sizeof *all);
    float *room = malloc(sample * n_features * sizeof *room);
    mw_status status = forest && all && room ? set_medians(forest, rows, err)
                                             : mw_fail_memory(err, "an isolation forest");
    if (status == MW_OK) {
        growing g = {.forest = forest,
                     .rows = room,
                     .order = all + n,
                     .candidates = all + n + sample,
                     .random = o.seed};
        for (size_t i = 0; i < n; i++)
            all[i] = (uint32_t)i;
        for (size_t f = 0; f < n_features; f++)
            g.candidates[f] = (uint32_t)f;
        grow_all(&g, rows, all, sample, room);
        *ret_forest = forest;
    } else
        mw_isolation_free(forest);
    free(all);
    free(room);
    return status;
}

/* ---- scores ---------------------------------------------------------------------------------- */

/* n <= BLOCK rows, side by side: keys[feature][row of BLOCK]. */
static inline __attribute__((always_inline)) void
walk(const mw_isolation *forest, const int32_t *keys, size_t n, unsigned depth, float *ret_sums)
{
    size_t n_trees = forest->n_trees, n_leaves = forest->n_leaves;
    float sums[BLOCK] = {0};
    for (size_t t = 0; t < n_trees; t++) {
        const uint64_t *nodes = forest->nodes + t * n_leaves;
        const float *leaves = forest->leaves + t * n_leaves;
        uint32_t at[BLOCK];
        for (size_t r = 0; r < n; r++)
            at[r] = 1;
#pragma GCC unroll 8
        for (unsigned level = 0; level < depth; level++)
#pragma GCC unroll 16
            for (size_t r = 0; r < n; r++) {
                uint64_t node = nodes[at[r]];
                at[r] = 2 * at[r] + (keys[(uint32_t)node + r] > key_in(node));
            }
        for (size_t r = 0; r < n; r++)
            sums[r] += leaves[at[r] - n_leaves];
    }
    memcpy(ret_sums, sums, sizeof sums);
}

/* A whole block of the usual depth is known when it is compiled: its loops are unrolled. */
static void walk_block(const mw_isolation *forest, const int32_t *keys, size_t n, float *ret_sums)
{
    if (n == BLOCK && forest->depth == USUAL_DEPTH)
        walk(forest, keys, BLOCK, USUAL_DEPTH, ret_sums);
    else if (n == BLOCK)
        walk(forest, keys, BLOCK, forest->depth, ret_sums);
    else
        walk(forest, keys, n, forest->depth, ret_sums);
}

static double score_of(const mw_isolation *forest, float sum)
{
    double mean = (double)sum / (double)forest->n_trees;
    return forest->search > 0 ? exp2(-mean / forest->search) : 0.5;
}

void mw_isolation_score(const mw_isolation *forest, const mw_matrix *rows, double *ret_scores)
{
    int32_t small[BLOCK * 64];
    float sums[BLOCK];
    size_t n_features = forest->n_features;
    int32_t *keys = n_features <= 64 ? small : malloc(BLOCK * n_features * sizeof *keys);
    for (size_t begin = 0; begin < rows->n_rows; begin += BLOCK) {
        size_t n = rows->n_rows - begin < BLOCK ? rows->n_rows - begin : BLOCK;
        for (size_t f = 0; keys && f < n_features; f++)
            for (size_t r = 0; r < n; r++)
                keys[f * BLOCK + r] =
                    key_of(as_float(value_at(rows, begin + r, f), forest->medians[f]));
        if (keys)
            walk_block(forest, keys, n, sums);
        for (size_t r = 0; r < n; r++)
            ret_scores[begin + r] = keys ? score_of(forest, sums[r]) : (double)NAN;
    }
    if (keys != small)
        free(keys);
}

size_t mw_isolation_cause(const mw_isolation *forest, const double *row, double *ret_without)
{
    size_t n = forest->n_features, cause = n;
    double *copy = malloc((n + 1) * sizeof *copy), score;
    mw_matrix one = {copy, MW_FLOAT64, 1, n, n, 1};
    *ret_without = (double)NAN;
    if (!copy)
        return n;
    memcpy(copy, row, n * sizeof *copy);
    mw_isolation_score(forest, &one, ret_without);
    for (size_t f = 0; f < n; f++) {
        copy[f] = (double)forest->medians[f];
        mw_isolation_score(forest, &one, &score);
        copy[f] = row[f];
        if (score < *ret_without) {
            *ret_without = score;
            cause = f;
        }
    }
    free(copy);
    return cause;
}

/* ---- kept ------------------------------------------------------------------------------------
 *
 *     a node from its left side on: feature + 1, threshold     a leaf: 0, length
 *
 * What a path that ends early was filled up with is made again: a third of the bytes. */

enum { DEPTH_MAX = 16 };

/* Where the next node stands: of a path of lefts and rights. */
typedef struct place {
    size_t node;
    unsigned level;
} place;

/* Of a node on the last level, or one whose threshold is infinite, its leaf. */
static bool is_end(const mw_isolation *forest, const uint64_t *nodes, place at)
{
    return at.level == forest->depth || isinf(threshold_in(nodes[at.node]));
}

static size_t leaf_of(const mw_isolation *forest, place at)
{
    return (at.node << (forest->depth - at.level)) - forest->n_leaves;
}

static void pack_tree(const mw_isolation *forest, size_t tree, mw_buf *out)
{
    const uint64_t *nodes = forest->nodes + tree * forest->n_leaves;
    place stack[DEPTH_MAX + 2] = {{1, 0}};
    for (size_t n = 1; n > 0;) {
        place at = stack[--n];
        if (is_end(forest, nodes, at)) {
            mw_pack_whole(out, 0);
            mw_pack_real(out, forest->leaves[tree * forest->n_leaves + leaf_of(forest, at)]);
            continue;
        }
        mw_pack_whole(out, feature_in(nodes[at.node]) + 1);
        mw_pack_real(out, threshold_in(nodes[at.node]));
        stack[n++] = (place){2 * at.node + 1, at.level + 1};
        stack[n++] = (place){2 * at.node, at.level + 1};
    }
}

void mw_isolation_pack(const mw_isolation *forest, mw_buf *out)
{
    mw_pack_whole(out, forest->n_features);
    mw_pack_whole(out, forest->n_trees);
    mw_pack_whole(out, forest->depth);
    mw_pack_number(out, forest->search);
    for (size_t f = 0; f < forest->n_features; f++)
        mw_pack_real(out, forest->medians[f]);
    for (size_t t = 0; t < forest->n_trees; t++)
        pack_tree(forest, t, out);
}

static bool unpack_end(mw_unpack *in, mw_isolation *forest, size_t tree, place at)
{
    float length = mw_unpack_real(in);
    forest->leaves[tree * forest->n_leaves + leaf_of(forest, at)] = length;
    for (; at.level < forest->depth; at.level++) {
        forest->nodes[tree * forest->n_leaves + at.node] = node_of(0, INFINITY);
        at.node *= 2;
    }
    return length >= 0 && isfinite(length);
}

static bool unpack_tree(mw_unpack *in, mw_isolation *forest, size_t tree)
{
    place stack[DEPTH_MAX + 2] = {{1, 0}};
    for (size_t n = 1; n > 0;) {
        place at = stack[--n];
        uint64_t feature = mw_unpack_at_most(in, forest->n_features);
        if (feature == 0) {
            if (in->failed || !unpack_end(in, forest, tree, at))
                return false;
            continue;
        }
        float threshold = mw_unpack_real(in);
        if (at.level == forest->depth || !isfinite(threshold))
            return false;
        forest->nodes[tree * forest->n_leaves + at.node] = node_of(feature - 1, threshold);
        stack[n++] = (place){2 * at.node + 1, at.level + 1};
        stack[n++] = (place){2 * at.node, at.level + 1};
    }
    return !in->failed;
}

/* Of a tree that is whole, so that what the file has decides how much memory is taken. */
static bool are_sound(const mw_unpack *in, size_t n_features, size_t n_trees, unsigned depth)
{
    size_t least = n_features * sizeof(float) + n_trees * (1 + sizeof(float));
    return !in->failed && n_features > 0 && n_trees > 0 && depth > 0 &&
           mw_unpack_left(in) >= least && n_trees << depth <= MW_ISOLATION_LEAVES_MAX;
}

mw_isolation *mw_isolation_unpack(mw_unpack *in)
{
    size_t n_features = (size_t)mw_unpack_at_most(in, UINT16_MAX);
    size_t n_trees = (size_t)mw_unpack_at_most(in, TREES_MAX);
    unsigned depth = (unsigned)mw_unpack_at_most(in, DEPTH_MAX);
    double search = mw_unpack_number(in);
    if (!are_sound(in, n_features, n_trees, depth) || !(search >= 0 && search < 1e6))
        return NULL;
    mw_isolation *forest = make(n_features, n_trees, (size_t)1 << depth);
    if (!forest)
        return NULL;
    forest->search = search;
    bool done = true;
    for (size_t f = 0; f < n_features; f++) {
        forest->medians[f] = mw_unpack_real(in);
        done = done && !isnan(forest->medians[f]);
    }
    for (size_t t = 0; done && t < n_trees; t++)
        done = unpack_tree(in, forest, t);
    if (done)
        return forest;
    mw_isolation_free(forest);
    return NULL;
}

size_t mw_isolation_features(const mw_isolation *forest)
{
    return forest->n_features;
}
