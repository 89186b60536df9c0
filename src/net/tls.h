/* TLS inside net: what the files say (tls_files.c), as OpenSSL wants it (tls_context.c), and the
 * keys of tickets (tls_tickets.c). What moves bytes is tls.c.
 *
 *     certificate, key, CA files --> tls_material --> SSL_CTX --one a connection--> SSL
 *                                                       ^ swapped by a reload; those that are open
 *                                                         hold the old one by its count
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "net.h"

/* ---- tls_files.c ----------------------------------------------------------------------------- */

typedef struct tls_material {
    X509 *certificate;
    STACK_OF(X509) * chain; /* between it and the root */
    EVP_PKEY *key;
    X509_STORE *authorities;               /* of clients; NULL = none are asked */
    STACK_OF(X509_NAME) * authority_names; /* told to clients, so that they can choose */
    uint8_t client_rules[32];              /* digest of what clients must show */
} tls_material;

/* Fails as mw_tls_new; nothing is held then. */
MW_CHECKED mw_status tls_material_read(const mw_tls_options *options, tls_material *ret_material,
                                       mw_error *err);
void tls_material_done(tls_material *material);
void tls_material_describe(const tls_material *material, mw_tls_info *ret_info);
/* "CN=ada,O=example" (RFC 2253), or, where the subject is empty, the first of its other names;
 * false when it has neither. */
bool tls_certificate_name(X509 *certificate, char *ret_name, size_t name_size);
/* OpenSSL's own words for the last error of this thread, and forget it. Never NULL. */
const char *tls_last_reason(void);

/* ---- tls_tickets.c --------------------------------------------------------------------------- */

enum { TLS_TICKET_KEYS = 2 }; /* one that seals, one that only opens */

typedef struct tls_ticket_key {
    uint8_t name[16], cipher_key[32], mac_key[32];
    uint64_t born_ns;
    bool is_there;
} tls_ticket_key;

/* Shared by all loops, kept over a reload. */
typedef struct tls_tickets {
    pthread_mutex_t lock;
    tls_ticket_key keys[TLS_TICKET_KEYS]; /* newest first */
} tls_tickets;

void tls_tickets_init(tls_tickets *tickets);
void tls_tickets_done(tls_tickets *tickets);
/* Let the context seal and open tickets with these; they must outlive it. */
bool tls_tickets_install(tls_tickets *tickets, SSL_CTX *context);

/* ---- tls_context.c --------------------------------------------------------------------------- */

enum { TLS_FILES = 3 };

/* What a file looked like; all zero = it was not there. */
typedef struct tls_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
} tls_stamp;

struct mw_tls {
    mw_tls_options options; /* owned text */
    tls_tickets tickets;
    pthread_mutex_t lock; /* for context and info */
    SSL_CTX *context;
    mw_tls_info info;
    tls_stamp read[TLS_FILES], seen[TLS_FILES]; /* when read last; at the last look */
};

/* The state of one more connection, or NULL when memory is gone. */
SSL *tls_connection_new(mw_tls *tls);

#endif
