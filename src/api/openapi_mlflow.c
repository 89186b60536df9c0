/* The calls of the record in /openapi.json: from the table that answers them, so that nothing is
 * described that is not there, and nothing left out. */
#include <ctype.h>

#include "mlflow.h"
#include "openapi.h"

static const char *method_name(mw_method method)
{
    static const char *const names[] = {[MW_GET] = "get",
                                        [MW_POST] = "post",
                                        [MW_PUT] = "put",
                                        [MW_DELETE] = "delete",
                                        [MW_PATCH] = "patch"};
    return method < MW_COUNT(names) ? names[method] : NULL;
}

/* ---- schemas --------------------------------------------------------------------------------- */

static void write_fields(mw_buf *out, const mlflow_field *fields);

static void write_names(mw_buf *out, const char *const *names)
{
    mw_buf_text(out, "{\"enum\": [");
    for (size_t i = 0; names[i]; i++)
        mw_buf_format(out, "%s\"%s\"", i > 0 ? ", " : "", names[i]);
    mw_buf_text(out, "]}");
}

/* 64 bits may stand in a text, as protobuf's JSON writes them. */
static void write_schema(mw_buf *out, const mlflow_field *field)
{
    switch (field->kind) {
    case MLFLOW_TEXT:
        mw_buf_text(out, "{\"type\": \"string\"}");
        break;
    case MLFLOW_INT:
    case MLFLOW_MAYBE_INT:
    case MLFLOW_COUNT:
        mw_buf_text(out, "{\"type\": [\"integer\", \"string\"]}");
        break;
    case MLFLOW_DOUBLE:
    case MLFLOW_MAYBE_DOUBLE:
        mw_buf_text(out, "{\"type\": [\"number\", \"string\"]}");
        break;
    case MLFLOW_BOOL:
    case MLFLOW_NOT_BOOL:
        mw_buf_text(out, "{\"type\": [\"boolean\", \"string\"]}");
        break;
    case MLFLOW_ENUM:
        write_names(out, field->names);
        break;
    case MLFLOW_TEXTS:
        mw_buf_text(out, "{\"type\": \"array\", \"items\": {\"type\": \"string\"}}");
        break;
    case MLFLOW_LIST:
        mw_buf_text(out, "{\"type\": \"array\", \"items\": ");
        write_fields(out, field->fields);
        mw_buf_char(out, '}');
        break;
    case MLFLOW_MAP:
        mw_buf_text(out, "{\"type\": \"object\"}");
        break;
    case MLFLOW_JSON:
        mw_buf_text(out, "{}");
        break;
    case MLFLOW_OBJECT:
        write_fields(out, field->fields);
        break;
    }
}

static void write_required(mw_buf *out, const mlflow_field *fields)
{
    size_t n = 0;
    for (const mlflow_field *field = fields; field->name; field++)
        if (field->required)
            mw_buf_format(out, "%s\"%s\"", n++ > 0 ? ", " : "\"required\": [", field->name);
    mw_buf_text(out, n > 0 ? "], " : "");
}

static void write_fields(mw_buf *out, const mlflow_field *fields)
{
    mw_buf_text(out, "{\"type\": \"object\", ");
    write_required(out, fields);
    mw_buf_text(out, "\"properties\": {");
    for (const mlflow_field *field = fields; field->name; field++) {
        mw_buf_format(out, "%s\"%s\": ", field > fields ? ", " : "", field->name);
        write_schema(out, field);
    }
    mw_buf_text(out, "}}");
}

/* ---- one call -------------------------------------------------------------------------------- */

/* "{path*}" is "{path}" here; names in braces are the parameters. */
static size_t write_captures(mw_buf *out, const char *path)
{
    size_t n = 0;
    for (const char *open = path; (open = strchr(open, '{')) != NULL; open++) {
        size_t size = strcspn(open + 1, "*}");
        mw_buf_format(out,
                      "%s{\"name\": \"%.*s\", \"in\": \"path\", \"required\": true, "
                      "\"schema\": {\"type\": \"string\"}}",
                      n++ > 0 ? ", " : "", (int)size, open + 1);
    }
    return n;
}

