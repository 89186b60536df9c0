/* Elements of tensors as numbers. */
#include "runtime.h"

#include <math.h>

static const struct {
    const char *name;
    size_t bytes;
    double min, max; /* of whole numbers; both 0 for floating point */
} elements[] = {
    [MW_ELEMENT_FLOAT32] = {"float32", 4, 0, 0},
    [MW_ELEMENT_UINT8] = {"uint8", 1, 0, UINT8_MAX},
    [MW_ELEMENT_INT8] = {"int8", 1, INT8_MIN, INT8_MAX},
    [MW_ELEMENT_UINT16] = {"uint16", 2, 0, UINT16_MAX},
    [MW_ELEMENT_INT16] = {"int16", 2, INT16_MIN, INT16_MAX},
    [MW_ELEMENT_INT32] = {"int32", 4, INT32_MIN, INT32_MAX},
    [MW_ELEMENT_INT64] = {"int64", 8, -0x1p63, 0x1.fffffffffffffp62},
    [MW_ELEMENT_TEXT] = {"text", 0, 0, 0},
    [MW_ELEMENT_BOOL] = {"bool", 1, 0, 1},
    [MW_ELEMENT_FLOAT16] = {"float16", 2, 0, 0},
    [MW_ELEMENT_FLOAT64] = {"float64", 8, 0, 0},
    [MW_ELEMENT_UINT32] = {"uint32", 4, 0, UINT32_MAX},
    [MW_ELEMENT_UINT64] = {"uint64", 8, 0, 0x1.fffffffffffffp63},
    [MW_ELEMENT_BFLOAT16] = {"bfloat16", 2, 0, 0},
};

static bool is_known(mw_element element)
{
    return (size_t)element < MW_COUNT(elements) && elements[element].name;
}

size_t mw_element_bytes(mw_element element)
{
    return is_known(element) ? elements[element].bytes : 0;
}

const char *mw_element_name(mw_element element)
{
    return is_known(element) ? elements[element].name : "unknown";
}

/* sign 1 | exponent 5 | fraction 10 */
static double read_half(uint16_t bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double size = exponent == 31  ? (fraction ? (double)NAN : (double)INFINITY)
                  : exponent == 0 ? ldexp(fraction, -24)
                                  : ldexp(1024 + fraction, exponent - 25);
    return bits >> 15 ? -size : size;
}

/* Nearest, ties to even, in steps of the unit that its size has. */
static uint16_t write_half(double value)
{
    enum { INFINITE = 31 << 10, QUIET = 1 << 9, LEAST = -14 };
    uint16_t sign = signbit(value) ? 1 << 15 : 0;
    double size = fabs(value);
    int exponent = 0;
    if (isnan(value))
        return INFINITE | QUIET;
    if (size >= 65520)
        return sign | INFINITE;
    if (size == 0)
        return sign;
    (void)frexp(size, &exponent); /* size < 2^exponent */
    exponent = exponent - 1 < LEAST ? LEAST : exponent - 1;
    /* 1024..2048 units, fewer below the least exponent; a carry goes to the next one by itself */
    int units = (int)nearbyint(ldexp(size, 10 - exponent));
    int base = (exponent - LEAST) << 10;
    return sign | (uint16_t)(base + units);
}

/* The upper half of a float32. */
static double read_bfloat(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return (double)value;
}

static uint16_t write_bfloat(double value)
{
    float narrow = (float)value;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    if (isnan(value))
        return 0x7fc0;
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#define READ(type)                        \
    do {                                  \
        type value;                       \
        memcpy(&value, at, sizeof value); \
        return (double)value;             \
    } while (0)

double mw_element_read(mw_element element, const void *at)
{
    uint16_t half;
    switch (element) {
    case MW_ELEMENT_FLOAT32:
        READ(float);
    case MW_ELEMENT_FLOAT64:
        READ(double);
    case MW_ELEMENT_BOOL:
        return *(const unsigned char *)at != 0;
    case MW_ELEMENT_UINT8:
        READ(uint8_t);
    case MW_ELEMENT_INT8:
        READ(int8_t);
    case MW_ELEMENT_UINT16:
        READ(uint16_t);
    case MW_ELEMENT_INT16:
        READ(int16_t);
    case MW_ELEMENT_INT32:
        READ(int32_t);
    case MW_ELEMENT_INT64:
        READ(int64_t);
    case MW_ELEMENT_UINT32:
        READ(uint32_t);
    case MW_ELEMENT_UINT64:
        READ(uint64_t);
    case MW_ELEMENT_FLOAT16:
        memcpy(&half, at, sizeof half);
        return read_half(half);
    case MW_ELEMENT_BFLOAT16:
        memcpy(&half, at, sizeof half);
        return read_bfloat(half);
    case MW_ELEMENT_NONE:
    case MW_ELEMENT_TEXT:
        break;
    }
    return (double)NAN;
}

static bool holds(mw_element element, double value)
{
    if (elements[element].max == 0)
        return true;
    return value >= elements[element].min && value <= elements[element].max &&
           value == trunc(value);
}

#define WRITE(type)                           \
    do {                                      \
        type written = (type)value;           \
        memcpy(at, &written, sizeof written); \
        return true;                          \
    } while (0)

bool mw_element_write(mw_element element, double value, void *at)
{
    uint16_t half;
    if (!is_known(element) || !holds(element, value))
        return false;
    switch (element) {
    case MW_ELEMENT_FLOAT32:
        WRITE(float);
    case MW_ELEMENT_FLOAT64:
        WRITE(double);
    case MW_ELEMENT_BOOL:
    case MW_ELEMENT_UINT8:
        WRITE(uint8_t);
    case MW_ELEMENT_INT8:
        WRITE(int8_t);
    case MW_ELEMENT_UINT16:
        WRITE(uint16_t);
    case MW_ELEMENT_INT16:
        WRITE(int16_t);
    case MW_ELEMENT_INT32:
        WRITE(int32_t);
    case MW_ELEMENT_INT64:
        WRITE(int64_t);
    case MW_ELEMENT_UINT32:
        WRITE(uint32_t);
    case MW_ELEMENT_UINT64:
        WRITE(uint64_t);
    case MW_ELEMENT_FLOAT16:
        half = write_half(value);
        memcpy(at, &half, sizeof half);
        return true;
    case MW_ELEMENT_BFLOAT16:
        half = write_bfloat(value);
        memcpy(at, &half, sizeof half);
        return true;
    case MW_ELEMENT_NONE:
    case MW_ELEMENT_TEXT:
        break;
    }
    return false;
}
