/* AWS Signature Version 4, as S3 and what speaks like it ask for it: pure, no clock, no sockets.
 *
 *     request -> canonical request -> SHA-256 -> string to sign -> HMAC with a key of the day
 *
 * Source: "Authenticating Requests: Using the Authorization Header", and "Using Query Parameters",
 * Amazon S3 API Reference. */
#ifndef STORE_SIGV4_H
#define STORE_SIGV4_H

#include "store.h"

typedef struct store_keys {
    const char *id, *secret, *token; /* token: of a session, or NULL */
} store_keys;

typedef struct store_signed {
    const char *method, *host, *region;
    const char *path;        /* percent-encoded, from '/' */
    const char *query;       /* sorted by name, values percent-encoded; "" = none */
    const char *payload;     /* SHA-256 of the body, in hexadecimal; store_presign: not asked */
    const char *copy_source; /* x-amz-copy-source; NULL = none */
    int64_t seconds;         /* since 1970 */
} store_signed;

/* Appends the header lines that sign it, each with its end: x-amz-content-sha256, x-amz-date,
 * x-amz-copy-source and x-amz-security-token where there is one, Authorization. False: no memory.
 */
bool store_sign(const store_signed *request, const store_keys *keys, mw_buf *out);
/* Appends the whole query that signs it for so many seconds, whatever the body: for somebody who
 * has no keys. Names of request->query begin with small letters. */
bool store_presign(const store_signed *request, const store_keys *keys, unsigned seconds,
                   mw_buf *out);
/* Percent-encoded as the signature wants it: all but letters, digits, "-._~", and '/' where it is
 * kept. */
void store_encode(mw_buf *out, mw_view text, bool keep_slash);

#endif
