/* Two servers of one record: each alert is told once, what people say at one holds at both, and
 * where the record is away each tells its own. The record is a file here, whose writes and reads
 * are refused as PostgreSQL's are that is away; tests/wire/test_postgres.py has a real one. */
#include "told.h"

#include "../folder.h"
#include "registry/registry.h"

enum { N = 2, HOUR = 3600 };

typedef struct server {
    char folder[TEST_FOLDER_BYTES], page[PAGE_BYTES];
    mw_alert_config *config;
    mw_alerts *alerts;
} server;

typedef struct bench {
    char folder[TEST_FOLDER_BYTES];
    mw_registry *registry;
    server servers[N];
    mw_buf out;
} bench;

static mw_store *record;
static bool is_away;
static int n_writes_left = -1; /* then the record is away; -1: as often as you like */

mw_status __real_mw_store_write(mw_store *store, mw_store_work *work, void *user, mw_error *err);
mw_status __wrap_mw_store_write(mw_store *store, mw_store_work *work, void *user, mw_error *err);
mw_status __real_mw_store_read(mw_store *store, mw_store_work *work, void *user, mw_error *err);
mw_status __wrap_mw_store_read(mw_store *store, mw_store_work *work, void *user, mw_error *err);

mw_status __wrap_mw_store_write(mw_store *store, mw_store_work *work, void *user, mw_error *err)
{
    if (store == record && n_writes_left == 0)
        is_away = true;
    if (store == record && is_away)
        return mw_fail(err, MW_E_STORE_SERVER_AWAY, "away");
    if (store == record && n_writes_left > 0)
        n_writes_left--;
    return __real_mw_store_write(store, work, user, err);
}

mw_status __wrap_mw_store_read(mw_store *store, mw_store_work *work, void *user, mw_error *err)
{
    if (store == record && is_away)
        return mw_fail(err, MW_E_STORE_SERVER_AWAY, "away");
    return __real_mw_store_read(store, work, user, err);
}

static void scrape(void *user, mw_buf *out)
{
    const server *s = user;
    mw_buf_text(out, s->page);
}

static void open_engine(server *s)
{
    mw_error err;
    s->config = read_config(s->folder, "", "group_interval: 1s\n");
    mw_alert_options options = {.config = s->config,
                                .folder = s->folder,
                                .url = "http://mw.example/",
                                .shared = record,
                                .scrape = scrape,
                                .user = s,
                                .without_threads = true};
    must(mw_alerts_open(&options, &s->alerts, &err), &err);
}

static void close_engine(server *s)
{
    mw_alerts_close(s->alerts);
    mw_alert_config_free(s->config);
    s->alerts = NULL;
}

static void set_up(bench *b)
{
    mw_error err;
    pin_clock();
    *b = (bench){.registry = NULL};
    is_away = false;
    n_writes_left = -1;
    assert_int_equal(test_folder_make(b->folder), 0);
    must(mw_registry_open(b->folder, &b->registry, &err), &err);
    record = mw_registry_store(b->registry);
    mw_buf_init(&b->out, MW_MIB);
    for (int i = 0; i < N; i++) {
        assert_int_equal(test_folder_make(b->servers[i].folder), 0);
        open_engine(&b->servers[i]);
    }
}

static void tear_down(bench *b)
{
    for (int i = 0; i < N; i++) {
        if (b->servers[i].alerts)
            close_engine(&b->servers[i]);
        test_folder_remove(b->servers[i].folder);
    }
    record = NULL;
    mw_registry_close(b->registry);
    test_folder_remove(b->folder);
    mw_buf_done(&b->out);
}

static void run(bench *b, unsigned seconds)
{
    mw_error err;
    size_t n;
    for (unsigned k = 0; k < seconds; k++) {
        pass(1);
        for (int i = 0; i < N; i++) {
            server *s = &b->servers[i];
            if (!s->alerts)
                continue;
            must(mw_alerts_look(s->alerts, &err), &err);
            must(mw_alerts_deliver(s->alerts, &n, &err), &err);
        }
    }
}

