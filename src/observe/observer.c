/* From an exchange's begin to its end: ids, what is sampled, and what goes into which ring. */
#include "observe.h"

#include <stdlib.h>

#include "access_log.h"
#include "exporter.h"

enum { NS_PER_MS = 1000000, WALL_MS = 1000, HEADER_BYTES = 2048, REFUSED = 400, GONE = 499 };

/* One line of memory a loop, which only its thread touches. */
typedef struct observe_loop {
    _Alignas(64) observe_chance chance;
    uint64_t wall_from_ns;  /* mw_clock_ns when the offset was read */
    int64_t wall_offset_ns; /* wall clock minus mw_clock_ns */
} observe_loop;

struct mw_observer {
    observe_loop *loops;
    unsigned n_loops;
    observe_log *log;           /* NULL = off */
    observe_exporter *exporter; /* NULL = off */
    uint64_t slow_ns;
    bool trace_always;
    char *headers, *mask;
    _Atomic uint64_t log_below, trace_below; /* of 2^53: a draw below is told */
};

/* What is known of an exchange beside what it shows; in its arena. */
struct mw_seen {
    bool has_trace;
    observe_trace trace;
    uint8_t span_id[OBSERVE_SPAN_ID_BYTES];
    const char *route, *endpoint;
    unsigned version;
    size_t n_rows;
    const mw_timeline *timeline;
};

void mw_observer_options_init(mw_observer_options *options)
{
    *options = (mw_observer_options){
        .n_loops = 1, .log_sample = 1, .log_slow_ms = WALL_MS, .trace_sample = 1};
}

/* ---- sampling -------------------------------------------------------------------------------- */

static const double draws = 0x1p53;

static uint64_t threshold(double share)
{
    return share >= 1 ? UINT64_MAX : share > 0 ? (uint64_t)(share * draws) : 0;
}

static double share_of(uint64_t below)
{
    return below == UINT64_MAX ? 1 : (double)below / draws;
}

static bool is_drawn(uint64_t drawn, const _Atomic uint64_t *below)
{
    uint64_t limit = atomic_load_explicit(below, memory_order_relaxed);
    return limit == UINT64_MAX || drawn >> 11 < limit;
}

void mw_observer_set_log_sample(mw_observer *observer, double sample)
{
    atomic_store(&observer->log_below, threshold(sample));
}

double mw_observer_log_sample(const mw_observer *observer)
{
    return share_of(atomic_load(&observer->log_below));
}

void mw_observer_set_trace_sample(mw_observer *observer, double sample)
{
    atomic_store(&observer->trace_below, threshold(sample));
}

bool mw_observer_traces(const mw_observer *observer)
{
    return observer && observer->exporter;
}

double mw_observer_trace_sample(const mw_observer *observer)
{
    return share_of(atomic_load(&observer->trace_below));
}

/* ---- beginning ------------------------------------------------------------------------------- */

/* The wall clock by way of the other one: asked once a second. */
static int64_t wall_ns(observe_loop *loop, uint64_t now_ns)
{
    if (loop->wall_from_ns == 0 || now_ns - loop->wall_from_ns > (uint64_t)WALL_MS * NS_PER_MS) {
        loop->wall_from_ns = mw_clock_ns();
        loop->wall_offset_ns = mw_clock_wall_ns() - (int64_t)loop->wall_from_ns;
    }
    return (int64_t)now_ns + loop->wall_offset_ns;
}

typedef struct identity_headers {
    mw_view request_id, parent, state;
    unsigned n_parents, n_states;
} identity_headers;

/* One pass over all: most are told apart by their size alone. */
static identity_headers find_headers(const mw_exchange *exchange)
{
    identity_headers found = {{NULL, 0}, {NULL, 0}, {NULL, 0}, 0, 0};
    for (size_t i = 0; i < exchange->n_headers; i++) {
        const mw_header *header = &exchange->headers[i];
        if (header->name.size == 12 && mw_view_is_nocase(header->name, "x-request-id")) {
            found.request_id = header->value;
        } else if (header->name.size == 11 && mw_view_is_nocase(header->name, "traceparent")) {
            found.parent = header->value;
            found.n_parents++;
        } else if (header->name.size == 10 && mw_view_is_nocase(header->name, "tracestate")) {
            found.state = header->value;
            found.n_states++;
        }
    }
    return found;
}

