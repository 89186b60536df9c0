/* Looking back: sums of slots over a stretch of time, for reports, charts and histograms.
 *
 *     up to an hour: minutes     up to 7 days: hours     beyond: days
 *
 * The answer is computed when it is asked for, under the version's lock, which the watcher takes
 * once a second: no request waits for it. */
#include "watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { TRAILING = 15, ENOUGH_ROWS = 200 };

typedef struct stretch {
    mw_watch_scope scope;
    watch_span span;
    uint64_t span_ns, first, last; /* buckets */
} stretch;

static stretch stretch_of(const watch_version *version, mw_watch_scope scope, double seconds)
{
    static const size_t counts[] = {WATCH_N_MINUTES, WATCH_N_HOURS, WATCH_N_DAYS};
    stretch s = {.scope = scope, .span = WATCH_MINUTES};
    double wanted_ns = fmax(seconds, 0) * 1e9;
    while (s.span < WATCH_DAYS &&
           wanted_ns > (double)counts[s.span] * (double)watch_span_ns(&version->history, s.span))
        s.span++;
    s.span_ns = watch_span_ns(&version->history, s.span);
    double n = fmin(ceil(wanted_ns / (double)s.span_ns), (double)counts[s.span]);
    uint64_t back = n < 1 ? 0 : (uint64_t)n - 1, begin = watch_begin_ns(version, scope) / s.span_ns;
    s.last = version->latest_ns / s.span_ns;
    s.first = s.last > begin + back ? s.last - back : begin;
    return s;
}

static void sum_column(const watch_version *version, const stretch *s, size_t c, double *ret_counts)
{
    memset(ret_counts, 0, WATCH_BINS * sizeof *ret_counts);
    for (uint64_t b = s->first; b <= s->last; b++)
        watch_add_counts(version, s->scope, s->span, b, c, ret_counts);
}

static double begin_of(const watch_version *version, const stretch *s)
{
    uint64_t begin = s->first * s->span_ns, first_ns = watch_begin_ns(version, s->scope);
    return (double)(begin > first_ns ? begin : first_ns) / 1e9;
}

/* ---- a report over another window ------------------------------------------------------------ */

void watch_window(watch_version *version, mw_watch_scope scope, double seconds,
                  mw_watch_report *report, mw_watched *columns, size_t room)
{
    const watch_column *known = atomic_load(&version->columns);
    stretch s = stretch_of(version, scope, seconds);
    report->window_rows = 0;
    for (uint64_t b = s.first; b <= s.last; b++)
        report->window_rows += watch_rows_in(version, s.scope, s.span, b);
    report->window_seconds = (double)version->latest_ns / 1e9 - begin_of(version, &s);
    for (size_t c = 0; known && c < version->n_columns && c < room; c++) {
        double counts[WATCH_BINS];
        sum_column(version, &s, c, counts);
        if (known[c].is_ready)
            watch_tell_window(&known[c], counts, &columns[c]);
    }
}

/* ---- series ---------------------------------------------------------------------------------- */

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : (double)NAN;
}

static double measure_of(const watch_column *column, const double *counts, mw_watch_measure measure)
{
    double rows = watch_sum(counts);
    switch (measure) {
    case MW_WATCH_MISSING_SHARE:
        return share(counts[WATCH_MISSING], rows);
    case MW_WATCH_OUTSIDE_SHARE:
        return share(column->is_category ? counts[WATCH_NEW] : counts[0] + counts[column->n_edges],
                     rows);
    default:
        return watch_psi(column, counts);
    }
}

/* A minute of few rows takes those before it, up to a quarter of an hour, until they are enough. */
static void sum_point(const watch_version *version, const stretch *s, uint64_t bucket, size_t c,
                      bool trailing, double *counts)
{
    memset(counts, 0, WATCH_BINS * sizeof *counts);
    watch_add_counts(version, s->scope, s->span, bucket, c, counts);
    if (!trailing || s->span != WATCH_MINUTES || watch_sum(counts) == 0)
        return;
    for (uint64_t back = 1; back < TRAILING && back <= bucket && watch_sum(counts) < ENOUGH_ROWS;
         back++)
        watch_add_counts(version, s->scope, s->span, bucket - back, c, counts);
}

