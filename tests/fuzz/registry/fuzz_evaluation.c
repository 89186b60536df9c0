/* Records of evaluation data sets, and scorers, as clients send them: what is taken makes a schema
 * that more of the same leaves as it is, and inputs whose text for the hash reads back as itself.
 */
#include <stdint.h>
#include <stdlib.h>

#include "registry/evaluation_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_BYTES = 1 << 20 };

static mw_json *must_read(const mw_buf *text)
{
    mw_error err;
    mw_json *root;
    if (mw_json_read(mw_buf_as_view(text), &root, &err) != MW_OK)
        abort();
    return root;
}

static void must_equal(const mw_buf *a, const mw_buf *b)
{
    if (a->size != b->size || memcmp(a->data, b->data, a->size) != 0)
        abort();
}

static void check_schema(const mw_evaluation_wishes *wishes, mw_arena *arena, mw_buf *room,
                         mw_buf *again)
{
    mw_error err;
    if (evaluation_write_schema(RECORD_NOTHING, wishes, arena, room, &err) != MW_OK || room->failed)
        return;
    mw_json_free(must_read(room));
    if (evaluation_write_schema(mw_buf_as_view(room), wishes, arena, again, &err) != MW_OK)
        abort();
    must_equal(room, again);
}

static void check_inputs(const mw_json *inputs, mw_arena *arena, mw_buf *room, mw_buf *again)
{
    mw_error err;
    mw_buf_reset(room);
    mw_buf_reset(again);
    if (evaluation_write_sorted(inputs, arena, room, &err) != MW_OK || room->failed)
        return;
    mw_json *root = must_read(room);
    if (evaluation_write_sorted(root, arena, again, &err) != MW_OK)
        abort();
    must_equal(room, again);
    mw_buf_reset(again);
    if (evaluation_merge(mw_buf_as_view(room), inputs, again, &err) != MW_OK || again->failed)
        abort();
    mw_json *merged = must_read(again);
    if (mw_json_count(merged) != mw_json_count(inputs))
        abort();
    mw_json_free(merged);
    mw_json_free(root);
}

static void check_records(const mw_json *root, mw_arena *arena)
{
    mw_error err;
    mw_buf room, again;
    mw_evaluation_wishes wishes;
    if (mw_evaluation_wishes_read(root, arena, &wishes, &err) != MW_OK)
        return;
    mw_buf_init(&room, TEXT_BYTES);
    mw_buf_init(&again, 4 * TEXT_BYTES);
    check_schema(&wishes, arena, &room, &again);
    for (size_t i = 0; i < wishes.count; i++)
        if (wishes.items[i].inputs)
            check_inputs(wishes.items[i].inputs, arena, &room, &again);
    mw_buf_done(&room);
    mw_buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err;
    mw_arena arena;
    mw_json *root;
    mw_view text = {(const char *)data, size};
    mw_arena_init(&arena, 4 * MW_KIB, 64 * MW_MIB);
    (void)!mw_scorer_check(text, &err);
    if (mw_json_read(text, &root, &err) == MW_OK) {
        check_records(root, &arena);
        mw_json_free(root);
    }
    mw_arena_done(&arena);
    return 0;
}
