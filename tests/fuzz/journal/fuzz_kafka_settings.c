/* Settings of librdkafka as a file has them: what is seen is text without line ends, of the file's
 * size at most. */
#include <stdint.h>
#include <stdlib.h>

#include "journal/kafka.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mw_status see(void *user, const char *key, const char *value, mw_error *err)
{
    size_t *left = user, bytes = strlen(key) + strlen(value) + 1;
    (void)err;
    if (strchr(key, '\n') || strchr(value, '\n') || strchr(key, '=') || bytes > *left)
        abort();
    *left -= bytes;
    return MW_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err;
    size_t left = size;
    (void)!journal_kafka_settings((mw_view){(const char *)data, size}, see, &left, &err);
    return 0;
}
