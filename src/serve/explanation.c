/* Contributions of a request's rows, and their JSON. */
#include "explanation.h"

#include <math.h>
#include <stdlib.h>

/* ---- computing ------------------------------------------------------------------------------- */

/* Trees and rows that a loop may explain itself; a block of rows costs as much as one. */
#define LOOP_NODE_ROWS 2000000
enum { LANES_ROWS = 16, PARALLEL_ROWS = 256 };

bool serve_explain_is_quick(const serve_call *call)
{
    const serve_model *model = call->slot.model;
    size_t rows = call->rows.n_rows < LANES_ROWS ? LANES_ROWS : call->rows.n_rows;
    size_t nodes = serve_model_explain_nodes(model);
    return nodes < LOOP_NODE_ROWS && rows <= LOOP_NODE_ROWS / (nodes + 1);
}

static mw_status take_room(serve_call *call, size_t row_values, mw_error *err)
{
    size_t count, bytes;
    bool fits = !__builtin_mul_overflow(call->rows.n_rows, row_values, &count) &&
                !__builtin_mul_overflow(count, sizeof(double), &bytes) &&
                bytes <= MW_LIMIT_REPLY_BYTES;
    call->contributions = fits ? mw_arena_take(call->exchange->arena, bytes) : NULL;
    if (call->contributions)
        return MW_OK;
    if (fits)
        return mw_fail_memory(err, "the contributions");
    mw_fail(err, MW_E_SERVE_REPLY_LARGE, "the contributions are too many");
    return mw_mend(err, "send fewer rows at a time");
}

static mw_status explain_against(serve_call *call, mw_scratch *scratch, mw_error *err)
{
    const mw_contrast *contrast = call->slot.model->contrast;
    MW_TRY(take_room(call, mw_contrast_values(contrast), err));
    if (!serve_explain_is_quick(call))
        return mw_contrast_parallel(contrast, &call->rows, serve_pool(call->fleet),
                                    call->contributions, err);
    return mw_contrast_batch(contrast, &call->rows, scratch, call->contributions, err);
}

mw_status serve_explain(serve_call *call, mw_scratch *scratch, mw_error *err)
{
    const mw_explainer *explainer;
    if (call->slot.model->contrast)
        return explain_against(call, scratch, err);
    MW_TRY(serve_model_explainer(call->slot.model, &explainer, err));
    MW_TRY(take_room(call, mw_explainer_values(explainer), err));
    if (call->rows.n_rows >= PARALLEL_ROWS)
        return mw_explain_parallel(explainer, &call->rows, serve_pool(call->fleet),
                                   call->contributions, err);
    return mw_explain_batch(explainer, &call->rows, scratch, call->contributions, err);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* The feature with the largest contribution that is smaller than that of `last` (of equals: stands
 * behind it); SIZE_MAX = before the first. A few passes over the features: `top` is small. */
static size_t next_largest(const double *values, size_t n_features, size_t last)
{
    size_t best = SIZE_MAX;
    for (size_t f = 0; f < n_features; f++) {
        double size = fabs(values[f]);
        if (last != SIZE_MAX) {
            double above = fabs(values[last]);
            if (size > above || (size == above && f <= last))
                continue;
        }
        if (best == SIZE_MAX || size > fabs(values[best]))
            best = f;
    }
    return best;
}

static void write_pair(const mw_schema *schema, size_t f, double value, bool first, mw_buf *out)
{
    mw_buf_text(out, first ? "" : ", ");
    mw_json_write_text(out, schema->columns[f].name);
    mw_buf_text(out, ": ");
    mw_json_write_double(out, value);
}

static void write_largest(const serve_call *call, const double *values, mw_buf *out)
{
    const mw_forest *forest = call->slot.model->forest;
    double others = 0;
    size_t last = SIZE_MAX;
    for (size_t f = 0; f < forest->n_features; f++)
        others += values[f];
    for (size_t i = 0; i < call->explain_top; i++) {
        last = next_largest(values, forest->n_features, last);
        write_pair(&forest->schema, last, values[last], i == 0, out);
        others -= values[last];
    }
    mw_buf_text(out, "}, \"others\": ");
    mw_json_write_double(out, others);
}

void serve_write_class(const mw_forest *forest, size_t m, mw_buf *out)
{
    mw_buf_text(out, "\"class\": ");
    if (forest->class_labels && forest->n_classes == forest->n_margins)
        mw_json_write_text(out, forest->class_labels[m]);
    else
        mw_json_write_int(out, (int64_t)m);
    mw_buf_text(out, ", ");
}

static void write_margin(const serve_call *call, size_t m, const double *values, mw_buf *out)
{
    const mw_forest *forest = call->slot.model->forest;
    size_t n_features = forest->n_features;
    double margin = 0;
    for (size_t i = 0; i <= n_features; i++)
        margin += values[i];
    mw_buf_char(out, '{');
    if (forest->n_margins > 1)
        serve_write_class(forest, m, out);
    mw_buf_text(out, "\"margin\": ");
    mw_json_write_double(out, margin);
    mw_buf_text(out, ", \"bias\": ");
    mw_json_write_double(out, values[n_features]);
    mw_buf_text(out, ", \"contributions\": {");
    if (call->explain_top > 0 && call->explain_top < n_features) {
        write_largest(call, values, out);
    } else {
        for (size_t f = 0; f < n_features; f++)
            write_pair(&forest->schema, f, values[f], f == 0, out);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, '}');
}

void serve_write_explanations(const serve_call *call, mw_buf *out)
{
    const mw_forest *forest = call->slot.model->forest;
    size_t n_margins = forest->n_margins;
    const double *values = call->contributions;
    mw_buf_text(out, "\"explanations\": [");
    for (size_t row = 0; row < call->rows.n_rows && !out->failed; row++) {
        mw_buf_text(out, row > 0 ? ", " : "");
        mw_buf_text(out, n_margins > 1 ? "[" : "");
        for (size_t m = 0; m < n_margins; m++, values += forest->n_features + 1) {
            mw_buf_text(out, m > 0 ? ", " : "");
            write_margin(call, m, values, out);
        }
        mw_buf_text(out, n_margins > 1 ? "]" : "");
    }
    mw_buf_char(out, ']');
}
