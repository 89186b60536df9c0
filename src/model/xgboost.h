/* xgboost: the reader of XGBoost models; one room-private header for its four files.
 *
 *   xgboost.c            keys of the document, order of work
 *   xgboost_tree.c       one tree's arrays become nodes
 *   xgboost_objective.c  objective and base_score become transform and margins
 *   xgboost_categories.c the encoder of string categories becomes the schema's
 */
#ifndef MODEL_XGBOOST_H
#define MODEL_XGBOOST_H

#include "build.h"
#include "document.h"

/* Arrays of the tree being read, reused for the next. */
typedef struct model_xgb_tree {
    model_list left, right, feature, default_left, split_type;              /* int64_t */
    model_list condition, cover, gain, base_weights, leaf_weights;          /* float */
    model_list categories, category_nodes, category_starts, category_sizes; /* int64_t */
    int64_t leaf_vector_size;       /* 0 or 1: plain leaves */
    model_document base_weights_at; /* where they stand: read only when leaves are vectors */
    bool has_leaf_weights, has_base_weights;
} model_xgb_tree;

void model_xgb_tree_init(model_xgb_tree *tree);
void model_xgb_tree_done(model_xgb_tree *tree);
/* Read the next tree of the document and add it to the build. Its output is set later. */
MW_CHECKED mw_status model_xgb_tree_read(model_xgb_tree *tree, model_document *doc,
                                         model_build *build, mw_error *err);

/* Categories of one feature, as `cats.enc` gives them: texts, or numbers written as text. */
typedef struct model_xgb_categories {
    const mw_view *texts; /* NULL when the feature has none */
    size_t count;
    bool numbers;
    bool damaged; /* there were texts, but they cannot be believed: see xgboost_categories.c */
} model_xgb_categories;

/* Read the value of `cats`: a list of model_xgb_categories, one a feature (or none at all). */
MW_CHECKED mw_status model_xgb_read_categories(model_document *doc, model_list *ret_categories,
                                               mw_error *err);

/* What the document said, beside its trees. */
typedef struct model_xgb {
    model_build build;
    model_document doc;
    model_xgb_tree tree;
    model_list names, types;     /* mw_view */
    model_list categories;       /* model_xgb_categories */
    model_list tree_info;        /* int64_t */
    model_list weight_drop;      /* float */
    model_list iteration_starts; /* int64_t */
    model_list linear;           /* float */
    mw_view objective, booster, base_score;
    int64_t version[3];
    int64_t n_features, n_classes, n_targets, n_parallel, n_trees_declared, n_rounds;
    int64_t vector_size; /* of trees with vector leaves; 0 when there are none */
    bool has_learner, has_trees, has_linear, best_only;
    mw_view foreign; /* first top-level key that is not XGBoost's */
} model_xgb;

/* Set transform, classes and predictions of the forest from the objective's name. */
MW_CHECKED mw_status model_xgb_set_objective(model_xgb *xgb, mw_error *err);
/* Set base_margin from base_score; the objective and n_margins are set. */
MW_CHECKED mw_status model_xgb_set_base(model_xgb *xgb, mw_error *err);

/* A whole model. The caller has told JSON from UBJSON. With `best_only` the trees behind the best
 * iteration are dropped. */
MW_CHECKED mw_status model_xgb_read(mw_view bytes, bool binary, unsigned how,
                                    mw_forest **ret_forest, mw_error *err);

#endif
