/* lineage show: the graph around a version, for people, for programs, for OpenLineage. */
#include <math.h>

#include "api/api.h"
#include "look.h"
#include "members.h"

enum { TEXT_BYTES_MAX = 64 << 20, KEY_COLUMN = 13, SHORT_DIGEST = 12, LIBRARIES_SHOWN = 12 };

typedef enum lineage_format { LINEAGE_TEXT, LINEAGE_JSON, LINEAGE_OPENLINEAGE } lineage_format;

/* ---- for people ------------------------------------------------------------------------------ */

static void key(mw_buf *out, const char *name)
{
    size_t start = out->size;
    mw_buf_text(out, name);
    cli_pad(out, start, KEY_COLUMN);
}

static void line(mw_buf *out, const char *name, mw_view text)
{
    if (text.size == 0)
        return;
    key(out, name);
    mw_buf_view(out, text);
    mw_buf_char(out, '\n');
}

static void version_lines(mw_buf *out, const mw_lineage *l)
{
    const mw_passport *p = &l->passport;
    mw_buf_format(out, "%.*s/%lld\n", MW_VIEW_ARG(l->version.name), (long long)l->version.version);
    key(out, "registered");
    mw_clock_write_utc(out, l->version.created);
    if (p->user.size > 0)
        mw_buf_format(out, " by %.*s", MW_VIEW_ARG(p->user));
    mw_buf_text(out, p->is_recorded ? "\n" : "; its origin was put together now, not then\n");
    key(out, "digest");
    if (p->digest.data)
        mw_buf_format(out, "sha256:%.*s, %lld file%s, %lld bytes\n", MW_VIEW_ARG(p->digest),
                      (long long)p->n_files, p->n_files == 1 ? "" : "s", (long long)p->bytes);
    else
        mw_buf_text(out, "no files of it were here\n");
    line(out, "source", l->version.source);
    line(out, "fault", p->fault);
    for (size_t i = 0; i < l->version.aliases.count; i++)
        line(out, i ? "" : "aliases", l->version.aliases.items[i]);
}

static void run_name(mw_buf *out, const mw_run_info *run)
{
    mw_buf_format(out, "%.*s \"%.*s\", %s\n", MW_VIEW_ARG(run->run_id), MW_VIEW_ARG(run->name),
                  cli_run_status_name(run->status));
}

static void run_list(mw_buf *out, const char *name, const mw_runs *runs)
{
    for (size_t i = 0; i < runs->count; i++) {
        key(out, i ? "" : name);
        run_name(out, &runs->items[i].info);
    }
}

static void run_lines(mw_buf *out, const mw_lineage *l)
{
    key(out, "run");
    if (!l->has_run) {
        mw_buf_text(out, "none that is in this record\n");
        return;
    }
    run_name(out, &l->run.info);
    line(out, "experiment", l->experiment);
    if (l->parent.run_id.data) {
        key(out, "parent run");
        run_name(out, &l->parent);
    }
    run_list(out, "child runs", &l->children);
}

static void code_lines(mw_buf *out, const mw_passport *p)
{
    key(out, "code");
    if (!p->commit.data && !p->entry.data) {
        mw_buf_text(out, "not told (tags mlflow.source.git.commit, mlflow.source.name)\n");
        return;
    }
    if (p->commit.data)
        mw_buf_format(out, "commit %.*s", MW_VIEW_ARG(p->commit));
    if (p->branch.data)
        mw_buf_format(out, " of %.*s", MW_VIEW_ARG(p->branch));
    if (p->repository.data)
        mw_buf_format(out, " in %.*s", MW_VIEW_ARG(p->repository));
    if (p->entry.data)
        mw_buf_format(out, "%s%.*s", p->commit.data ? ", " : "", MW_VIEW_ARG(p->entry));
    if (p->dirty >= 0)
        mw_buf_text(out, p->dirty ? ", with changes that were not committed" : ", clean");
    mw_buf_char(out, '\n');
    if (p->patch.data)
        mw_buf_format(out, "%*spatch sha256:%.*s\n", KEY_COLUMN, "", MW_VIEW_ARG(p->patch));
}

/* MLflow's client writes where data are as JSON of one of these forms. */
static mw_view place_in(const mw_json *source)
{
    static const char *const keys[] = {"uri", "url", "path", "table", "name"};
    const mw_json *tags = mw_json_member(source, "tags"); /* data that a script made */
    mw_view place = mw_json_text(mw_json_member(tags, "mlflow.source.name"));
    for (size_t i = 0; i < MW_COUNT(keys) && place.size == 0; i++)
        place = mw_json_text(mw_json_member(source, keys[i]));
    return place;
}

static void data_source(mw_buf *out, mw_view source)
{
    enum { SHOWN_MAX = 200 };
    mw_json *root = NULL;
    mw_error err;
    mw_view place = {0};
    if (mw_json_read(source, &root, &err) == MW_OK)
        place = place_in(root);
    if (place.size == 0)
        place = source;
    mw_buf_format(out, ", from %.*s", (int)(place.size < SHOWN_MAX ? place.size : SHOWN_MAX),
                  place.data);
    mw_json_free(root);
}

