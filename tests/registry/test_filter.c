/* Filters: what is read, what is refused, and in which words. */
#include "../test.h"

#include "registry/filter.h"

static mw_arena arena;

static const filter_attribute attributes[] = {
    {"run_id", "r.run_id", NULL, FILTER_TEXT | FILTER_LIST | FILTER_ORDERS},
    {"run name", "r.name", NULL, FILTER_TEXT},
    {"start_time", "r.started", NULL, FILTER_NUMBER | FILTER_ORDERS},
    {"version", "v.version", NULL, FILTER_INTEGER | FILTER_QUOTED},
    {"experiment_id", "e.id", NULL, FILTER_ID | FILTER_LIST},
    {"updated", "e.updated", NULL, FILTER_INTEGER | FILTER_ORDERS | FILTER_ONLY_ORDERS},
};

static const filter_domain domain = {
    .attributes = attributes,
    .n_attributes = MW_COUNT(attributes),
    .entities = (1u << FILTER_N_ENTITIES) - 1,
    .nullable = 1u << FILTER_PARAM | 1u << FILTER_TAG,
};

static int set_up(void **state)
{
    (void)state;
    mw_arena_init(&arena, 16 * MW_KIB, MW_MIB);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mw_arena_done(&arena);
    return 0;
}

static mw_status read_filter(const char *text, filter_clauses *ret_clauses, mw_error *err)
{
    record_memory memory = {&arena, false};
    return filter_read(mw_view_of(text), &domain, &memory, ret_clauses, err);
}

/* One clause, written as "entity|key|op|value". */
static const struct good_case {
    const char *text, *expected;
} good_cases[] = {
    {"metrics.auc > 0.5", "1|auc|>|0.5"},
    {"metric.auc>=1e3", "1|auc|>=|1000"},
    {"metrics.`m 1` = -1", "1|m 1|=|-1"},
    {"metrics.\"m 1\" != .5", "1|m 1|!=|0.5"},
    {"params.lr = '0.1'", "2|lr|=|0.1"},
    {"parameter.a.b.c = \"x\"", "2|a.b.c|=|x"},
    {"tags.`mlflow.runName` LIKE '%a_'", "3|mlflow.runName|LIKE|%a_"},
    {"tag.k ilike 'A%'", "3|k|ILIKE|A%"},
    {"tags.k = 'it''s'", "3|k|=|it's"},
    {"tags.k = 'a AND b'", "3|k|=|a AND b"},
    {"tags.k IS NULL", "3|k|IS NULL|"},
    {"trace.run_id = 'a'", "0|run_id|=|a"},
    {"metadata.`mlflow.user` = 'ann'", "5|mlflow.user|=|ann"},
    {"request_metadata.k = 'v'", "5|k|=|v"},
    {"feedback.q = 'true'", "6|q|=|true"},
    {"feedback.q > 0.5", "6|q|>|0.5"},
    {"expectation.q <= 3", "7|q|<=|3"},
    {"expectation.e LIKE 'a%'", "7|e|LIKE|a%"},
    {"span.type IN ('b')", "8|type|IN|b"},
    {"span.attributes.a.b != '1'", "9|a.b|!=|1"},
    {"span.attributes.`a b` ILIKE '1'", "9|a b|ILIKE|1"},
    {"trace.text LIKE '%a%'", "8|content|LIKE|%a%"},
    {"text ILIKE 'a'", "8|content|ILIKE|a"},
    {"params.k is not null", "2|k|IS NOT NULL|"},
    {"run_id IN ('a', \"b\")", "0|run_id|IN|a,b"},
    {"attributes.run_id not in ('a',)", "0|run_id|NOT IN|a"},
    {"`run name` = 'x'", "0|run name|=|x"},
    {"attr.start_time > 5", "0|start_time|>|5"},
    {"version > '3'", "0|version|>|3"},
    {"datasets.name IN ('d')", "4|name|IN|d"},
    {"experiment_id = '12'", "0|experiment_id|=|12"},
    {"tags.sch\xc3\xb6n = '\xc3\xa4'", "3|sch\xc3\xb6n|=|\xc3\xa4"},
    {" metrics.a > 1 AND ", "1|a|>|1"},
};

static void write_clause(const filter_clause *clause, mw_buf *out)
{
    mw_buf_format(out, "%d|%.*s|%s|", clause->field.entity, MW_VIEW_ARG(clause->field.key),
                  filter_op_texts[clause->op]);
    if (clause->is_number)
        mw_buf_format(out, "%g",
                      clause->number.kind == MW_VALUE_INT ? (double)clause->number.integer
                                                          : clause->number.number);
    for (size_t i = 0; !clause->is_number && i < clause->texts.count; i++)
        mw_buf_format(out, "%s%.*s", i ? "," : "", MW_VIEW_ARG(clause->texts.items[i]));
}

