/* read: bytes of any kind become a forest; what the door and mlmodel.c share. */
#ifndef MODEL_READ_H
#define MODEL_READ_H

#include "model.h"

enum {
    /* The trees behind the best iteration are dropped, as the scikit-learn wrappers of XGBoost do
     * when they predict. */
    MODEL_BEST_ONLY = 1 << 0,
    /* `bytes` stand in pages of their own (base/pages.h), and nobody looks at them afterwards: a
     * reader may give back what it has used up, or let the forest hold them: who reads a file has
     * the arena of a forest that `holds_file` adopt them. */
    MODEL_SPARE = 1 << 1
};

/* As mw_forest_read; err is not NULL. `path`: the file, so that others beside it are found; NULL:
 * there is none. `how` is made of the above. */
MW_CHECKED mw_status model_read(mw_view bytes, const char *name, const char *path, unsigned how,
                                mw_forest **ret_forest, mw_error *err);
/* A model's file in memory, its numbers where the processor likes them. */
MW_CHECKED mw_status model_open_file(const char *path, mw_file *ret_file, mw_error *err);
/* The same of a file, whose bytes are spare where they stand in pages; afterwards it is the
 * caller's to close, but may be empty. */
MW_CHECKED mw_status model_read_file(mw_file *file, const char *path, unsigned how,
                                     mw_forest **ret_forest, mw_error *err);

#endif
