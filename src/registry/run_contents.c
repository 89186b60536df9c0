/* What runs logged, of many runs at once: a statement for each table, not for each run.
 *
 *     SELECT run, key, ... FROM tags WHERE run IN (?, ?, ...) ORDER BY run, key
 *     rows by run, runs by row: both walked once
 *
 * A page of 1,000 runs took 5,000 statements; to a database at the other end of a wire each is a
 * way there and back. */
#include <stdlib.h>

#include "record.h"

enum { AT_ONCE = 500, SQL_BYTES_MAX = 64 * 1024 };

/* A use of a data set, in the order of (run, id). */
typedef struct use {
    mw_run *run;
    size_t dataset;
    int64_t id;
} use;

typedef struct loading {
    mw_record *record;
    mw_run **runs; /* by their row */
    mw_value *ids;
    size_t n;
    record_memory memory;
    struct {
        use *items;
        size_t count;
    } uses;
    size_t use; /* that tags are read of */
} loading;

/* A row of a run; column 0 is the run's. */
typedef void see_row(loading *l, mw_run *run, const mw_rows *rows);

static void write_statement(const loading *l, const char *select, const char *order, mw_buf *out)
{
    mw_buf_text(out, select);
    for (size_t i = 0; i < l->n; i++)
        mw_buf_text(out, i ? ",?" : "?");
    mw_buf_format(out, ") ORDER BY %s", order);
}

static mw_status each_row(loading *l, const char *select, const char *order, see_row *see,
                          mw_error *err)
{
    mw_buf sql;
    mw_rows rows;
    size_t at = 0;
    mw_buf_init(&sql, SQL_BYTES_MAX);
    write_statement(l, select, order, &sql);
    mw_status status =
        sql.failed ? mw_fail_memory(err, "a statement")
                   : mw_rows_open_values(l->record->session, &rows, sql.data, l->ids, l->n, err);
    mw_buf_done(&sql);
    MW_TRY(status);
    while (!l->memory.failed && mw_rows_next(&rows)) {
        int64_t row = mw_rows_int(&rows, 0);
        while (at + 1 < l->n && l->runs[at]->info.row < row)
            at++;
        see(l, l->runs[at], &rows);
    }
    return record_close(&rows, &l->memory, err);
}

/* ---- a row of each kind -----------------------------------------------------------------------
 */

static void see_metric(loading *l, mw_run *run, const mw_rows *rows)
{
    mw_metric *metric = RECORD_PUSH(&l->memory, &run->metrics);
    if (!metric)
        return;
    metric->key = record_column(&l->memory, rows, 1);
    metric->value = mw_rows_int(rows, 3) ? __builtin_nan("") : mw_rows_double(rows, 2);
    metric->timestamp = mw_rows_int(rows, 4);
    metric->step = mw_rows_int(rows, 5);
}

static void put_pair(loading *l, mw_tags *tags, const mw_rows *rows)
{
    mw_tag *tag = RECORD_PUSH(&l->memory, tags);
    if (!tag)
        return;
    tag->key = record_column(&l->memory, rows, 1);
    tag->value = record_column(&l->memory, rows, 2);
}

static void see_param(loading *l, mw_run *run, const mw_rows *rows)
{
    put_pair(l, &run->params, rows);
}

static void see_tag(loading *l, mw_run *run, const mw_rows *rows)
{
    put_pair(l, &run->tags, rows);
}

static void see_dataset(loading *l, mw_run *run, const mw_rows *rows)
{
    mw_dataset *dataset = RECORD_PUSH(&l->memory, &run->datasets);
    use *of = dataset ? RECORD_PUSH(&l->memory, &l->uses) : NULL;
    if (!of)
        return;
    *of = (use){run, run->datasets.count - 1, mw_rows_int(rows, 1)};
    mw_view *columns[] = {&dataset->name,   &dataset->digest, &dataset->source_type,
                          &dataset->source, &dataset->schema, &dataset->profile};
    for (int i = 0; i < (int)MW_COUNT(columns); i++)
        *columns[i] = record_column(&l->memory, rows, i + 2);
}

