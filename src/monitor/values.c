/* What values there were over all servers of a record: each tells its sketches of the last 15 to 30
 * minutes, and what is shown is all of them as one.
 *
 *     own sketches ----------------.
 *     others', as bytes, the last  +--> each weighed by its traffic --> quantiles, commonest, mean
 *     that each has told           |
 *     distinct: registers ---------'--> the larger one of each
 *
 * A server samples up to 1,000 rows a second whatever its traffic, so a row of a busy one stands
 * for more rows: rows that were counted in that time / rows that were sampled, 1 where all were.
 * Quantiles are of all sketches' values in one order, so their error is that of the worst sketch,
 * not the sum; Space-Saving's errors add up, as its bound does. Others' bytes are kept, not made
 * into sketches: one column of each is, when it is asked for. */
#include "watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define MAGIC "MWVALUE1"
#define FAR_NS UINT64_C(31536000000000000) /* a year */

enum { COLUMN_BYTES_MIN = 40 };

/* ---- told ------------------------------------------------------------------------------------ */

/* Of the two stretches; 60 minutes are kept. */
static uint64_t rows_counted(const watch_version *version)
{
    const watch_sketches *sketches = &version->sketches;
    uint64_t now = version->latest_ns / version->history.bucket_ns, rows = 0;
    uint64_t first = (sketches->bucket - (sketches->before != NULL)) * WATCH_STRETCH;
    for (uint64_t bucket = first; bucket <= now && bucket < first + 2 * WATCH_STRETCH; bucket++)
        rows += watch_rows_in(version, MW_WATCH_OF_THIS, WATCH_MINUTES, bucket);
    return rows;
}

/* What rows of this many sampled ones stand for each. */
static double weight_of(double counted, double sampled)
{
    return sampled > 0 && counted > sampled ? counted / sampled : 1;
}

/* What the model does not know has a mark; its text goes along. */
static void pack_names(const mw_heavy *commonest, mw_buf *out)
{
    char text[MW_STRANGER_BYTES + 1];
    for (size_t i = 0; i < commonest->n_counters; i++) {
        double code = commonest->counters[i].value;
        size_t size =
            code < 0 && code > -(double)UINT32_MAX ? mw_stranger_text((uint32_t)-code, text) : 0;
        text[size] = '\0';
        if (code < 0)
            mw_pack_text(out, text);
    }
}

static bool pack_column(const watch_version *version, size_t c, mw_buf *out)
{
    watch_sketch both;
    bool done = watch_sketches_merge(&version->sketches, c, &both);
    if (done) {
        watch_sketch_pack(&both, out);
        if (both.commonest)
            pack_names(both.commonest, out);
    }
    watch_sketch_done(&both);
    return done;
}

bool watch_pack_values(const watch_version *version, mw_buf *out)
{
    const watch_sketches *sketches = &version->sketches;
    size_t begin = out->size;
    if (!sketches->now || !watch_is_whole(version))
        return false;
    uint64_t begin_ns = sketches->before ? sketches->before_ns : sketches->begin_ns;
    mw_buf_text(out, MAGIC);
    mw_pack_whole(out, version->latest_ns > begin_ns ? version->latest_ns - begin_ns : 0);
    mw_pack_whole(out, rows_counted(version));
    mw_pack_whole(out, sketches->n_columns);
    for (size_t c = 0; c < sketches->n_columns; c++)
        if (!pack_column(version, c, out))
            return false;
    watch_seal(out, begin);
    return !out->failed;
}

/* ---- heard ----------------------------------------------------------------------------------- */

static bool learn_names(const mw_heavy *commonest, mw_unpack *in)
{
    for (size_t i = 0; i < commonest->n_counters; i++) {
        double code = commonest->counters[i].value;
        if (code >= 0)
            continue;
        mw_view text = mw_unpack_text(in, MW_STRANGER_BYTES);
        if (!in->failed && text.size > 0 && code > -(double)UINT32_MAX)
            mw_stranger_learn((uint32_t)-code, text);
    }
    return !in->failed;
}

static bool unpack_column(mw_unpack *in, bool is_category, watch_sketch *ret)
{
    *ret = (watch_sketch){.quantiles = NULL};
    return watch_sketch_unpack(in, is_category, ret) &&
           (!ret->commonest || learn_names(ret->commonest, in));
}

