/* The fleet: models come, are replaced and go while others read the plan. */
#include "../test.h"
#include "../folder.h"

#include <pthread.h>
#include <unistd.h>

#include "serve/call.h"

static char folder[TEST_FOLDER_BYTES], model[128];
static mw_fleet *fleet;

static mw_view read_example(const char *name, mw_file *file)
{
    char path[512];
    mw_error err;
    const char *root = getenv("MW_TEST_ROOT");
    assert_non_null(root);
    snprintf(path, sizeof path, "%s/examples/models/%s", root, name);
    if (mw_file_read(path, 64 * MW_MIB, file, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    return (mw_view){file->data, file->size};
}

static void put_text(mw_view text)
{
    mw_error err;
    if (mw_file_write(model, text, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
}

static void put_example(const char *name)
{
    mw_file file;
    put_text(read_example(name, &file));
    mw_file_done(&file);
}

enum { N_LOOPS = 3 };

static int set_up(void **state)
{
    (void)state;
    const mw_fleet_options options = {
        .n_loops = N_LOOPS, .n_workers = 1, .max_body_bytes = MW_MIB, .model_folder = folder};
    if (test_folder_make(folder) != 0)
        return -1;
    snprintf(model, sizeof model, "%s/model.json", folder);
    put_example("credit.json");
    return mw_fleet_new(&options, &fleet, NULL) == MW_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mw_fleet_free(fleet);
    return test_folder_remove(folder);
}

/* ---- looking --------------------------------------------------------------------------------- */

typedef struct sight {
    const char *name; /* looked for */
    bool found, ready;
    unsigned version;
    size_t n_features;
    uint64_t loads_ok, loads_failed;
    char reason[512];
} sight;

static void see(void *user, const mw_endpoint_info *info)
{
    sight *self = user;
    if (strcmp(info->name, self->name) != 0)
        return;
    self->found = true;
    self->ready = info->ready;
    self->version = info->version;
    self->n_features = info->forest ? info->forest->n_features : 0;
    self->loads_ok = info->loads_ok;
    self->loads_failed = info->loads_failed;
    snprintf(self->reason, sizeof self->reason, "%s", info->reason);
}

static sight look(const char *name)
{
    sight found = {.name = name};
    mw_fleet_each(fleet, see, &found);
    return found;
}

static const serve_model *served(unsigned loop, const char *name)
{
    const serve_plan *plan = serve_plan_pin(fleet, loop);
    const serve_slot *slot = serve_plan_find(plan, mw_view_of(name));
    const serve_model *found = slot ? slot->model : NULL;
    serve_plan_unpin(fleet, loop);
    return found;
}

/* ---- one after the other --------------------------------------------------------------------- */

static void test_add_and_find(void **state)
{
    (void)state;
    mw_error err;
    assert_null(served(0, "a"));
    assert_int_equal(mw_fleet_add(fleet, "a", model, NULL, &err), MW_OK);
    assert_int_equal(mw_fleet_add(fleet, "b", model, NULL, &err), MW_OK);
    assert_non_null(served(0, "a"));
    assert_non_null(served(N_LOOPS - 1, "b"));
    assert_null(served(0, "c"));
    assert_null(served(0, ""));
    assert_int_equal(mw_fleet_add(fleet, "a", model, NULL, &err), MW_CONFLICT);
    assert_int_equal(mw_fleet_add(fleet, "c", "/nowhere.json", NULL, &err), MW_NOT_FOUND);
    assert_null(served(0, "c"));
    static const char *const bad[] = {"", "a/b", "a b", "\xc3\xa9", "a:b", "..", ".a"};
    for (size_t i = 0; i < MW_COUNT(bad); i++)
        if (mw_fleet_add(fleet, bad[i], model, NULL, &err) != MW_BAD_ARGUMENT)
            fail_msg("'%s' was taken", bad[i]);
    sight a = look("a");
    assert_true(a.found && a.ready);
    assert_int_equal(a.version, 1);
    assert_int_equal(a.loads_ok, 1);
}

static mw_status begin(mw_exchange *exchange, const char *name, const char *version,
                       serve_call **ret_call, mw_error *err)
{
    return serve_call_begin(fleet, exchange, MW_PROTOCOL_MLFLOW, mw_view_of(name),
                            mw_view_of(version), ret_call, err);
}

/* Without a name the only endpoint is meant, and none once there are two. */
static void test_default_endpoint(void **state)
{
    (void)state;
    static const struct {
        const char *name, *version;
        mw_status with_none, with_one, with_two, unloaded;
    } cases[] = {
        {"", "", MW_NOT_FOUND, MW_OK, MW_NOT_FOUND, MW_NOT_FOUND},
        {"", "1", MW_NOT_FOUND, MW_OK, MW_NOT_FOUND, MW_NOT_FOUND},
        {"", "2", MW_NOT_FOUND, MW_NOT_FOUND, MW_NOT_FOUND, MW_NOT_FOUND},
        {"a", "", MW_NOT_FOUND, MW_OK, MW_OK, MW_NOT_FOUND},
        {"a", "01", MW_NOT_FOUND, MW_NOT_FOUND, MW_NOT_FOUND, MW_NOT_FOUND},
        {"b", "1", MW_NOT_FOUND, MW_NOT_FOUND, MW_OK, MW_OK},
    };
    mw_arena arena;
    mw_arena_init(&arena, 4 * MW_KIB, MW_MIB);
    mw_exchange exchange = {.arena = &arena, .loop = 1};
    for (int stage = 0; stage < 4; stage++) {
        if (stage == 1 || stage == 2)
            assert_int_equal(mw_fleet_add(fleet, stage == 1 ? "a" : "b", model, NULL, NULL), MW_OK);
        if (stage == 3)
            assert_int_equal(mw_fleet_unload(fleet, "a", NULL), MW_OK);
        for (size_t i = 0; i < MW_COUNT(cases); i++) {
            const mw_status expected[] = {cases[i].with_none, cases[i].with_one, cases[i].with_two,
                                          cases[i].unloaded};
            mw_error err;
            serve_call *call;
            mw_status status = begin(&exchange, cases[i].name, cases[i].version, &call, &err);
            if (status != expected[stage])
                fail_msg("stage %d, '%s' version '%s': %d", stage, cases[i].name, cases[i].version,
                         (int)status);
            if (status == MW_OK)
                serve_plan_unpin(fleet, 1);
            else
                assert_true(err.mend[0]);
        }
    }
    mw_arena_done(&arena);
}

static void test_reload(void **state)
{
    (void)state;
    mw_error err;
    assert_int_equal(mw_fleet_add(fleet, "a", model, NULL, &err), MW_OK);
    size_t before = look("a").n_features;
    put_example("plan.ubj");
    assert_int_equal(mw_fleet_reload(fleet, "a", &err), MW_CONFLICT); /* other columns */
    assert_int_equal(err.code, MW_E_CONTRACT);
    assert_int_equal(served(0, "a")->version, 1);
    assert_int_equal(look("a").loads_failed, 0);
    assert_non_null(strstr(look("a").reason, "would break"));
    assert_int_equal(mw_fleet_move(fleet, "a", model, true, &err), MW_OK);
    assert_string_equal(look("a").reason, "");
    sight after = look("a");
    assert_int_equal(after.version, 2);
    assert_int_not_equal(after.n_features, before);
    assert_int_equal(served(0, "a")->version, 2);
    assert_int_equal(mw_fleet_reload(fleet, "nobody", &err), MW_NOT_FOUND);
}

/* A file that cannot be read: the old model goes on, and says why it is still there. */
static void test_failed_reload_keeps_the_model(void **state)
{
    (void)state;
    mw_error err;
    assert_int_equal(mw_fleet_add(fleet, "a", model, NULL, &err), MW_OK);
    const serve_model *before = served(0, "a");
    mw_file file;
    mw_view whole = read_example("credit.json", &file);
    put_text((mw_view){whole.data, whole.size / 2});
    mw_file_done(&file);
    assert_int_equal(mw_fleet_reload(fleet, "a", &err), MW_BAD_DATA);
    assert_ptr_equal(served(0, "a"), before);
    assert_int_equal(unlink(model), 0);
    assert_int_equal(mw_fleet_reload(fleet, "a", &err), MW_NOT_FOUND);
    assert_ptr_equal(served(0, "a"), before);
    sight a = look("a");
    assert_true(a.ready);
    assert_int_equal(a.version, 1);
    assert_int_equal(a.loads_failed, 2);
    assert_non_null(strstr(a.reason, "model.json"));
}

static void test_reload_all_is_all_or_nothing(void **state)
{
    (void)state;
    mw_error err;
    char other[160];
    snprintf(other, sizeof other, "%s/other.json", folder);
    put_example("credit.json");
    assert_int_equal(mw_fleet_add(fleet, "a", model, NULL, &err), MW_OK);
    assert_int_equal(rename(model, other), 0);
    put_example("credit.json");
    assert_int_equal(mw_fleet_add(fleet, "b", other, NULL, &err), MW_OK);
    assert_int_equal(mw_fleet_reload_all(fleet, &err), MW_OK);
    assert_int_equal(look("a").version, 2);
    assert_int_equal(look("b").version, 2);
    const serve_model *a = served(0, "a"), *b = served(0, "b");
    put_text(MW_VIEW("{\"learner\": 1}"));
    assert_int_not_equal(mw_fleet_reload_all(fleet, &err), MW_OK);
    assert_ptr_equal(served(0, "a"), a);
    assert_ptr_equal(served(0, "b"), b);
}

static void test_unload_and_load_again(void **state)
{
    (void)state;
    mw_error err;
    assert_int_equal(mw_fleet_add(fleet, "a", model, NULL, &err), MW_OK);
    assert_int_equal(mw_fleet_unload(fleet, "a", &err), MW_OK);
    assert_null(served(0, "a"));
    assert_true(look("a").found && !look("a").ready);
    assert_int_equal(mw_fleet_unload(fleet, "nobody", &err), MW_NOT_FOUND);
    assert_int_equal(mw_fleet_reload(fleet, "a", &err), MW_OK);
    assert_non_null(served(0, "a"));
    /* one that was not named at start, from the model folder; and nothing from outside it */
    assert_int_equal(mw_fleet_reload(fleet, "model", &err), MW_OK);
    assert_non_null(served(0, "model"));
    assert_int_not_equal(mw_fleet_reload(fleet, "../model", &err), MW_OK);
}

static void test_many_endpoints_are_found(void **state)
{
    (void)state;
    enum { MANY = 100 };
    char name[16];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "m%d", i);
        assert_int_equal(mw_fleet_add(fleet, name, model, NULL, NULL), MW_OK);
    }
    const serve_plan *plan = serve_plan_pin(fleet, 1);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "m%d", i);
        const serve_slot *slot = serve_plan_find(plan, mw_view_of(name));
        assert_ptr_equal(slot, &plan->slots[i]);
    }
    serve_plan_unpin(fleet, 1);
}

