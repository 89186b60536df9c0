/* What a version's columns were: from a training profile, or from the first rows.
 *
 *     profile --by name, or by place--> bins of features     rows --> bins of what is left:
 * outputs, and what the profile lacks A column's reference never changes once it is made: counts
 * before and after would not compare. */
#include "stats/stats.h"
#include "watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

/* ---- columns --------------------------------------------------------------------------------- */

void watch_columns_free(watch_column *columns, size_t n)
{
    for (size_t c = 0; columns && c < n; c++)
        free(columns[c].bins);
    free(columns);
}

void watch_columns_put(watch_version *version, watch_column *columns, bool has_bins)
{
    watch_column *before = atomic_load(&version->columns);
    if (before && version->n_retired < WATCH_RETIRED) {
        version->retired_own_bins[version->n_retired] = !has_bins;
        version->retired[version->n_retired++] = before;
    }
    version->shared_digest = 0;
    atomic_store_explicit(&version->columns, columns, memory_order_release);
}

/* The columns as they are, to be made ready further; bins of categories are borrowed from them. */
static watch_column *copy_columns(const watch_version *version)
{
    watch_column *copy = calloc(version->n_columns + 1, sizeof *copy);
    const watch_column *now = atomic_load(&version->columns);
    if (copy && now)
        memcpy(copy, now, version->n_columns * sizeof *copy);
    return copy;
}

void watch_set_edges(watch_column *column, const double *edges, size_t n)
{
    column->n_edges = n;
    for (size_t i = 0; i < WATCH_PADDED; i++)
        column->edges[i] = i < n ? edges[i] : (double)INFINITY;
}

typedef struct coded {
    uint32_t code;
    double rows;
} coded;

static int commonest(const void *a, const void *b)
{
    const coded *x = a, *y = b;
    if (x->rows != y->rows)
        return x->rows > y->rows ? -1 : 1;
    return (x->code > y->code) - (x->code < y->code);
}

/* The commonest have a bin each. `list` is put in order. */
static bool set_codes(watch_column *column, coded *list, size_t n, double others)
{
    size_t n_codes = 0;
    for (size_t i = 0; i < n; i++)
        n_codes = list[i].code >= n_codes ? list[i].code + 1 : n_codes;
    uint8_t *bins = malloc(n_codes + 1);
    if (!bins)
        return false;
    memset(bins, WATCH_NEW, n_codes + 1);
    qsort(list, n, sizeof *list, commonest);
    for (size_t i = 0; i < n; i++) {
        size_t bin = i < WATCH_TOP ? i : WATCH_OTHERS;
        bins[list[i].code] = (uint8_t)bin;
        column->reference[bin] += list[i].rows;
        if (i < WATCH_TOP)
            column->top[i] = list[i].code;
    }
    column->reference[WATCH_OTHERS] += others;
    column->n_top = n < WATCH_TOP ? n : WATCH_TOP;
    column->bins = bins;
    column->n_codes = n_codes;
    column->is_category = true;
    return true;
}

/* As many edges as when files were first written. */
enum { WATCH_DIGESTED = WATCH_EDGES + 1 };

uint64_t watch_digest_of(const watch_column *columns, size_t n)
{
    uint64_t digest = MW_FNV_BEGIN;
    for (size_t c = 0; c < n; c++) {
        if (!columns[c].is_profiled)
            continue;
        const void *const parts[] = {&c, columns[c].edges, columns[c].reference, columns[c].top};
        const size_t sizes[] = {sizeof c, WATCH_DIGESTED * sizeof(double),
                                sizeof columns[c].reference, sizeof columns[c].top};
        for (size_t p = 0; p < MW_COUNT(parts); p++)
            digest = mw_fnv(digest, parts[p], sizes[p]);
    }
    return digest;
}

/* ---- from a profile -------------------------------------------------------------------------- */

static bool is_code(double value)
{
    return value >= 0 && value < WATCH_CODES && value == floor(value);
}

/* A category's code in the model: by its text, or it is a number. */
static bool code_of(const mw_column *column, mw_view text, uint32_t *ret_code)
{
    double number;
    ptrdiff_t code = mw_schema_category(column, text);
    if (code < 0 && !column->categories && !column->hashed &&
        mw_number_parse(text.data, text.size, &number) && is_code(number))
        code = (ptrdiff_t)number;
    *ret_code = (uint32_t)code;
    return code >= 0 && code < WATCH_CODES;
}

