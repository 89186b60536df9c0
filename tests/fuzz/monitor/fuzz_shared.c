/* What another server has told of its watch: 'r' and a reference, 's' and the counts of a bucket,
 * 'v' and sketches of values, whose digest is made here, so that chance comes behind it. A
 * reference that is taken is told on as it came; counts that are taken can be judged, sketches told
 * of. */
#include <stdint.h>
#include <stdlib.h>

#include "monitor/watch.h"

#include "rows.h"

enum { LEARN = 400, COLUMNS = 3, NOW = 1000000, BUCKET = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static watch_version *make(void)
{
    watch_version *version = watch_version_new("e", 1, 2, 1, LEARN, BUCKET, NULL);
    if (!version || !(version->identity = strdup("m")))
        abort();
    version->is_category[1] = true;
    send_rows(version, LEARN);
    watch_look(version, NOW, 0.05, NULL);
    return version;
}

static void take_reference(watch_version *version, mw_view bytes)
{
    mw_buf again;
    if (watch_take_reference(version, bytes, NULL) != MW_OK)
        return;
    mw_buf_init(&again, MW_MIB);
    watch_pack_reference(version, &again);
    if (!watch_is_whole(version))
        abort();
    mw_buf_done(&again);
}

static void hear(watch_version *version, mw_view bytes)
{
    const uint64_t rows = 7;
    mw_view counts = bytes;
    uint64_t bucket = version->latest_ns / BUCKET;
    bool is_taken = watch_hear(version, WATCH_MINUTES, bucket, &rows, &counts, 1, NULL) == MW_OK;
    if (is_taken != (watch_rows_in(version, MW_WATCH_OF_ALL, WATCH_MINUTES, bucket) == rows))
        abort(); /* wholly, or not at all */
}

static void hear_values(watch_version *version, mw_view bytes)
{
    mw_error err;
    mw_buf sealed;
    mw_watch_sketch sketch;
    mw_buf_init(&sealed, MW_MIB);
    mw_buf_view(&sealed, bytes);
    watch_seal(&sealed, 0);
    mw_view told = mw_buf_as_view(&sealed);
    bool is_taken = watch_hear_values(version, "other", version->latest_ns, told, &err) == MW_OK;
    if (is_taken != (version->n_values == 1))
        abort();
    pthread_mutex_lock(&version->lock);
    for (size_t c = 0; c < COLUMNS; c++)
        (void)watch_tell_values(version, c, &sketch);
    pthread_mutex_unlock(&version->lock);
    mw_buf_done(&sealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_watch_report report;
    mw_watched columns[COLUMNS];
    mw_watch_bin bins[MW_WATCH_BINS];
    if (size == 0)
        return 0;
    watch_version *version = make();
    const mw_view bytes = {(const char *)data + 1, size - 1};
    (data[0] == 'r' ? take_reference : data[0] == 'v' ? hear_values : hear)(version, bytes);
    send_rows(version, 50);
    watch_look(version, version->latest_ns + 700, 0.05, NULL);
    report = version->report;
    watch_window(version, MW_WATCH_OF_ALL, 1, &report, columns, COLUMNS);
    for (size_t c = 0; c < COLUMNS; c++)
        (void)watch_bins(version, c, 1, 0, bins);
    watch_version_free(version);
    return 0;
}
