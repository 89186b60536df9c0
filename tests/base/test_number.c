/* Numbers as text, both ways, against the C library's slow and exact ones: 2,000,000 random doubles
 * and floats, ties between neighbours, texts of a thousand digits, and what Python prints. */
#include "../test.h"

#include <float.h>
#include <math.h>

#include "base/base.h"

#include "../chance.h"

static uint64_t random_state = 42;

static uint64_t random_bits(void)
{
    return test_draw(&random_state);
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t float_bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Reads exactly `size` bytes in memory of their own, so that a sanitizer sees a byte too many. */
static ptrdiff_t read_tight(const char *text, size_t size, bool json, double *ret_value)
{
    char *tight = malloc(size ? size : 1);
    assert_non_null(tight);
    memcpy(tight, text, size);
    const char *behind = mw_number_read(tight, tight + size, json, ret_value);
    ptrdiff_t used = behind ? behind - tight : -1;
    free(tight);
    return used;
}

/* `text` (a number and nothing else) must read as strtod reads it. */
static void check_reads_as_strtod(const char *text)
{
    size_t size = strlen(text);
    double value = -1, expected = strtod(text, NULL);
    const char *behind = mw_number_read(text, text + size, false, &value);
    if (behind != text + size)
        fail_msg("'%.60s': read to byte %td of %zu", text, behind ? behind - text : -1, size);
    if (mw_bits_of_double(value) != mw_bits_of_double(expected))
        fail_msg("'%.60s': got %a, expected %a", text, value, expected);
}

/* ---- reading -----------------------------------------------------------------------------------
 */

static void test_known_values(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bits;
    } cases[] = {
        {"0", 0},
        {"-0", UINT64_C(0x8000000000000000)},
        {"-0.0e-5", UINT64_C(0x8000000000000000)},
        {"1", UINT64_C(0x3ff0000000000000)},
        {"9007199254740993", UINT64_C(0x4340000000000000)}, /* tie: to the even one, below */
        {"9007199254740993.0000000000000000000000000000000000000001", UINT64_C(0x4340000000000001)},
        {"9007199254740995", UINT64_C(0x4340000000000002)}, /* tie: to the even one, above */
        {"1e23", UINT64_C(0x44b52d02c7e14af6)},
        {"8.41e21", UINT64_C(0x447c7e83209e90b2)},
        {"5e-324", 1},
        {"2.4703282292062327e-324", 0},
        {"2.4703282292062328e-324", 1},
        {"2.2250738585072011e-308", UINT64_C(0x000fffffffffffff)}, /* hung PHP and Java once */
        {"2.2250738585072012e-308", UINT64_C(0x0010000000000000)},
        {"1.7976931348623157e308", UINT64_C(0x7fefffffffffffff)},
        {"1.7976931348623158e308", UINT64_C(0x7fefffffffffffff)},
        {"1.7976931348623159e308", UINT64_C(0x7ff0000000000000)},
        {"1e309", UINT64_C(0x7ff0000000000000)},
        {"-1e999999999999999999999999", UINT64_C(0xfff0000000000000)},
        {"1e-999999999999999999999999", 0},
        {"0e999999999999999999999999", 0},
        {"18446744073709551616", UINT64_C(0x43f0000000000000)},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        double value = -1;
        ptrdiff_t used = read_tight(cases[i].text, strlen(cases[i].text), true, &value);
        if (used != (ptrdiff_t)strlen(cases[i].text) || mw_bits_of_double(value) != cases[i].bits)
            fail_msg("%s: got %a (%td bytes)", cases[i].text, value, used);
        check_reads_as_strtod(cases[i].text);
    }
}

