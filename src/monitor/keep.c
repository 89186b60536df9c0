/* What of a version survives a restart, as bytes.
 *
 *     "MWWATCH2" | names, shape, times | columns: reference | whole | minutes, hours, days
 *     | hours of the endpoint's pulse | digest               "MWWATCH1": without the pulse
 *
 * Whole numbers are varints of 7 bits a byte, the lowest first: most counts are small. The digest
 * (FNV-1a of all before it) tells a file that is damaged or cut short. Nothing is taken from a
 * number in the file before the bytes that it promises are there. */
#include "watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define MAGIC "MWWATCH2"
#define MAGIC_BEFORE "MWWATCH1"

enum { READY = 1, CATEGORY = 2, PROFILED = 4, TEXT_MAX = 4096 };

void watch_file_name(const watch_version *version, const char *ending, char ret_name[40])
{
    uint64_t digest = mw_fnv(MW_FNV_BEGIN, version->endpoint, strlen(version->endpoint) + 1);
    digest = mw_fnv(digest, version->identity, strlen(version->identity));
    snprintf(ret_name, 40, "%016llx.%s", (unsigned long long)digest, ending);
}

void watch_seal(mw_buf *out, size_t begin)
{
    uint64_t digest = mw_fnv(MW_FNV_BEGIN, out->data + begin, out->size - begin);
    mw_buf_bytes(out, &digest, sizeof digest);
}

bool watch_unseal(mw_view text, mw_unpack *ret_in)
{
    uint64_t digest;
    if (text.size <= sizeof digest)
        return false;
    size_t size = text.size - sizeof digest;
    memcpy(&digest, text.data + size, sizeof digest);
    *ret_in = mw_unpack_of((mw_view){text.data, size});
    return digest == mw_fnv(MW_FNV_BEGIN, text.data, size);
}

/* ---- out ------------------------------------------------------------------------------------- */

void watch_pack_column(mw_buf *out, const watch_column *column)
{
    mw_pack_whole(out, (column->is_ready ? READY : 0) | (column->is_category ? CATEGORY : 0) |
                           (column->is_profiled ? PROFILED : 0));
    mw_pack_whole(out, column->n_edges);
    for (size_t i = 0; i < column->n_edges; i++)
        mw_pack_number(out, column->edges[i]);
    mw_pack_whole(out, column->n_codes);
    mw_buf_bytes(out, column->bins ? (const char *)column->bins : "", column->n_codes);
    mw_pack_whole(out, column->n_top);
    for (size_t i = 0; i < column->n_top; i++)
        mw_pack_whole(out, column->top[i]);
    for (size_t i = 0; i < WATCH_BINS; i++)
        mw_pack_number(out, column->reference[i]);
}

void watch_pack_counts(mw_buf *out, const watch_slot *slot, size_t n_columns)
{
    for (size_t k = 0; k < n_columns * WATCH_BINS; k++)
        mw_pack_whole(out, (&slot->counts[0][0])[k]);
}

static void put_slots(mw_buf *out, const watch_slot *slots, size_t n, size_t n_columns)
{
    size_t held = 0;
    for (size_t i = 0; i < n; i++)
        held += slots[i].counts != NULL;
    mw_pack_whole(out, held);
    for (size_t i = 0; i < n; i++) {
        if (!slots[i].counts)
            continue;
        mw_pack_whole(out, slots[i].bucket);
        mw_pack_whole(out, slots[i].rows);
        watch_pack_counts(out, &slots[i], n_columns);
    }
}

static void put_pulse(mw_buf *out, const watch_pulse *pulse)
{
    size_t held = 0;
    for (size_t i = 0; i < WATCH_PULSE_HOURS; i++)
        held += pulse->hours[i].requests > 0;
    mw_pack_whole(out, pulse->first_ns);
    mw_pack_whole(out, held);
    for (size_t i = 0; i < WATCH_PULSE_HOURS; i++) {
        const watch_beat *beat = &pulse->hours[i];
        if (beat->requests == 0)
            continue;
        const uint64_t wholes[] = {beat->bucket, beat->requests, beat->active, beat->peak,
                                   beat->gap};
        for (size_t k = 0; k < MW_COUNT(wholes); k++)
            mw_pack_whole(out, wholes[k]);
    }
}

