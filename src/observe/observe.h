/* observe: what is told of each exchange: its id, a line in the access log, spans of a trace.
 *
 *     exchange -- begin: id, trace context --> handler --> done: record --> rings, one a loop
 *                                                            access log's thread <--'--> exporter's
 *
 * A loop copies what is to be told into a ring and goes on: it never waits for a file, a collector
 * or a lock. What finds its ring full is dropped and counted.
 *
 * Trace context: https://www.w3.org/TR/trace-context/; export: OTLP/HTTP in protobuf,
 * https://opentelemetry.io/docs/specs/otlp/. Not done here: gRPC, metrics and logs by OTLP.
 */
#ifndef OBSERVE_OBSERVE_H
#define OBSERVE_OBSERVE_H

#include "base/base.h"
#include "net/net.h"

typedef struct mw_observer mw_observer;

typedef struct mw_observer_options {
    unsigned n_loops;        /* must equal the server's */
    const char *log_to;      /* a path, "stdout", "stderr"; NULL or "off" = no access log */
    double log_sample;       /* of the lines, 0..1; errors and slow requests always have theirs */
    unsigned log_slow_ms;    /* slow: from here on */
    const char *log_mask;    /* further query parameters whose values are private: "a,b"; or NULL */
    const char *log_headers; /* request headers to tell: "x-tenant,referer"; or NULL */
    const char *otlp;        /* "http://host:4318" (its /v1/traces is used), https, or with a path;
                                or NULL */
    const char *otlp_headers;     /* "key=value,key=value", percent-encoded; or NULL */
    const char *otlp_certificate; /* who may have signed the collector's; NULL = the system's */
    double trace_sample;      /* of the traces that begin here; others follow their parent's flag */
    bool trace_always;        /* do not ask the parent */
    const char *service_name; /* NULL = "millwright" */
    const char *resource_attributes; /* "key=value,key=value", percent-encoded; or NULL */
} mw_observer_options;

/* All off, sample 1, slow from 1 s. */
void mw_observer_options_init(mw_observer_options *options);
/* What OTEL_EXPORTER_OTLP_ENDPOINT, _HEADERS and _CERTIFICATE, the same of _TRACES_,
 * OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER and its _ARG, and
 * OTEL_SDK_DISABLED say, where the options say nothing; `trace_sample_is_set` counts as saying.
 * Texts are borrowed from the environment. Fails: MW_BAD_ARGUMENT (a sampler that is none). */
MW_CHECKED mw_status mw_observer_options_environment(mw_observer_options *options,
                                                     bool trace_sample_is_set, mw_error *err);

/* Open the log, start the threads that are needed. Texts of the options are copied.
 * Fails: MW_IO (the file cannot be opened), MW_BAD_ARGUMENT (address), MW_NO_MEMORY. */
MW_CHECKED mw_status mw_observer_new(const mw_observer_options *options, mw_observer **ret_observer,
                                     mw_error *err);
/* The server must have been closed. What waits is written; spans are sent, in 3 s at most. NULL is
 * fine. */
void mw_observer_free(mw_observer *observer);
/* Open the log's file again, which logrotate has moved away. Any thread; does not wait. */
void mw_observer_reopen(mw_observer *observer);

/* ---- settings at run time: any thread, at any time; they hold from the next request on ---------
 */

/* Share of the lines, 0..1 (others are brought into it). Without an access log it changes nothing.
 * The level of the program's own log is mw_log_set_level (base/log.h). */
void mw_observer_set_log_sample(mw_observer *observer, double sample);
double mw_observer_log_sample(const mw_observer *observer);
/* Share of the traces that begin here. Without a collector it changes nothing. */
void mw_observer_set_trace_sample(mw_observer *observer, double sample);
double mw_observer_trace_sample(const mw_observer *observer);
/* Whether there is a collector. NULL is fine. */
bool mw_observer_traces(const mw_observer *observer);

/* ---- on a request's path; `observer` may be NULL, then nothing happens --------------------------
 */

/* Give the exchange its id (the client's X-Request-ID when it is sane, else a new UUID) and read
 * its trace context. Twice is once. */
void mw_observe_begin(mw_observer *observer, mw_exchange *exchange);
/* The route, "/v2/models/{name}/infer"; borrowed until the exchange is over. */
void mw_observe_route(mw_exchange *exchange, const char *route);
/* Which prediction it was; all borrowed until the exchange is over. Nothing without begin. */
void mw_observe_prediction(mw_exchange *exchange, const char *endpoint, unsigned version,
                           size_t n_rows, const mw_timeline *timeline);
/* Whether anything is told at all, so that done must be called. */
bool mw_observer_tells(const mw_observer *observer);
/* It is over: for mw_server_options.done, on the exchange's loop. */
void mw_observe_done(mw_observer *observer, const mw_exchange *exchange, const mw_outcome *outcome);

/* ---- counts for /metrics ------------------------------------------------------------------------
 */

typedef struct mw_observer_counts {
    bool has_log, has_export;
    uint64_t lines_written, lines_dropped, lines_failed; /* dropped: no room; failed: the file's */
    uint64_t spans_sent, spans_dropped, spans_failed;    /* failed: the collector's */
} mw_observer_counts;
void mw_observer_count(const mw_observer *observer, mw_observer_counts *ret_counts);

#endif
