/* The byte kernel in AVX2: 32 rows a register. */
#include <immintrin.h>

#include "bytes.h"

#define VECTOR __m256i
enum { WIDTH = 32, SIDES = 2 };
#define KERNEL predict_bytes_avx2
#define KERNEL_NAME "avx2"
#define VECTOR_INLINE static inline __attribute__((always_inline))

VECTOR_INLINE VECTOR vector_load(const void *at)
{
    return _mm256_loadu_si256(at);
}

VECTOR_INLINE void vector_store(void *at, VECTOR x)
{
    _mm256_storeu_si256(at, x);
}

VECTOR_INLINE VECTOR vector_spread(const uint8_t *at)
{
    return _mm256_set1_epi8((char)*at);
}

VECTOR_INLINE VECTOR vector_decide(VECTOR code, VECTOR rank)
{
    return _mm256_cmpgt_epi8(rank, code);
}

VECTOR_INLINE VECTOR vector_choose(VECTOR decision, VECTOR left, VECTOR right)
{
    return _mm256_blendv_epi8(right, left, decision);
}

VECTOR_INLINE VECTOR vector_fold(VECTOR decision, VECTOR left, VECTOR right)
{
    return vector_choose(decision, left, right);
}

VECTOR_INLINE VECTOR vector_pick(VECTOR code, VECTOR rank, VECTOR left, VECTOR right)
{
    return vector_choose(vector_decide(code, rank), left, right);
}

VECTOR_INLINE VECTOR vector_mark(VECTOR number, VECTOR code, VECTOR rank, VECTOR bit)
{
    return vector_pick(code, rank, number, _mm256_or_si256(number, bit));
}

VECTOR_INLINE VECTOR vector_pick_other(VECTOR code, VECTOR rank, VECTOR flip, VECTOR found,
                                       VECTOR other)
{
    VECTOR takes = _mm256_xor_si256(vector_decide(code, rank), flip);
    return vector_choose(takes, other, found);
}

/* A shuffle looks up 16 bytes and gives 0 where bit 7 of the place is set: the additions set it
 * for places of the other half. */
VECTOR_INLINE VECTOR vector_in_set(const uint8_t *set, VECTOR place, VECTOR bit)
{
    const __m128i *half = (const __m128i *)(const void *)set;
    VECTOR low = _mm256_broadcastsi128_si256(_mm_loadu_si128(half));
    VECTOR high = _mm256_broadcastsi128_si256(_mm_loadu_si128(half + 1));
    VECTOR in_low = _mm256_shuffle_epi8(low, _mm256_adds_epu8(place, _mm256_set1_epi8(112)));
    VECTOR in_high = _mm256_shuffle_epi8(high, _mm256_sub_epi8(place, _mm256_set1_epi8(16)));
    VECTOR found = _mm256_and_si256(_mm256_or_si256(in_low, in_high), bit);
    return _mm256_cmpeq_epi8(found, bit);
}

VECTOR_INLINE VECTOR vector_first(VECTOR decision)
{
    return _mm256_and_si256(_mm256_set1_epi8((char)0x80), decision);
}

/* The average with 255 or 0, rounded up: as bit 0 of the index is 0, nothing carries. */
VECTOR_INLINE VECTOR vector_append(VECTOR index, VECTOR decision)
{
    return _mm256_avg_epu8(index, decision);
}

VECTOR_INLINE VECTOR vector_shift(VECTOR index, unsigned n)
{
    return _mm256_srli_epi16(index, (int)n);
}

VECTOR_INLINE VECTOR vector_invert(VECTOR index, uint8_t mask)
{
    return _mm256_andnot_si256(index, _mm256_set1_epi8((char)mask));
}

VECTOR_INLINE VECTOR vector_or(VECTOR a, VECTOR b)
{
    return _mm256_or_si256(a, b);
}

/* 64 bytes at `plane`, looked up by bits 0-3 within a quarter, bit 4 and 5 choosing the quarter.
 * A shuffle takes bit 7 for "give 0": it is clear in an index below 64. */
VECTOR_INLINE VECTOR look_up(const uint8_t *plane, VECTOR index, VECTOR bit4, VECTOR bit5)
{
    const __m128i *quarter = (const __m128i *)(const void *)plane;
    VECTOR found[4];
    for (int i = 0; i < 4; i++)
        found[i] =
            _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_load_si128(quarter + i)), index);
    return vector_choose(bit5, vector_choose(bit4, found[3], found[2]),
                         vector_choose(bit4, found[1], found[0]));
}

VECTOR_INLINE void add_eight(float *sums, VECTOR leaves)
{
    _mm256_storeu_ps(sums, _mm256_add_ps(_mm256_loadu_ps(sums), _mm256_castsi256_ps(leaves)));
}

/* Unpacking works within halves of a register: rows are first put where they come out in order,
 * 0-3 8-11 16-19 24-27 into the lower half. */
