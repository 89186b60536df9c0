/* Parts of the rows: those that were asked for, and the worst ones of all.
 *
 *     column --> a few values, or quarters by quantiles --> combinations of up to `depth` columns
 *     losses of a part against those of the rest: Welch's test, effect sqrt(2) (m - m') / sqrt(s2 +
 *     s'2), Benjamini and Hochberg's p over all that were looked at
 *
 * A part of a part that is reported already is left out, unless it is a quarter worse. After Chung,
 * Kraska, Polyzotis, Tae, Whang: Slice Finder (2019). Not done: their alpha-investing. */
#include "validate.h"

#include <math.h>
#include <stdlib.h>

#include "bands.h"

enum {
    SLICE_COLUMNS = 60,
    DEPTH_MAX = 3,
    FEWEST_ROWS = 30,
    CELLS_MAX = 1 << 16,
    WORK_MAX = 1000000000, /* row steps of the search */
    KEPT_MAX = 20000
};

#define BELIEVED 0.05
#define NOTABLE 1.25 /* so much worse is a part of a part that is told beside it */

typedef struct search {
    cli_validation *v;
    cli_bands columns[SLICE_COLUMNS];
    bool asked[SLICE_COLUMNS];
    size_t n_columns, n_units, min_rows;
    const double *losses;
    const uint32_t *first_row; /* of each unit; NULL: units are rows */
    double all, all_2;         /* sums of losses, and of their squares */
    cli_slice *found;          /* n_found of them, owned */
    size_t n_found, work;
    bool is_cut;
} search;

/* ---- columns --------------------------------------------------------------------------------- */

static bool is_listed(const cli_validation *v, mw_view name)
{
    mw_view list = mw_view_of(v->call->settings[CLI_SLICES].text);
    for (size_t i = 0; i < v->suite.slices.columns.count; i++)
        if (mw_view_equal(v->suite.slices.columns.items[i], name))
            return true;
    while (list.size > 0)
        if (mw_view_equal(cli_item_name(cli_cut_item(&list, ",")), name))
            return true;
    return false;
}

static mw_status fail_slice(const cli_validation *v, mw_view name, mw_error *err)
{
    char what[200];
    snprintf(what, sizeof what, "column '%.*s' is not in the data", MW_VIEW_ARG(name));
    return cli_suite_fail(v, v->suite.slices.line, 1, what,
                          "the header line tells which columns there are", err);
}

static mw_status check_names(const cli_validation *v, mw_error *err)
{
    mw_view list = mw_view_of(v->call->settings[CLI_SLICES].text);
    for (size_t i = 0; i < v->suite.slices.columns.count; i++)
        if (mw_frame_find(&v->file.frame, v->suite.slices.columns.items[i]) < 0)
            return fail_slice(v, v->suite.slices.columns.items[i], err);
    while (list.size > 0) {
        mw_view name = cli_item_name(cli_cut_item(&list, ","));
        if (mw_frame_find(&v->file.frame, name) >= 0)
            continue;
        mw_fail(err, MW_E_VALIDATE_COLUMNS, "the file has no column '%.*s'", MW_VIEW_ARG(name));
        mw_at(err, "--slices");
        return mw_mend(err, "the header line tells which columns there are");
    }
    return MW_OK;
}

static bool is_prediction(const cli_validation *v, mw_view name)
{
    const cli_option_id ids[] = {CLI_PREDICTIONS, CLI_AGAINST};
    for (size_t i = 0; i < MW_COUNT(ids); i++) {
        mw_view list = mw_view_of(v->call->settings[ids[i]].text);
        while (list.size > 0)
            if (mw_view_equal(cli_item_name(cli_cut_item(&list, ",")), name))
                return true;
    }
    return false;
}

