/* Trees over domains, and the least and largest leaf they give over a box. */
#include "thicket.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

/* A split; or a leaf, whose `left` is MW_NO_CHILD. */
typedef struct twig {
    double value;
    uint32_t left, right; /* in twigs */
    uint32_t domain;
    uint32_t n_left;  /* the first n_left candidates go left, the others right; or: */
    uint32_t *counts; /* counts[i]: how many of the first i candidates go left */
} twig;

typedef struct bush {
    uint32_t root;
    uint32_t output;
} bush;

struct insight_thicket {
    const mw_forest *forest;
    twig *twigs;
    bush *bushes;
    size_t n_twigs, n_bushes, n_domains;
    double *fixed; /* n_margins: base and trees that cannot change */
    double *slack; /* n_margins: what rounding may add or take */
};

typedef struct planter {
    insight_thicket *to;
    const mw_forest *forest;
    const double *row;
    const insight_domain *domains;
    const uint32_t *domain_of; /* of each feature */
    size_t tree, output;
    bool failed;
} planter;

enum { FIXED = UINT32_MAX };

/* ---- planting -------------------------------------------------------------------------------- */

static bool goes_left(const planter *p, size_t node, double value)
{
    return predict_goes_left(p->forest, node, predict_value(p->forest->input, value));
}

/* Which candidates go left: the first few, for all plain comparisons; else counted one by one. */
static void count_left(planter *p, size_t node, twig *to)
{
    const insight_domain *domain = &p->domains[to->domain];
    size_t n_left = 0, last_left = 0;
    for (size_t i = 0; i < domain->count; i++)
        if (goes_left(p, node, domain->values[i])) {
            n_left++;
            last_left = i + 1;
        }
    to->n_left = (uint32_t)n_left;
    if (n_left == last_left)
        return;
    to->counts = calloc(domain->count + 1, sizeof *to->counts);
    p->failed = p->failed || !to->counts;
    for (size_t i = 0; to->counts && i < domain->count; i++)
        to->counts[i + 1] = to->counts[i] + goes_left(p, node, domain->values[i]);
}

/* The twig of a node; fixed ones are passed through. Depth is the forest's, checked by the reader.
 */
static uint32_t plant(planter *p, size_t node)
{
    const mw_forest *forest = p->forest;
    size_t root = forest->tree_start[p->tree];
    while (forest->left[node] != MW_NO_CHILD && p->domain_of[forest->feature[node]] == FIXED) {
        bool left = goes_left(p, node, p->row[forest->feature[node]]);
        node = root + (left ? forest->left : forest->right)[node];
    }
    uint32_t at = (uint32_t)p->to->n_twigs++;
    if (forest->left[node] == MW_NO_CHILD) {
        p->to->twigs[at] = (twig){.value = predict_leaf(forest, p->tree, node, p->output),
                                  .left = MW_NO_CHILD,
                                  .right = MW_NO_CHILD};
        return at;
    }
    twig split = {.domain = p->domain_of[forest->feature[node]]};
    count_left(p, node, &split);
    split.left = plant(p, root + forest->left[node]);
    split.right = plant(p, root + forest->right[node]);
    p->to->twigs[at] = split;
    return at;
}

static double largest_leaf(const mw_forest *forest, size_t tree, size_t output)
{
    double largest = 0;
    for (size_t node = forest->tree_start[tree]; node < forest->tree_start[tree + 1]; node++)
        if (forest->left[node] == MW_NO_CHILD)
            largest = fmax(largest, fabs(predict_leaf(forest, tree, node, output)));
    return largest;
}

static void plant_tree(planter *p)
{
    insight_thicket *to = p->to;
    size_t before = to->n_twigs;
    uint32_t root = plant(p, p->forest->tree_start[p->tree]);
    to->slack[p->output] += largest_leaf(p->forest, p->tree, p->output);
    if (to->n_twigs == before + 1) {
        to->fixed[p->output] += to->twigs[root].value;
        to->n_twigs = before;
        return;
    }
    to->bushes[to->n_bushes++] = (bush){root, (uint32_t)p->output};
}

/* Sums are rounded once a tree: by half a unit in the last place of what was summed so far. */
static void plant_all(planter *p)
{
    const mw_forest *forest = p->forest;
    for (size_t m = 0; m < forest->n_margins; m++)
        p->to->slack[m] = fabs(p->to->fixed[m] = forest->base_margin[m]);
    for (p->tree = 0; p->tree < forest->n_trees; p->tree++) {
        bool all = forest->tree_output[p->tree] == MW_ALL_OUTPUTS;
        size_t first = all ? 0 : forest->tree_output[p->tree];
        size_t end = all ? forest->n_margins : first + 1;
        for (p->output = first; p->output < end; p->output++)
            plant_tree(p);
    }
    double unit = forest->sum_float32 ? FLT_EPSILON : DBL_EPSILON;
    for (size_t m = 0; m < forest->n_margins; m++)
        p->to->slack[m] *= unit * (double)(forest->n_trees + 1);
}

