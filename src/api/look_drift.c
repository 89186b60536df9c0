/* How inputs and outputs were over time, for charts: series of a measure, and histograms beside the
 * reference's.
 *
 *     {"step": 60, "t": [..], "rows": [..], "series": {"income": [.., null]}} */
#include <math.h>
#include <stdlib.h>

#include "drift.h"
#include "look.h"
#include "mlflow.h"
#include "model/model.h"

enum { USUAL_WINDOW = 3600, TEXT_MAX = 60 };

static const struct window_word {
    const char *word;
    int64_t seconds;
} windows[] = {{"15m", 900},  {"1h", 3600},   {"6h", 21600},   {"24h", 86400},
               {"1d", 86400}, {"7d", 604800}, {"30d", 2592000}};

/* ---- the question ---------------------------------------------------------------------------- */

static mw_status fail_question(const char *name, mw_view text, const char *takes, mw_error *err)
{
    mw_fail(err, MW_E_QUERY, "'%.*s' is not what '%s' takes",
            (int)(text.size < TEXT_MAX ? text.size : TEXT_MAX), text.data, name);
    return mw_mend(err, "%s", takes);
}

mw_status api_query_window(mw_exchange *exchange, int64_t usual, int64_t *ret_seconds,
                           mw_error *err)
{
    mw_view text = api_query(exchange, "window");
    *ret_seconds = usual;
    if (!text.data)
        return MW_OK;
    for (size_t i = 0; i < MW_COUNT(windows); i++)
        if (mw_view_is(text, windows[i].word)) {
            *ret_seconds = windows[i].seconds;
            return MW_OK;
        }
    return fail_question("window", text, "15m, 1h, 6h, 24h, 7d or 30d", err);
}

mw_status api_query_scope(mw_exchange *exchange, mw_watch_scope *ret_scope, mw_error *err)
{
    mw_view text = api_query(exchange, "scope");
    *ret_scope = mw_view_is(text, "server") ? MW_WATCH_OF_THIS : MW_WATCH_OF_ALL;
    if (!text.data || *ret_scope == MW_WATCH_OF_THIS || mw_view_is(text, "all"))
        return MW_OK;
    return fail_question("scope", text, "server or all", err);
}

static const char *const measures[] = {"psi", "missing", "outside"}; /* mw_watch_measure */

static mw_status read_measure(mw_exchange *exchange, mw_watch_measure *ret, mw_error *err)
{
    mw_view text = api_query(exchange, "measure");
    *ret = MW_WATCH_PSI;
    if (!text.data)
        return MW_OK;
    for (size_t i = 0; i < MW_COUNT(measures); i++)
        if (mw_view_is(text, measures[i])) {
            *ret = (mw_watch_measure)i;
            return MW_OK;
        }
    return fail_question("measure", text, "psi, missing or outside", err);
}

typedef struct question {
    mw_api *api;
    mw_exchange *exchange;
    mw_view feature;                 /* absent: all */
    int64_t version, seconds, until; /* until: 0 = now */
    mw_watch_measure measure;
    bool of_contributions;
    bool is_told;
} question;

/* from= and to=, in seconds since 1970, in place of a window that ends now. */
static mw_status read_range(question *q, mw_error *err)
{
    int64_t from, now = mw_clock_wall_ms() / 1000;
    MW_TRY(api_query_number(q->exchange, "to", 1, INT64_C(1) << 40, 0, &q->until, err));
    MW_TRY(api_query_number(q->exchange, "from", 0, q->until > 0 ? q->until - 1 : now, -1, &from,
                            err));
    if (from >= 0)
        q->seconds = now > from ? now - from : 1;
    return MW_OK;
}

static mw_status read_question(question *q, mw_error *err)
{
    MW_TRY(api_query_number(q->exchange, "version", 0, UINT32_MAX, 0, &q->version, err));
    MW_TRY(api_query_window(q->exchange, USUAL_WINDOW, &q->seconds, err));
    MW_TRY(read_range(q, err));
    q->feature = api_query(q->exchange, "feature");
    mw_view of = api_query(q->exchange, "of");
    q->of_contributions = mw_view_is(of, "contributions");
    if (of.data && !q->of_contributions && !mw_view_is(of, "rows"))
        return fail_question("of", of, "rows or contributions", err);
    return read_measure(q->exchange, &q->measure, err);
}

static unsigned version_of(const question *q, const mw_endpoint_info *info)
{
    return q->version > 0 ? (unsigned)q->version : info->version;
}

/* Contributions are those of a version beside it (monitor.h). */
static unsigned watched_of(const question *q, const mw_endpoint_info *info)
{
    return version_of(q, info) | (q->of_contributions ? MW_WATCH_CONTRIBUTIONS : 0);
}

static bool is_asked(const question *q, mw_view name)
{
    return !q->feature.data || mw_view_equal(q->feature, name);
}

/* ---- series ---------------------------------------------------------------------------------- */

static void put_values(mw_buf *out, const double *values, size_t n)
{
    mw_buf_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            mw_buf_char(out, ',');
        mw_json_write_double(out, values[i]);
    }
    mw_buf_char(out, ']');
}

/* Points that begin before the range's end. */
static size_t shown_of(const question *q, const mw_watch_series *series)
{
    size_t n = series->n_points;
    while (q->until > 0 && n > 0 && series->t[n - 1] >= (double)q->until)
        n--;
    return n;
}

