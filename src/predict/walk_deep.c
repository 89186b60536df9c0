/* Deep walks: eight rows through one tree, or one row through eight trees; see walk_deep.h. */
#include "walk_deep.h"

#include <assert.h>

#include "rules.h"

#include "base/banned.h"

#define INLINE static inline __attribute__((always_inline))

/* For each lane, its number a constant. */
#define EACH_LANE(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)

/* ---- values become codes --------------------------------------------------------------------- */

INLINE uint32_t number_code(const deep_layout *layout, uint32_t feature, double x)
{
    return layout->ranked ? deep_rank(layout, feature, x) : deep_code_of_float((float)x);
}

/* By the rule of a column; x as the trees see it. */
INLINE uint32_t code_of(const deep_layout *layout, predict_rule rule, uint32_t feature, double x)
{
    bool nan = isnan(x);
    switch (rule) {
    case PREDICT_NAN_LEFT:
        return nan ? DEEP_LEFT : number_code(layout, feature, x);
    case PREDICT_NAN_RIGHT:
        return nan ? DEEP_RIGHT : number_code(layout, feature, x);
    case PREDICT_NAN_IS_ZERO:
        return number_code(layout, feature, nan ? 0 : x);
    case PREDICT_ZERO_LEFT:
        return nan || predict_is_zero(x) ? DEEP_LEFT : number_code(layout, feature, x);
    default:
        return nan || predict_is_zero(x) ? DEEP_RIGHT : number_code(layout, feature, x);
    }
}

