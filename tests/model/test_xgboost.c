/* XGBoost models: every version's differences, and every way to be wrong. */
#include "sample.h"

#include <math.h>

static mw_forest *read_sample(const sample_xgb *s)
{
    mw_buf json;
    sample_xgb_write(s, &json);
    mw_forest *forest = sample_read(mw_buf_as_view(&json));
    mw_buf_done(&json);
    return forest;
}

static void check_plain(const mw_forest *forest)
{
    static const uint32_t left[] = {1, MW_NO_CHILD, 3, MW_NO_CHILD, MW_NO_CHILD, MW_NO_CHILD};
    static const uint32_t right[] = {2, MW_NO_CHILD, 4, MW_NO_CHILD, MW_NO_CHILD, MW_NO_CHILD};
    static const double value[] = {0, 0.25, 0, -0.5, 2, 0.125};
    static const double cover[] = {10, 4, 6, 2, 4, 0};
    assert_int_equal(forest->n_trees, 2);
    assert_int_equal(forest->n_nodes, 6);
    assert_int_equal(forest->n_leaves, 4);
    assert_int_equal(forest->max_depth, 2);
    assert_memory_equal(forest->left, left, sizeof left);
    assert_memory_equal(forest->right, right, sizeof right);
    assert_memory_equal(forest->value, value, sizeof value);
    assert_memory_equal(forest->cover, cover, sizeof cover);
    assert_int_equal(forest->tree_start[0], 0);
    assert_int_equal(forest->tree_start[1], 5);
    assert_int_equal(forest->tree_start[2], 6);
    assert_int_equal(forest->flags[0], MW_NODE_MISSING_NAN | MW_NODE_DEFAULT_LEFT);
    assert_int_equal(forest->flags[2], MW_NODE_MISSING_NAN | MW_NODE_CATEGORICAL);
    assert_true(forest->threshold[0] == 0.5);
    assert_int_equal(forest->feature[2], 1);
    mw_category_set set = forest->category_sets[forest->set[2]];
    assert_int_equal(set.end - set.begin, 1);
    assert_int_equal(forest->category_words[set.begin], 1u << 1 | 1u << 3);
}

static void test_plain(void **state)
{
    (void)state;
    sample_xgb s = sample_xgb_plain();
    mw_forest *forest = read_sample(&s);
    check_plain(forest);
    assert_int_equal(forest->format, MW_FORMAT_XGBOOST_JSON);
    assert_string_equal(forest->library_version, "3.2.0");
    assert_string_equal(forest->objective, "binary:logistic");
    assert_int_equal(forest->transform, MW_TRANSFORM_SIGMOID);
    assert_int_equal(forest->n_classes, 2);
    assert_int_equal(forest->n_iterations, 2);
    assert_int_equal(forest->best_iteration, 1);
    assert_true(forest->sum_float32);
    assert_true(forest->base_margin[0] == 0.0);
    assert_true(forest->schema.named);
    assert_int_equal(mw_schema_find(&forest->schema, MW_VIEW("kind")), 1);
    assert_int_equal(forest->schema.columns[1].type, MW_COLUMN_CATEGORY);
    assert_string_equal(mw_forest_cannot(forest), "");
    assert_true(mw_forest_memory_bytes(forest) > sizeof *forest);
    mw_forest_free(forest);
}

static void test_ubjson_is_the_same(void **state)
{
    (void)state;
    sample_xgb s = sample_xgb_plain();
    mw_buf json, ubjson;
    sample_xgb_write(&s, &json);
    sample_to_ubjson(mw_buf_as_view(&json), &ubjson);
    mw_forest *forest = sample_read(mw_buf_as_view(&ubjson));
    check_plain(forest);
    assert_int_equal(forest->format, MW_FORMAT_XGBOOST_UBJSON);
    mw_forest_free(forest);
    mw_buf_done(&ubjson);
    mw_buf_done(&json);
}

