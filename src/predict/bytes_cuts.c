/* From thresholds to cuts, searches and columns. */
#include "bytes_cuts.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "rules.h"

#include "base/banned.h"

/* A block of so many is 1 MiB: beyond the caches bytes gain nothing. */
enum { COLUMNS_MAX = 4096 };

/* Digits of a radix sort; bits that are 0 at the low end of a double that was a float. */
enum { CUT_BITS = 11, DOUBLE_SPARE_BITS = 29 };

/* A question that nodes ask for a number. A million nodes ask a few thousand different ones where
 * the library trained on histograms. */
typedef struct asked {
    uint32_t feature, number; /* number: in the order in which they were found */
    double cut;               /* right where x >= cut; NaN: never */
    uint8_t rules;            /* bit r: some node asks by rule r */
} asked;

/* Where the answers to a question stand. */
typedef struct answer {
    uint32_t search;
    uint8_t rank;
} answer;

typedef struct cuts_draft {
    const mw_forest *forest;
    mw_splits splits;
    bytes_layout *layout;
    bytes_places *places; /* column: the number of each split's question, until there are columns */
    asked *numbers;
    size_t n_numbers, room;
    uint32_t *slots; /* hash table: number + 1 of a question, 0 where none is */
    size_t slot_mask;
    answer *answers; /* by number */
} cuts_draft;

_Static_assert(BYTES_RULES <= 8, "a rule has a bit");

/* ---- cuts ------------------------------------------------------------------------------------ */

static double float_at_most(double x)
{
    float rounded = (float)x;
    return (double)((double)rounded > x ? nextafterf(rounded, -INFINITY) : rounded);
}

static double float_at_least(double x)
{
    float rounded = (float)x;
    return (double)((double)rounded < x ? nextafterf(rounded, INFINITY) : rounded);
}

double bytes_cut_of(const mw_forest *forest, size_t split)
{
    mw_splits splits = mw_forest_splits(forest);
    double threshold = splits.threshold[split];
    bool less_equal = splits.flags[split] & MW_NODE_LESS_EQUAL;
    bool float32 = forest->input == MW_INPUT_FLOAT32;
    if (!less_equal)
        return float32 ? float_at_least(threshold) : threshold;
    if (threshold == INFINITY)
        return NAN; /* nothing is above */
    if (!float32)
        return nextafter(threshold, INFINITY);
    return (double)nextafterf((float)float_at_most(threshold), INFINITY);
}

/* In order, NaN (never passed) behind all numbers; zeros of either sign are one cut. */
static int compare_cuts(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) - isnan(b);
    return (a > b) - (a < b);
}

static int by_feature_and_cut(const void *left, const void *right)
{
    const asked *a = left, *b = right;
    if (a->feature != b->feature)
        return a->feature < b->feature ? -1 : 1;
    return compare_cuts(a->cut, b->cut);
}

