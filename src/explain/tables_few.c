/* A few rows, one at a time: there is nothing to put into lanes, and each table's line is far away.
 *
 * So the lines of 64 groups are found first, and asked for; while they travel, those of the 64
 * groups before them, which have arrived, are added. The same additions in the same order as in
 * tables_kernel.h: the same bits. */
#include "layout.h"

#include "base/banned.h"

/* Any bits: some tests are flipped, or belong together. */
static uint16_t find_bits(const tables_test *test, const tables_test *end, const int16_t *ranks,
                          uint16_t found, uint16_t *saved)
{
    bool all = true;
    for (; test < end; test++) {
        all = all && (ranks[test->column] < test->below) != (test->flip != 0);
        if (test->value == 0)
            continue;
        found = (uint16_t)(found | (all ? test->value : 0));
        saved[test->save] = found;
        all = true;
    }
    return found;
}

/* Each test is a bit; no branch depends on the row. */
static uint16_t find_plain_bits(const tables_test *test, const tables_test *end,
                                const int16_t *ranks, uint16_t found, uint16_t *saved)
{
    for (; test < end; test++) {
        found = (uint16_t)(found | (test->value & -(ranks[test->column] < test->below)));
        saved[test->save] = found;
    }
    return found;
}

static void find_lines(const explain_tables *tables, const tables_chunk *chunk,
                       const int16_t *ranks, tables_lines ret_lines)
{
    uint16_t saved[TABLES_BITS_MAX + 1]; /* [0] is for bits that nobody asks for */
    for (size_t g = chunk->first_group; g < chunk->end_group; g++) {
        const tables_group *group = &tables->groups[g];
        const tables_test *tests = tables->tests + group->first_test;
        const tables_test *end = tests + group->n_tests;
        uint16_t found = group->n_kept > 0 ? saved[group->n_kept] : 0;
        found = group->is_plain ? find_plain_bits(tests, end, ranks, found, saved)
                                : find_bits(tests, end, ranks, found, saved);
        const float *line = (const float *)(tables->data + group->table + found);
        __builtin_prefetch(line);
        ret_lines[g - chunk->first_group] = line;
    }
}

void tables_add_lines(const explain_work *work, const tables_chunk *chunk, const tables_lines lines,
                      size_t row, float *sums)
{
    const explain_tables *tables = &work->layout->tables;
    for (size_t g = chunk->first_group; g < chunk->end_group; g++) {
        const tables_group *group = &tables->groups[g];
        const float *line = lines[g - chunk->first_group];
        for (size_t lane = 0; lane < group->n_lanes; lane++)
            sums[group->slots[lane]] += line[lane];
    }
    for (size_t slot = 0; slot < chunk->n_slots; slot++) {
        size_t place = tables->slot_places[chunk->first_slot + slot];
        work->totals[place * work->stride + row] += (double)sums[slot];
        sums[slot] = 0;
    }
}

static void add_row(const explain_work *work, size_t margin, size_t row, const int16_t *ranks)
{
    const explain_tables *tables = &work->layout->tables;
    size_t first = tables->first_chunk[margin], end = tables->first_chunk[margin + 1];
    tables_lines lines[2];
    memset(work->sums, 0, tables->slots_max * sizeof *work->sums);
    for (size_t i = first; i <= end; i++) {
        if (i < end)
            find_lines(tables, &tables->chunks[i], ranks, lines[i % 2]);
        if (i > first)
            tables_add_lines(work, &tables->chunks[i - 1], lines[(i - 1) % 2], row, work->sums);
    }
}

void tables_add_few(const explain_work *work, size_t margin, size_t n_rows)
{
    for (size_t row = 0; row < n_rows; row++) {
        for (size_t c = 0; c < work->layout->ranks.n_columns; c++)
            work->row_ranks[c] = work->ranks[c * work->stride + row];
        add_row(work, margin, row, work->row_ranks);
    }
}
