/* From rows to a FileDescriptorProto, and from a name to its file. */
#include "proto.h"

const proto_file *const proto_files[] = {
    &proto_inference,  &proto_model_config,     &proto_health,
    &proto_reflection, &proto_reflection_alpha, NULL,
};

/* Numbers of fields in descriptor.proto. */
enum { FILE_NAME = 1, FILE_PACKAGE, FILE_NEEDS, FILE_MESSAGE, FILE_ENUM, FILE_SERVICE };
enum { FILE_SYNTAX = 12 };
enum { MESSAGE_NAME = 1, MESSAGE_FIELD, MESSAGE_NESTED, MESSAGE_ENUM };
enum { MESSAGE_OPTIONS = 7, MESSAGE_ONEOF, OPTIONS_MAP_ENTRY = 7 };
enum { FIELD_NAME = 1, FIELD_NUMBER = 3, FIELD_LABEL, FIELD_TYPE, FIELD_OF_NAME, FIELD_ONEOF = 9 };
enum { LABEL_OPTIONAL = 1, LABEL_REPEATED = 3 };
enum { CALL_IN = 2, CALL_OUT, CALL_OPTIONS, CALL_STREAMS_IN, CALL_STREAMS_OUT };
enum { NAME = 1, PARTS = 2 }; /* of enums, values, oneofs and services */
enum { SYMBOL_BYTES = 256 };

static bool opens(const proto_row *row)
{
    return row->what <= PROTO_SERVICE;
}

/* Behind the END of what opens at `row`; behind `row` where nothing opens. */
static const proto_row *skip(const proto_row *row)
{
    size_t depth = 0;
    do {
        depth += opens(row);
        depth -= row->what == PROTO_END;
        row++;
    } while (depth > 0);
    return row;
}

