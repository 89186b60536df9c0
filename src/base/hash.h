/* FNV-1a, 64 bits (Fowler, Noll, Vo): for tables and marks, where nobody is to be kept from making
 * texts collide. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "text.h"

#define MW_FNV_BEGIN UINT64_C(14695981039346656037)

/* Goes on from `hash`, which is MW_FNV_BEGIN at first. */
static inline uint64_t mw_fnv(uint64_t hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(1099511628211);
    return hash;
}

static inline uint64_t mw_fnv_view(uint64_t hash, mw_view text)
{
    return mw_fnv(hash, text.data, text.size);
}

#endif
