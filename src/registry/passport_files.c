/* What the files of an MLflow model folder tell of a version. Pure: bytes in, a passport out.
 *
 *     MLmodel             flavors, signature (JSON inside YAML), MLflow's and Python's version
 *     FILE.contract.yaml  columns: {income: {was: salary}}; in MLmodel under metadata: millwright
 *     requirements.txt    xgboost==3.2.0
 *     python_env.yaml     python: 3.11.2
 *     conda.yaml          dependencies: [python=3.11.2, {pip: [xgboost==3.2.0]}]
 *     input_example.json  {"columns": [...], "data": [[...]]}, or {"inputs": ...}: not of columns
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "passport.h"
#include "table/table.h"

enum { LIBRARIES_MAX = 5000, EXAMPLES_MAX = 10000 };

/* ---- libraries ------------------------------------------------------------------------------- */

static bool is_name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

/* "Scikit_Learn" and "scikit-learn" are one. */
static mw_view normal_name(mw_view name, record_memory *memory)
{
    char *kept = mw_arena_text(memory->arena, name);
    memory->failed = memory->failed || !kept;
    for (size_t i = 0; kept && i < name.size; i++)
        kept[i] = (char)(kept[i] == '_' ? '-' : tolower((unsigned char)kept[i]));
    return (mw_view){kept, kept ? name.size : 0};
}

/* "xgboost[sklearn]==3.2.0 ; python_version > '3'  # why" */
static void add_requirement(mw_view line, record_memory *memory, mw_passport *passport)
{
    mw_view text = mw_view_trim(line);
    size_t n = 0;
    while (n < text.size && is_name_byte(text.data[n]))
        n++;
    if (n == 0 || text.data[0] == '-' || passport->libraries.count >= LIBRARIES_MAX)
        return; /* a comment, "-r other.txt", "--hash", a path */
    mw_view name = {text.data, n}, rest = {text.data + n, text.size - n};
    rest = mw_view_cut(&rest, '#');
    rest = mw_view_cut(&rest, ';');
    rest = mw_view_trim(rest);
    if (rest.size > 0 && rest.data[0] == '[') {
        (void)mw_view_cut(&rest, ']');
        rest = mw_view_trim(rest);
    }
    if (rest.size > 0 && !strchr("=<>!~@", rest.data[0]))
        return;
    bool is_pinned = mw_view_starts(rest, "==") && !mw_view_starts(rest, "===");
    if (is_pinned)
        rest = mw_view_trim((mw_view){rest.data + 2, rest.size - 2});
    mw_library *library = RECORD_PUSH(memory, &passport->libraries);
    if (!library)
        return;
    library->name = normal_name(name, memory);
    library->version = record_keep(memory, rest.size ? rest : MW_VIEW(""));
}

void passport_read_requirements(mw_view text, record_memory *memory, mw_passport *passport)
{
    while (text.size > 0)
        add_requirement(mw_view_cut(&text, '\n'), memory, passport);
}

/* ---- environments ---------------------------------------------------------------------------- */

static bool is_scalar(const mw_yaml *node)
{
    return node && node->kind == MW_YAML_SCALAR && !mw_yaml_is_null(node);
}

static void add_dependency(const mw_yaml *node, record_memory *memory, mw_passport *passport,
                           bool wants_libraries)
{
    if (node->kind == MW_YAML_MAP) { /* pip: [...] */
        const mw_yaml *pip = mw_yaml_member(node, "pip");
        for (const mw_yaml *each = pip && pip->kind == MW_YAML_LIST ? pip->first : NULL; each;
             each = each->next)
            if (is_scalar(each) && wants_libraries)
                add_requirement(each->text, memory, passport);
        return;
    }
    if (!is_scalar(node) || !mw_view_starts(node->text, "python="))
        return; /* conda's own packages: compilers and pip */
    mw_view version = {node->text.data + 7, node->text.size - 7};
    while (version.size > 0 && version.data[0] == '=')
        version = (mw_view){version.data + 1, version.size - 1};
    if (!passport->python.data)
        passport->python = record_keep(memory, version);
}

