/* Evaluation data sets: made, tagged, joined to experiments, searched. Their records are in
 * evaluation_records.c. */
#include "evaluation_parts.h"
#include "search.h"

enum { NAME_MAX = 255, RESULTS_MAX = 50000 };

/* ---- reading --------------------------------------------------------------------------------- */

#define COLUMNS                                                                        \
    "d.id, d.created, d.updated, d.dataset_id, d.name, d.digest, d.fields, d.profile," \
    " d.created_by, d.updated_by"

static void read_columns(const mw_rows *rows, record_memory *memory, mw_evaluation *ret_evaluation)
{
    *ret_evaluation = (mw_evaluation){
        .row = mw_rows_int(rows, 0),
        .created = mw_rows_int(rows, 1),
        .updated = mw_rows_int(rows, 2),
        .id = record_column(memory, rows, 3),
        .name = record_column(memory, rows, 4),
        .digest = record_column(memory, rows, 5),
        .schema = record_column(memory, rows, 6),
        .profile = record_column(memory, rows, 7),
        .created_by = record_column(memory, rows, 8),
        .updated_by = record_column(memory, rows, 9),
    };
}

static mw_status load_tags(mw_record *record, mw_evaluation *evaluation, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT key, value FROM evaluation_dataset_tags WHERE dataset = ?"
                        " ORDER BY key",
                        "i", evaluation->row));
    return record_read_tags(&rows, &memory, &evaluation->tags, err);
}

static mw_status find(mw_record *record, mw_view id, mw_evaluation *ret_evaluation, bool *ret_found,
                      mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " COLUMNS " FROM evaluation_datasets d WHERE d.dataset_id = ?", "t",
                        id));
    *ret_found = mw_rows_next(&rows);
    if (*ret_found)
        read_columns(&rows, &memory, ret_evaluation);
    return record_close(&rows, &memory, err);
}

mw_status mw_record_evaluation(mw_record *record, mw_view id, mw_evaluation *ret_evaluation,
                               mw_error *err)
{
    bool found;
    MW_TRY(find(record, id, ret_evaluation, &found, err));
    if (!found)
        return record_unknown(err, "Evaluation dataset with id '%.*s' not found",
                              MW_VIEW_ARG(record_cut(id, 80)));
    return load_tags(record, ret_evaluation, err);
}

/* ---- making and changing --------------------------------------------------------------------- */

void record_evaluation_digest(mw_view name, int64_t now,
                              char ret_digest[RECORD_EVALUATION_DIGEST_BYTES])
{
    mw_buf text;
    char digest[MW_DIGEST_TEXT_BYTES];
    mw_buf_init(&text, 4 * NAME_MAX + 64);
    mw_buf_format(&text, "%.*s:%lld", MW_VIEW_ARG(name), (long long)now);
    mw_digest_of(mw_buf_as_view(&text), digest);
    snprintf(ret_digest, RECORD_EVALUATION_DIGEST_BYTES, "%.8s", digest);
    mw_buf_done(&text);
}

mw_status record_note_evaluation(mw_record *record, const char *action,
                                 const mw_evaluation *evaluation, mw_view before, mw_view after,
                                 mw_error *err)
{
    return mw_record_note(record, action,
                          record_words(record, "evaluation data set %.*s (%.*s)",
                                       MW_VIEW_ARG(record_cut(evaluation->name, 80)),
                                       MW_VIEW_ARG(evaluation->id)),
                          before, after, err);
}

static mw_status check_tag(const mw_tag *tag, mw_error *err)
{
    MW_TRY(record_check_key(tag->key, "key", err));
    return record_check_length(tag->value, RECORD_TAG_MAX, "value", err);
}

static mw_status put_tags(mw_record *record, int64_t row, const mw_tags *tags, mw_error *err)
{
    for (size_t i = 0; i < tags->count; i++)
        MW_TRY(check_tag(&tags->items[i], err));
    for (size_t i = 0; i < tags->count; i++)
        MW_TRY(mw_sql_run(record->session, err,
                          "INSERT INTO evaluation_dataset_tags(dataset, key, value)"
                          " VALUES(?, ?, ?) ON CONFLICT(dataset, key) DO UPDATE SET value ="
                          " excluded.value",
                          "itt", row, tags->items[i].key,
                          tags->items[i].value.data ? tags->items[i].value : MW_VIEW("")));
    return MW_OK;
}

static mw_status join(mw_record *record, int64_t row, const mw_texts *experiments, mw_error *err)
{
    mw_experiment experiment;
    for (size_t i = 0; i < experiments->count; i++) {
        MW_TRY(mw_record_experiment(record, experiments->items[i], &experiment, err));
        MW_TRY(mw_sql_run(record->session, err,
                          "INSERT OR IGNORE INTO evaluation_dataset_experiments(dataset,"
                          " experiment) VALUES(?, ?)",
                          "ii", row, experiment.id));
    }
    return MW_OK;
}

