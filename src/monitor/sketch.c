/* What values a column had in the last quarter of an hour: how many different ones, which are
 * common, quantiles. From rows that were sampled (sample.c), by the watcher.
 *
 *     stretch before (15 minutes)     this stretch, growing     told: both merged, 15 to 30 minutes
 *
 * Space-Saving, KLL and HyperLogLog of stats: their errors stand there. Memory: 256 counters (8 kB)
 * of a category, some 4 kB of a number, 4 kB for distinct values; twice. Kept over a restart
 * (keep_learned.c).
 */
#include "watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { BLOCK = 256, KLL_K = 160 };

const double mw_watch_quantile_shares[MW_WATCH_QUANTILES] = {0.01, 0.05, 0.25, 0.5,
                                                             0.75, 0.95, 0.99};

/* ---- life ------------------------------------------------------------------------------------ */

static void free_stretch(watch_sketch *stretch, size_t n)
{
    for (size_t c = 0; stretch && c < n; c++) {
        mw_kll_free(stretch[c].quantiles);
        free(stretch[c].commonest);
    }
    free(stretch);
}

void watch_sketches_done(watch_sketches *sketches)
{
    free_stretch(sketches->now, sketches->n_columns);
    free_stretch(sketches->before, sketches->n_columns);
    *sketches = (watch_sketches){0};
}

static size_t bytes_of(const watch_sketch *stretch, size_t n)
{
    size_t bytes = 0;
    for (size_t c = 0; stretch && c < n; c++) {
        bytes += sizeof *stretch + (stretch[c].commonest ? sizeof *stretch[c].commonest : 0);
        bytes += stretch[c].quantiles ? mw_kll_held(stretch[c].quantiles) * sizeof(double) : 0;
    }
    return bytes;
}

size_t watch_sketches_bytes(const watch_sketches *sketches)
{
    return bytes_of(sketches->now, sketches->n_columns) +
           bytes_of(sketches->before, sketches->n_columns);
}

/* ---- adding ---------------------------------------------------------------------------------- */

static watch_sketch *make_stretch(size_t n)
{
    watch_sketch *stretch = calloc(n + 1, sizeof *stretch);
    for (size_t c = 0; stretch && c < n; c++)
        mw_moments_init(&stretch[c].moments);
    return stretch;
}

/* A stretch that is over becomes the one before; after a longer pause there is none. */
static bool turn(watch_sketches *sketches, uint64_t now_ns, uint64_t stretch_ns)
{
    uint64_t bucket = now_ns / stretch_ns;
    if (sketches->now && sketches->bucket == bucket)
        return true;
    free_stretch(sketches->before, sketches->n_columns);
    sketches->before = sketches->now;
    sketches->before_ns = sketches->begin_ns;
    if (sketches->before && sketches->bucket + 1 != bucket) {
        free_stretch(sketches->before, sketches->n_columns);
        sketches->before = NULL;
    }
    sketches->now = make_stretch(sketches->n_columns);
    sketches->bucket = bucket;
    sketches->begin_ns = now_ns;
    return sketches->now != NULL;
}

/* What the model does not know is told by its mark, below 0. */
static void name_strangers(double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t mark = isnan(values[i]) ? mw_stranger_mark(values[i]) : 0;
        if (mark > 0)
            values[i] = -(double)mark;
    }
}

static void add_values(watch_sketch *sketch, bool is_category, uint64_t seed, double *values,
                       size_t n)
{
    mw_error none;
    if (is_category)
        name_strangers(values, n);
    mw_moments_add(&sketch->moments, values, n);
    mw_distinct_add(&sketch->distinct, values, n);
    if (is_category && !sketch->commonest && (sketch->commonest = malloc(sizeof(mw_heavy))))
        mw_heavy_init(sketch->commonest);
    if (is_category && sketch->commonest)
        mw_heavy_add(sketch->commonest, values, n);
    if (!is_category && !sketch->quantiles &&
        mw_kll_new(KLL_K, seed, &sketch->quantiles, &none) != MW_OK)
        sketch->quantiles = NULL;
    if (!is_category && sketch->quantiles &&
        mw_kll_add(sketch->quantiles, values, n, &none) != MW_OK) {
        mw_kll_free(sketch->quantiles);
        sketch->quantiles = NULL;
    }
}

void watch_sketches_add(watch_sketches *sketches, const watch_column *columns, size_t n_columns,
                        const double *rows, size_t n_rows, uint64_t now_ns, uint64_t bucket_ns)
{
    double values[BLOCK];
    sketches->n_columns =
        n_columns < MW_LIMIT_SKETCHED_COLUMNS ? n_columns : MW_LIMIT_SKETCHED_COLUMNS;
    if (!turn(sketches, now_ns, WATCH_STRETCH * bucket_ns))
        return;
    for (size_t c = 0; c < sketches->n_columns; c++)
        for (size_t begin = 0; begin < n_rows; begin += BLOCK) {
            size_t n = n_rows - begin < BLOCK ? n_rows - begin : BLOCK;
            for (size_t i = 0; i < n; i++)
                values[i] = rows[(begin + i) * n_columns + c];
            add_values(&sketches->now[c], columns[c].is_category, c + 1, values, n);
        }
}

