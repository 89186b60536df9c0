/* Following values through the graph, from its inputs to its outputs.
 *
 *     inputs --(Cast, Concat, Gather ...)--> columns --ensemble--+--> labels: not needed, the
 *                                                                |    scores say as much
 *                                                                +--> scores --(Identity, ZipMap,
 *                                                                     Exp, Sigmoid ...)--> outputs
 *
 * Every value has one of these kinds, and every operator one row in the table below: what it takes
 * and how it is folded. What is in no row is refused by name. Nodes stand in the order in which
 * they run. */
#include "onnx.h"

#include <math.h>

typedef enum value_kind { VALUE_NONE, VALUE_COLUMNS, VALUE_LABELS, VALUE_SCORES } value_kind;

typedef struct value {
    mw_view name;
    value_kind kind;
    int64_t type;             /* of columns */
    bool rounded;             /* columns were float32 once */
    bool open_width;          /* columns: all of the only input */
    size_t column, n_columns; /* slice of follower.columns */
} value;

typedef struct follower {
    model_onnx *onnx;
    model_onnx_flow *flow;
    model_list values;  /* value */
    model_list columns; /* uint32_t */
} follower;

static mw_status refuse(const model_onnx_node *node, const char *why, mw_error *err)
{
    enum { SHOWN = 80 };
    int size = (int)(node->op.size < SHOWN ? node->op.size : SHOWN);
    mw_fail(err, MW_E_MODEL_OPERATOR, "the operator %.*s is not read here", size, node->op.data);
    if (why)
        mw_why(err, "%s", why);
    mw_mend(err, "convert the trees alone, and do this step before or behind the model");
    return model_onnx_at(node, err);
}

static mw_view input_of(const follower *f, const model_onnx_node *node, size_t i)
{
    return i < node->n_inputs ? model_onnx_name(f->onnx, node->input + i) : MW_VIEW("");
}

static value *find_value(const follower *f, mw_view name)
{
    value *values = f->values.items;
    for (size_t i = f->values.count; i-- > 0;)
        if (mw_view_equal(values[i].name, name))
            return &values[i];
    return NULL;
}

static mw_status add_value(follower *f, value made, mw_error *err)
{
    value *added = model_list_add(&f->values, 1);
    if (!added)
        return mw_fail_memory(err, "a graph");
    *added = made;
    return MW_OK;
}

/* The node's first output is `made` under that name. */
static mw_status give(follower *f, const model_onnx_node *node, value made, mw_error *err)
{
    if (node->n_outputs == 0)
        return MW_OK;
    made.name = model_onnx_name(f->onnx, node->output);
    return add_value(f, made, err);
}

/* Constant input number i, as doubles. */
static mw_status constant_input(const follower *f, const model_onnx_node *node, size_t i,
                                model_list *doubles, bool *ret_found, mw_error *err)
{
    mw_view tensor;
    int64_t type = 0;
    *ret_found = model_onnx_constant_of(f->onnx, input_of(f, node, i), &tensor);
    if (*ret_found && model_onnx_tensor(f->onnx, tensor, doubles, &type, err) != MW_OK)
        return model_onnx_at(node, err);
    return MW_OK;
}

static mw_status integer_attribute(const follower *f, const model_onnx_node *node, const char *name,
                                   int64_t fallback, int64_t *ret_value, mw_error *err)
{
    model_onnx_attribute attribute;
    bool found = false;
    MW_TRY(model_onnx_find_attribute(f->onnx, node, name, &attribute, &found, err));
    *ret_value = found ? attribute.integer : fallback;
    return MW_OK;
}

/* ---- columns --------------------------------------------------------------------------------- */

static bool is_number(int64_t type)
{
    return type == MODEL_ONNX_FLOAT || type == MODEL_ONNX_DOUBLE || type == MODEL_ONNX_INT32 ||
           type == MODEL_ONNX_INT64 || type == MODEL_ONNX_BOOL;
}

static mw_status add_columns(follower *f, size_t first, size_t n, mw_error *err)
{
    uint32_t *columns = model_list_add(&f->columns, n);
    if (!columns)
        return mw_fail_memory(err, "the columns of a graph");
    for (size_t i = 0; i < n; i++)
        columns[i] = (uint32_t)(first + i);
    return MW_OK;
}

