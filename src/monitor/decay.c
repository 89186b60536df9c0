/* How good a model still is, before labels come: CBPE (stats: cbpe.c) over live predictions, and of
 * a regression DLE (stats: loss.c).
 *
 *     the first labels that came --scores, truth--> calibration, spread, what was usual
 *          --of a regression: rows, losses--> boosted trees (stats: boost.c): a row's likely losses
 *     sampled rows --scores--> reservoir of five minutes --> windows, of a day
 *     sampled rows --scores--> reservoir of a quarter of an hour --> estimate +- 3 standard errors
 *                  --bins of each feature--> expected errors there --> causes, slices
 *
 * The error is that of so many rows and that of so few labels, together. Decayed: of a metric, when
 * its interval lies below the same estimate over the reference, and 0.02 or more below it; of a
 * regression, when it lies above it, and MAE or RMSE are a tenth more. It assumes that the link
 * from inputs to labels is as it was: concept drift is seen by labels alone.
 *
 * The "scores" of a regression's row are the losses that are likely of it: absolute, squared. The
 * features and the prediction tell them, as NannyML has it; the trees are our own, small ones, so
 * that the numbers are near NannyML's, not equal.
 *
 * Causes: e(b) is the expected share of wrong decisions among usual rows in a feature's bin b, s(b)
 * the share of rows there. That more rows fall where the model errs costs
 * sum_b (s_now(b) - s_usual(b)) e(b) of the accuracy: this is told of each feature. Features that
 * go together tell of the same loss; the sum is not the whole. A slice is a bin; it is told when it
 * takes 5 % of the rows, by what it adds to the errors beyond what is usual there. Usual rows:
 * those since the reference was there, until the first finding, 20,000 at most. Of a regression the
 * expected absolute loss stands for the share of wrong decisions. */
#include "watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define LEAST_DROP 0.02
#define LEAST_RISE 0.1 /* of a regression: a share of what is usual */
#define LEAST_SHARE 0.05
#define JUDGE_NS (UINT64_C(2) * 1000000000)

enum { ABSOLUTE, SQUARED, LOSSES };
enum { MAE, MSE, RMSE };
enum { ENOUGH = 500, ENOUGH_BEFORE = 200, STRETCH = 15, ERRORS = 3, USUAL_ROWS = 20000 };

/* Of a regression, and which loss it is of. */
static const mw_loss_metric of_numbers[MW_WATCH_ERRORS] = {
    [MAE] = MW_LOSS_MAE, [MSE] = MW_LOSS_MSE, [RMSE] = MW_LOSS_RMSE};
static const size_t loss_of[MW_WATCH_ERRORS] = {
    [MAE] = ABSOLUTE, [MSE] = SQUARED, [RMSE] = SQUARED};

const char *mw_watch_decay_name(bool is_regression, size_t metric)
{
    return is_regression ? mw_loss_name(of_numbers[metric])
                         : mw_decay_name((mw_decay_metric)metric);
}

/* ---- what is said of rows -------------------------------------------------------------------- */

/* Of two classes by 0.5, of several the highest; of equal ones the first. */
static double decide(const watch_decay *decay, const double *scores, size_t stride)
{
    size_t best = 0;
    if (decay->n_scores == 1)
        return scores[0] >= 0.5;
    for (size_t k = 1; k < decay->n_scores; k++)
        best = scores[k * stride] > scores[best * stride] ? k : best;
    return (double)best;
}

/* The chance that the decision is wrong; of a regression the loss. */
static double error_of(const watch_decay *decay, const double *scores)
{
    double chances[MW_WATCH_DECAY_CLASSES];
    if (decay->found.is_regression)
        return fmax(0, scores[ABSOLUTE]);
    if (decay->n_scores == 1) {
        double chance = decay->curve ? mw_isotonic_at(decay->curve, scores[0]) : scores[0];
        return scores[0] >= 0.5 ? 1 - chance : chance;
    }
    mw_class_chances_at(decay->chances, scores, 1, chances);
    return 1 - chances[(size_t)decide(decay, scores, 1)];
}

