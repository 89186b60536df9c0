/* MLflow's database into ours.
 *
 *     theirs -> experiments -> runs -> what runs logged -> logged models -> registered models
 *            -> files: folder of each run and logged model, as blobs
 *
 * The schema is that of MLflow 3.17 (alembic revision below). Where their artifacts lie on a disk
 * they get a place of ours. All of it is one transaction: rows are import_rows.c's. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "import_rows.h"
#include "passport.h"

static const char known_revision[] = "dc11669786a5"; /* MLflow 3.17 */

enum { PATH_BYTES = 4096, DEPTH_MAX = 64 };

typedef struct importing {
    mw_registry *registry;
    const char *database, *artifacts;
    mw_record *record;
    mw_sql *source; /* where their file is open; NULL: it is attached to the record's */
    const mw_actor *actor;
    mw_arena arena;
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

static mw_status check_schema(const importing *self, mw_error *err)
{
    mw_view revision = RECORD_NOTHING;
    mw_status status = import_show_theirs(self->record, self->source, true, err);
    if (status == MW_OK)
        status = one_text(self->record, "SELECT version_num FROM theirs_alembic_version", &revision,
                          err);
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
                    "SELECT workspace FROM (SELECT workspace FROM theirs_experiments UNION"
                    " SELECT workspace FROM theirs_registered_models) w"
                    " WHERE workspace <> 'default' LIMIT 1",
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
                    "SELECT m.name || '/' || v.version FROM model_versions v"
                    " JOIN registered_models m ON m.id = v.model"
                    " JOIN theirs_model_versions t ON t.name = m.name AND t.version = v.version"
                    " WHERE v.created <> t.creation_time LIMIT 1",
                    &found, err));
    if (!found.data)
        return MW_OK;
    mw_fail(err, MW_E_IMPORT_TAKEN, "'%.*s' is in the record already, and is another version",
            MW_VIEW_ARG(found));
    return mw_mend(err, "rename the model on one side, or import into a record of its own");
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
                        " WHERE ours LIKE 'mlflow-artifacts:%'",
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
    MW_TRY(mw_sql_take_long(record->session, err));
    if (!self->source)
        MW_TRY(mw_sql_run(record->session, err, "ATTACH ? AS theirs", "t",
                          mw_view_of(self->database)));
    MW_TRY(check_schema(self, err));
    MW_TRY(import_show_theirs(record, self->source, false, err));
    MW_TRY(check_workspaces(record, err));
    MW_TRY(check_versions(record, err));
    MW_TRY(import_rows(record, &self->report, err));
    MW_TRY(copy_files(self, err));
    MW_TRY(keep_passports(record, err));
    return mw_record_note(
        record, "record.import", mw_view_of(self->database), RECORD_NOTHING,
        record_words(record, "%lld experiments, %lld runs, %lld models, %lld versions, %lld files",
                     (long long)r->experiments, (long long)r->runs, (long long)r->models,
                     (long long)r->versions, (long long)r->files),
        err);
}

static mw_status import_into(importing *self, mw_error *err)
{
    return mw_registry_write_as(self->registry, self->actor, &self->arena, import_all, self, err);
}

/* In a transaction of their file, so that all of it is of one moment. */
static mw_status read_theirs(mw_record *theirs, void *given, mw_error *err)
{
    importing *self = given;
    self->source = theirs->session;
    return import_into(self, err);
}

static mw_status import_beside(importing *self, mw_error *err)
{
    mw_registry theirs = {.store = NULL};
    mw_arena own;
    MW_TRY(mw_store_open_to_read(self->database, 0, &theirs.store, err));
    mw_arena_init(&own, 64 * MW_KIB, MW_GIB);
    mw_status status = mw_registry_read(&theirs, &own, read_theirs, self, err);
    mw_arena_done(&own);
    mw_store_close(theirs.store);
    return status;
}

mw_status mw_registry_import_mlflow(mw_registry *registry, const char *database,
                                    const char *artifacts, const mw_actor *actor,
                                    mw_import_report *ret_report, mw_error *err)
{
    char place[RECORD_PLACE_BYTES];
    importing self = {
        .registry = registry, .database = database, .artifacts = artifacts, .actor = actor};
    if (access(database, R_OK) != 0) {
        mw_fail(err, MW_E_IMPORT_NONE, "cannot read MLflow's database: %s", strerror(errno));
        mw_at(err, "%s", database);
        return mw_mend(err, "name it as MLflow does: sqlite:///path/to/mlflow.db");
    }
    MW_TRY(record_find_rows(registry->folder, place, err));
    mw_arena_init(&self.arena, 64 * MW_KIB, 4 * MW_GIB);
    mw_status status =
        mw_store_is_address(place) ? import_beside(&self, err) : import_into(&self, err);
    mw_arena_done(&self.arena);
    if (status != MW_OK)
        return mw_at(err, "%s", database);
    *ret_report = self.report;
    return MW_OK;
}
