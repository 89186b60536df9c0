/* ONNX files: every mode, every step around the trees, and every way to be wrong. */
#include "sample_onnx.h"

#include <math.h>

static mw_forest *read_sample(const sample_onnx *s)
{
    mw_buf bytes;
    sample_onnx_write(s, &bytes);
    mw_forest *forest = sample_read(mw_buf_as_view(&bytes));
    mw_buf_done(&bytes);
    return forest;
}

static void refuse_sample(const char *name, const sample_onnx *s, mw_status status,
                          const char *where, const char *what)
{
    mw_buf bytes;
    sample_onnx_write(s, &bytes);
    sample_refuse(name, mw_buf_as_view(&bytes), status, where, what);
    mw_buf_done(&bytes);
}

static void test_plain(void **state)
{
    (void)state;
    static const uint32_t left[] = {1, MW_NO_CHILD, 3, MW_NO_CHILD, MW_NO_CHILD, MW_NO_CHILD};
    static const uint32_t right[] = {2, MW_NO_CHILD, 4, MW_NO_CHILD, MW_NO_CHILD, MW_NO_CHILD};
    static const double value[] = {0, 0.25, 0, -0.5, 2, 0.125};
    sample_onnx s = sample_onnx_plain();
    mw_forest *forest = read_sample(&s);
    assert_int_equal(forest->format, MW_FORMAT_ONNX);
    assert_string_equal(forest->objective, "TreeEnsembleRegressor");
    assert_string_equal(forest->library_version, "sample 1.2");
    assert_int_equal(forest->n_trees, 2);
    assert_int_equal(forest->n_nodes, 6);
    assert_memory_equal(forest->left, left, sizeof left);
    assert_memory_equal(forest->right, right, sizeof right);
    assert_memory_equal(forest->value, value, sizeof value);
    assert_int_equal(forest->flags[0],
                     MW_NODE_LESS_EQUAL | MW_NODE_MISSING_NAN | MW_NODE_DEFAULT_LEFT);
    assert_int_equal(forest->flags[2], MW_NODE_MISSING_NAN);
    assert_true(forest->threshold[2] == -1.0 && forest->feature[2] == 1);
    assert_int_equal(forest->n_features, 2);
    assert_false(forest->schema.named);
    assert_true(forest->sum_float32 && forest->base_margin[0] == 0.0);
    assert_null(forest->margin_offset);
    assert_int_equal(forest->input, MW_INPUT_FLOAT32);
    assert_int_equal(forest->n_predictions, 1);
    assert_int_equal(forest->n_classes, 0);
    mw_forest_free(forest);
}

static void test_cut_everywhere(void **state)
{
    (void)state;
    sample_onnx s = sample_onnx_classifier();
    mw_buf bytes;
    sample_onnx_write(&s, &bytes);
    sample_cut_everywhere(mw_buf_as_view(&bytes), bytes.size);
    mw_buf_done(&bytes);
}

/* Every byte wrong once: read or refused with a mend, never a crash. */
static void test_damaged_everywhere(void **state)
{
    (void)state;
    sample_onnx s = sample_onnx_classifier();
    static const unsigned char wrong[] = {0x00, 0x7f, 0x80, 0xff};
    mw_buf bytes;
    sample_onnx_write(&s, &bytes);
    for (size_t at = 0; at < bytes.size; at++) {
        char right = bytes.data[at];
        for (size_t i = 0; i < MW_COUNT(wrong); i++) {
            mw_error err;
            mw_forest *forest = NULL;
            bytes.data[at] = (char)wrong[i];
            if (mw_forest_read(mw_buf_as_view(&bytes), "damaged", &forest, &err) == MW_OK)
                mw_forest_free(forest);
            else if (err.what[0] == '\0' || err.mend[0] == '\0')
                fail_msg("byte %zu as %02x: '%s' has no mend", at, wrong[i], err.what);
        }
        bytes.data[at] = right;
    }
    mw_buf_done(&bytes);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

enum { EQUAL = MW_NODE_EQUAL, LESS_EQUAL = MW_NODE_LESS_EQUAL };

static const struct mode_case {
    const char *mode;
    uint8_t compares;
    bool swapped, left, left_when_tracking; /* where NaN goes */
} mode_cases[] = {
    {"BRANCH_LEQ", LESS_EQUAL, false, false, true}, {"BRANCH_LT", 0, false, false, true},
    {"BRANCH_GTE", 0, true, true, false},           {"BRANCH_GT", LESS_EQUAL, true, true, false},
    {"BRANCH_EQ", EQUAL, false, false, true},       {"BRANCH_NEQ", EQUAL, true, false, false},
};

static void check_mode(const struct mode_case *c, bool tracks)
{
    char modes[64];
    snprintf(modes, sizeof modes, "%s,LEAF,BRANCH_LT,LEAF,LEAF,LEAF", c->mode);
    sample_onnx s = sample_onnx_plain();
    s.modes = modes;
    s.missing = tracks ? "1,0,0,0,0,0" : NULL;
    mw_forest *forest = read_sample(&s);
    bool nan_left = tracks ? c->left_when_tracking : c->left;
    uint8_t flags = c->compares | MW_NODE_MISSING_NAN | (nan_left ? MW_NODE_DEFAULT_LEFT : 0);
    uint32_t yes = c->swapped ? forest->right[0] : forest->left[0];
    if (forest->flags[0] != flags || forest->value[yes] != 0.25)
        fail_msg("%s: flags %d, leaf %g", c->mode, forest->flags[0], forest->value[yes]);
    mw_forest_free(forest);
}

static void test_modes(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(mode_cases); i++) {
        check_mode(&mode_cases[i], false);
        check_mode(&mode_cases[i], true);
    }
}

