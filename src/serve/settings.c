/* What the settings' names mean here.
 *
 * Names, kinds and defaults: Triton's extensions "logging" and "trace" of the Open Inference
 * Protocol. What Triton has and this server has not keeps the one value that is true here, and a
 * request for another is refused. */
#include "observe/observe.h"
#include "settings.h"

#include <math.h>

mw_status serve_settings_add(serve_settings *settings, mw_view name, serve_setting **ret_added,
                             mw_error *err)
{
    if (settings->n == SERVE_SETTINGS_MAX) {
        mw_fail(err, MW_E_OIP_SETTING, "more settings than there are");
        return mw_mend(err, "send at most %d", SERVE_SETTINGS_MAX);
    }
    serve_setting *added = &settings->list[settings->n++];
    *added = (serve_setting){.name = name};
    *ret_added = added;
    return MW_OK;
}

static mw_status fail_setting(const serve_setting *setting, mw_error *err, const char *what,
                              const char *mend)
{
    mw_fail(err, MW_E_OIP_SETTING, "the setting '%.*s' %s", MW_VIEW_ARG(setting->name), what);
    return mw_mend(err, "%s", mend);
}

/* A text that can only be what it is. */
static mw_status check_fixed(const serve_setting *setting, const char *value, mw_error *err)
{
    if (setting->kind == SETTING_CLEAR ||
        (setting->kind == SETTING_TEXT && mw_view_is(setting->text, value)))
        return MW_OK;
    mw_fail(err, MW_E_OIP_SETTING, "the setting '%.*s' cannot be changed here",
            MW_VIEW_ARG(setting->name));
    return mw_mend(err, "leave it out; it is '%s'", value);
}

/* ---- the log --------------------------------------------------------------------------------- */

static const char log_format[] = "ISO8601";

static mw_status set_flag(const serve_setting *setting, bool fallback, bool *ret_flag,
                          mw_error *err)
{
    if (setting->kind != SETTING_BOOL && setting->kind != SETTING_CLEAR)
        return fail_setting(setting, err, "is true or false", "send a boolean");
    *ret_flag = setting->kind == SETTING_BOOL ? setting->flag : fallback;
    return MW_OK;
}

static mw_status set_log(const serve_setting *setting, mw_log_form *form, mw_error *err)
{
    mw_log_form first = mw_log_first_form();
    if (mw_view_is(setting->name, "log_error"))
        return set_flag(setting, first.error, &form->error, err);
    if (mw_view_is(setting->name, "log_warning"))
        return set_flag(setting, first.warn, &form->warn, err);
    if (mw_view_is(setting->name, "log_info"))
        return set_flag(setting, first.info, &form->info, err);
    if (mw_view_is(setting->name, "log_file"))
        return check_fixed(setting, "", err);
    if (mw_view_is(setting->name, "log_format"))
        return check_fixed(setting, log_format, err);
    if (!mw_view_is(setting->name, "log_verbose_level"))
        return fail_setting(setting, err, "is not known",
                            "the log's are log_error, log_warning, log_info and log_verbose_level");
    if (setting->kind == SETTING_CLEAR)
        form->verbose = first.verbose;
    else if (setting->kind != SETTING_NUMBER || setting->number > UINT32_MAX)
        return fail_setting(setting, err, "is a number from 0 on", "0 hides what only we need");
    else
        form->verbose = (unsigned)setting->number;
    return MW_OK;
}

mw_status serve_log_change(const serve_settings *wanted, mw_error *err)
{
    mw_log_form form = mw_log_get_form();
    for (size_t i = 0; i < wanted->n; i++)
        MW_TRY(set_log(&wanted->list[i], &form, err));
    if (wanted->n > 0)
        mw_log_set_form(&form);
    return MW_OK;
}

static void see_flag(serve_see_setting *see, void *user, const char *name, bool flag)
{
    see(user, &(serve_setting){mw_view_of(name), SETTING_BOOL, .flag = flag});
}

static void see_text(serve_see_setting *see, void *user, const char *name, const char *text)
{
    see(user, &(serve_setting){mw_view_of(name), SETTING_TEXT, .text = mw_view_of(text)});
}

void serve_log_each(serve_see_setting *see, void *user)
{
    mw_log_form form = mw_log_get_form();
    see_text(see, user, "log_file", "");
    see_flag(see, user, "log_info", form.info);
    see_flag(see, user, "log_warning", form.warn);
    see_flag(see, user, "log_error", form.error);
    see(user,
        &(serve_setting){mw_view_of("log_verbose_level"), SETTING_NUMBER, .number = form.verbose});
    see_text(see, user, "log_format", log_format);
}

