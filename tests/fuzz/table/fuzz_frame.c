/* CSV whose columns nobody described: what is accepted has all its values, and codes within its
 * words; numbers read twice are the same numbers. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "table/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_codes(mw_frame *frame)
{
    mw_error err;
    mw_words words;
    mw_words **each = calloc(frame->n_columns, sizeof *each);
    mw_words_init(&words);
    for (size_t c = 0; each && c < frame->n_columns; c++)
        each[c] = frame->columns[c].is_text ? &words : NULL;
    if (each && mw_frame_code(frame, each, &err) == MW_OK)
        for (size_t c = 0; c < frame->n_columns; c++)
            for (size_t row = 0; row < frame->n_rows && each[c]; row++) {
                double code = frame->columns[c].values[row];
                if (!isnan(code) && !(code >= 0 && code < (double)words.n_texts))
                    abort();
            }
    mw_words_done(&words);
    free(each);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_frame frame;
    mw_error err;
    if (mw_frame_read((mw_view){(const char *)data, size}, &frame, &err) == MW_OK) {
        for (size_t c = 0; c < frame.n_columns; c++)
            if (mw_frame_find(&frame, frame.columns[c].name) != (ptrdiff_t)c)
                abort();
        check_codes(&frame);
    } else if (!err.what[0] || !err.mend[0])
        abort();
    mw_frame_done(&frame);
    return 0;
}
