/* A batch, block by block: sum the trees, transform, widen. */
#include "graph.h"

#include "base/banned.h"

static mw_status check_shape(const mw_forest *forest, const mw_matrix *rows, mw_error *err)
{
    if (rows->n_columns == forest->n_features)
        return MW_OK;
    mw_fail(err, MW_E_FEATURE_COUNT, "rows have %zu columns, the model takes %zu features",
            rows->n_columns, forest->n_features);
    return mw_mend(err, "give every feature of the model in its order; what is missing is NaN");
}

static mw_status check_dtype(const mw_matrix *rows, mw_error *err)
{
    if (rows->dtype == MW_FLOAT32 || rows->dtype == MW_FLOAT64)
        return MW_OK;
    return mw_fail(err, MW_E_DTYPE, "dtype %d is unknown", (int)rows->dtype);
}

mw_status mw_predict_check_rows(const mw_forest *forest, const mw_matrix *rows, mw_error *err)
{
    MW_TRY(check_dtype(rows, err));
    MW_TRY(check_shape(forest, rows, err));
    if (!rows->data && rows->n_rows > 0 && rows->n_columns > 0)
        return mw_fail(err, MW_E_NULL_ARGUMENT, "'rows.data' is NULL");
    return MW_OK;
}

mw_status predict_check(const mw_predictor *predictor, const mw_matrix *rows, mw_output output,
                        mw_error *err)
{
    MW_TRY(check_dtype(rows, err));
    if (output != MW_PREDICTION && output != MW_MARGIN)
        return mw_fail(err, MW_E_OUTPUT_KIND, "output %d is unknown", (int)output);
    if (output == MW_MARGIN && predictor->forest->graph) {
        mw_fail(err, MW_E_GRAPH_OPAQUE, "this model has no margins: ONNX Runtime computes it");
        return mw_mend(err, "ask for predictions");
    }
    return mw_predict_check_rows(predictor->forest, rows, err);
}

/* The way that the next rows go, of `left`, and how many of them. */
static const predict_way *next_way(const mw_predictor *predictor, size_t left, size_t *ret_n_rows)
{
    bool many = left >= atomic_load_explicit(&predictor->many_from, memory_order_acquire);
    const predict_way *way = many ? &predictor->many : &predictor->few;
    size_t n = left < way->kernel->block_rows ? left : way->kernel->block_rows;
    size_t rest = many && predictor->many_step > 0 ? n % predictor->many_step : 0;
    *ret_n_rows = many && rest < predictor->many_rest && rest < n ? n - rest : n;
    return way;
}

void predict_rows(const mw_predictor *predictor, const mw_matrix *rows, size_t first, size_t end,
                  mw_output output, void *memory, double *ret_values)
{
    const mw_forest *forest = predictor->forest;
    size_t outputs = mw_predictor_outputs(predictor, output);
    const predict_places *places = &predictor->places;
    double *row = (double *)((char *)memory + places->row);
    predict_block block = {.rows = rows, .memory = memory, .sums = (char *)memory + places->sums};
    mw_matrix prepared;
    for (size_t at = first; at < end; at += block.n_rows) {
        const predict_way *way = next_way(predictor, end - at, &block.n_rows);
        block.first = at;
        if (forest->before) {
            prepared =
                mw_prepare_rows(forest, rows, at, block.n_rows, (char *)memory + places->prepared);
            block.rows = &prepared;
            block.first = 0;
        }
        way->kernel->sum(predictor->walked, way->layout, &block);
        predict_finish(forest, output, block.n_rows, block.sums, row, ret_values);
        ret_values += block.n_rows * outputs;
    }
}

static __attribute__((noinline)) mw_status predict_any(const mw_predictor *predictor,
                                                       const mw_matrix *rows, mw_output output,
                                                       mw_scratch *scratch, double *ret_values,
                                                       mw_error *err)
{
    MW_TRY(predict_check(predictor, rows, output, err));
    void *memory;
    MW_TRY(mw_scratch_room(scratch, predictor->places.bytes, &memory, err));
    if (predictor->forest->graph)
        return predict_graph_rows(predictor->forest, rows, 0, rows->n_rows, memory, ret_values,
                                  err);
    if (rows->n_rows > 1)
        mw_predictor_settle(predictor);
    predict_rows(predictor, rows, 0, rows->n_rows, output, memory, ret_values);
    return MW_OK;
}

/* One row of a plain model, scratch that is warm, and nothing wrong: what servers are mostly asked
 * for. A tenth of a small model's time is the way to its trees and back. */
static inline bool is_plain_row(const mw_predictor *predictor, const mw_matrix *rows,
                                mw_output output, const mw_scratch *scratch)
{
    const mw_forest *forest = predictor->forest;
    return rows->n_rows == 1 && rows->n_columns == forest->n_features && rows->data &&
           (rows->dtype == MW_FLOAT32 || rows->dtype == MW_FLOAT64) &&
           (output == MW_PREDICTION || output == MW_MARGIN) &&
           scratch->size >= predictor->places.bytes && !forest->graph && !forest->before;
}

mw_status mw_predict_batch(const mw_predictor *predictor, const mw_matrix *rows, mw_output output,
                           mw_scratch *scratch, double *ret_values, mw_error *err)
{
    if (!is_plain_row(predictor, rows, output, scratch))
        return predict_any(predictor, rows, output, scratch, ret_values, err);
    char *memory = scratch->memory;
    predict_block block = {
        .rows = rows, .n_rows = 1, .memory = memory, .sums = memory + predictor->places.sums};
    const predict_way *way = next_way(predictor, 1, &block.n_rows);
    way->kernel->sum(predictor->walked, way->layout, &block);
    double *row = (double *)(void *)(memory + predictor->places.row);
    predict_finish(predictor->forest, output, 1, block.sums, row, ret_values);
    return MW_OK;
}
