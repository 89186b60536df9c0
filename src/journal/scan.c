/* See scan.h. */
#include "scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "writer.h"

#include "base/banned.h"

mw_status journal_scan_open(journal_scan *scan, const char *path, mw_error *err)
{
    *scan = (journal_scan){.fd = open(path, O_RDONLY | O_CLOEXEC)};
    mw_arena_init(&scan->arena, 64 * MW_KIB, MW_LIMIT_STUDY_BYTES);
    mw_buf_init(&scan->reader.stored, 1);
    mw_buf_init(&scan->reader.raw, 1);
    if (scan->fd < 0 && errno == ENOENT)
        return mw_fail(err, MW_E_FILE_NOT_FOUND, "no such file");
    if (scan->fd < 0)
        return mw_fail_errno(err, "open", errno);
    return journal_reader_open(&scan->reader, scan->fd, err);
}

void journal_scan_close(journal_scan *scan)
{
    journal_reader_done(&scan->reader);
    mw_arena_done(&scan->arena);
    free(scan->shapes);
    free(scan->values);
    if (scan->fd >= 0)
        close(scan->fd);
}

static void take_shape(journal_scan *scan, const journal_block *block)
{
    mw_view raw;
    mw_error err;
    if (block->shape >= JOURNAL_SHAPES_MAX || !journal_reader_load(&scan->reader, block, &raw))
        return;
    if (block->shape >= scan->n_shapes) {
        size_t n = block->shape + 16;
        mw_log_shape **grown = realloc(scan->shapes, n * sizeof *grown);
        if (!grown)
            return;
        memset(grown + scan->n_shapes, 0, (n - scan->n_shapes) * sizeof *grown);
        scan->shapes = grown;
        scan->n_shapes = n;
    }
    mw_log_shape *shape = mw_arena_take_zeroed(&scan->arena, 1, sizeof *shape);
    if (!shape || journal_shape_read(raw, &scan->arena, shape, &err) != MW_OK) {
        scan->reader.damage.blocks++;
        return;
    }
    shape->number = block->shape;
    scan->shapes[block->shape] = shape;
}

bool journal_scan_next(journal_scan *scan, journal_block *ret_block)
{
    while (journal_reader_next(&scan->reader, ret_block)) {
        if (ret_block->kind == JOURNAL_SHAPE)
            take_shape(scan, ret_block);
        else if (ret_block->kind == JOURNAL_ROWS || ret_block->kind == JOURNAL_LABELS)
            return true;
    }
    return false;
}

const mw_log_shape *journal_scan_shape(const journal_scan *scan, const journal_block *block)
{
    return block->shape < scan->n_shapes ? scan->shapes[block->shape] : NULL;
}

double *journal_scan_room(journal_scan *scan, const mw_log_shape *shape)
{
    size_t wanted = journal_row_values(shape);
    if (wanted > scan->values_room) {
        double *grown = realloc(scan->values, wanted * sizeof *grown);
        if (!grown)
            return NULL;
        scan->values = grown;
        scan->values_room = wanted;
    }
    return scan->values;
}
