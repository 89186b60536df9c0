/* The two files of a drift check: read, and matched column by column. */
#include "drift.h"

#include <math.h>
#include <stdlib.h>

/* ---- columns --------------------------------------------------------------------------------- */

bool cli_drift_is_listed(const cli_drift *job, cli_option_id list, mw_view name)
{
    return cli_names_have(job->call->settings[list].text, name);
}

static bool is_wanted(const cli_drift *job, mw_view name)
{
    return !job->call->settings[CLI_COLUMNS].text || cli_drift_is_listed(job, CLI_COLUMNS, name);
}

/* A column that neither file has is a slip. */
static mw_status check_list(const cli_drift *job, cli_option_id id, mw_error *err)
{
    mw_view list = mw_view_of(job->call->settings[id].text);
    while (list.size > 0) {
        mw_view name = mw_view_trim(mw_view_cut(&list, ','));
        if (name.size == 0 || mw_frame_find(&job->reference.frame, name) >= 0 ||
            mw_frame_find(&job->current.frame, name) >= 0)
            continue;
        mw_fail(err, MW_E_DRIFT_NO_COLUMN, "neither file has a column '%.*s'", MW_VIEW_ARG(name));
        mw_at(err, "--%s", cli_options[id].name);
        cli_nearest nearest = cli_nearest_to(name);
        for (size_t c = 0; c < job->reference.frame.n_columns; c++)
            cli_nearest_offer(&nearest, job->reference.frame.columns[c].name.data);
        return nearest.name ? mw_mend(err, "did you mean '%s'?", nearest.name)
                            : mw_mend(err, "the header lines tell which columns there are");
    }
    return MW_OK;
}

static bool has_values(const cli_drift *job, ptrdiff_t c)
{
    const mw_frame *frame = &job->reference.frame;
    if (job->by_profile)
        return job->profile.columns[c].n > 0;
    for (size_t row = 0; row < frame->n_rows; row++)
        if (!isnan(frame->columns[c].values[row]))
            return true;
    return false;
}

static void match(cli_drift *job, cli_drift_feature *feature)
{
    const mw_frame *reference = &job->reference.frame, *current = &job->current.frame;
    feature->in_current = mw_frame_find(current, feature->name);
    mw_words_init(&feature->words);
    if (feature->in_current < 0) {
        feature->state = CLI_DRIFT_REMOVED;
        return;
    }
    bool text_before = reference->columns[feature->in_reference].is_text;
    bool text_now = current->columns[feature->in_current].is_text;
    feature->by_code = text_now || (text_before && !job->by_profile);
    if (text_now && !text_before && has_values(job, feature->in_reference) &&
        !cli_drift_is_listed(job, CLI_CATEGORICAL, feature->name))
        feature->state = CLI_DRIFT_RETYPED;
}

static mw_status match_all(cli_drift *job, mw_error *err)
{
    const mw_frame *reference = &job->reference.frame, *current = &job->current.frame;
    job->features = calloc(reference->n_columns, sizeof *job->features);
    job->added = mw_arena_take_zeroed(&job->memory, current->n_columns, sizeof *job->added);
    if (!job->features || !job->added)
        return mw_fail_memory(err, "the features");
    for (size_t c = 0; c < reference->n_columns; c++) {
        bool is_label = job->by_profile && job->profile.columns[c].is_label;
        if (!is_wanted(job, reference->columns[c].name) ||
            (is_label && mw_frame_find(current, reference->columns[c].name) < 0))
            continue;
        cli_drift_feature *feature = &job->features[job->n_features++];
        feature->name = reference->columns[c].name;
        feature->in_reference = (ptrdiff_t)c;
        match(job, feature);
    }
    for (size_t c = 0; c < current->n_columns; c++)
        if (is_wanted(job, current->columns[c].name) &&
            mw_frame_find(reference, current->columns[c].name) < 0)
            job->added[job->n_added++] = current->columns[c].name;
    if (job->n_features > 0)
        return MW_OK;
    mw_fail(err, MW_E_DRIFT_NO_COLUMN, "the reference has none of the columns that are wanted");
    return mw_mend(err, "the header lines tell which columns there are");
}

static mw_status code_file(cli_drift *job, bool is_reference, mw_error *err)
{
    if (is_reference && job->by_profile)
        return MW_OK;
    cli_frame_file *file = is_reference ? &job->reference : &job->current;
    mw_words **words = calloc(file->frame.n_columns, sizeof *words);
    if (!words)
        return mw_fail_memory(err, "the categories");
    bool any = false;
    for (size_t f = 0; f < job->n_features; f++) {
        cli_drift_feature *feature = &job->features[f];
        if (!feature->by_code || feature->state != CLI_DRIFT_COMPARED)
            continue;
        words[is_reference ? feature->in_reference : feature->in_current] = &feature->words;
        any = true;
    }
    mw_status status = any ? mw_frame_code(&file->frame, words, err) : MW_OK;
    free(words);
    return status == MW_OK ? MW_OK : mw_at(err, "%s", file->path);
}

/* ---- files ----------------------------------------------------------------------------------- */

/* The columns of a profile as those of a frame without values. */
static mw_status describe_profile(cli_drift *job, mw_error *err)
{
    mw_frame *frame = &job->reference.frame;
    frame->columns = calloc(job->profile.n_columns, sizeof *frame->columns);
    if (!frame->columns)
        return mw_fail_memory(err, "the columns");
    job->reference.is_read = true;
    mw_arena_init(&frame->memory, MW_KIB, MW_KIB);
    frame->n_columns = frame->capacity = job->profile.n_columns;
    frame->n_rows = (size_t)job->profile.rows;
    for (size_t c = 0; c < frame->n_columns; c++)
        frame->columns[c] = (mw_frame_column){.name = job->profile.columns[c].name,
                                              .is_text = job->profile.columns[c].is_category};
    return MW_OK;
}

static mw_status read_reference(cli_drift *job, mw_error *err)
{
    cli_frame_file *file = &job->reference;
    MW_TRY(cli_frame_file_load(file, err));
    job->by_profile = cli_is_profile(file);
    if (!job->by_profile)
        return cli_frame_file_parse(file, err);
    mw_status status = mw_profile_read((mw_view){file->bytes, file->size}, &job->profile, err);
    return status == MW_OK ? describe_profile(job, err) : mw_at(err, "%s", file->path);
}

mw_status cli_drift_read(cli_drift *job, mw_error *err)
{
    MW_TRY(read_reference(job, err));
    MW_TRY(cli_frame_file_read(&job->current, err));
    MW_TRY(check_list(job, CLI_COLUMNS, err));
    MW_TRY(check_list(job, CLI_CATEGORICAL, err));
    MW_TRY(match_all(job, err));
    MW_TRY(code_file(job, true, err));
    return code_file(job, false, err);
}
