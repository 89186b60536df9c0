/* What runs have read and made: data sets, models. */
#include "record.h"

/* ---- writing --------------------------------------------------------------------------------- */

static mw_status check_dataset(const mw_dataset *dataset, mw_error *err)
{
    enum {
        NAME = 500,
        DIGEST = 36,
        SCHEMA = 1048575,
        SOURCE = 65535,
        PROFILE = 16777215,
        TAG_KEY = 255,
        TAG_VALUE = 500
    };
    MW_TRY(record_check_length(dataset->name, NAME, "name", err));
    MW_TRY(record_check_length(dataset->digest, DIGEST, "digest", err));
    MW_TRY(record_check_length(dataset->source, SOURCE, "source", err));
    MW_TRY(record_check_length(dataset->schema, SCHEMA, "schema", err));
    MW_TRY(record_check_length(dataset->profile, PROFILE, "profile", err));
    for (size_t i = 0; i < dataset->tags.count; i++) {
        MW_TRY(record_check_length(dataset->tags.items[i].key, TAG_KEY, "key", err));
        MW_TRY(record_check_length(dataset->tags.items[i].value, TAG_VALUE, "value", err));
    }
    return MW_OK;
}

static mw_view or_empty(mw_view text)
{
    return text.data ? text : MW_VIEW("");
}

/* Data sets are an experiment's: the first of a name and digest stays. */
static mw_status put_dataset(mw_record *record, const mw_run_info *run, const mw_dataset *dataset,
                             mw_error *err)
{
    mw_sql *session = record->session;
    MW_TRY(mw_sql_run(session, err,
                      "INSERT INTO datasets(experiment, name, digest, source_type,"
                      " source, schema, profile) VALUES(?, ?, ?, ?, ?, ?, ?)"
                      " ON CONFLICT DO NOTHING",
                      "itttttt", run->experiment, dataset->name, dataset->digest,
                      or_empty(dataset->source_type), or_empty(dataset->source), dataset->schema,
                      dataset->profile));
    MW_TRY(mw_sql_run(session, err,
                      "INSERT INTO run_datasets(run, dataset) SELECT ?, id FROM"
                      " datasets WHERE experiment = ? AND name = ? AND digest = ?"
                      " ON CONFLICT DO NOTHING RETURNING id",
                      "iitt", run->row, run->experiment, dataset->name, dataset->digest));
    if (mw_sql_changes(session) == 0)
        return MW_OK;
    int64_t use = mw_sql_new_id(session);
    for (size_t i = 0; i < dataset->tags.count; i++)
        MW_TRY(mw_sql_run(session, err,
                          "INSERT INTO run_dataset_tags(use, key, value)"
                          " VALUES(?, ?, ?) ON CONFLICT DO NOTHING",
                          "itt", use, dataset->tags.items[i].key,
                          or_empty(dataset->tags.items[i].value)));
    return MW_OK;
}

static mw_status put_models(mw_record *record, const mw_run_info *run, const mw_run_models *models,
                            bool is_output, mw_error *err)
{
    for (size_t i = 0; i < models->count; i++)
        MW_TRY(mw_sql_run(record->session, err,
                          "INSERT INTO run_models(run, model_id, is_output, step)"
                          " VALUES(?, ?, ?, ?) ON CONFLICT(run, is_output, model_id) DO UPDATE SET "
                          "step = excluded.step",
                          "itii", run->row, models->items[i].model_id, (int64_t)is_output,
                          models->items[i].step));
    return MW_OK;
}

mw_status mw_record_log_inputs(mw_record *record, mw_view run_id, const mw_datasets *datasets,
                               const mw_run_models *models, mw_error *err)
{
    enum { DATASETS_MAX = 1000 };
    mw_run_info info;
    MW_TRY(record_check_run_id(run_id, err));
    if (datasets->count > DATASETS_MAX)
        return record_refuse(err, "A log-inputs request can contain at most %d datasets.",
                             DATASETS_MAX);
    for (size_t i = 0; i < datasets->count; i++)
        MW_TRY(check_dataset(&datasets->items[i], err));
    MW_TRY(record_active_run(record, run_id, &info, err));
    for (size_t i = 0; i < datasets->count; i++)
        MW_TRY(put_dataset(record, &info, &datasets->items[i], err));
    return put_models(record, &info, models, false, err);
}

mw_status mw_record_log_outputs(mw_record *record, mw_view run_id, const mw_run_models *models,
                                mw_error *err)
{
    mw_run_info info;
    MW_TRY(record_active_run(record, run_id, &info, err));
    return put_models(record, &info, models, true, err);
}

/* ---- all of an experiment -------------------------------------------------------------------- */

static mw_status read_uses(mw_record *record, mw_view experiment, mw_dataset_uses *found,
                           mw_error *err)
{
    enum { USES_MAX = 1000 };
    mw_rows rows;
    int64_t id;
    record_memory memory = {record->arena, false};
    if (!record_number(experiment, &id))
        return record_refuse(err,
                             "Invalid experiment ID '%.*s'. Experiment ID must be a valid "
                             "integer.",
                             MW_VIEW_ARG(experiment));
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT DISTINCT d.name, d.digest, t.value, d.id FROM datasets d"
                        " JOIN run_datasets u ON u.dataset = d.id LEFT JOIN run_dataset_tags t"
                        " ON t.use = u.id AND t.key = 'mlflow.data.context'"
                        " WHERE d.experiment = ? ORDER BY d.id LIMIT ?",
                        "ii", id, (int64_t)(USES_MAX - found->count)));
    while (mw_rows_next(&rows)) {
        mw_dataset_use *use = RECORD_PUSH(&memory, found);
        if (!use)
            break;
        use->experiment = id;
        use->name = record_column(&memory, &rows, 0);
        use->digest = record_column(&memory, &rows, 1);
        use->context = record_column(&memory, &rows, 2);
    }
    return record_close(&rows, &memory, err);
}

mw_status mw_record_dataset_uses(mw_record *record, const mw_texts *experiments,
                                 mw_dataset_uses *ret_uses, mw_error *err)
{
    mw_dataset_uses found = {0};
    for (size_t i = 0; i < experiments->count; i++)
        MW_TRY(read_uses(record, experiments->items[i], &found, err));
    *ret_uses = found;
    return MW_OK;
}
