/* Drift in words: of files and of a running server, and of findings that lack nearly everything. */
#include <math.h>

#include "report/report.h"
#include "test.h"

static const char check[] =
    "{\"drifted\":true,\"n_features\":4,\"alpha\":0.05,\"profile\":\"millwright\","
    "\"reference\":{\"path\":\"a.csv\",\"rows\":100},\"current\":{\"path\":\"b.csv\",\"rows\":50},"
    "\"schema\":{\"added\":[\"extra\"]},\"features\":["
    "{\"feature\":\"quiet\",\"drifted\":false,\"verdict\":\"quiet\",\"method\":\"ks\"},"
    "{\"feature\":\"age\",\"drifted\":true,\"verdict\":\"drifted\",\"p_adjusted\":0.00004,"
    "\"missing_share_reference\":0,\"missing_share_current\":0.125,"
    "\"reference\":{\"median\":40},\"current\":{\"median\":52.5},\"bins\":["
    "{\"low\":null,\"high\":40,\"reference\":50,\"current\":5},"
    "{\"low\":40,\"high\":null,\"reference\":50,\"current\":45}]},"
    "{\"feature\":\"gone\",\"drifted\":true,\"verdict\":\"removed\"},"
    "{\"feature\":\"few\",\"drifted\":false,\"verdict\":\"not enough data\"}]}";

static const char live_drift[] =
    "{\"endpoint\":\"credit\",\"version\":2,\"state\":\"watching\",\"window_rows\":500,"
    "\"reference\":{\"kind\":\"learned\",\"rows\":2000},\"anomalies\":{\"scored\":100,\"found\":20,"
    "\"threshold\":0.6},\"features\":["
    "{\"feature\":\"income\",\"kind\":\"input\",\"drifted\":true,\"psi\":0.5,\"log_e_value\":9.3,"
    "\"since_rows\":300,\"since_seconds\":3600},"
    "{\"feature\":\"output 0\",\"kind\":\"output\",\"drifted\":false,\"psi\":0.01}]}";
static const char live_bins[] = "{\"features\":{\"income\":["
                                "{\"kind\":\"range\",\"low\":0,\"high\":10,\"reference\":10,"
                                "\"current\":0},{\"kind\":\"new\",\"reference\":0,\"current\":5},"
                                "{\"kind\":\"missing\",\"reference\":0,\"current\":0}]}}";
static const char live_series[] =
    "{\"t\":[1000,1060,1120],\"series\":{\"income\":[0.01,null,0.5]}}";

typedef struct told {
    mw_arena arena;
    mw_paper *paper;
    mw_buf text;
} told;

static mw_json *read(const char *text)
{
    mw_json *root;
    mw_error err;
    assert_int_equal(mw_json_read(mw_view_of(text), &root, &err), MW_OK);
    return root;
}

static void begin(told *t)
{
    mw_arena_init(&t->arena, MW_KIB, 16 * MW_MIB);
    t->paper = mw_paper_new(&t->arena, "drift", "Drift", MW_VIEW("x"));
}

static void end(told *t)
{
    assert_false(mw_paper_failed(t->paper));
    mw_buf_init(&t->text, 16 * MW_MIB);
    mw_paper_html(t->paper, &t->text);
    mw_buf_reset(&t->text);
    mw_paper_json(t->paper, &t->text);
    mw_json_free(read(t->text.data));
    mw_buf_reset(&t->text);
    mw_paper_markdown(t->paper, &t->text);
}

static void done(told *t)
{
    mw_buf_done(&t->text);
    mw_arena_done(&t->arena);
}

static void expect(const told *t, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strstr(t->text.data, words[i]))
            fail_msg("no '%s' in\n%s", words[i], t->text.data);
}

static void test_files(void **state)
{
    (void)state;
    static const char *const words[] = {
        "2 of 4 columns are unlike the reference: the data changed.",
        "age: the middle value was 40 and is 52.5; 'up to 40' was 50 % of the rows and is 10 %; "
        "values were missing in 0 % of the rows, now in 12 %; chance alone shows as much about "
        "once in 25,000 times.",
        "gone: the column is gone from the current rows.",
        "extra: a new column",
        "Values go missing",
        "A column is gone",
        "| few | ○ not enough data |"};
    told t;
    mw_json *root = read(check);
    begin(&t);
    mw_report_drift_files(root, t.paper);
    end(&t);
    expect(&t, words, MW_COUNT(words));
    assert_true(strstr(t.text.data, "| age |") < strstr(t.text.data, "| quiet |"));
    mw_json_free(root);
    done(&t);
}

