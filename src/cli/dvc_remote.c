/* What a .dvc file stands for: objects that were pushed to this record, or to a bucket of DVC's.
 *
 *     x.dvc -> md5 -> an object of the record?          yes: its blob
 *                  -> .dvc/config above x.dvc: s3://... files/md5/ab/cd... -> blob, its MD5
 * compared
 *
 *     [core]
 *         remote = store
 *     ['remote "store"']
 *         url = s3://bucket/prefix
 *         endpointurl = http://minio:9000
 */
#include <stdlib.h>
#include <unistd.h>

#include "data_files.h"

enum { PATH_BYTES = 4096, TEXT_BYTES = 2048, KEY_BYTES = 64 };
#define LIST_BYTES_MAX (256 * MW_MIB)

/* ---- DVC's config ---------------------------------------------------------------------------- */

static mw_view unquoted(mw_view text)
{
    text = mw_view_trim(text);
    bool is_quoted =
        text.size >= 2 && strchr("'\"", text.data[0]) && text.data[text.size - 1] == text.data[0];
    return is_quoted ? (mw_view){text.data + 1, text.size - 2} : text;
}

mw_view cli_dvc_setting(mw_view config, const char *section, const char *key)
{
    bool inside = false;
    mw_view found = {NULL, 0};
    while (config.size > 0) {
        mw_view line = mw_view_trim(mw_view_cut(&config, '\n'));
        if (line.size >= 2 && line.data[0] == '[' && line.data[line.size - 1] == ']')
            inside = mw_view_is(unquoted((mw_view){line.data + 1, line.size - 2}), section);
        const char *equals = line.size > 0 ? memchr(line.data, '=', line.size) : NULL;
        if (!inside || !equals)
            continue;
        mw_view name = mw_view_trim((mw_view){line.data, (size_t)(equals - line.data)});
        if (mw_view_is(name, key))
            found = unquoted((mw_view){equals + 1, line.size - (size_t)(equals + 1 - line.data)});
    }
    return found;
}

/* .dvc/config, and .dvc/config.local, which goes before it. */
typedef struct settings {
    mw_file common, local;
} settings;

static mw_view setting(const settings *s, const char *section, const char *key)
{
    mw_view found = cli_dvc_setting((mw_view){s->local.data, s->local.size}, section, key);
    return found.data ? found
                      : cli_dvc_setting((mw_view){s->common.data, s->common.size}, section, key);
}

static mw_status read_optional(const char *path, mw_file *ret_file, mw_error *err)
{
    *ret_file = (mw_file){0};
    mw_status status = mw_file_read(path, MW_LIMIT_CONFIG_FILE_BYTES, ret_file, err);
    return status == MW_NOT_FOUND ? MW_OK : status;
}

static void settings_done(settings *s)
{
    mw_file_done(&s->common);
    mw_file_done(&s->local);
}

static mw_status read_settings(const char *folder, settings *ret_settings, mw_error *err)
{
    char path[PATH_BYTES + 32];
    *ret_settings = (settings){0};
    snprintf(path, sizeof path, "%s/.dvc/config", folder);
    MW_TRY(read_optional(path, &ret_settings->common, err));
    snprintf(path, sizeof path, "%s/.dvc/config.local", folder);
    mw_status status = read_optional(path, &ret_settings->local, err);
    if (status != MW_OK)
        settings_done(ret_settings);
    return status;
}

/* The repository is the first folder above the file with .dvc/config in it; "": there is none. */
static void find_repository(const char *file, char folder[PATH_BYTES])
{
    char path[PATH_BYTES + 32];
    if (!realpath(file, folder))
        folder[0] = '\0';
    for (char *slash; (slash = strrchr(folder, '/'));) {
        *slash = '\0';
        snprintf(path, sizeof path, "%s/.dvc/config", folder);
        if (access(path, F_OK) == 0)
            return;
    }
    folder[0] = '\0';
}

