/* ONNX files: graph, trees and what stands around them become a forest.
 *
 * What ONNX Runtime does with a row, and what the forest says instead:
 *
 *     score = 0, += weight, tree after tree     base_margin 0, sums in float32 (float64 for rows
 *                                               of doubles)
 *     AVERAGE: / number of trees                margin_scale
 *     + base value                              margin_offset
 *     post_transform                            transform
 *
 * Two classes (measured on ONNX Runtime 1.32, where the standard is silent):
 *     all weights on class 0    one score s: (1-s, s) when no weight is negative, else (-s, s);
 *                               LOGISTIC gives (sigmoid(-s), sigmoid(s)) in both cases
 *     otherwise                 one score a class, like three classes and more */
#include "onnx.h"

#include "names.h"

static const model_places onnx_places = {
    .tree = "tree ",
    .tree_end = ": ",
    .left = "nodes_truenodeids",
    .right = "nodes_falsenodeids",
    .feature = "nodes_featureids",
    .threshold = "nodes_values",
    .value = "weights",
};

static mw_status refuse_steps(const model_onnx_node *node, const char *what, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_OPERATOR, "%s", what);
    mw_mend(err, "convert the trees alone, and do this step behind the model");
    return model_onnx_at(node, err);
}

/* ---- margins --------------------------------------------------------------------------------- */

/* Two classes with one score between them. */
static bool is_binary(const model_onnx_trees *trees)
{
    const model_onnx_weight *weights = trees->weights.items;
    if (!trees->is_classifier || trees->n_outputs != 2)
        return false;
    for (size_t i = 0; i < trees->weights.count; i++)
        if (weights[i].output != 0)
            return false;
    return trees->weights.count > 0;
}

static bool is_never_negative(const model_onnx_trees *trees)
{
    const model_onnx_weight *weights = trees->weights.items;
    for (size_t i = 0; i < trees->weights.count; i++)
        if (weights[i].value < 0)
            return false;
    return true;
}

static mw_status refuse_base(const model_onnx *onnx, const model_onnx_trees *trees,
                             const model_onnx_flow *flow, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_VALUE, "%zu base values for %zu outputs", trees->base.count,
            onnx->build.forest->n_margins);
    mw_why(err, "ONNX does not say what that means");
    mw_mend(err, "convert the model again, with one base value for each output");
    mw_at(err, "base_values");
    return model_onnx_at(flow->ensemble, err);
}

/* With two classes ONNX Runtime drops a score that no leaf on a row's way has given, and then
 * treats the row as binary. Only models where that cannot happen are read. */
static mw_status check_two_classes(const model_onnx *onnx, const model_onnx_trees *trees,
                                   const model_onnx_flow *flow, mw_error *err)
{
    size_t n_base = trees->base.count;
    if (!trees->is_classifier || trees->n_outputs != 2 || onnx->build.forest->n_margins != 2)
        return MW_OK;
    if (!onnx->always_scored[1]) {
        mw_fail(err, MW_E_MODEL_OPERATOR, "some rows get no score for the second class");
        mw_why(err, "what ONNX Runtime answers then depends on the row's path");
        mw_mend(err, "convert the model again, with a weight for both classes in each leaf");
        mw_at(err, "class_ids");
        return model_onnx_at(flow->ensemble, err);
    }
    if (n_base == 0 || (n_base == 1 && onnx->always_scored[0]))
        return MW_OK;
    return refuse_base(onnx, trees, flow, err);
}

/* One base value for each margin; two classes may have one for the first. */
static mw_status set_base(model_onnx *onnx, const model_onnx_trees *trees,
                          const model_onnx_flow *flow, mw_error *err)
{
    mw_forest *forest = onnx->build.forest;
    size_t n = forest->n_margins, n_base = trees->base.count;
    bool first_only = trees->is_classifier && n == 2 && n_base == 1;
    forest->base_margin = mw_arena_take_zeroed(&forest->arena, n, sizeof *forest->base_margin);
    if (!forest->base_margin)
        return mw_fail_memory(err, "a model");
    if (n_base != 0 && n_base != n && !first_only)
        return refuse_base(onnx, trees, flow, err);
    if (n_base == 0 && !trees->average)
        return MW_OK;
    double *offset = mw_arena_take_zeroed(&forest->arena, n, sizeof *offset);
    if (!offset)
        return mw_fail_memory(err, "a model");
    if (n_base > 0)
        memcpy(offset, trees->base.items, n_base * sizeof *offset);
    forest->margin_offset = offset;
    /* A float's product with 1/n in double rounds to the float quotient: no quotient of a 24-bit
     * number lies so near to the middle between two others. */
    if (trees->average)
        forest->margin_scale = 1 / (double)trees->roots.count;
    return MW_OK;
}

