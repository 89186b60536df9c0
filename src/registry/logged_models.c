/* Logged models: what a run has trained, before and without registration. */
#include "record.h"
#include "search.h"

#define COLUMNS                                                                                   \
    "m.id, m.experiment, m.created, m.updated, m.model_id, m.name, m.artifact_uri, m.model_type," \
    " m.source_run_id, m.status"

/* ---- reading --------------------------------------------------------------------------------- */

static void read_columns(const mw_rows *rows, record_memory *memory, mw_logged_model *ret_model)
{
    *ret_model = (mw_logged_model){
        .row = mw_rows_int(rows, 0),
        .experiment = mw_rows_int(rows, 1),
        .created = mw_rows_int(rows, 2),
        .updated = mw_rows_int(rows, 3),
        .model_id = record_column(memory, rows, 4),
        .name = record_column(memory, rows, 5),
        .artifact_uri = record_column(memory, rows, 6),
        .model_type = record_column(memory, rows, 7),
        .source_run_id = record_column(memory, rows, 8),
        .status = (mw_logged_status)mw_rows_int(rows, 9),
    };
}

static mw_status load_metrics(mw_record *record, mw_logged_model *model, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT x.key, x.value, x.is_nan, x.timestamp, x.step, r.run_id,"
                        " x.dataset_name, x.dataset_digest FROM logged_model_metrics x"
                        " JOIN runs r ON r.id = x.run WHERE x.model = ?",
                        "i", model->row));
    while (mw_rows_next(&rows)) {
        mw_metric *metric = RECORD_PUSH(&memory, &model->metrics);
        if (!metric)
            break;
        metric->key = record_column(&memory, &rows, 0);
        metric->value = mw_rows_int(&rows, 2) ? __builtin_nan("") : mw_rows_double(&rows, 1);
        metric->timestamp = mw_rows_int(&rows, 3);
        metric->step = mw_rows_int(&rows, 4);
        metric->run_id = record_column(&memory, &rows, 5);
        metric->dataset_name = record_column(&memory, &rows, 6);
        metric->dataset_digest = record_column(&memory, &rows, 7);
        metric->model_id = model->model_id;
    }
    return record_close(&rows, &memory, err);
}

static mw_status load_rest(mw_record *record, mw_logged_model *model, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT key, value FROM logged_model_tags WHERE model = ?", "i",
                        model->row));
    MW_TRY(record_read_tags(&rows, &memory, &model->tags, err));
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT key, value FROM logged_model_params WHERE model = ?", "i",
                        model->row));
    MW_TRY(record_read_tags(&rows, &memory, &model->params, err));
    return load_metrics(record, model, err);
}

mw_status mw_record_logged_model(mw_record *record, mw_view model_id, mw_logged_model *ret_model,
                                 mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " COLUMNS " FROM logged_models m"
                        " WHERE m.model_id = ? AND m.deleted = 0",
                        "t", model_id));
    bool found = mw_rows_next(&rows);
    if (found)
        read_columns(&rows, &memory, ret_model);
    MW_TRY(record_close(&rows, &memory, err));
    return found ? load_rest(record, ret_model, err)
                 : record_unknown(err, "Logged model with ID '%.*s' not found.",
                                  MW_VIEW_ARG(record_cut(model_id, 80)));
}

/* ---- making and changing --------------------------------------------------------------------- */

static mw_status check_name(mw_view name, mw_error *err)
{
    for (size_t i = 0; i < name.size; i++)
        if (strchr("/:.%\"'", name.data[i]))
            return record_refuse(err,
                                 "Invalid model name (%.*s) provided. Model name must be a "
                                 "non-empty string and cannot contain the following "
                                 "characters: ('/', ':', '.', '%%', '\"', \"'\")",
                                 MW_VIEW_ARG(record_cut(name, 60)));
    return record_check_length(name, RECORD_EXPERIMENT_NAME_MAX, "name", err);
}

static mw_status put_pairs(mw_record *record, const char *sql, int64_t model, const mw_tags *pairs,
                           size_t n_most, mw_error *err)
{
    for (size_t i = 0; i < pairs->count; i++) {
        mw_view value = pairs->items[i].value;
        MW_TRY(record_check_length(pairs->items[i].key, RECORD_KEY_MAX, "key", err));
        MW_TRY(mw_sql_run(record->session, err, sql, "itt", model, pairs->items[i].key,
                          value.data ? record_cut(value, n_most) : MW_VIEW("")));
    }
    return MW_OK;
}

