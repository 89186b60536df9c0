/* Settings over gRPC: LogSettings and TraceSetting. A request without settings only asks.
 *
 *     map<string, SettingValue> settings = 1;  string model_name = 2 (of traces)
 *     SettingValue, of the log:  bool 1, uint32 2, string 3      of traces:  repeated string 1 */
#include "grpc.h"
#include "settings.h"

enum { LOG_BOOL = 1, LOG_NUMBER, LOG_TEXT };

static mw_status read_value(mw_view value, bool of_log, serve_setting *setting, mw_error *err)
{
    mw_protobuf rest = mw_protobuf_of(value);
    mw_protobuf_field field;
    mw_protobuf_outcome outcome;
    while ((outcome = mw_protobuf_next(&rest, &field)) == MW_PROTOBUF_FIELD) {
        bool is_text = field.type == MW_PROTOBUF_BYTES;
        if (!of_log && setting->kind == SETTING_TEXT) {
            mw_fail(err, MW_E_OIP_SETTING, "the setting '%.*s' has several values",
                    MW_VIEW_ARG(setting->name));
            return mw_mend(err, "give it one");
        }
        setting->kind = is_text                    ? SETTING_TEXT
                        : field.number == LOG_BOOL ? SETTING_BOOL
                                                   : SETTING_NUMBER;
        setting->text = field.bytes;
        setting->flag = field.value != 0;
        setting->number = field.value;
    }
    return outcome == MW_PROTOBUF_END ? MW_OK : grpc_fail_message(err);
}

static mw_status read_settings(mw_view message, bool of_log, serve_settings *ret, mw_error *err)
{
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field;
    ret->n = 0;
    while (mw_protobuf_next(&rest, &field) == MW_PROTOBUF_FIELD) {
        mw_view entry[2];
        if (field.number != 1 || field.type != MW_PROTOBUF_BYTES)
            continue;
        MW_TRY(grpc_read_texts(field.bytes, entry, err));
        serve_setting *setting;
        MW_TRY(serve_settings_add(ret, entry[0], &setting, err));
        MW_TRY(read_value(entry[1], of_log, setting, err));
    }
    return MW_OK;
}

static size_t begin_entry(mw_buf *out, const serve_setting *setting, size_t *ret_value)
{
    size_t entry = mw_protobuf_begin(out, 1);
    mw_protobuf_put_text(out, 1, setting->name);
    *ret_value = mw_protobuf_begin(out, 2);
    return entry;
}

static void put_log(void *user, const serve_setting *setting)
{
    mw_buf *out = user;
    size_t value, entry = begin_entry(out, setting, &value);
    if (setting->kind == SETTING_BOOL)
        mw_protobuf_put_number_always(out, LOG_BOOL, setting->flag);
    else if (setting->kind == SETTING_NUMBER)
        mw_protobuf_put_number_always(out, LOG_NUMBER, setting->number);
    else
        mw_protobuf_put_text_always(out, LOG_TEXT, setting->text);
    mw_protobuf_end(out, value);
    mw_protobuf_end(out, entry);
}

static void put_trace(void *user, const serve_setting *setting)
{
    mw_buf *out = user;
    size_t value, entry = begin_entry(out, setting, &value);
    mw_protobuf_put_text_always(out, 1, setting->text);
    mw_protobuf_end(out, value);
    mw_protobuf_end(out, entry);
}

void grpc_log_settings(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    (void)fleet;
    (void)params;
    mw_error err;
    serve_settings wanted;
    mw_status status = read_settings(exchange->body, true, &wanted, &err);
    if (status == MW_OK)
        status = serve_log_change(&wanted, &err);
    if (status != MW_OK) {
        serve_reply_error(exchange, &err, serve_setting_status(&err, true));
        return;
    }
    serve_log_each(put_log, exchange->reply);
    grpc_reply(exchange);
}

void grpc_trace_setting(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    mw_error err;
    serve_settings wanted;
    mw_status status = serve_trace_check_model(fleet, exchange, params->version, &err);
    if (status == MW_OK)
        status = read_settings(exchange->body, false, &wanted, &err);
    if (status == MW_OK)
        status = serve_trace_change(fleet, &wanted, &err);
    if (status == MW_OK)
        status = serve_trace_each(fleet, put_trace, exchange->reply, &err);
    if (status != MW_OK) {
        serve_reply_error(exchange, &err, serve_setting_status(&err, true));
        return;
    }
    grpc_reply(exchange);
}
