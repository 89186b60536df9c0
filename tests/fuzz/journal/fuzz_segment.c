/* Files of the prediction log: the first byte picks whether the rest is a whole segment, a shape,
 * or records of a block. Whatever it is, what is read stays inside it. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "journal/segment.h"
#include "journal/shape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_records(mw_view text, const mw_log_shape *shape)
{
    double inputs[8], outputs[4], contributions[8];
    journal_record record;
    const char *end = text.data + text.size;
    while (journal_record_next(&text, shape, &record)) {
        if (record.id.data + record.id.size > end || record.outputs > end ||
            record.contributions > end)
            abort();
        for (uint32_t row = 0; row < record.n_rows && row < 100; row++) {
            journal_record_row(&record, shape, row, inputs, outputs);
            (void)journal_record_contributions(&record, shape, row, contributions);
        }
    }
}

static void read_shape(mw_view text)
{
    mw_error err;
    mw_arena arena;
    mw_buf again;
    mw_log_shape shape;
    mw_arena_init(&arena, 4 * MW_KIB, 64 * MW_MIB);
    mw_buf_init(&again, MW_MIB);
    if (journal_shape_read(text, &arena, &shape, &err) == MW_OK) {
        mw_log_shape twin;
        journal_shape_write(&shape, &again);
        if (!again.failed &&
            (journal_shape_read(mw_buf_as_view(&again), &arena, &twin, &err) != MW_OK ||
             twin.n_columns != shape.n_columns || twin.n_outputs != shape.n_outputs))
            abort();
    }
    mw_buf_done(&again);
    mw_arena_done(&arena);
}

static void read_file(mw_view text)
{
    mw_error err;
    journal_reader reader;
    journal_block block;
    mw_view raw;
    int fd = memfd_create("segment", MFD_CLOEXEC);
    if (fd < 0 || write(fd, text.data, text.size) != (ssize_t)text.size)
        abort();
    uint64_t offset = 0;
    if (journal_reader_open(&reader, fd, &err) == MW_OK)
        while (journal_reader_next(&reader, &block)) {
            if (reader.offset <= offset || reader.offset > text.size)
                abort(); /* it goes on, and not beyond the end */
            offset = reader.offset;
            if (journal_reader_load(&reader, &block, &raw) && raw.size != block.raw_bytes)
                abort();
        }
    journal_reader_done(&reader);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mw_log_column columns[3] = {
        {.treatment = MW_LOG_KEPT}, {.treatment = MW_LOG_DROPPED}, {.treatment = MW_LOG_HASHED}};
    const mw_log_shape shape = {.columns = columns, .n_columns = 3, .n_outputs = 2};
    if (size == 0)
        return 0;
    mw_view text = {(const char *)data + 1, size - 1};
    if (data[0] % 3 == 0)
        read_file(text);
    else if (data[0] % 3 == 1)
        read_shape(text);
    else
        read_records(text, &shape);
    return 0;
}
