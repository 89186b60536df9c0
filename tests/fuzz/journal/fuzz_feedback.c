/* Feedback as clients send it: the first byte picks JSON or CSV, or records of a block of labels.
 * What is accepted has an id and a label, and survives being written and read again. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "journal/labels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const journal_label *label)
{
    mw_buf bytes;
    journal_label again;
    mw_buf_init(&bytes, MW_MIB);
    if (label->id.size == 0 || (label->is_text ? label->text.size == 0 : !isfinite(label->number)))
        abort();
    journal_label_write(label, &bytes);
    mw_view text = mw_buf_as_view(&bytes);
    if (!bytes.failed &&
        (!journal_label_next(&text, &again) || text.size != 0 || again.row != label->row ||
         !mw_view_equal(again.id, label->id) || again.is_text != label->is_text ||
         !mw_view_equal(again.groups, label->groups)))
        abort();
    mw_buf_done(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err;
    mw_arena arena;
    journal_label *labels, one;
    size_t n;
    if (size == 0)
        return 0;
    mw_view text = {(const char *)data + 1, size - 1};
    if (data[0] % 3 == 2) {
        while (journal_label_next(&text, &one))
            if (one.id.data + one.id.size > (const char *)data + size)
                abort();
        return 0;
    }
    mw_arena_init(&arena, 4 * MW_KIB, 64 * MW_MIB);
    if (journal_labels_read(text, data[0] % 3 == 1, MW_VIEW("credit"), 1000, &arena, &labels, &n,
                            &err) == MW_OK)
        for (size_t i = 0; i < n; i++)
            check(&labels[i]);
    mw_arena_done(&arena);
    return 0;
}
