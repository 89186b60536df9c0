/* What may be believed of two arms, however often it is looked at.
 *
 *     errors       exact: of k errors c on the canary; a mixture over its share (mw_share_log_e)
 *     means        normal mixture on the difference, steps averaged by precision
 * (mw_mean_half_width) p99          intervals of ranks around the quantile, of the current step
 * (mw_quantile_half_width) scores       counts by the stable arm's deciles: evidence, and PSI as
 * the size of the effect
 *     gaps         calibration and fairness: intervals of both arms and of their difference, for
 *                  every pair of groups at its part of the level
 *
 * Errors and scores need both: evidence that there is a difference, and a difference that matters.
 * Left out: adjustment for clients that send many requests each (see release/README.md). */
#include "release.h"
#include "stats/stats.h"

#include <math.h>

enum { SAMPLES_MIN = 50, SCORES_MIN = 200 };

/* ---- the laws -------------------------------------------------------------------------------- */

static double log_beta(double a, double b)
{
    int sign;
    return lgamma_r(a, &sign) + lgamma_r(b, &sign) - lgamma_r(a + b, &sign);
}

double mw_share_log_e(double canary_events, double events, double weight)
{
    enum { PRIOR = 10 }; /* events that the prior is worth */
    if (!(weight > 0) || !(weight < 1) || !(events > 0))
        return 0;
    double a = PRIOR * weight, b = PRIOR * (1 - weight), others = events - canary_events;
    return log_beta(a + canary_events, b + others) - log_beta(a, b) - canary_events * log(weight) -
           others * log1p(-weight);
}

double mw_quantile_half_width(double q, double t, double alpha)
{
    double l = (1.4 * log(log(2.1 * t)) + log(10 / alpha)) / t;
    return 1.5 * sqrt(q * (1 - q) * l) + 0.8 * l;
}

/* ---- differences of one step ----------------------------------------------------------------- */

typedef struct difference {
    double d, v; /* v: variance; infinite: nothing is known */
} difference;

static const difference nothing = {0, INFINITY};

static double mean_of(double n, double sum)
{
    return n > 0 ? sum / n : NAN;
}

static double variance_of(double n, double sum, double squares)
{
    double mean = sum / n, v = squares / n - mean * mean;
    return v > 1e-12 * (mean * mean + 1e-300) ? v * n / (n - 1) : 0;
}

static difference of_means(double n1, double sum1, double squares1, double n0, double sum0,
                           double squares0)
{
    if (n0 < SAMPLES_MIN || n1 < SAMPLES_MIN)
        return nothing;
    double v = variance_of(n1, sum1, squares1) / n1 + variance_of(n0, sum0, squares0) / n0;
    double d = sum1 / n1 - sum0 / n0;
    /* two constants: what little may be hidden behind n equal values */
    double least = (1 / (n1 * n1) + 1 / (n0 * n0)) * (1e-12 + 1e-6 * d * d);
    return (difference){d, v > least ? v : least};
}

/* Half an event is added, so that no events among few is not certainty. */
static double rate_variance(double k, double n)
{
    double p = (k + 0.5) / (n + 1);
    return p * (1 - p) / n;
}

static difference of_rates(double k1, double n1, double k0, double n0)
{
    if (n0 < SAMPLES_MIN || n1 < SAMPLES_MIN)
        return nothing;
    return (difference){k1 / n1 - k0 / n0, rate_variance(k1, n1) + rate_variance(k0, n0)};
}

/* Harm is positive, whatever the metric. */
static difference measure(mw_rollout_metric_kind kind, const mw_arm *c, const mw_arm *s)
{
    switch (kind) {
    case MW_METRIC_ERRORS:
        return of_rates(c->errors, c->requests, s->errors, s->requests);
    case MW_METRIC_LATENCY:
        return of_means(c->latency_n, c->latency_sum, c->latency_squares, s->latency_n,
                        s->latency_sum, s->latency_squares);
    case MW_METRIC_OUTCOME: {
        difference gain = of_means(c->outcome_n, c->outcome_sum, c->outcome_squares, s->outcome_n,
                                   s->outcome_sum, s->outcome_squares);
        return (difference){-gain.d, gain.v};
    }
    default:
        return nothing;
    }
}

