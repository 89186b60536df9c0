/* The estimate of decay as bytes: what labels taught it, what it held of the last stretches of
 * time, its windows. Scores stand as they were held, without the rows that they are of; what is
 * told is estimated anew from them. */
#include "watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { REGRESSION = 1, CALIBRATED = 2, FOUND = 4, FLAGS = 7, LOSSES = 2 };
enum { LABELS_MAX = 1 << 24 };

static size_t metrics_of(bool is_regression)
{
    return is_regression ? MW_WATCH_ERRORS : MW_N_DECAY;
}

/* ---- out ------------------------------------------------------------------------------------- */

static void pack_models(const watch_decay *decay, mw_buf *out)
{
    mw_pack_whole(out, decay->curve != NULL);
    if (decay->curve)
        mw_isotonic_pack(decay->curve, out);
    if (decay->chances)
        mw_class_chances_pack(decay->chances, out);
    for (size_t k = 0; k < LOSSES && decay->losses[k]; k++)
        mw_boost_pack(decay->losses[k], out);
}

/* Most cells are empty. */
static void pack_cells(const watch_decay_cell *cells, size_t n_features, mw_buf *out)
{
    for (size_t i = 0; i < n_features * WATCH_BINS; i++) {
        mw_pack_whole(out, (uint64_t)cells[i].rows);
        if (cells[i].rows > 0)
            mw_pack_number(out, cells[i].errors);
    }
}

static void pack_stretch(const watch_decay *decay, const watch_decay_stretch *of, size_t n_features,
                         mw_buf *out)
{
    size_t held = watch_decay_held(decay, of);
    mw_pack_whole(out, of->bucket);
    mw_pack_whole(out, of->begin_ns);
    mw_pack_whole(out, of->rows);
    for (size_t k = 0; k < decay->n_scores; k++)
        mw_pack_numbers(out, of->scores + k * decay->n_held_max, held);
    if (of->cells)
        pack_cells(of->cells, n_features, out);
}

static void pack_windows(const watch_decay *decay, mw_buf *out)
{
    size_t n = decay->n_windows < MW_WATCH_DECAY_WINDOWS ? (size_t)decay->n_windows
                                                         : MW_WATCH_DECAY_WINDOWS;
    mw_pack_whole(out, decay->window_ns);
    mw_pack_whole(out, n);
    for (size_t i = 0; i < n; i++) {
        const mw_watch_decay_window *window =
            &decay->windows[(decay->n_windows - n + i) % MW_WATCH_DECAY_WINDOWS];
        mw_pack_number(out, window->t);
        mw_pack_number(out, window->seconds);
        mw_pack_whole(out, window->rows);
        mw_pack_numbers(out, window->estimated, decay->found.n_metrics);
        mw_pack_numbers(out, window->low, decay->found.n_metrics);
        mw_pack_numbers(out, window->high, decay->found.n_metrics);
    }
}

void watch_decay_pack(const watch_decay *decay, size_t n_features, mw_buf *out)
{
    size_t n_metrics = decay->found.n_metrics;
    mw_pack_whole(out, (decay->found.is_regression ? REGRESSION : 0) |
                           (decay->found.is_calibrated ? CALIBRATED : 0) |
                           (decay->was_found ? FOUND : 0));
    mw_pack_whole(out, decay->n_scores);
    mw_pack_whole(out, decay->found.reference_labels);
    mw_pack_whole(out, decay->random);
    for (size_t m = 0; m < n_metrics; m++) {
        mw_pack_number(out, decay->errors[m].spread);
        mw_pack_number(out, decay->errors[m].fraction);
    }
    mw_pack_numbers(out, decay->found.reference, n_metrics);
    mw_pack_numbers(out, decay->usual_estimate, n_metrics);
    pack_models(decay, out);
    pack_stretch(decay, &decay->now, n_features, out);
    pack_stretch(decay, &decay->before, n_features, out);
    pack_stretch(decay, &decay->window, n_features, out);
    mw_pack_whole(out, decay->usual_rows);
    pack_cells(decay->usual, n_features, out);
    pack_windows(decay, out);
}

/* ---- in -------------------------------------------------------------------------------------- */

static bool unpack_losses(mw_unpack *in, watch_decay *decay, size_t n_features)
{
    for (size_t k = 0; k < LOSSES; k++) {
        decay->losses[k] = mw_boost_unpack(in);
        if (!decay->losses[k] || mw_boost_columns(decay->losses[k]) != n_features + 1)
            return false;
    }
    return true;
}

static bool unpack_models(mw_unpack *in, watch_decay *decay, size_t n_features)
{
    bool has_curve = mw_unpack_at_most(in, 1) == 1;
    if (in->failed || (has_curve && decay->n_scores != 1))
        return false;
    if (decay->found.is_regression)
        return unpack_losses(in, decay, n_features);
    if (decay->n_scores > 1) {
        decay->chances = mw_class_chances_unpack(in);
        return decay->chances && mw_class_chances_classes(decay->chances) == decay->n_scores;
    }
    decay->curve = has_curve ? mw_isotonic_unpack(in) : NULL;
    return !has_curve || decay->curve;
}

