/* serve: wire the rooms, say so, and wait for signals.
 *
 *     SIGHUP           load every model file again, all or none, and the certificate; open the
 *                      access log again
 *     SIGUSR1          open the access log again
 *     SIGTERM, SIGINT  first: drain, then exit 0; second: stop at once, exit 130
 *
 * Signals are blocked in every thread and read from a descriptor here, so no handler ever runs. */
#include "announce.h"
#include "certificates.h"
#include "follow.h"
#include "notify.h"
#include "state.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { TEXT_BYTES_MAX = 4 << 20 };

typedef struct serving {
    const cli_call *call;
    cli_endpoint *endpoints;
    size_t n_endpoints;
    cli_house house;
    cli_state state;
    int signal_fd, drained_fd;
    bool draining;
    pthread_t drainer;
    size_t n_cut_off; /* requests; valid once drained */
} serving;

/* ---- what to serve --------------------------------------------------------------------------- */

/* --background is of the one model; of several, each has its own in the configuration. */
static mw_status put_background(serving *self, mw_error *err)
{
    const char *background = self->call->settings[CLI_BACKGROUND].text;
    if (!background)
        return MW_OK;
    if (self->n_endpoints == 1) {
        self->endpoints[0].background = background;
        return MW_OK;
    }
    mw_fail(err, MW_E_BACKGROUND_WHICH, "--background is one file, and %zu models are served",
            self->n_endpoints);
    return mw_mend(err, "write 'background: FILE' to each endpoint in millwright.yaml");
}

static mw_status gather_endpoints(serving *self, mw_arena *arena, mw_error *err)
{
    const cli_call *call = self->call;
    self->n_endpoints = cli_endpoints_wanted(call);
    if (self->n_endpoints == 0 && !call->settings[CLI_RECORD].text) {
        mw_fail(err, MW_E_NO_MODEL, "no model to serve");
        return mw_mend(err, "mw serve model.json, or list 'endpoints' in millwright.yaml, or keep "
                            "a record: mw serve --record DIR");
    }
    self->endpoints = mw_arena_take_zeroed(arena, self->n_endpoints, sizeof *self->endpoints);
    if (!self->endpoints)
        return mw_fail_memory(err, "the endpoints");
    for (size_t i = 0; i < self->n_endpoints; i++)
        MW_TRY(cli_endpoint_wanted(call, i, arena, &self->endpoints[i], err));
    return put_background(self, err);
}

/* ---- what is said ---------------------------------------------------------------------------- */

/* What the walk over the fleet writes; endpoints come in the order they were added. */
typedef struct telling {
    const serving *self;
    size_t number;
    mw_buf *out, *hint;
} telling;

static void tell_line(void *user, const mw_endpoint_info *info)
{
    telling *t = user;
    const serving *self = t->self;
    if (!info->forest)
        return;
    mw_buf_text(t->out, "loaded   ");
    if (self->n_endpoints > 1)
        mw_buf_format(t->out, "%s: ", info->name);
    cli_write_forest(info->forest, t->out);
    mw_buf_format(t->out, "; %.0f ms\n", (double)self->endpoints[t->number].load_ns / 1e6);
    if (t->number == 0)
        cli_write_curl(self->house.url, info->name, self->n_endpoints == 1, info->forest, t->hint);
    t->number++;
}

static void write_urls(const serving *self, const char *behind, mw_buf *out)
{
    const mw_listener *listener;
    for (size_t i = 0; (listener = mw_server_listener(self->house.server, i)); i++) {
        char url[sizeof self->house.url];
        cli_write_url(listener, url, sizeof url);
        mw_buf_format(out, "%s  %s%s\n", i ? "       " : "serving", url, i ? "" : behind);
    }
}

static void write_lines(const serving *self, mw_buf *out)
{
    mw_buf hint;
    mw_buf_init(&hint, TEXT_BYTES_MAX);
    if (cli_is_on(self->call, CLI_QUIET)) {
        write_urls(self, "", out);
        return;
    }
    mw_fleet_each(self->house.fleet, tell_line, &(telling){self, 0, out, &hint});
    if (self->house.registry)
        mw_buf_format(out, "record   %s   MLFLOW_TRACKING_URI=%s\n",
                      self->call->settings[CLI_RECORD].text, self->house.url);
    write_urls(self, "   dashboard /ui/   metrics /metrics   api /openapi.json", out);
    if (self->n_endpoints > 0)
        mw_buf_format(out, "try      %s\n", hint.data);
    mw_buf_done(&hint);
}

