/* What stands around inference in the Open Inference Protocol: health, metadata, configuration,
 * statistics, the model repository. */
#include "call.h"

#include "fleet.h"
#include "oip_answer.h"

/* ---- the server ------------------------------------------------------------------------------ */

const char *serve_extension(const mw_fleet *fleet, size_t i)
{
    static const char *const names[] = {"classification",   "model_configuration",
                                        "model_repository", "model_repository(unload_dependents)",
                                        "statistics",       "system_shared_memory"};
    size_t n = MW_COUNT(names) - (serve_memory_of(fleet) ? 0 : 1);
    return i < n ? names[i] : NULL;
}

bool serve_is_ready(mw_fleet *fleet, unsigned loop)
{
    const serve_plan *plan = serve_plan_pin(fleet, loop);
    bool ready = plan->n_slots > 0 && !mw_fleet_is_draining(fleet);
    serve_plan_unpin(fleet, loop);
    return ready;
}

void serve_oip_server(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    (void)params;
    mw_buf_text(exchange->reply, "{\"name\": \"millwright\", \"version\": \"" MW_VERSION
                                 "\", \"extensions\": [\"binary_tensor_data\"");
    const char *name;
    for (size_t i = 0; (name = serve_extension(fleet, i)); i++)
        mw_buf_format(exchange->reply, ", \"%s\"", name);
    mw_buf_text(exchange->reply, "]}");
    serve_reply(exchange, 200, "application/json");
}

void serve_oip_live(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    (void)fleet;
    (void)params;
    mw_buf_text(exchange->reply, "{\"live\": true}");
    serve_reply(exchange, 200, "application/json");
}

void serve_oip_ready(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    (void)params;
    bool ready = serve_is_ready(fleet, exchange->loop);
    mw_buf_text(exchange->reply, ready ? "{\"ready\": true}" : "{\"ready\": false}");
    serve_reply(exchange, ready ? 200 : 503, "application/json");
}

void serve_oip_models(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    serve_kserve_models(fleet, exchange, params);
}

/* ---- one model ------------------------------------------------------------------------------- */

const serve_slot *serve_pin_slot(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    mw_error err;
    const serve_plan *plan = serve_plan_pin(fleet, exchange->loop);
    const serve_slot *slot = serve_plan_find(plan, params->name);
    bool other_version = slot && slot->model && params->version.size > 0 &&
                         !mw_view_is(params->version, slot->model->version_text);
    if (slot && slot->model && !other_version)
        return slot;
    if (slot && !slot->model) {
        mw_fail(&err, MW_E_ENDPOINT_UNLOADED, "the model '%s' is not loaded", slot->endpoint->name);
        mw_mend(&err, "POST /v2/repository/models/%s/load", slot->endpoint->name);
    } else {
        mw_fail(&err, MW_E_ENDPOINT_UNKNOWN, "no model is called '%.*s'%s",
                MW_VIEW_ARG(params->name), other_version ? " in this version" : "");
        mw_mend(&err, "GET /v2/models lists the models of this server");
    }
    serve_plan_unpin(fleet, exchange->loop);
    serve_reply_error(exchange, &err, 0);
    return NULL;
}

const char *serve_platform(const mw_forest *forest)
{
    switch (forest->format) {
    case MW_FORMAT_LIGHTGBM_TEXT:
    case MW_FORMAT_LIGHTGBM_JSON:
        return "lightgbm";
    case MW_FORMAT_CATBOOST_JSON:
    case MW_FORMAT_CATBOOST_BINARY:
        return "catboost";
    case MW_FORMAT_ONNX:
        return "onnx";
    case MW_FORMAT_ONNX_GRAPH:
        return "onnxruntime_onnx"; /* Triton's name for what computes it */
    case MW_FORMAT_XGBOOST_JSON:
    case MW_FORMAT_XGBOOST_UBJSON:
        break;
    }
    return "xgboost";
}