static void see_dataset_tag(loading *l, mw_run *run, const mw_rows *rows)
{
    int64_t id = mw_rows_int(rows, 3);
    while (l->use < l->uses.count && l->uses.items[l->use].id != id)
        l->use++;
    if (l->use < l->uses.count)
        put_pair(l, &run->datasets.items[l->uses.items[l->use].dataset].tags, rows);
}

static void see_model(loading *l, mw_run *run, const mw_rows *rows)
{
    mw_run_model *model =
        RECORD_PUSH(&l->memory, mw_rows_int(rows, 2) ? &run->outputs : &run->inputs);
    if (!model)
        return;
    model->model_id = record_column(&l->memory, rows, 1);
    model->step = mw_rows_int(rows, 3);
}

/* ---- all of them ------------------------------------------------------------------------------
 */

#define TAGS_OF_RUNS "SELECT run, key, value FROM tags WHERE run IN ("

static mw_status load(loading *l, mw_error *err)
{
    MW_TRY(each_row(l,
                    "SELECT run, key, value, is_nan, timestamp, step FROM latest_metrics"
                    " WHERE run IN (",
                    "run, key", see_metric, err));
    MW_TRY(each_row(l, "SELECT run, key, value FROM params WHERE run IN (", "run, key", see_param,
                    err));
    MW_TRY(each_row(l, TAGS_OF_RUNS, "run, key", see_tag, err));
    MW_TRY(each_row(l,
                    "SELECT u.run, u.id, d.name, d.digest, d.source_type, d.source, d.schema,"
                    " d.profile FROM run_datasets u JOIN datasets d ON d.id = u.dataset"
                    " WHERE u.run IN (",
                    "u.run, u.id", see_dataset, err));
    if (l->uses.count > 0)
        MW_TRY(each_row(l,
                        "SELECT u.run, t.key, t.value, u.id FROM run_datasets u"
                        " JOIN run_dataset_tags t ON t.use = u.id WHERE u.run IN (",
                        "u.run, u.id, t.key", see_dataset_tag, err));
    return each_row(l, "SELECT run, model_id, is_output, step FROM run_models WHERE run IN (",
                    "run, id", see_model, err);
}

static int compare_rows(const void *a, const void *b)
{
    int64_t x = (*(mw_run *const *)a)->info.row, y = (*(mw_run *const *)b)->info.row;
    return (x > y) - (x < y);
}

static mw_status begin(loading *l, mw_record *record, mw_run *runs, size_t n, mw_error *err)
{
    *l = (loading){.record = record, .n = n, .memory = {record->arena, false}};
    l->runs = mw_arena_take(record->arena, n * sizeof(mw_run *));
    l->ids = mw_arena_take(record->arena, n * sizeof *l->ids);
    if (!l->runs || !l->ids)
        return mw_fail_memory(err, "the runs");
    for (size_t i = 0; i < n; i++)
        l->runs[i] = &runs[i];
    qsort(l->runs, n, sizeof *l->runs, compare_rows);
    for (size_t i = 0; i < n; i++)
        l->ids[i] = (mw_value){.kind = MW_VALUE_INT, .integer = l->runs[i]->info.row};
    return MW_OK;
}

mw_status record_load_runs(mw_record *record, mw_run *runs, size_t n_runs, mw_error *err)
{
    loading l;
    for (size_t at = 0; at < n_runs; at += AT_ONCE) {
        size_t n = n_runs - at < AT_ONCE ? n_runs - at : AT_ONCE;
        MW_TRY(begin(&l, record, runs + at, n, err));
        MW_TRY(load(&l, err));
    }
    return MW_OK;
}

mw_status record_load_tags(mw_record *record, mw_run *run, mw_error *err)
{
    loading l;
    MW_TRY(begin(&l, record, run, 1, err));
    return each_row(&l, TAGS_OF_RUNS, "run, key", see_tag, err);
}