/* Several tracestate headers are one list (§ 3.3.1). */
static mw_view whole_state(const mw_exchange *exchange, const identity_headers *found)
{
    char *out = NULL;
    size_t size = 0;
    if (found->n_states < 2)
        return found->state;
    for (size_t i = 0; i < exchange->n_headers; i++) {
        const mw_header *header = &exchange->headers[i];
        if (!mw_view_is_nocase(header->name, "tracestate"))
            continue;
        if (!out && !(out = mw_arena_take(exchange->arena, OBSERVE_TRACESTATE_BYTES_MAX + 1)))
            return (mw_view){NULL, 0};
        if (size + header->value.size + 1 > OBSERVE_TRACESTATE_BYTES_MAX)
            return (mw_view){NULL, 0};
        if (size > 0)
            out[size++] = ',';
        memcpy(out + size, header->value.data, header->value.size);
        size += header->value.size;
    }
    return (mw_view){out, size};
}

static void begin_trace(const mw_observer *observer, observe_loop *loop,
                        const mw_exchange *exchange, const identity_headers *found,
                        struct mw_seen *seen)
{
    observe_trace *trace = &seen->trace;
    bool has_parent = found->n_parents == 1 && observe_read_traceparent(found->parent, trace);
    if (has_parent) {
        mw_view state = whole_state(exchange, found);
        if (observe_tracestate_is_sane(state))
            trace->state = state;
    } else if (observer->exporter) {
        uint64_t ids[2] = {observe_draw(&loop->chance), observe_draw(&loop->chance) | 1};
        memcpy(trace->trace_id, ids, sizeof ids);
    } else {
        return;
    }
    seen->has_trace = true;
    uint64_t span = observe_draw(&loop->chance) | 1;
    memcpy(seen->span_id, &span, sizeof span);
    if (!has_parent || observer->trace_always)
        trace->is_sampled = is_drawn(observe_draw(&loop->chance), &observer->trace_below);
}

void mw_observe_begin(mw_observer *observer, mw_exchange *exchange)
{
    if (!observer || exchange->seen)
        return;
    observe_loop *loop = &observer->loops[exchange->loop];
    identity_headers found = find_headers(exchange);
    if (exchange->request_id.size > 0) {
        /* a further message of the same call */
    } else if (observe_id_is_sane(found.request_id)) {
        exchange->request_id = found.request_id;
    } else {
        uint64_t now_ns = exchange->received_ns ? exchange->received_ns : exchange->began_ns;
        observe_id_make(&loop->chance, (uint64_t)wall_ns(loop, now_ns) / NS_PER_MS,
                        exchange->id_room);
        exchange->request_id = (mw_view){exchange->id_room, OBSERVE_ID_BYTES};
    }
    if (!observer->log && !observer->exporter)
        return; /* nobody asks for more */
    exchange->seen = mw_arena_take_zeroed(exchange->arena, 1, sizeof *exchange->seen);
    if (exchange->seen)
        begin_trace(observer, loop, exchange, &found, exchange->seen);
}

void mw_observe_route(mw_exchange *exchange, const char *route)
{
    if (exchange->seen)
        exchange->seen->route = route;
}

void mw_observe_prediction(mw_exchange *exchange, const char *endpoint, unsigned version,
                           size_t n_rows, const mw_timeline *timeline)
{
    if (!exchange->seen)
        return;
    exchange->seen->endpoint = endpoint;
    exchange->seen->version = version;
    exchange->seen->n_rows = n_rows;
    exchange->seen->timeline = timeline;
}

/* ---- the end --------------------------------------------------------------------------------- */

