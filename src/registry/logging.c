/* What runs log: metrics with their history and latest values, parameters, tags. */
#include <math.h>

#include "record.h"

/* ---- tags ------------------------------------------------------------------------------------ */

static mw_view value_of(const mw_tag *tag, size_t n_characters)
{
    return tag->value.data ? record_cut(tag->value, n_characters) : MW_VIEW("");
}

/* The name of a run is a tag, too. */
mw_status record_put_tag(mw_record *record, int64_t run, const mw_tag *tag, mw_error *err)
{
    mw_view value = value_of(tag, RECORD_TAG_MAX);
    if (mw_view_is(tag->key, "mlflow.runName"))
        MW_TRY(mw_sql_run(record->session, err, "UPDATE runs SET name = ? WHERE id = ?", "ti",
                          value, run));
    return mw_sql_post(record->session, err,
                       "INSERT INTO tags(run, key, value) VALUES(?, ?, ?)"
                       " ON CONFLICT(run, key) DO UPDATE SET value = excluded.value",
                       "itt", run, tag->key, value);
}

mw_status mw_record_set_tag(mw_record *record, mw_view run_id, const mw_tag *tag, mw_error *err)
{
    mw_run_info info;
    MW_TRY(record_check_key(tag->key, "key", err));
    MW_TRY(record_active_run(record, run_id, &info, err));
    return record_put_tag(record, info.row, tag, err);
}

mw_status mw_record_delete_tag(mw_record *record, mw_view run_id, mw_view key, mw_error *err)
{
    mw_run_info info;
    MW_TRY(record_active_run(record, run_id, &info, err));
    MW_TRY(mw_sql_run(record->session, err, "DELETE FROM tags WHERE run = ? AND key = ?", "it",
                      info.row, key));
    if (mw_sql_changes(record->session) > 0)
        return MW_OK;
    return record_unknown(err, "No tag with name: %.*s in run with id %.*s", MW_VIEW_ARG(key),
                          MW_VIEW_ARG(run_id));
}

/* ---- parameters ------------------------------------------------------------------------------ */

static mw_status refuse_change(const mw_tag *param, mw_view before, mw_view after, mw_view run_id,
                               mw_error *err)
{
    enum { SHOWN = 60 };
    record_refuse(err,
                  "Changing param values is not allowed. Param with key='%.*s' was already logged "
                  "with value='%.*s' for run ID='%.*s'.",
                  MW_VIEW_ARG(record_cut(param->key, SHOWN)),
                  MW_VIEW_ARG(record_cut(before, SHOWN)), MW_VIEW_ARG(run_id));
    return mw_mend(err, "Attempted logging new value '%.*s'.",
                   MW_VIEW_ARG(record_cut(after, SHOWN)));
}

static mw_status put_param(mw_record *record, const mw_run_info *run, const mw_tag *param,
                           mw_error *err)
{
    mw_rows rows;
    mw_view value = value_of(param, RECORD_PARAM_MAX);
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO params(run, key, value) VALUES(?, ?, ?)"
                      " ON CONFLICT DO NOTHING",
                      "itt", run->row, param->key, value));
    if (mw_sql_changes(record->session) > 0)
        return MW_OK;
    mw_status status = MW_OK;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT value FROM params WHERE run = ? AND key = ?", "it", run->row,
                        param->key));
    if (mw_rows_next(&rows) && !mw_view_equal(mw_rows_text(&rows, 0), value))
        status = refuse_change(param, mw_rows_text(&rows, 0), value, run->run_id, err);
    mw_error end;
    mw_status closed = mw_rows_close(&rows, status == MW_OK ? err : &end);
    return status != MW_OK ? status : closed;
}

mw_status mw_record_log_param(mw_record *record, mw_view run_id, const mw_tag *param, mw_error *err)
{
    mw_run_info info;
    MW_TRY(record_check_key(param->key, "key", err));
    MW_TRY(record_active_run(record, run_id, &info, err));
    return put_param(record, &info, param, err);
}

/* ---- metrics --------------------------------------------------------------------------------- */

static mw_status check_metric(const mw_metric *metric, const char *path, mw_error *err)
{
    MW_TRY(record_check_key(metric->key, path, err));
    if (metric->timestamp >= 0)
        return MW_OK;
    return record_refuse(err,
                         "Invalid value %lld for parameter 'timestamp' supplied: metric '%.*s'. "
                         "Timestamp must be a nonnegative long (64-bit integer)",
                         (long long)metric->timestamp, MW_VIEW_ARG(record_cut(metric->key, 60)));
}

