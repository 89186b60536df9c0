/* What differs between two models, whatever the record says of them. */
#include "diff.h"

#include <stdlib.h>

enum { CUTS_MAX = 1 << 24 }; /* distinct thresholds are counted up to so many nodes: 256 MiB */

/* ---- what clients see ------------------------------------------------------------------------ */

static void see_change(void *user, const mw_contract_change *change)
{
    diff *d = user;
    diff_add(d, "contract", mw_view_of(change->rule), (mw_view){NULL, 0}, mw_view_of(change->what),
             change->breaks);
}

static mw_status diff_contracts(diff *d, const mw_forest *before, const mw_forest *after,
                                mw_error *err)
{
    mw_contract a, b;
    MW_TRY(mw_forest_contract(before, d->arena, &a, err));
    MW_TRY(mw_forest_contract(after, d->arena, &b, err));
    return mw_contract_compare(&a, &b, see_change, d, err);
}

/* ---- trees ----------------------------------------------------------------------------------- */

static bool is_leaf(const mw_forest *f, size_t node)
{
    return f->left[node] == MW_NO_CHILD;
}

typedef struct cut {
    uint32_t feature;
    double threshold;
} cut;

static int compare_cuts(const void *x, const void *y)
{
    const cut *a = x, *b = y;
    if (a->feature != b->feature)
        return a->feature < b->feature ? -1 : 1;
    return (a->threshold > b->threshold) - (a->threshold < b->threshold);
}

/* Distinct pairs of feature and threshold; SIZE_MAX when there are too many to sort. */
static size_t count_thresholds(const mw_forest *f)
{
    if (f->n_nodes > CUTS_MAX)
        return SIZE_MAX;
    size_t n = 0, n_distinct = 0;
    cut *cuts = malloc((f->n_nodes + 1) * sizeof *cuts);
    if (!cuts)
        return SIZE_MAX;
    for (size_t i = 0; i < f->n_nodes; i++)
        if (!is_leaf(f, i) && !(f->flags[i] & MW_NODE_CATEGORICAL))
            cuts[n++] = (cut){f->feature[i], f->threshold[i]};
    qsort(cuts, n, sizeof *cuts, compare_cuts);
    for (size_t i = 0; i < n; i++)
        n_distinct += i == 0 || compare_cuts(&cuts[i - 1], &cuts[i]) != 0;
    free(cuts);
    return n_distinct;
}

/* Splits on each feature, in the arena; NULL when memory is gone. */
static size_t *count_splits(const mw_forest *f, mw_arena *arena)
{
    size_t *counts = mw_arena_take_zeroed(arena, f->n_features + 1, sizeof *counts);
    for (size_t i = 0; counts && i < f->n_nodes; i++) {
        uint32_t feature = is_leaf(f, i) ? 0 : mw_forest_feature(f, f->feature[i]);
        if (!is_leaf(f, i) && feature < f->n_features)
            counts[feature]++;
    }
    return counts;
}

static size_t count_used(const mw_forest *f, const size_t *counts)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n_features; i++)
        n += counts[i] > 0;
    return n;
}

static bool same_node(const mw_forest *a, size_t i, const mw_forest *b, size_t k)
{
    return a->left[i] == b->left[k] && a->right[i] == b->right[k] &&
           a->feature[i] == b->feature[k] && a->flags[i] == b->flags[k] &&
           memcmp(&a->threshold[i], &b->threshold[k], sizeof(double)) == 0 &&
           memcmp(&a->value[i], &b->value[k], sizeof(double)) == 0;
}

static bool same_tree(const mw_forest *a, const mw_forest *b, size_t tree)
{
    size_t begin_a = a->tree_start[tree], begin_b = b->tree_start[tree];
    size_t n = a->tree_start[tree + 1] - begin_a;
    if (n != b->tree_start[tree + 1] - begin_b)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!same_node(a, begin_a + i, b, begin_b + i))
            return false;
    return true;
}

/* Training that went on from a model keeps its trees: so many from the first on. */
static size_t count_common_trees(const mw_forest *a, const mw_forest *b)
{
    size_t n = a->n_trees < b->n_trees ? a->n_trees : b->n_trees, same = 0;
    bool plain = !a->leaf_vector && !b->leaf_vector && !a->leaf_linear && !b->leaf_linear;
    while (plain && same < n && same_tree(a, b, same))
        same++;
    return same;
}

