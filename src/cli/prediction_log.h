/* The prediction log: as a server keeps it, and as commands read it. */
#ifndef CLI_PREDICTION_LOG_H
#define CLI_PREDICTION_LOG_H

#include "call.h"
#include "journal/journal.h"
#include "serve/serve.h"

struct cli_watching;  /* watching.h */
struct cli_explained; /* explained.h */

/* What --log and its kin say; *ret_journal is NULL with --log off. The first labels are told to
 * `watching` (NULL: nobody). Fails: as mw_journal_open; MW_BAD_ARGUMENT. */
MW_CHECKED mw_status cli_log_open(const cli_call *call, struct cli_watching *watching,
                                  struct cli_explained *explained, mw_journal **ret_journal,
                                  mw_error *err);
/* An mw_answer_tap whose user is the journal. */
mw_answer_tap cli_log_tap;

/* Compare how an endpoint's groups are treated, by its plan; NULL: not at all. Fails: MW_NOT_FOUND
 * (MW8405) predictions are not kept. */
MW_CHECKED mw_status cli_log_watch_fairness(mw_journal *journal, const char *endpoint,
                                            const mw_fair_plan *plan, mw_error *err);

/* What the filters of `mw log` say. Fails: MW_BAD_ARGUMENT. */
MW_CHECKED mw_status cli_log_query(const cli_call *call, mw_log_query *ret_query, mw_error *err);

/* ---- log_rows.c ------------------------------------------------------------------------------ */

/* Rows as lines; columns of several shapes side by side. */
typedef enum cli_log_form { CLI_LOG_CSV, CLI_LOG_JSONL, CLI_LOG_ARROW } cli_log_form;

struct cli_log_arrow; /* log_arrow.c */

typedef struct cli_log_table {
    cli_log_form form;
    char **names;  /* of the inputs and outputs, n_names; owned */
    bool *is_text; /* n_names: some shape has texts there; owned */
    size_t n_names, capacity;
    mw_buf *out; /* lines are put at its end; borrowed */
    /* of the shape that came last */
    const mw_log_shape *shape;
    size_t *place; /* of each column and output; owned */
    size_t *from;  /* n_names: which of them, SIZE_MAX: none; owned; of Arrow */
    size_t n_places;
    mw_buf *cells;               /* n_names; owned */
    struct cli_log_arrow *arrow; /* owned */
    bool failed;                 /* memory is gone */
} cli_log_table;

/* To be told every shape first. */
void cli_log_table_add(void *table, const mw_log_shape *shape);
void cli_log_table_head(cli_log_table *table);
void cli_log_table_row(cli_log_table *table, const mw_log_row *row);
/* What stands behind the last row. */
void cli_log_table_end(cli_log_table *table);
void cli_log_table_done(cli_log_table *table);
/* log_arrow.c: the same of an Arrow file. */
void cli_log_arrow_head(cli_log_table *table);
void cli_log_arrow_row(cli_log_table *table, const mw_log_row *row);
void cli_log_arrow_end(cli_log_table *table);
void cli_log_arrow_done(cli_log_table *table);
/* "2 classes", for people: what the answers of a shape are. */
const char *cli_log_answer_name(const mw_log_shape *shape);

#endif
