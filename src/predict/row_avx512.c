/* The row kernel in AVX-512 with VBMI: 64 trees at once, one instruction looks up their codes.
 *
 * With BYTES_EMULATED the same source is built on SIMDe, as bytes_avx512.c is. */
#ifdef BYTES_EMULATED
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include "bytes_emulated.h"
typedef simde__mmask64 __mmask64;
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

static bool usable(void)
{
#ifdef BYTES_EMULATED
    return true;
#else
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
#endif
}

#include "row_kernel.h"
