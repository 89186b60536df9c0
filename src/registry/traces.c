/* Traces: made, found, changed, searched, deleted; what is said about them. */
#include "record.h"
#include "search.h"

enum { TRACE_ID_MAX = 250, TRACE_TAG_MAX = 8000, DELETED_MAX = 100000, LINKS_MAX = 100 };

#define COLUMNS                                                                      \
    "t.id, t.experiment, t.started, coalesce(t.duration, -1), t.trace_id, t.state, " \
    "t.client_request_id, t.request, t.response, t.told"
#define ASSESSMENT_COLUMNS                                                           \
    "assessment_id, key, kind, valid, value, payload, source, metadata, rationale, " \
    "span_id, overrides, created, updated"

/* ---- reading --------------------------------------------------------------------------------- */

static void read_columns(const mw_rows *rows, record_memory *memory, mw_trace *ret_trace)
{
    *ret_trace = (mw_trace){.row = mw_rows_int(rows, 0),
                            .experiment = mw_rows_int(rows, 1),
                            .started = mw_rows_int(rows, 2),
                            .duration = mw_rows_int(rows, 3),
                            .trace_id = record_column(memory, rows, 4),
                            .state = record_column(memory, rows, 5),
                            .client_request_id = record_column(memory, rows, 6),
                            .request = record_column(memory, rows, 7),
                            .response = record_column(memory, rows, 8),
                            .is_told = mw_rows_int(rows, 9) != 0};
}

static void read_assessment(const mw_rows *rows, record_memory *memory, mw_assessment *ret)
{
    *ret = (mw_assessment){.id = record_column(memory, rows, 0),
                           .name = record_column(memory, rows, 1),
                           .is_expectation = mw_view_is(mw_rows_text(rows, 2), "expectation"),
                           .is_valid = mw_rows_int(rows, 3) != 0,
                           .value = record_column(memory, rows, 4),
                           .payload = record_column(memory, rows, 5),
                           .source = record_column(memory, rows, 6),
                           .metadata = record_column(memory, rows, 7),
                           .rationale = record_column(memory, rows, 8),
                           .span_id = record_column(memory, rows, 9),
                           .overrides = record_column(memory, rows, 10),
                           .created = mw_rows_int(rows, 11),
                           .updated = mw_rows_int(rows, 12)};
}

static mw_status load_rest(mw_record *record, mw_trace *trace, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT key, value FROM trace_tags WHERE trace = ?", "i", trace->row));
    MW_TRY(record_read_tags(&rows, &memory, &trace->tags, err));
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT key, value FROM trace_metadata WHERE trace = ?", "i", trace->row));
    MW_TRY(record_read_tags(&rows, &memory, &trace->metadata, err));
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " ASSESSMENT_COLUMNS
                        " FROM trace_assessments WHERE trace = ? ORDER BY id",
                        "i", trace->row));
    while (mw_rows_next(&rows)) {
        mw_assessment *assessment = RECORD_PUSH(&memory, &trace->assessments);
        if (!assessment)
            break;
        read_assessment(&rows, &memory, assessment);
    }
    return record_close(&rows, &memory, err);
}

mw_status record_find_trace(mw_record *record, mw_view trace_id, mw_trace *ret_trace,
                            bool *ret_found, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " COLUMNS " FROM traces t WHERE t.trace_id = ?", "t", trace_id));
    *ret_found = mw_rows_next(&rows);
    if (*ret_found)
        read_columns(&rows, &memory, ret_trace);
    return record_close(&rows, &memory, err);
}

/* Its columns alone. */
static mw_status need_trace(mw_record *record, mw_view trace_id, mw_trace *ret_trace, mw_error *err)
{
    bool found;
    MW_TRY(record_find_trace(record, trace_id, ret_trace, &found, err));
    return found ? MW_OK
                 : record_unknown(err, "Trace with ID '%.*s' not found.",
                                  MW_VIEW_ARG(record_cut(trace_id, 80)));
}

mw_status mw_record_trace(mw_record *record, mw_view trace_id, mw_trace *ret_trace, mw_error *err)
{
    MW_TRY(need_trace(record, trace_id, ret_trace, err));
    return load_rest(record, ret_trace, err);
}

