/* The graph around a version, looked up from its passport and its run, in both directions. */
#include "passport.h"

enum { RELATIVES_MAX = 200 }; /* of a kind; the statements ask for one more */

/* ---- addresses ------------------------------------------------------------------------------- */

static const char *last_slash(mw_view text)
{
    return text.size ? memrchr(text.data, '/', text.size) : NULL;
}

mw_status mw_record_version_at(mw_record *record, mw_view address, mw_model_version *ret_version,
                               mw_error *err)
{
    mw_model_versions found;
    int64_t ignored;
    mw_view rest = address;
    if (mw_view_starts(rest, "models:/"))
        rest = (mw_view){rest.data + 8, rest.size - 8};
    const char *at = rest.size ? memchr(rest.data, '@', rest.size) : NULL;
    const char *cut = at ? at : last_slash(rest);
    if (!cut || cut == rest.data) {
        record_refuse(err, "'%.*s' names no version", MW_VIEW_ARG(record_cut(address, 120)));
        return mw_mend(err, "write NAME/VERSION or NAME@ALIAS");
    }
    mw_view name = {rest.data, (size_t)(cut - rest.data)};
    mw_view which = {cut + 1, rest.size - name.size - 1};
    if (at || mw_view_is_nocase(which, "latest"))
        return mw_record_version_of_alias(record, name, which, ret_version, err);
    if (record_number(which, &ignored))
        return mw_record_version(record, name, which, ret_version, err);
    MW_TRY(mw_record_latest_versions(record, name, &(mw_texts){&which, 1}, &found, err));
    if (found.count == 0)
        return record_unknown(err, "No versions of model '%.*s' in stage '%.*s'",
                              MW_VIEW_ARG(record_cut(name, 80)),
                              MW_VIEW_ARG(record_cut(which, 60)));
    *ret_version = found.items[0];
    return MW_OK;
}

/* ---- relatives ------------------------------------------------------------------------------- */

/* Rows of (name, version, through). */
static mw_status take_relatives(mw_record *record, mw_rows *rows, mw_kinship kinship,
                                mw_lineage *lineage, mw_error *err)
{
    size_t n = 0;
    record_memory memory = {record->arena, false};
    while (mw_rows_next(rows)) {
        if (n++ == RELATIVES_MAX) {
            lineage->is_cut = true;
            break;
        }
        mw_relative *relative = RECORD_PUSH(&memory, &lineage->relatives);
        if (!relative)
            break;
        *relative = (mw_relative){kinship, record_column(&memory, rows, 0),
                                  record_column(&memory, rows, 2), mw_rows_int(rows, 1)};
    }
    return record_close(rows, &memory, err);
}

#define OTHERS " NOT (p.model = ? AND p.version = ?) ORDER BY m.name, p.version LIMIT 201"

static mw_status find_alike(mw_record *record, mw_lineage *l, mw_error *err)
{
    mw_rows rows;
    const mw_model_version *v = &l->version;
    if (l->passport.digest.data) {
        MW_TRY(mw_rows_open(record->session, &rows, err,
                            "SELECT m.name, p.version, p.digest FROM version_passports p JOIN"
                            " registered_models m ON m.id = p.model WHERE p.digest = ? AND" OTHERS,
                            "tii", l->passport.digest, v->model, v->version));
        MW_TRY(take_relatives(record, &rows, MW_SAME_FILES, l, err));
    }
    if (l->passport.commit.data) {
        MW_TRY(
            mw_rows_open(record->session, &rows, err,
                         "SELECT m.name, p.version, p.commit_id FROM version_passports p JOIN"
                         " registered_models m ON m.id = p.model WHERE p.commit_id = ? AND" OTHERS,
                         "tii", l->passport.commit, v->model, v->version));
        MW_TRY(take_relatives(record, &rows, MW_SAME_CODE, l, err));
    }
    for (size_t i = 0; i < l->passport.data.count; i++) {
        const mw_passport_data *d = &l->passport.data.items[i];
        MW_TRY(mw_rows_open(record->session, &rows, err,
                            "SELECT m.name, p.version, p.name FROM version_data p JOIN"
                            " registered_models m ON m.id = p.model WHERE p.digest = ? AND"
                            " p.name = ? AND" OTHERS,
                            "ttii", d->digest, d->name, v->model, v->version));
        MW_TRY(take_relatives(record, &rows, MW_SAME_DATA, l, err));
    }
    return MW_OK;
}

