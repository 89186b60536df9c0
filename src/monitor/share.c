/* What the servers of a record have counted together.
 *
 *     history   this server's slots          others   sums of all others' slots, as they last told
 *                        `---------- added up ----------'
 *
 * `others` is never kept: the record has it, and it is told again. */
#include "watch.h"

#include <stdlib.h>

#include "base/banned.h"

/* ---- sums ------------------------------------------------------------------------------------ */

static const watch_slot *others_at(const watch_version *version, mw_watch_scope scope,
                                   watch_span span, uint64_t bucket)
{
    bool has = version->others && scope == MW_WATCH_OF_ALL;
    return has ? watch_slot_of(version->others, span, bucket) : NULL;
}

uint64_t watch_rows_in(const watch_version *version, mw_watch_scope scope, watch_span span,
                       uint64_t bucket)
{
    const watch_slot *mine = watch_slot_of(&version->history, span, bucket);
    const watch_slot *theirs = others_at(version, scope, span, bucket);
    return (mine ? mine->rows : 0) + (theirs ? theirs->rows : 0);
}

void watch_add_counts(const watch_version *version, mw_watch_scope scope, watch_span span,
                      uint64_t bucket, size_t c, double *counts)
{
    const watch_slot *mine = watch_slot_of(&version->history, span, bucket);
    const watch_slot *theirs = others_at(version, scope, span, bucket);
    for (size_t i = 0; mine && i < WATCH_BINS; i++)
        counts[i] += mine->counts[c][i];
    for (size_t i = 0; theirs && i < WATCH_BINS; i++)
        counts[i] += theirs->counts[c][i];
}

uint64_t watch_begin_ns(const watch_version *version, mw_watch_scope scope)
{
    uint64_t others = scope == MW_WATCH_OF_ALL ? version->others_first_ns : 0;
    return others > 0 && others < version->first_ns ? others : version->first_ns;
}

uint64_t watch_rows_of_others(const watch_version *version)
{
    uint64_t rows = 0;
    for (size_t i = 0; version->others && i < WATCH_N_DAYS; i++)
        rows += version->others->days[i].rows;
    return rows;
}

void watch_add_days_of_others(const watch_version *version, size_t c, double *counts)
{
    for (size_t day = 0; version->others && day < WATCH_N_DAYS; day++)
        for (size_t i = 0; version->others->days[day].counts && i < WATCH_BINS; i++)
            counts[i] += version->others->days[day].counts[c][i];
}

void watch_forget_others(watch_version *version)
{
    if (version->others)
        watch_history_done(version->others);
    free(version->others);
    version->others = NULL;
    version->others_first_ns = version->others_last_ns = 0;
    watch_forget_values(version);
}

uint64_t mw_monitor_kept(int span)
{
    static const uint64_t kept[] = {WATCH_N_MINUTES, WATCH_N_HOURS, WATCH_N_DAYS};
    return kept[span];
}

/* ---- what is told ---------------------------------------------------------------------------- */

/* Once for each reference: a wide model's is some hundred kB. */
uint64_t watch_reference_of(watch_version *version)
{
    mw_buf bytes;
    if (!watch_is_whole(version))
        return 0;
    if (version->shared_digest)
        return version->shared_digest;
    mw_buf_init(&bytes, MW_LIMIT_WATCH_FILE_BYTES);
    watch_pack_reference(version, &bytes);
    uint64_t digest = mw_fnv(MW_FNV_BEGIN, bytes.data, bytes.size);
    version->shared_digest = bytes.failed ? 0 : digest;
    mw_buf_done(&bytes);
    return version->shared_digest;
}

void watch_pack_reference(const watch_version *version, mw_buf *out)
{
    const watch_column *columns = atomic_load(&version->columns);
    mw_pack_whole(out, version->n_columns);
    for (size_t c = 0; c < version->n_columns; c++)
        watch_pack_column(out, &columns[c]);
}

bool watch_pack_slot(const watch_version *version, watch_span span, uint64_t bucket,
                     uint64_t *ret_rows, mw_buf *out)
{
    const watch_slot *slot = watch_slot_of(&version->history, span, bucket);
    if (!slot)
        return false;
    *ret_rows = slot->rows;
    watch_pack_counts(out, slot, version->n_columns);
    return !out->failed;
}

/* ---- what is heard --------------------------------------------------------------------------- */

static mw_status fail_damaged(const char *what, mw_error *err)
{
    mw_fail(err, MW_E_WATCH_HISTORY, "what another server has told is damaged");
    return mw_why(err, "%s", what);
}

static watch_column *unpack_columns(mw_unpack *in, size_t n)
{
    watch_column *columns = calloc(n + 1, sizeof *columns);
    bool done = columns && mw_unpack_whole(in) == n;
    for (size_t c = 0; c < n && done; c++)
        done = watch_unpack_column(in, &columns[c]) && columns[c].is_ready;
    if (done && !in->failed && in->at == in->end)
        return columns;
    watch_columns_free(columns, n);
    return NULL;
}

/* Whether the columns that have a reference here already have the same there: a profile's, mostly.
 */
