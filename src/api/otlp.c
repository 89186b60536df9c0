/* The reader of OTLP's protobuf: what is counted first is read into room of that size. */
#include "otlp.h"

#include <math.h>
#include <sodium.h>
#include <stdlib.h>

enum { TRACE_ID_BYTES = 16, SPAN_ID_BYTES = 8 };

typedef struct reading {
    mw_arena *arena;
    mw_buf value; /* of one attribute */
    otlp_spans spans;
    size_t n_span;
    mw_error *err;
} reading;

/* ---- fields ---------------------------------------------------------------------------------- */

static mw_status refuse(const reading *r, const char *why)
{
    mw_fail(r->err, MW_E_SPANS_FORMAT, "Invalid OpenTelemetry format");
    mw_at(r->err, "span %zu", r->n_span);
    mw_why(r->err, "%s", why);
    return mw_mend(r->err, "send an ExportTraceServiceRequest of OTLP, in protobuf with "
                           "Content-Type: application/x-protobuf");
}

static mw_status refuse_count(const reading *r, const char *what, size_t most)
{
    mw_fail(r->err, MW_E_SPANS_LIMIT, "more than %zu %s", most, what);
    mw_at(r->err, "span %zu", r->n_span);
    return mw_mend(r->err, "let the exporter send smaller batches");
}

/* The next field that is of this wire type; *ret_more = false behind the last. Fields of another
 * type than they should have are none that anybody knows. */
static mw_status next(const reading *r, mw_protobuf *message, mw_protobuf_field *field,
                      bool *ret_more)
{
    mw_protobuf_outcome outcome = mw_protobuf_next(message, field);
    *ret_more = outcome == MW_PROTOBUF_FIELD;
    switch (outcome) {
    case MW_PROTOBUF_FIELD:
    case MW_PROTOBUF_END:
        return MW_OK;
    case MW_PROTOBUF_LENGTH:
        return refuse(r, "a field is longer than what is left of the message");
    case MW_PROTOBUF_CUT:
        return refuse(r, "the message is cut short");
    default:
        return refuse(r, "these bytes are no protobuf");
    }
}

static bool is_bytes(const mw_protobuf_field *field, uint32_t number)
{
    return field->number == number && field->type == MW_PROTOBUF_BYTES;
}

static mw_status count_of(const reading *r, mw_view message, uint32_t number, size_t most,
                          const char *what, size_t *ret_count)
{
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field;
    bool more;
    size_t count = 0;
    for (;;) {
        MW_TRY(next(r, &rest, &field, &more));
        if (!more)
            break;
        count += is_bytes(&field, number);
    }
    *ret_count = count;
    return count > most ? refuse_count(r, what, most) : MW_OK;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static bool is_plain(mw_view text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] >= 0x80 || text.data[i] == '\0')
            return false;
    return true;
}

/* Through JSON and back, which mends what is no UTF-8. */
static mw_status take_text(reading *r, mw_view raw, mw_view *ret_text)
{
    mw_buf out;
    mw_scan scan;
    mw_error ignored;
    mw_view text;
    *ret_text = raw.size > 0 ? raw : MW_VIEW("");
    if (is_plain(raw))
        return MW_OK;
    mw_buf_init(&out, MW_LIMIT_SPANS_BYTES);
    mw_json_write_text(&out, raw);
    mw_scan_init(&scan, mw_buf_as_view(&out));
    bool fits = !out.failed && mw_scan_string(&scan, r->arena, &text, &ignored) == MW_OK;
    char *kept = fits ? mw_arena_text(r->arena, text) : NULL;
    for (size_t i = 0; kept && i < text.size; i++)
        kept[i] = (char)(kept[i] ? kept[i] : ' ');
    if (kept)
        *ret_text = (mw_view){kept, text.size};
    mw_buf_done(&out);
    return kept ? MW_OK : mw_fail_memory(r->err, "the spans");
}

