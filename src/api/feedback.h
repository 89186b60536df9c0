/* Feedback and performance in /metrics; the handlers are of route.h. */
#ifndef API_FEEDBACK_H
#define API_FEEDBACK_H

#include "route.h"

/* Nothing where predictions are not kept. open: OpenMetrics. */
void api_feedback_metrics(mw_api *api, mw_buf *out, bool open);

/* Likewise: how groups are treated, of endpoints that are watched. */
void api_fairness_metrics(mw_api *api, mw_buf *out);

#endif