/* ---- at the same time ------------------------------------------------------------------------ */

typedef struct reader {
    pthread_t thread;
    unsigned loop;
    atomic_bool *stop;
    uint64_t n_read;
    bool wrong;
} reader;

/* What a loop does: pin, use the model, unpin. A model freed too early is seen by a sanitizer. */
static void *read_plans(void *argument)
{
    reader *self = argument;
    while (!atomic_load(self->stop)) {
        const serve_plan *plan = serve_plan_pin(fleet, self->loop);
        const serve_slot *slot = serve_plan_find(plan, MW_VIEW("a"));
        serve_model *held = slot ? slot->model : NULL;
        self->wrong = self->wrong || !held || held->forest->n_trees == 0;
        if (held)
            serve_model_ref(held); /* as a deferred request does */
        serve_plan_unpin(fleet, self->loop);
        if (held) {
            self->wrong = self->wrong || held->forest->n_features == 0;
            serve_model_unref(held);
        }
        self->n_read++;
    }
    return NULL;
}

static void test_swaps_under_readers(void **state)
{
    (void)state;
    enum { N_SWAPS = 40 };
    reader readers[N_LOOPS] = {0};
    atomic_bool stop = false;
    assert_int_equal(mw_fleet_add(fleet, "a", model, NULL, NULL), MW_OK);
    for (unsigned i = 0; i < N_LOOPS; i++) {
        readers[i].loop = i;
        readers[i].stop = &stop;
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_plans, &readers[i]), 0);
    }
    for (int i = 0; i < N_SWAPS; i++)
        assert_int_equal(mw_fleet_reload(fleet, "a", NULL), MW_OK);
    atomic_store(&stop, true);
    for (unsigned i = 0; i < N_LOOPS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_false(readers[i].wrong);
        assert_true(readers[i].n_read > 0);
    }
    assert_int_equal(look("a").version, 1 + N_SWAPS);
}