mw_status passport_read_environment(mw_view text, record_memory *memory, mw_passport *passport,
                                    mw_error *err)
{
    mw_yaml_document *document;
    MW_TRY(mw_yaml_read(text, "environment", &document, err));
    const mw_yaml *root = mw_yaml_root(document);
    const mw_yaml *python = root->kind == MW_YAML_MAP ? mw_yaml_member(root, "python") : NULL;
    const mw_yaml *list = root->kind == MW_YAML_MAP ? mw_yaml_member(root, "dependencies") : NULL;
    bool wants_libraries = passport->libraries.count == 0;
    if (is_scalar(python) && !passport->python.data)
        passport->python = record_keep(memory, python->text);
    for (const mw_yaml *each = list && list->kind == MW_YAML_LIST ? list->first : NULL; each;
         each = each->next)
        add_dependency(each, memory, passport, wants_libraries);
    mw_yaml_free(document);
    return MW_OK;
}

/* ---- signatures ------------------------------------------------------------------------------ */

/* "tensor(float32)[-1,4]" */
static mw_view tensor_type(const mw_json *node, record_memory *memory)
{
    mw_buf text;
    const mw_json *spec = mw_json_member(node, "tensor-spec");
    const mw_json *shape = mw_json_member(spec, "shape");
    mw_buf_init(&text, 4 * MW_KIB);
    mw_buf_text(&text, "tensor(");
    mw_buf_view(&text, mw_json_text(mw_json_member(spec, "dtype")));
    mw_buf_text(&text, ")[");
    for (size_t i = 0; i < mw_json_count(shape); i++) {
        int64_t size = 0;
        if (!mw_json_integer(mw_json_element(shape, i), &size))
            size = -1;
        mw_buf_format(&text, "%s%lld", i ? "," : "", (long long)size);
    }
    mw_buf_char(&text, ']');
    mw_view kept = record_keep(memory, mw_buf_as_view(&text));
    mw_buf_done(&text);
    return kept;
}

static mw_status add_column(const mw_json *node, bool is_output, record_memory *memory,
                            mw_passport *passport, mw_error *err)
{
    mw_view type = mw_json_text(mw_json_member(node, "type"));
    if (!mw_json_is_object(node) || type.size == 0)
        return mw_fail(err, MW_E_RECORD_PASSPORT, "a column of the signature has no type");
    if (passport->columns.count >= PASSPORT_COLUMNS_MAX)
        return mw_fail(err, MW_E_RECORD_PASSPORT, "the signature has more than %d columns",
                       PASSPORT_COLUMNS_MAX);
    mw_passport_column *column = RECORD_PUSH(memory, &passport->columns);
    if (!column)
        return mw_fail_memory(err, "a signature");
    mw_view name = mw_json_text(mw_json_member(node, "name"));
    *column = (mw_passport_column){
        .name = name.size ? record_keep(memory, name) : (mw_view){NULL, 0},
        .type = mw_view_is(type, "tensor") ? tensor_type(node, memory) : record_keep(memory, type),
        .is_output = is_output,
        .required = mw_json_bool(mw_json_member(node, "required"), true) &&
                    !mw_json_bool(mw_json_member(node, "optional"), false),
        .low = NAN,
        .high = NAN,
        .missing = NAN,
    };
    return MW_OK;
}

static mw_status read_side(const mw_yaml *signature, const char *side, bool is_output,
                           record_memory *memory, mw_passport *passport, mw_error *err)
{
    mw_json *root;
    const mw_yaml *node = mw_yaml_member(signature, side);
    if (!is_scalar(node))
        return MW_OK;
    if (mw_json_read(node->text, &root, err) != MW_OK)
        return mw_at(err, "signature.%s", side);
    mw_status status = mw_json_is_array(root) ? MW_OK
                                              : mw_fail(err, MW_E_RECORD_PASSPORT,
                                                        "the signature is no list of columns");
    for (size_t i = 0; i < mw_json_count(root) && status == MW_OK; i++)
        status = add_column(mw_json_element(root, i), is_output, memory, passport, err);
    mw_json_free(root);
    return status == MW_OK ? MW_OK : mw_at(err, "signature.%s", side);
}

/* ---- what is declared of the columns --------------------------------------------------------- */