static mw_status leave(mw_record *record, int64_t row, const mw_texts *experiments, bool *ret_left,
                       mw_error *err)
{
    *ret_left = false;
    for (size_t i = 0; i < experiments->count; i++) {
        int64_t experiment;
        if (!record_number(experiments->items[i], &experiment))
            continue;
        MW_TRY(mw_sql_run(record->session, err,
                          "DELETE FROM evaluation_dataset_experiments WHERE dataset = ? AND"
                          " experiment = ?",
                          "ii", row, experiment));
        *ret_left = *ret_left || mw_sql_changes(record->session) > 0;
    }
    return MW_OK;
}

static mw_view user_of(const mw_tags *tags)
{
    for (size_t i = 0; i < tags->count; i++)
        if (mw_view_is(tags->items[i].key, "mlflow.user"))
            return tags->items[i].value;
    return RECORD_NOTHING;
}

mw_status mw_record_create_evaluation(mw_record *record, mw_view name, const mw_tags *tags,
                                      const mw_texts *experiments, mw_evaluation *ret_evaluation,
                                      mw_error *err)
{
    char id[RECORD_EVALUATION_ID_BYTES], digest[RECORD_EVALUATION_DIGEST_BYTES];
    int64_t now = mw_clock_wall_ms();
    mw_view who = user_of(tags);
    if (mw_view_trim(name).size == 0)
        return record_refuse(err, "Missing value for required parameter 'name'.");
    MW_TRY(record_check_length(name, NAME_MAX, "name", err));
    record_evaluation_id(id, "d-");
    record_evaluation_digest(name, now, digest);
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO evaluation_datasets(dataset_id, name, digest, created, updated,"
                      " created_by, updated_by) VALUES(?, ?, ?, ?, ?, ?, ?) RETURNING id",
                      "tttiitt", mw_view_of(id), name, mw_view_of(digest), now, now, who, who));
    int64_t row = mw_sql_new_id(record->session);
    MW_TRY(put_tags(record, row, tags, err));
    MW_TRY(join(record, row, experiments, err));
    MW_TRY(mw_record_evaluation(record, record_words(record, "%s", id), ret_evaluation, err));
    return record_note_evaluation(record, "evaluation.create", ret_evaluation, RECORD_NOTHING,
                                  record_words(record, "%zu experiments", experiments->count), err);
}

mw_status mw_record_delete_evaluation(mw_record *record, mw_view id, mw_error *err)
{
    bool found;
    mw_evaluation evaluation;
    MW_TRY(find(record, id, &evaluation, &found, err));
    if (!found)
        return MW_OK;
    MW_TRY(mw_sql_run(record->session, err, "DELETE FROM evaluation_datasets WHERE id = ?", "i",
                      evaluation.row));
    return record_note_evaluation(record, "evaluation.delete", &evaluation,
                                  evaluation.profile.data ? evaluation.profile : MW_VIEW(""),
                                  RECORD_NOTHING, err);
}

mw_status mw_record_tag_evaluation(mw_record *record, mw_view id, const mw_tags *tags,
                                   mw_error *err)
{
    mw_evaluation evaluation;
    MW_TRY(mw_record_evaluation(record, id, &evaluation, err));
    MW_TRY(put_tags(record, evaluation.row, tags, err));
    for (size_t i = 0; i < tags->count; i++)
        MW_TRY(record_note_evaluation(
            record, "evaluation.tag", &evaluation, RECORD_NOTHING,
            record_words(record, "%.*s=%.*s", MW_VIEW_ARG(tags->items[i].key),
                         MW_VIEW_ARG(record_cut(tags->items[i].value, 200))),
            err));
    return MW_OK;
}

mw_status mw_record_untag_evaluation(mw_record *record, mw_view id, mw_view key, mw_error *err)
{
    bool found;
    mw_evaluation evaluation;
    MW_TRY(find(record, id, &evaluation, &found, err));
    if (!found)
        return MW_OK;
    MW_TRY(mw_sql_run(record->session, err,
                      "DELETE FROM evaluation_dataset_tags WHERE dataset = ? AND key = ?", "it",
                      evaluation.row, key));
    if (mw_sql_changes(record->session) == 0)
        return MW_OK;
    return record_note_evaluation(record, "evaluation.untag", &evaluation, record_cut(key, 200),
                                  RECORD_NOTHING, err);
}

mw_status mw_record_evaluation_experiments(mw_record *record, mw_view id, mw_texts *ret_experiments,
                                           mw_error *err)
{
    mw_rows rows;
    mw_evaluation evaluation;
    mw_texts found = {0};
    record_memory memory = {record->arena, false};
    MW_TRY(mw_record_evaluation(record, id, &evaluation, err));
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT experiment FROM evaluation_dataset_experiments WHERE dataset = ?"
                        " ORDER BY experiment",
                        "i", evaluation.row));
    while (mw_rows_next(&rows)) {
        mw_view *experiment = RECORD_PUSH(&memory, &found);
        if (!experiment)
            break;
        *experiment = record_words(record, "%lld", (long long)mw_rows_int(&rows, 0));
    }
    MW_TRY(record_close(&rows, &memory, err));
    *ret_experiments = found;
    return MW_OK;
}

