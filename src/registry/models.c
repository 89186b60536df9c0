/* Registered models: names, descriptions, tags, aliases. Their versions are in versions.c. */
#include <ctype.h>

#include "record.h"
#include "search.h"
#include "versions.h"

/* ---- names ----------------------------------------------------------------------------------- */

static mw_status check_name(mw_view name, const char *path, mw_error *err)
{
    if (mw_view_trim(name).size == 0)
        return record_refuse(err, "Missing value for required parameter '%s'.", path);
    if (memchr(name.data, '/', name.size) || memchr(name.data, ':', name.size))
        return record_refuse(err, "Invalid model name '%.*s'. Names cannot contain '/' or ':'.",
                             MW_VIEW_ARG(record_cut(name, 80)));
    if (!record_is_path_normal(name))
        return record_refuse(err,
                             "Invalid value \"%.*s\" for parameter '%s' supplied: Names may "
                             "be treated as files in certain cases, and must not resolve to "
                             "other names when treated as such.",
                             MW_VIEW_ARG(record_cut(name, 60)), path);
    return record_check_length(name, RECORD_KEY_MAX, path, err);
}

mw_status record_check_registry_tag(const mw_tag *tag, mw_error *err)
{
    MW_TRY(record_check_key(tag->key, "key", err));
    return record_check_length(tag->value, RECORD_REGISTRY_TAG_MAX, "value", err);
}

/* ---- reading --------------------------------------------------------------------------------- */

#define COLUMNS "m.id, m.created, m.updated, m.name, m.description"

static void read_columns(const mw_rows *rows, record_memory *memory, mw_registered_model *ret_model)
{
    *ret_model = (mw_registered_model){
        .row = mw_rows_int(rows, 0),
        .created = mw_rows_int(rows, 1),
        .updated = mw_rows_int(rows, 2),
        .name = record_column(memory, rows, 3),
        .description = record_column(memory, rows, 4),
    };
}

static mw_status find_model(mw_record *record, mw_view name, mw_registered_model *ret_model,
                            bool *ret_found, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " COLUMNS " FROM registered_models m WHERE m.name = ?", "t", name));
    *ret_found = mw_rows_next(&rows);
    if (*ret_found)
        read_columns(&rows, &memory, ret_model);
    return record_close(&rows, &memory, err);
}

mw_status record_bare_model(mw_record *record, mw_view name, mw_registered_model *ret_model,
                            mw_error *err)
{
    bool found;
    MW_TRY(find_model(record, name, ret_model, &found, err));
    return found ? MW_OK
                 : record_unknown(err, "Registered Model with name=%.*s not found",
                                  MW_VIEW_ARG(record_cut(name, 150)));
}

static mw_status load_aliases(mw_record *record, mw_registered_model *model, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT alias, version FROM model_aliases WHERE model = ?", "i",
                        model->row));
    while (mw_rows_next(&rows)) {
        mw_alias *alias = RECORD_PUSH(&memory, &model->aliases);
        if (!alias)
            break;
        *alias = (mw_alias){record_column(&memory, &rows, 0), mw_rows_int(&rows, 1)};
    }
    return record_close(&rows, &memory, err);
}

static mw_status load_rest(mw_record *record, mw_registered_model *model, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT key, value FROM registered_model_tags WHERE model = ?", "i",
                        model->row));
    MW_TRY(record_read_tags(&rows, &memory, &model->tags, err));
    MW_TRY(load_aliases(record, model, err));
    return record_load_latest(record, model->row, &model->latest, err);
}

mw_status mw_record_model(mw_record *record, mw_view name, mw_registered_model *ret_model,
                          mw_error *err)
{
    MW_TRY(record_bare_model(record, name, ret_model, err));
    return load_rest(record, ret_model, err);
}

/* ---- making and changing --------------------------------------------------------------------- */

static mw_status refuse_taken(mw_record *record, mw_view name, mw_error *err)
{
    bool found;
    mw_registered_model other;
    MW_TRY(find_model(record, name, &other, &found, err));
    if (!found)
        return MW_OK;
    return mw_fail(err, MW_E_RECORD_TAKEN, "Registered Model (name=%.*s) already exists.",
                   MW_VIEW_ARG(record_cut(name, 150)));
}

