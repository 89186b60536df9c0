/* Counts of groups become rates, gaps, intervals and verdicts.
 *
 * Each pair of groups has an interval of its difference (of a ratio: of its logarithm) that holds
 * for all times at once, at its part of the level: so the largest gap is not believed only because
 * many pairs were looked at. Variances have half an event added, as rates near 0 and 1 would else
 * be certain among few rows. */
#include "fairness_books.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { DENOMINATOR_LEAST = 10 };

typedef struct counted {
    double k, n;       /* of a rate; n 0: cannot be judged */
    mw_interval exact; /* at its part of the level (sequence_of) */
} counted;

/* ---- which groups can be judged -------------------------------------------------------------- */

double mw_fair_group_rate(const mw_fair_group *group, mw_outcome_rate rate)
{
    if (rate != MW_RATE_SELECTION)
        return mw_outcome_rate_of(&group->labelled, rate);
    return group->rows > 0 ? group->selected / group->rows : (double)NAN;
}

static counted count_of(const mw_fair_group *group, mw_outcome_rate rate, double least)
{
    counted c = {group->selected, group->rows, {0, 1}};
    double rows = group->rows;
    if (rate != MW_RATE_SELECTION) {
        mw_outcome_rate_parts(&group->labelled, rate, &c.k, &c.n);
        rows = mw_confusion_total(&group->labelled);
    }
    return rows >= least && c.n >= DENOMINATOR_LEAST ? c : (counted){0, 0, {0, 1}};
}

static double variance_of(counted c)
{
    double p = (c.k + 0.5) / (c.n + 1);
    return p * (1 - p) / c.n;
}

/* ---- one rate -------------------------------------------------------------------------------- */

static double log_beta(double a, double b)
{
    int sign;
    return lgamma_r(a, &sign) + lgamma_r(b, &sign) - lgamma_r(a + b, &sign);
}

/* Evidence against p, of k in n: a mixture over all others, Beta(1/2, 1/2) (Krichevsky and Trofimov
 * 1981; a test martingale, so its inverse holds at all times: Howard and others 2021). */
static double log_evidence(counted c, double p)
{
    double missed = c.n - c.k;
    return log_beta(c.k + 0.5, missed + 0.5) - log_beta(0.5, 0.5) - (c.k > 0 ? c.k * log(p) : 0) -
           (missed > 0 ? missed * log1p(-p) : 0);
}

/* Where evidence reaches 1 / level, between the rate itself and `end`. */
static double bound_of(counted c, double end, double level)
{
    enum { HALVINGS = 40 };
    double inside = c.k / c.n, outside = end;
    for (int i = 0; i < HALVINGS; i++) {
        double middle = inside + (outside - inside) / 2;
        *(log_evidence(c, middle) < -log(level) ? &inside : &outside) = middle;
    }
    return outside;
}

/* Exact, also of few and of none. */
static mw_interval sequence_of(counted c, double level)
{
    return (mw_interval){c.k > 0 ? bound_of(c, 0, level) : 0,
                         c.k < c.n ? bound_of(c, 1, level) : 1};
}

/* ---- one pair -------------------------------------------------------------------------------- */

typedef struct pair {
    double gap, low, high; /* a difference, or a ratio of the smaller to the larger */
} pair;

/* Two intervals hold together, each at half of the level: the normal law's of the difference, which
 * is the narrower one of large groups, and the exact ones of both rates, which tell a lot where one
 * of them is near 0 or 1. Where they should miss one another the gap itself is what is left. */
static pair both_of(double gap, double low, double high, double exact_low, double exact_high)
{
    return (pair){gap, fmin(fmax(low, exact_low), gap), fmax(fmin(high, exact_high), gap)};
}

static pair difference_of(counted a, counted b, double tau, double level)
{
    double d = fabs(a.k / a.n - b.k / b.n);
    double half = mw_mean_half_width(variance_of(a) + variance_of(b), tau, level / 2);
    mw_interval x = a.exact, y = b.exact;
    double apart = fmax(fmax(x.low - y.high, y.low - x.high), 0);
    return both_of(d, fmax(d - half, 0), fmin(d + half, 1), apart,
                   fmax(x.high - y.low, y.high - x.low));
}

