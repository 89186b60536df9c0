/* Experiments and runs: what is logged comes out, by MLflow's rules. */
#include "record_folder.h"

#include <math.h>

static mw_code refused(mw_record_work *work, void *user)
{
    mw_error err;
    assert_int_not_equal(mw_registry_write(registry, &arena, work, user, &err), MW_OK);
    return (mw_code)err.code;
}

static mw_status create_run(mw_record *record, void *given, mw_error *err)
{
    static mw_tag tag = {{"team", 4}, {"risk", 4}};
    mw_new_run wanted = {.experiment = MW_VIEW("0"), .started = 5, .tags = {&tag, 1}};
    return mw_record_create_run(record, &wanted, given, err);
}

static mw_status get_run(mw_record *record, void *given, mw_error *err)
{
    mw_run *run = given;
    return mw_record_run(record, run->info.run_id, run, err);
}

static mw_run new_run(void)
{
    mw_run run;
    change(create_run, &run);
    return run;
}

static void test_run_is_made(void **state)
{
    (void)state;
    mw_run run = new_run();
    assert_int_equal(run.info.run_id.size, 32);
    assert_int_equal(run.info.status, MW_RUN_RUNNING);
    assert_int_equal(run.tags.count, 2); /* its name is one of them */
    assert_true(mw_view_starts(run.info.artifact_uri, "mlflow-artifacts:/0/"));
    assert_true(run.info.name.size > 0);
}

typedef struct logging {
    mw_view run_id;
    mw_batch_of_run batch;
} logging;

static mw_status log_batch(mw_record *record, void *given, mw_error *err)
{
    const logging *l = given;
    return mw_record_log_batch(record, l->run_id, &l->batch, err);
}

static const mw_metric *metric_of(const mw_run *run, const char *key)
{
    for (size_t i = 0; i < run->metrics.count; i++)
        if (mw_view_is(run->metrics.items[i].key, key))
            return &run->metrics.items[i];
    fail_msg("no metric %s", key);
    return NULL;
}

/* The latest is the greatest (step, timestamp, value); NaN stays, infinities become finite. */
static void test_latest_metric(void **state)
{
    (void)state;
    mw_metric metrics[] = {
        {.key = MW_VIEW("auc"), .value = 0.9, .timestamp = 10, .step = 3},
        {.key = MW_VIEW("auc"), .value = 0.5, .timestamp = 99, .step = 2},
        {.key = MW_VIEW("auc"), .value = 0.7, .timestamp = 9, .step = 3},
        {.key = MW_VIEW("auc"), .value = 0.8, .timestamp = 10, .step = 3},
        {.key = MW_VIEW("nan"), .value = NAN, .timestamp = 1, .step = 0},
        {.key = MW_VIEW("inf"), .value = -INFINITY, .timestamp = 1, .step = 0},
    };
    mw_run run = new_run();
    logging l = {run.info.run_id, {.metrics = {metrics, MW_COUNT(metrics)}}};
    change(log_batch, &l);
    change(log_batch, &l); /* an exact repeat is stored once */
    change(get_run, &run);
    assert_true(metric_of(&run, "auc")->value == 0.9);
    assert_true(isnan(metric_of(&run, "nan")->value));
    assert_true(metric_of(&run, "inf")->value == -1.7976931348623157e308);
}

static mw_status history(mw_record *record, void *given, mw_error *err)
{
    mw_metrics found;
    mw_view token = {NULL, 0};
    int64_t n = 0, last = -1;
    do {
        MW_TRY(mw_record_metric_history(record, *(mw_view *)given, MW_VIEW("m"), 7, token, &found,
                                        &token, err));
        for (size_t i = 0; i < found.count; i++, n++) {
            assert_true(found.items[i].timestamp > last);
            last = found.items[i].timestamp;
        }
    } while (token.data);
    assert_int_equal(n, 20);
    return MW_OK;
}

