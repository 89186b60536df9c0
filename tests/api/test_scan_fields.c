/* The quick reader of requests beside the one that knows all forms: where it takes a body, both say
 * the same. */
#include "../test.h"

#include "api/mlflow.h"

typedef struct point {
    mw_view key;
    double value;
    int64_t step;
} point;

typedef struct asked {
    mw_view run_id, text;
    int64_t number;
    double real;
    struct {
        point *items;
        size_t count;
    } points;
} asked;

static const mlflow_field point_fields[] = {
    {.name = "key", .kind = MLFLOW_TEXT, .offset = offsetof(point, key), .required = true},
    {.name = "value", .kind = MLFLOW_DOUBLE, .offset = offsetof(point, value), .required = true},
    {.name = "step", .kind = MLFLOW_INT, .offset = offsetof(point, step)},
    {0}};
static const mlflow_field fields[] = {
    {.name = "run_id", .kind = MLFLOW_TEXT, .offset = offsetof(asked, run_id), .required = true},
    {.name = "text", .kind = MLFLOW_TEXT, .offset = offsetof(asked, text)},
    {.name = "number", .kind = MLFLOW_INT, .offset = offsetof(asked, number)},
    {.name = "real", .kind = MLFLOW_DOUBLE, .offset = offsetof(asked, real)},
    {.name = "points",
     .kind = MLFLOW_LIST,
     .offset = offsetof(asked, points),
     .fields = point_fields,
     .size = sizeof(point)},
    {0}};

static const struct body_case {
    const char *body;
    bool is_plain;
} cases[] = {
    {"{\"run_id\":\"a\"}", true},
    {" { \"run_id\" : \"a\\u00e9\\n\" , \"text\":\"\" } ", true},
    {"{\"run_id\":\"a\",\"number\":-7,\"real\":0.1}", true},
    {"{\"run_id\":\"a\",\"real\":1e-320,\"number\":9223372036854775807}", true},
    {"{\"run_id\":\"a\",\"points\":[{\"key\":\"k\",\"value\":1},{\"value\":2.5e3,\"key\":\"l\","
     "\"step\":3},{\"key\":\"m\",\"value\":1.7976931348623157}]}",
     true},
    {"{\"run_id\":\"\"}", false},
    {"{}", false},
    {"{\"runId\":\"a\"}", false},
    {"{\"run_id\":\"a\",\"run_id\":\"b\"}", false},
    {"{\"run_id\":\"a\",\"other\":1}", false},
    {"{\"run_id\":\"a\",\"number\":\"7\"}", false},
    {"{\"run_id\":\"a\",\"number\":7.5}", false},
    {"{\"run_id\":\"a\",\"number\":9223372036854775808}", false},
    {"{\"run_id\":\"a\",\"real\":\"NaN\"}", false},
    {"{\"run_id\":\"a\",\"real\":NaN}", false},
    {"{\"run_id\":\"a\",\"real\":-0}", false},
    {"{\"run_id\":\"a\",\"real\":-0.0}", false},
    {"{\"run_id\":\"a\",\"real\":1e999}", false},
    {"{\"run_id\":\"a\",\"real\":12345678901234567890}", false},
    {"{\"run_id\":\"a\",\"real\":true}", false},
    {"{\"run_id\":null}", false},
    {"{\"run_id\":\"a\\u0000b\"}", false},
    {"{\"run_id\":\"\\ud800\"}", false},
    {"{\"run_id\":\"\xff\"}", false},
    {"{\"run_id\":\"a\x01\"}", false},
    {"{\"run_id\":\"a\",\"points\":[]}", false},
    {"{\"run_id\":\"a\",\"points\":[1]}", false},
    {"{\"run_id\":\"a\",\"points\":[{\"key\":\"k\"}]}", false},
    {"{\"run_id\":\"a\",\"points\":[{\"key\":\"k\",\"value\":01}]}", false},
    {"{\"run_id\":\"a\",\"points\":{}}", false},
    {"{\"run_id\":\"a\"} x", false},
    {"{\"run_id\":\"a\",}", false},
    {"[]", false},
    {"", false},
};

static void same_text(mw_view a, mw_view b)
{
    assert_true(mw_view_equal(a, b));
    assert_true((a.data == NULL) == (b.data == NULL));
}

static void check_same(const asked *a, const asked *b)
{
    same_text(a->run_id, b->run_id);
    same_text(a->text, b->text);
    assert_int_equal(a->number, b->number);
    assert_memory_equal(&a->real, &b->real, sizeof a->real);
    assert_int_equal(a->points.count, b->points.count);
    for (size_t i = 0; i < a->points.count; i++) {
        same_text(a->points.items[i].key, b->points.items[i].key);
        assert_memory_equal(&a->points.items[i].value, &b->points.items[i].value, sizeof(double));
        assert_int_equal(a->points.items[i].step, b->points.items[i].step);
    }
}

static void test_both_say_the_same(void **state)
{
    (void)state;
    mw_arena arena;
    mw_arena_init(&arena, 64 * MW_KIB, MW_MIB);
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_error err;
        asked quick = {.number = 0}, whole = {.number = 0};
        mlflow_captures none = {.count = 0};
        mw_exchange exchange = {.method = MW_POST,
                                .content_type = MW_VIEW("application/json"),
                                .body = mw_view_of(cases[i].body),
                                .arena = &arena};
        bool is_plain = mlflow_scan_fields(fields, &exchange, &quick);
        mw_status status = mlflow_read_fields(fields, &exchange, &none, &whole, &err);
        if (is_plain != cases[i].is_plain)
            fail_msg("%s: %s", cases[i].body, is_plain ? "taken" : "left");
        if (is_plain && status != MW_OK)
            fail_msg("%s: %s", cases[i].body, err.what);
        if (is_plain)
            check_same(&quick, &whole);
        mw_arena_reset(&arena);
    }
    mw_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_both_say_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
