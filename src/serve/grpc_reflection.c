/* Server reflection: clients that have no .proto file ask what there is.
 *
 *     ServerReflectionInfo: a stream of questions, each answered by one message
 *
 * https://github.com/grpc/grpc/blob/master/doc/server-reflection.md. A file is answered together
 * with the files it needs, each time anew: a stream has no memory here. */
#include "grpc.h"
#include "proto.h"

/* Fields of ServerReflectionRequest and ServerReflectionResponse. */
enum { ASK_FILE = 3, ASK_SYMBOL, ASK_EXTENSION, ASK_EXTENSIONS, ASK_SERVICES };
enum { ANSWER_HOST = 1, ANSWER_REQUEST, ANSWER_FILES = 4, ANSWER_EXTENSIONS, ANSWER_SERVICES };
enum { ANSWER_ERROR = 7, ERROR_CODE = 1, ERROR_TEXT };
enum { NOT_FOUND = 5, INVALID_ARGUMENT = 3 }; /* google.rpc.Code */

typedef struct question {
    mw_view host, text;
    uint32_t kind; /* 0 = none was asked */
} question;

static mw_status read_question(mw_view message, question *ret_question, mw_error *err)
{
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field;
    mw_protobuf_outcome outcome;
    *ret_question = (question){{"", 0}, {"", 0}, 0};
    while ((outcome = mw_protobuf_next(&rest, &field)) == MW_PROTOBUF_FIELD) {
        if (field.type == MW_PROTOBUF_BYTES && field.number == 1)
            ret_question->host = field.bytes;
        if (field.type != MW_PROTOBUF_BYTES || field.number < ASK_FILE ||
            field.number > ASK_SERVICES)
            continue;
        ret_question->kind = field.number; /* the last one of a oneof holds */
        ret_question->text = field.bytes;
    }
    return outcome == MW_PROTOBUF_END ? MW_OK : grpc_fail_message(err);
}

static void put_error(mw_buf *out, int code, const char *what, mw_view name)
{
    size_t error = mw_protobuf_begin(out, ANSWER_ERROR);
    mw_protobuf_put_number(out, ERROR_CODE, (uint64_t)code);
    size_t text = mw_protobuf_begin(out, ERROR_TEXT);
    mw_buf_text(out, what);
    if (name.data)
        mw_buf_format(out, " '%.*s'", MW_VIEW_ARG(name));
    mw_protobuf_end(out, text);
    mw_protobuf_end(out, error);
}

static void put_file(mw_buf *out, const proto_file *file)
{
    size_t one = mw_protobuf_begin(out, 1);
    proto_write_file(out, file);
    mw_protobuf_end(out, one);
}

static void put_files(mw_buf *out, const proto_file *file)
{
    size_t files = mw_protobuf_begin(out, ANSWER_FILES);
    put_file(out, file);
    while (file->needs) {
        file = proto_find_file(mw_view_of(file->needs));
        put_file(out, file);
    }
    mw_protobuf_end(out, files);
}

static void put_services(mw_buf *out)
{
    size_t services = mw_protobuf_begin(out, ANSWER_SERVICES);
    char text[PROTO_NAME_BYTES];
    mw_view name;
    for (size_t i = 0; (name = proto_service(i, text)).size > 0; i++) {
        size_t service = mw_protobuf_begin(out, 1);
        mw_protobuf_put_text(out, 1, name);
        mw_protobuf_end(out, service);
    }
    mw_protobuf_end(out, services);
}

/* proto3 has no extensions but of options: a message of ours has none, which is an answer. */
static void put_no_extensions(mw_buf *out, mw_view message)
{
    const proto_row *row = NULL;
    if (!proto_find_symbol(message, &row) || (row && row->what != PROTO_MESSAGE)) {
        put_error(out, NOT_FOUND, "no message is called", message);
        return;
    }
    size_t extensions = mw_protobuf_begin(out, ANSWER_EXTENSIONS);
    mw_protobuf_put_text(out, 1, message);
    mw_protobuf_end(out, extensions);
}

static void put_answer(mw_buf *out, const question *asked)
{
    const proto_file *file = NULL;
    switch (asked->kind) {
    case ASK_FILE:
        file = proto_find_file(asked->text);
        break;
    case ASK_SYMBOL:
        file = proto_find_symbol(asked->text, NULL);
        break;
    case ASK_EXTENSIONS:
        put_no_extensions(out, asked->text);
        return;
    case ASK_SERVICES:
        put_services(out);
        return;
    case ASK_EXTENSION:
        put_error(out, NOT_FOUND, "there are no extensions", (mw_view){NULL, 0});
        return;
    default:
        put_error(out, INVALID_ARGUMENT, "the request asks nothing", (mw_view){NULL, 0});
        return;
    }
    if (file)
        put_files(out, file);
    else
        put_error(out, NOT_FOUND, asked->kind == ASK_FILE ? "no file is called" : "no symbol is",
                  asked->text);
}

void grpc_reflect(mw_fleet *fleet, mw_exchange *exchange, const mw_params *params)
{
    (void)fleet;
    (void)params;
    mw_error err;
    question asked;
    if (read_question(exchange->body, &asked, &err) != MW_OK) {
        serve_reply_error(exchange, &err, 0);
        return;
    }
    exchange->takes_more = true;
    mw_protobuf_put_text(exchange->reply, ANSWER_HOST, asked.host);
    mw_protobuf_put_text_always(exchange->reply, ANSWER_REQUEST, exchange->body);
    put_answer(exchange->reply, &asked);
    grpc_reply(exchange);
}
