/* Datatypes of the Open Inference Protocol and their values. */
#ifndef SERVE_OIP_DATATYPE_H
#define SERVE_OIP_DATATYPE_H

#include "runtime/runtime.h"

typedef enum oip_datatype {
    OIP_BOOL,
    OIP_UINT8,
    OIP_UINT16,
    OIP_UINT32,
    OIP_UINT64,
    OIP_INT8,
    OIP_INT16,
    OIP_INT32,
    OIP_INT64,
    OIP_FP16,
    OIP_FP32,
    OIP_FP64,
    OIP_BF16,
    OIP_BYTES,
    OIP_N_DATATYPES
} oip_datatype;

/* By its name, or what carries it in a graph; OIP_N_DATATYPES when there is none. */
oip_datatype oip_datatype_of(mw_view name);
oip_datatype oip_datatype_of_element(mw_element element);
const char *oip_datatype_name(oip_datatype datatype);
/* What carries it (little-endian on the wire, too): for mw_element_read and mw_element_write. */
mw_element oip_datatype_element(oip_datatype datatype);
/* Bytes of one element; 0 for BYTES, whose elements carry their length. */
size_t oip_datatype_bytes(oip_datatype datatype);

#endif
