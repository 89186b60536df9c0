/* The overview, and what is new since a second: made off the loops, for however many look at it.
 *
 *     fleet, watch, samples --(readers' thread, or the pulse while somebody listens)--> sheet
 *     sheet --copied, less what the visitor may not see--> GET /mw/v1/overview, events
 *
 * What takes time (the watch's findings, sums of samples) is asked for without the fleet's lock, so
 * that a thousand endpoints delay nobody: 20 ms of another thread in place of the loop's. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "guard.h"
#include "look.h"
#include "mlflow.h"

enum {
    HEARD_SECONDS = 5,
    OLD_SECONDS = 15,
    FEW = 50, /* endpoints; of more, a sheet is shown for some seconds */
    SHEET_BYTES = 64 << 20
};

typedef struct sheet_item {
    const char *name; /* lives as long as the fleet */
    unsigned version;
    uint64_t model;
    size_t begin, size; /* in the text */
} sheet_item;

typedef struct sheet {
    mw_api *api;
    atomic_int n_refs;
    int64_t second;
    size_t n, room;
    sheet_item *items;
    api_sight *sights; /* only while it is made */
    mw_buf text;
} sheet;

struct api_board {
    mw_api *api;
    pthread_mutex_t lock;
    sheet *newest; /* guarded by lock; NULL: none so far */
    _Atomic int64_t heard, alerts_at, rollouts_at;
    uint64_t alerts_revision, rollouts_digest; /* the pulse's */
};

/* ---- sheets ---------------------------------------------------------------------------------- */

static void unref(sheet *s)
{
    if (!s || atomic_fetch_sub(&s->n_refs, 1) > 1)
        return;
    mw_buf_done(&s->text);
    free(s->items);
    free(s->sights);
    free(s);
}

static sheet *take_newest(api_board *board)
{
    pthread_mutex_lock(&board->lock);
    sheet *s = board->newest;
    if (s)
        atomic_fetch_add(&s->n_refs, 1);
    pthread_mutex_unlock(&board->lock);
    return s;
}

static void count(void *given, const mw_endpoint_info *info)
{
    (void)info;
    ++*(size_t *)given;
}

static void note(void *given, const mw_endpoint_info *info)
{
    sheet *s = given;
    if (s->n < s->room)
        s->items[s->n++] = (sheet_item){.name = info->name,
                                        .version = info->version,
                                        .model = api_model_of(s->api, info)};
}

typedef struct writing {
    sheet *s;
    size_t at;
} writing;

/* Endpoints are never taken away, and keep their order. */
static void write_item(void *given, const mw_endpoint_info *info)
{
    writing *w = given;
    if (w->at == w->s->n)
        return;
    sheet_item *item = &w->s->items[w->at];
    item->begin = w->s->text.size;
    api_put_sight(info, &w->s->sights[w->at], &w->s->text);
    item->size = w->s->text.size - item->begin;
    w->at++;
}

static sheet *make(mw_api *api)
{
    size_t n = 0;
    sheet *s = calloc(1, sizeof *s);
    mw_fleet_each(api_fleet(api), count, &n);
    if (!s)
        return NULL;
    atomic_init(&s->n_refs, 1);
    s->api = api;
    s->second = api_pulse_now(api_pulse_of(api));
    s->items = calloc(n + 1, sizeof *s->items);
    s->sights = calloc(n + 1, sizeof *s->sights);
    if (!s->items || !s->sights) {
        unref(s);
        return NULL;
    }
    s->room = n;
    mw_buf_init(&s->text, SHEET_BYTES);
    mw_fleet_each(api_fleet(api), note, s);
    for (size_t i = 0; i < s->n; i++)
        api_look_at(api, s->items[i].name, s->items[i].version, s->items[i].model, &s->sights[i]);
    mw_fleet_each(api_fleet(api), write_item, &(writing){s, 0});
    free(s->sights);
    s->sights = NULL;
    return s;
}

static sheet *make_newest(api_board *board)
{
    sheet *made = make(board->api);
    if (!made)
        return NULL;
    atomic_fetch_add(&made->n_refs, 1);
    pthread_mutex_lock(&board->lock);
    sheet *old = board->newest;
    board->newest = made;
    pthread_mutex_unlock(&board->lock);
    unref(old);
    return made;
}

