/* Behind the door: the state of each detector. One is a tagged union; only ADWIN and KSWIN hold
 * memory beside it. */
#ifndef STATS_DETECTOR_H
#define STATS_DETECTOR_H

#include "stats.h"

typedef struct stats_mean {
    double n, mean;
} stats_mean;

/* River's running mean, step for step. */
static inline void stats_mean_add(stats_mean *m, double x)
{
    m->n += 1;
    m->mean += 1 / m->n * (x - m->mean);
}

typedef struct stats_ddm {
    stats_mean errors;
    double p_min, s_min, least;
} stats_ddm;

typedef struct stats_eddm {
    stats_mean gaps;
    double squares, n, last_error, n_errors, peak;
    bool warned;
} stats_eddm;

typedef struct stats_hddm_a {
    stats_mean all, low, high;
} stats_hddm_a;

typedef struct stats_faded {
    double mean, bound; /* bound: the sum of squared weights */
    bool begun;
} stats_faded;

typedef struct stats_hddm_w {
    stats_faded all, before_rise, after_rise, before_fall, after_fall;
    double rise_cut, fall_cut;
} stats_hddm_w;

typedef struct stats_page_hinkley {
    stats_mean mean;
    double up, down, least, most;
} stats_page_hinkley;

typedef struct stats_cusum {
    double n, mean, squares, up, down;
} stats_cusum;

typedef struct stats_kswin {
    double *window; /* a ring */
    size_t n, next;
    size_t least_gap; /* of counts: the smallest that may be believed */
    uint64_t random;
} stats_kswin;

enum { STATS_SCAN_SCALES = 27, STATS_SCAN_HELD = 65536 /* values: of the longest scale */ };

typedef struct stats_scan {
    uint64_t *bits; /* a ring */
    uint64_t n, ones, random;
    uint32_t counts[STATS_SCAN_SCALES]; /* ones among the last values of each scale */
    double log_levels[STATS_SCAN_SCALES];
    mw_detector_finding found;
} stats_scan;

enum { STATS_ADWIN_ROWS = 48, STATS_ADWIN_BUCKETS = 64 /* of a row, at most */ };

/* n buckets from `first` on; when they come to the end they move to the begin. */
typedef struct stats_adwin_row {
    double total[STATS_ADWIN_BUCKETS + 1], variance[STATS_ADWIN_BUCKETS + 1];
    size_t first, n;
} stats_adwin_row;

typedef struct stats_adwin {
    stats_adwin_row *rows; /* row i holds buckets of 2^i values, the oldest first */
    size_t n_rows;
    double total, variance, width, largest; /* largest: absolute value since it began */
    double level, level_width;              /* of a cut's bound, and for what width */
    uint64_t waited;                        /* values since cuts were tried */
} stats_adwin;

struct mw_detector {
    mw_detector_options options;
    bool changed; /* the last value was a change: the next one begins anew */
    union {
        stats_adwin adwin;
        stats_ddm ddm;
        stats_eddm eddm;
        stats_hddm_a hddm_a;
        stats_hddm_w hddm_w;
        stats_kswin kswin;
        stats_page_hinkley page_hinkley;
        stats_cusum cusum;
        stats_scan scan;
    } of;
};

/* Each begins anew, keeping its memory, and takes one finite value. */
void stats_adwin_reset(stats_adwin *state);
mw_change stats_adwin_add(stats_adwin *state, const mw_detector_options *options, double x);
void stats_ddm_reset(stats_ddm *state);
mw_change stats_ddm_add(stats_ddm *state, const mw_detector_options *options, double x);
void stats_eddm_reset(stats_eddm *state);
mw_change stats_eddm_add(stats_eddm *state, const mw_detector_options *options, double x);
void stats_hddm_a_reset(stats_hddm_a *state);
mw_change stats_hddm_a_add(stats_hddm_a *state, const mw_detector_options *options, double x);
void stats_hddm_w_reset(stats_hddm_w *state);
mw_change stats_hddm_w_add(stats_hddm_w *state, const mw_detector_options *options, double x);
void stats_kswin_reset(stats_kswin *state, const mw_detector_options *options);
mw_change stats_kswin_add(stats_kswin *state, const mw_detector_options *options, double x);
/* The smallest difference of counts of two samples of `size` whose exact p is at most alpha. */
size_t stats_kswin_gap(size_t size, double alpha);
void stats_page_hinkley_reset(stats_page_hinkley *state);
mw_change stats_page_hinkley_add(stats_page_hinkley *state, const mw_detector_options *options,
                                 double x);
void stats_cusum_reset(stats_cusum *state);
mw_change stats_cusum_add(stats_cusum *state, const mw_detector_options *options, double x);
/* begin: the levels, and where chance begins. */
void stats_scan_begin(stats_scan *state, const mw_detector_options *options);
void stats_scan_reset(stats_scan *state);
mw_change stats_scan_add(stats_scan *state, const mw_detector_options *options, double x);

#endif