/* The digits of an id, filled up with zeros on the left; absent: nothing but zeros. */
static mw_status take_id(reading *r, mw_view id, size_t bytes, mw_view *ret_digits)
{
    uint8_t whole[TRACE_ID_BYTES] = {0};
    bool is_zero = true;
    *ret_digits = (mw_view){NULL, 0};
    if (id.size > bytes)
        return refuse(r, "an id is longer than 16 bytes of a trace, 8 of a span");
    if (id.size > 0)
        memcpy(whole + bytes - id.size, id.data, id.size);
    for (size_t i = 0; i < bytes; i++)
        is_zero = is_zero && whole[i] == 0;
    if (is_zero)
        return MW_OK;
    char *digits = mw_arena_take(r->arena, 2 * bytes + 1);
    if (!digits)
        return mw_fail_memory(r->err, "the spans");
    *mw_hex_write(digits, whole, bytes) = '\0';
    *ret_digits = (mw_view){digits, 2 * bytes};
    return MW_OK;
}

/* ---- values ---------------------------------------------------------------------------------- */

enum { TEXT_VALUE = 1, BOOL_VALUE, INT_VALUE, DOUBLE_VALUE, LIST_VALUE, MAP_VALUE, BYTES_VALUE };

static mw_status put_value(reading *r, mw_view any, size_t depth, mw_view *ret_text);

/* NaN and infinities as Python writes, and reads, them; within others as texts: JSON has none. */
static void put_double(mw_buf *out, double value, bool is_within)
{
    const char *quote = is_within ? "\"" : "";
    if (isfinite(value))
        mw_json_write_double(out, value);
    else
        mw_buf_format(out, "%s%s%s", quote,
                      isnan(value) ? "NaN"
                      : value > 0  ? "Infinity"
                                   : "-Infinity",
                      quote);
}

/* A KeyValue: the value as it stands, empty when there is none. */
static mw_status take_pair(reading *r, mw_view pair, mw_view *ret_key, mw_view *ret_value)
{
    mw_protobuf rest = mw_protobuf_of(pair);
    mw_protobuf_field field;
    bool more;
    mw_view key = MW_VIEW("");
    *ret_value = MW_VIEW("");
    for (;;) {
        MW_TRY(next(r, &rest, &field, &more));
        if (!more)
            return take_text(r, key, ret_key);
        if (is_bytes(&field, 1))
            key = field.bytes;
        else if (is_bytes(&field, 2))
            *ret_value = field.bytes;
    }
}

static mw_status put_member(reading *r, mw_view member, bool is_map, size_t depth)
{
    mw_view key, value = member;
    if (is_map) {
        MW_TRY(take_pair(r, member, &key, &value));
        mw_json_write_text(&r->value, key);
        mw_buf_text(&r->value, ": ");
    }
    return put_value(r, value, depth + 1, NULL);
}

/* "values" of a list, or pairs of a map. */
static mw_status put_members(reading *r, mw_view list, bool is_map, size_t depth)
{
    mw_protobuf rest = mw_protobuf_of(list);
    mw_protobuf_field field;
    bool more, is_first = true;
    mw_buf_char(&r->value, is_map ? '{' : '[');
    for (;;) {
        MW_TRY(next(r, &rest, &field, &more));
        if (!more)
            break;
        if (!is_bytes(&field, 1))
            continue;
        mw_buf_text(&r->value, is_first ? "" : ", ");
        is_first = false;
        MW_TRY(put_member(r, field.bytes, is_map, depth));
    }
    mw_buf_char(&r->value, is_map ? '}' : ']');
    return MW_OK;
}

static void put_base64(mw_buf *out, mw_view bytes)
{
    size_t room = sodium_base64_encoded_len(bytes.size, sodium_base64_VARIANT_ORIGINAL);
    mw_buf_char(out, '"');
    if (mw_buf_reserve(out, room)) {
        sodium_bin2base64(out->data + out->size, room, (const uint8_t *)bytes.data, bytes.size,
                          sodium_base64_VARIANT_ORIGINAL);
        out->size += room - 1;
    }
    mw_buf_char(out, '"');
}

static mw_status put_one(reading *r, const mw_protobuf_field *field, size_t depth,
                         mw_view *ret_text)
{
    mw_view text;
    switch (field->number) {
    case TEXT_VALUE:
        MW_TRY(take_text(r, field->bytes, &text));
        mw_json_write_text(&r->value, text);
        *ret_text = text;
        return MW_OK;
    case BOOL_VALUE:
        mw_buf_text(&r->value, field->value ? "true" : "false");
        return MW_OK;
    case INT_VALUE:
        mw_json_write_int(&r->value, (int64_t)field->value);
        return MW_OK;
    case DOUBLE_VALUE:
        put_double(&r->value, mw_double_of_bits(field->value), depth > 0);
        return MW_OK;
    case BYTES_VALUE:
        put_base64(&r->value, field->bytes);
        return MW_OK;
    default:
        return put_members(r, field->bytes, field->number == MAP_VALUE, depth);
    }
}

