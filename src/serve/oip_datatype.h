/* Datatypes of the Open Inference Protocol and their values. */
#ifndef SERVE_OIP_DATATYPE_H
#define SERVE_OIP_DATATYPE_H

#include "base/base.h"

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

/* By its name; OIP_N_DATATYPES when there is none. */
oip_datatype oip_datatype_of(mw_view name);
const char *oip_datatype_name(oip_datatype datatype);
/* Bytes of one element; 0 for BYTES, whose elements carry their length. */
size_t oip_datatype_bytes(oip_datatype datatype);
/* One little-endian element as a number. Not for BYTES. */
double oip_read_element(oip_datatype datatype, const unsigned char *at);

#endif
