/* registry: the record. Experiments, runs, metrics, parameters, tags, data sets, logged models,
 * registered models with their versions and aliases, and artifacts. Knows no HTTP and no JSON.
 *
 *     mw_registry_write(registry, arena, work, user)   one transaction, durable when it returns
 *     mw_registry_read(registry, arena, work, user)    one consistent look
 *         `-> work(record, user): calls the mw_record_* below, as many as belong together
 *
 * What it takes and refuses, its limits and the words of its refusals follow MLflow 3.17 (its
 * SqlAlchemyStore), so that a client sees no difference. Times are milliseconds since 1970. Texts
 * that come out live in the arena; an absent text has data == NULL.
 *
 * Fails, everywhere: MW_BAD_ARGUMENT (MW4101, MW4105 filters, MW4108 paths), MW_NOT_FOUND (MW4103),
 * MW_CONFLICT (MW4102), and what store.h names.
 */
#ifndef REGISTRY_REGISTRY_H
#define REGISTRY_REGISTRY_H

#include "base/base.h"
#include "store/store.h"

typedef struct mw_registry mw_registry;

/* Who changes something, for the audit log (audit.h). Absent texts are written as "-". */
typedef struct mw_actor {
    mw_view name; /* "ada", "token:ci", "local:root" */
    mw_view from; /* "10.0.0.7:4121", "cli" */
    mw_view request_id;
} mw_actor;

/* Inside a transaction. */
typedef struct mw_record {
    mw_registry *registry;
    mw_sql *session;
    mw_arena *arena;
    const mw_actor *actor; /* of writes; NULL: nobody is known */
} mw_record;

typedef mw_status mw_record_work(mw_record *record, void *user, mw_error *err);

/* Open or make the record in a folder: record.db (or store.json), blobs/. Fails as mw_store_open.
 */
MW_CHECKED mw_status mw_registry_open(const char *folder, mw_registry **ret_registry,
                                      mw_error *err);
/* The same with its rows in PostgreSQL: "postgresql://user@host/database" (mw_store_open), so that
 * several servers share them. FOLDER/store.json says so from now on, without the password, and
 * whoever opens the folder follows it. Fails: as above; MW_BAD_ARGUMENT (MW4019) the folder's
 * record is elsewhere. */
MW_CHECKED mw_status mw_registry_open_in(const char *folder, const char *address,
                                         mw_registry **ret_registry, mw_error *err);
/* To look at it only, also while a server has it open. Nothing is made or changed, except that a
 * record of an older version is brought forward where no server has it open.
 * Fails: MW_NOT_FOUND (MW4008) there is none; MW_CONFLICT (MW4002) it is older and in use. */
MW_CHECKED mw_status mw_registry_look(const char *folder, mw_registry **ret_registry,
                                      mw_error *err);
/* The same beside a server that may have it open (mw_store_open_beside). Fails: MW_NOT_FOUND
 * (MW4008) when there is no record and `make` is false. */
MW_CHECKED mw_status mw_registry_open_beside(const char *folder, bool make,
                                             mw_registry **ret_registry, mw_error *err);
/* Keep the artifacts in a bucket, too, from now on: see mw_blobs_place. Before anything else uses
 * the record. */
MW_CHECKED mw_status mw_registry_place(mw_registry *registry, const char *uri, mw_error *err);
/* Of a record in PostgreSQL: its artifacts are here, for all servers that share it. After
 * mw_registry_place. Fails: MW_CONFLICT (MW4021) the others keep them elsewhere. */
MW_CHECKED mw_status mw_registry_claim(mw_registry *registry, mw_error *err);
void mw_registry_close(mw_registry *registry);
MW_CHECKED mw_status mw_registry_write(mw_registry *registry, mw_arena *arena, mw_record_work *work,
                                       void *user, mw_error *err);
/* The same, and the audit log says who it was; actor is borrowed for the call. */
MW_CHECKED mw_status mw_registry_write_as(mw_registry *registry, const mw_actor *actor,
                                          mw_arena *arena, mw_record_work *work, void *user,
                                          mw_error *err);
MW_CHECKED mw_status mw_registry_read(mw_registry *registry, mw_arena *arena, mw_record_work *work,
                                      void *user, mw_error *err);
