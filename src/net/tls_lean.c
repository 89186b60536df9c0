/* A connection of TLS 1.3 once OpenSSL has done the handshake: its keys, and the bytes under way.
 *
 *     socket --recv--> raw: [record][record][part of one] --open--> where the protocol wants it
 *     socket <--send-- records of what it writes, four at a time
 *
 * OpenSSL's connection object is freed then: an idle connection would keep 13 kB of it, and it is
 * half of what TLS costs a request. The client's certificate was verified, tickets were sent; what
 * is left of the protocol are records, closing, and new keys (KeyUpdate), for which either side may
 * ask. Nothing else may come (RFC 8446 section 4.6): no authentication behind the handshake is
 * offered.
 *
 * What the handshake leaves is learned by OpenSSL's callbacks: both secrets (as for a key log), and
 * how many records were sent under the last key: tickets. While it lasts OpenSSL gets no byte that
 * it does not ask for, so that those behind it are here. */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "loop.h"
#include "tls.h"

enum {
    IN_BYTES = 2 * TLS_RECORD_MAX,
    RECORDS_A_SEND = 4,
    OUT_BYTES = RECORDS_A_SEND * TLS_RECORD_MAX,
    PIECES_A_RECORD = 2,
    WITHOUT_DATA_MAX = 32, /* records one behind the other that say nothing, or keys alone */
    FINISHED = 20,         /* a message of the handshake */
    USER_CANCELED = 90     /* an alert that means nothing (RFC 8446 section 6.1) */
};
/* An eighth of what may be sealed under one key (RFC 8446 section 5.5). */
#define RECORDS_A_KEY (UINT64_C(1) << 21)

struct tls_lean {
    tls_keys keys;
    uint8_t *raw; /* [begin, end): came, and is not used; [said, said_end): opened in place */
    uint32_t raw_bytes, begin, end, said, said_end;
    uint8_t *unsent; /* [unsent_at, unsent_end): records that the socket did not take yet, */
    uint32_t unsent_at, unsent_end, unsent_said; /* and how much of what they say is not told */
    tls_message update;                          /* the KeyUpdate that is under way */
    unsigned n_without_data;
    unsigned n_sent;  /* records, since the client's Finished */
    bool owes_update; /* a KeyUpdate goes before what is said next */
    bool has_in, has_out;
};

/* ---- bytes that came ------------------------------------------------------------------------- */

static uint8_t *take_buffer(net_loop *loop)
{
    uint8_t *buffer = loop->tls_in ? loop->tls_in : malloc(IN_BYTES);
    loop->tls_in = NULL;
    return buffer;
}

static void give_buffer(net_loop *loop, tls_lean *lean)
{
    if (lean->raw_bytes == IN_BYTES && !loop->tls_in)
        loop->tls_in = lean->raw;
    else
        free(lean->raw);
    lean->raw = NULL;
    lean->raw_bytes = lean->begin = lean->end = 0;
}

/* A large buffer with what is there at its begin. */
static bool make_room(net_connection *connection)
{
    tls_lean *lean = connection->tls.lean;
    uint32_t size = lean->end - lean->begin;
    if (lean->raw_bytes == IN_BYTES) {
        memmove(lean->raw, lean->raw + lean->begin, size);
    } else {
        uint8_t *raw = take_buffer(connection->loop);
        if (!raw)
            return false;
        if (size > 0)
            memcpy(raw, lean->raw + lean->begin, size);
        free(lean->raw);
        lean->raw = raw;
        lean->raw_bytes = IN_BYTES;
    }
    lean->begin = 0;
    lean->end = size;
    return true;
}

ssize_t tls_receive(net_connection *connection, void *data, size_t size)
{
    ssize_t n = net_plain.read(connection, data, size, &connection->tls.is_drained);
    connection->tls.is_at_end = n == 0;
    return n;
}

static ssize_t receive(net_connection *connection)
{
    tls_lean *lean = connection->tls.lean;
    if (!make_room(connection))
        return NET_BROKEN;
    ssize_t n = tls_receive(connection, lean->raw + lean->end, IN_BYTES - lean->end);
    if (n > 0)
        lean->end += (uint32_t)n;
    return n;
}

