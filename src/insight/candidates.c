/* Candidates of a feature: one value a cell, near, round and allowed. */
#include "candidates.h"

#include <math.h>
#include <stdlib.h>

#include "predict/predict.h"

#include "base/banned.h"

/* ---- a value in a cell ----------------------------------------------------------------------- */

/* As the model reads it, so that the value that is shown is the value that was tried. */
static double as_read(const mw_search *search, double value)
{
    return predict_value(search->forest->input, value);
}

/* A multiple of `step` in [low, high), nearest to the end that is nearer to the row. */
static bool multiple_within(double low, double high, double step, bool up, double *ret_value)
{
    double value = up ? ceil(low / step) * step : floor(high / step) * step;
    if (!up && value >= high)
        value -= step;
    *ret_value = value;
    return value >= low && value < high;
}

/* The roundest value near the nearer end: a hundredth of a scale first, then ever finer. */
static bool round_within(double low, double high, double scale, bool up, double *ret_value)
{
    enum { FINEST = 9 };
    double step = pow(10, floor(log10(scale)) - 1);
    for (int i = 0; i < FINEST; i++, step /= 10)
        if (multiple_within(low, high, step, up, ret_value))
            return true;
    *ret_value = low; /* narrower than any of these */
    return low < high;
}

/* The nearest allowed value of the cell [low, high), seen from the row's side. */
static bool value_in_cell(const mw_search *search, const mw_change_rule *rule, double low,
                          double high, bool up, double *ret_value)
{
    double gap = search->margin * rule->scale, value;
    if (up)
        low += gap;
    else
        high -= gap;
    low = fmax(low, rule->low);
    bool closed = rule->high < high; /* the rule's end may be taken, the cell's may not */
    if (closed)
        high = mw_cells_next(search->forest->input, rule->high, true);
    if (!(low < high))
        return false;
    bool found = rule->step > 0 ? multiple_within(low, high, rule->step, up, &value)
                                : round_within(low, high, rule->scale, up, &value);
    double read = as_read(search, value);
    if (!found || !isfinite(value) || read < low || read >= high)
        return false;
    *ret_value = value;
    return true;
}

/* ---- domains --------------------------------------------------------------------------------- */

static mw_status make_room(insight_domain *domain, size_t count, mw_error *err)
{
    domain->values = calloc(count, sizeof *domain->values);
    domain->costs = calloc(count, sizeof *domain->costs);
    return domain->values && domain->costs ? MW_OK : mw_fail_memory(err, "the candidates");
}

static void add(const mw_search *search, insight_domain *domain, double value, double change)
{
    const mw_change_rule *rule = &search->rules[domain->feature];
    domain->values[domain->count] = value;
    domain->costs[domain->count++] = rule->weight * change + search->change_cost;
}

static void add_own(insight_domain *domain, double own)
{
    domain->own = domain->count;
    domain->values[domain->count] = own;
    domain->costs[domain->count++] = 0;
}

static mw_status make_categories(const mw_search *search, double own, insight_domain *domain,
                                 mw_error *err)
{
    const mw_change_rule *rule = &search->rules[domain->feature];
    bool placed = false;
    MW_TRY(make_room(domain, rule->n_categories + 1, err));
    for (size_t code = 0; code < rule->n_categories; code++) {
        double value = (double)code;
        if (!placed && value >= own) {
            add_own(domain, own);
            placed = true;
        }
        if (value != own && value >= rule->low && value <= rule->high)
            add(search, domain, value, 1);
    }
    if (!placed)
        add_own(domain, own);
    return MW_OK;
}

static mw_status make_numbers(const mw_search *search, double own, insight_domain *domain,
                              mw_error *err)
{
    const mw_change_rule *rule = &search->rules[domain->feature];
    double *breaks, value, infinity = (double)INFINITY;
    size_t n_breaks;
    MW_TRY(mw_cells_breaks(search->forest, domain->feature, &breaks, &n_breaks, err));
    mw_status status = make_room(domain, n_breaks + 2, err);
    size_t home = mw_cells_find(breaks, n_breaks, as_read(search, own));
    for (size_t cell = 0; status == MW_OK && cell <= n_breaks; cell++) {
        double low = cell > 0 ? breaks[cell - 1] : -infinity;
        double high = cell < n_breaks ? breaks[cell] : infinity;
        if (cell == home)
            add_own(domain, own);
        else if (value_in_cell(search, rule, low, high, cell > home, &value))
            add(search, domain, value, fabs(value - own) / rule->scale);
    }
    free(breaks);
    return status;
}

mw_status insight_domain_make(const mw_search *search, size_t feature, double own,
                              insight_domain *ret_domain, mw_error *err)
{
    const mw_change_rule *rule = &search->rules[feature];
    *ret_domain = (insight_domain){.feature = feature};
    if (rule->fixed || isnan(own)) {
        MW_TRY(make_room(ret_domain, 1, err));
        add_own(ret_domain, own);
        return MW_OK;
    }
    return mw_feature_is_categorical(search->forest, feature)
               ? make_categories(search, own, ret_domain, err)
               : make_numbers(search, own, ret_domain, err);
}
