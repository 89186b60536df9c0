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

typedef struct decay_truth {
    int64_t begin_ms;
    size_t n_labels;
    double values[MW_N_DECAY];
} decay_truth;

typedef struct decay_call {
    mw_performance_task task;
    mw_exchange *exchange;
    mw_monitor *monitor;
    const char *endpoint; /* lives as long as the fleet */
    unsigned version;
    uint64_t model;
    size_t n;
    decay_truth truths[MW_WATCH_DECAY_WINDOWS + 1]; /* of the windows that have labels, in order */
} decay_call;

enum { WINDOW_MS = 300000 };

/* ---- the truth ------------------------------------------------------------------------------- */

double api_decay_value(const mw_performance_part *part, size_t metric)
{
    size_t n;
    const mw_quality_metric *names = mw_quality_metrics(part->task, &n);
    const char *wanted = mw_decay_name((mw_decay_metric)metric);
    size_t size = strlen(wanted);
    for (size_t i = 0; i < n; i++) {
        const char *name = names[i].name, *rest = name + size;
        /* of several classes it is the mean over them */
        if (strncmp(name, wanted, size) == 0 &&
            (!*rest || strcmp(rest, "_macro") == 0 || strcmp(rest, "_ovr") == 0))
            return part->metrics[i].value;
    }
    return (double)NAN;
}

static void see(void *user, const mw_performance_part *part)
{
    decay_call *call = user;
    if (part->shape->model != call->model || call->n == MW_COUNT(call->truths))
        return;
    decay_truth *truth = &call->truths[call->n++];
    truth->begin_ms = part->step_begin_ms;
    truth->n_labels = part->n_labels;
    for (size_t m = 0; m < MW_N_DECAY; m++)
        truth->values[m] = api_decay_value(part, m);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void put_window(const mw_watch_decay_window *w, const decay_truth *truth, bool is_first,
                       mw_buf *out)
{
    double t = w ? w->t : (double)truth->begin_ms / 1000;
    mw_buf_format(out, "%s\n{\"t\":%.0f,\"rows\":%llu,\"labels\":%zu,\"metrics\":{",
                  is_first ? "" : ",", t, w ? (unsigned long long)w->rows : 0ULL,
                  truth ? truth->n_labels : 0);
    for (size_t m = 0; m < MW_N_DECAY; m++) {
        mw_buf_format(out, "%s\"%s\":{\"estimated\":", m ? "," : "",
                      mw_decay_name((mw_decay_metric)m));
        mw_json_write_double(out, w ? w->estimated[m] : (double)NAN);
        api_put_double(out, "low", w ? w->low[m] : (double)NAN);
        api_put_double(out, "high", w ? w->high[m] : (double)NAN);
        api_put_double(out, "realized", truth ? truth->values[m] : (double)NAN);
        mw_buf_char(out, '}');
    }
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
        put_window(begins <= told ? &windows[i] : NULL, told <= begins ? &call->truths[j] : NULL,
                   is_first, out);
        i += begins <= told;
        j += told <= begins;
    }
}

static void put_reference(const decay_call *call, mw_buf *out)
{
    mw_watch_decay decay;
    if (!call->monitor || !mw_monitor_decay(call->monitor, call->endpoint, call->version, &decay))
        return;
    mw_buf_format(out, ",\"reference\":{\"labels\":%zu,\"calibrated\":%s,\"metrics\":{",
                  decay.reference_labels, decay.is_calibrated ? "true" : "false");
    for (size_t m = 0; m < MW_N_DECAY; m++) {
        mw_buf_format(out, "%s\"%s\":", m ? "," : "", mw_decay_name((mw_decay_metric)m));
        mw_json_write_double(out, decay.reference[m]);
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
    if (call->monitor)
        n = mw_monitor_decay_windows(call->monitor, call->endpoint, call->version, windows);
    while (first < n && (int64_t)(windows[first].t * 1000) + WINDOW_MS <= task->query.from_ms)
        first++;
    mw_buf_text(out, "{\"endpoint\":");
    mw_json_write_text(out, mw_view_of(call->endpoint));
    mw_buf_format(out, ",\"version\":%u,\"method\":\"cbpe\",\"window_seconds\":%d", call->version,
                  WINDOW_MS / 1000);
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
