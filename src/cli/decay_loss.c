/* decay estimate of a regression: DLE, by models of its loss.
 *
 *     --loss mae=FILE,mse=FILE
 *     rows --that model--> losses --chunks--> MAE; MSE, RMSE; ...
 *
 * Each model was trained on the loss of reference rows, from their features and the prediction, as
 * NannyML does; any that mw reads will do. It is the user's: other trees than LightGBM's, as those
 * that the watch grows (stats: boost.c), would not be NannyML's number
 * (docs/how-to/tell-what-was-true.md). */
#include "decay.h"
#include "members.h"
#include "predict/predict.h"

#include <math.h>
#include <stdlib.h>

typedef struct loss_model {
    mw_loss loss;
    char *path;
    mw_forest *forest;
    mw_predictor *predictor;
} loss_model;

typedef struct losses {
    loss_model models[MW_N_LOSSES];
    size_t n;
    mw_loss_metric metrics[MW_N_LOSS_METRICS]; /* of job->metrics */
    size_t model_of[MW_N_LOSS_METRICS];        /* for each of them */
} losses;

/* ---- models ---------------------------------------------------------------------------------- */

static mw_status fail_word(mw_view word, mw_error *err)
{
    mw_fail(err, MW_E_OPTION_VALUE, "'%.*s' is no error of a regression", MW_VIEW_ARG(word));
    mw_at(err, "--loss");
    return mw_mend(err, "mae, mape, mse (also for rmse) or msle (also for rmsle) and the model "
                        "that predicts it of a row: --loss mae=mae.txt,mse=mse.txt");
}

static mw_status loss_named(mw_view word, mw_loss *ret_loss, mw_error *err)
{
    for (mw_loss_metric m = 0; m < MW_N_LOSS_METRICS; m++)
        if (mw_view_is_nocase(word, mw_loss_name(m))) {
            *ret_loss = mw_loss_of(m);
            return MW_OK;
        }
    return fail_word(word, err);
}

static mw_status load(loss_model *model, mw_error *err)
{
    MW_TRY(mw_forest_load(model->path, &model->forest, err));
    MW_TRY(mw_predictor_new(model->forest, &model->predictor, err));
    size_t n = mw_predictor_outputs(model->predictor, MW_PREDICTION);
    if (n == 1 && model->forest->n_classes < 2)
        return MW_OK;
    mw_fail(err, MW_E_DECAY_LOSS_MODEL, "it is no regression: it has %zu outputs", n);
    mw_at(err, "%s", model->path);
    return mw_mend(err, "train a regressor on the loss of each reference row: "
                        "lightgbm.LGBMRegressor().fit(X, abs(y - prediction))");
}

/* "mae=FILE"; a file alone is of the absolute error. */
static mw_status add_model(losses *all, mw_view part, mw_error *err)
{
    mw_view path = part;
    mw_loss loss = MW_LOSS_ABSOLUTE;
    if (part.size > 0 && memchr(part.data, '=', part.size))
        MW_TRY(loss_named(mw_view_trim(mw_view_cut(&path, '=')), &loss, err));
    for (size_t i = 0; i < all->n; i++)
        if (all->models[i].loss == loss) {
            mw_fail(err, MW_E_OPTION_VALUE, "two models of one loss: %s and %.*s",
                    all->models[i].path, MW_VIEW_ARG(path));
            mw_at(err, "--loss");
            return mw_mend(err, "one model serves mse and rmse, one msle and rmsle");
        }
    loss_model *model = &all->models[all->n++];
    *model = (loss_model){.loss = loss, .path = strndup(path.data, path.size)};
    return model->path ? load(model, err) : mw_fail_memory(err, "the models of losses");
}

