/* Trees of the plain form become nodes of the forest.
 *
 * A comparison that holds goes to `yes`. The forest knows <, <= and ==, each with its side for NaN,
 * so the others change sides:
 *
 *     mode      left   right   compares   NaN goes left
 *     LEQ  LT   yes    no      <=  <      when it counts as true
 *     GTE  GT   no     yes     <   <=     when it does not: x >= t is not (x < t)
 *     EQ        yes    no      ==         when it counts as true
 *     NEQ       no     yes     ==         never: NaN differs from everything
 *     MEMBER    yes    no      in a set   when it counts as true
 *
 * LightGBM's converter lets several nodes share one branch (x == 3 or x == 7: the same way). Shared
 * branches are written once for each way to them, within a limit. The walk is ours and trusts
 * nothing: a cycle only makes it too deep. */
#include "onnx.h"

#include <math.h>

static const char *const again = "convert the model again; this file was damaged or edited by hand";

enum { SHARED_AT_MOST = 16, ALWAYS_NODES = 4 * MW_LIMIT_TREE_DEPTH };

/* A node that is still to be written, and where its number has to go. */
typedef struct pending {
    uint32_t source, parent;
    uint32_t level;
    bool is_left;
} pending;

typedef struct writer {
    model_onnx *onnx;
    const model_onnx_trees *trees;
    const model_onnx_split *splits;
    const uint32_t *first; /* of the weights of each node */
    const model_onnx_weight *weights;
    model_list set_of;              /* uint32_t: of the set that begins at a member, + 1 */
    model_list stack;               /* pending */
    model_list source, left, right; /* uint32_t: one tree */
    size_t n_written, most;         /* nodes of all trees */
    size_t most_values;             /* numbers in vector leaves */
} writer;

static mw_status wrong_tree(size_t tree, mw_error *err)
{
    mw_mend(err, "%s", again);
    return mw_at(err, "tree %zu", tree);
}

/* ---- one tree's shape ------------------------------------------------------------------------ */

static bool swaps(uint8_t mode)
{
    return mode == MODEL_ONNX_GTE || mode == MODEL_ONNX_GT || mode == MODEL_ONNX_NEQ;
}

static mw_status push(writer *w, uint32_t source, uint32_t parent, uint32_t level, bool is_left,
                      mw_error *err)
{
    pending *next = model_list_add(&w->stack, 1);
    if (!next)
        return mw_fail_memory(err, "the nodes of a tree");
    *next = (pending){source, parent, level, is_left};
    return MW_OK;
}

static mw_status append(writer *w, uint32_t source, uint32_t *ret_node, mw_error *err)
{
    uint32_t *to = model_list_add(&w->source, 1);
    uint32_t *left = model_list_add(&w->left, 1);
    uint32_t *right = model_list_add(&w->right, 1);
    if (!to || !left || !right)
        return mw_fail_memory(err, "the nodes of a tree");
    *to = source;
    *left = *right = MW_NO_CHILD;
    *ret_node = (uint32_t)(w->source.count - 1);
    return MW_OK;
}

static mw_status check_room(writer *w, const pending *at, mw_error *err)
{
    if (at->level > MW_LIMIT_TREE_DEPTH)
        return mw_fail(err, MW_E_TREE_SHAPE, "a cycle, or deeper than %d", MW_LIMIT_TREE_DEPTH);
    if (++w->n_written > w->most)
        return mw_fail(err, MW_E_MODEL_LIMIT, "branches that nodes share make more than %zu nodes",
                       w->most);
    return MW_OK;
}

static mw_status write_next(writer *w, mw_error *err)
{
    pending at = ((const pending *)w->stack.items)[--w->stack.count];
    uint32_t node = 0;
    MW_TRY(check_room(w, &at, err));
    /* a split that sends every row one way is no node */
    while (w->splits[at.source].always && w->splits[at.source].mode != MODEL_ONNX_LEAF) {
        at.source = w->splits[at.source].yes;
        at.level++;
        MW_TRY(check_room(w, &at, err));
    }
    MW_TRY(append(w, at.source, &node, err));
    if (at.parent != MW_NO_CHILD)
        ((uint32_t *)(at.is_left ? w->left.items : w->right.items))[at.parent] = node;
    const model_onnx_split *split = &w->splits[at.source];
    if (split->mode == MODEL_ONNX_LEAF)
        return MW_OK;
    bool swap = swaps(split->mode);
    MW_TRY(push(w, swap ? split->yes : split->no, node, at.level + 1, false, err));
    return push(w, swap ? split->no : split->yes, node, at.level + 1, true, err);
}