static bool wants_header(const char *list, mw_view name)
{
    for (const char *at = list; *at;) {
        size_t size = strcspn(at, ",");
        mw_view item = mw_view_trim((mw_view){at, size});
        if (mw_view_equal_nocase(item, name))
            return true;
        at += size + (at[size] == ',');
    }
    return false;
}

/* A header that is repeated is told once, by its last value, as everywhere. */
static bool comes_again(const mw_exchange *exchange, size_t i)
{
    mw_view name = exchange->headers[i].name;
    for (size_t j = i + 1; j < exchange->n_headers; j++)
        if (mw_view_equal_nocase(exchange->headers[j].name, name))
            return true;
    return false;
}

/* "name\0value\0" for each that is wanted, as far as there is room. */
static size_t gather_headers(const mw_observer *observer, const mw_exchange *exchange,
                             char room[HEADER_BYTES])
{
    size_t n = 0;
    for (size_t i = 0; observer->headers && i < exchange->n_headers; i++) {
        const mw_header *header = &exchange->headers[i];
        size_t bytes = header->name.size + header->value.size + 2;
        if (n + bytes > HEADER_BYTES || !wants_header(observer->headers, header->name) ||
            comes_again(exchange, i))
            continue;
        memcpy(room + n, header->name.data, header->name.size);
        n += header->name.size;
        room[n++] = '\0';
        memcpy(room + n, header->value.data, header->value.size);
        n += header->value.size;
        room[n++] = '\0';
    }
    return n;
}

static void fill_texts(const mw_observer *observer, const mw_exchange *exchange,
                       char room[HEADER_BYTES], observe_record *record)
{
    const struct mw_seen *seen = exchange->seen;
    size_t n_headers = gather_headers(observer, exchange, room);
    observe_record_put_text(record, OBSERVE_REQUEST_ID, exchange->request_id);
    observe_record_put_text(record, OBSERVE_METHOD, exchange->method_text);
    observe_record_put_text(record, OBSERVE_PATH, exchange->path);
    observe_record_put_text(record, OBSERVE_QUERY, exchange->query);
    observe_record_put_text(record, OBSERVE_HOST, exchange->host);
    observe_record_put_text(record, OBSERVE_AGENT, mw_exchange_header(exchange, "user-agent"));
    observe_record_put_text(record, OBSERVE_CLIENT, exchange->client_name);
    observe_record_put_text(record, OBSERVE_HEADERS, (mw_view){room, n_headers});
    if (!seen)
        return;
    observe_record_put_text(record, OBSERVE_ENDPOINT, mw_view_of(seen->endpoint));
    observe_record_put_text(record, OBSERVE_ROUTE, mw_view_of(seen->route));
    observe_record_put_text(record, OBSERVE_STATE, seen->trace.state);
}

static void fill(observe_loop *loop, const mw_exchange *exchange, const mw_outcome *outcome,
                 observe_record *record)
{
    const struct mw_seen *seen = exchange->seen;
    *record = (observe_record){
        .began_ns = exchange->began_ns,
        .ended_ns = outcome->ended_ns,
        .wall_ns = wall_ns(loop, outcome->ended_ns),
        .request_bytes = outcome->request_bytes,
        .reply_bytes = outcome->reply_bytes,
        .status = outcome->is_gone ? GONE : outcome->status,
        .grpc_status = outcome->grpc_status,
        .error_code = exchange->error_code,
        .peer = exchange->peer,
        .is_http2 = exchange->is_http2,
        .is_grpc = exchange->is_grpc,
        .is_gone = outcome->is_gone,
    };
    if (!seen)
        return;
    record->has_trace = seen->has_trace;
    record->trace = seen->trace;
    memcpy(record->span_id, seen->span_id, sizeof record->span_id);
    record->version = seen->version;
    record->n_rows = seen->n_rows;
    if (seen->timeline)
        record->timeline = *seen->timeline;
}

