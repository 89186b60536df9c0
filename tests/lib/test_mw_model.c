/* The public interface: a wrong call is an error with words, never a crash. */
#include "../test.h"

#include <math.h>
#include <string.h>

#include <millwright.h>

/* One tree: x0 < 0.5 -> 1 (also when missing), else 2. Written by hand in XGBoost's form. */
static const char json[] =
    "{\"version\":[3,2,0],\"learner\":{\"attributes\":{},\"feature_names\":[\"age\",\"income\"],"
    "\"feature_types\":[\"float\",\"float\"],"
    "\"learner_model_param\":{\"base_score\":\"[5E-1]\",\"boost_from_average\":\"1\","
    "\"num_class\":\"0\",\"num_feature\":\"2\",\"num_target\":\"1\"},"
    "\"objective\":{\"name\":\"reg:squarederror\",\"reg_loss_param\":{\"scale_pos_weight\":\"1\"}},"
    "\"gradient_booster\":{\"name\":\"gbtree\",\"model\":{"
    "\"gbtree_model_param\":{\"num_parallel_tree\":\"1\",\"num_trees\":\"1\"},"
    "\"iteration_indptr\":[0,1],\"tree_info\":[0],\"trees\":[{"
    "\"base_weights\":[0,1,2],\"categories\":[],\"categories_nodes\":[],"
    "\"categories_segments\":[],\"categories_sizes\":[],\"default_left\":[1,0,0],\"id\":0,"
    "\"left_children\":[1,-1,-1],\"loss_changes\":[1,0,0],\"parents\":[2147483647,0,0],"
    "\"right_children\":[2,-1,-1],\"split_conditions\":[0.5,1,2],\"split_indices\":[0,0,0],"
    "\"split_type\":[0,0,0],\"sum_hessian\":[2,1,1],\"tree_param\":{\"num_deleted\":\"0\","
    "\"num_feature\":\"2\",\"num_nodes\":\"3\",\"size_leaf_vector\":\"1\"}}]}}}}";

static int load(void **state)
{
    mw_error err;
    mw_model *model;
    if (mw_model_load_bytes(json, sizeof json - 1, "hand.json", &model, &err) != MW_OK) {
        print_error("%s: %s\n", err.where, err.what);
        return -1;
    }
    *state = model;
    return 0;
}

static int unload(void **state)
{
    mw_model_free(*state);
    return 0;
}

static void test_describe(void **state)
{
    const mw_model_description *about = mw_model_describe(*state);
    assert_string_equal(about->format, "xgboost json");
    assert_string_equal(about->library_version, "3.2.0");
    assert_string_equal(about->objective, "reg:squarederror");
    assert_int_equal(about->n_trees, 1);
    assert_int_equal(about->n_features, 2);
    assert_int_equal(about->n_nodes, 3);
    assert_int_equal(about->n_leaves, 2);
    assert_int_equal(about->max_depth, 1);
    assert_int_equal(about->n_margins, 1);
    assert_int_equal(about->n_predictions, 1);
    assert_int_equal(about->n_classes, 0);
    assert_true(about->memory_bytes > 100);
    assert_string_equal(about->feature_names[0], "age");
    assert_string_equal(about->feature_names[1], "income");
    assert_string_equal(mw_model_describe(NULL)->format, "");
    assert_string_equal(mw_version(), MW_VERSION);
}

static void test_predict(void **state)
{
    static const float rows32[] = {0, 9, 0.5f, 9, NAN, 9};
    static const double rows64[] = {0, 0.5, NAN, 9, 9, 9}; /* column-major */
    static const double expected[] = {1.5, 2.5, 1.5};
    double values[3];
    mw_matrix rows = {rows32, MW_FLOAT32, 3, 2, 2, 1};
    assert_int_equal(mw_model_predict(*state, &rows, MW_PREDICTION, NULL, values, 3, NULL), MW_OK);
    assert_memory_equal(values, expected, sizeof expected);
    mw_scratch *scratch;
    assert_int_equal(mw_scratch_new(&scratch, NULL), MW_OK);
    rows = (mw_matrix){rows64, MW_FLOAT64, 3, 2, 1, 3};
    memset(values, 0, sizeof values);
    assert_int_equal(mw_model_predict(*state, &rows, MW_MARGIN, scratch, values, 3, NULL), MW_OK);
    assert_memory_equal(values, expected, sizeof expected);
    mw_scratch_free(scratch);
}

static void test_importance(void **state)
{
    double values[9];
    mw_error err;
    assert_int_equal(mw_model_importance(*state, MW_IMPORTANCE_WEIGHT, values, 9, NULL), MW_OK);
    assert_true(values[0] > 0);
    assert_int_equal(mw_model_importance(NULL, MW_IMPORTANCE_WEIGHT, values, 9, &err),
                     MW_BAD_ARGUMENT);
    assert_int_equal(mw_model_importance(*state, MW_IMPORTANCE_WEIGHT, NULL, 9, &err),
                     MW_BAD_ARGUMENT);
    assert_int_equal(mw_model_importance(*state, MW_IMPORTANCE_WEIGHT, values, 1, &err),
                     MW_BAD_ARGUMENT);
    assert_int_equal(mw_model_importance(*state, (mw_importance)-1, values, 9, &err),
                     MW_BAD_ARGUMENT);
}

