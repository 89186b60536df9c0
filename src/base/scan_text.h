/* JSON text, between its quotes; private to scan.c. */
#ifndef BASE_SCAN_TEXT_H
#define BASE_SCAN_TEXT_H

#include <stdbool.h>

/* From behind the opening quote to behind the closing one. NULL when the text is wrong: then
 * *ret_fault says how and *ret_at where. *ret_escapes: it holds escapes. */
const char *scan_pass_text(const char *at, const char *end, bool *ret_escapes,
                           const char **ret_fault, const char **ret_at);

/* Decodes checked text up to `end` (the closing quote) into `out`, which holds as many bytes: no
 * escape is shorter than its character. Returns the byte behind the last written. */
char *scan_decode_text(char *out, const char *at, const char *end);

#endif
