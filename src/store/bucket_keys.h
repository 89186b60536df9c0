/* The keys of a bucket, as AWS's own tools find them. */
#ifndef STORE_BUCKET_KEYS_H
#define STORE_BUCKET_KEYS_H

#include "store.h"

typedef struct store_key_ring {
    char id[256], secret[256], token[4096]; /* token: "" = none */
    int64_t expires_ms;                     /* since 1970; 0 = never */
} store_key_ring;

/* From the environment; a web identity; the profile of the credentials file; the container's role;
 * the machine's (bucket_roles.h). The first that is there. Blocks, for seconds where nothing
 * answers. Fails: MW_BAD_ARGUMENT (MW4011). */
MW_CHECKED mw_status store_keys_read(const char *region, store_key_ring *ret_keys, mw_error *err);
/* Keys that go out within five minutes are read anew; while that fails, and they are still good,
 * they stay. One thread at a time. */
MW_CHECKED mw_status store_keys_renew(const char *region, store_key_ring *keys, mw_error *err);
void store_keys_wipe(store_key_ring *keys);
/* `profile` of the text of a credentials file; false: it is not there, or has no keys. */
bool store_keys_parse(mw_view text, const char *profile, store_key_ring *ret_keys);

#endif