/* The logged model that a version is: told, or in its source. */
static mw_view logged_of(const mw_model_version *version)
{
    static const char scheme[] = "models:/m-";
    if (version->model_id.size > 0)
        return version->model_id;
    if (!mw_view_starts(version->source, scheme))
        return (mw_view){NULL, 0};
    return (mw_view){version->source.data + sizeof scheme - 3,
                     version->source.size - (sizeof scheme - 3)};
}

static mw_status find_parents_and_children(mw_record *record, mw_lineage *l, mw_error *err)
{
    mw_rows rows;
    mw_view logged = logged_of(&l->version);
    if (l->has_run) {
        MW_TRY(mw_rows_open(record->session, &rows, err,
                            "SELECT m.name, v.version, u.model_id FROM run_models u JOIN"
                            " model_versions v ON v.model_id = u.model_id OR v.source ="
                            " 'models:/' || u.model_id JOIN registered_models m"
                            " ON m.id = v.model WHERE u.run = ? AND u.is_output = 0"
                            " ORDER BY m.name, v.version LIMIT 201",
                            "i", l->run.info.row));
        MW_TRY(take_relatives(record, &rows, MW_IT_IS_MADE_FROM, l, err));
    }
    if (!logged.data)
        return MW_OK;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT m.name, v.version, r.run_id FROM run_models u JOIN runs r ON"
                        " r.id = u.run JOIN model_versions v ON v.run_id = r.run_id JOIN"
                        " registered_models m ON m.id = v.model WHERE u.model_id = ? AND"
                        " u.is_output = 0 ORDER BY m.name, v.version LIMIT 201",
                        "t", logged));
    return take_relatives(record, &rows, MW_MADE_FROM_IT, l, err);
}

/* ---- runs ------------------------------------------------------------------------------------ */

static mw_status take_runs(mw_record *record, mw_rows *rows, mw_runs *ret_runs, mw_error *err)
{
    mw_runs found = {0};
    record_memory memory = {record->arena, false};
    while (mw_rows_next(rows)) {
        mw_run *run = RECORD_PUSH(&memory, &found);
        if (!run)
            break;
        record_read_run_info(rows, &memory, &run->info);
    }
    MW_TRY(record_close(rows, &memory, err));
    *ret_runs = found;
    return MW_OK;
}

static mw_status find_family(mw_record *record, mw_lineage *l, mw_error *err)
{
    mw_rows rows;
    mw_error none;
    mw_run_info parent;
    mw_view parent_id = mw_tags_get(&l->run.tags, "mlflow.parentRunId");
    if (parent_id.size > 0 && mw_record_run_info(record, parent_id, &parent, &none) == MW_OK)
        l->parent = parent;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " RECORD_RUN_COLUMNS " FROM tags t JOIN runs r ON r.id = t.run"
                        " WHERE t.key = 'mlflow.parentRunId' AND t.value = ? AND"
                        " length(t.value) <= 100 ORDER BY r.started, r.run_id LIMIT 200",
                        "t", l->run.info.run_id));
    return take_runs(record, &rows, &l->children, err);
}