static void test_grammar(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int json, loose; /* bytes used, -1 = no number */
    } cases[] = {
        {"", -1, -1},      {"-", -1, -1},        {"+", -1, -1},           {".", -1, -1},
        {"e5", -1, -1},    {"-.e1", -1, -1},     {"+1", -1, 2},           {"--1", -1, -1},
        {"01", -1, 2},     {"00", -1, 2},        {"-01", -1, 3},          {"0", 1, 1},
        {"-0", 2, 2},      {".5", -1, 2},        {"5.", -1, 2},           {"-5.e1", -1, 5},
        {"1.5", 3, 3},     {"1..5", -1, 2},      {"1.5.2", 3, 3},         {"1e5", 3, 3},
        {"1E+05", 5, 5},   {"1e", -1, 1},        {"1e+", -1, 1},          {"1.5e-x", -1, 3},
        {"12abc", 2, 2},   {"1,2", 1, 1},        {"1 2", 1, 1},           {"0x10", 1, 1},
        {"1_000", 1, 1},   {"Infinity", -1, -1}, {"nan", -1, -1},         {" 1", -1, -1},
        {"1.\xb1", -1, 2}, {"1.2\xb1", 3, 3},    {"1.23456789:", 10, 10}, {"1./23456789", -1, 2},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        double value = 77;
        size_t size = strlen(cases[i].text);
        ptrdiff_t json = read_tight(cases[i].text, size, true, &value);
        if (json < 0 && value != 77)
            fail_msg("'%s': wrote a value without a number", cases[i].text);
        ptrdiff_t loose = read_tight(cases[i].text, size, false, &value);
        if (json != cases[i].json || loose != cases[i].loose)
            fail_msg("'%s': json %td, loose %td", cases[i].text, json, loose);
    }
}

/* A number may end anywhere: eight digits at a time must not look beyond. */
static void test_every_prefix(void **state)
{
    (void)state;
    static const char whole[] = "-1234567890123456789.98765432109876543210e-0123456789";
    for (size_t size = 0; size < sizeof whole; size++) {
        char text[sizeof whole];
        memcpy(text, whole, size);
        text[size] = '\0';
        char *behind;
        double expected = strtod(text, &behind), value = 0;
        ptrdiff_t used = read_tight(whole, size, false, &value);
        if (used != (behind == text ? -1 : behind - text) ||
            mw_bits_of_double(value) != mw_bits_of_double(expected))
            fail_msg("'%s': got %a (%td bytes), expected %a", text, value, used, expected);
    }
}

static void test_random_texts(void **state)
{
    (void)state;
    for (int i = 0; i < 1000000 / TEST_SHARE; i++) {
        char text[80];
        size_t used = 0;
        uint64_t shape = random_bits();
        unsigned n_whole = (unsigned)(shape % 22), n_fraction = (unsigned)((shape >> 8) % 24);
        if (shape >> 16 & 1)
            text[used++] = '-';
        for (unsigned d = 0; d < n_whole; d++)
            text[used++] = (char)('0' + random_bits() % 10);
        if (n_whole == 0)
            text[used++] = '0';
        if (n_fraction > 0)
            text[used++] = '.';
        unsigned n_zeros = (shape >> 40) % 3 ? 0 : (unsigned)((shape >> 44) % (n_fraction + 1));
        for (unsigned d = 0; d < n_fraction; d++)
            text[used++] = d < n_zeros ? '0' : (char)('0' + random_bits() % 10);
        int range = shape >> 17 & 1 ? 30 : 345;
        if (shape >> 18 & 1)
            snprintf(text + used, sizeof text - used, "e%d", (int)(random_bits() % 691) % range);
        else if (shape >> 19 & 1)
            snprintf(text + used, sizeof text - used, "e-%d", (int)(random_bits() % 691) % range);
        else
            text[used] = '\0';
        check_reads_as_strtod(text);
    }
}

/* Exactly half way between two doubles, a hair above and a hair below: only all digits tell. */
static void check_tie(long double middle)
{
    char text[1200];
    snprintf(text, 1100, "%.780Le", middle); /* 767 digits at most: exact */
    char *mark = strchr(text, 'e');
    char exponent[16];
    snprintf(exponent, sizeof exponent, "%s", mark);
    size_t n = (size_t)(mark - text);
    while (text[n - 1] == '0')
        n--;
    memcpy(text + n, exponent, strlen(exponent) + 1);
    check_reads_as_strtod(text);
    text[n] = '1';
    memcpy(text + n + 1, exponent, strlen(exponent) + 1);
    check_reads_as_strtod(text);
    text[n - 1]--; /* no zero stands there */
    memset(text + n, '9', 30);
    memcpy(text + n + 30, exponent, strlen(exponent) + 1);
    if (text[n - 1] != '.' - 1)
        check_reads_as_strtod(text);
}

static void test_ties(void **state)
{
    (void)state;
    if (LDBL_MANT_DIG < 64)
        skip();
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = random_bits() & UINT64_C(0x7fffffffffffffff);
        if (i % 4 == 0) /* near one, where shorter ways could answer */
            bits = (bits & UINT64_C(0x003fffffffffffff)) + UINT64_C(0x3fd0000000000000);
        if (i % 16 == 1) /* subnormal */
            bits &= UINT64_C(0x000fffffffffffff);
        double low = mw_double_of_bits(bits), high = mw_double_of_bits(bits + 1);
        if (isfinite(low) && isfinite(high))
            check_tie(((long double)low + (long double)high) / 2);
    }
    /* small whole ties: 2^53 + 1 and on, times small powers of five */
    for (uint64_t odd = 1; odd < 2000; odd += 2)
        check_tie((long double)((UINT64_C(1) << 53) + odd));
}

