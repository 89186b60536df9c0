/* TLS 1.3 behind the handshake: our records, and OpenSSL's own client at the other end. Its bytes
 * go through this test's hands, so that they can be cut, changed and made up. */
#include "../test.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "../folder.h"
#include "house.h"
#include "net/tls.h"

enum { MOST_BYTES = 3000000, HEADER_BYTES = 5 };

static net_house the_house;
static mw_tls *tls;
static char folder[TEST_FOLDER_BYTES];
static char *pattern;

/* ---- the server ------------------------------------------------------------------------------ */

static void write_pair(const char *path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    FILE *file = fopen(path, "w");
    assert_true(key && certificate && file);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static int set_up(void **state)
{
    (void)state;
    static mw_listener listener = {.address = "127.0.0.1:0", .tls = true};
    char path[TEST_FOLDER_BYTES + 16];
    mw_error err;
    if (test_folder_make(folder) != 0)
        return -1;
    snprintf(path, sizeof path, "%s/pair.pem", folder);
    write_pair(path);
    if (mw_tls_new(&(mw_tls_options){.certificate = path}, &tls, &err) != MW_OK)
        fail_msg("%s (%s)", err.what, err.why);
    house_prepare(&the_house);
    the_house.options.listen = NULL;
    the_house.options.listeners = &listener;
    the_house.options.n_listeners = 1;
    the_house.options.tls = tls;
    the_house.options.max_body_bytes = 4 * MW_MIB;
    house_open(&the_house);
    pattern = malloc(MOST_BYTES);
    for (size_t i = 0; i < MOST_BYTES; i++)
        pattern[i] = (char)(i * 7 + i / 4099);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    house_close(&the_house);
    mw_tls_free(tls);
    free(pattern);
    return test_folder_remove(folder);
}

/* ---- the client ------------------------------------------------------------------------------ */

typedef struct client {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out; /* what comes from the server, what goes to it */
    size_t step;   /* so many bytes at a time; 0 = all */
} client;

static void send_out(client *c)
{
    char *data;
    size_t size = (size_t)BIO_get_mem_data(c->out, &data), step = c->step ? c->step : size;
    for (size_t at = 0; at < size; at += step)
        if (!wire_send_bytes(c->fd, data + at, size - at < step ? size - at : step))
            break;
    (void)BIO_reset(c->out);
}

/* False at the end. */
static bool take_in(client *c)
{
    char piece[65536];
    ssize_t n = wire_read(c->fd, piece, sizeof piece, WIRE_WAIT_MS);
    if (n > 0)
        BIO_write(c->in, piece, (int)n);
    return n > 0;
}

static SSL_CTX_keylog_cb_func note_secrets; /* of the next client; NULL = nobody's */

static void make_client(client *c, const char *suite)
{
    *c = (client){.fd = wire_connect(the_house.address),
                  .context = SSL_CTX_new(TLS_client_method())};
    assert_int_equal(SSL_CTX_set_ciphersuites(c->context, suite), 1);
    SSL_CTX_set_min_proto_version(c->context, TLS1_3_VERSION);
    SSL_CTX_set_keylog_callback(c->context, note_secrets);
    c->ssl = SSL_new(c->context);
    c->in = BIO_new(BIO_s_mem());
    c->out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(c->in, -1);
    SSL_set_bio(c->ssl, c->in, c->out);
}

/* Its Finished is not sent yet. */
static void shake_hands(client *c)
{
    int n;
    while ((n = SSL_connect(c->ssl)) != 1) {
        assert_int_equal(SSL_get_error(c->ssl, n), SSL_ERROR_WANT_READ);
        send_out(c);
        assert_true(take_in(c));
    }
}

static void begin_client(client *c, const char *suite)
{
    make_client(c, suite);
    shake_hands(c);
}

static void open_client(client *c, const char *suite)
{
    begin_client(c, suite);
    send_out(c);
}

static void close_client(client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->context);
    close(c->fd);
    ERR_clear_error();
}

static void say(client *c, const void *data, size_t size)
{
    if (size > 0)
        assert_int_equal(SSL_write(c->ssl, data, (int)size), (int)size);
    send_out(c);
}

/* What SSL_read says behind bytes that were waited for. */
static int hear(client *c, void *data, size_t size)
{
    for (;;) {
        int n = SSL_read(c->ssl, data, (int)size);
        send_out(c); /* it may have had to answer a KeyUpdate */
        if (n > 0 || SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ)
            return n;
        if (!take_in(c))
            return -1;
    }
}