static mw_status put_tag(mw_record *record, int64_t model, const mw_tag *tag, mw_error *err)
{
    return mw_sql_run(record->session, err,
                      "INSERT INTO registered_model_tags(model, key, value) VALUES(?, ?, ?)"
                      " ON CONFLICT(model, key) DO UPDATE SET value = excluded.value",
                      "itt", model, tag->key, tag->value.data ? tag->value : MW_VIEW(""));
}

static mw_status note(mw_record *record, const char *action, mw_view name, mw_view before,
                      mw_view after, mw_error *err)
{
    return mw_record_note(record, action, record_words(record, "model %.*s", MW_VIEW_ARG(name)),
                          before, after, err);
}

static mw_status note_tag(mw_record *record, const mw_registered_model *model, mw_view key,
                          mw_view value, mw_error *err)
{
    mw_rows rows;
    mw_view before = RECORD_NOTHING, after = RECORD_NOTHING;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT value FROM registered_model_tags WHERE model = ? AND key = ?", "it",
                        model->row, key));
    if (mw_rows_next(&rows))
        before = record_words(record, "%.*s=%.*s", MW_VIEW_ARG(key),
                              MW_VIEW_ARG(mw_rows_text(&rows, 0)));
    MW_TRY(mw_rows_close(&rows, err));
    if (value.data)
        after = record_words(record, "%.*s=%.*s", MW_VIEW_ARG(key), MW_VIEW_ARG(value));
    return note(record, value.data ? "model.tag" : "model.untag", model->name, before, after, err);
}

static mw_status note_alias(mw_record *record, int64_t model, mw_view name, mw_view alias,
                            int64_t version, mw_error *err)
{
    mw_rows rows;
    mw_view before = RECORD_NOTHING, after = RECORD_NOTHING;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT version FROM model_aliases WHERE model = ? AND alias = ?", "it",
                        model, alias));
    if (mw_rows_next(&rows))
        before = record_words(record, "version %lld", (long long)mw_rows_int(&rows, 0));
    MW_TRY(mw_rows_close(&rows, err));
    if (version > 0)
        after = record_words(record, "version %lld", (long long)version);
    return mw_record_note(
        record, version > 0 ? "alias.set" : "alias.delete",
        record_words(record, "model %.*s@%.*s", MW_VIEW_ARG(name), MW_VIEW_ARG(alias)), before,
        after, err);
}

mw_status mw_record_create_model(mw_record *record, mw_view name, mw_view description,
                                 const mw_tags *tags, mw_registered_model *ret_model, mw_error *err)
{
    int64_t now = mw_clock_wall_ms();
    MW_TRY(check_name(name, "name", err));
    for (size_t i = 0; i < tags->count; i++)
        MW_TRY(record_check_registry_tag(&tags->items[i], err));
    MW_TRY(refuse_taken(record, name, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO registered_models(name, description, created, updated)"
                      " VALUES(?, ?, ?, ?) RETURNING id",
                      "ttii", name, description, now, now));
    int64_t row = mw_sql_new_id(record->session);
    for (size_t i = 0; i < tags->count; i++)
        MW_TRY(put_tag(record, row, &tags->items[i], err));
    MW_TRY(note(record, "model.create", name, RECORD_NOTHING,
                description.data ? description : MW_VIEW(""), err));
    MW_TRY(record_tell(
        record, row,
        &(record_news){
            .what = RECORD_MODEL_CREATED, .name = name, .description = description, .tags = tags},
        err));
    return mw_record_model(record, name, ret_model, err);
}

mw_status record_touch_model(mw_record *record, int64_t model, mw_error *err)
{
    return mw_sql_run(record->session, err, "UPDATE registered_models SET updated = ? WHERE id = ?",
                      "ii", mw_clock_wall_ms(), model);
}

mw_status mw_record_rename_model(mw_record *record, mw_view name, mw_view new_name,
                                 mw_registered_model *ret_model, mw_error *err)
{
    mw_registered_model model;
    MW_TRY(check_name(new_name, "new_name", err));
    MW_TRY(record_bare_model(record, name, &model, err));
    if (!mw_view_equal(name, new_name))
        MW_TRY(refuse_taken(record, new_name, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "UPDATE registered_models SET name = ?, updated = ? WHERE id = ?", "tii",
                      new_name, mw_clock_wall_ms(), model.row));
    MW_TRY(note(record, "model.rename", name, name, new_name, err));
    return mw_record_model(record, new_name, ret_model, err);
}

