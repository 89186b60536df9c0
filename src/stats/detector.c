/* Change detectors: one value at a time, an alarm when the stream is no longer what it was.
 *
 *     options --new--> detector --add(x)--> steady, warning, changed
 *                         `after a change the next value begins anew, as in River */
#include "detector.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { WINDOW_MAX = 100000, SAMPLE_MAX = 1000, COUNT_MAX = 1000000000 };

static const char *const names[] = {"adwin", "ddm",          "eddm",  "hddm-a", "hddm-w",
                                    "kswin", "page-hinkley", "cusum", "scan"};

const char *mw_detector_name(mw_detector_kind kind)
{
    return (size_t)kind < MW_COUNT(names) ? names[kind] : "unknown";
}

void mw_detector_options_init(mw_detector_kind kind, mw_detector_options *ret_options)
{
    if (!ret_options)
        return;
    mw_detector_options o = {.kind = kind,
                             .delta = 0.002,
                             .clock = 32,
                             .max_buckets = 5,
                             .min_window = 5,
                             .grace = 10,
                             .warm_start = 30,
                             .warning_level = 2,
                             .drift_level = 3,
                             .alpha = 0.95,
                             .beta = 0.9,
                             .confidence = 0.001,
                             .warning_confidence = 0.005,
                             .lambda = 0.05,
                             .threshold = 50,
                             .slack = 0.5,
                             .window = 100,
                             .sample = 30,
                             .side = 1,
                             .arl = 1e6};
    if (kind == MW_DETECTOR_PAGE_HINKLEY) {
        o.delta = 0.005;
        o.alpha = 1 - 0.0001;
        o.side = 0;
    } else if (kind == MW_DETECTOR_CUSUM) {
        o.threshold = 5;
        o.side = 0;
    } else if (kind == MW_DETECTOR_KSWIN)
        o.alpha = 0.005;
    *ret_options = o;
}

static bool is_level(double value)
{
    return value > 0 && value < 1;
}

static const char *wrong_level(const mw_detector_options *o)
{
    bool is_adwin = o->kind == MW_DETECTOR_ADWIN;
    if (!(is_adwin ? is_level(o->delta) : isfinite(o->delta)))
        return "delta";
    if (!is_level(o->confidence) || !is_level(o->warning_confidence))
        return "confidence";
    if (!is_level(o->lambda))
        return "lambda";
    if (!(o->alpha > 0 && o->alpha <= 1))
        return "alpha";
    if (!(o->beta > 0 && (o->kind != MW_DETECTOR_EDDM || o->beta <= o->alpha)))
        return "beta";
    if (!(o->threshold > 0) || !(o->slack >= 0))
        return !(o->threshold > 0) ? "threshold" : "slack";
    if (!(o->arl >= 1 && isfinite(o->arl)))
        return "arl";
    return !(o->warning_level > 0) || !(o->drift_level > 0) ? "level" : NULL;
}

static const char *wrong_count(const mw_detector_options *o)
{
    if (o->side < -1 || o->side > 1)
        return "side";
    if (o->clock < 1 || o->clock > COUNT_MAX)
        return "clock";
    if (o->max_buckets < 1 || o->max_buckets >= STATS_ADWIN_BUCKETS)
        return "max_buckets";
    if (o->min_window < 1 || o->min_window > COUNT_MAX || o->grace > COUNT_MAX)
        return o->grace > COUNT_MAX ? "grace" : "min_window";
    if (o->warm_start < 2 || o->warm_start > COUNT_MAX)
        return "warm_start";
    if (o->sample < 1 || o->sample > SAMPLE_MAX)
        return "sample";
    return o->window < 2 * o->sample || o->window > WINDOW_MAX ? "window" : NULL;
}

static mw_status check(const mw_detector_options *options, mw_error *err)
{
    const char *wrong = (size_t)options->kind >= MW_COUNT(names) ? "kind" : wrong_level(options);
    wrong = wrong ? wrong : wrong_count(options);
    if (!wrong)
        return MW_OK;
    mw_fail(err, MW_E_DETECTOR_OPTION, "%s is out of its range", wrong);
    return mw_mend(err, "begin with mw_detector_options_init, and change what you mean to");
}

