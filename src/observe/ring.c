/* See ring.h. Each record stands behind its size, at a multiple of eight. */
#include "ring.h"

#include <assert.h>
#include <stdlib.h>

enum { HEAD_BYTES = 8, ALIGNMENT = 8 };

static const uint64_t skip = UINT64_MAX; /* in place of a size: go on at the beginning */

mw_status observe_ring_init(observe_ring *ring, size_t size, mw_error *err)
{
    assert((size & (size - 1)) == 0);
    *ring = (observe_ring){.data = malloc(size), .size = size};
    return ring->data ? MW_OK : mw_fail_memory(err, "a ring of the access log");
}

void observe_ring_done(observe_ring *ring)
{
    free(ring->data);
    ring->data = NULL;
}

static size_t whole(size_t size)
{
    return HEAD_BYTES + (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

char *observe_ring_reserve(observe_ring *ring, size_t size)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t at = (size_t)(head & (ring->size - 1)), needed = whole(size);
    size_t to_end = ring->size - at;
    size_t skipped = ring->data && needed > to_end ? to_end : 0;
    bool fits = ring->data && needed <= ring->size / 2;
    if (fits && head + skipped + needed - ring->tail_seen > ring->size) {
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
        fits = head + skipped + needed - ring->tail_seen <= ring->size;
    }
    if (!fits) {
        uint64_t dropped = atomic_load_explicit(&ring->dropped, memory_order_relaxed);
        atomic_store_explicit(&ring->dropped, dropped + 1, memory_order_relaxed);
        return NULL;
    }
    if (skipped > 0) {
        memcpy(ring->data + at, &skip, sizeof skip);
        atomic_store_explicit(&ring->head, head + skipped, memory_order_release);
        at = 0;
    }
    return ring->data + at + HEAD_BYTES;
}

bool observe_ring_commit(observe_ring *ring, size_t size)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed), size64 = size;
    memcpy(ring->data + (head & (ring->size - 1)), &size64, sizeof size64);
    head += whole(size);
    atomic_store_explicit(&ring->head, head, memory_order_release);
    return head - ring->tail_seen > ring->size / 2 &&
           head - (ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire)) >
               ring->size / 2;
}

bool observe_ring_peek(observe_ring *ring, mw_view *ret_record)
{
    for (;;) {
        uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed), size;
        if (tail == atomic_load_explicit(&ring->head, memory_order_acquire))
            return false;
        size_t at = (size_t)(tail & (ring->size - 1));
        memcpy(&size, ring->data + at, sizeof size);
        if (size != skip) {
            *ret_record = (mw_view){ring->data + at + HEAD_BYTES, (size_t)size};
            return true;
        }
        atomic_store_explicit(&ring->tail, tail + ring->size - at, memory_order_release);
    }
}

void observe_ring_take(observe_ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed), size;
    memcpy(&size, ring->data + (tail & (ring->size - 1)), sizeof size);
    atomic_store_explicit(&ring->tail, tail + whole((size_t)size), memory_order_release);
}

uint64_t observe_ring_dropped(const observe_ring *ring)
{
    return atomic_load_explicit(&ring->dropped, memory_order_relaxed);
}
