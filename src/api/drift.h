/* What the watch has found, in /metrics; GET /drift is a handler of route.h. */
#ifndef API_DRIFT_H
#define API_DRIFT_H

#include "route.h"

/* Nothing where nothing is watched; contributions included. open: OpenMetrics. */
void api_drift_metrics(mw_api *api, mw_buf *out, bool open);

/* The value of a label in /metrics, between its quotes: backslash, quote and line end are escaped.
 */
void api_write_label(mw_buf *out, mw_view text);
/* A line of a metric that is of a feature. */
void api_write_of_feature(mw_buf *out, const char *metric, const mw_endpoint_info *info,
                          mw_view feature, double value);
/* The name of a column of the watch: features first, then outputs. `room` may hold it. */
mw_view api_column_name(const mw_endpoint_info *info, size_t n_features, size_t c, char *room,
                        size_t room_size);
/* Members of a column's object, and of a version's: "values" (nothing where none was sampled),
 * "stuck", "stream". Each begins with a comma. */
void api_write_values(mw_monitor *monitor, const mw_endpoint_info *info, size_t c, bool is_category,
                      mw_watch_scope scope, mw_buf *out);
void api_write_stuck(const mw_endpoint_info *info, size_t c, const mw_watched *found, mw_buf *out);
/* What labels say of a metric; NaN where they do not. */
mw_estimate api_decay_value(const mw_performance_part *part, const char *metric);
/* "decay", beside what labels say in `journal` (NULL: none); nothing without a reference. */
void api_write_decay(mw_monitor *monitor, mw_journal *journal, const mw_endpoint_info *info,
                     size_t n_features, mw_buf *out);
/* What was asked of a version, and whether anybody asks it still. */
typedef struct api_drift_asked {
    int64_t seconds; /* of the window; 0: the last 15 minutes, as the verdict has it */
    mw_watch_scope scope;
    bool is_inactive;
} api_drift_asked;
/* "contributions"; nothing where they are not watched (drift_contributions.c). */
void api_write_contributions(mw_monitor *monitor, const mw_endpoint_info *info,
                             const api_drift_asked *asked, mw_buf *out);
/* Its families of /metrics: lines of one version after another, then the page's part of them. */
typedef struct api_contribution_lines api_contribution_lines;
/* NULL: no memory; the others do nothing with it. bytes_max: of a family. */
api_contribution_lines *api_contribution_lines_new(mw_monitor *monitor, size_t bytes_max);
/* Nothing where the version's contributions are not watched. */
void api_contribution_lines_add(api_contribution_lines *lines, const mw_endpoint_info *info,
                                bool is_inactive);
/* Writes them and frees. out: NULL, only free. */
void api_contribution_lines_end(api_contribution_lines *lines, mw_buf *out, bool open);
void api_write_stream(const mw_watch_stream *stream, mw_buf *out);
/* "window=24h", in seconds. Fails: MW_BAD_ARGUMENT (MW3526). */
MW_CHECKED mw_status api_query_window(mw_exchange *exchange, int64_t usual, int64_t *ret_seconds,
                                      mw_error *err);
/* "scope=server": what this server alone has counted. Fails: MW_BAD_ARGUMENT (MW3526). */
MW_CHECKED mw_status api_query_scope(mw_exchange *exchange, mw_watch_scope *ret_scope,
                                     mw_error *err);

#endif
