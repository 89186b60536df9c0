/* What a rollout's arms are asked: whether both get the same, and which group a request is in.
 *
 *     the request's first row --columns by name, in either model--> values, missing, group */
#ifndef SERVE_ASKED_H
#define SERVE_ASKED_H

#include "model/model.h"
#include "release/release.h"

enum { SERVE_ASKED_BYTES = 64 };

/* Fixed once made. */
typedef struct serve_asked {
    size_t n;
    char names[MW_ARM_COVARIATES][MW_COLUMN_NAME_BYTES];
    ptrdiff_t columns[MW_ARMS][MW_ARM_COVARIATES]; /* in either model; -1: it has none */
    mw_rollout_groups groups;                      /* column "": none */
    double group_values[MW_ARM_GROUPS];            /* of names that are numbers; else NaN */
    ptrdiff_t group_columns[MW_ARMS];
} serve_asked;

/* groups: NULL = none; with neither names nor bounds they are the first categories of the old
 * model. */
void serve_asked_init(serve_asked *asked, const mw_forest *const forests[MW_ARMS],
                      const mw_rollout_groups *groups);
/* A column's value as a number whose mean can be compared; NaN: it is missing. A category counts by
 * a number between 0 and 1 that is drawn from its text: so whatever categories come more often, and
 * whatever codes a model has for them, the mean moves. */
double serve_asked_value(const mw_column *column, double value);
/* The group of a row of this arm's model; MW_ARM_GROUPS: none. */
size_t serve_asked_group(const serve_asked *asked, int arm, const mw_schema *schema,
                         const mw_matrix *rows);
/* Column `c` of the first row. */
double serve_first_row(const mw_matrix *rows, size_t c);

#endif
