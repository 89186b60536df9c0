/* millwright(1), written from the command table in mdoc; `mandoc -T lint` must be silent. */
#include "help.h"

/* The date stands for the last change of the command set, so that a build is reproducible. */
#define MAN_DATE "November 23, 2026"

enum { LINE_WIDTH = 78, TEXT_BYTES_MAX = 16384 };

/* mdoc reads '.' and '\'' at the start of a line, '\' and, on macro lines, '"' as its own. */
static void escape(mw_buf *out, const char *text, bool in_macro)
{
    for (const char *c = text; *c; c++) {
        bool line_start = c == text || c[-1] == '\n';
        if (*c == '\\')
            mw_buf_text(out, "\\e");
        else if (*c == '-' && in_macro)
            mw_buf_text(out, "\\-");
        else if (*c == '"' && in_macro)
            mw_buf_text(out, "\\(dq");
        else if (line_start && (*c == '.' || *c == '\''))
            mw_buf_format(out, "\\&%c", *c);
        else
            mw_buf_char(out, *c);
    }
}

/* Every sentence begins a line, as mdoc wants it, and no line is longer than its lint allows. The
 * wrapping comes first: it decides which words open a line and must be escaped there. */
static void sentences(mw_buf *out, const char *text)
{
    mw_buf wrapped;
    mw_buf_init(&wrapped, TEXT_BYTES_MAX);
    while (*text) {
        const char *end = text;
        while (*end && !(strchr(".?", *end) && end[1] == ' '))
            end++;
        size_t size = (size_t)(end - text) + (*end != '\0');
        mw_buf one;
        mw_buf_init(&one, size + 1);
        mw_buf_bytes(&one, text, size);
        cli_wrap(&wrapped, one.data, 0, 0, LINE_WIDTH);
        mw_buf_char(&wrapped, '\n');
        mw_buf_done(&one);
        text += size;
        text += strspn(text, " ");
    }
    escape(out, wrapped.data, false);
    mw_buf_done(&wrapped);
}

static void paragraphs(mw_buf *out, const char *text)
{
    bool first = true;
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t size = end ? (size_t)(end - text) : strlen(text);
        mw_buf one;
        mw_buf_init(&one, size + 1);
        mw_buf_bytes(&one, text, size);
        if (text[0] == ' ') {
            mw_buf_text(out, ".Bd -literal\n");
            escape(out, one.data, false);
            mw_buf_text(out, "\n.Ed\n");
        } else {
            if (!first)
                mw_buf_text(out, ".Pp\n");
            sentences(out, one.data);
        }
        mw_buf_done(&one);
        first = false;
        text += size + (end ? 2 : 0);
    }
}

static void option_item(mw_buf *out, const cli_option *option)
{
    mw_buf facts;
    mw_buf_init(&facts, 512);
    mw_buf_text(out, ".It ");
    if (option->letter)
        mw_buf_format(out, "Fl %c , ", option->letter);
    mw_buf_text(out, "Fl \\-");
    escape(out, option->name, true);
    if (option->value)
        mw_buf_format(out, " Ar %s", option->value);
    mw_buf_char(out, '\n');
    sentences(out, option->help);
    cli_write_option_facts(option, &facts);
    if (facts.size > 0)
        mw_buf_format(out, "[%s]\n", facts.data);
    mw_buf_done(&facts);
}

static void option_items(mw_buf *out, const cli_option_id *list)
{
    if (!list)
        return;
    mw_buf_text(out, ".Bl -tag -width Ds\n");
    for (int id = 0; id < CLI_N_OPTIONS; id++)
        if (cli_list_has(list, (cli_option_id)id))
            option_item(out, &cli_options[id]);
    mw_buf_text(out, ".El\n");
}

static void usage_line(mw_buf *out, const cli_command *command)
{
    mw_buf_text(out, ".Nm\n.Cm ");
    mw_buf_text(out, command->name);
    for (const cli_argument *a = command->arguments; a->name; a++)
        mw_buf_format(out, "\n.%s %s%s", a->min ? "Ar" : "Op Ar", a->name,
                      a->max > 1 ? " ..." : "");
    mw_buf_text(out, "\n.Op Ar option ...\n");
}

static void command_section(mw_buf *out, const cli_command *command)
{
    mw_buf_format(out, ".Ss millwright %s\n", command->name);
    paragraphs(out, command->about);
    if (command->arguments[0].name) {
        mw_buf_text(out, ".Bl -tag -width Ds\n");
        for (const cli_argument *a = command->arguments; a->name; a++) {
            mw_buf_format(out, ".It Ar %s\n", a->name);
            sentences(out, a->help);
        }
        mw_buf_text(out, ".El\n");
    }
    option_items(out, command->options);
}

static void example_section(mw_buf *out, const cli_command *commands, size_t n_commands)
{
    mw_buf_text(out, ".Sh EXAMPLES\n");
    for (size_t i = 0; i < n_commands; i++)
        for (const cli_example *e = commands[i].examples; e->line; e++) {
            mw_buf_text(out, ".Bd -literal -compact\n");
            escape(out, e->line, false);
            mw_buf_text(out, "\n.Ed\n");
            if (e->what) {
                mw_buf_text(out, ".D1 ");
                escape(out, e->what, true);
                mw_buf_char(out, '\n');
            }
        }
}

static void topic_section(mw_buf *out, const char *title, const char *topic)
{
    mw_buf_format(out, ".Sh %s\n", title);
    paragraphs(out, cli_topic_named(mw_view_of(topic))->text);
}

static void head(mw_buf *out, const cli_command *commands, size_t n_commands)
{
    mw_buf_text(out, ".Dd " MAN_DATE "\n.Dt MILLWRIGHT 1\n.Os\n"
                     ".Sh NAME\n.Nm millwright ,\n.Nm mw\n"
                     ".Nd serve and run tree models, exactly as their library predicts\n"
                     ".Sh SYNOPSIS\n");
    for (size_t i = 0; i < n_commands; i++)
        usage_line(out, &commands[i]);
    mw_buf_text(
        out, ".Sh DESCRIPTION\n"
             ".Nm millwright\nserves tree models (XGBoost, LightGBM, CatBoost, ONNX) over HTTP and "
             "predicts rows of files.\nThe same program is installed under the short name\n"
             ".Nm mw .\n"
             ".Pp\nThe commands are as follows.\n");
}

void cli_write_man(mw_buf *out)
{
    size_t n_commands;
    const cli_command *commands = cli_commands(&n_commands);
    head(out, commands, n_commands);
    for (size_t i = 0; i < n_commands; i++)
        command_section(out, &commands[i]);
    mw_buf_text(out, ".Ss Options of every command\n");
    option_items(out, cli_everywhere);
    topic_section(out, "ENVIRONMENT", "environment");
    topic_section(out, "FILES", "config");
    topic_section(out, "EXIT STATUS", "exit-codes");
    example_section(out, commands, n_commands);
    mw_buf_text(out, ".Sh DIAGNOSTICS\n");
    paragraphs(out, cli_topic_named(mw_view_of("output"))->text);
    mw_buf_text(out, ".Sh NOTES\n");
    paragraphs(out, cli_topic_named(mw_view_of("formats"))->text);
}
