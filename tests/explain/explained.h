/* What the tests of explanations share: forests with covers, rows by chance, and how values are
 * held against margins and against each other. */
#ifndef TESTS_EXPLAIN_EXPLAINED_H
#define TESTS_EXPLAIN_EXPLAINED_H

#include "explain/explainer.h"

#include "../predict/random_forest.h"

/* ---- forests and rows ------------------------------------------------------------------------ */

/* Training rows of each node: a leaf has some, at times none; a split has its children's. */
static inline double give_cover(mw_forest *forest, size_t tree, size_t node, double *cover,
                                chance *from)
{
    size_t root = forest->tree_start[tree];
    if (forest->left[node] == MW_NO_CHILD)
        cover[node] = chance_below(from, 12) ? 1 + floor(chance_unit(from) * 200) : 0;
    else
        cover[node] = give_cover(forest, tree, root + forest->left[node], cover, from) +
                      give_cover(forest, tree, root + forest->right[node], cover, from);
    return cover[node];
}

static inline mw_forest *covered_forest(const forest_wish *wish, uint64_t seed)
{
    mw_forest *forest = random_forest(wish, seed);
    chance from = {seed};
    double *cover = mw_arena_take_zeroed(&forest->arena, forest->n_nodes + 1, sizeof *cover);
    for (size_t tree = 0; tree < forest->n_trees; tree++)
        give_cover(forest, tree, forest->tree_start[tree], cover, &from);
    forest->cover = cover;
    return forest;
}

static inline double *random_rows(size_t n_rows, size_t n_features, chance *from)
{
    double *data = malloc((n_rows * n_features + 1) * sizeof *data);
    for (size_t i = 0; i < n_rows * n_features; i++)
        data[i] = chance_below(from, 6) ? chance_value(from, false) : NAN;
    return data;
}

static inline mw_matrix as_matrix(const double *data, size_t n_rows, size_t n_features)
{
    return (mw_matrix){data, MW_FLOAT64, n_rows, n_features, (ptrdiff_t)n_features, 1};
}

/* ---- comparing ----------------------------------------------------------------------------------
 */

static inline double *margins_of(const mw_forest *forest, const mw_matrix *rows)
{
    mw_predictor *predictor;
    mw_scratch *scratch;
    assert_int_equal(mw_predictor_new(forest, &predictor, NULL), MW_OK);
    assert_int_equal(mw_scratch_new(&scratch, NULL), MW_OK);
    double *values = malloc((rows->n_rows * forest->n_margins + 1) * sizeof *values);
    assert_int_equal(mw_predict_batch(predictor, rows, MW_MARGIN, scratch, values, NULL), MW_OK);
    mw_scratch_free(scratch);
    mw_predictor_free(predictor);
    return values;
}

/* Sum and bias are the margin, within 1e-5 of all that was moved. */
static inline void check_sums(const char *name, const mw_forest *forest, const mw_matrix *rows,
                              const double *values)
{
    double *margins = margins_of(forest, rows);
    for (size_t i = 0; i < rows->n_rows * forest->n_margins; i++) {
        double sum = 0, moved = fabs(margins[i]);
        for (size_t f = 0; f <= forest->n_features; f++, values++) {
            sum += *values;
            moved += fabs(*values);
        }
        if (!(fabs(sum - margins[i]) <= 1e-5 * moved))
            fail_msg("%s: margin %zu is %.9g, contributions sum to %.9g", name, i, margins[i], sum);
    }
    free(margins);
}

/* Of contributions: every `width`-th value is a bias. */
static inline double largest_of(const double *values, size_t count, size_t width)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = i % width == width - 1 ? largest : fmax(largest, fabs(values[i]));
    return largest;
}

/* Within 2e-6 of the rows' largest contribution, and 5e-6 of each row's own. */
static inline void check_same(const char *name, const char *kernel, const mw_forest *forest,
                              size_t n_rows, const double *expected, const double *got)
{
    size_t width = forest->n_features + 1, count = n_rows * forest->n_margins * width;
    double largest = largest_of(expected, count, width);
    for (size_t i = 0; i < count; i++) {
        double own = largest_of(expected + i / width * width, width, width);
        double room = fmin(2e-6 * largest, 5e-6 * own) + 1e-12 * fabs(expected[i]);
        if (!(fabs(got[i] - expected[i]) <= room))
            fail_msg("%s: row %zu, feature %zu: %s gives %.9g, the specification %.9g "
                     "(%.2g of the row's largest)",
                     name, i / width, i % width, kernel, got[i], expected[i],
                     fabs(got[i] - expected[i]) / own);
    }
}

static inline double factorial(unsigned n)
{
    return n < 2 ? 1 : n * factorial(n - 1);
}

/* ---- the game of covers -------------------------------------------------------------------------
 */

