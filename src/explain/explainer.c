/* An explainer: a forest whose covers were checked, its bias, and the kernel that explains it. */
#include "players.h"

#include <stdlib.h>

#include "base/banned.h"

#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
const explain_kernel *const explain_kernels[] = {&explain_tables_v4, &explain_tables_v3,
                                                 &explain_tables_plain, &explain_scalar};
#else
const explain_kernel *const explain_kernels[] = {&explain_tables_plain, &explain_scalar};
#endif
const size_t explain_n_kernels = MW_COUNT(explain_kernels);

/* ---- what can be explained ------------------------------------------------------------------- */

static mw_status check_cover(const mw_forest *forest, size_t tree, mw_error *err)
{
    for (size_t node = forest->tree_start[tree]; node < forest->tree_start[tree + 1]; node++) {
        double cover = forest->cover[node];
        if (isfinite(cover) && cover >= 0)
            continue;
        mw_fail(err, MW_E_COVER, "cover %g is not a number from 0 on", cover);
        mw_at(err, "tree %zu, node %zu", tree, node - forest->tree_start[tree]);
        return mw_mend(err, "export the model again; this file is damaged or edited by hand");
    }
    return MW_OK;
}

/* CatBoost says how what a column of several features gets is shared; no other format does. */
static bool shares_columns(const mw_forest *forest)
{
    return forest->format == MW_FORMAT_CATBOOST_JSON || forest->format == MW_FORMAT_CATBOOST_BINARY;
}

static mw_status fail_mixed(const mw_forest *forest, uint32_t column, mw_error *err)
{
    const mw_column_origin *origin = &forest->origins[column];
    const mw_column *columns = forest->schema.columns;
    mw_view one = columns[origin->feature].name, other = columns[origin->other].name;
    mw_fail(err, MW_E_EXPLAIN_COLUMNS,
            "the model computes a column of several features, of '%.*s' and '%.*s'",
            MW_VIEW_ARG(one), MW_VIEW_ARG(other));
    return mw_mend(err, shares_columns(forest)
                            ? "train with max_ctr_complexity=1, or ask for plain contributions"
                            : "take the step that mixes them (Normalizer, PCA, ...) out of the "
                              "pipeline");
}

static mw_status check_weights(const mw_forest *forest, mw_error *err)
{
    for (size_t i = 0; i < explain_n_weights(forest); i++) {
        uint32_t column = explain_weight(forest, i);
        for (size_t m = 0; mw_forest_is_mixed(forest, column) && m < forest->n_margins; m++)
            if (forest->linear_weights[column * forest->n_margins + m] != 0)
                return fail_mixed(forest, column, err);
    }
    return MW_OK;
}

mw_status mw_explain_check_columns(const mw_forest *forest, mw_error *err)
{
    if (forest->graph) {
        mw_fail(err, MW_E_GRAPH_OPAQUE, "contributions are of trees, and this model has none");
        mw_why(err, "ONNX Runtime computes it as a whole");
        return mw_mend(err, "explain a model of trees; KernelSHAP in Python explains any model");
    }
    if (!forest->before)
        return MW_OK;
    if (forest->linear_weights)
        MW_TRY(check_weights(forest, err));
    MW_TRY(mw_forest_grow(forest, &forest, err));
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        for (size_t node = forest->tree_start[tree]; node < forest->tree_start[tree + 1]; node++) {
            if (forest->left[node] == MW_NO_CHILD ||
                !mw_forest_is_mixed(forest, forest->feature[node]))
                continue;
            (void)fail_mixed(forest, forest->feature[node], err);
            return mw_at(err, "tree %zu, node %zu", tree, node - forest->tree_start[tree]);
        }
    }
    return MW_OK;
}

/* A library that explains by zero (gblinear) says so by its own numbers; ONNX says nothing. */
static mw_status check_linear(const mw_forest *forest, mw_error *err)
{
    if (!forest->linear_columns)
        return MW_OK;
    mw_fail(err, MW_E_EXPLAIN_LINEAR,
            "the model is linear, and its file does not say which values are usual");
    return mw_mend(err, "give rows to compare with (--background rows.csv, or background in the "
                        "model's configuration)");
}

static mw_status check_forest(const mw_forest *forest, mw_error *err)
{
    if (!shares_columns(forest))
        MW_TRY(mw_explain_check_columns(forest, err));
    if (forest->linear_weights)
        return check_linear(forest, err);
    if (forest->n_nodes == forest->n_trees)
        return MW_OK; /* no splits, no shares */
    if (forest->leaf_linear) {
        mw_fail(err, MW_E_EXPLAIN_LINEAR_LEAVES,
                "contributions are not defined for trees with linear leaves");
        return mw_mend(err, "train without linear_tree; LightGBM does not explain these either");
    }
    if (!forest->cover) {
        mw_fail(err, MW_E_NO_COVER, "the model does not say how many rows each node saw");
        return mw_mend(err,
                       "save it with the library's own save_model(), which keeps the covers, or "
                       "explain against a background (--background rows.csv, or background in the "
                       "model's configuration)");
    }
    for (size_t tree = 0; tree < forest->n_trees; tree++)
        MW_TRY(check_cover(forest, tree, err));
    return MW_OK;
}