static void data_lines(mw_buf *out, const mw_passport *p)
{
    if (p->data.count == 0)
        line(out, "data", MW_VIEW("not told (mlflow.log_input)"));
    for (size_t i = 0; i < p->data.count; i++) {
        const mw_passport_data *d = &p->data.items[i];
        key(out, i ? "" : "data");
        mw_buf_format(out, "%.*s, digest %.*s", MW_VIEW_ARG(d->name), MW_VIEW_ARG(d->digest));
        if (d->context.size > 0)
            mw_buf_format(out, ", for %.*s", MW_VIEW_ARG(d->context));
        if (d->source.size > 0)
            data_source(out, d->source);
        mw_buf_char(out, '\n');
    }
}

static void environment_lines(mw_buf *out, const mw_passport *p)
{
    if (!p->python.data && p->libraries.count == 0)
        return;
    key(out, "environment");
    mw_buf_format(out, "Python %.*s", p->python.data ? (int)p->python.size : 1,
                  p->python.data ? p->python.data : "?");
    for (size_t i = 0; i < p->libraries.count && i < LIBRARIES_SHOWN; i++)
        mw_buf_format(out, ", %.*s %.*s", MW_VIEW_ARG(p->libraries.items[i].name),
                      MW_VIEW_ARG(p->libraries.items[i].version));
    if (p->libraries.count > LIBRARIES_SHOWN)
        mw_buf_format(out, ", and %zu more: --format json", p->libraries.count - LIBRARIES_SHOWN);
    mw_buf_char(out, '\n');
    line(out, "flavors", p->flavors);
}

static void column_line(mw_buf *out, const mw_passport_column *c, const char *name)
{
    key(out, name);
    mw_buf_format(out, "%.*s%s%.*s%s", MW_VIEW_ARG(c->name), c->name.size ? " " : "",
                  MW_VIEW_ARG(c->type), c->required ? "" : ", optional");
    for (size_t i = 0; i < c->n_was; i++)
        mw_buf_format(out, "%s%.*s", i ? ", " : ", was ", MW_VIEW_ARG(c->was[i]));
    if (!isnan(c->low)) {
        mw_buf_text(out, ", ");
        mw_json_write_double(out, c->low);
        mw_buf_text(out, "..");
        mw_json_write_double(out, c->high);
        mw_buf_text(out, " in the example");
    }
    if (c->missing > 0)
        mw_buf_format(out, ", %.0f %% missing", 100 * c->missing);
    mw_buf_char(out, '\n');
}

static void signature_lines(mw_buf *out, const mw_passport *p)
{
    bool told[2] = {false, false};
    for (size_t i = 0; i < p->columns.count; i++) {
        const mw_passport_column *c = &p->columns.items[i];
        column_line(out, c, told[c->is_output] ? "" : c->is_output ? "outputs" : "inputs");
        told[c->is_output] = true;
    }
}

static void relative_lines(mw_buf *out, const mw_lineage *l)
{
    for (size_t i = 0; i < l->relatives.count; i++) {
        const mw_relative *r = &l->relatives.items[i];
        key(out, i ? "" : "related");
        mw_buf_format(out, "%.*s/%lld: %s (%.*s)\n", MW_VIEW_ARG(r->name), (long long)r->version,
                      cli_kinship_words(r->kinship),
                      (int)(r->through.size < 60 ? r->through.size : 60), r->through.data);
    }
    if (l->is_cut)
        line(out, "", MW_VIEW("and more"));
}

static void serving_lines(mw_buf *out, const mw_lineage *l)
{
    for (size_t i = 0; i < l->servings.count; i++) {
        const mw_serving *s = &l->servings.items[i];
        key(out, i ? "" : "served by");
        mw_buf_format(out, "%.*s from %.*s since ", MW_VIEW_ARG(s->endpoint),
                      MW_VIEW_ARG(s->address));
        mw_clock_write_utc(out, s->since);
        mw_buf_char(out, '\n');
    }
}

static void write_text(const mw_lineage *l, mw_buf *out)
{
    version_lines(out, l);
    run_lines(out, l);
    code_lines(out, &l->passport);
    data_lines(out, &l->passport);
    environment_lines(out, &l->passport);
    signature_lines(out, &l->passport);
    run_list(out, "read by", &l->readers);
    relative_lines(out, l);
    serving_lines(out, l);
}

/* ---- the command ----------------------------------------------------------------------------- */

typedef struct wish {
    mw_view address;
    mw_lineage lineage;
} wish;

static mw_status find(mw_record *record, void *given, mw_error *err)
{
    wish *w = given;
    return mw_record_lineage(record, w->address, &w->lineage, err);
}

mw_status cli_run_lineage_show(cli_call *call, mw_error *err)
{
    static void (*const writers[])(const mw_lineage *, mw_buf *) = {
        [LINEAGE_TEXT] = write_text,
        [LINEAGE_JSON] = mw_api_write_lineage,
        [LINEAGE_OPENLINEAGE] = cli_write_openlineage,
    };
    mw_registry *registry;
    wish w = {.address = mw_view_of(call->arguments[0])};
    MW_TRY(cli_look(call, &registry, err));
    mw_status status = mw_registry_read(registry, &call->arena, find, &w, err);
    mw_registry_close(registry);
    MW_TRY(status);
    mw_buf out;
    mw_buf_init(&out, TEXT_BYTES_MAX);
    writers[call->settings[CLI_LINEAGE_FORMAT].number](&w.lineage, &out);
    status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}
