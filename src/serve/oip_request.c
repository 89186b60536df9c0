/* The JSON part of an infer request, member by member. */
#include "oip_memory.h"

static mw_status fail_request(mw_error *err, const char *what)
{
    mw_fail(err, MW_E_OIP_REQUEST, "%s", what);
    return mw_mend(err, "send {\"inputs\": [{\"name\", \"shape\", \"datatype\", \"data\"}]}");
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* What our reading of parameters looks for; others are checked to be plain values and passed over.
 */
typedef struct oip_parameters {
    int64_t binary_data_size, classification, timeout;
    bool has_size, has_classification, binary_data, has_binary_data;
    bool binary_data_output, explain, anomaly;
    oip_place_parameters place;
} oip_parameters;

static mw_status read_size(mw_scan *scan, uint64_t *ret_bytes, mw_error *err)
{
    int64_t bytes;
    MW_TRY(mw_scan_integer(scan, &bytes, err));
    *ret_bytes = (uint64_t)bytes;
    return bytes >= 0 ? MW_OK : fail_request(err, "a negative size or offset in shared memory");
}

static mw_status read_place(mw_scan *scan, mw_arena *arena, mw_view key, oip_place_parameters *ret,
                            mw_error *err)
{
    if (mw_view_is(key, "shared_memory_region"))
        return mw_scan_string(scan, arena, &ret->region, err);
    if (mw_view_is(key, "shared_memory_byte_size")) {
        ret->has_bytes = true;
        return read_size(scan, &ret->bytes, err);
    }
    if (mw_view_is(key, "shared_memory_offset")) {
        ret->has_offset = true;
        return read_size(scan, &ret->offset, err);
    }
    return mw_scan_skip(scan, NULL, err);
}

static mw_status read_parameter(mw_scan *scan, mw_arena *arena, mw_view key, oip_parameters *ret,
                                mw_error *err)
{
    if (mw_view_is(key, "binary_data_size")) {
        ret->has_size = true;
        return mw_scan_integer(scan, &ret->binary_data_size, err);
    }
    if (mw_view_is(key, "classification")) {
        ret->has_classification = true;
        return mw_scan_integer(scan, &ret->classification, err);
    }
    if (mw_view_is(key, "binary_data")) {
        ret->has_binary_data = true;
        return mw_scan_bool(scan, &ret->binary_data, err);
    }
    if (mw_view_is(key, "binary_data_output"))
        return mw_scan_bool(scan, &ret->binary_data_output, err);
    if (mw_view_is(key, "explain"))
        return mw_scan_bool(scan, &ret->explain, err);
    if (mw_view_is(key, "anomaly"))
        return mw_scan_bool(scan, &ret->anomaly, err);
    if (mw_view_is(key, "timeout"))
        return mw_scan_integer(scan, &ret->timeout, err);
    return read_place(scan, arena, key, &ret->place, err);
}

static mw_status read_parameters(mw_scan *scan, mw_arena *arena, oip_parameters *ret, mw_error *err)
{
    bool more;
    *ret = (oip_parameters){0};
    MW_TRY(mw_scan_object_begin(scan, err));
    for (;;) {
        mw_view key;
        MW_TRY(mw_scan_object_next(scan, arena, &key, &more, err));
        if (!more)
            return MW_OK;
        if (read_parameter(scan, arena, key, ret, err) != MW_OK)
            return mw_at(err, "parameters.%.*s", MW_VIEW_ARG(key));
    }
}

/* ---- one input ------------------------------------------------------------------------------- */

mw_status oip_add_size(oip_tensor *tensor, int64_t size, mw_error *err)
{
    if (tensor->n_dimensions == OIP_MAX_DIMENSIONS)
        return fail_request(err, "a shape of more than 8 dimensions");
    tensor->shape[tensor->n_dimensions++] = size;
    if (size < 0 || __builtin_mul_overflow(tensor->n_elements, (size_t)size, &tensor->n_elements))
        return fail_request(err, "a size in the shape is negative or too large");
    return MW_OK;
}

mw_status oip_set_datatype(oip_tensor *tensor, mw_view name, mw_error *err)
{
    tensor->datatype_name = name;
    tensor->datatype = oip_datatype_of(name);
    if (tensor->datatype < OIP_N_DATATYPES)
        return MW_OK;
    mw_fail(err, MW_E_OIP_REQUEST, "'%.*s' is no datatype", MW_VIEW_ARG(name));
    return mw_mend(err, "use BOOL, UINT8..64, INT8..64, FP16, FP32, FP64, BF16 or BYTES");
}

static mw_status read_shape(mw_scan *scan, oip_tensor *tensor, mw_error *err)
{
    bool more;
    int64_t size;
    MW_TRY(mw_scan_array_begin(scan, err));
    tensor->n_elements = 1;
    for (;;) {
        MW_TRY(mw_scan_array_next(scan, &more, err));
        if (!more)
            return MW_OK;
        MW_TRY(mw_scan_integer(scan, &size, err));
        MW_TRY(oip_add_size(tensor, size, err));
    }
}

static mw_status read_datatype(mw_scan *scan, mw_arena *arena, oip_tensor *tensor, mw_error *err)
{
    mw_view name;
    MW_TRY(mw_scan_string(scan, arena, &name, err));
    return oip_set_datatype(tensor, name, err);
}

static mw_status read_input_parameters(mw_scan *scan, mw_arena *arena, oip_tensor *tensor,
                                       mw_error *err)
{
    oip_parameters parameters;
    MW_TRY(read_parameters(scan, arena, &parameters, err));
    MW_TRY(oip_take_place(&parameters.place, &tensor->place, err));
    if (tensor->place.region.data && parameters.has_size)
        return fail_request(err, "both shared memory and binary_data_size");
    tensor->is_binary = parameters.has_size || tensor->place.region.data;
    if (parameters.has_size && parameters.binary_data_size < 0)
        return fail_request(err, "a negative binary_data_size");
    tensor->binary_bytes = (size_t)parameters.binary_data_size;
    return MW_OK;
}

/* A member that came twice would leave half of the first behind. */
static mw_status once(bool *seen, mw_view key, mw_error *err)
{
    if (!*seen) {
        *seen = true;
        return MW_OK;
    }
    mw_fail(err, MW_E_OIP_REQUEST, "'%.*s' stands twice", MW_VIEW_ARG(key));
    return mw_mend(err, "send it once");
}

static mw_status read_input_member(mw_scan *scan, mw_arena *arena, mw_view key, oip_tensor *tensor,
                                   mw_error *err)
{
    if (mw_view_is(key, "name")) {
        MW_TRY(once(&tensor->has_name, key, err));
        return mw_scan_string(scan, arena, &tensor->name, err);
    }
    if (mw_view_is(key, "datatype")) {
        MW_TRY(once(&tensor->has_datatype, key, err));
        return read_datatype(scan, arena, tensor, err);
    }
    if (mw_view_is(key, "shape")) {
        MW_TRY(once(&tensor->has_shape, key, err));
        return read_shape(scan, tensor, err);
    }
    if (mw_view_is(key, "parameters")) {
        MW_TRY(once(&tensor->has_parameters, key, err));
        return read_input_parameters(scan, arena, tensor, err);
    }
    if (!mw_view_is(key, "data"))
        return mw_scan_skip(scan, NULL, err);
    MW_TRY(once(&tensor->has_data, key, err));
    return mw_scan_skip(scan, &tensor->data, err);
}

static mw_status check_input(const oip_tensor *tensor, mw_error *err)
{
    const char *what = !tensor->has_name       ? "an input without a name"
                       : !tensor->has_datatype ? "an input without a datatype"
                       : !tensor->has_shape    ? "an input without a shape"
                       : tensor->has_data && tensor->is_binary
                           ? "both data and binary_data_size or shared memory"
                       : !tensor->has_data && !tensor->is_binary ? "an input without data"
                                                                 : NULL;
    if (what)
        return fail_request(err, what);
    bool half = tensor->datatype == OIP_FP16 || tensor->datatype == OIP_BF16;
    if (half && tensor->has_data)
        return fail_request(err, "FP16 and BF16 have no JSON form; send them as binary data");
    return MW_OK;
}

static mw_status read_input(mw_scan *scan, mw_arena *arena, oip_tensor *tensor, mw_error *err)
{
    bool more;
    *tensor = (oip_tensor){.datatype = OIP_N_DATATYPES};
    MW_TRY(mw_scan_object_begin(scan, err));
    for (;;) {
        mw_view key;
        MW_TRY(mw_scan_object_next(scan, arena, &key, &more, err));
        if (!more)
            return check_input(tensor, err);
        mw_status status = read_input_member(scan, arena, key, tensor, err);
        if (status != MW_OK) /* parameters name themselves, and the one at fault */
            return mw_view_is(key, "parameters") ? status : mw_at(err, "%.*s", MW_VIEW_ARG(key));
    }
}

static mw_status add_input(oip_request *request, mw_arena *arena, oip_tensor **ret_tensor,
                           mw_error *err)
{
    if (request->n_inputs == request->inputs_capacity) {
        size_t capacity = request->inputs_capacity ? 2 * request->inputs_capacity : 8;
        oip_tensor *wider = mw_arena_take(arena, capacity * sizeof *wider);
        if (!wider)
            return mw_fail_memory(err, "the inputs");
        if (request->n_inputs > 0)
            memcpy(wider, request->inputs, request->n_inputs * sizeof *wider);
        request->inputs = wider;
        request->inputs_capacity = capacity;
    }
    *ret_tensor = &request->inputs[request->n_inputs++];
    return MW_OK;
}

static mw_status read_inputs(mw_scan *scan, mw_arena *arena, oip_request *request, mw_error *err)
{
    bool more;
    if (request->has_inputs)
        return fail_request(err, "'inputs' stands twice");
    request->has_inputs = true;
    MW_TRY(mw_scan_array_begin(scan, err));
    for (;;) {
        oip_tensor *tensor = NULL;
        MW_TRY(mw_scan_array_next(scan, &more, err));
        if (!more)
            return MW_OK;
        MW_TRY(add_input(request, arena, &tensor, err));
        if (read_input(scan, arena, tensor, err) != MW_OK)
            return mw_at(err, "inputs[%zu]", request->n_inputs - 1);
    }
}

/* ---- outputs --------------------------------------------------------------------------------- */

static mw_status read_output(mw_scan *scan, mw_arena *arena, oip_output *output, mw_error *err)
{
    bool more;
    *output = (oip_output){0};
    MW_TRY(mw_scan_object_begin(scan, err));
    for (;;) {
        mw_view key;
        oip_parameters parameters;
        MW_TRY(mw_scan_object_next(scan, arena, &key, &more, err));
        if (!more)
            return output->name.data ? MW_OK : fail_request(err, "an output without a name");
        if (mw_view_is(key, "name")) {
            MW_TRY(mw_scan_string(scan, arena, &output->name, err));
        } else if (mw_view_is(key, "parameters")) {
            MW_TRY(read_parameters(scan, arena, &parameters, err));
            output->binary = parameters.binary_data;
            output->says_binary = parameters.has_binary_data;
            output->classification = parameters.classification;
            MW_TRY(oip_take_place(&parameters.place, &output->place, err));
            if (parameters.has_classification && parameters.classification < 1)
                return fail_request(err, "classification asks for less than one class");
        } else {
            MW_TRY(mw_scan_skip(scan, NULL, err));
        }
    }
}

static mw_status read_outputs(mw_scan *scan, mw_arena *arena, oip_request *request, mw_error *err)
{
    bool more;
    if (!request->outputs)
        request->outputs = mw_arena_take(arena, OIP_MAX_OUTPUTS * sizeof *request->outputs);
    if (!request->outputs)
        return mw_fail_memory(err, "the outputs");
    MW_TRY(mw_scan_array_begin(scan, err));
    for (;;) {
        MW_TRY(mw_scan_array_next(scan, &more, err));
        if (!more)
            return MW_OK;
        if (request->n_outputs == OIP_MAX_OUTPUTS)
            return fail_request(err, "more than 16 outputs");
        if (read_output(scan, arena, &request->outputs[request->n_outputs], err) != MW_OK)
            return mw_at(err, "outputs[%zu]", request->n_outputs);
        request->n_outputs++;
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static mw_status read_member(mw_scan *scan, mw_arena *arena, mw_view key, oip_request *request,
                             mw_error *err)
{
    mw_view id;
    oip_parameters parameters;
    if (mw_view_is(key, "inputs"))
        return read_inputs(scan, arena, request, err);
    if (mw_view_is(key, "outputs"))
        return read_outputs(scan, arena, request, err);
    if (mw_view_is(key, "id")) {
        MW_TRY(mw_scan_string(scan, arena, &id, err));
        request->id_text = id;
        return MW_OK;
    }
    if (!mw_view_is(key, "parameters"))
        return mw_scan_skip(scan, NULL, err);
    MW_TRY(read_parameters(scan, arena, &parameters, err));
    if (parameters.place.region.data || parameters.place.has_bytes || parameters.place.has_offset)
        return fail_request(err, "shared memory is an input's or an output's");
    request->binary_output = parameters.binary_data_output;
    request->explain = parameters.explain;
    request->anomaly = parameters.anomaly;
    request->timeout_us = parameters.timeout > 0 ? (uint64_t)parameters.timeout : 0;
    return MW_OK;
}

static mw_status read_json(mw_view json, mw_arena *arena, oip_request *request, mw_error *err)
{
    mw_scan scan;
    bool more;
    mw_scan_init(&scan, json);
    scan.allow_nan = true;
    MW_TRY(mw_scan_object_begin(&scan, err));
    for (;;) {
        mw_view key;
        MW_TRY(mw_scan_object_next(&scan, arena, &key, &more, err));
        if (!more)
            break;
        MW_TRY(read_member(&scan, arena, key, request, err));
    }
    MW_TRY(mw_scan_end(&scan, err));
    return request->n_inputs > 0 ? MW_OK : fail_request(err, "the request has no inputs");
}

mw_status oip_check_binary(const oip_tensor *tensor, mw_error *err)
{
    size_t element = oip_datatype_bytes(tensor->datatype), wanted;
    bool fits = element == 0 ? tensor->n_elements <= tensor->binary_bytes / sizeof(uint32_t)
                             : !__builtin_mul_overflow(tensor->n_elements, element, &wanted) &&
                                   wanted == tensor->binary_bytes;
    if (fits)
        return MW_OK;
    mw_fail(err, MW_E_OIP_BINARY, "%zu bytes do not fill the shape of %zu %s elements",
            tensor->binary_bytes, tensor->n_elements, oip_datatype_name(tensor->datatype));
    mw_at(err, "input '%.*s'", MW_VIEW_ARG(tensor->name));
    return mw_mend(err, "make binary_data_size (of gRPC: the raw contents; of shared memory: "
                        "shared_memory_byte_size) the elements times the datatype's size");
}

/* Binary tensors follow the JSON in the order of the inputs, without gaps, to the very end. */
static mw_status lay_out_binary(mw_view binary, oip_request *request, mw_error *err)
{
    size_t used = 0;
    for (size_t i = 0; i < request->n_inputs; i++) {
        oip_tensor *tensor = &request->inputs[i];
        if (!tensor->is_binary || tensor->place.region.data)
            continue;
        if (tensor->binary_bytes > binary.size - used) {
            mw_fail(err, MW_E_OIP_BINARY, "binary_data_size says %zu bytes, the body has %zu left",
                    tensor->binary_bytes, binary.size - used);
            mw_at(err, "input '%.*s'", MW_VIEW_ARG(tensor->name));
            return mw_mend(err,
                           "send the tensors' bytes behind the JSON, in the order of the inputs");
        }
        MW_TRY(oip_check_binary(tensor, err));
        tensor->binary = binary.data + used;
        used += tensor->binary_bytes;
    }
    if (used == binary.size)
        return MW_OK;
    mw_fail(err, MW_E_OIP_BINARY, "%zu bytes behind the last tensor", binary.size - used);
    return mw_mend(err, "give every binary input its binary_data_size");
}

mw_status oip_read_request(mw_view body, size_t json_bytes, mw_arena *arena,
                           oip_request *ret_request, mw_error *err)
{
    oip_request request = {0};
    if (json_bytes > body.size) {
        mw_fail(err, MW_E_OIP_BINARY,
                "Inference-Header-Content-Length is %zu, the body has %zu bytes", json_bytes,
                body.size);
        return mw_mend(err, "make it the length of the JSON part");
    }
    MW_TRY(read_json((mw_view){body.data, json_bytes}, arena, &request, err));
    MW_TRY(
        lay_out_binary((mw_view){body.data + json_bytes, body.size - json_bytes}, &request, err));
    *ret_request = request;
    return MW_OK;
}
