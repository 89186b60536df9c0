/* catboost: the reader of CatBoost's JSON models; one room-private header for its files.
 *
 *   catboost.c           the document: features, trees, scale and bias, model_info
 *   catboost_tree.c      a tree of either form becomes nodes
 *   catboost_settle.c    features, classes and loss become schema, labels and transform
 */
#ifndef MODEL_CATBOOST_H
#define MODEL_CATBOOST_H

#include "document.h"

/* One entry of features_info.float_features. */
typedef struct model_cat_feature {
    mw_view name;     /* "" when the model knows none */
    int64_t column;   /* flat_feature_index */
    bool nan_is_high; /* AsTrue: NaN passes every border; else it passes none */
} model_cat_feature;

/* A node of a tree in the making; a leaf has left = right = -1. */
typedef struct model_cat_node {
    int64_t left, right, feature; /* feature: index among the float features */
    double border, weight;
    size_t values; /* leaf: first of its values in model_cat_tree.values */
} model_cat_node;

/* A tree's parts, reused for the next. */
typedef struct model_cat_tree {
    model_list nodes;           /* model_cat_node */
    model_list splits;          /* model_cat_node, of an oblivious tree: one a level */
    model_list values, weights; /* double */
} model_cat_tree;

typedef struct model_cat {
    model_build build;
    model_document doc;
    model_cat_tree tree;
    model_list features;    /* model_cat_feature */
    model_list bias;        /* double */
    model_list class_names; /* mw_view */
    mw_view loss;
    double scale;
    size_t n_outputs; /* values a leaf; 0 before the first tree */
    bool has_features, has_trees, has_weights;
} model_cat;

void model_cat_tree_init(model_cat_tree *tree);
void model_cat_tree_done(model_cat_tree *tree);
/* One element of "oblivious_trees" or of "trees"; its nodes are added to cat->build. Nodes name
 * float features, not columns, until model_cat_settle. */
MW_CHECKED mw_status model_cat_read_oblivious(model_cat *cat, mw_error *err);
MW_CHECKED mw_status model_cat_read_nested(model_cat *cat, mw_error *err);

/* The document has been read. */
MW_CHECKED mw_status model_cat_settle(model_cat *cat, mw_error *err);

MW_CHECKED mw_status model_cat_read(mw_view bytes, mw_forest **ret_forest, mw_error *err);

#endif
