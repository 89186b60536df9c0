/* The interleaved walk, written once for five kinds of node. The includer defines
 *
 *   NODE         predict_node32, predict_node64 or predict_node_set
 *   HAS_SETS     1 for predict_node_set (general trees only), else 0
 *   COLUMN       type of a column's byte offset in a perfect tree
 *   REAL         type of thresholds and columns
 *   SUM          type of leaves and sums
 *   VALUE(x)     a row value (double) as this library's trees see it
 *   LEFT(x, t)   the comparison
 *   SUM_BLOCK    name of the function that it gets
 *
 * Legend: k = lane of a tree in its group, r = lane of a row in its pack, at = where a walk stands
 * (perfect: place, general: pointer), x = columns. Interleaving:
 *
 *   one row      x[column]                   8 trees in lanes
 *   pack         x[column][8 rows]           8 rows in lanes, one tree
 */
#include <assert.h>
#include <math.h>

#include "interleaved.h"
#include "rules.h"

#define INLINE static inline __attribute__((always_inline))

/* Do something for each lane, the lane's number a constant from the start. A loop, even one that
 * the compiler unrolls, ends in addresses that cost one instruction more at every step. */
#define LANE(i, number, ...) \
    {                        \
        enum { i = number }; \
        __VA_ARGS__;         \
    }
#define EACH_LANE(i, ...)   \
    LANE(i, 0, __VA_ARGS__) \
    LANE(i, 1, __VA_ARGS__) \
    LANE(i, 2, __VA_ARGS__) \
    LANE(i, 3, __VA_ARGS__) \
    LANE(i, 4, __VA_ARGS__) \
    LANE(i, 5, __VA_ARGS__) \
    LANE(i, 6, __VA_ARGS__) \
    LANE(i, 7, __VA_ARGS__)

/* ---- columns --------------------------------------------------------------------------------- */

/* Bytes from one feature of a row to the next, and where the row begins. */
typedef struct source {
    const char *row;
    ptrdiff_t step;
} source;

INLINE REAL read_value(source from, uint32_t feature, bool float32)
{
    const char *at = from.row + (ptrdiff_t)feature * from.step;
    if (float32) {
        float x;
        memcpy(&x, at, sizeof x);
        return VALUE(x);
    }
    double x;
    memcpy(&x, at, sizeof x);
    return VALUE(x);
}

/* Each rule has its own loop, so that no rule is asked for inside one. */
INLINE void load_numbers(const predict_columns *columns, source from, bool float32, REAL *x,
                         size_t lanes)
{
    const size_t *begin = columns->begin;
    const uint32_t *feature = columns->feature;
    const REAL infinity = (REAL)INFINITY;
    x[0] = -infinity;
    /* A number that the compiler does not know: of -inf it makes a branch, which missing values
     * mispredict, where the greater of two is one instruction. NaN gives -inf. */
    __asm__("" : "+m"(x[0]));
    const REAL least = x[0];
    for (size_t c = begin[PREDICT_NAN_LEFT]; c < begin[PREDICT_NAN_LEFT + 1]; c++) {
        REAL value = read_value(from, feature[c], float32);
        x[c * lanes] = value > least ? value : least;
    }
    for (size_t c = begin[PREDICT_NAN_RIGHT]; c < begin[PREDICT_NAN_RIGHT + 1]; c++)
        x[c * lanes] = read_value(from, feature[c], float32);
    for (size_t c = begin[PREDICT_NAN_IS_ZERO]; c < begin[PREDICT_NAN_IS_ZERO + 1]; c++) {
        REAL value = read_value(from, feature[c], float32);
        x[c * lanes] = isnan(value) ? 0 : value;
    }
    for (size_t c = begin[PREDICT_ZERO_LEFT]; c < begin[PREDICT_ZERO_LEFT + 1]; c++) {
        REAL value = read_value(from, feature[c], float32);
        x[c * lanes] = isnan(value) || predict_is_zero((double)value) ? -infinity : value;
    }
    for (size_t c = begin[PREDICT_ZERO_RIGHT]; c < begin[PREDICT_ZERO_RIGHT + 1]; c++) {
        REAL value = read_value(from, feature[c], float32);
        x[c * lanes] = predict_is_zero((double)value) ? (REAL)NAN : value;
    }
}

#if HAS_SETS
/* The low half of a column of codes is the code; the whole compares as a number below +inf, or as
 * a NaN, which is not below it: see predict_node_set. */
