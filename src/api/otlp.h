/* Spans as OpenTelemetry's exporters send them over HTTP (OTLP), read.
 *
 *     ExportTraceServiceRequest: protobuf ----------------> otlp_spans
 *                                JSON ---> the protobuf of it --^
 *
 * Values become JSON as Python's json.dumps writes it ("a": 1, two separators with a space): that
 * is what MLflow's clients keep and search. Source: opentelemetry/proto/trace/v1/trace.proto. */
#ifndef API_OTLP_H
#define API_OTLP_H

#include "base/base.h"

typedef struct otlp_pair {
    mw_view key;
    mw_view json;
    mw_view text; /* of a text: itself; else absent */
} otlp_pair;

/* Each key once: the last of a key holds. */
typedef struct otlp_pairs {
    otlp_pair *items;
    size_t count;
} otlp_pairs;

typedef struct otlp_event {
    mw_view name;
    uint64_t time_ns;
    otlp_pairs attributes;
} otlp_event;

typedef struct otlp_link {
    mw_view trace_id, span_id; /* hexadecimal digits */
    otlp_pairs attributes;
} otlp_link;

typedef enum otlp_status { OTLP_UNSET, OTLP_OK, OTLP_ERROR } otlp_status;

typedef struct otlp_span {
    mw_view trace_id, span_id; /* 32 and 16 hexadecimal digits */
    mw_view parent;            /* likewise; absent: a root */
    mw_view name, message;
    uint64_t started_ns, ended_ns;
    otlp_status status;
    otlp_pairs attributes;
    struct {
        otlp_event *items;
        size_t count;
    } events;
    struct {
        otlp_link *items;
        size_t count;
    } links;
    const otlp_pairs *resource; /* whose span it is */
} otlp_span;

typedef struct otlp_spans {
    otlp_span *items;
    size_t count;
    size_t n_resources; /* that the request tells, with spans or without */
} otlp_spans;

/* Texts point into the message or the arena; bytes that are no UTF-8 become U+FFFD, zeros spaces.
 * Fails: MW_BAD_DATA (MW4141) no such message; MW_MISMATCH (MW4142) a span without ids;
 * MW_NO_MEMORY more of something than limits.h allows. */
MW_CHECKED mw_status otlp_read(mw_view message, mw_arena *arena, otlp_spans *ret_spans,
                               mw_error *err);
/* OTLP's JSON (ids in hexadecimal digits, numbers of 64 bits as texts or numbers) into protobuf, at
 * the end of `out`. Members that nobody knows are passed over. Fails: MW_BAD_DATA (MW4141). */
MW_CHECKED mw_status otlp_from_json(mw_view body, mw_buf *out, mw_error *err);

#endif