static void echo(client *c, size_t size)
{
    char head[128], *got = malloc(size + 1024);
    snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
             size);
    say(c, head, strlen(head));
    say(c, pattern, size);
    size_t have = 0;
    char *body = NULL;
    while (!body || have < (size_t)(body - got) + size) {
        int n = hear(c, got + have, size + 1024 - have);
        if (n <= 0)
            fail_msg("%zu bytes: the answer ends behind %zu", size, have);
        have += (size_t)n;
        got[have < size + 1023 ? have : size + 1023] = '\0';
        body = body ? body : strstr(got, "\r\n\r\n");
        body = body && strncmp(body, "\r\n\r\n", 4) == 0 ? body + 4 : body;
    }
    assert_int_equal(have, (size_t)(body - got) + size);
    if (size > 0)
        assert_memory_equal(body, pattern, size);
    free(got);
}

/* The server ends the connection; the alert that it says why with, or 0 for close_notify. */
static int hear_alert(client *c)
{
    char data[4096];
    int n;
    while ((n = hear(c, data, sizeof data)) > 0)
        continue;
    if (SSL_get_error(c->ssl, n) == SSL_ERROR_ZERO_RETURN)
        return 0;
    int reason = ERR_GET_REASON(ERR_peek_last_error());
    return reason > SSL_AD_REASON_OFFSET ? reason - SSL_AD_REASON_OFFSET : -1;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static const char aes_128[] = "TLS_AES_128_GCM_SHA256";

static void test_ciphers_and_sizes(void **state)
{
    (void)state;
    static const char *const suites[] = {aes_128, "TLS_AES_256_GCM_SHA384",
                                         "TLS_CHACHA20_POLY1305_SHA256"};
    static const size_t sizes[] = {0, 1, 15000, 16383, 16384, 16385, 100000, MOST_BYTES};
    for (size_t i = 0; i < MW_COUNT(suites); i++) {
        client c;
        open_client(&c, suites[i]);
        assert_string_equal(SSL_get_cipher_name(c.ssl), suites[i]);
        for (size_t k = 0; k < MW_COUNT(sizes); k++)
            echo(&c, sizes[k]);
        close_client(&c);
    }
}

/* What comes in one piece with the handshake's end is not lost, nor is what is cut in it. */
static void test_first_words(void **state)
{
    (void)state;
    for (size_t step = 0; step < 400; step += 133) {
        client c;
        begin_client(&c, aes_128);
        c.step = step;
        assert_int_equal(SSL_write(c.ssl, "POST /echo HTTP/1.1\r\n", 21), 21);
        assert_int_equal(SSL_write(c.ssl, "Host: a\r\nContent-Length: 3\r\n\r\nabc", 33), 33);
        char got[1024];
        say(&c, NULL, 0);
        int n = hear(&c, got, sizeof got - 1);
        assert_true(n > 3);
        assert_memory_equal(got + n - 3, "abc", 3);
        echo(&c, 100);
        close_client(&c);
    }
}

static size_t pad(SSL *ssl, int type, size_t size, void *user)
{
    (void)ssl;
    (void)type;
    (void)user;
    return size % 7 * 100;
}

/* Small records, padded ones, a byte at a time, and nothing in them. */
static void test_odd_records(void **state)
{
    (void)state;
    client c;
    open_client(&c, aes_128);
    SSL_set_max_send_fragment(c.ssl, 512);
    echo(&c, 70000);
    SSL_set_record_padding_callback(c.ssl, pad);
    echo(&c, 70000);
    c.step = 1;
    echo(&c, 700);
    c.step = 777;
    echo(&c, 50000);
    close_client(&c);
}

static void update(client *c, int kind)
{
    assert_int_equal(SSL_key_update(c->ssl, kind), 1);
    assert_int_equal(SSL_do_handshake(c->ssl), 1);
    send_out(c);
}

static void test_new_keys(void **state)
{
    (void)state;
    client c;
    open_client(&c, "TLS_AES_256_GCM_SHA384");
    for (int i = 0; i < 5; i++) {
        update(&c, SSL_KEY_UPDATE_NOT_REQUESTED);
        echo(&c, 1000);
        update(&c, SSL_KEY_UPDATE_REQUESTED);
        update(&c, SSL_KEY_UPDATE_REQUESTED);
        echo(&c, 40000);
    }
    for (int i = 0; i < 40; i++) /* and no data between: that is a flood */
        update(&c, SSL_KEY_UPDATE_NOT_REQUESTED);
    assert_int_equal(hear_alert(&c), SSL_AD_UNEXPECTED_MESSAGE);
    close_client(&c);
}

/* The answer is larger than what the sockets hold: what was sealed waits, and goes on. */
static void test_who_reads_late(void **state)
{
    (void)state;
    enum { ANSWER_BYTES = 20000000 };
    static const char ask[] = "GET /big?20000000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    char *piece = malloc(ANSWER_BYTES);
    size_t have = 0, n_b = 0;
    client c;
    int n;
    open_client(&c, aes_128);
    setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
    say(&c, ask, sizeof ask - 1);
    struct pollfd begun = {.fd = c.fd, .events = POLLIN};
    assert_int_equal(poll(&begun, 1, WIRE_WAIT_MS), 1);
    setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &(int){1 << 20}, sizeof(int));
    while ((n = hear(&c, piece, ANSWER_BYTES)) > 0) {
        have += (size_t)n;
        for (int i = 0; i < n; i++)
            n_b += piece[i] == 'b';
    }
    assert_true(n_b >= ANSWER_BYTES && n_b < ANSWER_BYTES + 10 && have > ANSWER_BYTES);
    assert_int_equal(SSL_get_error(c.ssl, n), SSL_ERROR_ZERO_RETURN); /* it says goodbye */
    free(piece);
    close_client(&c);
}

