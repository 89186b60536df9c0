/* What two servers have counted, added up, is what one that saw all of the rows has counted: to the
 * bit. References that differ, what is told twice, a server that begins again, damaged bytes. */
#include <math.h>
#include <stdlib.h>

#include "monitor/watch.h"
#include "test.h"

#include "../folder.h"
#include "pinned.h"

enum { FEATURES = 2, COLUMNS = FEATURES + 1, LEARN = 400, ROWS = 40, SLOT_BYTES = 1 << 16 };

static const char endpoint[] = "shared";
static mw_monitor *first, *second, *whole;

static mw_monitor *open_watch(const char *folder)
{
    mw_monitor *made;
    mw_monitor_options options = {.learn_rows = LEARN, .without_watcher = true, .folder = folder};
    static const mw_column columns[FEATURES] = {{.name = MW_VIEW("x"), .type = MW_COLUMN_FLOAT64},
                                                {.name = MW_VIEW("c"), .type = MW_COLUMN_CATEGORY}};
    const mw_schema schema = {
        .columns = (mw_column *)columns, .n_columns = FEATURES, .named = true};
    const mw_watch_subject subject = {.endpoint = endpoint,
                                      .version = 1,
                                      .identity = MW_VIEW("model"),
                                      .schema = &schema,
                                      .n_outputs = 1};
    assert_int_equal(mw_monitor_new(&options, &made, NULL), MW_OK);
    assert_int_equal(mw_monitor_describe(made, &subject, NULL), MW_OK);
    return made;
}

static int begin_three(void **state)
{
    (void)state;
    now_ns = 50 * SECOND;
    now_ms = 1700000000000;
    seed = 3;
    mw_clock_pin(&now_ns, &now_ms);
    first = open_watch(NULL);
    second = open_watch(NULL);
    whole = open_watch(NULL);
    return 0;
}

static int end_three(void **state)
{
    mw_monitor_free(first);
    mw_monitor_free(second);
    monitor = whole;
    return end(state);
}

static void pass(uint64_t seconds)
{
    now_ns += seconds * SECOND;
    now_ms += (int64_t)seconds * 1000;
    mw_monitor_look(first);
    mw_monitor_look(second);
    mw_monitor_look(whole);
}

/* Rows of one request, to a server and to the one that sees all. */
static void serve(mw_monitor *to, double shift)
{
    double rows[ROWS * FEATURES], outputs[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        rows[i * FEATURES] = test_chance(&seed) + shift;
        rows[i * FEATURES + 1] =
            test_chance(&seed) < 0.1 ? (double)NAN : floor(test_chance(&seed) * 4);
        outputs[i] = rows[i * FEATURES];
    }
    mw_matrix matrix = {rows, MW_FLOAT64, ROWS, FEATURES, FEATURES, 1};
    mw_monitor_tap(to, endpoint, 1, &matrix, outputs, 1);
    if (to != whole)
        mw_monitor_tap(whole, endpoint, 1, &matrix, outputs, 1);
}

/* ---- who carries it -------------------------------------------------------------------------- */

static mw_watch_shared last_seen;

static void see(void *user, const mw_watch_shared *shared)
{
    ++*(size_t *)user;
    last_seen = *shared;
}

static mw_watch_shared shared_of(mw_monitor *of)
{
    size_t n = 0;
    mw_monitor_each_shared(of, see, &n);
    assert_int_equal(n, 1);
    return last_seen;
}

static mw_buf reference_of(mw_monitor *of)
{
    mw_buf bytes;
    mw_watch_shared shared = shared_of(of);
    mw_buf_init(&bytes, MW_MIB);
    assert_true(mw_monitor_pack_reference(of, &shared, &bytes));
    return bytes;
}

static void take(mw_monitor *to, const mw_buf *reference)
{
    mw_watch_shared shared = shared_of(to);
    assert_int_equal(mw_monitor_take_reference(to, &shared, mw_buf_as_view(reference), NULL),
                     MW_OK);
}

typedef struct carrier {
    mw_monitor *to;
    mw_watch_shared of;
} carrier;

static void carry_bucket(void *user, int span, uint64_t bucket, uint64_t rows, mw_view counts)
{
    const carrier *c = user;
    assert_int_equal(mw_monitor_hear(c->to, &c->of, span, bucket, &rows, &counts, 1, NULL), MW_OK);
}

static const uint64_t beginning[MW_WATCH_SHARED_SPANS];