static int compare_columns(const void *x, const void *y)
{
    const mw_passport_column *const *a = x, *const *b = y;
    return mw_view_order((*a)->name, (*b)->name);
}

/* Inputs by name; NULL when memory is gone. */
static mw_passport_column **sort_inputs(const mw_passport *passport, size_t *ret_count)
{
    mw_passport_column **sorted = calloc(passport->columns.count + 1, sizeof *sorted);
    size_t n = 0;
    for (size_t i = 0; sorted && i < passport->columns.count; i++)
        if (!passport->columns.items[i].is_output && passport->columns.items[i].name.size > 0)
            sorted[n++] = &passport->columns.items[i];
    if (sorted)
        qsort(sorted, n, sizeof *sorted, compare_columns);
    *ret_count = n;
    return sorted;
}

static mw_status lay_declaration(const mw_declaration *from, mw_passport_column *to,
                                 record_memory *memory, mw_error *err)
{
    if (from->says_optional)
        to->required = !from->optional;
    if (!from->was)
        return MW_OK;
    mw_view *names = mw_arena_take_zeroed(memory->arena, from->n_was + 1, sizeof *names);
    if (!names)
        return mw_fail_memory(err, "names of columns");
    for (size_t i = 0; i < from->n_was; i++)
        names[i] = record_keep(memory, from->was[i]);
    to->was = names;
    to->n_was = from->n_was;
    return MW_OK;
}

static mw_status lay_declarations(const mw_declarations *all, record_memory *memory,
                                  mw_passport *passport, mw_error *err)
{
    size_t n;
    mw_passport_column **sorted = sort_inputs(passport, &n);
    bool are_tensors = sorted && n > 0 && mw_view_starts(sorted[0]->type, "tensor(");
    mw_status status = sorted ? MW_OK : mw_fail_memory(err, "columns by name");
    for (size_t i = 0; i < all->count && status == MW_OK; i++) {
        const mw_declaration *from = &all->items[i];
        mw_passport_column like = {.name = from->name}, *key = &like;
        mw_passport_column **found = bsearch(&key, sorted, n, sizeof *sorted, compare_columns);
        if (found)
            status = lay_declaration(from, *found, memory, err);
        else if (!are_tensors) /* whose columns are named by the model: it is asked when it loads */
            status = mw_declaration_fail(from->line, from->column, err,
                                         "the signature has no column of that name", from->name);
    }
    free(sorted);
    return status;
}

static mw_status declare(const mw_yaml *root, record_memory *memory, mw_passport *passport,
                         mw_error *err)
{
    mw_declarations all;
    MW_TRY(mw_declarations_read(root, memory->arena, &all, err));
    if (all.count == 0 || passport->columns.count == 0)
        return MW_OK;
    return lay_declarations(&all, memory, passport, err);
}

mw_status passport_read_contract(mw_view text, record_memory *memory, mw_passport *passport,
                                 mw_error *err)
{
    mw_yaml_document *document;
    MW_TRY(mw_yaml_read(text, "contract", &document, err));
    mw_status status = declare(mw_yaml_root(document), memory, passport, err);
    mw_yaml_free(document);
    return status;
}

/* ---- MLmodel --------------------------------------------------------------------------------- */

static mw_view scalar_of(const mw_yaml *map, const char *key, record_memory *memory)
{
    const mw_yaml *node = map && map->kind == MW_YAML_MAP ? mw_yaml_member(map, key) : NULL;
    return is_scalar(node) ? record_keep(memory, node->text) : (mw_view){NULL, 0};
}

static mw_view list_flavors(const mw_yaml *flavors, record_memory *memory)
{
    mw_buf text;
    mw_buf_init(&text, 4 * MW_KIB);
    for (const mw_yaml *each = flavors->first; each; each = each->next) {
        mw_buf_text(&text, text.size ? ", " : "");
        mw_buf_view(&text, each->key);
    }
    mw_view kept = record_keep(memory, mw_buf_as_view(&text));
    mw_buf_done(&text);
    return kept;
}

