/* A page of metrics becomes a sample. One pass: lines of one endpoint mostly stand together, so the
 * one that was found last is looked at first. */
#include "status.h"

#include <math.h>

/* name{labels} value */
typedef struct page_line {
    mw_view name, labels;
    double value;
} page_line;

static bool read_line(mw_view text, page_line *ret_line)
{
    const char *blank = memrchr(text.data, ' ', text.size);
    if (!blank || text.data[0] == '#')
        return false;
    mw_view head = {text.data, (size_t)(blank - text.data)};
    mw_view number = {blank + 1, text.size - head.size - 1};
    const char *brace = memchr(head.data, '{', head.size);
    *ret_line = (page_line){.name = head, .labels = {"", 0}};
    if (brace) {
        ret_line->name.size = (size_t)(brace - head.data);
        ret_line->labels = (mw_view){brace + 1, head.size - ret_line->name.size - 1};
    }
    if (mw_view_is(number, "+Inf")) {
        ret_line->value = INFINITY;
        return true;
    }
    const char *end =
        mw_number_read(number.data, number.data + number.size, true, &ret_line->value);
    return end == number.data + number.size && head.size > 0;
}

/* The value of a label, as it stands: our own hold nothing that is escaped. */
static mw_view label(const page_line *line, const char *name)
{
    size_t size = strlen(name);
    const char *at = line->labels.data, *end = at + line->labels.size;
    while (at < end) {
        const char *equals = memchr(at, '=', (size_t)(end - at));
        if (!equals || equals + 2 > end || equals[1] != '"')
            break;
        const char *quote = memchr(equals + 2, '"', (size_t)(end - equals - 2));
        if (!quote)
            break;
        if ((size_t)(equals - at) == size && memcmp(at, name, size) == 0)
            return (mw_view){equals + 2, (size_t)(quote - equals) - 2};
        at = quote + 1;
        at += at < end && *at == ',';
    }
    return (mw_view){"", 0};
}

static unsigned number_of(mw_view text)
{
    unsigned number = 0;
    for (size_t i = 0; i < text.size && i < 9; i++)
        if (text.data[i] >= '0' && text.data[i] <= '9')
            number = number * 10 + (unsigned)(text.data[i] - '0');
    return number;
}

/* ---- endpoints ------------------------------------------------------------------------------- */

static bool is_endpoint(const status_endpoint *endpoint, mw_view name, unsigned version)
{
    return endpoint->version == version && mw_view_is(name, endpoint->name);
}

static status_endpoint *add_endpoint(status_sample *sample, mw_arena *arena, mw_view name,
                                     unsigned version)
{
    if (sample->n_endpoints == sample->capacity) {
        size_t capacity = sample->capacity ? 2 * sample->capacity : 16;
        status_endpoint *more = mw_arena_take_zeroed(arena, capacity, sizeof *more);
        if (!more)
            return NULL;
        if (sample->n_endpoints > 0)
            memcpy(more, sample->endpoints, sample->n_endpoints * sizeof *more);
        sample->endpoints = more;
        sample->capacity = capacity;
    }
    status_endpoint *added = &sample->endpoints[sample->n_endpoints++];
    size_t size = name.size < sizeof added->name ? name.size : sizeof added->name - 1;
    memcpy(added->name, name.data, size);
    added->version = version;
    return added;
}

static status_endpoint *find_endpoint(status_sample *sample, mw_arena *arena, const page_line *line,
                                      size_t *last)
{
    mw_view name = label(line, "endpoint");
    unsigned version = number_of(label(line, "version"));
    for (size_t i = 0; i < sample->n_endpoints; i++) {
        size_t at = (*last + i) % sample->n_endpoints;
        if (is_endpoint(&sample->endpoints[at], name, version)) {
            *last = at;
            return &sample->endpoints[at];
        }
    }
    *last = sample->n_endpoints;
    return add_endpoint(sample, arena, name, version);
}

static void take_bucket(status_endpoint *to, const page_line *line)
{
    mw_view le = label(line, "le");
    double bound = INFINITY;
    if (to->n_buckets == STATUS_BUCKETS)
        return;
    if (!mw_view_is(le, "+Inf") && !mw_number_read(le.data, le.data + le.size, false, &bound))
        return;
    to->bounds[to->n_buckets] = bound;
    to->buckets[to->n_buckets++] = line->value;
}

static void take_stage(status_endpoint *to, const page_line *line)
{
    for (mw_stage stage = 0; stage < MW_N_STAGES; stage++)
        if (mw_view_is(label(line, "stage"), mw_stage_name(stage)))
            to->stage_seconds[stage] += line->value;
}

static void take_shed(status_endpoint *to, const page_line *line)
{
    to->shed += line->value;
    if (mw_view_is(label(line, "reason"), "quota"))
        to->quota += line->value;
}

