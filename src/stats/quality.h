/* quality: how good predictions are, given what came true.
 *
 *     mw_judged (borrowed arrays) --mw_quality_new--> what is sorted once, and a loss of each row
 *         --mw_quality_of(times)--> every metric of the task, of all rows, a slice, or a draw
 *         --mw_quality_intervals--> 95 % of each --mw_quality_compare--> two models, paired
 *
 * A slice is all rows `times` 0 or 1, a bootstrap draw is all rows so many times: so both are one
 * pass, and nothing is sorted again. The numbers are those of sklearn.metrics, to 1e-12. */
#ifndef STATS_QUALITY_H
#define STATS_QUALITY_H

#include "base/base.h"

typedef enum mw_task {
    MW_TASK_BINARY,
    MW_TASK_MULTICLASS,
    MW_TASK_REGRESSION,
    MW_TASK_RANKING
} mw_task;

/* "binary", "multiclass", "regression", "ranking". */
const char *mw_task_name(mw_task task);

/* Where an interval comes from. */
typedef enum mw_interval_kind {
    MW_BY_BOOTSTRAP, /* rows (of a ranking: queries) drawn anew, percentiles */
    MW_BY_WILSON,    /* of a share; rows with weights count as Kish's so many */
    MW_BY_DELONG,    /* on the logit; rows with weights: the bootstrap */
    MW_BY_NORMAL,    /* of a mean, by the central limit theorem */
    MW_BY_REFLECTION /* rows drawn anew, percentiles reflected at the value: for what draws push
                        up, such as gaps of bins (Davison, Hinkley 1997) */
} mw_interval_kind;

const char *mw_interval_kind_name(mw_interval_kind kind);

typedef struct mw_quality_metric {
    const char *name;
    int better;    /* 1: more is; -1: less is; 0: neither */
    bool is_share; /* lies in 0..1, or in -1..1 */
    mw_interval_kind interval;
    const char *means; /* a clause for people */
} mw_quality_metric;

enum { MW_QUALITY_MAX = 32 /* metrics of a task */ };

/* The metrics of a task, in the order of reports; the first one is what models are compared by. */
const mw_quality_metric *mw_quality_metrics(mw_task task, size_t *ret_count);
/* Position, or -1. */
ptrdiff_t mw_quality_find(mw_task task, mw_view name);

/* Rows to be judged; all borrowed. No NaN anywhere. */
typedef struct mw_judged {
    mw_task task;
    size_t n_rows;
    const double *truth; /* binary: 0, 1; multiclass: a class from 0; regression: a number;
                            ranking: relevance, 0 or more */
    const double
        *predicted;       /* binary: the score of class 1; multiclass: the class; else a number */
    const double *shares; /* multiclass: (n_rows, n_classes) probabilities; NULL: none */
    size_t n_classes;
    const double *weights; /* NULL: all 1 */
    const uint32_t *query; /* ranking: of each row, 0 .. n_queries - 1 */
    size_t n_queries;
    double threshold;    /* binary: selected is score >= threshold */
    bool is_probability; /* binary: every score lies in 0..1 */
} mw_judged;

typedef struct mw_quality mw_quality;

/* Sort once, and take each row's losses. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status mw_quality_new(const mw_judged *rows, mw_quality **ret_quality, mw_error *err);
void mw_quality_free(mw_quality *quality);

/* Every metric; NaN where it is not defined (one class only, no probabilities, no rows).
 *   times       of each row, NULL: once; of a ranking by query
 *   ret_values  one a metric
 *   ret_variances  of the means and of DeLong's AUC; of a share what it is among; NULL: not wanted
 * Cost: O(n_rows). */
MW_CHECKED mw_status mw_quality_of(const mw_quality *quality, const double *times,
                                   double *ret_values, double *ret_variances, mw_error *err);

/* How many rows (of a ranking: queries) a draw draws. */
size_t mw_quality_units(const mw_quality *quality);
/* Draws that give percentiles in bearable time: 1,000 up to 20,000 units, and at least 100. */
size_t mw_quality_draws(const mw_quality *quality);