static void test_history_in_pages(void **state)
{
    (void)state;
    mw_metric metrics[20];
    for (int i = 0; i < 20; i++)
        metrics[i] = (mw_metric){.key = MW_VIEW("m"), .value = i, .timestamp = 100 - i};
    mw_run run = new_run();
    logging l = {run.info.run_id, {.metrics = {metrics, MW_COUNT(metrics)}}};
    change(log_batch, &l);
    change(history, &run.info.run_id);
}

/* Nothing of a batch with a changed parameter is kept. */
static void test_changed_param(void **state)
{
    (void)state;
    mw_tag before = {MW_VIEW("lr"), MW_VIEW("1")};
    mw_tag after[] = {{MW_VIEW("new"), MW_VIEW("x")}, {MW_VIEW("lr"), MW_VIEW("2")}};
    mw_run run = new_run();
    logging l = {run.info.run_id, {.params = {&before, 1}}};
    change(log_batch, &l);
    l.batch.params = (mw_tags){after, 2};
    assert_int_equal(refused(log_batch, &l), MW_E_RECORD_VALUE);
    change(get_run, &run);
    assert_int_equal(run.params.count, 1);
    assert_true(mw_view_is(run.params.items[0].value, "1"));
}

static mw_status delete_run(mw_record *record, void *given, mw_error *err)
{
    return mw_record_delete_run(record, ((mw_run *)given)->info.run_id, false, err);
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const bad_keys[] = {"",   "/a", "a//b", "./a", "a/..",
                                           "..", "a/", "a\n",  "a'"};
    mw_run run = new_run();
    for (size_t i = 0; i < MW_COUNT(bad_keys); i++) {
        mw_tag tag = {mw_view_of(bad_keys[i]), MW_VIEW("v")};
        logging l = {run.info.run_id, {.tags = {&tag, 1}}};
        assert_int_equal(refused(log_batch, &l), MW_E_RECORD_VALUE);
    }
    mw_tag fine = {MW_VIEW("a/b.c-d_e:f g"), MW_VIEW("v")};
    logging l = {run.info.run_id, {.tags = {&fine, 1}}};
    change(log_batch, &l);
    change(delete_run, &run);
    assert_int_equal(refused(log_batch, &l), MW_E_RECORD_VALUE);
    l.run_id = MW_VIEW("00000000000000000000000000000000");
    assert_int_equal(refused(log_batch, &l), MW_E_RECORD_UNKNOWN);
}

static void test_limits_of_a_batch(void **state)
{
    (void)state;
    static mw_metric metrics[RECORD_BATCH_METRICS + 1];
    static char keys[RECORD_BATCH_METRICS + 1][8];
    for (size_t i = 0; i < MW_COUNT(metrics); i++) {
        snprintf(keys[i], sizeof keys[i], "m%zu", i);
        metrics[i].key = mw_view_of(keys[i]);
    }
    mw_run run = new_run();
    logging l = {run.info.run_id, {.metrics = {metrics, RECORD_BATCH_METRICS + 1}}};
    assert_int_equal(refused(log_batch, &l), MW_E_RECORD_VALUE);
    l.batch.metrics.count--;
    change(log_batch, &l);
    change(get_run, &run);
    assert_int_equal(run.metrics.count, RECORD_BATCH_METRICS);
}

/* ---- searching ------------------------------------------------------------------------------- */

typedef struct searching {
    const char *filter;
    mw_buf found; /* the tag "n" of each, in order */
} searching;

static mw_status search(mw_record *record, void *given, mw_error *err)
{
    mw_runs found;
    searching *s = given;
    mw_view zero = MW_VIEW("0"), order = MW_VIEW("metrics.a DESC"), token;
    mw_search wanted = {.experiments = {&zero, 1},
                        .filter = mw_view_of(s->filter),
                        .order_by = {&order, 1},
                        .max_results = 100,
                        .view = MW_VIEW_ACTIVE};
    MW_TRY(mw_record_search_runs(record, &wanted, &found, &token, err));
    for (size_t i = 0; i < found.count; i++)
        for (size_t k = 0; k < found.items[i].tags.count; k++)
            if (mw_view_is(found.items[i].tags.items[k].key, "n"))
                mw_buf_view(&s->found, found.items[i].tags.items[k].value);
    return MW_OK;
}

