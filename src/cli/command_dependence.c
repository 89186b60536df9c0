/* dependence: how predictions move with one feature.
 *
 *     model, rows --> grid (exact steps, even, quantiles, given) --> pdp | ice | ale --> text, csv,
 *                                                                                       json
 */
#include "call.h"
#include "insight/insight.h"
#include "scores.h"
#include "study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { GRID_MAX = 100000, DEFAULT_BINS = 20, CATEGORIES_MAX = 10000 };

typedef enum curve_kind { KIND_PDP, KIND_ICE, KIND_ALE } curve_kind; /* as --kind has them */

typedef struct dependence {
    cli_study study;
    mw_curve curve;
    curve_kind kind;
    bool categorical, exact;
    double *grid;
    size_t n_grid, capacity;
    double *breaks; /* exact: cell i begins with breaks[i - 1] */
    size_t *counts; /* ale: rows of each bin */
    double *values; /* (n_grid, outputs), or of a block of rows */
    size_t n_outputs;
    cli_scores names;
} dependence;

/* ---- grid ------------------------------------------------------------------------------------ */

static const char *grid_wish(const dependence *job)
{
    return job->study.call->settings[CLI_GRID].text;
}

static mw_status fail_grid(const dependence *job, const char *why, mw_error *err)
{
    mw_fail(err, MW_E_GRID, "'%s' is no grid: %s", grid_wish(job), why);
    mw_at(err, "--grid");
    return mw_mend(err, "give exact, quantile, quantile:N, a number of points, or values: 1,2,3");
}

static mw_status make_room(dependence *job, size_t count, mw_error *err)
{
    job->capacity = count;
    job->grid = calloc(count + 1, sizeof *job->grid);
    return job->grid ? MW_OK : mw_fail_memory(err, "the grid");
}

/* "20,30,40", or names of categories. */
static mw_status read_values(dependence *job, mw_error *err)
{
    const mw_column *column = &job->study.forest->schema.columns[job->curve.feature];
    mw_view rest = mw_view_of(grid_wish(job));
    MW_TRY(make_room(job, rest.size + 1, err));
    while (rest.size > 0) {
        const char *comma = memchr(rest.data, ',', rest.size);
        mw_view one = {rest.data, comma ? (size_t)(comma - rest.data) : rest.size};
        size_t taken = one.size + (comma != NULL);
        rest = (mw_view){rest.data + taken, rest.size - taken};
        one = mw_view_trim(one);
        ptrdiff_t code = column->categories ? mw_schema_category(column, one) : -1;
        double value = (double)code;
        if (one.size == 0)
            continue;
        bool missing = mw_view_is(one, "missing");
        if (missing)
            value = (double)NAN;
        else if (code < 0 && (column->categories || !mw_number_parse(one.data, one.size, &value) ||
                              !isfinite(value)))
            return fail_grid(job,
                             column->categories ? "a value is no category of the feature"
                                                : "a value is no number",
                             err);
        job->grid[job->n_grid++] = value;
    }
    return job->n_grid > 0 ? MW_OK : fail_grid(job, "it holds no value", err);
}

static mw_status fail_not_steps(mw_error *err)
{
    mw_fail(err, MW_E_GRID, "the model is linear in places: it has no exact steps");
    mw_at(err, "--grid");
    return mw_mend(err, "give a number of points: --grid 100");
}

static mw_status exact_grid(dependence *job, mw_error *err)
{
    size_t n_breaks;
    if (!mw_forest_has_steps(job->study.forest))
        return fail_not_steps(err);
    MW_TRY(mw_cells_breaks(job->study.forest, job->curve.feature, &job->breaks, &n_breaks, err));
    MW_TRY(make_room(job, n_breaks + 1, err));
    for (size_t cell = 0; cell <= n_breaks; cell++)
        job->grid[cell] = mw_cells_value(job->study.forest->input, job->breaks, n_breaks, cell);
    job->n_grid = n_breaks + 1;
    job->exact = true;
    return MW_OK;
}

static mw_status category_grid(dependence *job, mw_error *err)
{
    const mw_column *column = &job->study.forest->schema.columns[job->curve.feature];
    if (!column->categories) {
        MW_TRY(make_room(job, CATEGORIES_MAX, err));
        return mw_grid_distinct(&job->curve, CATEGORIES_MAX, job->grid, &job->n_grid, err);
    }
    MW_TRY(make_room(job, column->n_categories, err));
    for (size_t i = 0; i < column->n_categories; i++)
        job->grid[i] = (double)i;
    job->n_grid = column->n_categories;
    return MW_OK;
}