static bool read_head(mw_unpack *in, const watch_version *version, watch_values *ret)
{
    size_t n = version->n_columns < MW_LIMIT_SKETCHED_COLUMNS ? version->n_columns
                                                              : MW_LIMIT_SKETCHED_COLUMNS;
    const char *magic = mw_unpack_bytes(in, sizeof MAGIC - 1);
    bool is_ours = magic && memcmp(magic, MAGIC, sizeof MAGIC - 1) == 0;
    ret->seconds = is_ours ? (double)mw_unpack_at_most(in, FAR_NS) / 1e9 : 0;
    ret->counted = is_ours ? (double)mw_unpack_at_most(in, UINT64_MAX >> 12) : 0;
    ret->n_columns = is_ours ? mw_unpack_at_most(in, n) : 0;
    return is_ours && !in->failed && ret->n_columns == n &&
           mw_unpack_left(in) >= n * COLUMN_BYTES_MIN;
}

/* Where each column begins, of bytes that are whole. */
static bool read_columns(mw_unpack *in, const watch_version *version, watch_values *ret)
{
    const watch_column *columns = atomic_load(&version->columns);
    ret->columns = calloc(ret->n_columns + 1, sizeof *ret->columns);
    bool done = ret->columns && columns;
    for (size_t c = 0; c < ret->n_columns && done; c++) {
        watch_sketch sketch;
        ret->columns[c] = mw_unpack_left(in);
        done = unpack_column(in, columns[c].is_category, &sketch);
        watch_sketch_done(&sketch);
    }
    return done && !in->failed && in->at == in->end;
}

static void forget(watch_values *values)
{
    free(values->columns);
    mw_buf_done(&values->bytes);
    *values = (watch_values){.columns = NULL};
}

void watch_forget_values(watch_version *version)
{
    for (size_t i = 0; i < version->n_values; i++)
        forget(&version->values[i]);
    free(version->values);
    version->values = NULL;
    version->n_values = 0;
}

static bool is_over(const watch_version *version, const watch_values *values)
{
    uint64_t kept_ns = 2 * WATCH_STRETCH * version->history.bucket_ns;
    return values->told_ns + kept_ns < version->latest_ns;
}

/* In the place of what it told before; of those that are over the room is given back. Under `lock`.
 * False: there is no room, or it is over already. */
static bool keep(watch_version *version, watch_values *values)
{
    size_t n = 0, bytes = 0;
    for (size_t i = 0; i < version->n_values; i++) {
        watch_values *one = &version->values[i];
        if (strcmp(one->server, values->server) == 0 || is_over(version, one)) {
            forget(one);
            continue;
        }
        bytes += one->bytes.size;
        version->values[n++] = *one;
    }
    version->n_values = n;
    if (n == MW_WATCH_SERVERS || bytes + values->bytes.size > MW_LIMIT_WATCH_VALUES_ALL_BYTES ||
        is_over(version, values))
        return false;
    if (!version->values)
        version->values = calloc(MW_WATCH_SERVERS, sizeof *version->values);
    if (!version->values)
        return false;
    version->values[version->n_values++] = *values;
    return true;
}

mw_status watch_hear_values(watch_version *version, const char *server, uint64_t told_ns,
                            mw_view bytes, mw_error *err)
{
    mw_unpack in = {0};
    watch_values values = {.told_ns = told_ns};
    snprintf(values.server, sizeof values.server, "%s", server);
    bool is_whole = bytes.size <= MW_LIMIT_WATCH_VALUES_BYTES && watch_unseal(bytes, &in);
    const uint8_t *begin = in.at;
    is_whole = is_whole && read_head(&in, version, &values) && read_columns(&in, version, &values);
    if (!is_whole) {
        forget(&values);
        mw_fail(err, MW_E_WATCH_HISTORY, "what another server has told is damaged");
        return mw_why(err, "the sketches of values of %.39s", server);
    }
    mw_buf_init(&values.bytes, MW_LIMIT_WATCH_VALUES_BYTES);
    mw_buf_bytes(&values.bytes, begin, (size_t)(in.end - begin));
    if (values.bytes.failed) {
        forget(&values);
        return mw_fail_memory(err, "what other servers have told");
    }
    pthread_mutex_lock(&version->lock);
    bool is_kept = keep(version, &values);
    pthread_mutex_unlock(&version->lock);
    if (!is_kept)
        forget(&values);
    return MW_OK;
}

size_t watch_values_bytes(const watch_version *version)
{
    size_t bytes = version->values ? MW_WATCH_SERVERS * sizeof *version->values : 0;
    for (size_t i = 0; i < version->n_values; i++)
        bytes += version->values[i].bytes.size +
                 version->values[i].n_columns * sizeof *version->values[i].columns;
    return bytes;
}

/* ---- as one ---------------------------------------------------------------------------------- */

