/* The regions, their files, and bytes in and out; see memory.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

/* Lives until the last of the table and those who read or write let go of it. */
typedef struct region {
    char name[MW_LIMIT_NAME_BYTES + 1], key[NAME_MAX + 2];
    uint64_t offset, bytes;
    int file;
    unsigned n_users; /* guarded by the table's lock */
} region;

struct serve_memory {
    pthread_mutex_t lock;
    region *regions[MW_LIMIT_MEMORY_REGIONS];
    size_t n_regions;
};

/* ---- errors ---------------------------------------------------------------------------------- */

mw_status serve_memory_fail_off(mw_error *err)
{
    mw_fail(err, MW_E_OIP_MEMORY, "shared memory is off on this server");
    return mw_mend(err, "start it with --shared-memory on, or send the tensors' bytes in the "
                        "request");
}

static mw_status fail_region(mw_error *err, mw_view name, const char *what, const char *mend)
{
    mw_fail(err, MW_E_OIP_REGION, "%s", what);
    mw_at(err, "region '%.*s'", MW_VIEW_ARG(name));
    return mw_mend(err, "%s", mend);
}

static mw_status fail_cut(mw_error *err, mw_view name)
{
    return fail_region(err, name, "its file is shorter than when it was registered",
                       "keep the file as long as the region is registered; register it again");
}

static mw_status fail_file(mw_error *err, mw_view name, const char *verb, int errno_value)
{
    mw_error cause;
    mw_fail_errno(&cause, verb, errno_value);
    return fail_region(err, name, cause.what,
                       "create it on this machine, readable and writable by the server's user");
}

/* ---- the table ------------------------------------------------------------------------------- */

mw_status serve_memory_new(serve_memory **ret_memory, mw_error *err)
{
    *ret_memory = calloc(1, sizeof **ret_memory);
    if (!*ret_memory)
        return mw_fail_memory(err, "shared memory");
    pthread_mutex_init(&(*ret_memory)->lock, NULL);
    return MW_OK;
}

static void free_region(region *one)
{
    close(one->file);
    free(one);
}

static void drop(serve_memory *memory, region *one)
{
    pthread_mutex_lock(&memory->lock);
    bool is_last = --one->n_users == 0;
    pthread_mutex_unlock(&memory->lock);
    if (is_last)
        free_region(one);
}

