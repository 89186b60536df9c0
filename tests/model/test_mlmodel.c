/* MLflow folders, written to a temporary folder by the test. */
#include "sample_onnx.h"
#include "../folder.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[TEST_FOLDER_BYTES];

static int make_folder(void **state)
{
    (void)state;
    return test_folder_make(folder);
}

static int remove_folder(void **state)
{
    (void)state;
    return test_folder_remove(folder);
}

static void put(const char *name, mw_view content)
{
    mw_error err;
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (mw_file_write(path, content, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
}

static void put_xgb(const sample_xgb *s)
{
    mw_buf json;
    sample_xgb_write(s, &json);
    put("model.ubj", mw_buf_as_view(&json));
    mw_buf_done(&json);
}

#define XGBOOST(class)                                                              \
    "flavors:\n  python_function:\n    loader_module: mlflow.xgboost\n  xgboost:\n" \
    "    code: null\n    data: model.ubj\n    model_class: " class "\n"
#define SIGNATURE(inputs) "signature:\n  inputs: '" inputs "'\n  outputs: null\n"
#define AGE "{\"type\": \"long\", \"name\": \"age\", \"required\": false}"
#define KIND "{\"type\": \"double\", \"name\": \"kind\", \"required\": true}"

static mw_forest *load(const char *mlmodel)
{
    mw_error err;
    mw_forest *forest = NULL;
    put("MLmodel", mw_view_of(mlmodel));
    if (mw_forest_load(folder, &forest, &err) != MW_OK)
        fail_msg("%s: %s (%s)", err.where, err.what, err.mend);
    return forest;
}

static void test_booster(void **state)
{
    (void)state;
    sample_xgb s = sample_xgb_plain();
    s.attributes = "{\"best_iteration\":\"0\"}";
    put_xgb(&s);
    mw_forest *forest = load(XGBOOST("xgboost.core.Booster"));
    assert_int_equal(forest->n_trees, 2); /* a Booster predicts with all */
    assert_int_equal(forest->transform, MW_TRANSFORM_SIGMOID);
    mw_forest_free(forest);
}

/* The scores of all classes, as the file alone gives them. */
static void test_onnx(void **state)
{
    (void)state;
    sample_onnx s = sample_onnx_classifier();
    mw_buf bytes;
    sample_onnx_write(&s, &bytes);
    put("model.onnx", mw_buf_as_view(&bytes));
    mw_buf_done(&bytes);
    mw_forest *forest =
        load("flavors:\n  onnx:\n    data: model.onnx\n    onnx_version: 1.20.0\n" //
             SIGNATURE("[" AGE ", " KIND "]"));
    assert_int_equal(forest->format, MW_FORMAT_ONNX);
    assert_int_equal(forest->n_predictions, 2);
    assert_true(mw_view_is(forest->schema.columns[1].name, "kind"));
    assert_true(forest->schema.named);
    mw_forest_free(forest);
}

static void test_regressor_stops_at_best(void **state)
{
    (void)state;
    sample_xgb s = sample_xgb_plain();
    s.attributes = "{\"best_iteration\":\"0\"}";
    s.objective = "\"reg:squarederror\"";
    put_xgb(&s);
    mw_forest *forest = load(XGBOOST("xgboost.sklearn.XGBRegressor"));
    assert_int_equal(forest->n_trees, 1);
    assert_int_equal(forest->n_iterations, 1);
    assert_int_equal(forest->n_nodes, 5);
    assert_int_equal(forest->n_leaves, 3);
    assert_int_equal(forest->best_iteration, 0);
    mw_forest_free(forest);
}

static void test_cut_by_offsets(void **state)
{
    (void)state;
    sample_xgb s = sample_xgb_plain();
    s.attributes = "{\"best_iteration\":\"0\"}";
    s.more_model = "\"iteration_indptr\":[0,2,2],\"weight_drop\":[1,2],";
    put_xgb(&s);
    mw_forest *forest = load(XGBOOST("xgboost.sklearn.XGBRegressor"));
    assert_int_equal(forest->n_trees, 2); /* the first round has both trees */
    assert_int_equal(forest->n_iterations, 1);
    assert_true(forest->tree_weight[1] == 2.0f);
    mw_forest_free(forest);
}

static const struct label_case {
    const char *objective, *n_classes;
    mw_transform transform;
    size_t n_predictions, n_expected_classes;
} label_cases[] = {
    {"\"binary:logistic\"", "\"0\"", MW_TRANSFORM_SIGMOID_LABEL, 1, 2},
    {"\"binary:hinge\"", "\"0\"", MW_TRANSFORM_HINGE, 1, 2},
    {"\"multi:softprob\"", "\"3\"", MW_TRANSFORM_SOFTMAX_LABEL, 1, 3},
    {"\"multi:softmax\"", "\"3\"", MW_TRANSFORM_ARGMAX, 1, 3},
};

static void test_classifiers_answer_labels(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(label_cases); i++) {
        const struct label_case *c = &label_cases[i];
        sample_xgb s = sample_xgb_plain();
        s.objective = c->objective;
        s.n_classes = c->n_classes;
        put_xgb(&s);
        mw_forest *forest = load(XGBOOST("xgboost.sklearn.XGBClassifier"));
        assert_int_equal(forest->transform, c->transform);
        assert_int_equal(forest->n_predictions, c->n_predictions);
        assert_int_equal(forest->n_classes, c->n_expected_classes);
        mw_forest_free(forest);
    }
}

static void test_signature_by_name(void **state)
{
    (void)state;
    sample_xgb s = sample_xgb_plain();
    put_xgb(&s);
    /* the other order, and one column that is not the model's */
    mw_forest *forest = load(XGBOOST("xgboost.core.Booster") SIGNATURE(
        "[" KIND ", {\"type\": \"double\", \"name\": \"extra\"},\n\n    " AGE "]"));
    const mw_column *columns = forest->schema.columns;
    assert_int_equal(forest->schema.n_columns, 2);
    assert_true(mw_view_is(columns[0].name, "age"));
    assert_int_equal(columns[0].type, MW_COLUMN_INT64);
    assert_true(columns[0].optional);
    assert_int_equal(columns[1].type, MW_COLUMN_CATEGORY); /* stays one */
    assert_false(columns[1].optional);
    mw_forest_free(forest);
}

static void test_signature_names_an_unnamed_model(void **state)
{
    (void)state;
    sample_xgb s = sample_xgb_plain();
    s.names = s.types = "[]";
    put_xgb(&s);
    mw_forest *forest = load(XGBOOST("xgboost.core.Booster") SIGNATURE("[" KIND ", " AGE "]"));
    assert_true(forest->schema.named);
    assert_int_equal(mw_schema_find(&forest->schema, MW_VIEW("kind")), 0);
    mw_forest_free(forest);
}

static void test_signature_tensor(void **state)
{
    (void)state;
    sample_xgb s = sample_xgb_plain();
    s.names = s.types = "[]";
    put_xgb(&s);
    mw_forest *forest = load(XGBOOST("xgboost.core.Booster") SIGNATURE(
        "[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float32\", \"shape\": [-1, 2]}}]"));
    assert_int_equal(forest->schema.columns[1].type, MW_COLUMN_FLOAT32);
    assert_false(forest->schema.named);
    mw_forest_free(forest);
}

#define TENSOR(shape) \
    "{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float32\", \"shape\": " shape "}}"

/* A width is known where all sizes but the first are; several tensors have it together. */
static void test_signature_tensors(void **state)
{
    (void)state;
    static const char *const right[] = {
        XGBOOST("xgboost.core.Booster") SIGNATURE("[" TENSOR("[-1, 1, 2]") "]"),
        XGBOOST("xgboost.core.Booster") SIGNATURE("[" TENSOR("[-1, 1]") ", " TENSOR("[-1, 1]") "]"),
        XGBOOST("xgboost.core.Booster") SIGNATURE("[" TENSOR("[-1, -1]") "]"),
    };
    static const char *const wrong[] = {
        XGBOOST("xgboost.core.Booster") SIGNATURE("[" TENSOR("[-1, 2, 2]") "]"),
        XGBOOST("xgboost.core.Booster") SIGNATURE("[" TENSOR("[-1, 1]") ", " TENSOR("[-1, 2]") "]"),
        XGBOOST("xgboost.core.Booster")
            SIGNATURE("[" TENSOR("[-1, 9007199254740992, 9007199254740992, 4]") "]"),
    };
    sample_xgb s = sample_xgb_plain();
    put_xgb(&s);
    for (size_t i = 0; i < MW_COUNT(right); i++)
        mw_forest_free(load(right[i]));
    for (size_t i = 0; i < MW_COUNT(wrong); i++) {
        mw_error err;
        mw_forest *forest;
        put("MLmodel", mw_view_of(wrong[i]));
        assert_int_equal(mw_forest_load(folder, &forest, &err), MW_BAD_DATA);
        assert_non_null(strstr(err.what, "columns, the model 2 features"));
    }
}

static void test_lightgbm_names_with_blanks(void **state)
{
    (void)state;
    sample_lgb s = sample_lgb_plain();
    mw_buf text;
    s.names = "feature_names=petal_width_(cm) kind\n";
    sample_lgb_write(&s, &text);
    put("model.lgb", mw_buf_as_view(&text));
    mw_buf_done(&text);
    mw_forest *forest =
        load("flavors:\n  lightgbm:\n    data: model.lgb\n    model_class: "
             "lightgbm.basic.Booster\n" SIGNATURE(
                 "[" KIND ", {\"type\": \"float\", \"name\": \"petal width (cm)\"}]"));
    assert_int_equal(mw_schema_find(&forest->schema, MW_VIEW("petal width (cm)")), 0);
    assert_int_equal(forest->schema.columns[0].type, MW_COLUMN_FLOAT32);
    mw_forest_free(forest);
}

static const struct wrong_case {
    const char *name, *mlmodel;
    mw_status status;
    const char *where, *what, *mend;
} wrong_cases[] = {
    {"not YAML", "flavors: [", MW_BAD_DATA, "MLmodel:", "", ""},
    {"no flavors", "artifact_path: x\n", MW_BAD_DATA, "MLmodel", "no map 'flavors'", "again"},
    {"sklearn", "flavors:\n  python_function: {}\n  sklearn: {pickled_model: model.pkl}\n",
     MW_UNSUPPORTED, "MLmodel:2:3", "python_function, sklearn", "mlflow.xgboost.log_model"},
    {"LightGBM wrapper",
     "flavors:\n  lightgbm: {data: model.pkl, model_class: lightgbm.sklearn.LGBMClassifier}\n",
     MW_UNSUPPORTED, "MLmodel:2:", "wrapper", "model.booster_"},
    {"unknown class", XGBOOST("my.Model"), MW_UNSUPPORTED, "MLmodel:", "'my.Model'", "get_booster"},
    {"no data", "flavors:\n  xgboost: {model_class: xgboost.core.Booster}\n", MW_BAD_DATA,
     "MLmodel:2:", "no model file", "again"},
    {"upwards", "flavors:\n  xgboost: {data: ../model.json}\n", MW_BAD_DATA,
     "MLmodel:2:", "outside the model's folder", "inside"},
    {"upwards inside", "flavors:\n  xgboost: {data: a/../../model.json}\n", MW_BAD_DATA,
     "MLmodel:2:", "outside", "inside"},
    {"absolute", "flavors:\n  xgboost: {data: /etc/passwd}\n", MW_BAD_DATA, "MLmodel:2:", "outside",
     "inside"},
    {"absent", "flavors:\n  xgboost: {data: other.json}\n", MW_NOT_FOUND, "other.json", "no such",
     ""},
    {"feature missing", XGBOOST("xgboost.core.Booster") SIGNATURE("[" AGE "]"), MW_BAD_DATA,
     "MLmodel: signature.inputs", "'kind'", "signature"},
    {"type",
     XGBOOST("xgboost.core.Booster")
         SIGNATURE("[" KIND ", {\"type\": \"datetime\", \"name\": \"age\"}]"),
     MW_BAD_DATA, "signature.inputs", "'datetime' of column 1", "numbers"},
    {"text",
     XGBOOST("xgboost.core.Booster")
         SIGNATURE("[" AGE ", {\"type\": \"string\", \"name\": \"kind\"}]"),
     MW_BAD_DATA, "signature.inputs", "'kind' is text", "category"},
    {"width",
     XGBOOST("xgboost.core.Booster")
         SIGNATURE("[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float64\", \"shape\": "
                   "[-1, 3]}}]"),
     MW_BAD_DATA, "signature.inputs", "3 columns, the model 2", "signature"},
    {"half named", XGBOOST("xgboost.core.Booster") SIGNATURE("[" AGE ", {\"type\": \"double\"}]"),
     MW_BAD_DATA, "signature.inputs", "1 of 2 columns", "signature"},
    {"not JSON", XGBOOST("xgboost.core.Booster") SIGNATURE("[{"), MW_BAD_DATA, "signature.inputs",
     "", ""},
    {"empty", XGBOOST("xgboost.core.Booster") SIGNATURE("[]"), MW_BAD_DATA, "signature.inputs",
     "not a list", "signature"},
};

static void test_wrong(void **state)
{
    (void)state;
    sample_xgb s = sample_xgb_plain();
    put_xgb(&s);
    for (size_t i = 0; i < MW_COUNT(wrong_cases); i++) {
        const struct wrong_case *c = &wrong_cases[i];
        mw_error err;
        mw_forest *forest = NULL;
        put("MLmodel", mw_view_of(c->mlmodel));
        mw_status status = mw_forest_load(folder, &forest, &err);
        if (status == MW_OK)
            mw_forest_free(forest);
        if (status != c->status || strncmp(err.where, folder, strlen(folder)) != 0 ||
            !strstr(err.where, c->where) || !strstr(err.what, c->what) ||
            !strstr(err.mend, c->mend))
            fail_msg("%s: %d, %s: %s (%s)", c->name, (int)status, err.where, err.what, err.mend);
    }
}

static void test_no_mlmodel(void **state)
{
    (void)state;
    mw_error err;
    mw_forest *forest = NULL;
    char path[128];
    snprintf(path, sizeof path, "%s/empty", folder);
    assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
    assert_int_equal(mw_forest_load(path, &forest, &err), MW_NOT_FOUND);
    assert_non_null(strstr(err.what, "MLmodel"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_booster),
        cmocka_unit_test(test_onnx),
        cmocka_unit_test(test_regressor_stops_at_best),
        cmocka_unit_test(test_cut_by_offsets),
        cmocka_unit_test(test_classifiers_answer_labels),
        cmocka_unit_test(test_signature_by_name),
        cmocka_unit_test(test_signature_names_an_unnamed_model),
        cmocka_unit_test(test_signature_tensor),
        cmocka_unit_test(test_signature_tensors),
        cmocka_unit_test(test_lightgbm_names_with_blanks),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_no_mlmodel),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