/* ---- contributions behind answers ------------------------------------------------------------ */

/* The rows' own explanation, in pieces, of the version that is asked for and no other. */
static void test_contributions(void **state)
{
    (void)state;
    enum { ROWS = 150, FEATURES = 8, WIDTH = FEATURES + 1 };
    static double rows[ROWS * FEATURES], told[ROWS * WIDTH], expected[ROWS * WIDTH];
    mw_error err;
    mw_forest *forest;
    mw_explainer *explainer;
    mw_scratch *scratch;
    for (size_t i = 0; i < ROWS * FEATURES; i++)
        rows[i] = (double)(i * 37 % 101);
    const mw_matrix matrix = {rows, MW_FLOAT64, ROWS, FEATURES, FEATURES, 1};
    assert_int_equal(mw_fleet_add(fleet, "a", model, NULL, &err), MW_OK);
    assert_int_equal(mw_fleet_explain(fleet, "a", 1, NULL, NULL, NULL, &err), MW_OK);
    assert_int_equal(mw_fleet_explain(fleet, "a", 1, &matrix, NULL, told, &err), MW_OK);
    assert_int_equal(mw_forest_load(model, &forest, &err), MW_OK);
    assert_int_equal(mw_explainer_new(forest, &explainer, &err), MW_OK);
    assert_int_equal(mw_scratch_new(&scratch, &err), MW_OK);
    assert_int_equal(mw_explain_batch(explainer, &matrix, scratch, expected, &err), MW_OK);
    assert_memory_equal(told, expected, sizeof told);
    mw_scratch_free(scratch);
    mw_explainer_free(explainer);
    mw_forest_free(forest);
    const mw_matrix narrow = {rows, MW_FLOAT64, 1, 3, 3, 1};
    assert_int_equal(mw_fleet_explain(fleet, "a", 1, &narrow, NULL, told, &err), MW_MISMATCH);
    assert_int_equal(mw_fleet_explain(fleet, "b", 1, &matrix, NULL, told, &err), MW_NOT_FOUND);
    assert_int_equal(mw_fleet_reload(fleet, "a", &err), MW_OK);
    assert_int_equal(mw_fleet_explain(fleet, "a", 1, &matrix, NULL, told, &err), MW_NOT_FOUND);
    assert_int_equal(mw_fleet_explain(fleet, "a", 2, &matrix, NULL, told, &err), MW_OK);
    mw_fleet_quiet(fleet); /* nobody taps any more, and yet rows can be explained */
    assert_int_equal(mw_fleet_explain(fleet, "a", 2, &matrix, NULL, told, &err), MW_OK);
}

