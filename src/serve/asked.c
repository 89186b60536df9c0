/* See asked.h. */
#include "asked.h"

#include <math.h>

static ptrdiff_t find(const mw_schema *schema, const char *name)
{
    for (size_t c = 0; c < schema->n_columns; c++)
        if (mw_view_is(schema->columns[c].name, name))
            return (ptrdiff_t)c;
    return -1;
}

/* ---- making ---------------------------------------------------------------------------------- */

static void name_groups(serve_asked *asked, const mw_column *column)
{
    mw_rollout_groups *g = &asked->groups;
    for (size_t i = 0; i < column->n_categories && i < MW_ARM_GROUPS && column->categories; i++)
        snprintf(g->names[g->n_names++], MW_COLUMN_NAME_BYTES, "%.*s",
                 MW_VIEW_ARG(column->categories[i]));
}

static void take_groups(serve_asked *asked, const mw_forest *const forests[MW_ARMS],
                        const mw_rollout_groups *groups)
{
    asked->groups = *groups;
    for (int arm = 0; arm < MW_ARMS; arm++)
        asked->group_columns[arm] = find(&forests[arm]->schema, groups->column);
    ptrdiff_t c = asked->group_columns[0];
    if (c >= 0 && groups->n_names + groups->n_bounds == 0)
        name_groups(asked, &forests[0]->schema.columns[c]);
    for (size_t i = 0; i < asked->groups.n_names; i++) {
        const char *name = asked->groups.names[i];
        if (!mw_number_parse(name, strlen(name), &asked->group_values[i]))
            asked->group_values[i] = (double)NAN;
    }
}

void serve_asked_init(serve_asked *asked, const mw_forest *const forests[MW_ARMS],
                      const mw_rollout_groups *groups)
{
    const mw_schema *old = &forests[0]->schema;
    *asked = (serve_asked){.n = 0};
    for (size_t c = 0; c < old->n_columns && asked->n < MW_ARM_COVARIATES; c++) {
        mw_view name = old->columns[c].name;
        if (name.size >= MW_COLUMN_NAME_BYTES)
            continue;
        snprintf(asked->names[asked->n], MW_COLUMN_NAME_BYTES, "%.*s", MW_VIEW_ARG(name));
        asked->columns[0][asked->n] = (ptrdiff_t)c;
        asked->columns[1][asked->n] = find(&forests[1]->schema, asked->names[asked->n]);
        asked->n += asked->columns[1][asked->n] >= 0;
    }
    if (groups && groups->column[0])
        take_groups(asked, forests, groups);
}

/* ---- a row ----------------------------------------------------------------------------------- */

double serve_first_row(const mw_matrix *rows, size_t c)
{
    ptrdiff_t at = (ptrdiff_t)c * rows->column_stride;
    return rows->dtype == MW_FLOAT64 ? ((const double *)rows->data)[at]
                                     : (double)((const float *)rows->data)[at];
}

static double number_of_text(mw_view text)
{
    uint64_t hash = mw_fnv_view(MW_FNV_BEGIN, text);
    hash ^= hash >> 33;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    return (double)(hash >> 11) * 0x1p-53;
}

double serve_asked_value(const mw_column *column, double value)
{
    const double most = 1e15; /* squares of more say nothing of the rest */
    if (!isfinite(value))
        return (double)NAN;
    if (column->categories && value >= 0 && value < (double)column->n_categories)
        return number_of_text(column->categories[(size_t)value]);
    if (column->hashed && value >= 0 && value < (double)column->n_category_hashes)
        return (double)column->category_hashes[(size_t)value] * 0x1p-32;
    return column->categories ? (double)NAN : fmin(fmax(value, -most), most);
}

static size_t band_of(const mw_rollout_groups *groups, double value)
{
    size_t i = 0;
    while (i < groups->n_bounds && value >= groups->bounds[i])
        i++;
    return i;
}

size_t serve_asked_group(const serve_asked *asked, int arm, const mw_schema *schema,
                         const mw_matrix *rows)
{
    const mw_rollout_groups *g = &asked->groups;
    ptrdiff_t c = g->column[0] ? asked->group_columns[arm] : -1;
    if (c < 0)
        return MW_ARM_GROUPS;
    const mw_column *column = &schema->columns[c];
    double value = serve_first_row(rows, (size_t)c);
    if (isnan(value))
        return MW_ARM_GROUPS;
    if (g->n_bounds > 0)
        return band_of(g, value);
    bool is_code = column->categories && value >= 0 && value < (double)column->n_categories;
    for (size_t i = 0; i < g->n_names; i++)
        if (is_code ? mw_view_is(column->categories[(size_t)value], g->names[i])
                    : asked->group_values[i] == value)
            return i;
    return MW_ARM_GROUPS;
}
