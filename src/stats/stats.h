/* stats: pure mathematics of watching: distances, tests, evidence, sketches, detectors.
 *
 *     column of doubles --> mw_sample (sorted) --+--> KS, Wasserstein
 *                                                `--> bins --> counts --> PSI, Jensen-Shannon ...
 *     counts of two sides --> chi-square, evidence (an e-value)
 *     p-values, e-values of many features --> which may be believed
 *
 * Nothing here reads a clock, a file or a seed of its own: equal input gives equal bits. */
#ifndef STATS_STATS_H
#define STATS_STATS_H

#include "base/base.h"

/* ---- tails of laws ----------------------------------------------------------------------------
 */

/* The upper regularised gamma function Q(a, x); the tail of chi-square with `df` degrees of freedom
 * and of the normal law. About 1e-13 relative; NaN where undefined. */
double mw_gamma_tail(double a, double x);
double mw_chi_square_tail(double x, double df);
double mw_normal_tail(double z);

/* P(D_n >= d) of one sample of n, as SciPy's kstwo.sf; its limit law at z = sqrt(n) d, as SciPy's
 * kstwobign.sf. */
double mw_kolmogorov_tail(size_t n, double d);
double mw_kolmogorov_limit_tail(double z);
/* The same of two samples: as ks_2samp(method="asymp"), by the law of one sample of
 * round(n m / (n + m)); and exactly, as method="exact", O(n m) steps where n differs from m. */
double mw_kolmogorov_two_tail(size_t n, size_t m, double d);
double mw_kolmogorov_exact_tail(size_t n, size_t m, double d);

/* ---- samples -----------------------------------------------------------------------------------
 */

/* Ascending, in place; no NaN. `scratch` holds n doubles. At most UINT32_MAX values. */
void mw_sort(double *values, size_t n, double *scratch);

/* A column in order; missing (NaN) and infinite values are counted and left out. */
typedef struct mw_sample {
    const double *sorted; /* n values, borrowed */
    size_t n, n_missing, n_infinite;
} mw_sample;

/* Value i stands at values[i * stride]. `room` and `scratch` hold n doubles each; the sample
 * borrows `room`. */
mw_sample mw_sample_make(const double *values, size_t n, ptrdiff_t stride, double *room,
                         double *scratch);
/* How many different values; any number above `limit` stands for "more". */
size_t mw_sample_distinct(const mw_sample *sample, size_t limit);

typedef struct mw_spread_of_sample {
    double mean, deviation; /* divided by n, as numpy's default */
} mw_spread_of_sample;

mw_spread_of_sample mw_sample_spread(const mw_sample *sample);
/* numpy's default, linear between neighbours. */
double mw_sample_quantile(const mw_sample *sample, double q);

/* sup |F - G|, and the integral of |F - G|; NaN where a side is empty. */
double mw_ks_distance(const mw_sample *a, const mw_sample *b);
double mw_wasserstein(const mw_sample *a, const mw_sample *b);

/* ---- bins --------------------------------------------------------------------------------------
 */

enum { MW_BINS_MAX = 4096 };

/* Edges at the quantiles of the reference, equal ones once; right-closed, the outer bins open: so n
 * edges make n + 1 bins. A value that a tenth (1 / n_bins) of the rows or more share at the lower
 * end has a bin of its own, with what is below it apart. with_outer: also bins for what is below
 * and above all of the reference. Returns n, at most n_bins + 1. */
size_t mw_bins_quantiles(const mw_sample *reference, size_t n_bins, bool with_outer,
                         double *ret_edges);
/* Counts of n_edges + 1 such bins. */
void mw_bins_count(const mw_sample *sample, const double *edges, size_t n_edges,
                   double *ret_counts);

/* numpy.histogram_bin_edges(bins="sturges") over both, for n values; (bins="doane") over one.
 * Room for MW_BINS_MAX + 1 edges. Returns how many edges. */
