/* Labels and their predictions: what is read, joined, waits, is said twice; and what comes of it.
 */
#include "test.h"

#include "../folder.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "journal/journal.h"
#include "journal/labels.h"

enum { COLUMNS = 2, CLASSES = 3 };

static char folder[TEST_FOLDER_BYTES];
static mw_column columns[COLUMNS];
static const mw_view class_names[] = {{"low", 3}, {"mid", 3}, {"high", 4}};

static int begin(void **state)
{
    (void)state;
    columns[0] = (mw_column){.name = {"age", 3}};
    columns[1] = (mw_column){.name = {"kind", 4}};
    return test_folder_make(folder);
}

static int end(void **state)
{
    (void)state;
    return test_folder_remove(folder);
}

static mw_forest forest_of(size_t n_classes, mw_transform transform)
{
    mw_forest forest = {.n_features = COLUMNS,
                        .n_classes = n_classes,
                        .class_labels = n_classes == CLASSES ? class_names : NULL,
                        .transform = transform};
    forest.schema = (mw_schema){.columns = columns, .n_columns = COLUMNS};
    return forest;
}

static mw_journal *open_log(unsigned flush_ms)
{
    mw_journal *journal = NULL;
    mw_error err;
    const mw_journal_options options = {
        .folder = folder, .sample = 1, .flush_ms = flush_ms, .slices = "kind"};
    if (mw_journal_open(&options, &journal, &err) != MW_OK)
        fail_msg("%s", err.what);
    return journal;
}

static void tap(mw_journal *journal, const char *endpoint, const mw_forest *forest, const char *id,
                size_t n, const double *values, size_t n_outputs)
{
    double *rows = calloc(n * COLUMNS, sizeof *rows);
    for (size_t r = 0; r < n; r++)
        rows[r * COLUMNS + 1] = (double)(r % 2);
    mw_matrix matrix = {rows, MW_FLOAT64, n, COLUMNS, COLUMNS, 1};
    mw_journal_tap(journal, &(mw_journal_entry){endpoint, 1, forest, mw_view_of(id), &matrix,
                                                values, n_outputs});
    free(rows);
}

