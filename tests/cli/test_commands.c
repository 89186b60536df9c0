/* The tables agree with themselves, and every text is made from them. */
#include "../test.h"

#include "cli/call.h"
#include "cli/help.h"

enum { TEXT_MAX = 1 << 20, WORDS_MAX = 16 };

/* Two options of one name: no command may take both. */
static void check_name(int id)
{
    size_t n_commands;
    const cli_command *commands = cli_commands(&n_commands);
    cli_option_id same = cli_option_named(mw_view_of(cli_options[id].name));
    for (; (int)same != id; same = cli_option_namesake(same)) {
        assert_true((int)same < id);
        for (size_t i = 0; i < n_commands; i++)
            if (cli_command_takes(&commands[i], same) && cli_command_takes(&commands[i], id))
                fail_msg("%s takes two options --%s", commands[i].name, cli_options[id].name);
    }
}

static void test_options_are_distinct(void **state)
{
    (void)state;
    for (int a = 0; a < CLI_N_OPTIONS; a++) {
        const cli_option *option = &cli_options[a];
        if (!option->name || !option->help)
            fail_msg("option %d has no row", a);
        if ((option->kind == CLI_KIND_FLAG) != !option->value)
            fail_msg("--%s: only what takes a value names it", option->name);
        check_name(a);
        if (option->letter)
            assert_int_equal(cli_option_lettered(option->letter), a);
        if (option->config)
            assert_int_equal(cli_option_configured(cli_option_section(option),
                                                   mw_view_of(cli_option_key(option))),
                             a);
    }
    assert_int_equal(cli_option_named(MW_VIEW("nonsense")), CLI_N_OPTIONS);
    assert_int_equal(cli_option_lettered('\0'), CLI_N_OPTIONS);
}

static void test_every_option_is_taken(void **state)
{
    (void)state;
    size_t n_commands;
    const cli_command *commands = cli_commands(&n_commands);
    for (int id = 0; id < CLI_N_OPTIONS; id++) {
        bool taken = false;
        for (size_t i = 0; i < n_commands; i++)
            taken = taken || cli_command_takes(&commands[i], (cli_option_id)id);
        if (!taken)
            fail_msg("no command takes --%s", cli_options[id].name);
    }
}

static void test_environment_names(void **state)
{
    (void)state;
    mw_buf alias, canonical;
    mw_buf_init(&alias, 256);
    mw_buf_init(&canonical, 256);
    cli_option_environment(&cli_options[CLI_MAX_BODY], &alias, &canonical);
    assert_string_equal(alias.data, "MW_MAX_BODY");
    assert_string_equal(canonical.data, "MW_SERVER__MAX_BODY");
    cli_option_environment(&cli_options[CLI_HELP], &alias, &canonical);
    assert_string_equal(alias.data, "");
    mw_buf_done(&alias);
    mw_buf_done(&canonical);
}

/* Split like a shell does, as far as the examples go: blanks, and "..." kept together. */
static int split(char *line, char **argv)
{
    int argc = 0;
    for (char *at = line; *at && argc < WORDS_MAX;) {
        at += strspn(at, " ");
        argv[argc++] = at;
        at += strcspn(at, " ");
        if (*at)
            *at++ = '\0';
    }
    return argc;
}

static void test_examples_parse(void **state)
{
    (void)state;
    size_t n_commands;
    const cli_command *commands = cli_commands(&n_commands);
    for (size_t i = 0; i < n_commands; i++) {
        assert_non_null(commands[i].examples[0].line);
        for (const cli_example *e = commands[i].examples; e->line; e++) {
            char line[256], *argv[WORDS_MAX];
            cli_call call = {0};
            mw_error err = {0};
            snprintf(line, sizeof line, "%s", e->line);
            mw_arena_init(&call.arena, 4096, MW_MIB);
            if (cli_parse(&call, split(line, argv), argv, &err) != MW_OK ||
                cli_check_arguments(&call, &err) != MW_OK)
                fail_msg("%s: %s", e->line, err.what);
            assert_ptr_equal(call.command, &commands[i]);
            mw_arena_done(&call.arena);
        }
    }
}

static void test_help_begins_with_examples(void **state)
{
    (void)state;
    size_t n_commands;
    const cli_command *commands = cli_commands(&n_commands);
    cli_terminal terminal = {.width = 80};
    for (size_t i = 0; i < n_commands; i++) {
        mw_buf out;
        mw_buf_init(&out, TEXT_MAX);
        cli_write_command_help(&terminal, &commands[i], &out);
        const char *examples = strstr(out.data, "\nExamples\n");
        const char *usage = strstr(out.data, "\nUsage\n");
        assert_true(examples && usage && examples < usage);
        mw_buf_done(&out);
    }
}

static void test_lines_fit_the_terminal(void **state)
{
    (void)state;
    size_t n_commands;
    const cli_command *commands = cli_commands(&n_commands);
    cli_terminal terminal = {.width = 60};
    for (size_t i = 0; i < n_commands; i++) {
        mw_buf out;
        mw_buf_init(&out, TEXT_MAX);
        cli_write_command_help(&terminal, &commands[i], &out);
        char *rest = out.data, *line;
        while ((line = strsep(&rest, "\n")))
            if (strlen(line) > 60 && strncmp(line, "  mw ", 5) != 0) /* an example is one line */
                fail_msg("%s: '%s'", commands[i].name, line);
        mw_buf_done(&out);
    }
}

