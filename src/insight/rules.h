/* rules: what may become of a feature, to begin with, and what it costs.
 *
 *     reference rows -> spread (the scale), range (the limits), whole numbers (the step)
 *     thresholds of the trees -> spread, where there are no reference rows */
#ifndef INSIGHT_RULES_H
#define INSIGHT_RULES_H

#include "model/model.h"

/* Rows that lie `stride` apart. */
typedef struct mw_rows_seen {
    const double *values;
    size_t n_rows, stride;
} mw_rows_seen;

/* ret_rules: n_features. A feature is of whole numbers when all of its values in `rows` and in
 * `reference` are; reference may be NULL. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status mw_rules_learn(const mw_forest *forest, const mw_rows_seen *rows,
                                    const mw_rows_seen *reference, mw_change_rule *ret_rules,
                                    mw_error *err);

#endif
