/* What is odd about a stream of rows: a feature that stands still, one row again and again. By the
 * watcher, from rows that were sampled (sample.c).
 *
 * A feature is stuck when one value has come in every row of a run of 200 or more, for a minute or
 * more, and both say so:
 *   - the reference: its rows fell into that value's bin with share p (an upper bound of it), and
 *     p ^ rows < 1e-13: rare even if each row of a day began a run
 *   - its own past: the run has 5 times the rows, and the time, of the longest of at least 20 runs
 *     before. An hour of the day stands still for an hour, which is usual for it.
 * What never varied is never stuck. A run that was a finding is no usual one.
 *
 * Rows flood when the commonest row (all features equal) takes a quarter of a block, and 0.2 more
 * than in any of the 30 blocks before that were no finding, six at least: a client that asks for
 * its health with the same row is usual. A block: 256 sampled rows or more, 10 seconds or more. It
 * is over when a block is within 0.1 of the usual. */
#include "watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define SECOND_NS UINT64_C(1000000000)
#define RARE_LOG 30.0 /* -ln 1e-13 */
#define FLOOD_FROM 0.25
#define FLOOD_OVER 0.2
#define FLOOD_UNTIL 0.1

enum { STUCK_ROWS = 200, STUCK_SECONDS = 60, RUNS_BEFORE = 20, LONGER = 5 };
enum { BLOCK_ROWS = 256, BLOCK_SECONDS = 10, BLOCKS_BEFORE = 6 };

/* ---- stuck values ---------------------------------------------------------------------------- */

static bool is_same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b) && mw_stranger_mark(a) == mw_stranger_mark(b));
}

/* Not below the true share of the value's bin but once in a thousand times. */
static double share_at_most(const watch_column *column, double value)
{
    double rows = watch_sum(column->reference);
    double share = column->reference[watch_bin_of(column, value)] / rows;
    return rows > 0 ? fmin(1, share + (3 * sqrt(rows * share * (1 - share)) + 7) / rows) : 1;
}

static bool is_long(const watch_run *run, uint64_t now_ns)
{
    uint64_t lasted = now_ns - run->begin_ns;
    return run->rows >= STUCK_ROWS && lasted >= STUCK_SECONDS * SECOND_NS &&
           run->n_before >= RUNS_BEFORE && run->rows >= LONGER * run->longest_rows &&
           lasted >= LONGER * run->longest_ns;
}

static void end_run(watch_run *run, double value, uint64_t now_ns)
{
    uint64_t lasted = now_ns - run->begin_ns;
    if (!run->is_stuck && run->rows > 0) {
        run->n_before++;
        run->longest_rows = run->rows > run->longest_rows ? run->rows : run->longest_rows;
        run->longest_ns = lasted > run->longest_ns ? lasted : run->longest_ns;
    }
    run->is_stuck = false;
    run->value = value;
    run->rows = 0;
    run->begin_ns = now_ns;
}

void watch_runs_add(watch_run *runs, const watch_column *columns, size_t n_features,
                    size_t n_columns, const double *rows, size_t n_rows, uint64_t now_ns)
{
    for (size_t c = 0; c < n_features; c++) {
        watch_run *run = &runs[c];
        for (size_t i = 0; i < n_rows; i++) {
            double value = rows[i * n_columns + c];
            if (run->rows == 0 || !is_same(value, run->value))
                end_run(run, value, now_ns);
            run->rows++;
        }
        run->is_stuck =
            run->is_stuck ||
            (is_long(run, now_ns) && columns[c].is_ready &&
             -(double)run->rows * log(share_at_most(&columns[c], run->value)) > RARE_LOG);
    }
}

/* ---- rows again and again -------------------------------------------------------------------- */

/* 52 bits, which a double holds. */
static double hash_of(const double *row, size_t n)
{
    uint64_t hash = UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, &row[i], sizeof bits);
        hash = (hash ^ bits) * UINT64_C(0xbf58476d1ce4e5b9);
        hash ^= hash >> 29;
    }
    return (double)(hash >> 12);
}

static double usual_of(const watch_repeats *repeats)
{
    double usual = 0;
    size_t n =
        repeats->n_shares < WATCH_USUAL_BLOCKS ? (size_t)repeats->n_shares : WATCH_USUAL_BLOCKS;
    for (size_t i = 0; i < n; i++)
        usual = fmax(usual, repeats->shares[i]);
    return repeats->n_shares < BLOCKS_BEFORE ? (double)NAN : usual;
}

static void end_block(watch_repeats *repeats, uint64_t now_ns)
{
    mw_heavy_counter list[MW_HEAVY_COUNTERS];
    mw_heavy_list(repeats->hashes, list);
    bool was = repeats->is_flood;
    repeats->share = (double)(list[0].count - list[0].excess) / (double)repeats->rows;
    repeats->usual = usual_of(repeats); /* NaN: nothing is above it */
    repeats->is_flood =
        was ? repeats->share > repeats->usual + FLOOD_UNTIL
            : repeats->share >= FLOOD_FROM && repeats->share >= repeats->usual + FLOOD_OVER;
    if (repeats->is_flood && !was)
        repeats->since_ns = repeats->begin_ns;
    if (!repeats->is_flood)
        repeats->shares[repeats->n_shares++ % WATCH_USUAL_BLOCKS] = repeats->share;
    mw_heavy_init(repeats->hashes);
    repeats->rows = 0;
    repeats->begin_ns = now_ns;
}

void watch_repeats_add(watch_repeats *repeats, size_t n_features, size_t n_columns,
                       const double *rows, size_t n_rows, uint64_t now_ns)
{
    if (!repeats->hashes) {
        repeats->hashes = malloc(sizeof *repeats->hashes);
        if (!repeats->hashes)
            return;
        mw_heavy_init(repeats->hashes);
        repeats->begin_ns = now_ns;
    }
    for (size_t i = 0; i < n_rows; i++) {
        double hash = hash_of(rows + i * n_columns, n_features);
        mw_heavy_add(repeats->hashes, &hash, 1);
    }
    repeats->rows += n_rows;
    if (repeats->rows >= BLOCK_ROWS && now_ns >= repeats->begin_ns + BLOCK_SECONDS * SECOND_NS)
        end_block(repeats, now_ns);
}