static void test_searches(void **state)
{
    (void)state;
    static const double values[] = {1, 3, NAN, 2}; /* and one run without */
    static const struct {
        const char *filter, *found;
    } cases[] = {{"", "bdac"
                      "e"},
                 {"metrics.a >= 2", "bd"},
                 {"metrics.a != 2", "bac"},
                 {"metrics.a = 0", ""},
                 {"tags.n = 'e'", "e"},
                 {"tags.n = 'x'' OR ''1''=''1'", ""},
                 {"tags.n LIKE 'A'", ""},
                 {"tags.n ILIKE 'A'", "a"},
                 {"tags.m IS NULL AND metrics.a < 3", "da"},
                 {"status = 'RUNNING' AND tags.n != 'b' AND start_time = 5", "dace"}};
    for (int i = 0; i < 5; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        mw_metric metric = {.key = MW_VIEW("a"), .value = values[i % 4]};
        mw_tag tag = {MW_VIEW("n"), mw_view_of(name)};
        mw_run run = new_run();
        logging l = {run.info.run_id, {.metrics = {&metric, i < 4}, .tags = {&tag, 1}}};
        change(log_batch, &l);
    }
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        searching s = {.filter = cases[i].filter};
        mw_buf_init(&s.found, 64);
        change(search, &s);
        if (strcmp(s.found.data, cases[i].found) != 0)
            fail_msg("%s: found %s, not %s", s.filter, s.found.data, cases[i].found);
        mw_buf_done(&s.found);
    }
}

static mw_status experiments(mw_record *record, void *given, mw_error *err)
{
    int64_t id;
    mw_experiment found;
    mw_tags none = {0};
    (void)given;
    MW_TRY(mw_record_create_experiment(record, MW_VIEW("x"), (mw_view){NULL, 0}, &none, &id, err));
    assert_int_equal(id, 1);
    MW_TRY(mw_record_experiment_named(record, MW_VIEW("x"), &found, err));
    assert_true(mw_view_is(found.location, "mlflow-artifacts:/1"));
    MW_TRY(mw_record_delete_experiment(record, MW_VIEW("1"), err));
    assert_int_equal(mw_record_delete_experiment(record, MW_VIEW("1"), err), MW_NOT_FOUND);
    assert_int_equal(
        mw_record_create_experiment(record, MW_VIEW("x"), (mw_view){NULL, 0}, &none, &id, err),
        MW_CONFLICT);
    assert_int_equal(mw_record_rename_experiment(record, MW_VIEW("1"), MW_VIEW("y"), err),
                     MW_MISMATCH);
    MW_TRY(mw_record_restore_experiment(record, MW_VIEW("1"), err));
    assert_int_equal(mw_record_experiment(record, MW_VIEW("one"), &found, err), MW_BAD_ARGUMENT);
    return MW_OK;
}

static void test_experiments(void **state)
{
    (void)state;
    change(experiments, NULL);
}

static void test_tokens(void **state)
{
    (void)state;
    mw_error err;
    record_memory memory = {&arena, false};
    for (int64_t offset = 1; offset < 1000000000000; offset = offset * 3 + 1) {
        int64_t back;
        assert_int_equal(record_read_token(record_write_token(&memory, offset), &back, &err),
                         MW_OK);
        assert_int_equal(back, offset);
    }
    int64_t ignored;
    /* as MLflow writes it */
    assert_int_equal(record_read_token(MW_VIEW("eyJvZmZzZXQiOiA1fQ=="), &ignored, &err), MW_OK);
    assert_int_equal(ignored, 5);
    assert_int_equal(record_read_token(MW_VIEW("x"), &ignored, &err), MW_BAD_ARGUMENT);
    assert_int_equal(record_read_token(MW_VIEW("!!!!"), &ignored, &err), MW_BAD_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_run_is_made),   TEST(test_latest_metric), TEST(test_history_in_pages),
        TEST(test_changed_param), TEST(test_refusals),      TEST(test_limits_of_a_batch),
        TEST(test_searches),      TEST(test_experiments),   TEST(test_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
