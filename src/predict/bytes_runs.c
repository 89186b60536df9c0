/* Leaves of oblivious trees, added for eight rows at a time.
 *
 * Plain C, and compiled so that it stays scalar: eight sums in eight registers, each addition reads
 * its leaf from memory. The compiler would rather bring leaves together in registers of four, and
 * keep these in memory: that took twice as long. So did gathers. */
#include "bytes_oblivious.h"

#include "base/banned.h"

#define INLINE static inline __attribute__((always_inline))

enum { PACK = 8 };

/* Eight numbers of one byte: cut from one word, since loads are what there is too little of. */
INLINE uint64_t load_numbers(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The compiler would rather shift the first word by 16, 24, 32, ...: a copy and a shift a number.
 * x86 reads two numbers of a word without a shift, so that half a shift a number is enough. This
 * was 1.2 times as fast. */
INLINE uint64_t without_two(uint64_t word)
{
    word >>= 16;
    __asm__("" : "+r"(word));
    return word;
}

/* Number 0 or 1 of a word. */
INLINE size_t number_of(uint64_t low, uint64_t high, unsigned i)
{
    return (uint8_t)(low >> 8 * i) | (size_t)(uint8_t)(high >> 8 * i) << 8;
}

#define ADD_TWO(a, b)                     \
    (a) += leaf[number_of(low, high, 0)]; \
    (b) += leaf[number_of(low, high, 1)]; \
    low = without_two(low);               \
    high = deep ? without_two(high) : 0

/* `deep`: numbers have a high byte, of the line behind. */
#define ADD_RUN(name, REAL)                                                                        \
    INLINE void name(const REAL *const *leaves, size_t n_trees, bool deep, const uint8_t *numbers, \
                     size_t n_rows, REAL *sums)                                                    \
    {                                                                                              \
        for (size_t r = 0; r < n_rows; r += PACK) {                                                \
            REAL *s = sums + r;                                                                    \
            REAL s0 = s[0], s1 = s[1], s2 = s[2], s3 = s[3];                                       \
            REAL s4 = s[4], s5 = s[5], s6 = s[6], s7 = s[7];                                       \
            const uint8_t *line = numbers + r;                                                     \
            for (size_t t = 0; t < n_trees; t++, line += 2 * (size_t)BYTES_ROWS) {                 \
                const REAL *leaf = leaves[t];                                                      \
                uint64_t low = load_numbers(line);                                                 \
                uint64_t high = deep ? load_numbers(line + BYTES_ROWS) : 0;                        \
                ADD_TWO(s0, s1);                                                                   \
                ADD_TWO(s2, s3);                                                                   \
                ADD_TWO(s4, s5);                                                                   \
                ADD_TWO(s6, s7);                                                                   \
            }                                                                                      \
            s[0] = s0, s[1] = s1, s[2] = s2, s[3] = s3;                                            \
            s[4] = s4, s[5] = s5, s[6] = s6, s[7] = s7;                                            \
        }                                                                                          \
    }

ADD_RUN(add_float32, float)
ADD_RUN(add_float64, double)

void bytes_add_run(const bytes_layout *layout, const bytes_tree *trees, size_t output,
                   size_t margin, const uint8_t *numbers, size_t n_rows, void *sums)
{
    const void *leaves[BYTES_TOGETHER_MAX];
    size_t n = trees->n_together;
    bool deep = trees->depth > 8;
    for (size_t t = 0; t < n; t++)
        leaves[t] = bytes_leaves(layout, &trees[t], output);
    if (layout->sum_float32) {
        float *to = (float *)sums + margin * BYTES_ROWS;
        const float *const *from = (const float *const *)leaves;
        if (deep)
            add_float32(from, n, true, numbers, n_rows, to);
        else
            add_float32(from, n, false, numbers, n_rows, to);
    } else {
        double *to = (double *)sums + margin * BYTES_ROWS;
        const double *const *from = (const double *const *)leaves;
        if (deep)
            add_float64(from, n, true, numbers, n_rows, to);
        else
            add_float64(from, n, false, numbers, n_rows, to);
    }
}
