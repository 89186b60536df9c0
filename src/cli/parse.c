/* argv -> command, arguments, flags.
 *
 *     mw [options] COMMAND [SUBCOMMAND] [options and arguments in any order] [-- arguments]
 *
 * Two passes: words first find the command, then its options are read; so that options may stand
 * before the command, and an option's value is never taken for a command. */
#include "call.h"

#include <limits.h>

/* What one word of argv is. */
typedef struct word {
    cli_option_id id; /* CLI_N_OPTIONS: not a known option */
    bool is_option;
    mw_view name;  /* "max-body", "o" */
    mw_view value; /* behind '=' or stuck to the letter; data NULL: none */
} word;

static word read_long(const char *text)
{
    const char *equals = strchr(text, '=');
    word result = {.is_option = true, .name = mw_view_of(text)};
    if (equals) {
        result.name.size = (size_t)(equals - text);
        result.value = mw_view_of(equals + 1);
    }
    result.id = cli_option_named(result.name);
    return result;
}

/* One letter of "-qv" or "-oFILE"; text points at it. */
static word read_letter(const char *text)
{
    word result = {.is_option = true, .name = {text, 1}, .id = cli_option_lettered(*text)};
    if (result.id < CLI_N_OPTIONS && cli_options[result.id].kind != CLI_KIND_FLAG && text[1])
        result.value = mw_view_of(text + 1 + (text[1] == '='));
    return result;
}

typedef struct reader {
    cli_call *call;
    int argc;
    char *const *argv;
    int at;
    bool only_arguments; /* "--" was seen */
    unsigned n_command_words;
} reader;

static mw_status fail_unknown_option(const cli_call *call, const word *seen, bool is_long,
                                     mw_error *err)
{
    const char *dashes = is_long ? "--" : "-";
    const char *command = call->command ? call->command->name : NULL;
    cli_nearest nearest = cli_nearest_to(seen->name);
    for (int id = 0; is_long && id < CLI_N_OPTIONS; id++)
        if (!call->command || cli_command_takes(call->command, (cli_option_id)id))
            cli_nearest_offer(&nearest, cli_options[id].name);
    if (seen->id < CLI_N_OPTIONS && command)
        mw_fail(err, MW_E_UNKNOWN_OPTION, "'%s' does not take %s%.*s", command, dashes,
                MW_VIEW_ARG(seen->name));
    else
        mw_fail(err, MW_E_UNKNOWN_OPTION, "unknown option '%s%.*s'", dashes,
                MW_VIEW_ARG(seen->name));
    if (nearest.name)
        return mw_mend(err, "did you mean --%s?  all options: mw %s%s--help", nearest.name,
                       command ? command : "", command ? " " : "");
    return mw_mend(err, "see mw %s%s--help", command ? command : "", command ? " " : "");
}

/* The option of this name that the command takes, when there is one. */
static cli_option_id of_command(const cli_command *command, cli_option_id id)
{
    cli_option_id other = id;
    while (command && other < CLI_N_OPTIONS && !cli_command_takes(command, other))
        other = cli_option_namesake(other);
    return other < CLI_N_OPTIONS ? other : id;
}

/* Store an option; its value may be the next word. */
static mw_status take_option(reader *in, const word *seen, bool is_long, mw_error *err)
{
    const cli_option *option = &cli_options[seen->id];
    mw_view value = seen->value;
    char place[64];
    snprintf(place, sizeof place, is_long ? "--%.*s" : "-%.*s", MW_VIEW_ARG(seen->name));
    if (!value.data && option->kind == CLI_KIND_FLAG)
        value = MW_VIEW("true");
    if (!value.data && in->at < in->argc)
        value = mw_view_of(in->argv[in->at++]);
    if (!value.data) {
        mw_fail(err, MW_E_MISSING_VALUE, "%s needs a value", place);
        return mw_mend(err, "%s %s%s%s", place, option->value,
                       option->fallback ? ", for example " : "",
                       option->fallback ? option->fallback : "");
    }
    return cli_setting_put(in->call, seen->id, value, CLI_FROM_FLAG, place, err);
}

static mw_status take_word_option(reader *in, const char *text, mw_error *err)
{
    const cli_command *command = in->call->command;
    bool is_long = text[1] == '-';
    const char *letter = text + 1;
    do {
        word seen = is_long ? read_long(text + 2) : read_letter(letter);
        seen.id = of_command(command, seen.id);
        if (seen.id == CLI_N_OPTIONS || (command && !cli_command_takes(command, seen.id)))
            return fail_unknown_option(in->call, &seen, is_long, err);
        MW_TRY(take_option(in, &seen, is_long, err));
        if (is_long || seen.value.data || cli_options[seen.id].kind != CLI_KIND_FLAG)
            return MW_OK;
    } while (*++letter);
    return MW_OK;
}

static bool looks_like_option(const char *text)
{
    return text[0] == '-' && text[1] != '\0'; /* "-" alone is standard input */
}

/* First pass: which words name the command? Options' values are stepped over. */
static void find_command(reader *in, const char **ret_first, const char **ret_second)
{
    const char *words[2] = {NULL, NULL};
    size_t n_words = 0;
    for (int i = 1; i < in->argc && n_words < 2; i++) {
        const char *text = in->argv[i];
        if (strcmp(text, "--") == 0)
            break;
        if (!looks_like_option(text)) {
            words[n_words++] = text;
            continue;
        }
        word seen = text[1] == '-' ? read_long(text + 2) : read_letter(text + strlen(text) - 1);
        if (seen.id < CLI_N_OPTIONS && cli_options[seen.id].kind != CLI_KIND_FLAG &&
            !seen.value.data)
            i++;
    }
    *ret_first = words[0];
    *ret_second = words[1];
}

