/* Threads beside the main one. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/* Start a thread that takes no signals: they belong to the main thread, and one that took SIGTERM
 * would only delay it. `name` is what the system shows, 15 letters of it; NULL = the program's.
 * Returns 0, or the reason as errno has them. */
int mw_thread_start(pthread_t *ret_thread, const char *name, void *(*run)(void *), void *argument);

#endif
