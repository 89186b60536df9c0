/* doctor: whether this machine, these settings and these models make a server. */
#include "doctor.h"

#include <limits.h>
#include <stdarg.h>

enum { TEXT_BYTES_MAX = 4 << 20, ARENA_BYTES_MAX = 1 << 30, STATE_COLUMN = 6, CHECK_COLUMN = 18 };

static const char *const state_names[DOCTOR_N_STATES] = {"ok", "warn", "fail"};

/* ---- what is found --------------------------------------------------------------------------- */

/* A server has fewer endpoints than there is room for. */
static doctor_finding *next(doctor *self, const char *check, doctor_state state)
{
    if (self->count == DOCTOR_FINDINGS_MAX)
        return NULL;
    doctor_finding *found = &self->findings[self->count++];
    *found = (doctor_finding){.check = check, .state = state};
    return found;
}

static doctor_finding *find(doctor *self, const char *check, doctor_state state, const char *format,
                            va_list values)
{
    doctor_finding *found = next(self, check, state);
    if (found)
        vsnprintf(found->said.what, sizeof found->said.what, format, values);
    return found;
}

void doctor_ok(doctor *self, const char *check, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    find(self, check, DOCTOR_OK, format, values);
    va_end(values);
}

void doctor_warn(doctor *self, const char *check, const char *fix, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    doctor_finding *found = find(self, check, DOCTOR_WARN, format, values);
    va_end(values);
    if (found)
        snprintf(found->said.mend, sizeof found->said.mend, "%s", fix);
}

void doctor_fail(doctor *self, const char *check, const mw_error *said)
{
    doctor_finding *found = next(self, check, DOCTOR_FAIL);
    if (found)
        found->said = *said;
}

static size_t count(const doctor *self, doctor_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < self->count; i++)
        n += self->findings[i].state == state;
    return n;
}

/* ---- told to people -------------------------------------------------------------------------- */

/* For programs that read lines a line stays one. */
static unsigned width_of(const doctor *self)
{
    return self->call->terminal.out_is_tty ? self->call->terminal.width : UINT_MAX;
}

static void write_more(const doctor *self, const char *word, const char *text, mw_buf *out)
{
    if (text[0] == '\0')
        return;
    mw_buf_format(out, "%*s%s:", CHECK_COLUMN, "", word);
    cli_wrap(out, text, CHECK_COLUMN + 4, CHECK_COLUMN + 2, width_of(self));
    mw_buf_char(out, '\n');
}

static void write_finding(const doctor *self, const doctor_finding *found, mw_buf *out)
{
    char what[sizeof found->said.where + sizeof found->said.what + 2];
    snprintf(what, sizeof what, "%s%s%s", found->said.where, found->said.where[0] ? ": " : "",
             found->said.what);
    size_t start = out->size;
    mw_buf_text(out, state_names[found->state]);
    cli_pad(out, start, STATE_COLUMN);
    mw_buf_text(out, found->check);
    cli_pad(out, start, CHECK_COLUMN);
    cli_wrap(out, what, CHECK_COLUMN, CHECK_COLUMN, width_of(self));
    mw_buf_char(out, '\n');
    write_more(self, "why", found->said.why, out);
    write_more(self, "fix", found->said.mend, out);
    if (found->said.code != MW_E_NONE)
        mw_buf_format(out, "%*smw help MW%d\n", CHECK_COLUMN, "", found->said.code);
}

static void write_text(const doctor *self, mw_buf *out)
{
    size_t n_failed = count(self, DOCTOR_FAIL), n_warned = count(self, DOCTOR_WARN);
    for (size_t i = 0; i < self->count; i++)
        write_finding(self, &self->findings[i], out);
    mw_buf_format(out, "%zu checks, %zu warning%s, %zu failed\n", self->count, n_warned,
                  n_warned == 1 ? "" : "s", n_failed);
}

/* ---- told to programs ------------------------------------------------------------------------ */

static void write_member(const char *name, const char *text, mw_buf *out)
{
    if (text[0] == '\0')
        return;
    mw_buf_format(out, ",\"%s\":", name);
    mw_json_write_text(out, mw_view_of(text));
}

static void write_json(const doctor *self, mw_buf *out)
{
    mw_buf_format(out, "{\"ok\":%s,\"warnings\":%zu,\"failed\":%zu,\"checks\":[",
                  count(self, DOCTOR_FAIL) ? "false" : "true", count(self, DOCTOR_WARN),
                  count(self, DOCTOR_FAIL));
    for (size_t i = 0; i < self->count; i++) {
        const doctor_finding *found = &self->findings[i];
        mw_buf_format(out, "%s{\"check\":\"%s\",\"state\":\"%s\"", i ? "," : "", found->check,
                      state_names[found->state]);
        write_member("where", found->said.where, out);
        write_member("what", found->said.what, out);
        write_member("why", found->said.why, out);
        write_member("fix", found->said.mend, out);
        if (found->said.code != MW_E_NONE)
            mw_buf_format(out, ",\"code\":\"MW%d\"", found->said.code);
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "]}\n");
}

/* ---- the command ----------------------------------------------------------------------------- */

static mw_status tell(doctor *self, mw_error *err)
{
    mw_buf out;
    mw_buf_init(&out, TEXT_BYTES_MAX);
    (cli_is_on(self->call, CLI_JSON) ? write_json : write_text)(self, &out);
    mw_status status = cli_put(self->call, &out, err);
    mw_buf_done(&out);
    return status;
}

mw_status cli_run_doctor(cli_call *call, mw_error *err)
{
    doctor self = {.call = call};
    mw_arena_init(&self.arena, 64 * MW_KIB, ARENA_BYTES_MAX);
    self.findings = mw_arena_take_zeroed(&self.arena, DOCTOR_FINDINGS_MAX, sizeof *self.findings);
    if (!self.findings) {
        mw_arena_done(&self.arena);
        return mw_fail_memory(err, "what is found");
    }
    mw_log_set_level(MW_LOG_ERROR); /* what is doubtful is told in the findings */
    doctor_check_machine(&self);
    doctor_check_serve(&self);
    mw_status status = tell(&self, err);
    if (count(&self, DOCTOR_FAIL) > 0)
        call->exit_code = CLI_EXIT_NO;
    mw_arena_done(&self.arena);
    return status;
}
