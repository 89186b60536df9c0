/* See declared.h. */
#include "declared.h"

#include <stdlib.h>
#include <unistd.h>

typedef struct declaring {
    mw_forest *forest;
    mw_column *columns;
    mw_arena arena; /* of what is declared, and one row for defaults */
} declaring;

/* As a request's text would be read. */
static mw_status take_default(declaring *d, const mw_declaration *from, size_t c, mw_error *err)
{
    mw_batch row;
    mw_error why;
    const mw_schema *schema = &d->forest->schema;
    MW_TRY(mw_batch_make(schema, 1, &d->arena, &row, err));
    if (mw_batch_put_text(&row, schema, 0, c, from->default_text, &why) != MW_OK) {
        mw_declaration_fail(from->default_line, from->default_column, err, "no value of its column",
                            from->default_text);
        return mw_why(err, "%s", why.what);
    }
    d->columns[c].default_value = row.values[c];
    d->columns[c].has_default = true;
    return MW_OK;
}

static mw_status take_column(declaring *d, const mw_declaration *from, mw_error *err)
{
    ptrdiff_t c = mw_schema_find(&d->forest->schema, from->name);
    if (c < 0)
        return mw_declaration_fail(from->line, from->column, err,
                                   "the model has no column of that name", from->name);
    if (from->was) {
        d->columns[c].was = from->was;
        d->columns[c].n_was = from->n_was;
    }
    if (from->says_optional)
        d->columns[c].optional = from->optional;
    return from->default_text.data ? take_default(d, from, (size_t)c, err) : MW_OK;
}

static mw_status take_all(declaring *d, const mw_declarations *all, mw_error *err)
{
    mw_schema *schema = &d->forest->schema;
    memcpy(d->columns, schema->columns, schema->n_columns * sizeof *d->columns);
    for (size_t i = 0; i < all->count; i++)
        MW_TRY(take_column(d, &all->items[i], err));
    if (mw_schema_make(d->columns, schema->n_columns, true, &d->forest->arena, schema, err) ==
        MW_OK)
        return MW_OK;
    return mw_at(err, "%u:%u", all->line, all->column);
}

static mw_status apply(declaring *d, const mw_yaml *root, mw_error *err)
{
    mw_declarations all;
    MW_TRY(mw_declarations_read(root, &d->arena, &all, err));
    if (all.count == 0)
        return MW_OK;
    if (!d->forest->schema.named)
        return mw_declaration_fail(all.line, all.column, err, "the model's columns have no names",
                                   all.items[0].name);
    d->columns = calloc(d->forest->schema.n_columns + 1, sizeof *d->columns);
    mw_status status =
        d->columns ? take_all(d, &all, err) : mw_fail_memory(err, "what is declared");
    free(d->columns);
    return status;
}

mw_status model_declared_apply(mw_forest *forest, const mw_yaml *root, mw_error *err)
{
    declaring d = {.forest = forest};
    mw_arena_init(&d.arena, MW_LIMIT_REQUEST_BLOCK_BYTES, MW_LIMIT_REQUEST_ARENA_BYTES);
    mw_status status = apply(&d, root, err);
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
