/* A history of the watch: what is read can go on, and written again it reads the same. The digest
 * at the end is made here, so that chance comes behind it. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "monitor/watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static watch_version *make(void)
{
    watch_version *version = watch_version_new("e", 1, 2, 1, 4, 1000, NULL);
    if (!version || !(version->identity = strdup("m")))
        abort();
    version->is_category[1] = true;
    return version;
}

static uint64_t digest_of(const uint8_t *bytes, size_t size)
{
    uint64_t digest = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < size; i++)
        digest = (digest ^ bytes[i]) * UINT64_C(1099511628211);
    return digest;
}

static void go_on(watch_version *version)
{
    const double rows[] = {0.5, 1, -3, 70000, (double)INFINITY, 0.5}, values[] = {1, 2, 3};
    mw_matrix matrix = {rows, MW_FLOAT64, 3, 2, 2, 1};
    watch_rows(version, 0, &matrix, values, 1);
    watch_look(version, version->latest_ns + 1, 0.05, NULL);
}

static void write_again(const watch_version *version)
{
    mw_error err;
    bool is_other;
    mw_buf text;
    mw_buf_init(&text, 64 * MW_MIB);
    watch_write(version, &text);
    watch_version *again = make();
    if (watch_read(mw_buf_as_view(&text), again, version->latest_ns, &is_other, &err) != MW_OK ||
        is_other || again->whole_rows != version->whole_rows)
        abort();
    watch_version_free(again);
    mw_buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err;
    bool is_other;
    uint8_t *bytes = malloc(size + sizeof(uint64_t));
    if (!bytes)
        return 0;
    memcpy(bytes, data, size);
    uint64_t digest = digest_of(bytes, size);
    memcpy(bytes + size, &digest, sizeof digest);
    watch_version *version = make();
    mw_view text = {(const char *)bytes, size + sizeof digest};
    if (watch_read(text, version, 1000, &is_other, &err) == MW_OK) {
        write_again(version);
        go_on(version);
    }
    watch_version_free(version);
    free(bytes);
    return 0;
}
