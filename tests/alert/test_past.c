/* Pages of the past: what was put comes back, in order; damage costs the page that it hit; what a
 * rule would have said; what a metric was. */
#include "../test.h"

#include <unistd.h>

#include "../folder.h"
#include "alert/engine.h"

enum { MINUTE_MS = 60000 };

typedef struct pages {
    size_t n;
    int64_t at_ms[400];
    size_t sizes[400];
    char last[256];
    size_t most;
} pages;

static bool see(void *given, int64_t at_ms, mw_view page)
{
    pages *p = given;
    p->at_ms[p->n] = at_ms;
    p->sizes[p->n++] = page.size;
    snprintf(p->last, sizeof p->last, "%.*s", (int)(page.size < 200 ? page.size : 200), page.data);
    return p->most == 0 || p->n < p->most;
}

static alert_past *begin(char folder[TEST_FOLDER_BYTES])
{
    mw_error err;
    alert_past *past;
    assert_int_equal(test_folder_make(folder), 0);
    assert_int_equal(alert_past_open(folder, &past, &err), MW_OK);
    return past;
}

static void put(alert_past *past, int64_t at_ms, double level)
{
    mw_buf page;
    mw_buf_init(&page, MW_MIB);
    mw_buf_text(&page, "# HELP level How high\n# TYPE level gauge\n");
    for (int i = 0; i < 200; i++)
        mw_buf_format(&page, "other_metric{number=\"%d\"} %d\n", i, i * 7);
    mw_buf_format(&page, "level{endpoint=\"churn\"} %g\n", level);
    alert_past_put(past, at_ms, mw_buf_as_view(&page));
    mw_buf_done(&page);
}

/* Five hours of them, in five files or six. */
static int64_t fill(alert_past *past, size_t n)
{
    int64_t begin_ms = mw_clock_wall_ms() - (int64_t)n * MINUTE_MS;
    for (size_t i = 0; i < n; i++) /* high for 30 minutes of each hour, from the 20th on */
        put(past, begin_ms + (int64_t)i * MINUTE_MS, i % 60 >= 20 && i % 60 < 50 ? 5 : 1);
    return begin_ms;
}

static void test_pages_come_back(void **state)
{
    (void)state;
    mw_error err;
    char folder[TEST_FOLDER_BYTES];
    alert_past *past = begin(folder);
    alert_past *of_another = past;
    assert_int_equal(alert_past_open(folder, &of_another, &err), MW_OK);
    assert_null(of_another);
    int64_t begin_ms = fill(past, 300);
    put(past, begin_ms + 299 * (int64_t)MINUTE_MS + 500, 9); /* not a minute later: not kept */
    pages all = {.n = 0}, some = {.n = 0}, first = {.most = 1};
    assert_int_equal(alert_past_read(past, 0, see, &all, &err), MW_OK);
    assert_int_equal(all.n, 300);
    for (size_t i = 0; i < all.n; i++)
        assert_int_equal(all.at_ms[i], begin_ms + (int64_t)i * MINUTE_MS);
    assert_null(strstr(all.last, "# HELP"));
    assert_int_equal(alert_past_read(past, begin_ms + 200 * (int64_t)MINUTE_MS, see, &some, &err),
                     MW_OK);
    assert_int_equal(some.n, 100);
    assert_int_equal(alert_past_read(past, 0, see, &first, &err), MW_OK);
    assert_int_equal(first.n, 1);
    alert_past_close(past);
    assert_int_equal(test_folder_remove(folder), 0);
}

static const struct damage {
    const char *name;
    size_t at; /* of the byte that is another */
    size_t cut;
    size_t least, most; /* pages that are still there, of 10 */
} damages[] = {
    {"none", 0, 0, 10, 10},
    {"the last is cut short", 0, 3, 9, 9},
    {"a byte of the first page", 40, 0, 0, 9},
    {"a sum", 17, 0, 0, 9},
    {"a size that is a lie", 14, 0, 0, 9},
    {"all of it", 0, 100000, 0, 0},
};

static void test_damage_costs_pages_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(damages); i++) {
        mw_error err;
        mw_file file;
        bool goes_on;
        char folder[TEST_FOLDER_BYTES], path[128];
        const struct damage *d = &damages[i];
        alert_past *past = begin(folder);
        const int64_t hour_ms = 3600000, hour = 490000;
        for (int64_t k = 0; k < 10; k++)
            put(past, hour * hour_ms + k * MINUTE_MS, (double)k);
        snprintf(path, sizeof path, "%s/490000.pages", folder);
        assert_int_equal(mw_file_read(path, MW_MIB, &file, &err), MW_OK);
        if (d->at > 0)
            file.data[d->at] ^= 0x55;
        pages found = {.n = 0};
        size_t size = file.size > d->cut ? file.size - d->cut : 0;
        assert_int_equal(
            alert_past_parse((mw_view){file.data, size}, 0, see, &found, &goes_on, &err), MW_OK);
        if (found.n < d->least || found.n > d->most)
            fail_msg("%s: %zu pages", d->name, found.n);
        mw_file_done(&file);
        alert_past_close(past);
        assert_int_equal(test_folder_remove(folder), 0);
    }
}