VECTOR_INLINE void add_planes(const uint8_t *planes, size_t bytes, VECTOR index, float *sums)
{
    (void)bytes; /* always 64 */
    index = _mm256_permutevar8x32_epi32(index, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
    VECTOR bit4 = _mm256_slli_epi16(index, 3), bit5 = _mm256_slli_epi16(index, 2);
    VECTOR p0 = look_up(planes, index, bit4, bit5), p1 = look_up(planes + 64, index, bit4, bit5);
    VECTOR p2 = look_up(planes + 128, index, bit4, bit5);
    VECTOR p3 = look_up(planes + 192, index, bit4, bit5);
    VECTOR low01 = _mm256_unpacklo_epi8(p0, p1), high01 = _mm256_unpackhi_epi8(p0, p1);
    VECTOR low23 = _mm256_unpacklo_epi8(p2, p3), high23 = _mm256_unpackhi_epi8(p2, p3);
    add_eight(sums, _mm256_unpacklo_epi16(low01, low23));
    add_eight(sums + 8, _mm256_unpackhi_epi16(low01, low23));
    add_eight(sums + 16, _mm256_unpacklo_epi16(high01, high23));
    add_eight(sums + 24, _mm256_unpackhi_epi16(high01, high23));
}

/* Eight or four values are brought together by hand: a gather takes longer here. */
VECTOR_INLINE void add_values32(const float *values, const uint8_t *index, float *sums)
{
    for (unsigned r = 0; r < WIDTH; r += 8) {
        const uint8_t *i = index + r;
        __m256 leaves = _mm256_setr_ps(values[i[0]], values[i[1]], values[i[2]], values[i[3]],
                                       values[i[4]], values[i[5]], values[i[6]], values[i[7]]);
        _mm256_storeu_ps(sums + r, _mm256_add_ps(_mm256_loadu_ps(sums + r), leaves));
    }
}

VECTOR_INLINE void add_values64(const double *values, const uint8_t *index, double *sums)
{
    for (unsigned r = 0; r < WIDTH; r += 4) {
        const uint8_t *i = index + r;
        __m256d leaves = _mm256_setr_pd(values[i[0]], values[i[1]], values[i[2]], values[i[3]]);
        _mm256_storeu_pd(sums + r, _mm256_add_pd(_mm256_loadu_pd(sums + r), leaves));
    }
}

VECTOR_INLINE VECTOR passes(__m256 x, __m256 cut)
{
    return _mm256_castps_si256(_mm256_cmp_ps(x, cut, _CMP_GE_OQ));
}

VECTOR_INLINE VECTOR next_place(VECTOR place, VECTOR passed)
{
    return _mm256_sub_epi32(_mm256_add_epi32(place, place), passed);
}

VECTOR_INLINE __m256 cut_of_16(const float *level, VECTOR place)
{
    __m256 low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(level), place);
    __m256 high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(level + 8), place);
    VECTOR bit3 = _mm256_slli_epi32(place, 28);
    return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(bit3));
}

/* Eight values down three to five levels of the tree of cuts: a level of up to eight places is a
 * register. */
VECTOR_INLINE VECTOR go_down(const float *tree, unsigned levels, __m256 x)
{
    VECTOR passed = passes(x, _mm256_broadcast_ss(tree + 1));
    VECTOR place = _mm256_sub_epi32(_mm256_setzero_si256(), passed);
    passed =
        passes(x, _mm256_blendv_ps(_mm256_broadcast_ss(tree + 2), _mm256_broadcast_ss(tree + 3),
                                   _mm256_castsi256_ps(passed)));
    place = next_place(place, passed);
    __m256 level2 = _mm256_broadcast_ps((const __m128 *)(const void *)(tree + 4));
    place = next_place(place, passes(x, _mm256_permutevar_ps(level2, place)));
    if (levels > 3)
        place = next_place(place,
                           passes(x, _mm256_permutevar8x32_ps(_mm256_loadu_ps(tree + 8), place)));
    if (levels > 4)
        place = next_place(place, passes(x, cut_of_16(tree + 16, place)));
    return place;
}

/* Value i against the run of eight cuts from run[i] on, where each cut that is passed gives -1;
 * packed to a byte a cut, then counted. */
VECTOR_INLINE VECTOR pass_run(const float *cuts, const float *x, const uint32_t *run)
{
    return passes(_mm256_broadcast_ss(x), _mm256_loadu_ps(cuts + *run));
}

VECTOR_INLINE VECTOR pass_four(const float *cuts, const float *x, const uint32_t *run)
{
    return _mm256_packs_epi16(
        _mm256_packs_epi32(pass_run(cuts, x, run), pass_run(cuts, x + 1, run + 1)),
        _mm256_packs_epi32(pass_run(cuts, x + 2, run + 2), pass_run(cuts, x + 3, run + 3)));
}

VECTOR_INLINE VECTOR count_runs(const float *cuts, const float *x, const uint32_t *run)
{
    VECTOR a = pass_four(cuts, x, run), b = pass_four(cuts, x + 4, run + 4);
    /* The lower half of each has four cuts a value, the upper half the other four. */
    VECTOR four = _mm256_add_epi8(_mm256_permute2x128_si256(a, b, 0x20),
                                  _mm256_permute2x128_si256(a, b, 0x31));
    VECTOR two = _mm256_maddubs_epi16(_mm256_set1_epi8(1), four);
    return _mm256_add_epi32(vector_load(run), _mm256_madd_epi16(two, _mm256_set1_epi16(-1)));
}

