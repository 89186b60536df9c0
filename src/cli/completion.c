/* Completion scripts of bash, zsh and fish, written from the command table. They offer commands,
 * options, choices and paths; they never start the program, so a slow disk cannot stall a shell. */
#include "help.h"

/* ---- shared ---------------------------------------------------------------------------------- */

/* "model" of "model show"; the whole name for one word. */
static mw_view first_word(const cli_command *command)
{
    return (mw_view){command->name, strcspn(command->name, " ")};
}

static const char *second_word(const cli_command *command)
{
    const char *blank = strchr(command->name, ' ');
    return blank ? blank + 1 : NULL;
}

/* True for the first command of a group, and for every command of one word. */
static bool opens_word(const cli_command *commands, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (mw_view_equal(first_word(&commands[j]), first_word(&commands[i])))
            return false;
    return true;
}

static void list_first_words(mw_buf *out)
{
    size_t n_commands;
    const cli_command *commands = cli_commands(&n_commands);
    for (size_t i = 0; i < n_commands; i++)
        if (opens_word(commands, i))
            mw_buf_format(out, "%s%.*s", i ? " " : "", MW_VIEW_ARG(first_word(&commands[i])));
}

static void list_second_words(mw_view first, mw_buf *out)
{
    size_t n_commands;
    const cli_command *commands = cli_commands(&n_commands);
    const char *separator = "";
    for (size_t i = 0; i < n_commands; i++)
        if (second_word(&commands[i]) && mw_view_equal(first_word(&commands[i]), first)) {
            mw_buf_format(out, "%s%s", separator, second_word(&commands[i]));
            separator = " ";
        }
}

static void list_choices(const char *const *choices, mw_buf *out)
{
    for (size_t i = 0; choices[i]; i++)
        mw_buf_format(out, "%s%s", i ? " " : "", choices[i]);
}

static void list_help_words(mw_buf *out)
{
    size_t n_topics;
    const cli_topic *topics = cli_topics(&n_topics);
    list_first_words(out);
    mw_buf_text(out, " errors");
    for (size_t i = 0; i < n_topics; i++)
        mw_buf_format(out, " %s", topics[i].name);
}

static bool takes_path(const cli_option *option)
{
    return option->kind == CLI_KIND_FILE || option->kind == CLI_KIND_FOLDER;
}

/* In single quotes, for all three shells. */
static void quoted(const char *text, mw_buf *out)
{
    mw_buf_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            mw_buf_text(out, "'\\''");
        else
            mw_buf_char(out, *text);
    }
    mw_buf_char(out, '\'');
}

/* ---- bash ------------------------------------------------------------------------------------ */

static void bash_options(const cli_command *command, mw_buf *out)
{
    for (int id = 0; id < CLI_N_OPTIONS; id++)
        if (cli_command_takes(command, (cli_option_id)id))
            mw_buf_format(out, " --%s", cli_options[id].name);
}

/* What may stand where an argument is due. */
static void bash_words(const cli_command *command, mw_buf *out)
{
    const cli_argument *argument = &command->arguments[0];
    if (argument->choices)
        list_choices(argument->choices, out);
    else if (strcmp(command->name, "help") == 0)
        list_help_words(out);
    else if (strcmp(command->name, "config schema") == 0)
        mw_buf_text(out, "server endpoints");
}

static void bash_option_values(mw_buf *out)
{
    mw_buf_text(out, "    case $prev in\n");
    for (int id = 0; id < CLI_N_OPTIONS; id++) {
        const cli_option *option = &cli_options[id];
        if (option->kind == CLI_KIND_FLAG || (int)cli_option_named(mw_view_of(option->name)) != id)
            continue; /* of two with one name, the first lists the words of both */
        mw_buf_format(out, "    --%s", option->name);
        if (option->letter)
            mw_buf_format(out, "|-%c", option->letter);
        mw_buf_text(out, ") ");
        if (option->kind == CLI_KIND_CHOICE) {
            mw_buf_text(out, "mapfile -t COMPREPLY < <(compgen -W '");
            for (int same = id; same < CLI_N_OPTIONS;
                 same = cli_option_namesake((cli_option_id)same)) {
                if (!cli_options[same].choices)
                    continue; /* of another kind in another command */
                mw_buf_text(out, same > id ? " " : "");
                list_choices(cli_options[same].choices, out);
            }
            mw_buf_text(out, "' -- \"$cur\");");
        } else if (takes_path(option))
            mw_buf_format(out,
                          "compopt -o filenames; "
                          "mapfile -t COMPREPLY < <(compgen -%c -- \"$cur\");",
                          option->kind == CLI_KIND_FOLDER ? 'd' : 'f');
        mw_buf_text(out, " return ;;\n");
    }
    mw_buf_text(out, "    esac\n");
}