/* Every code explains itself: a title, at least a sentence, a number of its own. */
static void test_codes_are_documented(void **state)
{
    (void)state;
    size_t n_rows;
    const mw_code_row *rows = mw_code_rows(&n_rows);
    assert_true(n_rows > 20);
    for (size_t i = 0; i < n_rows; i++) {
        if (!rows[i].title[0] || strlen(rows[i].help) < 40 ||
            rows[i].help[strlen(rows[i].help) - 1] == ' ')
            fail_msg("MW%d has no proper help", rows[i].number);
        for (size_t j = 0; j < i; j++)
            if (rows[i].number == rows[j].number)
                fail_msg("MW%d stands twice", rows[i].number);
    }
}

static void test_suggestions(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *expected;
    } cases[] = {
        {"serv", "serve"}, {"sevre", "serve"},     {"predcit", "predict"},
        {"demp", "demo"},  {"comp", "completion"}, {"xyzzy", NULL},
        {"d", NULL},
    };
    size_t n_commands;
    const cli_command *commands = cli_commands(&n_commands);
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        cli_nearest nearest = cli_nearest_to(mw_view_of(cases[i].typed));
        for (size_t k = 0; k < n_commands; k++)
            cli_nearest_offer(&nearest, commands[k].name);
        const char *got = nearest.name ? nearest.name : "(none)";
        if (strcmp(got, cases[i].expected ? cases[i].expected : "(none)") != 0)
            fail_msg("%s: got %s", cases[i].typed, got);
    }
}

/* docs/reference is written by the program; a page that is out of date fails here. */
static void test_reference_is_current(void **state)
{
    (void)state;
    static const char *const pages[] = {"cli", "config", "errors"};
    const char *root = getenv("MW_TEST_ROOT");
    if (!root)
        skip();
    for (size_t i = 0; i < MW_COUNT(pages); i++) {
        char path[4096];
        mw_file file;
        mw_error err;
        mw_buf out;
        mw_buf_init(&out, TEXT_MAX);
        cli_write_markdown(pages[i], &out);
        snprintf(path, sizeof path, "%s/docs/reference/%s.md", root, pages[i]);
        if (mw_file_read(path, TEXT_MAX, &file, &err) != MW_OK)
            fail_msg("%s: %s", err.where, err.what);
        if (!mw_view_equal((mw_view){file.data, file.size}, mw_buf_as_view(&out)))
            fail_msg("docs/reference/%s.md is out of date: mw help --markdown %s -o %s", pages[i],
                     pages[i], path);
        mw_file_done(&file);
        mw_buf_done(&out);
    }
}

static void test_wrap(void **state)
{
    (void)state;
    mw_buf out;
    mw_buf_init(&out, 1024);
    cli_wrap(&out, "one two three four", 0, 0, 9);
    assert_string_equal(out.data, "one two\nthree\nfour");
    mw_buf_reset(&out);
    cli_wrap(&out, "one two", 4, 4, 9);
    assert_string_equal(out.data, "one\n    two");
    mw_buf_reset(&out);
    cli_wrap(&out, "averyverylongword x", 0, 0, 8); /* cannot be broken */
    assert_string_equal(out.data, "averyverylongword\nx");
    mw_buf_done(&out);
}

static void test_schema(void **state)
{
    (void)state;
    cli_terminal terminal = {.width = 80};
    mw_buf out;
    mw_json *root;
    mw_error err;
    mw_buf_init(&out, TEXT_MAX);
    assert_false(cli_write_schema(&terminal, "sever", &out));
    assert_true(cli_write_schema(&terminal, "server", &out));
    assert_non_null(strstr(out.data, "server.listen\taddress\tdefault 127.0.0.1:8080\t"));
    assert_null(strstr(out.data, "endpoints"));
    mw_buf_reset(&out);
    assert_true(cli_write_json_schema(NULL, &out));
    assert_int_equal(mw_json_read(mw_buf_as_view(&out), &root, &err), MW_OK);
    const mw_json *properties = mw_json_member(root, "properties");
    const mw_json *server = mw_json_member(mw_json_member(properties, "server"), "properties");
    assert_true(mw_json_is_object(mw_json_member(server, "max_body")));
    assert_true(mw_json_is_object(mw_json_member(properties, "endpoints")));
    mw_json_free(root);
    mw_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_are_distinct),
        cmocka_unit_test(test_every_option_is_taken),
        cmocka_unit_test(test_environment_names),
        cmocka_unit_test(test_examples_parse),
        cmocka_unit_test(test_help_begins_with_examples),
        cmocka_unit_test(test_lines_fit_the_terminal),
        cmocka_unit_test(test_codes_are_documented),
        cmocka_unit_test(test_suggestions),
        cmocka_unit_test(test_reference_is_current),
        cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
