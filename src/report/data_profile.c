/* What each column is like. */
#include "profile.h"

#include <math.h>
#include <stdlib.h>

#include "stats/stats.h"

#include "base/banned.h"

const char *mw_column_kind_name(mw_column_kind kind)
{
    static const char *const names[] = {"number", "whole number", "text", "constant", "empty"};
    return names[kind];
}

void mw_data_profile_done(mw_data_profile *profile)
{
    mw_arena_done(&profile->memory);
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* Equal width from the least to the most, as numpy.histogram. */
static void count_bins(const mw_sample *sample, mw_column_profile *c)
{
    double least = sample->sorted[0], width = sample->sorted[sample->n - 1] - least;
    c->n_bins = width > 0 ? MW_PROFILE_BINS : 1;
    for (size_t i = 0; i <= c->n_bins; i++)
        c->edges[i] = i == c->n_bins ? sample->sorted[sample->n - 1]
                                     : least + width * (double)i / (double)c->n_bins;
    if (width > 0)
        mw_bins_histogram(sample, c->edges, c->n_bins + 1, c->counts);
    else
        c->counts[0] = (double)sample->n;
}

static void count_outliers(const mw_sample *sample, mw_column_profile *c)
{
    double reach = 1.5 * (c->three_quarters - c->quarter);
    for (size_t i = 0; i < sample->n; i++) {
        double value = sample->sorted[i];
        c->n_zero += value == 0;
        c->n_negative += value < 0;
        c->n_outliers += value < c->quarter - reach || value > c->three_quarters + reach;
    }
}

static void look_at_numbers(const mw_sample *sample, mw_column_profile *c)
{
    mw_moments moments;
    bool is_whole = true;
    c->least = sample->sorted[0];
    c->most = sample->sorted[sample->n - 1];
    c->quarter = mw_sample_quantile(sample, 0.25);
    c->median = mw_sample_quantile(sample, 0.5);
    c->three_quarters = mw_sample_quantile(sample, 0.75);
    mw_moments_init(&moments);
    mw_moments_add(&moments, sample->sorted, sample->n);
    c->mean = moments.mean;
    c->deviation = sqrt(mw_moments_variance(&moments));
    c->skewness = mw_moments_skewness(&moments);
    c->kurtosis = mw_moments_kurtosis(&moments);
    c->n_distinct = mw_sample_distinct(sample, SIZE_MAX - 1);
    for (size_t i = 0; i < sample->n && is_whole; i++)
        is_whole = sample->sorted[i] == floor(sample->sorted[i]);
    c->kind = c->n_distinct == 1 ? MW_KIND_CONSTANT : is_whole ? MW_KIND_WHOLE : MW_KIND_NUMBER;
    count_bins(sample, c);
    count_outliers(sample, c);
}

static mw_status look_at_column_of_numbers(const mw_frame_column *column, size_t n_rows,
                                           mw_column_profile *c, mw_error *err)
{
    double *room = malloc((2 * n_rows + 1) * sizeof *room);
    if (!room)
        return mw_fail_memory(err, "a column in order");
    mw_sample sample = mw_sample_make(column->values, n_rows, 1, room, room + n_rows);
    c->n = sample.n;
    c->n_missing = sample.n_missing;
    c->n_infinite = sample.n_infinite;
    c->kind = MW_KIND_EMPTY;
    if (sample.n > 0)
        look_at_numbers(&sample, c);
    free(room);
    return MW_OK;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static mw_status look_at_texts(const mw_frame_column *column, const mw_words *words, size_t n_rows,
                               mw_column_profile *c, mw_error *err)
{
    double *counts = calloc(words->n_texts + 1, sizeof *counts);
    if (!counts)
        return mw_fail_memory(err, "the texts of a column");
    for (size_t row = 0; row < n_rows; row++) {
        bool is_missing = isnan(column->values[row]);
        c->n_missing += is_missing;
        c->n += !is_missing;
        if (!is_missing)
            counts[(size_t)column->values[row]]++;
    }
    for (size_t i = 0; i < words->n_texts; i++)
        c->n_distinct += counts[i] > 0;
    for (size_t k = 0; k < MW_PROFILE_TOP; k++) {
        size_t best = words->n_texts;
        for (size_t i = 0; i < words->n_texts; i++)
            if (counts[i] > 0 && (best == words->n_texts || counts[i] > counts[best]))
                best = i;
        if (best == words->n_texts)
            break;
        c->top[c->n_top++] = (mw_top_value){mw_view_trim(words->texts[best]), counts[best]};
        counts[best] = 0;
    }
    free(counts);
    c->kind = c->n == 0 ? MW_KIND_EMPTY : c->n_distinct == 1 ? MW_KIND_CONSTANT : MW_KIND_TEXT;
    return MW_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static mw_status count_duplicates(const mw_frame *frame, mw_data_profile *profile, mw_error *err)
{
    uint64_t *hashes = calloc(frame->n_rows + 1, sizeof *hashes);
    if (!hashes)
        return mw_fail_memory(err, "the rows");
    for (size_t row = 0; row < frame->n_rows; row++)
        for (size_t c = 0; c < frame->n_columns; c++) {
            double value = frame->columns[c].values[row] + 0.0;
            uint64_t bits = 1;
            if (!isnan(value))
                memcpy(&bits, &value, sizeof bits);
            hashes[row] = mw_mix(hashes[row] * 31 + bits + c);
        }
    profile->n_duplicates += mw_count_repeats(hashes, frame->n_rows);
    free(hashes);
    return MW_OK;
}

/* ---- all ------------------------------------------------------------------------------------- */

static mw_status look_at(const mw_frame *frame, const mw_words *words, size_t column,
                         mw_column_profile *c, mw_error *err)
{
    const mw_frame_column *values = &frame->columns[column];
    const double none = (double)NAN;
    *c = (mw_column_profile){.name = values->name,
                             .is_text = words[column].n_texts > 0,
                             .least = none,
                             .quarter = none,
                             .median = none,
                             .three_quarters = none,
                             .most = none,
                             .mean = none,
                             .deviation = none,
                             .skewness = none,
                             .kurtosis = none,
                             .relation = none,
                             .alone = none};
    return c->is_text ? look_at_texts(values, &words[column], frame->n_rows, c, err)
                      : look_at_column_of_numbers(values, frame->n_rows, c, err);
}

mw_status mw_data_profile_make(const mw_frame *frame, const mw_words *words, mw_view name,
                               ptrdiff_t target, mw_data_profile *profile, mw_error *err)
{
    enum { CLASSES_MAX = 20 };
    *profile = (mw_data_profile){
        .name = name, .n_rows = frame->n_rows, .n_columns = frame->n_columns, .target = target};
    mw_arena_init(&profile->memory, 64 * MW_KIB, MW_LIMIT_STUDY_BYTES);
    profile->columns =
        mw_arena_take_zeroed(&profile->memory, frame->n_columns + 1, sizeof *profile->columns);
    if (!profile->columns)
        return mw_fail_memory(err, "the profile");
    for (size_t c = 0; c < frame->n_columns; c++)
        MW_TRY(look_at(frame, words, c, &profile->columns[c], err));
    if (target >= 0) {
        const mw_column_profile *t = &profile->columns[target];
        profile->target_is_class =
            t->is_text || (t->n_distinct <= CLASSES_MAX && t->kind != MW_KIND_NUMBER);
    }
    MW_TRY(count_duplicates(frame, profile, err));
    MW_TRY(profile_relate(frame, words, profile, err));
    return profile_advise(frame, words, profile, err);
}
