/* The thread that exports spans (https://opentelemetry.io/docs/specs/otlp/#otlphttp).
 *
 *     loops: put --> rings --(each second, or 512 spans)--> one POST of protobuf --> 200
 *                                   ^---- 1, 2, 4, 8 s ----- 429, 502, 503, 504, no connection
 *
 * While it waits, rings fill, and what finds no room is dropped and counted. */
#include "exporter.h"

#include <stdlib.h>

enum {
    RING_BYTES = 256 * 1024,
    BATCH_SPANS = 512,
    BATCH_MS = 1000,
    CALL_MS = 3000,
    TRIES_MAX = 5,
    FIRST_PAUSE_MS = 1000,
    ADDRESS_BYTES = 280,
    TEXT_BYTES_MAX = 64 * 1024
};

struct observe_exporter {
    char address[ADDRESS_BYTES], *path; /* shown; behind the host */
    mw_dial *dial;
    observe_mask mask;
    observe_outlet outlet;
    /* the thread's */
    observe_chance chance;
    mw_client *client; /* NULL = not connected */
    mw_buf attributes, spans, message;
    size_t n_spans;
    bool is_failing;
    _Atomic uint64_t n_sent, n_failed;
};

/* ---- sending --------------------------------------------------------------------------------- */

typedef enum outcome { TAKEN, TRY_AGAIN, REFUSED } outcome;

/* ExportTracePartialSuccess: how many spans the collector did not want. */
static uint64_t rejected_of(mw_view body)
{
    mw_protobuf answer = mw_protobuf_of(body);
    mw_protobuf_field field;
    uint64_t rejected = 0;
    while (mw_protobuf_next(&answer, &field) == MW_PROTOBUF_FIELD) {
        if (field.number != 1 || field.type != MW_PROTOBUF_BYTES)
            continue;
        mw_protobuf partial = mw_protobuf_of(field.bytes);
        while (mw_protobuf_next(&partial, &field) == MW_PROTOBUF_FIELD)
            if (field.number == 1 && field.type == MW_PROTOBUF_VARINT)
                rejected = field.value;
    }
    return rejected;
}

static void say_failure(observe_exporter *exporter, const mw_error *err)
{
    if (!exporter->is_failing)
        mw_log_error(MW_LOG_WARN, "spans are not exported until the collector takes them", err);
    exporter->is_failing = true;
}

static void say_success(observe_exporter *exporter)
{
    if (exporter->is_failing)
        mw_log(MW_LOG_INFO, "spans are exported again, to %s", exporter->address);
    exporter->is_failing = false;
}

static outcome judge(const observe_exporter *exporter, int status, mw_error *err)
{
    static const int passing[] = {429, 502, 503, 504};
    if (status >= 200 && status < 300)
        return TAKEN;
    mw_fail(err, MW_E_OTLP_REFUSED, "the collector answers %d", status);
    mw_at(err, "%s%s", exporter->address, exporter->path);
    mw_mend(err, "check that an OTLP/HTTP receiver stands at this address");
    for (size_t i = 0; i < MW_COUNT(passing); i++)
        if (status == passing[i])
            return TRY_AGAIN;
    return REFUSED;
}

static outcome send_once(observe_exporter *exporter)
{
    mw_error err;
    int status;
    mw_view body;
    mw_status called = exporter->client
                           ? MW_OK
                           : mw_client_open_to(exporter->dial, CALL_MS, &exporter->client, &err);
    if (called == MW_OK)
        called = mw_client_call(exporter->client, "POST", exporter->path, "application/x-protobuf",
                                mw_buf_as_view(&exporter->message), &status, &body, &err);
    if (called != MW_OK) {
        mw_client_close(exporter->client);
        exporter->client = NULL;
        say_failure(exporter, &err);
        return TRY_AGAIN;
    }
    outcome result = judge(exporter, status, &err);
    if (result != TAKEN) {
        say_failure(exporter, &err);
        return result;
    }
    say_success(exporter);
    uint64_t rejected = rejected_of(body);
    rejected = rejected < exporter->n_spans ? rejected : exporter->n_spans;
    atomic_fetch_add(&exporter->n_sent, exporter->n_spans - rejected);
    atomic_fetch_add(&exporter->n_failed, rejected);
    return TAKEN;
}

/* False when it was woken to end. */
static bool pause_for(const observe_exporter *exporter, int ms)
{
    const observe_outlet *outlet = &exporter->outlet;
    uint64_t until = mw_clock_ns() + (uint64_t)ms * 1000000, now_ns;
    while (!atomic_load(&outlet->ending) && (now_ns = mw_clock_ns()) < until)
        observe_outlet_wait(outlet, (int)((until - now_ns) / 1000000) + 1);
    return !atomic_load(&outlet->ending);
}

