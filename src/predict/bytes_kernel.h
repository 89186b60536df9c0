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
 *   vector_pick_other(code, rank, flip, found, other)  other where code < rank, or, with a flip of
 *                              255, where it is not; else found; whole bytes
 *   vector_mark(number, code, rank, bit)  with `bit`, which it lacks, where code >= rank
 *   vector_in_set(set, place, bit)  255 where bit of byte `place` of 32 is set, else 0
 *   vector_first(d)            bit 7 of d, the other bits 0
 *   vector_append(index, d)    index >> 1 within each byte, its bit 7 from d; bit 0 of index is 0
 *   vector_shift(index, n)     index >> n in each byte; what comes in from above may be any
 *   vector_invert(index, m)    ~index & m: decisions say left, a leaf's index right
 *   vector_or(a, b)
 *   add_planes(planes, bytes, index, sums)  sums[r] += the float whose bytes stand at index[r] of
 *                              four planes of so many bytes, a constant: 64, with WIDE_PLANES also
 *                              128 and 256; WIDTH floats in order of rows
 *   add_values32, add_values64(values, index, sums)  sums[r] += values[index[r]], WIDTH of them;
 *                              index is in memory
 *   WIDE_PLANES                if it has add_wide_planes(run, bytes, numbers, sums): sums[r] += the
 *                              double whose bytes stand at numbers[r] of eight planes of each tree
 *                              of the run, BYTES_PART rows; numbers of the next tree: two lines on
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

enum { RUN_MIN = 3 }; /* trees of which fewer are added one by one */

#define UNROLLED _Pragma("GCC unroll 16")

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

INLINE void add_planes_of(const uint8_t *planes, size_t bytes, VECTOR index, float *sums)
{
#ifdef WIDE_PLANES
    if (bytes == 256)
        add_planes(planes, 256, index, sums);
    else if (bytes == 128)
        add_planes(planes, 128, index, sums);
    else
#endif
        add_planes(planes, 64, index, sums);
    assert(bytes == 64 || WIDTH == 64);
}

/* Sums of a block: (n_margins, BYTES_ROWS) float or double. Numbers of leaves are in a register and
 * in memory, from where they are read one by one. */
INLINE void add_output(const bytes_layout *layout, const bytes_tree *tree, const char *leaves,
                       size_t at, const uint8_t *numbers, VECTOR index, void *sums)
{
    if (bytes_has_planes(layout, tree))
        add_planes_of((const uint8_t *)leaves, bytes_plane_bytes(tree), index, (float *)sums + at);
    else if (layout->sum_float32)
        add_values32((const float *)leaves, numbers, (float *)sums + at);
    else
        add_values64((const double *)leaves, numbers, (double *)sums + at);
}

/* From a line of numbers, of one byte each. */
static void add_tree(const bytes_layout *layout, const bytes_tree *tree, size_t output,
                     size_t margin, const uint8_t *numbers, size_t n_rows, void *sums)
{
    const char *leaves = bytes_leaves(layout, tree, output);
    for (size_t row = 0; row < n_rows; row += WIDTH)
        add_output(layout, tree, leaves, margin * BYTES_ROWS + row, numbers + row,
                   vector_load(numbers + row), sums);
}

/* ---- trees ----------------------------------------------------------------------------------- */

#define PERFECT(name, find, number)                                                              \
    static void name(const bytes_layout *layout, const bytes_tree *tree, const uint8_t *columns, \
                     size_t n_rows, uint8_t *ret_numbers)                                        \
    {                                                                                            \
        const bytes_nodes *nodes = (const bytes_nodes *)(layout->data + tree->nodes);            \
        size_t row = 0;                                                                          \
        for (; row + SIDES * WIDTH / 2 < n_rows; row += SIDES * WIDTH) {                         \
            sides index = find(nodes, number, columns + row, SIDES);                             \
            for (unsigned i = 0; i < SIDES; i++)                                                 \
                vector_store(ret_numbers + row + (size_t)i * WIDTH, index.of[i]);                \
        }                                                                                        \
        for (; row < n_rows; row += WIDTH)                                                       \
            vector_store(ret_numbers + row, find(nodes, number, columns + row, 1).of[0]);        \
    }
PERFECT(find_depth_1, find_perfect, 1)
PERFECT(find_depth_2, find_perfect, 2)
PERFECT(find_depth_3, find_perfect, 3)
PERFECT(find_depth_4, find_perfect, 4)
PERFECT(find_depth_5, find_perfect, 5)
PERFECT(find_depth_6, find_perfect, 6)
PERFECT(find_depth_7, find_deep, 1)
PERFECT(find_depth_8, find_deep, 2)

