/* Spans of traces in the record: what they hold can be searched. Part of the door registry.h.
 *
 *     exporter -> spans as they end -> a trace of which only its spans are known (not told)
 *     client   -> the trace, when it is over (traces.h) -> told: what it says holds
 */
#ifndef REGISTRY_TRACE_SPANS_H
#define REGISTRY_TRACE_SPANS_H

typedef struct mw_span {
    mw_view span_id, parent;      /* hexadecimal digits; parent absent: a root */
    mw_view name, type, status;   /* OK, ERROR, UNSET; type absent: not told */
    int64_t started_ns, ended_ns; /* ended 0: not told */
    mw_view content;              /* JSON, as MLflow keeps spans; kept as it came */
    mw_tags attributes;           /* to be searched: each key once, values as plain texts */
} mw_span;

typedef struct mw_spans {
    mw_span *items;
    size_t count;
} mw_spans;

/* What some of a trace's spans tell of it. */
typedef struct mw_trace_part {
    mw_view trace_id;
    mw_spans spans;
    int64_t started, ended;    /* ms; ended < 0: none of them has */
    mw_view state;             /* of the root; absent: it is not among them */
    mw_view request, response; /* of the root; absent: not told. The first that were told stay */
    mw_tags tags, metadata;    /* metadata: the first of a key stays */
} mw_trace_part;

/* A value of one attribute, absent where a span has none. */
typedef struct mw_span_value {
    mw_view span_id, parent, value;
} mw_span_value;

typedef struct mw_span_values {
    mw_span_value *items;
    size_t count;
} mw_span_values;

/* Kept, in place of spans with the same ids. A trace that is not there is made, in that experiment;
 * one that is stays where it is.
 * Fails: MW_BAD_ARGUMENT the experiment is deleted; MW_NOT_FOUND there is none. */
MW_CHECKED mw_status mw_record_add_spans(mw_record *record, mw_view experiment,
                                         const mw_trace_part *part, mw_error *err);
/* Contents alone, the root first, then as they began.
 * Fails: MW_NO_MEMORY (MW4143) they are more than limits.h allows. */
MW_CHECKED mw_status mw_record_spans(mw_record *record, int64_t trace, mw_texts *ret_contents,
                                     mw_error *err);
/* Of each span of a trace. */
MW_CHECKED mw_status mw_record_span_values(mw_record *record, int64_t trace, mw_view key,
                                           mw_span_values *ret_values, mw_error *err);
/* Whether a trace was told or not, in place of what is there. */
MW_CHECKED mw_status mw_record_set_trace_metadata(mw_record *record, int64_t trace,
                                                  const mw_tag *pair, mw_error *err);

#endif
