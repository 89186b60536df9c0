/* One way to start a thread. */
#include "thread.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "banned.h"

int mw_thread_start(pthread_t *ret_thread, const char *name, void *(*run)(void *), void *argument)
{
    enum { NAME_BYTES = 16 }; /* as the system takes them */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the new thread inherits it */
    int failed = pthread_create(ret_thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed == 0 && name) {
        char shown[NAME_BYTES];
        snprintf(shown, sizeof shown, "%s", name);
        pthread_setname_np(*ret_thread, shown);
    }
    return failed;
}

/* The system's niceness is of a thread, not of the process, whatever POSIX says. */
void mw_thread_give_way(void)
{
    enum { LESS = 10 };
    errno = 0;
    int nice = getpriority(PRIO_PROCESS, 0);
    if (errno == 0)
        (void)setpriority(PRIO_PROCESS, 0, nice + LESS); /* the system cuts it at its most */
}

void mw_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &steady);
    pthread_condattr_destroy(&steady);
}

/* Not by mw_clock_ns: a test that pins the clock does not pin the system's waits. */
struct timespec mw_moment_in_ns(uint64_t ns)
{
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    moment.tv_sec += (time_t)(ns / 1000000000);
    moment.tv_nsec += (long)(ns % 1000000000);
    moment.tv_sec += moment.tv_nsec / 1000000000;
    moment.tv_nsec %= 1000000000;
    return moment;
}

struct timespec mw_moment_in(int64_t ms)
{
    return mw_moment_in_ns((uint64_t)ms * 1000000);
}
