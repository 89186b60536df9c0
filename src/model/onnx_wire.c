/* Fields of a message; see onnx_wire.h. Every length is held against the bytes that are left. */
#include "onnx_wire.h"

static const char *const again = "save or copy the model again; this file was cut short or damaged";

static mw_status fail_at(const model_wire *wire, const char *at, mw_code code, const char *what,
                         mw_error *err)
{
    mw_fail(err, code, "%s", what);
    mw_mend(err, "%s", again);
    return mw_at(err, "byte %zu", (size_t)(at - wire->begin));
}

model_wire model_wire_inside(const model_wire *outer, mw_view message)
{
    return (model_wire){outer->begin, message.data, message.data + message.size};
}

/* Seven bits a byte, lowest first. NULL when it is cut or longer than 64 bits. */
static const char *read_varint(const char *at, const char *end, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; at < end && shift < 64; shift += 7) {
        uint64_t byte = (unsigned char)*at++;
        if (shift == 63 && byte > 1)
            return NULL;
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return at;
        }
    }
    return NULL;
}

static uint64_t read_little(const char *at, size_t width)
{
    uint64_t value = 0;
    for (size_t i = width; i-- > 0;)
        value = value << 8 | (unsigned char)at[i];
    return value;
}

static mw_status take_varint(model_wire *wire, uint64_t *ret_value, mw_error *err)
{
    const char *next = read_varint(wire->at, wire->end, ret_value);
    if (!next)
        return fail_at(wire, wire->at, MW_E_MODEL_CUT_SHORT, "a number is cut short", err);
    wire->at = next;
    return MW_OK;
}

static mw_status take_fixed(model_wire *wire, size_t width, uint64_t *ret_value, mw_error *err)
{
    if ((size_t)(wire->end - wire->at) < width)
        return fail_at(wire, wire->at, MW_E_MODEL_CUT_SHORT, "a number is cut short", err);
    *ret_value = read_little(wire->at, width);
    wire->at += width;
    return MW_OK;
}

static mw_status take_bytes(model_wire *wire, mw_view *ret_bytes, mw_error *err)
{
    uint64_t size = 0;
    const char *begin = wire->at;
    MW_TRY(take_varint(wire, &size, err));
    size_t left = (size_t)(wire->end - wire->at);
    if (size > left) {
        mw_fail(err, MW_E_MODEL_CUT_SHORT, "%llu bytes are announced, %zu are left",
                (unsigned long long)size, left);
        mw_mend(err, "%s", again);
        return mw_at(err, "byte %zu", (size_t)(begin - wire->begin));
    }
    *ret_bytes = (mw_view){wire->at, (size_t)size};
    wire->at += size;
    return MW_OK;
}

static mw_status take_content(model_wire *wire, const char *begin, model_wire_field *field,
                              mw_error *err)
{
    switch (field->type) {
    case MODEL_WIRE_VARINT:
        return take_varint(wire, &field->value, err);
    case MODEL_WIRE_FIXED64:
        return take_fixed(wire, 8, &field->value, err);
    case MODEL_WIRE_BYTES:
        return take_bytes(wire, &field->bytes, err);
    case MODEL_WIRE_FIXED32:
        return take_fixed(wire, 4, &field->value, err);
    }
    return fail_at(wire, begin, MW_E_MODEL_SYNTAX, "no field of an ONNX file begins so", err);
}

mw_status model_wire_next(model_wire *wire, model_wire_field *ret_field, bool *ret_more,
                          mw_error *err)
{
    const char *begin = wire->at;
    uint64_t tag = 0;
    *ret_more = wire->at < wire->end;
    if (!*ret_more)
        return MW_OK;
    MW_TRY(take_varint(wire, &tag, err));
    if (tag >> 3 == 0 || tag > UINT32_MAX)
        return fail_at(wire, begin, MW_E_MODEL_SYNTAX, "no field has this number", err);
    *ret_field = (model_wire_field){
        .number = (uint32_t)(tag >> 3), .type = (model_wire_type)(tag & 7), .bytes = {"", 0}};
    return take_content(wire, begin, ret_field, err);
}