static bool are_chances(const double *scores, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (!(scores[k] >= 0 && scores[k] <= 1))
            return false;
    return true;
}

/* scores: (n_scores, stride). */
static mw_status estimate_scores(const watch_decay *decay, const double *scores, size_t stride,
                                 size_t n, double *ret, mw_error *err)
{
    if (decay->found.is_regression) {
        for (size_t m = 0; m < MW_WATCH_ERRORS; m++)
            ret[m] = mw_loss_estimate(of_numbers[m], scores + loss_of[m] * stride, n);
        return MW_OK;
    }
    double *decisions = malloc((n + 1) * sizeof *decisions);
    if (!decisions)
        return mw_fail_memory(err, "the estimate");
    for (size_t i = 0; i < n; i++)
        decisions[i] = decide(decay, scores + i, stride);
    const mw_class_scores all = {scores, stride, decay->n_scores, n, decisions, NULL};
    mw_status status = decay->n_scores == 1
                           ? mw_decay_estimate(decay->curve, scores, decisions, n, ret, err)
                           : mw_decay_estimate_classes(decay->chances, &all, ret, err);
    free(decisions);
    return status;
}

/* ---- life ------------------------------------------------------------------------------------ */

void watch_decay_free(watch_decay *decay)
{
    if (!decay)
        return;
    mw_isotonic_free(decay->curve);
    mw_class_chances_free(decay->chances);
    for (size_t k = 0; k < LOSSES; k++)
        mw_boost_free(decay->losses[k]);
    free(decay->now.scores);
    free(decay->before.scores);
    free(decay->window.scores);
    free(decay->now.cells);
    free(decay->before.cells);
    free(decay->usual);
    free(decay);
}

size_t watch_decay_bytes(const watch_decay *decay, size_t n_features)
{
    size_t cells = 3 * n_features * WATCH_BINS * sizeof(watch_decay_cell);
    if (!decay)
        return 0;
    cells += mw_boost_bytes(decay->losses[ABSOLUTE]) + mw_boost_bytes(decay->losses[SQUARED]);
    return sizeof *decay + 3 * decay->n_held_max * decay->n_scores * sizeof(double) + cells;
}

static mw_status learn_two(watch_decay *decay, const mw_watch_truth *t, const double *decisions,
                           double *realized, mw_error *err)
{
    bool gains;
    MW_TRY(mw_calibration_gains(t->scores, t->labels, t->n, &gains, err));
    if (gains)
        MW_TRY(mw_isotonic_fit(t->scores, t->labels, t->n, &decay->curve, err));
    decay->found.is_calibrated = gains;
    MW_TRY(mw_decay_realized(t->scores, decisions, t->labels, t->n, realized, err));
    return mw_decay_errors(t->scores, decisions, t->labels, t->n, decay->errors, err);
}

static mw_status learn_several(watch_decay *decay, const mw_watch_truth *t, const double *decisions,
                               double *realized, mw_error *err)
{
    const mw_class_scores all = {t->scores, t->n, t->n_scores, t->n, decisions, t->labels};
    MW_TRY(mw_class_chances_fit(&all, MW_CALIBRATE_WHERE_IT_GAINS, &decay->chances, err));
    decay->found.is_calibrated = mw_class_chances_calibrated(decay->chances) > 0;
    MW_TRY(mw_decay_realized_classes(&all, realized, err));
    return mw_decay_errors_classes(&all, decay->errors, err);
}