void mw_registry_count(mw_registry *registry, mw_store_counts *ret_counts);
/* Of the servers that share the record, this one is it, in what has this name (mw_store_leads). */
bool mw_registry_leads(mw_registry *registry, mw_view name);
bool mw_registry_is_shared(const mw_registry *registry); /* it is in PostgreSQL */
mw_blobs *mw_registry_blobs(mw_registry *registry);
/* Where it is kept, borrowed: for the room of alerts, whose book its schema has. */
mw_store *mw_registry_store(mw_registry *registry);

/* ---- what is kept ---------------------------------------------------------------------------- */

/* Also a parameter. */
typedef struct mw_tag {
    mw_view key, value;
} mw_tag;

typedef struct mw_tags {
    mw_tag *items;
    size_t count;
} mw_tags;

/* What the first of that key says, borrowed from the tags; its data is NULL where none has it. */
static inline mw_view mw_tags_get(const mw_tags *tags, const char *key)
{
    for (size_t i = 0; i < tags->count; i++)
        if (mw_view_is(tags->items[i].key, key))
            return tags->items[i].value;
    return (mw_view){NULL, 0};
}

typedef struct mw_texts {
    mw_view *items;
    size_t count;
} mw_texts;

typedef struct mw_metric {
    mw_view key;
    double value; /* NaN stays NaN; infinities come back as the largest finite double */
    int64_t timestamp, step;
    mw_view model_id, dataset_name, dataset_digest, run_id; /* absent, or set */
} mw_metric;

typedef struct mw_metrics {
    mw_metric *items;
    size_t count;
} mw_metrics;

typedef struct mw_experiment {
    int64_t id, created, updated;
    mw_view name, location;
    bool is_deleted;
    mw_tags tags;
} mw_experiment;

typedef struct mw_experiments {
    mw_experiment *items;
    size_t count;
} mw_experiments;

/* MLflow's numbers. */
typedef enum mw_run_status {
    MW_RUN_NONE = 0,
    MW_RUN_RUNNING,
    MW_RUN_SCHEDULED,
    MW_RUN_FINISHED,
    MW_RUN_FAILED,
    MW_RUN_KILLED
} mw_run_status;

typedef struct mw_run_info {
    int64_t row; /* the record's own number of it */
    mw_view run_id, name, user, artifact_uri;
    int64_t experiment, started, ended;
    mw_run_status status;
    bool has_ended, is_deleted;
} mw_run_info;

typedef struct mw_dataset {
    mw_view name, digest, source_type, source, schema, profile;
    mw_tags tags; /* of the use, not of the data set */
} mw_dataset;

typedef struct mw_datasets {
    mw_dataset *items;
    size_t count;
} mw_datasets;

/* A data set as runs of an experiment used it. */
typedef struct mw_dataset_use {
    int64_t experiment;
    mw_view name, digest, context; /* context: absent, or "training" and the like */
} mw_dataset_use;

typedef struct mw_dataset_uses {
    mw_dataset_use *items;
    size_t count;
} mw_dataset_uses;

typedef struct mw_run_model {
    mw_view model_id;
    int64_t step; /* of an output */
} mw_run_model;

typedef struct mw_run_models {
    mw_run_model *items;
    size_t count;
} mw_run_models;

typedef struct mw_run {
    mw_run_info info;
    mw_metrics metrics; /* the latest of each key */
    mw_tags params, tags;
    mw_datasets datasets;
    mw_run_models inputs, outputs;
} mw_run;

typedef struct mw_runs {
    mw_run *items;
    size_t count;
} mw_runs;

/* ---- searching ------------------------------------------------------------------------------- */

typedef enum mw_view_type { MW_VIEW_ACTIVE = 1, MW_VIEW_DELETED = 2, MW_VIEW_ALL = 3 } mw_view_type;

typedef struct mw_search {
    mw_texts experiments; /* ids; of runs and logged models */
    mw_view filter;
    mw_texts order_by;
    mw_view page_token;
    int64_t max_results;
    mw_view_type view;
    const struct mw_grants *seen; /* find only what these reach; NULL: everything. Of experiments,
                                     models and versions */
} mw_search;

