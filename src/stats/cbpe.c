/* How good a classifier still is, before labels come: CBPE.
 *
 *     reference: scores, labels --does isotonic calibration gain?--> step function, or none
 *     chunk: scores --calibrated p--> expected tp, fp, fn, tn --> accuracy, F1, AUC ...
 *
 * A calibrated score is the chance of class 1; so what a decision will turn out to be is known on
 * average (NannyML, "Confidence-based Performance Estimation", version 0.13). It assumes that the
 * link from inputs to labels has not changed: concept drift is not seen.
 *
 * Whether calibration gains is told as NannyML tells it: ten splits, a tenth held out, by the same
 * draws (NumPy's RandomState(42) under scikit-learn's StratifiedShuffleSplit), and the expected
 * calibration errors of all that was held out compared. Isotonic regression: pool adjacent
 * violators (Barlow, Bartholomew, Bremner, Brunk 1972), linear between its knots, as scikit-learn.
 * Sampling errors: NannyML's, from the reference. Several classes: cbpe_classes.c. Not done
 * here: average precision, M-CBPE's weights by density. */
#include "cbpe.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { SPLITS = 10, BINS = 10, SEED = 42, MT_WORDS = 624, MT_MIDDLE = 397 };

/* ---- Mersenne twister (Matsumoto, Nishimura 1998), as NumPy seeds it ------------------------- */

typedef struct twister {
    uint32_t words[MT_WORDS];
    unsigned at;
} twister;

static void seed_twister(twister *t, uint32_t seed)
{
    t->words[0] = seed;
    for (uint32_t i = 1; i < MT_WORDS; i++)
        t->words[i] = 1812433253u * (t->words[i - 1] ^ t->words[i - 1] >> 30) + i;
    t->at = MT_WORDS;
}

