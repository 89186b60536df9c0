/* The row kernel, written once for each set of instructions. The includer defines
 *
 *   registers            the first 64 or 128 codes of a row
 *   load_registers(codes, few)
 *   answers_of(registers, columns, ranks, few)   64 questions: bit i = code of columns[i] >=
 * ranks[i] count32(table, x), count64(table, x)         how many of 16 cuts are <= x KERNEL_NAME,
 * KERNEL, usable()
 *
 * Legend: a = answers of a tile, at = question where a walk stands, k = tree of a group. */
#include <assert.h>
#include <math.h>

#include "row.h"
#include "rules.h"

#include "base/banned.h"

#ifndef INLINE
#define INLINE static inline __attribute__((always_inline))
#endif

/* ---- a row becomes codes --------------------------------------------------------------------- */

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

typedef struct row_codes {
    uint8_t code[ROW_CODES];
    const uint64_t *words[ROW_FEATURES_MAX]; /* of the row's category of each feature, by tree */
} row_codes;

/* A code goes to all rules, most of them nowhere: that is quicker than to ask. */
INLINE void put_code(const row_search *search, double x, uint8_t code, bool zero_rules,
                     uint8_t *codes)
{
    bool missing = isnan(x);
    codes[search->code[PREDICT_NAN_LEFT]] = code;
    codes[search->code[PREDICT_NAN_RIGHT]] = missing ? 255 : code;
    codes[search->code[PREDICT_NAN_IS_ZERO]] = missing ? search->zero_code : code;
    if (zero_rules) {
        bool zero = predict_is_zero(x);
        codes[search->code[PREDICT_ZERO_LEFT]] = zero ? 0 : code;
        codes[search->code[PREDICT_ZERO_RIGHT]] = zero || missing ? 255 : code;
    }
}

/* Where the next row's value of a search stands. */
typedef struct row_source {
    const char *row;
    ptrdiff_t step;
} row_source;

INLINE void load_numbers32(const row_layout *layout, row_source from, bool narrow, uint8_t *codes)
{
    for (size_t s = 0; s < layout->cuts->n_searches; s++) {
        const row_search *search = &layout->searches[s];
        const char *at = from.row + (ptrdiff_t)search->feature * from.step;
        float x;
        double wide;
        if (narrow) {
            memcpy(&x, at, sizeof x);
        } else {
            memcpy(&wide, at, sizeof wide);
            x = (float)wide;
        }
        if (search->near_zero && predict_is_zero((double)x))
            x = 0;
        uint8_t code = code32(layout->cuts->cuts32 + s * BYTES_TABLE32, search->small, x);
        put_code(search, (double)x, code, layout->zero_rules, codes);
    }
}

INLINE void load_numbers64(const row_layout *layout, row_source from, uint8_t *codes)
{
    for (size_t s = 0; s < layout->cuts->n_searches; s++) {
        const row_search *search = &layout->searches[s];
        double x;
        memcpy(&x, from.row + (ptrdiff_t)search->feature * from.step, sizeof x);
        if (search->near_zero && predict_is_zero(x))
            x = 0;
        uint8_t code = code64(layout->cuts->cuts64 + s * BYTES_TABLE, search->small, x);
        put_code(search, x, code, layout->zero_rules, codes);
    }
}