static void test_cut_everywhere(void **state)
{
    (void)state;
    sample_xgb s = sample_xgb_plain();
    mw_buf json, ubjson;
    sample_xgb_write(&s, &json);
    sample_cut_everywhere(mw_buf_as_view(&json), json.size);
    sample_to_ubjson(mw_buf_as_view(&json), &ubjson);
    sample_cut_everywhere(mw_buf_as_view(&ubjson), ubjson.size);
    mw_buf_done(&ubjson);
    mw_buf_done(&json);
}

/* ---- base_score ------------------------------------------------------------------------------ */

static const struct base_case {
    const char *objective, *base_score, *n_classes, *n_targets, *tree_info;
    size_t n_margins;
    float expected[3];
} base_cases[] = {
    /* -logf(1/p - 1) and logf(p) in float32; XGBoost 3.2 gives these bits */
    {"binary:logistic", "5E-1", "0", "1", "[0,0]", 1, {0.0f}},
    {"binary:logistic", "[3E-1]", "0", "1", "[0,0]", 1, {-0x1.b1d106p-1f}},
    {"reg:logistic", "0.9", "0", "0", "[0,0]", 1, {0x1.193ea4p+1f}},
    {"binary:logitraw", "[3E-1]", "0", "1", "[0,0]", 1, {0.3f}},
    {"count:poisson", "[2E0]", "0", "1", "[0,0]", 1, {0x1.62e43p-1f}},
    {"reg:gamma", "1E0", "0", "1", "[0,0]", 1, {0.0f}},
    {"reg:squarederror", "[1.4028074E0]", "0", "1", "[0,0]", 1, {1.4028074f}},
    {"reg:squarederror", "[ 1E0, -2E0 ]", "0", "2", "[0,1]", 2, {1.0f, -2.0f}},
    {"multi:softprob", "5E-1", "3", "1", "[0,2]", 3, {0.5f, 0.5f, 0.5f}},
    {"multi:softmax", "[1E-1,2E-1,3E-1]", "3", "1", "[0,2]", 3, {0.1f, 0.2f, 0.3f}},
};

static void test_base_score(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(base_cases); i++) {
        const struct base_case *c = &base_cases[i];
        char objective[40], base[40], classes[8], targets[8];
        sample_xgb s = sample_xgb_plain();
        snprintf(objective, sizeof objective, "\"%s\"", c->objective);
        snprintf(base, sizeof base, "\"%s\"", c->base_score);
        snprintf(classes, sizeof classes, "\"%s\"", c->n_classes);
        snprintf(targets, sizeof targets, "\"%s\"", c->n_targets);
        s.objective = objective;
        s.base_score = base;
        s.n_classes = classes;
        s.n_targets = targets;
        s.tree_info = c->tree_info;
        mw_forest *forest = read_sample(&s);
        assert_int_equal(forest->n_margins, c->n_margins);
        for (size_t m = 0; m < c->n_margins; m++)
            if (forest->base_margin[m] != (double)c->expected[m])
                fail_msg("%s %s: %a", c->objective, c->base_score, forest->base_margin[m]);
        mw_forest_free(forest);
    }
}

/* ---- objectives ------------------------------------------------------------------------------ */

