/* What copy.c has of scratch.c. */
#ifndef STORE_SCRATCH_H
#define STORE_SCRATCH_H

#include "base/base.h"

/* PostgreSQL: the numbers that it gives out for a column go on behind those that are there. */
void store_write_renumber(mw_buf *sql, const char *table, const char *column);

#endif
