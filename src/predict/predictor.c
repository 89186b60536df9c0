/* A predictor: a forest and the one kernel that walks it. */
#include "bytes_cuts.h"
#include "graph.h"

#include <stdlib.h>

#include "base/banned.h"

/* For any number of rows, best first; the last one takes every forest. */
static const predict_kernel *const few_kernels[] = {
#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
    &predict_row_avx512, &predict_row_avx2,
#endif
    &predict_levels,     &predict_deep,     &predict_interleaved, &predict_scalar};

/* For batches, best first; none may fit. */
static const predict_kernel *const many_kernels[] = {
#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
    &predict_bytes_avx512, &predict_bytes_avx2,
#elif defined(__aarch64__) && !defined(MW_NO_VECTORS)
    &predict_bytes_neon,
#endif
    NULL};

/* Rows of a register, of the byte kernels above. */
#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
static const size_t many_steps[] = {64, 32};
#elif defined(__aarch64__) && !defined(MW_NO_VECTORS)
static const size_t many_steps[] = {16};
#else
static const size_t many_steps[] = {1};
#endif

static bool is_usable(const predict_kernel *kernel)
{
    return !kernel->usable || kernel->usable();
}

static bool is_few(const predict_kernel *kernel)
{
    for (size_t i = 0; i < MW_COUNT(few_kernels); i++)
        if (few_kernels[i] == kernel)
            return true;
    return false;
}

static const predict_kernel *find_kernel(const char *name)
{
    for (size_t i = 0; i < MW_COUNT(few_kernels); i++) {
        if (strcmp(few_kernels[i]->name, name) == 0 && is_usable(few_kernels[i]))
            return few_kernels[i];
    }
    for (size_t i = 0; many_kernels[i]; i++) {
        if (strcmp(many_kernels[i]->name, name) == 0 && is_usable(many_kernels[i]))
            return many_kernels[i];
    }
    return NULL;
}

static size_t add_name(char *to, size_t room, const predict_kernel *kernel)
{
    return is_usable(kernel) ? (size_t)snprintf(to, room, "%s, ", kernel->name) : 0;
}

static mw_status fail_kernel_name(mw_error *err, const char *name)
{
    char names[128];
    size_t size = 0;
    for (size_t i = 0; many_kernels[i]; i++)
        size += add_name(names + size, sizeof names - size, many_kernels[i]);
    for (size_t i = 0; i + 1 < MW_COUNT(few_kernels); i++)
        size += add_name(names + size, sizeof names - size, few_kernels[i]);
    mw_fail(err, MW_E_KERNEL_NAME, "no kernel of this processor is called '%s'", name);
    mw_at(err, "environment MW_CPU");
    return mw_mend(err, "unset MW_CPU, or give one of: %s%s", names, predict_scalar.name);
}

/* *ret_kernel: the one that MW_CPU names, or NULL for the best. Others are its stand-ins for
 * forests that it does not take. */
static mw_status wanted_kernel(const predict_kernel **ret_kernel, mw_error *err)
{
    const char *name = getenv("MW_CPU");
    *ret_kernel = NULL;
    if (!name || !*name)
        return MW_OK;
    *ret_kernel = find_kernel(name);
    return *ret_kernel ? MW_OK : fail_kernel_name(err, name);
}

/* What kernels see of a forest: its columns are their features. */
static void walk(mw_predictor *predictor, const mw_forest *forest)
{
    predictor->walked = forest;
    if (!forest->before)
        return;
    predictor->own_walked = *forest;
    predictor->own_walked.n_features = forest->n_columns;
    predictor->walked = &predictor->own_walked;
}

static mw_status lay_out(mw_predictor *predictor, predict_found *found,
                         const predict_kernel *kernel, predict_way *ret, mw_error *err)
{
    if (predictor->walked->levels && !kernel->takes_levels) {
        const mw_forest *grown;
        MW_TRY(mw_forest_grow(predictor->forest, &grown, err));
        walk(predictor, grown);
    }
    MW_TRY(kernel->lay_out(predictor->walked, found, &ret->layout, err));
    ret->kernel = ret->layout ? kernel : NULL;
    return MW_OK;
}

/* One that is named stands alone, and the specification behind it for what it does not take. */
static bool is_wanted_few(const predict_kernel *kernel, const predict_kernel *wanted)
{
    if (is_few(wanted))
        return kernel == wanted || kernel == &predict_scalar;
    return is_usable(kernel);
}

