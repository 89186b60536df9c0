/* Backup and restore. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive.h"

enum { PATH_BYTES = 4096, PIECE_BYTES = 256 * 1024, ABOUT_BYTES_MAX = 4096 };

static const char format_name[] = "millwright-backup";

/* ---- backup ---------------------------------------------------------------------------------- */

typedef struct backup {
    mw_registry *registry;
    archive *to;
    char copy[PATH_BYTES + 64]; /* of the rows */
    char (*digests)[MW_DIGEST_TEXT_BYTES];
    size_t n_digests;
    mw_backup_report report;
} backup;

static mw_status see_digest(void *given, mw_view digest, int64_t bytes, int64_t kept_ms,
                            mw_error *err)
{
    (void)kept_ms;
    backup *b = given;
    size_t n = b->n_digests;
    if ((n & (n - 1)) == 0) { /* 1, 2, 4 ...: full */
        void *wider = realloc(b->digests, (n ? 2 * n : 1) * sizeof *b->digests);
        if (!wider)
            return mw_fail_memory(err, "the list of blobs");
        b->digests = wider;
    }
    snprintf(b->digests[b->n_digests++], sizeof *b->digests, "%.*s", MW_VIEW_ARG(digest));
    b->report.bytes += (uint64_t)bytes;
    return MW_OK;
}

static mw_status send_piece(void *given, mw_view bytes, mw_error *err)
{
    return archive_write(given, bytes, err);
}

static mw_status put_blob(backup *b, const char *digest, mw_error *err)
{
    char name[ARCHIVE_NAME_BYTES];
    uint64_t bytes;
    mw_view view = mw_view_of(digest);
    snprintf(name, sizeof name, "blobs/sha256/%.2s/%s", digest, digest + 2);
    MW_TRY(mw_blobs_size(b->registry->blobs, view, &bytes, err));
    MW_TRY(archive_begin(b->to, name, bytes, err));
    MW_TRY(mw_blobs_send(b->registry->blobs, view, send_piece, b->to, err));
    return archive_end(b->to, err);
}

static mw_status put_file(backup *b, const char *name, const char *path, mw_error *err)
{
    char room[PIECE_BYTES];
    struct stat about;
    mw_status status = MW_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0) {
        status = mw_fail(err, MW_E_STORE_OPEN, "cannot read the copy: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return mw_at(err, "%s", path);
    }
    b->report.bytes += (uint64_t)about.st_size;
    status = archive_begin(b->to, name, (uint64_t)about.st_size, err);
    for (ssize_t got; status == MW_OK && (got = read(fd, room, sizeof room)) > 0;)
        status = archive_write(b->to, (mw_view){room, (size_t)got}, err);
    close(fd);
    return status == MW_OK ? archive_end(b->to, err) : status;
}

/* Counts are known before anything is copied, so this can stand first. */
static mw_status put_about(backup *b, mw_error *err)
{
    char text[ABOUT_BYTES_MAX];
    const mw_backup_report *r = &b->report;
    int size = snprintf(text, sizeof text,
                        "{\"format\": \"%s\", \"version\": 1, \"created\": %lld, \"blobs\": %llu, "
                        "\"audit_entries\": %lld, \"audit_head\": \"%s\"}\n",
                        format_name, (long long)r->created, (unsigned long long)r->n_blobs,
                        (long long)r->n_entries, r->head);
    MW_TRY(archive_begin(b->to, "backup.json", (uint64_t)size, err));
    MW_TRY(archive_write(b->to, (mw_view){text, (size_t)size}, err));
    return archive_end(b->to, err);
}

static mw_status read_head(mw_record *record, void *given, mw_error *err)
{
    mw_audit_verdict verdict;
    mw_backup_report *report = given;
    MW_TRY(mw_record_verify_audit(record, (mw_view){NULL, 0}, &verdict, err));
    report->n_entries = verdict.n_entries;
    memcpy(report->head, verdict.head, sizeof report->head);
    if (verdict.is_whole)
        return MW_OK;
    mw_fail(err, MW_E_AUDIT_BROKEN, "the audit log is broken at entry %lld: %s",
            (long long)verdict.broken_seq, verdict.fault);
    return mw_mend(err, "'mw audit verify' tells more; keep the file for the inquiry");
}

