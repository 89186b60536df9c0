/* From an address of a model to a folder of its files, for what reads folders.
 *
 *     models:/credit@champion -> version 3 -> location -> artifacts -> FOLDER/served/<digest>/...
 *
 * The folder holds links to the blobs, and is named by the digest of its manifest: the same files
 * are the same folder, and one that exists is whole. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "passport.h"

/* ---- where an address leads ------------------------------------------------------------------ */

static mw_status refuse_address(mw_view address, mw_error *err)
{
    record_refuse(err, "'%.*s' is no address of a model", MW_VIEW_ARG(record_cut(address, 120)));
    return mw_mend(err, "write models:/NAME@ALIAS, models:/NAME/VERSION, models:/m-ID or "
                        "runs:/RUN_ID/PATH");
}

static mw_status locate_stage(mw_record *record, mw_view name, mw_view stage, mw_view *ret_location,
                              mw_error *err)
{
    mw_model_versions found;
    MW_TRY(mw_record_latest_versions(record, name, &(mw_texts){&stage, 1}, &found, err));
    if (found.count == 0)
        return record_unknown(err, "No versions of model '%.*s' in stage '%.*s'",
                              MW_VIEW_ARG(record_cut(name, 80)), MW_VIEW_ARG(stage));
    *ret_location = found.items[0].location;
    return MW_OK;
}

/* "name@alias", "name/3", "name/latest", "name/Production", "m-0123" */
static mw_status locate_model(mw_record *record, mw_view rest, mw_view *ret_location, mw_error *err)
{
    mw_model_version version;
    mw_logged_model logged;
    int64_t ignored;
    const char *at = rest.size ? memchr(rest.data, '@', rest.size) : NULL;
    const char *slash = rest.size ? memchr(rest.data, '/', rest.size) : NULL;
    const char *cut = at ? at : slash;
    if (!cut && mw_view_starts(rest, "m-")) {
        MW_TRY(mw_record_logged_model(record, rest, &logged, err));
        *ret_location = logged.artifact_uri;
        return MW_OK;
    }
    if (!cut)
        return refuse_address(rest, err);
    mw_view name = {rest.data, (size_t)(cut - rest.data)};
    mw_view which = {cut + 1, rest.size - name.size - 1};
    if (at || mw_view_is_nocase(which, "latest"))
        MW_TRY(mw_record_version_of_alias(record, name, which, &version, err));
    else if (record_number(which, &ignored))
        MW_TRY(mw_record_version(record, name, which, &version, err));
    else
        return locate_stage(record, name, which, ret_location, err);
    *ret_location = version.location;
    return MW_OK;
}

static mw_status count_below(mw_record *record, mw_view root, size_t *ret_count, mw_error *err)
{
    mw_artifacts found;
    MW_TRY(mw_record_list_artifacts(record, root, &found, err));
    *ret_count = found.count;
    return MW_OK;
}

/* MLflow 3 keeps a run's models beside it: then the path is a logged model's name. */
static mw_status locate_logged(mw_record *record, mw_view run_id, mw_view name,
                               mw_view *ret_location, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT artifact_uri FROM logged_models WHERE source_run_id = ? AND"
                        " name = ? AND deleted = 0 ORDER BY created DESC LIMIT 1",
                        "tt", run_id, name));
    bool found = mw_rows_next(&rows);
    if (found)
        *ret_location = record_column(&memory, &rows, 0);
    MW_TRY(record_close(&rows, &memory, err));
    return found ? MW_OK
                 : record_unknown(err, "Run '%.*s' has no files and no model at '%.*s'",
                                  MW_VIEW_ARG(run_id), MW_VIEW_ARG(record_cut(name, 80)));
}