static bool may_go_on(const tls_lean *lean)
{
    uint32_t have = lean->end - lean->begin;
    return lean->said < lean->said_end ||
           (have >= TLS_HEADER_BYTES && have >= tls_record_size(lean->raw + lean->begin));
}

/* Nothing more can be done with what is there: keep no more memory than it has bytes. */
static void park(net_connection *connection)
{
    tls_lean *lean = connection->tls.lean;
    uint32_t size = lean->end - lean->begin;
    if (lean->raw_bytes != IN_BYTES || may_go_on(lean))
        return;
    uint8_t *parked = size > 0 ? malloc(size) : NULL;
    if (size > 0 && !parked)
        return;
    if (size > 0)
        memcpy(parked, lean->raw + lean->begin, size);
    give_buffer(connection->loop, lean);
    lean->raw = parked;
    lean->raw_bytes = lean->end = size;
}

/* ---- the handshake, watched ------------------------------------------------------------------ */

static void count_records(int writes, int version, int content, const void *data, size_t size,
                          SSL *ssl, void *user)
{
    tls_lean *lean = ((net_connection *)user)->tls.lean;
    (void)version;
    (void)ssl;
    if (writes && content == SSL3_RT_HEADER)
        lean->n_sent++;
    if (!writes && content == SSL3_RT_HANDSHAKE && size > 0 && *(const uint8_t *)data == FINISHED)
        lean->n_sent = 0; /* from here on it is the key of what is said */
}

bool tls_lean_begin(net_connection *connection)
{
    connection->tls.lean = calloc(1, sizeof *connection->tls.lean);
    if (!connection->tls.lean)
        return false;
    SSL_set_app_data(connection->tls.ssl, connection);
    SSL_set_msg_callback(connection->tls.ssl, count_records);
    SSL_set_msg_callback_arg(connection->tls.ssl, connection);
    return true;
}

void tls_lean_done(net_connection *connection)
{
    tls_lean *lean = connection->tls.lean;
    if (!lean)
        return;
    tls_keys_done(&lean->keys);
    give_buffer(connection->loop, lean);
    free(lean->unsent);
    free(lean);
    connection->tls.lean = NULL;
}

static bool read_hex(const char *text, uint8_t ret_secret[TLS_SECRET_MAX])
{
    for (size_t i = 0; *text && *text != '\n'; i++, text += 2) {
        int byte = mw_hex_byte(text);
        if (byte < 0 || i == TLS_SECRET_MAX)
            return false;
        ret_secret[i] = (uint8_t)byte;
    }
    return true;
}

/* "CLIENT_TRAFFIC_SECRET_0 RANDOM SECRET", both in hex. */
void tls_lean_note_secret(const SSL *ssl, const char *line)
{
    net_connection *connection = SSL_get_app_data(ssl);
    tls_lean *lean = connection ? connection->tls.lean : NULL;
    const char *random = strchr(line, ' '), *secret = random ? strchr(random + 1, ' ') : NULL;
    mw_view name = {line, random ? (size_t)(random - line) : 0};
    if (!lean || !secret)
        return;
    if (mw_view_is(name, "CLIENT_TRAFFIC_SECRET_0"))
        lean->has_in = read_hex(secret + 1, lean->keys.in.secret);
    else if (mw_view_is(name, "SERVER_TRAFFIC_SECRET_0"))
        lean->has_out = read_hex(secret + 1, lean->keys.out.secret);
}

bool tls_lean_is_empty(const net_connection *connection)
{
    const tls_lean *lean = connection->tls.lean;
    return lean->begin == lean->end;
}

ssize_t tls_lean_feed(net_connection *connection, void *data, size_t size)
{
    tls_lean *lean = connection->tls.lean;
    ssize_t n = lean->begin == lean->end ? receive(connection) : 1;
    if (n > 0) {
        uint32_t have = lean->end - lean->begin;
        n = (ssize_t)(have < size ? have : size);
        memcpy(data, lean->raw + lean->begin, (size_t)n);
        lean->begin += (uint32_t)n;
    }
    if (lean->begin == lean->end)
        give_buffer(connection->loop, lean);
    return n;
}

