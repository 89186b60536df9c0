/* Versions of registered models. A version's source is what the client gave; its location is where
 * the artifacts really are: a logged model's place for "models:/m-...", another version's for
 * "models:/name/3". */
#include "findings.h"
#include "passport.h"
#include "versions.h"

const char *const mw_model_stage_names[MW_N_MODEL_STAGES] = {"None", "Staging", "Production",
                                                             "Archived"};

#define COLUMNS                                                                                   \
    "v.model, v.version, v.created, v.updated, v.stage, m.name, v.description, v.user, v.source," \
    " v.run_id, v.run_link, v.model_id, v.location"
#define TABLES "model_versions v JOIN registered_models m ON m.id = v.model"

/* ---- reading --------------------------------------------------------------------------------- */

static void read_columns(const mw_rows *rows, record_memory *memory, mw_model_version *ret_version)
{
    *ret_version = (mw_model_version){
        .model = mw_rows_int(rows, 0),
        .version = mw_rows_int(rows, 1),
        .created = mw_rows_int(rows, 2),
        .updated = mw_rows_int(rows, 3),
        .stage = (mw_model_stage)mw_rows_int(rows, 4),
        .name = record_column(memory, rows, 5),
        .description = record_column(memory, rows, 6),
        .user = record_column(memory, rows, 7),
        .source = record_column(memory, rows, 8),
        .run_id = record_column(memory, rows, 9),
        .run_link = record_column(memory, rows, 10),
        .model_id = record_column(memory, rows, 11),
        .location = record_column(memory, rows, 12),
    };
}

static mw_status load_rest(mw_record *record, mw_model_version *version, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT key, value FROM model_version_tags WHERE model = ? AND version = ?",
                        "ii", version->model, version->version));
    MW_TRY(record_read_tags(&rows, &memory, &version->tags, err));
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT alias FROM model_aliases WHERE model = ? AND version = ?", "ii",
                        version->model, version->version));
    while (mw_rows_next(&rows)) {
        mw_view *alias = RECORD_PUSH(&memory, &version->aliases);
        if (!alias)
            break;
        *alias = record_column(&memory, &rows, 0);
    }
    return record_close(&rows, &memory, err);
}

static mw_status take_all(mw_record *record, mw_rows *rows, mw_model_versions *ret_found,
                          mw_error *err)
{
    record_memory memory = {record->arena, false};
    mw_model_versions found = {0};
    while (mw_rows_next(rows)) {
        mw_model_version *version = RECORD_PUSH(&memory, &found);
        if (!version)
            break;
        read_columns(rows, &memory, version);
    }
    MW_TRY(record_close(rows, &memory, err));
    *ret_found = found;
    return MW_OK;
}

static mw_status load_all(mw_record *record, mw_model_versions *versions, mw_error *err)
{
    for (size_t i = 0; i < versions->count; i++)
        MW_TRY(load_rest(record, &versions->items[i], err));
    return MW_OK;
}

mw_status record_load_latest(mw_record *record, int64_t model, mw_model_versions *ret_latest,
                             mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " COLUMNS " FROM " TABLES " WHERE v.model = ? AND v.version ="
                        " (SELECT max(w.version) FROM model_versions w WHERE w.model = v.model AND"
                        " w.stage = v.stage) ORDER BY v.version",
                        "i", model));
    MW_TRY(take_all(record, &rows, ret_latest, err));
    return load_all(record, ret_latest, err);
}

static mw_status find_version(mw_record *record, mw_view name, int64_t number,
                              mw_model_version *ret_version, mw_error *err)
{
    mw_rows rows;
    mw_model_versions found;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " COLUMNS " FROM " TABLES " WHERE m.name = ? AND v.version = ?",
                        "ti", name, number));
    MW_TRY(take_all(record, &rows, &found, err));
    if (found.count == 0)
        return record_unknown(err, "Model Version (name=%.*s, version=%lld) not found",
                              MW_VIEW_ARG(record_cut(name, 150)), (long long)number);
    MW_TRY(load_all(record, &found, err));
    *ret_version = found.items[0];
    return MW_OK;
}