/* Names with gaps, in any order; the first listed node is the root. */
static void test_names_in_any_order(void **state)
{
    (void)state;
    sample_onnx s = sample_onnx_plain();
    s.trees = "7,7,7,7,7,3";
    s.nodes = "40,12,7,100,-5,9";
    s.yes = "12,0,100,0,0,0";
    s.no = "7,0,-5,0,0,0";
    s.weight_trees = "7,7,7,3";
    s.weight_nodes = "12,100,-5,9";
    mw_forest *forest = read_sample(&s);
    assert_int_equal(forest->n_trees, 2);
    assert_true(forest->value[1] == 0.25 && forest->value[4] == 2.0 && forest->value[5] == 0.125);
    mw_forest_free(forest);
}

/* LightGBM's converter: x == 3 or x == 7 go the same way. */
static void test_shared_branch(void **state)
{
    (void)state;
    sample_onnx s = sample_onnx_plain();
    s.modes = "BRANCH_EQ,LEAF,BRANCH_EQ,LEAF,LEAF,LEAF";
    s.yes = "1,0,1,0,0,0";
    mw_forest *forest = read_sample(&s);
    assert_int_equal(forest->n_nodes, 6);
    assert_int_equal(forest->n_leaves, 4);
    assert_true(forest->value[1] == 0.25 && forest->value[3] == 0.25 && forest->value[4] == 2.0);
    mw_forest_free(forest);
}

static void test_several_weights(void **state)
{
    (void)state;
    static const double values[] = {0.25, 7, -0.5, 0, 2, 0};
    sample_onnx s = sample_onnx_plain();
    s.n_targets = 2;
    s.weight_trees = "0,0,0,0,1";
    s.weight_nodes = "1,1,3,4,0";
    s.weight_ids = "0,1,0,0,1";
    s.weights = "0.25,7,-0.5,2,0.125";
    s.base = "10,20";
    s.aggregate = "AVERAGE";
    mw_forest *forest = read_sample(&s);
    assert_int_equal(forest->n_margins, 2);
    assert_int_equal(forest->tree_output[0], MW_ALL_OUTPUTS);
    assert_int_equal(forest->tree_output[1], 1);
    assert_true(forest->value[5] == 0.125);
    assert_memory_equal(forest->leaf_values, values, sizeof values);
    assert_true(forest->margin_offset[0] == 10.0 && forest->margin_offset[1] == 20.0);
    assert_true(forest->margin_scale == 0.5);
    mw_forest_free(forest);
}

/* ---- classes --------------------------------------------------------------------------------- */

