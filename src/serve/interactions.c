/* What features of a row moved together (explain/interactions.h), asked of what is served.
 *
 *     {"instances": [row], "parameters": {"top": 20}}
 *     --> {"predictions": [0.8], "interactions": [
 *             {"margin": 1.4, "bias": 0.2, "pairs": [{"features": ["age", "income"], "value": 0.3},
 *                                                    {"features": ["age"], "value": -0.1}, ...],
 *              "others": 0.05}]}
 *
 * One object a margin, with its class where there are several. Bias, pairs and others add up to the
 * margin: a pair is what two moved together, a feature alone what it moved by itself. A worker lays
 * the trees out for it, as contributions of pairs are asked for seldom. */
#include <math.h>
#include <stdlib.h>

#include "explanation.h"

enum { TOP_USUAL = 20 };

typedef struct pair {
    size_t a, b; /* a <= b; equal: by itself */
    double value;
} pair;

/* ---- the question ---------------------------------------------------------------------------- */

typedef struct wish {
    int64_t top;
} wish;

static mw_status read_params(serve_call *call, mw_view params, wish *w, mw_error *err)
{
    mw_scan scan;
    mw_view key;
    bool more;
    mw_scan_init(&scan, params);
    MW_TRY(mw_scan_object_begin(&scan, err));
    for (;;) {
        MW_TRY(mw_scan_object_next(&scan, call->exchange->arena, &key, &more, err));
        if (!more)
            return MW_OK;
        if (!mw_view_is(key, "top")) {
            MW_TRY(mw_scan_skip(&scan, NULL, err));
            continue;
        }
        MW_TRY(mw_scan_integer(&scan, &w->top, err));
        if (w->top < 1 || w->top > MW_LIMIT_SERVED_PAIRS) {
            mw_fail(err, MW_E_SERVE_EXPLAIN, "%lld pairs cannot be told", (long long)w->top);
            mw_at(err, "parameter 'top'");
            return mw_mend(err, "send a number from 1 to %d", MW_LIMIT_SERVED_PAIRS);
        }
    }
}

mw_status serve_read_pairs_wish(serve_call *call, mw_view params, mw_error *err)
{
    wish *w = mw_arena_take_zeroed(call->exchange->arena, 1, sizeof *w);
    if (!w)
        return mw_fail_memory(err, "the pairs");
    w->top = TOP_USUAL;
    call->protocol_data = w;
    MW_TRY(serve_check_one_row(call, "'mw explain --interactions' takes many", err));
    return params.size > 0 ? read_params(call, params, w, err) : MW_OK;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static int by_size(const void *left, const void *right)
{
    double a = fabs(((const pair *)left)->value), b = fabs(((const pair *)right)->value);
    return (a < b) - (a > b);
}

/* The upper half of a symmetric matrix, both halves of a pair together; the largest first. */
static size_t gather(const double *matrix, size_t n_features, pair *pairs)
{
    size_t n = 0, side = n_features + 1;
    for (size_t b = 0; b < n_features; b++)
        for (size_t a = 0; a <= b; a++)
            pairs[n++] = (pair){a, b, matrix[a * side + b] * (a == b ? 1 : 2)};
    qsort(pairs, n, sizeof *pairs, by_size);
    return n;
}

static void put_pair(const mw_schema *schema, const pair *p, mw_buf *out)
{
    mw_buf_text(out, "{\"features\": [");
    mw_json_write_text(out, schema->columns[p->a].name);
    if (p->a != p->b) {
        mw_buf_text(out, ", ");
        mw_json_write_text(out, schema->columns[p->b].name);
    }
    mw_buf_text(out, "], \"value\": ");
    mw_json_write_double(out, p->value);
    mw_buf_char(out, '}');
}

static void put_margin(const serve_call *call, size_t m, const double *matrix, pair *pairs,
                       mw_buf *out)
{
    const mw_forest *forest = call->slot.model->forest;
    size_t n = gather(matrix, forest->n_features, pairs),
           top = (size_t)((wish *)call->protocol_data)->top;
    double bias = matrix[(forest->n_features + 1) * (forest->n_features + 1) - 1], others = 0;
    double margin = bias;
    mw_buf_text(out, m ? ", {" : "{");
    for (size_t i = 0; i < n; i++) {
        margin += pairs[i].value;
        others += i < top ? 0 : pairs[i].value;
    }
    if (forest->n_margins > 1)
        serve_write_class(forest, m, out);
    mw_buf_text(out, "\"margin\": ");
    mw_json_write_double(out, margin);
    mw_buf_text(out, ", \"bias\": ");
    mw_json_write_double(out, bias);
    mw_buf_text(out, ", \"pairs\": [");
    for (size_t i = 0; i < n && i < top; i++) {
        mw_buf_text(out, i ? ", " : "");
        put_pair(&forest->schema, &pairs[i], out);
    }
    mw_buf_text(out, "], \"others\": ");
    mw_json_write_double(out, others);
    mw_buf_char(out, '}');
}

static mw_status write_all(serve_call *call, const mw_interactions *laid, double *values,
                           pair *pairs, mw_error *err)
{
    const mw_forest *forest = call->slot.model->forest;
    mw_buf *out = call->exchange->reply;
    size_t side = forest->n_features + 1;
    if (!values || !pairs)
        return mw_fail_memory(err, "the pairs");
    MW_TRY(mw_interactions_parallel(laid, &call->rows, NULL, values, err));
    MW_TRY(serve_write_predictions(call, err));
    out->size--; /* its closing bracket */
    mw_buf_text(out, ", \"interactions\": [");
    for (size_t m = 0; m < forest->n_margins; m++)
        put_margin(call, m, values + m * side * side, pairs, out);
    mw_buf_text(out, "]}");
    return MW_OK;
}

mw_status serve_write_pairs(serve_call *call, mw_error *err)
{
    mw_interactions *laid;
    const mw_forest *forest = call->slot.model->forest;
    MW_TRY(mw_interactions_new(forest, &laid, err));
    double *values = calloc(mw_interactions_values(laid), sizeof *values);
    pair *pairs = calloc(forest->n_features * (forest->n_features + 1) / 2 + 1, sizeof *pairs);
    mw_status status = write_all(call, laid, values, pairs, err);
    free(pairs);
    free(values);
    mw_interactions_free(laid);
    return status;
}
