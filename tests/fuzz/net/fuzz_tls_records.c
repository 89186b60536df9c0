/* Records of TLS 1.3: as they come, and such as a client with the right key may seal.
 *
 *     byte 0      0: the rest is a record;  else: the rest is what is sealed, its content type and
 *                 its zeros included, by a client, in records of at most so many times 64 bytes
 *
 * What is sealed comes back as it was, or is refused with an alert that fits; what is not sealed is
 * refused. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "net/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* Both ends of a connection. */
static void begin(tls_keys *client, tls_keys *server)
{
    static const unsigned char number[] = {0x13, 0x01};
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    SSL *ssl = SSL_new(context);
    *client = *server = (tls_keys){.kind = NULL};
    memset(client->out.secret, 7, sizeof client->out.secret);
    memset(server->in.secret, 7, sizeof server->in.secret);
    check(tls_keys_begin(client, SSL_CIPHER_find(ssl, number)));
    check(tls_keys_begin(server, SSL_CIPHER_find(ssl, number)));
    SSL_free(ssl);
    SSL_CTX_free(context);
}

/* In memory of exactly its size. */
static tls_content open_record(tls_keys *keys, const uint8_t *record, size_t size,
                               uint8_t **ret_data, size_t *ret_size, int *ret_alert)
{
    size_t overhead = TLS_HEADER_BYTES + TLS_TAG_BYTES;
    uint8_t *copy = malloc(size);
    *ret_data = malloc(size > overhead ? size - overhead : 1);
    check(copy && *ret_data);
    memcpy(copy, record, size);
    tls_content content = tls_open(keys, copy, size, *ret_data, ret_size, ret_alert);
    free(copy);
    return content;
}

static void take_raw(tls_keys *server, const uint8_t *record, size_t size)
{
    uint8_t *said;
    size_t said_size;
    int alert = -1;
    if (size < TLS_HEADER_BYTES || tls_record_size(record) == 0 || tls_record_size(record) > size)
        return;
    tls_content content =
        open_record(server, record, tls_record_size(record), &said, &said_size, &alert);
    check(content == TLS_NOTHING &&
          (alert == TLS_BAD_RECORD_MAC || alert == TLS_UNEXPECTED_MESSAGE));
    free(said);
}

static void take_sealed(tls_keys *client, tls_keys *server, const uint8_t *inner, size_t size)
{
    static uint8_t record[TLS_RECORD_MAX];
    const struct iovec halves[] = {{(void *)(uintptr_t)inner, (size - 1) / 2},
                                   {(void *)(uintptr_t)(inner + (size - 1) / 2), size / 2}};
    uint8_t *said;
    size_t said_size = 0, end = size;
    int alert = -1;
    size_t record_size = tls_seal(client, (tls_content)inner[size - 1], halves, 2, record);
    check(record_size == size + TLS_HEADER_BYTES + TLS_TAG_BYTES &&
          tls_record_size(record) == record_size);
    while (end > 0 && inner[end - 1] == 0)
        end--;
    tls_content content = open_record(server, record, record_size, &said, &said_size, &alert);
    bool is_known = end > 0 && inner[end - 1] >= TLS_ALERT && inner[end - 1] <= TLS_DATA;
    check((content != TLS_NOTHING) == is_known);
    if (is_known)
        check((uint8_t)content == inner[end - 1] && said_size == end - 1 &&
              memcmp(said, inner, said_size) == 0);
    else
        check(alert == TLS_UNEXPECTED_MESSAGE);
    free(said);
}

/* A KeyUpdate's verdict is that of its first bytes, however they are cut. */
static void take_message(const uint8_t *data, size_t size)
{
    tls_message whole = {.size = 0}, cut = {.size = 0};
    size_t n = size < TLS_UPDATE_BYTES ? size : TLS_UPDATE_BYTES, at = 0;
    int alert = TLS_FINE;
    int expected = tls_message_add(&whole, data, n);
    while (at < n && alert == TLS_FINE) {
        size_t left = n - at, step = 1 + data[at] % left;
        uint8_t *piece = malloc(step);
        check(piece);
        memcpy(piece, data + at, step);
        alert = tls_message_add(&cut, piece, step);
        at += step;
        free(piece);
    }
    check(alert == expected && cut.size == at && memcmp(whole.bytes, cut.bytes, at) == 0);
    check((alert == TLS_FINE) == (memcmp(data, (uint8_t[]){24, 0, 0, 1}, n < 4 ? n : 4) == 0 &&
                                  (n < TLS_UPDATE_BYTES || data[TLS_UPDATE_BYTES - 1] <= 1)));
    if (alert == TLS_FINE && n == TLS_UPDATE_BYTES)
        check(tls_message_add(&cut, data, 1) == TLS_UNEXPECTED_MESSAGE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tls_keys client, server;
    if (size < 2)
        return 0;
    take_message(data + 1, size - 1);
    begin(&client, &server);
    size_t step = (size_t)data[0] * 64;
    if (step == 0)
        take_raw(&server, data + 1, size - 1);
    for (size_t at = 1; step > 0 && at < size; at += step)
        take_sealed(&client, &server, data + at, size - at < step ? size - at : step);
    if (step > 0 && size % 3 == 0)
        check(tls_way_update(&client, &client.out) && tls_way_update(&server, &server.in));
    if (step > 0)
        take_sealed(&client, &server, data + 1, 1);
    tls_keys_done(&client);
    tls_keys_done(&server);
    return 0;
}
