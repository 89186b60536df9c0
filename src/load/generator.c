/* Open-loop arrivals over many connections, by one epoll loop a thread.
 *
 *     schedule ──due──> free connection? ──yes──> send ──> answer: latency = now - due
 *                            `──no──> waits in line, its clock running <── a connection is free
 */
#include "load.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 * 1024,
    EVENTS_MAX = 64,
    SWEEP_NS = 10000000,  /* how often time-outs are looked for */
    REOPEN_NS = 10000000, /* a connection that was lost is made again so much later */
    SLACK_NS = 1000       /* the kernel may wake the thread so much late */
};
#define NS_PER_SECOND UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define LINE_MAX_REQUESTS (UINT64_C(1) << 24)

typedef enum call_state { CALL_CLOSED, CALL_CONNECTING, CALL_FREE, CALL_BUSY } call_state;

typedef struct load_call {
    struct load_call *next_free;
    call_state state;
    bool is_listed; /* among the free ones; one that was closed meanwhile stays until its turn */
    mw_stream stream;
    mw_answer_counter *counter;
    uint64_t due_ns, reopen_ns;
    mw_view unsent;
} load_call;

/* Times that requests were due, and nobody was free to send them. A ring that grows. */
typedef struct waiting_line {
    uint64_t *due_ns;
    size_t capacity, begin, count;
} waiting_line;

typedef struct generator {
    const mw_load_options *options;
    double rps;                            /* this thread's; 0 = closed loop */
    uint64_t begin_ns, measure_ns, end_ns; /* on the monotonic clock */
    uint64_t timeout_ns;
    pthread_t thread;
    bool is_running;
    mw_status status;
    mw_error err;
    mw_load_result result;
    mw_load_histogram lag;

    int epoll;
    load_call *calls;
    unsigned n_calls, n_busy;
    load_call *first_free, *last_free;
    waiting_line line;
    uint64_t random, next_due_ns, next_sweep_ns;
    size_t next_request;
    char *bytes;
} generator;

/* ---- schedule -------------------------------------------------------------------------------- */

static uint64_t next_random(generator *self)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return self->random;
}

/* The gap to the next arrival of a Poisson process is exponentially distributed. */
static uint64_t next_gap_ns(generator *self)
{
    double mean_ns = (double)NS_PER_SECOND / self->rps;
    if (self->options->is_even)
        return (uint64_t)mean_ns;
    double u = (double)((next_random(self) >> 11) + 1) * 0x1p-53;
    return (uint64_t)(-log(u) * mean_ns);
}

static bool line_push(waiting_line *line, uint64_t due_ns)
{
    if (line->count == line->capacity) {
        size_t capacity = line->capacity ? line->capacity * 2 : 1024;
        uint64_t *grown = capacity > LINE_MAX_REQUESTS ? NULL : malloc(capacity * sizeof *grown);
        if (!grown)
            return false;
        for (size_t i = 0; i < line->count; i++)
            grown[i] = line->due_ns[(line->begin + i) & (line->capacity - 1)];
        free(line->due_ns);
        *line = (waiting_line){grown, capacity, 0, line->count};
    }
    line->due_ns[(line->begin + line->count++) & (line->capacity - 1)] = due_ns;
    return true;
}

static uint64_t line_pop(waiting_line *line)
{
    uint64_t due_ns = line->due_ns[line->begin];
    line->begin = (line->begin + 1) & (line->capacity - 1);
    line->count--;
    return due_ns;
}

/* ---- what came of a request -------------------------------------------------------------------
 */

static bool is_measured(const generator *self, uint64_t due_ns)
{
    return due_ns >= self->measure_ns && due_ns < self->end_ns;
}

static void note_answer(generator *self, const load_call *call, uint64_t now_ns)
{
    int status = mw_answer_counter_status(call->counter);
    mw_load_result *result = &self->result;
    if (!is_measured(self, call->due_ns))
        return;
    result->due++;
    if (status >= 200 && status < 300) {
        result->ok++;
        mw_load_note(&result->latency, now_ns - call->due_ns);
        return;
    }
    result->status = status;
    if (status == 429 || status == 503)
        result->refused++;
    else
        result->failed++;
}

