/* The signature of an ONNX model, of its graph: names, types and shapes of inputs and outputs.
 *
 *     ModelProto -7-> GraphProto -11-> inputs -1-> name
 *                                -12-> outputs -2-> type -1-> tensor: element (1), shape (2)
 *                                                        -4-> sequence    -5-> map
 *                                -5, 15-> initializers -> name: such an input is a default
 *                                everything else is stepped over by its length
 *
 * Read through a window, so that a model of gigabytes costs some reads; what is wrong behind a
 * length is never looked at. Format: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. */
#include <math.h>
#include <stdlib.h>

#include "passport.h"

enum {
    WINDOW_BYTES = 64 << 10,
    HEAD_BYTES = 20, /* of two varints */
    NAME_BYTES_MAX = 4 << 10,
    READS_MAX = MW_LIMIT_PASSPORT_GRAPH_READS
};

typedef struct graph {
    passport_bytes *fetch;
    void *user;
    mw_buf window; /* bytes from `begin` on */
    uint64_t begin, size;
    size_t n_reads;
    record_memory *memory;
    mw_passport *passport;
    size_t first; /* of its columns among those that are known */
    struct {
        mw_view *items;
        size_t count;
    } defaults;
} graph;

/* A message, or what is left of one: [at, end) of the file. */
typedef struct span {
    uint64_t at, end;
} span;

static mw_status fail_graph(mw_error *err, const char *what, uint64_t at)
{
    mw_fail(err, MW_E_RECORD_PASSPORT, "%s", what);
    return mw_at(err, "graph: byte %llu", (unsigned long long)at);
}

/* ---- the window ------------------------------------------------------------------------------ */

/* `size` <= WINDOW_BYTES bytes from `at` on, which are there. Valid until the next call. */
static mw_status look(graph *g, uint64_t at, size_t size, mw_view *ret_bytes, mw_error *err)
{
    if (at < g->begin || at + size > g->begin + g->window.size) {
        uint64_t left = g->size - at;
        if (g->n_reads++ >= READS_MAX)
            return fail_graph(err, "it has too many parts to be looked at", at);
        mw_buf_reset(&g->window);
        g->begin = at;
        MW_TRY(g->fetch(g->user, at, left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES, &g->window,
                        err));
        if (g->window.size < size)
            return fail_graph(err, "it is cut short", at);
    }
    *ret_bytes = (mw_view){g->window.data + (at - g->begin), size};
    return MW_OK;
}

/* The next field; its bytes are [ret_body->at, end). *ret_number is 0 at the end. */
static mw_status next(graph *g, span *message, uint32_t *ret_number, span *ret_body, mw_error *err)
{
    mw_view head;
    uint64_t tag, size = 0, left = message->end - message->at;
    *ret_number = 0;
    if (left == 0)
        return MW_OK;
    MW_TRY(look(g, message->at, left < HEAD_BYTES ? (size_t)left : HEAD_BYTES, &head, err));
    mw_protobuf wire = mw_protobuf_of(head);
    bool right = mw_protobuf_varint(&wire, &tag) && tag >> 3 != 0 && tag >> 3 <= INT32_MAX;
    uint64_t type = right ? tag & 7 : 8, value;
    if (type == MW_PROTOBUF_VARINT)
        right = mw_protobuf_varint(&wire, &value);
    else if (type == MW_PROTOBUF_BYTES)
        right = mw_protobuf_varint(&wire, &size);
    else if (type == MW_PROTOBUF_FIXED64 || type == MW_PROTOBUF_FIXED32)
        size = type == MW_PROTOBUF_FIXED64 ? 8 : 4;
    else
        right = false;
    uint64_t begin = message->at + (uint64_t)(wire.at - head.data);
    if (!right || begin > message->end || size > message->end - begin)
        return fail_graph(err, "no field of a message can be read", message->at);
    *ret_number = type == MW_PROTOBUF_BYTES ? (uint32_t)(tag >> 3) : UINT32_MAX;
    *ret_body = (span){begin, begin + size};
    message->at = begin + size;
    return MW_OK;
}

/* ---- types ----------------------------------------------------------------------------------- */