void watch_write(const watch_version *version, mw_buf *out)
{
    static const watch_column unready;
    const watch_column *columns = atomic_load(&version->columns);
    size_t begin = out->size;
    mw_buf_text(out, MAGIC);
    mw_pack_text(out, version->endpoint);
    mw_pack_text(out, version->identity);
    mw_pack_text(out, version->source);
    const uint64_t wholes[] = {version->n_features,        version->n_outputs,
                               version->history.bucket_ns, version->first_ns,
                               version->latest_ns,         version->whole_rows,
                               version->learn_rows,        version->reference_digest};
    for (size_t i = 0; i < MW_COUNT(wholes); i++)
        mw_pack_whole(out, wholes[i]);
    mw_pack_number(out, version->profile_rows);
    for (size_t c = 0; c < version->n_columns; c++)
        watch_pack_column(out, columns ? &columns[c] : &unready);
    for (size_t i = 0; i < version->n_columns * WATCH_BINS; i++)
        mw_pack_whole(out, version->whole[i]);
    for (watch_span span = WATCH_MINUTES; span < WATCH_SPANS; span++) {
        size_t n;
        const watch_slot *slots = watch_slots((watch_history *)&version->history, span, &n);
        put_slots(out, slots, n, version->n_columns);
    }
    put_pulse(out, version->pulse);
    watch_seal(out, begin);
}

/* ---- in -------------------------------------------------------------------------------------- */

static bool is_rows(double value)
{
    return value >= 0 && value < 1e18;
}

static bool get_codes(mw_unpack *in, watch_column *column)
{
    uint64_t n = mw_unpack_whole(in);
    const uint8_t *bins = n <= WATCH_CODES ? mw_unpack_bytes(in, (size_t)n) : NULL;
    if (!bins)
        return false;
    for (size_t i = 0; i < n; i++)
        if (bins[i] > WATCH_NEW)
            return false;
    column->n_codes = (size_t)n;
    column->bins = n > 0 ? malloc((size_t)n) : NULL;
    if (column->bins)
        memcpy(column->bins, bins, (size_t)n);
    return n == 0 || column->bins;
}

bool watch_unpack_column(mw_unpack *in, watch_column *column)
{
    uint64_t flags = mw_unpack_whole(in), n_edges = mw_unpack_whole(in);
    column->is_ready = flags & READY;
    column->is_category = flags & CATEGORY;
    column->is_profiled = flags & PROFILED;
    if (n_edges > WATCH_EDGES)
        return false;
    column->n_edges = (size_t)n_edges;
    for (size_t i = 0; i < WATCH_PADDED; i++)
        column->edges[i] = i < n_edges ? mw_unpack_number(in) : (double)INFINITY;
    for (size_t i = 0; i < n_edges; i++)
        if (isnan(column->edges[i]) || (i > 0 && column->edges[i] <= column->edges[i - 1]))
            return false;
    if (!get_codes(in, column))
        return false;
    uint64_t n_top = mw_unpack_whole(in);
    if (n_top > WATCH_TOP)
        return false;
    column->n_top = (size_t)n_top;
    for (size_t i = 0; i < n_top; i++)
        column->top[i] = (uint32_t)mw_unpack_whole(in);
    for (size_t i = 0; i < WATCH_BINS; i++) {
        column->reference[i] = mw_unpack_number(in);
        if (!is_rows(column->reference[i]))
            return false;
    }
    return !in->failed;
}