/* The head of the copy, not of what goes on beside it. */
static mw_status look_at_copy(backup *b, mw_error *err)
{
    mw_arena arena;
    mw_store *store;
    mw_registry copy = {.folder = ""};
    MW_TRY(mw_store_open_to_read(b->copy, record_n_steps, &store, err));
    copy.store = store;
    mw_arena_init(&arena, 64 * MW_KIB, MW_GIB);
    mw_status status = mw_registry_read(&copy, &arena, read_head, &b->report, err);
    mw_arena_done(&arena);
    mw_store_close(store);
    return status;
}

/* Of one moment: as a file by the engine's own copy, from PostgreSQL row by row. */
static mw_status take_rows(backup *b, mw_error *err)
{
    char rows[RECORD_PLACE_BYTES];
    MW_TRY(record_find_rows(b->registry->folder, rows, err));
    return mw_store_is_address(rows) ? record_copy_rows(b->registry, b->copy, err)
                                     : mw_store_copy(rows, b->copy, err);
}

static mw_status fill(backup *b, mw_error *err)
{
    MW_TRY(take_rows(b, err));
    MW_TRY(look_at_copy(b, err));
    MW_TRY(mw_blobs_each(b->registry->blobs, see_digest, b, err)); /* behind the rows */
    b->report.n_blobs = b->n_digests;
    b->report.created = mw_clock_wall_ms();
    MW_TRY(put_about(b, err));
    MW_TRY(put_file(b, "record.db", b->copy, err));
    for (size_t i = 0; i < b->n_digests; i++)
        MW_TRY(put_blob(b, b->digests[i], err));
    return MW_OK;
}

static void remove_copy(const backup *b)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < MW_COUNT(endings); i++) {
        char path[sizeof b->copy + 8];
        snprintf(path, sizeof path, "%s%s", b->copy, endings[i]);
        unlink(path);
    }
}

mw_status mw_record_backup(const char *folder, const char *path, mw_backup_report *ret_report,
                           mw_error *err)
{
    backup b = {0};
    MW_TRY(mw_registry_look(folder, &b.registry, err));
    mw_status status = archive_create(path, &b.to, err);
    if (status == MW_OK) {
        snprintf(b.copy, sizeof b.copy, "%.*s.rows-%ld", PATH_BYTES - 1, path, (long)getpid());
        for (size_t n = strlen(path); n > 1 && path[n - 1] == '/';) /* beside, not inside */
            snprintf(b.copy, sizeof b.copy, "%.*s.rows-%ld", (int)--n, path, (long)getpid());
        status = fill(&b, err);
        remove_copy(&b);
        if (status == MW_OK)
            status = archive_finish(b.to, err);
        else
            archive_abandon(b.to);
    }
    mw_registry_close(b.registry);
    free(b.digests);
    if (status == MW_OK)
        *ret_report = b.report;
    return status;
}

/* ---- restore --------------------------------------------------------------------------------- */

typedef struct restoring {
    char part[PATH_BYTES + 32];
    mw_blobs *blobs;
    bool has_about, has_rows;
    uint64_t n_blobs;
    mw_backup_report said, found;
    mw_actor actor;
} restoring;

static mw_status fail_backup(mw_error *err, const char *what)
{
    mw_fail(err, MW_E_BACKUP_DAMAGED, "%s", what);
    return mw_mend(err, "use another backup; this one is cut short, changed, or none");
}

static mw_status read_about(restoring *r, archive_piece *piece, mw_error *err)
{
    char text[ABOUT_BYTES_MAX];
    size_t size;
    mw_json *root;
    int64_t version = 0, blobs = -1, entries = 0;
    MW_TRY(archive_read(piece, text, sizeof text, &size, err));
    if (piece->bytes > 0 || mw_json_read((mw_view){text, size}, &root, err) != MW_OK)
        return fail_backup(err, "backup.json is not what a backup begins with");
    bool is_one = mw_view_is(mw_json_text(mw_json_member(root, "format")), format_name) &&
                  mw_json_integer(mw_json_member(root, "version"), &version) &&
                  mw_json_integer(mw_json_member(root, "blobs"), &blobs) &&
                  mw_json_integer(mw_json_member(root, "audit_entries"), &entries) &&
                  mw_json_integer(mw_json_member(root, "created"), &r->said.created);
    mw_view head = mw_json_text(mw_json_member(root, "audit_head"));
    snprintf(r->said.head, sizeof r->said.head, "%.*s", MW_VIEW_ARG(head));
    mw_json_free(root);
    if (!is_one || blobs < 0)
        return fail_backup(err, "backup.json is not what a backup begins with");
    if (version != 1) {
        mw_fail(err, MW_E_STORE_NEWER, "the backup is of version %lld, this program knows 1",
                (long long)version);
        return mw_mend(err, "use the program that made it, or a newer one");
    }
    r->said.n_blobs = (uint64_t)blobs;
    r->said.n_entries = entries;
    r->has_about = true;
    return MW_OK;
}

