/* What libsodium does for this room: random tokens and the digest by which they are found. */
#ifndef REGISTRY_SECRETS_H
#define REGISTRY_SECRETS_H

#include "record.h"

/* "mw_" and 256 random bits in letters and digits without case (base 32). */
void secret_new_token(char ret_token[MW_TOKEN_BYTES]);
/* Whether it could be a token at all. */
bool secret_is_token(mw_view text);
/* Keyed BLAKE2b-256, in hexadecimal digits. */
void secret_digest(mw_view key, mw_view text, char ret_digest[MW_TOKEN_DIGEST_BYTES]);

#endif
