/* reasons: what moved each row most, in the words of a dictionary; and drafting one.
 *
 *     row -> contributions -> groups, one side, the strongest -> words with the row's values
 *                                                            `-> proof, with a background: the
 *                                                                group alone at its usual values
 */
#include "call.h"
#include "dictionary.h"
#include "explaining.h"
#include "house.h"
#include "insight/insight.h"
#include "scores.h"
#include "study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT_REASONS = 4, SIDE_UP = 0 /* first choice of --adverse */ };

typedef struct reasons {
    cli_study study;
    cli_explaining explaining;
    cli_dictionary dictionary;
    int side;
    size_t top;
    bool json;
    double *values;          /* of one row: cli_explaining_values */
    double *usual;           /* of each feature in the background: median or commonest; or NULL */
    double *moved, *margins; /* a row with one group at its usual values; margins of two rows */
    size_t *group_of;
    bool *shown;
    mw_reason *ranked; /* n_groups */
    cli_scores names;  /* of the margins */
} reasons;

static const mw_forest *forest_of(const reasons *job)
{
    return job->study.forest;
}

/* ---- usual values ---------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median; of categories the commonest, the first of equals. Missing when most are. */
static double usual_of(double *column, size_t count, size_t n_rows, bool categorical)
{
    if (2 * count < n_rows || count == 0)
        return (double)NAN;
    qsort(column, count, sizeof *column, ascending);
    if (!categorical)
        return column[(count - 1) / 2];
    size_t best = 0, best_at = 0;
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i; end < count && column[end] == column[i]; end++)
            ;
        if (end - i > best) {
            best = end - i;
            best_at = i;
        }
    }
    return column[best_at];
}

static mw_status learn_usual(reasons *job, mw_error *err)
{
    const char *path = job->study.call->settings[CLI_BACKGROUND].text;
    size_t n_features = forest_of(job)->n_features, n_rows;
    double *rows;
    if (!path)
        return MW_OK;
    MW_TRY(cli_study_read_file(&job->study, path, &rows, &n_rows, err));
    double *column = calloc(n_rows, sizeof *column);
    job->usual = calloc(n_features + 1, sizeof *job->usual);
    bool made = column && job->usual;
    for (size_t f = 0; f < n_features && made; f++) {
        size_t count = 0;
        for (size_t row = 0; row < n_rows; row++)
            if (!isnan(rows[row * n_features + f]))
                column[count++] = rows[row * n_features + f];
        job->usual[f] =
            usual_of(column, count, n_rows, mw_feature_is_categorical(forest_of(job), f));
    }
    free(column);
    free(rows);
    return made ? MW_OK : mw_fail_memory(err, "the background");
}

/* Does the reason hold by itself? With its group alone at usual values the margin must not move
 * further to where the reason pushes. */