/* As src/model/mlmodel.c chooses it. */
static mw_view file_of(const mw_yaml *flavors, record_memory *memory)
{
    static const char *const read[] = {"xgboost", "lightgbm", "onnx"};
    for (size_t i = 0; i < MW_COUNT(read); i++) {
        const mw_yaml *flavor = mw_yaml_member(flavors, read[i]);
        if (flavor)
            return scalar_of(flavor, "data", memory);
    }
    return (mw_view){NULL, 0};
}

static mw_status read_root(const mw_yaml *root, record_memory *memory, mw_passport *passport,
                           mw_view *ret_model_file, mw_error *err)
{
    const mw_yaml *flavors = mw_yaml_member(root, "flavors");
    const mw_yaml *signature = mw_yaml_member(root, "signature");
    passport->mlflow_version = scalar_of(root, "mlflow_version", memory);
    if (flavors && flavors->kind == MW_YAML_MAP) {
        passport->flavors = list_flavors(flavors, memory);
        *ret_model_file = file_of(flavors, memory);
        if (!passport->python.data)
            passport->python =
                scalar_of(mw_yaml_member(flavors, "python_function"), "python_version", memory);
    }
    if (!signature || signature->kind != MW_YAML_MAP)
        return MW_OK;
    MW_TRY(read_side(signature, "inputs", false, memory, passport, err));
    MW_TRY(read_side(signature, "outputs", true, memory, passport, err));
    const mw_yaml *metadata = mw_yaml_member(root, "metadata");
    bool is_map = metadata && metadata->kind == MW_YAML_MAP;
    return declare(is_map ? mw_yaml_member(metadata, "millwright") : NULL, memory, passport, err);
}

mw_status passport_read_mlmodel(mw_view text, record_memory *memory, mw_passport *passport,
                                mw_view *ret_model_file, mw_error *err)
{
    mw_yaml_document *document;
    *ret_model_file = (mw_view){NULL, 0};
    MW_TRY(mw_yaml_read(text, "MLmodel", &document, err));
    const mw_yaml *root = mw_yaml_root(document);
    mw_status status = root->kind == MW_YAML_MAP
                           ? read_root(root, memory, passport, ret_model_file, err)
                           : mw_fail(err, MW_E_RECORD_PASSPORT, "MLmodel is no map");
    mw_yaml_free(document);
    return status;
}

/* ---- examples -------------------------------------------------------------------------------- */

static mw_passport_column *input_named(const mw_passport *passport, mw_view name)
{
    for (size_t i = 0; i < passport->columns.count; i++) {
        mw_passport_column *column = &passport->columns.items[i];
        if (!column->is_output && mw_view_equal(column->name, name))
            return column;
    }
    return NULL;
}

static void see_values(mw_passport_column *column, const mw_json *rows, size_t place)
{
    size_t n = mw_json_count(rows), n_missing = 0;
    for (size_t i = 0; i < n; i++) {
        double value;
        const mw_json *cell = mw_json_element(mw_json_element(rows, i), place);
        n_missing += !cell || mw_json_is_null(cell);
        if (!mw_json_number(cell, &value))
            continue;
        column->low = isnan(column->low) || value < column->low ? value : column->low;
        column->high = isnan(column->high) || value > column->high ? value : column->high;
    }
    column->missing = (double)n_missing / (double)n;
}

mw_status passport_read_example(mw_view text, mw_passport *passport, mw_error *err)
{
    mw_json *root;
    MW_TRY(mw_json_read(text, &root, err));
    const mw_json *split = mw_json_member(root, "dataframe_split");
    const mw_json *table = split ? split : root;
    const mw_json *names = mw_json_member(table, "columns"), *rows = mw_json_member(table, "data");
    size_t n = mw_json_count(rows);
    if (mw_json_is_array(names) && mw_json_is_array(rows) && n > 0 && n <= EXAMPLES_MAX) {
        passport->n_examples = (int64_t)n;
        for (size_t i = 0; i < mw_json_count(names) && i < PASSPORT_COLUMNS_MAX; i++) {
            mw_passport_column *column =
                input_named(passport, mw_json_text(mw_json_element(names, i)));
            if (column)
                see_values(column, rows, i);
        }
    }
    mw_json_free(root);
    return MW_OK;
}
