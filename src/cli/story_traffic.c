/* Applicants of the simulated lender: each asks for a prediction; what came true of it is told to
 * the rollout that the answer was part of. */
#include "clients.h"
#include "story.h"

#include <stdlib.h>
#include <time.h>

#define NS_PER_SECOND UINT64_C(1000000000)

enum {
    REQUESTS_A_SECOND = 450, /* of all clients */
    CALL_MS = 5000,
    OUTCOMES = 40, /* are told together */
    FILE_BYTES_MAX = 16 << 20,
    BODY_BYTES_MAX = 1 << 16
};

typedef struct applicant_client {
    story_traffic *traffic;
    mw_client *connection; /* NULL: to be opened */
    uint64_t random;
    mw_buf body, outcomes;
    size_t n_outcomes;
    long rollout; /* of the outcomes that wait */
} applicant_client;

/* ---- rows ------------------------------------------------------------------------------------ */

static bool read_number(mw_view text, double *ret_value)
{
    return text.size > 0 && mw_number_parse(text.data, text.size, ret_value);
}

static bool read_row(mw_view line, story_row *row, char *group)
{
    for (size_t i = 0; i < STORY_INPUTS; i++)
        if (!read_number(mw_view_cut(&line, ','), &row->inputs[i]))
            return false;
    mw_view name = mw_view_cut(&line, ',');
    *group = name.size ? name.data[0] : '?';
    return read_number(mw_view_trim(line), &row->repaid);
}

static mw_status read_lines(mw_view text, const char *path, story_row *rows, char *groups,
                            size_t *ret_count, mw_error *err)
{
    size_t n = 0;
    mw_view_cut(&text, '\n'); /* names of columns */
    while (text.size > 0) {
        char group;
        mw_view line = mw_view_cut(&text, '\n');
        if (!read_row(line, &rows[n], &group)) {
            mw_fail(err, MW_E_DEMO_FAILED, "line %zu is no row of the lender", n + 2);
            return mw_at(err, "%s", path);
        }
        if (groups)
            groups[n] = group;
        n++;
    }
    *ret_count = n;
    return MW_OK;
}

mw_status story_read_rows(const char *path, story_row **ret_rows, char **ret_groups,
                          size_t *ret_count, mw_error *err)
{
    mw_file file;
    size_t n = 1;
    MW_TRY(mw_file_read(path, FILE_BYTES_MAX, &file, err));
    for (size_t i = 0; i < file.size; i++)
        n += file.data[i] == '\n';
    story_row *rows = calloc(n, sizeof *rows);
    char *groups = ret_groups ? calloc(n, 1) : NULL;
    mw_status status =
        rows && (groups || !ret_groups)
            ? read_lines((mw_view){file.data, file.size}, path, rows, groups, ret_count, err)
            : mw_fail_memory(err, "the applicants");
    mw_file_done(&file);
    if (status != MW_OK) {
        free(rows);
        free(groups);
        return status;
    }
    *ret_rows = rows;
    if (ret_groups)
        *ret_groups = groups;
    return MW_OK;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* xorshift64: seeded, so that every demo sends the same applicants. */
static uint64_t next_random(applicant_client *self)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return self->random;
}

static void write_request(applicant_client *self, const story_row *row)
{
    mw_buf *body = &self->body;
    bool is_poorer = atomic_load_explicit(&self->traffic->is_poorer, memory_order_relaxed);
    mw_buf_reset(body);
    mw_buf_text(body, "{\"dataframe_split\":{\"columns\":[\"income\",\"debt\",\"late_payments\","
                      "\"years_employed\",\"district\",\"bureau\"],\"data\":[[");
    for (size_t i = 0; i < STORY_INPUTS; i++) {
        mw_buf_text(body, i ? "," : "");
        mw_json_write_double(body, i == 0 && is_poorer ? 0.6 * row->inputs[i] : row->inputs[i]);
    }
    mw_buf_text(body, "]]}}");
}

/* {"predictions":[0.7]} */
static bool read_score(mw_view answer, double *ret_score)
{
    mw_json *root;
    mw_error none;
    if (mw_json_read(answer, &root, &none) != MW_OK)
        return false;
    const mw_json *list = mw_json_member(root, "predictions");
    bool is_read = mw_json_number(mw_json_element(list, 0), ret_score);
    mw_json_free(root);
    return is_read;
}

static void tell_outcomes(applicant_client *self)
{
    char path[64];
    int status;
    mw_view answer;
    mw_error none;
    if (self->n_outcomes > 0 && self->rollout > 0) {
        snprintf(path, sizeof path, "/mw/v1/rollouts/%ld/outcomes", self->rollout);
        mw_buf_text(&self->outcomes, "]}");
        if (mw_client_call(self->connection, "POST", path, "application/json",
                           mw_buf_as_view(&self->outcomes), &status, &answer, &none) == MW_OK &&
            status == 200)
            atomic_fetch_add(&self->traffic->labels, self->n_outcomes);
    }
    mw_buf_reset(&self->outcomes);
    self->n_outcomes = 0;
}

