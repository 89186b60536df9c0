/* What is odd about a stream: silence, bursts, features that stand still, rows that come again and
 * again; and what ordinary streams make of it. Time is set by hand. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "monitor/watch.h"
#include "test.h"

#include "pinned.h"
#include "../folder.h"

enum { FEATURES = 3, COLUMNS = FEATURES + 1, LEARN = 500, DAY = 86400 };
#define EPOCH (UINT64_C(1700000000) * SECOND)

static double chance(void)
{
    return test_chance(&seed);
}

/* Requests of a second: Poisson, by Knuth's product; a normal law where that is long. */
static uint64_t arrivals(double rate)
{
    uint64_t n = 0;
    double product = chance(), limit = exp(-rate);
    if (rate > 50)
        return (uint64_t)fmax(0, rate + sqrt(rate) * sqrt(-2 * log(1 - chance())) *
                                            cos(6.283185307179586 * chance()));
    for (; product > limit; n++)
        product *= chance();
    return n;
}

/* ---- the pulse ------------------------------------------------------------------------------- */

typedef struct counted {
    size_t silences, bursts;
} counted;

/* `rate` of a second by time. */
static counted live(watch_pulse *pulse, uint64_t seconds, double (*rate)(uint64_t second),
                    uint64_t *ret_silent_at)
{
    counted found = {0};
    for (uint64_t s = 0; s < seconds; s++) {
        bool silent = pulse->found.is_silent, burst = pulse->found.is_burst;
        uint64_t at = pulse->latest_ns > 0 ? pulse->latest_ns + SECOND : EPOCH;
        watch_pulse_beat(pulse, at, arrivals(rate(at / SECOND)));
        found.silences += pulse->found.is_silent && !silent;
        found.bursts += pulse->found.is_burst && !burst;
        if (pulse->found.is_silent && ret_silent_at && *ret_silent_at == 0)
            *ret_silent_at = s + 1;
    }
    return found;
}

static double busy(uint64_t second)
{
    (void)second;
    return 5;
}

static double rare(uint64_t second)
{
    (void)second;
    return 0.02;
}

/* 40 a second by day, one in 25 seconds at night. */
static double by_day(uint64_t second)
{
    double hour = (double)(second % DAY) / 3600;
    return 0.04 + 40 * pow(fmax(0, sin((hour - 6) / 24 * 6.283185307179586)), 2);
}

/* From 8 to 18 o'clock, and nothing else: shops. */
static double by_office(uint64_t second)
{
    uint64_t hour = second % DAY / 3600;
    return hour >= 8 && hour < 18 ? 2 : 0;
}

/* A batch every ten minutes. */
static double by_batch(uint64_t second)
{
    return second % 600 < 5 ? 100 : 0;
}

static double nobody(uint64_t second)
{
    (void)second;
    return 0;
}

static double flood(uint64_t second)
{
    (void)second;
    return 60;
}

static void test_ordinary_streams(void **state)
{
    static const struct ordinary {
        const char *name;
        double (*rate)(uint64_t second);
        uint64_t days;
        size_t silences, bursts; /* at most: office hours are learned in a day */
    } streams[] = {
        {"busy", busy, 3, 0, 0},         {"rare", rare, 10, 0, 0},
        {"by day", by_day, 3, 0, 0},     {"by office", by_office, 4, 1, 1},
        {"by batch", by_batch, 3, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < MW_COUNT(streams); i += TEST_WATCHED ? 3 : 1) {
        watch_pulse *pulse = calloc(1, sizeof *pulse);
        counted found = live(pulse, streams[i].days * DAY, streams[i].rate, NULL);
        if (found.silences > streams[i].silences || found.bursts > streams[i].bursts)
            fail_msg("%s: %zu silences, %zu bursts", streams[i].name, found.silences, found.bursts);
        free(pulse);
    }
}

static void test_silence(void **state)
{
    static const struct silent {
        const char *name;
        double (*rate)(uint64_t second);
        uint64_t least, most; /* seconds until it is found */
    } cases[] = {
        {"busy", busy, 60, 61}, {"rare", rare, 1000, 4000}, {"batch", by_batch, 1800, 4000}};
    (void)state;
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        uint64_t at = 0;
        watch_pulse *pulse = calloc(1, sizeof *pulse);
        live(pulse, 3 * 3600, cases[i].rate, NULL);
        live(pulse, 4 * 3600, nobody, &at);
        if (at < cases[i].least || at > cases[i].most)
            fail_msg("%s: found after %llu s", cases[i].name, (unsigned long long)at);
        assert_true(pulse->found.quiet_seconds > pulse->found.usual_gap);
        live(pulse, 600, cases[i].rate, NULL); /* and it ends with a request */
        assert_false(pulse->found.is_silent);
        free(pulse);
    }
}

