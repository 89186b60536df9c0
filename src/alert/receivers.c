/* Who is told: the file's receivers and those that the API has set, which win; each has a courier,
 * who may come and go while others work. */
#include <stdlib.h>

#include "engine.h"
#include "read.h"

/* ---- couriers -------------------------------------------------------------------------------- */

static mw_status new_courier(mw_alerts *alerts, const alert_receiver *receiver, alert_receiver *own,
                             alert_courier **ret_courier, mw_error *err)
{
    alert_courier *courier = calloc(1, sizeof *courier);
    if (!courier)
        return mw_fail_memory(err, "a receiver");
    courier->alerts = alerts;
    courier->receiver = receiver;
    courier->own = own;
    *ret_courier = courier;
    return MW_OK;
}

void alerts_free_courier(alert_courier *courier)
{
    if (!courier)
        return;
    alert_receiver_free(courier->own);
    free(courier);
}

mw_status alerts_start_courier(alert_courier *courier, mw_error *err)
{
    int failed = mw_thread_start(&courier->thread, "mw-courier", alerts_run_courier, courier);
    courier->has_thread = failed == 0;
    return failed == 0 ? MW_OK : mw_fail_errno(err, "start a thread for alerts", failed);
}

static size_t place_of(const mw_alerts *alerts, mw_view name)
{
    size_t i = 0;
    while (i < alerts->n_couriers && !mw_view_equal(alerts->couriers[i]->receiver->name, name))
        i++;
    return i;
}

/* In the place of the one of its name, who is returned: his thread is told to end. Under the lock.
 * fresh NULL: nobody takes his place. */
static alert_courier *replace(mw_alerts *alerts, mw_view name, alert_courier *fresh)
{
    size_t i = place_of(alerts, name);
    alert_courier *old = i < alerts->n_couriers ? alerts->couriers[i] : NULL;
    if (fresh) {
        alerts->couriers[i] = fresh;
        alerts->n_couriers += !old;
    } else if (old) {
        for (alerts->n_couriers--; i < alerts->n_couriers; i++)
            alerts->couriers[i] = alerts->couriers[i + 1];
    }
    if (old) {
        old->is_leaving = true;
        pthread_cond_broadcast(&alerts->wakes);
    }
    return old;
}

/* What he has on his way may take its time-out: not under the lock. */
static void part_from(alert_courier *old)
{
    if (old && old->has_thread)
        pthread_join(old->thread, NULL);
    alerts_free_courier(old);
}

/* ---- reading --------------------------------------------------------------------------------- */

static mw_status read_text(mw_view text, alert_receiver **ret_receiver, mw_error *err)
{
    mw_yaml_document *document;
    mw_alert_place place = {0, 0, 0};
    alert_reader in = {"receiver", &place, MW_E_ALERT_RECEIVER};
    MW_TRY(mw_yaml_read(text, "receiver", &document, err));
    mw_status status = alert_receiver_read(&in, mw_yaml_root(document), ret_receiver, err);
    mw_yaml_free(document);
    if (status == MW_OK)
        (*ret_receiver)->origin = ALERT_FROM_API;
    return status;
}

typedef struct kept {
    mw_arena arena;
    book_texts texts;
} kept;

static mw_status load(mw_sql *session, void *given, mw_error *err)
{
    kept *k = given;
    return book_receivers(session, &k->arena, &k->texts, err);
}

/* What cannot be read any more, or lacks its secret, is told; it is not left out for a secret, for
 * that may come back. */
static void hire_of_api(mw_alerts *alerts, mw_view text)
{
    mw_error err;
    alert_receiver *receiver;
    alert_courier *courier = NULL;
    if (read_text(text, &receiver, &err) != MW_OK) {
        mw_log_error(MW_LOG_WARN, "a receiver of the API is left out", &err);
        return;
    }
    if (alert_check_secrets(receiver, &err) != MW_OK)
        mw_log_error(MW_LOG_WARN, "a receiver of the API", &err);
    if (new_courier(alerts, receiver, receiver, &courier, &err) != MW_OK) {
        alert_receiver_free(receiver);
        return;
    }
    if (alerts->n_couriers < MW_LIMIT_ALERT_RECEIVERS)
        alerts_free_courier(replace(alerts, receiver->name, courier)); /* no thread runs yet */
    else
        alerts_free_courier(courier);
}

/* ---- said at other servers ------------------------------------------------------------------- */

static void leave(mw_alerts *alerts, alert_courier *old)
{
    if (!old)
        return;
    old->next = alerts->leaving;
    alerts->leaving = old;
}

