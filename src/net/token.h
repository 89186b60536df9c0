/* The small grammar that HTTP's parts share: which bytes may stand where (RFC 9110 § 5.6). */
#ifndef NET_TOKEN_H
#define NET_TOKEN_H

#include "net.h"

enum {
    NET_TOKEN = 1,  /* method and header names */
    NET_VALUE = 2,  /* header values: visible, blank, tab and bytes from 0x80 */
    NET_TARGET = 4, /* request targets: what URL libraries leave unescaped somewhere */
    NET_HOST = 8    /* host names, IPv6 brackets, port */
};

extern const uint8_t net_char_classes[256];

static inline bool net_is_token_char(char c)
{
    return net_char_classes[(unsigned char)c] & NET_TOKEN;
}

static inline bool net_is_value_char(char c)
{
    return net_char_classes[(unsigned char)c] & NET_VALUE;
}

/* All of them; without a branch for each. */
static inline bool net_are_target_chars(mw_view text)
{
    unsigned classes = NET_TARGET;
    for (size_t i = 0; i < text.size; i++)
        classes &= net_char_classes[(unsigned char)text.data[i]];
    return classes;
}

static inline bool net_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Is this token the name `lower` (same size, small letters and '-')? Of all bytes that a token may
 * hold, only a letter's other case differs from it by the bit 0x20. */
static inline bool net_is_name(mw_view token, const char *lower)
{
    for (size_t i = 0; i < token.size; i++)
        if ((token.data[i] | 0x20) != lower[i])
            return false;
    return true;
}

/* "name", "name:8080", "[::1]:8080" or nothing at all (RFC 9112 § 3.2 allows an empty Host). */
bool net_is_host(mw_view text);
/* A header line without its line end becomes name and trimmed value. Returns NULL, or what is wrong
 * with the line. */
const char *net_split_header(mw_view line, mw_header *ret_header);
/* Take the next item off a comma-separated list; empty items are passed over. */
bool net_next_item(mw_view *list, mw_view *ret_item);
/* "text/plain;version=1;q=0.5" is the name text/plain of weight 500 (thousandths; 1000 when none is
 * given). Other parameters are passed over. */
mw_view net_split_weight(mw_view item, unsigned *ret_weight);

#endif
