/* What endpoints did, over a restart: a file an endpoint, as a protocol buffer.
 *
 *     1 endpoint   2 {1 from, 2 to}: when it was sampled   3 fields of a sample
 *     4 minute, numbers...   5 hour, numbers...   15 digest (SipHash) of all before it
 *
 * Written by the pulse, beside each other and not all at once; what a kill takes is a minute. */
#include "tracks.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

enum {
    ENDPOINT = 1,
    RUN = 2,
    FIELDS = 3,
    OF_MINUTE = 4,
    OF_HOUR = 5,
    DIGEST = 15,
    DIGEST_BYTES = 9,
    PATH_BYTES = 4096,
    KEEP_SECONDS = 60,
    LOCK_MS = 200, /* the watch has waited already */
    QUIET_SECONDS = 3600
};

static uint64_t digest_of(const char *bytes, size_t size)
{
    static const uint8_t key[crypto_shorthash_KEYBYTES]; /* no secret: it tells damage */
    uint64_t digest;
    crypto_shorthash((uint8_t *)&digest, (const uint8_t *)bytes, size, key);
    return digest | 1; /* never left out */
}

/* ---- out ------------------------------------------------------------------------------------- */

static void put_units(api_samples *samples, const char *endpoint, track_span span, uint32_t number,
                      int64_t now, int64_t kept, mw_buf *out)
{
    int64_t last = now / track_unit_seconds(span);
    for (int64_t unit = last - kept + 1; unit <= last; unit++) {
        api_sample sum = {0};
        for (api_track *at = *track_bucket(samples, endpoint); at; at = at->next) {
            const api_sample *one = unit > 0 && strcmp(at->endpoint, endpoint) == 0
                                        ? track_sample(at, span, unit)
                                        : NULL;
            if (one)
                api_sample_add(&sum, one);
        }
        if (api_sample_requests(&sum) == 0)
            continue;
        int64_t numbers[1 + TRACK_FIELDS] = {unit};
        for (size_t f = 0; f < TRACK_FIELDS; f++)
            numbers[1 + f] = ((const uint32_t *)&sum)[f];
        mw_protobuf_put_numbers(out, number, numbers, MW_COUNT(numbers));
    }
}

static void put_run(mw_buf *out, api_run run)
{
    size_t begin = mw_protobuf_begin(out, RUN);
    mw_protobuf_put_number(out, 1, (uint64_t)run.from);
    mw_protobuf_put_number(out, 2, (uint64_t)run.to);
    mw_protobuf_end(out, begin);
}

static void put_runs(api_samples *samples, const char *endpoint, mw_buf *out)
{
    api_track all = {.n_runs = 0};
    api_run live = {INT64_MAX, 0};
    const api_track *past = track_find(samples, endpoint, SAMPLES_PAST);
    for (size_t i = 0; past && i < past->n_runs; i++)
        track_add_run(&all, past->runs[i]);
    for (const api_track *at = *track_bucket(samples, endpoint); at; at = at->next) {
        if (at->version == SAMPLES_PAST || strcmp(at->endpoint, endpoint) != 0)
            continue;
        live.from = at->since < live.from ? at->since : live.from;
        live.to = at->taken > live.to ? at->taken : live.to;
    }
    if (live.to > 0)
        track_add_run(&all, live);
    for (size_t i = 0; i < all.n_runs; i++)
        put_run(out, all.runs[i]);
}

void track_write(api_samples *samples, const char *endpoint, int64_t now, mw_buf *out)
{
    size_t begin = out->size;
    mw_protobuf_put_text(out, ENDPOINT, mw_view_of(endpoint));
    put_runs(samples, endpoint, out);
    mw_protobuf_put_number(out, FIELDS, TRACK_FIELDS);
    put_units(samples, endpoint, TRACK_MINUTES, OF_MINUTE, now, SAMPLES_OFFERED_MINUTES, out);
    put_units(samples, endpoint, TRACK_HOURS, OF_HOUR, now, SAMPLES_OFFERED_HOURS, out);
    mw_protobuf_put_fixed64(out, DIGEST, digest_of(out->data + begin, out->size - begin));
}

/* ---- in -------------------------------------------------------------------------------------- */

typedef struct reading {
    api_samples *samples;
    api_track *past;
    int64_t now;
    uint64_t n_fields;
    bool is_of_it;
} reading;