static void set_level(server *s, const char *room, int value)
{
    size_t size = strlen(s->page);
    snprintf(s->page + size, PAGE_BYTES - size, "level{endpoint=\"e\",room=\"%s\"} %d\n", room,
             value);
}

static void set_levels(bench *b, const char *room, int value)
{
    for (int i = 0; i < N; i++) {
        b->servers[i].page[0] = '\0';
        set_level(&b->servers[i], room, value);
    }
}

/* By both together. */
static void expect_told(const bench *b, const char *expected)
{
    mw_buf seen;
    mw_buf_init(&seen, 4096);
    for (int i = 0; i < N; i++)
        add_told(b->servers[i].folder, &seen);
    compare_told(&seen, expected);
    mw_buf_done(&seen);
}

static const char *list(bench *b, int i, const char *state)
{
    mw_error err;
    mw_alert_query query = {.state = mw_view_of(state)};
    mw_buf_reset(&b->out);
    must(mw_alerts_list(b->servers[i].alerts, &query, &b->out, &err), &err);
    return b->out.data;
}

static const char *rules(bench *b, int i)
{
    mw_error err;
    mw_buf_reset(&b->out);
    must(mw_alerts_rules(b->servers[i].alerts, NULL, &b->out, &err), &err);
    return b->out.data;
}

static mw_status silence(bench *b, int i, const char *match, unsigned seconds, mw_error *err)
{
    mw_silence wanted = {mw_view_of(match), wall_ms + (int64_t)seconds * 1000, MW_VIEW("ada"),
                         MW_VIEW("known")};
    mw_buf_reset(&b->out);
    return mw_alerts_silence(b->servers[i].alerts, &wanted, &b->out, err);
}

static void test_told_once(void **state)
{
    (void)state;
    bench b;
    set_up(&b);
    set_levels(&b, "a", 9);
    run(&b, 14);
    expect_told(&b, "firing:a");
    run(&b, 4 * HOUR / 60);
    pass(4 * HOUR);
    run(&b, 3);
    expect_told(&b, "firing:a"); /* one repeat, too */
    b.servers[0].page[0] = '\0';
    set_level(&b.servers[0], "a", 1);
    run(&b, 8);
    expect_told(&b, ""); /* the other one still measures it */
    assert_non_null(strstr(list(&b, 0, "firing"), "\"total\":1}"));
    set_levels(&b, "a", 1);
    run(&b, 8);
    expect_told(&b, "resolved:a");
    assert_non_null(strstr(list(&b, 1, "resolved"), "\"total\":1}"));
    tear_down(&b);
}

static void test_said_at_one_holds_at_both(void **state)
{
    (void)state;
    bench b;
    mw_error err;
    set_up(&b);
    must(silence(&b, 0, "room=\"a\"", 60, &err), &err);
    set_levels(&b, "a", 9);
    run(&b, 14);
    expect_told(&b, "");
    assert_non_null(strstr(list(&b, 1, "firing"), "\"silenced\":true"));
    run(&b, 60);
    expect_told(&b, "firing:a");
    mw_buf_reset(&b.out);
    must(mw_alerts_acknowledge(b.servers[1].alerts, MW_VIEW("1"), MW_VIEW("ada"), MW_VIEW("seen"),
                               &b.out, &err),
         &err);
    assert_non_null(strstr(list(&b, 0, "firing"), "\"acknowledged\":{\"by\":\"ada\""));
    pass(4 * HOUR);
    run(&b, 3);
    expect_told(&b, "");
    tear_down(&b);
}

