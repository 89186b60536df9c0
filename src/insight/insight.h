/* insight: what a model does, in terms that people use.
 *
 *     forest --------------------> importance.h     which features matter
 *     predictor, rows, target ---> permutation.h    and for which measure (metric.h)
 *     predictor, rows -----------> curves.h         how predictions move with one feature
 *     contributions, groups -----> reasons.h        the strongest reasons, one side
 *     predictor, row, rules -----> counterfactual.h the nearest row with another answer
 *
 * Pure functions over a forest, a predictor and rows in memory: nothing is read, printed or kept.
 */
#ifndef INSIGHT_INSIGHT_H
#define INSIGHT_INSIGHT_H

#include "base/base.h"
#include "model/model.h"
#include "predict/predict.h"

#include "cells.h"
#include "counterfactual.h"
#include "curves.h"
#include "importance.h"
#include "metric.h"
#include "permutation.h"
#include "reasons.h"
#include "rules.h"

#endif
