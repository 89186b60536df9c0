/* The engine on a clock set by hand: what is told to whom and when, over silences,
 * acknowledgements, groups, restarts and servers of one folder. Receivers are programs that write
 * files. */
#include "told.h"

#include <signal.h>

#include "../folder.h"

enum { MINUTE = 60, HOUR = 3600 };

typedef struct bench {
    char folder[TEST_FOLDER_BYTES], page[PAGE_BYTES];
    mw_alert_config *config;
    mw_alerts *alerts;
    mw_buf out;
} bench;

static void scrape(void *user, mw_buf *out)
{
    const bench *b = user;
    mw_buf_text(out, b->page);
}

static const char high[] = ", resolve_when: level < 3, keep_firing_for: 5s,"
                           " summary: '{endpoint} {room} is {value}'";

static mw_alerts *open_engine(bench *b)
{
    mw_error err;
    mw_alerts *alerts;
    mw_alert_options options = {.config = b->config,
                                .folder = b->folder,
                                .url = "http://mw.example/",
                                .scrape = scrape,
                                .user = b,
                                .without_threads = true};
    must(mw_alerts_open(&options, &alerts, &err), &err);
    return alerts;
}

static void set_up(bench *b, const char *more)
{
    pin_clock();
    *b = (bench){.page = ""};
    assert_int_equal(test_folder_make(b->folder), 0);
    mw_buf_init(&b->out, MW_MIB);
    b->config = read_config(b->folder, high, more);
    b->alerts = open_engine(b);
}

static void tear_down(bench *b)
{
    mw_alerts_close(b->alerts);
    mw_alert_config_free(b->config);
    mw_buf_done(&b->out);
    test_folder_remove(b->folder);
}

/* Look each second, and deliver what is due. */
static void run(bench *b, unsigned seconds)
{
    mw_error err;
    size_t n;
    for (unsigned i = 0; i < seconds; i++) {
        pass(1);
        must(mw_alerts_look(b->alerts, &err), &err);
        must(mw_alerts_deliver(b->alerts, &n, &err), &err);
    }
}

static void expect_told(bench *b, const char *expected)
{
    mw_buf seen;
    mw_buf_init(&seen, 4096);
    add_told(b->folder, &seen);
    compare_told(&seen, expected);
    mw_buf_done(&seen);
}

static void list(bench *b, const char *state)
{
    mw_error err;
    mw_alert_query query = {.state = mw_view_of(state)};
    mw_buf_reset(&b->out);
    must(mw_alerts_list(b->alerts, &query, &b->out, &err), &err);
}

static void has(bench *b, const char *text)
{
    if (!strstr(b->out.data, text))
        fail_msg("no '%s' in %s", text, b->out.data);
}

#define LEVEL(b, endpoint, room, value)                                     \
    snprintf((b)->page + strlen((b)->page), PAGE_BYTES - strlen((b)->page), \
             "level{endpoint=\"%s\",room=\"%s\"} %d\n", endpoint, room, value)

static void set_level(bench *b, const char *room, int value)
{
    b->page[0] = '\0';
    LEVEL(b, "e", room, value);
}

static void test_from_pending_to_resolved(void **state)
{
    (void)state;
    bench b;
    set_up(&b, "");
    set_level(&b, "a", 9);
    run(&b, 5);
    list(&b, "pending");
    has(&b, "\"state\":\"pending\"");
    has(&b, "\"total\":1}");
    expect_told(&b, "");
    run(&b, 6);
    expect_told(&b, "firing:a");
    list(&b, "firing");
    has(&b, "\"summary\":\"e a is 9\"");
    has(&b, "\"page\":\"http://mw.example/ui/endpoints/e\"");
    set_level(&b, "a", 4); /* between the thresholds */
    run(&b, 60);
    expect_told(&b, "");
    set_level(&b, "a", 1);
    run(&b, 4);
    expect_told(&b, "");
    run(&b, 2);
    expect_told(&b, "resolved:a");
    list(&b, "resolved");
    has(&b, "\"ended\":\"the condition does not hold any more\"");
    tear_down(&b);
}

static void test_what_is_gone_ends(void **state)
{
    (void)state;
    bench b;
    set_up(&b, "");
    set_level(&b, "a", 9);
    run(&b, 12);
    expect_told(&b, "firing:a");
    set_level(&b, "other", 4);
    run(&b, 35); /* its group was told lately */
    expect_told(&b, "resolved:a");
    list(&b, "resolved");
    has(&b, "what it is about is not measured any more");
    tear_down(&b);
}

