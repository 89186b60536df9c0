/* Tell the service manager how the server is (sd_notify(3), without its library). */
#ifndef CLI_NOTIFY_H
#define CLI_NOTIFY_H

/* "READY=1", "STOPPING=1", ...: one datagram to $NOTIFY_SOCKET; nothing where that is not set, and
 * a failure is nobody's trouble. */
void cli_notify(const char *state);
/* "RELOADING=1" with the clock that Type=notify-reload wants. */
void cli_notify_reloading(void);

#endif
