/* The schema of the record, one step a version. A step that was released is never edited: what
 * comes later is a further step.
 *
 *     experiments -< runs -< metrics, latest_metrics, params, tags
 *                        \-< run_datasets >- datasets
 *                        \-< run_models >- logged_models
 *
 * Runs have a number of the record's own beside MLflow's id, so that the keys of what they log are
 * short. `metrics` is ordered as a history is read: by timestamp, step, value. */
#include "record.h"

static const char step_1[] =
    "CREATE TABLE experiments(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
    " location TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL,"
    " updated INTEGER NOT NULL) STRICT;"
    "CREATE TABLE experiment_tags(experiment INTEGER NOT NULL REFERENCES experiments,"
    " key TEXT NOT NULL, value TEXT, PRIMARY KEY(experiment, key)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE runs(id INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE,"
    " experiment INTEGER NOT NULL REFERENCES experiments, name TEXT NOT NULL, user TEXT NOT NULL,"
    " status INTEGER NOT NULL, started INTEGER NOT NULL, ended INTEGER,"
    " deleted INTEGER NOT NULL DEFAULT 0, artifact_uri TEXT NOT NULL) STRICT;"
    "CREATE INDEX runs_newest ON runs(experiment, deleted, started DESC, run_id);"
    "CREATE TABLE metrics(run INTEGER NOT NULL REFERENCES runs, key TEXT NOT NULL,"
    " timestamp INTEGER NOT NULL, step INTEGER NOT NULL, value REAL NOT NULL,"
    " is_nan INTEGER NOT NULL, PRIMARY KEY(run, key, timestamp, step, value, is_nan))"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE latest_metrics(run INTEGER NOT NULL REFERENCES runs, key TEXT NOT NULL,"
    " value REAL NOT NULL, is_nan INTEGER NOT NULL, timestamp INTEGER NOT NULL,"
    " step INTEGER NOT NULL, PRIMARY KEY(run, key)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE params(run INTEGER NOT NULL REFERENCES runs, key TEXT NOT NULL,"
    " value TEXT NOT NULL, PRIMARY KEY(run, key)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE tags(run INTEGER NOT NULL REFERENCES runs, key TEXT NOT NULL,"
    " value TEXT NOT NULL, PRIMARY KEY(run, key)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE datasets(id INTEGER PRIMARY KEY, experiment INTEGER NOT NULL REFERENCES"
    " experiments, name TEXT NOT NULL, digest TEXT NOT NULL, source_type TEXT NOT NULL,"
    " source TEXT NOT NULL, schema TEXT, profile TEXT, UNIQUE(experiment, name, digest)) STRICT;"
    "CREATE TABLE run_datasets(id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs,"
    " dataset INTEGER NOT NULL REFERENCES datasets, UNIQUE(run, dataset)) STRICT;"
    "CREATE INDEX run_datasets_of ON run_datasets(dataset);"
    "CREATE TABLE run_dataset_tags(use INTEGER NOT NULL REFERENCES run_datasets,"
    " key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(use, key)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE run_models(id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs,"
    " model_id TEXT NOT NULL, is_output INTEGER NOT NULL, step INTEGER NOT NULL,"
    " UNIQUE(run, is_output, model_id)) STRICT;"
    "CREATE TABLE logged_models(id INTEGER PRIMARY KEY, model_id TEXT NOT NULL UNIQUE,"
    " experiment INTEGER NOT NULL REFERENCES experiments, name TEXT NOT NULL,"
    " artifact_uri TEXT NOT NULL, status INTEGER NOT NULL, status_message TEXT, model_type TEXT,"
    " source_run_id TEXT, created INTEGER NOT NULL, updated INTEGER NOT NULL,"
    " deleted INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE INDEX logged_models_newest ON logged_models(experiment, deleted, created DESC);"
    "CREATE TABLE logged_model_params(model INTEGER NOT NULL REFERENCES logged_models,"
    " key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(model, key)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE logged_model_tags(model INTEGER NOT NULL REFERENCES logged_models,"
    " key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(model, key)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE logged_model_metrics(model INTEGER NOT NULL REFERENCES logged_models,"
    " key TEXT NOT NULL, timestamp INTEGER NOT NULL, step INTEGER NOT NULL,"
    " run INTEGER NOT NULL REFERENCES runs, value REAL NOT NULL, is_nan INTEGER NOT NULL,"
    " dataset_name TEXT, dataset_digest TEXT, PRIMARY KEY(model, key, timestamp, step, run))"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE registered_models(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " description TEXT, created INTEGER NOT NULL, updated INTEGER NOT NULL,"
    " last_version INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE registered_model_tags(model INTEGER NOT NULL REFERENCES registered_models"
    " ON DELETE CASCADE, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(model, key))"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE model_versions(model INTEGER NOT NULL REFERENCES registered_models"
    " ON DELETE CASCADE, version INTEGER NOT NULL, description TEXT, user TEXT,"
    " stage INTEGER NOT NULL DEFAULT 0, source TEXT NOT NULL, location TEXT NOT NULL, run_id TEXT,"
    " run_link TEXT, model_id TEXT, created INTEGER NOT NULL, updated INTEGER NOT NULL,"
    " PRIMARY KEY(model, version)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX model_versions_of_run ON model_versions(run_id);"
    "CREATE TABLE model_version_tags(model INTEGER NOT NULL, version INTEGER NOT NULL,"
    " key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(model, version, key),"
    " FOREIGN KEY(model, version) REFERENCES model_versions ON DELETE CASCADE)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE model_aliases(model INTEGER NOT NULL REFERENCES registered_models"
    " ON DELETE CASCADE, alias TEXT NOT NULL, version INTEGER NOT NULL,"
    " PRIMARY KEY(model, alias), FOREIGN KEY(model, version) REFERENCES model_versions"
    " ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
    "CREATE TABLE artifacts(path TEXT NOT NULL PRIMARY KEY, digest TEXT NOT NULL,"
    " bytes INTEGER NOT NULL, created INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO experiments(id, name, location, created, updated)"
    " SELECT 0, 'Default', 'mlflow-artifacts:/0', t, t FROM"
    " (SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000 AS t);";

/* For searches: runs by the value of a metric, a parameter, a tag (narrow.c). Long texts are not
 * compared as a whole, and would stand in the file twice. */
static const char step_2[] =
    "CREATE INDEX latest_metrics_by_value ON latest_metrics(key, is_nan, value);"
    "CREATE INDEX params_by_value ON params(key, value) WHERE length(value) <= 100;"
    "CREATE INDEX tags_by_value ON tags(key, value) WHERE length(value) <= 100;";

/* What versions are made of. The keys of what is looked for from the other end have an index. */
static const char step_3[] =
    "CREATE TABLE version_passports(model INTEGER NOT NULL, version INTEGER NOT NULL, digest TEXT,"
    " n_files INTEGER NOT NULL, bytes INTEGER NOT NULL, n_examples INTEGER NOT NULL,"
    " commit_id TEXT, branch TEXT, repository TEXT, entry TEXT, dirty INTEGER NOT NULL,"
    " patch TEXT, user TEXT, flavors TEXT, mlflow_version TEXT, python TEXT, fault TEXT,"
    " created INTEGER NOT NULL, PRIMARY KEY(model, version),"
    " FOREIGN KEY(model, version) REFERENCES model_versions ON DELETE CASCADE)"
    " STRICT, WITHOUT ROWID;"
    "CREATE INDEX version_passports_of_digest ON version_passports(digest);"
    "CREATE INDEX version_passports_of_commit ON version_passports(commit_id);"
    "CREATE TABLE version_libraries(model INTEGER NOT NULL, version INTEGER NOT NULL,"
    " name TEXT NOT NULL, wanted TEXT NOT NULL, PRIMARY KEY(model, version, name),"
    " FOREIGN KEY(model, version) REFERENCES model_versions ON DELETE CASCADE)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE version_data(model INTEGER NOT NULL, version INTEGER NOT NULL,"
    " name TEXT NOT NULL, digest TEXT NOT NULL, source_type TEXT, source TEXT, context TEXT,"
    " PRIMARY KEY(model, version, name, digest),"
    " FOREIGN KEY(model, version) REFERENCES model_versions ON DELETE CASCADE)"
    " STRICT, WITHOUT ROWID;"
    "CREATE INDEX version_data_of ON version_data(digest, name);"
    "CREATE TABLE version_columns(model INTEGER NOT NULL, version INTEGER NOT NULL,"
    " place INTEGER NOT NULL, is_output INTEGER NOT NULL, name TEXT, type TEXT NOT NULL,"
    " required INTEGER NOT NULL, low REAL, high REAL, missing REAL,"
    " PRIMARY KEY(model, version, place),"
    " FOREIGN KEY(model, version) REFERENCES model_versions ON DELETE CASCADE)"
    " STRICT, WITHOUT ROWID;"
    "CREATE INDEX run_models_of ON run_models(model_id);"
    "CREATE INDEX model_versions_of_logged ON model_versions(model_id);"
    "CREATE INDEX model_versions_of_source ON model_versions(source);";

/* What an endpoint serves from an address, so that a restart goes on with it. */
static const char step_4[] =
    "CREATE TABLE served_addresses(endpoint TEXT NOT NULL, address TEXT NOT NULL,"
    " folder TEXT NOT NULL, since INTEGER NOT NULL, PRIMARY KEY(endpoint, address))"
    " STRICT, WITHOUT ROWID;";

/* Who may do what, and the log of changes. A row of the log can only be added. */
static const char step_5[] =
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, password TEXT NOT NULL,"
    " created INTEGER NOT NULL, changed INTEGER NOT NULL) STRICT;"
    "CREATE TABLE grants(user INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,"
    " scope INTEGER NOT NULL, object TEXT NOT NULL, role INTEGER NOT NULL,"
    " PRIMARY KEY(user, scope, object)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE tokens(id INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL UNIQUE,"
    " role INTEGER NOT NULL, scope INTEGER NOT NULL, object TEXT NOT NULL,"
    " created INTEGER NOT NULL, created_by TEXT NOT NULL, expires INTEGER NOT NULL,"
    " revoked INTEGER NOT NULL DEFAULT 0, used INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE UNIQUE INDEX tokens_in_force ON tokens(name) WHERE revoked = 0;"
    "CREATE TABLE access(id INTEGER PRIMARY KEY CHECK(id = 1), epoch INTEGER NOT NULL,"
    " key TEXT NOT NULL) STRICT;"
    "INSERT INTO access(id, epoch, key) VALUES(1, 0, lower(hex(randomblob(32))));"
    "CREATE TABLE audit(seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, actor TEXT NOT NULL,"
    " origin TEXT NOT NULL, request TEXT NOT NULL, action TEXT NOT NULL, object TEXT NOT NULL,"
    " before TEXT, after TEXT, prev TEXT NOT NULL, hash TEXT NOT NULL) STRICT;"
    "CREATE TABLE audit_head(id INTEGER PRIMARY KEY CHECK(id = 1), seq INTEGER NOT NULL,"
    " hash TEXT NOT NULL) STRICT;"
    "CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT,"
    " 'the audit log is only added to'); END;"
    "CREATE TRIGGER audit_remains BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT,"
    " 'the audit log is only added to'); END;";

/* Versions of data, and the objects of DVC. artifacts_of: for the collector. */
static const char step_6[] =
    "CREATE TABLE data_objects(name TEXT NOT NULL PRIMARY KEY, digest TEXT NOT NULL,"
    " bytes INTEGER NOT NULL, created INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX data_objects_of ON data_objects(digest);"
    "CREATE TABLE data_versions(name TEXT NOT NULL, version INTEGER NOT NULL, root TEXT NOT NULL,"
    " digest TEXT NOT NULL, source TEXT, user TEXT, is_folder INTEGER NOT NULL,"
    " n_files INTEGER NOT NULL, bytes INTEGER NOT NULL, created INTEGER NOT NULL,"
    " PRIMARY KEY(name, version)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE data_files(name TEXT NOT NULL, version INTEGER NOT NULL, path TEXT NOT NULL,"
    " md5 TEXT NOT NULL, digest TEXT NOT NULL, bytes INTEGER NOT NULL,"
    " PRIMARY KEY(name, version, path), FOREIGN KEY(name, version) REFERENCES data_versions"
    " ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
    "CREATE INDEX artifacts_of ON artifacts(digest);";

/* Rollouts, and what they rest on. The epoch is how a server learns of what another process has
 * changed: one row to read, however many models there are. */
#define BUMPS(name, event)                       \
    "CREATE TRIGGER epoch_" name " AFTER " event \
    " BEGIN UPDATE deploy_epoch SET epoch = epoch + 1; END;"
#define BUMPS_ALL(table)                    \
    BUMPS(table "_new", "INSERT ON " table) \
    BUMPS(table "_set", "UPDATE ON " table) BUMPS(table "_gone", "DELETE ON " table)

static const char step_7[] =
    "CREATE TABLE rollouts(id INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL,"
    " model TEXT NOT NULL, alias TEXT NOT NULL, from_version INTEGER NOT NULL,"
    " to_version INTEGER NOT NULL, document TEXT NOT NULL, state TEXT NOT NULL,"
    " step INTEGER NOT NULL, salt TEXT NOT NULL, memory TEXT NOT NULL, started INTEGER NOT NULL,"
    " entered INTEGER NOT NULL, ended INTEGER NOT NULL, started_by TEXT NOT NULL,"
    " why TEXT NOT NULL, weight REAL NOT NULL) STRICT;"
    "CREATE INDEX rollouts_of ON rollouts(endpoint, id);"
    "CREATE UNIQUE INDEX rollouts_live ON rollouts(endpoint) WHERE ended = 0;"
    "CREATE TABLE rollout_events(rollout INTEGER NOT NULL REFERENCES rollouts ON DELETE CASCADE,"
    " seq INTEGER NOT NULL, time INTEGER NOT NULL, step INTEGER NOT NULL, actor TEXT NOT NULL,"
    " kind TEXT NOT NULL, state TEXT NOT NULL, why TEXT, evidence TEXT,"
    " PRIMARY KEY(rollout, seq)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE rollout_approvals(rollout INTEGER NOT NULL REFERENCES rollouts ON DELETE CASCADE,"
    " step INTEGER NOT NULL, who TEXT NOT NULL, time INTEGER NOT NULL,"
    " PRIMARY KEY(rollout, step, who)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE rollout_outcomes(rollout INTEGER NOT NULL REFERENCES rollouts ON DELETE CASCADE,"
    " arm INTEGER NOT NULL, n REAL NOT NULL, sum REAL NOT NULL, squares REAL NOT NULL,"
    " PRIMARY KEY(rollout, arm)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE deploy_epoch(id INTEGER PRIMARY KEY CHECK(id = 1), epoch INTEGER NOT NULL) "
    "STRICT;"
    "INSERT INTO deploy_epoch(id, epoch) VALUES(1, 0);" BUMPS_ALL("model_aliases")
        BUMPS_ALL("model_versions") BUMPS_ALL("model_version_tags")
            BUMPS("rollouts_new", "INSERT ON rollouts")
                BUMPS("rollouts_set", "UPDATE OF state, step, ended ON rollouts");

/* Gates: what is needed of a model's versions, and what was added to each. */
static const char step_8[] =
    "CREATE TABLE gate_policies(model INTEGER PRIMARY KEY REFERENCES registered_models"
    " ON DELETE CASCADE, gates TEXT NOT NULL, approvers TEXT NOT NULL, aliases TEXT NOT NULL,"
    " approvals INTEGER NOT NULL, updated INTEGER NOT NULL, updated_by TEXT NOT NULL) STRICT;"
    "CREATE TABLE gate_results(id INTEGER PRIMARY KEY, model INTEGER NOT NULL,"
    " version INTEGER NOT NULL, gate TEXT NOT NULL, passed INTEGER NOT NULL, files TEXT NOT NULL,"
    " report TEXT NOT NULL, data TEXT NOT NULL, summary TEXT NOT NULL, time INTEGER NOT NULL,"
    " by TEXT NOT NULL, FOREIGN KEY(model, version) REFERENCES model_versions"
    " ON DELETE CASCADE) STRICT;"
    "CREATE INDEX gate_results_of ON gate_results(model, version, gate, id);"
    "CREATE TABLE gate_approvals(model INTEGER NOT NULL, version INTEGER NOT NULL,"
    " who TEXT NOT NULL, files TEXT NOT NULL, note TEXT NOT NULL, time INTEGER NOT NULL,"
    " PRIMARY KEY(model, version, who, files), FOREIGN KEY(model, version)"
    " REFERENCES model_versions ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
    "CREATE TABLE gate_overrides(model INTEGER NOT NULL, version INTEGER NOT NULL,"
    " files TEXT NOT NULL, reason TEXT NOT NULL, by TEXT NOT NULL, time INTEGER NOT NULL,"
    " PRIMARY KEY(model, version), FOREIGN KEY(model, version) REFERENCES model_versions"
    " ON DELETE CASCADE) STRICT, WITHOUT ROWID;" BUMPS_ALL("gate_policies")
        BUMPS("gate_results_new", "INSERT ON gate_results")
            BUMPS("gate_approvals_new", "INSERT ON gate_approvals")
                BUMPS("gate_overrides_new", "INSERT ON gate_overrides");

/* Endpoints that servers of this record serve, besides those that they were started with. */
static const char step_9[] =
    "CREATE TABLE endpoints(name TEXT NOT NULL PRIMARY KEY, model TEXT NOT NULL,"
    " settings TEXT NOT NULL, updated INTEGER NOT NULL, updated_by TEXT NOT NULL)"
    " STRICT, WITHOUT ROWID;" BUMPS_ALL("endpoints");

/* What is reported of a rollout is of several kinds: outcomes, residuals, decisions on groups. */
static const char step_10[] =
    "ALTER TABLE rollout_outcomes RENAME TO rollout_outcomes_before;"
    "CREATE TABLE rollout_outcomes(id INTEGER PRIMARY KEY, rollout INTEGER NOT NULL REFERENCES"
    " rollouts ON DELETE CASCADE, arm INTEGER NOT NULL, kind TEXT NOT NULL, n REAL NOT NULL,"
    " sum REAL NOT NULL, squares REAL NOT NULL, UNIQUE(rollout, arm, kind)) STRICT;"
    "INSERT INTO rollout_outcomes(rollout, arm, kind, n, sum, squares)"
    " SELECT rollout, arm, '', n, sum, squares FROM rollout_outcomes_before;"
    "DROP TABLE rollout_outcomes_before;";

/* What each of the servers that share a record has seen of a rollout, since the last time that its
 * share was changed (epoch). */
static const char step_11[] =
    "CREATE TABLE rollout_arms(rollout INTEGER NOT NULL REFERENCES rollouts ON DELETE CASCADE,"
    " server TEXT NOT NULL, epoch INTEGER NOT NULL, arms TEXT NOT NULL,"
    " PRIMARY KEY(rollout, server)) STRICT, WITHOUT ROWID;";

/* What a column was called in versions before: a JSON list; absent: the model declares none. */
static const char step_12[] = "ALTER TABLE version_columns ADD COLUMN was TEXT;";

/* Traces: what a call was made of, told by the client when it is over. Their spans are a file among
 * the artifacts. */
static const char step_13[] =
    "CREATE TABLE traces(id INTEGER PRIMARY KEY, trace_id TEXT NOT NULL UNIQUE,"
    " experiment INTEGER NOT NULL REFERENCES experiments, name TEXT, state TEXT NOT NULL,"
    " started INTEGER NOT NULL, duration INTEGER, client_request_id TEXT, request TEXT,"
    " response TEXT) STRICT;"
    "CREATE INDEX traces_by_experiment ON traces(experiment, started);"
    "CREATE TABLE trace_tags(trace INTEGER NOT NULL REFERENCES traces ON DELETE CASCADE,"
    " key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(trace, key)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE trace_metadata(trace INTEGER NOT NULL REFERENCES traces ON DELETE CASCADE,"
    " key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(trace, key)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE trace_runs(trace INTEGER NOT NULL REFERENCES traces ON DELETE CASCADE,"
    " run_id TEXT NOT NULL, PRIMARY KEY(trace, run_id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX trace_runs_by_run ON trace_runs(run_id);"
    "CREATE TABLE trace_assessments(id INTEGER PRIMARY KEY, assessment_id TEXT NOT NULL UNIQUE,"
    " trace INTEGER NOT NULL REFERENCES traces ON DELETE CASCADE, kind TEXT NOT NULL,"
    " key TEXT NOT NULL, value TEXT NOT NULL, payload TEXT NOT NULL, source TEXT NOT NULL,"
    " rationale TEXT, metadata TEXT, span_id TEXT, overrides TEXT, valid INTEGER NOT NULL,"
    " created INTEGER NOT NULL, updated INTEGER NOT NULL) STRICT;"
    "CREATE INDEX trace_assessments_of ON trace_assessments(trace, kind, key);";

/* What servers that share a record tell each other of their watch (watch_record.h). */
static const char step_14[] =
    "CREATE TABLE watch_references(endpoint TEXT NOT NULL, identity TEXT NOT NULL,"
    " profile INTEGER NOT NULL, server TEXT NOT NULL, made INTEGER NOT NULL,"
    " columns TEXT NOT NULL, PRIMARY KEY(endpoint, identity, profile)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE watch_slots(endpoint TEXT NOT NULL, identity TEXT NOT NULL,"
    " span INTEGER NOT NULL, bucket INTEGER NOT NULL, server TEXT NOT NULL,"
    " reference INTEGER NOT NULL, n_rows INTEGER NOT NULL, counts TEXT NOT NULL,"
    " told INTEGER NOT NULL, PRIMARY KEY(endpoint, identity, span, bucket, server))"
    " STRICT, WITHOUT ROWID;"
    "CREATE INDEX watch_slots_told ON watch_slots(server, told);";

/* Spans, as OpenTelemetry's exporters send them; attributes once more, to be searched. A trace of
 * which only its spans are known was not told. */
static const char step_15[] =
    "ALTER TABLE traces ADD COLUMN told INTEGER NOT NULL DEFAULT 1;"
    "CREATE TABLE spans(id INTEGER PRIMARY KEY, trace INTEGER NOT NULL REFERENCES traces"
    " ON DELETE CASCADE, span_id TEXT NOT NULL, parent TEXT, name TEXT NOT NULL, type TEXT,"
    " status TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER, content TEXT NOT NULL,"
    " UNIQUE(trace, span_id)) STRICT;"
    "CREATE TABLE span_attributes(span INTEGER NOT NULL REFERENCES spans ON DELETE CASCADE,"
    " key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(span, key)) STRICT, WITHOUT ROWID;";

/* The book of alerts of servers that share a record: the tables of alert/book.c, which reads and
 * writes them. In a file they stay empty: there each server's are in its data folder. */
static const char step_16[] =
    "CREATE TABLE alerts(seq INTEGER PRIMARY KEY AUTOINCREMENT, fingerprint TEXT NOT NULL,"
    " rule TEXT NOT NULL, severity TEXT NOT NULL, endpoint TEXT NOT NULL, firing INTEGER NOT NULL,"
    " since INTEGER NOT NULL, fired INTEGER NOT NULL, resolved INTEGER NOT NULL DEFAULT 0,"
    " value REAL NOT NULL, labels TEXT NOT NULL, details TEXT NOT NULL,"
    " ended TEXT NOT NULL DEFAULT '', ack_who TEXT, ack_why TEXT,"
    " ack_ms INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE UNIQUE INDEX alerts_firing ON alerts(fingerprint) WHERE firing <> 0;"
    "CREATE INDEX alerts_of ON alerts(fingerprint, seq);"
    "CREATE TABLE holders(fingerprint TEXT NOT NULL, server TEXT NOT NULL, seen INTEGER NOT NULL,"
    " PRIMARY KEY(fingerprint, server)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE silences(id INTEGER PRIMARY KEY AUTOINCREMENT, match TEXT NOT NULL,"
    " begins INTEGER NOT NULL, until INTEGER NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL)"
    " STRICT;"
    "CREATE TABLE rules(name TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE receivers(name TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL) STRICT,"
    " WITHOUT ROWID;"
    "CREATE TABLE told(receiver TEXT NOT NULL, alert INTEGER NOT NULL REFERENCES alerts"
    " ON DELETE CASCADE, firing INTEGER NOT NULL, at INTEGER NOT NULL,"
    " PRIMARY KEY(receiver, alert)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX told_of ON told(alert);"
    "CREATE TABLE groups(receiver TEXT NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL,"
    " PRIMARY KEY(receiver, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT NULL,"
    " name TEXT NOT NULL, key TEXT NOT NULL UNIQUE, subject TEXT NOT NULL, body TEXT NOT NULL,"
    " created INTEGER NOT NULL, next INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0,"
    " error TEXT NOT NULL DEFAULT '', file_name TEXT NOT NULL DEFAULT '',"
    " file TEXT NOT NULL DEFAULT '') STRICT;"
    "CREATE INDEX outbox_due ON outbox(receiver, next);"
    "CREATE INDEX outbox_of ON outbox(receiver, name, id);"
    "CREATE TABLE sheets(name TEXT NOT NULL PRIMARY KEY, slot INTEGER NOT NULL,"
    " done INTEGER NOT NULL, next INTEGER NOT NULL, tries INTEGER NOT NULL,"
    " error TEXT NOT NULL) STRICT, WITHOUT ROWID;";

/* Whom the record tells of changes, and what waits to be told (webhooks.h). */
static const char step_17[] =
    "CREATE TABLE webhooks(id INTEGER PRIMARY KEY, webhook_id TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL, description TEXT, url TEXT NOT NULL, secret TEXT,"
    " active INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL) STRICT;"
    "CREATE TABLE webhook_events(webhook INTEGER NOT NULL REFERENCES webhooks ON DELETE CASCADE,"
    " event TEXT NOT NULL, PRIMARY KEY(event, webhook)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX webhook_events_of ON webhook_events(webhook);"
    "CREATE TABLE webhook_letters(id INTEGER PRIMARY KEY, webhook INTEGER NOT NULL"
    " REFERENCES webhooks ON DELETE CASCADE, letter_key TEXT NOT NULL, event TEXT NOT NULL,"
    " body TEXT NOT NULL, tries INTEGER NOT NULL, due INTEGER NOT NULL, leased INTEGER NOT NULL,"
    " created INTEGER NOT NULL) STRICT;"
    "CREATE INDEX webhook_letters_of ON webhook_letters(webhook, id);";

/* Evaluation data sets; fields: what MLflow calls their schema, JSON, as all else that it keeps. */
static const char step_18[] =
    "CREATE TABLE evaluation_datasets(id INTEGER PRIMARY KEY, dataset_id TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL, digest TEXT NOT NULL, fields TEXT, profile TEXT,"
    " created INTEGER NOT NULL, updated INTEGER NOT NULL, created_by TEXT, updated_by TEXT) STRICT;"
    "CREATE INDEX evaluation_datasets_by_name ON evaluation_datasets(name);"
    "CREATE TABLE evaluation_dataset_tags(dataset INTEGER NOT NULL REFERENCES evaluation_datasets"
    " ON DELETE CASCADE, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(dataset, key))"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE evaluation_dataset_experiments(dataset INTEGER NOT NULL REFERENCES"
    " evaluation_datasets ON DELETE CASCADE, experiment INTEGER NOT NULL REFERENCES experiments,"
    " PRIMARY KEY(dataset, experiment)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX evaluation_datasets_in ON evaluation_dataset_experiments(experiment);"
    "CREATE TABLE evaluation_records(id INTEGER PRIMARY KEY, record_id TEXT NOT NULL UNIQUE,"
    " dataset INTEGER NOT NULL REFERENCES evaluation_datasets ON DELETE CASCADE,"
    " input_hash TEXT NOT NULL, inputs TEXT NOT NULL, outputs TEXT, expectations TEXT,"
    " tags TEXT NOT NULL, source TEXT, source_type TEXT, source_id TEXT,"
    " created INTEGER NOT NULL, updated INTEGER NOT NULL, created_by TEXT, updated_by TEXT,"
    " UNIQUE(dataset, input_hash)) STRICT;"
    "CREATE INDEX evaluation_records_of ON evaluation_records(dataset, id);";

/* What values there were, as each server has told it last. */
static const char step_19[] =
    "CREATE TABLE watch_values(endpoint TEXT NOT NULL, identity TEXT NOT NULL,"
    " server TEXT NOT NULL, reference INTEGER NOT NULL, told INTEGER NOT NULL,"
    " sketches TEXT NOT NULL, PRIMARY KEY(endpoint, identity, server)) STRICT, WITHOUT ROWID;";

/* Scorers: versions of one name in an experiment. */
static const char step_20[] =
    "CREATE TABLE scorers(id INTEGER PRIMARY KEY, scorer_id TEXT NOT NULL UNIQUE,"
    " experiment INTEGER NOT NULL REFERENCES experiments, name TEXT NOT NULL,"
    " UNIQUE(experiment, name)) STRICT;"
    "CREATE TABLE scorer_versions(scorer INTEGER NOT NULL REFERENCES scorers ON DELETE CASCADE,"
    " version INTEGER NOT NULL, serialized TEXT NOT NULL, created INTEGER NOT NULL,"
    " PRIMARY KEY(scorer, version)) STRICT, WITHOUT ROWID;";

/* Versions of prompts that a trace was made with: "name/version". */
static const char step_21[] =
    "CREATE TABLE trace_prompts(trace INTEGER NOT NULL REFERENCES traces ON DELETE CASCADE,"
    " prompt TEXT NOT NULL, PRIMARY KEY(trace, prompt)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX trace_prompts_by_prompt ON trace_prompts(prompt);";

/* Judgements that are numbers, to be compared as such. */
static const char step_22[] = "ALTER TABLE trace_assessments ADD COLUMN number REAL;";

/* Labels that look for their predictions at other servers, for an hour (prediction log). */
static const char step_23[] =
    "CREATE TABLE passed_labels(id INTEGER PRIMARY KEY AUTOINCREMENT, server TEXT NOT NULL,"
    " told INTEGER NOT NULL, labels TEXT NOT NULL) STRICT;";

/* Predictions that were told the truth, of each server for the others (prediction log). */
static const char step_24[] =
    "CREATE TABLE told_labels(id INTEGER PRIMARY KEY AUTOINCREMENT, server TEXT NOT NULL,"
    " told INTEGER NOT NULL, size INTEGER NOT NULL, labels TEXT NOT NULL) STRICT;";

const char *const record_steps[] = {step_1,  step_2,  step_3,  step_4,  step_5,  step_6,
                                    step_7,  step_8,  step_9,  step_10, step_11, step_12,
                                    step_13, step_14, step_15, step_16, step_17, step_18,
                                    step_19, step_20, step_21, step_22, step_23, step_24};
const size_t record_n_steps = MW_COUNT(record_steps);