mw_status mw_record_join_evaluation(mw_record *record, mw_view id, const mw_texts *experiments,
                                    bool is_end, mw_evaluation *ret_evaluation, mw_error *err)
{
    bool is_change = true;
    mw_evaluation evaluation;
    MW_TRY(mw_record_evaluation(record, id, &evaluation, err));
    if (is_end)
        MW_TRY(leave(record, evaluation.row, experiments, &is_change, err));
    else
        MW_TRY(join(record, evaluation.row, experiments, err));
    if (is_change)
        MW_TRY(mw_sql_run(record->session, err,
                          "UPDATE evaluation_datasets SET updated = ? WHERE id = ?", "ii",
                          mw_clock_wall_ms(), evaluation.row));
    for (size_t i = 0; is_change && i < experiments->count; i++) {
        mw_view said = record_words(record, "experiment %.*s",
                                    MW_VIEW_ARG(record_cut(experiments->items[i], 40)));
        MW_TRY(record_note_evaluation(record, is_end ? "evaluation.leave" : "evaluation.join",
                                      &evaluation, is_end ? said : RECORD_NOTHING,
                                      is_end ? RECORD_NOTHING : said, err));
    }
    return mw_record_evaluation(record, id, ret_evaluation, err);
}

/* ---- searching ------------------------------------------------------------------------------- */

static const filter_attribute attributes[] = {
    {"name", "d.name", NULL, FILTER_TEXT | FILTER_LIST | FILTER_ORDERS},
    {"created_time", "d.created", NULL, FILTER_INTEGER | FILTER_ORDERS},
    {"last_update_time", "d.updated", NULL, FILTER_INTEGER | FILTER_ORDERS},
    {"created_by", "d.created_by", NULL, FILTER_TEXT},
    {"last_updated_by", "d.updated_by", NULL, FILTER_TEXT},
};

static const filter_domain domain = {
    .attributes = attributes,
    .n_attributes = MW_COUNT(attributes),
    .entities = 1u << FILTER_ATTRIBUTE | 1u << FILTER_TAG,
    .lookups = {[FILTER_TAG] = {"evaluation_dataset_tags @", "@.dataset = d.id"}},
};

/* Of an experiment that the visitor reaches; those without one are for who sees all. */
static void put_seen(search_query *query)
{
    static const char inner[] =
        " AND EXISTS(SELECT 1 FROM evaluation_dataset_experiments e WHERE e.dataset = d.id";
    size_t before = query->where.size;
    mw_buf_text(&query->where, inner);
    size_t empty = query->where.size;
    search_put_seen(query, "e.experiment", MW_SCOPE_EXPERIMENT);
    if (query->where.size == empty)
        query->where.data[query->where.size = before] = '\0'; /* he sees everything */
    else
        mw_buf_char(&query->where, ')');
}

static mw_status put_experiments(search_query *query, mw_error *err)
{
    const mw_texts *experiments = &query->search->experiments;
    if (experiments->count == 0)
        return MW_OK;
    mw_buf_text(&query->where, " AND d.id IN (SELECT x.dataset FROM"
                               " evaluation_dataset_experiments x WHERE TRUE");
    MW_TRY(search_put_ids(query, "x.experiment", experiments, err));
    mw_buf_char(&query->where, ')');
    return MW_OK;
}

mw_status mw_record_search_evaluations(mw_record *record, const mw_search *search,
                                       mw_evaluations *ret_found, mw_view *ret_token, mw_error *err)
{
    static const search_tie ties[] = {{"dataset_id", "d.dataset_id DESC"}};
    mw_rows rows;
    search_query query;
    mw_evaluations found = {0};
    record_memory memory = {record->arena, false};
    MW_TRY(search_begin(&query, &domain, search, &memory, RESULTS_MAX, err));
    mw_buf_text(&query.where, "TRUE");
    put_seen(&query);
    mw_status status = put_experiments(&query, err);
    if (status == MW_OK)
        status = search_put_filter(&query, err);
    if (status == MW_OK)
        status = search_put_order(&query, "d.created DESC, d.dataset_id DESC", ties, MW_COUNT(ties),
                                  err);
    if (status == MW_OK)
        status = search_open(&query, record->session, COLUMNS, "evaluation_datasets d", &rows, err);
    search_end(&query);
    if (status != MW_OK)
        return status;
    while (mw_rows_next(&rows)) {
        mw_evaluation *evaluation = RECORD_PUSH(&memory, &found);
        if (!evaluation)
            break;
        read_columns(&rows, &memory, evaluation);
    }
    MW_TRY(record_close(&rows, &memory, err));
    *ret_token = search_page(&query, &found.count, &memory);
    for (size_t i = 0; i < found.count; i++)
        MW_TRY(load_tags(record, &found.items[i], err));
    *ret_found = found;
    return memory.failed ? mw_fail_memory(err, "the data sets") : MW_OK;
}
