/* GET /mw/v1/lineage?id=NAME/VERSION: what a version is made of, and what hangs on it. The same
 * JSON as `mw lineage show --format json`, which is written here, too. */
#include <math.h>

#include "api.h"
#include "mlflow_messages.h"

/* ---- pieces ---------------------------------------------------------------------------------- */

static void put_bool(mw_buf *out, const char *name, bool value)
{
    mlflow_put_name(out, name);
    mw_buf_text(out, value ? "true" : "false");
}

/* NaN writes nothing. */
static void put_double(mw_buf *out, const char *name, double value)
{
    if (isnan(value))
        return;
    mlflow_put_name(out, name);
    mw_json_write_double(out, value);
}

/* "2026-11-27T14:53:09.120Z" */
static void put_time(mw_buf *out, const char *name, int64_t ms)
{
    mlflow_put_name(out, name);
    mw_buf_char(out, '"');
    mw_clock_write_utc(out, ms);
    mw_buf_char(out, '"');
}

static const char *const kinship_keys[MW_N_KINSHIPS] = {
    [MW_SAME_FILES] = "same_files",
    [MW_SAME_DATA] = "same_data",
    [MW_SAME_CODE] = "same_code",
    [MW_MADE_FROM_IT] = "made_from_it",
    [MW_IT_IS_MADE_FROM] = "it_is_made_from",
};

static const char *status_name(mw_run_status status)
{
    return status > 0 ? mlflow_run_statuses[status - 1] : "NONE";
}

static void put_libraries(const mw_passport *p, mw_buf *out)
{
    mlflow_put_name(out, "libraries");
    mw_buf_char(out, '{');
    for (size_t i = 0; i < p->libraries.count; i++) {
        mlflow_put_comma(out);
        mw_json_write_text(out, p->libraries.items[i].name);
        mw_buf_char(out, ':');
        mw_json_write_text(out, p->libraries.items[i].version);
    }
    mw_buf_char(out, '}');
}

/* ---- the document ---------------------------------------------------------------------------- */

static void put_run(mw_buf *out, const mw_run_info *run)
{
    mw_buf_char(out, '{');
    mlflow_put_text(out, "run_id", run->run_id);
    mlflow_put_text(out, "name", run->name);
    mlflow_put_text(out, "status", mw_view_of(status_name(run->status)));
    put_time(out, "started", run->started);
    if (run->has_ended)
        put_time(out, "ended", run->ended);
    mw_buf_char(out, '}');
}

static void put_runs(mw_buf *out, const char *name, const mw_runs *runs)
{
    mlflow_put_name(out, name);
    mw_buf_char(out, '[');
    for (size_t i = 0; i < runs->count; i++) {
        mlflow_put_comma(out);
        put_run(out, &runs->items[i].info);
    }
    mw_buf_char(out, ']');
}

static void put_code(mw_buf *out, const mw_passport *p)
{
    mlflow_put_name(out, "code");
    mw_buf_char(out, '{');
    mlflow_put_text(out, "commit", p->commit);
    mlflow_put_text(out, "branch", p->branch);
    mlflow_put_text(out, "repository", p->repository);
    mlflow_put_text(out, "entry", p->entry);
    if (p->dirty >= 0)
        put_bool(out, "dirty", p->dirty != 0);
    mlflow_put_text(out, "patch", p->patch);
    mw_buf_char(out, '}');
}

static void put_data(mw_buf *out, const mw_passport *p)
{
    mlflow_put_name(out, "data");
    mw_buf_char(out, '[');
    for (size_t i = 0; i < p->data.count; i++) {
        const mw_passport_data *d = &p->data.items[i];
        mlflow_put_comma(out);
        mw_buf_char(out, '{');
        mlflow_put_text(out, "name", d->name);
        mlflow_put_text(out, "digest", d->digest);
        mlflow_put_text(out, "source_type", d->source_type);
        mlflow_put_text(out, "source", d->source);
        mlflow_put_text(out, "context", d->context);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, ']');
}

static void put_environment(mw_buf *out, const mw_passport *p)
{
    mlflow_put_name(out, "environment");
    mw_buf_char(out, '{');
    mlflow_put_text(out, "python", p->python);
    mlflow_put_text(out, "mlflow", p->mlflow_version);
    mlflow_put_text(out, "flavors", p->flavors);
    put_libraries(p, out);
    mw_buf_char(out, '}');
}

/* What the model declares that it was called. */
static void put_former(mw_buf *out, const mw_passport_column *c)
{
    if (c->n_was == 0)
        return;
    mlflow_put_name(out, "was");
    for (size_t i = 0; i < c->n_was; i++) {
        mw_buf_char(out, i ? ',' : '[');
        mw_json_write_text(out, c->was[i]);
    }
    mw_buf_char(out, ']');
}

