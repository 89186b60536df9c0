/* What a model's predictions do when rows change: tests of behaviour, after CheckList (Ribeiro, Wu,
 * Guestrin, Singh 2020). Each runs on rows of --data, evenly taken, and is judged by the share of
 * rows on which it holds, or by how much a metric falls.
 *
 * Monotone is exact on trees: between two thresholds of a feature nothing changes, so that one
 * value in each gap proves it for a row. */
#include "validate.h"

#include <math.h>
#include <stdlib.h>

enum { SWEEP_MAX = 1024, VALUES_MAX = 50, METRIC_ROWS = 20000, WHY_BYTES = 1024 };

typedef struct bench {
    cli_validation *v;
    const cli_candidate *model;
    const cli_behaviour *test;
    size_t n_rows, n_features, n_values; /* rows that are tried; features; values of a prediction */
    size_t *rows;                        /* of the data */
    double *features, *values;           /* of these rows, as they are */
    double *changed, *answers;           /* room for as many */
} bench;

/* ---- rows ------------------------------------------------------------------------------------ */

static void close_bench(bench *b)
{
    free(b->rows);
    free(b->features);
    free(b->values);
    free(b->changed);
    free(b->answers);
}

static mw_status open_bench(bench *b, cli_validation *v, const cli_behaviour *test, size_t most,
                            mw_error *err)
{
    size_t n = most > 0 && most < v->n_rows ? most : v->n_rows;
    size_t f = v->model.features.n_columns, k = v->model.n_values;
    *b = (bench){
        .v = v, .model = &v->model, .test = test, .n_rows = n, .n_features = f, .n_values = k};
    b->rows = malloc((n + 1) * sizeof *b->rows);
    b->features = malloc((n * f + 1) * sizeof(double));
    b->changed = malloc((n * f + 1) * sizeof(double));
    b->values = malloc((n * k + 1) * sizeof(double));
    b->answers = malloc((n * k + 1) * sizeof(double));
    if (!b->rows || !b->features || !b->changed || !b->values || !b->answers)
        return mw_fail_memory(err, "the rows of a test");
    for (size_t i = 0; i < n; i++) {
        b->rows[i] = (size_t)((double)i * (double)v->n_rows / (double)n);
        memcpy(b->features + i * f, v->model.features.values + b->rows[i] * f, f * sizeof(double));
        memcpy(b->values + i * k, v->model.values + b->rows[i] * k, k * sizeof(double));
    }
    return MW_OK;
}

static void restore(bench *b)
{
    memcpy(b->changed, b->features, b->n_rows * b->n_features * sizeof(double));
}

static mw_status ask(bench *b, mw_error *err)
{
    mw_batch batch = {b->changed, b->n_rows, b->n_features};
    return cli_validate_values(b->model, &batch, b->answers, err);
}

/* The one value that rises and falls: of two classes the score of the second. */
static size_t main_value(const bench *b)
{
    const mw_forest *forest = b->model->forest;
    size_t n = forest->graph ? forest->graph->n_answers : b->n_values;
    return b->v->task == MW_TASK_BINARY ? n - 1 : 0;
}

static double largest_change(const bench *b, size_t i)
{
    double most = 0;
    for (size_t k = 0; k < b->n_values; k++) {
        double gap = fabs(b->answers[i * b->n_values + k] - b->values[i * b->n_values + k]);
        most = isnan(gap) ? INFINITY : fmax(most, gap);
    }
    return most;
}

/* ---- results --------------------------------------------------------------------------------- */