static const struct class_case {
    const char *name, *ids, *weights, *labels, *base, *post;
    size_t n_margins, n_predictions;
    mw_transform transform;
} class_cases[] = {
    {"shares", "0,0,0,0", "0.25,0.5,1,0", "0,1", NULL, "NONE", 1, 2, MW_TRANSFORM_PAIR_SHARE},
    {"signs", "0,0,0,0", "0.25,-0.5,1,0", "0,1", "0.5", "NONE", 1, 2, MW_TRANSFORM_PAIR_SIGN},
    {"logistic", "0,0,0,0", "0.25,-0.5,1,0", "0,1", NULL, "LOGISTIC", 1, 2,
     MW_TRANSFORM_PAIR_SIGMOID},
    {"logistic shares", "0,0,0,0", "1,1,1,1", "0,1", NULL, "LOGISTIC", 1, 2,
     MW_TRANSFORM_PAIR_SIGMOID},
    {"second class", "1,1,1,1", "1,1,1,1", "0,1", NULL, "LOGISTIC", 2, 2, MW_TRANSFORM_SIGMOID},
    {"three", "0,1,2,0", "1,1,1,1", "3,5,9", "1,2,3", "SOFTMAX", 3, 3, MW_TRANSFORM_SOFTMAX},
    {"three, zero", "0,1,2,0", "1,1,1,1", "3,5,9", NULL, "SOFTMAX_ZERO", 3, 3,
     MW_TRANSFORM_SOFTMAX_ZERO},
    {"three, none", "0,1,1,0", "1,1,1,1", "3,5,9", NULL, "NONE", 3, 3, MW_TRANSFORM_IDENTITY},
    {"three, probit", "0,1,1,0", "1,1,1,1", "3,5,9", NULL, "PROBIT", 3, 3, MW_TRANSFORM_PROBIT},
};

static void test_classes(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(class_cases); i++) {
        const struct class_case *c = &class_cases[i];
        sample_onnx s = sample_onnx_classifier();
        s.weight_ids = c->ids;
        s.weights = c->weights;
        s.labels = c->labels;
        s.base = c->base;
        s.post = c->post;
        mw_forest *forest = read_sample(&s);
        if (forest->n_margins != c->n_margins || forest->n_predictions != c->n_predictions ||
            forest->transform != c->transform || forest->n_classes != c->n_predictions ||
            forest->class_labels[0].data[0] != c->labels[0] ||
            (forest->margin_offset != NULL) != (c->base != NULL))
            fail_msg("%s: %zu margins, %zu predictions, transform %d", c->name, forest->n_margins,
                     forest->n_predictions, (int)forest->transform);
        mw_forest_free(forest);
    }
}

static void test_text_labels(void **state)
{
    (void)state;
    sample_onnx s = sample_onnx_classifier();
    s.labels = NULL;
    s.label_texts = "setosa,virginica";
    mw_forest *forest = read_sample(&s);
    assert_true(mw_view_is(forest->class_labels[1], "virginica"));
    mw_forest_free(forest);
}

/* ---- around the trees ------------------------------------------------------------------------ */

#define ML "ai.onnx.ml"

static const struct step_case {
    const char *name;
    sample_step step;
    const char *constant;
    mw_transform transform;
    double scale;
} step_cases[] = {
    {"identity", {"", "Identity", "Y", "Z", 0, 0, 0, 0}, "1", MW_TRANSFORM_PAIR_SIGN, 1},
    {"cast", {"", "Cast", "Y", "Z", "to", 0, 0, 1}, "1", MW_TRANSFORM_PAIR_SIGN, 1},
    {"zipmap",
     {ML, "ZipMap", "Y", "Z", "classlabels_int64s", "5,6", 0, 0},
     "1",
     MW_TRANSFORM_PAIR_SIGN,
     1},
    {"times one", {"", "Mul", "Y,C", "Z", 0, 0, 0, 0}, "1", MW_TRANSFORM_PAIR_SIGN, 1},
    {"sigmoid", {"", "Sigmoid", "Y", "Z", 0, 0, 0, 0}, "1", MW_TRANSFORM_PAIR_SIGMOID, 1},
};

static void test_steps(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(step_cases); i++) {
        const struct step_case *c = &step_cases[i];
        sample_onnx s = sample_onnx_classifier();
        s.domains = ",ai.onnx.ml";
        s.behind[0] = c->step;
        s.behind[1] = (sample_step){"", "Cast", "L", "M", "to", 0, 0, 7};
        s.outputs = "M,Z";
        s.constant_name = "C";
        s.constant = c->constant;
        mw_forest *forest = read_sample(&s);
        if (forest->transform != c->transform || forest->scale != c->scale)
            fail_msg("%s: transform %d, scale %g", c->name, (int)forest->transform, forest->scale);
        mw_forest_free(forest);
    }
}

