/* System clocks, or the values a test has pinned. */
#include "clock.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#include "number.h"

#include "banned.h"

static const uint64_t *pinned_ns;
static const int64_t *pinned_wall_ms;

uint64_t mw_clock_ns(void)
{
    if (pinned_ns)
        return *pinned_ns;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int64_t mw_clock_wall_ms(void)
{
    if (pinned_wall_ms)
        return *pinned_wall_ms;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t mw_clock_wall_ns(void)
{
    if (pinned_wall_ms)
        return *pinned_wall_ms * 1000000;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void mw_clock_write_utc(mw_buf *out, int64_t wall_ms)
{
    char text[32];
    struct tm utc;
    time_t seconds = (time_t)(wall_ms / 1000);
    if (!gmtime_r(&seconds, &utc))
        return;
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    mw_buf_format(out, "%s.%03dZ", text, (int)(wall_ms % 1000));
}

bool mw_clock_read_utc(mw_view text, int64_t *ret_wall_ms)
{
    char copy[40];
    struct tm parts = {0};
    double fraction = 0;
    snprintf(copy, sizeof copy, "%.*s", MW_VIEW_ARG(text));
    const char *end = text.size < sizeof copy ? strptime(copy, "%Y-%m-%dT%H:%M:%S", &parts) : NULL;
    if (end && *end == '.')
        end = mw_number_read(end, copy + strlen(copy), false, &fraction);
    if (!end || (strcmp(end, "Z") != 0 && strcmp(end, "+00:00") != 0))
        return false;
    *ret_wall_ms = (int64_t)timegm(&parts) * 1000 + (int64_t)(fraction * 1000 + 0.5);
    return true;
}

void mw_clock_pin(const uint64_t *ns, const int64_t *wall_ms)
{
    pinned_ns = ns;
    pinned_wall_ms = wall_ms;
}
