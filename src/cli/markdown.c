/* Pages of docs/reference, written from the tables. A test compares the committed pages with these.
 */
#include "config.h"
#include "help.h"

#define WRITTEN_BY "<!-- Written by 'millwright help --markdown %s'; edit src/cli instead. -->\n\n"

/* In a table a bar would end the cell. */
static void cell(mw_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            mw_buf_char(out, '\\');
        mw_buf_char(out, *text);
    }
}

static void code_cell(mw_buf *out, const char *text)
{
    if (*text)
        mw_buf_char(out, '`');
    cell(out, text);
    if (*text)
        mw_buf_char(out, '`');
}

/* A literal paragraph, without the two blanks that mark it as one. */
static void literal(mw_buf *out, mw_view text, const char *language)
{
    mw_buf_format(out, "```%s\n", language);
    for (size_t i = 0; i < text.size; i++) {
        bool line_start = i == 0 || text.data[i - 1] == '\n';
        if (line_start && i + 1 < text.size && text.data[i] == ' ' && text.data[i + 1] == ' ')
            i += 2;
        mw_buf_char(out, text.data[i]);
    }
    mw_buf_text(out, "\n```\n\n");
}

/* Paragraphs; indented ones become code blocks. */
static void paragraphs(mw_buf *out, const char *text, const char *language)
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t size = end ? (size_t)(end - text) : strlen(text);
        if (text[0] == ' ')
            literal(out, (mw_view){text, size}, language);
        else
            mw_buf_format(out, "%.*s\n\n", (int)size, text);
        text += size + (end ? 2 : 0);
    }
}

static const char *default_of(const cli_option *option)
{
    if (option->fallback && option->kind != CLI_KIND_FLAG)
        return option->fallback;
    if (option->auto_is)
        return option->auto_is;
    return option->kind == CLI_KIND_FLAG ? "false" : "";
}

static void option_row(mw_buf *out, const cli_option *option)
{
    mw_buf name, alias, canonical;
    mw_buf_init(&name, 256);
    mw_buf_init(&alias, 256);
    mw_buf_init(&canonical, 256);
    if (option->letter)
        mw_buf_format(&name, "-%c, ", option->letter);
    mw_buf_format(&name, "--%s%s%s", option->name, option->value ? " " : "",
                  option->value ? option->value : "");
    cli_option_environment(option, &alias, &canonical);
    mw_buf_text(out, "| ");
    code_cell(out, name.data);
    mw_buf_text(out, " | ");
    cell(out, option->help);
    mw_buf_text(out, " | ");
    cell(out, default_of(option));
    mw_buf_text(out, " | ");
    code_cell(out, alias.data);
    mw_buf_text(out, " |\n");
    mw_buf_done(&name);
    mw_buf_done(&alias);
    mw_buf_done(&canonical);
}

static void option_table(mw_buf *out, const cli_option_id *list)
{
    if (!list)
        return;
    mw_buf_text(out, "| option | meaning | default | environment |\n|---|---|---|---|\n");
    for (int id = 0; id < CLI_N_OPTIONS; id++)
        if (cli_list_has(list, (cli_option_id)id))
            option_row(out, &cli_options[id]);
    mw_buf_char(out, '\n');
}

static void command_part(mw_buf *out, const cli_command *command)
{
    mw_buf_format(out, "## mw %s\n\n```sh\n", command->name);
    for (const cli_example *e = command->examples; e->line; e++)
        mw_buf_format(out, "%s%s%s\n", e->line, e->what ? "   # " : "", e->what ? e->what : "");
    mw_buf_text(out, "```\n\nUsage: `mw ");
    cli_command_usage(command, out);
    mw_buf_text(out, "`\n\n");
    paragraphs(out, command->about, "text");
    for (const cli_argument *a = command->arguments; a->name; a++)
        mw_buf_format(out, "- `%s`: %s\n", a->name, a->help);
    if (command->arguments[0].name)
        mw_buf_char(out, '\n');
    option_table(out, command->options);
}

static void topic_part(mw_buf *out, const char *name)
{
    const cli_topic *topic = cli_topic_named(mw_view_of(name));
    mw_buf_format(out, "## %s\n\n", topic->summary);
    paragraphs(out, topic->text, "text");
}

