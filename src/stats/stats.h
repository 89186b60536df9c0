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

/* 64 bits, each of which depends on each of the given ones: the last step of SplitMix64 (Steele,
 * Lea, Flood 2014). */
static inline uint64_t mw_mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}
/* The order of hashes, for qsort and bsearch; and, once they are sorted, which this does, how many
 * are equal to one before them (repeats.c). */
int mw_hash_order(const void *a, const void *b);
size_t mw_count_repeats(uint64_t *hashes, size_t n);

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
/* The threshold of a method for which the options name none. */
double mw_drift_threshold(mw_drift_method method, const mw_drift_options *options);

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

/* ---- proportions --------------------------------------------------------------------------------
 */

typedef struct mw_interval {
    double low, high;
} mw_interval;

/* Of k in n at 95 %, by Wilson (1927), as statsmodels' proportion_confint(method="wilson");
 * NaN for n = 0. k and n may be sums of weights. */
mw_interval mw_wilson(double k, double n);
/* Of k1/n1 - k2/n2, by Newcombe's hybrid of the two (1998, method 10). */
mw_interval mw_newcombe(double k1, double n1, double k2, double n2);
/* Half the width of the sequence of intervals of a difference whose variance is v, at level alpha:
 * it holds however often it is looked at. tau: the difference for which it is narrowest (Johari,
 * Pekelis, Walsh 2015; inverse of the mSPRT). */
double mw_mean_half_width(double v, double tau, double alpha);
/* Two-sided p-value of Fisher's exact test on whole counts: all tables that are no likelier than
 * the one at hand, as scipy.stats.fisher_exact. */
double mw_fisher_exact(double k1, double n1, double k2, double n2);
/* Holm's adjusted p-values (1979); NaN (not tested) stays NaN and counts for nothing. */
MW_CHECKED mw_status mw_holm(const double *p, size_t n, double *ret_adjusted, mw_error *err);

/* ---- decisions and what became of them ----------------------------------------------------------
 */

/* Sums of weights (1 a row without) of true and false positives and negatives: all that rates need.
 * Selected: decision 1; positive: label 1. */
typedef struct mw_confusion {
    double tp, fp, fn, tn;
} mw_confusion;

typedef enum mw_outcome_rate {
    MW_RATE_SELECTION, /* (tp + fp) / n */
    MW_RATE_ACCURACY,  /* (tp + tn) / n */
    MW_RATE_BASE,      /* (tp + fn) / n */
    MW_RATE_TPR,       /* tp / (tp + fn), recall */
    MW_RATE_FPR,
    MW_RATE_FNR,
    MW_RATE_TNR,
    MW_RATE_PPV, /* tp / (tp + fp), precision */
    MW_RATE_NPV,
    MW_RATE_FDR,
    MW_RATE_FOR,
    MW_N_RATES
} mw_outcome_rate;

/* "selection_rate", "tpr" ...: the keys of reports. */
const char *mw_outcome_rate_name(mw_outcome_rate rate);
/* k of n: what is counted, and among what. */
void mw_outcome_rate_parts(const mw_confusion *c, mw_outcome_rate rate, double *ret_k,
                           double *ret_n);
/* NaN where nothing is there to count among. */
double mw_outcome_rate_of(const mw_confusion *c, mw_outcome_rate rate);
double mw_confusion_total(const mw_confusion *c);
void mw_confusion_add(mw_confusion *sum, const mw_confusion *c);
/* Count rows by group: selected is score >= threshold, label 1 is positive; group_of[row] is below
 * n_groups. Cost: some 2 ns a row. */
void mw_confusion_count(const uint8_t *labels, const double *scores, double threshold,
                        const uint32_t *group_of, size_t n_rows, mw_confusion *ret_groups,
                        size_t n_groups);

/* How far groups lie apart in a rate, as Fairlearn's MetricFrame: difference() and ratio(), between
 * groups and to_overall. Groups whose rate is NaN are left out; without two of them (to overall:
 * without one) NaN. 0 / 0 is NaN. */