static void test_thousands_of_digits(void **state)
{
    (void)state;
    enum { N = 5000 };
    static char text[2 * N + 40];
    memset(text, '3', N);
    snprintf(text + N, 40, "e-%d", N);
    check_reads_as_strtod(text); /* 0.333... */
    memset(text, '0', N);
    memcpy(text, "0.", 2);
    snprintf(text + N, 40, "12345e%d", N);
    check_reads_as_strtod(text); /* zeros do not count as digits */
    memset(text, '0', N);
    text[0] = '1';
    snprintf(text + N, 40, "e-%d", N);
    check_reads_as_strtod(text);
    /* a tie, and one digit far behind that breaks it */
    memset(text, '0', N);
    memcpy(text, "9007199254740993.", 17);
    text[N] = '\0';
    check_reads_as_strtod(text);
    text[N - 1] = '1';
    check_reads_as_strtod(text);
    double value = 0;
    (void)mw_number_read(text, text + N, true, &value);
    assert_true(mw_bits_of_double(value) == UINT64_C(0x4340000000000001));
    memset(text, '9', N);
    text[N] = '\0';
    check_reads_as_strtod(text); /* infinity */
}

static void test_fields(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_number;
        double expected;
    } cases[] = {
        {"1.5", true, 1.5},       {" \t-2e3 \r", true, -2000},
        {"+7", true, 7},          {".5", true, 0.5},
        {"nan", true, NAN},       {"NaN", true, NAN},
        {"NAN", true, NAN},       {"-nan", true, NAN},
        {"inf", true, INFINITY},  {"-Infinity", true, -INFINITY},
        {"+INF", true, INFINITY}, {"-inf", true, -INFINITY},
        {"", false, 0},           {"   ", false, 0},
        {"1 2", false, 0},        {"1.5x", false, 0},
        {"1e", false, 0},         {"nano", false, 0},
        {"in", false, 0},         {"-", false, 0},
        {"infinit", false, 0},    {"0x10", false, 0},
        {"1\n", false, 0},        {"--inf", false, 0},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        double value = 77;
        size_t size = strlen(cases[i].text);
        char *tight = malloc(size + 1);
        memcpy(tight, cases[i].text, size);
        bool is_number = mw_number_parse(tight, size, &value);
        free(tight);
        double expected = cases[i].is_number ? cases[i].expected : 77;
        bool same = isnan(expected) ? isnan(value) : value == expected;
        if (is_number != cases[i].is_number || !same)
            fail_msg("'%s': %d, %g", cases[i].text, is_number, value);
    }
    double value;
    assert_false(mw_number_parse("1\0", 2, &value));
}

/* ---- writing -----------------------------------------------------------------------------------
 */

