/* Raw sockets for tests: what is sent and read is exactly what stands in the test. Every wait ends
 * after WIRE_WAIT_MS. */
#ifndef TESTS_NET_WIRE_H
#define TESTS_NET_WIRE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/net.h"

enum { WIRE_WAIT_MS = 8000 };

/* A connection to "127.0.0.1:port"; -1 when refused. */
__attribute__((unused)) static int wire_try_connect(const char *address)
{
    const char *colon = strrchr(address, ':');
    struct sockaddr_in where = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&where, sizeof where) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

__attribute__((unused)) static int wire_connect(const char *address)
{
    int fd = wire_try_connect(address);
    if (fd < 0)
        fail_msg("cannot connect to %s: %s", address, strerror(errno));
    return fd;
}

/* False when the other side has closed. */
__attribute__((unused)) static bool wire_send_bytes(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

__attribute__((unused)) static bool wire_send(int fd, const char *text)
{
    return wire_send_bytes(fd, text, strlen(text));
}

/* Bytes read, 0 at the end, -1 on a reset or when nothing came in time. */
__attribute__((unused)) static ssize_t wire_read(int fd, void *data, size_t size, int wait_ms)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    if (poll(&waiting, 1, wait_ms) != 1)
        return -1;
    return recv(fd, data, size, 0);
}

/* One answer with a Content-Length (or none: then without body); false when it did not come whole.
 * Never reads beyond it, so the next one can be read by the next call. */
__attribute__((unused)) static bool wire_answer(int fd, mw_buf *answer, bool has_body)
{
    mw_buf_reset(answer);
    while (!strstr(answer->data, "\r\n\r\n")) {
        char c;
        if (wire_read(fd, &c, 1, WIRE_WAIT_MS) != 1)
            return false;
        mw_buf_char(answer, c);
    }
    const char *length = strstr(answer->data, "Content-Length: ");
    size_t left = has_body && length ? strtoul(length + 16, NULL, 10) : 0;
    char piece[65536];
    while (left > 0) {
        ssize_t n = wire_read(fd, piece, left < sizeof piece ? left : sizeof piece, WIRE_WAIT_MS);
        if (n <= 0)
            return false;
        mw_buf_bytes(answer, piece, (size_t)n);
        left -= (size_t)n;
    }
    return true;
}

/* Everything until the other side closes; true when it closed without a reset. */
__attribute__((unused)) static bool wire_rest(int fd, mw_buf *answer)
{
    char piece[65536];
    for (;;) {
        ssize_t n = wire_read(fd, piece, sizeof piece, WIRE_WAIT_MS);
        if (n <= 0)
            return n == 0;
        mw_buf_bytes(answer, piece, (size_t)n);
    }
}

__attribute__((unused)) static int wire_status(const mw_buf *answer)
{
    return answer->size > 12 ? (int)strtol(answer->data + 9, NULL, 10) : 0;
}

__attribute__((unused)) static const char *wire_body(const mw_buf *answer)
{
    const char *end = strstr(answer->data, "\r\n\r\n");
    return end ? end + 4 : "";
}

__attribute__((unused)) static void wire_pause(unsigned ms)
{
    poll(NULL, 0, (int)ms);
}

#endif
