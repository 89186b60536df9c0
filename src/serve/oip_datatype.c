/* Datatypes of the Open Inference Protocol. Elements are little-endian on the wire; the machines
 * that are supported are, too. */
#include "oip_datatype.h"

static const struct {
    const char *name;
    mw_element element;
} datatypes[OIP_N_DATATYPES] = {
    [OIP_BOOL] = {"BOOL", MW_ELEMENT_BOOL},       [OIP_UINT8] = {"UINT8", MW_ELEMENT_UINT8},
    [OIP_UINT16] = {"UINT16", MW_ELEMENT_UINT16}, [OIP_UINT32] = {"UINT32", MW_ELEMENT_UINT32},
    [OIP_UINT64] = {"UINT64", MW_ELEMENT_UINT64}, [OIP_INT8] = {"INT8", MW_ELEMENT_INT8},
    [OIP_INT16] = {"INT16", MW_ELEMENT_INT16},    [OIP_INT32] = {"INT32", MW_ELEMENT_INT32},
    [OIP_INT64] = {"INT64", MW_ELEMENT_INT64},    [OIP_FP16] = {"FP16", MW_ELEMENT_FLOAT16},
    [OIP_FP32] = {"FP32", MW_ELEMENT_FLOAT32},    [OIP_FP64] = {"FP64", MW_ELEMENT_FLOAT64},
    [OIP_BF16] = {"BF16", MW_ELEMENT_BFLOAT16},   [OIP_BYTES] = {"BYTES", MW_ELEMENT_TEXT},
};

oip_datatype oip_datatype_of(mw_view name)
{
    oip_datatype datatype = 0;
    while (datatype < OIP_N_DATATYPES && !mw_view_is(name, datatypes[datatype].name))
        datatype++;
    return datatype;
}

const char *oip_datatype_name(oip_datatype datatype)
{
    return datatypes[datatype].name;
}

oip_datatype oip_datatype_of_element(mw_element element)
{
    oip_datatype datatype = 0;
    while (datatype < OIP_N_DATATYPES && datatypes[datatype].element != element)
        datatype++;
    return datatype;
}

mw_element oip_datatype_element(oip_datatype datatype)
{
    return datatypes[datatype].element;
}

size_t oip_datatype_bytes(oip_datatype datatype)
{
    return mw_element_bytes(datatypes[datatype].element);
}