static void take_endpoint_line(status_endpoint *to, const page_line *line)
{
    static const struct {
        const char *name;
        size_t offset;
    } plain[] = {
        {"mw_rows_total", offsetof(status_endpoint, rows)},
        {"mw_request_duration_seconds_sum", offsetof(status_endpoint, seconds)},
        {"mw_in_flight_requests", offsetof(status_endpoint, in_flight)},
        {"mw_model_ready", offsetof(status_endpoint, ready)},
        {"mw_deadline_misses_total", offsetof(status_endpoint, misses)},
        {"mw_queue_length", offsetof(status_endpoint, waiting)},
        {"mw_worker_requests", offsetof(status_endpoint, workers)},
        {"mw_worker_requests_limit", offsetof(status_endpoint, workers_limit)},
    };
    for (size_t i = 0; i < MW_COUNT(plain); i++)
        if (mw_view_is(line->name, plain[i].name))
            *(double *)(void *)((char *)to + plain[i].offset) += line->value;
    if (mw_view_is(line->name, "mw_requests_total")) {
        to->requests += line->value;
        to->failures += mw_view_is(label(line, "code"), "200") ? 0 : line->value;
    } else if (mw_view_is(line->name, "mw_request_duration_seconds_bucket")) {
        take_bucket(to, line);
    } else if (mw_view_is(line->name, "mw_stage_seconds_sum")) {
        take_stage(to, line);
    } else if (mw_view_is(line->name, "mw_shed_total")) {
        take_shed(to, line);
    }
}

/* ---- the server ------------------------------------------------------------------------------ */

static void take_loop(status_sample *sample, const page_line *line)
{
    unsigned loop = number_of(label(line, "loop"));
    if (loop >= MW_LIMIT_THREADS)
        return;
    if (loop >= sample->n_loops)
        sample->n_loops = loop + 1;
    if (mw_view_is(line->name, "mw_loop_busy_seconds_total"))
        sample->loop_busy[loop] = line->value;
    else if (mw_view_is(line->name, "mw_loop_cpu_seconds_total"))
        sample->loop_cpu[loop] = line->value;
}

static void take_server_line(status_sample *sample, const page_line *line)
{
    static const struct {
        const char *name;
        size_t offset;
    } plain[] = {
        {"mw_pool_busy_seconds_total", offsetof(status_sample, pool_busy)},
        {"mw_pool_threads", offsetof(status_sample, pool_threads)},
        {"mw_pool_waiting_jobs", offsetof(status_sample, pool_waiting)},
        {"mw_cores", offsetof(status_sample, cores)},
        {"mw_memory_limit_bytes", offsetof(status_sample, memory_limit_bytes)},
        {"mw_http_connections", offsetof(status_sample, connections)},
        {"mw_http_connections_refused_total", offsetof(status_sample, refused)},
        {"mw_http_received_bytes_total", offsetof(status_sample, received_bytes)},
        {"mw_http_sent_bytes_total", offsetof(status_sample, sent_bytes)},
        {"process_resident_memory_bytes", offsetof(status_sample, memory_bytes)},
        {"process_open_fds", offsetof(status_sample, fds)},
        {"process_max_fds", offsetof(status_sample, fds_limit)},
        {"process_cpu_seconds_total", offsetof(status_sample, cpu_seconds)},
        {"process_start_time_seconds", offsetof(status_sample, started_seconds)},
    };
    for (size_t i = 0; i < MW_COUNT(plain); i++)
        if (mw_view_is(line->name, plain[i].name))
            *(double *)(void *)((char *)sample + plain[i].offset) = line->value;
    if (mw_view_is(line->name, "mw_build_info"))
        snprintf(sample->server, sizeof sample->server, "%.*s",
                 MW_VIEW_ARG(label(line, "version")));
    else if (mw_view_starts(line->name, "mw_loop_"))
        take_loop(sample, line);
}

mw_status status_read(mw_view page, mw_arena *arena, status_sample *ret_sample, mw_error *err)
{
    size_t last = 0;
    *ret_sample = (status_sample){.n_endpoints = 0};
    while (page.size > 0) {
        const char *end = memchr(page.data, '\n', page.size);
        size_t size = end ? (size_t)(end - page.data) : page.size;
        page_line found;
        if (read_line((mw_view){page.data, size}, &found)) {
            bool is_of_endpoint = label(&found, "endpoint").size > 0;
            status_endpoint *endpoint =
                is_of_endpoint ? find_endpoint(ret_sample, arena, &found, &last) : NULL;
            if (is_of_endpoint && !endpoint)
                return mw_fail_memory(err, "the metrics");
            if (endpoint)
                take_endpoint_line(endpoint, &found);
            else
                take_server_line(ret_sample, &found);
        }
        size += end != NULL;
        page = (mw_view){page.data + size, page.size - size};
    }
    if (ret_sample->server[0])
        return MW_OK;
    mw_fail(err, MW_E_STATUS_PAGE, "this is no page of metrics of a Millwright server");
    return mw_mend(err, "give the address that 'mw serve' printed");
}
