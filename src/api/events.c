/* GET /mw/v1/events?topics=overview,alerts,rollouts,endpoint:churn: what happens, as server-sent
 * events.
 *
 *     the pulse announces --> the loop calls the handler again --> the events since the last ones
 *
 *     event: point                          a second of an endpoint
 *     id: 1764261000                        the second, since 1970: Last-Event-ID asks for more
 *     data: {"endpoint":"churn","t":1764261000,"ok":41,...}
 *
 * Nothing is kept for a stream but the second it was told last. What it missed comes from the
 * samples, a quarter of an hour at most; beyond that it is told to read all anew (resync). */
#include "look.h"

#include "mlflow.h"

enum { HEARTBEAT_SECONDS = 15, DRIFT_SECONDS = 5, NAME_BYTES = MW_LIMIT_NAME_BYTES + 16 };

typedef struct stream {
    mw_api *api;
    const api_visitor *visitor;
    mw_buf *out;
    int64_t now, last; /* last: the second it was told last; 0 = none */
    bool has_missed;
} stream;

static void begin_event(const stream *s, const char *name, int64_t id)
{
    mw_buf_format(s->out, "event: %s\nid: %lld\ndata: ", name, (long long)id);
}

static void end_event(const stream *s)
{
    mw_buf_text(s->out, "\n\n");
}

/* ---- overview -------------------------------------------------------------------------------- */

/* Made by the pulse, as soon as somebody listens. */
static void tell_overview(const stream *s)
{
    api_board *board = api_board_of(s->api);
    size_t begin = s->out->size;
    api_board_listen(board);
    begin_event(s, "overview", s->now);
    if (api_board_put(board, s->last, s->visitor, s->out))
        end_event(s);
    else
        s->out->size = begin;
}

/* That something changed: who shows it asks for it. */
static void tell_news(const stream *s, const char *name, int64_t at)
{
    if (at <= s->last)
        return;
    begin_event(s, name, s->now);
    mw_buf_format(s->out, "{\"t\":%lld}", (long long)at);
    end_event(s);
}

/* ---- an endpoint ----------------------------------------------------------------------------- */

typedef struct point {
    const stream *s;
    mw_view name;
    int64_t t;
    api_sample all;
    mw_buf versions; /* "1":{...},... */
} point;

static void add_version(void *given, const mw_endpoint_info *info)
{
    int64_t since;
    api_sample sum = {0};
    point *p = given;
    if (!mw_view_is(p->name, info->name) ||
        !api_samples_read(api_pulse_samples(api_pulse_of(p->s->api)), info->name, info->version,
                          p->t, 1, 1, &sum, &since) ||
        p->t < since)
        return;
    api_sample_add(&p->all, &sum);
    mw_buf_format(&p->versions, "%s\"%u\":{\"requests\":%llu,\"errors\":%u,\"p99\":",
                  p->versions.size > 0 ? "," : "", info->version,
                  (unsigned long long)api_sample_requests(&sum),
                  sum.client_errors + sum.server_errors);
    mw_json_write_double(&p->versions, api_sample_quantile(&sum, 0.99));
    mw_buf_char(&p->versions, '}');
}

static void tell_point(const stream *s, mw_view name, int64_t t)
{
    mw_buf *out = s->out;
    point p = {.s = s, .name = name, .t = t};
    mw_buf_init(&p.versions, 16 * MW_KIB);
    mw_fleet_each_version(api_fleet(s->api), add_version, &p);
    begin_event(s, "point", t);
    mw_buf_char(out, '{');
    mlflow_put_text(out, "endpoint", name);
    mlflow_put_int(out, "t", t);
    mlflow_put_int(out, "requests", (int64_t)api_sample_requests(&p.all));
    mlflow_put_int(out, "ok", p.all.ok);
    mlflow_put_int(out, "client_errors", p.all.client_errors);
    mlflow_put_int(out, "server_errors", p.all.server_errors);
    mlflow_put_int(out, "rows", p.all.rows);
    mlflow_put_int(out, "scored", p.all.scored);
    mlflow_put_int(out, "odd", p.all.odd);
    api_put_double(out, "p50", api_sample_quantile(&p.all, 0.5));
    api_put_double(out, "p90", api_sample_quantile(&p.all, 0.9));
    api_put_double(out, "p99", api_sample_quantile(&p.all, 0.99));
    mw_buf_text(out, ",\"latency\":[");
    for (size_t i = 0; i <= MW_N_LATENCY_BUCKETS; i++) {
        mlflow_put_comma(out);
        mw_json_write_int(out, p.all.latency[i]);
    }
    mw_buf_format(out, "],\"versions\":{%s}}", p.versions.data);
    end_event(s);
    mw_buf_done(&p.versions);
}

