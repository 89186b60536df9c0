/* The log as a whole: rows in, rows out; what a crash, a full disk and privacy do to it. */
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#include "../folder.h"
#include "journal/journal.h"

enum { COLUMNS = 3 };

static char folder[TEST_FOLDER_BYTES];
static mw_forest forest;
static mw_column columns[COLUMNS];

static int begin(void **state)
{
    static const mw_view colours[] = {{"red", 3}, {"blue", 4}};
    (void)state;
    for (size_t c = 0; c < COLUMNS; c++)
        columns[c] = (mw_column){.name = {c == 0   ? "age"
                                          : c == 1 ? "income"
                                                   : "colour",
                                          c == 0 ? 3u : 6u}};
    columns[2].categories = colours;
    columns[2].n_categories = 2;
    forest = (mw_forest){.n_features = COLUMNS,
                         .n_predictions = 1,
                         .n_classes = 2,
                         .transform = MW_TRANSFORM_SIGMOID};
    forest.schema = (mw_schema){.columns = columns, .n_columns = COLUMNS, .named = true};
    return test_folder_make(folder);
}

static int end(void **state)
{
    (void)state;
    return test_folder_remove(folder);
}

static mw_journal *open_log(mw_journal_options options)
{
    mw_journal *journal = NULL;
    mw_error err;
    options.folder = folder;
    options.sample = options.sample > 0 ? options.sample : 1;
    if (mw_journal_open(&options, &journal, &err) != MW_OK)
        fail_msg("%s", err.what);
    return journal;
}

/* Request `i` of n rows; what stands in row r is told by i and r. */
static void tap(mw_journal *journal, const char *endpoint, unsigned version, unsigned i, size_t n)
{
    char id[32];
    double *rows = calloc(n * COLUMNS, sizeof *rows), *values = calloc(n, sizeof *values);
    for (size_t r = 0; r < n; r++) {
        rows[r * COLUMNS] = (double)i + 0.1;
        rows[r * COLUMNS + 1] = r % 7 == 3 ? (double)NAN : (double)r;
        rows[r * COLUMNS + 2] = (double)(r & 1);
        values[r] = 1.0 / (double)(i + r + 1);
    }
    mw_matrix matrix = {rows, MW_FLOAT64, n, COLUMNS, COLUMNS, 1};
    int size = snprintf(id, sizeof id, "request-%u", i);
    mw_journal_tap(
        journal,
        &(mw_journal_entry){endpoint, version, &forest, {id, (size_t)size}, &matrix, values, 1});
    free(rows);
    free(values);
}

typedef struct seen {
    size_t n, n_wrong, max;
    double ages, last_income;
    uint64_t hash;
    mw_log_treatment treatments[COLUMNS];
} seen;

static bool look(void *user, const mw_log_row *row)
{
    seen *s = user;
    uint64_t i = 0;
    assert_true(mw_whole_parse((mw_view){row->id.data + 8, row->id.size - 8}, &i));
    bool kept = row->shape->columns[0].treatment == MW_LOG_KEPT;
    double income = row->row % 7 == 3 ? (double)NAN : (double)row->row;
    for (size_t c = 0; c < COLUMNS; c++)
        s->treatments[c] = row->shape->columns[c].treatment;
    if (kept && row->inputs[0] != (double)i + 0.1)
        s->n_wrong++;
    if (row->shape->columns[1].treatment == MW_LOG_KEPT &&
        !(row->inputs[1] == income || (isnan(income) && isnan(row->inputs[1]))))
        s->n_wrong++;
    if (row->outputs[0] != 1.0 / (double)(i + row->row + 1))
        s->n_wrong++;
    memcpy(&s->hash, &row->inputs[1], sizeof s->hash);
    s->last_income = row->inputs[1];
    s->n++;
    return s->max == 0 || s->n < s->max;
}

