/* MLflow's own database -> the record. Part of the door registry.h. */
#ifndef REGISTRY_IMPORT_H
#define REGISTRY_IMPORT_H

typedef struct mw_import_report {
    int64_t experiments, runs, metrics, logged_models, models, versions; /* that were added */
    int64_t traces, spans;
    int64_t evaluations, scorers; /* data sets; names */
    int64_t files, bytes;         /* of artifacts */
    int64_t missing;              /* places of runs and models that are not to be found here */
    int64_t refused;              /* files whose names an artifact cannot have */
} mw_import_report;

/* Brings experiments, runs, params, metrics, tags, inputs, logged and registered models, aliases,
 * prompts, traces with their spans and assessments, evaluation data sets, scorers, and artifacts
 * over, in one transaction. What is here already stays as it is: a second time adds what is new.
 * Experiments are one when their names are; the ids of runs, logged models, traces and, where they
 * are free, of experiments stay.
 *
 *   database   path of MLflow's SQLite file; it is only read, MLflow need not be stopped. Of a
 *              record in PostgreSQL its rows go through tables of the transaction alone
 *   artifacts  folder that MLflow's server kept artifacts in (--artifacts-destination), or NULL;
 *              files at local paths are found without it; those in object stores stay there
 *
 * Not imported: webhooks (their secrets are under MLflow's key), users.
 * Fails: MW_NOT_FOUND (MW4231) no such file; MW_UNSUPPORTED (MW4232) a schema that is not known, or
 * several workspaces; MW_CONFLICT (MW4233) a version of the same number that is another; MW_IO. */
MW_CHECKED mw_status mw_registry_import_mlflow(mw_registry *registry, const char *database,
                                               const char *artifacts, const mw_actor *actor,
                                               mw_import_report *ret_report, mw_error *err);

#endif
