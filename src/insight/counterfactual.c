/* Best-first branch and bound over boxes of candidates.
 *
 *     heap of boxes, the cheapest on top
 *       pop -> over the bounds of what is wanted? drop
 *           -> its cheapest point as wanted? the answer: nothing cheaper is left in the heap
 *           -> else split the feature that sways the bounds most; push the parts
 */
#include "counterfactual.h"

#include <math.h>
#include <stdlib.h>

#include "candidates.h"
#include "thicket.h"
#include "want.h"

#include "base/banned.h"

typedef struct spot {
    double cost;
    uint32_t box;
} spot;

typedef struct hunt {
    const mw_search *search;
    const double *row;
    insight_domain *domains;
    size_t n_domains;
    insight_thicket *thicket;
    mw_scratch *scratch;
    double *low, *high, *sway, *point, *predictions;
    insight_range *boxes; /* n_domains each */
    spot *heap;
    size_t n_boxes, box_capacity, n_heap, heap_capacity;
    bool *changed;  /* (count, n_domains): the features of earlier answers */
    size_t n_taken; /* earlier answers */
    size_t n_looked;
    uint64_t began_ns;
} hunt;

/* ---- heap ------------------------------------------------------------------------------------ */

static void swap(spot *a, spot *b)
{
    spot moved = *a;
    *a = *b;
    *b = moved;
}

/* Cheaper first; of equals the newer one, which is deeper. */
static bool is_before(const spot *a, const spot *b)
{
    return a->cost < b->cost || (a->cost == b->cost && a->box > b->box);
}

