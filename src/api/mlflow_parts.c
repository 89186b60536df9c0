/* Files that go between a client and the bucket without us in between: MLflow's multipart uploads
 * and presigned downloads.
 *
 *     create -> an address for each part -> client: PUT ... -> complete -> blob -> path -> digest
 *                                                          `-> abort: nothing is left
 *
 * Where artifacts are in a folder they are refused in MLflow's words (501), and its client sends
 * the file in one request. */
#include "mlflow.h"
#include "mlflow_messages.h"

enum { PARTS_MAX = 10000, DISPOSITION_BYTES = 4096 };

typedef struct part_list {
    mw_upload_part *items;
    size_t count;
} part_list;

/* path: the client's own name of the file, of which the last part counts; the folder that it goes
 * to stands in the address. */
typedef struct part_request {
    mw_view path, upload_id;
    mlflow_int num_parts;
    part_list parts;
} part_request;

/* clang-format off */
static const mlflow_field part_fields[] = {
    {"part_number", MLFLOW_INT, offsetof(mw_upload_part, number), true, NULL, 0, NULL, NULL},
    {"etag", MLFLOW_TEXT, offsetof(mw_upload_part, tag), false, NULL, 0, NULL, NULL},
    {0}};
static const mlflow_field create_fields[] = {
    MLFLOW_TEXT_FIELD(part_request, "path", path, true),
    {"num_parts", MLFLOW_MAYBE_INT, offsetof(part_request, num_parts), false, NULL, 0, NULL, NULL},
    {0}};
static const mlflow_field complete_fields[] = {
    MLFLOW_TEXT_FIELD(part_request, "path", path, true),
    MLFLOW_TEXT_FIELD(part_request, "upload_id", upload_id, true),
    MLFLOW_LIST_FIELD(part_request, "parts", parts, true, part_fields, mw_upload_part),
    {0}};
static const mlflow_field abort_fields[] = {
    MLFLOW_TEXT_FIELD(part_request, "path", path, true),
    MLFLOW_TEXT_FIELD(part_request, "upload_id", upload_id, true),
    {0}};
/* clang-format on */

/* "/data/a.bin" in folder 1/abc/artifacts: 1/abc/artifacts/a.bin. */
static mw_status path_of(mlflow_turn *turn, mw_view *ret_path, mw_error *err)
{
    const part_request *q = turn->request;
    size_t from = q->path.size;
    while (from > 0 && !strchr("/\\", q->path.data[from - 1]))
        from--;
    mw_view name = {q->path.data + from, q->path.size - from};
    mw_view folder = turn->captures.values[0];
    char *path = mw_arena_take(turn->exchange->arena, folder.size + name.size + 1);
    if (!path)
        return mw_fail_memory(err, "a path");
    memcpy(path, folder.data, folder.size);
    path[folder.size] = '/';
    memcpy(path + folder.size + 1, name.data, name.size);
    *ret_path = (mw_view){path, folder.size + name.size + 1};
    return mw_artifact_check_path(*ret_path, err);
}

/* ---- create, complete, abort ----------------------------------------------------------------- */

static mw_status check_count(mlflow_int wanted, int64_t *ret_n, mw_error *err)
{
    *ret_n = wanted.given ? wanted.value : 1;
    if (*ret_n >= 1 && *ret_n <= PARTS_MAX)
        return MW_OK;
    mw_fail(err, MW_E_RECORD_VALUE, "Invalid value %lld for parameter 'num_parts' supplied",
            (long long)*ret_n);
    return mw_mend(err, "a file has 1 to 10,000 parts: MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE");
}

static mw_status put_address(mlflow_turn *turn, mw_view upload, unsigned number, mw_error *err)
{
    mw_buf url;
    mw_blobs *blobs = mw_registry_blobs(turn->registry);
    mw_buf_init(&url, 64 * MW_KIB);
    mw_status status = mw_upload_sign(blobs, upload, number, &url, err);
    if (status == MW_OK) {
        mw_buf_text(turn->out, number > 1 ? ",{" : "{");
        mlflow_put_text(turn->out, "url", mw_buf_as_view(&url));
        mlflow_put_int(turn->out, "part_number", number);
        mw_buf_text(turn->out, ",\"headers\":{}}");
    }
    mw_buf_done(&url);
    return status;
}

static mw_status create(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    int64_t n;
    mw_view path;
    char upload[MW_UPLOAD_TEXT_BYTES];
    const part_request *q = turn->request;
    MW_TRY(path_of(turn, &path, err));
    MW_TRY(check_count(q->num_parts, &n, err));
    MW_TRY(mw_upload_begin(mw_registry_blobs(turn->registry), upload, err));
    mw_buf_char(turn->out, '{');
    mlflow_put_text(turn->out, "upload_id", mw_view_of(upload));
    mlflow_put_name(turn->out, "credentials");
    mw_buf_char(turn->out, '[');
    for (unsigned number = 1; number <= n; number++)
        MW_TRY(put_address(turn, mw_view_of(upload), number, err));
    mw_buf_text(turn->out, "]}");
    return MW_OK;
}

