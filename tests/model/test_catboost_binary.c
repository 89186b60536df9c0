/* CatBoost's .cbm: a small writer of FlatBuffers makes right models, and wrong ones of them. */
#include "sample.h"

#include "grown.h"

#include <math.h>

#include "model/flatbuffer.h"

#include "../folder.h"

/* ---- a writer: every table stands before what it points to -------------------------------------
 */

typedef struct writer {
    unsigned char bytes[4096];
    size_t size;
} writer;

static void put(writer *w, const void *bytes, size_t size)
{
    assert_true(w->size + size <= sizeof w->bytes);
    memcpy(w->bytes + w->size, bytes, size);
    w->size += size;
}

static void put16(writer *w, size_t value)
{
    uint16_t narrow = (uint16_t)value;
    put(w, &narrow, sizeof narrow);
}

static void put32(writer *w, size_t value)
{
    uint32_t narrow = (uint32_t)value;
    put(w, &narrow, sizeof narrow);
}

/* The offset at `slot` leads to the end of what is written. */
static void point_here(writer *w, size_t slot)
{
    uint32_t offset = (uint32_t)(w->size - slot);
    memcpy(w->bytes + slot, &offset, sizeof offset);
}

/* A table with room for 8 bytes a field; where its fields stand is `fields + 8 * number`. */
static size_t put_table(writer *w, size_t slot, uint32_t present, size_t n_fields)
{
    size_t vtable = w->size;
    put16(w, 4 + 2 * n_fields);
    put16(w, 4 + 8 * n_fields);
    for (size_t i = 0; i < n_fields; i++)
        put16(w, present >> i & 1 ? 4 + 8 * i : 0);
    point_here(w, slot);
    put32(w, w->size - vtable);
    size_t fields = w->size;
    for (size_t i = 0; i < n_fields; i++) {
        put32(w, 0);
        put32(w, 0);
    }
    return fields;
}

static void put_vector(writer *w, size_t slot, const void *items, size_t count, size_t item_bytes)
{
    point_here(w, slot);
    put32(w, count);
    put(w, items, count * item_bytes);
}

static void put_text(writer *w, size_t slot, const char *text)
{
    put_vector(w, slot, text, strlen(text), 1);
    put(w, "", 1);
}

static size_t put_offsets(writer *w, size_t slot, size_t count)
{
    static const unsigned char zeros[64];
    put_vector(w, slot, zeros, count, 4);
    return w->size - 4 * count;
}

static void set32(writer *w, size_t at, int32_t value)
{
    memcpy(w->bytes + at, &value, sizeof value);
}

/* ---- a model of parts ---------------------------------------------------------------------------
 */

enum { MOST = 16 };

typedef struct sample {
    const char *version, *params, *class_params;
    int32_t splits[MOST], sizes[MOST], steps[MOST]; /* a step: left | right << 16 */
    uint32_t leaves[MOST];
    size_t n_splits, n_sizes, n_steps, n_leaves, n_values, n_weights;
    double values[MOST], weights[MOST];
    int32_t n_outputs, float_column;
    bool statistic, text;
} sample;

/* Conditions: 0: a > 0.5, 1: a > 1.5, 2: city is 7, 3: city is 3. */
static sample plain(void)
{
    return (sample){.version = "FlabuffersModel_v1",
                    .params = "{\"loss_function\":{\"type\":\"Logloss\"}}",
                    .class_params = "{\"class_names\":[\"no\",\"yes\"]}",
                    .splits = {1, 2, 0},
                    .n_splits = 3,
                    .sizes = {2, 1},
                    .n_sizes = 2,
                    .values = {1, 2, 3, 4, 5, 6},
                    .n_values = 6,
                    .weights = {10, 20, 30, 40, 50, 60},
                    .n_weights = 6,
                    .n_outputs = 1};
}

/* A root with a leaf on its left, and below it a node with two leaves. */
static sample stepped(void)
{
    sample s = plain();
    s.splits[0] = 3, s.splits[1] = 0, s.splits[2] = 0;
    s.sizes[0] = 3;
    s.n_sizes = 1;
    s.steps[0] = 1 << 16, s.steps[1] = 1 << 16, s.n_steps = 3; /* nodes 0, 1 step right by 1 */
    s.leaves[0] = 2, s.leaves[1] = 0, s.leaves[2] = 1;
    s.n_leaves = 3;
    s.n_values = s.n_weights = 3;
    return s;
}

