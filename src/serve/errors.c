/* Each protocol's own error body; the sentence inside is the same everywhere. */
#include "serve.h"

mw_error_style mw_style_of_path(mw_view path)
{
    static const struct {
        const char *prefix;
        mw_error_style style;
    } styles[] = {
        {"/v2", MW_STYLE_KSERVE},          {"/v1", MW_STYLE_KSERVE},
        {"/invocations", MW_STYLE_MLFLOW}, {"/endpoints/", MW_STYLE_MLFLOW},
        {"/ping", MW_STYLE_MLFLOW},        {"/health", MW_STYLE_MLFLOW},
        {"/version", MW_STYLE_MLFLOW},     {"/api/", MW_STYLE_MLFLOW},
        {"/ajax-api/", MW_STYLE_MLFLOW},   {"/mw/v1/", MW_STYLE_PROBLEM},
    };
    for (size_t i = 0; i < MW_COUNT(styles); i++)
        if (mw_view_starts(path, styles[i].prefix))
            return styles[i].style;
    return MW_STYLE_PLAIN;
}

/* MLflow's names for what went wrong. Columns that break the signature have one of their own. */
static const char *mlflow_code(const mw_error *err, int http_status)
{
    if (err->code == MW_E_TABLE_COLUMN_MISSING || err->code == MW_E_TABLE_COLUMNS)
        return "INVALID_PARAMETER_VALUE";
    switch (http_status) {
    case 401:
        return "UNAUTHENTICATED";
    case 403:
        return "PERMISSION_DENIED";
    case 404:
        return "RESOURCE_DOES_NOT_EXIST";
    case 413:
    case 429:
        return "REQUEST_LIMIT_EXCEEDED";
    case 500:
        return "INTERNAL_ERROR";
    case 503:
        return "TEMPORARILY_UNAVAILABLE";
    case 504:
        return "DEADLINE_EXCEEDED";
    default:
        return "BAD_REQUEST";
    }
}

static void write_member(mw_buf *out, const char *name, mw_view text)
{
    if (text.size == 0)
        return;
    mw_buf_format(out, ", \"%s\": ", name);
    mw_json_write_text(out, text);
}

/* detail: what is wrong, and where; the rest has members of its own. */
static void write_problem(const mw_exchange *exchange, const mw_error *err, int http_status,
                          mw_buf *out)
{
    const mw_code_row *row = mw_code_find(err->code);
    mw_buf_format(out, "{\"type\": \"about:blank\", \"status\": %d", http_status);
    write_member(out, "title", mw_view_of(row ? row->title : "refused"));
    write_member(out, "detail", mw_view_of(err->what));
    write_member(out, "where", mw_view_of(err->where));
    write_member(out, "why", mw_view_of(err->why));
    write_member(out, "hint", mw_view_of(err->mend));
    mw_buf_format(out, ", \"code\": \"MW%d\"", err->code);
    write_member(out, "request_id", exchange->request_id);
    mw_buf_char(out, '}');
}

static void write_body(const mw_exchange *exchange, const mw_error *err, int http_status,
                       mw_buf *out)
{
    mw_error_style style = mw_style_of_path(exchange->path);
    mw_buf sentence;
    mw_buf_init(&sentence, 2048);
    mw_error_sentence(err, &sentence);
    mw_view text = mw_buf_as_view(&sentence);
    if (style == MW_STYLE_MLFLOW) {
        mw_buf_format(out, "{\"error_code\": \"%s\", \"message\": ", mlflow_code(err, http_status));
        mw_json_write_text(out, text);
    } else {
        mw_buf_text(out, "{\"error\": ");
        mw_json_write_text(out, text);
    }
    if (style == MW_STYLE_PLAIN)
        mw_buf_format(out, ", \"code\": \"MW%d\"", err->code);
    if (style == MW_STYLE_PLAIN && exchange->request_id.size > 0) {
        mw_buf_text(out, ", \"request_id\": ");
        mw_json_write_text(out, exchange->request_id);
    }
    mw_buf_char(out, '}');
    mw_buf_done(&sentence);
}

/* The sentence: bare, it ends the call; in a call that goes on it is a message that says so
 * (ModelStreamInferResponse.error_message). */
static void write_grpc(mw_exchange *exchange, const mw_error *err)
{
    size_t begin = exchange->takes_more ? mw_protobuf_begin(exchange->reply, 1) : 0;
    mw_error_sentence(err, exchange->reply);
    if (exchange->takes_more)
        mw_protobuf_end(exchange->reply, begin);
}

void mw_serve_error(mw_exchange *exchange, const mw_error *err, int http_status)
{
    if (http_status == 0)
        http_status = mw_code_http(err->code, err->status);
    exchange->status = http_status;
    exchange->error_code = err->code;
    exchange->reply_type = MW_VIEW("application/json");
    mw_buf_reset(exchange->reply);
    if (exchange->is_grpc)
        write_grpc(exchange, err);
    else if (mw_style_of_path(exchange->path) == MW_STYLE_PROBLEM) {
        exchange->reply_type = MW_VIEW("application/problem+json");
        write_problem(exchange, err, http_status, exchange->reply);
    } else
        write_body(exchange, err, http_status, exchange->reply);
}
