/* Experiments. */
#include "record.h"
#include "search.h"

#define COLUMNS "e.id, e.name, e.location, e.created, e.updated, e.deleted"

/* ---- reading --------------------------------------------------------------------------------- */

static void read_columns(const mw_rows *rows, record_memory *memory, mw_experiment *ret_experiment)
{
    *ret_experiment = (mw_experiment){
        .id = mw_rows_int(rows, 0),
        .name = record_column(memory, rows, 1),
        .location = record_column(memory, rows, 2),
        .created = mw_rows_int(rows, 3),
        .updated = mw_rows_int(rows, 4),
        .is_deleted = mw_rows_int(rows, 5) != 0,
    };
}

static mw_status load_tags(mw_record *record, mw_experiment *experiment, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT key, value FROM experiment_tags WHERE experiment = ?", "i",
                        experiment->id));
    return record_read_tags(&rows, &memory, &experiment->tags, err);
}

/* The rows hold one experiment or none. */
static mw_status take_one(mw_record *record, mw_rows *rows, mw_experiment *ret_experiment,
                          bool *ret_found, mw_error *err)
{
    record_memory memory = {record->arena, false};
    *ret_found = mw_rows_next(rows);
    if (*ret_found)
        read_columns(rows, &memory, ret_experiment);
    MW_TRY(record_close(rows, &memory, err));
    return *ret_found ? load_tags(record, ret_experiment, err) : MW_OK;
}

static mw_status read_id(mw_view id, int64_t *ret_id, mw_error *err)
{
    if (record_number(id, ret_id))
        return MW_OK;
    return record_refuse(err,
                         "Invalid experiment ID '%.*s'. Experiment ID must be a valid integer.",
                         (int)(id.size < 80 ? id.size : 80), id.data);
}

mw_status mw_record_experiment(mw_record *record, mw_view id, mw_experiment *ret_experiment,
                               mw_error *err)
{
    mw_rows rows;
    int64_t number;
    bool found;
    MW_TRY(read_id(id, &number, err));
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " COLUMNS " FROM experiments e WHERE e.id = ?", "i", number));
    MW_TRY(take_one(record, &rows, ret_experiment, &found, err));
    return found ? MW_OK
                 : record_unknown(err, "No Experiment with id=%.*s exists", MW_VIEW_ARG(id));
}

mw_status mw_record_experiment_named(mw_record *record, mw_view name, mw_experiment *ret_experiment,
                                     mw_error *err)
{
    mw_rows rows;
    bool found;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " COLUMNS " FROM experiments e WHERE e.name = ?", "t", name));
    MW_TRY(take_one(record, &rows, ret_experiment, &found, err));
    return found ? MW_OK
                 : record_unknown(err, "Could not find experiment with name '%.*s'",
                                  MW_VIEW_ARG(name));
}

/* ---- making ---------------------------------------------------------------------------------- */

static mw_status check_name(mw_view name, mw_error *err)
{
    if (name.size == 0)
        return record_refuse(err, "Invalid experiment name: ''");
    return record_check_length(name, RECORD_EXPERIMENT_NAME_MAX, "name", err);
}

static mw_status check_location(mw_view location, mw_error *err)
{
    enum { LOCATION_MAX = 2048 };
    if (location.size == 0)
        return MW_OK;
    if (mw_view_starts(location, "runs:"))
        return record_refuse(err, "Artifact location cannot be a runs:/ URI. Given: '%.*s'",
                             MW_VIEW_ARG(location));
    if (memchr(location.data, '#', location.size) || memchr(location.data, '?', location.size) ||
        memchr(location.data, ';', location.size))
        return record_refuse(err, "'artifact_location' URL can't include fragments or params.");
    return record_check_length(location, LOCATION_MAX, "artifact_location", err);
}

static mw_status check_tag(const mw_tag *tag, mw_error *err)
{
    MW_TRY(record_check_key(tag->key, "key", err));
    return record_check_length(tag->value, RECORD_EXPERIMENT_TAG_MAX, "value", err);
}

static mw_status fail_taken(mw_view name, mw_error *err)
{
    mw_fail(err, MW_E_RECORD_TAKEN, "Experiment(name=%.*s) already exists.", MW_VIEW_ARG(name));
    return mw_mend(err, "use another name; a deleted experiment keeps its name, and can be "
                        "restored");
}

static mw_status refuse_taken(mw_record *record, mw_view name, int64_t own_id, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT 1 FROM experiments WHERE name = ? AND id <> ?", "ti", name,
                        own_id));
    bool taken = mw_rows_next(&rows);
    MW_TRY(mw_rows_close(&rows, err));
    return taken ? fail_taken(name, err) : MW_OK;
}

