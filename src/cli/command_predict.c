/* predict: rows of a file in, predictions out, in pieces.
 *
 *     source -> [csv | json lines] -> batch -> predictor (n threads) -> values -> text -> sink
 *
 * Memory is bounded by a piece of text, a batch and its values, however long the file is. */
#include "call.h"
#include "house.h"
#include "predict/predict.h"
#include "row_reader.h"
#include "scores.h"
#include "sink.h"

enum { PARALLEL_ROWS = 1024 /* fewer are not worth starting threads */ };

typedef struct prediction {
    const cli_call *call;
    mw_forest *forest;
    mw_predictor *predictor;
    mw_output output;
    unsigned n_threads;
    mw_pool *pool; /* the other threads, once there was work for them */
    cli_row_reader reader;
    cli_scores scores;
    cli_sink *sink;
    mw_buf text;
    double *values;
    bool header_written;
} prediction;

/* Not before the first rows were good: a file that is wrong from the start gives no output at all.
 */
static void write_header(prediction *job)
{
    if (!job->header_written)
        cli_scores_header(&job->scores, &job->text);
    job->header_written = true;
}

static mw_status predict_rows(prediction *job, const mw_batch *batch, mw_error *err)
{
    mw_matrix matrix = mw_batch_matrix(batch);
    if (!job->pool && job->n_threads > 1 && batch->n_rows >= PARALLEL_ROWS)
        MW_TRY(mw_pool_new(job->n_threads - 1, &job->pool, err));
    MW_TRY(mw_predict_parallel(job->predictor, &matrix, job->output, job->pool, job->values, err));
    mw_buf_reset(&job->text);
    write_header(job);
    for (size_t row = 0; row < batch->n_rows; row++) {
        cli_scores_row(&job->scores, job->values + row * job->scores.n_outputs, &job->text);
        if (job->text.size > MW_MIB) {
            MW_TRY(cli_sink_write(job->sink, mw_buf_as_view(&job->text), err));
            mw_buf_reset(&job->text);
        }
    }
    if (job->text.failed)
        return mw_fail_memory(err, "the predictions");
    return cli_sink_write(job->sink, mw_buf_as_view(&job->text), err);
}

static mw_status predict_all(prediction *job, mw_error *err)
{
    while (!cli_sink_is_broken(job->sink)) {
        mw_batch batch;
        MW_TRY(cli_row_reader_next(&job->reader, &batch, err));
        if (batch.n_rows == 0)
            break;
        MW_TRY(predict_rows(job, &batch, err));
    }
    mw_buf_reset(&job->text);
    write_header(job); /* of a file without rows */
    return cli_sink_write(job->sink, mw_buf_as_view(&job->text), err);
}

/* ---- set up and run -------------------------------------------------------------------------- */

static mw_status make_room(prediction *job, mw_error *err)
{
    size_t n_features = job->forest->n_features, n_outputs = job->scores.n_outputs;
    cli_row_reader_bound(&job->reader, n_features > n_outputs ? n_features : n_outputs);
    job->values = calloc(job->reader.max_rows * (n_outputs ? n_outputs : 1), sizeof(double));
    return job->values ? MW_OK : mw_fail_memory(err, "the predictions");
}

static mw_status run(prediction *job, mw_error *err)
{
    const cli_call *call = job->call;
    const char *path = NULL;
    MW_TRY(cli_row_reader_find(&job->reader, &path, err));
    MW_TRY(mw_forest_load(call->arguments[0], &job->forest, err));
    MW_TRY(mw_predictor_new(job->forest, &job->predictor, err));
    MW_TRY(cli_scores_init(&job->scores, job->forest, job->predictor, job->output,
                           cli_is_on(call, CLI_JSON), &job->reader.kept, err));
    MW_TRY(make_room(job, err));
    job->reader.schema = &job->forest->schema;
    MW_TRY(cli_sink_open(call->settings[CLI_OUTPUT].text, &job->sink, err));
    MW_TRY(cli_row_reader_open(&job->reader, path, err));
    MW_TRY(predict_all(job, err));
    cli_sink *sink = job->sink;
    job->sink = NULL;
    MW_TRY(cli_sink_finish(sink, err));
    cli_row_reader_note(&job->reader, job->n_threads, mw_predictor_kernel(job->predictor));
    return MW_OK;
}

mw_status cli_run_predict(cli_call *call, mw_error *err)
{
    prediction job = {.call = call};
    uint64_t threads = call->settings[CLI_THREADS].number;
    job.output = cli_is_on(call, CLI_RAW) ? MW_MARGIN : MW_PREDICTION;
    job.n_threads = threads ? (unsigned)threads : cli_cores();
    cli_row_reader_init(&job.reader, call);
    mw_buf_init(&job.text, MW_LIMIT_REPLY_BYTES);
    cli_interrupt_watch();
    mw_status status = run(&job, err);
    cli_row_reader_clear(&job.reader);
    cli_sink_abandon(job.sink);
    mw_pool_free(job.pool);
    free(job.values);
    mw_buf_done(&job.text);
    mw_predictor_free(job.predictor);
    mw_forest_free(job.forest);
    cli_row_reader_done(&job.reader);
    return status;
}