static mw_status refuse_input(const model_onnx_input *input, const char *why, const char *mend,
                              mw_error *err)
{
    enum { SHOWN = 80 };
    mw_fail(err, MW_E_MODEL_OPERATOR, "%s", why);
    mw_mend(err, "%s", mend);
    return mw_at(err, "input '%.*s'", (int)(input->name.size < SHOWN ? input->name.size : SHOWN),
                 input->name.data);
}

static mw_status take_input(follower *f, const model_onnx_input *input, bool only, mw_error *err)
{
    model_onnx_flow *flow = f->flow;
    if (!is_number(input->type))
        return refuse_input(input, "this input is not a tensor of numbers",
                            "convert the trees alone, and encode texts before the model", err);
    value made = {.name = input->name, .kind = VALUE_COLUMNS, .type = input->type};
    made.column = f->columns.count;
    made.rounded = input->type == MODEL_ONNX_FLOAT;
    made.open_width = input->rank != 1 && input->last_dim < 0;
    made.n_columns = input->rank == 1 ? 1 : made.open_width ? 0 : (size_t)input->last_dim;
    if (made.open_width && !only)
        return refuse_input(input, "the width of this input is not in the file",
                            "convert with a fixed number of columns for each input", err);
    flow->open_width = made.open_width;
    size_t most = f->onnx->build.forest->file_bytes + 65536;
    if (made.n_columns > MW_LIMIT_FEATURES || flow->n_features + made.n_columns > most) {
        mw_fail(err, MW_E_MODEL_LIMIT, "the inputs have more than %zu columns",
                most < MW_LIMIT_FEATURES ? most : (size_t)MW_LIMIT_FEATURES);
        return mw_mend(err, "convert the model again; this file was damaged or edited by hand");
    }
    MW_TRY(add_columns(f, flow->n_features, made.n_columns, err));
    flow->n_features += made.n_columns;
    return add_value(f, made, err);
}

static mw_status take_inputs(follower *f, mw_error *err)
{
    const model_onnx_input *inputs = f->onnx->inputs.items;
    for (size_t i = 0; i < f->onnx->inputs.count; i++)
        if (!inputs[i].is_constant)
            MW_TRY(take_input(f, &inputs[i], f->onnx->n_real_inputs == 1, err));
    return MW_OK;
}

static mw_status cast_columns(follower *f, const model_onnx_node *node, const value *in,
                              mw_error *err)
{
    int64_t to = 0;
    value made = *in;
    MW_TRY(integer_attribute(f, node, "to", 0, &to, err));
    bool widens = to == MODEL_ONNX_DOUBLE;
    bool same = to == in->type;
    if (to != MODEL_ONNX_FLOAT && !widens && !same)
        return refuse(node, "columns may only be cast to float32 or float64", err);
    made.type = to;
    made.rounded = in->rounded || to == MODEL_ONNX_FLOAT;
    return give(f, node, made, err);
}

static mw_status pass_columns(follower *f, const model_onnx_node *node, const value *in,
                              mw_error *err)
{
    return give(f, node, *in, err);
}

/* Columns of all inputs, one after another. */
static mw_status concat_columns(follower *f, const model_onnx_node *node, const value *in,
                                mw_error *err)
{
    int64_t axis = 0;
    value made = {.kind = VALUE_COLUMNS, .type = in->type, .rounded = in->rounded};
    MW_TRY(integer_attribute(f, node, "axis", 0, &axis, err));
    if (axis != 1 && axis != -1)
        return refuse(node, "only columns may be put side by side (axis 1)", err);
    made.column = f->columns.count;
    for (size_t i = 0; i < node->n_inputs; i++) {
        const value *next = find_value(f, input_of(f, node, i));
        if (!next || next->kind != VALUE_COLUMNS || next->open_width || next->type != made.type ||
            next->rounded != made.rounded)
            return refuse(node, "its inputs are not columns of one type", err);
        uint32_t *to = model_list_add(&f->columns, next->n_columns);
        if (!to)
            return mw_fail_memory(err, "the columns of a graph");
        if (f->columns.count > MW_LIMIT_FEATURES)
            return refuse(node, "it makes too many columns", err);
        memcpy(to, (const uint32_t *)f->columns.items + next->column, next->n_columns * sizeof *to);
        made.n_columns += next->n_columns;
    }
    return give(f, node, made, err);
}

