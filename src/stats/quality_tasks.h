/* Behind the door: what the files of a task give to quality.c. One thread at a time. */
#ifndef STATS_QUALITY_TASKS_H
#define STATS_QUALITY_TASKS_H

#include "order.h"

enum { QUALITY_LOSSES = 12 };

/* A metric that is the mean of something of each unit. */
typedef struct quality_loss {
    int metric;
    double (*of)(const mw_judged *rows, size_t row);
} quality_loss;

typedef struct quality_kind {
    const mw_quality_metric *metrics;
    size_t n_metrics;
    const quality_loss *losses; /* n_losses; of a ranking without functions */
    size_t n_losses;
    mw_status (*open)(mw_quality *quality, mw_error *err);
    /* What is no mean; the means stand in `values` already. `aids`, where not NULL: of a share what
     * it is among, of DeLong's AUC its variance. */
    void (*rest)(const mw_quality *quality, const double *w, double *values, double *aids);
} quality_kind;

extern const quality_kind quality_binary, quality_classes, quality_numbers, quality_queries;

struct mw_quality {
    mw_judged rows;
    const quality_kind *kind;
    size_t n_units;                 /* rows, or queries */
    double *losses[QUALITY_LOSSES]; /* n_units each */
    double *unit_weights;           /* NULL: all 1 */
    double *slice_losses;           /* borrowed from losses, or owned where owns_slice_losses */
    bool owns_slice_losses;
    uint32_t *order; /* binary: rows by falling score; regression: by falling error; multiclass: so
                        many of each class */
    double *scratch; /* multiclass: of the pairs of classes */
};

/* Cleared memory of n elements, the caller's to free; NULL, with err filled, when there is none. */
void *quality_room(size_t n, size_t size, mw_error *err);
/* Rows in the order of these values; memory is the caller's to free. */
MW_CHECKED mw_status quality_order(const double *values, size_t n, uint32_t *ret_order,
                                   mw_error *err);

static inline double quality_ratio(double a, double b)
{
    return b > 0 ? a / b : (double)__builtin_nan("");
}

#endif
