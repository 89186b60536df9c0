/* Where a result goes: standard output, or a file that appears whole or not at all.
 *
 *     open ──> write ... write ──> finish     the file stands under its name
 *                             └──> abandon    as if nothing had happened
 *
 * A new file is written without a name where the system can do that (O_TMPFILE), so that even
 * kill -9 leaves nothing behind; else under a name beside it. Devices and pipes (/dev/null, a FIFO)
 * are written directly. */
#ifndef CLI_SINK_H
#define CLI_SINK_H

#include "base/base.h"

typedef struct cli_sink cli_sink;

/* path NULL or "-": standard output. Fails: MW_IO; err->where is the path. */
MW_CHECKED mw_status cli_sink_open(const char *path, cli_sink **ret_sink, mw_error *err);
/* Write everything. A reader that went away (EPIPE) is no failure: see cli_sink_is_broken. */
MW_CHECKED mw_status cli_sink_write(cli_sink *sink, mw_view bytes, mw_error *err);
/* True when nobody reads any more: the caller may stop early, and quietly. */
bool cli_sink_is_broken(const cli_sink *sink);
/* Put the file in its place. Frees the sink, also on failure. */
MW_CHECKED mw_status cli_sink_finish(cli_sink *sink, mw_error *err);
/* Drop what was written. Frees the sink; NULL is fine. */
void cli_sink_abandon(cli_sink *sink);

#endif
