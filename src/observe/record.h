/* What is told of one exchange, as it lies in a ring: numbers, then texts one behind another. */
#ifndef OBSERVE_RECORD_H
#define OBSERVE_RECORD_H

#include "identity.h"

typedef enum observe_text {
    OBSERVE_REQUEST_ID,
    OBSERVE_METHOD,
    OBSERVE_PATH,
    OBSERVE_QUERY,
    OBSERVE_HOST,
    OBSERVE_AGENT,
    OBSERVE_CLIENT, /* of a verified certificate */
    OBSERVE_ENDPOINT,
    OBSERVE_ROUTE,
    OBSERVE_STATE,   /* tracestate */
    OBSERVE_HEADERS, /* those asked for: "name\0value\0name\0value\0" */
    OBSERVE_N_TEXTS
} observe_text;

typedef struct observe_record {
    int64_t wall_ns;      /* when it ended, since 1970 */
    uint64_t began_ns;    /* mw_clock_ns */
    uint64_t ended_ns;    /* the same */
    mw_timeline timeline; /* of a prediction; else it has no marks */
    uint64_t request_bytes, reply_bytes, n_rows;
    int status, grpc_status, error_code;
    unsigned version;
    mw_peer peer;
    bool is_http2, is_grpc, is_gone;
    bool has_trace;
    observe_trace trace;
    uint8_t span_id[OBSERVE_SPAN_ID_BYTES];
    mw_view texts[OBSERVE_N_TEXTS];
} observe_record;

/* Borrowed until the record is written; cut to what a line may hold. */
void observe_record_put_text(observe_record *record, observe_text which, mw_view text);
size_t observe_record_bytes(const observe_record *record);
void observe_record_write(const observe_record *record, char *out);
/* Texts are borrowed from `bytes`. */
void observe_record_read(mw_view bytes, observe_record *ret_record);

/* When something that happened at now_ns happened, in nanoseconds since 1970. */
uint64_t observe_record_wall_ns(const observe_record *record, uint64_t at_ns);

/* ---- mask.c ---------------------------------------------------------------------------------- */

/* Names whose values are nobody's business: of query parameters and of headers. */
typedef struct observe_mask {
    const char *further; /* "a,b"; NULL = only the usual ones */
} observe_mask;

bool observe_is_private(const observe_mask *mask, mw_view name);
/* "a=1&token=secret" -> "a=1&token=***". */
void observe_write_query(const observe_mask *mask, mw_view query, mw_buf *out);

/* ---- log_line.c -------------------------------------------------------------------------------
 */

/* One JSON object and a line end. */
void observe_write_line(const observe_record *record, const observe_mask *mask, mw_buf *out);

/* ---- spans.c ----------------------------------------------------------------------------------
 */

/* The server's span and one for each stage: fields 2 of a ScopeSpans message. Returns how many. */
size_t observe_write_spans(const observe_record *record, const observe_mask *mask,
                           observe_chance *chance, mw_buf *out);
/* ExportTraceServiceRequest around them; `attributes` are the resource's, as fields 1. */
void observe_write_export(mw_view attributes, mw_view spans, mw_buf *out);
/* An attribute: KeyValue as field `number`. */
void observe_put_text(mw_buf *out, uint32_t number, const char *key, mw_view value);

#endif
