/* The command table. Examples stand first in every help text, so they are chosen with care: a test
 * parses each of them. */
#include "reach.h"

#include <limits.h>

#define SERVER_LIMITS                                                                          \
    CLI_MAX_BODY, CLI_MAX_ARTIFACT, CLI_WEBHOOKS, CLI_MAX_CONNECTIONS, CLI_HEAD_TIMEOUT,       \
        CLI_BODY_TIMEOUT, CLI_IDLE_TIMEOUT, CLI_WRITE_TIMEOUT, CLI_ADMISSION, CLI_WATCH,       \
        CLI_WATCH_CONTRIBUTIONS, CLI_WATCH_REFERENCE, CLI_LATENCY_BUDGET, CLI_MAX_QUEUE,       \
        CLI_CLIENT_RATE, CLI_CLIENT_BURST, CLI_LOG, CLI_LOG_SAMPLE, CLI_LOG_SIZE, CLI_LOG_AGE, \
        CLI_LOG_HASH, CLI_LOG_DROP, CLI_LOG_SLICES, CLI_LOG_CONTRIBUTIONS, CLI_LOG_KAFKA,      \
        CLI_LOG_KAFKA_SETTINGS, CLI_ALERTS

/* What a server is made of; doctor looks at the same. */
#define SERVE_OPTIONS                                                                          \
    CLI_CONFIG, CLI_JSON, CLI_LISTEN, CLI_TLS_CERTIFICATE, CLI_TLS_KEY, CLI_TLS_CLIENTS,       \
        CLI_TLS_CLIENT_CA, CLI_TLS_MIN_VERSION, CLI_DATA, CLI_RECORD, CLI_ARTIFACT_STORE,      \
        CLI_ARTIFACT_CACHE, CLI_ARTIFACT_DIRECT, CLI_STORE, CLI_THREADS, CLI_WORKERS,          \
        CLI_DRAIN_SECONDS, CLI_MODELS, CLI_CONTRACT, CLI_SHARED_MEMORY, CLI_ALLOW_PUBLIC,      \
        CLI_ALLOW_HOST, CLI_AUTH, CLI_GUARDED, CLI_METRICS_AUTH, CLI_BASE_PATH, CLI_LOG_LEVEL, \
        CLI_ACCESS_LOG, CLI_ACCESS_LOG_SAMPLE, CLI_ACCESS_LOG_SLOW, CLI_ACCESS_LOG_MASK,       \
        CLI_ACCESS_LOG_HEADERS, CLI_OTLP, CLI_TRACE_SAMPLE, CLI_SERVICE_NAME, CLI_ONNXRUNTIME, \
        CLI_BACKGROUND, SERVER_LIMITS

#define LOG_FILTERS \
    CLI_LOG_FOLDER, CLI_OF_ENDPOINT, CLI_MODEL_VERSION, CLI_SINCE, CLI_UNTIL, CLI_PREDICTION_ID

#define ACCESS_OPTIONS(...) CLI_LIST(CLI_CONFIG, CLI_RECORD, __VA_ARGS__)
#define SCOPES CLI_OF_EXPERIMENT, CLI_OF_MODEL, CLI_OF_ENDPOINT

static const char *const rule_actions[] = {"list", "check", NULL};
static const char *const shells[] = {"bash", "zsh", "fish", NULL};

#define MODEL_HELP "model file as the training library saved it, or an MLflow model folder"

