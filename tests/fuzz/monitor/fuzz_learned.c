/* What the watch learned, from its file: what is read can go on, and written again it reads the
 * same. The digest at the end is made here, so that chance comes behind it. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "monitor/watch.h"

#include "rows.h"

enum { LEARN = 400, COLUMNS = 3, NOW = 1000000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static watch_version *make(void)
{
    watch_version *version = watch_version_new("e", 1, 2, 1, LEARN, 1000, NULL);
    if (!version || !(version->identity = strdup("m")))
        abort();
    version->is_category[1] = true;
    return version;
}

/* With columns that the file's were learned against: the same rows give the same. What else comes
 * of these is not there, and not made again for each input. */
static watch_version *make_bare(void)
{
    static mw_buf history; /* for as long as the process */
    mw_error err;
    bool is_other;
    if (history.size == 0) {
        watch_version *learned = make();
        send_rows(learned, LEARN);
        watch_look(learned, NOW, 0.05, NULL);
        mw_buf_init(&history, MW_MIB);
        watch_write(learned, &history);
        watch_version_free(learned);
    }
    watch_version *version = make();
    if (watch_read(mw_buf_as_view(&history), version, NOW, &is_other, &err) != MW_OK)
        abort();
    return version;
}

static void write_again(watch_version *version)
{
    mw_error err;
    bool is_other;
    mw_buf text, second;
    mw_buf_init(&text, 64 * MW_MIB);
    mw_buf_init(&second, 64 * MW_MIB);
    watch_write_learned(version, &text);
    watch_version *again = make_bare();
    if (watch_read_learned(mw_buf_as_view(&text), again, version->latest_ns, &is_other, &err) !=
            MW_OK ||
        is_other)
        abort();
    watch_write_learned(again, &second);
    if (!mw_view_equal(mw_buf_as_view(&text), mw_buf_as_view(&second)))
        abort();
    watch_version_free(again);
    mw_buf_done(&text);
    mw_buf_done(&second);
}

static void go_on(watch_version *version)
{
    mw_watch_sketch sketch;
    static mw_watch_decay_window windows[MW_WATCH_DECAY_WINDOWS];
    const watch_column *columns = atomic_load(&version->columns);
    for (size_t i = 0; i < 3; i++) {
        send_rows(version, 50);
        watch_look(version, version->latest_ns + 700, 0.05, NULL);
    }
    for (size_t c = 0; c < COLUMNS; c++)
        (void)watch_sketches_tell(&version->sketches, &columns[c], c, version->latest_ns, &sketch);
    if (version->decay)
        (void)watch_decay_windows(version->decay, windows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err;
    bool is_other;
    uint8_t *bytes = malloc(size + sizeof(uint64_t));
    if (!bytes)
        return 0;
    if (size > 0)
        memcpy(bytes, data, size);
    uint64_t digest = mw_fnv(MW_FNV_BEGIN, bytes, size);
    memcpy(bytes + size, &digest, sizeof digest);
    watch_version *version = make_bare();
    mw_view text = {(const char *)bytes, size + sizeof digest};
    if (watch_read_learned(text, version, NOW, &is_other, &err) == MW_OK && !is_other) {
        write_again(version);
        go_on(version);
    }
    watch_version_free(version);
    free(bytes);
    return 0;
}