static void tell_common_trees(diff *d, const mw_forest *a, const mw_forest *b)
{
    char text[64];
    size_t same = count_common_trees(a, b);
    if (same == a->n_trees && same == b->n_trees)
        return;
    int size = snprintf(text, sizeof text, "the first %zu are the same", same);
    char *kept = mw_arena_text(d->arena, (mw_view){text, (size_t)size});
    d->no_memory = d->no_memory || !kept;
    if (kept)
        diff_add(d, "structure", MW_VIEW("nodes of trees"), (mw_view){NULL, 0}, mw_view_of(kept),
                 false);
}

static void diff_use(diff *d, const mw_forest *a, const mw_forest *b, const size_t *of_a,
                     const size_t *of_b)
{
    for (size_t i = 0; i < b->n_features; i++) {
        mw_view name = b->schema.columns[i].name;
        ptrdiff_t place = b->schema.named && a->schema.named ? mw_schema_find(&a->schema, name)
                          : i < a->n_features                ? (ptrdiff_t)i
                                                             : -1;
        if (place < 0 || (of_a[place] > 0) == (of_b[i] > 0))
            continue;
        diff_add(d, "features", name, of_a[place] ? MW_VIEW("used") : MW_VIEW("not used"),
                 of_b[i] ? MW_VIEW("used") : MW_VIEW("not used"), false);
    }
}

static mw_status diff_trees(diff *d, const mw_forest *a, const mw_forest *b, mw_error *err)
{
    size_t *of_a = count_splits(a, d->arena), *of_b = count_splits(b, d->arena);
    if (!of_a || !of_b)
        return mw_fail_memory(err, "the features of two models");
    diff_size(d, "structure", "trees", a->n_trees, b->n_trees);
    diff_size(d, "structure", "depth", a->max_depth, b->max_depth);
    diff_size(d, "structure", "leaves", a->n_leaves, b->n_leaves);
    diff_size(d, "structure", "splits", a->n_nodes - a->n_leaves, b->n_nodes - b->n_leaves);
    size_t cuts_a = count_thresholds(a), cuts_b = count_thresholds(b);
    if (cuts_a != SIZE_MAX && cuts_b != SIZE_MAX)
        diff_size(d, "structure", "thresholds", cuts_a, cuts_b);
    diff_size(d, "structure", "features used", count_used(a, of_a), count_used(b, of_b));
    diff_size(d, "structure", "iterations", a->n_iterations, b->n_iterations);
    tell_common_trees(d, a, b);
    diff_use(d, a, b, of_a, of_b);
    return MW_OK;
}

/* ---- both ------------------------------------------------------------------------------------ */

static void diff_base(diff *d, const mw_forest *a, const mw_forest *b)
{
    for (size_t i = 0; i < a->n_margins && i < b->n_margins; i++) {
        mw_buf before, after;
        if (!a->base_margin || !b->base_margin || a->base_margin[i] == b->base_margin[i])
            continue;
        mw_buf_init(&before, 64);
        mw_buf_init(&after, 64);
        mw_json_write_double(&before, a->base_margin[i]);
        mw_json_write_double(&after, b->base_margin[i]);
        diff_text(d, "structure", MW_VIEW("base margin"), mw_buf_as_view(&before),
                  mw_buf_as_view(&after));
        mw_buf_done(&before);
        mw_buf_done(&after);
        return; /* the first is enough */
    }
}

mw_status diff_forests(diff *d, const mw_forest *a, const mw_forest *b, mw_error *err)
{
    MW_TRY(diff_contracts(d, a, b, err));
    diff_text(d, "structure", MW_VIEW("format"), mw_view_of(mw_format_name(a->format)),
              mw_view_of(mw_format_name(b->format)));
    diff_text(d, "structure", MW_VIEW("library"), mw_view_of(a->library_version),
              mw_view_of(b->library_version));
    diff_text(d, "structure", MW_VIEW("objective"), mw_view_of(a->objective),
              mw_view_of(b->objective));
    diff_size(d, "structure", "features", a->n_features, b->n_features);
    diff_size(d, "structure", "margins", a->n_margins, b->n_margins);
    diff_size(d, "structure", "file bytes", a->file_bytes, b->file_bytes);
    if (a->graph || b->graph) {
        diff_text(d, "structure", MW_VIEW("operators"),
                  mw_view_of(a->graph ? a->graph->operators : "trees"),
                  mw_view_of(b->graph ? b->graph->operators : "trees"));
        return MW_OK;
    }
    diff_base(d, a, b);
    MW_TRY(mw_forest_grow(a, &a, err));
    MW_TRY(mw_forest_grow(b, &b, err));
    return diff_trees(d, a, b, err);
}