/* All that `from` has counted, to the other one. */
static void carry(mw_monitor *from, mw_monitor *to)
{
    mw_watch_shared mine = shared_of(from);
    carrier other = {to, shared_of(to)};
    assert_true(mine.reference != 0 && mine.reference == other.of.reference);
    assert_true(mw_monitor_tell(from, &mine, beginning, carry_bucket, &other));
    mw_watch_server named = {.rows = mine.rows, .as_of = 1700000000, .is_lately = true};
    snprintf(named.name, sizeof named.name, "%s", mw_monitor_server(from));
    mw_monitor_note_servers(to, &other.of, &named, 1, 1, 0);
}

static mw_buf last_counts;

static void keep_minute(void *user, int span, uint64_t bucket, uint64_t rows, mw_view counts)
{
    (void)bucket;
    if (span != 0)
        return;
    *(uint64_t *)user = rows;
    mw_buf_reset(&last_counts);
    mw_buf_view(&last_counts, counts);
}

/* The first one's reference is that of all. */
static void learn_and_agree(void)
{
    for (size_t i = 0; i * ROWS < LEARN; i++) {
        serve(first, 0);
        serve(second, 0.01);
    }
    pass(1);
    mw_buf reference = reference_of(first);
    assert_true(shared_of(first).reference != shared_of(second).reference);
    take(second, &reference);
    take(whole, &reference);
    pass(1);
    assert_true(shared_of(first).reference == shared_of(second).reference);
    assert_true(shared_of(first).reference == shared_of(whole).reference);
    mw_buf_done(&reference);
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void same_bins(mw_monitor *of, double seconds)
{
    mw_watch_bin mine[MW_WATCH_BINS], theirs[MW_WATCH_BINS];
    for (size_t c = 0; c < COLUMNS; c++) {
        size_t n = mw_monitor_bins(of, endpoint, 1, c, seconds, 0, mine);
        assert_int_equal(n, mw_monitor_bins(whole, endpoint, 1, c, seconds, 0, theirs));
        assert_true(n > 2);
        for (size_t i = 0; i < n; i++)
            if (mine[i].current != theirs[i].current || mine[i].reference != theirs[i].reference)
                fail_msg("column %zu, bin %zu: %g, not %g", c, i, mine[i].current,
                         theirs[i].current);
    }
}

static void same_findings(mw_monitor *of, double seconds)
{
    mw_watch_report mine, theirs;
    mw_watched found[COLUMNS], expected[COLUMNS];
    if (seconds > 0) {
        assert_true(mw_monitor_window(of, endpoint, 1, seconds, &mine, found, COLUMNS));
        assert_true(mw_monitor_window(whole, endpoint, 1, seconds, &theirs, expected, COLUMNS));
    } else {
        assert_true(mw_monitor_report(of, endpoint, 1, &mine, found, COLUMNS));
        assert_true(mw_monitor_report(whole, endpoint, 1, &theirs, expected, COLUMNS));
    }
    assert_true(mine.window_rows == theirs.window_rows && mine.n_drifted == theirs.n_drifted);
    assert_int_equal(mine.rows, theirs.rows);
    for (size_t c = 0; c < COLUMNS; c++)
        if (found[c].psi != expected[c].psi || found[c].missing != expected[c].missing ||
            found[c].outside != expected[c].outside || found[c].drifted != expected[c].drifted ||
            found[c].log_e_value != expected[c].log_e_value)
            fail_msg("column %zu: psi %g, not %g", c, found[c].psi, expected[c].psi);
}

/* What the first one alone has counted is what it told; the drift came to the second one alone. */
static void same_alone(mw_monitor *other)
{
    mw_watch_report report;
    mw_watched columns[COLUMNS];
    mw_watch_server servers[MW_WATCH_SERVERS];
    uint64_t rows = shared_of(other).rows, own = shared_of(first).rows;
    assert_true(mw_monitor_alone(first, endpoint, 1, 0, &report, columns, COLUMNS));
    assert_true(report.rows == own && report.own_rows == own && report.n_servers == 2);
    assert_true(report.window_rows == 15 * 2 * ROWS && report.window_seconds > 800);
    assert_true(mw_monitor_alone(first, endpoint, 1, 86400, &report, columns, COLUMNS));
    assert_true(report.window_rows == own);
    assert_true(mw_monitor_alone(first, endpoint, 1, 0, &report, columns, 1)); /* no room */
    assert_false(mw_monitor_alone(first, "none", 1, 0, &report, columns, COLUMNS));
    assert_int_equal(mw_monitor_servers(first, endpoint, 1, servers), 1);
    assert_string_equal(servers[0].name, mw_monitor_server(other));
    assert_true(servers[0].rows == rows && servers[0].as_of == 1700000000);
    assert_int_equal(mw_monitor_servers(first, "none", 1, servers), 0);
}

/* ---- values ---------------------------------------------------------------------------------- */

static mw_buf values_of(mw_monitor *from)
{
    mw_buf bytes;
    mw_watch_shared mine = shared_of(from);
    mw_buf_init(&bytes, MW_LIMIT_WATCH_VALUES_BYTES);
    assert_true(mw_monitor_pack_values(from, &mine, &bytes));
    return bytes;
}

static mw_status hear_values(mw_monitor *to, const char *server, int64_t told_ms, mw_view bytes)
{
    mw_error err;
    mw_watch_shared of = shared_of(to);
    return mw_monitor_hear_values(to, &of, server, told_ms, bytes, &err);
}

static void carry_values(mw_monitor *from, mw_monitor *to)
{
    mw_buf bytes = values_of(from);
    assert_int_equal(hear_values(to, mw_monitor_server(from), now_ms, mw_buf_as_view(&bytes)),
                     MW_OK);
    mw_buf_done(&bytes);
}

static mw_watch_sketch sketch_of(mw_monitor *of, size_t c)
{
    mw_watch_sketch sketch;
    assert_true(mw_monitor_sketch(of, endpoint, 1, c, &sketch));
    return sketch;
}

/* As one server that saw all: registers, extremes and counts of categories to the bit; moments but
 * for rounding; each quantile within what both sketches may be off by, 2 % of the ranks. */
static void same_values(mw_monitor *of, double span)
{
    for (size_t c = 0; c < COLUMNS; c++) {
        mw_watch_sketch mine = sketch_of(of, c), one = sketch_of(whole, c);
        assert_true(mine.n_servers == 2 && one.n_servers == 1);
        assert_true(mine.rows == one.rows && mine.missing == one.missing);
        assert_true(mine.distinct == one.distinct && mine.seconds == one.seconds);
        assert_true(mine.n_categories == one.n_categories && mine.n_new == one.n_new);
        for (size_t i = 0; i < mine.n_categories; i++)
            assert_true(mine.categories[i].code == one.categories[i].code &&
                        mine.categories[i].share == one.categories[i].share);
        assert_true(mine.has_quantiles == one.has_quantiles);
        if (!mine.has_quantiles)
            continue;
        assert_true(mine.least == one.least && mine.most == one.most);
        assert_true(fabs(mine.mean - one.mean) < 1e-12 * span);
        assert_true(fabs(mine.deviation - one.deviation) < 1e-9 * span);
        for (size_t i = 0; i < MW_WATCH_QUANTILES; i++)
            assert_true(fabs(mine.quantiles[i] - one.quantiles[i]) < 0.04 * span);
    }
}

/* ---- the tests ------------------------------------------------------------------------------- */

/* Rows are sampled again some looks after they come again. */
static void wake(void)
{
    for (size_t i = 0; i < 3; i++) {
        serve(first, 0);
        serve(second, 0);
        pass(1);
    }
}

static void test_values_are_those_of_one(void **state)
{
    (void)state;
    learn_and_agree();
    for (size_t minute = 0; minute < 25; minute++) {
        for (size_t i = 0; i < 12; i++)
            serve(i % 3 == 0 ? first : second, i % 3 == 0 ? 0 : 1); /* each other values */
        pass(60);
    }
    assert_true(sketch_of(first, 0).mean < 0.6);
    carry_values(second, first);
    carry_values(second, first); /* told twice */
    carry_values(first, second);
    same_values(first, 2);
    same_values(second, 2);
    mw_watch_sketch alone;
    assert_true(mw_monitor_sketch_alone(first, endpoint, 1, 0, &alone));
    assert_true(alone.n_servers == 1 && alone.mean < 0.6 && sketch_of(first, 0).mean > 1.1);
    pass(31 * 60); /* what is half an hour old is not told of any more */
    wake();
    assert_true(sketch_of(first, 0).n_servers == 1);
}

/* A busy server samples a part of its rows, each of which stands for more of them. */
static void test_a_busy_one_weighs_more(void **state)
{
    (void)state;
    enum { BUSY = 200 };
    learn_and_agree();
    pass(16 * 60); /* a stretch that begins */
    wake();
    for (size_t i = 0; i < BUSY; i++)
        serve(second, 4);
    for (size_t i = 0; i < BUSY / 10; i++)
        serve(first, 0);
    pass(1);
    serve(first, 0);
    pass(1);
    assert_true(sketch_of(second, 0).rows < BUSY * ROWS / 2);
    carry_values(second, first);
    mw_watch_sketch quiet, busy = sketch_of(second, 0), told = sketch_of(first, 0);
    assert_true(mw_monitor_sketch_alone(first, endpoint, 1, 0, &quiet));
    double mine = (BUSY / 10 + 4) * ROWS, theirs = (BUSY + 3) * ROWS; /* rows, also unsampled */
    double mean = (quiet.mean * mine + busy.mean * theirs) / (mine + theirs);
    assert_true(quiet.rows > mine * 0.9 && fabs(told.mean - mean) < 1e-9);
    assert_true(told.quantiles[2] > 4 && told.quantiles[1] < 1); /* a tenth is of the first */
    mw_watch_sketch categories = sketch_of(first, 1);
    double sum = 0;
    for (size_t i = 0; i < categories.n_categories; i++)
        sum += categories.categories[i].share;
    assert_true(fabs(sum - 0.9) < 0.05); /* the others are missing */
}

static void test_values_that_are_refused(void **state)
{
    (void)state;
    learn_and_agree();
    serve(first, 0);
    serve(second, 0);
    pass(1);
    serve(first, 0);
    serve(second, 0);
    pass(1);
    mw_buf bytes = values_of(second);
    for (size_t cut = 0; cut < bytes.size; cut++)
        assert_int_equal(hear_values(first, "s", now_ms, (mw_view){bytes.data, cut}), MW_BAD_DATA);
    for (size_t i = 0; i < bytes.size; i += 3) {
        bytes.data[i] ^= 1;
        assert_int_equal(hear_values(first, "s", now_ms, mw_buf_as_view(&bytes)), MW_BAD_DATA);
        bytes.data[i] ^= 1;
    }
    assert_true(sketch_of(first, 0).n_servers == 1);
    assert_int_equal(hear_values(first, "s", now_ms - 40 * 60 * 1000, mw_buf_as_view(&bytes)),
                     MW_OK);
    assert_true(sketch_of(first, 0).n_servers == 1); /* long over */
    char name[8];
    for (int i = 0; i < MW_WATCH_SERVERS + 3; i++) { /* more than are told of */
        snprintf(name, sizeof name, "s%d", i);
        assert_int_equal(hear_values(first, name, now_ms, mw_buf_as_view(&bytes)), MW_OK);
    }
    assert_true(sketch_of(first, 0).n_servers == 1 + MW_WATCH_SERVERS);
    mw_buf_done(&bytes);
}

/* What others told goes with the counts when a server takes another reference. */
static void test_values_against_another_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i * ROWS < LEARN; i++) {
        serve(first, 0);
        serve(second, 0.01);
    }
    for (size_t i = 0; i < 3; i++) {
        pass(1);
        serve(first, 0);
        serve(second, 0);
    }
    pass(1);
    carry_values(first, second);
    assert_true(sketch_of(second, 0).n_servers == 2);
    mw_buf reference = reference_of(first);
    take(second, &reference);
    assert_true(sketch_of(second, 0).n_servers == 1);
    mw_buf_done(&reference);
}

