/* Contributions behind an answer: for who keeps them with it, or watches them. A thread of his asks
 * for rows of a version, which is held meanwhile; nothing that answers waits for it. */
#include <stdlib.h>

#include "fleet.h"

enum { PIECE_ROWS = 64 };

typedef struct explanation {
    serve_model *model;
    const mw_explainer *explainer; /* NULL: the model's contrast */
    size_t n_features, n_margins;
    mw_scratch *scratch;
    double *values; /* (PIECE_ROWS at most, n_margins, n_features + 1) */
    size_t piece_rows;
} explanation;

/* ---- whose ----------------------------------------------------------------------------------- */

/* By the plan, as loops do: who explains may hold locks that others take under the fleet's. */
static serve_model *take_model(mw_fleet *fleet, const char *name, unsigned version)
{
    serve_model *found = NULL;
    const unsigned own = fleet->options.n_loops;
    pthread_mutex_lock(&fleet->behind_lock);
    const serve_slot *slot = serve_plan_find(serve_plan_pin(fleet, own), mw_view_of(name));
    if (slot && slot->model && slot->model->version == version)
        found = slot->model;
    else if (slot && slot->challenger && slot->challenger->version == version)
        found = slot->challenger;
    if (found)
        serve_model_ref(found);
    serve_plan_unpin(fleet, own);
    pthread_mutex_unlock(&fleet->behind_lock);
    return found;
}

static bool answers_label(const mw_forest *forest)
{
    return forest->n_predictions == 1 && (forest->transform == MW_TRANSFORM_ARGMAX ||
                                          forest->transform == MW_TRANSFORM_SOFTMAX_LABEL);
}

/* Of several margins those of the predicted class are told: so there must be one. */
static mw_status check_margins(const mw_forest *forest, mw_error *err)
{
    if (forest->n_margins == 1 ||
        (forest->n_classes == forest->n_margins &&
         (forest->n_predictions == forest->n_margins || answers_label(forest))))
        return MW_OK;
    mw_fail(err, MW_E_SERVE_CONTRIBUTIONS,
            "the model answers %zu numbers, of which none is a class", forest->n_predictions);
    return mw_mend(err, "ask for contributions with the request (explain=true), or by mw explain: "
                        "they tell those of each number");
}

/* Without the answer at hand: of the largest margin, which contributions and bias add up to. */
static size_t largest_margin(const explanation *e, const double *values)
{
    size_t best = 0;
    double largest = 0;
    for (size_t m = 0; m < e->n_margins; m++) {
        double margin = 0;
        for (size_t i = 0; i <= e->n_features; i++)
            margin += *values++;
        if (m == 0 || margin > largest) {
            best = m;
            largest = margin;
        }
    }
    return best;
}

static size_t predicted(const explanation *e, const double *values, const double *outputs)
{
    const mw_forest *forest = e->model->forest;
    size_t best = 0;
    if (e->n_margins == 1)
        return 0;
    if (!outputs)
        return largest_margin(e, values);
    if (answers_label(forest))
        return outputs[0] >= 0 && outputs[0] < (double)e->n_margins ? (size_t)outputs[0] : 0;
    for (size_t m = 1; m < e->n_margins; m++)
        best = outputs[m] > outputs[best] ? m : best;
    return best;
}

/* ---- computing ------------------------------------------------------------------------------- */

static mw_status take_room(explanation *e, size_t n_rows, mw_error *err)
{
    size_t row_values = e->n_margins * (e->n_features + 1);
    size_t most = MW_LIMIT_BEHIND_BYTES / sizeof(double) / row_values;
    if (most == 0) {
        mw_fail(err, MW_E_SERVE_CONTRIBUTIONS, "a row has %zu contributions, of %zu classes",
                row_values, e->n_margins);
        return mw_mend(err, "ask for them with the request, of few rows: explain=true");
    }
    e->piece_rows = most < PIECE_ROWS ? most : PIECE_ROWS;
    e->piece_rows = n_rows > 0 && n_rows < e->piece_rows ? n_rows : e->piece_rows;
    e->values = malloc(e->piece_rows * row_values * sizeof *e->values);
    return e->values ? MW_OK : mw_fail_memory(err, "the contributions");
}

static mw_status make_ready(mw_fleet *fleet, explanation *e, size_t n_rows, mw_error *err)
{
    const mw_forest *forest = e->model->forest;
    e->n_features = forest->n_features;
    e->n_margins = forest->n_margins;
    MW_TRY(check_margins(forest, err));
    if (!e->model->contrast)
        MW_TRY(serve_model_explainer(e->model, &e->explainer, err));
    MW_TRY(take_room(e, n_rows, err));
    e->scratch = serve_scratch_take(fleet);
    return e->scratch ? MW_OK : mw_fail_memory(err, "the contributions");
}

static mw_status explain_piece(const explanation *e, const mw_matrix *rows, const double *outputs,
                               double *ret, mw_error *err)
{
    size_t width = e->n_features + 1, n_outputs = e->model->n_outputs;
    MW_TRY(e->explainer ? mw_explain_batch(e->explainer, rows, e->scratch, e->values, err)
                        : mw_contrast_batch(e->model->contrast, rows, e->scratch, e->values, err));
    for (size_t row = 0; row < rows->n_rows; row++) {
        const double *values = e->values + row * e->n_margins * width;
        size_t m = predicted(e, values, outputs ? outputs + row * n_outputs : NULL);
        memcpy(ret + row * width, values + m * width, width * sizeof *ret);
    }
    return MW_OK;
}

static mw_status explain_all(const explanation *e, const mw_matrix *rows, const double *outputs,
                             double *ret, mw_error *err)
{
    for (size_t row = 0; row < rows->n_rows; row += e->piece_rows) {
        size_t n = rows->n_rows - row < e->piece_rows ? rows->n_rows - row : e->piece_rows;
        mw_matrix piece = *rows;
        piece.data = (const double *)rows->data + (ptrdiff_t)row * rows->row_stride;
        piece.n_rows = n;
        MW_TRY(explain_piece(e, &piece, outputs ? outputs + row * e->model->n_outputs : NULL,
                             ret + row * (e->n_features + 1), err));
    }
    return MW_OK;
}

mw_status mw_fleet_explain(mw_fleet *fleet, const char *endpoint, unsigned version,
                           const mw_matrix *rows, const double *outputs, double *ret_values,
                           mw_error *err)
{
    explanation e = {.model = take_model(fleet, endpoint, version)};
    if (!e.model) {
        mw_fail(err, MW_E_ENDPOINT_UNLOADED, "version %u of '%s' is not loaded", version, endpoint);
        return mw_mend(err, "rows that are explained behind their answers need their model");
    }
    mw_status status = make_ready(fleet, &e, rows ? rows->n_rows : 0, err);
    if (status == MW_OK && rows)
        status = explain_all(&e, rows, outputs, ret_values, err);
    if (e.scratch)
        serve_scratch_give(fleet, e.scratch);
    free(e.values);
    serve_model_unref(e.model);
    return status;
}
