/* The keys of a bucket, as AWS's own tools find them. */
#ifndef STORE_BUCKET_KEYS_H
#define STORE_BUCKET_KEYS_H

#include "store.h"

typedef struct store_key_ring {
    char id[256], secret[256], token[4096]; /* token: "" = none */
} store_key_ring;

/* From the environment, else from the profile of the credentials file.
 * Fails: MW_BAD_ARGUMENT (MW4011). */
MW_CHECKED mw_status store_keys_read(store_key_ring *ret_keys, mw_error *err);
void store_keys_wipe(store_key_ring *keys);
/* `profile` of the text of a credentials file; false: it is not there, or has no keys. */
bool store_keys_parse(mw_view text, const char *profile, store_key_ring *ret_keys);

#endif
