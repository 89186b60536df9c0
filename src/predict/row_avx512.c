/* The row kernel in AVX-512 with VBMI: 64 trees at once, one instruction looks up their codes.
 *
 * With BYTES_EMULATED the same source is built on SIMDe, as bytes_avx512.c is. */
#ifdef BYTES_EMULATED
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include "bytes_emulated.h"
typedef simde__mmask64 __mmask64;
typedef simde__mmask32 __mmask32;
typedef simde__mmask8 __mmask8;
#else
#include <immintrin.h>
#endif
#include <stdbool.h>

#include "row.h"

#define LANES 64

#ifdef BYTES_EMULATED
#define KERNEL predict_row_emulated
#define KERNEL_NAME "row-avx512 emulated"
extern const predict_kernel KERNEL;
/* as functions: inlined, a whole tree of emulations takes minutes to compile */
#define INLINE static __attribute__((noinline, unused))
#define ROW_INLINE INLINE
#else
#define KERNEL predict_row_avx512
#define KERNEL_NAME "row-avx512"
#define ROW_INLINE static inline __attribute__((always_inline))
#endif

#include "row_x86.h"

typedef __m512i lanes;
typedef __mmask64 mask;

ROW_INLINE lanes load_lanes(const char *p)
{
    return _mm512_loadu_si512(p);
}

ROW_INLINE void put_lanes(char *p, lanes from)
{
    _mm512_storeu_si512(p, from);
}

ROW_INLINE lanes unite(lanes a, lanes b)
{
    return _mm512_or_si512(a, b);
}

ROW_INLINE lanes add_lanes(lanes a, lanes b)
{
    return _mm512_add_epi8(a, b);
}

ROW_INLINE lanes one_a_lane(void)
{
    return _mm512_set1_epi8(1);
}

ROW_INLINE lanes no_lanes(void)
{
    return _mm512_setzero_si512();
}

ROW_INLINE lanes choose(mask right, lanes a, lanes b)
{
    return _mm512_mask_mov_epi8(a, right, b);
}

ROW_INLINE mask passes(lanes code, lanes rank)
{
    return _mm512_cmpgt_epi8_mask(code, rank);
}

ROW_INLINE mask either(mask a, mask b)
{
    return a | b;
}

ROW_INLINE lanes add_to_all(lanes at, unsigned number)
{
    return _mm512_add_epi8(at, _mm512_set1_epi8((char)number));
}

ROW_INLINE lanes add_bit(lanes at, mask right, unsigned bit)
{
    return _mm512_mask_mov_epi8(at, right, add_to_all(at, bit));
}

ROW_INLINE lanes bias(lanes code)
{
    return _mm512_xor_si512(code, _mm512_set1_epi8((char)BYTES_BIAS));
}

ROW_INLINE mask has_bit(lanes plane, lanes at)
{
    const __m512i bits = _mm512_set1_epi64((long long)0x8040201008040201);
    __m512i bit = _mm512_shuffle_epi8(bits, _mm512_and_si512(at, _mm512_set1_epi8(7)));
    return _mm512_cmpeq_epi8_mask(_mm512_and_si512(plane, bit), bit);
}

ROW_INLINE uint64_t word_of(mask right)
{
    return right;
}

/* The numbers of the lanes, first .. first + 63, to `list`, which has room for 16 more. How many.
 * No branch depends on which they are. */
ROW_INLINE size_t list_lanes(uint64_t going, uint32_t first, uint32_t *list)
{
    __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    size_t n = 0;
    lane = _mm512_add_epi32(lane, _mm512_set1_epi32((int)first));
    for (int i = 0; i < LANES; i += 16, lane = _mm512_add_epi32(lane, _mm512_set1_epi32(16))) {
        __mmask16 sixteen = (__mmask16)(going >> i);
        _mm512_storeu_si512(list + n, _mm512_maskz_compress_epi32(sixteen, lane));
        n += (size_t)__builtin_popcount(sixteen);
    }
    return n;
}

ROW_INLINE void put_places(lanes at, uint32_t first, unsigned depth, uint32_t *places)
{
    uint8_t exit[LANES];
    __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    _mm512_storeu_si512(exit, at);
    for (int i = 0; i < LANES; i += 16) {
        __m512i number = _mm512_add_epi32(lane, _mm512_set1_epi32(i));
        __m512i begin = _mm512_add_epi32(_mm512_sll_epi32(number, _mm_cvtsi32_si128((int)depth)),
                                         _mm512_set1_epi32((int)first));
        __m128i sixteen = _mm_loadu_si128((const __m128i *)(const void *)(exit + i));
        _mm512_storeu_si512(places + i, _mm512_add_epi32(begin, _mm512_cvtepu8_epi32(sixteen)));
    }
}

