/* Gradient boosting of small trees.
 *
 *     rows --quantiles--> codes 0 (missing), 1 .. 32 --+
 *     targets less what is said so far, ---------------+--> best split of each node, three levels
 *                                                      `--> 8 leaves, a tenth of their means added
 *     four rows of five grow trees; the fifth tells how many of them to keep
 *
 *     a tree        0            a value above the node's edge goes right; what is missing, left.
 *                 1   2          A node without a split has an edge of +infinity.
 *                3 4 5 6 --> leaves 0..7 */
#include "stats.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { CODES = 33, NODES = 7, LEAVES = 8, LEAST_ROWS = 20, ONE_OF = 5, PATIENCE = 15 };

#define RATE 0.1

typedef struct boost_tree {
    uint32_t columns[NODES];
    double edges[NODES], leaves[LEAVES];
} boost_tree;

struct mw_boost {
    size_t n_columns, n_trees;
    double base;
    boost_tree trees[MW_BOOST_TREES];
};

/* What trees grow from: one behind the other, a column's codes. */
typedef struct growing {
    size_t n_rows, n_columns;
    double (*edges)[CODES];  /* of each column: codes above k are values above edges[k] */
    uint8_t *codes, *places; /* (n_columns, n_rows); the node of a row in its level */
    double *left;            /* n_rows: what is not said so far */
    double *said, *room;     /* n_rows; 2 * n_rows */
} growing;

/* ---- codes ----------------------------------------------------------------------------------- */

static uint8_t code_of(const double edges[CODES], double value)
{
    uint8_t code = 0;
    for (size_t step = 32; step > 0; step /= 2)
        if (code + step <= CODES - 1 && value > edges[code + step - 1])
            code = (uint8_t)(code + step);
    return code;
}

/* Edges: minus infinity, then the values at evenly spaced shares; what is left over, infinity. */
static void find_edges(double *values, size_t n, double *scratch, double ret_edges[CODES])
{
    size_t n_edges = 0;
    mw_sort(values, n, scratch);
    ret_edges[n_edges++] = -(double)INFINITY;
    for (size_t k = 1; n > 0 && k < CODES - 1; k++) {
        double edge = values[k * (n - 1) / (CODES - 1)];
        if (edge > ret_edges[n_edges - 1] && edge < values[n - 1])
            ret_edges[n_edges++] = edge;
    }
    while (n_edges < CODES)
        ret_edges[n_edges++] = (double)INFINITY;
}

static void encode(growing *g, const double *rows)
{
    for (size_t c = 0; c < g->n_columns; c++) {
        size_t n = 0;
        for (size_t i = 0; i < g->n_rows; i++)
            if (!isnan(rows[i * g->n_columns + c]))
                g->room[n++] = rows[i * g->n_columns + c];
        find_edges(g->room, n, g->room + g->n_rows, g->edges[c]);
        for (size_t i = 0; i < g->n_rows; i++)
            g->codes[c * g->n_rows + i] = code_of(g->edges[c], rows[i * g->n_columns + c]);
    }
}

/* ---- one tree -------------------------------------------------------------------------------- */

typedef struct bin {
    double sum, rows;
} bin;

typedef struct split {
    double gain, edge;
    uint32_t column;
    uint8_t code; /* rows above it go right; CODES: none do */
} split;

static bool grows(size_t row)
{
    return row % ONE_OF != ONE_OF - 1;
}

static void count(const growing *g, size_t c, size_t n_nodes, bin bins[LEAVES / 2][CODES])
{
    const uint8_t *codes = g->codes + c * g->n_rows;
    memset(bins, 0, n_nodes * sizeof bins[0]);
    for (size_t i = 0; i < g->n_rows; i++) {
        if (!grows(i))
            continue;
        bin *at = &bins[g->places[i]][codes[i]];
        at->sum += g->left[i];
        at->rows += 1;
    }
}

