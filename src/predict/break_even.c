/* From how many rows on a batch is quicker than rows one by one: both are timed, once, when a
 * predictor is settled.
 *
 *   time |            ____ many: by the register, whether it is full or not
 *        |       ____/
 *        |  ____/  .
 *        |      .              few: by the row
 *        |  .
 *        +-------^----------- rows
 *
 * Which one it is depends on the model (10 rows of a small oblivious one, 28 of 500 trees) and on
 * the processor; the values are the same either way, so an odd measurement costs time only. The
 * two ways take turns, and the median of their ratios counts: whoever else is busy slows both. */
#include <stdlib.h>

#include "predictor.h"

#include "base/banned.h"

/* Where the clock does not help (it stands still in tests), or there is no memory to try. */
enum { FROM_UNMEASURED = 20 };

enum { ROUNDS = 9, FEW_ROWS = 8 };
#define BUDGET_NS UINT64_C(2000000)
#define FAR_NS ((double)BUDGET_NS / 10)

typedef struct break_even {
    const mw_predictor *predictor;
    mw_matrix rows;
    char *memory;
    uint64_t began;
} break_even;

static double run_once(const break_even *of, const predict_way *way, predict_block *block)
{
    uint64_t began = mw_clock_ns();
    way->kernel->sum(of->predictor->walked, way->layout, block);
    return (double)(mw_clock_ns() - began);
}

/* The second of two runs: the first one brings the trees near. Trees that take long are too many
 * to be near, and the second run would only take as long again. */
static double run(const break_even *of, const predict_way *way, size_t n_rows)
{
    predict_block block = {.rows = &of->rows, .n_rows = n_rows, .memory = of->memory};
    block.sums = of->memory + of->predictor->memory_bytes;
    double first = run_once(of, way, &block);
    return first > FAR_NS ? first : run_once(of, way, &block);
}

/* Rows that begin one value after the other: all different, and little to fill. */
static void fill_rows(float *values, size_t n)
{
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525 + 1013904223;
        values[i] = (float)(state >> 8) * 0x1p-22f - 2;
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t median_between(double *found, size_t n, size_t least, size_t most)
{
    qsort(found, n, sizeof *found, compare);
    double middle = found[n / 2] + 1;
    return middle < (double)least ? least : middle > (double)most ? most : (size_t)middle;
}

static void publish(mw_predictor *predictor, size_t from, size_t rest)
{
    predictor->many_rest = rest; /* threads that see the other see this */
    atomic_store_explicit(&predictor->many_from, from, memory_order_release);
}

static void measure(const break_even *of, mw_predictor *predictor)
{
    double from[ROUNDS], rest[ROUNDS];
    size_t step = predictor->many_step, n = 0;
    while (n < ROUNDS) {
        double few = run(of, &predictor->few, FEW_ROWS) / FEW_ROWS;
        double one = run(of, &predictor->many, step), two = run(of, &predictor->many, 2 * step);
        if (few <= 0) {
            publish(predictor, FROM_UNMEASURED, FROM_UNMEASURED / 2);
            return;
        }
        from[n] = one / few;
        rest[n++] = (two - one) / few;
        if (mw_clock_ns() - of->began > BUDGET_NS)
            break;
    }
    size_t many_from = median_between(from, n, 1, step);
    publish(predictor, many_from, median_between(rest, n, 1, many_from));
}

void predict_find_break_even(mw_predictor *predictor)
{
    const mw_forest *forest = predictor->walked;
    size_t n_rows = 2 * predictor->many_step, n_values = forest->n_features + n_rows;
    size_t sums = n_rows * forest->n_margins * sizeof(double);
    void *memory;
    float *values = malloc((n_values + 1) * sizeof *values);
    if (!values || posix_memalign(&memory, PREDICT_LINE, predictor->memory_bytes + sums) != 0) {
        free(values);
        publish(predictor, FROM_UNMEASURED, FROM_UNMEASURED / 2);
        return;
    }
    fill_rows(values, n_values);
    break_even of = {.predictor = predictor, .memory = memory, .began = mw_clock_ns()};
    of.rows = (mw_matrix){values, MW_FLOAT32, n_rows, forest->n_features, 1, 1};
    measure(&of, predictor);
    free(values);
    free(memory);
}