static bool take_categories(const mw_profile_column *from, const mw_column *column,
                            watch_column *to)
{
    coded *list = malloc((from->n_categories + 1) * sizeof *list);
    size_t n = 0;
    double others = from->others;
    for (size_t i = 0; list && i < from->n_categories; i++)
        if (code_of(column, from->categories[i].text, &list[n].code))
            list[n++].rows = from->categories[i].rows;
        else
            others += from->categories[i].rows;
    bool taken = list && (n > 0 || from->n_categories == 0) && set_codes(to, list, n, others);
    free(list);
    return taken;
}

/* A column that the model reads as numbers, whose profile counts texts: by codes where all of them
 * are numbers, else it cannot be compared. */
static bool take(const mw_profile_column *from, const mw_column *column, watch_column *to)
{
    if (from->is_label)
        return false;
    if (from->is_category) {
        if (!take_categories(from, column, to))
            return false;
    } else {
        if (from->n == 0 || (column->type == MW_COLUMN_CATEGORY && column->categories))
            return false;
        watch_set_edges(to, from->edges, from->n_edges);
        memcpy(to->reference, from->counts, (from->n_edges + 1) * sizeof *to->reference);
    }
    to->reference[WATCH_MISSING] = from->missing + from->infinite;
    to->is_ready = to->is_profiled = true;
    return true;
}

static size_t n_inputs(const mw_profile *profile)
{
    size_t n = 0;
    for (size_t c = 0; c < profile->n_columns; c++)
        n += !profile->columns[c].is_label;
    return n;
}

static const mw_profile_column *input_at(const mw_profile *profile, size_t place)
{
    for (size_t c = 0; c < profile->n_columns; c++)
        if (!profile->columns[c].is_label && place-- == 0)
            return &profile->columns[c];
    return NULL;
}

static mw_status fail_columns(const mw_watch_subject *subject, mw_error *err)
{
    mw_fail(err, MW_E_REFERENCE_COLUMNS,
            "the reference of '%s' has none of the %zu columns that its model reads",
            subject->endpoint, subject->schema->n_columns);
    if (subject->schema->n_columns > 0)
        mw_why(err, "the model's first is '%.*s', the reference's '%.*s'",
               MW_VIEW_ARG(subject->schema->columns[0].name),
               MW_VIEW_ARG(subject->profile->columns[0].name));
    return mw_mend(err, "mw data profile train.csv, of the file that the model was trained on");
}

mw_status watch_take_profile(watch_version *version, const mw_watch_subject *subject,
                             uint64_t now_ns, mw_error *err)
{
    const mw_schema *schema = subject->schema;
    bool by_place = !schema->named && n_inputs(subject->profile) == schema->n_columns;
    watch_column *columns = copy_columns(version);
    size_t n = 0;
    if (!columns)
        return mw_fail_memory(err, "a reference");
    for (size_t c = 0; c < version->n_features; c++) {
        const mw_profile_column *from =
            by_place ? input_at(subject->profile, c)
                     : mw_profile_find(subject->profile, schema->columns[c].name);
        if (!from || !take(from, &schema->columns[c], &columns[c]))
            continue;
        version->bounds[c] = mw_anomaly_bound_of(from);
        n++;
    }
    if (n == 0) {
        free(columns);
        return fail_columns(subject, err);
    }
    version->profile_rows = subject->profile->rows;
    version->reference_digest = watch_digest_of(columns, version->n_columns);
    version->first_ns = now_ns;
    watch_columns_put(version, columns, true);
    return MW_OK;
}

/* ---- from the first rows --------------------------------------------------------------------- */

static bool learn_categories(const mw_sample *sample, watch_column *column)
{
    coded *list = malloc((sample->n + 1) * sizeof *list);
    size_t n = 0;
    double others = 0;
    for (size_t i = 0; list && i < sample->n; i++) {
        if (!is_code(sample->sorted[i]))
            others++;
        else if (n > 0 && (double)list[n - 1].code == sample->sorted[i])
            list[n - 1].rows++;
        else
            list[n++] = (coded){(uint32_t)sample->sorted[i], 1};
    }
    bool done = list && set_codes(column, list, n, others);
    free(list);
    return done;
}

static bool learn_column(const watch_version *version, size_t c, double *room, watch_column *column)
{
    size_t n = version->learn_rows;
    double *values = room + 2 * n, edges[WATCH_EDGES + 1];
    for (size_t i = 0; i < n; i++) /* infinite: beyond every number, but no quantile */
        values[i] = version->learned[i * version->n_columns + c];
    mw_sample sample = mw_sample_make(values, n, 1, room, room + n);
    if (version->is_category[c]) {
        if (!learn_categories(&sample, column))
            return false;
    } else {
        watch_set_edges(column, edges, mw_bins_quantiles(&sample, WATCH_DECILES, true, edges));
        mw_bins_count(&sample, column->edges, column->n_edges, column->reference);
        for (size_t i = 0; i < n; i++)
            if (isinf(values[i]))
                column->reference[values[i] > 0 ? column->n_edges : 0]++;
    }
    size_t n_strangers = 0;
    for (size_t i = 0; version->is_category[c] && i < n; i++)
        n_strangers += mw_stranger_mark(values[i]) != 0;
    column->reference[WATCH_NEW] += (double)n_strangers;
    column->reference[WATCH_MISSING] = (double)(sample.n_missing - n_strangers);
    column->is_ready = true;
    return true;
}