static mw_status holds_alone(reasons *job, const double *row, size_t m, const mw_reason *reason,
                             bool *ret_alone, mw_error *err)
{
    size_t n = forest_of(job)->n_features, n_margins = forest_of(job)->n_margins;
    memcpy(job->moved, row, n * sizeof *row);
    memcpy(job->moved + n, row, n * sizeof *row);
    for (size_t f = 0; f < n; f++)
        if (job->group_of[f] == reason->group)
            job->moved[n + f] = job->usual[f];
    mw_matrix rows = {job->moved, MW_FLOAT64, 2, n, (ptrdiff_t)n, 1};
    MW_TRY(mw_predict_parallel(job->study.predictor, &rows, MW_MARGIN, NULL, job->margins, err));
    double change = job->margins[n_margins + m] - job->margins[m];
    *ret_alone = reason->value > 0 ? change <= 0 : change >= 0;
    return MW_OK;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void put_value(const reasons *job, size_t f, double x, mw_buf *out)
{
    const cli_dictionary_entry *entry = &job->dictionary.entries[f];
    const mw_column *column = &forest_of(job)->schema.columns[f];
    const mw_view *categories = entry->categories ? entry->categories : column->categories;
    char text[MW_NUMBER_TEXT_BYTES];
    if (isnan(x)) {
        mw_buf_view(out, entry->missing);
        return;
    }
    if (categories && x >= 0 && x < (double)column->n_categories) {
        mw_buf_view(out, categories[(size_t)x]);
        return;
    }
    if (entry->decimals >= 0)
        mw_buf_format(out, "%.*f", entry->decimals, x);
    else
        mw_buf_bytes(out, text, mw_number_write_double(text, x, false));
    if (entry->unit.size > 0)
        mw_buf_format(out, " %.*s", MW_VIEW_ARG(entry->unit));
}

/* A text with {name} and {value}; other braces stay. */
static void put_template(const reasons *job, mw_view text, mw_view name, size_t f, double x,
                         mw_buf *out)
{
    for (size_t i = 0; i < text.size; i++) {
        mw_view rest = {text.data + i, text.size - i};
        bool value = f != SIZE_MAX && mw_view_starts(rest, "{value}");
        if (value)
            put_value(job, f, x, out);
        else if (mw_view_starts(rest, "{name}"))
            mw_buf_view(out, name);
        else {
            mw_buf_char(out, text.data[i]);
            continue;
        }
        i += value ? strlen("{value}") - 1 : strlen("{name}") - 1;
    }
}

static void put_members(const reasons *job, size_t group, const double *row, mw_buf *out)
{
    const char *separator = "";
    for (size_t f = 0; f < forest_of(job)->n_features; f++) {
        if (job->group_of[f] != group || !job->shown[f])
            continue;
        mw_buf_format(out, "%s%.*s ", separator, MW_VIEW_ARG(job->dictionary.entries[f].name));
        put_value(job, f, row[f], out);
        separator = ", ";
    }
}

static void put_words(const reasons *job, const mw_reason *reason, const double *row, mw_buf *out)
{
    const cli_dictionary_group *group = &job->dictionary.groups[reason->group];
    size_t f = 0;
    while (job->group_of[f] != reason->group)
        f++;
    const cli_dictionary_entry *entry = &job->dictionary.entries[f];
    bool one = group->n_members == 1 && group->key.size == 0;
    mw_view text =
        reason->value > 0 ? (one ? entry->up : group->up) : (one ? entry->down : group->down);
    if (one && text.size == 0)
        text = MW_VIEW("{name} is {value}");
    if (!one && text.size == 0)
        text = group->name;
    put_template(job, text, one ? entry->name : group->name, one ? f : SIZE_MAX, row[f], out);
    if (one)
        return;
    mw_buf_text(out, ": ");
    put_members(job, reason->group, row, out);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static mw_status put_reason(reasons *job, const double *row, size_t m, size_t rank, mw_error *err)
{
    mw_buf *out = &job->study.text, words;
    const mw_reason *reason = &job->ranked[rank];
    bool alone = true;
    if (job->usual)
        MW_TRY(holds_alone(job, row, m, reason, &alone, err));
    mw_buf_init(&words, MW_MIB);
    put_words(job, reason, row, &words);
    if (!job->json) {
        mw_buf_format(out, "  %zu. %s%s [%+.4g]\n", rank + 1, words.data,
                      alone ? "" : " (in combination)", reason->value);
        mw_buf_done(&words);
        return MW_OK;
    }
    const cli_dictionary_group *group = &job->dictionary.groups[reason->group];
    mw_buf_text(out, rank ? ",{\"reason\":" : "{\"reason\":");
    mw_json_write_text(out, group->key.size ? group->key : group->name);
    mw_buf_text(out, ",\"text\":");
    mw_json_write_text(out, mw_buf_as_view(&words));
    mw_buf_done(&words);
    mw_buf_text(out, ",\"value\":");
    mw_json_write_double(out, reason->value);
    mw_buf_format(out, ",\"holds\":%s}",
                  !job->usual ? "null"
                  : alone     ? "\"alone\""
                              : "\"in combination\"");
    return MW_OK;
}

static double withheld_of(const reasons *job, const double *values)
{
    double sum = 0;
    for (size_t f = 0; f < forest_of(job)->n_features; f++)
        sum += job->shown[f] ? 0 : values[f];
    return sum;
}

static mw_status put_margin(reasons *job, uint64_t number, const double *row, size_t m,
                            const double *values, mw_error *err)
{
    mw_buf *out = &job->study.text;
    size_t n_features = forest_of(job)->n_features;
    double sum = 0;
    for (size_t f = 0; f <= n_features; f++)
        sum += values[f];
    size_t n = mw_reasons_rank(values, job->group_of, job->shown, n_features,
                               job->dictionary.n_groups, job->side, job->ranked);
    n = n < job->top ? n : job->top;
    bool several = forest_of(job)->n_margins > 1;
    if (job->json) {
        mw_buf_format(out, "{\"row\":%llu", (unsigned long long)number);
        if (several)
            mw_buf_format(out, ",\"output\":%s", job->names.names[m]);
        if (job->dictionary.version.size > 0) {
            mw_buf_text(out, ",\"dictionary\":");
            mw_json_write_text(out, job->dictionary.version);
        }
        mw_buf_format(out, ",\"%s\":", cli_explaining_sum(&job->explaining));
        mw_json_write_double(out, sum);
        mw_buf_text(out, ",\"usual\":");
        mw_json_write_double(out, values[n_features]);
        mw_buf_text(out, ",\"withheld\":");
        mw_json_write_double(out, withheld_of(job, values));
        mw_buf_text(out, ",\"reasons\":[");
    } else
        mw_buf_format(out, "row %llu%s%s: %s %.6g, where %.6g is usual%s\n",
                      (unsigned long long)number, several ? ", " : "",
                      several ? job->names.names[m] : "", cli_explaining_sum(&job->explaining), sum,
                      values[n_features], n ? "" : "; no reasons");
    for (size_t rank = 0; rank < n; rank++)
        MW_TRY(put_reason(job, row, m, rank, err));
    mw_buf_text(out, job->json ? "]}\n" : "");
    return MW_OK;
}

static mw_status put_rows(reasons *job, mw_error *err)
{
    size_t n_features = forest_of(job)->n_features;
    for (size_t row = 0; row < job->study.n_rows; row++) {
        const double *x = job->study.values + row * job->study.n_columns;
        mw_matrix one = {x, MW_FLOAT64, 1, n_features, (ptrdiff_t)n_features, 1};
        if (cli_was_interrupted())
            return cli_fail_interrupted(err);
        MW_TRY(cli_explaining_run(&job->explaining, &one, NULL, job->values, err));
        for (size_t m = 0; m < forest_of(job)->n_margins; m++)
            MW_TRY(put_margin(job, row, x, m, job->values + m * (n_features + 1), err));
    }
    return MW_OK;
}

/* ---- set up and run -------------------------------------------------------------------------- */

static mw_status make_room(reasons *job, mw_error *err)
{
    size_t n = forest_of(job)->n_features;
    job->values = calloc(cli_explaining_values(&job->explaining) + 1, sizeof *job->values);
    job->moved = calloc(2 * n + 1, sizeof *job->moved);
    job->margins = calloc(2 * forest_of(job)->n_margins + 1, sizeof *job->margins);
    job->group_of = calloc(n + 1, sizeof *job->group_of);
    job->shown = calloc(n + 1, sizeof *job->shown);
    job->ranked = calloc(n + 1, sizeof *job->ranked);
    if (!job->values || !job->moved || !job->margins || !job->group_of || !job->shown ||
        !job->ranked)
        return mw_fail_memory(err, "the reasons");
    for (size_t f = 0; f < n; f++) {
        job->group_of[f] = job->dictionary.entries[f].group;
        job->shown[f] = job->dictionary.entries[f].show;
    }
    return MW_OK;
}

static mw_status run(reasons *job, mw_error *err)
{
    cli_study *study = &job->study;
    const cli_setting *settings = study->call->settings;
    if (!settings[CLI_DICTIONARY].text) {
        mw_fail(err, MW_E_MISSING_ARGUMENT, "reasons need a dictionary");
        return mw_mend(err, "--dictionary FILE; 'mw dictionary %s' drafts one",
                       study->call->arguments[0]);
    }
    job->json = settings[CLI_REASON_FORMAT].number == 1;
    job->top = settings[CLI_TOP].text ? settings[CLI_TOP].number : DEFAULT_REASONS;
    job->side = !settings[CLI_ADVERSE].text ? 0 : settings[CLI_ADVERSE].number == SIDE_UP ? 1 : -1;
    MW_TRY(cli_study_load(study, err));
    MW_TRY(cli_dictionary_read(settings[CLI_DICTIONARY].text, study->forest, &study->reader.kept,
                               &job->dictionary, err));
    MW_TRY(cli_explaining_init(&job->explaining, study->call, study->forest, err));
    MW_TRY(cli_scores_init(&job->names, study->forest, study->predictor, MW_MARGIN, job->json,
                           &study->reader.kept, err));
    MW_TRY(make_room(job, err));
    MW_TRY(cli_study_open(study, NULL, err));
    MW_TRY(cli_study_read(study, err));
    MW_TRY(learn_usual(job, err));
    MW_TRY(put_rows(job, err));
    return cli_study_put(study, err);
}

mw_status cli_run_reasons(cli_call *call, mw_error *err)
{
    reasons job = {.top = 0};
    cli_study_init(&job.study, call);
    mw_status status = run(&job, err);
    cli_explaining_done(&job.explaining);
    free(job.values);
    free(job.usual);
    free(job.moved);
    free(job.margins);
    free(job.group_of);
    free(job.shown);
    free(job.ranked);
    cli_study_done(&job.study);
    return status;
}

mw_status cli_run_dictionary(cli_call *call, mw_error *err)
{
    mw_forest *forest;
    mw_buf draft;
    MW_TRY(mw_forest_load(call->arguments[0], &forest, err));
    mw_buf_init(&draft, MW_LIMIT_REPLY_BYTES);
    cli_dictionary_draft(forest, &draft);
    mw_status status =
        draft.failed ? mw_fail_memory(err, "the dictionary") : cli_put(call, &draft, err);
    mw_buf_done(&draft);
    mw_forest_free(forest);
    return status;
}
