/* graph: rows through a session of ONNX Runtime, in place of kernels.
 *
 *     rows, a block at a time --> one tensor for each input --> session --> tensors --> values
 *
 * Everything can fail here: the library judges the values itself. So this is no kernel, whose sums
 * cannot. */
#ifndef PREDICT_GRAPH_H
#define PREDICT_GRAPH_H

#include "predictor.h"

/* Memory that one block takes. */
size_t predict_graph_bytes(const mw_forest *forest);
/* Rows that one call of the session takes. */
size_t predict_graph_block_rows(const mw_forest *forest);
/* Rows [first, end) into ret_values, which begins at row `first`; `memory` holds
 * predict_graph_bytes. Fails: MW_E_RUNTIME_RUN, MW_E_RUNTIME_VALUE, MW_NO_MEMORY. */
MW_CHECKED mw_status predict_graph_rows(const mw_forest *forest, const mw_matrix *rows,
                                        size_t first, size_t end, void *memory, double *ret_values,
                                        mw_error *err);
/* The same with the rows split over `pool`. */
MW_CHECKED mw_status predict_graph_parallel(const mw_forest *forest, const mw_matrix *rows,
                                            mw_pool *pool, double *ret_values, mw_error *err);

#endif
