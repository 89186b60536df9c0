/* A call: what was asked for, with every setting resolved; and how its results are written. */
#ifndef CLI_CALL_H
#define CLI_CALL_H

#include "command.h"
#include "value.h"

typedef enum cli_origin {
    CLI_FROM_DEFAULT,
    CLI_FROM_FILE,
    CLI_FROM_ENVIRONMENT,
    CLI_FROM_FLAG
} cli_origin;

typedef struct cli_setting {
    const char *text; /* NULL: nobody set it and it has no default */
    uint64_t number;
    cli_origin origin;
    const char *place; /* "--listen", "MW_LISTEN", "millwright.yaml:2:11"; NULL for a default */
} cli_setting;

/* Of an endpoint where its own are given, else the server's options of the same name. */
enum {
    CLI_LIMIT_BUDGET,
    CLI_LIMIT_QUEUE,
    CLI_LIMIT_RATE,
    CLI_LIMIT_BURST,
    CLI_SHARE_LOGGED,
    CLI_SHARE_WATCHED,
    CLI_N_ENDPOINT_LIMITS
};

typedef struct cli_endpoint {
    const char *name, *model; /* model: a path, already relative to the working folder */
    const char *background;   /* a path likewise; NULL = none */
    const char *reference;    /* the same, of what its live rows are compared with */
    cli_value limits[CLI_N_ENDPOINT_LIMITS]; /* text NULL: as the server's */
    const struct mw_fair_plan *fairness;     /* NULL: it is not watched */
    const char *place; /* "millwright.yaml:4:5"; NULL: from the command line */
    uint64_t load_ns;  /* how long loading took; written by cli_house_open */
} cli_endpoint;

typedef struct cli_terminal {
    bool out_is_tty, err_is_tty;
    bool color_out, color_err;
    unsigned width; /* of standard output, or 80 */
} cli_terminal;

typedef struct cli_call {
    const cli_command *command;
    const char *word;       /* the command as it was typed, when it is not known */
    const char **arguments; /* n_arguments, as given */
    size_t n_arguments;
    cli_setting settings[CLI_N_OPTIONS];
    const cli_endpoint *endpoints; /* of the files, when the command reads them */
    size_t n_endpoints;
    struct mw_alert_config *alerts; /* likewise; NULL: none is configured */
    const char *program;            /* "mw" or "millwright", as it was called */
    cli_terminal terminal;
    mw_buf excerpt;  /* the faulty line of a file, shown under the first line of the error */
    int exit_code;   /* when the command returns MW_OK */
    mw_buf *verdict; /* takes a report's first sentence; NULL: nobody asks for it */
    mw_arena arena;  /* lives as long as the call */
} cli_call;

enum {
    CLI_EXIT_OK = 0,
    CLI_EXIT_USAGE = 2,
    CLI_EXIT_NO = 6, /* a check ran, and the answer is no */
    CLI_EXIT_INTERRUPTED = 130
};

static inline bool cli_is_on(const cli_call *call, cli_option_id id)
{
    return call->settings[id].number != 0;
}

/* ---- parse.c --------------------------------------------------------------------------------- */

/* argv -> command, arguments and the settings of flags. An option that appears again replaces the
 * earlier one. --help and --version are settings like others: the caller looks at them first.
 * Fails: MW_BAD_ARGUMENT (unknown word or option, value missing, too few or many arguments); what
 * was understood so far stays in `call`, so that --help wins over a fault. */
MW_CHECKED mw_status cli_parse(cli_call *call, int argc, char *const *argv, mw_error *err);
/* Too few or too many arguments; apart from parsing, because configuration may stand in for some.
 */
MW_CHECKED mw_status cli_check_arguments(const cli_call *call, mw_error *err);

/* ---- settings.c ------------------------------------------------------------------------------ */

/* Fill what flags left open: environment, then files, then defaults; only options the command
 * takes. `environment` is a NULL-ended list of "NAME=value". Fails: as cli_value_read and
 * cli_config_read, with the place. */
MW_CHECKED mw_status cli_settings_resolve(cli_call *call, char *const *environment, mw_error *err);
/* Keep a value; a stronger origin is never replaced by a weaker one. `place` is copied. */
MW_CHECKED mw_status cli_setting_put(cli_call *call, cli_option_id id, mw_view text,
                                     cli_origin origin, const char *place, mw_error *err);

/* ---- terminal.c ------------------------------------------------------------------------------ */

/* Look at the streams, NO_COLOR, TERM and COLUMNS. */
void cli_terminal_look(cli_terminal *terminal, bool no_color);
/* Print an error on standard error in the form that `mw help errors` describes. */
void cli_print_error(const cli_call *call, const mw_error *err);
/* A notice on standard error: "note: ..."; nothing with --quiet. */
void cli_note(const cli_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Append `text` in lines of at most `width`, each after `indent` blanks; the first line is taken to
 * stand at column `at` already. */
void cli_wrap(mw_buf *out, const char *text, unsigned at, unsigned indent, unsigned width);
/* Pad with blanks until the current line of `out` is `column` wide. */
void cli_pad(mw_buf *out, size_t line_start, size_t column);

/* Write a result that was built in memory: to standard output, or whole to --output. */
MW_CHECKED mw_status cli_put(const cli_call *call, const mw_buf *result, mw_error *err);

#endif
