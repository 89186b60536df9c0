/* Rows in registers: trees by the block, tops of every depth, pieces below them. */
#include "../test.h"

#include "predict/row.h"

#include "compare.h"

enum { LANES = 32 };

/* Covers decide how deep tops are: where rows go the deep way, where not, and where it is said
 * nowhere. */
typedef enum covers { COVERS_NONE, COVERS_SHALLOW, COVERS_DEEP, COVERS_ODD } covers;

static void put_covers(mw_forest *forest, covers kind, double *cover)
{
    for (size_t node = 0; node < forest->n_nodes; node++) {
        bool leaf = forest->left[node] == MW_NO_CHILD;
        double rows = kind == COVERS_SHALLOW ? (leaf ? 1000 : 1) : (leaf ? 1 : 1000);
        cover[node] = rows;
        if (kind == COVERS_ODD)
            cover[node] = node % 3 == 0 ? 0 : node % 3 == 1 ? NAN : INFINITY;
    }
    forest->cover = kind == COVERS_NONE ? NULL : cover;
}

static row_layout *layout_of(const mw_forest *forest)
{
    mw_error err;
    void *layout;
    assert_int_equal(row_layout_make(forest, NULL, LANES, &layout, &err), MW_OK);
    return layout;
}

static void compare_forest(const char *name, mw_forest *forest)
{
    double *cover = calloc(forest->n_nodes + 1, sizeof *cover);
    for (covers kind = COVERS_NONE; kind <= COVERS_ODD; kind++) {
        put_covers(forest, kind, cover);
        for (unsigned shape = 0; shape < 2; shape++) {
            chance from = {shape + 7 * kind};
            void *memory;
            mw_matrix rows = make_rows(&from, 67, forest->n_features, shape, 0.1, &memory);
            for (; rows.n_rows > 0; rows.n_rows = rows.n_rows > 1 ? 1 : 0) { /* one: its own way */
                if (row_kernel())
                    compare(name, forest, &rows, row_kernel(), false);
                compare_emulated(name, forest, &rows, false);
            }
            free(memory);
        }
    }
    forest->cover = NULL;
    free(cover);
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static const forest_wish wishes[] = {
    {.name = "blocks and a rest", .n_trees = 150, .n_features = 6, .n_margins = 1, .depth_max = 3},
    {.name = "a block", .n_trees = 64, .n_features = 6, .n_margins = 1, .depth_max = 2},
    {.name = "one more", .n_trees = 129, .n_features = 6, .n_margins = 1, .depth_max = 2},
    {.name = "depth 1", .n_trees = 33, .n_features = 6, .n_margins = 1, .depth_max = 1},
    {.name = "depth 7", .n_trees = 40, .n_features = 6, .n_margins = 1, .depth_max = 7},
    {.name = "depth 8", .n_trees = 40, .n_features = 6, .n_margins = 2, .depth_max = 8},
    {.name = "depth 8, a sum", .n_trees = 77, .n_features = 6, .n_margins = 1, .depth_max = 8},
    {.name = "chains",
     .n_trees = 70,
     .n_features = 6,
     .n_margins = 1,
     .depth_max = 200,
     .lopsided = 1},
    {.name = "chains of doubles",
     .lightgbm = true,
     .n_trees = 70,
     .n_features = 6,
     .n_margins = 1,
     .depth_max = 90,
     .lopsided = 1},
    {.name = "leaf-wise",
     .lightgbm = true,
     .n_trees = 140,
     .n_features = 9,
     .n_margins = 1,
     .depth_max = 25,
     .lopsided = 0.85},
    {.name = "leaf-wise classes",
     .lightgbm = true,
     .n_trees = 140,
     .n_features = 9,
     .n_margins = 5,
     .depth_max = 25,
     .lopsided = 0.85},
    {.name = "vectors",
     .n_trees = 40,
     .n_features = 6,
     .n_margins = 3,
     .depth_max = 9,
     .stop = 0.2,
     .vector_leaves = true},
    {.name = "sets below",
     .lightgbm = true,
     .n_trees = 70,
     .n_features = 4,
     .n_margins = 1,
     .depth_max = 30,
     .lopsided = 0.9,
     .categorical = 0.5},
    {.name = "sets only, chains",
     .lightgbm = true,
     .n_trees = 35,
     .n_features = 3,
     .n_margins = 1,
     .depth_max = 150,
     .lopsided = 1,
     .categorical = 1},
    {.name = "sets of floats",
     .n_trees = 70,
     .n_features = 6,
     .n_margins = 2,
     .depth_max = 12,
     .lopsided = 0.8,
     .categorical = 0.4},
    /* features that are asked for stand near each other in a row, or far apart */
    {.name = "gaps", .n_trees = 9, .n_features = 40, .n_margins = 1, .depth_max = 2},
    {.name = "far apart", .n_trees = 5, .n_features = 150, .n_margins = 1, .depth_max = 3},
    {.name = "many cuts", .n_trees = 150, .n_features = 5, .n_margins = 1, .depth_max = 5},
    {.name = "many codes", .n_trees = 60, .n_features = 50, .n_margins = 1, .depth_max = 7},
};

static void test_shapes(void **state)
{
    (void)state;
    for (size_t w = 0; w < MW_COUNT(wishes); w++) {
        mw_forest *forest = random_forest(&wishes[w], 500 + w);
        compare_forest(wishes[w].name, forest);
        random_forest_free(forest);
    }
}

/* ---- what is laid out --------------------------------------------------------------------------
 */

static const forest_wish chains = {.name = "chains",
                                   .n_trees = 40,
                                   .n_features = 6,
                                   .n_margins = 1,
                                   .depth_max = 100,
                                   .lopsided = 1};

/* Rows of more columns than registers hold, with and without missing values. */
static void test_wide(void **state)
{
    (void)state;
    enum { LAST_WIDE = 2 };
    static const forest_wish wide[] = {
        {.name = "wide", .n_trees = 70, .n_features = 200, .n_margins = 1, .depth_max = 6},
        {.name = "depth 8", .n_trees = 5, .n_features = 180, .n_margins = 2, .depth_max = 8},
        {.name = "oblivious",
         .lightgbm = true,
         .catboost = true,
         .n_trees = 130,
         .n_features = 250,
         .n_margins = 1,
         .depth_max = 5,
         .oblivious = true},
        {.name = "too deep", .n_trees = 9, .n_features = 200, .n_margins = 1, .depth_max = 11},
        {.name = "too wide", .n_trees = 70, .n_features = 300, .n_margins = 1, .depth_max = 6},
    };
    for (size_t w = 0; w < MW_COUNT(wide); w++) {
        mw_forest *forest = random_forest(&wide[w], 40 + w);
        uint8_t *flags = (uint8_t *)(uintptr_t)forest->flags;
        for (size_t node = 0; node < forest->n_nodes; node++) /* no rules about zeros */
            flags[node] = (uint8_t)((flags[node] & ~MW_NODE_MISSING_MASK) | MW_NODE_MISSING_NAN);
        mw_error err;
        void *layout;
        assert_int_equal(row_layout_make(forest, NULL, ROW_LANES_MAX, &layout, &err), MW_OK);
        if ((layout != NULL) != (w <= LAST_WIDE))
            fail_msg("%s: %s", wide[w].name, layout ? "taken" : "not taken");
        assert_true(w > LAST_WIDE || ((const row_layout *)layout)->wide);
        row_layout_free(layout);
        for (unsigned shape = 0; shape < 4; shape++) {
            chance from = {shape};
            void *memory;
            mw_matrix rows =
                make_rows(&from, 35, forest->n_features, shape, shape / 2 * 0.1, &memory);
            if (byte_kernel() && strcmp(byte_kernel(), "avx512") == 0)
                compare(wide[w].name, forest, &rows, "row-avx512", w <= LAST_WIDE);
            compare_emulated(wide[w].name, forest, &rows, false);
            free(memory);
        }
        random_forest_free(forest);
    }
}

/* Where few rows go on, tops are shallow; where all do, as deep as they may be. */
static void test_covers_choose_depth(void **state)
{
    (void)state;
    mw_forest *forest = random_forest(&chains, 1);
    double *cover = calloc(forest->n_nodes, sizeof *cover);
    put_covers(forest, COVERS_SHALLOW, cover);
    row_layout *shallow = layout_of(forest);
    put_covers(forest, COVERS_DEEP, cover);
    row_layout *deep = layout_of(forest);
    assert_true(shallow->blocks[0].depth < deep->blocks[0].depth);
    assert_true(shallow->n_pieces > 0 && deep->n_pieces > 0);
    bool goes_on = false; /* from piece to piece */
    for (size_t i = 0; i < deep->n_pieces; i++)
        goes_on |= deep->pieces[i].goes_on != 0;
    assert_true(goes_on);
    row_layout_free(shallow);
    row_layout_free(deep);
    free(cover);
    random_forest_free(forest);
}

/* A tree's questions about categories below its top may fill several words. */
static void test_words_of_sets(void **state)
{
    (void)state;
    static const forest_wish wish = {.name = "sets",
                                     .lightgbm = true,
                                     .n_trees = 3,
                                     .n_features = 2,
                                     .n_margins = 1,
                                     .depth_max = 150,
                                     .lopsided = 1,
                                     .categorical = 1};
    mw_forest *forest = random_forest(&wish, 4);
    row_layout *layout = layout_of(forest);
    uint32_t last = 0;
    for (size_t i = 0; i < layout->n_pieces; i++) {
        const row_piece *piece = &layout->pieces[i];
        last = piece->set_word > last ? piece->set_word : last;
        assert_true(piece->set_mask == 0 || piece->set_shift < 64);
        assert_true((layout->table_words + 8 * piece->set_word + 8) <= layout->table_row_bytes);
    }
    assert_true(last >= 2 * wish.n_trees - 1);
    row_layout_free(layout);
    random_forest_free(forest);
}

/* What it takes does not grow faster than the forest: 128 bytes a piece, and a piece has few
 * questions only at the end of a branch. */
static void test_memory(void **state)
{
    (void)state;
    mw_forest *forest = random_forest(&chains, 9);
    row_layout *layout = layout_of(forest);
    size_t cuts = layout->cuts->n_searches * (BYTES_TABLE32 + BYTES_TABLE) * sizeof(double);
    assert_true(row_layout_bytes(layout) < 64 * forest->n_nodes + 2 * cuts + 64 * 1024);
    row_layout_free(layout);
    random_forest_free(forest);
}

static void test_not_taken(void **state)
{
    (void)state;
    static const forest_wish refused[] = {
        {.name = "many columns", .n_trees = 60, .n_features = 150, .n_margins = 1, .depth_max = 7},
        {.name = "many leaves", .n_trees = 2, .n_features = 3, .n_margins = 1, .depth_max = 9},
        {.name = "linear",
         .lightgbm = true,
         .n_trees = 3,
         .n_features = 3,
         .n_margins = 1,
         .depth_max = 3,
         .linear_leaves = true},
    };
    for (size_t i = 0; i < MW_COUNT(refused); i++) {
        mw_forest *forest = random_forest(&refused[i], i);
        if (layout_of(forest))
            fail_msg("%s: taken", refused[i].name);
        random_forest_free(forest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_wide),
        cmocka_unit_test(test_covers_choose_depth),
        cmocka_unit_test(test_words_of_sets),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
