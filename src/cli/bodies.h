/* Rows become request bodies, in every protocol: for the demo's traffic and for a load.
 *
 *     rows of a model's schema, cells of a file ──cli_rows──> body, path
 */
#ifndef CLI_BODIES_H
#define CLI_BODIES_H

#include "base/base.h"

typedef enum cli_body_form {
    CLI_BODY_SPLIT,   /* MLflow: {"dataframe_split": ...} */
    CLI_BODY_RECORDS, /* MLflow: {"dataframe_records": [{...}]} */
    CLI_BODY_TENSORS, /* Open Inference: a tensor for each column, as clients that know the schema
                         send it */
    CLI_BODY_BINARY,  /* the same, numbers as FP64 behind the JSON; texts stay in it */
    CLI_BODY_OBJECTS, /* KServe V1: {"instances": [{...}]} */
    CLI_BODY_ARRAYS,  /* KServe V1: {"instances": [[...]]} */
    CLI_BODY_N_FORMS
} cli_body_form;

/* How rows tell of themselves. */
typedef struct cli_rows {
    const void *source;
    size_t n_columns;
    mw_view (*name)(const void *source, size_t column);
    bool (*is_text)(const void *source, size_t column); /* of all its cells: a BYTES tensor */
    /* A cell as JSON. in_tensor: where there is no null for a missing one. */
    void (*write_cell)(const void *source, size_t row, size_t column, bool in_tensor, mw_buf *out);
    double (*number)(const void *source, size_t row, size_t column); /* for CLI_BODY_BINARY */
} cli_rows;

/* The body of a request for n_rows rows from `row` on. Returns the bytes of its JSON, which are all
 * but in CLI_BODY_BINARY. */
size_t cli_body_write(cli_body_form form, const cli_rows *rows, size_t row, size_t n_rows,
                      mw_buf *out);
/* Where it is posted to. */
void cli_body_path(cli_body_form form, const char *endpoint, mw_buf *out);

#endif