mw_status model_wire_expect(const model_wire *wire, const model_wire_field *field,
                            model_wire_type type, mw_error *err)
{
    if (field->type == type)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_SYNTAX, "field %u is not of its kind", field->number);
    mw_mend(err, "%s", again);
    return mw_at(err, "byte %zu", (size_t)(wire->at - wire->begin));
}

mw_status model_wire_next_of(model_wire *wire, uint32_t number, model_wire_type type,
                             model_wire_field *ret_field, bool *ret_more, mw_error *err)
{
    do
        MW_TRY(model_wire_next(wire, ret_field, ret_more, err));
    while (*ret_more && ret_field->number != number);
    return *ret_more ? model_wire_expect(wire, ret_field, type, err) : MW_OK;
}

/* ---- repeated numbers ------------------------------------------------------------------------ */

/* How many varints end in these bytes: the room is taken once, and never more than there are. */
static size_t count_varints(mw_view bytes)
{
    size_t count = 0;
    for (size_t i = 0; i < bytes.size; i++)
        count += (unsigned char)bytes.data[i] < 0x80;
    return count;
}

static mw_status read_packed(const model_wire *wire, mw_view bytes, model_list *int64s,
                             mw_error *err)
{
    const char *at = bytes.data, *end = at + bytes.size;
    size_t count = count_varints(bytes);
    if (count == 0)
        return bytes.size == 0
                   ? MW_OK
                   : fail_at(wire, at, MW_E_MODEL_CUT_SHORT, "a number is cut short", err);
    int64_t *out = model_list_add(int64s, count);
    if (!out)
        return mw_fail_memory(err, "a model");
    while (at < end) {
        uint64_t value = 0;
        const char *next = read_varint(at, end, &value);
        if (!next)
            return fail_at(wire, at, MW_E_MODEL_CUT_SHORT, "a number is cut short", err);
        *out++ = (int64_t)value;
        at = next;
    }
    return MW_OK;
}

mw_status model_wire_integers(const model_wire *wire, const model_wire_field *field,
                              model_list *int64s, mw_error *err)
{
    if (field->type == MODEL_WIRE_BYTES)
        return read_packed(wire, field->bytes, int64s, err);
    MW_TRY(model_wire_expect(wire, field, MODEL_WIRE_VARINT, err));
    int64_t *value = model_list_add(int64s, 1);
    if (!value)
        return mw_fail_memory(err, "a model");
    *value = (int64_t)field->value;
    return MW_OK;
}

static double number_of(uint64_t bits, size_t width)
{
    if (width == sizeof(float)) {
        uint32_t narrow = (uint32_t)bits;
        float value;
        memcpy(&value, &narrow, sizeof value);
        return (double)value;
    }
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

mw_status model_wire_raw_numbers(const model_wire *wire, mw_view bytes, size_t width,
                                 model_list *doubles, mw_error *err)
{
    size_t count = bytes.size / width;
    if (bytes.size % width != 0)
        return fail_at(wire, bytes.data, MW_E_MODEL_COUNT, "the last number is cut short", err);
    if (count == 0)
        return MW_OK;
    double *out = model_list_add(doubles, count);
    if (!out)
        return mw_fail_memory(err, "a model");
    for (size_t i = 0; i < count; i++)
        out[i] = number_of(read_little(bytes.data + i * width, width), width);
    return MW_OK;
}

mw_status model_wire_numbers(const model_wire *wire, const model_wire_field *field, size_t width,
                             model_list *doubles, mw_error *err)
{
    if (field->type == MODEL_WIRE_BYTES)
        return model_wire_raw_numbers(wire, field->bytes, width, doubles, err);
    MW_TRY(model_wire_expect(
        wire, field, width == sizeof(float) ? MODEL_WIRE_FIXED32 : MODEL_WIRE_FIXED64, err));
    double *value = model_list_add(doubles, 1);
    if (!value)
        return mw_fail_memory(err, "a model");
    *value = number_of(field->value, width);
    return MW_OK;
}
