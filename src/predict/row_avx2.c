/* The row kernel in AVX2: shuffles look up 16 codes at a time. */
#include <immintrin.h>
#include <stdbool.h>

#include "row.h"

#define KERNEL predict_row_avx2
#define KERNEL_NAME "row-avx2"
#define ROW_INLINE static inline __attribute__((always_inline))

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

ROW_INLINE uint32_t answer_half(const registers *row, const uint8_t *columns, const uint8_t *ranks,
                                bool few)
{
    __m256i code = look_up(row, _mm256_load_si256((const __m256i *)(const void *)columns), few);
    __m256i rank = _mm256_load_si256((const __m256i *)(const void *)ranks);
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(code, rank), code));
}

ROW_INLINE uint64_t answers_of(const registers *row, const uint8_t *columns, const uint8_t *ranks,
                               bool few)
{
    return answer_half(row, columns, ranks, few) |
           (uint64_t)answer_half(row, columns + 32, ranks + 32, few) << 32;
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
