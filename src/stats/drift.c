/* Drift of columns: which measure is taken, what it says, and what is believed.
 *
 *     samples --> measure: the profile's method for the kind and size --> statistic, p, e
 *     all features --> judge: thresholds, false discoveries --> verdicts, share, data set
 *
 * Profiles:
 *   millwright   <= 1,000 rows: KS or chi-square, p adjusted for the number of features;
 *                more: normed Wasserstein or Jensen-Shannon >= 0.1, and p of chi-square over
 *                deciles as well, so that a huge sample does not alarm on nothing
 *   evidently    what its DataDriftPreset takes, with its bins and thresholds
 *   nannyml      Jensen-Shannon to base 2 over its bins, >= 0.1 */
#include "stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define NORM_MIN 0.001   /* of the deviation that Wasserstein is divided by: Evidently's */
#define MISSING_GAP 0.05 /* a change of the missing share that matters */
#define WATCH_FROM 0.1   /* PSI between this and 0.2 */

enum {
    SMALL_ROWS = 1000, /* as Evidently: tests up to here, distances beyond */
    FEW_VALUES = 5,    /* numbers of so few values are categories */
    HISTOGRAM_VALUES = 20,
    TEST_ROWS = 10, /* below: not enough data */
    DISTANCE_ROWS = 200,
    BINS_MAX = 1000, /* of quantiles */
    EVIDENCE_BINS = 10,
    EXACT_ROWS = 10000 /* as SciPy's method="auto" */
};

/* ---- words ----------------------------------------------------------------------------------- */

const char *mw_drift_method_name(mw_drift_method method)
{
    static const char *const names[] = {"auto", "ks",        "wasserstein", "js", "psi", "chi2",
                                        "z",    "hellinger", "linf",        "tv", "kl"};
    return (size_t)method < MW_COUNT(names) ? names[method] : "unknown";
}

const char *mw_drift_verdict_name(mw_drift_verdict verdict)
{
    static const char *const names[] = {"quiet", "watch", "drifted", "not enough data"};
    return (size_t)verdict < MW_COUNT(names) ? names[verdict] : "unknown";
}

const char *mw_drift_profile_name(mw_drift_profile profile)
{
    static const char *const names[] = {"millwright", "evidently", "nannyml"};
    return (size_t)profile < MW_COUNT(names) ? names[profile] : "unknown";
}

bool mw_drift_is_test(mw_drift_method method)
{
    return method == MW_DRIFT_KS || method == MW_DRIFT_CHI_SQUARE || method == MW_DRIFT_Z;
}

/* ---- options --------------------------------------------------------------------------------- */

void mw_drift_options_init(mw_drift_profile profile, mw_drift_options *ret_options)
{
    if (ret_options)
        *ret_options = (mw_drift_options){.profile = profile,
                                          .n_bins = 10,
                                          .threshold = (double)NAN,
                                          .alpha = 0.05,
                                          .share = profile == MW_DRIFT_EVIDENTLY ? 0.5 : 0};
}

static const char *wrong_option(const mw_drift_options *o)
{
    if ((unsigned)o->profile > MW_DRIFT_NANNYML)
        return "profile";
    if ((unsigned)o->numeric_method > MW_DRIFT_KL || (unsigned)o->category_method > MW_DRIFT_KL)
        return "method";
    if ((unsigned)o->bins > MW_DRIFT_BINS_NANNYML)
        return "bins";
    if (o->n_bins < 2 || o->n_bins > BINS_MAX)
        return "n_bins";
    if (o->threshold < 0 || isinf(o->threshold))
        return "threshold";
    if (!(o->alpha > 0 && o->alpha < 1))
        return "alpha";
    return o->share >= 0 && o->share <= 1 ? NULL : "share";
}

mw_status mw_drift_check_options(const mw_drift_options *options, mw_error *err)
{
    const char *wrong = wrong_option(options);
    if (!wrong)
        return MW_OK;
    mw_fail(err, MW_E_DRIFT_OPTION, "%s is out of its range", wrong);
    return mw_mend(err, "begin with mw_drift_options_init; 'mw help MW8001' tells the ranges");
}

/* ---- counts ---------------------------------------------------------------------------------- */

typedef struct counts {
    double *r, *c, *values; /* one block, which r begins */
    size_t n;
} counts;

