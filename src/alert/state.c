/* The states of one alert, step by step. */
#include "state.h"

static alert_event step_pending(alert_track *track, int64_t for_ms, bool holds, int64_t now_ms)
{
    alert_event event = ALERT_NOTHING;
    if (!holds) {
        bool was = track->state == ALERT_PENDING;
        *track = (alert_track){ALERT_NONE, 0, 0};
        return was ? ALERT_DROPPED : ALERT_NOTHING;
    }
    if (track->state == ALERT_NONE) {
        *track = (alert_track){ALERT_PENDING, now_ms, 0};
        event = ALERT_BEGAN;
    }
    if (now_ms - track->since_ms < for_ms)
        return event;
    track->state = ALERT_FIRING;
    return ALERT_FIRED;
}

alert_event alert_track_step(alert_track *track, int64_t for_ms, int64_t keep_ms, bool holds,
                             bool clears, int64_t now_ms)
{
    if (track->state != ALERT_FIRING)
        return step_pending(track, for_ms, holds, now_ms);
    if (holds || !clears) {
        track->clears_ms = 0;
        return ALERT_NOTHING;
    }
    if (track->clears_ms == 0)
        track->clears_ms = now_ms;
    if (now_ms - track->clears_ms < keep_ms)
        return ALERT_NOTHING;
    *track = (alert_track){ALERT_NONE, 0, 0};
    return ALERT_RESOLVED;
}
