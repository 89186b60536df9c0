/* declared: what a model says of its columns beyond what was trained: the names that they had in
 * versions before, and what stands for a column that a request leaves out.
 *
 *   columns:
 *     income: {was: salary}        or a list of names
 *     region: {default: north}
 *     tenure: {optional: true}     left out: it reads as missing
 *
 * In MLmodel it stands under metadata: millwright (log_model(metadata={"millwright": {...}})),
 * beside a file in FILE.contract.yaml. */
#ifndef MODEL_DECLARED_H
#define MODEL_DECLARED_H

#include "model.h"

/* Lay it over forest->schema; NULL is fine. Fails: MW_BAD_DATA (MW2106), err->where "line:column",
 * when it is malformed, a column is not the model's, a name stands twice, or a default is no value
 * of its column. */
MW_CHECKED mw_status model_declared_apply(mw_forest *forest, const mw_yaml *root, mw_error *err);
/* From the file beside the model's at `path`, if there is one. */
MW_CHECKED mw_status model_declared_beside(mw_forest *forest, const char *path, mw_error *err);

#endif
