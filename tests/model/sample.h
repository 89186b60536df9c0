/* Small models made of named parts, so that a test can put one wrong part into a right model.
 *
 *     sample_xgb s = sample_xgb_plain();   // every part is the text of its JSON value
 *     s.left = "[1,-1,9]";
 *     sample_xgb_write(&s, &json);         // XGBoost JSON
 *     sample_to_ubjson(json, &ubjson);     // the same document in UBJSON, with typed arrays
 */
#ifndef TESTS_MODEL_SAMPLE_H
#define TESTS_MODEL_SAMPLE_H

#include "../test.h"

#include "model/model.h"

/* Tree 0:  node 0: x0 < 0.5 ? 1 : 2     node 1: leaf 0.25     node 2: x1 in {1, 3} ? 4 : 3
 *          node 3: leaf -0.5            node 4: leaf 2         Tree 1: one leaf, 0.125 */
typedef struct sample_xgb {
    const char *left, *right, *feature, *condition, *default_left, *split_type, *cover;
    const char *categories, *category_nodes, *category_starts, *category_sizes;
    const char *tree_param, *more_tree; /* more_tree: further keys of tree 0, ending in ',' */
    const char *second_tree, *tree_info, *model_param, *more_model, *more_booster;
    const char *booster, *names, *types, *attributes;
    const char *n_features, *n_classes, *n_targets, *base_score, *objective;
} sample_xgb;

static inline sample_xgb sample_xgb_plain(void)
{
    return (sample_xgb){
        .left = "[1,-1,3,-1,-1]",
        .right = "[2,-1,4,-1,-1]",
        .feature = "[0,0,1,0,0]",
        .condition = "[5E-1,2.5E-1,1E-45,-5E-1,2E0]",
        .default_left = "[1,0,0,0,0]",
        .split_type = "[0,0,1,0,0]",
        .cover = "[1E1,4E0,6E0,2E0,4E0]",
        .categories = "[1,3]",
        .category_nodes = "[2]",
        .category_starts = "[0]",
        .category_sizes = "[2]",
        .tree_param = "{\"num_deleted\":\"0\",\"size_leaf_vector\":\"1\"}",
        .more_tree = "",
        .second_tree =
            ",{\"left_children\":[-1],\"right_children\":[-1],\"split_indices\":[0],"
            "\"split_conditions\":[1.25E-1],\"default_left\":[false],\"categories\":[],"
            "\"categories_nodes\":[],\"categories_segments\":[],\"categories_sizes\":[]}",
        .tree_info = "[0,0]",
        .model_param = "{\"num_trees\":\"2\",\"num_parallel_tree\":\"1\"}",
        .more_model = "",
        .more_booster = "",
        .booster = "\"gbtree\"",
        .names = "[\"age\",\"kind\"]",
        .types = "[\"float\",\"c\"]",
        .attributes = "{\"best_iteration\":\"1\",\"note\":\"x\"}",
        .n_features = "\"2\"",
        .n_classes = "\"0\"",
        .n_targets = "\"1\"",
        .base_score = "\"[5E-1]\"",
        .objective = "\"binary:logistic\"",
    };
}

static inline void sample_xgb_write(const sample_xgb *s, mw_buf *out)
{
    mw_buf_init(out, MW_MIB);
    mw_buf_format(out, "{\"learner\":{\"attributes\":%s,\"feature_names\":%s,", s->attributes,
                  s->names);
    mw_buf_format(out, "\"feature_types\":%s,\"gradient_booster\":{%s\"model\":{%s", s->types,
                  s->more_booster, s->more_model);
    mw_buf_format(out, "\"gbtree_model_param\":%s,\"tree_info\":%s,", s->model_param, s->tree_info);
    mw_buf_format(out, "\"trees\":[{%s\"categories\":%s,\"categories_nodes\":%s,", s->more_tree,
                  s->categories, s->category_nodes);
    mw_buf_format(out, "\"categories_segments\":%s,\"categories_sizes\":%s,", s->category_starts,
                  s->category_sizes);
    mw_buf_format(out, "\"default_left\":%s,\"left_children\":%s,\"right_children\":%s,",
                  s->default_left, s->left, s->right);
    mw_buf_format(out, "\"split_conditions\":%s,\"split_indices\":%s,\"split_type\":%s,",
                  s->condition, s->feature, s->split_type);
    mw_buf_format(out, "\"parents\":[0,1,[2]],\"sum_hessian\":%s,\"tree_param\":%s}%s]},",
                  s->cover, s->tree_param, s->second_tree);
    mw_buf_format(out, "\"name\":%s},\"learner_model_param\":{\"base_score\":%s,", s->booster,
                  s->base_score);
    mw_buf_format(out, "\"num_class\":%s,\"num_feature\":%s,\"num_target\":%s},", s->n_classes,
                  s->n_features, s->n_targets);
    mw_buf_format(out, "\"objective\":{\"name\":%s}},\"version\":[3,2,0]}", s->objective);
    assert_false(out->failed);
}