/* ---- transform ------------------------------------------------------------------------------- */

static mw_status binary_transform(const model_onnx_trees *trees, const model_onnx_flow *flow,
                                  mw_transform *ret_transform, mw_error *err)
{
    if (trees->post == MODEL_ONNX_PROBIT)
        return refuse_steps(flow->ensemble, "PROBIT of two classes with one score is not read",
                            err);
    if (trees->post == MODEL_ONNX_LOGISTIC)
        *ret_transform = MW_TRANSFORM_PAIR_SIGMOID;
    else
        *ret_transform =
            is_never_negative(trees) ? MW_TRANSFORM_PAIR_SHARE : MW_TRANSFORM_PAIR_SIGN;
    return MW_OK;
}

/* A single target is only ever transformed by PROBIT. */
static mw_transform plain_transform(const model_onnx_trees *trees)
{
    bool several = trees->n_outputs > 1;
    switch (trees->post) {
    case MODEL_ONNX_SOFTMAX:
        return several ? MW_TRANSFORM_SOFTMAX : MW_TRANSFORM_IDENTITY;
    case MODEL_ONNX_LOGISTIC:
        return several ? MW_TRANSFORM_SIGMOID : MW_TRANSFORM_IDENTITY;
    case MODEL_ONNX_SOFTMAX_ZERO:
        return several ? MW_TRANSFORM_SOFTMAX_ZERO : MW_TRANSFORM_IDENTITY;
    case MODEL_ONNX_PROBIT:
        return MW_TRANSFORM_PROBIT;
    case MODEL_ONNX_NONE:
        break;
    }
    return MW_TRANSFORM_IDENTITY;
}

/* What stands behind the trees, in one transform with theirs. */
static mw_status fold_steps(mw_forest *forest, const model_onnx_flow *flow, mw_error *err)
{
    bool identity = forest->transform == MW_TRANSFORM_IDENTITY;
    bool sums_to_one =
        forest->transform == MW_TRANSFORM_SOFTMAX || forest->transform == MW_TRANSFORM_PAIR_SIGMOID;
    bool ok = true;
    forest->scale = flow->scale;
    if (flow->sigmoid) {
        ok = identity || forest->transform == MW_TRANSFORM_PAIR_SIGN;
        forest->transform = identity ? MW_TRANSFORM_SIGMOID : MW_TRANSFORM_PAIR_SIGMOID;
    } else if (flow->exponential) {
        ok = identity;
        forest->transform = MW_TRANSFORM_SCALED_EXP;
    } else if (flow->shares && !sums_to_one) {
        ok = identity;
        forest->transform = MW_TRANSFORM_SHARES;
    }
    if (ok)
        return MW_OK;
    return refuse_steps(flow->last_node, "this step behind a post_transform is not read", err);
}

static mw_status set_transform(mw_forest *forest, const model_onnx_trees *trees,
                               const model_onnx_flow *flow, mw_error *err)
{
    forest->n_predictions = trees->n_outputs;
    if (is_binary(trees))
        MW_TRY(binary_transform(trees, flow, &forest->transform, err));
    else
        forest->transform = plain_transform(trees);
    MW_TRY(fold_steps(forest, flow, err));
    if (flow->n_reshaped == 0 || flow->n_reshaped == forest->n_predictions)
        return MW_OK;
    return refuse_steps(flow->reshape_node, "this shape mixes rows", err);
}

/* ---- schema, classes, head ------------------------------------------------------------------- */

static mw_column_type column_type(int64_t type)
{
    switch (type) {
    case MODEL_ONNX_INT64:
        return MW_COLUMN_INT64;
    case MODEL_ONNX_INT32:
        return MW_COLUMN_INT32;
    case MODEL_ONNX_BOOL:
        return MW_COLUMN_BOOL;
    default:
        return MW_COLUMN_FLOAT64; /* the predictor rounds, if anyone has to */
    }
}

