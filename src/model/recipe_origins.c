/* Where a column comes from: the given values that a recipe makes it of.
 *
 *     age     -> IMPUTE -> SUB -> DIV          made of age
 *     colour  -> EQUAL "red" -> CAST           made of colour, as the columns beside it
 *     a, b    -> a / (a + b)                   made of a and b */
#include "build.h"

#include <stdlib.h>

#include "base/banned.h"

/* No given value at all; never kept in a forest. */
static const mw_column_origin nothing = {UINT32_MAX, UINT32_MAX};

static bool is_nothing(mw_column_origin origin)
{
    return origin.feature == UINT32_MAX;
}

static mw_column_origin both(mw_column_origin a, mw_column_origin b)
{
    if (is_nothing(a) || is_nothing(b))
        return is_nothing(a) ? b : a;
    if (a.feature != a.other)
        return a;
    return (mw_column_origin){a.feature, b.feature != a.feature ? b.feature : b.other};
}

size_t mw_recipe_reads(const mw_recipe_step *step, uint32_t *ret_cells)
{
    ret_cells[0] = step->a;
    ret_cells[1] = step->b;
    ret_cells[2] = step->c;
    switch ((mw_recipe_op)step->op) {
    case MW_RECIPE_CONSTANT:
        return 0;
    case MW_RECIPE_ADD:
    case MW_RECIPE_SUB:
    case MW_RECIPE_MUL:
    case MW_RECIPE_DIV:
    case MW_RECIPE_POW:
    case MW_RECIPE_MAX:
    case MW_RECIPE_MIN:
    case MW_RECIPE_EQUAL:
    case MW_RECIPE_LESS:
    case MW_RECIPE_LESS_EQUAL:
    case MW_RECIPE_AND:
    case MW_RECIPE_OR:
    case MW_RECIPE_MIX:
        return 2;
    case MW_RECIPE_WHERE:
        return 3;
    default: /* of one cell; a table is none */
        return 1;
    }
}

static mw_column_origin origin_of(const mw_recipe_step *step, const mw_column_origin *cells)
{
    uint32_t from[MW_RECIPE_READS];
    size_t n = mw_recipe_reads(step, from);
    mw_column_origin origin = nothing;
    for (size_t i = 0; i < n; i++)
        origin = both(origin, cells[from[i]]);
    return origin;
}

mw_status model_find_origins(mw_forest *forest, mw_error *err)
{
    const mw_recipe *recipe = forest->before;
    if (!recipe)
        return MW_OK;
    size_t n_cells = recipe->n_inputs + recipe->n_steps;
    mw_column_origin *cells = calloc(n_cells + 1, sizeof *cells);
    mw_column_origin *origins =
        mw_arena_take(&forest->arena, forest->n_columns * sizeof *origins + 1);
    if (!cells || !origins) {
        free(cells);
        return mw_fail_memory(err, "a model");
    }
    for (size_t i = 0; i < recipe->n_inputs; i++)
        cells[i] = (mw_column_origin){recipe->inputs[i], recipe->inputs[i]};
    for (size_t i = 0; i < recipe->n_steps; i++)
        cells[recipe->n_inputs + i] = origin_of(&recipe->steps[i], cells);
    for (uint32_t f = 0; f < forest->n_features; f++)
        origins[f] = (mw_column_origin){f, f};
    for (size_t i = 0; i < recipe->n_outputs; i++) {
        mw_column_origin origin = cells[recipe->outputs[i]];
        origins[forest->n_features + i] = is_nothing(origin) ? (mw_column_origin){0, 0} : origin;
    }
    forest->origins = origins;
    free(cells);
    return MW_OK;
}