/* ---- traces ---------------------------------------------------------------------------------- */

static mw_status fail_no_traces(mw_error *err)
{
    mw_fail(err, MW_E_OIP_TRACE, "the server does not support tracing");
    return mw_mend(err, "start it with a place to send spans to");
}

int serve_setting_status(const mw_error *err, bool is_grpc)
{
    return err->code == MW_E_OIP_TRACE ? is_grpc ? 501 : 404 : 0;
}

mw_status serve_trace_check_model(mw_fleet *fleet, const mw_exchange *exchange, mw_view name,
                                  mw_error *err)
{
    if (name.size == 0)
        return MW_OK;
    bool is_known = serve_plan_find(serve_plan_pin(fleet, exchange->loop), name) != NULL;
    serve_plan_unpin(fleet, exchange->loop);
    return is_known ? MW_OK : serve_fail_unknown(name, err);
}

/* One trace of so many requests. */
static mw_status read_rate(const serve_setting *setting, double *ret_rate, mw_error *err)
{
    uint64_t number = setting->kind == SETTING_NUMBER ? setting->number : 0;
    bool is_number = setting->kind == SETTING_NUMBER;
    for (size_t i = 0; setting->kind == SETTING_TEXT && i < setting->text.size; i++) {
        char c = setting->text.data[i];
        is_number = c >= '0' && c <= '9' && i < 10;
        if (!is_number)
            break;
        number = number * 10 + (uint64_t)(c - '0');
    }
    if (!is_number || number == 0 || number > UINT32_MAX)
        return fail_setting(setting, err, "is a whole number from 1 on",
                            "1000 traces one request of a thousand");
    *ret_rate = (double)number;
    return MW_OK;
}

typedef struct trace_form {
    bool is_on;
    double rate; /* requests for one trace */
} trace_form;

static mw_status set_trace(const serve_setting *setting, const trace_form *first, trace_form *form,
                           mw_error *err)
{
    bool clears = setting->kind == SETTING_CLEAR;
    if (mw_view_is(setting->name, "trace_level")) {
        bool is_off = clears ? !first->is_on : mw_view_is(setting->text, "OFF");
        if (!clears && !is_off && !mw_view_is(setting->text, "TIMESTAMPS"))
            return fail_setting(setting, err, "is OFF or TIMESTAMPS",
                                "tensors are never written into a trace");
        form->is_on = !is_off;
        return MW_OK;
    }
    if (mw_view_is(setting->name, "trace_rate")) {
        form->rate = first->rate;
        return clears ? MW_OK : read_rate(setting, &form->rate, err);
    }
    if (mw_view_is(setting->name, "trace_mode"))
        return check_fixed(setting, "opentelemetry", err);
    if (mw_view_is(setting->name, "trace_count"))
        return check_fixed(setting, "-1", err);
    if (mw_view_is(setting->name, "log_frequency"))
        return check_fixed(setting, "0", err);
    if (mw_view_is(setting->name, "trace_file"))
        return check_fixed(setting, "", err);
    return fail_setting(setting, err, "is not known", "the traces' are trace_level and trace_rate");
}

static trace_form form_of(double sample)
{
    return (trace_form){sample > 0, sample > 0 ? round(1 / sample) : 1};
}

mw_status serve_trace_change(mw_fleet *fleet, const serve_settings *wanted, mw_error *err)
{
    mw_observer *observer = serve_observer(fleet);
    if (!mw_observer_traces(observer))
        return fail_no_traces(err);
    trace_form form = form_of(mw_observer_trace_sample(observer));
    trace_form first = form_of(1); /* what an observer does when nothing is said */
    for (size_t i = 0; i < wanted->n; i++)
        MW_TRY(set_trace(&wanted->list[i], &first, &form, err));
    if (wanted->n > 0)
        mw_observer_set_trace_sample(observer, form.is_on ? 1 / form.rate : 0);
    return MW_OK;
}

mw_status serve_trace_each(mw_fleet *fleet, serve_see_setting *see, void *user, mw_error *err)
{
    const mw_observer *observer = serve_observer(fleet);
    if (!mw_observer_traces(observer))
        return fail_no_traces(err);
    trace_form form = form_of(mw_observer_trace_sample(observer));
    char rate[32];
    snprintf(rate, sizeof rate, "%.0f", form.rate);
    see_text(see, user, "trace_level", form.is_on ? "TIMESTAMPS" : "OFF");
    see_text(see, user, "trace_rate", rate);
    see_text(see, user, "trace_count", "-1");
    see_text(see, user, "log_frequency", "0");
    see_text(see, user, "trace_file", "");
    see_text(see, user, "trace_mode", "opentelemetry");
    return MW_OK;
}
