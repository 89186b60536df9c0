/* Oblivious trees as levels: each kernel takes them, or nodes made of them, with the same bits. */
#include "compare.h"

#include "model/growth.h"
#include "predict/row.h"

/* What a forest of levels looks like. */
typedef struct levels_wish {
    const char *name;
    size_t n_trees, n_features, n_outputs;
    unsigned depth_min, depth_max;
    double categorical; /* chance that a level asks for a category */
    bool by_row;        /* the row kernels take it */
} levels_wish;

static const levels_wish wishes[] = {
    {"depth 6", 150, 7, 1, 6, 6, 0, true},         {"a block", 64, 7, 1, 5, 5, 0, true},
    {"one more", 129, 7, 1, 2, 2, 0, true},        {"depths 0 to 6", 150, 7, 1, 0, 6, 0, true},
    {"leaves alone", 70, 3, 1, 0, 0, 0, true},     {"stumps", 33, 3, 1, 1, 1, 0, true},
    {"depth 8", 21, 7, 1, 8, 8, 0, true},          {"depths 6 to 9", 90, 7, 1, 6, 9, 0, true},
    {"depth 16", 3, 9, 1, 16, 16, 0, true},       {"classes", 70, 5, 3, 5, 5, 0, true},
    {"classes, depths", 35, 5, 4, 0, 7, 0, true},  {"categories", 66, 5, 1, 4, 6, 0.4, true},
    {"categories alone", 20, 3, 2, 5, 5, 1, true}, {"deep classes", 9, 5, 3, 9, 11, 0, true},
    {"deep categories", 66, 5, 1, 7, 10, 0.4, true},
    {"deep and wide", 66, 150, 1, 8, 10, 0, false}, /* by row-avx512, which has a wide form */
    {"equally deep", 64, 7, 1, 10, 10, 0, true},
};

typedef struct levels_draft {
    chance from;
    const levels_wish *wish;
    mw_forest *forest;
    uint32_t *start, *tree_start, *output, *feature, *set, *words;
    double *threshold, *value, *cover;
    uint8_t *flags;
    mw_category_set *sets;
    size_t n_levels, n_leaves;
} levels_draft;

static void take_arrays(levels_draft *d)
{
    mw_arena *arena = &d->forest->arena;
    const levels_wish *wish = d->wish;
    size_t n_levels = wish->n_trees * (wish->depth_max + 1);
    size_t n_leaves = wish->n_trees << wish->depth_max;
    d->start = mw_arena_take_zeroed(arena, wish->n_trees + 1, sizeof *d->start);
    d->tree_start = mw_arena_take_zeroed(arena, wish->n_trees + 1, sizeof *d->tree_start);
    d->output = mw_arena_take_zeroed(arena, wish->n_trees, sizeof *d->output);
    d->feature = mw_arena_take_zeroed(arena, n_levels, sizeof *d->feature);
    d->set = mw_arena_take_zeroed(arena, n_levels, sizeof *d->set);
    d->sets = mw_arena_take_zeroed(arena, n_levels, sizeof *d->sets);
    d->words = mw_arena_take_zeroed(arena, n_levels * WORDS_PER_SET, sizeof *d->words);
    d->threshold = mw_arena_take_zeroed(arena, n_levels, sizeof *d->threshold);
    d->flags = mw_arena_take_zeroed(arena, n_levels, sizeof *d->flags);
    d->cover = mw_arena_take_zeroed(arena, n_leaves, sizeof *d->cover);
    d->value = mw_arena_take_zeroed(arena, n_leaves * wish->n_outputs, sizeof *d->value);
}

static void put_level(levels_draft *d)
{
    size_t i = d->n_levels++;
    unsigned side = chance_below(&d->from, 2) ? MW_NODE_DEFAULT_LEFT : 0;
    d->feature[i] = (uint32_t)chance_below(&d->from, d->wish->n_features);
    d->flags[i] = (uint8_t)(MW_NODE_LESS_EQUAL | MW_NODE_MISSING_NAN | side);
    d->threshold[i] = chance_value(&d->from, true);
    if (!(chance_unit(&d->from) < d->wish->categorical))
        return;
    size_t set = d->forest->n_category_sets++;
    uint32_t begin = (uint32_t)set * WORDS_PER_SET;
    d->flags[i] = MW_NODE_CATEGORICAL | MW_NODE_DEFAULT_LEFT | MW_NODE_MISSING_NAN;
    d->threshold[i] = 0;
    d->set[i] = (uint32_t)set;
    d->sets[set] = (mw_category_set){begin, begin + WORDS_PER_SET};
    for (uint32_t w = begin; w < begin + WORDS_PER_SET; w++)
        d->words[w] = (uint32_t)chance_bits(&d->from);
}