static mw_status begin(cli_decay *job, mw_error *err)
{
    mw_view rest = mw_view_of(job->call->settings[CLI_DECAY_LOSS].text);
    losses *all = job->of_method = calloc(1, sizeof *all);
    if (!all)
        return mw_fail_memory(err, "the models of losses");
    do
        MW_TRY(add_model(all, mw_view_trim(mw_view_cut(&rest, ',')), err));
    while (rest.size > 0);
    for (mw_loss_metric m = 0; m < MW_N_LOSS_METRICS; m++)
        for (size_t i = 0; i < all->n; i++)
            if (all->models[i].loss == mw_loss_of(m)) {
                all->metrics[job->n_metrics] = m;
                all->model_of[job->n_metrics] = i;
                job->metrics[job->n_metrics++] = mw_loss_name(m);
            }
    return MW_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* What the model predicts of each row of the file. */
static mw_status predict(const cli_decay *job, const cli_decay_rows *rows, const loss_model *model,
                         double *ret_losses, mw_error *err)
{
    mw_arena arena;
    mw_batch batch;
    const mw_frame *frame = &rows->file.frame;
    const char *label = job->call->settings[CLI_DECAY_LABEL].text;
    bool *is_other = calloc(frame->n_columns + 1, sizeof *is_other);
    mw_arena_init(&arena, 64 * MW_KIB, MW_LIMIT_STUDY_BYTES);
    /* a model without names takes columns by their order, and the label is none of them */
    for (size_t c = 0; is_other && c < frame->n_columns; c++)
        is_other[c] = mw_view_is(frame->columns[c].name, label);
    mw_status status = is_other ? cli_frame_rows(frame, rows->words, &model->forest->schema,
                                                 is_other, &arena, &batch, err)
                                : mw_fail_memory(err, "the rows");
    if (status == MW_OK) {
        mw_matrix matrix = mw_batch_matrix(&batch);
        status =
            mw_predict_parallel(model->predictor, &matrix, MW_PREDICTION, NULL, ret_losses, err);
    }
    if (status != MW_OK)
        mw_at(err, "%s, for the model of the loss %s", rows->file.path, model->path);
    mw_arena_done(&arena);
    free(is_other);
    return status;
}

/* NannyML refuses negative numbers here; -1 is where the logarithm ends. */
static mw_status check_signs(const cli_decay *job, const cli_decay_rows *rows, const double *values,
                             const char *column, mw_error *err)
{
    const losses *all = job->of_method;
    bool takes_logarithms = false;
    for (size_t i = 0; i < all->n; i++)
        takes_logarithms |= all->models[i].loss == MW_LOSS_SQUARED_LOG;
    for (size_t i = 0; takes_logarithms && i < rows->file.frame.n_rows; i++)
        if (values[i] < 0) {
            mw_fail(err, MW_E_DECAY_COLUMNS, "%.17g in column '%s' is negative", values[i], column);
            mw_at(err, "%s: row %zu", rows->file.path, i);
            return mw_mend(err, "logarithmic errors are of numbers from 0 on: leave msle out of "
                                "--loss");
        }
    return MW_OK;
}

static mw_status gather(cli_decay *job, cli_decay_rows *rows, bool is_reference, double *block,
                        mw_error *err)
{
    const cli_setting *settings = job->call->settings;
    const char *label = settings[CLI_DECAY_LABEL].text, *score = settings[CLI_DECAY_SCORE].text;
    const losses *all = job->of_method;
    const double *predictions, *labels = NULL, *scores[MW_N_LOSSES];
    MW_TRY(cli_frame_words(&rows->file.frame, &rows->words, err));
    MW_TRY(cli_decay_numbers(&rows->file, mw_view_of(score), &predictions, err));
    MW_TRY(check_signs(job, rows, predictions, score, err));
    if (cli_decay_has_labels(job, rows, is_reference)) {
        MW_TRY(cli_decay_numbers(&rows->file, mw_view_of(label), &labels, err));
        MW_TRY(check_signs(job, rows, labels, label, err));
    }
    for (size_t i = 0; i < all->n; i++) {
        double *predicted = block + i * rows->file.frame.n_rows;
        MW_TRY(predict(job, rows, &all->models[i], predicted, err));
        scores[i] = predicted;
    }
    return cli_decay_keep(rows, scores, all->n, predictions, labels, is_reference, err);
}

static mw_status read_regression(cli_decay *job, cli_decay_rows *rows, bool is_reference,
                                 mw_error *err)
{
    const losses *all = job->of_method;
    double *block = malloc((all->n * rows->file.frame.n_rows + 1) * sizeof *block);
    mw_status status =
        block ? gather(job, rows, is_reference, block, err) : mw_fail_memory(err, "the losses");
    free(block);
    return status;
}

/* ---- estimating ------------------------------------------------------------------------------ */

static mw_status fit(cli_decay *job, mw_error *err)
{
    (void)err;
    const losses *all = job->of_method;
    const cli_decay_rows *r = &job->reference;
    for (size_t m = 0; m < job->n_metrics; m++)
        job->errors[m] = mw_loss_error(all->metrics[m], r->labels, r->decisions, r->n);
    return MW_OK;
}

static mw_status measure(const cli_decay *job, const cli_decay_rows *rows, cli_decay_chunk *chunk,
                         mw_error *err)
{
    (void)err;
    const losses *all = job->of_method;
    size_t first = chunk->first;
    for (size_t m = 0; m < job->n_metrics; m++) {
        const double *predicted = rows->scores + all->model_of[m] * rows->room + first;
        chunk->estimated[m] = mw_loss_estimate(all->metrics[m], predicted, chunk->n);
        if (rows->labels)
            chunk->realized[m] = mw_loss_realized(all->metrics[m], rows->labels + first,
                                                  rows->decisions + first, chunk->n);
    }
    return MW_OK;
}

/* ---- the report ------------------------------------------------------------------------------ */

static void json(const cli_decay *job, mw_buf *out)
{
    const losses *all = job->of_method;
    cli_member(out, "models");
    for (size_t i = 0; i < all->n; i++) {
        mw_buf_char(out, i ? ',' : '[');
        mw_json_write_text(out, mw_view_of(all->models[i].path));
    }
    mw_buf_char(out, ']');
}

static void text(const cli_decay *job, mw_buf *out)
{
    const losses *all = job->of_method;
    mw_buf_text(out, "DLE, the loss of each row by");
    for (size_t i = 0; i < all->n; i++)
        mw_buf_format(out, "%s %s", i ? "," : "", all->models[i].path);
}

static void done(cli_decay *job)
{
    losses *all = job->of_method;
    for (size_t i = 0; all && i < all->n; i++) {
        mw_predictor_free(all->models[i].predictor);
        mw_forest_free(all->models[i].forest);
        free(all->models[i].path);
    }
    free(all);
}

const cli_decay_method cli_decay_loss = {
    "dle", (double)INFINITY, begin, read_regression, fit, measure, json, text, done};