static bool get_slots(mw_unpack *in, watch_history *history, watch_span span)
{
    size_t n;
    (void)watch_slots(history, span, &n);
    uint64_t held = mw_unpack_whole(in);
    for (uint64_t i = 0; i < held && !in->failed; i++) {
        uint64_t bucket = mw_unpack_whole(in), rows = mw_unpack_whole(in);
        if (i >= n || (size_t)(in->end - in->at) < history->n_columns * WATCH_BINS)
            return false; /* a count takes a byte at least */
        watch_slot *slot = watch_slot_at(history, span, bucket);
        if (!slot)
            return false;
        slot->rows = rows;
        for (size_t k = 0; k < history->n_columns * WATCH_BINS; k++)
            (&slot->counts[0][0])[k] = (uint32_t)mw_unpack_whole(in);
    }
    return !in->failed;
}

/* What is read before a version is touched. */
typedef struct kept {
    uint64_t n_features, n_outputs, bucket_ns, first_ns, latest_ns, whole_rows, learn_rows, digest;
    double profile_rows;
    mw_view source;
    watch_column *columns;
    uint64_t *whole;
    watch_history history;
    bool has_pulse;
    watch_pulse *pulse;
} kept;

const char *watch_wrong_magic(const char *magic, const char *own)
{
    size_t last = strlen(own) - 1; /* the version of the format, a digit */
    if (!magic || memcmp(magic, own, last) != 0)
        return "it begins with other bytes";
    return magic[last] > own[last] && magic[last] <= '9'
               ? "it was written by a newer Millwright, which this one cannot read"
               : "it is of a format that is no longer read";
}

static const char *read_head(mw_unpack *in, const watch_version *version, kept *k)
{
    const char *magic = mw_unpack_bytes(in, sizeof MAGIC - 1);
    k->has_pulse = magic && memcmp(magic, MAGIC, sizeof MAGIC - 1) == 0;
    if (!k->has_pulse && (!magic || memcmp(magic, MAGIC_BEFORE, sizeof MAGIC - 1) != 0))
        return watch_wrong_magic(magic, MAGIC);
    mw_view endpoint = mw_unpack_text(in, TEXT_MAX), identity = mw_unpack_text(in, TEXT_MAX);
    if (!mw_view_is(endpoint, version->endpoint) || !mw_view_is(identity, version->identity))
        return "it is another endpoint's, or another model's";
    k->source = mw_unpack_text(in, TEXT_MAX);
    uint64_t *const wholes[] = {&k->n_features, &k->n_outputs,  &k->bucket_ns,  &k->first_ns,
                                &k->latest_ns,  &k->whole_rows, &k->learn_rows, &k->digest};
    for (size_t i = 0; i < MW_COUNT(wholes); i++)
        *wholes[i] = mw_unpack_whole(in);
    k->profile_rows = mw_unpack_number(in);
    if (k->n_features != version->n_features || k->n_outputs != version->n_outputs ||
        k->bucket_ns != version->history.bucket_ns)
        return "it is of other columns";
    if (in->failed || k->first_ns > k->latest_ns || !is_rows(k->profile_rows))
        return "its head is damaged";
    return NULL;
}

static bool get_pulse(mw_unpack *in, watch_pulse *pulse)
{
    pulse->first_ns = mw_unpack_whole(in);
    uint64_t held = mw_unpack_whole(in);
    for (uint64_t i = 0; i < held && !in->failed; i++) {
        uint64_t bucket = mw_unpack_whole(in);
        watch_beat *beat = &pulse->hours[bucket % WATCH_PULSE_HOURS];
        if (i >= WATCH_PULSE_HOURS || beat->requests > 0)
            return false;
        beat->bucket = bucket;
        uint32_t *const fields[] = {&beat->requests, &beat->active, &beat->peak, &beat->gap};
        for (size_t k = 0; k < MW_COUNT(fields); k++)
            *fields[k] = (uint32_t)mw_unpack_whole(in);
        if (beat->requests == 0)
            return false;
    }
    return !in->failed;
}

