/* Working memory of one thread: one aligned block that grows and is reused. */
#include "graph.h"

#include <stdlib.h>

#include "base/banned.h"

mw_status mw_scratch_new(mw_scratch **ret_scratch, mw_error *err)
{
    if (!ret_scratch)
        return mw_fail(err, MW_E_NULL_ARGUMENT, "'ret_scratch' is NULL");
    mw_scratch *scratch = calloc(1, sizeof *scratch);
    if (!scratch)
        return mw_fail_memory(err, "the scratch");
    *ret_scratch = scratch;
    return MW_OK;
}

void mw_scratch_free(mw_scratch *scratch)
{
    if (!scratch)
        return;
    free(scratch->memory);
    free(scratch);
}

mw_status mw_scratch_room(mw_scratch *scratch, size_t bytes, void **ret_memory, mw_error *err)
{
    if (bytes > scratch->size) {
        void *memory;
        if (posix_memalign(&memory, PREDICT_LINE, bytes) != 0)
            return mw_fail_memory(err, "the scratch");
        free(scratch->memory);
        scratch->memory = memory;
        scratch->size = bytes;
    }
    *ret_memory = scratch->memory;
    return MW_OK;
}

size_t predict_scratch_bytes(const mw_predictor *predictor)
{
    const mw_forest *forest = predictor->forest;
    if (forest->graph)
        return predict_graph_bytes(forest);
    size_t values = predictor->block_rows * forest->n_margins + predict_row_values(forest);
    size_t recipes = forest->after ? mw_recipe_bytes(forest->after) : 0;
    recipes += mw_prepare_bytes(forest, predictor->block_rows);
    /* prepared rows, sums, one row (or a recipe's cells) on its way out */
    return predictor->memory_bytes + recipes + values * sizeof(double);
}
