/* One segment, block by block, with its shapes. */
#ifndef JOURNAL_SCAN_H
#define JOURNAL_SCAN_H

#include "segment.h"
#include "shape.h"

typedef struct journal_scan {
    int fd;
    journal_reader reader;
    mw_arena arena;        /* of the shapes */
    mw_log_shape **shapes; /* by number; NULL: not described so far */
    size_t n_shapes;
    double *values; /* room for a row */
    size_t values_room;
} journal_scan;

/* Fails: MW_NOT_FOUND (it was removed meanwhile), MW_BAD_DATA (no segment), MW_IO. Whether it fails
 * or not, _close. */
MW_CHECKED mw_status journal_scan_open(journal_scan *scan, const char *path, mw_error *err);
void journal_scan_close(journal_scan *scan);
/* The next block of rows or labels whose head is good; shapes are read on the way. False at the
 * end. */
bool journal_scan_next(journal_scan *scan, journal_block *ret_block);
/* The shape of a block of rows, or NULL. */
const mw_log_shape *journal_scan_shape(const journal_scan *scan, const journal_block *block);
/* Room for a row's inputs, outputs, contributions and bias; NULL when memory is gone. */
double *journal_scan_room(journal_scan *scan, const mw_log_shape *shape);

#endif
