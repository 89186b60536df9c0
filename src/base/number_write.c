/* Number to text: the fewest digits that read back to the same bits.
 *
 *     0.1f  ->  mantissa and exponent of two  ->  1 * 10^-1  ->  "0.1"
 *
 * Schubfach (Giulietti, 2020). The numbers that read back to `value` fill an interval whose ends
 * are half way to its neighbours. Scaled by a power of ten so that it is between 2 and 20 wide, it
 * holds an integer, and a multiple of ten at most once: the multiple of ten if there is one,
 * otherwise the nearest integer, is the answer. All of it in quarters, so that half ways and
 * halves of these are whole. */
#include "number.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "number_powers.h"

#include "banned.h"

enum {
    DIGITS_MAX = 20,       /* of uint64_t */
    SCIENTIFIC_BELOW = -4, /* 0.0001 stands, 1e-05 does not: as Python writes both */
    SCIENTIFIC_FROM = 16   /* 1e+16 */
};
#define WHOLE_DOUBLE_MAX 0x1p53
#define WHOLE_FLOAT_MAX 0x1p24f

/* digits * 10^power, or mantissa * 2^exponent. */
typedef struct number_decimal {
    uint64_t digits;
    int power;
} number_decimal;

typedef struct number_binary {
    uint64_t mantissa;
    int exponent;
    bool closer_below; /* a power of two: its lower neighbour is at half the distance */
} number_binary;

/* ---- the fewest digits ----------------------------------------------------------------------- */

/* ten * quarters, its first bits only; the lowest of them says whether anything was cut off: then
 * comparisons with whole quarters come out as if it were exact. */
typedef uint64_t (*number_scale)(const number_power *ten, uint64_t quarters);

static inline uint64_t scale_double(const number_power *ten, uint64_t quarters)
{
    unsigned __int128 low = (unsigned __int128)ten->low * quarters;
    unsigned __int128 product = (unsigned __int128)ten->high * quarters + (low >> 64);
    return (uint64_t)(product >> 64) | ((uint64_t)product > 1);
}

static inline uint64_t scale_float(const number_power *ten, uint64_t quarters)
{
    unsigned __int128 product = (unsigned __int128)ten->high * quarters;
    return (uint64_t)(product >> 64) | ((uint64_t)product >> 32 > 1);
}

/* Chooses among the integers inside `below`..`above`, in quarters; `value` is between. */
static inline number_decimal choose(uint64_t below, uint64_t value, uint64_t above, int power)
{
    uint64_t whole = value / 4;
    if (whole >= 10) {
        uint64_t tens = whole / 10;
        bool down = below <= 40 * tens, up = 40 * tens + 40 <= above;
        if (down != up)
            return (number_decimal){tens + up, power + 1};
    }
    bool down = below <= 4 * whole, up = 4 * whole + 4 <= above;
    if (down != up)
        return (number_decimal){whole + up, power};
    uint64_t half = 4 * whole + 2;
    bool nearer_up = value > half || (value == half && whole % 2 == 1);
    return (number_decimal){whole + nearer_up, power};
}

static inline number_decimal shorten(number_binary from, number_scale scale,
                                     const number_power *ten, int power, int shift)
{
    uint64_t centre = 4 * from.mantissa;
    uint64_t odd = from.mantissa & 1; /* reading rounds ties to even: then the ends belong to us */
    uint64_t below = scale(ten, (centre - 2 + from.closer_below) << shift);
    uint64_t value = scale(ten, centre << shift);
    uint64_t above = scale(ten, (centre + 2) << shift);
    return choose(below + odd, value, above - odd, power);
}

/* The power of ten that makes the interval wide enough: floor(log10(its width)). */
static inline int power_for(number_binary from)
{
    /* log10(3/4) where the interval is short on one side */
    return (from.exponent * 1262611 - (from.closer_below ? 524031 : 0)) >> 22;
}

static number_decimal shorten_double(number_binary from)
{
    int power = power_for(from), q = -power;
    number_power ten = *number_power_of_ten(q);
    ten.low += q < NUMBER_POWER_FIRST_EXACT || q > NUMBER_POWER_LAST_EXACT; /* never cut off */
    int shift = from.exponent + number_log2_of_power10(q) + 1;
    assert(shift >= 1 && shift <= 4);
    return shorten(from, scale_double, &ten, power, shift);
}

static number_decimal shorten_float(number_binary from)
{
    int power = power_for(from), q = -power;
    number_power ten = *number_power_of_ten(q);
    ten.high += ten.low != 0;
    int shift = from.exponent + number_log2_of_power10(q) + 1;
    assert(shift >= 1 && shift <= 4);
    return shorten(from, scale_float, &ten, power, shift);
}

static number_decimal decimal_of_double(double value)
{
    if (value < WHOLE_DOUBLE_MAX && value == (double)(uint64_t)value)
        return (number_decimal){(uint64_t)value, 0};
    uint64_t bits = mw_bits_of_double(value), fraction = bits & ((UINT64_C(1) << 52) - 1);
    int exponent = (int)(bits >> 52);
    if (exponent == 0)
        return shorten_double((number_binary){fraction, -1074, false});
    return shorten_double((number_binary){fraction | UINT64_C(1) << 52, exponent - 1075,
                                          fraction == 0 && exponent > 1});
}

