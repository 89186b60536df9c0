/* Lines of tables onto sums, written once for each processor: part of kernel.h.
 *
 * Rows are in lanes of the sums, features in lanes of the tables. So four lines are read for each
 * 128 bits of a register, and turned round:
 *
 *     row 0: a0 b0 c0 d0 | row 4: a4 b4 ..          a0 a1 a2 a3 | a4 a5 ..   --> sums of a
 *     row 1: a1 b1 c1 d1 | row 5: ..         -->    b0 b1 b2 b3 | ..         --> sums of b
 *     row 2: ..                                     ..
 *     row 3: ..
 *
 * Nothing but loads, shuffles and one addition for each row and feature, in the order of the
 * groups: the same bits for any number of lanes. */

typedef int16_t codes __attribute__((vector_size(LANES * 4)));
/* Patterns of LAYOUT_ROWS_STEP rows are found together. */
enum { CODES = 2 * LANES, CODE_UNITS = LAYOUT_ROWS_STEP / CODES };
#define EACH_CODE _Pragma("GCC unroll 4") for (size_t u = 0; u < CODE_UNITS; u++)

typedef float quad __attribute__((vector_size(16)));

/* ---- patterns -------------------------------------------------------------------------------- */

typedef struct wide_codes {
    codes unit[CODE_UNITS];
} wide_codes;

INLINE void save_patterns(uint16_t *patterns, size_t n_bits, size_t row, const wide_codes *found)
{
    codes *to = (codes *)(patterns + n_bits * LAYOUT_PART_ROWS + row);
    EACH_CODE to[u] = found->unit[u];
}

INLINE void add_tests(const tables_test *test, const tables_test *end, const int16_t *ranks,
                      size_t stride, uint16_t *patterns, size_t row, bool plain, wide_codes *found)
{
    wide_codes all;
    EACH_CODE all.unit[u] = ~(codes){0};
    for (; test < end; test++) {
        const codes *rank = (const codes *)(ranks + test->column * stride);
        if (plain) {
            EACH_CODE found->unit[u] |= (codes)(rank[u] < test->below) & (int16_t)test->value;
        } else {
            EACH_CODE all.unit[u] &= (codes)(rank[u] < test->below) ^ test->flip;
            if (test->value == 0)
                continue;
            EACH_CODE found->unit[u] |= all.unit[u] & (int16_t)test->value;
            EACH_CODE all.unit[u] = ~(codes){0};
        }
        if (test->save)
            save_patterns(patterns, test->save, row, found);
    }
}