/* ---- waiting for the journal's thread -------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static bool is_done;

static void say_done(void)
{
    pthread_mutex_lock(&lock);
    is_done = true;
    pthread_cond_signal(&answered);
    pthread_mutex_unlock(&lock);
}

static void wait_done(void)
{
    pthread_mutex_lock(&lock);
    while (!is_done)
        pthread_cond_wait(&answered, &lock);
    is_done = false;
    pthread_mutex_unlock(&lock);
}

static void feedback_done(mw_feedback *feedback)
{
    (void)feedback;
    say_done();
}

static mw_feedback tell(mw_journal *journal, const char *endpoint, const char *body)
{
    mw_arena arena;
    mw_error err;
    mw_arena_init(&arena, 4 * MW_KIB, 64 * MW_MIB);
    mw_feedback feedback = {
        .endpoint = endpoint, .body = mw_view_of(body), .arena = &arena, .done = feedback_done};
    assert_int_equal(mw_journal_feedback(journal, &feedback, &err), MW_OK);
    wait_done();
    mw_arena_done(&arena);
    return feedback;
}

typedef struct found {
    size_t n_parts;
    mw_performance_part parts[8];
    char slices[8][40];
} found;

static void see(void *user, const mw_performance_part *part)
{
    found *f = user;
    assert_true(f->n_parts < 8);
    snprintf(f->slices[f->n_parts], 40, "%s", part->slice ? part->slice : "-");
    f->parts[f->n_parts++] = *part;
}

static void performance_done(mw_performance_task *task)
{
    (void)task;
    say_done();
}

static found ask(mw_journal *journal, mw_performance_query query)
{
    found f = {0};
    mw_error err;
    query.threshold = 0.5;
    mw_performance_task task = {.query = query, .see = see, .done = performance_done, .user = &f};
    assert_int_equal(mw_journal_performance(journal, &task, &err), MW_OK);
    wait_done();
    assert_int_equal(task.status, MW_OK);
    return f;
}

static double metric(const mw_performance_part *part, const char *name)
{
    ptrdiff_t at = mw_quality_find(part->task, mw_view_of(name));
    assert_true(at >= 0);
    return part->metrics[at].value;
}

/* Until the labels that wait have found their predictions. */
static void wait_joined(mw_journal *journal, uint64_t n)
{
    mw_feedback_counts counts;
    for (unsigned i = 0; i < 1000; i++) {
        mw_journal_count_feedback(journal, &counts);
        if (counts.joined >= n && counts.waiting == 0)
            return;
        usleep(10000);
    }
    fail_msg("%llu joined", (unsigned long long)counts.joined);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_two_classes(void **state)
{
    (void)state;
    mw_forest forest = forest_of(2, MW_TRANSFORM_SIGMOID);
    const double scores[] = {0.9, 0.8, 0.3, 0.1};
    mw_journal *journal = open_log(20);
    tap(journal, "credit", &forest, "r", 4, scores, 1);
    /* before its prediction is on the disk, or at once */
    mw_feedback f = tell(journal, "credit",
                         "{\"ids\": [\"r#0\", \"r#1\", \"r#2\", \"r\", \"r#3\"], "
                         "\"labels\": [1, 0, true, 1, \"0\"]}");
    assert_int_equal(f.status, MW_OK);
    assert_int_equal(f.result.received, 5);
    wait_joined(journal, 4);
    found all = ask(journal, (mw_performance_query){0});
    assert_int_equal(all.n_parts, 1);
    assert_int_equal(all.parts[0].n_labels, 4);
    assert_true(metric(&all.parts[0], "accuracy") == 0.5);
    assert_true(metric(&all.parts[0], "auc") == 0.75);
    found sliced = ask(journal, (mw_performance_query){.slice = MW_VIEW("kind")});
    assert_int_equal(sliced.n_parts, 3);
    assert_string_equal(sliced.slices[1], "0");
    assert_int_equal(sliced.parts[2].n_labels, 2);
    assert_int_equal(tell(journal, "credit", "{\"id\": \"r#1\", \"label\": 0}").result.duplicates,
                     1);
    assert_int_equal(tell(journal, "credit", "{\"id\": \"r#1\", \"label\": 1}").result.replaced, 1);
    assert_int_equal(tell(journal, "credit", "{\"id\": \"r#3\", \"label\": 2}").result.misfits, 1);
    assert_int_equal(tell(journal, "credit", "{\"id\": \"r#9\", \"label\": 1}").result.waiting, 1);
    assert_int_equal(tell(journal, "other", "{\"id\": \"r#0\", \"label\": 1}").result.waiting, 1);
    assert_int_equal(tell(journal, "credit", "{\"id\": \"r#0\"}").status, MW_BAD_DATA);
    found again = ask(journal, (mw_performance_query){0});
    assert_true(metric(&again.parts[0], "accuracy") == 0.75);
    mw_journal_close(journal);
    journal = open_log(20); /* all of it is read again */
    for (unsigned i = 0; i < 500 && again.n_parts + again.parts[0].n_labels != 5; i++)
        again = ask(journal, (mw_performance_query){0});
    again = ask(journal, (mw_performance_query){.endpoint = MW_VIEW("credit")});
    assert_true(metric(&again.parts[0], "accuracy") == 0.75);
    mw_journal_close(journal);
}

static void test_several_classes(void **state)
{
    (void)state;
    mw_forest forest = forest_of(CLASSES, MW_TRANSFORM_SOFTMAX);
    const double shares[] = {0.7, 0.2, 0.1, 0.1, 0.6, 0.3, 0.2, 0.5, 0.3};
    mw_journal *journal = open_log(10);
    tap(journal, "iris", &forest, "r", 3, shares, CLASSES);
    tell(journal, "iris",
         "[{\"id\": \"r#0\", \"label\": \"low\"}, {\"id\": \"r#1\", \"label\": 1}, "
         "{\"id\": \"r#2\", \"label\": \"high\"}]");
    wait_joined(journal, 3);
    found all = ask(journal, (mw_performance_query){0});
    assert_true(fabs(metric(&all.parts[0], "accuracy") - 2.0 / 3) < 1e-12);
    assert_true(fabs(metric(&all.parts[0], "log_loss") + (log(0.7) + log(0.6) + log(0.3)) / 3) <
                1e-12);
    assert_int_equal(tell(journal, "iris", "{\"id\": \"r#2\", \"label\": \"mid\"}").result.replaced,
                     1);
    all = ask(journal, (mw_performance_query){0});
    assert_true(metric(&all.parts[0], "accuracy") == 1);
    mw_journal_close(journal);
}

static void test_numbers(void **state)
{
    (void)state;
    mw_forest forest = forest_of(0, MW_TRANSFORM_IDENTITY);
    const double said[] = {10, 20, 30};
    mw_journal *journal = open_log(10);
    tap(journal, "price", &forest, "r", 3, said, 1);
    tell(journal, "price", "{\"ids\": [\"r#0\", \"r#1\", \"r#2\"], \"labels\": [11, 18, 33]}");
    wait_joined(journal, 3);
    found all = ask(journal, (mw_performance_query){0});
    assert_true(metric(&all.parts[0], "mae") == 2);
    assert_int_equal(
        tell(journal, "price", "{\"id\": \"r#2\", \"label\": \"dear\"}").result.misfits, 1);
    mw_journal_close(journal);
}

/* The later one of two predictions with one id is what a label is about. */
static void test_ids_said_twice(void **state)
{
    (void)state;
    mw_forest forest = forest_of(0, MW_TRANSFORM_IDENTITY);
    mw_journal *journal = open_log(10);
    for (double said = 1; said <= 40; said++)
        tap(journal, "price", &forest, "order", 1, &said, 1);
    mw_journal_close(journal);
    double last = 50;
    journal = open_log(10);
    tap(journal, "price", &forest, "order", 1, &last, 1);
    for (unsigned i = 0; i < 1000; i++) {
        mw_journal_counts counts;
        mw_journal_count(journal, &counts);
        if (counts.rows_written == 1)
            break;
        usleep(10000);
    }
    assert_int_equal(tell(journal, "price", "{\"id\": \"order\", \"label\": 52}").result.joined, 1);
    found all = ask(journal, (mw_performance_query){0});
    assert_true(metric(&all.parts[0], "mae") == 2);
    mw_journal_close(journal);
}

static void test_what_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool is_csv;
        size_t n; /* 0: refused */
    } cases[] = {
        {"{\"id\": \"a\", \"label\": 1, \"time\": 1700000000000, \"who\": {\"x\": 1}}", false, 1},
        {"{\"id\": \"a\", \"label\": 1e400}", false, 0},
        {"{\"feedback\": [{\"id\": \"a#1\", \"label\": false}]}", false, 1},
        {"[{\"id\": \"\", \"label\": 1}]", false, 0},
        {"[{\"id\": \"a#99999999999\", \"label\": 1}]", false, 0},
        {"[{\"id\": \"a\", \"row\": -1, \"label\": 1}]", false, 0},
        {"{\"id\": \"a\", \"label\": 1} x", false, 0},
        {"[", false, 0},
        {"id,label\r\na,1\r\nb#2,yes\r\n", true, 2},
        {"\xef\xbb\xbfprediction_id,x,actual\n\"a,1\",,0.5", true, 1},
        {"id,label\na,nan\n", true, 0},
        {"id,label\n\"a,1\n", true, 0},
        {"a,1\n", true, 0},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_arena arena;
        mw_error err;
        journal_label *labels;
        size_t n = 0;
        mw_arena_init(&arena, MW_KIB, MW_MIB);
        mw_status status = journal_labels_read(mw_view_of(cases[i].body), cases[i].is_csv,
                                               MW_VIEW("e"), 7, &arena, &labels, &n, &err);
        if ((status == MW_OK) != (cases[i].n > 0) || (status == MW_OK && n != cases[i].n))
            fail_msg("%s: %d, %zu", cases[i].body, status, n);
        if (status != MW_OK)
            assert_true(err.what[0] && status == MW_BAD_DATA);
        mw_arena_done(&arena);
    }
}

