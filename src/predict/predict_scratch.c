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

predict_places predict_place(const mw_predictor *predictor)
{
    const mw_forest *forest = predictor->forest;
    if (forest->graph)
        return (predict_places){.bytes = predict_graph_bytes(forest)};
    predict_places places = {.prepared = predictor->memory_bytes};
    places.row = places.prepared + mw_prepare_bytes(forest, predictor->block_rows);
    places.sums = places.row + predict_row_values(forest) * sizeof(double) +
                  (forest->after ? mw_recipe_bytes(forest->after) : 0);
    places.bytes = places.sums + predictor->block_rows * forest->n_margins * sizeof(double);
    return places;
}
