/* Following values through the graph, from its inputs to its predictions.
 *
 *     inputs --(Cast, Scaler, OneHotEncoder ...)--> columns --ensemble--+--> labels: passed over
 *                                                                       +--> scores
 *     scores --(Add, Sigmoid, Normalizer, ZipMap ...)--> the last output: the predictions
 *
 * Only what the predictions need is looked at. Each operator is a row of the table below: which
 * attributes it may have and how it becomes cells; what is in no row is refused by name. Nodes
 * stand in the order in which they run. */
#include "onnx_flow.h"

#include <math.h>

mw_status model_onnx_refuse(const model_onnx_node *node, const char *why, mw_error *err)
{
    enum { SHOWN = 80 };
    int size = (int)(node->op.size < SHOWN ? node->op.size : SHOWN);
    mw_fail(err, MW_E_MODEL_OPERATOR, "the operator %.*s is not read here", size, node->op.data);
    if (why)
        mw_why(err, "%s", why);
    mw_mend(err, "convert the trees alone, and do this step before or behind the model");
    return model_onnx_at(node, err);
}

mw_status onnx_refuse(onnx_follower *f, const char *why)
{
    return model_onnx_refuse(f->node, why, f->err);
}

uint8_t onnx_kind_of(int64_t type)
{
    switch (type) {
    case MODEL_ONNX_FLOAT:
        return MW_RECIPE_FLOAT32;
    case MODEL_ONNX_DOUBLE:
        return MW_RECIPE_FLOAT64;
    case MODEL_ONNX_BOOL:
        return MW_RECIPE_BOOL;
    case MODEL_ONNX_STRING:
        return MODEL_ONNX_TEXT;
    case MODEL_ONNX_INT32:
    case MODEL_ONNX_INT64:
    case MODEL_ONNX_UINT8:
        return MW_RECIPE_INTEGER;
    default:
        return UINT8_MAX;
    }
}

/* ---- values ---------------------------------------------------------------------------------- */

static mw_view input_name(const onnx_follower *f, size_t i)
{
    return i < f->node->n_inputs ? model_onnx_name(f->onnx, f->node->input + i) : MW_VIEW("");
}

bool onnx_has(const onnx_follower *f, size_t i)
{
    return input_name(f, i).size > 0;
}

static onnx_value *value_of(onnx_follower *f, mw_view name)
{
    uint32_t number = model_onnx_index_put(&f->names, name);
    if (number == UINT32_MAX || !model_list_pad(&f->values, (size_t)number + 1))
        return NULL;
    return (onnx_value *)f->values.items + number;
}

mw_status onnx_room(onnx_follower *f, size_t n, size_t *ret_slot)
{
    /* Cells have a limit; slots, which may name a cell many times, get the same one per value. */
    if (n > MW_LIMIT_FEATURES || f->flow->slots.count > 8 * (size_t)MW_LIMIT_FEATURES)
        return onnx_refuse(f, "it makes too many columns");
    *ret_slot = f->flow->slots.count;
    uint32_t *added = model_list_add(&f->flow->slots, n);
    if (!added)
        return mw_fail_memory(f->err, "the columns of a graph");
    memset(added, 0, n * sizeof *added);
    return MW_OK;
}

mw_status onnx_give(onnx_follower *f, size_t i, onnx_value value)
{
    if (i >= f->node->n_outputs)
        return MW_OK;
    onnx_value *to = value_of(f, model_onnx_name(f->onnx, f->node->output + i));
    if (!to)
        return mw_fail_memory(f->err, "a graph");
    *to = value;
    if (!f->flow->cells.failed)
        return MW_OK;
    return f->flow->cells.full ? onnx_refuse(f, "the graph makes too many numbers of a row")
                               : mw_fail_memory(f->err, "a graph");
}

mw_status onnx_give_cells(onnx_follower *f, uint8_t type, size_t slot, size_t n)
{
    return onnx_give(f, 0, (onnx_value){.kind = ONNX_CELLS, .type = type, .slot = slot, .n = n});
}

/* The features of the input of open width, once an operator says how many there are. */
static mw_status widen(onnx_follower *f, size_t width, onnx_value *value)
{
    size_t slot = 0;
    uint8_t type = value->type;
    if (width == 0 && f->open_width == 0)
        return onnx_refuse(f, "the width of the graph's input is not in the file");
    if (f->open_width == 0) {
        MW_TRY(onnx_room(f, width, &slot));
        for (size_t i = 0; i < width; i++)
            onnx_put(f, slot + i,
                     model_onnx_source_cell(onnx_cells(f), MODEL_ONNX_FEATURE, f->open_type,
                                            (uint32_t)i, 0));
        f->open_slot = slot;
        f->open_width = f->flow->n_features = width;
    }
    MW_TRY(onnx_room(f, f->open_width, &slot));
    *value = (onnx_value){.kind = ONNX_CELLS, .type = type, .slot = slot, .n = f->open_width};
    for (size_t i = 0; i < value->n; i++) {
        uint32_t feature = *model_onnx_slot(f->flow, f->open_slot + i);
        onnx_put(f, slot + i, model_onnx_cast(onnx_cells(f), type, feature));
    }
    return MW_OK;
}

static mw_status take_constant(onnx_follower *f, mw_view tensor, onnx_value *ret_value)
{
    model_list numbers = {.item_bytes = sizeof(double)};
    int64_t type = 0;
    size_t slot = 0;
    mw_status status = model_onnx_tensor(f->onnx, tensor, &numbers, &type, f->err);
    if (status != MW_OK)
        status = model_onnx_at(f->node, f->err);
    else
        status = onnx_room(f, numbers.count, &slot);
    uint8_t kind = onnx_kind_of(type);
    for (size_t i = 0; status == MW_OK && i < numbers.count; i++)
        onnx_put(f, slot + i,
                 model_onnx_constant_cell(onnx_cells(f), kind, ((double *)numbers.items)[i]));
    *ret_value = (onnx_value){
        .kind = ONNX_CELLS, .type = kind, .slot = slot, .n = numbers.count, .constant = true};
    model_list_done(&numbers);
    return status;
}

mw_status onnx_take(onnx_follower *f, size_t i, size_t width, onnx_value *ret_value)
{
    mw_view name = input_name(f, i), tensor;
    onnx_value *value = value_of(f, name);
    if (!value)
        return mw_fail_memory(f->err, "a graph");
    *ret_value = *value;
    if (value->kind == ONNX_UNKNOWN) {
        if (!model_onnx_constant_of(f->onnx, name, &tensor))
            return onnx_refuse(f, "nothing in the graph makes one of its inputs");
        return take_constant(f, tensor, ret_value);
    }
    if (value->kind == ONNX_OPEN)
        return widen(f, width, ret_value);
    if (value->kind == ONNX_CELLS)
        return value->n > 0 ? MW_OK : onnx_refuse(f, "its input has no columns");
    return onnx_refuse(f, value->kind == ONNX_LABELS
                              ? "the predictions depend on labels, not on scores"
                              : "it takes a shape as numbers");
}