/* ---- UBJSON ------------------------------------------------------------------------------------
 */

static inline void sample_put_big(mw_buf *out, uint64_t bits, size_t size)
{
    for (size_t i = size; i-- > 0;)
        mw_buf_char(out, (char)(bits >> (8 * i) & 0xff));
}

static inline void sample_put_text(mw_buf *out, mw_view text)
{
    mw_buf_char(out, 'L');
    sample_put_big(out, text.size, 8);
    mw_buf_view(out, text);
}

static inline bool sample_is_float_key(mw_view key)
{
    return mw_view_is(key, "split_conditions") || mw_view_is(key, "sum_hessian") ||
           mw_view_is(key, "base_weights") || mw_view_is(key, "leaf_weights") ||
           mw_view_is(key, "weight_drop") || mw_view_is(key, "weights");
}

static inline bool sample_is_integer_key(mw_view key)
{
    return mw_view_is(key, "left_children") || mw_view_is(key, "right_children") ||
           mw_view_is(key, "split_indices") || mw_view_is(key, "categories") ||
           mw_view_is(key, "categories_nodes");
}

static inline void sample_put_value(mw_scan *scan, mw_view key, mw_buf *out);

/* Elements go to a side buffer first, because their count stands before them. */
static inline void sample_put_array(mw_scan *scan, mw_view key, mw_buf *out)
{
    mw_error err;
    mw_buf elements;
    bool more, typed = sample_is_float_key(key) || sample_is_integer_key(key);
    uint64_t count = 0;
    mw_buf_init(&elements, MW_MIB);
    assert_int_equal(mw_scan_array_begin(scan, &err), MW_OK);
    while (mw_scan_array_next(scan, &more, &err) == MW_OK && more) {
        double value;
        float narrow;
        uint32_t bits;
        count++;
        if (!typed) {
            sample_put_value(scan, (mw_view){0}, &elements);
            continue;
        }
        assert_int_equal(mw_scan_number(scan, &value, &err), MW_OK);
        narrow = (float)value;
        memcpy(&bits, &narrow, sizeof bits);
        bool whole = sample_is_integer_key(key);
        sample_put_big(&elements, whole ? (uint32_t)(int32_t)value : bits, 4);
    }
    mw_buf_text(out, !typed ? "[#L" : sample_is_float_key(key) ? "[$d#L" : "[$l#L");
    sample_put_big(out, count, 8);
    mw_buf_view(out, mw_buf_as_view(&elements));
    mw_buf_done(&elements);
}

static inline void sample_put_object(mw_scan *scan, mw_buf *out)
{
    mw_error err;
    mw_view key;
    bool more;
    mw_buf_char(out, '{');
    assert_int_equal(mw_scan_object_begin(scan, &err), MW_OK);
    while (mw_scan_object_next(scan, NULL, &key, &more, &err) == MW_OK && more) {
        sample_put_text(out, key);
        sample_put_value(scan, key, out);
    }
    mw_buf_char(out, '}');
}

static inline void sample_put_value(mw_scan *scan, mw_view key, mw_buf *out)
{
    mw_error err;
    mw_view text;
    int64_t whole;
    bool truth;
    switch (mw_scan_peek(scan)) {
    case MW_SCAN_OBJECT:
        sample_put_object(scan, out);
        return;
    case MW_SCAN_ARRAY:
        sample_put_array(scan, key, out);
        return;
    case MW_SCAN_STRING:
        assert_int_equal(mw_scan_string(scan, NULL, &text, &err), MW_OK);
        mw_buf_char(out, 'S');
        sample_put_text(out, text);
        return;
    case MW_SCAN_TRUE:
    case MW_SCAN_FALSE:
        assert_int_equal(mw_scan_bool(scan, &truth, &err), MW_OK);
        mw_buf_char(out, truth ? 'T' : 'F');
        return;
    default:
        assert_int_equal(mw_scan_integer(scan, &whole, &err), MW_OK);
        mw_buf_char(out, 'L');
        sample_put_big(out, (uint64_t)whole, 8);
    }
}

static inline void sample_to_ubjson(mw_view json, mw_buf *out)
{
    mw_scan scan;
    mw_scan_init(&scan, json);
    mw_buf_init(out, MW_MIB);
    sample_put_value(&scan, (mw_view){0}, out);
    assert_false(out->failed);
}

/* ---- LightGBM -------------------------------------------------------------------------------- */

/* Tree 0: node 0: x0 <= 0.5 ? leaf 0 : node 1; node 1: x1 in {1, 33} ? leaf 1 : leaf 2.
 * Tree 1: one leaf. */