/* An AnyValue; ret_text (may be NULL): see otlp_pair. Of several members the last holds. */
static mw_status put_value(reading *r, mw_view any, size_t depth, mw_view *ret_text)
{
    static const mw_protobuf_type types[] = {
        [TEXT_VALUE] = MW_PROTOBUF_BYTES, [BOOL_VALUE] = MW_PROTOBUF_VARINT,
        [INT_VALUE] = MW_PROTOBUF_VARINT, [DOUBLE_VALUE] = MW_PROTOBUF_FIXED64,
        [LIST_VALUE] = MW_PROTOBUF_BYTES, [MAP_VALUE] = MW_PROTOBUF_BYTES,
        [BYTES_VALUE] = MW_PROTOBUF_BYTES};
    mw_protobuf rest = mw_protobuf_of(any);
    mw_protobuf_field field;
    mw_view text = {NULL, 0};
    size_t begin = r->value.size;
    bool more, is_set = false;
    if (depth > MW_LIMIT_SPAN_DEPTH)
        return refuse_count(r, "values within values", MW_LIMIT_SPAN_DEPTH);
    for (;;) {
        MW_TRY(next(r, &rest, &field, &more));
        if (!more)
            break;
        if (field.number == 0 || field.number > BYTES_VALUE || field.type != types[field.number])
            continue;
        r->value.size = begin;
        text = (mw_view){NULL, 0};
        is_set = true;
        MW_TRY(put_one(r, &field, depth, &text));
    }
    mw_buf_text(&r->value, is_set ? "" : "null");
    if (ret_text)
        *ret_text = text;
    return r->value.failed ? mw_fail_memory(r->err, "the spans") : MW_OK;
}

static mw_status take_value(reading *r, mw_view any, otlp_pair *pair)
{
    mw_buf_reset(&r->value);
    MW_TRY(put_value(r, any, 0, &pair->text));
    char *kept = mw_arena_text(r->arena, mw_buf_as_view(&r->value));
    pair->json = (mw_view){kept, r->value.size};
    return kept ? MW_OK : mw_fail_memory(r->err, "the spans");
}

/* By key; of one key the last first, which is read from where it stands in memory. */
static int order_pairs(const void *a, const void *b)
{
    const otlp_pair *left = *(otlp_pair *const *)a, *right = *(otlp_pair *const *)b;
    int order = mw_view_order(left->key, right->key);
    return order ? order : (left < right) - (left > right);
}

static mw_status keep_last(reading *r, otlp_pairs *pairs)
{
    otlp_pair **sorted = mw_arena_take(r->arena, (pairs->count + 1) * sizeof *sorted);
    if (!sorted)
        return mw_fail_memory(r->err, "the spans");
    for (size_t i = 0; i < pairs->count; i++)
        sorted[i] = &pairs->items[i];
    if (pairs->count > 1)
        qsort(sorted, pairs->count, sizeof *sorted, order_pairs);
    mw_view before = {NULL, 0};
    for (size_t i = 0; i < pairs->count; i++) {
        mw_view key = sorted[i]->key;
        if (before.data && mw_view_equal(before, key))
            sorted[i]->key.data = NULL;
        before = key;
    }
    size_t n = 0;
    for (size_t i = 0; i < pairs->count; i++)
        if (pairs->items[i].key.data)
            pairs->items[n++] = pairs->items[i];
    pairs->count = n;
    return MW_OK;
}

