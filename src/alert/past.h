/* The page of /metrics of each minute, for a week: so that a rule can be asked what it would have
 * said (retro.c).
 *
 *     FOLDER/samples/<hour since 1970>.pages, one page behind the other:
 *     at, ms (8) | plain size (4) | packed size (4) | crc32 of plain (4) | flags (4) | packed
 *
 * Numbers are little-endian; packed: raw deflate, with the page before as its dictionary where a
 * flag says so. A page that does not unpack to what its sum says is passed over, as is the end of a
 * file that a kill cut short. */
#ifndef ALERT_PAST_H
#define ALERT_PAST_H

#include "base/base.h"

typedef struct alert_past alert_past;

/* NULL where another process keeps its own there (logged, MW8012): then nothing is kept.
 * Fails: MW_IO, MW_NO_MEMORY. */
MW_CHECKED mw_status alert_past_open(const char *folder, alert_past **ret_past, mw_error *err);
/* NULL is fine. */
void alert_past_close(alert_past *past);
/* Keeps the page, without its comments, if the last one is a minute old; and drops what is older
 * than MW_LIMIT_ALERT_PAST_HOURS, or beyond MW_LIMIT_ALERT_PAST_BYTES. What fails is logged once.
 * One thread at a time. */
void alert_past_put(alert_past *past, int64_t now_ms, mw_view page);

/* False: no more. */
typedef bool alert_past_see(void *user, int64_t at_ms, mw_view page);

/* The pages since then, the oldest first. Any thread. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status alert_past_read(const alert_past *past, int64_t from_ms, alert_past_see *see,
                                     void *user, mw_error *err);
/* Of one file's bytes; *ret_goes_on: nobody has said that it is enough. Pure. */
MW_CHECKED mw_status alert_past_parse(mw_view bytes, int64_t from_ms, alert_past_see *see,
                                      void *user, bool *ret_goes_on, mw_error *err);

#endif
