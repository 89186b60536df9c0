/* A week and an incident in words: counts of both weeks, the order of what happened, and what is
 * not known. */
#include <math.h>

#include "report/report.h"
#include "report/timeline.h"
#include "test.h"

#define NOW 1795814400.0 /* 2026-11-27 21:20:00 UTC */
#define BEFORE_A_WEEK "1795000000000"

static const char alerts[] =
    "{\"items\":["
    "{\"id\":3,\"rule\":\"Drift\",\"state\":\"firing\",\"severity\":\"critical\","
    "\"endpoint\":\"credit\",\"since\":\"2026-11-27T20:00:00.5Z\",\"fired\":\"2026-11-27T20:01:"
    "00Z\","
    "\"resolved\":null,\"acknowledged\":null,\"summary\":\"<b>inputs</b> moved\","
    "\"what_to_do\":\"Look\",\"condition\":\"x > 1\",\"evidence\":[{\"labels\":{\"feature\":"
    "\"income\"},\"values\":{\"mw_drift_psi\":0.5}}]},"
    "{\"id\":2,\"rule\":\"Slow\",\"state\":\"resolved\",\"severity\":\"warning\","
    "\"fired\":\"2026-11-25T10:00:00Z\",\"resolved\":\"2026-11-25T11:00:00Z\","
    "\"acknowledged\":{\"by\":\"ada\",\"why\":\"seen\",\"at\":\"2026-11-25T10:05:00Z\"}},"
    "{\"id\":1,\"rule\":\"Old\",\"state\":\"resolved\",\"severity\":\"warning\","
    "\"fired\":\"2026-11-15T10:00:00Z\",\"resolved\":\"2026-11-15T11:00:00Z\"}]}";
static const char audit[] =
    "{\"entries\":["
    "{\"time\":1795807800000,\"actor\":\"bob\",\"action\":\"alias.set\",\"object\":\"model "
    "credit@champion\",\"before\":\"version 1\",\"after\":\"version 2\"},"
    "{\"time\":1795807700000,\"actor\":\"bob\",\"action\":\"alias.set\",\"object\":\"model "
    "credits@champion\",\"before\":null,\"after\":\"version 9\"},"
    "{\"time\":1795807600000,\"actor\":\"ci\",\"action\":\"artifact.put\",\"object\":\"credit\"},"
    "{\"time\":1795807500000,\"actor\":\"eve\",\"action\":\"silence.add\",\"object\":\"silence\","
    "\"after\":\"endpoint=\\\"credit\\\"\"},"
    "{\"time\":" BEFORE_A_WEEK ",\"actor\":\"bob\",\"action\":\"alias.set\",\"object\":\"model "
    "credit@champion\",\"after\":\"version 1\"}]}";
static const char rollouts[] =
    "{\"items\":["
    "{\"id\":2,\"model\":\"credit\",\"state\":\"rolled_back\",\"from_version\":2,\"to_version\":3,"
    "\"started\":1795800000000,\"entered\":1795800001000,\"ended\":1795800100000,"
    "\"started_by\":\"bob\",\"reason\":\"errors\",\"strategy\":\"canary\"},"
    "{\"id\":1,\"model\":\"credit\",\"state\":\"promoted\",\"started\":" BEFORE_A_WEEK
    ",\"entered\":" BEFORE_A_WEEK ",\"ended\":" BEFORE_A_WEEK "}]}";
static const char drift[] =
    "{\"state\":\"watching\",\"anomalies\":{\"scored\":100,\"found\":1},\"features\":["
    "{\"feature\":\"income\",\"drifted\":true,\"psi\":0.5,\"since_seconds\":7200},"
    "{\"feature\":\"age\",\"drifted\":false}]}";
static const char traffic[] = "{\"t\":[1795814000,1795814100],\"series\":{\"requests\":[10,20],"
                              "\"ok\":[10,10],\"p99\":[0.1,null],\"server_errors\":[0,10],"
                              "\"client_errors\":[0,0]},\"totals\":{\"sampled_seconds\":43200,"
                              "\"requests\":3000,\"ok\":2000,\"p50\":0.001,\"p99\":0.01}}";
static const char traffic_before[] = "{\"totals\":{\"sampled_seconds\":604800,\"requests\":2000,"
                                     "\"ok\":2000,\"p50\":0.001,\"p99\":0.01}}";
static const char now_good[] =
    "{\"performance\":[{\"version\":2,\"model\":\"m\",\"labels\":500,\"metrics\":{"
    "\"roc_auc\":{\"value\":0.7,\"low\":0.68,\"high\":0.72},"
    "\"brier\":{\"value\":0.2,\"low\":0.19,\"high\":0.21},"
    "\"accuracy\":{\"value\":0.8,\"low\":0.7,\"high\":0.9},"
    "\"base_rate\":{\"value\":0.9,\"low\":0.89,\"high\":0.91}}}]}";