/* Of a column, by server: sketches, and what a row of each stands for. */
typedef struct parts {
    watch_sketch sketches[1 + MW_WATCH_SERVERS];
    double weights[1 + MW_WATCH_SERVERS], seconds;
    size_t n;
} parts;

static void add_part(parts *p, double counted)
{
    const mw_moments *moments = &p->sketches[p->n].moments;
    double sampled = moments->n + moments->missing;
    if (sampled == 0) {
        watch_sketch_done(&p->sketches[p->n]);
        return;
    }
    p->weights[p->n++] = weight_of(counted, sampled);
}

static void add_own(parts *p, const watch_version *version, size_t c)
{
    const watch_sketches *sketches = &version->sketches;
    if (!sketches->now || c >= sketches->n_columns)
        return;
    uint64_t begin_ns = sketches->before ? sketches->before_ns : sketches->begin_ns;
    bool done = watch_sketches_merge(sketches, c, &p->sketches[p->n]);
    if (!done) {
        watch_sketch_done(&p->sketches[p->n]);
        return;
    }
    p->seconds = version->latest_ns > begin_ns ? (double)(version->latest_ns - begin_ns) / 1e9 : 0;
    add_part(p, (double)rows_counted(version));
}

static void add_others(parts *p, const watch_version *version, size_t c, bool is_category)
{
    for (size_t i = 0; i < version->n_values; i++) {
        const watch_values *values = &version->values[i];
        if (c >= values->n_columns || is_over(version, values))
            continue;
        mw_unpack in = mw_unpack_of(mw_buf_as_view(&values->bytes));
        in.at = in.end - values->columns[c];
        if (!unpack_column(&in, is_category, &p->sketches[p->n])) { /* memory is gone */
            watch_sketch_done(&p->sketches[p->n]);
            continue;
        }
        p->seconds = values->seconds > p->seconds ? values->seconds : p->seconds;
        add_part(p, values->counted);
    }
}

/* All but the quantiles, of which the first one's stay. */
static void merge_parts(parts *p)
{
    watch_sketch *all = &p->sketches[0];
    mw_moments_weigh(&all->moments, p->weights[0]);
    if (all->commonest)
        mw_heavy_weigh(all->commonest, p->weights[0]);
    for (size_t i = 1; i < p->n; i++) {
        watch_sketch *one = &p->sketches[i];
        mw_moments_weigh(&one->moments, p->weights[i]);
        mw_moments_merge(&all->moments, &one->moments);
        mw_distinct_merge(&all->distinct, &one->distinct);
        if (one->commonest)
            mw_heavy_weigh(one->commonest, p->weights[i]);
        if (one->commonest && all->commonest) {
            mw_heavy_merge(all->commonest, one->commonest);
        } else if (one->commonest) {
            all->commonest = one->commonest;
            one->commonest = NULL;
        }
    }
}

static bool tell_quantiles(const parts *p, double quantiles[MW_WATCH_QUANTILES])
{
    mw_error none;
    const mw_kll *sketches[1 + MW_WATCH_SERVERS];
    double weights[1 + MW_WATCH_SERVERS];
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        if (p->sketches[i].quantiles && mw_kll_count(p->sketches[i].quantiles) > 0) {
            sketches[n] = p->sketches[i].quantiles;
            weights[n++] = p->weights[i];
        }
    return n > 0 && mw_kll_quantiles_of(sketches, weights, n, mw_watch_quantile_shares,
                                        MW_WATCH_QUANTILES, quantiles, &none) == MW_OK;
}

bool watch_tell_values(const watch_version *version, size_t c, mw_watch_sketch *ret_sketch)
{
    const watch_column *column = &atomic_load(&version->columns)[c];
    parts *p = calloc(1, sizeof *p);
    if (!p)
        return false;
    add_own(p, version, c);
    add_others(p, version, c, column->is_category);
    double sampled = 0;
    for (size_t i = 0; i < p->n; i++)
        sampled += p->sketches[i].moments.n + p->sketches[i].moments.missing;
    if (p->n > 0) {
        double quantiles[MW_WATCH_QUANTILES];
        bool has_quantiles = !column->is_category && tell_quantiles(p, quantiles);
        merge_parts(p);
        watch_sketch_tell(&p->sketches[0], column, ret_sketch);
        ret_sketch->rows = sampled;
        ret_sketch->seconds = p->seconds;
        ret_sketch->n_servers = p->n;
        ret_sketch->has_quantiles = has_quantiles;
        if (has_quantiles)
            memcpy(ret_sketch->quantiles, quantiles, sizeof quantiles);
    }
    bool done = p->n > 0;
    for (size_t i = 0; i < p->n; i++)
        watch_sketch_done(&p->sketches[i]);
    free(p);
    return done;
}