static mw_status pick_columns(follower *f, const model_onnx_node *node, const value *in,
                              const model_list *picks, mw_error *err)
{
    value made = *in;
    const double *pick = picks->items;
    made.column = f->columns.count;
    made.n_columns = picks->count;
    uint32_t *to = model_list_add(&f->columns, picks->count);
    if (!to)
        return mw_fail_memory(err, "the columns of a graph");
    if (f->columns.count > MW_LIMIT_FEATURES)
        return refuse(node, "it makes too many columns", err);
    for (size_t i = 0; i < picks->count; i++) {
        double index = pick[i] < 0 ? pick[i] + (double)in->n_columns : pick[i];
        if (!(index >= 0 && index < (double)in->n_columns))
            return refuse(node, "it picks a column that is not there", err);
        to[i] = ((const uint32_t *)f->columns.items)[in->column + (size_t)index];
    }
    return give(f, node, made, err);
}

/* Gather along axis 1, and ArrayFeatureExtractor, with constant indexes. */
static mw_status gather_columns(follower *f, const model_onnx_node *node, const value *in,
                                mw_error *err)
{
    model_list picks = {.item_bytes = sizeof(double)};
    bool found = false;
    int64_t axis = 1;
    if (mw_view_is(node->op, "Gather"))
        MW_TRY(integer_attribute(f, node, "axis", 0, &axis, err));
    mw_status status = constant_input(f, node, 1, &picks, &found, err);
    if (status == MW_OK && (!found || picks.count == 0 || axis != 1 || in->open_width))
        status = refuse(node, "columns may only be picked by constant indexes", err);
    if (status == MW_OK)
        status = pick_columns(f, node, in, &picks, err);
    model_list_done(&picks);
    return status;
}

static void use_columns(follower *f, const value *in)
{
    model_onnx_flow *flow = f->flow;
    flow->input_type = in->type;
    flow->rounded = in->rounded;
    flow->open_width = in->open_width;
    const uint32_t *from = (const uint32_t *)f->columns.items + in->column;
    if (in->n_columns > 0)
        memcpy(flow->columns.items, from, in->n_columns * sizeof *from);
}

static mw_status start_scores(follower *f, const model_onnx_node *node, const value *in,
                              mw_error *err)
{
    model_onnx_flow *flow = f->flow;
    if (flow->ensemble)
        return refuse(node, "it is the second ensemble of the graph; one is read", err);
    if (in->type == MODEL_ONNX_BOOL)
        return refuse(node, "its input is of truth values", err);
    flow->ensemble = node;
    flow->is_classifier = mw_view_is(node->op, "TreeEnsembleClassifier");
    if (!model_list_add(&flow->columns, in->n_columns))
        return mw_fail_memory(err, "the columns of a graph");
    use_columns(f, in);
    for (size_t i = 0; i < node->n_outputs; i++) {
        bool labels = flow->is_classifier && i == 0;
        value made = {.name = model_onnx_name(f->onnx, node->output + i),
                      .kind = labels ? VALUE_LABELS : VALUE_SCORES};
        MW_TRY(add_value(f, made, err));
    }
    return MW_OK;
}

/* ---- labels ---------------------------------------------------------------------------------- */

/* Whatever becomes of the label: the scores say as much, and they are what is predicted. */
static mw_status pass_labels(follower *f, const model_onnx_node *node, const value *in,
                             mw_error *err)
{
    (void)in;
    return give(f, node, (value){.kind = VALUE_LABELS}, err);
}

/* ---- scores ---------------------------------------------------------------------------------- */

static mw_status give_scores(follower *f, const model_onnx_node *node, mw_error *err)
{
    return give(f, node, (value){.kind = VALUE_SCORES}, err);
}

/* The scores have taken another step; values from before it are not what is predicted. */
static mw_status step(follower *f, const model_onnx_node *node, mw_error *err)
{
    value *values = f->values.items;
    for (size_t i = 0; i < f->values.count; i++)
        if (values[i].kind == VALUE_SCORES)
            values[i].kind = VALUE_NONE;
    f->flow->last_node = node;
    return give_scores(f, node, err);
}

