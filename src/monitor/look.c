/* The watcher's side of a watch: counts are gathered, changes are judged.
 *
 *     lanes --sum--> less what was seen --> this minute, hour and day (history.c), and the whole
 *
 * A change may have begun at any minute. Each start j has an e-value E_j of the counts since then
 * against the reference's (stats: mw_counts_log_evidence), and a weight w_j = 1 / (j (j + 1)) from
 * the day the watch began: the weights sum to 1, so that sum w_j E_j is one e-value that may be
 * looked at for ever. Its largest term is taken, ln E_j - ln j (j + 1), and with it the most likely
 * start: those of the last 15 minutes, and the beginning. Starts that are older count for nothing,
 * which costs power, never the promise.
 *
 * Source: mixtures of restarts, as in Shin, Ramdas, Rinaldo, E-detectors (2023); e-BH over columns:
 * Wang, Ramdas (2022). Not done here: the dependence of rows on each other. */
#include "stats/stats.h"
#include "watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define DRIFTED_FROM 0.2

#define REPLACED_NS (UINT64_C(120) * 1000000000)

enum { ENOUGH_ROWS = 200 };

/* ---- gathering ------------------------------------------------------------------------------- */

static void sum_lanes(watch_version *version, uint64_t *sums, uint64_t *ret_rows,
                      uint64_t *ret_requests)
{
    size_t n = version->n_columns * WATCH_BINS;
    uint64_t rows = 0, requests = 0;
    memset(sums, 0, n * sizeof *sums);
    for (size_t l = 0; l < WATCH_LANES; l++) {
        const watch_lane *lane = atomic_load_explicit(&version->lanes[l], memory_order_acquire);
        if (!lane)
            continue;
        rows += atomic_load_explicit(&lane->rows, memory_order_relaxed);
        requests += atomic_load_explicit(&lane->requests, memory_order_relaxed);
        for (size_t i = 0; i < n; i++)
            sums[i] += atomic_load_explicit(&lane->counts[i], memory_order_relaxed);
    }
    *ret_rows = rows;
    *ret_requests = requests;
}

void watch_pass_over(watch_version *version)
{
    sum_lanes(version, version->seen, &version->seen_rows, &version->seen_requests);
}

/* A count that is full stays so. */
static uint32_t raised(uint32_t count, uint64_t by)
{
    return by > UINT32_MAX - count ? UINT32_MAX : count + (uint32_t)by;
}

/* What came since the last look, into the slots of now. Without memory it waits for the next. */
static bool gather(watch_version *version, uint64_t *sums)
{
    watch_slot *slots[WATCH_SPANS];
    uint64_t rows, requests;
    size_t n = version->n_columns * WATCH_BINS;
    sum_lanes(version, sums, &rows, &requests);
    if (rows == version->seen_rows)
        return true;
    version->pulse->pending += requests - version->seen_requests;
    version->seen_requests = requests;
    version->last_ns = version->latest_ns;
    for (watch_span span = WATCH_MINUTES; span < WATCH_SPANS; span++) {
        uint64_t bucket = version->latest_ns / watch_span_ns(&version->history, span);
        slots[span] = watch_slot_at(&version->history, span, bucket);
        if (!slots[span])
            return false;
    }
    for (watch_span span = WATCH_MINUTES; span < WATCH_SPANS; span++) {
        uint32_t *counts = &slots[span]->counts[0][0];
        slots[span]->rows += rows - version->seen_rows;
        for (size_t i = 0; i < n; i++)
            counts[i] = raised(counts[i], sums[i] - version->seen[i]);
    }
    for (size_t i = 0; i < n; i++)
        version->whole[i] += sums[i] - version->seen[i];
    version->whole_rows += rows - version->seen_rows;
    memcpy(version->seen, sums, n * sizeof *sums);
    version->seen_rows = rows;
    return true;
}

/* ---- judging --------------------------------------------------------------------------------- */

/* Of categories the bins that neither side has are left out. */
static size_t bins_of(const watch_column *column, const double *counts, double *ret_r,
                      double *ret_c)
{
    size_t n = 0, n_bins = column->is_category ? WATCH_NEW + 1 : column->n_edges + 1;
    for (size_t i = 0; i < n_bins; i++) {
        if (column->is_category && column->reference[i] + counts[i] == 0)
            continue;
        ret_r[n] = column->reference[i];
        ret_c[n++] = counts[i];
    }
    if (column->reference[WATCH_MISSING] + counts[WATCH_MISSING] > 0) {
        ret_r[n] = column->reference[WATCH_MISSING];
        ret_c[n++] = counts[WATCH_MISSING];
    }
    return n;
}

double watch_sum(const double *counts)
{
    double sum = 0;
    for (size_t i = 0; i < WATCH_BINS; i++)
        sum += counts[i];
    return sum;
}