/* Seconds between two of so many endpoints. */
static int64_t period_of(const sheet *s)
{
    int64_t period = 1 + (int64_t)s->n / FEW;
    return period < OVERVIEW_SECONDS_MAX ? period : OVERVIEW_SECONDS_MAX;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_overview(const sheet *s, mw_api *api, const api_visitor *visitor, mw_buf *out)
{
    int64_t n = 0;
    mw_buf_char(out, '{');
    mlflow_put_int(out, "now", 1000 * s->second);
    mlflow_put_int(out, "started", (int64_t)(1000 * api_started_seconds(api)));
    mlflow_put_text(out, "server_version", MW_VIEW(MW_VERSION));
    api_put_bool(out, "record", api_has_record(api));
    api_put_bool(out, "watching", api_monitor(api));
    api_put_bool(out, "alerting", api_alerting(api));
    api_put_bool(out, "logging", api_journal(api));
    api_put_bool(out, "reporting", api_reports_of(api));
    api_put_bool(out, "asks", api_guard_of(api));
    api_put_bool(out, "draining", mw_fleet_is_draining(api_fleet(api)));
    mw_buf_format(out, ",\"limits\":{\"busy\":%g,\"full\":%g}", MW_API_BUSY_LIMIT,
                  MW_API_FULL_LIMIT);
    mw_buf_text(out, ",\"items\":[");
    for (size_t i = 0; i < s->n; i++) {
        if (s->items[i].size == 0 || !api_sees(visitor, s->items[i].name))
            continue;
        mw_buf_text(out, n++ > 0 ? "," : "");
        mw_buf_bytes(out, s->text.data + s->items[i].begin, s->items[i].size);
    }
    mw_buf_char(out, ']');
    mlflow_put_int(out, "total", n);
    mw_buf_char(out, '}');
}

typedef struct overview_turn {
    mw_job job;
    mw_api *api;
    mw_exchange *exchange;
    api_visitor *visitor;
} overview_turn;

/* Few endpoints are looked at anew; many, when the last sheet is out of date. */
static void work(mw_job *job)
{
    overview_turn *turn = (overview_turn *)job;
    mw_exchange *exchange = turn->exchange;
    api_board *board = api_board_of(turn->api);
    sheet *s = take_newest(board);
    int64_t now = api_pulse_now(api_pulse_of(turn->api));
    if (!s || s->n <= FEW || now - s->second >= period_of(s)) {
        unref(s);
        s = make_newest(board);
    }
    if (s)
        put_overview(s, turn->api, turn->visitor, exchange->reply);
    unref(s);
    api_visitor_unref(turn->visitor);
    if (s) {
        api_answer_json(exchange);
        return;
    }
    mw_error err;
    mw_fail_memory(&err, "the overview");
    api_answer_error(exchange, &err);
}

void api_look_overview(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    mw_error err;
    overview_turn *turn = mw_arena_take_zeroed(exchange->arena, 1, sizeof *turn);
    if (!turn) {
        mw_fail_memory(&err, "the overview");
        api_answer_error(exchange, &err);
        return;
    }
    *turn = (overview_turn){.job.run = work, .api = api, .exchange = exchange};
    if (asked->visitor)
        turn->visitor = api_visitor_ref((api_visitor *)asked->visitor);
    mw_exchange_defer(exchange);
    mw_pool_submit(api_readers(api), &turn->job);
}

/* ---- for streams ----------------------------------------------------------------------------- */

void api_board_listen(api_board *board)
{
    atomic_store(&board->heard, api_pulse_now(api_pulse_of(board->api)));
}

bool api_board_put(api_board *board, int64_t since, const api_visitor *visitor, mw_buf *out)
{
    sheet *s = take_newest(board);
    bool is_new =
        s && s->second > since && s->second > api_pulse_now(api_pulse_of(board->api)) - OLD_SECONDS;
    if (is_new)
        put_overview(s, board->api, visitor, out);
    unref(s);
    return is_new;
}

int64_t api_board_alerts_at(const api_board *board)
{
    return atomic_load(&board->alerts_at);
}

int64_t api_board_rollouts_at(const api_board *board)
{
    return atomic_load(&board->rollouts_at);
}

static void see_rollout(void *given, const mw_rollout_sight *sight)
{
    uint64_t *digest = given;
    const struct {
        int64_t id, entered, is_approved;
        double weight, shadow, samples;
    } said = {sight->rollout->id, sight->rollout->entered, sight->rollout->is_approved,
              sight->weight,      sight->shadow,           sight->judgement->samples};
    *digest = mw_fnv(*digest, &said, sizeof said);
    *digest = mw_fnv(*digest, &sight->rollout->state, sizeof sight->rollout->state);
}

/* On the pulse's thread, before it announces. */
static void prepare(void *given, int64_t now)
{
    api_board *board = given;
    mw_api *api = board->api;
    uint64_t digest = MW_FNV_BEGIN, revision = 0;
    if (api_alerting(api))
        revision = mw_alerts_revision(api_alerting(api));
    if (api_conductor(api))
        mw_conductor_each(api_conductor(api), see_rollout, &digest);
    if (revision != board->alerts_revision)
        atomic_store(&board->alerts_at, now);
    if (digest != board->rollouts_digest)
        atomic_store(&board->rollouts_at, now);
    board->alerts_revision = revision;
    board->rollouts_digest = digest;
    if (now - atomic_load(&board->heard) > HEARD_SECONDS)
        return;
    sheet *s = take_newest(board);
    bool is_due = !s || now - s->second >= period_of(s);
    unref(s);
    if (is_due)
        unref(make_newest(board));
}

/* ---- life ------------------------------------------------------------------------------------ */

mw_status api_board_new(mw_api *api, api_board **ret_board, mw_error *err)
{
    api_board *board = calloc(1, sizeof *board);
    if (!board)
        return mw_fail_memory(err, "the overview");
    board->api = api;
    pthread_mutex_init(&board->lock, NULL);
    *ret_board = board;
    api_pulse_prepare(api_pulse_of(api), prepare, board);
    return MW_OK;
}

void api_board_free(api_board *board)
{
    if (!board)
        return;
    unref(board->newest);
    pthread_mutex_destroy(&board->lock);
    free(board);
}
