/* How an endpoint's fairness is watched, from the texts of its keys. */
#include "fairness_books.h"

#include <math.h>

#include "base/banned.h"

const char *const mw_fair_verdict_names[MW_N_FAIR_VERDICTS] = {"undecided", "holds", "broken"};

enum { WINDOW_MS_LEAST = 60000 };

static const int64_t window_ms_most = INT64_C(31) * 86400000;

void mw_fair_plan_init(mw_fair_plan *plan)
{
    *plan = (mw_fair_plan){.threshold = (double)NAN,
                           .window_ms = INT64_C(7) * 86400000,
                           .min_group = 30,
                           .n_limits = 1};
    plan->limits[0] =
        (mw_fair_limit){mw_fair_measure_named(MW_VIEW("demographic_parity_ratio")), 0.8};
}

static mw_status refuse(mw_view text, const char *mend, mw_error *err)
{
    mw_fail(err, MW_E_FAIRNESS_PLAN, "'%.*s' is not understood",
            (int)(text.size < 80 ? text.size : 80), text.data);
    return mw_mend(err, "%s", mend);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static bool copy_name(mw_view text, char out[MW_FAIR_NAME_BYTES])
{
    if (text.size == 0 || text.size >= MW_FAIR_NAME_BYTES)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < ' ' || strchr("=(),*|", text.data[i]))
            return false;
    snprintf(out, MW_FAIR_NAME_BYTES, "%.*s", MW_VIEW_ARG(text));
    return true;
}

/* "25,60)" */
static bool take_bounds(mw_view text, mw_fair_part *part)
{
    if (text.size == 0 || text.data[text.size - 1] != ')')
        return false;
    for (text.size--; text.size > 0;) {
        mw_view one = mw_view_trim(mw_view_cut(&text, ','));
        double *bound = &part->bounds[part->n_bounds];
        if (part->n_bounds == MW_FAIR_BOUNDS || !mw_number_parse(one.data, one.size, bound) ||
            !isfinite(*bound) || (part->n_bounds > 0 && *bound <= bound[-1]))
            return false;
        part->n_bounds++;
    }
    return part->n_bounds > 0;
}

static bool take_part(mw_view text, mw_fair_part *part)
{
    bool has_bounds = text.size > 0 && memchr(text.data, '(', text.size);
    mw_view name = mw_view_cut(&text, '(');
    *part = (mw_fair_part){.n_bounds = 0};
    return copy_name(mw_view_trim(name), part->name) && (!has_bounds || take_bounds(text, part));
}

static bool take_attribute(mw_view text, mw_fair_attribute *attribute)
{
    size_t at = 0;
    *attribute = (mw_fair_attribute){.n_parts = 0};
    if (text.size > 0 && text.data[text.size - 1] == '*')
        return false;
    while (text.size > 0) {
        mw_fair_part *part = &attribute->parts[attribute->n_parts];
        mw_view one = mw_view_trim(mw_view_cut(&text, '*'));
        if (attribute->n_parts == MW_FAIR_PARTS || !take_part(one, part))
            return false;
        size_t size = strlen(part->name); /* with its mark it takes one part's room at most */
        if (at > 0)
            attribute->name[at++] = '|';
        memcpy(attribute->name + at, part->name, size + 1);
        at += size;
        attribute->n_parts++;
    }
    return attribute->n_parts > 0;
}

/* The next of a list whose members may hold commas in parentheses. */
static mw_view cut_member(mw_view *rest)
{
    size_t i = 0, depth = 0;
    for (; i < rest->size && (rest->data[i] != ',' || depth > 0); i++)
        depth = rest->data[i] == '('            ? depth + 1
                : rest->data[i] == ')' && depth ? depth - 1
                                                : depth;
    mw_view member = {rest->data, i};
    size_t used = i < rest->size ? i + 1 : i;
    *rest = (mw_view){rest->data + used, rest->size - used};
    return mw_view_trim(member);
}

