/* A thread that takes a turn, rests, and takes the next one, until it is told to end: what servers
 * of a record tell each other goes so. */
#ifndef CLI_TURNS_H
#define CLI_TURNS_H

#include <pthread.h>

#include "base/base.h"

typedef struct cli_turns {
    void (*take)(void *user); /* on the thread, which may set pause_ms there */
    void *user;
    unsigned pause_ms; /* before each turn */
    bool has_last;     /* it takes one more turn at its end */
    /* its own */
    pthread_t thread;
    pthread_mutex_t lock; /* what a turn waits for may use both; woken, it looks again */
    pthread_cond_t wake;
    bool ends;
} cli_turns;

/* The first four are set. name: of the thread; what: of whom memory is gone. Fails: MW_NO_MEMORY;
 * there is nothing to end then. */
MW_CHECKED mw_status cli_turns_start(cli_turns *turns, const char *name, const char *what,
                                     mw_error *err);
/* Waits for the turn that goes on. */
void cli_turns_end(cli_turns *turns);

#endif
