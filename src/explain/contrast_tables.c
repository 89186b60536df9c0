/* Values against a background from tables, as those of the covers: see tables_usual.c. What leaves
 * are too deep for tables is compared pair by pair.
 *
 *     background --(once)--> tables, weighed by its rows
 *     rows --> ranks --> lines of tables --> values <-- leaves without tables, pair by pair
 *
 * On the scale of margins alone: the slope of probabilities is another one for each pair. */
#include "contrast_masks.h"
#include "contrasts.h"
#include "layout.h"

#include <stdlib.h>

#include "base/banned.h"

typedef struct usual_layout {
    const explain_kernel *kernel;
    void *tables;
    uint8_t *covered;      /* n_nodes: subtrees that have tables */
    double *means;         /* (n_trees, n_margins) */
    contrast_masks *masks; /* of leaves without tables; NULL = there are none */
    size_t masks_at;       /* in a block's memory */
    size_t n_left;         /* nodes of trees that have leaves for the pairs */
    size_t pairs_at;
} usual_layout;

static void free_layout(void *given)
{
    usual_layout *layout = given;
    if (!layout)
        return;
    layout_free(layout->tables);
    masks_free(layout->masks);
    free(layout->covered);
    free(layout->means);
    free(layout);
}

static bool has_leaf(const mw_forest *forest, const uint8_t *covered, size_t root, size_t node)
{
    if (covered[node])
        return false;
    if (forest->left[node] == MW_NO_CHILD)
        return node != root;
    return has_leaf(forest, covered, root, root + forest->left[node]) ||
           has_leaf(forest, covered, root, root + forest->right[node]);
}

/* Nodes of trees that still have leaves to explain. */
static size_t count_left(const mw_forest *forest, const uint8_t *covered)
{
    size_t n = 0;
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        size_t root = forest->tree_start[tree];
        if (has_leaf(forest, covered, root, root))
            n += forest->tree_start[tree + 1] - root;
    }
    return n;
}

static void find_means(const mw_forest *forest, double *means)
{
    for (size_t tree = 0; tree < forest->n_trees; tree++)
        for (size_t m = explain_first_output(forest, tree); m < explain_end_output(forest, tree);
             m++)
            means[tree * forest->n_margins + m] = tables_usual_mean(forest, tree, m);
}

static mw_status fill(const mw_contrast *contrast, usual_layout *layout, mw_error *err)
{
    const mw_forest *forest = contrast->forest;
    MW_TRY(layout_make_usual(forest, contrast->rows, contrast->n_rows, MW_LIMIT_EXPLAINER_BYTES,
                             layout->covered, &layout->tables, err));
    layout->masks_at = layout_memory_bytes(forest, layout->tables);
    layout->pairs_at = layout->masks_at;
    if (count_left(forest, layout->covered) == 0)
        return MW_OK;
    const explain_ranks *ranks = &((const explain_layout *)layout->tables)->ranks;
    find_means(forest, layout->means);
    MW_TRY(masks_make(contrast, ranks, layout->means, MW_LIMIT_EXPLAINER_BYTES / 4, layout->covered,
                      &layout->masks, err));
    layout->pairs_at += masks_memory_bytes(layout->masks);
    layout->n_left = count_left(forest, layout->covered);
    return MW_OK;
}

static mw_status lay_out(const mw_contrast *contrast, void **ret_layout, mw_error *err)
{
    const mw_forest *forest = contrast->forest;
    usual_layout *layout = calloc(1, sizeof *layout);
    size_t n_means = forest->n_trees * forest->n_margins;
    if (layout) {
        layout->covered = calloc(forest->n_nodes + 1, 1);
        layout->means = calloc(n_means + 1, sizeof *layout->means);
    }
    mw_status status = MW_OK;
    if (!layout || !layout->covered || !layout->means)
        status = mw_fail_memory(err, "the background");
    if (status == MW_OK)
        status = fill(contrast, layout, err);
    if (status != MW_OK) {
        free_layout(layout);
        return status;
    }
    bool scalar = contrast->tables_kernel == &explain_scalar; /* reads no tables */
    layout->kernel = scalar ? &explain_tables_plain : contrast->tables_kernel;
    *ret_layout = layout;
    return MW_OK;
}

static size_t bytes_of(const void *given)
{
    const usual_layout *layout = given;
    return sizeof *layout + layout_bytes(layout->tables) +
           (layout->masks ? masks_bytes(layout->masks) : 0);
}

static size_t memory_bytes(const mw_contrast *contrast)
{
    const usual_layout *layout = contrast->layout;
    return layout->pairs_at + contrast_pairs.memory_bytes(contrast);
}

static size_t block_rows(const mw_contrast *contrast)
{
    return layout_block_rows(((const usual_layout *)contrast->layout)->tables);
}

static size_t row_nodes(const mw_contrast *contrast)
{
    const usual_layout *layout = contrast->layout;
    size_t own = layout->masks ? masks_n_edges(layout->masks) : 0;
    return contrast->forest->n_nodes + 8 * own + contrast->n_rows * layout->n_left;
}

static void explain(const mw_contrast *contrast, const explain_block *block)
{
    const usual_layout *layout = contrast->layout;
    layout->kernel->explain(contrast->forest, layout->tables, block);
    explain_block rest = *block;
    rest.memory = (char *)block->memory + layout->masks_at;
    if (layout->masks) {
        size_t stride;
        const int16_t *ranks = layout_ranks_of(layout->tables, block, &stride);
        masks_add(layout->masks, layout->kernel, ranks, stride, &rest);
    }
    rest.memory = (char *)block->memory + layout->pairs_at;
    if (layout->n_left > 0)
        contrast_add_pairs(contrast, &rest, &(contrast_rest){layout->covered, layout->means});
}

static bool runs_here(void)
{
    return true;
}

const contrast_kernel contrast_tables = {"tables",     runs_here,  lay_out,   free_layout, bytes_of,
                                         memory_bytes, block_rows, row_nodes, explain};