/* GradientBoostingClassifier(loss='exponential'); XGBRegressor(objective='count:poisson'). */
static void test_two_steps(void **state)
{
    (void)state;
    sample_onnx s = sample_onnx_classifier();
    s.domains = ",ai.onnx.ml";
    s.constant_name = "C";
    s.constant = "2";
    s.outputs = "W";
    s.behind[0] = (sample_step){"", "Mul", "Y,C", "Z", 0, 0, 0, 0};
    s.behind[1] = (sample_step){"", "Sigmoid", "Z", "W", 0, 0, 0, 0};
    mw_forest *forest = read_sample(&s);
    assert_int_equal(forest->transform, MW_TRANSFORM_PAIR_SIGMOID);
    assert_true(forest->scale == 2.0);
    mw_forest_free(forest);
    s = sample_onnx_plain();
    s.domains = ",ai.onnx.ml";
    s.constant_name = "C";
    s.constant = "1.5";
    s.outputs = "W";
    s.behind[0] = (sample_step){"", "Exp", "Y", "Z", 0, 0, 0, 0};
    s.behind[1] = (sample_step){"", "Mul", "Z,C", "W", 0, 0, 0, 0};
    forest = read_sample(&s);
    assert_int_equal(forest->transform, MW_TRANSFORM_SCALED_EXP);
    assert_true(forest->scale == 1.5);
    mw_forest_free(forest);
}

/* A data frame: one input a column, put side by side in an order of its own. */
static void test_scalar_inputs(void **state)
{
    (void)state;
    sample_onnx s = sample_onnx_plain();
    s.domains = ",ai.onnx.ml";
    s.inputs = "age,income,rooms";
    s.last_dim = 1;
    s.ensemble_input = "picked";
    s.before[0] = (sample_step){"", "Concat", "rooms,age,income", "all", "axis", 0, 0, 1};
    s.before[1] = (sample_step){ML, "ArrayFeatureExtractor", "all,C", "picked", 0, 0, 0, 0};
    s.constant_name = "C";
    s.constant = "2,0";
    s.constant_is_int = true;
    mw_forest *forest = read_sample(&s);
    assert_int_equal(forest->n_features, 3);
    assert_true(forest->schema.named);
    assert_true(mw_view_is(forest->schema.columns[1].name, "income"));
    assert_int_equal(forest->feature[0], 1); /* income */
    assert_int_equal(forest->feature[2], 2); /* rooms */
    mw_forest_free(forest);
}

static void test_input_types(void **state)
{
    (void)state;
    sample_onnx s = sample_onnx_plain();
    s.input_type = 11;
    s.values = NULL;
    s.value_tensor = "0.1,0,-1,0,0,0";
    mw_forest *forest = read_sample(&s);
    assert_int_equal(forest->input, MW_INPUT_FLOAT64);
    assert_false(forest->sum_float32);
    assert_true(forest->threshold[0] == 0.1);
    mw_forest_free(forest);
    s.domains = ",ai.onnx.ml";
    s.input_type = 1;
    s.ensemble_input = "D";
    s.before[0] = (sample_step){"", "Cast", "X", "D", "to", 0, 0, 11};
    forest = read_sample(&s);
    assert_int_equal(forest->input, MW_INPUT_FLOAT32);
    assert_false(forest->sum_float32);
    mw_forest_free(forest);
    s = sample_onnx_plain();
    s.input_type = 7;
    s.last_dim = 0;
    forest = read_sample(&s);
    assert_int_equal(forest->n_features, 2);
    assert_int_equal(forest->schema.columns[1].type, MW_COLUMN_INT64);
    mw_forest_free(forest);
}

/* ---- TreeEnsemble (opset 5) ------------------------------------------------------------------ */

typedef struct unified {
    const char *modes, *splits, *members, *yes, *no, *yes_leafs, *no_leafs, *roots, *targets;
    const char *weights;
    long long aggregate;
} unified;

static unified unified_plain(void)
{
    return (unified){.modes = "6,0",
                     .splits = "0,0.5",
                     .members = "1,3,nan",
                     .yes = "0,1",
                     .no = "1,2",
                     .yes_leafs = "1,1",
                     .no_leafs = "0,1",
                     .roots = "0,1",
                     .targets = "0,0,0",
                     .weights = "0.25,-0.5,2",
                     .aggregate = 1};
}