static double weight_of(const mw_rollout_memory *memory)
{
    return memory->is_shadow ? 0.5 : memory->weight;
}

static double log_e_of(mw_rollout_metric_kind kind, const mw_rollout_memory *memory)
{
    const mw_arm *s = &memory->arms[0], *c = &memory->arms[1];
    if (memory->is_watching)
        return 0;
    if (kind == MW_METRIC_ERRORS)
        return mw_share_log_e(c->errors, c->errors + s->errors, weight_of(memory));
    if (kind == MW_METRIC_SCORES)
        return mw_counts_log_evidence(s->scores, c->scores, MW_ARM_SCORE_BINS);
    return 0;
}

/* With the arms' step on top of those that are over. While the new version is watched it is
 * compared with what the old one did before. */
static difference pooled(mw_rollout_metric_kind kind, const mw_rollout_memory *memory)
{
    const mw_closed *closed = &memory->closed[kind];
    if (memory->is_watching)
        return measure(kind, &memory->arms[1], &memory->all[0]);
    difference now = measure(kind, &memory->arms[1], &memory->arms[0]);
    double precision = closed->precision + 1 / now.v, weighted = closed->weighted + now.d / now.v;
    return precision > 0 ? (difference){weighted / precision, 1 / precision} : nothing;
}

void mw_rollout_memory_close(mw_rollout_memory *memory, const mw_rollout_document *document,
                             double weight, bool is_shadow)
{
    double w = weight_of(memory);
    for (size_t m = 0; m < document->n_metrics; m++) {
        mw_rollout_metric_kind kind = document->metrics[m].kind;
        difference now = measure(kind, &memory->arms[1], &memory->arms[0]);
        mw_closed *closed = &memory->closed[kind];
        closed->log_e += log_e_of(kind, memory);
        closed->precision += 1 / now.v;
        closed->weighted += now.d / now.v;
    }
    if (!memory->is_shadow)
        memory->split.log_e += mw_share_log_e(
            memory->arms[1].requests, memory->arms[0].requests + memory->arms[1].requests, w);
    for (size_t a = 0; a < MW_ARMS; a++) {
        if (!memory->is_shadow) /* pairs measure other latencies */
            mw_arm_add(&memory->all[a], &memory->arms[a]);
        memory->arms[a] = (mw_arm){0};
    }
    memory->epoch++;
    memory->weight = weight;
    memory->is_shadow = is_shadow;
}

/* ---- verdicts -------------------------------------------------------------------------------- */

/* How many more of the canary until the interval is narrow enough, about: its width goes with
 * 1/sqrt(n). */
static double needed(const mw_rollout_evidence *e, double n)
{
    double half = e->high - e->harm, room = e->metric.tolerance - e->harm;
    if (e->finding != MW_FINDING_UNKNOWN || !isfinite(half) || !(half > 0))
        return e->finding == MW_FINDING_UNKNOWN && n < SAMPLES_MIN ? SAMPLES_MIN - n : 0;
    if (!(room > 0))
        return 0; /* it looks like harm: no number would make it fine */
    double factor = half / room;
    return ceil(n * (factor * factor - 1));
}

static void judge_difference(const mw_rollout_memory *memory, double level, double tolerance,
                             mw_rollout_evidence *e)
{
    difference found = pooled(e->metric.kind, memory);
    if (!isfinite(found.v))
        return;
    double half = mw_mean_half_width(found.v, tolerance, level);
    e->harm = found.d;
    e->low = found.d - half;
    e->high = found.d + half;
    if (e->low > tolerance)
        e->finding = MW_FINDING_REGRESS;
    else if (e->high < tolerance)
        e->finding = MW_FINDING_FINE;
}

