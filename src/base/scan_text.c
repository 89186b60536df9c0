/* JSON text: what may stand between quotes (RFC 8259, section 7), and what it means.
 *
 *     plain      20..7f without " and \, or a UTF-8 character
 *     \n ...     two bytes, one byte
 *     \u20ac     six bytes, up to three
 *     \ud83d\ude00   twelve bytes, a pair of UTF-16 surrogates: four bytes
 *
 * Plain ASCII bytes are passed 16 (SSE2, which every x86-64 has) or 8 at a time. */
#include "scan_text.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "number.h"
#include "utf8.h"

#include "banned.h"

#define EACH_BYTE UINT64_C(0x0101010101010101)
#define HIGH_BITS UINT64_C(0x8080808080808080)

/* High bits where a byte of `word` is below `limit` (at most 0x80), right up to the first such. */
static inline uint64_t bytes_below(uint64_t word, unsigned limit)
{
    return (word - EACH_BYTE * limit) & ~word & HIGH_BITS;
}

static inline uint64_t bytes_equal(uint64_t word, unsigned byte)
{
    return bytes_below(word ^ EACH_BYTE * byte, 1);
}

/* The first byte that is not plain ASCII text, or `end`. */
static inline const char *pass_plain(const char *at, const char *end)
{
#ifdef __SSE2__
    while (end - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
        __m128i escapes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
        __m128i others = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)); /* from 0x80 on, too */
        int special = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quotes, escapes), others));
        if (special)
            return at + __builtin_ctz((unsigned)special);
        at += 16;
    }
#endif
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        word = le64toh(word);
        uint64_t special = bytes_equal(word, '"') | bytes_equal(word, '\\') |
                           bytes_below(word, 0x20) | (word & HIGH_BITS);
        if (special)
            return at + __builtin_ctzll(special) / 8;
        at += 8;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at - 0x20u < 0x60)
        at++;
    return at;
}

/* The code unit of "\uXXXX" at `at`; -1 when it is none. */
static int read_unit(const char *at, const char *end)
{
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    int unit = 0;
    for (int i = 2; i < 6; i++) {
        int digit = mw_hex_value(at[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* "\uXXXX", or two of them for a character beyond U+FFFF. */
static size_t read_unicode(const char *at, const char *end, uint32_t *ret_character)
{
    int first = read_unit(at, end);
    if (first < 0 || (first >= 0xdc00 && first <= 0xdfff))
        return 0;
    if (first < 0xd800 || first > 0xdbff) {
        *ret_character = (uint32_t)first;
        return 6;
    }
    int second = read_unit(at + 6, end);
    if (second < 0xdc00 || second > 0xdfff)
        return 0;
    *ret_character = 0x10000 + ((uint32_t)(first - 0xd800) << 10) + (uint32_t)(second - 0xdc00);
    return 12;
}

/* Bytes of the escape at `at` (a backslash) and its character; 0 when it is wrong. */
static size_t read_escape(const char *at, const char *end, uint32_t *ret_character)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (end - at < 2)
        return 0;
    const char *letter = memchr(letters, at[1], sizeof letters - 1);
    if (!letter)
        return read_unicode(at, end, ret_character);
    *ret_character = (unsigned char)meanings[letter - letters];
    return 2;
}

const char *scan_pass_text(const char *at, const char *end, bool *ret_escapes,
                           const char **ret_fault, const char **ret_at)
{
    bool escapes = false;
    for (;;) {
        at = pass_plain(at, end);
        *ret_at = at;
        *ret_fault = "text without a closing quote";
        if (at == end)
            return NULL;
        if (*at == '"')
            break;
        size_t step = 0;
        uint32_t character;
        if (*at == '\\') {
            step = read_escape(at, end, &character);
            *ret_fault = "a wrong escape in text";
            escapes = true;
        } else if ((unsigned char)*at >= 0x80) {
            step = utf8_length(at, end);
            *ret_fault = "text that is not UTF-8";
        } else {
            *ret_fault = "a control byte in text";
        }
        if (step == 0)
            return NULL;
        at += step;
    }
    *ret_escapes = escapes;
    return at + 1;
}

char *scan_decode_text(char *out, const char *at, const char *end)
{
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        size_t n_plain = (size_t)((escape ? escape : end) - at);
        memcpy(out, at, n_plain);
        out += n_plain;
        at += n_plain;
        if (!escape)
            break;
        uint32_t character = 0;
        at += read_escape(at, end, &character);
        out = utf8_write(out, character);
    }
    return out;
}
