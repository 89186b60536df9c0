/* CatBoost's JSON: both forms of tree, and every way to be wrong. */
#include "grown.h"

#include <math.h>

/* A model of named parts, so that a test can put one wrong part into a right model. */
typedef struct sample {
    const char *features, *loss, *classes, *trees, *scale;
} sample;

#define FEATURES                                                                               \
    "{\"float_features\":[{\"feature_id\":\"a\",\"feature_index\":0,\"flat_feature_index\":0," \
    "\"nan_value_treatment\":\"AsTrue\",\"borders\":[0.5]},{\"feature_id\":\"b\","             \
    "\"flat_feature_index\":2,\"nan_value_treatment\":\"AsFalse\"}]}"
#define SPLIT(feature, border)                                                      \
    "{\"border\":" border ",\"float_feature_index\":" feature ",\"split_index\":0," \
    "\"split_type\":\"FloatFeature\"}"
#define ONE_HOT(feature, hash) \
    "{\"cat_feature_index\":" feature ",\"split_type\":\"OneHotFeature\",\"value\":" hash "}"
#define OBLIVIOUS(values, weights, splits)                                       \
    "\"oblivious_trees\":[{\"leaf_values\":" values ",\"leaf_weights\":" weights \
    ",\"splits\":" splits "}]"
#define TWO_SPLITS "[" SPLIT("0", "0.5") "," SPLIT("1", "-1") "]"

#define EIGHT_SPLITS                                                                           \
    SPLIT("0", "1")                                                                            \
    "," SPLIT("0", "2") "," SPLIT("0", "3") "," SPLIT("0", "4") "," SPLIT("0", "5") "," SPLIT( \
        "0", "6") "," SPLIT("0", "7") "," SPLIT("0", "8")

static sample plain(void)
{
    return (sample){FEATURES, "Logloss", "[\"no\",\"yes\"]",
                    OBLIVIOUS("[1,2,3,4]", "[10,20,30,40]", TWO_SPLITS), "[2,[0.25]]"};
}

static mw_status read_sample(const sample *s, mw_forest **ret_forest, mw_error *err)
{
    char text[4096];
    int size = snprintf(text, sizeof text,
                        "{\"features_info\":%s,\"model_info\":{\"class_params\":{\"class_names\":"
                        "%s},\"params\":{\"loss_function\":{\"type\":\"%s\"}}},%s,"
                        "\"scale_and_bias\":%s}",
                        s->features, s->classes, s->loss, s->trees, s->scale);
    assert_in_range(size, 1, sizeof text - 1);
    return mw_forest_read((mw_view){text, (size_t)size}, "m.json", ret_forest, err);
}

