/* What moved predictions: contributions of sampled rows, watched as columns of a version of their
 * own, beside the one that answers.
 *
 *     sampled rows --share, allowance--> explained --> tap of the version's companion
 *         its first rows --> reference; then counts, evidence, sketches, history: as of inputs
 *         sums of |contribution| of each minute --> importance: now, and of the reference
 *
 * Servers of a record add up the counts as of inputs, and the sums of each minute, which stand
 * behind its counts; whose reference is taken, his sums are of it, too.
 *
 * Rows are explained by the watcher alone, never by who answers. A companion is found by the number
 * of its version with MW_WATCH_CONTRIBUTIONS; it has no outputs, no scorer, no pulse that is told.
 */
#include "watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { MEANS, SIZES, SUMS };

/* ---- importance ------------------------------------------------------------------------------ */

watch_importance *watch_importance_new(size_t n)
{
    watch_importance *importance = calloc(1, sizeof *importance);
    double *sums = calloc((n + 1) * SUMS * (WATCH_STARTS + 1), sizeof *sums);
    if (!importance || !sums) {
        free(importance);
        free(sums);
        return NULL;
    }
    importance->n = n;
    importance->reference.sums = sums;
    for (size_t m = 0; m < WATCH_STARTS; m++)
        importance->minutes[m].sums = sums + (m + 1) * n * SUMS;
    return importance;
}

void watch_importance_free(watch_importance *importance)
{
    if (importance)
        free(importance->reference.sums);
    free(importance);
}

size_t watch_importance_bytes(const watch_importance *importance)
{
    return importance
               ? sizeof *importance + importance->n * SUMS * (WATCH_STARTS + 1) * sizeof(double)
               : 0;
}

static void add_rows(watch_importance_sums *to, size_t n, const double *rows, size_t n_rows)
{
    for (size_t row = 0; row < n_rows; row++)
        for (size_t c = 0; c < n; c++) {
            double value = rows[row * n + c];
            to->sums[MEANS * n + c] += isfinite(value) ? value : 0;
            to->sums[SIZES * n + c] += isfinite(value) ? fabs(value) : 0;
        }
    to->rows += (double)n_rows;
}

void watch_importance_refer(watch_importance *importance, const double *rows, size_t n_rows)
{
    importance->reference.rows = 0;
    memset(importance->reference.sums, 0, importance->n * SUMS * sizeof(double));
    add_rows(&importance->reference, importance->n, rows, n_rows);
}

void watch_importance_add(watch_importance *importance, const double *rows, size_t n_rows,
                          uint64_t bucket)
{
    watch_importance_sums *minute = &importance->minutes[bucket % WATCH_STARTS];
    if (minute->bucket != bucket) {
        minute->bucket = bucket;
        minute->rows = 0;
        memset(minute->sums, 0, importance->n * SUMS * sizeof(double));
    }
    add_rows(minute, importance->n, rows, n_rows);
}

static double over(double part, double whole)
{
    return whole > 0 ? part / whole : (double)NAN;
}

/* Of features by their share; of equals the first. */
static size_t rank_of(const double *sizes, size_t n, size_t c)
{
    size_t rank = 1;
    for (size_t other = 0; other < n; other++)
        rank += sizes[other] > sizes[c] || (sizes[other] == sizes[c] && other < c);
    return rank;
}

static double sum_of(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return sum;
}

/* The minutes until `bucket`; returns their rows. */
static double add_minutes(const watch_importance *importance, uint64_t bucket, double *sums)
{
    double rows = 0;
    for (size_t m = 0; m < WATCH_STARTS; m++) {
        const watch_importance_sums *minute = &importance->minutes[m];
        if (minute->bucket + WATCH_STARTS <= bucket || minute->bucket > bucket)
            continue;
        rows += minute->rows;
        for (size_t i = 0; i < importance->n * SUMS; i++)
            sums[i] += minute->sums[i];
    }
    return rows;
}