/* Not answered: it took at least as long as anyone would have waited. */
static void note_loss(generator *self, uint64_t due_ns, bool is_timeout)
{
    if (!is_measured(self, due_ns))
        return;
    self->result.due++;
    mw_load_note(&self->result.latency, self->timeout_ns);
    if (is_timeout)
        self->result.timeouts++;
    else
        self->result.broken++;
}

/* ---- connections ----------------------------------------------------------------------------- */

/* Free ones take turns, so that all of them are used at any rate. */
static void put_free(generator *self, load_call *call)
{
    call->state = CALL_FREE;
    if (call->is_listed)
        return;
    call->is_listed = true;
    call->next_free = NULL;
    if (self->last_free)
        self->last_free->next_free = call;
    else
        self->first_free = call;
    self->last_free = call;
}

static load_call *take_free(generator *self)
{
    for (;;) {
        load_call *call = self->first_free;
        if (!call)
            return NULL;
        self->first_free = call->next_free;
        if (!self->first_free)
            self->last_free = NULL;
        call->is_listed = false;
        if (call->state == CALL_FREE)
            return call;
    }
}

static void close_call(generator *self, load_call *call, uint64_t now_ns)
{
    if (call->state == CALL_BUSY)
        self->n_busy--;
    mw_stream_close(&call->stream);
    call->state = CALL_CLOSED;
    call->reopen_ns = now_ns + REOPEN_NS;
}

static mw_status open_call(generator *self, load_call *call, mw_error *err)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = call};
    MW_TRY(mw_stream_open(self->options->dial, &call->stream, err));
    call->state = CALL_CONNECTING;
    if (epoll_ctl(self->epoll, EPOLL_CTL_ADD, call->stream.fd, &event) == 0)
        return MW_OK;
    int reason = errno;
    mw_stream_close(&call->stream);
    call->state = CALL_CLOSED;
    mw_fail(err, MW_E_SYSTEM, "cannot watch a connection: %s", strerror(reason));
    return mw_mend(err, "allow the process more open files (ulimit -n)");
}

static void lose_call(generator *self, load_call *call, uint64_t now_ns)
{
    if (call->state == CALL_BUSY)
        note_loss(self, call->due_ns, false);
    close_call(self, call, now_ns);
}

/* ---- sending and receiving ------------------------------------------------------------------- */

static void go_on_sending(generator *self, load_call *call, uint64_t now_ns)
{
    while (call->unsent.size > 0) {
        ssize_t n = mw_stream_send(&call->stream, call->unsent.data, call->unsent.size);
        if (n <= 0) {
            if (n != MW_STREAM_AGAIN)
                lose_call(self, call, now_ns);
            return;
        }
        call->unsent.data += n;
        call->unsent.size -= (size_t)n;
    }
}

static void begin_request(generator *self, load_call *call, uint64_t due_ns, uint64_t now_ns)
{
    const mw_load_options *options = self->options;
    call->state = CALL_BUSY;
    call->due_ns = due_ns;
    call->unsent = options->requests[self->next_request];
    self->next_request = (self->next_request + 1) % options->n_requests;
    self->n_busy++;
    mw_answer_counter_begin(call->counter);
    go_on_sending(self, call, now_ns);
}

/* A connection is free: whoever waits longest is sent; in a closed loop the next one at once. */
static void use_free(generator *self, load_call *call, uint64_t now_ns)
{
    if (self->line.count > 0)
        begin_request(self, call, line_pop(&self->line), now_ns);
    else if (self->rps == 0 && now_ns < self->end_ns)
        begin_request(self, call, now_ns, now_ns);
    else
        put_free(self, call);
}

static void finish_request(generator *self, load_call *call, uint64_t now_ns)
{
    note_answer(self, call, now_ns);
    if (mw_answer_counter_closes(call->counter)) {
        close_call(self, call, now_ns);
        call->reopen_ns = now_ns;
        return;
    }
    self->n_busy--;
    use_free(self, call, now_ns);
}

