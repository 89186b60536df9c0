/* Requests into structs: one reader for JSON bodies, queries and paths.
 *
 * A query becomes a JSON object first ("a=1&b=2&b=3" -> {"a":"1","b":["2","3"]}), so that there is
 * one way to read a field: int64 in digits or in a text, NaN as a word, snake_case or camelCase. */
#include <ctype.h>

#include "mlflow.h"

enum { PATH_BYTES = 160, QUERY_BYTES_MAX = 1 << 20 };

typedef struct reading {
    mw_arena *arena;
    const mlflow_captures *captures;
    char path[PATH_BYTES]; /* of the object that is read: "metrics[1]" */
    mw_error *err;
} reading;

static mw_status read_object(reading *r, const mlflow_field *fields, const mw_json *object,
                             void *out);

/* ---- refusals -------------------------------------------------------------------------------- */

static const char see[] = "See the API docs for more information about request parameters.";

static void name_of(const reading *r, const mlflow_field *field, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "%s%s%s", r->path, r->path[0] ? "." : "", field->name);
}

static mw_status refuse_missing(reading *r, const mlflow_field *field)
{
    char name[PATH_BYTES + 64];
    name_of(r, field, name, sizeof name);
    mw_fail(r->err, MW_E_RECORD_VALUE, "Missing value for required parameter '%s'.", name);
    return mw_mend(r->err, "%s", see);
}

static const char *kind_of(const mw_json *node)
{
    double ignored;
    int64_t whole;
    if (mw_json_is_text(node))
        return "str";
    if (mw_json_is_bool(node))
        return "bool";
    if (mw_json_integer(node, &whole))
        return "int";
    if (mw_json_number(node, &ignored))
        return "float";
    return mw_json_is_array(node) ? "list" : "dict";
}

static mw_status refuse_kind(reading *r, const mlflow_field *field, const mw_json *node)
{
    char name[PATH_BYTES + 64];
    name_of(r, field, name, sizeof name);
    mw_view text = mw_json_text(node);
    mw_fail(r->err, MW_E_RECORD_VALUE,
            "Invalid value%s%.*s%s for parameter '%s' supplied: Hint: "
            "Value was of type '%s'.",
            text.size ? " \"" : "", (int)(text.size < 60 ? text.size : 60), text.data,
            text.size ? "\"" : "", name, kind_of(node));
    return mw_mend(r->err, "%s", see);
}

/* ---- finding --------------------------------------------------------------------------------- */

static void to_camel(const char *name, char *out, size_t out_bytes)
{
    size_t size = 0;
    for (; *name && size + 1 < out_bytes; name++) {
        if (*name == '_' && name[1])
            out[size++] = (char)toupper((unsigned char)*++name);
        else
            out[size++] = *name;
    }
    out[size] = '\0';
}

static const mw_json *find(const mw_json *object, const char *name)
{
    const mw_json *node = mw_json_member(object, name);
    return node && !mw_json_is_null(node) ? node : NULL;
}

static mw_status find_node(reading *r, const mlflow_field *field, const mw_json *object,
                           const mw_json **ret_node)
{
    char camel[64];
    to_camel(field->name, camel, sizeof camel);
    const mw_json *node = find(object, field->name);
    const mw_json *other = strcmp(camel, field->name) != 0 ? find(object, camel) : NULL;
    if (node && other)
        return mw_fail(r->err, MW_E_RECORD_VALUE, "both '%s' and '%s' are given", field->name,
                       camel);
    node = node ? node : other;
    if (!node && field->alias)
        node = find(object, field->alias);
    *ret_node = node;
    return MW_OK;
}

static mw_view find_capture(const reading *r, const mlflow_field *field)
{
    size_t size = strlen(field->name);
    for (size_t i = 0; !r->path[0] && i < r->captures->count; i++)
        if (strncmp(r->captures->names[i], field->name, size) == 0 &&
            r->captures->names[i][size] == '}')
            return r->captures->values[i];
    return (mw_view){NULL, 0};
}

/* ---- single values --------------------------------------------------------------------------- */

static bool read_text(reading *r, const mw_json *node, mw_view *ret_text)
{
    mw_view text = mw_json_text(node);
    char *kept = mw_json_is_text(node) ? mw_arena_text(r->arena, text) : NULL;
    if (kept)
        *ret_text = (mw_view){kept, text.size};
    return kept;
}

static bool read_json_text(reading *r, const mw_json *node, mw_view *ret_text)
{
    mw_buf out;
    mw_buf_init(&out, MW_LIMIT_BODY_BYTES);
    mw_json_write_node(&out, node);
    char *kept = out.failed ? NULL : mw_arena_text(r->arena, mw_buf_as_view(&out));
    if (kept)
        *ret_text = (mw_view){kept, out.size};
    mw_buf_done(&out);
    return kept;
}

