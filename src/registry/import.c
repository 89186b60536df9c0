/* MLflow's database into ours: both are SQLite, so most of it is INSERT ... SELECT.
 *
 *     attach theirs -> experiments -> runs -> what runs logged -> logged models -> registered
 * models
 *                   -> files: folder of each run and logged model, as blobs
 *
 * The schema is that of MLflow 3.17 (alembic revision below). Where their artifacts lie on a disk
 * they get a place of ours; two tables, for this connection only, say what became what. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "passport.h"

static const char known_revision[] = "dc11669786a5"; /* MLflow 3.17 */

enum { PATH_BYTES = 4096, DEPTH_MAX = 64 };

typedef struct importing {
    mw_registry *registry;
    const char *database, *artifacts;
    mw_record *record;
    mw_import_report report;
} importing;

/* ---- what is not taken ----------------------------------------------------------------------- */

static mw_status one_text(mw_record *record, const char *sql, mw_view *ret_text, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    *ret_text = RECORD_NOTHING;
    MW_TRY(mw_rows_open(record->session, &rows, err, sql, ""));
    if (mw_rows_next(&rows))
        *ret_text = record_column(&memory, &rows, 0);
    return record_close(&rows, &memory, err);
}

static mw_status check_schema(mw_record *record, mw_error *err)
{
    mw_view revision = RECORD_NOTHING;
    mw_status status =
        one_text(record, "SELECT version_num FROM theirs.alembic_version", &revision, err);
    if (status == MW_OK && mw_view_is(revision, known_revision))
        return MW_OK;
    if (status == MW_OK)
        mw_fail(err, MW_E_IMPORT_SCHEMA, "its schema is '%.*s', and '%s' is known",
                MW_VIEW_ARG(revision), known_revision);
    else
        mw_fail(err, MW_E_IMPORT_SCHEMA, "this is no database of MLflow");
    return mw_mend(err, "bring it to MLflow 3.17 first: pip install mlflow==3.17.*, then "
                        "mlflow db upgrade sqlite:///FILE");
}

static mw_status check_workspaces(mw_record *record, mw_error *err)
{
    mw_view found;
    MW_TRY(one_text(record,
                    "SELECT workspace FROM (SELECT workspace FROM theirs.experiments UNION"
                    " SELECT workspace FROM theirs.registered_models)"
                    " WHERE workspace <> 'default'",
                    &found, err));
    if (!found.data)
        return MW_OK;
    mw_fail(err, MW_E_IMPORT_SCHEMA, "it has a workspace '%.*s' beside the default one",
            MW_VIEW_ARG(found));
    return mw_mend(err, "a record is one workspace: export that one into a database of its own");
}

