/* Working memory of one thread: one aligned block that grows and is reused. */
#include "predictor.h"

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

mw_status predict_scratch_reserve(mw_scratch *scratch, const mw_predictor *predictor, mw_error *err)
{
    const mw_forest *forest = predictor->forest;
    size_t values = predictor->block_rows * forest->n_margins + predict_row_values(forest);
    size_t sums = values * sizeof(double); /* the sums, and one row on its way out */
    size_t wanted = predictor->memory_bytes + sums;
    if (wanted <= scratch->size)
        return MW_OK;
    void *memory;
    if (posix_memalign(&memory, PREDICT_LINE, wanted) != 0)
        return mw_fail_memory(err, "the scratch of a prediction");
    free(scratch->memory);
    scratch->memory = memory;
    scratch->size = wanted;
    return MW_OK;
}
