/* The log: one line an event, levels, control bytes, threads that do not interleave. */
#include "../test.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/base.h"

enum { N_THREADS = 4, N_LINES = 500 };

/* Standard error goes to a file while a test runs. */
typedef struct captured {
    int kept, file;
    char text[N_THREADS * N_LINES * 200];
} captured;

static captured capture;

static void capture_begin(void)
{
    char path[] = "/tmp/mw-test-log-XXXXXX";
    capture.file = mkstemp(path);
    assert_true(capture.file >= 0);
    unlink(path);
    capture.kept = dup(STDERR_FILENO);
    assert_int_equal(dup2(capture.file, STDERR_FILENO), STDERR_FILENO);
}

static const char *capture_end(void)
{
    dup2(capture.kept, STDERR_FILENO);
    close(capture.kept);
    ssize_t size = pread(capture.file, capture.text, sizeof capture.text - 1, 0);
    close(capture.file);
    assert_true(size >= 0);
    capture.text[size] = '\0';
    return capture.text;
}

static void test_line(void **state)
{
    (void)state;
    static const uint64_t ns = 0;
    static const int64_t wall_ms = 1795360445123; /* 2026-11-22T15:14:05.123Z */
    mw_clock_pin(&ns, &wall_ms);
    capture_begin();
    mw_log(MW_LOG_WARN, "cannot reload '%s' (%d)", "churn", 7);
    const char *text = capture_end();
    mw_clock_pin(NULL, NULL);
    assert_string_equal(text, "2026-11-22T15:14:05.123Z warn  cannot reload 'churn' (7)\n");
}

static void test_levels(void **state)
{
    (void)state;
    static const struct {
        mw_log_level level;
        size_t n_lines;
    } cases[] = {{MW_LOG_ERROR, 1}, {MW_LOG_WARN, 2}, {MW_LOG_INFO, 3}, {MW_LOG_DEBUG, 4}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        capture_begin();
        mw_log_set_level(cases[i].level);
        for (int level = MW_LOG_ERROR; level <= MW_LOG_DEBUG; level++)
            mw_log((mw_log_level)level, "x");
        const char *text = capture_end();
        size_t n_lines = 0;
        for (const char *at = text; (at = strchr(at, '\n')); at++)
            n_lines++;
        assert_int_equal(n_lines, cases[i].n_lines);
    }
    mw_log_set_level(MW_LOG_INFO);
}

/* What a client sent may stand in a line: it must not forge another one or colour the terminal. */
static void test_hostile_text_stays_one_line(void **state)
{
    (void)state;
    static char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    capture_begin();
    mw_log(MW_LOG_INFO, "a\n2026-01-01T00:00:00.000Z error b\x1b[31m\x7f\r%s", longest);
    const char *text = capture_end();
    const char *end = strchr(text, '\n');
    assert_non_null(end);
    assert_string_equal(end, "\n");
    assert_true(end - text < 1400);
    assert_non_null(strstr(text, "info  a?2026-01-01T00:00:00.000Z error b?[31m??xxx"));
}

static void test_error_sentence(void **state)
{
    (void)state;
    mw_error err;
    mw_fail(&err, MW_E_JSON_SYNTAX, "cut short");
    mw_at(&err, "byte 812");
    mw_at(&err, "model.json");
    mw_mend(&err, "copy it again");
    capture_begin();
    mw_log_error(MW_LOG_ERROR, "cannot reload 'churn'", &err);
    const char *text = capture_end();
    assert_non_null(strstr(text, "error cannot reload 'churn': model.json: byte 812: cut short; "
                                 "fix: copy it again [MW6101]\n"));
}

static void *log_lines(void *argument)
{
    int thread = *(const int *)argument;
    for (int i = 0; i < N_LINES; i++)
        mw_log(MW_LOG_INFO, "<%d %0*d>", thread, 80, i);
    return NULL;
}

static void test_threads_do_not_interleave(void **state)
{
    (void)state;
    pthread_t threads[N_THREADS];
    int numbers[N_THREADS], next[N_THREADS] = {0};
    capture_begin();
    for (int i = 0; i < N_THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, log_lines, &numbers[i]), 0);
    }
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    const char *at = capture_end();
    for (int line = 0; line < N_THREADS * N_LINES; line++) {
        int thread = -1, number = -1;
        if (sscanf(at, "%*s info <%d %d>", &thread, &number) != 2 || thread < 0 ||
            thread >= N_THREADS || number != next[thread]++)
            fail_msg("line %d: '%.120s'", line, at);
        at = strchr(at, '\n') + 1;
    }
    assert_string_equal(at, "");
}

/* A form hides and shows by severity; the first one is what the level said. */
static void test_form(void **state)
{
    (void)state;
    mw_log_set_level(MW_LOG_WARN);
    mw_log_form first = mw_log_first_form();
    assert_true(first.error && first.warn && !first.info && first.verbose == 0);
    mw_log_form form = {.warn = false, .error = true, .info = true, .verbose = 3};
    mw_log_set_form(&form);
    assert_int_equal(mw_log_get_form().verbose, 3);
    assert_false(mw_log_get_form().warn);
    assert_true(mw_log_first_form().warn);
    capture_begin();
    mw_log(MW_LOG_WARN, "hidden");
    mw_log(MW_LOG_INFO, "one");
    mw_log(MW_LOG_DEBUG, "two");
    const char *text = capture_end();
    assert_null(strstr(text, "hidden"));
    assert_non_null(strstr(text, "one"));
    assert_non_null(strstr(text, "two"));
    mw_log_set_level(MW_LOG_DEBUG);
    assert_int_equal(mw_log_get_form().verbose, 1);
    mw_log_set_level(MW_LOG_INFO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),           cmocka_unit_test(test_levels),
        cmocka_unit_test(test_form),           cmocka_unit_test(test_hostile_text_stays_one_line),
        cmocka_unit_test(test_error_sentence), cmocka_unit_test(test_threads_do_not_interleave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
