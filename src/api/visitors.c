/* Caches of visitors.
 *
 *     loop 0: 256 places, its own --.
 *     loop 1: 256 places, its own --+-- not there --> shared: 256 sets of 8, behind a lock
 *
 * A place holds a ref. What is of an older generation, or expired, is not found, and makes room
 * when something else falls on its place. */
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#include "visitors.h"

enum { OWN_PLACES = 256, SETS = 256, WAYS = 8 };

typedef struct place {
    uint8_t key[VISITORS_KEY_BYTES];
    uint64_t generation;
    api_visitor *visitor;
} place;

typedef struct loop_places {
    _Alignas(64) place places[OWN_PLACES];
} loop_places;

struct api_visitors {
    uint8_t key[crypto_generichash_KEYBYTES];
    atomic_uint_least64_t generation;
    pthread_mutex_t lock;
    place shared[SETS][WAYS]; /* guarded by lock */
    unsigned next_way[SETS];
    unsigned n_loops;
    loop_places *loops;
};

/* ---- visitors -------------------------------------------------------------------------------- */

api_visitor *api_visitor_ref(api_visitor *visitor)
{
    atomic_fetch_add_explicit(&visitor->n_refs, 1, memory_order_relaxed);
    return visitor;
}

void api_visitor_unref(api_visitor *visitor)
{
    if (visitor && atomic_fetch_sub_explicit(&visitor->n_refs, 1, memory_order_acq_rel) == 1)
        free(visitor);
}

/* ---- life ------------------------------------------------------------------------------------ */

mw_status api_visitors_new(unsigned n_loops, api_visitors **ret_visitors, mw_error *err)
{
    api_visitors *visitors = calloc(1, sizeof *visitors);
    loop_places *loops = NULL;
    if (!visitors || posix_memalign((void **)&loops, 64, n_loops * sizeof *loops) != 0) {
        free(visitors);
        return mw_fail_memory(err, "the cache of visitors");
    }
    memset(loops, 0, n_loops * sizeof *loops);
    visitors->loops = loops;
    visitors->n_loops = n_loops;
    crypto_generichash_keygen(visitors->key);
    atomic_init(&visitors->generation, 1);
    pthread_mutex_init(&visitors->lock, NULL);
    *ret_visitors = visitors;
    return MW_OK;
}

void api_visitors_free(api_visitors *visitors)
{
    if (!visitors)
        return;
    for (unsigned i = 0; i < visitors->n_loops; i++)
        for (size_t k = 0; k < OWN_PLACES; k++)
            api_visitor_unref(visitors->loops[i].places[k].visitor);
    for (size_t i = 0; i < SETS; i++)
        for (size_t k = 0; k < WAYS; k++)
            api_visitor_unref(visitors->shared[i][k].visitor);
    pthread_mutex_destroy(&visitors->lock);
    free(visitors->loops);
    free(visitors);
}

void api_visitors_renew(api_visitors *visitors)
{
    atomic_fetch_add(&visitors->generation, 1);
}

uint64_t api_visitors_generation(const api_visitors *visitors)
{
    return atomic_load(&visitors->generation);
}

/* ---- places ---------------------------------------------------------------------------------- */

void api_visitors_hash(const api_visitors *visitors, mw_view shown,
                       uint8_t ret_key[VISITORS_KEY_BYTES])
{
    crypto_generichash(ret_key, VISITORS_KEY_BYTES, (const uint8_t *)shown.data, shown.size,
                       visitors->key, sizeof visitors->key);
}

static bool holds(const api_visitors *visitors, const place *p, const uint8_t *key, uint64_t now_ns)
{
    return p->visitor && sodium_memcmp(p->key, key, VISITORS_KEY_BYTES) == 0 &&
           p->generation == atomic_load_explicit(&visitors->generation, memory_order_acquire) &&
           now_ns < p->visitor->until_ns;
}

/* Takes over the visitor's ref. */
static void fill(place *p, const uint8_t *key, uint64_t generation, api_visitor *visitor)
{
    api_visitor_unref(p->visitor);
    memcpy(p->key, key, VISITORS_KEY_BYTES);
    p->generation = generation;
    p->visitor = visitor;
}

static api_visitor *find_shared(api_visitors *visitors, const uint8_t *key, uint64_t now_ns,
                                uint64_t *ret_generation)
{
    api_visitor *found = NULL;
    place *set = visitors->shared[key[0]];
    pthread_mutex_lock(&visitors->lock);
    for (size_t i = 0; !found && i < WAYS; i++)
        if (holds(visitors, &set[i], key, now_ns)) {
            found = api_visitor_ref(set[i].visitor);
            *ret_generation = set[i].generation;
        }
    pthread_mutex_unlock(&visitors->lock);
    return found;
}

api_visitor *api_visitors_find(api_visitors *visitors, unsigned loop,
                               const uint8_t key[VISITORS_KEY_BYTES], uint64_t now_ns)
{
    place *own = &visitors->loops[loop].places[key[1]];
    if (!holds(visitors, own, key, now_ns)) {
        uint64_t generation;
        api_visitor *found = find_shared(visitors, key, now_ns, &generation);
        if (!found)
            return NULL;
        fill(own, key, generation, found);
    }
    api_visitor *visitor = own->visitor;
    if (visitor->token && !atomic_load_explicit(&visitor->was_here, memory_order_relaxed))
        atomic_store_explicit(&visitor->was_here, true, memory_order_relaxed);
    return api_visitor_ref(visitor);
}

bool api_visitors_knows(api_visitors *visitors, const uint8_t key[VISITORS_KEY_BYTES],
                        uint64_t now_ns)
{
    uint64_t generation;
    api_visitor *found = find_shared(visitors, key, now_ns, &generation);
    api_visitor_unref(found);
    return found != NULL;
}

void api_visitors_put(api_visitors *visitors, const uint8_t key[VISITORS_KEY_BYTES],
                      uint64_t generation, api_visitor *visitor)
{
    place *set = visitors->shared[key[0]], *to = NULL;
    pthread_mutex_lock(&visitors->lock);
    uint64_t now = atomic_load(&visitors->generation);
    for (size_t i = 0; i < WAYS; i++) {
        bool is_same = sodium_memcmp(set[i].key, key, VISITORS_KEY_BYTES) == 0;
        if (!set[i].visitor || is_same || (!to && set[i].generation != now))
            to = &set[i];
        if (is_same)
            break;
    }
    if (!to)
        to = &set[visitors->next_way[key[0]]++ % WAYS];
    fill(to, key, generation, api_visitor_ref(visitor));
    pthread_mutex_unlock(&visitors->lock);
}

void api_visitors_each_used(api_visitors *visitors, void (*see)(void *user, int64_t token),
                            void *user)
{
    pthread_mutex_lock(&visitors->lock);
    for (size_t i = 0; i < SETS; i++)
        for (size_t k = 0; k < WAYS; k++) {
            api_visitor *visitor = visitors->shared[i][k].visitor;
            if (visitor && visitor->token && atomic_exchange(&visitor->was_here, false))
                see(user, visitor->token);
        }
    pthread_mutex_unlock(&visitors->lock);
}
