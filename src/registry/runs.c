/* Runs: made, found, changed, searched. */
#include "record.h"
#include "search.h"

static const char run_name_tag[] = "mlflow.runName";

/* ---- reading --------------------------------------------------------------------------------- */

void record_read_run_info(const mw_rows *rows, record_memory *memory, mw_run_info *ret_info)
{
    *ret_info = (mw_run_info){
        .row = mw_rows_int(rows, 0),
        .run_id = record_column(memory, rows, 1),
        .name = record_column(memory, rows, 2),
        .user = record_column(memory, rows, 3),
        .artifact_uri = record_column(memory, rows, 4),
        .experiment = mw_rows_int(rows, 5),
        .started = mw_rows_int(rows, 6),
        .has_ended = !mw_rows_is_null(rows, 7),
        .ended = mw_rows_int(rows, 7),
        .status = (mw_run_status)mw_rows_int(rows, 8),
        .is_deleted = mw_rows_int(rows, 9) != 0,
    };
}

mw_status mw_record_run_info(mw_record *record, mw_view run_id, mw_run_info *ret_info,
                             mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " RECORD_RUN_COLUMNS " FROM runs r WHERE r.run_id = ?", "t",
                        run_id));
    bool found = mw_rows_next(&rows);
    if (found)
        record_read_run_info(&rows, &memory, ret_info);
    MW_TRY(record_close(&rows, &memory, err));
    return found ? MW_OK
                 : record_unknown(err, "Run with id=%.*s not found",
                                  (int)(run_id.size < 80 ? run_id.size : 80), run_id.data);
}

mw_status record_active_run(mw_record *record, mw_view run_id, mw_run_info *ret_info, mw_error *err)
{
    MW_TRY(mw_record_run_info(record, run_id, ret_info, err));
    if (!ret_info->is_deleted)
        return MW_OK;
    return record_refuse(err,
                         "The run %.*s must be in the 'active' state. Current state is deleted.",
                         MW_VIEW_ARG(run_id));
}

mw_status mw_record_run(mw_record *record, mw_view run_id, mw_run *ret_run, mw_error *err)
{
    mw_run run = {0};
    MW_TRY(mw_record_run_info(record, run_id, &run.info, err));
    MW_TRY(record_load_runs(record, &run, 1, err));
    *ret_run = run;
    return MW_OK;
}

/* ---- making ---------------------------------------------------------------------------------- */

/* The name that was given, or that of the tag, or one made up into `made`. */
static mw_status choose_name(const mw_new_run *wanted, char *made, size_t made_bytes,
                             mw_view *ret_name, bool *ret_tagged, mw_error *err)
{
    mw_view tagged = {NULL, 0};
    for (size_t i = 0; i < wanted->tags.count; i++)
        if (mw_view_is(wanted->tags.items[i].key, run_name_tag))
            tagged = wanted->tags.items[i].value;
    if (wanted->name.size > 0 && tagged.size > 0 && !mw_view_equal(wanted->name, tagged)) {
        record_refuse(err,
                      "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with "
                      "different values (run_name='%.*s', mlflow.runName='%.*s').",
                      MW_VIEW_ARG(wanted->name), MW_VIEW_ARG(tagged));
        return mw_mend(err, "give one of them, or both alike");
    }
    *ret_tagged = tagged.size > 0;
    *ret_name = wanted->name.size > 0 ? wanted->name : tagged;
    if (ret_name->size > 0)
        return MW_OK;
    record_new_name(made, made_bytes);
    *ret_name = mw_view_of(made);
    return MW_OK;
}

static mw_status check_new_run(mw_record *record, const mw_new_run *wanted,
                               mw_experiment *ret_experiment, mw_error *err)
{
    for (size_t i = 0; i < wanted->tags.count; i++)
        MW_TRY(record_check_key(wanted->tags.items[i].key, "key", err));
    MW_TRY(mw_record_experiment(record, wanted->experiment, ret_experiment, err));
    if (!ret_experiment->is_deleted)
        return MW_OK;
    return record_refuse(err,
                         "The experiment %.*s must be in the 'active' state. Current state is "
                         "deleted.",
                         MW_VIEW_ARG(wanted->experiment));
}