static void reset(mw_detector *detector)
{
    switch (detector->options.kind) {
    case MW_DETECTOR_ADWIN:
        stats_adwin_reset(&detector->of.adwin);
        break;
    case MW_DETECTOR_DDM:
        stats_ddm_reset(&detector->of.ddm);
        break;
    case MW_DETECTOR_EDDM:
        stats_eddm_reset(&detector->of.eddm);
        break;
    case MW_DETECTOR_HDDM_A:
        stats_hddm_a_reset(&detector->of.hddm_a);
        break;
    case MW_DETECTOR_HDDM_W:
        stats_hddm_w_reset(&detector->of.hddm_w);
        break;
    case MW_DETECTOR_KSWIN:
        stats_kswin_reset(&detector->of.kswin, &detector->options);
        break;
    case MW_DETECTOR_PAGE_HINKLEY:
        stats_page_hinkley_reset(&detector->of.page_hinkley);
        break;
    case MW_DETECTOR_CUSUM:
        stats_cusum_reset(&detector->of.cusum);
        break;
    case MW_DETECTOR_SCAN:
        stats_scan_reset(&detector->of.scan);
        break;
    }
    detector->changed = false;
}

static bool make_memory(mw_detector *detector)
{
    const mw_detector_options *options = &detector->options;
    if (options->kind == MW_DETECTOR_ADWIN) {
        detector->of.adwin.rows = calloc(STATS_ADWIN_ROWS, sizeof *detector->of.adwin.rows);
        return detector->of.adwin.rows != NULL;
    }
    if (options->kind == MW_DETECTOR_SCAN) {
        detector->of.scan.bits = calloc(STATS_SCAN_HELD / 64, sizeof *detector->of.scan.bits);
        stats_scan_begin(&detector->of.scan, options);
        return detector->of.scan.bits != NULL;
    }
    if (options->kind != MW_DETECTOR_KSWIN)
        return true;
    detector->of.kswin.window = calloc(options->window, sizeof(double));
    detector->of.kswin.least_gap = stats_kswin_gap(options->sample, options->alpha);
    return detector->of.kswin.window != NULL;
}

mw_status mw_detector_new(const mw_detector_options *options, mw_detector **ret_detector,
                          mw_error *err)
{
    if (!options || !ret_detector) {
        mw_fail(err, MW_E_NULL_ARGUMENT, "'%s' is NULL", options ? "ret_detector" : "options");
        return mw_mend(err, "millwright.h says which arguments may be NULL");
    }
    MW_TRY(check(options, err));
    mw_detector *detector = calloc(1, sizeof *detector);
    if (!detector)
        return mw_fail_memory(err, "a detector");
    detector->options = *options;
    if (!make_memory(detector)) {
        free(detector);
        return mw_fail_memory(err, "a detector");
    }
    reset(detector);
    *ret_detector = detector;
    return MW_OK;
}

void mw_detector_free(mw_detector *detector)
{
    if (!detector)
        return;
    if (detector->options.kind == MW_DETECTOR_ADWIN)
        free(detector->of.adwin.rows);
    else if (detector->options.kind == MW_DETECTOR_KSWIN)
        free(detector->of.kswin.window);
    else if (detector->options.kind == MW_DETECTOR_SCAN)
        free(detector->of.scan.bits);
    free(detector);
}

static mw_change add(mw_detector *detector, double x)
{
    const mw_detector_options *options = &detector->options;
    switch (options->kind) {
    case MW_DETECTOR_ADWIN:
        return stats_adwin_add(&detector->of.adwin, options, x);
    case MW_DETECTOR_DDM:
        return stats_ddm_add(&detector->of.ddm, options, x);
    case MW_DETECTOR_EDDM:
        return stats_eddm_add(&detector->of.eddm, options, x);
    case MW_DETECTOR_HDDM_A:
        return stats_hddm_a_add(&detector->of.hddm_a, options, x);
    case MW_DETECTOR_HDDM_W:
        return stats_hddm_w_add(&detector->of.hddm_w, options, x);
    case MW_DETECTOR_KSWIN:
        return stats_kswin_add(&detector->of.kswin, options, x);
    case MW_DETECTOR_PAGE_HINKLEY:
        return stats_page_hinkley_add(&detector->of.page_hinkley, options, x);
    case MW_DETECTOR_SCAN:
        return stats_scan_add(&detector->of.scan, options, x);
    default:
        return stats_cusum_add(&detector->of.cusum, options, x);
    }
}

mw_change mw_detector_add(mw_detector *detector, double value)
{
    if (!detector || !isfinite(value))
        return MW_STEADY;
    if (detector->changed)
        reset(detector);
    mw_change change = add(detector, value);
    detector->changed = change == MW_CHANGED;
    return change;
}

bool mw_detector_found(const mw_detector *detector, mw_detector_finding *ret_finding)
{
    if (!detector->changed || detector->options.kind != MW_DETECTOR_SCAN)
        return false;
    *ret_finding = detector->of.scan.found;
    return true;
}

void mw_detector_add_many(mw_detector *detector, const double *values, size_t n,
                          unsigned char *ret_changes)
{
    for (size_t i = 0; i < n; i++)
        ret_changes[i] = (unsigned char)mw_detector_add(detector, values[i]);
}
