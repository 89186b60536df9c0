/* Scorers: checked as MLflow's server checks them, kept by name and version. */
#include "record.h"
#include "search.h"

enum { NAME_MAX = 256, DEPTH_MAX = MW_LIMIT_JSON_DEPTH };

/* ---- what may be kept ------------------------------------------------------------------------ */

/* What is looked for in every object: true ends the walk. */
typedef bool see_object(const mw_json *object, void *given);

static bool walk(const mw_json *node, unsigned depth, see_object *see, void *given)
{
    mw_view key;
    void *cursor = NULL;
    const mw_json *value;
    if (depth > DEPTH_MAX)
        return false;
    if (mw_json_is_object(node) && see(node, given))
        return true;
    while (mw_json_is_object(node) && mw_json_next(node, &cursor, &key, &value))
        if (walk(value, depth + 1, see, given))
            return true;
    for (size_t i = 0; mw_json_is_array(node) && i < mw_json_count(node); i++)
        if (walk(mw_json_element(node, i), depth + 1, see, given))
            return true;
    return false;
}

static bool is_too_deep(const mw_json *node, unsigned depth)
{
    mw_view key;
    void *cursor = NULL;
    const mw_json *value;
    if (depth > DEPTH_MAX)
        return true;
    while (mw_json_is_object(node) && mw_json_next(node, &cursor, &key, &value))
        if (is_too_deep(value, depth + 1))
            return true;
    for (size_t i = 0; mw_json_is_array(node) && i < mw_json_count(node); i++)
        if (is_too_deep(mw_json_element(node, i), depth + 1))
            return true;
    return false;
}

static bool has_code(const mw_json *object, void *given)
{
    (void)given;
    const mw_json *code = mw_json_member(object, "call_source");
    return code && !mw_json_is_null(code);
}

/* Options of a library's client of language models that say where it asks. */
static const char *const destinations[] = {"api_base", "base_url", "custom_llm_provider",
                                           "fallbacks", "model_list"};

static bool has_destination(const mw_json *object, void *given)
{
    for (size_t i = 0; i < MW_COUNT(destinations); i++)
        if (mw_json_member(object, destinations[i])) {
            *(const char **)given = destinations[i];
            return true;
        }
    return false;
}

/* A list of pairs is an object to Python's dict(). */
static bool has_pair(const mw_json *node, unsigned depth, const char **ret_name)
{
    mw_view key;
    void *cursor = NULL;
    const mw_json *value;
    if (depth > DEPTH_MAX)
        return false;
    if (mw_json_is_array(node) && mw_json_count(node) == 2)
        for (size_t i = 0; i < MW_COUNT(destinations); i++)
            if (mw_view_is(mw_json_text(mw_json_element(node, 0)), destinations[i])) {
                *ret_name = destinations[i];
                return true;
            }
    while (mw_json_is_object(node) && mw_json_next(node, &cursor, &key, &value))
        if (has_pair(value, depth + 1, ret_name))
            return true;
    for (size_t i = 0; mw_json_is_array(node) && i < mw_json_count(node); i++)
        if (has_pair(mw_json_element(node, i), depth + 1, ret_name))
            return true;
    return false;
}

typedef struct steering {
    const char *name;
    bool is_no_object;
} steering;

static bool is_steered(const mw_json *object, void *given)
{
    steering *s = given;
    const mw_json *data = mw_json_member(object, "third_party_scorer_data");
    const mw_json *options = data ? mw_json_member(data, "kwargs") : NULL;
    if (!options || mw_json_is_null(options))
        return false;
    s->is_no_object = !mw_json_is_object(options);
    return s->is_no_object || walk(options, 0, has_destination, &s->name) ||
           has_pair(options, 0, &s->name);
}