bool watch_importance_tell(const watch_importance *importance, const watch_importance *others,
                           uint64_t bucket, mw_watch_importance *ret, size_t room, double *ret_rows)
{
    size_t n = importance->n;
    double rows = 0, *sums = calloc((n + 1) * SUMS, sizeof *sums);
    const watch_importance_sums *reference = &importance->reference;
    const double *before = reference->sums + SIZES * n, *sizes = sums + SIZES * n;
    if (sums)
        rows = add_minutes(importance, bucket, sums);
    if (sums && others)
        rows += add_minutes(others, bucket, sums);
    double whole = sums ? sum_of(sizes, n) : 0, whole_before = sum_of(before, n);
    for (size_t c = 0; sums && c < n && c < room; c++)
        ret[c] = (mw_watch_importance){.mean = over(sums[MEANS * n + c], rows),
                                       .mean_absolute = over(sizes[c], rows),
                                       .mean_reference =
                                           over(reference->sums[MEANS * n + c], reference->rows),
                                       .mean_absolute_reference = over(before[c], reference->rows),
                                       .share = over(sizes[c], whole),
                                       .share_reference = over(before[c], whole_before),
                                       .rank = rank_of(sizes, n, c),
                                       .rank_reference = rank_of(before, n, c)};
    *ret_rows = rows;
    bool done = sums != NULL;
    free(sums);
    return done;
}

static void pack_sums(const watch_importance_sums *of, size_t n, mw_buf *out)
{
    mw_pack_whole(out, of->bucket);
    mw_pack_number(out, of->rows);
    mw_pack_numbers(out, of->sums, n * SUMS);
}

void watch_importance_pack(const watch_importance *importance, mw_buf *out)
{
    pack_sums(&importance->reference, importance->n, out);
    for (size_t m = 0; m < WATCH_STARTS; m++)
        pack_sums(&importance->minutes[m], importance->n, out);
}

static bool unpack_sums(mw_unpack *in, size_t n, watch_importance_sums *to)
{
    to->bucket = mw_unpack_whole(in);
    to->rows = mw_unpack_number(in);
    mw_unpack_numbers(in, to->sums, n * SUMS);
    for (size_t c = 0; c < n && !in->failed; c++)
        if (!isfinite(to->sums[MEANS * n + c]) || !(to->sums[SIZES * n + c] >= 0))
            return false;
    return !in->failed && to->rows >= 0;
}

watch_importance *watch_importance_unpack(mw_unpack *in, size_t n)
{
    if (mw_unpack_left(in) < n * SUMS * (WATCH_STARTS + 1) * sizeof(double))
        return NULL;
    watch_importance *importance = watch_importance_new(n);
    bool done = importance && unpack_sums(in, n, &importance->reference);
    for (size_t m = 0; done && m < WATCH_STARTS; m++)
        done = unpack_sums(in, n, &importance->minutes[m]);
    if (done)
        return importance;
    watch_importance_free(importance);
    return NULL;
}

/* ---- among servers --------------------------------------------------------------------------- */

void watch_importance_pack_reference(const watch_importance *importance, mw_buf *out)
{
    pack_sums(&importance->reference, importance->n, out);
}

double *watch_importance_sums_new(size_t n)
{
    return calloc(n * SUMS + 1, sizeof(double));
}

double *watch_importance_unpack_reference(mw_unpack *in, size_t n, watch_importance_sums *ret)
{
    bool has_room = mw_unpack_left(in) >= n * SUMS * sizeof(double);
    double *sums = has_room ? watch_importance_sums_new(n) : NULL;
    *ret = (watch_importance_sums){.sums = sums};
    if (sums && unpack_sums(in, n, ret) && isfinite(ret->rows) && in->at == in->end)
        return sums;
    free(sums);
    return NULL;
}

void watch_importance_take_reference(watch_importance *importance, const watch_importance_sums *of)
{
    importance->reference.rows = of->rows;
    memcpy(importance->reference.sums, of->sums, importance->n * SUMS * sizeof(double));
}

void watch_importance_pack_minute(const watch_importance *importance, uint64_t bucket, mw_buf *out)
{
    const watch_importance_sums *minute = &importance->minutes[bucket % WATCH_STARTS];
    bool has_some = minute->bucket == bucket && minute->rows > 0;
    mw_pack_whole(out, has_some);
    if (has_some)
        pack_sums(minute, importance->n, out);
}

