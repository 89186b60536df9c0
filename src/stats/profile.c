/* A profile in the making: one column at a time, from its values in order.
 *
 *     values --sort--> quantiles, bins, distinct      (numbers)
 *     codes --sort--> runs --by count--> categories   (categories) */
#include "stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { FIRST_COLUMNS = 16 };
#define MEMORY_BYTES (256 * MW_MIB)

/* ---- life ------------------------------------------------------------------------------------ */

void mw_profile_init(mw_profile *profile)
{
    *profile = (mw_profile){0};
    mw_arena_init(&profile->memory, 64 * MW_KIB, MEMORY_BYTES);
}

void mw_profile_done(mw_profile *profile)
{
    free(profile->columns);
    mw_arena_done(&profile->memory);
    profile->columns = NULL;
    profile->n_columns = 0;
}

static mw_status keep(mw_profile *profile, mw_view text, mw_view *ret_kept, mw_error *err)
{
    char *copy = mw_arena_text(&profile->memory, text);
    *ret_kept = (mw_view){copy, text.size};
    return copy ? MW_OK : mw_fail_memory(err, "a profile");
}

mw_status mw_profile_set_source(mw_profile *profile, mw_view source, mw_error *err)
{
    return keep(profile, source, &profile->source, err);
}

const mw_profile_column *mw_profile_find(const mw_profile *profile, mw_view name)
{
    for (size_t c = 0; c < profile->n_columns; c++)
        if (mw_view_equal(profile->columns[c].name, name))
            return &profile->columns[c];
    return NULL;
}

static mw_profile_column *next_column(mw_profile *profile)
{
    if (profile->n_columns == profile->capacity) {
        size_t capacity = profile->capacity ? 2 * profile->capacity : FIRST_COLUMNS;
        mw_profile_column *wider = realloc(profile->columns, capacity * sizeof *wider);
        if (!wider)
            return NULL;
        profile->columns = wider;
        profile->capacity = capacity;
    }
    return &profile->columns[profile->n_columns];
}

/* ---- numbers --------------------------------------------------------------------------------- */

static double median_gap(const mw_sample *sample, double median, double *gaps, double *scratch)
{
    for (size_t i = 0; i < sample->n; i++)
        gaps[i] = fabs(sample->sorted[i] - median);
    mw_sort(gaps, sample->n, scratch);
    return mw_sample_quantile(&(mw_sample){.sorted = gaps, .n = sample->n}, 0.5);
}

static double *take_doubles(mw_profile *profile, size_t n)
{
    return mw_arena_take(&profile->memory, n * sizeof(double));
}

static mw_status fill_bins(mw_profile *profile, const mw_sample *sample, mw_profile_column *column,
                           mw_error *err)
{
    double *quantiles = take_doubles(profile, MW_PROFILE_QUANTILES);
    double *edges = take_doubles(profile, MW_PROFILE_DECILES + 1);
    double *counts = take_doubles(profile, MW_PROFILE_DECILES + 2);
    if (!quantiles || !edges || !counts)
        return mw_fail_memory(err, "a profile");
    for (size_t k = 0; k < MW_PROFILE_QUANTILES; k++)
        quantiles[k] = mw_sample_quantile(sample, (double)k / (MW_PROFILE_QUANTILES - 1));
    column->n_edges = mw_bins_quantiles(sample, MW_PROFILE_DECILES, true, edges);
    mw_bins_count(sample, edges, column->n_edges, counts);
    column->quantiles = quantiles;
    column->edges = edges;
    column->counts = counts;
    return MW_OK;
}