static const char *element_name(uint64_t element)
{
    static const char *const names[] = {
        [1] = "float32",  [2] = "uint8",   [3] = "int8",    [4] = "uint16",    [5] = "int16",
        [6] = "int32",    [7] = "int64",   [8] = "string",  [9] = "bool",      [10] = "float16",
        [11] = "float64", [12] = "uint32", [13] = "uint64", [16] = "bfloat16",
    };
    return element < MW_COUNT(names) && names[element] ? names[element] : "unknown";
}

/* The field of this number: a number or a message; false without one. */
static bool field_of(mw_view message, uint32_t number, mw_protobuf_field *ret_field)
{
    mw_protobuf wire = mw_protobuf_of(message);
    bool found = false;
    for (mw_protobuf_field f; mw_protobuf_next(&wire, &f) == MW_PROTOBUF_FIELD;)
        if (f.number == number) {
            *ret_field = f;
            found = true;
        }
    return found;
}

static uint64_t element_of(mw_view message)
{
    mw_protobuf_field field;
    return field_of(message, 1, &field) && field.type == MW_PROTOBUF_VARINT ? field.value : 0;
}

/* "[-1,4]": of a dimension with a name, or none, nothing is known. */
static void put_shape(mw_view shape, mw_buf *out)
{
    mw_protobuf wire = mw_protobuf_of(shape);
    size_t n = 0;
    mw_buf_char(out, '[');
    for (mw_protobuf_field f; mw_protobuf_next(&wire, &f) == MW_PROTOBUF_FIELD;) {
        mw_protobuf_field size;
        if (f.number != 1 || f.type != MW_PROTOBUF_BYTES)
            continue;
        bool known = field_of(f.bytes, 1, &size) && size.type == MW_PROTOBUF_VARINT &&
                     (int64_t)size.value > 0;
        mw_buf_format(out, "%s%lld", n++ ? "," : "", known ? (long long)size.value : -1);
    }
    mw_buf_char(out, ']');
}

/* "tensor(float32)[-1,4]", as MLflow's signatures are told; "map(int64,tensor(float32))". */
static void put_type(mw_view type, unsigned depth, mw_buf *out)
{
    enum { TENSOR = 1, SEQUENCE = 4, MAP = 5, OPTIONAL = 9, DEPTH_MAX = 4 };
    mw_protobuf_field f, inner;
    if (depth >= DEPTH_MAX) {
        mw_buf_text(out, "...");
    } else if (field_of(type, TENSOR, &f)) {
        mw_buf_format(out, "tensor(%s)", element_name(element_of(f.bytes)));
        if (field_of(f.bytes, 2, &inner))
            put_shape(inner.bytes, out);
    } else if (field_of(type, SEQUENCE, &f) || field_of(type, OPTIONAL, &f)) {
        mw_buf_text(out, f.number == SEQUENCE ? "sequence(" : "optional(");
        put_type(field_of(f.bytes, 1, &inner) ? inner.bytes : MW_VIEW(""), depth + 1, out);
        mw_buf_char(out, ')');
    } else if (field_of(type, MAP, &f)) {
        mw_buf_format(out, "map(%s,", element_name(element_of(f.bytes)));
        put_type(field_of(f.bytes, 2, &inner) ? inner.bytes : MW_VIEW(""), depth + 1, out);
        mw_buf_char(out, ')');
    } else {
        mw_buf_text(out, "unknown");
    }
}

/* ---- columns --------------------------------------------------------------------------------- */

static mw_status add_tensor(graph *g, const span *body, bool is_output, mw_error *err)
{
    mw_view info;
    mw_buf type;
    mw_protobuf_field name, of;
    if (body->end - body->at > WINDOW_BYTES)
        return fail_graph(err, "an input or output is too long to be told", body->at);
    if (g->passport->columns.count >= PASSPORT_COLUMNS_MAX)
        return fail_graph(err, "it has too many inputs and outputs", body->at);
    MW_TRY(look(g, body->at, (size_t)(body->end - body->at), &info, err));
    bool is_named = field_of(info, 1, &name) && name.type == MW_PROTOBUF_BYTES &&
                    name.bytes.size > 0 && name.bytes.size <= NAME_BYTES_MAX &&
                    mw_view_is_utf8(name.bytes) && !memchr(name.bytes.data, 0, name.bytes.size);
    if (!is_named)
        return fail_graph(err, "an input or output has no name that is text", body->at);
    mw_passport_column *column = RECORD_PUSH(g->memory, &g->passport->columns);
    if (!column)
        return mw_fail_memory(err, "a signature");
    mw_buf_init(&type, WINDOW_BYTES);
    put_type(field_of(info, 2, &of) ? of.bytes : MW_VIEW(""), 0, &type);
    *column = (mw_passport_column){.name = record_keep(g->memory, name.bytes),
                                   .type = record_keep(g->memory, mw_buf_as_view(&type)),
                                   .is_output = is_output,
                                   .required = true,
                                   .low = NAN,
                                   .high = NAN,
                                   .missing = NAN};
    mw_buf_done(&type);
    return MW_OK;
}