mw_status mw_record_traces(mw_record *record, const mw_texts *trace_ids, mw_traces *ret_found,
                           mw_error *err)
{
    record_memory memory = {record->arena, false};
    mw_traces found = {0};
    for (size_t i = 0; i < trace_ids->count; i++) {
        mw_trace trace;
        bool is_there;
        MW_TRY(record_find_trace(record, trace_ids->items[i], &trace, &is_there, err));
        if (!is_there)
            continue;
        MW_TRY(load_rest(record, &trace, err));
        mw_trace *place = RECORD_PUSH(&memory, &found);
        if (!place)
            return mw_fail_memory(err, "the traces");
        *place = trace;
    }
    *ret_found = found;
    return MW_OK;
}

mw_status mw_record_experiment_of_trace(mw_record *record, mw_view trace_id,
                                        mw_view *ret_experiment, mw_error *err)
{
    mw_trace trace;
    bool found;
    MW_TRY(record_find_trace(record, trace_id, &trace, &found, err));
    *ret_experiment =
        found ? record_words(record, "%lld", (long long)trace.experiment) : RECORD_NOTHING;
    return MW_OK;
}

/* ---- making ---------------------------------------------------------------------------------- */

/* It is a part of a path. */
static mw_status check_id(mw_view id, mw_error *err)
{
    bool fits = id.size > 0 && id.size <= TRACE_ID_MAX;
    for (size_t i = 0; i < id.size && fits; i++)
        fits = (id.data[i] >= '0' && id.data[i] <= '9') || id.data[i] == '-' || id.data[i] == '_' ||
               ((id.data[i] | 0x20) >= 'a' && (id.data[i] | 0x20) <= 'z');
    if (fits)
        return MW_OK;
    record_refuse(err, "Invalid trace ID: '%.*s'.", MW_VIEW_ARG(record_cut(id, 80)));
    return mw_mend(err, "letters, digits, '-' and '_' are taken, %d of them at most", TRACE_ID_MAX);
}

mw_status record_put_trace_tag(mw_record *record, int64_t row, const mw_tag *tag, mw_error *err)
{
    mw_view value = tag->value.data ? record_cut(tag->value, TRACE_TAG_MAX) : MW_VIEW("");
    MW_TRY(record_check_length(tag->key, RECORD_KEY_MAX, "key", err));
    if (mw_view_is(tag->key, "mlflow.traceName"))
        MW_TRY(mw_sql_run(record->session, err, "UPDATE traces SET name = ? WHERE id = ?", "ti",
                          value, row));
    return mw_sql_run(record->session, err,
                      "INSERT INTO trace_tags(trace, key, value) VALUES(?, ?, ?)"
                      " ON CONFLICT(trace, key) DO UPDATE SET value = excluded.value",
                      "itt", row, tag->key, value);
}

static mw_status put_run(mw_record *record, int64_t row, mw_view run_id, mw_error *err)
{
    return mw_sql_run(record->session, err,
                      "INSERT OR IGNORE INTO trace_runs(trace, run_id) VALUES(?, ?)", "it", row,
                      run_id);
}

static mw_status put_metadata(mw_record *record, int64_t row, const mw_tag *pair, mw_error *err)
{
    mw_view value = pair->value.data ? record_cut(pair->value, TRACE_TAG_MAX) : MW_VIEW("");
    MW_TRY(record_check_length(pair->key, RECORD_KEY_MAX, "key", err));
    if (mw_view_is(pair->key, "mlflow.sourceRun"))
        MW_TRY(put_run(record, row, value, err));
    return mw_sql_run(record->session, err,
                      "INSERT INTO trace_metadata(trace, key, value) VALUES(?, ?, ?)"
                      " ON CONFLICT(trace, key) DO UPDATE SET value = excluded.value",
                      "itt", row, pair->key, value);
}

mw_status mw_record_set_trace_metadata(mw_record *record, int64_t trace, const mw_tag *pair,
                                       mw_error *err)
{
    return put_metadata(record, trace, pair, err);
}

