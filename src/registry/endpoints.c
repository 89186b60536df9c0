/* See endpoints.h. */
#include "record.h"

mw_status mw_record_endpoints_of(mw_record *record, mw_record_endpoints *ret_endpoints,
                                 mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    mw_record_endpoints found = {0};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT name, model, settings, updated_by, updated FROM endpoints"
                        " ORDER BY name",
                        ""));
    while (mw_rows_next(&rows)) {
        mw_record_endpoint *endpoint = RECORD_PUSH(&memory, &found);
        if (!endpoint)
            break;
        *endpoint = (mw_record_endpoint){.name = record_column(&memory, &rows, 0),
                                         .model = record_column(&memory, &rows, 1),
                                         .settings = record_column(&memory, &rows, 2),
                                         .updated_by = record_column(&memory, &rows, 3),
                                         .updated = mw_rows_int(&rows, 4)};
    }
    MW_TRY(record_close(&rows, &memory, err));
    *ret_endpoints = found;
    return MW_OK;
}

/* What it is now, for the audit log; absent: there is none. */
static mw_status words_of(mw_record *record, mw_view name, mw_view *ret_words, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    *ret_words = RECORD_NOTHING;
    MW_TRY(mw_rows_open(record->session, &rows, err, "SELECT model FROM endpoints WHERE name = ?",
                        "t", name));
    if (mw_rows_next(&rows))
        *ret_words = record_column(&memory, &rows, 0);
    return record_close(&rows, &memory, err);
}

static mw_view object_of(mw_record *record, mw_view name)
{
    return record_words(record, "endpoint %.*s", MW_VIEW_ARG(name));
}

/* An address that leads nowhere yet is served once it does, if its gates are open then. */
static mw_status check_gates(mw_record *record, mw_view address, mw_error *err)
{
    mw_error own;
    if (mw_record_check_address(record, address, &own) != MW_CONFLICT)
        return MW_OK;
    *err = own;
    return MW_CONFLICT;
}

mw_status mw_record_put_endpoint(mw_record *record, const mw_record_endpoint *endpoint,
                                 mw_error *err)
{
    mw_view before, by = record->actor ? record->actor->name : MW_VIEW("-");
    if (!mw_is_model_address(endpoint->model)) {
        mw_fail(err, MW_E_APPLY_DOCUMENT, "'%.*s' is no address of a model in the record",
                MW_VIEW_ARG(record_cut(endpoint->model, 120)));
        return mw_mend(err, "write models:/NAME@ALIAS or models:/NAME/VERSION");
    }
    MW_TRY(words_of(record, endpoint->name, &before, err));
    if (!before.data || !mw_view_equal(before, endpoint->model))
        MW_TRY(check_gates(record, endpoint->model, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO endpoints(name, model, settings, updated, updated_by)"
                      " VALUES(?, ?, ?, ?, ?) ON CONFLICT(name) DO UPDATE SET"
                      " model = excluded.model,"
                      " settings = excluded.settings, updated = excluded.updated,"
                      " updated_by = excluded.updated_by",
                      "tttit", endpoint->name, endpoint->model,
                      endpoint->settings.data ? endpoint->settings : MW_VIEW(""),
                      mw_clock_wall_ms(), by));
    return mw_record_note(record, "endpoint.set", object_of(record, endpoint->name), before,
                          endpoint->model, err);
}

mw_status mw_record_remove_endpoint(mw_record *record, mw_view name, mw_error *err)
{
    mw_view before;
    MW_TRY(words_of(record, name, &before, err));
    if (!before.data)
        return MW_OK;
    MW_TRY(mw_sql_run(record->session, err, "DELETE FROM endpoints WHERE name = ?", "t", name));
    return mw_record_note(record, "endpoint.remove", object_of(record, name), before,
                          RECORD_NOTHING, err);
}
