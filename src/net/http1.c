/* HTTP/1.1 (and 1.0) on a connection.
 *
 *      HEAD --whole--> [BODY | CHUNKS] --whole--> ANSWERING --reply--> HEAD ...
 *        |                  |                         `--close--> (closed)
 *        `----refused-------'--> answer, then LINGERING --> (closed)
 *
 * One request at a time: the next one on a connection is looked at when the last was answered, so
 * pipelined answers leave in order by themselves. Those that are ready in one wake-up are gathered
 * and leave in one system call.
 */
#include <assert.h>

#include "exchange.h"
#include "http2.h"
#include "reply.h"

enum {
    SMALL_BODY_BYTES =
        16 * 1024,              /* copied behind its head; larger ones are sent from their place */
    GATHER_BYTES = 64 * 1024,   /* gathered answers are sent when they pass this */
    READS_A_TURN = 16,          /* then other connections have their turn */
    REQUESTS_A_TURN = 16,       /* then the clock is asked whether they should */
    BODY_ROOM_BYTES = 4 * 1024, /* behind a head in the read buffer, at least */
    FIRST_BODY_BYTES = 64 * 1024, /* body memory grows from here, as bytes really arrive */
    SPARE_BYTES = 1024,           /* asked for behind a body: fewer than asked for means no more */
    BODY_ALIGN = 16,
    SLACK_BYTES = SPARE_BYTES + BODY_ALIGN, /* beside a body in memory of its own */
    NS_PER_MS = 1000000
};

typedef enum step {
    STEP_ON,    /* go on with what is buffered */
    STEP_BYTES, /* more bytes are needed */
    STEP_WAIT,  /* for the handler's answer */
    STEP_END,   /* the last answer is written: close behind it */
    STEP_GONE   /* closed, or blocked in writing: touch nothing more */
} step;

static net_http1_state_block *state_of(net_connection *connection)
{
    return &connection->http1;
}

/* ---- answering ------------------------------------------------------------------------------- */

/* Drop the request's bytes and be ready for the next head. */
static void finish_request(net_connection *connection)
{
    net_http1_state_block *http = state_of(connection);
    net_input *in = &connection->in;
    if (http->state == NET_HTTP1_ANSWERING && http->body_in_place)
        in->begin = http->body_offset + (uint32_t)http->body_bytes;
    if (in->begin == in->end)
        in->begin = in->end = 0;
    http->state = NET_HTTP1_HEAD;
    http->exchange = NULL;
    net_head_parser_reset(&http->parser);
}

/* The last piece is on its way: the connection ends behind it, and so does the body. */
static step end_lasting(net_connection *connection, net_exchange *exchange)
{
    net_exchange_end(exchange, false);
    finish_request(connection);
    state_of(connection)->closing = true;
    net_loop_give_exchange(connection->loop, exchange);
    return STEP_ON;
}

/* A piece of a body without a length. */
static step answer_piece(net_connection *connection, net_exchange *exchange)
{
    net_loop *loop = connection->loop;
    mw_exchange *shown = &exchange->shown;
    mw_buf *out = net_connection_gather(connection);
    bool begins = !exchange->lasts;
    if (!shown->stays || shown->status != 200 || loop->phase != NET_RUNNING)
        return end_lasting(connection, exchange);
    exchange->lasts = true;
    exchange->sent_bytes += exchange->reply.size;
    if (begins)
        net_write_reply_head(loop, out, shown, 0,
                             (net_reply_form){.closes = true, .has_no_length = true});
    mw_buf_bytes(out, exchange->reply.data, exchange->reply.size);
    net_lasting_wait(exchange);
    return net_connection_flush(connection, NULL) ? STEP_WAIT : STEP_GONE;
}

static bool may_keep_alive(const net_connection *connection, const net_exchange *exchange)
{
    return connection->http1.keep_alive && !exchange->shown.close_after &&
           connection->loop->phase == NET_RUNNING;
}

