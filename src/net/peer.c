/* Who is at the other end: addresses of the system as plain bytes, and as people write them. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "address.h"

static void take_ipv4(mw_peer *peer, const void *address)
{
    peer->kind = MW_PEER_IPV4;
    memcpy(peer->address, address, sizeof(struct in_addr));
}

/* A listener on [::] sees IPv4 clients as ::ffff:a.b.c.d. */
static void take_ipv6(mw_peer *peer, const struct in6_addr *address)
{
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        take_ipv4(peer, &address->s6_addr[12]);
        return;
    }
    peer->kind = MW_PEER_IPV6;
    memcpy(peer->address, address, sizeof *address);
}

mw_peer net_peer_of(const struct sockaddr *address, socklen_t size)
{
    mw_peer peer = {.kind = MW_PEER_UNKNOWN};
    if (size >= sizeof(struct sockaddr_in) && address->sa_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const void *)address;
        take_ipv4(&peer, &ipv4->sin_addr);
        peer.port = ntohs(ipv4->sin_port);
    } else if (size >= sizeof(struct sockaddr_in6) && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *ipv6 = (const void *)address;
        take_ipv6(&peer, &ipv6->sin6_addr);
        peer.port = ntohs(ipv6->sin6_port);
    } else if (size >= sizeof(sa_family_t) && address->sa_family == AF_UNIX) {
        peer.kind = MW_PEER_UNIX;
    }
    return peer;
}

const char *mw_peer_text(const mw_peer *peer, bool with_port, char ret_text[MW_PEER_TEXT_BYTES])
{
    char host[INET6_ADDRSTRLEN] = "";
    bool is_ipv6 = peer->kind == MW_PEER_IPV6;
    if (peer->kind != MW_PEER_IPV4 && !is_ipv6) {
        snprintf(ret_text, MW_PEER_TEXT_BYTES, "%s",
                 peer->kind == MW_PEER_UNIX ? "unix" : "unknown");
        return ret_text;
    }
    inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, peer->address, host, sizeof host);
    if (with_port)
        snprintf(ret_text, MW_PEER_TEXT_BYTES, is_ipv6 ? "[%s]:%u" : "%s:%u", host, peer->port);
    else
        snprintf(ret_text, MW_PEER_TEXT_BYTES, "%s", host);
    return ret_text;
}
