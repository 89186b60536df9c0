/* A predictor: a forest and the one kernel that walks it. */
#include "predictor.h"

#include <stdlib.h>

#include "base/banned.h"

/* Best first; the last one takes every forest. */
static const predict_kernel *const kernels[] = {&predict_interleaved, &predict_scalar};

static mw_status fail_kernel_name(mw_error *err, const char *name)
{
    char names[128];
    size_t size = 0;
    for (size_t i = 0; i < MW_COUNT(kernels); i++)
        size += (size_t)snprintf(names + size, sizeof names - size, "%s%s", i > 0 ? ", " : "",
                                 kernels[i]->name);
    mw_fail(err, MW_E_KERNEL_NAME, "no kernel is called '%s'", name);
    mw_at(err, "environment MW_CPU");
    return mw_mend(err, "unset MW_CPU, or give one of: %s", names);
}

/* The first kernel to try: 0, or the one that MW_CPU names. Later ones are its stand-ins for
 * forests that it does not take. */
static mw_status first_kernel(size_t *ret_first, mw_error *err)
{
    const char *name = getenv("MW_CPU");
    *ret_first = 0;
    if (!name || !*name)
        return MW_OK;
    for (size_t i = 0; i < MW_COUNT(kernels); i++) {
        if (strcmp(kernels[i]->name, name) == 0) {
            *ret_first = i;
            return MW_OK;
        }
    }
    return fail_kernel_name(err, name);
}

static mw_status choose_kernel(mw_predictor *predictor, size_t first, mw_error *err)
{
    for (size_t i = first; i < MW_COUNT(kernels); i++) {
        MW_TRY(kernels[i]->lay_out(predictor->forest, &predictor->layout, err));
        if (predictor->layout) {
            predictor->kernel = kernels[i];
            break;
        }
    }
    size_t bytes = predictor->kernel->memory_bytes(predictor->forest, predictor->layout);
    predictor->memory_bytes = (bytes + PREDICT_LINE - 1) / PREDICT_LINE * PREDICT_LINE;
    return MW_OK;
}

mw_status mw_predictor_new(const mw_forest *forest, mw_predictor **ret_predictor, mw_error *err)
{
    size_t first;
    MW_TRY(first_kernel(&first, err));
    mw_predictor *predictor = calloc(1, sizeof *predictor);
    if (!predictor)
        return mw_fail_memory(err, "the predictor");
    predictor->forest = forest;
    mw_status status = choose_kernel(predictor, first, err);
    if (status != MW_OK) {
        free(predictor);
        return status;
    }
    *ret_predictor = predictor;
    return MW_OK;
}

void mw_predictor_free(mw_predictor *predictor)
{
    if (!predictor)
        return;
    predictor->kernel->free_layout(predictor->layout);
    free(predictor);
}

size_t mw_predictor_memory_bytes(const mw_predictor *predictor)
{
    return sizeof *predictor + predictor->kernel->layout_bytes(predictor->layout);
}

size_t mw_predictor_outputs(const mw_predictor *predictor, mw_output output)
{
    const mw_forest *forest = predictor->forest;
    return output == MW_MARGIN ? forest->n_margins : forest->n_predictions;
}

bool mw_predictor_is_float32(const mw_predictor *predictor)
{
    return predictor->forest->sum_float32;
}

const char *mw_predictor_kernel(const mw_predictor *predictor)
{
    return predictor->kernel->name;
}