/* "name": .., "datatype": .., "shape": [..]; Triton's ModelConfig has other words. */
static void write_tensors(const serve_model *model, oip_types *types, bool for_config, mw_buf *out)
{
    oip_tensor_type type;
    for (size_t i = 0; types(model, i, &type); i++) {
        const char *told = oip_datatype_name(type.datatype);
        mw_buf_text(out, i > 0 ? ", {\"name\": " : "{\"name\": ");
        mw_json_write_text(out, type.name);
        if (for_config)
            mw_buf_format(out, ", \"data_type\": \"TYPE_%s\", \"dims\": [",
                          type.datatype == OIP_BYTES ? "STRING" : told);
        else
            mw_buf_format(out, ", \"datatype\": \"%s\", \"shape\": [", told);
        for (size_t d = 0; d < type.rank; d++)
            mw_buf_format(out, d > 0 ? ", %lld" : "%lld", (long long)type.dims[d]);
        mw_buf_text(out, "]}");
    }
}

void serve_oip_model(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    const serve_slot *slot = serve_pin_slot(fleet, exchange, params);
    if (!slot)
        return;
    mw_buf *out = exchange->reply;
    mw_buf_text(out, "{\"name\": ");
    mw_json_write_text(out, mw_view_of(slot->endpoint->name));
    mw_buf_format(out, ", \"versions\": [\"%s\"], \"platform\": \"%s\", ",
                  slot->model->version_text, serve_platform(slot->model->forest));
    mw_buf_text(out, "\"inputs\": [");
    write_tensors(slot->model, oip_input_type, false, out);
    mw_buf_text(out, "], \"outputs\": [");
    write_tensors(slot->model, oip_output_type, false, out);
    mw_buf_text(out, "]}");
    serve_plan_unpin(fleet, exchange->loop);
    serve_reply(exchange, 200, "application/json");
}

void serve_oip_is_ready(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    const serve_slot *slot = serve_pin_slot(fleet, exchange, params);
    if (!slot)
        return;
    mw_buf_text(exchange->reply, "{\"name\": ");
    mw_json_write_text(exchange->reply, mw_view_of(slot->endpoint->name));
    mw_buf_text(exchange->reply, ", \"ready\": true}");
    serve_plan_unpin(fleet, exchange->loop);
    serve_reply(exchange, 200, "application/json");
}

/* Triton's ModelConfig, as far as it has a meaning here. */
void serve_oip_config(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    const serve_slot *slot = serve_pin_slot(fleet, exchange, params);
    if (!slot)
        return;
    mw_buf *out = exchange->reply;
    const serve_model *model = slot->model;
    mw_buf_text(out, "{\"name\": ");
    mw_json_write_text(out, mw_view_of(slot->endpoint->name));
    mw_buf_format(out,
                  ", \"platform\": \"%s\", \"backend\": \"millwright\", \"max_batch_size\": 0, "
                  "\"input\": [",
                  serve_platform(model->forest));
    write_tensors(model, oip_input_type, true, out);
    mw_buf_text(out, "], \"output\": [");
    write_tensors(model, oip_output_type, true, out);
    mw_buf_text(out, "]}");
    serve_plan_unpin(fleet, exchange->loop);
    serve_reply(exchange, 200, "application/json");
}

/* ---- statistics ------------------------------------------------------------------------------ */

void serve_sum_answers(const mw_endpoint_counts *counts, uint64_t *ret_ok, uint64_t *ret_failed)
{
    *ret_ok = *ret_failed = 0;
    for (size_t p = 0; p < MW_N_PROTOCOLS; p++)
        for (size_t c = 0; c < MW_N_CODES; c++)
            *(mw_counted_codes[c] == 200 ? ret_ok : ret_failed) += counts->requests[p][c];
}

typedef struct stats_page {
    mw_buf *out;
    mw_view only; /* empty = all */
    size_t n_written;
} stats_page;

static void write_duration(mw_buf *out, const char *name, uint64_t count, uint64_t ns, bool last)
{
    mw_buf_format(out, "\"%s\": {\"count\": %llu, \"ns\": %llu}%s", name, (unsigned long long)count,
                  (unsigned long long)ns, last ? "" : ", ");
}

