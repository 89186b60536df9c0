/* fairness check: whether decisions treat groups alike.
 *
 *     CSV --> counts of each group --> rates, gaps, tests --> limits of a suite --> verdict
 *     exit code 6 when a limit is broken */
#include "fairness.h"

#include <math.h>
#include <stdlib.h>

#include "frame_rows.h"

#define REPORT_BYTES (64 * MW_MIB)

static mw_status fail_option(const char *flag, const char *text, mw_error *err)
{
    mw_fail(err, MW_E_FAIRNESS_VALUES, "'%s' is no number for it", text);
    mw_at(err, "%s", flag);
    return mw_mend(err, "'mw fairness check --help' tells what may stand there");
}

static mw_status read_number(const cli_call *call, cli_option_id id, double fallback,
                             double *ret_value, mw_error *err)
{
    char flag[40];
    const char *text = call->settings[id].text;
    *ret_value = fallback;
    snprintf(flag, sizeof flag, "--%s", cli_options[id].name);
    if (text && (!mw_number_parse(text, strlen(text), ret_value) || isnan(*ret_value)))
        return fail_option(flag, text, err);
    return MW_OK;
}

static mw_status read_options(cli_fair *job, mw_error *err)
{
    const cli_setting *settings = job->call->settings;
    job->file.path = settings[CLI_FAIR_DATA].text;
    if (!job->file.path) {
        mw_fail(err, MW_E_FAIRNESS_COLUMNS, "--data is missing");
        return mw_mend(err, "mw fairness check --data rows.csv --label y --score p --groups sex");
    }
    MW_TRY(read_number(job->call, CLI_FAIR_THRESHOLD, 0.5, &job->threshold, err));
    return read_number(job->call, CLI_FAIR_ZERO_DIVISION, (double)NAN, &job->zero_division, err);
}

static mw_status put_report(const cli_fair *job, mw_error *err)
{
    mw_buf out;
    mw_status status = MW_OK;
    mw_buf_init(&out, REPORT_BYTES);
    switch (job->call->settings[CLI_FAIR_FORMAT].number) {
    case 0:
        cli_fair_text(job, &out);
        break;
    case 1:
        status = cli_fair_json(job, &out, err);
        break;
    default:
        cli_fair_html(job, &out);
    }
    if (status == MW_OK)
        status = out.failed ? mw_fail_memory(err, "the report") : cli_put(job->call, &out, err);
    mw_buf_done(&out);
    return status;
}

void cli_fair_init(cli_fair *job, const cli_call *call)
{
    *job = (cli_fair){.call = call, .overall.name = MW_VIEW("overall")};
    mw_arena_init(&job->memory, 64 * MW_KIB, MW_LIMIT_STUDY_BYTES);
}

mw_status cli_fair_make(cli_fair *job, mw_error *err)
{
    MW_TRY(read_options(job, err));
    MW_TRY(cli_fair_read(job, err));
    MW_TRY(cli_fair_read_suite(job, err));
    MW_TRY(cli_fair_measure_all(job, err));
    return cli_fair_judge(job, err);
}

void cli_fair_done(cli_fair *job)
{
    cli_frame_words_done(&job->file.frame, job->words);
    free(job->labels);
    cli_frame_file_done(&job->file);
    mw_arena_done(&job->memory);
}

mw_status cli_run_fairness_check(cli_call *call, mw_error *err)
{
    cli_fair job;
    cli_fair_init(&job, call);
    mw_status status = cli_fair_make(&job, err);
    if (status == MW_OK)
        status = put_report(&job, err);
    if (status == MW_OK && job.stops)
        call->exit_code = CLI_EXIT_NO;
    cli_fair_done(&job);
    return status;
}