static const struct objective_case {
    const char *name, *n_classes;
    mw_transform transform;
    size_t n_predictions, expected_classes;
} objective_cases[] = {
    {"reg:squarederror", "0", MW_TRANSFORM_IDENTITY, 1, 0},
    {"reg:linear", "0", MW_TRANSFORM_IDENTITY, 1, 0},
    {"reg:squaredlogerror", "0", MW_TRANSFORM_IDENTITY, 1, 0},
    {"reg:absoluteerror", "0", MW_TRANSFORM_IDENTITY, 1, 0},
    {"reg:pseudohubererror", "0", MW_TRANSFORM_IDENTITY, 1, 0},
    {"reg:quantileerror", "0", MW_TRANSFORM_IDENTITY, 1, 0},
    {"reg:expectileerror", "0", MW_TRANSFORM_IDENTITY, 1, 0},
    {"reg:logistic", "0", MW_TRANSFORM_SIGMOID, 1, 0},
    {"reg:gamma", "0", MW_TRANSFORM_EXP, 1, 0},
    {"reg:tweedie", "0", MW_TRANSFORM_EXP, 1, 0},
    {"count:poisson", "0", MW_TRANSFORM_EXP, 1, 0},
    {"survival:cox", "0", MW_TRANSFORM_EXP, 1, 0},
    {"survival:aft", "0", MW_TRANSFORM_EXP, 1, 0},
    {"binary:logistic", "0", MW_TRANSFORM_SIGMOID, 1, 2},
    {"binary:logitraw", "0", MW_TRANSFORM_IDENTITY, 1, 2},
    {"binary:hinge", "0", MW_TRANSFORM_HINGE, 1, 2},
    {"multi:softmax", "3", MW_TRANSFORM_ARGMAX, 1, 3},
    {"multi:softprob", "3", MW_TRANSFORM_SOFTMAX, 3, 3},
    {"rank:pairwise", "0", MW_TRANSFORM_IDENTITY, 1, 0},
    {"rank:ndcg", "0", MW_TRANSFORM_IDENTITY, 1, 0},
    {"rank:map", "0", MW_TRANSFORM_IDENTITY, 1, 0},
};

static void test_objectives(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(objective_cases); i++) {
        const struct objective_case *c = &objective_cases[i];
        char objective[40], classes[8];
        sample_xgb s = sample_xgb_plain();
        snprintf(objective, sizeof objective, "\"%s\"", c->name);
        snprintf(classes, sizeof classes, "\"%s\"", c->n_classes);
        s.objective = objective;
        s.n_classes = classes;
        mw_forest *forest = read_sample(&s);
        if (strcmp(forest->objective, c->name) != 0 || forest->transform != c->transform ||
            forest->n_predictions != c->n_predictions || forest->n_classes != c->expected_classes)
            fail_msg("%s: transform %d, %zu predictions, %zu classes", c->name,
                     (int)forest->transform, forest->n_predictions, forest->n_classes);
        mw_forest_free(forest);
    }
}

/* ---- boosters -------------------------------------------------------------------------------- */

static void test_dart_old(void **state)
{
    (void)state;
    /* up to 3.3: the trees stand in an inner gbtree, the weights beside it */
    sample_xgb s = sample_xgb_plain();
    s.booster = "\"dart\",\"weight_drop\":[5E-1,8.6956525E-1]";
    mw_forest *forest = read_sample(&s);
    assert_true(forest->tree_weight[0] == 0.5f && forest->tree_weight[1] == 0.86956525f);
    mw_forest_free(forest);
}

static void test_dart_new(void **state)
{
    (void)state;
    sample_xgb s = sample_xgb_plain();
    s.more_model = "\"weight_drop\":[5E-1,1E0],";
    mw_forest *forest = read_sample(&s);
    assert_true(forest->tree_weight[0] == 0.5f && forest->tree_weight[1] == 1.0f);
    mw_forest_free(forest);
}

static void test_linear(void **state)
{
    (void)state;
    static const char json[] =
        "{\"learner\":{\"feature_names\":[],\"feature_types\":[],\"gradient_booster\":{\"model\":"
        "{\"boosted_rounds\":4,\"weights\":[1E0,2E0,3E0,4E0,5E0,6E0]},\"name\":\"gblinear\"},"
        "\"learner_model_param\":{\"base_score\":\"[5E-1]\",\"num_class\":\"0\",\"num_feature\":"
        "\"2\",\"num_target\":\"2\"},\"objective\":{\"name\":\"reg:squarederror\"}},"
        "\"version\":[3,2,0]}";
    mw_forest *forest = sample_read(MW_VIEW(json));
    assert_int_equal(forest->n_trees, 0);
    assert_int_equal(forest->n_margins, 2);
    assert_int_equal(forest->n_iterations, 4);
    assert_true(forest->linear_weights[5] == 6.0);
    assert_false(forest->schema.named);
    assert_true(mw_view_is(forest->schema.columns[1].name, "f1"));
    mw_forest_free(forest);
}

/* ---- trees ----------------------------------------------------------------------------------- */