static mw_status locate_run(mw_record *record, mw_view rest, mw_view *ret_location, mw_error *err)
{
    mw_run_info run;
    size_t n_below;
    const char *slash = rest.size ? memchr(rest.data, '/', rest.size) : NULL;
    if (!slash)
        return refuse_address(rest, err);
    mw_view run_id = {rest.data, (size_t)(slash - rest.data)};
    mw_view path = {slash + 1, rest.size - run_id.size - 1};
    MW_TRY(mw_record_run_info(record, run_id, &run, err));
    MW_TRY(mw_artifact_check_path(path, err));
    mw_buf place;
    mw_buf_init(&place, 8192);
    mw_buf_format(&place, "%.*s/%.*s", MW_VIEW_ARG(run.artifact_uri), MW_VIEW_ARG(path));
    char *kept = mw_arena_text(record->arena, mw_buf_as_view(&place));
    mw_buf_done(&place);
    if (!kept)
        return mw_fail_memory(err, "a path");
    *ret_location = mw_view_of(kept);
    mw_view root = mw_artifact_root(*ret_location);
    if (!root.data)
        return MW_OK;
    MW_TRY(count_below(record, root, &n_below, err));
    return n_below > 0 ? MW_OK : locate_logged(record, run_id, path, ret_location, err);
}

bool mw_is_model_address(mw_view text)
{
    return mw_view_starts(text, "models:/") || mw_view_starts(text, "runs:/");
}

static mw_status locate(mw_record *record, mw_view address, mw_view *ret_root, mw_error *err)
{
    mw_view location;
    if (mw_view_starts(address, "models:/"))
        MW_TRY(locate_model(record, (mw_view){address.data + 8, address.size - 8}, &location, err));
    else if (mw_view_starts(address, "runs:/"))
        MW_TRY(locate_run(record, (mw_view){address.data + 6, address.size - 6}, &location, err));
    else
        return refuse_address(address, err);
    *ret_root = mw_artifact_root(location);
    if (ret_root->data)
        return MW_OK;
    mw_fail(err, MW_E_RECORD_PART, "the files of '%.*s' are at '%.*s', not in this record",
            MW_VIEW_ARG(record_cut(address, 80)), MW_VIEW_ARG(record_cut(location, 100)));
    return mw_mend(err, "download them, and serve the folder");
}

mw_status mw_record_put_beside(mw_record *record, mw_view address, mw_view path, mw_view digest,
                               int64_t bytes, mw_error *err)
{
    mw_view root;
    size_t n_files;
    mw_buf place;
    MW_TRY(locate(record, address, &root, err));
    MW_TRY(mw_artifact_check_path(path, err));
    MW_TRY(count_below(record, root, &n_files, err));
    if (n_files == 0)
        return record_unknown(err, "'%.*s' has no files", MW_VIEW_ARG(record_cut(address, 120)));
    mw_buf_init(&place, 8192);
    mw_buf_format(&place, "%.*s/%.*s", MW_VIEW_ARG(root), MW_VIEW_ARG(path));
    mw_status status =
        place.failed ? mw_fail_memory(err, "a path")
                     : mw_record_put_artifact(record, mw_buf_as_view(&place), digest, bytes, err);
    mw_buf_done(&place);
    MW_TRY(status);
    return mw_record_note(record, "model.file", record_words(record, "%.*s", MW_VIEW_ARG(address)),
                          RECORD_NOTHING, path, err);
}

/* ---- the folder ------------------------------------------------------------------------------ */

typedef struct checkout {
    mw_view address, root;
    mw_artifacts files;
} checkout;

mw_status record_files_below(mw_record *record, mw_view root, mw_artifacts *ret_files,
                             mw_error *err)
{
    mw_rows rows;
    mw_artifacts files = {0};
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT path, digest, bytes FROM artifacts WHERE path >= ?1 || '/' AND"
                        " path < ?1 || '0' ORDER BY path",
                        "t", root));
    while (mw_rows_next(&rows)) {
        mw_artifact *file = RECORD_PUSH(&memory, &files);
        if (!file)
            break;
        *file = (mw_artifact){.path = record_column(&memory, &rows, 0),
                              .digest = record_column(&memory, &rows, 1),
                              .bytes = mw_rows_int(&rows, 2)};
    }
    MW_TRY(record_close(&rows, &memory, err));
    *ret_files = files;
    return MW_OK;
}

static mw_status gather(mw_record *record, void *given, mw_error *err)
{
    checkout *c = given;
    MW_TRY(locate(record, c->address, &c->root, err));
    MW_TRY(record_files_below(record, c->root, &c->files, err));
    if (c->files.count > 0)
        return MW_OK;
    record_unknown(err, "'%.*s' has no files", MW_VIEW_ARG(record_cut(c->address, 120)));
    return mw_mend(err, "log the model again: its upload was cut off");
}

