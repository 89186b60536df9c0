/* Anomalies in live rows: bounds and an isolation forest from the first rows (bounds from the
 * training profile, where there is one).
 *
 *     learned rows --> scorer, once             row --encoded--> score: for who asks, and for
 * counters
 *
 * The watcher scores the rows that were sampled (sample.c), so that the cost is bounded and no
 * request pays it; a score that is asked for is always computed. */
#include "watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define QUANTILE 0.999 /* of the learned rows' scores */

enum { BLOCK = 256 };

static void set_rarities(watch_scorer *scorer, const watch_column *columns);

void watch_scorer_free(watch_scorer *scorer)
{
    if (!scorer)
        return;
    mw_isolation_free(scorer->forest);
    free(scorer->bounds);
    free(scorer->rarities);
    free(scorer);
}

/* The same by other bins of categories; the one before stays as long as the version: a thread may
 * still ask it. */
bool watch_scorer_follow(watch_version *version, const watch_column *columns)
{
    watch_scorer *before = atomic_load(&version->scorer);
    if (!before)
        return true;
    watch_scorer *scorer = calloc(1, sizeof *scorer);
    double *rarities = calloc(before->n * WATCH_BINS, sizeof *rarities);
    if (!scorer || !rarities || version->scorer_before) {
        free(scorer);
        free(rarities);
        return false;
    }
    *scorer = *before; /* bounds and forest are the same ones */
    scorer->rarities = rarities;
    set_rarities(scorer, columns);
    version->scorer_before = before;
    atomic_store(&version->scorer, scorer);
    return true;
}

/* Of one whose bounds and forest another has. */
void watch_scorer_free_shell(watch_scorer *scorer)
{
    if (scorer)
        free(scorer->rarities);
    free(scorer);
}

size_t watch_scorer_bytes(const watch_scorer *scorer)
{
    if (!scorer)
        return 0;
    return sizeof *scorer + mw_isolation_bytes(scorer->forest) +
           scorer->n * (sizeof *scorer->bounds + WATCH_BINS * sizeof(double));
}

/* ---- encoding -------------------------------------------------------------------------------- */

static double encoded(const watch_scorer *scorer, const watch_column *columns, size_t c,
                      double value)
{
    if (!columns[c].is_category || (isnan(value) && !mw_stranger_mark(value)))
        return value;
    return scorer->rarities[c * WATCH_BINS + watch_bin_of(&columns[c], value)];
}

static void set_rarities(watch_scorer *scorer, const watch_column *columns)
{
    for (size_t c = 0; c < scorer->n; c++) {
        double rows = watch_sum(columns[c].reference);
        for (size_t i = 0; i < WATCH_BINS; i++)
            scorer->rarities[c * WATCH_BINS + i] =
                i == WATCH_NEW && columns[c].reference[i] == 0
                    ? (double)INFINITY
                    : log(rows / fmax(columns[c].reference[i], 1));
    }
}

/* ---- making one ------------------------------------------------------------------------------ */

/* Of what the profile did not know. `room` holds n_rows. */
static mw_status learn_bound(const watch_version *version, size_t c, double *room,
                             mw_anomaly_bound *ret_bound, mw_error *err)
{
    mw_profile profile;
    for (size_t i = 0; i < version->learn_rows; i++)
        room[i] = version->learned[i * version->n_columns + c];
    mw_profile_source source = {.name = MW_VIEW("x"), .values = room, .n = version->learn_rows};
    mw_profile_init(&profile);
    mw_status status = mw_profile_add(&profile, &source, err);
    if (status == MW_OK) {
        *ret_bound = mw_anomaly_bound_of(&profile.columns[0]);
        ret_bound->is_category = version->is_category[c];
    }
    mw_profile_done(&profile);
    return status;
}

static mw_status set_bounds(const watch_version *version, watch_scorer *scorer, double *room,
                            mw_error *err)
{
    for (size_t c = 0; c < scorer->n; c++) {
        scorer->bounds[c] = version->bounds[c];
        if (!scorer->bounds[c].is_known)
            MW_TRY(learn_bound(version, c, room, &scorer->bounds[c], err));
    }
    return MW_OK;
}

static double threshold_of(const mw_anomaly *found, size_t n, double *room)
{
    for (size_t i = 0; i < n; i++)
        room[i] = found[i].score;
    mw_sort(room, n, room + n);
    return mw_sample_quantile(&(mw_sample){.sorted = room, .n = n}, QUANTILE);
}