static void test_deleted_nodes(void **state)
{
    (void)state;
    /* nodes 1 and 2 were pruned: nothing reaches them, and their features are no features */
    sample_xgb s = sample_xgb_plain();
    s.left = "[3,-1,-1,-1,-1]";
    s.right = "[4,-1,-1,-1,-1]";
    s.feature = "[0,2147483647,2147483647,0,0]";
    s.split_type = "[0,0,1,0,0]";
    mw_forest *forest = read_sample(&s);
    assert_int_equal(forest->n_nodes, 4);
    assert_int_equal(forest->n_leaves, 3);
    assert_int_equal(forest->left[0], 1);
    assert_int_equal(forest->right[0], 2);
    assert_true(forest->value[1] == -0.5 && forest->value[2] == 2.0);
    assert_true(forest->cover[1] == 2.0);
    assert_int_equal(forest->tree_start[1], 3);
    assert_true(forest->value[3] == 0.125);
    mw_forest_free(forest);
}

static const struct vector_case {
    const char *right, *more;
} vector_cases[] = {
    /* 3.2: a leaf's slot stands in right_children */
    {"[2,0,4,2,1]", "\"leaf_weights\":[1,2,5,6,3,4],\"base_weights\":[9,9,9,9,9,9,9,9,9,9],"},
    /* before: values at the leaf's own node */
    {"[2,-1,4,-1,-1]", "\"base_weights\":[9,9,1,2,9,9,3,4,5,6],"},
};

static void test_vector_leaves(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(vector_cases); i++) {
        sample_xgb s = sample_xgb_plain();
        s.right = vector_cases[i].right;
        s.more_tree = vector_cases[i].more;
        s.tree_param = "{\"size_leaf_vector\":\"2\"}";
        s.n_targets = "\"2\"";
        s.objective = "\"reg:squarederror\"";
        mw_forest *forest = read_sample(&s);
        assert_int_equal(forest->tree_output[0], MW_ALL_OUTPUTS);
        assert_int_equal(forest->tree_output[1], 0);
        static const size_t leaves[] = {1, 3, 4};
        for (size_t leaf = 0; leaf < MW_COUNT(leaves); leaf++) {
            const double *values = &forest->leaf_values[forest->leaf_vector[leaves[leaf]]];
            assert_true(values[0] == (double)(2 * leaf + 1) && values[1] == (double)(2 * leaf + 2));
        }
        mw_forest_free(forest);
    }
}

static void test_old_files(void **state)
{
    (void)state;
    /* 1.0: truth values, no split_type, no cats, size_leaf_vector 0, no num_target */
    sample_xgb s = sample_xgb_plain();
    s.default_left = "[true,false,false,false,false]";
    s.split_type = "[]";
    s.categories = s.category_nodes = s.category_starts = s.category_sizes = "[]";
    s.tree_param = "{\"size_leaf_vector\":\"0\"}";
    s.names = s.types = "[]";
    s.condition = "[5E-1,2.5E-1,7,-5E-1,2E0]";
    s.cover = "[]";
    s.base_score = "\"5E-1\"";
    s.n_targets = "\"1\"";
    mw_forest *forest = read_sample(&s);
    assert_null(forest->cover);
    assert_null(forest->set);
    assert_int_equal(forest->n_category_sets, 0);
    assert_true(forest->threshold[2] == 7.0);
    assert_int_equal(forest->flags[0], MW_NODE_MISSING_NAN | MW_NODE_DEFAULT_LEFT);
    assert_false(forest->schema.named);
    mw_forest_free(forest);
}

static void test_gains(void **state)
{
    (void)state;
    sample_xgb s = sample_xgb_plain();
    s.more_tree = "\"loss_changes\":[7.5E0,1.25E0,0E0,0E0,0E0],";
    mw_forest *forest = read_sample(&s);
    assert_true(forest->gain[0] == 7.5f && forest->gain[1] == 1.25f && forest->gain[2] == 0);
    assert_true(forest->gain[forest->n_nodes - 1] == 0); /* the second tree does not say */
    mw_forest_free(forest);
    s.more_tree = "\"loss_changes\":[7.5E0,0E0],";
    mw_buf json;
    mw_buf_init(&json, MW_MIB);
    sample_xgb_write(&s, &json);
    sample_refuse("too few gains", mw_buf_as_view(&json), MW_BAD_DATA, "loss_changes", "2 entries");
    mw_buf_done(&json);
}

