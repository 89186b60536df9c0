/* Contributions as text. A line is one margin of one row:
 *
 *     csv     age,income,bias             one column a feature; `class` first when there are
 * several 0.53,-0.11,-0.2 json
 * {"row":0,"margin":0.22,"bias":-0.2,"contributions":{"age":0.53,"income":-0.11}} text    row 0:
 * margin 0.22, where the mean is -0.2 age = 37 raises it by 0.53 income = 1200 lowers it by 0.11
 */
#ifndef CLI_CONTRIBUTIONS_H
#define CLI_CONTRIBUTIONS_H

#include "model/model.h"

typedef enum cli_explain_format {
    CLI_EXPLAIN_CSV,
    CLI_EXPLAIN_JSON,
    CLI_EXPLAIN_TEXT
} cli_explain_format;

typedef struct cli_contributions {
    const mw_forest *forest;
    cli_explain_format format;
    const char *sum;     /* what the values add up to: "margin", "probability" */
    size_t top;          /* of json and text: the largest ones only */
    const char **names;  /* n_features, ready for the format */
    const char **labels; /* n_margins: what a class or output is called; NULL when there is one */
    size_t *order;       /* n_features: the largest first, for the line at hand */
} cli_contributions;

/* Memory is the arena's. */
MW_CHECKED mw_status cli_contributions_init(cli_contributions *to, const mw_forest *forest,
                                            cli_explain_format format, size_t top, mw_arena *arena,
                                            mw_error *err);
/* The header line of CSV; nothing for the others. */
void cli_contributions_header(const cli_contributions *to, mw_buf *out);
/* Margin `m` of row `number`: x is the row's features, values its contributions, bias last. */
void cli_contributions_line(const cli_contributions *to, uint64_t number, size_t m, const double *x,
                            const double *values, mw_buf *out);

/* ---- parts of lines, for interaction_lines.c
 * ----------------------------------------------------- */

/* Order of `values` by size, the largest first; of equals the first. */
void cli_contributions_sort(size_t *ret_order, size_t count, const double *values);
/* Numbers with commas between them, and the line's end. */
void cli_contributions_numbers(const double *values, size_t count, mw_buf *out);
/* "age = 37", "age = missing", or with the text of a category's code. */
void cli_contributions_feature(const cli_contributions *to, size_t f, double x, mw_buf *out);
/* "raises it by 0.2", and the line's end; `several`: "raise". */
void cli_contributions_move(double value, bool several, mw_buf *out);

#endif
