/* The states of one alert. Pure: times are given.
 *
 *              holds                 for so long          clears, and stays so for
 *     (none) --------> PENDING ------------------> FIRING ---------------------------> (none)
 *        ^--- holds no more ---'                      ^---- holds again ----'  keep_firing_for */
#ifndef ALERT_STATE_H
#define ALERT_STATE_H

#include "base/base.h"

typedef enum alert_state { ALERT_NONE, ALERT_PENDING, ALERT_FIRING } alert_state;
typedef enum alert_event {
    ALERT_NOTHING,
    ALERT_BEGAN, /* to be pending */
    ALERT_FIRED,
    ALERT_RESOLVED,
    ALERT_DROPPED /* was pending only: nobody was told */
} alert_event;

typedef struct alert_track {
    alert_state state;
    int64_t since_ms;  /* it holds, without a break, or fires */
    int64_t clears_ms; /* it does not, without a break; 0: it does */
} alert_track;

/* holds: the condition; clears: what ends it, which need not be the opposite. Times are of a clock
 * that never goes back, above 0. */
alert_event alert_track_step(alert_track *track, int64_t for_ms, int64_t keep_ms, bool holds,
                             bool clears, int64_t now_ms);

#endif
