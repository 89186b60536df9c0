/* Prediction bodies: every form to its values, every fault to its sentence. */
#include "../test.h"

#include <math.h>

#include "table/table.h"

static mw_arena arena;
static mw_pool *pool;
static mw_schema named, unnamed, typed;

static int set_up(void **state)
{
    (void)state;
    static const mw_view cities[] = {{"Austin", 6}, {"Boston", 6}};
    static const mw_view sizes[] = {{"1", 1}, {"2.5", 3}};
    const mw_column three[] = {{.name = MW_VIEW("age")},
                               {.name = MW_VIEW("income")},
                               {.name = MW_VIEW("debt"), .optional = true}};
    const mw_column made_up[] = {{.name = MW_VIEW("f0")}, {.name = MW_VIEW("f1")}};
    const mw_column of_types[] = {
        {.name = MW_VIEW("n"), .type = MW_COLUMN_INT32},
        {.name = MW_VIEW("b"), .type = MW_COLUMN_BOOL},
        {.name = MW_VIEW("city"),
         .type = MW_COLUMN_CATEGORY,
         .categories = cities,
         .n_categories = 2},
        {.name = MW_VIEW("size"),
         .type = MW_COLUMN_CATEGORY,
         .categories = sizes,
         .n_categories = 2,
         .categories_are_numbers = true,
         .unknown_is_missing = true},
        {.name = MW_VIEW("f"), .type = MW_COLUMN_FLOAT32},
    };
    mw_arena_init(&arena, 64 * MW_KIB, 64 * MW_MIB);
    assert_int_equal(mw_schema_make(three, 3, true, &arena, &named, NULL), MW_OK);
    assert_int_equal(mw_schema_make(made_up, 2, false, &arena, &unnamed, NULL), MW_OK);
    assert_int_equal(mw_schema_make(of_types, 5, true, &arena, &typed, NULL), MW_OK);
    return mw_pool_new(3, &pool, NULL) == MW_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mw_pool_free(pool);
    mw_arena_done(&arena);
    return 0;
}

#define MISSING NAN

typedef struct good_body {
    const char *name;
    const mw_schema *schema;
    const char *body;
    size_t n_rows;
    double values[12];
} good_body;

static const good_body mlflow_bodies[] = {
    {"split",
     &named,
     "{\"dataframe_split\":{\"columns\":[\"age\",\"income\",\"debt\"],\"data\":[[1,2.5,3],[4,null,"
     "6]]}}",
     2,
     {1, 2.5, 3, 4, MISSING, 6}},
    {"split, other order and extra column",
     &named,
     "{\"dataframe_split\":{\"columns\":[\"x\",\"debt\",\"income\",\"age\"],\"data\":[[\"text\",3,"
     "2,1]]}}",
     1,
     {1, 2, 3}},
    {"split, data before columns",
     &named,
     "{\"dataframe_split\":{\"index\":[0],\"data\":[[2,1]],\"columns\":[\"income\",\"age\"]},"
     "\"params\":{\"a\":1}}",
     1,
     {1, 2, MISSING}},
    {"split without columns", &named, "{\"dataframe_split\":{\"data\":[[1,2,3]]}}", 1, {1, 2, 3}},
    {"split, no rows",
     &named,
     "{\"dataframe_split\":{\"columns\":[\"age\",\"income\"],\"data\":[]}}",
     0,
     {0}},
    {"records",
     &named,
     "{\"dataframe_records\":[{\"age\":1,\"income\":2},{\"income\":4,\"age\":3,\"debt\":5}]}",
     2,
     {1, 2, MISSING, 3, 4, 5}},
    {"records, a key absent in one row",
     &named,
     "{\"dataframe_records\":[{\"age\":1,\"income\":2},{\"age\":3}]}",
     2,
     {1, 2, MISSING, 3, MISSING, MISSING}},
    {"records, escaped key",
     &named,
     "{\"dataframe_records\":[{\"\\u0061ge\":1,\"income\":NaN}]}",
     1,
     {1, MISSING, MISSING}},
    {"instances, lists", &unnamed, "{\"instances\":[[1,-2e3],[true,false]]}", 2, {1, -2000, 1, 0}},
    {"instances, objects without known names",
     &unnamed,
     "{\"instances\":[{\"a\":1,\"b\":2},{\"b\":4,\"a\":3}]}",
     2,
     {1, 2, 3, 4}},
    {"inputs, columns",
     &named,
     "{\"inputs\":{\"age\":[1,2],\"income\":[[3],[4]]}}",
     2,
     {1, 3, MISSING, 2, 4, MISSING}},
    {"inputs, rows", &unnamed, "{\"inputs\":[[1,2]]}", 1, {1, 2}},
    {"types",
     &typed,
     "{\"dataframe_records\":[{\"n\":7,\"b\":true,\"city\":\"Boston\",\"size\":2.5,\"f\":0.1},"
     "{\"n\":null,\"b\":0,\"city\":null,\"size\":99,\"f\":1}]}",
     2,
     {7, 1, 1, 1, 0.10000000149011612, MISSING, 0, MISSING, MISSING, 1}},
    {"category as text of a number",
     &typed,
     "{\"dataframe_records\":[{\"n\":1,\"b\":1,\"city\":\"Austin\",\"size\":\"2.50\",\"f\":0}]}",
     1,
     {1, 1, 0, 1, 0}},
};

