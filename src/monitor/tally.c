/* Many rows counted at once: how many of a column's values are above each edge, four columns
 * abreast, of floats eight where the processor has AVX2.
 *
 *                columns c .. c+3 of a row       edge k of the same columns
 *                [ 0.2 | 1.7 | nan | 0.9 ]   >   [ 0.1 | 2.0 | 0.5 | 0.9 ]   adds to   above[k]
 *
 * A bin holds what is above its lower edge less what is above its upper one. So no value looks for
 * its bin and nothing is scattered, and the counts are those of count_row to the last one: an edge
 * is rounded down to float for floats, which changes no comparison with a float.
 *
 * Four doubles or eight floats are one register with AVX2 and two without: the same text is
 * compiled for both, and the processor chooses. */
#include <math.h>

#include "watch.h"

#include "base/banned.h"

enum { FOUR = 4, EIGHT = 8 };

typedef float four_floats __attribute__((vector_size(FOUR * sizeof(float))));
typedef int32_t four_marks __attribute__((vector_size(FOUR * sizeof(int32_t))));
typedef double four_doubles __attribute__((vector_size(FOUR * sizeof(double))));
typedef int64_t four_wide_marks __attribute__((vector_size(FOUR * sizeof(int64_t))));

typedef struct tally {
    uint64_t above[WATCH_EDGES][EIGHT];
    uint64_t missing[EIGHT];
} tally;

/* The largest float that is not above the edge. */
static float round_down(double edge)
{
    float near = (float)edge;
    return (double)near > edge ? nextafterf(near, -INFINITY) : near;
}

#define UNROLLED _Pragma("GCC unroll 11")

/* One body for both element types. step 0: one column alone, four values of it abreast. The last
 * columns of a row, where they are fewer, are brought together first. A mark is 0 or -1, so that a
 * subtraction counts; the rows are far too few for an overflow. Unrolled, so that all that is
 * counted stays in registers. */
#define DEFINE_TALLY(how, name, ABREAST, element, vector, marks, rounded)                          \
    how static void name(const watch_column *columns, size_t step, size_t n, const element *first, \
                         ptrdiff_t row_stride, size_t n_rows, tally *ret_tally)                    \
    {                                                                                              \
        element edges[WATCH_EDGES][ABREAST], together[WATCH_ROWS_MAX][ABREAST];                    \
        for (size_t i = 0; i < ABREAST; i++)                                                       \
            for (size_t k = 0; k < WATCH_EDGES; k++)                                               \
                edges[k][i] = rounded(columns[i < n ? step * i : 0].edges[k]);                     \
        for (size_t row = 0; n < ABREAST && row < n_rows; row++)                                   \
            for (size_t i = 0; i < ABREAST; i++)                                                   \
                together[row][i] = i < n ? first[(ptrdiff_t)row * row_stride + (ptrdiff_t)i] : 0;  \
        const element *four = n < ABREAST ? together[0] : first;                                   \
        ptrdiff_t stride = n < ABREAST ? ABREAST : row_stride;                                     \
        marks above[WATCH_EDGES] = {0}, missing = {0};                                             \
        for (size_t row = 0; row < n_rows; row++, four += stride) {                                \
            vector value, edge;                                                                    \
            memcpy(&value, four, sizeof value);                                                    \
            missing -= value != value;                                                             \
            UNROLLED for (size_t k = 0; k < WATCH_EDGES; k++)                                      \
            {                                                                                      \
                memcpy(&edge, edges[k], sizeof edge);                                              \
                above[k] -= value > edge;                                                          \
            }                                                                                      \
        }                                                                                          \
        for (size_t i = 0; i < ABREAST; i++) {                                                     \
            ret_tally->missing[i] = (uint64_t)missing[i];                                          \
            UNROLLED for (size_t k = 0; k < WATCH_EDGES; k++)                                      \
            {                                                                                      \
                ret_tally->above[k][i] = (uint64_t)above[k][i];                                    \
            }                                                                                      \
        }                                                                                          \
    }

DEFINE_TALLY(, tally_floats, FOUR, float, four_floats, four_marks, round_down)
DEFINE_TALLY(, tally_doubles, FOUR, double, four_doubles, four_wide_marks, )

#ifdef __x86_64__
typedef float eight_floats __attribute__((vector_size(EIGHT * sizeof(float))));
typedef int32_t eight_marks __attribute__((vector_size(EIGHT * sizeof(int32_t))));

DEFINE_TALLY(__attribute__((target("avx2"))), tally_doubles_wide, FOUR, double, four_doubles,
             four_wide_marks, )
DEFINE_TALLY(__attribute__((target("avx2"))), tally_floats_wide, EIGHT, float, eight_floats,
             eight_marks, round_down)

bool watch_tally_may_widen(void)
{
    return __builtin_cpu_supports("avx2");
}
#else
#define tally_doubles_wide tally_doubles
#define tally_floats_wide tally_floats

bool watch_tally_may_widen(void)
{
    return false;
}
#endif

static void add_column(const tally *found, size_t i, size_t n_rows, atomic_uint_least64_t *counts,
                       bool is_shared)
{
    uint64_t before = n_rows - found->missing[i];
    for (size_t k = 0; k < WATCH_EDGES; k++) {
        watch_add(&counts[k], before - found->above[k][i], is_shared);
        before = found->above[k][i];
    }
    watch_add(&counts[WATCH_EDGES], before, is_shared);
    watch_add(&counts[WATCH_MISSING], found->missing[i], is_shared);
}

size_t watch_tally_alone(const watch_column *column, const double *values, size_t n_values,
                         atomic_uint_least64_t *counts, bool is_shared, bool is_wide)
{
    tally found;
    size_t n_rows = n_values / FOUR;
    (is_wide ? tally_doubles_wide : tally_doubles)(column, 0, FOUR, values, FOUR, n_rows, &found);
    for (size_t i = 1; i < FOUR; i++) {
        found.missing[0] += found.missing[i];
        for (size_t k = 0; k < WATCH_EDGES; k++)
            found.above[k][0] += found.above[k][i];
    }
    add_column(&found, 0, n_rows * FOUR, counts, is_shared);
    return n_rows * FOUR;
}

void watch_tally(const watch_column *columns, size_t n_columns, const mw_matrix *rows,
                 atomic_uint_least64_t *counts, bool is_shared, bool is_wide)
{
    bool is_double = rows->dtype == MW_FLOAT64;
    for (size_t c = 0, n; c < n_columns; c += n) {
        size_t left = n_columns - c, most = is_wide && !is_double && left >= EIGHT ? EIGHT : FOUR;
        tally found;
        const double *doubles = (const double *)rows->data + c;
        const float *floats = (const float *)rows->data + c;
        n = left < most ? left : most;
        if (is_double && is_wide)
            tally_doubles_wide(columns + c, 1, n, doubles, rows->row_stride, rows->n_rows, &found);
        else if (is_double)
            tally_doubles(columns + c, 1, n, doubles, rows->row_stride, rows->n_rows, &found);
        else if (most == EIGHT)
            tally_floats_wide(columns + c, 1, n, floats, rows->row_stride, rows->n_rows, &found);
        else
            tally_floats(columns + c, 1, n, floats, rows->row_stride, rows->n_rows, &found);
        for (size_t i = 0; i < n; i++)
            if (columns[c + i].is_ready && !columns[c + i].is_category)
                add_column(&found, i, rows->n_rows, counts + (c + i) * WATCH_BINS, is_shared);
    }
}