/* room: 2 n doubles that the sample does not use. */
static mw_status fill_numbers(mw_profile *profile, const mw_sample *sample, double *room,
                              mw_profile_column *column, mw_error *err)
{
    mw_moments moments;
    mw_moments_init(&moments);
    mw_moments_add(&moments, sample->sorted, sample->n);
    column->mean = column->median = column->mad = column->low = column->high = (double)NAN;
    column->deviation = sqrt(mw_moments_variance(&moments));
    column->skewness = mw_moments_skewness(&moments);
    column->kurtosis = mw_moments_kurtosis(&moments);
    if (sample->n == 0)
        return MW_OK;
    column->mean = moments.mean;
    column->median = mw_sample_quantile(sample, 0.5);
    column->mad = median_gap(sample, column->median, room, room + sample->n);
    column->low = mw_sample_quantile(sample, 0.001);
    column->high = mw_sample_quantile(sample, 0.999);
    return fill_bins(profile, sample, column, err);
}

/* ---- categories ------------------------------------------------------------------------------ */

typedef struct run {
    double value, rows;
} run;

static int by_rows(const void *a, const void *b)
{
    const run *x = a, *y = b;
    if (x->rows != y->rows)
        return x->rows > y->rows ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

static mw_status name_run(mw_profile *profile, const mw_profile_source *source, double value,
                          mw_view *ret_text, mw_error *err)
{
    char text[MW_NUMBER_TEXT_BYTES];
    if (source->texts)
        return keep(profile, source->texts[(size_t)value], ret_text, err);
    size_t size = mw_number_write_double(text, value, false);
    return keep(profile, (mw_view){text, size}, ret_text, err);
}

static mw_status fill_categories(mw_profile *profile, const mw_profile_source *source,
                                 const run *runs, size_t n_runs, mw_profile_column *column,
                                 mw_error *err)
{
    size_t n = n_runs < MW_PROFILE_CATEGORIES ? n_runs : MW_PROFILE_CATEGORIES;
    mw_profile_category *kept = mw_arena_take_zeroed(&profile->memory, n + 1, sizeof *kept);
    if (!kept)
        return mw_fail_memory(err, "a profile");
    for (size_t i = 0; i < n_runs; i++) {
        if (i >= n) {
            column->others += runs[i].rows;
            continue;
        }
        kept[i].rows = runs[i].rows;
        MW_TRY(name_run(profile, source, runs[i].value, &kept[i].text, err));
    }
    column->categories = kept;
    column->n_categories = n;
    return MW_OK;
}

static mw_status count_categories(mw_profile *profile, const mw_profile_source *source,
                                  const mw_sample *sample, mw_profile_column *column, mw_error *err)
{
    run *runs = malloc(((size_t)column->distinct + 1) * sizeof *runs);
    size_t n = 0;
    if (!runs)
        return mw_fail_memory(err, "a profile");
    for (size_t i = 0; i < sample->n; i++) {
        if (i == 0 || sample->sorted[i] != sample->sorted[i - 1])
            runs[n++] = (run){sample->sorted[i], 0};
        runs[n - 1].rows++;
    }
    qsort(runs, n, sizeof *runs, by_rows);
    mw_status status = fill_categories(profile, source, runs, n, column, err);
    free(runs);
    return status;
}

/* ---- a column -------------------------------------------------------------------------------- */

mw_status mw_profile_add(mw_profile *profile, const mw_profile_source *source, mw_error *err)
{
    mw_profile_column *place = next_column(profile);
    double *room = malloc((3 * source->n + 1) * sizeof *room);
    if (!place || !room) {
        free(room);
        return mw_fail_memory(err, "a profile");
    }
    mw_sample sample = mw_sample_make(source->values, source->n, 1, room, room + source->n);
    mw_profile_column column = {.is_category = source->texts || source->is_category,
                                .is_label = source->is_label,
                                .n = (double)sample.n,
                                .missing = (double)sample.n_missing,
                                .infinite = (double)sample.n_infinite,
                                .distinct = (double)mw_sample_distinct(&sample, sample.n)};
    mw_status status = keep(profile, source->name, &column.name, err);
    if (status == MW_OK)
        status = column.is_category
                     ? count_categories(profile, source, &sample, &column, err)
                     : fill_numbers(profile, &sample, room + source->n, &column, err);
    free(room);
    MW_TRY(status);
    *place = column;
    profile->n_columns++;
    profile->rows = (double)source->n;
    return MW_OK;
}
