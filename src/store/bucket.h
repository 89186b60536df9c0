/* Blobs in a bucket of S3, or of what speaks like it, behind the folder on this machine.
 *
 *     keep: folder (fsync) -> bucket -> acknowledged       the folder's copy may go at any time
 *     read: folder, else bucket -> folder (its SHA-256 compared) -> read
 *
 * What fails on the way (connection, 5xx, 429) is tried again three times over about two seconds;
 * then the caller gets MW_BUSY, and nothing is acknowledged. Thread-safe. */
#ifndef STORE_BUCKET_H
#define STORE_BUCKET_H

#include "store.h"

typedef struct store_bucket store_bucket;

/* Where it is: "s3://bucket/prefix", and for what is not AWS's own the endpoint's URL. */
typedef struct store_place {
    const char *uri, *endpoint, *region; /* endpoint: "" = AWS's */
} store_place;

/* Keys come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, from the profile
 * AWS_PROFILE of ~/.aws/credentials (AWS_SHARED_CREDENTIALS_FILE), or from a role, which is asked
 * for (bucket_keys.h). The bucket itself is not asked yet. Fails: MW_BAD_ARGUMENT (MW4011) the
 * place, or no keys. */
MW_CHECKED mw_status store_bucket_open(const store_place *place, store_bucket **ret_bucket,
                                       mw_error *err);
void store_bucket_close(store_bucket *bucket); /* NULL is fine */
const char *store_bucket_uri(const store_bucket *bucket);

/* What is not said (NULL) as the environment says it: AWS_ENDPOINT_URL, AWS_REGION and their like
 * (bucket_place.c). */
void store_place_complete(store_place *place);
/* What FOLDER/bucket.json names; NULL where there is none (bucket_place.c). */
MW_CHECKED mw_status store_place_open(const char *folder, store_bucket **ret_bucket, mw_error *err);

/* The file's bytes become the object of that digest; one that is there already is left. Fails, here
 * and below: MW_BUSY (MW4012) it cannot be reached; MW_IO (MW4013) it refuses. */
MW_CHECKED mw_status store_bucket_put(store_bucket *bucket, mw_view digest, const char *path,
                                      mw_error *err);
/* Piece by piece. Fails: MW_NOT_FOUND (MW4004) it is not there; as take. */
MW_CHECKED mw_status store_bucket_get(store_bucket *bucket, mw_view digest, mw_blob_take *take,
                                      void *user, mw_error *err);
MW_CHECKED mw_status store_bucket_has(store_bucket *bucket, mw_view digest, bool *ret_there,
                                      mw_error *err);
/* One that is gone is fine. */
MW_CHECKED mw_status store_bucket_remove(store_bucket *bucket, mw_view digest, mw_error *err);
MW_CHECKED mw_status store_bucket_each(store_bucket *bucket, mw_blob_seen *see, void *user,
                                       mw_error *err);

#endif
