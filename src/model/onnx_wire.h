/* Protocol buffers as ONNX files are made of: base's reader (protobuf.h) with the places of faults,
 * and lists of numbers. A message inside a message is the bytes of a field, and its reader begins a
 * wire of its own: nothing here recurses, so no file can nest deeper than the code that reads it.
 */
#ifndef MODEL_ONNX_WIRE_H
#define MODEL_ONNX_WIRE_H

#include "build.h"

typedef struct model_wire {
    const char *begin; /* of the file, for places */
    const char *at, *end;
} model_wire;

/* A wire over a message that lies in `outer`'s file. */
model_wire model_wire_inside(const model_wire *outer, mw_view message);
/* The next field; *ret_more is false at the end of the message.
 * Fails: MW_BAD_DATA, when a length leaves the message or a number is cut; the place is the byte.
 */
MW_CHECKED mw_status model_wire_next(model_wire *wire, mw_protobuf_field *ret_field, bool *ret_more,
                                     mw_error *err);

/* The next field of this number, which must be of this type; others are passed over.
 * Fails: as model_wire_next and model_wire_expect. */
MW_CHECKED mw_status model_wire_next_of(model_wire *wire, uint32_t number, mw_protobuf_type type,
                                        mw_protobuf_field *ret_field, bool *ret_more,
                                        mw_error *err);

/* Fields that follow and are like `field`, of a list that is not packed: passed over. How many. */
size_t model_wire_pass(model_wire *wire, const mw_protobuf_field *field);

/* The field must be of this type. */
MW_CHECKED mw_status model_wire_expect(const model_wire *wire, const mw_protobuf_field *field,
                                       mw_protobuf_type type, mw_error *err);
/* One occurrence of a repeated field, packed or not, goes to the end of the list; and those that
 * follow. Items are int64_t, or int32_t by their size: then larger integers are refused. */
MW_CHECKED mw_status model_wire_integers(model_wire *wire, const mw_protobuf_field *field,
                                         model_list *integers, mw_error *err);
/* float or double by the width of one: 4 or 8. */
MW_CHECKED mw_status model_wire_numbers(model_wire *wire, const mw_protobuf_field *field,
                                        size_t width, model_list *doubles, mw_error *err);
/* Little-endian numbers without tags between them, as packed fields and raw_data hold them. */
MW_CHECKED mw_status model_wire_raw_numbers(const model_wire *wire, mw_view bytes, size_t width,
                                            model_list *doubles, mw_error *err);

#endif
