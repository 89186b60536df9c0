/* The row kernel, written once for each set of instructions. The includer defines
 *
 *   LANES                     trees of a block, bytes of a vector
 *   lanes, mask               a byte a lane; a decision a lane
 *   load_lanes(p), put_lanes(p, lanes), no_lanes(), unite(lanes, lanes)
 *   choose(mask, a, b)        b where the decision is 1
 *   passes(codes, ranks)      code > rank, signed
 *   either(mask, mask)
 *   add_to_all(at, number), add_lanes(a, b), one_a_lane()
 *   bias(codes)               as signed bytes
 *   add_bit(at, mask, bit)    at + bit where the decision is 1; at has it not yet
 *   has_bit(plane, at)        bit at % 8 of the plane
 *   list_lanes(word, first, list)   first + the numbers of the bits that are set; how many
 *   word_of(mask)             bit k: lane k
 *   put_places(at, first, depth, places)   places[k] = first + (k << depth) + at[k]
 *   registers                 the codes of a row
 *   load_registers(codes, few)
 *   look_up(registers, columns, few)       the code of each lane's column
 *   answer_piece(registers, piece, few)    its questions, as bits
 *   exit_of(piece, answers)
 *   count32(table, x), count64(table, x)   how many of 16 cuts are <= x
 *   count_runs_float(pivots, n, x, runs), count_runs_double   of eight searches: 16 times the
 * number of the first n pivots that are <= x SEARCHES_FLOATS           if it has
 * search_floats(layout, row, codes, missing): of all searches, whose rules do not ask for zeros;
 * missing: 1 KERNEL_NAME, KERNEL, usable() WIDE if it has look_up_wide(registers, columns): the
 * code of each lane's column among the ROW_SEARCHES of wide_registers, load_wide(codes)
 *   EXITS                     if one row adds values from exits: 32 lanes are too few for it
 *
 * Legend: at = exit of a top so far, k = lane, p = where a level's questions stand. */
#include <assert.h>
#include <math.h>

#include "row.h"
#include "rules.h"

#include "base/banned.h"

#ifndef INLINE
#define INLINE static inline __attribute__((always_inline))
#endif

/* ---- a row becomes codes --------------------------------------------------------------------- */

typedef struct row_codes {
    uint8_t code[2 * ROW_SEARCHES]; /* wide: missing ones pass nothing, then the same, but all */
    bool misses;                    /* wide: some value */
    const char *sets[ROW_FEATURES_MAX]; /* the table's row of each feature's category */
} row_codes;

/* Of each search: its code, and whether the value is missing or zero. */
typedef struct row_found {
    uint8_t code[ROW_SEARCHES], missing[ROW_SEARCHES], zero[ROW_SEARCHES];
} row_found;

/* A row, whose values stand `step` bytes apart. */
typedef struct row_source {
    const char *row;
    ptrdiff_t step;
    bool narrow;
} row_source;

/* The values that searches look at. A step that is known to the compiler, as it mostly is, saves
 * half of the work. */
#define GATHER(name, real, from_type)                                                           \
    INLINE void name(const row_layout *layout, const row_source *from, ptrdiff_t step, real *x) \
    {                                                                                           \
        for (size_t s = 0; s < layout->cuts->n_searches; s++) {                                 \
            from_type value;                                                                    \
            memcpy(&value, from->row + (ptrdiff_t)layout->features[s] * step, sizeof value);    \
            x[s] = (real)value;                                                                 \
        }                                                                                       \
    }
GATHER(gather32, float, float)
GATHER(gather_rounded, float, double)
GATHER(gather64, double, double)
#undef GATHER

INLINE void gather_floats(const row_layout *layout, const row_source *from, float *x)
{
    if (!from->narrow)
        gather_rounded(layout, from, from->step, x);
    else if (from->step == sizeof(float))
        gather32(layout, from, sizeof(float), x);
    else
        gather32(layout, from, from->step, x);
}

INLINE void gather_doubles(const row_layout *layout, const row_source *from, double *x)
{
    gather64(layout, from, from->step, x);
}

#define SEARCH(name, real, gather, count, tables, table, pivots)                                   \
    static void name(const row_layout *layout, const row_source *from, row_found *ret)             \
    {                                                                                              \
        const bytes_layout *of = layout->cuts;                                                     \
        real x[ROW_SEARCHES];                                                                      \
        uint32_t run[ROW_SEARCHES];                                                                \
        gather(layout, from, x);                                                                   \
        for (size_t s = of->n_searches; s < ROW_TOGETHER * layout->n_together; s++)                \
            x[s] = 0;                                                                              \
        for (size_t t = 0; t < layout->n_together; t++)                                            \
            count_runs_##real(layout->pivots + t * ROW_PIVOTS * ROW_TOGETHER, layout->n_pivots[t], \
                              x + t * ROW_TOGETHER, run + t * ROW_TOGETHER);                       \
        const real *cuts = of->tables + BYTES_PIVOTS;                                              \
        for (size_t s = 0; s < of->n_searches; s++, cuts += table)                                 \
            ret->code[s] = (uint8_t)(run[s] + count(cuts + run[s], x[s]));                         \
        for (size_t s = 0; s < ROW_TOGETHER * layout->n_together; s++)                             \
            ret->missing[s] = x[s] != x[s];                                                        \
        for (size_t s = 0; layout->zero_rules && s < of->n_searches; s++)                          \
            ret->zero[s] = predict_is_zero((double)x[s]);                                          \
    }
