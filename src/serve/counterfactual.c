/* The nearest change of a row that the model answers otherwise (insight/counterfactual.h), asked of
 * what is served.
 *
 *     {"instances": [row], "parameters": {"want": "<0.5", "fixed": ["age"], "up": [], "down": [],
 *                                         "count": 3, "max_changed": 3}}
 *     --> {"status": "found", "predictions": [0.8],
 *          "answers": [{"prediction": 0.41, "proven": true, "cost": 0.7, "bound": 0.7,
 *                       "changes": {"income": {"from": 2, "to": 9}}}]}
 *
 * A worker searches, at most so long as base/limits.h says. */
#include <math.h>

#include "asked.h"
#include "explanation.h"
#include "insight/insight.h"

#define CHANGE_COST 0.1 /* of each changed feature: of near ones, fewer changes win */
#define NS_PER_MS UINT64_C(1000000)

enum { MAX_CHANGED = 3, MAX_CHANGED_MOST = 10 };

/* What may become of a feature. */
enum { EITHER, UP, DOWN, FIXED };

typedef struct wish {
    mw_want want;
    bool is_said; /* else the other class of two */
    size_t count, max_changed;
    unsigned char *may; /* n_features */
} wish;

/* ---- the question ---------------------------------------------------------------------------- */

static const mw_forest *forest_of(const serve_call *call)
{
    return call->slot.model->forest;
}

static mw_status fail_want(mw_view text, mw_error *err)
{
    mw_fail(err, MW_E_CHANGE_RULE, "'%.*s' is nothing that can be wanted",
            (int)(text.size < 60 ? text.size : 60), text.data);
    return mw_mend(err, "send '>=0.5', '<0.5', a range 10..20, or a class of the model");
}

static mw_status read_want(serve_call *call, mw_scan *scan, wish *w, mw_error *err)
{
    mw_view text;
    MW_TRY(mw_scan_string(scan, call->exchange->arena, &text, err));
    w->is_said = mw_want_read(forest_of(call), text, &w->want);
    return w->is_said ? MW_OK : fail_want(text, err);
}

/* ["age", "sex"] */
static mw_status read_features(serve_call *call, mw_scan *scan, wish *w, unsigned char may,
                               mw_error *err)
{
    bool more;
    mw_view name;
    MW_TRY(mw_scan_array_begin(scan, err));
    for (;;) {
        MW_TRY(mw_scan_array_next(scan, &more, err));
        if (!more)
            return MW_OK;
        MW_TRY(mw_scan_string(scan, call->exchange->arena, &name, err));
        ptrdiff_t feature = mw_schema_find(&forest_of(call)->schema, name);
        if (feature < 0) {
            mw_fail(err, MW_E_CHANGE_RULE, "the model has no feature '%.*s'",
                    (int)(name.size < 60 ? name.size : 60), name.data);
            return mw_mend(err, "GET /v2/models/%s names them", call->slot.endpoint->name);
        }
        w->may[feature] = may;
    }
}

static mw_status read_number(mw_scan *scan, size_t most, size_t *ret_number, mw_error *err)
{
    int64_t number;
    MW_TRY(mw_scan_integer(scan, &number, err));
    if (number < 1 || (size_t)number > most) {
        mw_fail(err, MW_E_CHANGE_RULE, "%lld is not within 1 and %zu", (long long)number, most);
        return mw_mend(err, "leave it out, or send a number from 1 to %zu", most);
    }
    *ret_number = (size_t)number;
    return MW_OK;
}

static mw_status read_param(serve_call *call, mw_scan *scan, wish *w, mw_view key, mw_error *err)
{
    if (mw_view_is(key, "want"))
        return read_want(call, scan, w, err);
    if (mw_view_is(key, "fixed"))
        return read_features(call, scan, w, FIXED, err);
    if (mw_view_is(key, "up"))
        return read_features(call, scan, w, UP, err);
    if (mw_view_is(key, "down"))
        return read_features(call, scan, w, DOWN, err);
    if (mw_view_is(key, "count"))
        return read_number(scan, MW_LIMIT_SERVED_ANSWERS, &w->count, err);
    if (mw_view_is(key, "max_changed"))
        return read_number(scan, MAX_CHANGED_MOST, &w->max_changed, err);
    mw_fail(err, MW_E_CHANGE_RULE, "there is no such parameter");
    return mw_mend(err, "want, fixed, up, down, count and max_changed are there");
}

