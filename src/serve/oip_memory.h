/* Tensors of a request that lie in shared memory; room-private. */
#ifndef SERVE_OIP_MEMORY_H
#define SERVE_OIP_MEMORY_H

#include "oip_answer.h"

/* What a tensor's parameters say of shared memory: shared_memory_region, _byte_size, _offset. */
typedef struct oip_place_parameters {
    mw_view region; /* data NULL: not said */
    uint64_t offset, bytes;
    bool has_offset, has_bytes;
} oip_place_parameters;

/* Fails: MW_E_OIP_REQUEST, when half of it is said. */
MW_CHECKED mw_status oip_take_place(const oip_place_parameters *said, serve_place *ret_place,
                                    mw_error *err);

/* How many bytes of inputs lie in shared memory. */
uint64_t oip_placed_bytes(const oip_request *request);
/* Such inputs become binary tensors in the arena, `most_bytes` of them; and that outputs are to go
 * there is refused where there is none. memory: NULL = it is off. Fails: as serve_memory_read,
 * MW_E_BODY_TOO_LARGE, as oip_check_binary, MW_NO_MEMORY. */
MW_CHECKED mw_status oip_fetch(serve_memory *memory, oip_request *request, size_t most_bytes,
                               mw_arena *arena, mw_error *err);
/* The same of a call, which asks for a worker instead (call->wants_worker) where there is much to
 * fetch and it is on the loop. */
MW_CHECKED mw_status oip_fetch_for(serve_call *call, oip_request *request, mw_error *err);
/* Answers that are wanted in shared memory are written there, when all of them fit. Behind
 * oip_answer_prepare. */
MW_CHECKED mw_status oip_place_answers(const serve_call *call, const oip_answer *answers, size_t n,
                                       mw_error *err);

#endif
