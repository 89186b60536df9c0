/* The command table: every command, argument and option stands here once.
 *
 *     options[] ----> parse.c (flags)   settings.c (environment)   config.c (YAML keys)
 *     commands[] ---> help.c   man.c   markdown.c   completion.c   schema.c
 *
 * A new option: add an id below and a row in options.c; name it in the mask of the commands that
 * take it. A new command: write command_<name>.c and add a row in commands.c. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/base.h"

/* ---- options --------------------------------------------------------------------------------- */

typedef enum cli_kind {
    CLI_KIND_FLAG,    /* true or false; on the command line its presence is true */
    CLI_KIND_TEXT,    /* anything */
    CLI_KIND_FILE,    /* a path; "-" may mean a standard stream */
    CLI_KIND_FOLDER,  /* a path */
    CLI_KIND_LISTEN,  /* ADDR:PORT, :PORT, PORT, ADDR, unix:PATH or fd:NAME, with ",tls" and its
                         like;  several, parted by blanks; a flag that is repeated adds */
    CLI_KIND_COUNT,   /* a whole number */
    CLI_KIND_SIZE,    /* bytes: 16MiB, 1.5GB, 4096 */
    CLI_KIND_TIME,    /* milliseconds: 500ms, 10s, 2m; the unit is needed */
    CLI_KIND_SECONDS, /* seconds: 30, 30s, 2m */
    CLI_KIND_SHARE,   /* 0..1; the number is in billionths */
    CLI_KIND_CHOICE   /* one of `choices`; the number is its index */
} cli_kind;

