/* Infer requests of the Open Inference Protocol. The first byte picks the schema, the next two say
 * where the JSON ends, as Inference-Header-Content-Length does. Whatever is accepted is a whole
 * batch. */
#include <stdint.h>
#include <stdlib.h>

#include "serve/oip_memory.h"

#include "../table/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Rows are made by the shape and filled by the count of elements: they must agree. */
static void check_elements(const oip_tensor *tensor)
{
    size_t product = 1;
    for (size_t i = 0; i < tensor->n_dimensions; i++)
        product *= (size_t)tensor->shape[i];
    if (product != tensor->n_elements)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    mw_arena arena;
    mw_schema schema;
    mw_arena_init(&arena, 0, 16 * MW_MIB); /* a block for each piece: the sanitizer sees its end */
    fuzz_make_schema(data[0] % 3, &arena, &schema);
    /* the first column by itself, all others as one tensor */
    const mw_graph_tensor inputs[] = {{.name = "a", .rank = 1, .dims = {-1}, .count = 1},
                                      {.name = "rest",
                                       .rank = 3,
                                       .dims = {-1, (int64_t)schema.n_columns - 1, 1},
                                       .first = 1,
                                       .count = schema.n_columns - 1}};
    const mw_graph graph = {.inputs = inputs, .n_inputs = 2};
    size_t json_bytes = (size_t)(data[1] | data[2] << 8);
    mw_view body = {(const char *)data + 3, size - 3};
    if (json_bytes == 0xffff)
        json_bytes = body.size; /* no header: all of it is JSON */
    oip_request request;
    mw_matrix rows;
    mw_error err;
    mw_status status = oip_read_request(body, json_bytes, &arena, &request, &err);
    if (status == MW_OK) {
        for (size_t i = 0; i < request.n_inputs; i++)
            check_elements(&request.inputs[i]);
        status = oip_fetch(NULL, &request, size, &arena, &err); /* there is no shared memory */
    }
    if (status == MW_OK)
        status =
            oip_read_rows(&request, &schema, data[0] % 6 < 3 ? NULL : &graph, &arena, &rows, &err);
    fuzz_check_outcome(status, &schema, &rows, &err);
    mw_arena_done(&arena);
    return 0;
}
