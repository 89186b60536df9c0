/* What is measured between groups: the measures of stats, with --zero-division. */
#include "fairness.h"

#include <math.h>
#include <stdlib.h>

double cli_fair_rate(const cli_fair *job, const mw_confusion *counts, mw_outcome_rate rate)
{
    double value = mw_outcome_rate_of(counts, rate);
    return isnan(value) ? job->zero_division : value;
}

static mw_status gaps_of(const cli_fair *job, const mw_confusion *groups, size_t n,
                         mw_outcome_rate rate, mw_gaps *ret_gaps, mw_error *err)
{
    mw_confusion all = {0};
    double *rates = malloc((n + 1) * sizeof *rates);
    if (!rates)
        return mw_fail_memory(err, "the rates");
    for (size_t i = 0; i < n; i++) {
        mw_confusion_add(&all, &groups[i]);
        bool is_there = mw_confusion_total(&groups[i]) > 0; /* a draw may empty a group */
        rates[i] = is_there ? cli_fair_rate(job, &groups[i], rate) : (double)NAN;
    }
    *ret_gaps = mw_gaps_of(rates, n, cli_fair_rate(job, &all, rate));
    free(rates);
    return MW_OK;
}

static double pick(const mw_fair_measure *m, const mw_gaps *gaps)
{
    if (m->is_ratio)
        return m->to_overall ? gaps->ratio_to_overall : gaps->ratio;
    return m->to_overall ? gaps->difference_to_overall : gaps->difference;
}

/* Of two rates the worse, or the mean; one that is not defined makes the whole so. */
mw_status cli_fair_value(const cli_fair *job, const mw_fair_measure *measure,
                         const mw_confusion *groups, size_t n, double *ret_value, mw_error *err)
{
    mw_gaps first, second;
    MW_TRY(gaps_of(job, groups, n, measure->first, &first, err));
    *ret_value = pick(measure, &first);
    if (measure->first == measure->second)
        return MW_OK;
    MW_TRY(gaps_of(job, groups, n, measure->second, &second, err));
    double a = *ret_value, b = pick(measure, &second);
    *ret_value = isnan(a) || isnan(b) ? (double)NAN
                 : measure->is_mean   ? (a + b) / 2
                 : measure->is_ratio  ? fmin(a, b)
                                      : fmax(a, b);
    return MW_OK;
}

mw_interval cli_fair_interval(const cli_fair_group *group, mw_outcome_rate rate)
{
    double k, n;
    mw_outcome_rate_parts(&group->counts, rate, &k, &n);
    return mw_wilson(k * group->worth, n * group->worth);
}

/* ---- tests of the selection rates -------------------------------------------------------------
 */

static mw_status test_pairs(const cli_fair *job, cli_fair_attribute *attribute, mw_error *err)
{
    size_t n = attribute->n_groups;
    const mw_confusion *most = &attribute->groups[attribute->reference].counts;
    double *p = malloc(3 * (n + 1) * sizeof *p), *holm = p + n + 1, *bh = holm + n + 1;
    if (!p)
        return mw_fail_memory(err, "the tests");
    for (size_t g = 0; g < n; g++) {
        const mw_confusion *c = &attribute->groups[g].counts;
        double k = c->tp + c->fp, all = mw_confusion_total(c);
        double k_most = most->tp + most->fp, all_most = mw_confusion_total(most);
        mw_test z = mw_proportions(k, all, k_most, all_most);
        bool whole = job->weight == CLI_FAIR_NO_COLUMN || job->has_repeats;
        p[g] = g == attribute->reference || !whole ? (double)NAN
                                                   : mw_fisher_exact(k, all, k_most, all_most);
        attribute->pairs[g] = (cli_fair_pair){.z = z.statistic, .p_z = z.p_value, .p_fisher = p[g]};
    }
    mw_status status = mw_holm(p, n, holm, err);
    if (status == MW_OK)
        status = mw_benjamini_hochberg(p, n, bh, err);
    for (size_t g = 0; status == MW_OK && g < n; g++) {
        attribute->pairs[g].p_holm = holm[g];
        attribute->pairs[g].p_bh = bh[g];
    }
    free(p);
    return status;
}

static mw_status test_all(cli_fair_attribute *attribute, mw_error *err)
{
    size_t n = attribute->n_groups;
    double *selected = malloc(2 * (n + 1) * sizeof *selected), *refused = selected + n + 1;
    if (!selected)
        return mw_fail_memory(err, "the tests");
    for (size_t g = 0; g < n; g++) {
        const mw_confusion *c = &attribute->groups[g].counts;
        selected[g] = c->tp + c->fp;
        refused[g] = c->fn + c->tn;
    }
    attribute->chi_square = mw_counts_chi_square(selected, refused, n);
    free(selected);
    return MW_OK;
}

static mw_status measure_attribute(cli_fair *job, cli_fair_attribute *attribute, mw_error *err)
{
    size_t n = attribute->n_groups;
    mw_confusion *counts = mw_arena_take(&job->memory, n * sizeof *counts);
    attribute->pairs = mw_arena_take_zeroed(&job->memory, n, sizeof *attribute->pairs);
    if (!counts || !attribute->pairs)
        return mw_fail_memory(err, "the groups");
    for (size_t g = 0; g < n; g++)
        counts[g] = attribute->groups[g].counts;
    for (mw_outcome_rate rate = 0; rate < MW_N_RATES; rate++)
        MW_TRY(gaps_of(job, counts, n, rate, &attribute->gaps[rate], err));
    attribute->reference = attribute->gaps[MW_RATE_SELECTION].highest;
    if (attribute->reference < n)
        MW_TRY(test_pairs(job, attribute, err));
    return test_all(attribute, err);
}

mw_status cli_fair_measure_all(cli_fair *job, mw_error *err)
{
    for (size_t a = 0; a < job->n_attributes; a++)
        MW_TRY(measure_attribute(job, &job->attributes[a], err));
    return MW_OK;
}
