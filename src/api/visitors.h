/* Who was verified, by a keyed hash of what he showed: one table for all threads, and before it one
 * for each loop, which needs no lock. */
#ifndef API_VISITORS_H
#define API_VISITORS_H

#include "guard.h"

enum { VISITORS_KEY_BYTES = 32 };

typedef struct api_visitors api_visitors;

MW_CHECKED mw_status api_visitors_new(unsigned n_loops, api_visitors **ret_visitors, mw_error *err);
/* When no loop runs any more. NULL is fine. */
void api_visitors_free(api_visitors *visitors);
/* Forget everybody: what is put with an older generation is never found. Any thread. */
void api_visitors_renew(api_visitors *visitors);
uint64_t api_visitors_generation(const api_visitors *visitors);
/* The table's hash of credentials. */
void api_visitors_hash(const api_visitors *visitors, mw_view shown,
                       uint8_t ret_key[VISITORS_KEY_BYTES]);
/* On loop `loop`: a visitor with a ref, or NULL. */
api_visitor *api_visitors_find(api_visitors *visitors, unsigned loop,
                               const uint8_t key[VISITORS_KEY_BYTES], uint64_t now_ns);
/* Whether the shared table has it; any thread. */
bool api_visitors_knows(api_visitors *visitors, const uint8_t key[VISITORS_KEY_BYTES],
                        uint64_t now_ns);
/* Any thread; takes a ref of its own. generation: what it was before the record was asked. */
void api_visitors_put(api_visitors *visitors, const uint8_t key[VISITORS_KEY_BYTES],
                      uint64_t generation, api_visitor *visitor);
/* Tokens that were used since the last time: `see` is called for each. */
void api_visitors_each_used(api_visitors *visitors, void (*see)(void *user, int64_t token),
                            void *user);

#endif
