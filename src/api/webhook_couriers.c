/* The threads, and what one letter is. */
#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "webhooks.h"

enum {
    COURIERS = 4,
    LEASE_MORE_MS = 5000,
    LOOK_AGAIN_MS = 5000, /* another server of the record may have left something */
    FIRST_PAUSE_MS = 2000,
    JITTER_MS = 1000,
    LATER_MS_MAX = 3600000, /* that a receiver may ask for */
    URL_BYTES = 2048,
    ANSWER_BYTES = 4096,
    HEADERS_BYTES = 1024
};

struct api_couriers {
    mw_registry *registry;
    mw_webhooks_mode mode;
    pthread_mutex_t lock;
    pthread_cond_t wakes;
    bool is_ending;
    _Atomic bool is_failing; /* that the record cannot be read is said once */
    _Atomic uint64_t n_taken, n_dropped;
    _Atomic uint64_t n_seen; /* letters that somebody was woken for */
    pthread_t threads[COURIERS];
    size_t n_threads;
};

/* ---- one letter ------------------------------------------------------------------------------ */

static mw_status read_url(mw_view url, char room[URL_BYTES], mw_error *err)
{
    if (url.size < URL_BYTES && !memchr(url.data, '\0', url.size)) {
        snprintf(room, URL_BYTES, "%.*s", MW_VIEW_ARG(url));
        return MW_OK;
    }
    return mw_fail(err, MW_E_RECORD_VALUE, "Invalid webhook URL: too long, or with a NUL");
}

static mw_status check_scheme(mw_webhooks_mode mode, mw_view url, mw_error *err)
{
    if (mw_view_starts(url, "https://") ||
        (mode == MW_WEBHOOKS_ANY && mw_view_starts(url, "http://")))
        return MW_OK;
    mw_view rest = url, scheme = mw_view_cut(&rest, ':');
    mw_fail(err, MW_E_RECORD_VALUE, "Invalid webhook URL scheme: '%.*s'. Allowed schemes are: %s.",
            (int)(scheme.size < 40 ? scheme.size : 40), scheme.data,
            mode == MW_WEBHOOKS_ANY ? "http, https" : "https");
    return mw_mend(err, "write https://HOST/PATH; a server with --webhooks any takes http://, too");
}

mw_status api_webhook_check(mw_webhooks_mode mode, mw_view url, mw_error *err)
{
    char room[URL_BYTES];
    mw_error why;
    MW_TRY(check_scheme(mode, url, err));
    MW_TRY(read_url(url, room, err));
    mw_letter letter = {.url = room, .only_public = mode == MW_WEBHOOKS_PUBLIC};
    if (mw_letter_check(&letter, &why) == MW_OK)
        return MW_OK;
    mw_fail(err, MW_E_RECORD_VALUE, "Invalid webhook URL: %s", why.what);
    return mw_mend(err, "%s", why.mend);
}

static mw_status put_signature(mw_registry *registry, const mw_webhook_letter *letter,
                               int64_t seconds, mw_buf *headers, mw_error *err)
{
    mw_buf secret;
    if (!letter->sealed.data)
        return MW_OK;
    mw_buf_init(&secret, MW_LIMIT_WEBHOOK_SECRET_BYTES + 1);
    mw_status status = mw_registry_unseal(registry, letter->sealed, &secret, err);
    if (status == MW_OK) {
        mw_buf_text(headers, "\nX-MLflow-Signature: ");
        mw_letter_sign(mw_buf_as_view(&secret), letter->key, seconds, letter->body, headers);
    }
    sodium_memzero(secret.data, secret.size);
    mw_buf_done(&secret);
    return status;
}

/* The moment is that of this try: a receiver may take an old one for a replay. */
mw_status api_webhook_send(mw_registry *registry, mw_webhooks_mode mode,
                           const mw_webhook_letter *letter, mw_letter_reply *reply, mw_error *err)
{
    mw_buf headers;
    char url[URL_BYTES];
    int64_t seconds = mw_clock_wall_ms() / 1000;
    MW_TRY(check_scheme(mode, letter->url, err));
    MW_TRY(read_url(letter->url, url, err));
    mw_buf_init(&headers, HEADERS_BYTES);
    mw_buf_format(&headers, "X-MLflow-Delivery-Id: %.*s\nX-MLflow-Timestamp: %lld",
                  MW_VIEW_ARG(letter->key), (long long)seconds);
    mw_status status = put_signature(registry, letter, seconds, &headers, err);
    if (status == MW_OK && headers.failed)
        status = mw_fail_memory(err, "a letter's headers");
    if (status == MW_OK)
        status = mw_letter_post(&(mw_letter){.url = url,
                                             .headers = headers.data,
                                             .type = "application/json",
                                             .body = letter->body,
                                             .timeout_ms = MW_LIMIT_WEBHOOK_TIMEOUT_MS,
                                             .only_public = mode == MW_WEBHOOKS_PUBLIC},
                                reply, err);
    mw_buf_done(&headers);
    return status;
}

