/* Datatypes of the Open Inference Protocol. Elements are little-endian on the wire; the machines
 * that are supported are, too. */
#include "oip_datatype.h"

#include <math.h>

static const struct {
    const char *name;
    size_t bytes;
} datatypes[OIP_N_DATATYPES] = {
    [OIP_BOOL] = {"BOOL", 1},     [OIP_UINT8] = {"UINT8", 1},   [OIP_UINT16] = {"UINT16", 2},
    [OIP_UINT32] = {"UINT32", 4}, [OIP_UINT64] = {"UINT64", 8}, [OIP_INT8] = {"INT8", 1},
    [OIP_INT16] = {"INT16", 2},   [OIP_INT32] = {"INT32", 4},   [OIP_INT64] = {"INT64", 8},
    [OIP_FP16] = {"FP16", 2},     [OIP_FP32] = {"FP32", 4},     [OIP_FP64] = {"FP64", 8},
    [OIP_BF16] = {"BF16", 2},     [OIP_BYTES] = {"BYTES", 0},
};

oip_datatype oip_datatype_of(mw_view name)
{
    oip_datatype datatype = 0;
    while (datatype < OIP_N_DATATYPES && !mw_view_is(name, datatypes[datatype].name))
        datatype++;
    return datatype;
}

const char *oip_datatype_name(oip_datatype datatype)
{
    return datatypes[datatype].name;
}

size_t oip_datatype_bytes(oip_datatype datatype)
{
    return datatypes[datatype].bytes;
}

/* sign 1 | exponent 5 | fraction 10 */
static double half_value(uint16_t bits)
{
    unsigned exponent = bits >> 10 & 31, fraction = bits & 1023;
    double value = exponent == 31  ? (fraction ? (double)NAN : (double)INFINITY)
                   : exponent == 0 ? ldexp((double)fraction, -24)
                                   : ldexp((double)(1024 + fraction), (int)exponent - 25);
    return bits >> 15 ? -value : value;
}

/* The upper half of a float32. */
static double bfloat_value(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return (double)value;
}

#define READ(type)                        \
    do {                                  \
        type value;                       \
        memcpy(&value, at, sizeof value); \
        return (double)value;             \
    } while (0)

double oip_read_element(oip_datatype datatype, const unsigned char *at)
{
    uint16_t half;
    switch (datatype) {
    case OIP_BOOL:
        return at[0] != 0;
    case OIP_UINT8:
        READ(uint8_t);
    case OIP_UINT16:
        READ(uint16_t);
    case OIP_UINT32:
        READ(uint32_t);
    case OIP_UINT64:
        READ(uint64_t);
    case OIP_INT8:
        READ(int8_t);
    case OIP_INT16:
        READ(int16_t);
    case OIP_INT32:
        READ(int32_t);
    case OIP_INT64:
        READ(int64_t);
    case OIP_FP32:
        READ(float);
    case OIP_FP64:
        READ(double);
    case OIP_FP16:
        memcpy(&half, at, sizeof half);
        return half_value(half);
    case OIP_BF16:
        memcpy(&half, at, sizeof half);
        return bfloat_value(half);
    case OIP_BYTES:
    case OIP_N_DATATYPES:
        break;
    }
    return (double)NAN;
}