static mw_status choose_columns(search *s, mw_error *err)
{
    cli_validation *v = s->v;
    for (size_t c = 0; c < v->file.frame.n_columns && s->n_columns < SLICE_COLUMNS; c++) {
        const mw_frame_column *column = &v->file.frame.columns[c];
        bool asked = is_listed(v, column->name);
        bool is_other =
            c == v->target || c == v->weight || c == v->query || is_prediction(v, column->name);
        if (is_other && !asked)
            continue;
        cli_bands *bands = &s->columns[s->n_columns];
        MW_TRY(cli_bands_make(column, &v->words[c], v->n_rows, &v->memory, bands, err));
        if (bands->n < 2 && !asked)
            continue;
        s->asked[s->n_columns++] = asked;
    }
    return MW_OK;
}

static size_t row_of(const search *s, size_t unit)
{
    return s->first_row ? s->first_row[unit] : unit;
}

static mw_status find_units(search *s, mw_error *err)
{
    const cli_validation *v = s->v;
    s->n_units = mw_quality_units(v->model.quality);
    s->losses = mw_quality_losses(v->model.quality);
    size_t least = s->n_units / 100;
    s->min_rows = v->suite.slices.min_rows ? v->suite.slices.min_rows
                  : least > FEWEST_ROWS    ? least
                                           : FEWEST_ROWS;
    for (size_t i = 0; i < s->n_units; i++) {
        s->all += s->losses[i];
        s->all_2 += s->losses[i] * s->losses[i];
    }
    if (v->task != MW_TASK_RANKING)
        return MW_OK;
    uint32_t *first = mw_arena_take(&s->v->memory, (s->n_units + 1) * sizeof *first);
    if (!first)
        return mw_fail_memory(err, "the queries");
    for (size_t row = v->n_rows; row-- > 0;)
        first[v->query_of[row]] = (uint32_t)row;
    s->first_row = first;
    return MW_OK;
}

/* ---- search ---------------------------------------------------------------------------------- */

typedef struct cell {
    double n, sum, squares;
} cell;

/* Of the part against the rest: worse is positive. */
static void test(const search *s, const cell *c, cli_slice *slice)
{
    double n = c->n, rest = (double)s->n_units - n;
    double mean = c->sum / n, other = (s->all - c->sum) / rest;
    double spread = fmax(0, c->squares / n - mean * mean);
    double other_spread = fmax(0, (s->all_2 - c->squares) / rest - other * other);
    double error = sqrt(spread / (n - 1) + other_spread / (rest - 1));
    slice->n_rows = (size_t)n;
    slice->loss = mean;
    slice->loss_rest = other;
    slice->effect = mean == other ? 0 : sqrt(2) * (mean - other) / sqrt(spread + other_spread);
    slice->p = error > 0 ? mw_normal_tail((mean - other) / error) : mean > other ? 0 : 1;
    slice->p_adjusted = (double)NAN;
}

static mw_status keep(search *s, const size_t *columns, size_t depth, size_t code, const cell *c,
                      mw_error *err)
{
    bool is_asked = depth == 1 && s->asked[columns[0]];
    bool is_large = c->n >= (double)s->min_rows && (double)s->n_units - c->n >= (double)s->min_rows;
    if (c->n == 0 || (!is_large && !is_asked) || s->n_found == KEPT_MAX)
        return MW_OK;
    if (s->n_found % 64 == 0) {
        cli_slice *grown = realloc(s->found, (s->n_found + 64) * sizeof *grown);
        if (!grown)
            return mw_fail_memory(err, "the slices");
        s->found = grown;
    }
    cli_slice *slice = &s->found[s->n_found++];
    *slice = (cli_slice){.n_terms = depth, .is_asked = is_asked, .is_small = !is_large};
    for (size_t k = depth; k-- > 0;) {
        slice->terms[k] = columns[k] * CELLS_MAX + code % s->columns[columns[k]].n;
        code /= s->columns[columns[k]].n;
    }
    test(s, c, slice);
    if (!is_large)
        slice->p = (double)NAN; /* shown, not tested */
    return MW_OK;
}