static mw_status quantile_grid(dependence *job, uint64_t n_bins, mw_error *err)
{
    MW_TRY(make_room(job, n_bins + 1, err));
    return mw_grid_quantiles(&job->curve, n_bins, job->grid, &job->n_grid, err);
}

static mw_status named_grid(dependence *job, mw_error *err)
{
    uint64_t count;
    mw_view wish = mw_view_of(grid_wish(job));
    bool quantile = mw_view_is(wish, "quantile") || mw_view_starts(wish, "quantile:");
    if (memchr(wish.data, ',', wish.size))
        return read_values(job, err);
    if (mw_view_is(wish, "exact") && job->kind != KIND_ALE)
        return job->categorical ? category_grid(job, err) : exact_grid(job, err);
    if (job->categorical)
        return fail_grid(job, "the feature has categories; leave --grid out for all of them", err);
    if (mw_view_is(wish, "quantile"))
        return quantile_grid(job, DEFAULT_BINS, err);
    if (quantile)
        wish = (mw_view){wish.data + strlen("quantile:"), wish.size - strlen("quantile:")};
    if (!mw_whole_parse(wish, &count) || count < 2 || count > GRID_MAX)
        return fail_grid(job, "a number of points is 2 to 100000", err);
    if (quantile || job->kind == KIND_ALE)
        return quantile_grid(job, count, err);
    MW_TRY(make_room(job, count, err));
    return mw_grid_even(&job->curve, count, job->grid, &job->n_grid, err);
}

static mw_status choose_grid(dependence *job, mw_error *err)
{
    if (job->kind == KIND_ALE && job->categorical) /* before a grid is made: it says why */
        return mw_curve_ale(&job->curve, NULL, 0, NULL, NULL, err);
    if (grid_wish(job))
        return named_grid(job, err);
    if (job->categorical)
        return category_grid(job, err);
    return job->kind == KIND_ALE ? quantile_grid(job, DEFAULT_BINS, err)
           : job->kind == KIND_PDP && mw_forest_has_steps(job->study.forest)
               ? exact_grid(job, err)
               : (make_room(job, 100, err) == MW_OK
                      ? mw_grid_even(&job->curve, 100, job->grid, &job->n_grid, err)
                      : MW_NO_MEMORY);
}

/* ---- values in words ------------------------------------------------------------------------- */

static mw_view feature_name(const dependence *job)
{
    return job->study.forest->schema.columns[job->curve.feature].name;
}

static void put_number(double value, mw_buf *out)
{
    char text[MW_NUMBER_TEXT_BYTES];
    mw_buf_bytes(out, text, mw_number_write_double(text, value, false));
}

/* A grid value: the category's text where there is one. */
static void put_value(const dependence *job, size_t i, bool quoted, mw_buf *out)
{
    const mw_column *column = &job->study.forest->schema.columns[job->curve.feature];
    double value = job->grid[i];
    bool named = column->categories && value >= 0 && value < (double)column->n_categories;
    if (isnan(value))
        mw_buf_text(out, quoted ? "\"missing\"" : "missing");
    else if (named && quoted)
        mw_json_write_text(out, column->categories[(size_t)value]);
    else if (named)
        cli_csv_name(out, column->categories[(size_t)value]);
    else
        put_number(value, out);
}

/* The ends of an exact step; nothing where it is open. */
static void put_end(const dependence *job, size_t i, bool upper, const char *open, mw_buf *out)
{
    bool is_open = upper ? i + 1 == job->n_grid : i == 0;
    if (is_open)
        mw_buf_text(out, open);
    else
        put_number(job->breaks[upper ? i : i - 1], out);
}

/* ---- csv ------------------------------------------------------------------------------------- */

static void csv_header(dependence *job, mw_buf *out)
{
    mw_buf_text(out, job->kind == KIND_ICE ? "row," : "");
    mw_buf_text(out, job->exact ? "from,to" : "value");
    for (size_t m = 0; m < job->n_outputs; m++)
        mw_buf_format(out, ",%s", job->names.names[m]);
    mw_buf_text(out, job->kind == KIND_ALE ? ",rows\n" : "\n");
}

static void csv_line(const dependence *job, size_t i, const double *values, mw_buf *out)
{
    if (job->exact) {
        put_end(job, i, false, "", out);
        mw_buf_char(out, ',');
        put_end(job, i, true, "", out);
    } else
        put_value(job, i, false, out);
    for (size_t m = 0; m < job->n_outputs; m++) {
        mw_buf_char(out, ',');
        put_number(values[m], out);
    }
    if (job->kind == KIND_ALE) /* rows between this edge and the one before */
        mw_buf_format(out, ",%zu", i ? job->counts[i - 1] : 0);
    mw_buf_char(out, '\n');
}

