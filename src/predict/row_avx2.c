/* The row kernel in AVX2: 32 trees at once, shuffles look up 16 codes at a time. */
#include <immintrin.h>
#include <stdbool.h>

#include "row.h"

#define KERNEL predict_row_avx2
#define KERNEL_NAME "row-avx2"
#define LANES 32
#define ROW_INLINE static inline __attribute__((always_inline))

#include "row_x86.h"

typedef __m256i lanes;
typedef __m256i mask; /* all bits of a byte */

ROW_INLINE lanes load_lanes(const char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

ROW_INLINE void put_lanes(char *p, lanes from)
{
    _mm256_storeu_si256((__m256i *)(void *)p, from);
}

ROW_INLINE lanes unite(lanes a, lanes b)
{
    return _mm256_or_si256(a, b);
}

ROW_INLINE lanes add_lanes(lanes a, lanes b)
{
    return _mm256_add_epi8(a, b);
}

ROW_INLINE lanes one_a_lane(void)
{
    return _mm256_set1_epi8(1);
}

ROW_INLINE lanes no_lanes(void)
{
    return _mm256_setzero_si256();
}

ROW_INLINE lanes choose(mask right, lanes a, lanes b)
{
    return _mm256_blendv_epi8(a, b, right);
}

ROW_INLINE mask passes(lanes code, lanes rank)
{
    return _mm256_cmpgt_epi8(code, rank);
}

ROW_INLINE mask either(mask a, mask b)
{
    return _mm256_or_si256(a, b);
}

ROW_INLINE lanes add_bit(lanes at, mask right, unsigned bit)
{
    return _mm256_or_si256(at, _mm256_and_si256(right, _mm256_set1_epi8((char)bit)));
}

ROW_INLINE lanes add_to_all(lanes at, unsigned number)
{
    return _mm256_add_epi8(at, _mm256_set1_epi8((char)number));
}

ROW_INLINE lanes bias(lanes code)
{
    return _mm256_xor_si256(code, _mm256_set1_epi8((char)BYTES_BIAS));
}

ROW_INLINE mask has_bit(lanes plane, lanes at)
{
    const __m256i bits = _mm256_set1_epi64x((long long)0x8040201008040201);
    __m256i bit = _mm256_shuffle_epi8(bits, _mm256_and_si256(at, _mm256_set1_epi8(7)));
    return _mm256_cmpeq_epi8(_mm256_and_si256(plane, bit), bit);
}

ROW_INLINE uint64_t word_of(mask right)
{
    return (uint32_t)_mm256_movemask_epi8(right);
}

/* The numbers of the lanes, first .. first + 31, to `list`, which has room for 8 more. How many. */
ROW_INLINE size_t list_lanes(uint64_t going, uint32_t first, uint32_t *list)
{
    const uint64_t numbers = 0x0706050403020100, each = 0x0101010101010101;
    size_t n = 0;
    for (int i = 0; i < LANES; i += 8) {
        uint64_t eight = going >> i & 255;
        uint64_t found = _pext_u64(numbers, _pdep_u64(eight, each) * 255);
        __m256i lane = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)found));
        lane = _mm256_add_epi32(lane, _mm256_set1_epi32((int)first + i));
        _mm256_storeu_si256((__m256i *)(void *)(list + n), lane);
        n += (size_t)__builtin_popcountll(eight);
    }
    return n;
}

ROW_INLINE void put_places(lanes at, uint32_t first, unsigned depth, uint32_t *places)
{
    __m256i lane =
        _mm256_sll_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm_cvtsi32_si128((int)depth));
    __m256i next = _mm256_set1_epi32(8 << depth);
    __m256i begin = _mm256_add_epi32(_mm256_set1_epi32((int)first), lane);
    __m128i half[2] = {_mm256_castsi256_si128(at), _mm256_extracti128_si256(at, 1)};
    for (int i = 0; i < 4; i++, begin = _mm256_add_epi32(begin, next)) {
        __m128i eight = i % 2 ? _mm_srli_si128(half[i / 2], 8) : half[i / 2];
        _mm256_storeu_si256((__m256i *)(void *)(places + 8 * i),
                            _mm256_add_epi32(begin, _mm256_cvtepu8_epi32(eight)));
    }
}

/* 16 codes each, in both halves. */
typedef struct registers {
    __m256i of[8];
} registers;

ROW_INLINE registers load_registers(const uint8_t *codes, bool few)
{
    registers row;
    for (int i = 0; i < (few ? 4 : 8); i++)
        row.of[i] =
            _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)codes + i));
    return row;
}

/* A shuffle looks at bits 0-3 of a column; bit 4, 5 and 6, shifted to bit 7, choose among them. */
ROW_INLINE __m256i look_up(const registers *row, __m256i column, bool few)
{
    __m256i bit4 = _mm256_slli_epi16(column, 3), bit5 = _mm256_slli_epi16(column, 2);
    __m256i found[8];
    for (int i = 0; i < (few ? 4 : 8); i++)
        found[i] = _mm256_shuffle_epi8(row->of[i], column);
    for (int i = 0; i < (few ? 2 : 4); i++)
        found[i] = _mm256_blendv_epi8(found[2 * i], found[2 * i + 1], bit4);
    for (int i = 0; i < (few ? 1 : 2); i++)
        found[i] = _mm256_blendv_epi8(found[2 * i], found[2 * i + 1], bit5);
    return few ? found[0] : _mm256_blendv_epi8(found[0], found[1], _mm256_slli_epi16(column, 1));
}

ROW_INLINE __m128i look_up_half(const registers *row, __m128i column, bool few)
{
    return _mm256_castsi256_si128(look_up(row, _mm256_castsi128_si256(column), few));
}

ROW_INLINE uint64_t answer_piece(const registers *row, const row_piece *piece, bool few)
{
    __m128i column = _mm_load_si128((const __m128i *)(const void *)piece->column);
    __m128i rank = _mm_load_si128((const __m128i *)(const void *)piece->rank);
    __m128i right = _mm_cmpgt_epi8(look_up_half(row, column, few), rank);
    return (unsigned)_mm_movemask_epi8(right);
}

/* Each comparison gives -1 a cut passed; packed to 16 bits a cut and then two bits of the mask. */
ROW_INLINE unsigned count32(const float *table, float x)
{
    __m256 all = _mm256_set1_ps(x);
    __m256 low = _mm256_cmp_ps(all, _mm256_loadu_ps(table), _CMP_GE_OQ);
    __m256 high = _mm256_cmp_ps(all, _mm256_loadu_ps(table + 8), _CMP_GE_OQ);
    __m256i both = _mm256_packs_epi32(_mm256_castps_si256(low), _mm256_castps_si256(high));
    return (unsigned)__builtin_popcount((unsigned)_mm256_movemask_epi8(both)) / 2;
}

ROW_INLINE unsigned count64(const double *table, double x)
{
    __m256d all = _mm256_set1_pd(x);
    unsigned passed = 0;
    for (int i = 0; i < 4; i++)
        passed |= (unsigned)_mm256_movemask_pd(
                      _mm256_cmp_pd(all, _mm256_loadu_pd(table + 4 * i), _CMP_GE_OQ))
                  << 4 * i;
    return (unsigned)__builtin_popcount(passed);
}

static bool usable(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("popcnt");
}

#include "row_kernel.h"
