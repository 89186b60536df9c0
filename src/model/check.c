/* A walk from the root that trusts nothing.
 *
 * Where children stand behind their parents, as in nearly all files, one pass over the nodes is
 * the walk. Otherwise, and to say what is wrong, it goes by a stack:
 *
 *     stack: [root] -> pop node -> check it -> push its children, unless already reached
 *
 * Each node is pushed at most once, since the second arrival is an error: so the stack never needs
 * more than n_nodes places, and a cycle cannot turn. */
#include "check.h"

#include <math.h>

/* One tree under the walk. */
typedef struct walk {
    const model_build *build;
    size_t tree, first, n_nodes;
    const uint32_t *left, *right;
    uint32_t *level, *stack;
    size_t n_stack;
} walk;

static const char *damaged = "save the model again; this file was damaged or edited by hand";

static mw_status at_node(const walk *w, const char *field, size_t node, mw_error *err)
{
    if (err->mend[0] == '\0')
        mw_mend(err, "%s", damaged);
    const model_places *places = w->build->places;
    return mw_at(err, "%s%zu%s%s[%zu]", places->tree, w->tree, places->tree_end, field, node);
}

static mw_status push_child(walk *w, uint32_t node, uint32_t child, const char *field,
                            mw_error *err)
{
    if (child >= w->n_nodes) {
        mw_fail(err, MW_E_TREE_CHILD, "child %u is outside 0..%zu", child, w->n_nodes - 1);
        return at_node(w, field, node, err);
    }
    if (w->level[child] != 0) {
        mw_fail(err, MW_E_TREE_SHAPE, "node %u is reached twice", child);
        mw_why(err, "two paths, or a cycle, lead to it; in a tree there is one");
        return at_node(w, field, node, err);
    }
    if (w->level[node] > MW_LIMIT_TREE_DEPTH) {
        mw_fail(err, MW_E_TREE_SHAPE, "the tree is deeper than %d", MW_LIMIT_TREE_DEPTH);
        mw_mend(err, "train with a smaller max_depth");
        return at_node(w, field, node, err);
    }
    w->level[child] = w->level[node] + 1;
    w->stack[w->n_stack++] = child;
    return MW_OK;
}

/* `at`: in the arrays; `node`: by which messages name it. */
static mw_status check_feature(const walk *w, size_t at, size_t node, mw_error *err)
{
    uint32_t feature = ((const uint32_t *)w->build->feature.items)[at];
    if (feature < w->build->forest->n_columns)
        return MW_OK;
    mw_fail(err, MW_E_TREE_FEATURE, "feature %u is outside 0..%zd", feature,
            (ptrdiff_t)w->build->forest->n_columns - 1);
    return at_node(w, w->build->places->feature, node, err);
}

static mw_status check_threshold(const walk *w, size_t at, size_t node, mw_error *err)
{
    bool categorical = ((const uint8_t *)w->build->flags.items)[at] & MW_NODE_CATEGORICAL;
    if (categorical || !isnan(((const double *)w->build->threshold.items)[at]))
        return MW_OK;
    mw_fail(err, MW_E_TREE_VALUE, "a threshold is not a number");
    return at_node(w, w->build->places->threshold, node, err);
}

static mw_status check_split(walk *w, uint32_t node, mw_error *err)
{
    const model_build *build = w->build;
    MW_TRY(check_feature(w, w->first + node, node, err));
    MW_TRY(check_threshold(w, w->first + node, node, err));
    MW_TRY(push_child(w, node, w->right[node], build->places->right, err));
    return push_child(w, node, w->left[node], build->places->left, err);
}

static mw_status fail_leaf(const walk *w, size_t node, mw_error *err)
{
    mw_fail(err, MW_E_TREE_VALUE, "a leaf is not a number");
    mw_why(err, "the training diverged, or the file was damaged");
    mw_mend(err, "train again with finite labels and weights, then save the model again");
    return at_node(w, w->build->places->value, node, err);
}

static mw_status check_leaf(const walk *w, uint32_t node, mw_error *err)
{
    if (!isnan(((const double *)w->build->value.items)[w->first + node]))
        return MW_OK;
    return fail_leaf(w, node, err);
}

