/* Drift against a profile: the current rows are counted in the bins that the profile has.
 *
 * What needs both sides' rows (Kolmogorov-Smirnov, Wasserstein, other bins) is refused rather than
 * approximated: a profile's number is the number of the rows, or none. */
#include "stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { SMALL_ROWS = 1000 };

/* ---- counting -------------------------------------------------------------------------------- */

static mw_view text_of(double value, const mw_view *texts, char *room)
{
    if (texts)
        return texts[(size_t)value];
    return (mw_view){room, mw_number_write_double(room, value, false)};
}

static size_t place_of(const mw_profile_column *column, mw_view text)
{
    for (size_t i = 0; i < column->n_categories; i++)
        if (mw_view_equal(column->categories[i].text, text))
            return i;
    return column->n_categories + (column->others > 0 ? 0 : 1);
}

/* The sample is in order: each different value is looked up once. */
static size_t count_categories(const mw_profile_column *column, const mw_sample *current,
                               const mw_view *texts, double *ret_counts)
{
    char room[MW_NUMBER_TEXT_BYTES];
    size_t n = column->n_categories + 2, place = 0;
    memset(ret_counts, 0, n * sizeof *ret_counts);
    for (size_t i = 0; i < current->n; i++) {
        if (i == 0 || current->sorted[i] != current->sorted[i - 1])
            place = place_of(column, text_of(current->sorted[i], texts, room));
        ret_counts[place]++;
    }
    return n;
}

size_t mw_profile_count(const mw_profile_column *column, const mw_sample *current,
                        const mw_view *texts, double *ret_counts)
{
    if (column->is_category)
        return count_categories(column, current, texts, ret_counts);
    mw_bins_count(current, column->edges, column->n_edges, ret_counts);
    return column->n_edges + 1;
}

/* ---- measuring ------------------------------------------------------------------------------- */

static mw_status fail_method(const char *what, const char *mend, mw_error *err)
{
    mw_fail(err, MW_E_PROFILE_METHOD, "%s", what);
    return mw_mend(err, "%s", mend);
}

static mw_status check(const mw_drift_options *options, mw_drift_method wish, mw_error *err)
{
    if (options->profile != MW_DRIFT_MILLWRIGHT)
        return fail_method("a training profile cannot be measured as another library does",
                           "give the rows themselves: --ref train.csv", err);
    if (options->bins != MW_DRIFT_BINS_AUTO &&
        (options->bins != MW_DRIFT_BINS_QUANTILES || options->n_bins != MW_PROFILE_DECILES))
        return fail_method("a training profile has its own bins, the deciles",
                           "leave --bins out, or give the rows themselves: --ref train.csv", err);
    if (wish == MW_DRIFT_KS || wish == MW_DRIFT_WASSERSTEIN || wish == MW_DRIFT_Z)
        return fail_method("this method needs the reference's rows, and a profile has none",
                           "take psi, js, chi2, hellinger, linf, tv or kl, or give the rows", err);
    return MW_OK;
}

static void describe(const mw_profile_column *r, const mw_sample *c, mw_drift_feature *feature)
{
    mw_spread_of_sample spread = mw_sample_spread(c);
    feature->is_category = r->is_category;
    feature->n_reference = (size_t)r->n;
    feature->missing_reference = (size_t)r->missing;
    feature->infinite_reference = (size_t)r->infinite;
    feature->n_current = c->n;
    feature->missing_current = c->n_missing;
    feature->infinite_current = c->n_infinite;
    feature->mean_reference = r->is_category ? (double)NAN : r->mean;
    feature->deviation_reference = r->is_category ? (double)NAN : r->deviation;
    feature->mean_current = spread.mean;
    feature->deviation_current = spread.deviation;
}

/* The bins, and one for what is missing; what lies below or above all of the reference has bins of
 * its own, as in the watch over live traffic. */
