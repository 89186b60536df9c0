/* See queue.h. Each record stands behind its size + 1, at a multiple of eight; 0: not there yet. */
#include "queue.h"

#include <assert.h>
#include <stdlib.h>

#include "base/banned.h"

enum { HEAD_BYTES = 8, ALIGNMENT = 8 };

static const uint64_t skip = UINT64_MAX; /* in place of a size: go on at the beginning */

typedef _Atomic(uint64_t) size_word;

static size_word *word_at(char *at)
{
    return (size_word *)(void *)at;
}

mw_status journal_queue_init(journal_queue *queue, size_t size, mw_error *err)
{
    assert((size & (size - 1)) == 0);
    *queue = (journal_queue){.data = aligned_alloc(64, size), .size = size};
    if (!queue->data)
        return mw_fail_memory(err, "the queue of the prediction log");
    memset(queue->data, 0, size);
    return MW_OK;
}

void journal_queue_done(journal_queue *queue)
{
    free(queue->data);
    queue->data = NULL;
}

static size_t whole(size_t size)
{
    return HEAD_BYTES + (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Where a record of this size goes behind `head`: what is skipped at the end of the memory, or
 * false when it does not fit. */
static bool place(const journal_queue *queue, uint64_t head, uint64_t tail, size_t needed,
                  size_t *ret_skipped)
{
    size_t to_end = queue->size - (size_t)(head & (queue->size - 1));
    *ret_skipped = needed > to_end ? to_end : 0;
    return head + *ret_skipped + needed - tail <= queue->size;
}

char *journal_queue_reserve(journal_queue *queue, size_t size)
{
    size_t needed = whole(size), skipped;
    uint64_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);
    if (needed > queue->size / 2)
        return NULL;
    for (;;) {
        uint64_t tail = atomic_load_explicit(&queue->tail, memory_order_acquire);
        bool is_stale = tail > head; /* others wrote and it was read since head was looked at */
        if (!is_stale && !place(queue, head, tail, needed, &skipped))
            return NULL;
        if (is_stale)
            head = atomic_load_explicit(&queue->head, memory_order_relaxed);
        else if (atomic_compare_exchange_weak_explicit(&queue->head, &head, head + skipped + needed,
                                                       memory_order_relaxed, memory_order_relaxed))
            break;
    }
    size_t at = (size_t)(head & (queue->size - 1));
    if (skipped > 0) {
        atomic_store_explicit(word_at(queue->data + at), skip, memory_order_release);
        at = 0;
    }
    return queue->data + at + HEAD_BYTES;
}

void journal_queue_commit(char *at, size_t size)
{
    atomic_store_explicit(word_at(at - HEAD_BYTES), size + 1, memory_order_release);
}

bool journal_queue_is_fuller(const journal_queue *queue, size_t part)
{
    return atomic_load_explicit(&queue->head, memory_order_relaxed) -
               atomic_load_explicit(&queue->tail, memory_order_relaxed) >
           queue->size / part;
}

/* Sizes of later records may stand anywhere in what is given back: it must be all zero. */
static void give_back(journal_queue *queue, uint64_t tail, size_t size)
{
    memset(queue->data + (tail & (queue->size - 1)), 0, size);
    atomic_store_explicit(&queue->tail, tail + size, memory_order_release);
}

bool journal_queue_peek(journal_queue *queue, mw_view *ret_record)
{
    for (;;) {
        uint64_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
        size_t at = (size_t)(tail & (queue->size - 1));
        uint64_t size = atomic_load_explicit(word_at(queue->data + at), memory_order_acquire);
        if (size == 0)
            return false;
        if (size != skip) {
            *ret_record = (mw_view){queue->data + at + HEAD_BYTES, (size_t)size - 1};
            return true;
        }
        give_back(queue, tail, queue->size - at);
    }
}

void journal_queue_take(journal_queue *queue)
{
    uint64_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
    size_t at = (size_t)(tail & (queue->size - 1));
    uint64_t size = atomic_load_explicit(word_at(queue->data + at), memory_order_relaxed);
    give_back(queue, tail, whole((size_t)size - 1));
}