static void write_stats(void *user, const mw_endpoint_info *info)
{
    stats_page *page = user;
    if (!info->ready || (page->only.size > 0 && !mw_view_is(page->only, info->name)))
        return;
    uint64_t n_ok, n_failed;
    serve_sum_answers(&info->counts, &n_ok, &n_failed);
    mw_buf *out = page->out;
    mw_buf_text(out, page->n_written++ > 0 ? ", {\"name\": " : "{\"name\": ");
    mw_json_write_text(out, mw_view_of(info->name));
    mw_buf_format(out,
                  ", \"version\": \"%u\", \"last_inference\": %llu, \"inference_count\": %llu, "
                  "\"execution_count\": %llu, \"inference_stats\": {",
                  info->version, (unsigned long long)info->counts.last_ms,
                  (unsigned long long)info->counts.rows, (unsigned long long)n_ok);
    write_duration(out, "success", n_ok, info->counts.latency_ns, false);
    write_duration(out, "fail", n_failed, 0, false);
    const uint64_t *stage_ns = info->counts.stage_ns;
    write_duration(out, "queue", n_ok, stage_ns[MW_STAGE_QUEUE], false);
    write_duration(out, "compute_input", n_ok, stage_ns[MW_STAGE_DECODE], false);
    write_duration(out, "compute_infer", n_ok, stage_ns[MW_STAGE_PREDICT], false);
    write_duration(out, "compute_output", n_ok, stage_ns[MW_STAGE_ENCODE], false);
    write_duration(out, "cache_hit", 0, 0, false);
    write_duration(out, "cache_miss", 0, 0, true);
    mw_buf_format(out,
                  "}, \"response_stats\": {}, \"batch_stats\": [], \"memory_usage\": "
                  "[{\"type\": \"CPU\", \"id\": 0, \"byte_size\": %zu}]}",
                  info->memory_bytes);
}

void serve_oip_stats(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    if (params->name.size > 0) {
        if (!serve_pin_slot(fleet, exchange, params))
            return;
        serve_plan_unpin(fleet, exchange->loop);
    }
    stats_page page = {exchange->reply, params->name, 0};
    mw_buf_text(exchange->reply, "{\"model_stats\": [");
    mw_fleet_each_seen(fleet, exchange->user_sees, write_stats, &page);
    mw_buf_text(exchange->reply, "]}");
    serve_reply(exchange, 200, "application/json");
}

/* ---- the repository -------------------------------------------------------------------------- */

/* What a control request may say. */
typedef struct control_body {
    bool ready;         /* repository/index: only models that are ready */
    bool has_overrides; /* parameters that would replace the model's files or configuration */
} control_body;

static mw_status read_control_parameters(mw_scan *scan, mw_arena *arena, control_body *ret,
                                         mw_error *err)
{
    bool more;
    MW_TRY(mw_scan_object_begin(scan, err));
    for (;;) {
        mw_view key;
        MW_TRY(mw_scan_object_next(scan, arena, &key, &more, err));
        if (!more)
            return MW_OK;
        MW_TRY(mw_scan_skip(scan, NULL, err));
        ret->has_overrides = ret->has_overrides || !mw_view_is(key, "unload_dependents");
    }
}

/* {"ready": true, "parameters": {...}}, or nothing. */
static mw_status read_control(const mw_exchange *exchange, control_body *ret, mw_error *err)
{
    mw_scan scan;
    bool more;
    *ret = (control_body){false, false};
    mw_scan_init(&scan, exchange->body);
    if (mw_scan_peek(&scan) == MW_SCAN_END)
        return MW_OK;
    MW_TRY(mw_scan_object_begin(&scan, err));
    for (;;) {
        mw_view key;
        MW_TRY(mw_scan_object_next(&scan, exchange->arena, &key, &more, err));
        if (!more)
            return mw_scan_end(&scan, err);
        if (mw_view_is(key, "parameters"))
            MW_TRY(read_control_parameters(&scan, exchange->arena, ret, err));
        else if (mw_view_is(key, "ready"))
            MW_TRY(mw_scan_bool(&scan, &ret->ready, err));
        else
            MW_TRY(mw_scan_skip(&scan, NULL, err));
    }
}

