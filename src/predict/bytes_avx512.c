/* The byte kernel in AVX-512 with VBMI (Ice Lake, Zen 4 and later): 64 rows a register.
 *
 * With BYTES_EMULATED the same source is built on SIMDe, which does every instruction in plain C:
 * tests/predict/test_kernels.c runs it where the processor lacks them. */
#ifdef BYTES_EMULATED
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include "bytes_emulated.h"
#else
#include <immintrin.h>
#endif

#include "bytes.h"

#define VECTOR __m512i
enum { WIDTH = 64, SIDES = 2 };
#ifdef BYTES_EMULATED
#define KERNEL predict_bytes_emulated
#define KERNEL_NAME "avx512 emulated"
extern const predict_kernel KERNEL;
#else
#define KERNEL predict_bytes_avx512
#define KERNEL_NAME "avx512"
#endif
#ifdef BYTES_EMULATED /* as functions: inlined, a whole tree of emulations takes minutes to \
                         compile */
#define INLINE static __attribute__((noinline, unused))
#define VECTOR_INLINE INLINE
#else
#define VECTOR_INLINE static inline __attribute__((always_inline))
#endif

/* Truth tables of three inputs a, b, c, for each bit. */
enum { A_CHOOSES_B_OR_C = 0xca };

VECTOR_INLINE VECTOR vector_load(const void *at)
{
    return _mm512_loadu_si512(at);
}

VECTOR_INLINE void vector_store(void *at, VECTOR x)
{
    _mm512_storeu_si512(at, x);
}

VECTOR_INLINE VECTOR vector_spread(const uint8_t *at)
{
    return _mm512_set1_epi8((char)*at);
}

/* A decision that only its sign is asked of stays in a vector register: masks are few and slow. */
VECTOR_INLINE VECTOR vector_decide(VECTOR code, VECTOR rank)
{
    return _mm512_subs_epi8(code, rank);
}

VECTOR_INLINE VECTOR vector_fold(VECTOR decision, VECTOR left, VECTOR right)
{
    return _mm512_ternarylogic_epi32(decision, left, right, A_CHOOSES_B_OR_C);
}

VECTOR_INLINE VECTOR vector_choose(VECTOR decision, VECTOR left, VECTOR right)
{
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(decision), right, left);
}

VECTOR_INLINE VECTOR vector_pick(VECTOR code, VECTOR rank, VECTOR left, VECTOR right)
{
    return _mm512_mask_blend_epi8(_mm512_cmpgt_epi8_mask(rank, code), right, left);
}

VECTOR_INLINE VECTOR vector_pick_other(VECTOR code, VECTOR rank, VECTOR flip, VECTOR found,
                                       VECTOR other)
{
    uint64_t left = _mm512_cmpgt_epi8_mask(rank, code);
    return _mm512_mask_blend_epi8(left ^ _mm512_movepi8_mask(flip), found, other);
}

VECTOR_INLINE VECTOR vector_mark(VECTOR number, VECTOR code, VECTOR rank, VECTOR bit)
{
    return _mm512_mask_add_epi8(number, _mm512_cmple_epi8_mask(rank, code), number, bit);
}

VECTOR_INLINE VECTOR vector_in_set(const uint8_t *set, VECTOR place, VECTOR bit)
{
    __m256i half = _mm256_loadu_si256((const __m256i *)(const void *)set);
    VECTOR both = _mm512_broadcast_i64x4(half); /* a place of 32 bytes is below 32 */
    return _mm512_movm_epi8(_mm512_test_epi8_mask(_mm512_permutexvar_epi8(place, both), bit));
}

VECTOR_INLINE VECTOR vector_first(VECTOR decision)
{
    return _mm512_and_si512(_mm512_set1_epi8((char)0x80), decision);
}

VECTOR_INLINE VECTOR vector_append(VECTOR index, VECTOR decision)
{
    return _mm512_ternarylogic_epi32(_mm512_set1_epi8((char)0x80), decision,
                                     _mm512_srli_epi16(index, 1), A_CHOOSES_B_OR_C);
}

VECTOR_INLINE VECTOR vector_shift(VECTOR index, unsigned n)
{
    return _mm512_srli_epi16(index, n);
}

VECTOR_INLINE VECTOR vector_invert(VECTOR index, uint8_t mask)
{
    return _mm512_andnot_si512(index, _mm512_set1_epi8((char)mask));
}

VECTOR_INLINE VECTOR vector_or(VECTOR a, VECTOR b)
{
    return _mm512_or_si512(a, b);
}

VECTOR_INLINE void add_sixteen(float *sums, VECTOR leaves)
{
    _mm512_storeu_ps(sums, _mm512_add_ps(_mm512_loadu_ps(sums), _mm512_castsi512_ps(leaves)));
}

