/* Byte classes and the few shapes made of them. */
#include "token.h"

#define T NET_TOKEN
#define V NET_VALUE
#define G NET_TARGET
#define H NET_HOST
#define ALNUM (T | V | G | H)

/* Targets leave out '"' '#' '<' '>': no URL library sends these unescaped. */
const uint8_t net_char_classes[256] = {
    ['\t'] = V,
    [' '] = V,
    ['!'] = T | V | G | H,
    ['"'] = V,
    ['#'] = T | V,
    ['$'] = T | V | G | H,
    ['%'] = T | V | G | H,
    ['&'] = T | V | G | H,
    ['\''] = T | V | G | H,
    ['('] = V | G | H,
    [')'] = V | G | H,
    ['*'] = T | V | G | H,
    ['+'] = T | V | G | H,
    [','] = V | G | H,
    ['-'] = T | V | G | H,
    ['.'] = T | V | G | H,
    ['/'] = V | G,
    ['0' ... '9'] = ALNUM,
    [':'] = V | G | H,
    [';'] = V | G | H,
    ['<'] = V,
    ['='] = V | G | H,
    ['>'] = V,
    ['?'] = V | G,
    ['@'] = V | G,
    ['A' ... 'Z'] = ALNUM,
    ['['] = V | G | H,
    ['\\'] = V | G,
    [']'] = V | G | H,
    ['^'] = T | V | G,
    ['_'] = T | V | G | H,
    ['`'] = T | V | G,
    ['a' ... 'z'] = ALNUM,
    ['{'] = V | G,
    ['|'] = T | V | G,
    ['}'] = V | G,
    ['~'] = T | V | G | H,
    [0x80 ... 0xff] = V,
};

bool net_is_host(mw_view text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!(net_char_classes[(unsigned char)text.data[i]] & NET_HOST))
            return false;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The first byte that may not stand in a value, or `end`. Eight at a time: all but control bytes
 * may, and a tab, which is rare, is looked at alone. */
static const char *pass_value(const char *at, const char *end)
{
    const uint64_t each = UINT64_C(0x0101010101010101), high = each << 7;
    while (at < end) {
        uint64_t word;
        if ((size_t)(end - at) >= sizeof word) {
            memcpy(&word, at, sizeof word);
            uint64_t deleted = word ^ each * 0x7f;
            uint64_t odd = ((word - each * 0x20) & ~word) | ((deleted - each) & ~deleted);
            if (!(odd & high)) {
                at += sizeof word;
                continue;
            }
        }
        if (!net_is_value_char(*at))
            return at;
        at++;
    }
    return end;
}

const char *net_split_header(mw_view line, mw_header *ret_header)
{
    if (is_blank(line.data[0]))
        return "a header line begins with a blank (folded lines are not read)";
    const char *at = line.data, *end = line.data + line.size;
    while (at < end && net_is_token_char(*at))
        at++;
    if (at == end)
        return "a header line has no colon";
    if (*at != ':' || at == line.data)
        return is_blank(*at) ? "a blank stands before the colon of a header"
                             : "a header name holds a byte that may not stand there";
    ret_header->name = (mw_view){line.data, (size_t)(at - line.data)};
    at++;
    while (at < end && is_blank(*at))
        at++;
    if (pass_value(at, end) != end)
        return "a header value holds a control byte";
    while (end > at && is_blank(end[-1]))
        end--;
    ret_header->value = (mw_view){at, (size_t)(end - at)};
    return NULL;
}

bool net_next_item(mw_view *list, mw_view *ret_item)
{
    while (list->size > 0) {
        const char *comma = memchr(list->data, ',', list->size);
        size_t size = comma ? (size_t)(comma - list->data) : list->size;
        mw_view item = mw_view_trim((mw_view){list->data, size});
        size_t used = comma ? size + 1 : size;
        list->data += used;
        list->size -= used;
        if (item.size > 0) {
            *ret_item = item;
            return true;
        }
    }
    return false;
}
