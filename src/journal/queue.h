/* A bounded queue of records from many threads to one, without locks.
 *
 *     head ------ reserved: each writer takes its place by one compare-and-swap ------.
 *     [ consumed, zeroed | size, record | size, record | 0, being written | ... room ]
 *     tail --^                                            ^ the reader waits here
 *
 * A record is there once its size is; a writer that is held up holds up the reader, never another
 * writer. What finds no room is refused. */
#ifndef JOURNAL_QUEUE_H
#define JOURNAL_QUEUE_H

#include <stdatomic.h>

#include "base/base.h"

typedef struct journal_queue {
    char *data;
    size_t size; /* a power of two */
    _Alignas(64) atomic_uint_least64_t head;
    _Alignas(64) atomic_uint_least64_t tail;
} journal_queue;

MW_CHECKED mw_status journal_queue_init(journal_queue *queue, size_t size, mw_error *err);
void journal_queue_done(journal_queue *queue);
/* Room for a record, or NULL: there is none, or it would take more than half of the queue. Any
 * thread. */
char *journal_queue_reserve(journal_queue *queue, size_t size);
/* The record at `at`, which reserve gave for this size, is written. */
void journal_queue_commit(char *at, size_t size);
/* More than a half (part 2), an eighth (8), ... is taken. */
bool journal_queue_is_fuller(const journal_queue *queue, size_t part);
/* The oldest record; false when there is none. One thread. */
bool journal_queue_peek(journal_queue *queue, mw_view *ret_record);
/* It is used. */
void journal_queue_take(journal_queue *queue);

#endif