static void test_sums_are_those_of_one(void **state)
{
    (void)state;
    learn_and_agree();
    for (size_t minute = 0; minute < 90; minute++) {
        for (size_t i = 0; i < 4; i++)
            serve(i % 3 == 0 ? first : second, minute < 80 ? 0 : 0.5);
        pass(60);
    }
    carry(second, first);
    carry(first, second);
    pass(1);
    for (size_t i = 0; i < 2; i++) {
        mw_monitor *of = i == 0 ? first : second;
        same_findings(of, 0);
        same_findings(of, 1800);
        same_findings(of, 7200);
        same_findings(of, 40 * 3600);
        same_bins(of, 900);
        same_bins(of, 86400);
    }
    mw_watch_report report;
    mw_watched columns[COLUMNS];
    assert_true(mw_monitor_report(first, endpoint, 1, &report, columns, COLUMNS));
    assert_true(report.n_drifted > 0 && report.n_servers == 2 && report.n_apart == 0);
    same_alone(second);
    mw_watch_series mine, theirs;
    assert_true(mw_monitor_series(first, endpoint, 1, MW_WATCH_PSI, 1800, &mine));
    assert_true(mw_monitor_series(whole, endpoint, 1, MW_WATCH_PSI, 1800, &theirs));
    assert_int_equal(mine.n_points, theirs.n_points);
    for (size_t i = 0; i < mine.n_points * (COLUMNS + 2); i++)
        assert_true(mine.t[i] == theirs.t[i] || (isnan(mine.t[i]) && isnan(theirs.t[i])));
    mw_watch_series_done(&mine);
    mw_watch_series_done(&theirs);
}