static void load_row(const mw_forest *forest, const row_layout *layout, const mw_matrix *rows,
                     size_t row, row_codes *ret)
{
    bool narrow = rows->dtype == MW_FLOAT32;
    ptrdiff_t width = narrow ? (ptrdiff_t)sizeof(float) : (ptrdiff_t)sizeof(double);
    row_source from = {(const char *)rows->data + (ptrdiff_t)row * rows->row_stride * width,
                       rows->column_stride * width};
    if (narrow)
        load_numbers32(layout, from, true, ret->code);
    else if (layout->cuts->float_cuts)
        load_numbers32(layout, from, false, ret->code);
    else
        load_numbers64(layout, from, ret->code);
    for (size_t f = 0; f < layout->cuts->n_codes; f++) {
        const row_categories *of = &layout->categories[f];
        uint8_t number = bytes_number_of(forest, &layout->cuts->codes[f], rows, row, true);
        ret->words[f] = of->words + row_of_number(of, number) * row_table_width(layout);
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

INLINE uint64_t answer_tile(const row_layout *layout, const row_group *group, unsigned k,
                            const row_codes *codes, const registers *row, bool few)
{
    const uint8_t *columns = (const uint8_t *)layout->data + group->tree[k];
    uint64_t answers = answers_of(row, columns, columns + group->span, few);
    for (size_t f = 0; f < layout->n_categories; f++)
        answers |= codes->words[f][group->first_tree + k];
    return answers;
}

/* One that stands behind the tile. */
INLINE size_t answer_one(const uint8_t *columns, size_t span, const row_codes *codes, size_t at)
{
    return codes->code[columns[at]] >= columns[span + at];
}

/* ---- walks: the numbers of eight leaves, from the group's first_leaf on ---------------------- */

/* The loop over the trees of a group: unrolled, what they have in common stays in registers. */
#define EACH_TREE _Pragma("GCC unroll 8") for (unsigned k = 0; k < ROW_GROUP; k++)

INLINE void walk_oblivious(const row_layout *layout, const row_group *group, const row_codes *codes,
                           const registers *row, bool few, size_t *ret_leaf)
{
    uint64_t a = answer_tile(layout, group, 0, codes, row, few);
    EACH_TREE
    ret_leaf[k] = a >> 8 * k & 255;
}

/* No branch depends on the row, so the processor overlaps the trees by itself; the questions behind
 * the tile wait for memory, and go side by side. */
INLINE size_t walk_tile(uint64_t a, unsigned depth)
{
    size_t at = 1;
    for (unsigned level = 0; level < depth && level < ROW_TILE_DEPTH; level++)
        at = 2 * at + (a >> at & 1);
    return at;
}

INLINE void walk_perfect(const row_layout *layout, const row_group *group, unsigned depth,
                         const row_codes *codes, const registers *row, bool few, size_t *ret_leaf)
{
    size_t span = depth > ROW_TILE_DEPTH ? (size_t)1 << depth : ROW_TILE;
    EACH_TREE
    {
        ret_leaf[k] = walk_tile(answer_tile(layout, group, k, codes, row, few), depth);
    }
    for (unsigned level = ROW_TILE_DEPTH; level < depth; level++) {
        EACH_TREE
        {
            const uint8_t *columns = (const uint8_t *)layout->data + group->tree[k];
            ret_leaf[k] = 2 * ret_leaf[k] + answer_one(columns, span, codes, ret_leaf[k]);
        }
    }
}

INLINE void walk_narrow(const row_layout *layout, const row_group *group, const row_codes *codes,
                        const registers *row, bool few, size_t *ret_leaf)
{
    enum { STEPS = 4 }; /* between two looks whether all have arrived */
    uint64_t a[ROW_GROUP];
    size_t at[ROW_GROUP] = {0};
    const uint8_t *next[ROW_GROUP];
    EACH_TREE
    {
        a[k] = answer_tile(layout, group, k, codes, row, few);
        next[k] = (const uint8_t *)layout->data + group->tree[k] + 2 * ROW_TILE;
    }
    for (unsigned level = 0; level < group->depth; level += STEPS) {
        size_t arrived = ROW_TILE;
        for (unsigned step = 0; step < STEPS; step++) {
            EACH_TREE
            at[k] = next[k][2 * at[k] + (a[k] >> at[k] % 64 & 1)];
        }
        EACH_TREE
        arrived &= at[k];
        if (arrived)
            break;
    }
    EACH_TREE
    ret_leaf[k] = at[k];
}

/* In the tile by its answers, then one by one: a walk that has arrived waits. */
INLINE void walk_wide(const row_layout *layout, const row_group *group, const row_codes *codes,
                      const registers *row, bool few, size_t *ret_leaf)
{
    uint64_t a[ROW_GROUP];
    size_t at[ROW_GROUP] = {0};
    const uint8_t *columns[ROW_GROUP];
    EACH_TREE
    {
        a[k] = answer_tile(layout, group, k, codes, row, few);
        columns[k] = (const uint8_t *)layout->data + group->tree[k];
    }
    for (bool inside = true; inside;) {
        inside = false;
        EACH_TREE
        {
            const uint16_t *next = (const uint16_t *)(columns[k] + 2 * ROW_LEAVES_MAX);
            size_t to = next[(2 * at[k] + (a[k] >> at[k] % 64 & 1)) % (2 * ROW_LEAVES_MAX)];
            at[k] = at[k] < ROW_TILE ? to : at[k];
            inside |= at[k] < ROW_TILE;
        }
    }
    for (bool inside = true; inside;) {
        inside = false;
        EACH_TREE
        {
            const uint16_t *next = (const uint16_t *)(columns[k] + 2 * ROW_LEAVES_MAX);
            size_t here = at[k] % ROW_LEAVES_MAX;
            size_t to = next[2 * here + answer_one(columns[k], ROW_LEAVES_MAX, codes, here)];
            at[k] = at[k] < ROW_LEAVES_MAX ? to : at[k];
            inside |= at[k] < ROW_LEAVES_MAX;
        }
    }
    EACH_TREE
    ret_leaf[k] = at[k];
}

/* ---- sums ------------------------------------------------------------------------------------ */

INLINE void walk_group(const row_layout *layout, const row_group *group, const row_codes *codes,
                       const registers *row, bool few, size_t *ret_leaf)
{
#define PERFECT(d)                                                 \
    case d:                                                        \
        walk_perfect(layout, group, d, codes, row, few, ret_leaf); \
        return
    switch (group->form) {
    case ROW_OBLIVIOUS:
        walk_oblivious(layout, group, codes, row, few, ret_leaf);
        return;
    case ROW_NARROW:
        walk_narrow(layout, group, codes, row, few, ret_leaf);
        return;
    case ROW_WIDE:
        walk_wide(layout, group, codes, row, few, ret_leaf);
        return;
    case ROW_PERFECT:
        break;
    }
    switch (group->depth) {
        PERFECT(1);
        PERFECT(2);
        PERFECT(3);
        PERFECT(4);
        PERFECT(5);
        PERFECT(6);
        PERFECT(7);
        PERFECT(8);
    default:
        assert(false);
    }
#undef PERFECT
}

static void fetch_group(const row_layout *layout, const row_group *group)
{
    for (unsigned k = 0; k < group->n_trees; k++) {
        __builtin_prefetch(layout->data + group->tree[k]);
        __builtin_prefetch(layout->data + group->tree[k] + group->span);
    }
}

/* All trees add to one sum: it stays in a register. */
#define SUM_ONE(name, few, real)                                                                \
    static void name(const mw_forest *forest, const row_layout *layout, const row_codes *codes, \
                     void *sums)                                                                \
    {                                                                                           \
        (void)forest;                                                                           \
        registers row = load_registers(codes->code, few);                                       \
        real sum = *(real *)sums;                                                               \
        for (size_t g = 0; g < layout->n_groups; g++) {                                         \
            const row_group *group = &layout->groups[g];                                        \
            size_t leaf[ROW_GROUP];                                                             \
            fetch_group(layout, group + (g + 1 < layout->n_groups));                            \
            walk_group(layout, group, codes, &row, few, leaf);                                  \
            for (unsigned k = 0; k < group->n_trees; k++)                                       \
                sum += ((const real *)(layout->data + group->leaves[k]))[leaf[k]];              \
        }                                                                                       \
        *(real *)sums = sum;                                                                    \
    }
SUM_ONE(sum_one_few32, true, float)
SUM_ONE(sum_one_few64, true, double)
SUM_ONE(sum_one_many32, false, float)
SUM_ONE(sum_one_many64, false, double)

/* Trees add to sums of their own. */
#define SUM_EACH(name, few, real)                                                               \
    static void name(const mw_forest *forest, const row_layout *layout, const row_codes *codes, \
                     void *sums)                                                                \
    {                                                                                           \
        registers row = load_registers(codes->code, few);                                       \
        for (size_t g = 0; g < layout->n_groups; g++) {                                         \
            const row_group *group = &layout->groups[g];                                        \
            const uint32_t *output = forest->tree_output + group->first_tree;                   \
            size_t leaf[ROW_GROUP];                                                             \
            fetch_group(layout, group + (g + 1 < layout->n_groups));                            \
            walk_group(layout, group, codes, &row, few, leaf);                                  \
            for (unsigned k = 0; k < group->n_trees; k++)                                       \
                ((real *)sums)[output[k]] +=                                                    \
                    ((const real *)(layout->data + group->leaves[k]))[leaf[k]];                 \
        }                                                                                       \
    }
SUM_EACH(sum_each_few32, true, float)
SUM_EACH(sum_each_few64, true, double)
SUM_EACH(sum_each_many32, false, float)
SUM_EACH(sum_each_many64, false, double)

static void add_vector(const mw_forest *forest, const row_layout *layout, const row_group *group,
                       unsigned k, size_t leaf, void *sums)
{
    size_t tree = group->first_tree + k, n = row_outputs(forest, tree);
    size_t output = forest->tree_output[tree] == MW_ALL_OUTPUTS ? 0 : forest->tree_output[tree];
    const char *leaves = layout->data + group->leaves[k];
    for (size_t i = 0; i < n; i++) {
        if (forest->sum_float32)
            ((float *)sums)[output + i] += ((const float *)leaves)[leaf * n + i];
        else
            ((double *)sums)[output + i] += ((const double *)leaves)[leaf * n + i];
    }
}

/* Leaves of several outputs. Codes behind the few are 0, so that all of them may be looked up. */
static void sum_vectors(const mw_forest *forest, const row_layout *layout, const row_codes *codes,
                        void *sums)
{
    registers row = load_registers(codes->code, false);
    for (size_t g = 0; g < layout->n_groups; g++) {
        const row_group *group = &layout->groups[g];
        size_t leaf[ROW_GROUP];
        walk_group(layout, group, codes, &row, false, leaf);
        for (unsigned k = 0; k < group->n_trees; k++)
            add_vector(forest, layout, group, k, leaf[k], sums);
    }
}

typedef void sum_kind(const mw_forest *forest, const row_layout *layout, const row_codes *codes,
                      void *sums);

static sum_kind *kind_of(const mw_forest *forest, const row_layout *layout)
{
    static sum_kind *const kinds[2][2][2] = {
        {{sum_each_many64, sum_each_many32}, {sum_each_few64, sum_each_few32}},
        {{sum_one_many64, sum_one_many32}, {sum_one_few64, sum_one_few32}}};
    if (layout->vector_leaves)
        return sum_vectors;
    return kinds[forest->n_margins == 1][layout->few][forest->sum_float32];
}

static void sum_block(const mw_forest *forest, const void *untyped, const predict_block *block)
{
    const row_layout *layout = untyped;
    row_codes *codes = block->memory;
    size_t width = forest->sum_float32 ? sizeof(float) : sizeof(double);
    sum_kind *sum = kind_of(forest, layout);
    memset(codes->code, 0, sizeof codes->code);
    for (size_t r = 0; r < block->n_rows; r++) {
        char *sums = (char *)block->sums + r * forest->n_margins * width;
        for (size_t m = 0; m < forest->n_margins; m++) {
            if (forest->sum_float32)
                ((float *)sums)[m] = (float)forest->base_margin[m];
            else
                ((double *)sums)[m] = forest->base_margin[m];
        }
        load_row(forest, layout, block->rows, block->first + r, codes);
        sum(forest, layout, codes, sums);
    }
}

static size_t memory_bytes(const mw_forest *forest, const void *layout)
{
    (void)forest;
    (void)layout;
    return sizeof(row_codes);
}

const predict_kernel KERNEL = {
    .name = KERNEL_NAME,
    .block_rows = PREDICT_BLOCK_ROWS,
    .usable = usable,
    .lay_out = row_layout_make,
    .free_layout = row_layout_free,
    .layout_bytes = row_layout_bytes,
    .memory_bytes = memory_bytes,
    .sum = sum_block,
};