static void test_groups(void **state)
{
    (void)state;
    bench b;
    set_up(&b, "");
    set_level(&b, "a", 9);
    LEVEL(&b, "e", "b", 9);
    LEVEL(&b, "f", "c", 9);
    run(&b, 12);
    expect_told(&b, "firing:a,b firing:c");
    LEVEL(&b, "e", "d", 9);
    run(&b, 12); /* told lately: it waits for group_interval */
    expect_told(&b, "");
    run(&b, 20);
    expect_told(&b, "firing:a,b,d");
    tear_down(&b);
}

static void test_repeat_and_acknowledge(void **state)
{
    (void)state;
    bench b;
    mw_error err;
    set_up(&b, "");
    set_level(&b, "a", 9);
    run(&b, 12);
    expect_told(&b, "firing:a");
    pass(4 * HOUR);
    run(&b, 2);
    expect_told(&b, "firing:a");
    mw_buf_reset(&b.out);
    must(mw_alerts_acknowledge(b.alerts, MW_VIEW("1"), MW_VIEW("ada"), MW_VIEW("seen"), &b.out,
                               &err),
         &err);
    has(&b, "\"acknowledged\":{\"by\":\"ada\",\"why\":\"seen\"");
    pass(4 * HOUR);
    run(&b, 2);
    expect_told(&b, "");
    set_level(&b, "a", 1);
    run(&b, 7);
    expect_told(&b, "resolved:a");
    assert_int_equal(
        mw_alerts_acknowledge(b.alerts, MW_VIEW("1"), MW_VIEW("ada"), MW_VIEW(""), &b.out, &err),
        MW_NOT_FOUND);
    tear_down(&b);
}

static void silence(bench *b, const char *match, unsigned seconds)
{
    mw_error err;
    mw_silence wanted = {mw_view_of(match), wall_ms + (int64_t)seconds * 1000, MW_VIEW("ada"),
                         MW_VIEW("known")};
    mw_buf_reset(&b->out);
    must(mw_alerts_silence(b->alerts, &wanted, &b->out, &err), &err);
}

static void test_silence(void **state)
{
    (void)state;
    bench b;
    set_up(&b, "");
    silence(&b, "room=~\"a|z\"", MINUTE);
    set_level(&b, "a", 9);
    LEVEL(&b, "f", "b", 9);
    run(&b, 12);
    expect_told(&b, "firing:b");
    list(&b, "firing");
    has(&b, "\"silenced\":true");
    run(&b, MINUTE); /* it still fires when the silence is over */
    expect_told(&b, "firing:a");
    silence(&b, "room=\"a\"", HOUR);
    set_level(&b, "a", 1);
    LEVEL(&b, "f", "b", 1);
    run(&b, 8); /* of what is silenced the end is not told either, then or later */
    expect_told(&b, "resolved:b");
    pass(HOUR);
    run(&b, 3);
    expect_told(&b, "");
    tear_down(&b);
}

static void test_restart(void **state)
{
    (void)state;
    bench b;
    set_up(&b, "");
    set_level(&b, "a", 9);
    run(&b, 12);
    expect_told(&b, "firing:a");
    mw_alerts_close(b.alerts);
    b.alerts = open_engine(&b);
    run(&b, 30); /* the same alert goes on */
    expect_told(&b, "");
    list(&b, "firing");
    has(&b, "\"id\":1,");
    has(&b, "\"total\":1}");
    set_level(&b, "a", 1);
    run(&b, 7);
    mw_alerts_close(b.alerts);
    expect_told(&b, ""); /* the one that is gone may still say that it fires */
    b.alerts = open_engine(&b);
    run(&b, 120);
    expect_told(&b, "resolved:a");
    tear_down(&b);
}

static void test_servers_of_one_folder(void **state)
{
    (void)state;
    bench b;
    mw_error err;
    set_up(&b, "");
    mw_alerts *other = open_engine(&b), *first = b.alerts;
    set_level(&b, "a", 9);
    for (int i = 0; i < 14; i++) {
        run(&b, 1);
        must(mw_alerts_look(other, &err), &err);
    }
    expect_told(&b, "firing:a");
    set_level(&b, "a", 1);
    run(&b, 8);
    expect_told(&b, ""); /* the other has not looked again: it still says that it fires */
    b.alerts = other;
    run(&b, 30);
    expect_told(&b, "resolved:a");
    b.alerts = first;
    mw_alerts_close(other);
    tear_down(&b);
}

