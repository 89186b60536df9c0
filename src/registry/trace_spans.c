/* Spans: kept as they end, what they tell of their trace, read again. */
#include "record.h"

/* ---- keeping --------------------------------------------------------------------------------- */

typedef struct filling {
    int64_t span;
    const mw_tags *attributes;
} filling;

static void fill_attribute(void *user, size_t row, mw_value *ret_values)
{
    const filling *f = user;
    const mw_tag *tag = &f->attributes->items[row];
    ret_values[0] = (mw_value){.kind = MW_VALUE_INT, .integer = f->span};
    ret_values[1] = (mw_value){.kind = MW_VALUE_TEXT, .text = tag->key};
    ret_values[2] = (mw_value){.kind = MW_VALUE_TEXT, .text = tag->value};
}

static mw_status put_span(mw_record *record, int64_t trace, const mw_span *span, mw_error *err)
{
    MW_TRY(mw_sql_run(
        record->session, err,
        "INSERT INTO spans(trace, span_id, parent, name, type, status, started, ended, content)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, nullif(?, 0), ?) ON CONFLICT(trace, span_id) DO UPDATE SET"
        " parent = excluded.parent, name = excluded.name, type = excluded.type,"
        " status = excluded.status, started = excluded.started, ended = excluded.ended,"
        " content = excluded.content RETURNING id",
        "ittttt"
        "iit",
        trace, span->span_id, span->parent, span->name, span->type, span->status, span->started_ns,
        span->ended_ns, span->content));
    filling f = {mw_sql_new_id(record->session), &span->attributes};
    MW_TRY(mw_sql_post(record->session, err, "DELETE FROM span_attributes WHERE span = ?", "i",
                       f.span));
    return mw_sql_post_rows(record->session, err,
                            "INSERT INTO span_attributes(span, key, value) VALUES(?, ?, ?)", "itt",
                            span->attributes.count, fill_attribute, &f);
}

/* ---- what they tell of the trace ------------------------------------------------------------- */

static mw_status make_trace(mw_record *record, mw_view experiment_id, const mw_trace_part *part,
                            mw_trace *ret_trace, mw_error *err)
{
    mw_experiment experiment;
    bool found;
    MW_TRY(mw_record_experiment(record, experiment_id, &experiment, err));
    if (experiment.is_deleted)
        return record_refuse(err,
                             "The experiment %.*s must be in the 'active' state. Current "
                             "state is deleted.",
                             MW_VIEW_ARG(experiment_id));
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO traces(trace_id, experiment, state, started, told)"
                      " VALUES(?, ?, 'IN_PROGRESS', ?, 0)",
                      "tii", part->trace_id, experiment.id, part->started));
    MW_TRY(record_find_trace(record, part->trace_id, ret_trace, &found, err));
    mw_tag place = {MW_VIEW("mlflow.artifactLocation"),
                    record_trace_place(record, &experiment, part->trace_id, "/artifacts")};
    return record_put_trace_tag(record, ret_trace->row, &place, err);
}

/* The earliest begin and the latest end of the spans that are known, unless it was told. */
static void widen(mw_trace *trace, const mw_trace_part *part)
{
    int64_t end = trace->duration < 0 ? -1 : trace->started + trace->duration;
    if (trace->is_told)
        return;
    trace->started = part->started < trace->started ? part->started : trace->started;
    end = part->ended > end ? part->ended : end;
    trace->duration = end < trace->started ? -1 : end - trace->started;
}

static mw_status update_trace(mw_record *record, mw_trace *trace, const mw_trace_part *part,
                              mw_error *err)
{
    bool is_open =
        mw_view_is(trace->state, "IN_PROGRESS") || mw_view_is(trace->state, "STATE_UNSPECIFIED");
    widen(trace, part);
    return mw_sql_run(record->session, err,
                      "UPDATE traces SET started = ?, duration = nullif(?, -1), state = ?,"
                      " request = coalesce(request, ?), response = coalesce(response, ?)"
                      " WHERE id = ?",
                      "iittti", trace->started, trace->duration,
                      is_open && part->state.data ? part->state : trace->state, part->request,
                      part->response, trace->row);
}

static mw_status put_words(mw_record *record, int64_t trace, const mw_trace_part *part,
                           mw_error *err)
{
    for (size_t i = 0; i < part->tags.count; i++)
        MW_TRY(record_put_trace_tag(record, trace, &part->tags.items[i], err));
    for (size_t i = 0; i < part->metadata.count; i++)
        MW_TRY(mw_sql_run(record->session, err,
                          "INSERT OR IGNORE INTO trace_metadata(trace, key, value)"
                          " VALUES(?, ?, ?)",
                          "itt", trace, part->metadata.items[i].key,
                          record_cut(part->metadata.items[i].value, RECORD_TAG_MAX)));
    return MW_OK;
}

mw_status mw_record_add_spans(mw_record *record, mw_view experiment, const mw_trace_part *part,
                              mw_error *err)
{
    mw_trace trace;
    bool found;
    MW_TRY(record_find_trace(record, part->trace_id, &trace, &found, err));
    if (!found)
        MW_TRY(make_trace(record, experiment, part, &trace, err));
    MW_TRY(update_trace(record, &trace, part, err));
    for (size_t i = 0; i < part->spans.count; i++)
        MW_TRY(put_span(record, trace.row, &part->spans.items[i], err));
    return put_words(record, trace.row, part, err);
}

/* ---- reading --------------------------------------------------------------------------------- */

mw_status mw_record_spans(mw_record *record, int64_t trace, mw_texts *ret_contents, mw_error *err)
{
    mw_rows rows;
    mw_texts contents = {0};
    size_t bytes = 0;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT content FROM spans WHERE trace = ?"
                        " ORDER BY CASE WHEN parent IS NULL THEN 0 ELSE 1 END, started, id",
                        "i", trace));
    while (bytes <= MW_LIMIT_TRACE_SPANS_BYTES && mw_rows_next(&rows)) {
        mw_view *content = RECORD_PUSH(&memory, &contents);
        if (!content)
            break;
        *content = record_column(&memory, &rows, 0);
        bytes += content->size;
    }
    MW_TRY(record_close(&rows, &memory, err));
    *ret_contents = contents;
    if (bytes <= MW_LIMIT_TRACE_SPANS_BYTES)
        return MW_OK;
    mw_fail(err, MW_E_SPANS_LIMIT, "the spans of the trace are more than %zu bytes",
            MW_LIMIT_TRACE_SPANS_BYTES);
    return mw_mend(err, "its info can be read: GET .../traces/{trace_id}");
}

mw_status mw_record_span_values(mw_record *record, int64_t trace, mw_view key,
                                mw_span_values *ret_values, mw_error *err)
{
    mw_rows rows;
    mw_span_values values = {0};
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT s.span_id, s.parent, a.value FROM spans s LEFT JOIN"
                        " span_attributes a ON a.span = s.id AND a.key = ? WHERE s.trace = ?"
                        " ORDER BY s.span_id",
                        "ti", key, trace));
    while (mw_rows_next(&rows)) {
        mw_span_value *value = RECORD_PUSH(&memory, &values);
        if (!value)
            break;
        *value = (mw_span_value){record_column(&memory, &rows, 0), record_column(&memory, &rows, 1),
                                 record_column(&memory, &rows, 2)};
    }
    *ret_values = values;
    return record_close(&rows, &memory, err);
}