static void test_burst(void **state)
{
    watch_pulse *pulse = calloc(1, sizeof *pulse);
    (void)state;
    assert_true(live(pulse, 3600, busy, NULL).bursts == 0);
    assert_true(live(pulse, 60, flood, NULL).bursts == 1);
    assert_true(pulse->found.is_burst && pulse->found.requests_minute > 2000 &&
                pulse->found.usual_minute > 280 && pulse->found.usual_minute < 400);
    live(pulse, 200, flood, NULL);
    assert_true(pulse->found.is_burst && pulse->found.burst_seconds > 150);
    live(pulse, 90, busy, NULL);
    assert_false(pulse->found.is_burst);
    free(pulse);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int begin(void **state)
{
    (void)state;
    return pinned_begin(LEARN, 1700000000000, 11);
}

static void tap_row(const double row[FEATURES], unsigned version)
{
    double value = row[0] > 0.5;
    mw_matrix matrix = {(void *)row, MW_FLOAT64, 1, FEATURES, FEATURES, 1};
    mw_monitor_tap(monitor, "s", version, &matrix, &value, 1);
}

static void look(void)
{
    now_ns += SECOND;
    mw_monitor_look(monitor);
}

static mw_watch_report report(unsigned version, mw_watched columns[COLUMNS])
{
    mw_watch_report found;
    assert_true(mw_monitor_report(monitor, "s", version, &found, columns, COLUMNS));
    return found;
}

/* A sensor, an hour of the day (short: 40 seconds), and a flag that is nearly always off. */
static void tap_second(size_t n, bool stuck, double again)
{
    static const double same[FEATURES] = {0.25, 7, 0};
    for (size_t i = 0; i < n; i++) {
        double row[FEATURES] = {stuck ? 0.75 : chance(), (double)(now_ns / SECOND / 40 % 24),
                                chance() < 0.01};
        tap_row(chance() < again ? same : row, 1);
    }
    look();
}

static void test_a_feature_that_stands_still(void **state)
{
    mw_watched columns[COLUMNS];
    (void)state;
    tap_second(LEARN, false, 0);
    for (size_t s = 0; s < 1500; s++) {
        tap_second(20, false, 0);
        assert_int_equal(report(1, columns).stream.n_stuck, 0);
    }
    size_t needed = 0;
    for (; needed < 200 && !columns[0].stuck; needed++) {
        tap_second(20, true, 0);
        report(1, columns);
    }
    assert_true(needed >= 60 && needed <= 62);
    assert_true(columns[0].stuck_value == 0.75 && columns[0].stuck_rows >= 1200 &&
                columns[0].stuck_seconds >= 60);
    assert_true(!columns[1].stuck && !columns[2].stuck);
    tap_second(20, false, 0);
    assert_int_equal(report(1, columns).stream.n_stuck, 0);
    assert_false(columns[0].stuck);
}

static void test_rows_again_and_again(void **state)
{
    mw_watched columns[COLUMNS];
    (void)state;
    tap_second(LEARN, false, 0.1);
    for (size_t s = 0; s < 1200; s++) {
        tap_second(30, false, 0.1); /* a client asks for its health: usual */
        assert_false(report(1, columns).stream.is_flood);
    }
    mw_watch_stream usual = report(1, columns).stream;
    assert_true(usual.repeated > 0.03 && usual.usual_repeated < 0.25);
    size_t needed = 0;
    for (; needed < 60 && !report(1, columns).stream.is_flood; needed++)
        tap_second(30, false, 0.6);
    assert_true(needed >= 5 && needed <= 25);
    assert_true(report(1, columns).stream.repeated > 0.35);
    for (size_t s = 0; s < 30; s++)
        tap_second(30, false, 0.1);
    assert_false(report(1, columns).stream.is_flood);
}

/* ---- what values there are ------------------------------------------------------------------- */

static void test_values(void **state)
{
    mw_watch_sketch sketch;
    (void)state;
    tap_second(LEARN, false, 0);
    assert_false(mw_monitor_sketch(monitor, "s", 1, 0, &sketch));
    for (size_t s = 0; s < 100; s++)
        tap_second(100, false, 0);
    assert_true(mw_monitor_sketch(monitor, "s", 1, 0, &sketch));
    assert_true(sketch.rows > 9000 && sketch.has_quantiles && sketch.n_categories == 0);
    for (size_t i = 0; i < MW_WATCH_QUANTILES; i++)
        assert_true(fabs(sketch.quantiles[i] - mw_watch_quantile_shares[i]) < 0.03);
    assert_true(fabs(sketch.distinct / sketch.rows - 1) < 0.1 && fabs(sketch.mean - 0.5) < 0.02);
    assert_true(mw_monitor_sketch(monitor, "s", 1, 2, &sketch) && sketch.distinct == 2);
    assert_false(mw_monitor_sketch(monitor, "s", 1, COLUMNS, &sketch));
    assert_false(mw_monitor_sketch(monitor, "t", 1, 0, &sketch));
    /* more than the seconds have room for: the first thousand of each */
    for (size_t s = 0; s < 2000; s++)
        look();                    /* both stretches are over */
    for (size_t s = 0; s < 3; s++) /* the first brings it back, from the second on it is sampled */
        tap_second(5000, false, 0);
    assert_true(mw_monitor_sketch(monitor, "s", 1, 0, &sketch));
    assert_true(sketch.rows > 500 && sketch.rows <= 2000);
}

static void test_categories(void **state)
{
    const mw_view towns[] = {MW_VIEW("Delft"), MW_VIEW("Gouda"), MW_VIEW("Leiden")};
    const mw_column column = {.name = MW_VIEW("town"),
                              .type = MW_COLUMN_CATEGORY,
                              .categories = towns,
                              .n_categories = 3,
                              .unknown_is_missing = true};
    mw_schema schema;
    mw_arena arena;
    mw_watch_sketch sketch;
    mw_watched columns[2];
    mw_watch_report found;
    char text[MW_STRANGER_BYTES];
    (void)state;
    mw_arena_init(&arena, 4096, MW_MIB);
    assert_int_equal(mw_schema_make(&column, 1, true, &arena, &schema, NULL), MW_OK);
    mw_watch_subject subject = {.endpoint = "t", .version = 1, .schema = &schema, .n_outputs = 1};
    assert_int_equal(mw_monitor_describe(monitor, &subject, NULL), MW_OK);
    for (size_t i = 0; i < LEARN + 1200; i++) {
        static const char *const bodies[] = {
            "{\"inputs\":[[\"Delft\"]]}", "{\"inputs\":[[\"Delft\"]]}",
            "{\"inputs\":[[\"Gouda\"]]}", "{\"inputs\":[[null]]}", "{\"inputs\":[[\"Utrecht\"]]}"};
        mw_batch batch;
        mw_view body = mw_view_of(bodies[i % (i < LEARN ? 4 : 5)]);
        assert_int_equal(mw_batch_read_mlflow(body, &schema, &arena, NULL, &batch, NULL, NULL),
                         MW_OK);
        mw_matrix matrix = mw_batch_matrix(&batch);
        mw_monitor_tap(monitor, "t", 1, &matrix, (double[]){1}, 1);
        if (i % 100 == 99)
            look();
    }
    mw_arena_done(&arena);
    assert_true(mw_monitor_sketch(monitor, "t", 1, 0, &sketch));
    assert_int_equal(sketch.n_new, 1);
    assert_true(sketch.news[0].code < 0 && fabs(sketch.news[0].share - 0.2) < 0.03);
    size_t size = mw_stranger_text((uint32_t)-sketch.news[0].code, text);
    assert_true(size == 7 && memcmp(text, "Utrecht", 7) == 0);
    assert_true(sketch.categories[0].code == 0 && fabs(sketch.categories[0].share - 0.4) < 0.03 &&
                fabs(sketch.categories[0].reference_share - 0.5) < 0.01);
    assert_true(mw_monitor_report(monitor, "t", 1, &found, columns, 2));
    assert_true(columns[0].drifted && columns[0].outside > 200);
}

/* ---- versions that nobody asks --------------------------------------------------------------- */

static void test_a_replaced_version_rests(void **state)
{
    mw_watched columns[COLUMNS];
    (void)state;
    tap_second(LEARN, false, 0);
    for (size_t s = 0; s < 60; s++)
        tap_second(20, true, 0);
    assert_true(report(1, columns).n_drifted > 0 && !report(1, columns).is_inactive);
    size_t bytes = mw_monitor_memory_bytes(monitor);
    for (size_t s = 0; s < 200; s++) {
        for (size_t i = 0; i < 20; i++)
            tap_row((double[FEATURES]){chance(), chance(), 1}, 2);
        look();
    }
    mw_watch_report rests = report(1, columns);
    assert_true(rests.is_inactive && rests.n_drifted == 0 && !columns[0].drifted &&
                !rests.stream.is_silent);
    assert_false(report(2, columns).is_inactive);
    assert_true(mw_monitor_memory_bytes(monitor) < 2 * bytes);
    tap_second(20, true, 0); /* and it comes back */
    assert_true(!report(1, columns).is_inactive && report(1, columns).n_drifted > 0);
}

/* ---- over a restart -------------------------------------------------------------------------- */

static mw_monitor *open_at(const char *folder)
{
    mw_monitor *made;
    mw_monitor_options options = {.learn_rows = LEARN, .without_watcher = true, .folder = folder};
    assert_int_equal(mw_monitor_new(&options, &made, NULL), MW_OK);
    return made;
}

static mw_status describe_at(mw_monitor *at)
{
    static const mw_column columns[FEATURES] = {
        {.name = MW_VIEW("a")}, {.name = MW_VIEW("b")}, {.name = MW_VIEW("c")}};
    static const mw_schema schema = {.columns = columns, .n_columns = FEATURES, .named = true};
    mw_watch_subject subject = {.endpoint = "s",
                                .version = 1,
                                .identity = MW_VIEW("same"),
                                .schema = &schema,
                                .n_outputs = 1};
    return mw_monitor_describe(at, &subject, NULL);
}

/* Busy hours are known after a restart; a second server leaves the folder alone. */
static void test_hours_are_kept(void **state)
{
    char folder[TEST_FOLDER_BYTES];
    mw_watched columns[COLUMNS];
    (void)state;
    assert_int_equal(test_folder_make(folder), 0);
    mw_monitor_free(monitor);
    monitor = open_at(folder);
    assert_int_equal(describe_at(monitor), MW_OK);
    tap_second(LEARN, false, 0);
    for (size_t s = 0; s < 2 * 3600; s++)
        tap_second(s % 2, false, 0);
    mw_monitor *second = open_at(folder);
    assert_int_equal(describe_at(second), MW_OK);
    mw_watch_report found;
    assert_true(mw_monitor_report(second, "s", 1, &found, columns, COLUMNS));
    assert_true(found.state == MW_WATCH_LEARNING);
    mw_monitor_free(second);
    mw_monitor_free(monitor);
    monitor = open_at(folder);
    assert_int_equal(describe_at(monitor), MW_OK);
    for (size_t s = 0; s < 1200; s++)
        tap_second(1, false, 0);
    mw_watch_stream stream = report(1, columns).stream;
    assert_true(stream.usual_gap >= 60 && stream.usual_gap < 120);
    assert_true(stream.usual_minute == 60);
    mw_monitor_free(monitor);
    monitor = NULL;
    assert_int_equal(test_folder_remove(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ordinary_streams),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_burst),
        cmocka_unit_test_setup_teardown(test_a_feature_that_stands_still, begin, end),
        cmocka_unit_test_setup_teardown(test_rows_again_and_again, begin, end),
        cmocka_unit_test_setup_teardown(test_values, begin, end),
        cmocka_unit_test_setup_teardown(test_categories, begin, end),
        cmocka_unit_test_setup_teardown(test_a_replaced_version_rests, begin, end),
        cmocka_unit_test_setup_teardown(test_hours_are_kept, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
