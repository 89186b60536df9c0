/* Files so large that they stand in pages: read while their bytes are given back, they are the same
 * forest as from memory that is not the reader's, and the same refusal at the end. */
#include "sample.h"

#include "grown.h"
#include "../folder.h"

enum { N_TREES = 40000 };

static char folder[TEST_FOLDER_BYTES];

static int enter_folder(void **state)
{
    (void)state;
    return test_folder_make(folder);
}

static int leave_folder(void **state)
{
    (void)state;
    return test_folder_remove(folder);
}

/* What stands between `begin` and `end` in a small model, n times, with commas. */
static void put_times(mw_buf *out, mw_view text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            mw_buf_char(out, ',');
        mw_buf_view(out, text);
    }
}

static void put_upto(mw_buf *out, mw_view *rest, const char *mark)
{
    const char *at = memmem(rest->data, rest->size, mark, strlen(mark));
    assert_non_null(at);
    mw_buf_view(out, (mw_view){rest->data, (size_t)(at - rest->data)});
    size_t used = (size_t)(at - rest->data) + strlen(mark);
    *rest = (mw_view){rest->data + used, rest->size - used};
}

static void write_xgboost(mw_buf *out)
{
    sample_xgb s = sample_xgb_plain();
    mw_buf small;
    mw_view leaf = mw_view_of(s.second_tree + 1);
    s.second_tree = ",@trees@";
    s.tree_info = "[0,@info@]";
    s.model_param = "{\"num_parallel_tree\":\"1\"}";
    sample_xgb_write(&s, &small);
    mw_view rest = mw_buf_as_view(&small);
    put_upto(out, &rest, "@info@");
    put_times(out, MW_VIEW("0"), N_TREES);
    put_upto(out, &rest, "@trees@");
    put_times(out, leaf, N_TREES);
    mw_buf_view(out, rest);
    mw_buf_done(&small);
}

static void write_lightgbm(mw_buf *out)
{
    mw_buf_text(out, "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\n"
                     "objective=regression\nfeature_names=age size\n\n");
    for (int tree = 0; tree < N_TREES; tree++)
        mw_buf_format(out,
                      "Tree=%d\nnum_leaves=2\nnum_cat=0\nsplit_feature=1\nthreshold=%d.5\n"
                      "decision_type=2\nleft_child=-1\nright_child=-2\nleaf_value=%d 0.25\n"
                      "leaf_count=4 5\ninternal_count=9\n\n",
                      tree, tree, -tree);
    mw_buf_text(out, "end of trees\n\npandas_categorical:null\n");
}

static void write_catboost(mw_buf *out)
{
    mw_buf_text(out, "{\"features_info\":{\"float_features\":[{\"flat_feature_index\":0,"
                     "\"feature_id\":\"age\",\"nan_value_treatment\":\"AsIs\"}]},"
                     "\"model_info\":{\"params\":{\"loss_function\":{\"type\":\"RMSE\"}}},"
                     "\"oblivious_trees\":[");
    for (int tree = 0; tree < N_TREES; tree++)
        mw_buf_format(out,
                      "%s{\"leaf_values\":[%d,0.5],\"leaf_weights\":[3,4],\"splits\":[{"
                      "\"border\":%d.5,\"float_feature_index\":0,\"split_type\":"
                      "\"FloatFeature\"}]}",
                      tree > 0 ? "," : "", tree, tree);
    mw_buf_text(out, "],\"scale_and_bias\":[1,[0.5]]}");
}

static void assert_same(const mw_forest *a, const mw_forest *b)
{
    a = grown(a);
    b = grown(b);
    assert_int_equal(a->n_trees, b->n_trees);
    assert_int_equal(a->n_nodes, b->n_nodes);
    assert_int_equal(a->n_leaves, b->n_leaves);
    assert_memory_equal(a->tree_start, b->tree_start, (a->n_trees + 1) * sizeof *a->tree_start);
    assert_memory_equal(a->left, b->left, a->n_nodes * sizeof *a->left);
    assert_memory_equal(a->right, b->right, a->n_nodes * sizeof *a->right);
    assert_memory_equal(a->feature, b->feature, a->n_nodes * sizeof *a->feature);
    assert_memory_equal(a->threshold, b->threshold, a->n_nodes * sizeof *a->threshold);
    assert_memory_equal(a->flags, b->flags, a->n_nodes);
    assert_memory_equal(a->value, b->value, a->n_nodes * sizeof *a->value);
    assert_memory_equal(a->cover, b->cover, a->n_nodes * sizeof *a->cover);
    assert_int_equal(a->schema.n_columns, b->schema.n_columns);
    for (size_t i = 0; i < a->schema.n_columns; i++)
        assert_true(mw_view_equal(a->schema.columns[i].name, b->schema.columns[i].name));
}

static void check_file(mw_view bytes, size_t n_nodes)
{
    char path[sizeof folder + 16];
    mw_error of_file, of_memory;
    mw_forest *from_file, *from_memory;
    snprintf(path, sizeof path, "%s/large", folder);
    assert_true(bytes.size > 4 * MW_MIB);
    assert_int_equal(mw_file_write(path, bytes, &of_file), MW_OK);
    if (mw_forest_load(path, &from_file, &of_file) != MW_OK)
        fail_msg("%s: %s %s", of_file.where, of_file.what, of_file.why);
    assert_int_equal(mw_forest_read(bytes, path, &from_memory, &of_memory), MW_OK);
    assert_int_equal(from_file->n_nodes, n_nodes);
    assert_same(from_file, from_memory);
    assert_true(mw_forest_memory_bytes(from_file) > n_nodes * 37);
    mw_forest_free(from_file);
    mw_forest_free(from_memory);
    mw_view cut = {bytes.data, bytes.size - 30};
    assert_int_equal(mw_file_write(path, cut, &of_file), MW_OK);
    assert_int_equal(mw_forest_load(path, &from_file, &of_file), MW_BAD_DATA);
    assert_int_equal(mw_forest_read(cut, path, &from_memory, &of_memory), MW_BAD_DATA);
    assert_string_equal(of_file.where, of_memory.where);
    assert_string_equal(of_file.what, of_memory.what);
}

typedef void write_model(mw_buf *out);

static void check_written(write_model *write, size_t n_nodes)
{
    mw_buf bytes;
    mw_buf_init(&bytes, 64 * MW_MIB);
    write(&bytes);
    assert_false(bytes.failed);
    check_file(mw_buf_as_view(&bytes), n_nodes);
    mw_buf_done(&bytes);
}

static void test_xgboost(void **state)
{
    (void)state;
    check_written(write_xgboost, 5 + N_TREES);
}

static void test_lightgbm(void **state)
{
    (void)state;
    check_written(write_lightgbm, 3 * N_TREES);
}

static void test_catboost(void **state)
{
    (void)state;
    check_written(write_catboost, 3 * N_TREES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xgboost),
        cmocka_unit_test(test_lightgbm),
        cmocka_unit_test(test_catboost),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
