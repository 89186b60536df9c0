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

/* "x:float32:-1,4 y:int64": without sizes the shape is not known. */
static size_t tensors(const char *text, mw_contract_tensor *list, int64_t (*dims)[4])
{
    size_t n = 0;
    for (mw_view rest = mw_view_of(text); rest.size > 0; n++) {
        mw_view shape = mw_view_cut(&rest, ' ');
        list[n] = (mw_contract_tensor){.name = mw_view_cut(&shape, ':')};
        list[n].type = mw_view_cut(&shape, ':');
        list[n].dims = shape.size > 0 ? dims[n] : NULL;
        while (shape.size > 0)
            dims[n][list[n].rank++] = strtol(mw_view_cut(&shape, ',').data, NULL, 10);
    }
    return n;
}

static mw_contract graph(const char *inputs, const char *outputs, mw_contract_tensor *list,
                         int64_t (*dims)[4], mw_contract_column *columns)
{
    mw_contract c = {.inputs = list, .answers = list + 4, .columns = columns, .named = true};
    c.n_inputs = tensors(inputs, list, dims);
    c.n_answers = tensors(outputs, list + 4, dims + 4);
    for (size_t i = 0; i < c.n_inputs; i++)
        columns[i] = (mw_contract_column){.name = list[i].name, .type = list[i].type};
    c.n_columns = c.n_inputs;
    c.only_inputs = true;
    return c;
}

static void test_tensors(void **state)
{
    (void)state;
    static const struct {
        const char *before[2], *after[2], *told;
    } cases[] = {
        {{"x:float32:-1,4", "y:float32:-1,2"}, {"x:float32:-1,4", "y:float32:-1,2"}, ""},
        {{"x:float32:-1,4", ""}, {"x:float32:-1,6", ""}, "reshaped!"},
        {{"x:float32:1,4", ""}, {"x:float32:-1,4", ""}, "reshaped"},
        {{"x:float32:-1,4", ""}, {"x:float32:1,4", ""}, "reshaped!"},
        {{"x:float32:-1,4", ""}, {"x:float32:-1,2,2", ""}, "reshaped!"},
        {{"x:float32:-1,4", ""}, {"x:float32", ""}, "reshaped"},
        {{"x:float32:-1,4", ""}, {"x:float64:-1,4", ""}, "retyped"},
        {{"x:float64:-1,4", ""}, {"x:float32:-1,4", ""}, "retyped!"},
        {{"x:float32:-1,4", ""}, {"rows:float32:-1,4", ""}, "renamed"},
        {{"x:float32:-1,3,8", ""}, {"image:float32:-1,3,8", ""}, "renamed!"},
        {{"a:int64:-1 b:float32:-1,2", ""}, {"a:int64:-1 b:float32:-1,2", ""}, ""},
        {{"a:int64:-1 b:float32:-1,2", ""}, {"a:int64:-1 b:float32:-1,3", ""}, "reshaped!"},
        {{"a:int64:-1 b:float32:-1,2", ""}, {"a:int64:-1 c:float32:-1,2", ""}, "removed! added!"},
        {{"a:int64:-1 b:float32:-1,2", ""}, {"b:float32:-1,2 a:int64:-1", ""}, "reordered!"},
        {{"a:int64:-1", ""}, {"a:int64:-1 b:float32:-1,2", ""}, "added!"},
        {{"", "y:float32:-1,2"}, {"", "y:float32:-1,3"}, "outputs!"},
        {{"", "y:float32:-1,2"}, {"", "y:float32"}, ""}, /* what is not known is not claimed */
        {{"", "y:float32:-1,2"}, {"", "y:float64:-1,2"}, "outputs!"},
        {{"", "y:float32"}, {"", "z:float32"}, "outputs! outputs!"},
        {{"", "y:float32"}, {"", "y:float32 z:float32"}, "outputs!"},
        {{"", "y:float32 z:int64"}, {"", "z:int64 y:float32"}, "outputs!"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_contract_tensor a[8], b[8];
        mw_contract_column of_a[4], of_b[4];
        int64_t dims_a[8][4], dims_b[8][4];
        mw_contract before = graph(cases[i].before[0], cases[i].before[1], a, dims_a, of_a),
                    after = graph(cases[i].after[0], cases[i].after[1], b, dims_b, of_b);
        check(&before, &after, cases[i].told);
    }
}

/* One side tells columns, the other the tensors that they stand in. */
static void test_columns_beside_tensors(void **state)
{
    (void)state;
    mw_contract_column columns[4], of_b[4];
    mw_contract_tensor b[8];
    int64_t dims[8][4];
    mw_contract before = contract("a:float64 b:float64", columns, true);
    mw_contract after = graph("x:float32:-1,2", "", b, dims, of_b);
    check(&before, &after, "");
    after = graph("x:float32:-1,3", "", b, dims, of_b);
    check(&before, &after, "columns!");
    check(&after, &before, "columns!");
    after = graph("x:float32:-1,-1", "", b, dims, of_b);
    check(&before, &after, "");
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_renamed),
                                       cmocka_unit_test(test_columns),
                                       cmocka_unit_test(test_names_that_go_or_come),
                                       cmocka_unit_test(test_categories),
                                       cmocka_unit_test(test_answers),
                                       cmocka_unit_test(test_tensors),
                                       cmocka_unit_test(test_columns_beside_tensors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
