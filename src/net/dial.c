/* The way to a server, and streams on it: TCP or a unix socket, plain or TLS. Sockets never block;
 * a handshake goes on by itself with the first bytes that are moved.
 *
 *     mw_dial (address, TLS's context, headers) --> mw_stream: connecting --> bytes both ways
 *
 * As everywhere here, who leaves an error in OpenSSL's queue takes it out again. */
#include "dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "address.h"

struct mw_dial {
    char *address, *url, *authority, *headers;
    char host[256]; /* that the certificate must name */
    SSL_CTX *tls;   /* NULL = plain */
    bool is_unix, only_public;
    struct sockaddr_un unix_address;
    struct addrinfo unix_where;
};

/* ---- the way --------------------------------------------------------------------------------- */

static mw_status fail_address(const char *url, const char *why, mw_error *err)
{
    mw_fail(err, MW_E_DIAL_ADDRESS, "'%s' is no address of a server: %s", url, why);
    return mw_mend(err, "write HOST:PORT, http://HOST:PORT, https://HOST:PORT or unix:PATH");
}

/* "host:443" of "host"; what stands in Host: leaves a scheme's own port out. */
static mw_status read_host(const char *url, mw_view host, const char *port, mw_dial *dial,
                           mw_error *err)
{
    const char *bracket = memrchr(host.data, ']', host.size);
    size_t from = bracket ? (size_t)(bracket - host.data) : 0;
    bool has_port = memchr(host.data + from, ':', host.size - from) != NULL;
    net_address parts;
    for (size_t i = 0; i < host.size; i++)
        if (host.data[i] <= ' ' || host.data[i] > '~' || strchr("/@?#", host.data[i]))
            return fail_address(url, "a character that may not stand there", err);
    if (asprintf(&dial->address, "%.*s%s%s", MW_VIEW_ARG(host), has_port ? "" : ":",
                 has_port ? "" : port) < 0 ||
        asprintf(&dial->authority, "%.*s", MW_VIEW_ARG(host)) < 0)
        return mw_fail_memory(err, "an address");
    MW_TRY(net_split_address(dial->address, &parts, err));
    if (parts.host[0] == '\0')
        return fail_address(url, "no host", err);
    snprintf(dial->host, sizeof dial->host, "%s", parts.host);
    return MW_OK;
}

static mw_status read_path(const char *url, const char *path, mw_dial *dial, mw_error *err)
{
    struct sockaddr_un *to = &dial->unix_address;
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof to->sun_path)
        return fail_address(url, size == 0 ? "no path" : "a path of more than 107 bytes", err);
    to->sun_family = AF_UNIX;
    memcpy(to->sun_path, path, size + 1);
    dial->is_unix = true;
    dial->unix_where = (struct addrinfo){.ai_family = AF_UNIX,
                                         .ai_socktype = SOCK_STREAM,
                                         .ai_addrlen = sizeof *to,
                                         .ai_addr = (struct sockaddr *)to};
    dial->address = strdup(url);
    dial->authority = strdup("localhost");
    return dial->address && dial->authority ? MW_OK : mw_fail_memory(err, "an address");
}

static mw_status fail_authorities(const char *path, mw_error *err)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    mw_fail(err, MW_E_TLS_FILE, "the certificates of authorities cannot be used");
    if (reason)
        mw_why(err, "%s", reason);
    ERR_clear_error();
    mw_at(err, "%s", path ? path : "the system's own");
    return mw_mend(err, "give a PEM file of certificates with --cacert");
}

