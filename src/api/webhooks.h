/* Letters to webhooks of the record on their way: a few threads, each with one letter at a time.
 *
 *     the record's outbox -> lease, on the disk -> POST -> taken, or not to be taken: gone
 *                                                    `-> 429, 5xx, nobody there: again, 3 times
 *
 * A process that dies between leaves the letter where it is; it is sent again under its key. */
#ifndef API_WEBHOOKS_H
#define API_WEBHOOKS_H

#include "alert/alert.h"
#include "api.h"

typedef struct api_couriers api_couriers;

/* registry: borrowed. Fails: the record cannot be written. With MW_WEBHOOKS_OFF none are made. */
MW_CHECKED mw_status api_couriers_new(mw_registry *registry, mw_webhooks_mode mode,
                                      api_couriers **ret_couriers, mw_error *err);
/* Waits for letters on their way, a time-out at most. NULL is fine. */
void api_couriers_free(api_couriers *couriers);
/* Of this process: letters that were taken; that nobody will be told of any more. NULL: 0. */
typedef struct api_letter_counts {
    uint64_t n_taken, n_dropped;
} api_letter_counts;
void api_couriers_count(api_couriers *couriers, api_letter_counts *ret_counts);
/* Whether a letter was written since: then one is woken. Any thread; cheap. NULL is fine. */
void api_couriers_look(api_couriers *couriers);

/* Whether such a mode tells that address. Asks a resolver. Fails: MW_BAD_ARGUMENT (MW4101). */
MW_CHECKED mw_status api_webhook_check(mw_webhooks_mode mode, mw_view url, mw_error *err);
/* Once, now; OK whatever is answered. */
MW_CHECKED mw_status api_webhook_send(mw_registry *registry, mw_webhooks_mode mode,
                                      const mw_webhook_letter *letter, mw_letter_reply *reply,
                                      mw_error *err);

#endif