uint8_t onnx_type(onnx_follower *f, size_t i)
{
    const onnx_value *value = value_of(f, input_name(f, i));
    return value && value->kind != ONNX_UNKNOWN ? value->type : UINT8_MAX;
}

bool onnx_is_open(onnx_follower *f, size_t i)
{
    const onnx_value *value = value_of(f, input_name(f, i));
    return value && value->kind == ONNX_OPEN;
}

mw_status onnx_constant(onnx_follower *f, size_t i, model_list *doubles)
{
    mw_view tensor;
    int64_t type = 0;
    if (!model_onnx_constant_of(f->onnx, input_name(f, i), &tensor))
        return onnx_refuse(f, "one of its inputs has to be constant, and is not");
    if (model_onnx_tensor(f->onnx, tensor, doubles, &type, f->err) == MW_OK)
        return MW_OK;
    return model_onnx_at(f->node, f->err);
}

/* ---- attributes ------------------------------------------------------------------------------ */

static mw_status find(onnx_follower *f, const char *name, model_onnx_attribute *ret,
                      bool *ret_found)
{
    return model_onnx_find_attribute(f->onnx, f->node, name, ret, ret_found, f->err);
}

mw_status onnx_integer(onnx_follower *f, const char *name, int64_t otherwise, int64_t *ret_value)
{
    model_onnx_attribute attribute;
    bool found = false;
    MW_TRY(find(f, name, &attribute, &found));
    *ret_value = found ? attribute.integer : otherwise;
    return MW_OK;
}

mw_status onnx_number(onnx_follower *f, const char *name, double otherwise, double *ret_value)
{
    model_onnx_attribute attribute;
    bool found = false;
    MW_TRY(find(f, name, &attribute, &found));
    *ret_value = found ? attribute.number : otherwise;
    return MW_OK;
}

mw_status onnx_numbers(onnx_follower *f, const char *name, model_list *doubles, bool *ret_found)
{
    model_onnx_attribute attribute;
    model_list whole = {.item_bytes = sizeof(int64_t)};
    int64_t type = 0;
    MW_TRY(find(f, name, &attribute, ret_found));
    if (!*ret_found)
        return MW_OK;
    MW_TRY(model_onnx_numbers(f->onnx, &attribute, doubles, f->err));
    if (attribute.tensor.size > 0)
        MW_TRY(model_onnx_tensor(f->onnx, attribute.tensor, doubles, &type, f->err));
    mw_status status = model_onnx_integers(f->onnx, &attribute, &whole, f->err);
    double *to = status == MW_OK && whole.count > 0 ? model_list_add(doubles, whole.count) : NULL;
    if (status == MW_OK && whole.count > 0 && !to)
        status = mw_fail_memory(f->err, "an attribute");
    for (size_t i = 0; to && i < whole.count; i++)
        to[i] = (double)((const int64_t *)whole.items)[i];
    model_list_done(&whole);
    return status;
}

mw_status onnx_texts(onnx_follower *f, const char *name, model_list *views)
{
    model_onnx_attribute attribute;
    bool found = false;
    MW_TRY(find(f, name, &attribute, &found));
    return found ? model_onnx_texts(f->onnx, &attribute, views, f->err) : MW_OK;
}

/* The axis of an operator that works on the columns of a matrix. */
static mw_status check_axis(onnx_follower *f, int64_t otherwise)
{
    int64_t axis = 0;
    MW_TRY(onnx_integer(f, "axis", otherwise, &axis));
    return axis == 1 || axis == -1 ? MW_OK : onnx_refuse(f, "it works along an axis of rows");
}

/* ---- operators on numbers -------------------------------------------------------------------- */

static mw_status fold_identity(onnx_follower *f, unsigned code)
{
    onnx_value in;
    (void)code;
    onnx_value *open = value_of(f, input_name(f, 0));
    if (open && open->kind == ONNX_OPEN)
        return onnx_give(f, 0, *open);
    MW_TRY(onnx_take(f, 0, 0, &in));
    return onnx_give(f, 0, in);
}

static mw_status fold_cast(onnx_follower *f, unsigned code)
{
    onnx_value in;
    int64_t to = 0;
    size_t slot = 0;
    (void)code;
    MW_TRY(onnx_integer(f, "to", 0, &to));
    uint8_t kind = onnx_kind_of(to);
    onnx_value *open = value_of(f, input_name(f, 0));
    if (open && open->kind == ONNX_OPEN && kind < MODEL_ONNX_TEXT &&
        (f->open_type == open->type || kind == open->type)) {
        onnx_value made = *open;
        made.type = kind;
        return onnx_give(f, 0, made);
    }
    MW_TRY(onnx_take(f, 0, 0, &in));
    if (kind > MODEL_ONNX_TEXT || (kind == MODEL_ONNX_TEXT) != (in.type == MODEL_ONNX_TEXT))
        return onnx_refuse(f, "numbers may only be cast to numbers");
    size_t n = in.n * (in.stack ? in.stack : 1);
    MW_TRY(onnx_room(f, n, &slot));
    for (size_t i = 0; i < n; i++)
        onnx_put(f, slot + i, model_onnx_cast(onnx_cells(f), kind, onnx_cell(f, &in, i)));
    in.slot = slot;
    in.type = kind;
    return onnx_give(f, 0, in);
}

static mw_status numbers_only(onnx_follower *f, const onnx_value *in)
{
    return in->type < MODEL_ONNX_TEXT ? MW_OK : onnx_refuse(f, "its input is of texts");
}

static mw_status take_numbers(onnx_follower *f, size_t i, size_t width, onnx_value *ret_value)
{
    MW_TRY(onnx_take(f, i, width, ret_value));
    if (ret_value->stack)
        return onnx_refuse(f, "its input is several matrices");
    return numbers_only(f, ret_value);
}

static mw_status fold_one(onnx_follower *f, unsigned op)
{
    onnx_value in;
    size_t slot = 0;
    MW_TRY(take_numbers(f, 0, 0, &in));
    bool truth = op == MW_RECIPE_NOT || op == MW_RECIPE_IS_NAN;
    uint8_t kind = truth ? MW_RECIPE_BOOL : in.type;
    MW_TRY(onnx_room(f, in.n, &slot));
    for (size_t i = 0; i < in.n; i++)
        onnx_put(f, slot + i,
                 model_onnx_one(onnx_cells(f), (mw_recipe_op)op, kind, onnx_cell(f, &in, i)));
    return onnx_give_cells(f, kind, slot, in.n);
}

