/* A training profile: what the columns of a data set were, without its rows. Part of stats.h.
 *
 *     columns of values --mw_profile_add--> profile --mw_profile_write--> JSON --mw_profile_read-->
 *
 * The form of the JSON is docs/reference/profile.md. */
#ifndef STATS_PROFILE_H
#define STATS_PROFILE_H

#include "stats.h"

enum {
    MW_PROFILE_DECILES = 10,     /* deciles; and one bin below, one above all values */
    MW_PROFILE_QUANTILES = 101,  /* at 0, 0.01, ... 1, as numpy.quantile */
    MW_PROFILE_CATEGORIES = 1000 /* that are kept by name; the others are counted together */
};

/* Where a model's folder keeps its profile. */
#define MW_PROFILE_PATH "millwright/profile.json"

typedef struct mw_profile_category {
    mw_view text;
    double rows;
} mw_profile_category;

typedef struct mw_profile_column {
    mw_view name;
    bool is_category;
    bool is_label;               /* what was to be predicted: no input of a model */
    double n, missing, infinite; /* rows; n: finite values, or texts */
    double distinct;             /* exact */
    /* numbers; NaN where n is 0 */
    double mean, deviation, skewness, kurtosis; /* as mw_moments tells them; over n */
    double median, mad;                         /* mad: median of |x - median|, unscaled */
    double low, high;                           /* quantiles at 0.001 and 0.999 */
    const double *quantiles;                    /* MW_PROFILE_QUANTILES; NULL without values */
    const double *edges, *counts; /* of mw_bins_quantiles with outer bins: n_edges + 1 counts */
    size_t n_edges;
    /* categories, the commonest first */
    const mw_profile_category *categories;
    size_t n_categories;
    double others; /* rows of categories that are not kept by name */
} mw_profile_column;

typedef struct mw_profile {
    mw_view source; /* where the rows came from, for people */
    double rows;
    mw_profile_column *columns;
    size_t n_columns, capacity;
    mw_arena memory;
} mw_profile;

/* What a column is made of; everything is borrowed for the call. */
typedef struct mw_profile_source {
    mw_view name;
    const double *values; /* n; NaN is missing. Codes of `texts`, where those are given */
    size_t n;
    const mw_view *texts; /* n_texts; NULL: numbers */
    size_t n_texts;
    bool is_category; /* numbers that stand for categories: their text is the shortest form */
    bool is_label;
} mw_profile_source;

void mw_profile_init(mw_profile *profile);
void mw_profile_done(mw_profile *profile);
/* A copy of `source` in the profile's memory. */
MW_CHECKED mw_status mw_profile_set_source(mw_profile *profile, mw_view source, mw_error *err);
/* The next column; all have the same n. Fails: MW_NO_MEMORY. Cost: a sort. */
MW_CHECKED mw_status mw_profile_add(mw_profile *profile, const mw_profile_source *source,
                                    mw_error *err);
/* NULL when there is none. */
const mw_profile_column *mw_profile_find(const mw_profile *profile, mw_view name);

void mw_profile_write(const mw_profile *profile, mw_buf *out);
/* Fails: MW_BAD_DATA (MW8005) not a profile, or its numbers contradict each other;
 * MW_UNSUPPORTED (MW8006) one of a later version. Whether it fails or not, mw_profile_done. */
MW_CHECKED mw_status mw_profile_read(mw_view text, mw_profile *ret_profile, mw_error *err);

/* One feature against a profile, as mw_drift_measure does it against rows. Numbers are compared
 * over the profile's bins: by PSI (by chi-square where the current rows are 1,000 or fewer) unless
 * another method is asked for. The texts of categorical columns stand in `texts`: the value of
 * `current` is an index into them; NULL: numbers, compared by their shortest form.
 * Fails: MW_BAD_ARGUMENT (MW8007) the method needs the rows themselves, or other bins are asked
 * for. */
MW_CHECKED mw_status mw_drift_measure_profile(const mw_profile_column *reference,
                                              const mw_sample *current, const mw_view *texts,
                                              const mw_drift_options *options,
                                              mw_drift_feature *ret_feature, mw_error *err);
/* Rows of the current sample by the bins of the profile's column, for reports. Numbers: n_edges + 1
 * counts. Categories: n_categories, then others (where the profile has any: unknown ones fall
 * there, too), then new ones. Returns how many; `ret_counts` holds at least n_edges + 1, or
 * n_categories + 2. */
size_t mw_profile_count(const mw_profile_column *column, const mw_sample *current,
                        const mw_view *texts, double *ret_counts);

#endif
