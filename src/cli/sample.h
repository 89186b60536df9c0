/* Bodies that a model will answer: for the line to try, and for the demo's traffic. */
#ifndef CLI_SAMPLE_H
#define CLI_SAMPLE_H

#include "model/model.h"

/* One row of plausible values (the model's own split points), as dataframe_records when the model
 * knows its names, else as inputs. False when the model is too wide to show as one line. */
bool cli_sample_body(const mw_forest *forest, mw_buf *out);

/* A value of a row as JSON: a category as its text, an integer without a point, missing as null. */
void cli_write_cell(const mw_column *column, double value, mw_buf *out);

/* Text in single quotes for a POSIX shell. */
void cli_write_shell_quoted(mw_view text, mw_buf *out);

#endif