static void test_rules_and_receivers_of_both(void **state)
{
    (void)state;
    bench b;
    mw_error err;
    char text[400];
    set_up(&b);
    mw_buf_reset(&b.out);
    must(mw_alerts_put_rule(b.servers[0].alerts, MW_VIEW("{name: High, when: level > 50}"), &b.out,
                            &err),
         &err);
    run(&b, 7);
    assert_non_null(strstr(rules(&b, 1), "level > 50"));
    set_levels(&b, "a", 9);
    run(&b, 14);
    expect_told(&b, "");
    mw_buf_reset(&b.out);
    must(mw_alerts_remove_rule(b.servers[1].alerts, MW_VIEW("High"), &b.out, &err), &err);
    run(&b, 7);
    assert_null(strstr(rules(&b, 0), "level > 50")); /* the file's again */
    run(&b, 12);
    expect_told(&b, "firing:a");
    snprintf(text, sizeof text, "{name: all, kind: exec, command: [/bin/sh, -c, 'exit 1']}");
    mw_buf_reset(&b.out);
    must(mw_alerts_put_receiver(b.servers[1].alerts, mw_view_of(text), true, &b.out, &err), &err);
    run(&b, 7);
    mw_buf_reset(&b.out);
    must(mw_alerts_receivers(b.servers[0].alerts, NULL, &b.out, &err), &err);
    assert_non_null(strstr(b.out.data, "\"origin\":\"api\""));
    mw_buf_reset(&b.out);
    must(mw_alerts_remove_receiver(b.servers[0].alerts, MW_VIEW("all"), &b.out, &err), &err);
    run(&b, 7);
    mw_buf_reset(&b.out);
    must(mw_alerts_receivers(b.servers[1].alerts, NULL, &b.out, &err), &err);
    assert_non_null(strstr(b.out.data, "\"origin\":\"file\""));
    tear_down(&b);
}

/* Whoever took a letter and is gone before it says that it was taken: the other one waits for the
 * end of the lease, then tells it. */
static void test_who_had_it_is_gone(void **state)
{
    (void)state;
    bench b;
    mw_error err;
    size_t n;
    set_up(&b);
    set_levels(&b, "a", 9);
    run(&b, 9);
    pass(3);
    must(mw_alerts_look(b.servers[0].alerts, &err), &err);
    must(mw_alerts_look(b.servers[1].alerts, &err), &err);
    n_writes_left = 1; /* it is leased, sent, and not settled */
    assert_int_equal(mw_alerts_deliver(b.servers[0].alerts, &n, &err), MW_BUSY);
    expect_told(&b, "firing:a");
    n_writes_left = -1;
    is_away = false;
    close_engine(&b.servers[0]);
    run(&b, 10);
    expect_told(&b, "");
    run(&b, 6);
    expect_told(&b, "firing:a");
    set_levels(&b, "a", 1);
    run(&b, 60);
    expect_told(&b, ""); /* the one that is gone may still say that it fires */
    run(&b, 60);
    expect_told(&b, "resolved:a");
    tear_down(&b);
}

/* What was told together is not told again; what is new is told by each; nothing is told again when
 * the record is back. */
static void test_alone(void **state)
{
    (void)state;
    bench b;
    mw_error err;
    mw_buf metrics;
    set_up(&b);
    must(silence(&b, 0, "room=\"quiet\"", HOUR, &err), &err);
    set_levels(&b, "a", 9);
    run(&b, 20);
    expect_told(&b, "firing:a");
    is_away = true;
    for (int i = 0; i < N; i++) {
        set_level(&b.servers[i], "b", 9);
        set_level(&b.servers[i], "quiet", 9);
    }
    run(&b, 20);
    expect_told(&b, "firing:a,b firing:a,b"); /* a group is told whole */
    mw_buf_init(&metrics, MW_MIB);
    mw_alerts_metrics(b.servers[1].alerts, &metrics, false);
    assert_non_null(strstr(metrics.data, "\nmw_alert_alone 1\n"));
    mw_buf_done(&metrics);
    assert_non_null(strstr(list(&b, 0, "firing"), "\"total\":3}"));
    assert_int_equal(silence(&b, 0, "room=\"b\"", 60, &err), MW_BUSY);
    is_away = false;
    run(&b, 30);
    expect_told(&b, "");
    assert_non_null(strstr(list(&b, 0, "firing"), "\"total\":3}"));
    set_levels(&b, "a", 9); /* b is not measured any more */
    run(&b, 8);
    expect_told(&b, "firing:a,b"); /* of which b has ended */
    is_away = true;                /* it ends while each is alone */
    run(&b, 6);
    set_levels(&b, "a", 1);
    run(&b, 6);
    expect_told(&b, "resolved:a resolved:a");
    is_away = false;
    run(&b, 120);
    expect_told(&b, "");
    assert_non_null(strstr(list(&b, 1, "firing"), "\"total\":0}"));
    tear_down(&b);
}