static mw_status look(search *s, const size_t *columns, size_t depth, mw_error *err)
{
    size_t n_cells = 1;
    for (size_t k = 0; k < depth; k++)
        n_cells *= s->columns[columns[k]].n;
    s->work += s->n_units;
    if (n_cells > CELLS_MAX || s->work > WORK_MAX) {
        s->is_cut = true;
        return MW_OK;
    }
    cell *cells = calloc(n_cells, sizeof *cells);
    if (!cells)
        return mw_fail_memory(err, "the slices");
    for (size_t i = 0; i < s->n_units; i++) {
        size_t row = row_of(s, i), code = 0;
        for (size_t k = 0; k < depth; k++)
            code = code * s->columns[columns[k]].n + s->columns[columns[k]].of_row[row];
        cells[code].n += 1;
        cells[code].sum += s->losses[i];
        cells[code].squares += s->losses[i] * s->losses[i];
    }
    mw_status status = MW_OK;
    for (size_t code = 0; code < n_cells && status == MW_OK; code++)
        status = keep(s, columns, depth, code, &cells[code], err);
    free(cells);
    return status;
}

static mw_status look_deeper(search *s, size_t *columns, size_t at, size_t depth, mw_error *err)
{
    if (at == depth)
        return look(s, columns, depth, err);
    for (size_t c = at > 0 ? columns[at - 1] + 1 : 0; c < s->n_columns; c++) {
        columns[at] = c;
        MW_TRY(look_deeper(s, columns, at + 1, depth, err));
    }
    return MW_OK;
}

static mw_status adjust(search *s, mw_error *err)
{
    double *p = malloc((2 * s->n_found + 1) * sizeof *p);
    if (!p)
        return mw_fail_memory(err, "the slices");
    for (size_t i = 0; i < s->n_found; i++)
        p[i] = s->found[i].p;
    mw_status status = mw_benjamini_hochberg(p, s->n_found, p + s->n_found, err);
    for (size_t i = 0; i < s->n_found && status == MW_OK; i++)
        s->found[i].p_adjusted = p[s->n_found + i];
    free(p);
    return status;
}

/* ---- which are told -------------------------------------------------------------------------- */

/* Fewer terms first, then the worse. */
static int by_worth(const void *a, const void *b)
{
    const cli_slice *x = a, *y = b;
    if (x->is_asked != y->is_asked)
        return x->is_asked ? -1 : 1;
    return (x->effect < y->effect) - (x->effect > y->effect);
}

static bool is_within(const cli_slice *part, const cli_slice *whole)
{
    size_t shared = 0;
    for (size_t i = 0; i < whole->n_terms; i++)
        for (size_t k = 0; k < part->n_terms; k++)
            shared += part->terms[k] == whole->terms[i];
    return shared == whole->n_terms;
}

/* A part whose whole is told, or that holds what is told and is hardly better than it. */
static bool says_something_new(const cli_slice *told, size_t n_told, const cli_slice *slice)
{
    for (size_t i = 0; i < n_told; i++)
        if (is_within(slice, &told[i]) && slice->effect < NOTABLE * told[i].effect)
            return false;
    return true;
}

/* The whole of a narrow part that is not notably worse is told in its place. */
static void prefer_wholes(search *s)
{
    for (size_t i = 0; i < s->n_found; i++)
        for (size_t k = 0; k < s->n_found && s->found[i].n_terms > 1 && !s->found[i].is_asked;
             k++) {
            const cli_slice *whole = &s->found[k];
            if (whole->n_terms < s->found[i].n_terms && whole->p_adjusted < BELIEVED &&
                is_within(&s->found[i], whole) && s->found[i].effect < NOTABLE * whole->effect)
                s->found[i].effect = -1;
        }
}

