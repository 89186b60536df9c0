/* See undecided.h. */
#include "undecided.h"

#include <math.h>

bool cli_undecided_read(mw_view word, cli_undecided *ret_rule)
{
    bool fails = mw_view_is(word, "fail");
    if (!fails && !mw_view_is(word, "warn"))
        return false;
    *ret_rule = fails ? CLI_UNDECIDED_FAILS : CLI_UNDECIDED_WARNS;
    return true;
}

cli_undecided cli_undecided_of(const cli_call *call, cli_undecided rule)
{
    const cli_setting *wish = &call->settings[CLI_UNDECIDED_RULE];
    return wish->origin == CLI_FROM_DEFAULT ? rule : (cli_undecided)wish->number;
}

bool cli_undecided_stops(cli_undecided rule, size_t n_shown)
{
    return rule == CLI_UNDECIDED_FAILS || (rule == CLI_UNDECIDED_UNSAID && n_shown == 0);
}

/* Of one limit; the arm that reaches over it is the one that must shrink. */
static double factor_of(double value, double arm, double limit)
{
    double factor = isnan(limit) ? (double)NAN : arm / fabs(value - limit);
    return factor > 1 ? factor : (double)NAN;
}

double cli_rows_that_decide(double value, mw_interval interval, double min, double max,
                            double n_rows)
{
    double below = value - interval.low, above = interval.high - value;
    double factor = fmax(factor_of(value, value < min ? above : below, min),
                         factor_of(value, value > max ? below : above, max));
    return isfinite(factor) ? ceil((factor * factor - 1) * n_rows) : (double)NAN;
}
