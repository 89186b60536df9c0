/* model golden: rows whose answers must come again.
 *
 *     model + rows (+ the library's answers) --> golden.json     with --data: they are made
 *     model + golden.json --> how far apart                      without: they are replayed
 *
 * Rows are taken evenly along what the model says of them, so that few rows reach many leaves. */
#include <math.h>
#include <stdlib.h>

#include "call.h"
#include "frame_file.h"
#include "frame_rows.h"
#include "look.h"
#include "record_door.h"
#include "sample.h"
#include "serve/serve.h"

typedef struct job {
    cli_call *call;
    const char *path; /* of the model */
    mw_registry *registry;
    mw_forest *forest;
    mw_predictor *predictor;
    cli_frame_file file;
    mw_words *words;
    mw_batch batch;
    double *values;         /* (n_rows, n_values) */
    size_t n_values, width; /* values of a row; those that /invocations answers */
    size_t *answers;        /* width columns of the frame; NULL: the model's own answers are kept */
    size_t *rows;           /* n_kept */
    size_t n_kept;
} job;

/* ---- rows and answers ------------------------------------------------------------------------ */

static mw_status fail_answers(mw_error *err, const char *what, mw_view name)
{
    mw_fail(err, MW_E_GOLDEN_DATA, "%s '%.*s'", what, MW_VIEW_ARG(name));
    mw_at(err, "--answers");
    return mw_mend(err, "name the columns of --data with what the library predicted, one for each "
                        "value that the model gives, with commas");
}

static mw_status find_answers(job *j, bool *is_other, mw_error *err)
{
    const char *text = j->call->settings[CLI_GOLDEN_ANSWERS].text;
    if (!text)
        return MW_OK;
    j->answers = mw_arena_take_zeroed(&j->call->arena, j->width + 1, sizeof *j->answers);
    if (!j->answers)
        return mw_fail_memory(err, "the answers");
    mw_view rest = mw_view_of(text);
    for (size_t i = 0; i < j->width || rest.size > 0; i++) {
        mw_view name = mw_view_trim(mw_view_cut(&rest, ','));
        ptrdiff_t column = mw_frame_find(&j->file.frame, name);
        if (i >= j->width)
            return fail_answers(err, "the model gives fewer values: there is no place for", name);
        if (name.size == 0)
            return fail_answers(err, "the model gives more values than are named in",
                                mw_view_of(text));
        if (column < 0)
            return fail_answers(err, "the file has no column", name);
        if (j->file.frame.columns[column].is_text)
            return fail_answers(err, "these are no numbers:", name);
        j->answers[i] = (size_t)column;
        is_other[column] = true;
    }
    return MW_OK;
}

static mw_status read_rows(job *j, mw_error *err)
{
    mw_frame *frame = &j->file.frame;
    mw_arena *arena = &j->call->arena;
    MW_TRY(cli_frame_file_read(&j->file, err));
    bool *is_other = mw_arena_take_zeroed(arena, frame->n_columns + 1, sizeof *is_other);
    if (!is_other)
        return mw_fail_memory(err, "the rows");
    MW_TRY(find_answers(j, is_other, err));
    MW_TRY(cli_frame_words(frame, &j->words, err));
    mw_status status =
        cli_frame_rows(frame, j->words, &j->forest->schema, is_other, arena, &j->batch, err);
    if (status != MW_OK)
        return mw_at(err, "%s", j->file.path);
    if (j->batch.n_rows > 0)
        return MW_OK;
    mw_fail(err, MW_E_GOLDEN_DATA, "there are no rows");
    mw_at(err, "%s", j->file.path);
    return mw_mend(err, "give a file with a header line and at least one row");
}

/* ---- which rows ------------------------------------------------------------------------------ */

typedef struct ranked {
    double value;
    size_t row;
} ranked;

static int by_value(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (isnan(x->value) || isnan(y->value))
        return isnan(x->value) - isnan(y->value);
    return x->value != y->value ? (x->value > y->value) - (x->value < y->value)
                                : (x->row > y->row) - (x->row < y->row);
}

