/* Two CSV files side by side.
 *
 *     columns   new, gone, another kind, another order
 *     rows      as lines: how many are only here, how many only there (where columns are the same);
 *               a line that is there twice counts twice
 *     values    of each column in both: missing rate, mean, deviation, extremes, median; of texts
 *               the number of different ones; and how far apart: Kolmogorov-Smirnov's distance of
 *               numbers, the total variation of texts */
#include "data_diff.h"

#include <math.h>
#include <stdlib.h>

#include "members.h"
#include "stats/stats.h"
#include "table/table.h"

enum { CATEGORIES_MAX = 100000 };

/* ---- rows as lines --------------------------------------------------------------------------- */

typedef struct lines {
    uint64_t *hashes; /* sorted */
    size_t n, capacity;
    bool failed;
} lines;

static uint64_t hash_line(const char *text, size_t size)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ size;
    for (size_t i = 0; i < size; i++) {
        h = (h ^ (unsigned char)text[i]) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    return h;
}

static void push_line(lines *l, const char *text, size_t size)
{
    if (size > 0 && text[size - 1] == '\r')
        size--;
    if (size == 0)
        return; /* readers pass over empty lines, too */
    if (l->n == l->capacity) {
        size_t wider = l->capacity ? 2 * l->capacity : 1024;
        uint64_t *hashes = realloc(l->hashes, wider * sizeof *hashes);
        l->failed = l->failed || !hashes;
        if (!hashes)
            return;
        l->hashes = hashes;
        l->capacity = wider;
    }
    l->hashes[l->n++] = hash_line(text, size);
}

static int compare_hashes(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return (a > b) - (a < b);
}

/* A line ends at a line feed outside of quotes. */
static lines read_lines(mw_view text)
{
    lines l = {NULL, 0, 0, false};
    bool quoted = false;
    size_t begin = 0;
    for (size_t i = 0; i < text.size && !l.failed; i++) {
        quoted = quoted != (text.data[i] == '"');
        if (text.data[i] != '\n' || quoted)
            continue;
        push_line(&l, text.data + begin, i - begin);
        begin = i + 1;
    }
    if (begin < text.size && !l.failed)
        push_line(&l, text.data + begin, text.size - begin);
    if (l.n > 1)
        qsort(l.hashes, l.n, sizeof *l.hashes, compare_hashes);
    return l;
}

static size_t count_common(const lines *a, const lines *b)
{
    size_t n = 0;
    for (size_t i = 0, k = 0; i < a->n && k < b->n;) {
        n += a->hashes[i] == b->hashes[k];
        bool step_a = a->hashes[i] <= b->hashes[k], step_b = b->hashes[k] <= a->hashes[i];
        i += step_a;
        k += step_b;
    }
    return n;
}

static void put_count(const data_diff *d, mw_buf *out, const char *key, const char *words, size_t n)
{
    if (d->is_json)
        cli_member_int(out, key, (int64_t)n);
    else
        mw_buf_format(out, "  %-14s%zu\n", words, n);
}

static mw_status diff_rows(data_diff *d, const mw_frame *a, const mw_frame *b, bool comparable,
                           mw_buf *out, mw_error *err)
{
    if (d->is_json)
        cli_member(out, "rows");
    mw_buf_text(out, d->is_json ? "{" : "rows\n");
    put_count(d, out, "before", "before", a->n_rows);
    put_count(d, out, "after", "after", b->n_rows);
    d->differs = d->differs || a->n_rows != b->n_rows;
    if (comparable) {
        lines of_a = read_lines(a->rows), of_b = read_lines(b->rows);
        size_t common = count_common(&of_a, &of_b);
        bool failed = of_a.failed || of_b.failed;
        free(of_a.hashes);
        free(of_b.hashes);
        if (failed)
            return mw_fail_memory(err, "the rows of two tables");
        put_count(d, out, "removed", "only before", of_a.n - common);
        put_count(d, out, "added", "only after", of_b.n - common);
        d->differs = d->differs || of_a.n != common || of_b.n != common;
    } else if (!d->is_json) {
        mw_buf_text(out, "  not compared one by one: the columns differ\n");
    }
    mw_buf_text(out, d->is_json ? "}" : "");
    return MW_OK;
}

/* ---- columns --------------------------------------------------------------------------------- */

static void put_column(data_diff *d, mw_buf *out, const char *change, mw_view name)
{
    d->differs = true;
    if (!d->is_json) {
        mw_buf_format(out, "  %-14s%.*s\n", change, MW_VIEW_ARG(name));
        return;
    }
    cli_member_comma(out);
    mw_buf_char(out, '{');
    cli_member_text(out, "column", name);
    cli_member_text(out, "change", mw_view_of(change));
    mw_buf_char(out, '}');
}

