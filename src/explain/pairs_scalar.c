/* The specification of interaction values: each leaf by itself, in float64, from the definition.
 *
 * A leaf of value v is a game of the d features on its path (shap_scalar.c has the legend): a set S
 * of known ones reaches it with weight  prod(j in S) o_j * prod(j not in S) r_j. The interaction
 * index of i and j, which both get half of, and the contribution of i are
 *
 *     phi_ij = v (o_i - r_i) (o_j - r_j) M(all but i and j)           M(N): over the sets S of N,
 *     phi_i  = v (o_i - r_i) M(all but i)                             |S|! (n-|S|)! / (n+1)! times
 *                                                                     the weight of S
 *
 * All terms of M are >= 0: nothing cancels. O(leaves * depth^4) a row: for tests. */
#include "pairs.h"

#include "base/banned.h"

typedef struct player {
    uint32_t feature;
    bool agrees;  /* o */
    double share; /* r */
} player;

typedef struct walk {
    const mw_forest *forest;
    size_t tree, output;
    const double *row;
    double *terms;
    double *values; /* a matrix */
} walk;

/* M of all players but two, which may be one and the same. */
static double mean_weight(const player *players, size_t d, size_t i, size_t j, double *e)
{
    size_t n = 0;
    e[0] = 1; /* coefficients of z^k in the product of (r + o z) */
    for (size_t at = 0; at < d; at++) {
        if (at == i || at == j)
            continue;
        e[++n] = 0;
        for (size_t k = n; k > 0; k--)
            e[k] = e[k] * players[at].share + (players[at].agrees ? e[k - 1] : 0);
        e[0] *= players[at].share;
    }
    double sum = 0, weight = 1 / (double)(n + 1);
    for (size_t k = 0; k <= n; k++) {
        sum += weight * e[k];
        weight *= (double)(k + 1) / (double)(k < n ? n - k : 1);
    }
    return sum;
}

static void add_leaf(const walk *w, const player *players, size_t d, double value)
{
    size_t side = w->forest->n_features + 1;
    for (size_t i = 0; i < d; i++) {
        double own = value * (players[i].agrees - players[i].share);
        size_t a = players[i].feature;
        w->values[a * side + a] += own * mean_weight(players, d, i, i, w->terms);
        for (size_t j = 0; j < i; j++) {
            double half = own * (players[j].agrees - players[j].share) / 2 *
                          mean_weight(players, d, i, j, w->terms);
            size_t b = players[j].feature;
            w->values[a * side + b] += half;
            w->values[b * side + a] += half;
        }
    }
}

static void visit(const walk *w, size_t node, const player *players, size_t d);

/* Each level of the walk has a copy of its players behind those of the level above. */
static void visit_child(const walk *w, size_t node, bool left, const player *players, size_t d)
{
    const mw_forest *forest = w->forest;
    size_t child = forest->tree_start[w->tree] + (left ? forest->left[node] : forest->right[node]);
    uint32_t feature = explain_feature(forest, node);
    player *below = (player *)(uintptr_t)(players + d);
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

static size_t most_players(const mw_forest *forest)
{
    return forest->max_depth < forest->n_features ? forest->max_depth : forest->n_features;
}

static size_t memory_bytes(const mw_forest *forest, const void *layout)
{
    (void)layout;
    size_t players = (forest->max_depth + 2) * (most_players(forest) + 1) * sizeof(player);
    return players + (forest->n_columns + most_players(forest) + 2) * sizeof(double);
}

static void read_row(const mw_forest *forest, const explain_block *block, size_t r, double *ret_row)
{
    for (size_t f = 0; f < forest->n_columns; f++)
        ret_row[f] = predict_value(forest->input, predict_read(block->rows, block->first + r, f));
}

static void explain(const mw_forest *forest, const void *layout, const explain_block *block)
{
    (void)layout;
    size_t side = forest->n_features + 1;
    double *row = block->memory, *terms = row + forest->n_columns, *values = block->values;
    void *players = terms + most_players(forest) + 2;
    for (size_t r = 0; r < block->n_rows; r++, values += forest->n_margins * side * side) {
        read_row(forest, block, r, row);
        for (size_t tree = 0; tree < forest->n_trees; tree++) {
            for (size_t m = explain_first_output(forest, tree);
                 m < explain_end_output(forest, tree); m++) {
                walk w = {forest, tree, m, row, terms, values + m * side * side};
                visit(&w, forest->tree_start[tree], players, 0);
            }
        }
    }
}

/* ---- gblinear: features do not interact ------------------------------------------------------ */

static size_t linear_bytes(const mw_forest *forest, const void *layout)
{
    (void)layout;
    return forest->n_features * sizeof(double);
}

static void explain_weights(const mw_forest *forest, const void *layout, const explain_block *block)
{
    (void)layout;
    size_t side = forest->n_features + 1;
    double *row = block->memory, *values = block->values;
    for (size_t r = 0; r < block->n_rows; r++) {
        read_row(forest, block, r, row);
        for (size_t m = 0; m < forest->n_margins; m++, values += side * side)
            for (size_t f = 0; f < forest->n_features; f++)
                if (!isnan(row[f]))
                    values[f * side + f] =
                        row[f] * forest->linear_weights[f * forest->n_margins + m];
    }
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

const pairs_kernel pairs_scalar = {"scalar",     runs_here,    lay_out, free_layout,
                                   layout_bytes, memory_bytes, explain};
const pairs_kernel pairs_linear = {"linear",     runs_here,    lay_out,        free_layout,
                                   layout_bytes, linear_bytes, explain_weights};
