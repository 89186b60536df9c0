/* The server: options, the listener, its loops from start to close. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "loop.h"

enum { HEAD_BYTES_MAX = 1024 * 1024 };

void mw_server_options_init(mw_server_options *options)
{
    *options = (mw_server_options){
        .listen = "127.0.0.1:8080",
        .n_loops = 1,
        .max_head_bytes = MW_LIMIT_HEAD_BYTES,
        .max_target_bytes = MW_LIMIT_TARGET_BYTES,
        .max_headers = MW_LIMIT_HEADERS,
        .max_body_bytes = MW_LIMIT_BODY_BYTES,
        .max_reply_bytes = MW_LIMIT_REPLY_BYTES,
        .max_connections = MW_LIMIT_CONNECTIONS,
        .head_ms = MW_LIMIT_HEAD_MS,
        .body_ms = MW_LIMIT_BODY_MS,
        .idle_ms = MW_LIMIT_IDLE_MS,
        .write_ms = MW_LIMIT_WRITE_MS,
    };
}

/* ---- open ------------------------------------------------------------------------------------ */

static mw_status check_options(const mw_server_options *options, mw_error *err)
{
    const char *wrong = NULL;
    if (!options->handler)
        wrong = "no handler is given";
    else if (options->listeners &&
             (options->n_listeners == 0 || options->n_listeners > MW_LIMIT_LISTENERS))
        wrong = "the number of listeners is outside 1..64";
    else if (options->n_loops == 0 || options->n_loops > MW_LIMIT_THREADS)
        wrong = "the number of loops is outside 1..256";
    else if (options->max_head_bytes == 0 || options->max_head_bytes > HEAD_BYTES_MAX)
        wrong = "the head limit is outside 1 byte..1 MiB";
    else if (options->max_headers == 0 || options->max_headers > options->max_head_bytes)
        wrong = "the limit of header lines is 0, or larger than that of their bytes";
    else if (options->max_connections == 0)
        wrong = "the limit of connections is 0";
    else if (options->head_ms == 0 || options->body_ms == 0 || options->idle_ms == 0 ||
             options->write_ms == 0)
        wrong = "a time-out is 0";
    if (!wrong)
        return MW_OK;
    mw_fail(err, MW_E_SERVER_OPTION, "%s", wrong);
    return mw_mend(err, "give a value within the range");
}

static void init_locks(mw_server *server)
{
    pthread_mutex_init(&server->lock, NULL);
    mw_condition_init(&server->changed);
    pthread_rwlock_init(&server->accepting, NULL);
}

static mw_status init_loops(mw_server *server, mw_error *err)
{
    unsigned n_loops = server->options.n_loops;
    size_t bytes = n_loops * sizeof(net_loop);
    if (posix_memalign((void **)&server->loops, _Alignof(net_loop), bytes) != 0)
        return mw_fail_memory(err, "the server's loops");
    memset(server->loops, 0, bytes);
    for (unsigned i = 0; i < n_loops; i++)
        server->loops[i].epoll_fd = server->loops[i].wake_fd = -1;
    if (!net_hold_spare(server)) {
        mw_fail(err, MW_E_SOCKET, "cannot open a descriptor to hold in reserve: %s",
                strerror(errno));
        return mw_mend(err, "raise the limit of open files (ulimit -n)");
    }
    for (unsigned i = 0; i < n_loops; i++)
        MW_TRY(net_loop_init(&server->loops[i], server, i, err));
    atomic_store(&server->n_listening, n_loops);
    return MW_OK;
}

static mw_status open_listeners(mw_server *server, const mw_server_options *options, mw_error *err)
{
    const mw_listener one = {.address = options->listen};
    const mw_listener *wanted = options->listeners ? options->listeners : &one;
    size_t n_wanted = options->listeners ? options->n_listeners : 1;
    server->listeners = calloc(n_wanted, sizeof *server->listeners);
    if (!server->listeners)
        return mw_fail_memory(err, "the listeners");
    server->has_listeners = true;
    for (size_t i = 0; i < n_wanted; i++) {
        if (wanted[i].tls && !options->tls) {
            mw_fail(err, MW_E_TLS_OPTION, "%s is to speak TLS, and there is no certificate",
                    wanted[i].address);
            return mw_mend(err, "give a certificate and its key, or leave ',tls' out");
        }
        MW_TRY(net_listener_open(&server->listeners[i], &wanted[i], err));
        server->n_listeners++;
    }
    return MW_OK;
}

static void close_listeners(mw_server *server)
{
    for (size_t i = 0; i < server->n_listeners; i++)
        net_listener_close(&server->listeners[i]);
    free(server->listeners);
}

mw_status mw_server_open(const mw_server_options *options, mw_server **ret_server, mw_error *err)
{
    MW_TRY(check_options(options, err));
    mw_server *server = calloc(1, sizeof *server);
    if (!server)
        return mw_fail_memory(err, "the server");
    server->options = *options;
    server->options.listen = NULL; /* the caller's text may go away */
    server->options.listeners = NULL;
    server->head_limits =
        (net_head_limits){options->max_head_bytes, options->max_target_bytes, options->max_headers};
    init_locks(server);
    server->spare_fd = -1;
    mw_status status = open_listeners(server, options, err);
    if (status == MW_OK)
        status = init_loops(server, err);
    if (status != MW_OK) {
        mw_server_close(server);
        return status;
    }
    *ret_server = server;
    return MW_OK;
}

const char *mw_server_address(const mw_server *server)
{
    return server->listeners[0].address;
}