static void bash_commands(mw_buf *out)
{
    size_t n_commands;
    const cli_command *commands = cli_commands(&n_commands);
    mw_buf_text(out, "    case $command in\n    '') words='");
    list_first_words(out);
    mw_buf_text(out, "'; options='--help --version' ;;\n");
    for (size_t i = 0; i < n_commands; i++) {
        if (second_word(&commands[i]) && opens_word(commands, i)) {
            mw_buf_format(out, "    %.*s) words='", MW_VIEW_ARG(first_word(&commands[i])));
            list_second_words(first_word(&commands[i]), out);
            mw_buf_text(out, "'; options='--help' ;;\n");
        }
        mw_buf_format(out, "    '%s') words='", commands[i].name);
        bash_words(&commands[i], out);
        mw_buf_text(out, "'; options='");
        bash_options(&commands[i], out);
        mw_buf_format(out, "'; paths=%d ;;\n", commands[i].arguments[0].is_path);
    }
    mw_buf_text(out, "    esac\n");
}

static void bash_groups(mw_buf *out)
{
    size_t n_commands;
    const cli_command *commands = cli_commands(&n_commands);
    for (size_t i = 0; i < n_commands; i++)
        if (second_word(&commands[i]) && opens_word(commands, i))
            mw_buf_format(out, "%s%.*s", out->data[out->size - 1] == '(' ? "" : "|",
                          MW_VIEW_ARG(first_word(&commands[i])));
}

static void write_bash(mw_buf *out)
{
    mw_buf_text(out, "# bash completion of millwright; written by 'millwright completion bash'\n"
                     "_millwright()\n{\n"
                     "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                     "    local command='' words='' options='' paths=0 i word files\n"
                     "    COMPREPLY=()\n"
                     "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                     "        word=${COMP_WORDS[i]}\n"
                     "        [[ $word == -* ]] && continue\n"
                     "        if [[ -z $command ]]; then\n"
                     "            command=$word\n"
                     "        elif [[ $command =~ ^(");
    bash_groups(out);
    mw_buf_text(out, ")$ ]]; then\n"
                     "            command=\"$command $word\"\n"
                     "        fi\n"
                     "    done\n");
    bash_option_values(out);
    bash_commands(out);
    mw_buf_text(out, "    if [[ $cur == -* ]]; then\n"
                     "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
                     "        return\n"
                     "    fi\n"
                     "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                     "    if ((paths)); then\n"
                     "        compopt -o filenames\n"
                     "        mapfile -t files < <(compgen -f -- \"$cur\")\n"
                     "        COMPREPLY+=(\"${files[@]}\")\n"
                     "    fi\n"
                     "}\n"
                     "complete -F _millwright millwright mw\n");
}

/* ---- zsh ------------------------------------------------------------------------------------- */

/* _arguments reads ':' and brackets as its own. */
static void zsh_help(const char *help, mw_buf *out)
{
    for (; *help; help++) {
        if (strchr("[]:\\", *help))
            mw_buf_char(out, '\\');
        if (*help == '\'')
            mw_buf_text(out, "'\\''");
        else
            mw_buf_char(out, *help);
    }
}

static void zsh_value(const cli_option *option, mw_buf *out)
{
    if (option->kind == CLI_KIND_FLAG)
        return;
    mw_buf_format(out, ":%s:", option->value);
    if (option->kind == CLI_KIND_CHOICE) {
        mw_buf_char(out, '(');
        list_choices(option->choices, out);
        mw_buf_char(out, ')');
    } else if (takes_path(option))
        mw_buf_text(out, option->kind == CLI_KIND_FOLDER ? "_files -/" : "_files");
}

static void zsh_option(const cli_option *option, mw_buf *out)
{
    mw_buf_format(out, " \\\n            '--%s%s[", option->name,
                  option->kind == CLI_KIND_FLAG ? "" : "=");
    zsh_help(option->help, out);
    mw_buf_char(out, ']');
    zsh_value(option, out);
    mw_buf_char(out, '\'');
    if (option->letter) {
        mw_buf_format(out, " '-%c[", option->letter);
        zsh_help(option->help, out);
        mw_buf_char(out, ']');
        zsh_value(option, out);
        mw_buf_char(out, '\'');
    }
}

static void zsh_argument(const cli_command *command, const cli_argument *argument, mw_buf *out)
{
    mw_buf_format(out, " \\\n            '%s:%s:", argument->max > 1 ? "*" : "", argument->name);
    if (argument->choices) {
        mw_buf_char(out, '(');
        list_choices(argument->choices, out);
        mw_buf_char(out, ')');
    } else if (argument->is_path)
        mw_buf_text(out, "_files");
    else {
        mw_buf_char(out, '(');
        bash_words(command, out);
        mw_buf_char(out, ')');
    }
    mw_buf_char(out, '\'');
}

