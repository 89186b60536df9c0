/* The floor of a gRPC call: what sockets alone cost. What bench/grpc.py holds servers against; not
 * part of the program.
 *
 *     grpc_floor ANSWER_BYTES    prints its port
 *
 * One thread. Of what comes it looks at nothing but the nine bytes that begin each frame, to count
 * the calls in it; each is answered with the same bytes, but for the stream's number. A call at a
 * time costs an epoll_wait, a recv and a send: no server on epoll has less. No HPACK, no windows,
 * no deadline, no message is read. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FRAME_BYTES = 9,
    TYPE_DATA = 0,
    TYPE_HEADERS = 1,
    END_STREAM = 1,
    END_HEADERS = 4,
    PREFACE_BYTES = 24,
    MAX_FILES = 1024,
    ROOM = 1 << 18
};

/* Of each connection: the stream of the next call, bytes of a frame's payload that are still to
 * come, and the part of a frame's head that has come. */
typedef struct connection {
    uint32_t to_skip, n_head;
    uint8_t head[FRAME_BYTES];
} connection;

static connection connections[MAX_FILES];
static uint8_t answer[4096], in[ROOM], out[ROOM];
static size_t answer_bytes, data_at, trailers_at;
static const uint8_t greeting[] = {0,    0,    0,    4,   0, 0, 0, 0, 0, /* SETTINGS */
                                   0,    0,    0,    4,   1, 0, 0, 0, 0, /* its acknowledgement */
                                   0,    0,    4,    8,   0, 0, 0, 0, 0,
                                   0x7f, 0xfe, 0xff, 0xff}; /* a window for all that will come */

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static uint8_t *put_head(uint8_t *at, size_t size, uint8_t type, uint8_t flags)
{
    uint8_t head[FRAME_BYTES] = {(uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size, type,
                                 flags};
    memcpy(at, head, sizeof head);
    return at + sizeof head;
}

/* HEADERS (:status 200, content-type), DATA (a message), HEADERS (grpc-status 0). */
static void write_answer(size_t message_bytes)
{
    static const uint8_t head[] = "\x88\x0f\x10\x10"
                                  "application/grpc";
    static const uint8_t end[] = "\x00\x0b"
                                 "grpc-status\x01"
                                 "0";
    uint8_t *at = put_head(answer, sizeof head - 1, TYPE_HEADERS, END_HEADERS);
    at = mempcpy(at, head, sizeof head - 1);
    data_at = (size_t)(at - answer);
    at = put_head(at, 5 + message_bytes, TYPE_DATA, 0);
    uint8_t lead[5] = {0, 0, 0, (uint8_t)(message_bytes >> 8), (uint8_t)message_bytes};
    at = (uint8_t *)mempcpy(at, lead, sizeof lead) + message_bytes;
    trailers_at = (size_t)(at - answer);
    at = put_head(at, sizeof end - 1, TYPE_HEADERS, END_HEADERS | END_STREAM);
    at = mempcpy(at, end, sizeof end - 1);
    answer_bytes = (size_t)(at - answer);
}

static size_t add_answer(size_t used, const uint8_t stream[4])
{
    if (used + answer_bytes > sizeof out)
        exit(1);
    memcpy(out + used, answer, answer_bytes);
    memcpy(out + used + 5, stream, 4);
    memcpy(out + used + data_at + 5, stream, 4);
    memcpy(out + used + trailers_at + 5, stream, 4);
    return used + answer_bytes;
}

/* Bytes of `out` that answer so many of `in`. */
static size_t answer_frames(connection *from, size_t n_in)
{
    size_t at = 0, used = 0;
    while (at < n_in) {
        size_t step = n_in - at < from->to_skip ? n_in - at : from->to_skip;
        from->to_skip -= (uint32_t)step;
        at += step;
        while (from->to_skip == 0 && at < n_in && from->n_head < FRAME_BYTES)
            from->head[from->n_head++] = in[at++];
        if (from->n_head < FRAME_BYTES || from->to_skip > 0)
            continue;
        const uint8_t *head = from->head;
        from->to_skip = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
        from->n_head = 0;
        if (head[3] == TYPE_DATA && head[4] & END_STREAM)
            used = add_answer(used, head + 5);
    }
    return used;
}

static void let_in(int epoll, int listener)
{
    int file = accept4(listener, NULL, NULL, SOCK_NONBLOCK), on = 1;
    if (file < 0 || file >= MAX_FILES)
        fail("accept");
    connections[file] = (connection){.to_skip = PREFACE_BYTES};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = file};
    if (setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        send(file, greeting, sizeof greeting, 0) != sizeof greeting ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, file, &event) != 0)
        fail("a connection");
}

static void serve(int file)
{
    ssize_t n = recv(file, in, sizeof in, 0);
    if (n <= 0) {
        close(file);
        return;
    }
    size_t used = answer_frames(&connections[file], (size_t)n);
    if (used > 0 && send(file, out, used, MSG_NOSIGNAL) != (ssize_t)used)
        fail("send");
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    struct epoll_event events[64];
    int listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
    if (argc != 2 || strtoul(argv[1], NULL, 10) > 2048)
        return 2;
    write_answer(strtoul(argv[1], NULL, 10));
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
        fail("the listener");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener)
                let_in(epoll, listener);
            else
                serve(events[i].data.fd);
        }
    }
}
