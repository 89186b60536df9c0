/* report data: what a table is like, for people. */
#include "frame_file.h"
#include "frame_rows.h"
#include "reports.h"

#define REPORT_BYTES (64 * MW_MIB)

typedef struct report {
    const cli_call *call;
    cli_frame_file file;
    mw_words *words; /* a column; owned */
    mw_data_profile profile;
    bool has_profile;
} report;

static mw_status find_target(const report *job, ptrdiff_t *ret_target, mw_error *err)
{
    const char *name = job->call->settings[CLI_TARGET].text;
    *ret_target = name ? mw_frame_find(&job->file.frame, mw_view_of(name)) : -1;
    if (!name || *ret_target >= 0)
        return MW_OK;
    cli_nearest nearest = cli_nearest_to(mw_view_of(name));
    for (size_t c = 0; c < job->file.frame.n_columns; c++)
        cli_nearest_offer(&nearest, job->file.frame.columns[c].name.data);
    mw_fail(err, MW_E_VALIDATE_COLUMNS, "the file has no column '%s'", name);
    mw_at(err, "--target");
    return nearest.name ? mw_mend(err, "did you mean '%s'?", nearest.name)
                        : mw_mend(err, "the header line tells which columns there are");
}

static mw_status put_report(const report *job, mw_error *err)
{
    mw_buf out;
    static void (*const writers[])(const mw_data_profile *, mw_buf *) = {
        mw_data_profile_html, mw_data_profile_markdown, mw_data_profile_json};
    mw_buf_init(&out, REPORT_BYTES);
    writers[cli_tell_form(job->call)](&job->profile, &out);
    mw_status status =
        out.failed ? mw_fail_memory(err, "the report") : cli_put(job->call, &out, err);
    mw_buf_done(&out);
    return status;
}

static mw_status run(report *job, mw_error *err)
{
    ptrdiff_t target;
    job->file.path = job->call->arguments[0];
    MW_TRY(cli_frame_file_read(&job->file, err));
    MW_TRY(find_target(job, &target, err));
    MW_TRY(cli_frame_words(&job->file.frame, &job->words, err));
    job->has_profile = true;
    MW_TRY(mw_data_profile_make(&job->file.frame, job->words, mw_view_of(job->file.path), target,
                                &job->profile, err));
    return put_report(job, err);
}

mw_status cli_run_report_data(cli_call *call, mw_error *err)
{
    report job = {.call = call};
    mw_status status = run(&job, err);
    if (job.has_profile)
        mw_data_profile_done(&job.profile);
    cli_frame_words_done(&job.file.frame, job.words);
    cli_frame_file_done(&job.file);
    return status;
}