/* Where the rows of a part stand in a group's table. */
INLINE void find_patterns(const explain_work *work, const tables_group *group, size_t first,
                          size_t n_rows)
{
    const size_t stride = work->stride;
    const tables_test *tests = work->layout->tables.tests + group->first_test;
    const tables_test *end = tests + group->n_tests;
    uint16_t *patterns = work->patterns;
    for (size_t row = 0; row < n_rows; row += LAYOUT_ROWS_STEP) {
        const int16_t *ranks = work->ranks + first + row;
        const codes *saved =
            (const codes *)(patterns + group->n_kept * (size_t)LAYOUT_PART_ROWS + row);
        wide_codes found;
        EACH_CODE found.unit[u] = group->n_kept > 0 ? saved[u] : (codes){0};
        if (group->is_plain)
            add_tests(tests, end, ranks, stride, patterns, row, true, &found);
        else
            add_tests(tests, end, ranks, stride, patterns, row, false, &found);
        save_patterns(patterns, 0, row, &found);
    }
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Row i, and i + 4, ..: 128 bits of each of their lines. */
INLINE reals read_lines(const char *table, const uint16_t *at, size_t i)
{
#define LINE(block) (*(const quad *)(table + at[i + 4 * (block)]))
#if LANES == 4
    return LINE(0);
#elif LANES == 8
    return __builtin_shufflevector(LINE(0), LINE(1), 0, 1, 2, 3, 4, 5, 6, 7);
#else
    typedef float half __attribute__((vector_size(32)));
    half low = __builtin_shufflevector(LINE(0), LINE(1), 0, 1, 2, 3, 4, 5, 6, 7);
    half high = __builtin_shufflevector(LINE(2), LINE(3), 0, 1, 2, 3, 4, 5, 6, 7);
    return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#endif
#undef LINE
}

/* Shuffles within each 128 bits: numbers of lanes in the first four, b's begin at LANES. */
#if LANES == 4
#define SHUFFLE(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, 4 + (k), 4 + (l))
#elif LANES == 8
#define SHUFFLE(a, b, i, j, k, l) \
    __builtin_shufflevector(a, b, i, j, 8 + (k), 8 + (l), 4 + (i), 4 + (j), 12 + (k), 12 + (l))
#else
#define SHUFFLE(a, b, i, j, k, l)                                                                 \
    __builtin_shufflevector(a, b, i, j, 16 + (k), 16 + (l), 4 + (i), 4 + (j), 20 + (k), 20 + (l), \
                            8 + (i), 8 + (j), 24 + (k), 24 + (l), 12 + (i), 12 + (j), 28 + (k),   \
                            28 + (l))
#endif
/* a0 b0 a1 b1, a2 b2 a3 b3 */
#if LANES == 4
#define WEAVE(a, b, i, j) __builtin_shufflevector(a, b, i, 4 + (i), j, 4 + (j))
#elif LANES == 8
#define WEAVE(a, b, i, j) \
    __builtin_shufflevector(a, b, i, 8 + (i), j, 8 + (j), 4 + (i), 12 + (i), 4 + (j), 12 + (j))
#else
#define WEAVE(a, b, i, j)                                                                         \
    __builtin_shufflevector(a, b, i, 16 + (i), j, 16 + (j), 4 + (i), 20 + (i), 4 + (j), 20 + (j), \
                            8 + (i), 24 + (i), 8 + (j), 24 + (j), 12 + (i), 28 + (i), 12 + (j),   \
                            28 + (j))
#endif

INLINE void add_to(float *sums, reals more)
{
    *(reals *)sums += more;
}

/* Up to four features of LANES rows. */
INLINE void add_quad(const char *table, const uint16_t *at, float *const *to, size_t row, size_t n)
{
    reals r0 = read_lines(table, at, 0), r1 = read_lines(table, at, 1);
    reals r2 = read_lines(table, at, 2), r3 = read_lines(table, at, 3);
    reals ab01 = WEAVE(r0, r1, 0, 1), ab23 = WEAVE(r2, r3, 0, 1);
    add_to(to[0] + row, SHUFFLE(ab01, ab23, 0, 1, 0, 1));
    if (n > 1)
        add_to(to[1] + row, SHUFFLE(ab01, ab23, 2, 3, 2, 3));
    if (n <= 2)
        return;
    reals cd01 = WEAVE(r0, r1, 2, 3), cd23 = WEAVE(r2, r3, 2, 3);
    add_to(to[2] + row, SHUFFLE(cd01, cd23, 0, 1, 0, 1));
    if (n > 3)
        add_to(to[3] + row, SHUFFLE(cd01, cd23, 2, 3, 2, 3));
}

INLINE void add_lines(const char *table, const uint16_t *patterns, float *const *to, size_t n_rows,
                      size_t n)
{
    for (size_t row = 0; row < n_rows; row += LANES) {
        add_quad(table, patterns + row, to, row, n < 4 ? n : 4);
        if (n > 4)
            add_quad(table + sizeof(quad), patterns + row, to + 4, row, n - 4);
    }
}

/* Each number of features has a loop of its own. */
#define ADD_LINES(n)                                                              \
    TARGET static void add_lines_##n(const char *table, const uint16_t *patterns, \
                                     float *const *given, size_t n_rows)          \
    {                                                                             \
        float *to[n];                                                             \
        memcpy(to, given, sizeof to);                                             \
        add_lines(table, patterns, to, n_rows, n);                                \
    }
