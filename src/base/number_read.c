/* Text to number, rounded to the nearest double.
 *
 *     "-12.5e3"  ->  digits 125, power 2  ->  125 * 10^2
 *
 * Three ways, the first that is certain of its answer:
 *   1. up to 15 digits and a power within +-22: both are exact doubles, so one multiplication or
 *      division rounds correctly (Clinger, 1990).
 *   2. up to 19 digits: digits times the first 128 bits of the power (Lemire, 2021); the bits that
 *      the product lacks cannot change the rounding (Mushtak and Lemire, 2023).
 *   3. more digits: the first 19, and one more in the last place, by 2. When both give one double
 *      it is the answer; otherwise strtod decides.
 *
 * Digits are read eight at a time: in a little-endian word the first digit is the lowest byte. */
#include "number.h"

#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "number_powers.h"

#include "banned.h"

enum {
    WORD_DIGITS_MAX = 19,     /* any so many digits fit uint64_t, */
    EXACT_DIGITS_MAX = 15,    /* and so many a double */
    EXACT_POWER_MAX = 22,     /* 10^22 is a double, 10^23 is not */
    DECIDING_DIGITS_MAX = 780 /* a tie between doubles has at most 767 digits */
};
/* No text that fits memory brings such an exponent back into range. */
#define EXPONENT_MAX INT64_C(1000000000000000)

/* The parts of a number's text. */
typedef struct number_parts {
    const char *first, *behind; /* its digits and its point */
    uint64_t digits;            /* all of them, modulo 2^64 */
    size_t n_digits;            /* leading zeros counted */
    int64_t power;              /* value = digits * 10^power */
} number_parts;

/* ---- digits ------------------------------------------------------------------------------------
 */

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Eight digits, one a byte, as a number: pairs, then fours, then all. */
static inline uint64_t join_eight(uint64_t bytes)
{
    bytes = bytes * 10 + (bytes >> 8); /* each second byte holds a pair */
    uint64_t outer = (bytes & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064);
    uint64_t inner = (bytes >> 16 & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001);
    return (outer + inner) >> 32;
}

/* Appends the digits at `at` to *digits and returns the byte behind them. */
static inline const char *read_digits(const char *at, const char *end, uint64_t *digits)
{
    static const uint64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    uint64_t value = *digits;
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        word = le64toh(word) ^ UINT64_C(0x3030303030303030);
        /* the high bit of each byte above 9; the lowest is right, and no more is asked */
        uint64_t others =
            (word | (word + UINT64_C(0x7676767676767676))) & UINT64_C(0x8080808080808080);
        if (others) {
            unsigned n = (unsigned)__builtin_ctzll(others) / 8;
            /* zeros in front: shifted in two steps, as n may be 0 */
            *digits = value * powers[n] + join_eight(word << 8 << (56 - 8 * n));
            return at + n;
        }
        value = value * 100000000 + join_eight(word);
        at += 8;
    }
    for (; at < end && is_digit(*at); at++)
        value = value * 10 + (uint64_t)(*at - '0');
    *digits = value;
    return at;
}

/* What stands behind 'e'; NULL when no digits do. */
static const char *read_exponent(const char *at, const char *end, int64_t *ret_exponent)
{
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (at == end || !is_digit(*at))
        return NULL;
    int64_t value = 0;
    for (; at < end && is_digit(*at); at++)
        if (value < EXPONENT_MAX)
            value = value * 10 + (*at - '0');
    *ret_exponent = negative ? -value : value;
    return at;
}

/* Splits [digits][.digits][e[+-]digits]; NULL when it is no number. */
static inline const char *read_parts(const char *at, const char *end, bool json,
                                     number_parts *parts)
{
    const char *first = at;
    uint64_t digits = 0;
    while (at < end && is_digit(*at)) /* mostly one or two: a loop is faster than words here */
        digits = digits * 10 + (uint64_t)(*at++ - '0');
    size_t n_whole = (size_t)(at - first), n_fraction = 0;
    if (json && (n_whole == 0 || (n_whole > 1 && *first == '0')))
        return NULL;
    if (at < end && *at == '.') {
        const char *fraction = at + 1;
        at = read_digits(fraction, end, &digits);
        n_fraction = (size_t)(at - fraction);
        if (json && n_fraction == 0)
            return NULL;
    }
    if (n_whole + n_fraction == 0)
        return NULL;
    *parts = (number_parts){first, at, digits, n_whole + n_fraction, -(int64_t)n_fraction};
    if (at < end && (*at == 'e' || *at == 'E')) {
        int64_t exponent = 0;
        const char *behind = read_exponent(at + 1, end, &exponent);
        if (!behind)
            return json ? NULL : at;
        parts->power += exponent;
        return behind;
    }
    return at;
}

/* ---- rounding ----------------------------------------------------------------------------------
 */

/* The first 128 bits of digits * 10^power, as far as 55 of them need: `digits` has its highest bit
 * set. Where the first 64 bits of the power leave the rounding open, its others are added. */
static inline unsigned __int128 multiply(uint64_t digits, int power)
{
    const number_power *ten = number_power_of_ten(power);
    unsigned __int128 product = (unsigned __int128)digits * ten->high;
    if ((product >> 64 & 0x1ff) == 0x1ff)
        product += (unsigned __int128)digits * ten->low >> 64;
    return product;
}

/* Below the smallest normal number the mantissa gives up bits. */
static double round_subnormal(uint64_t mantissa, int exponent)
{
    if (exponent <= -63)
        return 0.0;
    mantissa >>= 1 - exponent;
    mantissa += mantissa & 1; /* up to 2^52, which then reads as the smallest normal number */
    return mw_double_of_bits(mantissa >> 1);
}