static void send_batch(observe_exporter *exporter)
{
    outcome result = TRY_AGAIN;
    if (exporter->n_spans == 0)
        return;
    mw_buf_reset(&exporter->message);
    observe_write_export(mw_buf_as_view(&exporter->attributes), mw_buf_as_view(&exporter->spans),
                         &exporter->message);
    bool is_whole = !exporter->spans.failed && !exporter->message.failed;
    for (int i = 0, ms = FIRST_PAUSE_MS; is_whole && i < TRIES_MAX; i++, ms *= 2) {
        result = send_once(exporter);
        if (result != TRY_AGAIN || i + 1 == TRIES_MAX || !pause_for(exporter, ms))
            break;
    }
    if (result != TAKEN)
        atomic_fetch_add(&exporter->n_failed, exporter->n_spans);
    mw_buf_reset(&exporter->spans);
    exporter->n_spans = 0;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void take_spans(void *user, const observe_record *record)
{
    observe_exporter *exporter = user;
    exporter->n_spans +=
        observe_write_spans(record, &exporter->mask, &exporter->chance, &exporter->spans);
    if (exporter->n_spans >= BATCH_SPANS)
        send_batch(exporter);
}

static void drain(observe_exporter *exporter)
{
    (void)observe_outlet_drain(&exporter->outlet, take_spans, exporter);
    send_batch(exporter);
}

static void *run(void *argument)
{
    observe_exporter *exporter = argument;
    while (!atomic_load(&exporter->outlet.ending)) {
        observe_outlet_wait(&exporter->outlet, BATCH_MS);
        drain(exporter);
    }
    drain(exporter);
    return NULL;
}

/* ---- the door -------------------------------------------------------------------------------- */

void observe_exporter_put(observe_exporter *exporter, unsigned loop, const observe_record *record)
{
    (void)observe_outlet_put(&exporter->outlet, loop, record);
}

void observe_exporter_count(const observe_exporter *exporter, uint64_t *ret_sent,
                            uint64_t *ret_dropped, uint64_t *ret_failed)
{
    *ret_sent = atomic_load_explicit(&exporter->n_sent, memory_order_relaxed);
    *ret_failed = atomic_load_explicit(&exporter->n_failed, memory_order_relaxed);
    *ret_dropped = observe_outlet_dropped(&exporter->outlet);
}

/* ---- beginning ------------------------------------------------------------------------------- */

static mw_status fail_url(const char *url, const char *why, mw_error *err)
{
    mw_fail(err, MW_E_OTLP_URL, "'%s' is no address of a collector: %s", url, why);
    return mw_mend(err, "write http://HOST:4318 or https://HOST:4318");
}

static mw_status read_url(observe_exporter *exporter, const char *url, mw_error *err)
{
    static const char plain[] = "http://", tls[] = "https://", place[] = "/v1/traces";
    size_t scheme = strncmp(url, tls, sizeof tls - 1) == 0       ? sizeof tls - 1
                    : strncmp(url, plain, sizeof plain - 1) == 0 ? sizeof plain - 1
                                                                 : 0;
    if (scheme == 0)
        return fail_url(url, "it does not begin with http:// or https://", err);
    const char *host = url + scheme, *path = strchrnul(host, '/');
    size_t host_size = (size_t)(path - host), path_size = strlen(path);
    for (const char *c = host; *c; c++)
        if (*c <= ' ' || *c > '~' || *c == '@' || *c == '?' || *c == '#')
            return fail_url(url, "a character that may not stand there", err);
    if (host_size == 0 || host_size > ADDRESS_BYTES - 20)
        return fail_url(url, "no host", err);
    const char *bracket = memrchr(host, ']', host_size);
    bool has_port = memchr(bracket ? bracket : host, ':',
                           host_size - (size_t)((bracket ? bracket : host) - host)) != NULL;
    snprintf(exporter->address, sizeof exporter->address, "%.*s%s", (int)(scheme + host_size), url,
             has_port ? "" : ":4318");
    while (path_size > 0 && path[path_size - 1] == '/')
        path_size--;
    bool is_whole = path_size >= sizeof place - 1 &&
                    strncmp(path + path_size - (sizeof place - 1), place, sizeof place - 1) == 0;
    size_t room = path_size + sizeof place;
    if (!(exporter->path = malloc(room)))
        return mw_fail_memory(err, "the exporter");
    snprintf(exporter->path, room, "%.*s%s", (int)path_size, path, is_whole ? "" : place);
    return MW_OK;
}

/* The next of "key=value,key=value", values percent-encoded as baggage has it; false at the end. */
static bool next_pair(const char **list, mw_arena *arena, const char **ret_key, mw_view *ret_value)
{
    while (*list && **list) {
        const char *at = *list;
        size_t size = strcspn(at, ",");
        const char *equals = memchr(at, '=', size);
        *list += size + (at[size] == ',');
        if (!equals)
            continue;
        *ret_key = mw_arena_text(arena, mw_view_trim((mw_view){at, (size_t)(equals - at)}));
        mw_view text = mw_view_trim((mw_view){equals + 1, size - (size_t)(equals + 1 - at)});
        if (*ret_key && **ret_key && mw_percent_decode(text, arena, ret_value))
            return true;
    }
    return false;
}

/* The way to the collector, with the headers that it wants: a key, mostly. */
static mw_status make_dial(observe_exporter *exporter, const mw_observer_options *options,
                           mw_error *err)
{
    mw_arena arena;
    mw_buf lines;
    const char *list = options->otlp_headers, *key;
    mw_view value;
    mw_arena_init(&arena, 4 * MW_KIB, TEXT_BYTES_MAX);
    mw_buf_init(&lines, TEXT_BYTES_MAX);
    while (next_pair(&list, &arena, &key, &value)) {
        bool is_line = value.size == 0 || !memchr(value.data, '\n', value.size);
        mw_buf_format(&lines, "%s:%.*s\n", key, is_line ? (int)value.size : 1,
                      is_line ? value.data : "\r"); /* the dial says what is wrong */
    }
    mw_dial_options how = {
        .url = exporter->address, .headers = lines.data, .ca_file = options->otlp_certificate};
    mw_status status = mw_dial_new(&how, &exporter->dial, err);
    mw_buf_done(&lines);
    mw_arena_done(&arena);
    return status;
}

static void describe(observe_exporter *exporter, const char *service, const char *attributes)
{
    mw_arena arena;
    const char *key;
    mw_view value;
    char id[OBSERVE_ID_BYTES];
    mw_buf *out = &exporter->attributes;
    observe_id_make(&exporter->chance, (uint64_t)mw_clock_wall_ms(), id);
    observe_put_text(out, 1, "service.name", mw_view_of(service));
    observe_put_text(out, 1, "service.version", MW_VIEW(MW_VERSION));
    observe_put_text(out, 1, "service.instance.id", (mw_view){id, sizeof id});
    mw_arena_init(&arena, 4 * MW_KIB, TEXT_BYTES_MAX);
    while (next_pair(&attributes, &arena, &key, &value))
        observe_put_text(out, 1, key, value);
    mw_arena_done(&arena);
}

mw_status observe_exporter_new(const mw_observer_options *options, const observe_mask *mask,
                               observe_exporter **ret_exporter, mw_error *err)
{
    observe_exporter *exporter = calloc(1, sizeof *exporter);
    if (!exporter)
        return mw_fail_memory(err, "the exporter");
    *exporter = (observe_exporter){.mask = *mask};
    observe_outlet_init(&exporter->outlet, options->n_loops);
    mw_buf_init(&exporter->attributes, TEXT_BYTES_MAX);
    mw_buf_init(&exporter->spans, 8 * MW_MIB);
    mw_buf_init(&exporter->message, 9 * MW_MIB);
    observe_chance_seed(&exporter->chance);
    describe(exporter, options->service_name ? options->service_name : "millwright",
             options->resource_attributes);
    mw_status status = read_url(exporter, options->otlp, err);
    if (status == MW_OK)
        status = make_dial(exporter, options, err);
    if (status == MW_OK)
        status =
            observe_outlet_start(&exporter->outlet, RING_BYTES, "mw-spans", run, exporter, err);
    if (status != MW_OK) {
        observe_exporter_free(exporter);
        return status;
    }
    *ret_exporter = exporter;
    return MW_OK;
}

void observe_exporter_free(observe_exporter *exporter)
{
    if (!exporter)
        return;
    observe_outlet_end(&exporter->outlet);
    observe_outlet_done(&exporter->outlet);
    mw_client_close(exporter->client);
    mw_dial_free(exporter->dial);
    mw_buf_done(&exporter->attributes);
    mw_buf_done(&exporter->spans);
    mw_buf_done(&exporter->message);
    free(exporter->path);
    free(exporter);
}