static void tell_endpoint(const stream *s, mw_view name)
{
    char text[NAME_BYTES];
    snprintf(text, sizeof text, "%.*s", (int)(name.size < sizeof text ? name.size : 0), name.data);
    if (!api_sees(s->visitor, text))
        return;
    int64_t first = s->last > 0 && !s->has_missed ? s->last + 1 : s->now;
    for (int64_t t = first; t <= s->now; t++)
        tell_point(s, name, t);
    if (s->now / DRIFT_SECONDS > s->last / DRIFT_SECONDS)
        tell_news(s, "drift", s->now);
}

/* ---- the stream ------------------------------------------------------------------------------ */

/* Percent escapes undone in place of the exchange's arena, which must not grow. */
static mw_view decode(mw_view text, char room[NAME_BYTES])
{
    size_t size = 0;
    for (size_t i = 0; i < text.size && size + 1 < NAME_BYTES; i++) {
        bool may = text.data[i] == '%' && i + 2 < text.size;
        int byte = may ? mw_hex_byte(text.data + i + 1) : -1;
        room[size++] = byte >= 0 ? (char)byte : text.data[i];
        i += byte >= 0 ? 2 : 0;
    }
    return (mw_view){room, size};
}

static void tell_topics(const stream *s, mw_view topics)
{
    char room[NAME_BYTES];
    while (topics.size > 0) {
        mw_view topic = decode(mw_view_cut(&topics, ','), room);
        if (mw_view_is(topic, "overview"))
            tell_overview(s);
        else if (mw_view_is(topic, "alerts"))
            tell_news(s, "alert", api_board_alerts_at(api_board_of(s->api)));
        else if (mw_view_is(topic, "rollouts"))
            tell_news(s, "rollout", api_board_rollouts_at(api_board_of(s->api)));
        else if (mw_view_starts(topic, "endpoint:"))
            tell_endpoint(s, (mw_view){topic.data + 9, topic.size - 9});
    }
}

static mw_view topics_of(const mw_exchange *exchange)
{
    mw_view rest = exchange->query;
    while (rest.size > 0) {
        mw_view value = mw_view_cut(&rest, '&'), key = mw_view_cut(&value, '=');
        if (mw_view_is(key, "topics"))
            return value;
    }
    return MW_VIEW("");
}

static int64_t last_of(mw_exchange *exchange)
{
    uint64_t last;
    mw_view said = mw_exchange_header(exchange, "Last-Event-ID");
    if (exchange->user)
        return (int64_t)(uintptr_t)exchange->user;
    return said.size > 0 && mw_whole_parse(said, &last) && last < INT64_MAX ? (int64_t)last : 0;
}

void api_look_events(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    api_pulse *pulse = api_pulse_of(api);
    stream s = {.api = api,
                .visitor = asked->visitor,
                .out = exchange->reply,
                .now = api_pulse_now(pulse),
                .last = last_of(exchange)};
    bool begins = !exchange->user;
    if (s.last > s.now)
        s.last = 0; /* of another server, or another clock */
    s.has_missed = s.last > 0 && s.now - s.last >= SAMPLES_OFFERED_SECONDS;
    api_pulse_listen(pulse);
    if (!begins && s.last == s.now) { /* news of something else */
        mw_exchange_wait(exchange);
        return;
    }
    if (begins)
        mw_buf_text(s.out, "retry: 1000\n\n");
    if (s.has_missed) {
        begin_event(&s, "resync", s.now);
        mw_buf_text(s.out, "{}");
        end_event(&s);
    }
    tell_topics(&s, topics_of(exchange));
    if (s.now % HEARTBEAT_SECONDS == 0)
        mw_buf_text(s.out, ":\n\n");
    exchange->user = (void *)(uintptr_t)s.now;
    exchange->stays = true;
    exchange->reply_type = MW_VIEW("text/event-stream");
    exchange->reply_headers = MW_VIEW("Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n");
    mw_exchange_reply(exchange);
}
