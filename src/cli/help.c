/* Help for people: overview, commands, topics, error codes. Examples stand first, because they are
 * what a reader looks for. */
#include "help.h"

enum {
    NAME_COLUMN = 2,
    TEXT_COLUMN = 28 /* where explanations begin */
};

static void heading(const cli_terminal *terminal, const char *text, mw_buf *out)
{
    if (terminal->color_out)
        mw_buf_format(out, "\n\033[1m%s\033[0m\n", text);
    else
        mw_buf_format(out, "\n%s\n", text);
}

/* "  name      explanation", wrapped; a long name gets a line of its own. */
static void entry(const cli_terminal *terminal, const char *name, const char *text, mw_buf *out)
{
    size_t line_start = out->size;
    mw_buf_format(out, "%*s%s", NAME_COLUMN, "", name);
    if (out->size - line_start + 1 > TEXT_COLUMN) {
        mw_buf_char(out, '\n');
        line_start = out->size;
    }
    cli_pad(out, line_start, TEXT_COLUMN);
    cli_wrap(out, text, TEXT_COLUMN, TEXT_COLUMN, terminal->width);
    mw_buf_char(out, '\n');
}

/* Paragraphs parted by empty lines; lines that begin with a blank are kept as they are. */
static void paragraphs(const cli_terminal *terminal, const char *text, mw_buf *out)
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t size = end ? (size_t)(end - text) : strlen(text);
        mw_buf one;
        mw_buf_init(&one, size + 1);
        mw_buf_bytes(&one, text, size);
        if (text[0] == ' ')
            mw_buf_view(out, mw_buf_as_view(&one));
        else
            cli_wrap(out, one.data, 0, 0, terminal->width);
        mw_buf_text(out, end ? "\n\n" : "\n");
        mw_buf_done(&one);
        text += size + (end ? 2 : 0);
    }
}

static void examples(const cli_terminal *terminal, const cli_command *command, mw_buf *out)
{
    heading(terminal, "Examples", out);
    for (const cli_example *e = command->examples; e->line; e++) {
        mw_buf_format(out, "  %s\n", e->line);
        if (e->what) {
            mw_buf_text(out, "      ");
            cli_wrap(out, e->what, 6, 6, terminal->width);
            mw_buf_char(out, '\n');
        }
    }
}

void cli_write_option_facts(const cli_option *option, mw_buf *out)
{
    const char *separator = "";
    if (option->fallback && option->kind != CLI_KIND_FLAG) {
        mw_buf_format(out, "default %s", option->fallback);
        separator = ", ";
    } else if (option->auto_is) {
        mw_buf_format(out, "default: %s", option->auto_is);
        separator = "; ";
    }
    if (option->kind == CLI_KIND_FLAG || option->kind == CLI_KIND_LISTEN)
        return;
    mw_buf range;
    mw_buf_init(&range, 256);
    cli_option_range(option, &range);
    if (range.size > 0)
        mw_buf_format(out, "%s%s", separator, range.data);
    mw_buf_done(&range);
}

static void option_entry(const cli_terminal *terminal, const cli_option *option, mw_buf *out)
{
    mw_buf name, text, facts;
    mw_buf_init(&name, 256);
    mw_buf_init(&text, 1024);
    mw_buf_init(&facts, 512);
    if (option->letter)
        mw_buf_format(&name, "-%c, ", option->letter);
    mw_buf_format(&name, "--%s%s%s", option->name, option->value ? " " : "",
                  option->value ? option->value : "");
    mw_buf_text(&text, option->help);
    cli_write_option_facts(option, &facts);
    if (facts.size > 0)
        mw_buf_format(&text, " [%s]", facts.data);
    entry(terminal, name.data, text.data, out);
    mw_buf_done(&name);
    mw_buf_done(&text);
    mw_buf_done(&facts);
}

static void option_list(const cli_terminal *terminal, const cli_option_id *list, mw_buf *out)
{
    for (int id = 0; id < CLI_N_OPTIONS; id++)
        if (cli_list_has(list, (cli_option_id)id))
            option_entry(terminal, &cli_options[id], out);
}

