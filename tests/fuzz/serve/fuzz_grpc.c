/* ModelInferRequest messages. The first byte picks the schema. Whatever is accepted is a whole
 * batch.
 */
#include <stdint.h>
#include <stdlib.h>

#include "serve/grpc.h"
#include "serve/oip_memory.h"

#include "../table/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    mw_arena arena;
    mw_schema schema;
    mw_arena_init(&arena, 0, 16 * MW_MIB); /* a block for each piece: the sanitizer sees its end */
    fuzz_make_schema(data[0] % 3, &arena, &schema);
    mw_view message = {(const char *)data + 1, size - 1};
    oip_request request;
    mw_matrix rows;
    mw_error err;
    mw_status status = grpc_read_request(message, &arena, &request, &err);
    if (status == MW_OK)
        status = oip_fetch(NULL, &request, size, &arena, &err); /* there is no shared memory */
    for (size_t i = 0; status == MW_OK && i < request.n_inputs; i++)
        if (!request.inputs[i].is_binary || !request.inputs[i].binary)
            abort();
    if (status == MW_OK)
        status = oip_read_rows(&request, &schema, NULL, &arena, &rows, &err);
    fuzz_check_outcome(status, &schema, &rows, &err);
    mw_arena_done(&arena);
    return 0;
}
