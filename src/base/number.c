/* Numbers as text. Short ones by exact double arithmetic (Clinger's fast path), others by the C
 * library in the "C" locale. */
#include "number.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

enum { FIELD_BYTES_MAX = 2048 };

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static double read_slowly(const char *at, const char *end)
{
    char small[FIELD_BYTES_MAX];
    size_t size = (size_t)(end - at);
    char *field = size < sizeof small ? small : malloc(size + 1);
    if (!field)
        return NAN;
    memcpy(field, at, size);
    field[size] = '\0';
    pthread_once(&c_locale_once, make_c_locale);
    double value = strtod_l(field, NULL, c_locale);
    if (field != small)
        free(field);
    return value;
}

static const double exact_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                      1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                      1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

const char *mw_number_read(const char *text, const char *end, bool json, double *ret_value)
{
    const char *at = text;
    bool negative = at < end && *at == '-';
    if (negative || (!json && at < end && *at == '+'))
        at++;
    const char *first = at;
    uint64_t digits = 0;
    for (; at < end && is_digit(*at); at++)
        digits = digits * 10 + (uint64_t)(*at - '0');
    size_t n_whole = (size_t)(at - first), n_fraction = 0;
    if (json && (n_whole == 0 || (*first == '0' && n_whole > 1)))
        return NULL;
    if (at < end && *at == '.') {
        const char *point = at++;
        for (; at < end && is_digit(*at); at++)
            digits = digits * 10 + (uint64_t)(*at - '0');
        n_fraction = (size_t)(at - point - 1);
        if (json && n_fraction == 0)
            return NULL;
    }
    if (n_whole + n_fraction == 0)
        return NULL;
    long exponent = 0;
    if (at < end && (*at == 'e' || *at == 'E')) {
        const char *mark = at++;
        bool down = at < end && *at == '-';
        if (at < end && (*at == '-' || *at == '+'))
            at++;
        if (at == end || !is_digit(*at)) {
            if (json)
                return NULL;
            at = mark;
        } else {
            for (; at < end && is_digit(*at); at++)
                exponent = exponent < 100000 ? exponent * 10 + (*at - '0') : exponent;
            exponent = down ? -exponent : exponent;
        }
    }
    long power = exponent - (long)n_fraction;
    if (n_whole + n_fraction <= 19 && digits < (UINT64_C(1) << 53) && power >= -22 && power <= 22) {
        double value = (double)digits;
        value = power < 0 ? value / exact_powers[-power] : value * exact_powers[power];
        *ret_value = negative ? -value : value;
    } else {
        *ret_value = read_slowly(text, at);
    }
    return at;
}

bool mw_number_parse(const char *text, size_t size, double *ret_value)
{
    const char *at = text, *end = text + size;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    if (at == end)
        return false;
    double value;
    if (mw_number_read(at, end, false, &value) == end) {
        *ret_value = value;
        return true;
    }
    double sign = *at == '-' ? -1 : 1;
    if (*at == '-' || *at == '+')
        at++;
    size_t left = (size_t)(end - at);
    if (left == 3 && strncasecmp(at, "nan", 3) == 0)
        *ret_value = NAN;
    else if ((left == 3 && strncasecmp(at, "inf", 3) == 0) ||
             (left == 8 && strncasecmp(at, "infinity", 8) == 0))
        *ret_value = sign * INFINITY;
    else
        return false;
    return true;
}

static size_t write_special(char *out, double value)
{
    const char *text = isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
    memcpy(out, text, strlen(text));
    return strlen(text);
}

/* %e text -> shortest layout: "1.5e-07" stays, "1.5e+02" becomes 150. */
static size_t lay_out(char *out, const char *scientific, bool keep_point)
{
    char digits[40];
    size_t n_digits = 0, used = 0;
    const char *at = scientific;
    if (*at == '-')
        out[used++] = *at++;
    for (; *at && *at != 'e'; at++)
        if (*at != '.')
            digits[n_digits++] = *at;
    int exponent = (int)strtol(at + 1, NULL, 10);
    while (n_digits > 1 && digits[n_digits - 1] == '0')
        n_digits--;
    if (exponent < -4 || exponent >= 16) {
        out[used++] = digits[0];
        if (n_digits > 1) {
            out[used++] = '.';
            memcpy(out + used, digits + 1, n_digits - 1);
            used += n_digits - 1;
        }
        return used + (size_t)snprintf(out + used, 8, "e%c%02d", exponent < 0 ? '-' : '+',
                                       abs(exponent));
    }
    if (exponent < 0) {
        out[used++] = '0';
        out[used++] = '.';
        for (int i = -1; i > exponent; i--)
            out[used++] = '0';
        memcpy(out + used, digits, n_digits);
        return used + n_digits;
    }
    for (size_t i = 0; i <= (size_t)exponent || i < n_digits; i++) {
        if (i == (size_t)exponent + 1)
            out[used++] = '.';
        out[used++] = i < n_digits ? digits[i] : '0';
    }
    if (keep_point && n_digits <= (size_t)exponent + 1) {
        out[used++] = '.';
        out[used++] = '0';
    }
    return used;
}

size_t mw_number_write_double(char *out, double value, bool keep_point)
{
    if (!isfinite(value))
        return write_special(out, value);
    char text[40];
    for (int precision = 0; precision <= 16; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return lay_out(out, text, keep_point);
}

size_t mw_number_write_float(char *out, float value, bool keep_point)
{
    if (!isfinite(value))
        return write_special(out, (double)value);
    char text[40];
    for (int precision = 0; precision <= 8; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    return lay_out(out, text, keep_point);
}

size_t mw_number_write_int(char *out, int64_t value)
{
    return (size_t)snprintf(out, 24, "%lld", (long long)value);
}