static void unified_write(const unified *u, mw_buf *out)
{
    mw_buf graph, node;
    sample_onnx s = sample_onnx_plain();
    mw_buf_init(&graph, MW_MIB);
    mw_buf_init(&node, MW_MIB);
    onnx_put_names(&node, 1, "X");
    onnx_put_names(&node, 2, "Y");
    onnx_put_text(&node, 3, "trees");
    onnx_put_text(&node, 4, "TreeEnsemble");
    onnx_put_ints(&node, "", "nodes_featureids", "1,0");
    onnx_put_ints(&node, "", "nodes_truenodeids", u->yes);
    onnx_put_ints(&node, "", "nodes_falsenodeids", u->no);
    onnx_put_ints(&node, "", "nodes_trueleafs", u->yes_leafs);
    onnx_put_ints(&node, "", "nodes_falseleafs", u->no_leafs);
    onnx_put_ints(&node, "", "tree_roots", u->roots);
    onnx_put_ints(&node, "", "leaf_targetids", u->targets);
    onnx_put_tensor_attribute(&node, "nodes_modes", u->modes, 2, false);
    onnx_put_tensor_attribute(&node, "nodes_splits", u->splits, 1, false);
    onnx_put_tensor_attribute(&node, "leaf_weights", u->weights, 1, false);
    onnx_put_tensor_attribute(&node, "membership_values", u->members, 1, false);
    onnx_put_scalar(&node, "aggregate_function", NULL, u->aggregate);
    onnx_put_text(&node, 7, "ai.onnx.ml");
    onnx_put_bytes(&graph, 1, mw_buf_as_view(&node));
    onnx_put_model(out, &graph, &s);
    mw_buf_done(&node);
    mw_buf_done(&graph);
}

static void test_unified(void **state)
{
    (void)state;
    unified u = unified_plain();
    mw_buf bytes;
    unified_write(&u, &bytes);
    mw_forest *forest = sample_read(mw_buf_as_view(&bytes));
    assert_int_equal(forest->n_trees, 2);
    assert_int_equal(forest->n_nodes, 8);
    assert_int_equal(forest->flags[0],
                     MW_NODE_CATEGORICAL | MW_NODE_SET_LEFT | MW_NODE_EQUAL | MW_NODE_MISSING_NAN);
    mw_category_set set = forest->category_sets[forest->set[0]];
    assert_int_equal(forest->category_words[set.begin], 1 << 1 | 1 << 3);
    assert_true(forest->value[1] == 0.25 && forest->value[3] == -0.5 && forest->value[4] == 2.0);
    mw_forest_free(forest);
    mw_buf_done(&bytes);
}

static const struct unified_case {
    const char *name;
    size_t part; /* of unified */
    const char *text;
    mw_status status;
    const char *where, *what;
} unified_cases[] = {
    {"mode", offsetof(unified, modes), "6,7", MW_BAD_DATA, "nodes_modes[1]", "mode 7"},
    {"no set", offsetof(unified, members), "", MW_BAD_DATA, "nodes_modes[0]", "no set"},
    {"odd set", offsetof(unified, members), "1,2.5,nan", MW_UNSUPPORTED, "tree 0", "2.5"},
    {"child", offsetof(unified, yes), "0,3", MW_BAD_DATA, "nodes_truenodeids[1]", "child 3"},
    {"negative child", offsetof(unified, no), "-1,2", MW_BAD_DATA, "nodes_falsenodeids[0]",
     "child -1"},
    {"root", offsetof(unified, roots), "0,2", MW_BAD_DATA, "tree_roots[1]", "root 2"},
    {"cycle", offsetof(unified, no), "0,2", MW_BAD_DATA, "tree 0", "cycle"},
    {"target", offsetof(unified, targets), "0,0,1", MW_BAD_DATA, "leaf_targetids[2]", "output 1"},
    {"leaf", offsetof(unified, weights), "0.25,nan,2", MW_BAD_DATA, "leaf_weights[1]",
     "not a number"},
    {"count", offsetof(unified, yes_leafs), "1", MW_BAD_DATA, "nodes_trueleafs", "1 entries"},
};