static mw_status put_run(mw_record *record, const mw_new_run *wanted,
                         const mw_experiment *experiment, mw_view run_id, mw_view name,
                         mw_error *err)
{
    mw_buf uri;
    mw_buf_init(&uri, 8192);
    bool slash = experiment->location.size > 0 &&
                 experiment->location.data[experiment->location.size - 1] == '/';
    mw_buf_format(&uri, "%.*s%s%.*s/artifacts", MW_VIEW_ARG(experiment->location), slash ? "" : "/",
                  MW_VIEW_ARG(run_id));
    mw_status status = mw_sql_run(
        record->session, err,
        "INSERT INTO runs(run_id, experiment, name, user, status, started, artifact_uri)"
        " VALUES(?, ?, ?, ?, ?, ?, ?) RETURNING id",
        "tittiit", run_id, experiment->id, name, wanted->user.data ? wanted->user : MW_VIEW(""),
        (int64_t)MW_RUN_RUNNING, wanted->started, mw_buf_as_view(&uri));
    mw_buf_done(&uri);
    return status;
}

mw_status mw_record_create_run(mw_record *record, const mw_new_run *wanted, mw_run *ret_run,
                               mw_error *err)
{
    char id[RECORD_ID_BYTES], made[64];
    mw_view name;
    bool tagged = false;
    mw_experiment experiment;
    MW_TRY(choose_name(wanted, made, sizeof made, &name, &tagged, err));
    MW_TRY(check_new_run(record, wanted, &experiment, err));
    record_new_id(id);
    MW_TRY(put_run(record, wanted, &experiment, mw_view_of(id), name, err));
    int64_t row = mw_sql_new_id(record->session);
    for (size_t i = 0; i < wanted->tags.count; i++)
        MW_TRY(record_put_tag(record, row, &wanted->tags.items[i], err));
    if (!tagged)
        MW_TRY(record_put_tag(record, row, &(mw_tag){mw_view_of(run_name_tag), name}, err));
    MW_TRY(mw_record_note(record, "run.create", record_words(record, "run %s", id), RECORD_NOTHING,
                          record_words(record, "%.*s in experiment %lld", MW_VIEW_ARG(name),
                                       (long long)experiment.id),
                          err));
    mw_run run = {0};
    MW_TRY(mw_record_run_info(record, mw_view_of(id), &run.info, err));
    MW_TRY(record_load_tags(record, &run, err));
    *ret_run = run;
    return MW_OK;
}

/* ---- changing -------------------------------------------------------------------------------- */

mw_status mw_record_update_run(mw_record *record, mw_view run_id, mw_run_status status,
                               const int64_t *ended, mw_view name, mw_run_info *ret_info,
                               mw_error *err)
{
    mw_run_info info;
    MW_TRY(record_active_run(record, run_id, &info, err));
    if (status != MW_RUN_NONE)
        MW_TRY(mw_sql_run(record->session, err, "UPDATE runs SET status = ? WHERE id = ?", "ii",
                          (int64_t)status, info.row));
    if (ended)
        MW_TRY(mw_sql_run(record->session, err, "UPDATE runs SET ended = ? WHERE id = ?", "ii",
                          *ended, info.row));
    if (name.size > 0)
        MW_TRY(record_put_tag(record, info.row, &(mw_tag){mw_view_of(run_name_tag), name}, err));
    return mw_record_run_info(record, run_id, ret_info, err);
}

