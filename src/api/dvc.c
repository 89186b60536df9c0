/* A remote of DVC over HTTP: what `dvc push` sends and `dvc pull` asks for.
 *
 *     dvc remote add -d store http://HOST:8080/dvc
 *
 *     POST or PUT /dvc/files/md5/ab/cdef...   an object; .../ab/cdef....dir the list of a folder
 *     GET, HEAD   /dvc/files/md5/ab/cdef...   it, or 404
 *
 * The name is the MD5 of the bytes, and is checked: what arrives damaged is refused, not kept. The
 * bytes are blobs, so a file that an experiment or another data set has, too, is kept once. */
#include "mlflow.h"

enum { SHARD = 2, REST = 30 };

static mw_status name_of(const mlflow_turn *turn, mw_view *ret_name, mw_error *err)
{
    mw_view shard = turn->captures.values[0], rest = turn->captures.values[1];
    mw_buf name;
    mw_buf_init(&name, 128);
    mw_buf_view(&name, shard);
    mw_buf_view(&name, rest);
    bool fits =
        shard.size == SHARD && rest.size >= REST && mw_data_is_object_name(mw_buf_as_view(&name));
    char *kept = fits ? mw_arena_text(turn->exchange->arena, mw_buf_as_view(&name)) : NULL;
    mw_buf_done(&name);
    if (!fits) {
        mw_fail(err, MW_E_DATA_UNKNOWN, "'%.*s/%.*s' names no object", MW_VIEW_ARG(shard),
                (int)(rest.size < 60 ? rest.size : 60), rest.data);
        return mw_mend(err, "objects are files/md5/ and the MD5, a '/' behind its second digit; "
                            "DVC 3 or newer");
    }
    if (!kept)
        return mw_fail_memory(err, "a name");
    *ret_name = mw_view_of(kept);
    return MW_OK;
}

typedef struct object {
    mw_view name;
    mw_data_file file;
} object;

static mw_status find(mw_record *record, void *given, mw_error *err)
{
    object *o = given;
    return mw_record_object(record, o->name, &o->file, err);
}

static mw_status get_object(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    object o;
    (void)record;
    MW_TRY(name_of(turn, &o.name, err));
    MW_TRY(mw_registry_read(turn->registry, turn->exchange->arena, find, &o, err));
    mw_artifact file = {.path = o.name, .digest = o.file.digest, .bytes = o.file.bytes};
    return mlflow_send_file(turn, &file, err);
}

typedef struct upload {
    mw_view name;
    mlflow_body body;
} upload;

static mw_status keep(mw_record *record, void *given, mw_error *err)
{
    const upload *u = given;
    return mw_record_put_object(record, u->name, mw_view_of(u->body.digest), u->body.bytes, err);
}

enum { LIST_BYTES_MAX = 256 << 20, MD5_DIGITS = MW_MD5_TEXT_BYTES - 1 };

/* The list of a folder must be one before anything is said to be in it. */
static mw_status check_list(mlflow_turn *turn, const upload *u, mw_error *err)
{
    mw_buf text;
    mw_data_files files;
    if (u->body.bytes > LIST_BYTES_MAX) {
        mw_fail(err, MW_E_DATA_OBJECT, "a folder's list of %lld bytes", (long long)u->body.bytes);
        return mw_mend(err, "add a folder of fewer files, or several");
    }
    mw_buf_init(&text, (size_t)LIST_BYTES_MAX + 1);
    mw_status status = mw_blobs_read(mw_registry_blobs(turn->registry), mw_view_of(u->body.digest),
                                     0, (size_t)u->body.bytes, &text, err);
    if (status == MW_OK)
        status = mw_data_read_list(mw_buf_as_view(&text), turn->exchange->arena, &files, err);
    mw_buf_done(&text);
    return status;
}

static mw_status put_object(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_exchange *exchange = turn->exchange;
    upload u;
    (void)record;
    MW_TRY(name_of(turn, &u.name, err));
    MW_TRY(mlflow_take_body(turn, (mw_view){u.name.data, MD5_DIGITS}, &u.body, err));
    if (turn->wants_more)
        return MW_OK;
    if (u.name.size > MD5_DIGITS)
        MW_TRY(check_list(turn, &u, err));
    MW_TRY(mw_registry_write_as(turn->registry, &turn->actor, exchange->arena, keep, &u, err));
    mw_buf_text(turn->out, "{}");
    return MW_OK;
}

#define OBJECT "/dvc/files/md5/{shard}/{rest}"

const mlflow_call mlflow_dvc_calls[] = {
    {MLFLOW_GETS, OBJECT, MLFLOW_OUTSIDE, get_object, NULL, 0, "Read an object of DVC"},
    {1u << MW_PUT | 1u << MW_POST, OBJECT, MLFLOW_OUTSIDE, put_object, NULL, 0,
     "Keep an object of DVC"},
};
const size_t mlflow_n_dvc_calls = MW_COUNT(mlflow_dvc_calls);
