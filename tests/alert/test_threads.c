/* The engine with its threads, and people who ask at the same time: for the thread sanitizer. */
#include "../test.h"

#include <stdatomic.h>
#include <unistd.h>

#include "../folder.h"
#include "alert/alert.h"

enum { ASKERS = 3, RUN_MS = 1500, WAIT_MS = 20000 };

static atomic_bool is_over;
static atomic_uint n_scrapes, n_answers;

/* A level that goes up and down, so that alerts come and go. */
static void scrape(void *user, mw_buf *out)
{
    unsigned n = atomic_fetch_add(&n_scrapes, 1);
    mw_alerts **alerts = user;
    for (unsigned i = 0; i < 20; i++)
        mw_buf_format(out, "level{endpoint=\"e%u\"} %u\n", i, (n + i) % 3 * 5);
    if (*alerts)
        mw_alerts_metrics(*alerts, out, false);
}

static void *ask(void *given)
{
    mw_alerts *alerts = given;
    mw_buf out;
    mw_error err;
    mw_buf_init(&out, 16 * MW_MIB);
    for (unsigned i = 0; !atomic_load(&is_over); i++) {
        mw_alert_query query = {.limit = 10};
        mw_silence silence = {MW_VIEW("endpoint=\"e1\""), mw_clock_wall_ms() + 300, MW_VIEW("ada"),
                              MW_VIEW("")};
        mw_status status = MW_OK;
        mw_buf_reset(&out);
        switch (i % 8) {
        case 0:
            status = mw_alerts_list(alerts, &query, &out, &err);
            break;
        case 1:
            status = mw_alerts_silence(alerts, &silence, &out, &err);
            break;
        case 2:
            status =
                mw_alerts_put_rule(alerts, MW_VIEW("{name: Other, when: level > 7}"), &out, &err);
            break;
        case 3:
            status = mw_alerts_receivers(alerts, NULL, &out, &err);
            break;
        case 4:
            status = mw_alerts_try_rule(alerts, MW_VIEW("{name: T, when: level > 2}"), 0, NULL,
                                        &out, &err);
            break;
        case 5: /* while others are told, and by three at once */
            status = mw_alerts_put_receiver(
                alerts, MW_VIEW("{name: bad, kind: webhook, url: 'http://127.0.0.1:1/'}"), false,
                &out, &err);
            break;
        case 6:
            (void)!mw_alerts_remove_receiver(alerts, MW_VIEW("bad"), &out, &err);
            break;
        default:
            mw_alerts_metrics(alerts, &out, true);
        }
        if (status != MW_OK)
            fail_msg("%s: %s", err.where, err.what);
        atomic_fetch_add(&n_answers, 1);
    }
    mw_buf_done(&out);
    return NULL;
}

static bool enough(void)
{
    return atomic_load(&n_scrapes) >= 2 && atomic_load(&n_answers) > ASKERS;
}

static void test_all_at_once(void **state)
{
    (void)state;
    static const char text[] = "defaults: false\n"
                               "group_interval: 0s\n"
                               "receivers:\n"
                               "  - {name: good, kind: exec, command: [/bin/true]}\n"
                               "  - {name: bad, kind: exec, command: [/bin/false]}\n"
                               "rules:\n"
                               "  - {name: High, when: 'rate(level[1m]) >= 0 and level > 4'}\n";
    char folder[TEST_FOLDER_BYTES];
    mw_error err;
    mw_yaml_document *document;
    mw_alert_place place;
    mw_alert_config *config;
    mw_alerts *alerts = NULL;
    pthread_t threads[ASKERS];
    assert_int_equal(test_folder_make(folder), 0);
    assert_int_equal(mw_yaml_read(mw_view_of(text), "t", &document, &err), MW_OK);
    if (mw_alert_config_read(mw_yaml_root(document), "t", &config, &place, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    mw_yaml_free(document);
    mw_alert_options options = {
        .config = config, .folder = folder, .scrape = scrape, .user = &alerts};
    assert_int_equal(mw_alerts_open(&options, &alerts, &err), MW_OK);
    assert_int_equal(mw_alerts_start(alerts, &err), MW_OK);
    for (size_t i = 0; i < ASKERS; i++)
        assert_int_equal(mw_thread_start(&threads[i], NULL, ask, alerts), 0);
    for (int ms = 0; ms < WAIT_MS && (ms < RUN_MS || !enough()); ms += 10)
        usleep(10000);
    atomic_store(&is_over, true);
    for (size_t i = 0; i < ASKERS; i++)
        pthread_join(threads[i], NULL);
    mw_alerts_stop(alerts);
    mw_alerts_close(alerts);
    mw_alert_config_free(config);
    test_folder_remove(folder);
    assert_true(enough());
}

int main(void)
{
    mw_log_form quiet = {false, false, false, 0};
    mw_log_set_form(&quiet);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