/* By the share of rows on which it holds. */
static mw_status add_share(const bench *b, mw_view feature, size_t n_held, size_t worst_row,
                           double worst, const char *more, mw_error *err)
{
    char name[256], why[WHY_BYTES];
    double share = b->n_rows > 0 ? (double)n_held / (double)b->n_rows : (double)NAN;
    cli_check check = {.value = share,
                       .interval = {(double)NAN, (double)NAN},
                       .min = b->test->share,
                       .max = (double)NAN,
                       .line = b->test->line};
    check.verdict = share >= b->test->share ? CLI_PASS : CLI_FAIL;
    snprintf(name, sizeof name, "%.*s%s%.*s", MW_VIEW_ARG(b->test->name),
             feature.size > 0 ? "/" : "", MW_VIEW_ARG(feature));
    check.name = mw_view_of(name);
    if (n_held == b->n_rows)
        snprintf(why, sizeof why, "holds on all %zu rows%s", b->n_rows, more);
    else
        snprintf(why, sizeof why, "holds on %zu of %zu rows%s; worst on row %zu, off by %.4g",
                 n_held, b->n_rows, more, worst_row + 1, worst);
    return cli_validate_add(b->v, &check, why, err);
}

/* By how much the metric falls when `changed` is asked instead. */
static mw_status measure_drop(bench *b, double *ret_drop, mw_error *err)
{
    cli_validation *v = b->v;
    size_t n, k = v->n_classes, at = main_value(b);
    const mw_quality_metric *metric = &mw_quality_metrics(v->task, &n)[v->primary];
    mw_quality *quality[2] = {NULL, NULL};
    double values[2][MW_QUALITY_MAX];
    size_t shares = v->model.shares ? k : 0;
    double *room = malloc((b->n_rows * (4 + 2 * shares) + 1) * sizeof *room);
    uint32_t *query = malloc((b->n_rows + 1) * sizeof *query);
    mw_status status = room && query ? MW_OK : mw_fail_memory(err, "the rows of a test");
    for (int side = 0; side < 2 && status == MW_OK; side++) {
        const double *answers = side ? b->answers : b->values;
        double *truth = room, *weights = room + b->n_rows,
               *predicted = room + (size_t)(2 + side) * b->n_rows;
        double *each = room + 4 * b->n_rows + (size_t)side * shares * b->n_rows;
        for (size_t i = 0; i < b->n_rows; i++) {
            const double *row = answers + i * b->n_values;
            size_t best = 0;
            for (size_t c = 1; c < shares; c++)
                best = row[c] > row[best] ? c : best;
            truth[i] = v->truth[b->rows[i]];
            weights[i] = v->weights ? v->weights[b->rows[i]] : 1;
            query[i] = v->query_of ? v->query_of[b->rows[i]] : 0;
            predicted[i] = shares ? (double)best : row[at];
            if (shares)
                memcpy(each + i * shares, row, shares * sizeof(double));
        }
        mw_judged judged = v->model.judged;
        judged.n_rows = b->n_rows;
        judged.truth = truth;
        judged.weights = v->weights ? weights : NULL;
        judged.predicted = predicted;
        judged.shares = shares ? each : NULL;
        judged.query = query;
        status = mw_quality_new(&judged, &quality[side], err);
        if (status == MW_OK)
            status = mw_quality_of(quality[side], NULL, values[side], NULL, err);
    }
    *ret_drop = status == MW_OK ? values[0][v->primary] - values[1][v->primary] : 0;
    *ret_drop = metric->better < 0 ? -*ret_drop : *ret_drop;
    mw_quality_free(quality[0]);
    mw_quality_free(quality[1]);
    free(room);
    free(query);
    return status;
}

static mw_status add_drop(bench *b, const char *kind, mw_view feature, double drop, mw_error *err)
{
    size_t n;
    char name[256], why[WHY_BYTES];
    cli_check check = {.value = drop,
                       .interval = {(double)NAN, (double)NAN},
                       .min = (double)NAN,
                       .max = b->test->max_drop,
                       .line = b->test->line};
    check.verdict = drop > b->test->max_drop ? CLI_FAIL : CLI_PASS;
    snprintf(name, sizeof name, "%s/%.*s", kind, MW_VIEW_ARG(feature));
    check.name = mw_view_of(name);
    snprintf(why, sizeof why, "%s is %.4g %s on %zu rows",
             mw_quality_metrics(b->v->task, &n)[b->v->primary].name, fabs(drop),
             drop < 0 ? "better" : "worse", b->n_rows);
    return cli_validate_add(b->v, &check, why, err);
}

