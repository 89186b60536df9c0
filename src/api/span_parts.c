/* What spans tell of their trace, and spans as MLflow keeps and reads them.
 *
 *     otlp_span -> content {"trace_id": base64, "name": ..., "attributes": {key: JSON as text}}
 *     content   -> protobuf's JSON {"trace_id": ..., "attributes": [{"key", "value": {...}}]} */
#include <sodium.h>
#include <stdlib.h>

#include "span_words.h"

/* ---- content --------------------------------------------------------------------------------- */

/* Beyond the year 2262 nobody's clock is right. */
static int64_t nanoseconds(uint64_t told)
{
    return told > INT64_MAX ? INT64_MAX : (int64_t)told;
}

static void put_base64(mw_buf *out, mw_view digits)
{
    uint8_t id[16];
    char text[sodium_base64_ENCODED_LEN(sizeof id, sodium_base64_VARIANT_ORIGINAL)];
    size_t n = digits.size / 2;
    for (size_t i = 0; i < n; i++)
        id[i] = (uint8_t)mw_hex_byte(digits.data + 2 * i);
    sodium_bin2base64(text, sizeof text, id, n, sodium_base64_VARIANT_ORIGINAL);
    mw_buf_format(out, "\"%s\"", text);
}

/* What Python's JSON has beside. */
static bool is_no_json(mw_view value)
{
    return mw_view_is(value, "NaN") || mw_view_is(value, "Infinity") ||
           mw_view_is(value, "-Infinity");
}

static void put_values(mw_buf *out, const otlp_pairs *pairs)
{
    mw_buf_char(out, '{');
    for (size_t i = 0; i < pairs->count; i++) {
        mw_buf_text(out, i ? ", " : "");
        mw_json_write_text(out, pairs->items[i].key);
        mw_buf_text(out, ": ");
        if (is_no_json(pairs->items[i].json))
            mw_json_write_text(out, pairs->items[i].json);
        else
            mw_buf_view(out, pairs->items[i].json);
    }
    mw_buf_char(out, '}');
}

static void put_events(mw_buf *out, const otlp_span *span)
{
    for (size_t i = 0; i < span->events.count; i++) {
        const otlp_event *event = &span->events.items[i];
        mw_buf_text(out, i ? ", {\"name\": " : "{\"name\": ");
        mw_json_write_text(out, event->name);
        mw_buf_format(out, ", \"time_unix_nano\": %lld, \"attributes\": ",
                      (long long)nanoseconds(event->time_ns));
        put_values(out, &event->attributes);
        mw_buf_char(out, '}');
    }
}

static void put_links(mw_buf *out, const otlp_span *span)
{
    for (size_t i = 0; i < span->links.count; i++) {
        const otlp_link *link = &span->links.items[i];
        mw_buf_format(out, "%s{\"trace_id\": \"tr-%.*s\", \"span_id\": \"%.*s\", \"attributes\": ",
                      i ? ", " : "", MW_VIEW_ARG(link->trace_id), MW_VIEW_ARG(link->span_id));
        if (link->attributes.count > 0)
            put_values(out, &link->attributes);
        else
            mw_buf_text(out, "null");
        mw_buf_char(out, '}');
    }
}

static void put_attributes(mw_buf *out, const mw_tags *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        mw_buf_text(out, i ? ", " : "");
        mw_json_write_text(out, pairs->items[i].key);
        mw_buf_text(out, ": ");
        mw_json_write_text(out, pairs->items[i].value);
    }
}

static const char *const status_names[] = {"UNSET", "OK", "ERROR"};

