/* The configuration file: values, faults with place and excerpt, and which source wins. */
#include "../test.h"

#include "cli/config.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

static void call_init(cli_call *call, const char *command)
{
    memset(call, 0, sizeof *call);
    mw_arena_init(&call->arena, 4096, 16 * MW_MIB);
    mw_buf_init(&call->excerpt, 4096);
    call->command = cli_command_named(mw_view_of(command));
    assert_non_null(call->command);
}

static void call_done(cli_call *call)
{
    mw_buf_done(&call->excerpt);
    mw_arena_done(&call->arena);
}

static const char whole_file[] = "# comment\n"
                                 "server:\n"
                                 "  listen: ':9000'\n"
                                 "  data: state\n"
                                 "  threads: 3\n"
                                 "  max_body: 2MiB\n"
                                 "  head_timeout: 500ms\n"
                                 "  drain_seconds: 7\n"
                                 "  allow_public: true\n"
                                 "  log_level: debug\n"
                                 "endpoints:\n"
                                 "  - name: churn\n"
                                 "    model: models/churn.json\n"
                                 "    background: usual.csv\n"
                                 "  - model: /srv/price.txt\n";

static void test_whole_file(void **state)
{
    (void)state;
    cli_call call;
    cli_place place;
    mw_error err = {0};
    call_init(&call, "serve");
    if (cli_config_read(&call, mw_view_of(whole_file), "conf/mw.yaml", "conf", &place, &err) !=
        MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    assert_string_equal(call.settings[CLI_LISTEN].text, "127.0.0.1:9000");
    assert_string_equal(call.settings[CLI_LISTEN].place, "conf/mw.yaml:3:11");
    assert_string_equal(call.settings[CLI_DATA].text, "conf/state"); /* relative to the file */
    assert_int_equal(call.settings[CLI_THREADS].number, 3);
    assert_int_equal(call.settings[CLI_MAX_BODY].number, 2 << 20);
    assert_int_equal(call.settings[CLI_HEAD_TIMEOUT].number, 500);
    assert_int_equal(call.settings[CLI_DRAIN_SECONDS].number, 7);
    assert_int_equal(call.settings[CLI_ALLOW_PUBLIC].number, 1);
    assert_int_equal(call.settings[CLI_LOG_LEVEL].number, MW_LOG_DEBUG);
    assert_int_equal(call.n_endpoints, 2);
    assert_string_equal(call.endpoints[0].name, "churn");
    assert_string_equal(call.endpoints[0].model, "conf/models/churn.json");
    assert_string_equal(call.endpoints[0].background, "conf/usual.csv");
    assert_null(call.endpoints[1].name);
    assert_null(call.endpoints[1].background);
    assert_string_equal(call.endpoints[1].model, "/srv/price.txt");
    call_done(&call);
}

static const struct fault_case {
    const char *text, *where, *what, *excerpt;
} fault_cases[] = {
    {"server:\n  listen: :1\n  wokers: 4\n", "c.yaml:3:3",
     "unknown key \"wokers\" under \"server\"", "   3 |   wokers: 4\n     |   ^^^^^^\n"},
    {"sever: {}\n", "c.yaml:1:1", "unknown key \"sever\"", "   1 | sever: {}\n     | ^^^^^\n"},
    {"server: {threads: many}\n", "c.yaml:1:19", "'many' is not a whole number",
     "   1 | server: {threads: many}\n     |                   ^^^^\n"},
    {"server:\n  threads: 999\n", "c.yaml:2:12", "'999' is outside 1..256",
     "   2 |   threads: 999\n     |            ^^^\n"},
    {"server:\n  threads: \"4\"\n", "c.yaml:2:12", "'4' is not a whole number",
     "   2 |   threads: \"4\"\n     |            ^^^\n"},
    {"server:\n  allow_public: yes\n", "c.yaml:2:17", "'yes' is not true or false", NULL},
    {"server:\n  allow_public: 1\n", "c.yaml:2:17", "'1' is not true or false", NULL},
    {"server:\n  threads:\n", "c.yaml:2:11", "the value is empty", NULL},
    {"server: 4\n", "c.yaml:1:1", "a section must be a map, but is a single value", NULL},
    {"server:\n  threads: [1, 2]\n", "c.yaml:2:3",
     "a setting must be a single value, but is a list", NULL},
    {"- a\n", "c.yaml:1:1", "the configuration must be a map, but is a list", NULL},
    {"endpoints: {a: b}\n", "c.yaml:1:1", "\"endpoints\" must be a list, but is a map", NULL},
    {"endpoints:\n  - name: x\n", "c.yaml:2:5", "the endpoint has no \"model\"", NULL},
    {"endpoints:\n  - modle: x\n", "c.yaml:2:5", "unknown key \"modle\" under \"endpoints\"", NULL},
    {"endpoints:\n  - a.json\n", "c.yaml:2:5", "an endpoint must be a map, but is a single value",
     NULL},
};

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(fault_cases); i++) {
        const struct fault_case *c = &fault_cases[i];
        cli_call call;
        cli_place place;
        mw_error err = {0};
        call_init(&call, "serve");
        mw_status status = cli_config_read(&call, mw_view_of(c->text), "c.yaml", "", &place, &err);
        if (status != MW_BAD_ARGUMENT || strcmp(err.where, c->where) != 0 ||
            strcmp(err.what, c->what) != 0)
            fail_msg("case %zu: status %d, '%s': '%s'", i, (int)status, err.where, err.what);
        assert_int_not_equal(err.mend[0], '\0');
        cli_write_excerpt(&call.excerpt, mw_view_of(c->text), place);
        if (c->excerpt)
            assert_string_equal(call.excerpt.data, c->excerpt);
        call_done(&call);
    }
}