/* ---- features -------------------------------------------------------------------------------- */

static mw_status find_feature(const bench *b, mw_view name, ptrdiff_t *ret_feature, mw_error *err)
{
    char what[200];
    *ret_feature = mw_schema_find(&b->model->forest->schema, name);
    if (*ret_feature >= 0 || mw_frame_find(&b->v->file.frame, name) >= 0)
        return MW_OK;
    snprintf(what, sizeof what, "there is no feature '%.*s'", MW_VIEW_ARG(name));
    return cli_suite_fail(b->v, b->test->line, b->test->column_of_file, what,
                          "'mw model show MODEL' lists the features", err);
}

/* Of a column that the model does not see nothing can change. */
static mw_status add_unseen(const bench *b, mw_error *err)
{
    char name[256];
    cli_check check = {.value = 1,
                       .interval = {(double)NAN, (double)NAN},
                       .min = b->test->share,
                       .max = (double)NAN,
                       .line = b->test->line};
    snprintf(name, sizeof name, "%.*s/%.*s", MW_VIEW_ARG(b->test->name),
             MW_VIEW_ARG(b->test->feature));
    check.name = mw_view_of(name);
    return cli_validate_add(b->v, &check, "the column is no input of the model", err);
}

static bool is_category(const bench *b, size_t f)
{
    return b->model->forest->schema.columns[f].type == MW_COLUMN_CATEGORY;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Different values of the feature in all rows, at most `most`, evenly taken where there are more.
 */
static mw_status values_of(const bench *b, size_t f, size_t most, double *ret_values, size_t *ret_n,
                           mw_error *err)
{
    const mw_batch *all = &b->model->features;
    double *sorted = malloc((all->n_rows + 1) * sizeof *sorted);
    size_t n = 0, n_different = 0;
    if (!sorted)
        return mw_fail_memory(err, "the values of a column");
    for (size_t row = 0; row < all->n_rows; row++)
        if (!isnan(all->values[row * all->n_columns + f]))
            sorted[n++] = all->values[row * all->n_columns + f];
    qsort(sorted, n, sizeof *sorted, ascending);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || sorted[i] != sorted[i - 1])
            sorted[n_different++] = sorted[i];
    *ret_n = n_different < most ? n_different : most;
    for (size_t i = 0; i < *ret_n; i++)
        ret_values[i] = *ret_n > 1 ? sorted[i * (n_different - 1) / (*ret_n - 1)] : sorted[0];
    free(sorted);
    return MW_OK;
}

/* ---- invariance ------------------------------------------------------------------------------ */

/* The values to set: those of the suite, else those of the rows. */
static mw_status wanted_values(const bench *b, size_t f, double *ret_values, size_t *ret_n,
                               mw_error *err)
{
    const cli_names *names = &b->test->columns;
    const mw_column *column = &b->model->forest->schema.columns[f];
    *ret_n = 0;
    if (names->count == 0)
        return values_of(b, f, VALUES_MAX, ret_values, ret_n, err);
    for (size_t i = 0; i < names->count && i < VALUES_MAX; i++) {
        mw_view text = names->items[i];
        ptrdiff_t code = is_category(b, f) ? mw_schema_category(column, text) : -1;
        double number = (double)code;
        if (code < 0 && !mw_number_parse(text.data, text.size, &number))
            return cli_suite_fail(b->v, b->test->line, b->test->column_of_file,
                                  "a value is none of the feature", "give values that it knows",
                                  err);
        ret_values[(*ret_n)++] = number;
    }
    return MW_OK;
}