/* How much less the squares are when both sides have a mean of their own. */
static void look_for_split(const bin bins[CODES], const double edges[CODES], uint32_t column,
                           split *best)
{
    bin all = {0}, below = {0};
    for (size_t k = 0; k < CODES; k++) {
        all.sum += bins[k].sum;
        all.rows += bins[k].rows;
    }
    for (uint8_t k = 0; k + 1 < CODES; k++) {
        below.sum += bins[k].sum;
        below.rows += bins[k].rows;
        double above = all.rows - below.rows, rest = all.sum - below.sum;
        if (below.rows < LEAST_ROWS || above < LEAST_ROWS)
            continue;
        double gain =
            below.sum * below.sum / below.rows + rest * rest / above - all.sum * all.sum / all.rows;
        if (gain > best->gain)
            *best = (split){gain, edges[k], column, k};
    }
}

static void grow_level(growing *g, size_t level, boost_tree *tree)
{
    bin bins[LEAVES / 2][CODES];
    split best[LEAVES / 2];
    size_t n = (size_t)1 << level, first = n - 1;
    for (size_t p = 0; p < n; p++)
        best[p] = (split){0, (double)INFINITY, 0, CODES};
    for (size_t c = 0; c < g->n_columns; c++) {
        count(g, c, n, bins);
        for (size_t p = 0; p < n; p++)
            look_for_split(bins[p], g->edges[c], (uint32_t)c, &best[p]);
    }
    for (size_t p = 0; p < n; p++) {
        tree->columns[first + p] = best[p].column;
        tree->edges[first + p] = best[p].edge;
    }
    for (size_t i = 0; i < g->n_rows; i++) {
        const split *s = &best[g->places[i]];
        bool is_right = g->codes[s->column * g->n_rows + i] > s->code;
        g->places[i] = (uint8_t)(2 * g->places[i] + is_right);
    }
}

static void grow_tree(growing *g, boost_tree *tree)
{
    bin leaves[LEAVES] = {0};
    memset(g->places, 0, g->n_rows);
    for (size_t level = 0; level < MW_BOOST_DEPTH; level++)
        grow_level(g, level, tree);
    for (size_t i = 0; i < g->n_rows; i++)
        if (grows(i)) {
            leaves[g->places[i]].sum += g->left[i];
            leaves[g->places[i]].rows += 1;
        }
    for (size_t l = 0; l < LEAVES; l++)
        tree->leaves[l] = leaves[l].rows > 0 ? RATE * leaves[l].sum / leaves[l].rows : 0;
    for (size_t i = 0; i < g->n_rows; i++)
        g->left[i] -= tree->leaves[g->places[i]];
}

/* ---- the forest ------------------------------------------------------------------------------ */

/* Of the rows that grow nothing. */
static double squares_left(const growing *g)
{
    double sum = 0;
    for (size_t i = 0; i < g->n_rows; i++)
        sum += grows(i) ? 0 : g->left[i] * g->left[i];
    return sum;
}

static double mean_of(const double *values, size_t n)
{
    double mean = 0;
    for (size_t i = 0; i < n; i++)
        mean += (values[i] - mean) / (double)(i + 1);
    return mean;
}

static void grow(growing *g, const double *rows, const double *targets, mw_boost *boost)
{
    double mean = boost->base = mean_of(targets, g->n_rows);
    for (size_t i = 0; i < g->n_rows; i++)
        g->left[i] = targets[i] - mean;
    double least = squares_left(g);
    size_t n_kept = 0;
    for (size_t t = 0; t < MW_BOOST_TREES && t < n_kept + PATIENCE; t++) {
        grow_tree(g, &boost->trees[t]);
        double squares = squares_left(g);
        if (squares < least) {
            least = squares;
            n_kept = t + 1;
        }
    }
    boost->n_trees = n_kept;
    mw_boost_predict(boost, rows, g->n_rows, g->n_columns, g->said);
    boost->base += mean - mean_of(g->said, g->n_rows);
}

static bool take_room(growing *g)
{
    g->edges = malloc((g->n_columns + 1) * sizeof *g->edges);
    g->codes = malloc(g->n_columns * g->n_rows + 1);
    g->places = malloc(g->n_rows);
    g->left = malloc(4 * g->n_rows * sizeof *g->left);
    if (!g->edges || !g->codes || !g->places || !g->left)
        return false;
    g->said = g->left + g->n_rows;
    g->room = g->said + g->n_rows;
    return true;
}

