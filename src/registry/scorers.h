/* Scorers: descriptions of judges of answers, versions of one name in an experiment, as
 * mlflow.genai.scorers registers them. Kept and given back; nothing of them is ever run here. Part
 * of the door of registry.h. */
#ifndef REGISTRY_SCORERS_H
#define REGISTRY_SCORERS_H

typedef struct mw_scorer {
    int64_t row, experiment, version, created;
    mw_view id, name;
    mw_view text; /* JSON */
} mw_scorer;

typedef struct mw_scorers {
    mw_scorer *items;
    size_t count;
} mw_scorers;

/* Whether it may be kept: an object without code (call_source), that calls no gateway, and does not
 * say where its model is asked. Outside of transactions. Fails: MW_BAD_ARGUMENT, MW_NOT_FOUND (a
 * gateway's endpoint). */
MW_CHECKED mw_status mw_scorer_check(mw_view text, mw_error *err);
/* The next version of its name. `text` was checked. */
MW_CHECKED mw_status mw_record_put_scorer(mw_record *record, mw_view experiment, mw_view name,
                                          mw_view text, mw_scorer *ret_scorer, mw_error *err);
/* version 0: the highest. */
MW_CHECKED mw_status mw_record_scorer(mw_record *record, mw_view experiment, mw_view name,
                                      int64_t version, mw_scorer *ret_scorer, mw_error *err);
MW_CHECKED mw_status mw_record_scorer_versions(mw_record *record, mw_view experiment, mw_view name,
                                               mw_scorers *ret_found, mw_error *err);
/* The highest of each name: of one experiment, or of all that are active and in
 * search->experiments (none: all), as far as search->seen reaches. */
MW_CHECKED mw_status mw_record_scorers(mw_record *record, mw_view experiment,
                                       const mw_search *search, mw_scorers *ret_found,
                                       mw_error *err);
/* version 0: all. */
MW_CHECKED mw_status mw_record_delete_scorer(mw_record *record, mw_view experiment, mw_view name,
                                             int64_t version, mw_error *err);

#endif
