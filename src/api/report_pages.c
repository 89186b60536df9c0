/* Reports for people who do not log in, made and kept by the server: the files that `mw report`
 * writes, below DATA/reports.
 *
 *     POST /mw/v1/reports {"kind","of"} --pool--> whoever makes them (mw_api_set_reports) --> file
 *     GET  /mw/v1/reports --> the list       GET /mw/v1/reports/{id} --> the page
 *
 * An id is "<ms since 1970>~<kind>~<of>", and its file's name. A page may load nothing and run
 * nothing, whatever stands in it. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard.h"
#include "look.h"
#include "mlflow.h"

#define PAGE_HEADERS                                                                   \
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src " \
    "data:; frame-ancestors 'self'; base-uri 'none'; form-action 'none'\r\n"           \
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"              \
    "Cache-Control: no-cache\r\n"

enum {
    REPORTS_MAX = 500, /* kept; the oldest goes */
    ID_BYTES = 200,
    OF_BYTES = 120,
    BODY_BYTES = 4096,
    REPORT_FILE_BYTES = 64 << 20
};

struct api_reports {
    char folder[PATH_MAX];
    mw_pool *pool; /* of its own: making one asks this server */
    mw_api_reports_maker maker;
};

typedef struct report_id {
    char text[ID_BYTES];
    int64_t made_ms;
} report_id;

/* ---- ids ------------------------------------------------------------------------------------- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("_.-", c);
}

/* "1764261000123~weekly~credit"; false: it is none, and no file is looked for. */
static bool read_id(mw_view text, report_id *ret)
{
    uint64_t ms;
    if (text.size == 0 || text.size >= ID_BYTES)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (!is_plain(text.data[i]) && text.data[i] != '~')
            return false;
    memcpy(ret->text, text.data, text.size);
    ret->text[text.size] = '\0';
    mw_view rest = mw_view_of(ret->text), stamp = mw_view_cut(&rest, '~');
    if (!mw_whole_parse(stamp, &ms) || ms > INT64_MAX || mw_view_cut(&rest, '~').size == 0)
        return false;
    ret->made_ms = (int64_t)ms;
    return true;
}

static void path_of(const api_reports *reports, const char *id, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%.*s/%s.html", PATH_MAX - ID_BYTES - 8, reports->folder, id);
}

static mw_status fail_unknown(mw_error *err)
{
    mw_fail(err, MW_E_REPORT_PAGE, "there is no such report");
    return mw_mend(err, "GET /mw/v1/reports lists them");
}

/* ---- the list -------------------------------------------------------------------------------- */

static int newest_first(const void *a, const void *b)
{
    const report_id *x = a, *y = b;
    return (x->made_ms < y->made_ms) - (x->made_ms > y->made_ms);
}

static size_t list(const api_reports *reports, report_id ids[REPORTS_MAX + 1])
{
    size_t n = 0;
    DIR *listing = opendir(reports->folder);
    for (struct dirent *entry; listing && n <= REPORTS_MAX && (entry = readdir(listing));) {
        mw_view name = mw_view_of(entry->d_name);
        bool is_page = name.size > 5 && strcmp(entry->d_name + name.size - 5, ".html") == 0;
        n += is_page && read_id((mw_view){name.data, name.size - 5}, &ids[n]);
    }
    if (listing)
        closedir(listing);
    if (n > 1)
        qsort(ids, n, sizeof *ids, newest_first);
    return n;
}

static void put_id(const api_reports *reports, const report_id *id, mw_buf *out)
{
    struct stat about = {0};
    char path[PATH_MAX];
    mw_view of = mw_view_of(id->text);
    (void)mw_view_cut(&of, '~'); /* when it was made */
    mw_view kind = mw_view_cut(&of, '~');
    path_of(reports, id->text, path);
    (void)stat(path, &about);
    mlflow_put_comma(out);
    mw_buf_char(out, '{');
    mlflow_put_text(out, "id", mw_view_of(id->text));
    mlflow_put_text(out, "kind", kind);
    mlflow_put_text(out, "of", of);
    mlflow_put_int(out, "made", id->made_ms);
    mlflow_put_int(out, "bytes", (int64_t)about.st_size);
    mw_buf_char(out, '}');
}