static const struct wrong_case {
    const char *name;
    size_t at; /* of a record of the client: this byte becomes `byte`, or is changed by it */
    unsigned char byte;
    bool is_flip;
    int alert;
} wrong_cases[] = {
    {"a bit of what is sealed", 10, 1, true, SSL_AD_BAD_RECORD_MAC},
    {"a bit of the tag", 52, 0x80, true, SSL_AD_BAD_RECORD_MAC},
    {"another length in the header", 4, 1, true, SSL_AD_BAD_RECORD_MAC},
    {"another version in the header", 2, 1, true, SSL_AD_BAD_RECORD_MAC},
    {"in the clear", 0, 22, false, SSL_AD_UNEXPECTED_MESSAGE},
    {"a change of cipher behind the handshake", 0, 20, false, SSL_AD_UNEXPECTED_MESSAGE},
    {"too long", 3, 0x50, false, SSL_AD_RECORD_OVERFLOW},
};

static void test_wrong_records(void **state)
{
    (void)state;
    static const char ask[] = "GET /what HTTP/1.1\r\nHost: a\r\n\r\n";
    for (size_t i = 0; i < MW_COUNT(wrong_cases); i++) {
        const struct wrong_case *w = &wrong_cases[i];
        client c;
        char *data;
        open_client(&c, aes_128);
        echo(&c, 10);
        assert_int_equal(SSL_write(c.ssl, ask, sizeof ask - 1), (int)sizeof ask - 1);
        assert_int_equal(BIO_get_mem_data(c.out, &data), HEADER_BYTES + (long)sizeof ask - 1 + 17);
        data[w->at] = (char)(w->is_flip ? data[w->at] ^ w->byte : w->byte);
        unsigned handled = atomic_load(&the_house.n_handled);
        send_out(&c);
        if (w->at == 4) /* it waits for a byte more, or reads one less */
            wire_send_bytes(c.fd, "x", 1);
        int alert = hear_alert(&c);
        if (alert != w->alert || atomic_load(&the_house.n_handled) != handled)
            fail_msg("%s: alert %d, not %d", w->name, alert, w->alert);
        close_client(&c);
    }
}

/* A replay, and a record that is left out. */
static void test_order(void **state)
{
    (void)state;
    static const char ask[] = "GET /what HTTP/1.1\r\nHost: a\r\n\r\n";
    for (int leaves_out = 0; leaves_out < 2; leaves_out++) {
        client c;
        char *data, kept[256];
        open_client(&c, aes_128);
        echo(&c, 10);
        SSL_write(c.ssl, ask, sizeof ask - 1);
        size_t size = (size_t)BIO_get_mem_data(c.out, &data);
        assert_true(size < sizeof kept);
        memcpy(kept, data, size);
        if (leaves_out)
            (void)BIO_reset(c.out);
        else
            send_out(&c);
        if (leaves_out)
            SSL_write(c.ssl, ask, sizeof ask - 1);
        else
            BIO_write(c.out, kept, (int)size);
        send_out(&c);
        assert_int_equal(hear_alert(&c), SSL_AD_BAD_RECORD_MAC);
        close_client(&c);
    }
}

