/* Few rows with AVX-512: the row's ranks stay in registers, where there are 128 or fewer.
 *
 * With ROW_EMULATED the same source is built on SIMDe, which does every instruction in plain C:
 * tests/explain/test_explain.c runs it where the processor lacks them. */
#include <immintrin.h>

#ifdef ROW_EMULATED
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include "tables_row_emulated.h"
#define ADD_FEW tables_add_few_emulated
#else
#define ADD_FEW tables_add_few_v4
#endif

#include "layout.h"

#include "base/banned.h"

#define ROW_INLINE static inline __attribute__((always_inline))

typedef struct row_codes {
    __m512i of[LAYOUT_ROW_RANKS / 32];
    bool wide;            /* more than 64 columns */
    const int16_t *ranks; /* more than LAYOUT_ROW_RANKS of them; else NULL */
} row_codes;

typedef struct row_sums {
    __m512 of[TABLES_SPREAD_MAX / 16];
} row_sums;

#define EACH_SUM(n) _Pragma("GCC unroll 4") for (size_t u = 0; u < (n) / 16; u++)

ROW_INLINE __m512i load_codes(const void *from)
{
    return _mm512_loadu_si512(from);
}

ROW_INLINE row_codes read_codes(const explain_work *work)
{
    size_t n = work->layout->ranks.n_columns;
    row_codes codes = {.wide = n > 64, .ranks = n > LAYOUT_ROW_RANKS ? work->row_ranks : NULL};
    for (size_t i = 0; i < LAYOUT_ROW_RANKS / 32; i++)
        codes.of[i] = load_codes(work->row_ranks + 32 * i);
    return codes;
}

/* 32 ranks among 64, or among the second 64 too. */
ROW_INLINE uint32_t find_half(const row_codes *codes, const uint16_t *columns,
                              const int16_t *belows)
{
    __m512i at = load_codes(columns);
    __m512i ranks = _mm512_permutex2var_epi16(codes->of[0], at, codes->of[1]);
    if (codes->wide) {
        uint32_t second = _mm512_test_epi16_mask(at, _mm512_set1_epi16(64));
        __m512i others = _mm512_permutex2var_epi16(codes->of[2], at, codes->of[3]);
        ranks = _mm512_mask_blend_epi16(second, ranks, others);
    }
    return _mm512_cmplt_epi16_mask(ranks, load_codes(belows));
}

/* Looked up one by one. */
ROW_INLINE uint64_t find_among_many(const int16_t *codes, const uint16_t *columns,
                                    const int16_t *belows)
{
    int16_t ranks[TABLES_WORD_BITS];
    for (size_t i = 0; i < TABLES_WORD_BITS; i++)
        ranks[i] = codes[columns[i]];
    uint64_t low = _mm512_cmplt_epi16_mask(load_codes(ranks), load_codes(belows));
    uint64_t high = _mm512_cmplt_epi16_mask(load_codes(ranks + 32), load_codes(belows + 32));
    return low | high << 32;
}

ROW_INLINE uint64_t find_tests(row_codes codes, const uint16_t *columns, const int16_t *belows)
{
    if (codes.ranks)
        return find_among_many(codes.ranks, columns, belows);
    uint64_t low = find_half(&codes, columns, belows);
    return low | (uint64_t)find_half(&codes, columns + 32, belows + 32) << 32;
}

/* Eight at a time; what is read behind the word's last one is not looked at. */
ROW_INLINE uint64_t find_joints(const tables_words *words, const tables_word *word,
                                uint64_t answers)
{
    uint64_t found = 0;
    __m512i all = _mm512_set1_epi64((long long)answers);
    for (size_t i = word->first_joint; i < word->end_joint; i += 8) {
        __m512i care = _mm512_and_si512(all, load_codes(words->joint_masks + i));
        uint64_t eight = _mm512_cmpeq_epi64_mask(care, load_codes(words->joint_wants + i));
        found |= eight << (i - word->first_joint);
    }
    return found;
}

ROW_INLINE row_sums no_sums(void)
{
    row_sums sums;
    EACH_SUM(TABLES_SPREAD_MAX) sums.of[u] = _mm512_setzero_ps();
    return sums;
}

ROW_INLINE __m512 spread_line(__m512 line, const uint8_t *spread)
{
    __m512i lanes = _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)spread));
    return _mm512_maskz_permutexvar_ps(_mm512_movepi32_mask(lanes), lanes, line);
}

ROW_INLINE void add_line(row_sums *sums, size_t n, const float *line, const uint8_t *spread)
{
    __m512 eight = _mm512_castps256_ps512(_mm256_loadu_ps(line));
    EACH_SUM(n) sums->of[u] = _mm512_add_ps(sums->of[u], spread_line(eight, spread + 16 * u));
}

ROW_INLINE void put_sums(const row_sums *sums, float *ret_sums)
{
    EACH_SUM(TABLES_SPREAD_MAX) _mm512_storeu_ps(ret_sums + 16 * u, sums->of[u]);
}

#include "tables_row_kernel.h"