/* The nearer the prediction was to what came true, the better: 1 - (y - p)^2. */
static void note_outcome(applicant_client *self, uint64_t version, double score, double repaid)
{
    long rollout = atomic_load(&self->traffic->rollout);
    if (rollout != self->rollout)
        tell_outcomes(self);
    self->rollout = rollout;
    if (rollout == 0)
        return;
    mw_buf_format(&self->outcomes, "%s{\"version\":%llu,\"value\":%.6f}",
                  self->n_outcomes ? "," : "{\"items\":[", (unsigned long long)version,
                  1 - (repaid - score) * (repaid - score));
    if (++self->n_outcomes == OUTCOMES)
        tell_outcomes(self);
}

static void note_fault(story_traffic *traffic, int status, mw_view answer, const mw_error *err)
{
    atomic_fetch_add(&traffic->errors, 1);
    pthread_mutex_lock(&traffic->lock);
    if (!traffic->first_fault[0] && err)
        snprintf(traffic->first_fault, sizeof traffic->first_fault, "%s", err->what);
    else if (!traffic->first_fault[0])
        snprintf(traffic->first_fault, sizeof traffic->first_fault, "%d: %.*s", status,
                 answer.size > 200 ? 200 : (int)answer.size, answer.data ? answer.data : "");
    pthread_mutex_unlock(&traffic->lock);
}

static void ask_once(applicant_client *self)
{
    story_traffic *traffic = self->traffic;
    const story_row *row = &traffic->rows[next_random(self) % traffic->n_rows];
    int status = 0;
    double score;
    mw_view answer;
    mw_error none;
    uint64_t version = 0;
    write_request(self, row);
    mw_status called =
        mw_client_call(self->connection, "POST", "/endpoints/credit/invocations",
                       "application/json", mw_buf_as_view(&self->body), &status, &answer, &none);
    if (called != MW_OK) {
        mw_client_close(self->connection);
        self->connection = NULL;
    }
    if (called != MW_OK || status != 200 || !read_score(answer, &score)) {
        note_fault(traffic, status, answer, called == MW_OK ? NULL : &none);
        return;
    }
    bool is_told =
        mw_whole_parse(mw_client_header(self->connection, "X-Millwright-Version"), &version);
    if (!is_told || version >= STORY_VERSIONS)
        version = 0;
    atomic_fetch_add(&traffic->answers[version], 1);
    if (version > 0)
        note_outcome(self, version, score, row->repaid);
}

static void *run_client(void *given)
{
    cli_client_start start = *(cli_client_start *)given;
    story_traffic *traffic = start.traffic;
    free(given);
    mw_error none;
    applicant_client self = {.traffic = traffic,
                             .random = UINT64_C(0x9e3779b97f4a7c15) * (start.number + 1)};
    uint64_t gap = NS_PER_SECOND * STORY_CLIENTS / REQUESTS_A_SECOND, due = mw_clock_ns();
    mw_buf_init(&self.body, BODY_BYTES_MAX);
    mw_buf_init(&self.outcomes, BODY_BYTES_MAX);
    while (!atomic_load(&self.traffic->stopping)) {
        uint64_t now = mw_clock_ns();
        due = now > due + NS_PER_SECOND ? now : due + gap; /* no burst behind a stall */
        cli_sleep_until(due);
        if (!self.connection &&
            mw_client_open(self.traffic->address, CALL_MS, &self.connection, &none) != MW_OK) {
            self.connection = NULL;
            note_fault(self.traffic, 0, (mw_view){NULL, 0}, &none);
            cli_sleep_until(mw_clock_ns() + NS_PER_SECOND / 5);
            continue;
        }
        ask_once(&self);
    }
    mw_client_close(self.connection);
    mw_buf_done(&self.body);
    mw_buf_done(&self.outcomes);
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

mw_status story_traffic_start(story_traffic *traffic, const char *path, const char *address,
                              mw_error *err)
{
    memset(traffic, 0, sizeof *traffic);
    traffic->address = address;
    pthread_mutex_init(&traffic->lock, NULL);
    MW_TRY(story_read_rows(path, &traffic->rows, NULL, &traffic->n_rows, err));
    return cli_clients_start(traffic->threads, STORY_CLIENTS, run_client, traffic,
                             &traffic->n_threads, err);
}

void story_traffic_stop(story_traffic *traffic)
{
    atomic_store(&traffic->stopping, true);
    cli_clients_join(traffic->threads, &traffic->n_threads);
    free(traffic->rows);
    traffic->rows = NULL;
}
