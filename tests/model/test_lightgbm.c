/* LightGBM text models: every kind of line, and every way to be wrong. */
#include "sample.h"

static mw_forest *read_sample(const sample_lgb *s)
{
    mw_buf text;
    sample_lgb_write(s, &text);
    mw_forest *forest = sample_read(mw_buf_as_view(&text));
    mw_buf_done(&text);
    return forest;
}

static void check_plain(const mw_forest *forest)
{
    static const uint32_t left[] = {2, 3, MW_NO_CHILD, MW_NO_CHILD, MW_NO_CHILD, MW_NO_CHILD};
    static const uint32_t right[] = {1, 4, MW_NO_CHILD, MW_NO_CHILD, MW_NO_CHILD, MW_NO_CHILD};
    static const double value[] = {0, 0, 0.25, -0.5, 2.0000000000000004, 0.125};
    static const double cover[] = {10, 6, 4, 2, 4, 0};
    assert_int_equal(forest->n_trees, 2);
    assert_int_equal(forest->n_nodes, 6);
    assert_int_equal(forest->n_leaves, 4);
    assert_int_equal(forest->max_depth, 2);
    assert_memory_equal(forest->left, left, sizeof left);
    assert_memory_equal(forest->right, right, sizeof right);
    assert_memory_equal(forest->value, value, sizeof value);
    assert_memory_equal(forest->cover, cover, sizeof cover);
    assert_int_equal(forest->flags[0],
                     MW_NODE_LESS_EQUAL | MW_NODE_MISSING_NAN | MW_NODE_DEFAULT_LEFT);
    assert_int_equal(forest->flags[1],
                     MW_NODE_CATEGORICAL | MW_NODE_SET_LEFT | MW_NODE_MISSING_NONE);
    mw_category_set set = forest->category_sets[forest->set[1]];
    assert_int_equal(set.end - set.begin, 2);
    assert_int_equal(forest->category_words[set.begin], 2);
    assert_int_equal(forest->category_words[set.begin + 1], 2);
}

static void test_plain(void **state)
{
    (void)state;
    sample_lgb s = sample_lgb_plain();
    mw_forest *forest = read_sample(&s);
    check_plain(forest);
    assert_int_equal(forest->format, MW_FORMAT_LIGHTGBM_TEXT);
    assert_string_equal(forest->objective, "binary");
    assert_int_equal(forest->transform, MW_TRANSFORM_SIGMOID);
    assert_true(forest->scale == 1.0 && forest->divide_by == 1.0);
    assert_int_equal(forest->n_classes, 2);
    assert_int_equal(forest->n_iterations, 2);
    assert_false(forest->sum_float32);
    assert_true(forest->base_margin[0] == 0.0);
    assert_true(forest->schema.named);
    assert_int_equal(forest->schema.columns[0].type, MW_COLUMN_FLOAT64);
    assert_int_equal(forest->schema.columns[1].type, MW_COLUMN_CATEGORY);
    assert_null(forest->leaf_linear);
    mw_forest_free(forest);
}

static void test_windows_line_ends(void **state)
{
    (void)state;
    sample_lgb s = sample_lgb_plain();
    mw_buf text, windows;
    sample_lgb_write(&s, &text);
    mw_buf_init(&windows, MW_MIB);
    mw_buf_text(&windows, "\xef\xbb\xbf"); /* editors put a mark in front, too */
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\n')
            mw_buf_char(&windows, '\r');
        mw_buf_char(&windows, text.data[i]);
    }
    mw_forest *forest = sample_read(mw_buf_as_view(&windows));
    check_plain(forest);
    mw_forest_free(forest);
    mw_buf_done(&windows);
    mw_buf_done(&text);
}