static void compare(const good_body *c, const mw_batch *batch)
{
    if (batch->n_rows != c->n_rows)
        fail_msg("%s: %zu rows, expected %zu", c->name, batch->n_rows, c->n_rows);
    for (size_t i = 0; i < batch->n_rows * batch->n_columns; i++) {
        double got = batch->values[i], wanted = c->values[i];
        if (got != wanted && !(isnan(got) && isnan(wanted)))
            fail_msg("%s: value %zu is %g, expected %g", c->name, i, got, wanted);
    }
}

static void test_mlflow_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(mlflow_bodies); i++) {
        mw_error err;
        mw_batch batch;
        if (mw_batch_read_mlflow(mw_view_of(mlflow_bodies[i].body), mlflow_bodies[i].schema, &arena,
                                 pool, &batch, NULL, &err) != MW_OK)
            fail_msg("%s: %s: %s", mlflow_bodies[i].name, err.where, err.what);
        compare(&mlflow_bodies[i], &batch);
    }
}

static const struct bad_body {
    const char *name;
    const mw_schema *schema;
    const char *body, *where, *what; /* parts that must stand in the error */
} bad_bodies[] = {
    {"no form", &named, "{\"rows\":[]}", "", "exactly one"},
    {"two forms", &unnamed, "{\"instances\":[],\"inputs\":[]}", "", "exactly one"},
    {"a list", &named, "[]", "byte 0", "expected an object"},
    {"empty", &named, "", "", "expected an object"},
    {"cut short", &named, "{\"instances\":[[1,2", "", "expected"},
    {"behind the end", &unnamed, "{\"instances\":[[1,2]]} x", "", "expected the end"},
    {"missing column", &named, "{\"dataframe_records\":[{\"age\":1}]}", "dataframe_records",
     "a column is missing: 'income'"},
    {"missing column in split", &named,
     "{\"dataframe_split\":{\"columns\":[\"age\",\"incom\"],\"data\":[]}}", "dataframe_split",
     "'income'"},
    {"text in a number column", &named,
     "{\"dataframe_records\":[{\"age\":1,\"income\":2},{\"age\":\"old\",\"income\":2}]}",
     "row 1, column 'age'", "'old'"},
    {"too few", &named, "{\"instances\":[[1,2,3],[1,2]]}", "row 1", "2 values, the model takes 3"},
    {"too many", &unnamed, "{\"instances\":[[1,2,3]]}", "row 0", "3 values, the model takes 2"},
    {"row shorter than its columns", &named,
     "{\"dataframe_split\":{\"columns\":[\"age\",\"income\",\"x\",\"y\"],\"data\":[[1,2,3]]}}",
     "row 0", "3 values for 4 columns"},
    {"one name twice", &named,
     "{\"dataframe_split\":{\"columns\":[\"age\",\"income\",\"age\"],\"data\":[]}}", "",
     "two columns are called 'age'"},
    {"columns of unequal length", &named, "{\"inputs\":{\"age\":[1,2],\"income\":[3]}}",
     "column 'income'", "same number of rows"},
    {"columns of unequal length, longer", &named, "{\"inputs\":{\"age\":[1],\"income\":[3,4]}}",
     "column 'income'", "same number of rows"},
    {"no columns at all", &named, "{\"inputs\":{}}", "inputs", "columns are missing"},
    {"fraction", &typed, "{\"dataframe_records\":[{\"n\":1.5}]}", "row 0, column 'n'",
     "1.5 is no int32"},
    {"unknown category", &typed, "{\"dataframe_records\":[{\"city\":\"Paris\"}]}", "column 'city'",
     "'Paris'"},
    {"not a bool", &typed, "{\"dataframe_records\":[{\"b\":2}]}", "column 'b'", "2 is no bool"},
    {"too large", &unnamed, "{\"instances\":[[1e999,1]]}", "column 'f0'", "beyond"},
    {"nested too deeply", &unnamed, "{\"instances\":[[[1,2]]]}", "column 'f0'",
     "expected a number"},
    {"a scalar for a row", &unnamed, "{\"instances\":[[1,2],3]}", "row 1", "expected a list"},
    {"another column in a later row", &unnamed,
     "{\"instances\":[{\"a\":1,\"b\":2},{\"a\":1,\"c\":2}]}", "row 1", "'c' is one too many"},
    {"leading zero", &unnamed, "{\"instances\":[[01,2]]}", "", "expected"},
    {"not UTF-8", &named, "{\"dataframe_records\":[{\"\xff\":1}]}", "", "UTF-8"},
};