static void twist(twister *t)
{
    for (unsigned i = 0; i < MT_WORDS; i++) {
        uint32_t y = (t->words[i] & 0x80000000u) | (t->words[(i + 1) % MT_WORDS] & 0x7fffffffu);
        t->words[i] = t->words[(i + MT_MIDDLE) % MT_WORDS] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    t->at = 0;
}

static uint32_t draw(twister *t)
{
    if (t->at == MT_WORDS)
        twist(t);
    uint32_t y = t->words[t->at++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

/* 0..most, by drawing again what is above. */
static uint32_t draw_up_to(twister *t, uint32_t most)
{
    uint32_t mask = most, value;
    if (most == 0)
        return 0;
    for (unsigned shift = 1; shift < 32; shift *= 2)
        mask |= mask >> shift;
    do
        value = draw(t) & mask;
    while (value > most);
    return value;
}

static void shuffle(twister *t, uint32_t *items, size_t n)
{
    for (size_t i = n; i-- > 1;) {
        uint32_t j = draw_up_to(t, (uint32_t)i), item = items[i];
        items[i] = items[j];
        items[j] = item;
    }
}

/* ---- isotonic regression --------------------------------------------------------------------- */

typedef struct point {
    double x, y, weight;
} point;

static int by_x(const void *a, const void *b)
{
    const point *p = a, *q = b;
    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    return (p->y > q->y) - (p->y < q->y);
}

/* Equal x become one point, at the mean of its y. */
static size_t merge_equal(point *points, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        point *last = &points[kept ? kept - 1 : 0];
        if (kept > 0 && points[i].x - last->x < 1e-15) {
            last->y += points[i].y;
            last->weight += 1;
        } else {
            points[kept++] = (point){points[i].x, points[i].y, 1};
        }
    }
    for (size_t i = 0; i < kept; i++)
        points[i].y /= points[i].weight;
    return kept;
}

/* Levels in place: levels[i] is where the run that begins at i ends. */
static void pool_violators(point *points, size_t n, double *level, double *weight, size_t *first)
{
    size_t n_runs = 0;
    for (size_t i = 0; i < n; i++) {
        level[n_runs] = points[i].y;
        weight[n_runs] = points[i].weight;
        first[n_runs++] = i;
        while (n_runs > 1 && level[n_runs - 2] >= level[n_runs - 1]) {
            double together = weight[n_runs - 2] + weight[n_runs - 1];
            level[n_runs - 2] =
                (level[n_runs - 2] * weight[n_runs - 2] + level[n_runs - 1] * weight[n_runs - 1]) /
                together;
            weight[n_runs - 2] = together;
            n_runs--;
        }
    }
    for (size_t r = 0; r < n_runs; r++)
        for (size_t i = first[r]; i < (r + 1 < n_runs ? first[r + 1] : n); i++)
            points[i].y = level[r];
}

/* Points between equal neighbours say nothing. */
static size_t trim(point *points, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool is_inner = i > 0 && i + 1 < n;
        /* the one before may have been moved down, but its y is the same */
        if (is_inner && points[i].y == points[kept - 1].y && points[i].y == points[i + 1].y)
            continue;
        points[kept++] = points[i];
    }
    return kept;
}

struct mw_isotonic {
    size_t n;
    point points[];
};

static mw_status fit(const double *scores, const double *labels, const uint32_t *rows, size_t n,
                     mw_isotonic **ret, mw_error *err)
{
    mw_isotonic *curve = malloc(sizeof *curve + (n + 1) * sizeof *curve->points);
    double *room = malloc((2 * n + 1) * sizeof *room);
    size_t *first = malloc((n + 1) * sizeof *first);
    mw_status status = curve && room && first ? MW_OK : mw_fail_memory(err, "the calibration");
    for (size_t i = 0; status == MW_OK && i < n; i++) {
        size_t row = rows ? rows[i] : i;
        curve->points[i] = (point){scores[row], labels[row], 1};
    }
    if (status == MW_OK) {
        qsort(curve->points, n, sizeof *curve->points, by_x);
        size_t kept = merge_equal(curve->points, n);
        pool_violators(curve->points, kept, room, room + n, first);
        curve->n = trim(curve->points, kept);
        *ret = curve;
    } else {
        free(curve);
    }
    free(room);
    free(first);
    return status;
}

mw_status mw_isotonic_fit(const double *scores, const double *labels, size_t n, mw_isotonic **ret,
                          mw_error *err)
{
    return fit(scores, labels, NULL, n, ret, err);
}

void mw_isotonic_free(mw_isotonic *curve)
{
    free(curve);
}

double mw_isotonic_at(const mw_isotonic *curve, double x)
{
    size_t low = 0, high = curve->n;
    if (curve->n == 0 || isnan(x))
        return (double)NAN;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (curve->points[middle].x < x)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return curve->points[0].y;
    if (low == curve->n)
        return curve->points[curve->n - 1].y;
    const point *a = &curve->points[low - 1], *b = &curve->points[low];
    return a->y + (b->y - a->y) / (b->x - a->x) * (x - a->x);
}

/* ---- does it gain? --------------------------------------------------------------------------- */

typedef struct judged_score {
    double score;
    uint32_t at; /* ties keep their order */
    double label;
} judged_score;

static int by_score(const void *a, const void *b)
{
    const judged_score *p = a, *q = b;
    if (p->score != q->score)
        return p->score < q->score ? -1 : 1;
    return (p->at > q->at) - (p->at < q->at);
}

/* Over bins of equally many rows: how far mean score and share of positives lie apart. */
static double calibration_error(judged_score *rows, size_t n)
{
    size_t bins = n <= 2 * BINS ? n / 2 : BINS, width = n / bins;
    double error = 0;
    qsort(rows, n, sizeof *rows, by_score);
    size_t n_bins = n / width; /* as range(0, n + 1, width), whose last edge becomes n */
    for (size_t b = 0; b < n_bins; b++) {
        size_t begin = b * width, end = b + 1 == n_bins ? n : begin + width;
        double score = 0, label = 0;
        for (size_t i = begin; i < end; i++) {
            score += rows[i].score;
            label += rows[i].label;
        }
        error += fabs(score - label) / (double)n;
    }
    return error;
}

typedef struct splitting {
    const double *scores, *labels;
    size_t n, n_test, counts[2];
    uint32_t *of_class[2], *order, *train, *test; /* n each */
    twister chance;
    judged_score *before, *after; /* SPLITS * n_test */
    size_t n_held;
} splitting;

/* Shares of the classes in n_draws rows; of two equal remainders chance picks one. */
static void approximate_mode(twister *t, const size_t counts[2], size_t n_draws, size_t ret[2])
{
    double total = (double)(counts[0] + counts[1]), remainder[2];
    size_t missing = n_draws;
    for (size_t c = 0; c < 2; c++) {
        double exact = (double)counts[c] / total * (double)n_draws;
        ret[c] = (size_t)floor(exact);
        remainder[c] = exact - floor(exact);
        missing -= ret[c];
    }
    if (missing == 0)
        return;
    if (missing >= 2) {
        ret[0]++;
        ret[1]++;
    } else if (remainder[0] == remainder[1]) {
        uint32_t pair[2] = {0, 1};
        shuffle(t, pair, 2);
        ret[pair[0]]++;
    } else {
        ret[remainder[1] > remainder[0]]++;
    }
}

static mw_status hold_out(splitting *s, mw_error *err)
{
    mw_isotonic *curve;
    size_t n_train[2], left[2], n_test[2], n = 0, m = 0;
    approximate_mode(&s->chance, s->counts, s->n - s->n_test, n_train);
    for (size_t c = 0; c < 2; c++)
        left[c] = s->counts[c] - n_train[c];
    approximate_mode(&s->chance, left, s->n_test, n_test);
    for (size_t c = 0; c < 2; c++) {
        for (size_t i = 0; i < s->counts[c]; i++)
            s->order[i] = (uint32_t)i;
        shuffle(&s->chance, s->order, s->counts[c]);
        for (size_t i = 0; i < n_train[c]; i++)
            s->train[n++] = s->of_class[c][s->order[i]];
        for (size_t i = n_train[c]; i < n_train[c] + n_test[c]; i++)
            s->test[m++] = s->of_class[c][s->order[i]];
    }
    shuffle(&s->chance, s->train, n);
    shuffle(&s->chance, s->test, m);
    MW_TRY(fit(s->scores, s->labels, s->train, n, &curve, err));
    for (size_t i = 0; i < m; i++, s->n_held++) {
        double score = s->scores[s->test[i]], label = s->labels[s->test[i]];
        s->before[s->n_held] = (judged_score){score, (uint32_t)s->n_held, label};
        s->after[s->n_held] =
            (judged_score){mw_isotonic_at(curve, score), (uint32_t)s->n_held, label};
    }
    mw_isotonic_free(curve);
    return MW_OK;
}

static mw_status compare(splitting *s, bool *ret_gains, mw_error *err)
{
    seed_twister(&s->chance, SEED);
    for (size_t i = 0, n[2] = {0, 0}; i < s->n; i++) {
        size_t c = s->labels[i] > 0;
        s->of_class[c][n[c]++] = (uint32_t)i;
        s->counts[c] = n[c];
    }
    for (unsigned split = 0; split < SPLITS; split++)
        MW_TRY(hold_out(s, err));
    *ret_gains = calibration_error(s->before, s->n_held) > calibration_error(s->after, s->n_held);
    return MW_OK;
}

mw_status mw_calibration_gains(const double *scores, const double *labels, size_t n,
                               bool *ret_gains, mw_error *err)
{
    splitting s = {.scores = scores, .labels = labels, .n = n, .n_test = (n + 9) / 10};
    double auc;
    size_t n_positives = 0;
    uint8_t *kinds = malloc(n + 1);
    for (size_t i = 0; kinds && i < n; i++)
        n_positives += (kinds[i] = labels[i] > 0);
    *ret_gains = false;
    mw_status status =
        kinds ? mw_auc_of(scores, kinds, n, &auc, err) : mw_fail_memory(err, "the calibration");
    free(kinds);
    if (status != MW_OK || n_positives < 2 || n - n_positives < 2 || auc > 0.999)
        return status;
    uint32_t *rows = malloc((5 * n + 1) * sizeof *rows);
    judged_score *held = malloc((2 * SPLITS * s.n_test + 1) * sizeof *held);
    if (rows && held) {
        s.of_class[0] = rows;
        s.of_class[1] = rows + n;
        s.order = rows + 2 * n;
        s.train = rows + 3 * n;
        s.test = rows + 4 * n;
        s.before = held;
        s.after = held + SPLITS * s.n_test;
        status = compare(&s, ret_gains, err);
    } else {
        status = mw_fail_memory(err, "the calibration");
    }
    free(rows);
    free(held);
    return status;
}

/* ---- expected performance -------------------------------------------------------------------- */

const char *mw_decay_name(mw_decay_metric metric)
{
    static const char *const names[MW_N_DECAY] = {"roc_auc", "f1",          "precision",
                                                  "recall",  "specificity", "accuracy"};
    return names[metric];
}

static double round5(double value)
{
    return rint(value * 1e5) / 1e5;
}

/* Down the scores: each row is a positive by its chance. */
mw_status stats_expected_auc(const double *scores, const double *chances, size_t n, double *ret,
                             mw_error *err)
{
    judged_score *rows = malloc((n + 1) * sizeof *rows);
    if (!rows)
        return mw_fail_memory(err, "the scores in order");
    double tp = 0, all_tp = 0, tps_before = 0, fps_before = 0, area = 0;
    for (size_t i = 0; i < n; i++)
        rows[i] = (judged_score){scores[i], (uint32_t)i, chances[i]};
    qsort(rows, n, sizeof *rows, by_score);
    for (size_t i = n; i-- > 0;)
        all_tp += rows[i].label;
    double last_tp = round5(all_tp), last_fp = round5((double)n - all_tp);
    for (size_t i = n; i-- > 0;) {
        tp += rows[i].label;
        double tps = round5(tp), fps = round5((double)(n - i) - tp);
        area += (fps / last_fp - fps_before / last_fp) * (tps / last_tp + tps_before / last_tp) / 2;
        tps_before = tps;
        fps_before = fps;
    }
    free(rows);
    *ret = area;
    return MW_OK;
}

static void from_confusion(const mw_confusion *c, double n, double *ret)
{
    ret[MW_DECAY_F1] = 2 * c->tp / (2 * c->tp + c->fp + c->fn);
    ret[MW_DECAY_PRECISION] = c->tp / (c->tp + c->fp);
    ret[MW_DECAY_RECALL] = c->tp / (c->tp + c->fn);
    ret[MW_DECAY_SPECIFICITY] = c->tn / (c->tn + c->fp);
    ret[MW_DECAY_ACCURACY] = (c->tp + c->tn) / n;
}

mw_status mw_decay_estimate(const mw_isotonic *curve, const double *scores, const double *decisions,
                            size_t n, double ret_values[MW_N_DECAY], mw_error *err)
{
    mw_confusion c = {0, 0, 0, 0};
    double *chances = malloc((n + 1) * sizeof *chances);
    if (!chances)
        return mw_fail_memory(err, "the calibrated scores");
    for (size_t i = 0; i < n; i++) {
        double p = chances[i] = curve ? mw_isotonic_at(curve, scores[i]) : scores[i];
        *(decisions[i] > 0 ? &c.tp : &c.fn) += p;
        *(decisions[i] > 0 ? &c.fp : &c.tn) += 1 - p;
    }
    from_confusion(&c, (double)n, ret_values);
    mw_status status = stats_expected_auc(scores, chances, n, &ret_values[MW_DECAY_AUC], err);
    free(chances);
    return status;
}

mw_status mw_decay_realized(const double *scores, const double *decisions, const double *labels,
                            size_t n, double ret_values[MW_N_DECAY], mw_error *err)
{
    mw_confusion c = {0, 0, 0, 0};
    uint8_t *kinds = malloc(n + 1);
    if (!kinds)
        return mw_fail_memory(err, "the labels");
    for (size_t i = 0; i < n; i++) {
        bool is = labels[i] > 0;
        kinds[i] = is;
        *(decisions[i] > 0 ? (is ? &c.tp : &c.fp) : (is ? &c.fn : &c.tn)) += 1;
    }
    from_confusion(&c, (double)n, ret_values);
    mw_status status = mw_auc_of(scores, kinds, n, &ret_values[MW_DECAY_AUC], err);
    free(kinds);
    return status;
}

/* ---- sampling errors ------------------------------------------------------------------------- */

static double spread(double ones, double n)
{
    double mean = ones / n;
    return sqrt(mean * (1 - mean));
}

/* Of the positives (or negatives, where these are fewer): how far their shares of the others below
 * them lie apart. */
mw_status stats_auc_spread(const double *scores, const double *labels, size_t n, double *ret_spread,
                           double *ret_fraction, mw_error *err)
{
    judged_score *rows = malloc((n + 1) * sizeof *rows);
    if (!rows)
        return mw_fail_memory(err, "the scores in order");
    double n_positives = 0, seen = 0, mean = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        n_positives += labels[i] > 0;
    bool turned = n_positives / (double)n > 0.5;
    n_positives = turned ? (double)n - n_positives : n_positives;
    double n_negatives = (double)n - n_positives;
    for (size_t i = 0; i < n; i++)
        rows[i] = (judged_score){turned ? 1 - scores[i] : scores[i], (uint32_t)i,
                                 turned ? 1 - labels[i] : labels[i]};
    qsort(rows, n, sizeof *rows, by_score);
    /* the first in order is passed over when it is a positive: its rank is 0, as is a negative's */
    bool has_zero = n > 0 && n_positives < (double)n;
    for (size_t i = 0; i < n; i++) {
        if (rows[i].label <= 0 || (i == 0 && has_zero))
            continue;
        double share = ((double)i - seen) / n_negatives, away = share - mean;
        mean += away / ++seen;
        squares += away * (share - mean);
    }
    free(rows);
    *ret_spread = sqrt(squares / seen);
    *ret_fraction = n_positives / (double)n;
    return MW_OK;
}

mw_status mw_decay_errors(const double *scores, const double *decisions, const double *labels,
                          size_t n, mw_decay_error ret_errors[MW_N_DECAY], mw_error *err)
{
    double tp = 0, fp = 0, fn = 0, tn = 0, rows = (double)n;
    for (size_t i = 0; i < n; i++) {
        bool said = decisions[i] > 0, is = labels[i] > 0;
        *(said ? (is ? &tp : &fp) : (is ? &fn : &tn)) += 1;
    }
    double relevant = tp + fp + fn, factor = relevant / ((fn + fp) * 0.5 + tp);
    ret_errors[MW_DECAY_F1] = (mw_decay_error){spread(tp, relevant) * factor, relevant / rows};
    ret_errors[MW_DECAY_PRECISION] = (mw_decay_error){spread(tp, tp + fp), (tp + fp) / rows};
    ret_errors[MW_DECAY_RECALL] = (mw_decay_error){spread(tp, tp + fn), (tp + fn) / rows};
    ret_errors[MW_DECAY_SPECIFICITY] = (mw_decay_error){spread(tn, tn + fp), (tn + fp) / rows};
    ret_errors[MW_DECAY_ACCURACY] = (mw_decay_error){spread(tp + tn, rows), 1};
    mw_decay_error *auc = &ret_errors[MW_DECAY_AUC];
    return stats_auc_spread(scores, labels, n, &auc->spread, &auc->fraction, err);
}

double mw_decay_error_of(const mw_decay_error *error, size_t n)
{
    return error->spread / sqrt((double)n * error->fraction);
}

/* ---- a curve that is kept -------------------------------------------------------------------- */

void mw_isotonic_pack(const mw_isotonic *curve, mw_buf *out)
{
    mw_pack_whole(out, curve->n);
    for (size_t i = 0; i < curve->n; i++) {
        mw_pack_number(out, curve->points[i].x);
        mw_pack_number(out, curve->points[i].y);
    }
}

mw_isotonic *mw_isotonic_unpack(mw_unpack *in)
{
    size_t n = mw_unpack_count(in, UINT32_MAX, 2 * sizeof(double));
    mw_isotonic *curve = n > 0 ? malloc(sizeof *curve + n * sizeof *curve->points) : NULL;
    if (!curve)
        return NULL;
    curve->n = n;
    bool done = true;
    for (size_t i = 0; i < n; i++) {
        point *p = &curve->points[i];
        p->x = mw_unpack_number(in);
        p->y = mw_unpack_number(in);
        done = done && isfinite(p->x) && p->y >= 0 && p->y <= 1 &&
               (i == 0 || (p->x > p[-1].x && p->y >= p[-1].y));
    }
    if (done && !in->failed)
        return curve;
    mw_isotonic_free(curve);
    return NULL;
}
