/* Bodies in chunks (RFC 9112 § 7.1), decoded as they arrive. Pure: no sockets, no allocation.
 *
 *     5 ; note=1 \r\n        size in hexadecimal; extensions are passed over, within a limit
 *     hello \r\n
 *     0 \r\n                 the last chunk
 *     X-Sum: 7 \r\n          trailers are checked and dropped
 *     \r\n
 *     (the blanks above are for the eye; real ones are refused)
 */
#ifndef NET_CHUNKS_H
#define NET_CHUNKS_H

#include "net.h"

typedef enum net_chunk_event {
    NET_CHUNK_MORE, /* everything was used; the body goes on */
    NET_CHUNK_DATA, /* *ret_data is a piece of the body */
    NET_CHUNK_END,  /* the body is whole; bytes behind *ret_used are not part of it */
    NET_CHUNK_REFUSED
} net_chunk_event;

typedef struct net_chunks {
    uint64_t left;       /* of the present chunk */
    uint64_t body_bytes; /* announced so far */
    uint64_t cap_bytes;
    uint32_t extension_bytes, trailer_bytes;
    uint8_t state, n_digits;
} net_chunks;

void net_chunks_init(net_chunks *chunks, uint64_t cap_bytes);

/* Use bytes from data[0..size) up to the next event. Call again with what is left until MORE, END
 * or REFUSED. Fails (REFUSED) with *ret_refusal 400, 413 (over the cap, seen when the size is
 * announced) or 431 (trailers). */
net_chunk_event net_chunks_next(net_chunks *chunks, const char *data, size_t size, size_t *ret_used,
                                mw_view *ret_data, int *ret_refusal, mw_error *err);

#endif
