/* Answers of HTTP/2: heads as libnghttp2 wants them, bodies as a stream's window lets them go.
 */
#include "http2.h"
#include "reply.h"
#include "token.h"

enum { MOST_REPLY_HEADERS = 32, REPLY_HEADERS = 5 };
#define NO_LENGTH UINT64_MAX

/* ---- bodies ---------------------------------------------------------------------------------- */

/* A part is on its way: its memory takes the next one in. */
static void ask_part(net_stream *stream)
{
    net_stream_release(stream, stream->out.size);
    stream->out_sent = 0;
    mw_buf_reset(&stream->out);
    net_swap_bytes(&stream->out, &stream->exchange->reply);
    net_stream_ask_part(stream);
}

/* All of `out` was handed to nghttp2, n_sent bytes of it just now. */
static ssize_t read_end(net_stream *stream, size_t n_sent, uint32_t *flags)
{
    if (stream->is_grpc)
        return net_grpc_read_end(stream, n_sent, flags);
    if (!stream->goes_on) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        return (ssize_t)n_sent;
    }
    if (stream->exchange->in_parts && !stream->is_running && !stream->is_queued && !stream->is_last)
        ask_part(stream);
    stream->is_deferred = n_sent == 0;
    return n_sent > 0 ? (ssize_t)n_sent : NGHTTP2_ERR_DEFERRED;
}

static ssize_t read_out(nghttp2_session *session, int32_t id, uint8_t *data, size_t size,
                        uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)session;
    (void)id;
    (void)user;
    net_stream *stream = source->ptr;
    size_t left = stream->out.size - stream->out_sent, n = left < size ? left : size;
    memcpy(data, stream->out.data + stream->out_sent, n);
    stream->out_sent += n;
    stream->progress_ns = net_stream_loop(stream)->now_ns;
    return n < left ? (ssize_t)n : read_end(stream, n, flags);
}

/* ---- heads ----------------------------------------------------------------------------------- */

static nghttp2_nv pair(mw_view name, mw_view value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.data, (uint8_t *)(uintptr_t)value.data,
                        name.size, value.size, NGHTTP2_NV_FLAG_NONE};
}

/* Both are literals, and so are there when the frame is made: nothing is copied. */
static nghttp2_nv fixed_pair(mw_view name, mw_view value)
{
    nghttp2_nv made = pair(name, value);
    made.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    return made;
}

/* A value that will not come again has no place in the table of those that are sent by number: it
 * would only drive others out. */
static nghttp2_nv unique_pair(mw_view name, mw_view value)
{
    nghttp2_nv made = pair(name, value);
    made.flags = NGHTTP2_NV_FLAG_NO_INDEX;
    return made;
}

/* Names are written small in HTTP/2. */
static bool add_lines(net_exchange *exchange, mw_view lines, nghttp2_nv *pairs, size_t *n)
{
    while (lines.size > 0) {
        const char *end = memchr(lines.data, '\n', lines.size);
        size_t size = (size_t)(end - lines.data) + 1;
        mw_header header;
        mw_view line = {lines.data, size - 2};
        if (*n == MOST_REPLY_HEADERS || net_split_header(line, &header) != NULL)
            return false;
        char *name = mw_arena_text(&exchange->arena, header.name);
        if (!name)
            return false;
        for (size_t i = 0; i < header.name.size; i++)
            name[i] |= name[i] >= 'A' && name[i] <= 'Z' ? 0x20 : 0;
        pairs[(*n)++] = pair((mw_view){name, header.name.size}, header.value);
        lines = (mw_view){lines.data + size, lines.size - size};
    }
    return true;
}

static mw_view status_text(int status, char room[8])
{
    if (status == 200)
        return MW_VIEW("200");
    return (mw_view){room, (size_t)snprintf(room, 8, "%d", status)};
}

/* :status, type, length, date and the handler's lines; `out` follows. */
static bool submit_head(net_stream *stream, mw_exchange *shown, bool has_body, uint64_t body_bytes)
{
    nghttp2_nv pairs[MOST_REPLY_HEADERS + REPLY_HEADERS + 1];
    size_t n = 0, date_size;
    char status[8], length[MW_NUMBER_TEXT_BYTES];
    const char *date = net_loop_date(net_stream_loop(stream), &date_size);
    enum { DATE_NAME = 6, LINE_END = 2 };
    if (stream->is_grpc) {
        pairs[n++] = fixed_pair(MW_VIEW(":status"), MW_VIEW("200"));
        pairs[n++] = fixed_pair(MW_VIEW("content-type"), MW_VIEW("application/grpc"));
    } else {
        pairs[n++] = pair(MW_VIEW(":status"), status_text(shown->status, status));
    }
    if (!stream->is_grpc && shown->reply_type.size > 0)
        pairs[n++] = pair(MW_VIEW("content-type"), shown->reply_type);
    if (net_status_has_body(shown->status) && body_bytes != NO_LENGTH)
        pairs[n++] = pair(MW_VIEW("content-length"),
                          (mw_view){length, mw_number_write_int(length, (int64_t)body_bytes)});
    pairs[n++] =
        pair(MW_VIEW("date"), (mw_view){date + DATE_NAME, date_size - DATE_NAME - LINE_END});
    if (shown->request_id.size > 0)
        pairs[n++] = unique_pair(MW_VIEW("x-request-id"), shown->request_id);
    if (!add_lines(stream->exchange, shown->reply_headers, pairs, &n))
        return false;
    nghttp2_data_provider provider = {{.ptr = stream}, read_out};
    stream->is_answered = true;
    stream->progress_ns = net_stream_loop(stream)->now_ns;
    return nghttp2_submit_response(stream->http2->session, stream->id, pairs, n,
                                   has_body ? &provider : NULL) == 0;
}

