/* The table, and how a row is found. */
#include "rules.h"

#define GETS (1u << MW_GET)
#define POSTS (1u << MW_POST)
#define PUTS (1u << MW_PUT)
#define PATCHES (1u << MW_PATCH)
#define DELETES (1u << MW_DELETE)

#define VIEWER MW_ROLE_VIEWER
#define EDITOR MW_ROLE_EDITOR
#define DEPLOYER MW_ROLE_DEPLOYER
#define ADMIN MW_ROLE_ADMIN

#define RECORD(methods, path, role, object)                  \
    {                                                        \
        methods, path, API_ALWAYS, role, API_OBJECT_##object \
    }
/* Predictions and what clients ask before them. */
#define ENDPOINT(methods, path)                                 \
    {                                                           \
        methods, path, API_GUARDED, VIEWER, API_OBJECT_ENDPOINT \
    }
#define ENDPOINTS(methods, path)                              \
    {                                                         \
        methods, path, API_GUARDED, VIEWER, API_OBJECT_LISTED \
    }
#define OPEN(methods, path)                                   \
    {                                                         \
        methods, path, API_OPEN, MW_ROLE_NONE, API_OBJECT_ANY \
    }
#define CHANGES(methods, path, object)                           \
    {                                                            \
        methods, path, API_ALWAYS, DEPLOYER, API_OBJECT_##object \
    }

#define RUNS "/mlflow/runs/"
#define EXPERIMENTS "/mlflow/experiments/"
#define LOGGED "/mlflow/logged-models"
#define TRACES "/mlflow/traces"
#define DATASETS "/mlflow/datasets/"
#define SCORERS "/mlflow/scorers/"
#define MODELS "/mlflow/registered-models/"
#define VERSIONS "/mlflow/model-versions/"
#define PROXY "/mlflow-artifacts/"
#define INFERENCE "/inference.GRPCInferenceService/"
#define HEALTH "/grpc.health.v1.Health/"