static mw_status put_tags(mw_record *record, int64_t model, const mw_tags *tags, mw_error *err)
{
    return put_pairs(record,
                     "INSERT INTO logged_model_tags(model, key, value) VALUES(?, ?, ?)"
                     " ON CONFLICT(model, key) DO UPDATE SET value = excluded.value",
                     model, tags, RECORD_TAG_MAX, err);
}

static mw_status put_params(mw_record *record, int64_t model, const mw_tags *params, mw_error *err)
{
    return put_pairs(record,
                     "INSERT INTO logged_model_params(model, key, value) VALUES(?, ?, ?)"
                     " ON CONFLICT(model, key) DO UPDATE SET value = excluded.value",
                     model, params, RECORD_PARAM_MAX, err);
}

static mw_status put_model(mw_record *record, const mw_new_logged_model *wanted, mw_view model_id,
                           const mw_experiment *experiment, mw_error *err)
{
    char made[64];
    mw_buf uri;
    int64_t now = mw_clock_wall_ms();
    record_new_name(made, sizeof made);
    mw_buf_init(&uri, 8192);
    mw_buf_format(&uri, "%.*s/models/%.*s/artifacts", MW_VIEW_ARG(experiment->location),
                  MW_VIEW_ARG(model_id));
    mw_status status = mw_sql_run(
        record->session, err,
        "INSERT INTO logged_models(model_id, experiment, name, artifact_uri, status, model_type,"
        " source_run_id, created, updated) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " RETURNING id",
        "titti"
        "ttii",
        model_id, experiment->id, wanted->name.size > 0 ? wanted->name : mw_view_of(made),
        mw_buf_as_view(&uri), (int64_t)MW_LOGGED_PENDING,
        wanted->model_type.data ? wanted->model_type : MW_VIEW(""), wanted->source_run_id, now,
        now);
    mw_buf_done(&uri);
    return status;
}

static mw_status note(mw_record *record, const char *action, mw_view model_id, mw_view before,
                      mw_view after, mw_error *err)
{
    return mw_record_note(record, action,
                          record_words(record, "logged model %.*s", MW_VIEW_ARG(model_id)), before,
                          after, err);
}

mw_status mw_record_create_logged_model(mw_record *record, const mw_new_logged_model *wanted,
                                        mw_logged_model *ret_model, mw_error *err)
{
    char id[RECORD_ID_BYTES], model_id[RECORD_ID_BYTES + 2];
    mw_experiment experiment;
    MW_TRY(check_name(wanted->name, err));
    MW_TRY(mw_record_experiment(record, wanted->experiment, &experiment, err));
    if (experiment.is_deleted)
        return record_refuse(err,
                             "The experiment %.*s must be in the 'active' state. Current "
                             "state is deleted.",
                             MW_VIEW_ARG(wanted->experiment));
    record_new_id(id);
    snprintf(model_id, sizeof model_id, "m-%s", id);
    MW_TRY(put_model(record, wanted, mw_view_of(model_id), &experiment, err));
    int64_t row = mw_sql_new_id(record->session);
    MW_TRY(put_params(record, row, &wanted->params, err));
    MW_TRY(put_tags(record, row, &wanted->tags, err));
    MW_TRY(note(record, "logged_model.create", mw_view_of(model_id), RECORD_NOTHING,
                record_words(record, "%.*s in experiment %lld", MW_VIEW_ARG(wanted->name),
                             (long long)experiment.id),
                err));
    return mw_record_logged_model(record, mw_view_of(model_id), ret_model, err);
}

mw_status mw_record_finalize_logged_model(mw_record *record, mw_view model_id,
                                          mw_logged_status status, mw_logged_model *ret_model,
                                          mw_error *err)
{
    MW_TRY(mw_record_logged_model(record, model_id, ret_model, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "UPDATE logged_models SET status = ?, updated = ? WHERE id = ?", "iii",
                      (int64_t)status, mw_clock_wall_ms(), ret_model->row));
    static const char *const names[] = {"", "PENDING", "READY", "FAILED"};
    MW_TRY(note(record, "logged_model.finalize", model_id,
                record_words(record, "%s", names[(unsigned)ret_model->status % 4]),
                record_words(record, "%s", names[(unsigned)status % 4]), err));
    return mw_record_logged_model(record, model_id, ret_model, err);
}

mw_status mw_record_delete_logged_model(mw_record *record, mw_view model_id, mw_error *err)
{
    mw_logged_model model;
    MW_TRY(mw_record_logged_model(record, model_id, &model, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "UPDATE logged_models SET deleted = 1, updated = ? WHERE id = ?", "ii",
                      mw_clock_wall_ms(), model.row));
    return note(record, "logged_model.delete", model_id, model.name, RECORD_NOTHING, err);
}