static void put_content(mw_buf *out, const otlp_span *span, const mw_tags *pairs)
{
    mw_buf_text(out, "{\"trace_id\": ");
    put_base64(out, span->trace_id);
    mw_buf_text(out, ", \"span_id\": ");
    put_base64(out, span->span_id);
    mw_buf_text(out, ", \"parent_span_id\": ");
    if (span->parent.data)
        put_base64(out, span->parent);
    else
        mw_buf_text(out, "null");
    mw_buf_text(out, ", \"name\": ");
    mw_json_write_text(out, span->name);
    mw_buf_format(out, ", \"start_time_unix_nano\": %lld, \"end_time_unix_nano\": ",
                  (long long)nanoseconds(span->started_ns));
    if (span->ended_ns > 0)
        mw_buf_format(out, "%lld", (long long)nanoseconds(span->ended_ns));
    else
        mw_buf_text(out, "null");
    mw_buf_text(out, ", \"events\": [");
    put_events(out, span);
    mw_buf_format(out, "], \"status\": {\"code\": \"STATUS_CODE_%s\", \"message\": ",
                  status_names[span->status]);
    mw_json_write_text(out, span->message);
    mw_buf_text(out, "}, \"attributes\": {");
    put_attributes(out, pairs);
    mw_buf_text(out, "}, \"links\": [");
    put_links(out, span);
    mw_buf_text(out, "]}");
}

/* ---- previews -------------------------------------------------------------------------------- */

static bool is_message(const mw_json *node)
{
    return mw_json_member(node, "role") && mw_json_member(node, "content");
}

/* The last message of the role, else the last of all; NULL: no list of messages. */
static const mw_json *last_message(const mw_json *list, const char *role)
{
    const mw_json *last = NULL, *of_role = NULL;
    for (size_t i = 0; mw_json_is_array(list) && i < mw_json_count(list); i++) {
        const mw_json *each = mw_json_element(list, i);
        if (!is_message(each))
            continue;
        last = each;
        if (mw_view_is(mw_json_text(mw_json_member(each, "role")), role))
            of_role = each;
    }
    return of_role ? of_role : last;
}

static const mw_json *find_message(const mw_json *said, const char *role, int depth)
{
    static const char *const lists[] = {"messages", "input", "output"};
    const mw_json *found = NULL, *choice = mw_json_element(mw_json_member(said, "choices"), 0);
    for (size_t i = 0; i < MW_COUNT(lists) && !found; i++)
        found = last_message(mw_json_member(said, lists[i]), role);
    if (!found && is_message(mw_json_member(choice, "message")))
        found = mw_json_member(choice, "message");
    if (!found && depth > 0 && mw_json_member(said, "request"))
        found = find_message(mw_json_member(said, "request"), role, depth - 1);
    return found;
}

static mw_view text_of(const mw_json *message)
{
    const mw_json *content = mw_json_member(message, "content");
    for (size_t i = 0; mw_json_is_array(content) && i < mw_json_count(content); i++) {
        const mw_json *part = mw_json_element(content, i);
        mw_view type = mw_json_text(mw_json_member(part, "type"));
        if (mw_json_is_text(part))
            return mw_json_text(part);
        if (mw_view_is(type, "text") || mw_view_is(type, "output_text"))
            return mw_json_text(mw_json_member(part, "text"));
    }
    return mw_json_text(content);
}

static size_t character_bytes(mw_view text, size_t n_characters)
{
    size_t at = 0;
    for (; at < text.size; at++)
        if (((unsigned char)text.data[at] & 0xc0) != 0x80 && n_characters-- == 0)
            break;
    return at;
}

static mw_view cut(mw_arena *arena, mw_view text)
{
    enum { PREVIEW_MAX = 1000, POINTS = 3 };
    bool fits = character_bytes(text, PREVIEW_MAX) == text.size;
    size_t size = fits ? text.size : character_bytes(text, PREVIEW_MAX - POINTS);
    char *kept = mw_arena_take(arena, size + POINTS + 1);
    if (!kept)
        return (mw_view){NULL, 0};
    memcpy(kept, text.data, size);
    memcpy(kept + size, fits ? "" : "...", fits ? 1 : POINTS + 1);
    return (mw_view){kept, fits ? size : size + POINTS};
}

mw_view span_preview(mw_arena *arena, mw_view json, const char *role)
{
    enum { NESTED_MAX = 8 };
    mw_json *root = NULL;
    mw_error ignored;
    if (!json.data)
        return json;
    if (json.size > 0 && json.data[0] == '{' && mw_json_read(json, &root, &ignored) != MW_OK)
        root = NULL;
    mw_view said = root ? text_of(find_message(root, role, NESTED_MAX)) : (mw_view){NULL, 0};
    mw_view preview = cut(arena, said.size > 0 ? said : json);
    mw_json_free(root);
    return preview;
}