static void fill_series(const watch_version *version, const stretch *s, mw_watch_measure measure,
                        mw_watch_series *series)
{
    const watch_column *known = atomic_load(&version->columns);
    for (size_t i = 0; i < series->n_points; i++) {
        series->t[i] = (double)((s->first + i) * s->span_ns) / 1e9;
        series->rows[i] = (double)watch_rows_in(version, s->scope, s->span, s->first + i);
        for (size_t c = 0; c < version->n_columns; c++) {
            double counts[WATCH_BINS], *to = &series->values[c * series->n_points + i];
            *to = (double)NAN;
            if (!known || !known[c].is_ready)
                continue;
            sum_point(version, s, s->first + i, c, measure == MW_WATCH_PSI, counts);
            *to = measure_of(&known[c], counts, measure);
        }
    }
}

bool watch_series(watch_version *version, double seconds, mw_watch_measure measure,
                  mw_watch_series *ret_series)
{
    stretch s = stretch_of(version, MW_WATCH_OF_ALL, seconds);
    mw_watch_series series = {.n_points = (size_t)(s.last - s.first + 1),
                              .n_columns = version->n_columns,
                              .step_seconds = (double)s.span_ns / 1e9};
    double *block = calloc((version->n_columns + 2) * series.n_points, sizeof *block);
    if (!block)
        return false;
    series.t = block;
    series.rows = block + series.n_points;
    series.values = block + 2 * series.n_points;
    fill_series(version, &s, measure, &series);
    *ret_series = series;
    return true;
}

void mw_watch_series_done(mw_watch_series *series)
{
    free(series->t);
    *series = (mw_watch_series){0};
}

/* ---- histograms ------------------------------------------------------------------------------ */

mw_watch_bin watch_bin_told(const watch_column *column, size_t i)
{
    mw_watch_bin bin = {.low = (double)NAN, .high = (double)NAN};
    if (i == WATCH_MISSING)
        bin.kind = MW_WATCH_BIN_MISSING;
    else if (!column->is_category) {
        bin.kind = MW_WATCH_BIN_RANGE;
        bin.low = i > 0 ? column->edges[i - 1] : -(double)INFINITY;
        bin.high = i < column->n_edges ? column->edges[i] : (double)INFINITY;
    } else if (i < WATCH_TOP) {
        bin.kind = MW_WATCH_BIN_CATEGORY;
        bin.code = column->top[i];
    } else
        bin.kind = i == WATCH_OTHERS ? MW_WATCH_BIN_OTHERS : MW_WATCH_BIN_NEW;
    return bin;
}

static bool is_shown(const watch_column *column, size_t i)
{
    if (i == WATCH_MISSING)
        return true;
    return column->is_category ? i < column->n_top || i == WATCH_OTHERS || i == WATCH_NEW
                               : i <= column->n_edges;
}

/* Without the buckets that begin at `until` or later. */
static void end_at(stretch *s, double until)
{
    double end = ceil(until * 1e9 / (double)s->span_ns);
    if (until > 0 && end <= (double)s->last)
        s->last = end > (double)s->first ? (uint64_t)end - 1 : s->first;
}

size_t watch_bins(watch_version *version, size_t c, double seconds, double until,
                  mw_watch_bin *ret_bins)
{
    double counts[WATCH_BINS];
    size_t n = 0;
    const watch_column *known = atomic_load(&version->columns);
    stretch s = stretch_of(version, MW_WATCH_OF_ALL, seconds);
    end_at(&s, until);
    if (!known || c >= version->n_columns || !known[c].is_ready)
        return 0;
    sum_column(version, &s, c, counts);
    for (size_t i = 0; i < WATCH_BINS; i++) {
        if (!is_shown(&known[c], i))
            continue;
        ret_bins[n] = watch_bin_told(&known[c], i);
        ret_bins[n].reference = known[c].reference[i];
        ret_bins[n++].current = counts[i];
    }
    return n;
}
