/* Which predictions were wrong once the truth came, and whether a version errs more than it did
 * at first. One thread. */
#ifndef JOURNAL_LOSSES_H
#define JOURNAL_LOSSES_H

#include "journal.h"

struct journal_observation;

/* Zeroed is empty. */
typedef struct journal_losses {
    mw_level *level;
    double *first; /* distances of a regression's first labels, until their scale is known */
    size_t n_first;
    double scale; /* of a regression: what four of five of them do not pass */
} journal_losses;

/* Without memory it stays unwatched. */
void journal_losses_add(journal_losses *losses, const mw_log_shape *shape,
                        const struct journal_observation *item);
void journal_losses_done(journal_losses *losses);
/* False: nothing was told so far. since_ms is the caller's. */
bool journal_losses_look(const journal_losses *losses, const mw_log_shape *shape,
                         mw_performance_loss *ret_loss);

#endif
