/* What 'mw explain' computes, chosen by its options:
 *
 *     (nothing)           contributions by covers       mw_explainer
 *     --background FILE   values against its rows       mw_contrast
 *     --interactions      values of pairs, by covers    mw_interactions
 */
#ifndef CLI_EXPLAINING_H
#define CLI_EXPLAINING_H

#include "call.h"
#include "explain/explain.h"

typedef struct cli_explaining {
    const mw_forest *forest;
    mw_explainer *explainer; /* one of them */
    mw_contrast *contrast;
    mw_interactions *interactions;
    mw_scale scale;
} cli_explaining;

/* Reads the background, too. The forest is borrowed. cli_explaining_done also after a failure. */
MW_CHECKED mw_status cli_explaining_init(cli_explaining *to, const cli_call *call,
                                         const mw_forest *forest, mw_error *err);
void cli_explaining_done(cli_explaining *to);

/* Values a row: so many for each margin, bias last; with interactions a matrix for each. */
size_t cli_explaining_values(const cli_explaining *to);
const char *cli_explaining_kernel(const cli_explaining *to);
/* What the values add up to: "margin", "probability". */
const char *cli_explaining_sum(const cli_explaining *to);
MW_CHECKED mw_status cli_explaining_run(const cli_explaining *to, const mw_matrix *rows,
                                        mw_pool *pool, double *ret_values, mw_error *err);

#endif