static bool heap_push(hunt *h, spot new)
{
    if (h->n_heap == h->heap_capacity) {
        size_t room = h->heap_capacity ? 2 * h->heap_capacity : 256;
        spot *grown = realloc(h->heap, room * sizeof *grown);
        if (!grown)
            return false;
        h->heap = grown;
        h->heap_capacity = room;
    }
    size_t at = h->n_heap++;
    h->heap[at] = new;
    for (; at > 0 && is_before(&h->heap[at], &h->heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&h->heap[at], &h->heap[(at - 1) / 2]);
    return true;
}

static spot heap_pop(hunt *h)
{
    spot top = h->heap[0];
    h->heap[0] = h->heap[--h->n_heap];
    for (size_t at = 0, child; (child = 2 * at + 1) < h->n_heap; at = child) {
        if (child + 1 < h->n_heap && is_before(&h->heap[child + 1], &h->heap[child]))
            child++;
        if (!is_before(&h->heap[child], &h->heap[at]))
            break;
        swap(&h->heap[child], &h->heap[at]);
    }
    return top;
}

/* ---- boxes ----------------------------------------------------------------------------------- */

static insight_range *box_at(const hunt *h, uint32_t box)
{
    return h->boxes + (size_t)box * h->n_domains;
}

/* The candidate of a range that is nearest to the row. */
static size_t nearest(const insight_domain *domain, insight_range range)
{
    return range.low > domain->own    ? range.low
           : range.high < domain->own ? range.high
                                      : domain->own;
}

static bool must_change(const insight_domain *domain, insight_range range)
{
    return range.low > domain->own || range.high < domain->own;
}

/* Does the box change all that an earlier answer changed? */
static bool repeats(const hunt *h, const insight_range *box)
{
    for (size_t k = 0; k < h->n_taken; k++) {
        bool all = true;
        for (size_t d = 0; d < h->n_domains && all; d++)
            all = !h->changed[k * h->n_domains + d] || must_change(&h->domains[d], box[d]);
        if (all)
            return true;
    }
    return false;
}

/* The cost of its cheapest point, or infinity when too many features must change. A box that has
 * used up its changes keeps the others as they are. */
static double settle_box(const hunt *h, insight_range *box)
{
    double cost = 0;
    size_t n_changed = 0;
    for (size_t d = 0; d < h->n_domains; d++) {
        n_changed += must_change(&h->domains[d], box[d]);
        cost += h->domains[d].costs[nearest(&h->domains[d], box[d])];
    }
    if (n_changed > h->search->max_changed || repeats(h, box))
        return (double)INFINITY;
    for (size_t d = 0; d < h->n_domains && n_changed == h->search->max_changed; d++)
        if (!must_change(&h->domains[d], box[d]))
            box[d].low = box[d].high = (uint32_t)h->domains[d].own;
    return cost;
}

static bool take_box(hunt *h)
{
    if (h->n_boxes < h->box_capacity)
        return true;
    size_t room = h->box_capacity ? 2 * h->box_capacity : 256;
    size_t box_bytes = h->n_domains * sizeof *h->boxes;
    if (room > MW_LIMIT_SEARCH_BYTES / box_bytes || room > UINT32_MAX)
        return false;
    insight_range *grown = realloc(h->boxes, room * box_bytes);
    if (!grown)
        return false;
    h->boxes = grown;
    h->box_capacity = room;
    return true;
}

/* A part of a box: domain d within `range`. False when there is no room. */
static bool push_part(hunt *h, uint32_t from, size_t d, insight_range range)
{
    if (!take_box(h))
        return false;
    insight_range *box = box_at(h, (uint32_t)h->n_boxes);
    memcpy(box, box_at(h, from), h->n_domains * sizeof *box);
    box[d] = range;
    double cost = settle_box(h, box);
    return isinf(cost) || heap_push(h, (spot){cost, (uint32_t)h->n_boxes++});
}

/* Around the row's own value into three, else in two; nearer parts are kept small. */
static bool split(hunt *h, uint32_t at, size_t d)
{
    insight_range range = box_at(h, at)[d];
    uint32_t own = (uint32_t)h->domains[d].own;
    if (must_change(&h->domains[d], range)) {
        uint32_t middle = range.low + (range.high - range.low) / 2;
        return push_part(h, at, d, (insight_range){range.low, middle}) &&
               push_part(h, at, d, (insight_range){middle + 1, range.high});
    }
    bool ok = push_part(h, at, d, (insight_range){own, own});
    if (range.low < own)
        ok = ok && push_part(h, at, d, (insight_range){range.low, own - 1});
    if (range.high > own)
        ok = ok && push_part(h, at, d, (insight_range){own + 1, range.high});
    return ok;
}

/* ---- the search ------------------------------------------------------------------------------ */

static mw_status predict_point(hunt *h, const double *point, bool *ret_met, mw_error *err)
{
    size_t n = h->search->forest->n_features;
    mw_matrix rows = {point, MW_FLOAT64, 1, n, (ptrdiff_t)n, 1};
    MW_TRY(mw_predict_batch(h->search->predictor, &rows, MW_PREDICTION, h->scratch, h->predictions,
                            err));
    *ret_met = insight_want_met(h->search, h->predictions);
    return MW_OK;
}

static mw_status try_point(hunt *h, const insight_range *box, bool *ret_met, mw_error *err)
{
    memcpy(h->point, h->row, h->search->forest->n_features * sizeof *h->point);
    for (size_t d = 0; d < h->n_domains; d++)
        h->point[h->domains[d].feature] = h->domains[d].values[nearest(&h->domains[d], box[d])];
    return predict_point(h, h->point, ret_met, err);
}

/* The domain to split: the one that sways the bounds most; n_domains when all are single. */
static size_t choose_domain(const hunt *h, const insight_range *box)
{
    size_t best = h->n_domains;
    for (size_t d = 0; d < h->n_domains; d++)
        if (box[d].low < box[d].high && (best == h->n_domains || h->sway[d] > h->sway[best]))
            best = d;
    return best;
}

static bool over_budget(const hunt *h)
{
    enum { TIME_EVERY = 64 };
    return h->n_looked >= h->search->max_boxes ||
           (h->n_looked % TIME_EVERY == 0 && mw_clock_ns() - h->began_ns > h->search->max_ns);
}

typedef enum outcome { OUTCOME_FOUND, OUTCOME_NONE, OUTCOME_ENDED } outcome;

static mw_status look(hunt *h, spot top, outcome *ret_outcome, mw_error *err)
{
    bool met = false;
    insight_thicket_bound(h->thicket, box_at(h, top.box), h->low, h->high, h->sway);
    if (!insight_want_reachable(h->search, h->low, h->high))
        return MW_OK;
    MW_TRY(try_point(h, box_at(h, top.box), &met, err));
    size_t d = choose_domain(h, box_at(h, top.box));
    if (met)
        *ret_outcome = OUTCOME_FOUND;
    else if (d < h->n_domains && !split(h, top.box, d))
        *ret_outcome = OUTCOME_ENDED;
    return MW_OK;
}

/* One answer: h->point, when found. */
static mw_status hunt_once(hunt *h, mw_answer *ret_answer, outcome *ret_outcome, mw_error *err)
{
    spot top = {0, 0};
    h->n_heap = h->n_boxes = h->n_looked = 0;
    h->began_ns = mw_clock_ns();
    *ret_outcome = OUTCOME_NONE;
    if (!take_box(h))
        return mw_fail_memory(err, "the search");
    for (size_t d = 0; d < h->n_domains; d++)
        h->boxes[d] = (insight_range){0, (uint32_t)h->domains[d].count - 1};
    h->n_boxes = 1;
    double cost = settle_box(h, h->boxes);
    if (isfinite(cost) && !heap_push(h, (spot){cost, 0}))
        return mw_fail_memory(err, "the search");
    while (h->n_heap > 0 && *ret_outcome == OUTCOME_NONE) {
        if (h->search->stopped && h->search->stopped())
            return mw_fail(err, MW_E_INTERRUPTED, "interrupted");
        top = heap_pop(h);
        h->n_looked++;
        if (over_budget(h))
            *ret_outcome = OUTCOME_ENDED;
        else
            MW_TRY(look(h, top, ret_outcome, err));
    }
    *ret_answer = (mw_answer){.cost = top.cost,
                              .bound = top.cost,
                              .n_boxes = h->n_looked,
                              .proven = *ret_outcome != OUTCOME_ENDED};
    return MW_OK;
}

/* ---- the best that a budget allows ----------------------------------------------------------- */

/* One change after another, each the one that is met most cheaply, or else comes nearest: no proof,
 * but an answer. */
typedef struct step {
    size_t domain, candidate;
    double reach, cost;
    bool met;
} step;

/* How near a prediction is: larger is nearer. */
static double reach_of(const mw_search *search, const double *predictions)
{
    const mw_want *want = &search->want;
    size_t n = search->forest->n_predictions;
    if (!want->is_class)
        return predictions[0] < want->low ? predictions[0] : -predictions[0];
    return n == 1 ? (want->class_wanted ? predictions[0] : -predictions[0])
                  : predictions[want->class_wanted];
}

static mw_status best_step(hunt *h, const bool *moved, step *ret_best, mw_error *err)
{
    *ret_best =
        (step){.domain = h->n_domains, .reach = -(double)INFINITY, .cost = (double)INFINITY};
    for (size_t d = 0; d < h->n_domains; d++) {
        size_t feature = h->domains[d].feature;
        double before = h->point[feature];
        for (size_t i = 0; i < h->domains[d].count && !moved[d]; i++) {
            step at = {.domain = d, .candidate = i, .cost = h->domains[d].costs[i]};
            if (i == h->domains[d].own)
                continue;
            h->point[feature] = h->domains[d].values[i];
            MW_TRY(predict_point(h, h->point, &at.met, err));
            at.reach = reach_of(h->search, h->predictions);
            bool nearer = at.reach > ret_best->reach ||
                          (at.reach == ret_best->reach && at.cost < ret_best->cost);
            if (at.met ? !ret_best->met || at.cost < ret_best->cost : !ret_best->met && nearer)
                *ret_best = at;
        }
        h->point[feature] = before;
    }
    return MW_OK;
}

static mw_status walk_there(hunt *h, bool *ret_met, double *ret_cost, mw_error *err)
{
    bool *moved = calloc(h->n_domains + 1, sizeof *moved);
    mw_status status = moved ? MW_OK : mw_fail_memory(err, "the search");
    step best = {.met = false};
    *ret_cost = 0;
    memcpy(h->point, h->row, h->search->forest->n_features * sizeof *h->point);
    for (size_t i = 0; i < h->search->max_changed && !best.met && status == MW_OK; i++) {
        status = best_step(h, moved, &best, err);
        if (status != MW_OK || best.domain == h->n_domains)
            break;
        moved[best.domain] = true;
        *ret_cost += best.cost;
        h->point[h->domains[best.domain].feature] = h->domains[best.domain].values[best.candidate];
    }
    bool repeated = false;
    for (size_t k = 0; k < h->n_taken && best.met && status == MW_OK; k++) {
        bool all = true;
        for (size_t d = 0; d < h->n_domains; d++)
            all = all && (!h->changed[k * h->n_domains + d] || moved[d]);
        repeated = repeated || all;
    }
    free(moved);
    *ret_met = best.met && !repeated;
    return status;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void note_changes(hunt *h)
{
    for (size_t d = 0; d < h->n_domains; d++) {
        size_t f = h->domains[d].feature;
        h->changed[h->n_taken * h->n_domains + d] =
            !(h->point[f] == h->row[f] || (isnan(h->point[f]) && isnan(h->row[f])));
    }
    h->n_taken++;
}

static mw_status make_domains(hunt *h, mw_error *err)
{
    const mw_forest *forest = h->search->forest;
    h->domains = calloc(forest->n_features + 1, sizeof *h->domains);
    if (!h->domains)
        return mw_fail_memory(err, "the search");
    for (size_t f = 0; f < forest->n_features; f++) {
        insight_domain *domain = &h->domains[h->n_domains];
        mw_status status = insight_domain_make(h->search, f, h->row[f], domain, err);
        h->n_domains++; /* also on failure: what it took is freed */
        MW_TRY(status);
        if (domain->count > 1)
            continue;
        free(domain->values);
        free(domain->costs);
        h->n_domains--;
    }
    return MW_OK;
}

static mw_status make_hunt(hunt *h, size_t count, mw_error *err)
{
    const mw_forest *forest = h->search->forest;
    MW_TRY(make_domains(h, err));
    h->low = calloc(forest->n_margins, sizeof *h->low);
    h->high = calloc(forest->n_margins, sizeof *h->high);
    h->sway = calloc(h->n_domains + 1, sizeof *h->sway);
    h->point = calloc(forest->n_features + 1, sizeof *h->point);
    h->predictions = calloc(forest->n_predictions + 1, sizeof *h->predictions);
    h->changed = calloc(count * (h->n_domains + 1), sizeof *h->changed);
    if (!h->low || !h->high || !h->sway || !h->point || !h->predictions || !h->changed)
        return mw_fail_memory(err, "the search");
    MW_TRY(mw_scratch_new(&h->scratch, err));
    return insight_thicket_make(forest, h->row, h->domains, h->n_domains, &h->thicket, err);
}

static void free_hunt(hunt *h)
{
    for (size_t d = 0; d < h->n_domains; d++) {
        free(h->domains[d].values);
        free(h->domains[d].costs);
    }
    free(h->domains);
    insight_thicket_free(h->thicket);
    mw_scratch_free(h->scratch);
    free(h->low);
    free(h->high);
    free(h->sway);
    free(h->point);
    free(h->predictions);
    free(h->boxes);
    free(h->heap);
    free(h->changed);
}

static mw_status hunt_all(hunt *h, size_t count, double *ret_rows, mw_answer *ret_answers,
                          size_t *ret_found, mw_error *err)
{
    size_t n_features = h->search->forest->n_features;
    MW_TRY(make_hunt(h, count, err));
    for (size_t k = 0; k < count; k++) {
        outcome end = OUTCOME_NONE;
        bool met = false;
        ret_answers[k] = (mw_answer){.proven = true, .cost = (double)INFINITY};
        if (h->n_domains == 0)
            return MW_OK;
        MW_TRY(hunt_once(h, &ret_answers[k], &end, err));
        if (end == OUTCOME_ENDED)
            MW_TRY(walk_there(h, &met, &ret_answers[k].cost, err));
        if (end == OUTCOME_NONE || (end == OUTCOME_ENDED && !met))
            return MW_OK;
        note_changes(h);
        memcpy(ret_rows + k * n_features, h->point, n_features * sizeof *ret_rows);
        *ret_found = k + 1;
    }
    return MW_OK;
}

mw_status mw_want_holds(const mw_search *search, const double *row, bool *ret_holds, mw_error *err)
{
    hunt h = {.search = search, .row = row};
    MW_TRY(insight_want_check(search, err));
    h.predictions = calloc(search->forest->n_predictions + 1, sizeof *h.predictions);
    mw_status status =
        h.predictions ? mw_scratch_new(&h.scratch, err) : mw_fail_memory(err, "the search");
    if (status == MW_OK)
        status = predict_point(&h, row, ret_holds, err);
    free_hunt(&h);
    return status;
}

mw_status mw_counterfactual_find(const mw_search *search, const double *row, size_t count,
                                 double *ret_rows, mw_answer *ret_answers, size_t *ret_found,
                                 mw_error *err)
{
    hunt h = {.search = search, .row = row};
    MW_TRY(insight_want_check(search, err));
    *ret_found = 0;
    mw_status status = hunt_all(&h, count, ret_rows, ret_answers, ret_found, err);
    free_hunt(&h);
    return status;
}
