/* Keys of session tickets. A ticket is the session itself, sealed, in the client's hands: nothing
 * is kept here for it, and any loop can resume it. A key seals for one lifetime of sessions and
 * opens for one more, so a stolen key tells no more than two of them. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "tls.h"

#define LIFE_NS ((uint64_t)MW_LIMIT_TLS_SESSION_SECONDS * 1000000000)

void tls_tickets_init(tls_tickets *tickets)
{
    *tickets = (tls_tickets){.keys = {{.is_there = false}}};
    pthread_mutex_init(&tickets->lock, NULL);
}

void tls_tickets_done(tls_tickets *tickets)
{
    OPENSSL_cleanse(tickets->keys, sizeof tickets->keys);
    pthread_mutex_destroy(&tickets->lock);
}

/* The key that seals now; a new one when the last has served its time. */
static bool take_sealing(tls_tickets *tickets, tls_ticket_key *ret_key)
{
    uint64_t now_ns = mw_clock_ns();
    tls_ticket_key *newest = &tickets->keys[0];
    if (!newest->is_there || now_ns - newest->born_ns >= LIFE_NS) {
        tls_ticket_key made = {.born_ns = now_ns, .is_there = true};
        if (RAND_bytes(made.name, sizeof made.name) != 1 ||
            RAND_priv_bytes(made.cipher_key, sizeof made.cipher_key) != 1 ||
            RAND_priv_bytes(made.mac_key, sizeof made.mac_key) != 1)
            return false;
        tickets->keys[1] = *newest;
        *newest = made;
        OPENSSL_cleanse(&made, sizeof made);
    }
    *ret_key = *newest;
    return true;
}

/* The key of this name; *ret_is_old: it seals no more, so the client should get a fresh ticket. */
static bool take_opening(tls_tickets *tickets, const uint8_t name[16], tls_ticket_key *ret_key,
                         bool *ret_is_old)
{
    uint64_t now_ns = mw_clock_ns();
    for (size_t i = 0; i < TLS_TICKET_KEYS; i++) {
        const tls_ticket_key *key = &tickets->keys[i];
        uint64_t age_ns = now_ns - key->born_ns;
        if (!key->is_there || age_ns >= 2 * LIFE_NS || memcmp(key->name, name, 16) != 0)
            continue;
        *ret_key = *key;
        *ret_is_old = i > 0 || age_ns >= LIFE_NS;
        return true;
    }
    return false;
}

static bool set_mac_key(EVP_MAC_CTX *mac, tls_ticket_key *key)
{
    static char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac_key, sizeof key->mac_key),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

/* OpenSSL's contract: 1 done, 2 done and renew, 0 no ticket (a whole handshake), below 0 failed. */
static int use_ticket_key(SSL *ssl, unsigned char name[16], unsigned char *iv,
                          EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seals)
{
    mw_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    tls_ticket_key key;
    bool is_old = false;
    pthread_mutex_lock(&tls->tickets.lock);
    bool found = seals ? take_sealing(&tls->tickets, &key)
                       : take_opening(&tls->tickets, name, &key, &is_old);
    pthread_mutex_unlock(&tls->tickets.lock);
    if (!found)
        return seals ? -1 : 0;
    int done = is_old ? 2 : 1;
    if (seals) {
        memcpy(name, key.name, sizeof key.name);
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1 ||
            EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher_key, iv) != 1)
            done = -1;
    } else if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher_key, iv) != 1) {
        done = -1;
    }
    if (!set_mac_key(mac, &key))
        done = -1;
    OPENSSL_cleanse(&key, sizeof key);
    return done;
}

bool tls_tickets_install(tls_tickets *tickets, SSL_CTX *context)
{
    (void)tickets; /* reached by the context's application data */
    return SSL_CTX_set_tlsext_ticket_key_evp_cb(context, use_ticket_key) == 1;
}
