/* The part of the byte kernel that evaluates oblivious trees: see bytes_oblivious.h. Included by
 * bytes_kernel.h, with its legend and its vector operations. */
#include "bytes_oblivious.h"

/* Numbers of a tree's leaves within the levels [begin, end), the first of them in the highest bit;
 * how many levels there are is a constant. */
INLINE void find_levels(const bytes_levels *levels, unsigned begin, unsigned count,
                        const uint8_t *columns, size_t n_rows, uint8_t *ret_numbers)
{
    static const uint8_t bit[] = {1, 2, 4, 8, 16, 32, 64, 128}, nothing = 0;
    const uint8_t *column[8]; /* copies: the compiler cannot know that numbers are no levels */
    VECTOR rank[8];
    for (unsigned i = 0; i < count; i++) {
        column[i] = columns + levels->column[begin + i];
        rank[i] = vector_spread(&levels->rank[begin + i]);
    }
    for (size_t r = 0; r < n_rows; r += WIDTH) {
        VECTOR number = vector_spread(&nothing);
        for (unsigned i = 0; i < count; i++) {
            VECTOR right = vector_or(number, vector_spread(&bit[count - 1 - i]));
            number = vector_pick(vector_load(column[i] + r), rank[i], number, right);
        }
        vector_store(ret_numbers + r, number);
    }
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
