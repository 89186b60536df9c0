/* LightGBM's JSON: what dump_model() returns, and every way to be wrong. */
#include "sample.h"

#include <math.h>

/* A dump of named parts, so that a test can put one wrong part into a right model. The same trees
 * as sample_lgb_plain of sample.h. */
typedef struct sample {
    const char *head, *counts, *names, *infos, *root, *inner, *leaf0, *leaf1, *leaf2;
    const char *n_leaves, *second, *tail;
} sample;

static sample plain(void)
{
    return (sample){
        .head = "\"name\":\"tree\",\"version\":\"v4\",\"num_class\":1,\"label_index\":0,"
                "\"objective\":\"binary sigmoid:1\",\"average_output\":false,",
        .counts = "\"num_tree_per_iteration\":1,\"max_feature_idx\":1,",
        .names = "\"feature_names\":[\"age\",\"k\\u00efnd\"],\"monotone_constraints\":[],",
        .infos = "\"feature_infos\":{\"age\":{\"min_value\":18,\"max_value\":90,\"values\":[]},"
                 "\"k\\u00efnd\":{\"min_value\":0,\"max_value\":33,\"values\":[0,1,33]}},",
        .root = "\"split_index\":0,\"split_feature\":0,\"split_gain\":1.5,\"threshold\":0.5,"
                "\"decision_type\":\"<=\",\"default_left\":true,\"missing_type\":\"NaN\","
                "\"internal_value\":0,\"internal_weight\":1,\"internal_count\":10",
        .inner = "\"split_index\":1,\"split_feature\":1,\"threshold\":\"1||33\","
                 "\"decision_type\":\"==\",\"default_left\":false,\"missing_type\":\"None\","
                 "\"internal_count\":6",
        .leaf0 = "\"leaf_index\":0,\"leaf_value\":0.25,\"leaf_weight\":1,\"leaf_count\":4",
        .leaf1 = "\"leaf_index\":1,\"leaf_value\":-0.5,\"leaf_weight\":1,\"leaf_count\":2",
        .leaf2 = "\"leaf_index\":2,\"leaf_value\":2.0000000000000004,\"leaf_count\":4",
        .n_leaves = "3",
        .second = ",{\"tree_index\":1,\"num_leaves\":1,\"tree_structure\":{\"leaf_value\":0.125}}",
        .tail = ",\"feature_importances\":{\"age\":1},\"pandas_categorical\":[[\"a\",\"b\"]]",
    };
}

static void write_sample(const sample *s, mw_buf *out)
{
    mw_buf_init(out, MW_MIB);
    mw_buf_format(out, "{%s%s%s%s\"tree_info\":[{\"tree_index\":0,\"num_leaves\":%s,", s->head,
                  s->counts, s->names, s->infos, s->n_leaves);
    mw_buf_format(out, "\"tree_structure\":{%s,\"left_child\":{%s},\"right_child\":{%s,", s->root,
                  s->leaf0, s->inner);
    mw_buf_format(out, "\"left_child\":{%s},\"right_child\":{%s}}}}%s]%s}", s->leaf1, s->leaf2,
                  s->second, s->tail);
    assert_false(out->failed);
}

static mw_forest *must_read(const sample *s)
{
    mw_buf text;
    write_sample(s, &text);
    mw_forest *forest = sample_read(mw_buf_as_view(&text));
    mw_buf_done(&text);
    return forest;
}