static mw_status read_params(serve_call *call, mw_view params, wish *w, mw_error *err)
{
    mw_scan scan;
    mw_view key;
    bool more;
    if (params.size == 0)
        return MW_OK;
    mw_scan_init(&scan, params);
    MW_TRY(mw_scan_object_begin(&scan, err));
    for (;;) {
        MW_TRY(mw_scan_object_next(&scan, call->exchange->arena, &key, &more, err));
        if (!more)
            return MW_OK;
        if (read_param(call, &scan, w, key, err) != MW_OK)
            return mw_at(err, "parameter '%.*s'", (int)(key.size < 60 ? key.size : 60), key.data);
    }
}

mw_status serve_check_one_row(const serve_call *call, const char *many, mw_error *err)
{
    if (call->rows.n_rows == 1)
        return MW_OK;
    mw_fail(err, MW_E_SERVE_ROWS, "these are %zu rows, and one is taken at a time",
            call->rows.n_rows);
    return mw_mend(err, "send one row: {\"instances\": [{...}]}; %s", many);
}

mw_status serve_read_wish(serve_call *call, mw_view params, mw_error *err)
{
    mw_arena *arena = call->exchange->arena;
    wish *w = mw_arena_take_zeroed(arena, 1, sizeof *w);
    if (w)
        w->may = mw_arena_take_zeroed(arena, forest_of(call)->n_features + 1, 1);
    if (!w || !w->may)
        return mw_fail_memory(err, "the search");
    MW_TRY(serve_check_one_row(call, "'mw counterfactual' takes many", err));
    w->count = 3;
    w->max_changed = MAX_CHANGED;
    call->protocol_data = w;
    return read_params(call, params, w, err);
}

/* ---- the search ------------------------------------------------------------------------------ */

typedef struct search {
    mw_search how;
    mw_change_rule *rules; /* n_features */
    double *row;           /* n_features */
    double *rows;          /* (count, n_features): what was found */
    double *values;        /* (count, n_outputs): their predictions */
    mw_answer *answers;    /* count + 1 */
    size_t n_found;
    bool holds;
} search;

static mw_status make_room(serve_call *call, const wish *w, search *s, mw_error *err)
{
    mw_arena *arena = call->exchange->arena;
    size_t n = forest_of(call)->n_features;
    s->rules = mw_arena_take_zeroed(arena, n + 1, sizeof *s->rules);
    s->row = mw_arena_take_zeroed(arena, n + 1, sizeof *s->row);
    s->rows = mw_arena_take_zeroed(arena, w->count * n + 1, sizeof *s->rows);
    s->values =
        mw_arena_take_zeroed(arena, w->count * call->slot.model->n_outputs + 1, sizeof *s->values);
    s->answers = mw_arena_take_zeroed(arena, w->count + 1, sizeof *s->answers);
    return s->rules && s->row && s->rows && s->values && s->answers
               ? MW_OK
               : mw_fail_memory(err, "the search");
}

static mw_status learn_rules(serve_call *call, const wish *w, search *s, mw_error *err)
{
    const mw_forest *forest = forest_of(call);
    const mw_rows_seen seen = {s->row, 1, forest->n_features};
    MW_TRY(mw_rules_learn(forest, &seen, NULL, s->rules, err));
    for (size_t f = 0; f < forest->n_features; f++) {
        mw_change_rule *rule = &s->rules[f];
        rule->fixed = rule->fixed || w->may[f] == FIXED;
        if (w->may[f] == UP)
            rule->low = fmax(rule->low, s->row[f]);
        if (w->may[f] == DOWN)
            rule->high = fmin(rule->high, s->row[f]);
    }
    return MW_OK;
}

/* Unsaid: the class that the row is not in, of a model of two. */
static mw_status choose_want(serve_call *call, const wish *w, search *s, mw_error *err)
{
    bool is_one;
    s->how.want = w->want;
    if (w->is_said)
        return MW_OK;
    if (forest_of(call)->n_classes != 2) {
        mw_fail(err, MW_E_CHANGE_RULE, "what is wanted?");
        return mw_mend(err, "say it in the parameters: {\"want\": \">=100\"}, '<0.5', 10..20, or a "
                            "class of the model");
    }
    s->how.want = (mw_want){.is_class = true, .class_wanted = 1};
    MW_TRY(mw_want_holds(&s->how, s->row, &is_one, err));
    s->how.want.class_wanted = !is_one;
    return MW_OK;
}