void alerts_part_from_leaving(mw_alerts *alerts, bool all)
{
    for (alert_courier **at = &alerts->leaving; *at;) {
        alert_courier *old = *at;
        if (old->has_thread && !old->has_ended && !all) {
            at = &old->next;
            continue;
        }
        *at = old->next;
        if (old->has_thread)
            pthread_join(old->thread, NULL);
        alerts_free_courier(old);
    }
}

static bool is_as(const alert_receiver *receiver, mw_view text)
{
    mw_buf mine;
    mw_buf_init(&mine, MW_MIB);
    alert_receiver_write(receiver, &mine);
    bool same = mw_view_equal(mw_buf_as_view(&mine), text);
    mw_buf_done(&mine);
    return same;
}

static const alert_receiver *of_file(const mw_alerts *alerts, mw_view name)
{
    const alert_receiver *receiver = alerts->config->receivers;
    while (receiver && !mw_view_equal(receiver->name, name))
        receiver = receiver->next;
    return receiver;
}

/* In the place of the one of its name; receiver NULL: nobody. */
static mw_status take_place(mw_alerts *alerts, mw_view name, const alert_receiver *receiver,
                            alert_receiver *own, mw_error *err)
{
    alert_courier *courier = NULL;
    if (receiver)
        MW_TRY(new_courier(alerts, receiver, own, &courier, err));
    mw_status status = MW_OK;
    if (courier && alerts->is_started && !alerts->is_ending)
        status = alerts_start_courier(courier, err);
    if (status != MW_OK) {
        free(courier); /* the receiver is the caller's again */
        return status;
    }
    leave(alerts, replace(alerts, name, courier));
    return MW_OK;
}

static mw_status put_of_others(mw_alerts *alerts, mw_view text, mw_error *err)
{
    alert_receiver *receiver;
    size_t i = 0;
    while (i < alerts->n_couriers &&
           !(alerts->couriers[i]->own && is_as(alerts->couriers[i]->own, text)))
        i++;
    if (i < alerts->n_couriers)
        return MW_OK;
    MW_TRY(read_text(text, &receiver, err));
    i = place_of(alerts, receiver->name);
    mw_status status =
        i == alerts->n_couriers && i == MW_LIMIT_ALERT_RECEIVERS
            ? mw_fail(err, MW_E_ALERT_LIMIT, "there are %d receivers", MW_LIMIT_ALERT_RECEIVERS)
            : take_place(alerts, receiver->name, receiver, receiver, err);
    if (status != MW_OK)
        alert_receiver_free(receiver);
    return status;
}

static bool stands_in(const book_texts *texts, const alert_receiver *receiver)
{
    for (size_t i = 0; i < texts->count; i++)
        if (is_as(receiver, texts->items[i]))
            return true;
    return false;
}

void alerts_follow_receivers(mw_alerts *alerts, const book_texts *texts)
{
    mw_error err;
    for (size_t i = alerts->n_couriers; i-- > 0;) {
        const alert_receiver *own = alerts->couriers[i]->own;
        if (own && !stands_in(texts, own) &&
            take_place(alerts, own->name, of_file(alerts, own->name), NULL, &err) != MW_OK)
            mw_log_error(MW_LOG_WARN, "a receiver of the API is removed", &err);
    }
    for (size_t i = 0; i < texts->count; i++)
        if (put_of_others(alerts, texts->items[i], &err) != MW_OK)
            mw_log_error(MW_LOG_WARN, "a receiver of the API is left out", &err);
}

mw_status alerts_hire_couriers(mw_alerts *alerts, mw_error *err)
{
    kept k;
    alerts->couriers = calloc(MW_LIMIT_ALERT_RECEIVERS, sizeof *alerts->couriers);
    if (!alerts->couriers)
        return mw_fail_memory(err, "the receivers");
    for (const alert_receiver *receiver = alerts->config->receivers; receiver;
         receiver = receiver->next) {
        MW_TRY(alert_check_secrets(receiver, err));
        MW_TRY(new_courier(alerts, receiver, NULL, &alerts->couriers[alerts->n_couriers], err));
        alerts->n_couriers++;
    }
    mw_arena_init(&k.arena, 4 * MW_KIB, 16 * MW_MIB);
    mw_status status = alerts_read(alerts, load, &k, err);
    for (size_t i = 0; i < k.texts.count && status == MW_OK; i++)
        hire_of_api(alerts, k.texts.items[i]);
    mw_arena_done(&k.arena);
    return status;
}

/* ---- the API --------------------------------------------------------------------------------- */

typedef struct putting {
    mw_view name, text;
    bool was;
} putting;