static void test_wrong_unified(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(unified_cases); i++) {
        const struct unified_case *c = &unified_cases[i];
        unified u = unified_plain();
        mw_buf bytes;
        memcpy((char *)&u + c->part, &c->text, sizeof c->text);
        unified_write(&u, &bytes);
        sample_refuse(c->name, mw_buf_as_view(&bytes), c->status, c->where, c->what);
        mw_buf_done(&bytes);
    }
}

/* ---- every way to be wrong ------------------------------------------------------------------- */

#define PART(name) offsetof(sample_onnx, name)

static const struct wrong_case {
    const char *name;
    size_t part;
    const char *text;
    mw_status status;
    const char *where, *what;
} wrong_cases[] = {
    {"child", PART(yes), "1,0,9,0,0,0", MW_BAD_DATA, "'trees': nodes_truenodeids[2]", "child 9"},
    {"other tree", PART(no), "5,0,4,0,0,0", MW_BAD_DATA, "nodes_falsenodeids[0]", "child 5"},
    {"cycle", PART(yes), "1,0,0,0,0,0", MW_BAD_DATA, "'trees': tree 0", "cycle"},
    {"feature", PART(features), "0,0,2,0,0,0", MW_BAD_DATA, "nodes_featureids", "feature 2"},
    {"negative feature", PART(features), "0,0,-1,0,0,0", MW_BAD_DATA, "nodes_featureids[2]",
     "feature -1"},
    {"mode", PART(modes), "BRANCH_LEQ,LEAF,BRANCH_MEMBER,LEAF,LEAF,LEAF", MW_BAD_DATA,
     "nodes_modes[2]", "BRANCH_MEMBER"},
    {"threshold", PART(values), "0.5,0,nan,0,0,0", MW_BAD_DATA, "nodes_values[2]", "not a number"},
    {"leaf", PART(weights), "0.25,nan,2,1", MW_BAD_DATA, "weights[1]", "not a number"},
    {"base", PART(base), "nan", MW_BAD_DATA, "base_values[0]", "not a number"},
    {"two bases", PART(base), "1,2", MW_BAD_DATA, "base_values", "2 base values"},
    {"count", PART(yes), "1,0,3,0,0", MW_BAD_DATA, "nodes_truenodeids", "5 entries"},
    {"no nodes", PART(features), NULL, MW_BAD_DATA, "nodes_featureids", "0 nodes"},
    {"weight's node", PART(weight_nodes), "1,3,8,0", MW_BAD_DATA, "nodeids[2]", "no node 8"},
    {"weight's tree", PART(weight_trees), "0,0,0,2", MW_BAD_DATA, "nodeids[3]", "tree 2"},
    {"output", PART(weight_ids), "0,0,1,0", MW_BAD_DATA, "target_ids[2]", "output 1"},
    {"post", PART(post), "SQUARE", MW_BAD_DATA, "post_transform", "unknown"},
    {"min", PART(aggregate), "MIN", MW_UNSUPPORTED, "aggregate_function", "MIN"},
    {"name twice", PART(nodes), "0,1,2,3,3,0", MW_BAD_DATA, "nodes_nodeids[4]", "twice"},
    {"trees mixed", PART(trees), "0,0,1,0,0,1", MW_BAD_DATA, "nodes_treeids", "together"},
    {"domain", PART(domains), "", MW_BAD_DATA, "'trees'", "operator set"},
    {"output gone", PART(outputs), "other", MW_UNSUPPORTED, "'trees'", "no output"},
    {"wide node", PART(nodes), "0,1,2,3,4294967296,0", MW_BAD_DATA, "nodes_nodeids: byte 105",
     "4294967296 takes more than 32 bits"},
    {"wide child", PART(yes), "1,0,-3000000000,0,0,0", MW_BAD_DATA, "nodes_truenodeids: byte 272",
     "-3000000000 takes"},
    {"wide values", PART(value_tensor), "0,0,0,0,0,0", MW_BAD_DATA, "nodes_values_as_tensor",
     "twice"},
};

static void test_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(wrong_cases); i++) {
        const struct wrong_case *c = &wrong_cases[i];
        sample_onnx s = sample_onnx_plain();
        memcpy((char *)&s + c->part, &c->text, sizeof c->text);
        refuse_sample(c->name, &s, c->status, c->where, c->what);
    }
}