static const char *read_body(mw_unpack *in, const watch_version *version, kept *k)
{
    size_t n = version->n_columns;
    k->columns = calloc(n + 1, sizeof *k->columns);
    k->whole = calloc((n + 1) * WATCH_BINS, sizeof *k->whole);
    if (!k->columns || !k->whole)
        return "memory is gone";
    for (size_t c = 0; c < n; c++)
        if (!watch_unpack_column(in, &k->columns[c]))
            return "a column's reference is damaged";
    for (size_t i = 0; i < n * WATCH_BINS; i++)
        k->whole[i] = mw_unpack_whole(in);
    for (watch_span span = WATCH_MINUTES; span < WATCH_SPANS; span++)
        if (!get_slots(in, &k->history, span))
            return "a bucket of time is damaged";
    k->pulse = k->has_pulse ? calloc(1, sizeof *k->pulse) : NULL;
    if (k->pulse && !get_pulse(in, k->pulse))
        return "the hours of its requests are damaged";
    if (k->has_pulse && !k->pulse)
        return "memory is gone";
    return in->failed || in->at != in->end ? "it ends too early, or goes on behind its end" : NULL;
}

/* A clock that was set back by more than a day: buckets of the future would be waited in. */
static bool is_ahead(const kept *k, uint64_t now_ns)
{
    return k->latest_ns > now_ns + UINT64_C(86400000000000);
}

/* Of an endpoint that was not asked yet since the start: its hours, and nothing of the pause. */
static void take_pulse(watch_pulse *pulse, const watch_pulse *past, uint64_t now_ns)
{
    if (!past || past->first_ns == 0 || past->first_ns > now_ns || pulse->n_requests > 0 ||
        (pulse->first_ns > 0 && pulse->first_ns <= past->first_ns))
        return;
    pulse->first_ns = past->first_ns;
    memcpy(pulse->hours, past->hours, sizeof pulse->hours);
}

static void take_over(watch_version *version, kept *k, uint64_t now_ns)
{
    bool any = false;
    for (size_t c = 0; c < version->n_columns; c++)
        any = any || k->columns[c].is_ready;
    if (any) {
        watch_columns_put(version, k->columns, false);
        k->columns = NULL;
    }
    version->profile_rows = k->profile_rows;
    version->reference_digest = k->digest;
    version->first_ns = version->latest_ns = now_ns;
    version->last_ns = now_ns;
    if (is_ahead(k, now_ns))
        return;
    take_pulse(version->pulse, k->pulse, now_ns);
    version->first_ns = k->first_ns;
    version->latest_ns = k->latest_ns;
    version->whole_rows = version->saved_rows = k->whole_rows;
    memcpy(version->whole, k->whole, version->n_columns * WATCH_BINS * sizeof *version->whole);
    watch_history_done(&version->history);
    version->history = k->history;
    watch_history_init(&k->history, version->n_columns, k->bucket_ns);
}

mw_status watch_read(mw_view text, watch_version *version, uint64_t now_ns, bool *ret_is_other,
                     mw_error *err)
{
    mw_unpack in;
    kept k = {0};
    const char *wrong = "it is cut short, or damaged";
    watch_history_init(&k.history, version->n_columns, version->history.bucket_ns);
    if (watch_unseal(text, &in))
        wrong = read_head(&in, version, &k);
    if (!wrong)
        wrong = read_body(&in, version, &k);
    *ret_is_other = !wrong && version->reference_digest && k.digest != version->reference_digest;
    if (!wrong && !*ret_is_other) {
        char *source = strndup(k.source.data, k.source.size);
        take_over(version, &k, now_ns);
        free(version->source);
        version->source = source;
    }
    watch_columns_free(k.columns, version->n_columns);
    free(k.whole);
    free(k.pulse);
    watch_history_done(&k.history);
    return wrong ? mw_fail(err, MW_E_WATCH_HISTORY, "%s", wrong) : MW_OK;
}
