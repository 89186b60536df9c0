/* Checks of one call, and what a refusal looks like; see admit.h. */
#include "admit.h"

#include <stdlib.h>

enum { NS_PER_US = 1000, NS_PER_MS = 1000000, NS_PER_SECOND = 1000000000, MEAN_PART = 8 };

static const mw_admission usual_limits = {
    .budget_ns = MW_LIMIT_BUDGET_MS * (uint64_t)NS_PER_MS,
    .queue_length = MW_LIMIT_QUEUE,
};

const char *mw_shed_name(mw_shed reason)
{
    static const char *const names[] = {"queue_full", "waited", "quota", "deadline", "gone"};
    return names[reason];
}

/* ---- gates ----------------------------------------------------------------------------------- */

mw_status serve_gate_set(serve_gate *gate, const mw_admission *limits, mw_error *err)
{
    serve_limits *made = calloc(1, sizeof *made);
    if (!made)
        return mw_fail_memory(err, "an endpoint's limits");
    if (limits->rate > 0 && !gate->quota && mw_quota_new(&gate->quota, err) != MW_OK) {
        free(made);
        return MW_NO_MEMORY;
    }
    made->limits = *limits;
    if (limits->budget_ns == 0)
        made->limits.budget_ns = usual_limits.budget_ns;
    if (limits->queue_length == 0)
        made->limits.queue_length = usual_limits.queue_length;
    made->codel_law = mw_codel_law_of(made->limits.budget_ns);
    made->rate = mw_rate_of(limits->rate, limits->burst);
    made->quota = limits->rate > 0 ? gate->quota : NULL;
    made->before = atomic_load(&gate->now);
    atomic_store_explicit(&gate->now, made, memory_order_release);
    return MW_OK;
}

mw_status serve_gate_new(const mw_admission *limits, size_t n_loops, serve_gate **ret_gate,
                         mw_error *err)
{
    serve_gate *gate = NULL;
    size_t bytes = sizeof *gate + n_loops * sizeof gate->loops[0];
    if (posix_memalign((void **)&gate, _Alignof(serve_gate), bytes) != 0)
        return mw_fail_memory(err, "an endpoint");
    memset((void *)gate, 0, bytes);
    gate->n_loops = n_loops;
    mw_status status = serve_gate_set(gate, limits, err);
    if (status != MW_OK)
        serve_gate_free(gate);
    else
        *ret_gate = gate;
    return status;
}

void serve_gate_free(serve_gate *gate)
{
    serve_limits *limits = gate ? atomic_load(&gate->now) : NULL;
    while (limits) {
        serve_limits *before = limits->before;
        free(limits);
        limits = before;
    }
    if (gate)
        mw_quota_free(gate->quota);
    free(gate);
}

/* ---- what the request says ------------------------------------------------------------------- */

/* Milliseconds; 0 = none, or not to be understood: then nobody is cut off by it. */
static uint64_t read_ms(mw_view text)
{
    uint64_t ms = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || i == 9)
            return 0;
        ms = ms * 10 + (uint64_t)(text.data[i] - '0');
    }
    return ms;
}

/* "u=1, i" (RFC 9218): 0..2 is urgent, 3 the usual, 4..7 can wait. */
static mw_urgency read_urgency(mw_view text)
{
    for (size_t i = 0; i + 2 < text.size; i++) {
        bool begins = i == 0 || text.data[i - 1] == ' ' || text.data[i - 1] == ',';
        char digit = text.data[i + 2];
        if (begins && text.data[i] == 'u' && text.data[i + 1] == '=' && digit >= '0' &&
            digit <= '7')
            return digit < '3' ? MW_URGENT : digit > '3' ? MW_BULK : MW_USUAL;
    }
    return MW_USUAL;
}

void serve_take_timeout(mw_exchange *exchange, uint64_t us)
{
    uint64_t deadline_ns = exchange->began_ns + us * NS_PER_US;
    if (us > 0 && us < UINT64_MAX / NS_PER_US / 2 &&
        (exchange->deadline_ns == 0 || deadline_ns < exchange->deadline_ns))
        exchange->deadline_ns = deadline_ns;
}

/* One walk over the headers: sizes tell most of them apart. */
static void read_headers(serve_call *call)
{
    static const mw_view priority = {"priority", 8}, timeout = {"x-request-timeout-ms", 20},
                         envoy = {"x-envoy-expected-rq-timeout-ms", 30};
    mw_exchange *exchange = call->exchange;
    call->urgency = MW_USUAL;
    for (size_t i = 0; i < exchange->n_headers; i++) {
        const mw_header *header = &exchange->headers[i];
        size_t size = header->name.size;
        if (size == priority.size && mw_view_is_nocase(header->name, priority.data))
            call->urgency = read_urgency(header->value);
        else if ((size == timeout.size && mw_view_is_nocase(header->name, timeout.data)) ||
                 (size == envoy.size && mw_view_is_nocase(header->name, envoy.data)))
            serve_take_timeout(exchange, 1000 * read_ms(header->value));
    }
}