typedef struct mw_gaps {
    double difference, ratio, difference_to_overall, ratio_to_overall;
    size_t highest, lowest; /* groups; n where there is none */
} mw_gaps;

/* `rates`: n of them; see mw_outcome_rate_of. */
mw_gaps mw_gaps_of(const double *rates, size_t n, double overall);

/* The differences and ratios that limits can be set to, named as in Fairlearn where it has one. */
typedef struct mw_fair_measure {
    const char *name;
    mw_outcome_rate first, second; /* both are looked at: equalized odds; or the same twice */
    bool is_ratio, to_overall, is_mean;
} mw_fair_measure;

extern const mw_fair_measure mw_fair_measures[];
extern const size_t mw_n_fair_measures;
/* NULL: there is none of that name. */
const mw_fair_measure *mw_fair_measure_named(mw_view name);

/* Generalized entropy index of the benefits 1 + decision - label (Speicher 2018), as AIF360's
 * generalized_entropy_index; alpha 1 is Theil's. Between groups: each row has its group's mean. */
double mw_generalized_entropy(const mw_confusion *c, double alpha);
double mw_generalized_entropy_between(const mw_confusion *groups, size_t n, double alpha);

/* Area under the ROC curve from the scores of positives and of negatives, each ascending (mw_sort);
 * a tie counts half. Exact while n_positives * n_negatives < 2^53. NaN without one of the kinds. */
double mw_auc(const double *positives, size_t n_positives, const double *negatives,
              size_t n_negatives);

/* ---- decay without labels: CBPE; see cbpe.c -----------------------------------------------------
 */

/* Isotonic regression, as sklearn.isotonic.IsotonicRegression(out_of_bounds="clip"). */
typedef struct mw_isotonic mw_isotonic;

/* Labels 0 or 1; no NaN. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status mw_isotonic_fit(const double *scores, const double *labels, size_t n,
                                     mw_isotonic **ret_curve, mw_error *err);
void mw_isotonic_free(mw_isotonic *curve);
/* For a file, and back: see base/pack.h. NULL: these bytes are damaged, or memory is gone. */
void mw_isotonic_pack(const mw_isotonic *curve, mw_buf *out);
MW_CHECKED mw_isotonic *mw_isotonic_unpack(mw_unpack *in);
double mw_isotonic_at(const mw_isotonic *curve, double score);
/* Whether such a curve makes the scores truer, as NannyML tells it. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status mw_calibration_gains(const double *scores, const double *labels, size_t n,
                                          bool *ret_gains, mw_error *err);

typedef enum mw_decay_metric {
    MW_DECAY_AUC,
    MW_DECAY_F1,
    MW_DECAY_PRECISION,
    MW_DECAY_RECALL,
    MW_DECAY_SPECIFICITY,
    MW_DECAY_ACCURACY,
    MW_N_DECAY
} mw_decay_metric;

/* "roc_auc", "f1" ...: NannyML's words. */
const char *mw_decay_name(mw_decay_metric metric);

/* What is to be expected of decisions (0, 1) by scores. curve NULL: the scores are probabilities.
 * Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status mw_decay_estimate(const mw_isotonic *curve, const double *scores,
                                       const double *decisions, size_t n,
                                       double ret_values[MW_N_DECAY], mw_error *err);
/* The same once labels are there. */
MW_CHECKED mw_status mw_decay_realized(const double *scores, const double *decisions,
                                       const double *labels, size_t n,
                                       double ret_values[MW_N_DECAY], mw_error *err);

/* How far chance alone moves a metric, from the reference. */
typedef struct mw_decay_error {
    double spread, fraction; /* of one row; the share of rows that count */
} mw_decay_error;

MW_CHECKED mw_status mw_decay_errors(const double *scores, const double *decisions,
                                     const double *labels, size_t n,
                                     mw_decay_error ret_errors[MW_N_DECAY], mw_error *err);
/* Standard error in a chunk of n rows. */
double mw_decay_error_of(const mw_decay_error *error, size_t n);