static void explain_within(void *user, const mw_endpoint_info *info)
{
    static const double row[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const mw_matrix matrix = {row, MW_FLOAT64, 1, 8, 8, 1};
    double told[9];
    mw_error err;
    *(mw_status *)user = mw_fleet_explain(fleet, info->name, 1, &matrix, NULL, told, &err);
}

/* Who looks at the fleet holds a lock of it, and the watch's under that: who explains rows holds
 * the watch's, so he must not want the fleet's. */
static void test_explaining_wants_no_lock_of_the_fleet(void **state)
{
    (void)state;
    mw_status status = MW_NOT_FOUND;
    assert_int_equal(mw_fleet_add(fleet, "a", model, NULL, NULL), MW_OK);
    mw_fleet_each(fleet, explain_within, &status); /* would wait for ever */
    assert_int_equal(status, MW_OK);
}

/* Of several classes the one that was predicted, whose margin is the largest where no answer is at
 * hand. */
static void test_contributions_of_the_predicted_class(void **state)
{
    (void)state;
    enum { ROWS = 40, FEATURES = 6, CLASSES = 4, WIDTH = FEATURES + 1 };
    static double rows[ROWS * FEATURES], values[ROWS * CLASSES * WIDTH], outputs[ROWS * CLASSES];
    static double told[ROWS * WIDTH], again[ROWS * WIDTH];
    mw_error err;
    mw_forest *forest;
    mw_explainer *explainer;
    mw_predictor *predictor;
    mw_scratch *scratch;
    bool is_used[CLASSES] = {false};
    for (size_t i = 0; i < ROWS * FEATURES; i++)
        rows[i] = (double)(i * 53 % 97) * (i % FEATURES == 0 ? 0.3 : 3);
    const mw_matrix matrix = {rows, MW_FLOAT64, ROWS, FEATURES, FEATURES, 1};
    put_example("plan.ubj");
    assert_int_equal(mw_fleet_add(fleet, "plan", model, NULL, &err), MW_OK);
    assert_int_equal(mw_forest_load(model, &forest, &err), MW_OK);
    assert_int_equal(mw_explainer_new(forest, &explainer, &err), MW_OK);
    assert_int_equal(mw_predictor_new(forest, &predictor, &err), MW_OK);
    assert_int_equal(mw_scratch_new(&scratch, &err), MW_OK);
    assert_int_equal(mw_explain_batch(explainer, &matrix, scratch, values, &err), MW_OK);
    assert_int_equal(mw_predict_batch(predictor, &matrix, MW_PREDICTION, scratch, outputs, &err),
                     MW_OK);
    assert_int_equal(mw_fleet_explain(fleet, "plan", 1, &matrix, outputs, told, &err), MW_OK);
    assert_int_equal(mw_fleet_explain(fleet, "plan", 1, &matrix, NULL, again, &err), MW_OK);
    for (size_t row = 0; row < ROWS; row++) {
        size_t best = 0;
        for (size_t m = 1; m < CLASSES; m++)
            best = outputs[row * CLASSES + m] > outputs[row * CLASSES + best] ? m : best;
        is_used[best] = true;
        assert_memory_equal(told + row * WIDTH, values + (row * CLASSES + best) * WIDTH,
                            WIDTH * sizeof *told);
    }
    assert_memory_equal(told, again, sizeof told);
    assert_true(is_used[0] + is_used[1] + is_used[2] + is_used[3] > 1);
    mw_scratch_free(scratch);
    mw_predictor_free(predictor);
    mw_explainer_free(explainer);
    mw_forest_free(forest);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_add_and_find),
        TEST(test_default_endpoint),
        TEST(test_reload),
        TEST(test_failed_reload_keeps_the_model),
        TEST(test_reload_all_is_all_or_nothing),
        TEST(test_unload_and_load_again),
        TEST(test_many_endpoints_are_found),
        TEST(test_swaps_under_readers),
        TEST(test_contributions),
        TEST(test_explaining_wants_no_lock_of_the_fleet),
        TEST(test_contributions_of_the_predicted_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