/* Mean 1.5 (covers 1 and 1): each leaf is half a point away; the base score comes on top. */
static void test_explain(void **state)
{
    static const float data[] = {0, 9, 0.5f, 9, NAN, 9};
    static const double expected[] = {-0.5, 0, 2, 0.5, 0, 2, -0.5, 0, 2};
    double values[9];
    mw_error err = {0};
    mw_matrix rows = {data, MW_FLOAT32, 3, 2, 2, 1}, none = {NULL, MW_FLOAT32, 0, 2, 2, 1};
    assert_int_equal(mw_model_explain(*state, &rows, NULL, values, 9, NULL), MW_OK);
    for (size_t i = 0; i < 9; i++)
        assert_true(fabs(values[i] - expected[i]) < 1e-6);
    assert_int_equal(mw_model_explain(*state, &none, NULL, NULL, 0, NULL), MW_OK);
    assert_int_equal(mw_model_explain(*state, &rows, NULL, values, 8, &err), MW_BAD_ARGUMENT);
    assert_non_null(strstr(err.mend, "n_features + 1"));
    assert_int_equal(mw_model_explain(NULL, &rows, NULL, values, 9, &err), MW_BAD_ARGUMENT);
    assert_int_equal(mw_model_explain(*state, NULL, NULL, values, 9, &err), MW_BAD_ARGUMENT);
    assert_int_equal(mw_model_explain(*state, &rows, NULL, NULL, 9, &err), MW_BAD_ARGUMENT);
    rows.n_columns = 1;
    assert_int_equal(mw_model_explain(*state, &rows, NULL, values, 9, &err), MW_MISMATCH);
}

/* One feature moves the margin, alone. */
static void test_explain_interactions(void **state)
{
    static const float data[] = {0, 9};
    static const double expected[] = {-0.5, 0, 0, 0, 0, 0, 0, 0, 2};
    double values[9];
    mw_error err = {0};
    mw_matrix rows = {data, MW_FLOAT32, 1, 2, 2, 1};
    assert_int_equal(mw_model_explain_interactions(*state, &rows, NULL, values, 9, &err), MW_OK);
    for (size_t i = 0; i < 9; i++)
        assert_true(fabs(values[i] - expected[i]) < 1e-6);
    assert_int_equal(mw_model_explain_interactions(*state, &rows, NULL, values, 8, &err),
                     MW_BAD_ARGUMENT);
    assert_int_equal(mw_model_explain_interactions(NULL, &rows, NULL, values, 9, &err),
                     MW_BAD_ARGUMENT);
}

/* Against rows whose margins are 1.5, 1.5 and 2.5; the third row's feature is missing. */
static void test_explain_against(void **state)
{
    static const float data[] = {0, 9, 0.5f, 9, NAN, 9};
    double values[9], margins[3];
    mw_error err = {0};
    mw_background *background = NULL;
    mw_matrix rows = {data, MW_FLOAT32, 3, 2, 2, 1};
    assert_int_equal(mw_background_new(*state, &rows, MW_SCALE_MARGIN, &background, &err), MW_OK);
    assert_int_equal(mw_model_predict(*state, &rows, MW_MARGIN, NULL, margins, 3, NULL), MW_OK);
    assert_int_equal(mw_model_explain_against(background, &rows, NULL, values, 9, &err), MW_OK);
    for (size_t r = 0; r < 3; r++) {
        double mean = (margins[0] + margins[1] + margins[2]) / 3;
        assert_true(fabs(values[3 * r] - (margins[r] - mean)) < 1e-6);
        assert_true(values[3 * r + 1] == 0 && fabs(values[3 * r + 2] - mean) < 1e-6);
    }
    assert_int_equal(mw_model_explain_against(background, &rows, NULL, values, 8, &err),
                     MW_BAD_ARGUMENT);
    assert_int_equal(mw_model_explain_against(NULL, &rows, NULL, values, 9, &err), MW_BAD_ARGUMENT);
    assert_int_equal(mw_model_explain_against(background, NULL, NULL, values, 9, &err),
                     MW_BAD_ARGUMENT);
    mw_background_free(background);
    mw_background_free(NULL);
    assert_int_equal(mw_background_new(NULL, &rows, MW_SCALE_MARGIN, &background, &err),
                     MW_BAD_ARGUMENT);
    assert_int_equal(mw_background_new(*state, NULL, MW_SCALE_MARGIN, &background, &err),
                     MW_BAD_ARGUMENT);
    assert_int_equal(mw_background_new(*state, &rows, MW_SCALE_MARGIN, NULL, &err),
                     MW_BAD_ARGUMENT);
    rows.n_columns = 1;
    assert_int_equal(mw_background_new(*state, &rows, MW_SCALE_MARGIN, &background, &err),
                     MW_MISMATCH);
}