typedef struct uploaded {
    mw_view path;
    mw_uploaded file;
} uploaded;

static mw_status put_row(mw_record *record, void *given, mw_error *err)
{
    const uploaded *u = given;
    return mw_record_put_artifact(record, u->path, mw_view_of(u->file.digest),
                                  (int64_t)u->file.bytes, err);
}

/* The parts are dropped last: an end whose answer did not come may be asked for again. */
static mw_status complete(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    uploaded u;
    mw_error ignored;
    const part_request *q = turn->request;
    mw_blobs *blobs = mw_registry_blobs(turn->registry);
    MW_TRY(path_of(turn, &u.path, err));
    MW_TRY(mw_upload_end(blobs, q->upload_id, q->parts.items, q->parts.count,
                         turn->artifact_bytes_max, &u.file, err));
    MW_TRY(mw_registry_write_as(turn->registry, &turn->actor, turn->exchange->arena, put_row, &u,
                                err));
    mw_status dropped = mw_upload_drop(blobs, q->upload_id, &ignored);
    (void)dropped; /* what is left is swept */
    return mlflow_answer_nothing(turn, MW_OK);
}

static mw_status end_without(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    const part_request *q = turn->request;
    return mlflow_answer_nothing(
        turn, mw_upload_drop(mw_registry_blobs(turn->registry), q->upload_id, err));
}

/* ---- presigned ------------------------------------------------------------------------------- */

typedef struct lookup {
    mw_view path;
    mw_artifact file;
} lookup;

static mw_status find_file(mw_record *record, void *given, mw_error *err)
{
    lookup *l = given;
    return mw_record_artifact(record, l->path, &l->file, err);
}

static mw_status sign_read(mlflow_turn *turn, const lookup *l, mw_buf *url, mw_error *err)
{
    mw_buf disposition;
    mw_buf_init(&disposition, DISPOSITION_BYTES);
    mlflow_put_disposition(&disposition, l->path);
    mw_status status = disposition.failed
                           ? mw_fail_memory(err, "an address")
                           : mw_blobs_sign_read(mw_registry_blobs(turn->registry), l->file.digest,
                                                disposition.data, url, err);
    mw_buf_done(&disposition);
    return status;
}

static mw_status presign(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    mw_buf url;
    lookup l = {.path = turn->captures.values[0]};
    MW_TRY(mw_registry_read(turn->registry, turn->exchange->arena, find_file, &l, err));
    mw_buf_init(&url, 64 * MW_KIB);
    mw_status status = sign_read(turn, &l, &url, err);
    if (status == MW_OK) {
        mw_buf_char(turn->out, '{');
        mlflow_put_text(turn->out, "url", mw_buf_as_view(&url));
        mw_buf_text(turn->out, ",\"headers\":{}");
        mlflow_put_int(turn->out, "file_size", l.file.bytes);
        mw_buf_char(turn->out, '}');
    }
    mw_buf_done(&url);
    return status;
}

/* ---- addresses of a place that is not ours ----------------------------------------------------
 */

/* MLflow gives out addresses of a bucket that a run names as its place itself. Ours go through this
 * server, and of other buckets it holds no keys: the two calls refuse as MLflow's server does. Who
 * wants an address of an artifact here: GET /mlflow-artifacts/presigned/PATH. */
typedef struct place_request {
    mw_view run_id, model_id, path;
    mlflow_int expiration;
} place_request;

/* clang-format off */
static const mlflow_field upload_place_fields[] = {
    MLFLOW_TEXT_FIELD(place_request, "run_id", run_id, false),
    MLFLOW_TEXT_FIELD(place_request, "model_id", model_id, false),
    MLFLOW_TEXT_FIELD(place_request, "path", path, true),
    {"expiration", MLFLOW_MAYBE_INT, offsetof(place_request, expiration), false, NULL, 0, NULL,
     NULL},
    {0}};
static const mlflow_field download_place_fields[] = {
    MLFLOW_TEXT_FIELD(place_request, "run_id", run_id, true),
    MLFLOW_TEXT_FIELD(place_request, "path", path, true),
    {"expiration", MLFLOW_MAYBE_INT, offsetof(place_request, expiration), false, NULL, 0, NULL,
     NULL},
    {0}};
/* clang-format on */