static mw_status check_versions(mw_record *record, mw_error *err)
{
    mw_view found;
    MW_TRY(one_text(record,
                    "SELECT m.name || '/' || v.version FROM main.model_versions v"
                    " JOIN main.registered_models m ON m.id = v.model"
                    " JOIN theirs.model_versions t ON t.name = m.name AND t.version = v.version"
                    " WHERE v.created <> t.creation_time LIMIT 1",
                    &found, err));
    if (!found.data)
        return MW_OK;
    mw_fail(err, MW_E_IMPORT_TAKEN, "'%.*s' is in the record already, and is another version",
            MW_VIEW_ARG(found));
    return mw_mend(err, "rename the model on one side, or import into a record of its own");
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* A place on a disk, or behind MLflow's server; others stay where they are. */
#define IS_LOCAL(uri) \
    "(instr(" uri ", '://') = 0 OR " uri " GLOB 'file:*' OR " uri " GLOB 'mlflow-artifacts:*')"
/* "file:///a" and "/a" are one. */
#define PLAIN(uri) "CASE WHEN " uri " GLOB 'file://*' THEN substr(" uri ", 8) ELSE " uri " END"

typedef struct step {
    size_t counted; /* offset in mw_import_report, or NOT_COUNTED */
    const char *sql;
} step;

#define NOT_COUNTED SIZE_MAX
#define COUNT(member) offsetof(mw_import_report, member)

static const step row_steps[] = {
    {NOT_COUNTED, "CREATE TEMP TABLE IF NOT EXISTS import_experiments(theirs INTEGER PRIMARY KEY,"
                  " ours INTEGER NOT NULL)"},
    {NOT_COUNTED, "CREATE TEMP TABLE IF NOT EXISTS import_places(id TEXT PRIMARY KEY,"
                  " theirs TEXT NOT NULL, ours TEXT NOT NULL)"},
    {NOT_COUNTED, "DELETE FROM import_experiments"},
    {NOT_COUNTED, "DELETE FROM import_places"},
    /* experiments: with their ids where these are free, then the others */
    {COUNT(experiments),
     "INSERT INTO main.experiments(id, name, location, deleted, created, updated)"
     " SELECT e.experiment_id, e.name, CASE WHEN " IS_LOCAL(
         "e.artifact_location") " THEN"
                                " 'mlflow-artifacts:/' || e.experiment_id ELSE e.artifact_location "
                                "END,"
                                " e.lifecycle_stage = 'deleted', coalesce(e.creation_time, 0), "
                                "coalesce(e.last_update_time, 0)"
                                " FROM theirs.experiments e WHERE NOT EXISTS(SELECT 1 FROM "
                                "main.experiments o WHERE"
                                " o.name = e.name OR o.id = e.experiment_id)"},
    {COUNT(experiments),
     "INSERT INTO main.experiments(name, location, deleted, created, updated)"
     " SELECT e.name, CASE WHEN " IS_LOCAL(
         "e.artifact_location") " THEN '' ELSE"
                                " e.artifact_location END, e.lifecycle_stage = 'deleted', "
                                "coalesce(e.creation_time, 0),"
                                " coalesce(e.last_update_time, 0) FROM theirs.experiments e"
                                " WHERE NOT EXISTS(SELECT 1 FROM main.experiments o WHERE o.name = "
                                "e.name)"},
    {NOT_COUNTED, "UPDATE main.experiments SET location = 'mlflow-artifacts:/' || id"
                  " WHERE location = ''"},
    {NOT_COUNTED, "INSERT INTO import_experiments SELECT e.experiment_id, o.id"
                  " FROM theirs.experiments e JOIN main.experiments o ON o.name = e.name"},
    {NOT_COUNTED,
     "INSERT INTO main.experiment_tags(experiment, key, value) SELECT m.ours, t.key,"
     " coalesce(t.value, '') FROM theirs.experiment_tags t JOIN import_experiments m ON"
     " m.theirs = t.experiment_id WHERE true ON CONFLICT DO NOTHING"},
    /* runs, and what they logged */
    {COUNT(runs),
     "INSERT INTO main.runs(run_id, experiment, name, user, status, started, ended, deleted,"
     " artifact_uri) SELECT r.run_uuid, m.ours, coalesce(r.name, ''), coalesce(r.user_id, ''),"
     " CASE r.status WHEN 'RUNNING' THEN 1 WHEN 'SCHEDULED' THEN 2 WHEN 'FINISHED' THEN 3"
     " WHEN 'FAILED' THEN 4 ELSE 5 END, coalesce(r.start_time, 0), r.end_time,"
     " r.lifecycle_stage = 'deleted', CASE WHEN " IS_LOCAL(
         "r.artifact_uri") " THEN"
                           " 'mlflow-artifacts:/' || m.ours || '/' || r.run_uuid || '/artifacts' "
                           "ELSE r.artifact_uri END"
                           " FROM theirs.runs r JOIN import_experiments m ON m.theirs = "
                           "r.experiment_id"
                           " WHERE true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED, "INSERT INTO import_places SELECT r.run_uuid, " PLAIN(
                      "r.artifact_uri") ","
                                        " o.artifact_uri FROM theirs.runs r JOIN main.runs o ON "
                                        "o.run_id = r.run_uuid"},
    {COUNT(metrics),
     "INSERT INTO main.metrics(run, key, timestamp, step, value, is_nan) SELECT o.id, t.key,"
     " t.timestamp, t.step, coalesce(t.value, 0.0), t.is_nan FROM theirs.metrics t"
     " JOIN main.runs o ON o.run_id = t.run_uuid WHERE true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO main.latest_metrics(run, key, value, is_nan, timestamp, step) SELECT o.id, t.key,"
     " coalesce(t.value, 0.0), t.is_nan, t.timestamp, t.step FROM theirs.latest_metrics t"
     " JOIN main.runs o ON o.run_id = t.run_uuid WHERE true ON CONFLICT DO UPDATE SET"
     " value = excluded.value, is_nan = excluded.is_nan, timestamp = excluded.timestamp,"
     " step = excluded.step WHERE (excluded.step, excluded.timestamp, excluded.value) >"
     " (step, timestamp, value)"},
    {NOT_COUNTED, "INSERT INTO main.params(run, key, value) SELECT o.id, t.key, t.value FROM"
                  " theirs.params t JOIN main.runs o ON o.run_id = t.run_uuid"
                  " WHERE true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED, "INSERT INTO main.tags(run, key, value) SELECT o.id, t.key, coalesce(t.value, '')"
                  " FROM theirs.tags t JOIN main.runs o ON o.run_id = t.run_uuid"
                  " WHERE true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO main.datasets(experiment, name, digest, source_type, source, schema, profile)"
     " SELECT m.ours, t.name, t.digest, t.dataset_source_type, t.dataset_source, t.dataset_schema,"
     " t.dataset_profile FROM theirs.datasets t JOIN import_experiments m ON"
     " m.theirs = t.experiment_id WHERE true ON CONFLICT DO NOTHING"},
#define DATASET_USES                                                                         \
    " FROM theirs.inputs i JOIN theirs.datasets t ON t.dataset_uuid = i.source_id"           \
    " JOIN import_experiments m ON m.theirs = t.experiment_id JOIN main.datasets d ON"       \
    " d.experiment = m.ours AND d.name = t.name AND d.digest = t.digest JOIN main.runs o ON" \
    " o.run_id = i.destination_id"
#define IS_DATASET_USE " WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN'"
    {NOT_COUNTED,
     "INSERT INTO main.run_datasets(run, dataset) SELECT o.id, d.id" DATASET_USES IS_DATASET_USE
     " ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO main.run_dataset_tags(use, key, value) SELECT u.id, g.name, g.value" DATASET_USES
     " JOIN main.run_datasets u ON u.run = o.id AND u.dataset = d.id"
     " JOIN theirs.input_tags g ON g.input_uuid = i.input_uuid" IS_DATASET_USE
     " ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO main.run_models(run, model_id, is_output, step) SELECT o.id, i.destination_id,"
     " i.source_type = 'RUN_OUTPUT', coalesce(i.step, 0) FROM theirs.inputs i JOIN main.runs o ON"
     " o.run_id = i.source_id WHERE i.source_type IN ('RUN_OUTPUT', 'RUN_INPUT')"
     " ON CONFLICT DO NOTHING"},
    /* logged models */
    {COUNT(logged_models),
     "INSERT INTO main.logged_models(model_id, experiment, name, artifact_uri, status,"
     " status_message, model_type, source_run_id, created, updated, deleted) SELECT t.model_id,"
     " m.ours, t.name, CASE WHEN " IS_LOCAL(
         "t.artifact_location") " THEN 'mlflow-artifacts:/' ||"
                                " m.ours || '/models/' || t.model_id || '/artifacts' ELSE "
                                "t.artifact_location END, t.status,"
                                " t.status_message, coalesce(t.model_type, ''), t.source_run_id, "
                                "t.creation_timestamp_ms,"
                                " t.last_updated_timestamp_ms, t.lifecycle_stage = 'deleted' FROM "
                                "theirs.logged_models t"
                                " JOIN import_experiments m ON m.theirs = t.experiment_id WHERE "
                                "true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED, "INSERT INTO import_places SELECT t.model_id, " PLAIN(
                      "t.artifact_location") ", o.artifact_uri"
                                             " FROM theirs.logged_models t JOIN main.logged_models "
                                             "o ON o.model_id = t.model_id"},
    {NOT_COUNTED,
     "INSERT INTO main.logged_model_params(model, key, value) SELECT o.id, t.param_key,"
     " t.param_value FROM theirs.logged_model_params t JOIN main.logged_models o ON"
     " o.model_id = t.model_id WHERE true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED, "INSERT INTO main.logged_model_tags(model, key, value) SELECT o.id, t.tag_key,"
                  " t.tag_value FROM theirs.logged_model_tags t JOIN main.logged_models o ON"
                  " o.model_id = t.model_id WHERE true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO main.logged_model_metrics(model, key, timestamp, step, run, value, is_nan,"
     " dataset_name, dataset_digest) SELECT o.id, t.metric_name, t.metric_timestamp_ms,"
     " t.metric_step, r.id, coalesce(t.metric_value, 0.0), t.metric_value IS NULL, t.dataset_name,"
     " t.dataset_digest FROM theirs.logged_model_metrics t JOIN main.logged_models o ON"
     " o.model_id = t.model_id JOIN main.runs r ON r.run_id = t.run_id"
     " WHERE true ON CONFLICT DO NOTHING"},
    /* registered models */
    {COUNT(models),
     "INSERT INTO main.registered_models(name, description, created, updated) SELECT t.name,"
     " t.description, coalesce(t.creation_time, 0), coalesce(t.last_updated_time, 0)"
     " FROM theirs.registered_models t WHERE true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED, "INSERT INTO main.registered_model_tags(model, key, value) SELECT o.id, t.key,"
                  " coalesce(t.value, '') FROM theirs.registered_model_tags t"
                  " JOIN main.registered_models o ON o.name = t.name"
                  " WHERE true ON CONFLICT DO NOTHING"},
    {COUNT(versions),
     "INSERT INTO main.model_versions(model, version, description, user, stage, source, location,"
     " run_id, run_link, model_id, created, updated) SELECT o.id, v.version, v.description,"
     " v.user_id, CASE v.current_stage WHEN 'Staging' THEN 1 WHEN 'Production' THEN 2"
     " WHEN 'Archived' THEN 3 ELSE 0 END, coalesce(v.source, ''), coalesce((SELECT p.ours ||"
     " substr(v.place, length(p.theirs) + 1) FROM import_places p WHERE p.id IN (v.run_id,"
     " substr(v.source, 9)) AND substr(v.place, 1, length(p.theirs)) = p.theirs"
     " ORDER BY length(p.theirs) DESC LIMIT 1), v.place, ''), v.run_id, v.run_link,"
     " CASE WHEN v.source GLOB 'models:/m-*' THEN substr(v.source, 9) END,"
     " coalesce(v.creation_time, 0), coalesce(v.last_updated_time, 0)"
     " FROM (SELECT t.*, " PLAIN(
         "coalesce(t.storage_location, t.source)") " AS place"
                                                   " FROM theirs.model_versions t WHERE "
                                                   "t.current_stage <> 'Deleted_Internal') v"
                                                   " JOIN main.registered_models o ON o.name = "
                                                   "v.name WHERE true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED, "UPDATE main.registered_models SET last_version = max(last_version, coalesce("
                  "(SELECT max(t.version) FROM theirs.model_versions t WHERE t.name ="
                  " registered_models.name), 0))"},
    {NOT_COUNTED,
     "INSERT INTO main.model_version_tags(model, version, key, value) SELECT v.model, v.version,"
     " t.key, coalesce(t.value, '') FROM theirs.model_version_tags t JOIN main.registered_models o"
     " ON o.name = t.name JOIN main.model_versions v ON v.model = o.id AND v.version = t.version"
     " WHERE true ON CONFLICT DO NOTHING"},
    {NOT_COUNTED,
     "INSERT INTO main.model_aliases(model, alias, version) SELECT v.model, t.alias, v.version"
     " FROM theirs.registered_model_aliases t JOIN main.registered_models o ON o.name = t.name"
     " JOIN main.model_versions v ON v.model = o.id AND v.version = t.version"
     " WHERE true ON CONFLICT DO NOTHING"},
};

static mw_status copy_rows(importing *self, mw_error *err)
{
    mw_sql *session = self->record->session;
    for (size_t i = 0; i < MW_COUNT(row_steps); i++) {
        MW_TRY(mw_sql_run(session, err, row_steps[i].sql, ""));
        if (row_steps[i].counted != NOT_COUNTED)
            *(int64_t *)((char *)&self->report + row_steps[i].counted) += mw_sql_changes(session);
    }
    return MW_OK;
}

/* ---- files ----------------------------------------------------------------------------------- */

static mw_status fail_read(const char *path, mw_error *err)
{
    mw_fail(err, MW_E_STORE_OPEN, "cannot read: %s", strerror(errno));
    return mw_at(err, "%s", path);
}

static mw_status keep_bytes(importing *self, const char *path, char digest[MW_DIGEST_TEXT_BYTES],
                            int64_t *ret_bytes, mw_error *err)
{
    enum { PIECE_BYTES = 256 * 1024 };
    char room[PIECE_BYTES];
    ssize_t got;
    mw_blob *blob;
    mw_status status = MW_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail_read(path, err);
    *ret_bytes = 0;
    status = mw_blob_begin(mw_registry_blobs(self->registry), &blob, err);
    if (status != MW_OK) {
        close(fd);
        return status;
    }
    while (status == MW_OK && (got = read(fd, room, sizeof room)) != 0) {
        status =
            got < 0 ? fail_read(path, err) : mw_blob_write(blob, (mw_view){room, (size_t)got}, err);
        *ret_bytes += got;
    }
    close(fd);
    if (status == MW_OK)
        return mw_blob_keep(blob, digest, err);
    mw_blob_drop(blob);
    return status;
}

static mw_status is_kept(mw_record *record, mw_view path, bool *ret_kept, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err, "SELECT 1 FROM artifacts WHERE path = ?", "t",
                        path));
    *ret_kept = mw_rows_next(&rows);
    return mw_rows_close(&rows, err);
}