static mw_status test_invariance(bench *b, mw_error *err)
{
    ptrdiff_t f;
    size_t n_values = 0, n_held = 0, worst_row = 0;
    double wanted[VALUES_MAX], worst = 0;
    char more[80];
    MW_TRY(find_feature(b, b->test->feature, &f, err));
    if (f < 0)
        return add_unseen(b, err);
    MW_TRY(wanted_values(b, (size_t)f, wanted, &n_values, err));
    double *most = calloc(b->n_rows + 1, sizeof *most);
    if (!most)
        return mw_fail_memory(err, "the rows of a test");
    mw_status status = MW_OK;
    for (size_t k = 0; k < n_values && status == MW_OK; k++) {
        restore(b);
        for (size_t i = 0; i < b->n_rows; i++)
            b->changed[i * b->n_features + (size_t)f] = wanted[k];
        status = ask(b, err);
        for (size_t i = 0; i < b->n_rows && status == MW_OK; i++)
            most[i] = fmax(most[i], largest_change(b, i));
    }
    for (size_t i = 0; i < b->n_rows; i++) {
        n_held += most[i] <= b->test->tolerance;
        if (most[i] > worst) {
            worst = most[i];
            worst_row = b->rows[i];
        }
    }
    free(most);
    MW_TRY(status);
    snprintf(more, sizeof more, ", %zu values tried, tolerance %g", n_values, b->test->tolerance);
    return add_share(b, b->test->feature, n_held, worst_row, worst, more, err);
}

/* ---- monotone -------------------------------------------------------------------------------- */

/* One value in each gap between thresholds; 0 where trees do not tell. */
static size_t gaps_of(const mw_forest *forest, size_t f, double *values)
{
    size_t n = 0, n_different = 0;
    double *thresholds;
    if (forest->graph || forest->before || forest->linear_weights || forest->leaf_linear ||
        forest->n_nodes == 0)
        return 0;
    mw_splits splits = mw_forest_splits(forest);
    thresholds = malloc((splits.n + 1) * sizeof *thresholds);
    if (!thresholds)
        return 0;
    for (size_t i = 0; i < splits.n; i++)
        if (mw_splits_ask(&splits, i) && splits.feature[i] == f)
            thresholds[n++] = splits.threshold[i];
    qsort(thresholds, n, sizeof *thresholds, ascending);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || thresholds[i] != thresholds[i - 1])
            thresholds[n_different++] = thresholds[i];
    n = 0;
    for (size_t i = 0; i < n_different && n_different + 1 <= SWEEP_MAX; i++) {
        if (i == 0)
            values[n++] = thresholds[0] - fmax(1, fabs(thresholds[0]));
        double next = i + 1 < n_different ? thresholds[i + 1]
                                          : thresholds[i] + 2 * fmax(1, fabs(thresholds[i]));
        values[n++] = thresholds[i] + (next - thresholds[i]) / 2;
    }
    free(thresholds);
    return n;
}

static mw_status test_monotone(bench *b, mw_error *err)
{
    ptrdiff_t f;
    double sweep[SWEEP_MAX], worst = 0;
    size_t n_held = b->n_rows, worst_row = 0, at = main_value(b);
    double sign = mw_view_is(b->test->direction, "up") ? 1 : -1;
    char more[100];
    MW_TRY(find_feature(b, b->test->feature, &f, err));
    if (f < 0)
        return add_unseen(b, err);
    if (is_category(b, (size_t)f) || b->v->task == MW_TASK_MULTICLASS)
        return cli_suite_fail(b->v, b->test->line, b->test->column_of_file,
                              "categories have no order, and several classes no direction",
                              "test a number against one score", err);
    size_t n = gaps_of(b->model->forest, (size_t)f, sweep);
    bool is_exact = n > 0;
    if (!is_exact)
        MW_TRY(values_of(b, (size_t)f, b->test->points < SWEEP_MAX ? b->test->points : SWEEP_MAX,
                         sweep, &n, err));
    double *last = malloc((2 * b->n_rows + 1) * sizeof *last), *fell = last + b->n_rows;
    if (!last)
        return mw_fail_memory(err, "the rows of a test");
    for (size_t i = 0; i < b->n_rows; i++) {
        last[i] = -INFINITY;
        fell[i] = 0;
    }
    mw_status status = MW_OK;
    for (size_t k = 0; k < n && status == MW_OK; k++) {
        restore(b);
        for (size_t i = 0; i < b->n_rows; i++)
            b->changed[i * b->n_features + (size_t)f] = sweep[k];
        status = ask(b, err);
        for (size_t i = 0; i < b->n_rows && status == MW_OK; i++) {
            double answer = sign * b->answers[i * b->n_values + at];
            fell[i] = fmax(fell[i], last[i] - answer);
            last[i] = fmax(last[i], answer);
        }
    }
    for (size_t i = 0; i < b->n_rows; i++) {
        n_held -= fell[i] > b->test->tolerance;
        if (fell[i] > worst) {
            worst = fell[i];
            worst_row = b->rows[i];
        }
    }
    free(last);
    MW_TRY(status);
    snprintf(more, sizeof more,
             is_exact ? ", proven by all %zu gaps between thresholds" : ", %zu values tried", n);
    return add_share(b, b->test->feature, n_held, worst_row, worst, more, err);
}

