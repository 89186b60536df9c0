/* Spans: taken from OpenTelemetry's exporters and MLflow's client, given back with their traces.
 *
 *     POST /v1/traces -> inflated -> (JSON ->) protobuf -> spans -> parts, one a trace -> written
 *
 * Everything before the transaction is done outside of it: the writer waits for nobody's JSON. */
#include <stdlib.h>

#include "mlflow.h"
#include "mlflow_messages.h"
#include "span_words.h"

typedef struct taking {
    mlflow_turn *turn;
    mw_view experiment, run_id;
    otlp_spans spans;
    mw_trace_part *parts;
    size_t n_parts;
    mw_buf warning; /* what was not done, though the spans are kept */
} taking;

/* ---- the request ----------------------------------------------------------------------------- */

static bool is_type(const mw_exchange *exchange, const char *type)
{
    mw_view rest = exchange->content_type;
    return mw_view_is_nocase(mw_view_trim(mw_view_cut(&rest, ';')), type);
}

static mw_status check_head(taking *t, mw_error *err)
{
    const mw_exchange *exchange = t->turn->exchange;
    t->experiment = mw_exchange_header(exchange, "x-mlflow-experiment-id");
    t->run_id = mw_exchange_header(exchange, "x-mlflow-run-id");
    if (!is_type(exchange, "application/x-protobuf") && !is_type(exchange, "application/json")) {
        mw_fail(err, MW_E_SPANS_FORMAT,
                "Invalid Content-Type: %.*s. Expected: application/x-protobuf or "
                "application/json",
                (int)(exchange->content_type.size < 80 ? exchange->content_type.size : 80),
                exchange->content_type.size ? exchange->content_type.data : "");
        return mw_mend(err, "set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf");
    }
    if (t->experiment.size > 0)
        return MW_OK;
    mw_fail(err, MW_E_SPANS_ID, "the header x-mlflow-experiment-id is missing");
    return mw_mend(err, "name the experiment that the traces are of: "
                        "OTEL_EXPORTER_OTLP_TRACES_HEADERS=x-mlflow-experiment-id=0");
}

static mw_status read_json(taking *t, mw_view body, mw_error *err)
{
    mw_buf message;
    mw_arena *arena = t->turn->exchange->arena;
    mw_buf_init(&message, MW_LIMIT_SPANS_BYTES);
    mw_status status = otlp_from_json(body, &message, err);
    if (status == MW_OK) {
        mw_view kept = {mw_arena_text(arena, mw_buf_as_view(&message)), message.size};
        status =
            kept.data ? otlp_read(kept, arena, &t->spans, err) : mw_fail_memory(err, "the spans");
    }
    mw_buf_done(&message);
    return status;
}

static mw_status read_body(taking *t, mw_error *err)
{
    mw_view body;
    mw_exchange *exchange = t->turn->exchange;
    MW_TRY(mw_exchange_inflate(exchange, MW_LIMIT_SPANS_BYTES, &body, err));
    if (is_type(exchange, "application/json"))
        MW_TRY(read_json(t, body, err));
    else
        MW_TRY(otlp_read(body, exchange->arena, &t->spans, err));
    if (t->spans.n_resources > 0)
        return MW_OK;
    mw_fail(err, MW_E_SPANS_FORMAT, "Invalid OpenTelemetry format - no spans found");
    return mw_mend(err, "send an ExportTraceServiceRequest with resource_spans");
}

/* By trace; within one as they came. */
static int order_spans(const void *a, const void *b)
{
    const otlp_span *left = *(const otlp_span *const *)a, *right = *(const otlp_span *const *)b;
    int order = mw_view_order(left->trace_id, right->trace_id);
    return order ? order : (left > right) - (left < right);
}

static mw_status make_parts(taking *t, mw_error *err)
{
    mw_arena *arena = t->turn->exchange->arena;
    size_t n = t->spans.count;
    const otlp_span **sorted = mw_arena_take(arena, (n + 1) * sizeof *sorted);
    t->parts = mw_arena_take_zeroed(arena, n + 1, sizeof *t->parts);
    if (!sorted || !t->parts)
        return mw_fail_memory(err, "the spans");
    for (size_t i = 0; i < n; i++)
        sorted[i] = &t->spans.items[i];
    if (n > 1)
        qsort(sorted, n, sizeof *sorted, order_spans);
    for (size_t begin = 0, end; begin < n; begin = end) {
        end = begin + 1;
        while (end < n && mw_view_equal(sorted[end]->trace_id, sorted[begin]->trace_id))
            end++;
        MW_TRY(span_part(arena, sorted + begin, end - begin, &t->parts[t->n_parts], err));
        t->n_parts++;
    }
    return MW_OK;
}