/* ---- two servers ----------------------------------------------------------------------------- */

static mw_feedback pass(mw_journal *journal, mw_view body)
{
    mw_arena arena;
    mw_error err;
    mw_arena_init(&arena, 4 * MW_KIB, 64 * MW_MIB);
    mw_feedback feedback = {
        .endpoint = "", .body = body, .is_passed_on = true, .arena = &arena, .done = feedback_done};
    assert_int_equal(mw_journal_feedback(journal, &feedback, &err), MW_OK);
    wait_done();
    mw_arena_done(&arena);
    return feedback;
}

/* Labels that wait for predictions which another server has made: it takes its own, once, and
 * keeps them. */
static void test_passed_on(void **state)
{
    (void)state;
    char other_folder[TEST_FOLDER_BYTES];
    mw_feedback_counts counts;
    mw_error err;
    mw_buf astray;
    mw_forest forest = forest_of(2, MW_TRANSFORM_SIGMOID);
    const double chances[] = {0.9, 0.2, 0.8, 0.4};
    mw_journal *journal = open_log(10), *other = NULL;
    tap(journal, "credit", &forest, "r", 4, chances, 1);
    assert_int_equal(test_folder_make(other_folder), 0);
    const mw_journal_options options = {.folder = other_folder, .sample = 1, .flush_ms = 10};
    assert_int_equal(mw_journal_open(&options, &other, &err), MW_OK);
    mw_buf_init(&astray, MW_MIB);
    mw_journal_take_astray(other, &astray); /* from now on */
    assert_int_equal(tell(other, "credit",
                          "[{\"id\": \"r#0\", \"label\": 1}, {\"id\": \"nobody's\", \"label\": 1},"
                          " {\"id\": \"r#2\", \"label\": 0}]")
                         .result.waiting,
                     3);
    mw_journal_count_feedback(other, &counts);
    for (unsigned i = 0; i < 3000 && counts.passed_on < 3; i++) { /* one after the other, if slow */
        usleep(10000);
        mw_journal_take_astray(other, &astray);
        mw_journal_count_feedback(other, &counts);
    }
    mw_journal_take_astray(other, &astray);
    assert_true(astray.size > 0 && counts.passed_on == 3 && counts.waiting == 3);
    tell(journal, "credit", "{\"id\": \"r#1\", \"label\": 0}");
    wait_joined(journal, 1); /* so the predictions are on the disk */
    mw_feedback taken = pass(journal, mw_buf_as_view(&astray));
    assert_int_equal(taken.status, MW_OK);
    assert_true(taken.result.joined == 2 && taken.result.received == 0 && !taken.result.waiting);
    assert_int_equal(pass(journal, mw_buf_as_view(&astray)).result.joined, 0);
    for (size_t cut = 0; cut < astray.size; cut += 5)
        (void)pass(journal, (mw_view){astray.data, cut});
    mw_journal_count_feedback(journal, &counts);
    assert_true(counts.joined == 3 && counts.duplicates == 0 && counts.waiting == 0);
    mw_journal_close(journal);
    journal = open_log(10);
    found again = {0};
    for (unsigned i = 0; i < 500 && again.parts[0].n_labels != 3; i++)
        again = ask(journal, (mw_performance_query){.endpoint = MW_VIEW("credit")});
    assert_int_equal(again.parts[0].n_labels, 3);
    assert_true(metric(&again.parts[0], "accuracy") == 2.0 / 3);
    mw_journal_close(journal);
    mw_journal_close(other);
    mw_buf_done(&astray);
    test_folder_remove(other_folder);
}

