/* Samples in order: the sort against the library's, walks and bins against slow definitions. */
#include <math.h>
#include <stdlib.h>

#include "stats/stats.h"
#include "test.h"

static uint64_t state64 = 88172645463325252u;

static double chance(void)
{
    state64 ^= state64 << 13;
    state64 ^= state64 >> 7;
    state64 ^= state64 << 17;
    return (double)(state64 >> 11) * 0x1p-53;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double any_value(size_t kind)
{
    double u = chance();
    switch (kind) {
    case 0:
        return u * 2 - 1;
    case 1:
        return floor(u * 9) - 4; /* ties, -0 */
    case 2:
        return ldexp(u - 0.5, (int)(chance() * 2000) - 1000);
    case 3:
        return (double)(float)(u * 100);
    case 4:
        return u < 0.001 ? 1e300 : 1 + u * 1e-9; /* a crowd beside one far off */
    case 5:
        return floor(u * 3000) * 0.5 - 700; /* halves: of a small range, not whole */
    case 6:
        return exp(u * 40); /* a long tail: nearly all in the first cells */
    case 7:
        return -0x1p1023 + u * 0x1.8p1023 + (u > 0.5) * 0x1p1023; /* the range is infinite */
    default:
        return 7;
    }
}

enum { KINDS = 9 };

static void test_sort(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 63, 64, 65, 100, 1000, 5000};
    for (size_t i = 0; i < MW_COUNT(sizes) * KINDS; i++) {
        size_t n = sizes[i / KINDS], kind = i % KINDS;
        double *values = malloc((n + 1) * sizeof *values),
               *scratch = malloc((n + 1) * sizeof *scratch);
        double *expected = malloc((n + 1) * sizeof *expected);
        for (size_t k = 0; k < n; k++)
            values[k] = expected[k] = any_value(kind);
        qsort(expected, n, sizeof *expected, ascending);
        mw_sort(values, n, scratch);
        for (size_t k = 0; k < n; k++)
            if (values[k] != expected[k])
                fail_msg("n %zu, kind %zu: at %zu %g, expected %g", n, kind, k, values[k],
                         expected[k]);
        free(values);
        free(scratch);
        free(expected);
    }
}

/* done_with() frees it. */
static mw_sample sample_of(const double *values, size_t n)
{
    double *room = malloc((n + 1) * sizeof *room), *scratch = malloc((n + 1) * sizeof *scratch);
    mw_sample sample = mw_sample_make(values, n, 1, room, scratch);
    free(scratch);
    return sample;
}

static void done_with(mw_sample *sample)
{
    free((double *)(uintptr_t)sample->sorted);
}

static void test_what_is_no_value(void **state)
{
    (void)state;
    const double values[] = {3, (double)NAN, -(double)INFINITY, 1, (double)INFINITY, 2};
    mw_sample sample = sample_of(values, MW_COUNT(values));
    assert_true(sample.n == 3 && sample.n_missing == 1 && sample.n_infinite == 2);
    assert_true(sample.sorted[0] == 1 && sample.sorted[2] == 3);
    assert_true(mw_sample_quantile(&sample, 0.25) == 1.5 && mw_sample_distinct(&sample, 9) == 3);
    mw_spread_of_sample spread = mw_sample_spread(&sample);
    assert_true(spread.mean == 2 && fabs(spread.deviation - sqrt(2.0 / 3)) < 1e-15);
    done_with(&sample);
    sample = sample_of(values + 1, 1);
    assert_true(sample.n == 0 && isnan(mw_sample_spread(&sample).mean) &&
                isnan(mw_sample_quantile(&sample, 0.5)) &&
                isnan(mw_ks_distance(&sample, &sample)) && isnan(mw_wasserstein(&sample, &sample)));
    done_with(&sample);
}

/* ---- two samples ----------------------------------------------------------------------------- */