static double code_as_number(uint32_t code, bool is_number)
{
    uint64_t bits = (is_number ? UINT64_C(0x4330000000000000) /* 2^52 */
                               : UINT64_C(0x7ff8000000000000) /* NaN */) |
                    code;
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static void load_codes(const mw_forest *forest, const predict_columns *columns,
                       const mw_matrix *rows, size_t row, REAL *x, size_t lanes)
{
    for (size_t c = columns->begin[PREDICT_SET_NAN_OUT]; c < columns->n_columns; c++) {
        double value = predict_value(forest->input, predict_read(rows, row, columns->feature[c]));
        bool in = isnan(value) && c >= columns->begin[PREDICT_SET_NAN_IN];
        bool known = predict_is_category(value, columns->less_equal);
        uint32_t code = known ? (uint32_t)(int32_t)value : PREDICT_NO_CATEGORY;
        x[c * lanes] = code_as_number(code, !in);
    }
}
#endif

/* Row `row` into x[column * lanes]. */
INLINE void load_row(const mw_forest *forest, const predict_columns *columns, const mw_matrix *rows,
                     size_t row, REAL *x, size_t lanes)
{
    bool float32 = rows->dtype == MW_FLOAT32;
    ptrdiff_t width = float32 ? (ptrdiff_t)sizeof(float) : (ptrdiff_t)sizeof(double);
    source from = {(const char *)rows->data + (ptrdiff_t)row * rows->row_stride * width,
                   rows->column_stride * width};
    if (float32 && rows->column_stride == 1) /* a distance that the compiler knows */
        load_numbers(columns, (source){from.row, sizeof(float)}, true, x, lanes);
    else if (float32)
        load_numbers(columns, from, true, x, lanes);
    else
        load_numbers(columns, from, false, x, lanes);
#if HAS_SETS
    load_codes(forest, columns, rows, row, x, lanes);
#else
    (void)forest;
#endif
}

INLINE REAL column_of_row(const REAL *x, size_t column)
{
    return *(const REAL *)((const char *)x + column);
}

INLINE REAL column_of_pack(const REAL *x, size_t column, size_t r)
{
    return ((const REAL *)((const char *)x + column * PREDICT_LANES))[r];
}

/* ---- steps ----------------------------------------------------------------------------------- */

#if !HAS_SETS
/* Bytes of a perfect tree; `depth` is a constant wherever this is used in a walk. */
#define PERFECT_BYTES(depth) ((sizeof(REAL) + sizeof(COLUMN) + sizeof(SUM)) << (depth))

INLINE REAL perfect_threshold(const char *tree, size_t at)
{
    return ((const REAL *)tree)[at];
}

INLINE size_t perfect_column(const char *tree, unsigned depth, size_t at)
{
    return ((const COLUMN *)(tree + (sizeof(REAL) << depth)))[at];
}

/* Places 2^depth .. 2^(depth + 1) - 1 are the leaves. */
INLINE SUM perfect_leaf(const char *tree, unsigned depth, size_t at)
{
    const char *leaves = tree + ((sizeof(REAL) + sizeof(COLUMN)) << depth);
    return ((const SUM *)leaves)[at - ((size_t)1 << depth)];
}
#endif

#if HAS_SETS
INLINE bool set_holds(const uint32_t *words, const NODE *node, REAL value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t code = (uint32_t)bits, word = code / 32;
    uint32_t inside = word < node->size;
    return words[node->begin + (inside ? word : 0)] >> (code % 32) & inside;
}
#endif

INLINE const NODE *next_general(const NODE *at, REAL value, const uint32_t *words)
{
    bool left = LEFT(value, at->threshold);
#if HAS_SETS
    left ^= set_holds(words, at, value);
#else
    (void)words;
#endif
    return at + at->child + (left ? 0 : 1);
}

/* ---- one row, eight trees -------------------------------------------------------------------- */

#if !HAS_SETS
INLINE size_t next_of_row(const char *tree, unsigned depth, const REAL *x, size_t at)
{
    REAL value = column_of_row(x, perfect_column(tree, depth, at));
    return 2 * at + !LEFT(value, perfect_threshold(tree, at));
}

/* The upper levels of the next group's trees, which are often in an outer cache, are asked for
 * while this one is walked: beyond the end of the last one nobody reads. */
INLINE void prefetch_tops(const char *trees, unsigned depth){
    EACH_LANE(k, __builtin_prefetch(trees + k * PERFECT_BYTES(depth)))
        EACH_LANE(k,
                  __builtin_prefetch(trees + k * PERFECT_BYTES(depth) + (sizeof(REAL) << depth)))}

INLINE void walk_perfect_row(const char *trees, unsigned depth, const REAL *x, SUM *ret_leaf)
{
    size_t at[PREDICT_LANES];
    prefetch_tops(trees + PREDICT_LANES * PERFECT_BYTES(depth), depth);
    EACH_LANE(k, at[k] = 1)
    for (unsigned level = 0; level < depth; level++) {
        EACH_LANE(k, at[k] = next_of_row(trees + k * PERFECT_BYTES(depth), depth, x, at[k]))
    }
    EACH_LANE(k, ret_leaf[k] = perfect_leaf(trees + k * PERFECT_BYTES(depth), depth, at[k]))
}
#endif

INLINE void walk_general_row(const predict_layout *layout, const predict_group *group,
                             const REAL *x, SUM *ret_leaf)
{
    enum { STEPS = 4 }; /* between two looks whether all have arrived */
    const NODE *nodes = layout->nodes, *at[PREDICT_LANES];
    const size_t *root = layout->root + group->first_tree;
    const uint32_t *words = layout->words;
    unsigned depth = group->depth;
    EACH_LANE(k, at[k] = nodes + root[k])
    for (unsigned level = 0; level < depth; level += STEPS) {
        unsigned on_the_way = 0;
        for (unsigned step = 0; step < STEPS; step++) {
            EACH_LANE(k, at[k] = next_general(at[k], column_of_row(x, at[k]->column), words))
        }
        EACH_LANE(k, on_the_way |= at[k]->child)
        if (!on_the_way)
            break;
    }
    EACH_LANE(k, ret_leaf[k] = (SUM)at[k]->threshold)
}

/* WALK for each depth a perfect group may have: 1 to 8. */
#undef PERFECT_DEPTHS
#define PERFECT_DEPTHS(WALK) \
    WALK(1);                 \
    WALK(2);                 \
    WALK(3);                 \
    WALK(4);                 \
    WALK(5);                 \
    WALK(6);                 \
    WALK(7);                 \
    WALK(8);

/* One walk a depth: with the depth a constant, every distance in a tree is one too. */
static void walk_row(const predict_layout *layout, const predict_group *group, const REAL *x,
                     SUM *ret_leaf)
{
    if (!group->perfect) {
        walk_general_row(layout, group, x, ret_leaf);
        return;
    }
#if !HAS_SETS
    const char *trees = layout->perfect + group->begin;
#define WALK(depth)                                  \
    case depth:                                      \
        walk_perfect_row(trees, depth, x, ret_leaf); \
        break
    switch (group->depth) {
        PERFECT_DEPTHS(WALK)
    default:
        assert(false); /* a perfect group is 1 to 8 deep */
    }
#undef WALK
#endif
}

/* All trees add to one sum, which stays out of memory: each addition would wait for a store. */
static void sum_row_alone(const predict_layout *layout, const REAL *x, SUM *ret_sum)
{
    SUM sum = *ret_sum, leaf[PREDICT_LANES];
    for (size_t g = 0; g < layout->n_groups; g++) {
        const predict_group *group = &layout->groups[g];
        walk_row(layout, group, x, leaf);
        if (group->n_trees == PREDICT_LANES) {
            EACH_LANE(k, sum += leaf[k])
            continue;
        }
        for (unsigned k = 0; k < group->n_trees; k++)
            sum += leaf[k];
    }
    *ret_sum = sum;
}

static void sum_row(const mw_forest *forest, const predict_layout *layout, const REAL *x, SUM *sums)
{
    if (forest->n_margins == 1) {
        sum_row_alone(layout, x, sums);
        return;
    }
    for (size_t g = 0; g < layout->n_groups; g++) {
        const predict_group *group = &layout->groups[g];
        const uint32_t *output = forest->tree_output + group->first_tree;
        SUM leaf[PREDICT_LANES];
        walk_row(layout, group, x, leaf);
        for (unsigned k = 0; k < group->n_trees; k++)
            sums[output[k]] += leaf[k];
    }
}

/* ---- eight rows, one tree -------------------------------------------------------------------- */

#if !HAS_SETS
INLINE size_t next_of_pack(const char *tree, unsigned depth, const REAL *x, size_t r, size_t at)
{
    REAL value = column_of_pack(x, perfect_column(tree, depth, at), r);
    return 2 * at + !LEFT(value, perfect_threshold(tree, at));
}

INLINE void walk_perfect_pack(const char *tree, unsigned depth, const REAL *x, SUM *ret_leaf)
{
    size_t at[PREDICT_LANES];
    EACH_LANE(r, at[r] = 1)
    for (unsigned level = 0; level < depth; level++) {
        EACH_LANE(r, at[r] = next_of_pack(tree, depth, x, r, at[r]))
    }
    EACH_LANE(r, ret_leaf[r] = perfect_leaf(tree, depth, at[r]))
}
#endif

INLINE void walk_general_pack(const NODE *root, const uint32_t *words, unsigned depth,
                              const REAL *x, SUM *ret_leaf)
{
    enum { STEPS = 4 };
    const NODE *at[PREDICT_LANES];
    EACH_LANE(r, at[r] = root)
    for (unsigned level = 0; level < depth; level += STEPS) {
        unsigned on_the_way = 0;
        for (unsigned step = 0; step < STEPS; step++) {
            EACH_LANE(r, at[r] = next_general(at[r], column_of_pack(x, at[r]->column, r), words))
        }
        EACH_LANE(r, on_the_way |= at[r]->child)
        if (!on_the_way)
            break;
    }
    EACH_LANE(r, ret_leaf[r] = (SUM)at[r]->threshold)
}

/* All packs of a block through one tree, while its nodes are in the nearest cache. */
typedef struct packs {
    const REAL *x;
    size_t n_packs, pack_values; /* values from one pack to the next */
    SUM *sums;                   /* of the tree's output */
    size_t n_margins;
} packs;

INLINE void add_leaves(const packs *all, size_t p, const SUM *leaf)
{
    SUM *sums = all->sums + p * PREDICT_LANES * all->n_margins;
    EACH_LANE(r, sums[r * all->n_margins] += leaf[r])
}

#if !HAS_SETS
INLINE void walk_perfect_packs(const char *tree, unsigned depth, const packs *all)
{
    for (size_t p = 0; p < all->n_packs; p++) {
        SUM leaf[PREDICT_LANES];
        walk_perfect_pack(tree, depth, all->x + p * all->pack_values, leaf);
        add_leaves(all, p, leaf);
    }
}
#endif

static void walk_general_packs(const predict_layout *layout, size_t tree, unsigned depth,
                               const packs *all)
{
    const NODE *root = (const NODE *)layout->nodes + layout->root[tree];
    for (size_t p = 0; p < all->n_packs; p++) {
        SUM leaf[PREDICT_LANES];
        walk_general_pack(root, layout->words, depth, all->x + p * all->pack_values, leaf);
        add_leaves(all, p, leaf);
    }
}

static void walk_packs(const predict_layout *layout, size_t tree, const packs *all)
{
    const predict_group *group = &layout->groups[tree / PREDICT_LANES];
    if (!group->perfect) {
        walk_general_packs(layout, tree, group->depth, all);
        return;
    }
#if !HAS_SETS
    const char *trees = layout->perfect + group->begin;
    size_t k = tree % PREDICT_LANES;
#define WALK(depth)                                                       \
    case depth:                                                           \
        walk_perfect_packs(trees + k * PERFECT_BYTES(depth), depth, all); \
        break
    switch (group->depth) {
        PERFECT_DEPTHS(WALK)
    default:
        assert(false); /* a perfect group is 1 to 8 deep */
    }
#undef WALK
#endif
}

/* Tree by tree, so that each row's sum keeps the file's order. */
static void sum_packs(const mw_forest *forest, const predict_layout *layout, const REAL *x,
                      size_t n_packs, SUM *sums)
{
    packs all = {.x = x, .n_packs = n_packs, .n_margins = forest->n_margins};
    all.pack_values = layout->columns.n_columns * PREDICT_LANES;
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        all.sums = sums + forest->tree_output[tree];
        walk_packs(layout, tree, &all);
    }
}

