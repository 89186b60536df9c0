/* How good an endpoint's model was over time: estimated before labels came, beside the truth.
 *
 *     GET /mw/v1/endpoints/{name}/decay
 *         --> the journal's thread: labels by windows of five minutes
 *         --> the watch's windows, merged by their begin --> JSON
 *
 * Windows without a row and without a label are left out. */
#include <math.h>
#include <stdlib.h>

#include "drift.h"
#include "look.h"

enum { METRICS = 6, WINDOW_MS = 300000 };

/* Of which some are estimated, too. */
static const char *const of_numbers[METRICS] = {"rmse", "mae", "mse", "r2", "mape", "mean_error"};

typedef struct decay_truth {
    int64_t begin_ms;
    size_t n_labels;
    mw_estimate values[METRICS];
} decay_truth;

typedef struct decay_call {
    mw_performance_task task;
    mw_exchange *exchange;
    mw_monitor *monitor;
    const char *endpoint; /* lives as long as the fleet */
    unsigned version;
    uint64_t model;
    bool is_regression, has_decay;
    mw_watch_decay decay;
    size_t n;
    decay_truth truths[MW_WATCH_DECAY_WINDOWS + 1]; /* of the windows that have labels, in order */
} decay_call;

static const char *name_of(bool is_regression, size_t metric)
{
    return is_regression ? of_numbers[metric] : mw_decay_name((mw_decay_metric)metric);
}

/* ---- the truth ------------------------------------------------------------------------------- */

mw_estimate api_decay_value(const mw_performance_part *part, const char *wanted)
{
    size_t n;
    const mw_quality_metric *names = mw_quality_metrics(part->task, &n);
    size_t size = strlen(wanted);
    for (size_t i = 0; i < n; i++) {
        const char *name = names[i].name, *rest = name + size;
        /* of several classes it is the mean over them */
        if (strncmp(name, wanted, size) == 0 &&
            (!*rest || strcmp(rest, "_macro") == 0 || strcmp(rest, "_ovr") == 0))
            return part->metrics[i];
    }
    return (mw_estimate){(double)NAN, (double)NAN, (double)NAN, MW_BY_NORMAL};
}

static void see(void *user, const mw_performance_part *part)
{
    decay_call *call = user;
    if (part->shape->model != call->model || call->n == MW_COUNT(call->truths))
        return;
    decay_truth *truth = &call->truths[call->n++];
    truth->begin_ms = part->step_begin_ms;
    truth->n_labels = part->n_labels;
    call->is_regression = part->task == MW_TASK_REGRESSION;
    for (size_t m = 0; m < METRICS; m++)
        truth->values[m] = api_decay_value(part, name_of(call->is_regression, m));
}

/* ---- the answer ------------------------------------------------------------------------------ */

static double number_at(const double *numbers, ptrdiff_t at)
{
    return numbers && at >= 0 ? numbers[at] : (double)NAN;
}

/* The place of a metric among those that are estimated; -1. */
static ptrdiff_t place_of(const decay_call *call, const char *name)
{
    for (size_t m = 0; call->has_decay && m < call->decay.n_metrics; m++)
        if (strcmp(mw_watch_decay_name(call->decay.is_regression, m), name) == 0)
            return (ptrdiff_t)m;
    return -1;
}

static void put_metric(const decay_call *call, const mw_watch_decay_window *w,
                       const decay_truth *truth, size_t m, mw_buf *out)
{
    static const mw_estimate none = {(double)NAN, (double)NAN, (double)NAN, MW_BY_NORMAL};
    const char *name = name_of(call->is_regression, m);
    const mw_estimate *told = truth ? &truth->values[m] : &none;
    ptrdiff_t at = place_of(call, name);
    mw_buf_format(out, "%s\"%s\":{\"estimated\":", m ? "," : "", name);
    mw_json_write_double(out, number_at(w ? w->estimated : NULL, at));
    api_put_double(out, "low", number_at(w ? w->low : NULL, at));
    api_put_double(out, "high", number_at(w ? w->high : NULL, at));
    api_put_double(out, "realized", told->value);
    api_put_double(out, "realized_low", told->low);
    api_put_double(out, "realized_high", told->high);
    mw_buf_char(out, '}');
}

static void put_window(const decay_call *call, const mw_watch_decay_window *w,
                       const decay_truth *truth, bool is_first, mw_buf *out)
{
    double t = w ? w->t : (double)truth->begin_ms / 1000;
    mw_buf_format(out, "%s\n{\"t\":%.0f,\"rows\":%llu,\"labels\":%zu,\"metrics\":{",
                  is_first ? "" : ",", t, w ? (unsigned long long)w->rows : 0ULL,
                  truth ? truth->n_labels : 0);
    for (size_t m = 0; m < METRICS; m++)
        put_metric(call, w, truth, m, out);
    mw_buf_text(out, "}}");
}