mw_status mw_record_tag_logged_model(mw_record *record, mw_view model_id, const mw_tags *tags,
                                     mw_error *err)
{
    mw_logged_model model;
    MW_TRY(mw_record_logged_model(record, model_id, &model, err));
    return put_tags(record, model.row, tags, err);
}

mw_status mw_record_untag_logged_model(mw_record *record, mw_view model_id, mw_view key,
                                       mw_error *err)
{
    mw_logged_model model;
    MW_TRY(mw_record_logged_model(record, model_id, &model, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "DELETE FROM logged_model_tags WHERE model = ? AND key = ?", "it", model.row,
                      key));
    if (mw_sql_changes(record->session) > 0)
        return MW_OK;
    return record_unknown(err, "No tag with key '%.*s' found for model with ID '%.*s'.",
                          MW_VIEW_ARG(record_cut(key, 80)), MW_VIEW_ARG(model_id));
}

mw_status mw_record_log_model_params(mw_record *record, mw_view model_id, const mw_tags *params,
                                     mw_error *err)
{
    mw_logged_model model;
    MW_TRY(mw_record_logged_model(record, model_id, &model, err));
    return put_params(record, model.row, params, err);
}

/* ---- searching ------------------------------------------------------------------------------- */

#define STATUS_COLUMN "CASE m.status WHEN 1 THEN 'PENDING' WHEN 2 THEN 'READY' ELSE 'FAILED' END"

static const filter_attribute attributes[] = {
    {"name", "m.name", NULL, FILTER_TEXT | FILTER_LIST | FILTER_ORDERS},
    {"model_id", "m.model_id", NULL, FILTER_TEXT | FILTER_LIST | FILTER_ORDERS},
    {"model_type", "m.model_type", NULL, FILTER_TEXT | FILTER_LIST | FILTER_ORDERS | FILTER_NULLS},
    {"status", STATUS_COLUMN, NULL, FILTER_TEXT | FILTER_LIST | FILTER_ORDERS},
    {"source_run_id", "m.source_run_id", NULL,
     FILTER_TEXT | FILTER_LIST | FILTER_ORDERS | FILTER_NULLS},
    {"creation_timestamp", "m.created", NULL, FILTER_NUMBER | FILTER_ORDERS},
    {"creation_time", "m.created", NULL, FILTER_NUMBER | FILTER_ORDERS},
    {"last_updated_timestamp", "m.updated", NULL, FILTER_NUMBER | FILTER_ORDERS},
    {"last_updated_time", "m.updated", NULL, FILTER_NUMBER | FILTER_ORDERS},
};

static const filter_domain domain = {
    .attributes = attributes,
    .n_attributes = MW_COUNT(attributes),
    .entities =
        1u << FILTER_ATTRIBUTE | 1u << FILTER_METRIC | 1u << FILTER_PARAM | 1u << FILTER_TAG,
    .listed = 1u << FILTER_PARAM | 1u << FILTER_TAG,
    .lookups = {[FILTER_METRIC] = {"logged_model_metrics @", "@.model = m.id"},
                [FILTER_PARAM] = {"logged_model_params @", "@.model = m.id"},
                [FILTER_TAG] = {"logged_model_tags @", "@.model = m.id"}},
};

/* " AND ((x.dataset_name = ? AND x.dataset_digest = ?) OR ...)" */
static void put_datasets(search_query *query, const mw_logged_search *search, mw_buf *more)
{
    for (size_t i = 0; i < search->datasets.count; i++) {
        const mw_dataset_wish *wish = &search->datasets.items[i];
        mw_buf_text(more, i ? " OR (x.dataset_name = ?" : " AND ((x.dataset_name = ?");
        search_put_more(query, wish->name);
        if (wish->digest.data) {
            mw_buf_text(more, " AND x.dataset_digest = ?");
            search_put_more(query, wish->digest);
        }
        mw_buf_char(more, ')');
    }
    mw_buf_text(more, search->datasets.count > 0 ? ")" : "");
}

static bool has_metric_clause(const search_query *query)
{
    for (size_t i = 0; i < query->clauses.count; i++)
        if (query->clauses.items[i].field.entity == FILTER_METRIC)
            return true;
    return false;
}

