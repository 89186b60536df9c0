/* The watcher's side of a watch: the reference is made, counts are gathered, changes are judged.
 *
 *     lanes --sum--> less what was seen --> bucket of this minute --> ring of 15, and the whole
 *
 * A change may have begun at any minute. Each start j has an e-value E_j of the counts since then
 * against the reference's (stats: mw_counts_log_evidence), and a weight w_j = 1 / (j (j + 1)) from
 * the day the watch began: the weights sum to 1, so that sum w_j E_j is one e-value that may be
 * looked at for ever. Its largest term is taken, ln E_j - ln j (j + 1), and with it the most likely
 * start: the starts in the ring, and the beginning. Starts that left the ring count for nothing,
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

enum { ENOUGH_ROWS = 200 };

/* ---- the reference --------------------------------------------------------------------------- */

static void learn_column(const watch_version *version, size_t c, double *room, watch_column *column)
{
    size_t n = version->learn_rows;
    double *values = room + 2 * n;
    for (size_t i = 0; i < n; i++) /* infinite: beyond every number, but no quantile */
        values[i] = version->learned[i * version->n_columns + c];
    mw_sample sample = mw_sample_make(values, n, 1, room, room + n);
    column->n_edges = mw_bins_quantiles(&sample, WATCH_DECILES, true, column->edges);
    for (size_t i = column->n_edges; i < WATCH_EDGES + 1; i++)
        column->edges[i] = (double)INFINITY;
    mw_bins_count(&sample, column->edges, column->n_edges, column->reference);
    column->reference[WATCH_MISSING] = (double)sample.n_missing;
    for (size_t i = 0; i < n; i++)
        if (isinf(values[i]))
            column->reference[values[i] > 0 ? column->n_edges : 0]++;
}

/* Tapping threads that saw no reference have written their rows before n_written says so, so that
 * the rows may be freed: a later one claims none. */
static bool learn(watch_version *version, uint64_t now_ns)
{
    if (atomic_load_explicit(&version->n_written, memory_order_acquire) < version->learn_rows)
        return false;
    watch_column *columns = calloc(version->n_columns, sizeof *columns);
    double *room = malloc(3 * version->learn_rows * sizeof *room);
    if (columns && room) {
        for (size_t c = 0; c < version->n_columns; c++)
            learn_column(version, c, room, &columns[c]);
        atomic_store_explicit(&version->columns, columns, memory_order_release);
        version->first_ns = now_ns;
        free(version->learned);
        version->learned = NULL;
    } else
        free(columns);
    free(room);
    return atomic_load(&version->columns) != NULL;
}

/* ---- gathering ------------------------------------------------------------------------------- */

/* Buckets that were passed over are emptied. */
static void turn_to(watch_version *version, uint64_t bucket)
{
    uint64_t gap = bucket - version->bucket;
    for (uint64_t i = 1; i <= gap && i <= WATCH_BUCKETS; i++) {
        size_t place = (size_t)((version->bucket + i) % WATCH_BUCKETS);
        memset(version->ring[place], 0, version->n_columns * sizeof(watch_counts));
        version->ring_rows[place] = 0;
    }
    version->bucket = bucket;
}

static void gather(watch_version *version)
{
    size_t place = (size_t)(version->bucket % WATCH_BUCKETS), n = version->n_columns * WATCH_BINS;
    uint32_t *now = &version->ring[place][0][0];
    uint64_t rows = 0;
    memset(version->whole, 0, n * sizeof *version->whole);
    for (size_t l = 0; l < WATCH_LANES; l++) {
        const watch_lane *lane = atomic_load_explicit(&version->lanes[l], memory_order_acquire);
        if (!lane)
            continue;
        rows += atomic_load_explicit(&lane->rows, memory_order_relaxed);
        for (size_t i = 0; i < n; i++)
            version->whole[i] += atomic_load_explicit(&lane->counts[i], memory_order_relaxed);
    }
    for (size_t i = 0; i < n; i++)
        now[i] += (uint32_t)(version->whole[i] - version->seen[i]);
    version->ring_rows[place] += rows - version->seen_rows;
    memcpy(version->seen, version->whole, n * sizeof *version->seen);
    version->seen_rows = rows;
}

/* ---- judging --------------------------------------------------------------------------------- */

static size_t bins_of(const watch_column *column, const double *counts, double *ret_r,
                      double *ret_c)
{
    size_t n = column->n_edges + 1;
    memcpy(ret_r, column->reference, n * sizeof *ret_r);
    memcpy(ret_c, counts, n * sizeof *ret_c);
    if (column->reference[WATCH_MISSING] + counts[WATCH_MISSING] > 0) {
        ret_r[n] = column->reference[WATCH_MISSING];
        ret_c[n++] = counts[WATCH_MISSING];
    }
    return n;
}

static double sum_of(const double *counts)
{
    double sum = 0;
    for (size_t i = 0; i < WATCH_BINS; i++)
        sum += counts[i];
    return sum;
}

static double psi_of(const watch_column *column, const double *counts)
{
    double r[WATCH_BINS], c[WATCH_BINS];
    if (sum_of(counts) < ENOUGH_ROWS)
        return (double)NAN;
    return mw_counts_psi(r, c, bins_of(column, counts, r, c));
}