/* "mlflow-artifacts:/1/traces/tr-..." */
mw_view record_trace_place(mw_record *record, const mw_experiment *experiment, mw_view trace_id,
                           const char *end)
{
    return record_words(record, "%.*s/traces/%.*s%s", MW_VIEW_ARG(experiment->location),
                        MW_VIEW_ARG(trace_id), end);
}

static mw_status put_row(mw_record *record, int64_t experiment, const mw_trace *wanted,
                         int64_t *ret_row, mw_error *err)
{
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO traces(trace_id, experiment, state, started, duration,"
                      " client_request_id, request, response, told)"
                      " VALUES(?, ?, ?, ?, nullif(?, -1), ?, ?, ?, 1)"
                      " ON CONFLICT(trace_id) DO UPDATE SET state = excluded.state, told = 1,"
                      " experiment = excluded.experiment,"
                      " started = excluded.started, duration = excluded.duration,"
                      " client_request_id = excluded.client_request_id,"
                      " request = coalesce(excluded.request, traces.request),"
                      " response = coalesce(excluded.response, traces.response) RETURNING id",
                      "titiittt", wanted->trace_id, experiment, wanted->state, wanted->started,
                      wanted->duration < 0 ? (int64_t)-1 : wanted->duration,
                      wanted->client_request_id, wanted->request, wanted->response));
    *ret_row = mw_sql_new_id(record->session);
    return MW_OK;
}

mw_status mw_record_put_trace(mw_record *record, mw_view experiment_id, const mw_trace *wanted,
                              mw_trace *ret_trace, mw_error *err)
{
    mw_experiment experiment;
    mw_trace before;
    mw_assessment assessment;
    bool was_there;
    int64_t row;
    MW_TRY(check_id(wanted->trace_id, err));
    MW_TRY(mw_record_experiment(record, experiment_id, &experiment, err));
    if (experiment.is_deleted)
        return record_refuse(err,
                             "The experiment %.*s must be in the 'active' state. Current "
                             "state is deleted.",
                             MW_VIEW_ARG(experiment_id));
    MW_TRY(record_find_trace(record, wanted->trace_id, &before, &was_there, err));
    if (was_there && before.experiment != experiment.id && before.is_told)
        return record_refuse(err, "Trace with ID '%.*s' belongs to another experiment.",
                             MW_VIEW_ARG(wanted->trace_id));
    MW_TRY(put_row(record, experiment.id, wanted, &row, err));
    for (size_t i = 0; i < wanted->tags.count; i++)
        MW_TRY(record_put_trace_tag(record, row, &wanted->tags.items[i], err));
    for (size_t i = 0; i < wanted->metadata.count; i++)
        MW_TRY(put_metadata(record, row, &wanted->metadata.items[i], err));
    mw_tag place = {MW_VIEW("mlflow.artifactLocation"),
                    record_trace_place(record, &experiment, wanted->trace_id, "/artifacts")};
    MW_TRY(record_put_trace_tag(record, row, &place, err));
    for (size_t i = 0; i < wanted->assessments.count && !was_there; i++)
        MW_TRY(mw_record_assess(record, wanted->trace_id, &wanted->assessments.items[i],
                                &assessment, err));
    return mw_record_trace(record, wanted->trace_id, ret_trace, err);
}

/* ---- changing -------------------------------------------------------------------------------- */

mw_status mw_record_tag_trace(mw_record *record, mw_view trace_id, const mw_tag *tag, mw_error *err)
{
    mw_trace trace;
    MW_TRY(need_trace(record, trace_id, &trace, err));
    return record_put_trace_tag(record, trace.row, tag, err);
}

mw_status mw_record_untag_trace(mw_record *record, mw_view trace_id, mw_view key, mw_error *err)
{
    mw_trace trace;
    MW_TRY(need_trace(record, trace_id, &trace, err));
    MW_TRY(mw_sql_run(record->session, err, "DELETE FROM trace_tags WHERE trace = ? AND key = ?",
                      "it", trace.row, key));
    if (mw_sql_changes(record->session) > 0)
        return MW_OK;
    return record_unknown(err, "No trace tag with key '%.*s' for trace with ID '%.*s'",
                          MW_VIEW_ARG(record_cut(key, 80)), MW_VIEW_ARG(trace_id));
}