/* ---- one span -------------------------------------------------------------------------------- */

static mw_status take_attributes(const span_words *words, mw_span *span, mw_error *err)
{
    size_t n = words->pairs.count;
    span->attributes.items = mw_arena_take(words->arena, (n + 1) * sizeof(mw_tag));
    if (!span->attributes.items)
        return mw_fail_memory(err, "the spans");
    for (size_t i = 0; i < n; i++) {
        mw_tag pair = words->pairs.items[i];
        span->attributes.items[i] = (mw_tag){pair.key, span_words_plain(words, pair.value)};
    }
    span->attributes.count = n;
    return MW_OK;
}

static mw_status take_span(span_words *words, const otlp_span *from, mw_view trace_id,
                           mw_span *span, mw_error *err)
{
    mw_buf content;
    span_words_take(words, from, trace_id);
    if (words->failed)
        return mw_fail_memory(err, "the spans");
    mw_buf_init(&content, MW_LIMIT_SPANS_BYTES);
    put_content(&content, from, &words->pairs);
    char *kept = content.failed ? NULL : mw_arena_text(words->arena, mw_buf_as_view(&content));
    *span = (mw_span){.span_id = from->span_id,
                      .parent = from->parent,
                      .name = from->name,
                      .type = span_words_plain(words, span_words_get(words, "mlflow.spanType")),
                      .status = mw_view_of(status_names[from->status]),
                      .started_ns = nanoseconds(from->started_ns),
                      .ended_ns = nanoseconds(from->ended_ns),
                      .content = {kept, content.size}};
    mw_buf_done(&content);
    return kept ? take_attributes(words, span, err) : mw_fail_memory(err, "the spans");
}

/* ---- a trace --------------------------------------------------------------------------------- */

enum { TAG_KEY_MAX = 250 };

static void add_tag(mw_tags *tags, mw_view key, mw_view value)
{
    if (key.size > 0 && key.size <= TAG_KEY_MAX && value.data)
        tags->items[tags->count++] = (mw_tag){key, value};
}

/* Of whose spans they are; first, so that a tag of the client's holds. */
static void add_resource(const span_words *words, const otlp_span *span, mw_tags *tags)
{
    for (size_t i = 0; i < span->resource->count; i++) {
        const otlp_pair *pair = &span->resource->items[i];
        if (!mw_view_starts(pair->key, "telemetry.sdk.") && !mw_view_starts(pair->key, "mlflow."))
            add_tag(tags, pair->key, span_words_plain(words, pair->json));
    }
}

static void add_root_tags(const span_words *words, mw_tags *tags)
{
    static const char prefix[] = "mlflow.traceTag.";
    for (size_t i = 0; i < words->pairs.count; i++) {
        mw_view key = words->pairs.items[i].key;
        if (mw_view_starts(key, prefix))
            add_tag(tags, (mw_view){key.data + sizeof prefix - 1, key.size - sizeof prefix + 1},
                    span_words_plain(words, words->pairs.items[i].value));
    }
}

/* Who used the program, and in which session: the first span that tells. */
static void add_metadata(const span_words *words, const char *from, const char *to, mw_tags *pairs)
{
    mw_view told = span_words_plain(words, span_words_get(words, from));
    if (told.size > 0 && !mw_tags_get(pairs, to).data)
        pairs->items[pairs->count++] = (mw_tag){mw_view_of(to), told};
}

static void take_root(const span_words *words, const otlp_span *span, mw_trace_part *part)
{
    part->state = span->status == OTLP_ERROR ? MW_VIEW("ERROR") : MW_VIEW("OK");
    part->request = span_preview(words->arena, span_words_get(words, "mlflow.spanInputs"), "user");
    part->response =
        span_preview(words->arena, span_words_get(words, "mlflow.spanOutputs"), "assistant");
    add_root_tags(words, &part->tags);
}

