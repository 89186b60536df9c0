/* What versions are made of, and how they hang together. Part of the door of registry.h.
 *
 *     data set ---> run ---> version ---> alias        the passport of a version is what its run
 *                    |          |                      and its files told when it was registered;
 *               parent, child   `-> runs that read it  the graph is looked up when it is asked for
 */
#ifndef REGISTRY_LINEAGE_H
#define REGISTRY_LINEAGE_H

/* ---- passports (passport.c) ------------------------------------------------------------------ */

typedef struct mw_library {
    mw_view name, version; /* "xgboost", "3.2.0"; or what is asked for: ">=3,<4" */
} mw_library;

/* A column of a signature. low, high and missing are those of the input example, NaN without. */
typedef struct mw_passport_column {
    mw_view name, type; /* absent, or set; MLflow's words: "double", "tensor(float32)[-1,4]" */
    bool is_output, required;
    const mw_view *was; /* what it was called before, as the model declares it */
    size_t n_was;
    double low, high, missing; /* missing: a share, 0..1 */
} mw_passport_column;

typedef struct mw_passport_data {
    mw_view name, digest, source_type, source, context;
} mw_passport_data;

typedef struct mw_passport {
    bool is_recorded; /* kept since the registration; else put together now, for an old version */
    int64_t created;
    mw_view
        digest; /* SHA-256 of the lines "path digest\n" of its files, sorted; absent: no files */
    int64_t n_files, bytes, n_examples;
    mw_view commit, branch, repository, entry; /* entry: the script or notebook */
    int64_t dirty;                             /* 1 or 0; -1: not told */
    mw_view patch;                             /* SHA-256 of what was not committed */
    mw_view user, flavors, mlflow_version, python;
    mw_view fault; /* what could not be read of its files, and why */
    struct {
        mw_library *items;
        size_t count;
    } libraries;
    struct {
        mw_passport_column *items;
        size_t count;
    } columns;
    struct {
        mw_passport_data *items;
        size_t count;
    } data;
} mw_passport;

/* Of a version that exists. What is faulty in its files is told in `fault`, never a failure. */
MW_CHECKED mw_status mw_record_passport(mw_record *record, const mw_model_version *version,
                                        mw_passport *ret_passport, mw_error *err);

/* ---- the graph (lineage.c) ------------------------------------------------------------------- */

typedef enum mw_kinship {
    MW_SAME_FILES,   /* the same digest */
    MW_SAME_DATA,    /* made from a data set of the same name and digest */
    MW_SAME_CODE,    /* the same commit */
    MW_MADE_FROM_IT, /* its run has read this version */
    MW_IT_IS_MADE_FROM,
    MW_N_KINSHIPS
} mw_kinship;

typedef struct mw_relative {
    mw_kinship kinship;
    mw_view name, through; /* through: the data set, the commit, the run */
    int64_t version;
} mw_relative;

/* An endpoint that served the version when it was last loaded, from this address. */
typedef struct mw_serving {
    mw_view endpoint, address;
    int64_t since;
} mw_serving;

typedef struct mw_lineage {
    mw_model_version version;
    mw_passport passport;
    bool has_run;
    mw_run run;
    mw_view experiment;        /* the run's */
    mw_run_info parent;        /* run_id absent: none */
    mw_runs children, readers; /* info only; readers: runs that took the version as an input */
    struct {
        mw_relative *items;
        size_t count;
    } relatives;
    struct {
        mw_serving *items;
        size_t count;
    } servings;
    bool is_cut; /* there are more relatives or endpoints than are told */
} mw_lineage;

/* `address` is NAME/VERSION, NAME@ALIAS, NAME/latest, or the same behind "models:/".
 * Fails: MW_NOT_FOUND, MW_BAD_ARGUMENT. */
MW_CHECKED mw_status mw_record_version_at(mw_record *record, mw_view address,
                                          mw_model_version *ret_version, mw_error *err);
MW_CHECKED mw_status mw_record_lineage(mw_record *record, mw_view address, mw_lineage *ret_lineage,
                                       mw_error *err);

/* ---- what a version would break (findings.c) ------------------------------------------------- */

/* What its registration found against the versions that had an alias; absent: nothing. */
mw_view mw_version_finding(const mw_model_version *version);
/* What a library is known to do otherwise between two of its versions; NULL: nothing. */
const char *mw_library_change(mw_view name, mw_view before, mw_view after);

/* Whether the version at an address may break clients: its tag millwright.contract.accepted. */
bool mw_registry_accepts_breaks(mw_registry *registry, mw_view address, mw_arena *arena);
/* The folder that an endpoint served last from this address, so that a restart does not break its
 * clients; *ret_folder is NULL when it never did. An absent address: whichever it served last. */
MW_CHECKED mw_status mw_registry_served(mw_registry *registry, mw_view endpoint, mw_view address,
                                        mw_arena *arena, const char **ret_folder, mw_error *err);
MW_CHECKED mw_status mw_registry_note_served(mw_registry *registry, mw_view endpoint,
                                             mw_view address, const char *folder, mw_arena *arena,
                                             mw_error *err);

#endif
