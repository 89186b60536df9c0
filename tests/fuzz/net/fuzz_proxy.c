/* PROXY headers from any bytes: no crash, the same verdict however they are cut, and a header that
 * is whole says no more than its bytes do.
 *
 *     all bytes are a header, and what follows it */
#include <stdint.h>
#include <stdlib.h>

#include "net/proxy.h"
#include "net/sniff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* Exactly `size` bytes, so that a sanitizer sees a read beyond. */
static net_verdict parse(const uint8_t *data, size_t size, net_proxy_header *header, mw_error *err)
{
    uint8_t *exact = malloc(size ? size : 1);
    if (size > 0)
        memcpy(exact, data, size);
    net_verdict verdict = net_parse_proxy(exact, size, header, err);
    (void)net_sniff(exact, size);
    free(exact);
    return verdict;
}

static void check_whole(const net_proxy_header *header, size_t size)
{
    char text[MW_PEER_TEXT_BYTES];
    check(header->size > 0 && header->size <= size && header->size <= MW_LIMIT_PROXY_BYTES);
    check(header->has_peer == (header->peer.kind != MW_PEER_UNKNOWN));
    mw_peer_text(&header->peer, true, text);
    check(strlen(text) < sizeof text && text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    net_proxy_header whole = {.size = 0}, piece = {.size = 0};
    mw_error err = {0}, other = {0};
    if (size > 2 * MW_LIMIT_PROXY_BYTES)
        size = 2 * MW_LIMIT_PROXY_BYTES;
    net_verdict verdict = parse(data, size, &whole, &err);
    if (verdict == NET_WHOLE)
        check_whole(&whole, size);
    check(verdict != NET_MORE || size < MW_LIMIT_PROXY_BYTES);
    /* The first verdict that is not "more" is the last one. */
    net_verdict so_far = NET_MORE;
    for (size_t fed = 0; so_far == NET_MORE && fed <= size; fed++)
        so_far = parse(data, fed, &piece, &other);
    check(so_far == verdict);
    if (verdict == NET_REFUSED)
        check(strcmp(err.why, other.why) == 0 && err.mend[0]);
    if (verdict == NET_WHOLE)
        check(piece.size == whole.size && memcmp(&piece.peer, &whole.peer, sizeof whole.peer) == 0);
    return 0;
}
