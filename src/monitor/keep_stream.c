/* What is odd about a stream, as bytes of the file of what was learned (keep_learned.c).
 *
 *     a run each feature: the value that it stands at, since when; the longest before it
 *     shares of the commonest row in the last blocks, and whether rows flood
 *
 * The block that goes on is let go: its hashes are of rows, and of no row anything is kept. */
#include "watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

static size_t n_shares(const watch_repeats *repeats)
{
    return repeats->n_shares < WATCH_USUAL_BLOCKS ? (size_t)repeats->n_shares : WATCH_USUAL_BLOCKS;
}

void watch_stream_pack(const watch_run *runs, size_t n, const watch_repeats *repeats, mw_buf *out)
{
    for (size_t c = 0; c < n; c++) {
        const watch_run *run = &runs[c];
        mw_pack_number(out, run->value);
        const uint64_t wholes[] = {run->rows,       run->begin_ns, run->longest_rows,
                                   run->longest_ns, run->n_before, run->is_stuck};
        for (size_t i = 0; i < MW_COUNT(wholes); i++)
            mw_pack_whole(out, wholes[i]);
    }
    mw_pack_whole(out, repeats->n_shares);
    mw_pack_numbers(out, repeats->shares, n_shares(repeats));
    mw_pack_number(out, repeats->share);
    mw_pack_number(out, repeats->usual);
    mw_pack_whole(out, repeats->is_flood);
    mw_pack_whole(out, repeats->since_ns);
}

static bool is_share(double value)
{
    return value >= 0 && value <= 1;
}

static bool unpack_repeats(mw_unpack *in, uint64_t latest_ns, watch_repeats *repeats)
{
    repeats->n_shares = mw_unpack_whole(in);
    mw_unpack_numbers(in, repeats->shares, n_shares(repeats));
    repeats->share = mw_unpack_number(in);
    repeats->usual = mw_unpack_number(in);
    repeats->is_flood = mw_unpack_at_most(in, 1);
    repeats->since_ns = mw_unpack_at_most(in, latest_ns);
    bool done = !in->failed && (isnan(repeats->share) || is_share(repeats->share)) &&
                (isnan(repeats->usual) || is_share(repeats->usual));
    for (size_t i = 0; done && i < n_shares(repeats); i++)
        done = is_share(repeats->shares[i]);
    return done;
}

bool watch_stream_unpack(mw_unpack *in, size_t n, uint64_t latest_ns, watch_run **ret_runs,
                         watch_repeats *ret_repeats)
{
    enum { LEAST_BYTES = 14 }; /* of a feature */
    watch_run *runs = mw_unpack_left(in) >= n * LEAST_BYTES ? calloc(n + 1, sizeof *runs) : NULL;
    for (size_t c = 0; runs && c < n; c++) {
        watch_run *run = &runs[c];
        run->value = mw_unpack_number(in);
        run->rows = mw_unpack_whole(in);
        run->begin_ns = mw_unpack_at_most(in, latest_ns);
        run->longest_rows = mw_unpack_whole(in);
        run->longest_ns = mw_unpack_at_most(in, latest_ns);
        run->n_before = mw_unpack_whole(in);
        run->is_stuck = mw_unpack_at_most(in, 1);
    }
    if (runs && unpack_repeats(in, latest_ns, ret_repeats)) {
        *ret_runs = runs;
        return true;
    }
    free(runs);
    return false;
}
