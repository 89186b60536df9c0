/* A frame's rows as a model takes them. */
#ifndef CLI_FRAME_ROWS_H
#define CLI_FRAME_ROWS_H

#include "table/table.h"

/* Texts become codes of words, numbers stay numbers. *ret_words: one a column and one more, on the
 * heap; without texts for a column of numbers. cli_frame_words_done, whether it fails or not. */
MW_CHECKED mw_status cli_frame_words(mw_frame *frame, mw_words **ret_words, mw_error *err);
/* Also of words that were coded otherwise; NULL is fine. */
void cli_frame_words_done(const mw_frame *frame, mw_words *words);

/* The columns that the schema names, or of a schema without names the columns in their order. No
 * feature is read from where is_other (n_columns flags, NULL: none) is set. Memory is the arena's.
 * Fails: MW_MISMATCH a required column is missing; as mw_batch_put_number. */
MW_CHECKED mw_status cli_frame_rows(const mw_frame *frame, const mw_words *words,
                                    const mw_schema *schema, const bool *is_other, mw_arena *arena,
                                    mw_batch *ret_batch, mw_error *err);

#endif