static void test_wrong_loads(void **state)
{
    (void)state;
    mw_model *model = (mw_model *)state; /* must stay as it is */
    mw_error err = {0};
    assert_int_equal(mw_model_load(NULL, &model, &err), MW_BAD_ARGUMENT);
    assert_string_equal(err.what, "'path' is NULL");
    assert_int_equal(mw_model_load("/nowhere/model.json", NULL, &err), MW_BAD_ARGUMENT);
    assert_int_equal(mw_model_load("/nowhere/model.json", &model, &err), MW_NOT_FOUND);
    assert_non_null(strstr(err.where, "/nowhere/model.json"));
    assert_int_equal(mw_model_load_bytes(NULL, 3, "x", &model, &err), MW_BAD_ARGUMENT);
    assert_int_equal(mw_model_load_bytes("", 0, NULL, &model, &err), MW_BAD_DATA);
    assert_int_equal(mw_model_load_bytes(json, 100, "cut.json", &model, &err), MW_BAD_DATA);
    assert_non_null(strstr(err.where, "cut.json"));
    assert_int_equal(mw_model_load_bytes(json, sizeof json - 1, "x", NULL, &err), MW_BAD_ARGUMENT);
    assert_int_equal(mw_model_load(NULL, NULL, NULL), MW_BAD_ARGUMENT);
    /* the status is the same, whether the caller wants the text or not */
    mw_model *none = NULL;
    assert_int_equal(mw_model_load("nowhere.json", &none, NULL), MW_NOT_FOUND);
    assert_int_equal(mw_model_load_bytes("{", 1, "cut.json", &none, NULL), MW_BAD_DATA);
    assert_int_equal(mw_model_load_bytes("\x80\x04pickle", 8, "a.pkl", &none, NULL),
                     MW_UNSUPPORTED);
    assert_ptr_equal(model, state);
    assert_int_equal(mw_scratch_new(NULL, &err), MW_BAD_ARGUMENT);
    mw_model_free(NULL);
    mw_scratch_free(NULL);
}

/* Any file that stops early is refused, wherever it stops. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof json - 1; size++) {
        mw_model *model;
        mw_status status = mw_model_load_bytes(json, size, "cut.json", &model, NULL);
        if (status != MW_BAD_DATA && status != MW_UNSUPPORTED)
            fail_msg("cut after %zu bytes: status %d", size, (int)status);
    }
}

static void test_wrong_calls(void **state)
{
    static const double data[4];
    const mw_matrix right = {data, MW_FLOAT64, 2, 2, 2, 1},
                    no_data = {NULL, MW_FLOAT64, 2, 2, 2, 1};
    const mw_matrix narrow = {data, MW_FLOAT64, 2, 1, 1, 1}, odd = {data, (mw_dtype)3, 2, 2, 2, 1};
    const mw_matrix many = {data, MW_FLOAT64, SIZE_MAX / 2, 2, 0, 1};
    const mw_matrix none = {NULL, MW_FLOAT64, 0, 2, 2, 1};
    const mw_model *model = *state;
    double values[2];
    const struct {
        const char *name;
        const mw_model *model;
        const mw_matrix *rows;
        double *values;
        size_t count;
        mw_status expected;
    } cases[] = {
        {"right", model, &right, values, 2, MW_OK},
        {"no model", NULL, &right, values, 2, MW_BAD_ARGUMENT},
        {"no rows argument", model, NULL, values, 2, MW_BAD_ARGUMENT},
        {"no values", model, &right, NULL, 2, MW_BAD_ARGUMENT},
        {"no room", model, &right, values, 1, MW_BAD_ARGUMENT},
        {"more rows than numbers exist", model, &many, values, 2, MW_BAD_ARGUMENT},
        {"no data", model, &no_data, values, 2, MW_BAD_ARGUMENT},
        {"wrong dtype", model, &odd, values, 2, MW_BAD_ARGUMENT},
        {"too few columns", model, &narrow, values, 2, MW_MISMATCH},
        {"no rows at all", model, &none, NULL, 0, MW_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mw_error err = {0};
        mw_status status = mw_model_predict(cases[i].model, cases[i].rows, MW_PREDICTION, NULL,
                                            cases[i].values, cases[i].count, &err);
        if (status != cases[i].expected)
            fail_msg("%s: got %d (%s)", cases[i].name, (int)status, err.what);
        if (status != MW_OK && (err.status != status || !err.what[0] || err.code == 0))
            fail_msg("%s: the error is not filled", cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe),        cmocka_unit_test(test_predict),
        cmocka_unit_test(test_wrong_loads),     cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_wrong_calls),     cmocka_unit_test(test_explain),
        cmocka_unit_test(test_explain_against), cmocka_unit_test(test_explain_interactions),
        cmocka_unit_test(test_importance),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
