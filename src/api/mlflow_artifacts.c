/* Artifacts: MLflow's proxy (/mlflow-artifacts), listings, and downloads by run or version.
 *
 *     PUT body -> [pool] blob: written, hashed, on the disk -> [writer] path -> digest
 *
 * Neither way is a large one in memory, see mlflow_transfer.c; without this server in between, see
 * mlflow_parts.c. */
#include <ctype.h>

#include "mlflow.h"
#include "mlflow_messages.h"

typedef struct artifact_request {
    mw_view path, run_id, name, version, model_id;
} artifact_request;

#define TEXT(name, member, required) MLFLOW_TEXT_FIELD(artifact_request, name, member, required)

static const mlflow_field list_fields[] = {TEXT("path", path, false), {0}};
static const mlflow_field run_list_fields[] = {
    MLFLOW_RUN_ID_FIELD(artifact_request, run_id), TEXT("path", path, false), {0}};
static const mlflow_field run_file_fields[] = {
    MLFLOW_RUN_ID_FIELD(artifact_request, run_id), TEXT("path", path, true), {0}};
static const mlflow_field version_file_fields[] = {
    TEXT("name", name, true), TEXT("version", version, true), TEXT("path", path, true), {0}};

/* ---- listings -------------------------------------------------------------------------------- */

/* `skip` bytes of each path are the folder that paths are relative to. */
static void put_files(mw_buf *out, const mw_artifacts *files, size_t skip)
{
    if (files->count == 0)
        return;
    mlflow_put_name(out, "files");
    mw_buf_char(out, '[');
    for (size_t i = 0; i < files->count; i++) {
        const mw_artifact *file = &files->items[i];
        mw_buf_text(out, i ? ",{" : "{");
        mlflow_put_text(out, "path", (mw_view){file->path.data + skip, file->path.size - skip});
        mlflow_put_name(out, "is_dir");
        mw_buf_text(out, file->is_folder ? "true" : "false");
        if (!file->is_folder)
            mlflow_put_int(out, "file_size", file->bytes);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, ']');
}

static mw_view without_slashes(mw_view folder)
{
    while (folder.size > 0 && folder.data[folder.size - 1] == '/')
        folder.size--;
    return folder;
}

