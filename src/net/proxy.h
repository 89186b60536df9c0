/* The PROXY header: a proxy says in front of the client's bytes who the client is.
 *
 *     v1   PROXY TCP4 192.0.2.7 198.51.100.1 51234 443\r\n
 *     v2   12 bytes of signature | version and command | family | length of what follows |
 * addresses, then TLVs, which are passed over
 *
 * Source: The PROXY protocol, versions 1 & 2 (HAProxy, 2020). Not done here: the checksum TLV is
 * not looked at (TCP has its own), names and TLS facts in TLVs are not told on. */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include "parser.h"

#define NET_PROXY_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
enum { NET_PROXY_SIGNATURE_BYTES = sizeof NET_PROXY_SIGNATURE - 1 };

typedef struct net_proxy_header {
    size_t size;   /* of the header: what follows is the client's */
    bool has_peer; /* false: the proxy speaks for itself (LOCAL, health checks), or names nobody */
    mw_peer peer;
} net_proxy_header;

/* NET_MORE: as far as it goes it is a header. NET_REFUSED: err says what is wrong. Never looks at
 * more than MW_LIMIT_PROXY_BYTES. */
net_verdict net_parse_proxy(const void *data, size_t size, net_proxy_header *ret_header,
                            mw_error *err);

#endif