/* What is told again takes the place of what was told; what is no longer there goes. */
static void test_told_again(void **state)
{
    (void)state;
    learn_and_agree();
    for (size_t i = 0; i < 10; i++)
        serve(i % 2 ? first : second, 0);
    pass(1);
    carry(second, first);
    carry(second, first);
    serve(second, 0);
    pass(1);
    carry(second, first);
    pass(1);
    same_bins(first, 900);
    same_findings(first, 0);
    mw_watch_shared of = shared_of(first);
    for (int span = 0; span < MW_WATCH_SHARED_SPANS; span++)
        assert_int_equal(mw_monitor_hear(first, &of, span, of.now[span], NULL, NULL, 0, NULL),
                         MW_OK);
    mw_watch_report report;
    mw_watched columns[COLUMNS];
    assert_true(mw_monitor_window(first, endpoint, 1, 900, &report, columns, COLUMNS));
    assert_int_equal(report.window_rows, 5 * ROWS);
}

/* A reference that is the same where there was one already lets all counts stay: the training
 * profile's columns, mostly. */
static void test_the_same_again(void **state)
{
    (void)state;
    learn_and_agree();
    for (size_t i = 0; i < 6; i++)
        serve(i % 2 ? first : second, 0);
    pass(1);
    carry(first, second);
    mw_buf reference = reference_of(first);
    take(second, &reference);
    pass(1);
    same_findings(second, 900);
    same_bins(second, 900);
    mw_buf_done(&reference);
}

