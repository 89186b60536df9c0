/* How good a classifier still is, before labels come: CBPE (stats: cbpe.c) over live predictions.
 *
 *     the first labels that came --scores, truth--> calibration, spread, what was usual
 *     sampled rows --scores--> reservoir of a quarter of an hour --> estimate +- 3 standard errors
 *                  --bins of each feature--> expected errors there --> causes, slices
 *
 * The error is that of so many rows and that of so few labels, together. Decayed: of a metric, when
 * its interval lies below the same estimate over the reference, and 0.02 or more below it. It
 * assumes that the link from inputs to labels is as it was: concept drift is seen by labels alone.
 *
 * Causes: e(b) is the expected share of wrong decisions among usual rows in a feature's bin b, s(b)
 * the share of rows there. That more rows fall where the model errs costs
 * sum_b (s_now(b) - s_usual(b)) e(b) of the accuracy: this is told of each feature. Features that
 * go together tell of the same loss; the sum is not the whole. A slice is a bin; it is told when it
 * takes 5 % of the rows, by what it adds to the errors beyond what is usual there. Usual rows:
 * those since the reference was there, until the first finding, 20,000 at most. */
#include "watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define LEAST_DROP 0.02
#define LEAST_SHARE 0.05
#define JUDGE_NS (UINT64_C(2) * 1000000000)

enum { ENOUGH = 500, ENOUGH_BEFORE = 200, STRETCH = 15, ERRORS = 3, USUAL_ROWS = 20000 };

/* ---- life ------------------------------------------------------------------------------------ */

void watch_decay_free(watch_decay *decay)
{
    if (!decay)
        return;
    mw_isotonic_free(decay->curve);
    free(decay->now.scores);
    free(decay->before.scores);
    free(decay->now.cells);
    free(decay->before.cells);
    free(decay->usual);
    free(decay);
}

size_t watch_decay_bytes(const watch_decay *decay, size_t n_features)
{
    size_t cells = 3 * n_features * WATCH_BINS * sizeof(watch_decay_cell);
    return decay ? sizeof *decay + 2 * WATCH_DECAY_SCORES * sizeof(double) + cells : 0;
}

static mw_status measure_reference(watch_decay *decay, const double *scores, const double *labels,
                                   size_t n, double *decisions, mw_error *err)
{
    double realized[MW_N_DECAY];
    bool gains;
    for (size_t i = 0; i < n; i++)
        decisions[i] = scores[i] >= 0.5;
    MW_TRY(mw_calibration_gains(scores, labels, n, &gains, err));
    if (gains)
        MW_TRY(mw_isotonic_fit(scores, labels, n, &decay->curve, err));
    MW_TRY(mw_decay_estimate(decay->curve, scores, decisions, n, decay->usual_estimate, err));
    MW_TRY(mw_decay_realized(scores, decisions, labels, n, realized, err));
    MW_TRY(mw_decay_errors(scores, decisions, labels, n, decay->errors, err));
    memcpy(decay->found.reference, realized, sizeof realized);
    decay->found.reference_labels = n;
    decay->found.is_calibrated = gains;
    return MW_OK;
}

