/* Whether an address is the world's: for servers that others name, who must not be led to machines
 * behind our own wall (a cloud's 169.254.169.254, a database on 10.0.0.7).
 *
 * Source: IANA's registries of special-purpose addresses, https://www.iana.org/assignments/
 * iana-ipv4-special-registry and iana-ipv6-special-registry. An IPv4 address in IPv6's clothes
 * (mapped, 6to4, NAT64) is judged as what it carries. */
#include <netinet/in.h>

#include "address.h"

typedef struct net_block {
    uint8_t head[4];
    unsigned bits;
} net_block;

/* clang-format off */
static const net_block kept_ipv4[] = {
    {{0}, 8},             /* this network */
    {{10}, 8},            /* private */
    {{100, 64}, 10},      /* a carrier's own */
    {{127}, 8},           /* loopback */
    {{169, 254}, 16},     /* link-local: clouds' metadata */
    {{172, 16}, 12},      /* private */
    {{192, 0, 0}, 24},    /* protocols */
    {{192, 0, 2}, 24},    /* documents */
    {{192, 88, 99}, 24},  /* relays of 6to4 */
    {{192, 168}, 16},     /* private */
    {{198, 18}, 15},      /* benchmarks */
    {{198, 51, 100}, 24}, /* documents */
    {{203, 0, 113}, 24},  /* documents */
    {{224}, 3},           /* multicast, reserved, broadcast */
};
/* Of 2000::/3, which alone is the world's. */
static const net_block kept_ipv6[] = {
    {{0x20, 0x01, 0x00}, 23},       /* protocols, Teredo among them */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documents */
    {{0x3f, 0xff, 0x00}, 20},       /* documents */
};
/* clang-format on */

static bool is_in(const uint8_t *address, const net_block *block)
{
    unsigned whole = block->bits / 8, rest = block->bits % 8;
    if (memcmp(address, block->head, whole) != 0)
        return false;
    return rest == 0 || (address[whole] ^ block->head[whole]) >> (8 - rest) == 0;
}

static bool is_among(const uint8_t *address, const net_block *blocks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_in(address, &blocks[i]))
            return true;
    return false;
}

static bool is_public_ipv4(const uint8_t address[4])
{
    return !is_among(address, kept_ipv4, MW_COUNT(kept_ipv4));
}

static bool is_public_ipv6(const uint8_t address[16])
{
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b}, sixtofour[2] = {0x20, 0x02};
    if (memcmp(address, nat64, sizeof nat64) == 0)
        return is_public_ipv4(address + 12);
    if (memcmp(address, sixtofour, sizeof sixtofour) == 0)
        return is_public_ipv4(address + 2);
    return address[0] >> 5 == 1 && !is_among(address, kept_ipv6, MW_COUNT(kept_ipv6));
}

bool net_is_public(const mw_peer *peer)
{
    if (peer->kind == MW_PEER_IPV4)
        return is_public_ipv4(peer->address);
    return peer->kind == MW_PEER_IPV6 && is_public_ipv6(peer->address);
}