/* The model that it asks; absent: none. */
static const mw_json *model_of(const mw_json *scorer, unsigned depth)
{
    static const char *const parts[] = {"instructions_judge_pydantic_data",
                                        "builtin_scorer_pydantic_data", "third_party_scorer_data"};
    for (size_t i = 0; i < MW_COUNT(parts); i++) {
        const mw_json *part = mw_json_member(scorer, parts[i]);
        if (part && mw_json_count(part) > 0)
            return mw_json_member(part, "model");
    }
    const mw_json *memory = mw_json_member(scorer, "memory_augmented_judge_data");
    const mw_json *base = memory ? mw_json_member(memory, "base_judge") : NULL;
    return base && depth < DEPTH_MAX ? model_of(base, depth + 1) : NULL;
}

static mw_status check_model(const mw_json *model, mw_error *err)
{
    if (!model || mw_json_is_null(model))
        return MW_OK;
    mw_view text = mw_json_text(model);
    if (mw_view_trim(text).size == 0)
        return record_refuse(err, "Scorer model must be a string that is not empty.");
    if (!mw_view_starts(text, "gateway:/"))
        return MW_OK;
    record_unknown(err, "The gateway endpoint '%.*s' of the scorer is not there",
                   MW_VIEW_ARG(record_cut(text, 80)));
    return mw_mend(err, "this server has no gateway: name the model by its provider, openai:/...");
}

static mw_status check_tree(const mw_json *scorer, mw_error *err)
{
    steering s = {0};
    if (!mw_json_is_object(scorer) || is_too_deep(scorer, 0))
        return record_refuse(err, "serialized_scorer must be a JSON object, at most %d deep",
                             DEPTH_MAX);
    if (walk(scorer, 0, has_code, NULL)) {
        record_refuse(err, "Custom scorer registration (using @scorer decorator) is not supported:"
                           " whoever loads such a scorer runs its code.");
        return mw_mend(err, "keep its code in a repository, and import it from there");
    }
    if (walk(scorer, 0, is_steered, &s)) {
        if (s.is_no_object)
            return record_refuse(err, "third_party_scorer_data.kwargs must be a JSON object");
        record_refuse(err, "third_party_scorer_data.kwargs must not contain '%s'", s.name);
        return mw_mend(err, "where a scorer's model is asked is set where it runs");
    }
    return check_model(model_of(scorer, 0), err);
}

mw_status mw_scorer_check(mw_view text, mw_error *err)
{
    mw_error ignored;
    mw_json *root = NULL;
    if (text.size > MW_LIMIT_SCORER_BYTES)
        return record_refuse(err, "a scorer has at most %zu bytes", MW_LIMIT_SCORER_BYTES);
    if (mw_json_read(text, &root, &ignored) != MW_OK)
        return record_refuse(err, "serialized_scorer must be valid JSON");
    mw_status status = check_tree(root, err);
    mw_json_free(root);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

#define COLUMNS "s.id, s.experiment, v.version, v.created, s.scorer_id, s.name, v.serialized"
#define TABLES "scorers s JOIN scorer_versions v ON v.scorer = s.id"

static mw_status active_experiment(mw_record *record, mw_view id, int64_t *ret_id, mw_error *err)
{
    mw_experiment experiment;
    MW_TRY(mw_record_experiment(record, id, &experiment, err));
    *ret_id = experiment.id;
    if (!experiment.is_deleted)
        return MW_OK;
    return record_refuse(err,
                         "The experiment %lld must be in the 'active' state. Current state is "
                         "deleted.",
                         (long long)experiment.id);
}

static mw_status take_all(mw_record *record, mw_rows *rows, mw_scorers *ret_found, mw_error *err)
{
    mw_scorers found = {0};
    record_memory memory = {record->arena, false};
    while (mw_rows_next(rows)) {
        mw_scorer *scorer = RECORD_PUSH(&memory, &found);
        if (!scorer)
            break;
        *scorer = (mw_scorer){.row = mw_rows_int(rows, 0),
                              .experiment = mw_rows_int(rows, 1),
                              .version = mw_rows_int(rows, 2),
                              .created = mw_rows_int(rows, 3),
                              .id = record_column(&memory, rows, 4),
                              .name = record_column(&memory, rows, 5),
                              .text = record_column(&memory, rows, 6)};
    }
    MW_TRY(record_close(rows, &memory, err));
    *ret_found = found;
    return MW_OK;
}

static mw_status unknown(mw_view experiment, mw_view name, int64_t version, mw_error *err)
{
    char of[40] = "";
    if (version > 0)
        snprintf(of, sizeof of, " and version %lld", (long long)version);
    return record_unknown(err, "Scorer with name '%.*s'%s not found for experiment %.*s.",
                          MW_VIEW_ARG(record_cut(name, 80)), of,
                          MW_VIEW_ARG(record_cut(experiment, 40)));
}

/* Its row, also where no version is left; 0: there is none. */
static mw_status find_row(mw_record *record, int64_t experiment, mw_view name, int64_t *ret_row,
                          mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT id FROM scorers WHERE experiment = ? AND name = ?", "it",
                        experiment, name));
    *ret_row = mw_rows_next(&rows) ? mw_rows_int(&rows, 0) : 0;
    return mw_rows_close(&rows, err);
}