static mw_status put_tag(mw_record *record, int64_t id, const mw_tag *tag, mw_error *err)
{
    return mw_sql_run(record->session, err,
                      "INSERT INTO experiment_tags(experiment, key, value) VALUES(?, ?, ?)"
                      " ON CONFLICT(experiment, key) DO UPDATE SET value = excluded.value",
                      "itt", id, tag->key, tag->value.data ? tag->value : MW_VIEW(""));
}

static mw_status note(mw_record *record, const char *action, int64_t id, mw_view before,
                      mw_view after, mw_error *err)
{
    return mw_record_note(record, action, record_words(record, "experiment %lld", (long long)id),
                          before, after, err);
}

/* Tags are seldom set: the log tells what they were. */
static mw_status note_tag(mw_record *record, int64_t id, mw_view key, mw_view value, mw_error *err)
{
    mw_rows rows;
    mw_view before = RECORD_NOTHING, after = RECORD_NOTHING;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT value FROM experiment_tags WHERE experiment = ? AND key = ?", "it",
                        id, key));
    if (mw_rows_next(&rows))
        before = record_words(record, "%.*s=%.*s", MW_VIEW_ARG(key),
                              MW_VIEW_ARG(mw_rows_text(&rows, 0)));
    MW_TRY(mw_rows_close(&rows, err));
    if (value.data)
        after = record_words(record, "%.*s=%.*s", MW_VIEW_ARG(key), MW_VIEW_ARG(value));
    return note(record, value.data ? "experiment.tag" : "experiment.untag", id, before, after, err);
}

mw_status mw_record_create_experiment(mw_record *record, mw_view name, mw_view location,
                                      const mw_tags *tags, int64_t *ret_id, mw_error *err)
{
    MW_TRY(check_name(name, err));
    MW_TRY(check_location(location, err));
    for (size_t i = 0; i < tags->count; i++)
        MW_TRY(check_tag(&tags->items[i], err));
    MW_TRY(refuse_taken(record, name, -1, err));
    int64_t now = mw_clock_wall_ms();
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO experiments(name, location, created, updated)"
                      " VALUES(?, ?, ?, ?) RETURNING id",
                      "ttii", name, location.size ? location : MW_VIEW(""), now, now));
    int64_t id = mw_sql_new_id(record->session);
    if (location.size == 0)
        MW_TRY(mw_sql_run(record->session, err,
                          "UPDATE experiments SET location = 'mlflow-artifacts:/' || id"
                          " WHERE id = ?",
                          "i", id));
    for (size_t i = 0; i < tags->count; i++)
        MW_TRY(put_tag(record, id, &tags->items[i], err));
    *ret_id = id;
    return note(record, "experiment.create", id, RECORD_NOTHING, name, err);
}

/* ---- changing -------------------------------------------------------------------------------- */

mw_status mw_record_rename_experiment(mw_record *record, mw_view id, mw_view name, mw_error *err)
{
    mw_experiment experiment;
    MW_TRY(check_name(name, err));
    MW_TRY(mw_record_experiment(record, id, &experiment, err));
    if (experiment.is_deleted) {
        mw_fail(err, MW_E_RECORD_STATE, "Cannot rename a non-active experiment.");
        return mw_mend(err, "restore it first");
    }
    MW_TRY(refuse_taken(record, name, experiment.id, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "UPDATE experiments SET name = ?, updated = ? WHERE id = ?", "tii", name,
                      mw_clock_wall_ms(), experiment.id));
    return note(record, "experiment.rename", experiment.id, experiment.name, name, err);
}

static mw_status set_deleted(mw_record *record, mw_view id, bool delete, mw_error *err)
{
    mw_experiment experiment;
    MW_TRY(mw_record_experiment(record, id, &experiment, err));
    if (experiment.is_deleted == delete)
        return record_unknown(err, "No %s Experiment with id=%.*s exists",
                              delete ? "active" : "deleted", MW_VIEW_ARG(id));
    MW_TRY(mw_sql_run(record->session, err,
                      "UPDATE experiments SET deleted = ?, updated = ? WHERE id = ?", "iii",
                      (int64_t) delete, mw_clock_wall_ms(), experiment.id));
    MW_TRY(mw_sql_run(record->session, err, "UPDATE runs SET deleted = ? WHERE experiment = ?",
                      "ii", (int64_t) delete, experiment.id));
    return note(record, delete ? "experiment.delete" : "experiment.restore", experiment.id,
                delete ? experiment.name : RECORD_NOTHING,
                delete ? RECORD_NOTHING : experiment.name, err);
}