/* "age"; or "x_0", "x_1" for an input of several columns beside others. */
static mw_status name_column(mw_forest *forest, const model_onnx_input *input, size_t i, size_t n,
                             mw_view *ret_name, mw_error *err)
{
    mw_buf name;
    mw_buf_init(&name, MW_MIB);
    mw_buf_view(&name, input->name);
    if (n > 1)
        mw_buf_format(&name, "_%zu", i);
    const char *kept = name.failed ? NULL : mw_arena_text(&forest->arena, mw_buf_as_view(&name));
    *ret_name = (mw_view){kept, name.size};
    mw_buf_done(&name);
    return kept ? MW_OK : mw_fail_memory(err, "names of features");
}

static mw_status fill_input(mw_forest *forest, const model_onnx_input *input, bool named,
                            mw_column *columns, size_t n, mw_error *err)
{
    if (named && !model_is_utf8(input->name)) {
        mw_fail(err, MW_E_MODEL_SYNTAX, "the name of an input is not UTF-8");
        return mw_mend(err, "convert the model again");
    }
    for (size_t i = 0; i < n; i++) {
        columns[i].type = column_type(input->type);
        if (named)
            MW_TRY(name_column(forest, input, i, n, &columns[i].name, err));
    }
    return MW_OK;
}

static mw_status fill_columns(const model_onnx *onnx, mw_column *columns, mw_error *err)
{
    mw_forest *forest = onnx->build.forest;
    const model_onnx_input *inputs = onnx->inputs.items;
    size_t at = 0;
    for (size_t i = 0; i < onnx->inputs.count; i++) {
        if (inputs[i].is_constant)
            continue;
        size_t n = inputs[i].rank == 1       ? 1
                   : inputs[i].last_dim >= 0 ? (size_t)inputs[i].last_dim
                                             : forest->n_features;
        if (at + n <= forest->n_features)
            MW_TRY(fill_input(forest, &inputs[i], onnx->n_real_inputs > 1, columns + at, n, err));
        at += n;
    }
    return MW_OK;
}

static mw_status set_schema(const model_onnx *onnx, mw_error *err)
{
    mw_forest *forest = onnx->build.forest;
    mw_column *columns = calloc(forest->n_features + 1, sizeof *columns);
    if (!columns)
        return mw_fail_memory(err, "names of features");
    mw_status status = fill_columns(onnx, columns, err);
    if (status == MW_OK)
        status = model_set_schema(forest, columns, onnx->n_real_inputs > 1, "f", err);
    if (status != MW_OK && err->mend[0] == '\0')
        mw_mend(err, "convert the model again, with a name of its own for each input");
    free(columns);
    return status;
}

/* The names that ZipMap gives are the last word. */
static mw_status set_classes(mw_forest *forest, const model_onnx_trees *trees,
                             const model_onnx_flow *flow, mw_error *err)
{
    size_t n = trees->n_outputs;
    const mw_view *from = flow->labels.count == n ? flow->labels.items : trees->labels.items;
    if (!trees->is_classifier)
        return MW_OK;
    mw_view *labels = mw_arena_take_zeroed(&forest->arena, n, sizeof *labels);
    if (!labels)
        return mw_fail_memory(err, "the classes");
    for (size_t i = 0; i < n; i++) {
        labels[i] = (mw_view){mw_arena_text(&forest->arena, from[i]), from[i].size};
        if (!labels[i].data)
            return mw_fail_memory(err, "the classes");
    }
    forest->n_classes = n;
    forest->class_labels = labels;
    return MW_OK;
}

/* "skl2onnx 1.20.0" */
static mw_status set_library(const model_onnx *onnx, const model_onnx_flow *flow, mw_error *err)
{
    enum { SHOWN = 60 };
    mw_forest *forest = onnx->build.forest;
    mw_view name = onnx->producer, version = onnx->producer_version;
    char text[2 * SHOWN + 2];
    if (!model_is_utf8(name) || !model_is_utf8(version) || name.size > SHOWN ||
        version.size > SHOWN)
        name.size = version.size = 0;
    snprintf(text, sizeof text, "%.*s%s%.*s", MW_VIEW_ARG(name), name.size > 0 ? " " : "",
             MW_VIEW_ARG(version));
    MW_TRY(model_keep_text(forest, mw_view_trim(mw_view_of(text)), &forest->library_version, err));
    return model_keep_text(forest, flow->ensemble->op, &forest->objective, err);
}

