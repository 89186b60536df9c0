/* A study: a model and rows in memory, for commands that look at all rows together.
 *
 *     init -> load (model, predictor) -> read (rows, with the target behind the features) -> done
 *
 * Rows lie at `values`, n_columns apart: the model's features first, then the target when one was
 * asked for. They take at most MW_LIMIT_STUDY_BYTES. */
#ifndef CLI_STUDY_H
#define CLI_STUDY_H

#include "predict/predict.h"
#include "row_reader.h"

typedef struct cli_study {
    const cli_call *call;
    mw_forest *forest;
    mw_predictor *predictor;
    mw_pool *pool; /* the other threads; NULL when there is one */
    unsigned n_threads;
    cli_row_reader reader;
    mw_schema with_target;
    double *values;
    size_t n_rows, n_columns;
    mw_buf text; /* the result in the making */
} cli_study;

void cli_study_init(cli_study *study, const cli_call *call);
void cli_study_done(cli_study *study);

/* True when rows were named: the second argument or --input. */
bool cli_study_has_rows(const cli_study *study);
/* The model of the first argument, its predictor, and the threads. */
MW_CHECKED mw_status cli_study_load(cli_study *study, mw_error *err);
/* Open the rows: `target` names a column beside the features, or is NULL. */
MW_CHECKED mw_status cli_study_open(cli_study *study, const char *target, mw_error *err);
/* Read all of them into memory. Fails: also MW1021 when they are too many, MW1022 when none. */
MW_CHECKED mw_status cli_study_read(cli_study *study, mw_error *err);
/* All rows of another file of the same columns; *ret_values is the caller's to free. */
MW_CHECKED mw_status cli_study_read_file(const cli_study *study, const char *path,
                                         double **ret_values, size_t *ret_rows, mw_error *err);
/* The features of all rows, as the predictor takes them. */
mw_matrix cli_study_matrix(const cli_study *study);
/* Position of a feature; fails with the nearest name. */
MW_CHECKED mw_status cli_study_feature(const cli_study *study, mw_view name, const char *flag,
                                       size_t *ret_feature, mw_error *err);
/* Write study->text where the result goes. */
MW_CHECKED mw_status cli_study_put(cli_study *study, mw_error *err);

#endif
