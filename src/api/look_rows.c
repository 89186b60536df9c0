/* GET /mw/v1/endpoints/{name}/rows?last=500: the newest rows of the prediction log, in the form in
 * which they were asked, so that they can be asked again: explained, predicted by another version.
 *
 *     loop: the question --> readers' thread: mw_log_read --> {"items":[{"id","row":{..}}],"total"}
 *
 * Private columns are null, whether the log dropped them or keeps a hash. */
#include <math.h>
#include <stdlib.h>

#include "journal/journal.h"
#include "look.h"
#include "mlflow.h"

enum { ROWS_USUAL = 500, ROWS_MAX = 2000, TEXT_BYTES = 32 << 20 };

typedef struct rows_turn {
    mw_job job;
    mw_exchange *exchange;
    const char *folder;
    mw_log_query query;
    mw_buf text;    /* items, each behind the one before */
    size_t *begins; /* where the newest began in `text`: a ring of query.last */
    size_t n;
    bool is_full; /* no room for more text */
} rows_turn;

/* ---- a row ----------------------------------------------------------------------------------- */

static void put_cell(mw_buf *out, const mw_log_column *column, double value)
{
    if (column->treatment != MW_LOG_KEPT || isnan(value))
        mw_buf_text(out, "null");
    else if (column->categories && value >= 0 && value < (double)column->n_categories)
        mw_json_write_text(out, column->categories[(size_t)value]);
    else
        mw_json_write_double(out, value);
}

static void put_row(mw_buf *out, const mw_log_row *row)
{
    const mw_log_shape *shape = row->shape;
    mw_buf_char(out, '{');
    mlflow_put_text(out, "id", row->id);
    mlflow_put_int(out, "number", row->row);
    mlflow_put_int(out, "time", row->time_ms);
    mlflow_put_int(out, "version", shape->version);
    mlflow_put_name(out, "row");
    mw_buf_char(out, '{');
    for (size_t c = 0; c < shape->n_columns; c++) {
        mw_buf_text(out, c ? "," : "");
        mw_json_write_text(out, shape->columns[c].name);
        mw_buf_char(out, ':');
        put_cell(out, &shape->columns[c], row->inputs[c]);
    }
    mw_buf_text(out, "}");
    mlflow_put_name(out, "outputs");
    mw_buf_char(out, '[');
    for (size_t o = 0; o < shape->n_outputs; o++) {
        mw_buf_text(out, o ? "," : "");
        mw_json_write_double(out, row->outputs[o]);
    }
    mw_buf_text(out, "]}");
}

/* The log tells more than the newest: what is too old goes first. */
static bool see_row(void *user, const mw_log_row *row)
{
    rows_turn *turn = user;
    size_t begin = turn->text.size;
    mw_buf_text(&turn->text, ",\n");
    put_row(&turn->text, row);
    turn->is_full = turn->text.failed;
    if (turn->is_full)
        return false;
    turn->begins[turn->n++ % turn->query.last] = begin;
    return true;
}

/* ---- on the readers' thread ------------------------------------------------------------------ */

static mw_status read_rows(rows_turn *turn, mw_error *err)
{
    mw_buf *out = turn->exchange->reply;
    MW_TRY(mw_log_read(turn->folder, &turn->query, see_row, turn, NULL, err));
    if (turn->is_full) {
        mw_fail(err, MW_E_NO_MEMORY, "these rows are more than %d MiB of text", TEXT_BYTES >> 20);
        return mw_mend(err, "ask for fewer: last=100");
    }
    size_t n = turn->n < turn->query.last ? turn->n : turn->query.last;
    size_t begin = n > 0 ? turn->begins[(turn->n - n) % turn->query.last] + 1 : 0; /* no comma */
    mw_buf_text(out, "{\"items\":[");
    mw_buf_view(out, (mw_view){turn->text.data + begin, turn->text.size - begin});
    mw_buf_format(out, "],\"next_cursor\":null,\"total\":%zu}\n", n);
    return out->failed ? mw_fail_memory(err, "the rows") : MW_OK;
}

static void work(mw_job *job)
{
    mw_error err;
    rows_turn *turn = (rows_turn *)job;
    mw_exchange *exchange = turn->exchange;
    mw_status status = read_rows(turn, &err);
    mw_buf_done(&turn->text);
    free(turn->begins);
    if (status == MW_OK) {
        api_answer_json(exchange);
        return;
    }
    mw_buf_reset(exchange->reply);
    api_answer_error(exchange, &err);
}

/* ---- on the loop ----------------------------------------------------------------------------- */

static void note(void *user, const mw_endpoint_info *info)
{
    *(const char **)user = info->name; /* lives as long as the fleet */
}

static mw_status begin(mw_api *api, mw_exchange *exchange, mw_view name, rows_turn **ret_turn,
                       mw_error *err)
{
    const char *known;
    int64_t last;
    if (!api_journal(api)) {
        mw_fail(err, MW_E_JOURNAL_OFF, "this server keeps no predictions");
        return mw_mend(err, "start it with --log on");
    }
    if (!api_find_endpoint(api, name, note, &known))
        return api_fail_unknown(api, name, err);
    MW_TRY(api_query_number(exchange, "last", 1, ROWS_MAX, ROWS_USUAL, &last, err));
    rows_turn *turn = mw_arena_take_zeroed(exchange->arena, 1, sizeof *turn);
    size_t *begins = turn ? calloc((size_t)last, sizeof *begins) : NULL;
    if (!begins)
        return mw_fail_memory(err, "the rows");
    *turn = (rows_turn){.job.run = work,
                        .exchange = exchange,
                        .folder = mw_journal_folder(api_journal(api)),
                        .query = {.endpoint = mw_view_of(known), .last = (uint64_t)last},
                        .begins = begins};
    mw_buf_init(&turn->text, TEXT_BYTES);
    *ret_turn = turn;
    return MW_OK;
}

void api_look_rows(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    mw_error err;
    rows_turn *turn = NULL;
    if (begin(api, exchange, asked->params.name, &turn, &err) != MW_OK) {
        api_answer_error(exchange, &err);
        return;
    }
    mw_exchange_defer(exchange);
    mw_pool_submit(api_readers(api), &turn->job);
}