static void write_floats(writer *w, size_t slot, const sample *s)
{
    static const float borders[] = {0.5F, 1.5F};
    size_t offsets = put_offsets(w, slot, 1);
    size_t fields = put_table(w, offsets, 0x3e, 6);
    set32(w, fields + 8, 0);
    set32(w, fields + 16, s->float_column);
    w->bytes[fields + 40] = 2; /* AsTrue */
    put_vector(w, fields + 24, borders, 2, sizeof borders[0]);
    put_text(w, fields + 32, "a");
}

static void write_categories(writer *w, size_t slot)
{
    size_t offsets = put_offsets(w, slot, 1);
    size_t fields = put_table(w, offsets, 0x7, 3);
    set32(w, fields + 8, 1);
    put_text(w, fields + 16, "city");
}

static void write_one_hot(writer *w, size_t slot)
{
    static const int32_t values[] = {7, 3};
    size_t offsets = put_offsets(w, slot, 1);
    size_t fields = put_table(w, offsets, 0x3, 2);
    set32(w, fields, 0);
    put_vector(w, fields + 8, values, 2, sizeof values[0]);
}

/* Ctr -> base -> combination -> categories. */
static void write_statistic(writer *w, size_t slot)
{
    static const int32_t categories[] = {0};
    size_t at = put_offsets(w, slot, 1);
    for (int depth = 0; depth < 3; depth++)
        at = put_table(w, at, 0x1, 1);
    at = put_table(w, at, 0x1, 1);
    put_vector(w, at, categories, 1, sizeof categories[0]);
}

static void write_trees(writer *w, size_t slot, const sample *s)
{
    uint32_t present = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 8 |
                       1u << 9 | 1u << 14 | 1u << 15;
    present |= s->statistic ? 1u << 7 : 0;
    present |= s->n_steps > 0 ? 3u << 10 : 0;
    present |= s->text ? 1u << 12 : 0;
    size_t fields = put_table(w, slot, present, 19);
    const double scale = 2, bias = 0.25;
    set32(w, fields, s->n_outputs);
    memcpy(w->bytes + fields + 8 * 14, &scale, sizeof scale);
    memcpy(w->bytes + fields + 8 * 15, &bias, sizeof bias);
    put_vector(w, fields + 8 * 1, s->splits, s->n_splits, sizeof s->splits[0]);
    put_vector(w, fields + 8 * 2, s->sizes, s->n_sizes, sizeof s->sizes[0]);
    write_categories(w, fields + 8 * 4);
    write_floats(w, fields + 8 * 5, s);
    write_one_hot(w, fields + 8 * 6);
    if (s->statistic)
        write_statistic(w, fields + 8 * 7);
    put_vector(w, fields + 8 * 8, s->values, s->n_values, sizeof s->values[0]);
    put_vector(w, fields + 8 * 9, s->weights, s->n_weights, sizeof s->weights[0]);
    if (s->n_steps > 0) {
        put_vector(w, fields + 8 * 10, s->steps, s->n_steps, sizeof s->steps[0]);
        put_vector(w, fields + 8 * 11, s->leaves, s->n_leaves, sizeof s->leaves[0]);
    }
    if (s->text)
        put_table(w, put_offsets(w, fields + 8 * 12, 1), 0, 1);
}

static void write_info(writer *w, size_t slot, const sample *s)
{
    const char *const pairs[2][2] = {{"params", s->params}, {"class_params", s->class_params}};
    size_t offsets = put_offsets(w, slot, 2);
    for (size_t i = 0; i < 2; i++) {
        size_t fields = put_table(w, offsets + 4 * i, 0x3, 2);
        put_text(w, fields, pairs[i][0]);
        put_text(w, fields + 8, pairs[i][1]);
    }
}

static void write_sample(const sample *s, writer *w)
{
    *w = (writer){0};
    put(w, "CBM1", 4);
    put32(w, 0);
    put32(w, 0); /* the root's offset counts from here */
    size_t fields = put_table(w, 8, 0x7, 4);
    put_text(w, fields, s->version);
    write_info(w, fields + 16, s);
    write_trees(w, fields + 8, s);
    set32(w, 4, (int32_t)(w->size - 8));
}

static mw_view view_of(const writer *w)
{
    return (mw_view){(const char *)w->bytes, w->size};
}

static mw_forest *must_read(const sample *s)
{
    writer w;
    write_sample(s, &w);
    return sample_read(view_of(&w));
}

/* ---- tests --------------------------------------------------------------------------------------
 */

