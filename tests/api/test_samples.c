/* What endpoints did lately: seconds, minutes, gaps, and the cap of memory. */
#include "../test.h"

#include <math.h>

#include "../folder.h"
#include "api/samples.h"
#include "api/tracks.h"

enum { NOON = 1764244800 }; /* a whole minute, of a day in 2025 */

static const char name[] = "churn";

static api_samples *begin(size_t cap_bytes)
{
    mw_error err;
    api_samples *samples;
    assert_int_equal(api_samples_new(cap_bytes, &samples, &err), MW_OK);
    return samples;
}

/* So many requests with each status, ever; all of them took 3 ms. */
static mw_endpoint_counts counted(uint64_t ok, uint64_t refused, uint64_t failed)
{
    mw_endpoint_counts counts = {.rows = 2 * ok};
    for (size_t c = 0; c < MW_N_CODES; c++) {
        counts.requests[MW_PROTOCOL_MLFLOW][c] = mw_counted_codes[c] == 200   ? ok
                                                 : mw_counted_codes[c] == 400 ? refused
                                                 : mw_counted_codes[c] == 500 ? failed
                                                                              : 0;
    }
    size_t bucket = 0;
    while (mw_latency_bounds[bucket] < 0.003)
        bucket++;
    counts.latency[bucket] = ok + refused + failed;
    return counts;
}

static void take(api_samples *samples, int64_t now, uint64_t ok, uint64_t refused, uint64_t failed)
{
    mw_endpoint_counts counts = counted(ok, refused, failed);
    api_counted all = {&counts, ok / 2, ok / 10};
    api_samples_take(samples, name, 1, &all, now);
}

static api_sample sum(api_samples *samples, int64_t from, int64_t step)
{
    api_sample found;
    int64_t since;
    assert_true(api_samples_read(samples, name, 1, from, step, 1, &found, &since));
    return found;
}

static void test_differences_of_seconds(void **state)
{
    (void)state;
    api_samples *samples = begin(MW_MIB);
    take(samples, NOON, 10, 1, 0);
    take(samples, NOON + 1, 10, 1, 0);
    take(samples, NOON + 2, 40, 1, 2);
    api_sample points[4];
    int64_t since;
    assert_true(api_samples_read(samples, name, 1, NOON - 1, 1, 4, points, &since));
    assert_int_equal(since, NOON);
    assert_int_equal(points[0].ok, 0);
    assert_int_equal(points[1].ok, 10);
    assert_int_equal(points[1].client_errors, 1);
    assert_int_equal(points[2].ok, 0);
    assert_int_equal(points[3].ok, 30);
    assert_int_equal(points[3].server_errors, 2);
    assert_int_equal(points[3].rows, 60);
    assert_int_equal(api_sample_requests(&points[3]), 32);
    assert_false(api_samples_read(samples, "other", 1, NOON, 1, 1, points, &since));
    assert_false(api_samples_read(samples, name, 2, NOON, 1, 1, points, &since));
    api_samples_free(samples);
}

static void test_anomalies_are_counted_anew(void **state)
{
    (void)state;
    const mw_endpoint_counts counts = {.rows = 0};
    const uint64_t scored[] = {100, 160, 20, 25}, odd[] = {10, 12, 5, 5}; /* a watch began anew */
    api_samples *samples = begin(MW_MIB);
    for (int64_t t = 0; t < 4; t++)
        api_samples_take(samples, name, 1, &(api_counted){&counts, scored[t], odd[t]}, NOON + t);
    const uint32_t expected[][2] = {{100, 10}, {60, 2}, {20, 5}, {5, 0}};
    for (int64_t t = 0; t < 4; t++) {
        assert_int_equal(sum(samples, NOON + t, 1).scored, expected[t][0]);
        assert_int_equal(sum(samples, NOON + t, 1).odd, expected[t][1]);
    }
    api_samples_free(samples);
}

/* Nobody took for three seconds: what came meanwhile is spread over them, and none of it is lost.
 */
static void test_late_takes_are_spread(void **state)
{
    (void)state;
    api_samples *samples = begin(MW_MIB);
    take(samples, NOON, 0, 0, 0);
    take(samples, NOON + 3, 100, 0, 0);
    assert_int_equal(sum(samples, NOON + 1, 1).ok, 33);
    assert_int_equal(sum(samples, NOON + 2, 1).ok, 33);
    assert_int_equal(sum(samples, NOON + 3, 1).ok, 34);
    take(samples, NOON + 1000, 160, 0, 0); /* a machine that slept */
    assert_int_equal(sum(samples, NOON + 941, 1).ok, 1);
    assert_int_equal(sum(samples, NOON + 940, 1).ok, 0);
    assert_int_equal(sum(samples, NOON + 941, 61).ok, 60);
    api_samples_free(samples);
}

