/* MLflow signatures; see signature.h.
 *
 * Features find their columns by name, whatever the order. LightGBM saves names with blanks as
 * underscores, so "sepal length" is looked for a second time as "sepal_length". A model without
 * names (trained on an array) takes the columns in their order. */
#include "signature.h"

/* Columns as the signature names them, with what is needed to find one. */
typedef struct signature {
    mw_column *columns;
    size_t n_columns;
    bool named;
    mw_arena arena;     /* of what follows */
    mw_schema by_name;  /* names as they are */
    mw_schema by_saved; /* names with underscores */
    bool has_saved;
} signature;

static mw_status misfit(mw_error *err)
{
    return mw_mend(err, "log the model again with a signature inferred from its training data");
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    mw_column_type type;
} column_types[] = {
    {"double", MW_COLUMN_FLOAT64}, {"float", MW_COLUMN_FLOAT32}, {"long", MW_COLUMN_INT64},
    {"integer", MW_COLUMN_INT32},  {"boolean", MW_COLUMN_BOOL},  {"string", MW_COLUMN_CATEGORY},
};

static mw_status read_type(const mw_json *node, size_t index, mw_column *column, mw_error *err)
{
    mw_view type = mw_json_text(mw_json_member(node, "type"));
    for (size_t i = 0; i < MW_COUNT(column_types); i++) {
        if (!mw_view_is(type, column_types[i].name))
            continue;
        column->type = column_types[i].type;
        return MW_OK;
    }
    mw_fail(err, MW_E_MLMODEL_SIGNATURE, "type '%.*s' of column %zu is not one that trees read",
            MW_VIEW_ARG(type), index);
    return mw_mend(err, "train on columns of numbers, truth values or categories");
}

static mw_status read_column(const mw_json *node, size_t index, mw_column *column, mw_error *err)
{
    column->name = mw_json_text(mw_json_member(node, "name"));
    column->optional = !mw_json_bool(mw_json_member(node, "required"), true);
    return read_type(node, index, column, err);
}

static mw_status read_columns(const mw_json *inputs, signature *sig, mw_error *err)
{
    size_t n = mw_json_count(inputs), n_named = 0;
    sig->columns = mw_arena_take_zeroed(&sig->arena, n, sizeof *sig->columns);
    if (!sig->columns)
        return mw_fail_memory(err, "a signature");
    for (size_t i = 0; i < n; i++) {
        MW_TRY(read_column(mw_json_element(inputs, i), i, &sig->columns[i], err));
        n_named += sig->columns[i].name.size > 0;
    }
    sig->n_columns = n;
    sig->named = n_named == n;
    if (n_named == 0 || n_named == n)
        return MW_OK;
    mw_fail(err, MW_E_MLMODEL_SIGNATURE, "%zu of %zu columns have no name", n - n_named, n);
    return misfit(err);
}

/* ---- finding a feature's column -----------------------------------------------------------------
 */

static mw_view with_underscores(mw_arena *arena, mw_view name)
{
    char *copy = mw_arena_text(arena, name);
    for (size_t i = 0; copy && i < name.size; i++)
        if (copy[i] == ' ' || copy[i] == '\t')
            copy[i] = '_';
    return (mw_view){copy, copy ? name.size : 0};
}

/* Made when the first feature is not found as it stands. */
static mw_status make_by_saved(signature *sig, mw_error *err)
{
    size_t n = sig->n_columns;
    mw_column *columns = mw_arena_take_zeroed(&sig->arena, n, sizeof *columns);
    if (!columns)
        return mw_fail_memory(err, "a signature");
    for (size_t i = 0; i < n; i++) {
        columns[i] = sig->columns[i];
        columns[i].name = with_underscores(&sig->arena, sig->columns[i].name);
        if (!columns[i].name.data)
            return mw_fail_memory(err, "a signature");
    }
    sig->has_saved = true;
    return mw_schema_make(columns, n, true, &sig->arena, &sig->by_saved, err);
}

static mw_status find_column(signature *sig, mw_view feature, const mw_column **ret_column,
                             mw_error *err)
{
    ptrdiff_t found = mw_schema_find(&sig->by_name, feature);
    if (found < 0) {
        if (!sig->has_saved)
            MW_TRY(make_by_saved(sig, err));
        found = mw_schema_find(&sig->by_saved, feature);
    }
    if (found < 0) {
        mw_fail(err, MW_E_MLMODEL_SIGNATURE,
                "no column of the signature is the model's feature "
                "'%.*s'",
                MW_VIEW_ARG(feature));
        return misfit(err);
    }
    *ret_column = &sig->columns[found];
    return MW_OK;
}

/* ---- laying over ----------------------------------------------------------------------------- */

/* A category stays one: its values are codes or texts, whatever the signature calls them. */
static mw_status lay_column(const mw_column *from, mw_column *to, mw_error *err)
{
    bool text = from->type == MW_COLUMN_CATEGORY;
    if (text && to->n_categories == 0) {
        mw_fail(err, MW_E_MLMODEL_SIGNATURE,
                "column '%.*s' is text, but the model knows no "
                "categories for it",
                MW_VIEW_ARG(from->name));
        return mw_mend(err,
                       "train on a data frame whose text columns have the dtype 'category', or "
                       "on their codes");
    }
    if (to->type != MW_COLUMN_CATEGORY)
        to->type = from->type;
    if (from->name.size > 0)
        to->name = from->name;
    to->optional = from->optional;
    return MW_OK;
}