static void zsh_case(const cli_command *command, mw_buf *out)
{
    mw_buf_format(out, "        '%s')\n            _arguments -s", command->name);
    for (int id = 0; id < CLI_N_OPTIONS; id++)
        if (cli_command_takes(command, (cli_option_id)id))
            zsh_option(&cli_options[id], out);
    for (const cli_argument *a = command->arguments; a->name; a++)
        zsh_argument(command, a, out);
    mw_buf_text(out, "\n            ;;\n");
}

static void write_zsh(mw_buf *out)
{
    size_t n_commands;
    const cli_command *commands = cli_commands(&n_commands);
    mw_buf_text(out, "#compdef millwright mw\n"
                     "# zsh completion of millwright; written by 'millwright completion zsh'\n"
                     "_millwright() {\n"
                     "    local command=${words[2]}\n"
                     "    if ((CURRENT == 2)); then\n"
                     "        compadd -- ");
    list_first_words(out);
    mw_buf_text(out, "\n        return\n    fi\n    local skip=1\n    case $command in\n");
    for (size_t i = 0; i < n_commands; i++)
        if (second_word(&commands[i]) && opens_word(commands, i)) {
            mw_buf_format(out,
                          "    %.*s)\n        if ((CURRENT == 3)); then\n"
                          "            compadd -- ",
                          MW_VIEW_ARG(first_word(&commands[i])));
            list_second_words(first_word(&commands[i]), out);
            mw_buf_text(out, "\n            return\n        fi\n"
                             "        command=\"$command ${words[3]}\"\n        skip=2\n"
                             "        ;;\n");
        }
    mw_buf_text(out, "    esac\n"
                     "    words=(\"$command\" \"${(@)words[skip+2,-1]}\")\n"
                     "    ((CURRENT -= skip))\n"
                     "    case $command in\n");
    for (size_t i = 0; i < n_commands; i++)
        zsh_case(&commands[i], out);
    mw_buf_text(out, "    esac\n}\n_millwright \"$@\"\n");
}

/* ---- fish ------------------------------------------------------------------------------------ */

static void fish_condition(const char *program, const cli_command *command, mw_buf *out)
{
    mw_buf_format(out, "complete -c %s -n '__fish_seen_subcommand_from %.*s", program,
                  MW_VIEW_ARG(first_word(command)));
    if (second_word(command))
        mw_buf_format(out, "; and __fish_seen_subcommand_from %s", second_word(command));
    mw_buf_char(out, '\'');
}

static void fish_option(const char *program, const cli_command *command, const cli_option *option,
                        mw_buf *out)
{
    fish_condition(program, command, out);
    mw_buf_format(out, " -l %s", option->name);
    if (option->letter)
        mw_buf_format(out, " -s %c", option->letter);
    if (option->kind == CLI_KIND_CHOICE) {
        mw_buf_text(out, " -x -a '");
        list_choices(option->choices, out);
        mw_buf_char(out, '\'');
    } else if (option->kind != CLI_KIND_FLAG)
        mw_buf_text(out, takes_path(option) ? " -r -F" : " -x");
    mw_buf_text(out, " -d ");
    quoted(option->help, out);
    mw_buf_char(out, '\n');
}

static void fish_command(const char *program, const cli_command *commands, size_t i, mw_buf *out)
{
    const cli_command *command = &commands[i];
    if (opens_word(commands, i)) {
        mw_buf_format(out, "complete -c %s -n __fish_use_subcommand -f -a %.*s -d ", program,
                      MW_VIEW_ARG(first_word(command)));
        quoted(second_word(command) ? "" : command->summary, out);
        mw_buf_char(out, '\n');
    }
    if (second_word(command)) {
        mw_buf_format(out, "complete -c %s -n '__fish_seen_subcommand_from %.*s' -f -a %s -d ",
                      program, MW_VIEW_ARG(first_word(command)), second_word(command));
        quoted(command->summary, out);
        mw_buf_char(out, '\n');
    }
    if (!command->arguments[0].is_path && command->arguments[0].name) {
        fish_condition(program, command, out);
        mw_buf_text(out, " -f -a '");
        bash_words(command, out);
        mw_buf_text(out, "'\n");
    }
    for (int id = 0; id < CLI_N_OPTIONS; id++)
        if (cli_command_takes(command, (cli_option_id)id))
            fish_option(program, command, &cli_options[id], out);
}

static void write_fish(mw_buf *out)
{
    static const char *const programs[] = {"millwright", "mw"};
    size_t n_commands;
    const cli_command *commands = cli_commands(&n_commands);
    mw_buf_text(out, "# fish completion of millwright; written by 'millwright completion fish'\n");
    for (size_t p = 0; p < MW_COUNT(programs); p++)
        for (size_t i = 0; i < n_commands; i++)
            fish_command(programs[p], commands, i, out);
}

void cli_write_completion(const char *shell, mw_buf *out)
{
    if (strcmp(shell, "bash") == 0)
        write_bash(out);
    else if (strcmp(shell, "zsh") == 0)
        write_zsh(out);
    else
        write_fish(out);
}