mw_status mw_record_link_traces(mw_record *record, const mw_texts *trace_ids, mw_view run_id,
                                mw_error *err)
{
    mw_run_info run;
    mw_trace trace;
    if (trace_ids->count > LINKS_MAX)
        return record_refuse(err,
                             "Cannot link more than %d traces to a run in a single request. "
                             "Provided %zu traces.",
                             LINKS_MAX, trace_ids->count);
    MW_TRY(record_active_run(record, run_id, &run, err));
    for (size_t i = 0; i < trace_ids->count; i++) {
        MW_TRY(need_trace(record, trace_ids->items[i], &trace, err));
        MW_TRY(put_run(record, trace.row, run_id, err));
    }
    return MW_OK;
}

static mw_status link_prompt(mw_record *record, int64_t trace, const mw_prompt_name *prompt,
                             mw_error *err)
{
    int64_t version;
    if (mw_view_trim(prompt->name).size == 0)
        return record_refuse(err, "Missing value for required parameter 'prompt_versions.name'.");
    MW_TRY(record_check_length(prompt->name, RECORD_KEY_MAX, "prompt_versions.name", err));
    if (!record_number(prompt->version, &version))
        return record_refuse(err, "Invalid value '%.*s' for the version of a prompt",
                             MW_VIEW_ARG(record_cut(prompt->version, 60)));
    return mw_sql_run(
        record->session, err, "INSERT OR IGNORE INTO trace_prompts(trace, prompt) VALUES(?, ?)",
        "it", trace,
        record_words(record, "%.*s/%lld", MW_VIEW_ARG(prompt->name), (long long)version));
}

mw_status mw_record_link_prompts(mw_record *record, mw_view trace_id,
                                 const mw_prompt_names *prompts, mw_error *err)
{
    mw_trace trace;
    if (prompts->count > LINKS_MAX)
        return record_refuse(err, "Cannot link more than %d prompts in a single request.",
                             LINKS_MAX);
    MW_TRY(need_trace(record, trace_id, &trace, err));
    for (size_t i = 0; i < prompts->count; i++)
        MW_TRY(link_prompt(record, trace.row, &prompts->items[i], err));
    return MW_OK;
}

/* ---- deleting -------------------------------------------------------------------------------- */

static mw_status read_ids(mw_rows *rows, record_memory *memory, mw_texts *ids, mw_error *err)
{
    while (mw_rows_next(rows)) {
        mw_view *id = RECORD_PUSH(memory, ids);
        if (!id)
            break;
        *id = record_column(memory, rows, 0);
    }
    return record_close(rows, memory, err);
}

static mw_status find_old(mw_record *record, const mw_trace_wish *wish, int64_t experiment,
                          mw_texts *ret_ids, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    int64_t n_most = wish->n_most > 0 && wish->n_most < DELETED_MAX ? wish->n_most : DELETED_MAX;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT trace_id FROM traces WHERE experiment = ? AND started <= ?"
                        " ORDER BY started, trace_id LIMIT ?",
                        "iii", experiment, wish->until_ms, n_most));
    return read_ids(&rows, &memory, ret_ids, err);
}

/* Its files lie where we have put them, whatever its tags say by now. */
static mw_status delete_one(mw_record *record, const mw_experiment *experiment, mw_view trace_id,
                            int64_t *n_deleted, mw_error *err)
{
    MW_TRY(mw_sql_run(record->session, err,
                      "DELETE FROM traces WHERE trace_id = ? AND experiment = ?", "ti", trace_id,
                      experiment->id));
    if (mw_sql_changes(record->session) == 0)
        return MW_OK;
    mw_view files = mw_artifact_root(record_trace_place(record, experiment, trace_id, ""));
    ++*n_deleted;
    return files.data ? mw_record_delete_artifact(record, files, err) : MW_OK;
}

