/* The metrics of predictions: one pass for all rows, a slice, or a draw of the bootstrap.
 *
 * Means are sums of losses that were computed once, each row's; the rest is the task's
 * (quality_binary.c and so on). Draws: SplitMix64 by a seed, rows with equal chance, percentiles at
 * 2.5 and 97.5 % (Efron 1979). Rows with weights keep them when they are drawn. */
#include "quality_tasks.h"

#include <math.h>
#include <stdlib.h>

#include "chance.h"

#include "base/banned.h"

#define Z95 1.959963984540054

enum { DRAWS_MOST = 1000, DRAWS_LEAST = 100, ROWS_DRAWN = 20000000 };

static const quality_kind *const kinds[] = {
    [MW_TASK_BINARY] = &quality_binary,
    [MW_TASK_MULTICLASS] = &quality_classes,
    [MW_TASK_REGRESSION] = &quality_numbers,
    [MW_TASK_RANKING] = &quality_queries,
};

const char *mw_task_name(mw_task task)
{
    static const char *const names[] = {"binary", "multiclass", "regression", "ranking"};
    return names[task];
}

const char *mw_interval_kind_name(mw_interval_kind kind)
{
    static const char *const names[] = {"bootstrap", "wilson", "delong", "normal",
                                        "reflected bootstrap"};
    return names[kind];
}

const mw_quality_metric *mw_quality_metrics(mw_task task, size_t *ret_count)
{
    *ret_count = kinds[task]->n_metrics;
    return kinds[task]->metrics;
}

ptrdiff_t mw_quality_find(mw_task task, mw_view name)
{
    static const char *const others[][2] = {
        {"auc", "roc_auc"}, {"pr_auc", "average_precision"}, {"logloss", "log_loss"},
        {"tpr", "recall"},  {"tnr", "specificity"},          {"ppv", "precision"}};
    for (size_t i = 0; i < MW_COUNT(others); i++)
        if (mw_view_is(name, others[i][0]))
            name = mw_view_of(others[i][1]);
    for (size_t i = 0; i < kinds[task]->n_metrics; i++)
        if (mw_view_is(name, kinds[task]->metrics[i].name))
            return (ptrdiff_t)i;
    return -1;
}

/* ---- life ------------------------------------------------------------------------------------ */

void *quality_room(size_t n, size_t size, mw_error *err)
{
    void *room = calloc(n + 1, size);
    if (!room)
        (void)mw_fail_memory(err, "the rows to be judged");
    return room;
}

mw_status quality_order(const double *values, size_t n, uint32_t *ret_order, mw_error *err)
{
    stats_pair *room = quality_room(2 * n, sizeof *room, err);
    if (!room)
        return MW_NO_MEMORY;
    stats_order_falling(values, n, room, ret_order);
    free(room);
    return MW_OK;
}

static mw_status open_quality(mw_quality *quality, mw_error *err)
{
    const quality_kind *kind = quality->kind;
    for (size_t k = 0; k < kind->n_losses; k++) {
        quality->losses[k] = quality_room(quality->n_units, sizeof(double), err);
        if (!quality->losses[k])
            return MW_NO_MEMORY;
    }
    for (size_t k = 0; k < kind->n_losses && kind->losses[k].of; k++)
        for (size_t row = 0; row < quality->n_units; row++)
            quality->losses[k][row] = kind->losses[k].of(&quality->rows, row);
    return kind->open(quality, err);
}

mw_status mw_quality_new(const mw_judged *rows, mw_quality **ret_quality, mw_error *err)
{
    mw_quality *quality = quality_room(1, sizeof *quality, err);
    if (!quality)
        return MW_NO_MEMORY;
    quality->rows = *rows;
    quality->kind = kinds[rows->task];
    quality->n_units = rows->task == MW_TASK_RANKING ? rows->n_queries : rows->n_rows;
    mw_status status = open_quality(quality, err);
    if (status != MW_OK)
        mw_quality_free(quality);
    else
        *ret_quality = quality;
    return status;
}

void mw_quality_free(mw_quality *quality)
{
    if (!quality)
        return;
    for (size_t k = 0; k < QUALITY_LOSSES; k++)
        free(quality->losses[k]);
    if (quality->owns_slice_losses)
        free(quality->slice_losses);
    free(quality->unit_weights);
    free(quality->order);
    free(quality->scratch);
    free(quality);
}

const double *mw_quality_losses(const mw_quality *quality)
{
    return quality->slice_losses;
}

size_t mw_quality_units(const mw_quality *quality)
{
    return quality->n_units;
}

/* ---- values ---------------------------------------------------------------------------------- */

static const double *weights_of(const mw_quality *quality)
{
    return quality->unit_weights ? quality->unit_weights : quality->rows.weights;
}

static void weigh(const mw_quality *quality, const double *times, double *w)
{
    const double *weights = weights_of(quality);
    for (size_t i = 0; i < quality->n_units; i++)
        w[i] = (weights ? weights[i] : 1) * (times ? times[i] : 1);
}

