/* Small schemas for the fuzz targets of table. */
#ifndef FUZZ_TABLE_SCHEMA_H
#define FUZZ_TABLE_SCHEMA_H

#include "table/table.h"

/* 0: three named numbers; 1: two without names; 2: one of each type. */
static inline void fuzz_make_schema(unsigned which, mw_arena *arena, mw_schema *ret_schema)
{
    static const mw_view cities[] = {{"Austin", 6}, {"1", 1}};
    static const mw_column named[] = {
        {.name = {"a", 1}}, {.name = {"b", 1}}, {.name = {"c", 1}, .optional = true}};
    static const mw_column unnamed[] = {{.name = {"f0", 2}}, {.name = {"f1", 2}}};
    static const mw_column typed[] = {
        {.name = {"a", 1}, .type = MW_COLUMN_INT32},
        {.name = {"b", 1}, .type = MW_COLUMN_BOOL},
        {.name = {"c", 1}, .type = MW_COLUMN_CATEGORY, .categories = cities, .n_categories = 2},
        {.name = {"d", 1},
         .type = MW_COLUMN_CATEGORY,
         .categories = cities,
         .n_categories = 2,
         .categories_are_numbers = true,
         .unknown_is_missing = true},
    };
    mw_status status = which == 0   ? mw_schema_make(named, 3, true, arena, ret_schema, NULL)
                       : which == 1 ? mw_schema_make(unnamed, 2, false, arena, ret_schema, NULL)
                                    : mw_schema_make(typed, 4, true, arena, ret_schema, NULL);
    if (status != MW_OK)
        abort();
}

/* What is accepted is a whole batch, of which every cell can be read; what is not has a sentence
 * and a mend. */
static inline void fuzz_check_outcome(mw_status status, const mw_schema *schema,
                                      const mw_matrix *rows, const mw_error *err)
{
    if (status != MW_OK) {
        if (!err->what[0] || !err->mend[0])
            abort();
        return;
    }
    if (rows->n_columns != schema->n_columns)
        abort();
    double sum = 0;
    for (size_t i = 0; i < rows->n_rows * rows->n_columns; i++)
        sum += rows->dtype == MW_FLOAT32 ? (double)((const float *)rows->data)[i]
                                         : ((const double *)rows->data)[i];
    volatile double sink = sum;
    (void)sink;
}

#endif