static void test_suggestion(void **state)
{
    (void)state;
    cli_call call;
    cli_place place;
    mw_error err = {0};
    call_init(&call, "serve");
    assert_int_equal(cli_config_read(&call, MW_VIEW("server:\n  listen: :1\n  wokers: 4\n"),
                                     "c.yaml", "", &place, &err),
                     MW_BAD_ARGUMENT);
    assert_string_equal(err.mend, "did you mean \"workers\"?  all keys: mw config schema server");
    assert_int_equal(err.code, MW_E_CONFIG_KEY);
    call_done(&call);
}

/* What the YAML reader refuses must come with a place as well. */
static void test_yaml_faults_have_a_place(void **state)
{
    (void)state;
    static const char *const texts[] = {"server:\n  listen: 'x\n", "server: {\n", "a: b: c\n",
                                        "server: {}\nserver: {}\n", "server: !!python/object {}\n"};
    for (size_t i = 0; i < MW_COUNT(texts); i++) {
        cli_call call;
        cli_place place;
        mw_error err = {0};
        call_init(&call, "serve");
        mw_status status = cli_config_read(&call, mw_view_of(texts[i]), "c.yaml", "", &place, &err);
        if (status == MW_OK || place.line == 0)
            fail_msg("case %zu: status %d, '%s', line %u", i, (int)status, err.where, place.line);
        call_done(&call);
    }
}

static void test_excerpt_of_odd_lines(void **state)
{
    (void)state;
    mw_buf out;
    mw_buf_init(&out, 4096);
    cli_write_excerpt(&out, MW_VIEW("a\tb\x01 c"), (cli_place){1, 3, 1});
    assert_string_equal(out.data, "   1 | a b  c\n     |   ^\n");
    mw_buf_reset(&out);
    cli_write_excerpt(&out, MW_VIEW("\xc3\xa4\xc3\xa4: x"), (cli_place){1, 5, 1}); /* characters */
    assert_string_equal(out.data, "   1 | \xc3\xa4\xc3\xa4: x\n     |     ^\n");
    mw_buf_reset(&out);
    cli_write_excerpt(&out, MW_VIEW("x"), (cli_place){9, 1, 1}); /* beyond the end */
    assert_string_equal(out.data, "   9 | \n     | ^\n");
    mw_buf_reset(&out);
    cli_write_excerpt(&out, MW_VIEW("x"), (cli_place){0, 0, 0});
    assert_string_equal(out.data, "");
    mw_buf_done(&out);
}

/* ---- precedence ------------------------------------------------------------------------------ */

static void put_file(const char *path, const char *text)
{
    mw_error err;
    assert_int_equal(mw_file_write(path, mw_view_of(text), &err), MW_OK);
}

typedef struct place_of_work {
    char folder[64], before[PATH_MAX], xdg[128];
} place_of_work;

static int enter_folder(void **state)
{
    static place_of_work work;
    snprintf(work.folder, sizeof work.folder, "/tmp/mw-test-config-XXXXXX");
    if (!getcwd(work.before, sizeof work.before) || !mkdtemp(work.folder) ||
        chdir(work.folder) != 0)
        return -1;
    snprintf(work.xdg, sizeof work.xdg, "XDG_CONFIG_HOME=%s/xdg", work.folder);
    if (mkdir("xdg", 0700) != 0 || mkdir("xdg/millwright", 0700) != 0)
        return -1;
    put_file("xdg/millwright/millwright.yaml",
             "server: {threads: 1, max_connections: 11, drain_seconds: 11, data: x}\n"
             "endpoints: [{model: user.json}]\n");
    put_file("millwright.yaml", "server: {threads: 2, max_connections: 12, drain_seconds: 12}\n"
                                "endpoints: [{model: here.json}]\n");
    put_file("named.yaml", "server: {threads: 3, max_connections: 13}\n");
    *state = &work;
    return 0;
}