/* Row `row` into lane 0 of a pack; codes + lane for another one. */
static void load_row(const mw_forest *forest, const deep_layout *layout, const mw_matrix *rows,
                     size_t row, uint32_t *codes)
{
    const predict_columns *columns = &layout->columns;
    codes[0] = DEEP_LEFT;
    for (predict_rule rule = 0; rule < PREDICT_SET_NAN_OUT; rule++) {
        for (size_t c = columns->begin[rule]; c < columns->begin[rule + 1]; c++) {
            uint32_t feature = columns->feature[c];
            double x = predict_value(forest->input, predict_read(rows, row, feature));
            codes[c * DEEP_LANES] = code_of(layout, rule, feature, x);
        }
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* Distance and comparison are added in 32 bits: one addition with carry. */
INLINE const deep_node *next(const deep_node *at, const uint32_t *codes)
{
    enum { MASK = (1 << DEEP_COLUMN_BITS) - 1, SCALE = DEEP_LANES * sizeof *codes / 4 };
    uint32_t link = at->link, distance = link >> DEEP_COLUMN_BITS, code;
    memcpy(&code, (const char *)codes + (size_t)(link & MASK) * SCALE, sizeof code);
    distance += at->key < code;
    return at + distance;
}

enum { STEPS = 4 }; /* between two looks whether all have arrived */

/* All lanes from BEGIN(k) by STEP(k) to their leaves. */
#define LOOK(k) on_the_way |= at[k]->link;
#define END(k) ret_leaf[k] = at[k]->key;
#define WALK                                            \
    const deep_node *at[DEEP_LANES];                    \
    uint32_t on_the_way;                                \
    EACH_LANE(BEGIN)                                    \
    do {                                                \
        for (unsigned step = 0; step < STEPS; step++) { \
            EACH_LANE(STEP)                             \
        }                                               \
        on_the_way = 0;                                 \
        EACH_LANE(LOOK)                                 \
    } while (on_the_way >> DEEP_COLUMN_BITS);           \
    EACH_LANE(END)

INLINE void walk_pack(const deep_node *root, const uint32_t *codes, uint32_t *ret_leaf)
{
#define BEGIN(k) at[k] = root;
#define STEP(k) at[k] = next(at[k], codes + k);
    WALK
#undef BEGIN
#undef STEP
}

/* One row, whose codes are lane 0 of a pack; trees of the last group repeat. */
INLINE void walk_trees(const deep_layout *layout, size_t first, size_t n_trees,
                       const uint32_t *codes, uint32_t *ret_leaf)
{
#define BEGIN(k) at[k] = layout->nodes + layout->trees[first + (k < n_trees ? k : 0)].root;
#define STEP(k) at[k] = next(at[k], codes);
    WALK
#undef BEGIN
#undef STEP
}

#undef WALK

/* ---- leaves ---------------------------------------------------------------------------------- */

/* The value of a leaf, or its values, onto a row's sums. */
INLINE void add_leaf(const deep_layout *layout, const deep_tree *tree, uint32_t leaf,
                     size_t n_margins, void *sums, size_t row)
{
    size_t n = 1, to = row * n_margins + tree->output;
    if (tree->output == MW_ALL_OUTPUTS) {
        n = n_margins;
        to = row * n_margins;
    }
    if (layout->sum_float32) {
        const float *values = (const float *)layout->values + leaf;
        for (size_t i = 0; i < n; i++)
            ((float *)sums)[to + i] += values[i];
    } else {
        const double *values = (const double *)layout->values + leaf;
        for (size_t i = 0; i < n; i++)
            ((double *)sums)[to + i] += values[i];
    }
}

static void begin_sums(const mw_forest *forest, size_t n_rows, void *sums)
{
    for (size_t i = 0; i < n_rows * forest->n_margins; i++) {
        double base = forest->base_margin[i % forest->n_margins];
        if (forest->sum_float32)
            ((float *)sums)[i] = (float)base;
        else
            ((double *)sums)[i] = base;
    }
}

/* ---- few rows, many rows --------------------------------------------------------------------- */

static void sum_row(const deep_layout *layout, const uint32_t *codes, size_t n_margins, void *sums,
                    size_t row)
{
    for (size_t first = 0; first < layout->n_trees; first += DEEP_LANES) {
        size_t left = layout->n_trees - first, n = left < DEEP_LANES ? left : DEEP_LANES;
        uint32_t leaf[DEEP_LANES];
        walk_trees(layout, first, n, codes, leaf);
        for (size_t k = 0; k < n; k++)
            add_leaf(layout, &layout->trees[first + k], leaf[k], n_margins, sums, row);
    }
}

/* Bytes asked for while a pack is walked: with few packs, most of a tree is not needed. */
enum { PREFETCH_MAX = 4096 };

/* Packs of a chunk through all trees. While they go through one, the next is fetched. */
static void sum_packs(const deep_layout *layout, const uint32_t *codes, size_t first_row,
                      size_t n_rows, size_t n_margins, void *sums)
{
    size_t pack_codes = layout->columns.n_columns * DEEP_LANES;
    size_t n_packs = (n_rows + DEEP_LANES - 1) / DEEP_LANES;
    for (const deep_tree *tree = layout->trees; tree < layout->trees + layout->n_trees; tree++) {
        const char *ahead = (const char *)(layout->nodes + tree[1].root);
        size_t next_bytes = 0;
        if (tree + 1 < layout->trees + layout->n_trees)
            next_bytes = (tree[2].root - tree[1].root) * sizeof(deep_node);
        size_t pack_bytes = next_bytes / n_packs;
        if (pack_bytes > PREFETCH_MAX)
            pack_bytes = PREFETCH_MAX;
        for (size_t p = 0; p < n_packs; p++) {
            uint32_t leaf[DEEP_LANES];
            for (size_t b = 0; b < pack_bytes; b += PREDICT_LINE)
                __builtin_prefetch(ahead + p * pack_bytes + b);
            walk_pack(layout->nodes + tree->root, codes + p * pack_codes, leaf);
            size_t left = n_rows - p * DEEP_LANES, n = left < DEEP_LANES ? left : DEEP_LANES;
            for (size_t k = 0; k < n; k++)
                add_leaf(layout, tree, leaf[k], n_margins, sums, first_row + p * DEEP_LANES + k);
        }
    }
}

static void sum_chunk(const mw_forest *forest, const deep_layout *layout,
                      const predict_block *block, size_t begin, size_t n_rows)
{
    enum { FEW = 8 }; /* fewer rows are faster one by one */
    uint32_t *codes = block->memory;
    size_t pack_codes = layout->columns.n_columns * DEEP_LANES;
    if (n_rows < FEW) {
        for (size_t r = begin; r < begin + n_rows; r++) {
            load_row(forest, layout, block->rows, block->first + r, codes);
            sum_row(layout, codes, forest->n_margins, block->sums, r);
        }
        return;
    }
    for (size_t r = 0; r < n_rows; r++)
        load_row(forest, layout, block->rows, block->first + begin + r,
                 codes + r / DEEP_LANES * pack_codes + r % DEEP_LANES);
    /* The last pack is filled up with its first row. */
    for (size_t r = n_rows; r % DEEP_LANES != 0; r++) {
        uint32_t *pack = codes + r / DEEP_LANES * pack_codes;
        for (size_t c = 0; c < layout->columns.n_columns; c++)
            pack[c * DEEP_LANES + r % DEEP_LANES] = pack[c * DEEP_LANES];
    }
    sum_packs(layout, codes, begin, n_rows, forest->n_margins, block->sums);
}

static void sum_block(const mw_forest *forest, const void *untyped, const predict_block *block)
{
    const deep_layout *layout = untyped;
    assert(block->n_rows <= DEEP_ROWS);
    begin_sums(forest, block->n_rows, block->sums);
    for (size_t begin = 0; begin < block->n_rows; begin += layout->chunk_rows) {
        size_t left = block->n_rows - begin;
        sum_chunk(forest, layout, block, begin,
                  left < layout->chunk_rows ? left : layout->chunk_rows);
    }
}

static size_t memory_bytes(const mw_forest *forest, const void *untyped)
{
    (void)forest;
    const deep_layout *layout = untyped;
    return layout->chunk_rows * layout->columns.n_columns * sizeof(uint32_t);
}

const predict_kernel predict_deep = {
    .name = "deep",
    .block_rows = DEEP_ROWS,
    .lay_out = deep_layout_make,
    .free_layout = deep_layout_free,
    .layout_bytes = deep_layout_bytes,
    .memory_bytes = memory_bytes,
    .sum = sum_block,
};