mw_status mw_record_describe_model(mw_record *record, mw_view name, mw_view description,
                                   mw_registered_model *ret_model, mw_error *err)
{
    mw_registered_model model;
    MW_TRY(record_bare_model(record, name, &model, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "UPDATE registered_models SET description = ?, updated = ? WHERE id = ?",
                      "tii", description, mw_clock_wall_ms(), model.row));
    MW_TRY(note(record, "model.describe", name, model.description, description, err));
    return mw_record_model(record, name, ret_model, err);
}

mw_status mw_record_delete_model(mw_record *record, mw_view name, mw_error *err)
{
    mw_registered_model model;
    MW_TRY(record_bare_model(record, name, &model, err));
    MW_TRY(mw_sql_run(record->session, err, "DELETE FROM registered_models WHERE id = ?", "i",
                      model.row));
    return note(record, "model.delete", name, name, RECORD_NOTHING, err);
}

mw_status mw_record_tag_model(mw_record *record, mw_view name, const mw_tag *tag, mw_error *err)
{
    mw_registered_model model;
    MW_TRY(record_check_registry_tag(tag, err));
    MW_TRY(record_bare_model(record, name, &model, err));
    MW_TRY(note_tag(record, &model, tag->key, tag->value.data ? tag->value : MW_VIEW(""), err));
    MW_TRY(put_tag(record, model.row, tag, err));
    return record_tell(
        record, model.row,
        &(record_news){
            .what = RECORD_MODEL_TAGGED, .name = name, .key = tag->key, .value = tag->value},
        err);
}

mw_status mw_record_untag_model(mw_record *record, mw_view name, mw_view key, mw_error *err)
{
    mw_registered_model model;
    MW_TRY(record_bare_model(record, name, &model, err));
    MW_TRY(note_tag(record, &model, key, RECORD_NOTHING, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "DELETE FROM registered_model_tags WHERE model = ? AND key = ?", "it",
                      model.row, key));
    return record_tell(record, model.row,
                       &(record_news){.what = RECORD_MODEL_UNTAGGED, .name = name, .key = key},
                       err);
}

/* ---- aliases --------------------------------------------------------------------------------- */

static bool is_version_alias(mw_view alias)
{
    bool digits = alias.size > 1 && (alias.data[0] == 'v' || alias.data[0] == 'V');
    for (size_t i = 1; digits && i < alias.size; i++)
        digits = isdigit((unsigned char)alias.data[i]);
    return digits;
}

static mw_status check_alias(mw_view alias, mw_error *err)
{
    for (size_t i = 0; i < alias.size; i++) {
        unsigned char c = (unsigned char)alias.data[i];
        if (!isalnum(c) && c < 0x80 && c != '_' && c != '-')
            return record_refuse(err,
                                 "Invalid alias name: '%.*s'. Names may only contain "
                                 "alphanumerics, underscores (_), and dashes (-).",
                                 MW_VIEW_ARG(record_cut(alias, 80)));
    }
    MW_TRY(record_check_length(alias, RECORD_ALIAS_MAX, "Registered model alias name", err));
    if (mw_view_is_nocase(alias, "latest"))
        return record_refuse(err, "'latest' alias name (case insensitive) is reserved.");
    if (is_version_alias(alias))
        return record_refuse(err, "Version alias name '%.*s' is reserved.", MW_VIEW_ARG(alias));
    return MW_OK;
}

mw_status record_put_alias(mw_record *record, mw_view name, mw_view alias, int64_t version,
                           mw_error *err)
{
    mw_registered_model model;
    MW_TRY(record_bare_model(record, name, &model, err));
    MW_TRY(note_alias(record, model.row, name, alias, version, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO model_aliases(model, alias, version) VALUES(?, ?, ?)"
                      " ON CONFLICT(model, alias) DO UPDATE SET version = excluded.version",
                      "iti", model.row, alias, version));
    MW_TRY(record_tell(
        record, model.row,
        &(record_news){.what = RECORD_ALIAS_SET, .name = name, .key = alias, .version = version},
        err));
    return record_touch_model(record, model.row, err);
}

