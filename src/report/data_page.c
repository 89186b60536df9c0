/* A profile as one page. */
#include "profile.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { HEAT_COLUMNS = 30, CARDS_MAX = 500 };

static void put_list(mw_buf *out, const char *title, const char *none, const mw_view *texts,
                     size_t n)
{
    mw_buf_format(out, "<h2>%s</h2>\n", title);
    if (n == 0)
        mw_buf_format(out, "<p class=\"faint\">%s</p>\n", none);
    for (size_t i = 0; i < n; i++) {
        mw_buf_text(out, "<p class=\"warn\">");
        mw_put_escaped(out, texts[i]);
        mw_buf_text(out, "</p>\n");
    }
}

static void put_fact(mw_buf *out, const char *name, double value)
{
    if (isnan(value))
        return;
    mw_buf_format(out, "<dt>%s</dt><dd>", name);
    mw_put_number(out, value);
    mw_buf_text(out, "</dd>");
}

static void put_picture(const mw_column_profile *c, mw_buf *out)
{
    char title[200];
    mw_view labels[MW_PROFILE_TOP];
    double counts[MW_PROFILE_TOP];
    snprintf(title, sizeof title, "Distribution of %.*s",
             (int)(c->name.size < 100 ? c->name.size : 100), c->name.data);
    if (!c->is_text) {
        mw_chart_histogram(out, title, c->edges, c->counts, NULL, c->n_bins);
        return;
    }
    for (size_t i = 0; i < c->n_top; i++) {
        labels[i] = c->top[i].text;
        counts[i] = c->top[i].count;
    }
    mw_chart_bars(out, title, labels, counts, c->n_top);
}

static void put_card(const mw_data_profile *p, size_t at, mw_buf *out)
{
    const mw_column_profile *c = &p->columns[at];
    mw_buf_text(out, "<section class=\"card\"><h3>");
    mw_put_escaped(out, c->name);
    mw_buf_format(out, "</h3><p class=\"faint\">%s%s, %zu different", mw_column_kind_name(c->kind),
                  (ptrdiff_t)at == p->target ? ", the target" : "", c->n_distinct);
    if (c->n_missing > 0) {
        mw_buf_text(out, ", ");
        mw_put_percent(out, (double)c->n_missing / (double)p->n_rows);
        mw_buf_text(out, " missing");
    }
    mw_buf_text(out, "</p>\n");
    put_picture(c, out);
    mw_buf_text(out, "<dl>");
    put_fact(out, "mean", c->mean);
    put_fact(out, "deviation", c->deviation);
    put_fact(out, "least", c->least);
    put_fact(out, "most", c->most);
    put_fact(out, "quarter", c->quarter);
    put_fact(out, "three quarters", c->three_quarters);
    put_fact(out, "median", c->median);
    put_fact(out, "skewness", c->skewness);
    if (!c->is_text && c->n > 0) {
        put_fact(out, "zeros", (double)c->n_zero);
        put_fact(out, "outliers", (double)c->n_outliers);
    }
    put_fact(out, "tells target", c->relation);
    put_fact(out, "AUC alone", c->alone);
    mw_buf_text(out, "</dl></section>\n");
}

static int by_relation(const void *a, const void *b, void *user)
{
    const mw_column_profile *columns = user;
    double x = columns[*(const size_t *)a].relation, y = columns[*(const size_t *)b].relation;
    x = isnan(x) ? -1 : x;
    y = isnan(y) ? -1 : y;
    return (x < y) - (x > y);
}

static void put_target(const mw_data_profile *p, mw_buf *out)
{
    enum { SHOWN = 15 };
    size_t *order = malloc((p->n_columns + 1) * sizeof *order), n = 0;
    mw_view labels[SHOWN];
    double values[SHOWN];
    if (!order || p->target < 0) {
        free(order);
        return;
    }
    for (size_t c = 0; c < p->n_columns; c++)
        order[c] = c;
    qsort_r(order, p->n_columns, sizeof *order, by_relation, p->columns);
    for (size_t i = 0; i < p->n_columns && n < SHOWN; i++) {
        if (isnan(p->columns[order[i]].relation))
            continue;
        labels[n] = p->columns[order[i]].name;
        values[n++] = p->columns[order[i]].relation;
    }
    free(order);
    mw_buf_text(out, "<h2>What tells the target: ");
    mw_put_escaped(out, p->columns[p->target].name);
    mw_buf_text(out,
                "</h2>\n<p class=\"faint\">Each column alone: |r| of two numbers, Cramer's V of "
                "two texts, the correlation ratio of both.</p>\n");
    mw_chart_bars(out, "How far each column alone tells the target", labels, values, n);
}

