/* From thresholds to cuts and columns, and from rows to ranks; ranks.h has the picture. */
#include "ranks.h"

#include <stdlib.h>

#include "base/banned.h"

/* ---- questions ------------------------------------------------------------------------------- */

/* A split node and the least value that goes right (NaN: none does). */
typedef struct asked {
    uint32_t row_column;
    bool alone; /* has a column of its own */
    size_t node;
    double cut;
} asked;

static double cut_of(const mw_forest *forest, size_t node)
{
    double threshold = forest->threshold[node];
    if (!(forest->flags[node] & MW_NODE_LESS_EQUAL))
        return threshold;
    return threshold == INFINITY ? NAN : nextafter(threshold, INFINITY);
}

#define COMPARE(a, b) ((a) < (b) ? -1 : (a) > (b))

/* NaN, which nothing passes, behind all numbers. */
static int compare_numbers(double a, double b)
{
    return isnan(a) || isnan(b) ? (isnan(a) != 0) - (isnan(b) != 0) : COMPARE(a, b);
}

/* By column of the row; nodes that stand alone behind the others; then by cut. */
static int compare_asked(const void *left, const void *right)
{
    const asked *a = left, *b = right;
    if (a->row_column != b->row_column)
        return COMPARE(a->row_column, b->row_column);
    if (a->alone || b->alone)
        return a->alone != b->alone ? COMPARE(a->alone, b->alone) : COMPARE(a->node, b->node);
    return compare_numbers(a->cut, b->cut);
}

static size_t list_asked(const mw_forest *forest, asked *ret_list)
{
    size_t count = 0;
    for (size_t node = 0; node < forest->n_nodes; node++) {
        if (forest->left[node] == MW_NO_CHILD)
            continue;
        bool alone = forest->flags[node] & (MW_NODE_CATEGORICAL | MW_NODE_EQUAL);
        double cut = alone ? 0 : cut_of(forest, node);
        ret_list[count++] = (asked){forest->feature[node], alone, node, cut};
    }
    qsort(ret_list, count, sizeof *ret_list, compare_asked);
    return count;
}

/* ---- searches and columns -------------------------------------------------------------------- */

/* What tells one rule for missing values from another: default_left says nothing where NaN is 0. */
static uint8_t rule_of(uint8_t flags)
{
    uint8_t missing = flags & MW_NODE_MISSING_MASK;
    return missing == MW_NODE_MISSING_NONE ? missing : missing | (flags & MW_NODE_DEFAULT_LEFT);
}

static uint32_t find_column(explain_ranks *ranks, ranks_search *search, uint8_t rule, size_t node)
{
    for (size_t c = 0; c < search->n_columns; c++)
        if (ranks->columns[search->first_column + c].flags == rule)
            return (uint32_t)(search->first_column + c);
    search->n_columns++;
    ranks->columns[ranks->n_columns] = (ranks_column){.flags = rule, .node = node};
    return (uint32_t)ranks->n_columns++;
}

static ranks_search *begin_search(const mw_forest *forest, explain_ranks *ranks, const asked *first,
                                  size_t n_cuts_before)
{
    ranks_search *search = &ranks->searches[ranks->n_searches++];
    *search = (ranks_search){.row_column = first->row_column,
                             .first_cut = n_cuts_before,
                             .first_column = ranks->n_columns};
    uint32_t feature = explain_feature(forest, first->node);
    if (ranks->places[feature] == UINT32_MAX) {
        ranks->places[feature] = (uint32_t)ranks->n_places;
        ranks->features[ranks->n_places++] = feature;
    }
    return search;
}

