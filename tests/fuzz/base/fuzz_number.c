/* Numbers: any bytes read as the C library reads them, and any bits come back from their text. */
#include <ctype.h>
#include <math.h>

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)       \
    do {                      \
        if (!(condition))     \
            __builtin_trap(); \
    } while (0)

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* RFC 8259's grammar, written as it stands there: the length of a number, 0 = none. */
static size_t json_length(const char *text)
{
    size_t at = text[0] == '-';
    if (!isdigit((unsigned char)text[at]))
        return 0;
    if (text[at] == '0' && isdigit((unsigned char)text[at + 1]))
        return 0;
    while (isdigit((unsigned char)text[at]))
        at++;
    if (text[at] == '.') {
        if (!isdigit((unsigned char)text[++at]))
            return 0;
        while (isdigit((unsigned char)text[at]))
            at++;
    }
    if (text[at] == 'e' || text[at] == 'E') {
        at++;
        at += text[at] == '+' || text[at] == '-';
        if (!isdigit((unsigned char)text[at]))
            return 0;
        while (isdigit((unsigned char)text[at]))
            at++;
    }
    return at;
}

/* What strtod takes but we do not: blanks in front, hexadecimal, words. */
static size_t decimal_length(const char *text, double *ret_value)
{
    size_t sign = text[0] == '-' || text[0] == '+';
    if (!isdigit((unsigned char)text[sign]) && text[sign] != '.')
        return 0;
    if (text[sign] == '0' && (text[sign + 1] | 0x20) == 'x') {
        *ret_value = text[0] == '-' ? -0.0 : 0.0;
        return sign + 1;
    }
    char *behind;
    *ret_value = strtod(text, &behind);
    return (size_t)(behind - text);
}

static void check_reading(const char *tight, const char *text, size_t size)
{
    double value = 0, expected = 0;
    const char *behind = mw_number_read(tight, tight + size, true, &value);
    MUST((behind ? (size_t)(behind - tight) : 0) == json_length(text));
    if (behind) {
        MUST(decimal_length(text, &expected) == (size_t)(behind - tight));
        MUST(bits_of(value) == bits_of(expected));
    }
    behind = mw_number_read(tight, tight + size, false, &value);
    MUST((behind ? (size_t)(behind - tight) : 0) == decimal_length(text, &expected));
    MUST(!behind || bits_of(value) == bits_of(expected));
    bool whole = mw_number_parse(tight, size, &value);
    MUST(whole || behind != tight + size || size == 0);
}

static void check_writing(const uint8_t *data)
{
    double number, back = 0;
    float single;
    int64_t whole;
    char text[MW_NUMBER_TEXT_BYTES + 1];
    memcpy(&number, data, sizeof number);
    memcpy(&single, data, sizeof single);
    memcpy(&whole, data, sizeof whole);
    size_t size = mw_number_write_double(text, number, data[0] & 1);
    MUST(size < MW_NUMBER_TEXT_BYTES && mw_number_parse(text, size, &back));
    MUST(isnan(number) ? isnan(back) : bits_of(back) == bits_of(number));
    size = mw_number_write_float(text, single, data[0] & 1);
    MUST(size < MW_NUMBER_TEXT_BYTES && mw_number_parse(text, size, &back));
    MUST(isnan(single) ? isnan(back) : bits_of((double)(float)back) == bits_of((double)single));
    size = mw_number_write_int(text, whole);
    text[size] = '\0';
    MUST(strtoll(text, NULL, 10) == whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 3), *tight = malloc(size ? size : 1);
    MUST(text && tight);
    if (size > 0) {
        memcpy(text, data, size);
        memcpy(tight, data, size);
    }
    memset(text + size, 0, 3);
    check_reading(tight, text, size);
    if (size >= sizeof(double))
        check_writing(data);
    free(text);
    free(tight);
    return 0;
}