/* ---- a block --------------------------------------------------------------------------------- */

static void begin_sums(const mw_forest *forest, size_t n_rows, SUM *sums)
{
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t m = 0; m < forest->n_margins; m++)
            sums[r * forest->n_margins + m] = (SUM)forest->base_margin[m];
    }
}

static void sum_few(const mw_forest *forest, const predict_layout *layout,
                    const predict_block *block)
{
    REAL *x = block->memory;
    SUM *sums = block->sums;
    for (size_t r = 0; r < block->n_rows; r++) {
        load_row(forest, &layout->columns, block->rows, block->first + r, x, 1);
        sum_row(forest, layout, x, sums + r * forest->n_margins);
    }
}

/* The last pack is filled up with its last row; the room for sums is that of a whole block. */
static void sum_many(const mw_forest *forest, const predict_layout *layout,
                     const predict_block *block, size_t n_packs)
{
    REAL *x = block->memory;
    size_t pack_values = layout->columns.n_columns * PREDICT_LANES;
    for (size_t lane = 0; lane < n_packs * PREDICT_LANES; lane++) {
        size_t row = lane < block->n_rows ? lane : block->n_rows - 1;
        load_row(forest, &layout->columns, block->rows, block->first + row,
                 x + lane / PREDICT_LANES * pack_values + lane % PREDICT_LANES, PREDICT_LANES);
    }
    sum_packs(forest, layout, x, n_packs, block->sums);
}

void SUM_BLOCK(const mw_forest *forest, const predict_layout *layout, const predict_block *block)
{
    enum { FEW = 5 }; /* fewer rows are faster one by one */
    size_t n_packs = (block->n_rows + PREDICT_LANES - 1) / PREDICT_LANES;
    assert(n_packs * PREDICT_LANES <= PREDICT_BLOCK_ROWS);
    begin_sums(forest, n_packs * PREDICT_LANES, block->sums);
    if (block->n_rows < FEW)
        sum_few(forest, layout, block);
    else
        sum_many(forest, layout, block, n_packs);
}
