/* TLS inside net: what the files say (tls_files.c), as OpenSSL wants it (tls_context.c), and the
 * keys of tickets (tls_tickets.c). What moves bytes is tls.c; of TLS 1.3, once the handshake is
 * done, tls_lean.c, by the records of tls_records.c.
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

#include "connection.h"

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

/* ---- tls_records.c: records of TLS 1.3 (RFC 8446 section 5), without sockets -------------------
 */

enum {
    TLS_HEADER_BYTES = 5,
    TLS_TAG_BYTES = 16,
    TLS_PLAIN_MAX = 16384,
    TLS_RECORD_MAX = TLS_HEADER_BYTES + TLS_PLAIN_MAX + 256,
    TLS_SEAL_BYTES = TLS_HEADER_BYTES + 1 + TLS_TAG_BYTES, /* beside what is sealed */
    TLS_SECRET_MAX = 48,
    TLS_KEY_UPDATE = 24, /* the one message of the handshake that may come behind it */
    TLS_UPDATE_BYTES = 5 /* [24][0 0 1][does it ask for ours?] */
};

typedef enum tls_content {
    TLS_NOTHING = 0,
    TLS_ALERT = 21,
    TLS_HANDSHAKE = 22,
    TLS_DATA = 23
} tls_content;

enum {                /* alerts that we send */
       TLS_FINE = -1, /* none */
       TLS_CLOSE_NOTIFY = 0,
       TLS_UNEXPECTED_MESSAGE = 10,
       TLS_BAD_RECORD_MAC = 20,
       TLS_RECORD_OVERFLOW = 22,
       TLS_ILLEGAL_PARAMETER = 47,
       TLS_DECODE_ERROR = 50,
       TLS_INTERNAL_ERROR = 80
};

/* One way. The cipher's context is made when it is needed, and may be given back (tls_rest). */
typedef struct tls_way {
    uint8_t secret[TLS_SECRET_MAX], key[32], iv[12];
    uint64_t n_records; /* under this key */
    EVP_CIPHER_CTX *cipher;
} tls_way;

typedef struct tls_keys {
    const EVP_CIPHER *kind;
    const EVP_MD *digest;
    tls_way in, out; /* in: the client's; their secrets are set from outside */
} tls_keys;

/* By a cipher of TLS 1.3, from both secrets. False where this is not one that is known here. */
bool tls_keys_begin(tls_keys *keys, const SSL_CIPHER *cipher);
void tls_keys_done(tls_keys *keys);
/* Nothing moves for now: keep the keys alone. */
void tls_keys_rest(tls_keys *keys);
/* The next secret of a way, and its keys (KeyUpdate). */
bool tls_way_update(const tls_keys *keys, tls_way *way);
/* How long a record of which the header is there is, header included; 0: longer than allowed. */
size_t tls_record_size(const uint8_t header[TLS_HEADER_BYTES]);
/* Open a whole record. `ret_data` has room for what it holds (its size less TLS_HEADER_BYTES and
 * TLS_TAG_BYTES), and may be record + TLS_HEADER_BYTES. TLS_NOTHING: refused, for that alert. */
tls_content tls_open(tls_keys *keys, const uint8_t *record, size_t record_size, uint8_t *ret_data,
                     size_t *ret_size, int *ret_alert);
/* What came of a KeyUpdate; size 0 = none is under way. */
typedef struct tls_message {
    uint8_t bytes[TLS_UPDATE_BYTES], size;
} tls_message;

/* What a record of TLS_HANDSHAKE says, added to what earlier ones did: an alert, or TLS_FINE. With
 * TLS_UPDATE_BYTES the message is whole; the caller sets its size to 0. It ends with its record:
 * what is behind it there would be of another key (section 5.1). */
int tls_message_add(tls_message *message, const uint8_t *piece, size_t size);
/* Seal the pieces, TLS_PLAIN_MAX bytes together at most, as one record: its size, or 0 when OpenSSL
 * refuses. */
size_t tls_seal(tls_keys *keys, tls_content content, const struct iovec *pieces, int n_pieces,
                uint8_t *ret_record);

/* ---- tls_lean.c: a connection of TLS 1.3 behind its handshake -----------------------------------
 */

typedef struct tls_lean tls_lean;
/* Made with the handshake, which it watches: OpenSSL tells it of secrets and records. */
bool tls_lean_begin(net_connection *connection);
void tls_lean_done(net_connection *connection);
/* Bytes of the socket, as a transport's read; tells tls.is_drained and tls.is_at_end. */
ssize_t tls_receive(net_connection *connection, void *data, size_t size);
/* The same for OpenSSL, no more than it asks for: what comes behind the handshake stays here. */
ssize_t tls_lean_feed(net_connection *connection, void *data, size_t size);
bool tls_lean_is_empty(const net_connection *connection);
/* Of SSL_CTX_set_keylog_callback. */
void tls_lean_note_secret(const SSL *ssl, const char *line);
/* The handshake is done: go on without OpenSSL's connection object. False: go on with it. */
bool tls_lean_take_over(net_connection *connection);
/* Nothing moves for now: keep the keys alone. */
void tls_lean_rest(net_connection *connection);

/* ---- tls.c ----------------------------------------------------------------------------------- */

/* Something moved: what is kept warm for the next record is given back when none comes. */
void net_tls_keep(net_connection *connection);

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
