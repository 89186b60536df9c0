/* Predictions as text: CSV with a header, or JSON lines.
 *
 *     prediction        class_0,class_1,class_2        {"prediction":0.25}
 *     0.25              0.1,0.7,0.2
 */
#ifndef CLI_SCORES_H
#define CLI_SCORES_H

#include "predict/predict.h"

typedef struct cli_scores {
    size_t n_outputs;
    bool float32; /* shortest text that reads back as the same float32, else float64 */
    bool json;
    const char **names;         /* n_outputs: column names, ready for the format */
    const mw_element *elements; /* of a graph's values: what each one is; NULL = trees */
    const char **labels;        /* n_labels: what a predicted class is called; NULL = its number */
    size_t n_labels;
} cli_scores;

/* A text in quotes, as CSV has it. */
void cli_csv_text(mw_buf *out, mw_view text);
/* A name as CSV has it: in quotes when it holds what CSV reads as its own. */
void cli_csv_name(mw_buf *out, mw_view name);
/* Names of the columns; memory is the arena's. */
MW_CHECKED mw_status cli_scores_init(cli_scores *scores, const mw_forest *forest,
                                     const mw_predictor *predictor, mw_output output, bool json,
                                     mw_arena *arena, mw_error *err);
/* The header line of CSV; nothing for JSON lines. */
void cli_scores_header(const cli_scores *scores, mw_buf *out);
void cli_scores_row(const cli_scores *scores, const double *values, mw_buf *out);

#endif