static mw_status make_counts(size_t room, counts *ret, mw_error *err)
{
    double *block = calloc(3 * (room + 2), sizeof *block);
    if (!block)
        return mw_fail_memory(err, "the bins of a column");
    *ret = (counts){block, block + room + 2, block + 2 * (room + 2), 0};
    return MW_OK;
}

static void add_missing(counts *bins, const mw_sample *r, const mw_sample *c)
{
    size_t missing_r = r->n_missing + r->n_infinite, missing_c = c->n_missing + c->n_infinite;
    if (missing_r + missing_c == 0)
        return;
    bins->r[bins->n] = (double)missing_r;
    bins->c[bins->n++] = (double)missing_c;
}

static mw_status count_values(const mw_sample *r, const mw_sample *c, counts *ret, mw_error *err)
{
    size_t room = mw_values_count(r, c, NULL, NULL, NULL, 0);
    MW_TRY(make_counts(room, ret, err));
    ret->n = mw_values_count(r, c, ret->values, ret->r, ret->c, room);
    return MW_OK;
}

/* NannyML knows the reference's values: all others are one. */
static void merge_new(counts *bins)
{
    size_t n = 0;
    double rest = 0;
    for (size_t i = 0; i < bins->n; i++) {
        if (bins->r[i] > 0) {
            bins->r[n] = bins->r[i];
            bins->c[n++] = bins->c[i];
        } else
            rest += bins->c[i];
    }
    bins->n = n;
    if (rest > 0) {
        bins->r[n] = 0;
        bins->c[n] = rest;
        bins->n++;
    }
}

static mw_status count_even(const mw_sample *r, const mw_sample *c, const double *edges,
                            size_t n_edges, counts *ret, mw_error *err)
{
    MW_TRY(make_counts(n_edges + 1, ret, err));
    ret->n = n_edges ? n_edges - 1 : 0;
    mw_bins_histogram(r, edges, n_edges, ret->r);
    mw_bins_histogram(c, edges, n_edges, ret->c);
    return MW_OK;
}

static mw_status count_doane(const mw_sample *r, const mw_sample *c, counts *ret, mw_error *err)
{
    double edges[MW_BINS_MAX + 1], inside = 0;
    MW_TRY(count_even(r, c, edges, mw_bins_doane(r, edges), ret, err));
    for (size_t i = 0; i < ret->n; i++)
        inside += ret->c[i];
    if (inside < (double)c->n) {
        ret->r[ret->n] = 0;
        ret->c[ret->n++] = (double)c->n - inside;
    }
    return MW_OK;
}

static mw_status count_sturges(const mw_sample *r, const mw_sample *c, mw_drift_method method,
                               counts *ret, mw_error *err)
{
    double edges[MW_BINS_MAX + 1];
    size_t n = r->n + c->n;
    if (method == MW_DRIFT_HELLINGER) /* there Evidently counts each value once */
        n = mw_values_count(r, c, NULL, NULL, NULL, 0);
    return count_even(r, c, edges, mw_bins_sturges(r, c, n, edges), ret, err);
}

static mw_status count_quantiles(const mw_sample *r, const mw_sample *c, size_t n_bins, counts *ret,
                                 mw_error *err)
{
    double edges[MW_BINS_MAX + 1];
    size_t n_edges = mw_bins_quantiles(r, n_bins, false, edges);
    MW_TRY(make_counts(n_edges + 1, ret, err));
    mw_bins_count(r, edges, n_edges, ret->r);
    mw_bins_count(c, edges, n_edges, ret->c);
    ret->n = n_edges + 1;
    add_missing(ret, r, c);
    return MW_OK;
}

static mw_status count_both(const mw_sample *r, const mw_sample *c, const mw_drift_feature *feature,
                            const mw_drift_options *options, counts *ret, mw_error *err)
{
    mw_drift_bins kind = options->bins;
    if (kind == MW_DRIFT_BINS_AUTO)
        kind = options->profile == MW_DRIFT_EVIDENTLY ? MW_DRIFT_BINS_EVIDENTLY
               : options->profile == MW_DRIFT_NANNYML ? MW_DRIFT_BINS_NANNYML
                                                      : MW_DRIFT_BINS_QUANTILES;
    bool by_value = feature->is_category;
    if (kind == MW_DRIFT_BINS_EVIDENTLY && feature->method != MW_DRIFT_HELLINGER)
        by_value |= mw_sample_distinct(r, HISTOGRAM_VALUES) <= HISTOGRAM_VALUES;
    if (!by_value && kind == MW_DRIFT_BINS_EVIDENTLY)
        return count_sturges(r, c, feature->method, ret, err);
    if (!by_value && kind == MW_DRIFT_BINS_NANNYML)
        return count_doane(r, c, ret, err);
    if (!by_value)
        return count_quantiles(r, c, options->n_bins, ret, err);
    MW_TRY(count_values(r, c, ret, err));
    if (kind == MW_DRIFT_BINS_QUANTILES)
        add_missing(ret, r, c);
    else if (kind == MW_DRIFT_BINS_NANNYML)
        merge_new(ret);
    return MW_OK;
}