static void write_csv(dependence *job, mw_buf *out)
{
    csv_header(job, out);
    for (size_t i = 0; i < job->n_grid; i++)
        csv_line(job, i, job->values + i * job->n_outputs, out);
}

/* ---- text ------------------------------------------------------------------------------------ */

static void write_text(dependence *job, mw_buf *out)
{
    enum { VALUE_WIDTH = 30, WIDTH = 13 };
    mw_buf_format(out,
                  job->kind == KIND_ALE ? "accumulated effect of %.*s over %zu rows\n"
                                        : "mean by %.*s over %zu rows\n",
                  MW_VIEW_ARG(feature_name(job)), job->study.n_rows);
    size_t line = out->size;
    mw_buf_text(out, job->exact ? "  from (inclusive) to" : "  value");
    for (size_t m = 0; m < job->n_outputs; m++) {
        cli_pad(out, line, VALUE_WIDTH + m * WIDTH);
        mw_buf_text(out, job->names.names[m]);
    }
    mw_buf_char(out, '\n');
    for (size_t i = 0; i < job->n_grid; i++) {
        line = out->size;
        mw_buf_text(out, "  ");
        if (job->exact) {
            put_end(job, i, false, "below", out);
            mw_buf_text(out, i == 0 ? " " : i + 1 == job->n_grid ? " and above" : " to ");
            put_end(job, i, true, "", out);
        } else
            put_value(job, i, false, out);
        for (size_t m = 0; m < job->n_outputs; m++) {
            cli_pad(out, line, VALUE_WIDTH + m * WIDTH);
            mw_buf_format(out, "%.6g", job->values[i * job->n_outputs + m]);
        }
        mw_buf_char(out, '\n');
    }
}

/* ---- json ------------------------------------------------------------------------------------ */

static void json_list(const double *values, size_t count, size_t stride, mw_buf *out)
{
    mw_buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        mw_buf_text(out, i ? "," : "");
        mw_json_write_double(out, values[i * stride]);
    }
    mw_buf_char(out, ']');
}

static void json_grid(const dependence *job, mw_buf *out)
{
    static const char *const kinds[] = {"pdp", "ice", "ale"};
    mw_buf_format(out, "{\"kind\":\"%s\",\"feature\":", kinds[job->kind]);
    mw_json_write_text(out, feature_name(job));
    mw_buf_format(out, ",\"rows\":%zu,\"grid\":[", job->study.n_rows);
    for (size_t i = 0; i < job->n_grid; i++) {
        mw_buf_text(out, i ? "," : "");
        put_value(job, i, true, out);
    }
    mw_buf_char(out, ']');
    for (int upper = 0; job->exact && upper < 2; upper++) {
        mw_buf_format(out, ",\"%s\":[", upper ? "to" : "from");
        for (size_t i = 0; i < job->n_grid; i++) {
            mw_buf_text(out, i ? "," : "");
            put_end(job, i, upper, "null", out);
        }
        mw_buf_char(out, ']');
    }
    if (job->kind == KIND_ALE) {
        mw_buf_text(out, ",\"counts\":[");
        for (size_t i = 0; i + 1 < job->n_grid; i++)
            mw_buf_format(out, "%s%zu", i ? "," : "", job->counts[i]);
        mw_buf_char(out, ']');
    }
}

static void write_json(dependence *job, mw_buf *out)
{
    json_grid(job, out);
    mw_buf_text(out, ",\"outputs\":{");
    for (size_t m = 0; m < job->n_outputs; m++) {
        mw_buf_format(out, "%s%s:", m ? "," : "", job->names.names[m]);
        json_list(job->values + m, job->n_grid, job->n_outputs, out);
    }
    mw_buf_text(out, "}}\n");
}

/* ---- curves of single rows ------------------------------------------------------------------- */

static void put_curve(dependence *job, size_t row, double *values, bool json, mw_buf *out)
{
    bool centred = cli_is_on(job->study.call, CLI_CENTRED);
    size_t n = job->n_outputs;
    for (size_t i = job->n_grid; centred && i-- > 0;)
        for (size_t m = 0; m < n; m++)
            values[i * n + m] -= values[m];
    for (size_t m = 0; json && m < n; m++) {
        mw_buf_format(out, "%s%s:", m ? "," : row ? ",{" : "{", job->names.names[m]);
        json_list(values + m, job->n_grid, n, out);
    }
    if (json)
        mw_buf_char(out, '}');
    for (size_t i = 0; !json && i < job->n_grid; i++) {
        mw_buf_format(out, "%zu,", row);
        csv_line(job, i, values + i * n, out);
    }
}

