/* names: small text questions that several readers ask, and the schema from names and types. */
#ifndef MODEL_NAMES_H
#define MODEL_NAMES_H

#include "build.h"

/* A whole text as a decimal integer that fits int64. */
bool model_parse_integer(mw_view text, int64_t *ret_value);

/* Whether a path that a file names stays in the file's folder: relative, and never upwards. Links
 * that someone put into the folder are followed: they are not the file's word. */
bool model_stays_inside(mw_view path);

/* Prepend a key to the place, as a path is written: "trees" to "[12].left_children" gives
 * "trees[12].left_children"; in front of "byte 17" stands ": ". err is not NULL here. */
mw_status model_at_key(mw_error *err, const char *key);

/* The same for an element of an array: "[12]". */
mw_status model_at_index(mw_error *err, size_t index);

/* Set forest->schema: one column for each of forest->n_features.
 *
 *   columns  n_features of them; a column without a name gets one made up from `prefix` ("f3")
 *   named    the names are the model's own */
MW_CHECKED mw_status model_set_schema(mw_forest *forest, mw_column *columns, bool named,
                                      const char *prefix, mw_error *err);

/* Refuse a count of features that the file cannot mean: it would only cost memory. */
MW_CHECKED mw_status model_check_features(const mw_forest *forest, mw_error *err);

/* A NUL-ended copy in the forest's arena. */
MW_CHECKED mw_status model_keep_text(mw_forest *forest, mw_view text, const char **ret_text,
                                     mw_error *err);

#endif