static seen read_log(mw_log_query query, mw_log_totals *ret_totals)
{
    seen s = {0};
    mw_error err;
    if (mw_log_read(folder, &query, look, &s, ret_totals, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    return s;
}

static void test_in_and_out(void **state)
{
    (void)state;
    mw_log_totals totals;
    mw_journal_counts counts;
    mw_journal *journal = open_log((mw_journal_options){0});
    for (unsigned i = 0; i < 100; i++)
        tap(journal, i % 2 ? "a" : "b", 1 + i / 50, i, 20);
    tap(journal, "a", 2, 1000, 20000); /* in pieces */
    mw_journal_close(journal);
    seen all = read_log((mw_log_query){0}, &totals);
    assert_int_equal(all.n, 22000);
    assert_int_equal(all.n_wrong, 0);
    assert_int_equal(totals.damaged_blocks + totals.torn_bytes, 0);
    assert_int_equal(read_log((mw_log_query){.endpoint = MW_VIEW("b")}, NULL).n, 1000);
    assert_int_equal(read_log((mw_log_query){.endpoint = MW_VIEW("b"), .version = 2}, NULL).n, 500);
    assert_int_equal(read_log((mw_log_query){.id = MW_VIEW("request-7")}, NULL).n, 20);
    assert_int_equal(read_log((mw_log_query){.id = MW_VIEW("request-1000#19999")}, NULL).n, 1);
    assert_int_equal(read_log((mw_log_query){.id = MW_VIEW("request-1001")}, NULL).n, 0);
    assert_int_equal(read_log((mw_log_query){.from_ms = mw_clock_wall_ms() + 1000}, NULL).n, 0);
    assert_int_equal(read_log((mw_log_query){.to_ms = mw_clock_wall_ms() + 1000}, NULL).n, 22000);
    size_t last = read_log((mw_log_query){.last = 100}, NULL).n;
    assert_true(last >= 100 && last < 22000);
    mw_error err;
    seen s = {0};
    assert_int_equal(
        mw_log_read(folder, &(mw_log_query){.id = MW_VIEW("#3")}, look, &s, NULL, &err),
        MW_BAD_ARGUMENT);
    assert_int_equal(mw_log_read("/nowhere", &(mw_log_query){0}, look, &s, NULL, &err),
                     MW_NOT_FOUND);
    journal = open_log((mw_journal_options){0}); /* it goes on */
    tap(journal, "a", 1, 2000, 5);
    mw_journal_close(journal);
    assert_int_equal(read_log((mw_log_query){0}, &totals).n, 22005);
    assert_int_equal(totals.segments, 2);
    (void)counts;
}

static void test_private(void **state)
{
    (void)state;
    mw_journal *journal =
        open_log((mw_journal_options){.hashed = " income, other", .dropped = "age"});
    for (unsigned i = 0; i < 2; i++)
        tap(journal, "a", 1, i, 5);
    mw_journal_close(journal);
    seen all = read_log((mw_log_query){0}, NULL), first, again;
    assert_int_equal(all.n_wrong, 0);
    assert_int_equal(all.treatments[0], MW_LOG_DROPPED);
    assert_int_equal(all.treatments[1], MW_LOG_HASHED);
    assert_int_equal(all.treatments[2], MW_LOG_KEPT);
    first = read_log((mw_log_query){.id = MW_VIEW("request-0#4")}, NULL);
    again = read_log((mw_log_query){.id = MW_VIEW("request-1#4")}, NULL);
    seen other = read_log((mw_log_query){.id = MW_VIEW("request-1#2")}, NULL);
    assert_int_equal(first.hash, again.hash); /* equal values, equal hashes */
    assert_true(first.hash != other.hash && first.last_income != 4);
}

static void test_sample(void **state)
{
    (void)state;
    mw_journal_counts counts;
    mw_journal *journal = open_log((mw_journal_options){.sample = 0.25});
    for (unsigned i = 0; i < 4000; i++)
        tap(journal, "a", 1, i, 1);
    mw_journal_count(journal, &counts);
    mw_journal_close(journal);
    size_t n = read_log((mw_log_query){0}, NULL).n;
    assert_true(n > 850 && n < 1150);
    assert_int_equal(counts.rows_unsampled, 4000 - n);
}

static void test_one_writer(void **state)
{
    (void)state;
    mw_journal *other;
    mw_error err;
    mw_journal *journal = open_log((mw_journal_options){0});
    assert_int_equal(
        mw_journal_open(&(mw_journal_options){.folder = folder, .sample = 1}, &other, &err),
        MW_CONFLICT);
    mw_journal_close(journal);
}

/* A process that is killed at any moment: what it had flushed is there, what was torn is cut. */
static void test_kill(void **state)
{
    (void)state;
    size_t before = 0;
    for (unsigned round = 0; round < 6; round++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            mw_journal *journal;
            mw_journal_options options = {
                .folder = folder, .sample = 1, .flush_ms = 1, .segment_bytes = 40000};
            if (mw_journal_open(&options, &journal, NULL) != MW_OK)
                _exit(1);
            for (unsigned i = 0;; i++) {
                tap(journal, "a", 1, i, 3);
                if (i % 50 == 0)
                    usleep(1000);
            }
        }
        mw_log_totals so_far = {0};
        for (unsigned waited = 0; waited < 5000 && so_far.rows <= before; waited += 10) {
            usleep(10000 + round * 1700); /* until there is something new, and a bit */
            (void)!mw_log_shapes(folder, &(mw_log_query){0}, NULL, NULL, &so_far, NULL);
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        waitpid(child, NULL, 0);
        mw_log_totals totals;
        seen s = read_log((mw_log_query){0}, &totals);
        assert_int_equal(s.n_wrong, 0);
        assert_int_equal(totals.damaged_blocks, 0);
        assert_true(s.n > before);
        before = s.n;
    }
    mw_journal *journal = open_log((mw_journal_options){0});
    mw_journal_close(journal);
    mw_log_totals totals;
    assert_int_equal(read_log((mw_log_query){0}, &totals).n, before);
    assert_int_equal(totals.torn_bytes, 0);
    assert_true(read_log((mw_log_query){.id = MW_VIEW("request-7")}, NULL).n >= 3);
}

static void test_torn_tail_is_cut(void **state)
{
    (void)state;
    char path[128], index[128];
    struct stat before, after;
    mw_journal_counts counts;
    mw_journal *journal = open_log((mw_journal_options){0});
    tap(journal, "a", 1, 1, 1000);
    mw_journal_close(journal);
    snprintf(path, sizeof path, "%s/predictions-00000001.log", folder);
    snprintf(index, sizeof index, "%s/predictions-00000001.idx", folder);
    assert_int_equal(stat(path, &before), 0);
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "MWB1\2\1 and then the power went", 30), 30);
    close(fd);
    unlink(index); /* as a crash leaves it: nobody closed the segment */
    journal = open_log((mw_journal_options){0});
    mw_journal_count(journal, &counts);
    mw_journal_close(journal);
    assert_int_equal(counts.torn_bytes, 30);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    assert_int_equal(read_log((mw_log_query){.id = MW_VIEW("request-1")}, NULL).n, 1000);
}