typedef struct remote {
    char url[TEXT_BYTES], endpoint[TEXT_BYTES], region[TEXT_BYTES]; /* "": not said */
} remote;

static void keep_setting(const settings *s, const char *section, const char *key,
                         char room[TEXT_BYTES])
{
    mw_view value = setting(s, section, key);
    snprintf(room, TEXT_BYTES, "%.*s", value.size < TEXT_BYTES ? (int)value.size : 0,
             value.data ? value.data : "");
}

/* ret_remote->url "": the output has none, or it is no bucket. */
static mw_status find_remote(const char *file, mw_view named, remote *ret_remote, mw_error *err)
{
    settings s;
    char folder[PATH_BYTES], section[TEXT_BYTES];
    *ret_remote = (remote){0};
    find_repository(file, folder);
    if (!folder[0])
        return MW_OK;
    MW_TRY(read_settings(folder, &s, err));
    mw_view name = named.size > 0 ? named : setting(&s, "core", "remote");
    snprintf(section, sizeof section, "remote \"%.*s\"", name.size < 1024 ? (int)name.size : 0,
             name.data ? name.data : "");
    keep_setting(&s, section, "url", ret_remote->url);
    keep_setting(&s, section, "endpointurl", ret_remote->endpoint);
    keep_setting(&s, section, "region", ret_remote->region);
    settings_done(&s);
    if (!mw_view_starts(mw_view_of(ret_remote->url), "s3://"))
        ret_remote->url[0] = '\0';
    return MW_OK;
}

/* ---- objects --------------------------------------------------------------------------------- */

static mw_status open_remote(cli_dvc_origin *origin, const remote *r, mw_error *err)
{
    mw_bucket_place place = {r->url, r->endpoint[0] ? r->endpoint : NULL,
                             r->region[0] ? r->region : NULL};
    return origin->bucket ? MW_OK : mw_bucket_open(&place, &origin->bucket, err);
}

typedef struct arrival {
    mw_blob *blob;
    int64_t bytes;
} arrival;

static mw_status take(void *user, mw_view bytes, mw_error *err)
{
    arrival *a = user;
    a->bytes += (int64_t)bytes.size;
    return mw_blob_write(a->blob, bytes, err);
}

static mw_status check_md5(mw_view object, const char *key, const char *found, mw_error *err)
{
    if (mw_view_is((mw_view){object.data, MW_MD5_TEXT_BYTES - 1}, found))
        return MW_OK;
    mw_fail(err, MW_E_DATA_OBJECT, "the MD5 of its bytes is %s, not what its name says", found);
    mw_at(err, "%s", key);
    return mw_mend(err, "it was damaged there: push it again from a cache that has it");
}

/* From the bucket into a blob: the whole object, with the right MD5, or nothing. */
static mw_status fetch(cli_dvc_origin *origin, mw_view object, mw_data_file *ret_object,
                       mw_error *err)
{
    arrival a = {.bytes = 0};
    char key[KEY_BYTES], md5[MW_MD5_TEXT_BYTES], digest[MW_DIGEST_TEXT_BYTES];
    snprintf(key, sizeof key, "files/md5/%.2s/%.*s", object.data, (int)object.size - 2,
             object.data + 2);
    MW_TRY(mw_blob_begin_md5(mw_registry_blobs(origin->registry), &a.blob, err));
    mw_status status = mw_bucket_send(origin->bucket, key, take, &a, err);
    if (status == MW_OK) {
        mw_blob_md5(a.blob, md5);
        status = check_md5(object, key, md5, err);
    }
    if (status != MW_OK) {
        mw_blob_drop(a.blob);
        return status;
    }
    MW_TRY(mw_blob_keep(a.blob, digest, err));
    ret_object->md5 = object;
    ret_object->bytes = a.bytes;
    ret_object->digest = mw_view_of(mw_arena_text(origin->arena, mw_view_of(digest)));
    return ret_object->digest.data ? MW_OK : mw_fail_memory(err, "an object");
}

