/* The pulse: each second what endpoints did is sampled, and whoever waits for events is told.
 *
 *     fleet's counts --each second--> samples --announce--> streams of /mw/v1/events (events.c)
 */
#ifndef API_PULSE_H
#define API_PULSE_H

#include "monitor/monitor.h"
#include "samples.h"

typedef struct api_pulse api_pulse;

/* fleet, server: borrowed. folder: where what endpoints did is kept over a restart, or NULL. Starts
 * a thread. */
MW_CHECKED mw_status api_pulse_new(mw_fleet *fleet, mw_server *server, const char *folder,
                                   api_pulse **ret_pulse, mw_error *err);
/* Count anomalies as well; the monitor outlives the pulse. Any thread. */
void api_pulse_watch(api_pulse *pulse, mw_monitor *monitor);
/* The server must have been closed. NULL is fine. */
void api_pulse_free(api_pulse *pulse);
api_samples *api_pulse_samples(api_pulse *pulse);
/* The second that was sampled last, since 1970. Any thread. */
int64_t api_pulse_now(const api_pulse *pulse);
/* Called each second on the pulse's thread, before anybody is told. Once; `user` outlives the
 * pulse.
 */
void api_pulse_prepare(api_pulse *pulse, void (*prepare)(void *user, int64_t now), void *user);
/* Somebody listens: from now on for a few seconds, news are announced. Any thread. */
void api_pulse_listen(api_pulse *pulse);

#endif