static void test_rules_are_exchanged(void **state)
{
    (void)state;
    bench b;
    mw_error err;
    set_up(&b, "");
    set_level(&b, "a", 9);
    run(&b, 12);
    expect_told(&b, "firing:a");
    mw_buf_reset(&b.out);
    must(mw_alerts_put_rule(b.alerts, MW_VIEW("{\"name\":\"High\",\"when\":\"level > 50\"}"),
                            &b.out, &err),
         &err);
    run(&b, 31);
    expect_told(&b, "resolved:a");
    list(&b, "resolved");
    has(&b, "its rule was changed or removed");
    mw_alerts_close(b.alerts);
    b.alerts = open_engine(&b); /* it stays over a restart */
    mw_buf_reset(&b.out);
    must(mw_alerts_rules(b.alerts, NULL, &b.out, &err), &err);
    has(&b, "\"when\":\"level > 50\"");
    mw_buf_reset(&b.out);
    must(mw_alerts_remove_rule(b.alerts, MW_VIEW("High"), &b.out, &err), &err);
    mw_buf_reset(&b.out);
    must(mw_alerts_rules(b.alerts, NULL, &b.out, &err), &err);
    has(&b, "\"when\":\"level > 5\""); /* the file's again */
    tear_down(&b);
}

static void test_a_page_that_is_none(void **state)
{
    (void)state;
    bench b;
    mw_error err;
    set_up(&b, "");
    set_level(&b, "a", 9);
    run(&b, 12);
    expect_told(&b, "firing:a");
    snprintf(b.page, sizeof b.page, "level{endpoint=\n");
    pass(1);
    assert_int_equal(mw_alerts_look(b.alerts, &err), MW_BAD_DATA);
    set_level(&b, "a", 9);
    run(&b, 3); /* nothing ended by that */
    expect_told(&b, "");
    tear_down(&b);
}

/* ---- receivers ------------------------------------------------------------------------------- */

static mw_status put_receiver(bench *b, const char *text, bool may_reach_in, mw_error *err)
{
    mw_buf_reset(&b->out);
    return mw_alerts_put_receiver(b->alerts, mw_view_of(text), may_reach_in, &b->out, err);
}

static const char *receivers(bench *b)
{
    mw_error err;
    mw_buf_reset(&b->out);
    must(mw_alerts_receivers(b->alerts, NULL, &b->out, &err), &err);
    return b->out.data;
}

/* One that the API sets takes the place of the file's of its name, with what waits for it; over a
 * restart, too. What reaches into the machine is not everybody's. */
static void test_receivers_are_exchanged(void **state)
{
    (void)state;
    bench b;
    mw_error err;
    char text[400];
    set_up(&b, "");
    set_level(&b, "a", 9);
    snprintf(text, sizeof text,
             "{name: all, kind: exec, command: [/bin/sh, -c, 'cat >> %s/told; echo >> %s/told']}",
             b.folder, b.folder);
    assert_int_equal(put_receiver(&b, text, false, &err), MW_BAD_ARGUMENT);
    static const char *const inside[] = {
        "{name: x, kind: slack, url_env: HOME}",
        "{name: x, kind: webhook, url: 'http://h/', secret_file: /etc/passwd}",
        "{name: x, kind: webhook, url: 'http://h/', token_env: HOME}",
        "{name: x, kind: email, url: 'smtp://h', from: a@b, to: c@d, password_env: HOME}",
    };
    for (size_t i = 0; i < MW_COUNT(inside); i++)
        assert_int_equal(put_receiver(&b, inside[i], false, &err), MW_BAD_ARGUMENT);
    assert_int_equal(put_receiver(&b, "{name: x, kind: pigeon}", true, &err), MW_BAD_ARGUMENT);
    assert_int_equal(
        put_receiver(&b,
                     "{name: all, kind: exec, command: [/bin/sh, -c, 'cat > /dev/null; exit 1']}",
                     true, &err),
        MW_OK);
    assert_non_null(strstr(receivers(&b), "\"origin\":\"api\""));
    run(&b, 12);
    expect_told(&b, ""); /* it takes nothing */
    mw_alerts_close(b.alerts);
    b.alerts = open_engine(&b);
    assert_non_null(strstr(receivers(&b), "\"origin\":\"api\""));
    mw_buf_reset(&b.out);
    must(mw_alerts_remove_receiver(b.alerts, MW_VIEW("all"), &b.out, &err), &err);
    assert_null(strstr(receivers(&b), "\"origin\":\"api\""));
    run(&b, 70);
    expect_told(&b, "firing:a"); /* what had waited */
    assert_int_equal(mw_alerts_remove_receiver(b.alerts, MW_VIEW("all"), &b.out, &err),
                     MW_NOT_FOUND);
    must(put_receiver(&b, "{name: more, kind: webhook, url: 'http://127.0.0.1:1/'}", false, &err),
         &err);
    assert_non_null(strstr(receivers(&b), "\"total\":2"));
    assert_null(strstr(b.out.data, "127.0.0.1"));
    must(mw_alerts_remove_receiver(b.alerts, MW_VIEW("more"), &b.out, &err), &err);
    assert_non_null(strstr(receivers(&b), "\"total\":1"));
    tear_down(&b);
}