static bool agrees_with(const watch_version *version, const watch_column *columns)
{
    mw_buf mine, theirs;
    const watch_column *now = atomic_load(&version->columns);
    mw_buf_init(&mine, MW_LIMIT_WATCH_FILE_BYTES);
    mw_buf_init(&theirs, MW_LIMIT_WATCH_FILE_BYTES);
    for (size_t c = 0; now && c < version->n_columns; c++)
        if (now[c].is_ready) {
            watch_pack_column(&mine, &now[c]);
            watch_pack_column(&theirs, &columns[c]);
        }
    bool same = now && !mine.failed && !theirs.failed &&
                mw_view_equal(mw_buf_as_view(&mine), mw_buf_as_view(&theirs));
    mw_buf_done(&mine);
    mw_buf_done(&theirs);
    return same;
}

/* All that was counted by other bins. */
static void begin_anew(watch_version *version)
{
    size_t n = version->n_columns;
    uint64_t bucket_ns = version->history.bucket_ns;
    watch_history_done(&version->history);
    watch_history_init(&version->history, n, bucket_ns);
    watch_forget_others(version);
    memset(version->whole, 0, n * WATCH_BINS * sizeof *version->whole);
    version->whole_rows = 0;
    version->first_ns = version->latest_ns;
    watch_pass_over(version); /* counted by bins that are gone */
    if (version->decay)
        watch_decay_forget(version->decay, version->n_features);
}

mw_status watch_take_reference(watch_version *version, mw_view bytes, mw_error *err)
{
    mw_unpack in = mw_unpack_of(bytes);
    watch_column *columns = unpack_columns(&in, version->n_columns);
    if (!columns)
        return fail_damaged("the reference of a column", err);
    bool goes_on = agrees_with(version, columns);
    if (!goes_on && !watch_scorer_follow(version, columns)) {
        watch_columns_free(columns, version->n_columns);
        return mw_fail_memory(err, "another server's reference");
    }
    pthread_mutex_lock(&version->lock);
    watch_columns_put(version, columns, false);
    if (!goes_on)
        begin_anew(version);
    version->saved_rows = UINT64_MAX; /* to be kept before it is told */
    pthread_mutex_unlock(&version->lock);
    return MW_OK;
}

static bool add_counts(mw_view bytes, watch_counts *counts, size_t n_columns)
{
    mw_unpack in = mw_unpack_of(bytes);
    for (size_t k = 0; k < n_columns * WATCH_BINS; k++) {
        uint64_t more = mw_unpack_at_most(&in, UINT32_MAX);
        uint32_t *count = &(&counts[0][0])[k];
        *count = more > UINT32_MAX - *count ? UINT32_MAX : *count + (uint32_t)more;
    }
    return !in.failed && in.at == in.end;
}

static void note_bucket(watch_version *version, watch_span span, uint64_t bucket)
{
    uint64_t begin_ns = bucket * watch_span_ns(&version->history, span);
    if (version->others_first_ns == 0 || begin_ns < version->others_first_ns)
        version->others_first_ns = begin_ns;
    if (span == WATCH_MINUTES && begin_ns > version->others_last_ns)
        version->others_last_ns = begin_ns;
    version->has_news_of_others = true;
}

static watch_slot *room_of_others(watch_version *version, watch_span span, uint64_t bucket)
{
    if (!version->others) {
        version->others = calloc(1, sizeof *version->others);
        if (!version->others)
            return NULL;
        watch_history_init(version->others, version->n_columns, version->history.bucket_ns);
    }
    return watch_slot_at(version->others, span, bucket);
}

/* A bucket that its ring has left behind would take the place of a newer one. */
static bool is_kept(const watch_version *version, watch_span span, uint64_t bucket)
{
    uint64_t now = version->latest_ns / watch_span_ns(&version->history, span);
    uint64_t kept = mw_monitor_kept((int)span);
    return bucket + kept > now && bucket < now + kept;
}

mw_status watch_hear(watch_version *version, watch_span span, uint64_t bucket, const uint64_t *rows,
                     const mw_view *counts, size_t n, mw_error *err)
{
    size_t bytes = version->n_columns * sizeof(watch_counts);
    if (!is_kept(version, span, bucket))
        return MW_OK;
    watch_counts *sums = calloc(1, bytes + 1);
    uint64_t n_rows = 0;
    bool is_whole = true;
    if (!sums)
        return mw_fail_memory(err, "what other servers have counted");
    for (size_t i = 0; i < n && is_whole; i++) {
        is_whole = add_counts(counts[i], sums, version->n_columns);
        n_rows += rows[i];
    }
    pthread_mutex_lock(&version->lock);
    watch_slot *slot = NULL;
    if (is_whole && n_rows > 0)
        slot = room_of_others(version, span, bucket);
    else if (is_whole && version->others)
        watch_slot_clear(version->others, span, bucket);
    if (slot) {
        memcpy(slot->counts, sums, bytes);
        slot->rows = n_rows;
        note_bucket(version, span, bucket);
    }
    pthread_mutex_unlock(&version->lock);
    free(sums);
    if (!is_whole)
        return fail_damaged("the counts of a bucket of time", err);
    return slot || n_rows == 0 ? MW_OK : mw_fail_memory(err, "what other servers have counted");
}
