/* The route table: every address that the server answers stands here once. */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "api.h"

/* Who asks for what. visitor: NULL where nobody is asked who he is. */
typedef struct api_asked {
    mw_params params;
    const struct api_visitor *visitor;
} api_asked;

/* Handlers of this room take the api; those of serve take the fleet. */
typedef void api_handler(mw_api *api, mw_exchange *exchange, const api_asked *asked);

typedef enum api_body {
    API_BODY_NONE,
    API_BODY_MLFLOW,   /* JSON or CSV */
    API_BODY_OIP,      /* JSON, or JSON and bytes */
    API_BODY_KSERVE,   /* JSON */
    API_BODY_CHANGE,   /* JSON of one row, and what is wanted of it */
    API_BODY_PAIRS,    /* JSON of one row, and how many pairs */
    API_BODY_INDEX,    /* {"ready": bool}, optional */
    API_BODY_REGION,   /* {"key": "/name", "offset": 0, "byte_size": 64} */
    API_BODY_CONTROL,  /* {"parameters": {}}, optional */
    API_BODY_LOG,      /* {"log_info": true, ...}, optional */
    API_BODY_FEEDBACK, /* JSON or CSV: ids of predictions and what was true */
    API_BODY_TRACES,   /* {"trace_rate": "1000", ...}, optional */
    API_BODY_REPORT    /* {"kind": "weekly", "of": "credit"} */
} api_body;

typedef enum api_answer {
    API_ANSWER_TEXT,         /* a bare line as application/json, as MLflow has it */
    API_ANSWER_PREDICTIONS,  /* {"predictions": [...]} */
    API_ANSWER_EXPLANATIONS, /* {"predictions": [...], "explanations": [...]} */
    API_ANSWER_INFER,
    API_ANSWER_OBJECT, /* a JSON object */
    API_ANSWER_DRIFT,  /* of one endpoint */
    API_ANSWER_DRIFTS, /* {"endpoints": [...]} */
    API_ANSWER_MODELS, /* {"models": [names]} */
    API_ANSWER_ARRAY,  /* a JSON array */
    API_ANSWER_EMPTY,
    API_ANSWER_METRICS,
    API_ANSWER_PAGE,
    API_ANSWER_MADE,    /* 201: a JSON object */
    API_ANSWER_NOTHING, /* 204 */
    API_ANSWER_EVENTS   /* server-sent events, which go on */
} api_answer;

/* Which answers besides 200 a route may give, for the description. */
enum {
    API_MAY_400 = 1 << 0,
    API_MAY_404 = 1 << 1,
    API_MAY_413 = 1 << 2,
    API_MAY_415 = 1 << 3,
    API_MAY_503 = 1 << 4,
    API_MAY_SHED = 1 << 5, /* 429 and 504, and 503 when overloaded */
    API_MAY_401 = 1 << 6
};

typedef struct api_route {
    mw_method method; /* MW_GET also answers HEAD */
    const char *path; /* "/v2/models/{name}/infer" */
    mw_serve_handler *serve;
    api_handler *own;
    const char *id; /* operationId */
    const char *summary;
    api_body body;
    api_answer answer;
    unsigned may;
} api_route;

const api_route *api_routes(size_t *ret_count);

typedef struct api_match {
    const api_route *route; /* NULL: no route, or none with this method */
    unsigned methods; /* without a route: bit per mw_method that the path takes; 0 = no such path */
    mw_params params;
    bool bad_escape;
} api_match;

/* Find the route of a request. Parameters are percent-decoded into the exchange's arena. */
api_match api_find_route(mw_exchange *exchange);

api_handler api_metrics;
api_handler api_openapi;
api_handler api_index;
api_handler api_drift;
api_handler api_drift_series;
api_handler api_drift_bins;
api_handler api_feedback;
api_handler api_performance;
api_handler api_endpoint_performance, api_endpoint_decay;
struct api_board;
struct api_reports;
struct api_reports *api_reports_of(mw_api *api); /* NULL: none are kept */
struct api_board *api_board_of(mw_api *api);
api_handler api_report_pages;
api_handler api_look_overview, api_look_endpoint, api_look_series, api_look_events, api_look_drift;
api_handler api_look_rows, api_fairness;
api_handler api_pages;
api_handler api_begin_session, api_end_session;

/* Bytes that this process may take: of its container, else of the machine. */
double api_memory_limit(void);

mw_fleet *api_fleet(mw_api *api);
bool api_has_record(const mw_api *api);
mw_server *api_server(mw_api *api);
unsigned api_cores(const mw_api *api);
const mw_observer *api_observer(const mw_api *api);
/* NULL: nobody is asked who he is. */
struct api_guard *api_guard_of(const mw_api *api);
mw_alerts *api_alerting(mw_api *api);                    /* NULL: there are none */
mw_conductor *api_conductor(mw_api *api);                /* NULL: there are no rollouts */
mw_pool *api_readers(mw_api *api);                       /* questions that wait for the disk */
mw_registry *api_record(const mw_api *api);              /* NULL: no record is kept */
struct api_couriers *api_couriers_of(const mw_api *api); /* NULL: no webhooks are told */
mw_monitor *api_monitor(mw_api *api);                    /* NULL: nothing is watched */
struct api_pulse *api_pulse_of(mw_api *api);
const char *api_base_path(const mw_api *api); /* "" or "/prefix" */
mw_journal *api_journal(mw_api *api);         /* NULL: predictions are not kept */
/* When the process began, in seconds since 1970. */
double api_started_seconds(const mw_api *api);

#endif