typedef struct search {
    mw_data_file *items;
    size_t count, n_missing;
    mw_error first; /* of those that are missing */
} search;

static mw_status find_each(mw_record *record, void *given, mw_error *err)
{
    search *s = given;
    for (size_t i = 0; i < s->count; i++) {
        mw_data_file object;
        mw_status status = mw_record_object(record, s->items[i].md5, &object, err);
        if (status != MW_OK && status != MW_NOT_FOUND)
            return status;
        if (status == MW_NOT_FOUND && s->n_missing++ == 0)
            s->first = *err;
        s->items[i].digest = status == MW_OK ? object.digest : (mw_view){NULL, 0};
        s->items[i].bytes = status == MW_OK ? object.bytes : 0;
    }
    return MW_OK;
}

static mw_status fail_missing(const search *s, const remote *r, mw_error *err)
{
    *err = s->first;
    if (r->url[0])
        return mw_mend(err, "mw data add of the .dvc file brings it from %.200s", r->url);
    return mw_mend(err, "dvc push to /dvc of the server that keeps this record");
}

/* Digests and sizes of objects, of which the MD5 is known. */
static mw_status find_all(cli_dvc_origin *origin, mw_view named, bool may_fetch,
                          mw_data_file *items, size_t count, mw_error *err)
{
    remote r;
    search s = {.items = items, .count = count};
    MW_TRY(mw_registry_read(origin->registry, origin->arena, find_each, &s, err));
    if (s.n_missing == 0)
        return MW_OK;
    MW_TRY(find_remote(origin->file, named, &r, err));
    if (!r.url[0] || !may_fetch)
        return fail_missing(&s, &r, err);
    MW_TRY(open_remote(origin, &r, err));
    for (size_t i = 0; i < count; i++)
        if (!items[i].digest.data)
            MW_TRY(fetch(origin, items[i].md5, &items[i], err));
    return MW_OK;
}

static mw_status read_list(cli_dvc_origin *origin, const mw_data_file *list, mw_data_files *ret,
                           mw_error *err)
{
    mw_buf text;
    mw_buf_init(&text, LIST_BYTES_MAX);
    mw_status status = (uint64_t)list->bytes < LIST_BYTES_MAX
                           ? mw_blobs_read(mw_registry_blobs(origin->registry), list->digest, 0,
                                           (size_t)list->bytes, &text, err)
                           : mw_fail_memory(err, "a folder's list");
    if (status == MW_OK)
        status = mw_data_read_list(mw_buf_as_view(&text), origin->arena, ret, err);
    mw_buf_done(&text);
    return status;
}

static mw_status find_files(cli_dvc_origin *origin, const cli_dvc_out *out, bool may_fetch,
                            mw_data_file *object, mw_data_files *ret_files, mw_error *err)
{
    const char *slash = memrchr(out->path.data, '/', out->path.size);
    MW_TRY(find_all(origin, out->remote, may_fetch, object, 1, err));
    if (out->object.size > MW_MD5_TEXT_BYTES) {
        MW_TRY(read_list(origin, object, ret_files, err));
        return find_all(origin, out->remote, may_fetch, ret_files->items, ret_files->count, err);
    }
    object->path = slash ? mw_view_of(slash + 1) : out->path;
    *ret_files = (mw_data_files){object, 1};
    return MW_OK;
}

mw_status cli_dvc_files(cli_dvc_origin *origin, const cli_dvc_out *out, bool may_fetch,
                        mw_data_files *ret_files, bool *ret_is_folder, mw_error *err)
{
    mw_data_file *object = mw_arena_take_zeroed(origin->arena, 1, sizeof *object);
    if (!object)
        return mw_fail_memory(err, "an object");
    object->md5 = out->object;
    *ret_is_folder = out->object.size > MW_MD5_TEXT_BYTES;
    mw_status status = find_files(origin, out, may_fetch, object, ret_files, err);
    return status == MW_OK ? MW_OK : mw_at(err, "%.*s", MW_VIEW_ARG(out->path));
}