/* The attributes of a message: those fields of it. */
static mw_status take_pairs(reading *r, mw_view message, uint32_t number, otlp_pairs *ret_pairs)
{
    otlp_pairs pairs = {NULL, 0};
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field;
    bool more;
    size_t most;
    MW_TRY(count_of(r, message, number, MW_LIMIT_SPAN_PARTS, "attributes", &most));
    pairs.items = mw_arena_take_zeroed(r->arena, most + 1, sizeof *pairs.items);
    if (!pairs.items)
        return mw_fail_memory(r->err, "the spans");
    while (pairs.count < most) {
        mw_view value;
        otlp_pair *pair = &pairs.items[pairs.count];
        MW_TRY(next(r, &rest, &field, &more));
        if (!is_bytes(&field, number))
            continue;
        MW_TRY(take_pair(r, field.bytes, &pair->key, &value));
        MW_TRY(take_value(r, value, pair));
        pairs.count++;
    }
    *ret_pairs = pairs;
    return keep_last(r, ret_pairs);
}

/* ---- spans ----------------------------------------------------------------------------------- */

static mw_status take_event(reading *r, mw_view message, otlp_event *event)
{
    enum { TIME = 1, NAME = 2, ATTRIBUTES = 3 };
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field;
    bool more;
    event->name = MW_VIEW("");
    for (;;) {
        MW_TRY(next(r, &rest, &field, &more));
        if (!more)
            return take_pairs(r, message, ATTRIBUTES, &event->attributes);
        if (field.number == TIME && field.type == MW_PROTOBUF_FIXED64)
            event->time_ns = field.value;
        else if (is_bytes(&field, NAME))
            MW_TRY(take_text(r, field.bytes, &event->name));
    }
}

static mw_status take_link(reading *r, mw_view message, otlp_link *link)
{
    enum { TRACE_ID = 1, SPAN_ID = 2, ATTRIBUTES = 4 };
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field;
    bool more;
    for (;;) {
        MW_TRY(next(r, &rest, &field, &more));
        if (!more)
            return take_pairs(r, message, ATTRIBUTES, &link->attributes);
        if (is_bytes(&field, TRACE_ID))
            MW_TRY(take_id(r, field.bytes, TRACE_ID_BYTES, &link->trace_id));
        else if (is_bytes(&field, SPAN_ID))
            MW_TRY(take_id(r, field.bytes, SPAN_ID_BYTES, &link->span_id));
    }
}

static mw_status take_status(reading *r, mw_view message, otlp_span *span)
{
    enum { MESSAGE = 2, CODE = 3 };
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field;
    bool more;
    for (;;) {
        MW_TRY(next(r, &rest, &field, &more));
        if (!more)
            return MW_OK;
        if (is_bytes(&field, MESSAGE))
            MW_TRY(take_text(r, field.bytes, &span->message));
        else if (field.number == CODE && field.type == MW_PROTOBUF_VARINT)
            span->status = field.value == OTLP_OK      ? OTLP_OK
                           : field.value == OTLP_ERROR ? OTLP_ERROR
                                                       : OTLP_UNSET;
    }
}

enum { TRACE_ID = 1, SPAN_ID = 2, PARENT = 4, NAME = 5, BEGIN = 7, END = 8, ATTRIBUTES = 9 };
enum { EVENTS = 11, LINKS = 13, STATUS = 15 };

static mw_status take_field(reading *r, const mw_protobuf_field *field, otlp_span *span)
{
    if (field->type == MW_PROTOBUF_FIXED64) {
        if (field->number == BEGIN)
            span->started_ns = field->value;
        if (field->number == END)
            span->ended_ns = field->value;
        return MW_OK;
    }
    switch (field->type == MW_PROTOBUF_BYTES ? field->number : 0) {
    case TRACE_ID:
        return take_id(r, field->bytes, TRACE_ID_BYTES, &span->trace_id);
    case SPAN_ID:
        return take_id(r, field->bytes, SPAN_ID_BYTES, &span->span_id);
    case PARENT:
        return take_id(r, field->bytes, SPAN_ID_BYTES, &span->parent);
    case NAME:
        return take_text(r, field->bytes, &span->name);
    case EVENTS:
        return take_event(r, field->bytes, &span->events.items[span->events.count++]);
    case LINKS:
        return take_link(r, field->bytes, &span->links.items[span->links.count++]);
    case STATUS:
        return take_status(r, field->bytes, span);
    default:
        return MW_OK;
    }
}

