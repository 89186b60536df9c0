/* One view of JSON and UBJSON; see document.h. */
#include "document.h"

#include <locale.h>

#include "names.h"

void model_document_init(model_document *doc, mw_view bytes, bool binary, mw_arena *arena)
{
    *doc = (model_document){.binary = binary, .arena = arena};
    if (binary) {
        model_ubjson_init(&doc->ubjson, bytes);
        return;
    }
    mw_scan_init(&doc->json, bytes);
    doc->json.allow_nan = true;
}

mw_scan_kind model_document_peek(model_document *doc)
{
    return doc->binary ? model_ubjson_peek(&doc->ubjson) : mw_scan_peek(&doc->json);
}

const char *model_document_at(const model_document *doc)
{
    return doc->binary ? (const char *)doc->ubjson.at : doc->json.at;
}

mw_status model_document_object_begin(model_document *doc, mw_error *err)
{
    return doc->binary ? model_ubjson_object_begin(&doc->ubjson, err)
                       : mw_scan_object_begin(&doc->json, err);
}

mw_status model_document_object_next(model_document *doc, mw_view *ret_key, bool *ret_more,
                                     mw_error *err)
{
    return doc->binary ? model_ubjson_object_next(&doc->ubjson, ret_key, ret_more, err)
                       : mw_scan_object_next(&doc->json, doc->arena, ret_key, ret_more, err);
}

mw_status model_document_array_begin(model_document *doc, mw_error *err)
{
    return doc->binary ? model_ubjson_array_begin(&doc->ubjson, err)
                       : mw_scan_array_begin(&doc->json, err);
}

mw_status model_document_array_next(model_document *doc, bool *ret_more, mw_error *err)
{
    return doc->binary ? model_ubjson_array_next(&doc->ubjson, ret_more, err)
                       : mw_scan_array_next(&doc->json, ret_more, err);
}

static mw_status read_bool(model_document *doc, bool *ret_value, mw_error *err)
{
    return doc->binary ? model_ubjson_bool(&doc->ubjson, ret_value, err)
                       : mw_scan_bool(&doc->json, ret_value, err);
}

mw_status model_document_number(model_document *doc, double *ret_value, mw_error *err)
{
    return doc->binary ? model_ubjson_number(&doc->ubjson, ret_value, err)
                       : mw_scan_number(&doc->json, ret_value, err);
}

mw_status model_document_integer(model_document *doc, int64_t *ret_value, mw_error *err)
{
    return doc->binary ? model_ubjson_integer(&doc->ubjson, ret_value, err)
                       : mw_scan_integer(&doc->json, ret_value, err);
}

mw_status model_document_string(model_document *doc, mw_view *ret_text, mw_error *err)
{
    return doc->binary ? model_ubjson_string(&doc->ubjson, ret_text, err)
                       : mw_scan_string(&doc->json, doc->arena, ret_text, err);
}

mw_status model_document_skip(model_document *doc, mw_error *err)
{
    return doc->binary ? model_ubjson_skip(&doc->ubjson, err) : mw_scan_skip(&doc->json, NULL, err);
}

mw_status model_document_end(model_document *doc, mw_error *err)
{
    return doc->binary ? model_ubjson_end(&doc->ubjson, err) : mw_scan_end(&doc->json, err);
}

mw_status model_document_integer_or_text(model_document *doc, int64_t *ret_value, mw_error *err)
{
    if (model_document_peek(doc) != MW_SCAN_STRING)
        return model_document_integer(doc, ret_value, err);
    mw_view text;
    MW_TRY(model_document_string(doc, &text, err));
    if (model_parse_integer(text, ret_value))
        return MW_OK;
    return mw_fail(err, MW_E_MODEL_SYNTAX, "'%.*s' is not an integer", MW_VIEW_ARG(text));
}

/* ---- whole arrays ---------------------------------------------------------------------------- */

float model_float_of(double value, mw_view text)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint64_t below_float = ((uint64_t)1 << 29) - 1, halfway = (uint64_t)1 << 28;
    char copy[64];
    if ((bits & below_float) != halfway || text.size >= sizeof copy)
        return (float)value;
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!plain)
        return (float)value;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    float rounded = strtof_l(copy, NULL, plain);
    freelocale(plain);
    return rounded;
}

static mw_status read_json_float(mw_scan *scan, float *ret_value, mw_error *err)
{
    double value = 0;
    mw_scan_peek(scan); /* white space is behind us: the number's text begins here */
    const char *begin = scan->at;
    MW_TRY(mw_scan_number(scan, &value, err));
    *ret_value = model_float_of(value, (mw_view){begin, (size_t)(scan->at - begin)});
    return MW_OK;
}

/* One element of an array, written where its list has room for it. */
typedef mw_status element_reader(model_document *doc, void *ret_value, mw_error *err);

static mw_status read_float(model_document *doc, void *ret_value, mw_error *err)
{
    double value = 0;
    float rounded = 0;
    if (doc->binary) {
        MW_TRY(model_ubjson_number(&doc->ubjson, &value, err));
        rounded = (float)value;
    } else {
        MW_TRY(read_json_float(&doc->json, &rounded, err));
    }
    *(float *)ret_value = rounded;
    return MW_OK;
}