static void test_float_rounding(void **state)
{
    (void)state;
    /* 1 + 2^-24 + a little: the double stands exactly between two floats, the text above it */
    sample_xgb s = sample_xgb_plain();
    s.condition = "[1.00000005960464477540,2.5E-1,1E-45,16777217,NaN]";
    s.left = "[1,-1,-1,-1,-1]";
    s.category_nodes = s.category_starts = s.category_sizes = s.categories = "[]";
    s.split_type = "[0,0,0,0,0]";
    mw_forest *forest = read_sample(&s);
    assert_true(forest->threshold[0] == (double)0x1.000002p+0f);
    mw_forest_free(forest);
}

/* ---- categories of data frames --------------------------------------------------------------- */

static void test_category_texts(void **state)
{
    (void)state;
    sample_xgb s = sample_xgb_plain();
    s.more_model = "\"cats\":{\"enc\":[{\"offsets\":[],\"values\":[]},{\"offsets\":[0,1,1,3],"
                   "\"values\":[97,98,99]}],\"feature_segments\":[0,0,3],\"sorted_idx\":[0,1,2]},";
    mw_forest *forest = read_sample(&s);
    const mw_column *column = &forest->schema.columns[1];
    assert_int_equal(column->n_categories, 3);
    assert_true(mw_view_is(column->categories[0], "a"));
    assert_int_equal(column->categories[1].size, 0);
    assert_true(mw_view_is(column->categories[2], "bc"));
    assert_int_equal(forest->schema.columns[0].n_categories, 0);
    mw_forest_free(forest);
}

static void test_category_numbers(void **state)
{
    (void)state;
    sample_xgb s = sample_xgb_plain();
    s.more_model = "\"cats\":{\"enc\":[{\"offsets\":[],\"values\":[]},{\"type\":15,\"values\":"
                   "[5,-7,2.5]}]},";
    mw_forest *forest = read_sample(&s);
    const mw_column *column = &forest->schema.columns[1];
    assert_int_equal(column->n_categories, 3);
    assert_true(mw_view_is(column->categories[1], "-7"));
    assert_true(mw_view_is(column->categories[2], "2.5"));
    mw_forest_free(forest);
}

static void test_category_texts_damaged_by_the_library(void **state)
{
    (void)state;
    sample_xgb s = sample_xgb_plain();
    s.more_model = "\"cats\":{\"enc\":[{\"offsets\":[],\"values\":[]},{\"offsets\":[0,1,3],"
                   "\"values\":[97,98,-61]}]},";
    mw_forest *forest = read_sample(&s);
    assert_int_equal(forest->schema.columns[1].type, MW_COLUMN_CATEGORY);
    assert_int_equal(forest->schema.columns[1].n_categories, 0);
    assert_non_null(strstr(mw_forest_cannot(forest), "codes"));
    mw_forest_free(forest);
}

/* ---- wrong in one part ----------------------------------------------------------------------- */

#define TREE "learner.gradient_booster.model.trees[0]."
#define MODEL "learner.gradient_booster.model."

