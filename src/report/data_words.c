/* A profile as Markdown and as JSON. */
#include "profile.h"

#include <math.h>

#include "members.h"

#include "base/banned.h"

/* ---- Markdown -------------------------------------------------------------------------------- */

static void put_list(mw_buf *out, const char *title, const mw_view *texts, size_t n)
{
    if (n > 0)
        mw_buf_format(out, "\n## %s\n\n", title);
    for (size_t i = 0; i < n; i++) {
        mw_buf_text(out, "- ");
        mw_put_plain(out, texts[i]);
        mw_buf_char(out, '\n');
    }
}

static void put_cell(mw_buf *out, double value)
{
    mw_buf_text(out, " ");
    mw_put_number(out, value);
    mw_buf_text(out, " |");
}

static void put_column(const mw_data_profile *p, const mw_column_profile *c, mw_buf *out)
{
    mw_buf_text(out, "| ");
    mw_put_plain(out, c->name);
    mw_buf_format(out, " | %s |", mw_column_kind_name(c->kind));
    put_cell(out, (double)c->n_missing);
    put_cell(out, (double)c->n_distinct);
    put_cell(out, c->mean);
    put_cell(out, c->deviation);
    put_cell(out, c->least);
    put_cell(out, c->median);
    put_cell(out, c->most);
    if (p->target >= 0)
        put_cell(out, c->relation);
    mw_buf_char(out, '\n');
}

void mw_data_profile_markdown(const mw_data_profile *p, mw_buf *out)
{
    mw_buf_text(out, "# ");
    mw_put_plain(out, p->name);
    mw_buf_format(out, "\n\n%zu row%s of %zu column%s.\n", p->n_rows, p->n_rows == 1 ? "" : "s",
                  p->n_columns, p->n_columns == 1 ? "" : "s");
    put_list(out, "Look at this first", p->warnings, p->n_warnings);
    mw_buf_text(out, "\n## Columns\n\n| column | kind | missing | different | mean | deviation | "
                     "least | median | most |");
    mw_buf_text(out, p->target >= 0
                         ? " tells the target |\n|---|---|---|---|---|---|---|---|---|---|\n"
                         : "\n|---|---|---|---|---|---|---|---|---|\n");
    for (size_t c = 0; c < p->n_columns; c++)
        put_column(p, &p->columns[c], out);
    if (p->n_strongest > 0)
        mw_buf_text(out, "\n## Columns that go together\n\n| column | column | relation |\n"
                         "|---|---|---|\n");
    for (size_t i = 0; i < p->n_strongest; i++) {
        mw_buf_text(out, "| ");
        mw_put_plain(out, p->columns[p->strongest[i].first].name);
        mw_buf_text(out, " | ");
        mw_put_plain(out, p->columns[p->strongest[i].second].name);
        mw_buf_format(out, " | %.3f |\n", p->strongest[i].value);
    }
    put_list(out, "Worth a try", p->hints, p->n_hints);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void put_double(mw_buf *out, const char *name, double value)
{
    put_key(out, name);
    mw_json_write_double(out, value);
}

static void put_count(mw_buf *out, const char *name, size_t value)
{
    put_key(out, name);
    mw_json_write_int(out, (int64_t)value);
}

static void put_numbers(const mw_column_profile *c, mw_buf *out)
{
    put_double(out, "mean", c->mean);
    put_double(out, "deviation", c->deviation);
    put_double(out, "least", c->least);
    put_double(out, "quarter", c->quarter);
    put_double(out, "median", c->median);
    put_double(out, "three_quarters", c->three_quarters);
    put_double(out, "most", c->most);
    put_double(out, "skewness", c->skewness);
    put_double(out, "kurtosis", c->kurtosis);
    put_count(out, "infinite", c->n_infinite);
    put_count(out, "zeros", c->n_zero);
    put_count(out, "negatives", c->n_negative);
    put_count(out, "outliers", c->n_outliers);
    put_doubles(out, "edges", c->edges, c->n_bins ? c->n_bins + 1 : 0);
    put_doubles(out, "counts", c->counts, c->n_bins);
}

static void put_profile(const mw_column_profile *c, mw_buf *out)
{
    mw_buf_char(out, '{');
    put_text(out, "name", c->name);
    put_text(out, "kind", mw_view_of(mw_column_kind_name(c->kind)));
    put_count(out, "values", c->n);
    put_count(out, "missing", c->n_missing);
    put_count(out, "different", c->n_distinct);
    if (!c->is_text)
        put_numbers(c, out);
    put_key(out, "commonest");
    mw_buf_char(out, '[');
    for (size_t i = 0; i < c->n_top; i++) {
        mw_buf_text(out, i ? ",{" : "{");
        put_text(out, "value", c->top[i].text);
        put_double(out, "count", c->top[i].count);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, ']');
    put_double(out, "tells_target", c->relation);
    put_double(out, "auc_alone", c->alone);
    mw_buf_char(out, '}');
}

void mw_data_profile_json(const mw_data_profile *p, mw_buf *out)
{
    mw_buf_text(out, "{\"kind\":\"data\",\"format\":1");
    put_text(out, "data", p->name);
    put_count(out, "rows", p->n_rows);
    put_count(out, "duplicates", p->n_duplicates);
    put_key(out, "target");
    if (p->target >= 0)
        mw_json_write_text(out, p->columns[p->target].name);
    else
        mw_buf_text(out, "null");
    put_key(out, "columns");
    mw_buf_char(out, '[');
    for (size_t c = 0; c < p->n_columns; c++) {
        mw_buf_text(out, c ? "," : "");
        put_profile(&p->columns[c], out);
    }
    mw_buf_char(out, ']');
    put_key(out, "relations");
    mw_buf_char(out, '[');
    for (size_t i = 0; i < p->n_strongest; i++) {
        mw_buf_text(out, i ? ",{" : "{");
        put_text(out, "first", p->columns[p->strongest[i].first].name);
        put_text(out, "second", p->columns[p->strongest[i].second].name);
        put_double(out, "value", p->strongest[i].value);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, ']');
    put_texts(out, "warnings", p->warnings, p->n_warnings);
    put_texts(out, "hints", p->hints, p->n_hints);
    mw_buf_text(out, "}\n");
}
