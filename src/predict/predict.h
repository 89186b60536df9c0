/* predict: a forest and rows become margins and predictions, equal to the training library's.
 *
 *     mw_forest --(once)--> mw_predictor: nodes laid out for the kernels
 *     rows (float32 or float64, any stride) --> kernel --> margins --> transform --> values
 *
 * Exactness is the first law: trees are summed in file order, in float32 for XGBoost and float64
 * for LightGBM, whatever the kernel, the batch size or the number of threads.
 */
#ifndef PREDICT_PREDICT_H
#define PREDICT_PREDICT_H

#include "base/base.h"
#include "model/model.h"
#include "rules.h" /* which way a value goes at a node: explain goes by the same */

typedef struct mw_predictor mw_predictor;

/* Lay a forest out for prediction. The forest is borrowed and must outlive the predictor. What only
 * a batch needs (trees in bytes, from how many rows on they pay) is left for the first of two rows
 * or more. Fails: MW_NO_MEMORY; MW_BAD_ARGUMENT when MW_CPU names no kernel. Cost: O(nodes). */
MW_CHECKED mw_status mw_predictor_new(const mw_forest *forest, mw_predictor **ret_predictor,
                                      mw_error *err);
/* Do now what the first batch would do, so that none waits for it; any thread may, once is enough.
 * Cost: O(nodes), and two milliseconds of timing. */
void mw_predictor_settle(const mw_predictor *predictor);
void mw_predictor_free(mw_predictor *predictor);
/* The trees in bytes are counted before they are there. */
size_t mw_predictor_memory_bytes(const mw_predictor *predictor);
/* Values a row for MW_PREDICTION or MW_MARGIN. */
size_t mw_predictor_outputs(const mw_predictor *predictor, mw_output output);
/* True when values are exactly float32 (XGBoost). */
bool mw_predictor_is_float32(const mw_predictor *predictor);
/* The kernel in use: "scalar", "avx2", ... (MW_CPU=scalar in the environment forces it). */
const char *mw_predictor_kernel(const mw_predictor *predictor);

/* mw_scratch_new, mw_scratch_free: see millwright.h. */
/* At least `bytes` of a scratch, 64-byte aligned; what was there is gone. Grows, never shrinks.
 * Valid until the next call with this scratch. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status mw_scratch_room(mw_scratch *scratch, size_t bytes, void **ret_memory,
                                     mw_error *err);

/* Predict. Rows must have n_features columns (checked). ret_values: (n_rows, outputs) float64.
 * Allocates nothing once scratch is warm for this batch size and the predictor is settled; takes
 * no lock. */
MW_CHECKED mw_status mw_predict_batch(const mw_predictor *predictor, const mw_matrix *rows,
                                      mw_output output, mw_scratch *scratch, double *ret_values,
                                      mw_error *err);

/* The same values, with the rows split over this thread and those of `pool` that are idle (NULL:
 * this one alone). Each thread takes scratch memory of its own, so this is for thousands of rows.
 * Fails: also MW_NO_MEMORY. */
MW_CHECKED mw_status mw_predict_parallel(const mw_predictor *predictor, const mw_matrix *rows,
                                         mw_output output, mw_pool *pool, double *ret_values,
                                         mw_error *err);

/* All that can be wrong with rows for a forest: MW_BAD_ARGUMENT, MW_MISMATCH. */
MW_CHECKED mw_status mw_predict_check_rows(const mw_forest *forest, const mw_matrix *rows,
                                           mw_error *err);

/* Rows as the trees see them, where a recipe stands before those (forest->before): all n_columns of
 * rows [first, first + n_rows). The matrix lies in `memory`, which holds mw_prepare_bytes, 64-byte
 * aligned. Rows were checked before. */
size_t mw_prepare_bytes(const mw_forest *forest, size_t n_rows); /* 0 where none does */
mw_matrix mw_prepare_rows(const mw_forest *forest, const mw_matrix *rows, size_t first,
                          size_t n_rows, void *memory);

/* Work that rows are split for. `run` is called for rows [first, end), at most chunk_rows of them,
 * with memory_bytes of the thread's own (64-byte aligned); any thread may call it. */
typedef struct mw_row_work {
    void (*run)(const void *context, size_t first, size_t end, void *memory);
    const void *context;
    size_t n_rows, chunk_rows, memory_bytes;
    const char *what; /* for the message when memory is gone */
} mw_row_work;

/* Do it in this thread and in those of `pool` that are idle (NULL: this one alone).
 * Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status mw_split_rows(const mw_row_work *work, mw_pool *pool, mw_error *err);

#endif