static mw_status name_slice(search *s, cli_slice *slice, mw_error *err)
{
    mw_buf name;
    mw_buf_init(&name, 64 * MW_KIB);
    for (size_t k = 0; k < slice->n_terms; k++) {
        const cli_bands *bands = &s->columns[slice->terms[k] / CELLS_MAX];
        mw_buf_text(&name, k > 0 ? " & " : "");
        mw_buf_view(&name, bands->column);
        mw_buf_view(&name, bands->names[slice->terms[k] % CELLS_MAX]);
    }
    slice->name = (mw_view){mw_arena_text(&s->v->memory, mw_buf_as_view(&name)), name.size};
    mw_buf_done(&name);
    return slice->name.data ? MW_OK : mw_fail_memory(err, "the slices");
}

static mw_status choose(search *s, mw_error *err)
{
    cli_validation *v = s->v;
    size_t n_asked = 0, n_worst = 0;
    if (s->n_found <= KEPT_MAX / 4)
        prefer_wholes(s);
    qsort(s->found, s->n_found, sizeof *s->found, by_worth);
    while (n_asked < s->n_found && s->found[n_asked].is_asked)
        n_asked++;
    v->slices =
        mw_arena_take(&v->memory, (n_asked + v->suite.slices.worst + 1) * sizeof *v->slices);
    if (!v->slices)
        return mw_fail_memory(err, "the slices");
    for (size_t i = 0; i < s->n_found; i++) {
        cli_slice *slice = &s->found[i];
        bool is_new = n_worst < v->suite.slices.worst && slice->p_adjusted < BELIEVED &&
                      slice->effect > 0 && says_something_new(v->slices, v->n_slices, slice);
        if (!slice->is_asked && !is_new)
            continue;
        n_worst += !slice->is_asked;
        MW_TRY(name_slice(s, slice, err));
        v->slices[v->n_slices++] = *slice;
    }
    return MW_OK;
}

/* ---- how good they are ----------------------------------------------------------------------- */

static bool has_row(const search *s, const cli_slice *slice, size_t row)
{
    for (size_t k = 0; k < slice->n_terms; k++)
        if (s->columns[slice->terms[k] / CELLS_MAX].of_row[row] != slice->terms[k] % CELLS_MAX)
            return false;
    return true;
}

static mw_status measure(search *s, cli_slice *slice, mw_error *err)
{
    const cli_validation *v = s->v;
    size_t k = v->n_classes, n = 0, n_queries = 0;
    bool has_shares = v->model.shares != NULL;
    double *room = malloc((v->n_rows * (3 + (has_shares ? k : 0)) + 1) * sizeof *room);
    uint32_t *query = malloc((v->n_rows + v->n_queries + 1) * sizeof *query);
    if (!room || !query) {
        free(room);
        free(query);
        return mw_fail_memory(err, "the slices");
    }
    double *truth = room, *predicted = truth + v->n_rows, *weights = predicted + v->n_rows;
    uint32_t *number = query + v->n_rows;
    memset(number, 0, v->n_queries * sizeof *number);
    for (size_t row = 0; row < v->n_rows; row++) {
        if (!has_row(s, slice, s->first_row ? s->first_row[v->query_of[row]] : row))
            continue;
        truth[n] = v->truth[row];
        predicted[n] = v->model.predicted[row];
        weights[n] = v->weights ? v->weights[row] : 1;
        if (has_shares)
            memcpy(weights + v->n_rows + n * k, v->model.shares + row * k, k * sizeof(double));
        if (s->first_row && number[v->query_of[row]] == 0)
            number[v->query_of[row]] = (uint32_t)++n_queries;
        query[n++] = s->first_row ? number[v->query_of[row]] - 1 : 0;
    }
    mw_judged judged = v->model.judged;
    judged.n_rows = n;
    judged.truth = truth;
    judged.predicted = predicted;
    judged.weights = v->weights ? weights : NULL;
    judged.shares = has_shares ? weights + v->n_rows : NULL;
    judged.query = query;
    judged.n_queries = n_queries;
    mw_quality *quality = NULL;
    mw_estimate estimates[MW_QUALITY_MAX];
    bool wanted[MW_QUALITY_MAX] = {false};
    wanted[v->sliced] = true;
    mw_status status = mw_quality_new(&judged, &quality, err);
    if (status == MW_OK)
        status = mw_quality_intervals(quality, wanted, v->call->settings[CLI_SEED].number,
                                      estimates, err);
    if (status == MW_OK)
        slice->primary = estimates[v->sliced];
    mw_quality_free(quality);
    free(room);
    free(query);
    return status;
}

