/* Requests into structs without a tree between: those of the plain form that clients send.
 *
 *     {"run_id": "...", "metrics": [{"key": "loss", "value": 0.5, "timestamp": 7, "step": 1}, ...]}
 *
 * Names in snake_case, each once, values of the field's own kind. Whatever is not so (another
 * name, NaN as a word, digits in a text, something missing or wrong) is left to mlflow_fields.c,
 * which knows all forms and all refusals: so this one never refuses. A batch of 1,000 metrics takes
 * a fifth of the time. */
#include <math.h>

#include "mlflow.h"

enum { FIELDS_MAX = 64 };

typedef struct scanning {
    mw_scan scan;
    mw_arena *arena;
    mw_error ignored;
} scanning;

typedef struct any_list {
    void *items;
    size_t count;
} any_list;

static bool scan_object(scanning *s, const mlflow_field *fields, void *out);

static bool scan_text(scanning *s, mw_view *ret_text)
{
    mw_view text;
    if (mw_scan_peek(&s->scan) != MW_SCAN_STRING ||
        mw_scan_string(&s->scan, s->arena, &text, &s->ignored) != MW_OK ||
        (text.size > 0 && memchr(text.data, '\0', text.size)))
        return false;
    char *kept = mw_arena_text(s->arena, text);
    *ret_text = (mw_view){kept, text.size};
    return kept != NULL;
}

/* Zeros with a sign, and whole numbers that a double does not hold, have readings of their own. */
static bool scan_double(scanning *s, double *ret_value)
{
    const double exact = 9007199254740992.0;
    return mw_scan_peek(&s->scan) == MW_SCAN_NUMBER &&
           mw_scan_number(&s->scan, ret_value, &s->ignored) == MW_OK && fabs(*ret_value) < exact &&
           !(*ret_value == 0 && signbit(*ret_value));
}

static bool scan_int(scanning *s, int64_t *ret_value)
{
    return mw_scan_peek(&s->scan) == MW_SCAN_NUMBER &&
           mw_scan_integer(&s->scan, ret_value, &s->ignored) == MW_OK;
}

/* Room for one more, at 1, 2, 4 ... twice as much. */
static char *add_item(scanning *s, any_list *list, size_t size)
{
    size_t n = list->count;
    if ((n & (n - 1)) == 0) {
        void *wider = mw_arena_take_zeroed(s->arena, n ? 2 * n : 1, size);
        if (!wider)
            return NULL;
        if (n > 0)
            memcpy(wider, list->items, n * size);
        list->items = wider;
    }
    list->count++;
    return (char *)list->items + n * size;
}

static bool scan_list(scanning *s, const mlflow_field *field, any_list *ret_list)
{
    bool more;
    any_list list = {NULL, 0};
    if (mw_scan_peek(&s->scan) != MW_SCAN_ARRAY ||
        mw_scan_array_begin(&s->scan, &s->ignored) != MW_OK)
        return false;
    for (;;) {
        if (mw_scan_array_next(&s->scan, &more, &s->ignored) != MW_OK)
            return false;
        if (!more)
            break;
        char *item = add_item(s, &list, field->size);
        if (!item || !scan_object(s, field->fields, item))
            return false;
    }
    *ret_list = list;
    return list.count > 0; /* an empty one counts as absent, or not */
}

static bool scan_value(scanning *s, const mlflow_field *field, void *out)
{
    switch (field->kind) {
    case MLFLOW_TEXT:
        return scan_text(s, out) && (!field->required || ((mw_view *)out)->size > 0);
    case MLFLOW_INT:
        return scan_int(s, out);
    case MLFLOW_DOUBLE:
        return scan_double(s, out);
    case MLFLOW_LIST:
        return scan_list(s, field, out);
    default:
        return false;
    }
}

static bool scan_object(scanning *s, const mlflow_field *fields, void *out)
{
    mw_view key;
    bool more;
    uint64_t seen = 0;
    if (mw_scan_peek(&s->scan) != MW_SCAN_OBJECT ||
        mw_scan_object_begin(&s->scan, &s->ignored) != MW_OK)
        return false;
    for (;;) {
        size_t i = 0;
        if (mw_scan_object_next(&s->scan, NULL, &key, &more, &s->ignored) != MW_OK)
            return false;
        if (!more)
            break;
        while (fields[i].name && !mw_view_is(key, fields[i].name))
            i++;
        if (!fields[i].name || i >= FIELDS_MAX || seen >> i & 1 ||
            !scan_value(s, &fields[i], (char *)out + fields[i].offset))
            return false;
        seen |= UINT64_C(1) << i;
    }
    for (size_t i = 0; fields[i].name; i++)
        if (fields[i].required && !(i < FIELDS_MAX && seen >> i & 1))
            return false;
    return true;
}

bool mlflow_scan_fields(const mlflow_field *fields, const mw_exchange *exchange, void *request)
{
    scanning s = {.arena = exchange->arena};
    bool has_body =
        exchange->method == MW_POST || exchange->method == MW_PUT || exchange->method == MW_PATCH;
    if (!has_body || exchange->body.size == 0 ||
        !mw_view_is(exchange->content_type, "application/json") ||
        mw_exchange_header(exchange, "Content-Encoding").data)
        return false;
    mw_scan_init(&s.scan, exchange->body);
    return scan_object(&s, fields, request) && mw_scan_end(&s.scan, &s.ignored) == MW_OK;
}
