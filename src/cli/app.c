/* The program: parse, resolve, run one command, turn its status into an exit code. */
#include "alert/alert.h"
#include "call.h"
#include "cli.h"
#include "help.h"
#include "runtime/runtime.h"

#include <signal.h>
#include <unistd.h>

enum { CALL_BLOCK_BYTES = 16 * 1024, EXCERPT_BYTES_MAX = 4096 };

#define CALL_CAP_BYTES (64 * MW_MIB)

static const char *short_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path ? path : "mw";
}

/* No command at all: the overview is what the user needs, but nothing was done, so it is usage. */
static int show_overview(const cli_call *call, bool was_asked_for)
{
    mw_buf out;
    mw_buf_init(&out, 1 << 16);
    cli_write_overview(&call->terminal, &out);
    ssize_t put = write(was_asked_for ? STDOUT_FILENO : STDERR_FILENO, out.data, out.size);
    mw_buf_done(&out);
    return was_asked_for && put >= 0 ? CLI_EXIT_OK : CLI_EXIT_USAGE;
}

/* Of the command, or of the group that its first word names. */
static mw_status show_help(cli_call *call, mw_error *err)
{
    mw_buf out;
    mw_buf_init(&out, 1 << 16);
    if (call->command)
        cli_write_command_help(&call->terminal, call->command, &out);
    else
        cli_write_group_help(&call->terminal, mw_view_of(call->word), &out);
    mw_status status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}

static void set_log_level(const cli_call *call)
{
    if (cli_is_on(call, CLI_VERBOSE))
        mw_log_set_level(MW_LOG_DEBUG);
    else if (cli_is_on(call, CLI_QUIET))
        mw_log_set_level(MW_LOG_WARN);
    else if (call->settings[CLI_LOG_LEVEL].text)
        mw_log_set_level((mw_log_level)call->settings[CLI_LOG_LEVEL].number);
}

static mw_status run_command(cli_call *call, mw_error *err)
{
    MW_TRY(cli_settings_resolve(call, environ, err));
    cli_terminal_look(&call->terminal, cli_is_on(call, CLI_NO_COLOR));
    MW_TRY(cli_check_arguments(call, err));
    set_log_level(call);
    mw_runtime_use(call->settings[CLI_ONNXRUNTIME].text);
    return call->command->run(call, err);
}

static mw_status answer(cli_call *call, int argc, char **argv, mw_error *err)
{
    mw_status status = cli_parse(call, argc, argv, err);
    cli_terminal_look(&call->terminal, cli_is_on(call, CLI_NO_COLOR));
    bool asks_help = cli_is_on(call, CLI_HELP);
    if (asks_help && (call->command || cli_is_group(mw_view_of(call->word))))
        return show_help(call, err);
    if (asks_help && !call->word) {
        call->exit_code = show_overview(call, true);
        return MW_OK;
    }
    MW_TRY(status);
    if (cli_is_on(call, CLI_VERSION))
        return cli_run_version(call, err);
    if (!call->command) {
        call->exit_code = show_overview(call, false);
        return MW_OK;
    }
    return run_command(call, err);
}

int mw_cli_main(int argc, char **argv)
{
    cli_call call = {.program = short_name(argc > 0 ? argv[0] : NULL)};
    mw_error err = {0};
    signal(SIGPIPE, SIG_IGN); /* a reader that goes away is seen as EPIPE, where it is handled */
    signal(SIGXFSZ,
           SIG_IGN); /* and a file that may not grow (ulimit -f) as EFBIG, as a full disk */
    mw_arena_init(&call.arena, CALL_BLOCK_BYTES, CALL_CAP_BYTES);
    mw_buf_init(&call.excerpt, EXCERPT_BYTES_MAX);
    mw_status status = answer(&call, argc, argv, &err);
    int exit_code = call.exit_code;
    if (status != MW_OK) {
        cli_print_error(&call, &err);
        exit_code =
            err.code == MW_E_INTERRUPTED ? CLI_EXIT_INTERRUPTED : mw_status_exit_code(status);
    }
    mw_buf_done(&call.excerpt);
    mw_alert_config_free(call.alerts);
    mw_arena_done(&call.arena);
    return exit_code;
}
