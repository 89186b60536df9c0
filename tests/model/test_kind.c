/* What a file is, from its first bytes; each answer says how to get a file that is read. */
#include "sample.h"

static const struct kind_case {
    const char *name;
    mw_view bytes;
    mw_status status;
    const char *what, *mend;
} kind_cases[] = {
    {"empty", MW_VIEW(""), MW_BAD_DATA, "empty", "again"},
    {"blank", MW_VIEW(" \r\n\t\n"), MW_BAD_DATA, "empty", "again"},
    {"mark alone", MW_VIEW("\xef\xbb\xbf"), MW_BAD_DATA, "empty", "again"},
    {"pickle 2", MW_VIEW("\x80\x02}q"), MW_UNSUPPORTED, "pickle", "save_model('model.json')"},
    {"pickle 5", MW_VIEW("\x80\x05\x95"), MW_UNSUPPORTED, "pickle", "save_model('model.json')"},
    {"zip", MW_VIEW("PK\x03\x04\x14"), MW_UNSUPPORTED, "zip archive", "save_model"},
    {"gzip", MW_VIEW("\x1f\x8b\x08"), MW_UNSUPPORTED, "gzip", "gunzip"},
    {"zstd", MW_VIEW("\x28\xb5\x2f\xfd"), MW_UNSUPPORTED, "zstd", "unzstd"},
    {"joblib", MW_VIEW("x\x9c\x01"), MW_UNSUPPORTED, "joblib", "save_model"},
    {"catboost", MW_VIEW("CBM1\x10"), MW_BAD_DATA, "ends before", "model.cbm"},
    {"R object", MW_VIEW("X\n\0\0\0\3"), MW_UNSUPPORTED, "object of R", "xgb.save"},
    {"R workspace", MW_VIEW("RDX3\nX\n"), MW_UNSUPPORTED, "workspace of R", "lgb.save"},
    {"lightgbm dataset", MW_VIEW("______LightGBM_Binary_File_Token______\n\1"), MW_BAD_DATA,
     "dataset of LightGBM", "save_model('model.txt')"},
    {"catboost in C++",
     MW_VIEW("#include <string>\n\n/* Model data */\nstatic const struct CatboostModel {\n"),
     MW_UNSUPPORTED, "written out as a program", "model.cbm"},
    {"catboost in Python", MW_VIEW("###  Model data\nclass catboost_model(object):\n"),
     MW_UNSUPPORTED, "written out as a program", "model.cbm"},
    {"coreml",
     MW_VIEW("\x08\x01\x12\x9f\x2e\x0a\x0f\x0a\x09"
             "feature_0\x1a\x02\x12"),
     MW_UNSUPPORTED, "CoreML", "ONNX"},
    {"old xgboost", MW_VIEW("binf\x00\x00\x00?"), MW_UNSUPPORTED, "old binary", "2.x"},
    {"older xgboost", MW_VIEW("\x00\x00\x00?\x04\x00\x00\x00\x00\x06gbtree"), MW_UNSUPPORTED,
     "old binary", "2.x"},
    {"text dump", MW_VIEW("booster[0]:\n0:[f1<0.5]"), MW_UNSUPPORTED, "dump_model", "save_model"},
    {"json dump", MW_VIEW("[\n { \"nodeid\": 0, \"leaf\": 1}]"), MW_UNSUPPORTED, "dump_model",
     "save_model"},
    {"onnx", MW_VIEW("\x08\x08\x12\x08skl2onnx"), MW_BAD_DATA, "before the graph", "again"},
    {"hdf5", MW_VIEW("\x89HDF\r\n\x1a\n"), MW_UNSUPPORTED, "HDF5", "XGBoost"},
    {"numpy", MW_VIEW("\x93NUMPY\x01"), MW_BAD_DATA, "NumPy", "model file"},
    {"shared library",
     MW_VIEW("\x7f"
             "ELF\x02"),
     MW_BAD_DATA, "a program", "save_model"},
    {"git lfs", MW_VIEW("version https://git-lfs.github.com/spec/v1\n"), MW_BAD_DATA, "Git LFS",
     "git lfs pull"},
    {"html", MW_VIEW("<!DOCTYPE html>"), MW_BAD_DATA, "HTML", "again"},
    {"pmml", MW_VIEW("<?xml version=\"1.0\"?><PMML>"), MW_UNSUPPORTED, "PMML", "save_model"},
    {"csv", MW_VIEW("a,b\n1,2\n"), MW_BAD_DATA, "text, but not a model", "XGBoost"},
    {"yaml", MW_VIEW("artifact_path: m\nflavors:\n  xgboost: {}\n"), MW_BAD_DATA, "MLmodel file",
     "folder"},
    {"a piece", MW_VIEW("Tree=0\nnum_leaves=1\n"), MW_BAD_DATA, "without its start", "save_model"},
    {"binary", MW_VIEW("\x01\x02\x03"), MW_BAD_DATA, "not a model file", "XGBoost"},
    {"half a JSON", MW_VIEW("{"), MW_BAD_DATA, "", "again"},
    {"a bracket", MW_VIEW("["), MW_BAD_DATA, "text, but not a model", "XGBoost"},
};

static void test_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(kind_cases); i++) {
        const struct kind_case *c = &kind_cases[i];
        mw_error err;
        mw_forest *forest = NULL;
        mw_status status = mw_forest_read(c->bytes, "file", &forest, &err);
        if (status != c->status || !strstr(err.what, c->what) || !strstr(err.mend, c->mend) ||
            strncmp(err.where, "file", 4) != 0)
            fail_msg("%s: %d, %s: %s (%s)", c->name, (int)status, err.where, err.what, err.mend);
    }
}

static void test_error_may_be_null(void **state)
{
    (void)state;
    mw_forest *forest = NULL;
    assert_int_equal(mw_forest_read(MW_VIEW("{\"learner\":[]}"), "x", &forest, NULL), MW_BAD_DATA);
    assert_int_equal(mw_forest_read(MW_VIEW("tree\nversion=v9\n"), "x", &forest, NULL),
                     MW_BAD_DATA);
    assert_int_equal(mw_forest_load("/nonexistent/model", &forest, NULL), MW_NOT_FOUND);
    mw_forest_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_error_may_be_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
