/* Evaluation data sets: questions with what is expected of their answers, as mlflow.genai.datasets
 * keeps them. Part of the door of registry.h.
 *
 *     data set -< tags, experiments, records: inputs (what makes one), outputs, expectations, tags
 *
 * Digest, schema and profile are computed as MLflow's server does. JSON is kept as text; of a
 * record whose inputs are there already the rest is merged into the old one.
 */
#ifndef REGISTRY_EVALUATIONS_H
#define REGISTRY_EVALUATIONS_H

typedef struct mw_evaluation {
    int64_t row, created, updated;
    mw_view id, name, digest;
    mw_view schema, profile, created_by, updated_by; /* absent: none */
    mw_tags tags;
} mw_evaluation;

typedef struct mw_evaluations {
    mw_evaluation *items;
    size_t count;
} mw_evaluations;

/* experiments: ids in digits. Fails: MW_NOT_FOUND one of them is not there. */
MW_CHECKED mw_status mw_record_create_evaluation(mw_record *record, mw_view name,
                                                 const mw_tags *tags, const mw_texts *experiments,
                                                 mw_evaluation *ret_evaluation, mw_error *err);
MW_CHECKED mw_status mw_record_evaluation(mw_record *record, mw_view id,
                                          mw_evaluation *ret_evaluation, mw_error *err);
/* One that is gone is fine. */
MW_CHECKED mw_status mw_record_delete_evaluation(mw_record *record, mw_view id, mw_error *err);
/* search->experiments: any of them; none: all. */
MW_CHECKED mw_status mw_record_search_evaluations(mw_record *record, const mw_search *search,
                                                  mw_evaluations *ret_found, mw_view *ret_token,
                                                  mw_error *err);
MW_CHECKED mw_status mw_record_tag_evaluation(mw_record *record, mw_view id, const mw_tags *tags,
                                              mw_error *err);
/* One that is gone is fine, a data set, too. */
MW_CHECKED mw_status mw_record_untag_evaluation(mw_record *record, mw_view id, mw_view key,
                                                mw_error *err);
/* In the order of their numbers. */
MW_CHECKED mw_status mw_record_evaluation_experiments(mw_record *record, mw_view id,
                                                      mw_texts *ret_experiments, mw_error *err);
MW_CHECKED mw_status mw_record_join_evaluation(mw_record *record, mw_view id,
                                               const mw_texts *experiments, bool leave,
                                               mw_evaluation *ret_evaluation, mw_error *err);

/* ---- records (evaluation_records.c, evaluation_json.c) --------------------------------------- */

/* As a client sends one: nodes are borrowed, NULL where nothing was said. */
typedef struct mw_evaluation_wish {
    char input_hash[MW_DIGEST_TEXT_BYTES];       /* of the inputs with sorted names */
    const mw_json *inputs, *expectations, *tags; /* objects */
    const mw_json *outputs;
    const mw_json *source;               /* object */
    mw_view source_type, source_id, who; /* absent: none; who: the tag mlflow.user */
} mw_evaluation_wish;

typedef struct mw_evaluation_wishes {
    mw_evaluation_wish *items;
    size_t count;
} mw_evaluation_wishes;

/* An array of objects into wishes, in the arena; texts are borrowed from the nodes. Outside of
 * transactions. Fails: MW_BAD_ARGUMENT (MW4101) err says which record; MW_NO_MEMORY. */
MW_CHECKED mw_status mw_evaluation_wishes_read(const mw_json *records, mw_arena *arena,
                                               mw_evaluation_wishes *ret_wishes, mw_error *err);

typedef struct mw_evaluation_record {
    int64_t row, created, updated;
    mw_view id;
    mw_view inputs, tags;                  /* JSON objects */
    mw_view outputs, expectations, source; /* JSON; absent: none */
    mw_view source_type, source_id, created_by, updated_by;
} mw_evaluation_record;

typedef struct mw_evaluation_records {
    mw_evaluation_record *items;
    size_t count;
} mw_evaluation_records;

/* All or none. Fails: MW_NOT_FOUND; MW_BAD_ARGUMENT beyond MW_LIMIT_DATASET_RECORDS. */
MW_CHECKED mw_status mw_record_put_evaluation_records(mw_record *record, mw_view id,
                                                      const mw_evaluation_wishes *wishes,
                                                      int64_t *ret_n_new, int64_t *ret_n_old,
                                                      mw_error *err);
/* The oldest first. */
MW_CHECKED mw_status mw_record_evaluation_records(mw_record *record, mw_view id,
                                                  int64_t max_results, mw_view page_token,
                                                  mw_evaluation_records *ret_found,
                                                  mw_view *ret_token, mw_error *err);
MW_CHECKED mw_status mw_record_delete_evaluation_records(mw_record *record, mw_view id,
                                                         const mw_texts *record_ids,
                                                         int64_t *ret_n_gone, mw_error *err);

#endif
