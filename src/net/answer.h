/* Answers as a client reads them (RFC 9112 § 4, § 6.3). Pure: no sockets, no allocation. */
#ifndef NET_ANSWER_H
#define NET_ANSWER_H

#include "net.h"

typedef struct net_answer_head {
    int status;
    size_t size; /* of the head, in bytes */
    uint64_t content_length;
    bool has_length, is_chunked;
    bool closes; /* nothing more comes on this connection behind the answer */
} net_answer_head;

/* text: a whole head, its empty line included. False when it is none. */
bool net_answer_parse(mw_view text, net_answer_head *ret_head);
/* True when no body follows, whatever the head says: 1xx, 204, 304. */
bool net_answer_has_no_body(int status);

#endif
