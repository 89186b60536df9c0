/* log: what a server kept of its predictions: query, tail, export, stat. */
#include "prediction_log.h"

#include <stdlib.h>

#include "members.h"
#include "sink.h"
#include "source.h"

enum { PIECE_BYTES = 256 * 1024 };

/* ---- rows ------------------------------------------------------------------------------------ */

typedef struct log_task {
    const cli_call *call;
    const char *folder;
    mw_log_query query;
    cli_log_table table;
    mw_buf lines;
    cli_sink *sink;
    uint64_t limit, n; /* limit 0: all */
    mw_buf *newest;    /* of tail: the last `limit` lines, in a ring; NULL: all go out */
    mw_status status;
    mw_error *err;
} log_task;

static bool put_lines(log_task *task)
{
    task->status = cli_sink_write(task->sink, mw_buf_as_view(&task->lines), task->err);
    mw_buf_reset(&task->lines);
    return task->status == MW_OK && !cli_sink_is_broken(task->sink);
}

static bool see_row(void *user, const mw_log_row *row)
{
    log_task *task = user;
    if (cli_was_interrupted()) {
        task->status = cli_fail_interrupted(task->err);
        return false;
    }
    if (task->newest) {
        task->table.out = &task->newest[task->n++ % task->limit];
        mw_buf_reset(task->table.out);
        cli_log_table_row(&task->table, row);
        return !task->table.failed;
    }
    cli_log_table_row(&task->table, row);
    task->n++;
    if (task->table.failed || (task->lines.size >= PIECE_BYTES && !put_lines(task)))
        return false;
    return task->limit == 0 || task->n < task->limit;
}

/* A log that grows may show a new shape between the two readings: its rows wait for the next. */
static mw_status read_rows(log_task *task, mw_log_totals *ret_totals, mw_error *err)
{
    mw_log_totals totals;
    MW_TRY(
        mw_log_shapes(task->folder, &task->query, cli_log_table_add, &task->table, &totals, err));
    task->table.shape = NULL;
    if (!task->query.to_ms)
        task->query.to_ms = mw_clock_wall_ms() + 1;
    task->table.out = &task->lines;
    cli_log_table_head(&task->table);
    MW_TRY(mw_log_read(task->folder, &task->query, see_row, task, ret_totals, err));
    if (task->status == MW_OK)
        cli_log_table_end(&task->table);
    return task->table.failed ? mw_fail_memory(err, "the rows") : task->status;
}

static mw_status write_newest(log_task *task)
{
    uint64_t first = task->n > task->limit ? task->n - task->limit : 0;
    for (uint64_t i = first; i < task->n; i++) {
        mw_buf_view(&task->lines, mw_buf_as_view(&task->newest[i % task->limit]));
        if (task->lines.size >= PIECE_BYTES && !put_lines(task))
            break;
    }
    return task->status;
}

static mw_status run_rows(log_task *task, mw_error *err)
{
    mw_log_totals totals;
    const cli_setting *settings = task->call->settings;
    cli_interrupt_watch();
    MW_TRY(cli_log_query(task->call, &task->query, err));
    if (task->newest)
        task->query.last = task->limit;
    MW_TRY(cli_sink_open(settings[CLI_OUTPUT].text, &task->sink, err));
    MW_TRY(read_rows(task, &totals, err));
    if (task->newest)
        MW_TRY(write_newest(task));
    if (task->lines.size > 0 && !put_lines(task))
        MW_TRY(task->status);
    cli_sink *sink = task->sink;
    task->sink = NULL;
    MW_TRY(cli_sink_finish(sink, err));
    if (totals.damaged_blocks > 0)
        cli_note(task->call, "%llu damaged blocks were passed over",
                 (unsigned long long)totals.damaged_blocks);
    return MW_OK;
}

static mw_status run_task(log_task *task, mw_error *err)
{
    task->folder = task->call->settings[CLI_LOG_FOLDER].text;
    task->err = err;
    mw_buf_init(&task->lines, MW_GIB);
    for (uint64_t i = 0; task->newest && i < task->limit; i++)
        mw_buf_init(&task->newest[i], 16 * MW_MIB);
    mw_status status = run_rows(task, err);
    cli_sink_abandon(task->sink);
    for (uint64_t i = 0; task->newest && i < task->limit; i++)
        mw_buf_done(&task->newest[i]);
    cli_log_table_done(&task->table);
    mw_buf_done(&task->lines);
    return status;
}

mw_status cli_run_log_query(cli_call *call, mw_error *err)
{
    log_task task = {.call = call, .limit = call->settings[CLI_LOG_LIMIT].number};
    task.table.form = (cli_log_form)call->settings[CLI_LOG_FORMAT].number;
    return run_task(&task, err);
}

mw_status cli_run_log_export(cli_call *call, mw_error *err)
{
    log_task task = {.call = call, .limit = call->settings[CLI_LOG_LIMIT].number};
    task.table.form = (cli_log_form)call->settings[CLI_LOG_FILE_FORMAT].number;
    return run_task(&task, err);
}

mw_status cli_run_log_tail(cli_call *call, mw_error *err)
{
    log_task task = {.call = call, .limit = call->settings[CLI_LOG_LAST].number};
    task.table.form = (cli_log_form)call->settings[CLI_LOG_FORMAT].number;
    task.newest = calloc(task.limit, sizeof *task.newest);
    mw_status status = task.newest ? run_task(&task, err) : mw_fail_memory(err, "the rows");
    free(task.newest);
    return status;
}

/* ---- stat ------------------------------------------------------------------------------------ */

