/* From a CSV file to a profile: texts are coded, then one column after another is taken. */
#include "training_profile.h"

#include "command.h"

#include <stdlib.h>

/* ---- lists ----------------------------------------------------------------------------------- */

bool cli_names_have(const char *list, mw_view name)
{
    mw_view rest = mw_view_of(list);
    while (rest.size > 0)
        if (mw_view_equal(mw_view_trim(mw_view_cut(&rest, ',')), name))
            return true;
    return false;
}

mw_status cli_check_columns(const mw_frame *frame, const char *option, const char *list,
                            mw_error *err)
{
    mw_view rest = mw_view_of(list);
    while (rest.size > 0) {
        mw_view name = mw_view_trim(mw_view_cut(&rest, ','));
        if (name.size == 0 || mw_frame_find(frame, name) >= 0)
            continue;
        mw_fail(err, MW_E_DRIFT_NO_COLUMN, "the file has no column '%.*s'", MW_VIEW_ARG(name));
        mw_at(err, "--%s", option);
        cli_nearest nearest = cli_nearest_to(name);
        for (size_t c = 0; c < frame->n_columns; c++)
            cli_nearest_offer(&nearest, frame->columns[c].name.data);
        return nearest.name ? mw_mend(err, "did you mean '%s'?", nearest.name)
                            : mw_mend(err, "the header line tells which columns there are");
    }
    return MW_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

bool cli_is_profile(const cli_frame_file *file)
{
    return mw_view_starts(mw_view_trim((mw_view){file->bytes, file->size}), "{");
}

static bool is_wanted(const cli_profile_wishes *wishes, mw_view name)
{
    return !wishes->columns || cli_names_have(wishes->columns, name);
}

static mw_status check(const mw_frame *frame, const cli_profile_wishes *wishes, mw_error *err)
{
    MW_TRY(cli_check_columns(frame, "columns", wishes->columns, err));
    MW_TRY(cli_check_columns(frame, "label", wishes->labels, err));
    return cli_check_columns(frame, "categorical", wishes->categorical, err);
}

static mw_status add_all(const mw_frame *frame, const mw_words *words,
                         const cli_profile_wishes *wishes, mw_profile *profile, mw_error *err)
{
    for (size_t c = 0; c < frame->n_columns; c++) {
        const mw_frame_column *column = &frame->columns[c];
        if (!is_wanted(wishes, column->name))
            continue;
        mw_profile_source source = {.name = column->name,
                                    .values = column->values,
                                    .n = frame->n_rows,
                                    .texts = column->is_text ? words[c].texts : NULL,
                                    .n_texts = words[c].n_texts,
                                    .is_category =
                                        cli_names_have(wishes->categorical, column->name),
                                    .is_label = cli_names_have(wishes->labels, column->name)};
        MW_TRY(mw_profile_add(profile, &source, err));
    }
    return MW_OK;
}

static mw_status code_and_add(mw_frame *frame, mw_words *words, mw_words **of_columns,
                              const cli_profile_wishes *wishes, mw_profile *profile, mw_error *err)
{
    bool any = false;
    for (size_t c = 0; c < frame->n_columns; c++) {
        mw_words_init(&words[c]);
        if (frame->columns[c].is_text && is_wanted(wishes, frame->columns[c].name)) {
            of_columns[c] = &words[c];
            any = true;
        }
    }
    if (any)
        MW_TRY(mw_frame_code(frame, of_columns, err));
    return add_all(frame, words, wishes, profile, err);
}

static mw_status of_frame(mw_frame *frame, const cli_profile_wishes *wishes, mw_profile *profile,
                          mw_error *err)
{
    mw_words *words = calloc(frame->n_columns + 1, sizeof *words);
    mw_words **of_columns = calloc(frame->n_columns + 1, sizeof *of_columns);
    mw_status status = words && of_columns
                           ? code_and_add(frame, words, of_columns, wishes, profile, err)
                           : mw_fail_memory(err, "the categories");
    for (size_t c = 0; words && of_columns && c < frame->n_columns; c++)
        mw_words_done(&words[c]);
    free(words);
    free(of_columns);
    return status;
}

/* ---- files ----------------------------------------------------------------------------------- */

static mw_status read_rows(cli_frame_file *file, const cli_profile_wishes *wishes,
                           mw_profile *profile, mw_error *err)
{
    MW_TRY(cli_frame_file_parse(file, err));
    MW_TRY(check(&file->frame, wishes, err));
    mw_view path = mw_view_of(file->path);
    const char *slash = memrchr(path.data, '/', path.size);
    MW_TRY(mw_profile_set_source(profile, slash ? mw_view_of(slash + 1) : path, err));
    return of_frame(&file->frame, wishes, profile, err);
}

mw_status cli_profile_read(cli_frame_file *file, const cli_profile_wishes *wishes,
                           mw_profile *ret_profile, mw_error *err)
{
    mw_profile_init(ret_profile);
    MW_TRY(cli_frame_file_load(file, err));
    if (!cli_is_profile(file))
        return read_rows(file, wishes, ret_profile, err);
    mw_status status = mw_profile_read((mw_view){file->bytes, file->size}, ret_profile, err);
    return status == MW_OK ? MW_OK : mw_at(err, "%s", file->path);
}

mw_status cli_profile_load(const char *path, mw_profile *ret_profile, mw_error *err)
{
    cli_frame_file file = {.path = path};
    mw_status status = cli_profile_read(&file, &(cli_profile_wishes){0}, ret_profile, err);
    cli_frame_file_done(&file);
    return status;
}