static void judge_errors(const mw_rollout_memory *memory, double level, mw_rollout_evidence *e)
{
    const mw_arm *c = &memory->arms[1];
    const mw_arm *s = memory->is_watching ? &memory->all[0] : &memory->arms[0];
    e->stable = mean_of(s->requests, s->errors);
    e->canary = mean_of(c->requests, c->errors);
    judge_difference(memory, level, e->metric.tolerance, e);
    if (memory->is_watching)
        return;
    e->log_e = memory->closed[MW_METRIC_ERRORS].log_e + log_e_of(MW_METRIC_ERRORS, memory);
    /* Exact also where errors are few: the interval's law is only nearly normal. */
    if (e->log_e >= -log(level) && e->canary - e->stable > e->metric.tolerance)
        e->finding = MW_FINDING_REGRESS;
    else if (e->finding == MW_FINDING_REGRESS)
        e->finding = MW_FINDING_UNKNOWN;
}

static void judge_latency(const mw_rollout_memory *memory, double level, mw_rollout_evidence *e)
{
    const mw_arm *c = &memory->arms[1];
    const mw_arm *s = memory->is_watching ? &memory->all[0] : &memory->arms[0];
    e->stable = exp(mean_of(s->latency_n, s->latency_sum)) * 1e-6;
    e->canary = exp(mean_of(c->latency_n, c->latency_sum)) * 1e-6;
    judge_difference(memory, level, log1p(e->metric.tolerance), e);
    e->harm = expm1(e->harm); /* NaN stays NaN */
    e->low = expm1(e->low);
    e->high = expm1(e->high);
}

/* The upper ends of the bins around the ranks q - f and q + f; NaN where a rank is outside. */
static void rank_ends(const mw_arm *arm, double q, double f, double *ret_low, double *ret_at,
                      double *ret_high)
{
    double sum = 0, n = arm->latency_n;
    *ret_low = q - f <= 0 ? 0 : NAN;
    *ret_at = *ret_high = NAN;
    for (size_t b = 0; b < MW_ARM_LATENCY_BINS; b++) {
        sum += arm->latencies[b];
        if (isnan(*ret_low) && sum >= (q - f) * n)
            *ret_low = b ? mw_latency_bin_end(b - 1) : 0;
        if (isnan(*ret_at) && sum >= q * n)
            *ret_at = mw_latency_bin_end(b);
        if (isnan(*ret_high) && q + f < 1 && sum >= (q + f) * n)
            *ret_high = mw_latency_bin_end(b);
    }
}

/* Bands of ranks cannot be averaged over steps: each step is judged alone, at its part of the
 * level. A band over the whole distribution would need 94,000 requests before it says anything of
 * p99; this one says it from about 4,500 on. */
static void judge_p99(const mw_rollout_memory *memory, double level, mw_rollout_evidence *e)
{
    const mw_arm *c = &memory->arms[1];
    const mw_arm *s = memory->is_watching ? &memory->all[0] : &memory->arms[0];
    double low[2], at[2], high[2],
        least = c->latency_n < s->latency_n ? c->latency_n : s->latency_n;
    if (least < SAMPLES_MIN)
        return;
    rank_ends(s, 0.99, mw_quantile_half_width(0.99, s->latency_n, level / 2), &low[0], &at[0],
              &high[0]);
    rank_ends(c, 0.99, mw_quantile_half_width(0.99, c->latency_n, level / 2), &low[1], &at[1],
              &high[1]);
    e->stable = at[0] * 1e-6;
    e->canary = at[1] * 1e-6;
    e->harm = at[1] / at[0] - 1;
    e->low = low[1] / high[0] - 1; /* NaN where the band has no end */
    e->high = high[1] / low[0] - 1;
    if (e->low > e->metric.tolerance)
        e->finding = MW_FINDING_REGRESS;
    else if (e->high < e->metric.tolerance)
        e->finding = MW_FINDING_FINE;
    else if (isnan(e->high))
        e->samples_needed = fmax(0, 4500 - c->latency_n);
}

static double total(const double *counts)
{
    double sum = 0;
    for (size_t i = 0; i < MW_ARM_SCORE_BINS; i++)
        sum += counts[i];
    return sum;
}

