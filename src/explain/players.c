/* The sets of features that play together, and how they share; see players.h. */
#include "players.h"

#include <stdlib.h>

#include "base/banned.h"

/* A walk from a column back to the features that it is made of. */
typedef struct search {
    const mw_forest *forest;
    explain_players *players;
    uint32_t *seen;  /* of each cell: the last walk that was there */
    uint32_t *stack; /* cells */
    uint32_t *found; /* features of this walk */
    size_t n_features, walk;
} search;

static bool is_asked(const mw_forest *forest, bool *asked)
{
    bool mixed = false;
    for (size_t node = 0; node < forest->n_nodes; node++) {
        uint32_t column = forest->feature[node];
        if (forest->left[node] == MW_NO_CHILD || !mw_forest_is_mixed(forest, column))
            continue;
        mixed = asked[column] = true;
    }
    return mixed;
}

static int compare_features(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

/* Features of a column, ascending, to s->found; how many. A cell is walked once. */
static size_t walk_back(search *s, size_t column)
{
    const mw_recipe *recipe = s->forest->before;
    size_t n_found = 0, n_stack = 0;
    s->walk++;
    s->stack[n_stack++] = recipe->outputs[column - s->n_features];
    while (n_stack > 0) {
        uint32_t cell = s->stack[--n_stack], from[MW_RECIPE_READS];
        if (s->seen[cell] == s->walk)
            continue;
        s->seen[cell] = (uint32_t)s->walk;
        if (cell < recipe->n_inputs) {
            s->found[n_found++] = recipe->inputs[cell];
            continue;
        }
        size_t n_from = mw_recipe_reads(&recipe->steps[cell - recipe->n_inputs], from);
        for (size_t i = 0; i < n_from; i++)
            if (s->seen[from[i]] != s->walk)
                s->stack[n_stack++] = from[i];
    }
    qsort(s->found, n_found, sizeof *s->found, compare_features);
    return n_found;
}

/* The player of s->found[0 .. n): one that there is, or a new one. */
static uint32_t player_of(search *s, size_t n)
{
    explain_players *p = s->players;
    for (size_t set = 0; set < p->n_sets; set++)
        if (p->begin[set + 1] - p->begin[set] == n &&
            memcmp(p->features + p->begin[set], s->found, n * sizeof *s->found) == 0)
            return (uint32_t)(s->n_features + set);
    memcpy(p->features + p->begin[p->n_sets], s->found, n * sizeof *s->found);
    p->begin[p->n_sets + 1] = p->begin[p->n_sets] + n;
    return (uint32_t)(s->n_features + p->n_sets++);
}

/* Which columns splits ask for, and how much room their sets need at most: a second walk fills it.
 */
static size_t count_features(search *s, const bool *asked, size_t *ret_columns)
{
    size_t n = 0;
    *ret_columns = 0;
    for (size_t column = s->n_features; column < s->forest->n_columns; column++) {
        if (!asked[column])
            continue;
        n += walk_back(s, column);
        ++*ret_columns;
    }
    return n;
}

static mw_status fill(search *s, const bool *asked, mw_error *err)
{
    explain_players *p = s->players;
    size_t n_columns, n = count_features(s, asked, &n_columns);
    mw_column_origin *origins =
        mw_arena_take_zeroed(&p->arena, s->forest->n_columns, sizeof *origins);
    p->begin = mw_arena_take_zeroed(&p->arena, n_columns + 1, sizeof *p->begin);
    p->features = mw_arena_take_zeroed(&p->arena, n + 1, sizeof *p->features);
    if (!origins || !p->begin || !p->features)
        return mw_fail_memory(err, "the explainer");
    memcpy(origins, s->forest->origins, s->forest->n_columns * sizeof *origins);
    for (size_t column = s->n_features; column < s->forest->n_columns; column++) {
        if (!asked[column])
            continue;
        uint32_t player = player_of(s, walk_back(s, column));
        origins[column] = (mw_column_origin){player, player};
    }
    p->forest = *s->forest;
    p->forest.n_features = s->n_features + p->n_sets;
    p->forest.origins = origins;
    return MW_OK;
}

static mw_status search_sets(search *s, const bool *asked, mw_error *err)
{
    const mw_recipe *recipe = s->forest->before;
    size_t n_cells = recipe->n_inputs + recipe->n_steps;
    s->seen = calloc(n_cells + 1, sizeof *s->seen);
    s->stack = calloc(MW_RECIPE_READS * n_cells + 1, sizeof *s->stack);
    s->found = calloc(recipe->n_inputs + 1, sizeof *s->found);
    bool enough = s->seen && s->stack && s->found;
    mw_status status = enough ? fill(s, asked, err) : mw_fail_memory(err, "the explainer");
    free(s->seen);
    free(s->stack);
    free(s->found);
    return status;
}

static mw_status make(const mw_forest *forest, const bool *asked, explain_players **ret_players,
                      mw_error *err)
{
    explain_players *players = calloc(1, sizeof *players);
    if (!players)
        return mw_fail_memory(err, "the explainer");
    mw_arena_init(&players->arena, 4 * MW_KIB, SIZE_MAX);
    players->n_features = forest->n_features;
    search s = {.forest = forest, .players = players, .n_features = forest->n_features};
    mw_status status = search_sets(&s, asked, err);
    if (status != MW_OK) {
        explain_players_free(players);
        return status;
    }
    *ret_players = players;
    return MW_OK;
}

mw_status explain_players_new(const mw_forest *forest, explain_players **ret_players, mw_error *err)
{
    *ret_players = NULL;
    if (!forest->before || forest->linear_weights)
        return MW_OK;
    bool *asked = calloc(forest->n_columns + 1, sizeof *asked);
    if (!asked)
        return mw_fail_memory(err, "the explainer");
    mw_status status = is_asked(forest, asked) ? make(forest, asked, ret_players, err) : MW_OK;
    free(asked);
    return status;
}

void explain_players_free(explain_players *players)
{
    if (!players)
        return;
    mw_arena_done(&players->arena);
    free(players);
}

static void share_margin(const explain_players *p, const double *played, double *values)
{
    memcpy(values, played, p->n_features * sizeof *values);
    values[p->n_features] = 0;
    for (size_t set = 0; set < p->n_sets; set++) {
        size_t n = p->begin[set + 1] - p->begin[set];
        double part = played[p->n_features + set] / (double)n;
        for (size_t i = p->begin[set]; i < p->begin[set + 1]; i++)
            values[p->features[i]] += part;
    }
}

void explain_players_share(const explain_players *p, size_t n_rows, const double *played,
                           double *ret_values)
{
    for (size_t i = 0; i < n_rows * p->forest.n_margins; i++) {
        share_margin(p, played, ret_values);
        played += p->forest.n_features + 1;
        ret_values += p->n_features + 1;
    }
}