static void test_cut_everywhere(void **state)
{
    (void)state;
    sample_lgb s = sample_lgb_plain();
    mw_buf text;
    sample_lgb_write(&s, &text);
    const char *end = strstr(text.data, "end of trees");
    sample_cut_everywhere(mw_buf_as_view(&text), (size_t)(end - text.data) + 12);
    mw_buf_done(&text);
}

static const struct objective_case {
    const char *line, *name;
    mw_transform transform;
    double scale;
    size_t n_trees_an_iteration, n_classes;
} objective_cases[] = {
    {"objective=regression\n", "regression", MW_TRANSFORM_IDENTITY, 1, 1, 0},
    {"objective=regression sqrt\n", "regression", MW_TRANSFORM_SIGNED_SQUARE, 1, 1, 0},
    {"objective=regression_l1\n", "regression_l1", MW_TRANSFORM_IDENTITY, 1, 1, 0},
    {"objective=huber\n", "huber", MW_TRANSFORM_IDENTITY, 1, 1, 0},
    {"objective=fair\n", "fair", MW_TRANSFORM_IDENTITY, 1, 1, 0},
    {"objective=quantile\n", "quantile", MW_TRANSFORM_IDENTITY, 1, 1, 0},
    {"objective=mape\n", "mape", MW_TRANSFORM_IDENTITY, 1, 1, 0},
    {"objective=poisson\n", "poisson", MW_TRANSFORM_EXP, 1, 1, 0},
    {"objective=gamma\n", "gamma", MW_TRANSFORM_EXP, 1, 1, 0},
    {"objective=tweedie\n", "tweedie", MW_TRANSFORM_EXP, 1, 1, 0},
    {"objective=binary sigmoid:0.7\n", "binary", MW_TRANSFORM_SIGMOID, 0.7, 1, 2},
    {"objective=multiclass num_class:2\n", "multiclass", MW_TRANSFORM_SOFTMAX, 1, 2, 2},
    {"objective=multiclassova num_class:2 sigmoid:1.5\n", "multiclassova", MW_TRANSFORM_SIGMOID,
     1.5, 2, 2},
    {"objective=cross_entropy\n", "cross_entropy", MW_TRANSFORM_SIGMOID, 1, 1, 0},
    {"objective=cross_entropy_lambda\n", "cross_entropy_lambda", MW_TRANSFORM_LOG1P_EXP, 1, 1, 0},
    {"objective=lambdarank\n", "lambdarank", MW_TRANSFORM_IDENTITY, 1, 1, 0},
    {"objective=rank_xendcg\n", "rank_xendcg", MW_TRANSFORM_IDENTITY, 1, 1, 0},
    {"objective=custom\n", "custom", MW_TRANSFORM_IDENTITY, 1, 2, 0},
    {"", "custom", MW_TRANSFORM_IDENTITY, 1, 2, 0},
};

static void test_objectives(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(objective_cases); i++) {
        const struct objective_case *c = &objective_cases[i];
        sample_lgb s = sample_lgb_plain();
        s.objective = c->line;
        if (c->n_trees_an_iteration == 2)
            s.per_iteration = "num_tree_per_iteration=2\n";
        mw_forest *forest = read_sample(&s);
        if (strcmp(forest->objective, c->name) != 0 || forest->transform != c->transform ||
            forest->scale != c->scale || forest->n_classes != c->n_classes ||
            forest->n_margins != c->n_trees_an_iteration ||
            forest->n_predictions != c->n_trees_an_iteration ||
            forest->tree_output[1] != c->n_trees_an_iteration - 1)
            fail_msg("%stransform %d, scale %g, %zu classes", c->line, (int)forest->transform,
                     forest->scale, forest->n_classes);
        mw_forest_free(forest);
    }
}

static void test_average_output(void **state)
{
    (void)state;
    sample_lgb s = sample_lgb_plain();
    s.more_head = "average_output\n";
    mw_forest *forest = read_sample(&s);
    assert_true(forest->divide_by == 2.0);
    mw_forest_free(forest);
}