/* Node for node what the text form of the same model becomes. */
static void test_equals_text(void **state)
{
    (void)state;
    sample s = plain();
    sample_lgb t = sample_lgb_plain();
    mw_buf text;
    sample_lgb_write(&t, &text);
    mw_forest *json = must_read(&s), *wanted = sample_read(mw_buf_as_view(&text));
    size_t n = wanted->n_nodes;
    assert_int_equal(json->format, MW_FORMAT_LIGHTGBM_JSON);
    assert_string_equal(mw_format_name(json->format), "lightgbm json");
    assert_int_equal(json->n_nodes, n);
    assert_int_equal(json->n_trees, 2);
    assert_memory_equal(json->left, wanted->left, n * sizeof *json->left);
    assert_memory_equal(json->right, wanted->right, n * sizeof *json->right);
    assert_memory_equal(json->feature, wanted->feature, n * sizeof *json->feature);
    assert_memory_equal(json->threshold, wanted->threshold, n * sizeof *json->threshold);
    assert_memory_equal(json->flags, wanted->flags, n);
    assert_memory_equal(json->value, wanted->value, n * sizeof *json->value);
    assert_memory_equal(json->cover, wanted->cover, n * sizeof *json->cover);
    assert_memory_equal(json->set, wanted->set, n * sizeof *json->set);
    assert_memory_equal(json->category_words, wanted->category_words, 2 * sizeof(uint32_t));
    assert_int_equal(json->transform, wanted->transform);
    assert_int_equal(json->input, wanted->input);
    assert_int_equal(mw_schema_find(&json->schema, MW_VIEW("k\xc3\xafnd")), 1);
    assert_int_equal(json->schema.columns[0].type, MW_COLUMN_FLOAT64);
    assert_int_equal(json->schema.columns[1].type, MW_COLUMN_CATEGORY);
    assert_int_equal(mw_schema_category(&json->schema.columns[1], MW_VIEW("b")), 1);
    mw_forest_free(json);
    mw_forest_free(wanted);
    mw_buf_done(&text);
}

static void test_variants(void **state)
{
    (void)state;
    sample s = plain();
    s.head = "\"version\":\"v3\",\"average_output\":true,";
    s.infos = "";
    s.tail = "";
    s.inner = "\"split_index\":1,\"split_feature\":1,\"threshold\":3,\"decision_type\":\"==\"";
    s.root = "\"split_index\":0,\"split_feature\":0,\"threshold\":1,\"decision_type\":\"<=\"";
    s.leaf0 = "\"leaf_index\":0,\"leaf_value\":Infinity";
    s.leaf1 = "\"leaf_index\":1,\"leaf_value\":1";
    s.leaf2 = "\"leaf_index\":2,\"leaf_value\":1";
    mw_forest *forest = must_read(&s);
    assert_string_equal(forest->objective, "custom");
    assert_true(forest->divide_by == 2);
    assert_int_equal(forest->category_words[0], 8);
    assert_null(forest->cover);
    assert_int_equal(forest->schema.columns[1].type, MW_COLUMN_FLOAT64);
    mw_forest_free(forest);
    s = plain(); /* far categories are in no set, and none is an empty set */
    s.inner = "\"split_index\":1,\"split_feature\":1,\"threshold\":\"99999999999\","
              "\"decision_type\":\"==\",\"internal_count\":6";
    forest = must_read(&s);
    assert_int_equal(forest->category_sets[0].end, 0);
    mw_forest_free(forest);
    s = plain(); /* LightGBM's JSON has this for infinity */
    s.root = "\"split_index\":0,\"split_feature\":0,\"threshold\":1e+300,\"decision_type\":\"<=\","
             "\"internal_count\":10";
    forest = must_read(&s);
    assert_true(isinf(forest->threshold[0]));
    mw_forest_free(forest);
}

/* Leaf-wise trees are chains far beyond what other JSON may be nested. */
static void write_chain(mw_buf *out, size_t depth)
{
    mw_buf_init(out, 64 * MW_MIB);
    mw_buf_text(out, "{\"version\":\"v4\",\"num_tree_per_iteration\":1,\"max_feature_idx\":0,"
                     "\"feature_names\":[\"x\"],\"tree_info\":[{\"tree_structure\":");
    for (size_t i = 0; i < depth; i++)
        mw_buf_format(out,
                      "{\"split_index\":%zu,\"split_feature\":0,\"threshold\":%zu,"
                      "\"decision_type\":\"<=\",\"right_child\":{\"leaf_index\":%zu,"
                      "\"leaf_value\":1},\"left_child\":",
                      i, depth - i, i);
    mw_buf_format(out, "{\"leaf_index\":%zu,\"leaf_value\":2}", depth);
    for (size_t i = 0; i < depth; i++)
        mw_buf_char(out, '}');
    mw_buf_text(out, "}]}");
    assert_false(out->failed);
}

