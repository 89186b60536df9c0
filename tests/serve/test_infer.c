/* Infer answers as a client gets them: the output it asked for, as JSON or as bytes behind it. */
#include "../test.h"

#include <stdio.h>
#include <stdlib.h>

#include "serve/serve.h"

static mw_fleet *fleet;
static mw_server *server;
static mw_client *client;

static void handle(void *user, mw_exchange *exchange)
{
    (void)user;
    const mw_params params = {.name = MW_VIEW("credit")};
    serve_oip_infer(fleet, exchange, &params);
}

static int set_up(void **state)
{
    (void)state;
    char path[512];
    mw_server_options options;
    const mw_fleet_options fleet_options = {.n_loops = 1, .n_workers = 1, .max_body_bytes = MW_MIB};
    const char *root = getenv("MW_TEST_ROOT");
    snprintf(path, sizeof path, "%s/examples/models/credit.json", root ? root : ".");
    mw_server_options_init(&options);
    options.listen = "127.0.0.1:0";
    options.handler = handle;
    options.n_loops = 1;
    bool ready = mw_fleet_new(&fleet_options, &fleet, NULL) == MW_OK &&
                 mw_fleet_add(fleet, "credit", path, NULL, NULL) == MW_OK &&
                 mw_server_open(&options, &server, NULL) == MW_OK &&
                 mw_server_start(server, NULL) == MW_OK &&
                 mw_client_open(mw_server_address(server), 10000, &client, NULL) == MW_OK;
    return ready ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mw_client_close(client);
    mw_server_close(server);
    mw_fleet_free(fleet);
    return 0;
}

static size_t n_features;

static void note_features(void *user, const mw_endpoint_info *info)
{
    (void)user;
    n_features = info->forest->n_features;
}

enum { N_ROWS = 3 };

/* N_ROWS rows of ones, twos, threes, with `beside` beside the inputs. */
static int ask(const char *beside, mw_view *ret_body)
{
    mw_buf json;
    mw_error err;
    int status = 0;
    mw_buf_init(&json, MW_MIB);
    mw_fleet_each(fleet, note_features, NULL);
    mw_buf_format(&json, "{%s\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",", beside);
    mw_buf_format(&json, "\"shape\":[%d,%zu],\"data\":[", N_ROWS, n_features);
    for (size_t i = 0; i < N_ROWS * n_features; i++)
        mw_buf_format(&json, i > 0 ? ",%zu" : "%zu", 1 + i / n_features);
    mw_buf_text(&json, "]}]}");
    assert_false(json.failed);
    if (mw_client_call(client, "POST", "/", "application/json", mw_buf_as_view(&json), &status,
                       ret_body, &err) != MW_OK)
        fail_msg("%s (%s)", err.what, err.why);
    mw_buf_done(&json);
    return status;
}

/* Where the JSON ends: the first brace that closes it. */
static size_t json_bytes(mw_view body)
{
    size_t depth = 0, at = 0;
    for (; at < body.size; at++) {
        depth += body.data[at] == '{';
        if (body.data[at] == '}' && --depth == 0)
            return at + 1;
    }
    fail_msg("no JSON: %.*s", MW_VIEW_ARG(body));
    return 0;
}

#define OUTPUTS(parameters) "\"outputs\":[{\"name\":\"output\",\"parameters\":{" parameters "}}],"

static const struct answer_case {
    const char *beside;
    bool binary;
} answer_cases[] = {
    {"", false},
    {"\"outputs\":[{\"name\":\"output\"}],", false},
    {OUTPUTS("\"binary_data\":false"), false},
    {OUTPUTS("\"binary_data\":true"), true},
    {"\"parameters\":{\"binary_data_output\":true},", true},
    {"\"parameters\":{\"binary_data_output\":true}," OUTPUTS("\"binary_data\":false"), false},
    {"\"parameters\":{\"binary_data_output\":true},\"outputs\":[{\"name\":\"output\"}],", true},
};

/* The same three values every time, whatever their form. */
static void test_answers(void **state)
{
    (void)state;
    double first[N_ROWS] = {0};
    for (size_t i = 0; i < MW_COUNT(answer_cases); i++) {
        const struct answer_case *c = &answer_cases[i];
        mw_view body;
        mw_json *root = NULL;
        if (ask(c->beside, &body) != 200)
            fail_msg("%s: %.*s", c->beside, MW_VIEW_ARG(body));
        size_t size = json_bytes(body);
        assert_int_equal(mw_json_read((mw_view){body.data, size}, &root, NULL), MW_OK);
        const mw_json *output = mw_json_element(mw_json_member(root, "outputs"), 0);
        const mw_json *data = mw_json_member(output, "data");
        double shape = 0;
        assert_true(mw_view_is(mw_json_text(mw_json_member(output, "datatype")), "FP32"));
        assert_true(mw_json_number(mw_json_element(mw_json_member(output, "shape"), 0), &shape));
        assert_true(shape == N_ROWS);
        assert_int_equal(mw_json_count(data), c->binary ? 0 : N_ROWS);
        assert_int_equal(body.size - size, c->binary ? N_ROWS * sizeof(float) : 0);
        for (size_t row = 0; row < N_ROWS; row++) {
            float value = 0;
            double number = 0;
            if (c->binary)
                memcpy(&value, body.data + size + row * sizeof value, sizeof value);
            else if (mw_json_number(mw_json_element(data, row), &number))
                value = (float)number;
            if (i == 0)
                first[row] = (double)value;
            assert_true(value > 0 && value < 1 && first[row] == (double)value);
        }
        double announced = 0;
        const mw_json *parameters = mw_json_member(output, "parameters");
        assert_int_equal(mw_json_number(mw_json_member(parameters, "binary_data_size"), &announced),
                         c->binary);
        assert_true(announced == (c->binary ? N_ROWS * sizeof(float) : 0));
        mw_json_free(root);
    }
}

static void test_refused_outputs(void **state)
{
    (void)state;
    static const struct {
        const char *beside, *word;
    } cases[] = {
        {"\"outputs\":[{\"name\":\"score\"}],", "no output 'score'"},
        {"\"outputs\":[{\"name\":\"output\"},{\"name\":\"output\"}],", "twice"},
        {OUTPUTS("\"binary_data\":1"), "binary_data"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_view body;
        int status = ask(cases[i].beside, &body);
        if (status != 400 || !memmem(body.data, body.size, cases[i].word, strlen(cases[i].word)))
            fail_msg("%s: %d %.*s", cases[i].beside, status, MW_VIEW_ARG(body));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_refused_outputs),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
