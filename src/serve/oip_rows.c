/* Tensors become rows.
 *
 *     "input" [n, features]                      one matrix, whatever its name
 *     "age" [n], "income" [n, 1], ...            a tensor for each column, matched by name
 *     "image" [n, 3, 32, 32], ...                a tensor for each input of a graph
 */
#include "oip_request.h"

#include <math.h>

/* Where the elements of a tensor go. */
typedef struct oip_target {
    mw_batch *batch;
    const mw_schema *schema;
    size_t first, width; /* the columns of a row that it fills */
} oip_target;

static mw_status put_number(const oip_target *target, size_t i, double value, mw_error *err)
{
    size_t row = i / target->width, column = target->first + i % target->width;
    if (target->schema->columns[column].type == MW_COLUMN_FLOAT64) {
        target->batch->values[row * target->schema->n_columns + column] = value;
        return MW_OK;
    }
    return mw_batch_put_number(target->batch, target->schema, row, column, value, err);
}

static mw_status put_text(const oip_target *target, size_t i, mw_view text, mw_error *err)
{
    size_t row = i / target->width, column = target->first + i % target->width;
    return mw_batch_put_text(target->batch, target->schema, row, column, text, err);
}

static mw_status fail_elements(const oip_tensor *tensor, size_t found, mw_error *err)
{
    mw_fail(err, MW_E_OIP_SHAPE, "%s%zu elements, the shape has %zu",
            found > tensor->n_elements ? "more than " : "",
            found > tensor->n_elements ? tensor->n_elements : found, tensor->n_elements);
    return mw_mend(err, "send as many elements as the shape says");
}

/* ---- binary ---------------------------------------------------------------------------------- */

/* uint32 length, bytes; again and again. */
static mw_status read_binary_texts(const oip_tensor *tensor, const oip_target *target,
                                   mw_error *err)
{
    const char *at = tensor->binary, *end = at + tensor->binary_bytes;
    for (size_t i = 0; i < tensor->n_elements; i++) {
        uint32_t size = 0;
        bool whole = end - at >= 4;
        if (whole)
            memcpy(&size, at, sizeof size);
        if (!whole || (size_t)(end - at - 4) < size)
            return fail_elements(tensor, i, err);
        MW_TRY(put_text(target, i, (mw_view){at + 4, size}, err));
        at += 4 + size;
    }
    return at == end ? MW_OK : fail_elements(tensor, tensor->n_elements + 1, err);
}

/* Whether every column takes these floats as they come, so that no single one needs a look. */
static bool takes_floats(const oip_target *target, oip_datatype datatype)
{
    bool is_32 = datatype == OIP_FP32;
    if (!is_32 && datatype != OIP_FP64)
        return false;
    for (size_t c = target->first; c < target->first + target->width; c++) {
        mw_column_type type = target->schema->columns[c].type;
        if (type != MW_COLUMN_FLOAT64 && !(is_32 && type == MW_COLUMN_FLOAT32))
            return false;
    }
    return true;
}

/* The same as one by one, and five times as fast. */
static void copy_floats(const oip_tensor *tensor, const oip_target *target)
{
    const char *at = tensor->binary;
    size_t width = target->width, n_columns = target->schema->n_columns;
    double *row = target->batch->values + target->first;
    for (size_t i = 0; i < tensor->n_elements; i += width, row += n_columns) {
        if (tensor->datatype == OIP_FP64) {
            memcpy(row, at, width * sizeof(double));
            at += width * sizeof(double);
            continue;
        }
        for (size_t c = 0; c < width; c++, at += sizeof(float)) {
            float value;
            memcpy(&value, at, sizeof value);
            row[c] = (double)value;
        }
    }
}