static void take_words(const span_words *words, const otlp_span *from, mw_trace_part *part)
{
    const int64_t ns_a_ms = 1000000;
    int64_t started = nanoseconds(from->started_ns) / ns_a_ms;
    int64_t ended = from->ended_ns > 0 ? nanoseconds(from->ended_ns) / ns_a_ms : -1;
    part->started = part->spans.count == 0 || started < part->started ? started : part->started;
    part->ended = ended > part->ended ? ended : part->ended;
    add_metadata(words, "session.id", "mlflow.trace.session", &part->metadata);
    add_metadata(words, "gen_ai.conversation.id", "mlflow.trace.session", &part->metadata);
    add_metadata(words, "user.id", "mlflow.trace.user", &part->metadata);
    if (!from->parent.data)
        take_root(words, from, part);
}

/* Room for the tags that add_resource and add_root_tags may find, and one more. */
static bool make_room(mw_arena *arena, const otlp_span *const *spans, size_t n, mw_trace_part *part)
{
    enum { METADATA = 2 };
    size_t n_tags = spans[0]->resource->count + 1;
    for (size_t i = 0; i < n; i++)
        n_tags += spans[i]->parent.data ? 0 : spans[i]->attributes.count;
    part->tags.items = mw_arena_take_zeroed(arena, n_tags, sizeof(mw_tag));
    part->metadata.items = mw_arena_take_zeroed(arena, METADATA, sizeof(mw_tag));
    part->spans.items = mw_arena_take_zeroed(arena, n, sizeof(mw_span));
    return part->tags.items && part->metadata.items && part->spans.items;
}

mw_status span_part(mw_arena *arena, const otlp_span *const *spans, size_t n,
                    mw_trace_part *ret_part, mw_error *err)
{
    static const char prefix[] = "tr-";
    mw_view digits = spans[0]->trace_id;
    mw_trace_part part = {.ended = -1};
    char *id = mw_arena_take(arena, digits.size + sizeof prefix);
    if (!id || !make_room(arena, spans, n, &part))
        return mw_fail_memory(err, "the spans");
    memcpy(id, prefix, sizeof prefix - 1);
    memcpy(id + sizeof prefix - 1, digits.data, digits.size + 1);
    part.trace_id = (mw_view){id, digits.size + sizeof prefix - 1};
    for (size_t i = 0; i < n; i++) {
        span_words words = {.arena = arena};
        MW_TRY(take_span(&words, spans[i], part.trace_id, &part.spans.items[i], err));
        if (i == 0)
            add_resource(&words, spans[0], &part.tags);
        take_words(&words, spans[i], &part);
        part.spans.count++;
    }
    add_tag(&part.tags, MW_VIEW("mlflow.trace.spansLocation"), MW_VIEW("TRACKING_STORE"));
    *ret_part = part;
    return MW_OK;
}

/* ---- totals ---------------------------------------------------------------------------------- */

enum { UNKNOWN, BEGUN, BELOW, FREE }; /* BELOW: a span above, or this, tells its use */

static int order_values(const void *key, const void *value)
{
    return mw_view_order(*(const mw_view *)key, ((const mw_span_value *)value)->span_id);
}

static size_t parent_of(const mw_span_values *values, size_t i)
{
    const mw_view *parent = &values->items[i].parent;
    const mw_span_value *found =
        parent->data ? bsearch(parent, values->items, values->count, sizeof *found, order_values)
                     : NULL;
    return found ? (size_t)(found - values->items) : values->count;
}

/* Up to what is known, or a root, or around a ring; then the same for all on the way. */
static uint8_t mark_of(const mw_span_values *values, uint8_t *marks, size_t i)
{
    size_t at = i;
    while (at < values->count && marks[at] == UNKNOWN && !values->items[at].value.data) {
        marks[at] = BEGUN;
        at = parent_of(values, at);
    }
    uint8_t mark = at == values->count || marks[at] == BEGUN ? FREE : marks[at];
    if (mark == UNKNOWN)
        mark = BELOW;
    for (at = i; at < values->count && marks[at] == BEGUN; at = parent_of(values, at))
        marks[at] = mark;
    return mark;
}

typedef struct sum {
    double total;
    bool is_told;
} sum;

static const char *const cost_keys[] = {"input_cost", "output_cost", "total_cost"};

