/* Models that the libraries themselves trained, in ../shared/data/models where that folder is
 * there: counts that were asked of the libraries (XGBoost 3.2.0, LightGBM 4.7.0). */
#include "sample.h"

#include "grown.h"

static const struct known_model {
    const char *file;
    mw_format format;
    const char *objective;
    size_t n_features, n_margins, n_classes, n_trees, n_leaves, n_iterations;
    const char *first_name;
    bool has_sets;
} known_models[] = {
    {"adult-xgb.json", MW_FORMAT_XGBOOST_JSON, "binary:logistic", 14, 1, 2, 100, 3672, 100, "age",
     false},
    {"adult-xgb.ubj", MW_FORMAT_XGBOOST_UBJSON, "binary:logistic", 14, 1, 2, 100, 3672, 100, "age",
     false},
    {"adult-xgb-cat.json", MW_FORMAT_XGBOOST_JSON, "binary:logistic", 14, 1, 2, 60, 2387, 60, "age",
     true},
    {"wine-xgb.json", MW_FORMAT_XGBOOST_JSON, "reg:squarederror", 12, 1, 0, 80, 2063, 80,
     "fixed_acidity", false},
    {"adult-lgbm.txt", MW_FORMAT_LIGHTGBM_TEXT, "binary", 14, 1, 2, 100, 3100, 100, "age", false},
    {"adult-lgbm-cat.txt", MW_FORMAT_LIGHTGBM_TEXT, "binary", 14, 1, 2, 60, 1860, 60, "age", true},
    {"adult-cat.json", MW_FORMAT_CATBOOST_JSON, "Logloss", 14, 1, 2, 100, 6400, 100, "age", false},
    {"wine-lgbm-multi.txt", MW_FORMAT_LIGHTGBM_TEXT, "multiclass", 12, 4, 4, 160, 2400, 40,
     "fixed_acidity", false},
};

static const char *path_of(const char *file, char *path, size_t path_size)
{
    const char *root = getenv("MW_TEST_ROOT");
    snprintf(path, path_size, "%s/../shared/data/models/%s", root ? root : ".", file);
    return path;
}

static bool is_there(void)
{
    char path[512];
    if (mw_file_is_folder(path_of("", path, sizeof path)))
        return true;
    print_message("skipped: %s is not there\n", path);
    return false;
}

static mw_forest *load(const char *file)
{
    mw_error err;
    mw_forest *forest = NULL;
    char path[512];
    if (mw_forest_load(path_of(file, path, sizeof path), &forest, &err) != MW_OK)
        fail_msg("%s: %s (%s)", err.where, err.what, err.mend);
    return forest;
}

static void test_known_counts(void **state)
{
    (void)state;
    if (!is_there())
        skip();
    for (size_t i = 0; i < MW_COUNT(known_models); i++) {
        const struct known_model *known = &known_models[i];
        mw_forest *forest = load(known->file);
        assert_int_equal(forest->format, known->format);
        assert_string_equal(forest->objective, known->objective);
        assert_int_equal(forest->n_features, known->n_features);
        assert_int_equal(forest->n_margins, known->n_margins);
        assert_int_equal(forest->n_classes, known->n_classes);
        assert_int_equal(forest->n_trees, known->n_trees);
        assert_int_equal(forest->n_leaves, known->n_leaves);
        assert_int_equal(forest->n_nodes, 2 * known->n_leaves - known->n_trees);
        assert_int_equal(forest->n_iterations, known->n_iterations);
        assert_true(mw_view_is(forest->schema.columns[0].name, known->first_name));
        assert_int_equal(forest->n_category_sets > 0, known->has_sets);
        assert_non_null(grown(forest)->cover);
        mw_forest_free(forest);
    }
}

static void test_json_and_ubjson_agree(void **state)
{
    (void)state;
    if (!is_there())
        skip();
    mw_forest *json = load("adult-xgb.json"), *ubjson = load("adult-xgb.ubj");
    size_t n = json->n_nodes;
    assert_int_equal(n, ubjson->n_nodes);
    assert_memory_equal(json->left, ubjson->left, n * sizeof *json->left);
    assert_memory_equal(json->right, ubjson->right, n * sizeof *json->right);
    assert_memory_equal(json->feature, ubjson->feature, n * sizeof *json->feature);
    assert_memory_equal(json->threshold, ubjson->threshold, n * sizeof *json->threshold);
    assert_memory_equal(json->value, ubjson->value, n * sizeof *json->value);
    assert_memory_equal(json->cover, ubjson->cover, n * sizeof *json->cover);
    assert_memory_equal(json->flags, ubjson->flags, n * sizeof *json->flags);
    assert_true(json->base_margin[0] == ubjson->base_margin[0]);
    mw_forest_free(json);
    mw_forest_free(ubjson);
}

/* skl2onnx 1.20: leaves that scikit-learn 1.9 counts. */
static void test_onnx(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        size_t n_trees, n_leaves;
        mw_transform transform;
    } known[] = {
        {"adult-rf.onnx", 50, 6944, MW_TRANSFORM_PAIR_SHARE},
        {"adult-rf-zipmap.onnx", 50, 6944, MW_TRANSFORM_PAIR_SHARE},
        {"adult-gb.onnx", 50, 797, MW_TRANSFORM_PAIR_SIGMOID},
    };
    if (!is_there())
        skip();
    for (size_t i = 0; i < MW_COUNT(known); i++) {
        mw_forest *forest = load(known[i].file);
        assert_int_equal(forest->n_trees, known[i].n_trees);
        assert_int_equal(forest->n_leaves, known[i].n_leaves);
        assert_int_equal(forest->transform, known[i].transform);
        assert_int_equal(forest->n_features, 14);
        mw_forest_free(forest);
    }
}

static void test_catboost_forms_agree(void **state)
{
    (void)state;
    static const char *const names[] = {"adult-cat", "wine-cat"};
    if (!is_there())
        skip();
    for (size_t i = 0; i < MW_COUNT(names); i++) {
        char file[64];
        snprintf(file, sizeof file, "%s.json", names[i]);
        mw_forest *of_json = load(file);
        snprintf(file, sizeof file, "%s.cbm", names[i]);
        mw_forest *of_binary = load(file);
        const mw_forest *json = grown(of_json), *binary = grown(of_binary);
        size_t n = json->n_nodes;
        assert_int_equal(binary->format, MW_FORMAT_CATBOOST_BINARY);
        assert_int_equal(n, binary->n_nodes);
        assert_string_equal(json->objective, binary->objective);
        assert_memory_equal(json->left, binary->left, n * sizeof *json->left);
        assert_memory_equal(json->right, binary->right, n * sizeof *json->right);
        assert_memory_equal(json->feature, binary->feature, n * sizeof *json->feature);
        assert_memory_equal(json->threshold, binary->threshold, n * sizeof *json->threshold);
        assert_memory_equal(json->value, binary->value, n * sizeof *json->value);
        assert_memory_equal(json->cover, binary->cover, n * sizeof *json->cover);
        assert_memory_equal(json->flags, binary->flags, n * sizeof *json->flags);
        assert_true(json->margin_offset[0] == binary->margin_offset[0]);
        mw_forest_free(of_json);
        mw_forest_free(of_binary);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_counts),
        cmocka_unit_test(test_json_and_ubjson_agree),
        cmocka_unit_test(test_onnx),
        cmocka_unit_test(test_catboost_forms_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