/* ---- directional ----------------------------------------------------------------------------- */

static double moved(const cli_behaviour *t, double value)
{
    return !isnan(t->add) ? value + t->add : !isnan(t->times) ? value * t->times : t->set;
}

static mw_status test_directional(bench *b, mw_error *err)
{
    ptrdiff_t f;
    size_t n_held = 0, worst_row = 0, at = main_value(b);
    double worst = 0, tolerance = b->test->tolerance;
    MW_TRY(find_feature(b, b->test->feature, &f, err));
    if (f < 0)
        return add_unseen(b, err);
    if (is_category(b, (size_t)f) || b->v->task == MW_TASK_MULTICLASS)
        return cli_suite_fail(b->v, b->test->line, b->test->column_of_file,
                              "categories cannot be moved, and several classes have no direction",
                              "test a number against one score", err);
    restore(b);
    for (size_t i = 0; i < b->n_rows; i++) {
        double *value = &b->changed[i * b->n_features + (size_t)f];
        *value = isnan(*value) ? *value : moved(b->test, *value);
    }
    MW_TRY(ask(b, err));
    for (size_t i = 0; i < b->n_rows; i++) {
        double change = b->answers[i * b->n_values + at] - b->values[i * b->n_values + at];
        double off = mw_view_is(b->test->expect, "up")     ? -change
                     : mw_view_is(b->test->expect, "down") ? change
                                                           : fabs(change);
        n_held += off <= tolerance;
        if (off > worst) {
            worst = off;
            worst_row = b->rows[i];
        }
    }
    return add_share(b, b->test->feature, n_held, worst_row, worst, "", err);
}

/* ---- range, determinism ---------------------------------------------------------------------- */

static mw_status test_range(bench *b, mw_error *err)
{
    char why[WHY_BYTES];
    bool is_share = b->v->task == MW_TASK_BINARY || b->v->task == MW_TASK_MULTICLASS;
    size_t n = b->model->forest->graph ? b->model->forest->graph->n_answers : b->n_values;
    double low = INFINITY, high = -INFINITY;
    cli_check check = {.name = MW_VIEW("range"),
                       .interval = {(double)NAN, (double)NAN},
                       .min = b->test->min,
                       .max = b->test->max,
                       .line = b->test->line};
    if (isnan(check.min) && isnan(check.max) && is_share) {
        check.min = 0;
        check.max = 1;
    }
    for (size_t row = 0; row < b->v->n_rows; row++)
        for (size_t k = 0; k < n; k++) {
            low = fmin(low, b->v->model.values[row * b->n_values + k]);
            high = fmax(high, b->v->model.values[row * b->n_values + k]);
        }
    bool is_outside = low < check.min || high > check.max || !isfinite(low) || !isfinite(high);
    check.value = low < check.min ? low : high;
    check.verdict = is_outside ? CLI_FAIL : CLI_PASS;
    snprintf(why, sizeof why, "predictions go from %.6g to %.6g", low, high);
    return cli_validate_add(b->v, &check, why, err);
}

