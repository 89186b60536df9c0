/* Artifacts: which path is which blob. A folder is there while a file lies in it.
 *
 *     path                         digest
 *     1/abc/artifacts/model/a.pkl  ba78...
 *     1/abc/artifacts/model/b/c    2c26...     folder 1/abc/artifacts/model: a.pkl, b/ */
#include <stdlib.h>

#include "record.h"

enum { PATH_BYTES_MAX = 2000, ESCAPES_MAX = 8 };

/* ---- paths ----------------------------------------------------------------------------------- */

static mw_status refuse_path(mw_view path, const char *why, mw_error *err)
{
    mw_fail(err, MW_E_RECORD_PATH, "Invalid path: '%.*s'", (int)(path.size < 100 ? path.size : 100),
            path.data);
    mw_why(err, "%s", why);
    return mw_mend(err, "use a relative path with '/' between its parts");
}

static bool has_bad_byte(mw_view path)
{
    for (size_t i = 0; i < path.size; i++)
        if ((unsigned char)path.data[i] < 0x20 || path.data[i] == '\\' || path.data[i] == '#' ||
            path.data[i] == 0x7f)
            return true;
    return false;
}

/* Escapes undone once, in place; false when there was none. */
static bool unescape(char *text, size_t *size)
{
    size_t out = 0;
    bool any = false;
    for (size_t i = 0; i < *size; i++, out++) {
        int byte = text[i] == '%' && i + 2 < *size ? mw_hex_byte(text + i + 1) : -1;
        text[out] = byte >= 0 ? (char)byte : text[i];
        any = any || byte >= 0;
        i += byte >= 0 ? 2 : 0;
    }
    *size = out;
    return any;
}

mw_status mw_artifact_check_path(mw_view path, mw_error *err)
{
    char text[PATH_BYTES_MAX];
    if (path.size == 0 || path.size > sizeof text)
        return refuse_path(path, "it is empty, or longer than 2,000 bytes", err);
    memcpy(text, path.data, path.size);
    mw_view seen = {text, path.size};
    for (int i = 0; i < ESCAPES_MAX; i++) {
        if (has_bad_byte(seen))
            return refuse_path(path, "it holds a backslash, a '#' or a control byte", err);
        if (!record_is_path_normal(seen))
            return refuse_path(path, "it is absolute, or has an empty part, '.' or '..'", err);
        if (!unescape(text, &seen.size))
            return MW_OK;
    }
    return refuse_path(path, "it is escaped many times over", err);
}

mw_view mw_artifact_root(mw_view uri)
{
    static const char scheme[] = "mlflow-artifacts:";
    if (!mw_view_starts(uri, scheme))
        return (mw_view){NULL, 0};
    mw_view rest = {uri.data + sizeof scheme - 1, uri.size - (sizeof scheme - 1)};
    if (mw_view_starts(rest, "//")) { /* a host, which is us */
        const char *slash = memchr(rest.data + 2, '/', rest.size - 2);
        size_t size = slash ? (size_t)(slash - rest.data) : rest.size;
        rest = (mw_view){rest.data + size, rest.size - size};
    }
    while (rest.size > 0 && rest.data[0] == '/')
        rest = (mw_view){rest.data + 1, rest.size - 1};
    while (rest.size > 0 && rest.data[rest.size - 1] == '/')
        rest.size--;
    return rest;
}

/* ---- writing --------------------------------------------------------------------------------- */

static mw_status is_there(mw_record *record, mw_view path, bool *ret_there, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err, "SELECT 1 FROM artifacts WHERE path = ?", "t",
                        path));
    *ret_there = mw_rows_next(&rows);
    return mw_rows_close(&rows, err);
}

/* A file is no folder: neither above the new path nor below it. */
static mw_status check_place(mw_record *record, mw_view path, mw_error *err)
{
    bool there;
    for (size_t i = 0; i < path.size; i++) {
        if (path.data[i] != '/')
            continue;
        MW_TRY(is_there(record, (mw_view){path.data, i}, &there, err));
        if (there)
            return refuse_path(path, "a part of it is a file", err);
    }
    mw_artifacts below;
    MW_TRY(mw_record_list_artifacts(record, path, &below, err));
    return below.count > 0 ? refuse_path(path, "it is a folder", err) : MW_OK;
}

/* A file that changes after a version was made of it is what an inquiry looks for. */
static mw_status note(mw_record *record, mw_view path, mw_view digest, mw_error *err)
{
    mw_rows rows;
    mw_view before = RECORD_NOTHING;
    MW_TRY(mw_rows_open(record->session, &rows, err, "SELECT digest FROM artifacts WHERE path = ?",
                        "t", path));
    if (mw_rows_next(&rows))
        before = record_words(record, "sha256 %.*s", MW_VIEW_ARG(mw_rows_text(&rows, 0)));
    MW_TRY(mw_rows_close(&rows, err));
    mw_view after =
        digest.data ? record_words(record, "sha256 %.*s", MW_VIEW_ARG(digest)) : RECORD_NOTHING;
    return mw_record_note(record, digest.data ? "artifact.put" : "artifact.delete",
                          record_words(record, "artifact %.*s", MW_VIEW_ARG(path)), before, after,
                          err);
}

