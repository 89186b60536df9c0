/* The section `alerts`: what is taken, and where each fault stands. */
#include "../test.h"

#include "alert/read.h"

#include <stdlib.h>
#include <time.h>

static mw_status read(const char *text, mw_alert_config **ret_config, mw_error *err)
{
    mw_yaml_document *document;
    mw_alert_place place;
    if (mw_yaml_read(mw_view_of(text), "a.yaml", &document, err) != MW_OK)
        fail_msg("%s: %s", text, err->what);
    mw_status status =
        mw_alert_config_read(mw_yaml_root(document), "a.yaml", ret_config, &place, err);
    mw_yaml_free(document);
    return status;
}

static void test_all_of_it(void **state)
{
    (void)state;
    mw_error err;
    mw_alert_config *config;
    const char *text = "url: https://models.example\n"
                       "labels: {env: prod}\n"
                       "group_by: [alertname]\n"
                       "group_interval: 1m\n"
                       "rules:\n"
                       "  - name: Busy\n"
                       "    when: sum by (endpoint) (rate(mw_requests_total[1m])) > 100\n"
                       "    resolve_when: sum by (endpoint) (rate(mw_requests_total[1m])) < 50\n"
                       "    for: 90s\n"
                       "    severity: critical\n"
                       "    labels: {team: risk}\n"
                       "  - {name: NoTraffic, enabled: false}\n"
                       "receivers:\n"
                       "  - {name: am, kind: alertmanager, url: 'http://127.0.0.1:9093'}\n"
                       "  - {name: page, kind: exec, command: [/bin/page, now],"
                       " match: 'severity=\"critical\"'}\n"
                       "  - {name: mail, kind: email, url: 'smtp://m', from: a@b, to: c@d}\n";
    if (read(text, &config, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    assert_int_equal(mw_alert_config_rules(config), 2);
    assert_int_equal(mw_alert_config_receivers(config), 3);
    assert_int_equal(config->rules->for_ms, 90000);
    assert_int_equal(config->rules->severity, ALERT_CRITICAL);
    assert_true(config->rules->next->is_disabled);
    assert_false(config->has_no_defaults);
    assert_int_equal(config->receivers->next->match.count, 1);
    assert_int_equal(config->receivers->next->command.count, 2);
    mw_alert_config_free(config);
}

static void test_built_in_rules_are_rules(void **state)
{
    (void)state;
    mw_error err;
    mw_yaml_document *document;
    mw_alert_place place;
    size_t n = 0;
    assert_int_equal(mw_yaml_read(mw_view_of(alert_built_in), "", &document, &err), MW_OK);
    for (const mw_yaml *item = mw_yaml_root(document)->first; item; item = item->next, n++) {
        alert_rule *rule;
        if (alert_rule_read(item, "built-in", &rule, &place, &err) != MW_OK)
            fail_msg("%s: %s", err.where, err.what);
        assert_true(rule->summary.size > 0 && rule->what_to_do.size > 0);
        /* written and read again, it is the same */
        mw_buf once, twice;
        mw_buf_init(&once, MW_MIB);
        mw_buf_init(&twice, MW_MIB);
        alert_rule_write(rule, &once);
        mw_yaml_document *again;
        alert_rule *copy;
        assert_int_equal(mw_yaml_read(mw_buf_as_view(&once), "", &again, &err), MW_OK);
        assert_int_equal(alert_rule_read(mw_yaml_root(again), "", &copy, &place, &err), MW_OK);
        alert_rule_write(copy, &twice);
        assert_string_equal(once.data, twice.data);
        mw_yaml_free(again);
        alert_rule_free(copy);
        alert_rule_free(rule);
        mw_buf_done(&once);
        mw_buf_done(&twice);
    }
    assert_true(n >= 10);
    mw_yaml_free(document);
}

static const struct bad_case {
    const char *text, *where, *what;
} bad_cases[] = {
    {"reports: [{kind: weekly, of: a, to: [ops]}]", "a.yaml:1:11",
     "a report needs \"kind\", \"of\", \"to\" and \"on\""},
    {"reports: [{kind: incident, of: a, to: [ops], on: daily 07:00}]", "a.yaml:1:18",
     "no report of this kind is made by the clock"},
    {"reports: [{kind: weekly, of: a, to: [ops], on: 'someday 07:00'}]", "a.yaml:1:48",
     "no days and a time of the day"},
    {"reports: [{kind: weekly, of: a, to: [ops], on: daily 24:00}]", "a.yaml:1:48",
     "no days and a time of the day"},
    {"reports: [{kind: weekly, of: a, to: [ops], on: '07:00'}]", "a.yaml:1:48",
     "no days and a time of the day"},
    {"reports: [{kind: weekly, of: a, to: [ops], on: 'mon,,tue 07:00'}]", "a.yaml:1:48",
     "no days and a time of the day"},
    {"reports: [{kind: weekly, of: a, to: [ops], on: daily 07:00, time_zone: Europe/Vienna}]",
     "a.yaml:1:72", "no time zone that is known here"},
    {"reports: [{kind: weekly, of: a, to: [ops], on: daily 07:00, time_zone: '+14:30'}]",
     "a.yaml:1:72", "no time zone that is known here"},
    {"rule: []\n", "a.yaml:1:1", "unknown key \"rule\" under \"alerts\""},
    {"rules: 5\n", "a.yaml:1:1", "\"rules\" must be a list, but is a single value"},
    {"rules:\n  - when: x > 1\n", "a.yaml:2:5", "the rule has no \"name\""},
    {"rules:\n  - name: A\n", "a.yaml:2:5", "the rule has no \"when\""},
    {"rules:\n  - name: A b\n    when: x > 1\n", "a.yaml:2:11",
     "a rule's name has letters, digits and _ only"},
    {"rules:\n  - name: A\n    when: x >\n", "a.yaml:3:14", "a number is missing here"},
    {"rules:\n  - name: A\n    when: 'x{a=1} > 2'\n", "a.yaml:3:16",
     "a text in quotes is missing here"},
    {"rules:\n  - name: A\n    when: up\n", "a.yaml:3:11",
     "this gives numbers, but never says whether they are good"},
    {"rules:\n  - name: A\n    when: up > 1\n    for: 5\n", "a.yaml:4:10",
     "'5' is not a time up to 7d"},
    {"rules:\n  - name: A\n    when: up > 1\n    severity: high\n", "a.yaml:4:15",
     "'high' is not one of the choices"},
    {"rules:\n  - name: A\n    when: up > 1\n    wen: up\n", "a.yaml:4:5",
     "unknown key \"wen\" under \"alerts.rules\""},
    {"rules:\n  - {name: A, when: up > 1}\n  - {name: A, when: up > 2}\n", "a.yaml:3:12",
     "there are two rules of the name 'A'"},
    {"rules:\n  - {name: A, when: up > 1, labels: {severity: x}}\n", "a.yaml:2:38",
     "'severity' cannot be a label here"},
    {"receivers:\n  - {name: a, kind: pager}\n", "a.yaml:2:21",
     "'pager' is not one of the choices"},
    {"receivers:\n  - {name: a}\n", "a.yaml:2:5", "a receiver needs \"name\" and \"kind\""},
    {"receivers:\n  - {name: a, kind: webhook}\n", "a.yaml:2:5", "the receiver has no address"},
    {"receivers:\n  - {name: a, kind: webhook, url: 'ftp://x'}\n", "a.yaml:2:35",
     "no address of a web server"},
    {"receivers:\n  - {name: a, kind: exec}\n", "a.yaml:2:5", "exec needs a \"command\""},
    {"receivers:\n  - {name: a, kind: email, url: 'smtp://x', from: a@b}\n", "a.yaml:2:5",
     "mail needs \"from\" and \"to\""},
    {"receivers:\n  - {name: a, kind: email, url: 'smtp://x', from: a@b, to: [\"c@d\\nBcc: e\"]}\n",
     "a.yaml:2:5", "an address of mail is none"},
    {"receivers:\n  - {name: a, kind: webhook, url: 'http://x', timeout: 1ms}\n", "a.yaml:2:56",
     "a time-out is 100ms to 60s"},
    {"receivers:\n  - {name: a, kind: webhook, url: 'http://x', match: 'a=b'}\n", "a.yaml:2:57",
     "a text in quotes is missing here"},
};

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(bad_cases); i++) {
        mw_error err;
        mw_alert_config *config;
        const struct bad_case *c = &bad_cases[i];
        if (read(c->text, &config, &err) == MW_OK)
            fail_msg("taken: %s", c->text);
        if (strcmp(err.where, c->where) != 0 || strcmp(err.what, c->what) != 0)
            fail_msg("%s: '%s' at %s, expected '%s' at %s", c->text, err.what, err.where, c->what,
                     c->where);
    }
}