static void test_chains(void **state)
{
    (void)state;
    mw_buf text;
    write_chain(&text, MW_LIMIT_TREE_DEPTH);
    mw_forest *forest = sample_read(mw_buf_as_view(&text));
    assert_int_equal(forest->max_depth, MW_LIMIT_TREE_DEPTH);
    mw_forest_free(forest);
    mw_buf_done(&text);
    write_chain(&text, MW_LIMIT_TREE_DEPTH + 1);
    sample_refuse("deeper", mw_buf_as_view(&text), MW_BAD_DATA, "", "deeper than");
    mw_buf_done(&text);
    write_chain(&text, MW_LIMIT_TREE_DEPTH + 100);
    sample_refuse("too deep for the scanner", mw_buf_as_view(&text), MW_BAD_DATA, "",
                  "deeper than");
    mw_buf_done(&text);
}

static void test_linear(void **state)
{
    (void)state;
    sample s = plain();
    s.leaf0 = "\"leaf_index\":0,\"leaf_value\":1,\"leaf_const\":2,\"leaf_features\":[1,0],"
              "\"leaf_coeff\":[0.5,-3]";
    s.leaf1 = "\"leaf_index\":1,\"leaf_value\":1,\"leaf_const\":3,\"leaf_features\":[],"
              "\"leaf_coeff\":[]";
    s.leaf2 = "\"leaf_index\":2,\"leaf_value\":1,\"leaf_const\":4,\"leaf_features\":[0],"
              "\"leaf_coeff\":[7]";
    mw_forest *forest = must_read(&s);
    mw_linear_leaf leaf = forest->linear_leaves[forest->leaf_linear[2]];
    assert_true(leaf.constant == 2 && leaf.end - leaf.begin == 2);
    assert_int_equal(forest->linear_features[leaf.begin], 1);
    assert_true(forest->linear_coefficients[leaf.begin + 1] == -3);
    mw_forest_free(forest);
}

#define PART(name) offsetof(sample, name)
#define SPLIT(more) "\"split_index\":1,\"split_feature\":1" more

