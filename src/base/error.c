/* Building and rendering errors. No allocation: an error must work when memory is gone. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "banned.h"

static const mw_code_row code_rows[] = {
#define MW_CODE(number, name, status, title, help) {number, status, title, help},
#include "codes/all.def"
#undef MW_CODE
};

const mw_code_row *mw_code_rows(size_t *ret_count)
{
    *ret_count = sizeof code_rows / sizeof code_rows[0];
    return code_rows;
}

const mw_code_row *mw_code_find(int number)
{
    for (size_t i = 0; i < sizeof code_rows / sizeof code_rows[0]; i++)
        if (code_rows[i].number == number)
            return &code_rows[i];
    return NULL;
}

/* A quoted name inside a message may come from a client: control bytes would reach a terminal or
 * split a log line, so they are shown as '?'. */
static void clean_text(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

/* A text that does not fit ends in "..." and never in half a UTF-8 character. */
__attribute__((format(printf, 3, 0))) static void format_text(char *out, size_t out_size,
                                                              const char *format, va_list args)
{
    int needed = vsnprintf(out, out_size, format, args);
    if (needed < 0)
        out[0] = '\0';
    else if ((size_t)needed >= out_size) {
        size_t end = out_size - 4;
        while (end > 0 && ((unsigned char)out[end] & 0xc0) == 0x80)
            end--;
        memcpy(out + end, "...", 4);
    }
    clean_text(out);
}

/* A caller that wants the status alone gives no error; its status still has to pass through mw_at
 * and mw_mend, so the text goes where nobody reads it. */
static mw_error *or_unread(mw_error *err)
{
    static _Thread_local mw_error unread;
    return err ? err : &unread;
}

mw_status mw_fail(mw_error *err, mw_code code, const char *format, ...)
{
    const mw_code_row *row = mw_code_find((int)code);
    mw_status status = row ? row->status : MW_BAD_ARGUMENT;
    err = or_unread(err);
    err->status = status;
    err->code = (int)code;
    err->where[0] = err->why[0] = err->mend[0] = '\0';
    va_list args;
    va_start(args, format);
    format_text(err->what, sizeof err->what, format, args);
    va_end(args);
    return status;
}

/* "outer: inner"; what does not fit is cut at the inner end. */
static void join_places(char *out, size_t out_size, const char *outer, const char *inner)
{
    const char *parts[] = {outer, inner[0] ? ": " : "", inner};
    size_t used = 0;
    for (size_t i = 0; i < 3; i++)
        for (const char *c = parts[i]; *c && used < out_size - 1; c++)
            out[used++] = *c;
    out[used] = '\0';
}

mw_status mw_at(mw_error *err, const char *format, ...)
{
    err = or_unread(err);
    char place[sizeof err->where], joined[sizeof err->where];
    va_list args;
    va_start(args, format);
    format_text(place, sizeof place, format, args);
    va_end(args);
    join_places(joined, sizeof joined, place, err->where);
    memcpy(err->where, joined, sizeof joined);
    return err->status;
}

mw_status mw_why(mw_error *err, const char *format, ...)
{
    err = or_unread(err);
    va_list args;
    va_start(args, format);
    format_text(err->why, sizeof err->why, format, args);
    va_end(args);
    return err->status;
}

mw_status mw_mend(mw_error *err, const char *format, ...)
{
    err = or_unread(err);
    va_list args;
    va_start(args, format);
    format_text(err->mend, sizeof err->mend, format, args);
    va_end(args);
    return err->status;
}

mw_status mw_fail_memory(mw_error *err, const char *what_for)
{
    mw_fail(err, MW_E_NO_MEMORY, "no memory for %s", what_for);
    mw_mend(err, "use smaller batches, or give the process more memory");
    return MW_NO_MEMORY;
}

mw_status mw_fail_errno(mw_error *err, const char *verb, int errno_value)
{
    return mw_fail(err, MW_E_FILE_READ, "cannot %s: %s", verb, strerror(errno_value));
}

void mw_error_print(const mw_error *err, mw_buf *out)
{
    mw_buf_text(out, "error: ");
    if (err->where[0])
        mw_buf_format(out, "%s: ", err->where);
    mw_buf_format(out, "%s\n", err->what);
    if (err->why[0])
        mw_buf_format(out, "  why: %s\n", err->why);
    if (err->mend[0])
        mw_buf_format(out, "  fix: %s  [MW%d]\n", err->mend, err->code);
    else
        mw_buf_format(out, "  fix: see 'mw help MW%d'  [MW%d]\n", err->code, err->code);
}

void mw_error_sentence(const mw_error *err, mw_buf *out)
{
    if (err->where[0])
        mw_buf_format(out, "%s: ", err->where);
    mw_buf_text(out, err->what);
    if (err->why[0])
        mw_buf_format(out, " (%s)", err->why);
    if (err->mend[0])
        mw_buf_format(out, "; fix: %s", err->mend);
    mw_buf_format(out, " [MW%d]", err->code);
}

static const struct status_row {
    int exit_code, http;
} status_rows[] = {
    [MW_OK] = {0, 200},       [MW_BAD_ARGUMENT] = {2, 400}, [MW_BAD_DATA] = {1, 400},
    [MW_MISMATCH] = {1, 400}, [MW_UNSUPPORTED] = {1, 400},  [MW_NOT_FOUND] = {3, 404},
    [MW_CONFLICT] = {5, 409}, [MW_NO_MEMORY] = {1, 503},    [MW_BUSY] = {7, 503},
    [MW_IO] = {1, 500},
};

int mw_status_exit_code(mw_status status)
{
    return (unsigned)status < sizeof status_rows / sizeof status_rows[0]
               ? status_rows[status].exit_code
               : 1;
}

int mw_code_http(mw_code code, mw_status status)
{
    enum { INSUFFICIENT_STORAGE = 507 }; /* clients know what to do about it */
    if (code == MW_E_STORE_FULL)
        return INSUFFICIENT_STORAGE;
    return (unsigned)status < sizeof status_rows / sizeof status_rows[0] ? status_rows[status].http
                                                                         : 500;
}