static mw_status fold_reciprocal(onnx_follower *f, unsigned code)
{
    onnx_value in;
    size_t slot = 0;
    (void)code;
    MW_TRY(take_numbers(f, 0, 0, &in));
    MW_TRY(onnx_room(f, in.n, &slot));
    uint32_t whole = model_onnx_constant_cell(onnx_cells(f), in.type, 1);
    for (size_t i = 0; i < in.n; i++)
        onnx_put(
            f, slot + i,
            model_onnx_two(onnx_cells(f), MW_RECIPE_DIV, in.type, whole, onnx_cell(f, &in, i)));
    return onnx_give_cells(f, in.type, slot, in.n);
}

/* One number stands for every column. */
static mw_status common_width(onnx_follower *f, size_t a, size_t b, size_t *ret_n)
{
    *ret_n = a > b ? a : b;
    if (a == b || ((a == 1 || b == 1) && a > 0 && b > 0))
        return MW_OK;
    return onnx_refuse(f, "its inputs have different numbers of columns");
}

enum { SWAPPED = 64 }; /* a > b is b < a */

static size_t width_of_constant(const onnx_follower *f, size_t i)
{
    mw_view tensor;
    model_list numbers = {.item_bytes = sizeof(double)};
    int64_t type;
    size_t n = 0;
    if (model_onnx_constant_of(f->onnx, input_name(f, i), &tensor) &&
        model_onnx_tensor(f->onnx, tensor, &numbers, &type, f->err) == MW_OK && numbers.count > 1)
        n = numbers.count;
    model_list_done(&numbers);
    return n;
}

static mw_status combine(onnx_follower *f, unsigned op, const onnx_value *a, const onnx_value *b,
                         onnx_value *ret_value)
{
    size_t n = 0, slot = 0;
    bool swapped = op & SWAPPED;
    op &= ~(unsigned)SWAPPED;
    MW_TRY(common_width(f, a->n, b->n, &n));
    MW_TRY(onnx_room(f, n, &slot));
    bool truth = op >= MW_RECIPE_EQUAL && op <= MW_RECIPE_OR;
    uint8_t kind = truth ? MW_RECIPE_BOOL : a->type;
    for (size_t i = 0; i < n; i++) {
        uint32_t x = onnx_cell(f, a, i), y = onnx_cell(f, b, i);
        double number = 0;
        bool keeps = (op == MW_RECIPE_MUL || op == MW_RECIPE_DIV) &&
                     model_onnx_is_constant(onnx_cells(f), y, &number) && number == 1;
        onnx_put(f, slot + i,
                 keeps ? x
                       : model_onnx_two(onnx_cells(f), (mw_recipe_op)op, kind, swapped ? y : x,
                                        swapped ? x : y));
    }
    *ret_value = (onnx_value){.kind = ONNX_CELLS,
                              .type = kind,
                              .slot = slot,
                              .n = n,
                              .constant = a->constant && b->constant};
    return MW_OK;
}

/* A constant float or double beside the other one counts as what it stands beside. */
static mw_status agree(onnx_follower *f, onnx_value *constant, uint8_t type)
{
    size_t slot = 0;
    bool floats = constant->type < MW_RECIPE_INTEGER && type < MW_RECIPE_INTEGER;
    if (!constant->constant || constant->type == type || !floats)
        return MW_OK;
    MW_TRY(onnx_room(f, constant->n, &slot));
    for (size_t i = 0; i < constant->n; i++)
        onnx_put(f, slot + i, model_onnx_cast(onnx_cells(f), type, onnx_cell(f, constant, i)));
    constant->slot = slot;
    constant->type = type;
    return MW_OK;
}

static mw_status fold_two(onnx_follower *f, unsigned op)
{
    onnx_value a, b;
    bool done = false;
    if (op == MW_RECIPE_ADD)
        MW_TRY(onnx_add_intercepts(f, &done));
    if (done)
        return MW_OK;
    MW_TRY(take_numbers(f, 0, width_of_constant(f, 1), &a));
    MW_TRY(take_numbers(f, 1, width_of_constant(f, 0), &b));
    MW_TRY(agree(f, &a, b.type));
    MW_TRY(agree(f, &b, a.type));
    if (a.type != b.type && op != MW_RECIPE_POW)
        return onnx_refuse(f, "its inputs are of two types");
    MW_TRY(combine(f, op, &a, &b, &a));
    return onnx_give(f, 0, a);
}

/* Max, Min, Sum and Mean of any number of inputs, one after another. */
static mw_status fold_many(onnx_follower *f, unsigned op)
{
    onnx_value sum, next;
    bool mean = op == MW_RECIPE_OPS;
    MW_TRY(take_numbers(f, 0, width_of_constant(f, 1), &sum));
    for (size_t i = 1; i < f->node->n_inputs; i++) {
        MW_TRY(take_numbers(f, i, 0, &next));
        MW_TRY(combine(f, mean ? MW_RECIPE_ADD : op, &sum, &next, &sum));
    }
    if (!mean)
        return onnx_give(f, 0, sum);
    size_t slot = 0;
    MW_TRY(onnx_room(f, 1, &slot));
    double n = (double)f->node->n_inputs;
    onnx_put(f, slot, model_onnx_constant_cell(onnx_cells(f), sum.type, n));
    next = (onnx_value){.kind = ONNX_CELLS, .type = sum.type, .slot = slot, .n = 1};
    MW_TRY(combine(f, MW_RECIPE_DIV, &sum, &next, &sum));
    return onnx_give(f, 0, sum);
}

static mw_status fold_where(onnx_follower *f, unsigned code)
{
    onnx_value in[3];
    size_t n = 1, slot = 0;
    (void)code;
    for (size_t i = 0; i < MW_COUNT(in); i++) {
        MW_TRY(take_numbers(f, i, 0, &in[i]));
        MW_TRY(common_width(f, n, in[i].n, &n));
    }
    MW_TRY(onnx_room(f, n, &slot));
    for (size_t i = 0; i < n; i++)
        onnx_put(f, slot + i,
                 model_onnx_where(onnx_cells(f), onnx_cell(f, &in[0], i), onnx_cell(f, &in[1], i),
                                  onnx_cell(f, &in[2], i)));
    return onnx_give_cells(f, in[1].type, slot, n);
}

