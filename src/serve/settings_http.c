/* Settings over HTTP: GET and POST of /v2/logging, /v2/trace/setting,
 * /v2/models/{name}/trace/setting; JSON in and out. */
#include "settings.h"

enum { BODY_BYTES = 64 * 1024 };

/* ["TIMESTAMPS"]: Triton's levels are a list; ours has one. */
static mw_status read_list(mw_scan *scan, mw_arena *arena, mw_view *ret_text, mw_error *err)
{
    bool more;
    MW_TRY(mw_scan_array_begin(scan, err));
    MW_TRY(mw_scan_array_next(scan, &more, err));
    if (!more)
        return mw_scan_expected(scan, "one text in the list", err);
    MW_TRY(mw_scan_string(scan, arena, ret_text, err));
    MW_TRY(mw_scan_array_next(scan, &more, err));
    return more ? mw_scan_expected(scan, "the end of a list of one", err) : MW_OK;
}

static mw_status read_value(mw_scan *scan, mw_arena *arena, serve_setting *setting, mw_error *err)
{
    double number;
    switch (mw_scan_peek(scan)) {
    case MW_SCAN_NULL:
        return mw_scan_null(scan, err);
    case MW_SCAN_TRUE:
    case MW_SCAN_FALSE:
        setting->kind = SETTING_BOOL;
        return mw_scan_bool(scan, &setting->flag, err);
    case MW_SCAN_NUMBER:
        MW_TRY(mw_scan_number(scan, &number, err));
        setting->kind = SETTING_NUMBER; /* else larger than any that is taken */
        setting->number = number >= 0 && number <= UINT32_MAX && number == (uint32_t)number
                              ? (uint32_t)number
                              : UINT64_MAX;
        return MW_OK;
    case MW_SCAN_ARRAY:
        setting->kind = SETTING_TEXT;
        return read_list(scan, arena, &setting->text, err);
    default:
        setting->kind = SETTING_TEXT;
        return mw_scan_string(scan, arena, &setting->text, err);
    }
}

static mw_status read_settings(mw_view body, mw_arena *arena, serve_settings *ret, mw_error *err)
{
    mw_scan scan;
    bool more;
    ret->n = 0;
    mw_scan_init(&scan, body);
    if (mw_scan_peek(&scan) == MW_SCAN_END)
        return MW_OK;
    MW_TRY(mw_scan_object_begin(&scan, err));
    for (;;) {
        mw_view key;
        MW_TRY(mw_scan_object_next(&scan, arena, &key, &more, err));
        if (!more)
            return mw_scan_end(&scan, err);
        serve_setting *setting;
        MW_TRY(serve_settings_add(ret, key, &setting, err));
        MW_TRY(read_value(&scan, arena, setting, err));
    }
}

/* The body's, none for a GET. */
static mw_status read_request(const mw_exchange *exchange, serve_settings *ret, mw_error *err)
{
    ret->n = 0;
    if (exchange->method != MW_POST)
        return MW_OK;
    if (exchange->body.size > BODY_BYTES) {
        mw_fail(err, MW_E_OIP_SETTING, "settings of more than %d bytes", BODY_BYTES);
        return mw_mend(err, "send only those that are to change");
    }
    return read_settings(exchange->body, exchange->arena, ret, err);
}

static void write_setting(void *user, const serve_setting *setting)
{
    mw_buf *out = user;
    bool is_list = mw_view_is(setting->name, "trace_level");
    mw_buf_text(out, out->size > 1 ? ", " : "");
    mw_json_write_text(out, setting->name);
    mw_buf_text(out, is_list ? ": [" : ": ");
    if (setting->kind == SETTING_BOOL)
        mw_buf_text(out, setting->flag ? "true" : "false");
    else if (setting->kind == SETTING_NUMBER)
        mw_json_write_int(out, (int64_t)setting->number);
    else
        mw_json_write_text(out, setting->text);
    mw_buf_text(out, is_list ? "]" : "");
}

void serve_oip_logging(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    (void)fleet;
    (void)params;
    mw_error err;
    serve_settings wanted;
    mw_status status = read_request(exchange, &wanted, &err);
    if (status == MW_OK)
        status = serve_log_change(&wanted, &err);
    if (status != MW_OK) {
        serve_reply_error(exchange, &err, serve_setting_status(&err, false));
        return;
    }
    mw_buf_char(exchange->reply, '{');
    serve_log_each(write_setting, exchange->reply);
    mw_buf_char(exchange->reply, '}');
    serve_reply(exchange, 200, "application/json");
}

void serve_oip_trace(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    mw_error err;
    serve_settings wanted;
    mw_status status = serve_trace_check_model(fleet, exchange, params->name, &err);
    if (status == MW_OK)
        status = read_request(exchange, &wanted, &err);
    if (status == MW_OK)
        status = serve_trace_change(fleet, &wanted, &err);
    mw_buf_char(exchange->reply, '{');
    if (status == MW_OK)
        status = serve_trace_each(fleet, write_setting, exchange->reply, &err);
    if (status != MW_OK) {
        serve_reply_error(exchange, &err, serve_setting_status(&err, false));
        return;
    }
    mw_buf_char(exchange->reply, '}');
    serve_reply(exchange, 200, "application/json");
}
