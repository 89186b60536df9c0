/* The option table, and what can be told from one row. */
#include "command.h"

static const char *const tls_clients[] = {"off", "optional", "required", NULL}; /* mw_tls_clients */
static const char *const tls_versions[] = {"1.2", "1.3", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const switches[] = {"off", "on", NULL};
static const char *const doors[] = {"open", "token", NULL};
static const char *const roles[] = {"viewer", "editor", "deployer", "admin", NULL};
static const char *const row_formats[] = {"csv", "jsonl", NULL};
static const char *const explain_formats[] = {"csv", "json", "text", NULL};
static const char *const explain_scales[] = {"margin", "probability", NULL}; /* as mw_scale */
static const char *const report_formats[] = {"text", "csv", "json", NULL};
static const char *const importance_kinds[] = {
    "shap", "gain", "total_gain", "cover", "total_cover", "weight", "split", "permutation", NULL};
static const char *const contract_words[] = {"keep", "warn", NULL};
static const char *const lineage_formats[] = {"text", "json", "openlineage", NULL};
static const char *const reason_formats[] = {"text", "json", NULL};
static const char *const sides[] = {"up", "down", NULL};
static const char *const curve_kinds[] = {"pdp", "ice", "ale", NULL};
static const char *const load_protocols[] = {"mlflow", "oip", "oip-binary", "kserve",
                                             NULL}; /* forms of command_capacity.c */
static const char *const arrivals[] = {"poisson", "even", NULL};
static const char *const metrics[] = {"auc", "logloss", "accuracy", "rmse", "mae", "r2", NULL};
static const char *const detectors[] = {
    "adwin", "ddm",          "eddm",  "hddm-a", "hddm-w",
    "kswin", "page-hinkley", "cusum", NULL}; /* mw_detector_kind */
static const char *const drift_formats[] = {"text", "json", "html", "junit", NULL};
static const char *const fair_formats[] = {"text", "json", "html", NULL};
static const char *const drift_profiles[] = {"millwright", "evidently", "nannyml", NULL};
static const char *const no_runtime[] = {"off", NULL};
static const char *const log_targets[] = {"off", "stdout", "stderr", NULL};
static const char *const markdown_pages[] = {"cli", "config", "errors", NULL};

enum { MS_PER_SECOND = 1000, MS_PER_HOUR = 3600 * MS_PER_SECOND };

const cli_option cli_options[CLI_N_OPTIONS] = {
    [CLI_HELP] = {.name = "help",
                  .letter = 'h',
                  .flag_only = true,
                  .kind = CLI_KIND_FLAG,
                  .help = "show how to use the command"},
    [CLI_VERSION] = {.name = "version",
                     .flag_only = true,
                     .kind = CLI_KIND_FLAG,
                     .help = "show the version"},
    [CLI_QUIET] = {.name = "quiet",
                   .letter = 'q',
                   .kind = CLI_KIND_FLAG,
                   .help = "no progress, hints or notices; warnings and errors only"},
    [CLI_VERBOSE] = {.name = "verbose",
                     .letter = 'v',
                     .kind = CLI_KIND_FLAG,
                     .help = "say more about what is done"},
    [CLI_NO_COLOR] = {.name = "no-color",
                      .kind = CLI_KIND_FLAG,
                      .help = "no colour, even on a terminal; NO_COLOR in the environment does the "
                              "same"},
    [CLI_CONFIG] = {.name = "config",
                    .kind = CLI_KIND_FILE,
                    .value = "FILE",
                    .help = "read settings from this YAML file as well"},
    [CLI_JSON] = {.name = "json",
                  .kind = CLI_KIND_FLAG,
                  .help = "result as JSON: one object, or one a line"},
    [CLI_OUTPUT] = {.name = "output",
                    .letter = 'o',
                    .kind = CLI_KIND_FILE,
                    .value = "FILE",
                    .auto_is = "standard output",
                    .help = "write the result to this file; it appears whole or not at all"},
    [CLI_ONNXRUNTIME] = {.name = "onnxruntime",
                         .kind = CLI_KIND_FILE,
                         .value = "PATH",
                         .auto_is = "the system's library folders, /opt/onnxruntime/lib, the "
                                    "Python environment in VIRTUAL_ENV",
                         .config = "server.onnxruntime",
                         .choices = no_runtime,
                         .help = "libonnxruntime.so or its folder, for ONNX models that are not "
                                 "read here; off: such models are refused"},
    [CLI_LISTEN] = {.name = "listen",
                    .kind = CLI_KIND_LISTEN,
                    .value = "ADDR:PORT",
                    .fallback = "127.0.0.1:8080",
                    .config = "server.listen",
                    .help = "where to listen: ADDR:PORT (port 0 picks a free one and prints it), "
                            "unix:PATH, or fd:NAME of a socket that systemd passes; behind it "
                            "',tls', ',plain', ',proxy' (a PROXY header comes first), ',mode=660'; "
                            "may be repeated"},
    [CLI_TLS_CERTIFICATE] = {.name = "tls-certificate",
                             .kind = CLI_KIND_FILE,
                             .value = "FILE",
                             .config = "tls.certificate",
                             .auto_is = "no TLS",
                             .help = "speak TLS with this certificate (PEM, the chain behind it) "
                                     "on TCP; read again on SIGHUP and when it changes"},
    [CLI_TLS_KEY] = {.name = "tls-key",
                     .kind = CLI_KIND_FILE,
                     .value = "FILE",
                     .config = "tls.key",
                     .auto_is = "in the certificate's file",
                     .help = "the certificate's private key (PEM, not encrypted)"},
    [CLI_TLS_CLIENTS] = {.name = "tls-clients",
                         .kind = CLI_KIND_CHOICE,
                         .value = "WHETHER",
                         .fallback = "off",
                         .config = "tls.clients",
                         .choices = tls_clients,
                         .help = "whether clients show a certificate of their own"},
    [CLI_TLS_CLIENT_CA] = {.name = "tls-client-ca",
                           .kind = CLI_KIND_FILE,
                           .value = "FILE",
                           .config = "tls.client_ca",
                           .help = "who may have signed clients' certificates (PEM; CRLs in it are "
                                   "heeded)"},
    [CLI_TLS_MIN_VERSION] = {.name = "tls-min-version",
                             .kind = CLI_KIND_CHOICE,
                             .value = "VERSION",
                             .fallback = "1.2",
                             .config = "tls.min_version",
                             .choices = tls_versions,
                             .help = "oldest version of TLS that is spoken"},
    [CLI_DATA] = {.name = "data",
                  .kind = CLI_KIND_FOLDER,
                  .value = "DIR",
                  .fallback = "./mw-data",
                  .config = "server.data",
                  .help = "folder for the server's state; made when it is missing"},
    [CLI_RECORD] = {.name = "record",
                    .kind = CLI_KIND_FOLDER,
                    .value = "DIR",
                    .auto_is = "no record is kept",
                    .config = "server.record",
                    .help = "the folder of experiments, runs, models and artifacts, for MLflow's "
                            "clients (MLFLOW_TRACKING_URI); serve makes it when it is missing"},
    [CLI_THREADS] = {.name = "threads",
                     .kind = CLI_KIND_COUNT,
                     .value = "N",
                     .auto_is = "the cores this process may use",
                     .config = "server.threads",
                     .min = 1,
                     .max = MW_LIMIT_THREADS,
                     .help = "threads that serve or predict"},
    [CLI_WORKERS] = {.name = "workers",
                     .kind = CLI_KIND_COUNT,
                     .value = "N",
                     .auto_is = "as many as threads",
                     .config = "server.workers",
                     .min = 1,
                     .max = MW_LIMIT_THREADS,
                     .help =
                         "threads for bodies of many rows, apart from those that take requests"},
    [CLI_DRAIN_SECONDS] = {.name = "drain-seconds",
                           .kind = CLI_KIND_SECONDS,
                           .value = "N",
                           .fallback = "30",
                           .config = "server.drain_seconds",
                           .min = 0,
                           .max = 3600,
                           .help = "how long a stopping server waits for requests in flight"},
    [CLI_MODELS] = {.name = "models",
                    .kind = CLI_KIND_FOLDER,
                    .value = "DIR",
                    .auto_is = "only models named at start",
                    .config = "server.models",
                    .help = "folder in which load requests may find further models"},
    [CLI_ALLOW_PUBLIC] = {.name = "allow-public",
                          .kind = CLI_KIND_FLAG,
                          .fallback = "false",
                          .config = "server.allow_public",
                          .help = "listen on an address that other machines can reach without "
                                  "asking who is there (see --auth); a proxy or network rules must "
                                  "guard it"},
    [CLI_AUTH] = {.name = "auth",
                  .kind = CLI_KIND_CHOICE,
                  .value = "WHETHER",
                  .auto_is = "off on addresses of this machine; elsewhere a record is not served "
                             "until it is said",
                  .config = "server.auth",
                  .choices = switches,
                  .help = "ask who is there: the users and tokens of the record"},
    [CLI_GUARDED] = {.name = "guarded",
                     .kind = CLI_KIND_TEXT,
                     .value = "NAMES",
                     .auto_is = "predictions are open",
                     .config = "server.guarded",
                     .help =
                         "with --auth on: whose predictions need a token, by the endpoint's name, "
                         "parted by commas; or 'all'"},
    [CLI_METRICS_AUTH] = {.name = "metrics-auth",
                          .kind = CLI_KIND_CHOICE,
                          .value = "WHETHER",
                          .fallback = "open",
                          .config = "server.metrics_auth",
                          .choices = doors,
                          .help = "with --auth on: whether /metrics needs a token"},
    [CLI_MAX_BODY] = {.name = "max-body",
                      .kind = CLI_KIND_SIZE,
                      .value = "SIZE",
                      .fallback = "16MiB",
                      .config = "server.max_body",
                      .min = 1024,
                      .max = 4 * MW_GIB,
                      .help = "largest request body; beyond it the answer is 413"},
    [CLI_MAX_ARTIFACT] = {.name = "max-artifact",
                          .kind = CLI_KIND_SIZE,
                          .value = "SIZE",
                          .fallback = "1GiB",
                          .config = "server.max_artifact",
                          .min = 1024,
                          .max = 4 * MW_GIB,
                          .help = "largest artifact of the record in one upload; it is held in "
                                  "memory while it arrives"},
    [CLI_MAX_CONNECTIONS] = {.name = "max-connections",
                             .kind = CLI_KIND_COUNT,
                             .value = "N",
                             .fallback = "10000",
                             .config = "server.max_connections",
                             .min = 1,
                             .max = 1000000,
                             .help = "open connections; beyond it the answer is 503"},
    [CLI_HEAD_TIMEOUT] = {.name = "head-timeout",
                          .kind = CLI_KIND_TIME,
                          .value = "TIME",
                          .fallback = "5s",
                          .config = "server.head_timeout",
                          .min = 10,
                          .max = MS_PER_HOUR,
                          .help = "time for a whole request head to arrive"},
    [CLI_BODY_TIMEOUT] = {.name = "body-timeout",
                          .kind = CLI_KIND_TIME,
                          .value = "TIME",
                          .fallback = "30s",
                          .config = "server.body_timeout",
                          .min = 10,
                          .max = MS_PER_HOUR,
                          .help = "time for a whole request body to arrive"},
    [CLI_IDLE_TIMEOUT] = {.name = "idle-timeout",
                          .kind = CLI_KIND_TIME,
                          .value = "TIME",
                          .fallback = "75s",
                          .config = "server.idle_timeout",
                          .min = 10,
                          .max = MS_PER_HOUR,
                          .help = "time a connection may stay open between requests"},
    [CLI_WRITE_TIMEOUT] = {.name = "write-timeout",
                           .kind = CLI_KIND_TIME,
                           .value = "TIME",
                           .fallback = "30s",
                           .config = "server.write_timeout",
                           .min = 10,
                           .max = MS_PER_HOUR,
                           .help = "time for a client to take a whole answer"},
    [CLI_CONTRACT] = {.name = "contract",
                      .kind = CLI_KIND_CHOICE,
                      .value = "WHICH",
                      .fallback = "keep",
                      .config = "server.contract",
                      .choices = contract_words,
                      .help = "refuse a model that would break the clients of the one it replaces; "
                              "warn: only tell"},
    [CLI_ADMISSION] = {.name = "admission",
                       .kind = CLI_KIND_CHOICE,
                       .value = "WHICH",
                       .fallback = "on",
                       .config = "server.admission",
                       .choices = switches,
                       .help = "refuse what would be answered too late (503); off: take all, "
                               "however long it waits"},
    [CLI_WATCH] = {.name = "watch",
                   .kind = CLI_KIND_CHOICE,
                   .value = "WHICH",
                   .fallback = "on",
                   .config = "server.watch",
                   .choices = switches,
                   .help = "watch inputs and outputs of every endpoint for drift (/drift)"},
    [CLI_LATENCY_BUDGET] = {.name = "latency-budget",
                            .kind = CLI_KIND_TIME,
                            .value = "TIME",
                            .fallback = "5s",
                            .config = "server.latency_budget",
                            .min = 1,
                            .max = MS_PER_HOUR,
                            .help = "time in which predictions should be answered; half of it may "
                                    "be waiting, and under overload a tenth"},
    [CLI_MAX_QUEUE] = {.name = "max-queue",
                       .kind = CLI_KIND_COUNT,
                       .value = "N",
                       .fallback = "256",
                       .config = "server.max_queue",
                       .min = 1,
                       .max = 1000000,
                       .help = "requests of an endpoint that may wait for a worker; beyond it the "
                               "answer is 503"},
    [CLI_CLIENT_RATE] = {.name = "client-rate",
                         .kind = CLI_KIND_COUNT,
                         .value = "N",
                         .auto_is = "no limit",
                         .config = "server.client_rate",
                         .min = 0,
                         .max = 1000000000,
                         .help = "predictions a second that one client may ask of an endpoint; "
                                 "beyond it the answer is 429; 0 is no limit"},
    [CLI_CLIENT_BURST] = {.name = "client-burst",
                          .kind = CLI_KIND_COUNT,
                          .value = "N",
                          .auto_is = "those of a second",
                          .config = "server.client_burst",
                          .min = 1,
                          .max = 1000000000,
                          .help = "how many of them it may ask at once"},
    [CLI_LOG_LEVEL] = {.name = "log-level",
                       .kind = CLI_KIND_CHOICE,
                       .value = "LEVEL",
                       .fallback = "info",
                       .config = "server.log_level",
                       .choices = log_levels,
                       .help = "what is logged on standard error; -q and -v go before it"},
    [CLI_ACCESS_LOG] = {.name = "access-log",
                        .kind = CLI_KIND_FILE,
                        .value = "FILE",
                        .fallback = "off",
                        .config = "access_log.to",
                        .choices = log_targets,
                        .help = "a line of JSON for each request, to this file, stdout or stderr; "
                                "SIGUSR1 and SIGHUP open the file again"},
    [CLI_ACCESS_LOG_SAMPLE] = {.name = "access-log-sample",
                               .kind = CLI_KIND_SHARE,
                               .value = "SHARE",
                               .fallback = "1",
                               .config = "access_log.sample",
                               .help = "share of the requests that are told; errors and slow ones "
                                       "always are"},
    [CLI_ACCESS_LOG_SLOW] = {.name = "access-log-slow",
                             .kind = CLI_KIND_TIME,
                             .value = "TIME",
                             .fallback = "1s",
                             .config = "access_log.slow",
                             .min = 1,
                             .max = MS_PER_HOUR,
                             .help = "from here on a request is slow"},
    [CLI_ACCESS_LOG_MASK] = {.name = "access-log-mask",
                             .kind = CLI_KIND_TEXT,
                             .value = "NAME,...",
                             .auto_is = "token, key, password, signature and their kin",
                             .config = "access_log.mask",
                             .help = "further query parameters and headers whose values are "
                                     "private: shown as ***, in logs and spans"},
    [CLI_ACCESS_LOG_HEADERS] = {.name = "access-log-headers",
                                .kind = CLI_KIND_TEXT,
                                .value = "NAME,...",
                                .auto_is = "none but User-Agent",
                                .config = "access_log.headers",
                                .help = "request headers to tell as well"},
    [CLI_OTLP] = {.name = "otlp",
                  .kind = CLI_KIND_TEXT,
                  .value = "URL",
                  .auto_is = "OTEL_EXPORTER_OTLP_ENDPOINT, else no spans",
                  .config = "trace.otlp",
                  .help = "send spans to this collector by OTLP over HTTP: http(s)://HOST:4318"},
    [CLI_TRACE_SAMPLE] = {.name = "trace-sample",
                          .kind = CLI_KIND_SHARE,
                          .value = "SHARE",
                          .auto_is = "OTEL_TRACES_SAMPLER, else 1",
                          .config = "trace.sample",
                          .help = "share of the traces that begin here; others follow the flag of "
                                  "their traceparent"},
    [CLI_SERVICE_NAME] = {.name = "service-name",
                          .kind = CLI_KIND_TEXT,
                          .value = "NAME",
                          .auto_is = "OTEL_SERVICE_NAME, else millwright",
                          .config = "trace.service_name",
                          .help = "name of this server in traces"},
    [CLI_INPUT] = {.name = "input",
                   .letter = 'i',
                   .kind = CLI_KIND_FILE,
                   .value = "FILE",
                   .help = "rows to read; - is standard input"},
    [CLI_FORMAT] = {.name = "format",
                    .kind = CLI_KIND_CHOICE,
                    .value = "FORMAT",
                    .auto_is = "told from the file's name, then from its content",
                    .choices = row_formats,
                    .help = "format of the rows"},
    [CLI_RAW] = {.name = "raw",
                 .kind = CLI_KIND_FLAG,
                 .help = "margins (raw scores) instead of predictions"},
    [CLI_EXPLAIN_FORMAT] = {.name = "format",
                            .flag_only = true, /* MW_FORMAT is that of the rows */
                            .kind = CLI_KIND_CHOICE,
                            .value = "FORMAT",
                            .fallback = "csv",
                            .choices = explain_formats,
                            .help = "format of the result"},
    [CLI_TOP] = {.name = "top",
                 .kind = CLI_KIND_COUNT,
                 .value = "K",
                 .auto_is = "5 in text, all in json",
                 .min = 1,
                 .max = 1000000,
                 .help = "the K features that moved a row most, the others in one sum"},
    [CLI_BACKGROUND] = {.name = "background",
                        .flag_only = true,
                        .kind = CLI_KIND_FILE,
                        .value = "FILE",
                        .auto_is = "the training rows, as the model's covers tell of them",
                        .help = "rows that stand for the usual: compare with their mean, instead "
                                "of that over the training rows"},
    [CLI_SCALE] = {.name = "scale",
                   .flag_only = true,
                   .kind = CLI_KIND_CHOICE,
                   .value = "SCALE",
                   .fallback = "margin",
                   .choices = explain_scales,
                   .help = "what the values add up to; probability needs --background"},
    [CLI_REPORT_FORMAT] = {.name = "format",
                           .flag_only = true,
                           .kind = CLI_KIND_CHOICE,
                           .value = "FORMAT",
                           .fallback = "text",
                           .choices = report_formats,
                           .help = "format of the result"},
    [CLI_TARGET] = {.name = "target",
                    .flag_only = true,
                    .kind = CLI_KIND_TEXT,
                    .value = "COLUMN",
                    .help = "column of the rows that tells what came true: a number, or a class "
                            "by its number or label"},
    [CLI_IMPORTANCE_KIND] = {.name = "kind",
                             .flag_only = true,
                             .kind = CLI_KIND_CHOICE,
                             .value = "KIND",
                             .auto_is = "permutation with a target, shap with rows, else gain",
                             .choices = importance_kinds,
                             .help = "what makes a feature important; split is another word for "
                                     "weight"},
    [CLI_METRIC] = {.name = "metric",
                    .flag_only = true,
                    .kind = CLI_KIND_CHOICE,
                    .value = "METRIC",
                    .auto_is = "auc for two classes, logloss for more, rmse for numbers",
                    .choices = metrics,
                    .help = "what permutation watches"},
    [CLI_REPEATS] = {.name = "repeats",
                     .flag_only = true,
                     .kind = CLI_KIND_COUNT,
                     .value = "N",
                     .fallback = "5",
                     .min = 1,
                     .max = 1000,
                     .help = "shuffles of each column; their spread gives the interval"},
    [CLI_SEED] = {.name = "seed",
                  .flag_only = true,
                  .kind = CLI_KIND_COUNT,
                  .value = "N",
                  .fallback = "0",
                  .min = 0,
                  .max = UINT64_MAX,
                  .help = "where chance begins: the same seed gives the same result"},
    [CLI_ROTATE] = {.name = "rotate",
                    .flag_only = true,
                    .kind = CLI_KIND_COUNT,
                    .value = "N",
                    .auto_is = "shuffled",
                    .min = 1,
                    .max = UINT32_MAX,
                    .help = "without chance: repeat k moves a column down by k times N rows"},
    [CLI_FEATURE] = {.name = "feature",
                     .flag_only = true,
                     .kind = CLI_KIND_TEXT,
                     .value = "NAME",
                     .help = "the feature to draw the curve for"},
    [CLI_CURVE_KIND] =
        {.name = "kind",
         .flag_only = true,
         .kind = CLI_KIND_CHOICE,
         .value = "KIND",
         .fallback = "pdp",
         .choices = curve_kinds,
         .help = "mean over rows (pdp), a curve a row (ice), or accumulated local effects (ale)"},
    [CLI_GRID] = {.name = "grid",
                  .flag_only = true,
                  .kind = CLI_KIND_TEXT,
                  .value = "GRID",
                  .auto_is = "exact for pdp, 100 for ice, quantile:20 for ale",
                  .help = "where: exact, a number of points between the 5th and the 95th "
                          "percentile, quantile:N, or the values themselves: 20,30,missing"},
    [CLI_CENTRED] = {.name = "centred",
                     .flag_only = true,
                     .kind = CLI_KIND_FLAG,
                     .help = "ice: each curve begins at 0"},
    [CLI_WANT] = {.name = "want",
                  .flag_only = true,
                  .kind = CLI_KIND_TEXT,
                  .value = "WANT",
                  .help = "'>=0.5', '<0.5', a range 10..20, or a class of the model"},
    [CLI_IMMUTABLE] = {.name = "immutable",
                       .flag_only = true,
                       .kind = CLI_KIND_TEXT,
                       .value = "NAME,...",
                       .help = "features that cannot change"},
    [CLI_UP] = {.name = "up",
                .flag_only = true,
                .kind = CLI_KIND_TEXT,
                .value = "NAME,...",
                .help = "features that can only rise"},
    [CLI_DOWN] = {.name = "down",
                  .flag_only = true,
                  .kind = CLI_KIND_TEXT,
                  .value = "NAME,...",
                  .help = "features that can only fall"},
    [CLI_RANGE] = {.name = "range",
                   .flag_only = true,
                   .kind = CLI_KIND_TEXT,
                   .value = "NAME=LOW:HIGH,...",
                   .help = "where new values may lie; an end may be left out"},
    [CLI_STEP] = {.name = "step",
                  .flag_only = true,
                  .kind = CLI_KIND_TEXT,
                  .value = "NAME=STEP,...",
                  .auto_is = "1 where all values are whole, else round numbers",
                  .help = "new values are multiples of this; 0 lets them be any"},
    [CLI_COSTS] = {.name = "costs",
                   .flag_only = true,
                   .kind = CLI_KIND_TEXT,
                   .value = "NAME=COST,...",
                   .auto_is = "1 each",
                   .help = "what a change of one scale costs"},
    [CLI_REFERENCE] =
        {.name = "reference",
         .flag_only = true,
         .kind = CLI_KIND_FILE,
         .value = "FILE",
         .auto_is = "scales from the thresholds of the model",
         .help = "rows like those the model was trained on: scales, and the range of new values"},
    [CLI_MAX_FEATURES] = {.name = "max-features",
                          .flag_only = true,
                          .kind = CLI_KIND_COUNT,
                          .value = "K",
                          .fallback = "3",
                          .min = 1,
                          .max = 64,
                          .help = "features that may change together"},
    [CLI_COUNT] = {.name = "count",
                   .flag_only = true,
                   .kind = CLI_KIND_COUNT,
                   .value = "N",
                   .fallback = "1",
                   .min = 1,
                   .max = 20,
                   .help = "answers; a later one does not change all that an earlier one does"},
    [CLI_GAP] = {.name = "gap",
                 .flag_only = true,
                 .kind = CLI_KIND_TEXT,
                 .value = "X",
                 .auto_is = "just beyond",
                 .help = "how far beyond a threshold new values are, in scales"},
    [CLI_BUDGET] = {.name = "budget",
                    .flag_only = true,
                    .kind = CLI_KIND_TIME,
                    .value = "TIME",
                    .fallback = "5s",
                    .min = 1,
                    .max = MS_PER_HOUR,
                    .help =
                        "time for each answer; then the best one found is given, without a proof"},
    [CLI_REASON_FORMAT] = {.name = "format",
                           .flag_only = true,
                           .kind = CLI_KIND_CHOICE,
                           .value = "FORMAT",
                           .fallback = "text",
                           .choices = reason_formats,
                           .help = "format of the result"},
    [CLI_DICTIONARY] = {.name = "dictionary",
                        .flag_only = true,
                        .kind = CLI_KIND_FILE,
                        .value = "FILE",
                        .help = "what people call the features (YAML)"},
    [CLI_ADVERSE] = {.name = "adverse",
                     .flag_only = true,
                     .kind = CLI_KIND_CHOICE,
                     .value = "SIDE",
                     .auto_is = "both sides",
                     .choices = sides,
                     .help = "only what moves the score to this side"},
    [CLI_INTERACTIONS] = {.name = "interactions",
                          .flag_only = true,
                          .kind = CLI_KIND_FLAG,
                          .help = "what pairs of features moved together, beyond what each moved "
                                  "alone"},
    [CLI_ONCE] = {.name = "once",
                  .kind = CLI_KIND_FLAG,
                  .help = "end after about five seconds; exit 0 when no request failed"},
    [CLI_SPEED] = {.name = "speed",
                   .kind = CLI_KIND_COUNT,
                   .value = "N",
                   .fallback = "1",
                   .min = 1,
                   .max = 1000,
                   .help = "traffic, in steps of 1,000 requests a second"},
    [CLI_EXAMPLES] = {.name = "examples",
                      .kind = CLI_KIND_FOLDER,
                      .value = "DIR",
                      .auto_is = "the examples that came with the program",
                      .help = "folder with rows (*.csv) and models of the same names in models/"},
    [CLI_SERVER] = {.name = "server",
                    .flag_only = true,
                    .kind = CLI_KIND_TEXT,
                    .value = "ADDRESS",
                    .fallback = "127.0.0.1:8080",
                    .help = "the running server: HOST:PORT, https://HOST:PORT or unix:PATH"},
    [CLI_HEADER] = {.name = "header",
                    .flag_only = true,
                    .repeats = true,
                    .kind = CLI_KIND_TEXT,
                    .value = "LINE",
                    .auto_is = "none",
                    .help = "say 'Name: value' with each request; may be repeated"},
    [CLI_CACERT] = {.name = "cacert",
                    .flag_only = true,
                    .kind = CLI_KIND_FILE,
                    .value = "FILE",
                    .auto_is = "those that the system trusts",
                    .help = "who may have signed the server's certificate (PEM)"},
    [CLI_INSECURE] = {.name = "insecure",
                      .flag_only = true,
                      .kind = CLI_KIND_FLAG,
                      .help = "take any certificate of the server: who listens may be anyone"},
    [CLI_ROWS] = {.name = "rows",
                  .flag_only = true,
                  .kind = CLI_KIND_COUNT,
                  .value = "N",
                  .fallback = "1",
                  .min = 1,
                  .max = 100000,
                  .help = "rows in each request"},
    [CLI_LOAD_PROTOCOL] = {.name = "protocol",
                           .flag_only = true,
                           .kind = CLI_KIND_CHOICE,
                           .value = "NAME",
                           .fallback = "mlflow",
                           .choices = load_protocols,
                           .help = "how requests are written: MLflow's invocations, the Open "
                                   "Inference Protocol as JSON or with binary tensors, KServe V1"},
    [CLI_RATES] = {.name = "rates",
                   .flag_only = true,
                   .kind = CLI_KIND_TEXT,
                   .value = "N,N...",
                   .auto_is = "a climb up to what the server reaches when pressed, and beyond",
                   .help = "requests a second of each step"},
    [CLI_DURATION] = {.name = "duration",
                      .flag_only = true,
                      .kind = CLI_KIND_TIME,
                      .value = "TIME",
                      .fallback = "3s",
                      .min = 100,
                      .max = MS_PER_HOUR,
                      .help = "how long each step is measured, after a quarter of it unmeasured"},
    [CLI_CONNECTIONS] = {.name = "connections",
                         .flag_only = true,
                         .kind = CLI_KIND_COUNT,
                         .value = "N",
                         .fallback = "64",
                         .min = 1,
                         .max = 100000,
                         .help = "connections that requests are sent on"},
    [CLI_ARRIVALS] = {.name = "arrivals",
                      .flag_only = true,
                      .kind = CLI_KIND_CHOICE,
                      .value = "LAW",
                      .fallback = "poisson",
                      .choices = arrivals,
                      .help = "when requests are due: by chance as from many clients, or evenly"},
    [CLI_TIMEOUT] = {.name = "timeout",
                     .flag_only = true,
                     .kind = CLI_KIND_TIME,
                     .value = "TIME",
                     .fallback = "2s",
                     .min = 1,
                     .max = MS_PER_HOUR,
                     .help = "a request that is not answered so long after it was due has failed"},
    [CLI_OBJECTIVE] = {.name = "objective",
                       .flag_only = true,
                       .kind = CLI_KIND_TIME,
                       .value = "TIME",
                       .auto_is = "5 times the median of a quiet server, at least 1ms",
                       .min = 1,
                       .max = MS_PER_HOUR,
                       .help = "p99 that the server must keep to"},
    [CLI_REF] = {.name = "ref",
                 .flag_only = true,
                 .kind = CLI_KIND_FILE,
                 .value = "FILE",
                 .help = "CSV of the rows that are as they should be"},
    [CLI_CUR] = {.name = "cur",
                 .flag_only = true,
                 .kind = CLI_KIND_FILE,
                 .value = "FILE",
                 .help = "CSV of the rows that are asked about"},
    [CLI_DRIFT_FORMAT] = {.name = "format",
                          .flag_only = true,
                          .kind = CLI_KIND_CHOICE,
                          .value = "FORMAT",
                          .fallback = "text",
                          .choices = drift_formats,
                          .help = "form of the report; junit is what CI servers read"},
    [CLI_DRIFT_METHOD] = {.name = "method",
                          .flag_only = true,
                          .kind = CLI_KIND_TEXT,
                          .value = "METHOD",
                          .fallback = "auto",
                          .help = "auto, ks, wasserstein, js, psi, chi2, z, hellinger, linf, tv "
                                  "or kl; several, with commas: each column takes the first that "
                                  "fits it"},
    [CLI_DRIFT_PROFILE] = {.name = "profile",
                           .flag_only = true,
                           .kind = CLI_KIND_CHOICE,
                           .value = "PROFILE",
                           .fallback = "millwright",
                           .choices = drift_profiles,
                           .help = "whose choice of methods, bins and thresholds"},
    [CLI_DRIFT_BINS] = {.name = "bins",
                        .flag_only = true,
                        .kind = CLI_KIND_TEXT,
                        .value = "BINS",
                        .auto_is = "the profile's; 10 quantiles for millwright",
                        .help = "of number columns: quantiles, evidently, nannyml, or a number of "
                                "quantiles"},
    [CLI_THRESHOLD] = {.name = "threshold",
                       .flag_only = true,
                       .kind = CLI_KIND_TEXT,
                       .value = "NUMBER",
                       .auto_is = "0.1 for distances (psi 0.2), alpha for tests",
                       .help = "a distance from here on, or a p-value below, is drift"},
    [CLI_ALPHA] = {.name = "alpha",
                   .flag_only = true,
                   .kind = CLI_KIND_SHARE,
                   .value = "LEVEL",
                   .fallback = "0.05",
                   .help = "level of the tests"},
    [CLI_DRIFT_SHARE] = {.name = "drift-share",
                         .flag_only = true,
                         .kind = CLI_KIND_SHARE,
                         .value = "SHARE",
                         .auto_is = "one feature is enough; 0.5 for evidently",
                         .help = "the data set drifted when this share of its features did"},
    [CLI_COLUMNS] = {.name = "columns",
                     .flag_only = true,
                     .kind = CLI_KIND_TEXT,
                     .value = "NAMES",
                     .auto_is = "all",
                     .help = "look at these columns only, names parted by commas"},
    [CLI_COLUMN] = {.name = "column",
                    .flag_only = true,
                    .kind = CLI_KIND_TEXT,
                    .value = "NAME",
                    .auto_is = "the only one",
                    .help = "column to watch"},
    [CLI_DETECTOR] = {.name = "detector",
                      .flag_only = true,
                      .kind = CLI_KIND_CHOICE,
                      .value = "DETECTOR",
                      .fallback = "adwin",
                      .choices = detectors,
                      .help = "adwin, kswin, page-hinkley and cusum take any numbers, hddm-a and "
                              "hddm-w values between 0 and 1, ddm and eddm errors: 0 and 1"},
    [CLI_CATEGORICAL] = {.name = "categorical",
                         .flag_only = true,
                         .kind = CLI_KIND_TEXT,
                         .value = "NAMES",
                         .help = "columns of numbers that stand for categories"},
    [CLI_ROLE] = {.name = "role",
                  .flag_only = true,
                  .kind = CLI_KIND_CHOICE,
                  .value = "ROLE",
                  .choices = roles,
                  .help = "what may be done: each role includes those before it"},
    [CLI_OF_EXPERIMENT] = {.name = "experiment",
                           .flag_only = true,
                           .kind = CLI_KIND_TEXT,
                           .value = "NAME",
                           .auto_is = "everything",
                           .help = "only in this experiment (name or id)"},
    [CLI_OF_MODEL] = {.name = "model",
                      .flag_only = true,
                      .kind = CLI_KIND_TEXT,
                      .value = "NAME",
                      .auto_is = "everything",
                      .help = "only on this registered model"},
    [CLI_OF_ENDPOINT] = {.name = "endpoint",
                         .flag_only = true,
                         .kind = CLI_KIND_TEXT,
                         .value = "NAME",
                         .auto_is = "everything",
                         .help = "only on this endpoint"},
    [CLI_PASSWORD_STDIN] = {.name = "password-stdin",
                            .flag_only = true,
                            .kind = CLI_KIND_FLAG,
                            .help = "read the password from the first line of standard input, "
                                    "instead of asking for it"},
    [CLI_EXPIRES] = {.name = "expires",
                     .flag_only = true,
                     .kind = CLI_KIND_TEXT,
                     .value = "TIME",
                     .fallback = "90d",
                     .help = "until when it is good: 12h, 90d, 2027-01-31, or never"},
    [CLI_SINCE] = {.name = "since",
                   .flag_only = true,
                   .kind = CLI_KIND_TEXT,
                   .value = "TIME",
                   .auto_is = "the beginning",
                   .help = "from then on: 7d ago is 7d; or 2027-01-31, 2027-01-31T12:00:00Z"},
    [CLI_WHO] = {.name = "who",
                 .flag_only = true,
                 .kind = CLI_KIND_TEXT,
                 .value = "NAME",
                 .auto_is = "anybody",
                 .help = "by this actor: ada, token:ci, local:root"},
    [CLI_WHAT] = {.name = "what",
                  .flag_only = true,
                  .kind = CLI_KIND_TEXT,
                  .value = "ACTION",
                  .auto_is = "anything",
                  .help = "actions that begin so: alias, version.create"},
    [CLI_ENTRIES] = {.name = "limit",
                     .flag_only = true,
                     .kind = CLI_KIND_COUNT,
                     .value = "N",
                     .fallback = "100",
                     .min = 1,
                     .max = 10000000,
                     .help = "so many at most, the newest first"},
    [CLI_HEAD] = {.name = "head",
                  .flag_only = true,
                  .kind = CLI_KIND_TEXT,
                  .value = "HASH",
                  .auto_is = "none",
                  .help = "a head that was kept elsewhere: it must be in the log"},
    [CLI_FAIR_DATA] = {.name = "data",
                       .flag_only = true,
                       .kind = CLI_KIND_FILE,
                       .value = "FILE",
                       .help = "CSV with a row a decision, .gz too"},
    [CLI_FAIR_LABEL] = {.name = "label",
                        .flag_only = true,
                        .kind = CLI_KIND_TEXT,
                        .value = "COLUMN",
                        .help = "what was true: 1 is positive, 0 negative"},
    [CLI_FAIR_SCORE] = {.name = "score",
                        .flag_only = true,
                        .kind = CLI_KIND_TEXT,
                        .value = "COLUMN",
                        .help = "what the model said; or a decision of 0 and 1"},
    [CLI_FAIR_THRESHOLD] = {.name = "threshold",
                            .flag_only = true,
                            .kind = CLI_KIND_TEXT,
                            .value = "SCORE",
                            .fallback = "0.5",
                            .help = "selected is who scores so much or more"},
    [CLI_FAIR_GROUPS] = {.name = "groups",
                         .flag_only = true,
                         .kind = CLI_KIND_TEXT,
                         .value = "COLUMNS",
                         .help = "columns that tell groups, with commas; 'sex*race' crosses two "
                                 "('sex|race' is the same), up to three"},
    [CLI_FAIR_POSITIVE] = {.name = "positive",
                           .flag_only = true,
                           .kind = CLI_KIND_TEXT,
                           .value = "LABEL",
                           .auto_is = "1",
                           .help = "the label that is positive, where labels are not 0 and 1"},
    [CLI_FAIR_WEIGHT] = {.name = "weight",
                         .flag_only = true,
                         .kind = CLI_KIND_TEXT,
                         .value = "COLUMN",
                         .help = "weight of each row; no AUC, no exact tests then"},
    [CLI_FAIR_REPEATS] = {.name = "repeats",
                          .flag_only = true,
                          .kind = CLI_KIND_TEXT,
                          .value = "COLUMN",
                          .help = "how many equal rows each one stands for: tables of counts"},
    [CLI_FAIR_SUITE] = {.name = "suite",
                        .flag_only = true,
                        .kind = CLI_KIND_FILE,
                        .value = "FILE",
                        .help = "YAML with limits; without, nothing is judged"},
    [CLI_FAIR_ZERO_DIVISION] = {.name = "zero-division",
                                .flag_only = true,
                                .kind = CLI_KIND_TEXT,
                                .value = "NUMBER",
                                .auto_is = "such a rate is left out",
                                .help = "what a rate is that is not defined; 0 does as "
                                        "scikit-learn and Fairlearn do"},
    [CLI_FAIR_FORMAT] = {.name = "format",
                         .flag_only = true,
                         .kind = CLI_KIND_CHOICE,
                         .value = "FORMAT",
                         .fallback = "text",
                         .choices = fair_formats,
                         .help = "form of the report"},
    [CLI_ARTIFACTS] = {.name = "artifacts",
                       .flag_only = true,
                       .kind = CLI_KIND_FOLDER,
                       .value = "DIR",
                       .auto_is = "none are copied from mlflow-artifacts: places",
                       .help = "what MLflow's server was given as --artifacts-destination"},
    [CLI_INTERVAL] = {.name = "interval",
                      .flag_only = true,
                      .kind = CLI_KIND_TIME,
                      .value = "TIME",
                      .fallback = "1s",
                      .min = 50,
                      .max = MS_PER_HOUR,
                      .help = "how long to look"},
    [CLI_LINEAGE_FORMAT] = {.name = "format",
                            .flag_only = true,
                            .kind = CLI_KIND_CHOICE,
                            .value = "FORMAT",
                            .fallback = "text",
                            .choices = lineage_formats,
                            .help = "format of the result"},
    [CLI_NAME] = {.name = "name",
                  .flag_only = true,
                  .kind = CLI_KIND_TEXT,
                  .value = "NAME",
                  .auto_is = "the file's name",
                  .help = "call the data set so"},
    [CLI_DRY_RUN] = {.name = "dry-run",
                     .flag_only = true,
                     .kind = CLI_KIND_FLAG,
                     .help = "only tell what would be removed; also beside a running server"},
    [CLI_GRACE] = {.name = "grace",
                   .flag_only = true,
                   .kind = CLI_KIND_SECONDS,
                   .value = "TIME",
                   .fallback = "14d",
                   .max = 315360000,
                   .help = "keep what was stored within this time: an upload that goes on"},
    [CLI_ORIGIN] = {.name = "origin",
                    .kind = CLI_KIND_FLAG,
                    .help = "show where each value came from"},
    [CLI_MAN] = {.name = "man",
                 .flag_only = true,
                 .kind = CLI_KIND_FLAG,
                 .help = "write the man page (mdoc)"},
    [CLI_MARKDOWN] = {.name = "markdown",
                      .flag_only = true,
                      .kind = CLI_KIND_CHOICE,
                      .value = "PAGE",
                      .choices = markdown_pages,
                      .help = "write a page of the reference"},
};

cli_option_id cli_option_named(mw_view name)
{
    int id = 0;
    while (id < CLI_N_OPTIONS && !mw_view_is(name, cli_options[id].name))
        id++;
    return (cli_option_id)id;
}

cli_option_id cli_option_namesake(cli_option_id id)
{
    int next = (int)id + 1;
    while (next < CLI_N_OPTIONS && strcmp(cli_options[next].name, cli_options[id].name) != 0)
        next++;
    return (cli_option_id)next;
}

cli_option_id cli_option_lettered(char letter)
{
    int id = 0;
    while (id < CLI_N_OPTIONS && (cli_options[id].letter != letter || !letter))
        id++;
    return (cli_option_id)id;
}

mw_view cli_option_section(const cli_option *option)
{
    if (!option->config)
        return (mw_view){NULL, 0};
    return (mw_view){option->config, (size_t)(strchr(option->config, '.') - option->config)};
}

const char *cli_option_key(const cli_option *option)
{
    return option->config ? strchr(option->config, '.') + 1 : "";
}

cli_option_id cli_option_configured(mw_view section, mw_view key)
{
    for (int id = 0; id < CLI_N_OPTIONS; id++) {
        const cli_option *option = &cli_options[id];
        if (option->config && mw_view_equal(cli_option_section(option), section) &&
            mw_view_is(key, cli_option_key(option)))
            return (cli_option_id)id;
    }
    return CLI_N_OPTIONS;
}

static void write_capitals(mw_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '.')
            mw_buf_text(out, "__");
        else if (*text == '-')
            mw_buf_char(out, '_');
        else
            mw_buf_char(out, *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text);
    }
}