/* All that have no reference yet, or none. */
static bool learn_all(const watch_version *version, watch_column *columns)
{
    const watch_column *before = atomic_load(&version->columns);
    double *room = malloc(3 * version->learn_rows * sizeof *room);
    bool done = room != NULL;
    for (size_t c = 0; done && c < version->n_columns; c++)
        if (!columns[c].is_ready)
            done = learn_column(version, c, room, &columns[c]);
    for (size_t c = 0; !done && c < version->n_columns; c++)
        if (!before || !before[c].is_ready)
            free(columns[c].bins);
    free(room);
    return done;
}

bool watch_is_whole(const watch_version *version)
{
    const watch_column *columns = atomic_load(&version->columns);
    bool is_whole = columns != NULL;
    for (size_t c = 0; columns && c < version->n_columns; c++)
        is_whole = is_whole && columns[c].is_ready;
    return is_whole;
}

void watch_end_learning(watch_version *version)
{
    if (!atomic_exchange(&version->learns, false))
        return;
    size_t claimed = atomic_exchange(&version->n_claimed, version->learn_rows);
    version->n_awaited = claimed < version->learn_rows ? claimed : version->learn_rows;
}

static void drop_learned(watch_version *version)
{
    if (atomic_load_explicit(&version->n_written, memory_order_acquire) < version->n_awaited)
        return;
    free(version->learned);
    version->learned = NULL;
}

/* Versions live as long as the monitor: a thread that still has the scorer may go on with it. */
void watch_hand_over(watch_version *before, watch_version *version)
{
    pthread_mutex_lock(&before->lock);
    watch_decay *decay = before->decay;
    watch_sketches sketches = before->sketches;
    watch_importance *importance = before->importance;
    before->decay = NULL;
    before->importance = NULL;
    before->sketches = (watch_sketches){0};
    pthread_mutex_unlock(&before->lock);
    pthread_mutex_lock(&version->lock);
    watch_importance *own = version->importance;
    version->importance = importance;
    watch_decay *other = version->decay;
    version->decay = decay ? decay : other;
    if (sketches.now) { /* what came since it was loaded is little */
        watch_sketches now = version->sketches;
        version->sketches = sketches;
        sketches = now;
    }
    pthread_mutex_unlock(&version->lock);
    if (decay)
        watch_decay_free(other);
    watch_sketches_done(&sketches);
    watch_importance_free(own);
    watch_scorer *scorer = atomic_load(&before->scorer);
    if (!scorer || !watch_is_whole(version) || atomic_load(&version->scorer))
        return;
    atomic_store(&version->scorer, scorer);
    atomic_store(&before->scorer, NULL);
    version->joint = before->joint;
    before->joint = NULL;
    watch_end_learning(version);
}

static void learn_rest(watch_version *version, const watch_column *columns)
{
    if (version->is_companion) {
        pthread_mutex_lock(&version->lock);
        watch_importance_refer(version->importance, version->learned, version->learn_rows);
        pthread_mutex_unlock(&version->lock);
        return;
    }
    atomic_store(&version->scorer, watch_scorer_make(version, columns));
    version->joint = watch_joint_make(version);
}

/* Tapping threads that saw no reference have written their rows before n_written says so, so that
 * the rows may be freed: a later one claims none. */
void watch_learn(watch_version *version, uint64_t now_ns)
{
    if (version->is_companion && watch_is_whole(version))
        watch_end_learning(version); /* a history brought its reference; no scorer needs the rows */
    if (!atomic_load(&version->learns)) {
        drop_learned(version);
        return;
    }
    if (atomic_load_explicit(&version->n_written, memory_order_acquire) < version->learn_rows)
        return;
    watch_column *columns = copy_columns(version);
    bool is_first = !atomic_load(&version->columns);
    if (!columns || !learn_all(version, columns)) {
        free(columns); /* tried again at the next look */
        return;
    }
    watch_columns_put(version, columns, true);
    learn_rest(version, columns);
    if (is_first)
        version->first_ns = now_ns;
    version->saved_rows = UINT64_MAX; /* to be kept before a row is counted */
    version->learned_rows = UINT64_MAX;
    watch_end_learning(version);
    drop_learned(version);
}