/* "parameters" -> "ParametersEntry", as protoc calls the message of a map's entries. */
static mw_view entry_name(const proto_row *map, char text[SYMBOL_BYTES])
{
    size_t n = 0;
    bool is_upper = true;
    for (const char *c = map->name; *c && n + sizeof "Entry" < SYMBOL_BYTES; c++) {
        if (*c != '_')
            text[n++] = (char)(is_upper && *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
        is_upper = *c == '_';
    }
    memcpy(text + n, "Entry", sizeof "Entry");
    return (mw_view){text, n + sizeof "Entry" - 1};
}

/* ---- writing --------------------------------------------------------------------------------- */

typedef struct writer {
    mw_buf *out;
    const proto_file *file;
    char scope[SYMBOL_BYTES]; /* "package.Message" */
} writer;

static void put_name(mw_buf *out, uint32_t number, const char *name)
{
    mw_protobuf_put_text_always(out, number, mw_view_of(name));
}

/* ".package.Message" */
static void put_type(const writer *to, uint32_t number, const char *of)
{
    size_t package = strlen(to->file->package), size = strlen(of);
    mw_protobuf_put_head(to->out, number, 1 + package + 1 + size);
    mw_buf_format(to->out, ".%s.%s", to->file->package, of);
}

typedef struct field_form {
    const char *name;
    int32_t number;
    uint64_t label;
    proto_type type;
    const char *of; /* within the package */
    int oneof;      /* -1 = none */
} field_form;

static void put_field(const writer *to, const field_form *form)
{
    size_t field = mw_protobuf_begin(to->out, MESSAGE_FIELD);
    put_name(to->out, FIELD_NAME, form->name);
    mw_protobuf_put_number(to->out, FIELD_NUMBER, (uint64_t)form->number);
    mw_protobuf_put_number(to->out, FIELD_LABEL, form->label);
    mw_protobuf_put_number(to->out, FIELD_TYPE, form->type);
    if (form->of)
        put_type(to, FIELD_OF_NAME, form->of);
    if (form->oneof >= 0)
        mw_protobuf_put_number_always(to->out, FIELD_ONEOF, (uint64_t)form->oneof);
    mw_protobuf_end(to->out, field);
}

/* The scope without the package and its point. */
static const char *inner_scope(const writer *to)
{
    const char *behind = to->scope + strlen(to->file->package);
    return *behind == '.' ? behind + 1 : behind;
}

static void put_row_field(const writer *to, const proto_row *row, int oneof)
{
    char entry[SYMBOL_BYTES], of[2 * SYMBOL_BYTES];
    field_form form = {.name = row->name,
                       .number = row->number,
                       .label = row->what == PROTO_FIELD ? LABEL_OPTIONAL : LABEL_REPEATED,
                       .type = row->type,
                       .of = row->of,
                       .oneof = oneof};
    if (row->what == PROTO_MAP) {
        mw_view name = entry_name(row, entry);
        snprintf(of, sizeof of, "%s.%.*s", inner_scope(to), MW_VIEW_ARG(name));
        form.type = PROTO_OF_MESSAGE;
        form.of = of;
    }
    put_field(to, &form);
}

/* A map is a repeated message of its own, with a key and a value. */
static void put_entry(const writer *to, uint32_t number, const proto_row *map)
{
    char text[SYMBOL_BYTES];
    size_t message = mw_protobuf_begin(to->out, number);
    mw_protobuf_put_text(to->out, MESSAGE_NAME, entry_name(map, text));
    put_field(to, &(field_form){"key", 1, LABEL_OPTIONAL, map->key, NULL, -1});
    put_field(to, &(field_form){"value", 2, LABEL_OPTIONAL, map->type, map->of, -1});
    size_t options = mw_protobuf_begin(to->out, MESSAGE_OPTIONS);
    mw_protobuf_put_bool(to->out, OPTIONS_MAP_ENTRY, true);
    mw_protobuf_end(to->out, options);
    mw_protobuf_end(to->out, message);
}

static void put_enum(mw_buf *out, uint32_t number, const proto_row *row)
{
    size_t all = mw_protobuf_begin(out, number);
    put_name(out, NAME, row->name);
    for (row++; row->what != PROTO_END; row++) {
        size_t value = mw_protobuf_begin(out, PARTS);
        put_name(out, NAME, row->name);
        mw_protobuf_put_number_always(out, 2, (uint64_t)row->number);
        mw_protobuf_end(out, value);
    }
    mw_protobuf_end(out, all);
}

static void put_fields(const writer *to, const proto_row *row)
{
    int oneof = -1, n_oneofs = 0;
    while (row->what != PROTO_END || oneof >= 0) {
        if (row->what == PROTO_ONEOF)
            oneof = n_oneofs++;
        else if (row->what == PROTO_END)
            oneof = -1;
        else if (!opens(row))
            put_row_field(to, row, oneof);
        row = row->what == PROTO_MESSAGE || row->what == PROTO_ENUM ? skip(row) : row + 1;
    }
}

static void put_message(writer *to, uint32_t number, const proto_row *row);

static void put_nested(writer *to, const proto_row *begin)
{
    for (const proto_row *row = begin; row->what != PROTO_END; row = skip(row)) {
        if (row->what == PROTO_MESSAGE)
            put_message(to, MESSAGE_NESTED, row);
        else if (row->what == PROTO_MAP)
            put_entry(to, MESSAGE_NESTED, row);
    }
    for (const proto_row *row = begin; row->what != PROTO_END; row = skip(row))
        if (row->what == PROTO_ENUM)
            put_enum(to->out, MESSAGE_ENUM, row);
}

/* Recursion is as deep as the tables, which are ours: two or three levels. */
static void put_message(writer *to, uint32_t number, const proto_row *row)
{
    size_t outer = strlen(to->scope);
    snprintf(to->scope + outer, sizeof to->scope - outer, ".%s", row->name);
    size_t message = mw_protobuf_begin(to->out, number);
    put_name(to->out, MESSAGE_NAME, row->name);
    put_fields(to, row + 1);
    put_nested(to, row + 1);
    for (const proto_row *each = row + 1; each->what != PROTO_END; each = skip(each)) {
        if (each->what != PROTO_ONEOF)
            continue;
        size_t oneof = mw_protobuf_begin(to->out, MESSAGE_ONEOF);
        put_name(to->out, NAME, each->name);
        mw_protobuf_end(to->out, oneof);
    }
    mw_protobuf_end(to->out, message);
    to->scope[outer] = '\0';
}

static void put_service(const writer *to, const proto_row *row)
{
    size_t service = mw_protobuf_begin(to->out, FILE_SERVICE);
    put_name(to->out, NAME, row->name);
    for (row++; row->what != PROTO_END; row++) {
        size_t call = mw_protobuf_begin(to->out, PARTS);
        put_name(to->out, NAME, row->name);
        put_type(to, CALL_IN, row->of);
        put_type(to, CALL_OUT, row->answer);
        if (to->file->has_call_options)
            mw_protobuf_put_head(to->out, CALL_OPTIONS, 0);
        mw_protobuf_put_bool(to->out, CALL_STREAMS_IN, row->streams_in);
        mw_protobuf_put_bool(to->out, CALL_STREAMS_OUT, row->streams_out);
        mw_protobuf_end(to->out, call);
    }
    mw_protobuf_end(to->out, service);
}

void proto_write_file(mw_buf *out, const proto_file *file)
{
    const proto_row *end = file->rows + file->n_rows;
    writer to = {.out = out, .file = file};
    snprintf(to.scope, sizeof to.scope, "%s", file->package);
    put_name(out, FILE_NAME, file->name);
    put_name(out, FILE_PACKAGE, file->package);
    if (file->needs)
        put_name(out, FILE_NEEDS, file->needs);
    for (const proto_row *row = file->rows; row < end; row = skip(row))
        if (row->what == PROTO_MESSAGE)
            put_message(&to, FILE_MESSAGE, row);
    for (const proto_row *row = file->rows; row < end; row = skip(row))
        if (row->what == PROTO_ENUM)
            put_enum(out, FILE_ENUM, row);
    for (const proto_row *row = file->rows; row < end; row = skip(row))
        if (row->what == PROTO_SERVICE)
            put_service(&to, row);
    put_name(out, FILE_SYNTAX, "proto3");
}

/* ---- finding --------------------------------------------------------------------------------- */

const proto_file *proto_find_file(mw_view name)
{
    for (const proto_file *const *file = proto_files; *file; file++)
        if (mw_view_is(name, (*file)->name))
            return *file;
    return NULL;
}

/* "a.b" takes "a" and its point from the front of a symbol. */
static bool take_part(mw_view *symbol, mw_view part)
{
    if (symbol->size < part.size || memcmp(symbol->data, part.data, part.size) != 0)
        return false;
    mw_view rest = {symbol->data + part.size, symbol->size - part.size};
    if (rest.size > 0) {
        if (rest.data[0] != '.' || rest.size == 1)
            return false;
        rest = (mw_view){rest.data + 1, rest.size - 1};
    }
    *symbol = rest;
    return true;
}

static bool find_entry(const proto_row *map, mw_view symbol)
{
    char text[SYMBOL_BYTES];
    return take_part(&symbol, entry_name(map, text)) &&
           (symbol.size == 0 || mw_view_is(symbol, "key") || mw_view_is(symbol, "value"));
}

/* Among the rows up to an END or `end`. Values of an enum and fields of a oneof are named in the
 * scope around it. */
static bool find_in(const proto_row *row, const proto_row *end, mw_view symbol,
                    const proto_row **ret_row)
{
    for (; row < end && row->what != PROTO_END; row = skip(row)) {
        mw_view rest = symbol;
        bool is_here = take_part(&rest, mw_view_of(row->name));
        *ret_row = row;
        if (is_here && rest.size == 0)
            return true;
        if (is_here && (row->what == PROTO_MESSAGE || row->what == PROTO_SERVICE))
            return find_in(row + 1, end, rest, ret_row);
        if ((row->what == PROTO_ENUM || row->what == PROTO_ONEOF) &&
            find_in(row + 1, end, symbol, ret_row))
            return true;
        if (row->what == PROTO_MAP && find_entry(row, symbol)) {
            *ret_row = NULL;
            return true;
        }
    }
    return false;
}

const proto_file *proto_find_symbol(mw_view symbol, const proto_row **ret_row)
{
    for (const proto_file *const *file = proto_files; *file; file++) {
        const proto_row *row = NULL;
        mw_view rest = symbol;
        if (!take_part(&rest, mw_view_of((*file)->package)) || rest.size == 0 ||
            !find_in((*file)->rows, (*file)->rows + (*file)->n_rows, rest, &row))
            continue;
        if (ret_row)
            *ret_row = row;
        return *file;
    }
    return NULL;
}

mw_view proto_service(size_t index, char text[PROTO_NAME_BYTES])
{
    for (const proto_file *const *file = proto_files; *file; file++) {
        for (size_t i = 0; i < (*file)->n_rows; i++) {
            if ((*file)->rows[i].what != PROTO_SERVICE || index-- > 0)
                continue;
            int size =
                snprintf(text, PROTO_NAME_BYTES, "%s.%s", (*file)->package, (*file)->rows[i].name);
            return (mw_view){text, (size_t)size};
        }
    }
    return (mw_view){text, 0};
}