static size_t with_missing(const mw_profile_column *column, const double *counts, double missing,
                           double *ret)
{
    size_t n = column->is_category ? column->n_categories + 2 : column->n_edges + 1;
    memcpy(ret, counts, n * sizeof *ret);
    ret[n] = missing;
    return n + 1;
}

static double distance(mw_drift_method method, const double *r, const double *c, size_t n)
{
    switch (method) {
    case MW_DRIFT_JENSEN_SHANNON:
        return mw_counts_jensen_shannon(r, c, n, 0);
    case MW_DRIFT_KL:
        return mw_counts_kl(r, c, n);
    case MW_DRIFT_HELLINGER:
        return mw_counts_hellinger(r, c, n);
    case MW_DRIFT_L_INFINITY:
        return mw_counts_l_infinity(r, c, n);
    case MW_DRIFT_TOTAL_VARIATION:
        return mw_counts_total_variation(r, c, n);
    default:
        return mw_counts_psi(r, c, n);
    }
}

static void measure(const double *r, const double *c, size_t n, mw_drift_feature *feature)
{
    mw_test test = mw_counts_chi_square(r, c, n);
    feature->p_value = test.p_value;
    feature->statistic = feature->method == MW_DRIFT_CHI_SQUARE
                             ? test.statistic
                             : distance(feature->method, r, c, n);
    feature->log_e_value = mw_counts_log_evidence(r, c, n);
    feature->n_bins = n;
}

/* Both sides without the bins that are empty in both. */
static size_t drop_empty(double *r, double *c, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (r[i] + c[i] > 0) {
            r[kept] = r[i];
            c[kept++] = c[i];
        }
    return kept;
}

static mw_status count_and_measure(const mw_profile_column *r, const mw_sample *c,
                                   const mw_view *texts, mw_drift_feature *feature, mw_error *err)
{
    size_t room = (r->is_category ? r->n_categories : r->n_edges) + 4;
    double *block = calloc(3 * room, sizeof *block);
    if (!block)
        return mw_fail_memory(err, "the bins of a column");
    double *before = block, *now = block + room, *counts = block + 2 * room;
    mw_profile_count(r, c, texts, counts);
    with_missing(r, counts, (double)(c->n_missing + c->n_infinite), now);
    if (r->is_category) {
        for (size_t i = 0; i < r->n_categories; i++)
            counts[i] = r->categories[i].rows;
        counts[r->n_categories] = r->others;
        counts[r->n_categories + 1] = 0;
    } else
        memcpy(counts, r->counts, (r->n_edges + 1) * sizeof *counts);
    size_t n = with_missing(r, counts, r->missing + r->infinite, before);
    measure(before, now, drop_empty(before, now, n), feature);
    free(block);
    return MW_OK;
}

static mw_drift_method method_of(const mw_profile_column *r, const mw_sample *c,
                                 mw_drift_method wish)
{
    if (wish != MW_DRIFT_AUTO)
        return wish;
    if (r->n <= SMALL_ROWS || c->n <= SMALL_ROWS)
        return MW_DRIFT_CHI_SQUARE;
    return r->is_category ? MW_DRIFT_JENSEN_SHANNON : MW_DRIFT_PSI;
}

mw_status mw_drift_measure_profile(const mw_profile_column *reference, const mw_sample *current,
                                   const mw_view *texts, const mw_drift_options *options,
                                   mw_drift_feature *ret_feature, mw_error *err)
{
    mw_drift_method wish =
        reference->is_category ? options->category_method : options->numeric_method;
    mw_drift_feature feature = {
        .statistic = (double)NAN, .p_value = (double)NAN, .p_adjusted = (double)NAN};
    MW_TRY(check(options, wish, err));
    describe(reference, current, &feature);
    feature.method = method_of(reference, current, wish);
    feature.threshold = isnan(options->threshold) ? mw_drift_threshold(feature.method, options)
                                                  : options->threshold;
    if (reference->n > 0 && current->n > 0)
        MW_TRY(count_and_measure(reference, current, texts, &feature, err));
    *ret_feature = feature;
    return MW_OK;
}