static number_decimal decimal_of_float(float value)
{
    if (value < WHOLE_FLOAT_MAX && value == (float)(uint32_t)value)
        return (number_decimal){(uint32_t)value, 0};
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t fraction = bits & ((UINT32_C(1) << 23) - 1);
    int exponent = (int)(bits >> 23);
    if (exponent == 0)
        return shorten_float((number_binary){fraction, -149, false});
    return shorten_float((number_binary){fraction | UINT32_C(1) << 23, exponent - 150,
                                         fraction == 0 && exponent > 1});
}

/* ---- the layout ------------------------------------------------------------------------------ */

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

/* Eight digits, zeros in front: halves, then pairs, which do not wait for each other. */
static inline void write_eight(char *out, uint32_t value)
{
    uint32_t high = value / 10000, low = value % 10000;
    memcpy(out, digit_pairs + (size_t)2 * (high / 100), 2);
    memcpy(out + 2, digit_pairs + (size_t)2 * (high % 100), 2);
    memcpy(out + 4, digit_pairs + (size_t)2 * (low / 100), 2);
    memcpy(out + 6, digit_pairs + (size_t)2 * (low % 100), 2);
}

/* Digits right-aligned before `end`; returns the first. */
static inline char *write_digits(char *end, uint64_t value)
{
    while (value >= 100000000) {
        end -= 8;
        write_eight(end, (uint32_t)(value % 100000000));
        value /= 100000000;
    }
    uint32_t rest = (uint32_t)value;
    while (rest >= 100) {
        end -= 2;
        memcpy(end, digit_pairs + (size_t)2 * (rest % 100), 2);
        rest /= 100;
    }
    if (rest >= 10) {
        end -= 2;
        memcpy(end, digit_pairs + (size_t)2 * rest, 2);
        return end;
    }
    *--end = (char)('0' + rest);
    return end;
}

/* The digits of a number, as they are laid out: followed by zeros, so that DIGITS_MAX bytes can be
 * copied from any of them. Copies of a fixed size are two instructions, others a call. */
typedef struct number_digits {
    const char *first;
    size_t count;
    int exponent; /* the first digit has the value of 10^exponent */
} number_digits;

/* 1.5e-07, 1e+16: at least two digits of exponent. */
static char *lay_out_scientific(char *out, const number_digits *digits)
{
    int exponent = digits->exponent;
    memcpy(out + 1, digits->first, DIGITS_MAX);
    out[0] = digits->first[0];
    out[1] = '.';
    out += digits->count > 1 ? digits->count + 1 : 1;
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    unsigned size = (unsigned)(exponent < 0 ? -exponent : exponent);
    if (size >= 100)
        *out++ = (char)('0' + size / 100);
    memcpy(out, digit_pairs + (size_t)2 * (size % 100), 2);
    return out + 2;
}

static inline char *lay_out(char *out, const number_digits *digits, bool keep_point)
{
    int exponent = digits->exponent;
    if (exponent < SCIENTIFIC_BELOW || exponent >= SCIENTIFIC_FROM)
        return lay_out_scientific(out, digits);
    if (exponent < 0) {
        memcpy(out, "0.000", 5);
        out += 1 - exponent;
        memcpy(out, digits->first, DIGITS_MAX);
        return out + digits->count;
    }
    size_t n_whole = (size_t)exponent + 1;
    memcpy(out, digits->first, DIGITS_MAX);
    if (digits->count > n_whole) {
        out[n_whole] = '.';
        memcpy(out + n_whole + 1, digits->first + n_whole, DIGITS_MAX);
        return out + digits->count + 1;
    }
    out += n_whole;
    if (keep_point)
        memcpy(out, ".0", 2);
    return keep_point ? out + 2 : out;
}

static inline char *write_decimal(char *out, number_decimal decimal, bool keep_point)
{
    char buffer[2 * DIGITS_MAX], *end = buffer + DIGITS_MAX;
    memset(end, '0', DIGITS_MAX);
    const char *first = write_digits(end, decimal.digits);
    int exponent = decimal.power + (int)(end - first) - 1;
    while (end - first > 1 && end[-1] == '0')
        end--;
    return lay_out(out, &(number_digits){first, (size_t)(end - first), exponent}, keep_point);
}

static size_t write_special(char *out, bool nan, bool negative)
{
    const char *word = nan ? "NaN" : negative ? "-Infinity" : "Infinity";
    size_t size = strlen(word);
    memcpy(out, word, size);
    return size;
}

size_t mw_number_write_double(char *out, double value, bool keep_point)
{
    char *at = out;
    if (!isfinite(value))
        return write_special(out, isnan(value), value < 0);
    if (signbit(value))
        *at++ = '-';
    at = write_decimal(at, decimal_of_double(fabs(value)), keep_point);
    return (size_t)(at - out);
}

size_t mw_number_write_float(char *out, float value, bool keep_point)
{
    char *at = out;
    if (!isfinite(value))
        return write_special(out, isnan(value), value < 0);
    if (signbit(value))
        *at++ = '-';
    at = write_decimal(at, decimal_of_float(fabsf(value)), keep_point);
    return (size_t)(at - out);
}

size_t mw_number_write_int(char *out, int64_t value)
{
    char buffer[DIGITS_MAX];
    char *end = buffer + sizeof buffer, *at = out;
    if (value < 0)
        *at++ = '-';
    const char *first = write_digits(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    memcpy(at, first, (size_t)(end - first));
    return (size_t)(at - out) + (size_t)(end - first);
}
