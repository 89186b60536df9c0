/* MLflow's calls about traces: version 3 of them, which its client makes when a trace is over.
 *
 *     client: spans as they end (mlflow_spans.c), then POST traces {info}; older ones send no spans
 *             and are told where to keep them: PUT artifacts/.../traces.json
 *
 * Times are RFC 3339 and durations "0.047s", as protobuf writes them. */
#include "mlflow.h"
#include "mlflow_messages.h"

static const char *const states[] = {"OK", "ERROR", "IN_PROGRESS", NULL};

/* ---- requests -------------------------------------------------------------------------------- */

typedef struct assessment_request {
    mw_view trace_id, id, mask;
    mw_assessment told;
    mw_view feedback, expectation; /* JSON */
    mw_view created, updated;
} assessment_request;

typedef struct trace_request {
    mw_view trace_id, key, run_id, experiment;
    mw_tag pair;
    mw_texts trace_ids;
    mw_trace_wish wish;
    mw_trace told;
    mw_view started, duration;
    int state;
    struct {
        assessment_request *items;
        size_t count;
    } assessments;
    mw_prompt_names prompts;
} trace_request;

#define TEXT(type, name, member) MLFLOW_TEXT_FIELD(type, name, member, false)
/* clang-format off */
#define FIELD(kind, type, name, member) \
    {name, kind, offsetof(type, member), false, NULL, 0, NULL, NULL}
/* The fields of one that stands in another lie in the same struct. */
#define WITHIN(name, required, fields) {name, MLFLOW_OBJECT, 0, required, fields, 0, NULL, NULL}
/* clang-format on */

static const mlflow_field assessment_fields[] = {
    TEXT(assessment_request, "assessment_name", told.name),
    FIELD(MLFLOW_JSON, assessment_request, "source", told.source),
    FIELD(MLFLOW_JSON, assessment_request, "metadata", told.metadata),
    FIELD(MLFLOW_JSON, assessment_request, "feedback", feedback),
    FIELD(MLFLOW_JSON, assessment_request, "expectation", expectation),
    TEXT(assessment_request, "rationale", told.rationale),
    TEXT(assessment_request, "span_id", told.span_id),
    TEXT(assessment_request, "overrides", told.overrides),
    TEXT(assessment_request, "create_time", created),
    TEXT(assessment_request, "last_update_time", updated),
    {0}};
static const mlflow_field assess_fields[] = {
    MLFLOW_TEXT_FIELD(assessment_request, "trace_id", trace_id, true),
    TEXT(assessment_request, "assessment_id", id),
    WITHIN("assessment", true, assessment_fields),
    TEXT(assessment_request, "update_mask", mask),
    {0}};
static const mlflow_field assessment_id_fields[] = {
    MLFLOW_TEXT_FIELD(assessment_request, "trace_id", trace_id, true),
    MLFLOW_TEXT_FIELD(assessment_request, "assessment_id", id, true),
    {0}};

static const mlflow_field experiment_fields[] = {
    MLFLOW_TEXT_FIELD(trace_request, "experiment_id", experiment, true), {0}};
static const mlflow_field place_fields[] = {WITHIN("mlflow_experiment", true, experiment_fields),
                                            {0}};
static const mlflow_field info_fields[] = {
    MLFLOW_TEXT_FIELD(trace_request, "trace_id", told.trace_id, true),
    WITHIN("trace_location", true, place_fields),
    MLFLOW_TEXT_FIELD(trace_request, "request_time", started, true),
    TEXT(trace_request, "execution_duration", duration),
    {"state", MLFLOW_ENUM, offsetof(trace_request, state), false, NULL, 0, states, NULL},
    TEXT(trace_request, "client_request_id", told.client_request_id),
    TEXT(trace_request, "request_preview", told.request),
    TEXT(trace_request, "response_preview", told.response),
    FIELD(MLFLOW_MAP, trace_request, "tags", told.tags),
    FIELD(MLFLOW_MAP, trace_request, "trace_metadata", told.metadata),
    MLFLOW_LIST_FIELD(trace_request, "assessments", assessments, false, assessment_fields,
                      assessment_request),
    {0}};