/* Katz' law of the logarithm. */
static pair ratio_of(counted a, counted b, double tau, double level)
{
    double p = (a.k + 0.5) / (a.n + 1), q = (b.k + 0.5) / (b.n + 1);
    double v = (1 - p) / (p * a.n) + (1 - q) / (q * b.n), l = fabs(log(p / q));
    double half = mw_mean_half_width(v, tau, level / 2);
    double x = a.k / a.n, y = b.k / b.n, most = fmax(x, y);
    mw_interval i = a.exact, j = b.exact;
    double near = fmin(j.low > 0 ? i.high / j.low : 1, i.low > 0 ? j.high / i.low : 1);
    double far = fmin(i.low / j.high, j.low / i.high);
    return both_of(most > 0 ? fmin(x, y) / most : 1, exp(-(l + half)), exp(-fmax(l - half, 0)), far,
                   fmin(near, 1));
}

/* ---- one rate of a limit --------------------------------------------------------------------- */

/* The worst pair so far. */
typedef struct worst {
    pair of;
    bool is_known;
    size_t highest, lowest;
    double half, n; /* of the pair that is furthest apart: how many more rows would tell */
} worst;

static void take_pair(worst *w, pair p, bool is_ratio, size_t a, size_t b, double n)
{
    bool is_worse = !w->is_known || (is_ratio ? p.gap < w->of.gap : p.gap > w->of.gap);
    if (is_worse) {
        w->highest = a;
        w->lowest = b;
        w->n = n;
        w->half = is_ratio ? log(p.gap / p.low) : p.high - p.gap;
        w->of.gap = p.gap;
    }
    if (!w->is_known) {
        w->of = p;
    } else if (is_ratio) {
        w->of.low = fmin(w->of.low, p.low);
        w->of.high = fmin(w->of.high, p.high);
    } else {
        w->of.low = fmax(w->of.low, p.low);
        w->of.high = fmax(w->of.high, p.high);
    }
    w->is_known = true;
}

static void look_at_rate(const mw_fair_plan *plan, const mw_fair_report *report,
                         const mw_fair_limit *limit, mw_outcome_rate rate, double level, worst *w,
                         size_t *small)
{
    bool is_ratio = limit->measure->is_ratio;
    double tau = is_ratio ? -log(limit->bound) : limit->bound;
    counted c[MW_FAIR_GROUPS + 1];
    size_t n = report->n_groups, n_small = 0;
    for (size_t g = 0; g < n; g++) {
        c[g] = count_of(&report->groups[g], rate, plan->min_group);
        n_small += c[g].n == 0;
        if (c[g].n > 0)
            c[g].exact = sequence_of(c[g], level / 4);
    }
    *small = n_small > *small ? n_small : *small;
    for (size_t b = 0; b < n; b++)
        for (size_t a = 0; a < b; a++) {
            if (c[a].n == 0 || c[b].n == 0)
                continue;
            bool a_more = c[a].k / c[a].n >= c[b].k / c[b].n;
            pair p =
                is_ratio ? ratio_of(c[a], c[b], tau, level) : difference_of(c[a], c[b], tau, level);
            take_pair(w, p, is_ratio, a_more ? a : b, a_more ? b : a, fmin(c[a].n, c[b].n));
        }
}

/* ---- a limit --------------------------------------------------------------------------------- */

static double rows_needed(const mw_fair_found *f, const worst *w)
{
    double room = f->limit.measure->is_ratio ? fabs(log(f->value / f->limit.bound))
                                             : fabs(f->value - f->limit.bound);
    if (f->verdict != MW_FAIR_UNDECIDED || !(room > 0) || !(w->half > room))
        return (double)NAN;
    return ceil(w->n * (w->half / room * (w->half / room) - 1));
}