static void judge_scores(const mw_rollout_memory *memory, double level, mw_rollout_evidence *e)
{
    double s[MW_ARM_SCORE_BINS], c[MW_ARM_SCORE_BINS];
    for (size_t i = 0; i < MW_ARM_SCORE_BINS; i++) {
        s[i] = memory->all[0].scores[i] + memory->arms[0].scores[i];
        c[i] = memory->is_watching ? memory->arms[1].scores[i]
                                   : memory->all[1].scores[i] + memory->arms[1].scores[i];
    }
    double n_s = total(s), n_c = total(c);
    e->stable = mean_of(memory->arms[0].score_n, memory->arms[0].score_sum);
    e->canary = mean_of(memory->arms[1].score_n, memory->arms[1].score_sum);
    if (n_s < SCORES_MIN || n_c < SCORES_MIN) {
        e->samples_needed = n_c < SCORES_MIN ? SCORES_MIN - n_c : 0;
        return;
    }
    /* what PSI is by chance alone is taken off */
    e->harm =
        mw_counts_psi(s, c, MW_ARM_SCORE_BINS) - (MW_ARM_SCORE_BINS - 1) * (1 / n_s + 1 / n_c);
    e->log_e = memory->closed[MW_METRIC_SCORES].log_e + log_e_of(MW_METRIC_SCORES, memory);
    bool is_believed = memory->is_watching
                           ? mw_counts_log_evidence(s, c, MW_ARM_SCORE_BINS) >= -log(level)
                           : e->log_e >= -log(level);
    e->finding = e->harm < e->metric.tolerance ? MW_FINDING_FINE
                 : is_believed                 ? MW_FINDING_REGRESS
                                               : MW_FINDING_UNKNOWN;
}

static void judge_outcome(const mw_rollout_memory *memory, double level, mw_rollout_evidence *e)
{
    const mw_arm *c = &memory->arms[1];
    const mw_arm *s = memory->is_watching ? &memory->all[0] : &memory->arms[0];
    e->stable = mean_of(s->outcome_n, s->outcome_sum);
    e->canary = mean_of(c->outcome_n, c->outcome_sum);
    judge_difference(memory, level, e->metric.tolerance, e);
}

/* ---- gaps ------------------------------------------------------------------------------------ */

/* What is known of |gap of the canary| and |gap of the stable one|. */
typedef struct gaps {
    double canary, stable;          /* the largest */
    double low_canary, high_stable; /* at the least, at the most */
    double high;                    /* the harm at the most */
    bool is_known;                  /* no group has too few */
} gaps;

/* c and s: the same gap in both arms. All three intervals hold together at 3 * level. The harm of
 * this gap is at most |c| - |s| and at most |c - s|: whichever is known to be less. */
static void take_gap(difference c, difference s, double tau, double level, gaps *g)
{
    double half_c = mw_mean_half_width(c.v, tau, level), at_c = fabs(c.d);
    double half_s = mw_mean_half_width(s.v, tau, level), at_s = fabs(s.d);
    double apart = at_c + half_c - fmax(at_s - half_s, 0);
    double together = fabs(c.d - s.d) + mw_mean_half_width(c.v + s.v, tau, level);
    g->canary = fmax(g->canary, at_c);
    g->stable = fmax(g->stable, at_s);
    g->low_canary = fmax(g->low_canary, at_c - half_c);
    g->high_stable = fmax(g->high_stable, at_s + half_s);
    g->high = fmax(g->high, fmin(apart, together));
}

static void find_gaps(const gaps *g, mw_rollout_evidence *e)
{
    e->canary = g->canary;
    e->stable = g->stable;
    e->harm = g->canary - g->stable;
    e->low = g->low_canary - g->high_stable;
    e->high = g->high;
    if (e->low > e->metric.tolerance)
        e->finding = MW_FINDING_REGRESS;
    else if (e->high < e->metric.tolerance && g->is_known)
        e->finding = MW_FINDING_FINE;
}

/* Both arms over all steps, or, of a watch, now against then. Steps are added up, not averaged: a
 * gap between groups is within one arm, where each hour has both groups. */
static void whole_arms(const mw_rollout_memory *memory, mw_arm ret_arms[MW_ARMS])
{
    for (size_t a = 0; a < MW_ARMS; a++) {
        ret_arms[a] = memory->all[a];
        if (!memory->is_watching)
            mw_arm_add(&ret_arms[a], &memory->arms[a]);
    }
    if (memory->is_watching)
        ret_arms[1] = memory->arms[1];
}

