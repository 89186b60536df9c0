/* Datatypes of the Open Inference Protocol. Elements are little-endian on the wire; the machines
 * that are supported are, too. */
#include "oip_datatype.h"

static const struct {
    mw_view name; /* of known size: one is looked for in each request */
    mw_element element;
} datatypes[OIP_N_DATATYPES] = {
    [OIP_BOOL] = {MW_VIEW("BOOL"), MW_ELEMENT_BOOL},
    [OIP_UINT8] = {MW_VIEW("UINT8"), MW_ELEMENT_UINT8},
    [OIP_UINT16] = {MW_VIEW("UINT16"), MW_ELEMENT_UINT16},
    [OIP_UINT32] = {MW_VIEW("UINT32"), MW_ELEMENT_UINT32},
    [OIP_UINT64] = {MW_VIEW("UINT64"), MW_ELEMENT_UINT64},
    [OIP_INT8] = {MW_VIEW("INT8"), MW_ELEMENT_INT8},
    [OIP_INT16] = {MW_VIEW("INT16"), MW_ELEMENT_INT16},
    [OIP_INT32] = {MW_VIEW("INT32"), MW_ELEMENT_INT32},
    [OIP_INT64] = {MW_VIEW("INT64"), MW_ELEMENT_INT64},
    [OIP_FP16] = {MW_VIEW("FP16"), MW_ELEMENT_FLOAT16},
    [OIP_FP32] = {MW_VIEW("FP32"), MW_ELEMENT_FLOAT32},
    [OIP_FP64] = {MW_VIEW("FP64"), MW_ELEMENT_FLOAT64},
    [OIP_BF16] = {MW_VIEW("BF16"), MW_ELEMENT_BFLOAT16},
    [OIP_BYTES] = {MW_VIEW("BYTES"), MW_ELEMENT_TEXT},
};

/* The last two bytes tell nearly all of them. */
static bool is_name(mw_view name, mw_view one)
{
    return name.size == one.size && name.data[one.size - 1] == one.data[one.size - 1] &&
           name.data[one.size - 2] == one.data[one.size - 2] &&
           memcmp(name.data, one.data, one.size) == 0;
}

oip_datatype oip_datatype_of(mw_view name)
{
    oip_datatype datatype = 0;
    while (datatype < OIP_N_DATATYPES && !is_name(name, datatypes[datatype].name))
        datatype++;
    return datatype;
}

const char *oip_datatype_name(oip_datatype datatype)
{
    return datatypes[datatype].name.data;
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