static mw_status read_integer_or_bool(model_document *doc, void *ret_value, mw_error *err)
{
    mw_scan_kind kind = model_document_peek(doc);
    if (kind != MW_SCAN_TRUE && kind != MW_SCAN_FALSE)
        return model_document_integer(doc, ret_value, err);
    bool value = false;
    MW_TRY(read_bool(doc, &value, err));
    *(int64_t *)ret_value = value;
    return MW_OK;
}

static mw_status read_text(model_document *doc, void *ret_value, mw_error *err)
{
    return model_document_string(doc, ret_value, err);
}

/* Inlined, so that each kind of element has a loop of its own. */
static inline mw_status read_elements(model_document *doc, model_list *list, element_reader *read,
                                      mw_error *err)
{
    bool more = false;
    MW_TRY(model_document_array_begin(doc, err));
    for (;;) {
        MW_TRY(model_document_array_next(doc, &more, err));
        if (!more)
            return MW_OK;
        void *value = model_list_add_one(list);
        if (!value)
            return mw_fail_memory(err, "an array");
        MW_TRY(read(doc, value, err));
    }
}

/* A typed array, whole, with room for its values; *ret_done = false when the array is not one. */
static mw_status take_run(model_document *doc, model_list *list, model_ubjson_run *ret_run,
                          void **ret_values, bool *ret_done, mw_error *err)
{
    *ret_done = false;
    if (!doc->binary)
        return MW_OK;
    MW_TRY(model_ubjson_take_run(&doc->ubjson, ret_done, ret_run, err));
    if (!*ret_done)
        return MW_OK;
    *ret_values = model_list_add(list, ret_run->count);
    return *ret_values ? MW_OK : mw_fail_memory(err, "an array of numbers");
}

static mw_status take_float_run(model_document *doc, model_list *floats, bool *ret_done,
                                mw_error *err)
{
    model_ubjson_run run;
    void *values;
    MW_TRY(take_run(doc, floats, &run, &values, ret_done, err));
    if (*ret_done)
        model_ubjson_run_floats(&run, values);
    return MW_OK;
}

static mw_status take_integer_run(model_document *doc, model_list *integers, bool *ret_done,
                                  mw_error *err)
{
    model_ubjson_run run;
    void *values;
    MW_TRY(take_run(doc, integers, &run, &values, ret_done, err));
    if (!*ret_done || model_ubjson_run_integers(&run, values))
        return MW_OK;
    return mw_fail(err, MW_E_MODEL_SYNTAX, "expected integers, found an array of type '%c'",
                   run.type);
}

mw_status model_document_floats(model_document *doc, model_list *ret_floats, mw_error *err)
{
    bool done = false;
    ret_floats->count = 0;
    MW_TRY(take_float_run(doc, ret_floats, &done, err));
    return done ? MW_OK : read_elements(doc, ret_floats, read_float, err);
}

mw_status model_document_integers(model_document *doc, model_list *ret_integers, mw_error *err)
{
    bool done = false;
    ret_integers->count = 0;
    MW_TRY(take_integer_run(doc, ret_integers, &done, err));
    return done ? MW_OK : read_elements(doc, ret_integers, read_integer_or_bool, err);
}

mw_status model_document_strings(model_document *doc, model_list *ret_views, mw_error *err)
{
    ret_views->count = 0;
    return read_elements(doc, ret_views, read_text, err);
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* The row whose first member is `key`; n_rows when none is. */
static size_t find_row(const void *table, size_t row_bytes, size_t n_rows, mw_view key)
{
    const char *row = table;
    const char *name;
    for (size_t i = 0; i < n_rows; i++, row += row_bytes) {
        memcpy(&name, row, sizeof name);
        if (mw_view_is(key, name))
            return i;
    }
    return n_rows;
}

mw_status model_document_row(model_document *doc, const void *table, size_t row_bytes,
                             size_t n_rows, uint32_t *seen, size_t *ret_row, bool *ret_more,
                             mw_error *err)
{
    mw_view key;
    for (;;) {
        MW_TRY(model_document_object_next(doc, &key, ret_more, err));
        if (!*ret_more)
            return MW_OK;
        size_t found = find_row(table, row_bytes, n_rows, key);
        if (found == n_rows) {
            MW_TRY(model_document_skip(doc, err));
            continue;
        }
        if (*seen & (uint32_t)1 << found)
            return mw_fail(err, MW_E_MODEL_SYNTAX, "key '%.*s' stands twice", MW_VIEW_ARG(key));
        *seen |= (uint32_t)1 << found;
        *ret_row = found;
        return MW_OK;
    }
}

mw_status model_document_key(model_document *doc, const char *const *names, size_t n_names,
                             uint32_t *seen, size_t *ret_key, bool *ret_more, mw_error *err)
{
    return model_document_row(doc, names, sizeof *names, n_names, seen, ret_key, ret_more, err);
}
