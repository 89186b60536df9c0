/* Words: what a chunk's groups ask, gathered so that one row is asked at once; tables.h has the
 * picture. */
#include "tables.h"

#include <assert.h>

#include "base/banned.h"

enum { JOINTS_TOGETHER = 8 };

/* All tests of a group, those that it shares with groups before it among them. */
typedef struct test_list {
    tables_test tests[TABLES_TESTS_MAX];
    size_t n_tests;
} test_list;

/* A word that is being filled. */
typedef struct word_draft {
    uint16_t columns[TABLES_WORD_BITS];
    int16_t belows[TABLES_WORD_BITS];
    uint64_t masks[TABLES_WORD_BITS], wants[TABLES_WORD_BITS]; /* mask 0: it is a test */
    size_t n_places; /* TABLES_WORD_BITS + 1: it did not fit */
} word_draft;

/* ---- places ---------------------------------------------------------------------------------- */

/* The place from `from` on that asks this; a new one where there is none. */
static size_t find_place(word_draft *draft, size_t from, const tables_test *test, uint64_t mask,
                         uint64_t want)
{
    uint16_t column = mask ? 0 : (uint16_t)test->column;
    int16_t below = mask ? INT16_MIN : test->below;
    for (size_t i = from; i < draft->n_places && i < TABLES_WORD_BITS; i++)
        if (draft->masks[i] == mask && draft->wants[i] == want && draft->columns[i] == column &&
            draft->belows[i] == below)
            return i;
    if (draft->n_places >= TABLES_WORD_BITS) {
        draft->n_places = TABLES_WORD_BITS + 1;
        return 0;
    }
    size_t place = draft->n_places++;
    draft->columns[place] = column;
    draft->belows[place] = below;
    draft->masks[place] = mask;
    draft->wants[place] = want;
    return place;
}

/* One bit of a pattern: all of the tests hold. Some never do: a test and its opposite. */
static size_t place_bit(word_draft *draft, size_t from, const tables_test *tests, size_t n_tests)
{
    if (n_tests == 1 && !tests->flip)
        return find_place(draft, from, tests, 0, 0);
    uint64_t hold = 0, fail = 0;
    for (size_t i = 0; i < n_tests; i++) {
        uint64_t bit = (uint64_t)1 << find_place(draft, 0, &tests[i], 0, 0);
        *(tests[i].flip ? &fail : &hold) |= bit;
    }
    return find_place(draft, from, NULL, hold | fail, hold & fail ? ~(hold | fail) : hold);
}

/* A group's places, in the order of its bits. false: the word is full, and as it was. */
static bool place_group(word_draft *draft, const test_list *list, uint64_t *ret_bits)
{
    size_t n_before = draft->n_places, from = 0;
    *ret_bits = 0;
    for (size_t i = 0, end; i < list->n_tests; i = end) {
        for (end = i; list->tests[end++].value == 0;)
            ;
        size_t place = place_bit(draft, from, list->tests + i, end - i);
        *ret_bits |= (uint64_t)1 << place;
        from = place + 1;
    }
    if (draft->n_places <= TABLES_WORD_BITS)
        return true;
    draft->n_places = n_before;
    return false;
}

/* The tests of the group behind the one whose tests the list holds. */
static void next_tests(const explain_tables *tables, const tables_group *group, test_list *list)
{
    size_t n_kept = 0;
    for (size_t bit = 0; bit < group->n_kept; n_kept++)
        bit += list->tests[n_kept].value != 0;
    assert(n_kept + group->n_tests <= TABLES_TESTS_MAX);
    memcpy(list->tests + n_kept, tables->tests + group->first_test,
           group->n_tests * sizeof *list->tests);
    list->n_tests = n_kept + group->n_tests;
}

/* ---- words ----------------------------------------------------------------------------------- */

/* Counts words and joint places; writes them where there is memory for them. */
typedef struct word_maker {
    explain_tables *tables;
    word_draft draft;
    size_t n_words, n_joints, first_group;
    bool writes;
} word_maker;

static void put_joints(const word_maker *maker, tables_word *word)
{
    const word_draft *draft = &maker->draft;
    tables_words *words = &maker->tables->words;
    word->first_joint = word->end_joint = maker->n_joints;
    for (size_t i = 0; i < draft->n_places; i++) {
        if (draft->masks[i] == 0)
            continue;
        word->joint |= (uint64_t)1 << i;
        words->joint_masks[word->end_joint] = draft->masks[i];
        words->joint_wants[word->end_joint++] = draft->wants[i];
    }
}

static void put_word(const word_maker *maker, size_t end_group)
{
    const word_draft *draft = &maker->draft;
    tables_words *words = &maker->tables->words;
    size_t first = maker->n_words * TABLES_WORD_BITS;
    tables_word *word = &words->words[maker->n_words];
    *word = (tables_word){.first_group = maker->first_group, .end_group = end_group};
    put_joints(maker, word);
    memcpy(words->columns + first, draft->columns, draft->n_places * sizeof *draft->columns);
    memcpy(words->belows + first, draft->belows, draft->n_places * sizeof *draft->belows);
    for (size_t i = draft->n_places; i < TABLES_WORD_BITS; i++) {
        words->columns[first + i] = 0;
        words->belows[first + i] = INT16_MIN;
    }
}