static mw_status pass_scores(follower *f, const model_onnx_node *node, const value *in,
                             mw_error *err)
{
    (void)in;
    return give_scores(f, node, err);
}

static mw_status cast_scores(follower *f, const model_onnx_node *node, const value *in,
                             mw_error *err)
{
    int64_t to = 0;
    (void)in;
    MW_TRY(integer_attribute(f, node, "to", 0, &to, err));
    if (to != MODEL_ONNX_FLOAT && to != MODEL_ONNX_DOUBLE)
        return refuse(node, "scores may only be cast to float32 or float64", err);
    return give_scores(f, node, err);
}

static mw_status name_number(follower *f, int64_t number, mw_view *ret_label, mw_error *err)
{
    enum { NUMBER_BYTES = 24 };
    char text[NUMBER_BYTES];
    size_t size = (size_t)snprintf(text, sizeof text, "%lld", (long long)number);
    const char *kept = mw_arena_text(&f->onnx->build.forest->arena, (mw_view){text, size});
    *ret_label = (mw_view){kept, size};
    return kept ? MW_OK : mw_fail_memory(err, "the classes");
}

/* ZipMap: the same scores under the names of their classes. */
static mw_status zip_scores(follower *f, const model_onnx_node *node, const value *in,
                            mw_error *err)
{
    model_onnx_attribute attribute;
    model_list numbers = {.item_bytes = sizeof(int64_t)};
    model_list *labels = &f->flow->labels;
    bool found = false;
    (void)in;
    labels->count = 0;
    MW_TRY(
        model_onnx_find_attribute(f->onnx, node, "classlabels_strings", &attribute, &found, err));
    if (found)
        MW_TRY(model_onnx_texts(f->onnx, &attribute, labels, err));
    MW_TRY(model_onnx_find_attribute(f->onnx, node, "classlabels_int64s", &attribute, &found, err));
    mw_status status = found ? model_onnx_integers(f->onnx, &attribute, &numbers, err) : MW_OK;
    for (size_t i = 0; i < numbers.count && status == MW_OK; i++) {
        mw_view *label = model_list_add(labels, 1);
        status = label ? name_number(f, ((const int64_t *)numbers.items)[i], label, err)
                       : mw_fail_memory(err, "the classes");
    }
    model_list_done(&numbers);
    return status == MW_OK ? give_scores(f, node, err) : status;
}

/* The other input of a product: one constant number. */
static mw_status constant_factor(follower *f, const model_onnx_node *node, double *ret_factor,
                                 mw_error *err)
{
    model_list numbers = {.item_bytes = sizeof(double)};
    bool found = false;
    mw_status status = constant_input(f, node, 1, &numbers, &found, err);
    if (status == MW_OK && !found)
        status = constant_input(f, node, 0, &numbers, &found, err);
    if (status == MW_OK && (!found || numbers.count != 1))
        status = refuse(node, "scores may only be multiplied by one constant number", err);
    if (status == MW_OK)
        *ret_factor = *(const double *)numbers.items;
    model_list_done(&numbers);
    if (status != MW_OK || isfinite(*ret_factor))
        return status;
    return refuse(node, "its factor is not a finite number", err);
}

static mw_status multiply_scores(follower *f, const model_onnx_node *node, const value *in,
                                 mw_error *err)
{
    model_onnx_flow *flow = f->flow;
    double factor = 1;
    (void)in;
    MW_TRY(constant_factor(f, node, &factor, err));
    if (factor == 1)
        return give_scores(f, node, err);
    if (flow->multiply != 1 || flow->sigmoid || flow->shares || flow->scale != 1)
        return refuse(node, "only one step of arithmetic on the scores is read", err);
    if (flow->exponential) {
        flow->scale = factor;
    } else {
        flow->multiply = factor;
        flow->multiply_node = node;
    }
    return step(f, node, err);
}

static mw_status sigmoid_scores(follower *f, const model_onnx_node *node, const value *in,
                                mw_error *err)
{
    model_onnx_flow *flow = f->flow;
    (void)in;
    if (flow->sigmoid || flow->exponential || flow->shares)
        return refuse(node, "only one step of arithmetic on the scores is read", err);
    flow->sigmoid = true;
    flow->scale = flow->multiply;
    flow->multiply = 1;
    return step(f, node, err);
}