typedef struct mw_estimate {
    double value, low, high; /* 95 %; NaN where there is none */
    mw_interval_kind by;
} mw_estimate;

/* One a metric. `wanted`: which of them need an interval even where rows must be drawn for it;
 * NULL: all. Equal seeds give equal bits. */
MW_CHECKED mw_status mw_quality_intervals(const mw_quality *quality, const bool *wanted,
                                          uint64_t seed, mw_estimate *ret_estimates, mw_error *err);

typedef struct mw_contrast_of_metric {
    double difference; /* second less first */
    double low, high;  /* 95 %, by rows drawn anew, the same for both */
} mw_contrast_of_metric;

/* Two models on the same rows. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status mw_quality_compare(const mw_quality *first, const mw_quality *second,
                                        uint64_t seed, mw_contrast_of_metric *ret_contrasts,
                                        mw_error *err);

/* The loss of a row that slices are searched by: log loss, or a wrong decision where there are no
 * probabilities; squared error; 1 - NDCG. Borrowed: one a row (of a ranking: a query). */
const double *mw_quality_losses(const mw_quality *quality);
/* What the decisions of binary rows came to. */
void mw_quality_confusion(const mw_quality *quality, mw_confusion *ret_confusion);

/* ---- areas under the ROC curve -----------------------------------------------------------------
 */

/* Of scores in any order, label 1 is positive; a tie counts half. Exact while pairs < 2^53. NaN
 * with one kind only. Fails: MW_NO_MEMORY. Cost: a radix sort. */
MW_CHECKED mw_status mw_auc_of(const double *scores, const uint8_t *labels, size_t n,
                               double *ret_auc, mw_error *err);

typedef struct mw_delong {
    double auc, variance; /* DeLong, DeLong, Clarke-Pearson 1988, by Sun and Xu's way (2014) */
} mw_delong;

typedef struct mw_delong_pair {
    double first, second, difference, variance, z, p; /* second less first; p two-sided */
} mw_delong_pair;

/* Fails: MW_NO_MEMORY. NaN with less than two of a kind. */
MW_CHECKED mw_status mw_delong_of(const double *scores, const uint8_t *labels, size_t n,
                                  mw_delong *ret_delong, mw_error *err);
MW_CHECKED mw_status mw_delong_compare(const double *first, const double *second,
                                       const uint8_t *labels, size_t n, mw_delong_pair *ret_pair,
                                       mw_error *err);

/* McNemar's test of the rows that one of two got right and the other did not. */
typedef struct mw_mcnemar {
    double only_first, only_second;
    double p_exact;                /* two-sided binomial, as statsmodels' mcnemar(exact=True) */
    double statistic, p_corrected; /* (|b - c| - 1)^2 / (b + c); p 1 where b + c = 0 */
} mw_mcnemar;

mw_mcnemar mw_mcnemar_of(double only_first, double only_second);

/* ---- calibration -------------------------------------------------------------------------------
 */

enum { MW_CALIBRATION_BINS = 10 };

/* Of equal width, (k/10, (k+1)/10], the first closed. */
typedef struct mw_calibration_bin {
    double n, mean_score, rate;
} mw_calibration_bin;

void mw_calibration_of(const mw_quality *quality, const double *times,
                       mw_calibration_bin ret_bins[MW_CALIBRATION_BINS]);

/* Points of the ROC curve, from (0, 0) to (1, 1), at most `limit` of them, evenly over the distinct
 * scores. Returns how many. */
size_t mw_roc_curve(const mw_quality *quality, double *ret_fpr, double *ret_tpr, size_t limit);

/* ---- queries -----------------------------------------------------------------------------------
 */

/* DCG over the best possible one of `n` rows of a query, cut at k (0: none). Gain is the relevance,
 * or 2^relevance - 1; rows of equal score share what their places gain, as scikit-learn does. NaN
 * without a relevant row. `order` is room for 2 n places. */
double mw_ndcg(const double *relevance, const double *score, size_t n, size_t k,
               bool is_exponential, uint32_t *order);

#endif