static const api_rule rules[] = {
    /* predictions */
    ENDPOINT(POSTS, "/invocations"),
    ENDPOINT(POSTS, "/endpoints/{name}/invocations"),
    ENDPOINT(POSTS, "/v2/models/{name}/infer"),
    ENDPOINT(POSTS, "/v2/models/{name}/versions/{version}/infer"),
    ENDPOINT(POSTS, "/v1/models/{name}:predict"),
    ENDPOINT(POSTS, "/v1/models/{name}:explain"),
    ENDPOINT(POSTS, "/v1/models/{name}:counterfactual"),
    ENDPOINT(POSTS, "/v1/models/{name}:interactions"),
    ENDPOINT(GETS, "/v2/models/{name}"),
    ENDPOINT(GETS, "/v2/models/{name}/ready"),
    ENDPOINT(GETS, "/v2/models/{name}/config"),
    ENDPOINT(GETS, "/v2/models/{name}/stats"),
    ENDPOINT(GETS, "/v2/models/{name}/versions/{version}"),
    ENDPOINT(GETS, "/v2/models/{name}/versions/{version}/ready"),
    ENDPOINT(GETS, "/v2/models/{name}/versions/{version}/config"),
    ENDPOINT(GETS, "/v2/models/{name}/versions/{version}/stats"),
    ENDPOINT(GETS, "/v1/models/{name}"),
    ENDPOINTS(GETS, "/v2/models"),
    ENDPOINTS(GETS, "/v2/models/stats"),
    ENDPOINTS(GETS, "/v1/models"),
    ENDPOINTS(POSTS, "/v2/repository/index"),
    ENDPOINTS(GETS, "/openapi.json"),
    ENDPOINTS(GETS, "/"),
    /* the pages know nothing: what they show is asked for below */
    OPEN(GETS, "/ui"),
    OPEN(GETS, "/ui/{rest}"),
    RECORD(GETS, "/mw/v1/overview", VIEWER, LISTED),
    RECORD(GETS, "/mw/v1/reports", VIEWER, SERVER),
    RECORD(POSTS, "/mw/v1/reports", EDITOR, SERVER),
    RECORD(GETS, "/mw/v1/reports/{id}", VIEWER, SERVER),
    RECORD(DELETES, "/mw/v1/reports/{id}", EDITOR, SERVER),
    RECORD(GETS, "/mw/v1/endpoints/{name}", VIEWER, ENDPOINT),
    RECORD(GETS, "/mw/v1/endpoints/{name}/series", VIEWER, ENDPOINT),
    RECORD(GETS, "/mw/v1/endpoints/{name}/drift", VIEWER, ENDPOINT),
    RECORD(GETS, "/mw/v1/endpoints/{name}/fairness", VIEWER, ENDPOINT),
    RECORD(GETS, "/mw/v1/endpoints/{name}/decay", VIEWER, ENDPOINT),
    RECORD(GETS, "/mw/v1/endpoints/{name}/drift/series", VIEWER, ENDPOINT),
    RECORD(GETS, "/mw/v1/endpoints/{name}/drift/bins", VIEWER, ENDPOINT),
    /* what clients have sent: for who works on the model */
    RECORD(GETS, "/mw/v1/endpoints/{name}/rows", EDITOR, ENDPOINT),
    RECORD(POSTS, "/mw/v1/session", VIEWER, ANY),
    OPEN(DELETES, "/mw/v1/session"), /* it only takes the cookie away */
    RECORD(GETS, "/mw/v1/events", VIEWER, LISTED),
    /* health: a load balancer has no token */
    OPEN(GETS, "/ping"),
    OPEN(GETS, "/health"),
    OPEN(GETS, "/version"),
    OPEN(GETS, "/v2/health/live"),
    OPEN(GETS, "/v2/health/ready"),
    OPEN(GETS, "/v2"),
    {GETS, "/metrics", API_METRICS, VIEWER, API_OBJECT_LISTED},
    ENDPOINT(POSTS, "/endpoints/{name}/feedback"),
    {GETS, "/endpoints/{name}/performance", API_METRICS, VIEWER, API_OBJECT_ENDPOINT},
    {GETS, "/performance", API_METRICS, VIEWER, API_OBJECT_LISTED},
    {GETS, "/drift", API_METRICS, VIEWER, API_OBJECT_LISTED}, /* says what the metrics say */
    /* what is served, and how */
    CHANGES(POSTS, "/v2/repository/models/{name}/load", ENDPOINT),
    CHANGES(POSTS, "/v2/repository/models/{name}/unload", ENDPOINT),
    /* a region is any shared memory that the server's user may write: who deploys answers for it */
    CHANGES(POSTS, "/v2/systemsharedmemory/region/{name}/register", SERVER),
    CHANGES(POSTS, "/v2/systemsharedmemory/region/{name}/unregister", SERVER),
    CHANGES(POSTS, "/v2/systemsharedmemory/unregister", SERVER),
    RECORD(GETS, "/v2/systemsharedmemory/status", VIEWER, SERVER),
    RECORD(GETS, "/v2/systemsharedmemory/region/{name}/status", VIEWER, SERVER),
    RECORD(GETS, "/v2/logging", VIEWER, ANY),
    RECORD(POSTS, "/v2/logging", DEPLOYER, SERVER),
    RECORD(GETS, "/v2/trace/setting", VIEWER, ANY),
    RECORD(POSTS, "/v2/trace/setting", DEPLOYER, SERVER),
    RECORD(GETS, "/v2/models/{name}/trace/setting", VIEWER, ANY),
    /* it changes the whole server's */
    RECORD(POSTS, "/v2/models/{name}/trace/setting", DEPLOYER, SERVER),
    /* runs */
    RECORD(POSTS, RUNS "log-metric", EDITOR, RUN),
    RECORD(POSTS, RUNS "log-batch", EDITOR, RUN),
    RECORD(POSTS, RUNS "log-parameter", EDITOR, RUN),
    RECORD(POSTS, RUNS "set-tag", EDITOR, RUN),
    RECORD(POSTS, RUNS "delete-tag", EDITOR, RUN),
    RECORD(GETS, RUNS "get", VIEWER, RUN),
    RECORD(POSTS, RUNS "create", EDITOR, EXPERIMENT),
    RECORD(POSTS, RUNS "update", EDITOR, RUN),
    RECORD(POSTS, RUNS "delete", EDITOR, RUN),
    RECORD(POSTS, RUNS "restore", EDITOR, RUN),
    RECORD(POSTS, RUNS "log-inputs", EDITOR, RUN),
    RECORD(POSTS, RUNS "outputs", EDITOR, RUN),
    RECORD(POSTS, RUNS "log-model", EDITOR, RUN),
    RECORD(POSTS, RUNS "search", VIEWER, EXPERIMENTS),
    RECORD(GETS, "/mlflow/metrics/get-history", VIEWER, RUN),
    RECORD(GETS, "/mlflow/metrics/get-history-bulk", VIEWER, RUNS),
    RECORD(GETS, "/mlflow/metrics/get-history-bulk-interval", VIEWER, RUNS),
    /* experiments */
    RECORD(POSTS, EXPERIMENTS "create", EDITOR, SERVER),
    RECORD(GETS, EXPERIMENTS "get", VIEWER, EXPERIMENT),
    RECORD(GETS, EXPERIMENTS "get-by-name", VIEWER, EXPERIMENT_NAMED),
    RECORD(POSTS, EXPERIMENTS "update", EDITOR, EXPERIMENT),
    RECORD(POSTS, EXPERIMENTS "delete", EDITOR, EXPERIMENT),
    RECORD(POSTS, EXPERIMENTS "restore", EDITOR, EXPERIMENT),
    RECORD(POSTS, EXPERIMENTS "set-experiment-tag", EDITOR, EXPERIMENT),
    RECORD(POSTS, EXPERIMENTS "delete-experiment-tag", EDITOR, EXPERIMENT),
    RECORD(GETS | POSTS, EXPERIMENTS "search", VIEWER, LISTED),
    RECORD(POSTS, EXPERIMENTS "search-datasets", VIEWER, EXPERIMENTS),
    /* artifacts */
    RECORD(GETS, PROXY "artifacts", VIEWER, ARTIFACT),
    RECORD(GETS, PROXY "artifacts/{path*}", VIEWER, ARTIFACT),
    RECORD(PUTS, PROXY "artifacts/{path*}", EDITOR, ARTIFACT),
    RECORD(DELETES, PROXY "artifacts/{path*}", EDITOR, ARTIFACT),
    RECORD(POSTS, PROXY "mpu/create/{path*}", EDITOR, ARTIFACT),
    RECORD(POSTS, PROXY "mpu/complete/{path*}", EDITOR, ARTIFACT),
    RECORD(POSTS, PROXY "mpu/abort/{path*}", EDITOR, ARTIFACT),
    RECORD(GETS, PROXY "presigned/{path*}", VIEWER, ARTIFACT),
    RECORD(POSTS, "/mlflow/artifacts/presigned-upload-url", EDITOR, RUN_OR_MODEL),
    RECORD(POSTS, "/mlflow/artifacts/presigned-download-url", VIEWER, RUN),
    RECORD(GETS, "/mlflow/artifacts/list", VIEWER, RUN),
    RECORD(GETS, "/mlflow/get-artifact", VIEWER, RUN),
    RECORD(GETS, "/get-artifact", VIEWER, RUN),
    RECORD(GETS, "/mlflow/server-info", VIEWER, ANY),
    /* objects of DVC belong to no experiment: who may on everything */
    RECORD(GETS, "/dvc/files/md5/{shard}/{rest}", VIEWER, SERVER),
    RECORD(PUTS | POSTS, "/dvc/files/md5/{shard}/{rest}", EDITOR, SERVER),
    /* logged models */
    RECORD(POSTS, LOGGED, EDITOR, EXPERIMENT),
    RECORD(GETS, LOGGED "/{model_id}", VIEWER, LOGGED_MODEL),
    RECORD(PATCHES, LOGGED "/{model_id}", EDITOR, LOGGED_MODEL),
    RECORD(DELETES, LOGGED "/{model_id}", EDITOR, LOGGED_MODEL),
    RECORD(PATCHES, LOGGED "/{model_id}/tags", EDITOR, LOGGED_MODEL),
    RECORD(DELETES, LOGGED "/{model_id}/tags/{tag_key}", EDITOR, LOGGED_MODEL),
    RECORD(POSTS, LOGGED "/{model_id}/params", EDITOR, LOGGED_MODEL),
    RECORD(GETS, LOGGED "/{model_id}/artifacts/directories", VIEWER, LOGGED_MODEL),
    RECORD(POSTS, LOGGED "/search", VIEWER, EXPERIMENTS),
    /* traces */
    RECORD(POSTS, TRACES, EDITOR, EXPERIMENT),
    RECORD(POSTS, TRACES "/search", VIEWER, LISTED),
    RECORD(POSTS, TRACES "/delete-traces", EDITOR, EXPERIMENT),
    RECORD(POSTS, TRACES "/link-to-run", EDITOR, TRACES_OF_RUN),
    RECORD(POSTS, TRACES "/link-prompts", EDITOR, TRACE),
    RECORD(GETS, TRACES "/batchGetInfos", VIEWER, TRACES),
    RECORD(GETS, TRACES "/get", VIEWER, TRACE),
    RECORD(GETS, TRACES "/batchGet", VIEWER, TRACES),
    RECORD(GETS, TRACES "/{trace_id}", VIEWER, TRACE),
    RECORD(PATCHES, TRACES "/{trace_id}/tags", EDITOR, TRACE),
    RECORD(DELETES, TRACES "/{trace_id}/tags", EDITOR, TRACE),
    RECORD(POSTS, TRACES "/{trace_id}/assessments", EDITOR, TRACE),
    RECORD(GETS, TRACES "/{trace_id}/assessments/{assessment_id}", VIEWER, TRACE),
    RECORD(PATCHES, TRACES "/{trace_id}/assessments/{assessment_id}", EDITOR, TRACE),
    RECORD(DELETES, TRACES "/{trace_id}/assessments/{assessment_id}", EDITOR, TRACE),
    RECORD(POSTS, "/v1/traces", EDITOR, EXPERIMENT_OF_SPANS), /* and where its traces are */
    /* registered models: what moves production needs a deployer */
    RECORD(POSTS, MODELS "create", EDITOR, MODEL),
    RECORD(GETS, MODELS "get", VIEWER, MODEL),
    RECORD(POSTS, MODELS "rename", DEPLOYER, MODEL_RENAMED),
    RECORD(PATCHES, MODELS "update", EDITOR, MODEL),
    RECORD(DELETES, MODELS "delete", DEPLOYER, MODEL),
    RECORD(GETS, MODELS "search", VIEWER, LISTED),
    RECORD(GETS | POSTS, MODELS "get-latest-versions", VIEWER, MODEL),
    RECORD(POSTS, MODELS "set-tag", EDITOR, MODEL),
    RECORD(DELETES, MODELS "delete-tag", EDITOR, MODEL),
    RECORD(GETS, MODELS "alias", VIEWER, MODEL),
    RECORD(POSTS | DELETES, MODELS "alias", DEPLOYER, MODEL),
    RECORD(POSTS, VERSIONS "create", EDITOR, NEW_VERSION),
    RECORD(GETS, VERSIONS "get", VIEWER, MODEL),
    RECORD(PATCHES, VERSIONS "update", EDITOR, MODEL),
    RECORD(DELETES, VERSIONS "delete", DEPLOYER, MODEL),
    RECORD(GETS, VERSIONS "search", VIEWER, LISTED),
    RECORD(GETS, VERSIONS "get-download-uri", VIEWER, MODEL),
    RECORD(POSTS, VERSIONS "transition-stage", DEPLOYER, MODEL),
    RECORD(POSTS, VERSIONS "set-tag", EDITOR, MODEL),
    RECORD(DELETES, VERSIONS "delete-tag", EDITOR, MODEL),
    RECORD(GETS, VERSIONS "get-artifact", VIEWER, MODEL),
    RECORD(GETS, "/model-versions/get-artifact", VIEWER, MODEL),
    /* evaluation data sets: of their experiments */
    RECORD(POSTS, DATASETS "create", EDITOR, NEW_EVALUATION),
    RECORD(GETS | POSTS, DATASETS "search", VIEWER, LISTED),
    RECORD(GETS, DATASETS "{dataset_id}", VIEWER, EVALUATION),
    RECORD(DELETES, DATASETS "{dataset_id}", EDITOR, EVALUATION),
    RECORD(PATCHES, DATASETS "{dataset_id}/tags", EDITOR, EVALUATION),
    RECORD(DELETES, DATASETS "{dataset_id}/tags/{key}", EDITOR, EVALUATION),
    RECORD(GETS, DATASETS "{dataset_id}/records", VIEWER, EVALUATION),
    RECORD(POSTS | DELETES, DATASETS "{dataset_id}/records", EDITOR, EVALUATION),
    RECORD(GETS, DATASETS "{dataset_id}/experiment-ids", VIEWER, EVALUATION),
    RECORD(POSTS, DATASETS "{dataset_id}/add-experiments", EDITOR, EVALUATION_TO),
    RECORD(POSTS, DATASETS "{dataset_id}/remove-experiments", EDITOR, EVALUATION),
    RECORD(POSTS, SCORERS "register", EDITOR, EXPERIMENT),
    RECORD(GETS, SCORERS "list", VIEWER, LISTED),
    RECORD(GETS, SCORERS "versions", VIEWER, EXPERIMENT),
    RECORD(GETS, SCORERS "get", VIEWER, EXPERIMENT),
    RECORD(DELETES, SCORERS "delete", EDITOR, EXPERIMENT),
    RECORD(GETS, SCORERS "online-configs", VIEWER, ANY),
    RECORD(PUTS, SCORERS "online-config", EDITOR, EXPERIMENT),
    /* they send the record's news to addresses of their maker's choice */
    RECORD(GETS | POSTS, "/mlflow/webhooks", ADMIN, SERVER),
    RECORD(GETS | PATCHES | DELETES, "/mlflow/webhooks/{webhook_id}", ADMIN, SERVER),
    RECORD(POSTS, "/mlflow/webhooks/{webhook_id}/test", ADMIN, SERVER),
    /* who, and what was done */
    RECORD(GETS, "/mw/v1/whoami", VIEWER, ANY),
    RECORD(GETS, "/mw/v1/lineage", VIEWER, SERVER), /* it names other models, runs and data */
    /* what a data set holds shows in its profile: for who may see everything */
    RECORD(GETS, "/mw/v1/data", VIEWER, SERVER),
    RECORD(GETS, "/mw/v1/data/{name}/{version}", VIEWER, SERVER),
    RECORD(GETS, "/mw/v1/data/{name}/{version}/profile", VIEWER, SERVER),
    RECORD(GETS, "/mw/v1/audit", ADMIN, SERVER),
    RECORD(GETS, "/mw/v1/audit/verdict", ADMIN, SERVER),
    RECORD(GETS, "/mw/v1/users", ADMIN, SERVER),
    RECORD(GETS, "/mw/v1/tokens", ADMIN, SERVER),
    RECORD(POSTS, "/mw/v1/users", ADMIN, SERVER),
    RECORD(DELETES, "/mw/v1/users/{user}", ADMIN, SERVER),
    RECORD(PUTS, "/mw/v1/users/{user}/password", VIEWER, ANY), /* one's own, or by an admin */
    RECORD(POSTS, "/mw/v1/users/{user}/grants", ADMIN, SERVER),
    RECORD(POSTS, "/mw/v1/tokens", ADMIN, SERVER),
    RECORD(DELETES, "/mw/v1/tokens/{token}", ADMIN, SERVER),
    /* alerts */
    RECORD(GETS, "/mw/v1/alerts", VIEWER, LISTED),
    RECORD(GETS, "/mw/v1/alerts/{id}", VIEWER, LISTED),
    RECORD(POSTS, "/mw/v1/alerts/{id}:ack", DEPLOYER, SERVER),
    RECORD(POSTS, "/mw/v1/alerts:test", DEPLOYER, SERVER),
    RECORD(GETS, "/mw/v1/silences", VIEWER, LISTED),
    RECORD(POSTS, "/mw/v1/silences", DEPLOYER, SERVER),
    RECORD(DELETES, "/mw/v1/silences/{id}", DEPLOYER, SERVER),
    RECORD(GETS, "/mw/v1/rules", VIEWER, LISTED),
    RECORD(POSTS, "/mw/v1/rules", DEPLOYER, SERVER),
    RECORD(POSTS, "/mw/v1/rules:test", VIEWER, LISTED),
    RECORD(DELETES, "/mw/v1/rules/{id}", DEPLOYER, SERVER),
    RECORD(GETS, "/mw/v1/receivers", VIEWER, LISTED),
    RECORD(POSTS, "/mw/v1/receivers", DEPLOYER, SERVER),
    RECORD(POSTS, "/mw/v1/receivers/{id}:send", DEPLOYER, SERVER),
    RECORD(DELETES, "/mw/v1/receivers/{id}", DEPLOYER, SERVER),
    /* of ?endpoint; without it, of all: who may see everything */
    RECORD(GETS, "/mw/v1/history", VIEWER, ENDPOINT),
    /* gates: of their models; who may train may show a result, but not open them */
    RECORD(GETS, "/mw/v1/models/{name}/versions/{version}/gates", VIEWER, MODEL),
    RECORD(POSTS, "/mw/v1/models/{name}/versions/{version}/gates", EDITOR, MODEL),
    RECORD(GETS, "/mw/v1/models/{name}/versions/{version}/gates/{gate}/report", VIEWER, MODEL),
    RECORD(POSTS, "/mw/v1/models/{name}/versions/{version}/gates/approval", DEPLOYER, MODEL),
    RECORD(POSTS, "/mw/v1/models/{name}/versions/{version}/gates/override", ADMIN, SERVER),
    RECORD(POSTS, "/mw/v1/models/{name}/gates", ADMIN, SERVER),
    /* a document touches many: who deploys on all; gate policies are an admin's (mlflow_apply.c) */
    RECORD(POSTS, "/mw/v1/apply", DEPLOYER, SERVER),
    /* rollouts: they are of their endpoints */
    RECORD(GETS, "/mw/v1/rollouts", VIEWER, SERVER),
    RECORD(POSTS, "/mw/v1/rollouts", DEPLOYER, OF_ENDPOINT),
    RECORD(GETS, "/mw/v1/rollouts/{id}", VIEWER, ROLLOUT),
    RECORD(GETS, "/mw/v1/rollouts/{id}/verdict", VIEWER, ROLLOUT),
    RECORD(GETS, "/mw/v1/rollouts/{id}/history", VIEWER, ROLLOUT),
    RECORD(POSTS, "/mw/v1/rollouts/{id}/outcomes", EDITOR, ROLLOUT),
    RECORD(GETS, "/mw/v1/endpoints/{name}/rollout", VIEWER, OF_ENDPOINT),
    RECORD(POSTS, "/mw/v1/endpoints/{name}/rollout:{command}", DEPLOYER, OF_ENDPOINT),
    /* gRPC */
    ENDPOINT(POSTS, INFERENCE "ModelInfer"),
    ENDPOINT(POSTS, INFERENCE "ModelStreamInfer"),
    ENDPOINT(POSTS, INFERENCE "ModelReady"),
    ENDPOINT(POSTS, INFERENCE "ModelMetadata"),
    ENDPOINT(POSTS, INFERENCE "ModelConfig"),
    ENDPOINT(POSTS, INFERENCE "ModelStatistics"),
    ENDPOINTS(POSTS, INFERENCE "RepositoryIndex"),
    OPEN(POSTS, INFERENCE "ServerLive"),
    OPEN(POSTS, INFERENCE "ServerReady"),
    OPEN(POSTS, INFERENCE "ServerMetadata"),
    CHANGES(POSTS, INFERENCE "RepositoryModelLoad", SERVER),
    CHANGES(POSTS, INFERENCE "RepositoryModelUnload", SERVER),
    RECORD(POSTS, INFERENCE "SystemSharedMemoryStatus", VIEWER, SERVER),
    CHANGES(POSTS, INFERENCE "SystemSharedMemoryRegister", SERVER),
    CHANGES(POSTS, INFERENCE "SystemSharedMemoryUnregister", SERVER),
    OPEN(POSTS, INFERENCE "CudaSharedMemoryStatus"), /* nothing is behind these */
    OPEN(POSTS, INFERENCE "CudaSharedMemoryRegister"),
    OPEN(POSTS, INFERENCE "CudaSharedMemoryUnregister"),
    CHANGES(POSTS, INFERENCE "TraceSetting", SERVER),
    CHANGES(POSTS, INFERENCE "LogSettings", SERVER),
    OPEN(POSTS, HEALTH "Check"),
    OPEN(POSTS, HEALTH "List"),
    OPEN(POSTS, HEALTH "Watch"),
    OPEN(POSTS, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
    OPEN(POSTS, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"),
};

const api_rule *api_rules(size_t *ret_count)
{
    *ret_count = MW_COUNT(rules);
    return rules;
}

const api_rule *api_rule_of(mw_method method, const char *path)
{
    static const api_rule unwritten = {0, "", API_ALWAYS, MW_ROLE_ADMIN, API_OBJECT_SERVER};
    mw_method asked = method == MW_HEAD ? MW_GET : method;
    for (size_t i = 0; i < MW_COUNT(rules); i++)
        if (rules[i].methods >> asked & 1 && strcmp(rules[i].path, path) == 0)
            return &rules[i];
    return &unwritten;
}