static mw_status walk_tree(walk *w, model_tree_shape *shape, mw_error *err)
{
    uint32_t deepest = 1;
    w->level[0] = 1;
    w->stack[w->n_stack++] = 0;
    while (w->n_stack > 0) {
        uint32_t node = w->stack[--w->n_stack];
        shape->n_reached++;
        if (w->level[node] > deepest)
            deepest = w->level[node];
        if (w->left[node] == MW_NO_CHILD && w->right[node] == MW_NO_CHILD) {
            shape->n_leaves++;
            MW_TRY(check_leaf(w, node, err));
        } else {
            MW_TRY(check_split(w, node, err));
        }
    }
    shape->depth = deepest - 1;
    return MW_OK;
}

/* True: the tree is good, and *shape says how it looks. Children that do not stand behind their
 * parent are good, too, but another's to follow. */
static bool pass_over(const walk *w, model_tree_shape *ret_shape)
{
    const model_build *build = w->build;
    const uint32_t *feature = (const uint32_t *)build->feature.items + w->first;
    const double *threshold = (const double *)build->threshold.items + w->first;
    const double *value = (const double *)build->value.items + w->first;
    const uint8_t *flags = (const uint8_t *)build->flags.items + w->first;
    uint32_t deepest = 1;
    model_tree_shape shape = {0};
    w->level[0] = 1;
    for (uint32_t node = 0; node < w->n_nodes; node++) {
        uint32_t level = w->level[node], left = w->left[node], right = w->right[node];
        if (level == 0)
            continue; /* nobody leads to it */
        shape.n_reached++;
        deepest = level > deepest ? level : deepest;
        if (left == MW_NO_CHILD && right == MW_NO_CHILD) {
            shape.n_leaves++;
            if (isnan(value[node]))
                return false;
            continue;
        }
        if (left <= node || right <= node || left >= w->n_nodes || right >= w->n_nodes ||
            left == right || w->level[left] != 0 || w->level[right] != 0)
            return false;
        if (level > MW_LIMIT_TREE_DEPTH || feature[node] >= build->forest->n_columns ||
            (!(flags[node] & MW_NODE_CATEGORICAL) && isnan(threshold[node])))
            return false;
        w->level[left] = w->level[right] = level + 1;
    }
    shape.depth = deepest - 1;
    *ret_shape = shape;
    return true;
}

mw_status model_check_tree(const model_build *build, size_t tree, size_t first, size_t n_nodes,
                           uint32_t *level, uint32_t *stack, model_tree_shape *ret_shape,
                           mw_error *err)
{
    walk w = {.build = build,
              .tree = tree,
              .first = first,
              .n_nodes = n_nodes,
              .left = (const uint32_t *)build->left.items + first,
              .right = (const uint32_t *)build->right.items + first,
              .level = level,
              .stack = stack};
    model_tree_shape shape = {0};
    memset(level, 0, n_nodes * sizeof *level);
    if (!pass_over(&w, &shape)) {
        memset(level, 0, n_nodes * sizeof *level);
        MW_TRY(walk_tree(&w, &shape, err));
    }
    *ret_shape = shape;
    return MW_OK;
}

/* ---- levels ---------------------------------------------------------------------------------- */

/* Without a branch a value: NaN is the one that is not itself. */
static bool has_nan(const double *values, size_t n)
{
    bool found = false;
    for (size_t i = 0; i < n; i++)
        found |= isnan(values[i]);
    return found;
}

static mw_status check_level(const walk *w, size_t level, size_t node, mw_error *err)
{
    MW_TRY(check_feature(w, level, node, err));
    return check_threshold(w, level, node, err);
}

mw_status model_check_levels(const model_build *build, size_t tree, size_t leaf, size_t n_values,
                             mw_error *err)
{
    walk w = {.build = build, .tree = tree};
    const uint32_t *start = build->level_start.items;
    size_t depth = start[tree + 1] - start[tree], n_leaves = (size_t)1 << depth;
    const double *values = build->held_values ? build->held_values : build->leaf_values.items;
    values += leaf * n_values;
    for (size_t d = 0; d < depth; d++)
        MW_TRY(check_level(&w, start[tree + 1] - 1 - d, ((size_t)1 << d) - 1, err));
    if (!has_nan(values, n_leaves * n_values))
        return MW_OK;
    size_t at = 0;
    while (!isnan(values[at]))
        at++;
    return fail_leaf(&w, n_leaves - 1 + at / n_values, err);
}
