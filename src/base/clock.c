/* System clocks, or the values a test has pinned. */
#include "clock.h"

#include <stddef.h>

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

void mw_clock_pin(const uint64_t *ns, const int64_t *wall_ms)
{
    pinned_ns = ns;
    pinned_wall_ms = wall_ms;
}