/* Bounds are inputs, before opset 11 attributes. */
static mw_status fold_clip(onnx_follower *f, unsigned code)
{
    static const char *const names[] = {"min", "max"};
    onnx_value in, bound;
    (void)code;
    MW_TRY(take_numbers(f, 0, 0, &in));
    for (unsigned i = 0; i < MW_COUNT(names); i++) {
        double number = NAN;
        MW_TRY(onnx_number(f, names[i], (double)NAN, &number));
        if (onnx_has(f, i + 1)) {
            MW_TRY(take_numbers(f, i + 1, 0, &bound));
        } else if (!isnan(number)) {
            bound = (onnx_value){.kind = ONNX_CELLS, .type = in.type, .n = 1};
            MW_TRY(onnx_room(f, 1, &bound.slot));
            onnx_put(f, bound.slot, model_onnx_constant_cell(onnx_cells(f), in.type, number));
        } else {
            continue;
        }
        if (bound.n != 1)
            return onnx_refuse(f, "its bounds are not single numbers");
        MW_TRY(combine(f, i == 0 ? MW_RECIPE_MAX : MW_RECIPE_MIN, &in, &bound, &in));
    }
    return onnx_give(f, 0, in);
}

/* ---- operators along the columns ------------------------------------------------------------- */

/* Axes are an attribute, since opset 13 or 18 an input. */
static mw_status reduce_axis(onnx_follower *f, int64_t *ret_axis)
{
    model_list axes = {.item_bytes = sizeof(double)};
    bool found = false;
    mw_status status = onnx_numbers(f, "axes", &axes, &found);
    if (status == MW_OK && !found && onnx_has(f, 1))
        status = onnx_constant(f, 1, &axes);
    *ret_axis = axes.count == 1 ? (int64_t) * (const double *)axes.items : -2;
    model_list_done(&axes);
    return status;
}

/* Whatever lies on one another, number by number; or the columns of a row. */
static mw_status fold_reduce(onnx_follower *f, unsigned op)
{
    onnx_value in;
    int64_t axis = 0;
    size_t slot = 0;
    bool mean = op == MW_RECIPE_OPS;
    MW_TRY(reduce_axis(f, &axis));
    MW_TRY(onnx_take(f, 0, 0, &in));
    MW_TRY(numbers_only(f, &in));
    bool rows = in.stack > 0 && axis == 0;
    if (!rows && (in.stack > 0 || (axis != 1 && axis != -1)))
        return onnx_refuse(f, "it works along an axis of rows");
    size_t n = rows ? in.n : 1, many = rows ? in.stack : in.n, stride = rows ? in.n : 1;
    MW_TRY(onnx_room(f, n, &slot));
    uint32_t count = model_onnx_constant_cell(onnx_cells(f), in.type, (double)many);
    for (size_t i = 0; i < n; i++) {
        uint32_t sum = onnx_cell(f, &in, i);
        for (size_t k = 1; k < many; k++)
            sum = model_onnx_two(onnx_cells(f), mean ? MW_RECIPE_ADD : (mw_recipe_op)op, in.type,
                                 sum, onnx_cell(f, &in, k * stride + i));
        if (mean)
            sum = model_onnx_two(onnx_cells(f), MW_RECIPE_DIV, in.type, sum, count);
        onnx_put(f, slot + i, sum);
    }
    return onnx_give_cells(f, in.type, slot, n);
}

/* Where the largest (smallest) number of a row stands; of equal ones the first. */
static mw_status fold_arg(onnx_follower *f, unsigned smallest)
{
    onnx_value in;
    int64_t last = 0;
    size_t slot = 0;
    MW_TRY(check_axis(f, 0));
    MW_TRY(onnx_integer(f, "select_last_index", 0, &last));
    MW_TRY(take_numbers(f, 0, 0, &in));
    if (last != 0)
        return onnx_refuse(f, "it takes the last one of equal numbers");
    MW_TRY(onnx_room(f, 1, &slot));
    model_onnx_cells *cells = onnx_cells(f);
    uint32_t best = onnx_cell(f, &in, 0);
    uint32_t place = model_onnx_constant_cell(cells, MW_RECIPE_INTEGER, 0);
    for (size_t i = 1; i < in.n; i++) {
        uint32_t next = onnx_cell(f, &in, i);
        uint32_t better = smallest
                              ? model_onnx_two(cells, MW_RECIPE_LESS, MW_RECIPE_BOOL, next, best)
                              : model_onnx_two(cells, MW_RECIPE_LESS, MW_RECIPE_BOOL, best, next);
        uint32_t here = model_onnx_constant_cell(cells, MW_RECIPE_INTEGER, (double)i);
        place = model_onnx_where(cells, better, here, place);
        best = model_onnx_where(cells, better, next, best);
    }
    onnx_put(f, slot, place);
    return onnx_give_cells(f, MW_RECIPE_INTEGER, slot, 1);
}

void onnx_softmax_cells(model_onnx_cells *cells, const uint32_t *from, size_t n, uint8_t kind,
                        uint32_t *to)
{
    uint32_t largest = from[0];
    for (size_t i = 1; i < n; i++)
        largest = model_onnx_two(cells, MW_RECIPE_MAX, kind, largest, from[i]);
    for (size_t i = 0; i < n; i++) {
        uint32_t distance = model_onnx_two(cells, MW_RECIPE_SUB, kind, from[i], largest);
        to[i] = model_onnx_one(cells, MW_RECIPE_EXP, kind, distance);
    }
    uint32_t sum = to[0];
    for (size_t i = 1; i < n; i++)
        sum = model_onnx_two(cells, MW_RECIPE_ADD, kind, sum, to[i]);
    for (size_t i = 0; i < n; i++)
        to[i] = model_onnx_two(cells, MW_RECIPE_DIV, kind, to[i], sum);
}

static mw_status fold_softmax(onnx_follower *f, unsigned code)
{
    onnx_value in;
    size_t slot = 0;
    (void)code;
    MW_TRY(check_axis(f, -1));
    MW_TRY(take_numbers(f, 0, 0, &in));
    MW_TRY(onnx_room(f, in.n, &slot));
    if (in.n > 0)
        onnx_softmax_cells(onnx_cells(f), model_onnx_slot(f->flow, in.slot), in.n, in.type,
                           model_onnx_slot(f->flow, slot));
    return onnx_give_cells(f, in.type, slot, in.n);
}

/* ---- operators on shapes --------------------------------------------------------------------- */

/* Matrices one upon another: how BaggingClassifier adds its trees up. */
static mw_status concat_stack(onnx_follower *f)
{
    onnx_value made = {.kind = ONNX_CELLS}, next;
    size_t slot = 0, total = 0;
    for (unsigned pass = 0; pass < 2; pass++) {
        size_t at = 0;
        for (size_t i = 0; i < f->node->n_inputs; i++) {
            MW_TRY(onnx_take(f, i, 0, &next));
            if (next.stack == 0 || (i > 0 && (next.n != made.n || next.type != made.type)))
                return onnx_refuse(f, "only columns may be put side by side (axis 1)");
            made.n = next.n;
            made.type = next.type;
            for (size_t k = 0; pass == 1 && k < next.n * next.stack; k++)
                onnx_put(f, slot + at + k, *model_onnx_slot(f->flow, next.slot + k));
            at += next.n * next.stack;
        }
        total = at;
        if (pass == 0)
            MW_TRY(onnx_room(f, total, &slot));
    }
    made.slot = slot;
    made.stack = made.n > 0 ? total / made.n : 0;
    return onnx_give(f, 0, made);
}