/* The questions of one search stand together; returns how many there are. */
static size_t add_search(const mw_forest *forest, explain_ranks *ranks, const asked *list,
                         size_t count, double *cuts, size_t *n_cuts)
{
    ranks_search *search = begin_search(forest, ranks, list, *n_cuts);
    size_t i = 0;
    if (list->alone) {
        ranks->node_column[list->node] = find_column(ranks, search, 0, list->node);
        return 1;
    }
    for (; i < count && list[i].row_column == list->row_column && !list[i].alone; i++) {
        if (i == 0 || compare_asked(&list[i - 1], &list[i]) != 0) {
            if (search->n_cuts == RANKS_CUTS_MAX)
                break;
            cuts[*n_cuts + search->n_cuts++] = list[i].cut;
        }
        size_t node = list[i].node;
        ranks->node_cut[node] = (int16_t)(search->n_cuts - 1);
        ranks->node_column[node] = find_column(ranks, search, rule_of(forest->flags[node]), node);
    }
    for (search->first_half = 1; 2 * search->first_half - 1 < search->n_cuts;)
        search->first_half *= 2;
    *n_cuts += 2 * search->first_half - 1;
    for (size_t c = search->n_cuts; c < 2 * search->first_half - 1; c++)
        cuts[search->first_cut + c] = NAN;
    return i;
}

/* How many cuts below a value or at it. */
static uint32_t rank_of(const ranks_search *search, const double *cuts, double x)
{
    uint32_t rank = 0;
    for (uint32_t half = search->first_half; half > 0; half /= 2)
        rank += x >= cuts[rank + half - 1] ? half : 0;
    return rank;
}

static void settle_missing(explain_ranks *ranks)
{
    for (size_t s = 0; s < ranks->n_searches; s++) {
        const ranks_search *search = &ranks->searches[s];
        for (size_t c = 0; c < search->n_columns; c++) {
            ranks_column *column = &ranks->columns[search->first_column + c];
            uint32_t rank = search->n_cuts;
            if (column->flags == MW_NODE_MISSING_NONE)
                rank = rank_of(search, ranks->cuts + search->first_cut, 0);
            else if (column->flags & MW_NODE_DEFAULT_LEFT)
                rank = 0;
            column->when_missing = (int16_t)rank;
        }
    }
}

static bool take_lists(const mw_forest *forest, mw_arena *arena, size_t n_asked,
                       explain_ranks *ranks)
{
    ranks->searches = mw_arena_take_zeroed(arena, n_asked, sizeof *ranks->searches);
    ranks->columns = mw_arena_take_zeroed(arena, n_asked, sizeof *ranks->columns);
    ranks->cuts = mw_arena_take_zeroed(arena, 2 * n_asked + 1, sizeof *ranks->cuts);
    ranks->node_column = mw_arena_take_zeroed(arena, forest->n_nodes, sizeof *ranks->node_column);
    ranks->node_cut = mw_arena_take_zeroed(arena, forest->n_nodes, sizeof *ranks->node_cut);
    ranks->places = mw_arena_take_zeroed(arena, forest->n_features, sizeof *ranks->places);
    ranks->features = mw_arena_take_zeroed(arena, forest->n_features, sizeof *ranks->features);
    return ranks->searches && ranks->columns && ranks->cuts && ranks->node_column &&
           ranks->node_cut && ranks->places && ranks->features;
}