static mw_status choose_few(mw_predictor *predictor, const predict_kernel *wanted,
                            predict_found *found, mw_error *err)
{
    for (size_t i = 0; i < MW_COUNT(few_kernels) && !predictor->few.kernel; i++) {
        /* Oblivious trees may be deep, too, and are then for bytes: no second large layout. */
        if (few_kernels[i] == &predict_deep && predictor->many.kernel)
            continue;
        if (is_wanted_few(few_kernels[i], wanted))
            MW_TRY(lay_out(predictor, found, few_kernels[i], &predictor->few, err));
    }
    return MW_OK;
}

/* One that is wanted takes every batch, so that a test of it is a test of it. */
static mw_status choose_many(mw_predictor *predictor, const predict_kernel *wanted,
                             predict_found *found, mw_error *err)
{
    if (is_few(wanted))
        return MW_OK;
    for (size_t i = 0; many_kernels[i] && !predictor->many.kernel; i++) {
        predictor->many_step = many_steps[i];
        if (wanted ? many_kernels[i] == wanted : is_usable(many_kernels[i]))
            MW_TRY(lay_out(predictor, found, many_kernels[i], &predictor->many, err));
    }
    return MW_OK;
}

static void measure_way(mw_predictor *predictor, const predict_way *way)
{
    if (!way->kernel)
        return;
    size_t bytes = way->kernel->memory_bytes(predictor->walked, way->layout);
    bytes = (bytes + PREDICT_LINE - 1) / PREDICT_LINE * PREDICT_LINE;
    if (bytes > predictor->memory_bytes)
        predictor->memory_bytes = bytes;
    if (way->kernel->block_rows > predictor->block_rows)
        predictor->block_rows = way->kernel->block_rows;
}

static mw_status choose_kernels(mw_predictor *predictor, const predict_kernel *wanted,
                                mw_error *err)
{
    predict_found found = {0};
    mw_status status = choose_many(predictor, wanted, &found, err);
    if (status == MW_OK)
        status = choose_few(predictor, wanted, &found, err);
    MW_TRY(status);
    measure_way(predictor, &predictor->few);
    measure_way(predictor, &predictor->many);
    if (!predictor->many.kernel)
        return MW_OK;
    if (!wanted) {
        atomic_init(&predictor->unsettled, true);
        return MW_OK;
    }
    atomic_init(&predictor->many_from, 1);
    return predictor->many.kernel->settle(predictor->walked, predictor->many.layout, err);
}

/* Whoever comes first does it; rows of other threads go one by one meanwhile, as all do where
 * there is no memory for more: that is no reason to fail, and the next batch tries again. */
void mw_predictor_settle(const mw_predictor *borrowed)
{
    mw_predictor *predictor = (mw_predictor *)(uintptr_t)borrowed; /* what is atomic, and behind */
    const predict_way *many = &predictor->many;
    mw_error err;
    if (!atomic_load_explicit(&predictor->unsettled, memory_order_relaxed) ||
        !atomic_exchange_explicit(&predictor->unsettled, false, memory_order_acquire))
        return;
    if (many->kernel->settle(predictor->walked, many->layout, &err) == MW_OK)
        predict_find_break_even(predictor);
    else
        atomic_store_explicit(&predictor->unsettled, true, memory_order_release);
}

mw_status mw_predictor_new(const mw_forest *forest, mw_predictor **ret_predictor, mw_error *err)
{
    const predict_kernel *wanted;
    MW_TRY(wanted_kernel(&wanted, err));
    mw_predictor *predictor = calloc(1, sizeof *predictor);
    if (!predictor)
        return mw_fail_memory(err, "the predictor");
    predictor->forest = forest;
    atomic_init(&predictor->many_from, SIZE_MAX);
    walk(predictor, forest);
    mw_status status = forest->graph ? MW_OK : choose_kernels(predictor, wanted, err);
    predictor->places = predict_place(predictor);
    if (status != MW_OK) {
        mw_predictor_free(predictor);
        return status;
    }
    *ret_predictor = predictor;
    return MW_OK;
}

void mw_predictor_free(mw_predictor *predictor)
{
    if (!predictor)
        return;
    if (predictor->few.kernel) /* first: it may use what the other found */
        predictor->few.kernel->free_layout(predictor->few.layout);
    if (predictor->many.kernel)
        predictor->many.kernel->free_layout(predictor->many.layout);
    free(predictor);
}

size_t mw_predictor_memory_bytes(const mw_predictor *predictor)
{
    const predict_way *few = &predictor->few, *many = &predictor->many;
    if (predictor->forest->graph)
        return sizeof *predictor;
    return sizeof *predictor + few->kernel->layout_bytes(few->layout) +
           (many->kernel ? many->kernel->layout_bytes(many->layout) : 0);
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
    if (predictor->forest->graph)
        return "onnxruntime";
    return predictor->many.kernel ? predictor->many.kernel->name : predictor->few.kernel->name;
}
