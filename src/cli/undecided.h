/* undecided: what comes of a limit that the value keeps, and its interval does not.
 *
 *     unsaid   told, and lets pass what was shown; but where nothing was shown, nothing passed
 *     warn     told, and never stops
 *     fail     stops: each limit must be shown to be kept */
#ifndef CLI_UNDECIDED_H
#define CLI_UNDECIDED_H

#include "call.h"
#include "stats/stats.h"

typedef enum cli_undecided {
    CLI_UNDECIDED_UNSAID,
    CLI_UNDECIDED_WARNS,
    CLI_UNDECIDED_FAILS
} cli_undecided;

/* "warn" or "fail"; false for any other word. */
bool cli_undecided_read(mw_view word, cli_undecided *ret_rule);
/* What the call says with --undecided, else `rule`. */
cli_undecided cli_undecided_of(const cli_call *call, cli_undecided rule);
/* Whether an undecided limit stops. Shown: how many others of the suite are kept for certain. */
bool cli_undecided_stops(cli_undecided rule, size_t n_shown);
/* How many rows more may decide it: half-widths shrink with the root of the rows, until the
 * interval ends at the limit. NaN: none would, or it has no interval. */
double cli_rows_that_decide(double value, mw_interval interval, double min, double max,
                            double n_rows);

#endif