/* ---- experiments (experiments.c) ------------------------------------------------------------- */

MW_CHECKED mw_status mw_record_create_experiment(mw_record *record, mw_view name, mw_view location,
                                                 const mw_tags *tags, int64_t *ret_id,
                                                 mw_error *err);
/* By id in decimal digits, or by name. Deleted ones too. */
MW_CHECKED mw_status mw_record_experiment(mw_record *record, mw_view id,
                                          mw_experiment *ret_experiment, mw_error *err);
MW_CHECKED mw_status mw_record_experiment_named(mw_record *record, mw_view name,
                                                mw_experiment *ret_experiment, mw_error *err);
MW_CHECKED mw_status mw_record_rename_experiment(mw_record *record, mw_view id, mw_view name,
                                                 mw_error *err);
/* Its runs are deleted, or restored, with it. */
MW_CHECKED mw_status mw_record_delete_experiment(mw_record *record, mw_view id, mw_error *err);
MW_CHECKED mw_status mw_record_restore_experiment(mw_record *record, mw_view id, mw_error *err);
MW_CHECKED mw_status mw_record_tag_experiment(mw_record *record, mw_view id, const mw_tag *tag,
                                              mw_error *err);
MW_CHECKED mw_status mw_record_untag_experiment(mw_record *record, mw_view id, mw_view key,
                                                mw_error *err);
/* *ret_token is absent on the last page; here and in the other searches. */
MW_CHECKED mw_status mw_record_search_experiments(mw_record *record, const mw_search *search,
                                                  mw_experiments *ret_found, mw_view *ret_token,
                                                  mw_error *err);

/* ---- runs (runs.c) --------------------------------------------------------------------------- */

typedef struct mw_new_run {
    mw_view experiment, user, name;
    int64_t started;
    mw_tags tags;
} mw_new_run;

MW_CHECKED mw_status mw_record_create_run(mw_record *record, const mw_new_run *wanted,
                                          mw_run *ret_run, mw_error *err);
MW_CHECKED mw_status mw_record_run(mw_record *record, mw_view run_id, mw_run *ret_run,
                                   mw_error *err);
MW_CHECKED mw_status mw_record_run_info(mw_record *record, mw_view run_id, mw_run_info *ret_info,
                                        mw_error *err);
/* status MW_RUN_NONE, ended NULL, an absent name: stay as they are. */
MW_CHECKED mw_status mw_record_update_run(mw_record *record, mw_view run_id, mw_run_status status,
                                          const int64_t *ended, mw_view name, mw_run_info *ret_info,
                                          mw_error *err);
MW_CHECKED mw_status mw_record_delete_run(mw_record *record, mw_view run_id, bool restore,
                                          mw_error *err);
MW_CHECKED mw_status mw_record_search_runs(mw_record *record, const mw_search *search,
                                           mw_runs *ret_found, mw_view *ret_token, mw_error *err);

/* ---- what runs log (logging.c, inputs.c) ----------------------------------------------------- */

typedef struct mw_batch_of_run {
    mw_metrics metrics;
    mw_tags params, tags;
} mw_batch_of_run;

/* Limits of one batch, keys and values are checked before anything is written. */
MW_CHECKED mw_status mw_record_log_batch(mw_record *record, mw_view run_id,
                                         const mw_batch_of_run *batch, mw_error *err);
MW_CHECKED mw_status mw_record_log_metric(mw_record *record, mw_view run_id,
                                          const mw_metric *metric, mw_error *err);
MW_CHECKED mw_status mw_record_log_param(mw_record *record, mw_view run_id, const mw_tag *param,
                                         mw_error *err);
MW_CHECKED mw_status mw_record_set_tag(mw_record *record, mw_view run_id, const mw_tag *tag,
                                       mw_error *err);
MW_CHECKED mw_status mw_record_delete_tag(mw_record *record, mw_view run_id, mw_view key,
                                          mw_error *err);
/* Ordered by timestamp, step, value. max_results 0: all of them. */
MW_CHECKED mw_status mw_record_metric_history(mw_record *record, mw_view run_id, mw_view key,
                                              int64_t max_results, mw_view page_token,
                                              mw_metrics *ret_metrics, mw_view *ret_token,
                                              mw_error *err);