mw_status mw_record_version(mw_record *record, mw_view name, mw_view version,
                            mw_model_version *ret_version, mw_error *err)
{
    int64_t number;
    if (!record_number(version, &number))
        return record_refuse(err,
                             "Invalid value \"%.*s\" for parameter 'version' supplied: Model "
                             "version must be an integer",
                             MW_VIEW_ARG(record_cut(version, 60)));
    return find_version(record, name, number, ret_version, err);
}

mw_status mw_record_version_of_alias(mw_record *record, mw_view name, mw_view alias,
                                     mw_model_version *ret_version, mw_error *err)
{
    mw_rows rows;
    mw_registered_model model;
    MW_TRY(record_bare_model(record, name, &model, err));
    if (mw_view_is_nocase(alias, "latest")) {
        MW_TRY(mw_rows_open(record->session, &rows, err,
                            "SELECT max(version) FROM model_versions WHERE model = ?"
                            " HAVING max(version) IS NOT NULL",
                            "i", model.row));
    } else {
        MW_TRY(mw_rows_open(record->session, &rows, err,
                            "SELECT version FROM model_aliases WHERE model = ? AND alias = ?", "it",
                            model.row, alias));
    }
    bool found = mw_rows_next(&rows);
    int64_t number = found ? mw_rows_int(&rows, 0) : 0;
    MW_TRY(mw_rows_close(&rows, err));
    if (!found)
        return record_refuse(err, "Registered model alias %.*s not found.",
                             MW_VIEW_ARG(record_cut(alias, 80)));
    return find_version(record, name, number, ret_version, err);
}

/* ---- where a source is ----------------------------------------------------------------------- */

typedef struct source_place {
    mw_view location, run_id;
    mw_view logged_model; /* of "models:/m-..." */
} source_place;

static bool has_upward_part(mw_view source)
{
    for (size_t i = 0; i + 1 < source.size; i++) {
        bool begins = i == 0 || source.data[i - 1] == '/' || source.data[i - 1] == '\\';
        bool ends = i + 2 == source.size || source.data[i + 2] == '/' || source.data[i + 2] == '\\';
        if (source.data[i] == '.' && source.data[i + 1] == '.' && begins && ends)
            return true;
        if (source.data[i] == '%' && i + 2 < source.size && source.data[i + 1] == '2' &&
            (source.data[i + 2] | 0x20) == 'e')
            return true; /* an escaped point has no honest use here */
    }
    return false;
}

static bool is_inside(mw_view path, mw_view folder)
{
    return folder.size > 0 && path.size >= folder.size &&
           memcmp(path.data, folder.data, folder.size) == 0 &&
           (path.size == folder.size || path.data[folder.size] == '/');
}

static mw_status refuse_source(mw_view source, const char *why, mw_error *err)
{
    record_refuse(err, "Invalid model version source: '%.*s'.",
                  MW_VIEW_ARG(record_cut(source, 120)));
    return mw_mend(err, "%s", why);
}

/* "models:/m-0123" or "models:/name/3" */
static mw_status resolve_model(mw_record *record, const mw_new_version *wanted, source_place *place,
                               mw_error *err)
{
    mw_view rest = {wanted->source.data + 8, wanted->source.size - 8}; /* behind "models:/" */
    if (mw_view_starts(rest, "m-")) {
        mw_logged_model model;
        if (wanted->model_id.size > 0 && !mw_view_equal(wanted->model_id, rest))
            return refuse_source(wanted->source, "It names another model than model_id.", err);
        MW_TRY(mw_record_logged_model(record, rest, &model, err));
        place->location = model.artifact_uri;
        place->logged_model = model.model_id;
        if (place->run_id.size == 0)
            place->run_id = model.source_run_id;
        return MW_OK;
    }
    const char *slash = rest.size ? memchr(rest.data, '/', rest.size) : NULL;
    if (!slash)
        return refuse_source(wanted->source, "Write models:/m-ID or models:/NAME/VERSION.", err);
    mw_model_version other;
    mw_view name = {rest.data, (size_t)(slash - rest.data)};
    mw_view version = {slash + 1, rest.size - name.size - 1};
    MW_TRY(mw_record_version(record, name, version, &other, err));
    place->location = other.location;
    return MW_OK;
}

