/* Prediction bodies: the first byte picks reader and schema. Whatever is accepted is a whole batch.
 */
#include <stdint.h>
#include <stdlib.h>

#include "schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef mw_status reader(mw_view body, const mw_schema *schema, mw_arena *arena,
                         mw_batch *ret_batch, mw_error *err);

static mw_status read_mlflow(mw_view body, const mw_schema *schema, mw_arena *arena,
                             mw_batch *ret_batch, mw_error *err)
{
    return mw_batch_read_mlflow(body, schema, arena, NULL, ret_batch, NULL, err);
}

static mw_status read_kserve(mw_view body, const mw_schema *schema, mw_arena *arena,
                             mw_batch *ret_batch, mw_error *err)
{
    return mw_batch_read_kserve(body, schema, arena, NULL, ret_batch, NULL, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static reader *const readers[] = {read_mlflow, read_kserve, mw_batch_read_json_lines,
                                      mw_batch_read_csv};
    if (size == 0)
        return 0;
    mw_arena arena;
    mw_schema schema;
    mw_arena_init(&arena, 4 * MW_KIB, 16 * MW_MIB);
    fuzz_make_schema((data[0] >> 2) % 3, &arena, &schema);
    mw_batch batch;
    mw_error err;
    mw_view body = {(const char *)data + 1, size - 1};
    mw_status status = readers[data[0] % 4](body, &schema, &arena, &batch, &err);
    mw_matrix rows = status == MW_OK ? mw_batch_matrix(&batch) : (mw_matrix){0};
    fuzz_check_outcome(status, &schema, &rows, &err);
    mw_arena_done(&arena);
    return 0;
}
