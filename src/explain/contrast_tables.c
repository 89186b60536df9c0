/* Values against a background from tables, as those of the covers: see tables_usual.c. What leaves
 * are too deep for tables is compared pair by pair.
 *
 *     background --(once)--> tables, weighed by its rows
 *     rows --> ranks --> lines of tables --> values <-- leaves without tables, pair by pair
 *
 * On the scale of margins alone: the slope of probabilities is another one for each pair. */
#include "contrasts.h"
#include "layout.h"

#include <stdlib.h>

#include "base/banned.h"

typedef struct usual_layout {
    const explain_kernel *kernel;
    void *tables;
    uint8_t *covered; /* n_nodes: subtrees that have tables */
    double *means;    /* (n_trees, n_margins) */
    bool covers_all;
    size_t n_left; /* nodes outside of tables */
    size_t kernel_bytes;
} usual_layout;

static void free_layout(void *given)
{
    usual_layout *layout = given;
    if (!layout)
        return;
    layout_free(layout->tables);
    free(layout->covered);
    free(layout->means);
    free(layout);
}

/* Trees that have leaves outside of tables. */
static void count_left(const mw_forest *forest, usual_layout *layout)
{
    layout->covers_all = true;
    for (size_t tree = 0; tree < forest->n_trees; tree++) {
        size_t root = forest->tree_start[tree], end = forest->tree_start[tree + 1];
        if (layout->covered[root] || forest->left[root] == MW_NO_CHILD)
            continue;
        layout->covers_all = false;
        layout->n_left += end - root;
        for (size_t m = explain_first_output(forest, tree); m < explain_end_output(forest, tree);
             m++)
            layout->means[tree * forest->n_margins + m] = tables_usual_mean(forest, tree, m);
    }
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
        status = layout_make_usual(forest, contrast->rows, contrast->n_rows,
                                   MW_LIMIT_EXPLAINER_BYTES, layout->covered, &layout->tables, err);
    if (status != MW_OK) {
        free_layout(layout);
        return status;
    }
    bool scalar = contrast->tables_kernel == &explain_scalar; /* reads no tables */
    layout->kernel = scalar ? &explain_tables_plain : contrast->tables_kernel;
    layout->kernel_bytes = layout_memory_bytes(forest, layout->tables);
    count_left(forest, layout);
    *ret_layout = layout;
    return MW_OK;
}

static size_t bytes_of(const void *given)
{
    const usual_layout *layout = given;
    return sizeof *layout + layout_bytes(layout->tables);
}

static size_t memory_bytes(const mw_contrast *contrast)
{
    const usual_layout *layout = contrast->layout;
    return layout->kernel_bytes + contrast_pairs.memory_bytes(contrast);
}

static size_t block_rows(const mw_contrast *contrast)
{
    return layout_block_rows(((const usual_layout *)contrast->layout)->tables);
}

static size_t row_nodes(const mw_contrast *contrast)
{
    const usual_layout *layout = contrast->layout;
    return contrast->forest->n_nodes + contrast->n_rows * layout->n_left;
}

static void explain(const mw_contrast *contrast, const explain_block *block)
{
    const usual_layout *layout = contrast->layout;
    layout->kernel->explain(contrast->forest, layout->tables, block);
    explain_block rest = *block;
    rest.memory = (char *)block->memory + layout->kernel_bytes;
    if (!layout->covers_all)
        contrast_add_pairs(contrast, &rest, &(contrast_rest){layout->covered, layout->means});
}

static bool runs_here(void)
{
    return true;
}

const contrast_kernel contrast_tables = {"tables",     runs_here,  lay_out,   free_layout, bytes_of,
                                         memory_bytes, block_rows, row_nodes, explain};
