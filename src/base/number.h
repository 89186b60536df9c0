/* Numbers as text, both ways: correctly rounded in, shortest form out, independent of locale. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "text.h"

/* A double as its 64 bits, and back. */
static inline uint64_t mw_bits_of_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double mw_double_of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Longest text that the writers below produce, with room for a closing NUL. */
#define MW_NUMBER_TEXT_BYTES 40

/* Read a decimal number at `at`, before `end`: [+-]digits[.digits][(e|E)[+-]digits].
 * Returns the first byte behind it and the nearest double (ties to even), or NULL when no number
 * stands there. JSON's stricter grammar (no '+', no leading zeros, digits on both sides of the
 * point) is checked when `json` is set. Overflow gives an infinity, underflow zero.
 * Never reads at or beyond `end`. Source: Clinger (1990) for short numbers, Lemire, "Number Parsing
 * at a Gigabyte per Second" (2021), otherwise; strtod for what both leave open. */
const char *mw_number_read(const char *at, const char *end, bool json, double *ret_value);

/* A whole field: number, or one of nan, NaN, NAN, inf, Infinity, -inf ... ; surrounding blanks are
 * allowed. False when anything else stands there or it is empty. */
bool mw_number_parse(const char *text, size_t size, double *ret_value);

/* Decimal digits and nothing else, at least one, within 64 bits. */
bool mw_whole_parse(mw_view text, uint64_t *ret_value);
/* 0..15 of a hexadecimal digit in either case, or -1. */
int mw_hex_value(char c);
/* 0..255 of two of them, or -1; the second is not read where the first is none. */
int mw_hex_byte(const char *two);
/* Two digits a byte, lower case; returns what is behind them. Writes no NUL. */
char *mw_hex_write(char *out, const uint8_t *bytes, size_t n_bytes);

/* Shortest text that reads back to the same bits, the nearest to the value among these; laid out as
 * Python does: 0.0001, 1e-05, 1e+16. 5 -> 5.0 when `keep_point`, else 5. NaN -> "NaN", infinities
 * -> "Infinity", "-Infinity" (the caller decides whether its format has them). Returns the count of
 * bytes; writes no NUL. `out` holds MW_NUMBER_TEXT_BYTES, all of which may be written over. Source:
 * Giulietti, "The Schubfach way to render doubles" (2020). */
size_t mw_number_write_double(char *out, double value, bool keep_point);
size_t mw_number_write_float(char *out, float value, bool keep_point);
size_t mw_number_write_int(char *out, int64_t value);

#endif