mw_status watch_decay_new(const double *scores, const double *labels, size_t n, size_t n_features,
                          watch_decay **ret_decay, mw_error *err)
{
    watch_decay *decay = calloc(1, sizeof *decay);
    double *decisions = malloc((n + 1) * sizeof *decisions);
    size_t cells = n_features * WATCH_BINS + 1;
    mw_status status = decay && decisions ? MW_OK : mw_fail_memory(err, "the estimate");
    if (decay) {
        decay->now.scores = malloc(WATCH_DECAY_SCORES * sizeof(double));
        decay->before.scores = malloc(WATCH_DECAY_SCORES * sizeof(double));
        decay->now.cells = calloc(cells, sizeof *decay->usual);
        decay->before.cells = calloc(cells, sizeof *decay->usual);
        decay->usual = calloc(cells, sizeof *decay->usual);
        if (!decay->now.scores || !decay->before.scores || !decay->now.cells ||
            !decay->before.cells || !decay->usual)
            status = mw_fail_memory(err, "the estimate");
    }
    if (status == MW_OK)
        status = measure_reference(decay, scores, labels, n, decisions, err);
    free(decisions);
    if (status == MW_OK)
        *ret_decay = decay;
    else
        watch_decay_free(decay);
    return status;
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
static void hold(watch_decay *decay, double score)
{
    watch_decay_stretch *now = &decay->now;
    uint64_t place = now->rows < WATCH_DECAY_SCORES ? now->rows : draw(decay) % (now->rows + 1);
    if (place < WATCH_DECAY_SCORES)
        now->scores[place] = score;
    now->rows++;
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

static void add_cell(watch_decay_cell *cell, double error)
{
    cell->rows++;
    cell->errors += error;
}

/* column: of the score. */
void watch_decay_add(watch_decay *decay, const watch_column *columns, size_t n_features,
                     size_t n_columns, size_t column, const double *rows, size_t n_rows,
                     uint64_t now_ns, uint64_t bucket_ns)
{
    turn(decay, n_features, now_ns, STRETCH * bucket_ns);
    bool is_usual = decay->usual_rows < USUAL_ROWS && !decay->was_found;
    for (size_t i = 0; i < n_rows; i++) {
        const double *row = rows + i * n_columns;
        double score = row[column];
        if (!(score >= 0 && score <= 1))
            continue;
        double chance = decay->curve ? mw_isotonic_at(decay->curve, score) : score;
        double error = score >= 0.5 ? 1 - chance : chance;
        hold(decay, score);
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
        if (share >= LEAST_SHARE && more > LEAST_DROP / 4)
            put_slice(found,
                      (mw_watch_slice){.column = c,
                                       .where = watch_bin_told(&columns[c], b),
                                       .share = share,
                                       .share_before = before,
                                       .accuracy = 1 - rate_of(&now[b], 0),
                                       .accuracy_before = 1 - rate_of(&usual[b], (double)NAN),
                                       .lost = more});
    }
    if (lost > LEAST_DROP / 4)
        put_cause(found, (mw_watch_cause){c, lost});
}

/* ---- judging --------------------------------------------------------------------------------- */

static mw_status estimate(watch_decay *decay, const watch_decay_stretch *of, double *ret,
                          mw_error *err)
{
    size_t n = of->rows < WATCH_DECAY_SCORES ? (size_t)of->rows : WATCH_DECAY_SCORES;
    double *decisions = malloc(n * sizeof *decisions);
    if (!decisions)
        return mw_fail_memory(err, "the estimate");
    for (size_t i = 0; i < n; i++)
        decisions[i] = of->scores[i] >= 0.5;
    mw_status status = mw_decay_estimate(decay->curve, of->scores, decisions, n, ret, err);
    free(decisions);
    return status;
}

/* The stretch that goes on, once it has enough; until then the one before. */
static const watch_decay_stretch *stretch_of(const watch_decay *decay)
{
    if (decay->now.rows >= ENOUGH || decay->before.rows < ENOUGH_BEFORE)
        return decay->now.rows >= ENOUGH_BEFORE ? &decay->now : NULL;
    return &decay->before;
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
    size_t n = of->rows < WATCH_DECAY_SCORES ? (size_t)of->rows : WATCH_DECAY_SCORES;
    found->rows = of->rows;
    found->seconds = (double)(now_ns - of->begin_ns) / 1e9;
    found->n_decayed = 0;
    for (size_t m = 0; m < MW_N_DECAY; m++) {
        double error = mw_decay_error_of(&decay->errors[m], n);
        double of_reference = mw_decay_error_of(&decay->errors[m], found->reference_labels);
        double usual = decay->usual_estimate[m];
        error = ERRORS * sqrt(error * error + of_reference * of_reference);
        found->low[m] = fmax(0, found->estimated[m] - error);
        found->high[m] = fmin(1, found->estimated[m] + error);
        found->decayed[m] =
            found->estimated[m] + error < usual && usual - found->estimated[m] >= LEAST_DROP;
        found->n_decayed += found->decayed[m];
    }
    decay->was_found = decay->was_found || found->n_decayed > 0;
    found->n_causes = found->n_slices = 0;
    for (size_t c = 0; found->n_decayed > 0 && c < n_features; c++)
        if (columns[c].is_ready)
            tell_feature(decay, columns, of->cells, c, found);
}