static const char then_good[] =
    "{\"performance\":[{\"version\":2,\"model\":\"m\",\"labels\":500,\"metrics\":{"
    "\"roc_auc\":{\"value\":0.8,\"low\":0.78,\"high\":0.82},"
    "\"brier\":{\"value\":0.1,\"low\":0.09,\"high\":0.11},"
    "\"accuracy\":{\"value\":0.81,\"low\":0.7,\"high\":0.9},"
    "\"base_rate\":{\"value\":0.1,\"low\":0.09,\"high\":0.11}}}]}";
static const char log_days[] = "{\"first\":1794000000,\"t\":[1795000000,1795400000],"
                               "\"rows\":[100,150]}";

typedef struct told {
    mw_arena arena;
    mw_paper *paper;
    mw_buf text;
    mw_json *read[16];
    size_t n_read;
} told;

static const mw_json *read_in(told *t, const char *text)
{
    mw_error err;
    assert_int_equal(mw_json_read(mw_view_of(text), &t->read[t->n_read], &err), MW_OK);
    return t->read[t->n_read++];
}

static void begin(told *t, const char *kind)
{
    *t = (told){.n_read = 0};
    mw_arena_init(&t->arena, MW_KIB, 16 * MW_MIB);
    mw_buf_init(&t->text, 16 * MW_MIB);
    t->paper = mw_paper_new(&t->arena, kind, "Title", MW_VIEW("credit"));
}

/* JSON must be whole, the page harmless; the Markdown is what words are looked for in. */
static void expect(told *t, const char *const *words, size_t n)
{
    assert_false(mw_paper_failed(t->paper));
    mw_paper_html(t->paper, &t->text);
    assert_null(strstr(t->text.data, "<b>"));
    mw_buf_reset(&t->text);
    mw_paper_json(t->paper, &t->text);
    (void)read_in(t, t->text.data);
    mw_buf_reset(&t->text);
    mw_paper_markdown(t->paper, &t->text);
    assert_null(strstr(t->text.data, "nan"));
    for (size_t i = 0; i < n; i++)
        if (!strstr(t->text.data, words[i]))
            fail_msg("no '%s' in\n%s", words[i], t->text.data);
}

static void end(told *t)
{
    for (size_t i = 0; i < t->n_read; i++)
        mw_json_free(t->read[i]);
    mw_buf_done(&t->text);
    mw_arena_done(&t->arena);
}

static void test_a_week(void **state)
{
    (void)state;
    static const char *const gaps[] = {"the moon: it is away"};
    static const char *const words[] = {
        "1 alert is firing now, 1 of them seen by nobody.",
        "- not known: the moon: it is away",
        "| rows answered | 150 | 100 | more: +50 (+50 %) |",
        "| alerts fired | 2 | 1 | ◆ more: +1 (+100 %) |",
        "| critical ones | 1 | 0 |",
        "| never acknowledged | 1 | 1 | as before |",
        "| changes of what is served | 1 | 1 | as before |",
        "| rollouts started | 1 | 1 |",
        "| rollouts promoted | 0 | 1 | fewer: -1",
        "| rollouts taken back | 1 | 0 | ◆ more: +1 |",
        "Drift: \\<b\\>inputs\\</b\\> moved; nobody has said that they saw it. Look",
        "Rollout 2 of version 3 is taken back: errors",
        "2 measures of how good the answers were fell",
        "33.3 % of the requests were answered with an error",
        "| requests | 3,000 | 2,000 | more: +1,000 (+50 %) |",
        "| answered with an error | 1,000 | 0 | ◆ more: +1,000 |",
        "3,000 requests in this week, 1,000 of them answered with an error; half of the answers "
        "took less than 1 ms",
        "Of 156 of the week's 168 hours nothing is known",
        "While no server runs nothing is watched",
        "income: PSI 0.5 over the week, most likely since 2026-11-27 19:20 UTC",
        "| 2 | roc\\_auc | 0.700 | 0.680 | 0.720 | 500 | 0.800 | ▲ worse |",
        "| 2 | brier | 0.200 | 0.190 | 0.210 | 500 | 0.100 | ▲ worse |",
        "| 2 | accuracy | 0.800 | 0.700 | 0.900 | 500 | 0.810 | ● within chance |",
        "| 2 | Slow | warning | ● resolved |"};
    told t;
    begin(&t, "weekly");
    mw_week week = {.endpoint = MW_VIEW("credit"),
                    .model = MW_VIEW("credit"),
                    .source = "tests",
                    .from = NOW - 7 * 86400,
                    .to = NOW,
                    .now = NOW,
                    .served = read_in(&t, "{\"versions\":[{\"version\":2,\"since\":1}]}"),
                    .traffic = read_in(&t, traffic),
                    .traffic_before = read_in(&t, traffic_before),
                    .drift = read_in(&t, drift),
                    .log = read_in(&t, log_days),
                    .performance = read_in(&t, now_good),
                    .performance_before = read_in(&t, then_good),
                    .alerts = read_in(&t, alerts),
                    .audit = read_in(&t, audit),
                    .rollouts = read_in(&t, rollouts),
                    .counters = {NOW - 3600, 300, 100, 0.001, 0.01},
                    .gaps = gaps,
                    .n_gaps = 1};
    mw_report_weekly(&week, t.paper);
    expect(&t, words, MW_COUNT(words));
    assert_null(strstr(t.text.data, "base\\_rate")); /* neither side of it is the better one */
    assert_null(strstr(t.text.data, "credits@champion"));
    assert_null(strstr(t.text.data, "artifact.put"));
    end(&t);
}

