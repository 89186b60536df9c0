/* permutation: how much worse a model predicts when one column's values are dealt out anew.
 *
 *     metric of the rows as they are  -  metric with column f shuffled  =  one drop of f
 *
 * Where less is better (logloss, rmse, mae) the drop is turned around, so that it is positive for a
 * feature that helps. Each of n_repeats shuffles gives a drop; their mean is the importance, and
 * their spread gives an interval: it speaks of the shuffles, not of other rows.
 *
 * Source: Breiman, Random Forests (2001); Fisher, Rudin, Dominici, All Models are Wrong, but Many
 * are Useful (2019). Of features that go together each may look unimportant: the other one stays.
 */
#ifndef INSIGHT_PERMUTATION_H
#define INSIGHT_PERMUTATION_H

#include "metric.h"
#include "predict/predict.h"

typedef struct mw_permutation {
    const mw_forest *forest;
    const mw_predictor *predictor;
    double *values; /* rows, row_stride apart; columns are shuffled in place and put back */
    size_t n_rows, row_stride;
    const double *target; /* n_rows */
    mw_metric metric;
    size_t n_repeats; /* shuffles of each column, at least 1 */
    uint64_t seed;    /* the same seed, the same shuffles, on every machine */
    size_t rotate;    /* not 0: repeat k moves the column down by (k + 1) * rotate rows instead */
    mw_pool *pool;    /* idle threads help; may be NULL */
    bool (*stopped)(void); /* asked between shuffles; may be NULL */
} mw_permutation;

/* ret_base: the metric of the rows as they are. ret_drops: (n_features, n_repeats); features that
 * no split uses are 0 without a try.
 * Fails: as mw_metric_check and mw_predict_batch; MW_BUSY when `stopped` said so; MW_NO_MEMORY.
 * Cost:  n_repeats predictions of all rows a feature that is used; 3 numbers a row of memory, and
 *        n_predictions. */
MW_CHECKED mw_status mw_permutation_run(const mw_permutation *work, double *ret_base,
                                        double *ret_drops, mw_error *err);

/* Mean, standard deviation, and the half width of the 95 % interval of the mean (Student's t) of
 * n values; deviation and width are 0 for one value. */
typedef struct mw_spread {
    double mean, deviation, half_width;
} mw_spread;
mw_spread mw_spread_of(const double *values, size_t n);

#endif