/* ---- what other servers have ----------------------------------------------------------------- */

enum { SERVERS = 3, WHOLE = 2, ROWS = 40 };

static mw_journal *open_in(const char *place)
{
    mw_error err;
    mw_journal *opened = NULL;
    const mw_journal_options options = {
        .folder = place, .sample = 1, .flush_ms = 10, .slices = "kind"};
    assert_int_equal(mw_journal_open(&options, &opened, &err), MW_OK);
    return opened;
}

static mw_status hear(mw_journal *journal, mw_view body)
{
    mw_arena arena;
    mw_error err;
    mw_arena_init(&arena, 4 * MW_KIB, 64 * MW_MIB);
    mw_feedback feedback = {
        .endpoint = "", .body = body, .is_told = true, .arena = &arena, .done = feedback_done};
    assert_int_equal(mw_journal_feedback(journal, &feedback, &err), MW_OK);
    wait_done();
    mw_arena_done(&arena);
    return feedback.status;
}

/* Until `to` knows of so many labels; what was given away last stays in *told. */
static void carry_told(mw_journal *from, mw_journal *to, size_t n, mw_buf *told)
{
    mw_buf some;
    mw_buf_init(&some, MW_LIMIT_TOLD_BYTES);
    for (unsigned i = 0; i < 3000; i++) {
        found all = ask(to, (mw_performance_query){0});
        if (all.parts[0].n_labels == n)
            break;
        mw_journal_take_told(from, &some);
        if (some.size > 0) {
            assert_int_equal(hear(to, mw_buf_as_view(&some)), MW_OK);
            mw_buf_reset(told);
            mw_buf_view(told, mw_buf_as_view(&some));
            mw_buf_reset(&some);
        } else {
            usleep(10000);
        }
    }
    assert_int_equal(ask(to, (mw_performance_query){0}).parts[0].n_labels, n);
    mw_buf_done(&some);
}

