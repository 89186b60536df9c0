/* Texts made from the command table: help for people, the man page, the reference, completion. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "call.h"

/* `mw help`: examples, commands by group, topics. */
void cli_write_overview(const cli_terminal *terminal, mw_buf *out);
/* `mw COMMAND --help`: examples first. */
void cli_write_command_help(const cli_terminal *terminal, const cli_command *command, mw_buf *out);
/* `mw model --help`: every command of the group; false when the word names none. */
bool cli_write_group_help(const cli_terminal *terminal, mw_view word, mw_buf *out);
void cli_write_topic(const cli_terminal *terminal, const cli_topic *topic, mw_buf *out);
/* `mw help MW2007`. */
void cli_write_code(const cli_terminal *terminal, const mw_code_row *row, mw_buf *out);
/* `mw help errors`: one line a code. */
void cli_write_codes(const cli_terminal *terminal, mw_buf *out);

/* millwright(1) in mdoc. */
void cli_write_man(mw_buf *out);

/* docs/reference/PAGE.md; page: "cli", "config", "errors". */
void cli_write_markdown(const char *page, mw_buf *out);

/* shell: "bash", "zsh", "fish". */
void cli_write_completion(const char *shell, mw_buf *out);

/* Keys of the configuration, `section` NULL for all; false when there is no such section. */
bool cli_write_schema(const cli_terminal *terminal, const char *section, mw_buf *out);
/* The same as a JSON Schema (draft 2020-12). */
bool cli_write_json_schema(const char *section, mw_buf *out);

/* "default 16MiB, 1KiB..4GiB": what a list of options says in brackets; may be empty. */
void cli_write_option_facts(const cli_option *option, mw_buf *out);
/* The word for the type in tables: "size", "time", "true or false". */
const char *cli_kind_word(cli_kind kind);

#endif