typedef enum cli_option_id {
    /* everywhere */
    CLI_HELP,
    CLI_VERSION,
    CLI_QUIET,
    CLI_VERBOSE,
    CLI_NO_COLOR,
    /* shared */
    CLI_CONFIG,
    CLI_JSON,
    CLI_OUTPUT,
    CLI_ONNXRUNTIME,
    /* serve */
    CLI_LISTEN,
    CLI_TLS_CERTIFICATE,
    CLI_TLS_KEY,
    CLI_TLS_CLIENTS,
    CLI_TLS_CLIENT_CA,
    CLI_TLS_MIN_VERSION,
    CLI_DATA,
    CLI_RECORD,
    CLI_ARTIFACT_STORE,
    CLI_ARTIFACT_CACHE,
    CLI_ARTIFACT_DIRECT,
    CLI_STORE,
    CLI_THREADS,
    CLI_WORKERS,
    CLI_DRAIN_SECONDS,
    CLI_MODELS,
    CLI_ALLOW_PUBLIC,
    CLI_ALLOW_HOST,
    CLI_AUTH,
    CLI_GUARDED,
    CLI_METRICS_AUTH,
    CLI_BASE_PATH,
    CLI_MAX_BODY,
    CLI_MAX_ARTIFACT,
    CLI_WEBHOOKS,
    CLI_MAX_CONNECTIONS,
    CLI_HEAD_TIMEOUT,
    CLI_BODY_TIMEOUT,
    CLI_IDLE_TIMEOUT,
    CLI_WRITE_TIMEOUT,
    CLI_CONTRACT,
    CLI_SHARED_MEMORY,
    CLI_ADMISSION,
    CLI_WATCH,
    CLI_ALERTS,
    CLI_WATCH_CONTRIBUTIONS,
    CLI_WATCH_REFERENCE, /* --reference of serve */
    CLI_LATENCY_BUDGET,
    CLI_MAX_QUEUE,
    CLI_CLIENT_RATE,
    CLI_CLIENT_BURST,
    CLI_LOG_LEVEL,
    CLI_ACCESS_LOG,
    CLI_ACCESS_LOG_SAMPLE,
    CLI_ACCESS_LOG_SLOW,
    CLI_ACCESS_LOG_MASK,
    CLI_ACCESS_LOG_HEADERS,
    CLI_OTLP,
    CLI_TRACE_SAMPLE,
    CLI_SERVICE_NAME,
    /* predict */
    CLI_INPUT,
    CLI_FORMAT,
    CLI_RAW,
    /* explain */
    CLI_EXPLAIN_FORMAT, /* --format too, but of the result */
    CLI_TOP,
    CLI_BACKGROUND,
    CLI_SCALE,
    /* importance, and its kin */
    CLI_REPORT_FORMAT, /* --format once more: of a table, for people first */
    CLI_TARGET,
    CLI_IMPORTANCE_KIND, /* --kind */
    CLI_METRIC,
    CLI_REPEATS,
    CLI_SEED,
    CLI_ROTATE,
    /* dependence */
    CLI_FEATURE,
    CLI_CURVE_KIND, /* --kind */
    CLI_GRID,
    CLI_CENTRED,
    /* counterfactual */
    CLI_WANT,
    CLI_IMMUTABLE,
    CLI_UP,
    CLI_DOWN,
    CLI_RANGE,
    CLI_STEP,
    CLI_COSTS,
    CLI_REFERENCE,
    CLI_MAX_FEATURES,
    CLI_COUNT,
    CLI_GAP,
    CLI_BUDGET,
    /* reasons */
    CLI_REASON_FORMAT, /* --format: text or json */
    CLI_DICTIONARY,
    CLI_ADVERSE,
    CLI_INTERACTIONS,
    /* demo */
    CLI_ONCE,
    CLI_SPEED,
    CLI_EXAMPLES,
    /* capacity bench */
    CLI_SERVER,
    CLI_HEADER,
    CLI_CACERT,
    CLI_INSECURE,
    CLI_ROWS,
    CLI_LOAD_PROTOCOL, /* --protocol */
    CLI_RATES,
    CLI_DURATION,
    CLI_CONNECTIONS,
    CLI_ARRIVALS,
    CLI_TIMEOUT,
    CLI_OBJECTIVE,
    /* drift check */
    CLI_REF,
    CLI_CUR,
    CLI_DRIFT_FORMAT,  /* --format: of a report */
    CLI_DRIFT_METHOD,  /* --method */
    CLI_DRIFT_PROFILE, /* --profile */
    CLI_DRIFT_BINS,    /* --bins */
    CLI_THRESHOLD,
    CLI_ALPHA,
    CLI_DRIFT_SHARE,
    CLI_JOINT,
    CLI_MMD,
    CLI_COLUMNS,
    CLI_COLUMN,   /* drift stream */
    CLI_DETECTOR, /* drift stream */
    CLI_ARL,
    CLI_SIDES,
    CLI_CATEGORICAL,
    /* alert */
    CLI_ALERT_STATE, /* --state */
    CLI_ALERT_FOR,   /* --for */
    CLI_WHY,
    /* user, token */
    CLI_ROLE,
    CLI_OF_EXPERIMENT, /* --experiment */
    CLI_OF_MODEL,      /* --model */
    CLI_OF_ENDPOINT,   /* --endpoint */
    CLI_PASSWORD_STDIN,
    CLI_EXPIRES,
    /* audit */
    CLI_SINCE,
    CLI_WHO,
    CLI_WHAT,
    CLI_ENTRIES,
    CLI_HEAD,
    /* fairness check */
    CLI_FAIR_DATA, /* --data */
    CLI_FAIR_LABEL,
    CLI_FAIR_SCORE,
    CLI_FAIR_THRESHOLD, /* --threshold: of the score */
    CLI_FAIR_GROUPS,
    CLI_FAIR_POSITIVE,
    CLI_FAIR_WEIGHT,
    CLI_FAIR_REPEATS,
    CLI_FAIR_SUITE,
    CLI_FAIR_ZERO_DIVISION,
    CLI_FAIR_FORMAT, /* --format: text, json or html */
    /* model validate */
    CLI_VALID_DATA, /* --data */
    CLI_PREDICTIONS,
    CLI_AGAINST,
    CLI_VALID_SUITE, /* --suite */
    CLI_SLICES,
    CLI_TRAIN,
    CLI_VALID_WEIGHT, /* --weight */
    CLI_QUERY,
    CLI_TASK,
    CLI_VALID_METRIC, /* --metric */
    CLI_MARGIN,
    CLI_VALID_FORMAT,   /* --format */
    CLI_UNDECIDED_RULE, /* --undecided */
    CLI_DATA_FORMAT,    /* report data: --format */
    CLI_RESULTS,
    CLI_CARD_TEXT,     /* --text */
    CLI_REPORT_WINDOW, /* --window */
    CLI_SEND,
    /* server import-mlflow */
    CLI_ARTIFACTS,
    /* status */
    CLI_INTERVAL,
    /* lineage, data, model diff */
    CLI_LINEAGE_FORMAT, /* --format: text, json or openlineage */
    CLI_NAME,
    CLI_DRY_RUN,
    CLI_ANOMALY_THRESHOLD, /* --threshold of anomaly score */
    CLI_PROFILE_LABEL,     /* --label of data profile */
    CLI_GOLDEN_ROWS_OF,    /* --data */
    CLI_GOLDEN_ANSWERS,
    CLI_GOLDEN_ROWS,
    CLI_GOLDEN_TOLERANCE,
    CLI_PROFILE_MODEL, /* --model: whose profile it is */
    CLI_GRACE,
    /* the prediction log */
    CLI_LOG,
    CLI_LOG_SAMPLE,
    CLI_LOG_SIZE,
    CLI_LOG_AGE,
    CLI_LOG_HASH,
    CLI_LOG_DROP,
    CLI_LOG_SLICES,
    CLI_LOG_CONTRIBUTIONS,
    CLI_LOG_KAFKA,
    CLI_LOG_KAFKA_SETTINGS,
    CLI_LOG_FOLDER, /* --log: where commands read one */
    CLI_UNTIL,
    CLI_MODEL_VERSION,
    CLI_PREDICTION_ID,   /* --id */
    CLI_LOG_FORMAT,      /* --format: of rows that are written */
    CLI_LOG_FILE_FORMAT, /* --format: of rows in a file */
    CLI_LOG_LAST,        /* --rows */
    CLI_LOG_LIMIT,       /* --limit */
    CLI_TO_ENDPOINT,     /* --endpoint: the one that feedback is about */
    CLI_SLICE,
    CLI_DECISION, /* --threshold: of a probability */
    /* decay estimate */
    CLI_DECAY_LABEL, /* --label */
    CLI_DECAY_SCORE, /* --score */
    CLI_DECAY_LOSS,  /* --loss */
    CLI_DECISIONS,
    CLI_CHUNK,
    CLI_CALIBRATE,
    /* rollout */
    CLI_ROLLOUT_MODEL, /* --model: a version */
    CLI_STRATEGY,
    CLI_STEPS,
    CLI_ROLLOUT_FILE, /* --file */
    CLI_MIN_SAMPLES,
    CLI_WATCH_AFTER,
    CLI_REASON,
    CLI_EXPECT_STEP,
    /* gate */
    CLI_GATES,
    CLI_APPROVALS,
    CLI_APPROVERS,
    CLI_ALIASES,
    CLI_GATE,
    CLI_GATE_DATA, /* --data: what a report was made with */
    /* apply */
    CLI_APPLY_FILE, /* --file */
    CLI_PRUNE,
    /* init, model register */
    CLI_CI,
    CLI_INIT_MODEL, /* --model: the name of one that is to be */
    CLI_FORCE,
    CLI_ALIAS,
    /* config, help */
    CLI_ORIGIN,
    CLI_MAN,
    CLI_MARKDOWN,
    CLI_N_OPTIONS
} cli_option_id;

