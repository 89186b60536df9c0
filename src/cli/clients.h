/* Threads that play clients, for what the demo shows. */
#ifndef CLI_CLIENTS_H
#define CLI_CLIENTS_H

#include "base/base.h"

#include <pthread.h>

/* What each thread is given, on the heap: it frees it. */
typedef struct cli_client_start {
    void *traffic;
    unsigned number; /* 0.. */
} cli_client_start;

/* Start n threads that run `run` with a cli_client_start. *n_started counts those that were,
 * whether it fails or not: cli_clients_join. Fails: MW_IO (MW1302). */
MW_CHECKED mw_status cli_clients_start(pthread_t *threads, unsigned n, void *(*run)(void *start),
                                       void *traffic, unsigned *n_started, mw_error *err);
/* Wait for them; *n_started is 0 then. */
void cli_clients_join(const pthread_t *threads, unsigned *n_started);
/* Until mw_clock_ns is so far. */
void cli_sleep_until(uint64_t due_ns);

#endif
