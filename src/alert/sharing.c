/* Servers of one PostgreSQL record keep one book of alerts in it, so that each alert is told once,
 * whoever measures it, and what people say at one server holds at all.
 *
 *     together   book of all: fires, is held, resolved; letters, each taken by one under a lease
 *         |  it cannot be reached                     ^  it can again: what fires here, what was
 *         v                                           |  told meanwhile
 *     alone      own book, a copy of what concerns this server: it tells what it measures itself
 *
 * Who goes on alone may tell what another one tells, too: rather twice than not at all. What people
 * want changed waits for the record. */
#include "engine.h"

enum { TWIN_MS = 1000, RETURN_MS = 2000 };

mw_status alerts_write(mw_alerts *alerts, mw_store_work *work, void *user, mw_error *err)
{
    return alerts->shared ? mw_store_write(alerts->shared, work, user, err)
                          : alerts_write_own(alerts, work, user, err);
}

mw_status alerts_write_to(mw_alerts *alerts, bool is_own, mw_store_work *work, void *user,
                          mw_error *err)
{
    return is_own ? alerts_write_own(alerts, work, user, err)
                  : mw_store_write(alerts->shared, work, user, err);
}

bool alerts_are_together(const mw_alerts *alerts)
{
    return alerts->shared && !atomic_load(&alerts->is_alone);
}

mw_status alerts_read(mw_alerts *alerts, mw_store_work *work, void *user, mw_error *err)
{
    return mw_store_read(alerts_are_together(alerts) ? alerts->shared : alerts->store, work, user,
                         err);
}

/* ---- where ----------------------------------------------------------------------------------- */

static mw_status read_news(mw_sql *session, void *given, mw_error *err)
{
    alert_changes *changes = given;
    return book_news_read(session, changes->alerts->alone_ms, changes->now_ms, changes->arena,
                          &changes->news, err);
}

/* A work that is undone for it had nothing to do: that costs PostgreSQL no commit. */
static mw_status write_shared(mw_alerts *alerts, alert_changes *changes, mw_error *err)
{
    if (changes->begins)
        MW_TRY(mw_store_read(alerts->store, read_news, changes, err));
    mw_status status = mw_store_write(alerts->shared, alerts_write_down, changes, err);
    return changes->is_idle ? MW_OK : status;
}

/* Not what stood in the way for a moment. */
static bool is_away(mw_status status, const mw_error *err)
{
    return (status == MW_BUSY || status == MW_IO) && err->code != MW_E_STORE_AGAIN;
}

static void go_alone(mw_alerts *alerts, const mw_error *why)
{
    mw_error said = *why;
    if (atomic_exchange(&alerts->is_alone, true))
        return;
    alerts->alone_ms = mw_clock_wall_ms();
    said.mend[0] = '\0'; /* "send it again": it will */
    mw_log_error(MW_LOG_WARN,
                 "this server tells its own alerts by itself, perhaps as others do, until the "
                 "record is back",
                 &said);
    alerts_note_change(alerts);
}

static void come_back(mw_alerts *alerts, int64_t now_ms)
{
    if (alerts->written_in != ALERTS_IN_SHARED)
        alerts->together_ms = now_ms;
    if (!atomic_exchange(&alerts->is_alone, false))
        return;
    alerts->alone_ms = 0;
    mw_log(MW_LOG_INFO, "the servers of the record tell alerts together again");
    alerts_note_change(alerts);
}

bool alerts_may_return(mw_alerts *alerts, int64_t now_ms)
{
    return atomic_load(&alerts->is_alone) && now_ms - alerts->tried_ms >= RETURN_MS;
}