mw_status mw_record_delete_run(mw_record *record, mw_view run_id, bool restore, mw_error *err)
{
    mw_run_info info;
    MW_TRY(mw_record_run_info(record, run_id, &info, err));
    MW_TRY(mw_sql_run(record->session, err, "UPDATE runs SET deleted = ? WHERE id = ?", "ii",
                      (int64_t)!restore, info.row));
    return mw_record_note(record, restore ? "run.restore" : "run.delete",
                          record_words(record, "run %.*s", MW_VIEW_ARG(run_id)),
                          info.is_deleted ? MW_VIEW("deleted") : MW_VIEW("active"),
                          restore ? MW_VIEW("active") : MW_VIEW("deleted"), err);
}

/* ---- searching ------------------------------------------------------------------------------- */

#define NAME_COLUMN "(SELECT t.value FROM tags t WHERE t.run = r.id AND t.key = 'mlflow.runName')"
#define STATUS_COLUMN                                                                    \
    "CASE r.status WHEN 1 THEN 'RUNNING' WHEN 2 THEN 'SCHEDULED' WHEN 3 THEN 'FINISHED'" \
    " WHEN 4 THEN 'FAILED' ELSE 'KILLED' END"

static const filter_attribute attributes[] = {
    {"run_id", "r.run_id", NULL, FILTER_TEXT | FILTER_LIST | FILTER_ORDERS},
    {"run_name", NAME_COLUMN, "r.name", FILTER_TEXT | FILTER_ORDERS | FILTER_RUN_NAME},
    {"run name", NAME_COLUMN, "r.name", FILTER_TEXT | FILTER_RUN_NAME},
    {"Run name", NAME_COLUMN, "r.name", FILTER_TEXT | FILTER_RUN_NAME},
    {"Run Name", NAME_COLUMN, "r.name", FILTER_TEXT | FILTER_RUN_NAME},
    {"status", STATUS_COLUMN, NULL, FILTER_TEXT | FILTER_ORDERS},
    {"artifact_uri", "r.artifact_uri", NULL, FILTER_TEXT | FILTER_ORDERS},
    {"user_id", "r.user", NULL, FILTER_TEXT | FILTER_ORDERS},
    {"experiment_id", "CAST(r.experiment AS TEXT)", "r.experiment", FILTER_TEXT | FILTER_ORDERS},
    {"lifecycle_stage", "CASE r.deleted WHEN 0 THEN 'active' ELSE 'deleted' END", NULL,
     FILTER_TEXT},
    {"start_time", "r.started", NULL, FILTER_NUMBER | FILTER_ORDERS},
    {"created", "r.started", NULL, FILTER_NUMBER | FILTER_ORDERS},
    {"Created", "r.started", NULL, FILTER_NUMBER | FILTER_ORDERS},
    {"end_time", "r.ended", NULL, FILTER_NUMBER | FILTER_ORDERS | FILTER_NULLS},
};

static const filter_domain domain = {
    .attributes = attributes,
    .n_attributes = MW_COUNT(attributes),
    .entities = (1u << FILTER_N_ENTITIES) - 1,
    .nullable = 1u << FILTER_PARAM | 1u << FILTER_TAG,
    .lookups = {[FILTER_METRIC] = {"latest_metrics @", "@.run = r.id"},
                [FILTER_PARAM] = {"params @", "@.run = r.id"},
                [FILTER_TAG] = {"tags @", "@.run = r.id"}},
};

static mw_status open_search(mw_record *record, search_query *query, bool may_rank,
                             mw_rows *ret_rows, mw_error *err)
{
    static const search_tie ties[] = {{"start_time", "r.started DESC"}, {"", "r.run_id"}};
    const mw_search *search = query->search;
    mw_buf_text(&query->where, "TRUE");
    MW_TRY(search_put_ids(query, "r.experiment", &search->experiments, err));
    search_put_view(query, "r.deleted", search->view);
    if (query->rest == SEARCH_ALL)
        MW_TRY(search_narrow(query, record->session, may_rank, err));
    MW_TRY(search_put_filter(query, err));
    MW_TRY(search_put_order(query, "r.started DESC, r.run_id", ties, MW_COUNT(ties), err));
    return search_open(query, record->session, RECORD_RUN_COLUMNS, "runs r", ret_rows, err);
}

