/* The folder's copies of what is in a bucket, kept below a limit.
 *
 *     a copy more -> above the limit? -> all of them, those read longest ago first
 *         -> is it in the bucket? -> removed, until a tenth below the limit is free
 *
 * When a copy was read last is the file's access time, set by us: file systems are mounted so that
 * they do not. Before a copy goes the bucket is asked, so one that is still on its way there stays.
 */
#include "blob_cache.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4200, LIST_BYTES_MAX = 1 << 30, TOUCH_SECONDS = 60 };

struct store_cache {
    char folder[PATH_BYTES - 100];
    store_bucket *bucket;
    uint64_t limit;
    atomic_uint_least64_t bytes; /* in the folder, as far as is known */
    atomic_bool is_known;
    pthread_mutex_t trimming;
};

typedef struct copy {
    int64_t read_ns;
    uint64_t bytes;
    char digest[MW_DIGEST_TEXT_BYTES];
} copy;

typedef struct copies {
    mw_buf list; /* of copy */
    uint64_t bytes;
    const store_cache *cache;
} copies;

store_cache *store_cache_new(const char *folder, store_bucket *bucket, uint64_t limit)
{
    store_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return NULL;
    snprintf(cache->folder, sizeof cache->folder, "%s", folder);
    cache->bucket = bucket;
    cache->limit = limit;
    pthread_mutex_init(&cache->trimming, NULL);
    return cache;
}

void store_cache_free(store_cache *cache)
{
    if (!cache)
        return;
    pthread_mutex_destroy(&cache->trimming);
    free(cache);
}

void store_cache_touch(const char *path)
{
    struct stat about;
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
    if (stat(path, &about) == 0 && about.st_atim.tv_sec + TOUCH_SECONDS < time(NULL))
        (void)!utimensat(AT_FDCWD, path, times, 0);
}

static void path_of(const store_cache *cache, const char *digest, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/sha256/%.2s/%s", cache->folder, digest, digest + 2);
}

static mw_status see_copy(void *given, mw_view digest, int64_t bytes, int64_t kept_ms,
                          mw_error *err)
{
    (void)kept_ms;
    copies *c = given;
    struct stat about;
    char path[PATH_BYTES];
    copy one = {.bytes = (uint64_t)bytes};
    snprintf(one.digest, sizeof one.digest, "%.*s", MW_VIEW_ARG(digest));
    path_of(c->cache, one.digest, path);
    if (stat(path, &about) != 0)
        return MW_OK;
    one.read_ns = (int64_t)about.st_atim.tv_sec * 1000000000 + about.st_atim.tv_nsec;
    mw_buf_bytes(&c->list, (const char *)&one, sizeof one);
    c->bytes += one.bytes;
    return c->list.failed ? mw_fail_memory(err, "the copies") : MW_OK;
}

static int compare(const void *a, const void *b)
{
    const copy *x = a, *y = b;
    return (x->read_ns > y->read_ns) - (x->read_ns < y->read_ns);
}

/* The newest stays in any case: somebody has just asked for it. */
static void drop_oldest(store_cache *cache, copies *c)
{
    mw_error away;
    copy *all = (copy *)(void *)c->list.data;
    size_t n = c->list.size / sizeof *all;
    uint64_t aim = cache->limit - cache->limit / 10;
    qsort(all, n, sizeof *all, compare);
    for (size_t i = 0; i + 1 < n && c->bytes > aim; i++) {
        bool there = false;
        char path[PATH_BYTES];
        path_of(cache, all[i].digest, path);
        if (store_bucket_has(cache->bucket, mw_view_of(all[i].digest), &there, &away) != MW_OK)
            break; /* the bucket is away: nothing goes */
        if (there && unlink(path) == 0)
            c->bytes -= all[i].bytes;
    }
}

static void trim(store_cache *cache)
{
    mw_error ignored;
    copies c = {.cache = cache};
    mw_buf_init(&c.list, LIST_BYTES_MAX);
    if (store_files_each(cache->folder, see_copy, &c, &ignored) == MW_OK) {
        if (c.bytes > cache->limit)
            drop_oldest(cache, &c);
        atomic_store(&cache->bytes, c.bytes);
        atomic_store(&cache->is_known, true);
    }
    mw_buf_done(&c.list);
}

void store_cache_add(store_cache *cache, uint64_t bytes)
{
    uint64_t before = atomic_fetch_add(&cache->bytes, bytes);
    if (atomic_load(&cache->is_known) && before + bytes <= cache->limit)
        return;
    if (pthread_mutex_trylock(&cache->trimming) != 0)
        return; /* somebody is at it */
    trim(cache);
    pthread_mutex_unlock(&cache->trimming);
}
