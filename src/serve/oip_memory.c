/* Tensors that lie in shared memory, not in the request; see oip_memory.h. */
#include "oip_memory.h"

mw_status oip_take_place(const oip_place_parameters *said, serve_place *ret_place, mw_error *err)
{
    *ret_place = (serve_place){said->region, said->offset, said->bytes};
    if (said->region.data ? said->has_bytes : !said->has_bytes && !said->has_offset)
        return MW_OK;
    mw_fail(err, MW_E_OIP_REQUEST, "half of a place in shared memory");
    return mw_mend(err, "send shared_memory_region and shared_memory_byte_size, and perhaps "
                        "shared_memory_offset");
}

/* ---- inputs ---------------------------------------------------------------------------------- */

uint64_t oip_placed_bytes(const oip_request *request)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < request->n_inputs; i++)
        if (request->inputs[i].place.region.data &&
            __builtin_add_overflow(bytes, request->inputs[i].place.bytes, &bytes))
            return UINT64_MAX;
    return bytes;
}

/* The memory is taken when the shape has said that all of it is used. */
static mw_status fetch(serve_memory *memory, oip_tensor *tensor, mw_arena *arena, mw_error *err)
{
    tensor->binary_bytes = tensor->place.bytes;
    MW_TRY(oip_check_binary(tensor, err));
    char *data = mw_arena_take(arena, tensor->binary_bytes);
    if (!data)
        return mw_fail_memory(err, "the inputs");
    tensor->binary = data;
    if (serve_memory_read(memory, &tensor->place, data, err) == MW_OK)
        return MW_OK;
    return mw_at(err, "input '%.*s'", MW_VIEW_ARG(tensor->name));
}

static mw_status check_is_on(const serve_memory *memory, const oip_request *request, mw_error *err)
{
    bool is_asked = false;
    for (size_t i = 0; i < request->n_inputs; i++)
        is_asked = is_asked || request->inputs[i].place.region.data;
    for (size_t i = 0; i < request->n_outputs; i++)
        is_asked = is_asked || request->outputs[i].place.region.data;
    return is_asked && !memory ? serve_memory_fail_off(err) : MW_OK;
}

mw_status oip_fetch(serve_memory *memory, oip_request *request, size_t most_bytes, mw_arena *arena,
                    mw_error *err)
{
    MW_TRY(check_is_on(memory, request, err));
    if (oip_placed_bytes(request) > most_bytes) {
        mw_fail(err, MW_E_BODY_TOO_LARGE, "the inputs in shared memory are larger than %zu bytes",
                most_bytes);
        return mw_mend(err, "send smaller batches, or raise --max-body");
    }
    for (size_t i = 0; i < request->n_inputs; i++)
        if (request->inputs[i].place.region.data)
            MW_TRY(fetch(memory, &request->inputs[i], arena, err));
    return MW_OK;
}

mw_status oip_fetch_for(serve_call *call, oip_request *request, mw_error *err)
{
    if (!call->is_with_worker && oip_placed_bytes(request) > SERVE_LOOP_BODY_BYTES) {
        call->wants_worker = true;
        return MW_OK;
    }
    return oip_fetch(serve_memory_of(call->fleet), request, serve_max_body(call->fleet),
                     call->exchange->arena, err);
}

/* ---- answers --------------------------------------------------------------------------------- */

static mw_status place_answer(const serve_call *call, const oip_answer *answer, mw_error *err)
{
    mw_buf bytes;
    mw_buf_init(&bytes, call->exchange->reply->cap);
    oip_answer_write_bytes(call, answer, &bytes);
    mw_status status = bytes.failed
                           ? mw_fail_memory(err, "the answer")
                           : serve_memory_write(serve_memory_of(call->fleet), &answer->place,
                                                bytes.data, bytes.size, err);
    mw_buf_done(&bytes);
    return status;
}

/* All are looked at before one is written: a request that is refused has changed nothing. */
mw_status oip_place_answers(const serve_call *call, const oip_answer *answers, size_t n,
                            mw_error *err)
{
    for (int writes = 0; writes <= 1; writes++)
        for (size_t i = 0; i < n; i++) {
            const oip_answer *answer = &answers[i];
            if (!answer->place.region.data)
                continue;
            mw_status status =
                writes ? place_answer(call, answer, err)
                       : serve_memory_check(serve_memory_of(call->fleet), &answer->place,
                                            oip_answer_bytes(call, answer), err);
            if (status != MW_OK)
                return mw_at(err, "output '%s'", answer->name);
        }
    return MW_OK;
}
