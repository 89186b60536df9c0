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
 * Where more stands behind the scores than one step, onnx_margins.c takes over. */
#include "onnx.h"
#include "read.h"

#include <math.h>

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

static mw_status refuse_part(const model_onnx_part *part, const char *what, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_OPERATOR, "%s", what);
    mw_mend(err, "convert the trees alone, and do this step behind the model");
    return model_onnx_at(part->node, err);
}

/* ---- margins --------------------------------------------------------------------------------- */

/* One base value for each margin; two classes may have one for the first. */
static mw_status set_base(model_onnx *onnx, const model_onnx_trees *trees, mw_error *err)
{
    mw_forest *forest = onnx->build.forest;
    size_t n = forest->n_margins, n_base = trees->base.count;
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

/* Sums begin at zero: what ONNX adds comes last. */
static mw_status make_base(mw_forest *forest, mw_error *err)
{
    forest->base_margin =
        mw_arena_take_zeroed(&forest->arena, forest->n_margins, sizeof *forest->base_margin);
    return forest->base_margin ? MW_OK : mw_fail_memory(err, "a model");
}

mw_status model_onnx_set_weights(model_onnx *onnx, const model_onnx_flow *flow,
                                 const uint32_t *margin_of, mw_error *err)
{
    mw_forest *forest = onnx->build.forest;
    size_t n_columns = flow->n_features + flow->extra.count, n = forest->n_margins;
    double *weights = mw_arena_take_zeroed(&forest->arena, (n_columns + 1) * n, sizeof *weights);
    uint32_t *columns = mw_arena_take_zeroed(&forest->arena, n_columns + 1, sizeof *columns);
    if (!weights || !columns)
        return mw_fail_memory(err, "the weights of a linear model");
    for (size_t p = 0; p < flow->parts.count; p++) {
        const model_onnx_part *part = model_onnx_part_at(flow, p);
        const double *from = part->weights.items;
        size_t n_outputs = part->trees.n_outputs;
        for (size_t i = 0; i <= part->n_columns; i++) {
            size_t column =
                i < part->n_columns ? *model_onnx_slot(flow, part->slot + i) : n_columns;
            columns[column] = 1;
            for (size_t m = 0; m < n_outputs; m++) {
                size_t margin = margin_of ? margin_of[part->margin + m] : m;
                if (margin != MODEL_ONNX_NOTHING) /* a column may stand twice */
                    weights[column * n + margin] += from[i * n_outputs + m];
            }
        }
    }
    for (uint32_t i = 0; i < n_columns; i++)
        if (columns[i])
            columns[forest->n_linear_columns++] = i;
    forest->linear_weights = weights;
    forest->linear_columns = columns;
    return MW_OK;
}

/* ---- transform ------------------------------------------------------------------------------- */

/* A single target is only ever transformed by PROBIT. */
static mw_transform transform_of(const model_onnx_part *part)
{
    const model_onnx_trees *trees = &part->trees;
    bool several = trees->n_outputs > 1;
    if (part->n_margins < trees->n_outputs) {
        if (trees->post == MODEL_ONNX_LOGISTIC)
            return MW_TRANSFORM_PAIR_SIGMOID;
        return model_onnx_is_never_negative(trees) ? MW_TRANSFORM_PAIR_SHARE
                                                   : MW_TRANSFORM_PAIR_SIGN;
    }
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

/* The cell behind casts between floats and doubles. */
static const model_onnx_cell *uncast(const model_onnx_flow *flow, uint32_t cell)
{
    const model_onnx_cell *at = model_onnx_cell_at(&flow->cells, cell);
    while (at->source == MODEL_ONNX_STEP && at->step.op == MW_RECIPE_CAST &&
           (at->step.kind == MW_RECIPE_FLOAT32 || at->step.kind == MW_RECIPE_FLOAT64))
        at = model_onnx_cell_at(&flow->cells, at->step.a);
    return at;
}

/* A product with a constant, or the number itself: *ret_factor is then 1. */
static const model_onnx_cell *unscaled(const model_onnx_flow *flow, const model_onnx_cell *cell,
                                       double *ret_factor)
{
    *ret_factor = 1;
    if (cell->source != MODEL_ONNX_STEP || cell->step.op != MW_RECIPE_MUL)
        return cell;
    if (model_onnx_is_constant(&flow->cells, cell->step.b, ret_factor))
        return uncast(flow, cell->step.a);
    if (model_onnx_is_constant(&flow->cells, cell->step.a, ret_factor))
        return uncast(flow, cell->step.b);
    return cell;
}

/* Behind the scores stands: nothing, scale and sigmoid, exp and scale. */
typedef struct last_step {
    mw_recipe_op op; /* MW_RECIPE_CAST: nothing */
    double scale;
} last_step;

static const model_onnx_cell *last_of(const model_onnx_flow *flow, uint32_t cell, last_step *ret)
{
    const model_onnx_cell *at = uncast(flow, cell);
    double factor = 1;
    *ret = (last_step){MW_RECIPE_CAST, 1};
    if (at->source == MODEL_ONNX_STEP && at->step.op == MW_RECIPE_SIGMOID) {
        at = unscaled(flow, uncast(flow, at->step.a), &factor);
        *ret = (last_step){MW_RECIPE_SIGMOID, factor};
        return at;
    }
    const model_onnx_cell *inside = unscaled(flow, at, &factor);
    if (inside->source == MODEL_ONNX_STEP && inside->step.op == MW_RECIPE_EXP) {
        *ret = (last_step){MW_RECIPE_EXP, factor};
        return uncast(flow, inside->step.a);
    }
    return at;
}

/* All predictions are the scores of the one part, in order, with the same step behind each. */
static bool are_scores(const model_onnx_flow *flow, last_step *ret_last)
{
    const model_onnx_part *part = model_onnx_part_at(flow, 0);
    const uint32_t *outputs = model_onnx_slot(flow, flow->output);
    if (flow->parts.count != 1 || flow->n_outputs != part->trees.n_outputs)
        return false;
    for (size_t i = 0; i < flow->n_outputs; i++) {
        last_step last;
        const model_onnx_cell *score = last_of(flow, outputs[i], &last);
        if (score->source != MODEL_ONNX_SCORE || score->output != i ||
            (i > 0 && (last.op != ret_last->op || last.scale != ret_last->scale)))
            return false;
        *ret_last = last;
    }
    return true;
}

static bool are_shares(const model_onnx_flow *flow)
{
    const model_onnx_part *part = model_onnx_part_at(flow, 0);
    if (flow->parts.count != 1 || flow->n_outputs != part->trees.n_outputs ||
        part->shares == UINT32_MAX)
        return false;
    for (size_t i = 0; i < flow->n_outputs; i++)
        if (*model_onnx_slot(flow, flow->output + i) != *model_onnx_slot(flow, part->shares + i))
            return false;
    return true;
}

/* The predictions are the scores of the graph's only part, as they are or by a known transform. */
static bool is_plain(const model_onnx_flow *flow, mw_forest *forest)
{
    last_step last = {MW_RECIPE_CAST, 1};
    const model_onnx_part *part = model_onnx_part_at(flow, 0);
    forest->transform = transform_of(part);
    forest->n_predictions = part->trees.n_outputs;
    bool identity = forest->transform == MW_TRANSFORM_IDENTITY;
    if (are_shares(flow)) {
        forest->transform = MW_TRANSFORM_SHARES;
        return identity;
    }
    if (!are_scores(flow, &last) || !isfinite(last.scale))
        return false;
    forest->scale = last.scale;
    if (last.op == MW_RECIPE_CAST)
        return true;
    if (last.op == MW_RECIPE_EXP) {
        forest->transform = MW_TRANSFORM_SCALED_EXP;
        return identity;
    }
    bool pair = forest->transform == MW_TRANSFORM_PAIR_SIGN;
    forest->transform = identity ? MW_TRANSFORM_SIGMOID : MW_TRANSFORM_PAIR_SIGMOID;
    return identity || pair;
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
    case MODEL_ONNX_STRING:
        return MW_COLUMN_CATEGORY;
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
    if (named && !mw_view_is_utf8(input->name)) {
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

/* Texts that some encoder knows; what no encoder looks at may be any text, and may be absent. */
static mw_status fill_words(const model_onnx_flow *flow, mw_column *columns, mw_error *err)
{
    static const mw_view none[] = {{"", 0}};
    const model_onnx_words *words = flow->cells.words.items;
    for (size_t i = 0; i < flow->n_features; i++) {
        if (columns[i].type != MW_COLUMN_CATEGORY)
            continue;
        columns[i].categories = none; /* empty texts are missing anyway */
        columns[i].n_categories = 1;
        columns[i].unknown_is_missing = columns[i].optional = true;
    }
    for (size_t i = 0; i < flow->cells.words.count; i++) {
        const model_list *texts = &words[i].texts.texts;
        mw_column *column = &columns[words[i].feature];
        for (size_t k = 0; k < texts->count; k++) {
            if (mw_view_is_utf8(((const mw_view *)texts->items)[k]))
                continue;
            mw_fail(err, MW_E_MODEL_SYNTAX, "a category is not UTF-8");
            return mw_mend(err, "convert the model again");
        }
        column->categories = texts->items;
        column->n_categories = texts->count;
        column->unknown_is_missing = !words[i].strict;
        column->optional = false;
    }
    return MW_OK;
}

static mw_status fill_columns(const model_onnx *onnx, const model_onnx_flow *flow,
                              mw_column *columns, mw_error *err)
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
    return fill_words(flow, columns, err);
}

static mw_status set_schema(const model_onnx *onnx, const model_onnx_flow *flow, mw_error *err)
{
    mw_forest *forest = onnx->build.forest;
    mw_column *columns = calloc(forest->n_features + 1, sizeof *columns);
    if (!columns)
        return mw_fail_memory(err, "names of features");
    mw_status status = fill_columns(onnx, flow, columns, err);
    if (status == MW_OK)
        status = model_set_schema(forest, columns, onnx->n_real_inputs > 1, "f", err);
    if (status != MW_OK && err->mend[0] == '\0')
        mw_mend(err, "convert the model again, with a name of its own for each input");
    free(columns);
    return status;
}

/* The names that ZipMap gives are the last word; else those of the classifier whose scores, as
 * many, are the predictions. */
static mw_status set_classes(mw_forest *forest, const model_onnx_flow *flow, mw_error *err)
{
    const model_list *from = &flow->labels;
    size_t n = forest->n_predictions;
    for (size_t p = 0; p < flow->parts.count && from->count != n; p++)
        from = &model_onnx_part_at(flow, p)->trees.labels;
    if (from->count != n || n < 2)
        return MW_OK;
    mw_view *labels = mw_arena_take_zeroed(&forest->arena, n, sizeof *labels);
    if (!labels)
        return mw_fail_memory(err, "the classes");
    for (size_t i = 0; i < n; i++) {
        mw_view label = ((const mw_view *)from->items)[i];
        labels[i] = (mw_view){mw_arena_text(&forest->arena, label), label.size};
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
    if (!mw_view_is_utf8(name) || !mw_view_is_utf8(version) || name.size > SHOWN ||
        version.size > SHOWN)
        name.size = version.size = 0;
    snprintf(text, sizeof text, "%.*s%s%.*s", MW_VIEW_ARG(name), name.size > 0 ? " " : "",
             MW_VIEW_ARG(version));
    MW_TRY(model_keep_text(forest, mw_view_trim(mw_view_of(text)), &forest->library_version, err));
    return model_keep_text(forest, model_onnx_part_at(flow, 0)->node->op, &forest->objective, err);
}

/* ---- a whole model --------------------------------------------------------------------------- */

/* What could not be folded stands as columns behind the features. */
static mw_status set_before(mw_forest *forest, const model_onnx_flow *flow, mw_error *err)
{
    size_t n = flow->cells.cells.count;
    if (flow->extra.count == 0)
        return MW_OK;
    uint32_t *given = calloc(n + 1, sizeof *given);
    if (!given)
        return mw_fail_memory(err, "the columns of a graph");
    for (uint32_t i = 0; i < n; i++) {
        const model_onnx_cell *cell = model_onnx_cell_at(&flow->cells, i);
        given[i] = cell->source == MODEL_ONNX_FEATURE ? cell->of : MODEL_ONNX_NOTHING;
    }
    mw_status status =
        model_onnx_recipe(&flow->cells, flow->extra.items, flow->extra.count, given,
                          forest->input == MW_INPUT_FLOAT64, &forest->arena, &forest->before, err);
    free(given);
    return status;
}

static mw_status build_plain(model_onnx *onnx, model_onnx_flow *flow, mw_error *err)
{
    const model_onnx_part *part = model_onnx_part_at(flow, 0);
    mw_forest *forest = onnx->build.forest;
    forest->n_margins = part->n_margins;
    if (part->is_linear)
        return model_onnx_set_weights(onnx, flow, NULL, err);
    MW_TRY(model_onnx_build(onnx, part, err));
    return set_base(onnx, &part->trees, err);
}

/* A model of one tree without trees, or of trees that nothing sums, is no model. */
static mw_status make_forest(model_onnx *onnx, model_onnx_flow *flow, mw_error *err)
{
    mw_forest *forest = onnx->build.forest;
    bool wide = model_onnx_part_at(flow, 0)->wide;
    forest->n_features = flow->n_features;
    MW_TRY(model_check_features(forest, err));
    MW_TRY(model_onnx_fold(onnx, flow, err));
    forest->sum_float32 = !wide;
    forest->input = flow->narrow ? MW_INPUT_FLOAT32 : MW_INPUT_FLOAT64;
    MW_TRY(set_before(forest, flow, err));
    for (size_t p = 0; p < flow->parts.count; p++)
        forest->n_iterations += model_onnx_part_at(flow, p)->trees.roots.count;
    MW_TRY(is_plain(flow, forest) ? build_plain(onnx, flow, err)
                                  : model_onnx_set_margins(onnx, flow, err));
    MW_TRY(make_base(forest, err));
    if (forest->n_predictions > MW_LIMIT_OUTPUTS)
        return refuse_part(model_onnx_part_at(flow, 0), "the graph makes too many predictions",
                           err);
    MW_TRY(set_classes(forest, flow, err));
    MW_TRY(set_library(onnx, flow, err));
    return set_schema(onnx, flow, err);
}

static mw_status read_model(model_onnx *onnx, model_onnx_flow *flow, mw_error *err)
{
    MW_TRY(model_onnx_read_graph(onnx, err));
    MW_TRY(model_onnx_follow(onnx, flow, err));
    return make_forest(onnx, flow, err);
}

static void onnx_init(model_onnx *onnx, mw_view bytes)
{
    *onnx = (model_onnx){.file = {bytes.data, bytes.data, bytes.data + bytes.size},
                         .is_whole = true,
                         .producer = {"", 0},
                         .producer_version = {"", 0},
                         .nodes = {.item_bytes = sizeof(model_onnx_node)},
                         .names = {.item_bytes = sizeof(mw_view)},
                         .inputs = {.item_bytes = sizeof(model_onnx_input)},
                         .outputs = {.item_bytes = sizeof(mw_view)},
                         .constants = {.item_bytes = sizeof(mw_view)},
                         .feature_kinds = {.item_bytes = sizeof(uint8_t)},
                         .domains = {.item_bytes = sizeof(mw_view)}};
    model_onnx_index_init(&onnx->constant_names);
}

static void onnx_done(model_onnx *onnx)
{
    model_list_done(&onnx->nodes);
    model_list_done(&onnx->names);
    model_list_done(&onnx->inputs);
    model_list_done(&onnx->outputs);
    model_list_done(&onnx->constants);
    model_list_done(&onnx->domains);
    model_list_done(&onnx->feature_kinds);
    model_onnx_index_done(&onnx->constant_names);
}

mw_status model_onnx_read(mw_view bytes, unsigned how, bool *ret_whole, mw_forest **ret_forest,
                          mw_error *err)
{
    model_onnx onnx;
    model_onnx_flow flow;
    onnx_init(&onnx, bytes);
    model_onnx_flow_init(&flow);
    mw_status status = model_build_init(&onnx.build, &onnx_places, bytes.size, err);
    if (status == MW_OK) {
        onnx.build.forest->format = MW_FORMAT_ONNX;
        onnx.build.spare = how & MODEL_SPARE;
        status = read_model(&onnx, &flow, err);
    }
    model_onnx_flow_done(&flow); /* before the forest is copied to its place */
    if (status == MW_OK)
        status = model_build_finish(&onnx.build, ret_forest, err);
    *ret_whole = onnx.is_whole;
    onnx_done(&onnx);
    model_build_done(&onnx.build);
    return status;
}