static mw_status make_tls(const mw_dial_options *options, mw_dial *dial, mw_error *err)
{
    static const unsigned char spoken[] = "\x08http/1.1";
    SSL_CTX *context = dial->tls = SSL_CTX_new(TLS_client_method());
    if (!context)
        return mw_fail_memory(err, "TLS");
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(context, options->is_insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_alpn_protos(context, spoken, sizeof spoken - 1);
    if (options->is_insecure)
        return MW_OK;
    int known = options->ca_file ? SSL_CTX_load_verify_locations(context, options->ca_file, NULL)
                                 : SSL_CTX_set_default_verify_paths(context);
    return known == 1 ? MW_OK : fail_authorities(options->ca_file, err);
}

static mw_status read_url(const mw_dial_options *options, mw_dial *dial, mw_error *err)
{
    static const char plain[] = "http://", tls[] = "https://", path[] = "unix:";
    const char *url = options->url;
    mw_view host = mw_view_of(url);
    bool is_tls = mw_view_starts(host, tls);
    if (mw_view_starts(host, path))
        return read_path(url, url + sizeof path - 1, dial, err);
    size_t scheme = is_tls ? sizeof tls - 1 : mw_view_starts(host, plain) ? sizeof plain - 1 : 0;
    host = (mw_view){url + scheme, host.size - scheme};
    while (host.size > 0 && host.data[host.size - 1] == '/')
        host.size--;
    MW_TRY(read_host(url, host, is_tls ? "443" : "80", dial, err));
    return is_tls ? make_tls(options, dial, err) : MW_OK;
}

/* "Name: value" lines; a line end inside of one would begin another request. */
static mw_status read_headers(const char *lines, mw_dial *dial, mw_error *err)
{
    mw_buf out;
    mw_view left = mw_view_of(lines ? lines : "");
    mw_buf_init(&out, MW_LIMIT_HEAD_BYTES);
    while (left.size > 0) {
        mw_header header;
        mw_view line = mw_view_cut(&left, '\n');
        const char *wrong = memchr(line.data, '\r', line.size) ? "a carriage return"
                                                               : net_split_header(line, &header);
        if (wrong) {
            mw_buf_done(&out);
            mw_fail(err, MW_E_DIAL_HEADER, "'%.*s' is no header: %s", MW_VIEW_ARG(line), wrong);
            return mw_mend(err, "write 'Name: value'");
        }
        mw_buf_format(&out, "%.*s: %.*s\r\n", MW_VIEW_ARG(header.name), MW_VIEW_ARG(header.value));
    }
    dial->headers = out.failed ? NULL : strdup(out.size > 0 ? out.data : "");
    mw_buf_done(&out);
    return dial->headers ? MW_OK : mw_fail_memory(err, "the headers");
}

mw_status mw_dial_new(const mw_dial_options *options, mw_dial **ret_dial, mw_error *err)
{
    mw_dial *dial = calloc(1, sizeof *dial);
    if (!dial)
        return mw_fail_memory(err, "an address");
    dial->only_public = options->only_public;
    mw_status status = read_url(options, dial, err);
    if (status == MW_OK)
        status = read_headers(options->headers, dial, err);
    if (status == MW_OK && asprintf(&dial->url, "%s%s",
                                    dial->tls       ? "https://"
                                    : dial->is_unix ? ""
                                                    : "http://",
                                    dial->address) < 0)
        status = mw_fail_memory(err, "an address");
    if (status == MW_OK)
        *ret_dial = dial;
    else
        mw_dial_free(dial);
    return status;
}

void mw_dial_free(mw_dial *dial)
{
    if (!dial)
        return;
    SSL_CTX_free(dial->tls);
    free(dial->address);
    free(dial->authority);
    free(dial->headers);
    free(dial->url);
    free(dial);
}

const char *mw_dial_url(const mw_dial *dial)
{
    return dial->url;
}

const char *mw_dial_authority(const mw_dial *dial)
{
    return dial->authority;
}

const char *mw_dial_headers(const mw_dial *dial)
{
    return dial->headers;
}

mw_status dial_resolve(const mw_dial *dial, struct addrinfo **ret_list,
                       const struct addrinfo **ret_first, mw_error *err)
{
    *ret_list = NULL;
    *ret_first = &dial->unix_where;
    if (dial->is_unix)
        return MW_OK;
    MW_TRY(net_resolve(dial->address, false, ret_list, err));
    *ret_first = *ret_list;
    return MW_OK;
}

/* Judged is what is connected to, not what the name meant a moment before: a resolver that answers
 * otherwise the second time changes nothing. */
static mw_status check_public(const mw_dial *dial, const struct addrinfo *where, mw_error *err)
{
    char text[MW_PEER_TEXT_BYTES];
    if (!dial->only_public)
        return MW_OK;
    mw_peer peer = net_peer_of(where->ai_addr, where->ai_addrlen);
    if (net_is_public(&peer))
        return MW_OK;
    mw_fail(err, MW_E_DIAL_PRIVATE, "%s is not a public address", mw_peer_text(&peer, false, text));
    mw_at(err, "%s", dial->url);
    return mw_mend(err, "name a server of the internet: this one must not be asked from here");
}

mw_status mw_dial_check(const mw_dial *dial, mw_error *err)
{
    struct addrinfo *list;
    const struct addrinfo *where;
    if (!dial->only_public)
        return MW_OK;
    MW_TRY(dial_resolve(dial, &list, &where, err));
    mw_status status = MW_OK;
    for (; where && status == MW_OK; where = where->ai_next)
        status = check_public(dial, where, err);
    if (list)
        freeaddrinfo(list);
    return status;
}

/* ---- streams --------------------------------------------------------------------------------- */

/* A socket that connects, or has; -1 with errno. */
static int begin_connection(const struct addrinfo *where)
{
    int fd = socket(where->ai_family, where->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    where->ai_protocol);
    if (fd < 0)
        return -1;
    if (where->ai_family != AF_UNIX)
        net_send_at_once(fd);
    if (connect(fd, where->ai_addr, where->ai_addrlen) == 0 || errno == EINPROGRESS)
        return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

/* The certificate must name the host, or hold the address. */
static bool expect_host(SSL *ssl, const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    bool is_number =
        inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
    if (is_number)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

static bool begin_tls(const mw_dial *dial, mw_stream *stream)
{
    SSL *ssl = stream->ssl = SSL_new(dial->tls);
    if (ssl && SSL_set_fd(ssl, stream->fd) == 1 && expect_host(ssl, dial->host)) {
        SSL_set_connect_state(ssl);
        return true;
    }
    ERR_clear_error();
    return false;
}

mw_status dial_begin(const mw_dial *dial, const struct addrinfo *where, mw_stream *ret_stream,
                     mw_error *err)
{
    MW_TRY(check_public(dial, where, err));
    mw_stream stream = {.fd = begin_connection(where), .awaits = POLLOUT};
    if (stream.fd < 0)
        return dial_fail(dial, NULL, errno, err);
    if (dial->tls && !begin_tls(dial, &stream)) {
        mw_stream_close(&stream);
        return mw_fail_memory(err, "TLS");
    }
    *ret_stream = stream;
    return MW_OK;
}

mw_status mw_stream_open(const mw_dial *dial, mw_stream *ret_stream, mw_error *err)
{
    struct addrinfo *list;
    const struct addrinfo *first;
    MW_TRY(dial_resolve(dial, &list, &first, err));
    mw_status status = dial_begin(dial, first, ret_stream, err);
    if (list)
        freeaddrinfo(list);
    return status;
}

void mw_stream_close(mw_stream *stream)
{
    SSL_free(stream->ssl);
    if (stream->fd >= 0)
        close(stream->fd);
    *stream = (mw_stream){.fd = -1};
}

static void note_reason(mw_stream *stream)
{
    bool is_asked = SSL_get_verify_mode(stream->ssl) != SSL_VERIFY_NONE;
    long verified = is_asked ? SSL_get_verify_result(stream->ssl) : X509_V_OK;
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    snprintf(stream->why, sizeof stream->why, "%s",
             verified != X509_V_OK ? X509_verify_cert_error_string(verified)
             : reason              ? reason
                                   : "the server ended it");
    stream->is_untrusted = verified != X509_V_OK;
    ERR_clear_error();
}

/* What a call of OpenSSL's that returned `n` means. */
static ssize_t judge(mw_stream *stream, int n)
{
    switch (SSL_get_error(stream->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        stream->awaits = POLLIN;
        return MW_STREAM_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        stream->awaits = POLLOUT;
        return MW_STREAM_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        note_reason(stream);
        return MW_STREAM_BROKEN;
    }
}

static ssize_t judge_socket(mw_stream *stream, ssize_t n, short awaits)
{
    if (n >= 0)
        return n;
    stream->awaits = awaits;
    stream->failed = errno;
    return errno == EAGAIN ? MW_STREAM_AGAIN : MW_STREAM_BROKEN;
}

static int bounded(size_t size)
{
    enum { MOST = 1 << 30 };
    return size > MOST ? MOST : (int)size;
}

ssize_t mw_stream_send(mw_stream *stream, const void *data, size_t size)
{
    ssize_t n;
    if (stream->ssl) {
        int taken = SSL_write(stream->ssl, data, bounded(size));
        return taken > 0 ? taken : judge(stream, taken);
    }
    do
        n = send(stream->fd, data, size, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return judge_socket(stream, n, POLLOUT);
}

ssize_t mw_stream_receive(mw_stream *stream, void *data, size_t size)
{
    ssize_t n;
    if (stream->ssl) {
        int got = SSL_read(stream->ssl, data, bounded(size));
        return got > 0 ? got : judge(stream, got);
    }
    do
        n = recv(stream->fd, data, size, 0);
    while (n < 0 && errno == EINTR);
    return judge_socket(stream, n, POLLIN);
}

/* ---- what went wrong ------------------------------------------------------------------------- */

mw_status dial_fail(const mw_dial *dial, const mw_stream *stream, int failed, mw_error *err)
{
    if (stream && stream->why[0]) {
        mw_fail(err, MW_E_CLIENT_TLS, "TLS was not agreed: %s", stream->why);
        mw_at(err, "%s", dial->url);
        return mw_mend(err, stream->is_untrusted
                                ? "give the certificate of who signed the server's with --cacert, "
                                  "or trust it as it is with --insecure"
                                : "check that the port speaks TLS; without it, write http://");
    }
    mw_fail(err, MW_E_CLIENT_CONNECT, "cannot reach the server: %s", strerror(failed));
    mw_at(err, "%s", dial->url);
    return mw_mend(err, "check that it runs and listens there");
}