/* Alone, in a batch, and in a batch in another order: the same bits. */
static mw_status test_determinism(bench *b, mw_error *err)
{
    size_t n_held = 0, worst_row = 0, row_bytes = b->n_values * sizeof(double);
    double *alone = malloc(row_bytes + sizeof(double)), worst = 0;
    if (!alone)
        return mw_fail_memory(err, "the rows of a test");
    for (size_t i = 0; i < b->n_rows; i++)
        memcpy(b->changed + i * b->n_features, b->features + (b->n_rows - 1 - i) * b->n_features,
               b->n_features * sizeof(double));
    mw_status status = ask(b, err);
    for (size_t i = 0; i < b->n_rows && status == MW_OK; i++) {
        mw_batch one = {b->features + i * b->n_features, 1, b->n_features};
        const double *expected = b->values + i * b->n_values;
        status = cli_validate_values(b->model, &one, alone, err);
        bool is_same =
            memcmp(alone, expected, row_bytes) == 0 &&
            memcmp(b->answers + (b->n_rows - 1 - i) * b->n_values, expected, row_bytes) == 0;
        n_held += is_same;
        if (!is_same && worst == 0) {
            worst = fabs(alone[0] - expected[0]);
            worst_row = b->rows[i];
        }
    }
    free(alone);
    MW_TRY(status);
    return add_share(b, MW_VIEW(""), n_held, worst_row, worst,
                     ", alone, in a batch and in another order", err);
}

/* ---- missing, noise -------------------------------------------------------------------------- */

static bool is_wanted(const cli_behaviour *t, mw_view feature)
{
    for (size_t i = 0; i < t->columns.count; i++)
        if (mw_view_equal(t->columns.items[i], feature))
            return true;
    return t->columns.count == 0;
}

static mw_status check_columns(const bench *b, mw_error *err)
{
    ptrdiff_t ignored;
    for (size_t i = 0; i < b->test->columns.count; i++)
        MW_TRY(find_feature(b, b->test->columns.items[i], &ignored, err));
    return MW_OK;
}

static mw_status test_missing(bench *b, mw_error *err)
{
    double drop;
    MW_TRY(check_columns(b, err));
    for (size_t f = 0; f < b->n_features; f++) {
        mw_view name = b->model->forest->schema.columns[f].name;
        if (!is_wanted(b->test, name))
            continue;
        restore(b);
        for (size_t i = 0; i < b->n_rows; i++)
            b->changed[i * b->n_features + f] = (double)NAN;
        MW_TRY(ask(b, err));
        MW_TRY(measure_drop(b, &drop, err));
        MW_TRY(add_drop(b, "missing", name, drop, err));
    }
    return MW_OK;
}

static double spread_of(const bench *b, size_t f)
{
    double n = 0, mean = 0, squares = 0;
    for (size_t i = 0; i < b->n_rows; i++) {
        double value = b->features[i * b->n_features + f];
        if (!isfinite(value))
            continue;
        n++;
        double gap = value - mean;
        mean += gap / n;
        squares += gap * (value - mean);
    }
    return n > 1 ? sqrt(squares / n) : 0;
}

/* A share of the spread up or down, evenly; SplitMix64 by the seed. */
static void shake(bench *b)
{
    uint64_t state = b->v->call->settings[CLI_SEED].number;
    restore(b);
    for (size_t f = 0; f < b->n_features; f++) {
        double width = b->test->noise * spread_of(b, f);
        if (is_category(b, f) || !is_wanted(b->test, b->model->forest->schema.columns[f].name))
            continue;
        for (size_t i = 0; i < b->n_rows; i++) {
            uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
            z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
            z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
            double share = (double)((z ^ z >> 31) >> 11) * 0x1p-52 - 1;
            b->changed[i * b->n_features + f] += share * width;
        }
    }
}