static mw_status fail_folder(const char *verb, const char *path, mw_error *err)
{
    mw_fail(err, MW_E_STORE_OPEN, "cannot %s: %s", verb, strerror(errno));
    mw_at(err, "%s", path);
    return mw_mend(err, "check the folder's permissions and free space");
}

/* The folders above a file; the first `fixed` bytes are there. */
static mw_status make_above(char *path, size_t fixed, mw_error *err)
{
    for (char *slash = path + fixed; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        bool made = mkdir(path, 0777) == 0 || errno == EEXIST;
        *slash = '/';
        if (!made)
            return fail_folder("make a folder", path, err);
    }
    return MW_OK;
}

static mw_status link_file(const mw_registry *registry, const checkout *c, const mw_artifact *file,
                           const char *folder, mw_arena *arena, mw_error *err)
{
    char path[3 * 4096];
    const char *blob;
    size_t skip = c->root.size + 1;
    int size = snprintf(path, sizeof path, "%s/%.*s", folder, (int)(file->path.size - skip),
                        file->path.data + skip);
    if (size < 0 || (size_t)size >= sizeof path) {
        errno = ENAMETOOLONG;
        return fail_folder("write", folder, err);
    }
    MW_TRY(make_above(path, strlen(folder) + 1, err));
    MW_TRY(mw_blobs_path(registry->blobs, file->digest, arena, &blob, err));
    if (link(blob, path) != 0 && errno != EEXIST)
        return fail_folder("link a file", path, err);
    return MW_OK;
}

/* Of "path digest" a line. */
mw_status record_digest_files(const mw_artifacts *files, mw_view root,
                              char ret_digest[MW_DIGEST_TEXT_BYTES], mw_error *err)
{
    mw_buf text;
    mw_buf_init(&text, 64 * MW_MIB);
    for (size_t i = 0; i < files->count; i++)
        mw_buf_format(&text, "%.*s %.*s\n", (int)(files->items[i].path.size - root.size - 1),
                      files->items[i].path.data + root.size + 1,
                      MW_VIEW_ARG(files->items[i].digest));
    mw_status status = text.failed ? mw_fail_memory(err, "the manifest") : MW_OK;
    if (status == MW_OK)
        mw_digest_of(mw_buf_as_view(&text), ret_digest);
    mw_buf_done(&text);
    return status;
}

static mw_status make_folder(const mw_registry *registry, const checkout *c, const char *digest,
                             mw_arena *arena, const char *path, mw_error *err)
{
    char half[2 * 4096];
    snprintf(half, sizeof half, "%s/served", registry->folder);
    if (mkdir(half, 0777) != 0 && errno != EEXIST)
        return fail_folder("make a folder", half, err);
    snprintf(half, sizeof half, "%s/served/half-%s", registry->folder, digest);
    if (mkdir(half, 0777) != 0 && errno != EEXIST)
        return fail_folder("make a folder", half, err);
    for (size_t i = 0; i < c->files.count; i++)
        MW_TRY(link_file(registry, c, &c->files.items[i], half, arena, err));
    if (rename(half, path) == 0 || errno == ENOTEMPTY || errno == EEXIST)
        return MW_OK; /* another process has made the same one meanwhile */
    return access(path, F_OK) == 0 ? MW_OK : fail_folder("name a folder", path, err);
}

mw_status mw_registry_check_out(mw_registry *registry, mw_view address, mw_arena *arena,
                                const char **ret_folder, mw_error *err)
{
    checkout c = {.address = address};
    char path[2 * 4096], digest[MW_DIGEST_TEXT_BYTES];
    MW_TRY(mw_registry_read(registry, arena, gather, &c, err));
    MW_TRY(record_digest_files(&c.files, c.root, digest, err));
    snprintf(path, sizeof path, "%s/served/%s", registry->folder, digest);
    if (access(path, F_OK) != 0)
        MW_TRY(make_folder(registry, &c, digest, arena, path, err));
    char *kept = mw_arena_text(arena, mw_view_of(path));
    if (!kept)
        return mw_fail_memory(err, "a path");
    *ret_folder = kept;
    return MW_OK;
}
