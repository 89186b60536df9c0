/* Digits that are no numbers with points: whole ones, and hexadecimal. */
#include "number.h"

#include "banned.h"

bool mw_whole_parse(mw_view text, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (text.size == 0)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' ||
            __builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.data[i] - '0'), &value))
            return false;
    }
    *ret_value = value;
    return true;
}

int mw_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

int mw_hex_byte(const char *two)
{
    int high = mw_hex_value(two[0]), low = high >= 0 ? mw_hex_value(two[1]) : -1;
    return low >= 0 ? high << 4 | low : -1;
}

char *mw_hex_write(char *out, const uint8_t *bytes, size_t n_bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n_bytes; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    return out;
}