/* rows: (n, width), the features and the prediction; room: (LOSSES, n). */
static mw_status learn_losses(watch_decay *decay, const mw_watch_truth *t, const double *rows,
                              size_t width, double *room, mw_error *err)
{
    static const mw_loss kinds[LOSSES] = {
        [ABSOLUTE] = MW_LOSS_ABSOLUTE, [SQUARED] = MW_LOSS_SQUARED};
    for (size_t k = 0; k < LOSSES; k++) {
        double *losses = room + k * t->n;
        for (size_t i = 0; i < t->n; i++)
            losses[i] = mw_loss_at(kinds[k], t->labels[i], t->scores[i]);
        MW_TRY(mw_boost_fit(rows, t->n, width, losses, &decay->losses[k], err));
        mw_boost_predict(decay->losses[k], rows, t->n, width, losses);
    }
    for (size_t m = 0; m < MW_WATCH_ERRORS; m++) {
        decay->found.reference[m] = mw_loss_realized(of_numbers[m], t->labels, t->scores, t->n);
        decay->errors[m] = mw_loss_error(of_numbers[m], t->labels, t->scores, t->n);
    }
    return estimate_scores(decay, room, t->n, t->n, decay->usual_estimate, err);
}

/* A regression's. */
static mw_status learn_numbers(watch_decay *decay, const mw_watch_truth *t, size_t n_features,
                               mw_error *err)
{
    size_t width = n_features + 1;
    double *rows = malloc((width + LOSSES) * t->n * sizeof *rows);
    if (!rows)
        return mw_fail_memory(err, "the estimate");
    for (size_t i = 0; i < t->n; i++) {
        memcpy(rows + i * width, t->rows + i * t->n_columns, n_features * sizeof *rows);
        rows[i * width + n_features] = t->scores[i];
    }
    mw_status status = learn_losses(decay, t, rows, width, rows + width * t->n, err);
    decay->found.reference_labels = t->n;
    free(rows);
    return status;
}

static mw_status learn(watch_decay *decay, const mw_watch_truth *t, mw_error *err)
{
    double *decisions = malloc((t->n + 1) * sizeof *decisions);
    if (!decisions)
        return mw_fail_memory(err, "the estimate");
    for (size_t i = 0; i < t->n; i++)
        decisions[i] = decide(decay, t->scores + i, t->n);
    mw_status status = (t->n_scores == 1 ? learn_two : learn_several)(decay, t, decisions,
                                                                      decay->found.reference, err);
    free(decisions);
    MW_TRY(status);
    decay->found.reference_labels = t->n;
    return estimate_scores(decay, t->scores, t->n, t->n, decay->usual_estimate, err);
}

mw_status watch_decay_take_room(watch_decay *decay, size_t n_features, mw_error *err)
{
    size_t cells = n_features * WATCH_BINS + 1, rows = WATCH_DECAY_VALUES / decay->n_scores;
    decay->n_held_max = rows < WATCH_DECAY_ROWS ? rows : WATCH_DECAY_ROWS;
    size_t bytes = decay->n_held_max * decay->n_scores * sizeof(double);
    decay->now.scores = malloc(bytes);
    decay->before.scores = malloc(bytes);
    decay->window.scores = malloc(bytes);
    decay->now.cells = calloc(cells, sizeof *decay->usual);
    decay->before.cells = calloc(cells, sizeof *decay->usual);
    decay->usual = calloc(cells, sizeof *decay->usual);
    bool has_all = decay->now.scores && decay->before.scores && decay->window.scores &&
                   decay->now.cells && decay->before.cells && decay->usual;
    return has_all ? MW_OK : mw_fail_memory(err, "the estimate");
}

mw_status watch_decay_new(const mw_watch_truth *truth, size_t n_features, watch_decay **ret_decay,
                          mw_error *err)
{
    watch_decay *decay = calloc(1, sizeof *decay);
    if (!decay)
        return mw_fail_memory(err, "the estimate");
    decay->found.is_regression = truth->rows != NULL;
    decay->found.n_metrics = truth->rows ? MW_WATCH_ERRORS : MW_N_DECAY;
    decay->n_scores = truth->rows ? LOSSES : truth->n_scores;
    mw_status status = watch_decay_take_room(decay, n_features, err);
    if (status == MW_OK)
        status =
            truth->rows ? learn_numbers(decay, truth, n_features, err) : learn(decay, truth, err);
    if (status == MW_OK)
        *ret_decay = decay;
    else
        watch_decay_free(decay);
    return status;
}