static mw_status put_list(const api_reports *reports, mw_alerts *alerts, mw_buf *out, mw_error *err)
{
    report_id *ids = malloc((REPORTS_MAX + 1) * sizeof *ids);
    if (!ids)
        return mw_fail_memory(err, "the reports");
    size_t n = list(reports, ids);
    mw_buf_text(out, "{\"items\":[");
    for (size_t i = 0; i < n; i++)
        put_id(reports, &ids[i], out);
    mw_buf_format(out, "],\"next_cursor\":null,\"total\":%zu,\"timetable\":", n);
    free(ids);
    if (alerts)
        MW_TRY(mw_alerts_timetable(alerts, out, err));
    mw_buf_text(out, alerts ? "}" : "[]}");
    return MW_OK;
}

static void drop_oldest(const api_reports *reports)
{
    report_id *ids = malloc((REPORTS_MAX + 1) * sizeof *ids);
    for (size_t n = ids ? list(reports, ids) : 0; n-- > REPORTS_MAX;) {
        char path[PATH_MAX];
        path_of(reports, ids[n].text, path);
        (void)unlink(path);
    }
    free(ids);
}

/* ---- making ---------------------------------------------------------------------------------- */

/* What the server asks itself with: as whoever wants the report. */
static const char *copy_header(mw_exchange *exchange, const char *name)
{
    mw_buf line;
    mw_view value = mw_exchange_header(exchange, name);
    if (!value.data)
        return NULL;
    mw_buf_init(&line, 64 * MW_KIB);
    mw_buf_format(&line, "%s: %.*s", name, MW_VIEW_ARG(value));
    const char *kept = mw_arena_text(exchange->arena, mw_buf_as_view(&line));
    mw_buf_done(&line);
    return kept;
}

static mw_status read_wish(mw_exchange *exchange, mw_json **ret_request, mw_report_wish *wish,
                           mw_error *err)
{
    mw_view body;
    MW_TRY(mw_exchange_inflate(exchange, BODY_BYTES, &body, err));
    MW_TRY(mw_json_read(body, ret_request, err));
    wish->kind = mw_json_text(mw_json_member(*ret_request, "kind"));
    wish->of = mw_json_text(mw_json_member(*ret_request, "of"));
    if (wish->kind.size == 0 || wish->of.size == 0 || wish->of.size > OF_BYTES) {
        mw_fail(err, MW_E_QUERY, "a report of what?");
        return mw_mend(err, "send {\"kind\": \"weekly\", \"of\": \"ENDPOINT\"}; kinds: weekly, "
                            "drift, incident (of an alert's number), card (of NAME/3)");
    }
    wish->authorization = copy_header(exchange, "Authorization");
    wish->cookie = copy_header(exchange, "Cookie");
    return MW_OK;
}

/* *ret_id: of the file that is there now. */
static mw_status make_file(const api_reports *reports, mw_report_wish *wish, report_id *ret_id,
                           mw_error *err)
{
    char text[ID_BYTES], path[PATH_MAX];
    int size = snprintf(text, sizeof text, "%lld~%.*s~%.*s", (long long)mw_clock_wall_ms(),
                        (int)(wish->kind.size < 20 ? wish->kind.size : 20), wish->kind.data,
                        (int)(wish->of.size < OF_BYTES ? wish->of.size : OF_BYTES), wish->of.data);
    for (int i = 0; i < size && i < (int)sizeof text - 1; i++)
        text[i] = is_plain(text[i]) || text[i] == '~' ? text[i] : '_';
    path_of(reports, text, path);
    wish->path = path;
    mw_status status = reports->maker.make(reports->maker.user, wish, err);
    wish->path = NULL;
    MW_TRY(status);
    drop_oldest(reports);
    return read_id(mw_view_of(text), ret_id) ? MW_OK : fail_unknown(err);
}