/* Columns of all inputs, one after another; constants among them are columns, too. */
static mw_status fold_concat(onnx_follower *f, unsigned code)
{
    onnx_value next;
    int64_t axis = 0;
    size_t first = 0, n = 0;
    uint8_t type = 0;
    (void)code;
    MW_TRY(onnx_integer(f, "axis", 0, &axis));
    if (axis == 0)
        return concat_stack(f);
    if (axis != 1 && axis != -1)
        return onnx_refuse(f, "only columns may be put side by side (axis 1)");
    model_list columns = {.item_bytes = sizeof(uint32_t)};
    mw_status status = MW_OK;
    for (size_t i = 0; status == MW_OK && i < f->node->n_inputs; i++) {
        status = onnx_take(f, i, 0, &next);
        if (status == MW_OK && (next.stack > 0 || (i > 0 && next.type != type)))
            status = onnx_refuse(f, "its inputs are not columns of one type");
        if (status == MW_OK && columns.count + next.n > MW_LIMIT_FEATURES)
            status = onnx_refuse(f, "it makes too many columns");
        if (status != MW_OK || next.n == 0)
            continue;
        type = next.type;
        uint32_t *to = model_list_add(&columns, next.n);
        if (to)
            memcpy(to, model_onnx_slot(f->flow, next.slot), next.n * sizeof *to);
        else
            status = mw_fail_memory(f->err, "the columns of a graph");
    }
    n = columns.count;
    if (status == MW_OK)
        status = onnx_room(f, n, &first);
    if (status == MW_OK && n > 0)
        memcpy(model_onnx_slot(f->flow, first), columns.items, n * sizeof(uint32_t));
    model_list_done(&columns);
    return status == MW_OK ? onnx_give_cells(f, type, first, n) : status;
}

/* Gather along axis 1, and ArrayFeatureExtractor, with constant indexes. */
static mw_status fold_gather(onnx_follower *f, unsigned extractor)
{
    model_list picks = {.item_bytes = sizeof(double)};
    onnx_value in = {0};
    size_t slot = 0, least = 0;
    int64_t axis = 1;
    if (!extractor)
        MW_TRY(onnx_integer(f, "axis", 0, &axis));
    if (axis != 1 && axis != -1)
        return onnx_refuse(f, "columns may only be picked along axis 1");
    mw_status status = onnx_constant(f, 1, &picks);
    const double *pick = picks.items;
    for (size_t i = 0; status == MW_OK && i < picks.count; i++)
        if (pick[i] >= (double)least && pick[i] < MW_LIMIT_FEATURES)
            least = (size_t)pick[i] + 1;
    if (status == MW_OK)
        status = onnx_take(f, 0, least, &in);
    if (status == MW_OK && in.stack > 0)
        status = onnx_refuse(f, "its input is several matrices");
    if (status == MW_OK)
        status = onnx_room(f, picks.count, &slot);
    for (size_t i = 0; status == MW_OK && i < picks.count; i++) {
        double index = pick[i] < 0 ? pick[i] + (double)in.n : pick[i];
        if (index >= 0 && index < (double)in.n)
            onnx_put(f, slot + i, *model_onnx_slot(f->flow, in.slot + (size_t)index));
        else
            status = onnx_refuse(f, "it picks a column that is not there");
    }
    size_t n = picks.count;
    model_list_done(&picks);
    return status == MW_OK ? onnx_give_cells(f, in.type, slot, n) : status;
}

static double bound_of(const model_list *list, size_t i, double otherwise)
{
    return i < list->count ? ((const double *)list->items)[i] : otherwise;
}

/* Columns from .. to of axis 1, given as inputs. */
static mw_status fold_slice(onnx_follower *f, unsigned code)
{
    model_list part[4]; /* starts, ends, axes, steps */
    onnx_value in = {0};
    mw_status status = MW_OK;
    (void)code;
    for (size_t i = 0; i < MW_COUNT(part); i++) {
        part[i] = (model_list){.item_bytes = sizeof(double)};
        if (status == MW_OK && onnx_has(f, i + 1))
            status = onnx_constant(f, i + 1, &part[i]);
    }
    double from = bound_of(&part[0], 0, 0), to = bound_of(&part[1], 0, 0);
    bool plain = part[0].count == 1 && part[1].count == 1 && fabs(bound_of(&part[2], 0, 0)) == 1 &&
                 bound_of(&part[3], 0, 1) == 1;
    for (size_t i = 0; i < MW_COUNT(part); i++)
        model_list_done(&part[i]);
    if (status == MW_OK && !plain)
        status = onnx_refuse(f, "only columns one after another may be cut out");
    MW_TRY(status);
    MW_TRY(onnx_take(f, 0, 0, &in));
    double n = (double)in.n;
    from = fmin(fmax(from < 0 ? from + n : from, 0), n);
    to = fmin(fmax(to < 0 ? to + n : to, from), n);
    if (in.stack > 0)
        return onnx_refuse(f, "its input is several matrices");
    in.slot += (size_t)from;
    in.n = (size_t)(to - from);
    return onnx_give(f, 0, in);
}

/* A row may become a column or the other way round, as long as rows do not mix: [-1], [-1, 3]; and
 * [1, -1, 3] is a matrix that others will lie upon. */
static mw_status fold_reshape(onnx_follower *f, unsigned code)
{
    model_list shape = {.item_bytes = sizeof(double)};
    onnx_value in;
    (void)code;
    MW_TRY(onnx_take(f, 0, 0, &in));
    mw_status status = onnx_constant(f, 1, &shape);
    const double *sizes = shape.items;
    size_t n = shape.count, row = n > 0 && sizes[0] == 1 && n == 3 ? 1 : 0;
    double product = 1;
    for (size_t i = row + 1; i < n; i++)
        product *= sizes[i] == -1 && row == 0 && sizes[0] == 0 ? (double)in.n : sizes[i];
    bool rows_stay = n > row && (sizes[row] == -1 || (sizes[row] == 0 && row == 0));
    model_list_done(&shape);
    MW_TRY(status);
    if (!rows_stay || product != (double)in.n || in.stack > 0)
        return onnx_refuse(f, "its shape mixes rows");
    in.stack = row;
    return onnx_give(f, 0, in);
}