static mw_status read_binary(const oip_tensor *tensor, const oip_target *target, mw_error *err)
{
    if (tensor->datatype == OIP_BYTES)
        return read_binary_texts(tensor, target, err);
    if (takes_floats(target, tensor->datatype)) {
        copy_floats(tensor, target);
        return MW_OK;
    }
    mw_element element = oip_datatype_element(tensor->datatype);
    size_t step = mw_element_bytes(element);
    const char *at = tensor->binary;
    for (size_t i = 0; i < tensor->n_elements; i++, at += step)
        MW_TRY(put_number(target, i, mw_element_read(element, at), err));
    return MW_OK;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static mw_status fail_kind(mw_scan *scan, const oip_tensor *tensor, const char *wanted,
                           mw_error *err)
{
    (void)mw_scan_expected(scan, wanted, err);
    return mw_mend(err, "send elements of the datatype %s", oip_datatype_name(tensor->datatype));
}

/* Whole numbers of the datatype's range, 0 and 1 for BOOL. Beyond 2^53 they become the nearest
 * float64, as they do in a binary tensor; so the bounds of 64 bits are the nearest ones, too. */
static mw_status check_range(const oip_tensor *tensor, double value, mw_error *err)
{
    static const struct {
        double min, max;
    } ranges[OIP_N_DATATYPES] = {
        [OIP_BOOL] = {0, 1},
        [OIP_UINT8] = {0, 255},
        [OIP_UINT16] = {0, 65535},
        [OIP_UINT32] = {0, 4294967295.0},
        [OIP_UINT64] = {0, 0x1p64},
        [OIP_INT8] = {-128, 127},
        [OIP_INT16] = {-32768, 32767},
        [OIP_INT32] = {-2147483648.0, 2147483647.0},
        [OIP_INT64] = {-0x1p63, 0x1p63},
    };
    if (ranges[tensor->datatype].max == 0)
        return MW_OK;
    if (value >= ranges[tensor->datatype].min && value <= ranges[tensor->datatype].max &&
        value == trunc(value))
        return MW_OK;
    mw_fail(err, MW_E_OIP_SHAPE, "an element is no %s", oip_datatype_name(tensor->datatype));
    return mw_mend(err, "send whole numbers of its range, or use FP64");
}

static mw_status read_json_element(mw_scan *scan, const oip_tensor *tensor,
                                   const oip_target *target, size_t i, mw_arena *arena,
                                   mw_error *err)
{
    double value;
    bool flag;
    mw_view text;
    mw_scan_kind kind = mw_scan_peek(scan);
    if (kind == MW_SCAN_NULL) {
        MW_TRY(mw_scan_null(scan, err));
        return put_number(target, i, __builtin_nan(""), err);
    }
    if (tensor->datatype == OIP_BYTES) {
        if (kind != MW_SCAN_STRING)
            return fail_kind(scan, tensor, "text", err);
        MW_TRY(mw_scan_string(scan, arena, &text, err));
        return put_text(target, i, text, err);
    }
    if (tensor->datatype == OIP_BOOL && (kind == MW_SCAN_TRUE || kind == MW_SCAN_FALSE)) {
        MW_TRY(mw_scan_bool(scan, &flag, err));
        return put_number(target, i, flag, err);
    }
    if (kind != MW_SCAN_NUMBER)
        return fail_kind(scan, tensor, "a number", err);
    MW_TRY(mw_scan_number(scan, &value, err));
    MW_TRY(check_range(tensor, value, err));
    if (tensor->datatype == OIP_FP32)
        value = (double)(float)value; /* what a binary FP32 tensor would have carried */
    return put_number(target, i, value, err);
}

static mw_status fail_nesting(const oip_tensor *tensor, const char *what, mw_error *err)
{
    mw_fail(err, MW_E_OIP_SHAPE, "%s", what);
    return mw_mend(err, tensor->n_dimensions > 1
                            ? "send the elements in one flat list, or nested as the shape is"
                            : "send the elements in one flat list");
}

/* Where the walk through nested lists is: `open` lists, and how many items each has had. */
typedef struct nesting {
    size_t open, elements_at; /* depth of all elements: 1 or that of the shape; 0 = not known yet */
    size_t n_items[OIP_MAX_DIMENSIONS];
} nesting;

static mw_status check_element_depth(nesting *at, const oip_tensor *tensor, mw_error *err)
{
    if (at->elements_at == 0 && (at->open == 1 || at->open == tensor->n_dimensions))
        at->elements_at = at->open;
    return at->open == at->elements_at ? MW_OK : fail_nesting(tensor, "lists nested unevenly", err);
}

static mw_status check_list_end(const nesting *at, const oip_tensor *tensor, mw_error *err)
{
    bool flat = at->elements_at == 1;
    if (flat || at->n_items[at->open - 1] == (size_t)tensor->shape[at->open - 1])
        return MW_OK;
    return fail_nesting(tensor, "a list that is not as long as the shape says", err);
}

/* Flat, or nested as the shape is; the order is the same. */
static mw_status read_json(const oip_tensor *tensor, const oip_target *target, mw_arena *arena,
                           mw_error *err)
{
    mw_scan scan;
    mw_scan_init(&scan, tensor->data);
    scan.allow_nan = true;
    MW_TRY(mw_scan_array_begin(&scan, err));
    size_t n = 0;
    nesting at = {.open = 1};
    while (at.open > 0) {
        bool more;
        MW_TRY(mw_scan_array_next(&scan, &more, err));
        if (!more) {
            if (n > 0 || at.open > 1)
                MW_TRY(check_list_end(&at, tensor, err));
            at.open--;
            continue;
        }
        at.n_items[at.open - 1]++;
        if (mw_scan_peek(&scan) == MW_SCAN_ARRAY) {
            if (at.open >= tensor->n_dimensions || at.elements_at == 1)
                return fail_nesting(tensor, "lists nested deeper than the shape", err);
            MW_TRY(mw_scan_array_begin(&scan, err));
            at.n_items[at.open++] = 0;
            continue;
        }
        MW_TRY(check_element_depth(&at, tensor, err));
        if (n == tensor->n_elements)
            return fail_elements(tensor, n + 1, err);
        MW_TRY(read_json_element(&scan, tensor, target, n++, arena, err));
    }
    return n == tensor->n_elements ? MW_OK : fail_elements(tensor, n, err);
}

static mw_status read_tensor(const oip_tensor *tensor, const oip_target *target, mw_arena *arena,
                             mw_error *err)
{
    mw_status status = tensor->is_binary ? read_binary(tensor, target, err)
                                         : read_json(tensor, target, arena, err);
    if (status != MW_OK)
        mw_at(err, "input '%.*s'", MW_VIEW_ARG(tensor->name));
    return status;
}

/* ---- which tensor is what -------------------------------------------------------------------- */

/* One tensor is the whole matrix when its shape says so: [n, features], or [features] for one row
 * of a model with several columns. */
static bool is_matrix(const oip_request *request, const mw_schema *schema)
{
    const oip_tensor *only = &request->inputs[0];
    if (request->n_inputs != 1)
        return false;
    size_t n = only->n_dimensions;
    if (schema->n_columns == 1)
        return n >= 1 && n <= 2 && mw_schema_find(schema, only->name) < 0;
    return mw_schema_find(schema, only->name) < 0 || n >= 2;
}

static mw_status fail_shape(const oip_tensor *tensor, const mw_schema *schema, mw_error *err)
{
    mw_fail(err, MW_E_OIP_SHAPE, "the shape does not fit %zu features", schema->n_columns);
    mw_at(err, "input '%.*s'", MW_VIEW_ARG(tensor->name));
    return mw_mend(err, "send one tensor [rows, %zu], or one tensor [rows] for each column",
                   schema->n_columns);
}

/* Rows are made room for by the shape: it must not be larger than the data can be. */
static mw_status check_size(const oip_tensor *tensor, mw_error *err)
{
    if (!tensor->has_data || tensor->n_elements <= tensor->data.size)
        return MW_OK;
    mw_fail(err, MW_E_OIP_SHAPE, "the shape has %zu elements, which %zu bytes of data cannot hold",
            tensor->n_elements, tensor->data.size);
    mw_at(err, "input '%.*s'", MW_VIEW_ARG(tensor->name));
    return mw_mend(err, "send as many elements as the shape says");
}

/* The body's own floats are the rows, where the kernels take them as they stand: a conversion would
 * cost a tenth of a prediction with 100 trees, and twice the memory. */
static mw_status view_floats(const oip_tensor *tensor, size_t n_rows, size_t n_columns,
                             mw_arena *arena, mw_matrix *ret_rows, mw_error *err)
{
    size_t element = oip_datatype_bytes(tensor->datatype);
    const void *data = tensor->binary;
    if ((uintptr_t)data % element != 0) {
        void *copy = mw_arena_take(arena, tensor->binary_bytes);
        if (!copy)
            return mw_fail_memory(err, "the rows");
        data = memcpy(copy, tensor->binary, tensor->binary_bytes);
    }
    mw_dtype dtype = tensor->datatype == OIP_FP32 ? MW_FLOAT32 : MW_FLOAT64;
    *ret_rows = (mw_matrix){data, dtype, n_rows, n_columns, (ptrdiff_t)n_columns, 1};
    return MW_OK;
}

static mw_status read_matrix(const oip_tensor *tensor, const mw_schema *schema, mw_arena *arena,
                             mw_matrix *ret_rows, mw_error *err)
{
    mw_batch batch;
    size_t n = tensor->n_dimensions, n_rows = n == 2 ? (size_t)tensor->shape[0] : 1;
    if (n == 1 && schema->n_columns == 1)
        n_rows = (size_t)tensor->shape[0];
    else if (n < 1 || n > 2 || (size_t)tensor->shape[n - 1] != schema->n_columns)
        return fail_shape(tensor, schema, err);
    if (n_rows * schema->n_columns != tensor->n_elements)
        return fail_shape(tensor, schema, err);
    MW_TRY(check_size(tensor, err));
    oip_target target = {&batch, schema, 0, schema->n_columns};
    if (tensor->is_binary && n_rows > 0 && takes_floats(&target, tensor->datatype))
        return view_floats(tensor, n_rows, schema->n_columns, arena, ret_rows, err);
    MW_TRY(mw_batch_make_unset(schema, n_rows, arena, &batch, err));
    MW_TRY(read_tensor(tensor, &target, arena, err));
    *ret_rows = mw_batch_matrix(&batch);
    return MW_OK;
}

static mw_status find_column(const oip_request *request, size_t i, const mw_schema *schema,
                             ptrdiff_t *ret_column, mw_error *err)
{
    const oip_tensor *tensor = &request->inputs[i];
    *ret_column = mw_schema_find(schema, tensor->name);
    if (*ret_column < 0 && !schema->named && request->n_inputs == schema->n_columns)
        *ret_column = (ptrdiff_t)i;
    if (*ret_column >= 0) {
        bool column_shape =
            tensor->n_dimensions == 1 || (tensor->n_dimensions == 2 && tensor->shape[1] == 1);
        if (!column_shape)
            return fail_shape(tensor, schema, err);
        if (tensor->n_elements == request->inputs[0].n_elements)
            return MW_OK;
        mw_fail(err, MW_E_OIP_SHAPE, "%zu rows, the first input has %zu", tensor->n_elements,
                request->inputs[0].n_elements);
        mw_at(err, "input '%.*s'", MW_VIEW_ARG(tensor->name));
        return mw_mend(err, "send a value for every row of every column");
    }
    mw_fail(err, MW_E_OIP_SHAPE, "the model has no column '%.*s'", MW_VIEW_ARG(tensor->name));
    mw_at(err, "input '%.*s'", MW_VIEW_ARG(tensor->name));
    return mw_mend(err, "GET the model's metadata for its inputs");
}

static mw_status read_columns(const oip_request *request, const mw_schema *schema, mw_arena *arena,
                              mw_batch *batch, mw_error *err)
{
    const oip_tensor *first = &request->inputs[0];
    MW_TRY(check_size(first, err));
    MW_TRY(mw_batch_make(schema, first->n_elements, arena, batch, err));
    bool *present = mw_arena_take_zeroed(arena, schema->n_columns, sizeof *present);
    mw_view *names = mw_arena_take(arena, request->n_inputs * sizeof *names);
    if (!present || !names)
        return mw_fail_memory(err, "the inputs");
    for (size_t i = 0; i < request->n_inputs; i++) {
        ptrdiff_t column;
        names[i] = request->inputs[i].name;
        MW_TRY(find_column(request, i, schema, &column, err));
        if (present[column]) {
            mw_fail(err, MW_E_OIP_REQUEST, "two inputs are called '%.*s'", MW_VIEW_ARG(names[i]));
            return mw_mend(err, "send every column once");
        }
        present[column] = true;
        oip_target target = {batch, schema, (size_t)column, 1};
        MW_TRY(read_tensor(&request->inputs[i], &target, arena, err));
    }
    return mw_schema_check_present(schema, present, names, request->n_inputs, err);
}

/* ---- inputs of a graph ----------------------------------------------------------------------- */

static ptrdiff_t find_input(const mw_graph *graph, mw_view name)
{
    for (size_t i = 0; i < graph->n_inputs; i++)
        if (mw_view_is(name, graph->inputs[i].name))
            return (ptrdiff_t)i;
    return -1;
}

/* "[-1, 3, 32, 32]" */
static void shape_text(const mw_graph_tensor *input, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "[-1");
    for (size_t i = 1; i < input->rank && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, ", %lld", (long long)input->dims[i]);
    if (used < size)
        snprintf(text + used, size - used, "]");
}