static const cli_command commands[] = {
    {
        .name = "serve",
        .group = "Start",
        .summary = "serve models over HTTP",
        .about =
            "Serves one or several models in the MLflow scoring protocol, the Open Inference "
            "Protocol v2 and the KServe v1 protocol, with metrics for Prometheus. A model is an "
            "XGBoost file (JSON or UBJSON), a LightGBM file (text or JSON), a CatBoost file "
            "(JSON or .cbm), an ONNX "
            "file, or an "
            "MLflow folder that holds one; the kind is told from the content. ONNX files of other "
            "models than trees and linear ones need ONNX Runtime (see --onnxruntime).\n\n"
            "Requests for contributions (explain, :explain) are answered by the model's covers, or "
            "against the rows of --background, which ONNX models need; several models have one "
            "each in the configuration.\n\n"
            "With --log on every prediction is kept with its id, inputs and outputs, compressed, "
            "in "
            "the data folder ('mw log'); private columns are hashed or dropped (--log-hash, "
            "--log-drop). No request ever waits for that.\n\n"
            "With --record DIR the server also answers MLflow's tracking, artifact and registry "
            "addresses, from a record in that folder; it then needs no model. Models of the record "
            "are served by their address (models:/NAME@ALIAS, models:/NAME/VERSION, "
            "runs:/ID/PATH); an alias that moves swaps the model under traffic, unless the version "
            "would break the clients of the one that is served (--contract).\n\n"
            "With --auth on it asks who is there: users and tokens that 'mw user' and 'mw token' "
            "keep in the record. A record is served on an address that other machines can reach "
            "only when --auth is said, on or off.\n\n"
            "NAME=PATH gives an endpoint its name; without it the file's name serves. One model "
            "alone also answers at /invocations.\n\n"
            "SIGHUP loads all model files again, all or none, while traffic runs, and opens the "
            "access log again; SIGUSR1 does that alone. SIGTERM and "
            "Ctrl-C stop accepting, finish what is in flight, and end with exit code 0; a second "
            "one stops at once.",
        .arguments = {{"MODEL",
                       "[NAME=]PATH of a " MODEL_HELP
                       "; without any, the endpoints of the configuration",
                       0, UINT_MAX, NULL, true}},
        .options = CLI_LIST(SERVE_OPTIONS),
        .examples =
            {{"mw serve model.json", "one model, at http://127.0.0.1:8080/invocations"},
             {"mw serve churn=v3.ubj price=price.txt --listen :9000",
              "two models under their own names"},
             {"mw serve model.json --listen :0 --json", "any free port; the first line says which"},
             {"mw serve --record mw-record", "for MLFLOW_TRACKING_URI=http://127.0.0.1:8080"},
             {"mw serve models:/credit@champion --record mw-record", "a model of the record"},
             {"mw serve --config millwright.yaml", "everything from a file"}},
        .reads_config = true,
        .run = cli_run_serve,
    },
    {
        .name = "doctor",
        .group = "Start",
        .summary = "tell whether a server would do well here, and what to mend",
        .about =
            "Takes what 'mw serve' takes, and looks whether a server would start with it and keep "
            "what it promises: cores, memory, open files, a clock that is kept right; the address, "
            "its certificate; the folders of data and record, how much room they have and how long "
            "a write takes; the record, its database and its bucket; each model, with its golden "
            "rows. Nothing is made or changed, and it may be asked beside a server that runs.\n\n"
            "One line a check: ok, warn (it works, and will not always) or fail, with what to do. "
            "Exit code 6 when one failed.",
        .arguments = {{"MODEL",
                       "[NAME=]PATH of a " MODEL_HELP
                       "; without any, the endpoints of the configuration",
                       0, UINT_MAX, NULL, true}},
        .options = CLI_LIST(SERVE_OPTIONS, CLI_OUTPUT),
        .examples = {{"mw doctor model.json", "would 'mw serve model.json' do well?"},
                     {"mw doctor --config millwright.yaml --json", "for programs"}},
        .reads_config = true,
        .run = cli_run_doctor,
    },
    {
        .name = "demo",
        .group = "Start",
        .summary = "see it work: the story of a model, told by a server at work",
        .about =
            "Tells the story of a simulated lender's model, in half a minute: version 1 passes its "
            "gates and serves; version 2 comes by a canary and is promoted; version 3 is biased "
            "and refused; version 4 passes, fails on live traffic and is rolled back; then the "
            "world drifts, and an alert says which feature and since when. Everything but the "
            "lender is real: the commands are shown as they are typed. Then the server stays, "
            "until Ctrl-C. Nothing is kept.\n\n"
            "--once shows the example models instead, in short: requests in every protocol, each "
            "answer compared, a model swapped under traffic; --speed the same without an end.",
        .options = CLI_LIST(CLI_ONCE, CLI_SPEED, CLI_LISTEN, CLI_THREADS, CLI_EXAMPLES),
        .examples = {{"mw demo", "the story, in half a minute; then until Ctrl-C"},
                     {"mw demo --once", "the example models, about five seconds, then exit 0"},
                     {"mw demo --speed 10", "the example models, ten times the traffic"}},
        .run = cli_run_demo,
    },
    {
        .name = "predict",
        .group = "Daily",
        .summary = "predict rows of a file",
        .about =
            "Reads rows as CSV with a header line, or as JSON lines, and writes predictions as "
            "CSV: one column 'prediction', or one column for each class or output. Columns are "
            "matched by name when the model knows its feature names, by position otherwise. "
            "Empty, NaN, nan, NA, N/A, null, NULL and None mean missing.\n\n"
            "Rows are read in pieces: a file may be larger than memory. Predictions are equal to "
            "those of the training library.",
        .arguments = {{"MODEL", MODEL_HELP, 1, 1, NULL, true},
                      {"FILE", "rows; - is standard input", 0, 1, NULL, true}},
        .options = CLI_LIST(CLI_INPUT, CLI_FORMAT, CLI_RAW, CLI_OUTPUT, CLI_THREADS, CLI_JSON,
                            CLI_ONNXRUNTIME),
        .examples = {{"mw predict model.json rows.csv", "predictions on standard output"},
                     {"mw predict model.json --input rows.csv --output scores.csv",
                      "into a file, which appears whole or not at all"},
                     {"mw predict model.txt - --raw --format csv", "margins for rows from a pipe"},
                     {"mw predict model.ubj rows.jsonl --json", "JSON lines in, JSON lines out"}},
        .run = cli_run_predict,
    },
    {
        .name = "explain",
        .group = "Daily",
        .summary = "tell how much each feature moved each prediction",
        .about =
            "Reads rows as 'mw predict' does and writes contributions (TreeSHAP): for each row "
            "what each feature added to the margin or took from it, and the bias, which is the "
            "mean margin over the training rows. They add up to the margin, and are those of "
            "XGBoost's pred_contribs and LightGBM's pred_contrib.\n\n"
            "CSV has one column a feature and 'bias'. A model with several outputs gives one block "
            "of rows for each, with a column 'class'. JSON has one object a line. Text tells the "
            "largest ones in words. Rows count from 0.\n\n"
            "With --background the values are those against the rows of that file "
            "(interventional): "
            "what moved the row away from their mean, which is the bias then. They need no covers, "
            "so models of every format have them, and they can be had on the scale of "
            "probabilities. They are those of shap.TreeExplainer.\n\n"
            "With --interactions each row has a matrix: what each feature moved alone, and what "
            "pairs moved together (XGBoost's pred_interactions). CSV has one line a row and "
            "feature, JSON and text tell each pair once.",
        .arguments = {{"MODEL", MODEL_HELP, 1, 1, NULL, true},
                      {"FILE", "rows; - is standard input", 0, 1, NULL, true}},
        .options = CLI_LIST(CLI_INPUT, CLI_EXPLAIN_FORMAT, CLI_TOP, CLI_BACKGROUND, CLI_SCALE,
                            CLI_INTERACTIONS, CLI_OUTPUT, CLI_THREADS),
        .examples = {{"mw explain model.json rows.csv", "contributions on standard output"},
                     {"mw explain model.json --input rows.csv --format text --top 3",
                      "the three that moved each row most, in words"},
                     {"mw explain model.txt - --format json", "JSON lines, for rows from a pipe"},
                     {"mw explain model.onnx rows.csv --background usual.csv",
                      "against the rows of a file, for models of every format"},
                     {"mw explain model.json rows.csv --interactions --format text --top 3",
                      "features and pairs of them that moved each row most"},
                     {"mw explain model.ubj rows.jsonl -o shap.csv",
                      "into a file, which appears whole or not at all"}},
        .run = cli_run_explain,
    },
    {
        .name = "importance",
        .group = "Daily",
        .summary = "tell which features matter to a model",
        .about =
            "Without rows it counts over the splits of the trees: gain, total_gain, cover, "
            "total_cover and weight are those of XGBoost's get_score; LightGBM's "
            "feature_importance calls total_gain 'gain' and weight 'split'. Numbers that the file "
            "does not keep are refused.\n\n"
            "With rows, shap is the mean size of the contributions of 'mw explain'; permutation "
            "says how much worse the model predicts when a column is shuffled, and needs the "
            "column that tells what came true. The interval is that of the mean over the "
            "shuffles. Rows are held in memory, up to 1 GiB.",
        .arguments = {{"MODEL", MODEL_HELP, 1, 1, NULL, true},
                      {"FILE", "rows; - is standard input", 0, 1, NULL, true}},
        .options =
            CLI_LIST(CLI_INPUT, CLI_IMPORTANCE_KIND, CLI_TARGET, CLI_METRIC, CLI_REPEATS, CLI_SEED,
                     CLI_ROTATE, CLI_TOP, CLI_REPORT_FORMAT, CLI_OUTPUT, CLI_THREADS),
        .examples = {{"mw importance model.json", "by the gain of its splits"},
                     {"mw importance model.json rows.csv --top 10",
                      "by the size of contributions; the first ten"},
                     {"mw importance model.json rows.csv --target churned",
                      "by what shuffling a column costs"},
                     {"mw importance model.txt --kind split --format csv",
                      "LightGBM's feature_importance()"}},
        .run = cli_run_importance,
    },
    {
        .name = "dependence",
        .group = "Daily",
        .summary = "tell how predictions move with one feature",
        .about =
            "Sets the feature to each value of a grid, in every row, and predicts. The mean over "
            "rows is the partial dependence (pdp; scikit-learn's method brute), the curves of "
            "single rows are ice. Accumulated local effects (ale) ask each row about values near "
            "its own only, which matters when features go together.\n\n"
            "By default pdp is exact: one line for each step of the trees. A feature of "
            "categories has one for each category. Rows are held in memory, up to 1 GiB.",
        .arguments = {{"MODEL", MODEL_HELP, 1, 1, NULL, true},
                      {"FILE", "rows; - is standard input", 0, 1, NULL, true}},
        .options = CLI_LIST(CLI_INPUT, CLI_FEATURE, CLI_CURVE_KIND, CLI_GRID, CLI_CENTRED, CLI_RAW,
                            CLI_REPORT_FORMAT, CLI_OUTPUT, CLI_THREADS),
        .examples = {{"mw dependence model.json rows.csv --feature age", "every step of it"},
                     {"mw dependence model.json rows.csv --feature age --grid 20,30,40 --raw",
                      "margins at three ages"},
                     {"mw dependence model.json rows.csv --feature income --kind ale --format csv",
                      "accumulated local effects"}},
        .run = cli_run_dependence,
    },
    {
        .name = "counterfactual",
        .group = "Daily",
        .summary = "find the nearest change that gives another answer",
        .about =
            "For each row: the cheapest change of at most K features after which the model "
            "answers as wanted. A change costs its size in scales of the feature, and 0.1 for "
            "each feature; another category costs 1. The search is exact and says so: 'the "
            "nearest', or that no allowed change reaches it. When the budget ends first, the best "
            "one found is given with a bound below which there is none. Missing values stay "
            "missing. Every answer is predicted before it is shown.\n\n"
            "New values lie just beyond a threshold of the model, on round numbers; whole numbers "
            "where all values are whole, and within the range of --reference.",
        .arguments = {{"MODEL", MODEL_HELP, 1, 1, NULL, true},
                      {"FILE", "rows; - is standard input", 0, 1, NULL, true}},
        .options = CLI_LIST(CLI_INPUT, CLI_WANT, CLI_IMMUTABLE, CLI_UP, CLI_DOWN, CLI_RANGE,
                            CLI_STEP, CLI_COSTS, CLI_REFERENCE, CLI_MAX_FEATURES, CLI_COUNT,
                            CLI_GAP, CLI_BUDGET, CLI_REPORT_FORMAT, CLI_OUTPUT, CLI_THREADS),
        .examples = {{"mw counterfactual model.json rows.csv --want '<0.5'", NULL},
                     {"mw counterfactual model.json rows.csv --want 1 --immutable age --up income",
                      "what cannot change, and what can only rise"},
                     {"mw counterfactual model.json rows.csv --want '>=0.5' --count 3 "
                      "--reference train.csv",
                      "three different ways, within what was seen"}},
        .run = cli_run_counterfactual,
    },
    {
        .name = "reasons",
        .group = "Daily",
        .summary = "tell why each row got its score, in your words",
        .about =
            "Gathers the contributions of 'mw explain' by the groups of a dictionary, ranks them, "
            "and tells the strongest four (--top) in its words, with the row's values. "
            "--adverse down keeps only what lowers the score. What the dictionary does not show "
            "is left out, and its sum is told as 'withheld' in json.\n\n"
            "With --background the values are against its rows (interventional), and each reason "
            "is tested: with its features alone at their usual values (median, or the commonest "
            "category) the margin must not move further that way; else it is said to hold 'in "
            "combination'.",
        .arguments = {{"MODEL", MODEL_HELP, 1, 1, NULL, true},
                      {"FILE", "rows; - is standard input", 0, 1, NULL, true}},
        .options = CLI_LIST(CLI_INPUT, CLI_DICTIONARY, CLI_ADVERSE, CLI_TOP, CLI_BACKGROUND,
                            CLI_SCALE, CLI_REASON_FORMAT, CLI_OUTPUT, CLI_THREADS),
        .examples = {{"mw reasons model.json rows.csv --dictionary words.yaml --adverse up", NULL},
                     {"mw reasons model.json rows.csv --dictionary words.yaml --background all.csv",
                      "against what is usual, each reason tested"}},
        .run = cli_run_reasons,
    },
    {
        .name = "dictionary",
        .group = "Daily",
        .summary = "draft a dictionary of a model's features",
        .about = "Writes a YAML file for 'mw reasons' with every feature and category of the "
                 "model, for a person to put into words: name, unit, decimals, up, down, missing, "
                 "show, group, categories; and groups with name, up, down.",
        .arguments = {{"MODEL", MODEL_HELP, 1, 1, NULL, true}},
        .options = CLI_LIST(CLI_OUTPUT),
        .examples = {{"mw dictionary model.json -o words.yaml", NULL}},
        .run = cli_run_dictionary,
    },
    {
        .name = "model show",
        .group = "Models",
        .summary = "show what a model file holds",
        .about =
            "Reads a model and shows its format, objective, trees, features and classes, what it "
            "costs in memory, and what Millwright cannot do with it, if anything.",
        .arguments = {{"MODEL", MODEL_HELP, 1, 1, NULL, true}},
        .options = CLI_LIST(CLI_JSON, CLI_OUTPUT, CLI_ONNXRUNTIME),
        .examples = {{"mw model show model.json", NULL},
                     {"mw model show mlflow-model/ --json", "for programs"}},
        .run = cli_run_model_show,
    },
    {
        .name = "model golden",
        .group = "Models",
        .summary = "keep rows whose answers must come again",
        .about =
            "With --data: takes rows from a CSV file, evenly along what the model says of them, "
            "and writes them with their answers: the training library's, where --answers names "
            "them, or else Millwright's own. Answers that the model does not give now are "
            "refused.\n\n"
            "The file belongs beside the model: FILE.golden.json, or millwright/golden.json in a "
            "model's folder; of a model of the record it is kept there at once. Each load replays "
            "it, at start, on reload, when an alias moves and in a rollout, and a model that gives "
            "other answers is not served. Without --data it is replayed now; the exit code is 6 "
            "when an answer is another.",
        .arguments = {{"MODEL",
                       "NAME/VERSION, NAME@ALIAS or models:/... of a record, or a " MODEL_HELP, 1,
                       1, NULL, true}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_GOLDEN_ROWS_OF, CLI_GOLDEN_ANSWERS,
                            CLI_GOLDEN_ROWS, CLI_GOLDEN_TOLERANCE, CLI_OUTPUT, CLI_ONNXRUNTIME),
        .examples = {{"mw model golden model.json --data test.csv -o model.json.golden.json", NULL},
                     {"mw model golden credit/3 --data scored.csv --answers xgb --record mw-record",
                      "with the library's answers, kept with the version"},
                     {"mw model golden model.json", "do they still come?"}},
        .reads_config = true,
        .run = cli_run_model_golden,
    },
    {
        .name = "model diff",
        .group = "Models",
        .summary = "tell what differs between two models or versions",
        .about =
            "Compares two model files, or two versions of a record: data, parameters, metrics, "
            "code, environment, signature, and what the models are: format, objective, features, "
            "classes, trees, depth, leaves, thresholds. Differences that would break clients of "
            "the first are marked; 'docs/explanation/versions.md' has the rules.\n\n"
            "The exit code is 0 when they are equal, 6 when they differ.",
        .arguments = {{"MODEL",
                       "two of them: NAME/VERSION or NAME@ALIAS of a record, or a " MODEL_HELP, 2,
                       2, NULL, true}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REASON_FORMAT, CLI_OUTPUT, CLI_ONNXRUNTIME),
        .examples = {{"mw model diff credit/1 credit/2 --record mw-record", NULL},
                     {"mw model diff credit@champion new.ubj --record mw-record",
                      "what is served against a file"},
                     {"mw model diff old.json new.json --format json", "for programs"}},
        .reads_config = true,
        .run = cli_run_model_diff,
    },
    {
        .name = "model validate",
        .group = "Models",
        .summary = "tell whether a model is good enough, and no worse than another",
        .about =
            "Judges a model, or columns of predictions, by rows whose truth is known: all usual "
            "metrics of two classes, several classes, numbers and rankings with 95 % intervals, "
            "equal to scikit-learn's; against a champion by paired tests and a smallest difference "
            "that matters.\n\n"
            "--suite says what must hold: metrics, slices, what predictions do when rows change, "
            "the data, overlap with the training rows, latency, size. A limit that the value "
            "breaks fails; one that the value "
            "keeps, and its interval does not, is undecided, and the report says how many more "
            "rows may decide it. The exit code is 6 when a check fails, when a challenger may be "
            "worse than the champion, or when no limit at all is shown to be kept; 'undecided' "
            "in the suite, or --undecided, makes it stricter (fail) or laxer (warn). "
            "The report is text, JSON, Markdown, HTML, JUnit for CI, or annotations of GitHub "
            "Actions.",
        .arguments = {{"MODEL",
                       "NAME/VERSION, NAME@ALIAS or models:/... of a record, or a " MODEL_HELP
                       "; not with --predictions",
                       0, 1, NULL, true}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_VALID_DATA, CLI_TARGET, CLI_PREDICTIONS,
                            CLI_AGAINST, CLI_VALID_SUITE, CLI_SLICES, CLI_TRAIN, CLI_VALID_WEIGHT,
                            CLI_QUERY, CLI_TASK, CLI_VALID_METRIC, CLI_MARGIN, CLI_FAIR_THRESHOLD,
                            CLI_FAIR_POSITIVE, CLI_UNDECIDED_RULE, CLI_SEED, CLI_VALID_FORMAT,
                            CLI_OUTPUT, CLI_ONNXRUNTIME),
        .examples =
            {{"mw model validate model.json --data test.csv --target y", NULL},
             {"mw model validate credit@challenger --against credit@champion --data "
              "test.csv --target y --suite suite.yaml",
              "as a gate: 6 when it does not pass"},
             {"mw model validate --predictions p --data scored.csv --target y -o report.html",
              "without a model"}},
        .reads_config = true,
        .run = cli_run_model_validate,
    },
    {
        .name = "report data",
        .group = "Data",
        .summary = "tell what a table of data is like, as a page for people",
        .about =
            "Looks at every column of a CSV: its kind, what is missing, its distribution, "
            "outliers; which columns go together; with --target, which of them tell it, and which "
            "tell too much. What needs a look stands first, what is worth a try last. One HTML "
            "file that needs nothing from elsewhere and prints well; also Markdown and JSON.",
        .arguments = {{"FILE", "CSV with a header line, .gz too, or -", 1, 1, NULL, true}},
        .options = CLI_LIST(CLI_TARGET, CLI_DATA_FORMAT, CLI_OUTPUT),
        .examples = {{"mw report data train.csv --target y -o report.html", NULL},
                     {"mw report data train.csv --format json", "for programs"}},
        .run = cli_run_report_data,
    },
    {
        .name = "report card",
        .group = "Models",
        .summary = "write the card of a version, for those who decide",
        .about =
            "A model card: purpose, intended use and limits as people wrote them, how good and how "
            "fair the version is by the reports that its gates keep (mw gate add) or --results, "
            "gates, approvals and overrides, its inputs, data and training run, what it is akin to "
            "and made of.\n\n"
            "--text FILE keeps Markdown with the version; later versions show it, with a note, "
            "until they have their own. --send asks a server for the card of its record. Short "
            "parts are what MLflow's clients write: descriptions of the model and the version, and "
            "tags card.intended_use, card.users, card.limits, card.ethics, card.contact, "
            "card.license, of the version before those of the model. What nobody wrote is shown "
            "as not provided.",
        .arguments = {{"VERSION", "NAME/VERSION or NAME@ALIAS of the record", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_RESULTS, CLI_CARD_TEXT, CLI_REACH, CLI_SEND,
                            CLI_DATA_FORMAT, CLI_OUTPUT),
        .examples = {{"mw report card credit/3 --record mw-record --results "
                      "validation.json,fairness.json -o card.html",
                      NULL},
                     {"mw report card credit/3 --record mw-record --text card.md -o card.html",
                      "with what people wrote"},
                     {"mw report card credit/3 --server 127.0.0.1:8080 --send ops",
                      "by mail or webhook, as 'ops' is"}},
        .reads_config = true,
        .run = cli_run_report_card,
    },
    {
        .name = "report drift",
        .group = "Daily",
        .summary = "tell people which columns changed, and what follows",
        .about =
            "Of two files, by the measures of 'mw drift check' and with its options; or of an "
            "endpoint of a running server, by what it watched over --window. Plain words first: "
            "what changed, how sure that is, since when, what it means, who may do what; then the "
            "reference beside now as pictures, and a table of all columns for engineers.\n\n"
            "A page without anything from elsewhere, which prints well; or Markdown, or JSON. The "
            "exit code does not tell of drift: that is what 'mw drift check' is for.",
        .arguments = {{"ENDPOINT", "of the running server; none: two files", 0, 1, NULL, false}},
        .options = CLI_LIST(CLI_REF, CLI_CUR, CLI_DRIFT_METHOD, CLI_DRIFT_PROFILE, CLI_DRIFT_BINS,
                            CLI_THRESHOLD, CLI_ALPHA, CLI_DRIFT_SHARE, CLI_COLUMNS, CLI_CATEGORICAL,
                            CLI_REACH, CLI_REPORT_WINDOW, CLI_SEND, CLI_DATA_FORMAT, CLI_OUTPUT),
        .examples = {{"mw report drift --ref train.csv --cur today.csv -o drift.html", NULL},
                     {"mw report drift credit --server 127.0.0.1:8080 --window 7d -o drift.html",
                      "what a server watched"},
                     {"mw report drift --ref train.csv --cur today.csv --format md",
                      "for a ticket or a mail"}},
        .run = cli_run_report_drift,
    },
    {
        .name = "report fairness",
        .group = "Daily",
        .summary = "tell people how groups fare",
        .about =
            "Of rows, with the options of 'mw fairness check'; or of its JSON, as a gate keeps it. "
            "In words for those who decide and those who advise them: four fifths, with what "
            "chance explains; errors by group; the worst combination; groups that are too small to "
            "judge; limits that were agreed on; what that means, and blanks for the decision. Then "
            "all "
            "groups by all measures, with intervals.",
        .arguments = {{"RESULT", "JSON of 'mw fairness check'; none: --data", 0, 1, NULL, true}},
        .options = CLI_LIST(CLI_FAIR_DATA, CLI_FAIR_LABEL, CLI_FAIR_SCORE, CLI_FAIR_THRESHOLD,
                            CLI_FAIR_GROUPS, CLI_FAIR_POSITIVE, CLI_FAIR_WEIGHT, CLI_FAIR_REPEATS,
                            CLI_FAIR_SUITE, CLI_FAIR_ZERO_DIVISION, CLI_DATA_FORMAT, CLI_OUTPUT),
        .examples = {{"mw report fairness --data scored.csv --label y --score p --groups sex,race "
                      "-o fairness.html",
                      NULL},
                     {"mw report fairness fairness.json --format md", "of a result that was kept"}},
        .run = cli_run_report_fairness,
    },
    {
        .name = "report weekly",
        .group = "Daily",
        .summary = "tell people how an endpoint's week was",
        .about =
            "The last seven days (up to --until) beside the seven before: rows, alerts and who "
            "acknowledged them, what changed what is served, rollouts and their verdicts, drift, "
            "odd rows, how good the answers were by labels that came, traffic, latency and errors; "
            "and what to look at. A running server tells it; with --record the audit log and "
            "rollouts are read from the record, which takes no admin's token; with --log rows and "
            "labels of both weeks from the prediction log. --record or --log alone ask no "
            "server.\n\n"
            "A server keeps 31 days of traffic, over restarts, in its data folder; of hours in "
            "which none ran nothing is known, and that is said.\n\n"
            "--send OPS lets the server make it, keep it and send it to a receiver of alerts: mail "
            "has it attached, a webhook carries it. Each Monday by itself: 'alerts: reports:' in "
            "millwright.yaml.",
        .arguments = {{"ENDPOINT", "its name", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_REACH, CLI_RECORD, CLI_LOG_FOLDER, CLI_UNTIL, CLI_SEND,
                            CLI_DATA_FORMAT, CLI_OUTPUT),
        .examples = {{"mw report weekly credit --server 127.0.0.1:8080 -o week.html", NULL},
                     {"mw report weekly credit --record mw-record --log mw-data/log -o week.html",
                      "without a server"},
                     {"mw report weekly credit --server 127.0.0.1:8080 --send ops",
                      "by mail or webhook, as 'ops' is"}},
        .reads_config = true,
        .run = cli_run_report_weekly,
    },
    {
        .name = "report incident",
        .group = "Daily",
        .summary = "tell people what happened around an alert",
        .about =
            "One alert, from an hour before it began to a quarter of an hour after its end; or a "
            "span of time. A timeline of alerts, drift, deploys, changes and acknowledgements; "
            "which features; traffic, errors and latency with deploys marked; what was done; what "
            "is open; and blanks for what only people know: impact, cause, actions, who must be "
            "told. --record reads the audit log from the record, which takes no admin's token.",
        .arguments = {{"ALERT", "its number or fingerprint; none: --since", 0, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_REACH, CLI_RECORD, CLI_SINCE, CLI_UNTIL,
                            CLI_OF_ENDPOINT, CLI_SEND, CLI_DATA_FORMAT, CLI_OUTPUT),
        .examples = {{"mw report incident 17 --server 127.0.0.1:8080 -o incident.html", NULL},
                     {"mw report incident --since 6h --endpoint credit --format md",
                      "a span of time"}},
        .reads_config = true,
        .run = cli_run_report_incident,
    },
    {
        .name = "data add",
        .group = "Data",
        .summary = "keep a version of files or folders",
        .about =
            "Each path becomes a data set, called by its file's name or --name; a path that was "
            "added before gets a further version, NAME@2, unless nothing has changed. Bytes are "
            "kept once, whatever they are called, under their SHA-256, and by the MD5 that DVC "
            "names them. A version is there as a whole or not at all, after a crash, too.\n\n"
            "A file that ends in .dvc stands for what it names: it is added from beside the file, "
            "or, where that is missing, from what 'dvc push' has brought: here, or to the "
            "repository's remote where that is a bucket (s3://).",
        .arguments = {{"PATH", "a file, a folder, or a .dvc file", 1, UINT_MAX, NULL, true}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_NAME, CLI_OUTPUT),
        .examples = {{"mw data add train.csv --record mw-record", "train.csv@1"},
                     {"mw data add images --name faces --record mw-record", "a folder"},
                     {"mw data add data/raw.dvc --record mw-record", "what DVC tracks"}},
        .reads_config = true,
        .run = cli_run_data_add,
    },
    {
        .name = "data list",
        .group = "Data",
        .summary = "list the versions of data",
        .about = "By name and version, with DVC's MD5, files and bytes.",
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REASON_FORMAT, CLI_OUTPUT),
        .examples = {{"mw data list --record mw-record", NULL}},
        .reads_config = true,
        .run = cli_run_data_list,
    },
    {
        .name = "data get",
        .group = "Data",
        .summary = "write a version of data to files",
        .about =
            "To --output, or to its own name in the working folder; of a .dvc file to the path "
            "beside it. It appears whole or not at all. What is there with the same content stays; "
            "other content is not overwritten.",
        .arguments = {{"VERSION", "NAME@NUMBER, NAME (the newest), or a .dvc file", 1, 1, NULL,
                       true}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_OUTPUT),
        .examples = {{"mw data get train.csv@1 -o old.csv --record mw-record", NULL},
                     {"mw data get data/raw.dvc --record mw-record", "as 'dvc pull' would"}},
        .reads_config = true,
        .run = cli_run_data_get,
    },
    {
        .name = "data diff",
        .group = "Data",
        .summary = "tell what differs between two versions of data",
        .about =
            "Which files are new, gone or changed; of CSV files which columns are, how many rows "
            "are only in one, and how the values of each column differ: missing rate, mean, "
            "deviation, extremes, median, and Kolmogorov-Smirnov's distance; of texts the total "
            "variation.\n\n"
            "The exit code is 0 when they are equal, 6 when they differ.",
        .arguments = {{"VERSION", "two of them: NAME@NUMBER, NAME, or a file", 2, 2, NULL, true}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REASON_FORMAT, CLI_OUTPUT),
        .examples = {{"mw data diff train.csv@1 train.csv@2 --record mw-record", NULL},
                     {"mw data diff train.csv@1 train.csv --record mw-record",
                      "a version against the file here"},
                     {"mw data diff old.csv new.csv --format json", "without a record"}},
        .reads_config = true,
        .run = cli_run_data_diff,
    },
    {
        .name = "data profile",
        .group = "Data",
        .summary = "tell what the columns of a file are",
        .about =
            "Makes the training profile of a CSV file: per column its kind, how many values there "
            "are, are missing, are different; of numbers moments, quantiles and how many lie "
            "between the deciles; of texts how often each stands there. It holds no row, and is "
            "what the watch over live traffic, 'mw drift check' and 'mw anomaly score' compare "
            "with.\n\n"
            "With --model it is kept in the record with that model, as millwright/profile.json "
            "among its files: whoever serves the model watches against it. An MLflow client may as "
            "well log it there.",
        .arguments = {{"FILE", "CSV, also .csv.gz; - is standard input", 1, 1, NULL, true}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_PROFILE_LABEL, CLI_COLUMNS, CLI_CATEGORICAL,
                            CLI_PROFILE_MODEL, CLI_OUTPUT),
        .examples = {{"mw data profile train.csv --label churned -o profile.json", NULL},
                     {"mw data profile train.csv --label y --model models:/credit/3 --record "
                      "mw-record",
                      "kept with version 3 of 'credit'"}},
        .reads_config = true,
        .run = cli_run_data_profile,
    },
    {
        .name = "data drop",
        .group = "Data",
        .summary = "give up a version of data",
        .about =
            "The version is no longer listed or read, and its number is not given again. What it "
            "alone named can no longer be pulled by DVC either; the bytes are freed by 'mw data "
            "gc'. Who dropped it stands in the audit log. --dry-run only tells.",
        .arguments = {{"VERSION", "NAME@NUMBER", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_DRY_RUN, CLI_OUTPUT),
        .examples = {{"mw data drop train.csv@1 --dry-run --record mw-record", "first look"},
                     {"mw data drop train.csv@1 --record mw-record", NULL}},
        .reads_config = true,
        .run = cli_run_data_drop,
    },
    {
        .name = "data gc",
        .group = "Data",
        .summary = "remove stored bytes that nothing refers to",
        .about =
            "What deleted artifacts, dropped versions and broken uploads have left. Versions of "
            "data and what DVC has pushed are never removed. Nothing is removed but by this "
            "command; it needs the "
            "record for itself, --dry-run does not.",
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_DRY_RUN, CLI_GRACE, CLI_OUTPUT),
        .examples = {{"mw data gc --dry-run --record mw-record", "first look"},
                     {"mw data gc --record mw-record", NULL}},
        .reads_config = true,
        .run = cli_run_data_gc,
    },
    {
        .name = "lineage show",
        .group = "Models",
        .summary = "show what a version was made of, and what came of it",
        .about =
            "Prints what the record knows of a version: the digest of its files, its run with "
            "parent and children, code, data sets, environment, signature, aliases; and the other "
            "direction: runs that read it, versions of the same files, data or code. It may be "
            "called while a server has the record open.\n\n"
            "--format openlineage prints RunEvents of OpenLineage 2-0-2, one a line.",
        .arguments = {{"VERSION", "NAME/VERSION, NAME@ALIAS or NAME/latest", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_LINEAGE_FORMAT, CLI_OUTPUT),
        .examples = {{"mw lineage show credit/3 --record mw-record", NULL},
                     {"mw lineage show credit@champion --record mw-record --format json",
                      "for programs"},
                     {"mw lineage show credit/3 --record mw-record --format openlineage",
                      "for POST /api/v1/lineage, a line each"}},
        .reads_config = true,
        .run = cli_run_lineage_show,
    },
    {
        .name = "model register",
        .group = "Release",
        .summary = "make a model a version in a server's record",
        .about =
            "Uploads a model file, or an MLflow model folder, as MLflow's clients would: a run "
            "with its files, and a version of that run; the registered model is made when it "
            "is missing. Prints NAME/VERSION. In a pipeline the run holds its commit "
            "(GITHUB_SHA, CI_COMMIT_SHA, GIT_COMMIT).",
        .arguments = {{"NAME", "of the registered model", 1, 1, NULL, false},
                      {"MODEL", MODEL_HELP, 1, 1, NULL, true}},
        .options = CLI_LIST(CLI_ALIAS, CLI_REACH, CLI_JSON, CLI_OUTPUT, CLI_ONNXRUNTIME),
        .examples = {{"mw model register credit model.json --alias candidate --server "
                      "127.0.0.1:8080",
                      NULL}},
        .run = cli_run_model_register,
    },
    {
        .name = "init",
        .group = "Release",
        .summary = "write a pipeline that validates, registers, gates and deploys",
        .about =
            "Writes .github/workflows/millwright.yml, .gitlab-ci.yml or a Jenkinsfile, and "
            "millwright.yaml and suite.yaml where they are missing. Each change is validated; "
            "what is merged is registered as the alias 'candidate', its report is added to its "
            "gates, and mw apply rolls it out. A file that is there is never written over; "
            "--force writes the pipeline again.",
        .arguments = {{"FOLDER", "of the repository (default: here)", 0, 1, NULL, true}},
        .options = CLI_LIST(CLI_CI, CLI_INIT_MODEL, CLI_FORCE, CLI_OUTPUT),
        .examples = {{"mw init --ci github --model credit", NULL}},
        .run = cli_run_init,
    },
    {
        .name = "apply",
        .group = "Release",
        .summary = "make a record and its server so as a file says",
        .about =
            "Compares the sections 'models' (with their gate policies), 'endpoints', 'rollouts' "
            "and 'alerts' of a millwright.yaml with what is there, tells what differs, and changes "
            "it; a second time there is nothing to change. Models, gates, endpoints and rollouts "
            "change in one transaction. Nothing is removed without --prune, and models never are. "
            "A version whose rollout was rolled back is not tried again.\n\n"
            "With --server it goes through a running server, which needs no access to the record; "
            "with --record straight into the record, whose server follows within a second. Alert "
            "rules are a server's. Marks: + added, ~ changed, - removed, > a rollout starts, ! is "
            "not as asked for, and stays so.\n\n"
            "The exit code is 0 when all is as the file says, 6 when --dry-run found something to "
            "change, or when something stays otherwise.",
        .options = CLI_LIST(CLI_CONFIG, CLI_APPLY_FILE, CLI_DRY_RUN, CLI_PRUNE, CLI_REACH,
                            CLI_RECORD, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw apply -f millwright.yaml --dry-run --server 127.0.0.1:8080",
                      "what would change"},
                     {"mw apply -f millwright.yaml --server 127.0.0.1:8080", NULL},
                     {"mw apply -f millwright.yaml --prune --record mw-record",
                      "beside a running server"}},
        .reads_config = true,
        .run = cli_run_apply,
    },
    {
        .name = "gate list",
        .group = "Release",
        .summary = "show which gates a version has passed, and what is missing",
        .about = "Results with the digests that they are of, approvals, an override. Exit code 6 "
                 "while the gates are closed.",
        .arguments = {{"VERSION", "NAME/VERSION or NAME@ALIAS", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REACH, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw gate list credit/3 --record mw-record", NULL}},
        .reads_config = true,
        .run = cli_run_gate_list,
    },
    {
        .name = "gate require",
        .group = "Release",
        .summary = "say what versions of a model must have passed",
        .about =
            "From then on no door deploys a version that has not passed: no alias, no stage "
            "Production, no rollout, no server. Without any gate and approval the policy goes.",
        .arguments = {{"MODEL", "name of a registered model", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REACH, CLI_GATES, CLI_APPROVALS,
                            CLI_APPROVERS, CLI_ALIASES, CLI_JSON, CLI_OUTPUT),
        .examples =
            {{"mw gate require credit --gates validation,fairness --approvals 1 --record mw-record",
              NULL}},
        .reads_config = true,
        .run = cli_run_gate_require,
    },
    {
        .name = "gate add",
        .group = "Release",
        .summary = "add a report to a version: the result of a gate",
        .about = "The JSON of mw model validate, mw fairness check or mw drift check (--format "
                 "json), or {\"gate\": NAME, \"passed\": true} of any other check. It counts for "
                 "the files that the version has now.",
        .arguments = {{"VERSION", "NAME/VERSION or NAME@ALIAS", 1, 1, NULL, false},
                      {"FILE", "the report", 1, 1, NULL, true}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REACH, CLI_GATE, CLI_GATE_DATA, CLI_JSON,
                            CLI_OUTPUT),
        .examples = {{"mw gate add credit/3 report.json --record mw-record", NULL},
                     {"mw gate add credit@candidate report.json --server 127.0.0.1:8080",
                      "through a running server"}},
        .reads_config = true,
        .run = cli_run_gate_add,
    },
    {
        .name = "gate approve",
        .group = "Release",
        .summary = "approve a version",
        .about = "In your name; who made a version does not approve it.",
        .arguments = {{"VERSION", "NAME/VERSION or NAME@ALIAS", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REACH, CLI_REASON, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw gate approve credit/3 --record mw-record", NULL}},
        .reads_config = true,
        .run = cli_run_gate_approve,
    },
    {
        .name = "gate override",
        .group = "Release",
        .summary = "open the gates of a version, for a reason",
        .about = "Whatever is missing, as long as its files stay as they are. The audit log keeps "
                 "who, and why. Where the record has users or tokens it needs an admin: his token "
                 "in MW_TOKEN, or his name as this machine's user.",
        .arguments = {{"VERSION", "NAME/VERSION or NAME@ALIAS", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REACH, CLI_REASON, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw gate override credit/3 --reason hotfix --record mw-record", NULL}},
        .reads_config = true,
        .run = cli_run_gate_override,
    },
    {
        .name = "rollout start",
        .group = "Release",
        .summary = "bring a new version to an endpoint, step by step",
        .about =
            "The new version is loaded beside the one that is served, and gets a rising share of "
            "the traffic. Each second errors, latency and predictions of both are compared by "
            "tests that may be looked at for ever; harm rolls back by itself, and when every "
            "critical metric is fine the version is promoted: the endpoint's alias moves to it, "
            "for MLflow's clients, too. Then the old version stays warm for --watch-after.\n\n"
            "The endpoint must be served by an alias (mw serve NAME=models:/MODEL@ALIAS). With "
            "--record the command writes to the record, and the server that has it open begins "
            "within a second, also after a restart; else it asks the server (--server).\n\n"
            "Clients that send X-Millwright-Key stay on one version; answers say which it was "
            "(X-Millwright-Version).",
        .arguments = {{"ENDPOINT", "as the server calls it", 1, 1, NULL, false}},
        .options =
            CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REACH, CLI_ROLLOUT_MODEL, CLI_STRATEGY, CLI_STEPS,
                     CLI_ROLLOUT_FILE, CLI_MIN_SAMPLES, CLI_WATCH_AFTER, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw rollout start credit --model credit/3 --steps 1,5,25,100 --record "
                      "mw-record",
                      "a canary"},
                     {"mw rollout start credit --model credit/3 --strategy blue-green --record "
                      "mw-record",
                      "all at once, the old one warm"},
                     {"mw rollout start credit --file rollout.yaml --server mw.example.com:8080",
                      "with approvals and tolerances of one's own, asked of a server"}},
        .reads_config = true,
        .run = cli_run_rollout_start,
    },
    {
        .name = "rollout status",
        .group = "Release",
        .summary = "show where a rollout is, and what its evidence says",
        .about = "Of one endpoint the newest rollout, of none all of them: state, share, the "
                 "verdict of each metric with its interval, and what it waits for.",
        .arguments = {{"ENDPOINT", "as the server calls it", 0, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REACH, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw rollout status credit", "of the server on this machine"},
                     {"mw rollout status credit --record mw-record", "of a record at hand"}},
        .reads_config = true,
        .run = cli_run_rollout_status,
    },
    {
        .name = "rollout list",
        .group = "Release",
        .summary = "show all rollouts of a record",
        .about = "The newest first, those that are over, too.",
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REACH, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw rollout list --record mw-record", NULL}},
        .reads_config = true,
        .run = cli_run_rollout_list,
    },
    {
        .name = "rollout history",
        .group = "Release",
        .summary = "show what was decided in a rollout, by whom and why",
        .about = "Each step, verdict and command, in order; with --json the evidence of each.",
        .arguments = {{"ENDPOINT", "as the server calls it", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REACH, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw rollout history credit --record mw-record", NULL}},
        .reads_config = true,
        .run = cli_run_rollout_history,
    },
    {
        .name = "rollout pause",
        .group = "Release",
        .summary = "keep a rollout where it is",
        .about = "The share stays as it is; harm still rolls back.",
        .arguments = {{"ENDPOINT", "as the server calls it", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REACH, CLI_REASON, CLI_EXPECT_STEP,
                            CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw rollout pause credit --record mw-record", NULL}},
        .reads_config = true,
        .run = cli_run_rollout_pause,
    },
    {
        .name = "rollout resume",
        .group = "Release",
        .summary = "let a paused rollout go on",
        .about = "It goes on where it was.",
        .arguments = {{"ENDPOINT", "as the server calls it", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REACH, CLI_REASON, CLI_EXPECT_STEP,
                            CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw rollout resume credit --record mw-record", NULL}},
        .reads_config = true,
        .run = cli_run_rollout_resume,
    },
    {
        .name = "rollout advance",
        .group = "Release",
        .summary = "go to the next step now",
        .about = "Whatever the evidence says; the history names who said so.",
        .arguments = {{"ENDPOINT", "as the server calls it", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REACH, CLI_REASON, CLI_EXPECT_STEP,
                            CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw rollout advance credit --record mw-record", NULL}},
        .reads_config = true,
        .run = cli_run_rollout_advance,
    },
    {
        .name = "rollout approve",
        .group = "Release",
        .summary = "approve the step that a rollout is in",
        .about = "For steps with approve: in their document. The history names who approved.",
        .arguments = {{"ENDPOINT", "as the server calls it", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REACH, CLI_REASON, CLI_EXPECT_STEP,
                            CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw rollout approve credit --record mw-record", NULL}},
        .reads_config = true,
        .run = cli_run_rollout_approve,
    },
    {
        .name = "rollout promote",
        .group = "Release",
        .summary = "promote the new version now",
        .about = "Moves the alias whatever the evidence says; the gates of the model still hold.",
        .arguments = {{"ENDPOINT", "as the server calls it", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REACH, CLI_REASON, CLI_EXPECT_STEP,
                            CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw rollout promote credit --record mw-record", NULL}},
        .reads_config = true,
        .run = cli_run_rollout_promote,
    },
    {
        .name = "rollout abort",
        .group = "Release",
        .summary = "end a rollout before its promotion",
        .about = "From the next request on the old version has all traffic again.",
        .arguments = {{"ENDPOINT", "as the server calls it", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REACH, CLI_REASON, CLI_EXPECT_STEP,
                            CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw rollout abort credit --record mw-record", NULL}},
        .reads_config = true,
        .run = cli_run_rollout_abort,
    },
    {
        .name = "promote",
        .group = "Release",
        .summary = "promote the new version of an endpoint now",
        .about = "The same as mw rollout promote.",
        .arguments = {{"ENDPOINT", "as the server calls it", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REACH, CLI_REASON, CLI_EXPECT_STEP,
                            CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw promote credit --record mw-record", NULL}},
        .reads_config = true,
        .run = cli_run_rollout_promote,
    },
    {
        .name = "rollback",
        .group = "Release",
        .summary = "go back to the version before, at once",
        .about = "Takes the new version off all traffic, in whatever state its rollout is; after a "
                 "promotion the alias moves back, too. The server follows within a second, and "
                 "while the old version is warm nothing is loaded. No request is lost.",
        .arguments = {{"ENDPOINT", "as the server calls it", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_REACH, CLI_REASON, CLI_EXPECT_STEP,
                            CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw rollback credit", "of the server on this machine"},
                     {"mw rollback credit --reason regression --server mw.example.com:8080",
                      "from elsewhere"},
                     {"mw rollback credit --record mw-record", "no server need be reached"}},
        .reads_config = true,
        .run = cli_run_rollback,
    },
    {
        .name = "status",
        .group = "Operate",
        .summary = "tell what a running server does now, and what limits it",
        .about =
            "Looks at the server's /metrics twice, a second apart, and tells what went on between: "
            "for each endpoint requests, errors and rows a second, p50 and p99, where the time "
            "goes, what waits, and which resource limits it now: loops, workers, cores, queue, "
            "quota, clients' uploads, memory, file descriptors, connections, or nothing.",
        .arguments = {{"ADDRESS",
                       "of the server, HOST:PORT, http(s)://HOST:PORT or unix:PATH; else --server",
                       0, 1, NULL, false}},
        .options = CLI_LIST(CLI_REACH, CLI_INTERVAL, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw status", "of the server on this machine"},
                     {"mw status 127.0.0.1:9000 --interval 10s", "over ten seconds"},
                     {"mw status --json", "for programs"}},
        .run = cli_run_status,
    },
    {
        .name = "alert list",
        .group = "Operate",
        .summary = "show what a running server warns of",
        .about = "One alert a line: state, severity, rule, endpoint, since when, fingerprint, and "
                 "what it is. Of those that fire also the features with the largest effect, how "
                 "sure it is and what to do.",
        .options = CLI_LIST(CLI_REACH, CLI_ALERT_STATE, CLI_ENTRIES, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw alert list", "of the server on this machine"},
                     {"mw alert list --state firing --json", "for programs"}},
        .run = cli_run_alert_list,
    },
    {
        .name = "alert ack",
        .group = "Operate",
        .summary = "say that an alert has been seen",
        .about = "It is not repeated any more; its end is still told.",
        .arguments = {{"ALERT", "its fingerprint or number", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_REACH, CLI_WHY, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw alert ack 196fc9b46814c894 --why seen", ""}},
        .run = cli_run_alert_ack,
    },
    {
        .name = "alert silence",
        .group = "Operate",
        .summary = "tell nobody of some alerts for a while",
        .about =
            "Alerts with these labels are still listed, as silenced; what still fires when the "
            "silence ends is told then. Without labels it lists the silences.",
        .arguments = {{"LABELS", "endpoint=\"churn\", alertname=~\"Input.*\"", 0, 1, NULL, false}},
        .options = CLI_LIST(CLI_REACH, CLI_ALERT_FOR, CLI_WHY, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw alert silence 'endpoint=\"churn\"' --for 2h --why loading", ""},
                     {"mw alert silence", "those that are there"}},
        .run = cli_run_alert_silence,
    },
    {
        .name = "alert unsilence",
        .group = "Operate",
        .summary = "end a silence",
        .about = "What fires and was silenced is told at once.",
        .arguments = {{"NUMBER", "of the silence", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_REACH, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw alert unsilence 3", ""}},
        .run = cli_run_alert_unsilence,
    },
    {
        .name = "alert test",
        .group = "Operate",
        .summary = "send a test to the receivers of alerts",
        .about = "Through the outbox, as an alert goes. GET /mw/v1/receivers tells whether it was "
                 "taken.",
        .arguments = {{"RECEIVER", "one of them; else all", 0, 1, NULL, false}},
        .options = CLI_LIST(CLI_REACH, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw alert test", "all receivers"}, {"mw alert test chat", "one"}},
        .run = cli_run_alert_test,
    },
    {
        .name = "alert rules",
        .group = "Operate",
        .summary = "show the rules of a server, or check those of a file",
        .about =
            "'list' shows those that hold, as they can be copied into millwright.yaml. "
            "'check' reads a configuration, its section 'alerts', or a list of rules, and tells "
            "what is wrong and where; it needs no server.",
        .arguments = {{"ACTION", "list or check", 1, 1, rule_actions, false},
                      {"FILE", "what to check", 0, 1, NULL, true}},
        .options = CLI_LIST(CLI_REACH, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw alert rules list", "of the server on this machine"},
                     {"mw alert rules check millwright.yaml", "before it is served"}},
        .run = cli_run_alert_rules,
    },
    {
        .name = "anomaly score",
        .group = "Daily",
        .summary = "tell which rows are unlike a reference",
        .about =
            "Scores each row of a CSV file from 0 to 1: 1 for a value that is missing where none "
            "ever was, and for a category that the reference does not have; for a number beyond "
            "the reference's 0.001 and 0.999 quantiles, the more the farther it lies; and by an "
            "isolation forest grown from the reference's rows, for rows whose values are usual, "
            "but not together. The largest counts, and its cause is told.\n\n"
            "The reference is a CSV file, or a training profile ('mw data profile'), which has no "
            "rows and therefore no forest. Rows count from 0.",
        .arguments = {{"FILE", "CSV, also .csv.gz; - is standard input", 1, 1, NULL, true}},
        .options = CLI_LIST(CLI_REF, CLI_REPORT_FORMAT, CLI_ANOMALY_THRESHOLD, CLI_PROFILE_LABEL,
                            CLI_COLUMNS, CLI_CATEGORICAL, CLI_SEED, CLI_OUTPUT),
        .examples = {{"mw anomaly score today.csv --ref train.csv --label churned",
                      "the worst rows"},
                     {"mw anomaly score today.csv --ref train.csv --label y --format csv -o "
                      "scores.csv",
                      "every row"}},
        .run = cli_run_anomaly_score,
    },
    {
        .name = "drift check",
        .group = "Daily",
        .summary = "tell whether rows differ from a reference",
        .about =
            "Compares two CSV files column by column: numbers by Kolmogorov-Smirnov (up to 1,000 "
            "rows) or the normed Wasserstein distance, categories by chi-square or the "
            "Jensen-Shannon distance. By default a large sample drifted only when the distance is "
            "large and its p-value, adjusted for the number of features, is below alpha: so "
            "neither a huge sample nor many columns alarm on nothing. --method makes the choice "
            "yours: then its threshold alone decides. --profile evidently and nannyml measure and "
            "judge as these libraries do by default.\n\n"
            "With --joint also whether columns go together as they did, though each alone may look "
            "as before: how far rows lie from what principal components of the reference make of "
            "them, by chunks, as NannyML's data reconstruction does.\n\n"
            "It also tells missing values, new categories, and columns that were added, removed "
            "or changed from numbers to text; a column that is gone, or became text, is drift.\n\n"
            "The exit code is 6 when the data set drifted, and 0 when it did not. Rows are held "
            "in memory, up to 1 GiB a file; .csv.gz is read as it is.",
        .options = CLI_LIST(CLI_REF, CLI_CUR, CLI_DRIFT_FORMAT, CLI_DRIFT_METHOD, CLI_DRIFT_PROFILE,
                            CLI_DRIFT_BINS, CLI_THRESHOLD, CLI_ALPHA, CLI_DRIFT_SHARE, CLI_COLUMNS,
                            CLI_CATEGORICAL, CLI_OUTPUT, CLI_JOINT, CLI_MMD, CLI_CHUNK),
        .examples = {{"mw drift check --ref train.csv --cur today.csv", "every column"},
                     {"mw drift check --ref train.csv --cur today.csv --method psi,chi2 "
                      "--threshold 0.25",
                      "by the population stability index"},
                     {"mw drift check --ref train.csv --cur today.csv --format junit -o drift.xml",
                      "for CI: exit code 6 and a report"},
                     {"mw drift check --ref train.csv --cur today.csv --profile evidently "
                      "--format json",
                      "what Evidently's preset would say"},
                     {"mw drift check --ref train.csv --cur today.csv --joint",
                      "each column, and all of them together"}},
        .run = cli_run_drift_check,
    },
    {
        .name = "drift stream",
        .group = "Daily",
        .summary = "tell where a column of a file changed",
        .about =
            "Reads one column from top to bottom and tells the rows at which a change detector "
            "alarmed: ADWIN, DDM, EDDM, HDDM-A, HDDM-W, KSWIN, Page-Hinkley or CUSUM, with "
            "River's parameters, and at the rows at which River's alarm; or the exact scan, for "
            "errors as 0 and 1, which promises how rare its false alarms are (--arl), and tells "
            "since when, from what and to what. Rows count from 0, missing values are passed "
            "over. After an alarm the detector begins anew.\n\n"
            "The exit code is 6 when something changed, and 0 when nothing did.",
        .arguments = {{"FILE", "CSV, also .csv.gz; - is standard input", 1, 1, NULL, true}},
        .options =
            CLI_LIST(CLI_COLUMN, CLI_DETECTOR, CLI_ARL, CLI_SIDES, CLI_SEED, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw drift stream prices.csv --column price", "by ADWIN"},
                     {"mw drift stream errors.csv --detector scan --json",
                      "errors as 0 and 1, the result for programs"}},
        .run = cli_run_drift_stream,
    },
    {
        .name = "decay estimate",
        .group = "Daily",
        .summary = "tell how good a model still is, before labels come",
        .about =
            "Estimates accuracy, precision, recall, specificity, F1 and AUC of a classifier on "
            "rows whose labels are not known, from its scores alone: CBPE (confidence-based "
            "performance estimation), with the numbers of NannyML. Of several classes each is "
            "taken against the rest, and the mean told. The reference, rows with labels, "
            "tells what scores are worth (isotonic calibration), how far chance moves each metric, "
            "and where alarms begin: three standard deviations from the mean of its chunks.\n\n"
            "Of a regression it estimates MAE, MAPE, MSE, RMSE, MSLE and RMSLE by DLE (direct loss "
            "estimation): --loss names models that were trained on the loss of reference rows, "
            "from "
            "their features and the prediction; any model that mw reads.\n\n"
            "It assumes that inputs mean what they did: when what follows from them has changed, "
            "only labels can tell.\n\n"
            "The exit code is 6 when a chunk alarms, and 0 when none does.",
        .options =
            CLI_LIST(CLI_REF, CLI_CUR, CLI_DECAY_LABEL, CLI_DECAY_SCORE, CLI_DECAY_LOSS,
                     CLI_DECISIONS, CLI_DECISION, CLI_CHUNK, CLI_CALIBRATE, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw decay estimate --ref test.csv --cur week.csv --label y --score p",
                      "in ten chunks"},
                     {"mw decay estimate --ref test.csv --cur week.csv --label defaulted --score "
                      "prediction --chunk 5000 --json",
                      "for programs"},
                     {"mw decay estimate --ref test.csv --cur week.csv --label kind --score "
                      "red=p_red,green=p_green,blue=p_blue",
                      "three classes"},
                     {"mw decay estimate --ref test.csv --cur week.csv --label price --score "
                      "prediction --loss mae=mae.txt,mse=mse.txt",
                      "a regression, with two models of its loss"}},
        .run = cli_run_decay_estimate,
    },
    {
        .name = "log query",
        .group = "Daily",
        .summary = "find predictions that a server kept",
        .about =
            "Reads the prediction log of 'mw serve --log on', while the server runs or without it: "
            "time, id, endpoint, version, inputs and outputs, a row a line, in the order in which "
            "they were made. --format jsonl writes an object a line. A hashed column shows its "
            "hash, a dropped one is empty.\n\n"
            "The id of a prediction is that of its request (X-Request-ID in the answer) and the "
            "number of its row: 0193a0...#4.",
        .options = CLI_LIST(LOG_FILTERS, CLI_LOG_FORMAT, CLI_LOG_LIMIT),
        .examples = {{"mw log query --endpoint credit --since 1h", "the last hour of an endpoint"},
                     {"mw log query --id 0193a0c2-1111-7000-8000-000000000000", "one request"}},
        .run = cli_run_log_query,
    },
    {
        .name = "log tail",
        .group = "Daily",
        .summary = "show the newest predictions",
        .about = "The last rows of the prediction log, the newest last. What a server has not "
                 "written yet, about a second's predictions, is not among them.",
        .options = CLI_LIST(LOG_FILTERS, CLI_LOG_FORMAT, CLI_LOG_LAST),
        .examples = {{"mw log tail --rows 5 --format jsonl", "the last five"}},
        .run = cli_run_log_tail,
    },
    {
        .name = "log export",
        .group = "Daily",
        .summary = "write predictions to a file",
        .about = "As 'mw log query', to a file that appears whole or not at all: CSV for 'mw drift "
                 "check', pandas and the like, or JSON lines. Columns of several endpoints or "
                 "versions stand side by side; where a row has none it is empty. --format arrow "
                 "writes an Arrow IPC file (Feather), with types: pandas.read_feather, polars and "
                 "pyarrow read it, and write Parquet of it in one line.",
        .options = CLI_LIST(LOG_FILTERS, CLI_LOG_FILE_FORMAT, CLI_LOG_LIMIT, CLI_OUTPUT),
        .examples = {{"mw log export --endpoint credit --since 7d -o week.csv", "a week"},
                     {"mw log export --format arrow -o week.arrow", "with types, for pandas"},
                     {"mw log export --format jsonl -o all.jsonl", "everything"}},
        .run = cli_run_log_export,
    },
    {
        .name = "log performance",
        .group = "Daily",
        .summary = "tell how good logged predictions were",
        .about =
            "Joins the labels that came as feedback to the predictions of the log, and tells for "
            "each version what came of them: accuracy, AUC, log loss and their kin for classes, "
            "errors for numbers, with 95 % intervals, and how late the labels came. The same as "
            "GET /performance of a server, but over all of the log.",
        .options = CLI_LIST(CLI_LOG_FOLDER, CLI_OF_ENDPOINT, CLI_MODEL_VERSION, CLI_SINCE,
                            CLI_UNTIL, CLI_SLICE, CLI_DECISION, CLI_JSON),
        .examples = {{"mw log performance --since 30d", "of last month's predictions"},
                     {"mw log performance --endpoint credit --slice region", "by region"}},
        .run = cli_run_log_performance,
    },
    {
        .name = "feedback send",
        .group = "Daily",
        .summary = "tell a server what was true",
        .about =
            "Sends labels to a running server, which joins them to the predictions that it kept "
            "(--log on). FILE is CSV with the columns id and label, and row or time where wanted, "
            "or JSON lines of {\"id\": ..., \"label\": ...}; an id is the X-Request-ID of an "
            "answer, with #4 behind it for row 4. CSV of 'mw log export' with a column 'label' "
            "added is such a file.\n\n"
            "What is acknowledged is on the server's disk: sending a file again changes nothing.",
        .arguments = {{"FILE", "CSV or JSON lines; - is standard input", 1, 1, NULL, true}},
        .options = CLI_LIST(CLI_TO_ENDPOINT, CLI_REACH, CLI_JSON),
        .examples = {{"mw feedback send labels.csv --endpoint credit", "to 127.0.0.1:8080"}},
        .run = cli_run_feedback_send,
    },
    {
        .name = "log stat",
        .group = "Daily",
        .summary = "tell what a prediction log holds",
        .about = "Files, bytes, rows and times, what each endpoint and version has, and whether "
                 "anything is damaged: then the exit code is 6.",
        .options = CLI_LIST(LOG_FILTERS, CLI_JSON),
        .examples = {{"mw log stat", "of ./mw-data/log"}},
        .run = cli_run_log_stat,
    },
    {
        .name = "user add",
        .group = "Govern",
        .summary = "let a person in",
        .about =
            "Adds a user to a record, with a password that is asked for on the terminal or comes "
            "from standard input, never as an argument. --role grants a role at once: viewers "
            "look, editors log runs and register models, deployers move aliases and load models, "
            "admins manage users and tokens and read the audit log. A role may be on one "
            "experiment, model or endpoint only.\n\n"
            "A server that has the record open learns of it within a second.",
        .arguments = {{"NAME", "letters, digits and . _ - @ +", 1, 1, NULL, false}},
        .options = ACCESS_OPTIONS(CLI_ROLE, SCOPES, CLI_PASSWORD_STDIN),
        .examples = {{"mw user add ada --role admin --record mw-record", "asks for a password"},
                     {"mw user add bob --role editor --experiment churn --password-stdin",
                      "may log into one experiment"}},
        .reads_config = true,
        .run = cli_run_user_add,
    },
    {
        .name = "user list",
        .group = "Govern",
        .summary = "show users and their roles",
        .about = "One user a line: name, roles, since when.",
        .options = ACCESS_OPTIONS(CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw user list --record mw-record", "all of them"}},
        .reads_config = true,
        .run = cli_run_user_list,
    },
    {
        .name = "user remove",
        .group = "Govern",
        .summary = "shut a person out",
        .about = "Removes a user with all roles; servers forget the user within a second. What the "
                 "user did stays in the audit log. Tokens that the user made stay in force.",
        .arguments = {{"NAME", "the user", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD),
        .examples = {{"mw user remove bob --record mw-record", "at once"}},
        .reads_config = true,
        .run = cli_run_user_remove,
    },
    {
        .name = "user passwd",
        .group = "Govern",
        .summary = "change a password",
        .about = "The new password is asked for on the terminal, or comes from standard input.",
        .arguments = {{"NAME", "the user", 1, 1, NULL, false}},
        .options = ACCESS_OPTIONS(CLI_PASSWORD_STDIN),
        .examples = {{"mw user passwd ada --record mw-record", "asks for it twice"}},
        .reads_config = true,
        .run = cli_run_user_passwd,
    },
    {
        .name = "user grant",
        .group = "Govern",
        .summary = "give a user a role",
        .about = "In place of the role that the user had on the same thing. Without --experiment, "
                 "--model or --endpoint it is a role on everything.",
        .arguments = {{"NAME", "the user", 1, 1, NULL, false}},
        .options = ACCESS_OPTIONS(CLI_ROLE, SCOPES),
        .examples = {{"mw user grant bob --role viewer --record mw-record", "may look"},
                     {"mw user grant bob --role deployer --model credit --record mw-record",
                      "may also move the aliases of one model"}},
        .reads_config = true,
        .run = cli_run_user_grant,
    },
    {
        .name = "user revoke",
        .group = "Govern",
        .summary = "take a role away",
        .about = "The role on everything, or on what --experiment, --model or --endpoint names.",
        .arguments = {{"NAME", "the user", 1, 1, NULL, false}},
        .options = ACCESS_OPTIONS(SCOPES),
        .examples = {{"mw user revoke bob --model credit --record mw-record", "on one model"}},
        .reads_config = true,
        .run = cli_run_user_revoke,
    },
    {
        .name = "token create",
        .group = "Govern",
        .summary = "make a token for a program",
        .about = "Prints the token, once: the record keeps only its digest. Programs send it as "
                 "'Authorization: Bearer TOKEN'; MLflow's client takes it from "
                 "MLFLOW_TRACKING_TOKEN. A token has one role, on everything or on one "
                 "experiment, model or endpoint, and expires.",
        .arguments = {{"NAME", "what it is for; the audit log calls it token:NAME", 1, 1, NULL,
                       false}},
        .options = ACCESS_OPTIONS(CLI_ROLE, SCOPES, CLI_EXPIRES, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw token create ci --role editor --record mw-record", "good for 90 days"},
                     {"mw token create train --role editor --experiment churn --expires 12h",
                      "for one experiment, for half a day"}},
        .reads_config = true,
        .run = cli_run_token_create,
    },
    {
        .name = "token list",
        .group = "Govern",
        .summary = "show tokens: what they may do, until when, when they were used last",
        .about = "One token a line; their secrets are kept nowhere.",
        .options = ACCESS_OPTIONS(CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw token list --record mw-record", "all of them"}},
        .reads_config = true,
        .run = cli_run_token_list,
    },
    {
        .name = "token revoke",
        .group = "Govern",
        .summary = "put a token out of force",
        .about = "For good; servers refuse it within a second. The name may be used again.",
        .arguments = {{"NAME", "the token", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD),
        .examples = {{"mw token revoke ci --record mw-record", "at once"}},
        .reads_config = true,
        .run = cli_run_token_revoke,
    },
    {
        .name = "audit list",
        .group = "Govern",
        .summary = "show what was changed in a record, when and by whom",
        .about =
            "One entry a line, the newest first: number, time, actor, from where, action, object, "
            "before and after. Every change of experiments, models, versions, aliases, artifacts, "
            "users and tokens has one; what runs log does not.",
        .options = ACCESS_OPTIONS(CLI_SINCE, CLI_WHO, CLI_WHAT, CLI_ENTRIES, CLI_REPORT_FORMAT,
                                  CLI_OUTPUT),
        .examples = {{"mw audit list --record mw-record", "the last hundred changes"},
                     {"mw audit list --what alias --since 7d --format json",
                      "who moved aliases this week"}},
        .reads_config = true,
        .run = cli_run_audit_list,
    },
    {
        .name = "audit verify",
        .group = "Govern",
        .summary = "check that the audit log is as it was written",
        .about =
            "Walks the chain of hashes: an entry that was edited, removed, inserted or moved "
            "breaks "
            "it; then the exit code is 6. The head that is printed stands for all entries up to "
            "it: keep it somewhere else, and give it to --head later to see that the log was not "
            "written anew.",
        .options = ACCESS_OPTIONS(CLI_HEAD, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw audit verify --record mw-record", "whole, with the number of entries"}},
        .reads_config = true,
        .run = cli_run_audit_verify,
    },
    {
        .name = "fairness check",
        .group = "Daily",
        .summary = "tell whether decisions treat groups alike",
        .about =
            "Reads rows with a label, a score and columns that tell groups, and measures for each "
            "group and combination of groups: how many are selected, error rates, precision, AUC, "
            "calibration, with 95 % intervals; and between groups: demographic parity, equalized "
            "odds, equal opportunity, predictive parity and others, as differences and ratios, "
            "equal to Fairlearn's. Groups need not be inputs of the model.\n\n"
            "--suite gives limits: a limit is broken when the whole interval lies beyond it, kept "
            "when the whole lies inside, and else undecided. The exit code is 6 when one is "
            "broken, or when none is shown to be kept; 'undecided' in the suite, or --undecided, "
            "makes it stricter (fail) or laxer (warn). A rate that is not defined (no positives in "
            "a group) is told so, and is "
            "never 0.",
        .options = CLI_LIST(CLI_FAIR_DATA, CLI_FAIR_LABEL, CLI_FAIR_SCORE, CLI_FAIR_THRESHOLD,
                            CLI_FAIR_GROUPS, CLI_FAIR_POSITIVE, CLI_FAIR_WEIGHT, CLI_FAIR_REPEATS,
                            CLI_FAIR_SUITE, CLI_UNDECIDED_RULE, CLI_FAIR_ZERO_DIVISION,
                            CLI_FAIR_FORMAT, CLI_OUTPUT),
        .examples = {{"mw fairness check --data scored.csv --label y --score p --groups sex,race",
                      "two attributes, by themselves"},
                     {"mw fairness check --data scored.csv --label y --score p --groups 'sex*race' "
                      "--suite fairness.yaml",
                      "each combination, with limits"},
                     {"mw fairness check --data scored.csv --label y --score p --groups sex "
                      "--format html -o fairness.html",
                      "a page for people"}},
        .run = cli_run_fairness_check,
    },
    {
        .name = "server backup",
        .group = "Operate",
        .summary = "copy a whole record, also while a server uses it",
        .about =
            "Writes a consistent copy of a record: its rows as they are at one moment, and every "
            "stored file, whose SHA-256 is compared with its name on the way. A name that ends in "
            ".tar is a tar file, any other a folder; it appears whole or not at all, and nothing "
            "is "
            "ever written over. A damaged file ends it with exit code 1 and its name.\n\n"
            "Passwords and tokens are in it as digests only; it is readable by its owner alone.\n\n"
            "Of a record in PostgreSQL the rows are read in one transaction.",
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_OUTPUT, CLI_JSON),
        .examples = {{"mw server backup --record mw-record -o 2027-01-31.tar", "into a file"},
                     {"mw server backup --record mw-record -o backups/monday", "into a folder"}},
        .reads_config = true,
        .run = cli_run_server_backup,
    },
    {
        .name = "server restore",
        .group = "Operate",
        .summary = "make a record from a backup",
        .about =
            "Into a folder that is not there or is empty; it appears whole or not at all. Checked "
            "first: every file against its SHA-256, the database, that no piece is missing, and "
            "the "
            "audit log, which gets an entry. A backup of an older version is brought forward.\n\n"
            "With --store the rows go into that database, which must hold no record: all of them "
            "or none, each compared. Files go into the folder.",
        .arguments = {{"BACKUP", "what 'mw server backup' wrote", 1, 1, NULL, true}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_STORE, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw server restore 2027-01-31.tar --record mw-record", "then serve it"},
                     {"mw server restore b.tar --record r --store postgresql://mw@db/mw",
                      "into PostgreSQL"}},
        .reads_config = true,
        .run = cli_run_server_restore,
    },
    {
        .name = "server import-mlflow",
        .group = "Operate",
        .summary = "bring MLflow's own database over",
        .about =
            "Reads the SQLite database of MLflow 3.17 ('mlflow db upgrade' brings older ones "
            "there) "
            "and puts into a record what it holds: experiments, runs, parameters, metrics with "
            "their history, tags, data sets, logged models, registered models with versions and "
            "aliases, and artifacts that lie on this machine, copied. Files in object stores stay "
            "there. All of it or nothing; a second time adds what is new. MLflow's database is "
            "only "
            "read. A record in a file must not be in use; of one in PostgreSQL the writes of "
            "servers "
            "wait meanwhile.",
        .arguments = {{"DATABASE", "sqlite:///path/to/mlflow.db, or its path", 1, 1, NULL, true}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_ARTIFACTS, CLI_JSON, CLI_OUTPUT),
        .examples =
            {{"mw server import-mlflow sqlite:///mlflow.db --record mw-record",
              "with the files of ./mlruns"},
             {"mw server import-mlflow mlflow.db --artifacts mlartifacts --record mw-record",
              "of a server that kept artifacts there"}},
        .reads_config = true,
        .run = cli_run_server_import,
    },
    {
        .name = "server migrate",
        .group = "Operate",
        .summary = "move a record's rows into PostgreSQL, or back",
        .about =
            "Copies every row of the record into a database that holds none, reads all of them "
            "there and compares, verifies the audit log on both sides, and then notes in the "
            "record's "
            "folder where the rows are: 'mw serve --record DIR' goes on with them. All or nothing. "
            "With TO 'file' they come back into record.db. Artifacts stay where they are: servers "
            "that are to share the record need them in a bucket or a folder that all see. What "
            "was left is kept as record.db.moved. The record must not be in use.",
        .arguments = {{"TO", "postgresql://USER@HOST/DATABASE, or 'file'", 1, 1, NULL, false}},
        .options = CLI_LIST(CLI_CONFIG, CLI_RECORD, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw server migrate postgresql://mw@db.example/models --record mw-record",
                      "so that several servers share it"},
                     {"mw server migrate file --record mw-record", "back into one file"}},
        .reads_config = true,
        .run = cli_run_server_migrate,
    },
    {
        .name = "capacity bench",
        .group = "Operate",
        .summary = "find out how much a running server carries",
        .about =
            "Sends a server the rows of a CSV file at one rate after the other, and prints how its "
            "latency grows: the curve, and its knee. Requests are due at times that do not depend "
            "on "
            "the answers, as those of many clients are, and latency counts from when a request was "
            "due; so a server that stands still is charged for all who would have come.\n\n"
            "Without --rates it first presses the server as hard as its connections allow, then "
            "climbs from a twentieth of that until the server does not keep up, and halves the "
            "last "
            "gap. With --objective the knee is the highest rate whose p99 keeps to it. Any server "
            "of "
            "these protocols can be measured; without ENDPOINT requests go to /invocations.\n\n"
            "It puts a server under as much load as it carries: do not point it at one that others "
            "use. On one machine the generator takes cores away from the server; when it was "
            "itself "
            "the limit, it says so.",
        .arguments = {{"ENDPOINT", "name of the endpoint; without it the server's only model", 0, 1,
                       NULL, false}},
        .options = CLI_LIST(CLI_INPUT, CLI_REACH, CLI_ROWS, CLI_LOAD_PROTOCOL, CLI_RATES,
                            CLI_DURATION, CLI_CONNECTIONS, CLI_ARRIVALS, CLI_TIMEOUT, CLI_OBJECTIVE,
                            CLI_SEED, CLI_THREADS, CLI_REASON_FORMAT, CLI_OUTPUT),
        .examples =
            {{"mw capacity bench credit --input credit.csv", NULL},
             {"mw capacity bench credit --input credit.csv --objective 10ms",
              "requests a second within a p99 of 10 ms"},
             {"mw capacity bench credit --input credit.csv --rates 500,1000,2000 "
              "--duration 30s",
              "three rates, longer"},
             {"mw capacity bench credit --input credit.csv --protocol oip-binary --rows 1000 "
              "--format json -o curve.json",
              "batches; for programs"}},
        .run = cli_run_capacity_bench,
    },
    {
        .name = "config show",
        .group = "Setup",
        .summary = "show the settings in force, and where each came from",
        .about = "Resolves environment, configuration files and defaults as 'mw serve' would, "
                 "and prints the result.",
        .options = CLI_LIST(CLI_ORIGIN, CLI_CONFIG, CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw config show", NULL},
                     {"mw config show --origin", "with the flag, variable or line that set it"},
                     {"mw config show --config prod.yaml --json", "of another file, for programs"}},
        .reads_config = true,
        .run = cli_run_config_show,
    },
    {
        .name = "config check",
        .group = "Setup",
        .summary = "check a configuration file",
        .about =
            "Reads the file as 'mw serve' would and says what is wrong with it. Exit code 0 when "
            "it is good, 6 when it is not, 3 when it does not exist.",
        .arguments = {{"FILE", "configuration file", 0, 1, NULL, true}},
        .options = CLI_LIST(CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw config check millwright.yaml", NULL},
                     {"mw config check", "./millwright.yaml"}},
        .run = cli_run_config_check,
    },
    {
        .name = "config schema",
        .group = "Setup",
        .summary = "list all configuration keys",
        .about = "Lists the keys of the configuration file with type, range, default and meaning. "
                 "With --json it is a JSON Schema, which editors use to check and complete.",
        .arguments = {{"SECTION", "only this section: server, endpoints", 0, 1, NULL, false}},
        .options = CLI_LIST(CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw config schema", NULL},
                     {"mw config schema server", "one section"},
                     {"mw config schema --json -o millwright.schema.json", "for an editor"}},
        .run = cli_run_config_schema,
    },
    {
        .name = "completion",
        .group = "Setup",
        .summary = "write the completion script of a shell",
        .about =
            "Installed packages bring these files along; this command is for a program that was "
            "built by hand.",
        .arguments = {{"SHELL", "bash, zsh or fish", 1, 1, shells, false}},
        .options = CLI_LIST(CLI_OUTPUT),
        .examples = {{"mw completion bash", "to try it: eval \"$(mw completion bash)\""},
                     {"mw completion fish -o ~/.config/fish/completions/mw.fish", NULL}},
        .run = cli_run_completion,
    },
    {
        .name = "help",
        .group = "Setup",
        .summary = "explain a command, a topic or an error code",
        .about = "Without an argument it lists commands and topics.",
        .arguments = {{"TOPIC", "command, topic or error code", 0, 2, NULL, false}},
        .options = CLI_LIST(CLI_MAN, CLI_MARKDOWN, CLI_OUTPUT),
        .examples = {{"mw help serve", NULL},
                     {"mw help config", "a topic"},
                     {"mw help MW1003", "an error code"},
                     {"mw help --man -o millwright.1", "the man page"}},
        .run = cli_run_help,
    },
    {
        .name = "version",
        .group = "Setup",
        .summary = "show the version",
        .about = "The same as --version.",
        .options = CLI_LIST(CLI_JSON, CLI_OUTPUT),
        .examples = {{"mw version", NULL}, {"mw version --json", "for programs"}},
        .run = cli_run_version,
    },
};

const cli_option_id cli_everywhere[] = {CLI_HELP,    CLI_VERSION,  CLI_QUIET,
                                        CLI_VERBOSE, CLI_NO_COLOR, CLI_N_OPTIONS};

bool cli_list_has(const cli_option_id *list, cli_option_id id)
{
    for (; list && *list != CLI_N_OPTIONS; list++)
        if (*list == id)
            return true;
    return false;
}

const cli_command *cli_commands(size_t *ret_count)
{
    *ret_count = MW_COUNT(commands);
    return commands;
}

const cli_command *cli_command_named(mw_view name)
{
    for (size_t i = 0; i < MW_COUNT(commands); i++)
        if (mw_view_is(name, commands[i].name))
            return &commands[i];
    return NULL;
}

bool cli_is_group(mw_view word)
{
    for (size_t i = 0; i < MW_COUNT(commands); i++) {
        const char *blank = strchr(commands[i].name, ' ');
        if (blank &&
            mw_view_equal(word, (mw_view){commands[i].name, (size_t)(blank - commands[i].name)}))
            return true;
    }
    return false;
}

void cli_command_usage(const cli_command *command, mw_buf *out)
{
    mw_buf_text(out, command->name);
    for (const cli_argument *a = command->arguments; a->name; a++)
        mw_buf_format(out, " %s%s%s%s", a->min == 0 ? "[" : "", a->name, a->max > 1 ? "..." : "",
                      a->min == 0 ? "]" : "");
    mw_buf_text(out, " [OPTION...]");
}