static mw_status exponential_scores(follower *f, const model_onnx_node *node, const value *in,
                                    mw_error *err)
{
    model_onnx_flow *flow = f->flow;
    (void)in;
    if (flow->sigmoid || flow->exponential || flow->shares || flow->multiply != 1)
        return refuse(node, "only one step of arithmetic on the scores is read", err);
    flow->exponential = true;
    return step(f, node, err);
}

static mw_status normalize_scores(follower *f, const model_onnx_node *node, const value *in,
                                  mw_error *err)
{
    model_onnx_flow *flow = f->flow;
    model_onnx_attribute norm;
    bool found = false;
    (void)in;
    MW_TRY(model_onnx_find_attribute(f->onnx, node, "norm", &norm, &found, err));
    if (!found || !mw_view_is(norm.text, "L1"))
        return refuse(node, "only the norm L1 is read", err);
    if (flow->sigmoid || flow->exponential || flow->shares || flow->multiply != 1)
        return refuse(node, "only one step of arithmetic on the scores is read", err);
    flow->shares = true;
    return step(f, node, err);
}

/* A row may become a column or the other way round, as long as rows do not mix: [-1], [-1, 3]. */
static mw_status reshape_scores(follower *f, const model_onnx_node *node, const value *in,
                                mw_error *err)
{
    model_list shape = {.item_bytes = sizeof(double)};
    const double *sizes;
    bool found = false;
    double product = 1;
    (void)in;
    mw_status status = constant_input(f, node, 1, &shape, &found, err);
    sizes = shape.items;
    for (size_t i = 1; status == MW_OK && i < shape.count; i++)
        product *= sizes[i];
    bool plain = found && shape.count > 0 && (sizes[0] == -1 || sizes[0] == 0) && product >= 1 &&
                 product <= MW_LIMIT_OUTPUTS;
    if (status == MW_OK && !plain)
        status = refuse(node, "its shape is not constant, or mixes rows", err);
    model_list_done(&shape);
    if (status != MW_OK)
        return status;
    f->flow->n_reshaped = (size_t)product;
    f->flow->reshape_node = node;
    return give_scores(f, node, err);
}

/* Only a single score a row has a dimension to lose. */
static mw_status squeeze_scores(follower *f, const model_onnx_node *node, const value *in,
                                mw_error *err)
{
    (void)in;
    f->flow->n_reshaped = 1;
    f->flow->reshape_node = node;
    return give_scores(f, node, err);
}

/* ---- the table ------------------------------------------------------------------------------- */

#define ML "ai.onnx.ml"

static const struct fold_row {
    const char *domain, *op;
    value_kind takes;
    mw_status (*fold)(follower *f, const model_onnx_node *node, const value *in, mw_error *err);
} fold_rows[] = {
    {"", "Identity", VALUE_COLUMNS, pass_columns},
    {"", "Cast", VALUE_COLUMNS, cast_columns},
    {"", "Concat", VALUE_COLUMNS, concat_columns},
    {"", "Gather", VALUE_COLUMNS, gather_columns},
    {ML, "ArrayFeatureExtractor", VALUE_COLUMNS, gather_columns},
    {ML, "TreeEnsembleClassifier", VALUE_COLUMNS, start_scores},
    {ML, "TreeEnsembleRegressor", VALUE_COLUMNS, start_scores},
    {ML, "TreeEnsemble", VALUE_COLUMNS, start_scores},
    {"", "Identity", VALUE_LABELS, pass_labels},
    {"", "Cast", VALUE_LABELS, pass_labels},
    {"", "Reshape", VALUE_LABELS, pass_labels},
    {"", "Squeeze", VALUE_LABELS, pass_labels},
    {"", "Unsqueeze", VALUE_LABELS, pass_labels},
    {"", "Flatten", VALUE_LABELS, pass_labels},
    {"", "Gather", VALUE_LABELS, pass_labels},
    {ML, "ArrayFeatureExtractor", VALUE_LABELS, pass_labels},
    {ML, "LabelEncoder", VALUE_LABELS, pass_labels},
    {"", "ArgMax", VALUE_SCORES, pass_labels},
    {"", "Identity", VALUE_SCORES, pass_scores},
    {"", "Cast", VALUE_SCORES, cast_scores},
    {"", "Reshape", VALUE_SCORES, reshape_scores},
    {"", "Squeeze", VALUE_SCORES, squeeze_scores},
    {"", "Mul", VALUE_SCORES, multiply_scores},
    {"", "Sigmoid", VALUE_SCORES, sigmoid_scores},
    {"", "Exp", VALUE_SCORES, exponential_scores},
    {ML, "Normalizer", VALUE_SCORES, normalize_scores},
    {ML, "ZipMap", VALUE_SCORES, zip_scores},
};

