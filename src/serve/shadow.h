/* The shadow: requests that were answered are asked once more, of both versions, by a thread of its
 * own, and the answers are compared. Nothing waits for it: what finds the queue full, or its lock
 * taken, is dropped and counted. */
#ifndef SERVE_SHADOW_H
#define SERVE_SHADOW_H

#include "split.h"

typedef struct serve_shadow serve_shadow;
struct serve_call;

/* Starts the thread. */
MW_CHECKED mw_status serve_shadow_new(serve_shadow **ret_shadow, mw_error *err);
/* What waits is dropped. NULL is fine. */
void serve_shadow_free(serve_shadow *shadow);
/* The rows of a call that was answered; copied, the first SERVE_SHADOW_ROWS of them. Any thread. */
void serve_shadow_offer(serve_shadow *shadow, const struct serve_call *call);

#endif