static mw_status find_run(mw_record *record, mw_lineage *l, mw_error *err)
{
    mw_error none;
    mw_rows rows;
    record_memory memory = {record->arena, false};
    if (l->version.run_id.size == 0 ||
        mw_record_run(record, l->version.run_id, &l->run, &none) != MW_OK)
        return MW_OK;
    l->has_run = true;
    MW_TRY(mw_rows_open(record->session, &rows, err, "SELECT name FROM experiments WHERE id = ?",
                        "i", l->run.info.experiment));
    if (mw_rows_next(&rows))
        l->experiment = record_column(&memory, &rows, 0);
    MW_TRY(record_close(&rows, &memory, err));
    return find_family(record, l, err);
}

static mw_status find_readers(mw_record *record, mw_lineage *l, mw_error *err)
{
    mw_rows rows;
    mw_view logged = logged_of(&l->version);
    if (!logged.data)
        return MW_OK;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " RECORD_RUN_COLUMNS " FROM run_models u JOIN runs r ON"
                        " r.id = u.run WHERE u.model_id = ? AND u.is_output = 0"
                        " ORDER BY r.started, r.run_id LIMIT 200",
                        "t", logged));
    return take_runs(record, &rows, &l->readers, err);
}

/* ---- endpoints ------------------------------------------------------------------------------- */

static bool has_twins(const mw_lineage *l)
{
    for (size_t i = 0; i < l->relatives.count; i++)
        if (l->relatives.items[i].kinship == MW_SAME_FILES)
            return true;
    return false;
}

/* Whether what was served from an address is the version, whose files it had. Versions may have the
 * same files: then the address tells. An alias may have moved on where a version was refused. */
static bool is_of(mw_view address, const mw_lineage *l)
{
    const mw_model_version *v = &l->version;
    int64_t number;
    size_t lead = 8 + v->name.size + 1; /* "models:/NAME@" */
    if (mw_view_equal(address, v->source))
        return true;
    if (!mw_view_starts(address, "models:/") || address.size <= lead ||
        memcmp(address.data + 8, v->name.data, v->name.size) != 0)
        return false;
    char mark = address.data[lead - 1];
    mw_view which = {address.data + lead, address.size - lead};
    if (mark == '/') /* else a stage, or "latest" */
        return !record_number(which, &number) || number == v->version;
    for (size_t i = 0; i < v->aliases.count; i++)
        if (mark == '@' && mw_view_equal(which, v->aliases.items[i]))
            return true;
    return mark == '@' && !has_twins(l);
}

static mw_status find_servings(mw_record *record, mw_lineage *l, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    if (!l->passport.digest.data)
        return MW_OK;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT endpoint, address, since FROM served_addresses s WHERE folder = ?"
                        " AND since = (SELECT max(since) FROM served_addresses o WHERE"
                        " o.endpoint = s.endpoint) ORDER BY endpoint, address",
                        "t", l->passport.digest));
    while (mw_rows_next(&rows)) {
        mw_serving found = {record_column(&memory, &rows, 0), record_column(&memory, &rows, 1),
                            mw_rows_int(&rows, 2)};
        if (memory.failed || !is_of(found.address, l))
            continue;
        l->is_cut = l->is_cut || l->servings.count == RELATIVES_MAX;
        mw_serving *serving =
            l->servings.count < RELATIVES_MAX ? RECORD_PUSH(&memory, &l->servings) : NULL;
        if (serving)
            *serving = found;
    }
    return record_close(&rows, &memory, err);
}

mw_status mw_record_lineage(mw_record *record, mw_view address, mw_lineage *ret_lineage,
                            mw_error *err)
{
    mw_lineage l = {0};
    MW_TRY(mw_record_version_at(record, address, &l.version, err));
    MW_TRY(mw_record_passport(record, &l.version, &l.passport, err));
    MW_TRY(find_run(record, &l, err));
    MW_TRY(find_readers(record, &l, err));
    MW_TRY(find_alike(record, &l, err));
    MW_TRY(find_parents_and_children(record, &l, err));
    MW_TRY(find_servings(record, &l, err));
    *ret_lineage = l;
    return MW_OK;
}