static mw_status read_infos(mw_rows *rows, record_memory *memory, mw_runs *found, mw_error *err)
{
    while (mw_rows_next(rows)) {
        mw_run *run = RECORD_PUSH(memory, found);
        if (!run)
            break;
        record_read_run_info(rows, memory, &run->info);
    }
    return record_close(rows, memory, err);
}

/* Of a page that was ranked, or of the newest, and is not full: runs without the metric are missing
 * at its end, or any behind the rows that were tried. */
typedef enum page_end { PAGE_IS_WHOLE, PAGE_LACKS_REST, PAGE_LACKS_MORE } page_end;

/* One page without what the runs logged. */
static mw_status find_page(mw_record *record, const mw_search *search, bool may_rank,
                           mw_runs *ret_found, mw_view *ret_token, page_end *ret_end, mw_error *err)
{
    mw_rows rows;
    search_query query;
    record_memory memory = {record->arena, false};
    *ret_found = (mw_runs){0};
    MW_TRY(search_begin(&query, &domain, search, &memory, RECORD_RESULTS_MAX, err));
    mw_status status = open_search(record, &query, may_rank, &rows, err);
    if (status == MW_OK)
        status = read_infos(&rows, &memory, ret_found, err);
    search_end(&query);
    MW_TRY(status);
    *ret_token = search_page(&query, &ret_found->count, &memory);
    *ret_end = ret_token->data || !(query.is_ranked || query.is_windowed) ? PAGE_IS_WHOLE
               : query.is_windowed                                        ? PAGE_LACKS_MORE
                                                                          : PAGE_LACKS_REST;
    return memory.failed ? mw_fail_memory(err, "the runs") : MW_OK;
}

/* Behind those that were found, up to one more than the page holds. */
static mw_status add_rest(mw_record *record, const mw_search *search, search_rest rest,
                          mw_runs *found, mw_error *err)
{
    mw_rows rows;
    search_query query;
    record_memory memory = {record->arena, false};
    MW_TRY(search_begin(&query, &domain, search, &memory, RECORD_RESULTS_MAX, err));
    query.rest = rest;
    query.n_most -= (int64_t)found->count;
    mw_status status = open_search(record, &query, false, &rows, err);
    if (status == MW_OK)
        status = read_infos(&rows, &memory, found, err);
    search_end(&query);
    return status;
}

/* What has the metric is all on the first page: the rest is found without sorting all runs. */
static mw_status fill_page(mw_record *record, const mw_search *search, mw_runs *found,
                           mw_view *ret_token, mw_error *err)
{
    record_memory memory = {record->arena, false};
    size_t most = (size_t)search->max_results;
    for (search_rest rest = SEARCH_NAN; rest < SEARCH_N_RESTS && found->count <= most; rest++)
        MW_TRY(add_rest(record, search, rest, found, err));
    if (found->count <= most)
        return MW_OK;
    found->count = most;
    *ret_token = record_write_token(&memory, search->max_results);
    return memory.failed ? mw_fail_memory(err, "the runs") : MW_OK;
}

mw_status mw_record_search_runs(mw_record *record, const mw_search *search, mw_runs *ret_found,
                                mw_view *ret_token, mw_error *err)
{
    page_end end;
    mw_runs found;
    MW_TRY(find_page(record, search, true, &found, ret_token, &end, err));
    if (end == PAGE_LACKS_REST && search->page_token.size == 0)
        MW_TRY(fill_page(record, search, &found, ret_token, err));
    else if (end != PAGE_IS_WHOLE)
        MW_TRY(find_page(record, search, false, &found, ret_token, &end, err));
    MW_TRY(record_load_runs(record, found.items, found.count, err));
    *ret_found = found;
    return MW_OK;
}
