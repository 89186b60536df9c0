/* mlmodel: an MLflow model folder. */
#ifndef MODEL_MLMODEL_H
#define MODEL_MLMODEL_H

#include "build.h"

/* Load the model file that folder/MLmodel names, and fit its schema to the signature. */
MW_CHECKED mw_status model_mlmodel_load(const char *folder, mw_forest **ret_forest, mw_error *err);

#endif