static mw_status choose(job *j, mw_error *err)
{
    size_t n = j->batch.n_rows, wanted = j->call->settings[CLI_GOLDEN_ROWS].number;
    ranked *all = malloc(n * sizeof *all);
    j->n_kept = n < wanted ? n : wanted;
    j->rows = mw_arena_take(&j->call->arena, j->n_kept * sizeof *j->rows);
    if (!all || !j->rows) {
        free(all);
        return mw_fail_memory(err, "the rows");
    }
    for (size_t row = 0; row < n; row++)
        all[row] = (ranked){j->values[row * j->n_values], row};
    qsort(all, n, sizeof *all, by_value);
    for (size_t i = 0; i < j->n_kept; i++)
        j->rows[i] = all[j->n_kept == 1 ? n / 2 : i * (n - 1) / (j->n_kept - 1)].row;
    free(all);
    return MW_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_value(const job *j, size_t row, size_t i, mw_buf *out)
{
    mw_json_write_double(out, j->answers ? j->file.frame.columns[j->answers[i]].values[row]
                                         : j->values[row * j->n_values + i]);
}

static void write_rows(const job *j, mw_buf *out)
{
    const mw_schema *schema = &j->forest->schema;
    mw_buf_text(out, schema->named ? "{\"dataframe_split\":{\"columns\":[" : "{\"inputs\":[");
    for (size_t f = 0; schema->named && f < schema->n_columns; f++) {
        mw_buf_text(out, f ? "," : "");
        mw_json_write_text(out, schema->columns[f].name);
    }
    mw_buf_text(out, schema->named ? "],\n\"data\":[" : "");
    for (size_t i = 0; i < j->n_kept; i++) {
        mw_buf_text(out, i ? ",\n[" : "\n[");
        for (size_t f = 0; f < schema->n_columns; f++) {
            mw_buf_text(out, f ? "," : "");
            cli_write_cell(&schema->columns[f],
                           j->batch.values[j->rows[i] * j->batch.n_columns + f], out);
        }
        mw_buf_char(out, ']');
    }
    mw_buf_text(out, schema->named ? "]}" : "]");
}

static void write_golden(const job *j, mw_buf *out)
{
    double tolerance = MW_GOLDEN_TOLERANCE;
    const char *text = j->call->settings[CLI_GOLDEN_TOLERANCE].text;
    (void)mw_number_parse(text, strlen(text), &tolerance); /* a word: refused by the replay */
    write_rows(j, out);
    mw_buf_text(out, ",\n\"predictions\":[");
    for (size_t k = 0; k < j->n_kept; k++) {
        mw_buf_text(out, k ? "," : "");
        mw_buf_text(out, j->width == 1 ? "" : "[");
        for (size_t i = 0; i < j->width; i++) {
            mw_buf_text(out, i ? "," : "");
            write_value(j, j->rows[k], i, out);
        }
        mw_buf_text(out, j->width == 1 ? "" : "]");
    }
    mw_buf_text(out, "],\n\"tolerance\":");
    mw_json_write_double(out, tolerance);
    mw_buf_text(out, "}\n");
}

/* ---- the two ways ---------------------------------------------------------------------------- */

/* What is written must hold already: answers of the library that this program does not give are
 * told now, not at the first load. */
static mw_status prove(const job *j, const mw_buf *out, mw_error *err)
{
    mw_golden golden;
    MW_TRY(mw_golden_replay(mw_buf_as_view(out), j->forest, j->predictor, &golden, err));
    if (golden.n_different == 0)
        return MW_OK;
    mw_fail(err, MW_E_GOLDEN_DATA,
            "%zu of the values are not what the model gives: %.9g instead of %.9g",
            golden.n_different, golden.got, golden.expected);
    mw_at(err, "%s, row %zu", j->file.path, j->rows[golden.row] + 1);
    mw_why(err, "they differ by %.2g of their size, and %g is allowed", golden.difference,
           golden.tolerance);
    return mw_mend(err,
                   "are the answers this model's, of these rows, and of the kind that it gives "
                   "(mw predict)? --tolerance allows more");
}

static mw_status keep(const job *j, const mw_buf *out, mw_error *err)
{
    const char *model = j->call->arguments[0];
    bool is_kept = j->path != model && !j->call->settings[CLI_OUTPUT].text;
    if (!is_kept)
        return cli_put(j->call, out, err);
    char address[600];
    snprintf(address, sizeof address, "%s%s",
             mw_is_model_address(mw_view_of(model)) ? "" : "models:/", model);
    MW_TRY(cli_keep_beside(j->call, address, MW_GOLDEN_PATH, mw_buf_as_view(out), err));
    cli_note(j->call, "%s with %zu rows is kept with %s: replayed each time it is loaded",
             MW_GOLDEN_PATH, j->n_kept, address);
    return MW_OK;
}

static mw_status make(job *j, mw_error *err)
{
    mw_buf out;
    j->n_values = mw_predictor_outputs(j->predictor, MW_PREDICTION);
    j->width = j->forest->graph ? j->forest->graph->n_answers : j->n_values;
    MW_TRY(read_rows(j, err));
    j->values = malloc(j->batch.n_rows * j->n_values * sizeof *j->values);
    if (!j->values)
        return mw_fail_memory(err, "the predictions");
    mw_matrix rows = mw_batch_matrix(&j->batch);
    MW_TRY(mw_predict_parallel(j->predictor, &rows, MW_PREDICTION, NULL, j->values, err));
    MW_TRY(choose(j, err));
    mw_buf_init(&out, MW_LIMIT_GOLDEN_BYTES);
    write_golden(j, &out);
    mw_status status = out.failed ? mw_fail_memory(err, "the golden rows") : prove(j, &out, err);
    if (status == MW_OK)
        status = keep(j, &out, err);
    mw_buf_done(&out);
    return status;
}

static mw_status replay(job *j, mw_error *err)
{
    mw_golden golden;
    mw_buf out;
    MW_TRY(mw_golden_check(j->path, j->forest, j->predictor, &golden, err));
    if (golden.n_rows == 0) {
        mw_fail(err, MW_E_GOLDEN_DATA, "there are no golden rows beside this model");
        mw_at(err, "%s", j->path);
        return mw_mend(err, "make some: mw model golden MODEL --data rows.csv");
    }
    mw_buf_init(&out, MW_KIB);
    mw_buf_format(&out, "%zu golden rows, all as they should be; the largest difference is %.2g\n",
                  golden.n_rows, golden.difference);
    mw_status status = cli_put(j->call, &out, err);
    mw_buf_done(&out);
    return status;
}

static mw_status run(job *j, mw_error *err)
{
    const cli_call *call = j->call;
    MW_TRY(cli_model_place(call, call->arguments[0], &j->registry, &j->call->arena, &j->path, err));
    MW_TRY(mw_forest_load(j->path, &j->forest, err));
    MW_TRY(mw_predictor_new(j->forest, &j->predictor, err));
    j->file.path = call->settings[CLI_GOLDEN_ROWS_OF].text;
    return j->file.path ? make(j, err) : replay(j, err);
}

mw_status cli_run_model_golden(cli_call *call, mw_error *err)
{
    job j = {.call = call};
    mw_status status = run(&j, err);
    if (status == MW_MISMATCH && err->code == MW_E_GOLDEN_DIFFERS) {
        cli_print_error(call, err);
        call->exit_code = CLI_EXIT_NO;
        status = MW_OK;
    }
    cli_frame_words_done(&j.file.frame, j.words);
    cli_frame_file_done(&j.file);
    free(j.values);
    mw_predictor_free(j.predictor);
    mw_forest_free(j.forest);
    mw_registry_close(j.registry);
    return status;
}