static mw_status copy_file(importing *self, const char *from, mw_view to, mw_error *err)
{
    bool kept;
    int64_t bytes;
    char digest[MW_DIGEST_TEXT_BYTES];
    if (mw_artifact_check_path(to, NULL) != MW_OK) {
        self->report.refused++;
        return MW_OK;
    }
    MW_TRY(is_kept(self->record, to, &kept, err));
    if (kept)
        return MW_OK;
    MW_TRY(keep_bytes(self, from, digest, &bytes, err));
    MW_TRY(mw_sql_run(self->record->session, err,
                      "INSERT INTO artifacts(path, digest, bytes, created) VALUES(?, ?, ?, ?)",
                      "ttii", to, mw_view_of(digest), bytes, mw_clock_wall_ms()));
    self->report.files++;
    self->report.bytes += bytes;
    return MW_OK;
}

/* Links are passed over: what they point at is not the run's. */
static mw_status copy_folder(importing *self, const char *from, const char *to, int depth,
                             mw_error *err)
{
    mw_status status = MW_OK;
    DIR *listing = depth < DEPTH_MAX ? opendir(from) : NULL;
    if (!listing) {
        self->report.missing += depth == 0 && strstr(to, "/models/m-") != NULL;
        return MW_OK; /* a run that logged no file has no folder */
    }
    for (struct dirent *entry; status == MW_OK && (entry = readdir(listing));) {
        char inner[PATH_BYTES], outer[PATH_BYTES];
        struct stat about;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int a = snprintf(inner, sizeof inner, "%s/%s", from, entry->d_name);
        int b = snprintf(outer, sizeof outer, "%s/%s", to, entry->d_name);
        if (a >= (int)sizeof inner || b >= (int)sizeof outer || lstat(inner, &about) != 0)
            self->report.refused++;
        else if (S_ISDIR(about.st_mode))
            status = copy_folder(self, inner, outer, depth + 1, err);
        else if (S_ISREG(about.st_mode))
            status = copy_file(self, inner, mw_view_of(outer), err);
        else
            self->report.refused++;
    }
    closedir(listing);
    return status;
}

