/* The bodies that hold rows: MLflow's four forms, KServe V1's two, JSON lines. */
#include "json_rows.h"

typedef enum body_form {
    FORM_NONE,
    FORM_SPLIT,
    FORM_RECORDS,
    FORM_INSTANCES,
    FORM_INPUTS
} body_form;

static body_form tell_form(mw_view key)
{
    static const char *const names[] = {"", "dataframe_split", "dataframe_records", "instances",
                                        "inputs"};
    for (body_form form = FORM_SPLIT; form <= FORM_INPUTS; form++)
        if (mw_view_is(key, names[form]))
            return form;
    return FORM_NONE;
}

/* ---- dataframe_split ------------------------------------------------------------------------- */

/* {"columns": [...], "index": [...], "data": [[...], ...]} in any order. When data comes before the
 * columns it is passed over (and so checked), and read once they are known. */
typedef struct split_body {
    mw_view *names;
    size_t n_names;
    bool has_columns, has_data;
    bool own_names; /* they are the schema's, in its order */
    mw_view data;   /* passed over; empty when it was read at once */
} split_body;

static mw_status read_split_data(table_json *json, const split_body *split, mw_error *err)
{
    table_mapping mapping;
    if (split->has_columns && !split->own_names)
        MW_TRY(table_map_names(json->rows.schema, split->names, split->n_names, json->arena,
                               &mapping, err));
    else
        MW_TRY(table_map_positions(json->rows.schema, json->arena, &mapping, err));
    return table_read_lists(json, &mapping, err);
}

static mw_status read_split_member(table_json *json, mw_view key, split_body *split, mw_error *err)
{
    if (mw_view_is(key, "columns")) {
        split->has_columns = true;
        split->own_names = table_pass_own_names(json);
        if (!split->own_names &&
            table_read_names(json, &split->names, &split->n_names, err) != MW_OK)
            return mw_at(err, "columns");
        return MW_OK;
    }
    if (!mw_view_is(key, "data"))
        return mw_scan_skip(&json->scan, NULL, err);
    if (split->has_data) {
        mw_fail(err, MW_E_TABLE_FORM, "'data' stands twice in dataframe_split");
        return mw_mend(err, "send it once");
    }
    split->has_data = true;
    if (split->has_columns)
        return read_split_data(json, split, err);
    return mw_scan_skip(&json->scan, &split->data, err);
}

static mw_status read_split(table_json *json, mw_error *err)
{
    split_body split = {0};
    bool more;
    MW_TRY(mw_scan_object_begin(&json->scan, err));
    for (;;) {
        mw_view key;
        MW_TRY(mw_scan_object_next(&json->scan, json->arena, &key, &more, err));
        if (!more)
            break;
        MW_TRY(read_split_member(json, key, &split, err));
    }
    if (!split.has_data) {
        mw_fail(err, MW_E_TABLE_FORM, "dataframe_split has no 'data'");
        return mw_mend(err, "send {\"columns\": [names], \"data\": [[values], ...]}");
    }
    if (split.data.size == 0)
        return MW_OK;
    mw_scan behind = json->scan;
    json->scan.at = split.data.data;
    MW_TRY(read_split_data(json, &split, err));
    json->scan = behind;
    return MW_OK;
}

/* ---- MLflow ---------------------------------------------------------------------------------- */

static mw_status read_inputs(table_json *json, mw_error *err)
{
    if (mw_scan_peek(&json->scan) == MW_SCAN_OBJECT)
        return table_read_columns(json, err);
    return table_read_any_rows(json, err);
}

static mw_status read_form(table_json *json, body_form form, mw_error *err)
{
    switch (form) {
    case FORM_SPLIT:
        return read_split(json, err);
    case FORM_RECORDS:
        return table_read_records(json, err);
    case FORM_INSTANCES:
        return table_read_any_rows(json, err);
    default:
        return read_inputs(json, err);
    }
}