/* ---- the transaction ------------------------------------------------------------------------- */

static bool has_attribute(const mw_trace_part *part, const char *key)
{
    for (size_t i = 0; i < part->spans.count; i++)
        if (mw_tags_get(&part->spans.items[i].attributes, key).data)
            return true;
    return false;
}

/* Of all spans of the trace, those kept before included. What a client has told holds. */
static mw_status put_total(taking *t, mw_record *record, const mw_trace_part *part, bool has_costs,
                           mw_error *err)
{
    const char *from = has_costs ? "mlflow.llm.cost" : "mlflow.chat.tokenUsage";
    const char *to = has_costs ? "mlflow.trace.cost" : "mlflow.trace.tokenUsage";
    mw_trace trace;
    mw_span_values values;
    if (!has_attribute(part, from))
        return MW_OK;
    MW_TRY(mw_record_trace(record, part->trace_id, &trace, err));
    if (trace.is_told && mw_tags_get(&trace.metadata, to).data)
        return MW_OK;
    MW_TRY(mw_record_span_values(record, trace.row, mw_view_of(from), &values, err));
    mw_tag pair = {mw_view_of(to), span_total(t->turn->exchange->arena, &values, has_costs)};
    return pair.value.data ? mw_record_set_trace_metadata(record, trace.row, &pair, err) : MW_OK;
}

/* A trace whose root is among the spans belongs to the run; that it cannot is no reason to refuse
 * the spans. */
static void link_run(taking *t, mw_record *record)
{
    mw_error ignored;
    bool failed = mlflow_may_edit_run(t->turn, record, t->run_id, &ignored) != MW_OK;
    for (size_t i = 0; i < t->n_parts && !failed; i++) {
        mw_texts one = {&t->parts[i].trace_id, 1};
        if (t->parts[i].state.data)
            failed = mw_record_link_traces(record, &one, t->run_id, &ignored) != MW_OK;
    }
    mw_buf_reset(&t->warning);
    if (failed)
        mw_buf_format(&t->warning, "the spans are kept; not linked to run %.*s: %s",
                      (int)(t->run_id.size < 64 ? t->run_id.size : 64), t->run_id.data,
                      ignored.what);
}

static mw_status put_parts(mw_record *record, void *user, mw_error *err)
{
    taking *t = user;
    for (size_t i = 0; i < t->n_parts; i++) {
        const mw_trace_part *part = &t->parts[i];
        MW_TRY(mlflow_may_edit_trace(t->turn, record, part->trace_id, err));
        MW_TRY(mw_record_add_spans(record, t->experiment, part, err));
        MW_TRY(put_total(t, record, part, false, err));
        MW_TRY(put_total(t, record, part, true, err));
    }
    if (t->run_id.size > 0)
        link_run(t, record);
    return MW_OK;
}

/* ExportTraceServiceResponse: nothing, or with a warning. */
static void answer(const taking *t)
{
    mw_exchange *exchange = t->turn->exchange;
    mw_buf *out = t->turn->out;
    bool is_json = is_type(exchange, "application/json");
    if (!is_json)
        exchange->reply_type = MW_VIEW("application/x-protobuf");
    if (t->warning.size > 0 && is_json) {
        mw_buf_text(out, "{\"partialSuccess\":{\"errorMessage\":");
        mw_json_write_text(out, mw_buf_as_view(&t->warning));
        mw_buf_text(out, "}}");
    } else if (t->warning.size > 0) {
        size_t partial = mw_protobuf_begin(out, 1);
        mw_protobuf_put_text(out, 2, mw_buf_as_view(&t->warning));
        mw_protobuf_end(out, partial);
    } else if (is_json) {
        mw_buf_text(out, "{}");
    }
}

