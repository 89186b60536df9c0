/* Records as spans of OpenTelemetry, in protobuf (opentelemetry/proto/trace/v1/trace.proto).
 *
 *     POST /v2/models/{name}/infer    the server's span: conventions of HTTP, or of RPC for gRPC
 *       queue, decode, predict ...    one span for each stage, one behind the other
 *
 * Names of attributes: https://opentelemetry.io/docs/specs/semconv/ (http, rpc; stable ones). */
#include "record.h"

enum { INTERNAL = 1, SERVER = 2, STATUS_ERROR = 2, HTTP_FAULT = 500 };

/* Fields of Span. */
enum {
    TRACE_ID = 1,
    SPAN_ID,
    TRACE_STATE,
    PARENT_ID,
    NAME,
    KIND,
    BEGIN,
    END,
    ATTRIBUTES,
    STATUS = 15,
    FLAGS = 16
};

/* ---- attributes ------------------------------------------------------------------------------ */

void observe_put_text(mw_buf *out, uint32_t number, const char *key, mw_view value)
{
    if (value.size == 0)
        return;
    size_t pair = mw_protobuf_begin(out, number);
    mw_protobuf_put_text(out, 1, mw_view_of(key));
    size_t any = mw_protobuf_begin(out, 2);
    mw_protobuf_put_text(out, 1, value);
    mw_protobuf_end(out, any);
    mw_protobuf_end(out, pair);
}

static void put_number(mw_buf *out, const char *key, uint64_t value)
{
    enum { INT_VALUE = 3 };
    size_t pair = mw_protobuf_begin(out, ATTRIBUTES);
    mw_protobuf_put_text(out, 1, mw_view_of(key));
    size_t any = mw_protobuf_begin(out, 2);
    mw_protobuf_put_number_always(out, INT_VALUE, value); /* a member of a oneof */
    mw_protobuf_end(out, any);
    mw_protobuf_end(out, pair);
}

static void put_text(mw_buf *out, const char *key, mw_view value)
{
    observe_put_text(out, ATTRIBUTES, key, value);
}

/* A text of a span must be UTF-8, or the collector drops all of them: other bytes become '?'. */
static void put_foreign(mw_buf *out, const char *key, mw_view value)
{
    char plain[4096];
    size_t n = 0;
    for (; n < value.size && n < sizeof plain; n++)
        plain[n] = value.data[n] >= ' ' && value.data[n] <= '~' ? value.data[n] : '?';
    put_text(out, key, (mw_view){plain, n});
}

static void put_query(const observe_record *record, const observe_mask *mask, mw_buf *out)
{
    mw_buf query;
    mw_buf_init(&query, 64 * MW_KIB);
    observe_write_query(mask, record->texts[OBSERVE_QUERY], &query);
    put_foreign(out, "url.query", mw_buf_as_view(&query));
    mw_buf_done(&query);
}

static void put_peer(const observe_record *record, mw_buf *out)
{
    char peer[MW_PEER_TEXT_BYTES];
    mw_view text = mw_view_of(mw_peer_text(&record->peer, false, peer));
    put_text(out, "client.address", text);
    put_text(out, "network.peer.address", text);
    if (record->peer.port > 0)
        put_number(out, "network.peer.port", record->peer.port);
}

static void put_http(const observe_record *record, const observe_mask *mask, mw_buf *out)
{
    const mw_view *texts = record->texts;
    put_foreign(out, "http.request.method", texts[OBSERVE_METHOD]);
    put_text(out, "http.route", texts[OBSERVE_ROUTE]);
    put_foreign(out, "url.path", texts[OBSERVE_PATH]);
    put_text(out, "url.scheme", MW_VIEW("http"));
    put_query(record, mask, out);
    put_number(out, "http.response.status_code", (uint64_t)record->status);
    put_text(out, "network.protocol.version", record->is_http2 ? MW_VIEW("2") : MW_VIEW("1.1"));
}

