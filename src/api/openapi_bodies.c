/* JSON Schemas of request bodies, from a model's own columns. */
#include "openapi.h"

/* ---- cells and rows -------------------------------------------------------------------------- */

static void write_category(mw_buf *out, const mw_column *column)
{
    if (column->unknown_is_missing) { /* then every text is one that the model takes */
        mw_buf_text(out, "{\"type\": [\"string\", \"number\", \"boolean\", \"null\"]}");
        return;
    }
    static const char *const missing[] = {"", "NaN", "nan", "NA", "N/A", "null", "NULL", "None"};
    mw_buf_text(out, "{\"anyOf\": [{\"type\": [\"number\", \"boolean\", \"null\"]}, {\"enum\": [");
    for (size_t i = 0; i < MW_COUNT(missing); i++)
        mw_buf_format(out, "%s\"%s\"", i > 0 ? ", " : "", missing[i]);
    for (size_t i = 0; i < column->n_categories; i++) {
        mw_buf_text(out, ", ");
        mw_json_write_text(out, column->categories[i]);
    }
    mw_buf_text(out, "]}]}");
}

static void write_cell(mw_buf *out, const mw_column *column)
{
    switch (column->type) {
    case MW_COLUMN_INT64:
        mw_buf_text(out, "{\"type\": [\"integer\", \"boolean\", \"null\"], \"minimum\": "
                         "-9223372036854775000, \"maximum\": 9223372036854775000}");
        break;
    case MW_COLUMN_INT32:
        mw_buf_text(out,
                    "{\"type\": [\"integer\", \"boolean\", \"null\"], \"minimum\": -2147483648, "
                    "\"maximum\": 2147483647}");
        break;
    case MW_COLUMN_BOOL:
        mw_buf_text(out, "{\"enum\": [true, false, 0, 1, null]}");
        break;
    case MW_COLUMN_CATEGORY:
        if (column->categories) {
            write_category(out, column);
            break;
        }
        mw_buf_text(out, "{\"type\": [\"number\", \"boolean\", \"null\"]}");
        break;
    default:
        mw_buf_text(out, "{\"type\": [\"number\", \"boolean\", \"null\"]}");
    }
}

static bool same_cells(const mw_schema *schema)
{
    for (size_t i = 0; i < schema->n_columns; i++)
        if (schema->columns[i].type != MW_COLUMN_FLOAT64 &&
            schema->columns[i].type != MW_COLUMN_FLOAT32)
            return false;
    return true;
}

/* A row by position: exactly one value for each column. */
static void write_list_row(mw_buf *out, const mw_schema *schema)
{
    size_t n = schema->n_columns;
    mw_buf_format(out, "{\"type\": \"array\", \"minItems\": %zu, \"maxItems\": %zu, ", n, n);
    if (same_cells(schema)) {
        mw_buf_text(out, "\"items\": ");
        write_cell(out, &schema->columns[0]);
    } else {
        mw_buf_text(out, "\"prefixItems\": [");
        for (size_t i = 0; i < n; i++) {
            mw_buf_text(out, i > 0 ? ", " : "");
            write_cell(out, &schema->columns[i]);
        }
        mw_buf_char(out, ']');
    }
    mw_buf_char(out, '}');
}

static void write_members(mw_buf *out, const mw_schema *schema, const char *before,
                          const char *behind)
{
    mw_buf_text(out, "\"required\": [");
    for (size_t i = 0, n = 0; i < schema->n_columns; i++) {
        if (schema->columns[i].optional)
            continue;
        mw_buf_text(out, n++ > 0 ? ", " : "");
        mw_json_write_text(out, schema->columns[i].name);
    }
    mw_buf_text(out, "], \"properties\": {");
    for (size_t i = 0; i < schema->n_columns; i++) {
        mw_buf_text(out, i > 0 ? ", " : "");
        mw_json_write_text(out, schema->columns[i].name);
        mw_buf_text(out, ": ");
        mw_buf_text(out, before);
        write_cell(out, &schema->columns[i]);
        mw_buf_text(out, behind);
    }
    mw_buf_char(out, '}');
}

/* Rows by name. A model without names of its own takes any, as many as it has columns and the same
 * in every row, which a schema can only say of a single row. */
static void write_record_rows(mw_buf *out, const mw_schema *schema)
{
    mw_buf_text(out, "{\"type\": \"array\", ");
    if (schema->named) {
        mw_buf_text(out, "\"items\": {\"type\": \"object\", ");
        write_members(out, schema, "", "");
    } else {
        mw_buf_format(out,
                      "\"maxItems\": 1, \"items\": {\"type\": \"object\", \"minProperties\": %zu, "
                      "\"maxProperties\": %zu, \"additionalProperties\": ",
                      schema->n_columns, schema->n_columns);
        write_cell(out, &schema->columns[0]);
    }
    mw_buf_text(out, "}}");
}