/* A permutation looks up 64 bytes, one of two registers 128; bit 7 of the index chooses between two
 * of these. */
VECTOR_INLINE VECTOR look_up(const uint8_t *plane, size_t bytes, VECTOR index)
{
    VECTOR first = vector_load(plane);
    if (bytes == 64)
        return _mm512_permutexvar_epi8(index, first);
    VECTOR low = _mm512_permutex2var_epi8(first, index, vector_load(plane + 64));
    if (bytes == 128)
        return low;
    VECTOR high =
        _mm512_permutex2var_epi8(vector_load(plane + 128), index, vector_load(plane + 192));
    return vector_choose(index, high, low);
}

/* Unpacking works within quarters of a register: rows are first put where they come out in order,
 * four of each sixteen into a quarter. */
VECTOR_INLINE void add_planes(const uint8_t *planes, size_t bytes, VECTOR index, float *sums)
{
    index = _mm512_permutexvar_epi32(
        _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), index);
    VECTOR p[4];
    for (int i = 0; i < 4; i++)
        p[i] = look_up(planes + bytes * (size_t)i, bytes, index);
    VECTOR low01 = _mm512_unpacklo_epi8(p[0], p[1]), high01 = _mm512_unpackhi_epi8(p[0], p[1]);
    VECTOR low23 = _mm512_unpacklo_epi8(p[2], p[3]), high23 = _mm512_unpackhi_epi8(p[2], p[3]);
    add_sixteen(sums, _mm512_unpacklo_epi16(low01, low23));
    add_sixteen(sums + 16, _mm512_unpackhi_epi16(low01, low23));
    add_sixteen(sums + 32, _mm512_unpacklo_epi16(high01, high23));
    add_sixteen(sums + 48, _mm512_unpackhi_epi16(high01, high23));
}

VECTOR_INLINE __m512d add_eight(__m512d sums, VECTOR leaves)
{
    return _mm512_add_pd(sums, _mm512_castsi512_pd(leaves));
}

/* Eight rows of four pairs of planes: halves of float64 come together. */
VECTOR_INLINE void add_half(const VECTOR *pairs, __m512d *sums)
{
    VECTOR low_a = _mm512_unpacklo_epi16(pairs[0], pairs[1]);
    VECTOR high_a = _mm512_unpackhi_epi16(pairs[0], pairs[1]);
    VECTOR low_b = _mm512_unpacklo_epi16(pairs[2], pairs[3]);
    VECTOR high_b = _mm512_unpackhi_epi16(pairs[2], pairs[3]);
    sums[0] = add_eight(sums[0], _mm512_unpacklo_epi32(low_a, low_b));
    sums[1] = add_eight(sums[1], _mm512_unpackhi_epi32(low_a, low_b));
    sums[2] = add_eight(sums[2], _mm512_unpacklo_epi32(high_a, high_b));
    sums[3] = add_eight(sums[3], _mm512_unpackhi_epi32(high_a, high_b));
}

/* Rows are put where unpacking, which works within quarters, brings them out in order: two of each
 * eight into a quarter. Eight registers of sums stay while all trees add to them: a third of the
 * time of one load and one addition a row. */
#define WIDE_PLANES
VECTOR_INLINE void add_wide_planes(const bytes_wide_run *run, size_t bytes, const uint8_t *numbers,
                                   double *sums)
{
    static const uint8_t arranged[WIDTH] = {
        0, 1, 8,  9,  16, 17, 24, 25, 32, 33, 40, 41, 48, 49, 56, 57, /* the first quarter */
        2, 3, 10, 11, 18, 19, 26, 27, 34, 35, 42, 43, 50, 51, 58, 59, /* the second */
        4, 5, 12, 13, 20, 21, 28, 29, 36, 37, 44, 45, 52, 53, 60, 61, /* the third */
        6, 7, 14, 15, 22, 23, 30, 31, 38, 39, 46, 47, 54, 55, 62, 63};
    VECTOR order = vector_load(arranged);
    __m512d of[8];
    for (int i = 0; i < 8; i++)
        of[i] = _mm512_loadu_pd(sums + 8 * i);
    for (size_t t = 0; t < run->n_trees; t++, numbers += 2 * (size_t)BYTES_ROWS) {
        const uint8_t *planes = run->planes[t];
        for (size_t at = 0; at < run->ahead_bytes; at += PREDICT_LINE)
            __builtin_prefetch(planes + run->ahead + at);
        VECTOR index = _mm512_permutexvar_epi8(order, vector_load(numbers));
        VECTOR p[8], low[4], high[4];
        for (int i = 0; i < 8; i++)
            p[i] = look_up(planes + bytes * (size_t)i, bytes, index);
        for (int i = 0; i < 4; i++) {
            low[i] = _mm512_unpacklo_epi8(p[2 * i], p[2 * i + 1]);
            high[i] = _mm512_unpackhi_epi8(p[2 * i], p[2 * i + 1]);
        }
        add_half(low, of);
        add_half(high, of + 4);
    }
    for (int i = 0; i < 8; i++)
        _mm512_storeu_pd(sums + 8 * i, of[i]);
}