static const struct wrong_case {
    const char *name;
    size_t part; /* offset in sample_xgb */
    const char *text;
    mw_status status;
    const char *where, *what;
} wrong_cases[] = {
#define PART(field) offsetof(sample_xgb, field)
    {"child outside", PART(left), "[1,-1,9,-1,-1]", MW_BAD_DATA, "trees[0].left_children[2]",
     "child 9 is outside 0..4"},
    {"child negative", PART(right), "[2,-1,-7,-1,-1]", MW_BAD_DATA, "trees[0].right_children[2]",
     "outside 0..4"},
    {"one child", PART(right), "[2,-1,-1,-1,-1]", MW_BAD_DATA, "trees[0].right_children[2]",
     "outside 0..4"},
    {"child beyond 32 bits", PART(left), "[4294967297,-1,3,-1,-1]", MW_BAD_DATA,
     "trees[0].left_children[0]", "outside"},
    {"cycle", PART(left), "[1,-1,0,-1,-1]", MW_BAD_DATA, "trees[0].left_children[2]",
     "node 0 is reached twice"},
    {"twice", PART(right), "[1,-1,4,-1,-1]", MW_BAD_DATA, "trees[0].left_children[0]",
     "node 1 is reached twice"},
    {"feature outside", PART(feature), "[2,0,1,0,0]", MW_BAD_DATA, "trees[0].split_indices[0]",
     "feature 2 is outside 0..1"},
    {"feature negative", PART(feature), "[-1,0,1,0,0]", MW_BAD_DATA, "trees[0].split_indices[0]",
     "outside 0..1"},
    {"threshold NaN", PART(condition), "[NaN,1,1,1,1]", MW_BAD_DATA, "trees[0].split_conditions[0]",
     "not a number"},
    {"leaf NaN", PART(condition), "[1,NaN,1,1,1]", MW_BAD_DATA, "trees[0].split_conditions[1]",
     "not a number"},
    {"short right", PART(right), "[2,-1,4,-1]", MW_BAD_DATA, TREE "right_children",
     "4 entries, but the tree has 5"},
    {"short conditions", PART(condition), "[1]", MW_BAD_DATA, TREE "split_conditions", "1 entries"},
    {"short features", PART(feature), "[]", MW_BAD_DATA, TREE "split_indices", "0 entries"},
    {"short defaults", PART(default_left), "[1]", MW_BAD_DATA, TREE "default_left", "1 entries"},
    {"short types", PART(split_type), "[0,0,1]", MW_BAD_DATA, TREE "split_type", "3 entries"},
    {"short cover", PART(cover), "[1]", MW_BAD_DATA, TREE "sum_hessian", "1 entries"},
    {"no nodes", PART(left), "[]", MW_BAD_DATA, TREE "left_children", "no nodes"},
    {"text in an array", PART(left), "[\"1\"]", MW_BAD_DATA, "", ""},
    {"fraction in an array", PART(left), "[1.5]", MW_BAD_DATA, "", ""},
    {"category too large", PART(categories), "[1,16777216]", MW_BAD_DATA, TREE "categories",
     "16777216 is outside 0..16777215"},
    {"category negative", PART(categories), "[1,-1]", MW_BAD_DATA, TREE "categories", "-1"},
    {"slice outside", PART(category_sizes), "[3]", MW_BAD_DATA, TREE "categories_segments",
     "slice 0 + 3"},
    {"slice negative", PART(category_starts), "[-1]", MW_BAD_DATA, TREE "categories_segments",
     "slice -1"},
    {"slice overflows", PART(category_starts), "[9223372036854775807]", MW_BAD_DATA,
     TREE "categories_segments", "slice"},
    {"set of no node", PART(category_nodes), "[5]", MW_BAD_DATA, TREE "categories_nodes", "node 5"},
    {"set of a numeric node", PART(category_nodes), "[0]", MW_BAD_DATA, TREE "categories_nodes",
     "node 0"},
    {"list twice", PART(category_nodes), "[2],\"categories_nodes\":[2]", MW_BAD_DATA, "trees[0]",
     "key 'categories_nodes' stands twice"},
    {"no set", PART(split_type), "[1,0,1,0,0]", MW_BAD_DATA, TREE "split_type", "no set"},
    {"unknown type", PART(split_type), "[2,0,1,0,0]", MW_BAD_DATA, TREE "split_type", "type 2"},
    {"key twice", PART(more_tree), "\"split_type\":[],", MW_BAD_DATA,
     "learner.gradient_booster.model.trees[0]", "key 'split_type' stands twice"},
    {"leaf vector", PART(tree_param), "{\"size_leaf_vector\":\"3\"}", MW_BAD_DATA,
     TREE "base_weights", "leaf 1 has no 3 values"},
    {"leaf vector size", PART(tree_param), "{\"size_leaf_vector\":\"9999999999\"}", MW_BAD_DATA,
     TREE "tree_param", "size_leaf_vector"},
    {"trees declared", PART(model_param), "{\"num_trees\":\"3\"}", MW_BAD_DATA,
     "learner.gradient_booster.model", "2 trees, but 2 in tree_info and 3 declared"},
    {"tree_info short", PART(tree_info), "[0]", MW_BAD_DATA, "learner.gradient_booster.model",
     "1 in tree_info"},
    {"tree_info outside", PART(tree_info), "[0,1]", MW_BAD_DATA, MODEL "tree_info",
     "tree 1 adds to output 1, outside 0..0"},
    {"rounds", PART(more_model), "\"iteration_indptr\":[0,2,1],", MW_BAD_DATA,
     MODEL "iteration_indptr", "do not ascend"},
    {"weights of dart", PART(more_model), "\"weight_drop\":[1],", MW_BAD_DATA,
     "learner.gradient_booster.weight_drop", "1 weights"},
    {"booster", PART(booster), "\"gbforest\"", MW_UNSUPPORTED, "learner.gradient_booster.name",
     "unknown booster 'gbforest'"},
    {"gblinear without weights", PART(booster), "\"gblinear\"", MW_BAD_DATA,
     "learner.gradient_booster.model", "no weights"},
    {"objective", PART(objective), "\"reg:secret\"", MW_UNSUPPORTED, "learner.objective.name",
     "unknown objective 'reg:secret'"},
    {"base outside", PART(base_score), "\"1.5E0\"", MW_BAD_DATA,
     "learner.learner_model_param.base_score", "outside the objective's range"},
    {"base NaN", PART(base_score), "\"nan\"", MW_BAD_DATA, "learner.learner_model_param.base_score",
     "outside"},
    {"base count", PART(base_score), "\"[1E-1,1E-1]\"", MW_BAD_DATA,
     "learner.learner_model_param.base_score", "wrong count"},
    {"base empty", PART(base_score), "\"[]\"", MW_BAD_DATA,
     "learner.learner_model_param.base_score", "wrong count"},
    {"base text", PART(base_score), "\"half\"", MW_BAD_DATA,
     "learner.learner_model_param.base_score", "'half'"},
    {"names", PART(names), "[\"age\"]", MW_BAD_DATA, "learner.feature_names",
     "1 entries, but the model has 2 features"},
    {"types", PART(types), "[\"c\"]", MW_BAD_DATA, "learner.feature_types", "1 entries"},
    {"name twice", PART(names), "[\"age\",\"age\"]", MW_BAD_DATA, "learner.feature_names", "age"},
    {"features", PART(n_features), "\"-3\"", MW_BAD_DATA, "learner.learner_model_param.num_feature",
     "negative"},
    {"bomb of features", PART(n_features), "\"4000000\"", MW_BAD_DATA, "sample", "over the limit"},
    {"text for a number", PART(n_features), "\"two\"", MW_BAD_DATA,
     "learner.learner_model_param.num_feature", "'two' is not an integer"},
    {"bomb of classes", PART(n_classes), "\"999999999\"", MW_BAD_DATA,
     "learner.learner_model_param", "not possible"},
    {"classes and targets", PART(n_classes), "\"3\",\"x\":[],\"num_target\":\"3\"", MW_BAD_DATA, "",
     ""},
    {"categories' offsets", PART(more_model),
     "\"cats\":{\"enc\":[{},{\"offsets\":[0,9],\"values\":[97]}]},", MW_BAD_DATA,
     MODEL "cats.enc[1]", "offsets"},
    {"categories' count", PART(more_model), "\"cats\":{\"enc\":[{}]},", MW_BAD_DATA,
     MODEL "cats.enc", "1 entries"},
#undef PART
};