static mw_status lay_by_name(signature *sig, mw_column *columns, size_t n, mw_error *err)
{
    MW_TRY(mw_schema_make(sig->columns, sig->n_columns, true, &sig->arena, &sig->by_name, err));
    for (size_t i = 0; i < n; i++) {
        const mw_column *from = NULL;
        MW_TRY(find_column(sig, columns[i].name, &from, err));
        MW_TRY(lay_column(from, &columns[i], err));
    }
    return MW_OK;
}

static mw_status check_width(size_t given, size_t wanted, mw_error *err)
{
    if (given == wanted)
        return MW_OK;
    mw_fail(err, MW_E_MLMODEL_SIGNATURE, "the signature has %zu columns, the model %zu features",
            given, wanted);
    return misfit(err);
}

static mw_status lay_by_position(const signature *sig, mw_column *columns, size_t n, mw_error *err)
{
    MW_TRY(check_width(sig->n_columns, n, err));
    for (size_t i = 0; i < n; i++)
        MW_TRY(lay_column(&sig->columns[i], &columns[i], err));
    return MW_OK;
}

/* Values that a row has in it: the product of all sizes but the first; false where one is open. */
static bool tensor_width(const mw_json *input, size_t *ret_width)
{
    const mw_json *shape = mw_json_member(mw_json_member(input, "tensor-spec"), "shape");
    size_t rank = mw_json_count(shape), width = 1;
    for (size_t i = 1; i < rank; i++) {
        double size = -1;
        if (!mw_json_number(mw_json_element(shape, i), &size) || size < 0)
            return false;
        width = size <= (double)MW_LIMIT_FEATURES && width <= MW_LIMIT_FEATURES
                    ? width * (size_t)size
                    : SIZE_MAX / 2;
    }
    *ret_width = width;
    return rank > 1;
}

/* A tensor gives one type to all columns, and several their width where it is known; what their
 * names are, a graph says itself. */
static mw_status lay_tensors(const mw_json *inputs, mw_column *columns, size_t n, mw_error *err)
{
    size_t n_tensors = mw_json_count(inputs), width = 0;
    bool is_known = n_tensors <= MW_LIMIT_GRAPH_TENSORS;
    for (size_t i = 0; i < n_tensors && is_known; i++) {
        size_t one = 0;
        is_known = tensor_width(mw_json_element(inputs, i), &one);
        width = one < SIZE_MAX / 2 - width ? width + one : SIZE_MAX / 2;
    }
    if (is_known)
        MW_TRY(check_width(width, n, err));
    const mw_json *spec = mw_json_member(mw_json_element(inputs, 0), "tensor-spec");
    bool is_narrow = mw_view_is(mw_json_text(mw_json_member(spec, "dtype")), "float32");
    for (size_t i = 0; i < n && n_tensors == 1 && is_narrow; i++)
        if (columns[i].type != MW_COLUMN_CATEGORY)
            columns[i].type = MW_COLUMN_FLOAT32;
    return MW_OK;
}

static bool are_tensors(const mw_json *inputs)
{
    size_t n = mw_json_count(inputs);
    bool are = n > 0;
    for (size_t i = 0; i < n && are; i++)
        are =
            mw_view_is(mw_json_text(mw_json_member(mw_json_element(inputs, i), "type")), "tensor");
    return are;
}

/* *named becomes true when the columns got names of their own. */
static mw_status lay_inputs(const mw_json *inputs, signature *sig, mw_column *columns, size_t n,
                            bool *named, mw_error *err)
{
    if (!mw_json_is_array(inputs) || mw_json_count(inputs) == 0) {
        mw_fail(err, MW_E_MLMODEL_SIGNATURE, "the inputs are not a list of columns");
        return misfit(err);
    }
    if (are_tensors(inputs))
        return lay_tensors(inputs, columns, n, err);
    MW_TRY(read_columns(inputs, sig, err));
    if (*named && sig->named)
        return lay_by_name(sig, columns, n, err);
    *named = *named || sig->named;
    return lay_by_position(sig, columns, n, err);
}

static mw_status lay_over(mw_forest *forest, const mw_json *inputs, mw_column *columns,
                          mw_error *err)
{
    signature sig = {0};
    size_t n = forest->schema.n_columns;
    bool named = forest->schema.named;
    mw_arena_init(&sig.arena, MW_LIMIT_REQUEST_BLOCK_BYTES, MW_LIMIT_REQUEST_ARENA_BYTES);
    if (n > 0)
        memcpy(columns, forest->schema.columns, n * sizeof *columns);
    mw_status status = lay_inputs(inputs, &sig, columns, n, &named, err);
    if (status == MW_OK)
        status = mw_schema_make(columns, n, named, &forest->arena, &forest->schema, err);
    mw_arena_done(&sig.arena);
    return status;
}

mw_status model_signature_apply(mw_forest *forest, mw_view inputs, mw_error *err)
{
    mw_json *root = NULL;
    if (mw_json_read(inputs, &root, err) != MW_OK)
        return misfit(err);
    mw_column *columns = calloc(forest->schema.n_columns + 1, sizeof *columns);
    mw_status status =
        columns ? lay_over(forest, root, columns, err) : mw_fail_memory(err, "a signature");
    free(columns);
    mw_json_free(root);
    return status;
}