static void judge_limit(const mw_fair_plan *plan, const mw_fair_report *report,
                        const mw_fair_limit *limit, mw_fair_found *f)
{
    const mw_fair_measure *m = limit->measure;
    size_t n = report->n_groups, n_rates = m->first == m->second ? 1 : 2;
    size_t n_pairs = n > 1 ? n * (n - 1) / 2 : 1;
    double level = FAIR_ALPHA / (double)(n_pairs * plan->n_limits * n_rates);
    worst w = {.highest = n, .lowest = n};
    *f = (mw_fair_found){
        *limit, MW_FAIR_UNDECIDED, (double)NAN, (double)NAN, (double)NAN, (double)NAN, 0, n, n};
    look_at_rate(plan, report, limit, m->first, level, &w, &f->n_small);
    if (n_rates == 2)
        look_at_rate(plan, report, limit, m->second, level, &w, &f->n_small);
    if (!w.is_known)
        return;
    f->value = w.of.gap;
    f->low = w.of.low;
    f->high = w.of.high;
    f->highest = w.highest;
    f->lowest = w.lowest;
    bool is_broken = m->is_ratio ? f->high < limit->bound : f->low > limit->bound;
    bool holds = m->is_ratio ? f->low > limit->bound : f->high < limit->bound;
    f->verdict = is_broken                  ? MW_FAIR_BROKEN
                 : holds && f->n_small == 0 ? MW_FAIR_HOLDS
                                            : MW_FAIR_UNDECIDED;
    f->rows_needed = rows_needed(f, &w);
}

/* ---- who is labelled ------------------------------------------------------------------------- */

/* Labels come late, and alike late: a group whose labels come less often is judged by fewer. */
static void judge_coverage(const mw_fair_plan *plan, mw_fair_report *report)
{
    const double matters = 0.1;
    size_t n = report->n_groups, n_pairs = n > 1 ? n * (n - 1) / 2 : 1;
    bool any = false;
    report->coverage_gap = report->coverage_gap_low = (double)NAN;
    for (size_t g = 0; g < n; g++)
        any = any || mw_confusion_total(&report->groups[g].labelled) > 0;
    for (size_t b = 0; b < n && any && report->is_logged; b++)
        for (size_t a = 0; a < b; a++) {
            const mw_fair_group *x = &report->groups[a], *y = &report->groups[b];
            counted s = {fmin(mw_confusion_total(&x->labelled), x->rows), x->rows, {0, 1}};
            counted t = {fmin(mw_confusion_total(&y->labelled), y->rows), y->rows, {0, 1}};
            if (x->rows < plan->min_group || y->rows < plan->min_group)
                continue;
            pair p = difference_of(s, t, matters, FAIR_ALPHA / (double)n_pairs);
            report->coverage_gap = fmax(report->coverage_gap, p.gap); /* NaN counts for nothing */
            report->coverage_gap_low = fmax(report->coverage_gap_low, p.low);
        }
    report->is_coverage_unequal = report->coverage_gap_low > matters;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const mw_fair_group *)a)->name, ((const mw_fair_group *)b)->name);
}