/* What Python 3.11 answers to repr(x). */
static void test_doubles_as_python_writes_them(void **state)
{
    (void)state;
    static const struct {
        uint64_t bits;
        const char *text;
    } cases[] = {
        {UINT64_C(0x0000000000000000), "0.0"},
        {UINT64_C(0x8000000000000000), "-0.0"},
        {UINT64_C(0x3ff0000000000000), "1.0"},
        {UINT64_C(0xbff0000000000000), "-1.0"},
        {UINT64_C(0x3fb999999999999a), "0.1"},
        {UINT64_C(0x3fc999999999999a), "0.2"},
        {UINT64_C(0x3fd3333333333333), "0.3"},
        {UINT64_C(0x3fd3333333333334), "0.30000000000000004"},
        {UINT64_C(0x4014000000000000), "5.0"},
        {UINT64_C(0x4024000000000000), "10.0"},
        {UINT64_C(0x4059000000000000), "100.0"},
        {UINT64_C(0x405ec00000000000), "123.0"},
        {UINT64_C(0x40934a456d5cfaad), "1234.5678"},
        {UINT64_C(0x3f1a36e2eb1c432d), "0.0001"},
        {UINT64_C(0x3ee4f8b588e368f1), "1e-05"},
        {UINT64_C(0x3f202e4b6ce5dc68), "0.00012345"},
        {UINT64_C(0x3f1a36371ea531a8), "9.999e-05"},
        {UINT64_C(0x430c6bf526340000), "1000000000000000.0"},
        {UINT64_C(0x4341c37937e08000), "1e+16"},
        {UINT64_C(0x4376345785d8a000), "1e+17"},
        {UINT64_C(0x444b1ae4d6e2ef50), "1e+21"},
        {UINT64_C(0x4480f0cf064dd592), "1e+22"},
        {UINT64_C(0x44b52d02c7e14af6), "1e+23"},
        {UINT64_C(0x433fffffffffffff), "9007199254740991.0"},
        {UINT64_C(0x4340000000000000), "9007199254740992.0"},
        {UINT64_C(0x4340000000000001), "9007199254740994.0"},
        {UINT64_C(0x437b69b4ba630f35), "1.2345678901234568e+17"},
        {UINT64_C(0x3fd5555555555555), "0.3333333333333333"},
        {UINT64_C(0x3fe5555555555555), "0.6666666666666666"},
        {UINT64_C(0x0000000000000001), "5e-324"},
        {UINT64_C(0x0000000000000002), "1e-323"},
        {UINT64_C(0x0000000000000003), "1.5e-323"},
        {UINT64_C(0x000fffffffffffff), "2.225073858507201e-308"},
        {UINT64_C(0x0010000000000000), "2.2250738585072014e-308"},
        {UINT64_C(0x7fefffffffffffff), "1.7976931348623157e+308"},
        {UINT64_C(0x0020000000000000), "4.450147717014403e-308"},
        {UINT64_C(0x43b0000000000000), "1.152921504606847e+18"},
        {UINT64_C(0x3c30000000000000), "8.673617379884035e-19"},
        {UINT64_C(0x4630000000000000), "1.2676506002282294e+30"},
        {UINT64_C(0x7fe0000000000000), "8.98846567431158e+307"},
        {UINT64_C(0x20b0000000000000), "3.054936363499605e-151"},
        {UINT64_C(0x3eb0000000000000), "9.5367431640625e-07"},
        {UINT64_C(0x3eeb43526527a205), "1.3e-05"},
        {UINT64_C(0x44dfe185ca57c517), "6.02214076e+23"},
        {UINT64_C(0x4011666666666666), "4.35"},
        {UINT64_C(0x4011666666666665), "4.349999999999999"},
        {UINT64_C(0x3fe0000000000000), "0.5"},
        {UINT64_C(0x41b1de784a000000), "299792458.0"},
        {UINT64_C(0x54b249ad2594c37d), "1e+100"},
        {UINT64_C(0x2b3147f19dd7eb02), "1.2345e-100"},
        {UINT64_C(0x54b20cd08723fb51), "9.87e+99"},
        {UINT64_C(0x2b2bff2ee48e0530), "1e-100"},
        {UINT64_C(0x400921fb54442d18), "3.141592653589793"},
        {UINT64_C(0x4005bf0a8b145769), "2.718281828459045"},
        {UINT64_C(0x7e3a47dc2f33b493), "1.1000000000000002e+300"},
        {UINT64_C(0x447c7e83209e90b2), "8.41e+21"},
        {UINT64_C(0x3d30000000000000), "5.684341886080802e-14"},
        {UINT64_C(0x439aa535d3d0c000), "4.8e+17"},
        {UINT64_C(0x4330000000000002), "4503599627370498.0"},
        {UINT64_C(0x0000000000000004), "2e-323"},
        {UINT64_C(0x3f18e757928e0c9e), "9.5e-05"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char text[MW_NUMBER_TEXT_BYTES + 1], expected[40];
        text[mw_number_write_double(text, mw_double_of_bits(cases[i].bits), true)] = '\0';
        assert_string_equal(text, cases[i].text);
        snprintf(expected, sizeof expected, "%s", cases[i].text);
        size_t size = strlen(expected);
        if (size > 2 && strcmp(expected + size - 2, ".0") == 0)
            expected[size - 2] = '\0';
        text[mw_number_write_double(text, mw_double_of_bits(cases[i].bits), false)] = '\0';
        assert_string_equal(text, expected);
    }
}

/* The digits NumPy 2 prints for float32, in the same layout. */
static void test_floats(void **state)
{
    (void)state;
    static const struct {
        uint32_t bits;
        const char *text;
    } cases[] = {
        {0x00000000, "0.0"},           {0x80000000, "-0.0"},
        {0x3f800000, "1.0"},           {0x3dcccccd, "0.1"},
        {0x3e4ccccd, "0.2"},           {0x3e99999a, "0.3"},
        {0x7f7fffff, "3.4028235e+38"}, {0x00800000, "1.1754944e-38"},
        {0x00000001, "1e-45"},         {0x00000002, "3e-45"},
        {0x007fffff, "1.1754942e-38"}, {0x4b800000, "16777216.0"},
        {0x4b800001, "16777218.0"},    {0x4c000000, "33554432.0"},
        {0x501502f9, "10000000000.0"}, {0x58635fa9, "1000000000000000.0"},
        {0x5a0e1bca, "1e+16"},         {0x5bb1a2bc, "1e+17"},
        {0x38d1b1b9, "9.999e-05"},     {0x38d1b717, "0.0001"},
        {0x3727c5ac, "1e-05"},         {0x3f000000, "0.5"},
        {0x3eaaaaab, "0.33333334"},    {0x3f2aaaab, "0.6666667"},
        {0x40490fdb, "3.1415927"},     {0x47f12065, "123456.79"},
        {0x4b000000, "8388608.0"},     {0x4affffff, "8388607.5"},
        {0x01000000, "2.3509887e-38"}, {0x33800000, "5.9604645e-08"},
        {0x5f800000, "1.8446744e+19"}, {0x7f000000, "1.7014118e+38"},
        {0x35800000, "9.536743e-07"},  {0x375a1a93, "1.3e-05"},
        {0x15ae43fe, "7.0385313e-26"}, {0x4f9f24f7, "5339999700.0"},
        {0x65a96816, "1e+23"},         {0x408b3333, "4.35"},
        {0x3e9d8adb, "0.3077"},        {0x4996b438, "1234567.0"},
        {0x4b3c614e, "12345678.0"},    {0x4ceb79a3, "123456790.0"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char text[MW_NUMBER_TEXT_BYTES + 1];
        text[mw_number_write_float(text, float_of(cases[i].bits), true)] = '\0';
        assert_string_equal(text, cases[i].text);
    }
}

static void test_words(void **state)
{
    (void)state;
    char text[MW_NUMBER_TEXT_BYTES + 1];
    text[mw_number_write_double(text, NAN, true)] = '\0';
    assert_string_equal(text, "NaN");
    text[mw_number_write_double(text, -INFINITY, true)] = '\0';
    assert_string_equal(text, "-Infinity");
    text[mw_number_write_float(text, INFINITY, true)] = '\0';
    assert_string_equal(text, "Infinity");
    text[mw_number_write_float(text, -NAN, true)] = '\0';
    assert_string_equal(text, "NaN");
}

/* The longest texts of each layout, in exactly the bytes that are promised. */
static void test_writes_within_its_bytes(void **state)
{
    (void)state;
    static const double values[] = {-1.2345678901234567e-300,
                                    -1234567890123456.7,
                                    -123456789012345.67,
                                    -0.00012345678901234567,
                                    -1.2345678901234567,
                                    -9007199254740991.0,
                                    -1e15,
                                    -NAN,
                                    -INFINITY,
                                    -5e-324};
    for (size_t i = 0; i < MW_COUNT(values); i++) {
        char *tight = malloc(MW_NUMBER_TEXT_BYTES);
        double back = 0;
        assert_non_null(tight);
        size_t size = mw_number_write_double(tight, values[i], true);
        assert_true(mw_number_parse(tight, size, &back));
        assert_true(isnan(values[i]) ? isnan(back) : back == values[i]);
        size = mw_number_write_float(tight, (float)values[i], true);
        assert_true(mw_number_parse(tight, size, &back));
        assert_true(isnan(values[i]) ? isnan(back) : (float)back == (float)values[i]);
        size = mw_number_write_int(tight, INT64_MIN);
        assert_int_equal(size, 20);
        free(tight);
    }
}

static void check_double_comes_back(double value)
{
    char text[MW_NUMBER_TEXT_BYTES + 1], exact[40];
    size_t size = mw_number_write_double(text, value, true);
    assert_true(size < MW_NUMBER_TEXT_BYTES);
    text[size] = '\0';
    double back = 0;
    const char *behind = mw_number_read(text, text + size, true, &back);
    if (behind != text + size || mw_bits_of_double(back) != mw_bits_of_double(value))
        fail_msg("%a: wrote %s, read %a", value, text, back);
    check_reads_as_strtod(text);
    snprintf(exact, sizeof exact, "%.17g", value);
    check_reads_as_strtod(exact);
}

static void test_random_doubles_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < 2000000 / TEST_SHARE; i++) {
        double value = mw_double_of_bits(random_bits());
        if (isfinite(value))
            check_double_comes_back(value);
    }
    for (int exponent = -1074; exponent < 1024; exponent++) {
        uint64_t bits = mw_bits_of_double(ldexp(1.0, exponent));
        check_double_comes_back(mw_double_of_bits(bits - 1));
        check_double_comes_back(mw_double_of_bits(bits));
        check_double_comes_back(mw_double_of_bits(bits + 1));
    }
    for (uint64_t bits = 0; bits < 1000; bits++)
        check_double_comes_back(mw_double_of_bits(bits));
}