/* Rows of `n` registers, which stay registers from the path's beginning to its end. `plain`: beside
 * it stand leaves alone, whose numbers come once a step. Else a leaf's number has a stride of 0: to
 * branch on what stands there would be mispredicted at every other node. */
INLINE void find_path(const bytes_path *path, const bytes_step *step, bool plain,
                      const uint8_t *columns, const uint8_t *memory, uint8_t *ret_numbers,
                      unsigned n)
{
    VECTOR found[BYTES_ROWS / WIDTH];
    const uint8_t *column = columns + (size_t)path->column * BYTES_ROWS;
    VECTOR rank = vector_spread(&path->rank);
    VECTOR left = vector_spread(&path->left), right = vector_spread(&path->right);
    UNROLLED
    for (unsigned i = 0; i < n; i++)
        found[i] = vector_pick(vector_load(column + (size_t)i * WIDTH), rank, left, right);
    for (const bytes_step *end = step + path->n_steps; step < end; step++) {
        const uint8_t *other = memory + step->other;
        size_t stride = (size_t)step->moves * WIDTH;
        VECTOR flip = vector_spread(&step->flip), leaf = vector_spread(other);
        column = columns + (size_t)step->column * BYTES_ROWS;
        rank = vector_spread(&step->rank);
        UNROLLED
        for (unsigned i = 0; i < n; i++)
            found[i] = vector_pick_other(vector_load(column + (size_t)i * WIDTH), rank, flip,
                                         found[i], plain ? leaf : vector_load(other + i * stride));
    }
    UNROLLED
    for (unsigned i = 0; i < n; i++)
        vector_store(ret_numbers + (size_t)i * WIDTH, found[i]);
}

/* All nodes of a general tree for `n` registers of rows, a constant. The last path ends at the
 * root. */
INLINE void find_paths(const bytes_layout *layout, const bytes_tree *tree, const uint8_t *columns,
                       uint8_t *memory, uint8_t *ret_numbers, unsigned n)
{
    const bytes_path *path = (const bytes_path *)(layout->data + tree->nodes);
    const bytes_path *last = path + tree->n_paths - 1, *end_plain = path + tree->n_plain;
    const bytes_step *step = (const bytes_step *)(last + 1);
    for (; path < end_plain; step += path++->n_steps)
        find_path(path, step, true, columns, memory,
                  path == last ? ret_numbers : memory + path->result, n);
    for (; path <= last; step += path++->n_steps)
        find_path(path, step, false, columns, memory,
                  path == last ? ret_numbers : memory + path->result, n);
}

