/* UTF-8 characters (RFC 3629: no overlong forms, no surrogates); private to base. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum { UTF8_BYTES_MAX = 4 };

/* Bytes of the character at `at`, before `end`; 0 when none stands there. */
size_t utf8_length(const char *at, const char *end);
/* Writes a character and returns the byte behind it. */
char *utf8_write(char *out, uint32_t character);

#endif