bool tls_lean_take_over(net_connection *connection)
{
    net_tls_state *tls = &connection->tls;
    tls_lean *lean = tls->lean;
    const SSL_CIPHER *cipher = SSL_get_current_cipher(tls->ssl);
    if (SSL_version(tls->ssl) != TLS1_3_VERSION || !lean->has_in || !lean->has_out || !cipher ||
        SSL_has_pending(tls->ssl) || !tls_keys_begin(&lean->keys, cipher))
        return false;
    lean->keys.out.n_records = lean->n_sent;
    SSL_free(tls->ssl);
    tls->ssl = NULL;
    connection->transport = &net_tls_lean;
    return true;
}

/* ---- sending --------------------------------------------------------------------------------- */

/* Room for a turn's records, of the loop. */
static uint8_t *out_of(net_loop *loop)
{
    if (!loop->tls_out)
        loop->tls_out = malloc(OUT_BYTES);
    return loop->tls_out;
}

static ssize_t send_bytes(net_connection *connection, uint8_t *data, size_t size)
{
    return net_plain.write(connection, &(struct iovec){data, size}, 1);
}

/* A farewell or a refusal; whether the client hears it is its affair. */
static void send_alert(net_connection *connection, int alert)
{
    enum { WARNING = 1, FATAL = 2 };
    net_tls_state *tls = &connection->tls;
    uint8_t what[] = {alert == TLS_CLOSE_NOTIFY ? WARNING : FATAL, (uint8_t)alert};
    uint8_t record[sizeof what + TLS_SEAL_BYTES];
    const struct iovec piece = {what, sizeof what};
    if (tls->is_broken || tls->lean->unsent) /* it would stand in the middle of a record */
        return;
    tls->is_broken = true;
    size_t size = tls_seal(&tls->lean->keys, TLS_ALERT, &piece, 1, record);
    if (size > 0)
        (void)send_bytes(connection, record, size);
}

/* New keys for what we say from here on. */
static size_t update_out(tls_lean *lean, uint8_t *ret_record)
{
    uint8_t message[] = {TLS_KEY_UPDATE, 0, 0, 1, 0};
    const struct iovec piece = {message, sizeof message};
    size_t size = tls_seal(&lean->keys, TLS_HANDSHAKE, &piece, 1, ret_record);
    lean->owes_update = false;
    return tls_way_update(&lean->keys, &lean->keys.out) ? size : 0;
}

/* Where in what is written: the next byte to be sealed. */
typedef struct cursor {
    const struct iovec *pieces;
    int n_pieces;
    size_t at; /* of the first of them */
} cursor;

/* The next pieces, of a record's size together at most. */
static int cut(cursor *from, struct iovec ret_cut[PIECES_A_RECORD], size_t *ret_size)
{
    int n = 0;
    *ret_size = 0;
    while (from->n_pieces > 0 && n < PIECES_A_RECORD && *ret_size < TLS_PLAIN_MAX) {
        size_t left = from->pieces->iov_len - from->at, room = TLS_PLAIN_MAX - *ret_size;
        size_t size = left < room ? left : room;
        if (size > 0)
            ret_cut[n++] = (struct iovec){(char *)from->pieces->iov_base + from->at, size};
        *ret_size += size;
        from->at += size;
        if (size == left) {
            from->pieces++;
            from->n_pieces--;
            from->at = 0;
        }
    }
    return n;
}

/* Records of a turn: where each ends, and how much was said up to there. */
typedef struct turn {
    uint8_t *data;
    size_t n, size, said;
    size_t ends[RECORDS_A_SEND], said_to[RECORDS_A_SEND];
} turn;

static bool add_record(turn *made, size_t record_size, size_t said_size)
{
    made->size += record_size;
    made->said += said_size;
    made->ends[made->n] = made->size;
    made->said_to[made->n++] = made->said;
    return record_size > 0;
}

