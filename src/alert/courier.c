/* From the outbox to one receiver: a thread of its own, so that one that hangs delays nobody.
 *
 *     take (lease, on the disk) -> send -> taken: gone from the outbox
 *                                     `-> not: 1, 2, 4 ... 60 s later again
 *
 * A courier that dies between the two leaves a lease; when it is over the letter is sent again,
 * under the same key. */
#include <errno.h>
#include <stdlib.h>

#include "engine.h"

enum {
    LEASE_MORE_MS = 3000,
    FIRST_PAUSE_MS = 1000,
    LAST_PAUSE_MS = 60000,
    LOOK_AGAIN_MS = 5000 /* another server of the folder may have left something */
};

typedef struct errand {
    alert_courier *courier;
    mw_arena *arena;
    bool is_own; /* of the own book's outbox */
    book_letter letter;
    bool is_one, was_taken;
    int64_t next_ms;
    mw_view why;
} errand;

static mw_status take(mw_sql *session, void *given, mw_error *err)
{
    errand *e = given;
    const alert_receiver *receiver = e->courier->receiver;
    return book_take(session, receiver->name, mw_clock_wall_ms(),
                     receiver->timeout_ms + LEASE_MORE_MS, e->arena, &e->letter, &e->is_one,
                     &e->next_ms, err);
}

static mw_status settle(mw_sql *session, void *given, mw_error *err)
{
    errand *e = given;
    if (e->was_taken)
        return book_delivered(session, e->letter.id, err);
    return book_failed(session, e->letter.id, e->next_ms, e->why, err);
}

int64_t mw_letter_pause_ms(int64_t tries, int64_t first_ms, int64_t last_ms)
{
    int64_t ms = first_ms;
    for (; tries > 0 && ms < last_ms; tries--)
        ms *= 2;
    return ms < last_ms ? ms : last_ms;
}

/* Up to a fifth less, so that servers do not come all at once. */
static int64_t pause_ms(int64_t tries)
{
    int64_t ms = mw_letter_pause_ms(tries, FIRST_PAUSE_MS, LAST_PAUSE_MS);
    return ms - (int64_t)(mw_clock_ns() / 1000 % (uint64_t)(ms / 5));
}

static void note(errand *e, const mw_error *err, mw_view why)
{
    alert_courier *courier = e->courier;
    const char *name = courier->receiver->name.data;
    pthread_mutex_lock(&courier->alerts->lock);
    if (e->was_taken) {
        courier->n_delivered++;
        courier->last_ok_ms = mw_clock_wall_ms();
        courier->last_error[0] = '\0';
    } else {
        courier->n_failed++;
        snprintf(courier->last_error, sizeof courier->last_error, "%.*s", MW_VIEW_ARG(why));
    }
    pthread_mutex_unlock(&courier->alerts->lock);
    char doing[MW_LIMIT_NAME_BYTES + 80];
    snprintf(doing, sizeof doing, "alerts wait until receiver '%s' takes them", name);
    if (!e->was_taken && !courier->is_failing)
        mw_log_error(MW_LOG_WARN, doing, err);
    if (e->was_taken && courier->is_failing)
        mw_log(MW_LOG_INFO, "alerts are delivered to '%s' again", name);
    courier->is_failing = !e->was_taken;
}

/* A receiver that the API has set somewhere may name a file or variable that is not on this
 * machine: then another server carries its letters. */
static bool may_carry(alert_courier *courier)
{
    mw_error err;
    if (!courier->own || alert_check_secrets(courier->own, &err) == MW_OK)
        return true;
    pthread_mutex_lock(&courier->alerts->lock);
    snprintf(courier->last_error, sizeof courier->last_error, "%s", err.what);
    pthread_mutex_unlock(&courier->alerts->lock);
    return false;
}