typedef struct sample_lgb {
    const char *head, *version, *n_classes, *per_iteration, *max_feature, *objective, *names;
    const char *infos, *more_head, *n_leaves, *n_categorical, *feature, *threshold, *decision;
    const char *left, *right, *value, *leaf_count, *internal_count, *boundaries, *words;
    const char *more_tree, *second_tree, *end, *tail;
} sample_lgb;

static inline sample_lgb sample_lgb_plain(void)
{
    return (sample_lgb){
        .head = "tree\n",
        .version = "version=v4\n",
        .n_classes = "num_class=1\n",
        .per_iteration = "num_tree_per_iteration=1\n",
        .max_feature = "max_feature_idx=1\n",
        .objective = "objective=binary sigmoid:1\n",
        .names = "feature_names=age kind\n",
        .infos = "feature_infos=[18:90] 0:1:33\n",
        .more_head = "",
        .n_leaves = "num_leaves=3\n",
        .n_categorical = "num_cat=1\n",
        .feature = "split_feature=0 1\n",
        .threshold = "threshold=0.5 0\n",
        .decision = "decision_type=10 1\n",
        .left = "left_child=-1 -2\n",
        .right = "right_child=1 -3\n",
        .value = "leaf_value=0.25 -0.5 2.0000000000000004\n",
        .leaf_count = "leaf_count=4 2 4\n",
        .internal_count = "internal_count=10 6\n",
        .boundaries = "cat_boundaries=0 2\n",
        .words = "cat_threshold=2 2\n",
        .more_tree = "is_linear=0\nshrinkage=0.1\n",
        .second_tree = "Tree=1\nnum_leaves=1\nnum_cat=0\nleaf_value=0.125\nshrinkage=1\n\n\n",
        .end = "end of trees\n\n",
        .tail = "parameters:\n[boosting: gbdt]\nend of parameters\n\npandas_categorical:null\n",
    };
}

static inline void sample_lgb_write(const sample_lgb *s, mw_buf *out)
{
    const char *const parts[] = {s->head,        s->version,   s->n_classes,  s->per_iteration,
                                 s->max_feature, s->objective, s->names,      s->infos,
                                 s->more_head,   "\nTree=0\n", s->n_leaves,   s->n_categorical,
                                 s->feature,     s->threshold, s->decision,   s->left,
                                 s->right,       s->value,     s->leaf_count, s->internal_count,
                                 s->boundaries,  s->words,     s->more_tree,  "\n\n",
                                 s->second_tree, s->end,       s->tail};
    mw_buf_init(out, MW_MIB);
    for (size_t i = 0; i < MW_COUNT(parts); i++)
        mw_buf_text(out, parts[i]);
    assert_false(out->failed);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* A forest that must be read. */
static inline mw_forest *sample_read(mw_view bytes)
{
    mw_error err;
    mw_forest *forest = NULL;
    if (mw_forest_read(bytes, "sample", &forest, &err) != MW_OK)
        fail_msg("%s: %s (%s)", err.where, err.what, err.mend);
    return forest;
}

/* Bytes that must be refused: with this status, a place that ends in `where`, a what that contains
 * `what`, and a mend. `name` is the case's. */
static inline void sample_refuse(const char *name, mw_view bytes, mw_status status,
                                 const char *where, const char *what)
{
    mw_error err;
    mw_forest *forest = NULL;
    mw_status got = mw_forest_read(bytes, "sample", &forest, &err);
    if (got == MW_OK) {
        mw_forest_free(forest);
        fail_msg("%s: was read", name);
    }
    size_t place = strlen(err.where), wanted = strlen(where);
    bool ends = place >= wanted && strcmp(err.where + place - wanted, where) == 0;
    if (got != status || !ends || !strstr(err.what, what) || err.mend[0] == '\0')
        fail_msg("%s: status %d, %s: %s (%s)", name, (int)got, err.where, err.what, err.mend);
}

/* Cut at every byte: refused or, beyond the last needed byte, read; never a crash. The bytes are
 * copied to memory of their very size, so that the sanitizer sees a read beyond. */
static inline void sample_cut_everywhere(mw_view bytes, size_t needed)
{
    for (size_t size = 0; size < bytes.size; size++) {
        char *copy = malloc(size + 1);
        assert_non_null(copy);
        char *exact = copy + 1; /* ends where the block ends */
        memcpy(exact, bytes.data, size);
        mw_error err;
        mw_forest *forest = NULL;
        mw_status status = mw_forest_read((mw_view){exact, size}, "cut", &forest, &err);
        if (status == MW_OK)
            mw_forest_free(forest);
        if ((status == MW_OK) != (size >= needed))
            fail_msg("cut at byte %zu of %zu: status %d", size, bytes.size, (int)status);
        if (status != MW_OK && (err.what[0] == '\0' || err.mend[0] == '\0'))
            fail_msg("cut at byte %zu: no mend for '%s'", size, err.what);
        free(copy);
    }
}

#endif
