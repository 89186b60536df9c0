/* Heads of answers. Written on every request, so by memcpy into room that was reserved once. */
#include <assert.h>

#include "reply.h"

typedef struct status_line {
    int status;
    mw_view line;
} status_line;

#define LINE(status, text)                                               \
    {                                                                    \
        status,                                                          \
        {                                                                \
            "HTTP/1.1 " text "\r\n", sizeof("HTTP/1.1 " text "\r\n") - 1 \
        }                                                                \
    }

/* The usual first: the list is searched in order. */
static const status_line status_lines[] = {
    LINE(200, "200 OK"),
    LINE(400, "400 Bad Request"),
    LINE(404, "404 Not Found"),
    LINE(201, "201 Created"),
    LINE(202, "202 Accepted"),
    LINE(204, "204 No Content"),
    LINE(206, "206 Partial Content"),
    LINE(301, "301 Moved Permanently"),
    LINE(302, "302 Found"),
    LINE(303, "303 See Other"),
    LINE(304, "304 Not Modified"),
    LINE(307, "307 Temporary Redirect"),
    LINE(308, "308 Permanent Redirect"),
    LINE(401, "401 Unauthorized"),
    LINE(403, "403 Forbidden"),
    LINE(405, "405 Method Not Allowed"),
    LINE(406, "406 Not Acceptable"),
    LINE(408, "408 Request Timeout"),
    LINE(409, "409 Conflict"),
    LINE(410, "410 Gone"),
    LINE(411, "411 Length Required"),
    LINE(412, "412 Precondition Failed"),
    LINE(413, "413 Content Too Large"),
    LINE(414, "414 URI Too Long"),
    LINE(415, "415 Unsupported Media Type"),
    LINE(416, "416 Range Not Satisfiable"),
    LINE(417, "417 Expectation Failed"),
    LINE(422, "422 Unprocessable Content"),
    LINE(429, "429 Too Many Requests"),
    LINE(431, "431 Request Header Fields Too Large"),
    LINE(500, "500 Internal Server Error"),
    LINE(501, "501 Not Implemented"),
    LINE(502, "502 Bad Gateway"),
    LINE(503, "503 Service Unavailable"),
    LINE(504, "504 Gateway Timeout"),
    LINE(505, "505 HTTP Version Not Supported"),
    LINE(507, "507 Insufficient Storage"),
};

bool net_status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static char *put(char *at, mw_view text)
{
    memcpy(at, text.data, text.size);
    return at + text.size;
}

static char *put_number(char *at, size_t number)
{
    char digits[24];
    size_t n = 0;
    do
        digits[n++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (n > 0)
        *at++ = digits[--n];
    return at;
}

static char *put_status(char *at, int status)
{
    for (size_t i = 0; i < MW_COUNT(status_lines); i++)
        if (status_lines[i].status == status)
            return put(at, status_lines[i].line);
    at = put(at, MW_VIEW("HTTP/1.1 "));
    at = put_number(at, status >= 100 && status <= 999 ? (size_t)status : 500);
    return put(at, MW_VIEW(" Other\r\n"));
}

void net_write_reply_head(net_loop *loop, mw_buf *out, const mw_exchange *exchange,
                          size_t body_bytes, net_reply_form form)
{
    enum { FIXED_BYTES = 256 }; /* all but type and further headers */
    assert(exchange->reply_headers.size == 0 ||
           exchange->reply_headers.data[exchange->reply_headers.size - 1] == '\n');
    if (!mw_buf_reserve(out, FIXED_BYTES + exchange->reply_type.size + exchange->request_id.size +
                                 exchange->reply_headers.size))
        return;
    char *at = put_status(out->data + out->size, exchange->status);
    mw_view date;
    date.data = net_loop_date(loop, &date.size);
    at = put(at, date);
    if (exchange->reply_type.size > 0) {
        at = put(at, MW_VIEW("Content-Type: "));
        at = put(at, exchange->reply_type);
        at = put(at, MW_VIEW("\r\n"));
    }
    if (net_status_has_body(exchange->status) && !form.has_no_length) {
        at = put(at, MW_VIEW("Content-Length: "));
        at = put_number(at, body_bytes);
        at = put(at, MW_VIEW("\r\n"));
    }
    if (form.closes)
        at = put(at, MW_VIEW("Connection: close\r\n"));
    else if (form.says_keep_alive)
        at = put(at, MW_VIEW("Connection: keep-alive\r\n"));
    if (exchange->request_id.size > 0) {
        at = put(at, MW_VIEW("X-Request-ID: "));
        at = put(at, exchange->request_id);
        at = put(at, MW_VIEW("\r\n"));
    }
    if (exchange->reply_headers.size > 0)
        at = put(at, exchange->reply_headers);
    at = put(at, MW_VIEW("\r\n"));
    out->size = (size_t)(at - out->data);
    out->data[out->size] = '\0';
}
