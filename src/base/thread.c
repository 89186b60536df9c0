/* One way to start a thread. */
#include "thread.h"

#include <signal.h>
#include <stdio.h>

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
