/* CSV: read at once, and cut in two at a place the input picks; both must agree. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mw_status read_in_pieces(mw_view text, size_t cut, const mw_schema *schema, mw_arena *arena,
                                mw_batch *first, mw_batch *second)
{
    mw_csv_reader reader;
    size_t header, used, rest;
    MW_TRY(mw_csv_reader_init(&reader, text, schema, arena, &header, NULL));
    size_t end = header + cut % (text.size - header + 1);
    MW_TRY(mw_csv_read_rows(&reader, (mw_view){text.data + header, end - header}, false, SIZE_MAX,
                            arena, first, &used, NULL));
    size_t at = header + used;
    return mw_csv_read_rows(&reader, (mw_view){text.data + at, text.size - at}, true, SIZE_MAX,
                            arena, second, &rest, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    mw_arena arena;
    mw_schema schema;
    mw_arena_init(&arena, 4 * MW_KIB, 16 * MW_MIB);
    fuzz_make_schema(data[0] % 3, &arena, &schema);
    mw_view text = {(const char *)data + 2, size - 2};
    mw_batch whole, first, second;
    mw_error err;
    mw_status at_once = mw_batch_read_csv(text, &schema, &arena, &whole, &err);
    if (at_once == MW_OK) {
        if (read_in_pieces(text, data[1], &schema, &arena, &first, &second) != MW_OK)
            abort();
        size_t row_bytes = schema.n_columns * sizeof(double);
        if (first.n_rows + second.n_rows != whole.n_rows)
            abort();
        if (first.n_rows && memcmp(first.values, whole.values, first.n_rows * row_bytes) != 0)
            abort();
        if (second.n_rows && memcmp(second.values, whole.values + first.n_rows * schema.n_columns,
                                    second.n_rows * row_bytes) != 0)
            abort();
    }
    mw_arena_done(&arena);
    return 0;
}