/* Of several runs, by run id and then as above, max_results in all. Sorts run_ids in place; unknown
 * runs have none. */
MW_CHECKED mw_status mw_record_metric_histories(mw_record *record, const mw_texts *run_ids,
                                                mw_view key, int64_t max_results,
                                                mw_metrics *ret_metrics, mw_error *err);

typedef struct mw_sampling {
    mw_texts run_ids;
    mw_view key;
    int64_t first_step, last_step;
    int64_t max_results; /* a run, 1 or more */
} mw_sampling;

/* Of each run max_results values or fewer, evenly spaced by rank in (step, timestamp, value), the
 * last one among them: as MLflow 3 samples them for its charts. */
MW_CHECKED mw_status mw_record_sample_metric(mw_record *record, const mw_sampling *sampling,
                                             mw_metrics *ret_metrics, mw_error *err);
/* Distinct uses in these experiments (ids), 1,000 at most. */
MW_CHECKED mw_status mw_record_dataset_uses(mw_record *record, const mw_texts *experiments,
                                            mw_dataset_uses *ret_uses, mw_error *err);
MW_CHECKED mw_status mw_record_log_inputs(mw_record *record, mw_view run_id,
                                          const mw_datasets *datasets, const mw_run_models *models,
                                          mw_error *err);
MW_CHECKED mw_status mw_record_log_outputs(mw_record *record, mw_view run_id,
                                           const mw_run_models *models, mw_error *err);

/* ---- logged models (logged_models.c) --------------------------------------------------------- */

/* MLflow's numbers. */
typedef enum mw_logged_status {
    MW_LOGGED_PENDING = 1,
    MW_LOGGED_READY,
    MW_LOGGED_FAILED
} mw_logged_status;

typedef struct mw_logged_model {
    int64_t row, experiment, created, updated;
    mw_view model_id, name, artifact_uri, model_type, source_run_id;
    mw_logged_status status;
    mw_tags tags, params;
    mw_metrics metrics;
} mw_logged_model;

typedef struct mw_logged_models {
    mw_logged_model *items;
    size_t count;
} mw_logged_models;

typedef struct mw_new_logged_model {
    mw_view experiment, name, model_type, source_run_id;
    mw_tags params, tags;
} mw_new_logged_model;

/* A data set, by name and perhaps digest. */
typedef struct mw_dataset_wish {
    mw_view name, digest;
} mw_dataset_wish;

/* "metrics.auc", or an attribute; of metrics perhaps on one data set only. */
typedef struct mw_logged_order {
    mw_view field;
    bool descending;
    mw_dataset_wish dataset;
} mw_logged_order;

typedef struct mw_logged_search {
    mw_search search; /* without order_by */
    struct {
        mw_dataset_wish *items;
        size_t count;
    } datasets; /* metrics on one of them; none: any */
    struct {
        mw_logged_order *items;
        size_t count;
    } order_by;
} mw_logged_search;

MW_CHECKED mw_status mw_record_create_logged_model(mw_record *record,
                                                   const mw_new_logged_model *wanted,
                                                   mw_logged_model *ret_model, mw_error *err);
/* Deleted ones are not found. */
MW_CHECKED mw_status mw_record_logged_model(mw_record *record, mw_view model_id,
                                            mw_logged_model *ret_model, mw_error *err);
MW_CHECKED mw_status mw_record_finalize_logged_model(mw_record *record, mw_view model_id,
                                                     mw_logged_status status,
                                                     mw_logged_model *ret_model, mw_error *err);
MW_CHECKED mw_status mw_record_delete_logged_model(mw_record *record, mw_view model_id,
                                                   mw_error *err);
MW_CHECKED mw_status mw_record_tag_logged_model(mw_record *record, mw_view model_id,
                                                const mw_tags *tags, mw_error *err);
MW_CHECKED mw_status mw_record_untag_logged_model(mw_record *record, mw_view model_id, mw_view key,
                                                  mw_error *err);