/* One that nobody asks has what the others count, and is not asleep. */
static void test_one_that_nobody_asks(void **state)
{
    (void)state;
    learn_and_agree();
    for (size_t minute = 0; minute < 40; minute++) {
        serve(first, minute < 20 ? 0 : 0.6);
        serve(first, minute < 20 ? 0 : 0.6);
        serve(first, minute < 20 ? 0 : 0.6);
        pass(60);
        carry(first, second);
    }
    pass(1);
    mw_watch_report report;
    mw_watched columns[COLUMNS];
    assert_true(mw_monitor_report(second, endpoint, 1, &report, columns, COLUMNS));
    assert_true(!report.is_inactive && report.n_drifted > 0 && columns[0].drifted);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    learn_and_agree();
    serve(second, 0);
    pass(1);
    mw_error err;
    mw_watch_shared of = shared_of(first);
    mw_watch_shared from = shared_of(second);
    mw_buf reference = reference_of(first);
    uint64_t rows[2];
    mw_buf_init(&last_counts, SLOT_BYTES);
    assert_true(mw_monitor_tell(second, &from, beginning, keep_minute, &rows[0]));
    mw_buf counts = last_counts;
    rows[1] = rows[0];
    for (size_t cut = 0; cut < counts.size; cut += 7) {
        const mw_view parts[] = {mw_buf_as_view(&counts), {counts.data, cut}};
        assert_int_equal(mw_monitor_hear(first, &of, 0, of.now[0], rows, parts, 2, &err),
                         MW_BAD_DATA);
    }
    for (size_t cut = 0; cut < reference.size; cut++)
        assert_int_equal(
            mw_monitor_take_reference(first, &of, (mw_view){reference.data, cut}, &err),
            MW_BAD_DATA);
    assert_true(shared_of(first).reference == of.reference);
    /* a bucket that is long gone, or far ahead, is nobody's */
    const mw_view part = mw_buf_as_view(&counts);
    assert_int_equal(mw_monitor_hear(first, &of, 0, of.now[0] - 60, rows, &part, 1, &err), MW_OK);
    assert_int_equal(mw_monitor_hear(first, &of, 0, of.now[0] + 60, rows, &part, 1, &err), MW_OK);
    mw_watch_report report;
    mw_watched columns[COLUMNS];
    assert_true(mw_monitor_report(first, endpoint, 1, &report, columns, COLUMNS));
    assert_true(report.rows == 0 && report.n_servers == 1);
    mw_buf_done(&counts);
    mw_buf_done(&reference);
}