static bool unpack_cells(mw_unpack *in, size_t n_features, watch_decay_cell *cells)
{
    for (size_t i = 0; i < n_features * WATCH_BINS; i++) {
        cells[i].rows = (double)mw_unpack_at_most(in, UINT64_MAX >> 12);
        cells[i].errors = cells[i].rows > 0 ? mw_unpack_number(in) : 0;
        if (in->failed || !isfinite(cells[i].errors))
            return false;
    }
    return true;
}

/* What is no chance, or no loss, was never held. */
static bool are_held(const watch_decay *decay, const double *scores, size_t n)
{
    double most = decay->found.is_regression ? (double)INFINITY : 1;
    double least = decay->found.is_regression ? -(double)INFINITY : 0;
    for (size_t i = 0; i < n; i++)
        if (!(scores[i] >= least && scores[i] <= most))
            return false;
    return true;
}

static bool unpack_stretch(mw_unpack *in, const watch_decay *decay, size_t n_features,
                           watch_decay_stretch *to)
{
    to->bucket = mw_unpack_whole(in);
    to->begin_ns = mw_unpack_whole(in);
    to->rows = mw_unpack_whole(in);
    size_t held = watch_decay_held(decay, to);
    for (size_t k = 0; k < decay->n_scores; k++) {
        mw_unpack_numbers(in, to->scores + k * decay->n_held_max, held);
        if (in->failed || !are_held(decay, to->scores + k * decay->n_held_max, held))
            return false;
    }
    return !to->cells || unpack_cells(in, n_features, to->cells);
}

static bool unpack_windows(mw_unpack *in, watch_decay *decay)
{
    size_t n_metrics = decay->found.n_metrics;
    decay->window_ns = mw_unpack_whole(in);
    size_t n = (size_t)mw_unpack_at_most(in, MW_WATCH_DECAY_WINDOWS);
    for (size_t i = 0; i < n && !in->failed; i++) {
        mw_watch_decay_window *window = &decay->windows[i];
        window->t = mw_unpack_number(in);
        window->seconds = mw_unpack_number(in);
        window->rows = mw_unpack_whole(in);
        mw_unpack_numbers(in, window->estimated, n_metrics);
        mw_unpack_numbers(in, window->low, n_metrics);
        mw_unpack_numbers(in, window->high, n_metrics);
    }
    decay->n_windows = n;
    return !in->failed;
}

static bool unpack_head(mw_unpack *in, size_t n_outputs, watch_decay *decay)
{
    uint64_t flags = mw_unpack_at_most(in, FLAGS);
    bool is_regression = flags & REGRESSION;
    size_t n = (size_t)mw_unpack_at_most(in, MW_WATCH_DECAY_CLASSES);
    decay->found.is_regression = is_regression;
    decay->found.is_calibrated = flags & CALIBRATED;
    decay->found.n_metrics = metrics_of(is_regression);
    decay->was_found = flags & FOUND;
    decay->n_scores = n;
    decay->found.reference_labels = (size_t)mw_unpack_at_most(in, LABELS_MAX);
    decay->random = mw_unpack_whole(in);
    for (size_t m = 0; m < decay->found.n_metrics; m++) {
        decay->errors[m].spread = mw_unpack_number(in);
        decay->errors[m].fraction = mw_unpack_number(in);
    }
    mw_unpack_numbers(in, decay->found.reference, decay->found.n_metrics);
    mw_unpack_numbers(in, decay->usual_estimate, decay->found.n_metrics);
    bool fits =
        is_regression ? n == LOSSES && n_outputs == 1 : n_outputs > 0 && (n == 1 || n == n_outputs);
    return !in->failed && fits;
}

static bool unpack(mw_unpack *in, size_t n_features, size_t n_outputs, watch_decay *decay)
{
    mw_error none;
    if (!unpack_head(in, n_outputs, decay) || !unpack_models(in, decay, n_features) ||
        watch_decay_take_room(decay, n_features, &none) != MW_OK ||
        !unpack_stretch(in, decay, n_features, &decay->now) ||
        !unpack_stretch(in, decay, n_features, &decay->before) ||
        !unpack_stretch(in, decay, n_features, &decay->window))
        return false;
    decay->usual_rows = mw_unpack_whole(in);
    return unpack_cells(in, n_features, decay->usual) && unpack_windows(in, decay);
}

watch_decay *watch_decay_unpack(mw_unpack *in, size_t n_features, size_t n_outputs)
{
    watch_decay *decay = calloc(1, sizeof *decay);
    if (decay && unpack(in, n_features, n_outputs, decay))
        return decay;
    watch_decay_free(decay);
    return NULL;
}

/* ---- a clock that was ahead ------------------------------------------------------------------ */

static void empty(watch_decay_stretch *stretch, size_t n_features)
{
    stretch->bucket = stretch->begin_ns = stretch->rows = 0;
    if (stretch->cells)
        memset(stretch->cells, 0, n_features * WATCH_BINS * sizeof *stretch->cells);
}

void watch_decay_forget(watch_decay *decay, size_t n_features)
{
    empty(&decay->now, n_features);
    empty(&decay->before, n_features);
    empty(&decay->window, n_features);
    decay->n_windows = 0;
}