MW_CHECKED mw_status mw_record_log_model_params(mw_record *record, mw_view model_id,
                                                const mw_tags *params, mw_error *err);
MW_CHECKED mw_status mw_record_search_logged_models(mw_record *record,
                                                    const mw_logged_search *search,
                                                    mw_logged_models *ret_found, mw_view *ret_token,
                                                    mw_error *err);

/* ---- registered models (models.c, versions.c) ------------------------------------------------ */

typedef enum mw_model_stage {
    MW_MODEL_NONE,
    MW_MODEL_STAGING,
    MW_MODEL_PRODUCTION,
    MW_MODEL_ARCHIVED,
    MW_N_MODEL_STAGES
} mw_model_stage;

extern const char *const mw_model_stage_names[MW_N_MODEL_STAGES];

typedef struct mw_model_version {
    int64_t model; /* the row of the registered model */
    mw_view name, description, user, source, run_id, run_link, model_id;
    mw_view location; /* where its artifacts really are */
    int64_t version, created, updated;
    mw_model_stage stage;
    mw_tags tags;
    mw_texts aliases;
} mw_model_version;

typedef struct mw_model_versions {
    mw_model_version *items;
    size_t count;
} mw_model_versions;

typedef struct mw_alias {
    mw_view alias;
    int64_t version;
} mw_alias;

typedef struct mw_registered_model {
    int64_t row, created, updated;
    mw_view name, description;
    mw_model_versions latest; /* the highest of each stage */
    mw_tags tags;
    struct {
        mw_alias *items;
        size_t count;
    } aliases;
} mw_registered_model;

typedef struct mw_registered_models {
    mw_registered_model *items;
    size_t count;
} mw_registered_models;

MW_CHECKED mw_status mw_record_create_model(mw_record *record, mw_view name, mw_view description,
                                            const mw_tags *tags, mw_registered_model *ret_model,
                                            mw_error *err);
MW_CHECKED mw_status mw_record_model(mw_record *record, mw_view name,
                                     mw_registered_model *ret_model, mw_error *err);
MW_CHECKED mw_status mw_record_rename_model(mw_record *record, mw_view name, mw_view new_name,
                                            mw_registered_model *ret_model, mw_error *err);
MW_CHECKED mw_status mw_record_describe_model(mw_record *record, mw_view name, mw_view description,
                                              mw_registered_model *ret_model, mw_error *err);
/* With its versions, tags and aliases. */
MW_CHECKED mw_status mw_record_delete_model(mw_record *record, mw_view name, mw_error *err);
MW_CHECKED mw_status mw_record_tag_model(mw_record *record, mw_view name, const mw_tag *tag,
                                         mw_error *err);
MW_CHECKED mw_status mw_record_untag_model(mw_record *record, mw_view name, mw_view key,
                                           mw_error *err);
/* version absent: the alias goes, if it is there. */
MW_CHECKED mw_status mw_record_set_alias(mw_record *record, mw_view name, mw_view alias,
                                         mw_view version, mw_error *err);
MW_CHECKED mw_status mw_record_search_models(mw_record *record, const mw_search *search,
                                             mw_registered_models *ret_found, mw_view *ret_token,
                                             mw_error *err);

typedef struct mw_new_version {
    mw_view name, source, run_id, run_link, description, model_id;
    mw_tags tags;
} mw_new_version;

/* Its number is the highest that ever was, plus one. */
MW_CHECKED mw_status mw_record_create_version(mw_record *record, const mw_new_version *wanted,
                                              mw_model_version *ret_version, mw_error *err);
MW_CHECKED mw_status mw_record_version(mw_record *record, mw_view name, mw_view version,
                                       mw_model_version *ret_version, mw_error *err);
MW_CHECKED mw_status mw_record_version_of_alias(mw_record *record, mw_view name, mw_view alias,
                                                mw_model_version *ret_version, mw_error *err);
MW_CHECKED mw_status mw_record_describe_version(mw_record *record, mw_view name, mw_view version,
                                                mw_view description, mw_model_version *ret_version,
                                                mw_error *err);
MW_CHECKED mw_status mw_record_delete_version(mw_record *record, mw_view name, mw_view version,
                                              mw_error *err);
