/* Predictions as text, endpoint names, sample bodies, the demo's latency bins. */
#include "../test.h"

#include "cli/demo.h"
#include "cli/sample.h"
#include "cli/scores.h"

#include <math.h>

static void test_csv_rows(void **state)
{
    (void)state;
    const char *names[] = {"class_0", "class_1"};
    cli_scores scores = {.n_outputs = 2, .float32 = true, .names = names};
    mw_buf out;
    mw_buf_init(&out, 4096);
    cli_scores_header(&scores, &out);
    cli_scores_row(&scores, (double[]){0.1f, 5}, &out);
    scores.float32 = false;
    cli_scores_row(&scores, (double[]){0.1f, NAN}, &out);
    assert_string_equal(out.data, "class_0,class_1\n0.1,5.0\n0.10000000149011612,NaN\n");
    mw_buf_done(&out);
}

static void test_json_rows(void **state)
{
    (void)state;
    const char *names[] = {"\"prediction\""};
    cli_scores scores = {.n_outputs = 1, .float32 = true, .json = true, .names = names};
    mw_buf out;
    mw_buf_init(&out, 4096);
    cli_scores_header(&scores, &out);
    cli_scores_row(&scores, (double[]){0.1f}, &out);
    cli_scores_row(&scores, (double[]){NAN}, &out);
    assert_string_equal(out.data, "{\"prediction\":0.1}\n{\"prediction\":null}\n");
    mw_buf_done(&out);
}

static void test_label_rows(void **state)
{
    (void)state;
    const char *names[] = {"prediction"}, *labels[] = {"no", "yes"};
    cli_scores scores = {.n_outputs = 1, .names = names, .labels = labels, .n_labels = 2};
    mw_buf out;
    mw_buf_init(&out, 4096);
    cli_scores_row(&scores, (double[]){1}, &out);
    cli_scores_row(&scores, (double[]){2}, &out); /* no such class: the number */
    assert_string_equal(out.data, "yes\n2.0\n");
    mw_buf_done(&out);
}

static const struct endpoint_case {
    const char *text, *name, *model; /* name NULL: refused */
} endpoint_cases[] = {
    {"model.json", "model", "model.json"},
    {"models/churn.v3.ubj", "churn.v3", "models/churn.v3.ubj"},
    {"models/my model.txt", "my-model", "models/my model.txt"},
    {"churn=models/v3.ubj", "churn", "models/v3.ubj"},
    {"a=b=c", "a", "b=c"},
    {".hidden", "-hidden", ".hidden"}, /* the server takes no name that begins with a point */
    {".a=x", NULL, NULL},
    {"model", "model", "model"},
    {"=x", NULL, NULL},
    {"a=", NULL, NULL},
    {"a b=x", NULL, NULL},
    {"a/b=x", NULL, NULL},
};

static void test_endpoints(void **state)
{
    (void)state;
    mw_arena arena;
    mw_arena_init(&arena, 4096, MW_MIB);
    for (size_t i = 0; i < MW_COUNT(endpoint_cases); i++) {
        const struct endpoint_case *c = &endpoint_cases[i];
        cli_endpoint endpoint = {0};
        mw_error err = {0};
        mw_status status = cli_endpoint_read(c->text, &arena, &endpoint, &err);
        if ((status == MW_OK) != (c->name != NULL))
            fail_msg("'%s': status %d", c->text, (int)status);
        if (c->name &&
            (strcmp(endpoint.name, c->name) != 0 || strcmp(endpoint.model, c->model) != 0))
            fail_msg("'%s': got '%s' '%s'", c->text, endpoint.name, endpoint.model);
        if (!c->name)
            assert_int_equal(err.code, MW_E_ENDPOINT_NAME);
    }
    mw_arena_done(&arena);
}

static void test_folder_names(void **state)
{
    (void)state;
    mw_arena arena;
    mw_error err = {0};
    const char *name = NULL;
    mw_arena_init(&arena, 4096, MW_MIB);
    assert_int_equal(cli_endpoint_default_name("/usr/lib/", &arena, &name, &err), MW_OK);
    assert_string_equal(name, "lib");
    assert_int_equal(cli_endpoint_default_name("/", &arena, &name, &err), MW_BAD_ARGUMENT);
    assert_int_equal(err.code, MW_E_ENDPOINT_NAME);
    assert_int_equal(cli_endpoint_default_name("/usr/lib/.", &arena, &name, &err), MW_OK);
    assert_string_equal(name, "lib");
    mw_arena_done(&arena);
}

static void test_cells(void **state)
{
    (void)state;
    mw_view plans[] = {MW_VIEW("basic"), MW_VIEW("pro \"x\"")};
    static const double values[] = {0, 1, NAN, 7.5};
    const mw_column columns[] = {
        {.type = MW_COLUMN_CATEGORY, .categories = plans, .n_categories = 2},
        {.type = MW_COLUMN_CATEGORY},
        {.type = MW_COLUMN_BOOL},
        {.type = MW_COLUMN_INT64},
        {.type = MW_COLUMN_FLOAT32},
        {.type = MW_COLUMN_FLOAT64},
    };
    mw_buf out;
    mw_buf_init(&out, 4096);
    for (size_t c = 0; c < MW_COUNT(columns); c++) {
        for (size_t v = 0; v < MW_COUNT(values); v++) {
            cli_write_cell(&columns[c], values[v], &out);
            mw_buf_char(&out, ' ');
        }
        mw_buf_char(&out, '\n');
    }
    assert_string_equal(out.data, "\"basic\" \"pro \\\"x\\\"\" null 7 \n"
                                  "0 1 null 7 \n"
                                  "false true null true \n"
                                  "0 1 null 7 \n"
                                  "0.0 1.0 null 7.5 \n"
                                  "0.0 1.0 null 7.5 \n");
    mw_buf_done(&out);
}

static void test_shell_quotes(void **state)
{
    (void)state;
    mw_buf out;
    mw_buf_init(&out, 256);
    cli_write_shell_quoted(MW_VIEW("it's $HOME"), &out);
    assert_string_equal(out.data, "'it'\\''s $HOME'");
    mw_buf_done(&out);
}

/* Bins ascend, cover every duration, and are at most an eighth wide. */
static void test_latency_bins(void **state)
{
    (void)state;
    size_t before = 0;
    for (uint64_t ns = 1; ns < (UINT64_C(1) << 60); ns += ns / 16 + 1) {
        size_t bin = demo_latency_bin(ns);
        if (bin < before || bin >= DEMO_LATENCY_BINS)
            fail_msg("%llu ns: bin %zu after %zu", (unsigned long long)ns, bin, before);
        before = bin;
    }
    static demo_sum nothing, sum;
    for (uint64_t ms = 1; ms <= 100; ms++)
        sum.latency[demo_latency_bin(ms * 1000000)]++;
    double p50 = demo_latency_ms(&nothing, &sum, 0.50), p99 = demo_latency_ms(&nothing, &sum, 0.99);
    assert_true(p50 >= 50 && p50 <= 50 * 1.13);
    assert_true(p99 >= 99 && p99 <= 99 * 1.13);
    assert_true(demo_latency_ms(&sum, &sum, 0.5) == 0); /* nothing in between */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_rows),     cmocka_unit_test(test_json_rows),
        cmocka_unit_test(test_label_rows),   cmocka_unit_test(test_endpoints),
        cmocka_unit_test(test_folder_names), cmocka_unit_test(test_cells),
        cmocka_unit_test(test_shell_quotes), cmocka_unit_test(test_latency_bins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