/* A number whose order as an integer is that of compare_cuts. */
static uint64_t key_of(double cut)
{
    uint64_t bits;
    if (isnan(cut))
        return UINT64_MAX;
    cut += 0.0; /* -0 becomes 0 */
    memcpy(&bits, &cut, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

/* One pass of a radix sort: by `digit` of each question, which is below n_digits. */
typedef size_t digit_of(const asked *question, unsigned shift);

static size_t digit_of_cut(const asked *question, unsigned shift)
{
    return key_of(question->cut) >> shift & ((1 << CUT_BITS) - 1);
}

static size_t digit_of_feature(const asked *question, unsigned shift)
{
    (void)shift;
    return question->feature;
}

static void sort_pass(const asked *from, asked *to, size_t n, digit_of *digit, unsigned shift,
                      size_t n_digits, size_t *begin)
{
    memset(begin, 0, (n_digits + 1) * sizeof *begin);
    for (size_t i = 0; i < n; i++)
        begin[digit(&from[i], shift) + 1]++;
    for (size_t d = 0; d < n_digits; d++)
        begin[d + 1] += begin[d];
    for (size_t i = 0; i < n; i++)
        to[begin[digit(&from[i], shift)]++] = from[i];
}

/* By feature, and by cut among those of one: each pass keeps the order of the one before. Six or
 * seven of them are quicker than comparisons from a few thousand questions on. Cuts that are
 * float32 have zeros in the low bits of their mantissa: those passes change nothing and are left
 * out. */
static bool sort_questions(cuts_draft *draft)
{
    size_t n = draft->n_numbers, n_features = draft->forest->n_features;
    size_t n_digits = n_features > 1 << CUT_BITS ? n_features : 1 << CUT_BITS;
    asked *other = calloc(n + 1, sizeof *other);
    size_t *begin = calloc(n_digits + 2, sizeof *begin);
    bool enough = other && begin;
    bool narrow = draft->forest->input == MW_INPUT_FLOAT32;
    asked *from = draft->numbers, *to = other;
    for (unsigned shift = 0; enough && shift < 64; shift += CUT_BITS) {
        if (narrow && shift + CUT_BITS <= DOUBLE_SPARE_BITS)
            continue;
        sort_pass(from, to, n, digit_of_cut, shift, 1 << CUT_BITS, begin);
        asked *swap = from;
        from = to;
        to = swap;
    }
    if (enough)
        sort_pass(from, to, n, digit_of_feature, 0, n_features, begin);
    if (enough && to != draft->numbers)
        memcpy(draft->numbers, to, n * sizeof *to);
    free(other);
    free(begin);
    return enough;
}

/* ---- questions ------------------------------------------------------------------------------- */

static size_t slot_of(const cuts_draft *draft, uint32_t feature, uint64_t key)
{
    uint64_t mixed = (key ^ (uint64_t)feature << 20) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(mixed >> 32) & draft->slot_mask;
}

static size_t find_slot(const cuts_draft *draft, uint32_t feature, uint64_t key)
{
    size_t slot = slot_of(draft, feature, key);
    for (; draft->slots[slot] != 0; slot = (slot + 1) & draft->slot_mask) {
        const asked *question = &draft->numbers[draft->slots[slot] - 1];
        if (question->feature == feature && key_of(question->cut) == key)
            break;
    }
    return slot;
}

/* Twice the room, and at most half of the slots taken. */
static bool make_room(cuts_draft *draft)
{
    size_t room = draft->room > 0 ? 2 * draft->room : 1024;
    uint32_t *slots = calloc(2 * room, sizeof *slots);
    asked *numbers = realloc(draft->numbers, room * sizeof *numbers);
    if (numbers)
        draft->numbers = numbers;
    if (!slots || !numbers) {
        free(slots);
        return false;
    }
    free(draft->slots);
    draft->slots = slots;
    draft->slot_mask = 2 * room - 1;
    draft->room = room;
    for (size_t i = 0; i < draft->n_numbers; i++)
        slots[find_slot(draft, numbers[i].feature, key_of(numbers[i].cut))] = (uint32_t)i + 1;
    return true;
}

static bool asks_number(const mw_splits *splits, size_t i)
{
    return mw_splits_ask(splits, i) && !(splits->flags[i] & MW_NODE_CATEGORICAL);
}

static bool note_question(cuts_draft *draft, size_t i)
{
    const mw_splits *splits = &draft->splits;
    uint32_t feature = splits->feature[i];
    double cut = bytes_cut_of(draft->forest, i);
    if (draft->n_numbers == draft->room && !make_room(draft))
        return false;
    size_t slot = find_slot(draft, feature, key_of(cut));
    if (draft->slots[slot] == 0) {
        uint32_t number = (uint32_t)draft->n_numbers++;
        draft->numbers[number] = (asked){.feature = feature, .number = number, .cut = cut};
        draft->slots[slot] = number + 1;
    }
    uint32_t number = draft->slots[slot] - 1;
    draft->numbers[number].rules |= (uint8_t)(1u << predict_rule_of(splits->flags[i]));
    draft->places->column[i] = number;
    return true;
}

static bool list_questions(cuts_draft *draft)
{
    if (!make_room(draft))
        return false;
    for (size_t i = 0; i < draft->splits.n; i++) {
        if (asks_number(&draft->splits, i) && !note_question(draft, i))
            return false;
    }
    free(draft->slots);
    draft->slots = NULL;
    return sort_questions(draft);
}

/* ---- searches -------------------------------------------------------------------------------- */

/* Question i asks for another cut than the one before it. */
static bool is_new_cut(const cuts_draft *draft, size_t i)
{
    return i == 0 || by_feature_and_cut(&draft->numbers[i - 1], &draft->numbers[i]) != 0;
}

static bool is_new_search(const cuts_draft *draft, size_t i, size_t cuts_of_feature)
{
    return i == 0 || draft->numbers[i - 1].feature != draft->numbers[i].feature ||
           cuts_of_feature % BYTES_CUTS == 0;
}

/* Call `visit` for each question with its search and rank; the number of searches. */
typedef void visit_question(cuts_draft *draft, const asked *question, size_t search, size_t rank);

static size_t each_question(cuts_draft *draft, visit_question *visit)
{
    size_t n_searches = 0, n_cuts = 0; /* of this feature so far */
    for (size_t i = 0; i < draft->n_numbers; i++) {
        if (is_new_cut(draft, i)) {
            if (i > 0 && draft->numbers[i - 1].feature != draft->numbers[i].feature)
                n_cuts = 0;
            n_searches += is_new_search(draft, i, n_cuts);
            n_cuts++;
        }
        if (visit)
            visit(draft, &draft->numbers[i], n_searches - 1, (n_cuts - 1) % BYTES_CUTS + 1);
    }
    return n_searches;
}

/* LightGBM sees one value, 0, within predict_zero: a cut there moves to the end of the range that
 * has the same values on either side, and no row needs to be asked. */
static double move_from_zero(double cut)
{
    if (!(cut > -predict_zero && cut <= predict_zero))
        return cut;
    return cut <= 0 ? -predict_zero : nextafter(predict_zero, INFINITY);
}

static void put_cut(cuts_draft *draft, const asked *question, size_t number, size_t rank)
{
    bytes_layout *layout = draft->layout;
    bytes_search *search = &layout->searches[number];
    search->feature = question->feature;
    search->n_cuts = (uint32_t)rank;
    size_t at = BYTES_PIVOTS + rank - 1;
    double cut = layout->near_zero ? move_from_zero(question->cut) : question->cut;
    layout->cuts32[number * BYTES_TABLE32 + at] = (float)float_at_least(cut);
    if (layout->cuts64)
        layout->cuts64[number * BYTES_TABLE + at] = cut;
    draft->answers[question->number] = (answer){(uint32_t)number, (uint8_t)rank};
    for (unsigned rule = 0; rule < BYTES_RULES; rule++) {
        if (question->rules & 1u << rule)
            search->column[rule] = 0;
    }
}

/* Columns are numbered in the order of their searches, so that a part's codes stand together. */
static void number_columns(bytes_layout *layout)
{
    for (size_t s = 0; s < layout->n_searches; s++) {
        for (unsigned rule = 0; rule < BYTES_RULES; rule++) {
            uint32_t *column = &layout->searches[s].column[rule];
            if (*column != BYTES_NO_COLUMN)
                *column = (uint32_t)(layout->n_columns++ * BYTES_ROWS);
        }
    }
}

static void place_splits(cuts_draft *draft)
{
    const mw_splits *splits = &draft->splits;
    bytes_places *places = draft->places;
    for (size_t i = 0; i < splits->n; i++) {
        if (!asks_number(splits, i))
            continue;
        const answer *found = &draft->answers[places->column[i]];
        places->rank[i] = found->rank;
        places->column[i] =
            draft->layout->searches[found->search].column[predict_rule_of(splits->flags[i])];
    }
}

static void clear_tables(bytes_layout *layout)
{
    size_t n = bytes_tables(layout->n_searches);
    for (size_t i = 0; i < n * BYTES_TABLE32; i++)
        layout->cuts32[i] = NAN;
    for (size_t i = 0; layout->cuts64 && i < n * BYTES_TABLE; i++)
        layout->cuts64[i] = NAN;
    for (size_t s = 0; s < layout->n_searches; s++) {
        for (unsigned rule = 0; rule < BYTES_RULES; rule++)
            layout->searches[s].column[rule] = BYTES_NO_COLUMN;
    }
}

/* The cuts as a binary tree: level k has 2^k places, from place 2^k on. */
static void put_tree(float *table, uint32_t n_cuts)
{
    unsigned levels = bytes_tree_levels(n_cuts);
    for (size_t level = 0; level < levels; level++) {
        size_t half = (size_t)1 << (levels - 1 - level); /* of the cuts below a place */
        for (size_t i = 0; i < (size_t)1 << level; i++)
            table[BYTES_TREE + ((size_t)1 << level) + i] =
                table[BYTES_PIVOTS + (2 * i + 1) * half - 1];
    }
}

/* Pivots are the last cut of each run of 16. */
static void finish_search(bytes_layout *layout, size_t number)
{
    float *table32 = layout->cuts32 + number * BYTES_TABLE32;
    double *table64 = layout->cuts64 ? layout->cuts64 + number * BYTES_TABLE : NULL;
    for (size_t i = 0; i < BYTES_PIVOTS; i++) {
        table32[i] = table32[BYTES_PIVOTS + 16 * i + 15];
        if (table64)
            table64[i] = table64[BYTES_PIVOTS + 16 * i + 15];
    }
    put_tree(table32, layout->searches[number].n_cuts);
    uint8_t zero_code = 0; /* rounding a cut upwards leaves it on its side of 0 */
    for (size_t i = 0; i < layout->searches[number].n_cuts; i++)
        zero_code = (uint8_t)(zero_code + (table32[BYTES_PIVOTS + i] <= 0));
    layout->searches[number].zero_code = zero_code;
}

static bool make_searches(cuts_draft *draft)
{
    bytes_layout *layout = draft->layout;
    size_t n = each_question(draft, NULL), room = bytes_tables(n);
    draft->answers = calloc(draft->n_numbers + 1, sizeof *draft->answers);
    layout->searches = calloc(n + 1, sizeof *layout->searches);
    layout->cuts32 = aligned_alloc(PREDICT_LINE, (room * BYTES_TABLE32 + 16) * sizeof(float));
    bool enough = draft->answers && layout->searches && layout->cuts32;
    if (!layout->float_cuts && enough) {
        layout->cuts64 = aligned_alloc(PREDICT_LINE, (room * BYTES_TABLE + 16) * sizeof(double));
        enough = layout->cuts64;
    }
    if (!enough)
        return false;
    layout->n_searches = n;
    clear_tables(layout);
    each_question(draft, put_cut);
    number_columns(layout);
    place_splits(draft);
    for (size_t s = 0; s < n; s++)
        finish_search(layout, s);
    return true;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool make_all(cuts_draft *draft)
{
    draft->splits = mw_forest_splits(draft->forest);
    draft->places->column = calloc(draft->splits.n + 1, sizeof *draft->places->column);
    draft->places->rank = calloc(draft->splits.n + 1, sizeof *draft->places->rank);
    return draft->places->column && draft->places->rank && list_questions(draft) &&
           make_searches(draft);
}

mw_status bytes_find_cuts(const mw_forest *forest, bytes_layout *layout, bytes_places *ret_places,
                          bool *ret_plain, mw_error *err)
{
    cuts_draft draft = {.forest = forest, .layout = layout, .places = ret_places};
    layout->float_cuts = forest->input == MW_INPUT_FLOAT32;
    layout->near_zero = forest->input == MW_INPUT_FLOAT64_NEAR_ZERO;
    bool enough = make_all(&draft);
    free(draft.numbers);
    free(draft.slots);
    free(draft.answers);
    if (!enough)
        return mw_fail_memory(err, "the cuts of a predictor");
    MW_TRY(bytes_find_sets(forest, layout, ret_plain, err));
    *ret_plain = *ret_plain && layout->n_columns <= COLUMNS_MAX;
    return MW_OK;
}

void bytes_places_done(bytes_places *places)
{
    free(places->column);
    free(places->rank);
    *places = (bytes_places){0};
}