static void test_oblivious(void **state)
{
    (void)state;
    sample s = plain();
    mw_forest *forest = must_read(&s);
    static const double leaves[] = {1, 2, 3, 4}, cover[] = {100, 30, 70, 10, 20, 30, 40, 110};
    assert_int_equal(forest->format, MW_FORMAT_CATBOOST_BINARY);
    assert_int_equal(forest->n_trees, 2);
    assert_int_equal(forest->n_nodes, 10);
    const mw_forest *nodes = grown(forest);
    assert_memory_equal(nodes->value + 3, leaves, sizeof leaves);
    assert_memory_equal(nodes->cover, cover, sizeof cover);
    assert_int_equal(nodes->feature[0], 1);
    assert_int_equal(nodes->flags[0],
                     MW_NODE_CATEGORICAL | MW_NODE_DEFAULT_LEFT | MW_NODE_MISSING_NAN);
    assert_int_equal(nodes->flags[1], MW_NODE_LESS_EQUAL | MW_NODE_MISSING_NAN);
    assert_true(nodes->threshold[1] == 1.5 && nodes->threshold[7] == 0.5);
    assert_true(forest->margin_scale == 2 && forest->margin_offset[0] == 0.25);
    assert_int_equal(forest->transform, MW_TRANSFORM_SIGMOID);
    assert_true(mw_view_is(forest->class_labels[1], "yes"));
    const mw_column *city = &forest->schema.columns[1];
    assert_true(mw_view_is(city->name, "city") && city->hashed);
    assert_int_equal(city->n_category_hashes, 1); /* 7: no split of these trees asks for 3 */
    assert_int_equal(city->category_hashes[0], 7);
    assert_int_equal(forest->category_words[forest->category_sets[nodes->set[0]].begin], 1);
    mw_forest_free(forest);
}

static void test_stepped(void **state)
{
    (void)state;
    sample s = stepped();
    mw_forest *forest = must_read(&s);
    assert_int_equal(forest->n_nodes, 5);
    assert_int_equal(forest->n_leaves, 3);
    assert_true(forest->value[forest->left[0]] == 3); /* its own leaf, on the side without a step */
    assert_int_equal(forest->right[0], 1);
    assert_true(forest->value[forest->left[1]] == 1 && forest->value[forest->right[1]] == 2);
    assert_true(forest->cover[0] == 60);
    assert_int_equal(forest->feature[0], 1);
    mw_forest_free(forest);
}

static void test_several_outputs(void **state)
{
    (void)state;
    sample s = plain();
    s.params = "{\"loss_function\":{\"type\":\"MultiRMSE\"}}";
    s.class_params = "{}";
    s.n_outputs = 2;
    s.sizes[0] = 1;
    s.n_sizes = 1;
    s.n_values = 4;
    s.n_weights = 2;
    mw_forest *forest = must_read(&s);
    static const double values[] = {1, 2, 3, 4};
    assert_int_equal(forest->n_margins, 2);
    assert_memory_equal(forest->levels->value, values, sizeof values);
    const mw_forest *nodes = grown(forest);
    assert_memory_equal(nodes->leaf_values, values, sizeof values);
    assert_int_equal(nodes->leaf_vector[2], 2);
    mw_forest_free(forest);
}

static void spoil_version(sample *s)
{
    s->version = "FlabuffersModel_v9";
}

static void spoil_loss(sample *s)
{
    s->params = "{\"loss_function\":{\"type\":\"Strange\"}}";
}

static void spoil_params(sample *s)
{
    s->params = "{\"loss_function\":";
}

static void spoil_condition(sample *s)
{
    s->splits[1] = 4;
}

static void spoil_negative(sample *s)
{
    s->splits[0] = -1;
}

static void spoil_sizes(sample *s)
{
    s->sizes[1] = 2;
}

static void spoil_depth(sample *s)
{
    s->n_splits = MOST;
    s->sizes[0] = -1;
}

static void spoil_values(sample *s)
{
    s->n_values = 5;
}

static void spoil_weights(sample *s)
{
    s->n_weights = 5;
}

static void spoil_outputs(sample *s)
{
    s->n_outputs = 0;
}

static void spoil_column(sample *s)
{
    s->float_column = -2;
}

static void add_statistic(sample *s)
{
    s->statistic = true;
}

static void add_text(sample *s)
{
    s->text = true;
}

static void spoil_step(sample *s)
{
    *s = stepped();
    s->steps[1] = 2 << 16;
}

static void spoil_twice(sample *s)
{
    *s = stepped();
    s->steps[0] = 1 | 1 << 16; /* both sides lead to node 1 */
}

static void spoil_leaf(sample *s)
{
    *s = stepped();
    s->leaves[2] = 3;
}

static void spoil_leaves(sample *s)
{
    *s = stepped();
    s->n_leaves = 2;
}