static void test_missing_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int flags;
    } cases[] = {
        {"decision_type=0 1\n", MW_NODE_MISSING_NONE},
        {"decision_type=2 1\n", MW_NODE_MISSING_NONE | MW_NODE_DEFAULT_LEFT},
        {"decision_type=4 1\n", MW_NODE_MISSING_ZERO},
        {"decision_type=6 1\n", MW_NODE_MISSING_ZERO | MW_NODE_DEFAULT_LEFT},
        {"decision_type=8 1\n", MW_NODE_MISSING_NAN},
        {"decision_type=10 1\n", MW_NODE_MISSING_NAN | MW_NODE_DEFAULT_LEFT},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        sample_lgb s = sample_lgb_plain();
        s.decision = cases[i].line;
        mw_forest *forest = read_sample(&s);
        assert_int_equal(forest->flags[0], cases[i].flags | MW_NODE_LESS_EQUAL);
        mw_forest_free(forest);
    }
}

/* A categorical split sends NaN right, even when the default-left bit is set. */
static void test_categorical_ignores_default(void **state)
{
    (void)state;
    sample_lgb s = sample_lgb_plain();
    s.decision = "decision_type=10 11\n";
    mw_forest *forest = read_sample(&s);
    assert_false(forest->flags[1] & MW_NODE_DEFAULT_LEFT);
    mw_forest_free(forest);
}

static void test_infinite_threshold(void **state)
{
    (void)state;
    sample_lgb s = sample_lgb_plain();
    s.threshold = "threshold=inf 0\n";
    mw_forest *forest = read_sample(&s);
    assert_true(forest->threshold[0] > 1e308);
    mw_forest_free(forest);
}

static void test_linear_leaves(void **state)
{
    (void)state;
    /* tree 0 is plain, tree 1 linear: the plain leaves get entries without terms */
    sample_lgb s = sample_lgb_plain();
    s.second_tree = "Tree=1\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nthreshold=1\n"
                    "decision_type=2\nleft_child=-1\nright_child=-2\nleaf_value=1 2\nis_linear=1\n"
                    "leaf_const=0.5 -3\nnum_features=2 0\nleaf_features=1 0  \n"
                    "leaf_coeff=0.25 4  \nshrinkage=1\n\n\n";
    mw_forest *forest = read_sample(&s);
    const mw_linear_leaf *leaf = &forest->linear_leaves[forest->leaf_linear[6]];
    assert_true(leaf->constant == 0.5);
    assert_int_equal(leaf->end - leaf->begin, 2);
    assert_int_equal(forest->linear_features[leaf->begin], 1);
    assert_true(forest->linear_coefficients[leaf->begin + 1] == 4.0);
    leaf = &forest->linear_leaves[forest->leaf_linear[7]];
    assert_true(leaf->constant == -3.0 && leaf->begin == leaf->end);
    leaf = &forest->linear_leaves[forest->leaf_linear[4]];
    assert_true(leaf->constant == 2.0000000000000004 && leaf->begin == leaf->end);
    mw_forest_free(forest);
}

static void test_made_up_names(void **state)
{
    (void)state;
    sample_lgb s = sample_lgb_plain();
    s.names = "feature_names=Column_0 Column_1\n";
    mw_forest *forest = read_sample(&s);
    assert_false(forest->schema.named);
    mw_forest_free(forest);
    s.names = "feature_names=Column_0 Gr\xc3\xb6\xc3\x9f"
              "e\n";
    forest = read_sample(&s);
    assert_true(forest->schema.named);
    assert_int_equal(mw_schema_find(&forest->schema, MW_VIEW("Gr\xc3\xb6\xc3\x9f"
                                                             "e")),
                     1);
    mw_forest_free(forest);
}

