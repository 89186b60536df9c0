/* What tables_row_v4.c needs and SIMDe 0.7 (Debian 12) has not; for its emulated build only. */
#ifndef EXPLAIN_TABLES_ROW_EMULATED_H
#define EXPLAIN_TABLES_ROW_EMULATED_H

#include <stdint.h>
#include <string.h>

static inline __m512i emulate_cvtepi8_epi32(__m128i bytes)
{
    int8_t from[16];
    int32_t to[16];
    memcpy(from, &bytes, sizeof from);
    for (int i = 0; i < 16; i++)
        to[i] = from[i];
    return _mm512_loadu_si512(to);
}

static inline uint32_t emulate_cmplt_epi16_mask(__m512i a, __m512i b)
{
    int16_t left[32], right[32];
    uint32_t less = 0;
    memcpy(left, &a, sizeof left);
    memcpy(right, &b, sizeof right);
    for (int i = 0; i < 32; i++)
        less |= (uint32_t)(left[i] < right[i]) << i;
    return less;
}

#define _mm512_cvtepi8_epi32(bytes) emulate_cvtepi8_epi32(bytes)
#define _mm512_cmplt_epi16_mask(a, b) emulate_cmplt_epi16_mask(a, b)

#endif