static bool add_value(mw_view told, const char *const *keys, size_t n_keys, sum *sums)
{
    mw_json *root;
    mw_error ignored;
    double number;
    if (mw_json_read(told, &root, &ignored) != MW_OK)
        return false;
    bool is_object = mw_json_is_object(root);
    for (size_t i = 0; i < n_keys; i++) {
        if (!mw_json_number(mw_json_member(root, keys[i]), &number))
            continue;
        sums[i].total += number;
        sums[i].is_told = true;
    }
    mw_json_free(root);
    return is_object;
}

static mw_view write_sums(mw_arena *arena, const sum *sums, const char *const *keys, size_t n_keys,
                          bool has_costs)
{
    enum { ALWAYS = 3 };
    const double most = 9007199254740992.0;
    mw_buf out;
    mw_buf_init(&out, 4 * MW_KIB);
    for (size_t i = 0; i < n_keys; i++) {
        if (i >= ALWAYS && !sums[i].is_told)
            continue;
        mw_buf_format(&out, "%s\"%s\": ", out.size ? ", " : "{", keys[i]);
        if (has_costs || sums[i].total > most || sums[i].total < -most)
            mw_json_write_double(&out, sums[i].total);
        else
            mw_json_write_int(&out, (int64_t)sums[i].total);
    }
    mw_buf_char(&out, '}');
    char *kept = mw_arena_text(arena, mw_buf_as_view(&out));
    mw_view written = {kept, kept ? out.size : 0};
    mw_buf_done(&out);
    return written;
}

mw_view span_total(mw_arena *arena, const mw_span_values *values, bool has_costs)
{
    sum sums[SPAN_N_TOKENS] = {{0, false}};
    const char *const *keys = has_costs ? cost_keys : span_token_names;
    size_t n_keys = has_costs ? MW_COUNT(cost_keys) : SPAN_N_TOKENS;
    uint8_t *marks = mw_arena_take_zeroed(arena, values->count + 1, sizeof *marks);
    bool is_told = false;
    for (size_t i = 0; marks && i < values->count; i++) {
        if (!values->items[i].value.data)
            continue;
        size_t above = parent_of(values, i);
        if (above == values->count || mark_of(values, marks, above) == FREE)
            is_told = add_value(values->items[i].value, keys, n_keys, sums) || is_told;
    }
    return is_told ? write_sums(arena, sums, keys, n_keys, has_costs) : (mw_view){NULL, 0};
}

/* ---- for the client -------------------------------------------------------------------------- */

static void put_any(mw_buf *out, const mw_json *value);

static void put_pair(mw_buf *out, mw_view key, const mw_json *value, bool is_first)
{
    mw_buf_text(out, is_first ? "{\"key\":" : ",{\"key\":");
    mw_json_write_text(out, key);
    mw_buf_text(out, ",\"value\":");
    put_any(out, value);
    mw_buf_char(out, '}');
}

static void put_pairs(mw_buf *out, const mw_json *object)
{
    void *cursor = NULL;
    mw_view key;
    const mw_json *value;
    for (bool is_first = true; mw_json_next(object, &cursor, &key, &value); is_first = false)
        put_pair(out, key, value, is_first);
}

/* Depth: of a document that mw_json_read has taken. */
static void put_any(mw_buf *out, const mw_json *value)
{
    int64_t whole;
    double number;
    if (mw_json_is_text(value)) {
        mw_buf_text(out, "{\"string_value\":");
        mw_json_write_text(out, mw_json_text(value));
    } else if (mw_json_is_bool(value)) {
        mw_buf_format(out, "{\"bool_value\":%s", mw_json_bool(value, false) ? "true" : "false");
    } else if (mw_json_integer(value, &whole)) {
        mw_buf_format(out, "{\"int_value\":%lld", (long long)whole);
    } else if (mw_json_number(value, &number)) {
        mw_buf_text(out, "{\"double_value\":");
        mw_json_write_double(out, number);
    } else if (mw_json_is_array(value)) {
        mw_buf_text(out, "{\"array_value\":{\"values\":[");
        for (size_t i = 0; i < mw_json_count(value); i++) {
            mw_buf_text(out, i ? "," : "");
            put_any(out, mw_json_element(value, i));
        }
        mw_buf_text(out, "]}");
    } else if (mw_json_is_object(value)) {
        mw_buf_text(out, "{\"kvlist_value\":{\"values\":[");
        put_pairs(out, value);
        mw_buf_text(out, "]}");
    } else {
        mw_buf_char(out, '{');
    }
    mw_buf_char(out, '}');
}