size_t mw_bins_sturges(const mw_sample *a, const mw_sample *b, size_t n, double *ret_edges);
size_t mw_bins_doane(const mw_sample *sample, double *ret_edges);
/* numpy.histogram over such edges: n_edges - 1 counts. */
void mw_bins_histogram(const mw_sample *sample, const double *edges, size_t n_edges,
                       double *ret_counts);

/* Every different value of either side, ascending, with its counts; writes at most `limit` of them.
 * Returns how many there are. */
size_t mw_values_count(const mw_sample *reference, const mw_sample *current, double *ret_values,
                       double *ret_reference, double *ret_current, size_t limit);

/* ---- distances of counts ------------------------------------------------------------------------
 */

/* r: reference, c: current, over the same n bins; shares are counts over their total, which is
 * above 0. In psi and kl an empty share becomes 1e-4, or a millionth of the smallest share that is
 * not empty where that one is <= 1e-4 (Evidently's rule; nothing is normed again, but by kl, as
 * SciPy's entropy() does). */
double mw_counts_psi(const double *r, const double *c, size_t n);
double mw_counts_kl(const double *r, const double *c, size_t n);
/* sqrt of the divergence, as scipy.spatial.distance.jensenshannon. base 0: natural logarithm. */
double mw_counts_jensen_shannon(const double *r, const double *c, size_t n, double base);
double mw_counts_hellinger(const double *r, const double *c, size_t n);
double mw_counts_l_infinity(const double *r, const double *c, size_t n);
double mw_counts_total_variation(const double *r, const double *c, size_t n);

typedef struct mw_test {
    double statistic, p_value;
} mw_test;

/* Two samples, as scipy.stats.chi2_contingency(correction=False) on the bins that are not empty in
 * both; and current against the reference's shares as if these were exact, as
 * scipy.stats.chisquare (Evidently's choice). One bin: p = 1. */
mw_test mw_counts_chi_square(const double *r, const double *c, size_t n);
mw_test mw_counts_chi_square_fit(const double *r, const double *c, size_t n);
/* Two proportions, pooled, two-sided; p = 1 where both are 0 or both are 1. */
mw_test mw_proportions(double k_r, double n_r, double k_c, double n_c);

/* ---- evidence ----------------------------------------------------------------------------------
 */

/* ln of the e-value that both sides' shares differ; definition in evidence.c. Above ln(1/alpha) it
 * may be believed at level alpha, however often it was looked at. Less than two bins: 0. */
double mw_counts_log_evidence(const double *r, const double *c, size_t n);

/* Benjamini-Hochberg's adjusted p-values; NaN (not tested) stays NaN and counts for nothing. */
MW_CHECKED mw_status mw_benjamini_hochberg(const double *p, size_t n, double *ret_adjusted,
                                           mw_error *err);
/* e-BH: which may be believed with a false discovery rate of alpha, under any dependence. */
MW_CHECKED mw_status mw_e_benjamini_hochberg(const double *log_e, size_t n, double alpha,
                                             bool *ret_rejected, mw_error *err);

/* ---- drift of columns; see mw_drift_check in millwright.h --------------------------------------
 */

/* The words of `mw drift check` and its reports: "wasserstein", "drifted", "evidently". */
const char *mw_drift_method_name(mw_drift_method method);
const char *mw_drift_verdict_name(mw_drift_verdict verdict);
const char *mw_drift_profile_name(mw_drift_profile profile);
/* Whether the statistic's threshold is one of a p-value. */
bool mw_drift_is_test(mw_drift_method method);

/* Fails: MW_BAD_ARGUMENT, naming the first option that is out of its range. */
MW_CHECKED mw_status mw_drift_check_options(const mw_drift_options *options, mw_error *err);
/* Measure one feature: everything but the verdict, which depends on all of them. */
MW_CHECKED mw_status mw_drift_measure(const mw_sample *reference, const mw_sample *current,
                                      bool is_category, const mw_drift_options *options,
                                      mw_drift_feature *ret_feature, mw_error *err);
/* The verdicts over all measured features. */
MW_CHECKED mw_status mw_drift_judge(mw_drift_feature *features, size_t n_features,
                                    const mw_drift_options *options, mw_drift_summary *ret_summary,
                                    mw_error *err);

#endif