/* Take what came. A free connection that speaks or ends is made anew. */
static void take_bytes(generator *self, load_call *call, size_t size)
{
    uint64_t now_ns = mw_clock_ns();
    size_t used = 0;
    mw_answer_event event = MW_ANSWER_BROKEN;
    if (call->state == CALL_BUSY)
        event = size > 0
                    ? mw_answer_counter_take(call->counter, (mw_view){self->bytes, size}, &used)
                    : mw_answer_counter_end(call->counter);
    if (event == MW_ANSWER_WHOLE && used == size)
        finish_request(self, call, now_ns);
    else if (event != MW_ANSWER_MORE)
        lose_call(self, call, now_ns);
}

static void receive(generator *self, load_call *call)
{
    while (call->stream.fd >= 0) {
        ssize_t n = mw_stream_receive(&call->stream, self->bytes, READ_BYTES);
        if (n == MW_STREAM_AGAIN)
            return;
        if (n < 0) {
            lose_call(self, call, mw_clock_ns());
            return;
        }
        take_bytes(self, call, (size_t)n);
        if (n < READ_BYTES && n > 0 && !call->stream.ssl)
            return; /* that was all; more would bring another event */
    }
}

static void on_event(generator *self, load_call *call, uint32_t events)
{
    uint64_t now_ns = mw_clock_ns();
    if (call->state == CALL_CONNECTING && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) {
        int reason = 0;
        socklen_t size = sizeof reason;
        getsockopt(call->stream.fd, SOL_SOCKET, SO_ERROR, &reason, &size);
        if (reason != 0 || (events & (EPOLLERR | EPOLLHUP))) {
            close_call(self, call, now_ns);
            return;
        }
        use_free(self, call, now_ns);
        return;
    }
    /* with TLS sending may have waited for bytes to read */
    if (call->state == CALL_BUSY && ((events & EPOLLOUT) || call->stream.ssl))
        go_on_sending(self, call, now_ns);
    if (call->stream.fd >= 0 &&
        (call->stream.ssl || (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))))
        receive(self, call);
}

/* ---- time ------------------------------------------------------------------------------------ */

/* Send what is due. False when more wait than there is memory for. */
static bool send_due(generator *self, uint64_t now_ns)
{
    if (self->rps == 0)
        return true;
    while (self->next_due_ns <= now_ns && self->next_due_ns < self->end_ns) {
        uint64_t due_ns = self->next_due_ns;
        load_call *call = take_free(self);
        self->next_due_ns += next_gap_ns(self);
        if (call) {
            if (is_measured(self, due_ns))
                mw_load_note(&self->lag, now_ns - due_ns);
            begin_request(self, call, due_ns, now_ns);
        } else if (!line_push(&self->line, due_ns)) {
            return false;
        }
    }
    return true;
}

/* Give up what nobody would wait for any more, and mend connections. */
static void sweep(generator *self, uint64_t now_ns)
{
    mw_error ignored;
    self->next_sweep_ns = now_ns + SWEEP_NS;
    while (self->line.count > 0 && self->line.due_ns[self->line.begin] + self->timeout_ns <= now_ns)
        note_loss(self, line_pop(&self->line), true);
    for (unsigned i = 0; i < self->n_calls; i++) {
        load_call *call = &self->calls[i];
        if (call->state == CALL_BUSY && call->due_ns + self->timeout_ns <= now_ns) {
            note_loss(self, call->due_ns, true);
            close_call(self, call, now_ns);
            call->reopen_ns = now_ns;
        }
        if (call->state == CALL_CLOSED && call->reopen_ns <= now_ns &&
            open_call(self, call, &ignored) != MW_OK)
            call->reopen_ns = now_ns + REOPEN_NS;
    }
}