static double share_up_to(const mw_sample *sample, double value)
{
    size_t n = 0;
    for (size_t i = 0; i < sample->n; i++)
        n += sample->sorted[i] <= value;
    return (double)n / (double)sample->n;
}

/* Both by their definitions over all values. */
static void slow(const mw_sample *a, const mw_sample *b, double *ret_ks, double *ret_wasserstein)
{
    double all[400], ks = 0, area = 0;
    size_t n = a->n + b->n;
    memcpy(all, a->sorted, a->n * sizeof *all);
    memcpy(all + a->n, b->sorted, b->n * sizeof *all);
    qsort(all, n, sizeof *all, ascending);
    for (size_t i = 0; i < n; i++) {
        double gap = fabs(share_up_to(a, all[i]) - share_up_to(b, all[i]));
        ks = fmax(ks, gap);
        area += i + 1 < n ? gap * (all[i + 1] - all[i]) : 0;
    }
    *ret_ks = ks;
    *ret_wasserstein = area;
}

static void test_two_samples(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{1, 1},    {1, 9},   {9, 1},  {7, 7},
                                      {150, 40}, {33, 99}, {64, 65}};
    for (size_t i = 0; i < MW_COUNT(sizes) * 20; i++) {
        const size_t *size = sizes[i / 20];
        double values[2][200], ks, area;
        for (size_t side = 0; side < 2; side++)
            for (size_t k = 0; k < size[side]; k++)
                values[side][k] = any_value(i % 2) + (i % 20 < 4 ? 10.0 * (double)side : 0);
        mw_sample a = sample_of(values[0], size[0]), b = sample_of(values[1], size[1]);
        slow(&a, &b, &ks, &area);
        if (fabs(mw_ks_distance(&a, &b) - ks) > 1e-12)
            fail_msg("%zu, %zu: KS %g, expected %g", size[0], size[1], mw_ks_distance(&a, &b), ks);
        if (fabs(mw_wasserstein(&a, &b) - area) > 1e-12)
            fail_msg("%zu, %zu: Wasserstein %g, expected %g", size[0], size[1],
                     mw_wasserstein(&a, &b), area);
        done_with(&a);
        done_with(&b);
    }
}

/* ---- bins ------------------------------------------------------------------------------------ */

static void test_bins(void **state)
{
    (void)state;
    const double values[] = {1, 2, 2, 2, 3, 4, 5, 6, 7, 8};
    double edges[MW_BINS_MAX + 1], counts[MW_BINS_MAX + 1];
    mw_sample sample = sample_of(values, MW_COUNT(values));
    size_t n = mw_bins_quantiles(&sample, 4, false, edges); /* 2, 3.5, 5.75 */
    assert_true(n == 3 && edges[0] == 2 && edges[1] == 3.5 && edges[2] == 5.75);
    mw_bins_count(&sample, edges, n, counts);
    assert_true(counts[0] == 4 && counts[1] == 1 && counts[2] == 2 && counts[3] == 3);
    n = mw_bins_quantiles(&sample, 4, true, edges);
    assert_true(n == 5 && edges[0] < 1 && edges[4] == 8);
    n = mw_bins_sturges(&sample, &sample, 20, edges); /* width 7 / 5.3, but whole numbers */
    assert_true(n == 7 && edges[0] == 1 && edges[6] == 8);
    mw_bins_histogram(&sample, edges, n, counts);
    assert_true(counts[0] == 4 && counts[5] == 2);
    done_with(&sample);
    const double same[] = {3, 3, 3};
    sample = sample_of(same, 3);
    n = mw_bins_quantiles(&sample, 10, false, edges); /* below, it, above */
    assert_true(n == 2 && edges[0] < 3 && edges[0] > 2.999 && edges[1] == 3);
    n = mw_bins_doane(&sample, edges); /* room on both sides, as numpy */
    assert_true(n == 2 && edges[0] == 2.5 && edges[1] == 3.5);
    done_with(&sample);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_what_is_no_value),
        cmocka_unit_test(test_two_samples),
        cmocka_unit_test(test_bins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