mw_status mw_record_delete_traces(mw_record *record, const mw_trace_wish *wish,
                                  int64_t *ret_n_deleted, mw_error *err)
{
    mw_experiment experiment;
    mw_texts ids = wish->trace_ids;
    int64_t n = 0;
    if ((ids.count > 0) == (wish->until_ms > 0))
        return record_refuse(err,
                             "Either `max_timestamp_millis` or `trace_ids` must be specified%s.",
                             ids.count > 0 ? ", but not both" : "");
    MW_TRY(mw_record_experiment(record, wish->experiment, &experiment, err));
    if (ids.count == 0)
        MW_TRY(find_old(record, wish, experiment.id, &ids, err));
    for (size_t i = 0; i < ids.count; i++)
        MW_TRY(delete_one(record, &experiment, ids.items[i], &n, err));
    *ret_n_deleted = n;
    if (n == 0)
        return MW_OK;
    return mw_record_note(record, "trace.delete",
                          record_words(record, "experiment %lld", (long long)experiment.id),
                          record_words(record, "%lld traces", (long long)n), RECORD_NOTHING, err);
}

/* ---- assessments ----------------------------------------------------------------------------- */

static mw_status set_valid(mw_record *record, int64_t trace, mw_view id, bool valid, mw_error *err)
{
    return mw_sql_run(
        record->session, err,
        "UPDATE trace_assessments SET valid = ? WHERE assessment_id = ? AND trace = ?", "iti",
        (int64_t)valid, id, trace);
}

/* So that feedback.score > 0.5 compares numbers; texts of digits are none. */
static mw_status put_number(mw_record *record, mw_view id, const mw_assessment *a, mw_error *err)
{
    if (a->is_number)
        return mw_sql_run(record->session, err,
                          "UPDATE trace_assessments SET number = ? WHERE assessment_id = ?", "dt",
                          a->number, id);
    return mw_sql_run(record->session, err,
                      "UPDATE trace_assessments SET number = NULL WHERE assessment_id = ? AND"
                      " number IS NOT NULL",
                      "t", id);
}

static mw_status put_assessment(mw_record *record, int64_t trace, mw_view id,
                                const mw_assessment *a, mw_error *err)
{
    int64_t now = mw_clock_wall_ms();
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO trace_assessments(assessment_id, trace, kind, key, value,"
                      " payload, source, metadata, rationale, span_id, overrides, valid, created,"
                      " updated) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)",
                      "titttttttttii", id, trace,
                      a->is_expectation ? MW_VIEW("expectation") : MW_VIEW("feedback"), a->name,
                      a->value, a->payload, a->source, a->metadata, a->rationale, a->span_id,
                      a->overrides, a->created > 0 ? a->created : now,
                      a->updated > 0 ? a->updated : now));
    return put_number(record, id, a, err);
}

mw_status mw_record_assess(mw_record *record, mw_view trace_id, const mw_assessment *wanted,
                           mw_assessment *ret_assessment, mw_error *err)
{
    mw_trace trace;
    char id[RECORD_ID_BYTES];
    MW_TRY(need_trace(record, trace_id, &trace, err));
    MW_TRY(record_check_length(wanted->name, RECORD_KEY_MAX, "assessment_name", err));
    if (wanted->overrides.data) {
        MW_TRY(mw_record_assessment(record, trace_id, wanted->overrides, ret_assessment, err));
        MW_TRY(set_valid(record, trace.row, wanted->overrides, false, err));
    }
    record_new_id(id);
    mw_view name = record_words(record, "a-%s", id);
    MW_TRY(put_assessment(record, trace.row, name, wanted, err));
    return mw_record_assessment(record, trace_id, name, ret_assessment, err);
}

mw_status mw_record_assessment(mw_record *record, mw_view trace_id, mw_view id,
                               mw_assessment *ret_assessment, mw_error *err)
{
    mw_rows rows;
    mw_trace trace;
    record_memory memory = {record->arena, false};
    MW_TRY(need_trace(record, trace_id, &trace, err));
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " ASSESSMENT_COLUMNS
                        " FROM trace_assessments WHERE assessment_id = ? AND trace = ?",
                        "ti", id, trace.row));
    bool found = mw_rows_next(&rows);
    if (found)
        read_assessment(&rows, &memory, ret_assessment);
    MW_TRY(record_close(&rows, &memory, err));
    return found ? MW_OK
                 : record_unknown(err, "Assessment with ID '%.*s' not found for trace '%.*s'",
                                  MW_VIEW_ARG(record_cut(id, 80)), MW_VIEW_ARG(trace_id));
}