static const struct operator_case {
    const char *name;
    sample_step step;
    bool before;
    const char *where, *what;
} operator_cases[] = {
    {"scaler", {ML, "Scaler", "X", "D", 0, 0, 0, 0}, true, "Scaler 'step'", "Scaler"},
    {"cast", {"", "Cast", "X", "D", "to", 0, 0, 8}, true, "Cast 'step'", "Cast"},
    {"rows", {"", "Concat", "X,X", "D", "axis", 0, 0, 0}, true, "Concat 'step'", "Concat"},
    {"axis", {"", "Softmax", "Y", "Z", "axis", 0, 0, 0}, false, "Softmax 'step'", "Softmax"},
    {"unknown", {"", "TopK", "Y,C", "Z", 0, 0, 0, 0}, false, "TopK 'step'", "TopK"},
    {"attribute", {"", "Mul", "Y,C", "Z", "fast", 0, 0, 1}, false, "Mul 'step'", "Mul"},
    {"nothing", {"", "Add", "Y,Q", "Z", 0, 0, 0, 0}, false, "Add 'step'", "Add"},
    {"categories", {ML, "OneHotEncoder", "X", "D", "zeros", 0, 0, 1}, true, "'step'", "OneHot"},
    {"encoder", {ML, "LabelEncoder", "X", "D", "keys_floats", 0, 0, 1}, true, "'step'", "Label"},
    {"vectors", {ML, "LinearRegressor", "X", "D", 0, 0, 0, 0}, true, "'step'", "LinearRegressor"},
    {"matrix", {"", "MatMul", "X,Y", "D", 0, 0, 0, 0}, true, "MatMul 'step'", "MatMul"},
    {"shape", {"", "Reshape", "Y,C", "Z", 0, 0, 0, 0}, false, "Reshape 'step'", "Reshape"},
    {"norm", {ML, "Normalizer", "Y", "Z", "norm", 0, "L3", 0}, false, "'step'", "Normalizer"},
};

static void test_operators_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(operator_cases); i++) {
        const struct operator_case *c = &operator_cases[i];
        sample_onnx s = sample_onnx_classifier();
        s.domains = ",ai.onnx.ml";
        s.constant_name = "C";
        s.constant = "3";
        s.outputs = c->before ? "Y" : "Z";
        s.ensemble_input = c->before ? "D" : "X";
        *(c->before ? &s.before[0] : &s.behind[0]) = c->step;
        refuse_sample(c->name, &s, MW_UNSUPPORTED, c->where, c->what);
    }
}

static void test_other_refusals(void **state)
{
    (void)state;
    sample_onnx s = sample_onnx_plain();
    s.value_tensor = "0.1,0,-1,0,0,0";
    s.values = NULL;
    refuse_sample("float rows", &s, MW_BAD_DATA, "'trees'", "float64 numbers");
    s.tensor_external = "yes";
    refuse_sample("external", &s, MW_UNSUPPORTED, "nodes_values_as_tensor", "another file");
    s = sample_onnx_plain();
    s.input_type = 8;
    refuse_sample("texts", &s, MW_UNSUPPORTED, "'trees'", "TreeEnsembleRegressor is not read");
    s.input_type = 14;
    refuse_sample("complex", &s, MW_UNSUPPORTED, "input 'X'", "not a tensor of numbers");
    s = sample_onnx_classifier();
    s.labels = "1";
    refuse_sample("one class", &s, MW_BAD_DATA, "classlabels", "1 classes");
    s = sample_onnx_classifier();
    s.weight_ids = "0,1,0,0";
    refuse_sample("second class at times", &s, MW_UNSUPPORTED, "class_ids", "no score");
    s.weight_ids = "1,1,1,1";
    s.base = "1,2";
    refuse_sample("two base values", &s, MW_BAD_DATA, "base_values", "2 base values");
    s = sample_onnx_plain();
    s.n_targets = 70000;
    refuse_sample("targets", &s, MW_BAD_DATA, "n_targets", "too many");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_cut_everywhere),
        cmocka_unit_test(test_damaged_everywhere),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_names_in_any_order),
        cmocka_unit_test(test_shared_branch),
        cmocka_unit_test(test_several_weights),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_text_labels),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_two_steps),
        cmocka_unit_test(test_scalar_inputs),
        cmocka_unit_test(test_input_types),
        cmocka_unit_test(test_unified),
        cmocka_unit_test(test_wrong_unified),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_operators_are_named),
        cmocka_unit_test(test_other_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