static mw_status test_noise(bench *b, mw_error *err)
{
    char name[64], why[WHY_BYTES];
    double sum = 0, drop;
    MW_TRY(check_columns(b, err));
    shake(b);
    MW_TRY(ask(b, err));
    for (size_t i = 0; i < b->n_rows; i++)
        sum += largest_change(b, i) / (double)b->n_rows;
    snprintf(name, sizeof name, "noise/change");
    cli_check check = {.name = mw_view_of(name),
                       .value = sum,
                       .max = b->test->max_change,
                       .interval = {(double)NAN, (double)NAN},
                       .min = (double)NAN,
                       .verdict = sum > b->test->max_change ? CLI_FAIL : CLI_PASS,
                       .line = b->test->line};
    snprintf(why, sizeof why, "%.4g on average, when numbers move by up to %g of their spread", sum,
             b->test->noise);
    MW_TRY(cli_validate_add(b->v, &check, why, err));
    MW_TRY(measure_drop(b, &drop, err));
    return add_drop(b, "noise", MW_VIEW("metric"), drop, err);
}

/* ---- known rows ------------------------------------------------------------------------------ */

static mw_status compare_known(const bench *b, const mw_frame *frame, const mw_batch *rows,
                               size_t expected, mw_error *err)
{
    size_t n_held = 0, worst_row = 0, at = main_value(b);
    double worst = 0;
    double *answers = malloc((rows->n_rows * b->n_values + 1) * sizeof *answers);
    if (!answers)
        return mw_fail_memory(err, "the known rows");
    mw_status status = cli_validate_values(b->model, rows, answers, err);
    for (size_t i = 0; i < rows->n_rows && status == MW_OK; i++) {
        double off = fabs(answers[i * b->n_values + at] - frame->columns[expected].values[i]);
        n_held += off <= b->test->tolerance;
        if (!(off <= worst)) {
            worst = off;
            worst_row = i;
        }
    }
    free(answers);
    MW_TRY(status);
    bench known = *b;
    known.n_rows = rows->n_rows;
    return add_share(&known, MW_VIEW(""), n_held, worst_row, worst, "", err);
}

static mw_status test_known(bench *b, mw_error *err)
{
    char *path = mw_arena_text(&b->v->memory, b->test->file);
    cli_frame_file file = {.path = path};
    mw_batch rows;
    if (!path)
        return mw_fail_memory(err, "the known rows");
    mw_status status = cli_frame_file_read(&file, err);
    ptrdiff_t column = status == MW_OK ? mw_frame_find(&file.frame, b->test->column) : 0;
    if (status == MW_OK && (column < 0 || file.frame.columns[column].is_text))
        status = cli_suite_fail(b->v, b->test->line, b->test->column_of_file,
                                "the file of known rows has no such column of numbers",
                                "name the column of the predictions that are known", err);
    if (status == MW_OK)
        status = mw_batch_read_csv((mw_view){file.bytes, file.size}, &b->model->forest->schema,
                                   &b->v->memory, &rows, err);
    if (status == MW_OK)
        status = compare_known(b, &file.frame, &rows, (size_t)column, err);
    cli_frame_file_done(&file);
    return status;
}

/* ---- all ------------------------------------------------------------------------------------- */

static mw_status run_test(cli_validation *v, const cli_behaviour *t, mw_error *err)
{
    static mw_status (*const tests[CLI_N_BEHAVIOURS])(bench *, mw_error *) = {
        [CLI_INVARIANCE] = test_invariance,
        [CLI_MONOTONE] = test_monotone,
        [CLI_DIRECTIONAL] = test_directional,
        [CLI_RANGE_TEST] = test_range,
        [CLI_DETERMINISM] = test_determinism,
        [CLI_MISSING] = test_missing,
        [CLI_NOISE] = test_noise,
        [CLI_KNOWN_ROWS] = test_known};
    bench b;
    bool by_metric = t->kind == CLI_MISSING || t->kind == CLI_NOISE;
    bool whole = by_metric && v->task == MW_TASK_RANKING; /* queries are not cut */
    mw_status status = open_bench(&b, v, t, whole ? 0 : by_metric ? METRIC_ROWS : t->rows, err);
    if (status == MW_OK)
        status = tests[t->kind](&b, err);
    close_bench(&b);
    return status;
}