mw_status mw_record_change_assessment(mw_record *record, mw_view trace_id, mw_view id,
                                      const mw_assessment *change, mw_assessment *ret_assessment,
                                      mw_error *err)
{
    mw_assessment was;
    MW_TRY(mw_record_assessment(record, trace_id, id, &was, err));
    if (change->payload.data && change->is_expectation != was.is_expectation)
        return record_refuse(err, "Cannot update %s value on %s assessment.",
                             change->is_expectation ? "expectation" : "feedback",
                             was.is_expectation ? "an Expectation" : "a Feedback");
    if (change->name.data)
        MW_TRY(record_check_length(change->name, RECORD_KEY_MAX, "assessment_name", err));
    MW_TRY(mw_sql_run(record->session, err,
                      "UPDATE trace_assessments SET key = coalesce(?, key),"
                      " value = coalesce(?, value), payload = coalesce(?, payload),"
                      " rationale = coalesce(?, rationale), metadata = coalesce(?, metadata),"
                      " updated = ? WHERE assessment_id = ?",
                      "tttttit", change->name, change->value, change->payload, change->rationale,
                      change->metadata, mw_clock_wall_ms(), id));
    if (change->value.data)
        MW_TRY(put_number(record, id, change, err));
    return mw_record_assessment(record, trace_id, id, ret_assessment, err);
}

mw_status mw_record_delete_assessment(mw_record *record, mw_view trace_id, mw_view id,
                                      mw_error *err)
{
    mw_trace trace;
    mw_assessment was;
    MW_TRY(need_trace(record, trace_id, &trace, err));
    if (mw_record_assessment(record, trace_id, id, &was, NULL) != MW_OK)
        return MW_OK; /* it is gone, as was wished */
    if (was.overrides.data)
        MW_TRY(set_valid(record, trace.row, was.overrides, true, err));
    return mw_sql_run(record->session, err,
                      "DELETE FROM trace_assessments WHERE assessment_id = ? AND trace = ?", "ti",
                      id, trace.row);
}

/* ---- searching ------------------------------------------------------------------------------- */

#define END "(t.started + coalesce(t.duration, 0))"

static const filter_attribute attributes[] = {
    {"timestamp_ms", "t.started", NULL, FILTER_NUMBER | FILTER_ORDERS},
    {"timestamp", "t.started", NULL, FILTER_NUMBER | FILTER_ORDERS},
    {"execution_time_ms", "t.duration", NULL, FILTER_NUMBER | FILTER_ORDERS | FILTER_NULLS},
    {"execution_time", "t.duration", NULL, FILTER_NUMBER | FILTER_ORDERS | FILTER_NULLS},
    {"end_time_ms", END, NULL, FILTER_NUMBER | FILTER_ORDERS},
    {"end_time", END, NULL, FILTER_NUMBER | FILTER_ORDERS},
    {"name", "t.name", NULL, FILTER_TEXT | FILTER_LIST | FILTER_ORDERS | FILTER_NULLS},
    {"status", "t.state", NULL, FILTER_TEXT | FILTER_LIST | FILTER_ORDERS},
    {"request_id", "t.trace_id", NULL, FILTER_TEXT | FILTER_LIST | FILTER_ORDERS},
    {"client_request_id", "t.client_request_id", NULL, FILTER_TEXT | FILTER_LIST},
    {"run_id", "l.run_id", "trace_runs l WHERE l.trace = t.id",
     FILTER_TEXT | FILTER_LIST | FILTER_LINKED},
    {"prompt", "q.prompt", "trace_prompts q WHERE q.trace = t.id", FILTER_TEXT | FILTER_LINKED},
};