typedef struct registers {
    __m512i low, high; /* 64 codes each */
} registers;

ROW_INLINE registers load_registers(const uint8_t *codes, bool few)
{
    registers row = {.low = _mm512_loadu_si512(codes)};
    row.high = few ? row.low : _mm512_loadu_si512(codes + 64);
    return row;
}

ROW_INLINE lanes look_up(const registers *row, lanes column, bool few)
{
    return few ? _mm512_permutexvar_epi8(column, row->low)
               : _mm512_permutex2var_epi8(row->low, column, row->high);
}

#define WIDE
typedef struct wide_registers {
    __m512i of[4];
} wide_registers;

ROW_INLINE wide_registers load_wide(const uint8_t *codes)
{
    wide_registers row;
    for (int i = 0; i < 4; i++)
        row.of[i] = _mm512_loadu_si512(codes + 64 * i);
    return row;
}

/* Of two registers by bits 0-6 of a column; bit 7 chooses between these. */
ROW_INLINE lanes look_up_wide(const wide_registers *row, lanes column)
{
    lanes low = _mm512_permutex2var_epi8(row->of[0], column, row->of[1]);
    lanes high = _mm512_permutex2var_epi8(row->of[2], column, row->of[3]);
    return _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(column), high);
}

ROW_INLINE uint64_t answer_piece(const registers *row, const row_piece *piece, bool few)
{
    __m128i column = _mm_loadu_si128((const __m128i *)(const void *)piece->column);
    __m128i rank = _mm_loadu_si128((const __m128i *)(const void *)piece->rank);
    __m512i code = look_up(row, _mm512_castsi128_si512(column), few);
    return (unsigned)_mm_movemask_epi8(_mm_cmpgt_epi8(_mm512_castsi512_si128(code), rank));
}

ROW_INLINE unsigned count32(const float *table, float x)
{
    return (unsigned)__builtin_popcount(
        _mm512_cmp_ps_mask(_mm512_set1_ps(x), _mm512_loadu_ps(table), _CMP_GE_OQ));
}

ROW_INLINE unsigned count64(const double *table, double x)
{
    __m512d all = _mm512_set1_pd(x);
    unsigned low = _mm512_cmp_pd_mask(all, _mm512_loadu_pd(table), _CMP_GE_OQ);
    unsigned high = _mm512_cmp_pd_mask(all, _mm512_loadu_pd(table + 8), _CMP_GE_OQ);
    return (unsigned)__builtin_popcount(low | high << 8);
}

/* ---- searches of a row of floats ---------------------------------------------------------------
 *
 * Eight at a time, and in registers until 64 codes are whole: what is put down byte by byte cannot
 * be loaded as a vector before all of it has reached the cache.
 *
 *     row       x3   x4   x6 ...       a window of 16, of which eight are picked
 *     pivots    passed? 16 each        the run of 16 cuts where each goes on
 *     cuts      1110000000000000       which of the run are passed, a word each
 *     code      run + the number of ones */

#define SEARCHES_FLOATS
#define EXITS
enum { WINDOW = 16 };

/* Rows may begin anywhere. */
ROW_INLINE float value_at(const char *row, uint32_t feature)
{
    float value;
    memcpy(&value, row + feature * sizeof value, sizeof value);
    return value;
}

ROW_INLINE __m256 pick_eight(const char *row, const uint32_t *features, size_t span)
{
    __m256i all = _mm256_loadu_si256((const __m256i *)(const void *)features);
    if (span > WINDOW)
        return _mm256_i32gather_ps((const float *)(const void *)row, all, sizeof(float));
    __m512 window =
        _mm512_maskz_loadu_ps((__mmask16)((1u << span) - 1), row + *features * sizeof(float));
    __m256i places = _mm256_sub_epi32(all, _mm256_set1_epi32((int)*features));
    return _mm512_castps512_ps256(_mm512_permutexvar_ps(_mm512_castsi256_si512(places), window));
}

/* Of searches i and i + 1, a word each. Values are had once more from the row: not from within the
 * vector, which costs as much as the comparison. */