/* No NaN, no infinity, and no -0.0, of which SQLite keeps the zero alone. */
static double storable(double value)
{
    if (isnan(value))
        return 0;
    if (isinf(value))
        return value > 0 ? 1.7976931348623157e308 : -1.7976931348623157e308;
    return value + 0.0;
}

/* Of a run that logs a metric about a model: it is the model's, too. */
static mw_status put_model_metric(mw_record *record, const mw_run_info *run,
                                  const mw_metric *metric, mw_error *err)
{
    if (metric->model_id.size == 0)
        return MW_OK;
    return mw_sql_post(record->session, err,
                       "INSERT INTO logged_model_metrics(model, key, timestamp, step, run, value,"
                       " is_nan, dataset_name, dataset_digest)"
                       " SELECT id, ?, ?, ?, ?, ?, ?, ?, ? FROM logged_models WHERE model_id = ?"
                       " ON CONFLICT DO NOTHING",
                       "tiiidittt", metric->key, metric->timestamp, metric->step, run->row,
                       storable(metric->value), (int64_t)isnan(metric->value), metric->dataset_name,
                       metric->dataset_digest, metric->model_id);
}

/* One of these, or a batch of them. */
typedef struct points {
    int64_t run;
    const mw_metric *const *items;
} points;

static mw_value of_int(int64_t value)
{
    return (mw_value){.kind = MW_VALUE_INT, .integer = value};
}

static mw_value of_text(mw_view value)
{
    return (mw_value){.kind = MW_VALUE_TEXT, .text = value};
}

/* run, key, timestamp, step, value, is_nan: of both tables. */
static void fill_point(void *user, size_t row, mw_value *ret_values)
{
    const points *p = user;
    const mw_metric *metric = p->items[row];
    ret_values[0] = of_int(p->run);
    ret_values[1] = of_text(metric->key);
    ret_values[2] = of_int(metric->timestamp);
    ret_values[3] = of_int(metric->step);
    ret_values[4] = (mw_value){.kind = MW_VALUE_DOUBLE, .number = storable(metric->value)};
    ret_values[5] = of_int(isnan(metric->value));
}

static mw_status put_points(mw_record *record, points p, size_t n, mw_error *err)
{
    return mw_sql_post_rows(record->session, err,
                            "INSERT OR IGNORE INTO metrics(run, key, timestamp, step, value,"
                            " is_nan) VALUES(?, ?, ?, ?, ?, ?)",
                            "itiidi", n, fill_point, &p);
}

/* The latest is that of the greatest (step, timestamp, value), not the last to arrive. Of each key
 * one: no two change the same row. */
static mw_status put_latest(mw_record *record, points p, size_t n, mw_error *err)
{
    return mw_sql_post_rows(
        record->session, err,
        "INSERT INTO latest_metrics(run, key, timestamp, step, value, is_nan)"
        " VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(run, key) DO UPDATE SET"
        " value = excluded.value, is_nan = excluded.is_nan,"
        " timestamp = excluded.timestamp, step = excluded.step"
        " WHERE (excluded.step, excluded.timestamp, excluded.value)"
        " > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)",
        "itiidi", n, fill_point, &p);
}

mw_status mw_record_log_metric(mw_record *record, mw_view run_id, const mw_metric *metric,
                               mw_error *err)
{
    mw_run_info info;
    MW_TRY(check_metric(metric, "name", err));
    MW_TRY(record_active_run(record, run_id, &info, err));
    points one = {info.row, &metric};
    MW_TRY(put_points(record, one, 1, err));
    MW_TRY(put_model_metric(record, &info, metric, err));
    return put_latest(record, one, 1, err);
}

/* By key, and of a key the latest last. */
static int compare_metrics(const void *a, const void *b)
{
    const mw_metric *x = *(const mw_metric *const *)a, *y = *(const mw_metric *const *)b;
    int order = mw_view_order(x->key, y->key);
    if (order == 0)
        order = (x->step > y->step) - (x->step < y->step);
    if (order == 0)
        order = (x->timestamp > y->timestamp) - (x->timestamp < y->timestamp);
    double u = storable(x->value), v = storable(y->value);
    return order ? order : (u > v) - (u < v);
}

