/* Contributions as text. */
#include "contributions.h"
#include "scores.h"

#include <math.h>

/* ---- names ----------------------------------------------------------------------------------- */

/* A text as the format has it; NULL when memory is gone. */
static const char *ready(mw_view plain, cli_explain_format format, mw_arena *arena)
{
    mw_buf text;
    mw_buf_init(&text, MW_MIB);
    if (format == CLI_EXPLAIN_CSV)
        cli_csv_name(&text, plain);
    else if (format == CLI_EXPLAIN_JSON)
        mw_json_write_text(&text, plain);
    else
        mw_buf_view(&text, plain);
    const char *kept = text.failed ? NULL : mw_arena_text(arena, mw_buf_as_view(&text));
    mw_buf_done(&text);
    return kept;
}

static const char *feature_name(const cli_contributions *to, size_t f, mw_arena *arena)
{
    char numbered[32];
    mw_view name = to->forest->schema.columns[f].name;
    if (name.size > 0)
        return ready(name, to->format, arena);
    snprintf(numbered, sizeof numbered, "f%zu", f);
    return ready(mw_view_of(numbered), to->format, arena);
}

static const char *output_label(const cli_contributions *to, size_t m, mw_arena *arena)
{
    char numbered[32];
    const mw_forest *forest = to->forest;
    if (forest->class_labels && forest->n_classes == forest->n_margins)
        return ready(forest->class_labels[m], to->format, arena);
    snprintf(numbered, sizeof numbered, "%zu", m);
    return mw_arena_text(arena, mw_view_of(numbered)); /* a number, in JSON too */
}

mw_status cli_contributions_init(cli_contributions *to, const mw_forest *forest,
                                 cli_explain_format format, size_t top, mw_arena *arena,
                                 mw_error *err)
{
    bool taken = true;
    size_t n_labels = forest->n_margins > 1 ? forest->n_margins : 0;
    *to = (cli_contributions){.forest = forest, .format = format, .sum = "margin", .top = top};
    to->names = mw_arena_take_zeroed(arena, forest->n_features, sizeof *to->names);
    to->order = mw_arena_take_zeroed(arena, forest->n_features, sizeof *to->order);
    to->labels = n_labels ? mw_arena_take_zeroed(arena, n_labels, sizeof *to->labels) : NULL;
    if (!to->names || !to->order || (n_labels && !to->labels))
        return mw_fail_memory(err, "the names");
    for (size_t f = 0; f < forest->n_features; f++)
        taken = (to->names[f] = feature_name(to, f, arena)) && taken;
    for (size_t m = 0; m < n_labels; m++)
        taken = (to->labels[m] = output_label(to, m, arena)) && taken;
    return taken ? MW_OK : mw_fail_memory(err, "the names");
}

/* ---- the largest ----------------------------------------------------------------------------- */

/* True when feature a stands before b: larger by size; of equals the first. */
static bool is_before(const double *values, size_t a, size_t b)
{
    double x = fabs(values[a]), y = fabs(values[b]);
    return x > y || (x == y && a < b);
}

/* Heap order of the part of `order` that is not sorted yet: its last one on top. */
static void sift(size_t *order, size_t at, size_t count, const double *values)
{
    for (size_t child = 2 * at + 1; child < count; at = child, child = 2 * at + 1) {
        if (child + 1 < count && is_before(values, order[child], order[child + 1]))
            child++;
        if (!is_before(values, order[at], order[child]))
            return;
        size_t moved = order[at];
        order[at] = order[child];
        order[child] = moved;
    }
}

void cli_contributions_sort(size_t *order, size_t count, const double *values)
{
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    for (size_t i = count / 2; i-- > 0;)
        sift(order, i, count, values);
    for (size_t end = count; end-- > 1;) {
        size_t last = order[0];
        order[0] = order[end];
        order[end] = last;
        sift(order, 0, end, values);
    }
}

static size_t shown_of(const cli_contributions *to)
{
    size_t n_features = to->forest->n_features;
    return to->top && to->top < n_features ? to->top : n_features;
}

static double sum_of(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum;
}

/* What the ones that are not shown add together. */
static double rest_of(const cli_contributions *to, const double *values)
{
    double sum = 0;
    for (size_t i = shown_of(to); i < to->forest->n_features; i++)
        sum += values[to->order[i]];
    return sum;
}

/* ---- formats --------------------------------------------------------------------------------- */

void cli_contributions_header(const cli_contributions *to, mw_buf *out)
{
    if (to->format != CLI_EXPLAIN_CSV)
        return;
    if (to->labels)
        mw_buf_text(out, "class,");
    for (size_t f = 0; f < to->forest->n_features; f++) {
        mw_buf_text(out, to->names[f]);
        mw_buf_char(out, ',');
    }
    mw_buf_text(out, "bias\n");
}

