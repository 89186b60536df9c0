/* Elements of tensors: what each type holds, and that numbers come back. */
#include "../test.h"

#include <math.h>

#include "runtime/runtime.h"

static const struct element_case {
    const char *name;
    mw_element element;
    double value, back; /* back: NAN = it is not held */
} element_cases[] = {
    {"float32 rounds", MW_ELEMENT_FLOAT32, 0.1, 0.1f},
    {"float64 keeps", MW_ELEMENT_FLOAT64, 0.1, 0.1},
    {"float32 is infinite", MW_ELEMENT_FLOAT32, 1e300, INFINITY},
    {"half, exact", MW_ELEMENT_FLOAT16, 1.5, 1.5},
    {"half rounds to even", MW_ELEMENT_FLOAT16, 2049, 2048},
    {"half rounds up to even", MW_ELEMENT_FLOAT16, 2051, 2052},
    {"half carries", MW_ELEMENT_FLOAT16, 2047.9, 2048},
    {"half, largest", MW_ELEMENT_FLOAT16, 65519, 65504},
    {"half, beyond", MW_ELEMENT_FLOAT16, 65520, INFINITY},
    {"half, smallest", MW_ELEMENT_FLOAT16, 0x1p-24, 0x1p-24},
    {"half, half of it", MW_ELEMENT_FLOAT16, 0x1p-25, 0},
    {"half, least normal", MW_ELEMENT_FLOAT16, 0x1p-14, 0x1p-14},
    {"half, between both kinds", MW_ELEMENT_FLOAT16, 0x1.fffp-15, 0x1p-14},
    {"half, negative", MW_ELEMENT_FLOAT16, -0.1, -0x1.998p-4},
    {"bfloat", MW_ELEMENT_BFLOAT16, 1.01, 1.0078125},
    {"bool, true", MW_ELEMENT_BOOL, 1, 1},
    {"bool, two", MW_ELEMENT_BOOL, 2, NAN},
    {"uint8, last", MW_ELEMENT_UINT8, 255, 255},
    {"uint8, beyond", MW_ELEMENT_UINT8, 256, NAN},
    {"uint8, negative", MW_ELEMENT_UINT8, -1, NAN},
    {"int8, first", MW_ELEMENT_INT8, -128, -128},
    {"int16, beyond", MW_ELEMENT_INT16, 32768, NAN},
    {"uint16, last", MW_ELEMENT_UINT16, 65535, 65535},
    {"int32, fraction", MW_ELEMENT_INT32, 1.5, NAN},
    {"int32, first", MW_ELEMENT_INT32, -2147483648.0, -2147483648.0},
    {"int64, first", MW_ELEMENT_INT64, -0x1p63, -0x1p63},
    {"int64, beyond", MW_ELEMENT_INT64, 0x1p63, NAN},
    {"uint32, last", MW_ELEMENT_UINT32, 4294967295.0, 4294967295.0},
    {"uint64, large", MW_ELEMENT_UINT64, 0x1p63, 0x1p63},
    {"uint64, beyond", MW_ELEMENT_UINT64, 0x1p64, NAN},
    {"int64, infinite", MW_ELEMENT_INT64, INFINITY, NAN},
    {"text", MW_ELEMENT_TEXT, 1, NAN},
    {"complex", (mw_element)14, 1, NAN},
};

static void test_elements(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(element_cases); i++) {
        const struct element_case *c = &element_cases[i];
        unsigned char bytes[8] = {0};
        bool held = mw_element_write(c->element, c->value, bytes);
        double back = held ? mw_element_read(c->element, bytes) : (double)NAN;
        if (isnan(c->back) ? held : !held || back != c->back)
            fail_msg("%s: %s %.17g", c->name, held ? "held as" : "not held:", back);
    }
}

static void test_missing_values(void **state)
{
    (void)state;
    for (int element = MW_ELEMENT_FLOAT32; element <= MW_ELEMENT_BFLOAT16; element++) {
        mw_element e = (mw_element)element;
        bool floating = e == MW_ELEMENT_FLOAT32 || e == MW_ELEMENT_FLOAT64 ||
                        e == MW_ELEMENT_FLOAT16 || e == MW_ELEMENT_BFLOAT16;
        unsigned char bytes[8] = {0};
        if (mw_element_write(e, (double)NAN, bytes) != floating)
            fail_msg("%s and NaN", mw_element_name(e));
        if (floating && !isnan(mw_element_read(e, bytes)))
            fail_msg("%s: NaN does not come back", mw_element_name(e));
    }
}

/* Every half comes back as itself. */
static void test_every_half(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 65536; bits++) {
        uint16_t half = (uint16_t)bits, again = 0;
        double value = mw_element_read(MW_ELEMENT_FLOAT16, &half);
        assert_true(mw_element_write(MW_ELEMENT_FLOAT16, value, &again));
        if (again != half && !isnan(value))
            fail_msg("%04x became %04x", half, again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_missing_values),
        cmocka_unit_test(test_every_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
