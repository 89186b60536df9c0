/* Levels become nodes: once, whoever asks, and the same forest. */
#include "grown.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/banned.h"

enum { N_THREADS = 8 };

#define HEAD                                                                            \
    "{\"features_info\":{\"float_features\":[{\"feature_id\":\"a\","                    \
    "\"flat_feature_index\":0,\"nan_value_treatment\":\"AsIs\"},{\"feature_id\":\"b\"," \
    "\"flat_feature_index\":1,\"nan_value_treatment\":\"AsTrue\"}]},\"model_info\":{\"" \
    "params\":{\"loss_function\":{\"type\":\"RMSE\"}}},\"scale_and_bias\":[1,[0.5]],"   \
    "\"oblivious_trees\":["
#define SPLIT(feature, border) \
    "{\"border\":" border ",\"float_feature_index\":" feature ",\"split_type\":\"FloatFeature\"}"

/* Trees of depth 2, 0 and 1; the middle one has no weights. */
static const char model[] =
    HEAD "{\"leaf_values\":[1,2,3,4],\"leaf_weights\":[5,6,7,8],\"splits\":[" SPLIT(
        "0",
        "0.5") "," SPLIT("1",
                         "2") "]},{\"leaf_values\":[9],\"splits\":[]},{\"leaf_values\":[10,11],"
                              "\"leaf_weights\":[1,2],\"splits\":[" SPLIT("1", "3") "]}]}";

static mw_forest *read_model(void)
{
    mw_error err;
    mw_forest *forest;
    if (mw_forest_read(mw_view_of(model), "m.json", &forest, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    return forest;
}

static void test_nodes(void **state)
{
    (void)state;
    static const uint32_t start[] = {0, 7, 8, 11}, left[] = {1, 3, 5, MW_NO_CHILD};
    static const double values[] = {0, 0, 0, 1, 2, 3, 4, 9, 0, 10, 11};
    static const double covers[] = {26, 11, 15, 5, 6, 7, 8, 0, 3, 1, 2};
    static const double thresholds[] = {2, .5, .5, 0, 0, 0, 0, 0, 3, 0, 0};
    mw_forest *forest = read_model();
    assert_int_equal(forest->n_nodes, 11);
    assert_int_equal(forest->n_leaves, 7);
    assert_int_equal(forest->max_depth, 2);
    assert_memory_equal(forest->tree_start, start, sizeof start);
    assert_int_equal(mw_levels_leaf(forest, 2), 5);
    assert_int_equal(mw_levels_depth(forest, 1), 0);
    assert_int_equal(mw_forest_splits(forest).n, 3);
    const mw_forest *nodes = grown(forest);
    assert_memory_equal(nodes->tree_start, start, sizeof start);
    assert_memory_equal(nodes->left, left, sizeof left);
    assert_memory_equal(nodes->value, values, sizeof values);
    assert_memory_equal(nodes->cover, covers, sizeof covers);
    assert_memory_equal(nodes->threshold, thresholds, sizeof thresholds);
    assert_int_equal(nodes->feature[0], 1);
    assert_true(nodes->flags[1] & MW_NODE_DEFAULT_LEFT);
    assert_false(nodes->flags[8] & MW_NODE_DEFAULT_LEFT);
    assert_int_equal(mw_forest_splits(nodes).n, 11);
    assert_ptr_equal(grown(nodes), nodes);
    assert_ptr_equal(grown(forest), nodes);
    mw_forest_free(forest);
}

/* Only who asks for nodes pays for them. */
static void test_memory(void **state)
{
    (void)state;
    mw_forest *forest = read_model();
    size_t before = mw_forest_memory_bytes(forest);
    assert_int_equal(mw_forest_memory_bytes(forest), before);
    (void)grown(forest);
    assert_true(mw_forest_memory_bytes(forest) > before);
    mw_forest_free(forest);
}

/* A model is the same one in either form. */
static void test_identity(void **state)
{
    (void)state;
    mw_forest *forest = read_model();
    const mw_forest *nodes = grown(forest);
    assert_true(mw_forest_digest(forest, 7) == mw_forest_digest(nodes, 7));
    assert_true(mw_forest_digest(forest, 7) != 7);
    for (size_t node = 0; node < forest->n_nodes; node++) {
        double value, threshold;
        mw_forest_see(forest, node, &value, &threshold);
        assert_true(value == nodes->value[node] && threshold == nodes->threshold[node]);
        mw_forest_see(nodes, node, &value, &threshold);
        assert_true(value == nodes->value[node] && threshold == nodes->threshold[node]);
    }
    mw_forest_free(forest);
}

static mw_forest *shared;
static atomic_size_t waiting;

static void *ask(void *ret_nodes)
{
    mw_error err;
    const mw_forest **nodes = ret_nodes;
    atomic_fetch_add(&waiting, 1);
    while (atomic_load(&waiting) < N_THREADS) /* so that they ask at once */
        sched_yield();
    if (mw_forest_grow(shared, nodes, &err) != MW_OK || (*nodes)->value[3] != 1)
        *nodes = NULL;
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    enum { ROUNDS = 20 };
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t threads[N_THREADS];
        const mw_forest *nodes[N_THREADS] = {NULL};
        shared = read_model();
        atomic_store(&waiting, 0);
        for (size_t i = 0; i < N_THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, ask, &nodes[i]), 0);
        for (size_t i = 0; i < N_THREADS; i++)
            pthread_join(threads[i], NULL);
        for (size_t i = 0; i < N_THREADS; i++)
            assert_ptr_equal(nodes[i], grown(shared));
        mw_forest_free(shared);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
