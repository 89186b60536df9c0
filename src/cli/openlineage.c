/* OpenLineage 2-0-2 (openlineage.io/spec): the run that made a version as RunEvents.
 *
 *     job      namespace "millwright", name "experiment/run"     facets sourceCodeLocation,
 *                                                                ownership, jobType
 *     run      the run's id as a UUID                            facets parent, nominalTime
 *     inputs   the data sets: namespace and name from their     facets version, schema, dataSource
 *              address, as the naming rules say
 *     outputs  the version: "models", its name                  facets version, schema, and ours
 *
 * Consumers take each line as the body of a POST to /api/v1/lineage. */
#include "look.h"
#include "members.h"

#define SPEC "https://openlineage.io/spec/"
#define PRODUCER "urn:millwright:" MW_VERSION
#define OUR_FACET "urn:millwright:facet:modelVersion:1"

enum { UUID_HEX = 32 };

/* ---- facets ---------------------------------------------------------------------------------- */

static void begin_facet(mw_buf *out, const char *key, const char *schema)
{
    cli_member(out, key);
    mw_buf_char(out, '{');
    cli_member_text(out, "_producer", mw_view_of(PRODUCER));
    cli_member_text(out, "_schemaURL", mw_view_of(schema));
}

/* An id of 32 hexadecimal digits with the marks of a UUID; another id becomes one by its digest. */
static void put_uuid(mw_buf *out, const char *name, mw_view id)
{
    char digest[MW_DIGEST_TEXT_BYTES];
    bool is_hex = id.size == UUID_HEX;
    for (size_t i = 0; is_hex && i < id.size; i++)
        is_hex = mw_hex_value(id.data[i]) >= 0;
    if (!is_hex) {
        mw_digest_of(id, digest);
        id = (mw_view){digest, UUID_HEX};
    }
    cli_member(out, name);
    mw_buf_format(out, "\"%.8s-%.4s-%.4s-%.4s-%.12s\"", id.data, id.data + 8, id.data + 12,
                  id.data + 16, id.data + 20);
}

static void put_version_facet(mw_buf *out, mw_view version)
{
    begin_facet(out, "version",
                SPEC "facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/"
                     "DatasetVersionDatasetFacet");
    cli_member_text(out, "datasetVersion", version);
    mw_buf_char(out, '}');
}

static void begin_schema_facet(mw_buf *out)
{
    begin_facet(out, "schema",
                SPEC "facets/1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet");
    cli_member(out, "fields");
    mw_buf_char(out, '[');
}

static void put_field(mw_buf *out, mw_view name, mw_view type)
{
    cli_member_comma(out);
    mw_buf_char(out, '{');
    cli_member_text(out, "name", name.data ? name : MW_VIEW(""));
    cli_member_text(out, "type", type);
    mw_buf_char(out, '}');
}

/* ---- data sets ------------------------------------------------------------------------------- */

/* MLflow's schema of a data set: {"mlflow_colspec": [{"name": ..., "type": ...}]}. */
static void put_dataset_schema(mw_buf *out, mw_view schema)
{
    mw_error ignored;
    mw_json *root;
    if (!schema.data || mw_json_read(schema, &root, &ignored) != MW_OK)
        return;
    const mw_json *columns = mw_json_member(root, "mlflow_colspec");
    if (mw_json_is_array(columns)) {
        begin_schema_facet(out);
        for (size_t i = 0; i < mw_json_count(columns); i++) {
            const mw_json *column = mw_json_element(columns, i);
            put_field(out, mw_json_text(mw_json_member(column, "name")),
                      mw_json_text(mw_json_member(column, "type")));
        }
        mw_buf_text(out, "]}");
    }
    mw_json_free(root);
}

/* "s3://bucket/a/b" -> "s3://bucket", "a/b"; "/data/x.csv" and "file:///data/x.csv" -> "file". What
 * has no address is named as it is, among our own. */
static void name_dataset(mw_view uri, const mw_dataset *dataset, mw_view *ret_namespace,
                         mw_view *ret_name)
{
    const char *mark = uri.size > 3 ? memmem(uri.data, uri.size, "://", 3) : NULL;
    *ret_namespace = MW_VIEW("file");
    *ret_name = uri;
    if (mw_view_starts(uri, "file://")) {
        *ret_name = (mw_view){uri.data + 7, uri.size - 7};
    } else if (mark) {
        mw_view rest = {mark + 3, (size_t)(uri.data + uri.size - mark) - 3};
        const char *slash = rest.size ? memchr(rest.data, '/', rest.size) : NULL;
        size_t size = slash ? (size_t)(slash - uri.data) : uri.size;
        *ret_namespace = (mw_view){uri.data, size};
        *ret_name = slash ? (mw_view){slash + 1, uri.size - size - 1} : MW_VIEW("/");
    } else if (uri.size == 0) {
        *ret_namespace = MW_VIEW("millwright");
        *ret_name = dataset->name;
    }
}

