/* Ctrl-C while rows are read: stop between two pieces and leave nothing half written. */
#include "source.h"

#include <signal.h>

/* A signal handler can reach nothing but a global flag. */
static volatile sig_atomic_t was_interrupted;

static void note_interrupt(int number)
{
    (void)number;
    was_interrupted = 1;
}

void cli_interrupt_watch(void)
{
    /* no SA_RESTART: a read that waits for rows returns */
    struct sigaction action = {.sa_handler = note_interrupt};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool cli_was_interrupted(void)
{
    return was_interrupted != 0;
}

mw_status cli_fail_interrupted(mw_error *err)
{
    mw_fail(err, MW_E_INTERRUPTED, "interrupted");
    return mw_mend(err, "run it again; no partial file was left");
}
