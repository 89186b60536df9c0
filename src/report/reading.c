/* Findings are read. */
#include "reading.h"

#include <math.h>

#include "page.h"

#include "base/banned.h"

enum { LABEL_BYTES = 256 };

mw_view reading_text(const mw_json *node, const char *key)
{
    return mw_json_text(mw_json_member(node, key));
}

double reading_number(const mw_json *node, const char *key)
{
    double value = NAN;
    (void)mw_json_number(mw_json_member(node, key), &value);
    return value;
}

double reading_count(const mw_json *node, const char *key)
{
    return fmax(0, reading_number(node, key));
}

bool reading_is(const mw_json *node, const char *key)
{
    return mw_json_bool(mw_json_member(node, key), false);
}

double reading_moment(mw_view text)
{
    struct tm utc = {0};
    char room[24];
    if (text.size < 19 || text.data[10] != 'T')
        return NAN;
    snprintf(room, sizeof room, "%.19s", text.data);
    const char *end = strptime(room, "%Y-%m-%dT%H:%M:%S", &utc);
    return end && !*end ? (double)timegm(&utc) : (double)NAN;
}

double reading_time(const mw_json *node, const char *key)
{
    const mw_json *member = mw_json_member(node, key);
    double ms;
    return mw_json_number(member, &ms) ? ms / 1000 : reading_moment(mw_json_text(member));
}

/* ---- bins ------------------------------------------------------------------------------------ */

/* The smallest number below nothing is the edge of "nothing or less". */
static double edge_of(double value)
{
    return fabs(value) < 1e-300 ? 0 : value;
}

static void put_range(mw_buf *out, double low, double high)
{
    if (isnan(low) && isnan(high)) {
        mw_buf_text(out, "all");
        return;
    }
    mw_buf_text(out, isnan(low) ? "up to " : isnan(high) ? "above " : "");
    if (!isnan(low))
        mw_put_number(out, edge_of(low));
    mw_buf_text(out, isnan(low) || isnan(high) ? "" : " to ");
    if (!isnan(high))
        mw_put_number(out, edge_of(high));
}

static void put_bin(mw_buf *out, const mw_json *bin)
{
    mw_view kind = reading_text(bin, "kind");
    const mw_json *category = mw_json_member(bin, "category");
    if (mw_view_is(kind, "missing") || reading_is(bin, "missing"))
        mw_buf_text(out, "missing");
    else if (mw_view_is(kind, "others") || mw_view_is(kind, "new"))
        mw_buf_format(out, "(%.*s)", MW_VIEW_ARG(kind));
    else if (mw_json_is_text(category))
        mw_buf_view(out, mw_json_text(category));
    else
        put_range(out, reading_number(bin, "low"), reading_number(bin, "high"));
}

static double count_of(const mw_json *bin, const char *side)
{
    double count = reading_number(bin, side);
    return isfinite(count) && count > 0 ? count : 0;
}

static bool take_room(reading_bins *bins, size_t n, mw_arena *arena)
{
    bins->labels = mw_arena_take_zeroed(arena, n + 1, sizeof *bins->labels);
    bins->before = mw_arena_take_zeroed(arena, n + 1, sizeof *bins->before);
    bins->now = mw_arena_take_zeroed(arena, n + 1, sizeof *bins->now);
    return bins->labels && bins->before && bins->now;
}