static const struct pandas_case {
    const char *line;
    const char *texts[3];
    size_t count;
    bool numbers;
} pandas_cases[] = {
    {"pandas_categorical:null\n", {0}, 0, false},
    {"pandas_categorical:[]\n", {0}, 0, false},
    {"pandas_categorical:[[\"a\", \"b\\u00e9\", \"\"]]\n", {"a", "b\xc3\xa9", ""}, 3, false},
    {"pandas_categorical:[[5, -7, 1.5]]\n", {"5", "-7", "1.5"}, 3, true},
    {"pandas_categorical:[[false, true]]\r\n", {"False", "True"}, 2, false},
};

static void test_pandas_categories(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(pandas_cases); i++) {
        const struct pandas_case *c = &pandas_cases[i];
        sample_lgb s = sample_lgb_plain();
        s.tail = c->line;
        mw_forest *forest = read_sample(&s);
        const mw_column *column = &forest->schema.columns[1];
        assert_int_equal(column->type, MW_COLUMN_CATEGORY);
        assert_int_equal(column->n_categories, c->count);
        for (size_t k = 0; k < c->count; k++)
            assert_true(mw_view_is(column->categories[k], c->texts[k]));
        assert_int_equal(column->categories_are_numbers, c->numbers);
        assert_int_equal(column->unknown_is_missing, c->count > 0);
        assert_string_equal(mw_forest_cannot(forest), "");
        mw_forest_free(forest);
    }
}

/* The parameters know of a category that training saw only once ("none"); and where counts still
 * differ, nothing is guessed. */
static void test_pandas_columns(void **state)
{
    (void)state;
    sample_lgb s = sample_lgb_plain();
    s.infos = "feature_infos=none 0:1:33\n";
    s.tail = "[categorical_feature: 0,1]\npandas_categorical:[[\"x\"], [\"a\", \"b\"]]\n";
    mw_forest *forest = read_sample(&s);
    assert_int_equal(forest->schema.columns[0].n_categories, 1);
    assert_int_equal(forest->schema.columns[1].n_categories, 2);
    mw_forest_free(forest);
    s.tail = "pandas_categorical:[[\"x\"], [\"a\", \"b\"]]\n";
    forest = read_sample(&s);
    assert_int_equal(forest->schema.columns[1].n_categories, 0);
    assert_non_null(strstr(mw_forest_cannot(forest), "codes"));
    mw_forest_free(forest);
}

/* ---- wrong in one part --------------------------------------------------------------------------
 */