const mw_listener *mw_server_listener(const mw_server *server, size_t i)
{
    return i < server->n_listeners ? &server->listeners[i].shown : NULL;
}

/* ---- start ----------------------------------------------------------------------------------- */

static int start_loops(mw_server *server)
{
    int failed = 0;
    for (unsigned i = 0; i < server->options.n_loops && failed == 0; i++) {
        char name[24];
        net_loop *loop = &server->loops[i];
        snprintf(name, sizeof name, "mw-loop-%u", i);
        failed = mw_thread_start(&loop->thread, name, net_loop_run, loop);
        if (failed == 0)
            atomic_fetch_add(&server->n_started, 1); /* its thread can be asked from now on */
    }
    return failed;
}

mw_status mw_server_start(mw_server *server, mw_error *err)
{
    int failed = start_loops(server);
    if (failed == 0)
        return MW_OK;
    mw_fail(err, MW_E_SOCKET, "cannot start a thread: %s", strerror(failed));
    return mw_mend(err, "use fewer threads, or raise the limit of processes (ulimit -u)");
}

/* ---- news ------------------------------------------------------------------------------------ */

void mw_server_announce(mw_server *server)
{
    atomic_fetch_add(&server->n_news, 1);
    if (atomic_load(&server->n_waiting) == 0)
        return; /* a call that begins to wait has looked at what is, or is asked once more */
    for (unsigned i = 0; i < server->options.n_loops; i++)
        net_loop_post(&server->loops[i], NULL);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void enter_phase(mw_server *server, net_phase phase)
{
    atomic_store(&server->phase, (int)phase);
    for (unsigned i = 0; i < server->n_started; i++)
        net_loop_post(&server->loops[i], NULL);
}

static size_t count_connections(const mw_server *server)
{
    size_t n = 0;
    for (unsigned i = 0; i < server->options.n_loops; i++)
        n += atomic_load(&server->loops[i].n_connections);
    return n;
}

static bool is_drained(const mw_server *server)
{
    return !server->has_listeners && count_connections(server) == 0;
}

size_t mw_server_drain(mw_server *server, unsigned seconds)
{
    if (server->n_started == 0)
        return 0;
    struct timespec until = mw_moment_in((int64_t)seconds * 1000);
    enter_phase(server, NET_DRAINING);
    pthread_mutex_lock(&server->lock);
    while (!is_drained(server) &&
           pthread_cond_timedwait(&server->changed, &server->lock, &until) != ETIMEDOUT)
        continue;
    pthread_mutex_unlock(&server->lock);
    enter_phase(server, NET_STOPPING);
    pthread_mutex_lock(&server->lock);
    while (server->n_emptied < server->n_started)
        pthread_cond_wait(&server->changed, &server->lock);
    pthread_mutex_unlock(&server->lock);
    return atomic_load(&server->n_cut);
}

void mw_server_close(mw_server *server)
{
    if (!server)
        return;
    if (server->n_started > 0) {
        enter_phase(server, NET_STOPPING);
        for (unsigned i = 0; i < server->n_started; i++)
            pthread_join(server->loops[i].thread, NULL);
    }
    for (unsigned i = 0; server->loops && i < server->options.n_loops; i++)
        net_loop_done(&server->loops[i]);
    close_listeners(server);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    pthread_rwlock_destroy(&server->accepting);
    if (server->spare_fd >= 0)
        close(server->spare_fd);
    free(server->loops);
    free(server);
}

/* ---- counts ---------------------------------------------------------------------------------- */

void mw_server_count(const mw_server *server, mw_server_counts *ret_counts)
{
    mw_server_counts sum = {0};
    for (unsigned i = 0; i < server->options.n_loops; i++) {
        const net_loop *loop = &server->loops[i];
        const net_counts *counts = &loop->counts;
        sum.accepted += atomic_load_explicit(&counts->accepted, memory_order_relaxed);
        sum.refused += atomic_load_explicit(&counts->refused, memory_order_relaxed);
        sum.requests += atomic_load_explicit(&counts->requests, memory_order_relaxed);
        sum.bytes_in += atomic_load_explicit(&counts->bytes_in, memory_order_relaxed);
        sum.bytes_out += atomic_load_explicit(&counts->bytes_out, memory_order_relaxed);
        sum.timeouts += atomic_load_explicit(&counts->timeouts, memory_order_relaxed);
        sum.faults += atomic_load_explicit(&counts->faults, memory_order_relaxed);
        sum.tls_handshakes += atomic_load_explicit(&counts->tls_handshakes, memory_order_relaxed);
        sum.tls_resumed += atomic_load_explicit(&counts->tls_resumed, memory_order_relaxed);
        sum.tls_failed += atomic_load_explicit(&counts->tls_failed, memory_order_relaxed);
        sum.in_flight += atomic_load_explicit(&counts->in_flight, memory_order_relaxed);
        sum.connections += atomic_load_explicit(&loop->n_connections, memory_order_relaxed);
    }
    *ret_counts = sum;
}

unsigned mw_server_loops(const mw_server *server)
{
    return server->options.n_loops;
}

void mw_server_count_loop(const mw_server *server, unsigned i, mw_loop_counts *ret_counts)
{
    const net_loop *loop = &server->loops[i];
    clockid_t clock;
    struct timespec cpu = {0};
    if (i < server->n_started && pthread_getcpuclockid(loop->thread, &clock) == 0)
        clock_gettime(clock, &cpu);
    *ret_counts = (mw_loop_counts){
        .busy_ns = atomic_load_explicit(&loop->counts.busy_ns, memory_order_relaxed),
        .cpu_ns = (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec};
}
