/* Tensors become rows.
 *
 *     "input" [n, features]                      one matrix, whatever its name
 *     "age" [n], "income" [n, 1], ...            a tensor for each column, matched by name
 */
#include "oip_request.h"

#include <math.h>

/* Where the elements of a tensor go. */
typedef struct oip_target {
    mw_batch *batch;
    const mw_schema *schema;
    bool is_matrix;
    size_t column; /* of a column tensor */
} oip_target;

static mw_status put_number(const oip_target *target, size_t i, double value, mw_error *err)
{
    size_t n = target->schema->n_columns;
    size_t row = target->is_matrix ? i / n : i, column = target->is_matrix ? i % n : target->column;
    if (target->schema->columns[column].type == MW_COLUMN_FLOAT64) {
        target->batch->values[row * n + column] = value;
        return MW_OK;
    }
    return mw_batch_put_number(target->batch, target->schema, row, column, value, err);
}

static mw_status put_text(const oip_target *target, size_t i, mw_view text, mw_error *err)
{
    size_t n = target->schema->n_columns;
    size_t row = target->is_matrix ? i / n : i, column = target->is_matrix ? i % n : target->column;
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

static mw_status read_binary(const oip_tensor *tensor, const oip_target *target, mw_error *err)
{
    if (tensor->datatype == OIP_BYTES)
        return read_binary_texts(tensor, target, err);
    size_t step = oip_datatype_bytes(tensor->datatype);
    const unsigned char *at = (const unsigned char *)tensor->binary;
    for (size_t i = 0; i < tensor->n_elements; i++, at += step)
        MW_TRY(put_number(target, i, oip_read_element(tensor->datatype, at), err));
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

static mw_status read_matrix(const oip_tensor *tensor, const mw_schema *schema, mw_arena *arena,
                             mw_batch *batch, mw_error *err)
{
    size_t n = tensor->n_dimensions, n_rows = n == 2 ? (size_t)tensor->shape[0] : 1;
    if (n == 1 && schema->n_columns == 1)
        n_rows = (size_t)tensor->shape[0];
    else if (n < 1 || n > 2 || (size_t)tensor->shape[n - 1] != schema->n_columns)
        return fail_shape(tensor, schema, err);
    if (n_rows * schema->n_columns != tensor->n_elements)
        return fail_shape(tensor, schema, err);
    MW_TRY(check_size(tensor, err));
    MW_TRY(mw_batch_make(schema, n_rows, arena, batch, err));
    oip_target target = {batch, schema, true, 0};
    return read_tensor(tensor, &target, arena, err);
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
        oip_target target = {batch, schema, false, (size_t)column};
        MW_TRY(read_tensor(&request->inputs[i], &target, arena, err));
    }
    return mw_schema_check_present(schema, present, names, request->n_inputs, err);
}

mw_status oip_read_rows(const oip_request *request, const mw_schema *schema, mw_arena *arena,
                        mw_batch *ret_batch, mw_error *err)
{
    mw_batch batch;
    if (is_matrix(request, schema))
        MW_TRY(read_matrix(&request->inputs[0], schema, arena, &batch, err));
    else
        MW_TRY(read_columns(request, schema, arena, &batch, err));
    *ret_batch = batch;
    return MW_OK;
}
