/* Between the files that make a forest of a session. */
#ifndef MODEL_FOREIGN_MAKE_H
#define MODEL_FOREIGN_MAKE_H

#include "foreign.h"

typedef struct foreign_maker {
    foreign f;
    const char *path; /* NULL: bytes alone */
    mw_forest *forest;
    mw_graph *graph;
    mw_session_file *files; /* n_files of both */
    mw_file *contents;
    size_t n_files, outside_bytes;
} foreign_maker;

/* The names of classes that a ZipMap gives this output; NULL: none does. */
const foreign_labels *foreign_zip_labels(const foreign *f, mw_view output);
/* The session's name for an output: of a ZipMap, the tensor before it. */
mw_view foreign_unzipped(const foreign *f, mw_view output);

/* Inputs of the session become the schema. Fails: MW_E_RUNTIME_SHAPE. */
MW_CHECKED mw_status foreign_set_inputs(foreign_maker *m, mw_error *err);
/* Outputs become predictions and classes, by a trial with rows of zeros.
 * Fails: MW_E_RUNTIME_SHAPE, MW_E_RUNTIME_MODEL. */
MW_CHECKED mw_status foreign_set_outputs(foreign_maker *m, mw_error *err);

#endif