/* Only a single number a row has a dimension to lose; Flatten and Unsqueeze lose none. */
static mw_status fold_squeeze(onnx_follower *f, unsigned squeeze)
{
    onnx_value in;
    MW_TRY(onnx_take(f, 0, 0, &in));
    if (in.stack > 0 || (squeeze && in.n != 1))
        return onnx_refuse(f, "its shape mixes rows");
    return onnx_give(f, 0, in);
}

static mw_status fold_flatten(onnx_follower *f, unsigned code)
{
    MW_TRY(check_axis(f, 1));
    return fold_squeeze(f, code);
}

static mw_status fold_shape(onnx_follower *f, unsigned code)
{
    onnx_value in;
    (void)code;
    MW_TRY(onnx_take(f, 0, 0, &in));
    in.kind = ONNX_SHAPE;
    return in.stack > 0 ? onnx_refuse(f, "its input is several matrices") : onnx_give(f, 0, in);
}

/* As many numbers as a row of the shape has. */
static mw_status fold_filled(onnx_follower *f, unsigned code)
{
    model_onnx_attribute value;
    model_list numbers = {.item_bytes = sizeof(double)};
    bool found = false;
    int64_t type = MODEL_ONNX_FLOAT;
    size_t slot = 0;
    (void)code;
    const onnx_value *shape = value_of(f, input_name(f, 0));
    if (!shape || shape->kind != ONNX_SHAPE)
        return onnx_refuse(f, "its shape is not that of a matrix in the graph");
    size_t n = shape->n;
    MW_TRY(find(f, "value", &value, &found));
    mw_status status =
        found ? model_onnx_tensor(f->onnx, value.tensor, &numbers, &type, f->err) : MW_OK;
    double number = numbers.count > 0 ? *(const double *)numbers.items : 0;
    model_list_done(&numbers);
    MW_TRY(status);
    if (onnx_kind_of(type) >= MODEL_ONNX_TEXT)
        return onnx_refuse(f, "its value is no number");
    MW_TRY(onnx_room(f, n, &slot));
    for (size_t i = 0; i < n; i++)
        onnx_put(f, slot + i, model_onnx_constant_cell(onnx_cells(f), onnx_kind_of(type), number));
    return onnx_give_cells(f, onnx_kind_of(type), slot, n);
}

/* ---- the table ------------------------------------------------------------------------------- */

#define ML "ai.onnx.ml"
#define ANY "*" /* the operator looks at its attributes itself */

static const struct fold_row {
    const char *domain, *op, *attributes;
    onnx_operator fold;
    unsigned code;
} fold_rows[] = {
    {"", "Identity", "", fold_identity, 0},
    {"", "Cast", "to saturate", fold_cast, 0},
    {"", "Add", "", fold_two, MW_RECIPE_ADD},
    {"", "Sub", "", fold_two, MW_RECIPE_SUB},
    {"", "Mul", "", fold_two, MW_RECIPE_MUL},
    {"", "Div", "", fold_two, MW_RECIPE_DIV},
    {"", "Pow", "", fold_two, MW_RECIPE_POW},
    {"", "Equal", "", fold_two, MW_RECIPE_EQUAL},
    {"", "Less", "", fold_two, MW_RECIPE_LESS},
    {"", "LessOrEqual", "", fold_two, MW_RECIPE_LESS_EQUAL},
    {"", "Greater", "", fold_two, MW_RECIPE_LESS | SWAPPED},
    {"", "GreaterOrEqual", "", fold_two, MW_RECIPE_LESS_EQUAL | SWAPPED},
    {"", "And", "", fold_two, MW_RECIPE_AND},
    {"", "Or", "", fold_two, MW_RECIPE_OR},
    {"", "Max", "", fold_many, MW_RECIPE_MAX},
    {"", "Min", "", fold_many, MW_RECIPE_MIN},
    {"", "Sum", "", fold_many, MW_RECIPE_ADD},
    {"", "Mean", "", fold_many, MW_RECIPE_OPS},
    {"", "Not", "", fold_one, MW_RECIPE_NOT},
    {"", "IsNaN", "", fold_one, MW_RECIPE_IS_NAN},
    {"", "Neg", "", fold_one, MW_RECIPE_NEG},
    {"", "Abs", "", fold_one, MW_RECIPE_ABS},
    {"", "Sqrt", "", fold_one, MW_RECIPE_SQRT},
    {"", "Exp", "", fold_one, MW_RECIPE_EXP},
    {"", "Log", "", fold_one, MW_RECIPE_LOG},
    {"", "Floor", "", fold_one, MW_RECIPE_FLOOR},
    {"", "Sigmoid", "", fold_one, MW_RECIPE_SIGMOID},
    {"", "Reciprocal", "", fold_reciprocal, 0},
    {"", "Where", "", fold_where, 0},
    {"", "Clip", "min max", fold_clip, 0},
    {"", "ReduceSum", "axes keepdims noop_with_empty_axes", fold_reduce, MW_RECIPE_ADD},
    {"", "ReduceProd", "axes keepdims noop_with_empty_axes", fold_reduce, MW_RECIPE_MUL},
    {"", "ReduceMean", "axes keepdims noop_with_empty_axes", fold_reduce, MW_RECIPE_OPS},
    {"", "ReduceMax", "axes keepdims noop_with_empty_axes", fold_reduce, MW_RECIPE_MAX},
    {"", "ReduceMin", "axes keepdims noop_with_empty_axes", fold_reduce, MW_RECIPE_MIN},
    {"", "ArgMax", "axis keepdims select_last_index", fold_arg, 0},
    {"", "ArgMin", "axis keepdims select_last_index", fold_arg, 1},
    {"", "LpNormalization", "axis p", onnx_lp_norm, 0},
    {"", "Softmax", "axis", fold_softmax, 0},
    {"", "Concat", "axis", fold_concat, 0},
    {"", "Gather", "axis", fold_gather, 0},
    {"", "Slice", "", fold_slice, 0},
    {"", "Reshape", "allowzero", fold_reshape, 0},
    {"", "Squeeze", "axes", fold_squeeze, 1},
    {"", "Unsqueeze", "axes", fold_squeeze, 0},
    {"", "Flatten", "axis", fold_flatten, 0},
    {"", "Shape", "", fold_shape, 0},
    {"", "ConstantOfShape", "value", fold_filled, 0},
    {"", "MatMul", "", onnx_product, 0},
    {"", "Gemm", "alpha beta transA transB", onnx_product, 1},
    {ML, "ArrayFeatureExtractor", "", fold_gather, 1},
    {ML, "Scaler", "offset scale", onnx_scaler, 0},
    {ML, "Imputer",
     "imputed_value_floats imputed_value_int64s replaced_value_float replaced_value_int64",
     onnx_imputer, 0},
    {ML, "Normalizer", "norm", onnx_normalizer, 0},
    {ML, "Binarizer", "threshold", onnx_binarizer, 0},
    {ML, "OneHotEncoder", "cats_int64s cats_strings zeros", onnx_one_hot, 0},
    {ML, "LabelEncoder",
     "keys_floats keys_int64s keys_strings keys_tensor values_floats values_int64s values_strings "
     "values_tensor default_float default_int64 default_string default_tensor",
     onnx_label_encoder, 0},
    {ML, "FeatureVectorizer", "inputdimensions", onnx_vectorizer, 0},
    {ML, "ZipMap", "classlabels_int64s classlabels_strings", onnx_zip_map, 0},
    {ML, "LinearRegressor", "coefficients intercepts post_transform targets", onnx_linear, 0},
    {ML, "LinearClassifier",
     "coefficients intercepts post_transform multi_class classlabels_ints classlabels_strings",
     onnx_linear, 1},
    {ML, "TreeEnsembleClassifier", ANY, onnx_ensemble, 0},
    {ML, "TreeEnsembleRegressor", ANY, onnx_ensemble, 0},
    {ML, "TreeEnsemble", ANY, onnx_ensemble, 0},
};