static void put_series(const question *q, const mw_endpoint_info *info,
                       const mw_watch_series *series, size_t n_features)
{
    char room[32];
    bool first = true;
    mw_buf *out = q->exchange->reply;
    mw_buf_format(out,
                  "{\"version\":%u,\"measure\":\"%s\",\"step\":%.0f,\"t\":", version_of(q, info),
                  measures[q->measure], series->step_seconds);
    size_t n = shown_of(q, series);
    put_values(out, series->t, n);
    mw_buf_text(out, ",\"rows\":");
    put_values(out, series->rows, n);
    mw_buf_text(out, ",\"series\":{");
    for (size_t c = 0; c < series->n_columns; c++) {
        mw_view name = api_column_name(info, n_features, c, room, sizeof room);
        if (!is_asked(q, name))
            continue;
        mw_buf_text(out, first ? "\n  " : ",\n  ");
        mw_json_write_text(out, name);
        mw_buf_char(out, ':');
        put_values(out, series->values + c * series->n_points, n);
        first = false;
    }
    mw_buf_text(out, "\n}}\n");
}

static size_t features_of(const question *q, const mw_endpoint_info *info)
{
    mw_watch_report report = {0};
    mw_watched none;
    return mw_monitor_report(api_monitor(q->api), info->name, watched_of(q, info), &report, &none,
                             0)
               ? report.n_features
               : 0;
}

static void tell_series(void *given, const mw_endpoint_info *info)
{
    question *q = given;
    mw_watch_series series = {0};
    q->is_told = true;
    if (api_monitor(q->api))
        (void)mw_monitor_series(api_monitor(q->api), info->name, watched_of(q, info), q->measure,
                                (double)q->seconds, &series);
    put_series(q, info, &series, api_monitor(q->api) ? features_of(q, info) : 0);
    mw_watch_series_done(&series);
}

/* ---- histograms ------------------------------------------------------------------------------ */

static void put_bin(const mw_endpoint_info *info, size_t column, const mw_watch_bin *bin,
                    mw_buf *out)
{
    static const char *const kinds[] = {"range", "category", "others", "new", "missing"};
    mw_buf_format(out, "{\"kind\":\"%s\"", kinds[bin->kind]);
    if (bin->kind == MW_WATCH_BIN_RANGE) {
        api_put_double(out, "low", bin->low);
        api_put_double(out, "high", bin->high);
    }
    if (bin->kind == MW_WATCH_BIN_CATEGORY) {
        const mw_schema *schema = info->forest ? &info->forest->schema : NULL;
        const mw_column *known =
            schema && column < schema->n_columns ? &schema->columns[column] : NULL;
        mw_buf_text(out, ",\"category\":");
        if (known && known->categories && bin->code < known->n_categories)
            mw_json_write_text(out, known->categories[bin->code]);
        else
            mw_buf_format(out, "\"%u\"", bin->code);
    }
    mw_buf_format(out, ",\"reference\":%.0f,\"current\":%.0f}", bin->reference, bin->current);
}

static void put_column(const question *q, const mw_endpoint_info *info, mw_view name, size_t c)
{
    mw_watch_bin bins[MW_WATCH_BINS];
    mw_buf *out = q->exchange->reply;
    size_t n = mw_monitor_bins(api_monitor(q->api), info->name, watched_of(q, info), c,
                               (double)q->seconds, (double)q->until, bins);
    mw_json_write_text(out, name);
    mw_buf_text(out, ":[");
    for (size_t i = 0; i < n; i++) {
        mw_buf_text(out, i ? "," : "");
        put_bin(info, c, &bins[i], out);
    }
    mw_buf_char(out, ']');
}

static void tell_bins(void *given, const mw_endpoint_info *info)
{
    char room[32];
    question *q = given;
    bool first = true;
    mw_watch_report report = {0};
    mw_watched none;
    mw_buf *out = q->exchange->reply;
    q->is_told = true;
    if (api_monitor(q->api))
        (void)mw_monitor_report(api_monitor(q->api), info->name, watched_of(q, info), &report,
                                &none, 0);
    mw_buf_format(out, "{\"version\":%u,\"features\":{", version_of(q, info));
    for (size_t c = 0; c < report.n_features + report.n_outputs; c++) {
        mw_view name = api_column_name(info, report.n_features, c, room, sizeof room);
        if (!is_asked(q, name))
            continue;
        mw_buf_text(out, first ? "\n  " : ",\n  ");
        put_column(q, info, name, c);
        first = false;
    }
    mw_buf_text(out, "\n}}\n");
}

/* ---- answers --------------------------------------------------------------------------------- */

static void answer(mw_api *api, mw_exchange *exchange, const api_asked *asked,
                   void (*tell)(void *user, const mw_endpoint_info *info))
{
    mw_error err;
    question q = {.api = api, .exchange = exchange};
    mw_status status = read_question(&q, &err);
    if (status == MW_OK && !api_find_endpoint(api, asked->params.name, tell, &q))
        status = api_fail_unknown(api, asked->params.name, &err);
    if (status == MW_OK)
        api_answer_json(exchange);
    else
        api_answer_error(exchange, &err);
}

void api_drift_series(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    answer(api, exchange, asked, tell_series);
}

void api_drift_bins(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    answer(api, exchange, asked, tell_bins);
}
