/* Where a record's rows are: DIR/record.db, or in a PostgreSQL that DIR/store.json names, once and
 * for all. Artifacts are in DIR/blobs in any case, or in the bucket that stands there.
 *
 *     {"store": "postgresql://mw@db.example/models", "folder": "folder 3fa9c0..."}
 *
 * The folder's name is for those that share the database: it tells whether they share the
 * artifacts, too. */
#include <stdlib.h>
#include <unistd.h>

#include "record.h"

enum { PLACE_BYTES_MAX = 16 * 1024 };

static mw_status fail_damaged(const char *path, const char *member, mw_error *err)
{
    mw_fail(err, MW_E_STORE_URI, "'%s' of store.json says nothing that can be used", member);
    mw_mend(err, "put back the file as the server wrote it");
    return mw_at(err, "%s", path);
}

/* A member of it; empty when there is no file. */
static mw_status read_member(const char *folder, const char *name, char text[RECORD_PLACE_BYTES],
                             mw_error *err)
{
    mw_file file;
    mw_json *root;
    char path[RECORD_PLACE_BYTES];
    snprintf(path, sizeof path, "%s/store.json", folder);
    text[0] = '\0';
    mw_status status = mw_file_read(path, PLACE_BYTES_MAX, &file, err);
    if (status == MW_NOT_FOUND)
        return MW_OK;
    MW_TRY(status);
    status = mw_json_read((mw_view){file.data, file.size}, &root, err);
    mw_file_done(&file);
    if (status != MW_OK)
        return mw_at(err, "%s", path);
    mw_view found = mw_json_text(mw_json_member(root, name));
    if (found.size > 0 && found.size < RECORD_PLACE_BYTES)
        snprintf(text, RECORD_PLACE_BYTES, "%.*s", MW_VIEW_ARG(found));
    mw_json_free(root);
    return text[0] ? MW_OK : fail_damaged(path, name, err);
}

static mw_status read_address(const char *folder, char address[RECORD_PLACE_BYTES], mw_error *err)
{
    MW_TRY(read_member(folder, "store", address, err));
    return !address[0] || mw_store_is_address(address) ? MW_OK : fail_damaged(folder, "store", err);
}

mw_status record_find_rows(const char *folder, char place[RECORD_PLACE_BYTES], mw_error *err)
{
    MW_TRY(read_address(folder, place, err));
    if (!place[0])
        snprintf(place, RECORD_PLACE_BYTES, "%s/record.db", folder);
    return MW_OK;
}

bool record_is_there(const char *folder)
{
    char place[RECORD_PLACE_BYTES];
    return record_find_rows(folder, place, NULL) == MW_OK &&
           (mw_store_is_address(place) || access(place, F_OK) == 0);
}

mw_status record_write_address(const char *folder, const char *address, mw_error *err)
{
    mw_buf text;
    char path[RECORD_PLACE_BYTES], id[RECORD_ID_BYTES];
    snprintf(path, sizeof path, "%s/store.json", folder);
    mw_buf_init(&text, PLACE_BYTES_MAX);
    mw_buf_text(&text, "{\"store\": ");
    mw_json_write_text(&text, mw_view_of(address));
    record_new_id(id);
    mw_buf_format(&text, ", \"folder\": \"folder %s\"}\n", id);
    mw_status status = text.failed ? mw_fail_memory(err, "a place")
                                   : mw_file_write(path, mw_buf_as_view(&text), err);
    mw_buf_done(&text);
    return status;
}

static mw_status fail_other(const char *what, const char *folder, mw_error *err)
{
    mw_fail(err, MW_E_STORE_URI, "the record of this folder is kept in %s", what);
    mw_at(err, "%s", folder);
    return mw_mend(err, "leave out --store, or choose another folder");
}

mw_status record_settle(const char *folder, const char *address, bool only_check, mw_error *err)
{
    char path[RECORD_PLACE_BYTES], there[RECORD_PLACE_BYTES], shown[RECORD_PLACE_BYTES];
    if (!mw_store_is_address(address)) {
        mw_fail(err, MW_E_STORE_URI, "'%.100s' is no address of a database", address);
        return mw_mend(err, "write postgresql://USER@HOST/DATABASE");
    }
    mw_store_show_address(address, shown, sizeof shown);
    MW_TRY(read_address(folder, there, err));
    if (there[0])
        return strcmp(there, shown) == 0 ? MW_OK : fail_other(there, folder, err);
    snprintf(path, sizeof path, "%s/record.db", folder);
    if (access(path, F_OK) == 0)
        return fail_other("its record.db", folder, err);
    return only_check ? MW_OK : record_write_address(folder, shown, err);
}

mw_status mw_registry_claim(mw_registry *registry, mw_error *err)
{
    char own[RECORD_PLACE_BYTES];
    const char *bucket = mw_blobs_uri(registry->blobs);
    MW_TRY(read_member(registry->folder, "folder", own, err));
    return own[0] ? mw_store_claim(registry->store, bucket ? bucket : own, own, err) : MW_OK;
}