/* Who asks: the name of a verified certificate, else the address. */
uint64_t serve_client_hash(const mw_exchange *exchange)
{
    if (exchange->client_name.size > 0)
        return mw_client_hash(exchange->client_name);
    return mw_client_hash(
        (mw_view){(const char *)exchange->peer.address, sizeof exchange->peer.address});
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void write_reason(const serve_call *call, mw_shed reason, mw_error *err)
{
    const serve_gate *gate = call->slot.endpoint->gate;
    const char *name = call->slot.endpoint->name;
    unsigned long long waited_ms =
        (unsigned long long)((call->timeline.marked_ns - call->exchange->received_ns) / NS_PER_MS);
    switch (reason) {
    case MW_SHED_QUEUE_FULL:
        mw_fail(err, MW_E_SERVE_OVERLOADED, "'%s' is overloaded: %zu requests wait for it", name,
                serve_limits_of(gate)->limits.queue_length);
        mw_mend(err, "try again after a pause, and longer ones each time");
        break;
    case MW_SHED_WAITED:
        mw_fail(err, MW_E_SERVE_OVERLOADED, "'%s' is overloaded: this request waited %llu ms", name,
                waited_ms);
        mw_mend(err, "try again after a pause, and longer ones each time");
        break;
    case MW_SHED_QUOTA:
        mw_fail(err, MW_E_SERVE_QUOTA, "this client asks '%s' more than %llu times a second", name,
                (unsigned long long)serve_limits_of(gate)->limits.rate);
        mw_mend(err, "wait as Retry-After says, or ask for a larger client_rate");
        break;
    case MW_SHED_DEADLINE:
        mw_fail(err, MW_E_SERVE_LATE, "the client's deadline has passed");
        mw_mend(err, "give the client more time, or send fewer rows at a time");
        break;
    default:
        mw_fail(err, MW_E_SERVE_GONE, "the client closed its side while the request waited");
        mw_mend(err, "keep the connection open until the answer has come");
        break;
    }
}

/* gRPC's own form of Retry-After is milliseconds in a trailer (its retry design, gRFC A6). */
static void set_retry(mw_exchange *exchange, uint64_t wait_ns)
{
    enum { LINES_BYTES = 96 };
    uint64_t seconds = (wait_ns + NS_PER_SECOND - 1) / NS_PER_SECOND;
    unsigned long long shown = seconds > 0 ? seconds : 1;
    char *lines = mw_arena_take(exchange->arena, LINES_BYTES);
    if (!lines)
        return;
    int size = snprintf(lines, LINES_BYTES, "Retry-After: %llu\r\n", shown);
    if (exchange->is_grpc)
        size +=
            snprintf(lines + size, (size_t)(LINES_BYTES - size), "grpc-retry-pushback-ms: %llu\r\n",
                     (unsigned long long)(wait_ns ? wait_ns / NS_PER_MS + 1 : 1000));
    exchange->reply_headers = (mw_view){lines, (size_t)size};
}

void serve_refuse(serve_call *call, mw_shed reason, uint64_t wait_ns)
{
    static const int statuses[MW_N_SHEDS] = {503, 503, 429, 504, 503};
    mw_error err;
    write_reason(call, reason, &err);
    mw_serve_error(call->exchange, &err, statuses[reason]);
    if (reason != MW_SHED_DEADLINE && reason != MW_SHED_GONE)
        set_retry(call->exchange, wait_ns);
    atomic_fetch_add_explicit(&call->slot.endpoint->gate->shed[reason], 1, memory_order_relaxed);
}

/* ---- checks ---------------------------------------------------------------------------------- */

static bool check_quota(serve_call *call)
{
    serve_gate *gate = call->slot.endpoint->gate;
    if (!serve_limits_of(gate)->quota)
        return true;
    uint64_t wait_ns = mw_quota_take(serve_limits_of(gate)->quota, &serve_limits_of(gate)->rate,
                                     call->client, call->timeline.marked_ns);
    if (wait_ns > 0)
        serve_refuse(call, MW_SHED_QUOTA, wait_ns);
    return wait_ns == 0;
}

/* Where a queue stands, who has closed its side is taken to have given up: few clients close only
 * one half, and they wait in vain where all others wait too long. */
static bool check_wait(serve_call *call)
{
    serve_gate *gate = call->slot.endpoint->gate;
    serve_gate_loop *here = &gate->loops[call->exchange->loop];
    uint64_t waited_ns = call->timeline.marked_ns - call->exchange->received_ns;
    bool taken =
        mw_codel_takes(&here->codel, &serve_limits_of(gate)->codel_law, call->timeline.marked_ns,
                       waited_ns, here->service_ns, call->urgency);
    bool is_gone = here->codel.is_standing && mw_exchange_is_half_closed(call->exchange);
    if (taken && !is_gone)
        return true;
    serve_refuse(call, is_gone ? MW_SHED_GONE : MW_SHED_WAITED, 0);
    return false;
}

bool serve_admit(serve_call *call, bool is_small)
{
    mw_exchange *exchange = call->exchange;
    serve_gate *gate = call->slot.endpoint->gate;
    read_headers(call);
    call->admitted_ns = call->timeline.marked_ns;
    if (serve_is_late(call)) {
        serve_refuse(call, MW_SHED_DEADLINE, 0);
        return false;
    }
    if (serve_limits_of(gate)->limits.is_off)
        return true;
    if (serve_limits_of(gate)->quota || !is_small)
        call->client = serve_client_hash(exchange);
    return check_quota(call) && (!is_small || check_wait(call));
}

void serve_admit_done(serve_call *call)
{
    serve_gate_loop *here = &call->slot.endpoint->gate->loops[call->exchange->loop];
    uint64_t took_ns = call->timeline.marked_ns - call->admitted_ns;
    here->service_ns += ((int64_t)took_ns - (int64_t)here->service_ns) / MEAN_PART;
}

void serve_admit_note(const serve_call *call)
{
    const mw_exchange *exchange = call->exchange;
    serve_gate *gate = call->slot.endpoint->gate;
    bool is_late = call->timeline.marked_ns - exchange->received_ns >
                       serve_limits_of(gate)->limits.budget_ns ||
                   serve_is_late(call);
    if (is_late && exchange->status == 200)
        atomic_fetch_add_explicit(&gate->misses, 1, memory_order_relaxed);
}
