/* Interactions: a forest whose covers were checked, the kernel that explains it, and batches. */
#include "pairs.h"

#include <stdlib.h>

#include "base/banned.h"

#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
const pairs_kernel *const pairs_kernels[] = {&pairs_v4, &pairs_v3, &pairs_plain, &pairs_scalar};
#else
const pairs_kernel *const pairs_kernels[] = {&pairs_plain, &pairs_scalar};
#endif
const size_t pairs_n_kernels = MW_COUNT(pairs_kernels);

/* ---- life ------------------------------------------------------------------------------------ */

static mw_status check_width(const mw_forest *forest, mw_error *err)
{
    size_t side = forest->n_features + 1, bytes;
    if (!__builtin_mul_overflow(side, side, &bytes) &&
        !__builtin_mul_overflow(bytes, forest->n_margins * sizeof(double), &bytes) &&
        bytes <= MW_LIMIT_INTERACTIONS_BYTES)
        return MW_OK;
    mw_fail(err, MW_E_INTERACTIONS_TOO_WIDE,
            "a row of %zu features and %zu outputs has more interactions than fit in %zu MiB",
            forest->n_features, forest->n_margins, MW_LIMIT_INTERACTIONS_BYTES / MW_MIB);
    return mw_mend(err, "ask for contributions, which grow with the features and not their square");
}

/* MW_CPU=scalar wants the specification; other names are other rooms' matter. */
static const pairs_kernel *choose_kernel(const mw_forest *forest)
{
    if (forest->linear_weights)
        return &pairs_linear;
    const char *name = getenv("MW_CPU");
    size_t best = name && strcmp(name, "scalar") == 0 ? pairs_n_kernels - 1 : 0;
    while (!pairs_kernels[best]->runs_here())
        best++;
    return pairs_kernels[best];
}

static mw_status fill(mw_interactions *to, mw_error *err)
{
    const explain_kernel *plain = to->forest->linear_weights ? &explain_linear : &explain_scalar;
    MW_TRY(mw_explain_check_columns(to->forest, err));
    MW_TRY(explain_explainer_new(to->forest, plain, &to->plain, err));
    MW_TRY(check_width(to->forest, err));
    MW_TRY(to->kernel->lay_out(to->forest, &to->layout, err));
    to->prepare_bytes = mw_prepare_bytes(to->forest, PAIRS_BLOCK_ROWS);
    to->memory_bytes = to->prepare_bytes + to->kernel->memory_bytes(to->forest, to->layout);
    return MW_OK;
}

mw_status pairs_new(const mw_forest *forest, const pairs_kernel *kernel,
                    mw_interactions **ret_interactions, mw_error *err)
{
    MW_TRY(mw_forest_grow(forest, &forest, err));
    mw_interactions *to = calloc(1, sizeof *to);
    if (!to)
        return mw_fail_memory(err, "the interactions");
    *to = (mw_interactions){.forest = forest, .kernel = kernel};
    mw_status status = fill(to, err);
    if (status != MW_OK) {
        mw_interactions_free(to);
        return status;
    }
    *ret_interactions = to;
    return MW_OK;
}

mw_status mw_interactions_new(const mw_forest *forest, mw_interactions **ret_interactions,
                              mw_error *err)
{
    return pairs_new(forest, choose_kernel(forest), ret_interactions, err);
}

void mw_interactions_free(mw_interactions *interactions)
{
    if (!interactions)
        return;
    interactions->kernel->free_layout(interactions->layout);
    mw_explainer_free(interactions->plain);
    free(interactions);
}

size_t mw_interactions_memory_bytes(const mw_interactions *interactions)
{
    return sizeof *interactions + mw_explainer_memory_bytes(interactions->plain) +
           interactions->kernel->layout_bytes(interactions->layout);
}

size_t mw_interactions_values(const mw_interactions *interactions)
{
    size_t side = interactions->forest->n_features + 1;
    return interactions->forest->n_margins * side * side;
}

const char *mw_interactions_kernel(const mw_interactions *interactions)
{
    return interactions->kernel->name;
}

/* ---- batches --------------------------------------------------------------------------------- */

/* The diagonal keeps what no other feature has a part in. */
static void finish_matrix(const mw_forest *forest, double bias, double *values)
{
    size_t n = forest->n_features, side = n + 1;
    for (size_t i = 0; i < n; i++) {
        double *line = values + i * side, others = 0;
        for (size_t j = 0; j < n; j++)
            others += j == i ? 0 : line[j];
        line[i] -= others;
        for (size_t j = 0; forest->margin_offset && j < n; j++)
            line[j] *= forest->margin_scale;
    }
    values[n * side + n] = bias;
}

static void explain_part(const mw_interactions *to, const mw_matrix *rows, size_t first, size_t end,
                         void *memory, double *values)
{
    const mw_forest *forest = to->forest;
    size_t width = mw_interactions_values(to), matrix = width / forest->n_margins;
    mw_matrix prepared;
    explain_block block = {.memory = (char *)memory + to->prepare_bytes, .values = values};
    for (size_t at = first; at < end; at += block.n_rows) {
        size_t left = end - at;
        explain_take_rows(forest, rows, at, left < PAIRS_BLOCK_ROWS ? left : PAIRS_BLOCK_ROWS,
                          memory, &prepared, &block);
        memset(block.values, 0, block.n_rows * width * sizeof *block.values);
        to->kernel->explain(forest, to->layout, &block);
        for (size_t i = 0; i < block.n_rows * forest->n_margins; i++)
            finish_matrix(forest, to->plain->bias[i % forest->n_margins],
                          block.values + i * matrix);
        block.values += block.n_rows * width;
    }
}

mw_status mw_interactions_batch(const mw_interactions *interactions, const mw_matrix *rows,
                                mw_scratch *scratch, double *ret_values, mw_error *err)
{
    void *memory;
    MW_TRY(mw_predict_check_rows(interactions->forest, rows, err));
    MW_TRY(mw_scratch_room(scratch, interactions->memory_bytes, &memory, err));
    explain_part(interactions, rows, 0, rows->n_rows, memory, ret_values);
    return MW_OK;
}

typedef struct pairs_call {
    const mw_interactions *interactions;
    const mw_matrix *rows;
    double *values;
} pairs_call;

static void run_part(const void *context, size_t first, size_t end, void *memory)
{
    const pairs_call *call = context;
    explain_part(call->interactions, call->rows, first, end, memory,
                 call->values + first * mw_interactions_values(call->interactions));
}

mw_status mw_interactions_parallel(const mw_interactions *interactions, const mw_matrix *rows,
                                   mw_pool *pool, double *ret_values, mw_error *err)
{
    MW_TRY(mw_predict_check_rows(interactions->forest, rows, err));
    pairs_call call = {interactions, rows, ret_values};
    mw_row_work work = {.run = run_part,
                        .context = &call,
                        .n_rows = rows->n_rows,
                        .chunk_rows = PAIRS_BLOCK_ROWS,
                        .memory_bytes = interactions->memory_bytes,
                        .what = "the threads of an explanation"};
    return mw_split_rows(&work, pool, err);
}