static mw_status find(serve_call *call, const wish *w, search *s, mw_error *err)
{
    const mw_forest *forest = forest_of(call);
    MW_TRY(make_room(call, w, s, err));
    s->how = (mw_search){.forest = forest,
                         .predictor = call->slot.model->predictor,
                         .rules = s->rules,
                         .max_changed = w->max_changed,
                         .change_cost = CHANGE_COST,
                         .max_boxes = MW_LIMIT_SERVED_BOXES,
                         .max_ns = MW_LIMIT_SERVED_SEARCH_MS * NS_PER_MS};
    for (size_t f = 0; f < forest->n_features; f++)
        s->row[f] = serve_first_row(&call->rows, f);
    MW_TRY(learn_rules(call, w, s, err));
    MW_TRY(choose_want(call, w, s, err));
    MW_TRY(mw_want_holds(&s->how, s->row, &s->holds, err));
    if (!s->holds)
        MW_TRY(mw_counterfactual_find(&s->how, s->row, w->count, s->rows, s->answers, &s->n_found,
                                      err));
    size_t n = forest->n_features;
    const mw_matrix found = {s->rows, MW_FLOAT64, s->n_found, n, (ptrdiff_t)n, 1};
    return s->n_found == 0 ? MW_OK
                           : mw_predict_parallel(call->slot.model->predictor, &found, MW_PREDICTION,
                                                 NULL, s->values, err);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void put_predictions(const serve_call *call, const double *values, mw_buf *out)
{
    size_t n = call->slot.model->n_outputs;
    mw_buf_text(out, n == 1 ? "" : "[");
    for (size_t i = 0; i < n; i++) {
        mw_buf_text(out, i ? ", " : "");
        mw_json_write_double(out, values[i]);
    }
    mw_buf_text(out, n == 1 ? "" : "]");
}

/* A category by its text; NaN is null. */
static void put_value(const mw_column *column, double value, mw_buf *out)
{
    bool is_named = column->categories && value >= 0 && value < (double)column->n_categories;
    if (is_named)
        mw_json_write_text(out, column->categories[(size_t)value]);
    else
        mw_json_write_double(out, value);
}

static void put_changes(const serve_call *call, const double *row, const double *changed,
                        mw_buf *out)
{
    const mw_schema *schema = &forest_of(call)->schema;
    bool is_first = true;
    mw_buf_char(out, '{');
    for (size_t f = 0; f < forest_of(call)->n_features; f++) {
        if (row[f] == changed[f] || (isnan(row[f]) && isnan(changed[f])))
            continue;
        mw_buf_text(out, is_first ? "" : ", ");
        is_first = false;
        mw_json_write_text(out, schema->columns[f].name);
        mw_buf_text(out, ": {\"from\": ");
        put_value(&schema->columns[f], row[f], out);
        mw_buf_text(out, ", \"to\": ");
        put_value(&schema->columns[f], changed[f], out);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, '}');
}

static void put_answer(const serve_call *call, const search *s, size_t k, mw_buf *out)
{
    const mw_answer *answer = &s->answers[k];
    mw_buf_text(out, k ? ", {\"prediction\": " : "{\"prediction\": ");
    put_predictions(call, s->values + k * call->slot.model->n_outputs, out);
    mw_buf_format(out, ", \"proven\": %s, \"cost\": ", answer->proven ? "true" : "false");
    mw_json_write_double(out, answer->cost);
    mw_buf_text(out, ", \"bound\": ");
    mw_json_write_double(out, answer->bound);
    mw_buf_text(out, ", \"changes\": ");
    put_changes(call, s->row, s->rows + k * forest_of(call)->n_features, out);
    mw_buf_char(out, '}');
}

mw_status serve_write_counterfactual(serve_call *call, mw_error *err)
{
    search s = {.n_found = 0};
    mw_buf *out = call->exchange->reply;
    MW_TRY(find(call, call->protocol_data, &s, err));
    const char *status = s.holds                       ? "already"
                         : s.n_found > 0               ? "found"
                         : s.answers[s.n_found].proven ? "impossible"
                                                       : "unknown";
    mw_buf_format(out, "{\"status\": \"%s\", \"predictions\": [", status);
    put_predictions(call, call->values, out);
    mw_buf_text(out, "], \"answers\": [");
    for (size_t k = 0; k < s.n_found; k++)
        put_answer(call, &s, k, out);
    mw_buf_text(out, "]}");
    call->exchange->reply_type = MW_VIEW("application/json");
    return MW_OK;
}