static void same_parts(const found *mine, const found *wanted)
{
    assert_int_equal(mine->n_parts, wanted->n_parts);
    for (size_t p = 0; p < wanted->n_parts; p++) {
        const mw_performance_part *a = &mine->parts[p], *b = &wanted->parts[p];
        assert_true(a->n_labels == b->n_labels && a->n_servers == 2 && b->n_servers == 1);
        assert_string_equal(mine->slices[p], wanted->slices[p]);
        for (size_t m = 0; m < b->n_metrics; m++)
            if (!(fabs(a->metrics[m].value - b->metrics[m].value) < 1e-12 &&
                  fabs(a->metrics[m].low - b->metrics[m].low) < 1e-12) &&
                !(isnan(b->metrics[m].low) && isnan(a->metrics[m].low) &&
                  (a->metrics[m].value == b->metrics[m].value ||
                   fabs(a->metrics[m].value - b->metrics[m].value) < 1e-12 ||
                   isnan(b->metrics[m].value))))
                fail_msg("part %zu, metric %zu: %.17g, not %.17g", p, m, a->metrics[m].value,
                         b->metrics[m].value);
    }
}

/* How good the predictions of two were is how good those of one that made all of them were. */
static void two_beside_one(size_t n_classes, mw_transform transform, size_t n_outputs)
{
    char body[100];
    char one[TEST_FOLDER_BYTES], two[TEST_FOLDER_BYTES], all[TEST_FOLDER_BYTES];
    char *folders[SERVERS] = {one, two, all};
    mw_journal *logs[SERVERS];
    mw_buf told;
    double values[CLASSES], shift;
    mw_forest forest = forest_of(n_classes, transform);
    mw_buf_init(&told, MW_LIMIT_TOLD_BYTES);
    for (size_t s = 0; s < SERVERS; s++) {
        assert_int_equal(test_folder_make(folders[s]), 0);
        logs[s] = open_in(folders[s]);
    }
    for (size_t i = 0; i < ROWS; i++) {
        snprintf(body, sizeof body, "r%zu", i);
        shift = (double)(i * 7 % 10) / 10;
        for (size_t k = 0; k < n_outputs; k++) /* they add up to one */
            values[k] = n_outputs > 1 ? (k == i % 3 ? 0.4 + shift / 4 : 0.3 - shift / 8) : shift;
        tap(logs[i % 2], "credit", &forest, body, 1, values, n_outputs);
        tap(logs[WHOLE], "credit", &forest, body, 1, values, n_outputs);
    }
    for (size_t i = 0; i < ROWS; i++) {
        snprintf(body, sizeof body, "{\"id\": \"r%zu\", \"label\": %d}", i, i * 3 % 5 < 2);
        tell(logs[i % 2], "credit", body);
        tell(logs[WHOLE], "credit", body);
    }
    for (size_t s = 0; s < SERVERS; s++)
        wait_joined(logs[s], s == WHOLE ? ROWS : ROWS / 2);
    carry_told(logs[0], logs[1], ROWS, &told);
    carry_told(logs[1], logs[0], ROWS, &told);
    assert_int_equal(hear(logs[0], mw_buf_as_view(&told)), MW_OK); /* told twice */
    const mw_performance_query queries[] = {
        {0}, {.slice = MW_VIEW("kind")}, {.from_ms = 1}, {.last = ROWS, .slice = MW_VIEW("kind")}};
    for (size_t q = 0; q < MW_COUNT(queries); q++)
        for (size_t s = 0; s < 2; s++) {
            found mine = ask(logs[s], queries[q]), wanted = ask(logs[WHOLE], queries[q]);
            same_parts(&mine, &wanted);
        }
    found alone = ask(logs[0], (mw_performance_query){.is_alone = true});
    assert_true(alone.parts[0].n_labels == ROWS / 2 && alone.parts[0].n_servers == 1);
    for (uint64_t last = 3; last < ROWS; last += 9) { /* the newest of both */
        found here = ask(logs[0], (mw_performance_query){.last = last});
        found there = ask(logs[1], (mw_performance_query){.last = last});
        assert_true(here.parts[0].n_labels == last && there.parts[0].n_labels == last);
        for (size_t m = 0; m < here.parts[0].n_metrics; m++) { /* of one class there is no AUC */
            double a = here.parts[0].metrics[m].value, b = there.parts[0].metrics[m].value;
            assert_true(fabs(a - b) < 1e-12 || (isnan(a) && isnan(b)));
        }
    }
    /* told otherwise at one: the other one hears of it */
    tell(logs[1], "credit", "{\"id\": \"r39\", \"label\": 1}");
    tell(logs[WHOLE], "credit", "{\"id\": \"r39\", \"label\": 1}");
    mw_buf_reset(&told);
    for (unsigned i = 0; i < 3000 && told.size == 0; i++) {
        usleep(i ? 10000 : 0);
        mw_journal_take_told(logs[1], &told);
    }
    assert_int_equal(hear(logs[0], mw_buf_as_view(&told)), MW_OK);
    found mended = ask(logs[0], queries[0]), wanted_then = ask(logs[WHOLE], queries[0]);
    same_parts(&mended, &wanted_then);
    /* what is damaged changes nothing */
    for (size_t cut = 0; cut < told.size; cut += 1 + told.size / 200)
        assert_int_equal(hear(logs[0], (mw_view){told.data, cut}), MW_BAD_DATA);
    for (size_t i = 0; i < told.size; i += 1 + told.size / 200) {
        told.data[i] ^= 1;
        assert_int_equal(hear(logs[0], mw_buf_as_view(&told)), MW_BAD_DATA);
        told.data[i] ^= 1;
    }
    assert_int_equal(ask(logs[0], (mw_performance_query){0}).parts[0].n_labels, ROWS);
    for (size_t s = 0; s < SERVERS; s++) {
        mw_journal_close(logs[s]);
        test_folder_remove(folders[s]);
    }
    mw_buf_done(&told);
}