/* The rows' dimension first; those behind it may also be flat. */
static mw_status check_graph_shape(const oip_tensor *tensor, const mw_graph_tensor *input,
                                   size_t n_rows, mw_error *err)
{
    char shape[32 * MW_TENSOR_RANK];
    bool has_rows = tensor->n_dimensions >= 1 && (size_t)tensor->shape[0] == n_rows;
    if (has_rows && n_rows <= SIZE_MAX / input->count &&
        tensor->n_elements == n_rows * input->count)
        return check_size(tensor, err);
    shape_text(input, shape, sizeof shape);
    mw_fail(err, MW_E_OIP_SHAPE, "the shape does not fit %s%s", shape,
            has_rows ? "" : ": its first dimension is that of the rows, the same for all inputs");
    mw_at(err, "input '%.*s'", MW_VIEW_ARG(tensor->name));
    return mw_mend(err, "GET the model's metadata for the shapes of its inputs");
}

static mw_status check_all_there(const mw_graph *graph, const bool *present, mw_error *err)
{
    for (size_t i = 0; i < graph->n_inputs; i++)
        if (!present[i]) {
            mw_fail(err, MW_E_OIP_SHAPE, "the input '%s' is missing", graph->inputs[i].name);
            return mw_mend(err, "send every input of the model once");
        }
    return MW_OK;
}

