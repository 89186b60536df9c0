/* How wrong a regression still is, before labels come: DLE, direct loss estimation.
 *
 *     reference: label, prediction --> loss of each row --trained elsewhere--> a model of the loss
 *     chunk: rows --that model--> losses --mean, root--> MAE, MAPE, MSE, RMSE, MSLE, RMSLE
 *
 * As NannyML 0.13 defines it, sampling errors too: the spread of the reference's losses; of a root
 * by the delta method. A negative loss is none. What trains the model of the loss is not ours in
 * `mw decay estimate` (docs tell why); over live rows it is boost.c. It assumes that the link from
 * inputs to labels has not changed. */
#include "stats.h"

#include <float.h>
#include <math.h>

#include "base/banned.h"

static const struct {
    const char *name;
    mw_loss of;
    bool is_root;
} metrics[MW_N_LOSS_METRICS] = {
    [MW_LOSS_MAE] = {"mae", MW_LOSS_ABSOLUTE, false},
    [MW_LOSS_MAPE] = {"mape", MW_LOSS_PERCENTAGE, false},
    [MW_LOSS_MSE] = {"mse", MW_LOSS_SQUARED, false},
    [MW_LOSS_RMSE] = {"rmse", MW_LOSS_SQUARED, true},
    [MW_LOSS_MSLE] = {"msle", MW_LOSS_SQUARED_LOG, false},
    [MW_LOSS_RMSLE] = {"rmsle", MW_LOSS_SQUARED_LOG, true},
};

const char *mw_loss_name(mw_loss_metric metric)
{
    return metrics[metric].name;
}

mw_loss mw_loss_of(mw_loss_metric metric)
{
    return metrics[metric].of;
}

double mw_loss_at(mw_loss loss, double label, double prediction)
{
    double error = label - prediction;
    switch (loss) {
    case MW_LOSS_PERCENTAGE:
        return fabs(error) / fmax(DBL_EPSILON, fabs(label));
    case MW_LOSS_SQUARED:
        return error * error;
    case MW_LOSS_SQUARED_LOG:
        error = log1p(label) - log1p(prediction);
        return error * error;
    default:
        return fabs(error);
    }
}

static double finished(mw_loss_metric metric, double mean)
{
    return metrics[metric].is_root ? sqrt(mean) : mean;
}

double mw_loss_estimate(mw_loss_metric metric, const double *losses, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += losses[i] > 0 ? losses[i] : 0;
    return finished(metric, sum / (double)n);
}

double mw_loss_realized(mw_loss_metric metric, const double *labels, const double *predictions,
                        size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += mw_loss_at(metrics[metric].of, labels[i], predictions[i]);
    return finished(metric, sum / (double)n);
}

/* NannyML divides by the label itself here, sign and all. */
static double spread_loss(mw_loss loss, double label, double prediction)
{
    return loss == MW_LOSS_PERCENTAGE ? fabs(label - prediction) / label
                                      : mw_loss_at(loss, label, prediction);
}

mw_decay_error mw_loss_error(mw_loss_metric metric, const double *labels, const double *predictions,
                             size_t n)
{
    double mean = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        double loss = spread_loss(metrics[metric].of, labels[i], predictions[i]);
        double away = loss - mean;
        mean += away / (double)(i + 1);
        squares += away * (loss - mean);
    }
    double spread = sqrt(squares / (double)n);
    return (mw_decay_error){metrics[metric].is_root ? spread / (2 * sqrt(mean)) : spread, 1};
}

/* What one row more would move it: -(e^2 - A) / B + A / B^2 ((y - mean)^2 - B), of means A and B.
 */
mw_decay_error mw_r2_error(const double *labels, const double *predictions, size_t n)
{
    double mean = 0, off = 0, about = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        mean += (labels[i] - mean) / (double)(i + 1);
    for (size_t i = 0; i < n; i++) {
        double error = labels[i] - predictions[i], away = labels[i] - mean;
        off += (error * error - off) / (double)(i + 1);
        about += (away * away - about) / (double)(i + 1);
    }
    for (size_t i = 0; i < n; i++) {
        double error = labels[i] - predictions[i], away = labels[i] - mean;
        double moves = (off / about * (away * away - about) - (error * error - off)) / about;
        squares += moves * moves;
    }
    return (mw_decay_error){about > 0 ? sqrt(squares / (double)n) : (double)NAN, 1};
}