static void write_cli(mw_buf *out)
{
    size_t n_commands;
    const cli_command *commands = cli_commands(&n_commands);
    mw_buf_text(out, "# The command line\n\nThe program is `millwright`, in short `mw`. "
                     "`mw COMMAND --help` shows these pages in the terminal.\n\n");
    for (size_t i = 0; i < n_commands; i++)
        command_part(out, &commands[i]);
    mw_buf_text(out, "## Options of every command\n\n");
    option_table(out, cli_everywhere);
    topic_part(out, "output");
    topic_part(out, "exit-codes");
    topic_part(out, "environment");
    topic_part(out, "formats");
}

static void config_row(mw_buf *out, const cli_option *option)
{
    mw_buf alias, canonical, range;
    mw_buf_init(&alias, 256);
    mw_buf_init(&canonical, 256);
    mw_buf_init(&range, 256);
    cli_option_environment(option, &alias, &canonical);
    cli_option_range(option, &range);
    mw_buf_text(out, "| ");
    code_cell(out, option->config);
    mw_buf_format(out, " | %s | ", cli_kind_word(option->kind));
    cell(out, option->kind == CLI_KIND_FLAG || option->kind == CLI_KIND_LISTEN ? "" : range.data);
    mw_buf_text(out, " | ");
    cell(out, default_of(option));
    mw_buf_text(out, " | ");
    cell(out, option->help);
    mw_buf_text(out, " | ");
    mw_buf_format(out, "`--%s` | `%s` |\n", option->name, canonical.data);
    mw_buf_done(&alias);
    mw_buf_done(&canonical);
    mw_buf_done(&range);
}

static void write_config(mw_buf *out)
{
    mw_buf_text(out, "# The configuration file\n\n");
    paragraphs(out, cli_topic_named(MW_VIEW("config"))->text, "yaml");
    mw_buf_text(out, "`mw config schema --json` writes a JSON Schema for editors.\n\n"
                     "| key | type | range | default | meaning | flag | environment |\n"
                     "|---|---|---|---|---|---|---|\n");
    for (int id = 0; id < CLI_N_OPTIONS; id++)
        if (cli_options[id].config)
            config_row(out, &cli_options[id]);
    mw_buf_text(out,
                "| `endpoints` | list |  |  | what is served under which name | `MODEL` of "
                "`mw serve` |  |\n"
                "| `endpoints[].name` | text |  | the file's name without its ending | name in "
                "URLs and metrics | `NAME=` |  |\n"
                "| `endpoints[].model` | path |  | needed | model file or MLflow model folder "
                "|  |  |\n"
                "| `endpoints[].background` | path |  | the covers | rows, as CSV or JSON lines, "
                "that contributions are against | `--background` |  |\n");
    for (size_t i = 0; i < cli_n_endpoint_keys; i++) {
        const cli_endpoint_key *key = &cli_endpoint_keys[i];
        if (key->option)
            mw_buf_format(out,
                          "| `endpoints[].%s` | %s |  | the server's | as `server.%s`, of this "
                          "endpoint |  |  |\n",
                          key->name, cli_kind_word(cli_options[key->option].kind), key->name);
        else if (strncmp(key->name, "fairness", 8) == 0)
            mw_buf_format(out, "| `endpoints[].%s` | text |  |  | %s |  |  |\n", key->name,
                          key->help);
    }
    mw_buf_text(out, "| `models`, `references`, `monitors`, `rollouts` | lists |  |  | of `mw "
                     "apply`: [its keys](apply.md) "
                     "|  |  |\n");
}

static void write_errors(mw_buf *out)
{
    size_t n_rows;
    const mw_code_row *rows = mw_code_rows(&n_rows);
    mw_buf_text(out, "# Error codes\n\nEvery error ends with its code. `mw help MW2007` shows the "
                     "same text in the terminal.\n\n"
                     "| code | what | exit code | HTTP | what it means and how to mend it |\n"
                     "|---|---|---|---|---|\n");
    for (size_t i = 0; i < n_rows; i++) {
        mw_buf_format(out, "| MW%d | ", rows[i].number);
        cell(out, rows[i].title);
        mw_buf_format(out, " | %d | %d | ", mw_status_exit_code(rows[i].status),
                      mw_code_http(rows[i].number, rows[i].status));
        cell(out, rows[i].help);
        mw_buf_text(out, " |\n");
    }
}

void cli_write_markdown(const char *page, mw_buf *out)
{
    mw_buf_format(out, WRITTEN_BY, page);
    if (strcmp(page, "cli") == 0)
        write_cli(out);
    else if (strcmp(page, "config") == 0)
        write_config(out);
    else
        write_errors(out);
    while (out->size > 1 && out->data[out->size - 1] == '\n' && out->data[out->size - 2] == '\n')
        out->data[--out->size] = '\0';
}