static void put_tree(levels_draft *d, size_t tree)
{
    const levels_wish *wish = d->wish;
    size_t span = wish->depth_max - wish->depth_min + 1;
    size_t depth = wish->depth_min + chance_below(&d->from, span), n_leaves = (size_t)1 << depth;
    for (size_t i = 0; i < depth; i++)
        put_level(d);
    for (size_t i = d->n_leaves; i < d->n_leaves + n_leaves; i++)
        d->cover[i] = (double)chance_below(&d->from, 50);
    for (size_t i = d->n_leaves * wish->n_outputs; i < (d->n_leaves + n_leaves) * wish->n_outputs;
         i++)
        d->value[i] = chance_unit(&d->from) - 0.5;
    d->n_leaves += n_leaves;
    d->start[tree + 1] = (uint32_t)d->n_levels;
    d->tree_start[tree + 1] = d->tree_start[tree] + (uint32_t)(2 * n_leaves - 1);
    d->output[tree] = wish->n_outputs > 1 ? MW_ALL_OUTPUTS : 0;
    if (depth > d->forest->max_depth)
        d->forest->max_depth = depth;
}

static void finish_levels(levels_draft *d)
{
    mw_forest *forest = d->forest;
    double *base = mw_arena_take_zeroed(&forest->arena, d->wish->n_outputs, sizeof *base);
    forest->format = MW_FORMAT_CATBOOST_BINARY;
    forest->library_version = forest->objective = "";
    forest->n_features = forest->n_columns = d->wish->n_features;
    forest->n_margins = forest->n_predictions = d->wish->n_outputs;
    forest->n_trees = d->wish->n_trees;
    forest->best_iteration = -1;
    forest->input = MW_INPUT_FLOAT32;
    forest->base_margin = base;
    forest->margin_scale = forest->divide_by = forest->scale = 1;
    forest->n_leaves = d->n_leaves;
    forest->n_nodes = d->tree_start[forest->n_trees];
    forest->tree_start = d->tree_start;
    forest->tree_output = d->output;
    forest->category_sets = d->sets;
    forest->category_words = d->words;
}

static mw_forest *random_levels(const levels_wish *wish, uint64_t seed)
{
    mw_error err;
    levels_draft d = {.from = {seed}, .wish = wish, .forest = calloc(1, sizeof *d.forest)};
    mw_arena_init(&d.forest->arena, 64 * MW_KIB, 1 * MW_GIB);
    take_arrays(&d);
    for (size_t tree = 0; tree < wish->n_trees; tree++)
        put_tree(&d, tree);
    finish_levels(&d);
    mw_levels *levels = mw_arena_take_zeroed(&d.forest->arena, 1, sizeof *levels);
    *levels = (mw_levels){.start = d.start,
                          .feature = d.feature,
                          .threshold = d.threshold,
                          .flags = d.flags,
                          .set = wish->categorical > 0 ? d.set : NULL,
                          .value = d.value,
                          .cover = d.cover};
    d.forest->levels = levels;
    assert_int_equal(model_growth_new(d.forest, &err), MW_OK);
    return d.forest;
}

static void compare_levels(const levels_wish *wish, const mw_forest *forest, const mw_matrix *rows)
{
    if (byte_kernel())
        compare(wish->name, forest, rows, byte_kernel(), true);
    if (row_kernel())
        compare(wish->name, forest, rows, row_kernel(), wish->by_row);
    if (byte_kernel() && strcmp(byte_kernel(), "avx512") == 0)
        compare(wish->name, forest, rows, "avx2", true);
    compare(wish->name, forest, rows, "levels", true);
    compare(wish->name, forest, rows, "interleaved", false); /* of nodes */
    compare_emulated(wish->name, forest, rows, true);
}

static void test_kernels(void **state)
{
    (void)state;
    for (size_t w = 0; w < MW_COUNT(wishes); w++) {
        mw_forest *forest = random_levels(&wishes[w], 70 + w);
        chance from = {w};
        for (size_t n_rows = 1; n_rows <= 300; n_rows += TEST_SHARE == 1 ? 43 : 149) {
            void *memory;
            unsigned shape = (unsigned)(n_rows % 8);
            mw_matrix rows = make_rows(&from, n_rows, forest->n_features, shape, 0.1, &memory);
            compare_levels(&wishes[w], forest, &rows);
            free(memory);
        }
        mw_forest_free(forest);
    }
}

/* A predictor of its own choice makes no nodes. */
static void test_choice(void **state)
{
    (void)state;
    for (size_t w = 0; w < MW_COUNT(wishes); w++) {
        mw_forest *forest = random_levels(&wishes[w], 170 + w);
        size_t before = mw_forest_memory_bytes(forest);
        mw_error err;
        mw_predictor *predictor;
        unsetenv("MW_CPU");
        assert_int_equal(mw_predictor_new(forest, &predictor, &err), MW_OK);
        assert_int_equal(mw_forest_memory_bytes(forest), before);
        assert_ptr_equal(predictor->forest, forest);
        mw_predictor_free(predictor);
        mw_forest_free(forest);
    }
}

/* Leaves are not copied, whatever the depths. */
static void test_borrowed_leaves(void **state)
{
    (void)state;
    for (size_t w = 0; w < MW_COUNT(wishes); w++) {
        mw_forest *forest = random_levels(&wishes[w], 270 + w);
        mw_error err;
        void *untyped;
        assert_int_equal(row_layout_make(forest, NULL, 32, &untyped, &err), MW_OK);
        row_layout *layout = untyped;
        assert_int_equal(layout != NULL, wishes[w].by_row);
        if (layout) {
            assert_ptr_equal(layout->values, forest->levels->value);
            assert_int_equal(layout->n_values, 0);
        }
        row_layout_free(layout);
        mw_forest_free(forest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernels),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_borrowed_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