static mw_status make(const api_reports *reports, mw_exchange *exchange, mw_error *err)
{
    report_id id;
    mw_json *request = NULL;
    mw_report_wish wish = {.path = NULL};
    mw_status status = read_wish(exchange, &request, &wish, err);
    if (status == MW_OK)
        status = make_file(reports, &wish, &id, err);
    if (status == MW_OK) {
        put_id(reports, &id, exchange->reply);
        exchange->status = 201;
    }
    mw_json_free(request);
    return status;
}

/* ---- for whoever sends them ------------------------------------------------------------------ */

/* The first sentence, as the page says it of itself: <meta name="description" content="...">. */
static mw_view find_verdict(mw_view page, mw_arena *arena)
{
    static const char before[] = "<meta name=\"description\" content=\"";
    static const struct {
        const char *escaped;
        char plain;
    } signs[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&#61;", '='}};
    const char *from = page.size ? strstr(page.data, before) : NULL;
    const char *end = from ? strchr(from + sizeof before - 1, '"') : NULL;
    if (!end)
        return MW_VIEW("");
    from += sizeof before - 1;
    char *text = mw_arena_take(arena, (size_t)(end - from) + 1), *to = text;
    while (text && from < end) {
        size_t i = 0;
        while (i < MW_COUNT(signs) &&
               strncmp(from, signs[i].escaped, strlen(signs[i].escaped)) != 0)
            i++;
        *to++ = i < MW_COUNT(signs) ? signs[i].plain : *from;
        from += i < MW_COUNT(signs) ? strlen(signs[i].escaped) : 1;
    }
    return text ? (mw_view){text, (size_t)(to - text)} : MW_VIEW("");
}

static mw_status read_page(const api_reports *reports, const report_id *id, mw_arena *arena,
                           mw_alert_report *ret_report, mw_error *err)
{
    mw_file file;
    char path[PATH_MAX];
    path_of(reports, id->text, path);
    if (access(path, F_OK) != 0)
        return fail_unknown(err);
    MW_TRY(mw_file_read(path, REPORT_FILE_BYTES, &file, err));
    const char *page = mw_arena_text(arena, (mw_view){file.data, file.size});
    const char *text = mw_arena_text(arena, mw_view_of(id->text));
    size_t size = file.size;
    mw_file_done(&file);
    if (!page || !text)
        return mw_fail_memory(err, "the report");
    mw_view of = mw_view_of(text);
    (void)mw_view_cut(&of, '~'); /* when it was made */
    mw_view kind = mw_view_cut(&of, '~');
    *ret_report = (mw_alert_report){.kind = kind,
                                    .of = of,
                                    .id = mw_view_of(text),
                                    .verdict = find_verdict((mw_view){page, size}, arena),
                                    .page = {page, size}};
    return MW_OK;
}

mw_status api_reports_read(const api_reports *reports, mw_view text, mw_arena *arena,
                           mw_alert_report *ret_report, mw_error *err)
{
    report_id id;
    if (!reports || !read_id(text, &id))
        return fail_unknown(err);
    return read_page(reports, &id, arena, ret_report, err);
}

mw_status api_reports_make(void *user, mw_view kind, mw_view of, mw_view token, mw_arena *arena,
                           mw_alert_report *ret_report, mw_error *err)
{
    mw_buf line;
    report_id id;
    const api_reports *reports = user;
    mw_report_wish wish = {.kind = kind, .of = of};
    mw_buf_init(&line, 64 * MW_KIB);
    mw_buf_format(&line, "Authorization: Bearer %.*s", MW_VIEW_ARG(token));
    wish.authorization = token.size > 0 ? line.data : NULL;
    mw_status status = make_file(reports, &wish, &id, err);
    mw_buf_done(&line);
    MW_TRY(status);
    return read_page(reports, &id, arena, ret_report, err);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static mw_status show(const api_reports *reports, mw_exchange *exchange, mw_view text,
                      mw_error *err)
{
    report_id id;
    mw_file file;
    char path[PATH_MAX];
    if (!read_id(text, &id))
        return fail_unknown(err);
    path_of(reports, id.text, path);
    if (access(path, F_OK) != 0)
        return fail_unknown(err);
    MW_TRY(mw_file_read(path, REPORT_FILE_BYTES, &file, err));
    mw_buf_bytes(exchange->reply, file.data, file.size);
    mw_file_done(&file);
    exchange->reply_type = MW_VIEW("text/html; charset=utf-8");
    exchange->reply_headers = MW_VIEW(PAGE_HEADERS);
    return MW_OK;
}

static mw_status drop(const api_reports *reports, mw_exchange *exchange, mw_view text,
                      mw_error *err)
{
    report_id id;
    char path[PATH_MAX];
    if (!read_id(text, &id))
        return fail_unknown(err);
    path_of(reports, id.text, path);
    if (unlink(path) != 0)
        return errno == ENOENT ? fail_unknown(err) : mw_fail_errno(err, "remove the file", errno);
    exchange->status = 204;
    return MW_OK;
}

typedef struct report_turn {
    mw_job job;
    const api_reports *reports;
    mw_alerts *alerts; /* NULL: there are none */
    mw_exchange *exchange;
    mw_view id; /* absent: the list, or a new one */
} report_turn;

static mw_status run(report_turn *turn, mw_error *err)
{
    mw_exchange *exchange = turn->exchange;
    if (exchange->method == MW_POST)
        return make(turn->reports, exchange, err);
    if (exchange->method == MW_DELETE)
        return drop(turn->reports, exchange, turn->id, err);
    return turn->id.data ? show(turn->reports, exchange, turn->id, err)
                         : put_list(turn->reports, turn->alerts, exchange->reply, err);
}

static void work(mw_job *job)
{
    mw_error err;
    report_turn *turn = (report_turn *)job;
    mw_exchange *exchange = turn->exchange;
    exchange->reply_type = MW_VIEW("application/json");
    if (run(turn, &err) == MW_OK) {
        mw_exchange_reply(exchange);
        return;
    }
    mw_buf_reset(exchange->reply);
    api_answer_error(exchange, &err);
}

void api_report_pages(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    mw_error err;
    report_turn *turn = mw_arena_take_zeroed(exchange->arena, 1, sizeof *turn);
    mw_status status = turn ? MW_OK : mw_fail_memory(&err, "the reports");
    if (turn && !api_reports_of(api)) {
        status = mw_fail(&err, MW_E_REPORT_PAGE, "this server keeps no reports");
        mw_mend(&err, "start it with a data folder: --data DIR");
    }
    if (status != MW_OK) {
        api_answer_error(exchange, &err);
        return;
    }
    *turn = (report_turn){.job.run = work,
                          .reports = api_reports_of(api),
                          .alerts = api_alerting(api),
                          .exchange = exchange,
                          .id = asked->params.version};
    mw_exchange_defer(exchange);
    mw_pool_submit(api_reports_of(api)->pool, &turn->job);
}

/* ---- life ------------------------------------------------------------------------------------ */

mw_status api_reports_new(const char *data_folder, const mw_api_reports_maker *maker,
                          api_reports **ret_reports, mw_error *err)
{
    api_reports *reports = calloc(1, sizeof *reports);
    if (!reports)
        return mw_fail_memory(err, "the reports");
    reports->maker = *maker;
    snprintf(reports->folder, sizeof reports->folder, "%s/reports", data_folder);
    mw_status status = MW_OK;
    if (mkdir(reports->folder, 0777) != 0 && errno != EEXIST) {
        mw_fail_errno(err, "make the folder", errno);
        status = mw_at(err, "%s", reports->folder);
    }
    if (status == MW_OK)
        status = mw_pool_new(1, &reports->pool, err);
    if (status != MW_OK) {
        free(reports);
        return status;
    }
    *ret_reports = reports;
    return MW_OK;
}

void api_reports_free(api_reports *reports)
{
    if (!reports)
        return;
    mw_pool_free(reports->pool);
    free(reports);
}