/* In the order of the choices of CLI_REPORT_FORMAT. */
typedef enum cli_report_format {
    CLI_REPORT_TEXT,
    CLI_REPORT_CSV,
    CLI_REPORT_JSON
} cli_report_format;

typedef struct cli_option {
    const char *name; /* "max-body": flag --max-body, environment MW_MAX_BODY */
    char letter;      /* 'o' for -o; 0 = none */
    bool flag_only;   /* not by environment: --help, --version */
    bool repeats;     /* each one adds a line */
    cli_kind kind;
    const char *value;    /* word for the value in help: "SIZE"; NULL for a flag */
    const char *fallback; /* default, as a user would write it; NULL = none */
    const char *auto_is;  /* what happens without a value, where fallback cannot tell */
    const char *config; /* "server.max_body": YAML key, environment MW_SERVER__MAX_BODY; or NULL */
    uint64_t min, max;  /* of COUNT, SIZE, TIME, SECONDS */
    const char *const *choices; /* of CHOICE, NULL-ended; of FILE: words that are no path */
    const char *help;           /* one clause, lower case, no full stop */
} cli_option;

/* Indexed by cli_option_id. */
extern const cli_option cli_options[CLI_N_OPTIONS];

/* A set of options, in any order; texts list them in the order of the table. */
#define CLI_LIST(...) ((const cli_option_id[]){__VA_ARGS__, CLI_N_OPTIONS})
/* The options that every command takes. */
extern const cli_option_id cli_everywhere[];
/* Whether the set has the option. NULL is the empty set. */
bool cli_list_has(const cli_option_id *list, cli_option_id id);