static const mlflow_field trace_fields[] = {WITHIN("trace_info", true, info_fields), {0}};
static const mlflow_field start_fields[] = {WITHIN("trace", true, trace_fields), {0}};
static const mlflow_field id_fields[] = {
    MLFLOW_TEXT_FIELD(trace_request, "trace_id", trace_id, true), {0}};
static const mlflow_field ids_fields[] = {
    FIELD(MLFLOW_TEXTS, trace_request, "trace_ids", trace_ids), {0}};
static const mlflow_field tag_fields[] = {
    MLFLOW_TEXT_FIELD(trace_request, "trace_id", trace_id, true),
    MLFLOW_TEXT_FIELD(trace_request, "key", pair.key, true),
    TEXT(trace_request, "value", pair.value),
    {0}};
static const mlflow_field prompt_fields[] = {
    MLFLOW_TEXT_FIELD(mw_prompt_name, "name", name, true),
    MLFLOW_TEXT_FIELD(mw_prompt_name, "version", version, true),
    {0}};
static const mlflow_field link_prompts_fields[] = {
    MLFLOW_TEXT_FIELD(trace_request, "trace_id", trace_id, true),
    MLFLOW_LIST_FIELD(trace_request, "prompt_versions", prompts, true, prompt_fields,
                      mw_prompt_name),
    {0}};
static const mlflow_field link_fields[] = {
    FIELD(MLFLOW_TEXTS, trace_request, "trace_ids", trace_ids),
    MLFLOW_RUN_ID_FIELD(trace_request, run_id),
    {0}};
static const mlflow_field delete_fields[] = {
    MLFLOW_TEXT_FIELD(trace_request, "experiment_id", wish.experiment, true),
    FIELD(MLFLOW_INT, trace_request, "max_timestamp_millis", wish.until_ms),
    FIELD(MLFLOW_INT, trace_request, "max_traces", wish.n_most),
    FIELD(MLFLOW_TEXTS, trace_request, "request_ids", wish.trace_ids),
    {0}};

/* ---- answers --------------------------------------------------------------------------------- */

static void put_map(mw_buf *out, const char *name, const mw_tags *pairs)
{
    if (pairs->count == 0)
        return;
    mlflow_put_name(out, name);
    mw_buf_char(out, '{');
    for (size_t i = 0; i < pairs->count; i++) {
        mw_buf_text(out, i ? "," : "");
        mw_json_write_text(out, pairs->items[i].key);
        mw_buf_char(out, ':');
        mw_json_write_text(out, pairs->items[i].value);
    }
    mw_buf_char(out, '}');
}

static void put_time(mw_buf *out, const char *name, int64_t wall_ms)
{
    mlflow_put_name(out, name);
    mw_buf_char(out, '"');
    mw_clock_write_utc(out, wall_ms);
    mw_buf_char(out, '"');
}

static void put_json(mw_buf *out, const char *name, mw_view json)
{
    if (!json.data)
        return;
    mlflow_put_name(out, name);
    mw_buf_view(out, json);
}

static void put_told(mw_buf *out, mw_view trace_id, const mw_assessment *a)
{
    mw_buf_char(out, '{');
    mlflow_put_text(out, "assessment_id", a->id);
    mlflow_put_text(out, "assessment_name", a->name);
    mlflow_put_text(out, "trace_id", trace_id);
    mlflow_put_text(out, "span_id", a->span_id);
    put_json(out, "source", a->source);
    put_time(out, "create_time", a->created);
    put_time(out, "last_update_time", a->updated);
    put_json(out, a->is_expectation ? "expectation" : "feedback", a->payload);
    mlflow_put_text(out, "rationale", a->rationale);
    put_json(out, "metadata", a->metadata);
    mlflow_put_text(out, "overrides", a->overrides);
    mlflow_put_name(out, "valid");
    mw_buf_text(out, a->is_valid ? "true}" : "false}");
}

static void put_assessments(mw_buf *out, const mw_trace *trace)
{
    if (trace->assessments.count == 0)
        return;
    mlflow_put_name(out, "assessments");
    mw_buf_char(out, '[');
    for (size_t i = 0; i < trace->assessments.count; i++) {
        mw_buf_text(out, i ? "," : "");
        put_told(out, trace->trace_id, &trace->assessments.items[i]);
    }
    mw_buf_char(out, ']');
}

