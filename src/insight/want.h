/* want: does a prediction answer what was asked, and can a box of rows? Room-private. */
#ifndef INSIGHT_WANT_H
#define INSIGHT_WANT_H

#include "counterfactual.h"

/* Fails: MW_UNSUPPORTED, MW_BAD_ARGUMENT: see mw_counterfactual_find. */
MW_CHECKED mw_status insight_want_check(const mw_search *search, mw_error *err);
/* Of a row's predictions, as mw_predict_batch gives them. */
bool insight_want_met(const mw_search *search, const double *predictions);
/* False when no margins between these bounds (n_margins each) can meet it. */
bool insight_want_reachable(const mw_search *search, const double *low, const double *high);

#endif
