/* Threads that play clients; see clients.h. */
#include "clients.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

mw_status cli_clients_start(pthread_t *threads, unsigned n, void *(*run)(void *start),
                            void *traffic, unsigned *n_started, mw_error *err)
{
    for (*n_started = 0; *n_started < n; ++*n_started) {
        cli_client_start *start = malloc(sizeof *start);
        int reason = ENOMEM;
        if (start) {
            *start = (cli_client_start){traffic, *n_started};
            reason = pthread_create(&threads[*n_started], NULL, run, start);
        }
        if (reason != 0) {
            free(start);
            mw_fail(err, MW_E_SYSTEM, "cannot start a client thread: %s", strerror(reason));
            return mw_mend(err, "allow the process more threads or memory");
        }
    }
    return MW_OK;
}

void cli_clients_join(const pthread_t *threads, unsigned *n_started)
{
    for (unsigned i = 0; i < *n_started; i++)
        pthread_join(threads[i], NULL);
    *n_started = 0;
}

void cli_sleep_until(uint64_t due_ns)
{
    enum { NS_PER_SECOND = 1000000000 };
    struct timespec due = {(time_t)(due_ns / NS_PER_SECOND), (long)(due_ns % NS_PER_SECOND)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
        ;
}