static void test_a_week_of_which_nothing_is_known(void **state)
{
    (void)state;
    static const char *const words[] = {"Only the record was read",
                                        "| alerts fired | - | - | not known |",
                                        "How it went over time is not known",
                                        "who changed what is not known",
                                        "no labels came",
                                        "only a running server tells"};
    told t;
    begin(&t, "weekly");
    mw_week week = {.endpoint = MW_VIEW("credit"), .source = "", .from = 1, .to = NOW, .now = NOW};
    mw_report_weekly(&week, t.paper);
    expect(&t, words, MW_COUNT(words));
    end(&t);
}

static void test_a_quiet_week(void **state)
{
    (void)state;
    static const char *const words[] = {"A quiet week", "**ok** Nothing.", "None this week."};
    told t;
    begin(&t, "weekly");
    mw_week week = {
        .endpoint = MW_VIEW("credit"), .source = "", .from = NOW, .to = NOW, .now = NOW};
    week.from -= 7 * 86400;
    week.alerts = week.rollouts = read_in(&t, "{\"items\":[]}");
    week.drift = read_in(&t, "{\"state\":\"watching\",\"features\":[{\"feature\":\"a\"}]}");
    mw_report_weekly(&week, t.paper);
    expect(&t, words, MW_COUNT(words));
    end(&t);
}

static void test_an_incident(void **state)
{
    (void)state;
    static const char *const words[] = {
        "Not over: it moved. It has lasted 79 min.",
        "30 min before it began: alias.set, model credit@champion: version 1 → version 2 (by bob)",
        "| 2026-11-27 19:20:00 UTC | ◆ drift |  | income began to be unlike the reference",
        "| 2026-11-27 20:01:00 UTC | ▲ alert |  | Drift (critical): \\<b\\>inputs\\</b\\> moved |",
        "| income | PSI now | 0.500 |",
        "silence.add, silence: endpoint",
        "Drift still fires, and nobody has acknowledged it.",
        "The rule says: Look",
        "Nothing that is kept: nobody acknowledged",
        "Who must be told"};
    told t;
    begin(&t, "incident");
    mw_incident incident = {.endpoint = MW_VIEW("credit"),
                            .model = MW_VIEW("credit"),
                            .summary = MW_VIEW("it moved."),
                            .source = "tests",
                            .from = NOW - 3 * 3600,
                            .to = NOW,
                            .now = NOW,
                            .alerts = read_in(&t, alerts),
                            .audit = read_in(&t, audit),
                            .drift = read_in(&t, drift),
                            .traffic = read_in(&t, traffic)};
    incident.alert = mw_json_element(mw_json_member(incident.alerts, "items"), 0);
    mw_report_incident(&incident, t.paper);
    expect(&t, words, MW_COUNT(words));
    const char *drifted = strstr(t.text.data, "◆ drift"), *fired = strstr(t.text.data, "▲ alert");
    assert_true(drifted < fired);
    end(&t);
}

static void test_a_span_of_time(void **state)
{
    (void)state;
    static const struct {
        const char *alerts;
        double from;
        const char *verdict;
    } cases[] = {{alerts, NOW - 3 * 86400, "2 alerts in this span, 1 of them not over"},
                 {"{\"items\":[]}", NOW - 3600, "No alert fired in this span"},
                 {NULL, NOW - 3600, "Whether alerts fired in this span is not known"}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        told t;
        begin(&t, "incident");
        mw_incident incident = {.source = "", .from = cases[i].from, .to = NOW, .now = NOW};
        incident.alerts = cases[i].alerts ? read_in(&t, cases[i].alerts) : NULL;
        mw_report_incident(&incident, t.paper);
        expect(&t, &cases[i].verdict, 1);
        end(&t);
    }
}

static void test_names_are_words(void **state)
{
    (void)state;
    static const struct {
        const char *object;
        size_t expected;
    } cases[] = {{"model credit@champion", 1}, {"model credit/3", 1},
                 {"rollout 1 of credit", 1},   {"model credits", 0},
                 {"model old-credit", 0},      {"credit", 1},
                 {"model credit.eu", 0},       {"", 0}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char text[200];
        told t;
        timeline found;
        begin(&t, "incident");
        snprintf(text, sizeof text,
                 "{\"entries\":[{\"time\":1000,\"action\":\"alias.set\",\"object\":\"%s\"}]}",
                 cases[i].object);
        timeline_init(&found, &t.arena, 0, 10);
        timeline_add_audit(&found, read_in(&t, text), MW_VIEW("credit"), MW_VIEW(""));
        if (found.n != cases[i].expected)
            fail_msg("'%s': %zu", cases[i].object, found.n);
        end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_week),
        cmocka_unit_test(test_a_week_of_which_nothing_is_known),
        cmocka_unit_test(test_a_quiet_week),
        cmocka_unit_test(test_an_incident),
        cmocka_unit_test(test_a_span_of_time),
        cmocka_unit_test(test_names_are_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