/* ---- the method ------------------------------------------------------------------------------ */

static size_t values_of_both(const mw_sample *r, const mw_sample *c)
{
    size_t n = 0, i = 0, j = 0;
    while ((i < r->n || j < c->n) && n <= FEW_VALUES) {
        double value =
            j >= c->n || (i < r->n && r->sorted[i] < c->sorted[j]) ? r->sorted[i] : c->sorted[j];
        while (i < r->n && r->sorted[i] == value)
            i++;
        while (j < c->n && c->sorted[j] == value)
            j++;
        n++;
    }
    return n;
}

static bool is_small(const mw_sample *r, const mw_sample *c, const mw_drift_options *options)
{
    return r->n <= SMALL_ROWS || (options->profile == MW_DRIFT_MILLWRIGHT && c->n <= SMALL_ROWS);
}

static mw_drift_method own_method(const mw_sample *r, const mw_sample *c, bool is_category,
                                  size_t n_values, const mw_drift_options *options)
{
    if (options->profile == MW_DRIFT_NANNYML)
        return MW_DRIFT_JENSEN_SHANNON;
    if (!is_small(r, c, options))
        return is_category ? MW_DRIFT_JENSEN_SHANNON : MW_DRIFT_WASSERSTEIN;
    if (!is_category)
        return MW_DRIFT_KS;
    return options->profile == MW_DRIFT_EVIDENTLY && n_values <= 2 ? MW_DRIFT_Z
                                                                   : MW_DRIFT_CHI_SQUARE;
}

static bool fits(mw_drift_method method, bool is_category, size_t n_values)
{
    if (method == MW_DRIFT_KS || method == MW_DRIFT_WASSERSTEIN)
        return !is_category;
    if (method == MW_DRIFT_Z)
        return n_values <= 2;
    return method != MW_DRIFT_AUTO;
}

double mw_drift_threshold(mw_drift_method method, const mw_drift_options *options)
{
    if (mw_drift_is_test(method))
        return options->alpha;
    return method == MW_DRIFT_PSI && options->profile == MW_DRIFT_MILLWRIGHT ? 0.2 : 0.1;
}

/* ---- measure --------------------------------------------------------------------------------- */

static double ks_p_value(const mw_sample *r, const mw_sample *c, double d,
                         const mw_drift_options *options)
{
    bool exact = options->profile == MW_DRIFT_EVIDENTLY && r->n <= EXACT_ROWS && c->n <= EXACT_ROWS;
    return exact ? mw_kolmogorov_exact_tail(r->n, c->n, d) : mw_kolmogorov_two_tail(r->n, c->n, d);
}

static mw_test proportion_test(const counts *bins)
{
    return bins->n < 2 ? (mw_test){0, 1}
                       : mw_proportions(bins->r[1], bins->r[0] + bins->r[1], bins->c[1],
                                        bins->c[0] + bins->c[1]);
}

static void measure_counts(const counts *bins, const mw_drift_options *options,
                           mw_drift_feature *feature)
{
    mw_test test;
    double base = options->profile == MW_DRIFT_NANNYML ? 2 : 0;
    switch (feature->method) {
    case MW_DRIFT_JENSEN_SHANNON:
        feature->statistic = mw_counts_jensen_shannon(bins->r, bins->c, bins->n, base);
        return;
    case MW_DRIFT_PSI:
        feature->statistic = mw_counts_psi(bins->r, bins->c, bins->n);
        return;
    case MW_DRIFT_KL:
        feature->statistic = mw_counts_kl(bins->r, bins->c, bins->n);
        return;
    case MW_DRIFT_HELLINGER:
        feature->statistic = mw_counts_hellinger(bins->r, bins->c, bins->n);
        return;
    case MW_DRIFT_L_INFINITY:
        feature->statistic = mw_counts_l_infinity(bins->r, bins->c, bins->n);
        return;
    case MW_DRIFT_TOTAL_VARIATION:
        feature->statistic = mw_counts_total_variation(bins->r, bins->c, bins->n);
        return;
    case MW_DRIFT_Z:
        test = proportion_test(bins);
        break;
    default:
        test = options->profile == MW_DRIFT_EVIDENTLY
                   ? mw_counts_chi_square_fit(bins->r, bins->c, bins->n)
                   : mw_counts_chi_square(bins->r, bins->c, bins->n);
    }
    feature->statistic = test.statistic;
    feature->p_value = test.p_value;
}

