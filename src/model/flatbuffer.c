/* FlatBuffers; see flatbuffer.h.
 *
 *     table at t:   int32  t - (place of its vtable)
 *     vtable:       uint16 its own bytes, uint16 bytes of the table, then a uint16 a field: where
 *                   it stands behind t
 *     offset at p:  uint32, counted from p
 *     vector:       uint32 count, items; a text is a vector of bytes with a NUL behind it */
#include "flatbuffer.h"

#include <assert.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "loads are little-endian");

enum { VTABLE_HEAD = 4, NO_FIELD = 0 };

static mw_status outside(size_t at, const char *what, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_SYNTAX, "%s lies outside the model", what);
    mw_mend(err, "save the model again; this file was cut short or damaged");
    return mw_at(err, "byte %zu", at);
}

static bool is_inside(const model_flat *flat, size_t at, size_t bytes)
{
    return at <= flat->size && bytes <= flat->size - at;
}

/* Where the offset that stands at `at` leads; `at` itself is inside. */
static mw_status follow(const model_flat *flat, size_t at, size_t *ret_target, mw_error *err)
{
    size_t offset = model_flat_load32(flat->data + at);
    if (offset == 0 || !is_inside(flat, at, offset))
        return outside(at, "what an offset leads to", err);
    *ret_target = at + offset;
    return MW_OK;
}

static mw_status open_table(const model_flat *flat, size_t at, model_flat_table *ret_table,
                            mw_error *err)
{
    if (!is_inside(flat, at, sizeof(int32_t)))
        return outside(at, "a table", err);
    int64_t vtable = (int64_t)at - (int32_t)model_flat_load32(flat->data + at);
    if (vtable < 0 || !is_inside(flat, (size_t)vtable, VTABLE_HEAD))
        return outside(at, "the plan of a table", err);
    size_t vtable_bytes = model_flat_load16(flat->data + vtable);
    size_t bytes = model_flat_load16(flat->data + vtable + 2);
    if (vtable_bytes < VTABLE_HEAD || !is_inside(flat, (size_t)vtable, vtable_bytes))
        return outside((size_t)vtable, "the plan of a table", err);
    if (!is_inside(flat, at, bytes))
        return outside(at, "a table", err);
    *ret_table = (model_flat_table){flat, at, bytes, (size_t)vtable, vtable_bytes};
    return MW_OK;
}

mw_status model_flat_root(const model_flat *flat, model_flat_table *ret_table, mw_error *err)
{
    size_t at = 0;
    if (!is_inside(flat, 0, MODEL_FLAT_OFFSET))
        return outside(0, "the root", err);
    MW_TRY(follow(flat, 0, &at, err));
    return open_table(flat, at, ret_table, err);
}

/* The place of a field of `bytes` bytes, or NO_FIELD. */
static mw_status find_field(const model_flat_table *table, unsigned field, size_t bytes,
                            size_t *ret_at, mw_error *err)
{
    size_t entry = VTABLE_HEAD + 2 * (size_t)field;
    *ret_at = NO_FIELD;
    if (entry + 2 > table->vtable_bytes)
        return MW_OK; /* written by an older version, whose tables had fewer fields */
    size_t offset = model_flat_load16(table->flat->data + table->vtable_at + entry);
    if (offset == 0)
        return MW_OK;
    if (offset < sizeof(int32_t) || offset + bytes > table->bytes)
        return outside(table->at, "a field of a table", err);
    *ret_at = table->at + offset;
    return MW_OK;
}

mw_status model_flat_byte(const model_flat_table *table, unsigned field, uint8_t otherwise,
                          uint8_t *ret_value, mw_error *err)
{
    size_t at;
    MW_TRY(find_field(table, field, 1, &at, err));
    *ret_value = at == NO_FIELD ? otherwise : table->flat->data[at];
    return MW_OK;
}

mw_status model_flat_int(const model_flat_table *table, unsigned field, int32_t otherwise,
                         int32_t *ret_value, mw_error *err)
{
    size_t at;
    MW_TRY(find_field(table, field, sizeof(int32_t), &at, err));
    *ret_value = at == NO_FIELD ? otherwise : (int32_t)model_flat_load32(table->flat->data + at);
    return MW_OK;
}

mw_status model_flat_float(const model_flat_table *table, unsigned field, float otherwise,
                           float *ret_value, mw_error *err)
{
    size_t at;
    MW_TRY(find_field(table, field, sizeof(float), &at, err));
    *ret_value = at == NO_FIELD ? otherwise : model_flat_load_float(table->flat->data + at);
    return MW_OK;
}

mw_status model_flat_double(const model_flat_table *table, unsigned field, double otherwise,
                            double *ret_value, mw_error *err)
{
    size_t at;
    MW_TRY(find_field(table, field, sizeof(double), &at, err));
    *ret_value = at == NO_FIELD ? otherwise : model_flat_load_double(table->flat->data + at);
    return MW_OK;
}

mw_status model_flat_first(const model_flat_table *table, unsigned field, size_t *ret_at,
                           mw_error *err)
{
    size_t at;
    *ret_at = 0;
    MW_TRY(find_field(table, field, MODEL_FLAT_OFFSET, &at, err));
    if (at != NO_FIELD)
        *ret_at = at + model_flat_load32(table->flat->data + at) + sizeof(uint32_t);
    return MW_OK;
}

mw_status model_flat_items(const model_flat_table *table, unsigned field, size_t item_bytes,
                           model_flat_vector *ret_vector, mw_error *err)
{
    const model_flat *flat = table->flat;
    size_t at, vector = 0;
    *ret_vector = (model_flat_vector){0};
    MW_TRY(find_field(table, field, MODEL_FLAT_OFFSET, &at, err));
    if (at == NO_FIELD)
        return MW_OK;
    MW_TRY(follow(flat, at, &vector, err));
    if (!is_inside(flat, vector, sizeof(uint32_t)))
        return outside(vector, "a list", err);
    size_t count = model_flat_load32(flat->data + vector), first = vector + sizeof(uint32_t);
    if (count > (flat->size - first) / item_bytes)
        return outside(vector, "a list", err);
    *ret_vector = (model_flat_vector){count > 0 ? flat->data + first : NULL, count, first};
    return MW_OK;
}

mw_status model_flat_text(const model_flat_table *table, unsigned field, mw_view *ret_text,
                          mw_error *err)
{
    model_flat_vector bytes;
    MW_TRY(model_flat_items(table, field, 1, &bytes, err));
    *ret_text = (mw_view){bytes.count > 0 ? (const char *)bytes.items : "", bytes.count};
    return MW_OK;
}

mw_status model_flat_child(const model_flat_table *table, unsigned field,
                           model_flat_table *ret_child, bool *ret_present, mw_error *err)
{
    size_t at, child = 0;
    *ret_present = false;
    MW_TRY(find_field(table, field, MODEL_FLAT_OFFSET, &at, err));
    if (at == NO_FIELD)
        return MW_OK;
    MW_TRY(follow(table->flat, at, &child, err));
    MW_TRY(open_table(table->flat, child, ret_child, err));
    *ret_present = true;
    return MW_OK;
}

mw_status model_flat_item_table(const model_flat *flat, const model_flat_vector *vector, size_t i,
                                model_flat_table *ret_table, mw_error *err)
{
    size_t child = 0;
    assert(i < vector->count);
    MW_TRY(follow(flat, vector->at + i * MODEL_FLAT_OFFSET, &child, err));
    return open_table(flat, child, ret_table, err);
}