mw_status mw_boost_fit(const double *rows, size_t n_rows, size_t n_columns, const double *targets,
                       mw_boost **ret_boost, mw_error *err)
{
    assert(n_rows > 0 && n_columns > 0 && n_columns <= MW_BOOST_COLUMNS_MAX);
    growing g = {.n_rows = n_rows, .n_columns = n_columns};
    mw_boost *boost = calloc(1, sizeof *boost);
    bool has_room = boost && take_room(&g);
    if (has_room) {
        boost->n_columns = n_columns;
        encode(&g, rows);
        grow(&g, rows, targets, boost);
        *ret_boost = boost;
    } else
        mw_boost_free(boost);
    free(g.edges);
    free(g.codes);
    free(g.places);
    free(g.left);
    return has_room ? MW_OK : mw_fail_memory(err, "a boosted forest");
}

void mw_boost_free(mw_boost *boost)
{
    free(boost);
}

size_t mw_boost_bytes(const mw_boost *boost)
{
    return boost ? sizeof *boost : 0;
}

size_t mw_boost_trees(const mw_boost *boost)
{
    return boost->n_trees;
}

void mw_boost_predict(const mw_boost *boost, const double *rows, size_t n_rows, size_t row_stride,
                      double *ret_values)
{
    for (size_t i = 0; i < n_rows; i++) {
        const double *row = rows + i * row_stride;
        double value = boost->base;
        for (size_t t = 0; t < boost->n_trees; t++) {
            const boost_tree *tree = &boost->trees[t];
            size_t node = 0;
            for (size_t level = 0; level < MW_BOOST_DEPTH; level++)
                node = 2 * node + 1 + (row[tree->columns[node]] > tree->edges[node]);
            value += tree->leaves[node - NODES];
        }
        ret_values[i] = value;
    }
}

size_t mw_boost_columns(const mw_boost *boost)
{
    return boost->n_columns;
}

/* ---- kept ------------------------------------------------------------------------------------ */

void mw_boost_pack(const mw_boost *boost, mw_buf *out)
{
    mw_pack_whole(out, boost->n_columns);
    mw_pack_whole(out, boost->n_trees);
    mw_pack_number(out, boost->base);
    for (size_t t = 0; t < boost->n_trees; t++) {
        for (size_t i = 0; i < NODES; i++)
            mw_pack_whole(out, boost->trees[t].columns[i]);
        mw_pack_numbers(out, boost->trees[t].edges, NODES);
        mw_pack_numbers(out, boost->trees[t].leaves, LEAVES);
    }
}

static bool unpack_tree(mw_unpack *in, size_t n_columns, boost_tree *tree)
{
    bool is_sound = true;
    for (size_t i = 0; i < NODES; i++)
        tree->columns[i] = (uint32_t)mw_unpack_at_most(in, n_columns - 1);
    mw_unpack_numbers(in, tree->edges, NODES);
    mw_unpack_numbers(in, tree->leaves, LEAVES);
    for (size_t i = 0; i < NODES; i++)
        is_sound = is_sound && !isnan(tree->edges[i]);
    for (size_t i = 0; i < LEAVES; i++)
        is_sound = is_sound && isfinite(tree->leaves[i]);
    return is_sound && !in->failed;
}

mw_boost *mw_boost_unpack(mw_unpack *in)
{
    size_t n_columns = (size_t)mw_unpack_at_most(in, MW_BOOST_COLUMNS_MAX);
    size_t n_trees = (size_t)mw_unpack_at_most(in, MW_BOOST_TREES);
    double base = mw_unpack_number(in);
    bool done = !in->failed && n_columns > 0 && isfinite(base);
    mw_boost *boost = done ? calloc(1, sizeof *boost) : NULL;
    if (!boost)
        return NULL;
    boost->n_columns = n_columns;
    boost->n_trees = n_trees;
    boost->base = base;
    for (size_t t = 0; done && t < n_trees; t++)
        done = unpack_tree(in, n_columns, &boost->trees[t]);
    if (done)
        return boost;
    mw_boost_free(boost);
    return NULL;
}