/* An hour: seconds are forgotten, minutes are not; sums agree where both are there. */
static void test_minutes_outlive_seconds(void **state)
{
    (void)state;
    api_samples *samples = begin(MW_MIB);
    uint64_t ok = 0;
    for (int64_t t = 0; t < 3600; t++)
        take(samples, NOON + t, ok += 1 + (uint64_t)t % 3, 0, 0);
    assert_int_equal(sum(samples, NOON, 1).ok, 0);
    assert_int_equal(sum(samples, NOON, 60).ok, 120);
    assert_int_equal(sum(samples, NOON, 3600).ok, ok);
    uint32_t by_second = 0;
    for (int64_t t = 3540; t < 3600; t++)
        by_second += sum(samples, NOON + t, 1).ok;
    assert_int_equal(by_second, sum(samples, NOON + 3540, 60).ok);
    assert_int_equal(sum(samples, NOON + 3600 - SAMPLES_OFFERED_SECONDS, 1).ok > 0, 1);
    api_samples_free(samples);
}

static void test_a_day_later_it_is_gone(void **state)
{
    (void)state;
    api_samples *samples = begin(MW_MIB);
    take(samples, NOON, 5, 0, 0);
    take(samples, NOON + 93600, 6, 0, 0);
    assert_int_equal(sum(samples, NOON, 60).ok, 0);
    assert_int_equal(sum(samples, NOON + 93600 - 60, 120).ok, 1);
    api_samples_free(samples);
}

static void test_memory_has_a_cap(void **state)
{
    (void)state;
    size_t bytes;
    uint64_t n_dropped;
    api_samples *samples = begin(16 * MW_KIB);
    for (int64_t t = 0; t < 3000; t++)
        take(samples, NOON + t, (uint64_t)t, 0, 0);
    api_samples_count(samples, &bytes, &n_dropped);
    assert_true(bytes <= 16 * MW_KIB);
    assert_true(n_dropped > 0);
    take(samples, NOON + 3000, 3000, 0, 0);
    api_samples_drop(samples, NOON + 3001); /* nobody took it then */
    api_samples_count(samples, &bytes, &n_dropped);
    assert_true(bytes <= 16 * MW_KIB);
    api_sample found;
    int64_t since;
    assert_false(api_samples_read(samples, name, 1, NOON, 60, 1, &found, &since));
    api_samples_free(samples);
}

static api_sample past(api_samples *samples, int64_t from, int64_t step)
{
    api_sample found;
    int64_t since;
    assert_true(api_samples_read(samples, name, SAMPLES_PAST, from, step, 1, &found, &since));
    return found;
}

/* Three days: minutes are forgotten, hours are not. */
static void test_hours_outlive_minutes(void **state)
{
    (void)state;
    api_samples *samples = begin(MW_MIB);
    for (int64_t t = 0; t < 3 * 86400; t += 60)
        take(samples, NOON + t, (uint64_t)t + 60, 0, 0);
    assert_int_equal(sum(samples, NOON, 60).ok, 0);
    assert_int_equal(sum(samples, NOON + 3600, 3600).ok, 3600);
    assert_int_equal(sum(samples, NOON + 3600, 86400).ok, 86400);
    api_samples_free(samples);
}

static void test_what_is_gone_is_past(void **state)
{
    (void)state;
    api_run runs[4];
    api_samples *samples = begin(MW_MIB);
    take(samples, NOON, 40, 2, 1);
    api_samples_drop(samples, NOON + 5);
    assert_int_equal(past(samples, NOON, 60).ok, 40);
    assert_int_equal(past(samples, NOON, 1).server_errors, 1);
    take(samples, NOON + 300, 7, 0, 0);
    assert_int_equal(api_samples_runs(samples, name, runs, 4), 2);
    api_samples_drop(samples, NOON + 301);
    assert_int_equal(past(samples, NOON, 600).ok, 47);
    assert_int_equal(api_samples_runs(samples, name, runs, 4), 2); /* minutes lie between */
    assert_int_equal(runs[0].to, NOON);
    assert_int_equal(runs[1].from, NOON + 300);
    api_samples_free(samples);
}

