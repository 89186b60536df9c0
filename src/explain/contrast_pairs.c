/* The specification of values against a background: each pair of a row and a background row, each
 * leaf by itself, in float64, from the definition.
 *
 * On the path to a leaf of value v stand d distinct features. Feature j has
 *
 *     a_j = the row x agrees with every split on j along the path
 *     b_j = the background row z does
 *
 * A set S of features with x's values reaches the leaf when a_j for all j in S and b_j for all j of
 * the path that are not in S. So a feature with neither closes the leaf; one with both does not
 * matter; p features with a alone must be in S, q with b alone must not. The leaf's Shapley values:
 *
 *     a alone    v (p-1)! q! / (p+q)!
 *     b alone   -v p! (q-1)! / (p+q)!
 *
 * Branches are left as soon as a feature has neither: what remains are the leaves that a mixture of
 * x and z can reach. */
#include "contrasts.h"

#include "base/banned.h"

typedef struct player {
    uint32_t feature;
    bool x, z; /* a, b */
} player;

typedef struct walk {
    const mw_forest *forest;
    size_t tree, output;
    const contrast_rest *rest; /* NULL = all */
    const double *x, *z;
    double factor; /* of all that is added: one over the background rows, times the slope */
    double *values;
} walk;

static void add_leaf(const walk *w, const player *players, size_t d, double value)
{
    size_t p = 0, q = 0;
    for (size_t j = 0; j < d; j++) {
        p += players[j].x && !players[j].z;
        q += players[j].z && !players[j].x;
    }
    double plus = p ? w->factor * value * contrast_weight(p, q) : 0;
    double minus = q ? w->factor * value * contrast_weight(q, p) : 0;
    for (size_t j = 0; j < d; j++)
        if (players[j].x != players[j].z)
            w->values[players[j].feature] += players[j].x ? plus : -minus;
}

static void visit(const walk *w, size_t node, const player *players, size_t d);

/* Each level of the walk has a copy of its players behind those of the level above. */
static void visit_child(const walk *w, size_t node, bool left, const player *players, size_t d)
{
    const mw_forest *forest = w->forest;
    uint32_t column = forest->feature[node], feature = explain_feature(forest, node);
    player *below = (player *)(uintptr_t)(players + d);
    memcpy(below, players, d * sizeof *below);
    size_t at = 0;
    while (at < d && below[at].feature != feature)
        at++;
    if (at == d)
        below[d++] = (player){feature, true, true};
    below[at].x = below[at].x && predict_goes_left(forest, node, w->x[column]) == left;
    below[at].z = below[at].z && predict_goes_left(forest, node, w->z[column]) == left;
    if (below[at].x || below[at].z)
        visit(w, forest->tree_start[w->tree] + (left ? forest->left[node] : forest->right[node]),
              below, d);
}

static void visit(const walk *w, size_t node, const player *players, size_t d)
{
    if (w->rest && w->rest->covered[node])
        return;
    if (w->forest->left[node] == MW_NO_CHILD) {
        double mean = w->rest ? w->rest->means[w->tree * w->forest->n_margins + w->output] : 0;
        add_leaf(w, players, d, predict_leaf(w->forest, w->tree, node, w->output) - mean);
        return;
    }
    visit_child(w, node, true, players, d);
    visit_child(w, node, false, players, d);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static size_t players_bytes(const mw_forest *forest)
{
    size_t most = forest->max_depth < forest->n_features ? forest->max_depth : forest->n_features;
    return (forest->max_depth + 2) * (most + 1) * sizeof(player);
}

static size_t memory_bytes(const mw_contrast *contrast)
{
    const mw_forest *forest = contrast->forest;
    size_t numbers = (forest->n_columns + forest->n_margins) * sizeof(double);
    return numbers + (forest->linear_weights ? 0 : players_bytes(forest));
}

/* The rows of a block, one by one, against every background row: the pair's factor is known when
 * `explain` is called for a margin. */
typedef void pair_values(const mw_contrast *contrast, walk *w, void *memory);

static void each_pair(const mw_contrast *contrast, const explain_block *block,
                      const contrast_rest *rest, pair_values *add)
{
    const mw_forest *forest = contrast->forest;
    size_t n_features = forest->n_features, n_margins = forest->n_margins;
    double *x = block->memory, *margins = x + forest->n_columns, *values = block->values;
    for (size_t r = 0; r < block->n_rows; r++, values += n_margins * (n_features + 1)) {
        contrast_read(forest, block->rows, block->first + r, x);
        contrast_margins(forest, x, margins);
        for (size_t z = 0; z < contrast->n_rows; z++) {
            for (size_t m = 0; m < n_margins; m++) {
                double slope =
                    contrast_slope(contrast, margins[m], contrast->margins[z * n_margins + m]);
                walk w = {.forest = forest,
                          .output = m,
                          .rest = rest,
                          .x = x,
                          .z = contrast->rows + z * forest->n_columns,
                          .factor = slope / (double)contrast->n_rows,
                          .values = values + m * (n_features + 1)};
                add(contrast, &w, margins + n_margins);
            }
        }
    }
}

static void add_trees(const mw_contrast *contrast, walk *w, void *memory)
{
    const mw_forest *forest = contrast->forest;
    for (w->tree = 0; w->tree < forest->n_trees; w->tree++)
        if (w->output >= explain_first_output(forest, w->tree) &&
            w->output < explain_end_output(forest, w->tree))
            visit(w, forest->tree_start[w->tree], memory, 0);
}

static void explain(const mw_contrast *contrast, const explain_block *block)
{
    each_pair(contrast, block, NULL, add_trees);
}

void contrast_add_pairs(const mw_contrast *contrast, const explain_block *block,
                        const contrast_rest *rest)
{
    each_pair(contrast, block, rest, add_trees);
}

/* A linear model: weight * (x - z). */
static void add_weights(const mw_contrast *contrast, walk *w, void *memory)
{
    (void)memory;
    const mw_forest *forest = contrast->forest;
    for (size_t i = 0; i < explain_n_weights(forest); i++) {
        uint32_t c = explain_weight(forest, i);
        double apart =
            contrast_linear_value(forest, w->x[c]) - contrast_linear_value(forest, w->z[c]);
        w->values[mw_forest_feature(forest, c)] +=
            w->factor * forest->linear_weights[c * forest->n_margins + w->output] * apart;
    }
}

static void explain_weights(const mw_contrast *contrast, const explain_block *block)
{
    each_pair(contrast, block, NULL, add_weights);
}

/* ---- both: the contrast itself is the layout ------------------------------------------------- */

static bool runs_here(void)
{
    return true;
}

static mw_status lay_out(const mw_contrast *contrast, void **ret_layout, mw_error *err)
{
    (void)contrast;
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

static size_t block_rows(const mw_contrast *contrast)
{
    (void)contrast;
    return EXPLAIN_BLOCK_ROWS;
}

static size_t row_nodes(const mw_contrast *contrast)
{
    return contrast->n_rows * (contrast->forest->n_nodes + contrast->forest->n_columns);
}

const contrast_kernel contrast_pairs = {"pairs",     runs_here,    lay_out,
                                        free_layout, layout_bytes, memory_bytes,
                                        block_rows,  row_nodes,    explain};
const contrast_kernel contrast_linear = {"linear",    runs_here,    lay_out,
                                         free_layout, layout_bytes, memory_bytes,
                                         block_rows,  row_nodes,    explain_weights};
