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
    watch_importance_free(version->importance_of_others);
    version->importance_of_others = NULL;
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
    if (version->importance)
        watch_importance_pack_reference(version->importance, out);
}

/* Whether sums of contributions stand behind the counts. */
static bool has_importance(const watch_version *version, watch_span span)
{
    return version->importance && span == WATCH_MINUTES;
}

bool watch_pack_slot(const watch_version *version, watch_span span, uint64_t bucket,
                     uint64_t *ret_rows, mw_buf *out)
{
    const watch_slot *slot = watch_slot_of(&version->history, span, bucket);
    if (!slot)
        return false;
    *ret_rows = slot->rows;
    watch_pack_counts(out, slot, version->n_columns);
    if (has_importance(version, span))
        watch_importance_pack_minute(version->importance, bucket, out);
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
    if (done && !in->failed)
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
    watch_importance_sums of_importance = {0};
    double *sums = NULL;
    watch_column *columns = unpack_columns(&in, version->n_columns);
    if (columns && version->importance)
        sums = watch_importance_unpack_reference(&in, version->n_features, &of_importance);
    if (!columns || in.at != in.end || (version->importance && !sums)) {
        watch_columns_free(columns, version->n_columns);
        free(sums);
        return fail_damaged("the reference of a column", err);
    }
    bool goes_on = agrees_with(version, columns);
    if (!goes_on && !watch_scorer_follow(version, columns)) {
        watch_columns_free(columns, version->n_columns);
        free(sums);
        return mw_fail_memory(err, "another server's reference");
    }
    pthread_mutex_lock(&version->lock);
    watch_columns_put(version, columns, false);
    if (sums) {
        watch_importance_take_reference(version->importance, &of_importance);
        version->learned_rows = UINT64_MAX;
    }
    if (!goes_on)
        begin_anew(version);
    version->saved_rows = UINT64_MAX; /* to be kept before it is told */
    pthread_mutex_unlock(&version->lock);
    free(sums);
    return MW_OK;
}

static bool add_counts(mw_unpack *in, watch_counts *counts, size_t n_columns)
{
    for (size_t k = 0; k < n_columns * WATCH_BINS; k++) {
        uint64_t more = mw_unpack_at_most(in, UINT32_MAX);
        uint32_t *count = &(&counts[0][0])[k];
        *count = more > UINT32_MAX - *count ? UINT32_MAX : *count + (uint32_t)more;
    }
    return !in->failed;
}

/* What others have told of a bucket, added up. */
typedef struct told_sums {
    watch_counts *counts;
    uint64_t rows;
    double *sums; /* of contributions; NULL: there are none */
    watch_importance_sums importance;
} told_sums;

static void told_done(told_sums *told)
{
    free(told->counts);
    free(told->sums);
}

static bool told_init(told_sums *told, const watch_version *version, watch_span span)
{
    bool has_sums = has_importance(version, span);
    *told = (told_sums){.counts = calloc(version->n_columns + 1, sizeof(watch_counts)),
                        .sums = has_sums ? watch_importance_sums_new(version->n_features) : NULL};
    told->importance.sums = told->sums;
    return told->counts && (told->sums || !has_sums);
}

static bool told_add(told_sums *told, const watch_version *version, uint64_t rows, mw_view bytes)
{
    mw_unpack in = mw_unpack_of(bytes);
    told->rows += rows;
    if (!add_counts(&in, told->counts, version->n_columns))
        return false;
    return told->sums ? watch_importance_add_told(&in, version->n_features, &told->importance)
                      : in.at == in.end;
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

/* Under the lock. A minute of importance that is not there goes with its counts. */
static bool put_importance(watch_version *version, uint64_t bucket, const told_sums *told)
{
    if (!told->sums)
        return true;
    if (!version->importance_of_others && told->importance.rows > 0)
        version->importance_of_others = watch_importance_new(version->n_features);
    if (version->importance_of_others)
        watch_importance_put_minute(version->importance_of_others, bucket, &told->importance);
    return version->importance_of_others || !(told->importance.rows > 0);
}

/* Under the lock. False: memory is gone. */
static bool put_told(watch_version *version, watch_span span, uint64_t bucket,
                     const told_sums *told)
{
    if (!put_importance(version, bucket, told))
        return false;
    if (told->rows == 0) {
        if (version->others)
            watch_slot_clear(version->others, span, bucket);
        return true;
    }
    watch_slot *slot = room_of_others(version, span, bucket);
    if (!slot)
        return false;
    memcpy(slot->counts, told->counts, version->n_columns * sizeof(watch_counts));
    slot->rows = told->rows;
    note_bucket(version, span, bucket);
    return true;
}

mw_status watch_hear(watch_version *version, watch_span span, uint64_t bucket, const uint64_t *rows,
                     const mw_view *counts, size_t n, mw_error *err)
{
    told_sums told;
    if (!is_kept(version, span, bucket))
        return MW_OK;
    bool has_room = told_init(&told, version, span), is_whole = true;
    for (size_t i = 0; has_room && i < n && is_whole; i++)
        is_whole = told_add(&told, version, rows[i], counts[i]);
    pthread_mutex_lock(&version->lock);
    has_room = has_room && (!is_whole || put_told(version, span, bucket, &told));
    pthread_mutex_unlock(&version->lock);
    told_done(&told);
    if (!is_whole)
        return fail_damaged("the counts of a bucket of time", err);
    return has_room ? MW_OK : mw_fail_memory(err, "what other servers have counted");
}
