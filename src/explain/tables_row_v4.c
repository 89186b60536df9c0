/* Few rows with AVX-512: the row's ranks stay in two registers, where there are 64 or fewer.
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
    __m512i low, high;
    const int16_t *ranks; /* of more columns; else NULL */
} row_codes;

typedef struct row_sums {
    __m512 low, high;
} row_sums;

ROW_INLINE __m512i load_codes(const void *from)
{
    return _mm512_loadu_si512(from);
}

ROW_INLINE row_codes read_codes(const explain_work *work)
{
    bool many = work->layout->ranks.n_columns > LAYOUT_ROW_RANKS;
    return (row_codes){load_codes(work->row_ranks), load_codes(work->row_ranks + 32),
                       many ? work->row_ranks : NULL};
}

ROW_INLINE uint32_t find_half(const row_codes *codes, const uint16_t *columns,
                              const int16_t *belows)
{
    __m512i ranks = _mm512_permutex2var_epi16(codes->low, load_codes(columns), codes->high);
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
    return (row_sums){_mm512_setzero_ps(), _mm512_setzero_ps()};
}

ROW_INLINE __m512 spread_line(__m512 line, const uint8_t *spread)
{
    __m512i lanes = _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)spread));
    return _mm512_maskz_permutexvar_ps(_mm512_movepi32_mask(lanes), lanes, line);
}

ROW_INLINE void add_line(row_sums *sums, const float *line, const uint8_t *spread)
{
    __m512 eight = _mm512_castps256_ps512(_mm256_loadu_ps(line));
    sums->low = _mm512_add_ps(sums->low, spread_line(eight, spread));
    sums->high = _mm512_add_ps(sums->high, spread_line(eight, spread + 16));
}

ROW_INLINE void put_sums(const row_sums *sums, float *ret_sums)
{
    _mm512_storeu_ps(ret_sums, sums->low);
    _mm512_storeu_ps(ret_sums + 16, sums->high);
}

#include "tables_row_kernel.h"
