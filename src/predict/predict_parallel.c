/* A batch on several threads. */
#include "graph.h"

#include "base/banned.h"

/* A thread is worth its waking from about this many rows: 512 rows of a small model take 0.3 ms. */
enum { CHUNK_ROWS = 512 };

typedef struct predict_call {
    const mw_predictor *predictor;
    const mw_matrix *rows;
    mw_output output;
    double *values;
} predict_call;

static void predict_part(const void *context, size_t first, size_t end, void *memory)
{
    const predict_call *call = context;
    size_t outputs = mw_predictor_outputs(call->predictor, call->output);
    predict_rows(call->predictor, call->rows, first, end, call->output, memory,
                 call->values + first * outputs);
}

mw_status mw_predict_parallel(const mw_predictor *predictor, const mw_matrix *rows,
                              mw_output output, mw_pool *pool, double *ret_values, mw_error *err)
{
    MW_TRY(predict_check(predictor, rows, output, err));
    if (predictor->forest->graph)
        return predict_graph_parallel(predictor->forest, rows, pool, ret_values, err);
    if (rows->n_rows > 1)
        mw_predictor_settle(predictor);
    predict_call call = {predictor, rows, output, ret_values};
    mw_row_work work = {.run = predict_part,
                        .context = &call,
                        .n_rows = rows->n_rows,
                        .chunk_rows = CHUNK_ROWS,
                        .memory_bytes = predictor->places.bytes,
                        .what = "the threads of a prediction"};
    return mw_split_rows(&work, pool, err);
}
