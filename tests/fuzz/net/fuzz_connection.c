/* Whole connections: a real loop at one end of a socket pair, steps made of the input at the other.
 * HTTP/1.1, HTTP/2 and gRPC meet handlers that answer at once, later, again and again, or never;
 * time passes by hand. No crash, nothing leaks, and behind each input the loop holds nothing.
 *
 *     byte 0      bit 0: the client speaks HTTP/2;  bit 1: it does not read;  bit 2: drain at the
 * end then steps  one byte (step_kind), operands; what is short is read as zeros
 */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/http2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_STEPS = 400, HELD = 64, TURNS = 64, FRAME_HEAD = 9, SECOND_NS = 1000000000 };

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* ---- the server ------------------------------------------------------------------------------ */

static mw_server *server;
static net_loop *loop;
static uint64_t now_ns;
static int64_t wall_ms = 1795360445123;
static mw_exchange *held[HELD]; /* deferred */
static size_t n_held;

/* The next part of an answer in parts; `user`: how many are left. */
static void go_on(mw_exchange *exchange)
{
    uintptr_t left = (uintptr_t)exchange->user;
    exchange->user = (void *)(left - 1);
    for (unsigned i = 0; i < 100; i++)
        mw_buf_text(exchange->reply, "0123456789");
    exchange->reply_goes_on = left > 1;
    if (left % 2 == 0 && n_held < HELD) {
        held[n_held++] = exchange;
        mw_exchange_defer(exchange);
    } else {
        mw_exchange_reply(exchange);
    }
}

static void begin_parts(mw_exchange *exchange, bool is_short)
{
    mw_buf_reset(exchange->reply);
    exchange->stays = false;
    exchange->reply_bytes = is_short ? 5000 : 4000;
    exchange->user = (void *)4;
    exchange->go_on = go_on;
    go_on(exchange);
}

/* What it does is in the body's first byte, or in the path's last. */
static void handle(void *user, mw_exchange *exchange)
{
    (void)user;
    mw_view from = exchange->body.size > 0 ? exchange->body : exchange->path;
    unsigned says = from.size > 0 ? (unsigned char)from.data[from.size - 1] : 0;
    exchange->reply_type = MW_VIEW("text/plain");
    mw_buf_view(exchange->reply, exchange->body);
    exchange->status = says & 0x40 ? 400 : 200;
    exchange->takes_more = exchange->is_grpc && says & 0x20;
    exchange->stays = says & 0x10;
    bool may_wait = exchange->is_grpc || exchange->user; /* a body only behind its first piece */
    if (exchange->stays && !exchange->is_grpc)
        exchange->user = (void *)1;
    if (may_wait && (says & 0x0f) == 1) {
        mw_buf_reset(exchange->reply);
        mw_exchange_wait(exchange);
    } else if ((says & 0x0f) == 6 && !exchange->is_grpc) {
        begin_parts(exchange, says & 0x40);
    } else if ((says & 0x0f) == 2 && n_held < HELD) {
        held[n_held++] = exchange;
        mw_exchange_defer(exchange);
    } else if ((says & 0x0f) == 3) {
        for (unsigned i = 0; i < 40; i++)
            mw_buf_text(exchange->reply, "a longer answer, for windows that are small; ");
        mw_exchange_reply(exchange);
    } else if ((says & 0x0f) == 4) {
        mw_view body = {NULL, 0};
        mw_error err;
        if (mw_exchange_inflate(exchange, 4096, &body, &err) == MW_OK)
            mw_buf_view(exchange->reply, body);
        mw_exchange_reply(exchange);
    } else if ((says & 0x0f) != 5) { /* 5: it forgets to answer */
        mw_exchange_reply(exchange);
    }
}

static void open_server(void)
{
    mw_server_options options;
    mw_error err;
    mw_server_options_init(&options);
    options.listen = "127.0.0.1:0";
    options.max_head_bytes = 1024;
    options.max_body_bytes = 16384;
    options.handler = handle;
    mw_log_set_level(MW_LOG_ERROR);
    mw_clock_pin(&now_ns, &wall_ms);
    now_ns = SECOND_NS;
    check(mw_server_open(&options, &server, &err) == MW_OK);
    loop = &server->loops[0];
    net_loop_begin(loop);
}

static void turn(void)
{
    net_loop_post(loop, NULL); /* so that it does not wait */
    net_loop_turn(loop);
}

static void settle(unsigned n_turns)
{
    for (unsigned i = 0; i < n_turns; i++) {
        turn();
        if (!loop->ready)
            break;
    }
}

