/* read: bytes of any kind become a forest; what the door and mlmodel.c share. */
#ifndef MODEL_READ_H
#define MODEL_READ_H

#include "model.h"

/* As mw_forest_read; err is not NULL. `path`: the file, so that others beside it are found; NULL:
 * there is none. With `best_only` the trees behind the best iteration are
 * dropped, as the scikit-learn wrappers of XGBoost do when they predict. */
MW_CHECKED mw_status model_read(mw_view bytes, const char *name, const char *path, bool best_only,
                                mw_forest **ret_forest, mw_error *err);

#endif
