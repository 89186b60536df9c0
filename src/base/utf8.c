/* UTF-8 characters.
 *
 *     0xxxxxxx                              up to 7f
 *     110xxxxx 10xxxxxx                     80..7ff          so c0 and c1 begin nothing
 *     1110xxxx 10xxxxxx 10xxxxxx            800..ffff        behind e0: from a0; ed: below a0
 *     11110xxx 10xxxxxx 10xxxxxx 10xxxxxx   10000..10ffff    behind f0: from 90; f4: below 90 */
#include "utf8.h"

#include <stdbool.h>

#include "banned.h"

/* The second byte carries the limits of its first. */
static bool is_second(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return (second & 0xc0) == 0x80;
    }
}

static size_t length_by_first(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

size_t utf8_length(const char *at, const char *end)
{
    const unsigned char *bytes = (const unsigned char *)at;
    if (at == end)
        return 0;
    size_t length = length_by_first(bytes[0]);
    if (length <= 1)
        return length;
    if (length > (size_t)(end - at) || !is_second(bytes[0], bytes[1]))
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

char *utf8_write(char *out, uint32_t character)
{
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t length = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    if (length == 1) {
        *out = (char)character;
        return out + 1;
    }
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (character & 0x3f));
        character >>= 6;
    }
    out[0] = (char)(leads[length] | character);
    return out + length;
}
