/* A bounded queue of records between one thread that writes and one that reads, without locks.
 *
 *      tail                head
 *       v                   v
 *     [ | record | record | ......... | skip ]   a record is never split: where the end of the
 *                                                memory comes too soon, the rest is skipped
 */
#ifndef OBSERVE_RING_H
#define OBSERVE_RING_H

#include <stdatomic.h>

#include "base/base.h"

typedef struct observe_ring {
    char *data; /* NULL = there is none: everything is dropped */
    size_t size;
    _Alignas(64) _Atomic uint64_t head; /* the writer's; bytes since the beginning */
    uint64_t tail_seen;
    _Atomic uint64_t dropped;
    _Alignas(64) _Atomic uint64_t tail; /* the reader's */
} observe_ring;

/* `size`: a power of two. */
MW_CHECKED mw_status observe_ring_init(observe_ring *ring, size_t size, mw_error *err);
void observe_ring_done(observe_ring *ring);

/* Room for a record of at most `size` bytes, or NULL: then it is dropped and counted. */
char *observe_ring_reserve(observe_ring *ring, size_t size);
/* The record is there, `size` bytes of it. True when more than half of the ring is full. */
bool observe_ring_commit(observe_ring *ring, size_t size);

/* The oldest record; false when there is none. Valid until taken. */
bool observe_ring_peek(observe_ring *ring, mw_view *ret_record);
void observe_ring_take(observe_ring *ring);
uint64_t observe_ring_dropped(const observe_ring *ring);

#endif