bool net_stream_submit_head(net_stream *stream, bool has_body)
{
    return submit_head(stream, &stream->exchange->shown, has_body, NO_LENGTH);
}

bool net_stream_submit_success(net_stream *stream)
{
    nghttp2_nv status = fixed_pair(MW_VIEW("grpc-status"), MW_VIEW("0"));
    return nghttp2_submit_trailer(stream->http2->session, stream->id, &status, 1) == 0;
}

bool net_stream_submit_trailers(net_stream *stream, mw_view lines)
{
    nghttp2_nv pairs[MOST_REPLY_HEADERS];
    size_t n = 0;
    return add_lines(stream->exchange, lines, pairs, &n) &&
           nghttp2_submit_trailer(stream->http2->session, stream->id, pairs, n) == 0;
}

void net_stream_reset(net_stream *stream, uint32_t code)
{
    nghttp2_submit_rst_stream(stream->http2->session, NGHTTP2_FLAG_NONE, stream->id, code);
}

void net_stream_say_continue(net_stream *stream)
{
    nghttp2_nv status = pair(MW_VIEW(":status"), MW_VIEW("100"));
    nghttp2_submit_headers(stream->http2->session, NGHTTP2_FLAG_NONE, stream->id, NULL, &status, 1,
                           NULL);
}

/* ---- answers --------------------------------------------------------------------------------- */

void net_stream_resume(net_stream *stream)
{
    if (stream->is_deferred)
        nghttp2_session_resume_data(stream->http2->session, stream->id);
    stream->is_deferred = false;
}

/* A large body is not copied. */
static void hand_out(net_stream *stream)
{
    net_swap_bytes(&stream->out, &stream->exchange->reply);
    net_stream_hold(stream, stream->out.size);
    net_stream_resume(stream);
}

static void let_exchange_go(net_stream *stream)
{
    net_loop_give_exchange(net_stream_loop(stream), stream->exchange);
    stream->exchange = NULL;
}

/* A part of an answer whose length is known. The client of one that does not become whole sees its
 * stream reset. */
static void answer_part(net_stream *stream)
{
    net_exchange *exchange = stream->exchange;
    mw_exchange *shown = &exchange->shown;
    bool begins = !exchange->in_parts;
    exchange->in_parts = true;
    exchange->sent_bytes += exchange->reply.size;
    stream->goes_on = shown->reply_goes_on;
    if ((!stream->goes_on && exchange->sent_bytes != shown->reply_bytes) ||
        (begins && !submit_head(stream, shown, true, shown->reply_bytes))) {
        stream->is_last = true;
        net_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    if (!stream->goes_on)
        net_exchange_end(exchange, false);
    hand_out(stream);
    if (!stream->goes_on)
        let_exchange_go(stream);
}

void net_stream_end_lasting(net_stream *stream)
{
    net_lasting_forget(stream->exchange);
    net_exchange_end(stream->exchange, false);
    let_exchange_go(stream);
    stream->goes_on = false;
    net_stream_resume(stream);
}

static void append(net_stream *stream, const mw_buf *piece)
{
    if (stream->out_sent == stream->out.size) {
        net_stream_release(stream, stream->out.size);
        mw_buf_reset(&stream->out);
        stream->out_sent = 0;
        stream->progress_ns = net_stream_loop(stream)->now_ns;
    }
    mw_buf_bytes(&stream->out, piece->data, piece->size);
    net_stream_hold(stream, piece->size);
}

/* A piece of a body that goes on at news (lasting.c), and ends with its stream. */
static void answer_piece(net_stream *stream)
{
    net_exchange *exchange = stream->exchange;
    mw_exchange *shown = &exchange->shown;
    bool begins = !exchange->lasts;
    if (!shown->stays || shown->status != 200 || net_stream_loop(stream)->phase != NET_RUNNING) {
        net_stream_end_lasting(stream);
        return;
    }
    exchange->lasts = stream->goes_on = true;
    exchange->sent_bytes += exchange->reply.size;
    append(stream, &exchange->reply);
    if (stream->out.failed || (begins && !submit_head(stream, shown, true, NO_LENGTH))) {
        net_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    net_lasting_wait(exchange);
    net_stream_resume(stream);
}

static void answer(net_stream *stream)
{
    net_exchange *exchange = stream->exchange;
    mw_exchange *shown = &exchange->shown;
    bool has_body =
        net_status_has_body(shown->status) && shown->method != MW_HEAD && exchange->reply.size > 0;
    net_exchange_end(exchange, false);
    bool is_sent = submit_head(stream, shown, has_body,
                               shown->reply_bytes ? shown->reply_bytes : exchange->reply.size);
    if (has_body)
        hand_out(stream);
    let_exchange_go(stream);
    if (!is_sent)
        net_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
}

void net_stream_reply(net_stream *stream)
{
    net_exchange *exchange = stream->exchange;
    const mw_exchange *shown = &exchange->shown;
    stream->is_running = false;
    net_exchange_mend_reply(exchange);
    if (stream->is_grpc)
        net_grpc_answer(stream);
    else if (shown->reply_goes_on || exchange->in_parts)
        answer_part(stream);
    else if (exchange->lasts || net_lasting_begins(exchange))
        answer_piece(stream);
    else
        answer(stream);
}
