/* OTLP's JSON into protobuf: one reader of spans behind both (otlp.c).
 *
 *     {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "5b8e...", "name": "ask", ...
 *
 * Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. */
#include <sodium.h>

#include "otlp.h"

typedef struct writing {
    mw_buf *out;
    const char *where; /* the member that is read */
    mw_error *err;
} writing;

static mw_status refuse(const writing *w, const char *expected)
{
    mw_fail(w->err, MW_E_SPANS_FORMAT, "Invalid OpenTelemetry format");
    mw_at(w->err, "\"%s\"", w->where);
    mw_why(w->err, "expected %s", expected);
    return mw_mend(w->err, "send OTLP's JSON: ids as hexadecimal digits, times as texts of "
                           "nanoseconds");
}

/* A member by its name in JSON, or in the .proto file. */
static const mw_json *member(writing *w, const mw_json *object, const char *camel,
                             const char *snake)
{
    const mw_json *found = mw_json_member(object, camel);
    w->where = camel;
    found = found ? found : mw_json_member(object, snake);
    return mw_json_is_null(found) ? NULL : found;
}

/* ---- plain values ---------------------------------------------------------------------------- */

static mw_status put_text(writing *w, uint32_t number, const mw_json *value)
{
    if (value && !mw_json_is_text(value))
        return refuse(w, "a text");
    if (value)
        mw_protobuf_put_text(w->out, number, mw_json_text(value));
    return MW_OK;
}

static mw_status put_id(writing *w, uint32_t number, const mw_json *value)
{
    uint8_t id[16];
    mw_view digits = mw_json_text(value);
    size_t n = digits.size / 2;
    if (!value)
        return MW_OK;
    if (!mw_json_is_text(value) || digits.size % 2 || n > sizeof id)
        return refuse(w, "hexadecimal digits, 32 of a trace or 16 of a span");
    for (size_t i = 0; i < n; i++) {
        int byte = mw_hex_byte(digits.data + 2 * i);
        if (byte < 0)
            return refuse(w, "hexadecimal digits, 32 of a trace or 16 of a span");
        id[i] = (uint8_t)byte;
    }
    mw_protobuf_put_text(w->out, number, (mw_view){(const char *)id, n});
    return MW_OK;
}

static mw_status put_time(writing *w, uint32_t number, const mw_json *value)
{
    int64_t whole = 0;
    uint64_t told = 0;
    if (!value)
        return MW_OK;
    bool fits = mw_json_integer(value, &whole) && whole >= 0;
    told = (uint64_t)whole;
    if (!fits && !(mw_json_is_text(value) && mw_whole_parse(mw_json_text(value), &told)))
        return refuse(w, "nanoseconds since 1970");
    mw_protobuf_put_fixed64(w->out, number, told);
    return MW_OK;
}

/* ---- values of attributes -------------------------------------------------------------------- */

static mw_status put_pairs(writing *w, uint32_t number, const mw_json *list);
static mw_status put_any(writing *w, uint32_t number, const mw_json *value);

static mw_status put_whole(writing *w, const mw_json *value)
{
    enum { INT_VALUE = 3 };
    int64_t whole;
    uint64_t told;
    mw_view text = mw_json_text(value);
    bool is_negative = text.size > 1 && text.data[0] == '-';
    mw_view digits = {text.data + is_negative, text.size - is_negative};
    if (!mw_json_integer(value, &whole)) {
        if (!mw_json_is_text(value) || !mw_whole_parse(digits, &told) ||
            told > (uint64_t)INT64_MAX + is_negative)
            return refuse(w, "a whole number of 64 bits");
        whole = (int64_t)(is_negative ? -told : told);
    }
    mw_protobuf_put_number_always(w->out, INT_VALUE, (uint64_t)whole);
    return MW_OK;
}

static mw_status put_double(writing *w, const mw_json *value)
{
    enum { DOUBLE_VALUE = 4, BYTES = 8 };
    double number;
    mw_view text = mw_json_text(value);
    if (!mw_json_number(value, &number) &&
        !(mw_json_is_text(value) && mw_number_parse(text.data, text.size, &number)))
        return refuse(w, "a number");
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    mw_buf_char(w->out, (char)(DOUBLE_VALUE << 3 | MW_PROTOBUF_FIXED64));
    for (size_t i = 0; i < BYTES; i++)
        mw_buf_char(w->out, (char)(bits >> (8 * i) & 0xff));
    return MW_OK;
}

