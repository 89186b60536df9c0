/* The byte kernel, written once for every set of vector instructions. The includer defines
 *
 *   VECTOR                     a register of WIDTH bytes; WIDTH is 16, 32 or 64
 *   vector_load, vector_store  any alignment
 *   vector_spread(p)           four bytes at p, repeated
 *   vector_decide(code, rank)  bit 7 of each byte: code >= 255 - rank (the other bits: any)
 *   vector_choose(d, right, left)  by bit 7 of d, whole bytes
 *   vector_in_set(set, place, bit)  255 where bit of byte `place` of 32 is set, else 0
 *   vector_push(index, d)      index >> 1 within each byte, its bit 7 from d
 *   vector_shift(index, n)     index >> n in each byte; what comes in from above may be any
 *   vector_mask(index, m)      index & m
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
#include "rules.h"

#define INLINE static inline __attribute__((always_inline))

/* ---- rows become codes ----------------------------------------------------------------------- */

/* A part of the rows as one search sees it. A row that is not there is 0. */
typedef struct part_values {
    bool float32; /* which of the two arrays holds them */
    float x32[BYTES_PART];
    double x64[BYTES_PART];
    uint8_t code[BYTES_PART];
    uint8_t nan[BYTES_PART], zero[BYTES_PART]; /* 255: is, where a rule asks */
} part_values;

/* How many cuts x passes: whole runs of 16 by their last cuts, then within the run. NaN passes
 * none. The last of 256 places is never a cut, so that run 16 is none. */
INLINE uint8_t code32(const float *table, bool small, float x)
{
    unsigned run = small ? 0 : count32(table, x);
    return (uint8_t)(16 * run + count32(table + BYTES_PIVOTS + 16 * run, x));
}

INLINE uint8_t code64(const double *table, bool small, double x)
{
    unsigned run = small ? 0 : count64(table, x);
    return (uint8_t)(16 * run + count64(table + BYTES_PIVOTS + 16 * run, x));
}

/* Values are copied first: the loops behind are free of branches and of strides. */
static void copy_part(const mw_matrix *rows, const char *at, size_t n_rows, part_values *part)
{
    bool narrow = rows->dtype == MW_FLOAT32;
    ptrdiff_t width = narrow ? (ptrdiff_t)sizeof(float) : (ptrdiff_t)sizeof(double);
    ptrdiff_t stride = rows->row_stride * width;
    for (size_t r = 0; narrow && r < n_rows; r++, at += stride)
        memcpy(&part->x32[r], at, sizeof part->x32[r]);
    for (size_t r = 0; !narrow && part->float32 && r < n_rows; r++, at += stride) {
        double x;
        memcpy(&x, at, sizeof x);
        part->x32[r] = (float)x;
    }
    for (size_t r = 0; !part->float32 && r < n_rows; r++, at += stride)
        memcpy(&part->x64[r], at, sizeof part->x64[r]);
    for (size_t r = n_rows; r < BYTES_PART; r++) {
        part->x32[r] = 0;
        part->x64[r] = 0;
    }
}

static void mark_missing(part_values *part)
{
    for (size_t r = 0; r < BYTES_PART && part->float32; r++)
        part->nan[r] = part->x32[r] != part->x32[r] ? 255 : 0;
    for (size_t r = 0; r < BYTES_PART && !part->float32; r++)
        part->nan[r] = part->x64[r] != part->x64[r] ? 255 : 0;
}

/* With `flatten` they become 0: LightGBM sees them so. */
static void mark_zeros(part_values *part, bool flatten)
{
    for (size_t r = 0; r < BYTES_PART; r++) {
        double x = part->float32 ? (double)part->x32[r] : part->x64[r];
        part->zero[r] = predict_is_zero(x) ? 255 : 0;
        if (!flatten || !part->zero[r])
            continue;
        if (part->float32)
            part->x32[r] = 0;
        else
            part->x64[r] = 0;
    }
}

INLINE void find_codes(const bytes_layout *layout, size_t number, bool small, part_values *part)
{
    if (part->float32) {
        const float *table = layout->cuts32 + number * BYTES_TABLE;
        for (size_t r = 0; r < BYTES_PART; r++)
            part->code[r] = code32(table, small, part->x32[r]);
    } else {
        const double *table = layout->cuts64 + number * BYTES_TABLE;
        for (size_t r = 0; r < BYTES_PART; r++)
            part->code[r] = code64(table, small, part->x64[r]);
    }
}