static const struct wrong_case {
    const char *name;
    size_t part;
    const char *text;
    mw_status status;
    const char *where, *what;
} wrong_cases[] = {
#define PART(field) offsetof(sample_lgb, field)
    {"version", PART(version), "version=v9\n", MW_UNSUPPORTED, "version", "'v9'"},
    {"no version", PART(version), "", MW_BAD_DATA, "sample", "no line 'version'"},
    {"version twice", PART(version), "version=v4\nversion=v4\n", MW_BAD_DATA, "version", "twice"},
    {"no names", PART(names), "", MW_BAD_DATA, "sample", "'feature_names'"},
    {"names short", PART(names), "feature_names=age\n", MW_BAD_DATA, "feature_names", "1 names"},
    {"names long", PART(names), "feature_names=a b c\n", MW_BAD_DATA, "feature_names", "3 names"},
    {"names not UTF-8", PART(names), "feature_names=age \xff\n", MW_BAD_DATA, "feature_names",
     "UTF-8"},
    {"infos", PART(infos), "feature_infos=none\n", MW_BAD_DATA, "feature_infos", "1 entries"},
    {"features", PART(max_feature), "max_feature_idx=-1\n", MW_BAD_DATA, "max_feature_idx", "-1"},
    {"bomb of features", PART(max_feature), "max_feature_idx=4000000\n", MW_BAD_DATA, "sample",
     "over the limit"},
    {"features not a number", PART(max_feature), "max_feature_idx=x\n", MW_BAD_DATA,
     "max_feature_idx", "not an integer"},
    {"trees an iteration", PART(per_iteration), "num_tree_per_iteration=0\n", MW_BAD_DATA,
     "num_tree_per_iteration", "0 is outside"},
    {"odd trees", PART(per_iteration), "num_tree_per_iteration=3\n", MW_BAD_DATA, "sample",
     "2 trees are not a multiple of 3"},
    {"tree_sizes", PART(more_head), "tree_sizes=1 2 3\n", MW_BAD_DATA, "sample", "3 entries"},
    {"objective", PART(objective), "objective=secret a:1\n", MW_UNSUPPORTED, "objective",
     "'secret'"},
    {"sigmoid", PART(objective), "objective=binary sigmoid:x\n", MW_BAD_DATA, "objective",
     "sigmoid:x"},
    {"sigmoid zero", PART(objective), "objective=binary sigmoid:0\n", MW_BAD_DATA, "objective",
     "sigmoid:0"},
    {"leaves", PART(n_leaves), "num_leaves=4\n", MW_BAD_DATA, "Tree=0: num_leaves", "4 leaves"},
    {"no leaves", PART(n_leaves), "num_leaves=0\n", MW_BAD_DATA, "Tree=0: num_leaves", "0 leaves"},
    {"leaves missing", PART(n_leaves), "", MW_BAD_DATA, "Tree=0: num_leaves", "-1 leaves"},
    {"bomb of leaves", PART(n_leaves), "num_leaves=999999999999\n", MW_BAD_DATA,
     "Tree=0: num_leaves", "999999999999 leaves"},
    {"fewer leaves", PART(n_leaves), "num_leaves=2\n", MW_BAD_DATA, "Tree=0: leaf_value",
     "3 entries"},
    {"features short", PART(feature), "split_feature=0\n", MW_BAD_DATA, "Tree=0: split_feature",
     "1 entries, but the tree needs 2"},
    {"thresholds missing", PART(threshold), "", MW_BAD_DATA, "Tree=0: threshold", "0 entries"},
    {"decisions long", PART(decision), "decision_type=2 1 2\n", MW_BAD_DATA,
     "Tree=0: decision_type", "3 entries"},
    {"children short", PART(left), "left_child=-1\n", MW_BAD_DATA, "Tree=0: left_child", "1 "},
    {"line twice", PART(left), "left_child=-1 -2\nleft_child=-1 -2\n", MW_BAD_DATA,
     "Tree=0: left_child", "twice"},
    {"child outside", PART(right), "right_child=2 -3\n", MW_BAD_DATA, "Tree=0: right_child[0]",
     "outside 0..4"},
    {"leaf outside", PART(right), "right_child=1 -4\n", MW_BAD_DATA, "Tree=0: right_child[1]",
     "outside 0..4"},
    {"leaf far outside", PART(right), "right_child=1 -999999999999999999\n", MW_BAD_DATA,
     "Tree=0: right_child[1]", "outside 0..4"},
    {"leaf beyond integers", PART(right), "right_child=1 -9999999999999999999\n", MW_BAD_DATA,
     "Tree=0: right_child", "'-9999999999999999999'"},
    {"cycle", PART(right), "right_child=0 -3\n", MW_BAD_DATA, "Tree=0: right_child[0]",
     "node 0 is reached twice"},
    {"leaf twice", PART(right), "right_child=1 -2\n", MW_BAD_DATA, "Tree=0: left_child[1]",
     "reached twice"},
    {"feature outside", PART(feature), "split_feature=2 1\n", MW_BAD_DATA,
     "Tree=0: split_feature[0]", "feature 2"},
    {"feature negative", PART(feature), "split_feature=-1 1\n", MW_BAD_DATA,
     "Tree=0: split_feature[0]", "outside 0..1"},
    {"threshold NaN", PART(threshold), "threshold=nan 0\n", MW_BAD_DATA, "Tree=0: threshold[0]",
     "not a number"},
    {"threshold text", PART(threshold), "threshold=0.5x 0\n", MW_BAD_DATA, "Tree=0: threshold",
     "'0.5x'"},
    {"leaf NaN", PART(value), "leaf_value=nan 1 2\n", MW_BAD_DATA, "Tree=0: leaf_value[2]",
     "not a number"},
    {"integer text", PART(feature), "split_feature=0 1.5\n", MW_BAD_DATA, "Tree=0: split_feature",
     "'1.5'"},
    {"set outside", PART(threshold), "threshold=0.5 1\n", MW_BAD_DATA, "Tree=0: threshold",
     "set 1 is outside 0..0"},
    {"set NaN", PART(threshold), "threshold=0.5 nan\n", MW_BAD_DATA, "Tree=0: threshold", "set "},
    {"no sets", PART(n_categorical), "num_cat=0\n", MW_BAD_DATA, "Tree=0: threshold", "set 0"},
    {"bomb of sets", PART(n_categorical), "num_cat=99999999999999999\n", MW_BAD_DATA,
     "Tree=0: cat_boundaries", "2 entries"},
    {"boundaries descend", PART(boundaries), "cat_boundaries=2 0\n", MW_BAD_DATA,
     "Tree=0: cat_boundaries[0]", "slice 2..0"},
    {"words short", PART(words), "cat_threshold=2\n", MW_BAD_DATA, "Tree=0: cat_boundaries[0]",
     "slice 0..2 is outside 0..1"},
    {"tree number", PART(second_tree), "Tree=2\nnum_leaves=1\nleaf_value=1\n\n", MW_BAD_DATA,
     "line 27", "expected tree 1"},
    {"linear short", PART(more_tree), "is_linear=1\nleaf_const=1 2 3\nnum_features=1 0 0\n",
     MW_BAD_DATA, "Tree=0: leaf_features", "0 entries"},
    {"linear negative", PART(more_tree), "is_linear=1\nleaf_const=1 2 3\nnum_features=-1 0 0\n",
     MW_BAD_DATA, "Tree=0: leaf_features", "entries"},
    {"linear feature", PART(more_tree),
     "is_linear=1\nleaf_const=1 2 3\nnum_features=1 0 0\nleaf_features=7\nleaf_coeff=1\n",
     MW_BAD_DATA, "Tree=0: leaf_features", "feature 7"},
    {"linear NaN", PART(more_tree),
     "is_linear=1\nleaf_const=1 nan 3\nnum_features=0 0 0\nleaf_features=\nleaf_coeff=\n",
     MW_BAD_DATA, "Tree=0: leaf_const", "not a number"},
    {"no end", PART(end), "", MW_BAD_DATA, "", "before 'end of trees'"},
    {"pandas", PART(tail), "pandas_categorical:[[\"a\"\n", MW_BAD_DATA, "", ""},
#undef PART
};

static void test_wrong_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(wrong_cases); i++) {
        const struct wrong_case *c = &wrong_cases[i];
        sample_lgb s = sample_lgb_plain();
        mw_buf text;
        memcpy((char *)&s + c->part, &c->text, sizeof c->text);
        sample_lgb_write(&s, &text);
        sample_refuse(c->name, mw_buf_as_view(&text), c->status, c->where, c->what);
        mw_buf_done(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_windows_line_ends),
        cmocka_unit_test(test_cut_everywhere),
        cmocka_unit_test(test_objectives),
        cmocka_unit_test(test_average_output),
        cmocka_unit_test(test_missing_kinds),
        cmocka_unit_test(test_categorical_ignores_default),
        cmocka_unit_test(test_infinite_threshold),
        cmocka_unit_test(test_linear_leaves),
        cmocka_unit_test(test_made_up_names),
        cmocka_unit_test(test_pandas_categories),
        cmocka_unit_test(test_pandas_columns),
        cmocka_unit_test(test_wrong_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
