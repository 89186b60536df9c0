/* The part of the byte kernel that evaluates oblivious trees: see bytes_oblivious.h. Included by
 * bytes_kernel.h, with its legend and its vector operations. */
#include "bytes_oblivious.h"

/* Of so many registers of rows together: what a level needs is loaded once for all. */
enum { LEVEL_SIDES = 4 };

/* Numbers of a tree's leaves within the levels [begin, end), the first of them in the highest bit,
 * of `n` registers of rows; how many levels there are, and `n`, are constants. */
INLINE void find_sides(const bytes_levels *levels, unsigned begin, unsigned count,
                       const uint8_t *columns, unsigned n, uint8_t *ret_numbers)
{
    static const uint8_t bits[] = {1, 2, 4, 8, 16, 32, 64, 128}, nothing = 0;
    VECTOR number[LEVEL_SIDES];
    for (unsigned k = 0; k < n; k++)
        number[k] = vector_spread(&nothing);
    UNROLLED
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *column = columns + levels->column[begin + i];
        VECTOR rank = vector_spread(&levels->rank[begin + i]);
        VECTOR bit = vector_spread(&bits[count - 1 - i]);
        for (unsigned k = 0; k < n; k++)
            number[k] = vector_mark(number[k], vector_load(column + (size_t)k * WIDTH), rank, bit);
    }
    for (unsigned k = 0; k < n; k++)
        vector_store(ret_numbers + (size_t)k * WIDTH, number[k]);
}

INLINE void find_levels(const bytes_levels *levels, unsigned begin, unsigned count,
                        const uint8_t *columns, size_t n_rows, uint8_t *ret_numbers)
{
    size_t row = 0;
    for (; row + LEVEL_SIDES * WIDTH / 2 < n_rows; row += LEVEL_SIDES * WIDTH)
        find_sides(levels, begin, count, columns + row, LEVEL_SIDES, ret_numbers + row);
    for (; row < n_rows; row += WIDTH)
        find_sides(levels, begin, count, columns + row, 1, ret_numbers + row);
}

static void find_some_levels(const bytes_levels *levels, unsigned begin, unsigned count,
                             const uint8_t *columns, size_t n_rows, uint8_t *ret_numbers)
{
    switch (count) {
#define COUNT(n)                                                     \
    case n:                                                          \
        find_levels(levels, begin, n, columns, n_rows, ret_numbers); \
        break
        COUNT(1);
        COUNT(2);
        COUNT(3);
        COUNT(4);
        COUNT(5);
        COUNT(6);
        COUNT(7);
        COUNT(8);
#undef COUNT
    default:
        assert(false); /* a byte holds 8 decisions */
    }
}

/* A tree's numbers: a line of low bytes; beyond depth 8 one of high bytes behind it, else 0s. */
static void find_oblivious(const bytes_layout *layout, const bytes_tree *tree,
                           const uint8_t *columns, size_t n_rows, uint8_t *ret_numbers)
{
    const bytes_levels *levels = (const bytes_levels *)(layout->data + tree->nodes);
    unsigned high = tree->depth > 8 ? tree->depth - 8u : 0;
    find_some_levels(levels, high, tree->depth - high, columns, n_rows, ret_numbers);
    if (high > 0)
        find_some_levels(levels, 0, high, columns, n_rows, ret_numbers + BYTES_ROWS);
}