void cli_contributions_numbers(const double *values, size_t count, mw_buf *out)
{
    if (!mw_buf_reserve(out, count * MW_NUMBER_TEXT_BYTES))
        return;
    char *at = out->data + out->size;
    for (size_t i = 0; i < count; i++) {
        at += mw_number_write_double(at, values[i], true);
        *at++ = i + 1 < count ? ',' : '\n';
    }
    *at = '\0';
    out->size = (size_t)(at - out->data);
}

static void csv_line(const cli_contributions *to, size_t m, const double *values, mw_buf *out)
{
    if (to->labels) {
        mw_buf_text(out, to->labels[m]);
        mw_buf_char(out, ',');
    }
    cli_contributions_numbers(values, to->forest->n_features + 1, out);
}

static void json_line(const cli_contributions *to, uint64_t number, size_t m, const double *values,
                      mw_buf *out)
{
    size_t n_features = to->forest->n_features;
    mw_buf_format(out, "{\"row\":%llu", (unsigned long long)number);
    if (to->labels)
        mw_buf_format(out, ",\"class\":%s", to->labels[m]);
    mw_buf_format(out, ",\"%s\":", to->sum);
    mw_json_write_double(out, sum_of(values, n_features + 1));
    mw_buf_text(out, ",\"bias\":");
    mw_json_write_double(out, values[n_features]);
    mw_buf_text(out, ",\"contributions\":{");
    for (size_t i = 0; i < shown_of(to); i++) {
        size_t f = to->top ? to->order[i] : i;
        mw_buf_format(out, "%s%s:", i ? "," : "", to->names[f]);
        mw_json_write_double(out, values[f]);
    }
    mw_buf_char(out, '}');
    if (shown_of(to) < n_features) {
        mw_buf_text(out, ",\"others\":");
        mw_json_write_double(out, rest_of(to, values));
    }
    mw_buf_text(out, "}\n");
}

void cli_contributions_feature(const cli_contributions *to, size_t f, double x, mw_buf *out)
{
    const mw_column *column = &to->forest->schema.columns[f];
    mw_buf_format(out, "%s = ", to->names[f]);
    if (column->hashed && (isnan(x) || x < 0 || x >= (double)column->n_category_hashes))
        mw_buf_text(out, "another"); /* none that a split asks for */
    else if (column->hashed)
        mw_buf_format(out, "hash %08x", column->category_hashes[(size_t)x]);
    else if (isnan(x))
        mw_buf_text(out, "missing");
    else if (column->categories && x >= 0 && x < (double)column->n_categories)
        mw_buf_view(out, column->categories[(size_t)x]);
    else
        mw_buf_format(out, "%.6g", x);
}

void cli_contributions_move(double value, bool several, mw_buf *out)
{
    const char *ending = several ? "" : "s";
    if (value == 0)
        mw_buf_format(out, "do%s not move it\n", several ? "" : "es");
    else
        mw_buf_format(out, "%s%s it by %.6g\n", value > 0 ? "raise" : "lower", ending, fabs(value));
}

static void text_line(const cli_contributions *to, uint64_t number, size_t m, const double *x,
                      const double *values, mw_buf *out)
{
    size_t n_features = to->forest->n_features, shown = shown_of(to);
    mw_buf_format(out, "row %llu", (unsigned long long)number);
    if (to->labels)
        mw_buf_format(out, ", class %s", to->labels[m]);
    mw_buf_format(out, ": %s %.6g, where the mean is %.6g\n", to->sum,
                  sum_of(values, n_features + 1), values[n_features]);
    for (size_t i = 0; i < shown; i++) {
        size_t f = to->order[i];
        mw_buf_text(out, "  ");
        cli_contributions_feature(to, f, x[f], out);
        mw_buf_char(out, ' ');
        cli_contributions_move(values[f], false, out);
    }
    if (shown == n_features)
        return;
    size_t n_others = n_features - shown;
    mw_buf_format(out, n_others > 1 ? "  %zu others together " : "  %zu other ", n_others);
    cli_contributions_move(rest_of(to, values), n_others > 1, out);
}

void cli_contributions_line(const cli_contributions *to, uint64_t number, size_t m, const double *x,
                            const double *values, mw_buf *out)
{
    if (to->top || to->format == CLI_EXPLAIN_TEXT)
        cli_contributions_sort(to->order, to->forest->n_features, values);
    switch (to->format) {
    case CLI_EXPLAIN_CSV:
        csv_line(to, m, values, out);
        break;
    case CLI_EXPLAIN_JSON:
        json_line(to, number, m, values, out);
        break;
    case CLI_EXPLAIN_TEXT:
        text_line(to, number, m, x, values, out);
        break;
    }
}
