/* Descriptions of our gRPC services, as .proto files would say them; room-private.
 *
 *     table of rows (proto_*.c)  --proto.c-->  FileDescriptorProto, for who asks by reflection
 *
 * A table has the rows of one file in the order of its source: what stands between MESSAGE (ONEOF,
 * ENUMERATION, SERVICE) and its END belongs to it. The bytes are those that protoc writes, so no
 * compiler is needed to build this program, nor a .proto file to talk to it.
 * Format: descriptor.proto of protocol buffers; of its options only those that are here. */
#ifndef SERVE_PROTO_H
#define SERVE_PROTO_H

#include "base/base.h"

typedef enum proto_what {
    PROTO_MESSAGE,
    PROTO_ENUM,
    PROTO_ONEOF,
    PROTO_SERVICE,
    PROTO_END,
    PROTO_FIELD,
    PROTO_REPEATED,
    PROTO_MAP,
    PROTO_VALUE,
    PROTO_CALL
} proto_what;

/* FieldDescriptorProto.Type */
typedef enum proto_type {
    PROTO_NO_TYPE = 0,
    PROTO_DOUBLE = 1,
    PROTO_FLOAT = 2,
    PROTO_INT64 = 3,
    PROTO_UINT64 = 4,
    PROTO_INT32 = 5,
    PROTO_BOOL = 8,
    PROTO_STRING = 9,
    PROTO_OF_MESSAGE = 11,
    PROTO_BYTES = 12,
    PROTO_UINT32 = 13,
    PROTO_OF_ENUM = 14
} proto_type;

typedef struct proto_row {
    proto_what what;
    int32_t number;
    const char *name;
    proto_type type, key; /* key: of a map */
    const char *of;       /* the message or enum, within the package; of a call: what it is asked */
    const char *answer;   /* of a call */
    bool streams_in, streams_out;
} proto_row;

typedef struct proto_file {
    const char *name, *package;
    const char *needs;     /* a file whose messages are used here; NULL = none */
    bool has_call_options; /* calls were written with braces: empty options stand there */
    const proto_row *rows;
    size_t n_rows;
} proto_file;

#define MESSAGE(name_)                         \
    {                                          \
        .what = PROTO_MESSAGE, .name = (name_) \
    }
#define ENUMERATION(name_)                  \
    {                                       \
        .what = PROTO_ENUM, .name = (name_) \
    }
#define ONEOF(name_)                         \
    {                                        \
        .what = PROTO_ONEOF, .name = (name_) \
    }
#define SERVICE(name_)                         \
    {                                          \
        .what = PROTO_SERVICE, .name = (name_) \
    }
#define END               \
    {                     \
        .what = PROTO_END \
    }
#define FIELD(number_, name_, type_)                                                     \
    {                                                                                    \
        .what = PROTO_FIELD, .number = (number_), .name = (name_), .type = PROTO_##type_ \
    }
#define REPEATED(number_, name_, type_)                                                     \
    {                                                                                       \
        .what = PROTO_REPEATED, .number = (number_), .name = (name_), .type = PROTO_##type_ \
    }
#define FIELD_OF(number_, name_, type_, of_)                                                 \
    {                                                                                        \
        .what = PROTO_FIELD, .number = (number_), .name = (name_), .type = PROTO_OF_##type_, \
        .of = (of_)                                                                          \
    }
#define REPEATED_OF(number_, name_, type_, of_)                                                 \
    {                                                                                           \
        .what = PROTO_REPEATED, .number = (number_), .name = (name_), .type = PROTO_OF_##type_, \
        .of = (of_)                                                                             \
    }
#define MAP(number_, name_, key_, type_)                                              \
    {                                                                                 \
        .what = PROTO_MAP, .number = (number_), .name = (name_), .key = PROTO_##key_, \
        .type = PROTO_##type_                                                         \
    }
#define MAP_OF(number_, name_, key_, of_)                                             \
    {                                                                                 \
        .what = PROTO_MAP, .number = (number_), .name = (name_), .key = PROTO_##key_, \
        .type = PROTO_OF_MESSAGE, .of = (of_)                                         \
    }
#define VALUE(number_, name_)                                     \
    {                                                             \
        .what = PROTO_VALUE, .number = (number_), .name = (name_) \
    }
#define CALL(name_, of_, answer_)                                             \
    {                                                                         \
        .what = PROTO_CALL, .name = (name_), .of = (of_), .answer = (answer_) \
    }
#define ANSWERS_STREAM(name_, of_, answer_)                                                        \
    {                                                                                              \
        .what = PROTO_CALL, .name = (name_), .of = (of_), .answer = (answer_), .streams_out = true \
    }
#define STREAMS(name_, of_, answer_)                                                               \
    {                                                                                              \
        .what = PROTO_CALL, .name = (name_), .of = (of_), .answer = (answer_), .streams_in = true, \
        .streams_out = true                                                                        \
    }

extern const proto_file proto_inference;    /* grpc_service.proto (proto_inference.c) */
extern const proto_file proto_model_config; /* model_config.proto (proto_config.c) */
extern const proto_file proto_health;       /* these three: proto_health.c */
extern const proto_file proto_reflection, proto_reflection_alpha;

/* All of them; NULL behind the last. */
extern const proto_file *const proto_files[];

/* The file of this name, or NULL. */
const proto_file *proto_find_file(mw_view name);
/* The file that declares "package.Message.field", "package.Service.Call", ..., or NULL; `ret_row`
 * (may be NULL) learns which row it is: NULL for a map's own entry. */
const proto_file *proto_find_symbol(mw_view symbol, const proto_row **ret_row);
/* "package.Service", written to `text`: the index-th service of all files; empty behind the last.
 */
enum { PROTO_NAME_BYTES = 128 };
mw_view proto_service(size_t index, char text[PROTO_NAME_BYTES]);
/* Its FileDescriptorProto, at the end of `out`. */
void proto_write_file(mw_buf *out, const proto_file *file);

#endif
