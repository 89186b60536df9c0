/* Log lines are built in one buffer and written by one write(), so threads never interleave. */
#include "log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"

#include "banned.h"

/* A bit for each severity, and from VERBOSE_BIT on how verbose it is. */
enum { VERBOSE_BIT = 32 };
#define SHOWN_AT_FIRST (1u << MW_LOG_ERROR | 1u << MW_LOG_WARN | 1u << MW_LOG_INFO)
static _Atomic uint64_t log_shown = SHOWN_AT_FIRST, log_first = SHOWN_AT_FIRST;

static const char *const level_names[] = {"error", "warn ", "info ", "debug"};

void mw_log_set_level(mw_log_level level)
{
    uint64_t shown = (UINT64_C(2) << level) - 1;
    if (level >= MW_LOG_DEBUG)
        shown |= UINT64_C(1) << VERBOSE_BIT;
    atomic_store(&log_shown, shown);
    atomic_store(&log_first, shown);
}

static mw_log_form form_of(uint64_t shown)
{
    return (mw_log_form){.error = shown >> MW_LOG_ERROR & 1,
                         .warn = shown >> MW_LOG_WARN & 1,
                         .info = shown >> MW_LOG_INFO & 1,
                         .verbose = (unsigned)(shown >> VERBOSE_BIT)};
}

mw_log_form mw_log_get_form(void)
{
    return form_of(atomic_load(&log_shown));
}

mw_log_form mw_log_first_form(void)
{
    return form_of(atomic_load(&log_first));
}

void mw_log_set_form(const mw_log_form *form)
{
    atomic_store(&log_shown, (uint64_t)form->error << MW_LOG_ERROR |
                                 (uint64_t)form->warn << MW_LOG_WARN |
                                 (uint64_t)form->info << MW_LOG_INFO |
                                 (uint64_t)(form->verbose > 0) << MW_LOG_DEBUG |
                                 (uint64_t)form->verbose << VERBOSE_BIT);
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
    if (!(atomic_load(&log_shown) >> level & 1))
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
