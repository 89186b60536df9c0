/* What the row kernels of x86 share. The includer has read the intrinsics, and says with ROW_INLINE
 * how functions are declared. */
#ifndef PREDICT_ROW_X86_H
#define PREDICT_ROW_X86_H

#include "row.h"

/* The one exit whose path agrees with the answers. */
ROW_INLINE unsigned exit_of(const row_piece *piece, uint64_t answers)
{
    __m256i all = _mm256_set1_epi16((short)answers);
    __m256i care = _mm256_load_si256((const __m256i *)(const void *)piece->care);
    __m256i want = _mm256_load_si256((const __m256i *)(const void *)piece->want);
    __m256i agrees = _mm256_cmpeq_epi16(_mm256_and_si256(all, care), want);
    return (unsigned)__builtin_ctz((unsigned)_mm256_movemask_epi8(agrees)) / 2;
}

/* 16 times the number of pivots passed. */
ROW_INLINE __m256i count_pivots(const float *pivots, size_t n, __m256 x)
{
    __m256i passed = _mm256_setzero_si256();
    for (size_t i = 0; i < n; i++) {
        __m256 pivot = _mm256_load_ps(pivots + i * ROW_TOGETHER);
        passed = _mm256_sub_epi32(passed, _mm256_castps_si256(_mm256_cmp_ps(x, pivot, _CMP_GE_OQ)));
    }
    return _mm256_slli_epi32(passed, 4);
}

ROW_INLINE void count_runs_float(const float *pivots, size_t n, const float *x, uint32_t *runs)
{
    _mm256_storeu_si256((__m256i *)(void *)runs, count_pivots(pivots, n, _mm256_loadu_ps(x)));
}

ROW_INLINE void count_runs_double(const double *pivots, size_t n, const double *x, uint32_t *runs)
{
    for (int half = 0; half < ROW_TOGETHER; half += 4) {
        __m256d four = _mm256_loadu_pd(x + half);
        __m256i passed = _mm256_setzero_si256();
        for (size_t i = 0; i < n; i++) {
            __m256d pivot = _mm256_load_pd(pivots + i * ROW_TOGETHER + half);
            passed = _mm256_sub_epi64(passed,
                                      _mm256_castpd_si256(_mm256_cmp_pd(four, pivot, _CMP_GE_OQ)));
        }
        uint64_t found[4];
        _mm256_storeu_si256((__m256i *)(void *)found, passed);
        for (int i = 0; i < 4; i++)
            runs[half + i] = (uint32_t)(16 * found[i]);
    }
}

#endif
