/* Copies of what is in a bucket, on this machine's disk: not more than so many bytes. */
#ifndef STORE_BLOB_CACHE_H
#define STORE_BLOB_CACHE_H

#include "bucket.h"

typedef struct store_cache store_cache;

/* `folder` holds sha256/; the bucket is borrowed. NULL: memory is gone. */
store_cache *store_cache_new(const char *folder, store_bucket *bucket, uint64_t limit);
void store_cache_free(store_cache *cache); /* NULL is fine */
/* A copy of that size was added and is in the bucket: others go when there is too much. Any
 * thread. */
void store_cache_add(store_cache *cache, uint64_t bytes);
/* A copy was read. */
void store_cache_touch(const char *path);

/* Every blob of a folder, no bucket (blob_files.c). */
MW_CHECKED mw_status store_files_each(const char *folder, mw_blob_seen *see, void *user,
                                      mw_error *err);

#endif