/* What waits for others to take it if this one does not; then what was written alone. */
static mw_status take_of_either(errand *e, mw_error *err)
{
    mw_alerts *alerts = e->courier->alerts;
    int64_t next_ms = 0;
    e->is_own = false;
    if (alerts_are_together(alerts) && may_carry(e->courier)) {
        mw_status status = alerts_write_to(alerts, false, take, e, err);
        if (status == MW_OK && e->is_one)
            return MW_OK;
        next_ms = status == MW_OK ? e->next_ms : 0; /* that it is away is the engine's to tell */
    }
    e->is_own = true;
    MW_TRY(alerts_write_to(alerts, true, take, e, err));
    if (next_ms > 0 && (e->next_ms == 0 || next_ms < e->next_ms))
        e->next_ms = next_ms;
    return MW_OK;
}

static mw_status carry(errand *e, mw_error *err)
{
    mw_error refusal;
    mw_buf why;
    mw_alerts *alerts = e->courier->alerts;
    MW_TRY(take_of_either(e, err));
    if (!e->is_one)
        return MW_OK;
    mw_buf_init(&why, MW_KIB);
    e->was_taken = alert_send(e->courier->receiver, &e->letter, &refusal) == MW_OK;
    e->next_ms = e->was_taken ? mw_clock_wall_ms() : mw_clock_wall_ms() + pause_ms(e->letter.tries);
    if (!e->was_taken)
        mw_error_sentence(&refusal, &why);
    e->why = mw_buf_as_view(&why);
    note(e, &refusal, e->why);
    mw_status status = alerts_write_to(alerts, e->is_own, settle, e, err);
    mw_buf_done(&why);
    return status;
}

mw_status alerts_carry(alert_courier *courier, bool *ret_was_one, bool *ret_was_taken,
                       int64_t *ret_next_ms, mw_error *err)
{
    mw_arena arena;
    mw_arena_init(&arena, 64 * MW_KIB, 64 * MW_MIB);
    errand e = {.courier = courier, .arena = &arena};
    mw_status status = carry(&e, err);
    mw_arena_done(&arena);
    if (e.is_one)
        alerts_note_change(courier->alerts);
    *ret_was_one = e.is_one;
    *ret_was_taken = e.was_taken;
    *ret_next_ms = e.next_ms;
    return status;
}

/* Until there is something, the time of a retry, or the end. The lock is held. */
static void wait(alert_courier *courier, int64_t wait_ms)
{
    mw_alerts *alerts = courier->alerts;
    struct timespec until = mw_moment_in(wait_ms);
    while (!alerts->is_ending && !courier->is_leaving && !courier->is_awake &&
           pthread_cond_timedwait(&alerts->wakes, &alerts->lock, &until) != ETIMEDOUT)
        continue;
    courier->is_awake = false;
}

static int64_t wait_of(mw_status status, int64_t next_ms)
{
    int64_t ms = next_ms ? next_ms - mw_clock_wall_ms() : LOOK_AGAIN_MS;
    if (status != MW_OK || ms > LOOK_AGAIN_MS)
        return LOOK_AGAIN_MS;
    return ms > 1 ? ms : 1;
}

void *alerts_run_courier(void *given)
{
    alert_courier *courier = given;
    mw_alerts *alerts = courier->alerts;
    pthread_mutex_lock(&alerts->lock);
    while (!alerts->is_ending && !courier->is_leaving) {
        mw_error err;
        bool was_one, was_taken;
        int64_t next_ms;
        pthread_mutex_unlock(&alerts->lock);
        mw_status status = alerts_carry(courier, &was_one, &was_taken, &next_ms, &err);
        if (status != MW_OK)
            mw_log_error(MW_LOG_ERROR, "the outbox of alerts cannot be read", &err);
        pthread_mutex_lock(&alerts->lock);
        if (status != MW_OK || !was_one)
            wait(courier, wait_of(status, next_ms));
    }
    courier->has_ended = true;
    pthread_mutex_unlock(&alerts->lock);
    return NULL;
}

mw_status mw_alerts_deliver(mw_alerts *alerts, size_t *ret_count, mw_error *err)
{
    *ret_count = 0;
    for (size_t i = 0; i < alerts->n_couriers; i++) {
        bool was_one = true, was_taken;
        int64_t next_ms;
        while (was_one) {
            MW_TRY(alerts_carry(alerts->couriers[i], &was_one, &was_taken, &next_ms, err));
            *ret_count += was_one && was_taken;
        }
    }
    return MW_OK;
}