/* What each protocol allows in a body; `forms` has a bit for each. */
typedef struct body_rules {
    unsigned forms;
    const char *params; /* the member that holds parameters */
    const char *rule;
} body_rules;

static const body_rules mlflow_rules = {
    1u << FORM_SPLIT | 1u << FORM_RECORDS | 1u << FORM_INSTANCES | 1u << FORM_INPUTS, "params",
    "the input must be a JSON object with exactly one of the fields 'dataframe_split', "
    "'dataframe_records', 'instances', 'inputs'"};
static const body_rules kserve_rules = {1u << FORM_INSTANCES | 1u << FORM_INPUTS, "parameters",
                                        "expected a JSON object with \"instances\" or \"inputs\""};

/* An object that holds exactly one of the forms. */
static mw_status read_body(mw_view body, const mw_schema *schema, mw_arena *arena, mw_pool *pool,
                           const body_rules *rules, mw_batch *ret_batch, mw_view *ret_params,
                           mw_error *err)
{
    table_json json;
    mw_view params = {NULL, 0};
    table_json_init(&json, body, schema, arena);
    json.pool = pool;
    unsigned n_forms = 0;
    bool more;
    MW_TRY(mw_scan_object_begin(&json.scan, err));
    for (;;) {
        mw_view key;
        MW_TRY(mw_scan_object_next(&json.scan, arena, &key, &more, err));
        if (!more)
            break;
        body_form form = tell_form(key);
        if (!(rules->forms & (1u << form))) {
            bool is_params = mw_view_is(key, rules->params);
            MW_TRY(mw_scan_skip(&json.scan, is_params ? &params : NULL, err));
            continue;
        }
        if (n_forms++ > 0)
            break;
        if (read_form(&json, form, err) != MW_OK)
            return mw_at(err, "%.*s", MW_VIEW_ARG(key));
    }
    if (n_forms != 1) {
        mw_fail(err, MW_E_TABLE_FORM, "%s", rules->rule);
        return mw_mend(err, "the body has %s of them; send one", n_forms ? "several" : "none");
    }
    MW_TRY(mw_scan_end(&json.scan, err));
    *ret_batch = table_rows_batch(&json.rows);
    if (ret_params)
        *ret_params = params;
    return MW_OK;
}

mw_status mw_batch_read_mlflow(mw_view body, const mw_schema *schema, mw_arena *arena,
                               mw_pool *pool, mw_batch *ret_batch, mw_view *ret_params,
                               mw_error *err)
{
    return read_body(body, schema, arena, pool, &mlflow_rules, ret_batch, ret_params, err);
}

mw_status mw_batch_read_kserve(mw_view body, const mw_schema *schema, mw_arena *arena,
                               mw_pool *pool, mw_batch *ret_batch, mw_view *ret_params,
                               mw_error *err)
{
    return read_body(body, schema, arena, pool, &kserve_rules, ret_batch, ret_params, err);
}

/* ---- JSON lines ------------------------------------------------------------------------------ */

mw_status mw_batch_read_json_lines(mw_view text, const mw_schema *schema, mw_arena *arena,
                                   mw_batch *ret_batch, mw_error *err)
{
    table_json json;
    table_json_init(&json, text, schema, arena);
    const char *at = text.data, *end = text.data + text.size;
    for (size_t line = 1; at < end; line++) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        const char *next = line_end ? line_end + 1 : end;
        mw_view one = mw_view_trim((mw_view){at, (size_t)(next - at)});
        at = next;
        if (one.size == 0)
            continue;
        mw_scan_init(&json.scan, one);
        json.scan.allow_nan = true;
        mw_status status = table_read_one_row(&json, err);
        if (status == MW_OK)
            status = mw_scan_end(&json.scan, err);
        if (status != MW_OK) {
            mw_at(err, "line %zu", line);
            return status;
        }
    }
    MW_TRY(table_check_records(&json, err));
    *ret_batch = table_rows_batch(&json.rows);
    return MW_OK;
}
