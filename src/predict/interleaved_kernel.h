/* The interleaved walk, written once for three pairs of number types. The includer defines
 *
 *   NODE         predict_node32 or predict_node64
 *   REAL         type of thresholds and columns
 *   SUM          type of leaves and sums
 *   VALUE(x)     a row value (double) as this library's trees see it
 *   LEFT(x, t)   the comparison
 *   SUM_BLOCK    name of the function that it gets
 *
 * Legend: k = lane of a tree in its group, r = lane of a row in its pack, at = where a walk stands
 * (perfect: byte offset, general: pointer), x = columns. Interleaving:
 *
 *   one row      x[column]                   8 trees in lanes
 *   pack         x[column][8 rows]           8 rows in lanes, one tree
 */
#include <assert.h>
#include <math.h>

#include "interleaved.h"
#include "rules.h"

#define INLINE static inline __attribute__((always_inline))

/* The lanes must live in registers: without full unrolling they go through memory, and the walk
 * is 1.6 times slower. */
#if defined(__clang__)
#define EACH_LANE(i) _Pragma("clang loop unroll(full)") for (size_t i = 0; i < PREDICT_LANES; i++)
#else
#define EACH_LANE(i) _Pragma("GCC unroll 8") for (size_t i = 0; i < PREDICT_LANES; i++)
#endif