static void find_general(const bytes_layout *layout, const bytes_tree *tree, const uint8_t *columns,
                         size_t n_rows, uint8_t *memory, uint8_t *ret_numbers)
{
    size_t n = (n_rows + WIDTH - 1) / WIDTH;
    if (tree->n_paths == 0)
        memset(ret_numbers, 0, BYTES_ROWS);
    else if (n <= 1)
        find_paths(layout, tree, columns, memory, ret_numbers, 1);
    else if (n <= 2)
        find_paths(layout, tree, columns, memory, ret_numbers, 2);
    else if (n <= 4)
        find_paths(layout, tree, columns, memory, ret_numbers, 4);
    else if (n <= BYTES_ROWS / WIDTH / 2)
        find_paths(layout, tree, columns, memory, ret_numbers, BYTES_ROWS / WIDTH / 2);
    else
        find_paths(layout, tree, columns, memory, ret_numbers, BYTES_ROWS / WIDTH);
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

static void find_numbers(const bytes_layout *layout, const bytes_tree *tree, const uint8_t *columns,
                         size_t n_rows, uint8_t *lines, uint8_t *ret_numbers)
{
    typedef void find_perfect_tree(const bytes_layout *, const bytes_tree *, const uint8_t *,
                                   size_t, uint8_t *);
    static find_perfect_tree *const by_depth[] = {find_depth_1, find_depth_2, find_depth_3,
                                                  find_depth_4, find_depth_5, find_depth_6,
                                                  find_depth_7, find_depth_8};
    if (tree->oblivious)
        find_oblivious(layout, tree, columns, n_rows, ret_numbers);
    else if (tree->perfect)
        by_depth[tree->depth - 1](layout, tree, columns, n_rows, ret_numbers);
    else
        find_general(layout, tree, columns, n_rows, lines, ret_numbers);
}

/* Bytes from a run's leaves to those of the next one, if it is as long. */
static size_t next_run_distance(const bytes_layout *layout, const bytes_tree *trees)
{
    const bytes_tree *next = trees + trees->n_together;
    bool follows = next < layout->trees + layout->n_trees && !next->borrowed;
    return follows ? next->leaves - trees->leaves : 0;
}

/* Leaves of oblivious trees are asked for while the run's numbers are found: plain ones, which are
 * read at random, and of planes, which go by in order, the first half of those a run ahead. */
static void prefetch_leaves(const bytes_layout *layout, const bytes_tree *trees, size_t t)
{
    const char *leaves = bytes_leaves(layout, &trees[t], 0);
    size_t bytes = bytes_leaf_bytes(layout, &trees[t]);
    if (bytes_has_planes(layout, trees)) {
        leaves += next_run_distance(layout, trees);
        bytes /= 2;
    }
    for (size_t at = 0; at < bytes && at < 4096; at += PREDICT_LINE)
        __builtin_prefetch(leaves + at);
}

/* The sums of a part stay in registers while all trees of the run add to them. */
static void add_wide_run(const bytes_layout *layout, const bytes_tree *trees, size_t output,
                         const uint8_t *numbers, size_t n_rows, double *sums)
{
#ifdef WIDE_PLANES
    size_t each = bytes_leaf_bytes(layout, trees), bytes = bytes_plane_bytes(trees);
    size_t n_parts = (n_rows + BYTES_PART - 1) / BYTES_PART;
    bytes_wide_run run = {.n_trees = trees->n_together,
                          .ahead = next_run_distance(layout, trees) + each / 2,
                          .ahead_bytes = each / 2 / n_parts};
    for (size_t t = 0; t < run.n_trees; t++)
        run.planes[t] = (const uint8_t *)bytes_leaves(layout, &trees[t], output);
    for (size_t row = 0; row < n_rows; row += BYTES_PART, run.ahead += run.ahead_bytes) {
        if (bytes == 256)
            add_wide_planes(&run, 256, numbers + row, sums + row);
        else if (bytes == 128)
            add_wide_planes(&run, 128, numbers + row, sums + row);
        else
            add_wide_planes(&run, 64, numbers + row, sums + row);
    }
#else
    (void)layout, (void)trees, (void)output, (void)numbers, (void)n_rows, (void)sums;
#endif
}

/* One output of a run. Few trees are added one by one, in registers of rows. */
static void add_run(const bytes_layout *layout, const bytes_tree *trees, size_t output,
                    size_t margin, const uint8_t *numbers, size_t n_rows, void *sums)
{
    if (layout->wide_planes && bytes_has_planes(layout, trees) && !layout->sum_float32) {
        add_wide_run(layout, trees, output, numbers, n_rows, (double *)sums + margin * BYTES_ROWS);
        return;
    }
    if (!trees->oblivious && (bytes_has_planes(layout, trees) || trees->n_together < RUN_MIN)) {
        for (size_t t = 0; t < trees->n_together; t++)
            add_tree(layout, &trees[t], output, margin, numbers + 2 * t * BYTES_ROWS, n_rows, sums);
        return;
    }
    bytes_add_run(layout, trees, output, margin, numbers, n_rows, sums);
}

/* All trees of the run that begins here. `columns` has room for the answers of a tree's sets,
 * `numbers` for those of the run. */
static void sum_run(const bytes_layout *layout, const bytes_tree *trees, uint8_t *columns,
                    size_t n_rows, uint8_t *lines, uint8_t *numbers, void *sums)
{
    for (size_t t = 0; t < trees->n_together; t++) {
        if (trees[t].oblivious)
            prefetch_leaves(layout, trees, t);
        ask_sets(layout, &trees[t], columns, n_rows);
        find_numbers(layout, &trees[t], columns, n_rows, lines, numbers + 2 * t * BYTES_ROWS);
    }
    if (trees->output != MW_ALL_OUTPUTS) {
        add_run(layout, trees, 0, trees->output, numbers, n_rows, sums);
        return;
    }
    for (size_t m = 0; m < layout->n_margins; m++)
        add_run(layout, trees, m, m, numbers, n_rows, sums);
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
    for (const bytes_tree *tree = layout->trees; tree < end; tree += tree->n_together)
        sum_run(layout, tree, columns, block->n_rows, lines, numbers, sums);
    end_sums(forest, block, sums);
}

const predict_kernel KERNEL = {
    .name = KERNEL_NAME,
    .block_rows = BYTES_ROWS,
    .takes_levels = true,
    .usable = usable,
#ifdef WIDE_PLANES
    .lay_out = bytes_layout_make_wide,
#else
    .lay_out = bytes_layout_make,
#endif
    .settle = bytes_settle,
    .free_layout = bytes_layout_free,
    .layout_bytes = bytes_layout_bytes,
    .memory_bytes = bytes_memory_bytes,
    .sum = sum_block,
};
