/* What the watch has found, in /metrics; GET /drift is a handler of route.h. */
#ifndef API_DRIFT_H
#define API_DRIFT_H

#include "route.h"

/* Nothing where nothing is watched. open: OpenMetrics. */
void api_drift_metrics(mw_api *api, mw_buf *out, bool open);

#endif
