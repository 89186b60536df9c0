/* Clients: each a thread with one kept-alive connection and a steady pace. */
#include "clients.h"
#include "demo.h"

enum {
    CALL_TIMEOUT_MS = 5000,
    BEHIND_MAX_NS = 500000000, /* further behind, the pace starts anew instead of racing */
    ROWS_MAX = 4               /* a request */
};

#define REQUEST_BYTES_MAX (4 * MW_MIB)
#define NS_PER_SECOND UINT64_C(1000000000)

typedef struct client {
    demo_traffic *traffic;
    demo_tally *tally;
    mw_client *connection; /* NULL: to be opened */
    mw_buf path, body;
    uint64_t random;
} client;

/* xorshift64: seeded, so that every demo sends the same requests. */
static uint64_t next_random(client *self)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return self->random;
}

static void note_fault(client *self, const char *path, const char *what, const char *detail)
{
    demo_traffic *traffic = self->traffic;
    atomic_fetch_add_explicit(&self->tally->errors, 1, memory_order_relaxed);
    pthread_mutex_lock(&traffic->lock);
    if (!traffic->first_fault[0])
        snprintf(traffic->first_fault, sizeof traffic->first_fault, "%s: %s%.300s", path, what,
                 detail);
    pthread_mutex_unlock(&traffic->lock);
}

static void count_predictions(client *self, size_t number, const demo_example *example, size_t row,
                              size_t n_rows)
{
    for (size_t i = row; i < row + n_rows; i++) {
        size_t bin = demo_bin(example, example->expected + i * example->n_outputs);
        atomic_fetch_add_explicit(&self->tally->predictions[number][bin], 1, memory_order_relaxed);
    }
}

/* Send one request and judge the answer. */
static void call_once(client *self)
{
    const demo_examples *examples = self->traffic->examples;
    size_t number = next_random(self) % examples->count;
    const demo_example *example = &examples->of[number];
    size_t n_rows = 1 + next_random(self) % ROWS_MAX;
    if (n_rows > example->rows.n_rows)
        n_rows = example->rows.n_rows;
    size_t row = next_random(self) % (example->rows.n_rows - n_rows + 1);
    demo_protocol protocol = (demo_protocol)(next_random(self) % DEMO_N_PROTOCOLS);
    mw_buf_reset(&self->path);
    mw_buf_reset(&self->body);
    demo_write_request(protocol, example, row, n_rows, &self->path, &self->body);

    mw_error err;
    int status = 0;
    mw_view answer = {NULL, 0};
    uint64_t began = mw_clock_ns();
    mw_status called = mw_client_call(self->connection, "POST", self->path.data, "application/json",
                                      mw_buf_as_view(&self->body), &status, &answer, &err);
    uint64_t took = mw_clock_ns() - began;
    atomic_fetch_add_explicit(&self->tally->requests, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&self->tally->latency[demo_latency_bin(took)], 1,
                              memory_order_relaxed);
    char detail[300];
    snprintf(detail, sizeof detail, "%.*s", answer.size > 250 ? 250 : (int)answer.size,
             answer.data ? answer.data : "");
    if (called != MW_OK) {
        note_fault(self, self->path.data, "", err.what);
        mw_client_close(self->connection);
        self->connection = NULL;
    } else if (status != 200)
        note_fault(self, self->path.data, "not 200: ", detail);
    else if (!demo_answer_is_right(answer, example, row, n_rows))
        note_fault(self, self->path.data, "not the expected prediction: ", detail);
    else
        count_predictions(self, number, example, row, n_rows);
}

static bool connect_client(client *self)
{
    mw_error err;
    if (self->connection)
        return true;
    if (mw_client_open(self->traffic->address, CALL_TIMEOUT_MS, &self->connection, &err) == MW_OK)
        return true;
    self->connection = NULL;
    atomic_fetch_add_explicit(&self->tally->requests, 1, memory_order_relaxed);
    note_fault(self, self->traffic->address, "", err.what);
    return false;
}

static void *run_client(void *given)
{
    cli_client_start start = *(cli_client_start *)given;
    demo_traffic *traffic = start.traffic;
    free(given);
    client self = {.traffic = traffic,
                   .tally = &traffic->tallies[start.number],
                   .random = UINT64_C(0x9e3779b97f4a7c15) * (start.number + 1)};
    mw_buf_init(&self.path, 4096);
    mw_buf_init(&self.body, REQUEST_BYTES_MAX);
    uint64_t gap = NS_PER_SECOND * DEMO_CLIENTS / self.traffic->requests_a_second;
    uint64_t due = mw_clock_ns() + gap * start.number / DEMO_CLIENTS;
    while (!atomic_load(&self.traffic->stopping)) {
        uint64_t now = mw_clock_ns();
        if (now < due)
            cli_sleep_until(due);
        else if (now - due > BEHIND_MAX_NS)
            due = now;
        due += gap;
        if (connect_client(&self))
            call_once(&self);
        else
            cli_sleep_until(mw_clock_ns() + NS_PER_SECOND / 10);
    }
    mw_client_close(self.connection);
    mw_buf_done(&self.path);
    mw_buf_done(&self.body);
    return NULL;
}

mw_status demo_traffic_start(demo_traffic *traffic, const demo_examples *examples,
                             const char *address, uint64_t requests_a_second, mw_error *err)
{
    memset(traffic, 0, sizeof *traffic);
    traffic->examples = examples;
    traffic->address = address;
    traffic->requests_a_second = requests_a_second;
    pthread_mutex_init(&traffic->lock, NULL);
    mw_status status = cli_clients_start(traffic->threads, DEMO_CLIENTS, run_client, traffic,
                                         &traffic->n_threads, err);
    if (status != MW_OK)
        demo_traffic_stop(traffic);
    return status;
}

void demo_traffic_stop(demo_traffic *traffic)
{
    atomic_store(&traffic->stopping, true);
    cli_clients_join(traffic->threads, &traffic->n_threads);
    pthread_mutex_destroy(&traffic->lock);
}