static bool take_room(insight_thicket *to, const mw_forest *forest)
{
    size_t copies = 1;
    for (size_t tree = 0; tree < forest->n_trees; tree++)
        if (forest->tree_output[tree] == MW_ALL_OUTPUTS)
            copies = forest->n_margins;
    to->twigs = calloc(forest->n_nodes * copies + 1, sizeof *to->twigs);
    to->bushes = calloc(forest->n_trees * copies + 1, sizeof *to->bushes);
    to->fixed = calloc(forest->n_margins, sizeof *to->fixed);
    to->slack = calloc(forest->n_margins, sizeof *to->slack);
    return to->twigs && to->bushes && to->fixed && to->slack;
}

mw_status insight_thicket_make(const mw_forest *forest, const double *row,
                               const insight_domain *domains, size_t n_domains,
                               insight_thicket **ret_thicket, mw_error *err)
{
    MW_TRY(mw_forest_grow(forest, &forest, err));
    insight_thicket *to = calloc(1, sizeof *to);
    uint32_t *domain_of = calloc(forest->n_features + 1, sizeof *domain_of);
    bool made = to && domain_of && take_room(to, forest);
    if (made) {
        to->forest = forest;
        to->n_domains = n_domains;
        for (size_t f = 0; f < forest->n_features; f++)
            domain_of[f] = FIXED;
        for (size_t d = 0; d < n_domains; d++)
            domain_of[domains[d].feature] = (uint32_t)d;
        planter p = {
            .to = to, .forest = forest, .row = row, .domains = domains, .domain_of = domain_of};
        plant_all(&p);
        made = !p.failed;
    }
    free(domain_of);
    if (!made) {
        insight_thicket_free(to);
        return mw_fail_memory(err, "the search");
    }
    *ret_thicket = to;
    return MW_OK;
}

void insight_thicket_free(insight_thicket *thicket)
{
    if (!thicket)
        return;
    for (size_t i = 0; thicket->twigs && i < thicket->n_twigs; i++)
        free(thicket->twigs[i].counts);
    free(thicket->twigs);
    free(thicket->bushes);
    free(thicket->fixed);
    free(thicket->slack);
    free(thicket);
}

/* ---- bounds ---------------------------------------------------------------------------------- */

typedef struct extent {
    double low, high;
} extent;

static uint32_t left_until(const twig *at, uint32_t end)
{
    return at->counts ? at->counts[end] : end < at->n_left ? end : at->n_left;
}

static extent bound(const insight_thicket *thicket, uint32_t index, const insight_range *box,
                    double *sway)
{
    const twig *at = &thicket->twigs[index];
    while (at->left != MW_NO_CHILD) {
        insight_range range = box[at->domain];
        uint32_t n_left = left_until(at, range.high + 1) - left_until(at, range.low);
        if (n_left > 0 && n_left <= range.high - range.low) {
            extent a = bound(thicket, at->left, box, sway),
                   b = bound(thicket, at->right, box, sway);
            extent both = {fmin(a.low, b.low), fmax(a.high, b.high)};
            sway[at->domain] += both.high - both.low;
            return both;
        }
        at = &thicket->twigs[n_left > 0 ? at->left : at->right];
    }
    return (extent){at->value, at->value};
}

void insight_thicket_bound(const insight_thicket *thicket, const insight_range *box,
                           double *ret_low, double *ret_high, double *ret_sway)
{
    const mw_forest *forest = thicket->forest;
    memset(ret_sway, 0, thicket->n_domains * sizeof *ret_sway);
    for (size_t m = 0; m < forest->n_margins; m++) {
        ret_low[m] = thicket->fixed[m] - thicket->slack[m];
        ret_high[m] = thicket->fixed[m] + thicket->slack[m];
    }
    for (size_t i = 0; i < thicket->n_bushes; i++) {
        extent e = bound(thicket, thicket->bushes[i].root, box, ret_sway);
        ret_low[thicket->bushes[i].output] += e.low;
        ret_high[thicket->bushes[i].output] += e.high;
    }
    for (size_t m = 0; forest->margin_offset && m < forest->n_margins; m++) {
        double a = forest->margin_scale * ret_low[m] + forest->margin_offset[m];
        double b = forest->margin_scale * ret_high[m] + forest->margin_offset[m];
        double room = 1e-6 * (fabs(a) + fabs(b));
        ret_low[m] = fmin(a, b) - room;
        ret_high[m] = fmax(a, b) + room;
    }
}
