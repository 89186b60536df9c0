#!/usr/bin/env python3
"""Write the table of powers of ten that base/number_read.c and base/number_write.c multiply with.

    make_powers.py OUTPUT.c

Each power 10^q is 5^q * 2^q, and powers of two cost nothing in binary, so a row holds the first 128
bits of 5^q, the highest bit set. Rows are cut off, not rounded, but for q in -27..-1, which are
rounded up: then a product is exact wherever Lemire's proof needs it ("Number Parsing at a Gigabyte
per Second", 2021, section 5; "Fast Number Parsing Without Fallback", 2023).
"""
import sys

FIRST, LAST = -342, 324  # reading needs -342..308, writing -292..324
FIRST_EXACT, LAST_EXACT = -27, 55  # 5^55 < 2^128; 5^27 < 2^64
BITS = 128


def power_of_five(q):
    """The first 128 bits of 5^q."""
    if q >= 0:
        power = 5**q
        shift = power.bit_length() - BITS
        return power >> shift if shift > 0 else power << -shift
    divisor = 5**-q
    quotient = (1 << (divisor.bit_length() + BITS - 1)) // divisor
    assert quotient.bit_length() == BITS
    return quotient + 1 if q >= FIRST_EXACT else quotient


def main(path):
    mask = (1 << 64) - 1
    lines = [f"/* Made by tools/{sys.argv[0].rsplit('/', 1)[-1]}: do not edit. */",
             '#include "base/number_powers.h"',
             "",
             "const number_power number_powers[NUMBER_POWER_LAST - NUMBER_POWER_FIRST + 1] = {"]
    for q in range(FIRST, LAST + 1):
        bits = power_of_five(q)
        # number_write.c rounds cut rows up by adding 1 to the low half, without a carry
        assert bits & mask != mask
        lines.append(f"    {{0x{bits >> 64:016x}, 0x{bits & mask:016x}}}, /* 1e{q} */")
    lines += ["};",
              f"_Static_assert(NUMBER_POWER_FIRST == {FIRST} && NUMBER_POWER_LAST == {LAST} &&",
              f"               NUMBER_POWER_FIRST_EXACT == {FIRST_EXACT} &&",
              f'               NUMBER_POWER_LAST_EXACT == {LAST_EXACT}, '
              '"header and script agree");',
              ""]
    with open(path, "w", encoding="ascii") as out:
        out.write("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1])