/* Many slices are looked at: one fails where the whole interval lies beyond the limit. */
static mw_status check(cli_validation *v, const cli_slice *slice, mw_error *err)
{
    size_t n;
    const mw_quality_metric *metric = &mw_quality_metrics(v->task, &n)[v->sliced];
    double gap = v->suite.slices.max_gap, all = v->model.estimates[v->sliced].value;
    cli_check c = {.value = slice->primary.value,
                   .min = v->suite.slices.min,
                   .max = v->suite.slices.max,
                   .rule = v->suite.slices.undecided,
                   .n_rows = (double)slice->n_rows,
                   .line = v->suite.slices.line,
                   .interval = {slice->primary.low, slice->primary.high}};
    if (!isnan(gap) && metric->better >= 0)
        c.min = isnan(c.min) ? all - gap : fmax(c.min, all - gap);
    if (!isnan(gap) && metric->better < 0)
        c.max = isnan(c.max) ? all + gap : fmin(c.max, all + gap);
    bool is_beyond = c.interval.high < c.min || c.interval.low > c.max;
    bool is_inside = !(c.interval.low < c.min) && !(c.interval.high > c.max);
    c.verdict = slice->is_small || isnan(c.value) || isnan(c.interval.low) ? CLI_UNDECIDED
                : is_beyond                                                ? CLI_FAIL
                : is_inside                                                ? CLI_PASS
                                                                           : CLI_UNDECIDED;
    char name[512], why[512];
    snprintf(name, sizeof name, "slice/%.*s", MW_VIEW_ARG(slice->name));
    c.name = mw_view_of(name);
    char interval[80] = "no interval";
    if (!isnan(c.interval.low))
        snprintf(interval, sizeof interval, "95 %% %.4g to %.4g", c.interval.low, c.interval.high);
    snprintf(why, sizeof why, "%s %.4g, %s, of %zu rows; all rows %.4g%s", metric->name, c.value,
             interval, slice->n_rows, all, slice->is_small ? "; too few rows to judge" : "");
    return cli_validate_add(v, &c, why, err);
}

static mw_status run(search *s, mw_error *err)
{
    cli_validation *v = s->v;
    size_t columns[DEPTH_MAX];
    size_t depth = v->suite.slices.depth < DEPTH_MAX ? v->suite.slices.depth : DEPTH_MAX;
    bool is_judged = !isnan(v->suite.slices.min) || !isnan(v->suite.slices.max) ||
                     !isnan(v->suite.slices.max_gap);
    MW_TRY(find_units(s, err));
    MW_TRY(choose_columns(s, err));
    for (size_t d = 1; d <= depth; d++)
        MW_TRY(look_deeper(s, columns, 0, d, err));
    MW_TRY(adjust(s, err));
    v->n_searched = s->n_found;
    MW_TRY(choose(s, err));
    for (size_t i = 0; i < v->n_slices; i++) {
        MW_TRY(measure(s, &v->slices[i], err));
        if (is_judged)
            MW_TRY(check(v, &v->slices[i], err));
    }
    return s->is_cut ? cli_validate_note(v, err,
                                         "not all combinations of columns were looked at: "
                                         "name fewer, or set a smaller depth")
                     : MW_OK;
}

mw_status cli_validate_slices(cli_validation *v, mw_error *err)
{
    const char *asked = v->call->settings[CLI_SLICES].text;
    if (asked && strcmp(asked, "none") == 0)
        return MW_OK;
    MW_TRY(check_names(v, err));
    search *s = calloc(1, sizeof *s);
    if (!s)
        return mw_fail_memory(err, "the slices");
    s->v = v;
    mw_status status = run(s, err);
    free(s->found);
    free(s);
    return status;
}
