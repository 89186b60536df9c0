/* The head of an answer as HTTP/1.1 writes it. */
#ifndef NET_REPLY_H
#define NET_REPLY_H

#include "loop.h"

typedef struct net_reply_form {
    bool closes;          /* say "Connection: close" */
    bool says_keep_alive; /* an HTTP/1.0 client wants to read it */
    bool has_no_length;   /* the body ends with the connection */
} net_reply_form;

/* May an answer of this status carry a body at all? (RFC 9110 § 6.4.1) */
bool net_status_has_body(int status);
/* Status line and headers for a body of body_bytes, with the empty line. */
void net_write_reply_head(net_loop *loop, mw_buf *out, const mw_exchange *exchange,
                          size_t body_bytes, net_reply_form form);

#endif