mw_status mw_record_put_artifact(mw_record *record, mw_view path, mw_view digest, int64_t bytes,
                                 mw_error *err)
{
    MW_TRY(mw_artifact_check_path(path, err));
    MW_TRY(check_place(record, path, err));
    MW_TRY(note(record, path, digest, err));
    return mw_sql_run(record->session, err,
                      "INSERT INTO artifacts(path, digest, bytes, created) VALUES(?, ?, ?, ?)"
                      " ON CONFLICT(path) DO UPDATE SET digest = excluded.digest,"
                      " bytes = excluded.bytes, created = excluded.created",
                      "ttii", path, digest, bytes, mw_clock_wall_ms());
}

/* What lies in the folder is what sorts between "folder/" and "folder0". */
static mw_status bounds_of(mw_record *record, mw_view folder, mw_view *ret_low, mw_view *ret_high,
                           mw_error *err)
{
    char *low = mw_arena_take(record->arena, folder.size + 2);
    char *high = mw_arena_take(record->arena, folder.size + 2);
    if (!low || !high)
        return mw_fail_memory(err, "a path");
    if (folder.size > 0) {
        memcpy(low, folder.data, folder.size);
        memcpy(high, folder.data, folder.size);
    }
    low[folder.size] = '/';
    high[folder.size] = '/' + 1;
    *ret_low = folder.size > 0 ? (mw_view){low, folder.size + 1} : (mw_view){low, 0};
    if (folder.size > 0)
        *ret_high = (mw_view){high, folder.size + 1};
    else
        *ret_high = MW_VIEW("\xf4\x8f\xbf\xbf"); /* the last character there is */
    return MW_OK;
}

mw_status mw_record_delete_artifact(mw_record *record, mw_view path, mw_error *err)
{
    mw_view low, high;
    MW_TRY(mw_artifact_check_path(path, err));
    MW_TRY(bounds_of(record, path, &low, &high, err));
    MW_TRY(note(record, path, RECORD_NOTHING, err));
    return mw_sql_run(record->session, err,
                      "DELETE FROM artifacts WHERE path = ? OR (path >= ? AND path < ?)", "ttt",
                      path, low, high);
}

/* ---- reading --------------------------------------------------------------------------------- */

mw_status mw_record_artifact(mw_record *record, mw_view path, mw_artifact *ret_artifact,
                             mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_artifact_check_path(path, err));
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT path, digest, bytes FROM artifacts WHERE path = ?", "t", path));
    bool found = mw_rows_next(&rows);
    if (found)
        *ret_artifact = (mw_artifact){.path = record_column(&memory, &rows, 0),
                                      .digest = record_column(&memory, &rows, 1),
                                      .bytes = mw_rows_int(&rows, 2)};
    MW_TRY(record_close(&rows, &memory, err));
    if (found)
        return MW_OK;
    mw_artifacts below;
    MW_TRY(mw_record_list_artifacts(record, path, &below, err));
    if (below.count > 0)
        return refuse_path(path, "it is a folder", err);
    return record_unknown(err, "No such artifact: '%.*s'", MW_VIEW_ARG(record_cut(path, 200)));
}

/* The next entry at or behind *low; moves *low behind it. False: there is no more. */
static mw_status next_entry(mw_record *record, size_t prefix_bytes, mw_view *low, mw_view high,
                            record_memory *memory, mw_artifacts *found, bool *ret_more,
                            mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT path, bytes, digest FROM artifacts WHERE path >= ? AND path < ?"
                        " ORDER BY path LIMIT 1",
                        "tt", *low, high));
    *ret_more = mw_rows_next(&rows);
    mw_artifact *entry = *ret_more ? RECORD_PUSH(memory, found) : NULL;
    if (entry) {
        mw_view path = record_column(memory, &rows, 0);
        const char *slash = path.size > prefix_bytes
                                ? memchr(path.data + prefix_bytes, '/', path.size - prefix_bytes)
                                : NULL;
        *entry = (mw_artifact){.path = path, .bytes = mw_rows_int(&rows, 1)};
        if (!slash)
            entry->digest = record_column(memory, &rows, 2);
        else
            *entry =
                (mw_artifact){.path = {path.data, (size_t)(slash - path.data)}, .is_folder = true};
        /* behind a folder: "name0"; behind a file: "name\0" */
        char *behind = mw_arena_take(memory->arena, entry->path.size + 1);
        memory->failed = memory->failed || !behind;
        if (behind) {
            memcpy(behind, entry->path.data, entry->path.size);
            behind[entry->path.size] = slash ? '/' + 1 : '\x01';
            *low = (mw_view){behind, entry->path.size + 1};
        }
    }
    MW_TRY(record_close(&rows, memory, err));
    return MW_OK;
}

static int compare_paths(const void *a, const void *b)
{
    const mw_artifact *x = a, *y = b;
    return mw_view_order(x->path, y->path);
}

mw_status mw_record_list_artifacts(mw_record *record, mw_view folder, mw_artifacts *ret_found,
                                   mw_error *err)
{
    mw_view low, high;
    mw_artifacts found = {0};
    record_memory memory = {record->arena, false};
    bool more = true;
    if (folder.size > 0)
        MW_TRY(mw_artifact_check_path(folder, err));
    MW_TRY(bounds_of(record, folder, &low, &high, err));
    size_t prefix_bytes = low.size;
    while (more)
        MW_TRY(next_entry(record, prefix_bytes, &low, high, &memory, &found, &more, err));
    if (found.count > 1)
        qsort(found.items, found.count, sizeof *found.items, compare_paths);
    *ret_found = found;
    return MW_OK;
}
