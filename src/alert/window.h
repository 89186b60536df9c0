/* The last minutes or hours of the series that a selector takes: 64 points each at most, whatever
 * the length, so that memory does not depend on it. */
#ifndef ALERT_WINDOW_H
#define ALERT_WINDOW_H

#include "samples.h"

typedef enum window_what {
    WINDOW_RATE,
    WINDOW_INCREASE,
    WINDOW_DELTA,
    WINDOW_CHANGES,
    WINDOW_AVG,
    WINDOW_MIN,
    WINDOW_MAX
} window_what;

typedef struct alert_window alert_window;

/* NULL when memory is gone. */
alert_window *alert_window_new(int64_t range_ms);
void alert_window_free(alert_window *window);
/* Put the value of a series at this moment, and tell what the window says of it. Moments come in
 * order. Fails: MW_NO_MEMORY (MW8608 beyond MW_LIMIT_ALERT_SERIES). */
MW_CHECKED mw_status alert_window_put(alert_window *window, const alert_sample *sample,
                                      uint64_t hash, int64_t now_ms, window_what what,
                                      double *ret_value, mw_error *err);
/* Behind all series of a moment: forgets those that have not been seen for its length. */
void alert_window_tidy(alert_window *window, int64_t now_ms);

#endif