static void put_pairs(const mw_data_profile *p, mw_buf *out)
{
    size_t n = p->n_columns < HEAT_COLUMNS ? p->n_columns : HEAT_COLUMNS;
    mw_view labels[HEAT_COLUMNS];
    double *values = malloc((n * n + 1) * sizeof *values);
    if (!values || p->n_strongest == 0) {
        free(values);
        return;
    }
    for (size_t a = 0; a < n; a++) {
        labels[a] = p->columns[a].name;
        for (size_t b = 0; b < n; b++)
            values[a * n + b] = p->relations[a * p->n_columns + b];
    }
    mw_buf_text(out, "<h2>Columns that go together</h2>\n");
    if (n < p->n_columns)
        mw_buf_format(out, "<p class=\"faint\">The first %zu columns of %zu.</p>\n", n,
                      p->n_columns);
    mw_chart_heat(out, "Relations of columns: blue together, orange against each other", labels,
                  values, n);
    free(values);
    mw_buf_text(out, "<table><thead><tr><th>Column</th><th>Column</th><th class=\"n\">Relation</th>"
                     "</tr></thead><tbody>\n");
    for (size_t i = 0; i < p->n_strongest; i++) {
        mw_buf_text(out, "<tr><td>");
        mw_put_escaped(out, p->columns[p->strongest[i].first].name);
        mw_buf_text(out, "</td><td>");
        mw_put_escaped(out, p->columns[p->strongest[i].second].name);
        mw_buf_format(out, "</td><td class=\"n\">%.3f</td></tr>\n", p->strongest[i].value);
    }
    mw_buf_text(out, "</tbody></table>\n");
}

void mw_data_profile_html(const mw_data_profile *p, mw_buf *out)
{
    double missing = 0;
    for (size_t c = 0; c < p->n_columns; c++)
        missing += (double)p->columns[c].n_missing;
    mw_page_open(out, "Data report", MW_VIEW(""));
    mw_buf_text(out, "<h1>");
    mw_put_escaped(out, p->name);
    mw_buf_format(out, "</h1>\n<p>%zu row%s of %zu column%s; ", p->n_rows,
                  p->n_rows == 1 ? "" : "s", p->n_columns, p->n_columns == 1 ? "" : "s");
    mw_put_percent(out, p->n_rows > 0 ? missing / (double)p->n_rows / (double)p->n_columns : 0);
    mw_buf_text(out, " of the cells are missing; ");
    if (p->n_warnings == 0)
        mw_buf_text(out, "nothing needs a look first.</p>\n");
    else
        mw_buf_format(out, "%zu thing%s need%s a look.</p>\n", p->n_warnings,
                      p->n_warnings == 1 ? "" : "s", p->n_warnings == 1 ? "s" : "");
    put_list(out, "Look at this first", "Nothing stands out.", p->warnings, p->n_warnings);
    put_target(p, out);
    put_pairs(p, out);
    mw_buf_text(out, "<h2>Columns</h2>\n<div class=\"cards\">\n");
    for (size_t c = 0; c < p->n_columns && c < CARDS_MAX; c++)
        put_card(p, c, out);
    mw_buf_text(out, "</div>\n");
    if (p->n_columns > CARDS_MAX)
        mw_buf_format(out,
                      "<p class=\"faint\">The first %d columns of %zu; the JSON has all.</p>\n",
                      (int)CARDS_MAX, p->n_columns);
    put_list(out, "Worth a try", "No transformation suggests itself.", p->hints, p->n_hints);
    mw_page_close(out);
}
