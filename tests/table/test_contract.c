/* Contracts: which changes are told, and which of them break. */
#include "../test.h"

#include "table/table.h"

typedef struct told {
    char rules[512]; /* "added! reordered!": with a mark where it breaks */
} told;

static void see(void *user, const mw_contract_change *change)
{
    told *t = user;
    size_t used = strlen(t->rules);
    assert_true(change->what[0] != '\0');
    snprintf(t->rules + used, sizeof t->rules - used, "%s%s%s", used ? " " : "", change->rule,
             change->breaks ? "!" : "");
}

static void check(const mw_contract *before, const mw_contract *after, const char *expected)
{
    told t = {""};
    mw_error err;
    assert_int_equal(mw_contract_compare(before, after, see, &t, &err), MW_OK);
    assert_string_equal(t.rules, expected);
}

/* "age:int32 sex:category? x:float64": a mark behind what is optional. */
static mw_contract contract(const char *text, mw_contract_column *columns, bool named)
{
    mw_contract c = {.columns = columns, .named = named};
    mw_view rest = mw_view_of(text);
    while (rest.size > 0) {
        mw_view type = mw_view_cut(&rest, ' ');
        mw_view name = mw_view_cut(&type, ':');
        bool optional = type.data[type.size - 1] == '?';
        type.size -= optional;
        columns[c.n_columns++] =
            (mw_contract_column){.name = name, .type = type, .optional = optional};
    }
    return c;
}

/* One that says what it was called takes the place of that one. */
static void test_renamed(void **state)
{
    (void)state;
    static const mw_view was[] = {MW_VIEW("x"), MW_VIEW("salary")};
    static const struct {
        const char *before, *after, *told;
    } cases[] = {
        {"a:float64 salary:int32", "a:float64 income:int32", "renamed"},
        {"a:float64 salary:int64", "a:float64 income:int32", "renamed retyped!"},
        {"salary:int32 a:float64", "a:float64 income:int32", "renamed reordered!"},
        {"a:float64 salary:int32 income:int32", "a:float64 income:int32", "removed!"},
        {"a:float64", "a:float64 income:int32", "added!"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_contract_column a[4], b[4];
        mw_contract before = contract(cases[i].before, a, true),
                    after = contract(cases[i].after, b, true);
        b[1].was = was;
        b[1].n_was = 2;
        check(&before, &after, cases[i].told);
    }
}

static void test_columns(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after, *named, *by_place;
    } cases[] = {
        {"a:float64 b:int64", "a:float64 b:int64", "", ""},
        {"a:float64 b:int64", "b:int64 a:float64", "reordered!", "retyped! retyped"},
        {"a:float64", "a:float64 b:float64", "added!", "columns!"},
        {"a:float64", "a:float64 b:float64?", "added", "columns!"},
        {"a:float64 b:float64", "a:float64", "removed!", "columns!"},
        {"a:float64 b:float64 c:float64", "a:float64 c:float64 d:float64", "removed! added!", ""},
        {"a:int32", "a:int64", "retyped", "retyped"},
        {"a:int64", "a:int32", "retyped!", "retyped!"},
        {"a:float64", "a:int64", "retyped!", "retyped!"},
        {"a:float32", "a:float64", "retyped", "retyped"},
        {"a:float64", "a:category", "retyped!", "retyped!"},
        {"a:bool", "a:float32", "retyped", "retyped"},
        {"a:float64?", "a:float64", "required!", "required!"},
        {"a:float64", "a:float64?", "optional", "optional"},
        {"a:float64 b:float64 c:float64", "c:float64 a:float64 b:float64", "reordered!", ""},
        {"", "", "", ""},
        {"", "a:float64", "added!", "columns!"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_contract_column a[8], b[8];
        mw_contract before = contract(cases[i].before, a, true);
        mw_contract after = contract(cases[i].after, b, true);
        check(&before, &after, cases[i].named);
        before.named = after.named = false;
        check(&before, &after, cases[i].by_place);
    }
}

static void test_names_that_go_or_come(void **state)
{
    (void)state;
    mw_contract_column a[2], b[2];
    mw_contract named = contract("a:float64", a, true), bare = contract("f0:float64", b, false);
    check(&named, &bare, "columns!");
    check(&bare, &named, "columns");
}

static void test_categories(void **state)
{
    (void)state;
    const mw_view old[] = {MW_VIEW("red"), MW_VIEW("green")}, same[] = {old[1], old[0]};
    const mw_view more[] = {old[0], MW_VIEW("blue"), old[1]}, less[] = {old[0]};
    mw_contract_column a[1], b[1];
    mw_contract before = contract("c:category", a, true), after = contract("c:category", b, true);
    a[0].categories = old;
    a[0].n_categories = 2;
    check(&before, &after, ""); /* not known: nothing is claimed */
    b[0].categories = same;
    b[0].n_categories = 2;
    check(&before, &after, ""); /* clients send texts: their codes are the model's own */
    b[0].categories = more;
    b[0].n_categories = 3;
    check(&before, &after, "categories");
    b[0].categories = less;
    b[0].n_categories = 1;
    check(&before, &after, "categories!");
    b[0].takes_unknown = true;
    check(&before, &after, "categories");
}

static void test_answers(void **state)
{
    (void)state;
    const mw_view ab[] = {MW_VIEW("a"), MW_VIEW("b")}, ba[] = {MW_VIEW("b"), MW_VIEW("a")};
    const mw_contract known = {
        .n_outputs = 2, .answer = MW_VIEW("labels"), .classes = ab, .n_classes = 2};
    mw_contract other = known;
    check(&known, &known, "");
    other.n_outputs = 3;
    check(&known, &other, "outputs!");
    other = known;
    other.answer = MW_VIEW("probabilities");
    check(&known, &other, "answer!");
    other = known;
    other.classes = ba;
    check(&known, &other, "classes!");
    other.n_classes = 1;
    check(&known, &other, "classes!");
    check(&known, &(mw_contract){0}, "");
    check(&(mw_contract){0}, &known, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_renamed), cmocka_unit_test(test_columns),
        cmocka_unit_test(test_names_that_go_or_come), cmocka_unit_test(test_categories),
        cmocka_unit_test(test_answers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