static mw_status take_spans(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    taking t = {.turn = turn};
    (void)record;
    MW_TRY(check_head(&t, err));
    MW_TRY(read_body(&t, err));
    MW_TRY(make_parts(&t, err));
    mw_buf_init(&t.warning, 4 * MW_KIB);
    mw_status status = t.n_parts == 0
                           ? MW_OK
                           : mw_registry_write_as(turn->registry, &turn->actor,
                                                  turn->exchange->arena, put_parts, &t, err);
    if (status == MW_OK)
        answer(&t);
    mw_buf_done(&t.warning);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct get_request {
    mw_view trace_id;
    bool allow_partial;
    mw_texts trace_ids, experiment_ids;
} get_request;

static const mlflow_field get_fields[] = {
    MLFLOW_TEXT_FIELD(get_request, "trace_id", trace_id, true),
    {"allow_partial", MLFLOW_BOOL, offsetof(get_request, allow_partial), false, NULL, 0, NULL,
     NULL},
    {0}};
static const mlflow_field get_many_fields[] = {
    {"trace_ids", MLFLOW_TEXTS, offsetof(get_request, trace_ids), false, NULL, 0, NULL, NULL},
    {"experiment_ids", MLFLOW_TEXTS, offsetof(get_request, experiment_ids), false, NULL, 0, NULL,
     NULL},
    {0}};

static bool has_spans_here(const mw_trace *trace)
{
    return mw_view_is(mw_tags_get(&trace->tags, "mlflow.trace.spansLocation"), "TRACKING_STORE");
}

/* What the client has counted when the trace was over: {"num_spans": 3, ...}. */
static bool is_whole(const mw_trace *trace, size_t n_spans)
{
    mw_json *stats;
    mw_error ignored;
    int64_t expected = 0;
    mw_view told = mw_tags_get(&trace->metadata, "mlflow.trace.sizeStats");
    if (!told.data || mw_json_read(told, &stats, &ignored) != MW_OK)
        return true;
    bool fits = !mw_json_integer(mw_json_member(stats, "num_spans"), &expected) || expected < 0 ||
                (uint64_t)expected <= n_spans;
    mw_json_free(stats);
    return fits;
}

static mw_status put_trace(mlflow_turn *turn, const mw_trace *trace, const mw_texts *contents,
                           mw_error *err)
{
    mw_buf *out = turn->out;
    mw_buf_text(out, "{\"trace_info\":");
    mlflow_put_trace_info(out, trace);
    mw_buf_text(out, contents->count > 0 ? ",\"spans\":[" : "}");
    for (size_t i = 0; i < contents->count; i++) {
        mw_buf_text(out, i ? "," : "");
        if (!span_put_json(out, contents->items[i]))
            return mw_fail(err, MW_E_RECORD_STATE, "span %zu of trace %.*s is no JSON", i,
                           MW_VIEW_ARG(trace->trace_id));
    }
    mw_buf_text(out, contents->count > 0 ? "]}" : "");
    return MW_OK;
}

static mw_status get(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_trace trace;
    mw_texts contents;
    const get_request *q = turn->request;
    MW_TRY(mw_record_trace(record, q->trace_id, &trace, err));
    if (!has_spans_here(&trace)) {
        mw_fail(err, MW_E_RECORD_UNKNOWN, "Trace data not stored in tracking store");
        return mw_mend(err, "its spans are a file among the artifacts, where MLflow's client "
                            "reads them");
    }
    MW_TRY(mw_record_spans(record, trace.row, &contents, err));
    if (!q->allow_partial && !is_whole(&trace, contents.count))
        return mw_fail(err, MW_E_RECORD_UNKNOWN,
                       "Trace with ID %.*s is not fully exported yet, please try again later.",
                       MW_VIEW_ARG(q->trace_id));
    mw_buf_text(turn->out, "{\"trace\":");
    MW_TRY(put_trace(turn, &trace, &contents, err));
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

static bool is_among(const mw_texts *ids, int64_t experiment)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", (long long)experiment);
    for (size_t i = 0; i < ids->count; i++)
        if (mw_view_is(ids->items[i], digits))
            return true;
    return ids->count == 0;
}

static mw_status get_many(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_traces found;
    mw_texts contents;
    const get_request *q = turn->request;
    MW_TRY(mw_record_traces(record, &q->trace_ids, &found, err));
    mw_buf_text(turn->out, "{");
    for (size_t i = 0, n = 0; i < found.count; i++) {
        const mw_trace *trace = &found.items[i];
        if (!has_spans_here(trace) || !is_among(&q->experiment_ids, trace->experiment))
            continue;
        MW_TRY(mw_record_spans(record, trace->row, &contents, err));
        if (contents.count == 0 || !is_whole(trace, contents.count))
            continue;
        mw_buf_text(turn->out, n++ ? "," : "\"traces\":[");
        MW_TRY(put_trace(turn, trace, &contents, err));
    }
    mw_buf_text(turn->out, turn->out->size > 1 ? "]}" : "}");
    return MW_OK;
}

/* ---- the table ------------------------------------------------------------------------------- */

const mlflow_call mlflow_span_calls[] = {
    {MLFLOW_POSTS, "/v1/traces", MLFLOW_OUTSIDE, take_spans, NULL, 0,
     "Take spans of OpenTelemetry (OTLP)"},
    {MLFLOW_GETS, "/mlflow/traces/get", MLFLOW_READS, get, get_fields, sizeof(get_request),
     "A trace with its spans"},
    {MLFLOW_GETS, "/mlflow/traces/batchGet", MLFLOW_READS, get_many, get_many_fields,
     sizeof(get_request), "Several traces with their spans"},
};
const size_t mlflow_n_span_calls = MW_COUNT(mlflow_span_calls);