static void test_two_beside_one(void **state)
{
    (void)state;
    two_beside_one(2, MW_TRANSFORM_SIGMOID, 1);
    two_beside_one(CLASSES, MW_TRANSFORM_SOFTMAX, CLASSES);
    two_beside_one(0, MW_TRANSFORM_IDENTITY, 1);
}

/* A label that reached another server: it waits there until it hears who had the prediction, and is
 * not unknown. One that is said twice, or fits no class, ends there, too. */
static void test_counted_once(void **state)
{
    (void)state;
    char other_folder[TEST_FOLDER_BYTES];
    mw_feedback_counts counts = {0};
    mw_buf astray, told;
    mw_forest forest = forest_of(2, MW_TRANSFORM_SIGMOID);
    const double chances[] = {0.9, 0.2, 0.8};
    assert_int_equal(test_folder_make(other_folder), 0);
    mw_journal *journal = open_log(10), *other = open_in(other_folder);
    mw_buf_init(&astray, MW_MIB);
    mw_buf_init(&told, MW_LIMIT_TOLD_BYTES);
    tap(journal, "credit", &forest, "r", 3, chances, 1);
    tell(journal, "credit", "{\"id\": \"r#1\", \"label\": 0}");
    wait_joined(journal, 1);
    mw_journal_take_astray(other, &astray); /* from now on */
    tell(other, "credit",
         "[{\"id\": \"r#0\", \"label\": 1}, {\"id\": \"r#1\", \"label\": 0},"
         " {\"id\": \"r#2\", \"label\": 7}, {\"id\": \"nobody's\", \"label\": 1}]");
    for (unsigned i = 0; i < 3000 && counts.passed_on < 4; i++) {
        usleep(10000);
        mw_journal_take_astray(other, &astray);
        mw_journal_count_feedback(other, &counts);
    }
    mw_journal_take_astray(other, &astray);
    assert_int_equal(counts.waiting, 4);
    assert_int_equal(pass(journal, mw_buf_as_view(&astray)).status, MW_OK);
    for (unsigned i = 0; i < 3000 && counts.elsewhere < 3; i++) {
        mw_journal_take_told(journal, &told);
        if (told.size > 0)
            assert_int_equal(hear(other, mw_buf_as_view(&told)), MW_OK);
        else
            usleep(10000);
        mw_buf_reset(&told);
        mw_journal_count_feedback(other, &counts);
    }
    assert_true(counts.elsewhere == 3 && counts.waiting == 1 && counts.unknown == 0);
    mw_journal_count_feedback(journal, &counts);
    assert_true(counts.joined == 2 && counts.misfits == 1 && counts.elsewhere == 0);
    assert_int_equal(ask(other, (mw_performance_query){0}).parts[0].n_labels, 2);
    mw_journal_close(journal);
    mw_journal_close(other);
    mw_buf_done(&astray);
    mw_buf_done(&told);
    test_folder_remove(other_folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_two_classes, begin, end),
        cmocka_unit_test_setup_teardown(test_several_classes, begin, end),
        cmocka_unit_test_setup_teardown(test_numbers, begin, end),
        cmocka_unit_test_setup_teardown(test_ids_said_twice, begin, end),
        cmocka_unit_test_setup_teardown(test_passed_on, begin, end),
        cmocka_unit_test_setup_teardown(test_two_beside_one, begin, end),
        cmocka_unit_test_setup_teardown(test_counted_once, begin, end),
        cmocka_unit_test(test_what_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
