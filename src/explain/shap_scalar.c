/* The specification: Shapley values of each leaf by itself, in float64, from their definition.
 *
 * On the path to a leaf of value v stand d distinct features. Feature j has
 *
 *     o_j = 1 when the row agrees with every split on j along the path, else 0
 *     r_j = the product of the shares of training rows that went this way at these splits
 *
 * A set S of known features reaches the leaf with weight  prod(j in S) o_j * prod(j not in S) r_j,
 * so the leaf is a game with d players, and its Shapley values are
 *
 *     phi_j = v (o_j - r_j) sum over k of  k! (d-1-k)! / d!  *  e_k
 *     e_k   = coefficient of z^k in  prod(i != j) (r_i + o_i z)
 *
 * All terms of the sum are >= 0: nothing cancels, at any depth. Features that are not on the path
 * get nothing. This is what Algorithm 2 of Lundberg et al. computes with shared work; here nothing
 * is shared and nothing is divided. O(leaves * depth^3) a row: for tests, not for serving. */
#include "explainer.h"

#include <assert.h>

#include "base/banned.h"

typedef struct player {
    uint32_t feature;
    bool agrees;  /* o */
    double share; /* r */
} player;

/* Where a walk stands. The path's players are copied for each node below: `players` has room for
 * a triangle of them. */
typedef struct walk {
    const mw_forest *forest;
    size_t tree, output;
    const double *row;
    double *terms; /* coefficients e_k */
    double *values;
} walk;

static void add_leaf(const walk *w, const player *players, size_t d, double value)
{
    for (size_t j = 0; j < d; j++) {
        double *e = w->terms;
        size_t degree = 0;
        e[0] = 1;
        for (size_t i = 0; i < d; i++) {
            if (i == j)
                continue;
            e[++degree] = 0;
            for (size_t k = degree; k > 0; k--)
                e[k] = e[k] * players[i].share + (players[i].agrees ? e[k - 1] : 0);
            e[0] *= players[i].share;
        }
        double sum = 0, weight = 1 / (double)d; /* k! (d-1-k)! / d! */
        for (size_t k = 0; k < d; k++) {
            sum += weight * e[k];
            weight *= (double)(k + 1) / (double)(d - 1 - k ? d - 1 - k : 1);
        }
        w->values[players[j].feature] += value * (players[j].agrees - players[j].share) * sum;
    }
}

static void visit(const walk *w, size_t node, const player *players, size_t d);

static void visit_child(const walk *w, size_t node, bool left, const player *players, size_t d)
{
    const mw_forest *forest = w->forest;
    size_t root = forest->tree_start[w->tree];
    size_t child = root + (left ? forest->left[node] : forest->right[node]);
    uint32_t feature = explain_feature(forest, node);
    player *below = (player *)(uintptr_t)(players + d); /* the next row of the triangle */
    memcpy(below, players, d * sizeof *below);
    size_t at = 0;
    while (at < d && below[at].feature != feature)
        at++;
    if (at == d)
        below[d++] = (player){feature, true, 1};
    if (predict_goes_left(forest, node, w->row[forest->feature[node]]) != left)
        below[at].agrees = false;
    below[at].share *= explain_share(forest, node, child);
    visit(w, child, below, d);
}

static void visit(const walk *w, size_t node, const player *players, size_t d)
{
    if (w->forest->left[node] == MW_NO_CHILD) {
        add_leaf(w, players, d, predict_leaf(w->forest, w->tree, node, w->output));
        return;
    }
    visit_child(w, node, true, players, d);
    visit_child(w, node, false, players, d);
}

/* Distinct features on a path. */
static size_t most_players(const mw_forest *forest)
{
    return forest->max_depth < forest->n_features ? forest->max_depth : forest->n_features;
}

/* Each level of the walk holds a copy of its players: at most `most` of them, `depth` times. */
static size_t players_bytes(const mw_forest *forest)
{
    return (forest->max_depth + 2) * (most_players(forest) + 1) * sizeof(player);
}

static size_t memory_bytes(const mw_forest *forest, const void *layout)
{
    (void)layout;
    return players_bytes(forest) + (forest->n_columns + most_players(forest) + 2) * sizeof(double);
}

static void explain_row(const mw_forest *forest, const double *row, void *memory, double *terms,
                        double *values)
{
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        for (size_t m = explain_first_output(forest, tree); m < explain_end_output(forest, tree);
             m++) {
            walk w = {forest, tree, m, row, terms, values + m * (forest->n_features + 1)};
            visit(&w, forest->tree_start[tree], memory, 0);
        }
    }
}

static void explain(const mw_forest *forest, const void *layout, const explain_block *block)
{
    (void)layout;
    size_t width = forest->n_margins * (forest->n_features + 1);
    double *row = (double *)((char *)block->memory + players_bytes(forest));
    for (size_t r = 0; r < block->n_rows; r++) {
        for (size_t f = 0; f < forest->n_columns; f++)
            row[f] = predict_value(forest->input, predict_read(block->rows, block->first + r, f));
        explain_row(forest, row, block->memory, row + forest->n_columns, block->values + r * width);
    }
}

/* ---- gblinear -------------------------------------------------------------------------------- */

/* A linear model is its own explanation: weight * x, as XGBoost gives it; what is missing adds
 * nothing. */
static void explain_weights(const mw_forest *forest, const void *layout, const explain_block *block)
{
    (void)layout;
    double *values = block->values;
    for (size_t r = 0; r < block->n_rows; r++) {
        for (size_t m = 0; m < forest->n_margins; m++, values += forest->n_features + 1) {
            for (size_t f = 0; f < forest->n_features; f++) {
                double x =
                    predict_value(forest->input, predict_read(block->rows, block->first + r, f));
                if (!isnan(x))
                    values[f] = x * forest->linear_weights[f * forest->n_margins + m];
            }
        }
    }
}

static size_t no_memory(const mw_forest *forest, const void *layout)
{
    (void)forest;
    (void)layout;
    return 0;
}

/* ---- both: the forest itself is the layout --------------------------------------------------- */

static bool runs_here(void)
{
    return true;
}

static mw_status lay_out(const mw_forest *forest, void **ret_layout, mw_error *err)
{
    (void)forest;
    (void)err;
    *ret_layout = NULL;
    return MW_OK;
}

static void free_layout(void *layout)
{
    (void)layout;
}

static size_t layout_bytes(const void *layout)
{
    (void)layout;
    return 0;
}

static size_t block_rows(const void *layout)
{
    (void)layout;
    return EXPLAIN_BLOCK_ROWS;
}

const explain_kernel explain_scalar = {"scalar",     runs_here,    lay_out,    free_layout,
                                       layout_bytes, memory_bytes, block_rows, explain};
const explain_kernel explain_linear = {"linear",     runs_here, lay_out,    free_layout,
                                       layout_bytes, no_memory, block_rows, explain_weights};