/* What JSON does not have (NaN), or has twice, is a text. */
static void put_dumped(mw_buf *out, mw_view dumped)
{
    mw_json *root;
    mw_error ignored;
    if (is_no_json(dumped)) {
        mw_buf_format(out, "{\"double_value\":\"%.*s\"}", MW_VIEW_ARG(dumped));
    } else if (mw_json_read(dumped, &root, &ignored) == MW_OK) {
        put_any(out, root);
        mw_json_free(root);
    } else {
        mw_buf_text(out, "{\"string_value\":");
        mw_json_write_text(out, dumped);
        mw_buf_char(out, '}');
    }
}

static void put_member(mw_buf *out, const mw_json *span, const char *name)
{
    const mw_json *value = mw_json_member(span, name);
    if (!value || mw_json_is_null(value))
        return;
    mw_buf_format(out, "%s\"%s\":", out->data[out->size - 1] == '{' ? "" : ",", name);
    mw_json_write_node(out, value);
}

static void put_all_attributes(mw_buf *out, const mw_json *object)
{
    void *cursor = NULL;
    mw_view key;
    const mw_json *value;
    mw_buf_text(out, ",\"attributes\":[");
    for (bool is_first = true; mw_json_next(object, &cursor, &key, &value); is_first = false) {
        mw_buf_text(out, is_first ? "{\"key\":" : ",{\"key\":");
        mw_json_write_text(out, key);
        mw_buf_text(out, ",\"value\":");
        put_dumped(out, mw_json_text(value));
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, ']');
}

static void put_all_events(mw_buf *out, const mw_json *events)
{
    mw_buf_text(out, ",\"events\":[");
    for (size_t i = 0; i < mw_json_count(events); i++) {
        const mw_json *event = mw_json_element(events, i);
        mw_buf_text(out, i ? ",{" : "{");
        put_member(out, event, "name");
        put_member(out, event, "time_unix_nano");
        mw_buf_text(out, ",\"attributes\":[");
        put_pairs(out, mw_json_member(event, "attributes"));
        mw_buf_text(out, "]}");
    }
    mw_buf_char(out, ']');
}

static mw_view hexadecimal(mw_view id)
{
    return mw_view_starts(id, "tr-") ? (mw_view){id.data + 3, id.size - 3} : id;
}

static void put_all_links(mw_buf *out, const mw_json *links)
{
    mw_buf_text(out, ",\"links\":[");
    for (size_t i = 0; i < mw_json_count(links); i++) {
        const mw_json *link = mw_json_element(links, i);
        mw_view trace_id = hexadecimal(mw_json_text(mw_json_member(link, "trace_id")));
        mw_view span_id = mw_json_text(mw_json_member(link, "span_id"));
        mw_buf_text(out, i ? ",{\"trace_id\":" : "{\"trace_id\":");
        put_base64(out, trace_id.size <= 32 ? trace_id : MW_VIEW(""));
        mw_buf_text(out, ",\"span_id\":");
        put_base64(out, span_id.size <= 16 ? span_id : MW_VIEW(""));
        mw_buf_text(out, ",\"attributes\":[");
        put_pairs(out, mw_json_member(link, "attributes"));
        mw_buf_text(out, "]}");
    }
    mw_buf_char(out, ']');
}

bool span_put_json(mw_buf *out, mw_view content)
{
    static const char *const members[] = {
        "trace_id",           "span_id", "parent_span_id", "name", "start_time_unix_nano",
        "end_time_unix_nano", "status"};
    mw_json *span;
    mw_error ignored;
    if (mw_json_read(content, &span, &ignored) != MW_OK)
        return false;
    mw_buf_char(out, '{');
    for (size_t i = 0; i < MW_COUNT(members); i++)
        put_member(out, span, members[i]);
    put_all_attributes(out, mw_json_member(span, "attributes"));
    put_all_events(out, mw_json_member(span, "events"));
    put_all_links(out, mw_json_member(span, "links"));
    mw_buf_char(out, '}');
    mw_json_free(span);
    return true;
}
