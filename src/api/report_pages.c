/* Reports for people who do not log in, made and kept by the server: the files that `mw report`
 * writes, below DATA/reports.
 *
 *     POST /mw/v1/reports {"kind","of"} --pool--> whoever makes them (mw_api_set_reports) --> file
 *     GET  /mw/v1/reports --> the list       GET /mw/v1/reports/{id} --> the page
 *
 * An id is "<ms since 1970>~<kind>~<of>", what is no letter in it a '_', and its file's name; no
 * two have the same moment. Beside the page stands what is said of it (report_note.h). A page may
 * load nothing and run nothing, whatever stands in it. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard.h"
#include "look.h"
#include "mlflow.h"
#include "report_note.h"

#define PAGE_HEADERS                                                                   \
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src " \
    "data:; frame-ancestors 'self'; base-uri 'none'; form-action 'none'\r\n"           \
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"              \
    "Cache-Control: no-cache\r\n"

enum {
    REPORTS_MAX = 500, /* kept; the oldest goes */
    ID_BYTES = 200,
    OF_BYTES = 480,   /* of what: 120 letters */
    SLUG_BYTES = 120, /* of it in an id */
    BODY_BYTES = 4096,
    REPORT_FILE_BYTES = 64 << 20
};

struct api_reports {
    char folder[PATH_MAX];
    mw_pool *pool; /* of its own: making one asks this server */
    mw_api_reports_maker maker;
    _Atomic int64_t newest_ms; /* of an id that was given */
};

typedef struct report_id {
    char text[ID_BYTES];
    int64_t made_ms;
} report_id;

/* ---- ids ------------------------------------------------------------------------------------- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           memchr("_.-", c, 3); /* strchr would find a NUL */
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

static void note_path_of(const api_reports *reports, const char *id, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%.*s/%s.json", PATH_MAX - ID_BYTES - 8, reports->folder, id);
}

/* What is said of it beside it; else, of a report of before there were notes, what its id says. */
static void read_note(const api_reports *reports, const report_id *id, report_note *ret)
{
    char path[PATH_MAX];
    note_path_of(reports, id->text, path);
    if (report_note_read(path, ret))
        return;
    ret->of = mw_view_of(id->text);
    (void)mw_view_cut(&ret->of, '~'); /* when it was made */
    ret->kind = mw_view_cut(&ret->of, '~');
}