void watch_decay_follow(watch_decay *decay, const watch_decay *before)
{
    memcpy(decay->windows, before->windows, sizeof decay->windows);
    decay->n_windows = before->n_windows;
}

/* ---- gathering ------------------------------------------------------------------------------- */

static uint64_t draw(watch_decay *decay)
{
    uint64_t z = decay->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Every row of the stretch is as likely to be held (Vitter 1985, algorithm R). */
static void hold(watch_decay *decay, watch_decay_stretch *in, const double *scores)
{
    size_t room = decay->n_held_max;
    uint64_t place = in->rows < room ? in->rows : draw(decay) % (in->rows + 1);
    for (size_t k = 0; place < room && k < decay->n_scores; k++)
        in->scores[k * room + place] = scores[k];
    in->rows++;
}

size_t watch_decay_held(const watch_decay *decay, const watch_decay_stretch *of)
{
    return of->rows < decay->n_held_max ? (size_t)of->rows : decay->n_held_max;
}

static mw_status estimate(const watch_decay *decay, const watch_decay_stretch *of, double *ret,
                          mw_error *err)
{
    return estimate_scores(decay, of->scores, decay->n_held_max, watch_decay_held(decay, of), ret,
                           err);
}

static void turn(watch_decay *decay, size_t n_features, uint64_t now_ns, uint64_t stretch_ns)
{
    uint64_t bucket = now_ns / stretch_ns;
    if (decay->now.bucket == bucket && decay->now.begin_ns > 0)
        return;
    watch_decay_stretch over = decay->now;
    decay->now = decay->before;
    decay->before = over;
    if (over.bucket + 1 != bucket)
        decay->before.rows = 0;
    decay->now.bucket = bucket;
    decay->now.begin_ns = now_ns;
    decay->now.rows = 0;
    memset(decay->now.cells, 0, n_features * WATCH_BINS * sizeof *decay->now.cells);
}

/* ---- windows --------------------------------------------------------------------------------- */

/* Three standard errors of n rows, and of the reference's labels. */
static double error_about(const watch_decay *decay, size_t m, size_t n)
{
    double error = mw_decay_error_of(&decay->errors[m], n);
    double of_reference = mw_decay_error_of(&decay->errors[m], decay->found.reference_labels);
    return ERRORS * sqrt(error * error + of_reference * of_reference);
}

static double most_of(const watch_decay *decay)
{
    return decay->found.is_regression ? (double)INFINITY : 1;
}

static void tell_window(const watch_decay *decay, mw_watch_decay_window *ret)
{
    mw_error none;
    const watch_decay_stretch *of = &decay->window;
    double seconds = (double)decay->window_ns / 1e9;
    *ret = (mw_watch_decay_window){(double)of->bucket * seconds, seconds, of->rows, {0}, {0}, {0}};
    bool is_told = of->rows >= ENOUGH_BEFORE && estimate(decay, of, ret->estimated, &none) == MW_OK;
    for (size_t m = 0; m < decay->found.n_metrics; m++) {
        double error = is_told ? error_about(decay, m, watch_decay_held(decay, of)) : (double)NAN;
        ret->estimated[m] = is_told ? ret->estimated[m] : (double)NAN;
        ret->low[m] = is_told ? fmax(0, ret->estimated[m] - error) : (double)NAN;
        ret->high[m] = is_told ? fmin(most_of(decay), ret->estimated[m] + error) : (double)NAN;
    }
}

static void turn_window(watch_decay *decay, uint64_t now_ns, uint64_t window_ns)
{
    uint64_t bucket = now_ns / window_ns;
    if (decay->window.bucket == bucket)
        return;
    if (decay->window.rows > 0)
        tell_window(decay, &decay->windows[decay->n_windows++ % MW_WATCH_DECAY_WINDOWS]);
    decay->window.bucket = bucket;
    decay->window.rows = 0;
    decay->window_ns = window_ns;
}

size_t watch_decay_windows(watch_decay *decay, mw_watch_decay_window *ret_windows)
{
    bool goes_on = decay->window.rows > 0;
    uint64_t room = MW_WATCH_DECAY_WINDOWS - goes_on;
    uint64_t n = decay->n_windows < room ? decay->n_windows : room;
    for (uint64_t i = 0; i < n; i++)
        ret_windows[i] = decay->windows[(decay->n_windows - n + i) % MW_WATCH_DECAY_WINDOWS];
    if (goes_on)
        tell_window(decay, &ret_windows[n]);
    return (size_t)n + goes_on;
}

static void add_cell(watch_decay_cell *cell, double error)
{
    cell->rows++;
    cell->errors += error;
}

static void add_row(watch_decay *decay, const watch_column *columns, size_t n_features,
                    const double *row, const double *scores)
{
    bool is_usual = decay->usual_rows < USUAL_ROWS && !decay->was_found;
    double error = error_of(decay, scores);
    hold(decay, &decay->now, scores);
    hold(decay, &decay->window, scores);
    for (size_t c = 0; c < n_features; c++) {
        if (!columns[c].is_ready)
            continue;
        size_t at = c * WATCH_BINS + watch_bin_of(&columns[c], row[c]);
        add_cell(&decay->now.cells[at], error);
        if (is_usual)
            add_cell(&decay->usual[at], error);
    }
    decay->usual_rows += is_usual;
}

/* column: of the first score. */
void watch_decay_add(watch_decay *decay, const watch_column *columns, size_t n_features,
                     size_t n_columns, size_t column, const double *rows, size_t n_rows,
                     uint64_t now_ns, uint64_t bucket_ns)
{
    turn(decay, n_features, now_ns, STRETCH * bucket_ns);
    turn_window(decay, now_ns, WATCH_DECAY_WINDOW * bucket_ns);
    for (size_t i = 0; i < n_rows; i++) {
        const double *row = rows + i * n_columns, *scores = row + column;
        double losses[LOSSES];
        if (!decay->found.is_regression && are_chances(scores, decay->n_scores))
            add_row(decay, columns, n_features, row, scores);
        if (!decay->found.is_regression || !isfinite(*scores))
            continue;
        for (size_t k = 0; k < LOSSES; k++) /* the prediction stands behind the features */
            mw_boost_predict(decay->losses[k], row, 1, n_columns, &losses[k]);
        add_row(decay, columns, n_features, row, losses);
    }
}

/* ---- causes ---------------------------------------------------------------------------------- */

static double rate_of(const watch_decay_cell *cell, double otherwise)
{
    return cell->rows > 0 ? cell->errors / cell->rows : otherwise;
}

static watch_decay_cell sum_of(const watch_decay_cell *cells)
{
    watch_decay_cell sum = {0};
    for (size_t b = 0; b < WATCH_BINS; b++) {
        sum.rows += cells[b].rows;
        sum.errors += cells[b].errors;
    }
    return sum;
}

/* The place of one that lost so much among those that are told, or -1. */
static ptrdiff_t place_in(size_t *n, double last, double lost)
{
    bool is_full = *n == MW_WATCH_CAUSES;
    if (is_full && last >= lost)
        return -1;
    return is_full ? MW_WATCH_CAUSES - 1 : (ptrdiff_t)(*n)++;
}

static void put_cause(mw_watch_decay *found, mw_watch_cause cause)
{
    ptrdiff_t at = place_in(&found->n_causes, found->causes[MW_WATCH_CAUSES - 1].lost, cause.lost);
    for (; at > 0 && found->causes[at - 1].lost < cause.lost; at--)
        found->causes[at] = found->causes[at - 1];
    if (at >= 0)
        found->causes[at] = cause;
}

static void put_slice(mw_watch_decay *found, mw_watch_slice slice)
{
    ptrdiff_t at = place_in(&found->n_slices, found->slices[MW_WATCH_CAUSES - 1].lost, slice.lost);
    for (; at > 0 && found->slices[at - 1].lost < slice.lost; at--)
        found->slices[at] = found->slices[at - 1];
    if (at >= 0)
        found->slices[at] = slice;
}

/* What a feature or a slice must cost to be told. */
static double least_lost(const watch_decay *decay)
{
    return decay->found.is_regression ? LEAST_RISE / 4 * decay->usual_estimate[MAE]
                                      : LEAST_DROP / 4;
}

static double as_told(const watch_decay *decay, double error)
{
    return decay->found.is_regression ? error : 1 - error;
}

static void tell_feature(const watch_decay *decay, const watch_column *columns,
                         const watch_decay_cell *cells, size_t c, mw_watch_decay *found)
{
    const watch_decay_cell *usual = &decay->usual[c * WATCH_BINS], *now = &cells[c * WATCH_BINS];
    watch_decay_cell all = sum_of(usual), here = sum_of(now);
    double lost = 0, mean = rate_of(&all, 0);
    if (all.rows < ENOUGH || here.rows < ENOUGH_BEFORE)
        return;
    for (size_t b = 0; b < WATCH_BINS; b++) {
        double share = now[b].rows / here.rows, before = usual[b].rows / all.rows;
        /* a place where nobody was before is judged by what is there now */
        lost += (share - before) * (rate_of(&usual[b], rate_of(&now[b], mean)) - mean);
        double more = share * rate_of(&now[b], 0) - before * rate_of(&usual[b], 0);
        if (share >= LEAST_SHARE && more > least_lost(decay))
            put_slice(found, (mw_watch_slice){.column = c,
                                              .where = watch_bin_told(&columns[c], b),
                                              .share = share,
                                              .share_before = before,
                                              .value = as_told(decay, rate_of(&now[b], 0)),
                                              .value_before =
                                                  as_told(decay, rate_of(&usual[b], (double)NAN)),
                                              .lost = more});
    }
    if (lost > least_lost(decay))
        put_cause(found, (mw_watch_cause){c, lost});
}

/* ---- judging --------------------------------------------------------------------------------- */

/* The stretch that goes on, once it has enough; until then the one before. */
static const watch_decay_stretch *stretch_of(const watch_decay *decay)
{
    if (decay->now.rows >= ENOUGH || decay->before.rows < ENOUGH_BEFORE)
        return decay->now.rows >= ENOUGH_BEFORE ? &decay->now : NULL;
    return &decay->before;
}

/* Beyond chance, and enough to matter. */
static bool has_decayed(const watch_decay *decay, size_t m, double error)
{
    double estimated = decay->found.estimated[m], usual = decay->usual_estimate[m];
    if (!decay->found.is_regression)
        return estimated + error < usual && usual - estimated >= LEAST_DROP;
    double rise = m == MSE ? (1 + LEAST_RISE) * (1 + LEAST_RISE) : 1 + LEAST_RISE;
    return estimated - error > usual && estimated >= rise * usual;
}

void watch_decay_judge(watch_decay *decay, const watch_column *columns, size_t n_features,
                       uint64_t now_ns)
{
    mw_error none;
    mw_watch_decay *found = &decay->found;
    const watch_decay_stretch *of = stretch_of(decay);
    if (!of || now_ns < decay->judged_ns + JUDGE_NS)
        return;
    if (estimate(decay, of, found->estimated, &none) != MW_OK)
        return;
    decay->judged_ns = now_ns;
    size_t n = watch_decay_held(decay, of);
    found->rows = of->rows;
    found->seconds = (double)(now_ns - of->begin_ns) / 1e9;
    found->n_decayed = 0;
    for (size_t m = 0; m < found->n_metrics; m++) {
        double error = error_about(decay, m, n);
        found->low[m] = fmax(0, found->estimated[m] - error);
        found->high[m] = fmin(most_of(decay), found->estimated[m] + error);
        found->decayed[m] = has_decayed(decay, m, error);
        found->n_decayed += found->decayed[m];
    }
    decay->was_found = decay->was_found || found->n_decayed > 0;
    found->n_causes = found->n_slices = 0;
    for (size_t c = 0; found->n_decayed > 0 && c < n_features; c++)
        if (columns[c].is_ready)
            tell_feature(decay, columns, of->cells, c, found);
}
