/* CBPE of several classes: each against the rest, and the mean over them.
 *
 *     scores of class k --calibrated, where that gains--> chance of k, which sum to 1
 *     chance of k --as of two classes--> F1, AUC ...; its mean where k was decided --> accuracy
 *
 * As NannyML 0.13 defines it ("M-CBPE" there), with its sampling errors: variances of the classes,
 * each by the rows that count for it, summed; that of the AUC is raised by a fifth, as NannyML
 * found it too small. Not done here: average precision, the confusion matrix, its business value.
 */
#include "cbpe.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define AUC_SPREAD_RAISED 1.2

struct mw_class_chances {
    size_t n_classes;
    mw_isotonic *curves[]; /* NULL: scores are taken as they are */
};

static void mark(const double *classes, size_t n, size_t k, double *ret_is)
{
    for (size_t i = 0; i < n; i++)
        ret_is[i] = classes[i] == (double)k;
}

/* ---- calibration ----------------------------------------------------------------------------- */

static mw_status fit(mw_class_chances *chances, const mw_class_scores *s, mw_calibrating how,
                     double *is, mw_error *err)
{
    for (size_t k = 0; k < s->n_classes; k++) {
        const double *scores = s->values + k * s->stride;
        bool gains = how == MW_CALIBRATE_ALWAYS;
        mark(s->labels, s->n, k, is);
        if (how == MW_CALIBRATE_WHERE_IT_GAINS)
            MW_TRY(mw_calibration_gains(scores, is, s->n, &gains, err));
        if (gains)
            MW_TRY(mw_isotonic_fit(scores, is, s->n, &chances->curves[k], err));
    }
    return MW_OK;
}

mw_status mw_class_chances_fit(const mw_class_scores *scores, mw_calibrating how,
                               mw_class_chances **ret_chances, mw_error *err)
{
    size_t n = scores->n_classes;
    mw_class_chances *chances = calloc(1, sizeof *chances + n * sizeof *chances->curves);
    double *is = malloc((scores->n + 1) * sizeof *is);
    mw_status status = chances && is ? MW_OK : mw_fail_memory(err, "the calibration");
    if (chances)
        chances->n_classes = n;
    if (status == MW_OK)
        status = fit(chances, scores, how, is, err);
    free(is);
    if (status != MW_OK) {
        mw_class_chances_free(chances);
        return status;
    }
    *ret_chances = chances;
    return MW_OK;
}

void mw_class_chances_free(mw_class_chances *chances)
{
    for (size_t k = 0; chances && k < chances->n_classes; k++)
        mw_isotonic_free(chances->curves[k]);
    free(chances);
}

size_t mw_class_chances_calibrated(const mw_class_chances *chances)
{
    size_t n = 0;
    for (size_t k = 0; k < chances->n_classes; k++)
        n += chances->curves[k] != NULL;
    return n;
}

void mw_class_chances_at(const mw_class_chances *chances, const double *scores, size_t stride,
                         double *ret_chances)
{
    size_t n = chances->n_classes;
    double sum = 0;
    for (size_t k = 0; k < n; k++) {
        double score = scores[k * stride];
        ret_chances[k] = chances->curves[k] ? mw_isotonic_at(chances->curves[k], score) : score;
        sum += ret_chances[k];
    }
    for (size_t k = 0; k < n; k++)
        ret_chances[k] = sum != 0 ? ret_chances[k] / sum : 1 / (double)n;
}

/* ---- expected performance -------------------------------------------------------------------- */

static double share(double part, double of)
{
    return of != 0 ? part / of : 0;
}

/* Into means over the classes. */
static void add_class(const mw_confusion *c, double weight, double *ret)
{
    ret[MW_DECAY_F1] += weight * share(c->tp, c->tp + (c->fp + c->fn) / 2);
    ret[MW_DECAY_PRECISION] += weight * share(c->tp, c->tp + c->fp);
    ret[MW_DECAY_RECALL] += weight * share(c->tp, c->tp + c->fn);
    ret[MW_DECAY_SPECIFICITY] += weight * share(c->tn, c->tn + c->fp);
}

/* chances: (n_classes, n). */
static mw_status estimate(const mw_class_scores *s, const double *chances, double *ret,
                          mw_error *err)
{
    double weight = 1 / (double)s->n_classes, right = 0, auc;
    for (size_t m = 0; m < MW_N_DECAY; m++)
        ret[m] = 0;
    for (size_t k = 0; k < s->n_classes; k++) {
        const double *chance = chances + k * s->n;
        mw_confusion c = {0, 0, 0, 0};
        for (size_t i = 0; i < s->n; i++) {
            bool said = s->decisions[i] == (double)k;
            *(said ? &c.tp : &c.fn) += chance[i];
            *(said ? &c.fp : &c.tn) += 1 - chance[i];
            right += said ? chance[i] : 0;
        }
        add_class(&c, weight, ret);
        MW_TRY(stats_expected_auc(s->values + k * s->stride, chance, s->n, &auc, err));
        ret[MW_DECAY_AUC] += weight * auc;
    }
    ret[MW_DECAY_ACCURACY] = right / (double)s->n;
    return MW_OK;
}

mw_status mw_decay_estimate_classes(const mw_class_chances *chances, const mw_class_scores *s,
                                    double ret_values[MW_N_DECAY], mw_error *err)
{
    double *block = malloc((s->n + 1) * s->n_classes * sizeof *block);
    double *row = malloc((s->n_classes + 1) * sizeof *row);
    mw_status status = block && row ? MW_OK : mw_fail_memory(err, "the chances of classes");
    for (size_t i = 0; status == MW_OK && i < s->n; i++) {
        mw_class_chances_at(chances, s->values + i, s->stride, row);
        for (size_t k = 0; k < s->n_classes; k++)
            block[k * s->n + i] = row[k];
    }
    if (status == MW_OK)
        status = estimate(s, block, ret_values, err);
    free(row);
    free(block);
    return status;
}