/* ---- records that OpenSSL's client would not make -------------------------------------------- */

static tls_keys forged; /* what the client says is sealed by them, from its first record on */

static void note_secret(const SSL *ssl, const char *line)
{
    static const char label[] = "CLIENT_TRAFFIC_SECRET_0 ";
    const char *secret = strrchr(line, ' ');
    (void)ssl;
    if (strncmp(line, label, sizeof label - 1) != 0)
        return;
    for (size_t i = 0; secret[1 + 2 * i]; i++)
        forged.out.secret[i] = (uint8_t)mw_hex_byte(secret + 1 + 2 * i);
}

static void open_forger(client *c)
{
    forged = (tls_keys){0};
    note_secrets = note_secret;
    open_client(c, aes_128);
    note_secrets = NULL;
    assert_true(tls_keys_begin(&forged, SSL_get_current_cipher(c->ssl)));
}

static void close_forger(client *c)
{
    tls_keys_done(&forged);
    close_client(c);
}

static size_t forge(int content, const void *data, size_t size, uint8_t *ret_record)
{
    const struct iovec piece = {(void *)(uintptr_t)data, size};
    return tls_seal(&forged, (tls_content)content, &piece, 1, ret_record);
}

static void send_forged(client *c, int content, const void *data, size_t size)
{
    static uint8_t record[TLS_RECORD_MAX];
    wire_send_bytes(c->fd, record, forge(content, data, size, record));
}

static const char ask_what[] = "GET /what HTTP/1.1\r\nHost: a\r\n\r\n";
enum { ASK_BYTES = sizeof ask_what - 1, CUT_OFF = -1 };

static const struct forged_case {
    const char *name;
    int content;
    const char *data;
    size_t size;
    int alert;
} forged_cases[] = {
    {"an empty alert", TLS_ALERT, "", 0, SSL_AD_UNEXPECTED_MESSAGE},
    {"half an alert", TLS_ALERT, "\2", 1, SSL_AD_DECODE_ERROR},
    {"two alerts", TLS_ALERT, "\1\0\1\0", 4, SSL_AD_DECODE_ERROR},
    {"a fatal alert", TLS_ALERT, "\2\50", 2, CUT_OFF},
    {"an error that is called a warning", TLS_ALERT, "\1\50", 2, CUT_OFF},
    {"an alert that nobody knows", TLS_ALERT, "\1\377", 2, CUT_OFF},
    {"a goodbye", TLS_ALERT, "\1\0", 2, SSL_AD_CLOSE_NOTIFY},
    {"an empty message", TLS_HANDSHAKE, "", 0, SSL_AD_UNEXPECTED_MESSAGE},
    {"half a KeyUpdate, and data", TLS_HANDSHAKE, "\30\0\0", 3, SSL_AD_UNEXPECTED_MESSAGE},
    {"a KeyUpdate that is long by its first bytes", TLS_HANDSHAKE, "\30\1", 2, SSL_AD_DECODE_ERROR},
    {"a KeyUpdate of two bytes", TLS_HANDSHAKE, "\30\0\0\2\0", 5, SSL_AD_DECODE_ERROR},
    {"a KeyUpdate that asks for more", TLS_HANDSHAKE, "\30\0\0\1\2", 5, SSL_AD_ILLEGAL_PARAMETER},
    {"two KeyUpdates in a record", TLS_HANDSHAKE, "\30\0\0\1\0\30\0\0\1\0", 10,
     SSL_AD_UNEXPECTED_MESSAGE},
    {"a ClientHello", TLS_HANDSHAKE, "\1\0\0\2\3\3", 6, SSL_AD_UNEXPECTED_MESSAGE},
    {"a ticket", TLS_HANDSHAKE, "\4\0\0\0", 4, SSL_AD_UNEXPECTED_MESSAGE},
    {"EndOfEarlyData", TLS_HANDSHAKE, "\5\0\0\0", 4, SSL_AD_UNEXPECTED_MESSAGE},
    {"a Certificate", TLS_HANDSHAKE, "\13\0\0\4\0\0\0\0", 8, SSL_AD_UNEXPECTED_MESSAGE},
    {"a CertificateRequest", TLS_HANDSHAKE, "\15\0\0\0", 4, SSL_AD_UNEXPECTED_MESSAGE},
    {"a Finished", TLS_HANDSHAKE, "\24\0\0\0", 4, SSL_AD_UNEXPECTED_MESSAGE},
    {"padding alone", 0, "", 0, SSL_AD_UNEXPECTED_MESSAGE},
    {"zeros alone", 0, "\0\0\0\0\0\0", 6, SSL_AD_UNEXPECTED_MESSAGE},
    {"a change of cipher, sealed", 20, "\1", 1, SSL_AD_UNEXPECTED_MESSAGE},
    {"a heartbeat", 24, "\1\0\1a", 4, SSL_AD_UNEXPECTED_MESSAGE},
};