/* Both are in order; a window that both have is one. */
static void put_windows(const decay_call *call, const mw_watch_decay_window *windows, size_t n,
                        mw_buf *out)
{
    size_t i = 0, j = 0;
    for (bool is_first = true; i < n || j < call->n; is_first = false) {
        int64_t begins = i < n ? (int64_t)(windows[i].t * 1000) : INT64_MAX;
        int64_t told = j < call->n ? call->truths[j].begin_ms : INT64_MAX;
        put_window(call, begins <= told ? &windows[i] : NULL,
                   told <= begins ? &call->truths[j] : NULL, is_first, out);
        i += begins <= told;
        j += told <= begins;
    }
}

static void put_reference(const decay_call *call, mw_buf *out)
{
    const mw_watch_decay *decay = &call->decay;
    if (!call->has_decay)
        return;
    mw_buf_format(out, ",\"reference\":{\"labels\":%zu", decay->reference_labels);
    if (!decay->is_regression)
        mw_buf_format(out, ",\"calibrated\":%s", decay->is_calibrated ? "true" : "false");
    mw_buf_text(out, ",\"metrics\":{");
    for (size_t m = 0; m < decay->n_metrics; m++) {
        mw_buf_format(out, "%s\"%s\":", m ? "," : "", mw_watch_decay_name(decay->is_regression, m));
        mw_json_write_double(out, decay->reference[m]);
    }
    mw_buf_text(out, "}}");
}

static void done(mw_performance_task *task)
{
    decay_call *call = (decay_call *)task;
    mw_exchange *exchange = call->exchange;
    mw_buf *out = exchange->reply;
    mw_watch_decay_window *windows =
        mw_arena_take(exchange->arena, MW_WATCH_DECAY_WINDOWS * sizeof *windows);
    mw_error err;
    if (task->status != MW_OK || !windows) {
        if (!windows)
            mw_fail_memory(&err, "the windows");
        api_answer_error(exchange, windows ? &task->err : &err);
        return;
    }
    size_t n = 0, first = 0;
    if (call->monitor) {
        n = mw_monitor_decay_windows(call->monitor, call->endpoint, call->version, windows);
        call->has_decay =
            mw_monitor_decay(call->monitor, call->endpoint, call->version, &call->decay);
        call->is_regression |= call->has_decay && call->decay.is_regression;
    }
    while (first < n && (int64_t)(windows[first].t * 1000) + WINDOW_MS <= task->query.from_ms)
        first++;
    mw_buf_text(out, "{\"endpoint\":");
    mw_json_write_text(out, mw_view_of(call->endpoint));
    mw_buf_format(out, ",\"version\":%u,\"method\":\"%s\",\"window_seconds\":%d", call->version,
                  call->is_regression ? "dle" : "cbpe", WINDOW_MS / 1000);
    put_reference(call, out);
    mw_buf_text(out, ",\"windows\":[");
    put_windows(call, windows + first, n - first, out);
    mw_buf_text(out, "\n]}\n");
    exchange->reply_type = MW_VIEW("application/json");
    mw_exchange_reply(exchange);
}

/* ---- the question ---------------------------------------------------------------------------- */

static void take_endpoint(void *user, const mw_endpoint_info *info)
{
    decay_call *call = user;
    call->endpoint = info->name;
    call->version = info->version;
    call->model = info->forest ? mw_journal_model(info->forest) : 0;
    call->is_regression = info->forest && info->forest->n_classes == 0;
}

static mw_status ask(mw_api *api, mw_exchange *exchange, const api_asked *asked, decay_call *call,
                     mw_error *err)
{
    int64_t seconds;
    if (!api_find_endpoint(api, asked->params.name, take_endpoint, call))
        return api_fail_unknown(api, asked->params.name, err);
    MW_TRY(api_query_window(exchange, MW_WATCH_DECAY_WINDOWS * (WINDOW_MS / 1000), &seconds, err));
    int64_t from = mw_clock_wall_ms() - seconds * 1000;
    call->task.query = (mw_performance_query){.endpoint = mw_view_of(call->endpoint),
                                              .from_ms = from - from % WINDOW_MS,
                                              .step_ms = WINDOW_MS,
                                              .threshold = (double)NAN};
    if (api_journal(api))
        return MW_OK;
    mw_fail(err, MW_E_JOURNAL_OFF, "this server keeps no predictions");
    return mw_mend(err, "start it with --log on");
}

void api_endpoint_decay(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    mw_error err;
    decay_call *call = mw_arena_take_zeroed(exchange->arena, 1, sizeof *call);
    mw_status status =
        call ? ask(api, exchange, asked, call, &err) : mw_fail_memory(&err, "the windows");
    if (status != MW_OK) {
        api_answer_error(exchange, &err);
        return;
    }
    call->exchange = exchange;
    call->monitor = api_monitor(api);
    call->task.see = see;
    call->task.done = done;
    call->task.user = call;
    mw_exchange_defer(exchange);
    if (mw_journal_performance(api_journal(api), &call->task, &err) != MW_OK)
        api_answer_error(exchange, &err);
}
