/* Two kernels, one forest, the same rows: equal to the last bit. */
#ifndef TESTS_PREDICT_COMPARE_H
#define TESTS_PREDICT_COMPARE_H

#include "../test.h"

#include "predict/predictor.h"

#include "random_forest.h"

/* ---- the two ways that are compared ---------------------------------------------------------- */

static inline double *predict_with(const char *kernel, const mw_forest *forest,
                                   const mw_matrix *rows, mw_output output, const char **ret_used)
{
    mw_error err;
    mw_predictor *predictor;
    mw_scratch *scratch;
    setenv("MW_CPU", kernel, 1);
    assert_int_equal(mw_predictor_new(forest, &predictor, &err), MW_OK);
    assert_int_equal(mw_scratch_new(&scratch, &err), MW_OK);
    size_t count = rows->n_rows * mw_predictor_outputs(predictor, output);
    double *values = malloc((count + 1) * sizeof *values);
    values[count] = 12345; /* a guard: nothing may be written behind the last value */
    assert_int_equal(mw_predict_batch(predictor, rows, output, scratch, values, &err), MW_OK);
    assert_true(values[count] == 12345);
    *ret_used = mw_predictor_kernel(predictor);
    mw_scratch_free(scratch);
    mw_predictor_free(predictor);
    return values;
}

/* The byte kernel of this processor, or NULL. */
static inline const char *byte_kernel(void)
{
#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
    if (__builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        return "avx512";
    return __builtin_cpu_supports("avx2") ? "avx2" : NULL;
#elif defined(__aarch64__) && !defined(MW_NO_VECTORS)
    return "neon";
#else
    return NULL;
#endif
}

/* The row kernel of this processor, or NULL. */
static inline const char *row_kernel(void)
{
#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") ? "row-avx2" : NULL;
#else
    return NULL;
#endif
}

/* Byte kernels of other processors, from their own source, each instruction done in plain C. Not
 * in the program: so a predictor is made by hand. */
#ifdef BYTES_EMULATED
extern const predict_kernel predict_bytes_emulated, predict_row_emulated;
static const predict_kernel *const emulated[] = {&predict_bytes_emulated, &predict_row_emulated,
                                                 NULL};
#else
static const predict_kernel *const emulated[] = {NULL};
#endif

/* NULL: this forest is not for bytes. */
static inline double *predict_emulated(const predict_kernel *kernel, const mw_forest *forest,
                                       const mw_matrix *rows)
{
    mw_error err;
    mw_scratch *scratch;
    mw_predictor predictor = {.forest = forest, .walked = forest, .many_from = 1};
    assert_int_equal(kernel->lay_out(forest, NULL, &predictor.many.layout, &err), MW_OK);
    if (!predictor.many.layout)
        return NULL;
    predictor.many.kernel = kernel;
    predictor.block_rows = kernel->block_rows;
    size_t bytes = kernel->memory_bytes(forest, predictor.many.layout);
    predictor.memory_bytes = (bytes + PREDICT_LINE - 1) / PREDICT_LINE * PREDICT_LINE;
    predictor.places = predict_place(&predictor);
    assert_int_equal(mw_scratch_new(&scratch, &err), MW_OK);
    double *values = malloc((rows->n_rows * forest->n_margins + 1) * sizeof *values);
    assert_int_equal(mw_predict_batch(&predictor, rows, MW_MARGIN, scratch, values, &err), MW_OK);
    mw_scratch_free(scratch);
    kernel->free_layout(predictor.many.layout);
    return values;
}

static inline void assert_same(const char *name, const char *kernel, size_t n_rows, size_t n_values,
                               const double *got, const double *expected)
{
    for (size_t i = 0; i < n_values; i++) {
        if (memcmp(&got[i], &expected[i], sizeof got[i]) != 0)
            fail_msg("%s: %zu rows, value %zu: %s gives %a, the specification %a", name, n_rows, i,
                     kernel, got[i], expected[i]);
    }
}

/* The byte kernel may have to take it; the row kernel takes what it can. */
static inline void compare_emulated(const char *name, const mw_forest *forest,
                                    const mw_matrix *rows, bool must_take)
{
    for (size_t i = 0; emulated[i]; i++) {
        const char *used, *kernel = emulated[i]->name;
        double *got = predict_emulated(emulated[i], forest, rows);
        if (must_take && !got && i == 0)
            fail_msg("%s: not taken by %s", name, kernel);
        if (!got)
            continue;
        double *expected = predict_with("scalar", forest, rows, MW_MARGIN, &used);
        assert_same(name, kernel, rows->n_rows, rows->n_rows * forest->n_margins, got, expected);
        free(expected);
        free(got);
    }
}

static inline void compare(const char *name, const mw_forest *forest, const mw_matrix *rows,
                           const char *kernel, bool must_take)
{
    const char *used;
    double *expected = predict_with("scalar", forest, rows, MW_MARGIN, &used);
    assert_string_equal(used, "scalar");
    double *got = predict_with(kernel, forest, rows, MW_MARGIN, &used);
    if (must_take && strcmp(used, kernel) != 0)
        fail_msg("%s: not taken by %s but by %s", name, kernel, used);
    assert_same(name, used, rows->n_rows, rows->n_rows * forest->n_margins, got, expected);
    free(expected);
    free(got);
}

/* The interleaved kernel must take it, the byte kernel may. */
static inline void compare_all(const char *name, const mw_forest *forest, const mw_matrix *rows,
                               bool must_take)
{
    compare(name, forest, rows, "interleaved", must_take);
    if (byte_kernel())
        compare(name, forest, rows, byte_kernel(), false);
    if (row_kernel())
        compare(name, forest, rows, row_kernel(), false);
#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
    if (__builtin_cpu_supports("avx2"))
        compare(name, forest, rows, "avx2", false);
#endif
    compare_emulated(name, forest, rows, false);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static inline double row_value(chance *from, double missing)
{
    if (chance_unit(from) < missing)
        return NAN;
    return chance_value(from, false);
}

/* The same numbers in one of six shapes. Memory in `ret_memory`, to be freed. */
static inline mw_matrix make_rows(chance *from, size_t n_rows, size_t n_columns, unsigned shape,
                                  double missing, void **ret_memory)
{
    enum { FLOAT = 1, COLUMN_MAJOR = 2, GAPS = 4 };
    size_t gap = shape & GAPS ? 3 : 1;
    mw_matrix rows = {.n_rows = n_rows, .n_columns = n_columns};
    rows.dtype = shape & FLOAT ? MW_FLOAT32 : MW_FLOAT64;
    rows.row_stride = (ptrdiff_t)(shape & COLUMN_MAJOR ? gap : n_columns * gap);
    rows.column_stride = (ptrdiff_t)(shape & COLUMN_MAJOR ? (n_rows + 1) * gap : gap);
    size_t width = shape & FLOAT ? sizeof(float) : sizeof(double);
    char *memory = calloc((n_rows + 2) * (n_columns + 2) * gap, width);
    char *data = memory + 1; /* aligned to nothing */
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t c = 0; c < n_columns; c++) {
            double value = row_value(from, missing);
            float narrow = (float)value;
            size_t at = r * (size_t)rows.row_stride + c * (size_t)rows.column_stride;
            memcpy(data + at * width, shape & FLOAT ? (void *)&narrow : (void *)&value, width);
        }
    }
    rows.data = data;
    *ret_memory = memory;
    return rows;
}

#endif