void fair_judge(const mw_fair_plan *plan, mw_fair_report *report)
{
    qsort(report->groups, report->n_groups, sizeof *report->groups, by_name);
    for (size_t g = 0; g < report->n_groups; g++)
        report->groups[g].is_small = report->groups[g].rows < plan->min_group;
    report->n_found = plan->n_limits;
    for (size_t l = 0; l < plan->n_limits; l++)
        judge_limit(plan, report, &plan->limits[l], &report->found[l]);
    judge_coverage(plan, report);
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static void put_number(mw_buf *out, const char *key, double value)
{
    mw_buf_format(out, ",\"%s\":", key);
    mw_json_write_double(out, value);
}

static void put_text(mw_buf *out, const char *key, const char *text)
{
    mw_buf_format(out, ",\"%s\":", key);
    mw_json_write_text(out, mw_view_of(text));
}

static void put_rate(mw_buf *out, const char *name, double k, double n)
{
    mw_interval wilson = mw_wilson(k, n);
    put_number(out, name, n > 0 ? k / n : (double)NAN);
    mw_buf_format(out, ",\"%s_wilson95\":[", name);
    mw_json_write_double(out, wilson.low);
    mw_buf_char(out, ',');
    mw_json_write_double(out, wilson.high);
    mw_buf_char(out, ']');
}

static void put_group(const mw_fair_group *g, bool is_logged, mw_buf *out)
{
    double labels = mw_confusion_total(&g->labelled), k, n;
    mw_buf_text(out, "{\"rows\":");
    mw_json_write_double(out, g->rows);
    put_number(out, "labels", labels);
    put_number(out, "label_coverage",
               is_logged && g->rows > 0 ? fmin(labels / g->rows, 1) : (double)NAN);
    mw_buf_format(out, ",\"few_rows\":%s", g->is_small ? "true" : "false");
    put_number(out, "tp", g->labelled.tp);
    put_number(out, "fp", g->labelled.fp);
    put_number(out, "fn", g->labelled.fn);
    put_number(out, "tn", g->labelled.tn);
    put_rate(out, mw_outcome_rate_name(MW_RATE_SELECTION), g->selected, g->rows);
    for (mw_outcome_rate rate = MW_RATE_SELECTION + 1; rate < MW_N_RATES; rate++) {
        mw_outcome_rate_parts(&g->labelled, rate, &k, &n);
        put_rate(out, mw_outcome_rate_name(rate), k, n);
    }
    mw_buf_char(out, '}');
}

static void put_found(const mw_fair_report *report, const mw_fair_found *f, mw_buf *out)
{
    const mw_fair_measure *m = f->limit.measure;
    mw_buf_format(out, "{\"measure\":\"%s\",\"verdict\":\"%s\"", m->name,
                  mw_fair_verdict_names[f->verdict]);
    put_number(out, m->is_ratio ? "min" : "max", f->limit.bound);
    put_number(out, "value", f->value);
    put_number(out, "low", f->low);
    put_number(out, "high", f->high);
    put_number(out, "rows_needed", f->rows_needed);
    mw_buf_format(out, ",\"groups_too_small\":%zu", f->n_small);
    if (f->highest < report->n_groups)
        put_text(out, "highest", report->groups[f->highest].name);
    if (f->lowest < report->n_groups)
        put_text(out, "lowest", report->groups[f->lowest].name);
    mw_buf_char(out, '}');
}

/* Every difference and ratio, over groups that are not small: for people, without intervals. */
static void put_measures(const mw_fair_report *report, mw_buf *out)
{
    size_t n_put = 0;
    mw_buf_text(out, ",\"measures\":{");
    for (size_t i = 0; i < mw_n_fair_measures; i++) {
        const mw_fair_measure *m = &mw_fair_measures[i];
        if (m->to_overall || m->first != m->second)
            continue;
        double rates[MW_FAIR_GROUPS + 1];
        for (size_t g = 0; g < report->n_groups; g++) {
            const mw_fair_group *group = &report->groups[g];
            rates[g] = group->is_small ? (double)NAN : mw_fair_group_rate(group, m->first);
        }
        mw_gaps gaps = mw_gaps_of(rates, report->n_groups, (double)NAN);
        mw_buf_format(out, "%s\"%s\":", n_put++ ? "," : "", m->name);
        mw_json_write_double(out, m->is_ratio ? gaps.ratio : gaps.difference);
    }
    mw_buf_char(out, '}');
}

void mw_fair_report_write(const mw_fair_report *report, mw_buf *out)
{
    mw_buf_format(out, "{\"version\":%u,\"model\":\"%016llx\"", report->version,
                  (unsigned long long)report->model);
    put_text(out, "attribute", report->attribute);
    put_text(out, "source", report->is_logged ? "logged" : "feedback");
    mw_buf_format(out, ",\"active\":%s", report->is_inactive ? "false" : "true");
    put_number(out, "window_seconds", report->window_seconds);
    put_number(out, "threshold", report->threshold);
    if (report->unjudged)
        put_text(out, "unjudged", report->unjudged);
    put_number(out, "label_coverage_gap", report->coverage_gap);
    mw_buf_format(out, ",\"label_coverage_unequal\":%s,\"groups\":{",
                  report->is_coverage_unequal ? "true" : "false");
    for (size_t g = 0; g < report->n_groups; g++) {
        mw_buf_text(out, g ? "," : "");
        mw_json_write_text(out, mw_view_of(report->groups[g].name));
        mw_buf_char(out, ':');
        put_group(&report->groups[g], report->is_logged, out);
    }
    mw_buf_char(out, '}');
    put_measures(report, out);
    mw_buf_text(out, ",\"limits\":[");
    for (size_t l = 0; l < report->n_found; l++) {
        mw_buf_text(out, l ? "," : "");
        put_found(report, &report->found[l], out);
    }
    mw_buf_text(out, "]}");
}