static difference mean_residual(const mw_arm *arm)
{
    double n = arm->residual_n;
    if (n < SAMPLES_MIN)
        return nothing;
    double mean = arm->residual_sum / n;
    double v = variance_of(n, arm->residual_sum, arm->residual_squares) / n;
    double least = (1e-12 + 1e-6 * mean * mean) / (n * n);
    return (difference){mean, v > least ? v : least};
}

static void judge_calibration(const mw_arm *arms, double level, mw_rollout_evidence *e)
{
    gaps g = {.is_known = true};
    difference c = mean_residual(&arms[1]), s = mean_residual(&arms[0]);
    if (!isfinite(c.v) || !isfinite(s.v))
        return;
    take_gap(c, s, e->metric.tolerance, level / 3, &g);
    find_gaps(&g, e);
}

static difference between_groups(const mw_arm *arm, size_t a, size_t b)
{
    return of_means(arm->group_n[a], arm->group_sum[a], arm->group_squares[a], arm->group_n[b],
                    arm->group_sum[b], arm->group_squares[b]);
}

/* Pair p, in the order in which its groups were first reported, has the part 1 / ((p + 1) (p + 2))
 * of the level: all of them together the whole, however many groups there will be. */
static void judge_fairness(const mw_arm *arms, double level, mw_rollout_evidence *e)
{
    gaps g = {.is_known = true};
    size_t n_pairs = 0, p = 0;
    for (size_t b = 0; b < MW_ARM_GROUPS; b++) {
        bool is_seen = arms[0].group_n[b] + arms[1].group_n[b] > 0;
        g.is_known =
            g.is_known &&
            (!is_seen || (arms[0].group_n[b] >= SAMPLES_MIN && arms[1].group_n[b] >= SAMPLES_MIN));
        for (size_t a = 0; a < b; a++, p++) {
            difference c = between_groups(&arms[1], a, b), s = between_groups(&arms[0], a, b);
            if (!isfinite(c.v) || !isfinite(s.v))
                continue;
            double part = 1 / (double)((p + 1) * (p + 2));
            take_gap(c, s, e->metric.tolerance, level * part / 3, &g);
            n_pairs++;
        }
    }
    if (n_pairs > 0)
        find_gaps(&g, e);
}

static double group_count(const mw_arm *arm)
{
    double n = 0;
    for (size_t g = 0; g < MW_ARM_GROUPS; g++)
        n += arm->group_n[g];
    return n;
}

static void judge_gaps(const mw_rollout_memory *memory, double level, mw_rollout_evidence *e)
{
    mw_arm arms[MW_ARMS];
    whole_arms(memory, arms);
    if (e->metric.kind == MW_METRIC_CALIBRATION)
        judge_calibration(arms, level, e);
    else
        judge_fairness(arms, level, e);
    double n = e->metric.kind == MW_METRIC_CALIBRATION ? arms[1].residual_n : group_count(&arms[1]);
    e->samples_needed = needed(e, n);
}

/* ---- what was asked -------------------------------------------------------------------------- */

/* A tenth of a standard deviation is what balance is usually held to (Austin 2009). */
static const double balance_tolerance = 0.1;

static void take_balance(difference d, double spread, double level, bool is_missing,
                         mw_rollout_balance *b)
{
    if (!isfinite(d.v) || !(spread > 0))
        return;
    double apart = fabs(d.d) / spread;
    double half = mw_mean_half_width(d.v, balance_tolerance * spread, level) / spread;
    double low = fmax(apart - half, 0);
    if (isnan(b->low) || low > b->low || (low == b->low && apart > b->difference))
        *b = (mw_rollout_balance){apart, low, is_missing, low > balance_tolerance};
}

/* Of both arms together, so that arms that are wholly unlike have a spread, too. */
static double spread_of(double n, double sum, double squares)
{
    return n > 1 ? sqrt(variance_of(n, sum, squares)) : 0;
}

