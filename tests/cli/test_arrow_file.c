/* An Arrow file of several batches: its footer leads to each, bodies are as long as they say, and
 * what is without nulls has no bits of them. That readers of others understand it is
 * tests/wire/test_prediction_log.py's. */
#include <math.h>

#include "cli/arrow_file.h"
#include "test.h"

enum { ROWS = 20000, BATCHES = 3, BLOCK_BYTES = 24 };

static uint64_t number_at(const mw_buf *bytes, size_t at, size_t width)
{
    uint64_t value = 0;
    assert_true(at + width <= bytes->size);
    memcpy(&value, bytes->data + at, width);
    return value;
}

/* Where the blocks of the footer begin, and how many there are. */
static size_t blocks_of(const mw_buf *bytes, size_t *ret_n)
{
    size_t end = bytes->size - 10, footer = end - (size_t)number_at(bytes, end, 4);
    size_t table = footer + (size_t)number_at(bytes, footer, 4);
    size_t vtable = table - (size_t)number_at(bytes, table, 4);
    size_t at = table + (size_t)number_at(bytes, vtable + 10, 2);
    at += (size_t)number_at(bytes, at, 4);
    *ret_n = (size_t)number_at(bytes, at, 4);
    return at + 4;
}

static void write_rows(arrow_file *file, arrow_column *columns, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++) {
        arrow_put_int(&columns[0], (int64_t)i);
        if (i % 3 == 0)
            arrow_put_null(&columns[1]);
        else
            arrow_put_text(&columns[1], MW_VIEW("abc"));
        arrow_put_double(&columns[2], (double)i / 4);
        arrow_file_row(file);
    }
    arrow_file_end(file);
    assert_false(file->failed);
}

static const struct file_case {
    size_t n_rows, n_batches;
} file_cases[] = {{0, 0}, {1, 1}, {8192, 1}, {8193, 2}, {ROWS, BATCHES}};

static void test_batches(void **state)
{
    (void)state;
    for (size_t k = 0; k < MW_COUNT(file_cases); k++) {
        arrow_file file;
        mw_buf bytes;
        size_t n, rows = file_cases[k].n_rows;
        arrow_column columns[] = {{.name = "t", .kind = ARROW_MOMENT_MS},
                                  {.name = "word", .kind = ARROW_TEXT},
                                  {.name = "x", .kind = ARROW_DOUBLE}};
        mw_buf_init(&bytes, 16 * MW_MIB);
        arrow_file_begin(&file, columns, MW_COUNT(columns), &bytes);
        write_rows(&file, columns, rows);
        assert_memory_equal(bytes.data, "ARROW1\0\0", 8);
        assert_memory_equal(bytes.data + bytes.size - 6, "ARROW1", 6);
        size_t at = blocks_of(&bytes, &n), next = 0;
        assert_int_equal(n, file_cases[k].n_batches);
        for (size_t b = 0; b < n; b++, at += BLOCK_BYTES) {
            size_t begin = (size_t)number_at(&bytes, at, 8);
            size_t head = (size_t)number_at(&bytes, at + 8, 4);
            size_t body = (size_t)number_at(&bytes, at + 16, 8);
            assert_true(b == 0 || begin == next);
            assert_int_equal(number_at(&bytes, begin, 4), UINT32_MAX);
            assert_int_equal(number_at(&bytes, begin + 4, 4), head - 8);
            /* the first column has no bits of nulls: its values begin the body */
            assert_int_equal(number_at(&bytes, begin + head, 8), b * 8192);
            next = begin + head + body;
        }
        assert_true(n == 0 || number_at(&bytes, next, 8) == UINT32_MAX);
        arrow_file_done(&file);
        mw_buf_done(&bytes);
    }
}

/* What passes the cap is told, and nothing is written beyond it. */
static void test_no_room(void **state)
{
    (void)state;
    arrow_file file;
    mw_buf bytes;
    arrow_column column = {.name = "x", .kind = ARROW_DOUBLE};
    mw_buf_init(&bytes, 4096);
    arrow_file_begin(&file, &column, 1, &bytes);
    for (size_t i = 0; i < ROWS; i++) {
        arrow_put_double(&column, NAN);
        arrow_file_row(&file);
    }
    assert_true(file.failed && bytes.size <= 4096);
    arrow_file_done(&file);
    mw_buf_done(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