/* Option by "max-body" or by letter; CLI_N_OPTIONS when there is none. */
cli_option_id cli_option_named(mw_view name);
cli_option_id cli_option_lettered(char letter);
/* Two options may share a name, --format, when no command takes both: the next one of that name
 * behind `id`, or CLI_N_OPTIONS. */
cli_option_id cli_option_namesake(cli_option_id id);
/* Option by configuration key: section "server", key "max_body". */
cli_option_id cli_option_configured(mw_view section, mw_view key);
/* "MW_MAX_BODY", and "MW_SERVER__MAX_BODY" (empty when it has no configuration key). */
void cli_option_environment(const cli_option *option, mw_buf *ret_alias, mw_buf *ret_canonical);
/* "server" of "server.max_body", and "max_body". Empty without a configuration key. */
mw_view cli_option_section(const cli_option *option);
const char *cli_option_key(const cli_option *option);
/* "1..256", "1KiB..4GiB", "true or false", "error|warn|info|debug": what may stand there. */
void cli_option_range(const cli_option *option, mw_buf *out);
/* A value as people write it: 16777216 -> "16MiB", 5000 -> "5s". */
void cli_write_size(mw_buf *out, uint64_t bytes);
void cli_write_time(mw_buf *out, uint64_t ms);

/* ---- commands -------------------------------------------------------------------------------- */

struct cli_call;
/* Runs a command. A non-OK status prints err and gives its exit code; a command with an answer of
 * its own (a check that says no) returns MW_OK and sets call->exit_code. */
typedef mw_status cli_run(struct cli_call *call, mw_error *err);

typedef struct cli_argument {
    const char *name; /* "MODEL" */
    const char *help;
    unsigned min, max;          /* how many; UINT_MAX = any number */
    const char *const *choices; /* NULL: a path or free text */
    bool is_path;               /* for completion */
} cli_argument;

typedef struct cli_example {
    const char *line; /* "mw serve model.json" */
    const char *what;
} cli_example;

enum { CLI_MAX_ARGUMENTS = 2, CLI_MAX_EXAMPLES = 6 };

typedef struct cli_command {
    const char *name;    /* one or two words: "serve", "model show" */
    const char *group;   /* heading in the overview: "Start" */
    const char *summary; /* a clause for lists */
    const char *about;   /* sentences; paragraphs parted by an empty line */
    cli_argument arguments[CLI_MAX_ARGUMENTS + 1]; /* ended by an empty row */
    const cli_option_id *options;                  /* CLI_LIST, without cli_everywhere */
    cli_example examples[CLI_MAX_EXAMPLES + 1];    /* ended by an empty row */
    bool reads_config;                             /* YAML files and MW_SECTION__KEY are read */
    cli_run *run;
} cli_command;