/* ---- reports by the clock -------------------------------------------------------------------- */

static int64_t at(int year, int month, int day, int hour, int minute)
{
    struct tm utc = {.tm_year = year - 1900,
                     .tm_mon = month - 1,
                     .tm_mday = day,
                     .tm_hour = hour,
                     .tm_min = minute};
    return 1000 * (int64_t)timegm(&utc);
}

static void expect_moments(const char *when, int64_t now_ms, int64_t last_ms, int64_t next_ms)
{
    char text[200];
    mw_error err;
    mw_alert_config *config;
    snprintf(text, sizeof text, "reports: [{kind: weekly, of: a, to: ops, %s}]", when);
    if (read(text, &config, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    const alert_sheet *sheet = config->sheets;
    if (alert_sheet_last(sheet, now_ms) != last_ms || alert_sheet_next(sheet, now_ms) != next_ms)
        fail_msg("%s: %lld, %lld", when, (long long)alert_sheet_last(sheet, now_ms) / 1000,
                 (long long)alert_sheet_next(sheet, now_ms) / 1000);
    mw_alert_config_free(config);
}

/* 2027-03-22 is a Monday. Vienna's clocks go on on Sunday the 28th at 2, and back on 2027-10-31
 * at 3.
 */
static void test_moments(void **state)
{
    (void)state;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    expect_moments("on: monday 07:00", at(2027, 3, 22, 6, 59), at(2027, 3, 15, 7, 0),
                   at(2027, 3, 22, 7, 0));
    expect_moments("on: mon 07:00", at(2027, 3, 22, 7, 0), at(2027, 3, 22, 7, 0),
                   at(2027, 3, 29, 7, 0));
    expect_moments("on: 'tue, sat 18:30'", at(2027, 3, 25, 0, 0), at(2027, 3, 23, 18, 30),
                   at(2027, 3, 27, 18, 30));
    expect_moments("on: monday 07:00, time_zone: '-05:30'", at(2027, 3, 22, 12, 29),
                   at(2027, 3, 15, 12, 30), at(2027, 3, 22, 12, 30));
    expect_moments("on: sunday 23:30, time_zone: '+14:00'", at(2027, 3, 28, 9, 30),
                   at(2027, 3, 28, 9, 30), at(2027, 4, 4, 9, 30));
    expect_moments("on: monday 07:00, time_zone: local", at(2027, 3, 29, 4, 59),
                   at(2027, 3, 22, 6, 0), at(2027, 3, 29, 5, 0)); /* an hour earlier */
    expect_moments("on: daily 02:30, time_zone: local", at(2027, 3, 28, 0, 0),
                   at(2027, 3, 27, 1, 30), at(2027, 3, 28, 1, 30)); /* there is no 2:30 */
    expect_moments("on: monday 07:00, time_zone: local", at(2027, 11, 1, 6, 0),
                   at(2027, 11, 1, 6, 0), at(2027, 11, 8, 6, 0));
    unsetenv("TZ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_it),
        cmocka_unit_test(test_built_in_rules_are_rules),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