static void count_open_features(mw_forest *forest, const model_onnx_trees *trees)
{
    const model_onnx_split *splits = trees->splits.items;
    forest->n_features = 0;
    for (size_t i = 0; i < trees->splits.count; i++)
        if (splits[i].mode != MODEL_ONNX_LEAF && splits[i].feature >= forest->n_features)
            forest->n_features = (size_t)splits[i].feature + 1;
}

/* ---- a whole model --------------------------------------------------------------------------- */

static mw_status make_forest(model_onnx *onnx, const model_onnx_flow *flow,
                             const model_onnx_trees *trees, mw_error *err)
{
    mw_forest *forest = onnx->build.forest;
    bool wide = flow->input_type == MODEL_ONNX_DOUBLE;
    forest->n_features = flow->n_features;
    if (flow->open_width)
        count_open_features(forest, trees);
    MW_TRY(model_check_features(forest, err));
    forest->n_margins = is_binary(trees) ? 1 : trees->n_outputs;
    forest->n_iterations = trees->roots.count;
    forest->sum_float32 = !wide;
    forest->input = wide && !flow->rounded ? MW_INPUT_FLOAT64 : MW_INPUT_FLOAT32;
    MW_TRY(model_onnx_build(onnx, flow, trees, err));
    MW_TRY(check_two_classes(onnx, trees, flow, err));
    MW_TRY(set_base(onnx, trees, flow, err));
    MW_TRY(set_transform(forest, trees, flow, err));
    MW_TRY(set_classes(forest, trees, flow, err));
    MW_TRY(set_library(onnx, flow, err));
    return set_schema(onnx, err);
}

static mw_status read_model(model_onnx *onnx, model_onnx_flow *flow, model_onnx_trees *trees,
                            mw_error *err)
{
    MW_TRY(model_onnx_read_graph(onnx, err));
    MW_TRY(model_onnx_follow(onnx, flow, err));
    MW_TRY(model_onnx_read_trees(onnx, flow, trees, err));
    return make_forest(onnx, flow, trees, err);
}

static void onnx_init(model_onnx *onnx, mw_view bytes)
{
    *onnx = (model_onnx){.file = {bytes.data, bytes.data, bytes.data + bytes.size},
                         .producer = {"", 0},
                         .producer_version = {"", 0},
                         .nodes = {.item_bytes = sizeof(model_onnx_node)},
                         .names = {.item_bytes = sizeof(mw_view)},
                         .inputs = {.item_bytes = sizeof(model_onnx_input)},
                         .outputs = {.item_bytes = sizeof(mw_view)},
                         .constants = {.item_bytes = sizeof(model_onnx_constant)},
                         .domains = {.item_bytes = sizeof(mw_view)}};
}

static void onnx_done(model_onnx *onnx)
{
    model_list_done(&onnx->nodes);
    model_list_done(&onnx->names);
    model_list_done(&onnx->inputs);
    model_list_done(&onnx->outputs);
    model_list_done(&onnx->constants);
    model_list_done(&onnx->domains);
}

mw_status model_onnx_read(mw_view bytes, mw_forest **ret_forest, mw_error *err)
{
    model_onnx onnx;
    model_onnx_flow flow;
    model_onnx_trees trees;
    onnx_init(&onnx, bytes);
    model_onnx_flow_init(&flow);
    model_onnx_trees_init(&trees);
    mw_status status = model_build_init(&onnx.build, &onnx_places, bytes.size, err);
    if (status == MW_OK) {
        onnx.build.forest->format = MW_FORMAT_ONNX;
        status = read_model(&onnx, &flow, &trees, err);
    }
    model_onnx_trees_done(&trees); /* before the forest is copied to its place */
    model_onnx_flow_done(&flow);
    if (status == MW_OK)
        status = model_build_finish(&onnx.build, ret_forest, err);
    onnx_done(&onnx);
    model_build_done(&onnx.build);
    return status;
}