static mw_status known_row(mw_record *record, mw_view experiment, mw_view name, int64_t *ret_row,
                           mw_error *err)
{
    int64_t id;
    MW_TRY(active_experiment(record, experiment, &id, err));
    MW_TRY(find_row(record, id, name, ret_row, err));
    return *ret_row ? MW_OK : unknown(experiment, name, 0, err);
}

mw_status mw_record_scorer(mw_record *record, mw_view experiment, mw_view name, int64_t version,
                           mw_scorer *ret_scorer, mw_error *err)
{
    int64_t row;
    mw_rows rows;
    mw_scorers found;
    MW_TRY(known_row(record, experiment, name, &row, err));
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " COLUMNS " FROM " TABLES " WHERE s.id = ?1 AND (?2 = 0 OR"
                        " v.version = ?2) ORDER BY v.version DESC LIMIT 1",
                        "ii", row, version));
    MW_TRY(take_all(record, &rows, &found, err));
    if (found.count == 0)
        return unknown(experiment, name, version, err);
    *ret_scorer = found.items[0];
    return MW_OK;
}

mw_status mw_record_scorer_versions(mw_record *record, mw_view experiment, mw_view name,
                                    mw_scorers *ret_found, mw_error *err)
{
    int64_t row;
    mw_rows rows;
    MW_TRY(known_row(record, experiment, name, &row, err));
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " COLUMNS " FROM " TABLES " WHERE s.id = ? ORDER BY v.version", "i",
                        row));
    return take_all(record, &rows, ret_found, err);
}

static const filter_domain no_filter = {.attributes = NULL};

/* Of the experiments that are asked for, and reached. */
static mw_status search_all(mw_record *record, const mw_search *search, search_query *query,
                            mw_rows *ret_rows, mw_error *err)
{
    mw_buf_text(&query->where, "v.version = (SELECT max(w.version) FROM scorer_versions w WHERE"
                               " w.scorer = s.id) AND e.deleted = 0");
    search_put_seen(query, "s.experiment", MW_SCOPE_EXPERIMENT);
    if (search->experiments.count > 0)
        MW_TRY(search_put_ids(query, "s.experiment", &search->experiments, err));
    mw_buf_text(&query->order, "s.experiment, s.name");
    return search_open(query, record->session, COLUMNS,
                       TABLES " JOIN experiments e ON e.id = s.experiment", ret_rows, err);
}

mw_status mw_record_scorers(mw_record *record, mw_view experiment, const mw_search *search,
                            mw_scorers *ret_found, mw_error *err)
{
    int64_t id;
    mw_rows rows;
    search_query query;
    mw_search one = *search;
    record_memory memory = {record->arena, false};
    if (experiment.size > 0) {
        MW_TRY(active_experiment(record, experiment, &id, err));
        one.experiments = (mw_texts){&experiment, 1};
    }
    one.max_results = RECORD_RESULTS_MAX;
    MW_TRY(search_begin(&query, &no_filter, &one, &memory, RECORD_RESULTS_MAX, err));
    mw_status status = search_all(record, &one, &query, &rows, err);
    search_end(&query);
    return status == MW_OK ? take_all(record, &rows, ret_found, err) : status;
}

