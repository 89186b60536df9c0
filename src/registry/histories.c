/* The values that a metric had: of one run in pages, of several at once, thinned out for a chart.
 */
#include "record.h"

/* Columns value, is_nan, timestamp, step. */
static void read_point(const mw_rows *rows, mw_metric *out)
{
    out->value = mw_rows_int(rows, 1) ? __builtin_nan("") : mw_rows_double(rows, 0);
    out->timestamp = mw_rows_int(rows, 2);
    out->step = mw_rows_int(rows, 3);
}

static mw_status read_points(mw_rows *rows, record_memory *memory, mw_view run_id, mw_view key,
                             mw_metrics *found, mw_error *err)
{
    while (mw_rows_next(rows)) {
        mw_metric *metric = RECORD_PUSH(memory, found);
        if (!metric)
            break;
        metric->run_id = run_id;
        metric->key = key;
        read_point(rows, metric);
    }
    return record_close(rows, memory, err);
}

mw_status mw_record_metric_history(mw_record *record, mw_view run_id, mw_view key,
                                   int64_t max_results, mw_view page_token, mw_metrics *ret_metrics,
                                   mw_view *ret_token, mw_error *err)
{
    mw_rows rows;
    int64_t offset;
    mw_metrics found = {0};
    record_memory memory = {record->arena, false};
    MW_TRY(record_read_token(page_token, &offset, err));
    int64_t most = max_results > 0 && max_results < INT64_MAX ? max_results + 1 : -1;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT value, is_nan, timestamp, step FROM metrics"
                        " WHERE run = (SELECT id FROM runs WHERE run_id = ?) AND key = ?"
                        " ORDER BY timestamp, step, value LIMIT ? OFFSET ?",
                        "ttii", run_id, key, most, offset));
    MW_TRY(read_points(&rows, &memory, (mw_view){NULL, 0}, key, &found, err));
    *ret_token = (mw_view){NULL, 0};
    if (max_results > 0 && found.count > (size_t)max_results) {
        found.count = (size_t)max_results;
        *ret_token = record_write_token(&memory, offset + max_results);
    }
    *ret_metrics = found;
    return memory.failed ? mw_fail_memory(err, "the history") : MW_OK;
}

/* ---- several runs ---------------------------------------------------------------------------- */

#define OF_RUN " WHERE run = (SELECT id FROM runs WHERE run_id = ?) AND key = ?"

static int compare_texts(const void *a, const void *b)
{
    return mw_view_order(*(const mw_view *)a, *(const mw_view *)b);
}

mw_status mw_record_metric_histories(mw_record *record, const mw_texts *run_ids, mw_view key,
                                     int64_t max_results, mw_metrics *ret_metrics, mw_error *err)
{
    mw_rows rows;
    mw_metrics found = {0};
    record_memory memory = {record->arena, false};
    qsort(run_ids->items, run_ids->count, sizeof *run_ids->items, compare_texts);
    for (size_t i = 0; i < run_ids->count && found.count < (size_t)max_results; i++) {
        mw_view run_id = run_ids->items[i];
        if (i > 0 && mw_view_equal(run_id, run_ids->items[i - 1]))
            continue;
        MW_TRY(mw_rows_open(record->session, &rows, err,
                            "SELECT value, is_nan, timestamp, step FROM metrics" OF_RUN
                            " ORDER BY timestamp, step, value LIMIT ?",
                            "tti", run_id, key, max_results - (int64_t)found.count));
        MW_TRY(read_points(&rows, &memory, run_id, key, &found, err));
    }
    *ret_metrics = found;
    return MW_OK;
}

/* ---- thinned out ----------------------------------------------------------------------------- */

#define IN_STEPS OF_RUN " AND step BETWEEN ? AND ?"
#define IN_ORDER "step, timestamp, value, is_nan"

/* The first of each of max_results buckets that hold alike many. */
static mw_status open_sample(mw_record *record, mw_rows *rows, mw_view run_id,
                             const mw_sampling *sampling, mw_error *err)
{
    return mw_rows_open(
        record->session, rows, err,
        "WITH filled AS (SELECT value, is_nan, timestamp, step,"
        " ntile(CAST(? AS INTEGER)) OVER (ORDER BY " IN_ORDER ") AS bucket FROM metrics" IN_STEPS
        "),"
        " ranked AS (SELECT *, row_number() OVER (PARTITION BY bucket ORDER BY " IN_ORDER ") AS nth"
        " FROM filled)"
        " SELECT value, is_nan, timestamp, step FROM ranked WHERE nth = 1 ORDER BY " IN_ORDER,
        "ittii", sampling->max_results, run_id, sampling->key, sampling->first_step,
        sampling->last_step);
}

/* A curve ends where it ends, whatever was left out: the last value takes the last place. */
static mw_status end_sample(mw_record *record, mw_view run_id, const mw_sampling *sampling,
                            size_t n_before, record_memory *memory, mw_metrics *found,
                            mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT value, is_nan, timestamp, step FROM metrics" IN_STEPS
                        " ORDER BY step DESC, timestamp DESC, value DESC, is_nan DESC LIMIT 1",
                        "ttii", run_id, sampling->key, sampling->first_step, sampling->last_step));
    if (mw_rows_next(&rows) && found->count > n_before) {
        mw_metric last = found->items[found->count - 1], read = last;
        read_point(&rows, &read);
        bool is_there =
            read.step == last.step && read.timestamp == last.timestamp &&
            (read.value == last.value || (read.value != read.value && last.value != last.value));
        bool is_full = found->count - n_before >= (size_t)sampling->max_results;
        mw_metric *place = &found->items[found->count - 1];
        if (!is_there && !is_full)
            place = RECORD_PUSH(memory, found);
        if (place)
            *place = read;
    }
    return record_close(&rows, memory, err);
}

mw_status mw_record_sample_metric(mw_record *record, const mw_sampling *sampling,
                                  mw_metrics *ret_metrics, mw_error *err)
{
    mw_rows rows;
    mw_metrics found = {0};
    record_memory memory = {record->arena, false};
    for (size_t i = 0; i < sampling->run_ids.count; i++) {
        mw_view run_id = sampling->run_ids.items[i];
        size_t n_before = found.count;
        MW_TRY(open_sample(record, &rows, run_id, sampling, err));
        MW_TRY(read_points(&rows, &memory, run_id, sampling->key, &found, err));
        MW_TRY(end_sample(record, run_id, sampling, n_before, &memory, &found, err));
    }
    *ret_metrics = found;
    return memory.failed ? mw_fail_memory(err, "the history") : MW_OK;
}
