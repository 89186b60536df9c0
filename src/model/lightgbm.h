/* lightgbm: the reader of LightGBM's text models; one room-private header for its files.
 *
 *   lightgbm.c            lines of the file, head and tail
 *   lightgbm_tree.c       one tree's lines become nodes
 *   lightgbm_objective.c  objective= becomes a transform
 *   lightgbm_columns.c    feature names, kinds and pandas categories become the schema
 */
#ifndef MODEL_LIGHTGBM_H
#define MODEL_LIGHTGBM_H

#include "build.h"

/* Lines of the file, one at a time; CR LF is LF. */
typedef struct model_lines {
    const char *at, *end;
    size_t number; /* of the line last taken, from 1 */
} model_lines;

/* The next line without its end; false at the end of the text. */
bool model_lines_next(model_lines *lines, mw_view *ret_line);
/* "key=value" -> key and value; a bare word is a key without value. */
void model_line_split(mw_view line, mw_view *ret_key, mw_view *ret_value);

/* A tree's arrays, reused for the next. */
typedef struct model_lgb_tree {
    model_list feature, decision, left, right, leaf_count, internal_count;  /* int64_t */
    model_list boundaries, words, n_linear, linear_features;                /* int64_t */
    model_list threshold, leaf_value, linear_constant, linear_coefficients; /* double */
    int64_t n_leaves, n_categorical, is_linear;
    uint32_t seen;
} model_lgb_tree;

void model_lgb_tree_init(model_lgb_tree *tree);
void model_lgb_tree_done(model_lgb_tree *tree);
void model_lgb_tree_empty(model_lgb_tree *tree);
/* One line of the tree. Keys that are not known are passed over. */
MW_CHECKED mw_status model_lgb_tree_line(model_lgb_tree *tree, mw_view key, mw_view value,
                                         mw_error *err);
/* All lines were given: check them and add the nodes. */
MW_CHECKED mw_status model_lgb_tree_finish(const model_lgb_tree *tree, uint32_t output,
                                           model_build *build, mw_error *err);

/* After the last tree: see there. */
MW_CHECKED mw_status model_lgb_settle_linear(model_build *build, mw_error *err);

/* What the file said, beside its trees. */
typedef struct model_lgb {
    model_build build;
    model_lines lines;
    model_lgb_tree tree;
    uint32_t seen; /* keys of the head */
    mw_view version, objective, names, infos, tree_sizes, pandas, categorical;
    int64_t n_classes, n_per_iteration, max_feature;
    bool has_objective, average, ended;
} model_lgb;

MW_CHECKED mw_status model_lgb_set_objective(model_lgb *lgb, mw_error *err);
MW_CHECKED mw_status model_lgb_set_schema(model_lgb *lgb, mw_error *err);
MW_CHECKED mw_status model_lgb_read(mw_view bytes, mw_forest **ret_forest, mw_error *err);

#endif