static bool seal_turn(tls_lean *lean, cursor *from, turn *made)
{
    struct iovec piece[PIECES_A_RECORD];
    size_t size;
    if (lean->keys.out.n_records >= RECORDS_A_KEY)
        lean->owes_update = true;
    if (lean->owes_update && !add_record(made, update_out(lean, made->data), 0))
        return false;
    while (made->n < RECORDS_A_SEND) {
        int n = cut(from, piece, &size);
        if (n == 0)
            return true;
        uint8_t *to = made->data + made->size;
        if (!add_record(made, tls_seal(&lean->keys, TLS_DATA, piece, n, to), size))
            return false;
    }
    return true;
}

/* Of a turn the socket took `sent` bytes. What records say that went whole is taken. */
static bool keep_unsent(tls_lean *lean, const turn *made, size_t sent, size_t *ret_said)
{
    *ret_said = 0;
    for (size_t i = 0; i < made->n && made->ends[i] <= sent; i++)
        *ret_said = made->said_to[i];
    if (sent == made->size)
        return true;
    lean->unsent = malloc(made->size - sent);
    if (!lean->unsent)
        return false;
    memcpy(lean->unsent, made->data + sent, made->size - sent);
    lean->unsent_at = 0;
    lean->unsent_end = (uint32_t)(made->size - sent);
    lean->unsent_said = (uint32_t)(made->said - *ret_said);
    return true;
}

/* What of it is told as taken now, or as a transport's write. */
static ssize_t send_unsent(net_connection *connection)
{
    tls_lean *lean = connection->tls.lean;
    while (lean->unsent_at < lean->unsent_end) {
        ssize_t n = send_bytes(connection, lean->unsent + lean->unsent_at,
                               lean->unsent_end - lean->unsent_at);
        if (n < 0)
            return n;
        lean->unsent_at += (uint32_t)n;
    }
    free(lean->unsent);
    lean->unsent = NULL;
    return lean->unsent_said;
}

/* ---- the transport --------------------------------------------------------------------------- */

enum { WANTS_BYTES = -3, NEXT_RECORD = -4 };

static ssize_t fail(net_connection *connection, int alert)
{
    send_alert(connection, alert);
    connection->tls.is_broken = true;
    return NET_BROKEN;
}

static ssize_t pass_over(net_connection *connection)
{
    return ++connection->tls.lean->n_without_data > WITHOUT_DATA_MAX
               ? fail(connection, TLS_UNEXPECTED_MESSAGE)
               : NEXT_RECORD;
}

static ssize_t take_alert(net_connection *connection, const uint8_t *alert, size_t size)
{
    if (size == 0) /* section 5.1: none may be empty */
        return fail(connection, TLS_UNEXPECTED_MESSAGE);
    if (size != 2)
        return fail(connection, TLS_DECODE_ERROR);
    if (alert[1] == TLS_CLOSE_NOTIFY)
        return 0;
    if (alert[1] == USER_CANCELED)
        return pass_over(connection);
    connection->tls.is_broken = true;
    return NET_BROKEN;
}

/* Whole, or one more piece of one: it may be cut over records (section 5.1). */
static ssize_t take_key_update(net_connection *connection, const uint8_t *piece, size_t size)
{
    tls_lean *lean = connection->tls.lean;
    int alert = tls_message_add(&lean->update, piece, size);
    if (alert != TLS_FINE)
        return fail(connection, alert);
    if (lean->update.size == TLS_UPDATE_BYTES) {
        if (!tls_way_update(&lean->keys, &lean->keys.in))
            return fail(connection, TLS_INTERNAL_ERROR);
        lean->owes_update |= lean->update.bytes[TLS_UPDATE_BYTES - 1] == 1;
        lean->update.size = 0;
    }
    return pass_over(connection);
}

/* What was opened in place, as far as there is room for it. */
static ssize_t take_said(tls_lean *lean, void *data, size_t size)
{
    uint32_t left = lean->said_end - lean->said;
    uint32_t n = left < size ? left : (uint32_t)size;
    memcpy(data, lean->raw + lean->said, n);
    lean->said += n;
    return n;
}

