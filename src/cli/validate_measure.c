/* Metrics with their intervals, the limits on them, and champion against challenger. */
#include "validate.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

enum { NAME_BYTES = 512, WHY_BYTES = 1024 };
enum { ROWS_TO_JUDGE = 30 }; /* fewer that are all alike show nothing: as of slices */

#define SMALLEST_OF_SHARES 0.005 /* the smallest difference that matters, where nobody says one */
#define SMALLEST_RELATIVE 0.01

const char *cli_verdict_name(cli_verdict verdict)
{
    static const char *const names[] = {"pass", "undecided", "fail"};
    return names[verdict];
}

cli_verdict cli_verdict_of(double value, mw_interval interval, double min, double max)
{
    if (isnan(value))
        return CLI_UNDECIDED;
    if (value < min || value > max)
        return CLI_FAIL;
    return interval.low < min || interval.high > max ? CLI_UNDECIDED : CLI_PASS;
}

/* What an undecided check waits for. */
static void say_more_rows(const cli_validation *v, cli_check *check, const char *why,
                          char reason[static WHY_BYTES])
{
    double n_rows = check->n_rows > 0 ? check->n_rows : (double)v->n_rows;
    check->more_rows = (double)NAN;
    if (check->verdict == CLI_UNDECIDED)
        check->more_rows =
            cli_rows_that_decide(check->value, check->interval, check->min, check->max, n_rows);
    if (isnan(check->more_rows))
        snprintf(reason, WHY_BYTES, "%s", why);
    else
        snprintf(reason, WHY_BYTES, "%s; about %.0f more rows may decide it", why,
                 check->more_rows);
}

mw_status cli_validate_add(cli_validation *v, const cli_check *check, const char *why,
                           mw_error *err)
{
    if (v->n_checks == v->checks_capacity) {
        size_t capacity = 2 * v->checks_capacity + 32;
        cli_check *grown = realloc(v->checks, capacity * sizeof *grown);
        if (!grown)
            return mw_fail_memory(err, "the checks");
        v->checks = grown;
        v->checks_capacity = capacity;
    }
    cli_check *added = &v->checks[v->n_checks];
    char reason[WHY_BYTES];
    *added = *check;
    say_more_rows(v, added, why, reason);
    added->name = (mw_view){mw_arena_text(&v->memory, check->name), check->name.size};
    added->why = (mw_view){mw_arena_text(&v->memory, mw_view_of(reason)), strlen(reason)};
    if (!added->name.data || !added->why.data)
        return mw_fail_memory(err, "the checks");
    v->n_checks++;
    return MW_OK;
}

mw_status cli_validate_note(cli_validation *v, mw_error *err, const char *format, ...)
{
    enum { NOTES_MAX = 100 };
    char text[WHY_BYTES];
    va_list arguments;
    if (!v->notes.items)
        v->notes.items = mw_arena_take_zeroed(&v->memory, NOTES_MAX, sizeof(mw_view));
    if (!v->notes.items)
        return mw_fail_memory(err, "the notes");
    if (v->notes.count == NOTES_MAX)
        return MW_OK;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    mw_view note = {mw_arena_text(&v->memory, mw_view_of(text)), strlen(text)};
    if (!note.data)
        return mw_fail_memory(err, "the notes");
    v->notes.items[v->notes.count++] = note;
    return MW_OK;
}

