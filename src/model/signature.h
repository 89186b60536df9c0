/* signature: what an MLflow signature says of the columns, laid over a model's schema. */
#ifndef MODEL_SIGNATURE_H
#define MODEL_SIGNATURE_H

#include "model.h"

/* Fit forest->schema to `inputs`, the JSON text of the signature's inputs:
 *
 *   [{"name": "age", "type": "long", "required": true}, ...]      columns: names and types
 *   [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 5]}}]   width and type
 *
 * The order of columns stays the model's. Columns that are not the model's are passed over.
 * Fails: MW_BAD_DATA when a feature has no column, or one of a type it cannot have. */
MW_CHECKED mw_status model_signature_apply(mw_forest *forest, mw_view inputs, mw_error *err);

#endif