static mw_status list_proxy(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_artifacts found;
    const artifact_request *q = turn->request;
    mw_view folder = without_slashes(q->path);
    MW_TRY(mw_record_list_artifacts(record, folder, &found, err));
    mw_buf_char(turn->out, '{');
    put_files(turn->out, &found, folder.size ? folder.size + 1 : 0);
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

static mw_status refuse_place(mw_view uri, mw_error *err)
{
    mw_fail(err, MW_E_RECORD_PART, "the files at '%.*s' are not kept by this server",
            (int)(uri.size < 150 ? uri.size : 150), uri.data);
    return mw_mend(err, "read them there, or log into an experiment without artifact_location");
}

static mw_status join(mw_arena *arena, mw_view root, mw_view rest, mw_view *ret_path, mw_error *err)
{
    char *path = mw_arena_take(arena, root.size + rest.size + 2);
    if (!path)
        return mw_fail_memory(err, "a path");
    memcpy(path, root.data, root.size);
    size_t size = root.size;
    if (rest.size > 0) {
        path[size++] = '/';
        memcpy(path + size, rest.data, rest.size);
    }
    *ret_path = (mw_view){path, size + rest.size};
    return MW_OK;
}

mw_status mlflow_answer_listing(mlflow_turn *turn, mw_record *record, mw_view uri, mw_view folder,
                                mw_error *err)
{
    mw_artifacts found;
    mw_view root = mw_artifact_root(uri), path;
    if (!root.data)
        return refuse_place(uri, err);
    folder = without_slashes(folder);
    if (folder.size > 0)
        MW_TRY(mw_artifact_check_path(folder, err));
    MW_TRY(join(record->arena, root, folder, &path, err));
    MW_TRY(mw_record_list_artifacts(record, path, &found, err));
    mw_buf_char(turn->out, '{');
    mlflow_put_text(turn->out, "root_uri", uri);
    put_files(turn->out, &found, root.size + 1);
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

static mw_status list_run(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_run_info run;
    const artifact_request *q = turn->request;
    MW_TRY(mw_record_run_info(record, q->run_id, &run, err));
    return mlflow_answer_listing(turn, record, run.artifact_uri, q->path, err);
}

/* ---- upload ---------------------------------------------------------------------------------- */

typedef struct upload {
    mw_view path;
    mlflow_body body;
} upload;

static mw_status put_row(mw_record *record, void *given, mw_error *err)
{
    const upload *u = given;
    return mw_record_put_artifact(record, u->path, mw_view_of(u->body.digest), u->body.bytes, err);
}

/* The bytes are on the disk before the record names them. */
static mw_status put_file(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    mw_exchange *exchange = turn->exchange;
    upload u = {.path = turn->captures.values[0]};
    MW_TRY(mw_artifact_check_path(u.path, err));
    MW_TRY(mlflow_take_body(turn, MW_VIEW(""), &u.body, err));
    if (turn->wants_more)
        return MW_OK;
    MW_TRY(mw_registry_write_as(turn->registry, &turn->actor, exchange->arena, put_row, &u, err));
    mw_buf_text(turn->out, "{}");
    return MW_OK;
}

static mw_status delete_file(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    return mlflow_answer_nothing(turn,
                                 mw_record_delete_artifact(record, turn->captures.values[0], err));
}

/* ---- download -------------------------------------------------------------------------------- */

static mw_view name_of(mw_view path)
{
    const char *slash = memrchr(path.data, '/', path.size);
    return slash ? (mw_view){slash + 1, path.size - (size_t)(slash + 1 - path.data)} : path;
}

/* What a browser may show must not run as a page of ours: text is plain, all else is saved. */
static mw_view type_of(mw_view path)
{
    static const char *const texts[] = {"txt", "log", "err", "cfg",     "conf", "cnf",       "html",
                                        "xml", "py",  "js",  "yml",     "yaml", "json",      "csv",
                                        "tsv", "md",  "rst", "jsonnet", "ini",  "properties"};
    static const struct {
        const char *ending, *type;
    } types[] = {{"png", "image/png"},       {"jpg", "image/jpeg"},     {"jpeg", "image/jpeg"},
                 {"gif", "image/gif"},       {"webp", "image/webp"},    {"pdf", "application/pdf"},
                 {"zip", "application/zip"}, {"gz", "application/gzip"}};
    mw_view name = name_of(path);
    const char *point = memrchr(name.data, '.', name.size);
    mw_view ending = point ? (mw_view){point + 1, name.size - (size_t)(point + 1 - name.data)}
                           : (mw_view){"", 0};
    for (size_t i = 0; i < MW_COUNT(texts); i++)
        if (mw_view_is_nocase(ending, texts[i]))
            return MW_VIEW("text/plain");
    for (size_t i = 0; i < MW_COUNT(types); i++)
        if (mw_view_is_nocase(ending, types[i].ending))
            return mw_view_of(types[i].type);
    return mw_view_is(name, "MLmodel") ? MW_VIEW("text/plain")
                                       : MW_VIEW("application/octet-stream");
}

static bool read_digits(const char **at, const char *end, uint64_t *ret_number)
{
    const char *begin = *at;
    uint64_t number = 0;
    for (; *at < end && isdigit((unsigned char)**at) && *at - begin < 18; ++*at)
        number = 10 * number + (uint64_t)(**at - '0');
    *ret_number = number;
    return *at > begin;
}

/* "bytes=5-9", "bytes=5-", "bytes=-5": one range. False: none, or one that is not understood and so
 * passed over (RFC 9110 § 14.2). *ret_size 0: beyond the end. */
static bool read_range(mw_view text, uint64_t bytes, uint64_t *ret_begin, uint64_t *ret_size)
{
    uint64_t first, last;
    if (!mw_view_starts(text, "bytes="))
        return false;
    const char *at = text.data + 6, *end = text.data + text.size;
    bool has_first = read_digits(&at, end, &first);
    if (at == end || *at++ != '-')
        return false;
    bool has_last = read_digits(&at, end, &last);
    if (at != end || (!has_first && !has_last) || (has_first && has_last && last < first))
        return false;
    if (!has_first) {
        *ret_size = last < bytes ? last : bytes;
        *ret_begin = bytes - *ret_size;
        return true;
    }
    *ret_begin = first;
    *ret_size = first >= bytes ? 0 : (has_last && last < bytes ? last + 1 : bytes) - first;
    return true;
}

void mlflow_put_disposition(mw_buf *out, mw_view path)
{
    mw_view name = name_of(path);
    mw_buf_text(out, "attachment; filename=\"");
    for (size_t i = 0; i < name.size; i++) /* a name of other letters is said by the path */
        mw_buf_char(out,
                    (unsigned char)name.data[i] < 0x80 && name.data[i] != '"' ? name.data[i] : '_');
    mw_buf_char(out, '"');
}

static void set_headers(mw_exchange *exchange, mw_view path, uint64_t begin, uint64_t size,
                        uint64_t bytes)
{
    mw_buf lines;
    mw_buf_init(&lines, 8192);
    mw_buf_text(&lines, "Content-Disposition: ");
    mlflow_put_disposition(&lines, path);
    mw_buf_text(&lines, "\r\nX-Content-Type-Options: nosniff\r\nAccept-Ranges: bytes\r\n");
    if (exchange->status == 206)
        mw_buf_format(&lines, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)begin,
                      (unsigned long long)(begin + size - 1), (unsigned long long)bytes);
    else if (exchange->status == 416)
        mw_buf_format(&lines, "Content-Range: bytes */%llu\r\n", (unsigned long long)bytes);
    const char *kept = mw_arena_text(exchange->arena, mw_buf_as_view(&lines));
    if (kept)
        exchange->reply_headers = mw_view_of(kept);
    mw_buf_done(&lines);
}

mw_status mlflow_send_file(mlflow_turn *turn, const mw_artifact *file, mw_error *err)
{
    mw_exchange *exchange = turn->exchange;
    uint64_t bytes = (uint64_t)file->bytes, begin = 0, size = bytes;
    if (read_range(mw_exchange_header(exchange, "Range"), bytes, &begin, &size))
        exchange->status = size > 0 ? 206 : 416;
    if (exchange->status != 416)
        MW_TRY(mlflow_send_blob(turn, file->digest, begin, size, err));
    exchange->reply_type = type_of(file->path);
    set_headers(exchange, file->path, begin, size, bytes);
    return MW_OK;
}

typedef struct lookup {
    const artifact_request *request;
    mw_view path;
    mw_artifact file;
} lookup;

static mw_status find_file(mw_record *record, void *given, mw_error *err)
{
    lookup *l = given;
    const artifact_request *q = l->request;
    mw_view uri = {NULL, 0};
    mw_run_info run;
    mw_model_version version;
    if (q && q->run_id.size > 0) {
        MW_TRY(mw_record_run_info(record, q->run_id, &run, err));
        uri = run.artifact_uri;
    } else if (q) {
        MW_TRY(mw_record_version(record, q->name, q->version, &version, err));
        uri = version.location;
    }
    if (q) {
        mw_view root = mw_artifact_root(uri);
        if (!root.data)
            return refuse_place(uri, err);
        MW_TRY(mw_artifact_check_path(q->path, err));
        MW_TRY(join(record->arena, root, q->path, &l->path, err));
    }
    return mw_record_artifact(record, l->path, &l->file, err);
}

/* The bytes are read behind the transaction: a large file must not hold up a checkpoint. */
static mw_status get_file(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    lookup l = {.request = turn->request};
    if (!l.request)
        l.path = turn->captures.values[0];
    MW_TRY(mw_registry_read(turn->registry, turn->exchange->arena, find_file, &l, err));
    return mlflow_send_file(turn, &l.file, err);
}

#define PROXY "/mlflow-artifacts"

const mlflow_call mlflow_artifact_calls[] = {
    {MLFLOW_GETS, PROXY "/artifacts", MLFLOW_READS, list_proxy, list_fields,
     sizeof(artifact_request), "List a folder of artifacts"},
    {MLFLOW_GETS, PROXY "/artifacts/{path*}", MLFLOW_OUTSIDE, get_file, NULL, 0,
     "Download an artifact"},
    {1u << MW_PUT, PROXY "/artifacts/{path*}", MLFLOW_OUTSIDE, put_file, NULL, 0,
     "Upload an artifact"},
    {1u << MW_DELETE, PROXY "/artifacts/{path*}", MLFLOW_WRITES, delete_file, NULL, 0,
     "Delete an artifact, or a folder of them"},
    {MLFLOW_GETS, "/mlflow/artifacts/list", MLFLOW_READS, list_run, run_list_fields,
     sizeof(artifact_request), "List a run's artifacts"},
    {MLFLOW_GETS, "/mlflow/get-artifact", MLFLOW_OUTSIDE, get_file, run_file_fields,
     sizeof(artifact_request), "Download a run's artifact"},
    {MLFLOW_GETS, "/get-artifact", MLFLOW_OUTSIDE, get_file, run_file_fields,
     sizeof(artifact_request), "Download a run's artifact"},
    {MLFLOW_GETS, "/mlflow/model-versions/get-artifact", MLFLOW_OUTSIDE, get_file,
     version_file_fields, sizeof(artifact_request), "Download a version's artifact"},
    {MLFLOW_GETS, "/model-versions/get-artifact", MLFLOW_OUTSIDE, get_file, version_file_fields,
     sizeof(artifact_request), "Download a version's artifact"},
};
const size_t mlflow_n_artifact_calls = MW_COUNT(mlflow_artifact_calls);