/* Local files and this server's artifacts: only inside what the request names. */
static mw_status check_inside(mw_record *record, const mw_new_version *wanted, mw_error *err)
{
    mw_view home = {NULL, 0};
    mw_run_info run;
    mw_logged_model model;
    if (wanted->run_id.size > 0) {
        MW_TRY(mw_record_run_info(record, wanted->run_id, &run, err));
        home = run.artifact_uri;
    } else if (wanted->model_id.size > 0) {
        MW_TRY(mw_record_logged_model(record, wanted->model_id, &model, err));
        home = model.artifact_uri;
    }
    if (is_inside(wanted->source, home))
        return MW_OK;
    return refuse_source(wanted->source,
                         "It has to be contained within the artifact directory of the run "
                         "specified by run_id, or of the model specified by model_id.",
                         err);
}

/* A prompt's version is its tags: there are no files. */
static bool is_prompt(const mw_new_version *wanted)
{
    return mw_view_is_nocase(mw_tags_get(&wanted->tags, "mlflow.prompt.is_prompt"), "true");
}

static mw_status check_prompt(const mw_new_version *wanted, mw_error *err)
{
    if (mw_view_is(wanted->source, "dummy-source") || mw_view_is(wanted->source, "prompt-template"))
        return MW_OK;
    return record_refuse(err,
                         "Invalid prompt source: '%.*s'. Prompt sources must use an MLflow "
                         "placeholder.",
                         MW_VIEW_ARG(record_cut(wanted->source, 120)));
}

static mw_status resolve(mw_record *record, const mw_new_version *wanted, source_place *ret_place,
                         mw_error *err)
{
    *ret_place = (source_place){wanted->source, wanted->run_id, {NULL, 0}};
    if (is_prompt(wanted))
        return check_prompt(wanted, err);
    if (has_upward_part(wanted->source))
        return refuse_source(wanted->source, "A source has no '..' in it.", err);
    if (mw_view_starts(wanted->source, "models:/"))
        return resolve_model(record, wanted, ret_place, err);
    const char *colon = memchr(wanted->source.data, ':', wanted->source.size);
    bool is_local = !colon || mw_view_starts(wanted->source, "file:");
    if (is_local || mw_view_starts(wanted->source, "mlflow-artifacts:"))
        MW_TRY(check_inside(record, wanted, err));
    if (wanted->model_id.size > 0 && ret_place->run_id.size == 0) {
        mw_logged_model model;
        MW_TRY(mw_record_logged_model(record, wanted->model_id, &model, err));
        ret_place->run_id = model.source_run_id;
    }
    return MW_OK;
}

/* ---- making ---------------------------------------------------------------------------------- */

/* The logged model's tag: [{"name": "fraud", "version": 2}] */
static mw_status note_registration(mw_record *record, mw_view model_id, mw_view name,
                                   int64_t version, mw_error *err)
{
    static const char key[] = "mlflow.modelVersions";
    mw_logged_model model;
    mw_buf text;
    MW_TRY(mw_record_logged_model(record, model_id, &model, err));
    mw_buf_init(&text, MW_MIB);
    mw_view before = mw_view_trim(mw_tags_get(&model.tags, key));
    if (before.size < 2 || before.data[before.size - 1] != ']')
        before = MW_VIEW("[]");
    mw_buf_bytes(&text, before.data, before.size - 1);
    mw_buf_text(&text, before.size > 2 ? ", {\"name\": " : "{\"name\": ");
    mw_json_write_text(&text, name);
    mw_buf_format(&text, ", \"version\": %lld}]", (long long)version);
    mw_tag tag = {mw_view_of(key), mw_buf_as_view(&text)};
    mw_status status = mw_record_tag_logged_model(record, model_id, &(mw_tags){&tag, 1}, err);
    mw_buf_done(&text);
    return status;
}

