/* See declared.h. */
#include "declared.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct declaring {
    mw_forest *forest;
    mw_column *columns;
    mw_arena arena; /* of former names, and one row for defaults */
} declaring;

static mw_status fail_at(const mw_yaml *node, mw_error *err, const char *what, mw_view name)
{
    mw_fail(err, MW_E_MODEL_DECLARED, "%s: '%.*s'", what, MW_VIEW_ARG(name));
    mw_mend(err, "columns: {income: {was: salary}, region: {default: north}, tenure: "
                 "{optional: true}}");
    return mw_at(err, "%u:%u", node->line, node->column);
}

static mw_status take_names(declaring *d, const mw_yaml *node, mw_column *column, mw_error *err)
{
    bool is_list = node->kind == MW_YAML_LIST;
    size_t n = is_list ? node->count : 1;
    mw_view *names = mw_arena_take_zeroed(&d->arena, n + 1, sizeof *names);
    if (!names)
        return mw_fail_memory(err, "names of columns");
    const mw_yaml *item = is_list ? node->first : node;
    for (size_t i = 0; i < n; i++, item = item->next) {
        if (item->kind != MW_YAML_SCALAR || item->text.size == 0)
            return fail_at(item, err, "no name of a column", item->text);
        names[i] = item->text;
    }
    column->was = names;
    column->n_was = n;
    return MW_OK;
}

/* As a request's text would be read. */
static mw_status take_default(declaring *d, const mw_yaml *node, size_t c, mw_error *err)
{
    mw_batch row;
    mw_error why;
    const mw_schema *schema = &d->forest->schema;
    if (node->kind != MW_YAML_SCALAR || mw_yaml_is_null(node))
        return fail_at(node, err, "no default; for a missing value say optional: true",
                       schema->columns[c].name);
    MW_TRY(mw_batch_make(schema, 1, &d->arena, &row, err));
    if (mw_batch_put_text(&row, schema, 0, c, node->text, &why) != MW_OK) {
        fail_at(node, err, "no value of its column", node->text);
        return mw_why(err, "%s", why.what);
    }
    d->columns[c].default_value = row.values[c];
    d->columns[c].has_default = d->columns[c].optional = true;
    return MW_OK;
}

static mw_status take_column(declaring *d, const mw_yaml *node, mw_error *err)
{
    ptrdiff_t c = mw_schema_find(&d->forest->schema, node->key);
    if (c < 0)
        return fail_at(node, err, "the model has no column of that name", node->key);
    if (node->kind != MW_YAML_MAP)
        return fail_at(node, err, "no map of what is declared", node->key);
    for (const mw_yaml *item = node->first; item; item = item->next) {
        if (mw_view_is(item->key, "was"))
            MW_TRY(take_names(d, item, &d->columns[c], err));
        else if (mw_view_is(item->key, "default"))
            MW_TRY(take_default(d, item, (size_t)c, err));
        else if (!mw_view_is(item->key, "optional") || !mw_yaml_bool(item, &d->columns[c].optional))
            return fail_at(item, err, "nothing that is declared of a column", item->key);
    }
    return MW_OK;
}

static mw_status take_all(declaring *d, const mw_yaml *columns, mw_error *err)
{
    mw_schema *schema = &d->forest->schema;
    memcpy(d->columns, schema->columns, schema->n_columns * sizeof *d->columns);
    for (const mw_yaml *node = columns->first; node; node = node->next)
        MW_TRY(take_column(d, node, err));
    if (mw_schema_make(d->columns, schema->n_columns, true, &d->forest->arena, schema, err) ==
        MW_OK)
        return MW_OK;
    return mw_at(err, "%u:%u", columns->line, columns->column);
}

mw_status model_declared_apply(mw_forest *forest, const mw_yaml *root, mw_error *err)
{
    const mw_yaml *columns = root ? mw_yaml_member(root, "columns") : NULL;
    if (root && root->kind == MW_YAML_MAP && root->count == 0)
        return MW_OK;
    if (root && (!columns || columns->kind != MW_YAML_MAP))
        return fail_at(root, err, "no map of columns", MW_VIEW("columns"));
    if (!columns || columns->count == 0)
        return MW_OK;
    if (!forest->schema.named)
        return fail_at(columns, err, "the model's columns have no names", columns->first->key);
    declaring d = {.forest = forest};
    mw_arena_init(&d.arena, MW_LIMIT_REQUEST_BLOCK_BYTES, MW_LIMIT_REQUEST_ARENA_BYTES);
    d.columns = calloc(forest->schema.n_columns + 1, sizeof *d.columns);
    mw_status status =
        d.columns ? take_all(&d, columns, err) : mw_fail_memory(err, "what is declared");
    free(d.columns);
    mw_arena_done(&d.arena);
    return status;
}

static mw_status apply_file(mw_forest *forest, const char *path, mw_error *err)
{
    mw_file file;
    mw_yaml_document *document;
    MW_TRY(mw_file_read(path, MW_LIMIT_MLMODEL_FILE_BYTES, &file, err));
    mw_status status = mw_yaml_read((mw_view){file.data, file.size}, path, &document, err);
    if (status == MW_OK) {
        status = model_declared_apply(forest, mw_yaml_root(document), err);
        if (status != MW_OK)
            mw_at(err, "%s", path);
        mw_yaml_free(document);
    }
    mw_file_done(&file);
    return status;
}

mw_status model_declared_beside(mw_forest *forest, const char *path, mw_error *err)
{
    mw_buf beside;
    mw_buf_init(&beside, MW_LIMIT_MLMODEL_FILE_BYTES);
    mw_buf_format(&beside, "%s.contract.yaml", path);
    mw_status status = MW_OK;
    if (beside.failed)
        status = mw_fail_memory(err, "a path");
    else if (access(beside.data, F_OK) == 0)
        status = apply_file(forest, beside.data, err);
    mw_buf_done(&beside);
    return status;
}