mw_status mw_record_set_alias(mw_record *record, mw_view name, mw_view alias, mw_view version,
                              mw_error *err)
{
    mw_registered_model model;
    mw_model_version found;
    if (!version.data) {
        MW_TRY(record_bare_model(record, name, &model, err));
        MW_TRY(note_alias(record, model.row, name, alias, 0, err));
        MW_TRY(mw_sql_run(record->session, err,
                          "DELETE FROM model_aliases WHERE model = ? AND alias = ?", "it",
                          model.row, alias));
        MW_TRY(record_tell(record, model.row,
                           &(record_news){.what = RECORD_ALIAS_GONE, .name = name, .key = alias},
                           err));
        return record_touch_model(record, model.row, err);
    }
    MW_TRY(check_alias(alias, err));
    MW_TRY(mw_record_version(record, name, version, &found, err));
    MW_TRY(mw_record_check_gates(record, &found, alias, err));
    return record_put_alias(record, name, alias, found.version, err);
}

/* ---- searching ------------------------------------------------------------------------------- */

static const filter_attribute attributes[] = {
    {"name", "m.name", NULL, FILTER_TEXT | FILTER_LIST | FILTER_ORDERS},
    {"creation_timestamp", "m.created", NULL, FILTER_NUMBER | FILTER_ORDERS | FILTER_ONLY_ORDERS},
    {"last_updated_timestamp", "m.updated", NULL,
     FILTER_NUMBER | FILTER_ORDERS | FILTER_ONLY_ORDERS},
    {"timestamp", "m.updated", NULL, FILTER_NUMBER | FILTER_ORDERS | FILTER_ONLY_ORDERS},
};

static const filter_domain domain = {
    .attributes = attributes,
    .n_attributes = MW_COUNT(attributes),
    .entities = 1u << FILTER_ATTRIBUTE | 1u << FILTER_TAG,
    .lookups = {[FILTER_TAG] = {"registered_model_tags @", "@.model = m.id"}},
};

static const char prompt_tag[] = "mlflow.prompt.is_prompt";

static bool asks_for_prompts(const filter_clause *clause)
{
    return (clause->op == FILTER_EQ && mw_view_is_nocase(clause->texts.items[0], "true")) ||
           (clause->op == FILTER_NE && mw_view_is_nocase(clause->texts.items[0], "false"));
}

/* Prompts are models with a tag; searches leave them out unless they ask for them. */
void record_put_prompts(search_query *query)
{
    size_t n = 0;
    bool wanted = false;
    for (size_t i = 0; i < query->clauses.count; i++) {
        const filter_clause *clause = &query->clauses.items[i];
        bool is_about =
            clause->field.entity == FILTER_TAG && mw_view_is(clause->field.key, prompt_tag);
        wanted = wanted || (is_about && asks_for_prompts(clause));
        if (!is_about || asks_for_prompts(clause))
            query->clauses.items[n++] = *clause;
    }
    query->clauses.count = n;
    if (!wanted)
        mw_buf_text(&query->where,
                    " AND NOT EXISTS(SELECT 1 FROM registered_model_tags p WHERE p.model = m.id AND"
                    " p.key = 'mlflow.prompt.is_prompt' AND p.value = 'true')");
}

mw_status mw_record_search_models(mw_record *record, const mw_search *search,
                                  mw_registered_models *ret_found, mw_view *ret_token,
                                  mw_error *err)
{
    enum { MODELS_MAX = 1000 };
    static const search_tie ties[] = {{"name", "m.name"}};
    mw_rows rows;
    search_query query;
    record_memory memory = {record->arena, false};
    mw_registered_models found = {0};
    MW_TRY(search_begin(&query, &domain, search, &memory, MODELS_MAX, err));
    mw_buf_text(&query.where, "TRUE");
    record_put_prompts(&query);
    search_put_seen(&query, "m.name", MW_SCOPE_MODEL);
    mw_status status = search_put_filter(&query, err);
    if (status == MW_OK)
        status = search_put_order(&query, "m.name", ties, MW_COUNT(ties), err);
    if (status == MW_OK)
        status = search_open(&query, record->session, COLUMNS, "registered_models m", &rows, err);
    search_end(&query);
    if (status != MW_OK)
        return status;
    while (mw_rows_next(&rows)) {
        mw_registered_model *model = RECORD_PUSH(&memory, &found);
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
