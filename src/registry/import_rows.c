/* MLflow's rows into ours.
 *
 *     a record in a file:      their file attached -> views theirs_NAME of its tables
 *     a record in PostgreSQL:  their file read beside it -> tables theirs_NAME of this work alone
 *     then, of both: INSERT ... SELECT, table by table; import_experiments and import_places say
 *     what became what */
#include "import_rows.h"

/* ---- their tables ---------------------------------------------------------------------------- */

/* What is read of each, in the kinds that mw_sql_run's letters tell. */
static const mw_scratch their_tables[] = {
    {"theirs_alembic_version", "version_num", "t"},
    {"theirs_experiments",
     "experiment_id name artifact_location lifecycle_stage creation_time last_update_time "
     "workspace",
     "itttiit"},
    {"theirs_experiment_tags", "experiment_id key value", "itt"},
    {"theirs_runs",
     "run_uuid experiment_id name user_id status start_time end_time lifecycle_stage artifact_uri",
     "titttiitt"},
    {"theirs_metrics", "run_uuid key timestamp step value is_nan", "ttiidi"},
    {"theirs_latest_metrics", "run_uuid key timestamp step value is_nan", "ttiidi"},
    {"theirs_params", "run_uuid key value", "ttt"},
    {"theirs_tags", "run_uuid key value", "ttt"},
    {"theirs_datasets",
     "dataset_uuid experiment_id name digest dataset_source_type dataset_source dataset_schema"
     " dataset_profile",
     "titttttt"},
    {"theirs_inputs", "input_uuid source_type source_id destination_type destination_id step",
     "ttttti"},
    {"theirs_input_tags", "input_uuid name value", "ttt"},
    {"theirs_logged_models",
     "model_id experiment_id name artifact_location creation_timestamp_ms"
     " last_updated_timestamp_ms status lifecycle_stage model_type source_run_id status_message",
     "tittiiitttt"},
    {"theirs_logged_model_params", "model_id param_key param_value", "ttt"},
    {"theirs_logged_model_tags", "model_id tag_key tag_value", "ttt"},
    {"theirs_logged_model_metrics",
     "model_id metric_name metric_timestamp_ms metric_step metric_value run_id dataset_name"
     " dataset_digest",
     "ttiidttt"},
    {"theirs_registered_models", "name creation_time last_updated_time description workspace",
     "tiitt"},
    {"theirs_registered_model_tags", "name key value", "ttt"},
    {"theirs_model_versions",
     "name version creation_time last_updated_time description user_id current_stage source"
     " storage_location run_id run_link",
     "tiiittttttt"},
    {"theirs_model_version_tags", "name version key value", "titt"},
    {"theirs_registered_model_aliases", "name alias version", "tti"},
    {"theirs_trace_info",
     "request_id experiment_id timestamp_ms execution_time_ms status client_request_id"
     " request_preview response_preview trace_name session_id input_tokens output_tokens"
     " total_tokens input_cost output_cost total_cost",
     "tiiittttttiiiddd"},
    {"theirs_trace_tags", "request_id key value", "ttt"},
    {"theirs_trace_request_metadata", "request_id key value", "ttt"},
    {"theirs_entity_associations", "source_type source_id destination_type destination_id", "tttt"},
    {"theirs_assessments",
     "assessment_id trace_id name assessment_type value error created_timestamp"
     " last_updated_timestamp source_type source_id span_id rationale overrides valid"
     " assessment_metadata",
     "ttttttiitttttit"},
    {"theirs_spans",
     "trace_id span_id parent_span_id name type status start_time_unix_nano end_time_unix_nano"
     " content",
     "ttttttiit"},
    {"theirs_evaluation_datasets",
     "dataset_id name schema profile digest created_time last_update_time created_by"
     " last_updated_by",
     "tttttiitt"},
    {"theirs_evaluation_dataset_tags", "dataset_id key value", "ttt"},
    {"theirs_evaluation_dataset_records",
     "dataset_record_id dataset_id inputs outputs expectations tags source source_id source_type"
     " created_time last_update_time created_by last_updated_by input_hash",
     "tttttttttiittt"},
    {"theirs_scorers", "experiment_id scorer_name scorer_id", "itt"},
    {"theirs_scorer_versions", "scorer_id scorer_version serialized_scorer creation_time", "titi"},
};
enum { PREFIX_BYTES = 7 }; /* of "theirs_" */

