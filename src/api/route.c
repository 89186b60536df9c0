/* The table, and how a path finds its row. Hot rows stand first: the search is linear. */
#include "route.h"

#define PREDICTS \
    (API_MAY_400 | API_MAY_404 | API_MAY_413 | API_MAY_415 | API_MAY_503 | API_MAY_SHED)
#define LOOKS_UP (API_MAY_404 | API_MAY_503)

static const api_route routes[] = {
    /* predictions */
    {MW_POST, "/invocations", serve_invocations, NULL, "invocations",
     "Predict with the only model (MLflow)", API_BODY_MLFLOW, API_ANSWER_PREDICTIONS, PREDICTS},
    {MW_POST, "/endpoints/{name}/invocations", serve_invocations, NULL, "endpoint_invocations",
     "Predict with a model (MLflow)", API_BODY_MLFLOW, API_ANSWER_PREDICTIONS, PREDICTS},
    {MW_POST, "/v2/models/{name}/infer", serve_oip_infer, NULL, "infer",
     "Predict (Open Inference Protocol)", API_BODY_OIP, API_ANSWER_INFER, PREDICTS},
    {MW_POST, "/v2/models/{name}/versions/{version}/infer", serve_oip_infer, NULL, "infer_version",
     "Predict with a version (Open Inference Protocol)", API_BODY_OIP, API_ANSWER_INFER, PREDICTS},
    {MW_POST, "/v1/models/{name}:predict", serve_kserve_predict, NULL, "kserve_predict",
     "Predict (KServe V1)", API_BODY_KSERVE, API_ANSWER_PREDICTIONS, PREDICTS},
    {MW_POST, "/v1/models/{name}:explain", serve_kserve_explain, NULL, "kserve_explain",
     "Predict and explain (KServe V1)", API_BODY_KSERVE, API_ANSWER_EXPLANATIONS, PREDICTS},
    {MW_POST, "/v1/models/{name}:counterfactual", serve_kserve_counterfactual, NULL,
     "counterfactual", "The nearest changes of a row that are answered otherwise", API_BODY_CHANGE,
     API_ANSWER_OBJECT, PREDICTS},
    {MW_POST, "/v1/models/{name}:interactions", serve_kserve_interactions, NULL, "interactions",
     "What pairs of a row's features moved together", API_BODY_PAIRS, API_ANSWER_OBJECT, PREDICTS},
    /* health */
    {MW_GET, "/ping", serve_ping, NULL, "ping", "Is a model loaded? (MLflow)", API_BODY_NONE,
     API_ANSWER_TEXT, API_MAY_404},
    {MW_GET, "/health", serve_ping, NULL, "health", "Is a model loaded? (MLflow)", API_BODY_NONE,
     API_ANSWER_TEXT, API_MAY_404},
    {MW_GET, "/version", serve_version, NULL, "version", "The server's version (MLflow)",
     API_BODY_NONE, API_ANSWER_TEXT, 0},
    {MW_GET, "/v2/health/live", serve_oip_live, NULL, "live", "Is the server alive?", API_BODY_NONE,
     API_ANSWER_OBJECT, 0},
    {MW_GET, "/v2/health/ready", serve_oip_ready, NULL, "ready",
     "Does the server take requests? 503 while it drains", API_BODY_NONE, API_ANSWER_OBJECT,
     API_MAY_503},
    /* Open Inference Protocol: metadata */
    {MW_GET, "/v2", serve_oip_server, NULL, "server_metadata", "Name, version and extensions",
     API_BODY_NONE, API_ANSWER_OBJECT, 0},
    {MW_GET, "/v2/models", serve_oip_models, NULL, "models", "Names of the models", API_BODY_NONE,
     API_ANSWER_MODELS, 0},
    {MW_GET, "/v2/models/stats", serve_oip_stats, NULL, "all_stats", "Statistics of all models",
     API_BODY_NONE, API_ANSWER_OBJECT, 0},
    {MW_GET, "/v2/models/{name}", serve_oip_model, NULL, "model_metadata",
     "A model's inputs and outputs", API_BODY_NONE, API_ANSWER_OBJECT, LOOKS_UP},
    {MW_GET, "/v2/models/{name}/ready", serve_oip_is_ready, NULL, "model_ready", "Is it loaded?",
     API_BODY_NONE, API_ANSWER_OBJECT, LOOKS_UP},
    {MW_GET, "/v2/models/{name}/config", serve_oip_config, NULL, "model_config",
     "A model's configuration", API_BODY_NONE, API_ANSWER_OBJECT, LOOKS_UP},
    {MW_GET, "/v2/models/{name}/stats", serve_oip_stats, NULL, "model_stats",
     "A model's statistics", API_BODY_NONE, API_ANSWER_OBJECT, LOOKS_UP},
    {MW_GET, "/v2/models/{name}/versions/{version}", serve_oip_model, NULL,
     "model_version_metadata", "A version's inputs and outputs", API_BODY_NONE, API_ANSWER_OBJECT,
     LOOKS_UP},
    {MW_GET, "/v2/models/{name}/versions/{version}/ready", serve_oip_is_ready, NULL,
     "model_version_ready", "Is the version loaded?", API_BODY_NONE, API_ANSWER_OBJECT, LOOKS_UP},
    {MW_GET, "/v2/models/{name}/versions/{version}/config", serve_oip_config, NULL,
     "model_version_config", "A version's configuration", API_BODY_NONE, API_ANSWER_OBJECT,
     LOOKS_UP},
    {MW_GET, "/v2/models/{name}/versions/{version}/stats", serve_oip_stats, NULL,
     "model_version_stats", "A version's statistics", API_BODY_NONE, API_ANSWER_OBJECT, LOOKS_UP},
    /* Open Inference Protocol: repository */
    {MW_POST, "/v2/repository/index", serve_oip_index, NULL, "repository_index",
     "Models and their states", API_BODY_INDEX, API_ANSWER_ARRAY, API_MAY_400 | API_MAY_413},
    {MW_POST, "/v2/repository/models/{name}/load", serve_oip_load, NULL, "repository_load",
     "Load a model's file again and swap it in", API_BODY_CONTROL, API_ANSWER_EMPTY,
     API_MAY_400 | API_MAY_404 | API_MAY_413},
    {MW_POST, "/v2/repository/models/{name}/unload", serve_oip_unload, NULL, "repository_unload",
     "Stop serving a model", API_BODY_CONTROL, API_ANSWER_EMPTY,
     API_MAY_400 | API_MAY_404 | API_MAY_413},
    /* Open Inference Protocol: shared memory */
    {MW_GET, "/v2/systemsharedmemory/status", serve_oip_memory_status, NULL, "memory_status",
     "Regions of shared memory", API_BODY_NONE, API_ANSWER_ARRAY, 0},
    {MW_GET, "/v2/systemsharedmemory/region/{name}/status", serve_oip_memory_status, NULL,
     "memory_region_status", "A region of shared memory", API_BODY_NONE, API_ANSWER_ARRAY,
     API_MAY_404},
    {MW_POST, "/v2/systemsharedmemory/region/{name}/register", serve_oip_memory_register, NULL,
     "memory_register", "Register a region of shared memory", API_BODY_REGION, API_ANSWER_EMPTY,
     API_MAY_400 | API_MAY_404 | API_MAY_413},
    {MW_POST, "/v2/systemsharedmemory/region/{name}/unregister", serve_oip_memory_unregister, NULL,
     "memory_region_unregister", "Forget a region of shared memory", API_BODY_NONE,
     API_ANSWER_EMPTY, API_MAY_413},
    {MW_POST, "/v2/systemsharedmemory/unregister", serve_oip_memory_unregister, NULL,
     "memory_unregister", "Forget all regions of shared memory", API_BODY_NONE, API_ANSWER_EMPTY,
     API_MAY_413},
    /* Open Inference Protocol: settings */
    {MW_GET, "/v2/logging", serve_oip_logging, NULL, "log_settings", "What is logged",
     API_BODY_NONE, API_ANSWER_OBJECT, 0},
    {MW_POST, "/v2/logging", serve_oip_logging, NULL, "change_log_settings",
     "Change what is logged", API_BODY_LOG, API_ANSWER_OBJECT, API_MAY_400 | API_MAY_413},
    {MW_GET, "/v2/trace/setting", serve_oip_trace, NULL, "trace_settings", "What is traced",
     API_BODY_NONE, API_ANSWER_OBJECT, API_MAY_404},
    {MW_POST, "/v2/trace/setting", serve_oip_trace, NULL, "change_trace_settings",
     "Change what is traced", API_BODY_TRACES, API_ANSWER_OBJECT,
     API_MAY_400 | API_MAY_404 | API_MAY_413},
    {MW_GET, "/v2/models/{name}/trace/setting", serve_oip_trace, NULL, "model_trace_settings",
     "What is traced, of a model", API_BODY_NONE, API_ANSWER_OBJECT, API_MAY_404},
    {MW_POST, "/v2/models/{name}/trace/setting", serve_oip_trace, NULL,
     "change_model_trace_settings", "Change what is traced, asked for a model", API_BODY_TRACES,
     API_ANSWER_OBJECT, API_MAY_400 | API_MAY_404 | API_MAY_413},
    /* KServe V1 */
    {MW_GET, "/v1/models", serve_kserve_models, NULL, "kserve_models", "Names of the models",
     API_BODY_NONE, API_ANSWER_MODELS, 0},
    {MW_GET, "/v1/models/{name}", serve_kserve_model, NULL, "kserve_model", "Is it ready?",
     API_BODY_NONE, API_ANSWER_OBJECT, LOOKS_UP},
    /* about the server */
    {MW_GET, "/metrics", NULL, api_metrics, "metrics", "Prometheus and OpenMetrics", API_BODY_NONE,
     API_ANSWER_METRICS, 0},
    {MW_GET, "/drift", NULL, api_drift, "drift", "Drift of the endpoints' inputs and outputs",
     API_BODY_NONE, API_ANSWER_DRIFTS, 0},
    {MW_POST, "/endpoints/{name}/feedback", NULL, api_feedback, "feedback",
     "Say what was true of predictions", API_BODY_FEEDBACK, API_ANSWER_OBJECT,
     API_MAY_400 | API_MAY_404 | API_MAY_413 | API_MAY_415 | API_MAY_503},
    {MW_GET, "/endpoints/{name}/performance", NULL, api_endpoint_performance,
     "endpoint_performance", "How good an endpoint's predictions were", API_BODY_NONE,
     API_ANSWER_OBJECT, API_MAY_400 | API_MAY_404 | API_MAY_503},
    {MW_GET, "/performance", NULL, api_performance, "performance", "How good the predictions were",
     API_BODY_NONE, API_ANSWER_OBJECT, API_MAY_400 | API_MAY_404 | API_MAY_503},
    {MW_GET, "/openapi.json", NULL, api_openapi, "openapi", "This description", API_BODY_NONE,
     API_ANSWER_OBJECT, 0},
    {MW_GET, "/", NULL, api_index, "index", "What is here, for people", API_BODY_NONE,
     API_ANSWER_PAGE, 0},
    /* what the pages are made of, and what they read */
    {MW_GET, "/ui", NULL, api_pages, "pages", "The dashboard", API_BODY_NONE, API_ANSWER_PAGE, 0},
    {MW_GET, "/ui/{rest}", NULL, api_pages, "page", "A page of the dashboard", API_BODY_NONE,
     API_ANSWER_PAGE, API_MAY_404},
    {MW_GET, "/mw/v1/overview", NULL, api_look_overview, "overview", "How all endpoints are",
     API_BODY_NONE, API_ANSWER_OBJECT, 0},
    {MW_GET, "/mw/v1/endpoints/{name}", NULL, api_look_endpoint, "endpoint", "How an endpoint is",
     API_BODY_NONE, API_ANSWER_OBJECT, API_MAY_404},
    {MW_GET, "/mw/v1/endpoints/{name}/series", NULL, api_look_series, "endpoint_series",
     "What an endpoint did over time", API_BODY_NONE, API_ANSWER_OBJECT, API_MAY_404},
    {MW_GET, "/mw/v1/endpoints/{name}/drift", NULL, api_look_drift, "endpoint_drift",
     "Drift of an endpoint's inputs and outputs", API_BODY_NONE, API_ANSWER_DRIFT, API_MAY_404},
    {MW_GET, "/mw/v1/endpoints/{name}/decay", NULL, api_endpoint_decay, "endpoint_decay",
     "How good a model was over time: estimated, and the truth", API_BODY_NONE, API_ANSWER_OBJECT,
     API_MAY_400 | API_MAY_404 | API_MAY_503},
    {MW_GET, "/mw/v1/endpoints/{name}/drift/series", NULL, api_drift_series,
     "endpoint_drift_series", "Drift of inputs and outputs over time", API_BODY_NONE,
     API_ANSWER_OBJECT, API_MAY_400 | API_MAY_404},
    {MW_GET, "/mw/v1/endpoints/{name}/drift/bins", NULL, api_drift_bins, "endpoint_drift_bins",
     "Histograms of inputs and outputs beside the reference's", API_BODY_NONE, API_ANSWER_OBJECT,
     API_MAY_400 | API_MAY_404},
    {MW_GET, "/mw/v1/endpoints/{name}/fairness", NULL, api_fairness, "endpoint_fairness",
     "How an endpoint treats groups", API_BODY_NONE, API_ANSWER_OBJECT, API_MAY_404},
    {MW_GET, "/mw/v1/endpoints/{name}/rows", NULL, api_look_rows, "endpoint_rows",
     "The newest rows of the prediction log", API_BODY_NONE, API_ANSWER_OBJECT,
     API_MAY_400 | API_MAY_404},
    {MW_GET, "/mw/v1/reports", NULL, api_report_pages, "reports", "Reports that are kept here",
     API_BODY_NONE, API_ANSWER_OBJECT, API_MAY_404},
    {MW_POST, "/mw/v1/reports", NULL, api_report_pages, "make_report", "Make a report and keep it",
     API_BODY_REPORT, API_ANSWER_MADE, API_MAY_400 | API_MAY_404 | API_MAY_413 | API_MAY_415},
    {MW_GET, "/mw/v1/reports/{id}", NULL, api_report_pages, "report", "A report's page",
     API_BODY_NONE, API_ANSWER_PAGE, API_MAY_404},
    {MW_DELETE, "/mw/v1/reports/{id}", NULL, api_report_pages, "remove_report", "Remove a report",
     API_BODY_NONE, API_ANSWER_NOTHING, API_MAY_404},
    {MW_POST, "/mw/v1/session", NULL, api_begin_session, "begin_session",
     "Seal the Authorization header into a browser's cookie", API_BODY_NONE, API_ANSWER_NOTHING,
     API_MAY_401},
    {MW_DELETE, "/mw/v1/session", NULL, api_end_session, "end_session", "Take the cookie away",
     API_BODY_NONE, API_ANSWER_NOTHING, 0},
    {MW_GET, "/mw/v1/events", NULL, api_look_events, "events",
     "What happens, as server-sent events: ?topics=overview,alerts,rollouts,endpoint:NAME",
     API_BODY_NONE, API_ANSWER_EVENTS, 0},
};

