/* See random.h. */
#include "random.h"

#include <stdio.h>
#include <sys/random.h>

#include "clock.h"

#include "banned.h"

uint64_t mw_random_bits(void)
{
    uint64_t bits = 0;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        bits = mw_clock_ns() * 0x9e3779b97f4a7c15u;
    return bits;
}

void mw_random_name(char ret_name[MW_RANDOM_NAME_BYTES])
{
    snprintf(ret_name, MW_RANDOM_NAME_BYTES, "%016llx%016llx", (unsigned long long)mw_random_bits(),
             (unsigned long long)mw_random_bits());
}
