/* A few rows through the tables, one at a time, in vectors: written once for each processor.
 *
 * A word's 64 decisions are found at once, and a group's place in its table is collected from them
 * by one instruction. A line is then spread over the registers that hold the sums of all features:
 *
 *     line of a group      0:a  1:b  2:c  3:d  4:e                  8 lanes
 *     spread               -  1  -  -  4  -  -  0  -  3  2 ..       a lane for each feature, or
 * none added to the sums    0  b  0  0  e  0  0  a  0  d  c ..
 *
 * Sums begin at zero and never become -0, so that adding nothing to a feature leaves its bits as
 * they were: they are those of tables_kernel.h, which adds the same in the same order.
 *
 * The lines of 64 groups are asked for while those of the groups before are added. The includer
 * has read layout.h and the intrinsics, and defines
 *
 *   ADD_FEW     name of the function that it gets
 *   ROW_INLINE  how functions are declared
 *   row_codes, row_sums, and what works on them: see tables_row_v3.c */

/* Where the lines of a chunk stand. */
ROW_INLINE void find_word(const explain_tables *tables, const tables_word *word, row_codes codes,
                          const float **ret_lines)
{
    const tables_words *words = &tables->words;
    size_t first = (size_t)(word - words->words) * TABLES_WORD_BITS;
    uint64_t answers = find_tests(codes, words->columns + first, words->belows + first);
    if (word->joint)
        answers |= _pdep_u64(find_joints(words, word, answers), word->joint);
    for (size_t g = word->first_group; g < word->end_group; g++) {
        const tables_pick *pick = &words->picks[g];
        const char *line = tables->data + (size_t)pick->table * TABLES_ALIGN +
                           (_pext_u64(answers, pick->bits) << pick->shift);
        __builtin_prefetch(line);
        *ret_lines++ = (const float *)(const void *)line;
    }
}

ROW_INLINE void find_lines(const explain_tables *tables, const tables_chunk *chunk, row_codes codes,
                           const float **ret_lines)
{
    for (size_t w = chunk->first_word; w < chunk->end_word; w++) {
        const tables_word *word = &tables->words.words[w];
        find_word(tables, word, codes, ret_lines + (word->first_group - chunk->first_group));
    }
}

/* One row's lines onto the sums of all n features; then into float64. `n` is a constant. */
ROW_INLINE void add_spread(const explain_tables *tables, const tables_chunk *chunk, size_t n,
                           const float *const *lines, double *totals)
{
    const uint8_t *spread = tables->words.spread + chunk->first_group * n;
    float found[TABLES_SPREAD_MAX];
    row_sums sums = no_sums();
    for (size_t g = chunk->first_group; g < chunk->end_group; g++, spread += n)
        add_line(&sums, n, *lines++, spread);
    put_sums(&sums, found);
    for (size_t place = 0; place < n; place++)
        totals[place] += (double)found[place];
}

ROW_INLINE void add_row(const explain_work *work, size_t margin, size_t row)
{
    const explain_tables *tables = &work->layout->tables;
    size_t first = tables->first_chunk[margin], end = tables->first_chunk[margin + 1];
    double totals[TABLES_SPREAD_MAX] = {0};
    const float *lines[2][TABLES_CHUNK_GROUPS];
    row_codes codes = read_codes(work);
    for (size_t i = first; i <= end; i++) {
        const tables_chunk *chunk = &tables->chunks[i];
        if (i < end)
            find_lines(tables, chunk, codes, lines[i % 2]);
        if (i > first && tables->words.spread && tables->words.n_spread == TABLES_SPREAD)
            add_spread(tables, chunk - 1, TABLES_SPREAD, lines[(i - 1) % 2], totals);
        else if (i > first && tables->words.spread)
            add_spread(tables, chunk - 1, TABLES_SPREAD_MAX, lines[(i - 1) % 2], totals);
        else if (i > first)
            tables_add_lines(work, chunk - 1, lines[(i - 1) % 2], row, work->sums);
    }
    for (size_t place = 0; tables->words.spread && place < work->layout->ranks.n_places; place++)
        work->totals[place * work->stride + row] += totals[place];
}

void ADD_FEW(const explain_work *work, size_t margin, size_t n_rows)
{
    const explain_layout *layout = work->layout;
    if (layout->tables.words.n_words == 0) {
        tables_add_few(work, margin, n_rows);
        return;
    }
    if (!layout->tables.words.spread)
        memset(work->sums, 0, layout->tables.slots_max * sizeof *work->sums);
    for (size_t row = 0; row < n_rows; row++) {
        for (size_t c = 0; c < layout->ranks.n_columns; c++)
            work->row_ranks[c] = work->ranks[c * work->stride + row];
        add_row(work, margin, row);
    }
}
