/* "host:port" becomes a listening socket, or a sentence that says who is in the way. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "token.h"

enum { BACKLOG = 4096, PORT_MAX = 65535, PORT_DIGITS = 5 };

static mw_status refuse_syntax(const char *address, mw_error *err)
{
    mw_fail(err, MW_E_ADDRESS_SYNTAX, "'%s' is not an address", address);
    return mw_mend(err, "write HOST:PORT, as in 127.0.0.1:8080 or [::1]:8080");
}

static bool read_port(const char *text)
{
    unsigned port = 0;
    size_t i = 0;
    for (; net_is_digit(text[i]) && i <= PORT_DIGITS; i++)
        port = port * 10 + (unsigned)(text[i] - '0');
    return i > 0 && i <= PORT_DIGITS && text[i] == '\0' && port <= PORT_MAX;
}

mw_status net_split_address(const char *address, net_address *ret_address, mw_error *err)
{
    const char *colon = address ? strrchr(address, ':') : NULL;
    if (!colon || !read_port(colon + 1))
        return refuse_syntax(address ? address : "", err);
    const char *host = address;
    size_t size = (size_t)(colon - address);
    bool bracketed = size >= 2 && host[0] == '[' && host[size - 1] == ']';
    if (bracketed) {
        host++;
        size -= 2;
    } else if (memchr(host, ':', size)) {
        return refuse_syntax(address, err); /* "::1:80": where does the port begin? */
    }
    if (size >= sizeof ret_address->host)
        return refuse_syntax(address, err);
    memcpy(ret_address->host, host, size);
    ret_address->host[size] = '\0';
    memcpy(ret_address->port, colon + 1, strlen(colon + 1) + 1);
    return MW_OK;
}

mw_status net_resolve(const char *address, bool to_listen, struct addrinfo **ret_list,
                      mw_error *err)
{
    net_address parts;
    MW_TRY(net_split_address(address, &parts, err));
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICSERV | (to_listen ? AI_PASSIVE : 0)};
    int failed = getaddrinfo(parts.host[0] ? parts.host : NULL, parts.port, &hints, ret_list);
    if (failed == 0)
        return MW_OK;
    mw_fail(err, MW_E_ADDRESS_UNKNOWN, "the host '%s' has no address", parts.host);
    mw_why(err, "%s", failed == EAI_SYSTEM ? strerror(errno) : gai_strerror(failed));
    return mw_mend(err, "check its spelling, or write the number: 127.0.0.1 for this machine");
}

static void set_option(int fd, int level, int name, int value)
{
    setsockopt(fd, level, name, &value, sizeof value);
}

void net_send_at_once(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* or Nagle holds a reply's last packet 40 ms */
}

void net_keep_alive(int fd)
{
    enum { PROBE_SECONDS = 15, PROBES = 4 };
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, MW_LIMIT_KEEP_ALIVE_SECONDS);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_SECONDS);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
}

/* errno tells when it fails. The options are inherited by the sockets that accept gives. */
static int listen_on(const struct addrinfo *where)
{
    int fd = socket(where->ai_family, where->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    where->ai_protocol);
    if (fd < 0)
        return -1;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1); /* a restart need not wait for old connections */
    net_send_at_once(fd);
    net_keep_alive(fd);
    if (where->ai_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0); /* [::] takes IPv4 as well */
    if (bind(fd, where->ai_addr, where->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int failed = errno;
    close(fd);
    errno = failed;
    return -1;
}

static mw_status refuse_bind(const char *address, const struct addrinfo *where, int failed,
                             mw_error *err)
{
    if (failed != EADDRINUSE) {
        mw_fail(err, MW_E_ADDRESS_REFUSED, "cannot listen on %s: %s", address, strerror(failed));
        return mw_mend(err, failed == EACCES ? "choose a port from 1024 on"
                                             : "choose an address of this machine, as 127.0.0.1");
    }
    char owner[128];
    mw_fail(err, MW_E_ADDRESS_IN_USE, "%s is in use", address);
    if (net_find_listener(where->ai_addr, owner, sizeof owner))
        mw_why(err, "%s listens there", owner);
    return mw_mend(err, "stop it, or choose another port; port 0 picks a free one");
}

void net_name_socket(int fd, char *ret_name, size_t name_size)
{
    struct sockaddr_storage bound;
    socklen_t bound_size = sizeof bound;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    ret_name[0] = '\0';
    if (getsockname(fd, (struct sockaddr *)&bound, &bound_size) != 0 ||
        getnameinfo((struct sockaddr *)&bound, bound_size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    bool is_ipv6 = strchr(host, ':');
    snprintf(ret_name, name_size, "%s%s%s:%s", is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", port);
}

mw_status net_listen(const char *address, int *ret_fd, char *ret_name, size_t name_size,
                     mw_error *err)
{
    struct addrinfo *list;
    MW_TRY(net_resolve(address, true, &list, err));
    int fd = -1;
    for (const struct addrinfo *where = list; where && fd < 0; where = where->ai_next)
        fd = listen_on(where);
    mw_status status = MW_OK;
    if (fd >= 0) {
        net_name_socket(fd, ret_name, name_size);
        *ret_fd = fd;
    } else {
        status = refuse_bind(address, list, errno, err);
    }
    freeaddrinfo(list);
    return status;
}