/* Of the future: a clock that was set back. It would stand there for long. */
static const char *see_unit(const reading *r, track_span span, mw_view packed)
{
    uint64_t numbers[1 + TRACK_FIELDS];
    api_sample sample;
    mw_protobuf rest = mw_protobuf_of(packed);
    for (size_t i = 0; i < MW_COUNT(numbers); i++)
        if (!mw_protobuf_varint(&rest, &numbers[i]))
            return "a sample is cut short";
    if (rest.at != rest.end)
        return "a sample has more numbers than it says";
    for (size_t f = 0; f < TRACK_FIELDS; f++)
        ((uint32_t *)&sample)[f] =
            numbers[1 + f] > UINT32_MAX ? UINT32_MAX : (uint32_t)numbers[1 + f];
    if (numbers[0] <= (uint64_t)(r->now / track_unit_seconds(span)))
        track_add(r->samples, r->past, span, (int64_t)numbers[0], &sample);
    return NULL;
}

static const char *see_run(const reading *r, mw_view message)
{
    mw_protobuf_field field;
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_outcome outcome;
    uint64_t from = 0, to = 0;
    while ((outcome = mw_protobuf_next(&rest, &field)) == MW_PROTOBUF_FIELD) {
        from = field.number == 1 ? field.value : from;
        to = field.number == 2 ? field.value : to;
    }
    if (outcome != MW_PROTOBUF_END || from > to)
        return "when it was sampled is damaged";
    if (to <= (uint64_t)r->now) {
        track_add_run(r->past, (api_run){(int64_t)from, (int64_t)to});
        r->past->since = (int64_t)from < r->past->since ? (int64_t)from : r->past->since;
    }
    return NULL;
}

static const char *see(reading *r, const mw_protobuf_field *field)
{
    bool is_sample = field->number == OF_MINUTE || field->number == OF_HOUR;
    if (field->number == ENDPOINT)
        r->is_of_it = mw_view_is(field->bytes, r->past->endpoint);
    if (field->number == FIELDS)
        r->n_fields = field->value;
    if ((is_sample || field->number == RUN) && field->type != MW_PROTOBUF_BYTES)
        return "a field of it is of another kind";
    if ((is_sample || field->number == RUN) && !r->is_of_it)
        return "it is of another endpoint";
    if (is_sample && r->n_fields != TRACK_FIELDS)
        return "its samples are those of another version";
    if (field->number == RUN)
        return see_run(r, field->bytes);
    return is_sample
               ? see_unit(r, field->number == OF_MINUTE ? TRACK_MINUTES : TRACK_HOURS, field->bytes)
               : NULL;
}

/* The digest has told that these are the bytes that were written: what is wrong beyond it was
 * written so by another version, and what came before is as good as it was. */
mw_status track_read(api_samples *samples, api_track *past, mw_view text, int64_t now,
                     mw_error *err)
{
    mw_protobuf_field field;
    reading r = {samples, past, now, 0, false};
    size_t size = text.size > DIGEST_BYTES ? text.size - DIGEST_BYTES : 0;
    mw_protobuf end = {text.data + size, text.data + text.size};
    if (size == 0 || mw_protobuf_next(&end, &field) != MW_PROTOBUF_FIELD ||
        field.number != DIGEST || field.type != MW_PROTOBUF_FIXED64 ||
        field.value != digest_of(text.data, size))
        return mw_fail(err, MW_E_TRAFFIC_HISTORY, "it is cut short, or damaged");
    mw_protobuf rest = mw_protobuf_of((mw_view){text.data, size});
    mw_protobuf_outcome outcome;
    while ((outcome = mw_protobuf_next(&rest, &field)) == MW_PROTOBUF_FIELD) {
        const char *wrong = see(&r, &field);
        if (wrong)
            return mw_fail(err, MW_E_TRAFFIC_HISTORY, "%s", wrong);
    }
    return outcome == MW_PROTOBUF_END
               ? MW_OK
               : mw_fail(err, MW_E_TRAFFIC_HISTORY, "it is no message of fields");
}

/* ---- files ----------------------------------------------------------------------------------- */