static mw_status take_groups(mw_fair_plan *plan, mw_view text, mw_error *err)
{
    static const char mend[] = "fairness_groups: sex, age(25,60), sex*race: up to four columns, or "
                               "names that feedback tells; bounds of numbers in parentheses";
    for (plan->n_attributes = 0; text.size > 0; plan->n_attributes++) {
        mw_view member = cut_member(&text);
        if (plan->n_attributes == MW_FAIR_ATTRIBUTES ||
            !take_attribute(member, &plan->attributes[plan->n_attributes]))
            return refuse(member, mend, err);
        for (size_t i = 0; i < plan->n_attributes; i++)
            if (strcmp(plan->attributes[i].name, plan->attributes[plan->n_attributes].name) == 0)
                return refuse(member, "name each attribute once", err);
    }
    return plan->n_attributes > 0 ? MW_OK : refuse(text, mend, err);
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* "demographic_parity_ratio >= 0.8" */
static mw_status take_limit(mw_fair_limit *limit, mw_view text, mw_error *err)
{
    static const char mend[] =
        "fairness_limits: demographic_parity_ratio >= 0.8, equal_opportunity_difference <= 0.1, or "
        "none; a ratio has a least value below 1, a difference a most above 0";
    mw_view whole = text, name = mw_view_cut(&text, '=');
    char sign = name.size > 0 ? name.data[name.size - 1] : '\0';
    if (sign != '<' && sign != '>')
        return refuse(whole, mend, err);
    name.size--;
    text = mw_view_trim(text);
    const mw_fair_measure *m = mw_fair_measure_named(mw_view_trim(name));
    bool is_known = m && !m->to_overall && !m->is_mean && m->is_ratio == (sign == '>');
    if (!is_known || !mw_number_parse(text.data, text.size, &limit->bound) ||
        !(limit->bound > 0 && limit->bound < 1))
        return refuse(whole, mend, err);
    limit->measure = m;
    return MW_OK;
}

static mw_status take_limits(mw_fair_plan *plan, mw_view text, mw_error *err)
{
    plan->n_limits = 0;
    if (mw_view_is(text, "none"))
        return MW_OK;
    while (text.size > 0) {
        mw_view member = mw_view_trim(mw_view_cut(&text, ','));
        if (plan->n_limits == MW_FAIR_LIMITS)
            return refuse(member, "eight limits at most", err);
        MW_TRY(take_limit(&plan->limits[plan->n_limits], member, err));
        plan->n_limits++;
    }
    return MW_OK;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static mw_status take_window(mw_fair_plan *plan, mw_view text, mw_error *err)
{
    static const char units[] = "mhd";
    static const int64_t ms[] = {60000, 3600000, 86400000};
    uint64_t n = 0;
    const char *unit = text.size ? strchr(units, text.data[text.size - 1]) : NULL;
    bool is_good = unit && *unit && mw_whole_parse((mw_view){text.data, text.size - 1}, &n) &&
                   n > 0 && n <= 44640 && (int64_t)n * ms[unit - units] <= window_ms_most;
    if (!is_good)
        return refuse(text, "fairness_window: 7d; from 1m to 31d", err);
    plan->window_ms = (int64_t)n * ms[unit - units];
    return plan->window_ms >= WINDOW_MS_LEAST ? MW_OK : refuse(text, "a minute at least", err);
}

static mw_status take_number(double *number, mw_view text, double least, const char *mend,
                             mw_error *err)
{
    double value;
    if (!mw_number_parse(text.data, text.size, &value) || !isfinite(value) || value < least)
        return refuse(text, mend, err);
    *number = value;
    return MW_OK;
}

bool mw_fair_plan_take(mw_fair_plan *plan, mw_view key, mw_view text, mw_status *ret_status,
                       mw_error *err)
{
    text = mw_view_trim(text);
    if (mw_view_is(key, "fairness_groups"))
        *ret_status = take_groups(plan, text, err);
    else if (mw_view_is(key, "fairness_limits"))
        *ret_status = take_limits(plan, text, err);
    else if (mw_view_is(key, "fairness_threshold"))
        *ret_status =
            take_number(&plan->threshold, text, -INFINITY,
                        "fairness_threshold: 0.5; selected is a score from there on", err);
    else if (mw_view_is(key, "fairness_min_group"))
        *ret_status = take_number(&plan->min_group, text, 1, "fairness_min_group: 30", err);
    else if (mw_view_is(key, "fairness_window"))
        *ret_status = take_window(plan, text, err);
    else if (mw_view_is(key, "fairness_positive"))
        *ret_status = copy_name(text, plan->positive)
                          ? MW_OK
                          : refuse(text, "fairness_positive: the name of a class", err);
    else
        return false;
    if (*ret_status != MW_OK)
        mw_at(err, "%.*s", MW_VIEW_ARG(key));
    return true;
}

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

bool mw_fair_plan_is_same(const mw_fair_plan *a, const mw_fair_plan *b)
{
    bool same = a->n_attributes == b->n_attributes && a->n_limits == b->n_limits &&
                same_number(a->threshold, b->threshold) && strcmp(a->positive, b->positive) == 0 &&
                a->window_ms == b->window_ms && a->min_group == b->min_group;
    for (size_t i = 0; same && i < a->n_limits; i++)
        same = a->limits[i].measure == b->limits[i].measure &&
               a->limits[i].bound == b->limits[i].bound;
    for (size_t i = 0; same && i < a->n_attributes; i++) {
        const mw_fair_attribute *x = &a->attributes[i], *y = &b->attributes[i];
        same = strcmp(x->name, y->name) == 0; /* so the parts are as many */
        for (size_t p = 0; same && p < x->n_parts; p++) {
            same = x->parts[p].n_bounds == y->parts[p].n_bounds;
            for (size_t k = 0; same && k < x->parts[p].n_bounds; k++)
                same = x->parts[p].bounds[k] == y->parts[p].bounds[k];
        }
    }
    return same;
}