/* Whether the sides differ at all: over the reference's deciles and what is outside of them, or
 * over categories. Beside a distance its p stands. */
static void weigh(const mw_sample *r, const mw_sample *c, const counts *categories,
                  const mw_drift_options *options, mw_drift_feature *feature)
{
    double edges[EVIDENCE_BINS + 1], before[EVIDENCE_BINS + 3], now[EVIDENCE_BINS + 3];
    counts bins = {before, now, NULL, 0};
    if (feature->is_category)
        bins = *categories;
    else {
        size_t n = mw_bins_quantiles(r, EVIDENCE_BINS, true, edges);
        mw_bins_count(r, edges, n, before);
        mw_bins_count(c, edges, n, now);
        bins.n = n + 1;
    }
    feature->log_e_value = mw_counts_log_evidence(bins.r, bins.c, bins.n);
    if (options->profile == MW_DRIFT_MILLWRIGHT && isnan(feature->p_value))
        feature->p_value = mw_counts_chi_square(bins.r, bins.c, bins.n).p_value;
}

static mw_status measure(const mw_sample *r, const mw_sample *c, const mw_drift_options *options,
                         mw_drift_feature *feature, mw_error *err)
{
    counts bins = {0};
    MW_TRY(count_both(r, c, feature, options, &bins, err));
    if (feature->method == MW_DRIFT_KS) {
        feature->statistic = mw_ks_distance(r, c);
        feature->p_value = ks_p_value(r, c, feature->statistic, options);
    } else if (feature->method == MW_DRIFT_WASSERSTEIN) {
        double norm = fmax(feature->deviation_reference, NORM_MIN);
        feature->statistic = mw_wasserstein(r, c) / norm;
    } else
        measure_counts(&bins, options, feature);
    weigh(r, c, &bins, options, feature);
    feature->n_bins = bins.n;
    free(bins.r);
    return MW_OK;
}

static void describe(const mw_sample *r, const mw_sample *c, mw_drift_feature *feature)
{
    mw_spread_of_sample spread_r = mw_sample_spread(r), spread_c = mw_sample_spread(c);
    feature->n_reference = r->n;
    feature->n_current = c->n;
    feature->missing_reference = r->n_missing;
    feature->missing_current = c->n_missing;
    feature->infinite_reference = r->n_infinite;
    feature->infinite_current = c->n_infinite;
    feature->mean_reference = spread_r.mean;
    feature->mean_current = spread_c.mean;
    feature->deviation_reference = spread_r.deviation;
    feature->deviation_current = spread_c.deviation;
}

mw_status mw_drift_measure(const mw_sample *r, const mw_sample *c, bool is_category,
                           const mw_drift_options *options, mw_drift_feature *ret_feature,
                           mw_error *err)
{
    mw_drift_feature feature = {
        .statistic = (double)NAN, .p_value = (double)NAN, .p_adjusted = (double)NAN};
    size_t n_values = values_of_both(r, c);
    mw_drift_method wish = is_category ? options->category_method : options->numeric_method;
    describe(r, c, &feature);
    feature.is_category = is_category || (wish == MW_DRIFT_AUTO && n_values <= FEW_VALUES &&
                                          options->profile != MW_DRIFT_NANNYML);
    feature.method = fits(wish, is_category, n_values)
                         ? wish
                         : own_method(r, c, feature.is_category, n_values, options);
    feature.threshold = isnan(options->threshold) ? mw_drift_threshold(feature.method, options)
                                                  : options->threshold;
    if (r->n > 0 && c->n > 0)
        MW_TRY(measure(r, c, options, &feature, err));
    *ret_feature = feature;
    return MW_OK;
}

/* ---- judge ----------------------------------------------------------------------------------- */