static void test_retention(void **state)
{
    (void)state;
    mw_journal_counts counts;
    mw_journal *journal =
        open_log((mw_journal_options){.segment_bytes = 20000, .bytes_max = 60000, .flush_ms = 1});
    for (unsigned i = 0; i < 400; i++) {
        tap(journal, "a", 1, i, 200);
        do { /* none may be dropped: the queue is short */
            usleep(200);
            mw_journal_count(journal, &counts);
        } while (counts.rows_written < 200 * (i + 1));
    }
    mw_journal_close(journal);
    journal = open_log((mw_journal_options){.segment_bytes = 20000, .bytes_max = 60000});
    for (unsigned waited = 0; waited < 500; waited++) { /* it looks when it begins */
        mw_journal_count(journal, &counts);
        if (counts.bytes <= 60000)
            break;
        usleep(10000);
    }
    assert_true(counts.bytes <= 60000 && counts.segments_removed > 0);
    mw_journal_close(journal);
    assert_true(read_log((mw_log_query){.id = MW_VIEW("request-399")}, NULL).n == 200);
    assert_true(read_log((mw_log_query){.id = MW_VIEW("request-0")}, NULL).n == 0);
}

/* The disk is full (here: files may not grow): rows are dropped and counted; then it comes back. */
static void test_full_disk(void **state)
{
    (void)state;
    struct rlimit free_limit, limit;
    mw_journal_counts counts;
    signal(SIGXFSZ, SIG_IGN);
    mw_journal *journal = open_log((mw_journal_options){.flush_ms = 1});
    getrlimit(RLIMIT_FSIZE, &free_limit);
    limit = free_limit;
    limit.rlim_cur = 4096;
    setrlimit(RLIMIT_FSIZE, &limit);
    do {
        tap(journal, "a", 1, 1, 500);
        usleep(2000);
        mw_journal_count(journal, &counts);
    } while (counts.blocks_failed == 0);
    setrlimit(RLIMIT_FSIZE, &free_limit);
    assert_true(counts.rows_dropped >= 500);
    tap(journal, "a", 1, 2, 500);
    mw_journal_close(journal);
    mw_log_totals totals;
    seen s = read_log((mw_log_query){0}, &totals);
    assert_int_equal(s.n_wrong, 0);
    assert_int_equal(totals.damaged_blocks + totals.torn_bytes, 0);
    assert_int_equal(read_log((mw_log_query){.id = MW_VIEW("request-2")}, NULL).n, 500);
}

