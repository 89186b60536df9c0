/* /openapi.json: the route table and the loaded models, as OpenAPI 3.1.
 *
 * It says what the server really does, so exactly that a generator of requests can be run against
 * it: each model has paths of its own, because each takes other rows. Schemas of bodies are in
 * openapi_bodies.c. */
#include <ctype.h>

#include "openapi.h"

void openapi_write_method(mw_buf *out, mw_method method)
{
    for (const char *c = mw_method_name(method); *c; c++)
        mw_buf_char(out, (char)tolower((unsigned char)*c));
}

static void write_text(mw_buf *out, const char *text)
{
    mw_json_write_text(out, mw_view_of(text));
}

/* ---- answers --------------------------------------------------------------------------------- */

static void write_content(mw_buf *out, const char *type, const char *schema)
{
    mw_buf_format(out, "\"%s\": {\"schema\": %s}", type, schema);
}

static void write_answer_content(mw_buf *out, api_answer answer)
{
    static const char object[] = "{\"type\": \"object\"}", array[] = "{\"type\": \"array\"}";
    mw_buf_text(out, ", \"content\": {");
    switch (answer) {
    case API_ANSWER_TEXT:
        /* MLflow's health answers call themselves JSON and are not */
        mw_buf_text(out, "\"application/json\": {}");
        break;
    case API_ANSWER_PREDICTIONS:
        write_content(out, "application/json", "{\"$ref\": \"#/components/schemas/Predictions\"}");
        break;
    case API_ANSWER_EXPLANATIONS:
        write_content(out, "application/json", "{\"$ref\": \"#/components/schemas/Explanations\"}");
        break;
    case API_ANSWER_INFER:
        write_content(out, "application/json",
                      "{\"$ref\": \"#/components/schemas/InferResponse\"}");
        mw_buf_text(out, ", \"application/octet-stream\": {}");
        break;
    case API_ANSWER_MODELS:
        write_content(out, "application/json", "{\"$ref\": \"#/components/schemas/Models\"}");
        break;
    case API_ANSWER_ARRAY:
        write_content(out, "application/json", array);
        break;
    case API_ANSWER_METRICS:
        mw_buf_text(out, "\"text/plain\": {\"schema\": {\"type\": \"string\"}}, "
                         "\"application/openmetrics-text\": {\"schema\": {\"type\": \"string\"}}");
        break;
    case API_ANSWER_PAGE:
        write_content(out, "text/html", "{\"type\": \"string\"}");
        break;
    case API_ANSWER_EMPTY:
        mw_buf_text(out, "\"application/json\": {}");
        break;
    case API_ANSWER_DRIFT:
        write_content(out, "application/json", "{\"$ref\": \"#/components/schemas/Drift\"}");
        break;
    case API_ANSWER_DRIFTS:
        write_content(out, "application/json", "{\"$ref\": \"#/components/schemas/Drifts\"}");
        break;
    case API_ANSWER_OBJECT:
    case API_ANSWER_MADE:
        write_content(out, "application/json", object);
        break;
    case API_ANSWER_EVENTS:
        write_content(out, "text/event-stream", "{\"type\": \"string\"}");
        break;
    case API_ANSWER_NOTHING:
        break;
    }
    mw_buf_char(out, '}');
}

static const char *error_schema(const api_route *route)
{
    switch (mw_style_of_path(mw_view_of(route->path))) {
    case MW_STYLE_MLFLOW:
        return "{\"$ref\": \"#/components/schemas/MlflowError\"}";
    case MW_STYLE_PROBLEM:
        return "{\"$ref\": \"#/components/schemas/Problem\"}";
    default:
        return "{\"$ref\": \"#/components/schemas/Error\"}";
    }
}

static void write_error(mw_buf *out, const api_route *route, int status, const char *meaning)
{
    bool as_text = status == 415 && route->body == API_BODY_MLFLOW;
    mw_buf_format(out, ", \"%d\": {\"description\": \"%s\", \"content\": {", status, meaning);
    bool is_problem = mw_style_of_path(mw_view_of(route->path)) == MW_STYLE_PROBLEM;
    write_content(out, is_problem ? "application/problem+json" : "application/json",
                  error_schema(route));
    if (as_text)
        mw_buf_text(out, ", \"text/plain\": {\"schema\": {\"type\": \"string\"}}");
    mw_buf_text(out, "}}");
}

