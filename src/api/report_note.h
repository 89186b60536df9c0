/* What is said of a kept report, in a file beside its page: names as they are, of which an id can
 * hold letters only, and the first sentence, for whoever lists or sends it.
 *
 *     {"kind": "card", "of": "loans/3", "verdict": "..."} */
#ifndef API_REPORT_NOTE_H
#define API_REPORT_NOTE_H

#include "base/base.h"

typedef struct report_note {
    mw_view kind, of, verdict; /* in `json`, or empty */
    mw_json *json;             /* owned */
} report_note;

MW_CHECKED mw_status report_note_write(const char *path, mw_view kind, mw_view of, mw_view verdict,
                                       mw_error *err);
/* False: there is none that can be read; then all is empty. Either way, report_note_done. */
bool report_note_read(const char *path, report_note *ret_note);
void report_note_done(report_note *note);

#endif