/* Of sorted ones the last of each key, at the front; how many. */
static size_t keep_latest(const mw_metric **sorted, size_t n)
{
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || !mw_view_equal(sorted[i]->key, sorted[i + 1]->key))
            sorted[n_kept++] = sorted[i];
    return n_kept;
}

/* Each into the history; of a key only the latest is compared with that of the record. */
static mw_status put_metrics(mw_record *record, const mw_run_info *run, const mw_metrics *metrics,
                             mw_error *err)
{
    if (metrics->count == 0)
        return MW_OK;
    const mw_metric **sorted = mw_arena_take(record->arena, metrics->count * sizeof *sorted);
    if (!sorted)
        return mw_fail_memory(err, "the metrics");
    for (size_t i = 0; i < metrics->count; i++)
        sorted[i] = &metrics->items[i];
    qsort(sorted, metrics->count, sizeof *sorted, compare_metrics);
    points all = {run->row, sorted};
    MW_TRY(put_points(record, all, metrics->count, err));
    for (size_t i = 0; i < metrics->count; i++)
        MW_TRY(put_model_metric(record, run, sorted[i], err));
    return put_latest(record, all, keep_latest(sorted, metrics->count), err);
}

/* ---- batches --------------------------------------------------------------------------------- */

static mw_status check_count(const char *what, size_t count, size_t most, mw_error *err)
{
    if (count <= most)
        return MW_OK;
    return record_refuse(err,
                         "A batch logging request can contain at most %zu %s. Got %zu %s. Please "
                         "split up %s across multiple requests and try again.",
                         most, what, count, what, what);
}

static mw_status check_limits(const mw_batch_of_run *batch, mw_error *err)
{
    MW_TRY(check_count("metrics", batch->metrics.count, RECORD_BATCH_METRICS, err));
    MW_TRY(check_count("params", batch->params.count, RECORD_BATCH_OTHERS, err));
    MW_TRY(check_count("tags", batch->tags.count, RECORD_BATCH_OTHERS, err));
    return check_count("metrics, params, and tags",
                       batch->metrics.count + batch->params.count + batch->tags.count,
                       RECORD_BATCH_ALL, err);
}

static mw_status check_pairs(const mw_tags *pairs, const char *list, mw_error *err)
{
    char path[48];
    for (size_t i = 0; i < pairs->count; i++) {
        snprintf(path, sizeof path, "%s[%zu].key", list, i);
        MW_TRY(record_check_key(pairs->items[i].key, path, err));
    }
    return MW_OK;
}

static mw_status check_unique(const mw_tags *params, mw_error *err)
{
    for (size_t i = 0; i < params->count; i++) /* at most RECORD_BATCH_OTHERS */
        for (size_t k = 0; k < i; k++)
            if (mw_view_equal(params->items[i].key, params->items[k].key))
                return record_refuse(err,
                                     "Duplicate parameter keys have been submitted: '%.*s'. Please "
                                     "ensure the request contains only one param value per param "
                                     "key.",
                                     MW_VIEW_ARG(record_cut(params->items[i].key, 60)));
    return MW_OK;
}

static mw_status check_batch(mw_view run_id, const mw_batch_of_run *batch, mw_error *err)
{
    char path[48];
    MW_TRY(record_check_run_id(run_id, err));
    for (size_t i = 0; i < batch->metrics.count; i++) {
        snprintf(path, sizeof path, "metrics[%zu].name", i);
        MW_TRY(check_metric(&batch->metrics.items[i], path, err));
    }
    MW_TRY(check_pairs(&batch->params, "params", err));
    MW_TRY(check_pairs(&batch->tags, "tags", err));
    MW_TRY(check_limits(batch, err));
    return check_unique(&batch->params, err);
}

mw_status mw_record_log_batch(mw_record *record, mw_view run_id, const mw_batch_of_run *batch,
                              mw_error *err)
{
    mw_run_info info;
    MW_TRY(check_batch(run_id, batch, err));
    MW_TRY(record_active_run(record, run_id, &info, err));
    for (size_t i = 0; i < batch->params.count; i++)
        MW_TRY(put_param(record, &info, &batch->params.items[i], err));
    MW_TRY(put_metrics(record, &info, &batch->metrics, err));
    for (size_t i = 0; i < batch->tags.count; i++)
        MW_TRY(record_put_tag(record, info.row, &batch->tags.items[i], err));
    return MW_OK;
}
