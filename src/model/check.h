/* check: a tree is a tree. Common to all formats. */
#ifndef MODEL_CHECK_H
#define MODEL_CHECK_H

#include "build.h"

typedef struct model_tree_shape {
    size_t n_reached, n_leaves;
    size_t depth; /* edges from root to deepest leaf */
} model_tree_shape;

/* Walk the tree whose n_nodes nodes begin at `first`, from its root, without recursion. Checks what
 * model.h promises of every tree; nodes that no path reaches are not looked at.
 *
 *   level  caller's, n_nodes numbers; becomes 1 + depth of each node, 0 where no path leads
 *   stack  caller's, n_nodes numbers of working space
 *
 * Fails: MW_BAD_DATA, with the place by the names of build->places. */
MW_CHECKED mw_status model_check_tree(const model_build *build, size_t tree, size_t first,
                                      size_t n_nodes, uint32_t *level, uint32_t *stack,
                                      model_tree_shape *ret_shape, mw_error *err);
/* The same of a tree of levels; places are named as if it were one of nodes. `leaf` is the first
 * of its leaves among those of all trees, n_values of them in each. */
MW_CHECKED mw_status model_check_levels(const model_build *build, size_t tree, size_t leaf,
                                        size_t n_values, mw_error *err);

#endif