/* ---- reports by the clock -------------------------------------------------------------------- */

typedef struct press {
    bool fails;
    unsigned n_made;
} press;

static mw_status print_one(void *user, mw_view kind, mw_view of, mw_view token, mw_arena *arena,
                           mw_alert_report *ret_report, mw_error *err)
{
    press *p = user;
    (void)arena;
    assert_int_equal(token.size, 0);
    p->n_made++;
    if (p->fails)
        return mw_fail(err, MW_E_REPORT_REPLY, "nobody is there");
    *ret_report = (mw_alert_report){.kind = kind,
                                    .of = of,
                                    .id = MW_VIEW("7~weekly~a"),
                                    .verdict = MW_VIEW("Good, \"as ever\"."),
                                    .page = MW_VIEW("<!doctype html>\n<p>&amp;</p>")};
    return MW_OK;
}

/* Issue at each minute for so long; how many were made. */
static size_t issue(bench *b, unsigned minutes)
{
    mw_error err;
    size_t all = 0, n;
    for (unsigned i = 0; i < minutes; i++) {
        must(mw_alerts_issue(b->alerts, &n, &err), &err);
        all += n;
        pass(MINUTE);
    }
    must(mw_alerts_deliver(b->alerts, &n, &err), &err);
    return all;
}

static void timetable(bench *b)
{
    mw_error err;
    mw_buf_reset(&b->out);
    must(mw_alerts_timetable(b->alerts, &b->out, &err), &err);
}

/* The clock stands at 2027-01-15 08:00 UTC, a Friday, when the bench begins. */
static void test_reports_by_the_clock(void **state)
{
    (void)state;
    bench b;
    char path[128];
    mw_file file;
    mw_error err;
    press p = {.fails = false};
    int64_t kept_ms = wall_ms;
    wall_ms = 1800000000000;
    set_up(&b, "reports:\n"
               "  - {kind: weekly, of: a, to: [all], on: 'fri,mon 11:00', time_zone: '+02:00'}\n");
    mw_alerts_set_reporter(b.alerts, &(mw_alert_reporter){print_one, &p});
    assert_int_equal(issue(&b, 59), 0); /* it is 9:59 there, and then not yet eleven */
    timetable(&b);
    has(&b, "\"last\":\"2027-01-11T09:00:00.000Z\",\"next\":\"2027-01-15T09:00:00.000Z\"");
    p.fails = true;
    assert_int_equal(issue(&b, 9), 0); /* tried at once, a minute, three, seven minutes later */
    assert_int_equal(p.n_made, 4);
    timetable(&b);
    has(&b, "\"last_error\":\"nobody is there");
    has(&b, "\"done\":false");
    mw_alerts_close(b.alerts); /* over a restart, too */
    b.alerts = open_engine(&b);
    p.fails = false;
    mw_alerts_set_reporter(b.alerts, &(mw_alert_reporter){print_one, &p});
    assert_int_equal(issue(&b, 300), 1);
    snprintf(path, sizeof path, "%s/told", b.folder);
    must(mw_file_read(path, MW_MIB, &file, &err), &err);
    assert_non_null(strstr(file.data, "\"status\":\"report\""));
    assert_non_null(strstr(file.data, "\"verdict\":\"Good, \\\"as ever\\\".\""));
    assert_non_null(strstr(file.data, "http://mw.example/ui/reports/7~weekly~a"));
    assert_non_null(strstr(file.data, "\"name\":\"weekly-a.html\""));
    assert_non_null(strstr(file.data, "<!doctype html>\\n<p>&amp;</p>"));
    mw_file_done(&file);
    timetable(&b);
    has(&b, "\"done\":true,\"last\":\"2027-01-15T09:00:00.000Z\",\"next\":\"2027-01-18");
    tear_down(&b);
    wall_ms = kept_ms;
}