static mw_status make_room(reading *r, mw_view message, otlp_span *span)
{
    size_t n_events, n_links;
    MW_TRY(count_of(r, message, EVENTS, MW_LIMIT_SPAN_PARTS, "events", &n_events));
    MW_TRY(count_of(r, message, LINKS, MW_LIMIT_SPAN_PARTS, "links", &n_links));
    span->events.items = mw_arena_take_zeroed(r->arena, n_events + 1, sizeof(otlp_event));
    span->links.items = mw_arena_take_zeroed(r->arena, n_links + 1, sizeof(otlp_link));
    return span->events.items && span->links.items ? MW_OK : mw_fail_memory(r->err, "the spans");
}

static mw_status take_span(reading *r, mw_view message, const otlp_pairs *resource)
{
    otlp_span *span = &r->spans.items[r->spans.count];
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field;
    bool more;
    *span = (otlp_span){.name = MW_VIEW(""), .message = MW_VIEW(""), .resource = resource};
    r->n_span++;
    MW_TRY(make_room(r, message, span));
    for (;;) {
        MW_TRY(next(r, &rest, &field, &more));
        if (!more)
            break;
        MW_TRY(take_field(r, &field, span));
    }
    r->spans.count++;
    if (!span->trace_id.data || !span->span_id.data) {
        mw_fail(r->err, MW_E_SPANS_ID, "Cannot convert OpenTelemetry span to MLflow span");
        mw_at(r->err, "span %zu", r->n_span);
        return mw_why(r->err, "it has no %s", span->trace_id.data ? "span_id" : "trace_id");
    }
    return take_pairs(r, message, ATTRIBUTES, &span->attributes);
}

/* ---- the request ----------------------------------------------------------------------------- */

enum { RESOURCE_SPANS = 1, RESOURCE = 1, SCOPE_SPANS = 2, SPANS = 2 };

typedef mw_status take_message(reading *r, mw_view message, void *user);

/* Each field of a message that has this number. */
static mw_status each(reading *r, mw_view message, uint32_t number, take_message *take, void *user)
{
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field;
    bool more;
    for (;;) {
        MW_TRY(next(r, &rest, &field, &more));
        if (!more)
            return MW_OK;
        if (is_bytes(&field, number))
            MW_TRY(take(r, field.bytes, user));
    }
}

static mw_status count_span(reading *r, mw_view message, void *user)
{
    size_t *count = user;
    (void)message;
    return ++*count > MW_LIMIT_SPANS ? refuse_count(r, "spans in a request", MW_LIMIT_SPANS)
                                     : MW_OK;
}

static mw_status count_scope(reading *r, mw_view message, void *user)
{
    return each(r, message, SPANS, count_span, user);
}

static mw_status count_resource(reading *r, mw_view message, void *user)
{
    r->spans.n_resources++;
    return each(r, message, SCOPE_SPANS, count_scope, user);
}

static mw_status take_one(reading *r, mw_view message, void *user)
{
    return take_span(r, message, user);
}

static mw_status take_scope(reading *r, mw_view message, void *user)
{
    return each(r, message, SPANS, take_one, user);
}

static mw_status take_attributes(reading *r, mw_view message, void *user)
{
    return take_pairs(r, message, 1, user);
}

static mw_status take_resource(reading *r, mw_view message, void *user)
{
    otlp_pairs *attributes = mw_arena_take_zeroed(r->arena, 1, sizeof *attributes);
    (void)user;
    if (!attributes)
        return mw_fail_memory(r->err, "the spans");
    MW_TRY(each(r, message, RESOURCE, take_attributes, attributes));
    return each(r, message, SCOPE_SPANS, take_scope, attributes);
}

static mw_status read_request(reading *r, mw_view message)
{
    size_t n_spans = 0;
    MW_TRY(each(r, message, RESOURCE_SPANS, count_resource, &n_spans));
    r->spans.items = mw_arena_take(r->arena, (n_spans + 1) * sizeof(otlp_span));
    if (!r->spans.items)
        return mw_fail_memory(r->err, "the spans");
    return each(r, message, RESOURCE_SPANS, take_resource, NULL);
}

mw_status otlp_read(mw_view message, mw_arena *arena, otlp_spans *ret_spans, mw_error *err)
{
    reading r = {.arena = arena, .err = err};
    mw_buf_init(&r.value, MW_LIMIT_SPANS_BYTES);
    mw_status status = read_request(&r, message);
    mw_buf_done(&r.value);
    if (status == MW_OK)
        *ret_spans = r.spans;
    return status;
}