ROW_INLINE __mmask32 passed_of_two(const float *cuts, const char *row, const uint32_t *features,
                                   const uint32_t *runs, int i)
{
    __m512 a = _mm512_set1_ps(value_at(row, features[i])),
           b = _mm512_set1_ps(value_at(row, features[i + 1]));
    __m512 cuts_a = _mm512_loadu_ps(cuts + (ptrdiff_t)i * BYTES_TABLE32 + runs[i]);
    __m512 cuts_b = _mm512_loadu_ps(cuts + (ptrdiff_t)(i + 1) * BYTES_TABLE32 + runs[i + 1]);
    return _mm512_kunpackw(_mm512_cmp_ps_mask(b, cuts_b, _CMP_GE_OQ),
                           _mm512_cmp_ps_mask(a, cuts_a, _CMP_GE_OQ));
}

ROW_INLINE __m128i count_words(const float *cuts, const char *row, const uint32_t *features,
                               const uint32_t *runs)
{
    __mmask64 low = _mm512_kunpackd(passed_of_two(cuts, row, features, runs, 2),
                                    passed_of_two(cuts, row, features, runs, 0));
    __mmask64 high = _mm512_kunpackd(passed_of_two(cuts, row, features, runs, 6),
                                     passed_of_two(cuts, row, features, runs, 4));
    return _mm_popcnt_epi16(_mm_set_epi64x((long long)high, (long long)low));
}

/* Codes of the t-th eight, as bytes. */
ROW_INLINE __m128i search_eight(const row_layout *layout, const char *row, size_t t, __m256 x)
{
    static const uint32_t none[ROW_TOGETHER];
    const float *cuts = layout->cuts->cuts32 + BYTES_PIVOTS + t * ROW_TOGETHER * BYTES_TABLE32;
    const uint32_t *features = layout->features + t * ROW_TOGETHER;
    size_t n_pivots = layout->n_pivots[t];
    uint32_t runs[ROW_TOGETHER];
    __m128i codes;
    if (n_pivots == 0) {
        codes = count_words(cuts, row, features, none);
        return _mm_packus_epi16(codes, codes);
    }
    __m256i run = count_pivots(layout->pivots32 + t * ROW_PIVOTS * ROW_TOGETHER, n_pivots, x);
    _mm256_storeu_si256((__m256i *)(void *)runs, run);
    __asm__("" : : "r"(runs) : "memory"); /* addresses from there, not from within the vector */
    codes = _mm_add_epi16(count_words(cuts, row, features, runs), _mm256_cvtepi32_epi16(run));
    return _mm_packus_epi16(codes, codes);
}

/* A byte each: -1 where it is NaN. */
ROW_INLINE __m128i missing_eight(__m256 x)
{
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(nan), _mm256_extracti128_si256(nan, 1));
    return _mm_packs_epi16(words, words);
}

/* Codes of up to eight eights from the first on, and which of them are missing: -1. */
ROW_INLINE void search_eights(const row_layout *layout, const char *row, size_t first,
                              __m512i *ret_codes, __m512i *ret_missing)
{
    size_t left = layout->n_together - first, n = left < 8 ? left : 8;
    __m512i codes = _mm512_setzero_si512(), missing = _mm512_setzero_si512();
    for (size_t i = 0; i < n; i++) {
        size_t t = first + i;
        __mmask8 at = (__mmask8)(1u << i);
        __m256 x = pick_eight(row, layout->features + t * ROW_TOGETHER, layout->span[t]);
        codes = _mm512_mask_broadcastq_epi64(codes, at, search_eight(layout, row, t, x));
        missing = _mm512_mask_broadcastq_epi64(missing, at, missing_eight(x));
    }
    *ret_codes = codes;
    *ret_missing = _mm512_abs_epi8(missing);
}

ROW_INLINE void search_floats(const row_layout *layout, const char *row, uint8_t *ret_codes,
                              uint8_t *ret_missing)
{
    for (size_t first = 0; first < layout->n_together; first += 8) {
        __m512i codes, missing;
        search_eights(layout, row, first, &codes, &missing);
        _mm512_storeu_si512(ret_codes + 8 * first, codes);
        _mm512_storeu_si512(ret_missing + 8 * first, missing);
    }
}

/* The same of rows of few columns, which stay in registers. */
ROW_INLINE void search_few(const row_layout *layout, const char *row, registers *ret_codes,
                           registers *ret_missing)
{
    search_eights(layout, row, 0, &ret_codes->low, &ret_missing->low);
    ret_codes->high = ret_codes->low;
    ret_missing->high = ret_missing->low;
}

static bool usable(void)
{
#ifdef BYTES_EMULATED
    return true;
#else
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
           __builtin_cpu_supports("avx512bitalg") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("popcnt");
#endif
}

#include "row_kernel.h"