static void test_forged_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(forged_cases); i++) {
        const struct forged_case *f = &forged_cases[i];
        client c;
        unsigned handled = atomic_load(&the_house.n_handled);
        open_forger(&c);
        send_forged(&c, TLS_DATA, ask_what, ASK_BYTES);
        send_forged(&c, f->content, f->data, f->size);
        send_forged(&c, TLS_DATA, ask_what, ASK_BYTES);
        int alert = hear_alert(&c);
        if (alert != f->alert || atomic_load(&the_house.n_handled) > handled + 1)
            fail_msg("%s: alert %d, not %d", f->name, alert, f->alert);
        close_forger(&c);
    }
}

static void send_update(client *c, const char *message, size_t size, size_t step)
{
    for (size_t at = 0; at < size; at += step)
        send_forged(c, TLS_HANDSHAKE, message + at, size - at < step ? size - at : step);
}

/* Messages of the handshake may be cut over records (section 5.1): in pieces of any size. */
static void test_updates_in_pieces(void **state)
{
    (void)state;
    static const char message[] = {24, 0, 0, 1, 1};
    char got[1024];
    client c;
    open_forger(&c);
    for (size_t step = 1; step <= sizeof message; step++) {
        send_update(&c, message, sizeof message, step);
        assert_true(tls_way_update(&forged, &forged.out));
        send_forged(&c, TLS_DATA, ask_what, ASK_BYTES);
        assert_true(hear(&c, got, sizeof got) > 0); /* under the new key that was asked for */
    }
    for (int i = 0; i < 8; i++) { /* a byte at a time, and no data between: that is a flood, too */
        send_update(&c, message, sizeof message, 1);
        assert_true(tls_way_update(&forged, &forged.out));
    }
    assert_int_equal(hear_alert(&c), SSL_AD_UNEXPECTED_MESSAGE);
    close_forger(&c);
}

static const struct between_case {
    const char *name;
    int content;
    const char *data;
    size_t size;
    int alert;
} between_cases[] = {
    {"data", TLS_DATA, ask_what, ASK_BYTES, SSL_AD_UNEXPECTED_MESSAGE},
    {"no data", TLS_DATA, "", 0, SSL_AD_UNEXPECTED_MESSAGE},
    {"an alert that means nothing", TLS_ALERT, "\1\132", 2, SSL_AD_UNEXPECTED_MESSAGE},
    {"a goodbye", TLS_ALERT, "\1\0", 2, SSL_AD_UNEXPECTED_MESSAGE},
    {"an empty piece", TLS_HANDSHAKE, "", 0, SSL_AD_UNEXPECTED_MESSAGE},
    {"the rest, and more", TLS_HANDSHAKE, "\1\0\30", 3, SSL_AD_UNEXPECTED_MESSAGE},
    {"another length", TLS_HANDSHAKE, "\2", 1, SSL_AD_DECODE_ERROR},
    {"a wrong end", TLS_HANDSHAKE, "\1\2", 2, SSL_AD_ILLEGAL_PARAMETER},
};

static void test_what_stands_between_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(between_cases); i++) {
        const struct between_case *b = &between_cases[i];
        client c;
        unsigned handled = atomic_load(&the_house.n_handled);
        open_forger(&c);
        send_forged(&c, TLS_HANDSHAKE, "\30\0\0", 3);
        send_forged(&c, b->content, b->data, b->size);
        send_forged(&c, TLS_HANDSHAKE, "\1\0", 2);
        int alert = hear_alert(&c);
        if (alert != b->alert || atomic_load(&the_house.n_handled) != handled)
            fail_msg("%s: alert %d, not %d", b->name, alert, b->alert);
        close_forger(&c);
    }
}