/* ---- errands --------------------------------------------------------------------------------- */

typedef struct errand {
    mw_webhook_letter letter;
    bool is_one;
    int64_t due, again;
} errand;

static mw_status look(mw_record *record, void *given, mw_error *err)
{
    errand *e = given;
    return mw_record_next_letter(record, &e->due, err);
}

static mw_status take(mw_record *record, void *given, mw_error *err)
{
    errand *e = given;
    return mw_record_take_letter(record, mw_clock_wall_ms(),
                                 MW_LIMIT_WEBHOOK_TIMEOUT_MS + LEASE_MORE_MS, &e->letter,
                                 &e->is_one, err);
}

static mw_status settle(mw_record *record, void *given, mw_error *err)
{
    const errand *e = given;
    return mw_record_settle_letter(record, e->letter.row, e->again, err);
}

static mw_status judge(const mw_letter_reply *reply, mw_error *err)
{
    enum { SHOWN_BYTES = 120 };
    if (reply->status < 300)
        return MW_OK;
    mw_view body = mw_view_trim(mw_buf_as_view(reply->body));
    mw_fail(err, MW_E_ALERT_DELIVERY, "the receiver answers %d%s", reply->status,
            reply->status < 400 ? ", and redirects are not followed" : "");
    mw_why(err, "%.*s", body.size > SHOWN_BYTES ? SHOWN_BYTES : (int)body.size, body.data);
    return mw_mend(err, "check the webhook's address, and the receiver's own log");
}

/* As urllib3's Retry of MLflow's server: what may pass by is tried again, all else is an answer. */
static bool may_pass(const mw_letter_reply *reply, const mw_error *err)
{
    static const int passing[] = {429, 500, 502, 503, 504};
    if (reply->status == 0)
        return err->status == MW_IO || err->status == MW_BUSY || err->status == MW_NOT_FOUND;
    for (size_t i = 0; i < MW_COUNT(passing); i++)
        if (reply->status == passing[i])
            return true;
    return false;
}

/* At once, then after 2 s, 4 s: doubled each time, and up to a second more. */
static int64_t pause_ms(int64_t tries, const mw_letter_reply *reply)
{
    int64_t jitter = (int64_t)(mw_random_bits() % JITTER_MS);
    if (reply->retry_after_s > 0)
        return reply->retry_after_s < LATER_MS_MAX / 1000 ? reply->retry_after_s * 1000
                                                          : LATER_MS_MAX;
    if (tries == 0)
        return jitter / 10;
    return mw_letter_pause_ms(tries - 1, FIRST_PAUSE_MS, MW_LIMIT_WEBHOOK_PAUSE_MS) + jitter;
}

static void note_failure(const errand *e, const mw_error *err)
{
    char doing[300];
    snprintf(doing, sizeof doing, "webhook '%.*s' was not told of %.*s, for good",
             (int)(e->letter.name.size < 80 ? e->letter.name.size : 80), e->letter.name.data,
             MW_VIEW_ARG(e->letter.event));
    mw_log_error(MW_LOG_WARN, doing, err);
}

static void deliver(api_couriers *couriers, errand *e)
{
    mw_buf answer;
    mw_error err;
    mw_letter_reply reply = {.body = &answer};
    mw_buf_init(&answer, ANSWER_BYTES);
    mw_status status =
        api_webhook_send(couriers->registry, couriers->mode, &e->letter, &reply, &err);
    if (status == MW_OK)
        status = judge(&reply, &err);
    bool again =
        status != MW_OK && e->letter.tries < MW_LIMIT_WEBHOOK_RETRIES && may_pass(&reply, &err);
    e->again = again ? mw_clock_wall_ms() + pause_ms(e->letter.tries, &reply) : 0;
    if (status != MW_OK && !again)
        note_failure(e, &err);
    if (!again)
        atomic_fetch_add(status == MW_OK ? &couriers->n_taken : &couriers->n_dropped, 1);
    mw_buf_done(&answer);
}