void cli_write_command_help(const cli_terminal *terminal, const cli_command *command, mw_buf *out)
{
    char title[256];
    snprintf(title, sizeof title, "mw %s: %s", command->name, command->summary);
    cli_wrap(out, title, 0, 0, terminal->width);
    mw_buf_char(out, '\n');
    examples(terminal, command, out);
    heading(terminal, "Usage", out);
    mw_buf_text(out, "  mw ");
    cli_command_usage(command, out);
    mw_buf_text(out, "\n\n");
    paragraphs(terminal, command->about, out);
    if (command->arguments[0].name)
        heading(terminal, "Arguments", out);
    for (const cli_argument *a = command->arguments; a->name; a++)
        entry(terminal, a->name, a->help, out);
    if (command->options)
        heading(terminal, "Options", out);
    option_list(terminal, command->options, out);
    heading(terminal, "Everywhere", out);
    option_list(terminal, cli_everywhere, out);
    mw_buf_char(out, '\n');
    cli_wrap(out,
             command->reads_config
                 ? "Options are also read from the environment (MW_LISTEN for --listen) and from "
                   "millwright.yaml: see mw help environment, mw help config."
                 : "Options are also read from the environment (MW_QUIET for --quiet): see mw help "
                   "environment.",
             0, 0, terminal->width);
    mw_buf_char(out, '\n');
}

bool cli_write_group_help(const cli_terminal *terminal, mw_view word, mw_buf *out)
{
    size_t n_commands;
    const cli_command *commands = cli_commands(&n_commands);
    if (!cli_is_group(word))
        return false;
    for (size_t i = 0; i < n_commands; i++)
        if (strncmp(commands[i].name, word.data, word.size) == 0 &&
            commands[i].name[word.size] == ' ') {
            if (out->size > 0)
                mw_buf_char(out, '\n');
            cli_write_command_help(terminal, &commands[i], out);
        }
    return true;
}

static void command_entry(const cli_terminal *terminal, const cli_command *command, mw_buf *out)
{
    mw_buf usage;
    mw_buf_init(&usage, 256);
    mw_buf_text(&usage, command->name);
    for (const cli_argument *a = command->arguments; a->name; a++)
        mw_buf_format(&usage, a->min ? " %s" : " [%s]", a->name);
    entry(terminal, usage.data, command->summary, out);
    mw_buf_done(&usage);
}

/* The commands before this one have its group already. */
static bool is_shown(const cli_command *commands, size_t at)
{
    size_t i = 0;
    while (i < at && strcmp(commands[i].group, commands[at].group) != 0)
        i++;
    return i < at;
}

/* Each group once, in the order of its first command; the table goes by rooms. */
static void command_groups(const cli_terminal *terminal, mw_buf *out)
{
    size_t n_commands;
    const cli_command *commands = cli_commands(&n_commands);
    for (size_t first = 0; first < n_commands; first++) {
        if (is_shown(commands, first))
            continue;
        heading(terminal, commands[first].group, out);
        for (size_t i = first; i < n_commands; i++)
            if (strcmp(commands[i].group, commands[first].group) == 0)
                command_entry(terminal, &commands[i], out);
    }
}

void cli_write_overview(const cli_terminal *terminal, mw_buf *out)
{
    size_t n_topics;
    const cli_topic *topics = cli_topics(&n_topics);
    mw_buf_text(out, "millwright " MW_VERSION ", in short mw: serves tree models, exactly as their "
                     "library predicts\n");
    heading(terminal, "Examples", out);
    mw_buf_text(out, "  mw demo\n  mw serve model.json\n  mw predict model.json rows.csv\n");
    command_groups(terminal, out);
    heading(terminal, "Topics", out);
    for (size_t i = 0; i < n_topics; i++) {
        char name[64];
        snprintf(name, sizeof name, "help %s", topics[i].name);
        entry(terminal, name, topics[i].summary, out);
    }
    entry(terminal, "help errors", "all error codes", out);
    heading(terminal, "Everywhere", out);
    option_list(terminal, cli_everywhere, out);
    mw_buf_text(out, "\nmw COMMAND --help begins with examples.\n");
}

void cli_write_topic(const cli_terminal *terminal, const cli_topic *topic, mw_buf *out)
{
    mw_buf_format(out, "%s: %s\n\n", topic->name, topic->summary);
    paragraphs(terminal, topic->text, out);
}

void cli_write_code(const cli_terminal *terminal, const mw_code_row *row, mw_buf *out)
{
    mw_buf_format(out, "MW%d: %s\n\n", row->number, row->title);
    paragraphs(terminal, row->help, out);
    mw_buf_format(out, "\nexit code %d, HTTP status %d\n", mw_status_exit_code(row->status),
                  mw_code_http(row->number, row->status));
}

void cli_write_codes(const cli_terminal *terminal, mw_buf *out)
{
    size_t n_rows;
    const mw_code_row *rows = mw_code_rows(&n_rows);
    for (size_t i = 0; i < n_rows; i++) {
        if (terminal->out_is_tty)
            mw_buf_format(out, "MW%d  %s\n", rows[i].number, rows[i].title);
        else
            mw_buf_format(out, "MW%d\t%s\n", rows[i].number, rows[i].title);
    }
}
