/* The way to a server, inside net; its door is in net.h. */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "net.h"
#include "token.h"

struct addrinfo;

/* The addresses of the server, *ret_first the first one; *ret_list is freed by freeaddrinfo where
 * it is not NULL. */
MW_CHECKED mw_status dial_resolve(const mw_dial *dial, struct addrinfo **ret_list,
                                  const struct addrinfo **ret_first, mw_error *err);
/* mw_stream_open to one of them. */
MW_CHECKED mw_status dial_begin(const mw_dial *dial, const struct addrinfo *where,
                                mw_stream *ret_stream, mw_error *err);
/* Why a stream broke (`stream` may be NULL: it could not be opened); MW_IO. */
mw_status dial_fail(const mw_dial *dial, const mw_stream *stream, int failed, mw_error *err);

#endif