/* ---- several classes; see cbpe_classes.c ---------------------------------------------------- */

/* What was said of rows, and what was true. Classes are 0, 1 ... n_classes - 1. */
typedef struct mw_class_scores {
    const double *values; /* class k of row i: values[k * stride + i]; borrowed */
    size_t stride, n_classes, n;
    const double *decisions, *labels; /* classes; labels NULL where they are not known */
} mw_class_scores;

typedef enum mw_calibrating {
    MW_CALIBRATE_WHERE_IT_GAINS,
    MW_CALIBRATE_ALWAYS,
    MW_CALIBRATE_NEVER
} mw_calibrating;

/* A curve for each class that has one. */
typedef struct mw_class_chances mw_class_chances;

/* scores->labels are needed. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status mw_class_chances_fit(const mw_class_scores *scores, mw_calibrating how,
                                          mw_class_chances **ret_chances, mw_error *err);
void mw_class_chances_free(mw_class_chances *chances);
void mw_class_chances_pack(const mw_class_chances *chances, mw_buf *out);
MW_CHECKED mw_class_chances *mw_class_chances_unpack(mw_unpack *in); /* as mw_isotonic_unpack */
size_t mw_class_chances_classes(const mw_class_chances *chances);
size_t mw_class_chances_calibrated(const mw_class_chances *chances); /* so many classes are */
/* Of one row, whose class k is scores[k * stride]: n_classes chances that sum to 1. */
void mw_class_chances_at(const mw_class_chances *chances, const double *scores, size_t stride,
                         double *ret_chances);

/* As mw_decay_estimate and its kin; means over the classes. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status mw_decay_estimate_classes(const mw_class_chances *chances,
                                               const mw_class_scores *scores,
                                               double ret_values[MW_N_DECAY], mw_error *err);
/* AUC is NaN where a class has no row, the others where all rows are of one. */
MW_CHECKED mw_status mw_decay_realized_classes(const mw_class_scores *scores,
                                               double ret_values[MW_N_DECAY], mw_error *err);
MW_CHECKED mw_status mw_decay_errors_classes(const mw_class_scores *scores,
                                             mw_decay_error ret_errors[MW_N_DECAY], mw_error *err);

/* ---- regressions: DLE; see loss.c ----------------------------------------------------------- */

/* What a model of the loss has learned to predict, of each row. */
typedef enum mw_loss {
    MW_LOSS_ABSOLUTE,
    MW_LOSS_PERCENTAGE,
    MW_LOSS_SQUARED,
    MW_LOSS_SQUARED_LOG,
    MW_N_LOSSES
} mw_loss;

typedef enum mw_loss_metric {
    MW_LOSS_MAE,
    MW_LOSS_MAPE,
    MW_LOSS_MSE,
    MW_LOSS_RMSE,
    MW_LOSS_MSLE,
    MW_LOSS_RMSLE,
    MW_N_LOSS_METRICS
} mw_loss_metric;

/* "mae", "rmse" ...: NannyML's words. */
const char *mw_loss_name(mw_loss_metric metric);
mw_loss mw_loss_of(mw_loss_metric metric);
/* The loss of one row; of MW_LOSS_SQUARED_LOG both numbers are above -1. */
double mw_loss_at(mw_loss loss, double label, double prediction);
/* The metric of rows whose losses a model has predicted; NaN of none. */
double mw_loss_estimate(mw_loss_metric metric, const double *losses, size_t n);
double mw_loss_realized(mw_loss_metric metric, const double *labels, const double *predictions,
                        size_t n);
/* How far chance alone moves it, from the reference: see mw_decay_error_of. */
mw_decay_error mw_loss_error(mw_loss_metric metric, const double *labels, const double *predictions,
                             size_t n);
/* The same of R2 (1 less squared errors over squares about the mean label), by the delta method.
 * NaN where labels do not vary. */
mw_decay_error mw_r2_error(const double *labels, const double *predictions, size_t n);

