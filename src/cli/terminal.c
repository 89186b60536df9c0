/* What people see: width, colour, wrapped text, errors and notices. */
#include "call.h"
#include "sink.h"

#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    WIDTH_DEFAULT = 80,
    WIDTH_MIN = 40,
    WIDTH_MAX = 100, /* longer lines are hard to read */
    MESSAGE_BYTES_MAX = 16384
};

static unsigned width_of_output(void)
{
    struct winsize size;
    uint64_t columns;
    const char *text = getenv("COLUMNS");
    if (text && mw_whole_parse(mw_view_of(text), &columns) && columns > 0 && columns < 10000)
        return (unsigned)columns;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return WIDTH_DEFAULT;
}

void cli_terminal_look(cli_terminal *terminal, bool no_color)
{
    const char *term = getenv("TERM"), *wish = getenv("NO_COLOR");
    bool color = !no_color && !(wish && *wish) && !(term && strcmp(term, "dumb") == 0);
    unsigned width = width_of_output();
    terminal->out_is_tty = isatty(STDOUT_FILENO);
    terminal->err_is_tty = isatty(STDERR_FILENO);
    terminal->color_out = color && terminal->out_is_tty;
    terminal->color_err = color && terminal->err_is_tty;
    terminal->width = width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width;
}

static void write_all(int fd, mw_view bytes)
{
    while (bytes.size > 0) {
        ssize_t put = write(fd, bytes.data, bytes.size);
        if (put <= 0)
            return; /* standard error is gone: nowhere left to say so */
        bytes.data += put;
        bytes.size -= (size_t)put;
    }
}

/* Put colour on the words that open the lines: "error:" red, "fix:" green. */
static void color_label(mw_buf *out, mw_view line, const char *label, const char *color)
{
    size_t indent = 0;
    while (indent < line.size && line.data[indent] == ' ')
        indent++;
    mw_view rest = {line.data + indent, line.size - indent};
    if (!mw_view_starts(rest, label)) {
        mw_buf_view(out, line);
        return;
    }
    mw_buf_format(out, "%.*s\033[%sm%s\033[0m", (int)indent, line.data, color, label);
    mw_buf_bytes(out, rest.data + strlen(label), rest.size - strlen(label));
}

static mw_view next_line(mw_view *text)
{
    const char *end = memchr(text->data, '\n', text->size);
    mw_view line = {text->data, end ? (size_t)(end - text->data) + 1 : text->size};
    text->data += line.size;
    text->size -= line.size;
    return line;
}

void cli_print_error(const cli_call *call, const mw_error *err)
{
    mw_buf plain, shown;
    mw_buf_init(&plain, MESSAGE_BYTES_MAX);
    mw_buf_init(&shown, MESSAGE_BYTES_MAX);
    mw_error_print(err, &plain);
    mw_view rest = mw_buf_as_view(&plain);
    for (bool first = true; rest.size > 0; first = false) {
        mw_view line = next_line(&rest);
        if (!call->terminal.color_err)
            mw_buf_view(&shown, line);
        else if (first)
            color_label(&shown, line, "error:", "1;31");
        else
            color_label(&shown, line, "fix:", "32");
        if (first)
            mw_buf_view(&shown, mw_buf_as_view(&call->excerpt));
    }
    write_all(STDERR_FILENO, mw_buf_as_view(shown.failed ? &plain : &shown));
    mw_buf_done(&plain);
    mw_buf_done(&shown);
}

void cli_note(const cli_call *call, const char *format, ...)
{
    char line[1024] = "note: ";
    if (cli_is_on(call, CLI_QUIET))
        return;
    size_t used = strlen(line);
    va_list args;
    va_start(args, format);
    int more = vsnprintf(line + used, sizeof line - used - 1, format, args);
    va_end(args);
    used += more < 0 ? 0 : (size_t)more;
    if (used > sizeof line - 2)
        used = sizeof line - 2;
    line[used] = '\n';
    write_all(STDERR_FILENO, (mw_view){line, used + 1});
}

void cli_wrap(mw_buf *out, const char *text, unsigned at, unsigned indent, unsigned width)
{
    while (*text) {
        size_t size = strcspn(text, " \n");
        if (at > indent && at + 1 + size > width) {
            mw_buf_format(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            mw_buf_char(out, ' ');
            at++;
        }
        mw_buf_bytes(out, text, size);
        at += (unsigned)size;
        text += size;
        text += strspn(text, " \n");
    }
}

void cli_pad(mw_buf *out, size_t line_start, size_t column)
{
    while (out->size - line_start < column && !out->failed)
        mw_buf_char(out, ' ');
}

mw_status cli_put(const cli_call *call, const mw_buf *result, mw_error *err)
{
    cli_sink *sink;
    if (result->failed)
        return mw_fail_memory(err, "the result");
    MW_TRY(cli_sink_open(call->settings[CLI_OUTPUT].text, &sink, err));
    mw_status status = cli_sink_write(sink, mw_buf_as_view(result), err);
    if (status == MW_OK)
        return cli_sink_finish(sink, err);
    cli_sink_abandon(sink);
    return status;
}
