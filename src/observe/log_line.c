/* A line of the access log: one JSON object. Every text goes through the JSON writer, so no client
 * can begin a line or a field of its own. */
#include "record.h"

enum { NS_PER_MS = 1000000, NS_PER_US = 1000 };

static void write_time(int64_t wall_ns, mw_buf *out)
{
    mw_buf_text(out, "{\"time\":\"");
    mw_clock_write_utc(out, wall_ns / NS_PER_MS);
    mw_buf_char(out, '"');
}

static void write_text(const char *key, mw_view value, mw_buf *out)
{
    if (value.size == 0)
        return;
    mw_buf_format(out, ",\"%s\":", key);
    mw_json_write_text(out, value);
}

static void write_ids(const char *key, const uint8_t *bytes, size_t n, mw_buf *out)
{
    char text[2 * OBSERVE_TRACE_ID_BYTES];
    mw_buf_format(out, ",\"%s\":\"", key);
    mw_buf_bytes(out, text, (size_t)(mw_hex_write(text, bytes, n) - text));
    mw_buf_char(out, '"');
}

/* Milliseconds with three decimals: 0.123. */
static void write_ms(uint64_t ns, mw_buf *out)
{
    uint64_t us = (ns + NS_PER_US / 2) / NS_PER_US;
    mw_buf_format(out, "%llu.%03u", (unsigned long long)(us / 1000), (unsigned)(us % 1000));
}

static void write_stages(const mw_timeline *timeline, mw_buf *out)
{
    const char *before = ",\"stages_ms\":{";
    for (mw_stage stage = 0; stage < MW_N_STAGES; stage++) {
        if (!(timeline->stages & 1u << stage))
            continue;
        mw_buf_format(out, "%s\"%s\":", before, mw_stage_name(stage));
        write_ms(timeline->stage_ns[stage], out);
        before = ",";
    }
    if (timeline->stages)
        mw_buf_char(out, '}');
}

static void write_path(const observe_record *record, const observe_mask *mask, mw_buf *out)
{
    mw_view path = record->texts[OBSERVE_PATH], query = record->texts[OBSERVE_QUERY];
    mw_buf whole;
    if (query.size == 0) {
        write_text("path", path, out);
        return;
    }
    mw_buf_init(&whole, 64 * MW_KIB);
    mw_buf_view(&whole, path);
    mw_buf_char(&whole, '?');
    observe_write_query(mask, query, &whole);
    write_text("path", mw_buf_as_view(&whole), out);
    mw_buf_done(&whole);
}

static void write_headers(mw_view headers, const observe_mask *mask, mw_buf *out)
{
    if (headers.size == 0)
        return;
    const char *at = headers.data, *end = at + headers.size, *before = ",\"headers\":{";
    while (at < end) {
        mw_view name = {at, strnlen(at, (size_t)(end - at))};
        at += name.size < (size_t)(end - at) ? name.size + 1 : name.size;
        mw_view value = {at, strnlen(at, (size_t)(end - at))};
        at += value.size < (size_t)(end - at) ? value.size + 1 : value.size;
        mw_buf_text(out, before);
        mw_json_write_text(out, name);
        mw_buf_char(out, ':');
        mw_json_write_text(out, observe_is_private(mask, name) ? MW_VIEW("***") : value);
        before = ",";
    }
    mw_buf_char(out, '}');
}

static void write_answer(const observe_record *record, mw_buf *out)
{
    mw_buf_format(out, ",\"status\":%d", record->status);
    if (record->is_grpc)
        mw_buf_format(out, ",\"grpc_status\":%d", record->grpc_status);
    if (record->error_code)
        mw_buf_format(out, ",\"error\":\"MW%d\"", record->error_code);
    if (record->is_gone)
        mw_buf_text(out, ",\"client_gone\":true");
    mw_buf_format(out, ",\"request_bytes\":%llu,\"response_bytes\":%llu",
                  (unsigned long long)record->request_bytes,
                  (unsigned long long)record->reply_bytes);
}

void observe_write_line(const observe_record *record, const observe_mask *mask, mw_buf *out)
{
    const mw_view *texts = record->texts;
    char peer[MW_PEER_TEXT_BYTES];
    write_time(record->wall_ns, out);
    write_text("request_id", texts[OBSERVE_REQUEST_ID], out);
    if (record->has_trace) {
        write_ids("trace_id", record->trace.trace_id, OBSERVE_TRACE_ID_BYTES, out);
        write_ids("span_id", record->span_id, OBSERVE_SPAN_ID_BYTES, out);
    }
    write_text("peer", mw_view_of(mw_peer_text(&record->peer, true, peer)), out);
    write_text("client", texts[OBSERVE_CLIENT], out);
    write_text("method", texts[OBSERVE_METHOD], out);
    write_path(record, mask, out);
    write_text("protocol",
               mw_view_of(record->is_grpc    ? "grpc"
                          : record->is_http2 ? "h2"
                                             : "http/1.1"),
               out);
    write_text("endpoint", texts[OBSERVE_ENDPOINT], out);
    if (texts[OBSERVE_ENDPOINT].size > 0)
        mw_buf_format(out, ",\"version\":%u,\"rows\":%llu", record->version,
                      (unsigned long long)record->n_rows);
    write_answer(record, out);
    mw_buf_text(out, ",\"duration_ms\":");
    write_ms(record->ended_ns - record->began_ns, out);
    write_stages(&record->timeline, out);
    write_text("user_agent", texts[OBSERVE_AGENT], out);
    write_headers(texts[OBSERVE_HEADERS], mask, out);
    mw_buf_text(out, "}\n");
}