static mw_status copy_rows(restoring *r, archive_piece *piece, mw_error *err)
{
    char path[PATH_BYTES + 64], room[PIECE_BYTES];
    size_t got;
    mw_status status;
    snprintf(path, sizeof path, "%s/record.db", r->part);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) {
        mw_fail(err, MW_E_STORE_OPEN, "cannot write: %s", strerror(errno));
        return mw_at(err, "%s", path);
    }
    while ((status = archive_read(piece, room, sizeof room, &got, err)) == MW_OK && got > 0) {
        r->found.bytes += got;
        if (write(fd, room, got) == (ssize_t)got)
            continue;
        status = mw_fail(err, errno == ENOSPC ? MW_E_STORE_FULL : MW_E_STORE_OPEN,
                         "cannot write: %s", strerror(errno));
        break;
    }
    if (status == MW_OK && fsync(fd) != 0)
        status = mw_fail(err, MW_E_STORE_OPEN, "cannot write: %s", strerror(errno));
    close(fd);
    r->has_rows = true;
    return status;
}

/* Written as any blob is, so its digest is computed; and compared with its name. */
static mw_status copy_blob(restoring *r, archive_piece *piece, mw_error *err)
{
    char room[PIECE_BYTES], digest[MW_DIGEST_TEXT_BYTES];
    const char *name = piece->name + strlen("blobs/sha256/");
    size_t got;
    mw_blob *blob;
    mw_status status;
    MW_TRY(mw_blob_begin(r->blobs, &blob, err));
    while ((status = archive_read(piece, room, sizeof room, &got, err)) == MW_OK && got > 0) {
        r->found.bytes += got;
        status = mw_blob_write(blob, (mw_view){room, got}, err);
        if (status != MW_OK)
            break;
    }
    if (status != MW_OK) {
        mw_blob_drop(blob);
        return status;
    }
    MW_TRY(mw_blob_keep(blob, digest, err));
    r->n_blobs++;
    if (strncmp(digest, name, 2) == 0 && strcmp(digest + 2, name + 3) == 0)
        return MW_OK;
    fail_backup(err, "a file is not what its name, the SHA-256 of its bytes, says");
    return mw_at(err, "%s", piece->name);
}

static mw_status see_piece(void *given, archive_piece *piece, mw_error *err)
{
    restoring *r = given;
    if (strcmp(piece->name, "backup.json") == 0)
        return r->has_about ? fail_backup(err, "two backups in one") : read_about(r, piece, err);
    if (!r->has_about)
        return fail_backup(err, "it does not begin with backup.json");
    if (strcmp(piece->name, "record.db") == 0)
        return r->has_rows ? fail_backup(err, "two databases in one") : copy_rows(r, piece, err);
    return copy_blob(r, piece, err);
}

/* Every file that the rows name is there, with its size. */
static mw_status check_artifacts(mw_record *record, mw_error *err)
{
    mw_rows rows;
    mw_status status = MW_OK;
    MW_TRY(mw_rows_open(record->session, &rows, err, "SELECT DISTINCT digest, bytes FROM artifacts",
                        ""));
    while (status == MW_OK && mw_rows_next(&rows)) {
        uint64_t bytes;
        status = mw_blobs_size(record->registry->blobs, mw_rows_text(&rows, 0), &bytes, err);
        if (status == MW_OK && bytes != (uint64_t)mw_rows_int(&rows, 1))
            status = fail_backup(err, "a file has another size than the record says");
    }
    if (status != MW_OK) {
        (void)!mw_rows_close(&rows, NULL);
        return status;
    }
    return mw_rows_close(&rows, err);
}