const api_route *api_routes(size_t *ret_count)
{
    *ret_count = MW_COUNT(routes);
    return routes;
}

/* ---- matching -------------------------------------------------------------------------------- */

/* Bytes of a colon at `at`: ":predict" may arrive as "%3Apredict". 0 = none. */
static size_t colon_size(const char *at, size_t left)
{
    if (left >= 1 && at[0] == ':')
        return 1;
    return left >= 3 && at[0] == '%' && at[1] == '3' && (at[2] == 'A' || at[2] == 'a') ? 3 : 0;
}

/* The parameter "{name}" or "{version}" at `pattern` takes the path up to a '/', a colon (names
 * hold none) or the end. */
static bool take_parameter(const char **pattern, mw_view *path, mw_view *ret_value)
{
    size_t size = 0;
    for (; size < path->size; size++) {
        char c = path->data[size];
        bool may_end = c == '/' || c == ':' || c == '%';
        if (may_end && (c == '/' || colon_size(path->data + size, path->size - size) > 0))
            break;
    }
    *ret_value = (mw_view){path->data, size};
    *pattern = strchr(*pattern, '}') + 1;
    *path = (mw_view){path->data + size, path->size - size};
    return size > 0;
}

/* Up to the pattern's next parameter or end; false when the path is another. */
static bool match_literals(const char **pattern, mw_view *path)
{
    const char *at = *pattern, *text = path->data, *end = text + path->size;
    for (;;) {
        for (; text < end && *text == *at && *at != '{'; text++)
            at++;
        size_t size = *at == ':' ? colon_size(text, (size_t)(end - text)) : 0;
        if (size == 0)
            break;
        text += size;
        at++;
    }
    *pattern = at;
    *path = (mw_view){text, (size_t)(end - text)};
    return !*at || *at == '{';
}