static void test_never_waits(void **state)
{
    (void)state;
    mw_journal_counts counts;
    mw_journal *journal = open_log((mw_journal_options){.queue_bytes = 16384});
    for (unsigned i = 0; i < 2000; i++)
        tap(journal, "a", 1, i, 100);
    mw_journal_count(journal, &counts);
    mw_journal_close(journal);
    assert_true(counts.rows_dropped > 0);
    assert_int_equal(read_log((mw_log_query){0}, NULL).n, 200000 - counts.rows_dropped);
}

/* ---- contributions --------------------------------------------------------------------------- */

typedef struct contributing {
    double share;
    bool is_gone; /* no more can be explained */
    size_t n_rows;
} contributing;

static double share_of(void *user, const char *endpoint, unsigned version)
{
    (void)version;
    return strcmp(endpoint, "a") == 0 ? ((contributing *)user)->share : 0;
}

/* Each input's is its negative, the bias the answer. */
static bool contribute(void *user, const char *endpoint, unsigned version, const mw_matrix *rows,
                       const double *outputs, double *ret)
{
    contributing *c = user;
    assert_string_equal(endpoint, "a");
    assert_int_equal(version, 1);
    for (size_t row = 0; row < rows->n_rows && !c->is_gone; row++) {
        for (size_t i = 0; i < COLUMNS; i++) {
            double value = ((const double *)rows->data)[row * COLUMNS + i];
            *ret++ = isnan(value) ? 0 : -value;
        }
        *ret++ = outputs[row];
    }
    c->n_rows += c->is_gone ? 0 : rows->n_rows;
    return !c->is_gone;
}

typedef struct contributions_seen {
    size_t n, n_with, n_wrong, n_private, n_shapes;
} contributions_seen;

static bool look_at_contributions(void *user, const mw_log_row *row)
{
    contributions_seen *s = user;
    s->n++;
    if (!row->contributions)
        return true;
    s->n_with++;
    for (size_t c = 0; c < COLUMNS; c++) {
        double value = isnan(row->inputs[c]) ? 0 : -row->inputs[c];
        if (row->shape->columns[c].treatment != MW_LOG_KEPT)
            s->n_private += isnan(row->contributions[c]);
        else if (row->contributions[c] != (double)(float)value)
            s->n_wrong++;
    }
    s->n_wrong += row->contributions[COLUMNS] != (double)(float)row->outputs[0];
    return true;
}