static const mw_scratch our_tables[] = {
    {"import_experiments", "theirs ours", "ii"},
    {"import_places", "id theirs ours", "ttt"},
};

static mw_status show_attached(mw_sql *session, const mw_scratch *table, mw_error *err)
{
    mw_buf sql;
    mw_buf_init(&sql, 4 * MW_KIB);
    mw_buf_format(&sql, "CREATE TEMP VIEW IF NOT EXISTS %s AS SELECT * FROM theirs.%s", table->name,
                  table->name + PREFIX_BYTES);
    mw_status status = mw_sql_run_built(session, &sql, NULL, 0, NULL, err);
    mw_buf_done(&sql);
    return status;
}

mw_status import_show_theirs(mw_record *record, mw_sql *source, bool only_version, mw_error *err)
{
    size_t from = only_version ? 0 : 1, to = only_version ? 1 : MW_COUNT(their_tables);
    for (size_t i = from; i < to; i++) {
        const mw_scratch *table = &their_tables[i];
        MW_TRY(source ? mw_sql_fill_scratch(source, table->name + PREFIX_BYTES, record->session,
                                            table, err)
                      : show_attached(record->session, table, err));
    }
    return MW_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* A place on a disk, or behind MLflow's server; others stay where they are. */
#define IS_LOCAL(uri)                                                 \
    "(" uri " NOT LIKE '%://%' OR substr(" uri ", 1, 5) = 'file:' OR" \
    " substr(" uri ", 1, 17) = 'mlflow-artifacts:')"
/* "file:///a" and "/a" are one. */
#define PLAIN(uri) \
    "CASE WHEN substr(" uri ", 1, 7) = 'file://' THEN substr(" uri ", 8) ELSE " uri " END"
/* A comparison as a number: one engine has no truths, the other no numbers of them. */
#define IS(comparison) "CASE WHEN " comparison " THEN 1 ELSE 0 END"

typedef struct step {
    size_t counted; /* offset in mw_import_report, or NOT_COUNTED */
    const char *sql;
} step;

#define NOT_COUNTED SIZE_MAX
#define RENUMBER (SIZE_MAX - 1) /* experiments: those that get ids do so behind the others */
#define COUNT(member) offsetof(mw_import_report, member)

/* It cannot tell words of SQL from macros. */
/* clang-format off */
static const step row_steps[] = {
    /* experiments: with their ids where these are free, then the others */
    {COUNT(experiments),
     "INSERT INTO experiments(id, name, location, deleted, created, updated) SELECT"
     " e.experiment_id, e.name, CASE WHEN " IS_LOCAL("e.artifact_location") " THEN"
     " 'mlflow-artifacts:/' || e.experiment_id ELSE e.artifact_location END, "
     IS("e.lifecycle_stage = 'deleted'") ", coalesce(e.creation_time, 0),"
     " coalesce(e.last_update_time, 0) FROM theirs_experiments e WHERE NOT EXISTS(SELECT 1 FROM"
     " experiments o WHERE o.name = e.name OR o.id = e.experiment_id)"},
    {RENUMBER, NULL},
    {COUNT(experiments),
     "INSERT INTO experiments(name, location, deleted, created, updated) SELECT e.name, CASE"
     " WHEN " IS_LOCAL("e.artifact_location") " THEN '' ELSE e.artifact_location END, "
     IS("e.lifecycle_stage = 'deleted'") ", coalesce(e.creation_time, 0),"
     " coalesce(e.last_update_time, 0) FROM theirs_experiments e WHERE NOT EXISTS(SELECT 1 FROM"
     " experiments o WHERE o.name = e.name)"},
    {NOT_COUNTED,
     "UPDATE experiments SET location = 'mlflow-artifacts:/' || id WHERE location = ''"},
    {NOT_COUNTED,
     "INSERT INTO import_experiments SELECT e.experiment_id, o.id FROM theirs_experiments e JOIN"
     " experiments o ON o.name = e.name"},
    {NOT_COUNTED,
     "INSERT INTO experiment_tags(experiment, key, value) SELECT m.ours, t.key,"
     " coalesce(t.value, '') FROM theirs_experiment_tags t JOIN import_experiments m ON m.theirs"
     " = t.experiment_id WHERE true ON CONFLICT DO NOTHING"},
    /* runs, and what they logged */
    {COUNT(runs),
     "INSERT INTO runs(run_id, experiment, name, user, status, started, ended, deleted,"
     " artifact_uri) SELECT r.run_uuid, m.ours, coalesce(r.name, ''), coalesce(r.user_id, ''),"
     " CASE r.status WHEN 'RUNNING' THEN 1 WHEN 'SCHEDULED' THEN 2 WHEN 'FINISHED' THEN 3 WHEN"
     " 'FAILED' THEN 4 ELSE 5 END, coalesce(r.start_time, 0), r.end_time, "
     IS("r.lifecycle_stage = 'deleted'") ", CASE WHEN " IS_LOCAL("r.artifact_uri") " THEN"
     " 'mlflow-artifacts:/' || m.ours || '/' || r.run_uuid || '/artifacts' ELSE r.artifact_uri"
     " END FROM theirs_runs r JOIN import_experiments m ON m.theirs = r.experiment_id WHERE true"
     " ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO import_places SELECT r.run_uuid, " PLAIN("r.artifact_uri") ", o.artifact_uri"
     " FROM theirs_runs r JOIN runs o ON o.run_id = r.run_uuid"},
    {COUNT(metrics),
     "INSERT INTO metrics(run, key, timestamp, step, value, is_nan) SELECT o.id, t.key,"
     " t.timestamp, t.step, coalesce(t.value, 0.0), t.is_nan FROM theirs_metrics t JOIN runs o"
     " ON o.run_id = t.run_uuid WHERE true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO latest_metrics(run, key, value, is_nan, timestamp, step) SELECT o.id, t.key,"
     " coalesce(t.value, 0.0), t.is_nan, t.timestamp, t.step FROM theirs_latest_metrics t JOIN"
     " runs o ON o.run_id = t.run_uuid WHERE true ON CONFLICT(run, key) DO UPDATE SET value ="
     " excluded.value, is_nan = excluded.is_nan, timestamp = excluded.timestamp, step ="
     " excluded.step WHERE (excluded.step, excluded.timestamp, excluded.value) >"
     " (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)"},
    {NOT_COUNTED,
     "INSERT INTO params(run, key, value) SELECT o.id, t.key, t.value FROM theirs_params t JOIN"
     " runs o ON o.run_id = t.run_uuid WHERE true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO tags(run, key, value) SELECT o.id, t.key, coalesce(t.value, '') FROM"
     " theirs_tags t JOIN runs o ON o.run_id = t.run_uuid WHERE true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO datasets(experiment, name, digest, source_type, source, schema, profile)"
     " SELECT m.ours, t.name, t.digest, t.dataset_source_type, t.dataset_source,"
     " t.dataset_schema, t.dataset_profile FROM theirs_datasets t JOIN import_experiments m ON"
     " m.theirs = t.experiment_id WHERE true ON CONFLICT DO NOTHING"},
#define DATASET_USES \
    " FROM theirs_inputs i JOIN theirs_datasets t ON t.dataset_uuid = i.source_id JOIN" \
    " import_experiments m ON m.theirs = t.experiment_id JOIN datasets d ON d.experiment =" \
    " m.ours AND d.name = t.name AND d.digest = t.digest JOIN runs o ON o.run_id =" \
    " i.destination_id"
#define IS_DATASET_USE \
    " WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN'"
    {NOT_COUNTED,
     "INSERT INTO run_datasets(run, dataset) SELECT o.id, d.id" DATASET_USES IS_DATASET_USE " ON"
     " CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO run_dataset_tags(use, key, value) SELECT u.id, g.name, g.value" DATASET_USES
     " JOIN run_datasets u ON u.run = o.id AND u.dataset = d.id JOIN theirs_input_tags g ON"
     " g.input_uuid = i.input_uuid" IS_DATASET_USE " ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO run_models(run, model_id, is_output, step) SELECT o.id, i.destination_id, "
     IS("i.source_type = 'RUN_OUTPUT'") ", coalesce(i.step, 0) FROM theirs_inputs i JOIN runs o"
     " ON o.run_id = i.source_id WHERE i.source_type IN ('RUN_OUTPUT', 'RUN_INPUT') ON CONFLICT"
     " DO NOTHING"},
    /* logged models */
    {COUNT(logged_models),
     "INSERT INTO logged_models(model_id, experiment, name, artifact_uri, status,"
     " status_message, model_type, source_run_id, created, updated, deleted) SELECT t.model_id,"
     " m.ours, t.name, CASE WHEN " IS_LOCAL("t.artifact_location") " THEN 'mlflow-artifacts:/'"
     " || m.ours || '/models/' || t.model_id || '/artifacts' ELSE t.artifact_location END,"
     " t.status, t.status_message, coalesce(t.model_type, ''), t.source_run_id,"
     " t.creation_timestamp_ms, t.last_updated_timestamp_ms, "
     IS("t.lifecycle_stage = 'deleted'") " FROM theirs_logged_models t JOIN import_experiments m"
     " ON m.theirs = t.experiment_id WHERE true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO import_places SELECT t.model_id, " PLAIN("t.artifact_location") ","
     " o.artifact_uri FROM theirs_logged_models t JOIN logged_models o ON o.model_id ="
     " t.model_id"},
    {NOT_COUNTED,
     "INSERT INTO logged_model_params(model, key, value) SELECT o.id, t.param_key, t.param_value"
     " FROM theirs_logged_model_params t JOIN logged_models o ON o.model_id = t.model_id WHERE"
     " true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO logged_model_tags(model, key, value) SELECT o.id, t.tag_key, t.tag_value FROM"
     " theirs_logged_model_tags t JOIN logged_models o ON o.model_id = t.model_id WHERE true ON"
     " CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO logged_model_metrics(model, key, timestamp, step, run, value, is_nan,"
     " dataset_name, dataset_digest) SELECT o.id, t.metric_name, t.metric_timestamp_ms,"
     " t.metric_step, r.id, coalesce(t.metric_value, 0.0), " IS("t.metric_value IS NULL") ","
     " t.dataset_name, t.dataset_digest FROM theirs_logged_model_metrics t JOIN logged_models o"
     " ON o.model_id = t.model_id JOIN runs r ON r.run_id = t.run_id WHERE true ON CONFLICT DO"
     " NOTHING"},
    /* registered models */
    {COUNT(models),
     "INSERT INTO registered_models(name, description, created, updated) SELECT t.name,"
     " t.description, coalesce(t.creation_time, 0), coalesce(t.last_updated_time, 0) FROM"
     " theirs_registered_models t WHERE true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO registered_model_tags(model, key, value) SELECT o.id, t.key, coalesce(t.value,"
     " '') FROM theirs_registered_model_tags t JOIN registered_models o ON o.name = t.name WHERE"
     " true ON CONFLICT DO NOTHING"},
    {COUNT(versions),
     "INSERT INTO model_versions(model, version, description, user, stage, source, location,"
     " run_id, run_link, model_id, created, updated) SELECT o.id, v.version, v.description,"
     " v.user_id, CASE v.current_stage WHEN 'Staging' THEN 1 WHEN 'Production' THEN 2 WHEN"
     " 'Archived' THEN 3 ELSE 0 END, coalesce(v.source, ''), coalesce((SELECT p.ours ||"
     " substr(v.place, length(p.theirs) + 1) FROM import_places p WHERE p.id IN (v.run_id,"
     " substr(v.source, 9)) AND substr(v.place, 1, length(p.theirs)) = p.theirs ORDER BY"
     " length(p.theirs) DESC LIMIT 1), v.place, ''), v.run_id, v.run_link, CASE WHEN v.source"
     " LIKE 'models:/m-%' THEN substr(v.source, 9) END, coalesce(v.creation_time, 0),"
     " coalesce(v.last_updated_time, 0) FROM (SELECT t.*, "
     PLAIN("coalesce(t.storage_location, t.source)") " AS place FROM theirs_model_versions t"
     " WHERE t.current_stage <> 'Deleted_Internal') v JOIN registered_models o ON o.name ="
     " v.name WHERE true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "UPDATE registered_models SET last_version = coalesce((SELECT max(t.version) FROM"
     " theirs_model_versions t WHERE t.name = registered_models.name AND t.version >"
     " last_version), last_version)"},
    {NOT_COUNTED,
     "INSERT INTO model_version_tags(model, version, key, value) SELECT v.model, v.version,"
     " t.key, coalesce(t.value, '') FROM theirs_model_version_tags t JOIN registered_models o ON"
     " o.name = t.name JOIN model_versions v ON v.model = o.id AND v.version = t.version WHERE"
     " true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO model_aliases(model, alias, version) SELECT v.model, t.alias, v.version FROM"
     " theirs_registered_model_aliases t JOIN registered_models o ON o.name = t.name JOIN"
     " model_versions v ON v.model = o.id AND v.version = t.version WHERE true ON CONFLICT DO"
     " NOTHING"},
    /* traces: told, unless only their spans are known */
    {COUNT(traces),
     "INSERT INTO traces(trace_id, experiment, name, state, started, duration,"
     " client_request_id, request, response, told) SELECT t.request_id, m.ours, t.trace_name,"
     " t.status, t.timestamp_ms, t.execution_time_ms, t.client_request_id, t.request_preview,"
     " t.response_preview, " IS("NOT EXISTS(SELECT 1 FROM theirs_spans s WHERE s.trace_id ="
     " t.request_id) OR EXISTS(SELECT 1 FROM theirs_trace_request_metadata x WHERE x.request_id"
     " = t.request_id AND x.key = 'mlflow.trace.infoFinalized')") " FROM theirs_trace_info t"
     " JOIN import_experiments m ON m.theirs = t.experiment_id WHERE true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO trace_tags(trace, key, value) SELECT o.id, t.key, CASE WHEN t.key ="
     " 'mlflow.artifactLocation' AND " IS_LOCAL("t.value") " THEN 'mlflow-artifacts:/' ||"
     " o.experiment || '/traces/' || o.trace_id || '/artifacts' ELSE coalesce(t.value, '') END"
     " FROM theirs_trace_tags t JOIN traces o ON o.trace_id = t.request_id WHERE true ON"
     " CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO trace_tags(trace, key, value) SELECT o.id, 'mlflow.traceName', t.trace_name"
     " FROM theirs_trace_info t JOIN traces o ON o.trace_id = t.request_id WHERE t.trace_name IS"
     " NOT NULL ON CONFLICT DO NOTHING"},
    {NOT_COUNTED, /* spans that are a file: only of these there is a folder */
     "INSERT INTO import_places SELECT t.request_id, " PLAIN("t.value") ", x.value FROM"
     " theirs_trace_tags t JOIN traces o ON o.trace_id = t.request_id JOIN trace_tags x ON"
     " x.trace = o.id AND x.key = t.key WHERE t.key = 'mlflow.artifactLocation' AND NOT"
     " EXISTS(SELECT 1 FROM theirs_spans s WHERE s.trace_id = t.request_id)"},
    {NOT_COUNTED,
     "INSERT INTO trace_metadata(trace, key, value) SELECT o.id, t.key, coalesce(t.value, '')"
     " FROM theirs_trace_request_metadata t JOIN traces o ON o.trace_id = t.request_id WHERE"
     " t.key <> 'mlflow.trace.infoFinalized' ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO trace_metadata(trace, key, value) SELECT o.id, 'mlflow.trace.session',"
     " t.session_id FROM theirs_trace_info t JOIN traces o ON o.trace_id = t.request_id WHERE"
     " t.session_id IS NOT NULL ON CONFLICT DO NOTHING"},
#define MEMBER(column) "coalesce(', \"" column "\": ' || t." column ", '')"
    {NOT_COUNTED,
     "INSERT INTO trace_metadata(trace, key, value) SELECT o.id, 'mlflow.trace.tokenUsage', '{'"
     " || substr(" MEMBER("input_tokens") " || " MEMBER("output_tokens") " || "
     MEMBER("total_tokens") ", 3) || '}' FROM theirs_trace_info t JOIN traces o"
     " ON o.trace_id = t.request_id WHERE coalesce(t.input_tokens, t.output_tokens,"
     " t.total_tokens) IS NOT NULL ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO trace_metadata(trace, key, value) SELECT o.id, 'mlflow.trace.cost', '{' ||"
     " substr(" MEMBER("input_cost") " || " MEMBER("output_cost") " || " MEMBER("total_cost")
     ", 3) || '}' FROM theirs_trace_info t JOIN traces o ON o.trace_id = t.request_id WHERE"
     " coalesce(t.input_cost, t.output_cost, t.total_cost) IS NOT NULL ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO trace_runs(trace, run_id) SELECT o.id, t.value FROM"
     " theirs_trace_request_metadata t JOIN traces o ON o.trace_id = t.request_id WHERE t.key ="
     " 'mlflow.sourceRun' AND t.value IS NOT NULL ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO trace_runs(trace, run_id) SELECT o.id, t.destination_id FROM"
     " theirs_entity_associations t JOIN traces o ON o.trace_id = t.source_id WHERE"
     " t.source_type = 'trace' AND t.destination_type = 'run' ON CONFLICT DO NOTHING"},
#define ESCAPED(text) "replace(replace(" text ", '\\', '\\\\'), '\"', '\\\"')"
    {NOT_COUNTED,
     "INSERT INTO trace_assessments(assessment_id, trace, kind, key, value, payload, source,"
     " rationale, metadata, span_id, overrides, valid, created, updated, number) SELECT"
     " t.assessment_id,"
     " o.id, t.assessment_type, t.name, CASE WHEN substr(t.value, 1, 1) = '\"' THEN"
     " substr(t.value, 2, length(t.value) - 2) ELSE t.value END, '{\"value\":' || t.value ||"
     " coalesce(',\"error\":' || t.error, '') || '}', '{\"source_type\":\"' || t.source_type ||"
     " '\",\"source_id\":\"' || " ESCAPED("coalesce(t.source_id, '')") " || '\"}',"
     " t.rationale, t.assessment_metadata, t.span_id, t.overrides, t.valid, t.created_timestamp,"
     " t.last_updated_timestamp, CASE WHEN substr(t.value, 1, 1) IN ('-', '0', '1', '2', '3', '4',"
     " '5', '6', '7', '8', '9') AND t.value <> '-Infinity' THEN CAST(t.value AS DOUBLE PRECISION)"
     " END FROM theirs_assessments t JOIN traces o ON o.trace_id ="
     " t.trace_id WHERE t.assessment_type IN ('feedback', 'expectation') ON CONFLICT DO NOTHING"},
    {COUNT(spans),
     "INSERT INTO spans(trace, span_id, parent, name, type, status, started, ended, content)"
     " SELECT o.id, t.span_id, t.parent_span_id, coalesce(t.name, ''), t.type, t.status,"
     " t.start_time_unix_nano, t.end_time_unix_nano, t.content FROM theirs_spans t JOIN traces o"
     " ON o.trace_id = t.trace_id WHERE t.content <> '' ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO trace_prompts(trace, prompt) SELECT o.id, t.destination_id FROM"
     " theirs_entity_associations t JOIN traces o ON o.trace_id = t.source_id WHERE"
     " t.source_type = 'trace' AND t.destination_type = 'prompt_version' ON CONFLICT DO NOTHING"},
    /* evaluation data sets: what is JSON may be its word null */
    {COUNT(evaluations),
     "INSERT INTO evaluation_datasets(dataset_id, name, digest, fields, profile, created, updated,"
     " created_by, updated_by) SELECT t.dataset_id, t.name, coalesce(t.digest, ''), t.schema,"
     " t.profile, coalesce(t.created_time, 0), coalesce(t.last_update_time, 0), t.created_by,"
     " t.last_updated_by FROM theirs_evaluation_datasets t WHERE true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO evaluation_dataset_tags(dataset, key, value) SELECT o.id, t.key,"
     " coalesce(t.value, '') FROM theirs_evaluation_dataset_tags t JOIN evaluation_datasets o ON"
     " o.dataset_id = t.dataset_id WHERE true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO evaluation_dataset_experiments(dataset, experiment) SELECT o.id, m.ours FROM"
     " theirs_entity_associations t JOIN evaluation_datasets o ON o.dataset_id = t.source_id JOIN"
     " import_experiments m ON CAST(m.theirs AS TEXT) = t.destination_id WHERE t.source_type ="
     " 'evaluation_dataset' AND t.destination_type = 'experiment' ON CONFLICT DO NOTHING"},
#define WRAPPED "'{\"mlflow_wrapped\": '" /* of 19 characters; outputs stand in it */
    {NOT_COUNTED,
     "INSERT INTO evaluation_records(record_id, dataset, input_hash, inputs, outputs,"
     " expectations, tags, source, source_type, source_id, created, updated, created_by,"
     " updated_by) SELECT t.dataset_record_id, o.id, t.input_hash, t.inputs, CASE WHEN"
     " substr(t.outputs, 1, 19) = " WRAPPED " THEN substr(t.outputs, 20, length(t.outputs) - 20)"
     " END, nullif(t.expectations, 'null'), coalesce(nullif(t.tags, 'null'), '{}'),"
     " nullif(t.source, 'null'), t.source_type, t.source_id, coalesce(t.created_time, 0),"
     " coalesce(t.last_update_time, 0), t.created_by, t.last_updated_by FROM"
     " theirs_evaluation_dataset_records t JOIN evaluation_datasets o ON o.dataset_id ="
     " t.dataset_id WHERE true ORDER BY t.created_time, t.dataset_record_id ON CONFLICT DO"
     " NOTHING"},
    /* scorers */
    {COUNT(scorers),
     "INSERT INTO scorers(scorer_id, experiment, name) SELECT t.scorer_id, m.ours, t.scorer_name"
     " FROM theirs_scorers t JOIN import_experiments m ON m.theirs = t.experiment_id WHERE true ON"
     " CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO scorer_versions(scorer, version, serialized, created) SELECT o.id,"
     " t.scorer_version, t.serialized_scorer, coalesce(t.creation_time, 0) FROM"
     " theirs_scorer_versions t JOIN scorers o ON o.scorer_id = t.scorer_id WHERE true ON CONFLICT"
     " DO NOTHING"},
};
/* clang-format on */

/* ---- what spans hold ------------------------------------------------------------------------- */

typedef struct attributes {
    int64_t span;
    mw_tags pairs;
} attributes;

static void fill_attribute(void *user, size_t row, mw_value *ret_values)
{
    const attributes *self = user;
    const mw_tag *pair = &self->pairs.items[row];
    ret_values[0] = (mw_value){.kind = MW_VALUE_INT, .integer = self->span};
    ret_values[1] = (mw_value){.kind = MW_VALUE_TEXT, .text = pair->key};
    ret_values[2] = (mw_value){.kind = MW_VALUE_TEXT, .text = pair->value};
}

/* The plain text of a value that is JSON itself. */
static mw_view plain(mw_arena *arena, mw_view value)
{
    mw_scan scan;
    mw_error ignored;
    mw_view text;
    mw_scan_init(&scan, value);
    bool is_text = value.size > 0 && value.data[0] == '"' &&
                   mw_scan_string(&scan, arena, &text, &ignored) == MW_OK;
    return is_text ? text : value;
}

/* A content that cannot be read is kept, and not searched by its attributes. */
static mw_status put_attributes(mw_record *record, mw_arena *arena, int64_t span, mw_view content,
                                mw_error *err)
{
    mw_json *root;
    mw_error ignored;
    mw_view key;
    const mw_json *value;
    void *cursor = NULL;
    attributes found = {.span = span};
    record_memory memory = {arena, false};
    if (mw_json_read(content, &root, &ignored) != MW_OK)
        return MW_OK;
    const mw_json *object = mw_json_member(root, "attributes");
    while (mw_json_next(object, &cursor, &key, &value)) {
        mw_tag *pair = RECORD_PUSH(&memory, &found.pairs);
        if (!pair)
            break;
        *pair = (mw_tag){key, plain(arena, mw_json_text(value))};
        pair->value = pair->value.data ? pair->value : MW_VIEW("");
    }
    mw_status status = memory.failed ? mw_fail_memory(err, "the spans") : MW_OK;
    if (status == MW_OK)
        status = mw_sql_post_rows(record->session, err,
                                  "INSERT INTO span_attributes(span, key, value) VALUES(?, ?, ?)",
                                  "itt", found.pairs.count, fill_attribute, &found);
    mw_json_free(root);
    return status;
}

typedef struct span_page {
    struct {
        int64_t span;
        mw_view content;
    } * items;
    size_t count;
} span_page;

/* The next spans that came over, and have no attributes here. */
static mw_status read_page(mw_record *record, mw_arena *arena, int64_t behind, span_page *ret_page,
                           mw_error *err)
{
    mw_rows rows;
    span_page page = {NULL, 0};
    record_memory memory = {arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT s.id, s.content FROM spans s JOIN traces o ON o.id = s.trace JOIN"
                        " theirs_trace_info t ON t.request_id = o.trace_id WHERE s.id > ? AND NOT"
                        " EXISTS(SELECT 1 FROM span_attributes a WHERE a.span = s.id)"
                        " ORDER BY s.id LIMIT 100",
                        "i", behind));
    while (mw_rows_next(&rows)) {
        void *place = RECORD_PUSH(&memory, &page);
        if (!place)
            break;
        page.items[page.count - 1].span = mw_rows_int(&rows, 0);
        page.items[page.count - 1].content = record_column(&memory, &rows, 1);
    }
    *ret_page = page;
    return record_close(&rows, &memory, err);
}

static mw_status import_attributes(mw_record *record, mw_error *err)
{
    mw_arena arena;
    span_page page;
    int64_t behind = 0;
    mw_status status;
    mw_arena_init(&arena, 64 * MW_KIB, MW_GIB);
    do {
        mw_arena_reset(&arena);
        status = read_page(record, &arena, behind, &page, err);
        for (size_t i = 0; status == MW_OK && i < page.count; i++) {
            behind = page.items[i].span;
            status = put_attributes(record, &arena, behind, page.items[i].content, err);
        }
    } while (status == MW_OK && page.count > 0);
    mw_arena_done(&arena);
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------- */

mw_status import_rows(mw_record *record, mw_import_report *report, mw_error *err)
{
    mw_sql *session = record->session;
    for (size_t i = 0; i < MW_COUNT(our_tables); i++)
        MW_TRY(mw_sql_make_scratch(session, &our_tables[i], err));
    for (size_t i = 0; i < MW_COUNT(row_steps); i++) {
        const step *s = &row_steps[i];
        MW_TRY(s->counted == RENUMBER ? mw_sql_renumber(session, "experiments", "id", err)
                                      : mw_sql_run(session, err, s->sql, ""));
        if (s->counted < RENUMBER)
            *(int64_t *)((char *)report + s->counted) += mw_sql_changes(session);
    }
    return import_attributes(record, err);
}
