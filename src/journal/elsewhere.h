/* Predictions of other servers of a record, and what was true of them: as bytes and back.
 *
 *     own observations --untold--> bytes --> record --> others of each other server
 *     asked how good: own and others, one as the other; a key that is in both counts once
 *
 * What a label costs there: its numbers, and of the shape no column but those that are sliced by.
 * One thread. */
#ifndef JOURNAL_ELSEWHERE_H
#define JOURNAL_ELSEWHERE_H

#include "join.h"

enum { JOURNAL_SERVERS = 63 }; /* that are told apart; those beyond count as one */

typedef struct journal_elsewhere {
    journal_joiner seen;
    uint64_t marks[JOURNAL_SERVERS]; /* of their logs */
    size_t n_servers;
} journal_elsewhere;

/* slices: as the own joiner's, which are borrowed. */
void journal_elsewhere_init(journal_elsewhere *elsewhere, const journal_joiner *own, size_t n_max);
void journal_elsewhere_done(journal_elsewhere *elsewhere);

/* What was not told so far, MW_LIMIT_TOLD_LABELS at most; appended, nothing where there is nothing.
 * mark: of this log. What is older than since_ms is not told any more. */
void journal_elsewhere_pack(journal_joiner *own, uint64_t mark, int64_t since_ms, mw_buf *out);
/* What another server has told, or this one before it began again: what the own log has stays, and
 * is told. Labels that waited here for such a prediction wait no more. Fails: MW_BAD_DATA, then
 * nothing is changed; MW_NO_MEMORY. */
MW_CHECKED mw_status journal_elsewhere_hear(journal_elsewhere *elsewhere, journal_joiner *own,
                                            uint64_t mark, mw_view bytes, mw_error *err);

#endif
