/* Few rows with AVX2 and BMI2. */
#include <immintrin.h>

#include "layout.h"

#include "base/banned.h"

#define ADD_FEW tables_add_few_v3
#define ROW_INLINE static inline __attribute__((always_inline))

typedef const int16_t *row_codes;

typedef struct row_sums {
    __m256 of[TABLES_SPREAD_MAX / 8];
} row_sums;

#define EACH_SUM(n) _Pragma("GCC unroll 8") for (size_t u = 0; u < (n) / 8; u++)

ROW_INLINE row_codes read_codes(const explain_work *work)
{
    return work->row_ranks;
}

ROW_INLINE __m256i load_codes(const int16_t *from)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

/* 32 comparisons as bits. */
ROW_INLINE uint32_t compare(const int16_t *ranks, const int16_t *belows)
{
    __m256i low = _mm256_cmpgt_epi16(load_codes(belows), load_codes(ranks));
    __m256i high = _mm256_cmpgt_epi16(load_codes(belows + 16), load_codes(ranks + 16));
    __m256i bytes = _mm256_permute4x64_epi64(_mm256_packs_epi16(low, high), 0xd8);
    return (uint32_t)_mm256_movemask_epi8(bytes);
}

ROW_INLINE uint64_t find_tests(row_codes codes, const uint16_t *columns, const int16_t *belows)
{
    int16_t ranks[TABLES_WORD_BITS];
    for (size_t i = 0; i < TABLES_WORD_BITS; i++)
        ranks[i] = codes[columns[i]];
    return compare(ranks, belows) | (uint64_t)compare(ranks + 32, belows + 32) << 32;
}

ROW_INLINE uint64_t find_joints(const tables_words *words, const tables_word *word,
                                uint64_t answers)
{
    uint64_t found = 0;
    for (size_t i = word->first_joint; i < word->end_joint; i++)
        found |= (uint64_t)((answers & words->joint_masks[i]) == words->joint_wants[i])
                 << (i - word->first_joint);
    return found;
}

ROW_INLINE row_sums no_sums(void)
{
    row_sums sums;
    EACH_SUM(TABLES_SPREAD_MAX) sums.of[u] = _mm256_setzero_ps();
    return sums;
}

ROW_INLINE void add_line(row_sums *sums, size_t n, const float *line, const uint8_t *spread)
{
    __m256 eight = _mm256_loadu_ps(line);
    EACH_SUM(n)
    {
        __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)(spread + 8 * u));
        __m256i lanes = _mm256_cvtepi8_epi32(bytes);
        __m256 some = _mm256_castsi256_ps(_mm256_srai_epi32(lanes, 31));
        __m256 more = _mm256_and_ps(_mm256_permutevar8x32_ps(eight, lanes), some);
        sums->of[u] = _mm256_add_ps(sums->of[u], more);
    }
}

ROW_INLINE void put_sums(const row_sums *sums, float *ret_sums)
{
    EACH_SUM(TABLES_SPREAD_MAX) _mm256_storeu_ps(ret_sums + 8 * u, sums->of[u]);
}

#include "tables_row_kernel.h"