static mw_status walk_tree(writer *w, uint32_t root, mw_error *err)
{
    w->stack.count = w->source.count = w->left.count = w->right.count = 0;
    MW_TRY(push(w, root, MW_NO_CHILD, 0, false, err));
    while (w->stack.count > 0)
        MW_TRY(write_next(w, err));
    return MW_OK;
}

/* ---- its leaves ------------------------------------------------------------------------------ */

/* The one output that all leaves of the tree add to, or MW_ALL_OUTPUTS. */
static uint32_t output_of(const writer *w)
{
    const uint32_t *source = w->source.items;
    uint32_t output = MW_ALL_OUTPUTS;
    if (w->onnx->build.forest->n_margins == 1)
        return 0;
    for (size_t i = 0; i < w->source.count; i++) {
        uint32_t begin = w->first[source[i]], end = w->first[source[i] + 1];
        if (w->splits[source[i]].mode != MODEL_ONNX_LEAF)
            continue;
        for (uint32_t k = begin; k < end; k++) {
            if (output != MW_ALL_OUTPUTS && output != w->weights[k].output)
                return MW_ALL_OUTPUTS;
            output = w->weights[k].output;
        }
    }
    return output == MW_ALL_OUTPUTS ? 0 : output;
}

static double leaf_sum(const writer *w, uint32_t source)
{
    double sum = 0;
    for (uint32_t k = w->first[source]; k < w->first[source + 1]; k++)
        sum = w->trees->sum_double ? sum + w->weights[k].value
                                   : (double)((float)sum + (float)w->weights[k].value);
    return sum;
}

static mw_status write_vector(writer *w, uint32_t source, size_t at, mw_error *err)
{
    model_build *build = &w->onnx->build;
    size_t n = build->forest->n_margins, offset = build->leaf_values.count;
    if (n > w->most_values || offset > w->most_values - n) {
        mw_fail(err, MW_E_MODEL_LIMIT, "the leaves would take more than %zu numbers",
                w->most_values);
        return mw_why(err, "most of them are not in the file, which has %zu weights",
                      w->trees->weights.count);
    }
    if (!model_list_pad(&build->leaf_values, offset + n))
        return mw_fail_memory(err, "the leaves of a tree");
    double *values = (double *)build->leaf_values.items + offset;
    for (uint32_t k = w->first[source]; k < w->first[source + 1]; k++) {
        double *value = &values[w->weights[k].output];
        *value = w->trees->sum_double ? *value + w->weights[k].value
                                      : (double)((float)*value + (float)w->weights[k].value);
        if (isnan(*value)) /* of infinities */
            return mw_fail(err, MW_E_TREE_VALUE, "a leaf is not a number");
    }
    ((uint32_t *)build->leaf_vector.items)[at] = (uint32_t)offset;
    return MW_OK;
}

/* ---- its nodes ------------------------------------------------------------------------------- */

static uint8_t flags_of(const model_onnx_split *split)
{
    bool left = split->mode == MODEL_ONNX_NEQ ? false
                : swaps(split->mode)          ? !split->missing_yes
                                              : split->missing_yes;
    uint8_t flags = MW_NODE_MISSING_NAN | (left ? MW_NODE_DEFAULT_LEFT : 0);
    switch ((model_onnx_mode)split->mode) {
    case MODEL_ONNX_LEQ:
    case MODEL_ONNX_GT:
        return flags | MW_NODE_LESS_EQUAL;
    case MODEL_ONNX_EQ:
    case MODEL_ONNX_NEQ:
        return flags | MW_NODE_EQUAL;
    case MODEL_ONNX_MEMBER:
        return flags | MW_NODE_CATEGORICAL | MW_NODE_SET_LEFT |
               (split->is_code ? 0 : MW_NODE_EQUAL);
    case MODEL_ONNX_LT:
    case MODEL_ONNX_GTE:
    case MODEL_ONNX_LEAF:
        break;
    }
    return flags;
}

static mw_status refuse_set(double value, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_OPERATOR, "BRANCH_MEMBER with %g in its set is not read", value);
    mw_why(err, "sets may hold whole numbers from 0 to %d", MW_LIMIT_CATEGORY - 1);
    return mw_mend(err, "number the categories from 0");
}