/* The latest of the metric, perhaps of those on one data set. */
static mw_status put_metric_order(search_query *query, const mw_logged_order *order, mw_view key,
                                  size_t nth, mw_error *err)
{
    mw_buf *joins = &query->joins;
    mw_buf_format(joins,
                  " LEFT JOIN logged_model_metrics o%zu ON o%zu.model = m.id AND o%zu.key = ? AND"
                  " (o%zu.timestamp, o%zu.step, o%zu.run) = (SELECT y.timestamp, y.step, y.run FROM"
                  " logged_model_metrics y WHERE y.model = m.id AND y.key = ?",
                  nth, nth, nth, nth, nth, nth);
    search_put_join(query, key);
    search_put_join(query, key);
    if (order->dataset.name.data) {
        mw_buf_text(joins, " AND y.dataset_name = ?");
        search_put_join(query, order->dataset.name);
    }
    if (order->dataset.digest.data) {
        mw_buf_text(joins, " AND y.dataset_digest = ?");
        search_put_join(query, order->dataset.digest);
    }
    mw_buf_text(joins, " ORDER BY y.timestamp DESC, y.step DESC, y.run LIMIT 1)");
    mw_buf_format(&query->order, "%s(o%zu.value IS NULL), o%zu.value%s",
                  query->order.size ? ", " : "", nth, nth, order->descending ? " DESC" : "");
    return joins->failed ? mw_fail_memory(err, "the search") : MW_OK;
}

static mw_status put_orders(search_query *query, const mw_logged_search *search, mw_error *err)
{
    enum { ORDERS_MAX = 20 };
    bool by_time = false, by_id = false;
    if (search->order_by.count > ORDERS_MAX)
        return mw_fail(err, MW_E_RECORD_FILTER, "more than %d fields to order by", ORDERS_MAX);
    for (size_t i = 0; i < search->order_by.count; i++) {
        const mw_logged_order *order = &search->order_by.items[i];
        if (mw_view_starts(order->field, "metrics.")) {
            mw_view key = {order->field.data + 8, order->field.size - 8};
            MW_TRY(put_metric_order(query, order, key, i, err));
            continue;
        }
        filter_field field;
        bool ignored;
        MW_TRY(filter_read_order(order->field, &domain, query->memory, &field, &ignored, err));
        MW_TRY(search_put_field(query, &field, order->descending, i, err));
        by_time = by_time || (field.attribute && !strcmp(field.attribute->column, "m.created"));
        by_id = by_id || (field.attribute && !strcmp(field.attribute->column, "m.model_id"));
    }
    if (!by_time)
        mw_buf_format(&query->order, "%sm.created DESC", query->order.size ? ", " : "");
    if (!by_id)
        mw_buf_text(&query->order, ", m.model_id");
    return MW_OK;
}

static mw_status open_search(mw_record *record, const mw_logged_search *search, search_query *query,
                             record_memory *memory, mw_rows *ret_rows, mw_error *err)
{
    mw_buf more;
    MW_TRY(search_begin(query, &domain, &search->search, memory, RECORD_RESULTS_MAX, err));
    mw_buf_init(&more, MW_MIB);
    put_datasets(query, search, &more);
    query->metric_more = more.data;
    mw_buf_text(&query->where, "m.deleted = 0");
    mw_status status = search_put_ids(query, "m.experiment", &search->search.experiments, err);
    if (status == MW_OK && search->datasets.count > 0 && !has_metric_clause(query)) {
        mw_buf_format(&query->where,
                      " AND EXISTS(SELECT 1 FROM logged_model_metrics x WHERE x.model = m.id%s)",
                      more.data);
        search_put_all_more(query);
    }
    if (status == MW_OK)
        status = search_put_filter(query, err);
    if (status == MW_OK)
        status = put_orders(query, search, err);
    if (status == MW_OK)
        status = search_open(query, record->session, COLUMNS, "logged_models m", ret_rows, err);
    mw_buf_done(&more);
    search_end(query);
    return status;
}

mw_status mw_record_search_logged_models(mw_record *record, const mw_logged_search *search,
                                         mw_logged_models *ret_found, mw_view *ret_token,
                                         mw_error *err)
{
    mw_rows rows;
    search_query query;
    record_memory memory = {record->arena, false};
    mw_logged_models found = {0};
    MW_TRY(open_search(record, search, &query, &memory, &rows, err));
    while (mw_rows_next(&rows)) {
        mw_logged_model *model = RECORD_PUSH(&memory, &found);
        if (!model)
            break;
        read_columns(&rows, &memory, model);
    }
    MW_TRY(record_close(&rows, &memory, err));
    *ret_token = search_page(&query, &found.count, &memory);
    for (size_t i = 0; i < found.count; i++)
        MW_TRY(load_rest(record, &found.items[i], err));
    *ret_found = found;
    return memory.failed ? mw_fail_memory(err, "the models") : MW_OK;
}