static mw_status put_curves(dependence *job, bool json, mw_error *err)
{
    mw_buf *out = &job->study.text;
    size_t block = mw_curve_block(&job->curve, job->n_grid), width = job->n_grid * job->n_outputs;
    job->values = calloc(block * width + 1, sizeof *job->values);
    if (!job->values)
        return mw_fail_memory(err, "the curves");
    if (json)
        json_grid(job, out);
    else
        csv_header(job, out);
    mw_buf_text(out, json ? ",\"curves\":[" : "");
    for (size_t first = 0; first < job->study.n_rows; first += block) {
        size_t left = job->study.n_rows - first, n = left < block ? left : block;
        MW_TRY(mw_curve_rows(&job->curve, first, n, job->grid, job->n_grid, job->values, err));
        for (size_t i = 0; i < n; i++)
            put_curve(job, first + i, job->values + i * width, json, out);
    }
    mw_buf_text(out, json ? "]}\n" : "");
    return MW_OK;
}

/* ---- run ------------------------------------------------------------------------------------- */

static mw_status compute(dependence *job, mw_error *err)
{
    job->values = calloc(job->n_grid * job->n_outputs + 1, sizeof *job->values);
    job->counts = calloc(job->n_grid + 1, sizeof *job->counts);
    if (!job->values || !job->counts)
        return mw_fail_memory(err, "the curve");
    if (job->kind == KIND_ALE)
        return mw_curve_ale(&job->curve, job->grid, job->n_grid, job->counts, job->values, err);
    return mw_curve_mean(&job->curve, job->grid, job->n_grid, job->values, err);
}

static mw_status set_up(dependence *job, mw_error *err)
{
    cli_study *study = &job->study;
    const cli_setting *settings = study->call->settings;
    if (!settings[CLI_FEATURE].text) {
        mw_fail(err, MW_E_MISSING_ARGUMENT, "no feature to draw a curve for");
        return mw_mend(err, "name one: --feature NAME; 'mw model show %s' lists them",
                       study->call->arguments[0]);
    }
    MW_TRY(cli_study_load(study, err));
    size_t feature;
    MW_TRY(
        cli_study_feature(study, mw_view_of(settings[CLI_FEATURE].text), "feature", &feature, err));
    MW_TRY(cli_study_open(study, NULL, err));
    MW_TRY(cli_study_read(study, err));
    job->curve = (mw_curve){.forest = study->forest,
                            .predictor = study->predictor,
                            .values = study->values,
                            .n_rows = study->n_rows,
                            .row_stride = study->n_columns,
                            .feature = feature,
                            .output = cli_is_on(study->call, CLI_RAW) ? MW_MARGIN : MW_PREDICTION,
                            .pool = study->pool,
                            .stopped = cli_was_interrupted};
    job->kind = (curve_kind)settings[CLI_CURVE_KIND].number;
    job->categorical = mw_feature_is_categorical(study->forest, feature);
    job->n_outputs = mw_predictor_outputs(study->predictor, job->curve.output);
    return MW_OK;
}

static mw_status run(dependence *job, mw_error *err)
{
    cli_study *study = &job->study;
    cli_report_format format = (cli_report_format)study->call->settings[CLI_REPORT_FORMAT].number;
    MW_TRY(set_up(job, err));
    MW_TRY(cli_scores_init(&job->names, study->forest, study->predictor, job->curve.output,
                           format == CLI_REPORT_JSON, &study->reader.kept, err));
    MW_TRY(choose_grid(job, err));
    if (job->kind == KIND_ICE) {
        MW_TRY(put_curves(job, format == CLI_REPORT_JSON, err));
        return cli_study_put(study, err);
    }
    MW_TRY(compute(job, err));
    (format == CLI_REPORT_TEXT  ? write_text
     : format == CLI_REPORT_CSV ? write_csv
                                : write_json)(job, &study->text);
    return cli_study_put(study, err);
}

mw_status cli_run_dependence(cli_call *call, mw_error *err)
{
    dependence job = {.n_grid = 0};
    cli_study_init(&job.study, call);
    mw_status status = run(&job, err);
    free(job.grid);
    free(job.breaks);
    free(job.counts);
    free(job.values);
    cli_study_done(&job.study);
    return status;
}