static step end_parts(net_connection *connection, net_exchange *exchange)
{
    net_loop *loop = connection->loop;
    if (exchange->sent_bytes != exchange->shown.reply_bytes) {
        net_connection_close(connection); /* the client sees that it is not whole */
        return STEP_GONE;
    }
    net_exchange_end(exchange, false);
    state_of(connection)->closing = !may_keep_alive(connection, exchange);
    connection->n_requests++;
    finish_request(connection);
    bool goes_on = net_connection_flush(connection, &exchange->reply);
    net_loop_give_exchange(loop, exchange);
    return goes_on ? STEP_ON : STEP_GONE;
}

/* A part of an answer whose length is known. */
static step answer_part(net_connection *connection, net_exchange *exchange)
{
    net_http1_state_block *http = state_of(connection);
    mw_exchange *shown = &exchange->shown;
    if (!exchange->in_parts)
        net_write_reply_head(
            connection->loop, net_connection_gather(connection), shown, shown->reply_bytes,
            (net_reply_form){!may_keep_alive(connection, exchange), http->says_keep_alive, false});
    exchange->in_parts = true;
    exchange->sent_bytes += exchange->reply.size;
    if (!shown->reply_goes_on)
        return end_parts(connection, exchange);
    http->state = NET_HTTP1_SENDING;
    return net_connection_flush(connection, &exchange->reply) ? STEP_ON : STEP_GONE;
}

static step answer(net_connection *connection, net_exchange *exchange)
{
    net_loop *loop = connection->loop;
    net_http1_state_block *http = state_of(connection);
    mw_exchange *shown = &exchange->shown;
    net_exchange_mend_reply(exchange);
    if (shown->body_goes_on) /* what is left of it stands before the next request */
        shown->close_after = http->refused = true;
    if (shown->reply_goes_on || exchange->in_parts)
        return answer_part(connection, exchange);
    if (exchange->lasts || net_lasting_begins(exchange))
        return answer_piece(connection, exchange);
    net_exchange_end(exchange, false);
    bool keep = may_keep_alive(connection, exchange);
    mw_buf *out = net_connection_gather(connection);
    size_t body_bytes = exchange->reply.size;
    net_write_reply_head(loop, out, shown, shown->reply_bytes ? shown->reply_bytes : body_bytes,
                         (net_reply_form){!keep, http->says_keep_alive, false});
    bool has_body = net_status_has_body(shown->status) && shown->method != MW_HEAD;
    bool is_large = has_body && body_bytes > SMALL_BODY_BYTES;
    if (has_body && !is_large)
        mw_buf_bytes(out, exchange->reply.data, body_bytes);
    http->closing = !keep;
    connection->n_requests++;
    finish_request(connection);
    bool goes_on = !is_large && out->size < GATHER_BYTES && !out->failed;
    if (!goes_on)
        goes_on = net_connection_flush(connection, is_large ? &exchange->reply : NULL);
    net_loop_give_exchange(loop, exchange);
    return goes_on ? STEP_ON : STEP_GONE;
}

/* Answer with a refusal and close behind it: after a fault nobody knows where the next request
 * would begin. */
static step refuse(net_connection *connection, int refusal, const mw_error *err)
{
    net_loop *loop = connection->loop;
    net_http1_state_block *http = state_of(connection);
    if (!http->exchange)
        http->exchange = net_begin_exchange(connection);
    net_exchange *exchange = http->exchange;
    if (!exchange) {
        net_connection_close(connection);
        return STEP_GONE;
    }
    net_count(&loop->counts.faults, 1);
    net_fill_fault(loop->server, &exchange->shown, refusal, err);
    http->keep_alive = false;
    http->refused = true;
    net_timer_clear(&loop->timers, &connection->timer);
    return answer(connection, exchange);
}

static step refuse_large_body(net_connection *connection)
{
    mw_error err;
    net_fail_large_body(state_of(connection)->body_cap, &err);
    return refuse(connection, 413, &err);
}