static const filter_domain domain = {
    .attributes = attributes,
    .n_attributes = MW_COUNT(attributes),
    .entities = 1u << FILTER_ATTRIBUTE | 1u << FILTER_TRACE | 1u << FILTER_TAG |
                1u << FILTER_METADATA | 1u << FILTER_FEEDBACK | 1u << FILTER_EXPECTATION |
                1u << FILTER_SPAN,
    .nullable =
        1u << FILTER_TAG | 1u << FILTER_METADATA | 1u << FILTER_FEEDBACK | 1u << FILTER_EXPECTATION,
    .listed = 1u << FILTER_TAG | 1u << FILTER_METADATA | 1u << FILTER_SPAN_ATTRIBUTE,
    .lookups = {[FILTER_TAG] = {"trace_tags @", "@.trace = t.id"},
                [FILTER_METADATA] = {"trace_metadata @", "@.trace = t.id"},
                [FILTER_FEEDBACK] = {"trace_assessments @",
                                     "@.trace = t.id AND @.valid = 1 AND @.kind = 'feedback'"},
                [FILTER_EXPECTATION] = {"trace_assessments @", "@.trace = t.id AND @.valid = 1 AND"
                                                               " @.kind = 'expectation'"}},
};

/* A prompt is meant as a whole: MLflow's server takes = alone, and a name with its version. */
static mw_status check_prompts(const filter_clauses *clauses, mw_error *err)
{
    for (size_t i = 0; i < clauses->count; i++) {
        const filter_clause *clause = &clauses->items[i];
        const filter_attribute *attribute = clause->field.attribute;
        if (clause->field.entity != FILTER_ATTRIBUTE || !attribute ||
            strcmp(attribute->name, "prompt") != 0)
            continue;
        mw_view rest = clause->texts.count > 0 ? clause->texts.items[0] : MW_VIEW("");
        mw_view name = mw_view_cut(&rest, '/');
        if (clause->op == FILTER_EQ && name.size > 0 && rest.size > 0 &&
            !memchr(rest.data, '/', rest.size))
            continue;
        mw_fail(err, MW_E_RECORD_FILTER, "Invalid prompts filter");
        return mw_mend(err, "write prompt = 'name/version'");
    }
    return MW_OK;
}

static mw_status open_search(mw_record *record, const mw_search *search, search_query *query,
                             record_memory *memory, mw_rows *ret_rows, mw_error *err)
{
    static const search_tie ties[] = {{"timestamp_ms", "t.started DESC"},
                                      {"request_id", "t.trace_id"}};
    MW_TRY(search_begin(query, &domain, search, memory, RECORD_RESULTS_MAX, err));
    mw_buf_text(&query->where, "t.experiment IN (SELECT id FROM experiments WHERE deleted = 0)");
    mw_status status = check_prompts(&query->clauses, err);
    if (status == MW_OK)
        status = search_put_ids(query, "t.experiment", &search->experiments, err);
    search_put_seen(query, "t.experiment", MW_SCOPE_EXPERIMENT);
    if (status == MW_OK)
        status = search_put_filter(query, err);
    if (status == MW_OK)
        status = search_put_order(query, "t.started DESC, t.trace_id", ties, MW_COUNT(ties), err);
    if (status == MW_OK)
        status = search_open(query, record->session, COLUMNS, "traces t", ret_rows, err);
    search_end(query);
    return status;
}

mw_status mw_record_search_traces(mw_record *record, const mw_search *search, mw_traces *ret_found,
                                  mw_view *ret_token, mw_error *err)
{
    mw_rows rows;
    search_query query;
    record_memory memory = {record->arena, false};
    mw_traces found = {0};
    MW_TRY(open_search(record, search, &query, &memory, &rows, err));
    while (mw_rows_next(&rows)) {
        mw_trace *trace = RECORD_PUSH(&memory, &found);
        if (!trace)
            break;
        read_columns(&rows, &memory, trace);
    }
    MW_TRY(record_close(&rows, &memory, err));
    *ret_token = search_page(&query, &found.count, &memory);
    for (size_t i = 0; i < found.count; i++)
        MW_TRY(load_rest(record, &found.items[i], err));
    *ret_found = found;
    return memory.failed ? mw_fail_memory(err, "the traces") : MW_OK;
}