static void write_list_rows(mw_buf *out, const mw_schema *schema)
{
    mw_buf_text(out, "{\"type\": \"array\", \"items\": ");
    write_list_row(out, schema);
    mw_buf_char(out, '}');
}

/* ---- MLflow and KServe V1 -------------------------------------------------------------------- */

static void write_split(mw_buf *out, const mw_schema *schema)
{
    mw_buf_text(out,
                "{\"type\": \"object\", \"required\": [\"data\"], \"properties\": {\"columns\": ");
    if (schema->named) {
        mw_buf_text(out, "{\"const\": [");
        for (size_t i = 0; i < schema->n_columns; i++) {
            mw_buf_text(out, i > 0 ? ", " : "");
            mw_json_write_text(out, schema->columns[i].name);
        }
        mw_buf_text(out, "]}");
    } else {
        mw_buf_format(
            out,
            "{\"type\": \"array\", \"minItems\": %zu, \"maxItems\": %zu, \"items\": {\"type\": "
            "[\"string\", \"number\"]}}",
            schema->n_columns, schema->n_columns);
    }
    mw_buf_text(out, ", \"data\": ");
    write_list_rows(out, schema);
    mw_buf_text(out, "}}");
}

static void write_rows(mw_buf *out, const mw_schema *schema)
{
    mw_buf_text(out, "{\"anyOf\": [");
    write_list_rows(out, schema);
    mw_buf_text(out, ", ");
    write_record_rows(out, schema);
    if (schema->n_columns == 1) {
        mw_buf_text(out, ", {\"type\": \"array\", \"items\": ");
        write_cell(out, &schema->columns[0]);
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "]}");
}

/* inputs also takes {column: [values]}; lengths must be equal, so the schema shows one row. */
static void write_inputs(mw_buf *out, const mw_schema *schema)
{
    mw_buf_text(out, "{\"anyOf\": [");
    write_rows(out, schema);
    if (schema->named) {
        mw_buf_text(out, ", {\"type\": \"object\", ");
        write_members(out, schema,
                      "{\"type\": \"array\", \"minItems\": 1, \"maxItems\": 1, \"items\": ", "}");
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "]}");
}

/* One of the forms and none of the others; what else stands there is passed over. */
static void write_form(mw_buf *out, const char *const *forms, size_t n_forms, size_t which,
                       const char *params, const mw_schema *schema)
{
    mw_buf_format(out, "%s{\"type\": \"object\", \"required\": [\"%s\"], \"not\": {\"anyOf\": [",
                  which > 0 ? ", " : "", forms[which]);
    for (size_t i = 0, n = 0; i < n_forms; i++)
        if (i != which)
            mw_buf_format(out, "%s{\"required\": [\"%s\"]}", n++ > 0 ? ", " : "", forms[i]);
    mw_buf_format(out, "]}, \"properties\": {\"%s\": ", forms[which]);
    if (strcmp(forms[which], "dataframe_split") == 0)
        write_split(out, schema);
    else if (strcmp(forms[which], "dataframe_records") == 0)
        write_record_rows(out, schema);
    else if (strcmp(forms[which], "instances") == 0)
        write_rows(out, schema);
    else
        write_inputs(out, schema);
    mw_buf_format(out,
                  ", \"%s\": {\"properties\": {\"explain\": {\"type\": "
                  "\"boolean\"}, \"explain_top\": {\"type\": \"integer\", \"minimum\": 1}}}}}",
                  params);
}

static void write_forms(mw_buf *out, const char *const *forms, size_t n_forms, const char *params,
                        const mw_schema *schema)
{
    mw_buf_text(out, "\"application/json\": {\"schema\": {\"anyOf\": [");
    for (size_t i = 0; i < n_forms; i++)
        write_form(out, forms, n_forms, i, params, schema);
    mw_buf_text(out, "]}}");
}

static void write_one_row(mw_buf *out, const mw_schema *schema, bool needs_parameters)
{
    mw_buf_text(out, "}, \"instances\": {\"type\": \"array\", \"minItems\": 1, \"maxItems\": 1, "
                     "\"items\": ");
    write_list_row(out, schema);
    mw_buf_format(out, "}}, \"required\": [\"instances\"%s]}}",
                  needs_parameters ? ", \"parameters\"" : "");
}

/* Which features may be named, and which classes wanted, depends on the model; what is one number
 * may always be wanted so. Of two classes the other one goes without saying. */
