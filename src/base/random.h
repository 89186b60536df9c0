/* Chance from the system, for names that nobody else has. Not for secrets: where the system gives
 * none, the clock stands in. Any thread. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

enum { MW_RANDOM_NAME_BYTES = 33 };

uint64_t mw_random_bits(void);
/* 128 bits as 32 hexadecimal digits, and NUL. */
void mw_random_name(char ret_name[MW_RANDOM_NAME_BYTES]);

#endif