typedef struct stat_page {
    mw_buf list;
    bool as_json;
    size_t n;
} stat_page;

static void write_columns(const mw_log_shape *shape, mw_log_treatment treatment, const char *word,
                          mw_buf *out)
{
    size_t n = 0;
    for (size_t c = 0; c < shape->n_columns; c++)
        if (shape->columns[c].treatment == treatment)
            mw_buf_format(out, "%s%.*s", n++ ? "," : word, MW_VIEW_ARG(shape->columns[c].name));
}

static void see_shape(void *user, const mw_log_shape *shape)
{
    stat_page *page = user;
    mw_buf *out = &page->list;
    if (page->as_json) {
        mw_buf_format(out, "%s{", page->n++ ? "," : "");
        cli_member_text(out, "endpoint", shape->endpoint);
        cli_member_int(out, "version", shape->version);
        mw_buf_format(out, ",\"model\":\"%016llx\"", (unsigned long long)shape->model);
        cli_member_text(out, "answer", mw_view_of(cli_log_answer_name(shape)));
        cli_member_int(out, "columns", (int64_t)shape->n_columns);
        cli_member_int(out, "outputs", (int64_t)shape->n_outputs);
        mw_buf_text(out, shape->explains ? ",\"contributions\":true}" : "}");
        return;
    }
    mw_buf_format(out, "  %.*s version %u  model %016llx  %zu columns  %s",
                  MW_VIEW_ARG(shape->endpoint), shape->version, (unsigned long long)shape->model,
                  shape->n_columns, cli_log_answer_name(shape));
    write_columns(shape, MW_LOG_HASHED, "  hashed ", out);
    write_columns(shape, MW_LOG_DROPPED, "  dropped ", out);
    mw_buf_text(out, shape->explains ? "  with contributions" : "");
    mw_buf_char(out, '\n');
}

static void write_stat_json(const stat_page *page, const mw_log_totals *t, mw_buf *out)
{
    mw_buf_char(out, '{');
    cli_member_int(out, "segments", (int64_t)t->segments);
    cli_member_int(out, "bytes", (int64_t)t->bytes);
    cli_member_int(out, "raw_bytes", (int64_t)t->raw_bytes);
    cli_member_int(out, "blocks", (int64_t)t->blocks);
    cli_member_int(out, "rows", (int64_t)t->rows);
    if (t->rows > 0) {
        cli_member_time(out, "first", t->first_ms);
        cli_member_time(out, "last", t->last_ms);
    }
    cli_member_int(out, "damaged_blocks", (int64_t)t->damaged_blocks);
    cli_member_int(out, "damaged_bytes", (int64_t)t->damaged_bytes);
    cli_member_int(out, "unfinished_bytes", (int64_t)t->torn_bytes);
    mw_buf_text(out, ",\"versions\":[");
    mw_buf_view(out, mw_buf_as_view(&page->list));
    mw_buf_text(out, "]}\n");
}

static void write_stat_text(const stat_page *page, const mw_log_totals *t, mw_buf *out)
{
    mw_buf_format(out, "%llu rows in %llu segments, %.1f MB", (unsigned long long)t->rows,
                  (unsigned long long)t->segments, (double)t->bytes / 1e6);
    if (t->bytes > 0 && t->raw_bytes > 0)
        mw_buf_format(out, " (%.1f times smaller than the rows)",
                      (double)t->raw_bytes / (double)t->bytes);
    if (t->rows > 0) {
        mw_buf_text(out, "\nfrom ");
        mw_clock_write_utc(out, t->first_ms);
        mw_buf_text(out, " to ");
        mw_clock_write_utc(out, t->last_ms);
    }
    mw_buf_char(out, '\n');
    mw_buf_view(out, mw_buf_as_view(&page->list));
    if (t->damaged_blocks > 0)
        mw_buf_format(out, "damaged: %llu blocks, %llu bytes; they are passed over\n",
                      (unsigned long long)t->damaged_blocks, (unsigned long long)t->damaged_bytes);
    if (t->torn_bytes > 0)
        mw_buf_format(out,
                      "%llu bytes at an end are no whole block: being written, or torn by a crash "
                      "(the next start cuts them off)\n",
                      (unsigned long long)t->torn_bytes);
}

static bool pass_over(void *user, const mw_log_row *row)
{
    (void)user;
    (void)row;
    return true;
}

mw_status cli_run_log_stat(cli_call *call, mw_error *err)
{
    mw_buf out;
    mw_log_query query;
    mw_log_totals totals, checked;
    stat_page page = {.as_json = cli_is_on(call, CLI_JSON)};
    const char *folder = call->settings[CLI_LOG_FOLDER].text;
    MW_TRY(cli_log_query(call, &query, err));
    mw_buf_init(&page.list, 64 * MW_MIB);
    mw_buf_init(&out, 64 * MW_MIB);
    mw_status status = mw_log_shapes(folder, &query, see_shape, &page, &totals, err);
    if (status == MW_OK) /* payloads too: only they tell whether all is whole */
        status = mw_log_read(folder, &query, pass_over, NULL, &checked, err);
    if (status == MW_OK) {
        totals.rows = checked.rows;
        totals.damaged_blocks = checked.damaged_blocks;
        totals.damaged_bytes = checked.damaged_bytes;
        (page.as_json ? write_stat_json : write_stat_text)(&page, &totals, &out);
        status = cli_put(call, &out, err);
        call->exit_code = totals.damaged_blocks ? CLI_EXIT_NO : CLI_EXIT_OK;
    }
    mw_buf_done(&page.list);
    mw_buf_done(&out);
    return status;
}