static bool read_int(const mw_json *node, int64_t *ret_value)
{
    double number;
    if (mw_json_integer(node, ret_value))
        return true;
    if (mw_json_is_bool(node)) {
        *ret_value = mw_json_bool(node, false);
        return true;
    }
    mw_view text = mw_json_text(node);
    if (text.size > 0 && text.size < 20 && strspn(text.data, "-0123456789") == text.size) {
        char *end;
        *ret_value = strtoll(text.data, &end, 10);
        return *end == '\0';
    }
    /* 3.0 is whole, too */
    bool whole = mw_json_number(node, &number) && number >= -9e15 && number <= 9e15 &&
                 number == (double)(int64_t)number;
    if (whole)
        *ret_value = (int64_t)number;
    return whole;
}

static bool read_double(const mw_json *node, double *ret_value)
{
    if (mw_json_number(node, ret_value))
        return true;
    if (mw_json_is_bool(node)) {
        *ret_value = mw_json_bool(node, false);
        return true;
    }
    mw_view text = mw_json_text(node);
    return text.size > 0 && mw_number_parse(text.data, text.size, ret_value);
}

static bool read_bool(const mw_json *node, bool *ret_value)
{
    int64_t number;
    mw_view text = mw_json_text(node);
    if (mw_view_is_nocase(text, "true") || mw_view_is_nocase(text, "false"))
        *ret_value = mw_view_is_nocase(text, "true");
    else if (read_int(node, &number))
        *ret_value = number != 0;
    else
        return false;
    return true;
}

/* By name or number; unknown names count as absent, as in MLflow. */
static bool read_enum(const mlflow_field *field, const mw_json *node, int *ret_value)
{
    int64_t number = 0, n = 0;
    while (field->names[n])
        n++;
    if (mw_json_is_text(node)) {
        for (int i = 0; i < n; i++)
            if (mw_view_is(mw_json_text(node), field->names[i]))
                *ret_value = i + 1;
        if (!read_int(node, &number))
            return true;
    } else if (!read_int(node, &number)) {
        return false;
    }
    if (number >= 1 && number <= n)
        *ret_value = (int)number;
    return true;
}

/* ---- lists ----------------------------------------------------------------------------------- */

typedef struct any_list {
    void *items;
    size_t count;
} any_list;

static mw_status read_texts(reading *r, const mlflow_field *field, const mw_json *node,
                            mw_texts *ret_texts)
{
    bool is_one = mw_json_is_text(node); /* of a query */
    if (!is_one && !mw_json_is_array(node))
        return refuse_kind(r, field, node);
    size_t n = is_one ? 1 : mw_json_count(node);
    mw_view *items = mw_arena_take_zeroed(r->arena, n, sizeof *items);
    if (!items)
        return mw_fail_memory(r->err, "the request");
    for (size_t i = 0; i < n; i++) {
        const mw_json *element = is_one ? node : mw_json_element(node, i);
        if (!read_text(r, element, &items[i]))
            return refuse_kind(r, field, element);
    }
    *ret_texts = (mw_texts){items, n};
    return MW_OK;
}

static mw_status read_list(reading *r, const mlflow_field *field, const mw_json *node,
                           any_list *ret_list)
{
    if (!mw_json_is_array(node))
        return refuse_kind(r, field, node);
    size_t n = mw_json_count(node), used = strlen(r->path);
    char *items = mw_arena_take_zeroed(r->arena, n, field->size);
    if (!items)
        return mw_fail_memory(r->err, "the request");
    for (size_t i = 0; i < n; i++) {
        const mw_json *element = mw_json_element(node, i);
        if (!mw_json_is_object(element))
            return refuse_kind(r, field, element);
        snprintf(r->path + used, sizeof r->path - used, "%s%s[%zu]", used ? "." : "", field->name,
                 i);
        MW_TRY(read_object(r, field->fields, element, items + i * field->size));
    }
    r->path[used] = '\0';
    *ret_list = (any_list){items, n};
    return MW_OK;
}

static mw_status read_inner(reading *r, const mlflow_field *field, const mw_json *node, void *out)
{
    size_t used = strlen(r->path);
    if (!mw_json_is_object(node))
        return refuse_kind(r, field, node);
    snprintf(r->path + used, sizeof r->path - used, "%s%s", used ? "." : "", field->name);
    MW_TRY(read_object(r, field->fields, node, out));
    r->path[used] = '\0';
    return MW_OK;
}