static void write_change(mw_buf *out, const mw_forest *forest)
{
    bool needs_want = forest->n_classes != 2;
    mw_buf_format(out,
                  "\"application/json\": {\"schema\": {\"type\": \"object\", \"properties\": "
                  "{\"parameters\": {\"type\": \"object\", \"additionalProperties\": false, "
                  "\"required\": [%s], \"properties\": {\"want\": {%s}, \"count\": {\"type\": "
                  "\"integer\", \"minimum\": 1, \"maximum\": %d}, \"max_changed\": {\"type\": "
                  "\"integer\", \"minimum\": 1, \"maximum\": 10}}",
                  needs_want ? "\"want\"" : "",
                  forest->n_predictions == 1 ? "\"enum\": [\">=0.5\", \"<0.5\", \"0.2..0.4\"]"
                                             : "\"type\": \"string\"",
                  MW_LIMIT_SERVED_ANSWERS);
    write_one_row(out, &forest->schema, needs_want);
}

static void write_pairs(mw_buf *out, const mw_forest *forest)
{
    mw_buf_format(out,
                  "\"application/json\": {\"schema\": {\"type\": \"object\", \"properties\": "
                  "{\"parameters\": {\"type\": \"object\", \"properties\": {\"top\": {\"type\": "
                  "\"integer\", \"minimum\": 1, \"maximum\": %d}}",
                  MW_LIMIT_SERVED_PAIRS);
    write_one_row(out, &forest->schema, false);
}

/* ---- Open Inference Protocol ----------------------------------------------------------------- */

/* Parameters that would change what the request means are described in the protocol, not here. */
static const char free_parameters[] =
    "{\"type\": \"object\", \"propertyNames\": {\"not\": {\"pattern\": "
    "\"^(binary_data|classification|explain|shared_memory)\"}}}";

/* One matrix of one row: a schema cannot say that shape and data agree. */
static void write_infer(mw_buf *out, const mw_schema *schema)
{
    mw_buf_format(
        out,
        "\"application/json\": {\"schema\": {\"type\": \"object\", \"required\": [\"inputs\"], "
        "\"properties\": {\"id\": {\"type\": \"string\"}, \"parameters\": %s, \"outputs\": "
        "{\"type\": "
        "\"array\", \"maxItems\": 1, \"items\": {\"type\": \"object\", \"required\": [\"name\"], "
        "\"properties\": {\"name\": {\"const\": \"output\"}, \"parameters\": %s}}}, \"inputs\": "
        "{\"type\": \"array\", \"minItems\": 1, \"maxItems\": 1, \"items\": {\"type\": \"object\", "
        "\"required\": [\"name\", \"shape\", \"datatype\", \"data\"], \"properties\": {\"name\": "
        "{\"type\": \"string\"}, \"parameters\": %s, \"shape\": {\"const\": [1, %zu]}, "
        "\"datatype\": {\"enum\": [\"FP32\", \"FP64\"]}, \"data\": {\"anyOf\": [",
        free_parameters, free_parameters, free_parameters, schema->n_columns);
    write_list_row(out, schema);
    mw_buf_text(out, ", {\"type\": \"array\", \"minItems\": 1, \"maxItems\": 1, \"items\": ");
    write_list_row(out, schema);
    mw_buf_text(out, "}]}}}}}}}");
}

/* ---- CSV ------------------------------------------------------------------------------------- */

