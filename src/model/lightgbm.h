/* lightgbm: the reader of LightGBM's models, text and JSON; one room-private header for its files.
 *
 *   lightgbm.c            lines of the file, head and tail
 *   lightgbm_tree.c       one tree's lines become nodes
 *   lightgbm_dump.c       JSON of dump_model()
 *   lightgbm_dump_tree.c  one tree of it becomes the arrays that a tree's lines would give
 *   lightgbm_objective.c  objective= becomes a transform
 *   lightgbm_columns.c    feature names, kinds and pandas categories become the schema
 */
#ifndef MODEL_LIGHTGBM_H
#define MODEL_LIGHTGBM_H

#include "build.h"
#include "document.h"

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
    model_list feature, decision, left, right, leaf_count, internal_count; /* int64_t */
    model_list boundaries, words, n_linear, linear_features;               /* int64_t */
    model_list threshold, leaf_value, gain;                                /* double */
    model_list linear_constant, linear_coefficients;                       /* double */
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
    uint32_t seen;    /* keys of the head */
    model_list names; /* mw_view */
    model_list
        category_names; /* mw_view: columns that hold categories, where the file names them */
    mw_view version, objective, infos, tree_sizes, pandas, categorical;
    int64_t n_classes, n_per_iteration, max_feature;
    bool has_objective, average, ended;
} model_lgb;

MW_CHECKED mw_status model_lgb_set_objective(model_lgb *lgb, mw_error *err);
MW_CHECKED mw_status model_lgb_set_schema(model_lgb *lgb, mw_error *err);

MW_CHECKED mw_status model_lgb_init(model_lgb *lgb, const model_places *places, mw_view bytes,
                                    mw_format format, mw_error *err);
void model_lgb_done(model_lgb *lgb);
MW_CHECKED mw_status model_lgb_check_version(const model_lgb *lgb, mw_error *err);
/* n_per_iteration and max_feature are known: check them and set the forest's counts. */
MW_CHECKED mw_status model_lgb_settle_counts(model_lgb *lgb, mw_error *err);
/* All trees have been read: everything else, and the forest. */
MW_CHECKED mw_status model_lgb_finish(model_lgb *lgb, mw_forest **ret_forest, mw_error *err);

/* Text, as save_model() writes it. */
MW_CHECKED mw_status model_lgb_read(mw_view bytes, unsigned how, mw_forest **ret_forest,
                                    mw_error *err);
/* JSON, as dump_model() returns it. */
MW_CHECKED mw_status model_lgb_read_dump(mw_view bytes, mw_forest **ret_forest, mw_error *err);

/* ---- lightgbm_dump_tree.c -------------------------------------------------------------------- */

/* A tree of the dump while it is read; its memory is reused for the next. */
typedef struct model_lgb_dump_tree {
    model_list nodes; /* lgb_dump_node */
    model_list order; /* ptrdiff_t: each split, then each leaf, in their order */
    model_list features, linear_features; /* int64_t */
    model_list coefficients;              /* double */
} model_lgb_dump_tree;

void model_lgb_dump_tree_init(model_lgb_dump_tree *dump);
void model_lgb_dump_tree_done(model_lgb_dump_tree *dump);
/* A "tree_structure"; `tree` becomes what the lines of the text form would have made it. */
MW_CHECKED mw_status model_lgb_read_structure(model_document *doc, model_lgb_dump_tree *dump,
                                              model_lgb_tree *tree, mw_error *err);

#endif