void cli_option_environment(const cli_option *option, mw_buf *ret_alias, mw_buf *ret_canonical)
{
    mw_buf_reset(ret_alias);
    mw_buf_reset(ret_canonical);
    if (option->flag_only)
        return;
    mw_buf_text(ret_alias, "MW_");
    write_capitals(ret_alias, option->name);
    if (!option->config)
        return;
    mw_buf_text(ret_canonical, "MW_");
    write_capitals(ret_canonical, option->config);
}

/* The largest unit that divides the value. */
static void write_in_units(mw_buf *out, uint64_t value, const char *const *names,
                           const uint64_t *sizes, size_t n_units)
{
    size_t unit = 0;
    for (size_t i = 1; i < n_units; i++)
        if (value > 0 && value % sizes[i] == 0)
            unit = i;
    mw_buf_format(out, "%llu%s", (unsigned long long)(value / sizes[unit]), names[unit]);
}

void cli_write_size(mw_buf *out, uint64_t bytes)
{
    static const char *const names[] = {"", "KiB", "MiB", "GiB"};
    static const uint64_t sizes[] = {1, MW_KIB, MW_MIB, MW_GIB};
    write_in_units(out, bytes, names, sizes, MW_COUNT(sizes));
}

void cli_write_time(mw_buf *out, uint64_t ms)
{
    static const char *const names[] = {"ms", "s", "m", "h"};
    static const uint64_t sizes[] = {1, MS_PER_SECOND, 60 * MS_PER_SECOND, MS_PER_HOUR};
    write_in_units(out, ms, names, sizes, MW_COUNT(sizes));
}