/* What a value computed from groups may be by chance alone: rows are drawn anew n_draws times,
 * group sizes too, which for counts is one multinomial over all cells. Ascending into ret_values;
 * NaN are left out. Equal seeds give equal draws. Returns how many there are. */
typedef double mw_group_measure(const mw_confusion *groups, size_t n, void *user);

MW_CHECKED mw_status mw_bootstrap_groups(const mw_confusion *groups, size_t n, uint64_t seed,
                                         mw_group_measure *measure, void *user, double *ret_values,
                                         size_t n_draws, size_t *ret_n_values, mw_error *err);
/* ---- change in a stream; see mw_detector_new in millwright.h ------------------------------------
 */

/* "adwin", "page-hinkley". */
const char *mw_detector_name(mw_detector_kind kind);

/* What the exact scan tells of a change (scan.c). */
typedef struct mw_detector_finding {
    int side;                   /* 1: it rose, -1: it fell */
    uint64_t n_before, n_since; /* values before the likeliest begin, and since then */
    double before, since;       /* the share of ones in them */
    double log_p;               /* of the exact test of these two; not corrected for all looks */
    double chance; /* at most: of any alarm in so many values when nothing changes, n / (2 ARL) */
} mw_detector_finding;
/* False: the last value was no change, or the detector is another one, which tells no more. */
bool mw_detector_found(const mw_detector *detector, mw_detector_finding *ret_finding);

/* Whether the rate of errors (0 and 1) stands above that of the first n_reference, by more than
 * chance and by a tenth at least: the exact scan's rises, at an average run length of a million to
 * a false alarm, until they end (level.c). Memory: 9 kB. One thread at a time. */
typedef struct mw_level mw_level;
typedef struct mw_level_state {
    bool is_risen;
    double n_reference, reference; /* values so far, their mean; NaN: none */
    double n, mean; /* the newest values, since when nothing has changed; NaN: none */
    double bound;   /* what chance allows between the two means, at a single look */
    double before;  /* risen: the rate before the last rise; NaN: not risen */
    double chance;  /* risen: of a false alarm by then, at most (mw_detector_finding); or NaN */
} mw_level_state;
MW_CHECKED mw_status mw_level_new(size_t n_reference, mw_level **ret_level, mw_error *err);
void mw_level_free(mw_level *level);          /* NULL is fine */
void mw_level_add(mw_level *level, double x); /* NaN is passed over. Cost: some 60 ns */
void mw_level_look(const mw_level *level, mw_level_state *ret_state);

/* ---- sketches
 * ------------------------------------------------------------------------------------
 */

/* What a stream is, in one pass and little memory; two of a kind merge into what one of both
 * streams would be. One thread at a time. NaN is passed over by all but mw_moments, which counts
 * it. */

/* Exact but for rounding: merged pairwise, never from sums of squares. */
typedef struct mw_moments {
    double n, missing, least, most;
    double mean, m2, m3, m4; /* sums of powers of x - mean */
} mw_moments;

void mw_moments_init(mw_moments *moments);
void mw_moments_add(mw_moments *moments, const double *values, size_t n);
void mw_moments_merge(mw_moments *into, const mw_moments *from);
/* As if each value had come so often; above 0, not only whole times. */
void mw_moments_weigh(mw_moments *moments, double weight);
/* Divided by n; skewness and excess kurtosis as scipy.stats.skew and kurtosis. NaN where undefined.
 */
/* For files, and back: false, or NULL, where the bytes are damaged or memory is gone. What goes on
 * from there gives the bits that it would have given. */
void mw_moments_pack(const mw_moments *moments, mw_buf *out);
MW_CHECKED bool mw_moments_unpack(mw_unpack *in, mw_moments *ret_moments);
double mw_moments_variance(const mw_moments *moments);
double mw_moments_skewness(const mw_moments *moments);
double mw_moments_kurtosis(const mw_moments *moments);

/* Quantiles: KLL. With k = 200 a rank is off by less than 1.33 % of the stream 99 times of 100, and
 * was by less than 0.55 % in streams of 200,000 (bench/watch.py). */
