/* One call of S3's interface, for the files of the bucket: signed, tried again, answered. */
#ifndef STORE_BUCKET_CALL_H
#define STORE_BUCKET_CALL_H

#include "bucket.h"
#include "net/net.h"

enum {
    STORE_KEY_BYTES = 80,     /* "sha256/ab/cd...", "uploads/..." */
    STORE_UPLOAD_BYTES = 512, /* S3's name of an upload, percent-encoded */
    STORE_PARTS_MAX = 10000   /* S3's own limit */
};

typedef struct store_call {
    const char *method;
    const char *key;     /* of the object, below the prefix; NULL: the bucket itself */
    const char *query;   /* see store_signed */
    const char *headers; /* unsigned ones; NULL = none */
    const char *copy_of; /* key of the object that becomes this one; NULL = none */
    mw_view body;
    mw_view body_digest; /* where it is known already */
} store_call;

/* Its client is the caller's until store_call_done. */
typedef struct store_answer {
    mw_client *client;
    int status;
    mw_view body;
} store_answer;

/* Answers of every status but the passing ones are the caller's. */
MW_CHECKED mw_status store_call_run(store_bucket *bucket, const store_call *call,
                                    store_answer *answer, mw_error *err);
/* A call of which 2xx is the only good answer. */
MW_CHECKED mw_status store_call_demand(store_bucket *bucket, const store_call *call,
                                       const char *verb, store_answer *answer, mw_error *err);
void store_call_done(store_bucket *bucket, store_answer *answer);
/* What S3 says of a refusal: MW_IO (MW4013). Ends the answer. */
mw_status store_call_refused(store_bucket *bucket, store_answer *answer, const char *verb,
                             mw_error *err);
/* Appends an address by which whoever has it may make this call for so long; method, key and query
 * of it count. */
MW_CHECKED mw_status store_bucket_presign(store_bucket *bucket, const store_call *call,
                                          unsigned seconds, mw_buf *out, mw_error *err);
/* The first who asks in an hour. */
bool store_bucket_may_sweep(store_bucket *bucket, int64_t now_ms);
const char *store_bucket_prefix(const store_bucket *bucket); /* "" or "some/prefix/" */

/* ---- objects by their keys (bucket_objects.c) ------------------------------------------------ */

void store_key_of(mw_view digest, char ret_key[STORE_KEY_BYTES]);
/* *ret_there false: nothing has that key, and nothing was taken. */
MW_CHECKED mw_status store_bucket_read(store_bucket *bucket, const char *key, mw_blob_take *take,
                                       void *user, bool *ret_there, mw_error *err);
mw_status store_fail_gone(store_bucket *bucket, const char *key, mw_error *err);
/* One that is gone is fine. */
MW_CHECKED mw_status store_bucket_delete(store_bucket *bucket, const char *key, mw_error *err);
MW_CHECKED mw_status store_parts_begin(store_bucket *bucket, const char *key,
                                       char ret_upload[STORE_UPLOAD_BYTES], mw_error *err);
/* One that is gone is fine. */
MW_CHECKED mw_status store_parts_drop(store_bucket *bucket, const char *key, const char *upload,
                                      mw_error *err);

#endif
