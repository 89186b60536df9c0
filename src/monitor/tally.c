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
 * compiled for both, and the processor chooses. With AVX-512 sixteen floats are, and a comparison
 * is a mask, by which the last columns of a row are read, too. */
#include <math.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "watch.h"

#include "base/banned.h"

enum { FOUR = 4, EIGHT = 8, SIXTEEN = 16 };

typedef float four_floats __attribute__((vector_size(FOUR * sizeof(float))));
typedef int32_t four_marks __attribute__((vector_size(FOUR * sizeof(int32_t))));
typedef double four_doubles __attribute__((vector_size(FOUR * sizeof(double))));
typedef int64_t four_wide_marks __attribute__((vector_size(FOUR * sizeof(int64_t))));

typedef struct tally {
    uint64_t above[WATCH_EDGES][SIXTEEN];
    uint64_t missing[SIXTEEN];
} tally;

/* The largest float that is not above the edge. Bits of floats are in the order of their values,
 * but backwards below 0: a call of nextafterf for half of the edges took as long as 30 rows. */
static float round_down(double edge)
{
    float near = (float)edge;
    uint32_t bits;
    memcpy(&bits, &near, sizeof bits);
    if (near == 0)
        bits = 0x80000001; /* the next below either zero */
    else
        bits += near > 0 ? UINT32_MAX : 1;
    float below;
    memcpy(&below, &bits, sizeof below);
    return (double)near > edge ? below : near;
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

__attribute__((target("avx512f"))) static inline void put_sixteen(__m512i marks, uint64_t *to)
{
    int32_t found[SIXTEEN];
    _mm512_storeu_si512(found, marks);
    for (size_t i = 0; i < SIXTEEN; i++)
        to[i] = (uint64_t)found[i];
}

/* Sixteen columns abreast, or those that are left. */
__attribute__((target("avx512f"))) static void tally_floats_widest(const watch_column *columns,
                                                                   size_t n, const float *first,
                                                                   ptrdiff_t row_stride,
                                                                   size_t n_rows, tally *ret_tally)
{
    const __m512i minus_one = _mm512_set1_epi32(-1);
    const __mmask16 there = (__mmask16)((1u << n) - 1);
    float rounded[WATCH_EDGES][SIXTEEN] = {0};
    __m512 edges[WATCH_EDGES];
    __m512i above[WATCH_EDGES], missing = _mm512_setzero_si512();
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < WATCH_EDGES; k++)
            rounded[k][i] = round_down(columns[i].edges[k]);
    UNROLLED for (size_t k = 0; k < WATCH_EDGES; k++)
    {
        edges[k] = _mm512_loadu_ps(rounded[k]);
        above[k] = _mm512_setzero_si512();
    }
    for (size_t row = 0; row < n_rows; row++, first += row_stride) {
        __m512 value = _mm512_maskz_loadu_ps(there, first);
        __mmask16 is = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
        missing = _mm512_mask_sub_epi32(missing, is, missing, minus_one);
        UNROLLED for (size_t k = 0; k < WATCH_EDGES; k++)
        {
            is = _mm512_cmp_ps_mask(value, edges[k], _CMP_GT_OQ);
            above[k] = _mm512_mask_sub_epi32(above[k], is, above[k], minus_one);
        }
    }
    put_sixteen(missing, ret_tally->missing);
    UNROLLED for (size_t k = 0; k < WATCH_EDGES; k++)
    {
        put_sixteen(above[k], ret_tally->above[k]);
    }
}

watch_width watch_tally_width(void)
{
    return __builtin_cpu_supports("avx512f") ? WATCH_WIDEST
           : __builtin_cpu_supports("avx2")  ? WATCH_WIDE
                                             : WATCH_NARROW;
}
#else
#define tally_doubles_wide tally_doubles
#define tally_floats_wide tally_floats

watch_width watch_tally_width(void)
{
    return WATCH_NARROW;
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

/* Values that stand apart are brought together first. */
static const double *bring_together(const double *values, ptrdiff_t stride, size_t n, double *room)
{
    if (stride == 1)
        return values;
    for (size_t i = 0; i < n; i++)
        room[i] = values[(ptrdiff_t)i * stride];
    return room;
}

size_t watch_tally_alone(const watch_column *column, const double *values, ptrdiff_t stride,
                         size_t n_values, atomic_uint_least64_t *counts, bool is_shared,
                         watch_width width)
{
    tally found;
    double room[WATCH_ROWS_MAX];
    size_t n_rows = (n_values < WATCH_ROWS_MAX ? n_values : WATCH_ROWS_MAX) / FOUR;
    values = bring_together(values, stride, n_rows * FOUR, room);
    (width > WATCH_NARROW ? tally_doubles_wide : tally_doubles)(column, 0, FOUR, values, FOUR,
                                                                n_rows, &found);
    for (size_t i = 1; i < FOUR; i++) {
        found.missing[0] += found.missing[i];
        for (size_t k = 0; k < WATCH_EDGES; k++)
            found.above[k][0] += found.above[k][i];
    }
    add_column(&found, 0, n_rows * FOUR, counts, is_shared);
    return n_rows * FOUR;
}

/* The first columns, as many of `most` as stand abreast; how many these are. */
static size_t tally_doubles_of(const watch_column *columns, size_t most, const mw_matrix *rows,
                               size_t first, watch_width width, tally *ret_tally)
{
    size_t n = most < FOUR ? most : FOUR;
    (width > WATCH_NARROW ? tally_doubles_wide
                          : tally_doubles)(columns, 1, n, (const double *)rows->data + first,
                                           rows->row_stride, rows->n_rows, ret_tally);
    return n;
}

static size_t tally_floats_of(const watch_column *columns, size_t most, const mw_matrix *rows,
                              size_t first, watch_width width, tally *ret_tally)
{
    const float *values = (const float *)rows->data + first;
    size_t abreast = width > WATCH_NARROW && most >= EIGHT ? EIGHT : FOUR;
#ifdef __x86_64__
    if (width == WATCH_WIDEST && most > FOUR) {
        size_t n = most < SIXTEEN ? most : SIXTEEN;
        tally_floats_widest(columns, n, values, rows->row_stride, rows->n_rows, ret_tally);
        return n;
    }
#endif
    size_t n = most < abreast ? most : abreast;
    (abreast == EIGHT ? tally_floats_wide : tally_floats)(columns, 1, n, values, rows->row_stride,
                                                          rows->n_rows, ret_tally);
    return n;
}

void watch_tally(const watch_column *columns, size_t n_columns, const mw_matrix *rows,
                 atomic_uint_least64_t *counts, bool is_shared, watch_width width)
{
    for (size_t c = 0, n; c < n_columns; c += n) {
        tally found;
        n = (rows->dtype == MW_FLOAT64 ? tally_doubles_of : tally_floats_of)(
            columns + c, n_columns - c, rows, c, width, &found);
        for (size_t i = 0; i < n; i++)
            if (columns[c + i].is_ready && !columns[c + i].is_category)
                add_column(&found, i, rows->n_rows, counts + (c + i) * WATCH_BINS, is_shared);
    }
}