static double mean_of(const double *x, const double *w, size_t n, double all)
{
    stats_sum sum = {0, 0};
    for (size_t i = 0; i < n; i++)
        if (w[i] > 0)
            stats_add(&sum, w[i] * x[i]);
    return quality_ratio(stats_total(&sum), all);
}

/* The same of a draw, where chance is larger than what rounding loses: three times as fast. */
static double mean_of_draw(const double *x, const double *w, size_t n, double all)
{
    double lanes[4] = {0, 0, 0, 0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++)
            lanes[k] += w[i + k] * x[i + k];
    for (; i < n; i++)
        lanes[0] += w[i] * x[i];
    return quality_ratio(lanes[0] + lanes[1] + (lanes[2] + lanes[3]), all);
}

/* Of the mean: of a ratio of two sums where rows have weights. */
static double variance_of(const double *x, const double *w, size_t n, double all, double mean)
{
    stats_sum sum = {0, 0};
    double n_rows = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(w[i] > 0))
            continue;
        n_rows++;
        stats_add(&sum, w[i] * w[i] * (x[i] - mean) * (x[i] - mean));
    }
    return n_rows > 1 ? stats_total(&sum) / (all * all) * n_rows / (n_rows - 1) : (double)NAN;
}

static void evaluate(const mw_quality *quality, const double *w, bool is_draw, double *values,
                     double *aids)
{
    const quality_kind *kind = quality->kind;
    stats_sum all = {0, 0};
    for (size_t i = 0; i < kind->n_metrics; i++)
        values[i] = (double)NAN;
    for (size_t i = 0; aids && i < kind->n_metrics; i++)
        aids[i] = (double)NAN;
    for (size_t i = 0; i < quality->n_units; i++)
        stats_add(&all, w[i]);
    double total = stats_total(&all);
    for (size_t k = 0; k < kind->n_losses && total > 0; k++) {
        int metric = kind->losses[k].metric;
        values[metric] =
            (is_draw ? mean_of_draw : mean_of)(quality->losses[k], w, quality->n_units, total);
        if (aids)
            aids[metric] =
                kind->metrics[metric].interval == MW_BY_WILSON
                    ? total
                    : variance_of(quality->losses[k], w, quality->n_units, total, values[metric]);
    }
    if (total > 0)
        kind->rest(quality, w, values, aids);
}

mw_status mw_quality_of(const mw_quality *quality, const double *times, double *ret_values,
                        double *ret_variances, mw_error *err)
{
    double *w = quality_room(quality->n_units, sizeof *w, err);
    if (!w)
        return MW_NO_MEMORY;
    weigh(quality, times, w);
    evaluate(quality, w, false, ret_values, ret_variances);
    free(w);
    return MW_OK;
}

/* ---- intervals ------------------------------------------------------------------------------- */

/* How many independent rows a row with weights is worth: Kish 1965. */
static double worth_of(const mw_quality *quality, const double *w)
{
    double sum = 0, squares = 0;
    if (!weights_of(quality))
        return 1;
    for (size_t i = 0; i < quality->n_units; i++) {
        sum += w[i];
        squares += w[i] * w[i];
    }
    return sum / squares;
}

static mw_interval around(double value, double variance)
{
    double half = Z95 * sqrt(variance);
    return (mw_interval){value - half, value + half};
}

/* On the logit, so that it stays inside 0..1. */
static mw_interval around_logit(double auc, double variance)
{
    double logit = log(auc / (1 - auc)), half = Z95 * sqrt(variance) / (auc * (1 - auc));
    if (!(variance > 0) || auc <= 0 || auc >= 1)
        return (mw_interval){(double)NAN, (double)NAN};
    return (mw_interval){1 / (1 + exp(half - logit)), 1 / (1 + exp(-half - logit))};
}

static mw_interval closed_form(const mw_quality_metric *metric, double value, double aid,
                               double worth)
{
    mw_interval none = {(double)NAN, (double)NAN};
    if (isnan(value) || isnan(aid))
        return none;
    switch (metric->interval) {
    case MW_BY_WILSON:
        return mw_wilson(value * aid * worth, aid * worth);
    case MW_BY_DELONG:
        return around_logit(value, aid);
    case MW_BY_NORMAL:
        return around(value, aid);
    default:
        return none;
    }
}

/* An AUC of rows with weights has no closed form here. */
static bool is_drawn(const mw_quality *quality, const mw_quality_metric *metric)
{
    return metric->interval == MW_BY_BOOTSTRAP || metric->interval == MW_BY_REFLECTION ||
           (metric->interval == MW_BY_DELONG && weights_of(quality));
}

size_t mw_quality_draws(const mw_quality *quality)
{
    size_t each = quality->n_units * (quality->rows.shares ? quality->rows.n_classes : 1) + 1;
    size_t draws = ROWS_DRAWN / each;
    return draws > DRAWS_MOST ? DRAWS_MOST : draws < DRAWS_LEAST ? DRAWS_LEAST : draws;
}