static void spoil_empty(sample *s)
{
    *s = stepped();
    s->sizes[0] = 0;
}

static const struct {
    const char *name;
    void (*spoil)(sample *s);
    mw_status status;
    const char *where, *what;
} wrong[] = {
    {"version", spoil_version, MW_UNSUPPORTED, "sample", "'FlabuffersModel_v9'"},
    {"loss", spoil_loss, MW_UNSUPPORTED, "loss_function", "'Strange'"},
    {"params", spoil_params, MW_BAD_DATA, "", "expected"},
    {"condition", spoil_condition, MW_BAD_DATA, "tree 0: TreeSplits[1]", "condition 4"},
    {"negative condition", spoil_negative, MW_BAD_DATA, "tree 0: TreeSplits[0]",
     "condition 4294967295"},
    {"sizes", spoil_sizes, MW_BAD_DATA, "tree 1", "too few splits"},
    {"depth", spoil_depth, MW_BAD_DATA, "tree 0", "too few splits"},
    {"values", spoil_values, MW_BAD_DATA, "tree 1", "too few leaf values"},
    {"weights", spoil_weights, MW_BAD_DATA, "tree 1", "too few leaf weights"},
    {"outputs", spoil_outputs, MW_BAD_DATA, "ApproxDimension", "0 outputs"},
    {"column", spoil_column, MW_BAD_DATA, "float_features[0]", "-2"},
    {"statistic", add_statistic, MW_BAD_DATA, "statistic 0", "does not hold"},
    {"text", add_text, MW_UNSUPPORTED, "TextFeatures[0]", "text and embedding"},
    {"step", spoil_step, MW_BAD_DATA, "tree 0: NonSymmetricStepNodes[1]", "out of the tree"},
    {"reached twice", spoil_twice, MW_BAD_DATA, "trees[0].left[0]", "reached twice"},
    {"leaf", spoil_leaf, MW_BAD_DATA, "tree 0", "too few leaf values"},
    {"leaves", spoil_leaves, MW_BAD_DATA, "sample", "too few nodes"},
    {"no nodes", spoil_empty, MW_BAD_DATA, "tree 0", "too few nodes"},
};

static void test_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(wrong); i++) {
        sample s = plain();
        writer w;
        wrong[i].spoil(&s);
        write_sample(&s, &w);
        sample_refuse(wrong[i].name, view_of(&w), wrong[i].status, wrong[i].where, wrong[i].what);
    }
}

static void test_cut_short(void **state)
{
    (void)state;
    sample samples[] = {plain(), stepped()};
    for (size_t i = 0; i < MW_COUNT(samples); i++) {
        writer w;
        write_sample(&samples[i], &w);
        sample_cut_everywhere(view_of(&w), w.size);
    }
}

/* Every byte set to each of a few values: read or refused, and never beyond the bytes. */
static void test_spoilt_bytes(void **state)
{
    (void)state;
    static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};
    sample s = stepped();
    writer w;
    write_sample(&s, &w);
    for (size_t at = 4; at < w.size; at++)
        for (size_t v = 0; v < MW_COUNT(values); v++) {
            char *copy = malloc(w.size);
            mw_error err;
            mw_forest *forest = NULL;
            assert_non_null(copy);
            memcpy(copy, w.bytes, w.size);
            copy[at] = (char)values[v];
            if (mw_forest_read((mw_view){copy, w.size}, "spoilt", &forest, &err) == MW_OK)
                mw_forest_free(forest);
            else if (err.what[0] == '\0' || err.mend[0] == '\0')
                fail_msg("byte %zu = %u: '%s' has no mend", at, values[v], err.what);
            free(copy);
        }
}