/* Returns whether both have the same columns in the same order. */
static bool diff_columns(data_diff *d, const mw_frame *a, const mw_frame *b, mw_buf *out)
{
    bool same = a->n_columns == b->n_columns;
    if (d->is_json)
        cli_member(out, "schema");
    mw_buf_text(out, d->is_json ? "[" : "columns\n");
    for (size_t i = 0; i < a->n_columns; i++) {
        ptrdiff_t place = mw_frame_find(b, a->columns[i].name);
        if (place < 0)
            put_column(d, out, "removed", a->columns[i].name);
        else if (a->columns[i].is_text != b->columns[place].is_text)
            put_column(d, out, a->columns[i].is_text ? "now numbers" : "now text",
                       a->columns[i].name);
        same = same && place == (ptrdiff_t)i;
    }
    for (size_t i = 0; i < b->n_columns; i++)
        if (mw_frame_find(a, b->columns[i].name) < 0)
            put_column(d, out, "added", b->columns[i].name);
    if (!same && a->n_columns == b->n_columns && !d->differs)
        put_column(d, out, "reordered", MW_VIEW("(the same ones in another order)"));
    if (d->is_json)
        mw_buf_char(out, ']');
    else if (same)
        mw_buf_format(out, "  %zu, the same\n", a->n_columns);
    return same;
}

/* ---- values ---------------------------------------------------------------------------------- */

typedef struct summary {
    mw_sample sample;
    mw_spread_of_sample spread;
    double missing, low, median, high;
    size_t n_texts;
} summary;

static summary summarize(const mw_sample *sample, size_t n_rows)
{
    summary s = {.sample = *sample, .low = NAN, .median = NAN, .high = NAN};
    s.spread = (mw_spread_of_sample){NAN, NAN};
    s.missing = n_rows ? (double)sample->n_missing / (double)n_rows : 0;
    if (sample->n == 0)
        return s;
    s.spread = mw_sample_spread(sample);
    s.low = sample->sorted[0];
    s.high = sample->sorted[sample->n - 1];
    s.median = mw_sample_quantile(sample, 0.5);
    return s;
}

static void put_pair(const data_diff *d, mw_buf *out, const char *name, double before, double after)
{
    if (isnan(before) && isnan(after))
        return;
    if (d->is_json) {
        cli_member(out, name);
        mw_buf_char(out, '[');
        mw_json_write_double(out, before);
        mw_buf_char(out, ',');
        mw_json_write_double(out, after);
        mw_buf_char(out, ']');
        return;
    }
    if (before == after)
        return;
    mw_buf_format(out, ", %s %.6g -> %.6g", name, before, after);
}

static void put_values(data_diff *d, mw_buf *out, mw_view name, const summary *a, const summary *b,
                       bool is_text, double distance)
{
    if (d->is_json) {
        cli_member_comma(out);
        mw_buf_char(out, '{');
        cli_member_text(out, "column", name);
        cli_member_text(out, "kind", is_text ? MW_VIEW("text") : MW_VIEW("number"));
    } else if (distance == 0 && a->missing == b->missing) {
        return;
    } else {
        mw_buf_format(out, "  %.*s: %s %.4g", MW_VIEW_ARG(name),
                      is_text ? "total variation" : "KS distance", distance);
    }
    put_pair(d, out, "missing", a->missing, b->missing);
    if (is_text) {
        put_pair(d, out, "different", (double)a->n_texts, (double)b->n_texts);
    } else {
        put_pair(d, out, "mean", a->spread.mean, b->spread.mean);
        put_pair(d, out, "deviation", a->spread.deviation, b->spread.deviation);
        put_pair(d, out, "min", a->low, b->low);
        put_pair(d, out, "median", a->median, b->median);
        put_pair(d, out, "max", a->high, b->high);
    }
    if (d->is_json) {
        cli_member_double(out, is_text ? "total_variation" : "ks", distance);
        mw_buf_char(out, '}');
    } else {
        mw_buf_char(out, '\n');
    }
}

/* Rooms for the sorting of one column: two samples and scratch. */
typedef struct rooms {
    double *a, *b, *scratch;
} rooms;

static double text_distance(const mw_sample *a, const mw_sample *b, size_t *ret_a, size_t *ret_b)
{
    double total = NAN;
    double *counts = calloc(3 * (size_t)CATEGORIES_MAX, sizeof *counts);
    *ret_a = mw_sample_distinct(a, CATEGORIES_MAX);
    *ret_b = mw_sample_distinct(b, CATEGORIES_MAX);
    if (counts && a->n > 0 && b->n > 0) {
        size_t n = mw_values_count(a, b, counts, counts + CATEGORIES_MAX,
                                   counts + 2 * (size_t)CATEGORIES_MAX, CATEGORIES_MAX);
        if (n <= CATEGORIES_MAX)
            total = mw_counts_total_variation(counts + CATEGORIES_MAX,
                                              counts + 2 * (size_t)CATEGORIES_MAX, n);
    }
    free(counts);
    return total;
}