/* A letter that waits in the record when it goes away is told by who holds the alert. */
static void test_letter_in_a_record_that_is_away(void **state)
{
    (void)state;
    bench b;
    mw_error err;
    set_up(&b);
    set_levels(&b, "a", 9);
    run(&b, 9);
    pass(3);
    must(mw_alerts_look(b.servers[0].alerts, &err), &err);
    must(mw_alerts_look(b.servers[1].alerts, &err), &err);
    pass(6); /* the other has copied what it needs by now, without a courier */
    must(mw_alerts_look(b.servers[0].alerts, &err), &err);
    must(mw_alerts_look(b.servers[1].alerts, &err), &err);
    is_away = true;
    run(&b, 3);
    expect_told(&b, "firing:a firing:a");
    is_away = false;
    run(&b, 3);
    expect_told(&b, "firing:a"); /* the letter itself: rather once more than never */
    tear_down(&b);
}

/* What the API had set before the servers had one book goes into it, once. */
static void test_joining(void **state)
{
    (void)state;
    bench b;
    mw_error err;
    mw_store *shared;
    set_up(&b);
    shared = record;
    for (int i = 0; i < N; i++)
        close_engine(&b.servers[i]);
    record = NULL; /* as a single server */
    open_engine(&b.servers[0]);
    mw_buf_reset(&b.out);
    must(mw_alerts_put_rule(b.servers[0].alerts, MW_VIEW("{name: Mine, when: level > 70}"), &b.out,
                            &err),
         &err);
    must(silence(&b, 0, "room=\"a\"", HOUR, &err), &err);
    close_engine(&b.servers[0]);
    record = shared;
    open_engine(&b.servers[0]);
    open_engine(&b.servers[1]);
    set_levels(&b, "a", 9);
    run(&b, 14);
    expect_told(&b, "");
    assert_non_null(strstr(rules(&b, 0), "level > 70"));
    assert_non_null(strstr(rules(&b, 1), "level > 70"));
    mw_buf_reset(&b.out);
    must(mw_alerts_remove_rule(b.servers[1].alerts, MW_VIEW("Mine"), &b.out, &err), &err);
    close_engine(&b.servers[0]);
    open_engine(&b.servers[0]);
    run(&b, 7);
    assert_null(strstr(rules(&b, 0), "level > 70")); /* not given a second time */
    assert_null(strstr(rules(&b, 1), "level > 70"));
    mw_buf_reset(&b.out);
    must(mw_alerts_put_rule(b.servers[1].alerts, MW_VIEW("{name: Later, when: level > 80}"), &b.out,
                            &err),
         &err);
    run(&b, 3);
    close_engine(&b.servers[0]);
    record = NULL; /* back to a record of its own: what held stays */
    open_engine(&b.servers[0]);
    assert_non_null(strstr(rules(&b, 0), "level > 80"));
    assert_null(strstr(rules(&b, 0), "level > 70"));
    record = shared;
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told_once),
        cmocka_unit_test(test_said_at_one_holds_at_both),
        cmocka_unit_test(test_rules_and_receivers_of_both),
        cmocka_unit_test(test_who_had_it_is_gone),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_letter_in_a_record_that_is_away),
        cmocka_unit_test(test_joining),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