/* The header and one row of missing values: an example, because a schema cannot say what CSV is. */
static void write_csv(mw_buf *out, const mw_schema *schema)
{
    mw_buf text;
    mw_buf_init(&text, MW_LIMIT_REPLY_BYTES);
    for (size_t i = 0; i < schema->n_columns; i++) {
        mw_view name = schema->columns[i].name;
        bool quoted = memchr(name.data, ',', name.size) || memchr(name.data, '"', name.size);
        mw_buf_text(&text, i > 0 ? "," : "");
        mw_buf_text(&text, quoted ? "\"" : "");
        for (size_t j = 0; j < name.size; j++) {
            mw_buf_text(&text, name.data[j] == '"' ? "\"" : "");
            mw_buf_char(&text, name.data[j]);
        }
        mw_buf_text(&text, quoted ? "\"" : "");
    }
    mw_buf_char(&text, '\n');
    for (size_t i = 0; i < schema->n_columns; i++)
        mw_buf_text(&text, i > 0 ? ",NA" : "NA");
    mw_buf_char(&text, '\n');
    mw_buf_text(out, ", \"text/csv\": {\"schema\": {\"const\": ");
    mw_json_write_text(out, mw_buf_as_view(&text));
    mw_buf_text(out, "}}");
    mw_buf_done(&text);
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static const char *const mlflow_forms[] = {"dataframe_split", "dataframe_records", "instances",
                                           "inputs"};
static const char *const kserve_forms[] = {"instances", "inputs"};

void openapi_write_body(mw_buf *out, api_body body, const mw_endpoint_info *model)
{
    const mw_schema *schema = model && model->forest ? &model->forest->schema : NULL;
    bool rows = body == API_BODY_MLFLOW || body == API_BODY_OIP || body == API_BODY_KSERVE ||
                body == API_BODY_CHANGE || body == API_BODY_PAIRS;
    if (body == API_BODY_NONE || (rows && !schema))
        return;
    mw_buf_format(out, "\"requestBody\": {\"required\": %s, \"content\": {",
                  rows || body == API_BODY_FEEDBACK || body == API_BODY_REPORT ? "true" : "false");
    switch (body) {
    case API_BODY_MLFLOW:
        write_forms(out, mlflow_forms, MW_COUNT(mlflow_forms), "params", schema);
        write_csv(out, schema);
        break;
    case API_BODY_KSERVE:
        write_forms(out, kserve_forms, MW_COUNT(kserve_forms), "parameters", schema);
        break;
    case API_BODY_CHANGE:
        write_change(out, model->forest);
        break;
    case API_BODY_PAIRS:
        write_pairs(out, model->forest);
        break;
    case API_BODY_OIP:
        write_infer(out, schema);
        break;
    case API_BODY_FEEDBACK:
        mw_buf_text(out, "\"application/json\": {\"schema\": {\"type\": \"object\", "
                         "\"required\": [\"id\", \"label\"], \"additionalProperties\": false, "
                         "\"properties\": {\"id\": {\"type\": \"string\", \"pattern\": "
                         "\"^[0-9a-zA-Z-]{1,128}$\"}, \"label\": {\"type\": [\"number\", "
                         "\"boolean\"]}}}}, \"text/csv\": {\"schema\": {\"const\": "
                         "\"id,label\\n0193a0c2,1\\n\"}}");
        break;
    case API_BODY_INDEX:
        mw_buf_text(out,
                    "\"application/json\": {\"schema\": {\"type\": \"object\", \"properties\": "
                    "{\"ready\": {\"type\": \"boolean\"}, \"parameters\": {\"type\": "
                    "\"object\"}}}}");
        break;
    case API_BODY_REGION:
        mw_buf_format(out,
                      "\"application/json\": {\"schema\": {\"type\": \"object\", \"required\": "
                      "[\"key\", \"byte_size\"], \"properties\": {\"key\": {\"type\": "
                      "\"string\", \"pattern\": \"^/?[0-9a-zA-Z_-]{1,250}$\"}, \"offset\": "
                      "{\"type\": \"integer\", \"minimum\": 0}, \"byte_size\": {\"type\": "
                      "\"integer\", \"minimum\": 1, \"maximum\": %zu}}}}",
                      MW_LIMIT_MEMORY_REGION_BYTES);
        break;
    case API_BODY_CONTROL:
        mw_buf_text(out,
                    "\"application/json\": {\"schema\": {\"type\": \"object\", \"properties\": "
                    "{\"parameters\": {\"type\": \"object\", \"maxProperties\": 0}}}}");
        break;
    case API_BODY_LOG:
        mw_buf_text(out,
                    "\"application/json\": {\"schema\": {\"type\": \"object\", "
                    "\"additionalProperties\": false, \"properties\": {"
                    "\"log_error\": {\"type\": [\"boolean\", \"null\"]}, "
                    "\"log_warning\": {\"type\": [\"boolean\", \"null\"]}, "
                    "\"log_info\": {\"type\": [\"boolean\", \"null\"]}, "
                    "\"log_verbose_level\": {\"type\": [\"integer\", \"null\"], \"minimum\": 0, "
                    "\"maximum\": 4294967295}, \"log_file\": {\"enum\": [\"\", null]}, "
                    "\"log_format\": {\"enum\": [\"ISO8601\", null]}}}}");
        break;
    case API_BODY_TRACES:
        mw_buf_text(out, "\"application/json\": {\"schema\": {\"type\": \"object\", "
                         "\"additionalProperties\": false, \"properties\": {"
                         "\"trace_level\": {\"enum\": [[\"OFF\"], [\"TIMESTAMPS\"], null]}, "
                         "\"trace_rate\": {\"type\": [\"string\", \"null\"], \"pattern\": "
                         "\"^[1-9][0-9]{0,8}$\"}}}}");
        break;
    case API_BODY_REPORT:
        mw_buf_text(out, "\"application/json\": {\"schema\": {\"type\": \"object\", "
                         "\"required\": [\"kind\", \"of\"], \"additionalProperties\": false, "
                         "\"properties\": {\"kind\": {\"enum\": [\"weekly\", \"drift\", "
                         "\"incident\", \"card\"]}, \"of\": {\"type\": \"string\", \"maxLength\": "
                         "120, \"pattern\": \"^[^-\\\\x00-\\\\x1f][^\\\\x00-\\\\x1f]*$\"}}}}");
        break;
    case API_BODY_NONE:
        break;
    }
    mw_buf_text(out, "}}, ");
}