VECTOR_INLINE void add_values32(const float *values, const uint8_t *index, float *sums)
{
    for (unsigned r = 0; r < WIDTH; r += 16) {
        VECTOR i =
            _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(index + r)));
        __m512 leaves = _mm512_i32gather_ps(i, values, 4);
        _mm512_storeu_ps(sums + r, _mm512_add_ps(_mm512_loadu_ps(sums + r), leaves));
    }
}

VECTOR_INLINE void add_values64(const double *values, const uint8_t *index, double *sums)
{
    for (unsigned r = 0; r < WIDTH; r += 8) {
        __m256i i =
            _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(index + r)));
        __m512d leaves = _mm512_i32gather_pd(i, values, 8);
        _mm512_storeu_pd(sums + r, _mm512_add_pd(_mm512_loadu_pd(sums + r), leaves));
    }
}

/* ---- cuts ------------------------------------------------------------------------------------ */

/* A level's cut for 16 places. The two halves of a table of 32 make one permutation; bit 5 and 6 of
 * the place choose between such tables. */
VECTOR_INLINE __m512 cut_of_32(const float *level, VECTOR place)
{
    return _mm512_permutex2var_ps(_mm512_loadu_ps(level), place, _mm512_loadu_ps(level + 16));
}

VECTOR_INLINE __m512 cut_of_64(const float *level, VECTOR place)
{
    __mmask16 upper = _mm512_test_epi32_mask(place, _mm512_set1_epi32(32));
    return _mm512_mask_blend_ps(upper, cut_of_32(level, place), cut_of_32(level + 32, place));
}

VECTOR_INLINE __m512 cut_of_128(const float *level, VECTOR place)
{
    __mmask16 upper = _mm512_test_epi32_mask(place, _mm512_set1_epi32(64));
    return _mm512_mask_blend_ps(upper, cut_of_64(level, place), cut_of_64(level + 64, place));
}

VECTOR_INLINE VECTOR next_place(VECTOR place, __m512 x, __m512 cut)
{
    VECTOR twice = _mm512_add_epi32(place, place);
    __mmask16 passed = _mm512_cmp_ps_mask(x, cut, _CMP_GE_OQ);
    return _mm512_mask_add_epi32(twice, passed, twice, _mm512_set1_epi32(1));
}

/* Sixteen values down all levels of the tree of cuts. Levels 0 to 3 are one register. */
#define SEARCH32
VECTOR_INLINE void search32(const float *table, uint32_t n_cuts, const float *values, size_t n,
                            uint8_t *ret)
{
    unsigned levels = bytes_tree_levels(n_cuts);
    const float *tree = table + BYTES_TREE;
    __m512 top = _mm512_loadu_ps(tree), level4 = _mm512_loadu_ps(tree + 16);
    uint32_t places[BYTES_PART];
    for (size_t r = 0; r < n; r += 16) {
        __m512 x = _mm512_loadu_ps(values + r);
        VECTOR place = _mm512_set1_epi32(1);
        for (int level = 0; level < 3; level++)
            place = next_place(place, x, _mm512_permutexvar_ps(place, top));
        if (levels > 3)
            place = next_place(place, x, _mm512_permutexvar_ps(place, top));
        if (levels > 4)
            place = next_place(place, x, _mm512_permutexvar_ps(place, level4));
        if (levels > 5)
            place = next_place(place, x, cut_of_32(tree + 32, place));
        if (levels > 6)
            place = next_place(place, x, cut_of_64(tree + 64, place));
        if (levels > 7)
            place = next_place(place, x, cut_of_128(tree + 128, place));
        vector_store(places + r, place);
    }
    for (size_t r = 0; r < n; r++) /* 2^levels + cuts passed */
        ret[r] = (uint8_t)(places[r] - (1u << levels));
}

VECTOR_INLINE unsigned count64(const double *table, double x)
{
    __m512d all = _mm512_set1_pd(x);
    unsigned low = _mm512_cmp_pd_mask(all, _mm512_loadu_pd(table), _CMP_GE_OQ);
    unsigned high = _mm512_cmp_pd_mask(all, _mm512_loadu_pd(table + 8), _CMP_GE_OQ);
    return (unsigned)__builtin_popcount(low | high << 8);
}

#include "bytes_turn.h"

static bool usable(void)
{
#ifdef BYTES_EMULATED
    return true;
#else
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
           __builtin_cpu_supports("popcnt");
#endif
}

#include "bytes_kernel.h"
