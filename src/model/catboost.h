/* catboost: the reader of CatBoost's models, JSON and binary; one room-private header for its
 * files.
 *
 *   catboost.c             JSON: features, trees, scale and bias, model_info
 *   catboost_binary.c      the binary form: the same from FlatBuffers
 *   catboost_tree.c        a tree of either form becomes levels or nodes
 *   catboost_categories.c  hashes of categories become codes and sets
 *   catboost_ctr.h         statistics of the target by category, in files of their own
 *   catboost_settle.c      features, classes and loss become schema, labels and transform
 */
#ifndef MODEL_CATBOOST_H
#define MODEL_CATBOOST_H

#include "document.h"

/* One entry of features_info.float_features, or of categorical_features. */
typedef struct model_cat_feature {
    mw_view name;     /* "" when the model knows none */
    int64_t column;   /* flat_feature_index */
    bool nan_is_high; /* AsTrue: NaN passes every border; else it passes none. Numbers only */
} model_cat_feature;

/* A node of a tree in the making; a leaf has left = right = -1. */
typedef struct model_cat_node {
    int64_t left, right, feature; /* feature: index among the float, or the categorical features */
    bool one_hot;                 /* right where the category's hash is `border` */
    bool statistic;               /* feature: the number of a condition, see n_conditions */
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
    model_list features;    /* model_cat_feature: of numbers */
    model_list categories;  /* model_cat_feature */
    model_list *described;  /* the one of both whose entries are being read */
    model_list bias;        /* double */
    model_list class_names; /* mw_view */
    mw_view loss;
    mw_view sum_loss;      /* of a sum of models, which says no loss of its own */
    model_list parts;      /* cat_part, of all combinations: see catboost_ctr.h */
    model_list statistics; /* cat_statistic */
    model_list tables;     /* cat_table */
    model_list keys;       /* uint64_t, of all tables */
    model_list counts;     /* double, of all tables */
    bool keeps_commonest;  /* keys of all tables are the commonest ones: ctr_leaf_count_limit */
    size_t n_conditions;   /* of numbers and of one-hot categories: those of statistics follow */
    double scale;
    size_t n_outputs; /* values a leaf; 0 before the first tree */
    bool has_features, has_trees, has_weights;
} model_cat;

void model_cat_tree_init(model_cat_tree *tree);
void model_cat_tree_done(model_cat_tree *tree);
/* Splits, values and weights of an oblivious tree stand in cat->tree: add it. */
MW_CHECKED mw_status model_cat_add_oblivious(model_cat *cat, mw_error *err);
/* The same of splits alone: values and weights are held (model_build.held_values). */
MW_CHECKED mw_status model_cat_add_splits(model_cat *cat, double **ret_values, mw_error *err);
/* Nodes, root first, and values stand in cat->tree: add them. */
MW_CHECKED mw_status model_cat_add_tree(model_cat *cat, mw_error *err);
/* The first tree says how many outputs there are; the others must agree. */
MW_CHECKED mw_status model_cat_note_outputs(model_cat *cat, size_t n_values, size_t n_leaves,
                                            mw_error *err);
void model_cat_tree_empty(model_cat_tree *tree);
/* One element of "oblivious_trees" or of "trees"; its nodes are added to cat->build. Nodes name
 * float features, not columns, until model_cat_settle. */
MW_CHECKED mw_status model_cat_read_oblivious(model_cat *cat, mw_error *err);
MW_CHECKED mw_status model_cat_read_nested(model_cat *cat, mw_error *err);

/* In the feature of a node that asks for a statistic, beside the number of its condition, until
 * model_cat_settle. */
#define MODEL_CAT_CONDITION ((uint32_t)1 << 31)

mw_status model_cat_refuse_texts(mw_error *err);

/* Values of model_info, which the binary form keeps as JSON texts: cat->doc stands before one. */
MW_CHECKED mw_status model_cat_read_params(model_cat *cat, mw_error *err);
MW_CHECKED mw_status model_cat_read_class_params(model_cat *cat, mw_error *err);
MW_CHECKED mw_status model_cat_read_sum_loss(model_cat *cat, mw_error *err);
/* A value of the document, which cat->doc stands before. */
typedef mw_status model_cat_reader(model_cat *cat, mw_error *err);
/* The 32 bits of a category's hash, which CatBoost writes as a signed number. */
MW_CHECKED mw_status model_cat_read_hash(model_document *doc, double *ret_hash, mw_error *err);
/* Each element of an array by `read`; the index is prepended to errors. */
MW_CHECKED mw_status model_cat_read_each(model_cat *cat, model_cat_reader *read, mw_error *err);
/* JSON within a text of JSON: cat->doc is the inner one while `read` reads. */
MW_CHECKED mw_status model_cat_read_text(model_cat *cat, mw_view text, model_cat_reader *read,
                                         mw_error *err);

/* One-hot nodes named categorical features and hashes until here: codes and sets from now on, and
 * the columns of `columns` get their hashes, also those that statistics know, which live in the
 * forest's arena. */
MW_CHECKED mw_status model_cat_settle_categories(model_cat *cat, mw_column *columns, mw_error *err);

/* All has been read. */
MW_CHECKED mw_status model_cat_settle(model_cat *cat, mw_error *err);

MW_CHECKED mw_status model_cat_init(model_cat *cat, mw_view bytes, mw_format format, mw_error *err);
void model_cat_done(model_cat *cat);
MW_CHECKED mw_status model_cat_read(mw_view bytes, unsigned how, mw_forest **ret_forest,
                                    mw_error *err);
/* How far behind a cache line a .cbm should begin, so that its leaf values begin at one: rows that
 * fall into neighbouring leaves then share a line. 0 for what is no .cbm. */
size_t model_cat_place(mw_view head);
MW_CHECKED mw_status model_cat_read_binary(mw_view bytes, unsigned how, mw_forest **ret_forest,
                                           mw_error *err);

#endif