/* ---- the truth ------------------------------------------------------------------------------- */

static mw_confusion confusion_of(const mw_class_scores *s, size_t k)
{
    mw_confusion c = {0, 0, 0, 0};
    for (size_t i = 0; i < s->n; i++) {
        bool said = s->decisions[i] == (double)k, is = s->labels[i] == (double)k;
        *(said ? (is ? &c.tp : &c.fp) : (is ? &c.fn : &c.tn)) += 1;
    }
    return c;
}

static bool is_one_value(const double *values, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (values[i] != values[0])
            return false;
    return true;
}

mw_status mw_decay_realized_classes(const mw_class_scores *s, double ret_values[MW_N_DECAY],
                                    mw_error *err)
{
    double weight = 1 / (double)s->n_classes, right = 0, auc;
    uint8_t *is = malloc(s->n + 1);
    if (!is)
        return mw_fail_memory(err, "the labels");
    mw_status status = MW_OK;
    for (size_t m = 0; m < MW_N_DECAY; m++)
        ret_values[m] = 0;
    for (size_t k = 0; status == MW_OK && k < s->n_classes; k++) {
        mw_confusion c = confusion_of(s, k);
        right += c.tp;
        add_class(&c, weight, ret_values);
        for (size_t i = 0; i < s->n; i++)
            is[i] = s->labels[i] == (double)k;
        /* NaN where a class is not there: so is the mean */
        status = mw_auc_of(s->values + k * s->stride, is, s->n, &auc, err);
        ret_values[MW_DECAY_AUC] += weight * auc;
    }
    ret_values[MW_DECAY_ACCURACY] = right / (double)s->n;
    free(is);
    bool is_told = !is_one_value(s->labels, s->n) && !is_one_value(s->decisions, s->n);
    for (size_t m = 0; m < MW_N_DECAY && !is_told; m++)
        if (m != MW_DECAY_AUC)
            ret_values[m] = (double)NAN;
    return status;
}

/* ---- sampling errors ------------------------------------------------------------------------- */

/* Of `ones` among n rows, per row of all. */
static double variance(double ones, double n, double rows)
{
    double mean = ones / n;
    return mean * (1 - mean) / (n / rows);
}

static void add_variances(const mw_confusion *c, double rows, double *sums)
{
    sums[MW_DECAY_F1] += variance(c->tp, c->tp + c->fp + c->fn, rows);
    sums[MW_DECAY_PRECISION] += variance(c->tp, c->tp + c->fp, rows);
    sums[MW_DECAY_RECALL] += variance(c->tp, c->tp + c->fn, rows);
    sums[MW_DECAY_SPECIFICITY] += variance(c->tn, c->tn + c->fp, rows);
}

mw_status mw_decay_errors_classes(const mw_class_scores *s, mw_decay_error ret_errors[MW_N_DECAY],
                                  mw_error *err)
{
    double sums[MW_N_DECAY] = {0}, right = 0, rows = (double)s->n, spread, fraction;
    double *is = malloc((s->n + 1) * sizeof *is);
    mw_status status = is ? MW_OK : mw_fail_memory(err, "the labels");
    for (size_t k = 0; status == MW_OK && k < s->n_classes; k++) {
        mw_confusion c = confusion_of(s, k);
        right += c.tp;
        add_variances(&c, rows, sums);
        mark(s->labels, s->n, k, is);
        status = stats_auc_spread(s->values + k * s->stride, is, s->n, &spread, &fraction, err);
        sums[MW_DECAY_AUC] += spread * spread / fraction;
    }
    free(is);
    for (size_t m = 0; m < MW_N_DECAY; m++)
        ret_errors[m] = (mw_decay_error){sqrt(sums[m]) / (double)s->n_classes, 1};
    ret_errors[MW_DECAY_AUC].spread *= AUC_SPREAD_RAISED;
    ret_errors[MW_DECAY_ACCURACY].spread = sqrt(variance(right, rows, rows));
    return status;
}

/* ---- kept ------------------------------------------------------------------------------------ */

size_t mw_class_chances_classes(const mw_class_chances *chances)
{
    return chances->n_classes;
}

void mw_class_chances_pack(const mw_class_chances *chances, mw_buf *out)
{
    mw_pack_whole(out, chances->n_classes);
    for (size_t k = 0; k < chances->n_classes; k++) {
        mw_pack_whole(out, chances->curves[k] != NULL);
        if (chances->curves[k])
            mw_isotonic_pack(chances->curves[k], out);
    }
}

mw_class_chances *mw_class_chances_unpack(mw_unpack *in)
{
    size_t n = mw_unpack_count(in, UINT16_MAX, 1);
    mw_class_chances *chances =
        n > 0 ? calloc(1, sizeof *chances + n * sizeof *chances->curves) : NULL;
    if (!chances)
        return NULL;
    chances->n_classes = n;
    bool done = true;
    for (size_t k = 0; done && k < n; k++)
        if (mw_unpack_at_most(in, 1) == 1) {
            chances->curves[k] = mw_isotonic_unpack(in);
            done = chances->curves[k] != NULL;
        }
    if (done && !in->failed)
        return chances;
    mw_class_chances_free(chances);
    return NULL;
}
