/* CatBoost's statistics by category: every type's formula on counts made here, and categories that
 * only tables of combinations know. Against CatBoost itself: tests/oracle/test_catboost.py. */
#include "sample.h"

#include <inttypes.h>
#include <math.h>

#include "model/catboost_ctr.h"

/* Hashes; two have the sign bit. Their codes are 0 and 1 in each column. */
static const uint32_t a_hashes[] = {17, 0x90000005}, b_hashes[] = {40, 0xf0000001};

#define CATEGORY(n) "{\"combination_element\":\"cat_feature_value\",\"cat_feature_index\":" #n "}"
#define ABOVE "{\"combination_element\":\"float_feature\",\"float_feature_index\":0,\"border\":0.5}"

/* A model of one split on one statistic: it answers 1 where that is above the border. */
static void write_model(mw_buf *out, const char *type, const char *elements, const char *more,
                        double border, const char *tables)
{
    mw_buf_init(out, MW_MIB);
    mw_buf_format(out,
                  "{\"ctr_data\":{%s},\"features_info\":{\"categorical_features\":["
                  "{\"feature_id\":\"a\",\"flat_feature_index\":0},"
                  "{\"feature_id\":\"b\",\"flat_feature_index\":1}],\"float_features\":["
                  "{\"feature_id\":\"x\",\"flat_feature_index\":2,\"borders\":[0.5]}],",
                  tables);
    mw_buf_format(out,
                  "\"ctrs\":[{\"ctr_type\":\"%s\",\"elements\":[%s],\"borders\":[%g],"
                  "\"prior_numerator\":1,\"prior_denomerator\":2,\"shift\":0.25,"
                  "\"scale\":8%s}]},",
                  type, elements, border, more);
    mw_buf_format(out,
                  "\"model_info\":{\"params\":{\"loss_function\":{\"type\":\"RMSE\"}}},"
                  "\"oblivious_trees\":[{\"leaf_values\":[0,1],\"splits\":[{\"split_type\":"
                  "\"OnlineCtr\",\"border\":%g,\"split_index\":1}]}],"
                  "\"scale_and_bias\":[1,[0]]}",
                  border);
}

static void write_table(mw_buf *out, const char *elements, const char *type, const char *counts)
{
    mw_buf_text(out, out->size ? "," : "");
    mw_buf_text(out, "\"{\\\"identifier\\\":[");
    for (const char *at = elements; *at; at++)
        mw_buf_format(out, *at == '"' ? "\\\"" : "%c", *at);
    mw_buf_format(out,
                  "],\\\"type\\\":\\\"%s\\\"}\":{\"hash_map\":[%s],"
                  "\"counter_denominator\":50}",
                  type, counts);
}

static mw_status read_model(const mw_buf *text, mw_forest **ret_forest, mw_error *err)
{
    return mw_forest_read(mw_buf_as_view(text), "m.json", ret_forest, err);
}

/* What the only statistic is of a row: codes of a and b, and x. */
static double statistic_of(const mw_forest *forest, double a, double b, double x)
{
    const mw_recipe *recipe = forest->before;
    const double row[] = {a, b, x};
    assert_non_null(recipe);
    double *cells = calloc(1, mw_recipe_bytes(recipe) + sizeof *cells);
    assert_non_null(cells);
    for (size_t i = 0; i < recipe->n_inputs; i++)
        cells[i * MW_RECIPE_LANES] = row[recipe->inputs[i]];
    mw_recipe_run(recipe, 1, cells);
    double value = cells[recipe->outputs[0] * MW_RECIPE_LANES];
    free(cells);
    return value;
}

static double formula(double good, double total)
{
    return (double)(float)(((float)(good + 1) / (float)(total + 2) + 0.25F) * 8);
}

/* Two keys of a, with three counts or as many as the type has. */
static const struct {
    const char *type, *counts[2], *more;
    double good[2], total[2], none_total;
} types[] = {
    {"Borders", {"3,5", "1,0"}, "", {5, 0}, {8, 1}, 0},
    {"Borders", {"3,5,7", "1,0,2"}, ",\"target_border_idx\":1", {7, 2}, {15, 3}, 0},
    {"Borders", {"3,5,7", "1,0,2"}, ",\"target_border_idx\":0", {12, 2}, {15, 3}, 0},
    {"Buckets", {"3,5,7", "1,0,2"}, ",\"target_border_idx\":1", {5, 0}, {15, 3}, 0},
    {"BinarizedTargetMeanValue", {"3.5,5", "1,4"}, "", {3.5, 1}, {5, 4}, 0},
    {"FloatTargetMeanValue", {"-3.5,5", "1.25,4"}, "", {-3.5, 1.25}, {5, 4}, 0},
    {"Counter", {"30", "4"}, "", {30, 4}, {50, 50}, 50},
    {"FeatureFreq", {"30", "4"}, "", {30, 4}, {50, 50}, 50},
};