static const struct {
    const char *name;
    size_t part;
    const char *text;
    mw_status status;
    const char *where, *what;
} wrong[] = {
    {"version", PART(head), "\"version\":\"v9\",\"average_output\":false,", MW_UNSUPPORTED,
     "version", "'v9'"},
    {"no version", PART(head), "\"average_output\":false,", MW_BAD_DATA, "sample", "no 'version'"},
    {"no counts", PART(counts), "", MW_BAD_DATA, "sample", "no 'num_tree_per_iteration'"},
    {"no names", PART(names), "", MW_BAD_DATA, "sample", "no 'feature_names'"},
    {"few names", PART(names), "\"feature_names\":[\"a\"],", MW_BAD_DATA, "feature_names",
     "1 names"},
    {"per iteration", PART(counts), "\"num_tree_per_iteration\":0,\"max_feature_idx\":1,",
     MW_BAD_DATA, "num_tree_per_iteration", "0 is outside"},
    {"trees", PART(counts), "\"num_tree_per_iteration\":3,\"max_feature_idx\":1,", MW_BAD_DATA,
     "sample", "2 trees are not a multiple"},
    {"twice", PART(counts),
     "\"num_tree_per_iteration\":1,\"max_feature_idx\":1,\"max_feature_idx\":1,", MW_BAD_DATA, "",
     "twice"},
    {"objective", PART(head),
     "\"version\":\"v4\",\"objective\":\"strange\",\"average_output\":false,", MW_UNSUPPORTED,
     "objective", "'strange'"},
    {"leaves", PART(n_leaves), "4", MW_BAD_DATA, "tree_info[0].num_leaves", "4 leaves"},
    {"no structure", PART(second), ",{}", MW_BAD_DATA, "tree_info[1]", "no tree_structure"},
    {"split index", PART(inner),
     "\"split_index\":2,\"split_feature\":1,\"threshold\":1,\"decision_type\":\"<=\"", MW_BAD_DATA,
     "tree_info[0].tree_structure.split_index", "2 is outside"},
    {"split index twice", PART(inner),
     "\"split_index\":0,\"split_feature\":1,\"threshold\":1,\"decision_type\":\"<=\"", MW_BAD_DATA,
     "tree_structure.split_index", "0 stands twice"},
    {"leaf index", PART(leaf1), "\"leaf_index\":-1,\"leaf_value\":1", MW_BAD_DATA,
     "tree_structure.leaf_index", "-1 is outside"},
    {"leaf index twice", PART(leaf1), "\"leaf_index\":2,\"leaf_value\":1", MW_BAD_DATA,
     "tree_structure.leaf_index", "2 stands twice"},
    {"no leaf index", PART(leaf1), "\"leaf_value\":1", MW_BAD_DATA, "tree_structure",
     "a leaf has no index"},
    {"no threshold", PART(inner), SPLIT(",\"decision_type\":\"<=\""), MW_BAD_DATA,
     "tree_info[0].tree_structure", "neither"},
    {"leaf and split", PART(inner),
     SPLIT(",\"threshold\":1,\"decision_type\":\"<=\",\"leaf_value\":1"), MW_BAD_DATA,
     "tree_info[0].tree_structure", "neither"},
    {"empty leaf", PART(leaf0), "", MW_BAD_DATA, "tree_info[0].tree_structure", "neither"},
    {"comparison", PART(inner), SPLIT(",\"threshold\":1,\"decision_type\":\"<\""), MW_BAD_DATA,
     "decision_type", "'<' is not known"},
    {"missing type", PART(root),
     "\"split_index\":0,\"split_feature\":0,\"threshold\":1,\"decision_type\":\"<=\","
     "\"missing_type\":\"Some\"",
     MW_BAD_DATA, "missing_type", "'Some'"},
    {"categories", PART(inner), SPLIT(",\"threshold\":\"1||x\",\"decision_type\":\"==\""),
     MW_BAD_DATA, "threshold", "no list of categories"},
    {"negative category", PART(inner), SPLIT(",\"threshold\":\"-1\",\"decision_type\":\"==\""),
     MW_BAD_DATA, "threshold", "no list of categories"},
    {"text threshold", PART(inner), SPLIT(",\"threshold\":\"1\",\"decision_type\":\"<=\""),
     MW_BAD_DATA, "threshold", "no list of categories"},
    {"feature", PART(root),
     "\"split_index\":0,\"split_feature\":2,\"threshold\":1,\"decision_type\":\"<=\","
     "\"internal_count\":10",
     MW_BAD_DATA, "tree_info[0].split_feature[0]", "2 is outside"},
    {"leaf that is NaN", PART(leaf0), "\"leaf_index\":0,\"leaf_value\":NaN,\"leaf_count\":4",
     MW_BAD_DATA, "tree_info[0].leaf_value[2]", "not a number"},
    {"counts in part", PART(leaf0), "\"leaf_index\":0,\"leaf_value\":1", MW_BAD_DATA, "leaf_count",
     "2 entries"},
    {"linear counts", PART(leaf0),
     "\"leaf_index\":0,\"leaf_value\":1,\"leaf_const\":1,\"leaf_features\":[1],\"leaf_coeff\":[]",
     MW_BAD_DATA, "leaf_coeff", "0 coefficients"},
    {"linear in part", PART(leaf0),
     "\"leaf_index\":0,\"leaf_value\":1,\"leaf_const\":1,\"leaf_features\":[],\"leaf_coeff\":[],"
     "\"leaf_count\":4",
     MW_BAD_DATA, "leaf_const", "1 entries"},
    {"pandas", PART(tail), ",\"pandas_categorical\":[3]", MW_BAD_DATA, "pandas_categorical: byte 1",
     "expected an array"},
};

static void test_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(wrong); i++) {
        sample s = plain();
        mw_buf text;
        memcpy((char *)&s + wrong[i].part, &wrong[i].text, sizeof wrong[i].text);
        write_sample(&s, &text);
        sample_refuse(wrong[i].name, mw_buf_as_view(&text), wrong[i].status, wrong[i].where,
                      wrong[i].what);
        mw_buf_done(&text);
    }
}

static void test_cut_short(void **state)
{
    (void)state;
    sample s = plain();
    mw_buf text;
    write_sample(&s, &text);
    sample_cut_everywhere(mw_buf_as_view(&text), text.size);
    mw_buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_text), cmocka_unit_test(test_variants),
        cmocka_unit_test(test_chains),      cmocka_unit_test(test_linear),
        cmocka_unit_test(test_wrong),       cmocka_unit_test(test_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