/* ---- who sees what --------------------------------------------------------------------------- */

static const mw_alert_viewer of_e = {MW_VIEW("\ne\n"), true};

static void has_not(bench *b, const char *text)
{
    if (strstr(b->out.data, text))
        fail_msg("'%s' in %s", text, b->out.data);
}

/* Who has roles on `e` alone: silences, rules and receivers that may be of it, and of a rule that
 * he tries what it says of `e`. */
static void test_what_an_endpoint_concerns(void **state)
{
    (void)state;
    bench b;
    mw_error err;
    set_up(&b, "  - {name: OfOther, when: 'level{endpoint=\"f\"} > 5'}\n"
               "  - {name: OfSome, when: 'sum(level{endpoint=~\"e|g\",room!=\"x\"}) > 5'}\n"
               "  - {name: Labelled, when: level > 5, labels: {endpoint: f}}\n"
               "  - {name: Both, when: 'level > 5 and level{endpoint!=\"e\"} > 1'}\n");
    silence(&b, "room=\"a\"", HOUR);
    silence(&b, "endpoint=\"f\"", HOUR);
    silence(&b, "endpoint=~\"e.*\",room=\"b\"", HOUR);
    mw_buf_reset(&b.out);
    must(mw_alerts_silences(b.alerts, &of_e, &b.out, &err), &err);
    has(&b, "room=\\\"a\\\"");
    has(&b, "e.*");
    has(&b, "\"total\":2}");
    has_not(&b, "endpoint=\\\"f");
    mw_buf_reset(&b.out);
    must(mw_alerts_rules(b.alerts, &of_e, &b.out, &err), &err);
    has(&b, "\"High\"");
    has(&b, "\"OfSome\"");
    has(&b, "\"total\":2}");
    set_level(&b, "a", 9);
    LEVEL(&b, "f", "secret", 9);
    snprintf(b.page + strlen(b.page), PAGE_BYTES - strlen(b.page), "level{room=\"nobody\"} 9\n");
    mw_buf_reset(&b.out);
    must(
        mw_alerts_try_rule(b.alerts, MW_VIEW("{name: T, when: level > 5}"), 0, &of_e, &b.out, &err),
        &err);
    has(&b, "\"total\":1}");
    has_not(&b, "secret");
    mw_buf_reset(&b.out);
    must(mw_alerts_try_rule(b.alerts, MW_VIEW("{name: T, when: sum(level) > 5}"), 0, &of_e, &b.out,
                            &err),
         &err);
    has(&b, "\"value\":9"); /* of e alone, not 27 */
    tear_down(&b);
}

static void test_who_sees_receivers(void **state)
{
    (void)state;
    bench b;
    mw_error err;
    set_up(&b, "");
    must(put_receiver(&b,
                      "{name: other, kind: webhook, url: 'http://127.0.0.1:9/',"
                      " match: 'endpoint=\"f\"'}",
                      true, &err),
         &err);
    must(put_receiver(&b, "{name: refuses, kind: exec, command: [/bin/sh, -c, 'exit 7']}", true,
                      &err),
         &err);
    set_level(&b, "a", 9);
    run(&b, 12);
    assert_non_null(strstr(receivers(&b), "\"other\""));
    has(&b, "ended with code");
    mw_buf_reset(&b.out);
    must(mw_alerts_receivers(b.alerts, &of_e, &b.out, &err), &err);
    has(&b, "\"all\"");
    has(&b, "\"refuses\"");
    has(&b, "who may deploy everything sees why");
    has_not(&b, "\"other\"");
    has_not(&b, "ended with code");
    tear_down(&b);
}

int main(void)
{
    mw_log_form quiet = {false, false, false, 0};
    mw_log_set_form(&quiet);
    signal(SIGPIPE, SIG_IGN); /* as the program has it: a receiver may end without reading */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_pending_to_resolved),
        cmocka_unit_test(test_what_is_gone_ends),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_repeat_and_acknowledge),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_servers_of_one_folder),
        cmocka_unit_test(test_rules_are_exchanged),
        cmocka_unit_test(test_what_an_endpoint_concerns),
        cmocka_unit_test(test_who_sees_receivers),
        cmocka_unit_test(test_receivers_are_exchanged),
        cmocka_unit_test(test_a_page_that_is_none),
        cmocka_unit_test(test_reports_by_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