static mw_status write_set(writer *w, const model_onnx_split *split, size_t at, mw_error *err)
{
    const double *members = w->trees->members.items;
    uint32_t highest = 0, set = 0, *words = NULL;
    MW_TRY(model_build_use(&w->onnx->build, &w->onnx->build.set, err));
    if (!model_list_pad(&w->set_of, (size_t)split->set + 1))
        return mw_fail_memory(err, "the sets of trees");
    uint32_t *known = (uint32_t *)w->set_of.items + split->set;
    if (*known > 0) {
        ((uint32_t *)w->onnx->build.set.items)[at] = *known - 1;
        return MW_OK;
    }
    for (uint32_t i = split->set; i < split->set_end; i++) {
        double value = members[i];
        if (!(value >= 0 && value < MW_LIMIT_CATEGORY && value == floor(value)))
            return refuse_set(value, err);
        highest = (uint32_t)value > highest ? (uint32_t)value : highest;
    }
    MW_TRY(model_build_set(&w->onnx->build, highest / 32 + 1, &set, &words, err));
    for (uint32_t i = split->set; i < split->set_end; i++)
        words[(uint32_t)members[i] / 32] |= 1u << ((uint32_t)members[i] % 32);
    *known = set + 1;
    ((uint32_t *)w->onnx->build.set.items)[at] = set;
    return MW_OK;
}

static mw_status write_node(writer *w, size_t first, size_t i, mw_error *err)
{
    model_build *build = &w->onnx->build;
    uint32_t source = ((const uint32_t *)w->source.items)[i];
    const model_onnx_split *split = &w->splits[source];
    bool leaf = split->mode == MODEL_ONNX_LEAF, set = split->mode == MODEL_ONNX_MEMBER;
    ((uint32_t *)build->left.items)[first + i] = ((const uint32_t *)w->left.items)[i];
    ((uint32_t *)build->right.items)[first + i] = ((const uint32_t *)w->right.items)[i];
    ((uint32_t *)build->feature.items)[first + i] = leaf ? 0 : split->feature;
    ((double *)build->threshold.items)[first + i] = leaf || set ? 0 : split->value;
    ((uint8_t *)build->flags.items)[first + i] = leaf ? 0 : flags_of(split);
    ((double *)build->value.items)[first + i] = 0;
    return set ? write_set(w, split, first + i, err) : MW_OK;
}

static mw_status write_leaves(writer *w, size_t first, uint32_t output, mw_error *err)
{
    model_build *build = &w->onnx->build;
    const uint32_t *source = w->source.items;
    if (output == MW_ALL_OUTPUTS)
        MW_TRY(model_build_use(build, &build->leaf_vector, err));
    for (size_t i = 0; i < w->source.count; i++) {
        if (w->splits[source[i]].mode != MODEL_ONNX_LEAF)
            continue;
        if (output == MW_ALL_OUTPUTS)
            MW_TRY(write_vector(w, source[i], first + i, err));
        else
            ((double *)build->value.items)[first + i] = leaf_sum(w, source[i]);
    }
    return MW_OK;
}

static mw_status write_tree(writer *w, size_t tree, mw_error *err)
{
    size_t first = 0;
    MW_TRY(walk_tree(w, ((const uint32_t *)w->trees->roots.items)[tree], err));
    uint32_t output = output_of(w);
    MW_TRY(model_build_tree(&w->onnx->build, w->source.count, output, &first, err));
    for (size_t i = 0; i < w->source.count; i++)
        MW_TRY(write_node(w, first, i, err));
    return write_leaves(w, first, output, err);
}

static mw_status write_trees(writer *w, mw_error *err)
{
    for (size_t tree = 0; tree < w->trees->roots.count; tree++) {
        if (write_tree(w, tree, err) == MW_OK)
            continue;
        if (err->mend[0] == '\0')
            return wrong_tree(tree, err);
        return mw_at(err, "tree %zu", tree);
    }
    return MW_OK;
}

mw_status model_onnx_build(model_onnx *onnx, const model_onnx_part *part, mw_error *err)
{
    const model_onnx_trees *trees = &part->trees;
    writer w = {.onnx = onnx,
                .trees = trees,
                .splits = trees->splits.items,
                .first = trees->first.items,
                .weights = trees->weights.items,
                .set_of = {.item_bytes = sizeof(uint32_t)},
                .stack = {.item_bytes = sizeof(pending)},
                .source = {.item_bytes = sizeof(uint32_t)},
                .left = {.item_bytes = sizeof(uint32_t)},
                .right = {.item_bytes = sizeof(uint32_t)},
                .most = trees->splits.count * SHARED_AT_MOST + ALWAYS_NODES,
                .most_values = MW_MIB + trees->weights.count * SHARED_AT_MOST};
    mw_status status = write_trees(&w, err);
    model_list_done(&w.set_of);
    model_list_done(&w.stack);
    model_list_done(&w.source);
    model_list_done(&w.left);
    model_list_done(&w.right);
    return status == MW_OK ? MW_OK : model_onnx_at(part->node, err);
}