/* One row at a time, and all at once; here, without a server in between. */
static mw_status measure_speed(cli_validation *v, mw_error *err)
{
    enum { WARM = 100, TIMED = 1000 };
    static double took[TIMED];
    const mw_batch *all = &v->model.features;
    mw_scratch *scratch = NULL;
    double *answers = malloc((v->n_rows * v->model.n_values + 1) * sizeof *answers);
    mw_status status = answers ? mw_scratch_new(&scratch, err) : mw_fail_memory(err, "the speed");
    for (size_t i = 0; i < WARM + TIMED && status == MW_OK; i++) {
        mw_matrix one = mw_batch_matrix(
            &(mw_batch){all->values + i % v->n_rows * all->n_columns, 1, all->n_columns});
        uint64_t began = mw_clock_ns();
        status = mw_predict_batch(v->model.predictor, &one, MW_PREDICTION, scratch, answers, err);
        if (i >= WARM)
            took[i - WARM] = (double)(mw_clock_ns() - began) / 1e6;
    }
    mw_matrix rows = mw_batch_matrix(all);
    uint64_t began = mw_clock_ns();
    if (status == MW_OK)
        status = mw_predict_batch(v->model.predictor, &rows, MW_PREDICTION, scratch, answers, err);
    v->rows_per_second = (double)v->n_rows / ((double)(mw_clock_ns() - began + 1) / 1e9);
    qsort(took, TIMED, sizeof *took, ascending);
    v->latency_p50_ms = took[TIMED / 2];
    v->latency_p99_ms = took[TIMED - 1 - TIMED / 100];
    mw_scratch_free(scratch);
    free(answers);
    return status;
}

static mw_status add_budget(cli_validation *v, const char *name, double value, double max,
                            const char *unit, unsigned line, mw_error *err)
{
    char why[WHY_BYTES];
    if (isnan(max))
        return MW_OK;
    cli_check check = {.name = mw_view_of(name),
                       .value = value,
                       .max = max,
                       .min = (double)NAN,
                       .interval = {(double)NAN, (double)NAN},
                       .verdict = value > max ? CLI_FAIL : CLI_PASS,
                       .line = line};
    snprintf(why, sizeof why, "%.4g %s, at most %.4g", value, unit, max);
    return cli_validate_add(v, &check, why, err);
}

mw_status cli_validate_behave(cli_validation *v, mw_error *err)
{
    const cli_suite *suite = &v->suite;
    if (!v->model.forest) {
        bool is_asked = suite->n_tests > 0 || suite->latency_line > 0 || suite->size_line > 0;
        return is_asked ? cli_suite_fail(v,
                                         suite->n_tests > 0        ? suite->tests[0].line
                                         : suite->latency_line > 0 ? suite->latency_line
                                                                   : suite->size_line,
                                         1,
                                         "columns of predictions cannot be tested for behaviour, "
                                         "latency or size",
                                         "give the MODEL instead of --predictions", err)
                        : MW_OK;
    }
    for (size_t i = 0; i < suite->n_tests; i++)
        MW_TRY(run_test(v, &suite->tests[i], err));
    MW_TRY(measure_speed(v, err));
    MW_TRY(add_budget(v, "latency/p50", v->latency_p50_ms, suite->max_p50_ms,
                      "ms for one row, without HTTP", suite->latency_line, err));
    MW_TRY(add_budget(v, "latency/p99", v->latency_p99_ms, suite->max_p99_ms,
                      "ms for one row, without HTTP", suite->latency_line, err));
    return add_budget(v, "size/file", (double)v->model.bytes, suite->max_bytes, "bytes",
                      suite->size_line, err);
}