static void draw_times(size_t n, uint64_t *state, double *times)
{
    memset(times, 0, n * sizeof *times);
    for (size_t i = 0; i < n; i++)
        times[(size_t)(((unsigned __int128)stats_draw(state) * n) >> 64)] += 1;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of what was drawn, without what was not defined; nothing where that was half of it. */
static mw_interval percentiles(double *drawn, size_t n_draws)
{
    size_t n = 0;
    for (size_t i = 0; i < n_draws; i++)
        if (!isnan(drawn[i]))
            drawn[n++] = drawn[i];
    if (n == 0 || 2 * n < n_draws)
        return (mw_interval){(double)NAN, (double)NAN};
    qsort(drawn, n, sizeof *drawn, ascending);
    return (mw_interval){drawn[n / 40], drawn[n - 1 - n / 40]};
}

/* Draw values (of two: their differences) into drawn[metric * n_draws + draw]. */
static mw_status draw_values(const mw_quality *first, const mw_quality *second, uint64_t seed,
                             size_t n_draws, double *drawn, mw_error *err)
{
    double *times, one[MW_QUALITY_MAX], other[MW_QUALITY_MAX] = {0};
    size_t n = first->n_units;
    times = quality_room(2 * n, sizeof *times, err);
    if (!times)
        return MW_NO_MEMORY;
    for (size_t draw = 0; draw < n_draws; draw++) {
        draw_times(n, &seed, times);
        weigh(first, times, times + n);
        evaluate(first, times + n, true, one, NULL);
        if (second)
            evaluate(second, times + n, true, other, NULL);
        for (size_t m = 0; m < first->kind->n_metrics; m++)
            drawn[m * n_draws + draw] = second ? other[m] - one[m] : one[m];
    }
    free(times);
    return MW_OK;
}

mw_status mw_quality_intervals(const mw_quality *quality, const bool *wanted, uint64_t seed,
                               mw_estimate *ret_estimates, mw_error *err)
{
    const quality_kind *kind = quality->kind;
    double values[MW_QUALITY_MAX], aids[MW_QUALITY_MAX], *w, *drawn;
    size_t n_draws = mw_quality_draws(quality);
    bool any = false;
    w = quality_room(quality->n_units, sizeof *w, err);
    if (!w)
        return MW_NO_MEMORY;
    weigh(quality, NULL, w);
    evaluate(quality, w, false, values, aids);
    double worth = worth_of(quality, w);
    free(w);
    for (size_t m = 0; m < kind->n_metrics; m++) {
        const mw_quality_metric *metric = &kind->metrics[m];
        bool drawn_later = is_drawn(quality, metric);
        mw_interval interval = closed_form(metric, values[m], aids[m], worth);
        if (drawn_later)
            interval = (mw_interval){(double)NAN, (double)NAN};
        ret_estimates[m] = (mw_estimate){
            values[m], interval.low, interval.high,
            drawn_later && metric->interval == MW_BY_DELONG ? MW_BY_BOOTSTRAP : metric->interval};
        any = any || (drawn_later && (!wanted || wanted[m]) && !isnan(values[m]));
    }
    if (!any)
        return MW_OK;
    drawn = quality_room(n_draws * kind->n_metrics, sizeof *drawn, err);
    if (!drawn)
        return MW_NO_MEMORY;
    mw_status status = draw_values(quality, NULL, seed, n_draws, drawn, err);
    for (size_t m = 0; m < kind->n_metrics && status == MW_OK; m++) {
        if (!is_drawn(quality, &kind->metrics[m]) || isnan(values[m]) || (wanted && !wanted[m]))
            continue;
        mw_interval interval = percentiles(drawn + m * n_draws, n_draws);
        bool is_reflected = kind->metrics[m].interval == MW_BY_REFLECTION;
        ret_estimates[m].low = is_reflected ? fmax(0, 2 * values[m] - interval.high) : interval.low;
        ret_estimates[m].high =
            is_reflected ? fmax(values[m], 2 * values[m] - interval.low) : interval.high;
        if (isnan(interval.low))
            ret_estimates[m].low = ret_estimates[m].high = (double)NAN;
    }
    free(drawn);
    return status;
}

mw_status mw_quality_compare(const mw_quality *first, const mw_quality *second, uint64_t seed,
                             mw_contrast_of_metric *ret_contrasts, mw_error *err)
{
    double one[MW_QUALITY_MAX], other[MW_QUALITY_MAX], *drawn;
    size_t n_draws = mw_quality_draws(first), n = first->kind->n_metrics;
    MW_TRY(mw_quality_of(first, NULL, one, NULL, err));
    MW_TRY(mw_quality_of(second, NULL, other, NULL, err));
    drawn = quality_room(n_draws * n, sizeof *drawn, err);
    if (!drawn)
        return MW_NO_MEMORY;
    mw_status status = draw_values(first, second, seed, n_draws, drawn, err);
    for (size_t m = 0; m < n && status == MW_OK; m++) {
        mw_interval interval = percentiles(drawn + m * n_draws, n_draws);
        ret_contrasts[m] = (mw_contrast_of_metric){other[m] - one[m], interval.low, interval.high};
    }
    free(drawn);
    return status;
}