static void end_word(word_maker *maker, size_t end_group)
{
    if (maker->writes)
        put_word(maker, end_group);
    for (size_t i = 0; i < maker->draft.n_places; i++)
        maker->n_joints += maker->draft.masks[i] != 0;
    maker->n_words++;
    maker->first_group = end_group;
    maker->draft.n_places = 0;
}

static void put_group(word_maker *maker, size_t g, const test_list *list)
{
    uint64_t bits;
    if (!place_group(&maker->draft, list, &bits)) {
        end_word(maker, g);
        bool fits = place_group(&maker->draft, list, &bits);
        assert(fits); /* TABLES_TESTS_MAX and TABLES_BITS_MAX are less than a word */
        (void)fits;
    }
    const tables_group *group = &maker->tables->groups[g];
    if (maker->writes)
        maker->tables->words.picks[g] =
            (tables_pick){bits, (uint32_t)(group->table / TABLES_ALIGN),
                          (uint32_t)__builtin_ctzll(tables_entry_bytes(group->n_lanes))};
}

static void make_words(word_maker *maker)
{
    test_list list = {.n_tests = 0};
    for (size_t c = 0; c < maker->tables->n_chunks; c++) {
        tables_chunk *chunk = &maker->tables->chunks[c];
        chunk->first_word = maker->n_words;
        maker->first_group = chunk->first_group;
        for (size_t g = chunk->first_group; g < chunk->end_group; g++) {
            next_tests(maker->tables, &maker->tables->groups[g], &list);
            put_group(maker, g, &list);
        }
        end_word(maker, chunk->end_group);
        chunk->end_word = maker->n_words;
    }
}

/* ---- lanes ----------------------------------------------------------------------------------- */

static void put_spread(explain_tables *tables)
{
    for (size_t c = 0; c < tables->n_chunks; c++) {
        const tables_chunk *chunk = &tables->chunks[c];
        for (size_t g = chunk->first_group; g < chunk->end_group; g++) {
            const tables_group *group = &tables->groups[g];
            uint8_t *spread = tables->words.spread + g * tables->words.n_spread;
            memset(spread, 0, tables->words.n_spread);
            for (size_t lane = 0; lane < group->n_lanes; lane++)
                spread[tables->slot_places[chunk->first_slot + group->slots[lane]]] =
                    (uint8_t)(0x80 | lane);
        }
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static size_t bytes_of(const word_maker *counted, bool spreads)
{
    const tables_words *words = &counted->tables->words;
    size_t place_bytes = sizeof *words->columns + sizeof *words->belows;
    size_t group_bytes = sizeof *words->picks + (spreads ? words->n_spread : 0);
    return counted->n_words * (sizeof *words->words + TABLES_WORD_BITS * place_bytes) +
           counted->n_joints * (sizeof *words->joint_masks + sizeof *words->joint_wants) +
           counted->tables->n_groups * group_bytes;
}

static bool take_words(const word_maker *counted, bool spreads, mw_arena *arena)
{
    tables_words *words = &counted->tables->words;
    size_t n_places = counted->n_words * TABLES_WORD_BITS;
    size_t n_joints = counted->n_joints + JOINTS_TOGETHER, n_groups = counted->tables->n_groups;
    words->words = mw_arena_take(arena, counted->n_words * sizeof *words->words);
    words->columns = mw_arena_take(arena, n_places * sizeof *words->columns);
    words->belows = mw_arena_take(arena, n_places * sizeof *words->belows);
    words->joint_masks = mw_arena_take_zeroed(arena, n_joints, sizeof *words->joint_masks);
    words->joint_wants = mw_arena_take_zeroed(arena, n_joints, sizeof *words->joint_wants);
    words->picks = mw_arena_take(arena, n_groups * sizeof *words->picks);
    words->spread = spreads ? mw_arena_take(arena, n_groups * words->n_spread) : NULL;
    return words->words && words->columns && words->belows && words->joint_masks &&
           words->joint_wants && words->picks && (words->spread || !spreads);
}

mw_status words_make(explain_tables *tables, const explain_ranks *ranks, mw_arena *arena,
                     mw_error *err)
{
    if (ranks->n_columns > UINT16_MAX || tables->n_groups == 0)
        return MW_OK;
    bool spreads = ranks->n_places <= TABLES_SPREAD_MAX;
    const size_t bytes_max = MW_LIMIT_EXPLAINER_BYTES / 4;
    tables->words.n_spread = ranks->n_places <= TABLES_SPREAD ? TABLES_SPREAD : TABLES_SPREAD_MAX;
    word_maker maker = {.tables = tables};
    make_words(&maker);
    if (bytes_of(&maker, spreads) > bytes_max) /* then one row is asked as a batch is */
        return MW_OK;
    if (!take_words(&maker, spreads, arena))
        return mw_fail_memory(err, "the explainer");
    maker = (word_maker){.tables = tables, .writes = true};
    make_words(&maker);
    if (spreads)
        put_spread(tables);
    tables->words.n_words = maker.n_words;
    return MW_OK;
}
