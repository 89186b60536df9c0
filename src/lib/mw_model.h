/* What the files of lib share: the model behind the public handle, and checks of a call. */
#ifndef LIB_MW_MODEL_H
#define LIB_MW_MODEL_H

#include <pthread.h>

#include "explain/explain.h"
#include "insight/insight.h"
#include "model/model.h"
#include "predict/predict.h"

struct mw_model {
    mw_forest *forest;
    mw_predictor *predictor;
    mw_interactions *interactions; /* as the next one */
    mw_explainer *explainer;       /* NULL until a call wants it; `lock` guards the making */
    pthread_mutex_t lock;
    mw_model_description description;
    char **names; /* n_features texts in one block with the pointers; NULL when not known */
};

/* MW_BAD_ARGUMENT. */
mw_status lib_fail_null(mw_error *err, const char *argument);
/* Room for n_rows * row_values numbers; `formula` says how many they are. */
MW_CHECKED mw_status lib_check_room(const mw_matrix *rows, size_t row_values, const char *formula,
                                    size_t values_count, mw_error *err);
/* No NULL but where nothing is to be written. */
MW_CHECKED mw_status lib_check_call(const mw_model *model, const mw_matrix *rows,
                                    const double *values, mw_error *err);

#endif