static void diff_column(data_diff *d, const mw_frame *a, const mw_frame *b, size_t i, size_t k,
                        rooms *r, mw_buf *out)
{
    bool is_text = a->columns[i].is_text;
    mw_sample before = mw_sample_make(a->columns[i].values, a->n_rows, 1, r->a, r->scratch);
    mw_sample after = mw_sample_make(b->columns[k].values, b->n_rows, 1, r->b, r->scratch);
    summary of_a = summarize(&before, a->n_rows), of_b = summarize(&after, b->n_rows);
    double distance = is_text ? text_distance(&before, &after, &of_a.n_texts, &of_b.n_texts)
                              : mw_ks_distance(&before, &after);
    d->differs = d->differs || distance > 0 || of_a.missing != of_b.missing;
    put_values(d, out, a->columns[i].name, &of_a, &of_b, is_text, distance);
}

static void diff_values(data_diff *d, const mw_frame *a, const mw_frame *b, rooms *r, mw_buf *out)
{
    if (d->is_json)
        cli_member(out, "values");
    mw_buf_text(out, d->is_json ? "[" : "values\n");
    size_t start = out->size;
    for (size_t i = 0; i < a->n_columns; i++) {
        ptrdiff_t k = mw_frame_find(b, a->columns[i].name);
        if (k >= 0 && a->columns[i].is_text == b->columns[k].is_text)
            diff_column(d, a, b, i, (size_t)k, r, out);
    }
    if (d->is_json)
        mw_buf_char(out, ']');
    else if (out->size == start)
        mw_buf_text(out, "  of all columns the same\n");
}

/* ---- both ------------------------------------------------------------------------------------ */

/* Text columns of both become codes of the same words. */
static mw_status code_texts(mw_frame *a, mw_frame *b, mw_error *err)
{
    mw_words *words = calloc(a->n_columns + 1, sizeof *words);
    mw_words **of_a = calloc(a->n_columns + 1, sizeof(mw_words *));
    mw_words **of_b = calloc(b->n_columns + 1, sizeof(mw_words *));
    mw_status status = words && of_a && of_b ? MW_OK : mw_fail_memory(err, "two tables");
    for (size_t i = 0; status == MW_OK && i < a->n_columns; i++) {
        ptrdiff_t k = mw_frame_find(b, a->columns[i].name);
        mw_words_init(&words[i]);
        if (!a->columns[i].is_text || k < 0 || !b->columns[k].is_text)
            continue;
        of_a[i] = &words[i];
        of_b[k] = &words[i];
    }
    if (status == MW_OK)
        status = mw_frame_code(a, of_a, err);
    if (status == MW_OK)
        status = mw_frame_code(b, of_b, err);
    for (size_t i = 0; words && i < a->n_columns; i++)
        mw_words_done(&words[i]);
    free(words);
    free(of_a);
    free(of_b);
    return status;
}

static mw_status diff_frames(data_diff *d, mw_frame *a, mw_frame *b, mw_buf *out, mw_error *err)
{
    size_t most = a->n_rows > b->n_rows ? a->n_rows : b->n_rows;
    rooms r = {malloc((a->n_rows + 1) * sizeof(double)), malloc((b->n_rows + 1) * sizeof(double)),
               malloc((most + 1) * sizeof(double))};
    mw_status status = r.a && r.b && r.scratch ? MW_OK : mw_fail_memory(err, "two tables");
    if (status == MW_OK) {
        bool comparable = diff_columns(d, a, b, out);
        status = diff_rows(d, a, b, comparable, out, err);
    }
    if (status == MW_OK)
        status = code_texts(a, b, err);
    if (status == MW_OK)
        diff_values(d, a, b, &r, out);
    free(r.a);
    free(r.b);
    free(r.scratch);
    return status;
}

mw_status data_diff_tables(data_diff *d, mw_view before, mw_view after, mw_buf *out, mw_error *err)
{
    mw_frame a, b;
    mw_status status = mw_frame_read(before, &a, err);
    if (status != MW_OK) {
        mw_frame_done(&a);
        return mw_at(err, "before");
    }
    status = mw_frame_read(after, &b, err);
    status = status == MW_OK ? diff_frames(d, &a, &b, out, err) : mw_at(err, "after");
    mw_frame_done(&a);
    mw_frame_done(&b);
    return status;
}
