/* Rows of a file or a pipe, piece by piece.
 *
 *     file ──> [consumed | text that waits ............ | room]
 *                         ^ cli_source_text
 *
 * A piece is at most some MiB, but a pipe that has little to say now is not waited for: what came
 * is handed on, so that `tail -f | mw predict` answers at once. */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include "base/base.h"

typedef struct cli_source {
    int fd;
    bool owns_fd;
    bool ended;       /* nothing more will come */
    const char *name; /* as the user wrote it; "standard input" */
    char *data;
    size_t begin, end, capacity; /* data[begin..end) waits */
    uint64_t read_bytes;
    uint64_t total_bytes; /* of a regular file; 0 = unknown */
} cli_source;

/* path "-": standard input. Fails: MW_NOT_FOUND, MW_IO, MW_NO_MEMORY. */
MW_CHECKED mw_status cli_source_open(cli_source *source, const char *path, mw_error *err);
void cli_source_close(cli_source *source);

/* Wait for at least one more byte, or the end; then take what is there without waiting.
 * Fails: MW_IO; MW_BAD_DATA when one line would fill the largest buffer; MW_BUSY (MW1301) when a
 * signal came. */
MW_CHECKED mw_status cli_source_fill(cli_source *source, mw_error *err);
/* What waits; borrowed until the next fill. */
static inline mw_view cli_source_text(const cli_source *source)
{
    return (mw_view){source->data + source->begin, source->end - source->begin};
}
static inline void cli_source_consume(cli_source *source, size_t size)
{
    source->begin += size;
}

/* ---- interrupt.c ----------------------------------------------------------------------------- */

/* From now on SIGINT and SIGTERM set a flag and wake a blocking read. */
void cli_interrupt_watch(void);
bool cli_was_interrupted(void);
/* MW1301. */
mw_status cli_fail_interrupted(mw_error *err);

#endif