double watch_psi(const watch_column *column, const double *counts)
{
    double r[WATCH_BINS], c[WATCH_BINS];
    if (watch_sum(counts) < ENOUGH_ROWS)
        return (double)NAN;
    return mw_counts_psi(r, c, bins_of(column, counts, r, c));
}

static double evidence_of(const watch_column *column, const double *counts, uint64_t start)
{
    double r[WATCH_BINS], c[WATCH_BINS], place = (double)start + 1;
    size_t n = bins_of(column, counts, r, c);
    return mw_counts_log_evidence(r, c, n) - log(place) - log(place + 1);
}

void watch_take(mw_watched *found, const watch_column *column, const double *counts, uint64_t start,
                double seconds)
{
    double evidence = evidence_of(column, counts, start);
    if (evidence <= found->log_e_value)
        return;
    found->log_e_value = evidence;
    found->psi_since = watch_psi(column, counts);
    found->since_rows = (uint64_t)watch_sum(counts);
    found->since_seconds = seconds;
}

static double seconds_between(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (double)(to_ns - from_ns) / 1e9 : 0;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The buckets of minutes that a change may have begun in. */
typedef struct ring {
    mw_watch_scope scope;
    uint64_t now, first, n; /* first: when watching began; n: starts, from now back */
    uint64_t bucket_ns;
} ring;

static ring ring_of(const watch_version *version, mw_watch_scope scope)
{
    ring r = {.scope = scope, .bucket_ns = version->history.bucket_ns};
    r.now = version->latest_ns / r.bucket_ns;
    r.first = version->first_ns / r.bucket_ns;
    r.n = r.now - r.first + 1 < WATCH_STARTS ? r.now - r.first + 1 : WATCH_STARTS;
    return r;
}

void watch_tell_window(const watch_column *column, const double *counts, mw_watched *found)
{
    double rows = watch_sum(column->reference);
    found->psi = watch_psi(column, counts);
    found->missing = (uint64_t)counts[WATCH_MISSING];
    found->outside = column->is_category ? (uint64_t)counts[WATCH_NEW]
                                         : (uint64_t)(counts[0] + counts[column->n_edges]);
    found->missing_reference = rows > 0 ? column->reference[WATCH_MISSING] / rows : 0;
    found->is_category = column->is_category;
    found->is_profiled = column->is_profiled;
}

/* From the latest bucket back: each start sees one bucket more. */
static void judge(const watch_version *version, size_t c, const ring *r, mw_watched *found)
{
    const watch_column *column = &atomic_load(&version->columns)[c];
    double counts[WATCH_BINS] = {0};
    *found = (mw_watched){.log_e_value = -(double)INFINITY, .is_learning = !column->is_ready};
    if (found->is_learning) {
        found->psi = found->psi_since = found->log_e_value = (double)NAN;
        return;
    }
    for (uint64_t back = 0; back < r->n; back++) {
        watch_add_counts(version, r->scope, WATCH_MINUTES, r->now - back, c, counts);
        uint64_t begin_ns = later((r->now - back) * r->bucket_ns, version->first_ns);
        watch_take(found, column, counts, r->now - back - r->first,
                   seconds_between(begin_ns, version->latest_ns));
    }
    watch_tell_window(column, counts, found);
    if (r->now - r->first < WATCH_STARTS)
        return;
    for (size_t i = 0; i < WATCH_BINS; i++)
        counts[i] = (double)version->whole[c * WATCH_BINS + i];
    if (r->scope == MW_WATCH_OF_ALL)
        watch_add_days_of_others(version, c, counts);
    watch_take(found, column, counts, 0, seconds_between(version->first_ns, version->latest_ns));
}

/* Evidence over all columns, and an effect: both must speak. */
static size_t believe(mw_watched *found, size_t n, double alpha)
{
    size_t n_drifted = 0;
    double *log_e = calloc(n + 1, sizeof *log_e);
    bool *rejected = malloc(n + 1);
    bool done = log_e && rejected;
    for (size_t c = 0; done && c < n; c++)
        log_e[c] = found[c].log_e_value; /* NaN: not tested */
    done = done && mw_e_benjamini_hochberg(log_e, n, alpha, rejected, NULL) == MW_OK;
    for (size_t c = 0; done && c < n; c++) {
        found[c].drifted = rejected[c] && found[c].psi_since >= DRIFTED_FROM;
        n_drifted += found[c].drifted;
    }
    free(log_e);
    free(rejected);
    return n_drifted;
}

static void tell_whole(const watch_version *version, const ring *r, mw_watch_report *report)
{
    const watch_column *columns = atomic_load(&version->columns);
    report->state = MW_WATCH_WATCHING;
    report->own_rows = version->whole_rows;
    report->rows = version->whole_rows;
    if (r->scope == MW_WATCH_OF_ALL)
        report->rows += watch_rows_of_others(version);
    report->n_servers = 1 + version->n_others;
    report->n_apart = version->n_apart;
    report->window_rows = 0;
    for (uint64_t back = 0; back < r->n; back++)
        report->window_rows += watch_rows_in(version, r->scope, WATCH_MINUTES, r->now - back);
    uint64_t begin_ns = later((r->now - r->n + 1) * r->bucket_ns, version->first_ns);
    report->window_seconds = seconds_between(begin_ns, version->latest_ns);
    report->watched_since = (double)version->first_ns / 1e9;
    report->n_profiled = 0;
    for (size_t c = 0; c < version->n_columns; c++)
        report->n_profiled += columns[c].is_profiled;
    report->profile_rows = version->profile_rows;
    snprintf(report->source, sizeof report->source, "%s", version->source ? version->source : "");
}

/* ---- a version that nobody asks -------------------------------------------------------------- */

/* Another version of its endpoint has taken its place, or nobody asks any. */
static bool is_inactive(const watch_version *version)
{
    uint64_t last_ns = later(version->last_ns, version->others_last_ns);
    uint64_t quiet = version->latest_ns > last_ns ? version->latest_ns - last_ns : 0;
    uint64_t others = version->pulse->last_ns;
    bool is_replaced =
        others > last_ns && quiet >= REPLACED_NS && version->latest_ns - others < REPLACED_NS;
    return is_replaced || quiet >= WATCH_STARTS * version->history.bucket_ns;
}

static void let_rest(mw_watch_report *report, mw_watched *found, size_t n)
{
    report->n_drifted = 0;
    for (size_t c = 0; c < n; c++)
        found[c].drifted = false;
}

static size_t tell_stuck(const watch_version *version, mw_watched *found)
{
    size_t n = 0;
    for (size_t c = 0; version->runs && c < version->n_features; c++) {
        const watch_run *run = &version->runs[c];
        found[c].stuck = run->is_stuck;
        found[c].stuck_rows = run->is_stuck ? run->rows : 0;
        found[c].stuck_value = run->value;
        found[c].stuck_seconds =
            run->is_stuck ? seconds_between(run->begin_ns, version->latest_ns) : 0;
        n += run->is_stuck;
    }
    return n;
}

static void publish(watch_version *version, double alpha)
{
    pthread_mutex_lock(&version->lock);
    mw_watch_report report = version->report;
    pthread_mutex_unlock(&version->lock);
    mw_watched *found = malloc((version->n_columns + 1) * sizeof *found);
    ring r = ring_of(version, MW_WATCH_OF_ALL);
    if (!found)
        return; /* the last findings stay until there is memory */
    tell_whole(version, &r, &report);
    for (size_t c = 0; c < version->n_columns; c++)
        judge(version, c, &r, &found[c]);
    report.n_drifted = believe(found, version->n_columns, alpha);
    report.is_inactive = is_inactive(version);
    report.joint = (mw_watch_joint){0};
    if (version->joint && version->joint->first_ns > 0 && !report.is_inactive)
        report.joint = watch_joint_judge(version->joint, version->latest_ns,
                                         version->history.bucket_ns, alpha);
    if (report.is_inactive)
        let_rest(&report, found, version->n_columns);
    report.stream.n_stuck = tell_stuck(version, found);
    pthread_mutex_lock(&version->lock);
    report.reference_rows = version->report.reference_rows;
    version->report = report;
    memcpy(version->found, found, version->n_columns * sizeof *found);
    pthread_mutex_unlock(&version->lock);
    free(found);
}

void watch_judge_alone(const watch_version *version, double alpha, mw_watch_report *report,
                       mw_watched *found)
{
    ring r = ring_of(version, MW_WATCH_OF_THIS);
    tell_whole(version, &r, report);
    for (size_t c = 0; c < version->n_columns; c++)
        judge(version, c, &r, &found[c]);
    report->n_drifted = believe(found, version->n_columns, alpha);
    if (report->is_inactive)
        let_rest(report, found, version->n_columns);
    report->stream.n_stuck = tell_stuck(version, found);
}

/* The first rows go on being gathered for the forest where a history has brought the references. */
static void tell_learned(watch_version *version)
{
    size_t n = atomic_load_explicit(&version->n_written, memory_order_relaxed);
    const watch_scorer *scorer = atomic_load(&version->scorer);
    bool is_whole = watch_is_whole(version);
    pthread_mutex_lock(&version->lock);
    version->report.reference_rows = is_whole ? version->learn_rows : n;
    version->report.scored_rows = version->scored;
    version->report.anomalous_rows = version->anomalous;
    version->report.anomaly_threshold = scorer ? scorer->threshold : (double)NAN;
    pthread_mutex_unlock(&version->lock);
}

/* ---- rows that were sampled ------------------------------------------------------------------ */

static void look_at_contributions(watch_version *version, size_t n_rows)
{
    const double *rows = version->sample.rows;
    uint64_t bucket_ns = version->history.bucket_ns;
    version->sampled += n_rows;
    pthread_mutex_lock(&version->lock);
    if (version->importance)
        watch_importance_add(version->importance, rows, n_rows, version->latest_ns / bucket_ns);
    watch_sketches_add(&version->sketches, atomic_load(&version->columns), version->n_columns, rows,
                       n_rows, version->latest_ns, bucket_ns);
    pthread_mutex_unlock(&version->lock);
}

static void look_at_rows(watch_version *version, size_t n_rows)
{
    const watch_column *columns = atomic_load(&version->columns);
    const double *rows = version->sample.rows;
    size_t n = version->n_columns;
    version->sampled += n_rows;
    watch_score_some(version, rows, n_rows);
    if (version->joint)
        watch_joint_add(version->joint, rows, n_rows, n, version->latest_ns,
                        version->history.bucket_ns);
    pthread_mutex_lock(&version->lock);
    if (!version->runs)
        version->runs = calloc(version->n_features + 1, sizeof *version->runs);
    if (version->runs)
        watch_runs_add(version->runs, columns, version->n_features, n, rows, n_rows,
                       version->latest_ns);
    watch_repeats_add(&version->repeats, version->n_features, n, rows, n_rows, version->latest_ns);
    bool is_second = version->n_outputs == 2 && version->decay && version->decay->n_scores == 1;
    size_t score = version->n_features + is_second;
    if (version->decay && version->n_outputs > 0) {
        watch_decay_add(version->decay, columns, version->n_features, n, score, rows, n_rows,
                        version->latest_ns, version->history.bucket_ns);
        watch_decay_judge(version->decay, columns, version->n_features, version->latest_ns);
    }
    watch_sketches_add(&version->sketches, columns, n, rows, n_rows, version->latest_ns,
                       version->history.bucket_ns);
    pthread_mutex_unlock(&version->lock);
}

/* Sampled while rows come. */
static void sample(watch_version *version, const watch_explaining *by)
{
    if (version->is_succeeded || version->report.is_inactive) {
        pthread_mutex_lock(&version->lock);
        watch_drop_samples(version);
        pthread_mutex_unlock(&version->lock);
        return;
    }
    pthread_mutex_lock(&version->lock);
    bool is_open = watch_sample_open(&version->sample);
    pthread_mutex_unlock(&version->lock);
    if (!is_open)
        return;
    size_t n_rows = watch_sample_take(&version->sample);
    if (n_rows == 0)
        return;
    if (version->is_companion)
        look_at_contributions(version, n_rows);
    else
        look_at_rows(version, n_rows);
    if (by)
        watch_explain(version, by, version->sample.rows, n_rows);
    watch_sample_resume(&version->sample);
}

void watch_tell_stream(watch_version *version)
{
    const watch_repeats *repeats = &version->repeats;
    pthread_mutex_lock(&version->lock);
    mw_watch_stream *stream = &version->report.stream;
    size_t n_stuck = stream->n_stuck;
    *stream = version->pulse->found;
    stream->n_stuck = n_stuck;
    stream->is_flood = repeats->is_flood && !version->report.is_inactive;
    stream->repeated = repeats->share;
    stream->usual_repeated = repeats->usual;
    stream->flood_seconds =
        stream->is_flood ? seconds_between(repeats->since_ns, version->latest_ns) : 0;
    pthread_mutex_unlock(&version->lock);
}

/* A clock that was set back waits in the bucket that it has reached. */
void watch_look(watch_version *version, uint64_t now_ns, double alpha, const watch_explaining *by)
{
    pthread_mutex_lock(&version->lock);
    version->latest_ns = later(now_ns, version->latest_ns);
    pthread_mutex_unlock(&version->lock);
    if (version->last_ns == 0)
        version->last_ns = version->latest_ns;
    watch_learn(version, version->latest_ns);
    if (!atomic_load(&version->columns)) {
        tell_learned(version);
        return;
    }
    uint64_t before = version->whole_rows;
    uint64_t *sums = malloc((version->n_columns + 1) * WATCH_BINS * sizeof *sums);
    pthread_mutex_lock(&version->lock); /* the slots are read by others, too */
    bool gathered = sums && gather(version, sums);
    pthread_mutex_unlock(&version->lock);
    free(sums);
    sample(version, by);
    tell_learned(version);
    bool has_news = version->has_news_of_others;
    version->has_news_of_others = false;
    if (gathered && (version->whole_rows != before || version->report.window_rows > 0 || has_news ||
                     version->report.state == MW_WATCH_LEARNING ||
                     version->report.is_inactive != is_inactive(version)))
        publish(version, alpha);
}