/* What a tree gives when only the features in `known` are: others go both ways, by cover. */
static inline double expectation(const mw_forest *forest, size_t tree, size_t node, size_t output,
                                 const double *row, unsigned known)
{
    if (forest->left[node] == MW_NO_CHILD)
        return predict_leaf(forest, tree, node, output);
    size_t left = forest->tree_start[tree] + forest->left[node];
    size_t right = forest->tree_start[tree] + forest->right[node];
    uint32_t f = forest->feature[node];
    if (known >> f & 1)
        return expectation(
            forest, tree,
            predict_goes_left(forest, node, predict_value(forest->input, row[f])) ? left : right,
            output, row, known);
    return explain_share(forest, node, left) * expectation(forest, tree, left, output, row, known) +
           explain_share(forest, node, right) *
               expectation(forest, tree, right, output, row, known);
}

static inline double game(const mw_forest *forest, size_t output, const double *row, unsigned known)
{
    double sum = 0;
    for (size_t tree = 0; tree < forest->n_trees; tree++)
        if (output >= explain_first_output(forest, tree) &&
            output < explain_end_output(forest, tree))
            sum += expectation(forest, tree, forest->tree_start[tree], output, row, known);
    return sum;
}

/* ---- forests to try -----------------------------------------------------------------------------
 */

/* Small enough for every set of features. */
static const forest_wish tiny[] = {
    {.name = "one feature", .n_trees = 2, .n_features = 1, .n_margins = 1, .depth_max = 3},
    {.name = "depth 2", .n_trees = 3, .n_features = 4, .n_margins = 1, .depth_max = 2},
    {.name = "repeated", .n_trees = 3, .n_features = 2, .n_margins = 1, .depth_max = 5},
    {.name = "ragged", .n_trees = 4, .n_features = 5, .n_margins = 1, .depth_max = 5, .stop = 0.3},
    {.name = "classes", .n_trees = 6, .n_features = 4, .n_margins = 3, .depth_max = 3},
    {.name = "vectors",
     .n_trees = 2,
     .n_features = 4,
     .n_margins = 2,
     .depth_max = 3,
     .vector_leaves = true},
    {.name = "dart", .n_trees = 3, .n_features = 4, .n_margins = 1, .depth_max = 3, .dart = true},
    {.name = "sets",
     .n_trees = 3,
     .n_features = 4,
     .n_margins = 1,
     .depth_max = 4,
     .categorical = 0.5},
    {.name = "lightgbm",
     .lightgbm = true,
     .n_trees = 3,
     .n_features = 5,
     .n_margins = 1,
     .depth_max = 4,
     .categorical = 0.3},
};

static const forest_wish wishes[] = {
    {.name = "perfect", .n_trees = 20, .n_features = 28, .n_margins = 1, .depth_max = 6},
    {.name = "few features", .n_trees = 20, .n_features = 3, .n_margins = 1, .depth_max = 7},
    {.name = "ragged", .n_trees = 29, .n_features = 9, .n_margins = 1, .depth_max = 9, .stop = 0.2},
    {.name = "depth 8", .n_trees = 5, .n_features = 50, .n_margins = 1, .depth_max = 8},
    {.name = "stumps", .n_trees = 9, .n_features = 3, .n_margins = 1, .depth_max = 1},
    {.name = "depth 0", .n_trees = 11, .n_features = 3, .n_margins = 1},
    {.name = "no trees", .n_features = 3, .n_margins = 2},
    {.name = "chains",
     .n_trees = 12,
     .n_features = 4,
     .n_margins = 1,
     .depth_max = 64,
     .lopsided = 1},
    {.name = "deepest chains",
     .n_trees = 2,
     .n_features = 3,
     .n_margins = 1,
     .depth_max = 4096,
     .lopsided = 1},
    {.name = "long chains",
     .n_trees = 6,
     .n_features = 60,
     .n_margins = 1,
     .depth_max = 40,
     .lopsided = 1},
    {.name = "lopsided",
     .n_trees = 4,
     .n_features = 20,
     .n_margins = 1,
     .depth_max = 20,
     .lopsided = 0.8},
    {.name = "classes",
     .n_trees = 21,
     .n_features = 6,
     .n_margins = 3,
     .depth_max = 5,
     .stop = 0.1},
    {.name = "dart", .n_trees = 17, .n_features = 6, .n_margins = 1, .depth_max = 5, .dart = true},
    {.name = "sets",
     .n_trees = 17,
     .n_features = 6,
     .n_margins = 2,
     .depth_max = 5,
     .categorical = 0.4},
    {.name = "vectors",
     .n_trees = 7,
     .n_features = 6,
     .n_margins = 3,
     .depth_max = 5,
     .vector_leaves = true},
    {.name = "lightgbm",
     .lightgbm = true,
     .n_trees = 20,
     .n_features = 7,
     .n_margins = 1,
     .depth_max = 6,
     .categorical = 0.2},
    {.name = "lightgbm leaf-wise",
     .lightgbm = true,
     .n_trees = 8,
     .n_features = 17,
     .n_margins = 2,
     .depth_max = 12,
     .stop = 0.25},
    {.name = "many features", .n_trees = 12, .n_features = 100, .n_margins = 1, .depth_max = 5},
};

#endif