void mw_observe_done(mw_observer *observer, const mw_exchange *exchange, const mw_outcome *outcome)
{
    if (!observer || (!observer->log && !observer->exporter))
        return;
    observe_loop *loop = &observer->loops[exchange->loop];
    const struct mw_seen *seen = exchange->seen;
    bool is_special = outcome->status >= REFUSED || outcome->grpc_status > 0 || outcome->is_gone ||
                      outcome->ended_ns - exchange->began_ns >= observer->slow_ns;
    bool is_told = observer->log &&
                   (is_special || is_drawn(observe_draw(&loop->chance), &observer->log_below));
    bool is_traced = observer->exporter && seen && seen->has_trace && seen->trace.is_sampled;
    if (!is_told && !is_traced)
        return;
    observe_record record;
    char room[HEADER_BYTES];
    fill(loop, exchange, outcome, &record);
    fill_texts(observer, exchange, room, &record);
    if (is_told)
        observe_log_put(observer->log, exchange->loop, &record);
    if (is_traced)
        observe_exporter_put(observer->exporter, exchange->loop, &record);
}

/* ---- life ------------------------------------------------------------------------------------ */

static mw_status copy_text(const char *text, char **ret_text, mw_error *err)
{
    if (text && !(*ret_text = strdup(text)))
        return mw_fail_memory(err, "the observer");
    return MW_OK;
}

static mw_status build(mw_observer *observer, const mw_observer_options *options, mw_error *err)
{
    size_t bytes = options->n_loops * sizeof *observer->loops;
    if (posix_memalign((void **)&observer->loops, 64, bytes) != 0)
        return mw_fail_memory(err, "the observer");
    memset((void *)observer->loops, 0, bytes);
    for (unsigned i = 0; i < options->n_loops; i++)
        observe_chance_seed(&observer->loops[i].chance);
    MW_TRY(copy_text(options->log_headers, &observer->headers, err));
    MW_TRY(copy_text(options->log_mask, &observer->mask, err));
    observe_mask mask = {observer->mask};
    if (options->log_to && strcmp(options->log_to, "off") != 0)
        MW_TRY(observe_log_new(options->log_to, &mask, options->n_loops, &observer->log, err));
    if (options->otlp)
        MW_TRY(observe_exporter_new(options, &mask, &observer->exporter, err));
    return MW_OK;
}

mw_status mw_observer_new(const mw_observer_options *options, mw_observer **ret_observer,
                          mw_error *err)
{
    mw_observer *observer = calloc(1, sizeof *observer);
    if (!observer)
        return mw_fail_memory(err, "the observer");
    observer->n_loops = options->n_loops;
    observer->slow_ns = (uint64_t)options->log_slow_ms * NS_PER_MS;
    observer->trace_always = options->trace_always;
    mw_observer_set_log_sample(observer, options->log_sample);
    mw_observer_set_trace_sample(observer, options->trace_sample);
    mw_status status = build(observer, options, err);
    if (status != MW_OK) {
        mw_observer_free(observer);
        return status;
    }
    *ret_observer = observer;
    return MW_OK;
}

void mw_observer_free(mw_observer *observer)
{
    if (!observer)
        return;
    observe_log_free(observer->log);
    observe_exporter_free(observer->exporter);
    free(observer->headers);
    free(observer->mask);
    free(observer->loops);
    free(observer);
}

void mw_observer_reopen(mw_observer *observer)
{
    if (observer && observer->log)
        observe_log_reopen(observer->log);
}

bool mw_observer_tells(const mw_observer *observer)
{
    return observer->log || observer->exporter;
}

void mw_observer_count(const mw_observer *observer, mw_observer_counts *ret_counts)
{
    *ret_counts = (mw_observer_counts){.has_log = observer && observer->log,
                                       .has_export = observer && observer->exporter};
    if (ret_counts->has_log)
        observe_log_count(observer->log, &ret_counts->lines_written, &ret_counts->lines_dropped,
                          &ret_counts->lines_failed);
    if (ret_counts->has_export)
        observe_exporter_count(observer->exporter, &ret_counts->spans_sent,
                               &ret_counts->spans_dropped, &ret_counts->spans_failed);
}
