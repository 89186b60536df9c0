/* Where a folder's blobs are besides: FOLDER/bucket.json says it, once and for all.
 *
 *     {"uri": "s3://models/mw", "endpoint": "http://minio:9000", "region": "us-east-1"} */
#include <stdlib.h>

#include "bucket.h"
#include "engine.h"

enum { PLACE_BYTES_MAX = 16 * 1024, PATH_BYTES = 4200 };

static void path_of(const char *folder, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/bucket.json", folder);
}

static const char *from(const char *const *names)
{
    for (; *names; names++) {
        const char *value = getenv(*names);
        if (value && value[0])
            return value;
    }
    return NULL;
}

/* ---- what stands there ----------------------------------------------------------------------- */

static mw_status open_read(const mw_json *root, const char *path, store_bucket **ret_bucket,
                           mw_error *err)
{
    static const char *const members[] = {"uri", "endpoint", "region"};
    char texts[MW_COUNT(members)][2048];
    for (size_t i = 0; i < MW_COUNT(members); i++) {
        mw_view text = mw_json_text(mw_json_member(root, members[i]));
        if (text.size >= sizeof texts[i] || (i != 1 && text.size == 0)) {
            mw_fail(err, MW_E_STORE_PLACE, "'%s' says no place", members[i]);
            mw_mend(err, "put back the file as the server wrote it");
            return mw_at(err, "%s", path);
        }
        snprintf(texts[i], sizeof texts[i], "%.*s", MW_VIEW_ARG(text));
    }
    return store_bucket_open(&(store_place){texts[0], texts[1], texts[2]}, ret_bucket, err);
}

/* *ret_root: mw_json_free; NULL where there is no file. */
static mw_status read_file(const char *path, mw_json **ret_root, mw_error *err)
{
    mw_file file;
    *ret_root = NULL;
    mw_status status = mw_file_read(path, PLACE_BYTES_MAX, &file, err);
    if (status == MW_NOT_FOUND)
        return MW_OK;
    MW_TRY(status);
    status = mw_json_read((mw_view){file.data, file.size}, ret_root, err);
    mw_file_done(&file);
    return status == MW_OK ? MW_OK : mw_at(err, "%s", path);
}

mw_status store_place_open(const char *folder, store_bucket **ret_bucket, mw_error *err)
{
    mw_json *root;
    char path[PATH_BYTES];
    path_of(folder, path);
    *ret_bucket = NULL;
    MW_TRY(read_file(path, &root, err));
    mw_status status = root ? open_read(root, path, ret_bucket, err) : MW_OK;
    mw_json_free(root);
    return status;
}

/* ---- writing it ------------------------------------------------------------------------------ */

static mw_status check_same(const char *folder, const char *uri, bool *ret_placed, mw_error *err)
{
    mw_json *root;
    mw_status status = MW_OK;
    char path[PATH_BYTES];
    path_of(folder, path);
    *ret_placed = false;
    MW_TRY(read_file(path, &root, err));
    if (!root)
        return MW_OK;
    mw_view there = mw_json_text(mw_json_member(root, "uri"));
    *ret_placed = mw_view_is(there, uri);
    if (!*ret_placed) {
        mw_fail(err, MW_E_STORE_PLACE, "the record's artifacts are in '%.*s', not in '%s'",
                MW_VIEW_ARG(there), uri);
        status = mw_mend(err, "leave out --artifacts; to move, copy the objects and edit %s", path);
    }
    mw_json_free(root);
    return status;
}

static mw_status write_place(const char *folder, const store_place *place, mw_error *err)
{
    mw_buf text;
    char path[PATH_BYTES];
    path_of(folder, path);
    mw_buf_init(&text, PLACE_BYTES_MAX);
    mw_buf_text(&text, "{\"uri\": ");
    mw_json_write_text(&text, mw_view_of(place->uri));
    mw_buf_text(&text, ", \"endpoint\": ");
    mw_json_write_text(&text, mw_view_of(place->endpoint));
    mw_buf_text(&text, ", \"region\": ");
    mw_json_write_text(&text, mw_view_of(place->region));
    mw_buf_text(&text, "}\n");
    mw_status status = text.failed ? mw_fail_memory(err, "a place")
                                   : mw_file_write(path, mw_buf_as_view(&text), err);
    mw_buf_done(&text);
    return status;
}

typedef struct moving {
    mw_blobs *blobs;
    store_bucket *bucket;
    mw_arena arena;
} moving;

static mw_status push_one(void *given, mw_view digest, int64_t bytes, int64_t kept_ms,
                          mw_error *err)
{
    (void)bytes;
    (void)kept_ms;
    moving *m = given;
    const char *path;
    mw_arena_reset(&m->arena);
    MW_TRY(mw_blobs_path(m->blobs, digest, &m->arena, &path, err));
    return store_bucket_put(m->bucket, digest, path, err);
}

/* A listing tells whether it can be reached, and with these keys, also where nothing is to move. */
static mw_status see_none(void *given, mw_view digest, int64_t bytes, int64_t kept_ms,
                          mw_error *err)
{
    (void)given;
    (void)digest;
    (void)bytes;
    (void)kept_ms;
    (void)err;
    return MW_OK;
}

static mw_status push_all(const char *folder, store_bucket *bucket, mw_error *err)
{
    moving m = {.bucket = bucket};
    MW_TRY(store_bucket_each(bucket, see_none, NULL, err));
    MW_TRY(mw_blobs_open_beside(folder, &m.blobs, err));
    mw_arena_init(&m.arena, 16 * MW_KIB, MW_MIB);
    mw_status status = mw_blobs_each(m.blobs, push_one, &m, err);
    mw_arena_done(&m.arena);
    mw_blobs_close(m.blobs);
    return status;
}

void store_place_complete(store_place *place)
{
    static const char *const endpoints[] = {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL",
                                            "MLFLOW_S3_ENDPOINT_URL", NULL};
    static const char *const regions[] = {"AWS_REGION", "AWS_DEFAULT_REGION", NULL};
    if (!place->endpoint)
        place->endpoint = from(endpoints);
    if (!place->endpoint)
        place->endpoint = "";
    if (!place->region)
        place->region = from(regions);
    if (!place->region)
        place->region = "us-east-1";
}

mw_status mw_blobs_place(const char *folder, const char *uri, mw_error *err)
{
    bool is_placed;
    store_place place = {.uri = uri};
    store_bucket *bucket;
    MW_TRY(check_same(folder, uri, &is_placed, err));
    if (is_placed)
        return MW_OK;
    store_place_complete(&place);
    MW_TRY(store_bucket_open(&place, &bucket, err));
    mw_status status = push_all(folder, bucket, err);
    store_bucket_close(bucket);
    return status == MW_OK ? write_place(folder, &place, err) : status;
}