/* room: (learn_rows, n) and twice learn_rows. */
static mw_status fill(const watch_version *version, const watch_column *columns,
                      watch_scorer *scorer, double *room, mw_anomaly *found, mw_error *err)
{
    size_t n_rows = version->learn_rows, n = scorer->n;
    double *rows = room + 2 * n_rows;
    MW_TRY(set_bounds(version, scorer, room, err));
    set_rarities(scorer, columns);
    for (size_t i = 0; i < n_rows; i++)
        for (size_t c = 0; c < n; c++)
            rows[i * n + c] =
                encoded(scorer, columns, c, version->learned[i * version->n_columns + c]);
    MW_TRY(mw_anomaly_fit(scorer->bounds, n, rows, n_rows, 0, &scorer->forest, err));
    MW_TRY(mw_anomaly_score(scorer->bounds, n, scorer->forest, rows, n_rows, found, err));
    scorer->threshold = threshold_of(found, n_rows, room);
    return MW_OK;
}

watch_scorer *watch_scorer_make(const watch_version *version, const watch_column *columns)
{
    mw_error none;
    size_t n = version->n_features, n_rows = version->learn_rows;
    if (n == 0)
        return NULL;
    watch_scorer *scorer = calloc(1, sizeof *scorer);
    double *room = malloc((n_rows * (n + 2)) * sizeof *room);
    mw_anomaly *found = malloc(n_rows * sizeof *found);
    bool done = false;
    if (scorer && room && found) {
        scorer->n = n;
        scorer->bounds = calloc(n, sizeof *scorer->bounds);
        scorer->rarities = calloc(n * WATCH_BINS, sizeof *scorer->rarities);
        done = scorer->bounds && scorer->rarities &&
               fill(version, columns, scorer, room, found, &none) == MW_OK;
    }
    free(room);
    free(found);
    if (done)
        return scorer;
    watch_scorer_free(scorer);
    return NULL;
}

watch_scorer *watch_scorer_again(const watch_column *columns, size_t n_features,
                                 mw_anomaly_bound *bounds, mw_isolation *forest, double threshold)
{
    watch_scorer *scorer = calloc(1, sizeof *scorer);
    double *rarities = calloc(n_features * WATCH_BINS + 1, sizeof *rarities);
    if (scorer && rarities) {
        *scorer = (watch_scorer){n_features, bounds, rarities, forest, threshold};
        set_rarities(scorer, columns);
        return scorer;
    }
    free(scorer);
    free(rarities);
    free(bounds);
    mw_isolation_free(forest);
    return NULL;
}

/* ---- scoring --------------------------------------------------------------------------------- */

static double value_at(const mw_matrix *rows, size_t row, size_t column)
{
    ptrdiff_t at = (ptrdiff_t)row * rows->row_stride + (ptrdiff_t)column * rows->column_stride;
    return rows->dtype == MW_FLOAT64 ? ((const double *)rows->data)[at]
                                     : (double)((const float *)rows->data)[at];
}

bool watch_score(const watch_version *version, const mw_matrix *rows, size_t n_rows,
                 double *ret_scores)
{
    mw_anomaly found[BLOCK];
    mw_error none;
    const watch_scorer *scorer = atomic_load_explicit(&version->scorer, memory_order_acquire);
    const watch_column *columns = atomic_load_explicit(&version->columns, memory_order_acquire);
    if (!scorer || !columns || rows->n_columns < scorer->n)
        return false;
    size_t n = scorer->n, held = n_rows < BLOCK ? n_rows : BLOCK;
    double *room = malloc((held * n + 1) * sizeof *room);
    bool done = room != NULL;
    for (size_t begin = 0; done && begin < n_rows; begin += BLOCK) {
        size_t size = n_rows - begin < BLOCK ? n_rows - begin : BLOCK;
        for (size_t i = 0; i < size; i++)
            for (size_t c = 0; c < n; c++)
                room[i * n + c] = encoded(scorer, columns, c, value_at(rows, begin + i, c));
        done =
            mw_anomaly_score(scorer->bounds, n, scorer->forest, room, size, found, &none) == MW_OK;
        for (size_t i = 0; done && i < size; i++)
            ret_scores[begin + i] = found[i].score;
    }
    free(room);
    return done;
}

void watch_score_some(watch_version *version, const double *rows, size_t n_rows)
{
    double scores[BLOCK];
    const watch_scorer *scorer = atomic_load_explicit(&version->scorer, memory_order_acquire);
    for (size_t begin = 0; scorer && begin < n_rows; begin += BLOCK) {
        size_t n = n_rows - begin < BLOCK ? n_rows - begin : BLOCK;
        mw_matrix block = {rows + begin * version->n_columns, MW_FLOAT64, n, version->n_features,
                           (ptrdiff_t)version->n_columns,     1};
        if (!watch_score(version, &block, n, scores))
            return;
        for (size_t i = 0; i < n; i++)
            version->anomalous += scores[i] >= scorer->threshold;
        version->scored += n;
    }
}