static void answer_held(bool returns)
{
    for (size_t i = 0; i < n_held; i++) {
        if (returns && held[i]->is_grpc) {
            /* its body says what comes next, and would say the same for ever */
            held[i]->body = (mw_view){"", 0};
            mw_exchange_return(held[i]);
        } else {
            mw_exchange_reply(held[i]);
        }
    }
    n_held = 0;
}

/* ---- the client ------------------------------------------------------------------------------ */

typedef struct input {
    const uint8_t *at, *end;
} input;

static unsigned take(input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static size_t take_bytes(input *in, size_t most, const uint8_t **ret_bytes)
{
    size_t size = take(in), left = (size_t)(in->end - in->at);
    size = size < left ? size : left;
    size = size < most ? size : most;
    *ret_bytes = in->at;
    in->at += size;
    return size;
}

static void send_bytes(int fd, const void *data, size_t size)
{
    ssize_t n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)n; /* what does not fit is lost, which is a frame cut short */
}

static void send_frame(int fd, unsigned type, unsigned flags, uint32_t stream, const void *payload,
                       size_t size)
{
    uint8_t frame[FRAME_HEAD + 1024] = {
        (uint8_t)(size >> 16),   (uint8_t)(size >> 8),   (uint8_t)size,
        (uint8_t)type,           (uint8_t)flags,         (uint8_t)(stream >> 24),
        (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
    check(size <= sizeof frame - FRAME_HEAD);
    if (size > 0)
        memcpy(frame + FRAME_HEAD, payload, size);
    send_bytes(fd, frame, FRAME_HEAD + size);
}

static size_t put_pair(uint8_t *to, const char *name, const char *value)
{
    size_t n = strlen(name), v = strlen(value), at = 0;
    to[at++] = 0; /* literal, not indexed, not compressed */
    to[at++] = (uint8_t)n;
    memcpy(to + at, name, n);
    to[at + n] = (uint8_t)v;
    memcpy(to + at + n + 1, value, v);
    return at + n + 1 + v;
}

static void send_head(int fd, unsigned what, unsigned flags, uint32_t stream)
{
    static const char *const paths[] = {"/a", "/b", "/c?x=1", "/#", "/3", "/2", "/e", "*"};
    static const char *const more[][2] = {
        {"te", "trailers"},        {"grpc-timeout", "100m"},
        {"content-length", "5"},   {"expect", "100-continue"},
        {"grpc-encoding", "gzip"}, {"content-encoding", "deflate"},
        {"connection", "close"},   {"x", "y"}};
    uint8_t block[512];
    size_t n = 0;
    bool is_grpc = what & 8;
    n += put_pair(block + n, ":method", is_grpc || what & 16 ? "POST" : "GET");
    n += put_pair(block + n, ":scheme", "http");
    n += put_pair(block + n, ":path", paths[what & 7]);
    n += put_pair(block + n, ":authority", "h:80");
    if (is_grpc)
        n += put_pair(block + n, "content-type", "application/grpc");
    if (what & 32)
        n += put_pair(block + n, more[what >> 6][0], more[what >> 6][1]);
    if (is_grpc)
        n += put_pair(block + n, more[4][0], more[4][1]);
    send_frame(fd, 1, flags, stream, block, n);
}

static void send_message(int fd, input *in, unsigned flags, uint32_t stream)
{
    const uint8_t *bytes;
    unsigned form = take(in);
    size_t size = take_bytes(in, 255, &bytes);
    uint8_t message[5 + 255] = {(uint8_t)(form & 1), 0, 0, (uint8_t)(form >> 6), (uint8_t)size};
    memcpy(message + 5, bytes, size);
    if (!(form & 2))
        message[3] = 0;
    send_frame(fd, 0, flags, stream, message, 5 + size);
}

/* Reads what came, if it reads at all. False at the end. */
static bool receive(int fd)
{
    char buffer[4096];
    ssize_t n;
    while ((n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0)
        continue;
    return n != 0;
}

typedef enum step_kind {
    STEP_HEAD,
    STEP_MESSAGE,
    STEP_DATA,
    STEP_FRAME, /* any type, flags, payload */
    STEP_WINDOW,
    STEP_SETTING,
    STEP_RESET,
    STEP_BYTES,
    STEP_TURN,
    STEP_ANSWER,
    STEP_NEWS,
    STEP_TIME,
    STEP_READ,
    STEP_FINISH,
    STEP_TEXT, /* a request of HTTP/1.1 */
    N_STEPS
} step_kind;

static void send_text(int fd, input *in)
{
    const uint8_t *bytes;
    char text[512];
    unsigned form = take(in);
    size_t size = take_bytes(in, 200, &bytes);
    int n = snprintf(text, sizeof text, "%s /%c HTTP/1.%d\r\nHost: h\r\n%s: %zu\r\n\r\n%.*s",
                     form & 1 ? "POST" : "GET", (char)('a' + (form >> 4)), form & 2 ? 0 : 1,
                     form & 4 ? "Content-Length" : "X", size, (int)size, (const char *)bytes);
    send_bytes(fd, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

static void step(int fd, input *in)
{
    unsigned kind = take(in) % N_STEPS, flags = 0;
    uint32_t stream = 0, value;
    const uint8_t *bytes;
    uint8_t four[6];
    size_t size;
    if (kind <= STEP_WINDOW || kind == STEP_RESET) {
        unsigned where = take(in);
        stream = (where & 31) * 2 + (where & 32 ? 0 : 1);
        flags = (where & 64 ? 1 : 0) | (where & 128 ? 0 : 4);
    }
    switch (kind) {
    case STEP_HEAD:
        send_head(fd, take(in), flags, stream);
        break;
    case STEP_MESSAGE:
        send_message(fd, in, flags & 1, stream);
        break;
    case STEP_DATA:
        size = take_bytes(in, 255, &bytes);
        send_frame(fd, 0, flags & 1, stream, bytes, size);
        break;
    case STEP_FRAME:
        kind = take(in);
        flags = take(in);
        size = take_bytes(in, 255, &bytes);
        send_frame(fd, kind, flags, stream, bytes, size);
        break;
    case STEP_WINDOW:
        value = take(in) << (take(in) % 24);
        memcpy(four, &(uint32_t){__builtin_bswap32(value)}, 4);
        send_frame(fd, 8, 0, flags & 1 ? 0 : stream, four, 4);
        break;
    case STEP_SETTING:
        four[0] = 0;
        four[1] = (uint8_t)take(in);
        value = take(in) << (take(in) % 24);
        memcpy(four + 2, &(uint32_t){__builtin_bswap32(value)}, 4);
        send_frame(fd, 4, 0, 0, four, 6);
        break;
    case STEP_RESET:
        memset(four, 0, 4);
        four[3] = 8;
        send_frame(fd, 3, 0, stream, four, 4);
        break;
    case STEP_BYTES:
        size = take_bytes(in, 255, &bytes);
        send_bytes(fd, bytes, size);
        break;
    case STEP_ANSWER:
        answer_held(take(in) & 1);
        turn();
        break;
    case STEP_NEWS:
        mw_server_announce(server);
        turn();
        break;
    case STEP_TIME:
        now_ns += (uint64_t)take(in) * SECOND_NS / 2;
        wall_ms += 500;
        turn();
        break;
    case STEP_READ:
        (void)receive(fd);
        turn();
        break;
    case STEP_FINISH:
        shutdown(fd, SHUT_WR);
        turn();
        break;
    case STEP_TEXT:
        send_text(fd, in);
        break;
    default:
        turn();
    }
}

/* ---- one connection -------------------------------------------------------------------------- */

static net_connection *connect_pair(int *ret_client)
{
    int fds[2];
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    int small = 4096;
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small); /* so that it fills up */
    net_connection *connection = net_loop_take_connection(loop);
    check(connection);
    connection->fd = fds[0];
    connection->listener = &server->listeners[0];
    connection->transport = &net_plain;
    connection->protocol = &net_http1;
    connection->letter.kind = NET_LETTER_CONNECTION;
    atomic_fetch_add(&loop->n_connections, 1);
    *ret_client = fds[1];
    check(net_loop_adopt(loop, connection));
    return connection;
}

static void check_empty(void)
{
    mw_server_counts counts;
    mw_server_count(server, &counts);
    check(!loop->connections && !loop->waiting && !loop->ready && loop->n_live_exchanges == 0);
    check(counts.connections == 0 && counts.in_flight == 0);
    check(atomic_load(&server->n_waiting) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    if (!server)
        open_server();
    input in = {data, data + size};
    unsigned form = take(&in);
    int fd;
    (void)connect_pair(&fd);
    if (form & 1)
        send_bytes(fd, preface, sizeof preface - 1);
    for (unsigned i = 0; in.at < in.end && i < MOST_STEPS; i++) {
        step(fd, &in);
        if (i % 8 == 0 && !(form & 2))
            (void)receive(fd);
    }
    settle(TURNS);
    for (unsigned i = 0; n_held > 0 && i < TURNS; i++) {
        answer_held(false);
        turn();
    }
    (void)receive(fd);
    settle(TURNS);
    close(fd);
    settle(TURNS);
    bool is_last = false; /* lingering, or a clock's, or deferred at the very end */
    for (unsigned i = 0; i < TURNS && !is_last; i++) {
        is_last = !loop->connections && loop->n_live_exchanges == 0;
        answer_held(false);
        now_ns += UINT64_C(100) * SECOND_NS;
        turn();
    }
    check_empty();
    return 0;
}