static void test_what_a_rule_would_have_said(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *says;
    } cases[] = {
        {"{name: T, when: level > 2}", "{\"fired\":5,\"pages\":300,"},
        {"{name: T, when: level > 2, for: 40m}", "{\"fired\":0,\"pages\":300,"},
        {"{name: T, when: level > 2, for: 10m}", "{\"fired\":5,\"pages\":300,"},
        {"{name: T, when: level > 2, keep_firing_for: 40m}", "{\"fired\":1,\"pages\":300,"},
        {"{name: T, when: level > 2, resolve_when: level < 0}", "{\"fired\":1,\"pages\":300,"},
        {"{name: T, when: 'changes(level[45m]) > 1'}", "{\"fired\":"},
        {"{name: T, when: nothing > 0}", "{\"fired\":0,\"pages\":300,"},
    };
    mw_error err;
    char folder[TEST_FOLDER_BYTES];
    alert_past *past = begin(folder);
    fill(past, 300);
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_buf out;
        mw_arena arena;
        alert_rule *rule;
        mw_buf_init(&out, MW_MIB);
        mw_arena_init(&arena, MW_KIB, MW_MIB);
        assert_int_equal(alerts_read_rule(mw_view_of(cases[i].rule), &rule, &err), MW_OK);
        assert_int_equal(alerts_put_retro(past, rule, 168, (mw_view){NULL, 0}, &arena, &out, &err),
                         MW_OK);
        if (!mw_view_starts(mw_buf_as_view(&out), cases[i].says))
            fail_msg("%s: %s", cases[i].rule, out.data);
        mw_json *read = NULL;
        assert_int_equal(mw_json_read(mw_buf_as_view(&out), &read, &err), MW_OK);
        const mw_json *firings = mw_json_member(read, "firings");
        const mw_json *labels = mw_json_member(mw_json_element(firings, 0), "labels");
        if (mw_json_count(firings) > 0)
            assert_true(mw_view_is(mw_json_text(mw_json_member(labels, "endpoint")), "churn"));
        mw_json_free(read);
        alert_rule_free(rule);
        mw_arena_done(&arena);
        mw_buf_done(&out);
    }
    alert_past_close(past);
    assert_int_equal(test_folder_remove(folder), 0);
}

static void test_what_a_metric_was(void **state)
{
    (void)state;
    mw_error err;
    mw_buf out;
    mw_json *read;
    char folder[TEST_FOLDER_BYTES];
    mw_alerts alerts = {.past = begin(folder)};
    int64_t begin_ms = fill(alerts.past, 120);
    mw_alert_history query = {.metrics = {MW_VIEW("level")},
                              .n_metrics = 1,
                              .endpoint = MW_VIEW("churn"),
                              .from_ms = begin_ms,
                              .to_ms = begin_ms + 120 * (int64_t)MINUTE_MS};
    mw_buf_init(&out, MW_MIB);
    assert_int_equal(mw_alerts_history(&alerts, &query, &out, &err), MW_OK);
    assert_int_equal(mw_json_read(mw_buf_as_view(&out), &read, &err), MW_OK);
    const mw_json *series = mw_json_member(read, "series");
    assert_int_equal(mw_json_count(series), 1);
    const mw_json *values = mw_json_member(mw_json_element(series, 0), "values");
    assert_int_equal(mw_json_count(values), 120);
    double at;
    assert_true(mw_json_number(mw_json_element(values, 19), &at) && at == 1);
    assert_true(mw_json_number(mw_json_element(values, 20), &at) && at == 5);
    mw_json_free(read);
    query.endpoint = MW_VIEW("another");
    mw_buf_reset(&out);
    assert_int_equal(mw_alerts_history(&alerts, &query, &out, &err), MW_OK);
    assert_non_null(strstr(out.data, "\"series\":[]"));
    mw_buf_done(&out);
    alert_past_close(alerts.past);
    assert_int_equal(test_folder_remove(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pages_come_back),
                                       cmocka_unit_test(test_damage_costs_pages_alone),
                                       cmocka_unit_test(test_what_a_rule_would_have_said),
                                       cmocka_unit_test(test_what_a_metric_was)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
