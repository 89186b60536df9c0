/* Threads beside the main one. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* Start a thread that takes no signals: they belong to the main thread, and one that took SIGTERM
 * would only delay it. `name` is what the system shows, 15 letters of it; NULL = the program's.
 * Returns 0, or the reason as errno has them. */
int mw_thread_start(pthread_t *ret_thread, const char *name, void *(*run)(void *), void *argument);

/* The calling thread's work can wait: where it shares a core with those that answer requests, these
 * go first, and it keeps about a tenth of the core at worst. For what beats each second or tidies
 * up; not for what a client waits for, nor for one who holds a lock that such a one takes. */
void mw_thread_give_way(void);

/* A condition whose waits are timed by the clock that never goes back: an hour that is set anew
 * neither wakes nor holds up who waits. To be destroyed by pthread_cond_destroy. */
void mw_condition_init(pthread_cond_t *condition);

/* The moment `ms` milliseconds from now (>= 0), for pthread_cond_timedwait on such a condition. */
struct timespec mw_moment_in(int64_t ms);
struct timespec mw_moment_in_ns(uint64_t ns);

#endif