/* "/inference.GRPCInferenceService/ModelInfer" */
static void put_rpc(const observe_record *record, mw_buf *out)
{
    mw_view path = record->texts[OBSERVE_PATH];
    const char *slash = path.size > 1 ? memchr(path.data + 1, '/', path.size - 1) : NULL;
    put_text(out, "rpc.system", MW_VIEW("grpc"));
    if (slash) {
        size_t size = (size_t)(slash - path.data) - 1;
        put_foreign(out, "rpc.service", (mw_view){path.data + 1, size});
        put_foreign(out, "rpc.method", (mw_view){slash + 1, path.size - size - 2});
    }
    put_number(out, "rpc.grpc.status_code", (uint64_t)record->grpc_status);
}

static void put_prediction(const observe_record *record, mw_buf *out)
{
    char code[16];
    mw_view endpoint = record->texts[OBSERVE_ENDPOINT];
    put_text(out, "millwright.request_id", record->texts[OBSERVE_REQUEST_ID]);
    put_text(out, "millwright.endpoint", endpoint);
    if (endpoint.size > 0) {
        put_number(out, "millwright.version", record->version);
        put_number(out, "millwright.rows", record->n_rows);
    }
    if (record->error_code) {
        snprintf(code, sizeof code, "MW%d", record->error_code);
        put_text(out, "error.type", mw_view_of(code));
    }
}

/* ---- spans ----------------------------------------------------------------------------------- */

static void put_bytes(mw_buf *out, uint32_t number, const uint8_t *bytes, size_t n)
{
    mw_protobuf_put_text(out, number, (mw_view){(const char *)bytes, n});
}

/* Codes that are the server's fault, as the conventions of RPC list them. */
static bool is_fault(const observe_record *record)
{
    static const int faults[] = {2, 4, 12, 13, 14, 15};
    for (size_t i = 0; record->is_grpc && i < MW_COUNT(faults); i++)
        if (record->grpc_status == faults[i])
            return true;
    return record->status >= HTTP_FAULT;
}

static void put_name(const observe_record *record, mw_buf *out)
{
    const mw_view *texts = record->texts;
    mw_buf name;
    mw_buf_init(&name, 4 * MW_KIB);
    if (record->is_grpc && texts[OBSERVE_PATH].size > 1) {
        mw_buf_bytes(&name, texts[OBSERVE_PATH].data + 1, texts[OBSERVE_PATH].size - 1);
    } else {
        mw_buf_view(&name, texts[OBSERVE_METHOD].size ? texts[OBSERVE_METHOD] : MW_VIEW("HTTP"));
        if (texts[OBSERVE_ROUTE].size > 0) {
            mw_buf_char(&name, ' ');
            mw_buf_view(&name, texts[OBSERVE_ROUTE]);
        }
    }
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] < ' ' || name.data[i] > '~')
            name.data[i] = '?';
    mw_protobuf_put_text(out, NAME, mw_buf_as_view(&name));
    mw_buf_done(&name);
}

static void put_status(const observe_record *record, mw_buf *out)
{
    enum { CODE = 3 };
    if (!is_fault(record))
        return;
    size_t status = mw_protobuf_begin(out, STATUS);
    mw_protobuf_put_number(out, CODE, STATUS_ERROR);
    mw_protobuf_end(out, status);
}

/* Flags: sampled, and whether the parent is of another process (bits 8 and 9). */
static uint32_t flags_of(const observe_record *record)
{
    enum { SAMPLED = 1, KNOWS_REMOTE = 0x100, IS_REMOTE = 0x200 };
    return SAMPLED | KNOWS_REMOTE | (record->trace.has_parent ? IS_REMOTE : 0);
}