/* Wait for events until `until_ns`, to the microsecond where the kernel can (Linux 5.11). */
static int wait_events(generator *self, struct epoll_event *events, uint64_t until_ns)
{
    uint64_t now_ns = mw_clock_ns();
    uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
#ifdef SYS_epoll_pwait2
    struct timespec left = {(time_t)(left_ns / NS_PER_SECOND), (long)(left_ns % NS_PER_SECOND)};
    int n = (int)syscall(SYS_epoll_pwait2, self->epoll, events, EVENTS_MAX, &left, NULL, (size_t)0);
    if (n >= 0 || errno != ENOSYS)
        return n;
#endif
    return epoll_wait(self->epoll, events, EVENTS_MAX, (int)(left_ns / NS_PER_MS));
}

static uint64_t next_wake_ns(const generator *self, uint64_t now_ns)
{
    uint64_t wake_ns = self->next_sweep_ns;
    if (self->rps > 0 && self->next_due_ns < self->end_ns && self->next_due_ns < wake_ns)
        wake_ns = self->next_due_ns;
    return wake_ns > now_ns ? wake_ns : now_ns;
}

static bool is_over(const generator *self, uint64_t now_ns)
{
    if (now_ns < self->end_ns)
        return false;
    return (self->n_busy == 0 && self->line.count == 0) ||
           now_ns >= self->end_ns + self->timeout_ns + SWEEP_NS;
}

static mw_status fail_line(const generator *self, mw_error *err)
{
    mw_fail(err, MW_E_LOAD_NOTHING, "%zu requests wait to be sent", self->line.count);
    return mw_mend(err, "ask for a lower rate, or a shorter --timeout");
}

/* What still waits when time is up has not been answered. */
static void give_up_rest(generator *self)
{
    while (self->line.count > 0)
        note_loss(self, line_pop(&self->line), true);
    for (unsigned i = 0; i < self->n_calls; i++)
        if (self->calls[i].state == CALL_BUSY)
            note_loss(self, self->calls[i].due_ns, true);
}

static mw_status run_loop(generator *self, mw_error *err)
{
    struct epoll_event events[EVENTS_MAX];
    for (;;) {
        uint64_t now_ns = mw_clock_ns();
        if (is_over(self, now_ns))
            break;
        if (!send_due(self, now_ns))
            return fail_line(self, err);
        if (now_ns >= self->next_sweep_ns) {
            sweep(self, now_ns);
            if (self->options->is_stopped && self->options->is_stopped()) {
                mw_fail(err, MW_E_INTERRUPTED, "interrupted");
                return mw_mend(err, "run it again to measure");
            }
        }
        int n = wait_events(self, events, next_wake_ns(self, now_ns));
        for (int i = 0; i < n; i++)
            on_event(self, events[i].data.ptr, events[i].events);
    }
    give_up_rest(self);
    return MW_OK;
}

/* ---- one thread ------------------------------------------------------------------------------ */

static uint64_t thread_cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * NS_PER_SECOND + (uint64_t)used.tv_nsec;
}

static mw_status set_up(generator *self, mw_error *err)
{
    self->bytes = malloc(READ_BYTES);
    self->calls = calloc(self->n_calls, sizeof *self->calls);
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!self->bytes || !self->calls)
        return mw_fail_memory(err, "the load generator");
    if (self->epoll < 0) {
        mw_fail(err, MW_E_SYSTEM, "cannot watch connections: %s", strerror(errno));
        return mw_mend(err, "allow the process more open files (ulimit -n)");
    }
    for (unsigned i = 0; i < self->n_calls; i++)
        self->calls[i].stream.fd = -1;
    for (unsigned i = 0; i < self->n_calls; i++) {
        self->calls[i].counter = mw_answer_counter_new();
        if (!self->calls[i].counter)
            return mw_fail_memory(err, "the load generator");
        MW_TRY(open_call(self, &self->calls[i], err));
    }
    return MW_OK;
}

static void tear_down(generator *self)
{
    for (unsigned i = 0; self->calls && i < self->n_calls; i++) {
        mw_stream_close(&self->calls[i].stream);
        mw_answer_counter_free(self->calls[i].counter);
    }
    if (self->epoll >= 0)
        close(self->epoll);
    free(self->calls);
    free(self->line.due_ns);
    free(self->bytes);
}

