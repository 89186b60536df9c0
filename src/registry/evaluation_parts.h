/* What the files of evaluation data sets share. */
#ifndef REGISTRY_EVALUATION_PARTS_H
#define REGISTRY_EVALUATION_PARTS_H

#include "record.h"

enum { RECORD_EVALUATION_ID_BYTES = RECORD_ID_BYTES + 3, RECORD_EVALUATION_DIGEST_BYTES = 9 };

/* "dr-" and 32 hexadecimal digits. */
void record_evaluation_id(char out[RECORD_EVALUATION_ID_BYTES], const char *prefix);
/* Of its name and the moment of its last change: eight digits. */
void record_evaluation_digest(mw_view name, int64_t now,
                              char ret_digest[RECORD_EVALUATION_DIGEST_BYTES]);
mw_status record_note_evaluation(mw_record *record, const char *action,
                                 const mw_evaluation *evaluation, mw_view before, mw_view after,
                                 mw_error *err);

/* ---- JSON (evaluation_json.c) ---------------------------------------------------------------- */

/* As Python's json.dumps(node, sort_keys=True): what MLflow's server hashes. */
MW_CHECKED mw_status evaluation_write_sorted(const mw_json *node, mw_arena *arena, mw_buf *out,
                                             mw_error *err);
/* An object's text, in which these members stand from now on. before: absent = empty. */
MW_CHECKED mw_status evaluation_merge(mw_view before, const mw_json *members, mw_buf *out,
                                      mw_error *err);
/* What types the fields of records have: MLflow's schema with those of `wishes` that are new.
 * before: absent = none so far. */
MW_CHECKED mw_status evaluation_write_schema(mw_view before, const mw_evaluation_wishes *wishes,
                                             mw_arena *arena, mw_buf *out, mw_error *err);

#endif