/* All commands, in the order of the overview. */
const cli_command *cli_commands(size_t *ret_count);
/* The command of this exact name, or NULL. */
const cli_command *cli_command_named(mw_view name);
/* True when some command's name begins with this word and a blank: "model". */
bool cli_is_group(mw_view word);
static inline bool cli_command_takes(const cli_command *command, cli_option_id id)
{
    return cli_list_has(command->options, id) || cli_list_has(cli_everywhere, id);
}
/* "serve MODEL... [options]". */
void cli_command_usage(const cli_command *command, mw_buf *out);

/* ---- what the commands are; command_<name>.c ------------------------------------------------- */

cli_run cli_run_serve, cli_run_predict, cli_run_explain, cli_run_importance, cli_run_reasons,
    cli_run_dictionary, cli_run_dependence, cli_run_counterfactual, cli_run_model_show,
    cli_run_data_add, cli_run_data_list, cli_run_data_get, cli_run_data_diff, cli_run_data_gc,
    cli_run_data_drop, cli_run_data_profile, cli_run_anomaly_score, cli_run_model_diff,
    cli_run_lineage_show, cli_run_capacity_bench, cli_run_demo, cli_run_doctor, cli_run_status,
    cli_run_config_show, cli_run_config_check, cli_run_config_schema, cli_run_completion,
    cli_run_help, cli_run_version, cli_run_drift_check, cli_run_user_add, cli_run_user_list,
    cli_run_user_remove, cli_run_user_passwd, cli_run_user_grant, cli_run_user_revoke,
    cli_run_token_create, cli_run_token_list, cli_run_token_revoke, cli_run_audit_list,
    cli_run_audit_verify, cli_run_fairness_check, cli_run_server_backup, cli_run_server_restore,
    cli_run_server_import, cli_run_server_migrate;

cli_run cli_run_drift_stream, cli_run_model_validate, cli_run_report_data, cli_run_report_card;
cli_run cli_run_model_golden;
cli_run cli_run_report_drift, cli_run_report_fairness, cli_run_report_weekly,
    cli_run_report_incident;
cli_run cli_run_decay_estimate, cli_run_feedback_send, cli_run_log_performance;
cli_run cli_run_log_query, cli_run_log_tail, cli_run_log_export, cli_run_log_stat;
cli_run cli_run_alert_list, cli_run_alert_ack, cli_run_alert_test, cli_run_alert_silence,
    cli_run_alert_unsilence, cli_run_alert_rules;

cli_run cli_run_apply, cli_run_init, cli_run_model_register;
cli_run cli_run_gate_list, cli_run_gate_require, cli_run_gate_add, cli_run_gate_approve,
    cli_run_gate_override;
cli_run cli_run_rollout_start, cli_run_rollout_list, cli_run_rollout_status,
    cli_run_rollout_history, cli_run_rollout_pause, cli_run_rollout_resume, cli_run_rollout_advance,
    cli_run_rollout_promote, cli_run_rollout_abort, cli_run_rollout_approve, cli_run_rollback;

/* ---- topics of `help`; topics.c -------------------------------------------------------------- */

typedef struct cli_topic {
    const char *name, *summary;
    const char *text; /* paragraphs; a line that begins with a blank is kept as it is */
} cli_topic;

const cli_topic *cli_topics(size_t *ret_count);
const cli_topic *cli_topic_named(mw_view name);

/* ---- the word that was meant ----------------------------------------------------------------- */

/* Offer candidates one by one; the nearest within reach stays. */
typedef struct cli_nearest {
    mw_view typed;
    const char *name; /* NULL: none is near */
    size_t distance;
} cli_nearest;

cli_nearest cli_nearest_to(mw_view typed);
void cli_nearest_offer(cli_nearest *nearest, const char *candidate);

#endif