/* A look first: it costs no turn of the writer. */
static mw_status carry(api_couriers *couriers, mw_arena *arena, errand *e, mw_error *err)
{
    MW_TRY(mw_registry_read(couriers->registry, arena, look, e, err));
    if (e->due > mw_clock_wall_ms())
        return MW_OK;
    MW_TRY(mw_registry_write(couriers->registry, arena, take, e, err));
    if (!e->is_one)
        return MW_OK;
    deliver(couriers, e);
    return mw_registry_write(couriers->registry, arena, settle, e, err);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void wake(api_couriers *couriers)
{
    pthread_mutex_lock(&couriers->lock);
    pthread_cond_broadcast(&couriers->wakes);
    pthread_mutex_unlock(&couriers->lock);
}

void api_couriers_look(api_couriers *couriers)
{
    if (!couriers)
        return;
    uint64_t now = mw_registry_letters(couriers->registry);
    if (atomic_exchange(&couriers->n_seen, now) != now)
        wake(couriers);
}

void api_couriers_count(api_couriers *couriers, api_letter_counts *ret_counts)
{
    *ret_counts = (api_letter_counts){0};
    if (couriers)
        *ret_counts =
            (api_letter_counts){atomic_load(&couriers->n_taken), atomic_load(&couriers->n_dropped)};
}

static int64_t wait_of(const errand *e, mw_status status)
{
    int64_t ms =
        status == MW_OK && e->due < INT64_MAX ? e->due - mw_clock_wall_ms() : LOOK_AGAIN_MS;
    if (ms > LOOK_AGAIN_MS)
        return LOOK_AGAIN_MS;
    return ms > 50 ? ms : 50; /* one that is due waits behind another of its webhook */
}

static void *run(void *given)
{
    api_couriers *couriers = given;
    mw_arena arena;
    mw_arena_init(&arena, 64 * MW_KIB, 64 * MW_MIB);
    pthread_mutex_lock(&couriers->lock);
    while (!couriers->is_ending) {
        mw_error err;
        errand e = {.due = INT64_MAX};
        pthread_mutex_unlock(&couriers->lock);
        mw_status status = carry(couriers, &arena, &e, &err);
        mw_arena_reset(&arena);
        if (atomic_exchange(&couriers->is_failing, status != MW_OK) == false && status != MW_OK)
            mw_log_error(MW_LOG_ERROR, "letters to webhooks wait for the record", &err);
        pthread_mutex_lock(&couriers->lock);
        struct timespec until = mw_moment_in(wait_of(&e, status));
        if (!couriers->is_ending && (status != MW_OK || !e.is_one))
            pthread_cond_timedwait(&couriers->wakes, &couriers->lock, &until);
    }
    pthread_mutex_unlock(&couriers->lock);
    mw_arena_done(&arena);
    return NULL;
}

static mw_status free_leases(mw_record *record, void *given, mw_error *err)
{
    (void)given;
    return mw_record_free_letters(record, err);
}

/* Of a record of one server: who had taken a letter is dead. */
static mw_status begin_anew(mw_registry *registry, mw_error *err)
{
    mw_arena arena;
    if (mw_registry_is_shared(registry))
        return MW_OK;
    mw_arena_init(&arena, MW_KIB, MW_MIB);
    mw_status status = mw_registry_write(registry, &arena, free_leases, NULL, err);
    mw_arena_done(&arena);
    return status;
}

mw_status api_couriers_new(mw_registry *registry, mw_webhooks_mode mode,
                           api_couriers **ret_couriers, mw_error *err)
{
    *ret_couriers = NULL;
    if (mode == MW_WEBHOOKS_OFF)
        return MW_OK;
    MW_TRY(begin_anew(registry, err));
    api_couriers *couriers = calloc(1, sizeof *couriers);
    if (!couriers)
        return mw_fail_memory(err, "the webhooks");
    couriers->registry = registry;
    couriers->mode = mode;
    pthread_mutex_init(&couriers->lock, NULL);
    mw_condition_init(&couriers->wakes);
    while (couriers->n_threads < COURIERS &&
           mw_thread_start(&couriers->threads[couriers->n_threads], "mw-webhook", run, couriers) ==
               0)
        couriers->n_threads++;
    if (couriers->n_threads == 0) {
        api_couriers_free(couriers);
        return mw_fail_memory(err, "a thread for webhooks");
    }
    *ret_couriers = couriers;
    return MW_OK;
}

void api_couriers_free(api_couriers *couriers)
{
    if (!couriers)
        return;
    pthread_mutex_lock(&couriers->lock);
    couriers->is_ending = true;
    pthread_cond_broadcast(&couriers->wakes);
    pthread_mutex_unlock(&couriers->lock);
    for (size_t i = 0; i < couriers->n_threads; i++)
        pthread_join(couriers->threads[i], NULL);
    pthread_cond_destroy(&couriers->wakes);
    pthread_mutex_destroy(&couriers->lock);
    free(couriers);
}