static void test_live(void **state)
{
    (void)state;
    static const char *const gaps[] = {"the weather: nobody asked"};
    static const char *const words[] = {
        "1 of 2 columns is unlike the reference.",
        "credit, version 2 at here",
        "the first 2,000 rows that this version was asked",
        "not known: the weather: nobody asked",
        "income: '0 to 10' was 100 % of the rows and is 0 %",
        "at most once in 11,000 times, however often one looks",
        "It most likely began at 2001-09-09 00:46 UTC, 300 rows ago",
        "The predictions are distributed as before",
        "20 of 100 rows that were looked at are unlike the reference as a whole",
        "psi, 2 values: from 0.010 to 0.500, the last 0.500"};
    told t;
    mw_json *drift = read(live_drift), *bins = read(live_bins), *series = read(live_series);
    mw_live_drift live = {MW_VIEW("credit"), "here", "24h", 1e9, drift, bins, series, gaps, 1};
    begin(&t);
    mw_report_drift_live(&live, t.paper);
    end(&t);
    expect(&t, words, MW_COUNT(words));
    mw_json_free(drift);
    mw_json_free(bins);
    mw_json_free(series);
    done(&t);
}

static void test_contributions(void **state)
{
    (void)state;
    static const char told_drift[] =
        "{\"state\":\"watching\",\"features\":[{\"feature\":\"income\",\"drifted\":false}],"
        "\"contributions\":{\"state\":\"watching\",\"drifted\":true,\"leans_more\":[\"income\"],"
        "\"leans_less\":[\"age\"],\"features\":["
        "{\"feature\":\"income\",\"drifted\":true,\"share\":0.5,\"share_reference\":0.25,"
        "\"psi\":0.4,\"log_e_value\":9.3,\"since_rows\":300,\"since_seconds\":3600},"
        "{\"feature\":\"age\",\"drifted\":true,\"share\":0.125,\"share_reference\":0.375,"
        "\"psi\":0.3,\"log_e_value\":9.3},"
        "{\"feature\":\"debt\",\"drifted\":true,\"share\":null,\"share_reference\":null},"
        "{\"feature\":\"city\",\"drifted\":false,\"share\":0.3,\"share_reference\":0.3}]}}";
    static const struct {
        const char *drift, *words[6];
    } cases[] = {
        {told_drift,
         {"The rows of now look like the reference, but the model leans on other features",
          "The model leans more on income than it did: it made up 25 % of what moves predictions "
          "and makes up 50 %; ",
          "It most likely began at 2001-09-09 00:46 UTC, 300 rows ago.",
          "The model leans less on age than it did: ", "debt moves predictions otherwise: ",
          " quiet | 30"}},
        {"{\"state\":\"watching\",\"features\":[],\"contributions\":{\"state\":\"learning\","
         "\"reference\":{\"rows\":57,\"wanted\":2000},\"features\":[]}}",
         {"Not enough data: 57 of 2000 explained rows"}},
        {"{\"state\":\"watching\",\"features\":[],\"contributions\":{\"state\":\"watching\","
         "\"features\":[{\"feature\":\"a\",\"drifted\":false}]}}",
         {"The model leans on its features as it did."}},
        {"{\"state\":\"watching\",\"features\":[]}",
         {"Contributions of this version are not watched."}},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        told t;
        size_t n = 0;
        mw_json *drift = read(cases[i].drift);
        mw_live_drift live = {.endpoint = MW_VIEW("e"), .server = "s", .window = "1h", .now = 1e9};
        live.drift = drift;
        while (n < MW_COUNT(cases[i].words) && cases[i].words[n])
            n++;
        begin(&t);
        mw_report_drift_live(&live, t.paper);
        end(&t);
        expect(&t, cases[i].words, n);
        assert_null(strstr(t.text.data, "nan"));
        mw_json_free(drift);
        done(&t);
    }
}

static void test_what_is_not_known_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *drift, *verdict;
    } cases[] = {
        {"{\"state\":\"off\",\"features\":[]}", "Nobody watches"},
        {"{\"state\":\"learning\",\"reference\":{\"rows\":57,\"wanted\":2000},\"features\":[]}",
         "Not enough data: 57 of 2000 rows"},
        {"{\"state\":\"watching\",\"features\":[{\"feature\":\"a\",\"drifted\":true}]}",
         "a: how sure that is was not measured."},
        {"{}", "Not enough data: 0 of 0 rows"},
        {"[]", "Not enough data"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        told t;
        mw_json *drift = read(cases[i].drift);
        mw_live_drift live = {.endpoint = MW_VIEW("e"), .server = "s", .window = "1h", .now = 1e9};
        live.drift = drift;
        begin(&t);
        mw_report_drift_live(&live, t.paper);
        end(&t);
        expect(&t, &cases[i].verdict, 1);
        assert_null(strstr(t.text.data, "nan"));
        mw_json_free(drift);
        done(&t);
        begin(&t);
        drift = read(cases[i].drift);
        mw_report_drift_files(drift, t.paper);
        end(&t);
        assert_null(strstr(t.text.data, "nan"));
        mw_json_free(drift);
        done(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_live),
        cmocka_unit_test(test_contributions),
        cmocka_unit_test(test_what_is_not_known_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
