/* Texts become codes: an open-addressed table of the places of the texts seen so far. */
#include "table.h"

#include <stdlib.h>

#include "base/banned.h"

enum { FIRST_SIZE = 64, BLOCK_BYTES = 4096, NONE = 0 }; /* index holds code + 1 */

void mw_words_init(mw_words *words)
{
    *words = (mw_words){0};
    mw_arena_init(&words->memory, BLOCK_BYTES, MW_LIMIT_STUDY_BYTES);
}

void mw_words_done(mw_words *words)
{
    free(words->texts);
    free(words->index);
    mw_arena_done(&words->memory);
}

static size_t place_of(const mw_words *words, mw_view text)
{
    size_t mask = words->index_size - 1, at = mw_category_hash(text) & mask;
    while (words->index[at] != NONE && !mw_view_equal(words->texts[words->index[at] - 1], text))
        at = (at + 1) & mask;
    return at;
}

/* Twice the size, at most half full. */
static mw_status grow(mw_words *words, mw_error *err)
{
    size_t size = words->index_size ? 2 * words->index_size : FIRST_SIZE;
    uint32_t *index = calloc(size, sizeof *index);
    mw_view *texts =
        size / 2 <= UINT32_MAX ? realloc(words->texts, size / 2 * sizeof *texts) : NULL;
    if (texts)
        words->texts = texts;
    if (!index || !texts) {
        free(index);
        return mw_fail_memory(err, "the categories of a column");
    }
    free(words->index);
    words->index = index;
    words->index_size = size;
    words->capacity = size / 2;
    for (size_t i = 0; i < words->n_texts; i++)
        index[place_of(words, texts[i])] = (uint32_t)i + 1;
    return MW_OK;
}

mw_status mw_words_code(mw_words *words, mw_view text, size_t *ret_code, mw_error *err)
{
    if (words->n_texts == words->capacity)
        MW_TRY(grow(words, err));
    size_t at = place_of(words, text);
    if (words->index[at] == NONE) {
        const char *kept = mw_arena_text(&words->memory, text);
        if (!kept)
            return mw_fail_memory(err, "the categories of a column");
        words->texts[words->n_texts++] = (mw_view){kept, text.size};
        words->index[at] = (uint32_t)words->n_texts;
    }
    *ret_code = words->index[at] - 1;
    return MW_OK;
}