/* stage in any case. archive: others of the stage become Archived. */
MW_CHECKED mw_status mw_record_move_version(mw_record *record, mw_view name, mw_view version,
                                            mw_view stage, bool archive,
                                            mw_model_version *ret_version, mw_error *err);
MW_CHECKED mw_status mw_record_tag_version(mw_record *record, mw_view name, mw_view version,
                                           const mw_tag *tag, mw_error *err);
MW_CHECKED mw_status mw_record_untag_version(mw_record *record, mw_view name, mw_view version,
                                             mw_view key, mw_error *err);
/* The highest of each stage that is asked for; no stages: of every one. */
MW_CHECKED mw_status mw_record_latest_versions(mw_record *record, mw_view name,
                                               const mw_texts *stages, mw_model_versions *ret_found,
                                               mw_error *err);
MW_CHECKED mw_status mw_record_search_versions(mw_record *record, const mw_search *search,
                                               mw_model_versions *ret_found, mw_view *ret_token,
                                               mw_error *err);

/* ---- artifacts (artifacts.c) ----------------------------------------------------------------- */

/* A file, or a folder of them. Paths are relative, parted by '/'. */
typedef struct mw_artifact {
    mw_view path, digest;
    int64_t bytes;
    bool is_folder;
} mw_artifact;

typedef struct mw_artifacts {
    mw_artifact *items;
    size_t count;
} mw_artifacts;

/* Fails: MW_BAD_ARGUMENT (MW4108): absolute, "..", backslash, '#', also when escaped once more. */
MW_CHECKED mw_status mw_artifact_check_path(mw_view path, mw_error *err);
/* "mlflow-artifacts:/1/run/artifacts" -> "1/run/artifacts"; absent for places that are not ours. */
mw_view mw_artifact_root(mw_view uri);
/* The blob must have been kept. Takes the place of an older file. */
MW_CHECKED mw_status mw_record_put_artifact(mw_record *record, mw_view path, mw_view digest,
                                            int64_t bytes, mw_error *err);
MW_CHECKED mw_status mw_record_artifact(mw_record *record, mw_view path, mw_artifact *ret_artifact,
                                        mw_error *err);
/* One level, sorted by name; nothing where there is no such folder. Paths are whole. */
MW_CHECKED mw_status mw_record_list_artifacts(mw_record *record, mw_view folder,
                                              mw_artifacts *ret_found, mw_error *err);
/* "models:/..." or "runs:/...": where a model is, in words. */
bool mw_is_model_address(mw_view text);
/* The files of a model as a folder on the disk, for what reads folders: links to the blobs, made
 * when they are not there yet. The same files are the same folder. Not inside a transaction.
 *
 *   address     models:/NAME@ALIAS, models:/NAME/VERSION, models:/NAME/STAGE, models:/NAME/latest,
 *               models:/m-ID, runs:/RUN_ID/PATH
 *   ret_folder  in the arena
 *
 * Fails: MW_NOT_FOUND; MW_UNSUPPORTED (MW4107) when the files are elsewhere (s3://...); MW_IO */
MW_CHECKED mw_status mw_registry_check_out(mw_registry *registry, mw_view address, mw_arena *arena,
                                           const char **ret_folder, mw_error *err);
/* A file among those of the model at an address, in place of an older one; noted in the audit log.
 * The blob must have been kept. Fails: as mw_registry_check_out; MW_BAD_ARGUMENT (MW4108). */
MW_CHECKED mw_status mw_record_put_beside(mw_record *record, mw_view address, mw_view path,
                                          mw_view digest, int64_t bytes, mw_error *err);
/* A file, or a folder with all in it; absent ones, too. The blobs stay. */
MW_CHECKED mw_status mw_record_delete_artifact(mw_record *record, mw_view path, mw_error *err);

#include "data.h"
#include "lineage.h"
#include "access.h"
#include "audit.h"
#include "backup.h"
#include "migrate.h"
#include "import.h"
#include "rollout_record.h"
#include "gates.h"
#include "endpoints.h"
#include "traces.h"

#include "trace_spans.h"
#include "watch_record.h"
#include "webhooks.h"
#include "evaluations.h"
#include "scorers.h"

#endif