static void tell_json(void *user, const mw_endpoint_info *info)
{
    telling *t = user;
    mw_buf_text(t->out, t->number++ ? ",{\"name\":" : "{\"name\":");
    mw_json_write_text(t->out, mw_view_of(info->name));
    mw_buf_text(t->out, ",\"path\":");
    mw_json_write_text(t->out, mw_view_of(info->path));
    if (info->forest)
        mw_buf_format(t->out, ",\"format\":\"%s\",\"trees\":%zu,\"features\":%zu",
                      mw_format_name(info->forest->format), info->forest->n_trees,
                      info->forest->n_features);
    mw_buf_char(t->out, '}');
}

static void json_listeners(const serving *self, mw_buf *out)
{
    const mw_listener *listener;
    for (size_t i = 0; (listener = mw_server_listener(self->house.server, i)); i++) {
        mw_buf_text(out, i ? ",{\"address\":" : "{\"address\":");
        mw_json_write_text(out, mw_view_of(listener->address));
        mw_buf_format(out, ",\"tls\":%s,\"proxy\":%s}", listener->tls ? "true" : "false",
                      listener->proxy ? "true" : "false");
    }
}

static void write_json(const serving *self, mw_buf *out)
{
    const char *address = mw_server_address(self->house.server), *colon = strrchr(address, ':');
    bool is_file = strncmp(address, "unix:", 5) == 0;
    mw_buf_text(out, "{\"event\":\"serving\",\"url\":");
    mw_json_write_text(out, mw_view_of(self->house.url));
    mw_buf_text(out, ",\"address\":");
    mw_json_write_text(out, mw_view_of(address));
    mw_buf_format(out, ",\"port\":%s,\"pid\":%ld,\"listeners\":[",
                  is_file || !colon ? "null" : colon + 1, (long)getpid());
    json_listeners(self, out);
    mw_buf_text(out, "],\"models\":[");
    mw_fleet_each(self->house.fleet, tell_json, &(telling){self, 0, out, NULL});
    mw_buf_text(out, "]}\n");
}

/* One write, so that whoever reads the pipe never sees half of it. */
static mw_status announce(const serving *self, mw_error *err)
{
    mw_buf out;
    mw_buf_init(&out, TEXT_BYTES_MAX);
    if (cli_is_on(self->call, CLI_JSON))
        write_json(self, &out);
    else
        write_lines(self, &out);
    mw_status status = cli_put(self->call, &out, err);
    mw_buf_done(&out);
    return status;
}

/* ---- signals --------------------------------------------------------------------------------- */

static mw_status fail_system(const char *what, mw_error *err)
{
    mw_fail(err, MW_E_SYSTEM, "cannot %s: %s", what, strerror(errno));
    return mw_mend(err, "check the limits of the process (ulimit -a)");
}

static mw_status open_signals(serving *self, mw_error *err)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before any thread starts: they inherit it */
    self->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    self->drained_fd = eventfd(0, EFD_CLOEXEC);
    return self->signal_fd >= 0 && self->drained_fd >= 0 ? MW_OK
                                                         : fail_system("watch for signals", err);
}

static void reload(const serving *self)
{
    mw_error err;
    uint64_t began = mw_clock_ns();
    cli_notify_reloading();
    cli_tls_reload(self->house.tls);
    if (mw_fleet_reload_all(self->house.fleet, &err) == MW_OK)
        mw_log(MW_LOG_INFO, "reloaded %zu model%s in %.0f ms", self->n_endpoints,
               self->n_endpoints == 1 ? "" : "s", (double)(mw_clock_ns() - began) / 1e6);
    else
        mw_log_error(MW_LOG_ERROR, "reload refused, all models stay as they were", &err);
    cli_notify("READY=1");
}

static void *drain(void *given)
{
    serving *self = given;
    uint64_t one = 1;
    self->n_cut_off = mw_server_drain(self->house.server,
                                      (unsigned)self->call->settings[CLI_DRAIN_SECONDS].number);
    ssize_t put = write(self->drained_fd, &one, sizeof one);
    (void)put; /* an eventfd that is open takes a 1 */
    return NULL;
}