static void test_bad_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(bad_bodies); i++) {
        const struct bad_body *c = &bad_bodies[i];
        mw_error err;
        mw_batch batch = {NULL, 77, 0};
        if (mw_batch_read_mlflow(mw_view_of(c->body), c->schema, &arena, pool, &batch, NULL,
                                 &err) == MW_OK)
            fail_msg("%s: accepted", c->name);
        if (!strstr(err.where, c->where) || !strstr(err.what, c->what) || !err.mend[0])
            fail_msg("%s: '%s': '%s'; fix '%s'", c->name, err.where, err.what, err.mend);
        assert_int_equal(batch.n_rows, 77); /* outputs are written on success only */
    }
}

/* Every body, cut at every byte, is refused and never read beyond its end. */
static void test_cut_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(mlflow_bodies); i++) {
        size_t size = strlen(mlflow_bodies[i].body);
        for (size_t cut = 0; cut < size; cut++) {
            char *exact = malloc(cut + 1);
            memcpy(exact, mlflow_bodies[i].body, cut);
            mw_batch batch;
            mw_error err;
            if (mw_batch_read_mlflow((mw_view){exact, cut}, mlflow_bodies[i].schema, &arena, pool,
                                     &batch, NULL, &err) == MW_OK)
                fail_msg("%s: accepted when cut at %zu", mlflow_bodies[i].name, cut);
            free(exact);
        }
    }
}

static void test_many_rows(void **state)
{
    (void)state;
    enum { N_ROWS = 20000 };
    mw_buf body;
    mw_buf_init(&body, 16 * MW_MIB);
    mw_buf_text(&body, "{\"instances\":[");
    for (int i = 0; i < N_ROWS; i++)
        mw_buf_format(&body, "%s[%d,%.17g]", i ? "," : "", i, i / 7.0);
    mw_buf_text(&body, "]}");
    mw_batch batch;
    mw_error err;
    assert_int_equal(
        mw_batch_read_mlflow(mw_buf_as_view(&body), &unnamed, &arena, pool, &batch, NULL, &err),
        MW_OK);
    assert_int_equal(batch.n_rows, N_ROWS);
    for (int i = 0; i < N_ROWS; i++) {
        assert_true(batch.values[2 * i] == i);
        assert_true(batch.values[2 * i + 1] == i / 7.0);
    }
    mw_buf_done(&body);
}