/* Bytes said, 0 at the end, or NET_BROKEN, WANTS_BYTES, NEXT_RECORD. */
static ssize_t take(net_connection *connection, void *data, size_t size)
{
    tls_lean *lean = connection->tls.lean;
    uint32_t have = lean->end - lean->begin;
    if (lean->said < lean->said_end)
        return take_said(lean, data, size);
    if (have < TLS_HEADER_BYTES)
        return WANTS_BYTES;
    uint8_t *record = lean->raw + lean->begin;
    size_t record_size = tls_record_size(record), said_size;
    if (record_size == 0)
        return fail(connection, TLS_RECORD_OVERFLOW);
    if (have < record_size)
        return WANTS_BYTES;
    int alert;
    bool fits = record_size <= size + TLS_HEADER_BYTES + TLS_TAG_BYTES;
    uint8_t *to = fits ? data : record + TLS_HEADER_BYTES;
    tls_content content = tls_open(&lean->keys, record, record_size, to, &said_size, &alert);
    lean->begin += (uint32_t)record_size;
    if (content == TLS_NOTHING)
        return fail(connection, alert);
    bool stands_between = lean->update.size > 0 && content != TLS_HANDSHAKE;
    if (stands_between) /* pieces of one message (section 5.1) */
        return fail(connection, TLS_UNEXPECTED_MESSAGE);
    if (content == TLS_ALERT)
        return take_alert(connection, to, said_size);
    if (content == TLS_HANDSHAKE)
        return take_key_update(connection, to, said_size);
    if (said_size == 0)
        return pass_over(connection);
    lean->n_without_data = 0;
    if (fits)
        return (ssize_t)said_size;
    lean->said = (uint32_t)(to - lean->raw);
    lean->said_end = lean->said + (uint32_t)said_size;
    return take_said(lean, data, size);
}

static ssize_t lean_read(net_connection *connection, void *data, size_t size, bool *ret_drained)
{
    net_tls_state *tls = &connection->tls;
    ssize_t n;
    tls->is_drained = false; /* as long as the socket was not asked */
    do {
        n = take(connection, data, size);
        if (n == WANTS_BYTES && (n = receive(connection)) > 0)
            n = NEXT_RECORD;
    } while (n == NEXT_RECORD);
    park(connection);
    net_tls_keep(connection);
    *ret_drained = tls->is_drained && !may_go_on(tls->lean);
    return n;
}

static ssize_t lean_write(net_connection *connection, const struct iovec *pieces, int n_pieces)
{
    tls_lean *lean = connection->tls.lean;
    cursor from = {pieces, n_pieces, 0};
    size_t written = 0;
    net_tls_keep(connection);
    if (lean->unsent) {
        ssize_t n = send_unsent(connection);
        if (n != 0)
            return n;
    }
    while (from.n_pieces > 0) {
        turn made = {.data = out_of(connection->loop)};
        size_t said;
        if (!made.data || !seal_turn(lean, &from, &made))
            return NET_BROKEN;
        ssize_t n = send_bytes(connection, made.data, made.size);
        if (n == NET_BROKEN || !keep_unsent(lean, &made, n > 0 ? (size_t)n : 0, &said))
            return NET_BROKEN;
        written += said;
        if (lean->unsent)
            return written > 0 ? (ssize_t)written : NET_AGAIN;
    }
    return (ssize_t)written;
}

static void lean_finish(net_connection *connection)
{
    send_alert(connection, TLS_CLOSE_NOTIFY);
    shutdown(connection->fd, SHUT_WR);
}

static void lean_close(net_connection *connection)
{
    if (!connection->write_blocked) /* else it would stand in the middle of an answer */
        send_alert(connection, TLS_CLOSE_NOTIFY);
    net_timer_clear(&connection->loop->timers, &connection->tls.quiet);
    tls_lean_done(connection);
}

void tls_lean_rest(net_connection *connection)
{
    tls_keys_rest(&connection->tls.lean->keys);
}

const net_transport net_tls_lean = {lean_read, lean_write, lean_finish, lean_close};