void mlflow_put_trace_info(mw_buf *out, const void *item)
{
    const mw_trace *trace = item;
    mw_buf_char(out, '{');
    mlflow_put_text(out, "trace_id", trace->trace_id);
    mlflow_put_text(out, "client_request_id", trace->client_request_id);
    mlflow_put_name(out, "trace_location");
    mw_buf_text(out, "{\"type\":\"MLFLOW_EXPERIMENT\",\"mlflow_experiment\":{");
    mlflow_put_id(out, "experiment_id", trace->experiment);
    mw_buf_text(out, "}}");
    mlflow_put_text(out, "request_preview", trace->request);
    mlflow_put_text(out, "response_preview", trace->response);
    put_time(out, "request_time", trace->started);
    if (trace->duration >= 0)
        mw_buf_format(out, ",\"execution_duration\":\"%lld.%03llds\"",
                      (long long)trace->duration / 1000, (long long)trace->duration % 1000);
    mlflow_put_text(out, "state", trace->state);
    put_map(out, "trace_metadata", &trace->metadata);
    put_map(out, "tags", &trace->tags);
    put_assessments(out, trace);
    mw_buf_char(out, '}');
}

static void put_trace(mw_buf *out, const void *item)
{
    mw_buf_text(out, "{\"trace_info\":");
    mlflow_put_trace_info(out, item);
    mw_buf_char(out, '}');
}

static mw_status answer_trace(mlflow_turn *turn, mw_status status, const mw_trace *trace)
{
    return mlflow_answer_one(turn, status, "trace", trace, put_trace);
}