static double evidence_of(const watch_column *column, const double *counts, uint64_t start)
{
    double r[WATCH_BINS], c[WATCH_BINS], place = (double)start + 1;
    size_t n = bins_of(column, counts, r, c);
    return mw_counts_log_evidence(r, c, n) - log(place) - log(place + 1);
}

static void take(mw_watched *found, const watch_column *column, const double *counts,
                 uint64_t start, double seconds)
{
    double evidence = evidence_of(column, counts, start);
    if (evidence <= found->log_e_value)
        return;
    found->log_e_value = evidence;
    found->psi_since = psi_of(column, counts);
    found->since_rows = (uint64_t)sum_of(counts);
    found->since_seconds = seconds;
}

/* From the latest bucket back: each start sees one bucket more. */
static void judge(const watch_version *version, size_t c, uint64_t now_ns, uint64_t bucket_ns,
                  mw_watched *found)
{
    const watch_column *column = &atomic_load(&version->columns)[c];
    double counts[WATCH_BINS] = {0};
    double into_s = (double)(now_ns - version->first_ns - version->bucket * bucket_ns) / 1e9;
    *found = (mw_watched){.log_e_value = -(double)INFINITY};
    for (uint64_t back = 0; back < WATCH_BUCKETS && back <= version->bucket; back++) {
        uint64_t start = version->bucket - back;
        const uint32_t *bucket = version->ring[start % WATCH_BUCKETS][c];
        for (size_t i = 0; i < WATCH_BINS; i++)
            counts[i] += bucket[i];
        take(found, column, counts, start, into_s + (double)(back * bucket_ns) / 1e9);
    }
    found->psi = psi_of(column, counts);
    found->missing = (uint64_t)counts[WATCH_MISSING];
    found->outside = (uint64_t)(counts[0] + counts[column->n_edges]);
    found->missing_reference = column->reference[WATCH_MISSING] / (double)version->learn_rows;
    if (version->bucket < WATCH_BUCKETS)
        return;
    for (size_t i = 0; i < WATCH_BINS; i++)
        counts[i] = (double)version->whole[c * WATCH_BINS + i];
    take(found, column, counts, 0, (double)(now_ns - version->first_ns) / 1e9);
}

/* Evidence over all columns, and an effect: both must speak. */
static size_t believe(mw_watched *found, size_t n, double alpha)
{
    size_t n_drifted = 0;
    double *log_e = malloc((n + 1) * sizeof *log_e);
    bool *rejected = malloc(n + 1);
    bool done = log_e && rejected;
    for (size_t c = 0; done && c < n; c++)
        log_e[c] = found[c].log_e_value;
    done = done && mw_e_benjamini_hochberg(log_e, n, alpha, rejected, NULL) == MW_OK;
    for (size_t c = 0; done && c < n; c++) {
        found[c].drifted = rejected[c] && found[c].psi_since >= DRIFTED_FROM;
        n_drifted += found[c].drifted;
    }
    free(log_e);
    free(rejected);
    return n_drifted;
}

static void publish(watch_version *version, uint64_t now_ns, uint64_t bucket_ns, double alpha)
{
    mw_watch_report report = version->report;
    mw_watched *found = malloc(version->n_columns * sizeof *found);
    if (!found)
        return; /* the last findings stay until there is memory */
    report.state = MW_WATCH_WATCHING;
    report.reference_rows = version->learn_rows;
    report.rows = version->seen_rows;
    report.window_rows = 0;
    for (size_t b = 0; b < WATCH_BUCKETS; b++)
        report.window_rows += version->ring_rows[b];
    uint64_t watched_ns = now_ns - version->first_ns;
    uint64_t kept = version->bucket < WATCH_BUCKETS ? version->bucket : WATCH_BUCKETS - 1;
    report.window_seconds = (double)(watched_ns - (version->bucket - kept) * bucket_ns) / 1e9;
    for (size_t c = 0; c < version->n_columns; c++)
        judge(version, c, now_ns, bucket_ns, &found[c]);
    report.n_drifted = believe(found, version->n_columns, alpha);
    pthread_mutex_lock(&version->lock);
    version->report = report;
    memcpy(version->found, found, version->n_columns * sizeof *found);
    pthread_mutex_unlock(&version->lock);
    free(found);
}

void watch_look(watch_version *version, uint64_t now_ns, uint64_t bucket_ns, double alpha)
{
    if (!atomic_load(&version->columns) && !learn(version, now_ns)) {
        pthread_mutex_lock(&version->lock);
        version->report.reference_rows =
            atomic_load_explicit(&version->n_written, memory_order_relaxed);
        pthread_mutex_unlock(&version->lock);
        return;
    }
    turn_to(version, (now_ns - version->first_ns) / bucket_ns);
    uint64_t before = version->seen_rows;
    gather(version);
    if (version->seen_rows != before || version->report.state == MW_WATCH_LEARNING ||
        version->report.window_rows > 0)
        publish(version, now_ns, bucket_ns, alpha);
}