SEARCH(search32, float, gather_floats, count32, cuts32, BYTES_TABLE32, pivots32)
SEARCH(search64, double, gather_doubles, count64, cuts64, BYTES_TABLE, pivots64)
#undef SEARCH

INLINE void search_row(const row_layout *layout, const row_source *from, row_found *ret)
{
#ifdef SEARCHES_FLOATS
    if (from->narrow && from->step == sizeof(float) && !layout->zero_rules) {
        search_floats(layout, from->row, ret->code, ret->missing);
        return;
    }
#endif
    if (from->narrow || layout->cuts->float_cuts)
        search32(layout, from, ret);
    else
        search64(layout, from, ret);
}

/* LANES columns from c on: a column has the code of its search, but for missing values what its
 * rule says. */
INLINE lanes columns_at(const row_layout *layout, size_t c, const registers *code,
                        const registers *missing, bool few)
{
    lanes search = load_lanes((const char *)layout->columns.search + c);
    lanes on_missing = load_lanes((const char *)layout->columns.on_missing + c);
    mask is_missing = passes(look_up(missing, search, few), no_lanes());
    return choose(is_missing, bias(look_up(code, search, few)), on_missing);
}

/* With the rules about zeros. */
INLINE void put_columns(const row_layout *layout, const row_found *found, bool few, uint8_t *codes)
{
    registers code = load_registers(found->code, few),
              missing = load_registers(found->missing, few);
    for (size_t c = 0; c < (few ? ROW_COLUMNS_FEW : ROW_COLUMNS); c += LANES) {
        lanes all = columns_at(layout, c, &code, &missing, few);
        if (layout->zero_rules) {
            registers zero = load_registers(found->zero, few);
            lanes search = load_lanes((const char *)layout->columns.search + c);
            lanes asks = load_lanes((const char *)layout->columns.asks_zero + c);
            lanes on_zero = load_lanes((const char *)layout->columns.on_zero + c);
            mask is_zero = passes(add_lanes(look_up(&zero, search, few), asks), one_a_lane());
            all = choose(is_zero, all, on_zero);
        }
        put_lanes((char *)codes + c, all);
    }
}

/* Places behind the last search are never looked up. */
INLINE void put_wide(const row_layout *layout, const row_found *found, row_codes *ret)
{
    uint64_t missing = 0;
    for (size_t s = 0; s < ROW_TOGETHER * layout->n_together; s++)
        missing |= found->missing[s];
    ret->misses = missing != 0;
    for (size_t s = 0; s < ROW_SEARCHES; s += LANES) {
        lanes code = bias(load_lanes((const char *)found->code + s));
        mask is_missing = passes(load_lanes((const char *)found->missing + s), no_lanes());
        put_lanes((char *)ret->code + s, code);
        put_lanes((char *)ret->code + ROW_SEARCHES + s,
                  choose(is_missing, code, add_to_all(no_lanes(), bytes_stored_rank(255))));
    }
}

#ifdef SEARCHES_FLOATS
/* The most usual row: nothing is put down before its codes are whole. */
INLINE void load_few(const row_layout *layout, const char *row, uint8_t *ret_codes)
{
    registers code, missing;
    search_few(layout, row, &code, &missing);
    put_lanes((char *)ret_codes, columns_at(layout, 0, &code, &missing, true));
}
#endif

static void load_row(const mw_forest *forest, const row_layout *layout, const mw_matrix *rows,
                     size_t row, row_codes *ret)
{
    bool narrow = rows->dtype == MW_FLOAT32;
    ptrdiff_t width = narrow ? (ptrdiff_t)sizeof(float) : (ptrdiff_t)sizeof(double);
    row_source from = {(const char *)rows->data + (ptrdiff_t)row * rows->row_stride * width,
                       rows->column_stride * width, narrow};
#ifdef SEARCHES_FLOATS
    if (layout->few && narrow && from.step == sizeof(float) && !layout->zero_rules &&
        layout->cuts->n_codes == 0) {
        load_few(layout, from.row, ret->code);
        return;
    }
#endif
    row_found found;
    search_row(layout, &from, &found);
    if (layout->wide)
        put_wide(layout, &found, ret);
    else if (layout->few)
        put_columns(layout, &found, true, ret->code);
    else
        put_columns(layout, &found, false, ret->code);
    for (size_t f = 0; f < layout->cuts->n_codes; f++) {
        const row_categories *of = &layout->categories[f];
        uint8_t number = bytes_number_of(forest, &layout->cuts->codes[f], rows, row, true);
        ret->sets[f] = of->rows + row_of_number(of, number) * layout->table_row_bytes;
    }
}