/* Is `name` one of the words of `list`? */
static bool is_listed(const char *list, mw_view name)
{
    for (const char *at = list; *at;) {
        size_t size = strcspn(at, " ");
        if (mw_view_equal((mw_view){at, size}, name))
            return true;
        at += size + (at[size] == ' ');
    }
    return false;
}

static mw_status check_attributes(onnx_follower *f, const char *allowed)
{
    enum { SHOWN = 40 };
    model_wire wire = model_wire_inside(&f->onnx->file, f->node->body);
    model_onnx_attribute attribute;
    bool more = false;
    if (allowed[0] == ANY[0])
        return MW_OK;
    for (;;) {
        MW_TRY(model_onnx_next_attribute(&wire, &attribute, &more, f->err));
        if (!more)
            return MW_OK;
        if (is_listed(allowed, attribute.name))
            continue;
        char why[2 * SHOWN];
        int size = (int)(attribute.name.size < SHOWN ? attribute.name.size : SHOWN);
        snprintf(why, sizeof why, "its attribute '%.*s' is unknown here", size,
                 attribute.name.data);
        return onnx_refuse(f, why);
    }
}

/* What is made of labels are labels, whatever it is. */
static bool takes_labels(onnx_follower *f)
{
    for (size_t i = 0; i < f->node->n_inputs; i++) {
        const onnx_value *in = value_of(f, input_name(f, i));
        if (in && in->kind == ONNX_LABELS)
            return true;
    }
    return false;
}

static mw_status fold_node(onnx_follower *f, const model_onnx_node *node)
{
    f->node = node;
    if (model_onnx_is(node, "", "Constant"))
        return MW_OK;
    if (takes_labels(f))
        return onnx_give(f, 0, (onnx_value){.kind = ONNX_LABELS});
    for (size_t i = 0; i < MW_COUNT(fold_rows); i++) {
        const struct fold_row *row = &fold_rows[i];
        if (!model_onnx_is(node, row->domain, row->op))
            continue;
        MW_TRY(check_attributes(f, row->attributes));
        return row->fold(f, row->code);
    }
    return onnx_refuse(f, f->flow->parts.count > 0 ? NULL : "it stands before the trees");
}

bool model_onnx_is_read(const model_onnx_node *node)
{
    if (model_onnx_is(node, "", "Constant"))
        return true;
    for (size_t i = 0; i < MW_COUNT(fold_rows); i++)
        if (model_onnx_is(node, fold_rows[i].domain, fold_rows[i].op))
            return true;
    return false;
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static mw_status refuse_input(const model_onnx_input *input, const char *why, const char *mend,
                              mw_error *err)
{
    enum { SHOWN = 80 };
    mw_fail(err, MW_E_MODEL_OPERATOR, "%s", why);
    mw_mend(err, "%s", mend);
    return mw_at(err, "input '%.*s'", (int)(input->name.size < SHOWN ? input->name.size : SHOWN),
                 input->name.data);
}

static mw_status too_many_columns(size_t most, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_LIMIT, "the inputs have more than %zu columns",
            most < MW_LIMIT_FEATURES ? most : (size_t)MW_LIMIT_FEATURES);
    return mw_mend(err, "convert the model again; this file was damaged or edited by hand");
}

static mw_status take_input(onnx_follower *f, const model_onnx_input *input, bool only)
{
    model_onnx_flow *flow = f->flow;
    onnx_value *value = value_of(f, input->name);
    uint8_t kind = onnx_kind_of(input->type);
    bool open = input->rank != 1 && input->last_dim < 0;
    size_t n = input->rank == 1 ? 1 : open ? 0 : (size_t)input->last_dim, slot = 0;
    if (!value)
        return mw_fail_memory(f->err, "a graph");
    if (kind == UINT8_MAX)
        return refuse_input(input, "this input is not a tensor of numbers or texts",
                            "convert the model with float, int64 or string inputs", f->err);
    if (open && (!only || kind == MODEL_ONNX_TEXT))
        return refuse_input(input, "the width of this input is not in the file",
                            "convert with a fixed number of columns for each input", f->err);
    size_t most = f->onnx->build.forest->file_bytes + 65536;
    if (n > MW_LIMIT_FEATURES || flow->n_features + n > most)
        return too_many_columns(most, f->err);
    f->open_type = kind;
    *value = (onnx_value){.kind = open ? ONNX_OPEN : ONNX_CELLS, .type = kind, .n = n};
    if (n == 0)
        return MW_OK;
    uint32_t *slots = model_list_add(&flow->slots, n);
    slot = flow->slots.count - n;
    if (!slots)
        return mw_fail_memory(f->err, "the columns of a graph");
    value->slot = slot;
    for (size_t i = 0; i < n; i++)
        slots[i] = model_onnx_source_cell(&flow->cells, MODEL_ONNX_FEATURE, kind,
                                          (uint32_t)(flow->n_features + i), 0);
    flow->n_features += n;
    if (!flow->cells.failed)
        return MW_OK;
    return flow->cells.full ? too_many_columns(flow->cells.cells.count, f->err)
                            : mw_fail_memory(f->err, "a graph");
}

static mw_status take_inputs(onnx_follower *f)
{
    const model_onnx_input *inputs = f->onnx->inputs.items;
    for (size_t i = 0; i < f->onnx->inputs.count; i++)
        if (!inputs[i].is_constant)
            MW_TRY(take_input(f, &inputs[i], f->onnx->n_real_inputs == 1));
    return MW_OK;
}

