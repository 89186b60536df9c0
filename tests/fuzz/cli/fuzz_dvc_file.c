/* ".dvc" files and DVC's config: what is read names an object, and a path that stays beside it. */
#include <stdint.h>
#include <stdlib.h>

#include "cli/data_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err;
    mw_arena arena;
    cli_dvc_out *outs;
    size_t n = 0;
    mw_arena_init(&arena, 4 * MW_KIB, 64 * MW_MIB);
    if (cli_dvc_parse((mw_view){(const char *)data, size}, &arena, &outs, &n, &err) == MW_OK)
        for (size_t i = 0; i < n; i++)
            if (!mw_data_is_object_name(outs[i].object) || outs[i].path.size == 0 ||
                outs[i].path.data[0] == '/' || mw_view_starts(outs[i].path, "../"))
                abort();
    cli_dvc_setting((mw_view){(const char *)data, size}, "core", "remote");
    mw_arena_done(&arena);
    return 0;
}