static mw_status check_and_note(mw_record *record, void *given, mw_error *err)
{
    restoring *r = given;
    char after[160];
    MW_TRY(mw_sql_check(record->session, err));
    MW_TRY(read_head(record, &r->found, err));
    if (r->found.n_entries != r->said.n_entries || strcmp(r->found.head, r->said.head) != 0)
        return fail_backup(err, "its rows are others than backup.json says");
    MW_TRY(check_artifacts(record, err));
    snprintf(after, sizeof after, "%lld entries, head %s", (long long)r->said.n_entries,
             r->said.head[0] ? r->said.head : "-");
    return mw_record_note(record, "record.restore", MW_VIEW("record"), RECORD_NOTHING,
                          mw_view_of(after), err);
}

static mw_status check_whole(restoring *r, mw_error *err)
{
    mw_arena arena;
    mw_registry *registry;
    if (!r->has_rows || r->n_blobs != r->said.n_blobs)
        return fail_backup(err, "pieces of it are missing");
    MW_TRY(mw_registry_open(r->part, &registry, err));
    mw_arena_init(&arena, 64 * MW_KIB, MW_GIB);
    mw_status status = mw_registry_write_as(registry, &r->actor, &arena, check_and_note, r, err);
    mw_arena_done(&arena);
    mw_registry_close(registry);
    return status;
}

static mw_status fill_part(restoring *r, const char *path, mw_error *err)
{
    char folder[PATH_BYTES + 64];
    snprintf(folder, sizeof folder, "%s/blobs", r->part);
    MW_TRY(mw_blobs_open(folder, &r->blobs, err));
    mw_status status = archive_each(path, see_piece, r, err);
    mw_blobs_close(r->blobs);
    MW_TRY(status);
    return check_whole(r, err);
}

static mw_status fail_target(const char *folder, mw_error *err)
{
    mw_fail(err, MW_E_BACKUP_TARGET, "there is something already");
    mw_at(err, "%s", folder);
    return mw_mend(err, "restore into a folder that is not there, then serve that one");
}

/* An empty folder is as good as none: a volume that is mounted there stays one by its files only,
 * so it must go before the rename. */
static mw_status put_in_place(const restoring *r, const char *folder, mw_error *err)
{
    if (rmdir(folder) != 0 && errno != ENOENT)
        return fail_target(folder, err);
    if (rename(r->part, folder) == 0)
        return MW_OK;
    mw_fail(err, MW_E_STORE_OPEN, "cannot put the record in its place: %s", strerror(errno));
    return mw_at(err, "%s", folder);
}

/* What was the record in between is not kept: the backup is. */
static mw_status into_database(restoring *r, const char *address, mw_error *err)
{
    static const char *const left[] = {"record.db.moved", "record.db.lock"};
    mw_migrate_report report;
    char name[PATH_BYTES + 64];
    MW_TRY(mw_record_migrate(r->part, address, &r->actor, &report, err));
    for (size_t i = 0; i < MW_COUNT(left); i++) {
        snprintf(name, sizeof name, "%s/%s", r->part, left[i]);
        unlink(name);
    }
    return MW_OK;
}

mw_status mw_record_restore(const char *path, const char *folder, const char *address,
                            const mw_actor *actor, mw_backup_report *ret_report, mw_error *err)
{
    restoring r = {.actor = *actor};
    size_t size = strlen(folder);
    while (size > 1 && folder[size - 1] == '/')
        size--;
    if (access(folder, F_OK) == 0 && !record_is_empty_folder(folder))
        return fail_target(folder, err);
    snprintf(r.part, sizeof r.part, "%.*s.part-%ld", (int)(size < PATH_BYTES ? size : PATH_BYTES),
             folder, (long)getpid());
    if (mkdir(r.part, 0777) != 0) {
        mw_fail(err, MW_E_STORE_OPEN, "cannot make the folder: %s", strerror(errno));
        return mw_at(err, "%s", r.part);
    }
    mw_status status = fill_part(&r, path, err);
    if (status == MW_OK && address)
        status = into_database(&r, address, err);
    if (status == MW_OK)
        status = put_in_place(&r, folder, err);
    if (status != MW_OK) {
        record_remove_tree(r.part);
        return status;
    }
    r.found.n_blobs = r.n_blobs;
    r.found.created = r.said.created;
    *ret_report = r.found;
    return MW_OK;
}
