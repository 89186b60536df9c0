/* Log lines are built in one buffer and written by one write(), so threads never interleave. */
#include "log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"

#include "banned.h"

static atomic_int log_level = MW_LOG_INFO;

static const char *const level_names[] = {"error", "warn ", "info ", "debug"};

void mw_log_set_level(mw_log_level level)
{
    atomic_store(&log_level, (int)level);
}

static size_t write_prefix(char *line, size_t size, mw_log_level level)
{
    int64_t wall_ms = mw_clock_wall_ms();
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t used = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &utc);
    int more =
        snprintf(line + used, size - used, ".%03dZ %s ", (int)(wall_ms % 1000), level_names[level]);
    return used + (size_t)more;
}

void mw_log(mw_log_level level, const char *format, ...)
{
    if ((int)level > atomic_load(&log_level))
        return;
    char line[1400];
    size_t used = write_prefix(line, sizeof line, level);
    va_list args;
    va_start(args, format);
    int more = vsnprintf(line + used, sizeof line - used - 1, format, args);
    va_end(args);
    size_t end = used + (more < 0 ? 0 : (size_t)more);
    if (end > sizeof line - 2)
        end = sizeof line - 2;
    for (size_t i = used; i < end; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[end] = '\n';
    ssize_t written = write(STDERR_FILENO, line, end + 1);
    (void)written; /* nowhere left to say that standard error is gone */
}

void mw_log_error(mw_log_level level, const char *doing, const mw_error *err)
{
    mw_buf sentence;
    mw_buf_init(&sentence, 2048);
    mw_error_sentence(err, &sentence);
    mw_log(level, "%s: %s", doing, sentence.data);
    mw_buf_done(&sentence);
}