/* Where a place of theirs is on this disk; false when it is not. */
static bool find_folder(const importing *self, mw_view theirs, char path[PATH_BYTES])
{
    mw_view root = mw_artifact_root(theirs);
    const char *slash = strrchr(self->database, '/');
    int size;
    if (root.data)
        size = self->artifacts
                   ? snprintf(path, PATH_BYTES, "%s/%.*s", self->artifacts, MW_VIEW_ARG(root))
                   : -1;
    else if (mw_view_starts(theirs, "file:"))
        size = snprintf(path, PATH_BYTES, "%.*s", (int)theirs.size - 5, theirs.data + 5);
    else if (mw_view_starts(theirs, "/"))
        size = snprintf(path, PATH_BYTES, "%.*s", MW_VIEW_ARG(theirs));
    else /* as MLflow wrote it, from the folder it was started in: that of its database, mostly */
        size = snprintf(path, PATH_BYTES, "%.*s%.*s", slash ? (int)(slash + 1 - self->database) : 0,
                        self->database, MW_VIEW_ARG(theirs));
    return size >= 0 && size < PATH_BYTES;
}

typedef struct places {
    mw_tag *items; /* theirs, ours */
    size_t count;
} places;

static mw_status copy_files(importing *self, mw_error *err)
{
    mw_rows rows;
    places all = {0};
    record_memory memory = {self->record->arena, false};
    MW_TRY(mw_rows_open(self->record->session, &rows, err,
                        "SELECT theirs, ours FROM import_places"
                        " WHERE ours GLOB 'mlflow-artifacts:*'",
                        ""));
    while (mw_rows_next(&rows)) {
        mw_tag *place = RECORD_PUSH(&memory, &all);
        if (!place)
            break;
        *place = (mw_tag){record_column(&memory, &rows, 0), record_column(&memory, &rows, 1)};
    }
    MW_TRY(record_close(&rows, &memory, err));
    for (size_t i = 0; i < all.count; i++) {
        char from[PATH_BYTES], to[PATH_BYTES];
        snprintf(to, sizeof to, "%.*s", MW_VIEW_ARG(mw_artifact_root(all.items[i].value)));
        if (find_folder(self, all.items[i].key, from))
            MW_TRY(copy_folder(self, from, to, 0, err));
        else
            self->report.missing++;
    }
    return MW_OK;
}