/* A core cut inside: the declared size is right, what the offsets lead to is not there. */
static void test_core_cut(void **state)
{
    (void)state;
    sample s = plain();
    writer w;
    write_sample(&s, &w);
    for (size_t size = 9; size < w.size; size++) {
        char *copy = malloc(size);
        uint32_t core = (uint32_t)(size - 8);
        mw_error err;
        mw_forest *forest = NULL;
        assert_non_null(copy);
        memcpy(copy, w.bytes, size);
        memcpy(copy + 4, &core, sizeof core);
        assert_int_equal(mw_forest_read((mw_view){copy, size}, "cut", &forest, &err), MW_BAD_DATA);
        assert_true(err.mend[0] != '\0');
        free(copy);
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

enum { BEHIND = 400 * 1024 }; /* bytes that nobody asks for: the file stands in pages */

static mw_forest *load_padded(const char *folder, const writer *w)
{
    char path[TEST_FOLDER_BYTES + 16], *bytes = calloc(1, w->size + BEHIND);
    mw_error err;
    mw_forest *forest = NULL;
    assert_non_null(bytes);
    memcpy(bytes, w->bytes, w->size);
    snprintf(path, sizeof path, "%s/m.cbm", folder);
    assert_int_equal(mw_file_write(path, (mw_view){bytes, w->size + BEHIND}, &err), MW_OK);
    free(bytes);
    if (mw_forest_load(path, &forest, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    return forest;
}

static void assert_same_levels(const mw_forest *a, const mw_forest *b)
{
    assert_int_equal(a->n_leaves, b->n_leaves);
    assert_int_equal(a->cannot[0], b->cannot[0]);
    assert_string_equal(a->objective, b->objective);
    assert_true(mw_view_equal(a->schema.columns[0].name, b->schema.columns[0].name));
    assert_memory_equal(a->levels->value, b->levels->value,
                        a->n_leaves * a->n_margins * sizeof(double));
    assert_int_equal(a->levels->cover == NULL, b->levels->cover == NULL);
    if (a->levels->cover)
        assert_memory_equal(a->levels->cover, b->levels->cover, a->n_leaves * sizeof(double));
    assert_memory_equal(grown(a)->value, grown(b)->value, a->n_nodes * sizeof(double));
}

/* Leaves that are whole doubles in the pages of the file stay there; others are copied. */
static void test_held_leaves(void **state)
{
    (void)state;
    char folder[TEST_FOLDER_BYTES], params[64];
    size_t n_held = 0, n_copied = 0;
    assert_int_equal(test_folder_make(folder), 0);
    for (int spaces = 0; spaces < 16; spaces++) {
        writer w;
        sample s = plain();
        snprintf(params, sizeof params, "{\"loss_function\":{\"type\":\"Logloss\"%*s}}",
                 spaces / 2 + 1, "");
        s.params = params;
        s.n_weights = spaces % 2 ? 0 : s.n_weights;
        write_sample(&s, &w);
        mw_forest *from_file = load_padded(folder, &w), *from_memory = sample_read(view_of(&w));
        assert_false(from_memory->holds_file);
        assert_int_equal(from_file->holds_file, mw_forest_memory_bytes(from_file) > BEHIND);
        if (from_file->holds_file) /* leaves begin at a cache line */
            assert_int_equal((uintptr_t)from_file->levels->value % MW_FILE_PLACES, 0);
        n_held += from_file->holds_file;
        n_copied += !from_file->holds_file;
        assert_same_levels(from_file, from_memory);
        mw_forest_free(from_file);
        mw_forest_free(from_memory);
    }
    assert_true(n_held > 0 && n_copied > 0);
    assert_int_equal(test_folder_remove(folder), 0);
}

/* What is wrong with such a file is found as from memory. */
static void test_held_too_few(void **state)
{
    (void)state;
    char folder[TEST_FOLDER_BYTES], path[TEST_FOLDER_BYTES + 16], params[64];
    assert_int_equal(test_folder_make(folder), 0);
    snprintf(path, sizeof path, "%s/m.cbm", folder);
    for (int i = 0; i < 24; i++) {
        static char bytes[sizeof((writer *)0)->bytes + BEHIND];
        writer w;
        mw_error of_file, of_memory;
        mw_forest *forest;
        sample s = plain();
        snprintf(params, sizeof params, "{\"loss_function\":{\"type\":\"Logloss\"%*s}}", i / 3 + 1,
                 "");
        s.params = params;
        s.n_values -= i % 3 == 0;
        s.n_weights -= i % 3 == 1;
        s.values[4] = i % 3 == 2 ? (double)NAN : s.values[4];
        write_sample(&s, &w);
        memcpy(bytes, w.bytes, w.size);
        mw_view all = {bytes, w.size + BEHIND};
        assert_int_equal(mw_file_write(path, all, &of_file), MW_OK);
        assert_int_equal(mw_forest_load(path, &forest, &of_file), MW_BAD_DATA);
        assert_int_equal(mw_forest_read(all, path, &forest, &of_memory), MW_BAD_DATA);
        assert_string_equal(of_file.where, of_memory.where);
        assert_string_equal(of_file.what, of_memory.what);
    }
    assert_int_equal(test_folder_remove(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oblivious),       cmocka_unit_test(test_stepped),
        cmocka_unit_test(test_several_outputs), cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_cut_short),       cmocka_unit_test(test_spoilt_bytes),
        cmocka_unit_test(test_core_cut),        cmocka_unit_test(test_held_leaves),
        cmocka_unit_test(test_held_too_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