static bool is_captured(const char *path, const char *name)
{
    size_t size = strlen(name);
    for (const char *open = path; (open = strchr(open, '{')) != NULL; open++)
        if (strncmp(open + 1, name, size) == 0 && strchr("*}", open[1 + size]))
            return true;
    return false;
}

static void write_parameters(mw_buf *out, const mlflow_call *call, bool in_query)
{
    mw_buf_text(out, "\"parameters\": [");
    size_t n = write_captures(out, call->path);
    for (const mlflow_field *field = call->fields; in_query && field && field->name; field++) {
        if (is_captured(call->path, field->name))
            continue;
        mw_buf_format(out, "%s{\"name\": \"%s\", \"in\": \"query\", \"required\": %s, \"schema\": ",
                      n++ > 0 ? ", " : "", field->name, field->required ? "true" : "false");
        write_schema(out, field);
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "], ");
}

static void write_body(mw_buf *out, const mlflow_call *call, mw_method method)
{
    if (method == MW_PUT && !call->fields) {
        mw_buf_text(out, "\"requestBody\": {\"required\": true, \"content\": "
                         "{\"application/octet-stream\": {}}}, ");
        return;
    }
    if (!call->fields || method == MW_DELETE)
        return;
    mw_buf_text(out, "\"requestBody\": {\"required\": true, \"content\": {\"application/json\": "
                     "{\"schema\": ");
    write_fields(out, call->fields);
    mw_buf_text(out, "}}}, ");
}

static void write_id(mw_buf *out, const mlflow_call *call, const char *method)
{
    for (const char *c = call->path; *c; c++)
        mw_buf_char(out, isalnum((unsigned char)*c) ? *c : '_');
    mw_buf_format(out, "_%s", method);
}

static void write_call(mw_buf *out, const mlflow_call *call, mw_method method)
{
    const char *name = method_name(method);
    mw_buf_format(out, "\"%s\": {\"tags\": [\"record\"], \"operationId\": \"record", name);
    write_id(out, call, name);
    mw_buf_text(out, "\", \"summary\": ");
    mw_json_write_text(out, mw_view_of(call->summary));
    mw_buf_text(out, ", ");
    write_parameters(out, call, method == MW_GET);
    if (method != MW_GET)
        write_body(out, call, method);
    mw_buf_text(out, "\"responses\": {\"200\": {\"description\": \"OK\"}");
    bool is_ours = mw_style_of_path(mw_view_of(call->path)) == MW_STYLE_PROBLEM;
    const char *error = is_ours ? "Problem" : "MlflowError";
    mw_buf_format(out,
                  ", \"4XX\": {\"$ref\": \"#/components/responses/%s\"}"
                  ", \"5XX\": {\"$ref\": \"#/components/responses/%s\"}}}",
                  error, error);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void write_path(mw_buf *out, const mlflow_call *call)
{
    bool is_mlflow = strncmp(call->path, "/mlflow", strlen("/mlflow")) == 0;
    mw_buf_text(out, is_mlflow ? "\"/api/2.0" : "\"");
    for (const char *c = call->path; *c; c++)
        if (*c != '*')
            mw_buf_char(out, *c);
    mw_buf_text(out, "\": {");
}

static bool was_written(size_t nth)
{
    for (size_t i = 0; i < nth; i++)
        if (strcmp(api_mlflow_call(i)->path, api_mlflow_call(nth)->path) == 0)
            return true;
    return false;
}

/* Every method of one path, wherever it stands in the tables. */
static void write_methods(mw_buf *out, const char *path)
{
    size_t n = 0;
    const mlflow_call *call;
    for (size_t i = 0; (call = api_mlflow_call(i)) != NULL; i++) {
        for (unsigned method = 0; strcmp(call->path, path) == 0 && method < 32; method++) {
            if (!(call->methods >> method & 1) || !method_name((mw_method)method))
                continue;
            mw_buf_text(out, n++ > 0 ? ", " : "");
            write_call(out, call, (mw_method)method);
        }
    }
}

void openapi_write_record(mw_buf *out)
{
    const mlflow_call *call;
    for (size_t i = 0; (call = api_mlflow_call(i)) != NULL; i++) {
        if (was_written(i))
            continue;
        mw_buf_text(out, ", ");
        write_path(out, call);
        write_methods(out, call->path);
        mw_buf_char(out, '}');
    }
}