bool watch_importance_add_told(mw_unpack *in, size_t n, watch_importance_sums *to)
{
    watch_importance_sums told;
    if (mw_unpack_at_most(in, 1) == 0)
        return !in->failed && in->at == in->end;
    double *sums = watch_importance_unpack_reference(in, n, &told);
    for (size_t i = 0; sums && i < n * SUMS; i++)
        to->sums[i] += sums[i];
    to->rows += sums ? told.rows : 0;
    free(sums);
    return sums != NULL;
}

/* The bucket is one that is kept, and not older than what stands there. */
void watch_importance_put_minute(watch_importance *importance, uint64_t bucket,
                                 const watch_importance_sums *of)
{
    watch_importance_sums *minute = &importance->minutes[bucket % WATCH_STARTS];
    if (minute->bucket > bucket)
        return;
    minute->bucket = bucket;
    minute->rows = of->rows;
    memcpy(minute->sums, of->sums, importance->n * SUMS * sizeof(double));
}

/* ---- explaining ------------------------------------------------------------------------------ */

enum { PIECE_ROWS = WATCH_SAMPLED_AT_ONCE }; /* so that the companion samples them all */

/* How many of the rows are due: a share of each second's, what is left over counts next time. */
static size_t due_of(watch_version *version, double share, size_t n_rows)
{
    version->explained_owed += share * (double)n_rows;
    size_t n = version->explained_owed < (double)n_rows ? (size_t)version->explained_owed : n_rows;
    version->explained_owed -= (double)n;
    return n;
}

static bool explain_piece(watch_version *version, const watch_explaining *by, const mw_matrix *rows,
                          double *room)
{
    uint64_t began = mw_clock_ns();
    size_t width = version->n_features + 1;
    if (!mw_allowance_has(by->allowance, began) ||
        !by->explainer->explain(by->explainer->user, version->endpoint, version->version, rows,
                                room))
        return false;
    uint64_t took = mw_clock_ns() - began;
    mw_allowance_spend(by->allowance, took);
    version->explained_ns = took / rows->n_rows + 1;
    const mw_matrix told = {.data = room,
                            .dtype = MW_FLOAT64,
                            .n_rows = rows->n_rows,
                            .n_columns = version->n_features,
                            .row_stride = (ptrdiff_t)width,
                            .column_stride = 1};
    watch_rows(version->companion, 0, &told, room, 0); /* the watcher alone writes there */
    return true;
}

/* Evenly over what was sampled. */
static void explain_rows(watch_version *version, const watch_explaining *by, const double *rows,
                         size_t n, size_t step)
{
    double *room = malloc(PIECE_ROWS * (version->n_features + 1) * sizeof *room);
    bool goes_on = room != NULL;
    for (size_t i = 0, now = 0; goes_on && i < n; i += now) {
        size_t most = mw_allowance_rows(version->explained_ns, PIECE_ROWS);
        now = n - i < most ? n - i : most;
        const mw_matrix piece = {.data = rows + i * step * version->n_columns,
                                 .dtype = MW_FLOAT64,
                                 .n_rows = now,
                                 .n_columns = version->n_features,
                                 .row_stride = (ptrdiff_t)(step * version->n_columns),
                                 .column_stride = 1};
        goes_on = explain_piece(version, by, &piece, room);
    }
    free(room);
}

/* Of a model with more features than are watched there are none. */
static bool lacks_features(watch_version *version)
{
    if (version->lacks_features && !version->is_told_lacking)
        mw_log(MW_LOG_WARN,
               "contributions of '%s' are not watched: it has more than %d features, which is "
               "what is watched",
               version->endpoint, MW_LIMIT_WATCHED_FEATURES);
    version->is_told_lacking = version->lacks_features;
    return version->lacks_features;
}

double watch_companion_share(watch_version *version, const watch_explaining *by)
{
    const mw_watch_explainer *explainer = by->explainer;
    if (!explainer->share || !version->is_described || version->is_companion)
        return 0;
    double share = explainer->share(explainer->user, version->endpoint, version->version);
    if (!(share > 0) || lacks_features(version))
        return 0;
    if (!version->companion)
        version->companion = by->make(by->monitor, version);
    return share;
}

void watch_explain(watch_version *version, const watch_explaining *by, const double *rows,
                   size_t n_rows)
{
    double share = watch_companion_share(version, by);
    size_t n = due_of(version, share, n_rows);
    if (version->companion && n > 0)
        explain_rows(version, by, rows, n, n_rows / n);
}
