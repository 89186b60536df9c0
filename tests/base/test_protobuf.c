/* Protocol buffers: what was written is read again, and what is no message is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

static void test_written_is_read(void **state)
{
    (void)state;
    static const int64_t sizes[] = {-1, 3, 300};
    mw_buf out;
    mw_protobuf_field field;
    mw_buf_init(&out, MW_MIB);
    mw_protobuf_put_number(&out, 1, UINT64_MAX);
    mw_protobuf_put_number(&out, 2, 0); /* left out */
    mw_protobuf_put_text(&out, 3, MW_VIEW("abc"));
    size_t outer = mw_protobuf_begin(&out, 400);
    mw_protobuf_put_numbers(&out, 1, sizes, MW_COUNT(sizes));
    for (size_t i = 0; i < 200; i++) /* a length of two bytes */
        mw_buf_char(&out, '\0');
    out.size -= 200;
    mw_protobuf_end(&out, outer);
    assert_false(out.failed);

    mw_protobuf rest = mw_protobuf_of(mw_buf_as_view(&out));
    assert_int_equal(mw_protobuf_next(&rest, &field), MW_PROTOBUF_FIELD);
    assert_true(field.number == 1 && field.value == UINT64_MAX);
    assert_int_equal(mw_protobuf_next(&rest, &field), MW_PROTOBUF_FIELD);
    assert_true(field.number == 3 && mw_view_is(field.bytes, "abc"));
    assert_int_equal(mw_protobuf_next(&rest, &field), MW_PROTOBUF_FIELD);
    assert_int_equal(field.number, 400);
    mw_protobuf inner = mw_protobuf_of(field.bytes);
    assert_int_equal(mw_protobuf_next(&rest, &field), MW_PROTOBUF_END);
    assert_int_equal(mw_protobuf_next(&inner, &field), MW_PROTOBUF_FIELD);
    mw_protobuf packed = mw_protobuf_of(field.bytes);
    for (size_t i = 0; i < MW_COUNT(sizes); i++) {
        uint64_t value;
        assert_true(mw_protobuf_varint(&packed, &value));
        assert_true((int64_t)value == sizes[i]);
    }
    assert_ptr_equal(packed.at, packed.end);
    mw_buf_done(&out);
}

/* Lists that are not packed are passed over as far as their fields are whole. */
static void test_passed(void **state)
{
    (void)state;
    static const struct passed_case {
        const char *bytes;
        size_t size, count, used;
        uint32_t number;
        mw_protobuf_type type;
    } cases[] = {
        {"\x40\x01\x40\xac\x02\x40\x07", 7, 3, 7, 8, MW_PROTOBUF_VARINT},
        {"\x40\x01\x40\xac", 4, 1, 2, 8, MW_PROTOBUF_VARINT},         /* cut short */
        {"\x40\x01\x48\x01\x40\x01", 6, 1, 2, 8, MW_PROTOBUF_VARINT}, /* another between */
        {"\x42\x01\x05\x40\x01", 5, 0, 0, 8, MW_PROTOBUF_VARINT},     /* another kind */
        {"\x4a\x02zz\x4a\x00\x4a\x03zz", 10, 2, 6, 9, MW_PROTOBUF_BYTES},
        {"\x3d\0\0\0\0\x3d\0\0\0", 9, 1, 5, 7, MW_PROTOBUF_FIXED32},
        {"\x39\0\0\0\0\0\0\0\0\x39", 10, 1, 9, 7, MW_PROTOBUF_FIXED64},
        {"", 0, 0, 0, 7, MW_PROTOBUF_FIXED64},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        const struct passed_case *c = &cases[i];
        mw_protobuf rest = mw_protobuf_of((mw_view){c->bytes, c->size});
        size_t count = mw_protobuf_pass(&rest, c->number, c->type);
        if (count != c->count || rest.at != c->bytes + c->used)
            fail_msg("case %zu: %zu fields, %td bytes", i, count, rest.at - c->bytes);
    }
}

/* Messages inside whose lengths take one, two and three bytes. */
static void test_lengths(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 127, 128, 16383, 16384, 100000};
    for (size_t i = 0; i < MW_COUNT(sizes); i++) {
        mw_buf out;
        mw_protobuf_field field;
        mw_buf_init(&out, MW_MIB);
        size_t begin = mw_protobuf_begin(&out, 1);
        for (size_t k = 0; k < sizes[i]; k++)
            mw_buf_char(&out, (char)('a' + k % 7));
        mw_protobuf_end(&out, begin);
        mw_protobuf rest = mw_protobuf_of(mw_buf_as_view(&out));
        assert_int_equal(mw_protobuf_next(&rest, &field), MW_PROTOBUF_FIELD);
        assert_int_equal(field.bytes.size, sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(field.bytes.data[k], 'a' + k % 7);
        assert_int_equal(mw_protobuf_next(&rest, &field), MW_PROTOBUF_END);
        mw_buf_done(&out);
    }
}

static void test_faults(void **state)
{
    (void)state;
    static const struct {
        mw_view message;
        mw_protobuf_outcome expected;
    } cases[] = {
        {{"", 0}, MW_PROTOBUF_END},
        {{"\x08", 1}, MW_PROTOBUF_CUT},
        {{"\x08\x80", 2}, MW_PROTOBUF_CUT},
        {{"\x80", 1}, MW_PROTOBUF_CUT},
        {{"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, MW_PROTOBUF_FIELD},
        {{"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11}, MW_PROTOBUF_CUT}, /* 65 bits */
        {{"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, MW_PROTOBUF_CUT},
        {{"\x0d\1\2\3", 4}, MW_PROTOBUF_CUT},
        {{"\x09\1\2\3\4\5\6\7", 8}, MW_PROTOBUF_CUT},
        {{"\x0a\x02z", 3}, MW_PROTOBUF_LENGTH},
        {{"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, MW_PROTOBUF_LENGTH},
        {{"\x02\x01z", 3}, MW_PROTOBUF_NUMBER},
        {{"\x0b", 1}, MW_PROTOBUF_KIND},
        {{"\x0c", 1}, MW_PROTOBUF_KIND},
        {{"\x0f", 1}, MW_PROTOBUF_KIND},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_protobuf rest = mw_protobuf_of(cases[i].message);
        mw_protobuf_field field;
        mw_protobuf_outcome found = mw_protobuf_next(&rest, &field);
        if (found != cases[i].expected)
            fail_msg("case %zu: %d, not %d", i, (int)found, (int)cases[i].expected);
        assert_true(rest.at <= rest.end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_is_read),
        cmocka_unit_test(test_passed),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
