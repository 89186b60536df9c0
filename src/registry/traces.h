/* Traces in the record: what calls of a program were made of. Part of the door registry.h.
 *
 *     trace: an id of the client's, an experiment, when, how long, OK or ERROR
 *            -< tags (may change), metadata (does not), assessments, runs it belongs to
 *
 * The client tells a trace when it is over. Its spans come as they end (trace_spans.h); clients
 * that send none upload a file to the artifacts
 * ("EXPERIMENT/traces/TRACE_ID/artifacts/traces.json") and read it there: of that nothing is
 * searched.
 */
#ifndef REGISTRY_TRACES_H
#define REGISTRY_TRACES_H

/* Who has judged a trace, or said what it should have answered. JSON is kept as it came. */
typedef struct mw_assessment {
    mw_view id, name;
    bool is_expectation; /* else feedback */
    bool is_valid;       /* not overridden by a later one */
    mw_view value;       /* to be searched: the text, or the JSON of what is none */
    bool is_number;      /* the value is one: of wanted ones; not read back */
    double number;
    mw_view payload;                       /* JSON: {"value": ...} */
    mw_view source;                        /* JSON: {"source_type": ..., "source_id": ...} */
    mw_view metadata;                      /* JSON object; absent: none */
    mw_view rationale, span_id, overrides; /* absent: none */
    int64_t created, updated;
} mw_assessment;

typedef struct mw_assessments {
    mw_assessment *items;
    size_t count;
} mw_assessments;

typedef struct mw_trace {
    int64_t row, experiment, started;
    int64_t duration; /* ms; < 0: not told */
    mw_view trace_id, state, client_request_id, request, response;
    mw_tags tags, metadata;
    mw_assessments assessments;
    bool is_told; /* by a client; else what is known is from spans */
} mw_trace;

typedef struct mw_traces {
    mw_trace *items;
    size_t count;
} mw_traces;

/* What a deletion is to take: these, or those that began until then, oldest first. */
typedef struct mw_trace_wish {
    mw_view experiment;
    mw_texts trace_ids;
    int64_t until_ms, n_most; /* 0: not told */
} mw_trace_wish;

/* A new trace, or in place of the one with its id: that keeps assessments, runs and spans, and is
 * moved to the experiment when only its spans were known. Of the wanted
 * one `experiment` is a text, see below; tags get the place of its files.
 * Fails: MW_BAD_ARGUMENT the experiment is deleted, the trace another's, a key too long. */
MW_CHECKED mw_status mw_record_put_trace(mw_record *record, mw_view experiment,
                                         const mw_trace *wanted, mw_trace *ret_trace,
                                         mw_error *err);
MW_CHECKED mw_status mw_record_trace(mw_record *record, mw_view trace_id, mw_trace *ret_trace,
                                     mw_error *err);
/* Those that are there, in the order asked. */
MW_CHECKED mw_status mw_record_traces(mw_record *record, const mw_texts *trace_ids,
                                      mw_traces *ret_found, mw_error *err);
MW_CHECKED mw_status mw_record_search_traces(mw_record *record, const mw_search *search,
                                             mw_traces *ret_found, mw_view *ret_token,
                                             mw_error *err);
MW_CHECKED mw_status mw_record_tag_trace(mw_record *record, mw_view trace_id, const mw_tag *tag,
                                         mw_error *err);
MW_CHECKED mw_status mw_record_untag_trace(mw_record *record, mw_view trace_id, mw_view key,
                                           mw_error *err);
/* With their files. Audited. Those that are not there, or another experiment's, are left. */
MW_CHECKED mw_status mw_record_delete_traces(mw_record *record, const mw_trace_wish *wish,
                                             int64_t *ret_n_deleted, mw_error *err);
/* Versions of prompts that the trace was made with, which need not be in the record; from now on
 * `prompt = 'name/version'` finds it. Fails: MW_NOT_FOUND the trace. */
typedef struct mw_prompt_name {
    mw_view name, version;
} mw_prompt_name;

typedef struct mw_prompt_names {
    mw_prompt_name *items;
    size_t count;
} mw_prompt_names;

MW_CHECKED mw_status mw_record_link_prompts(mw_record *record, mw_view trace_id,
                                            const mw_prompt_names *prompts, mw_error *err);
/* From now on a search for the run's traces finds them. */
MW_CHECKED mw_status mw_record_link_traces(mw_record *record, const mw_texts *trace_ids,
                                           mw_view run_id, mw_error *err);

/* id and is_valid of the wanted one are not read; created and updated: 0 = now. What it overrides
 * is no longer valid. */
MW_CHECKED mw_status mw_record_assess(mw_record *record, mw_view trace_id,
                                      const mw_assessment *wanted, mw_assessment *ret_assessment,
                                      mw_error *err);
MW_CHECKED mw_status mw_record_assessment(mw_record *record, mw_view trace_id, mw_view id,
                                          mw_assessment *ret_assessment, mw_error *err);
/* What is absent in `change` stays: name, value with payload, rationale, metadata. */
MW_CHECKED mw_status mw_record_change_assessment(mw_record *record, mw_view trace_id, mw_view id,
                                                 const mw_assessment *change,
                                                 mw_assessment *ret_assessment, mw_error *err);
/* What it had overridden is valid again. */
MW_CHECKED mw_status mw_record_delete_assessment(mw_record *record, mw_view trace_id, mw_view id,
                                                 mw_error *err);
/* Of roles: absent when there is no such trace. */
MW_CHECKED mw_status mw_record_experiment_of_trace(mw_record *record, mw_view trace_id,
                                                   mw_view *ret_experiment, mw_error *err);

#endif