static mw_status put_into_book(mw_sql *session, void *given, mw_error *err)
{
    const putting *p = given;
    return book_receiver_put(session, p->name, p->text, err);
}

static mw_status remove_from_book(mw_sql *session, void *given, mw_error *err)
{
    putting *p = given;
    return book_receiver_remove(session, p->name, &p->was, err);
}

static mw_status keep(mw_alerts *alerts, const alert_receiver *receiver, mw_error *err)
{
    mw_buf text;
    size_t i = place_of(alerts, receiver->name);
    if (i == alerts->n_couriers && i == MW_LIMIT_ALERT_RECEIVERS)
        return mw_fail(err, MW_E_ALERT_LIMIT, "there are %d receivers already",
                       MW_LIMIT_ALERT_RECEIVERS);
    mw_buf_init(&text, MW_MIB);
    alert_receiver_write(receiver, &text);
    mw_status status = alerts_write(alerts, put_into_book,
                                    &(putting){receiver->name, mw_buf_as_view(&text), false}, err);
    mw_buf_done(&text);
    return status;
}

static mw_status hire(mw_alerts *alerts, alert_receiver *receiver, mw_error *err)
{
    alert_courier *courier = NULL, *old = NULL;
    MW_TRY(new_courier(alerts, receiver, receiver, &courier, err));
    pthread_mutex_lock(&alerts->lock);
    mw_status status = keep(alerts, receiver, err);
    if (status == MW_OK && alerts->is_started && !alerts->is_ending)
        status = alerts_start_courier(courier, err);
    if (status == MW_OK)
        old = replace(alerts, receiver->name, courier);
    pthread_mutex_unlock(&alerts->lock);
    if (status != MW_OK)
        free(courier); /* the receiver is the caller's again */
    part_from(old);
    return status;
}

static void tell(const alert_receiver *receiver, mw_buf *out)
{
    char mark[ALERT_MARK_BYTES];
    alert_receiver_mark(receiver, mark);
    mw_buf_text(out, "{\"name\":");
    mw_json_write_text(out, receiver->name);
    mw_buf_format(out, ",\"kind\":\"%s\",\"mark\":\"%s\"}\n", alert_kinds[receiver->kind], mark);
}

mw_status mw_alerts_put_receiver(mw_alerts *alerts, mw_view text, bool may_reach_in, mw_buf *out,
                                 mw_error *err)
{
    alert_receiver *receiver;
    MW_TRY(read_text(text, &receiver, err));
    mw_status status = MW_OK;
    if (!may_reach_in && alert_receiver_reaches_in(receiver)) {
        status = mw_fail(err, MW_E_ALERT_RECEIVER,
                         "'%.*s' names files, variables or a program of the server's machine",
                         MW_VIEW_ARG(receiver->name));
        mw_mend(err, "an admin may set it where the server asks who is there (--auth on); else it "
                     "belongs into the server's own millwright.yaml");
    }
    if (status == MW_OK)
        status = alert_check_secrets(receiver, err);
    if (status == MW_OK) {
        tell(receiver, out);
        status = hire(alerts, receiver, err);
    }
    if (status != MW_OK)
        alert_receiver_free(receiver);
    alerts_note_change(alerts);
    return status;
}

mw_status mw_alerts_remove_receiver(mw_alerts *alerts, mw_view name, mw_buf *out, mw_error *err)
{
    putting p = {.name = name};
    alert_courier *courier = NULL, *old = NULL;
    const alert_receiver *receiver = of_file(alerts, name);
    if (receiver)
        MW_TRY(new_courier(alerts, receiver, NULL, &courier, err));
    pthread_mutex_lock(&alerts->lock);
    mw_status status = alerts_write(alerts, remove_from_book, &p, err);
    if (status == MW_OK && p.was && courier && alerts->is_started && !alerts->is_ending)
        status = alerts_start_courier(courier, err);
    bool takes_place = status == MW_OK && p.was;
    if (takes_place)
        old = replace(alerts, name, courier);
    pthread_mutex_unlock(&alerts->lock);
    if (!takes_place)
        alerts_free_courier(courier);
    part_from(old);
    if (status == MW_OK && !p.was) {
        mw_fail(err, MW_E_ALERT_UNKNOWN, "the API has set no receiver '%.*s'",
                (int)(name.size < 80 ? name.size : 80), name.data);
        return mw_mend(err, "those of the server's file are taken out there");
    }
    mw_buf_text(out, "{\"removed\":");
    mw_json_write_text(out, name);
    mw_buf_text(out, "}\n");
    alerts_note_change(alerts);
    return status;
}
