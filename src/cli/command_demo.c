/* demo: a server with the example models, real traffic, and a line a second about both. */
#include "announce.h"
#include "demo.h"
#include "story.h"

#include <signal.h>
#include <unistd.h>

enum {
    ONCE_SECONDS = 5,
    SWAP_AT_SECOND = 2,
    BUSY_TICKS = 10, /* a line a second so long; then less often */
    CALM_SECONDS = 10,
    REQUESTS_A_SECOND = 1000,
    DRAIN_SECONDS = 2,
    TEXT_BYTES_MAX = 1 << 20,
    SWAP_TIMEOUT_MS = 10000
};

typedef struct demo {
    cli_call *call;
    demo_examples examples;
    cli_house house;
    demo_traffic traffic;
    uint64_t began_ns;
    mw_buf text;
} demo;

static void say(demo *self)
{
    const char *at = self->text.data;
    size_t left = self->text.size;
    while (left > 0) {
        ssize_t put = write(STDOUT_FILENO, at, left);
        if (put <= 0)
            break; /* nobody listens; the exit code still tells how it went */
        at += put;
        left -= (size_t)put;
    }
    mw_buf_reset(&self->text);
}

static double seconds_since(uint64_t began_ns)
{
    return (double)(mw_clock_ns() - began_ns) / 1e9;
}

/* ---- start ----------------------------------------------------------------------------------- */

static mw_status open_house(demo *self, mw_error *err)
{
    cli_endpoint endpoints[DEMO_EXAMPLES_MAX];
    const cli_setting *listen = &self->call->settings[CLI_LISTEN];
    for (size_t i = 0; i < self->examples.count; i++)
        endpoints[i] = self->examples.of[i].endpoint;
    mw_status status = cli_house_open(self->call, endpoints, self->examples.count, listen->text,
                                      &self->house, err);
    /* The usual port may be taken; a demo that was not told a port takes any. */
    if (status == MW_CONFLICT && listen->origin == CLI_FROM_DEFAULT)
        status = cli_house_open(self->call, endpoints, self->examples.count, "127.0.0.1:0",
                                &self->house, err);
    return status == MW_OK ? cli_house_start(&self->house, err) : status;
}

static void say_what_is_served(demo *self)
{
    for (size_t i = 0; i < self->examples.count; i++) {
        const demo_example *example = &self->examples.of[i];
        mw_buf_format(&self->text, "loaded   %s: ", example->endpoint.name);
        cli_write_forest(example->forest, &self->text);
        mw_buf_format(&self->text, "; %zu rows to send\n", example->rows.n_rows);
    }
    mw_buf_format(&self->text,
                  "serving  %s   dashboard /ui/   metrics /metrics   "
                  "api /openapi.json\n",
                  self->house.url);
    mw_buf_format(&self->text,
                  "traffic  %d clients, %llu requests a second, 1 to 4 rows each: MLflow, Open "
                  "Inference v2, KServe v1\n\n",
                  DEMO_CLIENTS, (unsigned long long)self->traffic.requests_a_second);
    demo_write_heading(&self->examples, &self->text);
    say(self);
}

static void say_what_to_try(demo *self)
{
    const demo_example *example = &self->examples.of[0];
    mw_buf_text(&self->text, "\ntry      ");
    cli_write_curl(self->house.url, example->endpoint.name, self->examples.count == 1,
                   example->forest, &self->text);
    mw_buf_format(&self->text, "\nor       curl -s %s/metrics\nend      Ctrl-C\n\n",
                  self->house.url);
    say(self);
}

/* ---- run ------------------------------------------------------------------------------------- */

/* Load a model's file again while requests are in flight, through HTTP as an operator would. */
static mw_status swap_model(demo *self, mw_error *err)
{
    char path[512];
    mw_client *client;
    mw_view answer;
    int status = 0;
    const char *name = self->examples.of[0].endpoint.name;
    snprintf(path, sizeof path, "/v2/repository/models/%s/load", name);
    MW_TRY(mw_client_open(mw_server_address(self->house.server), SWAP_TIMEOUT_MS, &client, err));
    mw_status called = mw_client_call(client, "POST", path, "application/json", MW_VIEW("{}"),
                                      &status, &answer, err);
    if (called == MW_OK && status != 200) {
        called = mw_fail(err, MW_E_DEMO_FAILED, "%s answered %d", path, status);
        mw_why(err, "%.*s", MW_VIEW_ARG(answer));
    } else if (called == MW_OK)
        mw_buf_format(&self->text,
                      "%6.1f s  loaded %s again while requests are in flight: POST %s\n",
                      seconds_since(self->began_ns), name, path);
    mw_client_close(client);
    say(self);
    return called;
}

