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

/* `begin`: of the field. */
static mw_status fail_outcome(const model_wire *wire, const char *begin,
                              mw_protobuf_outcome outcome, const mw_protobuf_field *field,
                              mw_error *err)
{
    switch (outcome) {
    case MW_PROTOBUF_LENGTH:
        mw_fail(err, MW_E_MODEL_CUT_SHORT, "%llu bytes are announced, %zu are left",
                (unsigned long long)field->value, (size_t)(wire->end - wire->at));
        mw_mend(err, "%s", again);
        return mw_at(err, "byte %zu", (size_t)(field->bytes.data - wire->begin));
    case MW_PROTOBUF_NUMBER:
        return fail_at(wire, begin, MW_E_MODEL_SYNTAX, "no field has this number", err);
    case MW_PROTOBUF_KIND:
        return fail_at(wire, begin, MW_E_MODEL_SYNTAX, "no field of an ONNX file begins so", err);
    default:
        return fail_at(wire, wire->at, MW_E_MODEL_CUT_SHORT, "a number is cut short", err);
    }
}

mw_status model_wire_next(model_wire *wire, mw_protobuf_field *ret_field, bool *ret_more,
                          mw_error *err)
{
    const char *begin = wire->at;
    mw_protobuf rest = {wire->at, wire->end};
    mw_protobuf_outcome outcome = mw_protobuf_next(&rest, ret_field);
    wire->at = rest.at;
    *ret_more = outcome == MW_PROTOBUF_FIELD;
    return *ret_more || outcome == MW_PROTOBUF_END
               ? MW_OK
               : fail_outcome(wire, begin, outcome, ret_field, err);
}

mw_status model_wire_expect(const model_wire *wire, const mw_protobuf_field *field,
                            mw_protobuf_type type, mw_error *err)
{
    if (field->type == type)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_SYNTAX, "field %u is not of its kind", field->number);
    mw_mend(err, "%s", again);
    return mw_at(err, "byte %zu", (size_t)(wire->at - wire->begin));
}

mw_status model_wire_next_of(model_wire *wire, uint32_t number, mw_protobuf_type type,
                             mw_protobuf_field *ret_field, bool *ret_more, mw_error *err)
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

/* False: more than a list of 32 bits holds. */
static inline bool put_integer(model_list *integers, void *items, size_t i, int64_t value)
{
    if (integers->item_bytes == sizeof(int64_t)) {
        ((int64_t *)items)[i] = value;
        return true;
    }
    ((int32_t *)items)[i] = (int32_t)value;
    return value == (int32_t)value;
}

static mw_status fail_wide(const model_wire *wire, const char *at, uint64_t value, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_VALUE, "%lld takes more than 32 bits", (long long)value);
    mw_mend(err, "convert the model again, with trees and nodes numbered from 0");
    return mw_at(err, "byte %zu", (size_t)(at - wire->begin));
}

static mw_status read_packed(const model_wire *wire, mw_view bytes, model_list *integers,
                             mw_error *err)
{
    mw_protobuf packed = mw_protobuf_of(bytes);
    size_t count = count_varints(bytes), i = 0;
    if (count == 0)
        return bytes.size == 0
                   ? MW_OK
                   : fail_at(wire, packed.at, MW_E_MODEL_CUT_SHORT, "a number is cut short", err);
    void *out = model_list_add(integers, count);
    if (!out)
        return mw_fail_memory(err, "a model");
    while (packed.at < packed.end) {
        const char *at = packed.at;
        uint64_t value;
        if (!mw_protobuf_varint(&packed, &value))
            return fail_at(wire, at, MW_E_MODEL_CUT_SHORT, "a number is cut short", err);
        if (!put_integer(integers, out, i++, (int64_t)value))
            return fail_wide(wire, at, value, err);
    }
    return MW_OK;
}

size_t model_wire_pass(model_wire *wire, const mw_protobuf_field *field)
{
    mw_protobuf rest = {wire->at, wire->end};
    size_t count = 0;
    if (field->number < 16) /* whose tag is a byte */
        count = mw_protobuf_pass(&rest, field->number, field->type);
    wire->at = rest.at;
    return count;
}

mw_status model_wire_integers(model_wire *wire, const mw_protobuf_field *field,
                              model_list *integers, mw_error *err)
{
    if (field->type == MW_PROTOBUF_BYTES)
        return read_packed(wire, field->bytes, integers, err);
    MW_TRY(model_wire_expect(wire, field, MW_PROTOBUF_VARINT, err));
    mw_protobuf rest = {wire->at, wire->end};
    size_t n = 1 + model_wire_pass(wire, field);
    void *out = model_list_add(integers, n);
    if (!out)
        return mw_fail_memory(err, "a model");
    uint64_t value = field->value;
    for (size_t i = 0;; i++) {
        const char *at = rest.at;
        if (!put_integer(integers, out, i, (int64_t)value))
            return fail_wide(wire, at, value, err);
        if (i + 1 == n)
            return MW_OK;
        rest.at++; /* its tag */
        if (!mw_protobuf_varint(&rest, &value))
            return fail_at(wire, at, MW_E_MODEL_CUT_SHORT, "a number is cut short", err);
    }
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
        out[i] = number_of(mw_protobuf_little(bytes.data + i * width, width), width);
    return MW_OK;
}

mw_status model_wire_numbers(model_wire *wire, const mw_protobuf_field *field, size_t width,
                             model_list *doubles, mw_error *err)
{
    if (field->type == MW_PROTOBUF_BYTES)
        return model_wire_raw_numbers(wire, field->bytes, width, doubles, err);
    MW_TRY(model_wire_expect(
        wire, field, width == sizeof(float) ? MW_PROTOBUF_FIXED32 : MW_PROTOBUF_FIXED64, err));
    const char *next = wire->at;
    size_t n = 1 + model_wire_pass(wire, field);
    double *values = model_list_add(doubles, n);
    if (!values)
        return mw_fail_memory(err, "a model");
    values[0] = number_of(field->value, width);
    for (size_t i = 1; i < n; i++, next += 1 + width) /* a tag and a number */
        values[i] = number_of(mw_protobuf_little(next + 1, width), width);
    return MW_OK;
}