static int leave_folder(void **state)
{
    place_of_work *work = *state;
    char command[256];
    if (chdir(work->before) != 0)
        return -1;
    snprintf(command, sizeof command, "rm -rf '%s'", work->folder);
    return system(command) == 0 ? 0 : -1;
}

static void expect(const cli_call *call, cli_option_id id, const char *text, const char *place)
{
    const cli_setting *setting = &call->settings[id];
    const char *got = setting->place ? setting->place : "default";
    if (!setting->text || strcmp(setting->text, text) != 0 || strcmp(got, place) != 0)
        fail_msg("%s: got '%s' from %s", cli_options[id].name, setting->text, got);
}

static void test_precedence(void **state)
{
    place_of_work *work = *state;
    char *environment[] = {work->xdg,
                           (char[]){"MW_CONFIG=named.yaml"},
                           (char[]){"MW_HEAD_TIMEOUT=1s"},
                           (char[]){"MW_SERVER__HEAD_TIMEOUT=2s"},
                           (char[]){"MW_BODY_TIMEOUT="},
                           NULL};
    cli_call call;
    mw_error err = {0};
    call_init(&call, "serve");
    assert_int_equal(
        cli_setting_put(&call, CLI_THREADS, MW_VIEW("9"), CLI_FROM_FLAG, "--threads", &err), MW_OK);
    if (cli_settings_resolve(&call, environment, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    expect(&call, CLI_THREADS, "9", "--threads");
    expect(&call, CLI_HEAD_TIMEOUT, "2s", "MW_SERVER__HEAD_TIMEOUT");
    expect(&call, CLI_MAX_CONNECTIONS, "13", "named.yaml:1:39");
    expect(&call, CLI_DRAIN_SECONDS, "12", "millwright.yaml:1:58");
    char data[256], place[256];
    snprintf(data, sizeof data, "%s/xdg/millwright/x", work->folder);
    snprintf(place, sizeof place, "%s/xdg/millwright/millwright.yaml:1:68", work->folder);
    expect(&call, CLI_DATA, data, place);
    expect(&call, CLI_BODY_TIMEOUT, "30s", "default"); /* an empty variable is not set */
    assert_int_equal(call.n_endpoints, 1);
    assert_string_equal(call.endpoints[0].model, "here.json");
    call_done(&call);
}

static void test_environment_faults(void **state)
{
    (void)state;
    static const struct {
        const char *variable, *where, *what, *mend;
    } cases[] = {
        {"MW_SERVER__LISTNE=:1", "", "unknown variable 'MW_SERVER__LISTNE' in the environment",
         "did you mean MW_SERVER__LISTEN?  all names: mw help environment"},
        {"MW_THREADS=x", "MW_THREADS", "'x' is not a whole number", "give 1..256"},
        {"MW_CONFIG=absent.yaml", "absent.yaml", "no such file", NULL},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char variable[128];
        char *environment[] = {variable, NULL};
        cli_call call;
        mw_error err = {0};
        snprintf(variable, sizeof variable, "%s", cases[i].variable);
        call_init(&call, "serve");
        assert_int_not_equal(cli_settings_resolve(&call, environment, &err), MW_OK);
        assert_string_equal(err.where, cases[i].where);
        assert_string_equal(err.what, cases[i].what);
        if (cases[i].mend)
            assert_string_equal(err.mend, cases[i].mend);
        call_done(&call);
    }
}

/* Kubernetes sets such variables for a service called "mw"; they are none of ours. */
static void test_foreign_variables_are_let_be(void **state)
{
    (void)state;
    char *environment[] = {(char[]){"MW_PORT=tcp://10.0.0.1:80"}, (char[]){"MW_SERVICE_HOST=x"},
                           (char[]){"MW_CPU=scalar"}, NULL};
    cli_call call;
    mw_error err = {0};
    call_init(&call, "version");
    assert_int_equal(cli_settings_resolve(&call, environment, &err), MW_OK);
    call_done(&call);
    call_init(&call, "serve");
    assert_int_equal(cli_settings_resolve(&call, environment, &err), MW_OK);
    call_done(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_file),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_suggestion),
        cmocka_unit_test(test_yaml_faults_have_a_place),
        cmocka_unit_test(test_excerpt_of_odd_lines),
        cmocka_unit_test_setup_teardown(test_precedence, enter_folder, leave_folder),
        cmocka_unit_test(test_environment_faults),
        cmocka_unit_test(test_foreign_variables_are_let_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
