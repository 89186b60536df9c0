/* The truth about predictions: as clients send it, and as it lies in label segments.
 *
 *     a record: size 4 | time ms 8 | row 4 | 1 4 | id size 2 | flags 1 (1 = text, 2 = groups)
 *               | endpoint size 1 | id | endpoint | groups: size 2, text | the number, 8 | or the
 * text
 */
#ifndef JOURNAL_LABELS_H
#define JOURNAL_LABELS_H

#include "journal.h"

typedef struct journal_label {
    mw_view endpoint, id;
    uint32_t row;
    bool is_text;
    double number;
    mw_view text;
    mw_view groups;  /* "sex=F\nrace=B\n"; absent: it tells none */
    int64_t told_ms; /* when the truth was known, or when it came here */
} journal_label;

/* Read a body of feedback (forms: docs/reference/feedback.md). Labels are the arena's or borrowed
 * from the body; `endpoint` and `now_ms` go into each. Fails: MW_BAD_DATA, with the place. */
MW_CHECKED mw_status journal_labels_read(mw_view body, bool is_csv, mw_view endpoint,
                                         int64_t now_ms, mw_arena *arena,
                                         journal_label **ret_labels, size_t *ret_count,
                                         mw_error *err);

void journal_label_write(const journal_label *label, mw_buf *out);
/* The next record of a block; false at the end, and when what stands there is none. */
bool journal_label_next(mw_view *text, journal_label *ret_label);

#endif