static double missing_share(size_t n, size_t missing, size_t infinite)
{
    size_t all = n + missing + infinite;
    return all ? (double)(missing + infinite) / (double)all : 0;
}

static double missing_p_value(const mw_drift_feature *f)
{
    double n_r = (double)(f->n_reference + f->missing_reference + f->infinite_reference);
    double n_c = (double)(f->n_current + f->missing_current + f->infinite_current);
    double gone_r = n_r - (double)f->n_reference, gone_c = n_c - (double)f->n_current;
    return n_r > 0 && n_c > 0 ? mw_proportions(gone_r, n_r, gone_c, n_c).p_value : (double)NAN;
}

static bool has_enough(const mw_drift_feature *f, const mw_drift_options *options)
{
    size_t least = f->n_reference < f->n_current ? f->n_reference : f->n_current;
    if (least == 0 || isnan(f->statistic))
        return false;
    if (options->profile != MW_DRIFT_MILLWRIGHT || !isnan(options->threshold))
        return true;
    return least >= (mw_drift_is_test(f->method) ? TEST_ROWS : DISTANCE_ROWS);
}

/* A method that was asked for decides alone; our own choice wants evidence as well. */
static mw_drift_verdict verdict_of(const mw_drift_feature *f, const mw_drift_options *options)
{
    bool chosen =
        (f->is_category ? options->category_method : options->numeric_method) == f->method;
    bool ours = options->profile == MW_DRIFT_MILLWRIGHT;
    if (!has_enough(f, options))
        return MW_DRIFT_NOT_ENOUGH;
    if (mw_drift_is_test(f->method))
        return (ours ? f->p_adjusted : f->p_value) < f->threshold ? MW_DRIFT_DRIFTED
                                                                  : MW_DRIFT_QUIET;
    if (f->statistic >= f->threshold && (!ours || chosen || f->p_adjusted < options->alpha))
        return MW_DRIFT_DRIFTED;
    bool watch = ours && f->method == MW_DRIFT_PSI && f->statistic >= WATCH_FROM;
    return watch ? MW_DRIFT_WATCH : MW_DRIFT_QUIET;
}

static mw_status adjust(mw_drift_feature *features, size_t n, const mw_drift_options *options,
                        mw_error *err)
{
    double *block = calloc(3 * n + 1, sizeof *block);
    if (!block)
        return mw_fail_memory(err, "the p-values of all features");
    double *p = block, *adjusted = block + n, *missing = block + 2 * n;
    for (size_t i = 0; i < n; i++)
        p[i] = features[i].p_value;
    mw_status status = mw_benjamini_hochberg(p, n, adjusted, err);
    for (size_t i = 0; status == MW_OK && i < n; i++) {
        features[i].p_adjusted = adjusted[i];
        p[i] = missing_p_value(&features[i]);
    }
    if (status == MW_OK)
        status = mw_benjamini_hochberg(p, n, missing, err);
    for (size_t i = 0; status == MW_OK && i < n; i++) {
        mw_drift_feature *f = &features[i];
        double gap = missing_share(f->n_current, f->missing_current, f->infinite_current) -
                     missing_share(f->n_reference, f->missing_reference, f->infinite_reference);
        f->missing_drifted = options->profile == MW_DRIFT_MILLWRIGHT && fabs(gap) >= MISSING_GAP &&
                             missing[i] < options->alpha;
    }
    free(block);
    return status;
}

mw_status mw_drift_judge(mw_drift_feature *features, size_t n_features,
                         const mw_drift_options *options, mw_drift_summary *ret_summary,
                         mw_error *err)
{
    mw_drift_summary summary = {.n_features = n_features};
    MW_TRY(adjust(features, n_features, options, err));
    for (size_t i = 0; i < n_features; i++) {
        mw_drift_feature *f = &features[i];
        f->verdict = verdict_of(f, options);
        f->drifted = f->verdict == MW_DRIFT_DRIFTED || f->missing_drifted;
        if (f->drifted)
            f->verdict = MW_DRIFT_DRIFTED;
        summary.n_drifted += f->drifted;
        summary.n_compared += f->verdict != MW_DRIFT_NOT_ENOUGH;
    }
    summary.share_drifted = n_features ? (double)summary.n_drifted / (double)n_features : 0;
    summary.drifted = summary.n_drifted > 0 && summary.share_drifted >= options->share;
    *ret_summary = summary;
    return MW_OK;
}
