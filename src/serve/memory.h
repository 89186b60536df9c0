/* Regions of shared memory that clients on this machine register, so that tensors lie there and not
 * in requests: Triton's system shared memory extension; room-private.
 *
 *     file of POSIX shared memory (key)  [.....[ region: offset, bytes ]....]
 *                                                  [ place ]   <- a tensor: region, offset, bytes
 *     input: pread into the request's arena        answer: pwrite, when it is whole
 *
 * Nothing is mapped. The file is its client's, who may cut it at any time: a page that is gone
 * would be SIGBUS, where pread only says so; and bytes that were checked are bytes that are used.
 * Any thread may call these; NULL for a memory: it is off (--shared-memory). */
#ifndef SERVE_MEMORY_H
#define SERVE_MEMORY_H

#include "plan.h"

typedef struct serve_memory serve_memory;

typedef struct serve_region {
    mw_view name, key; /* key: "/name" or "name", as shm_open has it */
    uint64_t offset, bytes;
} serve_region;

/* A part of a region; region.data is NULL where there is none. */
typedef struct serve_place {
    mw_view region;
    uint64_t offset, bytes;
} serve_place;

MW_CHECKED mw_status serve_memory_new(serve_memory **ret_memory, mw_error *err);
/* NULL is fine. */
void serve_memory_free(serve_memory *memory);

/* What every call with shared memory answers when it is off. */
mw_status serve_memory_fail_off(mw_error *err);

/* Fails: MW_UNSUPPORTED (off); MW_BAD_DATA (MW3540): no such file, not one of shared memory, the
 * region is empty, too large or not inside it, its name is taken or cannot be told, too many. */
MW_CHECKED mw_status serve_memory_register(serve_memory *memory, const serve_region *region,
                                           mw_error *err);
/* Forget a region, or all where the name is empty; one that is not there is fine. Requests on their
 * way fail, or are done with it already. */
void serve_memory_unregister(serve_memory *memory, mw_view name);
/* Sees regions by the order of their registration: the one of this name, or all where it is empty.
 * Everything is borrowed for the call. Fails: MW_BAD_DATA (MW3540), no such region. */
typedef void serve_see_region(void *user, const serve_region *region);
MW_CHECKED mw_status serve_memory_each(serve_memory *memory, mw_view name, serve_see_region *see,
                                       void *user, mw_error *err);

/* The whole place, to `to`. Fails: MW_UNSUPPORTED; MW_BAD_DATA (MW3540): no such region, the place
 * is not inside it, or the client has cut it. */
MW_CHECKED mw_status serve_memory_read(serve_memory *memory, const serve_place *place, void *to,
                                       mw_error *err);
/* Whether so many bytes could be written to the place now. Fails as above, and where the place has
 * less room. */
MW_CHECKED mw_status serve_memory_check(serve_memory *memory, const serve_place *place,
                                        uint64_t bytes, mw_error *err);
/* So many bytes to its begin. Fails as above. */
MW_CHECKED mw_status serve_memory_write(serve_memory *memory, const serve_place *place,
                                        const void *from, size_t bytes, mw_error *err);

#endif