/* Names that are the schema's own are passed over unread: only where they really are. */
static void test_own_names(void **state)
{
    (void)state;
    static const struct {
        mw_view names[2]; /* of the schema */
        const char *columns;
        double first; /* column 0 of the row [1,2]; 0 = refused */
    } cases[] = {
        {{MW_VIEW("a"), MW_VIEW("b")}, "[\"a\",\"b\"]", 1},
        {{MW_VIEW("a"), MW_VIEW("b")}, " [ \"a\" ,\n\"b\" ] ", 1},
        {{MW_VIEW("a"), MW_VIEW("b")}, "[\"b\",\"a\"]", 2},
        {{MW_VIEW("a"), MW_VIEW("b")}, "[\"a\",\"\\u0062\"]", 1},
        {{MW_VIEW("a"), MW_VIEW("ab")}, "[\"ab\",\"a\"]", 2},
        {{MW_VIEW("a"), MW_VIEW("b")}, "[\"a\",\"b\",\"c\"]", 0}, /* too few values */
        {{MW_VIEW("a"), MW_VIEW("b")}, "[\"a\",\"a\"]", 0},
        {{MW_VIEW("a"), MW_VIEW("b")}, "[\"a\"]", 0},
        {{MW_VIEW("a"), MW_VIEW("b")}, "[\"a\",\"b\"", 0},
        {{MW_VIEW("a"), MW_VIEW("b")}, "[\"a\" \"b\"]", 0},
        {{MW_VIEW("a"), MW_VIEW("b")}, "[]", 0},
        {{MW_VIEW("x\"y"), MW_VIEW("b")}, "[\"x\\\"y\",\"b\"]", 1},
        {{MW_VIEW("x\\u0062"), MW_VIEW("b")}, "[\"x\\\\u0062\",\"b\"]", 1},
        {{MW_VIEW("x\\u0062"), MW_VIEW("b")}, "[\"x\\u0062\",\"b\"]", 0}, /* that is "xb" */
        {{MW_VIEW("a\",\"b"), MW_VIEW("c")}, "[\"a\",\"b\",\"c\"]", 0},   /* three, not two */
        {{MW_VIEW("\xc3\xa9"), MW_VIEW("b")}, "[\"\xc3\xa9\",\"b\"]", 1},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        const mw_column two[] = {{.name = cases[i].names[0]}, {.name = cases[i].names[1]}};
        mw_schema schema;
        mw_batch batch;
        mw_error err;
        char body[200];
        assert_int_equal(mw_schema_make(two, 2, true, &arena, &schema, NULL), MW_OK);
        snprintf(body, sizeof body, "{\"dataframe_split\":{\"columns\":%s,\"data\":[[1,2]]}}",
                 cases[i].columns);
        mw_status status =
            mw_batch_read_mlflow(mw_view_of(body), &schema, &arena, NULL, &batch, NULL, &err);
        if ((status == MW_OK) != (cases[i].first != 0) ||
            (status == MW_OK && batch.values[0] != cases[i].first))
            fail_msg("%s: status %d", body, (int)status);
    }
}

/* ---- many threads ---------------------------------------------------------------------------- */

enum { LARGE_ROWS = 20000 };