static void test_wrong_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(wrong_cases); i++) {
        const struct wrong_case *c = &wrong_cases[i];
        sample_xgb s = sample_xgb_plain();
        mw_buf json;
        memcpy((char *)&s + c->part, &c->text, sizeof c->text);
        sample_xgb_write(&s, &json);
        sample_refuse(c->name, mw_buf_as_view(&json), c->status, c->where, c->what);
        mw_buf_done(&json);
    }
}

static const struct foreign_case {
    const char *text;
    mw_status status;
    const char *what;
} foreign_cases[] = {
    {"{\"Config\":{},\"Model\":{}}", MW_UNSUPPORTED, "snapshot"},
    {"{\"a\":1}", MW_BAD_DATA, "no 'learner'"},
    {"{}", MW_BAD_DATA, "no 'learner'"},
    {"{\"learner\":{\"gradient_booster\":{\"name\":\"gbtree\"}},\"version\":[3,2,0]}", MW_BAD_DATA,
     "no trees"},
    {"{\"learner\":{},\"learner\":{}}", MW_BAD_DATA, "stands twice"},
    {"{\"learner\":3}", MW_BAD_DATA, ""},
};

static void test_foreign_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(foreign_cases); i++)
        sample_refuse(foreign_cases[i].text, mw_view_of(foreign_cases[i].text),
                      foreign_cases[i].status, "", foreign_cases[i].what);
}

