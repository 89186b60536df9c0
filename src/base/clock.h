/* Time. Tests may set it by hand. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

/* Nanoseconds on a clock that never goes back (CLOCK_MONOTONIC). For durations. */
uint64_t mw_clock_ns(void);
/* Milliseconds since 1970 (CLOCK_REALTIME). For dates that people read. */
int64_t mw_clock_wall_ms(void);
/* The same in nanoseconds. */
int64_t mw_clock_wall_ns(void);
/* Milliseconds since 1970 as RFC 3339 writes them, in UTC: 2026-11-27T14:53:09.120Z */
void mw_clock_write_utc(mw_buf *out, int64_t wall_ms);
/* The other way: UTC only ("Z", "+00:00"), fractions of a second of any length. False: it is no
 * such time. */
bool mw_clock_read_utc(mw_view text, int64_t *ret_wall_ms);
/* Tests: both clocks return these values until released with NULL. The pointed-to values may
 * change between calls. Not for use while other threads read the clock. */
void mw_clock_pin(const uint64_t *ns, const int64_t *wall_ms);

#endif