const char *serve_reason(const mw_endpoint_info *info)
{
    return info->reason[0] ? info->reason : info->ready ? "" : "unloaded";
}

typedef struct index_page {
    mw_buf *out;
    bool only_ready;
    size_t n_written;
} index_page;

static void write_index(void *user, const mw_endpoint_info *info)
{
    index_page *page = user;
    if (page->only_ready && !info->ready)
        return;
    mw_buf_text(page->out, page->n_written++ > 0 ? ", {\"name\": " : "{\"name\": ");
    mw_json_write_text(page->out, mw_view_of(info->name));
    mw_buf_format(page->out,
                  ", \"version\": \"%u\", \"state\": \"%s\", \"reason\": ", info->version,
                  info->ready ? "READY" : "UNAVAILABLE");
    mw_json_write_text(page->out, mw_view_of(serve_reason(info)));
    mw_buf_char(page->out, '}');
}

void serve_oip_index(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    (void)params;
    mw_error err;
    control_body asked;
    if (read_control(exchange, &asked, &err) != MW_OK) {
        serve_reply_error(exchange, &err, 0);
        return;
    }
    index_page page = {exchange->reply, asked.ready, 0};
    mw_buf_char(exchange->reply, '[');
    mw_fleet_each_seen(fleet, exchange->user_sees, write_index, &page);
    mw_buf_char(exchange->reply, ']');
    serve_reply(exchange, 200, "application/json");
}

/* Loading reads and checks a file: it goes to the pool. */
typedef struct control_job {
    mw_job job;
    mw_fleet *fleet;
    mw_exchange *exchange;
    const char *name;
    bool load;
} control_job;

static void run_control(mw_job *job)
{
    control_job *control = (control_job *)((char *)job - offsetof(control_job, job));
    mw_exchange *exchange = control->exchange;
    mw_error err;
    mw_status status = control->load ? mw_fleet_reload(control->fleet, control->name, &err)
                                     : mw_fleet_unload(control->fleet, control->name, &err);
    if (status == MW_OK) {
        mw_log(MW_LOG_INFO, "model '%s' %s", control->name, control->load ? "loaded" : "unloaded");
        if (control->fleet->controlled)
            control->fleet->controlled(control->fleet->controlled_user, exchange, control->name,
                                       control->load);
        serve_reply(exchange, 200, "application/json");
    } else {
        mw_log_error(MW_LOG_WARN, control->load ? "cannot load a model" : "cannot unload a model",
                     &err);
        /* the client's request was right: what failed stands on the server's disk */
        serve_reply_error(exchange, &err, err.code == MW_E_ENDPOINT_UNKNOWN ? 404 : 400);
    }
}

void serve_control(mw_fleet *fleet, mw_exchange *exchange, mw_view name, bool load)
{
    mw_error err;
    control_job *job = mw_arena_take_zeroed(exchange->arena, 1, sizeof *job);
    char *kept = mw_arena_text(exchange->arena, name);
    if (!job || !kept) {
        (void)mw_fail_memory(&err, "the request");
        serve_reply_error(exchange, &err, 0);
        return;
    }
    *job = (control_job){{NULL, run_control}, fleet, exchange, kept, load};
    mw_exchange_defer(exchange);
    mw_pool_submit(serve_pool(fleet), &job->job);
}

mw_status serve_check_overrides(bool has_overrides, mw_error *err)
{
    if (!has_overrides)
        return MW_OK;
    mw_fail(err, MW_E_OIP_REQUEST, "models are loaded from the server's own files only");
    return mw_mend(err, "leave the parameters 'config' and 'file:...' out");
}

static void control(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params, bool load)
{
    mw_error err;
    control_body asked;
    mw_status status = read_control(exchange, &asked, &err);
    if (status == MW_OK)
        status = serve_check_overrides(asked.has_overrides, &err);
    if (status == MW_OK)
        serve_control(fleet, exchange, params->name, load);
    else
        serve_reply_error(exchange, &err, 0);
}

void serve_oip_load(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    control(fleet, exchange, params, true);
}

void serve_oip_unload(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    control(fleet, exchange, params, false);
}