/* The next server begins where this one ended. */
static void test_a_restart(void **state)
{
    (void)state;
    mw_error err;
    char folder[TEST_FOLDER_BYTES];
    assert_int_equal(test_folder_make(folder), 0);
    for (int64_t day = 0; day < 3; day++) {
        api_run runs[8];
        api_samples *samples = begin(MW_MIB);
        int64_t now = NOON + day * 86400;
        assert_int_equal(api_samples_keep(samples, folder, &err), MW_OK);
        take(samples, now, 100, 3, 2);
        take(samples, now + 60, 130, 3, 2);
        assert_int_equal(past(samples, NOON, (day + 1) * 86400).ok, 130 * day);
        assert_int_equal(api_samples_runs(samples, name, runs, 8), day + 1);
        api_samples_save(samples, now + 61, 8, true);
        api_samples_free(samples);
    }
    assert_int_equal(test_folder_remove(folder), 0);
}

/* Of two servers on one folder the later one keeps nothing, and takes nothing up. */
static void test_a_folder_that_another_keeps(void **state)
{
    (void)state;
    mw_error err;
    char folder[TEST_FOLDER_BYTES];
    assert_int_equal(test_folder_make(folder), 0);
    api_samples *first = begin(MW_MIB), *second = begin(MW_MIB);
    assert_int_equal(api_samples_keep(first, folder, &err), MW_OK);
    assert_int_equal(api_samples_keep(second, folder, &err), MW_OK);
    take(first, NOON, 100, 3, 2);
    take(second, NOON, 700, 3, 2);
    api_samples_save(first, NOON + 61, 8, true);
    api_samples_save(second, NOON + 61, 8, true);
    api_samples_free(first);
    api_samples_free(second);
    api_samples *later = begin(MW_MIB);
    assert_int_equal(api_samples_keep(later, folder, &err), MW_OK);
    take(later, NOON + 86400, 0, 3, 2);
    assert_int_equal(past(later, NOON, NOON + 86400).ok, 100);
    api_samples_free(later);
    assert_int_equal(test_folder_remove(folder), 0);
}

static const struct damage {
    const char *name, *why;
    size_t cut; /* bytes from the end */
    ptrdiff_t flip;
} damages[] = {
    {"cut short", "it is cut short, or damaged", 1, -1},
    {"empty", "it is cut short, or damaged", 100000, -1},
    {"a byte is another", "it is cut short, or damaged", 0, 20},
};

static void test_damaged_pasts_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(damages); i++) {
        mw_error err;
        mw_buf text;
        api_samples *samples = begin(MW_MIB), *other = begin(MW_MIB);
        take(samples, NOON, 100, 3, 2);
        mw_buf_init(&text, MW_MIB);
        track_write(samples, name, NOON, &text);
        api_track *into = track_find_or_make(other, name, SAMPLES_PAST, NOON);
        assert_int_equal(track_read(other, into, mw_buf_as_view(&text), NOON, &err), MW_OK);
        assert_int_equal(past(other, NOON, 60).ok, 100);
        if (damages[i].flip >= 0)
            text.data[damages[i].flip] ^= 1;
        text.size -= damages[i].cut < text.size ? damages[i].cut : text.size;
        if (track_read(other, into, mw_buf_as_view(&text), NOON, &err) != MW_BAD_DATA ||
            strcmp(err.what, damages[i].why) != 0)
            fail_msg("%s: %s", damages[i].name, err.what);
        assert_int_equal(past(other, NOON, 60).ok, 100);
        api_samples_free(samples);
        api_samples_free(other);
        mw_buf_done(&text);
    }
}

static void test_quantiles(void **state)
{
    (void)state;
    api_sample sample = {0};
    assert_true(isnan(api_sample_quantile(&sample, 0.5)));
    sample.latency[2] = 100; /* evenly between the bounds */
    double low = mw_latency_bounds[1], high = mw_latency_bounds[2];
    assert_true(fabs(api_sample_quantile(&sample, 0.5) - (low + high) / 2) < 1e-12);
    assert_true(fabs(api_sample_quantile(&sample, 1) - high) < 1e-12);
    sample.latency[MW_N_LATENCY_BUCKETS] = 300; /* beyond all bounds: the last one is said */
    assert_true(api_sample_quantile(&sample, 0.99) == mw_latency_bounds[MW_N_LATENCY_BUCKETS - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_differences_of_seconds),
                                       cmocka_unit_test(test_anomalies_are_counted_anew),
                                       cmocka_unit_test(test_late_takes_are_spread),
                                       cmocka_unit_test(test_minutes_outlive_seconds),
                                       cmocka_unit_test(test_a_day_later_it_is_gone),
                                       cmocka_unit_test(test_memory_has_a_cap),
                                       cmocka_unit_test(test_hours_outlive_minutes),
                                       cmocka_unit_test(test_what_is_gone_is_past),
                                       cmocka_unit_test(test_a_restart),
                                       cmocka_unit_test(test_a_folder_that_another_keeps),
                                       cmocka_unit_test(test_damaged_pasts_are_refused),
                                       cmocka_unit_test(test_quantiles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