static void test_random_floats_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < 2000000 / TEST_SHARE; i++) {
        float value = float_of((uint32_t)random_bits());
        char text[MW_NUMBER_TEXT_BYTES + 1];
        if (!isfinite(value))
            continue;
        size_t size = mw_number_write_float(text, value, i & 1);
        text[size] = '\0';
        double back = 0;
        const char *behind = mw_number_read(text, text + size, true, &back);
        if (behind != text + size || float_bits_of((float)back) != float_bits_of(value) ||
            float_bits_of(strtof(text, NULL)) != float_bits_of(value))
            fail_msg("%a: wrote %s, read %a", (double)value, text, back);
    }
}

/* The digits of a text, without point, sign, exponent and outer zeros. */
static size_t digits_of(const char *text, char *digits)
{
    size_t n = 0;
    for (; *text && *text != 'e'; text++)
        if (*text >= '0' && *text <= '9' && (n > 0 || *text != '0'))
            digits[n++] = *text;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    digits[n] = '\0';
    return n;
}

/* One digit fewer must not come back, and of as many digits ours must be the nearest: printf rounds
 * exactly, so it finds both. At a power of two the interval leans to one side; there the nearest
 * may lie outside. */
static void test_nothing_shorter_or_nearer(void **state)
{
    (void)state;
    for (int i = 0; i < 300000 / TEST_SHARE; i++) {
        double value = fabs(mw_double_of_bits(random_bits()));
        float single = fabsf(float_of((uint32_t)random_bits()));
        if (!isfinite(value) || !isfinite(single))
            continue;
        char text[MW_NUMBER_TEXT_BYTES + 1], digits[40], other[40], nearest[40];
        text[mw_number_write_double(text, value, true)] = '\0';
        size_t n = digits_of(text, digits);
        snprintf(other, sizeof other, "%.*e", (int)n - 2, value);
        if (n > 1 && strtod(other, NULL) == value)
            fail_msg("%a: wrote %s, but %s is shorter", value, text, other);
        snprintf(other, sizeof other, "%.*e", (int)n - 1, value);
        digits_of(other, nearest);
        if (strtod(other, NULL) == value && strcmp(nearest, digits) != 0)
            fail_msg("%a: wrote %s, but %s is nearer", value, text, other);

        text[mw_number_write_float(text, single, true)] = '\0';
        n = digits_of(text, digits);
        snprintf(other, sizeof other, "%.*e", (int)n - 2, (double)single);
        if (n > 1 && strtof(other, NULL) == single)
            fail_msg("%a: wrote %s, but %s is shorter", (double)single, text, other);
        snprintf(other, sizeof other, "%.*e", (int)n - 1, (double)single);
        digits_of(other, nearest);
        if (strtof(other, NULL) == single && strcmp(nearest, digits) != 0)
            fail_msg("%a: wrote %s, but %s is nearer", (double)single, text, other);
    }
}

static void test_integers(void **state)
{
    (void)state;
    static const int64_t edges[] = {0, 1, -1, 9, 10, 99, 100, -100, 101, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < 100000 + MW_COUNT(edges); i++) {
        int64_t value =
            i < MW_COUNT(edges) ? edges[i] : (int64_t)random_bits() >> (random_bits() % 64);
        char text[MW_NUMBER_TEXT_BYTES + 1], expected[40];
        text[mw_number_write_int(text, value)] = '\0';
        snprintf(expected, sizeof expected, "%lld", (long long)value);
        assert_string_equal(text, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_random_texts),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_thousands_of_digits),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_doubles_as_python_writes_them),
        cmocka_unit_test(test_floats),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_writes_within_its_bytes),
        cmocka_unit_test(test_random_doubles_come_back),
        cmocka_unit_test(test_random_floats_come_back),
        cmocka_unit_test(test_nothing_shorter_or_nearer),
        cmocka_unit_test(test_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