/* {"key": "value", ...}: texts; what is none is kept as its JSON. */
static mw_status read_map(reading *r, const mlflow_field *field, const mw_json *node,
                          mw_tags *ret_pairs)
{
    void *cursor = NULL;
    const mw_json *value;
    mw_view key;
    if (!mw_json_is_object(node))
        return refuse_kind(r, field, node);
    mw_tag *items = mw_arena_take_zeroed(r->arena, mw_json_count(node), sizeof *items);
    size_t n = 0;
    while (items && mw_json_next(node, &cursor, &key, &value)) {
        char *kept = mw_arena_text(r->arena, key);
        items[n].key = (mw_view){kept, key.size};
        if (!kept || !(mw_json_is_text(value) ? read_text(r, value, &items[n].value)
                                              : read_json_text(r, value, &items[n].value)))
            return mw_fail_memory(r->err, "the request");
        n++;
    }
    *ret_pairs = (mw_tags){items, n};
    return items ? MW_OK : mw_fail_memory(r->err, "the request");
}

/* ---- objects --------------------------------------------------------------------------------- */

static mw_status read_value(reading *r, const mlflow_field *field, const mw_json *node, void *out)
{
    bool fits;
    switch (field->kind) {
    case MLFLOW_TEXT:
        fits = read_text(r, node, out);
        break;
    case MLFLOW_INT:
        fits = read_int(node, out);
        break;
    case MLFLOW_MAYBE_INT:
        fits = ((mlflow_int *)out)->given = read_int(node, &((mlflow_int *)out)->value);
        break;
    case MLFLOW_COUNT:
        fits = read_int(node, out);
        *(int64_t *)out -= *(int64_t *)out == 0;
        break;
    case MLFLOW_DOUBLE:
        fits = read_double(node, out);
        break;
    case MLFLOW_MAYBE_DOUBLE:
        fits = ((mlflow_double *)out)->given = read_double(node, &((mlflow_double *)out)->value);
        break;
    case MLFLOW_BOOL:
        fits = read_bool(node, out);
        break;
    case MLFLOW_NOT_BOOL:
        fits = read_bool(node, out);
        *(bool *)out = !*(bool *)out;
        break;
    case MLFLOW_ENUM:
        fits = read_enum(field, node, out);
        break;
    case MLFLOW_TEXTS:
        return read_texts(r, field, node, out);
    case MLFLOW_LIST:
        return read_list(r, field, node, out);
    case MLFLOW_MAP:
        return read_map(r, field, node, out);
    case MLFLOW_JSON:
        return read_json_text(r, node, out) ? MW_OK : mw_fail_memory(r->err, "the request");
    default:
        return read_inner(r, field, node, out);
    }
    return fits ? MW_OK : refuse_kind(r, field, node);
}

static bool is_empty(const mlflow_field *field, const mw_json *node)
{
    if (!node)
        return true;
    return (mw_json_is_text(node) && mw_json_text(node).size == 0) ||
           (field->kind == MLFLOW_LIST && mw_json_is_array(node) && mw_json_count(node) == 0);
}

static mw_status read_object(reading *r, const mlflow_field *fields, const mw_json *object,
                             void *out)
{
    for (const mlflow_field *field = fields; field->name; field++) {
        const mw_json *node = NULL;
        char *place = (char *)out + field->offset;
        mw_view captured = find_capture(r, field);
        if (captured.data) {
            *(mw_view *)place = captured;
            continue;
        }
        MW_TRY(find_node(r, field, object, &node));
        if (field->required && is_empty(field, node))
            return refuse_missing(r, field);
        if (node)
            MW_TRY(read_value(r, field, node, place));
    }
    return MW_OK;
}

/* ---- bodies and queries ---------------------------------------------------------------------- */

typedef struct pair {
    mw_view key, value;
} pair;

static bool decode(mw_view text, mw_arena *arena, mw_view *ret_text)
{
    char *plain = mw_arena_text(arena, text);
    for (char *c = plain; c && *c; c++)
        if (*c == '+')
            *c = ' ';
    return plain && mw_percent_decode((mw_view){plain, text.size}, arena, ret_text);
}

