/* Interactions as text. A line, or an object, is one margin of one row; CSV has one line for each
 * feature of the matrix, as XGBoost flattens it, and one for the bias:
 *
 *     csv     row,feature,age,income,bias
 *             0,age,0.46,0.01,0.0
 *     json    {"row":0,"margin":0.22,"bias":-0.2,"interactions":[{"features":["age"],"value":0.46},
 *              {"features":["age","income"],"value":0.02}]}
 *     text    row 0: margin 0.22, where the mean is -0.2
 *               age = 37 alone raises it by 0.46
 *               age = 37 with income = 1200 raises it by 0.02
 *
 * CSV has the matrix itself, with half of a pair's value on each side of the diagonal; the others
 * tell a pair once, with all of its value. */
#ifndef CLI_INTERACTION_LINES_H
#define CLI_INTERACTION_LINES_H

#include "contributions.h"

typedef struct cli_interaction_lines {
    const cli_contributions *to; /* names, labels, format, top */
    size_t n_pairs;              /* a feature with itself among them */
    double *values;              /* n_pairs: of the line at hand */
    size_t *order;
} cli_interaction_lines;

/* Memory is the arena's. */
MW_CHECKED mw_status cli_interaction_lines_init(cli_interaction_lines *lines,
                                                const cli_contributions *to, mw_arena *arena,
                                                mw_error *err);
void cli_interaction_lines_header(const cli_interaction_lines *lines, mw_buf *out);
/* Margin `m` of row `number`: x is the row's features, values its matrix. */
void cli_interaction_lines_put(const cli_interaction_lines *lines, uint64_t number, size_t m,
                               const double *x, const double *values, mw_buf *out);

#endif
