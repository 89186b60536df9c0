/* A file of pages of the past: whatever stands in it, what comes out is no more than it says, and
 * no page beyond the limit. */
#include <stdint.h>
#include <stdlib.h>

#include "alert/past.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool see(void *user, int64_t at_ms, mw_view page)
{
    size_t *n = user;
    if (at_ms < 1000 || page.size > MW_LIMIT_ALERT_PAGE_BYTES ||
        (page.data && page.data[page.size]))
        abort();
    return ++*n < 100;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err;
    bool goes_on;
    size_t n = 0;
    mw_view bytes = {(const char *)data, size};
    if (alert_past_parse(bytes, 1000, see, &n, &goes_on, &err) == MW_OK && goes_on && n >= 100)
        abort();
    return 0;
}
