/* Numbers: how far predictions lie off, and what of the spread they explain. */
#include "quality_tasks.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum {
    RMSE,
    MAE,
    MSE,
    R2,
    EXPLAINED_VARIANCE,
    MEDIAN_AE,
    MAX_ERROR,
    MEAN_ERROR,
    MAPE,
    WAPE,
    SMAPE,
    PINBALL_10,
    PINBALL_50,
    PINBALL_90,
    HUBER,
    POISSON_DEVIANCE,
    PEARSON,
    N_METRICS
};

static const mw_quality_metric metrics[N_METRICS] = {
    [RMSE] = {"rmse", -1, false, MW_BY_NORMAL, "root of the mean squared error"},
    [MAE] = {"mae", -1, false, MW_BY_NORMAL, "mean size of the error"},
    [MSE] = {"mse", -1, false, MW_BY_NORMAL, "mean squared error"},
    [R2] = {"r2", 1, true, MW_BY_BOOTSTRAP, "share of the spread that is explained"},
    [EXPLAINED_VARIANCE] = {"explained_variance", 1, true, MW_BY_BOOTSTRAP,
                            "the same, a steady error forgiven"},
    [MEDIAN_AE] = {"median_ae", -1, false, MW_BY_BOOTSTRAP, "median size of the error"},
    [MAX_ERROR] = {"max_error", -1, false, MW_BY_BOOTSTRAP, "largest error"},
    [MEAN_ERROR] = {"mean_error", 0, false, MW_BY_NORMAL, "mean of prediction less truth"},
    [MAPE] = {"mape", -1, false, MW_BY_NORMAL,
              "mean of error over truth; a truth of 0 explodes it"},
    [WAPE] = {"wape", -1, false, MW_BY_BOOTSTRAP, "sum of errors over sum of truths"},
    [SMAPE] = {"smape", -1, false, MW_BY_NORMAL, "error over the mean size of both"},
    [PINBALL_10] = {"pinball_0.1", -1, false, MW_BY_NORMAL, "quantile loss at 0.1"},
    [PINBALL_50] = {"pinball_0.5", -1, false, MW_BY_NORMAL, "quantile loss at 0.5"},
    [PINBALL_90] = {"pinball_0.9", -1, false, MW_BY_NORMAL, "quantile loss at 0.9"},
    [HUBER] = {"huber", -1, false, MW_BY_NORMAL, "squared up to 1, then straight (Huber 1964)"},
    [POISSON_DEVIANCE] = {"poisson_deviance", -1, false, MW_BY_NORMAL,
                          "of counts; needs predictions above 0"},
    [PEARSON] = {"pearson", 1, true, MW_BY_BOOTSTRAP, "correlation of prediction and truth"},
};

/* ---- losses ---------------------------------------------------------------------------------- */

static double error_of(const mw_judged *rows, size_t row)
{
    return rows->predicted[row] - rows->truth[row];
}

static double size_of(const mw_judged *rows, size_t row)
{
    return fabs(error_of(rows, row));
}

static double square_of(const mw_judged *rows, size_t row)
{
    double error = error_of(rows, row);
    return error * error;
}

static double share_of(const mw_judged *rows, size_t row)
{
    return size_of(rows, row) / fmax(fabs(rows->truth[row]), DBL_EPSILON);
}

static double symmetric_of(const mw_judged *rows, size_t row)
{
    double both = fabs(rows->truth[row]) + fabs(rows->predicted[row]);
    return both > 0 ? 2 * size_of(rows, row) / both : 0;
}

static double pinball(const mw_judged *rows, size_t row, double alpha)
{
    double under = rows->truth[row] - rows->predicted[row];
    return fmax(alpha * under, (alpha - 1) * under);
}

static double pinball_10_of(const mw_judged *rows, size_t row)
{
    return pinball(rows, row, 0.1);
}

static double pinball_50_of(const mw_judged *rows, size_t row)
{
    return pinball(rows, row, 0.5);
}

static double pinball_90_of(const mw_judged *rows, size_t row)
{
    return pinball(rows, row, 0.9);
}

static double huber_of(const mw_judged *rows, size_t row)
{
    double size = size_of(rows, row);
    return size <= 1 ? size * size / 2 : size - 0.5;
}

static double deviance_of(const mw_judged *rows, size_t row)
{
    double y = rows->truth[row], q = rows->predicted[row];
    if (!(q > 0) || y < 0)
        return (double)NAN;
    return 2 * ((y > 0 ? y * log(y / q) : 0) - y + q);
}