ADD_LINES(1)
ADD_LINES(2)
ADD_LINES(3)
ADD_LINES(4)
ADD_LINES(5)
ADD_LINES(6)
ADD_LINES(7)
ADD_LINES(8)

TARGET static void add_group(const explain_work *work, const tables_group *group, size_t first,
                             size_t n_rows)
{
    static void (*const adders[])(const char *, const uint16_t *, float *const *, size_t) = {
        NULL,        add_lines_1, add_lines_2, add_lines_3, add_lines_4,
        add_lines_5, add_lines_6, add_lines_7, add_lines_8};
    float *to[TABLES_LANES_MAX];
    for (size_t lane = 0; lane < group->n_lanes; lane++)
        to[lane] = work->sums + group->slots[lane] * work->stride + first;
    find_patterns(work, group, first, n_rows);
    adders[group->n_lanes](work->layout->tables.data + group->table, work->patterns, to, n_rows);
}

/* ---- trees ----------------------------------------------------------------------------------- */

/* Rows read a table's lines at random, each as far away as the last, and use nearly all of them: so
 * it is asked for as a whole while the group before is at work. */
TARGET static void fetch_table(const explain_tables *tables, size_t group)
{
    if (group >= tables->n_groups)
        return;
    size_t begin = tables->groups[group].table;
    size_t end =
        group + 1 < tables->n_groups ? tables->groups[group + 1].table : tables->data_bytes;
    for (size_t at = begin; at < end; at += TABLES_ALIGN)
        __builtin_prefetch(tables->data + at);
}

/* One tree, a part of the block at a time: the part's sums and a group's table stay close. */
TARGET static void add_tables(const explain_work *work, const tables_group *begin,
                              const tables_group *end)
{
    const explain_tables *tables = &work->layout->tables;
    for (size_t first = 0; first < work->n_filled; first += LAYOUT_PART_ROWS) {
        size_t left = work->n_filled - first;
        for (const tables_group *group = begin; group < end; group++) {
            if (first == 0) /* the other parts find it near */
                fetch_table(tables, (size_t)(group - tables->groups) + 1);
            add_group(work, group, first, left < LAYOUT_PART_ROWS ? left : LAYOUT_PART_ROWS);
        }
    }
}

typedef float narrow_half __attribute__((vector_size(LANES * 2)));
typedef double doubles __attribute__((vector_size(LANES * 4)));

/* From float32 to float64. */
TARGET static void add_sums(const explain_work *work, size_t slot, size_t place)
{
    doubles *to = (doubles *)(work->totals + place * work->stride);
    const narrow_half *from = (const narrow_half *)(work->sums + slot * work->stride);
    for (size_t i = 0; i < 2 * work->n_filled / LANES; i++)
        to[i] += __builtin_convertvector(from[i], doubles);
}

TARGET static void add_chunk(const explain_work *work, const tables_chunk *chunk)
{
    const explain_tables *tables = &work->layout->tables;
    const tables_group *end = tables->groups + chunk->end_group;
    for (size_t slot = 0; slot < chunk->n_slots; slot++)
        memset(work->sums + slot * work->stride, 0, work->n_filled * sizeof *work->sums);
    for (const tables_group *group = tables->groups + chunk->first_group, *next; group < end;
         group = next) {
        for (next = group + 1; next < end && !next->begins_tree;)
            next++;
        add_tables(work, group, next);
    }
    for (size_t slot = 0; slot < chunk->n_slots; slot++)
        add_sums(work, slot, tables->slot_places[chunk->first_slot + slot]);
}

TARGET static void add_chunks(const explain_work *work, size_t margin)
{
    const explain_tables *tables = &work->layout->tables;
    for (size_t i = tables->first_chunk[margin]; i < tables->first_chunk[margin + 1]; i++)
        add_chunk(work, &tables->chunks[i]);
}