mw_status ranks_make(const mw_forest *forest, mw_arena *arena, explain_ranks *ret_ranks,
                     mw_error *err)
{
    asked *list = malloc((forest->n_nodes + 1) * sizeof *list);
    if (!list)
        return mw_fail_memory(err, "the explainer");
    size_t count = list_asked(forest, list), n_cuts = 0;
    *ret_ranks = (explain_ranks){0};
    bool taken = take_lists(forest, arena, count, ret_ranks);
    if (taken)
        memset(ret_ranks->places, 0xff, forest->n_features * sizeof *ret_ranks->places);
    for (size_t i = 0; taken && i < count;)
        i += add_search(forest, ret_ranks, list + i, count - i, ret_ranks->cuts, &n_cuts);
    free(list);
    if (!taken)
        return mw_fail_memory(err, "the explainer");
    settle_missing(ret_ranks);
    return MW_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

enum { PART = 64, TOGETHER = 8 }; /* rows that are read at once, that are searched at once */

static void read_part(const mw_forest *forest, const mw_matrix *rows, size_t first, size_t n_rows,
                      size_t n_filled, size_t column, double *ret_x)
{
    for (size_t r = 0; r < n_rows; r++)
        ret_x[r] = predict_value(forest->input, predict_read(rows, first + r, column));
    for (size_t r = n_rows; r < n_filled || r % TOGETHER != 0; r++)
        ret_x[r] = ret_x[n_rows - 1];
}

/* Eight searches at a time: one alone waits for each of its loads. And without a branch, which
 * would be mispredicted half of the time. */
static void search_part(const ranks_search *search, const double *cuts, const double *x, size_t n,
                        int16_t *ret_ranks)
{
    for (size_t r = 0; r < n; r += TOGETHER) {
        uint32_t rank[TOGETHER] = {0};
        for (uint32_t half = search->first_half; half > 0; half /= 2)
            for (size_t i = 0; i < TOGETHER; i++)
                rank[i] += half & (0 - (uint32_t)(x[r + i] >= cuts[rank[i] + half - 1]));
        for (size_t i = 0; i < TOGETHER; i++)
            ret_ranks[r + i] = (int16_t)rank[i];
    }
}

static void put_column(const ranks_column *column, const double *x, const int16_t *found, size_t n,
                       int16_t *ret_ranks)
{
    bool zeros = (column->flags & MW_NODE_MISSING_MASK) == MW_NODE_MISSING_ZERO;
    for (size_t r = 0; r < n; r++)
        ret_ranks[r] = isnan(x[r]) ? column->when_missing : found[r];
    for (size_t r = 0; zeros && r < n; r++)
        ret_ranks[r] = predict_is_zero(x[r]) ? column->when_missing : ret_ranks[r];
}

static void put_alone(const mw_forest *forest, size_t node, const double *x, size_t n,
                      int16_t *ret_ranks)
{
    for (size_t r = 0; r < n; r++)
        ret_ranks[r] = !predict_goes_left(forest, node, x[r]);
}

static void rank_part(const mw_forest *forest, const explain_ranks *ranks, const mw_matrix *rows,
                      size_t first, size_t n_rows, size_t n_filled, size_t stride,
                      int16_t *ret_ranks)
{
    double x[PART];
    int16_t found[PART];
    for (size_t s = 0; s < ranks->n_searches; s++) {
        const ranks_search *search = &ranks->searches[s];
        read_part(forest, rows, first, n_rows, n_filled, search->row_column, x);
        if (search->n_cuts > 0 && n_filled == 1)
            found[0] = (int16_t)rank_of(search, ranks->cuts + search->first_cut, x[0]);
        else if (search->n_cuts > 0)
            search_part(search, ranks->cuts + search->first_cut, x, n_filled, found);
        for (size_t c = search->first_column; c < search->first_column + search->n_columns; c++) {
            if (search->n_cuts > 0)
                put_column(&ranks->columns[c], x, found, n_filled, ret_ranks + c * stride);
            else
                put_alone(forest, ranks->columns[c].node, x, n_filled, ret_ranks + c * stride);
        }
    }
}

void ranks_of_rows(const mw_forest *forest, const explain_ranks *ranks, const mw_matrix *rows,
                   size_t first, size_t n_rows, size_t n_filled, size_t stride, int16_t *ret_ranks)
{
    for (size_t r = 0; r < n_filled; r += PART) {
        size_t filled = n_filled - r < PART ? n_filled - r : PART;
        size_t left = n_rows > r ? n_rows - r : 0, from = left ? first + r : first + n_rows - 1;
        rank_part(forest, ranks, rows, from,
                  left == 0     ? 1
                  : left < PART ? left
                                : PART,
                  filled, stride, ret_ranks + r);
    }
}
