/* counterfactual: the nearest change of a row that the model answers as wanted.
 *
 *     model, rows, --want --> rules of each feature (fixed, one way, range, steps, cost) for the
 * row
 *                         --> search --> answers, each predicted again --> text, csv, json
 */
#include "call.h"
#include "house.h"
#include "insight/insight.h"
#include "scores.h"
#include "study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BOXES_MAX = 4000000 };

#define CHANGE_COST 0.1 /* of each changed feature: of near ones, fewer changes win */
#define NS_PER_MS UINT64_C(1000000)

typedef struct counterfactual {
    cli_study study;
    mw_search search;
    mw_change_rule *general, *rules; /* of all rows; of the row at hand */
    signed char *direction;          /* n_features: 1 up only, -1 down only, 0 either */
    double *reference;
    size_t n_reference, count;
    double *rows;        /* answers: (count, n_features) */
    mw_answer *answers;  /* count + 1 */
    double *predictions; /* of one row */
    cli_scores names;    /* of the predictions */
    cli_report_format format;
} counterfactual;

static const mw_forest *forest_of(const counterfactual *job)
{
    return job->study.forest;
}

/* ---- what is wanted -------------------------------------------------------------------------- */

static mw_status fail_want(mw_view text, mw_error *err)
{
    mw_fail(err, MW_E_OPTION_VALUE, "'%.*s' is nothing that can be wanted", MW_VIEW_ARG(text));
    mw_at(err, "--want");
    return mw_mend(err, "give '>=0.5', '<0.5', a range 10..20, or a class of the model");
}

static mw_view behind(mw_view text, size_t n)
{
    return mw_view_trim((mw_view){text.data + n, text.size - n});
}

/* ---- rules ----------------------------------------------------------------------------------- */

typedef mw_status put_rule(counterfactual *job, size_t feature, mw_view value, mw_error *err);

static mw_status fail_rule(cli_option_id id, mw_view item, mw_error *err)
{
    mw_fail(err, MW_E_OPTION_VALUE, "'%.*s' is no rule of a feature", MW_VIEW_ARG(item));
    mw_at(err, "--%s", cli_options[id].name);
    return mw_mend(err, "write %s", cli_options[id].value);
}

/* "a,b=1,c=2:3": each item to `put`, with what stands behind '='. */
static mw_status read_rules(counterfactual *job, cli_option_id id, put_rule *put, mw_error *err)
{
    mw_view rest = mw_view_of(job->study.call->settings[id].text);
    bool wants_value = strchr(cli_options[id].value, '=');
    while (rest.size > 0) {
        const char *comma = memchr(rest.data, ',', rest.size);
        mw_view item = {rest.data, comma ? (size_t)(comma - rest.data) : rest.size};
        rest = behind(rest, item.size + (comma != NULL));
        item = mw_view_trim(item);
        const char *sign = wants_value ? memrchr(item.data, '=', item.size) : NULL;
        mw_view name = {item.data, sign ? (size_t)(sign - item.data) : item.size};
        mw_view value = sign ? behind(item, name.size + 1) : (mw_view){NULL, 0};
        size_t feature;
        if (item.size == 0)
            continue;
        if (wants_value && value.size == 0)
            return fail_rule(id, item, err);
        MW_TRY(cli_study_feature(&job->study, mw_view_trim(name), cli_options[id].name, &feature,
                                 err));
        if (put(job, feature, value, err) != MW_OK)
            return fail_rule(id, item, err);
    }
    return MW_OK;
}

static mw_status put_fixed(counterfactual *job, size_t f, mw_view value, mw_error *err)
{
    (void)value;
    (void)err;
    job->general[f].fixed = true;
    return MW_OK;
}

static mw_status put_up(counterfactual *job, size_t f, mw_view value, mw_error *err)
{
    (void)value;
    (void)err;
    job->direction[f] = 1;
    return MW_OK;
}

static mw_status put_down(counterfactual *job, size_t f, mw_view value, mw_error *err)
{
    (void)value;
    (void)err;
    job->direction[f] = -1;
    return MW_OK;
}

static mw_status put_range(counterfactual *job, size_t f, mw_view value, mw_error *err)
{
    mw_change_rule *rule = &job->general[f];
    const char *colon = memchr(value.data, ':', value.size);
    (void)err;
    if (!colon)
        return MW_BAD_ARGUMENT;
    size_t n = (size_t)(colon - value.data), rest = value.size - n - 1;
    rule->low = -(double)INFINITY;
    rule->high = (double)INFINITY;
    bool good = (n == 0 || mw_number_parse(value.data, n, &rule->low)) &&
                (rest == 0 || mw_number_parse(colon + 1, rest, &rule->high)) &&
                rule->low <= rule->high;
    return good ? MW_OK : MW_BAD_ARGUMENT;
}