static mw_status read_graph_input(const oip_tensor *tensor, const mw_graph *graph,
                                  const mw_schema *schema, bool *present, mw_arena *arena,
                                  mw_batch *batch, mw_error *err)
{
    ptrdiff_t at = find_input(graph, tensor->name);
    if (at < 0 || present[at]) {
        mw_fail(err, MW_E_OIP_SHAPE, at < 0 ? "the model has no input '%.*s'" : "two inputs '%.*s'",
                MW_VIEW_ARG(tensor->name));
        return mw_mend(err, "send every input of the model once; GET its metadata for their names");
    }
    const mw_graph_tensor *input = &graph->inputs[at];
    present[at] = true;
    MW_TRY(check_graph_shape(tensor, input, batch->n_rows, err));
    oip_target target = {batch, schema, input->first, input->count};
    return read_tensor(tensor, &target, arena, err);
}

static mw_status read_graph_inputs(const oip_request *request, const mw_schema *schema,
                                   const mw_graph *graph, mw_arena *arena, mw_batch *batch,
                                   mw_error *err)
{
    const oip_tensor *first = &request->inputs[0];
    ptrdiff_t at = find_input(graph, first->name);
    bool *present = mw_arena_take_zeroed(arena, graph->n_inputs, sizeof *present);
    if (!present)
        return mw_fail_memory(err, "the inputs");
    /* before room is made for the rows, the shape must be true */
    if (at >= 0)
        MW_TRY(check_graph_shape(first, &graph->inputs[at],
                                 first->n_dimensions ? (size_t)first->shape[0] : 0, err));
    size_t n_rows = at >= 0 ? (size_t)first->shape[0] : 0;
    MW_TRY(mw_batch_make(schema, n_rows, arena, batch, err));
    for (size_t i = 0; i < request->n_inputs; i++)
        MW_TRY(read_graph_input(&request->inputs[i], graph, schema, present, arena, batch, err));
    return check_all_there(graph, present, err);
}

/* An input of one column is called as that column: such names say nothing alone. */
static bool is_by_graph(const oip_request *request, const mw_schema *schema, const mw_graph *graph)
{
    size_t n_inputs = 0, n_columns = 0;
    for (size_t i = 0; graph && i < request->n_inputs; i++) {
        n_inputs += find_input(graph, request->inputs[i].name) >= 0;
        n_columns += mw_schema_find(schema, request->inputs[i].name) >= 0;
    }
    return n_inputs > 0 && (n_inputs == request->n_inputs || n_columns < request->n_inputs);
}

mw_status oip_read_rows(const oip_request *request, const mw_schema *schema, const mw_graph *graph,
                        mw_arena *arena, mw_matrix *ret_rows, mw_error *err)
{
    mw_batch batch;
    bool by_graph = is_by_graph(request, schema, graph);
    if (!by_graph && is_matrix(request, schema))
        return read_matrix(&request->inputs[0], schema, arena, ret_rows, err);
    MW_TRY(by_graph ? read_graph_inputs(request, schema, graph, arena, &batch, err)
                    : read_columns(request, schema, arena, &batch, err));
    *ret_rows = mw_batch_matrix(&batch);
    return MW_OK;
}