/* Before its own is there a server takes the others', and makes its scorer of its own rows then. */
static void test_taken_before_it_is_learned(void **state)
{
    (void)state;
    for (size_t i = 0; i * ROWS < LEARN; i++)
        serve(first, 0);
    serve(second, 0);
    pass(1);
    assert_true(shared_of(second).reference == 0);
    mw_buf reference = reference_of(first);
    take(second, &reference);
    assert_true(shared_of(second).reference == shared_of(first).reference);
    double row[FEATURES] = {0.5, 1}, score;
    mw_matrix matrix = {row, MW_FLOAT64, 1, FEATURES, FEATURES, 1};
    assert_false(mw_monitor_score(second, endpoint, 1, &matrix, &score));
    for (size_t i = 0; i * ROWS < LEARN; i++)
        serve(second, 0);
    pass(1);
    pass(1);
    assert_true(shared_of(second).reference == shared_of(first).reference);
    assert_true(mw_monitor_score(second, endpoint, 1, &matrix, &score));
    mw_watch_report report;
    mw_watched columns[COLUMNS];
    assert_true(mw_monitor_report(second, endpoint, 1, &report, columns, COLUMNS));
    assert_true(report.state == MW_WATCH_WATCHING && report.rows == LEARN);
    mw_buf_done(&reference);
}

/* A server has the same name when it begins again, where its folder is its own. */
static void test_its_name(void **state)
{
    (void)state;
    char folder[TEST_FOLDER_BYTES], name[40];
    assert_int_equal(test_folder_make(folder), 0);
    mw_monitor *one = open_watch(folder);
    snprintf(name, sizeof name, "%s", mw_monitor_server(one));
    assert_true(strlen(name) == 32 && strcmp(name, mw_monitor_server(first)) != 0);
    mw_monitor_free(one);
    one = open_watch(folder);
    assert_string_equal(mw_monitor_server(one), name);
    mw_monitor_free(one);
    test_folder_remove(folder);
}

/* Told is what is kept: one that is killed behind it tells no less when it begins again. */
static void test_told_is_kept(void **state)
{
    (void)state;
    char folder[TEST_FOLDER_BYTES], copy[TEST_FOLDER_BYTES], command[300];
    assert_int_equal(test_folder_make(folder), 0);
    mw_monitor *one = open_watch(folder);
    uint64_t rows = 0;
    mw_buf_init(&last_counts, SLOT_BYTES);
    for (size_t i = 0; i * ROWS < LEARN; i++)
        serve(one, 0);
    pass(1);
    mw_monitor_look(one);
    mw_watch_shared of = shared_of(one);
    assert_true(mw_monitor_tell(one, &of, beginning, keep_minute, &rows) && rows == 0);
    serve(one, 0);
    pass(1);
    mw_monitor_look(one);
    assert_false(mw_monitor_tell(one, &of, beginning, keep_minute, &rows)); /* not due yet */
    pass(10);
    mw_monitor_look(one);
    assert_true(mw_monitor_tell(one, &of, beginning, keep_minute, &rows) && rows == ROWS);
    assert_int_equal(test_folder_make(copy), 0);
    snprintf(command, sizeof command, "cp -r '%s/.' '%s'", folder, copy); /* as kill -9 leaves it */
    assert_int_equal(system(command), 0);
    mw_monitor *again = open_watch(copy);
    assert_string_equal(mw_monitor_server(again), mw_monitor_server(one));
    mw_watch_report report;
    mw_watched columns[COLUMNS];
    mw_monitor_look(again);
    assert_true(mw_monitor_window(again, endpoint, 1, 900, &report, columns, COLUMNS));
    assert_int_equal(report.window_rows, ROWS);
    mw_monitor_free(again);
    mw_monitor_free(one);
    mw_buf_done(&last_counts);
    test_folder_remove(copy);
    test_folder_remove(folder);
}

#define OF_THREE(name) cmocka_unit_test_setup_teardown(name, begin_three, end_three)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OF_THREE(test_sums_are_those_of_one),
        OF_THREE(test_values_are_those_of_one),
        OF_THREE(test_a_busy_one_weighs_more),
        OF_THREE(test_values_that_are_refused),
        OF_THREE(test_values_against_another_reference),
        OF_THREE(test_told_again),
        OF_THREE(test_one_that_nobody_asks),
        OF_THREE(test_what_is_refused),
        OF_THREE(test_taken_before_it_is_learned),
        OF_THREE(test_its_name),
        OF_THREE(test_told_is_kept),
        OF_THREE(test_the_same_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