/* Counts of up to 255 as bytes: of 32 values, or of the 16 that are left. What is written in halves
 * is read late. */
VECTOR_INLINE void put_counts(const VECTOR *counts, uint8_t *ret)
{
    VECTOR bytes = _mm256_packus_epi16(_mm256_packs_epi32(counts[0], counts[1]),
                                       _mm256_packs_epi32(counts[2], counts[3]));
    VECTOR order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    vector_store(ret, _mm256_permutevar8x32_epi32(bytes, order));
}

VECTOR_INLINE void put_half(const VECTOR *counts, uint8_t *ret)
{
    VECTOR words = _mm256_permute4x64_epi64(_mm256_packs_epi32(counts[0], counts[1]), 0xd8);
    __m128i bytes =
        _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128((__m128i *)(void *)ret, bytes);
}

VECTOR_INLINE VECTOR search_few(const float *cuts, uint32_t n_cuts, const float *x)
{
    VECTOR found = _mm256_setzero_si256();
    for (uint32_t i = 0; i < n_cuts; i++)
        found = _mm256_sub_epi32(found, passes(_mm256_loadu_ps(x), _mm256_broadcast_ss(cuts + i)));
    return found;
}

#define SEARCH_ALL(search_eight)                     \
    do {                                             \
        VECTOR counts[4];                            \
        size_t r = 0;                                \
        for (; r + 32 <= n; r += 32) {               \
            for (size_t i = 0; i < 4; i++)           \
                counts[i] = search_eight(8 * i + r); \
            put_counts(counts, ret + r);             \
        }                                            \
        for (; r < n; r += 16) {                     \
            for (size_t i = 0; i < 2; i++)           \
                counts[i] = search_eight(8 * i + r); \
            put_half(counts, ret + r);               \
        }                                            \
    } while (0)

/* 2^log_width cuts are a run, which begins where the levels have led. More than that are compared:
 * those behind are not passed either. First all runs are found, then all are counted: a value's way
 * is long, and many go side by side so. */
VECTOR_INLINE void search_runs(const float *table, int log_width, const float *x, size_t n,
                               uint8_t *ret)
{
    uint32_t run[BYTES_PART];
    for (size_t r = 0; r < n; r += 8) {
        VECTOR place = go_down(table + BYTES_TREE, 5, _mm256_loadu_ps(x + r));
        vector_store(run + r, _mm256_slli_epi32(place, log_width));
    }
#define EIGHT(r) count_runs(table + BYTES_PIVOTS, x + (r), run + (r))
    SEARCH_ALL(EIGHT);
#undef EIGHT
}

/* A few cuts are counted one by one. Else levels of the tree are eight values at a time, and a run
 * that is left is eight of its cuts for one value. */
#define SEARCH32
VECTOR_INLINE void search32(const float *table, uint32_t n_cuts, const float *x, size_t n,
                            uint8_t *ret)
{
#define FEW(r) search_few(table + BYTES_PIVOTS, n_cuts, x + (r))
#define LEVELS_3(r) go_down(table + BYTES_TREE, 3, _mm256_loadu_ps(x + (r)))
#define LEVELS_4(r) go_down(table + BYTES_TREE, 4, _mm256_loadu_ps(x + (r)))
#define LEVELS_5(r) go_down(table + BYTES_TREE, 5, _mm256_loadu_ps(x + (r)))
    unsigned levels = bytes_tree_levels(n_cuts);
    if (n_cuts <= 3)
        SEARCH_ALL(FEW);
    else if (levels == 3)
        SEARCH_ALL(LEVELS_3);
    else if (levels == 4)
        SEARCH_ALL(LEVELS_4);
    else if (levels == 5)
        SEARCH_ALL(LEVELS_5);
    else
        search_runs(table, (int)levels - 5, x, n, ret);
}

/* Each comparison gives -1 a cut passed; packed to 16 bits a cut and then two bits of the mask. */
VECTOR_INLINE unsigned count64(const double *table, double x)
{
    __m256d all = _mm256_set1_pd(x);
    VECTOR passed[4];
    for (int i = 0; i < 4; i++)
        passed[i] =
            _mm256_castpd_si256(_mm256_cmp_pd(all, _mm256_loadu_pd(table + 4 * i), _CMP_GE_OQ));
    VECTOR low = _mm256_packs_epi32(passed[0], passed[1]);
    VECTOR high = _mm256_packs_epi32(passed[2], passed[3]);
    VECTOR both = _mm256_packs_epi16(low, high);
    return (unsigned)__builtin_popcount((unsigned)_mm256_movemask_epi8(both)) / 2;
}

#include "bytes_turn.h"

static bool usable(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
}

#include "bytes_kernel.h"