/* ---- what the predictions need --------------------------------------------------------------- */

static mw_status set_needed(onnx_follower *f, mw_view name)
{
    uint32_t number = model_onnx_index_put(&f->names, name);
    if (number == UINT32_MAX || !model_list_pad(&f->needed, (size_t)number + 1))
        return mw_fail_memory(f->err, "a graph");
    ((bool *)f->needed.items)[number] = true;
    return MW_OK;
}

static bool is_needed(const onnx_follower *f, const model_onnx_node *node)
{
    for (size_t i = 0; i < node->n_outputs; i++) {
        uint32_t number =
            model_onnx_index_find(&f->names, model_onnx_name(f->onnx, node->output + i));
        if (number < f->needed.count && ((const bool *)f->needed.items)[number])
            return true;
    }
    return false;
}

static mw_status mark_needed(onnx_follower *f, mw_view output)
{
    const model_onnx_node *nodes = f->onnx->nodes.items;
    MW_TRY(set_needed(f, output));
    for (size_t i = f->onnx->nodes.count; i-- > 0;)
        for (size_t k = 0; is_needed(f, &nodes[i]) && k < nodes[i].n_inputs; k++)
            MW_TRY(set_needed(f, model_onnx_name(f->onnx, nodes[i].input + k)));
    return MW_OK;
}

bool onnx_is_read_once(const onnx_follower *f, mw_view name)
{
    const mw_view *names = f->onnx->names.items, *outputs = f->onnx->outputs.items;
    size_t n = 0;
    for (size_t i = 0; i < f->onnx->names.count; i++)
        n += mw_view_equal(names[i], name);
    for (size_t i = 0; i < f->onnx->outputs.count; i++)
        n += mw_view_equal(outputs[i], name);
    return n == 2; /* where it is made, and where it is read */
}

static mw_status follow_to(onnx_follower *f, mw_view output, onnx_value *ret_value)
{
    const model_onnx_node *nodes = f->onnx->nodes.items;
    MW_TRY(take_inputs(f));
    MW_TRY(mark_needed(f, output));
    for (size_t i = 0; i < f->onnx->nodes.count; i++)
        if (is_needed(f, &nodes[i]))
            MW_TRY(fold_node(f, &nodes[i]));
    const onnx_value *found = value_of(f, output);
    *ret_value = found ? *found : (onnx_value){0};
    return MW_OK;
}

static mw_status fail_outputs(const model_onnx *onnx, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_OPERATOR, "no output of the graph is the scores of its trees");
    mw_why(err, "TreeEnsembleClassifier, TreeEnsembleRegressor, TreeEnsemble, LinearClassifier and "
                "LinearRegressor make scores");
    mw_mend(err, "convert the model alone; other ONNX models need ONNX Runtime itself");
    if (onnx->nodes.count == 0)
        return MW_UNSUPPORTED;
    return model_onnx_at((const model_onnx_node *)onnx->nodes.items + onnx->nodes.count - 1, err);
}

/* Is one of the predictions made of scores? */
static bool has_scores(const onnx_follower *f, const onnx_value *value)
{
    if (value->kind != ONNX_CELLS || value->n == 0 || value->stack > 0 ||
        value->type >= MODEL_ONNX_TEXT)
        return false;
    for (size_t i = 0; i < value->n; i++) {
        uint32_t cell = *model_onnx_slot(f->flow, value->slot + i);
        if (model_onnx_cell_at(&f->flow->cells, cell)->part != MODEL_ONNX_NOTHING)
            return true;
    }
    return false;
}

static void follower_init(onnx_follower *f, model_onnx *onnx, model_onnx_flow *flow, mw_error *err)
{
    *f = (onnx_follower){.onnx = onnx,
                         .flow = flow,
                         .values = {.item_bytes = sizeof(onnx_value)},
                         .needed = {.item_bytes = sizeof(bool)},
                         .err = err};
    model_onnx_index_init(&f->names);
}

static void follower_done(onnx_follower *f)
{
    model_onnx_index_done(&f->names);
    model_list_done(&f->values);
    model_list_done(&f->needed);
}

/* *ret_found: this output is made of scores; or, where `labels` do, says as much as they. */
static mw_status try_output(model_onnx *onnx, model_onnx_flow *flow, mw_view output, bool labels,
                            bool *ret_found, mw_error *err)
{
    onnx_follower f;
    onnx_value value;
    follower_init(&f, onnx, flow, err);
    mw_status status = follow_to(&f, output, &value);
    *ret_found = status == MW_OK && has_scores(&f, &value);
    if (*ret_found) {
        flow->output = value.slot;
        flow->n_outputs = value.n;
    } else if (status == MW_OK && labels && value.kind == ONNX_LABELS && flow->parts.count == 1) {
        const model_onnx_part *part = model_onnx_part_at(flow, 0);
        status = onnx_room(&f, part->trees.n_outputs, &flow->output);
        flow->n_outputs = part->trees.n_outputs;
        for (size_t i = 0; status == MW_OK && i < flow->n_outputs; i++)
            onnx_put(&f, flow->output + i, part->score + (uint32_t)i);
        *ret_found = status == MW_OK;
    }
    follower_done(&f);
    return status;
}

mw_status model_onnx_follow(model_onnx *onnx, model_onnx_flow *flow, mw_error *err)
{
    const mw_view *outputs = onnx->outputs.items;
    size_t n = onnx->outputs.count;
    bool found = false;
    /* the last output first: converters write scores behind labels */
    for (size_t i = 2 * n; i-- > 0;) {
        MW_TRY(try_output(onnx, flow, outputs[i % n], i < n, &found, err));
        if (found)
            return MW_OK;
        model_onnx_flow_done(flow);
        model_onnx_flow_init(flow);
    }
    return fail_outputs(onnx, err);
}

void model_onnx_flow_init(model_onnx_flow *flow)
{
    *flow = (model_onnx_flow){.slots = {.item_bytes = sizeof(uint32_t)},
                              .parts = {.item_bytes = sizeof(model_onnx_part)},
                              .extra = {.item_bytes = sizeof(uint32_t)},
                              .labels = {.item_bytes = sizeof(mw_view)}};
    model_onnx_cells_init(&flow->cells);
}

void model_onnx_flow_done(model_onnx_flow *flow)
{
    for (size_t i = 0; i < flow->parts.count; i++) {
        model_onnx_trees_done(&model_onnx_part_at(flow, i)->trees);
        model_list_done(&model_onnx_part_at(flow, i)->weights);
    }
    model_list_done(&flow->parts);
    model_list_done(&flow->slots);
    model_list_done(&flow->extra);
    model_list_done(&flow->labels);
    model_onnx_cells_done(&flow->cells);
}