static void test_read(void **state)
{
    (void)state;
    mw_buf out;
    mw_buf_init(&out, MW_KIB);
    for (size_t i = 0; i < MW_COUNT(good_cases); i++) {
        mw_error err;
        filter_clauses clauses;
        mw_buf_reset(&out);
        if (read_filter(good_cases[i].text, &clauses, &err) != MW_OK)
            fail_msg("%s: %s", good_cases[i].text, err.what);
        assert_int_equal(clauses.count, 1);
        write_clause(&clauses.items[0], &out);
        assert_string_equal(out.data, good_cases[i].expected);
    }
    mw_buf_done(&out);
}

static const struct bad_case {
    const char *text, *what;
} bad_cases[] = {
    {"metrics.a > 1 OR metrics.b > 1", "Invalid clause(s) in filter string: 'OR metrics.b > 1'"},
    {"metrics.a", "Invalid clause(s) in filter string: 'metrics.a'"},
    {"metrics.a > 'x'", "Expected numeric value type for metric. Found 'x'"},
    {"metrics.a LIKE 'x'", "Invalid comparator 'LIKE' not one of"},
    {"params.a = 1", "Expected a quoted string value for parameter"},
    {"params.a > '1'", "Invalid comparator '>' not one of"},
    {"Metrics.a > 1", "Invalid entity type 'Metrics'"},
    {"nothing = 'x'", "Invalid attribute key 'nothing' specified"},
    {"updated = 1", "Invalid attribute key 'updated' specified"},
    {"datasets.size = 'x'", "Invalid dataset key 'size' specified"},
    {"run_id IN ()", "While parsing a list in the query"},
    {"run_id IN ('a' 'b')", "While parsing a list in the query"},
    {"run_id IN ('a'", "While parsing a list in the query"},
    {"version > 1.5", "Expected integer value type for numeric attribute: version"},
    {"experiment_id = 'x'", "Invalid experiment ID 'x'"},
    {"tags.a = 'x", "Invalid clause(s) in filter string: ''x'"},
    {"metrics.a > 1; DROP TABLE runs", "Invalid clause(s) in filter string: '; DROP TABLE runs'"},
    {"metrics.a = 1 -- x", "Invalid clause(s) in filter string: '-- x'"},
    {"(metrics.a = 1)", "Invalid clause(s) in filter string: '(metrics.a = 1)'"},
    {"metrics.a = 1 AND AND metrics.b = 1", "Invalid clause(s) in filter string:"},
    {"metrics.a IS NULL", "Invalid comparator 'IS NULL' not one of"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(bad_cases); i++) {
        mw_error err;
        filter_clauses clauses;
        if (read_filter(bad_cases[i].text, &clauses, &err) != MW_BAD_ARGUMENT)
            fail_msg("%s is taken", bad_cases[i].text);
        assert_int_equal(err.code, MW_E_RECORD_FILTER);
        if (strncmp(err.what, bad_cases[i].what, strlen(bad_cases[i].what)) != 0)
            fail_msg("%s: %s", bad_cases[i].text, err.what);
    }
}

static void test_orders(void **state)
{
    (void)state;
    static const struct {
        const char *text, *key; /* NULL: refused */
        bool descending;
    } cases[] = {{"metrics.auc DESC", "auc", true},
                 {"metrics.`a b`", "a b", false},
                 {"start_time asc", "start_time", false},
                 {"updated desc", "updated", true},
                 {"metrics.auc up", NULL, false},
                 {"", NULL, false},
                 {"`run name`", NULL, false},
                 {"metrics.a, metrics.b", NULL, false}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_error err;
        filter_field field;
        bool descending;
        record_memory memory = {&arena, false};
        mw_status status = filter_read_order(mw_view_of(cases[i].text), &domain, &memory, &field,
                                             &descending, &err);
        assert_int_equal(status, cases[i].key ? MW_OK : MW_BAD_ARGUMENT);
        if (!cases[i].key)
            continue;
        assert_true(mw_view_is(field.key, cases[i].key));
        assert_int_equal(descending, cases[i].descending);
    }
}

static void test_limits(void **state)
{
    (void)state;
    mw_error err;
    filter_clauses clauses;
    mw_buf text;
    mw_buf_init(&text, MW_MIB);
    for (int i = 0; i < FILTER_CLAUSES_MAX; i++)
        mw_buf_text(&text, "metrics.a > 1 AND ");
    assert_int_equal(read_filter(text.data, &clauses, &err), MW_OK);
    assert_int_equal(clauses.count, FILTER_CLAUSES_MAX);
    mw_buf_text(&text, "metrics.a > 1");
    assert_int_equal(read_filter(text.data, &clauses, &err), MW_BAD_ARGUMENT);
    assert_string_equal(err.what, "more than 200 comparisons");
    mw_buf_done(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_read), TEST(test_refused), TEST(test_orders),
                                       TEST(test_limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