/* digits * 10^power, the nearest double, ties to even. Eisel and Lemire's way. */
static double scale(uint64_t digits, int64_t power)
{
    if (digits == 0 || power < NUMBER_POWER_FIRST)
        return 0.0;
    if (power > 308)
        return HUGE_VAL;
    int q = (int)power, n_zeros = __builtin_clzll(digits);
    unsigned __int128 product = multiply(digits << n_zeros, q);
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    unsigned top = (unsigned)(high >> 63);
    uint64_t mantissa = high >> (top + 9); /* 53 bits and the one that rounds */
    int exponent = number_log2_of_power10(q) + 63 + (int)top - n_zeros + 1023;
    if (exponent <= 0)
        return round_subnormal(mantissa, exponent);
    /* A tie, exactly half way: possible only while 5^q (or 5^-q) is small. Else low bits go on. */
    if (low <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 && mantissa << (top + 9) == high)
        mantissa &= ~UINT64_C(1);
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    /* the hidden bit adds one to the exponent; so does a mantissa rounded up to 2^53 */
    uint64_t bits = mantissa + ((uint64_t)(exponent - 1) << 52);
    return bits >= UINT64_C(0x7ff0000000000000) ? HUGE_VAL : mw_double_of_bits(bits);
}

static inline double round_exact(uint64_t digits, int power)
{
    static const double powers[EXACT_POWER_MAX + 1] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    return power < 0 ? (double)digits / powers[-power] : (double)digits * powers[power];
}

/* Mostly `digits` is known to be exact by its count: cheaper to foresee than its size. */
static inline double round_digits(uint64_t digits, size_t n_digits, int64_t power)
{
    if (n_digits <= EXACT_DIGITS_MAX && power >= -EXACT_POWER_MAX && power <= EXACT_POWER_MAX)
        return round_exact(digits, (int)power);
    return scale(digits, power);
}

/* ---- more digits than a word holds -------------------------------------------------------------
 */

/* Digits and an exponent without a point, so that no locale can change what strtod reads. A digit
 * beyond those that can decide a tie says only that something is there. */
static double ask_strtod(const char *at, const char *behind, int64_t power)
{
    char text[DECIDING_DIGITS_MAX + 32];
    size_t used = 0;
    bool more = false;
    for (; at < behind; at++) {
        if (*at == '.')
            continue;
        if (used < DECIDING_DIGITS_MAX) {
            text[used++] = *at;
            continue;
        }
        more = more || *at != '0';
        power++;
    }
    if (more) {
        text[used++] = '1';
        power--;
    }
    snprintf(text + used, sizeof text - used, "e%lld", (long long)power);
    return strtod(text, NULL);
}

/* Leading zeros do not count; the first 19 digits mostly decide alone. */
static __attribute__((noinline)) double round_long(number_parts parts)
{
    const char *first = parts.first;
    size_t n_left = parts.n_digits;
    for (; first < parts.behind && (*first == '0' || *first == '.'); first++)
        n_left -= *first == '0';
    if (n_left <= WORD_DIGITS_MAX)
        return scale(parts.digits, parts.power); /* 0.00012345678901234567 */
    uint64_t digits = 0;
    size_t n_taken = 0;
    for (const char *at = first; n_taken < WORD_DIGITS_MAX; at++) {
        if (*at == '.')
            continue;
        digits = digits * 10 + (uint64_t)(*at - '0');
        n_taken++;
    }
    int64_t power = parts.power + (int64_t)(n_left - n_taken);
    double below = scale(digits, power);
    if (below == scale(digits + 1, power))
        return below;
    return ask_strtod(first, parts.behind, parts.power);
}

/* ---- the door ----------------------------------------------------------------------------------
 */

const char *mw_number_read(const char *at, const char *end, bool json, double *ret_value)
{
    if (!json && at < end && *at == '+') {
        at++;
        if (at < end && *at == '-')
            return NULL;
    }
    if (at == end)
        return NULL;
    /* The signs of data cannot be foreseen: a step without a branch. Compilers see that, and make
     * it one; hiding where the value comes from keeps them from it. 3 of 15 ns a number. */
    uint64_t negative = *at == '-';
    __asm__("" : "+r"(negative));
    at += negative;
    number_parts parts;
    const char *behind = read_parts(at, end, json, &parts);
    if (!behind)
        return NULL;
    double value = __builtin_expect(parts.n_digits <= WORD_DIGITS_MAX, 1)
                       ? round_digits(parts.digits, parts.n_digits, parts.power)
                       : round_long(parts);
    *ret_value = mw_double_of_bits(mw_bits_of_double(value) | negative << 63);
    return behind;
}

/* The words for what is no number; any case. */
static bool parse_word(const char *at, const char *end, double *ret_value)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"nan", NAN}, {"inf", INFINITY}, {"infinity", INFINITY}};
    bool negative = *at == '-';
    if (negative || *at == '+')
        at++;
    size_t size = (size_t)(end - at);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (size != strlen(words[i].word) || strncasecmp(at, words[i].word, size) != 0)
            continue;
        *ret_value = negative ? -words[i].value : words[i].value;
        return true;
    }
    return false;
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

bool mw_number_parse(const char *text, size_t size, double *ret_value)
{
    const char *at = text, *end = text + size;
    while (at < end && is_blank(*at))
        at++;
    while (end > at && is_blank(end[-1]))
        end--;
    if (at == end)
        return false;
    double value;
    if (mw_number_read(at, end, false, &value) != end)
        return parse_word(at, end, ret_value);
    *ret_value = value;
    return true;
}
