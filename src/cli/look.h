/* A record that a command looks at, while a server may have it open. */
#ifndef CLI_LOOK_H
#define CLI_LOOK_H

#include "call.h"
#include "registry/registry.h"

/* --record. Fails: MW_BAD_ARGUMENT (MW1026) none is named; as mw_registry_look. */
MW_CHECKED mw_status cli_look(const cli_call *call, mw_registry **ret_registry, mw_error *err);

/* Where a model is: a file or folder as it is named, or "models:/credit@champion",
 * "credit@champion", "credit/3" checked out of the record, which is opened in *registry if need be,
 * to be closed by the caller. Fails: as cli_look, mw_registry_check_out. */
MW_CHECKED mw_status cli_model_place(const cli_call *call, const char *text, mw_registry **registry,
                                     mw_arena *arena, const char **ret_path, mw_error *err);

/* Of a relative: "made from the same data". */
const char *cli_kinship_words(mw_kinship kinship);
const char *cli_run_status_name(mw_run_status status);

/* `,"libraries":{"xgboost":"3.2.0"}` (look.c). */
void cli_write_libraries(const mw_passport *passport, mw_buf *out);

/* RunEvents of OpenLineage 2-0-2, one a line: the start and the end of the run that made the
 * version (openlineage.c). A version without a run has one event, of its registration. */
void cli_write_openlineage(const mw_lineage *lineage, mw_buf *out);

#endif
