/* Buckets of time: every count goes to a minute, an hour and a day at once, so that a window of any
 * of them is a sum of slots, and nothing has to be merged later.
 *
 *     minutes  60     hours  168 (7 days)     days  31
 *
 * A slot has counts only when rows came in its time. Bucket b stands at b % n. */
#include "watch.h"

#include <stdlib.h>

#include "base/banned.h"

enum { HOUR = 60, DAY = 60 * 24 };

void watch_history_init(watch_history *history, size_t n_columns, uint64_t bucket_ns)
{
    *history = (watch_history){.bucket_ns = bucket_ns, .n_columns = n_columns};
}

watch_slot *watch_slots(watch_history *history, watch_span span, size_t *ret_n)
{
    watch_slot *const slots[] = {history->minutes, history->hours, history->days};
    static const size_t counts[] = {WATCH_N_MINUTES, WATCH_N_HOURS, WATCH_N_DAYS};
    *ret_n = counts[span];
    return slots[span];
}

void watch_history_done(watch_history *history)
{
    for (watch_span span = WATCH_MINUTES; span < WATCH_SPANS; span++) {
        size_t n;
        watch_slot *slots = watch_slots(history, span, &n);
        for (size_t i = 0; i < n; i++)
            free(slots[i].counts);
    }
    *history = (watch_history){0};
}

size_t watch_history_bytes(const watch_history *history)
{
    size_t bytes = 0;
    for (watch_span span = WATCH_MINUTES; span < WATCH_SPANS; span++) {
        size_t n;
        const watch_slot *slots = watch_slots((watch_history *)history, span, &n);
        for (size_t i = 0; i < n; i++)
            bytes += slots[i].counts ? history->n_columns * sizeof(watch_counts) : 0;
    }
    return bytes;
}

uint64_t watch_span_ns(const watch_history *history, watch_span span)
{
    static const uint64_t lengths[] = {1, HOUR, DAY};
    return history->bucket_ns * lengths[span];
}

watch_slot *watch_slot_at(watch_history *history, watch_span span, uint64_t bucket)
{
    size_t n;
    watch_slot *slots = watch_slots(history, span, &n), *slot = &slots[bucket % n];
    size_t bytes = history->n_columns * sizeof(watch_counts);
    if (slot->counts && slot->bucket == bucket)
        return slot;
    if (!slot->counts)
        slot->counts = malloc(bytes + 1);
    if (!slot->counts)
        return NULL;
    memset(slot->counts, 0, bytes);
    slot->bucket = bucket;
    slot->rows = 0;
    return slot;
}

void watch_slot_clear(watch_history *history, watch_span span, uint64_t bucket)
{
    size_t n;
    watch_slot *slots = watch_slots(history, span, &n), *slot = &slots[bucket % n];
    if (slot->bucket != bucket)
        return;
    free(slot->counts);
    *slot = (watch_slot){0};
}

const watch_slot *watch_slot_of(const watch_history *history, watch_span span, uint64_t bucket)
{
    size_t n;
    const watch_slot *slots = watch_slots((watch_history *)history, span, &n);
    const watch_slot *slot = &slots[bucket % n];
    return slot->counts && slot->bucket == bucket ? slot : NULL;
}