/* ---- columns ------------------------------------------------------------------------------- */

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
    for (size_t c = begin[PREDICT_NAN_LEFT]; c < begin[PREDICT_NAN_LEFT + 1]; c++) {
        REAL value = read_value(from, feature[c], float32);
        x[c * lanes] = value > -infinity ? value : -infinity; /* one maxss: NaN gives -inf */
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

static void load_categories(const mw_forest *forest, const predict_columns *columns,
                            const mw_matrix *rows, size_t row, REAL *x, size_t lanes)
{
    for (size_t c = columns->begin[PREDICT_CATEGORY]; c < columns->n_columns; c++) {
        double value =
            predict_value(forest->sum_float32, predict_read(rows, row, columns->feature[c]));
        bool left = predict_goes_left(forest, columns->node[c], value);
        x[c * lanes] = left ? -(REAL)INFINITY : (REAL)INFINITY;
    }
}

/* Row `row` into x[column * lanes]. */
INLINE void load_row(const mw_forest *forest, const predict_columns *columns, const mw_matrix *rows,
                     size_t row, REAL *x, size_t lanes)
{
    bool float32 = rows->dtype == MW_FLOAT32;
    ptrdiff_t width = float32 ? (ptrdiff_t)sizeof(float) : (ptrdiff_t)sizeof(double);
    source from = {(const char *)rows->data + (ptrdiff_t)row * rows->row_stride * width,
                   rows->column_stride * width};
    if (float32)
        load_numbers(columns, from, true, x, lanes);
    else
        load_numbers(columns, from, false, x, lanes);
    if (columns->begin[PREDICT_CATEGORY] < columns->n_columns)
        load_categories(forest, columns, rows, row, x, lanes);
}

INLINE REAL column_of_row(const REAL *x, size_t column)
{
    return *(const REAL *)((const char *)x + column);
}

INLINE REAL column_of_pack(const REAL *x, size_t column, size_t r)
{
    return ((const REAL *)((const char *)x + column * PREDICT_LANES))[r];
}

/* ---- steps --------------------------------------------------------------------------------- */

/* Children of node i are 2i + 1 and 2i + 2; eight trees make a row of nodes. */
INLINE size_t next_perfect(size_t at, bool left)
{
    enum { ROW = PREDICT_LANES * sizeof(NODE) };
    return 2 * at + 2 * ROW - (left ? ROW : 0);
}

INLINE const NODE *node_at(const NODE *nodes, size_t at)
{
    return (const NODE *)((const char *)nodes + at);
}

INLINE const NODE *next_general(const NODE *at, bool left)
{
    return at + at->child + (left ? 0 : 1);
}

/* Index of the leaf where a walk of `depth` steps ended; lane not added. */
INLINE size_t leaf_index(size_t at, unsigned depth)
{
    return at / sizeof(NODE) - (((size_t)1 << depth) - 1) * PREDICT_LANES;
}

/* ---- one row, eight trees ------------------------------------------------------------------ */

INLINE void walk_perfect_row(const NODE *nodes, const SUM *leaves, unsigned depth, const REAL *x,
                             SUM *ret_leaf)
{
    size_t at[PREDICT_LANES] = {0};
    for (unsigned level = 0; level < depth; level++) {
        EACH_LANE(k)
        {
            const NODE *node = node_at(nodes, at[k]) + k;
            at[k] = next_perfect(at[k], LEFT(column_of_row(x, node->column), node->threshold));
        }
    }
    EACH_LANE(k)
    ret_leaf[k] = leaves[leaf_index(at[k], depth) + k];
}

INLINE void walk_general_row(const NODE *nodes, const size_t *root, unsigned depth, const REAL *x,
                             SUM *ret_leaf)
{
    enum { STEPS = 4 }; /* between two looks whether all have arrived */
    const NODE *at[PREDICT_LANES];
    EACH_LANE(k)
    at[k] = nodes + root[k];
    for (unsigned level = 0; level < depth; level += STEPS) {
        unsigned on_the_way = 0;
        for (unsigned step = 0; step < STEPS; step++) {
            EACH_LANE(k)
            at[k] = next_general(at[k], LEFT(column_of_row(x, at[k]->column), at[k]->threshold));
        }
        EACH_LANE(k)
        on_the_way |= at[k]->child;
        if (!on_the_way)
            break;
    }
    EACH_LANE(k)
    ret_leaf[k] = (SUM)at[k]->threshold;
}

static void sum_row(const mw_forest *forest, const predict_layout *layout, const REAL *x, SUM *sums)
{
    const NODE *nodes = layout->nodes;
    const SUM *leaves = layout->leaves;
    for (size_t g = 0; g < layout->n_groups; g++) {
        const predict_group *group = &layout->groups[g];
        SUM leaf[PREDICT_LANES];
        if (group->perfect)
            walk_perfect_row(nodes + group->nodes, leaves + group->leaves, group->depth, x, leaf);
        else
            walk_general_row(nodes, layout->root + group->first_tree, group->depth, x, leaf);
        const uint32_t *output = forest->tree_output + group->first_tree;
        for (unsigned k = 0; k < group->n_trees; k++)
            sums[output[k]] += leaf[k];
    }
}

/* ---- eight rows, one tree ------------------------------------------------------------------ */

INLINE void walk_perfect_pack(const NODE *nodes, const SUM *leaves, unsigned depth, const REAL *x,
                              SUM *ret_leaf)
{
    size_t at[PREDICT_LANES] = {0};
    for (unsigned level = 0; level < depth; level++) {
        EACH_LANE(r)
        {
            const NODE *node = node_at(nodes, at[r]);
            at[r] = next_perfect(at[r], LEFT(column_of_pack(x, node->column, r), node->threshold));
        }
    }
    EACH_LANE(r)
    ret_leaf[r] = leaves[leaf_index(at[r], depth)];
}

INLINE void walk_general_pack(const NODE *root, unsigned depth, const REAL *x, SUM *ret_leaf)
{
    enum { STEPS = 4 };
    const NODE *at[PREDICT_LANES];
    EACH_LANE(r)
    at[r] = root;
    for (unsigned level = 0; level < depth; level += STEPS) {
        unsigned on_the_way = 0;
        for (unsigned step = 0; step < STEPS; step++) {
            EACH_LANE(r)
            at[r] =
                next_general(at[r], LEFT(column_of_pack(x, at[r]->column, r), at[r]->threshold));
        }
        EACH_LANE(r)
        on_the_way |= at[r]->child;
        if (!on_the_way)
            break;
    }
    EACH_LANE(r)
    ret_leaf[r] = (SUM)at[r]->threshold;
}

/* Tree by tree, so that each row's sum keeps the file's order; all packs through a tree while its
 * nodes are in the cache. */
static void sum_packs(const mw_forest *forest, const predict_layout *layout, const REAL *x,
                      size_t n_packs, SUM *sums)
{
    size_t n_margins = forest->n_margins, pack_values = layout->columns.n_columns * PREDICT_LANES;
    const NODE *nodes = layout->nodes;
    const SUM *leaves = layout->leaves;
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        const predict_group *group = &layout->groups[tree / PREDICT_LANES];
        size_t k = tree % PREDICT_LANES;
        SUM *sum = sums + forest->tree_output[tree];
        for (size_t p = 0; p < n_packs; p++, sum += PREDICT_LANES * n_margins) {
            const REAL *pack = x + p * pack_values;
            SUM leaf[PREDICT_LANES];
            if (group->perfect)
                walk_perfect_pack(nodes + group->nodes + k, leaves + group->leaves + k,
                                  group->depth, pack, leaf);
            else
                walk_general_pack(nodes + layout->root[tree], group->depth, pack, leaf);
            EACH_LANE(r)
            sum[r * n_margins] += leaf[r];
        }
    }
}

/* ---- a block ------------------------------------------------------------------------------- */

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