/* One line each period, until a signal or the end; true = go on. */
static bool wait_tick(const sigset_t *signals, unsigned seconds)
{
    struct timespec period = {seconds, 0};
    return sigtimedwait(signals, NULL, &period) < 0;
}

static mw_status run_ticks(demo *self, const sigset_t *signals, bool once, demo_sum *ret_sum,
                           mw_error *err)
{
    demo_sum before = {0};
    double before_s = 0;
    for (unsigned tick = 1; !once || tick <= ONCE_SECONDS; tick++) {
        bool calm = !once && tick > BUSY_TICKS;
        if (!wait_tick(signals, calm ? CALM_SECONDS : 1))
            break;
        double now_s = seconds_since(self->began_ns);
        demo_sum_up(&self->traffic, ret_sum);
        demo_write_tick(&self->examples, &before, ret_sum, before_s, now_s, &self->text);
        say(self);
        before = *ret_sum;
        before_s = now_s;
        if (tick == SWAP_AT_SECOND)
            MW_TRY(swap_model(self, err));
        if (!once && tick == BUSY_TICKS) {
            demo_write_histograms(&self->examples, ret_sum, &self->text);
            say_what_to_try(self);
        }
    }
    return MW_OK;
}

static mw_status judge(demo *self, const demo_sum *sum, mw_error *err)
{
    static const demo_sum nothing;
    demo_write_histograms(&self->examples, sum, &self->text);
    mw_buf_format(&self->text,
                  "\n%llu requests in %.1f s, p50 %.2f ms, p99 %.2f ms, %llu errors; every answer "
                  "was compared with the expected prediction\n",
                  (unsigned long long)sum->requests, seconds_since(self->began_ns),
                  demo_latency_ms(&nothing, sum, 0.50), demo_latency_ms(&nothing, sum, 0.99),
                  (unsigned long long)sum->errors);
    say(self);
    if (sum->errors == 0 && sum->requests > 0)
        return MW_OK;
    mw_fail(err, MW_E_DEMO_FAILED, "%llu of %llu requests failed", (unsigned long long)sum->errors,
            (unsigned long long)sum->requests);
    mw_why(err, "%s", self->traffic.first_fault);
    return mw_mend(err, "see what the server says: mw demo -v");
}

static mw_status run_traffic(demo *self, const sigset_t *signals, bool once, mw_error *err)
{
    demo_sum sum = {0};
    uint64_t pace = self->call->settings[CLI_SPEED].number * REQUESTS_A_SECOND;
    self->traffic.requests_a_second = pace;
    say_what_is_served(self);
    self->began_ns = mw_clock_ns();
    MW_TRY(demo_traffic_start(&self->traffic, &self->examples,
                              mw_server_address(self->house.server), pace, err));
    mw_status status = run_ticks(self, signals, once, &sum, err);
    demo_traffic_stop(&self->traffic);
    demo_sum_up(&self->traffic, &sum);
    return status == MW_OK ? judge(self, &sum, err) : status;
}

static bool asks_once(const cli_call *call)
{
    const char *wish = getenv("DEMO");
    return cli_is_on(call, CLI_ONCE) || (wish && strcmp(wish, "once") == 0);
}

/* The examples in short, or at a speed of one's own; else the story. */
static mw_status show_examples(cli_call *call, const sigset_t *signals, mw_error *err)
{
    demo *self = calloc(1, sizeof *self); /* tallies are too large for a stack */
    if (!self)
        return mw_fail_memory(err, "the demo");
    self->call = call;
    mw_buf_init(&self->text, TEXT_BYTES_MAX);
    mw_status status = demo_examples_load(call->settings[CLI_EXAMPLES].text, &self->examples, err);
    if (status == MW_OK) {
        status = open_house(self, err);
        if (status == MW_OK) {
            status = run_traffic(self, signals, asks_once(call), err);
            mw_server_drain(self->house.server, DRAIN_SECONDS);
        }
        cli_house_close(&self->house);
        demo_examples_free(&self->examples);
    }
    mw_buf_done(&self->text);
    free(self);
    return status;
}

mw_status cli_run_demo(cli_call *call, mw_error *err)
{
    sigset_t signals;
    bool wants_examples = asks_once(call) || call->settings[CLI_SPEED].origin != CLI_FROM_DEFAULT;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before any thread starts */
    return wants_examples ? show_examples(call, &signals, err)
                          : cli_tell_story(call, &signals, err);
}