static mw_status next_number(mw_record *record, int64_t model, int64_t *ret_number, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_sql_run(record->session, err,
                      "UPDATE registered_models SET last_version = last_version + 1 WHERE id = ?",
                      "i", model));
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT last_version FROM registered_models WHERE id = ?", "i", model));
    *ret_number = mw_rows_next(&rows) ? mw_rows_int(&rows, 0) : 0;
    return mw_rows_close(&rows, err);
}

static mw_status put_tag(mw_record *record, int64_t model, int64_t version, const mw_tag *tag,
                         mw_error *err)
{
    return mw_sql_run(
        record->session, err,
        "INSERT INTO model_version_tags(model, version, key, value)"
        " VALUES(?, ?, ?, ?) ON CONFLICT(model, version, key) DO UPDATE SET value = excluded.value",
        "iitt", model, version, tag->key, tag->value.data ? tag->value : MW_VIEW(""));
}

static mw_status note(mw_record *record, const char *action, mw_view name, int64_t version,
                      mw_view before, mw_view after, mw_error *err)
{
    return mw_record_note(
        record, action,
        record_words(record, "model %.*s/%lld", MW_VIEW_ARG(name), (long long)version), before,
        after, err);
}

static mw_status note_tag(mw_record *record, const mw_model_version *version, mw_view key,
                          mw_view value, mw_error *err)
{
    mw_view before = RECORD_NOTHING, after = RECORD_NOTHING;
    for (size_t i = 0; i < version->tags.count; i++)
        if (mw_view_equal(version->tags.items[i].key, key))
            before = record_words(record, "%.*s=%.*s", MW_VIEW_ARG(key),
                                  MW_VIEW_ARG(version->tags.items[i].value));
    if (value.data)
        after = record_words(record, "%.*s=%.*s", MW_VIEW_ARG(key), MW_VIEW_ARG(value));
    return note(record, value.data ? "version.tag" : "version.untag", version->name,
                version->version, before, after, err);
}