static void write_not_ready(mw_buf *out, const api_route *route, int status, const char *meaning)
{
    if (route->answer == API_ANSWER_TEXT || strcmp(route->id, "ready") == 0 ||
        strcmp(route->id, "kserve_model") == 0)
        mw_buf_format(out,
                      ", \"%d\": {\"description\": \"%s\", \"content\": "
                      "{\"application/json\": {}}}",
                      status, meaning);
    else
        write_error(out, route, status, meaning);
}

static void write_success(mw_buf *out, api_answer answer)
{
    const char *status = answer == API_ANSWER_MADE      ? "201\": {\"description\": \"Made"
                         : answer == API_ANSWER_NOTHING ? "204\": {\"description\": \"Done"
                                                        : "200\": {\"description\": \"OK";
    mw_buf_format(out, "\"responses\": {\"%s\"", status);
    if (answer != API_ANSWER_NOTHING)
        write_answer_content(out, answer);
    mw_buf_char(out, '}');
}

static void write_answers(mw_buf *out, const api_route *route)
{
    write_success(out, route->answer);
    /* net itself refuses what is no HTTP, whatever the route */
    write_error(out, route, 400, "The request is malformed, or its rows do not fit the model");
    if (route->may & API_MAY_401)
        write_error(out, route, 401, "Whoever asks is not known");
    if (route->may & API_MAY_404)
        write_not_ready(out, route, 404, "No such model, or it is not loaded");
    if (route->may & API_MAY_413)
        write_error(out, route, 413, "The body is over the limit");
    if (route->may & API_MAY_415)
        write_error(out, route, 415, "The content type or encoding is not read");
    if (route->may & API_MAY_SHED)
        write_error(out, route, 429, "This client asks too often; Retry-After says how long");
    if (route->may & API_MAY_503)
        write_not_ready(out, route, 503, "The server is overloaded, draining or out of memory");
    if (route->may & API_MAY_SHED)
        write_error(out, route, 504, "The client's own deadline had passed before its turn");
    mw_buf_char(out, '}');
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* In the address; how many features, where the answer is an object and no tensor. */
static void write_explain_parameters(mw_buf *out, const api_route *route, bool any)
{
    bool predicts = route->body == API_BODY_MLFLOW || route->body == API_BODY_KSERVE;
    if (!predicts && route->body != API_BODY_OIP)
        return;
    mw_buf_text(out, any ? ", " : "");
    mw_buf_text(out, "{\"name\": \"explain\", \"in\": \"query\", \"description\": \"contributions "
                     "beside the predictions\", \"schema\": {\"enum\": [\"true\", \"false\"]}}, "
                     "{\"name\": \"anomaly\", \"in\": \"query\", \"description\": \"how unlike the "
                     "reference each row is\", \"schema\": {\"enum\": [\"true\", \"false\"]}}");
    if (predicts)
        mw_buf_text(out, ", {\"name\": \"explain_top\", \"in\": \"query\", \"description\": \"the "
                         "largest ones only\", \"schema\": {\"type\": \"integer\", \"minimum\": 1, "
                         "\"maximum\": 999999999}}");
}

/* Whether "{part}" stands in the path. */
static bool names_part(const char *path, const char *part)
{
    const char *brace = strchr(path, '{');
    return brace && strncmp(brace + 1, part, strlen(part)) == 0 && brace[1 + strlen(part)] == '}';
}

static const char of_drift[] =
    "{\"name\": \"window\", \"in\": \"query\", \"description\": \"of the distances\", \"schema\": "
    "{\"enum\": [\"15m\", \"1h\", \"6h\", \"24h\", \"1d\", \"7d\", \"30d\"]}}, {\"name\": "
    "\"scope\", \"in\": \"query\", \"description\": \"what this server alone has counted, or all "
    "servers of the record\", \"schema\": {\"enum\": [\"all\", \"server\"]}}";

static void write_parameters(mw_buf *out, const api_route *route, const mw_endpoint_info *model)
{
    static const char *const texts[] = {"id", "rest"}; /* parts that are any text */
    bool by_version = strstr(route->path, "{version}");
    mw_buf_text(out, "\"parameters\": [");
    for (size_t i = 0; i < MW_COUNT(texts); i++)
        if (names_part(route->path, texts[i]))
            mw_buf_format(out,
                          "{\"name\": \"%s\", \"in\": \"path\", \"required\": true, "
                          "\"schema\": {\"type\": \"string\"}}",
                          texts[i]);
    if (by_version)
        mw_buf_format(out,
                      "{\"name\": \"version\", \"in\": \"path\", \"required\": true, "
                      "\"schema\": {\"type\": \"string\", \"enum\": [\"%u\"]}}",
                      model ? model->version : 1);
    write_explain_parameters(out, route, by_version);
    if (route->answer == API_ANSWER_DRIFT || route->answer == API_ANSWER_DRIFTS)
        mw_buf_text(out, of_drift);
    mw_buf_text(out, "], ");
}

/* ---- operations ------------------------------------------------------------------------------ */

static void write_operation(mw_buf *out, const api_route *route, const mw_endpoint_info *model)
{
    mw_buf_char(out, '"');
    openapi_write_method(out, route->method);
    mw_buf_format(out, "\": {\"operationId\": \"%s%s%s\", \"summary\": ", route->id,
                  model ? "_" : "", model ? model->name : "");
    write_text(out, route->summary);
    mw_buf_text(out, ", ");
    write_parameters(out, route, model);
    openapi_write_body(out, route->body, model);
    write_answers(out, route);
    mw_buf_char(out, '}');
}

/* "/v2/models/{name}/infer" -> "/v2/models/churn/infer" */
static void write_path(mw_buf *out, const char *pattern, const mw_endpoint_info *model)
{
    const char *brace = model ? strstr(pattern, "{name}") : NULL;
    mw_buf_char(out, '"');
    if (brace)
        mw_buf_format(out, "%.*s%s%s", (int)(brace - pattern), pattern, model->name,
                      brace + strlen("{name}"));
    else
        mw_buf_text(out, pattern);
    mw_buf_text(out, "\": {");
}

typedef struct openapi_page {
    mw_buf *out;
    size_t n_paths, n_models;
} openapi_page;

/* The methods of a path stand one after another in the table. */
static bool goes_on(const api_route *route)
{
    size_t n_routes;
    const api_route *routes = api_routes(&n_routes);
    return route + 1 < routes + n_routes && strcmp(route[0].path, route[1].path) == 0;
}

static bool is_going_on(const api_route *route)
{
    size_t n_routes;
    return route > api_routes(&n_routes) && goes_on(route - 1);
}

static void write_route(openapi_page *page, const api_route *route, const mw_endpoint_info *model)
{
    mw_buf_text(page->out, page->n_paths++ > 0 ? ", " : "");
    if (!is_going_on(route))
        write_path(page->out, route->path, model);
    write_operation(page->out, route, model);
    if (!goes_on(route))
        mw_buf_char(page->out, '}');
}

static void write_model_routes(void *user, const mw_endpoint_info *info)
{
    openapi_page *page = user;
    size_t n_routes;
    const api_route *routes = api_routes(&n_routes);
    for (size_t i = 0; i < n_routes; i++) {
        bool about_models = strstr(routes[i].path, "{name}") != NULL;
        bool is_load = strcmp(routes[i].id, "repository_load") == 0;
        if (about_models && (info->forest || is_load))
            write_route(page, &routes[i], info);
    }
    page->n_models++;
}

/* /invocations takes the rows of the only model. */
static void write_only_model(void *user, const mw_endpoint_info *info)
{
    openapi_page *page = user;
    size_t n_routes;
    const api_route *routes = api_routes(&n_routes);
    for (size_t i = 0; i < n_routes; i++)
        if (strcmp(routes[i].path, "/invocations") == 0 && info->forest)
            write_route(page, &routes[i], info);
}

static void write_server_routes(openapi_page *page)
{
    size_t n_routes;
    const api_route *routes = api_routes(&n_routes);
    for (size_t i = 0; i < n_routes; i++)
        if (!strstr(routes[i].path, "{name}") && strcmp(routes[i].path, "/invocations") != 0)
            write_route(page, &routes[i], NULL);
}

static const char components[] =
    "\"components\": {\"schemas\": {"
    "\"Drift\": {\"type\": \"object\", \"required\": [\"state\", \"features\"], \"properties\": "
    "{\"endpoint\": {\"type\": \"string\"}, \"version\": {\"type\": \"integer\", \"minimum\": 0}, "
    "\"state\": {\"enum\": [\"off\", \"learning\", \"watching\"]}, \"drifted\": {\"type\": "
    "\"boolean\"}, \"n_drifted\": {\"type\": \"integer\", \"minimum\": 0}, \"rows\": {\"type\": "
    "\"integer\", \"minimum\": 0}, \"window_rows\": {\"type\": \"integer\", \"minimum\": 0}, "
    "\"window_seconds\": {\"type\": [\"number\", \"null\"]}, \"scope\": {\"enum\": [\"all\", "
    "\"server\"], \"description\": \"whose rows\"}, \"servers\": {\"type\": \"integer\", "
    "\"minimum\": 0, \"description\": \"that count by the same reference, with rows in the last "
    "three minutes\"}, \"servers_apart\": {\"type\": \"integer\", \"minimum\": 0, "
    "\"description\": \"that count by another reference; left out\"}, \"others\": {\"type\": "
    "\"array\", \"items\": {\"type\": \"object\", \"required\": [\"server\", \"rows\", \"as_of\", "
    "\"lately\", \"apart\"], \"properties\": {\"server\": {\"type\": \"string\"}, \"rows\": "
    "{\"type\": \"integer\", \"minimum\": 0, \"description\": \"of the days that are kept\"}, "
    "\"as_of\": {\"type\": \"number\", \"description\": \"when it told last, seconds since "
    "1970\"}, \"lately\": {\"type\": \"boolean\"}, \"apart\": {\"type\": \"boolean\"}}}}, "
    "\"contributions\": {\"type\": \"object\", \"description\": \"what moves predictions, where it "
    "is watched\", \"required\": [\"state\", \"drifted\", \"features\"], \"properties\": "
    "{\"state\": {\"enum\": [\"learning\", \"watching\"]}, \"drifted\": {\"type\": \"boolean\"}, "
    "\"n_drifted\": {\"type\": \"integer\", \"minimum\": 0}, \"servers\": {\"type\": \"integer\", "
    "\"minimum\": 0, \"description\": \"whose rows are in it, where several share a record\"}, "
    "\"servers_apart\": {\"type\": \"integer\", \"minimum\": 0}, \"leans_more\": {\"type\": "
    "\"array\", "
    "\"items\": {\"type\": \"string\"}}, \"leans_less\": {\"type\": \"array\", \"items\": "
    "{\"type\": \"string\"}}, \"features\": {\"type\": \"array\", \"description\": \"the most "
    "important first\", \"items\": {\"type\": \"object\", \"required\": [\"feature\", "
    "\"drifted\", \"share\", \"share_reference\"], \"properties\": {\"feature\": {\"type\": "
    "\"string\"}, \"drifted\": {\"type\": \"boolean\"}, \"share\": {\"type\": [\"number\", "
    "\"null\"], \"description\": \"of the mean sizes of all features' contributions\"}, "
    "\"share_reference\": {\"type\": [\"number\", \"null\"]}, \"rank\": {\"type\": [\"integer\", "
    "\"null\"]}, \"rank_reference\": {\"type\": [\"integer\", \"null\"]}, \"mean\": {\"type\": "
    "[\"number\", \"null\"]}, \"mean_absolute\": {\"type\": [\"number\", \"null\"]}}}}}}, "
    "\"features\": {\"type\": \"array\", \"items\": {\"type\": \"object\", \"required\": "
    "[\"feature\", \"kind\", \"drifted\"], \"properties\": {\"feature\": {\"type\": \"string\"}, "
    "\"kind\": {\"enum\": [\"input\", \"output\"]}, \"drifted\": {\"type\": \"boolean\"}, "
    "\"psi\": {\"type\": [\"number\", \"null\"]}, \"psi_since\": {\"type\": [\"number\", "
    "\"null\"]}, \"log_e_value\": {\"type\": [\"number\", \"null\"]}}}}}}, \"Drifts\": {\"type\": "
    "\"object\", \"required\": [\"watching\", \"endpoints\"], \"properties\": {\"watching\": "
    "{\"type\": \"boolean\"}, \"endpoints\": {\"type\": \"array\", \"items\": {\"$ref\": "
    "\"#/components/schemas/Drift\"}}}}, "
    "\"Error\": {\"type\": \"object\", \"required\": [\"error\"], \"properties\": {\"error\": "
    "{\"type\": \"string\"}}}, "
    "\"Problem\": {\"type\": \"object\", \"required\": [\"status\", \"detail\", \"code\"], "
    "\"properties\": {\"status\": {\"type\": \"integer\"}, \"detail\": {\"type\": \"string\"}, "
    "\"hint\": {\"type\": \"string\"}, \"code\": {\"type\": \"string\"}}}, "
    "\"MlflowError\": {\"type\": \"object\", \"required\": [\"error_code\", \"message\"], "
    "\"properties\": {\"error_code\": {\"type\": \"string\"}, \"message\": {\"type\": "
    "\"string\"}}}, "
    "\"Predictions\": {\"type\": \"object\", \"required\": [\"predictions\"], \"properties\": "
    "{\"predictions\": {\"type\": \"array\", \"items\": {\"anyOf\": [{\"type\": [\"number\", "
    "\"null\"]}, {\"type\": \"array\", \"items\": {\"type\": [\"number\", \"null\"]}}]}}}}, "
    "\"Explanations\": {\"type\": \"object\", \"required\": [\"predictions\", \"explanations\"], "
    "\"properties\": {\"predictions\": {\"type\": \"array\"}, \"explanations\": {\"type\": "
    "\"array\", \"items\": {\"type\": [\"object\", \"array\"]}}}}, "
    "\"Models\": {\"type\": \"object\", \"required\": [\"models\"], \"properties\": {\"models\": "
    "{\"type\": \"array\", \"items\": {\"type\": \"string\"}}}}, "
    "\"InferResponse\": {\"type\": \"object\", \"required\": [\"model_name\", \"outputs\"], "
    "\"properties\": {\"model_name\": {\"type\": \"string\"}, \"model_version\": {\"type\": "
    "\"string\"}, \"id\": {\"type\": \"string\"}, \"outputs\": {\"type\": \"array\", \"items\": "
    "{\"type\": \"object\", \"required\": [\"name\", \"shape\", \"datatype\"]}}}}}, "
    "\"responses\": {\"MlflowError\": {\"description\": \"Refused, and how to mend it\", "
    "\"content\": {\"application/json\": {\"schema\": {\"$ref\": "
    "\"#/components/schemas/MlflowError\"}}}}, "
    "\"Problem\": {\"description\": \"Refused, and how to mend it\", "
    "\"content\": {\"application/problem+json\": {\"schema\": {\"$ref\": "
    "\"#/components/schemas/Problem\"}}}}}}";

void api_openapi(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    (void)asked;
    mw_buf *out = exchange->reply;
    openapi_page page = {out, 0, 0};
    mw_buf_text(out, "{\"openapi\": \"3.1.0\", \"info\": {\"title\": \"Millwright\", \"version\": "
                     "\"" MW_VERSION "\", \"license\": {\"name\": \"Apache-2.0\", \"identifier\": "
                     "\"Apache-2.0\"}}, \"paths\": {");
    write_server_routes(&page);
    mw_fleet_each_seen(api_fleet(api), exchange->user_sees, write_model_routes, &page);
    if (page.n_models == 1)
        mw_fleet_each_seen(api_fleet(api), exchange->user_sees, write_only_model, &page);
    if (api_has_record(api)) {
        openapi_write_record(out);
        openapi_write_alerts(out);
    }
    mw_buf_text(out, "}, ");
    mw_buf_text(out, components);
    mw_buf_char(out, '}');
    exchange->reply_type = MW_VIEW("application/json");
    mw_exchange_reply(exchange);
}