static mw_status answer_assessment(mlflow_turn *turn, mw_view trace_id, mw_status status,
                                   const mw_assessment *assessment)
{
    if (status != MW_OK)
        return status;
    mw_buf_text(turn->out, "{\"assessment\":");
    put_told(turn->out, trace_id, assessment);
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

/* ---- what a request says --------------------------------------------------------------------- */

static mw_status read_time(mw_view text, const char *name, int64_t *ret_ms, mw_error *err)
{
    if (!text.data || mw_clock_read_utc(text, ret_ms))
        return MW_OK;
    mw_fail(err, MW_E_RECORD_VALUE, "Invalid value '%.*s' for parameter '%s' supplied.",
            (int)(text.size < 60 ? text.size : 60), text.data, name);
    return mw_mend(err, "write a time as 2027-01-31T12:00:00.250Z");
}

static mw_status read_duration(mw_view text, int64_t *ret_ms, mw_error *err)
{
    double seconds = 0;
    if (!text.data)
        return MW_OK;
    if (text.size > 1 && text.data[text.size - 1] == 's' &&
        mw_number_parse(text.data, text.size - 1, &seconds) && seconds >= 0 && seconds < 1e12) {
        *ret_ms = (int64_t)(seconds * 1000 + 0.5);
        return MW_OK;
    }
    mw_fail(err, MW_E_RECORD_VALUE,
            "Invalid value '%.*s' for parameter 'execution_duration' supplied.",
            (int)(text.size < 60 ? text.size : 60), text.data);
    return mw_mend(err, "write seconds and an s: 0.250s");
}

/* Copied, or absent when memory is gone. */
static mw_view keep_node(mw_arena *arena, const mw_json *node)
{
    mw_buf out;
    mw_view text = mw_json_text(node);
    mw_buf_init(&out, MW_LIMIT_BODY_BYTES);
    double number;
    int64_t whole;
    if (mw_json_is_text(node))
        mw_buf_view(&out, text);
    else if (mw_json_number(node, &number) && !mw_json_integer(node, &whole))
        mw_json_write_double(&out, number); /* 0.9, as it was written */
    else
        mw_json_write_node(&out, node);
    char *kept = out.failed ? NULL : mw_arena_text(arena, mw_buf_as_view(&out));
    mw_view found = {kept, kept ? out.size : 0};
    mw_buf_done(&out);
    return found;
}

/* What is searched of {"value": 0.5} or {"serialized_value": {"value": "[1]"}}. */
static mw_status read_payload(mlflow_turn *turn, mw_view payload, mw_assessment *told,
                              mw_error *err)
{
    mw_json *root;
    MW_TRY(mw_json_read(payload, &root, err));
    const mw_json *value = mw_json_member(root, "value");
    if (!value)
        value = mw_json_member(mw_json_member(root, "serialized_value"), "value");
    bool is_object = mw_json_is_object(root);
    mw_view kept = value ? keep_node(turn->exchange->arena, value) : MW_VIEW("");
    told->is_number = value && mw_json_number(value, &told->number);
    mw_json_free(root);
    if (!is_object)
        return mw_fail(err, MW_E_RECORD_VALUE,
                       "Invalid value for parameter 'assessment.feedback' supplied: Hint: Value "
                       "was not of type 'dict'.");
    told->value = kept;
    return kept.data ? MW_OK : mw_fail_memory(err, "the request");
}

/* Of the request its assessment. */
static mw_status read_told(mlflow_turn *turn, assessment_request *q, mw_error *err)
{
    if (q->feedback.data && q->expectation.data)
        return mw_fail(err, MW_E_RECORD_VALUE,
                       "Cannot specify both `expectation` and `feedback` parameters.");
    q->told.is_expectation = q->expectation.data;
    q->told.payload = q->expectation.data ? q->expectation : q->feedback;
    MW_TRY(read_time(q->created, "assessment.create_time", &q->told.created, err));
    MW_TRY(read_time(q->updated, "assessment.last_update_time", &q->told.updated, err));
    return q->told.payload.data ? read_payload(turn, q->told.payload, &q->told, err) : MW_OK;
}

static mw_status read_new(mlflow_turn *turn, assessment_request *q, mw_error *err)
{
    MW_TRY(read_told(turn, q, err));
    if (q->told.name.size == 0)
        return mw_fail(err, MW_E_RECORD_VALUE,
                       "Missing value for required parameter 'assessment.assessment_name'.");
    if (!q->told.payload.data)
        return mw_fail(err, MW_E_RECORD_VALUE,
                       "Missing value for required parameter 'assessment.feedback'.");
    if (!q->told.source.data)
        q->told.source = MW_VIEW("{}");
    return MW_OK;
}

/* ---- traces ---------------------------------------------------------------------------------- */

static mw_status start(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_trace made;
    trace_request *q = turn->request;
    q->told.state = q->state ? mw_view_of(states[q->state - 1]) : MW_VIEW("STATE_UNSPECIFIED");
    q->told.duration = -1;
    MW_TRY(read_time(q->started, "trace.trace_info.request_time", &q->told.started, err));
    MW_TRY(read_duration(q->duration, &q->told.duration, err));
    size_t n = q->assessments.count;
    mw_assessment *told = mw_arena_take_zeroed(turn->exchange->arena, n, sizeof *told);
    if (!told)
        return mw_fail_memory(err, "the request");
    for (size_t i = 0; i < n; i++) {
        MW_TRY(read_new(turn, &q->assessments.items[i], err));
        told[i] = q->assessments.items[i].told;
    }
    q->told.assessments.items = told;
    q->told.assessments.count = n;
    mw_view before;
    MW_TRY(mw_record_experiment_of_trace(record, q->told.trace_id, &before, err));
    mw_status status = mw_record_put_trace(record, q->experiment, &q->told, &made, err);
    if (status == MW_OK && before.data && !mw_view_equal(before, q->experiment))
        MW_TRY(mlflow_may_edit_experiment(turn, before, err)); /* it was moved from there */
    return answer_trace(turn, status, &made);
}

static mw_status get(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_trace trace;
    const trace_request *q = turn->request;
    return answer_trace(turn, mw_record_trace(record, q->trace_id, &trace, err), &trace);
}

static mw_status get_many(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_traces found;
    const trace_request *q = turn->request;
    MW_TRY(mw_record_traces(record, &q->trace_ids, &found, err));
    MLFLOW_ANSWER_LIST(turn, "trace_infos", &found, mlflow_put_trace_info);
    return MW_OK;
}

static mw_status set_tag(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const trace_request *q = turn->request;
    return mlflow_answer_nothing(turn, mw_record_tag_trace(record, q->trace_id, &q->pair, err));
}

static mw_status delete_tag(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const trace_request *q = turn->request;
    return mlflow_answer_nothing(turn,
                                 mw_record_untag_trace(record, q->trace_id, q->pair.key, err));
}

static mw_status link_run(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const trace_request *q = turn->request;
    return mlflow_answer_nothing(turn,
                                 mw_record_link_traces(record, &q->trace_ids, q->run_id, err));
}

static mw_status link_prompts(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const trace_request *q = turn->request;
    return mlflow_answer_nothing(turn,
                                 mw_record_link_prompts(record, q->trace_id, &q->prompts, err));
}

static mw_status delete_traces(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    int64_t n;
    const trace_request *q = turn->request;
    MW_TRY(mw_record_delete_traces(record, &q->wish, &n, err));
    mw_buf_format(turn->out, "{\"traces_deleted\":%lld}", (long long)n);
    return MW_OK;
}

/* ---- searching ------------------------------------------------------------------------------- */

typedef struct search_request {
    mw_search search; /* first: roles narrow it (mlflow_objects.c) */
    struct {
        mw_view *items;
        size_t count;
    } places; /* a text each: an experiment's id */
} search_request;

typedef struct one_place {
    mw_view experiment;
} one_place;

static const mlflow_field searched_fields[] = {
    MLFLOW_TEXT_FIELD(one_place, "experiment_id", experiment, true), {0}};
static const mlflow_field searched_place_fields[] = {
    WITHIN("mlflow_experiment", true, searched_fields), {0}};
static const mlflow_field search_fields[] = {
    MLFLOW_LIST_FIELD(search_request, "locations", places, false, searched_place_fields, one_place),
    FIELD(MLFLOW_INT, search_request, "max_results", search.max_results),
    TEXT(search_request, "filter", search.filter),
    TEXT(search_request, "page_token", search.page_token),
    FIELD(MLFLOW_TEXTS, search_request, "order_by", search.order_by),
    {0}};

static mw_status search(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    enum { USUAL_RESULTS = 100 };
    mw_traces found;
    mw_view token;
    search_request *asked = turn->request;
    if (asked->search.max_results == 0)
        asked->search.max_results = USUAL_RESULTS;
    asked->search.experiments = (mw_texts){asked->places.items, asked->places.count};
    MW_TRY(mw_record_search_traces(record, &asked->search, &found, &token, err));
    MLFLOW_ANSWER_PAGE(turn, "traces", &found, mlflow_put_trace_info, token);
    return MW_OK;
}

/* ---- assessments ----------------------------------------------------------------------------- */

static mw_status assess(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_assessment made;
    assessment_request *q = turn->request;
    MW_TRY(read_new(turn, q, err));
    return answer_assessment(turn, q->trace_id,
                             mw_record_assess(record, q->trace_id, &q->told, &made, err), &made);
}

static mw_status get_assessment(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_assessment found;
    const assessment_request *q = turn->request;
    return answer_assessment(turn, q->trace_id,
                             mw_record_assessment(record, q->trace_id, q->id, &found, err), &found);
}

/* "assessmentName,feedback": only these are meant; nothing said: all that is there. */
static bool is_meant(mw_view mask, const char *snake, const char *camel)
{
    if (mask.size == 0)
        return true;
    while (mask.size > 0) {
        mw_view one = mw_view_trim(mw_view_cut(&mask, ','));
        if (mw_view_is(one, snake) || mw_view_is(one, camel))
            return true;
    }
    return false;
}

static void drop_unmeant(assessment_request *q)
{
    const struct {
        const char *snake, *camel;
        mw_view *place;
    } parts[] = {{"assessment_name", "assessmentName", &q->told.name},
                 {"feedback", "feedback", &q->feedback},
                 {"expectation", "expectation", &q->expectation},
                 {"rationale", "rationale", &q->told.rationale},
                 {"metadata", "metadata", &q->told.metadata}};
    for (size_t i = 0; i < MW_COUNT(parts); i++)
        if (!is_meant(q->mask, parts[i].snake, parts[i].camel))
            *parts[i].place = (mw_view){NULL, 0};
}

static void put_members(mw_buf *out, const mw_json *object, const mw_json *without)
{
    void *cursor = NULL;
    mw_view key;
    const mw_json *value;
    while (mw_json_next(object, &cursor, &key, &value)) {
        if (without && mw_json_member(without, key.data))
            continue;
        mw_buf_text(out, out->size > 1 ? "," : "");
        mw_json_write_text(out, key);
        mw_buf_char(out, ':');
        mw_json_write_node(out, value);
    }
}

/* Keys of the old one stay unless the new one has them. */
static mw_status merge(mw_arena *arena, mw_view old, mw_view *given, mw_error *err)
{
    mw_buf out;
    mw_json *before, *after;
    if (!old.data || !given->data)
        return MW_OK;
    MW_TRY(mw_json_read(old, &before, err));
    mw_status status = mw_json_read(*given, &after, err);
    if (status == MW_OK) {
        mw_buf_init(&out, MW_LIMIT_BODY_BYTES);
        mw_buf_char(&out, '{');
        put_members(&out, before, after);
        put_members(&out, after, NULL);
        mw_buf_char(&out, '}');
        char *kept = out.failed ? NULL : mw_arena_text(arena, mw_buf_as_view(&out));
        *given = (mw_view){kept, kept ? out.size : 0};
        status = kept ? MW_OK : mw_fail_memory(err, "the request");
        mw_buf_done(&out);
        mw_json_free(after);
    }
    mw_json_free(before);
    return status;
}

static mw_status change_assessment(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_assessment was, is;
    assessment_request *q = turn->request;
    drop_unmeant(q);
    MW_TRY(read_told(turn, q, err));
    MW_TRY(mw_record_assessment(record, q->trace_id, q->id, &was, err));
    MW_TRY(merge(turn->exchange->arena, was.metadata, &q->told.metadata, err));
    return answer_assessment(
        turn, q->trace_id,
        mw_record_change_assessment(record, q->trace_id, q->id, &q->told, &is, err), &is);
}

static mw_status delete_assessment(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const assessment_request *q = turn->request;
    return mlflow_answer_nothing(turn,
                                 mw_record_delete_assessment(record, q->trace_id, q->id, err));
}

/* ---- the table ------------------------------------------------------------------------------- */

#define TRACE(methods, path, access, handler, fields, type, summary)                   \
    {                                                                                  \
        methods, "/mlflow/traces" path, access, handler, fields, sizeof(type), summary \
    }
#define ASSESSMENT "/{trace_id}/assessments/{assessment_id}"

const mlflow_call mlflow_trace_calls[] = {
    TRACE(MLFLOW_POSTS, "", MLFLOW_WRITES, start, start_fields, trace_request,
          "Tell a trace that is over"),
    TRACE(MLFLOW_POSTS, "/search", MLFLOW_READS, search, search_fields, search_request,
          "Search traces"),
    TRACE(MLFLOW_POSTS, "/delete-traces", MLFLOW_WRITES, delete_traces, delete_fields,
          trace_request, "Delete traces with their spans"),
    TRACE(MLFLOW_POSTS, "/link-prompts", MLFLOW_WRITES, link_prompts, link_prompts_fields,
          trace_request, "Tell which versions of prompts a trace was made with"),
    TRACE(MLFLOW_POSTS, "/link-to-run", MLFLOW_WRITES, link_run, link_fields, trace_request,
          "Say that traces belong to a run"),
    TRACE(MLFLOW_GETS, "/batchGetInfos", MLFLOW_READS, get_many, ids_fields, trace_request,
          "Several traces"),
    TRACE(MLFLOW_GETS, "/{trace_id}", MLFLOW_READS, get, id_fields, trace_request, "A trace"),
    TRACE(1u << MW_PATCH, "/{trace_id}/tags", MLFLOW_WRITES, set_tag, tag_fields, trace_request,
          "Tag a trace"),
    TRACE(1u << MW_DELETE, "/{trace_id}/tags", MLFLOW_WRITES, delete_tag, tag_fields, trace_request,
          "Take a tag off a trace"),
    TRACE(MLFLOW_POSTS, "/{trace_id}/assessments", MLFLOW_WRITES, assess, assess_fields,
          assessment_request, "Judge a trace, or say what it should have answered"),
    TRACE(MLFLOW_GETS, ASSESSMENT, MLFLOW_READS, get_assessment, assessment_id_fields,
          assessment_request, "An assessment"),
    TRACE(1u << MW_PATCH, ASSESSMENT, MLFLOW_WRITES, change_assessment, assess_fields,
          assessment_request, "Change an assessment"),
    TRACE(1u << MW_DELETE, ASSESSMENT, MLFLOW_WRITES, delete_assessment, assessment_id_fields,
          assessment_request, "Delete an assessment"),
};
const size_t mlflow_n_trace_calls = MW_COUNT(mlflow_trace_calls);
