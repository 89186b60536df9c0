/* Eight floats of each of eight rows become eight columns, in AVX; the AVX-512 kernel has it, too.
 *
 *   halves of rows i and i + 4 in a register, then four by four within each half:
 *
 *     a0 a1 a2 a3 | e0 e1 e2 e3        a0 b0 c0 d0 | e0 f0 g0 h0   column 0
 *     b0 b1 b2 b3 | f0 f1 f2 f3   ->   a1 b1 c1 d1 | e1 f1 g1 h1   column 1
 *     ...                              ...
 */
#ifndef PREDICT_BYTES_TURN_H
#define PREDICT_BYTES_TURN_H

#include "bytes.h"

#define TURN_EIGHT

static inline __m256 turn_load(const char *at, ptrdiff_t stride)
{
    __m128 low = _mm_loadu_ps((const float *)(const void *)at);
    __m128 high = _mm_loadu_ps((const float *)(const void *)(at + 4 * stride));
    return _mm256_insertf128_ps(_mm256_castps128_ps256(low), high, 1);
}

static inline void turn_four(const char *at, ptrdiff_t stride, float *to)
{
    __m256 a = turn_load(at, stride), b = turn_load(at + stride, stride);
    __m256 c = turn_load(at + 2 * stride, stride), d = turn_load(at + 3 * stride, stride);
    __m256 ab01 = _mm256_unpacklo_ps(a, b), ab23 = _mm256_unpackhi_ps(a, b);
    __m256 cd01 = _mm256_unpacklo_ps(c, d), cd23 = _mm256_unpackhi_ps(c, d);
    _mm256_storeu_ps(to, _mm256_shuffle_ps(ab01, cd01, 0x44));
    _mm256_storeu_ps(to + BYTES_PART, _mm256_shuffle_ps(ab01, cd01, 0xee));
    _mm256_storeu_ps(to + 2 * BYTES_PART, _mm256_shuffle_ps(ab23, cd23, 0x44));
    _mm256_storeu_ps(to + 3 * BYTES_PART, _mm256_shuffle_ps(ab23, cd23, 0xee));
}

static inline void turn_eight(const char *at, ptrdiff_t stride, float *to)
{
    turn_four(at, stride, to);
    turn_four(at + 4 * sizeof(float), stride, to + 4 * (size_t)BYTES_PART);
}

#endif
