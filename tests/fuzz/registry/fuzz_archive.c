/* Blocks of a tar file: what is taken has a name that a backup has, and a size that can be. */
#include <stdint.h>
#include <stdlib.h>

#include "registry/archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err;
    for (size_t at = 0; at + ARCHIVE_BLOCK <= size; at += ARCHIVE_BLOCK) {
        archive_kind kind;
        archive_piece piece = {.fd = -1};
        if (archive_read_header(data + at, &piece, &kind, &err) != MW_OK)
            continue;
        if (kind == ARCHIVE_FILE && (!archive_knows(piece.name) || strstr(piece.name, "..") ||
                                     piece.name[0] == '/' || piece.bytes > INT64_MAX))
            abort();
    }
    return 0;
}
