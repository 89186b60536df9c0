/* The byte kernel, written once for every set of vector instructions. The includer defines
 *
 *   VECTOR                     a register of WIDTH bytes; WIDTH is 16, 32 or 64
 *   vector_load, vector_store  any alignment
 *   vector_spread(p)           the byte at p, repeated
 *   SIDES                      how many registers of rows go through a perfect tree together
 *   vector_decide(code, rank)  bit 7 of each byte: goes left, code < rank, both signed (the other
 *                              bits: any)
 *   vector_fold(d, left, right)  bit 7 of one or the other, by bit 7 of d (the other bits: any)
 *   vector_choose(d, left, right)  by bit 7 of d, whole bytes
 *   vector_pick(code, rank, left, right)  left where code < rank, whole bytes
 *   vector_in_set(set, place, bit)  255 where bit of byte `place` of 32 is set, else 0
 *   vector_first(d)            bit 7 of d, the other bits 0
 *   vector_append(index, d)    index >> 1 within each byte, its bit 7 from d; bit 0 of index is 0
 *   vector_shift(index, n)     index >> n in each byte; what comes in from above may be any
 *   vector_invert(index, m)    ~index & m: decisions say left, a leaf's index right
 *   vector_or(a, b)
 *   add_planes(planes, index, sums)  sums[r] += the float whose bytes stand at index[r] & 63 of
 *                              four planes of 64 bytes; WIDTH floats in order of rows
 *   add_values32, add_values64(values, index, sums)  sums[r] += values[index[r]], WIDTH of them;
 *                              index is in memory
 *   count32(table, x), count64(table, x)  how many of 16 cuts are <= x
 *   KERNEL_NAME, KERNEL        the name of the predict_kernel and of its variable
 *
 * Legend: columns = the block's codes, part = 64 rows of it, r = a row.
 */
#include <assert.h>

#include "bytes.h"

#ifndef INLINE
#define INLINE static inline __attribute__((always_inline))
#endif

#include "bytes_codes_kernel.h"

/* ---- perfect trees --------------------------------------------------------------------------- */

/* Several registers of rows go through a tree side by side: what a node needs is loaded once. */
typedef struct sides {
    VECTOR of[SIDES];
} sides;

INLINE sides decide(const bytes_nodes *nodes, size_t node, const uint8_t *columns, unsigned n)
{
    const uint8_t *column = columns + nodes->column[node];
    VECTOR rank = vector_spread(&nodes->rank[node]);
    sides found;
    for (unsigned i = 0; i < n; i++)
        found.of[i] = vector_decide(vector_load(column + i * WIDTH), rank);
    return found;
}

INLINE sides fold(sides decision, sides left, sides right, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        left.of[i] = vector_fold(decision.of[i], left.of[i], right.of[i]);
    return left;
}

INLINE sides choose(sides decision, sides left, sides right, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        left.of[i] = vector_choose(decision.of[i], left.of[i], right.of[i]);
    return left;
}

/* fold_k(p): what bits 0 .. k - 1 of the path choose among 2^k nodes of a level, from p * 2^k on.
 *
 *     nodes of level 2     0   1   2   3
 *                           \ /     \ /      by bit 0
 *                            \       /
 *                             \     /        by bit 1
 *                            decision 2
 */