void serve_memory_free(serve_memory *memory)
{
    if (!memory)
        return;
    serve_memory_unregister(memory, MW_VIEW(""));
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

/* Under the lock; n_regions when there is none. */
static size_t find(const serve_memory *memory, mw_view name)
{
    size_t i = 0;
    while (i < memory->n_regions && !mw_view_is(name, memory->regions[i]->name))
        i++;
    return i;
}

static mw_status fail_unknown(mw_error *err, mw_view name)
{
    return fail_region(
        err, name, "no such region of shared memory is registered",
        "register it first; GET /v2/systemsharedmemory/status tells those there are");
}

/* Its holder, too, from now on: drop it. */
static mw_status take(serve_memory *memory, mw_view name, region **ret_region, mw_error *err)
{
    if (!memory)
        return serve_memory_fail_off(err);
    pthread_mutex_lock(&memory->lock);
    size_t at = find(memory, name);
    region *one = at < memory->n_regions ? memory->regions[at] : NULL;
    if (one)
        one->n_users++;
    pthread_mutex_unlock(&memory->lock);
    *ret_region = one;
    return one ? MW_OK : fail_unknown(err, name);
}

void serve_memory_unregister(serve_memory *memory, mw_view name)
{
    for (bool more = memory; more;) {
        region *one = NULL;
        pthread_mutex_lock(&memory->lock);
        size_t at = name.size > 0 ? find(memory, name) : 0;
        if (at < memory->n_regions) {
            one = memory->regions[at];
            memory->n_regions--;
            memmove(&memory->regions[at], &memory->regions[at + 1],
                    (memory->n_regions - at) * sizeof(region *));
        }
        more = name.size == 0 && memory->n_regions > 0;
        pthread_mutex_unlock(&memory->lock);
        if (one)
            drop(memory, one);
    }
}

mw_status serve_memory_each(serve_memory *memory, mw_view name, serve_see_region *see, void *user,
                            mw_error *err)
{
    if (!memory)
        return name.size > 0 ? serve_memory_fail_off(err) : MW_OK;
    bool is_found = name.size == 0;
    pthread_mutex_lock(&memory->lock);
    for (size_t i = 0; i < memory->n_regions; i++) {
        const region *one = memory->regions[i];
        if (name.size > 0 && !mw_view_is(name, one->name))
            continue;
        is_found = true;
        see(user,
            &(serve_region){mw_view_of(one->name), mw_view_of(one->key), one->offset, one->bytes});
    }
    pthread_mutex_unlock(&memory->lock);
    return is_found ? MW_OK : fail_unknown(err, name);
}

/* ---- registering ----------------------------------------------------------------------------- */

/* A name in the flat folder of shared memory, and nothing that leads out of it. */
static mw_status check_key(const serve_region *asked, mw_error *err)
{
    mw_view bare = asked->key;
    if (mw_view_starts(bare, "/"))
        bare = (mw_view){bare.data + 1, bare.size - 1};
    bool is_name = bare.size > 0 && bare.size <= NAME_MAX && !memchr(bare.data, '/', bare.size) &&
                   !memchr(bare.data, '\0', bare.size) && mw_view_is_utf8(bare) &&
                   !mw_view_is(bare, ".") && !mw_view_is(bare, "..");
    return is_name ? MW_OK
                   : fail_region(err, asked->name, "its key is no name of POSIX shared memory",
                                 "send the name that shm_open was given: no '/' but the first");
}

static mw_status check_region(const serve_region *asked, mw_error *err)
{
    static const mw_view none = {"", 0};
    bool is_name = asked->name.size > 0 && asked->name.size <= MW_LIMIT_NAME_BYTES &&
                   mw_view_is_utf8(asked->name);
    for (size_t i = 0; is_name && i < asked->name.size; i++)
        is_name = (unsigned char)asked->name.data[i] >= ' ';
    if (!is_name)
        return fail_region(err, none, "a region needs a name of 1 to 250 printable bytes",
                           "give it a short one");
    if (asked->bytes == 0 || asked->bytes > MW_LIMIT_MEMORY_REGION_BYTES)
        return fail_region(err, asked->name, "its byte_size is 0, or more than 64 GiB",
                           "register the part of the file that tensors lie in");
    return check_key(asked, err);
}

static mw_status check_file(const region *one, mw_error *err)
{
    struct stat is;
    uint64_t end;
    mw_view name = mw_view_of(one->name);
    if (fstat(one->file, &is) != 0)
        return fail_file(err, name, "look at its file", errno);
    if (!S_ISREG(is.st_mode))
        return fail_region(err, name, "its key names no shared memory",
                           "create it by shm_open, or tritonclient.utils.shared_memory");
    if (!__builtin_add_overflow(one->offset, one->bytes, &end) && end <= (uint64_t)is.st_size)
        return MW_OK;
    fail_region(err, name, "it ends behind the end of its file",
                "make offset and byte_size fit the shared memory");
    return mw_why(err, "offset %llu and byte_size %llu, and the file has %llu bytes",
                  (unsigned long long)one->offset, (unsigned long long)one->bytes,
                  (unsigned long long)is.st_size);
}

/* shm_open follows no link; a pipe would not hold it up either. */
static mw_status open_region(const serve_region *asked, region **ret_region, mw_error *err)
{
    region *one = calloc(1, sizeof *one);
    if (!one)
        return mw_fail_memory(err, "a region of shared memory");
    snprintf(one->name, sizeof one->name, "%.*s", MW_VIEW_ARG(asked->name));
    snprintf(one->key, sizeof one->key, "%.*s", MW_VIEW_ARG(asked->key));
    one->offset = asked->offset;
    one->bytes = asked->bytes;
    one->n_users = 1;
    one->file = shm_open(one->key, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
    if (one->file < 0) {
        mw_status status = fail_file(err, asked->name, "open its file", errno);
        free(one);
        return status;
    }
    if (check_file(one, err) != MW_OK) {
        free_region(one);
        return err->status;
    }
    *ret_region = one;
    return MW_OK;
}

static const char *put(serve_memory *memory, region *one)
{
    const char *what = NULL;
    pthread_mutex_lock(&memory->lock);
    if (find(memory, mw_view_of(one->name)) < memory->n_regions)
        what = "a region of this name is registered already";
    else if (memory->n_regions == MW_LIMIT_MEMORY_REGIONS)
        what = "so many regions are registered that no other is taken";
    else
        memory->regions[memory->n_regions++] = one;
    pthread_mutex_unlock(&memory->lock);
    return what;
}

mw_status serve_memory_register(serve_memory *memory, const serve_region *asked, mw_error *err)
{
    region *one;
    if (!memory)
        return serve_memory_fail_off(err);
    MW_TRY(check_region(asked, err));
    MW_TRY(open_region(asked, &one, err));
    const char *what = put(memory, one);
    if (!what)
        return MW_OK;
    free_region(one);
    return fail_region(err, asked->name, what, "unregister what is not used any more");
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* The place must lie in the region; where it begins in the file. */
static mw_status check_place(const region *one, const serve_place *place, off_t *ret_at,
                             mw_error *err)
{
    uint64_t end;
    if (__builtin_add_overflow(place->offset, place->bytes, &end) || end > one->bytes) {
        fail_region(err, place->region, "a tensor's place is not inside it",
                    "make shared_memory_offset and shared_memory_byte_size fit the region");
        return mw_why(err, "offset %llu and %llu bytes, and the region has %llu",
                      (unsigned long long)place->offset, (unsigned long long)place->bytes,
                      (unsigned long long)one->bytes);
    }
    *ret_at = (off_t)(one->offset + place->offset); /* both lie in the file: no overflow */
    return MW_OK;
}

static mw_status read_all(const region *one, const serve_place *place, off_t at, char *to,
                          mw_error *err)
{
    for (size_t left = place->bytes; left > 0;) {
        ssize_t n = pread(one->file, to, left, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_file(err, place->region, "read it", errno);
        if (n == 0)
            return fail_cut(err, place->region);
        to += n;
        at += n;
        left -= (size_t)n;
    }
    return MW_OK;
}

mw_status serve_memory_read(serve_memory *memory, const serve_place *place, void *to, mw_error *err)
{
    region *one;
    off_t at;
    MW_TRY(take(memory, place->region, &one, err));
    mw_status status = check_place(one, place, &at, err);
    if (status == MW_OK)
        status = read_all(one, place, at, to, err);
    drop(memory, one);
    return status;
}

/* A file that was cut is not made longer again by an answer. */
static mw_status check_room(const region *one, const serve_place *place, uint64_t bytes,
                            off_t *ret_at, mw_error *err)
{
    struct stat is;
    MW_TRY(check_place(one, place, ret_at, err));
    if (bytes > place->bytes) {
        fail_region(err, place->region, "an output does not fit its place",
                    "give the output a larger shared_memory_byte_size");
        return mw_why(err, "it has %llu bytes, the place %llu", (unsigned long long)bytes,
                      (unsigned long long)place->bytes);
    }
    if (fstat(one->file, &is) != 0)
        return fail_file(err, place->region, "look at its file", errno);
    return *ret_at + (off_t)bytes <= is.st_size ? MW_OK : fail_cut(err, place->region);
}

mw_status serve_memory_check(serve_memory *memory, const serve_place *place, uint64_t bytes,
                             mw_error *err)
{
    region *one;
    off_t at;
    MW_TRY(take(memory, place->region, &one, err));
    mw_status status = check_room(one, place, bytes, &at, err);
    drop(memory, one);
    return status;
}

static mw_status write_all(const region *one, const serve_place *place, off_t at, const char *from,
                           size_t bytes, mw_error *err)
{
    while (bytes > 0) {
        ssize_t n = pwrite(one->file, from, bytes, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail_file(err, place->region, "write to it", n < 0 ? errno : ENOSPC);
        from += n;
        at += n;
        bytes -= (size_t)n;
    }
    return MW_OK;
}

mw_status serve_memory_write(serve_memory *memory, const serve_place *place, const void *from,
                             size_t bytes, mw_error *err)
{
    region *one;
    off_t at;
    MW_TRY(take(memory, place->region, &one, err));
    mw_status status = check_room(one, place, bytes, &at, err);
    if (status == MW_OK)
        status = write_all(one, place, at, from, bytes, err);
    drop(memory, one);
    return status;
}
