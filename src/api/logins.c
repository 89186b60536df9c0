/* Failed logins of the last minute, by peer and by user.
 *
 *     SipHash under a key of this process -> a set of four rows -> count since the first failure
 *
 * Rows of others that fall into a set make it forget the oldest: a flood of made-up names can make
 * the guard forgetful, never wrong about somebody else. */
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#include "logins.h"

enum { SETS = 1024, WAYS = 4, SHARED_PEER_FACTOR = 10 };

static const uint64_t window_ns = (uint64_t)MW_LIMIT_LOGIN_WINDOW_SECONDS * 1000000000;

typedef struct row {
    uint64_t who, since_ns;
    uint32_t n_failures;
} row;

struct api_logins {
    uint8_t key[crypto_shorthash_KEYBYTES];
    pthread_mutex_t lock;
    row rows[SETS][WAYS];
};

mw_status api_logins_new(api_logins **ret_logins, mw_error *err)
{
    api_logins *logins = calloc(1, sizeof *logins);
    if (!logins)
        return mw_fail_memory(err, "the count of failed logins");
    crypto_shorthash_keygen(logins->key);
    pthread_mutex_init(&logins->lock, NULL);
    *ret_logins = logins;
    return MW_OK;
}

void api_logins_free(api_logins *logins)
{
    if (!logins)
        return;
    pthread_mutex_destroy(&logins->lock);
    free(logins);
}

/* ---- who ------------------------------------------------------------------------------------- */

static uint64_t hash(const api_logins *logins, const void *bytes, size_t size)
{
    uint64_t who;
    crypto_shorthash((uint8_t *)&who, bytes, size, logins->key);
    return who ? who : 1; /* 0 is an empty row */
}

static uint64_t hash_peer(const api_logins *logins, const mw_peer *peer)
{
    uint8_t bytes[1 + sizeof peer->address] = {peer->kind};
    memcpy(bytes + 1, peer->address, sizeof peer->address);
    if (peer->kind == MW_PEER_IPV6) /* one customer's network: addresses in it are his to choose */
        memset(bytes + 1 + 8, 0, 8);
    return hash(logins, bytes, sizeof bytes);
}

static uint64_t hash_user(const api_logins *logins, mw_view user)
{
    uint8_t bytes[256] = {0xff};
    size_t size = user.size < sizeof bytes - 1 ? user.size : sizeof bytes - 1;
    memcpy(bytes + 1, user.data, size);
    return hash(logins, bytes, size + 1);
}

static uint32_t failures_of_peer(const mw_peer *peer)
{
    static const uint8_t loopback[16] = {[15] = 1};
    bool is_here = peer->kind == MW_PEER_UNIX || peer->kind == MW_PEER_UNKNOWN ||
                   (peer->kind == MW_PEER_IPV4 && peer->address[0] == 127) ||
                   (peer->kind == MW_PEER_IPV6 && memcmp(peer->address, loopback, 16) == 0);
    return MW_LIMIT_LOGIN_FAILURES * (is_here ? SHARED_PEER_FACTOR : 1);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static row *find(api_logins *logins, uint64_t who, uint64_t now_ns)
{
    row *set = logins->rows[who % SETS];
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].who == who && now_ns - set[i].since_ns < window_ns)
            return &set[i];
    return NULL;
}

static row *make(api_logins *logins, uint64_t who, uint64_t now_ns)
{
    row *set = logins->rows[who % SETS], *oldest = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].who == 0 || set[i].who == who) {
            oldest = &set[i];
            break;
        }
        if (set[i].since_ns < oldest->since_ns)
            oldest = &set[i];
    }
    *oldest = (row){who, now_ns, 0};
    return oldest;
}

static unsigned wait_of(api_logins *logins, uint64_t who, uint32_t most, uint64_t now_ns)
{
    const row *found = find(logins, who, now_ns);
    if (!found || found->n_failures < most)
        return 0;
    return (unsigned)((found->since_ns + window_ns - now_ns) / 1000000000) + 1;
}

static void count(api_logins *logins, uint64_t who, uint64_t now_ns)
{
    row *found = find(logins, who, now_ns);
    if (!found)
        found = make(logins, who, now_ns);
    found->n_failures++;
}

unsigned api_logins_wait(api_logins *logins, const mw_peer *peer, mw_view user, uint64_t now_ns)
{
    pthread_mutex_lock(&logins->lock);
    unsigned seconds = wait_of(logins, hash_peer(logins, peer), failures_of_peer(peer), now_ns);
    unsigned more = user.size > 0
                        ? wait_of(logins, hash_user(logins, user), MW_LIMIT_LOGIN_FAILURES, now_ns)
                        : 0;
    pthread_mutex_unlock(&logins->lock);
    return more > seconds ? more : seconds;
}

void api_logins_failed(api_logins *logins, const mw_peer *peer, mw_view user, uint64_t now_ns)
{
    pthread_mutex_lock(&logins->lock);
    count(logins, hash_peer(logins, peer), now_ns);
    if (user.size > 0)
        count(logins, hash_user(logins, user), now_ns);
    pthread_mutex_unlock(&logins->lock);
}