static void *run_generator(void *given)
{
    generator *self = given;
    prctl(PR_SET_TIMERSLACK, SLACK_NS);
    self->status = set_up(self, &self->err);
    if (self->status == MW_OK) {
        uint64_t cpu_ns = thread_cpu_ns(), began_ns = mw_clock_ns();
        self->next_due_ns = self->begin_ns + (self->rps > 0 ? next_gap_ns(self) : 0);
        self->status = run_loop(self, &self->err);
        uint64_t took_ns = mw_clock_ns() - began_ns;
        self->result.generator_busy =
            took_ns > 0 ? (double)(thread_cpu_ns() - cpu_ns) / (double)took_ns : 0;
    }
    tear_down(self);
    return NULL;
}

/* ---- all threads ----------------------------------------------------------------------------- */

static void init_generator(generator *self, const mw_load_options *options, unsigned number,
                           double rps, double warm_s, double measured_s)
{
    uint64_t now_ns = mw_clock_ns();
    unsigned n_threads = options->n_threads;
    self->options = options;
    self->rps = rps / n_threads;
    self->begin_ns = now_ns;
    self->measure_ns = now_ns + (uint64_t)(warm_s * (double)NS_PER_SECOND);
    self->end_ns = self->measure_ns + (uint64_t)(measured_s * (double)NS_PER_SECOND);
    self->timeout_ns = options->timeout_ms * NS_PER_MS;
    self->epoll = -1;
    self->n_calls =
        options->n_connections / n_threads + (number < options->n_connections % n_threads ? 1 : 0);
    self->random = (options->seed + number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    self->next_request = options->n_requests * number / n_threads;
}

static void add_result(mw_load_result *into, const mw_load_result *from)
{
    into->due += from->due;
    into->ok += from->ok;
    into->refused += from->refused;
    into->failed += from->failed;
    into->timeouts += from->timeouts;
    into->broken += from->broken;
    into->status = from->status ? from->status : into->status;
    into->generator_busy = fmax(into->generator_busy, from->generator_busy);
    mw_load_merge(&into->latency, &from->latency);
}

static mw_status run_all(generator *generators, unsigned n_threads, mw_error *err)
{
    mw_status status = MW_OK;
    for (unsigned i = 0; i < n_threads; i++) {
        int reason = pthread_create(&generators[i].thread, NULL, run_generator, &generators[i]);
        generators[i].is_running = reason == 0;
        if (reason != 0 && status == MW_OK) {
            mw_fail(err, MW_E_SYSTEM, "cannot start a thread: %s", strerror(reason));
            status = mw_mend(err, "allow the process more threads or memory");
        }
    }
    for (unsigned i = 0; i < n_threads; i++) {
        if (!generators[i].is_running)
            continue;
        pthread_join(generators[i].thread, NULL);
        if (status == MW_OK && generators[i].status != MW_OK) {
            *err = generators[i].err;
            status = generators[i].status;
        }
    }
    return status;
}

mw_status mw_load_run(const mw_load_options *options, double rps, double warm_s, double measured_s,
                      mw_load_result *ret_result, mw_error *err)
{
    assert(options->n_requests > 0 && options->n_threads > 0 &&
           options->n_connections >= options->n_threads);
    generator *generators = calloc(options->n_threads, sizeof *generators);
    if (!generators)
        return mw_fail_memory(err, "the load generator");
    for (unsigned i = 0; i < options->n_threads; i++)
        init_generator(&generators[i], options, i, rps, warm_s, measured_s);
    mw_status status = run_all(generators, options->n_threads, err);
    memset(ret_result, 0, sizeof *ret_result);
    mw_load_histogram *lag = &generators[0].lag;
    for (unsigned i = 0; i < options->n_threads; i++) {
        add_result(ret_result, &generators[i].result);
        if (i > 0)
            mw_load_merge(lag, &generators[i].lag);
    }
    ret_result->offered_rps = rps;
    ret_result->seconds = measured_s;
    ret_result->generator_lag_ns = mw_load_quantile(lag, 0.99);
    free(generators);
    return status;
}