typedef struct mw_kll mw_kll;

/* k: 8..65535; `seed` fixes its draws. Fails: MW_NO_MEMORY, MW_BAD_ARGUMENT. */
MW_CHECKED mw_status mw_kll_new(unsigned k, uint64_t seed, mw_kll **ret_sketch, mw_error *err);
void mw_kll_free(mw_kll *sketch);
/* Cost: some 20 ns a value. Fails: MW_NO_MEMORY; then some of the values were added. */
MW_CHECKED mw_status mw_kll_add(mw_kll *sketch, const double *values, size_t n, mw_error *err);
MW_CHECKED mw_status mw_kll_merge(mw_kll *into, const mw_kll *from, mw_error *err);
void mw_kll_pack(const mw_kll *sketch, mw_buf *out);
MW_CHECKED mw_kll *mw_kll_unpack(mw_unpack *in);
uint64_t mw_kll_count(const mw_kll *sketch);
size_t mw_kll_held(const mw_kll *sketch); /* values that are kept */
/* Share of values <= x; NaN when empty. */
double mw_kll_rank(const mw_kll *sketch, double x);
/* The value at share q of the stream, 0..1; n of them at once, ascending q. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status mw_kll_quantiles(const mw_kll *sketch, const double *q, size_t n,
                                      double *ret_values, mw_error *err);
/* The same of several streams at once, each value of sketches[i] counted weights[i] times: a rank
 * is off by the worst of their errors at most. */
MW_CHECKED mw_status mw_kll_quantiles_of(const mw_kll *const *sketches, const double *weights,
                                         size_t n_sketches, const double *q, size_t n,
                                         double *ret_values, mw_error *err);

/* How many different values: HyperLogLog, 4,096 registers, 1.6 %. */
enum { MW_DISTINCT_REGISTERS = 4096 };
typedef struct mw_distinct {
    uint8_t registers[MW_DISTINCT_REGISTERS];
} mw_distinct;

void mw_distinct_init(mw_distinct *sketch);
void mw_distinct_add(mw_distinct *sketch, const double *values, size_t n);
void mw_distinct_merge(mw_distinct *into, const mw_distinct *from);
void mw_distinct_pack(const mw_distinct *sketch, mw_buf *out);
MW_CHECKED bool mw_distinct_unpack(mw_unpack *in, mw_distinct *ret_sketch);
double mw_distinct_count(const mw_distinct *sketch);

/* The commonest values: Space-Saving, 256 counters. A count is too high by at most n / 256, and no
 * value that is more frequent than that is left out. */
enum { MW_HEAVY_COUNTERS = 256, MW_HEAVY_SLOTS = 1024 };
typedef struct mw_heavy_counter {
    double value;
    uint64_t count, excess; /* count - excess <= true count <= count */
} mw_heavy_counter;
typedef struct mw_heavy {
    mw_heavy_counter counters[MW_HEAVY_COUNTERS];
    uint16_t slots[MW_HEAVY_SLOTS]; /* open-addressed: counter + 1 */
    size_t n_counters;
    uint64_t n;
} mw_heavy;

void mw_heavy_init(mw_heavy *sketch);
void mw_heavy_add(mw_heavy *sketch, const double *values, size_t n);
void mw_heavy_merge(mw_heavy *into, const mw_heavy *from);
/* As if each value had come so often, 1 or more times, to whole numbers. */
void mw_heavy_weigh(mw_heavy *sketch, double weight);
void mw_heavy_pack(const mw_heavy *sketch, mw_buf *out);
MW_CHECKED bool mw_heavy_unpack(mw_unpack *in, mw_heavy *ret_sketch);
/* Commonest first; ret_counters holds MW_HEAVY_COUNTERS. Returns how many. */
size_t mw_heavy_list(const mw_heavy *sketch, mw_heavy_counter *ret_counters);

#include "anomaly.h"
#include "boost.h"
#include "joint.h"
#include "mmd.h"
#include "profile.h"
#include "quality.h"

#endif