mw_status alerts_write_changes(mw_alerts *alerts, alert_gather *gather, void *user,
                               alert_changes *changes, int64_t now_ms, mw_error *err)
{
    const alert_changes empty = *changes;
    bool tries = alerts_are_together(alerts) || alerts_may_return(alerts, now_ms);
    if (alerts->shared && tries) {
        alerts->tried_ms = now_ms;
        changes->is_shared = true;
        changes->begins = alerts->written_in != ALERTS_IN_SHARED;
        changes->buries = changes->buries && !changes->begins &&
                          now_ms - alerts->together_ms >= ALERT_HOLDER_GONE_MS;
        MW_TRY(gather(user, changes, err));
        mw_status status = write_shared(alerts, changes, err);
        if (status != MW_OK && !is_away(status, err))
            return status;
        if (status == MW_OK) {
            come_back(alerts, now_ms);
            alerts->written_in = ALERTS_IN_SHARED;
            return MW_OK;
        }
        go_alone(alerts, err);
        *changes = empty;
    }
    changes->begins = alerts->shared && alerts->written_in != ALERTS_IN_OWN;
    MW_TRY(gather(user, changes, err));
    MW_TRY(alerts_write_own(alerts, alerts_write_down, changes, err));
    alerts->written_in = ALERTS_IN_OWN;
    return MW_OK;
}

/* ---- the copy -------------------------------------------------------------------------------- */

typedef struct copying {
    mw_alerts *alerts;
    mw_arena *arena;
    book_twin twin;
    bool joins;
} copying;

static mw_status read_twin(mw_sql *session, void *given, mw_error *err)
{
    copying *c = given;
    return book_twin_read(session, mw_view_of(c->alerts->server), mw_clock_wall_ms(), c->arena,
                          &c->twin, err);
}

static mw_status write_twin(mw_sql *session, void *given, mw_error *err)
{
    copying *c = given;
    if (c->joins)
        MW_TRY(book_note_joined(session, mw_clock_wall_ms(), err));
    return book_twin_write(session, &c->twin, err);
}

static bool is_new(char last[MW_DIGEST_TEXT_BYTES], const char now[MW_DIGEST_TEXT_BYTES])
{
    bool differs = strcmp(last, now) != 0;
    memcpy(last, now, MW_DIGEST_TEXT_BYTES);
    return differs;
}

static void digest_texts(const book_twin *twin, char digest[MW_DIGEST_TEXT_BYTES])
{
    mw_buf text;
    const book_texts *lists[] = {&twin->rules, &twin->receivers};
    mw_buf_init(&text, MW_LIMIT_ALERT_LOOK_BYTES);
    for (size_t k = 0; k < MW_COUNT(lists); k++)
        for (size_t i = 0; i < lists[k]->count; i++) {
            mw_buf_format(&text, "%zu %zu ", k, lists[k]->items[i].size);
            mw_buf_view(&text, lists[k]->items[i]);
        }
    mw_digest_of(mw_buf_as_view(&text), digest);
    mw_buf_done(&text);
}

mw_status alerts_follow(mw_alerts *alerts, mw_arena *arena, bool has_changed, int64_t now_ms,
                        mw_error *err)
{
    char digest[MW_DIGEST_TEXT_BYTES];
    copying c = {.alerts = alerts, .arena = arena, .joins = !alerts->has_joined};
    if (!alerts_are_together(alerts) ||
        (!has_changed && alerts->followed_ms && now_ms - alerts->followed_ms < TWIN_MS))
        return MW_OK;
    if (mw_store_read(alerts->shared, read_twin, &c, err) != MW_OK)
        return MW_OK; /* the next pass finds that it is away */
    alerts->followed_ms = now_ms;
    digest_texts(&c.twin, digest);
    if (is_new(alerts->texts_digest, digest)) {
        alerts_follow_rules(alerts, &c.twin.rules);
        alerts_follow_receivers(alerts, &c.twin.receivers);
        alerts_note_change(alerts);
    }
    book_twin_digest(&c.twin, digest);
    if (!is_new(alerts->twin_digest, digest) && alerts->has_joined)
        return MW_OK;
    alerts_note_change(alerts);
    mw_status status = alerts_write_own(alerts, write_twin, &c, err);
    alerts->has_joined = alerts->has_joined || status == MW_OK;
    if (status != MW_OK)
        alerts->twin_digest[0] = '\0';
    return status;
}