static mw_status put_step(counterfactual *job, size_t f, mw_view value, mw_error *err)
{
    double *step = &job->general[f].step;
    (void)err;
    return mw_number_parse(value.data, value.size, step) && *step >= 0 && isfinite(*step)
               ? MW_OK
               : MW_BAD_ARGUMENT;
}

static mw_status put_cost(counterfactual *job, size_t f, mw_view value, mw_error *err)
{
    double *weight = &job->general[f].weight;
    (void)err;
    return mw_number_parse(value.data, value.size, weight) && *weight >= 0 && isfinite(*weight)
               ? MW_OK
               : MW_BAD_ARGUMENT;
}

static mw_status read_all_rules(counterfactual *job, mw_error *err)
{
    static const struct {
        cli_option_id id;
        put_rule *put;
    } rules[] = {{CLI_IMMUTABLE, put_fixed}, {CLI_UP, put_up},     {CLI_DOWN, put_down},
                 {CLI_RANGE, put_range},     {CLI_STEP, put_step}, {CLI_COSTS, put_cost}};
    for (size_t i = 0; i < MW_COUNT(rules); i++)
        if (job->study.call->settings[rules[i].id].text)
            MW_TRY(read_rules(job, rules[i].id, rules[i].put, err));
    return MW_OK;
}

/* ---- what the data says ---------------------------------------------------------------------- */

static mw_status learn(counterfactual *job, mw_error *err)
{
    const cli_study *study = &job->study;
    size_t n_features = study->forest->n_features;
    mw_rows_seen rows = {study->values, study->n_rows, study->n_columns};
    mw_rows_seen reference = {job->reference, job->n_reference, n_features};
    return mw_rules_learn(study->forest, &rows, job->reference ? &reference : NULL, job->general,
                          err);
}