static mw_status put_bytes(writing *w, const mw_json *value)
{
    enum { BYTES_VALUE = 7 };
    mw_buf plain;
    size_t size = 0;
    mw_view text = mw_json_text(value);
    mw_buf_init(&plain, MW_LIMIT_BODY_BYTES);
    bool fits = mw_json_is_text(value) && mw_buf_reserve(&plain, text.size) &&
                sodium_base642bin((uint8_t *)plain.data, text.size, text.data, text.size, NULL,
                                  &size, NULL, sodium_base64_VARIANT_ORIGINAL) == 0;
    if (fits)
        mw_protobuf_put_text_always(w->out, BYTES_VALUE, (mw_view){plain.data, size});
    mw_buf_done(&plain);
    return fits ? MW_OK : refuse(w, "bytes in base64");
}

static mw_status put_list(writing *w, const mw_json *list)
{
    enum { LIST_VALUE = 5 };
    size_t begin = mw_protobuf_begin(w->out, LIST_VALUE);
    const mw_json *values = member(w, list, "values", "values");
    if (values && !mw_json_is_array(values))
        return refuse(w, "a list");
    for (size_t i = 0; i < mw_json_count(values); i++)
        MW_TRY(put_any(w, 1, mw_json_element(values, i)));
    mw_protobuf_end(w->out, begin);
    return MW_OK;
}

static mw_status put_map(writing *w, const mw_json *map)
{
    enum { MAP_VALUE = 6 };
    size_t begin = mw_protobuf_begin(w->out, MAP_VALUE);
    MW_TRY(put_pairs(w, 1, member(w, map, "values", "values")));
    mw_protobuf_end(w->out, begin);
    return MW_OK;
}

static mw_status put_kind(writing *w, const mw_json *any)
{
    const mw_json *value;
    if ((value = member(w, any, "stringValue", "string_value"))) {
        if (!mw_json_is_text(value))
            return refuse(w, "a text");
        mw_protobuf_put_text_always(w->out, 1, mw_json_text(value));
        return MW_OK;
    }
    if ((value = member(w, any, "boolValue", "bool_value"))) {
        if (!mw_json_is_bool(value))
            return refuse(w, "true or false");
        mw_protobuf_put_number_always(w->out, 2, mw_json_bool(value, false));
        return MW_OK;
    }
    if ((value = member(w, any, "intValue", "int_value")))
        return put_whole(w, value);
    if ((value = member(w, any, "doubleValue", "double_value")))
        return put_double(w, value);
    if ((value = member(w, any, "arrayValue", "array_value")))
        return put_list(w, value);
    if ((value = member(w, any, "kvlistValue", "kvlist_value")))
        return put_map(w, value);
    value = member(w, any, "bytesValue", "bytes_value");
    return value ? put_bytes(w, value) : MW_OK;
}

static mw_status put_any(writing *w, uint32_t number, const mw_json *value)
{
    size_t begin = mw_protobuf_begin(w->out, number);
    if (value && !mw_json_is_object(value))
        return refuse(w, "an object");
    MW_TRY(put_kind(w, value));
    mw_protobuf_end(w->out, begin);
    return MW_OK;
}

/* ---- messages -------------------------------------------------------------------------------- */

typedef mw_status put_message(writing *w, const mw_json *object);

/* A message for each element of a list; absent: none. */
static mw_status put_each(writing *w, uint32_t number, const mw_json *list, put_message *put)
{
    if (list && !mw_json_is_array(list))
        return refuse(w, "a list");
    for (size_t i = 0; i < mw_json_count(list); i++) {
        const mw_json *element = mw_json_element(list, i);
        if (!mw_json_is_object(element))
            return refuse(w, "a list of objects");
        size_t begin = mw_protobuf_begin(w->out, number);
        MW_TRY(put(w, element));
        mw_protobuf_end(w->out, begin);
    }
    return MW_OK;
}

static mw_status put_pair(writing *w, const mw_json *pair)
{
    MW_TRY(put_text(w, 1, member(w, pair, "key", "key")));
    return put_any(w, 2, member(w, pair, "value", "value"));
}