static mw_status split_query(mw_view query, mw_arena *arena, pair *pairs, size_t *ret_count,
                             mw_error *err)
{
    size_t n = 0;
    while (query.size > 0) {
        const char *end = memchr(query.data, '&', query.size);
        mw_view part = {query.data, end ? (size_t)(end - query.data) : query.size};
        query.data += part.size + (end != NULL);
        query.size -= part.size + (end != NULL);
        const char *equals = part.size ? memchr(part.data, '=', part.size) : NULL;
        if (!equals)
            continue;
        size_t key_size = (size_t)(equals - part.data);
        if (!decode((mw_view){part.data, key_size}, arena, &pairs[n].key) ||
            !decode((mw_view){equals + 1, part.size - key_size - 1}, arena, &pairs[n].value))
            return mw_fail(err, MW_E_ROUTE_ENCODING, "a malformed percent escape in the address");
        n++;
    }
    *ret_count = n;
    return MW_OK;
}

static void write_values(const pair *pairs, size_t n, size_t first, mw_buf *out)
{
    size_t n_same = 0;
    for (size_t i = first; i < n; i++)
        n_same += mw_view_equal(pairs[i].key, pairs[first].key);
    mw_buf_text(out, n_same > 1 ? "[" : "");
    for (size_t i = first, k = 0; i < n; i++) {
        if (!mw_view_equal(pairs[i].key, pairs[first].key))
            continue;
        mw_buf_text(out, k++ ? "," : "");
        mw_json_write_text(out, pairs[i].value);
    }
    mw_buf_text(out, n_same > 1 ? "]" : "");
}

/* Pairs of one key are few: an address has at most 4 KiB. */
static void write_pairs(const pair *pairs, size_t n, mw_buf *out)
{
    mw_buf_char(out, '{');
    for (size_t i = 0; i < n; i++) {
        bool is_first = true;
        for (size_t k = 0; k < i && is_first; k++)
            is_first = !mw_view_equal(pairs[k].key, pairs[i].key);
        if (!is_first)
            continue;
        mw_buf_text(out, out->size > 1 ? "," : "");
        mw_json_write_text(out, pairs[i].key);
        mw_buf_char(out, ':');
        write_values(pairs, n, i, out);
    }
    mw_buf_char(out, '}');
}

static mw_status query_to_json(mw_exchange *exchange, mw_buf *out, mw_error *err)
{
    size_t n_most = 1, n = 0;
    for (size_t i = 0; i < exchange->query.size; i++)
        n_most += exchange->query.data[i] == '&';
    pair *pairs = mw_arena_take_zeroed(exchange->arena, n_most, sizeof *pairs);
    if (!pairs)
        return mw_fail_memory(err, "the request");
    MW_TRY(split_query(exchange->query, exchange->arena, pairs, &n, err));
    write_pairs(pairs, n, out);
    return out->failed ? mw_fail_memory(err, "the request") : MW_OK;
}

/* Only this type: a page of another site can make a browser send others without asking. */
static mw_status check_type(const mw_exchange *exchange, mw_error *err)
{
    mw_view type = exchange->content_type;
    const char *end = type.size ? memchr(type.data, ';', type.size) : NULL;
    if (end)
        type.size = (size_t)(end - type.data);
    if (mw_view_is_nocase(mw_view_trim(type), "application/json"))
        return MW_OK;
    if (type.size == 0)
        return mw_fail(err, MW_E_RECORD_VALUE, "Bad Request. Content-Type header is missing.");
    return mw_fail(err, MW_E_RECORD_VALUE,
                   "Bad Request. Content-Type must be one of ['application/json'].");
}

static mw_status read_json(mw_exchange *exchange, mw_json **ret_root, mw_error *err)
{
    mw_buf text;
    mw_view body = exchange->body;
    mw_buf_init(&text, QUERY_BYTES_MAX);
    mw_status status = MW_OK;
    bool in_query = exchange->method == MW_GET || exchange->method == MW_HEAD;
    if (in_query)
        status = query_to_json(exchange, &text, err);
    else if (exchange->method != MW_DELETE)
        status = check_type(exchange, err);
    if (status == MW_OK && !in_query)
        status = mw_exchange_inflate(exchange, MW_LIMIT_BODY_BYTES, &body, err);
    if (status == MW_OK)
        status = mw_json_read(in_query    ? mw_buf_as_view(&text)
                              : body.size ? body
                                          : MW_VIEW("{}"),
                              ret_root, err);
    mw_buf_done(&text);
    return status;
}

mw_status mlflow_read_fields(const mlflow_field *fields, mw_exchange *exchange,
                             const mlflow_captures *captures, void *request, mw_error *err)
{
    mw_json *root;
    reading r = {.arena = exchange->arena, .captures = captures, .err = err};
    MW_TRY(read_json(exchange, &root, err));
    mw_status status = mw_json_is_object(root)
                           ? read_object(&r, fields, root, request)
                           : mw_fail(err, MW_E_RECORD_VALUE, "the body is not a JSON object");
    mw_json_free(root);
    return status;
}