static mw_status fail_place(mw_view uri, const char *way, mw_error *err)
{
    static const char *const proxied[] = {"http:", "https:", "mlflow-artifacts:"};
    for (size_t i = 0; i < MW_COUNT(proxied); i++) {
        if (!mw_view_starts(uri, proxied[i]))
            continue;
        mw_fail(err, MW_E_RECORD_VALUE,
                "Presigned %s is not supported for %sproxied artifact storage (artifact URI "
                "scheme: %.*s). This endpoint requires a %sdirect cloud storage artifact URI.",
                way, *way == 'd' ? "runs with " : "", (int)strlen(proxied[i]) - 1, proxied[i],
                *way == 'd' ? "run with a " : "");
        return mw_mend(err, "send it and get it by /mlflow-artifacts/artifacts/PATH");
    }
    mw_fail(err, MW_E_STORE_NO_BUCKET,
            "Presigned %s is not supported for the current artifact repository", way);
    return mw_mend(err, "this server holds no keys of that place: use a client that does");
}

static mw_status presign_upload(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_run_info run;
    mw_logged_model model;
    const place_request *q = turn->request;
    if ((q->run_id.size > 0) == (q->model_id.size > 0)) {
        mw_fail(err, MW_E_RECORD_VALUE, "Exactly one of run_id and model_id must be provided.");
        return mw_mend(err, "name the run or the logged model that the file is of");
    }
    MW_TRY(mw_artifact_check_path(q->path, err));
    if (q->run_id.size > 0)
        MW_TRY(mw_record_run_info(record, q->run_id, &run, err));
    else
        MW_TRY(mw_record_logged_model(record, q->model_id, &model, err));
    return fail_place(q->run_id.size > 0 ? run.artifact_uri : model.artifact_uri, "upload", err);
}

static mw_status presign_download(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    enum { SECONDS_MAX = 604800, SECONDS = 900 };
    mw_run_info run;
    const place_request *q = turn->request;
    int64_t seconds = q->expiration.given ? q->expiration.value : SECONDS;
    MW_TRY(mw_artifact_check_path(q->path, err));
    if (seconds < 1 || seconds > SECONDS_MAX) {
        mw_fail(err, MW_E_RECORD_VALUE, "expiration must be between 1 and %d seconds (got %lld).",
                SECONDS_MAX, (long long)seconds);
        return mw_mend(err, "leave it out, or name a time of up to seven days");
    }
    MW_TRY(mw_record_run_info(record, q->run_id, &run, err));
    return fail_place(run.artifact_uri, "download", err);
}

/* ---- what is offered ------------------------------------------------------------------------- */

/* By these a client decides by itself; a bucket that it cannot reach must not be offered to it. */
static mw_status tell_server(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    (void)err;
    bool is_direct = mw_blobs_is_direct(mw_registry_blobs(turn->registry));
    const char *word = is_direct ? "true" : "false";
    mw_buf_format(turn->out,
                  "{\"store_type\":\"SqlStore\",\"workspaces_enabled\":false,"
                  "\"trace_archival_enabled\":false,\"multipart_uploads_enabled\":%s,"
                  "\"multipart_downloads_enabled\":%s,"
                  "\"presigned_upload_run_id_supported\":false,"
                  "\"presigned_upload_model_id_supported\":false,\"features_enabled\":{}}",
                  word, word);
    return MW_OK;
}

#define PROXY "/mlflow-artifacts"

const mlflow_call mlflow_part_calls[] = {
    {MLFLOW_POSTS, PROXY "/mpu/create/{path*}", MLFLOW_OUTSIDE, create, create_fields,
     sizeof(part_request), "Begin a multipart upload into the bucket"},
    {MLFLOW_POSTS, PROXY "/mpu/complete/{path*}", MLFLOW_OUTSIDE, complete, complete_fields,
     sizeof(part_request), "End a multipart upload"},
    {MLFLOW_POSTS, PROXY "/mpu/abort/{path*}", MLFLOW_OUTSIDE, end_without, abort_fields,
     sizeof(part_request), "Give up a multipart upload"},
    {MLFLOW_GETS, PROXY "/presigned/{path*}", MLFLOW_OUTSIDE, presign, NULL, 0,
     "Address in the bucket of an artifact"},
    {MLFLOW_POSTS, "/mlflow/artifacts/presigned-upload-url", MLFLOW_READS, presign_upload,
     upload_place_fields, sizeof(place_request),
     "Address to upload to, of a place outside: refused as MLflow refuses it"},
    {MLFLOW_POSTS, "/mlflow/artifacts/presigned-download-url", MLFLOW_READS, presign_download,
     download_place_fields, sizeof(place_request),
     "Address to download from, of a place outside: refused as MLflow refuses it"},
    {MLFLOW_GETS, "/mlflow/server-info", MLFLOW_OUTSIDE, tell_server, NULL, 0,
     "What this server offers"},
};
const size_t mlflow_n_part_calls = MW_COUNT(mlflow_part_calls);