static void put_columns(mw_buf *out, const char *name, bool outputs, const mw_passport *p)
{
    mlflow_put_name(out, name);
    mw_buf_char(out, '[');
    for (size_t i = 0; i < p->columns.count; i++) {
        const mw_passport_column *c = &p->columns.items[i];
        if (c->is_output != outputs)
            continue;
        mlflow_put_comma(out);
        mw_buf_char(out, '{');
        mlflow_put_text(out, "name", c->name);
        mlflow_put_text(out, "type", c->type);
        put_bool(out, "required", c->required);
        put_double(out, "low", c->low);
        put_double(out, "high", c->high);
        put_double(out, "missing", c->missing);
        put_former(out, c);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, ']');
}

static void put_relatives(mw_buf *out, const mw_lineage *l)
{
    mlflow_put_name(out, "related");
    mw_buf_char(out, '[');
    for (size_t i = 0; i < l->relatives.count; i++) {
        const mw_relative *r = &l->relatives.items[i];
        mlflow_put_comma(out);
        mw_buf_char(out, '{');
        mlflow_put_text(out, "name", r->name);
        mlflow_put_int(out, "version", r->version);
        mlflow_put_text(out, "kinship", mw_view_of(kinship_keys[r->kinship]));
        mlflow_put_text(out, "through", r->through);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, ']');
}

static void put_servings(mw_buf *out, const mw_lineage *l)
{
    mlflow_put_name(out, "served_by");
    mw_buf_char(out, '[');
    for (size_t i = 0; i < l->servings.count; i++) {
        const mw_serving *s = &l->servings.items[i];
        mlflow_put_comma(out);
        mw_buf_char(out, '{');
        mlflow_put_text(out, "endpoint", s->endpoint);
        mlflow_put_text(out, "address", s->address);
        put_time(out, "since", s->since);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, ']');
}

static void put_version(mw_buf *out, const mw_lineage *l)
{
    const mw_passport *p = &l->passport;
    mlflow_put_text(out, "name", l->version.name);
    mlflow_put_int(out, "version", l->version.version);
    put_time(out, "registered", l->version.created);
    mlflow_put_text(out, "user", p->user);
    mlflow_put_text(out, "source", l->version.source);
    mlflow_put_name(out, "aliases");
    mw_buf_char(out, '[');
    for (size_t i = 0; i < l->version.aliases.count; i++) {
        mlflow_put_comma(out);
        mw_json_write_text(out, l->version.aliases.items[i]);
    }
    mw_buf_char(out, ']');
    put_bool(out, "recorded", p->is_recorded);
    mlflow_put_text(out, "digest", p->digest);
    mlflow_put_int(out, "files", p->n_files);
    mlflow_put_int(out, "bytes", p->bytes);
    mlflow_put_text(out, "fault", p->fault);
}

void mw_api_write_lineage(const mw_lineage *l, mw_buf *out)
{
    mw_buf_char(out, '{');
    put_version(out, l);
    if (l->has_run) {
        mlflow_put_name(out, "run");
        put_run(out, &l->run.info);
        mlflow_put_text(out, "experiment", l->experiment);
    }
    if (l->parent.run_id.data) {
        mlflow_put_name(out, "parent_run");
        put_run(out, &l->parent);
    }
    put_runs(out, "child_runs", &l->children);
    put_runs(out, "read_by", &l->readers);
    put_code(out, &l->passport);
    put_data(out, &l->passport);
    put_environment(out, &l->passport);
    put_columns(out, "inputs", false, &l->passport);
    put_columns(out, "outputs", true, &l->passport);
    put_relatives(out, l);
    put_servings(out, l);
    put_bool(out, "cut", l->is_cut);
    mw_buf_text(out, "}\n");
}

/* ---- the call -------------------------------------------------------------------------------- */

typedef struct lineage_request {
    mw_view id;
} lineage_request;

static const mlflow_field lineage_fields[] = {
    {"id", MLFLOW_TEXT, offsetof(lineage_request, id), true, NULL, 0, NULL, NULL}, {0}};

static mw_status get_lineage(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_lineage found;
    MW_TRY(mw_record_lineage(record, ((lineage_request *)turn->request)->id, &found, err));
    mw_api_write_lineage(&found, turn->out);
    return MW_OK;
}

const mlflow_call mlflow_lineage_calls[] = {{MLFLOW_GETS, "/mw/v1/lineage", MLFLOW_READS,
                                             get_lineage, lineage_fields, sizeof(lineage_request),
                                             "What a version is made of, and what hangs on it"}};
const size_t mlflow_n_lineage_calls = MW_COUNT(mlflow_lineage_calls);