static void test_types(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(types); i++) {
        char counts[200];
        mw_buf tables, text;
        mw_forest *forest;
        mw_error err = {0};
        mw_buf_init(&tables, MW_MIB);
        snprintf(counts, sizeof counts,
                 "\"%" PRIu64 "\",%s,\"18446744073709551615\",%s,\"%" PRIu64 "\",%s",
                 cat_mix(0, a_hashes[1]), types[i].counts[1], types[i].counts[0],
                 cat_mix(0, a_hashes[0]), types[i].counts[0]);
        write_table(&tables, CATEGORY(0), types[i].type, counts);
        write_model(&text, types[i].type, CATEGORY(0), types[i].more, 3, tables.data);
        if (read_model(&text, &forest, &err) != MW_OK)
            fail_msg("%s: %s", err.where, err.what);
        assert_int_equal(forest->schema.columns[0].n_category_hashes, 2);
        for (int code = 0; code < 2; code++)
            assert_true(statistic_of(forest, code, NAN, NAN) ==
                        formula(types[i].good[code], types[i].total[code]));
        assert_true(statistic_of(forest, NAN, 0, 0) == formula(0, types[i].none_total));
        assert_true(statistic_of(forest, 2, 0, 0) == formula(0, types[i].none_total));
        mw_forest_free(forest);
        mw_buf_done(&text);
        mw_buf_done(&tables);
    }
}

/* Of a, b and x > 0.5 together: eight keys, with the counts 1 to 8. */
static void write_combination(mw_buf *tables)
{
    char counts[800];
    size_t size = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t key = cat_mix(cat_mix(cat_mix(0, a_hashes[i / 4]), b_hashes[i / 2 % 2]), i % 2);
        size += (size_t)snprintf(counts + size, sizeof counts - size, "%s\"%" PRIu64 "\",%u",
                                 i ? "," : "", key, i + 1);
    }
    write_table(tables, CATEGORY(0) "," CATEGORY(1) "," ABOVE, "Counter", counts);
}

/* A table of a alone tells a, and with it the other table tells b, whatever its place. */
static void test_categories_of_combinations(void **state)
{
    (void)state;
    char counts[100];
    mw_buf tables, text;
    mw_forest *forest;
    mw_error err = {0};
    mw_buf_init(&tables, MW_MIB);
    write_combination(&tables);
    snprintf(counts, sizeof counts, "\"%" PRIu64 "\",1,\"%" PRIu64 "\",2", cat_mix(0, a_hashes[0]),
             cat_mix(0, a_hashes[1]));
    write_table(&tables, CATEGORY(0), "Counter", counts);
    write_model(&text, "Counter", CATEGORY(0) "," CATEGORY(1) "," ABOVE, "", 3, tables.data);
    if (read_model(&text, &forest, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(forest->schema.columns[0].category_hashes[i], a_hashes[i]);
        assert_int_equal(forest->schema.columns[1].category_hashes[i], b_hashes[i]);
    }
    for (int i = 0; i < 8; i++)
        assert_true(statistic_of(forest, i / 4, i / 2 % 2, i % 2 ? 0.75 : 0.5) ==
                    formula(i + 1, 50));
    assert_true(statistic_of(forest, 0, 0, NAN) == formula(1, 50)); /* below the border */
    assert_true(statistic_of(forest, NAN, 0, 0) == formula(0, 50));
    assert_true(statistic_of(forest, 0, NAN, 0) == formula(0, 50));
    mw_forest_free(forest);
    mw_buf_done(&text);
    mw_buf_done(&tables);
}

static void test_categories_that_nothing_tells(void **state)
{
    (void)state;
    mw_buf tables, text;
    mw_forest *forest;
    mw_error err = {0};
    mw_buf_init(&tables, MW_MIB);
    write_combination(&tables);
    write_model(&text, "Counter", CATEGORY(0) "," CATEGORY(1) "," ABOVE, "", 3, tables.data);
    assert_int_equal(read_model(&text, &forest, &err), MW_UNSUPPORTED);
    assert_non_null(strstr(err.what, "'a' only together with other categories"));
    mw_buf_done(&text);
    mw_buf_done(&tables);
}

/* Tables as they must not be. */
static const struct {
    const char *type, *counts, *more, *what;
} wrong[] = {
    {"Borders", "1,2", "", "expected a hash"},
    {"Borders", "\"x\",1,2", "", "'x' is no hash"},
    {"Borders", "\"1\",1,2,\"2\",1", "", "not as many counts"},
    {"Borders", "\"1\"", "", "not as many counts"},
    {"Borders", "\"1\",1,2", ",\"target_border_idx\":2", "border 2"},
    {"Borders", "\"1\",1,2", ",\"target_border_idx\":-1", "border -1"},
    {"Counter", "\"1\",1,2", "", "2 counts a key"},
    {"BinarizedTargetMeanValue", "\"1\",1", "", "1 counts a key"},
};

static void test_wrong_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(wrong); i++) {
        mw_buf tables, text;
        mw_forest *forest = NULL;
        mw_error err = {0};
        mw_buf_init(&tables, MW_MIB);
        write_table(&tables, CATEGORY(0), wrong[i].type, wrong[i].counts);
        write_model(&text, wrong[i].type, CATEGORY(0), wrong[i].more, 3, tables.data);
        assert_int_not_equal(read_model(&text, &forest, &err), MW_OK);
        if (!strstr(err.what, wrong[i].what))
            fail_msg("%s: %s", wrong[i].counts, err.what);
        mw_buf_done(&text);
        mw_buf_done(&tables);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_categories_of_combinations),
        cmocka_unit_test(test_categories_that_nothing_tells),
        cmocka_unit_test(test_wrong_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