static void start_drain(serving *self, const char *signal_name)
{
    mw_log(MW_LOG_INFO, "%s: draining, at most %s s; once more stops at once", signal_name,
           self->call->settings[CLI_DRAIN_SECONDS].text);
    cli_notify("STOPPING=1");
    mw_fleet_set_draining(self->house.fleet);
    self->draining = pthread_create(&self->drainer, NULL, drain, self) == 0;
    if (!self->draining) { /* no thread to be had: drain here, deaf to a second signal */
        drain(self);
        self->drainer = pthread_self();
        self->draining = true;
    }
}

static void stop_at_once(serving *self)
{
    mw_log(MW_LOG_WARN, "second signal: stopped at once");
    cli_state_close(&self->state);
    _exit(CLI_EXIT_INTERRUPTED);
}

static void take_signal(serving *self)
{
    struct signalfd_siginfo info;
    if (read(self->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (info.ssi_signo == SIGHUP || info.ssi_signo == SIGUSR1)
        mw_observer_reopen(self->house.observer);
    if (info.ssi_signo == SIGUSR1)
        return;
    if (info.ssi_signo == SIGHUP) {
        if (!self->draining)
            reload(self);
    } else if (self->draining)
        stop_at_once(self);
    else
        start_drain(self, info.ssi_signo == SIGTERM ? "SIGTERM" : "Ctrl-C");
}

/* Until the next look at the record, or at the certificate's files; -1 = neither changes. */
static int wait_ms(const serving *self)
{
    if (self->house.registry)
        return CLI_FOLLOW_MS;
    return self->house.tls ? MW_LIMIT_TLS_LOOK_MS : -1;
}

/* Returns when the server has drained. */
static void wait_for_signals(serving *self)
{
    struct pollfd events[2] = {{.fd = self->signal_fd, .events = POLLIN},
                               {.fd = self->drained_fd, .events = POLLIN}};
    while (!(events[1].revents & POLLIN)) {
        int n = poll(events, 2, wait_ms(self));
        if (n < 0 && errno != EINTR)
            break;
        if (!self->draining)
            cli_follow_look(&self->house);
        if (n == 0)
            cli_tls_look(self->house.tls);
        if (events[0].revents & POLLIN)
            take_signal(self);
    }
    if (!pthread_equal(self->drainer, pthread_self()))
        pthread_join(self->drainer, NULL);
}

/* ---- run ------------------------------------------------------------------------------------- */

static mw_status run(serving *self, mw_arena *arena, mw_error *err)
{
    const cli_call *call = self->call;
    MW_TRY(gather_endpoints(self, arena, err));
    MW_TRY(open_signals(self, err));
    MW_TRY(cli_house_open(call, self->endpoints, self->n_endpoints, call->settings[CLI_LISTEN].text,
                          &self->house, err));
    MW_TRY(cli_state_open(&self->state, call->settings[CLI_DATA].text,
                          mw_server_address(self->house.server), self->house.url, err));
    MW_TRY(cli_house_start(&self->house, err));
    MW_TRY(announce(self, err));
    cli_notify("READY=1");
    wait_for_signals(self);
    if (self->n_cut_off > 0)
        mw_log(MW_LOG_WARN, "stopped; %zu request%s cut off", self->n_cut_off,
               self->n_cut_off == 1 ? " was" : "s were");
    else
        mw_log(MW_LOG_INFO, "stopped; nothing was cut off");
    return MW_OK;
}

mw_status cli_run_serve(cli_call *call, mw_error *err)
{
    serving self = {.call = call, .state.fd = -1, .signal_fd = -1, .drained_fd = -1};
    if (call->settings[CLI_STORE].text && !call->settings[CLI_RECORD].text)
        call->settings[CLI_RECORD].text = "mw-record"; /* the folder of what is no row */
    mw_status status = run(&self, &call->arena, err);
    cli_state_close(&self.state);
    cli_house_close(&self.house);
    if (self.signal_fd >= 0)
        close(self.signal_fd);
    if (self.drained_fd >= 0)
        close(self.drained_fd);
    return status;
}