mw_status mw_record_delete_experiment(mw_record *record, mw_view id, mw_error *err)
{
    return set_deleted(record, id, true, err);
}

mw_status mw_record_restore_experiment(mw_record *record, mw_view id, mw_error *err)
{
    return set_deleted(record, id, false, err);
}

static mw_status find_active(mw_record *record, mw_view id, mw_experiment *ret_experiment,
                             mw_error *err)
{
    MW_TRY(mw_record_experiment(record, id, ret_experiment, err));
    if (!ret_experiment->is_deleted)
        return MW_OK;
    return record_refuse(err,
                         "The experiment %.*s must be in the 'active' state. Current state is "
                         "deleted.",
                         MW_VIEW_ARG(id));
}

mw_status mw_record_tag_experiment(mw_record *record, mw_view id, const mw_tag *tag, mw_error *err)
{
    mw_experiment experiment;
    MW_TRY(check_tag(tag, err));
    MW_TRY(find_active(record, id, &experiment, err));
    MW_TRY(
        note_tag(record, experiment.id, tag->key, tag->value.data ? tag->value : MW_VIEW(""), err));
    MW_TRY(put_tag(record, experiment.id, tag, err));
    return mw_sql_run(record->session, err, "UPDATE experiments SET updated = ? WHERE id = ?", "ii",
                      mw_clock_wall_ms(), experiment.id);
}

mw_status mw_record_untag_experiment(mw_record *record, mw_view id, mw_view key, mw_error *err)
{
    mw_experiment experiment;
    MW_TRY(find_active(record, id, &experiment, err));
    MW_TRY(note_tag(record, experiment.id, key, RECORD_NOTHING, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "DELETE FROM experiment_tags WHERE experiment = ? AND key = ?", "it",
                      experiment.id, key));
    if (mw_sql_changes(record->session) > 0)
        return mw_sql_run(record->session, err, "UPDATE experiments SET updated = ? WHERE id = ?",
                          "ii", mw_clock_wall_ms(), experiment.id);
    return record_unknown(err, "No tag with name: %.*s in experiment with id %.*s",
                          MW_VIEW_ARG(key), MW_VIEW_ARG(id));
}

/* ---- searching ------------------------------------------------------------------------------- */

static const filter_attribute attributes[] = {
    {"name", "e.name", NULL, FILTER_TEXT | FILTER_ORDERS},
    {"experiment_id", "CAST(e.id AS TEXT)", "e.id", FILTER_ID | FILTER_LIST | FILTER_ORDERS},
    {"creation_time", "e.created", NULL, FILTER_INTEGER | FILTER_ORDERS},
    {"last_update_time", "e.updated", NULL, FILTER_INTEGER | FILTER_ORDERS},
};

static const filter_domain domain = {
    .attributes = attributes,
    .n_attributes = MW_COUNT(attributes),
    .entities = 1u << FILTER_ATTRIBUTE | 1u << FILTER_TAG,
    .nullable = 1u << FILTER_TAG,
    .lookups = {[FILTER_TAG] = {"experiment_tags @", "@.experiment = e.id"}},
};

mw_status mw_record_search_experiments(mw_record *record, const mw_search *search,
                                       mw_experiments *ret_found, mw_view *ret_token, mw_error *err)
{
    static const search_tie ties[] = {{"experiment_id", "e.id DESC"}};
    mw_rows rows;
    search_query query;
    record_memory memory = {record->arena, false};
    mw_experiments found = {0};
    MW_TRY(search_begin(&query, &domain, search, &memory, RECORD_RESULTS_MAX, err));
    mw_buf_text(&query.where, "TRUE");
    search_put_view(&query, "e.deleted", search->view);
    search_put_seen(&query, "e.id", MW_SCOPE_EXPERIMENT);
    mw_status status = search_put_filter(&query, err);
    if (status == MW_OK)
        status = search_put_order(&query, "e.created DESC, e.id", ties, MW_COUNT(ties), err);
    if (status == MW_OK)
        status = search_open(&query, record->session, COLUMNS, "experiments e", &rows, err);
    search_end(&query);
    if (status != MW_OK)
        return status;
    while (mw_rows_next(&rows)) {
        mw_experiment *experiment = RECORD_PUSH(&memory, &found);
        if (!experiment)
            break;
        read_columns(&rows, &memory, experiment);
    }
    MW_TRY(record_close(&rows, &memory, err));
    *ret_token = search_page(&query, &found.count, &memory);
    for (size_t i = 0; i < found.count; i++)
        MW_TRY(load_tags(record, &found.items[i], err));
    *ret_found = found;
    return memory.failed ? mw_fail_memory(err, "the experiments") : MW_OK;
}
