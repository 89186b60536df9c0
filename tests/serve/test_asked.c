/* What a rollout's arms are asked: values whose means can be compared, and groups. */
#include "../test.h"

#include <math.h>

#include "serve/asked.h"

static const mw_view sexes[] = {{"F", 1}, {"M", 1}, {"X", 1}}, turned[] = {{"M", 1}, {"F", 1}};

/* The same columns in another order, with other codes. */
static mw_column old_columns[] = {{.name = {"sex", 3}, .categories = sexes, .n_categories = 3},
                                  {.name = {"age", 3}},
                                  {.name = {"rent", 4}}};
static mw_column new_columns[] = {{.name = {"age", 3}},
                                  {.name = {"sex", 3}, .categories = turned, .n_categories = 2}};

static mw_forest old = {.schema = {.columns = old_columns, .n_columns = 3}};
static mw_forest new = {.schema = {.columns = new_columns, .n_columns = 2}};
static const mw_forest *const forests[MW_ARMS] = {&old, &new};

static size_t group_of(const serve_asked *asked, int arm, double sex, double age)
{
    const double rows[][3] = {{sex, age, 0}, {age, sex, 0}};
    const mw_matrix matrix = {rows[arm], MW_FLOAT64, 1, arm ? 2 : 3, arm ? 2 : 3, 1};
    return serve_asked_group(asked, arm, &forests[arm]->schema, &matrix);
}

static void columns_are_found_by_name(void **state)
{
    (void)state;
    serve_asked asked;
    serve_asked_init(&asked, forests, NULL);
    assert_int_equal(asked.n, 2); /* rent is the old one's alone */
    assert_string_equal(asked.names[1], "age");
    assert_int_equal(asked.columns[0][1], 1);
    assert_int_equal(asked.columns[1][1], 0);
    assert_int_equal(group_of(&asked, 0, 0, 30), MW_ARM_GROUPS);
}

static void values_do_not_depend_on_codes(void **state)
{
    (void)state;
    double f = serve_asked_value(&old_columns[0], 0), m = serve_asked_value(&old_columns[0], 1);
    assert_true(f >= 0 && f < 1 && f != m);
    assert_true(serve_asked_value(&new_columns[1], 1) == f);
    assert_true(serve_asked_value(&new_columns[1], 0) == m);
    assert_true(isnan(serve_asked_value(&old_columns[0], 9)));
    assert_true(isnan(serve_asked_value(&old_columns[1], NAN)));
    assert_true(isnan(serve_asked_value(&old_columns[1], INFINITY)));
    assert_true(serve_asked_value(&old_columns[1], 44) == 44);
    assert_true(serve_asked_value(&old_columns[1], 1e300) == 1e15);
}

static void groups_are_the_same_in_both_arms(void **state)
{
    (void)state;
    serve_asked asked;
    mw_rollout_groups groups = {.column = "sex", .threshold = NAN};
    serve_asked_init(&asked, forests, &groups);
    assert_int_equal(asked.groups.n_names, 3);
    assert_int_equal(group_of(&asked, 0, 1, 30), 1);
    assert_int_equal(group_of(&asked, 1, 0, 30), 1); /* M there has code 0 */
    assert_int_equal(group_of(&asked, 0, NAN, 30), MW_ARM_GROUPS);
    groups = (mw_rollout_groups){.column = "age", .n_bounds = 2, .bounds = {25, 60}};
    serve_asked_init(&asked, forests, &groups);
    assert_int_equal(group_of(&asked, 0, 0, 24), 0);
    assert_int_equal(group_of(&asked, 1, 0, 25), 1);
    assert_int_equal(group_of(&asked, 1, 0, 60), 2);
    groups = (mw_rollout_groups){.column = "age", .n_names = 2, .names = {"20", "3e1"}};
    serve_asked_init(&asked, forests, &groups);
    assert_int_equal(group_of(&asked, 0, 0, 30), 1);
    assert_int_equal(group_of(&asked, 0, 0, 31), MW_ARM_GROUPS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_found_by_name),
        cmocka_unit_test(values_do_not_depend_on_codes),
        cmocka_unit_test(groups_are_the_same_in_both_arms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
