/* Interactions as text. */
#include "interaction_lines.h"

#include <math.h>

mw_status cli_interaction_lines_init(cli_interaction_lines *lines, const cli_contributions *to,
                                     mw_arena *arena, mw_error *err)
{
    size_t n = to->forest->n_features, n_pairs = n * (n + 1) / 2;
    *lines = (cli_interaction_lines){
        .to = to,
        .n_pairs = n_pairs,
        .values = mw_arena_take_zeroed(arena, n_pairs, sizeof *lines->values),
        .order = mw_arena_take_zeroed(arena, n_pairs, sizeof *lines->order)};
    return lines->values && lines->order ? MW_OK : mw_fail_memory(err, "the interactions");
}

/* ---- csv ------------------------------------------------------------------------------------- */

void cli_interaction_lines_header(const cli_interaction_lines *lines, mw_buf *out)
{
    const cli_contributions *to = lines->to;
    if (to->format != CLI_EXPLAIN_CSV)
        return;
    mw_buf_text(out, to->labels ? "class,row,feature," : "row,feature,");
    for (size_t f = 0; f < to->forest->n_features; f++)
        mw_buf_format(out, "%s,", to->names[f]);
    mw_buf_text(out, "bias\n");
}

static void csv_lines(const cli_contributions *to, uint64_t number, size_t m, const double *values,
                      mw_buf *out)
{
    size_t side = to->forest->n_features + 1;
    for (size_t i = 0; i < side; i++, values += side) {
        if (to->labels)
            mw_buf_format(out, "%s,", to->labels[m]);
        mw_buf_format(out, "%llu,%s,", (unsigned long long)number,
                      i + 1 < side ? to->names[i] : "bias");
        cli_contributions_numbers(values, side, out);
    }
}

/* ---- pairs ----------------------------------------------------------------------------------- */

/* Pairs count (0,0) (0,1) (1,1) (0,2) (1,2) (2,2) .. */
static void pair_at(size_t index, size_t *ret_a, size_t *ret_b)
{
    size_t b = (size_t)((sqrt(8 * (double)index + 1) - 1) / 2);
    while (b * (b + 1) / 2 > index)
        b--;
    while ((b + 1) * (b + 2) / 2 <= index)
        b++;
    *ret_a = index - b * (b + 1) / 2;
    *ret_b = b;
}

static void gather(const cli_interaction_lines *lines, const double *values)
{
    size_t n = lines->to->forest->n_features, side = n + 1, index = 0;
    for (size_t b = 0; b < n; b++)
        for (size_t a = 0; a <= b; a++)
            lines->values[index++] = values[a * side + b] * (a == b ? 1 : 2);
    cli_contributions_sort(lines->order, lines->n_pairs, lines->values);
}

static double rest_of(const cli_interaction_lines *lines, size_t shown)
{
    double sum = 0;
    for (size_t i = shown; i < lines->n_pairs; i++)
        sum += lines->values[lines->order[i]];
    return sum;
}

static size_t shown_of(const cli_interaction_lines *lines)
{
    size_t top = lines->to->top;
    return top && top < lines->n_pairs ? top : lines->n_pairs;
}

static void json_pair(const cli_contributions *to, size_t a, size_t b, double value, mw_buf *out)
{
    mw_buf_format(out, "{\"features\":[%s", to->names[a]);
    if (a != b)
        mw_buf_format(out, ",%s", to->names[b]);
    mw_buf_text(out, "],\"value\":");
    mw_json_write_double(out, value);
    mw_buf_char(out, '}');
}

static void json_line(const cli_interaction_lines *lines, uint64_t number, size_t m, double bias,
                      mw_buf *out)
{
    const cli_contributions *to = lines->to;
    size_t shown = shown_of(lines);
    mw_buf_format(out, "{\"row\":%llu", (unsigned long long)number);
    if (to->labels)
        mw_buf_format(out, ",\"class\":%s", to->labels[m]);
    mw_buf_format(out, ",\"%s\":", to->sum);
    mw_json_write_double(out, bias + rest_of(lines, 0));
    mw_buf_text(out, ",\"bias\":");
    mw_json_write_double(out, bias);
    mw_buf_text(out, ",\"interactions\":[");
    for (size_t i = 0; i < shown; i++) {
        size_t index = to->top ? lines->order[i] : i, a, b;
        pair_at(index, &a, &b);
        if (i > 0)
            mw_buf_char(out, ',');
        json_pair(to, a, b, lines->values[index], out);
    }
    mw_buf_char(out, ']');
    if (shown < lines->n_pairs) {
        mw_buf_text(out, ",\"others\":");
        mw_json_write_double(out, rest_of(lines, shown));
    }
    mw_buf_text(out, "}\n");
}

static void text_line(const cli_interaction_lines *lines, uint64_t number, size_t m,
                      const double *x, double bias, mw_buf *out)
{
    const cli_contributions *to = lines->to;
    size_t shown = shown_of(lines), n_others = lines->n_pairs - shown;
    mw_buf_format(out, "row %llu", (unsigned long long)number);
    if (to->labels)
        mw_buf_format(out, ", class %s", to->labels[m]);
    mw_buf_format(out, ": %s %.6g, where the mean is %.6g\n", to->sum, bias + rest_of(lines, 0),
                  bias);
    for (size_t i = 0; i < shown; i++) {
        size_t a, b;
        pair_at(lines->order[i], &a, &b);
        mw_buf_text(out, "  ");
        cli_contributions_feature(to, a, x[a], out);
        if (a != b) {
            mw_buf_text(out, " with ");
            cli_contributions_feature(to, b, x[b], out);
        }
        mw_buf_text(out, a != b ? " " : " alone ");
        cli_contributions_move(lines->values[lines->order[i]], false, out);
    }
    if (n_others == 0)
        return;
    mw_buf_format(out, n_others > 1 ? "  %zu others together " : "  %zu other ", n_others);
    cli_contributions_move(rest_of(lines, shown), n_others > 1, out);
}

void cli_interaction_lines_put(const cli_interaction_lines *lines, uint64_t number, size_t m,
                               const double *x, const double *values, mw_buf *out)
{
    size_t side = lines->to->forest->n_features + 1;
    double bias = values[side * side - 1];
    if (lines->to->format == CLI_EXPLAIN_CSV) {
        csv_lines(lines->to, number, m, values, out);
        return;
    }
    gather(lines, values);
    if (lines->to->format == CLI_EXPLAIN_JSON)
        json_line(lines, number, m, bias, out);
    else
        text_line(lines, number, m, x, bias, out);
}