/* TensorProto has its name in field 8. */
static mw_status note_default(graph *g, span tensor, uint32_t name_field, mw_error *err)
{
    uint32_t number;
    span body;
    mw_view name;
    for (;;) {
        MW_TRY(next(g, &tensor, &number, &body, err));
        if (number == 0 || number == name_field)
            break;
    }
    if (number == 0 || body.end - body.at > NAME_BYTES_MAX)
        return MW_OK;
    MW_TRY(look(g, body.at, (size_t)(body.end - body.at), &name, err));
    if (g->defaults.count >= PASSPORT_COLUMNS_MAX)
        return fail_graph(err, "it has too many parts to be looked at", body.at);
    mw_view *kept = RECORD_PUSH(g->memory, &g->defaults);
    if (!kept)
        return mw_fail_memory(err, "a signature");
    *kept = record_keep(g->memory, name);
    return MW_OK;
}

static int compare_names(const void *x, const void *y)
{
    return mw_view_order(*(const mw_view *)x, *(const mw_view *)y);
}

/* Inputs that have a default are constants; and which side was known already stays as it was. */
static void settle(graph *g, bool knows_inputs, bool knows_outputs)
{
    size_t n = g->first;
    mw_passport_column *columns = g->passport->columns.items;
    if (g->defaults.count > 0)
        qsort(g->defaults.items, g->defaults.count, sizeof(mw_view), compare_names);
    for (size_t i = g->first; i < g->passport->columns.count; i++) {
        const mw_passport_column *c = &columns[i];
        bool has_default =
            !c->is_output && g->defaults.count > 0 &&
            bsearch(&c->name, g->defaults.items, g->defaults.count, sizeof(mw_view), compare_names);
        if (!has_default && !(c->is_output ? knows_outputs : knows_inputs))
            columns[n++] = *c;
    }
    g->passport->columns.count = n;
}

/* ---- the file -------------------------------------------------------------------------------- */

static mw_status read_graph(graph *g, span message, mw_error *err)
{
    enum { INITIALIZER = 5, INPUT = 11, OUTPUT = 12, NAME_OF_TENSOR = 8 };
    uint32_t number;
    span body;
    for (;;) {
        MW_TRY(next(g, &message, &number, &body, err));
        if (number == 0)
            return MW_OK;
        if (number == INITIALIZER)
            MW_TRY(note_default(g, body, NAME_OF_TENSOR, err));
        else if (number == INPUT || number == OUTPUT)
            MW_TRY(add_tensor(g, &body, number == OUTPUT, err));
    }
}

static mw_status read_file(graph *g, mw_error *err)
{
    enum { GRAPH = 7 };
    span file = {0, g->size}, body, found = {0, 0};
    uint32_t number;
    do {
        MW_TRY(next(g, &file, &number, &body, err));
        if (number == GRAPH)
            found = body;
    } while (number != 0);
    if (found.end == 0)
        return fail_graph(err, "there is no graph", g->size);
    return read_graph(g, found, err);
}

mw_status passport_read_onnx(passport_bytes *fetch, void *user, uint64_t size,
                             record_memory *memory, mw_passport *passport, mw_error *err)
{
    bool knows[2] = {false, false};
    for (size_t i = 0; i < passport->columns.count; i++)
        knows[passport->columns.items[i].is_output] = true;
    graph g = {.fetch = fetch,
               .user = user,
               .size = size,
               .memory = memory,
               .passport = passport,
               .first = passport->columns.count};
    mw_buf_init(&g.window, WINDOW_BYTES + 1);
    mw_status status = read_file(&g, err);
    if (status == MW_OK)
        settle(&g, knows[0], knows[1]);
    else
        passport->columns.count = g.first;
    mw_buf_done(&g.window);
    return status;
}
