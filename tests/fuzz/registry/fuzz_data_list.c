/* DVC's list of a folder: what is read has paths inside it, and written again reads the same. */
#include <stdint.h>
#include <stdlib.h>

#include "registry/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const mw_data_files *files, mw_arena *arena)
{
    mw_error err;
    mw_buf text;
    mw_data_files again;
    mw_buf_init(&text, 64 * MW_MIB);
    mw_data_write_list(files, &text);
    if (mw_data_read_list(mw_buf_as_view(&text), arena, &again, &err) != MW_OK ||
        again.count != files->count)
        abort();
    for (size_t i = 0; i < files->count; i++) {
        mw_view path = files->items[i].path;
        if (!mw_view_equal(path, again.items[i].path) || path.data[0] == '/' ||
            memmem(path.data, path.size, "../", 3) == path.data)
            abort();
    }
    mw_buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err;
    mw_arena arena;
    mw_data_files files;
    mw_arena_init(&arena, 4 * MW_KIB, 64 * MW_MIB);
    if (mw_data_read_list((mw_view){(const char *)data, size}, &arena, &files, &err) == MW_OK)
        check(&files, &arena);
    mw_arena_done(&arena);
    return 0;
}
