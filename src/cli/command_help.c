/* help, version, completion: commands that only write texts. */
#include "call.h"
#include "help.h"

enum { TEXT_BYTES_MAX = 1 << 20 };

/* "MW2007", "mw2007" or "2007" -> 2007; 0 otherwise. */
static int code_number(const char *word)
{
    uint64_t number;
    mw_view text = mw_view_of(word);
    if (text.size > 2 && mw_view_is_nocase((mw_view){text.data, 2}, "mw")) {
        text.data += 2;
        text.size -= 2;
    }
    return mw_whole_parse(text, &number) && number > 0 && number < 100000 ? (int)number : 0;
}

static mw_status fail_topic(const char *word, mw_error *err)
{
    size_t n_commands, n_topics;
    const cli_command *commands = cli_commands(&n_commands);
    const cli_topic *topics = cli_topics(&n_topics);
    cli_nearest nearest = cli_nearest_to(mw_view_of(word));
    for (size_t i = 0; i < n_commands; i++)
        cli_nearest_offer(&nearest, commands[i].name);
    for (size_t i = 0; i < n_topics; i++)
        cli_nearest_offer(&nearest, topics[i].name);
    cli_nearest_offer(&nearest, "errors");
    mw_fail(err, MW_E_HELP_TOPIC, "no command, topic or error code is called '%s'", word);
    if (nearest.name)
        return mw_mend(err, "did you mean mw help %s?  all: mw help", nearest.name);
    return mw_mend(err, "see mw help");
}

static mw_status write_subject(const cli_terminal *terminal, const char *word, mw_buf *out,
                               mw_error *err)
{
    mw_view name = mw_view_of(word);
    const cli_command *command = cli_command_named(name);
    const cli_topic *topic = cli_topic_named(name);
    const mw_code_row *code = mw_code_find(code_number(word));
    if (command)
        cli_write_command_help(terminal, command, out);
    else if (topic)
        cli_write_topic(terminal, topic, out);
    else if (code)
        cli_write_code(terminal, code, out);
    else if (strcmp(word, "errors") == 0)
        cli_write_codes(terminal, out);
    else if (!cli_write_group_help(terminal, name, out))
        return fail_topic(word, err);
    return MW_OK;
}

mw_status cli_run_help(cli_call *call, mw_error *err)
{
    mw_buf out;
    mw_buf_init(&out, TEXT_BYTES_MAX);
    mw_status status = MW_OK;
    char word[128];
    snprintf(word, sizeof word, "%s%s%s", call->n_arguments > 0 ? call->arguments[0] : "",
             call->n_arguments > 1 ? " " : "", call->n_arguments > 1 ? call->arguments[1] : "");
    if (cli_is_on(call, CLI_MAN))
        cli_write_man(&out);
    else if (call->settings[CLI_MARKDOWN].text)
        cli_write_markdown(call->settings[CLI_MARKDOWN].text, &out);
    else if (call->n_arguments > 0)
        status = write_subject(&call->terminal, word, &out, err);
    else
        cli_write_overview(&call->terminal, &out);
    if (status == MW_OK)
        status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}

mw_status cli_run_version(cli_call *call, mw_error *err)
{
    mw_buf out;
    mw_buf_init(&out, 1024);
    if (cli_is_on(call, CLI_JSON))
        mw_buf_text(&out, "{\"name\":\"millwright\",\"version\":\"" MW_VERSION "\"}\n");
    else
        mw_buf_text(&out, "millwright " MW_VERSION "\n");
    mw_status status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}

static mw_status fail_shell(const char *word, mw_error *err)
{
    mw_fail(err, MW_E_OPTION_VALUE, "no completion for the shell '%s'", word);
    return mw_mend(err, "give bash, zsh or fish");
}

mw_status cli_run_completion(cli_call *call, mw_error *err)
{
    const char *shell = call->arguments[0];
    const char *const *known = call->command->arguments[0].choices;
    while (*known && strcmp(shell, *known) != 0)
        known++;
    if (!*known)
        return fail_shell(shell, err);
    mw_buf out;
    mw_buf_init(&out, TEXT_BYTES_MAX);
    cli_write_completion(shell, &out);
    mw_status status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}