static const quality_loss losses[] = {{MSE, square_of},
                                      {MAE, size_of},
                                      {MEAN_ERROR, error_of},
                                      {MAPE, share_of},
                                      {SMAPE, symmetric_of},
                                      {PINBALL_10, pinball_10_of},
                                      {PINBALL_50, pinball_50_of},
                                      {PINBALL_90, pinball_90_of},
                                      {HUBER, huber_of},
                                      {POISSON_DEVIANCE, deviance_of}};

static mw_status open_numbers(mw_quality *quality, mw_error *err)
{
    quality->order = quality_room(quality->n_units, sizeof *quality->order, err);
    if (!quality->order)
        return MW_NO_MEMORY;
    quality->slice_losses = quality->losses[0];
    return quality_order(quality->losses[1], quality->n_units, quality->order, err);
}

/* ---- the rest -------------------------------------------------------------------------------- */

/* Half of the weight lies on either side; between two where it falls between them. */
static double median_error(const mw_quality *quality, const double *w, double all)
{
    double above = 0;
    for (size_t i = 0; i < quality->n_units; i++) {
        uint32_t row = quality->order[i];
        above += w[row];
        if (above > all / 2)
            return quality->losses[1][row];
        size_t next = i + 1;
        while (above == all / 2 && next < quality->n_units) {
            uint32_t other = quality->order[next++];
            if (w[other] > 0)
                return (quality->losses[1][row] + quality->losses[1][other]) / 2;
        }
    }
    return (double)NAN;
}

static double max_error(const mw_quality *quality, const double *w)
{
    for (size_t i = 0; i < quality->n_units; i++)
        if (w[quality->order[i]] > 0)
            return quality->losses[1][quality->order[i]];
    return (double)NAN;
}

typedef struct spreads {
    double truth, predicted, error, both; /* sums about the means */
    double sizes;
} spreads;

static spreads spreads_of(const mw_quality *quality, const double *w, double all)
{
    const double *y = quality->rows.truth, *q = quality->rows.predicted;
    stats_sum mean_y = {0, 0}, mean_q = {0, 0}, yy = {0, 0}, qq = {0, 0}, ee = {0, 0}, yq = {0, 0};
    stats_sum sizes = {0, 0};
    for (size_t i = 0; i < quality->n_units; i++) {
        stats_add(&mean_y, w[i] * y[i]);
        stats_add(&mean_q, w[i] * q[i]);
        stats_add(&sizes, w[i] * fabs(y[i]));
    }
    double my = stats_total(&mean_y) / all, mq = stats_total(&mean_q) / all;
    for (size_t i = 0; i < quality->n_units; i++) {
        double dy = y[i] - my, dq = q[i] - mq;
        stats_add(&yy, w[i] * dy * dy);
        stats_add(&qq, w[i] * dq * dq);
        stats_add(&yq, w[i] * dy * dq);
        stats_add(&ee, w[i] * (dq - dy) * (dq - dy));
    }
    return (spreads){stats_total(&yy), stats_total(&qq), stats_total(&ee), stats_total(&yq),
                     stats_total(&sizes)};
}

/* A truth without spread is explained when nothing is off. */
static double explained(double off, double spread)
{
    return spread > 0 ? 1 - off / spread : off > 0 ? 0 : 1;
}

static void rest_of_numbers(const mw_quality *quality, const double *w, double *values,
                            double *aids)
{
    double all = 0;
    for (size_t i = 0; i < quality->n_units; i++)
        all += w[i];
    spreads s = spreads_of(quality, w, all);
    values[RMSE] = sqrt(values[MSE]);
    values[R2] = explained(values[MSE] * all, s.truth);
    values[EXPLAINED_VARIANCE] = explained(s.error, s.truth);
    values[WAPE] = quality_ratio(values[MAE] * all, s.sizes);
    values[PEARSON] = quality_ratio(s.both, sqrt(s.truth) * sqrt(s.predicted));
    values[MEDIAN_AE] = median_error(quality, w, all);
    values[MAX_ERROR] = max_error(quality, w);
    if (aids && values[MSE] > 0) /* by the delta method */
        aids[RMSE] = aids[MSE] / (4 * values[MSE]);
}

const quality_kind quality_numbers = {metrics,          N_METRICS,    losses,
                                      MW_COUNT(losses), open_numbers, rest_of_numbers};