/* A large body, some of it odd: a thread that begins in the middle must not be misled. */
static const struct large_body {
    const char *head, *row, *odd_row, *tail;
    size_t odd_every; /* 0: never */
} large_bodies[] = {
    {"{\"instances\":[", "[%zu,0.25]", NULL, "]}", 0},
    {" { \"inputs\" : [ ", "[ %zu ,\n-1e-3 ]\r\n", NULL, " ] } ", 0},
    {"{\"dataframe_split\":{\"columns\":[\"f0\",\"f1\"],\"data\":[", "[%zu,null]", NULL, "]}}", 0},
    {"{\"dataframe_split\":{\"data\":[", "[%zu,7]", NULL, "],\"columns\":[\"f0\",\"f1\"]}}", 0},
    {"{\"instances\":[", "[%zu,1]", "[NaN,-Infinity]", "]}", 977},
    {"{\"instances\":[", "[%zu,1]", "[null,true]", "]}", 3},
    {"{\"instances\":[", "[%zu,1]", NULL, "],\"params\":{\"x\":[[1,2],[3,4],\"[1,2],[\"]}}", 0},
    /* wrong: */
    {"{\"instances\":[", "[%zu,1]", "[1,\"],[3,4],[\"]", "]}", 9000},
    {"{\"instances\":[", "[%zu,1]", "[1,2,3]", "]}", 19999},
    {"{\"instances\":[", "[%zu,1]", "[1]", "]}", 5000},
    {"{\"instances\":[", "[%zu,1]", "[]", "]}", 12345},
    {"{\"instances\":[", "[%zu,1]", "[[1,2]]", "]}", 12345},
    {"{\"instances\":[", "[%zu,1]", "{\"f0\":1,\"f1\":2}", "]}", 10001},
    {"{\"instances\":[", "[%zu,1]", "[1,1e999]", "]}", 15000},
    {"{\"instances\":[", "[%zu,1]", "[1,2],,[3,4]", "]}", 15000},
    {"{\"instances\":[", "[%zu,1]", "[1,2] [3,4]", "]}", 15000},
    {"{\"instances\":[", "[%zu,1]", "[01,2]", "]}", 15000},
    {"{\"instances\":[", "[%zu,1]", "[1,nul]", "]}", 15000},
    {"{\"instances\":[", "[%zu,1]", NULL, ",]}", 0},
    {"{\"instances\":[", "[%zu,1]", NULL, "", 0},
    {"{\"instances\":[", "[%zu,1]", NULL, ",[1,", 0},
    {"{\"instances\":[", "[%zu,1]", NULL, "]}]", 0},
    {"{\"instances\":[", "[%zu,1]", NULL, "],\"inputs\":[[1,2]]}", 0},
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void write_large(const struct large_body *c, mw_buf *body)
{
    mw_buf_reset(body);
    mw_buf_text(body, c->head);
    for (size_t i = 0; i < LARGE_ROWS; i++) {
        if (i > 0)
            mw_buf_char(body, ',');
        if (c->odd_every && i % c->odd_every == c->odd_every - 1)
            mw_buf_text(body, c->odd_row);
        else
            mw_buf_format(body, c->row, i);
    }
    mw_buf_text(body, c->tail);
}
#pragma GCC diagnostic pop

static void test_threads_change_nothing(void **state)
{
    (void)state;
    mw_buf body;
    mw_buf_init(&body, 16 * MW_MIB);
    for (size_t i = 0; i < MW_COUNT(large_bodies); i++) {
        mw_batch alone, together;
        mw_error alone_err, together_err;
        mw_arena rows;
        mw_arena_init(&rows, 64 * MW_KIB, 64 * MW_MIB);
        write_large(&large_bodies[i], &body);
        mw_view text = mw_buf_as_view(&body);
        mw_status wanted =
            mw_batch_read_mlflow(text, &unnamed, &rows, NULL, &alone, NULL, &alone_err);
        mw_status got =
            mw_batch_read_mlflow(text, &unnamed, &rows, pool, &together, NULL, &together_err);
        assert_int_equal(got, wanted);
        assert_int_equal(wanted == MW_OK, i < 7);
        if (got != MW_OK) {
            assert_string_equal(together_err.what, alone_err.what);
            assert_string_equal(together_err.where, alone_err.where);
        } else {
            assert_int_equal(alone.n_rows, LARGE_ROWS);
            assert_int_equal(together.n_rows, LARGE_ROWS);
            for (size_t v = 0; v < 2 * LARGE_ROWS; v++)
                if (together.values[v] != alone.values[v] &&
                    !(isnan(together.values[v]) && isnan(alone.values[v])))
                    fail_msg("body %zu: value %zu is %g, not %g", i, v, together.values[v],
                             alone.values[v]);
        }
        mw_arena_done(&rows);
    }
    mw_buf_done(&body);
}

static void test_kserve_and_lines(void **state)
{
    (void)state;
    mw_batch batch;
    mw_error err;
    assert_int_equal(mw_batch_read_kserve(MW_VIEW("{\"instances\":[[1,2]]}"), &unnamed, &arena,
                                          pool, &batch, NULL, &err),
                     MW_OK);
    assert_int_not_equal(mw_batch_read_kserve(MW_VIEW("{\"dataframe_split\":{\"data\":[]}}"),
                                              &unnamed, &arena, pool, &batch, NULL, &err),
                         MW_OK);
    assert_int_equal(mw_batch_read_json_lines(MW_VIEW("[1,2]\n\n {\"f0\":3,\"f1\":4} \r\n"),
                                              &unnamed, &arena, &batch, &err),
                     MW_OK);
    assert_int_equal(batch.n_rows, 2);
    assert_int_not_equal(
        mw_batch_read_json_lines(MW_VIEW("[1,2]\n[3]\n"), &unnamed, &arena, &batch, &err), MW_OK);
    assert_non_null(strstr(err.where, "line 2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mlflow_bodies),    cmocka_unit_test(test_bad_bodies),
        cmocka_unit_test(test_cut_bodies),       cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_own_names),        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_kserve_and_lines),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