/* Allowed by its header, and one byte more than may stand in a record (section 5.4). */
static void test_a_record_that_is_too_full(void **state)
{
    (void)state;
    uint8_t *full = calloc(1, TLS_RECORD_MAX + 64);
    client c;
    open_forger(&c);
    size_t size = forge(TLS_DATA, pattern, TLS_PLAIN_MAX + 1, full);
    assert_true(wire_send_bytes(c.fd, full, size));
    assert_int_equal(hear_alert(&c), SSL_AD_RECORD_OVERFLOW);
    close_forger(&c);
    free(full);
}

/* Empty records cost the server work and bring nothing: a few pass, a flood of them does not. */
static void test_floods_of_nothing(void **state)
{
    (void)state;
    static const char canceled[] = {1, 90};
    client c;
    for (int kind = 0; kind < 2; kind++) {
        char got[1024];
        open_forger(&c);
        for (int turn = 0; turn < 3; turn++) {
            for (int i = 0; i < 30; i++)
                send_forged(&c, kind ? TLS_ALERT : TLS_DATA, canceled, kind ? 2 : 0);
            send_forged(&c, TLS_DATA, ask_what, ASK_BYTES);
            assert_true(hear(&c, got, sizeof got) > 0);
        }
        for (int i = 0; i < 40; i++)
            send_forged(&c, kind ? TLS_ALERT : TLS_DATA, canceled, kind ? 2 : 0);
        assert_int_equal(hear_alert(&c), SSL_AD_UNEXPECTED_MESSAGE);
        close_forger(&c);
    }
}

/* A client that has a ticket says its first words before the handshake: they could be said again by
 * whoever heard them, so they are passed over, and the client says them anew. */
static void test_early_words(void **state)
{
    (void)state;
    client c;
    size_t written;
    open_client(&c, aes_128);
    echo(&c, 10);
    SSL_SESSION *session = SSL_get1_session(c.ssl);
    assert_true(SSL_SESSION_is_resumable(session));
    assert_int_equal(SSL_SESSION_get_max_early_data(session), 0);
    SSL_shutdown(c.ssl);
    close_client(&c);
    assert_int_equal(SSL_SESSION_set_max_early_data(session, 4096), 1);
    unsigned handled = atomic_load(&the_house.n_handled);
    make_client(&c, aes_128);
    assert_int_equal(SSL_set_session(c.ssl, session), 1);
    assert_int_equal(SSL_write_early_data(c.ssl, ask_what, ASK_BYTES, &written), 1);
    shake_hands(&c);
    send_out(&c);
    assert_int_equal(SSL_session_reused(c.ssl), 1);
    assert_int_equal(SSL_get_early_data_status(c.ssl), SSL_EARLY_DATA_REJECTED);
    echo(&c, 10);
    assert_int_equal(atomic_load(&the_house.n_handled), handled + 1);
    SSL_SESSION_free(session);
    close_client(&c);
}

static void test_goodbyes(void **state)
{
    (void)state;
    client c;
    open_client(&c, aes_128);
    echo(&c, 10);
    SSL_shutdown(c.ssl);
    send_out(&c);
    assert_int_equal(hear_alert(&c), 0);
    close_client(&c);
    open_client(&c, aes_128); /* it goes in the middle of a record */
    assert_true(SSL_write(c.ssl, pattern, 1000) == 1000);
    char *data;
    assert_true(BIO_get_mem_data(c.out, &data) > 500);
    wire_send_bytes(c.fd, data, 500);
    close_client(&c);
    open_client(&c, aes_128);
    echo(&c, 10);
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ciphers_and_sizes),
                                       cmocka_unit_test(test_odd_records),
                                       cmocka_unit_test(test_first_words),
                                       cmocka_unit_test(test_new_keys),
                                       cmocka_unit_test(test_who_reads_late),
                                       cmocka_unit_test(test_wrong_records),
                                       cmocka_unit_test(test_order),
                                       cmocka_unit_test(test_forged_records),
                                       cmocka_unit_test(test_updates_in_pieces),
                                       cmocka_unit_test(test_what_stands_between_pieces),
                                       cmocka_unit_test(test_a_record_that_is_too_full),
                                       cmocka_unit_test(test_floods_of_nothing),
                                       cmocka_unit_test(test_early_words),
                                       cmocka_unit_test(test_goodbyes)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