/* ---- bias ------------------------------------------------------------------------------------ */

double explain_mean(const mw_forest *forest, size_t tree, size_t node, size_t output)
{
    if (forest->left[node] == MW_NO_CHILD)
        return predict_leaf(forest, tree, node, output);
    size_t left = forest->tree_start[tree] + forest->left[node];
    size_t right = forest->tree_start[tree] + forest->right[node];
    return explain_share(forest, node, left) * explain_mean(forest, tree, left, output) +
           explain_share(forest, node, right) * explain_mean(forest, tree, right, output);
}

/* gblinear: every output begins at the first output's base score, as in walk_scalar.c. */
static double linear_bias(const mw_forest *forest, size_t m)
{
    float bias = (float)forest->linear_weights[forest->n_columns * forest->n_margins + m];
    return (double)(bias + (float)forest->base_margin[0]);
}

static void find_bias(const mw_forest *forest, double *bias)
{
    for (size_t m = 0; m < forest->n_margins; m++)
        bias[m] = forest->linear_weights ? linear_bias(forest, m) : forest->base_margin[m];
    for (size_t tree = 0; tree < forest->n_trees; tree++)
        for (size_t m = explain_first_output(forest, tree); m < explain_end_output(forest, tree);
             m++)
            bias[m] += explain_mean(forest, tree, forest->tree_start[tree], m);
    for (size_t m = 0; forest->margin_offset && m < forest->n_margins; m++)
        bias[m] = forest->margin_scale * bias[m] + forest->margin_offset[m];
}

/* ---- life ------------------------------------------------------------------------------------ */

/* MW_CPU names a kernel of predict or of explain; names that are not ours are predict's matter. */
const explain_kernel *explain_choose_kernel(const mw_forest *forest)
{
    if (forest->linear_weights)
        return &explain_linear;
    const char *name = getenv("MW_CPU");
    for (size_t i = 0; name && i < explain_n_kernels; i++)
        if (strcmp(explain_kernels[i]->name, name) == 0 && explain_kernels[i]->runs_here())
            return explain_kernels[i];
    size_t best = 0;
    while (!explain_kernels[best]->runs_here())
        best++;
    return explain_kernels[best];
}

static mw_status fill(mw_explainer *explainer, mw_error *err)
{
    const mw_forest *forest = explainer->forest;
    explainer->bias = calloc(forest->n_margins + 1, sizeof *explainer->bias);
    if (!explainer->bias)
        return mw_fail_memory(err, "the explainer");
    find_bias(forest, explainer->bias);
    MW_TRY(explain_players_new(forest, &explainer->players, err));
    if (explainer->players)
        explainer->played = &explainer->players->forest;
    MW_TRY(explainer->kernel->lay_out(explainer->played, &explainer->layout, err));
    size_t block_rows = explainer->kernel->block_rows(explainer->layout);
    explainer->prepare_bytes = mw_prepare_bytes(forest, block_rows);
    if (explainer->players)
        (void)explain_cut_off(NULL, &explainer->played_bytes,
                              block_rows * forest->n_margins * (explainer->played->n_features + 1) *
                                  sizeof(double));
    explainer->memory_bytes = explainer->prepare_bytes + explainer->played_bytes +
                              explainer->kernel->memory_bytes(explainer->played, explainer->layout);
    return MW_OK;
}

mw_status explain_explainer_new(const mw_forest *forest, const explain_kernel *kernel,
                                mw_explainer **ret_explainer, mw_error *err)
{
    MW_TRY(mw_forest_grow(forest, &forest, err));
    MW_TRY(check_forest(forest, err));
    mw_explainer *explainer = calloc(1, sizeof *explainer);
    if (!explainer)
        return mw_fail_memory(err, "the explainer");
    explainer->forest = explainer->played = forest;
    explainer->kernel = kernel;
    mw_status status = fill(explainer, err);
    if (status != MW_OK) {
        mw_explainer_free(explainer);
        return status;
    }
    *ret_explainer = explainer;
    return MW_OK;
}

mw_status mw_explainer_new(const mw_forest *forest, mw_explainer **ret_explainer, mw_error *err)
{
    return explain_explainer_new(forest, explain_choose_kernel(forest), ret_explainer, err);
}

void mw_explainer_free(mw_explainer *explainer)
{
    if (!explainer)
        return;
    explainer->kernel->free_layout(explainer->layout);
    explain_players_free(explainer->players);
    free(explainer->bias);
    free(explainer);
}

size_t mw_explainer_memory_bytes(const mw_explainer *explainer)
{
    return sizeof *explainer + explainer->forest->n_margins * sizeof *explainer->bias +
           explainer->kernel->layout_bytes(explainer->layout) +
           (explainer->players ? mw_arena_held_bytes(&explainer->players->arena) : 0);
}

size_t mw_explainer_values(const mw_explainer *explainer)
{
    return explainer->forest->n_margins * (explainer->forest->n_features + 1);
}

const char *mw_explainer_kernel(const mw_explainer *explainer)
{
    return explainer->kernel->name;
}
