/* Large bodies become blobs, and blobs answers, a MiB at a time.
 *
 *     loop: piece -> [pool] written, hashed -> mw_exchange_more -> piece ... -> kept, then named
 *     [pool] a part is read -> loop: sent -> go_on -> [pool] the next part ...
 *
 * Nothing is read from a socket while its last piece is being written, so memory stays at a piece
 * for each upload, however slow the disk. A client that goes away leaves nothing: let_go. */
#include <stdlib.h>

#include "mlflow.h"

/* Room for a MiB is made behind it, once, by the loop's thread. */
enum { FIRST_PART_BYTES = 64 * 1024 };

/* Not in the exchange's arena: it is dropped on the pool, when the exchange is over. */
struct mlflow_upload {
    mw_job job;
    mw_blob *blob; /* NULL once it is kept */
};

/* ---- in -------------------------------------------------------------------------------------- */

static void drop_upload(mw_job *job)
{
    struct mlflow_upload *upload = (struct mlflow_upload *)job;
    mw_blob_drop(upload->blob);
    free(upload);
}

static void go_on(mw_exchange *exchange)
{
    mlflow_turn *turn = exchange->user;
    mw_exchange_defer(exchange);
    mw_pool_submit(turn->pool, &turn->job);
}

/* To remove a large file takes its time: not on the loop. */
static void let_go(mw_exchange *exchange)
{
    mlflow_turn *turn = exchange->user;
    turn->upload->job.run = drop_upload;
    mw_pool_submit(turn->pool, &turn->upload->job);
}

static mw_status begin_upload(mlflow_turn *turn, bool with_md5, mw_error *err)
{
    mw_exchange *exchange = turn->exchange;
    mw_blobs *blobs = mw_registry_blobs(turn->registry);
    struct mlflow_upload *upload = calloc(1, sizeof *upload);
    if (!upload)
        return mw_fail_memory(err, "an upload");
    mw_status status = (with_md5 ? mw_blob_begin_md5 : mw_blob_begin)(blobs, &upload->blob, err);
    if (status != MW_OK) {
        free(upload);
        return status;
    }
    turn->upload = upload;
    exchange->user = turn;
    exchange->go_on = go_on;
    exchange->let_go = let_go;
    return MW_OK;
}

static mw_status check_md5(mw_view md5, const char *found, uint64_t bytes, mw_error *err)
{
    if (md5.size == 0 || mw_view_is(md5, found))
        return MW_OK;
    mw_fail(err, MW_E_DATA_OBJECT, "the MD5 of the %llu bytes is %s, not %.*s",
            (unsigned long long)bytes, found, MW_VIEW_ARG(md5));
    return mw_mend(err, "push it again: it was damaged on its way, or in the cache");
}

static mw_status keep_whole(mlflow_turn *turn, mw_view md5, mlflow_body *ret_body, mw_error *err)
{
    char found[MW_MD5_TEXT_BYTES];
    mw_view body = turn->exchange->body;
    if (md5.size > 0) {
        mw_md5_of(body, found);
        MW_TRY(check_md5(md5, found, body.size, err));
    }
    ret_body->bytes = (int64_t)body.size;
    return mw_blobs_put(mw_registry_blobs(turn->registry), body, ret_body->digest, err);
}

mw_status mlflow_take_body(mlflow_turn *turn, mw_view md5, mlflow_body *ret_body, mw_error *err)
{
    char found[MW_MD5_TEXT_BYTES];
    mw_exchange *exchange = turn->exchange;
    if (!turn->upload && !exchange->body_goes_on)
        return keep_whole(turn, md5, ret_body, err);
    if (!turn->upload)
        MW_TRY(begin_upload(turn, md5.size > 0, err));
    mw_blob *blob = turn->upload->blob;
    MW_TRY(mw_blob_write(blob, exchange->body, err));
    turn->wants_more = exchange->body_goes_on;
    if (turn->wants_more)
        return MW_OK;
    ret_body->bytes = (int64_t)(exchange->body_begin + exchange->body.size);
    if (md5.size > 0) {
        mw_blob_md5(blob, found);
        MW_TRY(check_md5(md5, found, (uint64_t)ret_body->bytes, err));
    }
    turn->upload->blob = NULL;
    return mw_blob_keep(blob, ret_body->digest, err);
}

/* ---- out ------------------------------------------------------------------------------------- */

mw_status mlflow_send_blob(mlflow_turn *turn, mw_view digest, uint64_t begin, uint64_t size,
                           mw_error *err)
{
    mw_exchange *exchange = turn->exchange;
    if (exchange->method == MW_HEAD) {
        exchange->reply_bytes = size;
        return MW_OK;
    }
    if (size <= MW_PIECE_BYTES)
        return mw_blobs_read(mw_registry_blobs(turn->registry), digest, begin, (size_t)size,
                             turn->out, err);
    turn->digest = digest;
    turn->send_begin = begin;
    turn->send_left = size;
    MW_TRY(mlflow_send_more(turn, err)); /* a file that is gone is told before the head is sent */
    exchange->user = turn;
    exchange->go_on = go_on;
    exchange->reply_bytes = size;
    return MW_OK;
}

mw_status mlflow_send_more(mlflow_turn *turn, mw_error *err)
{
    mw_exchange *exchange = turn->exchange;
    size_t room = turn->out->capacity > MW_PIECE_BYTES ? MW_PIECE_BYTES : FIRST_PART_BYTES;
    size_t size = turn->send_left < room ? (size_t)turn->send_left : room;
    exchange->reply_goes_on = false;
    MW_TRY(mw_blobs_read(mw_registry_blobs(turn->registry), turn->digest, turn->send_begin, size,
                         turn->out, err));
    turn->send_begin += size;
    turn->send_left -= size;
    exchange->reply_goes_on = turn->send_left > 0;
    return MW_OK;
}