/* Many choices are parted by blanks, where help may begin a new line. */
static void write_choices(const char *const *choices, mw_buf *out)
{
    enum { MANY = 5 };
    size_t count = 0;
    while (choices[count])
        count++;
    for (size_t i = 0; i < count; i++)
        mw_buf_format(out, "%s%s", i == 0 ? "" : count > MANY ? ", " : "|", choices[i]);
}

void cli_option_range(const cli_option *option, mw_buf *out)
{
    switch (option->kind) {
    case CLI_KIND_FLAG:
        mw_buf_text(out, "true or false");
        break;
    case CLI_KIND_TEXT:
    case CLI_KIND_FILE:
    case CLI_KIND_FOLDER:
        break;
    case CLI_KIND_LISTEN:
        mw_buf_text(out, "ADDR:PORT, :PORT, PORT, ADDR, unix:PATH or fd:NAME");
        break;
    case CLI_KIND_COUNT:
    case CLI_KIND_SECONDS:
        mw_buf_format(out, "%llu..%llu", (unsigned long long)option->min,
                      (unsigned long long)option->max);
        break;
    case CLI_KIND_SIZE:
        cli_write_size(out, option->min);
        mw_buf_text(out, "..");
        cli_write_size(out, option->max);
        break;
    case CLI_KIND_TIME:
        cli_write_time(out, option->min);
        mw_buf_text(out, "..");
        cli_write_time(out, option->max);
        break;
    case CLI_KIND_SHARE:
        mw_buf_text(out, "0..1");
        break;
    case CLI_KIND_CHOICE:
        write_choices(option->choices, out);
        break;
    }
}