static mw_status put_pairs(writing *w, uint32_t number, const mw_json *list)
{
    return put_each(w, number, list, put_pair);
}

static mw_status put_event(writing *w, const mw_json *event)
{
    MW_TRY(put_time(w, 1, member(w, event, "timeUnixNano", "time_unix_nano")));
    MW_TRY(put_text(w, 2, member(w, event, "name", "name")));
    return put_pairs(w, 3, member(w, event, "attributes", "attributes"));
}

static mw_status put_link(writing *w, const mw_json *link)
{
    MW_TRY(put_id(w, 1, member(w, link, "traceId", "trace_id")));
    MW_TRY(put_id(w, 2, member(w, link, "spanId", "span_id")));
    return put_pairs(w, 4, member(w, link, "attributes", "attributes"));
}

/* The code as a number, or as protobuf's JSON writes an enum. */
static mw_status put_status(writing *w, const mw_json *status)
{
    enum { MESSAGE = 2, CODE = 3 };
    int64_t whole = 0;
    if (status && !mw_json_is_object(status))
        return refuse(w, "an object");
    size_t begin = mw_protobuf_begin(w->out, 15);
    MW_TRY(put_text(w, MESSAGE, member(w, status, "message", "message")));
    const mw_json *code = member(w, status, "code", "code");
    mw_view name = mw_json_text(code);
    if (mw_view_is(name, "STATUS_CODE_OK"))
        whole = OTLP_OK;
    else if (mw_view_is(name, "STATUS_CODE_ERROR"))
        whole = OTLP_ERROR;
    else if (code && !mw_view_is(name, "STATUS_CODE_UNSET") && !mw_json_integer(code, &whole))
        return refuse(w, "0, 1 or 2");
    mw_protobuf_put_number(w->out, CODE, (uint64_t)whole);
    mw_protobuf_end(w->out, begin);
    return MW_OK;
}

static mw_status put_span(writing *w, const mw_json *span)
{
    MW_TRY(put_id(w, 1, member(w, span, "traceId", "trace_id")));
    MW_TRY(put_id(w, 2, member(w, span, "spanId", "span_id")));
    MW_TRY(put_id(w, 4, member(w, span, "parentSpanId", "parent_span_id")));
    MW_TRY(put_text(w, 5, member(w, span, "name", "name")));
    MW_TRY(put_time(w, 7, member(w, span, "startTimeUnixNano", "start_time_unix_nano")));
    MW_TRY(put_time(w, 8, member(w, span, "endTimeUnixNano", "end_time_unix_nano")));
    MW_TRY(put_pairs(w, 9, member(w, span, "attributes", "attributes")));
    MW_TRY(put_each(w, 11, member(w, span, "events", "events"), put_event));
    MW_TRY(put_each(w, 13, member(w, span, "links", "links"), put_link));
    return put_status(w, member(w, span, "status", "status"));
}

static mw_status put_scope(writing *w, const mw_json *scope)
{
    return put_each(w, 2, member(w, scope, "spans", "spans"), put_span);
}

static mw_status put_resource(writing *w, const mw_json *spans)
{
    const mw_json *resource = member(w, spans, "resource", "resource");
    if (resource && !mw_json_is_object(resource))
        return refuse(w, "an object");
    size_t begin = mw_protobuf_begin(w->out, 1);
    MW_TRY(put_pairs(w, 1, member(w, resource, "attributes", "attributes")));
    mw_protobuf_end(w->out, begin);
    return put_each(w, 2, member(w, spans, "scopeSpans", "scope_spans"), put_scope);
}

mw_status otlp_from_json(mw_view body, mw_buf *out, mw_error *err)
{
    mw_json *root;
    mw_error fault;
    writing w = {out, "resourceSpans", err};
    if (mw_json_read(body, &root, &fault) != MW_OK) {
        mw_fail(err, MW_E_SPANS_FORMAT, "Invalid OpenTelemetry format");
        mw_at(err, "%s", fault.where);
        return mw_why(err, "%s", fault.what);
    }
    mw_status status =
        mw_json_is_object(root)
            ? put_each(&w, 1, member(&w, root, "resourceSpans", "resource_spans"), put_resource)
            : refuse(&w, "an object");
    mw_json_free(root);
    return status == MW_OK && out->failed ? mw_fail_memory(err, "the spans") : status;
}