/* The first input that is no constant decides. */
static const value *main_input(const follower *f, const model_onnx_node *node)
{
    for (size_t i = 0; i < node->n_inputs; i++) {
        const value *found = find_value(f, input_of(f, node, i));
        if (found)
            return found;
    }
    return NULL;
}

static mw_status fold_node(follower *f, const model_onnx_node *node, mw_error *err)
{
    if (model_onnx_is(node, "", "Constant"))
        return MW_OK;
    const value *in = main_input(f, node);
    for (size_t i = 0; in && i < MW_COUNT(fold_rows); i++) {
        const struct fold_row *row = &fold_rows[i];
        if (row->takes != in->kind || !model_onnx_is(node, row->domain, row->op))
            continue;
        const value copy = *in; /* the list of values grows */
        return row->fold(f, node, &copy, err);
    }
    return refuse(node, f->flow->ensemble ? NULL : "it stands before the trees", err);
}

static mw_status check_outputs(const follower *f, mw_error *err)
{
    const mw_view *outputs = f->onnx->outputs.items;
    bool scores = false, labels = false, stale = false;
    if (!f->flow->ensemble) {
        mw_fail(err, MW_E_MODEL_OPERATOR, "the graph holds no ensemble of trees");
        mw_why(err, "TreeEnsembleClassifier, TreeEnsembleRegressor and TreeEnsemble are read");
        return mw_mend(err, "other ONNX models need ONNX Runtime itself");
    }
    for (size_t i = 0; i < f->onnx->outputs.count; i++) {
        const value *found = find_value(f, outputs[i]);
        scores = scores || (found && found->kind == VALUE_SCORES);
        labels = labels || (found && found->kind == VALUE_LABELS);
        stale = stale || (found && found->kind == VALUE_NONE);
    }
    if (scores || (labels && !stale))
        return MW_OK;
    mw_fail(err, MW_E_MODEL_OPERATOR, "no output of the graph is the scores of its trees");
    mw_mend(err, "convert the trees alone");
    return model_onnx_at(f->flow->ensemble, err);
}

static mw_status follow(follower *f, mw_error *err)
{
    const model_onnx_node *nodes = f->onnx->nodes.items;
    MW_TRY(take_inputs(f, err));
    for (size_t i = 0; i < f->onnx->nodes.count; i++)
        MW_TRY(fold_node(f, &nodes[i], err));
    MW_TRY(check_outputs(f, err));
    if (f->flow->multiply == 1)
        return MW_OK;
    return refuse(f->flow->multiply_node, "a factor is only read before a sigmoid", err);
}

void model_onnx_flow_init(model_onnx_flow *flow)
{
    *flow = (model_onnx_flow){.multiply = 1,
                              .scale = 1,
                              .columns = {.item_bytes = sizeof(uint32_t)},
                              .labels = {.item_bytes = sizeof(mw_view)}};
}

void model_onnx_flow_done(model_onnx_flow *flow)
{
    model_list_done(&flow->columns);
    model_list_done(&flow->labels);
}

mw_status model_onnx_follow(model_onnx *onnx, model_onnx_flow *flow, mw_error *err)
{
    follower f = {.onnx = onnx,
                  .flow = flow,
                  .values = {.item_bytes = sizeof(value)},
                  .columns = {.item_bytes = sizeof(uint32_t)}};
    mw_status status = follow(&f, err);
    model_list_done(&f.values);
    model_list_done(&f.columns);
    return status;
}
