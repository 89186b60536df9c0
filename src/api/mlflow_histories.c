/* MLflow's calls that draw curves and fill lists: the values that metrics had, the data sets of
 * experiments. */
#include "mlflow.h"
#include "mlflow_messages.h"

/* ---- one run --------------------------------------------------------------------------------- */

typedef struct history_request {
    mw_view run_id, key, page_token;
    mlflow_int max_results;
} history_request;

static const mlflow_field history_fields[] = {
    MLFLOW_RUN_ID_FIELD(history_request, run_id),
    MLFLOW_TEXT_FIELD(history_request, "metric_key", key, true),
    MLFLOW_TEXT_FIELD(history_request, "page_token", page_token, false),
    {"max_results", MLFLOW_MAYBE_INT, offsetof(history_request, max_results), false, NULL, 0, NULL,
     NULL},
    {0}};

static mw_status get_history(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_metrics found;
    mw_view token;
    const history_request *asked = turn->request;
    if (asked->max_results.given && asked->max_results.value <= 0)
        return mw_fail(err, MW_E_RECORD_VALUE,
                       "Invalid value %lld for parameter 'max_results' supplied: It must be a "
                       "positive integer",
                       (long long)asked->max_results.value);
    MW_TRY(mw_record_metric_history(record, asked->run_id, asked->key, asked->max_results.value,
                                    asked->page_token, &found, &token, err));
    mw_buf_char(turn->out, '{');
    mlflow_put_metrics(turn->out, "metrics", &found);
    mlflow_put_text(turn->out, "next_page_token", token);
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

/* ---- several runs ---------------------------------------------------------------------------- */

enum { RUNS_MAX = 100, BULK_RESULTS_MAX = 25000, SAMPLE_RESULTS_MAX = 2500 };

typedef struct bulk_request {
    mw_texts run_ids;
    mw_view key;
    mlflow_int max_results, first_step, last_step;
} bulk_request;

static const mlflow_field bulk_fields[] = {
    {"run_id", MLFLOW_TEXTS, offsetof(bulk_request, run_ids), false, NULL, 0, NULL, NULL},
    MLFLOW_TEXT_FIELD(bulk_request, "metric_key", key, false),
    {"max_results", MLFLOW_MAYBE_INT, offsetof(bulk_request, max_results), false, NULL, 0, NULL,
     NULL},
    {0}};
static const mlflow_field sample_fields[] = {
    {"run_ids", MLFLOW_TEXTS, offsetof(bulk_request, run_ids), true, NULL, 0, NULL, NULL},
    MLFLOW_TEXT_FIELD(bulk_request, "metric_key", key, true),
    {"start_step", MLFLOW_MAYBE_INT, offsetof(bulk_request, first_step), false, NULL, 0, NULL,
     NULL},
    {"end_step", MLFLOW_MAYBE_INT, offsetof(bulk_request, last_step), false, NULL, 0, NULL, NULL},
    {"max_results", MLFLOW_MAYBE_INT, offsetof(bulk_request, max_results), false, NULL, 0, NULL,
     NULL},
    {0}};

static mw_status answer_metrics(mlflow_turn *turn, const mw_metrics *metrics)
{
    mw_buf_char(turn->out, '{');
    mlflow_put_metrics(turn->out, "metrics", metrics);
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

static mw_status check_bulk(const bulk_request *asked, mw_error *err)
{
    if (asked->run_ids.count == 0)
        return mw_fail(err, MW_E_RECORD_VALUE,
                       "GetMetricHistoryBulk request must specify at least one run_id.");
    if (asked->run_ids.count > RUNS_MAX)
        return mw_fail(err, MW_E_RECORD_VALUE,
                       "GetMetricHistoryBulk request cannot specify more than %d run_ids. Received "
                       "%zu run_ids.",
                       RUNS_MAX, asked->run_ids.count);
    if (!asked->key.data)
        return mw_fail(err, MW_E_RECORD_VALUE,
                       "GetMetricHistoryBulk request must specify a metric_key.");
    return MW_OK;
}

static mw_status get_bulk(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_metrics found;
    const bulk_request *asked = turn->request;
    int64_t most = asked->max_results.given ? asked->max_results.value : BULK_RESULTS_MAX;
    MW_TRY(check_bulk(asked, err));
    most = most < 0 ? 0 : most < BULK_RESULTS_MAX ? most : BULK_RESULTS_MAX;
    MW_TRY(mw_record_metric_histories(record, &asked->run_ids, asked->key, most, &found, err));
    return answer_metrics(turn, &found);
}

static mw_status check_steps(const bulk_request *asked, mw_error *err)
{
    if (asked->first_step.given != asked->last_step.given)
        return mw_fail(err, MW_E_RECORD_VALUE,
                       "If either start step or end step are specified, both must be specified.");
    if (asked->first_step.given && asked->first_step.value > asked->last_step.value)
        return mw_fail(err, MW_E_RECORD_VALUE,
                       "end_step must be greater than start_step. Found start_step=%lld and "
                       "end_step=%lld.",
                       (long long)asked->first_step.value, (long long)asked->last_step.value);
    return MW_OK;
}

static mw_status check_sample(const bulk_request *asked, mw_error *err)
{
    if (asked->run_ids.count > RUNS_MAX)
        return mw_fail(err, MW_E_RECORD_VALUE,
                       "GetMetricHistoryBulkInterval request must specify at most %d run_ids. "
                       "Received %zu run_ids.",
                       RUNS_MAX, asked->run_ids.count);
    if (asked->max_results.given &&
        (asked->max_results.value < 1 || asked->max_results.value > SAMPLE_RESULTS_MAX))
        return mw_fail(err, MW_E_RECORD_VALUE, "max_results must be between 1 and %d.",
                       SAMPLE_RESULTS_MAX);
    return check_steps(asked, err);
}

static mw_status get_sample(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_metrics found;
    const bulk_request *asked = turn->request;
    MW_TRY(check_sample(asked, err));
    const mw_sampling sampling = {
        .run_ids = asked->run_ids,
        .key = asked->key,
        .first_step = asked->first_step.given ? asked->first_step.value : INT64_MIN,
        .last_step = asked->last_step.given ? asked->last_step.value : INT64_MAX,
        .max_results = asked->max_results.given ? asked->max_results.value : SAMPLE_RESULTS_MAX};
    MW_TRY(mw_record_sample_metric(record, &sampling, &found, err));
    return answer_metrics(turn, &found);
}

/* ---- data sets ------------------------------------------------------------------------------- */

typedef struct datasets_request {
    mw_texts experiments;
} datasets_request;

static const mlflow_field datasets_fields[] = {{"experiment_ids", MLFLOW_TEXTS,
                                                offsetof(datasets_request, experiments), false,
                                                NULL, 0, NULL, NULL},
                                               {0}};

static void put_use(mw_buf *out, const void *item)
{
    const mw_dataset_use *use = item;
    mw_buf_char(out, '{');
    mlflow_put_id(out, "experiment_id", use->experiment);
    mlflow_put_text(out, "name", use->name);
    mlflow_put_text(out, "digest", use->digest);
    mlflow_put_text(out, "context", use->context);
    mw_buf_char(out, '}');
}

static mw_status search_datasets(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    enum { EXPERIMENTS_MAX = 20 };
    mw_dataset_uses uses;
    const datasets_request *asked = turn->request;
    if (asked->experiments.count == 0)
        return mw_fail(err, MW_E_RECORD_VALUE,
                       "SearchDatasets request must specify at least one experiment_id.");
    if (asked->experiments.count > EXPERIMENTS_MAX)
        return mw_fail(err, MW_E_RECORD_VALUE,
                       "SearchDatasets request cannot specify more than %d experiment_ids. "
                       "Received %zu experiment_ids.",
                       EXPERIMENTS_MAX, asked->experiments.count);
    MW_TRY(mw_record_dataset_uses(record, &asked->experiments, &uses, err));
    MLFLOW_ANSWER_LIST(turn, "dataset_summaries", &uses, put_use);
    return MW_OK;
}

const mlflow_call mlflow_history_calls[] = {
    MLFLOW_CALL(MLFLOW_GETS, "metrics/get-history", MLFLOW_READS, get_history, history_fields,
                history_request, "All values of a metric"),
    MLFLOW_CALL(MLFLOW_GETS, "metrics/get-history-bulk", MLFLOW_READS, get_bulk, bulk_fields,
                bulk_request, "All values of a metric in several runs"),
    MLFLOW_CALL(MLFLOW_GETS, "metrics/get-history-bulk-interval", MLFLOW_READS, get_sample,
                sample_fields, bulk_request, "A metric's curve in several runs, thinned out"),
    MLFLOW_CALL(MLFLOW_POSTS, "experiments/search-datasets", MLFLOW_READS, search_datasets,
                datasets_fields, datasets_request, "Data sets that experiments used"),
};
const size_t mlflow_n_history_calls = MW_COUNT(mlflow_history_calls);
