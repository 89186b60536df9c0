/* A training profile: what is read can be counted in, and written again it reads the same. */
#include <stdint.h>
#include <stdlib.h>

#include "stats/stats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void measure(const mw_profile_column *column)
{
    static const double values[] = {-1, 0, 0.5, 3};
    const mw_view texts[] = {MW_VIEW("a"), MW_VIEW("b"), MW_VIEW(""), MW_VIEW("1")};
    const double codes[] = {0, 1, 2, 3};
    mw_drift_options options;
    mw_drift_feature feature;
    mw_error err;
    mw_sample sample = {.sorted = column->is_category ? codes : values, .n = 4};
    mw_drift_options_init(MW_DRIFT_MILLWRIGHT, &options);
    (void)!mw_drift_measure_profile(column, &sample, column->is_category ? texts : NULL, &options,
                                    &feature, &err);
}

static void check(const mw_profile *profile)
{
    mw_error err;
    mw_profile again;
    mw_buf text, other;
    mw_buf_init(&text, 64 * MW_MIB);
    mw_buf_init(&other, 64 * MW_MIB);
    mw_profile_write(profile, &text);
    if (mw_profile_read(mw_buf_as_view(&text), &again, &err) != MW_OK)
        abort();
    mw_profile_write(&again, &other);
    if (!mw_view_equal(mw_buf_as_view(&text), mw_buf_as_view(&other)))
        abort();
    mw_profile_done(&again);
    mw_buf_done(&text);
    mw_buf_done(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err;
    mw_profile profile;
    if (mw_profile_read((mw_view){(const char *)data, size}, &profile, &err) == MW_OK) {
        for (size_t c = 0; c < profile.n_columns; c++)
            measure(&profile.columns[c]);
        check(&profile);
    }
    mw_profile_done(&profile);
    return 0;
}