void reading_of_bins(const mw_json *list, mw_arena *arena, reading_bins *ret)
{
    mw_buf text;
    size_t n = mw_json_count(list);
    *ret = (reading_bins){.n = 0};
    if (!mw_json_is_array(list) || !take_room(ret, n, arena))
        return;
    mw_buf_init(&text, 64 * MW_KIB);
    for (size_t i = 0; i < n; i++) {
        const mw_json *bin = mw_json_element(list, i);
        double before = count_of(bin, "reference"), now = count_of(bin, "current");
        if (before + now == 0)
            continue;
        mw_buf_reset(&text);
        put_bin(&text, bin);
        mw_view label = {mw_arena_text(arena, mw_buf_as_view(&text)), text.size};
        if (!label.data)
            continue;
        ret->labels[ret->n] = label;
        ret->before[ret->n] = before;
        ret->now[ret->n++] = now;
        ret->rows_before += before;
        ret->rows_now += now;
    }
    mw_buf_done(&text);
    for (size_t i = 0; i < ret->n; i++) {
        ret->before[i] = ret->rows_before > 0 ? ret->before[i] / ret->rows_before : 0;
        ret->now[i] = ret->rows_now > 0 ? ret->now[i] / ret->rows_now : 0;
        if (fabs(ret->now[i] - ret->before[i]) > fabs(ret->now[ret->most] - ret->before[ret->most]))
            ret->most = i;
    }
}

/* ---- lines ----------------------------------------------------------------------------------- */

static const double *take_doubles(const mw_json *list, mw_arena *arena)
{
    size_t n = mw_json_count(list);
    double *values = mw_arena_take(arena, (n + 1) * sizeof *values);
    for (size_t i = 0; values && i < n; i++) {
        values[i] = NAN;
        (void)mw_json_number(mw_json_element(list, i), &values[i]);
    }
    return values;
}

bool reading_draw(mw_paper *paper, const reading_line *line)
{
    mw_arena *arena = mw_paper_arena(paper);
    size_t n = mw_json_count(line->t);
    if (n < 2 || !mw_json_is_array(line->t) || !mw_json_is_array(line->values) ||
        mw_json_count(line->values) != n)
        return false;
    const double *at = take_doubles(line->t, arena), *values = take_doubles(line->values, arena);
    if (!at || !values)
        return false;
    mw_paper_figure(paper, &(mw_figure){.kind = MW_FIGURE_TIME,
                                        .key = line->key,
                                        .title = line->title,
                                        .names = {line->key},
                                        .unit = line->unit,
                                        .at = at,
                                        .columns = {values},
                                        .n = n,
                                        .rule = line->rule,
                                        .moments = line->moments,
                                        .n_moments = line->n_moments,
                                        .from = (double)NAN,
                                        .to = (double)NAN});
    return true;
}

/* ---- words ----------------------------------------------------------------------------------- */

void reading_put_percent(mw_buf *out, double share)
{
    if (!isfinite(share))
        mw_buf_text(out, "an unknown share");
    else
        mw_put_percent(out, share);
}

/* 23,456 -> 23,000: more digits would say more than is known. */
static double rounded(double value)
{
    double unit = pow(10, floor(log10(value)) - 1);
    return unit > 0 ? round(value / unit) * unit : value;
}

void reading_put_chance(mw_buf *out, double p)
{
    if (!isfinite(p))
        mw_buf_text(out, "how sure that is was not measured");
    else if (p > 0.2)
        mw_buf_text(out, "chance alone often shows as much");
    else if (p < 1e-6)
        mw_buf_text(out, "chance alone shows as much less than once in a million times");
    else {
        mw_buf_text(out, "chance alone shows as much about once in ");
        mw_put_number(out, rounded(1 / p));
        mw_buf_text(out, " times");
    }
}

void reading_put_evidence(mw_buf *out, double log_e_value)
{
    if (!isfinite(log_e_value))
        mw_buf_text(out, "how sure that is was not measured");
    else if (log_e_value < log(20))
        mw_buf_text(out, "there is hardly evidence for it");
    else if (log_e_value > log(1e6))
        mw_buf_text(out, "without a change, chance shows as much less than once in a million "
                         "times, however often one looks");
    else {
        mw_buf_text(out, "without a change, chance shows as much at most once in ");
        mw_put_number(out, rounded(exp(log_e_value)));
        mw_buf_text(out, " times, however often one looks");
    }
}