/* Of the current step: shares differ from step to step and so does the hour. Pairs of a shadow are
 * the same requests, and of a watch there is one arm. */
static void judge_balance(const mw_rollout_document *document, const mw_rollout_memory *memory,
                          mw_rollout_judgement *j)
{
    const mw_arm *s = &memory->arms[0], *c = &memory->arms[1];
    size_t n = memory->n_covariates;
    double level = document->alpha / (double)(2 * (n ? n : 1) * (document->n_steps + 1));
    j->n_balance = memory->is_shadow || memory->is_watching ? 0 : n;
    j->unlike = j->n_balance;
    memcpy(j->covariates, memory->covariates, sizeof j->covariates);
    for (size_t i = 0; i < j->n_balance; i++) {
        mw_rollout_balance *b = &j->balance[i];
        double n_s = s->covariate_n[i], n_c = c->covariate_n[i];
        double m_s = s->covariate_missing[i], m_c = c->covariate_missing[i];
        double all = n_s + n_c + m_s + m_c, missing = m_s + m_c;
        *b = (mw_rollout_balance){NAN, NAN, false, false};
        take_balance(of_means(n_c, c->covariate_sum[i], c->covariate_squares[i], n_s,
                              s->covariate_sum[i], s->covariate_squares[i]),
                     spread_of(n_s + n_c, s->covariate_sum[i] + c->covariate_sum[i],
                               s->covariate_squares[i] + c->covariate_squares[i]),
                     level, false, b);
        take_balance(of_rates(m_c, n_c + m_c, m_s, n_s + m_s), spread_of(all, missing, missing),
                     level, true, b);
        if (b->is_broken && (j->unlike == j->n_balance || b->low > j->balance[j->unlike].low))
            j->unlike = i;
    }
}

static void judge_metric(const mw_rollout_memory *memory, const mw_rollout_document *document,
                         double level, mw_rollout_evidence *e)
{
    double n = memory->arms[1].requests + memory->all[1].requests;
    switch (e->metric.kind) {
    case MW_METRIC_ERRORS:
        judge_errors(memory, level, e);
        break;
    case MW_METRIC_LATENCY:
        judge_latency(memory, level, e);
        break;
    case MW_METRIC_LATENCY_P99:
        judge_p99(memory, level / (double)(document->n_steps + 1), e);
        return;
    case MW_METRIC_SCORES:
        judge_scores(memory, level, e);
        return;
    case MW_METRIC_CALIBRATION:
    case MW_METRIC_FAIRNESS:
        judge_gaps(memory, level, e);
        return;
    default:
        n = memory->arms[1].outcome_n + memory->all[1].outcome_n;
        judge_outcome(memory, level, e);
        break;
    }
    e->samples_needed = needed(e, n);
}

void mw_rollout_judge(const mw_rollout_document *document, const mw_rollout_memory *memory,
                      mw_rollout_judgement *ret_judgement)
{
    const mw_arm *s = &memory->arms[0], *c = &memory->arms[1];
    mw_rollout_judgement j = {.n_evidence = document->n_metrics, .samples = c->requests};
    j.level = document->alpha / (double)(document->n_metrics ? document->n_metrics : 1);
    for (size_t m = 0; m < document->n_metrics; m++) {
        j.evidence[m] = (mw_rollout_evidence){
            document->metrics[m], MW_FINDING_UNKNOWN, NAN, NAN, NAN, NAN, NAN, NAN, 0};
        judge_metric(memory, document, j.level, &j.evidence[m]);
    }
    bool is_keyed = s->keyed + c->keyed + memory->all[0].keyed + memory->all[1].keyed > 0;
    j.split_log_e = is_keyed || memory->is_watching ? NAN : memory->split.log_e;
    if (!isnan(j.split_log_e) && !memory->is_shadow)
        j.split_log_e += mw_share_log_e(c->requests, c->requests + s->requests, memory->weight);
    j.is_split_broken = j.split_log_e >= -log(j.level);
    if (!is_keyed) /* else clients are drawn, and their requests hang together */
        judge_balance(document, memory, &j);
    *ret_judgement = j;
}