/* ---- tops ------------------------------------------------------------------------------------ */

/* What stands at each lane's place among 2^n vectors, `step` bytes from one to the next: the first
 * answer chooses between neighbours, and is the one that is known first. */
INLINE lanes fold0(const char *p, size_t step, const mask *went)
{
    (void)step;
    (void)went;
    return load_lanes(p);
}
#define FOLD(n, m)                                                                            \
    INLINE lanes fold##n(const char *p, size_t step, const mask *went)                        \
    {                                                                                         \
        return choose(went[m], fold##m(p, step, went), fold##m(p + (step << m), step, went)); \
    }
FOLD(1, 0)
FOLD(2, 1)
FOLD(3, 2)
FOLD(4, 3)
FOLD(5, 4)
FOLD(6, 5)
FOLD(7, 6)
#undef FOLD

INLINE lanes fold(const char *p, size_t step, unsigned n, const mask *went)
{
    switch (n) {
    case 0:
        return fold0(p, step, went);
    case 1:
        return fold1(p, step, went);
    case 2:
        return fold2(p, step, went);
    case 3:
        return fold3(p, step, went);
    case 4:
        return fold4(p, step, went);
    case 5:
        return fold5(p, step, went);
    case 6:
        return fold6(p, step, went);
    default:
        return fold7(p, step, went);
    }
}

/* A bit for each place of a top, in planes of 8: that of place `at`, chosen by the answers that are
 * its bits from 3 on. */
INLINE mask bit_at(const char *planes, unsigned n_bits, lanes at, const mask *went)
{
    return has_bit(fold(planes, LANES, n_bits > 3 ? n_bits - 3 : 0, went + 3), at);
}

/* The planes of a block's questions about categories. */
INLINE void gather_planes(const row_layout *layout, const row_block *block, const row_codes *codes,
                          char *ret_planes)
{
    for (size_t plane = 0; plane < row_planes(block); plane++) {
        size_t at = block->set_planes + plane * LANES;
        lanes all = load_lanes(codes->sets[0] + at);
        for (size_t f = 1; f < layout->n_categories; f++)
            all = unite(all, load_lanes(codes->sets[f] + at));
        put_lanes(ret_planes + plane * LANES, all);
    }
}

/* The question at place `at` of a level is bit 2^level + at of the planes. */
INLINE mask in_sets(const char *planes, unsigned level, lanes at, const mask *went)
{
    if (level < 3)
        return has_bit(load_lanes(planes), add_to_all(at, 1u << level));
    return bit_at(planes + (LANES << (level - 3)), level, at, went);
}

/* A case for each depth of a top. */
#define EVERY_TOP TOP(1) TOP(2) TOP(3) TOP(4) TOP(5) TOP(6) TOP(7) TOP(8)

/* ---- tops, walked -----------------------------------------------------------------------------
 */

typedef struct top_walk {
    lanes at;
    mask went[ROW_DEPTH_MAX];
} top_walk;

/* Of the two last levels, which are long and rare. */
#define FOLD_LONG(name, step)                                                                    \
    static __attribute__((noinline)) lanes name(const char *p, unsigned level, const mask *went) \
    {                                                                                            \
        return level == 6 ? fold6(p, step, went) : fold7(p, step, went);                         \
    }
FOLD_LONG(fold_long, 2 * LANES)

/* `planes` is NULL where nobody asks about categories. */
INLINE void walk_level(const registers *row, const char *questions, const char *planes,
                       unsigned level, bool few, top_walk *walk)
{
    const char *p = questions + 2 * LANES * (((size_t)1 << level) - 1);
    bool is_long = level > 5;
    lanes columns =
        is_long ? fold_long(p, level, walk->went) : fold(p, 2 * LANES, level, walk->went);
    lanes ranks = is_long ? fold_long(p + LANES, level, walk->went)
                          : fold(p + LANES, 2 * LANES, level, walk->went);
    mask right = passes(look_up(row, columns, few), ranks);
    if (planes)
        right = either(right, in_sets(planes, level, walk->at, walk->went));
    walk->went[level] = right;
    walk->at = add_bit(walk->at, right, 1u << level);
}

INLINE void walk_top(const registers *row, const char *questions, const char *planes,
                     unsigned depth, bool few, top_walk *walk)
{
    walk->at = no_lanes();
#define LEVEL(d)   \
    if (depth > d) \
    walk_level(row, questions, planes, d, few, walk)
    LEVEL(0);
    LEVEL(1);
    LEVEL(2);
    LEVEL(3);
    LEVEL(4);
    LEVEL(5);
    LEVEL(6);
    LEVEL(7);
#undef LEVEL
}

INLINE lanes walk_oblivious(const registers *row, const char *p, const char *planes, unsigned depth,
                            bool few)
{
    lanes at = no_lanes();
    _Pragma("GCC unroll 8") for (unsigned level = 0; level < depth; level++, p += 2 * LANES)
    {
        mask right = passes(look_up(row, load_lanes(p), few), load_lanes(p + LANES));
        if (planes)
            right = either(right, has_bit(load_lanes(planes), add_to_all(no_lanes(), level)));
        at = add_bit(at, right, 1u << level);
    }
    return at;
}

/* Trees of levels that are not equally deep or have more than eight: what a lane lacks is answered
 * with no. `low`, `high`: where they end, a byte each. */
INLINE void put_levels(const row_layout *layout, const row_block *block, lanes low, lanes high,
                       uint32_t *ret_places)
{
    const uint32_t *start = layout->starts + block->first_tree;
    uint8_t at[LANES], above[LANES];
    put_lanes((char *)at, low);
    put_lanes((char *)above, high);
    for (size_t k = 0; k < LANES; k++)
        ret_places[k] = start[k] + (at[k] | (uint32_t)above[k] << 8);
}

/* Levels of the low byte. */
INLINE unsigned low_levels(const row_block *block)
{
    return block->depth < 8 ? block->depth : 8;
}

INLINE void walk_levels(const row_layout *layout, const row_block *block, const char *planes,
                        const registers *row, bool few, uint32_t *ret_places)
{
    const char *questions = layout->data + block->questions;
    unsigned n = low_levels(block);
    lanes low = walk_oblivious(row, questions, planes, n, few);
    lanes high = walk_oblivious(row, questions + 2 * LANES * (size_t)n,
                                planes ? planes + LANES : NULL, block->depth - n, few);
    put_levels(layout, block, low, high, ret_places);
}

/* Where the trees of a block end, as places among the values. The lanes whose walk goes on. A walk
 * each: its answers stay in registers, but for the deepest two. */
INLINE uint64_t walk_block(const row_layout *layout, const row_block *block, const char *planes,
                           const registers *row, bool few, uint32_t *ret_places)
{
    const char *questions = layout->data + block->questions;
    const char *going_on = layout->data + block->going_on;
    lanes at;
    if (block->by_starts) {
        walk_levels(layout, block, planes, row, few, ret_places);
        return 0;
    }
    switch (block->depth + block->oblivious * (ROW_DEPTH_MAX + 1)) {
#define TOP(d)                                                                        \
    case d: {                                                                         \
        top_walk walk;                                                                \
        walk_top(row, questions, planes, d, few, &walk);                              \
        put_places(walk.at, block->first_value, d, ret_places);                       \
        return block->goes_on ? word_of(bit_at(going_on, d, walk.at, walk.went)) : 0; \
    }                                                                                 \
    case d + ROW_DEPTH_MAX + 1:                                                       \
        at = walk_oblivious(row, questions, planes, d, few);                          \
        put_places(at, block->first_value, d, ret_places);                            \
        return 0;
        EVERY_TOP
#undef TOP
    default: /* leaves only, or pieces only */
        at = no_lanes();
        put_places(at, block->first_value, 0, ret_places);
        return block->goes_on ? word_of(has_bit(load_lanes(going_on), at)) : 0;
    }
}

/* ---- tops of wide rows -----------------------------------------------------------------------
 */

#ifdef WIDE
enum { WIDE_NODE = 3 * LANES };
FOLD_LONG(fold_long_wide, WIDE_NODE)

INLINE lanes fold_wide(const char *p, unsigned level, const mask *went)
{
    return level > 5 ? fold_long_wide(p, level, went) : fold(p, WIDE_NODE, level, went);
}

/* The codes that a row's nodes look at. */
typedef struct wide_row {
    wide_registers left, right; /* missing values go there; `right` only where the row has some */
} wide_row;

/* The node is one of 2^level, by the answers so far, or of an oblivious tree's level the only one.
 */
INLINE void walk_wide_level(const wide_row *row, const char *p, unsigned level, bool oblivious,
                            bool misses, top_walk *walk)
{
    unsigned n_bits = oblivious ? 0 : level;
    lanes columns = fold_wide(p, n_bits, walk->went);
    lanes ranks = fold_wide(p + LANES, n_bits, walk->went);
    lanes codes = look_up_wide(&row->left, columns);
    if (misses) {
        mask right = passes(no_lanes(), fold_wide(p + 2 * LANES, n_bits, walk->went));
        codes = choose(right, codes, look_up_wide(&row->right, columns));
    }
    walk->went[level] = passes(codes, ranks);
    walk->at = add_bit(walk->at, walk->went[level], 1u << level);
}

INLINE lanes walk_wide_top(const wide_row *row, const char *questions, unsigned depth,
                           bool oblivious, bool misses)
{
    top_walk walk = {.at = no_lanes()};
    _Pragma("GCC unroll 8") for (unsigned level = 0; level < depth; level++)
    {
        size_t before = oblivious ? level : ((size_t)1 << level) - 1;
        walk_wide_level(row, questions + WIDE_NODE * before, level, oblivious, misses, &walk);
    }
    return walk.at;
}

/* Where the trees of a block end, as walk_block says it. */
INLINE void walk_wide_block(const row_layout *layout, const row_block *block, const wide_row *row,
                            bool misses, uint32_t *ret_places)
{
    const char *questions = layout->data + block->questions;
    lanes at = no_lanes();
    if (block->by_starts) {
        unsigned n = low_levels(block);
        put_levels(
            layout, block, walk_wide_top(row, questions, n, true, misses),
            walk_wide_top(row, questions + WIDE_NODE * (size_t)n, block->depth - n, true, misses),
            ret_places);
        return;
    }
    switch (block->depth + block->oblivious * (ROW_DEPTH_MAX + 1)) {
#define TOP(d)                                                \
    case d:                                                   \
        at = walk_wide_top(row, questions, d, false, misses); \
        break;                                                \
    case d + ROW_DEPTH_MAX + 1:                               \
        at = walk_wide_top(row, questions, d, true, misses);  \
        break;
        EVERY_TOP
#undef TOP
    default: /* leaves only */
        break;
    }
    put_places(at, block->first_value, block->depth, ret_places);
}
#endif

/* ---- pieces ---------------------------------------------------------------------------------- */

INLINE uint64_t piece_sets(const row_layout *layout, const row_codes *codes, const row_piece *piece)
{
    uint64_t word = 0;
    for (size_t f = 0; f < layout->n_categories; f++) {
        word |= ((const uint64_t *)(codes->sets[f] + layout->table_words))[piece->set_word];
        __asm__("" : "+r"(word)); /* not as vectors: a feature is too little for these */
    }
    return word >> piece->set_shift & piece->set_mask;
}

/* The pieces of all walks that go on, which are far away: they come while others are read. */
INLINE void fetch_pieces(const row_layout *layout, const uint32_t *going, size_t n_going,
                         const uint32_t *places, uint32_t *ret_pieces)
{
    for (size_t i = 0; i < n_going; i++) {
        memcpy(&ret_pieces[i], layout->values + places[going[i]] * layout->leaf_bytes,
               sizeof *ret_pieces);
        const char *piece = (const char *)&layout->pieces[ret_pieces[i]];
        __builtin_prefetch(piece);
        __builtin_prefetch(piece + PREDICT_LINE);
    }
}

/* All walks that go on take a piece a round: no branch depends on one of them. */
INLINE void walk_pieces(const row_layout *layout, const row_codes *codes, const registers *row,
                        bool few, bool sets, uint32_t *going, size_t n_going, uint32_t *places,
                        uint32_t *pieces)
{
    while (n_going > 0) {
        size_t n_left = 0;
        fetch_pieces(layout, going, n_going, places, pieces);
        for (size_t i = 0; i < n_going; i++) {
            const row_piece *piece = &layout->pieces[pieces[i]];
            uint64_t answers = answer_piece(row, piece, few);
            if (sets)
                answers |= piece_sets(layout, codes, piece);
            unsigned e = exit_of(piece, answers);
            uint32_t tree = going[i];
            places[tree] = piece->first + e;
            going[n_left] = tree;
            n_left += piece->goes_on >> e & 1;
        }
        n_going = n_left;
    }
}

/* ---- rows -------------------------------------------------------------------------------------
 */

/* Trees whose pieces are walked together, so that the rounds are long; rows that go through them
 * one after the other, while the trees are near. */
enum { TREES_TOGETHER = 128, ROWS_TOGETHER = 16 };

typedef struct row_memory {
    row_codes codes[ROWS_TOGETHER];
    uint32_t going[TREES_TOGETHER + 16], pieces[TREES_TOGETHER];
    uint32_t places[TREES_TOGETHER]; /* of the trees at hand */
} row_memory;

/* The places of up to TREES_TOGETHER trees, blocks [first, end). */
INLINE void walk_blocks(const row_layout *layout, const row_codes *codes, row_memory *memory,
                        bool few, bool sets, size_t first, size_t end)
{
    char planes[LANES * (1 << ROW_DEPTH_MAX) / 8];
    registers row = load_registers(codes->code, few);
    size_t n_going = 0;
    uint32_t tree = 0;
    assert(end - first <= TREES_TOGETHER / LANES);
    for (size_t b = first; b < end; b++, tree += LANES) {
        const row_block *block = &layout->blocks[b];
        if (sets)
            gather_planes(layout, block, codes, planes);
        uint64_t going =
            walk_block(layout, block, sets ? planes : NULL, &row, few, memory->places + tree);
        if (block->goes_on)
            n_going += list_lanes(going, tree, memory->going + n_going);
    }
    walk_pieces(layout, codes, &row, few, sets, memory->going, n_going, memory->places,
                memory->pieces);
}

/* The same of one block, where no tree goes on. */
INLINE void walk_plain(const row_layout *layout, const row_codes *codes, row_memory *memory,
                       bool few, size_t first)
{
    registers row = load_registers(codes->code, few);
    walk_block(layout, &layout->blocks[first], NULL, &row, few, memory->places);
}

#ifdef EXITS
/* The exits of a block's trees, a byte each, where no tree goes on and all are equally deep. */
INLINE void walk_exits(const row_layout *layout, const row_block *block, const registers *row,
                       bool few, uint8_t *ret_exits)
{
    const char *questions = layout->data + block->questions;
    top_walk walk = {.at = no_lanes()};
    switch (block->depth + block->oblivious * (ROW_DEPTH_MAX + 1)) {
#define TOP(d)                                                  \
    case d:                                                     \
        walk_top(row, questions, NULL, d, few, &walk);          \
        break;                                                  \
    case d + ROW_DEPTH_MAX + 1:                                 \
        walk.at = walk_oblivious(row, questions, NULL, d, few); \
        break;
        EVERY_TOP
#undef TOP
    default: /* leaves only */
        break;
    }
    put_lanes((char *)ret_exits, walk.at);
}
#endif

typedef void walk_kind(const row_layout *layout, const row_codes *codes, row_memory *memory,
                       size_t first, size_t end);

#define WALK(name, few, sets)                                                                    \
    static __attribute__((noinline)) void name(const row_layout *layout, const row_codes *codes, \
                                               row_memory *memory, size_t first, size_t end)     \
    {                                                                                            \
        walk_blocks(layout, codes, memory, few, sets, first, end);                               \
    }
WALK(walk_few, true, false)
WALK(walk_many, false, false)
WALK(walk_few_sets, true, true)
WALK(walk_many_sets, false, true)
#undef WALK

#define WALK_PLAIN(name, few)                                                                    \
    static __attribute__((noinline)) void name(const row_layout *layout, const row_codes *codes, \
                                               row_memory *memory, size_t first, size_t end)     \
    {                                                                                            \
        (void)end;                                                                               \
        walk_plain(layout, codes, memory, few, first);                                           \
    }
WALK_PLAIN(walk_few_plain, true)
WALK_PLAIN(walk_many_plain, false)
#undef WALK_PLAIN

#ifdef WIDE
static __attribute__((noinline)) void walk_wide(const row_layout *layout, const row_codes *codes,
                                                row_memory *memory, size_t first, size_t end)
{
    const row_block *block = &layout->blocks[first];
    wide_row row = {.left = load_wide(codes->code)};
    (void)end;
    if (!codes->misses) {
        walk_wide_block(layout, block, &row, false, memory->places);
        return;
    }
    row.right = load_wide(codes->code + ROW_SEARCHES);
    walk_wide_block(layout, block, &row, true, memory->places);
}
#endif

static walk_kind *walk_of(const row_layout *layout)
{
#ifdef WIDE
    if (layout->wide)
        return walk_wide;
#endif
    if (layout->n_categories > 0)
        return layout->few ? walk_few_sets : walk_many_sets;
    if (layout->n_pieces > 0)
        return layout->few ? walk_few : walk_many;
    return layout->few ? walk_few_plain : walk_many_plain;
}

/* ---- sums ------------------------------------------------------------------------------------ */

/* Trees [tree, end), whose places stand in `place`, to a row's sums. */
typedef void add_kind(const mw_forest *forest, const row_layout *layout, const uint32_t *place,
                      size_t tree, size_t end, void *sums);

/* All trees add to one sum: it stays in a register. */
#define ADD_ONE(name, real)                                                                      \
    static void name(const mw_forest *forest, const row_layout *layout, const uint32_t *place,   \
                     size_t tree, size_t end, void *sums)                                        \
    {                                                                                            \
        (void)forest;                                                                            \
        const real *values = (const real *)layout->values;                                       \
        real sum = *(real *)sums;                                                                \
        for (; tree + LANES <= end; tree += LANES, place += LANES) {                             \
            _Pragma("GCC unroll 64") for (size_t k = 0; k < LANES; k++) sum += values[place[k]]; \
        }                                                                                        \
        for (; tree + 8 <= end; tree += 8, place += 8) {                                         \
            _Pragma("GCC unroll 8") for (size_t k = 0; k < 8; k++) sum += values[place[k]];      \
        }                                                                                        \
        for (; tree < end; tree++)                                                               \
            sum += values[*place++];                                                             \
        *(real *)sums = sum;                                                                     \
    }
ADD_ONE(add_one32, float)
ADD_ONE(add_one64, double)
#undef ADD_ONE

#ifdef EXITS
/* The same from exits: those of tree k of a block begin at k << depth. The depth is known to the
 * compiler, so that a tree takes two instructions,
 *
 *     exits      3    17    0    60  ...          a byte each
 *     values     |....x...|....x...|x.......|...  1 << depth each
 *     sum        + value[exit[0]] + value[exit[1] + (1 << depth)] + ...
 *
 * and no place need be computed before the first addition. */
#define ADD_EXITS(real, d)                                                                         \
    static real add_exits_##real##_##d(const real *value, const uint8_t *exit, size_t n, real sum) \
    {                                                                                              \
        for (; n >= 8; n -= 8, exit += 8, value += (size_t)8 << d) {                               \
            _Pragma("GCC unroll 8") for (size_t k = 0; k < 8; k++) sum +=                          \
                value[(k << d) + exit[k]];                                                         \
        }                                                                                          \
        for (; n > 0; n--, exit++, value += (size_t)1 << d)                                        \
            sum += value[*exit];                                                                   \
        return sum;                                                                                \
    }
#define ADD_EXITS_OF(real)                                                                   \
    ADD_EXITS(real, 0)                                                                       \
    ADD_EXITS(real, 1)                                                                       \
    ADD_EXITS(real, 2)                                                                       \
    ADD_EXITS(real, 3)                                                                       \
    ADD_EXITS(real, 4)                                                                       \
    ADD_EXITS(real, 5)                                                                       \
    ADD_EXITS(real, 6)                                                                       \
    ADD_EXITS(real, 7)                                                                       \
    ADD_EXITS(real, 8)                                                                       \
    static real (*const add_exits_##real[])(const real *, const uint8_t *, size_t, real) = { \
        add_exits_##real##_0, add_exits_##real##_1, add_exits_##real##_2,                    \
        add_exits_##real##_3, add_exits_##real##_4, add_exits_##real##_5,                    \
        add_exits_##real##_6, add_exits_##real##_7, add_exits_##real##_8};
ADD_EXITS_OF(float)
ADD_EXITS_OF(double)
#undef ADD_EXITS_OF
#undef ADD_EXITS
#endif

/* Trees add to sums of their own. */
#define ADD_EACH(name, real)                                                                   \
    static void name(const mw_forest *forest, const row_layout *layout, const uint32_t *place, \
                     size_t tree, size_t end, void *sums)                                      \
    {                                                                                          \
        const real *values = (const real *)layout->values;                                     \
        for (; tree < end; tree++)                                                             \
            ((real *)sums)[forest->tree_output[tree]] += values[*place++];                     \
    }
ADD_EACH(add_each32, float)
ADD_EACH(add_each64, double)
#undef ADD_EACH

/* Leaves of several outputs. */
static void add_vectors(const mw_forest *forest, const row_layout *layout, const uint32_t *place,
                        size_t tree, size_t end, void *sums)
{
    for (; tree < end; tree++, place++) {
        bool all = forest->tree_output[tree] == MW_ALL_OUTPUTS;
        size_t output = all ? 0 : forest->tree_output[tree], n = all ? forest->n_margins : 1;
        const char *leaf = layout->values + *place * layout->leaf_bytes;
        for (size_t i = 0; i < n; i++) {
            if (forest->sum_float32)
                ((float *)sums)[output + i] += ((const float *)leaf)[i];
            else
                ((double *)sums)[output + i] += ((const double *)leaf)[i];
        }
    }
}

static add_kind *add_of(const mw_forest *forest, const row_layout *layout)
{
    if (layout->leaf_outputs > 1)
        return add_vectors;
    if (forest->n_margins == 1)
        return forest->sum_float32 ? add_one32 : add_one64;
    return forest->sum_float32 ? add_each32 : add_each64;
}

static void begin_sums(const mw_forest *forest, void *sums)
{
    for (size_t m = 0; m < forest->n_margins; m++) {
        if (forest->sum_float32)
            ((float *)sums)[m] = (float)forest->base_margin[m];
        else
            ((double *)sums)[m] = forest->base_margin[m];
    }
}

static size_t blocks_together(const row_layout *layout)
{
    return layout->n_pieces > 0 || layout->n_categories > 0 ? TREES_TOGETHER / LANES : 1;
}

/* Blocks outside, rows inside. Where no tree goes on, a block at a time: its additions, each of
 * which waits for the one before, overlap with the next walk. */
static void sum_rows(const mw_forest *forest, const row_layout *layout, row_memory *memory,
                     size_t n_rows, char *sums, size_t sums_bytes)
{
    walk_kind *walk = walk_of(layout);
    add_kind *add = add_of(forest, layout);
    size_t step = blocks_together(layout);
    for (size_t first = 0; first < layout->n_blocks; first += step) {
        size_t end = first + step < layout->n_blocks ? first + step : layout->n_blocks;
        size_t end_tree = end * LANES < forest->n_trees ? end * LANES : forest->n_trees;
        for (size_t r = 0; r < n_rows; r++) {
            walk(layout, &memory->codes[r], memory, first, end);
            add(forest, layout, memory->places, first * LANES, end_tree, sums + r * sums_bytes);
        }
    }
}

#ifdef EXITS
/* One row of a plain forest of one sum, which stays in a register. */
#define SUM_EXITS(name, few)                                                                      \
    static __attribute__((noinline)) void name(const mw_forest *forest, const row_layout *layout, \
                                               const row_codes *codes, void *sum)                 \
    {                                                                                             \
        _Alignas(LANES) uint8_t exits[LANES];                                                     \
        registers row = load_registers(codes->code, few);                                         \
        float sum32 = (float)forest->base_margin[0];                                              \
        double sum64 = forest->base_margin[0];                                                    \
        size_t left = forest->n_trees;                                                            \
        for (const row_block *block = layout->blocks; left > 0; block++) {                        \
            size_t n = left < LANES ? left : LANES;                                               \
            walk_exits(layout, block, &row, few, exits);                                          \
            if (forest->sum_float32)                                                              \
                sum32 = add_exits_float[block->depth](                                            \
                    (const float *)layout->values + block->first_value, exits, n, sum32);         \
            else                                                                                  \
                sum64 = add_exits_double[block->depth](                                           \
                    (const double *)layout->values + block->first_value, exits, n, sum64);        \
            left -= n;                                                                            \
        }                                                                                         \
        if (forest->sum_float32)                                                                  \
            *(float *)sum = sum32;                                                                \
        else                                                                                      \
            *(double *)sum = sum64;                                                               \
    }
SUM_EXITS(sum_few_exits, true)
SUM_EXITS(sum_many_exits, false)
#undef SUM_EXITS
#endif

/* The same of one row, which is most of what servers are asked. */
static __attribute__((noinline)) void sum_row(const mw_forest *forest, const row_layout *layout,
                                              const predict_block *block)
{
    row_memory *memory = block->memory;
#ifdef EXITS
    if (layout->by_exits) {
        load_row(forest, layout, block->rows, block->first, memory->codes);
        (layout->few ? sum_few_exits : sum_many_exits)(forest, layout, memory->codes, block->sums);
        return;
    }
#endif
    walk_kind *walk = walk_of(layout);
    add_kind *add = add_of(forest, layout);
    size_t step = blocks_together(layout), n_blocks = layout->n_blocks, n_trees = forest->n_trees;
    begin_sums(forest, block->sums);
    load_row(forest, layout, block->rows, block->first, memory->codes);
    for (size_t first = 0, tree = 0; first < n_blocks; first += step, tree += step * LANES) {
        size_t end = tree + step * LANES;
        walk(layout, memory->codes, memory, first,
             first + step < n_blocks ? first + step : n_blocks);
        add(forest, layout, memory->places, tree, end < n_trees ? end : n_trees, block->sums);
    }
}

static __attribute__((noinline)) void sum_many(const mw_forest *forest, const row_layout *layout,
                                               const predict_block *block)
{
    row_memory *memory = block->memory;
    size_t sums_bytes = forest->n_margins * (forest->sum_float32 ? sizeof(float) : sizeof(double));
    for (size_t first = 0; first < block->n_rows; first += ROWS_TOGETHER) {
        size_t left = block->n_rows - first, n = left < ROWS_TOGETHER ? left : ROWS_TOGETHER;
        char *sums = (char *)block->sums + first * sums_bytes;
        for (size_t r = 0; r < n; r++) {
            begin_sums(forest, sums + r * sums_bytes);
            load_row(forest, layout, block->rows, block->first + first + r, &memory->codes[r]);
        }
        sum_rows(forest, layout, memory, n, sums, sums_bytes);
    }
}

static void sum_block(const mw_forest *forest, const void *layout, const predict_block *block)
{
    if (block->n_rows == 1)
        sum_row(forest, layout, block);
    else
        sum_many(forest, layout, block);
}

static size_t memory_bytes(const mw_forest *forest, const void *layout)
{
    (void)forest;
    (void)layout;
    return sizeof(row_memory);
}

static mw_status lay_out(const mw_forest *forest, predict_found *found, void **ret_layout,
                         mw_error *err)
{
    return row_layout_make(forest, found, LANES, ret_layout, err);
}

const predict_kernel KERNEL = {
    .name = KERNEL_NAME,
    .block_rows = PREDICT_BLOCK_ROWS,
    .takes_levels = true,
    .usable = usable,
    .lay_out = lay_out,
    .free_layout = row_layout_free,
    .layout_bytes = row_layout_bytes,
    .memory_bytes = memory_bytes,
    .sum = sum_block,
};