#define FOLD(k, below)                                                                \
    INLINE sides fold_##k(const bytes_nodes *nodes, size_t begin, size_t p,           \
                          const uint8_t *columns, const sides *bits, unsigned n)      \
    {                                                                                 \
        return fold(bits[k - 1], fold_##below(nodes, begin, 2 * p, columns, bits, n), \
                    fold_##below(nodes, begin, 2 * p + 1, columns, bits, n), n);      \
    }

INLINE sides fold_0(const bytes_nodes *nodes, size_t begin, size_t p, const uint8_t *columns,
                    const sides *bits, unsigned n)
{
    (void)bits;
    return decide(nodes, begin + p, columns, n);
}
FOLD(1, 0)
FOLD(2, 1)
FOLD(3, 2)
FOLD(4, 3)
FOLD(5, 4)

/* The leaf's index in the low bits; `depth` and `n` are constants. */
INLINE sides find_perfect(const bytes_nodes *nodes, unsigned depth, const uint8_t *columns,
                          unsigned n)
{
    sides bits[BYTES_SUBTREE_DEPTH], index;
    bits[0] = fold_0(nodes, 0, 0, columns, bits, n);
    for (unsigned i = 0; i < n; i++)
        index.of[i] = vector_first(bits[0].of[i]);
#define LEVEL(k)                                                       \
    if (depth > k) {                                                   \
        bits[k] = fold_##k(nodes, (1u << k) - 1, 0, columns, bits, n); \
        for (unsigned i = 0; i < n; i++)                               \
            index.of[i] = vector_append(index.of[i], bits[k].of[i]);   \
    }
    LEVEL(1)
    LEVEL(2)
    LEVEL(3)
    LEVEL(4)
    LEVEL(5)
#undef LEVEL
    for (unsigned i = 0; i < n; i++)
        index.of[i] =
            vector_invert(vector_shift(index.of[i], 8 - depth), (uint8_t)((1u << depth) - 1));
    return index;
}

/* Depth 7 and 8: subtrees of depth 6 and the nodes that choose between them. */
INLINE sides find_deep(const bytes_nodes *nodes, unsigned top, const uint8_t *columns, unsigned n)
{
    const bytes_nodes *chooser = nodes + ((size_t)1 << top);
    sides index[4];
    for (unsigned i = 0; i < 1u << top; i++) {
        static const uint8_t numbers[] = {0, 0x40, 0x80, 0xc0};
        index[i] = find_perfect(nodes + i, BYTES_SUBTREE_DEPTH, columns, n);
        for (unsigned side = 0; side < n; side++)
            index[i].of[side] = vector_or(index[i].of[side], vector_spread(&numbers[i]));
    }
    sides first = decide(chooser, 0, columns, n);
    if (top == 1)
        return choose(first, index[0], index[1], n);
    sides second = choose(first, decide(chooser, 1, columns, n), decide(chooser, 2, columns, n), n);
    return choose(second, choose(first, index[0], index[1], n),
                  choose(first, index[2], index[3], n), n);
}

/* ---- leaves ---------------------------------------------------------------------------------- */

/* Sums of a block: (n_margins, BYTES_ROWS) float or double. Numbers of leaves are in a register and
 * in memory, from where they are read one by one. */
INLINE void add_output(const bytes_layout *layout, const bytes_tree *tree, const char *leaves,
                       size_t at, const uint8_t *numbers, VECTOR index, void *sums)
{
    if (bytes_has_planes(layout, tree))
        add_planes((const uint8_t *)leaves, index, (float *)sums + at);
    else if (layout->sum_float32)
        add_values32((const float *)leaves, numbers, (float *)sums + at);
    else
        add_values64((const double *)leaves, numbers, (double *)sums + at);
}

static void add_vectors(const bytes_layout *layout, const bytes_tree *tree, size_t row,
                        const uint8_t *numbers, void *sums)
{
    const char *leaves = layout->data + tree->leaves;
    for (size_t m = 0; m < layout->n_margins; m++)
        add_output(layout, tree, leaves + m * bytes_leaf_bytes(layout, tree), m * BYTES_ROWS + row,
                   numbers, vector_load(numbers), sums);
}

INLINE void add_leaves(const bytes_layout *layout, const bytes_tree *tree, size_t row,
                       const uint8_t *numbers, VECTOR index, void *sums)
{
    if (tree->output == MW_ALL_OUTPUTS)
        add_vectors(layout, tree, row, numbers, sums);
    else
        add_output(layout, tree, layout->data + tree->leaves, tree->output * BYTES_ROWS + row,
                   numbers, index, sums);
}

/* ---- trees ----------------------------------------------------------------------------------- */

/* Rows of `n` registers from `row` on. Without the barrier gcc takes single bytes from registers
 * instead of memory, at twice the price. */
#define PERFECT_ROWS(find, number, n)                                                          \
    do {                                                                                       \
        uint8_t numbers[SIDES * WIDTH];                                                        \
        sides index = find(nodes, number, columns + row, n);                                   \
        for (unsigned i = 0; i < n; i++)                                                       \
            vector_store(numbers + i * WIDTH, index.of[i]);                                    \
        __asm__ volatile("" : : "r"(numbers) : "memory");                                      \
        for (unsigned i = 0; i < n; i++)                                                       \
            add_leaves(layout, tree, row + i * WIDTH, numbers + i * WIDTH, index.of[i], sums); \
    } while (0)

#define PERFECT(name, find, number)                                                              \
    static void name(const bytes_layout *layout, const bytes_tree *tree, const uint8_t *columns, \
                     size_t n_rows, void *sums)                                                  \
    {                                                                                            \
        const bytes_nodes *nodes = (const bytes_nodes *)(layout->data + tree->nodes);            \
        size_t row = 0;                                                                          \
        for (; row + SIDES * WIDTH / 2 < n_rows; row += SIDES * WIDTH)                           \
            PERFECT_ROWS(find, number, SIDES);                                                   \
        for (; row < n_rows; row += WIDTH)                                                       \
            PERFECT_ROWS(find, number, 1);                                                       \
    }
PERFECT(sum_depth_1, find_perfect, 1)
PERFECT(sum_depth_2, find_perfect, 2)
PERFECT(sum_depth_3, find_perfect, 3)
PERFECT(sum_depth_4, find_perfect, 4)
PERFECT(sum_depth_5, find_perfect, 5)
PERFECT(sum_depth_6, find_perfect, 6)
PERFECT(sum_depth_7, find_deep, 1)
PERFECT(sum_depth_8, find_deep, 2)

INLINE void find_pair(const bytes_pair *pair, const uint8_t *columns, size_t n_rows, uint8_t *line)
{
    const uint8_t *column = columns + pair->column;
    VECTOR rank = vector_spread(&pair->rank);
    VECTOR left = vector_spread(&pair->left), right = vector_spread(&pair->right);
    for (size_t r = 0; r < n_rows; r += WIDTH)
        vector_store(line + r, vector_pick(vector_load(column + r), rank, left, right));
}

/* Four registers at a time, with addresses that are sums of few: instructions are what bounds it.
 * A leaf's number has a step of 0: to branch on what a child is would be mispredicted at every
 * other node. */
INLINE void find_join(const bytes_join *join, const uint8_t *columns, size_t n_rows,
                      uint8_t *memory)
{
    const uint8_t *column = columns + join->column;
    const uint8_t *left = memory + join->left, *right = memory + join->right;
    uint8_t *line = memory + join->result;
    VECTOR rank = vector_spread(&join->rank);
    size_t left_step = join->left_moves * WIDTH, right_step = join->right_moves * WIDTH;
    size_t left_steps = 3 * left_step, right_steps = 3 * right_step;
#define PICK(at, left, right)                                                                  \
    vector_store(line + (at), vector_pick(vector_load(column + (at)), rank, vector_load(left), \
                                          vector_load(right)))
    if (n_rows <= 2 * WIDTH) {
        PICK(0, left, right);
        if (n_rows > WIDTH)
            PICK(WIDTH, left + left_step, right + right_step);
        return;
    }
    for (size_t r = 0; r < n_rows; r += 4 * WIDTH) {
        PICK(r, left, right);
        PICK(r + WIDTH, left + left_step, right + right_step);
        PICK(r + 2 * WIDTH, left + 2 * left_step, right + 2 * right_step);
        PICK(r + 3 * WIDTH, left + left_steps, right + right_steps);
        left += 4 * left_step;
        right += 4 * right_step;
    }
#undef PICK
}

/* All nodes of a general tree; the root's line holds the indexes. */
INLINE const uint8_t *find_general(const bytes_layout *layout, const bytes_tree *tree,
                                   const uint8_t *columns, size_t n_rows, uint8_t *memory)
{
    const bytes_pair *pairs = (const bytes_pair *)(layout->data + tree->nodes);
    const bytes_join *joins = (const bytes_join *)(pairs + tree->n_pairs);
    uint8_t *line = memory + bytes_constants_bytes(layout);
    for (size_t i = 0; i < tree->n_pairs; i++)
        find_pair(&pairs[i], columns, n_rows, line + i * BYTES_ROWS);
    for (size_t i = 0; i < tree->n_joins; i++)
        find_join(&joins[i], columns, n_rows, memory);
    return tree->n_joins > 0 ? memory + joins[tree->n_joins - 1].result : line;
}

/* A whole block has loops of known length, which are unrolled. */
static void sum_general(const bytes_layout *layout, const bytes_tree *tree, const uint8_t *columns,
                        size_t n_rows, uint8_t *lines, void *sums)
{
    const uint8_t *index = n_rows == BYTES_ROWS
                               ? find_general(layout, tree, columns, BYTES_ROWS, lines)
                               : find_general(layout, tree, columns, n_rows, lines);
    for (size_t row = 0; row < n_rows; row += WIDTH)
        add_leaves(layout, tree, row, index + row, vector_load(index + row), sums);
}

/* A tree's sets, into columns behind those of the rows: -1 goes left, 0 right. */
static void ask_sets(const bytes_layout *layout, const bytes_tree *tree, uint8_t *columns,
                     size_t n_rows)
{
    const bytes_set *sets = (const bytes_set *)(layout->data + tree->sets);
    uint8_t *answer = columns + (layout->n_columns + 1) * BYTES_ROWS;
    for (size_t i = 0; i < tree->n_sets; i++, answer += BYTES_ROWS) {
        const uint8_t *place = columns + sets[i].column, *bit = place + BYTES_ROWS;
        for (size_t r = 0; r < n_rows; r += WIDTH)
            vector_store(answer + r,
                         vector_in_set(sets[i].left, vector_load(place + r), vector_load(bit + r)));
    }
}

#include "bytes_oblivious_kernel.h"

static void sum_tree(const bytes_layout *layout, const bytes_tree *tree, uint8_t *columns,
                     size_t n_rows, uint8_t *lines, void *sums)
{
    typedef void sum_perfect(const bytes_layout *, const bytes_tree *, const uint8_t *, size_t,
                             void *);
    static sum_perfect *const by_depth[] = {sum_depth_1, sum_depth_2, sum_depth_3, sum_depth_4,
                                            sum_depth_5, sum_depth_6, sum_depth_7, sum_depth_8};
    ask_sets(layout, tree, columns, n_rows);
    if (tree->perfect)
        by_depth[tree->depth - 1](layout, tree, columns, n_rows, sums);
    else
        sum_general(layout, tree, columns, n_rows, lines, sums);
}

/* ---- a block --------------------------------------------------------------------------------- */

static void begin_sums(const mw_forest *forest, size_t n_rows, void *sums)
{
    size_t n = (n_rows + BYTES_PART - 1) / BYTES_PART * BYTES_PART; /* whole registers */
    for (size_t m = 0; m < forest->n_margins; m++) {
        float *narrow = (float *)sums + m * BYTES_ROWS;
        double *wide = (double *)sums + m * BYTES_ROWS;
        for (size_t r = 0; forest->sum_float32 && r < n; r++)
            narrow[r] = (float)forest->base_margin[m];
        for (size_t r = 0; !forest->sum_float32 && r < n; r++)
            wide[r] = forest->base_margin[m];
    }
}

static void end_sums(const mw_forest *forest, const predict_block *block, const void *sums)
{
    size_t n = forest->n_margins;
    for (size_t m = 0; m < n; m++) {
        const float *narrow = (const float *)sums + m * BYTES_ROWS;
        const double *wide = (const double *)sums + m * BYTES_ROWS;
        for (size_t r = 0; forest->sum_float32 && r < block->n_rows; r++)
            ((float *)block->sums)[r * n + m] = narrow[r];
        for (size_t r = 0; !forest->sum_float32 && r < block->n_rows; r++)
            ((double *)block->sums)[r * n + m] = wide[r];
    }
}

static void sum_block(const mw_forest *forest, const void *untyped, const predict_block *block)
{
    const bytes_layout *layout = untyped;
    uint8_t *columns = block->memory;
    uint8_t *lines = columns + (layout->n_columns + 1 + layout->n_sets) * BYTES_ROWS;
    uint8_t *numbers = lines + bytes_lines_bytes(layout);
    void *sums = numbers + layout->n_numbers * BYTES_ROWS;
    assert(block->n_rows <= BYTES_ROWS);
    for (size_t k = 0; k < layout->n_constants; k++)
        memset(lines + k * BYTES_CONSTANT, (int)k, BYTES_CONSTANT);
    load_columns(forest, layout, block, columns);
    begin_sums(forest, block->n_rows, sums);
    const bytes_tree *end = layout->trees + layout->n_trees;
    for (const bytes_tree *tree = layout->trees; tree < end;) {
        if (tree->oblivious) {
            sum_run(layout, tree, columns, block->n_rows, numbers, sums);
            tree += tree->n_together;
        } else {
            sum_tree(layout, tree++, columns, block->n_rows, lines, sums);
        }
    }
    end_sums(forest, block, sums);
}

const predict_kernel KERNEL = {
    .name = KERNEL_NAME,
    .block_rows = BYTES_ROWS,
    .usable = usable,
    .lay_out = bytes_layout_make,
    .free_layout = bytes_layout_free,
    .layout_bytes = bytes_layout_bytes,
    .memory_bytes = bytes_memory_bytes,
    .sum = sum_block,
};