/* The general rules, and the row's own value where a feature goes one way. */
static void rules_of_row(counterfactual *job, const double *row)
{
    for (size_t f = 0; f < forest_of(job)->n_features; f++) {
        job->rules[f] = job->general[f];
        if (job->direction[f] > 0)
            job->rules[f].low = fmax(job->rules[f].low, row[f]);
        if (job->direction[f] < 0)
            job->rules[f].high = fmin(job->rules[f].high, row[f]);
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

static mw_status predict(counterfactual *job, const double *row, mw_error *err)
{
    size_t n = forest_of(job)->n_features;
    mw_matrix rows = {row, MW_FLOAT64, 1, n, (ptrdiff_t)n, 1};
    return mw_predict_parallel(job->study.predictor, &rows, MW_PREDICTION, NULL, job->predictions,
                               err);
}

static void put_number(double value, mw_buf *out)
{
    char text[MW_NUMBER_TEXT_BYTES];
    mw_buf_bytes(out, text, mw_number_write_double(text, value, false));
}

static void put_value(const counterfactual *job, size_t f, double value, bool json, mw_buf *out)
{
    const mw_column *column = &forest_of(job)->schema.columns[f];
    bool named = column->categories && value >= 0 && value < (double)column->n_categories;
    if (named && json)
        mw_json_write_text(out, column->categories[(size_t)value]);
    else if (named && job->format == CLI_REPORT_CSV)
        cli_csv_name(out, column->categories[(size_t)value]);
    else if (named)
        mw_buf_view(out, column->categories[(size_t)value]);
    else if (isnan(value))
        mw_buf_text(out, json ? "null" : job->format == CLI_REPORT_CSV ? "" : "missing");
    else
        put_number(value, out);
}

static void put_predictions(const counterfactual *job, mw_buf *out)
{
    bool json = job->format == CLI_REPORT_JSON;
    for (size_t m = 0; m < forest_of(job)->n_predictions; m++) {
        mw_buf_text(out, m ? (json ? "," : job->format == CLI_REPORT_CSV ? "," : ", ") : "");
        if (json)
            mw_buf_format(out, "%s:", job->names.names[m]);
        if (job->format == CLI_REPORT_TEXT)
            mw_buf_format(out, "%.6g", job->predictions[m]);
        else
            put_number(job->predictions[m], out);
    }
}

static bool differs(double a, double b)
{
    return !(a == b || (isnan(a) && isnan(b)));
}

static mw_status text_answer(counterfactual *job, const double *row, size_t k, mw_error *err)
{
    mw_buf *out = &job->study.text;
    const mw_answer *answer = &job->answers[k];
    const double *changed = job->rows + k * forest_of(job)->n_features;
    MW_TRY(predict(job, changed, err));
    mw_buf_format(out, "  answer %zu: prediction ", k + 1);
    put_predictions(job, out);
    if (answer->proven)
        mw_buf_format(out, ", cost %.4g, the nearest%s\n", answer->cost,
                      k ? " of other features" : "");
    else
        mw_buf_format(out, ", cost %.4g, the best found: none is below %.4g\n", answer->cost,
                      answer->bound);
    for (size_t f = 0; f < forest_of(job)->n_features; f++) {
        if (!differs(row[f], changed[f]))
            continue;
        mw_buf_format(out, "    %.*s: ", MW_VIEW_ARG(forest_of(job)->schema.columns[f].name));
        put_value(job, f, row[f], false, out);
        mw_buf_text(out, " -> ");
        put_value(job, f, changed[f], false, out);
        mw_buf_char(out, '\n');
    }
    return MW_OK;
}

static mw_status json_answer(counterfactual *job, const double *row, size_t k, mw_error *err)
{
    mw_buf *out = &job->study.text;
    const double *changed = job->rows + k * forest_of(job)->n_features;
    const char *comma = "";
    MW_TRY(predict(job, changed, err));
    mw_buf_text(out, k ? ",{\"prediction\":{" : "{\"prediction\":{");
    put_predictions(job, out);
    mw_buf_format(out, "},\"proven\":%s,\"cost\":", job->answers[k].proven ? "true" : "false");
    mw_json_write_double(out, job->answers[k].cost);
    mw_buf_text(out, ",\"bound\":");
    mw_json_write_double(out, job->answers[k].bound);
    mw_buf_text(out, ",\"changes\":{");
    for (size_t f = 0; f < forest_of(job)->n_features; f++) {
        if (!differs(row[f], changed[f]))
            continue;
        mw_buf_text(out, comma);
        mw_json_write_text(out, forest_of(job)->schema.columns[f].name);
        mw_buf_text(out, ":{\"from\":");
        put_value(job, f, row[f], true, out);
        mw_buf_text(out, ",\"to\":");
        put_value(job, f, changed[f], true, out);
        mw_buf_char(out, '}');
        comma = ",";
    }
    mw_buf_text(out, "}}");
    return MW_OK;
}

static mw_status csv_answer(counterfactual *job, size_t row, size_t k, mw_error *err)
{
    mw_buf *out = &job->study.text;
    const double *changed = job->rows + k * forest_of(job)->n_features;
    MW_TRY(predict(job, changed, err));
    mw_buf_format(out, "%zu,%zu,%s,", row, k + 1, job->answers[k].proven ? "true" : "false");
    put_number(job->answers[k].cost, out);
    mw_buf_char(out, ',');
    put_predictions(job, out);
    for (size_t f = 0; f < forest_of(job)->n_features; f++) {
        mw_buf_char(out, ',');
        put_value(job, f, changed[f], false, out);
    }
    mw_buf_char(out, '\n');
    return MW_OK;
}

static void csv_header(counterfactual *job)
{
    mw_buf *out = &job->study.text;
    mw_buf_text(out, "row,answer,proven,cost");
    for (size_t m = 0; m < forest_of(job)->n_predictions; m++)
        mw_buf_format(out, ",%s", job->names.names[m]);
    for (size_t f = 0; f < forest_of(job)->n_features; f++) {
        mw_buf_char(out, ',');
        cli_csv_name(out, forest_of(job)->schema.columns[f].name);
    }
    mw_buf_char(out, '\n');
}

/* Why there is no (further) answer. */
static const char *status_of(const counterfactual *job, bool holds, size_t n_found)
{
    return holds                          ? "already"
           : n_found > 0                  ? "found"
           : job->answers[n_found].proven ? "impossible"
                                          : "unknown";
}

static mw_status write_row(counterfactual *job, size_t row, bool holds, size_t n_found,
                           mw_error *err)
{
    static const struct {
        const char *status, *words;
    } words[] = {{"already", "as wanted already"},
                 {"found", ""},
                 {"impossible", "no allowed change reaches it (proven)"},
                 {"unknown", "nothing found within the budget"}};
    mw_buf *out = &job->study.text;
    const double *values = job->study.values + row * job->study.n_columns;
    const char *status = status_of(job, holds, n_found), *text = "";
    for (size_t i = 0; i < MW_COUNT(words); i++)
        text = strcmp(words[i].status, status) == 0 ? words[i].words : text;
    MW_TRY(predict(job, values, err));
    if (job->format == CLI_REPORT_TEXT) {
        mw_buf_format(out, "row %zu: prediction ", row);
        put_predictions(job, out);
        mw_buf_format(out, "%s%s\n", *text ? ", " : "", text);
    } else if (job->format == CLI_REPORT_JSON) {
        mw_buf_format(out, "{\"row\":%zu,\"status\":\"%s\",\"prediction\":{", row, status);
        put_predictions(job, out);
        mw_buf_text(out, "},\"answers\":[");
    }
    for (size_t k = 0; k < n_found; k++)
        MW_TRY(job->format == CLI_REPORT_TEXT  ? text_answer(job, values, k, err)
               : job->format == CLI_REPORT_CSV ? csv_answer(job, row, k, err)
                                               : json_answer(job, values, k, err));
    mw_buf_text(out, job->format == CLI_REPORT_JSON ? "]}\n" : "");
    return MW_OK;
}

/* ---- run ------------------------------------------------------------------------------------- */

static mw_status answer_rows(counterfactual *job, mw_error *err)
{
    if (job->format == CLI_REPORT_CSV)
        csv_header(job);
    for (size_t row = 0; row < job->study.n_rows; row++) {
        bool holds = false;
        size_t n_found = 0;
        const double *values = job->study.values + row * job->study.n_columns;
        MW_TRY(mw_want_holds(&job->search, values, &holds, err));
        rules_of_row(job, values);
        if (!holds)
            MW_TRY(mw_counterfactual_find(&job->search, values, job->count, job->rows, job->answers,
                                          &n_found, err));
        MW_TRY(write_row(job, row, holds, n_found, err));
    }
    return MW_OK;
}

static mw_status make_room(counterfactual *job, mw_error *err)
{
    size_t n = forest_of(job)->n_features;
    job->general = calloc(n + 1, sizeof *job->general);
    job->rules = calloc(n + 1, sizeof *job->rules);
    job->direction = calloc(n + 1, sizeof *job->direction);
    job->rows = calloc(job->count * n + 1, sizeof *job->rows);
    job->answers = calloc(job->count + 1, sizeof *job->answers);
    job->predictions = calloc(forest_of(job)->n_predictions + 1, sizeof *job->predictions);
    return job->general && job->rules && job->direction && job->rows && job->answers &&
                   job->predictions
               ? MW_OK
               : mw_fail_memory(err, "the search");
}

static mw_status set_up(counterfactual *job, mw_error *err)
{
    cli_study *study = &job->study;
    const cli_setting *settings = study->call->settings;
    double margin = 0;
    const char *gap = settings[CLI_GAP].text;
    if (!settings[CLI_WANT].text) {
        mw_fail(err, MW_E_MISSING_ARGUMENT, "what is wanted?");
        return mw_mend(err, "say it: --want '>=0.5', '<0.5', 10..20, or a class");
    }
    if (gap && (!mw_number_parse(gap, strlen(gap), &margin) || !(margin >= 0 && margin < 1e6))) {
        mw_fail(err, MW_E_OPTION_VALUE, "'%s' is no distance", gap);
        mw_at(err, "--gap");
        return mw_mend(err, "give a number from 0 on, in scales of the feature: 0.05");
    }
    MW_TRY(cli_study_load(study, err));
    job->count = settings[CLI_COUNT].number;
    MW_TRY(make_room(job, err));
    job->search = (mw_search){.forest = study->forest,
                              .predictor = study->predictor,
                              .rules = job->rules,
                              .max_changed = settings[CLI_MAX_FEATURES].number,
                              .change_cost = CHANGE_COST,
                              .margin = margin,
                              .max_boxes = BOXES_MAX,
                              .max_ns = settings[CLI_BUDGET].number * NS_PER_MS,
                              .stopped = cli_was_interrupted};
    mw_view wanted = mw_view_of(settings[CLI_WANT].text);
    if (!mw_want_read(study->forest, wanted, &job->search.want))
        return fail_want(wanted, err);
    MW_TRY(cli_study_open(study, NULL, err));
    MW_TRY(cli_study_read(study, err));
    if (settings[CLI_REFERENCE].text)
        MW_TRY(cli_study_read_file(study, settings[CLI_REFERENCE].text, &job->reference,
                                   &job->n_reference, err));
    MW_TRY(learn(job, err));
    return read_all_rules(job, err);
}

static mw_status run(counterfactual *job, mw_error *err)
{
    cli_study *study = &job->study;
    job->format = (cli_report_format)study->call->settings[CLI_REPORT_FORMAT].number;
    MW_TRY(set_up(job, err));
    MW_TRY(cli_scores_init(&job->names, study->forest, study->predictor, MW_PREDICTION,
                           job->format == CLI_REPORT_JSON, &study->reader.kept, err));
    MW_TRY(answer_rows(job, err));
    return cli_study_put(study, err);
}

mw_status cli_run_counterfactual(cli_call *call, mw_error *err)
{
    counterfactual job = {.count = 0};
    cli_study_init(&job.study, call);
    mw_status status = run(&job, err);
    free(job.general);
    free(job.rules);
    free(job.direction);
    free(job.reference);
    free(job.rows);
    free(job.answers);
    free(job.predictions);
    cli_study_done(&job.study);
    return status;
}
