/* Rows that a model is explained against: a file beside the model, read when the model is loaded.
 */
#include "plan.h"

/* CSV with a header line, or JSON lines: told from the first byte that is no blank. */
static mw_status read_rows(mw_view text, const mw_schema *schema, mw_arena *arena,
                           mw_batch *ret_batch, mw_error *err)
{
    mw_view body = mw_view_trim(text);
    if (body.size > 0 && (body.data[0] == '{' || body.data[0] == '['))
        return mw_batch_read_json_lines(text, schema, arena, ret_batch, err);
    return mw_batch_read_csv(text, schema, arena, ret_batch, err);
}

mw_status serve_background_load(const char *path, const mw_forest *forest,
                                mw_contrast **ret_contrast, mw_error *err)
{
    mw_file file;
    mw_batch batch;
    mw_arena arena;
    MW_TRY(mw_file_read(path, MW_LIMIT_BACKGROUND_BYTES, &file, err));
    mw_arena_init(&arena, MW_MIB, 2 * MW_LIMIT_BACKGROUND_BYTES);
    mw_view text = {file.data, file.size};
    mw_status status = read_rows(text, &forest->schema, &arena, &batch, err);
    if (status == MW_OK) {
        mw_matrix rows = mw_batch_matrix(&batch);
        status = mw_contrast_new(forest, &rows, MW_SCALE_MARGIN, ret_contrast, err);
    }
    mw_arena_done(&arena);
    mw_file_done(&file);
    return status == MW_OK ? MW_OK : mw_at(err, "%s", path);
}