static void write_server(const observe_record *record, const observe_mask *mask, mw_buf *out)
{
    size_t span = mw_protobuf_begin(out, 2);
    put_bytes(out, TRACE_ID, record->trace.trace_id, OBSERVE_TRACE_ID_BYTES);
    put_bytes(out, SPAN_ID, record->span_id, OBSERVE_SPAN_ID_BYTES);
    mw_protobuf_put_text(out, TRACE_STATE, record->texts[OBSERVE_STATE]);
    if (record->trace.has_parent)
        put_bytes(out, PARENT_ID, record->trace.parent_id, OBSERVE_SPAN_ID_BYTES);
    put_name(record, out);
    mw_protobuf_put_number(out, KIND, SERVER);
    mw_protobuf_put_fixed64(out, BEGIN, observe_record_wall_ns(record, record->began_ns));
    mw_protobuf_put_fixed64(out, END, observe_record_wall_ns(record, record->ended_ns));
    if (record->is_grpc)
        put_rpc(record, out);
    else
        put_http(record, mask, out);
    put_peer(record, out);
    put_foreign(out, "server.address", record->texts[OBSERVE_HOST]);
    put_foreign(out, "user_agent.original", record->texts[OBSERVE_AGENT]);
    put_number(out, "http.request.body.size", record->request_bytes);
    put_number(out, "http.response.body.size", record->reply_bytes);
    put_prediction(record, out);
    put_status(record, out);
    mw_protobuf_put_fixed32(out, FLAGS, flags_of(record));
    mw_protobuf_end(out, span);
}

static void write_stage(const observe_record *record, mw_stage stage, uint64_t begin_ns,
                        uint64_t end_ns, observe_chance *chance, mw_buf *out)
{
    uint64_t id = observe_draw(chance) | 1;
    size_t span = mw_protobuf_begin(out, 2);
    put_bytes(out, TRACE_ID, record->trace.trace_id, OBSERVE_TRACE_ID_BYTES);
    put_bytes(out, SPAN_ID, (const uint8_t *)&id, sizeof id);
    put_bytes(out, PARENT_ID, record->span_id, OBSERVE_SPAN_ID_BYTES);
    mw_protobuf_put_text(out, NAME, mw_view_of(mw_stage_name(stage)));
    mw_protobuf_put_number(out, KIND, INTERNAL);
    mw_protobuf_put_fixed64(out, BEGIN, observe_record_wall_ns(record, begin_ns));
    mw_protobuf_put_fixed64(out, END, observe_record_wall_ns(record, end_ns));
    if (stage == MW_STAGE_PREDICT)
        put_number(out, "millwright.rows", record->n_rows);
    mw_protobuf_put_fixed32(out, FLAGS, 1);
    mw_protobuf_end(out, span);
}

size_t observe_write_spans(const observe_record *record, const observe_mask *mask,
                           observe_chance *chance, mw_buf *out)
{
    size_t n = 1;
    uint64_t begin_ns = record->began_ns;
    write_server(record, mask, out);
    for (unsigned i = 0; i < record->timeline.n_marks; i++) {
        uint64_t end_ns = record->timeline.marks[i].end_ns;
        mw_stage stage = record->timeline.marks[i].stage;
        if (end_ns > begin_ns || stage != MW_STAGE_RECEIVE) {
            write_stage(record, stage, begin_ns, end_ns, chance, out);
            n++;
        }
        begin_ns = end_ns;
    }
    return n;
}

void observe_write_export(mw_view attributes, mw_view spans, mw_buf *out)
{
    size_t of_resource = mw_protobuf_begin(out, 1);
    size_t resource = mw_protobuf_begin(out, 1);
    mw_buf_view(out, attributes);
    mw_protobuf_end(out, resource);
    size_t of_scope = mw_protobuf_begin(out, 2);
    size_t scope = mw_protobuf_begin(out, 1);
    mw_protobuf_put_text(out, 1, MW_VIEW("millwright"));
    mw_protobuf_put_text(out, 2, MW_VIEW(MW_VERSION));
    mw_protobuf_end(out, scope);
    mw_buf_view(out, spans);
    mw_protobuf_end(out, of_scope);
    mw_protobuf_end(out, of_resource);
}
