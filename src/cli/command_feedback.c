/* feedback send, log performance: what was true, and how good the predictions were. */
#include "prediction_log.h"

#include <math.h>

#include "frame_file.h"
#include "members.h"
#include "reach.h"

enum { PIECE_BYTES = 1 << 20, TIMEOUT_MS = 60000, REPORT_BYTES = 64 << 20 };

/* ---- send ------------------------------------------------------------------------------------ */

typedef struct sending {
    const cli_call *call;
    mw_dial *dial;
    mw_client *client;
    char path[400], *endpoint;
    cli_frame_file file;
    mw_buf piece;
    bool is_csv;
    mw_feedback_counts sum;
} sending;

/* Whole lines, up to about a piece; quotes may hold line ends. */
static size_t whole_lines(mw_view text)
{
    size_t end = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.size; i++) {
        quoted ^= text.data[i] == '"';
        if (text.data[i] != '\n' || quoted)
            continue;
        end = i + 1;
        if (end >= PIECE_BYTES)
            return end;
    }
    return text.size - end < PIECE_BYTES ? text.size : end ? end : text.size;
}

static uint64_t count_of(const mw_json *root, const char *name)
{
    int64_t n = 0;
    (void)mw_json_integer(mw_json_member(root, name), &n);
    return (uint64_t)n;
}

static mw_status take_answer(sending *s, int http_status, mw_view body, mw_error *err)
{
    mw_json *root = NULL;
    mw_status status = mw_json_read(body, &root, err);
    if (status == MW_OK && http_status == 200) {
        s->sum.received += count_of(root, "received");
        s->sum.joined += count_of(root, "joined");
        s->sum.waiting += count_of(root, "waiting");
        s->sum.duplicates += count_of(root, "duplicates");
        s->sum.replaced += count_of(root, "replaced");
        s->sum.misfits += count_of(root, "misfits");
    } else {
        const mw_json *said = status == MW_OK ? mw_json_member(root, "error") : NULL;
        said = said ? said : mw_json_member(root, "message");
        mw_fail(err, MW_E_FEEDBACK_REFUSED, "the server answers %d: %.*s", http_status,
                MW_VIEW_ARG(mw_json_text(said)));
        status = mw_mend(err, "%llu labels of the file were taken; sending them again does no harm",
                         (unsigned long long)s->sum.received);
    }
    mw_json_free(root);
    return status;
}

static mw_status post(sending *s, mw_error *err)
{
    int http_status;
    mw_view body;
    MW_TRY(mw_client_call(s->client, "POST", s->path, s->is_csv ? "text/csv" : "application/json",
                          mw_buf_as_view(&s->piece), &http_status, &body, err));
    return take_answer(s, http_status, body, err);
}

/* JSON lines become one list; what is a list or an object already goes as it is. */
static void put_lines(mw_view lines, mw_buf *out)
{
    size_t n = 0;
    while (lines.size > 0) {
        mw_view line = mw_view_trim(mw_view_cut(&lines, '\n'));
        if (line.size == 0)
            continue;
        mw_buf_text(out, n++ ? ",\n" : "[");
        mw_buf_view(out, line);
    }
    mw_buf_text(out, n ? "]" : "[]");
}

static mw_status send_all(sending *s, mw_error *err)
{
    mw_view rest = {s->file.bytes, s->file.size}, header = {"", 0};
    bool is_whole = !s->is_csv && rest.size > 0 && mw_view_trim(rest).data[0] == '[';
    if (s->is_csv) {
        const char *end = memchr(rest.data, '\n', rest.size);
        header = (mw_view){rest.data, end ? (size_t)(end - rest.data) + 1 : rest.size};
        rest = (mw_view){rest.data + header.size, rest.size - header.size};
    }
    while (rest.size > 0) {
        size_t size = is_whole ? rest.size : whole_lines(rest);
        mw_view lines = {rest.data, size};
        mw_buf_reset(&s->piece);
        mw_buf_view(&s->piece, header);
        if (s->is_csv || is_whole)
            mw_buf_view(&s->piece, lines);
        else
            put_lines(lines, &s->piece);
        if (s->piece.failed)
            return mw_fail_memory(err, "the labels");
        MW_TRY(post(s, err));
        rest = (mw_view){rest.data + size, rest.size - size};
    }
    return MW_OK;
}

/* The server's only endpoint, where none is named. */
static mw_status find_endpoint(sending *s, mw_error *err)
{
    int http_status;
    mw_view body;
    mw_json *root = NULL;
    const char *name = s->call->settings[CLI_TO_ENDPOINT].text;
    if (!name) {
        MW_TRY(mw_client_call(s->client, "GET", "/v2/models", NULL, MW_VIEW(""), &http_status,
                              &body, err));
        MW_TRY(mw_json_read(body, &root, err));
        const mw_json *models = mw_json_member(root, "models");
        size_t n = mw_json_count(models);
        if (n == 1)
            snprintf(s->path, sizeof s->path, "/endpoints/%.*s/feedback",
                     MW_VIEW_ARG(mw_json_text(mw_json_element(models, 0))));
        else
            mw_fail(err, MW_E_MISSING_ARGUMENT, "the server has %zu endpoints", n);
        mw_json_free(root);
        return n == 1 ? MW_OK : mw_mend(err, "name the one: --endpoint NAME");
    }
    snprintf(s->path, sizeof s->path, "/endpoints/%.300s/feedback", name);
    return MW_OK;
}

static bool looks_like_csv(mw_view text)
{
    mw_view begin = mw_view_trim(text);
    return begin.size == 0 || (begin.data[0] != '{' && begin.data[0] != '[');
}