/* What each version is made of, now that its files are here. */
static mw_status keep_passports(mw_record *record, mw_error *err)
{
    mw_rows rows;
    mw_search every = {.max_results = 200000};
    mw_model_versions versions;
    mw_view token;
    MW_TRY(mw_record_search_versions(record, &every, &versions, &token, err));
    for (size_t i = 0; i < versions.count; i++) {
        const mw_model_version *v = &versions.items[i];
        MW_TRY(mw_rows_open(record->session, &rows, err,
                            "SELECT 1 FROM version_passports WHERE model = ? AND version = ?", "ii",
                            v->model, v->version));
        bool has_one = mw_rows_next(&rows);
        MW_TRY(mw_rows_close(&rows, err));
        if (!has_one)
            MW_TRY(record_keep_passport(record, v, err));
    }
    return MW_OK;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static mw_status import_all(mw_record *record, void *given, mw_error *err)
{
    importing *self = given;
    const mw_import_report *r = &self->report;
    self->record = record;
    MW_TRY(mw_sql_run(record->session, err, "ATTACH ? AS theirs", "t", mw_view_of(self->database)));
    MW_TRY(check_schema(record, err));
    MW_TRY(check_workspaces(record, err));
    MW_TRY(check_versions(record, err));
    MW_TRY(copy_rows(self, err));
    MW_TRY(copy_files(self, err));
    MW_TRY(keep_passports(record, err));
    return mw_record_note(
        record, "record.import", mw_view_of(self->database), RECORD_NOTHING,
        record_words(record, "%lld experiments, %lld runs, %lld models, %lld versions, %lld files",
                     (long long)r->experiments, (long long)r->runs, (long long)r->models,
                     (long long)r->versions, (long long)r->files),
        err);
}

mw_status mw_registry_import_mlflow(mw_registry *registry, const char *database,
                                    const char *artifacts, const mw_actor *actor,
                                    mw_import_report *ret_report, mw_error *err)
{
    mw_arena arena;
    importing self = {.registry = registry, .database = database, .artifacts = artifacts};
    if (access(database, R_OK) != 0) {
        mw_fail(err, MW_E_IMPORT_NONE, "cannot read MLflow's database: %s", strerror(errno));
        mw_at(err, "%s", database);
        return mw_mend(err, "name it as MLflow does: sqlite:///path/to/mlflow.db");
    }
    MW_TRY(record_need_file(
        registry, "MLflow's database is read by SQLite",
        "import it into a record in a file; 'mw server migrate' then moves its rows "
        "into a database that holds no record",
        err));
    mw_arena_init(&arena, 64 * MW_KIB, 4 * MW_GIB);
    mw_status status = mw_registry_write_as(registry, actor, &arena, import_all, &self, err);
    mw_arena_done(&arena);
    if (status != MW_OK)
        return mw_at(err, "%s", database);
    *ret_report = self.report;
    return MW_OK;
}
