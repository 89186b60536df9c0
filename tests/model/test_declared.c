/* What a model says of its columns: former names, defaults; and what is refused of it. */
#include "../test.h"

#include <math.h>

#include "model/declared.h"

static mw_forest *load(void)
{
    char path[512];
    mw_forest *forest;
    mw_error err;
    snprintf(path, sizeof path, "%s/examples/models/credit.json", getenv("MW_TEST_ROOT"));
    if (mw_forest_load(path, &forest, &err) != MW_OK)
        fail_msg("%s", err.what);
    return forest;
}

static mw_status declare(mw_forest *forest, const char *text, mw_error *err)
{
    mw_yaml_document *document;
    assert_int_equal(mw_yaml_read(mw_view_of(text), "t", &document, err), MW_OK);
    mw_status status = model_declared_apply(forest, mw_yaml_root(document), err);
    mw_yaml_free(document);
    return status;
}

static void test_declared(void **state)
{
    (void)state;
    mw_error err;
    mw_forest *forest = load();
    assert_int_equal(declare(forest,
                             "columns:\n  income: {was: [salary, wage]}\n  age: {default: 40}\n"
                             "  balance: {optional: true, was: debt}\n",
                             &err),
                     MW_OK);
    const mw_schema *schema = &forest->schema;
    ptrdiff_t income = mw_schema_find(schema, MW_VIEW("income")),
              age = mw_schema_find(schema, MW_VIEW("age")),
              balance = mw_schema_find(schema, MW_VIEW("balance"));
    assert_true(income >= 0 && mw_schema_find(schema, MW_VIEW("wage")) == income);
    assert_true(mw_schema_find(schema, MW_VIEW("debt")) == balance);
    assert_true(schema->columns[age].optional && schema->columns[balance].optional);
    assert_false(schema->columns[income].optional);
    assert_true(schema->blank[age] == 40 && isnan(schema->blank[balance]));
    mw_forest_free(forest);
}

static void test_nothing_declared(void **state)
{
    (void)state;
    mw_error err;
    mw_forest *forest = load();
    assert_int_equal(model_declared_apply(forest, NULL, &err), MW_OK);
    assert_int_equal(declare(forest, "", &err), MW_OK);
    assert_int_equal(declare(forest, "columns: {}\n", &err), MW_OK);
    assert_null(forest->schema.blank);
    mw_forest_free(forest);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where, *what;
    } cases[] = {
        {"columns: [a]\n", "1:1", "no map of columns"},
        {"defaults: {age: 1}\n", "1:1", "no map of columns"},
        {"columns: {agee: {default: 1}}\n", "1:17", "the model has no column of that name: 'agee'"},
        {"columns: {age: 40}\n", "1:16", "no map of what is declared: 'age'"},
        {"columns: {age: {defualt: 40}}\n", "1:26", "nothing that is declared"},
        {"columns: {age: {optional: maybe}}\n", "1:27", "nothing that is declared"},
        {"columns: {age: {default: old}}\n", "1:26", "no value of its column: 'old'"},
        {"columns: {age: {default: null}}\n", "1:26", "no default"},
        {"columns: {age: {was: [[x]]}}\n", "1:23", "no name of a column"},
        {"columns: {age: {was: income}}\n", "1:10", "two columns are called 'income'"},
        {"columns: {age: {was: x}, income: {was: x}}\n", "1:10", "two columns are called 'x'"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_error err;
        mw_forest *forest = load();
        assert_int_equal(declare(forest, cases[i].text, &err), MW_BAD_DATA);
        assert_string_equal(err.where, cases[i].where);
        if (!strstr(err.what, cases[i].what))
            fail_msg("%s: %s", cases[i].text, err.what);
        assert_true(err.mend[0] != '\0');
        mw_forest_free(forest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_declared),
                                       cmocka_unit_test(test_nothing_declared),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
