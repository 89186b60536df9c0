/* argv -> command, arguments, options. */
#include "../test.h"

#include "cli/call.h"

enum { WORDS_MAX = 12 };

typedef struct parsed {
    cli_call call;
    mw_status status;
    mw_error err;
} parsed;

/* Split at blanks and parse; free with parsed_done. */
static parsed *parse(const char *line)
{
    static char words[1024];
    char *argv[WORDS_MAX + 1] = {NULL}, *rest = words;
    int argc = 0;
    parsed *result = calloc(1, sizeof *result);
    assert_non_null(result);
    snprintf(words, sizeof words, "%s", line);
    for (char *word; argc < WORDS_MAX && (word = strsep(&rest, " "));)
        argv[argc++] = word;
    mw_arena_init(&result->call.arena, 4096, MW_MIB);
    mw_buf_init(&result->call.excerpt, 4096);
    result->status = cli_parse(&result->call, argc, argv, &result->err);
    if (result->status == MW_OK && result->call.command)
        result->status = cli_check_arguments(&result->call, &result->err);
    return result;
}

static void parsed_done(parsed *result)
{
    mw_buf_done(&result->call.excerpt);
    mw_arena_done(&result->call.arena);
    free(result);
}

static void test_good_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line, *command;
        size_t n_arguments;
        cli_option_id id;
        const char *text;
    } cases[] = {
        {"mw serve a.json", "serve", 1, CLI_LISTEN, NULL},
        {"mw serve a.json b=c.txt", "serve", 2, CLI_LISTEN, NULL},
        {"mw serve --listen :0 a.json", "serve", 1, CLI_LISTEN, "127.0.0.1:0"},
        {"mw serve --listen=:0 a.json", "serve", 1, CLI_LISTEN, "127.0.0.1:0"},
        {"mw --listen :0 serve a.json", "serve", 1, CLI_LISTEN, "127.0.0.1:0"},
        {"mw serve a.json --listen :1 --listen :2", "serve", 1, CLI_LISTEN,
         "127.0.0.1:1 127.0.0.1:2"},
        {"mw model show a.json", "model show", 1, CLI_JSON, NULL},
        {"mw --json model show a.json", "model show", 1, CLI_JSON, "true"},
        {"mw model --json show a.json", "model show", 1, CLI_JSON, "true"},
        {"mw model show -o x a.json", "model show", 1, CLI_OUTPUT, "x"},
        {"mw model show -ox a.json", "model show", 1, CLI_OUTPUT, "x"},
        {"mw model show -qo x a.json", "model show", 1, CLI_OUTPUT, "x"},
        {"mw -o serve model show a.json", "model show", 1, CLI_OUTPUT, "serve"},
        {"mw predict m -", "predict", 2, CLI_RAW, NULL},
        {"mw predict m --input - --raw", "predict", 1, CLI_INPUT, "-"},
        {"mw predict m --raw=false", "predict", 1, CLI_RAW, "false"},
        {"mw predict -- --m --n", "predict", 2, CLI_RAW, NULL},
        {"mw predict m -qv", "predict", 1, CLI_VERBOSE, "true"},
        {"mw serve", "serve", 0, CLI_LISTEN, NULL},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        parsed *p = parse(cases[i].line);
        if (p->status != MW_OK)
            fail_msg("%s: %s", cases[i].line, p->err.what);
        const char *text = p->call.settings[cases[i].id].text;
        assert_string_equal(p->call.command->name, cases[i].command);
        assert_int_equal(p->call.n_arguments, cases[i].n_arguments);
        if (cases[i].text ? !text || strcmp(text, cases[i].text) != 0 : text != NULL)
            fail_msg("%s: got '%s'", cases[i].line, text ? text : "(none)");
        parsed_done(p);
    }
}

static const struct fault_case {
    const char *line;
    int code;
    const char *what, *mend;
} fault_cases[] = {
    {"mw sevre x", MW_E_UNKNOWN_COMMAND, "unknown command 'sevre'",
     "did you mean 'mw serve'?  all commands: mw help"},
    {"mw modl show x", MW_E_UNKNOWN_COMMAND, "unknown command 'modl'",
     "did you mean 'mw model'?  all commands: mw help"},
    {"mw enthrone x", MW_E_UNKNOWN_COMMAND, "unknown command 'enthrone'", "see mw help"},
    {"mw model shwo", MW_E_UNKNOWN_COMMAND, "unknown command 'model shwo'",
     "did you mean 'mw model show'?  all commands: mw help"},
    {"mw model", MW_E_MISSING_ARGUMENT, "'model' needs a second word",
     "mw model show, mw model golden, mw model diff, mw model validate, mw model register"},
    {"mw serve --lisen x", MW_E_UNKNOWN_OPTION, "unknown option '--lisen'",
     "did you mean --listen?  all options: mw serve --help"},
    {"mw serve --zzzzzz", MW_E_UNKNOWN_OPTION, "unknown option '--zzzzzz'", "see mw serve --help"},
    {"mw serve --raw m", MW_E_UNKNOWN_OPTION, "'serve' does not take --raw", "see mw serve --help"},
    {"mw serve -z m", MW_E_UNKNOWN_OPTION, "unknown option '-z'", "see mw serve --help"},
    {"mw serve m --listen", MW_E_MISSING_VALUE, "--listen needs a value",
     "--listen ADDR:PORT, for example 127.0.0.1:8080"},
    {"mw serve m --threads x", MW_E_OPTION_VALUE, "'x' is not a whole number", "give 1..256"},
    {"mw predict", MW_E_MISSING_ARGUMENT, "MODEL is missing", "mw predict model.json rows.csv"},
    {"mw predict a b c", MW_E_EXTRA_ARGUMENT, "'c' is one argument too many",
     "mw predict MODEL [FILE] [OPTION...]"},
    {"mw version x", MW_E_EXTRA_ARGUMENT, "'x' is one argument too many", "mw version [OPTION...]"},
    {"mw predict m --json=maybe", MW_E_OPTION_VALUE, "'maybe' is not true or false",
     "give true or false"},
};

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(fault_cases); i++) {
        const struct fault_case *c = &fault_cases[i];
        parsed *p = parse(c->line);
        if (p->status != MW_BAD_ARGUMENT || p->err.code != c->code)
            fail_msg("%s: status %d, code %d: %s", c->line, (int)p->status, p->err.code,
                     p->err.what);
        if (strcmp(p->err.what, c->what) != 0 || strcmp(p->err.mend, c->mend) != 0)
            fail_msg("%s: got '%s' / '%s'", c->line, p->err.what, p->err.mend);
        assert_int_equal(mw_status_exit_code(p->status), 2);
        parsed_done(p);
    }
}

static void test_help_is_heard_in_spite_of_faults(void **state)
{
    (void)state;
    static const char *const lines[] = {"mw serve --nonsense --help", "mw predict -h",
                                        "mw --help serve --threads x"};
    for (size_t i = 0; i < MW_COUNT(lines); i++) {
        parsed *p = parse(lines[i]);
        assert_true(cli_is_on(&p->call, CLI_HELP));
        assert_non_null(p->call.command);
        parsed_done(p);
    }
    parsed *p = parse("mw predict -- --help");
    assert_false(cli_is_on(&p->call, CLI_HELP));
    parsed_done(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_lines),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_help_is_heard_in_spite_of_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