void cli_validate_number(mw_buf *out, double value)
{
    if (isnan(value))
        mw_buf_char(out, '-');
    else if (isinf(value))
        mw_buf_text(out, value > 0 ? "inf" : "-inf");
    else if (value == floor(value) && fabs(value) < 1e9)
        mw_buf_format(out, "%.0f", value);
    else if (fabs(value) < 0.001)
        mw_buf_format(out, "%.2e", value);
    else
        mw_buf_format(out, fabs(value) < 10 ? "%.4f" : "%.6g", value);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static mw_status fail_metric(const cli_validation *v, mw_view name, unsigned line, unsigned column,
                             mw_error *err)
{
    size_t n;
    char what[200], mend[200];
    const mw_quality_metric *metrics = mw_quality_metrics(v->task, &n);
    cli_nearest nearest = cli_nearest_to(name);
    for (size_t i = 0; i < n; i++)
        cli_nearest_offer(&nearest, metrics[i].name);
    snprintf(what, sizeof what, "'%.*s' is no metric of a %s task", MW_VIEW_ARG(name),
             mw_task_name(v->task));
    snprintf(mend, sizeof mend, "did you mean '%s'?", nearest.name ? nearest.name : "");
    const char *help = nearest.name ? mend : "docs/reference/validation-suite.md lists the metrics";
    if (line > 0)
        return cli_suite_fail(v, line, column, what, help, err);
    mw_fail(err, MW_E_VALIDATE_SUITE, "%s", what);
    mw_at(err, "--metric");
    return mw_mend(err, "%s", help);
}

static mw_status find_metric(const cli_validation *v, mw_view name, unsigned line, unsigned column,
                             ptrdiff_t *ret_metric, mw_error *err)
{
    *ret_metric = mw_quality_find(v->task, name);
    return *ret_metric < 0 ? fail_metric(v, name, line, column, err) : MW_OK;
}

static void say_limit(mw_buf *out, double min, double max)
{
    if (!isnan(min))
        mw_buf_format(out, ", at least %g", min);
    if (!isnan(max))
        mw_buf_format(out, ", at most %g", max);
}

/* A number alone is the least of what is better when more, and else the most. */
static mw_status check_limit(cli_validation *v, const cli_limit *limit, mw_error *err)
{
    size_t n;
    ptrdiff_t m;
    char name[NAME_BYTES];
    mw_buf why;
    MW_TRY(find_metric(v, limit->name, limit->line, limit->column, &m, err));
    const mw_quality_metric *metric = &mw_quality_metrics(v->task, &n)[m];
    const mw_estimate *estimate = &v->model.estimates[m];
    double min = limit->min, max = limit->max;
    if (!isnan(limit->number) && metric->better == 0)
        return cli_suite_fail(v, limit->line, limit->column,
                              "this metric is not better when more "
                              "or less",
                              "give {min: ..., max: ...}", err);
    if (!isnan(limit->number))
        *(metric->better > 0 ? &min : &max) = limit->number;
    cli_check check = {.value = estimate->value,
                       .interval = {estimate->low, estimate->high},
                       .min = min,
                       .max = max,
                       .rule = limit->undecided,
                       .line = limit->line};
    check.verdict = cli_verdict_of(check.value, check.interval, min, max);
    bool is_blind = v->n_rows < ROWS_TO_JUDGE && !(check.interval.low < check.interval.high);
    if (is_blind && check.verdict == CLI_PASS)
        check.verdict = CLI_UNDECIDED;
    snprintf(name, sizeof name, "metric/%s", metric->name);
    check.name = mw_view_of(name);
    mw_buf_init(&why, WHY_BYTES);
    cli_validate_number(&why, check.value);
    say_limit(&why, min, max);
    if (isnan(check.value)) {
        mw_buf_text(&why, "; not defined on these rows");
    } else if (!isnan(check.interval.low)) {
        mw_buf_text(&why, "; 95 % ");
        cli_validate_number(&why, check.interval.low);
        mw_buf_text(&why, " to ");
        cli_validate_number(&why, check.interval.high);
    }
    if (is_blind && check.verdict == CLI_UNDECIDED && !isnan(check.value))
        mw_buf_format(&why, "; fewer than %d rows do not tell how certain it is", ROWS_TO_JUDGE);
    mw_status status = cli_validate_add(v, &check, why.data, err);
    mw_buf_done(&why);
    return status;
}

/* ---- champion and challenger ------------------------------------------------------------------
 */

static mw_status copy_labels(const cli_validation *v, uint8_t **ret_labels, mw_error *err)
{
    uint8_t *labels = malloc(v->n_rows + 1);
    if (!labels)
        return mw_fail_memory(err, "the labels");
    for (size_t row = 0; row < v->n_rows; row++)
        labels[row] = v->truth[row] > 0;
    *ret_labels = labels;
    return MW_OK;
}

static bool is_right(const cli_validation *v, const cli_candidate *c, size_t row)
{
    return v->task == MW_TASK_BINARY ? (c->predicted[row] >= v->threshold) == (v->truth[row] > 0)
                                     : c->predicted[row] == v->truth[row];
}

/* Tests of their own: DeLong for areas, McNemar for decisions. */
static mw_status test_pairs(cli_validation *v, mw_error *err)
{
    double only_other = 0, only_model = 0;
    uint8_t *labels = NULL;
    if (v->weights || v->task == MW_TASK_REGRESSION || v->task == MW_TASK_RANKING)
        return MW_OK;
    for (size_t row = 0; row < v->n_rows; row++) {
        bool model = is_right(v, &v->model, row), other = is_right(v, &v->other, row);
        only_model += model && !other;
        only_other += other && !model;
    }
    v->mcnemar = mw_mcnemar_of(only_other, only_model);
    v->has_mcnemar = true;
    if (v->task != MW_TASK_BINARY)
        return MW_OK;
    MW_TRY(copy_labels(v, &labels, err));
    mw_status status = mw_delong_compare(v->other.predicted, v->model.predicted, labels, v->n_rows,
                                         &v->delong, err);
    free(labels);
    v->has_delong = status == MW_OK && !isnan(v->delong.variance);
    return status;
}

/* The interval of the difference that decides: DeLong's for an area, else the bootstrap's. */
static mw_interval deciding_interval(const cli_validation *v, const mw_quality_metric *metric,
                                     const mw_contrast_of_metric *contrast)
{
    double half = 1.959963984540054 * sqrt(v->delong.variance);
    if (v->has_delong && strcmp(metric->name, "roc_auc") == 0)
        return (mw_interval){contrast->difference - half, contrast->difference + half};
    return (mw_interval){contrast->low, contrast->high};
}

static mw_status add_comparison(cli_validation *v, mw_error *err)
{
    size_t n;
    char name[NAME_BYTES], why[WHY_BYTES];
    const mw_quality_metric *metric = &mw_quality_metrics(v->task, &n)[v->primary];
    const mw_contrast_of_metric *contrast = &v->contrasts[v->primary];
    mw_interval interval = deciding_interval(v, metric, contrast);
    const char *test = v->has_delong && strcmp(metric->name, "roc_auc") == 0 ? "DeLong, paired"
                                                                             : "paired bootstrap";
    bool falls = metric->better < 0;
    double least = v->suite.compare.must_be_better ? 0 : -v->margin;
    cli_check check = {.value = contrast->difference,
                       .interval = interval,
                       .min = falls ? (double)NAN : least,
                       .max = falls ? -least : (double)NAN,
                       .rule = v->suite.compare.undecided,
                       .line = v->suite.compare.line};
    double bad_end = falls ? -interval.high : interval.low;
    double good_end = falls ? -interval.low : interval.high;
    check.verdict = isnan(bad_end)     ? CLI_UNDECIDED
                    : good_end < least ? CLI_FAIL
                    : bad_end > least  ? CLI_PASS
                    : contrast->difference == 0 && bad_end == 0 && least <= 0 &&
                            !v->suite.compare.must_be_better
                        ? CLI_PASS
                        : CLI_UNDECIDED;
    snprintf(name, sizeof name, "compare/%s", metric->name);
    snprintf(why, sizeof why,
             "%+.4g against '%s', 95 %% %+.4g to %+.4g (%s); %s, the smallest difference that "
             "matters is %g",
             contrast->difference, v->other.text, interval.low, interval.high, test,
             v->suite.compare.must_be_better ? "must be better"
             : check.verdict == CLI_PASS     ? "not worse"
             : check.verdict == CLI_FAIL     ? "worse"
                                             : "may be worse",
             v->margin);
    check.name = mw_view_of(name);
    v->compared = check.verdict;
    return cli_validate_add(v, &check, why, err);
}

static mw_status read_margin(cli_validation *v, mw_error *err)
{
    size_t n;
    const char *text = v->call->settings[CLI_MARGIN].text;
    const mw_quality_metric *metric = &mw_quality_metrics(v->task, &n)[v->primary];
    v->margin = v->suite.compare.margin;
    if (text && (!mw_number_parse(text, strlen(text), &v->margin) || !(v->margin >= 0))) {
        mw_fail(err, MW_E_VALIDATE_VALUES, "'%s' is no difference", text);
        mw_at(err, "--margin");
        return mw_mend(err, "give a number of 0 or more, in units of the metric");
    }
    if (isnan(v->margin))
        v->margin = metric->is_share
                        ? SMALLEST_OF_SHARES
                        : SMALLEST_RELATIVE * fabs(v->other.estimates[v->primary].value);
    return MW_OK;
}

static mw_status compare(cli_validation *v, mw_error *err)
{
    size_t n;
    bool none[MW_QUALITY_MAX] = {false};
    uint64_t seed = v->call->settings[CLI_SEED].number;
    (void)mw_quality_metrics(v->task, &n);
    v->contrasts = mw_arena_take(&v->memory, n * sizeof *v->contrasts);
    if (!v->contrasts)
        return mw_fail_memory(err, "the comparison");
    MW_TRY(mw_quality_intervals(v->other.quality, none, seed, v->other.estimates, err));
    MW_TRY(read_margin(v, err));
    MW_TRY(mw_quality_compare(v->other.quality, v->model.quality, seed, v->contrasts, err));
    MW_TRY(test_pairs(v, err));
    return add_comparison(v, err);
}

/* ---- all ------------------------------------------------------------------------------------- */

static mw_status choose_primary(cli_validation *v, mw_error *err)
{
    const char *flag = v->call->settings[CLI_VALID_METRIC].text;
    v->primary = v->task == MW_TASK_MULTICLASS && !v->model.shares ? 1
                 : v->task == MW_TASK_BINARY && !v->model.has_scores
                     ? mw_quality_find(v->task, MW_VIEW("accuracy"))
                     : 0;
    if (flag)
        return find_metric(v, mw_view_of(flag), 0, 0, &v->primary, err);
    if (v->suite.compare.metric.data)
        return find_metric(v, v->suite.compare.metric, v->suite.compare.line, 3, &v->primary, err);
    return MW_OK;
}

/* --metric counts for both; else slices have their own, and if not, the one that is compared by. */
static mw_status choose_sliced(cli_validation *v, mw_error *err)
{
    v->sliced = v->primary;
    if (v->call->settings[CLI_VALID_METRIC].text || !v->suite.slices.metric.data)
        return MW_OK;
    return find_metric(v, v->suite.slices.metric, v->suite.slices.line, 3, &v->sliced, err);
}

/* What compares classes has no value then, and who reads the table shall know why. */
static mw_status note_one_class(cli_validation *v, mw_error *err)
{
    size_t row = 1;
    if (v->task != MW_TASK_BINARY && v->task != MW_TASK_MULTICLASS)
        return MW_OK;
    while (row < v->n_rows && v->truth[row] == v->truth[0])
        row++;
    if (row < v->n_rows || v->n_rows == 0)
        return MW_OK;
    return cli_validate_note(v, err,
                             "every row has the same target: roc_auc and all else that compares "
                             "classes is not defined, and left out");
}

mw_status cli_validate_measure(cli_validation *v, mw_error *err)
{
    uint64_t seed = v->call->settings[CLI_SEED].number;
    MW_TRY(choose_primary(v, err));
    MW_TRY(choose_sliced(v, err));
    MW_TRY(mw_quality_intervals(v->model.quality, NULL, seed, v->model.estimates, err));
    MW_TRY(note_one_class(v, err));
    for (size_t i = 0; i < v->suite.n_limits; i++)
        MW_TRY(check_limit(v, &v->suite.limits[i], err));
    if (v->has_other)
        return compare(v, err);
    if (!v->suite.compare.line)
        return MW_OK;
    return cli_validate_note(v, err,
                             "the suite compares with a champion, and --against names none");
}