/* A chain of nodes: one more than the limit is refused, without recursion. */
static void write_chain(size_t depth, mw_buf *json, mw_buf *lists)
{
    sample_xgb s = sample_xgb_plain();
    const char *zeros = NULL;
    for (size_t list = 0; list < 4; list++) {
        mw_buf_init(&lists[list], MW_MIB);
        mw_buf_char(&lists[list], '[');
    }
    for (size_t i = 0; i < 2 * depth + 1; i++) {
        bool leaf = i % 2 == 1 || i == 2 * depth;
        const char *comma = i ? "," : "";
        mw_buf_format(&lists[0], "%s%zd", comma, leaf ? (ptrdiff_t)-1 : (ptrdiff_t)i + 1);
        mw_buf_format(&lists[1], "%s%zd", comma, leaf ? (ptrdiff_t)-1 : (ptrdiff_t)i + 2);
        mw_buf_format(&lists[2], "%s0", comma);
    }
    for (size_t list = 0; list < 4; list++)
        mw_buf_char(&lists[list], ']');
    zeros = lists[2].data;
    s.left = lists[0].data;
    s.right = lists[1].data;
    s.feature = s.condition = s.default_left = zeros;
    s.split_type = s.cover = s.categories = "[]";
    s.category_nodes = s.category_starts = s.category_sizes = "[]";
    sample_xgb_write(&s, json);
    for (size_t list = 0; list < 4; list++)
        mw_buf_done(&lists[list]);
}

static void test_depth(void **state)
{
    (void)state;
    mw_buf json, lists[4];
    write_chain(MW_LIMIT_TREE_DEPTH, &json, lists);
    mw_forest *forest = sample_read(mw_buf_as_view(&json));
    assert_int_equal(forest->max_depth, MW_LIMIT_TREE_DEPTH);
    mw_forest_free(forest);
    mw_buf_done(&json);
    write_chain(MW_LIMIT_TREE_DEPTH + 1, &json, lists);
    sample_refuse("too deep", mw_buf_as_view(&json), MW_BAD_DATA, "right_children[8192]", "deeper");
    mw_buf_done(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_gains),
        cmocka_unit_test(test_ubjson_is_the_same),
        cmocka_unit_test(test_cut_everywhere),
        cmocka_unit_test(test_base_score),
        cmocka_unit_test(test_objectives),
        cmocka_unit_test(test_dart_old),
        cmocka_unit_test(test_dart_new),
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_deleted_nodes),
        cmocka_unit_test(test_vector_leaves),
        cmocka_unit_test(test_old_files),
        cmocka_unit_test(test_float_rounding),
        cmocka_unit_test(test_category_texts),
        cmocka_unit_test(test_category_numbers),
        cmocka_unit_test(test_category_texts_damaged_by_the_library),
        cmocka_unit_test(test_wrong_parts),
        cmocka_unit_test(test_foreign_json),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