static mw_view uri_of(const mw_json *source)
{
    static const char *const keys[] = {"uri", "url", "path", "table_name"};
    for (size_t i = 0; i < MW_COUNT(keys); i++) {
        mw_view text = mw_json_text(mw_json_member(source, keys[i]));
        if (text.size > 0)
            return text;
    }
    return (mw_view){NULL, 0};
}

/* A path becomes an address. */
static void put_address(mw_buf *out, mw_view uri)
{
    mw_buf whole;
    mw_buf_init(&whole, MW_MIB);
    mw_buf_text(&whole, mw_view_starts(uri, "/") ? "file://" : "");
    mw_buf_view(&whole, uri);
    cli_member_text(out, "uri", mw_buf_as_view(&whole));
    mw_buf_done(&whole);
}

static void put_input(mw_buf *out, const mw_dataset *dataset)
{
    mw_error ignored;
    mw_json *source = NULL;
    mw_view namespace, name, uri = {NULL, 0};
    if (dataset->source.size > 0 && mw_json_read(dataset->source, &source, &ignored) == MW_OK)
        uri = uri_of(source);
    name_dataset(uri, dataset, &namespace, &name);
    cli_member_comma(out);
    mw_buf_char(out, '{');
    cli_member_text(out, "namespace", namespace);
    cli_member_text(out, "name", name);
    cli_member(out, "facets");
    mw_buf_char(out, '{');
    put_version_facet(out, dataset->digest);
    put_dataset_schema(out, dataset->schema);
    if (uri.size > 0) {
        begin_facet(out, "dataSource",
                    SPEC "facets/1-0-1/DatasourceDatasetFacet.json#/$defs/DatasourceDatasetFacet");
        cli_member_text(out, "name", dataset->name);
        put_address(out, uri);
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "}}");
    mw_json_free(source);
}

/* ---- the version ----------------------------------------------------------------------------- */

static void put_our_facet(mw_buf *out, const mw_lineage *l)
{
    const mw_passport *p = &l->passport;
    begin_facet(out, "millwright_modelVersion", OUR_FACET);
    cli_member_text(out, "digest", p->digest);
    cli_member_text(out, "flavors", p->flavors);
    cli_member_text(out, "mlflowVersion", p->mlflow_version);
    cli_member_text(out, "python", p->python);
    cli_member(out, "aliases");
    mw_buf_char(out, '[');
    for (size_t i = 0; i < l->version.aliases.count; i++) {
        cli_member_comma(out);
        mw_json_write_text(out, l->version.aliases.items[i]);
    }
    mw_buf_char(out, ']');
    cli_write_libraries(p, out);
    mw_buf_char(out, '}');
}

static void put_output(mw_buf *out, const mw_lineage *l)
{
    char number[24];
    int size = snprintf(number, sizeof number, "%lld", (long long)l->version.version);
    mw_buf_char(out, '{');
    cli_member_text(out, "namespace", MW_VIEW("models"));
    cli_member_text(out, "name", l->version.name);
    cli_member(out, "facets");
    mw_buf_char(out, '{');
    put_version_facet(out, (mw_view){number, (size_t)size});
    if (l->passport.columns.count > 0) {
        begin_schema_facet(out);
        for (size_t i = 0; i < l->passport.columns.count; i++)
            if (!l->passport.columns.items[i].is_output)
                put_field(out, l->passport.columns.items[i].name,
                          l->passport.columns.items[i].type);
        mw_buf_text(out, "]}");
    }
    put_our_facet(out, l);
    mw_buf_text(out, "}}");
}

/* ---- job and run ----------------------------------------------------------------------------- */

static void put_job(mw_buf *out, mw_view experiment, mw_view name)
{
    mw_buf whole;
    mw_buf_init(&whole, 64 * MW_KIB);
    mw_buf_view(&whole, experiment);
    if (name.size > 0)
        mw_buf_format(&whole, "%s%.*s", experiment.size ? "/" : "", MW_VIEW_ARG(name));
    cli_member_text(out, "namespace", MW_VIEW("millwright"));
    cli_member_text(out, "name", mw_buf_as_view(&whole));
    mw_buf_done(&whole);
}

