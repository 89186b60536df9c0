/* The head of an HTTP/1 request, read strictly (RFC 9112). Pure: bytes in, views out; no sockets.
 *
 *     POST /v2/models/a?x=1 HTTP/1.1\r\n     request line
 *     Host: localhost\r\n                    header lines
 *     Content-Length: 12\r\n
 *     \r\n                                   the head ends here; the body follows
 *
 * The same bytes give the same result however they are cut into pieces: every complete line is
 * checked when its end arrives, and no byte is searched twice. So a client that sends one byte at a
 * time costs no more than one that sends all at once.
 */
#ifndef NET_PARSER_H
#define NET_PARSER_H

#include "net.h"

typedef struct net_head_limits {
    size_t head_bytes, target_bytes, headers;
} net_head_limits;

/* What a whole head says; the views point into the bytes that were parsed. */
typedef struct net_head {
    mw_method method;
    mw_view method_text, target, path, query, content_type;
    mw_view host;       /* of an absolute target, else of Host */
    mw_header *headers; /* the caller's, room for limits.headers */
    size_t n_headers;
    size_t size;             /* bytes of the head, its closing empty line included */
    uint64_t content_length; /* beyond 64 bits: still beyond every limit; 0 = none */
    bool chunked;
    bool keep_alive;
    bool expects_continue;
    unsigned minor_version; /* 0 or 1 */
} net_head;

typedef enum net_verdict {
    NET_MORE,   /* all is well so far, the head is not whole yet */
    NET_WHOLE,  /* *ret_head is filled */
    NET_REFUSED /* *ret_refusal and *err are filled */
} net_verdict;

/* Where parsing stands between two calls; small, because each waiting connection has one. */
typedef struct net_head_parser {
    uint32_t searched;   /* no line end before this offset is left to find */
    uint32_t line_begin; /* lines before this offset have been checked */
    uint32_t n_headers;
    uint64_t content_length;
    uint8_t minor_version;
    bool has_request_line, has_blank_line; /* one empty line may stand before a request */
    bool has_host, has_length, has_coding, closes, keeps, expects_continue;
    bool resumed; /* earlier lines were checked in an earlier call: their views are gone */
} net_head_parser;

void net_head_parser_reset(net_head_parser *parser);

/* Look at data[0..size): all bytes of the head so far, those of earlier calls included (they may
 * have moved). ret_head->headers must point to room for limits->headers.
 * NET_REFUSED: *ret_refusal is the HTTP status (400, 414, 417, 431, 501, 505). */
net_verdict net_parse_head(net_head_parser *parser, const net_head_limits *limits, const char *data,
                           size_t size, net_head *ret_head, int *ret_refusal, mw_error *err);

/* MW_METHOD_OTHER when it is none of ours. */
mw_method net_find_method(mw_view text);

#endif