static contributions_seen read_contributions(void)
{
    contributions_seen s = {0};
    mw_error err;
    if (mw_log_read(folder, &(mw_log_query){0}, look_at_contributions, &s, NULL, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    return s;
}

static mw_journal *open_explained(contributing *c, mw_journal_options options)
{
    options.explainer = (mw_log_explainer){share_of, contribute, c};
    return open_log(options);
}

static void test_contributions(void **state)
{
    (void)state;
    mw_journal_counts counts;
    contributing c = {.share = 1};
    mw_journal *journal = open_log((mw_journal_options){0}); /* from before there were any */
    tap(journal, "a", 1, 1, 10);
    mw_journal_close(journal);
    journal = open_explained(&c, (mw_journal_options){0});
    tap(journal, "a", 1, 2, 300); /* in pieces */
    tap(journal, "b", 1, 3, 50);  /* not asked for */
    mw_journal_close(journal);
    contributions_seen s = read_contributions();
    assert_int_equal(s.n, 360);
    assert_int_equal(s.n_with, 300);
    assert_int_equal(s.n_wrong + s.n_private, 0);
    assert_int_equal(c.n_rows, 300);
    c.is_gone = true;
    journal = open_explained(&c, (mw_journal_options){.flush_ms = 1});
    tap(journal, "a", 1, 4, 70);
    do {
        usleep(1000);
        mw_journal_count(journal, &counts);
    } while (counts.rows_written < 70);
    mw_journal_close(journal);
    assert_int_equal(counts.rows_explained, 0);
    assert_int_equal(counts.rows_unexplained, 70);
    s = read_contributions();
    assert_int_equal(s.n, 430); /* the rows are there whatever becomes of them */
    assert_int_equal(s.n_with, 300);
}

static void test_private_contributions(void **state)
{
    (void)state;
    contributing c = {.share = 1};
    mw_journal *journal =
        open_explained(&c, (mw_journal_options){.hashed = "income", .dropped = "age"});
    tap(journal, "a", 1, 2, 20);
    mw_journal_close(journal);
    contributions_seen s = read_contributions();
    assert_int_equal(s.n_with, 20);
    assert_int_equal(s.n_wrong, 0);
    assert_int_equal(s.n_private, 40);
}

static void test_share_of_contributions(void **state)
{
    (void)state;
    contributing c = {.share = 0.25};
    mw_journal *journal = open_explained(&c, (mw_journal_options){.sample = 0.5});
    for (unsigned i = 0; i < 4000; i++)
        tap(journal, "a", 1, i, 1);
    mw_journal_close(journal);
    contributions_seen s = read_contributions();
    assert_true(s.n > 1850 && s.n < 2150);
    assert_true(s.n_with > 400 && s.n_with < 600);
    assert_int_equal(s.n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_in_and_out, begin, end),
        cmocka_unit_test_setup_teardown(test_private, begin, end),
        cmocka_unit_test_setup_teardown(test_sample, begin, end),
        cmocka_unit_test_setup_teardown(test_contributions, begin, end),
        cmocka_unit_test_setup_teardown(test_private_contributions, begin, end),
        cmocka_unit_test_setup_teardown(test_share_of_contributions, begin, end),
        cmocka_unit_test_setup_teardown(test_one_writer, begin, end),
        cmocka_unit_test_setup_teardown(test_kill, begin, end),
        cmocka_unit_test_setup_teardown(test_torn_tail_is_cut, begin, end),
        cmocka_unit_test_setup_teardown(test_retention, begin, end),
        cmocka_unit_test_setup_teardown(test_full_disk, begin, end),
        cmocka_unit_test_setup_teardown(test_never_waits, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