static mw_forest *must_read(const sample *s)
{
    mw_error err;
    mw_forest *forest;
    if (read_sample(s, &forest, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    return forest;
}

/* The last split is the root, and bit 0 of a leaf's number is the first split. */
static void test_oblivious(void **state)
{
    (void)state;
    sample s = plain();
    mw_forest *forest = must_read(&s);
    static const uint32_t left[] = {1, 3, 5, MW_NO_CHILD};
    static const double leaves[] = {1, 2, 3, 4}, cover[] = {100, 30, 70, 10, 20, 30, 40};
    assert_int_equal(forest->format, MW_FORMAT_CATBOOST_JSON);
    assert_int_equal(forest->n_nodes, 7);
    assert_int_equal(forest->n_leaves, 4);
    assert_int_equal(forest->max_depth, 2);
    assert_int_equal(forest->n_features, 3);
    assert_non_null(forest->levels);
    assert_null(forest->left);
    assert_int_equal(mw_levels_depth(forest, 0), 2);
    assert_int_equal(forest->levels->feature[0], 0);
    assert_true(forest->levels->threshold[0] == 0.5 && forest->levels->threshold[1] == -1);
    assert_memory_equal(forest->levels->value, leaves, sizeof leaves);
    assert_memory_equal(forest->levels->cover, cover + 3, sizeof leaves);
    const mw_forest *nodes = grown(forest);
    assert_memory_equal(nodes->left, left, sizeof left);
    assert_memory_equal(nodes->value + 3, leaves, sizeof leaves);
    assert_memory_equal(nodes->cover, cover, sizeof cover);
    assert_int_equal(nodes->feature[0], 2);
    assert_int_equal(nodes->feature[1], 0);
    assert_true(nodes->threshold[0] == -1 && nodes->threshold[2] == 0.5);
    assert_int_equal(nodes->flags[0],
                     MW_NODE_LESS_EQUAL | MW_NODE_MISSING_NAN | MW_NODE_DEFAULT_LEFT);
    assert_int_equal(nodes->flags[1], MW_NODE_LESS_EQUAL | MW_NODE_MISSING_NAN);
    assert_int_equal(forest->input, MW_INPUT_FLOAT32);
    assert_false(forest->sum_float32);
    assert_true(forest->margin_scale == 2 && forest->margin_offset[0] == 0.25);
    assert_int_equal(forest->transform, MW_TRANSFORM_SIGMOID);
    assert_int_equal(forest->n_classes, 2);
    assert_true(mw_view_is(forest->class_labels[1], "yes"));
    assert_int_equal(mw_schema_find(&forest->schema, MW_VIEW("b")), 2);
    mw_forest_free(forest);
}

static void test_nested(void **state)
{
    (void)state;
    sample s = plain();
    s.loss = "MultiClass";
    s.classes = "[0,1.5,7]";
    s.scale = "[1,[0,0,0]]";
    s.trees =
        "\"trees\":[{\"left\":{\"value\":[1,2,3],\"weight\":4},\"right\":{\"left\":{\"value\":"
        "[4,5,6],\"weight\":1},\"right\":{\"value\":[7,8,9],\"weight\":2},\"split\":" SPLIT(
            "1", "2") "},\"split\":" SPLIT("0", "0.5") "}]";
    mw_forest *forest = must_read(&s);
    static const double values[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    assert_int_equal(forest->n_margins, 3);
    assert_int_equal(forest->tree_output[0], MW_ALL_OUTPUTS);
    assert_memory_equal(forest->leaf_values, values, sizeof values);
    assert_int_equal(forest->leaf_vector[forest->right[forest->right[0]]], 6);
    assert_true(forest->cover[0] == 7);
    assert_true(mw_view_is(forest->class_labels[1], "1.5"));
    assert_true(mw_view_is(forest->class_labels[2], "7"));
    mw_forest_free(forest);
}

/* Hashes are numbered in ascending order, as unsigned numbers, each once. */
static void test_one_hot(void **state)
{
    (void)state;
    sample s = plain();
    s.features = "{\"categorical_features\":[{\"feature_id\":\"city\",\"flat_feature_index\":1},"
                 "{\"feature_id\":\"unused\",\"flat_feature_index\":2}],\"float_features\":[{"
                 "\"feature_id\":\"a\",\"flat_feature_index\":0}]}";
    s.trees =
        "\"trees\":[{\"left\":{\"value\":1},\"right\":{\"left\":{\"value\":2},\"right\":{"
        "\"value\":3},\"split\":" ONE_HOT("0", "-292403996") "},\"split\":" ONE_HOT(
            "0",
            "7") "},{\"left\":{\"value\":1},\"right\":{\"value\":2},\"split\":" ONE_HOT("0",
                                                                                        "7") "}]";
    mw_forest *forest = must_read(&s);
    const mw_column *city = &forest->schema.columns[1], *unused = &forest->schema.columns[2];
    assert_true(city->hashed && unused->hashed);
    assert_int_equal(city->n_category_hashes, 2);
    assert_int_equal(unused->n_category_hashes, 0);
    assert_int_equal(mw_schema_category(city, MW_VIEW("Kyiv")), 1);
    assert_int_equal(mw_schema_category(city, MW_VIEW("Rome")), -1);
    assert_int_equal(mw_schema_category(unused, MW_VIEW("Rome")), -1);
    assert_int_equal(forest->n_category_sets, 2);
    assert_int_equal(forest->set[0], forest->set[5]);
    assert_int_equal(forest->feature[0], 1);
    assert_int_equal(forest->category_words[forest->category_sets[forest->set[2]].begin], 2);
    mw_forest_free(forest);
}

/* A tree of one leaf, an older scale_and_bias, no trees at all. */
static void test_small(void **state)
{
    (void)state;
    sample s = plain();
    s.loss = "RMSE";
    s.trees = OBLIVIOUS("[3]", "[]", "[]");
    s.scale = "[1,0.5]";
    mw_forest *forest = must_read(&s);
    assert_int_equal(forest->n_nodes, 1);
    assert_true(forest->margin_offset[0] == 0.5);
    assert_null(forest->cover);
    mw_forest_free(forest);
    s.trees = "\"trees\":[]";
    forest = must_read(&s);
    assert_int_equal(forest->n_trees, 0);
    assert_int_equal(forest->n_margins, 1);
    mw_forest_free(forest);
}

#define PART(name) offsetof(sample, name)
#define FLOATS "\"float_features\":[{\"flat_feature_index\":0},{\"flat_feature_index\":1}]"

static const struct {
    const char *name;
    size_t part;
    const char *text;
    mw_status status;
    const char *where, *what;
} wrong[] = {
    {"category split", PART(trees),
     OBLIVIOUS("[1,2]", "[]", "[{\"split_type\":\"OneHotFeature\",\"value\":3}]"), MW_BAD_DATA,
     "oblivious_trees[0].splits", "no border or no feature"},
    {"category outside", PART(trees), OBLIVIOUS("[1,2]", "[]", "[" ONE_HOT("0", "3") "]"),
     MW_BAD_DATA, "features_info", "categorical feature 0"},
    {"category hash", PART(trees), OBLIVIOUS("[1,2]", "[]", "[" ONE_HOT("0", "4294967296") "]"),
     MW_BAD_DATA, "splits.value", "no hash"},
    {"a statistic without its number", PART(trees),
     OBLIVIOUS("[1,2]", "[]", "[{\"split_type\":\"OnlineCtr\",\"border\":3}]"), MW_BAD_DATA,
     "oblivious_trees[0].splits", "no border or no feature"},
    {"a statistic outside", PART(trees),
     OBLIVIOUS("[1,2]", "[]", "[{\"split_type\":\"OnlineCtr\",\"border\":3,\"split_index\":99}]"),
     MW_BAD_DATA, "features_info", "condition 99"},
    {"estimated features", PART(trees),
     OBLIVIOUS("[1,2]", "[]", "[{\"split_type\":\"EstimatedFeature\",\"border\":3}]"),
     MW_UNSUPPORTED, "oblivious_trees[0].splits", "EstimatedFeature"},
    {"category column", PART(features), "{\"categorical_features\":[{}]}", MW_BAD_DATA,
     "features_info.categorical_features[0]", "-1"},
    {"statistics of nothing", PART(features), "{\"ctrs\":[{}]}", MW_BAD_DATA,
     "features_info.ctrs[0]", "no type, no elements or no borders"},
    {"a part without a value", PART(features),
     "{\"ctrs\":[{\"elements\":[{\"combination_element\":\"cat_feature_exact_value\","
     "\"cat_feature_index\":0}]}]}",
     MW_BAD_DATA, "features_info.ctrs[0].elements[0]", "no feature or no value"},
    {"a part of another kind", PART(features),
     "{\"ctrs\":[{\"elements\":[{\"combination_element\":\"word\"}]}]}", MW_UNSUPPORTED,
     "features_info.ctrs[0].elements[0]", "'word'"},
    {"statistics of another kind", PART(features), "{\"ctrs\":[{\"ctr_type\":\"Median\"}]}",
     MW_UNSUPPORTED, "features_info.ctrs[0].ctr_type", "'Median'"},
    {"statistics of no feature", PART(features),
     "{" FLOATS ",\"ctrs\":[{\"ctr_type\":\"Borders\",\"borders\":[1],\"elements\":"
     "[{\"combination_element\":\"cat_feature_value\",\"cat_feature_index\":3}]}]}",
     MW_BAD_DATA, "features_info", "categorical feature 3"},
    {"statistics without a table", PART(features),
     "{" FLOATS ",\"categorical_features\":[{\"feature_id\":\"city\",\"flat_feature_index\":2}],"
     "\"ctrs\":[{\"ctr_type\":\"Borders\",\"borders\":[1],\"elements\":"
     "[{\"combination_element\":\"cat_feature_value\",\"cat_feature_index\":0}]}]}",
     MW_BAD_DATA, "statistic 0", "does not hold"},
    {"texts", PART(features), "{\"text_features\":[{}]}", MW_UNSUPPORTED,
     "features_info.text_features[0]", "text and embedding"},
    {"loss", PART(loss), "Custom", MW_UNSUPPORTED, "model_info.params.loss_function", "'Custom'"},
    {"few values", PART(trees), OBLIVIOUS("[1,2,3]", "[]", TWO_SPLITS), MW_BAD_DATA,
     "oblivious_trees[0]", "3 leaf values"},
    {"no values", PART(trees), OBLIVIOUS("[]", "[]", TWO_SPLITS), MW_BAD_DATA, "oblivious_trees[0]",
     "0 leaf values"},
    {"few weights", PART(trees), OBLIVIOUS("[1,2,3,4]", "[1]", TWO_SPLITS), MW_BAD_DATA,
     "oblivious_trees[0]", "1 leaf values"},
    {"seventeen levels", PART(trees),
     OBLIVIOUS("[1]", "[]", "[" EIGHT_SPLITS "," EIGHT_SPLITS "," SPLIT("0", "1") "]"), MW_BAD_DATA,
     "oblivious_trees[0].splits", "more than 16"},
    {"feature outside", PART(trees), OBLIVIOUS("[1,2]", "[]", "[" SPLIT("2", "0") "]"), MW_BAD_DATA,
     "m.json", "float feature 2"},
    {"feature negative", PART(trees), OBLIVIOUS("[1,2]", "[]", "[" SPLIT("-1", "0") "]"),
     MW_BAD_DATA, "oblivious_trees[0]", "float feature -1"},
    {"split empty", PART(trees), OBLIVIOUS("[1,2]", "[]", "[{}]"), MW_BAD_DATA,
     "oblivious_trees[0].splits", "no border"},
    {"node empty", PART(trees), "\"trees\":[{}]", MW_BAD_DATA, "trees[0]", "neither"},
    {"node both", PART(trees),
     "\"trees\":[{\"value\":1,\"left\":{\"value\":1},\"right\":{\"value\":1},\"split\":" SPLIT(
         "0", "0") "}]",
     MW_BAD_DATA, "trees[0]", "neither"},
    {"vectors differ", PART(trees), "\"trees\":[{\"value\":[1,2]},{\"value\":[1,2,3]}]",
     MW_BAD_DATA, "trees[1].value", "3 leaf values"},
    {"biases", PART(scale), "[1,[0,0]]", MW_BAD_DATA, "scale_and_bias", "2 biases"},
    {"classes", PART(classes), "[1,2,3]", MW_BAD_DATA, "class_names", "3 names"},
    {"column", PART(features),
     "{\"float_features\":[{\"flat_feature_index\":-2},{\"flat_feature_index\":1}]}", MW_BAD_DATA,
     "float_features[0]", "-2"},
};

static void test_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(wrong); i++) {
        sample s = plain();
        mw_forest *forest;
        mw_error err;
        memcpy((char *)&s + wrong[i].part, &wrong[i].text, sizeof wrong[i].text);
        mw_status status = read_sample(&s, &forest, &err);
        if (status != wrong[i].status || !strstr(err.where, wrong[i].where) ||
            !strstr(err.what, wrong[i].what) || !err.mend[0])
            fail_msg("%s: status %d, at '%s': %s; mend: %s", wrong[i].name, (int)status, err.where,
                     err.what, err.mend);
    }
}

/* Nested beyond the limit of JSON: an error, not a stack without end. */
static void test_depth(void **state)
{
    (void)state;
    static const char head[] = "{\"features_info\":{},\"trees\":[", left[] = "{\"left\":";
    char text[4096];
    size_t size = sizeof head - 1;
    memcpy(text, head, size);
    for (int i = 0; i < 200; i++, size += sizeof left - 1)
        memcpy(text + size, left, sizeof left - 1);
    mw_forest *forest;
    mw_error err;
    assert_int_equal(mw_forest_read((mw_view){text, size}, "m.json", &forest, &err), MW_BAD_DATA);
}

static void test_cut_short(void **state)
{
    (void)state;
    static const char whole[] = "{\"features_info\":" FEATURES "," OBLIVIOUS(
        "[1,2,3,4]", "[1,2,3,4]", TWO_SPLITS) ",\"model_info\":{\"params\":{\"loss_function\":{"
                                              "\"type\":\"RMSE\"}}},\"scale_and_bias\":[1,[0]]}";
    for (size_t size = 20; size < sizeof whole - 1; size++) {
        char *text = malloc(size);
        memcpy(text, whole, size);
        mw_forest *forest;
        mw_error err;
        assert_int_equal(mw_forest_read((mw_view){text, size}, "m.json", &forest, &err),
                         MW_BAD_DATA);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oblivious), cmocka_unit_test(test_nested),
        cmocka_unit_test(test_small),     cmocka_unit_test(test_one_hot),
        cmocka_unit_test(test_wrong),     cmocka_unit_test(test_depth),
        cmocka_unit_test(test_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