/* The command that was meant: by its whole name, or, for "modl show", by the group's. */
static void suggest_command(const char *typed, char *ret_name, size_t name_size)
{
    size_t n_commands;
    const cli_command *commands = cli_commands(&n_commands);
    cli_nearest nearest = cli_nearest_to(mw_view_of(typed));
    for (size_t i = 0; i < n_commands; i++) {
        char first[32];
        size_t before = nearest.distance;
        snprintf(first, sizeof first, "%.*s", (int)strcspn(commands[i].name, " "),
                 commands[i].name);
        cli_nearest_offer(&nearest, commands[i].name);
        cli_nearest_offer(&nearest, first);
        if (nearest.distance < before)
            snprintf(ret_name, name_size, "%s", nearest.name);
    }
}

static mw_status fail_unknown_command(const char *first, const char *second, mw_error *err)
{
    char typed[128], meant[64] = "";
    bool in_group = second && cli_is_group(mw_view_of(first));
    snprintf(typed, sizeof typed, "%s%s%s", first, in_group ? " " : "", in_group ? second : "");
    suggest_command(typed, meant, sizeof meant);
    mw_fail(err, MW_E_UNKNOWN_COMMAND, "unknown command '%s'", typed);
    if (meant[0])
        return mw_mend(err, "did you mean 'mw %s'?  all commands: mw help", meant);
    return mw_mend(err, "see mw help");
}

static mw_status fail_group(const char *group, mw_error *err)
{
    size_t n_commands;
    const cli_command *commands = cli_commands(&n_commands);
    mw_buf names;
    mw_buf_init(&names, sizeof err->mend);
    for (size_t i = 0; i < n_commands; i++) {
        mw_view name = mw_view_of(commands[i].name);
        if (mw_view_starts(name, group) && name.data[strlen(group)] == ' ')
            mw_buf_format(&names, "%smw %s", names.size ? ", " : "", commands[i].name);
    }
    mw_fail(err, MW_E_MISSING_ARGUMENT, "'%s' needs a second word", group);
    mw_mend(err, "%s", names.data);
    mw_buf_done(&names);
    return MW_BAD_ARGUMENT;
}

/* Sets call->command, or leaves it NULL when no word was given at all. */
static mw_status choose_command(reader *in, mw_error *err)
{
    const char *first, *second;
    find_command(in, &first, &second);
    in->call->word = first;
    if (!first)
        return MW_OK;
    if (cli_is_group(mw_view_of(first))) {
        if (!second)
            return fail_group(first, err);
        char both[64];
        int size = snprintf(both, sizeof both, "%s %s", first, second);
        if (size > 0 && (size_t)size < sizeof both)
            in->call->command = cli_command_named(mw_view_of(both));
        in->n_command_words = 2;
    } else {
        in->call->command = cli_command_named(mw_view_of(first));
        in->n_command_words = 1;
    }
    return in->call->command ? MW_OK : fail_unknown_command(first, second, err);
}

static mw_status read_words(reader *in, mw_error *err)
{
    unsigned n_skip = in->n_command_words;
    while (in->at < in->argc) {
        const char *text = in->argv[in->at++];
        if (!in->only_arguments && strcmp(text, "--") == 0)
            in->only_arguments = true;
        else if (!in->only_arguments && looks_like_option(text))
            MW_TRY(take_word_option(in, text, err));
        else if (n_skip > 0)
            n_skip--;
        else
            in->call->arguments[in->call->n_arguments++] = text;
    }
    return MW_OK;
}

/* --help is heard even when other words are wrong. */
static void hear_help(reader *in)
{
    for (int i = 1; i < in->argc && strcmp(in->argv[i], "--") != 0; i++)
        if (strcmp(in->argv[i], "--help") == 0 || strcmp(in->argv[i], "-h") == 0)
            in->call->settings[CLI_HELP] =
                (cli_setting){.text = "true", .number = 1, .origin = CLI_FROM_FLAG};
}

mw_status cli_parse(cli_call *call, int argc, char *const *argv, mw_error *err)
{
    reader in = {.call = call, .argc = argc, .argv = argv, .at = 1};
    call->arguments = mw_arena_take_zeroed(&call->arena, (size_t)argc + 1, sizeof(char *));
    if (!call->arguments)
        return mw_fail_memory(err, "the arguments");
    hear_help(&in);
    MW_TRY(choose_command(&in, err));
    return read_words(&in, err);
}

mw_status cli_check_arguments(const cli_call *call, mw_error *err)
{
    size_t min = 0, max = 0;
    const cli_argument *missing = NULL;
    for (const cli_argument *a = call->command->arguments; a->name; a++) {
        if (!missing && call->n_arguments < min + a->min)
            missing = a;
        min += a->min;
        max = a->max == UINT_MAX ? SIZE_MAX : max + a->max;
    }
    if (missing) {
        mw_fail(err, MW_E_MISSING_ARGUMENT, "%s is missing", missing->name);
        return mw_mend(err, "%s", call->command->examples[0].line);
    }
    if (call->n_arguments > max) {
        mw_buf usage;
        mw_buf_init(&usage, sizeof err->mend);
        cli_command_usage(call->command, &usage);
        mw_fail(err, MW_E_EXTRA_ARGUMENT, "'%s' is one argument too many", call->arguments[max]);
        mw_mend(err, "mw %s", usage.data);
        mw_buf_done(&usage);
        return MW_BAD_ARGUMENT;
    }
    return MW_OK;
}