/* ---- telling --------------------------------------------------------------------------------- */

static double reference_share(const watch_column *column, double code, bool *ret_is_new)
{
    size_t bin = code < 0 ? WATCH_NEW : watch_bin_of(column, code);
    double rows = watch_sum(column->reference);
    *ret_is_new = bin == WATCH_NEW && column->reference[WATCH_NEW] == 0;
    if (bin == WATCH_NEW && *ret_is_new)
        return 0;
    return bin < WATCH_TOP && rows > 0 ? column->reference[bin] / rows : (double)NAN;
}

static void tell_categories(const watch_column *column, const mw_heavy *commonest,
                            mw_watch_sketch *told)
{
    mw_heavy_counter list[MW_HEAVY_COUNTERS];
    size_t n = mw_heavy_list(commonest, list);
    for (size_t i = 0; i < n; i++) {
        mw_watch_category one = {.code = list[i].value,
                                 .share = (double)list[i].count / told->rows};
        one.reference_share = reference_share(column, one.code, &one.is_new);
        if (told->n_categories < MW_WATCH_CATEGORIES)
            told->categories[told->n_categories++] = one;
        if (one.is_new && told->n_new < MW_WATCH_STRANGERS)
            told->news[told->n_new++] = one;
    }
}

static void tell_numbers(const watch_sketch *sketch, const mw_kll *quantiles, mw_watch_sketch *told)
{
    mw_error none;
    told->mean = sketch->moments.mean;
    told->deviation = sqrt(mw_moments_variance(&sketch->moments));
    told->least = sketch->moments.least;
    told->most = sketch->moments.most;
    told->has_quantiles = quantiles && mw_kll_count(quantiles) > 0 &&
                          mw_kll_quantiles(quantiles, mw_watch_quantile_shares, MW_WATCH_QUANTILES,
                                           told->quantiles, &none) == MW_OK;
}

void watch_sketch_done(watch_sketch *sketch)
{
    mw_kll_free(sketch->quantiles);
    free(sketch->commonest);
    sketch->quantiles = NULL;
    sketch->commonest = NULL;
}

/* The parts that could not be merged are left out. */
bool watch_sketches_merge(const watch_sketches *sketches, size_t c, watch_sketch *ret)
{
    mw_error none;
    *ret = (watch_sketch){.quantiles = NULL};
    const watch_sketch *const parts[] = {sketches->before ? &sketches->before[c] : NULL,
                                         &sketches->now[c]};
    bool done = true;
    mw_moments_init(&ret->moments);
    for (size_t p = 0; done && p < MW_COUNT(parts); p++) {
        if (!parts[p])
            continue;
        mw_moments_merge(&ret->moments, &parts[p]->moments);
        mw_distinct_merge(&ret->distinct, &parts[p]->distinct);
        if (parts[p]->commonest && !ret->commonest && (ret->commonest = malloc(sizeof(mw_heavy))))
            mw_heavy_init(ret->commonest);
        if (parts[p]->commonest && ret->commonest)
            mw_heavy_merge(ret->commonest, parts[p]->commonest);
        if (parts[p]->quantiles && !ret->quantiles)
            done = mw_kll_new(KLL_K, c + 1, &ret->quantiles, &none) == MW_OK;
        if (done && parts[p]->quantiles)
            done = mw_kll_merge(ret->quantiles, parts[p]->quantiles, &none) == MW_OK;
    }
    return done;
}

void watch_sketch_tell(const watch_sketch *sketch, const watch_column *column,
                       mw_watch_sketch *ret_sketch)
{
    const double none = (double)NAN;
    mw_watch_sketch told = {.mean = none,
                            .deviation = none,
                            .least = none,
                            .most = none,
                            .n_servers = 1,
                            .rows = sketch->moments.n + sketch->moments.missing,
                            .missing = sketch->moments.missing,
                            .distinct = round(mw_distinct_count(&sketch->distinct))};
    if (sketch->commonest && told.rows > 0)
        tell_categories(column, sketch->commonest, &told);
    if (!column->is_category && sketch->moments.n > 0)
        tell_numbers(sketch, sketch->quantiles, &told);
    *ret_sketch = told;
}

bool watch_sketches_tell(const watch_sketches *sketches, const watch_column *column, size_t c,
                         uint64_t now_ns, mw_watch_sketch *ret_sketch)
{
    if (!sketches->now || c >= sketches->n_columns)
        return false;
    watch_sketch *both = malloc(sizeof *both);
    if (!both)
        return false;
    bool done = watch_sketches_merge(sketches, c, both);
    uint64_t begin_ns = sketches->before ? sketches->before_ns : sketches->begin_ns;
    if (done) {
        watch_sketch_tell(both, column, ret_sketch);
        ret_sketch->seconds = now_ns > begin_ns ? (double)(now_ns - begin_ns) / 1e9 : 0;
        done = ret_sketch->rows > 0;
    }
    watch_sketch_done(both);
    free(both);
    return done;
}
