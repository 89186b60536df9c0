/* model validate: whether a model is good enough, and no worse than the one before.
 *
 *     CSV, model --> predictions --> metrics, slices, behaviour, data --> checks --> verdict
 *     exit code 6 when a check fails */
#include "validate.h"

#include <math.h>
#include <stdlib.h>

#include "frame_rows.h"

#define REPORT_BYTES (64 * MW_MIB)

typedef enum report_format {
    FORMAT_TEXT,
    FORMAT_JSON,
    FORMAT_MARKDOWN,
    FORMAT_HTML,
    FORMAT_JUNIT,
    FORMAT_GITHUB
} report_format;

/* --format, or what --output ends with. */
static report_format tell_format(const cli_call *call)
{
    static const struct {
        const char *ending;
        report_format format;
    } endings[] = {{".json", FORMAT_JSON},
                   {".md", FORMAT_MARKDOWN},
                   {".html", FORMAT_HTML},
                   {".htm", FORMAT_HTML},
                   {".xml", FORMAT_JUNIT}};
    const cli_setting *wish = &call->settings[CLI_VALID_FORMAT];
    const char *output = call->settings[CLI_OUTPUT].text;
    if (wish->origin != CLI_FROM_DEFAULT || !output)
        return (report_format)wish->number;
    for (size_t i = 0; i < MW_COUNT(endings); i++) {
        size_t size = strlen(output), end = strlen(endings[i].ending);
        if (size > end && strcmp(output + size - end, endings[i].ending) == 0)
            return endings[i].format;
    }
    return FORMAT_TEXT;
}

static mw_status put_report(const cli_validation *v, mw_error *err)
{
    mw_buf out;
    mw_status status = MW_OK;
    report_format format = tell_format(v->call);
    mw_buf_init(&out, REPORT_BYTES);
    if (format == FORMAT_JSON)
        status = cli_validate_json(v, &out, err);
    else
        (format == FORMAT_TEXT       ? cli_validate_text
         : format == FORMAT_MARKDOWN ? cli_validate_markdown
         : format == FORMAT_HTML     ? cli_validate_html
         : format == FORMAT_JUNIT    ? cli_validate_junit
                                     : cli_validate_github)(v, &out);
    if (status == MW_OK)
        status = out.failed ? mw_fail_memory(err, "the report") : cli_put(v->call, &out, err);
    mw_buf_done(&out);
    return status;
}

static mw_status read_threshold(cli_validation *v, mw_error *err)
{
    const char *text = v->call->settings[CLI_FAIR_THRESHOLD].text;
    if (mw_number_parse(text, strlen(text), &v->threshold) && !isnan(v->threshold))
        return MW_OK;
    mw_fail(err, MW_E_VALIDATE_VALUES, "'%s' is no score", text);
    mw_at(err, "--threshold");
    return mw_mend(err, "give a number, such as 0.5");
}

/* A challenger must be shown to be no worse: the smallest difference that matters was agreed on so
 * that this can be shown, and "may be worse" is no reason to replace a champion. */
static cli_undecided rule_of(const cli_validation *v, const cli_check *check)
{
    cli_undecided rule = check->rule == CLI_UNDECIDED_UNSAID ? v->suite.undecided : check->rule;
    if (rule == CLI_UNDECIDED_UNSAID && mw_view_starts(check->name, "compare/"))
        rule = CLI_UNDECIDED_FAILS;
    return cli_undecided_of(v->call, rule);
}

static void judge(cli_validation *v)
{
    size_t n_shown = 0;
    v->passed = true;
    for (size_t i = 0; i < v->n_checks; i++)
        n_shown += v->checks[i].verdict == CLI_PASS;
    for (size_t i = 0; i < v->n_checks; i++) {
        cli_check *check = &v->checks[i];
        check->stops = check->verdict == CLI_FAIL ||
                       (check->verdict == CLI_UNDECIDED &&
                        cli_undecided_stops(rule_of(v, check), n_shown));
        v->passed = v->passed && !check->stops;
    }
}

static mw_status run(cli_validation *v, mw_error *err)
{
    MW_TRY(read_threshold(v, err));
    MW_TRY(cli_validate_read_suite(v, err));
    MW_TRY(cli_validate_read(v, err));
    MW_TRY(cli_validate_predict(v, err));
    MW_TRY(cli_validate_measure(v, err));
    MW_TRY(cli_validate_slices(v, err));
    MW_TRY(cli_validate_behave(v, err));
    MW_TRY(cli_validate_data(v, err));
    judge(v);
    return put_report(v, err);
}

static void close_candidate(cli_candidate *c)
{
    mw_quality_free(c->quality);
    mw_predictor_free(c->predictor);
    mw_forest_free(c->forest);
    free(c->values);
}

static void done(cli_validation *v)
{
    close_candidate(&v->model);
    close_candidate(&v->other);
    cli_frame_words_done(&v->file.frame, v->words);
    free(v->checks);
    mw_yaml_free(v->suite.document);
    cli_frame_file_done(&v->file);
    cli_frame_file_done(&v->train);
    mw_registry_close(v->registry);
    mw_arena_done(&v->memory);
}

mw_status cli_run_model_validate(cli_call *call, mw_error *err)
{
    cli_validation *v = calloc(1, sizeof *v);
    if (!v)
        return mw_fail_memory(err, "the validation");
    v->call = call;
    v->latency_p50_ms = (double)NAN;
    mw_arena_init(&v->memory, 64 * MW_KIB, MW_LIMIT_STUDY_BYTES);
    mw_status status = run(v, err);
    if (status == MW_OK && !v->passed)
        call->exit_code = CLI_EXIT_NO;
    done(v);
    free(v);
    return status;
}