/* The column of one rule, from the codes. */
INLINE void put_column(const part_values *part, predict_rule rule, uint8_t zero_code,
                       uint8_t *ret_column)
{
    switch (rule) {
    case PREDICT_NAN_LEFT:
        memcpy(ret_column, part->code, BYTES_PART);
        break;
    case PREDICT_NAN_RIGHT:
        for (size_t r = 0; r < BYTES_PART; r++)
            ret_column[r] = part->code[r] | part->nan[r];
        break;
    case PREDICT_NAN_IS_ZERO:
        for (size_t r = 0; r < BYTES_PART; r++)
            ret_column[r] = part->code[r] | (part->nan[r] & zero_code);
        break;
    case PREDICT_ZERO_LEFT:
        for (size_t r = 0; r < BYTES_PART; r++)
            ret_column[r] = part->code[r] & (uint8_t)~part->zero[r];
        break;
    case PREDICT_ZERO_RIGHT:
        for (size_t r = 0; r < BYTES_PART; r++)
            ret_column[r] = part->code[r] | part->nan[r] | part->zero[r];
        break;
    default:
        assert(false); /* sets have columns of their own */
    }
}

static bool has_column(const bytes_search *search, predict_rule rule)
{
    return search->column[rule] != BYTES_NO_COLUMN;
}

static void load_search(const bytes_layout *layout, const mw_matrix *rows, size_t number,
                        size_t first, size_t n_rows, uint8_t *columns)
{
    const bytes_search *search = &layout->searches[number];
    bool float32 = rows->dtype == MW_FLOAT32;
    ptrdiff_t at =
        (ptrdiff_t)first * rows->row_stride + (ptrdiff_t)search->feature * rows->column_stride;
    ptrdiff_t width = float32 ? (ptrdiff_t)sizeof(float) : (ptrdiff_t)sizeof(double);
    part_values part;
    part.float32 = float32 || layout->float_cuts;
    copy_part(rows, (const char *)rows->data + at * width, n_rows, &part);
    if (has_column(search, PREDICT_NAN_RIGHT) || has_column(search, PREDICT_NAN_IS_ZERO) ||
        has_column(search, PREDICT_ZERO_RIGHT))
        mark_missing(&part);
    if (search->near_zero || has_column(search, PREDICT_ZERO_LEFT) ||
        has_column(search, PREDICT_ZERO_RIGHT))
        mark_zeros(&part, layout->near_zero);
    if (search->n_cuts <= 16)
        find_codes(layout, number, true, &part);
    else
        find_codes(layout, number, false, &part);
    for (unsigned rule = 0; rule < BYTES_RULES; rule++) {
        if (search->column[rule] != BYTES_NO_COLUMN)
            put_column(&part, (predict_rule)rule, search->zero_code,
                       columns + search->column[rule]);
    }
}

static void load_columns(const mw_forest *forest, const bytes_layout *layout,
                         const predict_block *block, uint8_t *columns)
{
    for (size_t begin = 0; begin < block->n_rows; begin += BYTES_PART) {
        size_t left = block->n_rows - begin, n_rows = left < BYTES_PART ? left : BYTES_PART;
        for (size_t s = 0; s < layout->n_searches; s++)
            load_search(layout, block->rows, s, block->first + begin, n_rows, columns + begin);
        for (size_t s = 0; s < layout->n_codes; s++)
            bytes_load_codes(forest, &layout->codes[s], block->rows, block->first + begin, n_rows,
                             columns + begin);
    }
}

/* ---- perfect trees --------------------------------------------------------------------------- */

INLINE VECTOR decide(const bytes_nodes *nodes, size_t node, const uint8_t *columns)
{
    return vector_decide(vector_load(columns + nodes->column[node]),
                         vector_spread(&nodes->rank[node]));
}

/* fold_k(p): what bits 0 .. k - 1 of the path choose among 2^k nodes of a level, from p * 2^k on.
 *
 *     nodes of level 2     0   1   2   3
 *                           \ /     \ /      by bit 0
 *                            \       /
 *                             \     /        by bit 1
 *                            decision 2
 */