mw_status mw_record_create_version(mw_record *record, const mw_new_version *wanted,
                                   mw_model_version *ret_version, mw_error *err)
{
    source_place place;
    bool noted;
    int64_t number, now = mw_clock_wall_ms();
    mw_registered_model model;
    for (size_t i = 0; i < wanted->tags.count; i++)
        MW_TRY(record_check_registry_tag(&wanted->tags.items[i], err));
    MW_TRY(resolve(record, wanted, &place, err));
    MW_TRY(record_bare_model(record, wanted->name, &model, err));
    MW_TRY(next_number(record, model.row, &number, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO model_versions(model, version, description, source, location,"
                      " run_id, run_link, model_id, created, updated)"
                      " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      "iittttttii", model.row, number, wanted->description, wanted->source,
                      place.location, place.run_id, wanted->run_link, wanted->model_id, now, now));
    for (size_t i = 0; i < wanted->tags.count; i++)
        MW_TRY(put_tag(record, model.row, number, &wanted->tags.items[i], err));
    if (place.logged_model.data)
        MW_TRY(note_registration(record, place.logged_model, wanted->name, number, err));
    MW_TRY(record_touch_model(record, model.row, err));
    MW_TRY(
        note(record, "version.create", wanted->name, number, RECORD_NOTHING, wanted->source, err));
    MW_TRY(find_version(record, wanted->name, number, ret_version, err));
    MW_TRY(record_tell(record, model.row,
                       &(record_news){.what = RECORD_VERSION_CREATED,
                                      .name = wanted->name,
                                      .version = number,
                                      .source = wanted->source,
                                      .run_id = place.run_id,
                                      .description = wanted->description,
                                      .tags = &wanted->tags},
                       err));
    if (is_prompt(wanted))
        return MW_OK;
    MW_TRY(record_keep_passport(record, ret_version, err));
    MW_TRY(record_note_findings(record, ret_version, &noted, err));
    return noted ? find_version(record, wanted->name, number, ret_version, err) : MW_OK;
}

/* ---- changing -------------------------------------------------------------------------------- */

mw_status mw_record_describe_version(mw_record *record, mw_view name, mw_view version,
                                     mw_view description, mw_model_version *ret_version,
                                     mw_error *err)
{
    MW_TRY(mw_record_version(record, name, version, ret_version, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "UPDATE model_versions SET description = ?, updated = ?"
                      " WHERE model = ? AND version = ?",
                      "tiii", description, mw_clock_wall_ms(), ret_version->model,
                      ret_version->version));
    MW_TRY(note(record, "version.describe", name, ret_version->version, ret_version->description,
                description, err));
    return find_version(record, name, ret_version->version, ret_version, err);
}

mw_status mw_record_delete_version(mw_record *record, mw_view name, mw_view version, mw_error *err)
{
    mw_model_version found;
    MW_TRY(mw_record_version(record, name, version, &found, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "DELETE FROM model_versions WHERE model = ? AND version = ?", "ii",
                      found.model, found.version));
    MW_TRY(note(record, "version.delete", name, found.version, found.source, RECORD_NOTHING, err));
    return record_touch_model(record, found.model, err);
}

static mw_status read_stage(mw_view text, mw_model_stage *ret_stage, mw_error *err)
{
    for (mw_model_stage stage = 0; stage < MW_N_MODEL_STAGES; stage++) {
        if (!mw_view_is_nocase(text, mw_model_stage_names[stage]))
            continue;
        *ret_stage = stage;
        return MW_OK;
    }
    return record_refuse(err,
                         "Invalid Model Version stage: %.*s. Value must be one of None, "
                         "Staging, Production, Archived.",
                         MW_VIEW_ARG(record_cut(text, 60)));
}

mw_status mw_record_move_version(mw_record *record, mw_view name, mw_view version, mw_view stage,
                                 bool archive, mw_model_version *ret_version, mw_error *err)
{
    mw_model_stage to;
    int64_t now = mw_clock_wall_ms();
    MW_TRY(read_stage(stage, &to, err));
    if (archive && to != MW_MODEL_STAGING && to != MW_MODEL_PRODUCTION)
        return record_refuse(err,
                             "Model version transition cannot archive existing model versions "
                             "because '%s' is not an Active stage. Valid stages are "
                             "['Staging', 'Production']",
                             mw_model_stage_names[to]);
    MW_TRY(mw_record_version(record, name, version, ret_version, err));
    if (to == MW_MODEL_PRODUCTION)
        MW_TRY(mw_record_check_gates(record, ret_version, RECORD_NOTHING, err));
    if (archive)
        MW_TRY(mw_sql_run(record->session, err,
                          "UPDATE model_versions SET stage = ?, updated = ?"
                          " WHERE model = ? AND version <> ? AND stage = ?",
                          "iiiii", (int64_t)MW_MODEL_ARCHIVED, now, ret_version->model,
                          ret_version->version, (int64_t)to));
    MW_TRY(mw_sql_run(record->session, err,
                      "UPDATE model_versions SET stage = ?, updated = ?"
                      " WHERE model = ? AND version = ?",
                      "iiii", (int64_t)to, now, ret_version->model, ret_version->version));
    MW_TRY(note(
        record, "version.stage", name, ret_version->version,
        mw_view_of(mw_model_stage_names[ret_version->stage]),
        record_words(record, "%s%s", mw_model_stage_names[to], archive ? ", others archived" : ""),
        err));
    MW_TRY(record_touch_model(record, ret_version->model, err));
    return find_version(record, name, ret_version->version, ret_version, err);
}

mw_status mw_record_tag_version(mw_record *record, mw_view name, mw_view version, const mw_tag *tag,
                                mw_error *err)
{
    mw_model_version found;
    MW_TRY(record_check_registry_tag(tag, err));
    MW_TRY(mw_record_version(record, name, version, &found, err));
    MW_TRY(note_tag(record, &found, tag->key, tag->value.data ? tag->value : MW_VIEW(""), err));
    MW_TRY(put_tag(record, found.model, found.version, tag, err));
    return record_tell(record, found.model,
                       &(record_news){.what = RECORD_VERSION_TAGGED,
                                      .name = name,
                                      .version = found.version,
                                      .key = tag->key,
                                      .value = tag->value},
                       err);
}

mw_status mw_record_untag_version(mw_record *record, mw_view name, mw_view version, mw_view key,
                                  mw_error *err)
{
    mw_model_version found;
    MW_TRY(mw_record_version(record, name, version, &found, err));
    MW_TRY(note_tag(record, &found, key, RECORD_NOTHING, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "DELETE FROM model_version_tags WHERE model = ? AND version = ? AND key = ?",
                      "iit", found.model, found.version, key));
    return record_tell(
        record, found.model,
        &(record_news){
            .what = RECORD_VERSION_UNTAGGED, .name = name, .version = found.version, .key = key},
        err);
}

/* ---- searching ------------------------------------------------------------------------------- */

mw_status mw_record_latest_versions(mw_record *record, mw_view name, const mw_texts *stages,
                                    mw_model_versions *ret_found, mw_error *err)
{
    unsigned wanted = 0;
    size_t n = 0;
    mw_registered_model model;
    MW_TRY(record_bare_model(record, name, &model, err));
    for (size_t i = 0; i < stages->count; i++) {
        mw_model_stage stage;
        MW_TRY(read_stage(stages->items[i], &stage, err));
        wanted |= 1u << stage;
    }
    MW_TRY(record_load_latest(record, model.row, ret_found, err));
    for (size_t i = 0; i < ret_found->count; i++)
        if (stages->count == 0 || wanted >> ret_found->items[i].stage & 1)
            ret_found->items[n++] = ret_found->items[i];
    ret_found->count = n;
    return MW_OK;
}

static const filter_attribute attributes[] = {
    {"name", "m.name", NULL, FILTER_TEXT | FILTER_LIST | FILTER_ORDERS},
    {"run_id", "v.run_id", NULL, FILTER_TEXT | FILTER_LIST},
    {"source_path", "v.source", NULL, FILTER_TEXT},
    {"version_number", "v.version", NULL, FILTER_INTEGER | FILTER_QUOTED | FILTER_ORDERS},
    {"creation_timestamp", "v.created", NULL, FILTER_NUMBER | FILTER_ORDERS | FILTER_ONLY_ORDERS},
    {"last_updated_timestamp", "v.updated", NULL,
     FILTER_NUMBER | FILTER_ORDERS | FILTER_ONLY_ORDERS},
};

static const filter_domain domain = {
    .attributes = attributes,
    .n_attributes = MW_COUNT(attributes),
    .entities = 1u << FILTER_ATTRIBUTE | 1u << FILTER_TAG,
    .lookups = {[FILTER_TAG] = {"model_version_tags @",
                                "@.model = v.model AND @.version = v.version"}},
};

mw_status mw_record_search_versions(mw_record *record, const mw_search *search,
                                    mw_model_versions *ret_found, mw_view *ret_token, mw_error *err)
{
    enum { VERSIONS_MAX = 200000 };
    static const search_tie ties[] = {{"name", "m.name"}, {"version_number", "v.version DESC"}};
    mw_rows rows;
    search_query query;
    record_memory memory = {record->arena, false};
    MW_TRY(search_begin(&query, &domain, search, &memory, VERSIONS_MAX, err));
    mw_buf_text(&query.where, "TRUE");
    record_put_prompts(&query);
    search_put_seen(&query, "m.name", MW_SCOPE_MODEL);
    mw_status status = search_put_filter(&query, err);
    if (status == MW_OK)
        status = search_put_order(&query, "v.updated DESC, m.name, v.version DESC", ties,
                                  MW_COUNT(ties), err);
    if (status == MW_OK)
        status = search_open(&query, record->session, COLUMNS, TABLES, &rows, err);
    search_end(&query);
    if (status != MW_OK)
        return status;
    MW_TRY(take_all(record, &rows, ret_found, err));
    *ret_token = search_page(&query, &ret_found->count, &memory);
    MW_TRY(load_all(record, ret_found, err));
    return memory.failed ? mw_fail_memory(err, "the versions") : MW_OK;
}
