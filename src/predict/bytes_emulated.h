/* What bytes_avx512.c needs and SIMDe 0.7 (Debian 12) has not; for its emulated build only. */
#ifndef PREDICT_BYTES_EMULATED_H
#define PREDICT_BYTES_EMULATED_H

#include <stdint.h>
#include <string.h>

typedef simde__mmask16 __mmask16;

static inline __m512i emulate_cvtepu8_epi32(__m128i bytes)
{
    uint8_t from[16];
    uint32_t to[16];
    memcpy(from, &bytes, sizeof from);
    for (int i = 0; i < 16; i++)
        to[i] = from[i];
    return _mm512_loadu_si512(to);
}

static inline __m512 emulate_i32gather_ps(__m512i places, const float *values)
{
    int32_t place[16];
    float found[16];
    _mm512_storeu_si512(place, places);
    for (int i = 0; i < 16; i++)
        found[i] = values[place[i]];
    return _mm512_loadu_ps(found);
}

static inline __m512d emulate_i32gather_pd(__m256i places, const double *values)
{
    int32_t place[8];
    double found[8];
    memcpy(place, &places, sizeof place);
    for (int i = 0; i < 8; i++)
        found[i] = values[place[i]];
    return _mm512_loadu_pd(found);
}

static inline __m512 emulate_maskz_loadu_ps(__mmask16 which, const void *from)
{
    float found[16] = {0};
    for (int i = 0; i < 16; i++)
        if (which >> i & 1)
            memcpy(&found[i], (const char *)from + i * sizeof *found, sizeof *found);
    return _mm512_loadu_ps(found);
}

static inline __m128i emulate_cvtepi32_epi16(__m256i words)
{
    uint32_t from[8];
    uint16_t to[8];
    __m128i all;
    memcpy(from, &words, sizeof from);
    for (int i = 0; i < 8; i++)
        to[i] = (uint16_t)from[i];
    memcpy(&all, to, sizeof all);
    return all;
}

#define _mm512_maskz_loadu_ps(which, from) emulate_maskz_loadu_ps(which, from)
#define _mm256_cvtepi32_epi16(words) emulate_cvtepi32_epi16(words)
#define _mm512_kunpackw(high, low) ((__mmask32)(high) << 16 | (__mmask32)(low))
#define _mm512_kunpackd(high, low) ((__mmask64)(high) << 32 | (__mmask64)(low))
#define _mm512_cvtepu8_epi32(bytes) emulate_cvtepu8_epi32(bytes)
#define _mm512_i32gather_ps(places, values, scale) emulate_i32gather_ps(places, values)
#define _mm512_i32gather_pd(places, values, scale) emulate_i32gather_pd(places, values)

#endif