static bool match_path(const char *pattern, mw_view path, mw_params *params)
{
    *params = (mw_params){{NULL, 0}, {NULL, 0}};
    while (match_literals(&pattern, &path)) {
        if (!*pattern)
            return path.size == 0;
        if (pattern[1] == 'r') { /* "{rest}": all of it */
            params->name = path;
            return true;
        }
        mw_view *value = pattern[1] == 'n' ? &params->name : &params->version;
        if (!take_parameter(&pattern, &path, value))
            return false;
    }
    return false;
}

static bool decode(mw_exchange *exchange, mw_view *value)
{
    return !value->data || !memchr(value->data, '%', value->size) ||
           mw_percent_decode(*value, exchange->arena, value);
}

api_match api_find_route(mw_exchange *exchange)
{
    api_match match = {0};
    mw_method asked = exchange->method == MW_HEAD ? MW_GET : exchange->method;
    mw_view path = exchange->path;
    if (path.size > 1 && path.data[path.size - 1] == '/' && path.data[path.size - 2] != '/')
        path.size--; /* clients differ about the last slash */
    for (size_t i = 0; i < MW_COUNT(routes); i++) {
        mw_params params;
        if (!match_path(routes[i].path, path, &params))
            continue;
        match.methods |= 1u << routes[i].method;
        if (routes[i].method != asked)
            continue;
        match.route = &routes[i];
        match.params = params;
        break;
    }
    if (match.route)
        match.bad_escape =
            !decode(exchange, &match.params.name) || !decode(exchange, &match.params.version);
    return match;
}