#define FOLD(k, below)                                                                          \
    INLINE VECTOR fold_##k(const bytes_nodes *nodes, size_t begin, size_t p,                    \
                           const uint8_t *columns, const VECTOR *bits)                          \
    {                                                                                           \
        return vector_choose(bits[k - 1], fold_##below(nodes, begin, 2 * p + 1, columns, bits), \
                             fold_##below(nodes, begin, 2 * p, columns, bits));                 \
    }

INLINE VECTOR fold_0(const bytes_nodes *nodes, size_t begin, size_t p, const uint8_t *columns,
                     const VECTOR *bits)
{
    (void)bits;
    return decide(nodes, begin + p, columns);
}
FOLD(1, 0)
FOLD(2, 1)
FOLD(3, 2)
FOLD(4, 3)
FOLD(5, 4)

/* The leaf's index in the low bits; `depth` is a constant. */
INLINE VECTOR find_perfect(const bytes_nodes *nodes, unsigned depth, const uint8_t *columns)
{
    VECTOR bits[BYTES_SUBTREE_DEPTH];
    bits[0] = fold_0(nodes, 0, 0, columns, bits);
    VECTOR index = bits[0];
#define LEVEL(k)                                                    \
    if (depth > k) {                                                \
        bits[k] = fold_##k(nodes, (1u << k) - 1, 0, columns, bits); \
        index = vector_push(index, bits[k]);                        \
    }
    LEVEL(1)
    LEVEL(2)
    LEVEL(3)
    LEVEL(4)
    LEVEL(5)
#undef LEVEL
    return vector_mask(vector_shift(index, 8 - depth), (uint8_t)((1u << depth) - 1));
}

/* Depth 7 and 8: subtrees of depth 6 and the nodes that choose between them. */
INLINE VECTOR find_deep(const bytes_nodes *nodes, unsigned top, const uint8_t *columns)
{
    const bytes_nodes *chooser = nodes + ((size_t)1 << top);
    VECTOR index[4];
    for (unsigned i = 0; i < 1u << top; i++) {
        static const uint32_t numbers[] = {0, 0x40404040u, 0x80808080u, 0xc0c0c0c0u};
        index[i] = vector_or(find_perfect(nodes + i, BYTES_SUBTREE_DEPTH, columns),
                             vector_spread(&numbers[i]));
    }
    VECTOR first = decide(chooser, 0, columns);
    if (top == 1)
        return vector_choose(first, index[1], index[0]);
    VECTOR second = vector_choose(first, decide(chooser, 2, columns), decide(chooser, 1, columns));
    return vector_choose(second, vector_choose(first, index[3], index[2]),
                         vector_choose(first, index[1], index[0]));
}

/* ---- leaves ---------------------------------------------------------------------------------- */

/* Sums of a block: (n_margins, BYTES_ROWS) float or double. */
INLINE void add_output(const bytes_layout *layout, const bytes_tree *tree, const char *leaves,
                       size_t margin, size_t row, VECTOR index, void *sums)
{
    uint8_t numbers[WIDTH];
    size_t at = margin * BYTES_ROWS + row;
    if (bytes_has_planes(layout, tree)) {
        add_planes((const uint8_t *)leaves, index, (float *)sums + at);
        return;
    }
    vector_store(numbers, index);
    if (layout->sum_float32)
        add_values32((const float *)leaves, numbers, (float *)sums + at);
    else
        add_values64((const double *)leaves, numbers, (double *)sums + at);
}

INLINE void add_leaves(const bytes_layout *layout, const bytes_tree *tree, size_t row, VECTOR index,
                       void *sums)
{
    const char *leaves = layout->data + tree->leaves;
    if (tree->output != MW_ALL_OUTPUTS) {
        add_output(layout, tree, leaves, tree->output, row, index, sums);
        return;
    }
    for (size_t m = 0; m < layout->n_margins; m++)
        add_output(layout, tree, leaves + m * bytes_leaf_bytes(layout, tree), m, row, index, sums);
}

/* ---- trees ----------------------------------------------------------------------------------- */

#define PERFECT(name, find, number)                                                              \
    static void name(const bytes_layout *layout, const bytes_tree *tree, const uint8_t *columns, \
                     size_t n_rows, void *sums)                                                  \
    {                                                                                            \
        const bytes_nodes *nodes = (const bytes_nodes *)(layout->data + tree->nodes);            \
        for (size_t row = 0; row < n_rows; row += WIDTH)                                         \
            add_leaves(layout, tree, row, find(nodes, number, columns + row), sums);             \
    }
PERFECT(sum_depth_1, find_perfect, 1)
PERFECT(sum_depth_2, find_perfect, 2)
PERFECT(sum_depth_3, find_perfect, 3)
PERFECT(sum_depth_4, find_perfect, 4)
PERFECT(sum_depth_5, find_perfect, 5)
PERFECT(sum_depth_6, find_perfect, 6)
PERFECT(sum_depth_7, find_deep, 1)
PERFECT(sum_depth_8, find_deep, 2)

/* All nodes of a general tree; the root's line holds the indexes. */
INLINE const uint8_t *find_general(const bytes_layout *layout, const bytes_tree *tree,
                                   const uint8_t *columns, size_t n_rows, uint8_t *lines)
{
    const bytes_pair *pairs = (const bytes_pair *)(layout->data + tree->nodes);
    const bytes_join *joins = (const bytes_join *)(pairs + tree->n_pairs);
    const bytes_pair *pairs_end = (const bytes_pair *)joins;
    const bytes_join *joins_end = joins + tree->n_joins;
    uint8_t *line = lines + BYTES_LEAVES_MAX * BYTES_ROWS;
    for (const bytes_pair *pair = pairs; pair < pairs_end; pair++, line += BYTES_ROWS) {
        const uint8_t *column = columns + pair->column;
        VECTOR rank = vector_spread(&pair->rank), left = vector_spread(&pair->left);
        VECTOR right = vector_spread(&pair->right);
        for (size_t r = 0; r < n_rows; r += WIDTH) {
            VECTOR decision = vector_decide(vector_load(column + r), rank);
            vector_store(line + r, vector_choose(decision, right, left));
        }
    }
    line -= BYTES_ROWS; /* of the root, when it is the only pair */
    for (const bytes_join *join = joins; join < joins_end; join++) {
        const uint8_t *column = columns + join->column;
        const uint8_t *left = lines + join->left, *right = lines + join->right;
        line = lines + join->result;
        VECTOR rank = vector_spread(&join->rank);
        for (size_t r = 0; r < n_rows; r += WIDTH) {
            VECTOR decision = vector_decide(vector_load(column + r), rank);
            vector_store(line + r,
                         vector_choose(decision, vector_load(right + r), vector_load(left + r)));
        }
    }
    return line;
}

/* A whole block has loops of known length, which are unrolled. */
static void sum_general(const bytes_layout *layout, const bytes_tree *tree, const uint8_t *columns,
                        size_t n_rows, uint8_t *lines, void *sums)
{
    const uint8_t *index = n_rows == BYTES_ROWS
                               ? find_general(layout, tree, columns, BYTES_ROWS, lines)
                               : find_general(layout, tree, columns, n_rows, lines);
    for (size_t row = 0; row < n_rows; row += WIDTH)
        add_leaves(layout, tree, row, vector_load(index + row), sums);
}

/* A tree's sets, into columns behind those of the rows. */
static void ask_sets(const bytes_layout *layout, const bytes_tree *tree, uint8_t *columns,
                     size_t n_rows)
{
    const bytes_set *sets = (const bytes_set *)(layout->data + tree->sets);
    uint8_t *answer = columns + (layout->n_columns + 1) * BYTES_ROWS;
    for (size_t i = 0; i < tree->n_sets; i++, answer += BYTES_ROWS) {
        const uint8_t *place = columns + sets[i].column, *bit = place + BYTES_ROWS;
        for (size_t r = 0; r < n_rows; r += WIDTH)
            vector_store(answer + r, vector_in_set(sets[i].right, vector_load(place + r),
                                                   vector_load(bit + r)));
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

static void begin_sums(const mw_forest *forest, void *sums)
{
    for (size_t m = 0; m < forest->n_margins; m++) {
        for (size_t r = 0; r < BYTES_ROWS; r++) {
            if (forest->sum_float32)
                ((float *)sums)[m * BYTES_ROWS + r] = (float)forest->base_margin[m];
            else
                ((double *)sums)[m * BYTES_ROWS + r] = forest->base_margin[m];
        }
    }
}

static void end_sums(const mw_forest *forest, const predict_block *block, const void *sums)
{
    size_t n = forest->n_margins;
    for (size_t m = 0; m < n; m++) {
        for (size_t r = 0; r < block->n_rows; r++) {
            if (forest->sum_float32)
                ((float *)block->sums)[r * n + m] = ((const float *)sums)[m * BYTES_ROWS + r];
            else
                ((double *)block->sums)[r * n + m] = ((const double *)sums)[m * BYTES_ROWS + r];
        }
    }
}

static void sum_block(const mw_forest *forest, const void *untyped, const predict_block *block)
{
    const bytes_layout *layout = untyped;
    uint8_t *columns = block->memory;
    uint8_t *lines = columns + (layout->n_columns + 1 + layout->n_sets) * BYTES_ROWS;
    uint8_t *numbers = lines + bytes_lines(layout) * BYTES_ROWS;
    void *sums = numbers + layout->n_numbers * BYTES_ROWS;
    assert(block->n_rows <= BYTES_ROWS);
    for (size_t k = 0; k < layout->n_constants; k++)
        memset(lines + k * BYTES_ROWS, (int)k, BYTES_ROWS);
    load_columns(forest, layout, block, columns);
    begin_sums(forest, sums);
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