/* ---- changing -------------------------------------------------------------------------------- */

static mw_status note(mw_record *record, const char *action, mw_view experiment, mw_view name,
                      mw_view before, mw_view after, mw_error *err)
{
    return mw_record_note(record, action,
                          record_words(record, "scorer %.*s of experiment %.*s",
                                       MW_VIEW_ARG(record_cut(name, 100)),
                                       MW_VIEW_ARG(record_cut(experiment, 40))),
                          before, after, err);
}

static mw_status make_row(mw_record *record, int64_t experiment, mw_view name, int64_t *ret_row,
                          mw_error *err)
{
    char id[MW_WEBHOOK_KEY_BYTES];
    mw_webhook_new_key(id);
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO scorers(scorer_id, experiment, name) VALUES(?, ?, ?)"
                      " RETURNING id",
                      "tit", mw_view_of(id), experiment, name));
    *ret_row = mw_sql_new_id(record->session);
    return MW_OK;
}

static mw_status next_version(mw_record *record, int64_t experiment, int64_t row,
                              int64_t *ret_version, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT coalesce(max(CASE WHEN v.scorer = ? THEN v.version END), 0) + 1,"
                        " count(*) FROM " TABLES " WHERE s.experiment = ?",
                        "ii", row, experiment));
    bool found = mw_rows_next(&rows);
    *ret_version = found ? mw_rows_int(&rows, 0) : 1;
    int64_t n = found ? mw_rows_int(&rows, 1) : 0;
    MW_TRY(mw_rows_close(&rows, err));
    if (n < MW_LIMIT_SCORER_VERSIONS)
        return MW_OK;
    return record_refuse(err, "the experiment has %d versions of scorers already",
                         MW_LIMIT_SCORER_VERSIONS);
}

mw_status mw_record_put_scorer(mw_record *record, mw_view experiment, mw_view name, mw_view text,
                               mw_scorer *ret_scorer, mw_error *err)
{
    int64_t id, row, version;
    if (mw_view_trim(name).size == 0)
        return record_refuse(err, "Scorer name cannot be empty or contain only whitespace.");
    MW_TRY(record_check_length(name, NAME_MAX, "name", err));
    MW_TRY(active_experiment(record, experiment, &id, err));
    MW_TRY(find_row(record, id, name, &row, err));
    if (!row)
        MW_TRY(make_row(record, id, name, &row, err));
    MW_TRY(next_version(record, id, row, &version, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO scorer_versions(scorer, version, serialized, created)"
                      " VALUES(?, ?, ?, ?)",
                      "iiti", row, version, text, mw_clock_wall_ms()));
    MW_TRY(note(record, "scorer.register", experiment, name, RECORD_NOTHING,
                record_words(record, "version %lld", (long long)version), err));
    return mw_record_scorer(record, experiment, name, version, ret_scorer, err);
}

mw_status mw_record_delete_scorer(mw_record *record, mw_view experiment, mw_view name,
                                  int64_t version, mw_error *err)
{
    int64_t row;
    mw_scorer found;
    MW_TRY(mw_record_scorer(record, experiment, name, version, &found, err));
    row = found.row;
    if (version > 0)
        MW_TRY(mw_sql_run(record->session, err,
                          "DELETE FROM scorer_versions WHERE scorer = ? AND version = ?", "ii", row,
                          version));
    else
        MW_TRY(mw_sql_run(record->session, err, "DELETE FROM scorers WHERE id = ?", "i", row));
    return note(record, "scorer.delete", experiment, name,
                version > 0 ? record_words(record, "version %lld", (long long)version)
                            : MW_VIEW("all versions"),
                RECORD_NOTHING, err);
}