/* The specification asks for an address of the file; where only the repository is known, that. */
static void put_code_facet(mw_buf *out, const mw_passport *p)
{
    if (!p->commit.data && !p->repository.data)
        return;
    begin_facet(out, "sourceCodeLocation",
                SPEC "facets/1-1-0/SourceCodeLocationJobFacet.json#/$defs/"
                     "SourceCodeLocationJobFacet");
    cli_member_text(out, "type", MW_VIEW("git"));
    cli_member_text(out, "url", p->repository.data ? p->repository : MW_VIEW("git:unknown"));
    cli_member_text(out, "repoUrl", p->repository);
    cli_member_text(out, "path", p->entry);
    cli_member_text(out, "version", p->commit);
    cli_member_text(out, "branch", p->branch);
    mw_buf_char(out, '}');
}

static void put_job_facets(mw_buf *out, const mw_passport *p)
{
    cli_member(out, "facets");
    mw_buf_char(out, '{');
    put_code_facet(out, p);
    if (p->user.data) {
        begin_facet(out, "ownership",
                    SPEC "facets/1-0-1/OwnershipJobFacet.json#/$defs/OwnershipJobFacet");
        cli_member(out, "owners");
        mw_buf_text(out, "[{");
        cli_member_text(out, "name", p->user);
        mw_buf_text(out, "}]}");
    }
    begin_facet(out, "jobType", SPEC "facets/2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet");
    cli_member_text(out, "processingType", MW_VIEW("BATCH"));
    cli_member_text(out, "integration", MW_VIEW("MLFLOW"));
    cli_member_text(out, "jobType", MW_VIEW("TRAINING"));
    mw_buf_text(out, "}}");
}

static void put_run_facets(mw_buf *out, const mw_lineage *l)
{
    cli_member(out, "facets");
    mw_buf_char(out, '{');
    if (l->parent.run_id.data) {
        begin_facet(out, "parent", SPEC "facets/1-2-0/ParentRunFacet.json#/$defs/ParentRunFacet");
        cli_member(out, "run");
        mw_buf_char(out, '{');
        put_uuid(out, "runId", l->parent.run_id);
        mw_buf_char(out, '}');
        cli_member(out, "job");
        mw_buf_char(out, '{');
        put_job(out, l->experiment, l->parent.name);
        mw_buf_text(out, "}}");
    }
    mw_buf_char(out, '}');
}

static mw_view version_id(const mw_lineage *l, mw_buf *text)
{
    mw_buf_format(text, "models:/%.*s/%lld", MW_VIEW_ARG(l->version.name),
                  (long long)l->version.version);
    return mw_buf_as_view(text);
}

static void put_event(mw_buf *out, const mw_lineage *l, const char *type, int64_t at, bool is_end)
{
    mw_buf id;
    mw_buf_init(&id, 64 * MW_KIB);
    mw_buf_char(out, '{');
    cli_member_time(out, "eventTime", at);
    cli_member_text(out, "eventType", mw_view_of(type));
    cli_member_text(out, "producer", mw_view_of(PRODUCER));
    cli_member_text(out, "schemaURL", mw_view_of(SPEC "2-0-2/OpenLineage.json#/$defs/RunEvent"));
    cli_member(out, "run");
    mw_buf_char(out, '{');
    put_uuid(out, "runId", l->has_run ? l->run.info.run_id : version_id(l, &id));
    put_run_facets(out, l);
    mw_buf_char(out, '}');
    cli_member(out, "job");
    mw_buf_char(out, '{');
    if (l->has_run)
        put_job(out, l->experiment, l->run.info.name);
    else
        put_job(out, MW_VIEW("register"), l->version.name);
    put_job_facets(out, &l->passport);
    mw_buf_char(out, '}');
    cli_member(out, "inputs");
    mw_buf_char(out, '[');
    for (size_t i = 0; l->has_run && i < l->run.datasets.count; i++)
        put_input(out, &l->run.datasets.items[i]);
    mw_buf_char(out, ']');
    cli_member(out, "outputs");
    mw_buf_char(out, '[');
    if (is_end)
        put_output(out, l);
    mw_buf_text(out, "]}\n");
    mw_buf_done(&id);
}

void cli_write_openlineage(const mw_lineage *lineage, mw_buf *out)
{
    const mw_run_info *run = &lineage->run.info;
    if (!lineage->has_run) {
        put_event(out, lineage, "COMPLETE", lineage->version.created, true);
        return;
    }
    put_event(out, lineage, "START", run->started, false);
    const char *type = run->status == MW_RUN_FAILED   ? "FAIL"
                       : run->status == MW_RUN_KILLED ? "ABORT"
                       : run->has_ended               ? "COMPLETE"
                                                      : "RUNNING";
    put_event(out, lineage, type, run->has_ended ? run->ended : lineage->version.created, true);
}
