/* Token buckets of clients, without a lock; see plan.h.
 *
 *      hash -> [client, full_ns] [client, full_ns] ... four places; the first that is the client's,
 *              else one whose bucket is full again, else the first of them is shared */
#include "plan.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { N_BUCKETS = 4096, N_PLACES = 4, NS_PER_SECOND = 1000000000 };

typedef struct bucket {
    _Atomic uint64_t client;
    _Atomic uint64_t full_ns; /* when it would be full again */
} bucket;

struct mw_quota {
    bucket buckets[N_BUCKETS];
};

mw_rate mw_rate_of(uint64_t per_second, uint64_t burst)
{
    if (per_second == 0)
        return (mw_rate){0, 0};
    uint64_t token_ns = per_second < NS_PER_SECOND ? NS_PER_SECOND / per_second : 1;
    return (mw_rate){token_ns, token_ns * (burst > 0 ? burst : per_second)};
}

mw_status mw_quota_new(mw_quota **ret_quota, mw_error *err)
{
    *ret_quota = calloc(1, sizeof **ret_quota);
    return *ret_quota ? MW_OK : mw_fail_memory(err, "the quotas");
}

void mw_quota_free(mw_quota *quota)
{
    free(quota);
}

uint64_t mw_client_hash(mw_view name)
{
    uint64_t hash = mw_fnv_view(MW_FNV_BEGIN, name);
    return hash ? hash : 1;
}

/* Two clients that take over the same place at once may share it for a moment: neither gets more
 * than one of them may. */
static bucket *find_bucket(mw_quota *quota, uint64_t client, uint64_t now_ns)
{
    bucket *free_one = NULL, *first = &quota->buckets[client % N_BUCKETS];
    for (size_t i = 0; i < N_PLACES; i++) {
        bucket *at = &quota->buckets[(client + i) % N_BUCKETS];
        if (atomic_load_explicit(&at->client, memory_order_relaxed) == client)
            return at;
        if (!free_one && atomic_load_explicit(&at->full_ns, memory_order_relaxed) <= now_ns)
            free_one = at;
    }
    if (!free_one)
        return first;
    atomic_store_explicit(&free_one->client, client, memory_order_relaxed);
    return free_one;
}

uint64_t mw_quota_take(mw_quota *quota, const mw_rate *rate, uint64_t client, uint64_t now_ns)
{
    if (rate->token_ns == 0)
        return 0;
    bucket *mine = find_bucket(quota, client, now_ns);
    uint64_t full_ns = atomic_load_explicit(&mine->full_ns, memory_order_relaxed), next_ns;
    do {
        next_ns = (full_ns > now_ns ? full_ns : now_ns) + rate->token_ns;
        if (next_ns - now_ns > rate->bucket_ns)
            return next_ns - now_ns - rate->bucket_ns;
    } while (!atomic_compare_exchange_weak_explicit(&mine->full_ns, &full_ns, next_ns,
                                                    memory_order_relaxed, memory_order_relaxed));
    return 0;
}
