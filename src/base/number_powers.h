/* Powers of ten to 128 bits, made by tools/make_powers.py while building; private to number_*.c. */
#ifndef BASE_NUMBER_POWERS_H
#define BASE_NUMBER_POWERS_H

#include <stdint.h>

#define NUMBER_POWER_FIRST (-342)
#define NUMBER_POWER_LAST 324
/* Outside of these the bits are cut off; inside, none are missing (or, below zero, rounded up). */
#define NUMBER_POWER_FIRST_EXACT (-27)
#define NUMBER_POWER_LAST_EXACT 55

/* 10^q = (high * 2^64 + low) * 2^(floor(log2(10^q)) - 127), the highest bit of `high` set. */
typedef struct number_power {
    uint64_t high, low;
} number_power;

/* hidden: read without a detour through the shared library's table of symbols */
extern __attribute__((visibility("hidden")))
const number_power number_powers[NUMBER_POWER_LAST - NUMBER_POWER_FIRST + 1];

static inline const number_power *number_power_of_ten(int q)
{
    return &number_powers[q - NUMBER_POWER_FIRST];
}

/* floor(log2(10^q)), exact for every row of the table. */
static inline int number_log2_of_power10(int q)
{
    return (q * 1741647) >> 19;
}

#endif