static step refuse_late(net_connection *connection)
{
    mw_error err;
    net_fail_late(connection->loop, &err);
    return refuse(connection, 408, &err);
}

static step refuse_silence(net_connection *connection)
{
    mw_error err;
    net_fail_silence(&err);
    return refuse(connection, 500, &err);
}

/* ---- from whole request to handler ----------------------------------------------------------- */

static step dispatch(net_connection *connection)
{
    net_loop *loop = connection->loop;
    net_http1_state_block *http = state_of(connection);
    net_exchange *exchange = http->exchange;
    if (connection->timer.kind != NET_TIMER_IDLE) /* that one is only moved, at rest */
        net_timer_clear(&loop->timers, &connection->timer);
    http->state = NET_HTTP1_ANSWERING;
    switch (net_exchange_handle(exchange)) {
    case NET_EXCHANGE_DEFERRED:
        net_timer_clear(&loop->timers, &connection->timer);
        return STEP_WAIT;
    case NET_EXCHANGE_WAITING:
        net_lasting_wait(exchange);
        return STEP_WAIT;
    case NET_EXCHANGE_OPEN:
        return refuse_silence(connection);
    default:
        return answer(connection, exchange);
    }
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static step read_body(net_connection *connection)
{
    net_http1_state_block *http = state_of(connection);
    net_exchange *exchange = http->exchange;
    net_input *in = &connection->in;
    uint64_t have = http->body_in_place ? in->end - http->body_offset
                                        : exchange->body.size - http->body_lead_bytes;
    http->body_read_bytes = have;
    if (have < http->body_bytes)
        return STEP_BYTES;
    const char *data = http->body_in_place ? in->data + http->body_offset
                                           : exchange->body.data + http->body_lead_bytes;
    exchange->shown.body = (mw_view){data, (size_t)http->body_bytes};
    exchange->shown.body_goes_on = http->body_left > 0;
    return dispatch(connection);
}

/* Chunks are small beside a piece; which of them is the last is not known yet. */
static bool is_piece_full(const net_connection *connection)
{
    return connection->http1.body_in_pieces &&
           connection->http1.exchange->body.size >= MW_PIECE_BYTES;
}

static step read_chunks(net_connection *connection)
{
    net_http1_state_block *http = state_of(connection);
    net_exchange *exchange = http->exchange;
    net_input *in = &connection->in;
    for (;;) {
        size_t used;
        mw_view piece;
        int refusal;
        mw_error err;
        switch (net_chunks_next(&http->chunks, in->data + in->begin, in->end - in->begin, &used,
                                &piece, &refusal, &err)) {
        case NET_CHUNK_REFUSED:
            return refuse(connection, refusal, &err);
        case NET_CHUNK_DATA:
            mw_buf_view(&exchange->body, piece);
            if (exchange->body.failed)
                return refuse_large_body(connection);
            in->begin += (uint32_t)used;
            if (!is_piece_full(connection))
                break;
            exchange->shown.body = mw_buf_as_view(&exchange->body);
            exchange->shown.body_goes_on = true;
            return dispatch(connection);
        case NET_CHUNK_MORE:
            http->body_read_bytes = exchange->body.size;
            in->begin = in->end = http->body_offset; /* all was used: read here again */
            return STEP_BYTES;
        case NET_CHUNK_END:
            in->begin += (uint32_t)used;
            exchange->shown.body = mw_buf_as_view(&exchange->body);
            exchange->shown.body_goes_on = false;
            return dispatch(connection);
        }
    }
}

/* The body does not fit behind its head in the read buffer: it gets memory of its own. */
static bool move_body(net_connection *connection)
{
    static const char free_bytes[BODY_ALIGN];
    const mw_server_options *options = &connection->loop->server->options;
    net_http1_state_block *http = state_of(connection);
    net_input *in = &connection->in;
    mw_exchange *shown = &http->exchange->shown;
    size_t lead = options->body_lead ? options->body_lead(options->user, shown) : 0;
    uint32_t taken = in->end - in->begin;
    taken = taken < http->body_bytes ? taken : (uint32_t)http->body_bytes;
    http->body_lead_bytes = (uint8_t)((BODY_ALIGN - lead % BODY_ALIGN) % BODY_ALIGN);
    http->exchange->body.cap = http->body_bytes + SLACK_BYTES;
    mw_buf_bytes(&http->exchange->body, free_bytes, http->body_lead_bytes);
    mw_buf_bytes(&http->exchange->body, in->data + in->begin, taken);
    in->begin += taken;
    if (in->begin == in->end)
        in->begin = in->end = http->body_offset;
    http->body_in_place = false;
    return !http->exchange->body.failed;
}

/* ---- bodies in pieces ------------------------------------------------------------------------ */

/* The next piece of a body of known length. */
static void cut_piece(net_http1_state_block *http)
{
    http->body_bytes = http->body_left < MW_PIECE_BYTES ? http->body_left : MW_PIECE_BYTES;
    http->body_left -= http->body_bytes;
}

static void choose_pieces(net_connection *connection, const net_head *head)
{
    net_http1_state_block *http = state_of(connection);
    const mw_server_options *options = &connection->loop->server->options;
    bool may = options->body_in_pieces &&
               (head->chunked || head->content_length > MW_PIECE_BYTES) &&
               options->body_in_pieces(options->user, &http->exchange->shown);
    http->body_in_pieces = may;
    http->body_in_chunks = head->chunked;
    http->body_left = 0;
    if (may && !head->chunked) {
        http->body_left = head->content_length;
        cut_piece(http);
    }
    if (may)
        http->exchange->body.cap = MW_PIECE_BYTES + connection->loop->buffer_bytes;
}

/* The handler has used a piece: read the next one in its place. */
static step next_piece(net_connection *connection)
{
    net_http1_state_block *http = state_of(connection);
    net_exchange *exchange = http->exchange;
    exchange->wants_piece = false;
    exchange->shown.body_begin += exchange->shown.body.size;
    exchange->shown.body = (mw_view){NULL, 0};
    mw_buf_reset(&exchange->body);
    http->body_read_bytes = 0;
    http->state = http->body_in_chunks ? NET_HTTP1_CHUNKS : NET_HTTP1_BODY;
    if (http->body_in_chunks)
        return STEP_ON;
    cut_piece(http);
    return move_body(connection) ? STEP_ON : refuse_large_body(connection);
}

/* The socket has taken a part of an answer: the next one. Its memory is of the loop's thread: each
 * worker that made it anew would keep a MiB or two (malloc's arenas), however small the answer. */
static step next_part(net_connection *connection)
{
    net_exchange *exchange = state_of(connection)->exchange;
    if (exchange->reply.capacity <= MW_PIECE_BYTES)
        mw_buf_done(&exchange->reply);
    mw_buf_reset(&exchange->reply);
    (void)mw_buf_reserve(&exchange->reply, MW_PIECE_BYTES); /* a handler sees that it failed */
    exchange->state = NET_EXCHANGE_OPEN;
    exchange->is_again = true;
    return dispatch(connection);
}

static step say_continue(net_connection *connection, step next)
{
    mw_buf_text(net_connection_gather(connection), "HTTP/1.1 100 Continue\r\n\r\n");
    return net_connection_flush(connection, NULL) ? next : STEP_GONE;
}

static step begin_body(net_connection *connection, const net_head *head)
{
    net_http1_state_block *http = state_of(connection);
    net_input *in = &connection->in;
    size_t cap = net_body_cap(connection->loop->server, &http->exchange->shown);
    http->exchange->body.cap = http->body_cap = cap;
    http->body_offset = in->begin;
    http->body_bytes = head->content_length;
    http->body_read_bytes = 0;
    http->body_in_place = !head->chunked;
    if (head->content_length > cap)
        return refuse_large_body(connection);
    choose_pieces(connection, head);
    http->large_head_bytes = 0;
    uint32_t buffered = in->end - in->begin;
    bool is_whole = !head->chunked && buffered >= head->content_length;
    if (head->chunked) {
        http->state = NET_HTTP1_CHUNKS;
        net_chunks_init(&http->chunks, cap);
    } else {
        http->state = NET_HTTP1_BODY;
        bool fits = http->body_bytes <= in->capacity - in->begin;
        if (!fits && !move_body(connection))
            return refuse_large_body(connection);
        if (!fits && head->size <= UINT16_MAX)
            http->large_head_bytes = (uint16_t)head->size;
    }
    /* A client that already sends its body does not wait (RFC 9110 § 10.1.1). */
    if (head->expects_continue && !is_whole && buffered == 0)
        return say_continue(connection, STEP_ON);
    return STEP_ON;
}

/* ---- heads ----------------------------------------------------------------------------------- */

static void show_request(net_connection *connection, net_exchange *exchange, const net_head *head)
{
    net_http1_state_block *http = state_of(connection);
    mw_exchange *shown = &exchange->shown;
    shown->method = head->method;
    shown->method_text = head->method_text;
    shown->target = head->target;
    shown->path = head->path;
    shown->query = head->query;
    shown->host = head->host;
    shown->headers = head->headers;
    shown->n_headers = head->n_headers;
    shown->content_type = head->content_type;
    http->keep_alive = head->keep_alive;
    http->says_keep_alive = head->minor_version == 0 && head->keep_alive;
}

/* A new head must have room for itself and the begin of its body: move it to the front, seldom. */
static void make_room(net_connection *connection)
{
    net_input *in = &connection->in;
    size_t needed = connection->loop->server->head_limits.head_bytes + BODY_ROOM_BYTES;
    if (in->begin == 0 || in->capacity - in->begin >= needed)
        return;
    memmove(in->data, in->data + in->begin, in->end - in->begin);
    in->end -= in->begin;
    in->begin = 0;
}

static step read_head(net_connection *connection)
{
    net_loop *loop = connection->loop;
    net_http1_state_block *http = state_of(connection);
    net_input *in = &connection->in;
    bool is_whole;
    if (in->begin == in->end)
        return STEP_BYTES;
    if (connection->n_requests == 0 && net_http2_may_begin(in, &is_whole)) {
        if (!is_whole)
            return STEP_BYTES;
        net_http2_take_over(connection);
        return STEP_GONE;
    }
    make_room(connection);
    net_exchange *exchange = net_begin_exchange(connection);
    if (!exchange) {
        net_connection_close(connection);
        return STEP_GONE;
    }
    net_head head = {.headers = exchange->headers};
    int refusal;
    mw_error err;
    net_verdict verdict =
        net_parse_head(&http->parser, &loop->server->head_limits, in->data + in->begin,
                       in->end - in->begin, &head, &refusal, &err);
    if (verdict == NET_MORE) {
        net_loop_give_exchange(loop, exchange);
        return STEP_BYTES;
    }
    http->exchange = exchange;
    if (verdict == NET_REFUSED && connection->n_requests == 0)
        net_complain_of_opening(connection, in->data + in->begin, in->end - in->begin);
    if (verdict == NET_REFUSED)
        return refuse(connection, refusal, &err);
    show_request(connection, exchange, &head);
    in->begin += (uint32_t)head.size;
    return begin_body(connection, &head);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* What came behind the body is the begin of the next request. */
static void put_back(net_connection *connection, size_t size)
{
    net_input *in = &connection->in;
    mw_buf *body = &state_of(connection)->exchange->body;
    body->size -= size;
    assert(in->capacity - in->end >= size);
    memcpy(in->data + in->end, body->data + body->size, size);
    in->end += (uint32_t)size;
}

static ssize_t read_own_body(net_connection *connection)
{
    net_http1_state_block *http = state_of(connection);
    mw_buf *body = &http->exchange->body;
    size_t end = http->body_lead_bytes + (size_t)http->body_bytes;
    size_t missing = end - body->size + SPARE_BYTES;
    size_t room = body->capacity > body->size + 1 ? body->capacity - body->size - 1 : 0;
    if (room == 0) {
        room = body->size > FIRST_BODY_BYTES ? body->size : FIRST_BODY_BYTES;
        if (!mw_buf_reserve(body, room < missing ? room : missing))
            return NET_BROKEN;
        room = body->capacity - body->size - 1;
    }
    ssize_t n = net_connection_read_into(connection, body->data + body->size,
                                         room < missing ? room : missing);
    if (n <= 0)
        return n;
    body->size += (size_t)n;
    if (body->size > end)
        put_back(connection, body->size - end);
    body->data[body->size] = '\0';
    return n;
}

/* Who sends large bodies sends one more, behind a head as long as the last one. Read that alone,
 * and the body goes where it is used, without a copy of its begin. (TLS opens whole records.) */
static size_t most_to_read(const net_connection *connection)
{
    const net_http1_state_block *http = &connection->http1;
    const net_input *in = &connection->in;
    bool foresees = http->state == NET_HTTP1_HEAD && http->large_head_bytes > 0 &&
                    in->begin == in->end && connection->transport == &net_plain;
    return foresees ? http->large_head_bytes : SIZE_MAX;
}

static ssize_t read_more(net_connection *connection)
{
    net_http1_state_block *http = state_of(connection);
    if (http->state == NET_HTTP1_BODY && !http->body_in_place)
        return read_own_body(connection);
    ssize_t n =
        net_connection_read(connection, http->state == NET_HTTP1_HEAD, most_to_read(connection));
    if (n > 0 && http->state == NET_HTTP1_LINGERING) {
        http->lingered_bytes += (uint64_t)n;
        if (http->lingered_bytes > MW_LIMIT_LINGER_BYTES)
            return NET_BROKEN;
    }
    return n;
}

/* Nothing to read for now: start the clock that belongs to the state, give buffers back. */
static void rest(net_connection *connection)
{
    net_loop *loop = connection->loop;
    net_http1_state_block *http = state_of(connection);
    net_timer *timer = &connection->timer;
    net_timer_kind kind = timer->kind;
    switch (http->state) {
    case NET_HTTP1_HEAD:
        if (connection->in.begin < connection->in.end)
            kind = NET_TIMER_HEAD;
        else if (kind != NET_TIMER_DRAIN)
            kind = connection->n_requests > 0 ? NET_TIMER_IDLE : NET_TIMER_HEAD;
        /* An idle clock starts again with each request, the others only once. */
        if (kind == NET_TIMER_IDLE || kind != timer->kind)
            net_timer_set(&loop->timers, timer, kind, loop->now_ns);
        net_connection_park(connection);
        break;
    case NET_HTTP1_BODY:
    case NET_HTTP1_CHUNKS:
        if (kind == NET_TIMER_BODY)
            break;
        http->body_begin_ns = loop->now_ns;
        net_timer_set(&loop->timers, timer, NET_TIMER_BODY, loop->now_ns);
        break;
    default:
        net_connection_park(connection);
        break;
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Closing a socket with unread bytes makes the kernel send a reset, which may destroy the answer
 * before the client has read it. So where bytes may be unread: finish writing, and read on for a
 * while. False when the connection was closed. */
static bool end(net_connection *connection)
{
    net_http1_state_block *http = state_of(connection);
    bool is_clean =
        !http->refused && connection->in.begin == connection->in.end && !connection->may_read;
    if (is_clean || connection->peer_finished) {
        net_connection_close(connection);
        return false;
    }
    connection->transport->finish(connection);
    connection->in.begin = connection->in.end = 0;
    http->state = NET_HTTP1_LINGERING;
    http->closing = false;
    net_timer_set(&connection->loop->timers, &connection->timer, NET_TIMER_LINGER,
                  connection->loop->now_ns);
    return true;
}

/* ---- the machine ----------------------------------------------------------------------------- */

static step take_step(net_connection *connection)
{
    if (state_of(connection)->closing)
        return STEP_END;
    switch (state_of(connection)->state) {
    case NET_HTTP1_HEAD:
        return read_head(connection);
    case NET_HTTP1_BODY:
        return read_body(connection);
    case NET_HTTP1_CHUNKS:
        return read_chunks(connection);
    case NET_HTTP1_ANSWERING:
        return STEP_WAIT;
    case NET_HTTP1_SENDING:
        return next_part(connection);
    default:
        connection->in.begin = connection->in.end = 0;
        return STEP_BYTES;
    }
}

/* Steps through everything that is buffered, sends what was gathered. A client that sends many
 * small requests at once must not keep the others waiting: STEP_ON = its turn is over. */
static step take_steps(net_connection *connection)
{
    step taken;
    uint32_t checked = connection->n_requests;
    do {
        taken = take_step(connection);
        if (taken != STEP_ON || connection->n_requests - checked < REQUESTS_A_TURN)
            continue;
        checked = connection->n_requests;
        if (net_loop_turn_is_over(connection->loop))
            break;
    } while (taken == STEP_ON);
    if (taken == STEP_GONE)
        return STEP_GONE;
    return net_connection_flush(connection, NULL) ? taken : STEP_GONE;
}

static void advance(net_connection *connection)
{
    for (unsigned n_reads = 0;;) {
        switch (take_steps(connection)) {
        case STEP_END:
            if (!end(connection))
                return;
            continue;
        case STEP_BYTES:
            break;
        case STEP_ON:
            net_loop_again(connection->loop, connection);
            return;
        default:
            return;
        }
        if (!connection->may_read || n_reads++ == READS_A_TURN) {
            rest(connection);
            if (connection->may_read)
                net_loop_again(connection->loop, connection);
            return;
        }
        ssize_t n = read_more(connection);
        if (n == 0 || n == NET_BROKEN) {
            net_connection_close(connection);
            return;
        }
    }
}

/* ---- what the loop calls --------------------------------------------------------------------- */

static void http1_open(net_connection *connection)
{
    net_timer_set(&connection->loop->timers, &connection->timer, NET_TIMER_HEAD,
                  connection->loop->now_ns);
}

/* Whether a body waits for news, and nothing else is under way. */
static bool is_waiting(const net_connection *connection)
{
    return connection->http1.exchange && connection->http1.exchange->waits;
}

static void http1_ready(net_connection *connection)
{
    if (is_waiting(connection) && connection->peer_finished)
        net_connection_close(connection); /* who waits for news does not close his half */
    else if (!connection->write_blocked)
        advance(connection);
}

static void http1_hang_up(net_connection *connection)
{
    net_exchange *exchange = state_of(connection)->exchange;
    if (exchange && connection->n_exchanges > 0)
        atomic_store_explicit(&exchange->is_gone, true, memory_order_relaxed);
}

static void http1_reply(net_connection *connection, net_exchange *exchange)
{
    if (answer(connection, exchange) == STEP_ON && !connection->write_blocked)
        advance(connection);
}

/* The handler has asked for its request once more. */
static void http1_return(net_connection *connection, net_exchange *exchange)
{
    exchange->state = NET_EXCHANGE_OPEN;
    exchange->is_again = true; /* until the exchange is begun anew */
    step taken = exchange->wants_piece ? next_piece(connection) : dispatch(connection);
    if (taken == STEP_ON && !connection->write_blocked)
        advance(connection);
}

/* Is the body too slow, by its whole time or by its mean pace? One that may be larger than others
 * has that time for each MiB. */
static bool is_body_late(const net_connection *connection)
{
    const net_http1_state_block *http = &connection->http1;
    const mw_server_options *options = &connection->loop->server->options;
    uint64_t ms = (connection->loop->now_ns - http->body_begin_ns) / NS_PER_MS;
    uint64_t n_steps = http->body_cap > options->max_body_bytes
                           ? http->body_read_bytes / MW_LIMIT_WRITE_STEP_BYTES
                           : 0;
    if (ms >= options->body_ms * (1 + n_steps))
        return true;
    return ms > MW_LIMIT_BODY_RATE_MS && http->body_read_bytes < ms * MW_LIMIT_BODY_RATE / 1000;
}

static void http1_timeout(net_connection *connection, net_timer_kind kind)
{
    net_loop *loop = connection->loop;
    bool is_partial = connection->in.begin < connection->in.end;
    if (kind == NET_TIMER_BODY && !is_body_late(connection)) {
        net_timer_set(&loop->timers, &connection->timer, NET_TIMER_BODY, loop->now_ns);
        return;
    }
    if (kind == NET_TIMER_BODY || (kind == NET_TIMER_HEAD && is_partial)) {
        if (refuse_late(connection) == STEP_ON)
            advance(connection);
        return;
    }
    if (kind != NET_TIMER_DRAIN && kind != NET_TIMER_LINGER)
        net_count(&loop->counts.timeouts, 1);
    net_connection_close(connection);
}

/* An idle connection is closed, unless its client was busy a moment ago: such a client is about to
 * send its next request, which would be lost. */
static void http1_drain(net_connection *connection)
{
    net_loop *loop = connection->loop;
    if (is_waiting(connection)) {
        net_connection_close(connection);
        return;
    }
    if (state_of(connection)->state != NET_HTTP1_HEAD || connection->write_blocked ||
        connection->in.begin < connection->in.end)
        return;
    uint64_t period_ns = (uint64_t)loop->server->options.idle_ms * NS_PER_MS;
    uint64_t quiet_ns = loop->now_ns + period_ns - connection->timer.deadline_ns;
    if (connection->timer.kind == NET_TIMER_IDLE && !connection->may_read &&
        !connection->is_ready && quiet_ns > (uint64_t)MW_LIMIT_DRAIN_IDLE_MS * NS_PER_MS)
        net_connection_close(connection);
    else
        net_timer_set(&loop->timers, &connection->timer, NET_TIMER_DRAIN, loop->now_ns);
}

static void http1_refuse(net_connection *connection, int refusal, const mw_error *err)
{
    if (refuse(connection, refusal, err) == STEP_ON)
        advance(connection);
}

static void http1_close(net_connection *connection)
{
    net_http1_state_block *http = state_of(connection);
    if (is_waiting(connection))
        net_lasting_forget(http->exchange);
    if (http->exchange && connection->n_exchanges == 0 && http->exchange->is_asked)
        net_exchange_end(http->exchange, true);
    if (http->exchange && connection->n_exchanges == 0)
        net_loop_give_exchange(connection->loop, http->exchange);
    else if (http->exchange)
        http1_hang_up(connection);
    http->exchange = NULL;
}

static bool http1_is_busy(const net_connection *connection)
{
    const net_http1_state_block *http = &connection->http1;
    if (http->state == NET_HTTP1_LINGERING || is_waiting(connection))
        return false;
    return http->state != NET_HTTP1_HEAD || connection->write_blocked ||
           connection->in.begin < connection->in.end;
}

const net_protocol net_http1 = {
    .on_open = http1_open,
    .on_ready = http1_ready,
    .on_hang_up = http1_hang_up,
    .on_timeout = http1_timeout,
    .on_reply = http1_reply,
    .on_return = http1_return,
    .on_drain = http1_drain,
    .on_refuse = http1_refuse,
    .on_close = http1_close,
    .is_busy = http1_is_busy,
};