static mw_status read_labels(sending *s, mw_error *err)
{
    MW_TRY(cli_frame_file_load(&s->file, err));
    s->is_csv = looks_like_csv((mw_view){s->file.bytes, s->file.size});
    return MW_OK;
}

static mw_status run_send(sending *s, mw_error *err)
{
    mw_buf out;
    MW_TRY(read_labels(s, err));
    MW_TRY(cli_reach(s->call, NULL, &s->dial, err));
    MW_TRY(mw_client_open_to(s->dial, TIMEOUT_MS, &s->client, err));
    MW_TRY(find_endpoint(s, err));
    MW_TRY(send_all(s, err));
    const mw_feedback_counts *c = &s->sum;
    mw_buf_init(&out, MW_KIB);
    mw_buf_format(&out,
                  cli_is_on(s->call, CLI_JSON)
                      ? "{\"received\":%llu,\"joined\":%llu,\"waiting\":%llu,"
                        "\"duplicates\":%llu,\"replaced\":%llu,\"misfits\":%llu}\n"
                      : "%llu labels: %llu joined, %llu wait for their prediction, %llu known "
                        "already, %llu replaced, %llu do not fit the model\n",
                  (unsigned long long)c->received, (unsigned long long)c->joined,
                  (unsigned long long)c->waiting, (unsigned long long)c->duplicates,
                  (unsigned long long)c->replaced, (unsigned long long)c->misfits);
    mw_status status = cli_put(s->call, &out, err);
    mw_buf_done(&out);
    return status;
}

mw_status cli_run_feedback_send(cli_call *call, mw_error *err)
{
    sending s = {.call = call, .file.path = call->arguments[0]};
    mw_buf_init(&s.piece, MW_GIB);
    mw_status status = run_send(&s, err);
    mw_client_close(s.client);
    mw_dial_free(s.dial);
    cli_frame_file_done(&s.file);
    mw_buf_done(&s.piece);
    return status;
}

/* ---- performance ----------------------------------------------------------------------------- */

typedef struct performance_page {
    mw_buf list;
    bool as_json;
    size_t n;
} performance_page;

static void see_part(void *user, const mw_performance_part *part)
{
    performance_page *page = user;
    mw_buf *out = &page->list;
    size_t n;
    if (page->as_json) {
        mw_buf_text(out, page->n++ ? ",\n" : "\n");
        mw_performance_write(part, out);
        return;
    }
    const mw_quality_metric *metrics = mw_quality_metrics(part->task, &n);
    if (part->slice)
        mw_buf_format(out, "  %s: %zu labels\n", part->slice, part->n_labels);
    else
        mw_buf_format(out,
                      "%s%.*s version %u, model %016llx: %zu labels, half of them within %.0f s, "
                      "nine of ten within %.0f s\n",
                      page->n ? "\n" : "", MW_VIEW_ARG(part->shape->endpoint), part->shape->version,
                      (unsigned long long)part->shape->model, part->n_labels, part->delay_p50,
                      part->delay_p90);
    for (size_t m = 0; m < n; m++) {
        const mw_estimate *e = &part->metrics[m];
        if (isnan(e->value))
            continue;
        mw_buf_format(out, "%s  %-18s %.6g", part->slice ? "  " : "", metrics[m].name, e->value);
        if (!isnan(e->low))
            mw_buf_format(out, "   %.6g .. %.6g", e->low, e->high);
        mw_buf_char(out, '\n');
    }
    page->n++;
}

static void write_all(const performance_page *page, const mw_feedback_counts *c, mw_buf *out)
{
    if (page->as_json) {
        mw_buf_format(out,
                      "{\"labels\":%llu,\"joined\":%llu,\"without_prediction\":%llu,"
                      "\"duplicates\":%llu,\"replaced\":%llu,\"misfits\":%llu,"
                      "\"performance\":[",
                      (unsigned long long)c->received, (unsigned long long)c->joined,
                      (unsigned long long)c->waiting, (unsigned long long)c->duplicates,
                      (unsigned long long)c->replaced, (unsigned long long)c->misfits);
        mw_buf_view(out, mw_buf_as_view(&page->list));
        mw_buf_text(out, "\n]}\n");
        return;
    }
    mw_buf_format(
        out,
        "%llu labels: %llu joined, %llu without a prediction in the log, %llu said again, "
        "%llu replaced, %llu do not fit\n",
        (unsigned long long)c->received, (unsigned long long)c->joined,
        (unsigned long long)c->waiting, (unsigned long long)c->duplicates,
        (unsigned long long)c->replaced, (unsigned long long)c->misfits);
    mw_buf_view(out, mw_buf_as_view(&page->list));
}

mw_status cli_run_log_performance(cli_call *call, mw_error *err)
{
    mw_buf out;
    mw_log_query filters;
    mw_feedback_counts counts;
    const cli_setting *settings = call->settings;
    performance_page page = {.as_json = cli_is_on(call, CLI_JSON)};
    MW_TRY(cli_log_query(call, &filters, err));
    const mw_performance_query query = {.endpoint = filters.endpoint,
                                        .version = filters.version,
                                        .from_ms = filters.from_ms,
                                        .to_ms = filters.to_ms,
                                        .slice = mw_view_of(settings[CLI_SLICE].text),
                                        .threshold =
                                            (double)settings[CLI_DECISION].number / CLI_BILLION};
    mw_buf_init(&page.list, REPORT_BYTES);
    mw_buf_init(&out, REPORT_BYTES);
    mw_status status =
        mw_log_performance(settings[CLI_LOG_FOLDER].text, &query, see_part, &page, &counts, err);
    if (status == MW_OK) {
        write_all(&page, &counts, &out);
        status = cli_put(call, &out, err);
    }
    mw_buf_done(&page.list);
    mw_buf_done(&out);
    return status;
}
