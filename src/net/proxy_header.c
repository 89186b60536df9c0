/* Both versions of the PROXY header; see proxy.h. */
#include <arpa/inet.h>

#include "proxy.h"
#include "token.h"

enum {
    V1_BYTES_MAX = 107, /* with its CR LF, says the source */
    V1_WORDS = 4,       /* behind "PROXY TCP4": two addresses, two ports */
    V2_HEAD_BYTES = 16,
    V2_IPV4_BYTES = 12,
    V2_IPV6_BYTES = 36,
    V2_UNIX_BYTES = 216,
    PORT_MAX = 65535,
    PORT_DIGITS = 5
};

static net_verdict refuse(mw_error *err, const char *why)
{
    mw_fail(err, MW_E_PROXY_HEADER, "the PROXY header cannot be read");
    mw_why(err, "%s", why);
    mw_mend(err, "let the proxy in front send it (haproxy: send-proxy-v2), or leave ',proxy' out");
    return NET_REFUSED;
}

/* ---- version 1 ------------------------------------------------------------------------------- */

static bool read_port(mw_view text, uint16_t *ret_port)
{
    unsigned port = 0;
    if (text.size == 0 || text.size > PORT_DIGITS || (text.size > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (!net_is_digit(text.data[i]))
            return false;
        port = port * 10 + (unsigned)(text.data[i] - '0');
    }
    *ret_port = (uint16_t)port;
    return port <= PORT_MAX;
}

static bool read_host(mw_view text, int family, uint8_t ret_address[16])
{
    char host[INET6_ADDRSTRLEN];
    if (text.size == 0 || text.size >= sizeof host)
        return false;
    memcpy(host, text.data, text.size);
    host[text.size] = '\0';
    return inet_pton(family, host, ret_address) == 1;
}

static net_verdict read_v1_line(mw_view line, net_proxy_header *header, mw_error *err)
{
    mw_view words[V1_WORDS];
    uint8_t to[16];
    uint16_t to_port;
    mw_view_cut(&line, ' '); /* "PROXY" */
    mw_view family = mw_view_cut(&line, ' ');
    if (mw_view_is(family, "UNKNOWN"))
        return NET_WHOLE; /* whatever stands behind it */
    bool is_ipv6 = mw_view_is(family, "TCP6");
    if (!is_ipv6 && !mw_view_is(family, "TCP4"))
        return refuse(err, "it names neither TCP4 nor TCP6");
    for (size_t i = 0; i < V1_WORDS; i++)
        words[i] = mw_view_cut(&line, ' ');
    header->peer.kind = is_ipv6 ? MW_PEER_IPV6 : MW_PEER_IPV4;
    int system_family = is_ipv6 ? AF_INET6 : AF_INET;
    if (line.size > 0 || !read_host(words[0], system_family, header->peer.address) ||
        !read_host(words[1], system_family, to) || !read_port(words[2], &header->peer.port) ||
        !read_port(words[3], &to_port))
        return refuse(err, "its addresses are not two addresses and two ports");
    header->has_peer = true;
    return NET_WHOLE;
}

static net_verdict parse_v1(mw_view bytes, net_proxy_header *header, mw_error *err)
{
    mw_view opening = MW_VIEW("PROXY ");
    size_t have = bytes.size < opening.size ? bytes.size : opening.size;
    if (memcmp(bytes.data, opening.data, have) != 0)
        return refuse(err, "the first bytes are no PROXY header");
    size_t looked = bytes.size < V1_BYTES_MAX ? bytes.size : V1_BYTES_MAX;
    const char *end = memchr(bytes.data, '\n', looked);
    if (!end && looked < V1_BYTES_MAX)
        return NET_MORE;
    if (!end || end[-1] != '\r')
        return refuse(err, "its line does not end with CR LF within 107 bytes");
    header->size = (size_t)(end - bytes.data) + 1;
    return read_v1_line((mw_view){bytes.data, header->size - 2}, header, err);
}

/* ---- version 2 ------------------------------------------------------------------------------- */

static unsigned read_16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* Addresses: source, destination, source port, destination port. */
static net_verdict take_addresses(net_proxy_header *header, const uint8_t *at, size_t size,
                                  mw_peer_kind kind, size_t needed, mw_error *err)
{
    if (size < needed)
        return refuse(err, "it is too short for its addresses");
    size_t address_bytes = kind == MW_PEER_IPV6 ? 16 : kind == MW_PEER_IPV4 ? 4 : 0;
    header->has_peer = true;
    header->peer.kind = (uint8_t)kind;
    memcpy(header->peer.address, at, address_bytes);
    if (kind != MW_PEER_UNIX)
        header->peer.port = (uint16_t)read_16(at + 2 * address_bytes);
    return NET_WHOLE;
}

static net_verdict read_v2_peer(net_proxy_header *header, const uint8_t *bytes, size_t size,
                                mw_error *err)
{
    enum { STREAM = 1, UNIX_STREAM = 0x31, IPV4_STREAM = 0x11, IPV6_STREAM = 0x21, UNSPEC = 0 };
    unsigned command = bytes[12] & 0x0f, family = bytes[13];
    if (command == 0)
        return NET_WHOLE; /* LOCAL: the proxy itself asks */
    if (command != 1)
        return refuse(err, "its command is neither LOCAL nor PROXY");
    const uint8_t *at = bytes + V2_HEAD_BYTES;
    switch (family) {
    case UNSPEC:
        return NET_WHOLE;
    case IPV4_STREAM:
        return take_addresses(header, at, size, MW_PEER_IPV4, V2_IPV4_BYTES, err);
    case IPV6_STREAM:
        return take_addresses(header, at, size, MW_PEER_IPV6, V2_IPV6_BYTES, err);
    case UNIX_STREAM:
        return take_addresses(header, at, size, MW_PEER_UNIX, V2_UNIX_BYTES, err);
    default:
        return refuse(err, "its addresses are not of TCP or a unix socket");
    }
}

static net_verdict parse_v2(const uint8_t *bytes, size_t size, net_proxy_header *header,
                            mw_error *err)
{
    size_t have = size < NET_PROXY_SIGNATURE_BYTES ? size : NET_PROXY_SIGNATURE_BYTES;
    if (memcmp(bytes, NET_PROXY_SIGNATURE, have) != 0)
        return refuse(err, "the first bytes are no PROXY header");
    if (size > 12 && bytes[12] >> 4 != 2)
        return refuse(err, "its version is not 2");
    if (size < V2_HEAD_BYTES)
        return NET_MORE;
    size_t length = read_16(bytes + 14);
    if (V2_HEAD_BYTES + length > MW_LIMIT_PROXY_BYTES)
        return refuse(err, "it is longer than the limit");
    if (size < V2_HEAD_BYTES + length)
        return NET_MORE;
    header->size = V2_HEAD_BYTES + length;
    return read_v2_peer(header, bytes, length, err);
}

/* An IPv4 client may come in IPv6's clothes here, too: one client is one peer. */
static void undress(mw_peer *peer)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (peer->kind != MW_PEER_IPV6 || memcmp(peer->address, mapped, sizeof mapped) != 0)
        return;
    peer->kind = MW_PEER_IPV4;
    memmove(peer->address, peer->address + 12, 4);
    memset(peer->address + 4, 0, 12);
}

net_verdict net_parse_proxy(const void *data, size_t size, net_proxy_header *ret_header,
                            mw_error *err)
{
    net_proxy_header header = {.size = 0};
    const char *bytes = data;
    if (size == 0)
        return NET_MORE;
    net_verdict verdict = bytes[0] == 'P' ? parse_v1((mw_view){bytes, size}, &header, err)
                                          : parse_v2(data, size, &header, err);
    if (verdict != NET_WHOLE)
        return verdict;
    undress(&header.peer);
    *ret_header = header;
    return NET_WHOLE;
}
