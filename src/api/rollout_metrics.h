/* Rollouts in /metrics: mw_rollout_*. */
#ifndef API_ROLLOUT_METRICS_H
#define API_ROLLOUT_METRICS_H

#include "api.h"

void api_rollout_metrics(mw_api *api, mw_buf *out, bool open);

#endif
