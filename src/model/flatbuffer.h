/* flatbuffer: a strict reader of FlatBuffers, the form of CatBoost's binary models.
 *
 *     root offset -> table -> its vtable: where each field stands, 0 = absent (its default holds)
 *                     fields: numbers in place; offsets of texts, vectors, tables
 *
 * Every place is checked against the bytes before it is read; nothing needs to be aligned, nothing
 * is copied and nothing is followed that the caller did not ask for, so a cycle cannot turn.
 * Errors name the byte in the buffer.
 * Source: FlatBuffers, "Internals" (the binary format). Not here: unions, keys, size prefixes. */
#ifndef MODEL_FLATBUFFER_H
#define MODEL_FLATBUFFER_H

#include "base/base.h"

typedef struct model_flat {
    const unsigned char *data; /* borrowed */
    size_t size;
} model_flat;

typedef struct model_flat_table {
    const model_flat *flat;
    size_t at, bytes;               /* of the table itself */
    size_t vtable_at, vtable_bytes; /* where its fields stand */
} model_flat_table;

/* `count` items, all of them inside the buffer. */
typedef struct model_flat_vector {
    const unsigned char *items; /* by the loads below; NULL when count is 0 */
    size_t count;
    size_t at; /* of the first item */
} model_flat_vector;

MW_CHECKED mw_status model_flat_root(const model_flat *flat, model_flat_table *ret_table,
                                     mw_error *err);

/* Fields by their number in the schema. An absent number is `otherwise`, an absent text or vector
 * is empty, an absent table is *ret_present = false. */
MW_CHECKED mw_status model_flat_byte(const model_flat_table *table, unsigned field,
                                     uint8_t otherwise, uint8_t *ret_value, mw_error *err);
MW_CHECKED mw_status model_flat_int(const model_flat_table *table, unsigned field,
                                    int32_t otherwise, int32_t *ret_value, mw_error *err);
MW_CHECKED mw_status model_flat_float(const model_flat_table *table, unsigned field,
                                      float otherwise, float *ret_value, mw_error *err);
MW_CHECKED mw_status model_flat_double(const model_flat_table *table, unsigned field,
                                       double otherwise, double *ret_value, mw_error *err);
MW_CHECKED mw_status model_flat_text(const model_flat_table *table, unsigned field,
                                     mw_view *ret_text, mw_error *err);
MW_CHECKED mw_status model_flat_child(const model_flat_table *table, unsigned field,
                                      model_flat_table *ret_child, bool *ret_present,
                                      mw_error *err);
/* Where the items of a vector would begin, which may lie outside of these bytes; 0: absent. */
MW_CHECKED mw_status model_flat_first(const model_flat_table *table, unsigned field,
                                      size_t *ret_at, mw_error *err);
MW_CHECKED mw_status model_flat_items(const model_flat_table *table, unsigned field,
                                      size_t item_bytes, model_flat_vector *ret_vector,
                                      mw_error *err);
/* Item `i` of a vector of tables, read with item_bytes = MODEL_FLAT_OFFSET. */
MW_CHECKED mw_status model_flat_item_table(const model_flat *flat, const model_flat_vector *vector,
                                           size_t i, model_flat_table *ret_table, mw_error *err);

enum { MODEL_FLAT_OFFSET = 4 };

/* Loads of items; all numbers are little-endian, as the machines are that this is built for. */
static inline uint16_t model_flat_load16(const unsigned char *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint32_t model_flat_load32(const unsigned char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline float model_flat_load_float(const unsigned char *at)
{
    float value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline double model_flat_load_double(const unsigned char *at)
{
    double value;
    memcpy(&value, at, sizeof value);
    return value;
}

#endif