/* Returns whether the page was there. */
static bool remove_files(const api_reports *reports, const char *id)
{
    char path[PATH_MAX];
    path_of(reports, id, path);
    if (unlink(path) != 0)
        return false;
    note_path_of(reports, id, path);
    (void)unlink(path);
    return true;
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
    report_note note;
    path_of(reports, id->text, path);
    (void)stat(path, &about);
    read_note(reports, id, &note);
    mlflow_put_comma(out);
    mw_buf_char(out, '{');
    mlflow_put_text(out, "id", mw_view_of(id->text));
    mlflow_put_text(out, "kind", note.kind);
    mlflow_put_text(out, "of", note.of);
    mlflow_put_text(out, "verdict", note.verdict);
    mlflow_put_int(out, "made", id->made_ms);
    mlflow_put_int(out, "bytes", (int64_t)about.st_size);
    mw_buf_char(out, '}');
    report_note_done(&note);
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
    for (size_t n = ids ? list(reports, ids) : 0; n-- > REPORTS_MAX;)
        (void)remove_files(reports, ids[n].text);
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

static bool is_name(mw_view text)
{
    bool is_plain_text = text.size > 0 && text.size <= OF_BYTES;
    for (size_t i = 0; i < text.size && is_plain_text; i++)
        is_plain_text = (unsigned char)text.data[i] >= ' ';
    return is_plain_text;
}

static mw_status read_wish(mw_exchange *exchange, mw_json **ret_request, mw_report_wish *wish,
                           mw_error *err)
{
    mw_view body;
    MW_TRY(mw_exchange_inflate(exchange, BODY_BYTES, &body, err));
    MW_TRY(mw_json_read(body, ret_request, err));
    wish->kind = mw_json_text(mw_json_member(*ret_request, "kind"));
    wish->of = mw_json_text(mw_json_member(*ret_request, "of"));
    if (wish->kind.size == 0 || !is_name(wish->of) || mw_json_count(*ret_request) != 2) {
        mw_fail(err, MW_E_QUERY, "a report of what?");
        return mw_mend(err, "send {\"kind\": \"weekly\", \"of\": \"ENDPOINT\"}; kinds: weekly, "
                            "drift, incident (of an alert's number), card (of NAME/3)");
    }
    wish->authorization = copy_header(exchange, "Authorization");
    wish->cookie = copy_header(exchange, "Cookie");
    return MW_OK;
}

/* Now, or the next moment that no report has. */
static int64_t take_moment(api_reports *reports)
{
    int64_t newest = atomic_load(&reports->newest_ms), now = mw_clock_wall_ms(), moment;
    do
        moment = now > newest ? now : newest + 1;
    while (!atomic_compare_exchange_weak(&reports->newest_ms, &newest, moment));
    return moment;
}

static void choose_id(api_reports *reports, const mw_report_wish *wish, report_id *ret_id)
{
    char path[PATH_MAX];
    do { /* a clock that was put back comes to its ids again */
        ret_id->made_ms = take_moment(reports);
        int size =
            snprintf(ret_id->text, ID_BYTES, "%lld~%.*s~%.*s", (long long)ret_id->made_ms,
                     (int)(wish->kind.size < 20 ? wish->kind.size : 20), wish->kind.data,
                     (int)(wish->of.size < SLUG_BYTES ? wish->of.size : SLUG_BYTES), wish->of.data);
        for (int i = 0; i < size && i < ID_BYTES - 1; i++)
            if (!is_plain(ret_id->text[i]) && ret_id->text[i] != '~')
                ret_id->text[i] = '_';
        path_of(reports, ret_id->text, path);
    } while (access(path, F_OK) == 0);
}

/* The page, then what is said of it. */
static mw_status write_files(const api_reports *reports, const report_id *id, mw_report_wish *wish,
                             mw_error *err)
{
    char page[PATH_MAX], note[PATH_MAX];
    mw_buf verdict;
    path_of(reports, id->text, page);
    note_path_of(reports, id->text, note);
    mw_buf_init(&verdict, 64 * MW_KIB);
    wish->path = page;
    wish->ret_verdict = &verdict;
    mw_status status = reports->maker.make(reports->maker.user, wish, err);
    wish->path = NULL;
    wish->ret_verdict = NULL;
    if (status == MW_OK) {
        status = report_note_write(note, wish->kind, wish->of, mw_buf_as_view(&verdict), err);
        if (status != MW_OK)
            (void)unlink(page);
    }
    mw_buf_done(&verdict);
    return status;
}

/* *ret_id: of the file that is there now. */
static mw_status make_file(api_reports *reports, mw_report_wish *wish, report_id *ret_id,
                           mw_error *err)
{
    choose_id(reports, wish, ret_id);
    MW_TRY(write_files(reports, ret_id, wish, err));
    drop_oldest(reports);
    return MW_OK;
}

static mw_status make(api_reports *reports, mw_exchange *exchange, mw_error *err)
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

static mw_status copy_note(const api_reports *reports, const report_id *id, mw_arena *arena,
                           mw_alert_report *ret, mw_error *err)
{
    report_note note;
    read_note(reports, id, &note);
    const char *kind = mw_arena_text(arena, note.kind), *of = mw_arena_text(arena, note.of),
               *verdict = mw_arena_text(arena, note.verdict);
    report_note_done(&note);
    if (!kind || !of || !verdict)
        return mw_fail_memory(err, "the report");
    ret->kind = mw_view_of(kind);
    ret->of = mw_view_of(of);
    ret->verdict = mw_view_of(verdict);
    return MW_OK;
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
    *ret_report = (mw_alert_report){.id = mw_view_of(text), .page = {page, size}};
    return copy_note(reports, id, arena, ret_report, err);
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
    api_reports *reports = user;
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
    if (!read_id(text, &id))
        return fail_unknown(err);
    if (!remove_files(reports, id.text))
        return errno == ENOENT ? fail_unknown(err) : mw_fail_errno(err, "remove the file", errno);
    exchange->status = 204;
    return MW_OK;
}

typedef struct report_turn {
    mw_job job;
    api_reports *reports;
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