mw_status api_samples_keep(api_samples *samples, const char *folder, mw_error *err)
{
    if (mkdir(folder, 0777) != 0 && !mw_file_is_folder(folder)) {
        mw_fail_errno(err, "make the folder", errno);
        return mw_at(err, "%s", folder);
    }
    mw_error taken;
    if (mw_folder_take(folder, LOCK_MS, &samples->lock_fd, &taken) != MW_OK) {
        mw_log_error(MW_LOG_WARN, "what endpoints do is not kept over a restart", &taken);
        return MW_OK;
    }
    samples->folder = strdup(folder);
    return samples->folder ? MW_OK : mw_fail_memory(err, "samples of the endpoints");
}

static bool path_of(const api_samples *samples, const char *endpoint, char *path)
{
    int size = snprintf(path, PATH_BYTES, "%s/%016" PRIx64 ".traffic", samples->folder,
                        digest_of(endpoint, strlen(endpoint)));
    return size > 0 && size < PATH_BYTES - 8;
}

static mw_status read_file(api_samples *samples, api_track *past, const char *path, int64_t now,
                           mw_error *err)
{
    mw_file file;
    MW_TRY(mw_file_read(path, MW_LIMIT_TRAFFIC_FILE_BYTES, &file, err));
    pthread_mutex_lock(&samples->lock);
    mw_status status = track_read(samples, past, (mw_view){file.data, file.size}, now, err);
    pthread_mutex_unlock(&samples->lock);
    mw_file_done(&file);
    return status == MW_OK ? MW_OK : mw_at(err, "%s", path);
}

void track_take_up(api_samples *samples, const char *endpoint, int64_t now)
{
    mw_error err;
    char path[PATH_BYTES], aside[PATH_BYTES];
    pthread_mutex_lock(&samples->lock);
    api_track *past = track_find_or_make(samples, endpoint, SAMPLES_PAST, now);
    pthread_mutex_unlock(&samples->lock);
    if (!past)
        return;
    past->saved = now;
    if (!path_of(samples, endpoint, path) || access(path, F_OK) != 0 ||
        read_file(samples, past, path, now, &err) == MW_OK)
        return;
    mw_log_error(MW_LOG_WARN, "what an endpoint did is put aside, it begins anew", &err);
    snprintf(aside, sizeof aside, "%.*s.old", PATH_BYTES - 8, path);
    if (rename(path, aside) != 0)
        mw_log(MW_LOG_WARN, "cannot rename %s", path);
}

static void write_file(api_samples *samples, const char *endpoint, int64_t now)
{
    mw_error err;
    mw_buf text;
    char path[PATH_BYTES];
    mw_buf_init(&text, MW_LIMIT_TRAFFIC_FILE_BYTES);
    pthread_mutex_lock(&samples->lock);
    track_write(samples, endpoint, now, &text);
    pthread_mutex_unlock(&samples->lock);
    mw_status status = MW_OK;
    if (!text.failed && path_of(samples, endpoint, path))
        status = mw_file_write(path, mw_buf_as_view(&text), &err);
    if (status != MW_OK && !samples->is_unkept)
        mw_log_error(MW_LOG_WARN, "what endpoints did cannot be kept", &err);
    samples->is_unkept = status != MW_OK;
    mw_buf_done(&text);
}

static bool is_due(const api_track *past, int64_t now, bool at_once)
{
    return past->has_news ? at_once || now - past->saved >= KEEP_SECONDS
                          : now - past->saved >= QUIET_SECONDS; /* that it was watched */
}

/* The one that waits longest; NULL: none is due. */
static const char *next_due(api_samples *samples, int64_t now, bool at_once)
{
    api_track *found = NULL;
    pthread_mutex_lock(&samples->lock);
    for (size_t b = 0; b < TRACK_BUCKETS; b++)
        for (api_track *at = samples->buckets[b]; at; at = at->next)
            if (at->version == SAMPLES_PAST && is_due(at, now, at_once) &&
                (!found || at->saved < found->saved))
                found = at;
    if (found) {
        found->saved = now;
        found->has_news = false;
    }
    pthread_mutex_unlock(&samples->lock);
    return found ? found->endpoint : NULL;
}

void api_samples_save(api_samples *samples, int64_t now, size_t files_max, bool at_once)
{
    const char *endpoint;
    for (size_t i = 0; samples->folder && i < files_max; i++) {
        if (!(endpoint = next_due(samples, now, at_once)))
            return;
        write_file(samples, endpoint, now);
    }
}
