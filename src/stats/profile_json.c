/* A profile as JSON, out and in. The form: docs/reference/profile.md.
 *
 * Numbers are written in their shortest form that reads back to the same bits; what is undefined is
 * null. A reader passes over members that it does not know, and checks that counts add up. */
#include "stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define FORMAT_WORD "millwright-profile"

enum { FORMAT_VERSION = 1 };

/* ---- out ------------------------------------------------------------------------------------- */

static void put_number(mw_buf *out, const char *key, double value)
{
    mw_buf_format(out, ",\"%s\":", key);
    mw_json_write_double(out, value);
}

static void put_rows(mw_buf *out, const char *key, double rows)
{
    mw_buf_format(out, ",\"%s\":%.0f", key, rows);
}

static void put_list(mw_buf *out, const char *key, const double *values, size_t n, bool are_rows)
{
    mw_buf_format(out, ",\n   \"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            mw_buf_char(out, ',');
        if (are_rows)
            mw_buf_format(out, "%.0f", values[i]);
        else
            mw_json_write_double(out, values[i]);
    }
    mw_buf_char(out, ']');
}

static void put_numbers(const mw_profile_column *column, mw_buf *out)
{
    put_number(out, "mean", column->mean);
    put_number(out, "deviation", column->deviation);
    put_number(out, "skewness", column->skewness);
    put_number(out, "kurtosis", column->kurtosis);
    put_number(out, "median", column->median);
    put_number(out, "mad", column->mad);
    put_number(out, "low", column->low);
    put_number(out, "high", column->high);
    if (!column->quantiles)
        return;
    put_list(out, "quantiles", column->quantiles, MW_PROFILE_QUANTILES, false);
    put_list(out, "edges", column->edges, column->n_edges, false);
    put_list(out, "counts", column->counts, column->n_edges + 1, true);
}

static void put_categories(const mw_profile_column *column, mw_buf *out)
{
    mw_buf_text(out, ",\n   \"categories\":[");
    for (size_t i = 0; i < column->n_categories; i++) {
        mw_buf_text(out, i ? ",[" : "[");
        mw_json_write_text(out, column->categories[i].text);
        mw_buf_format(out, ",%.0f]", column->categories[i].rows);
    }
    mw_buf_char(out, ']');
    put_rows(out, "others", column->others);
}

void mw_profile_write(const mw_profile *profile, mw_buf *out)
{
    mw_buf_format(out,
                  "{\"format\":\"" FORMAT_WORD "\",\"version\":%d,\"source\":", FORMAT_VERSION);
    mw_json_write_text(out, profile->source);
    put_rows(out, "rows", profile->rows);
    mw_buf_text(out, ",\"columns\":[");
    for (size_t c = 0; c < profile->n_columns; c++) {
        const mw_profile_column *column = &profile->columns[c];
        mw_buf_text(out, c ? ",\n  {\"name\":" : "\n  {\"name\":");
        mw_json_write_text(out, column->name);
        mw_buf_format(out, ",\"kind\":\"%s\",\"role\":\"%s\"",
                      column->is_category ? "category" : "number",
                      column->is_label ? "label" : "input");
        put_rows(out, "count", column->n);
        put_rows(out, "missing", column->missing);
        put_rows(out, "infinite", column->infinite);
        put_rows(out, "distinct", column->distinct);
        if (column->is_category)
            put_categories(column, out);
        else
            put_numbers(column, out);
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "\n]}\n");
}

/* ---- in -------------------------------------------------------------------------------------- */

static mw_status wrong(mw_error *err, const char *what)
{
    mw_fail(err, MW_E_PROFILE_FORM, "%s", what);
    return mw_mend(err, "make it again: mw data profile train.csv -o profile.json");
}

/* Rows: whole, and not below 0. */
static bool get_rows(const mw_json *object, const char *key, double *ret)
{
    double value;
    if (!mw_json_number(mw_json_member(object, key), &value) || !(value >= 0) ||
        value > 9007199254740992.0 || value != floor(value))
        return false;
    *ret = value;
    return true;
}

static bool get_number(const mw_json *object, const char *key, double *ret)
{
    const mw_json *node = mw_json_member(object, key);
    *ret = (double)NAN;
    return !node || mw_json_is_null(node) || (mw_json_number(node, ret) && isfinite(*ret));
}

/* NULL: no list, other than numbers in it, or memory is gone. */
static const double *get_list(mw_profile *profile, const mw_json *object, const char *key,
                              size_t *ret_n)
{
    const mw_json *list = mw_json_member(object, key);
    size_t n = mw_json_count(list);
    double *values =
        mw_json_is_array(list) ? mw_arena_take(&profile->memory, (n + 1) * sizeof *values) : NULL;
    for (size_t i = 0; values && i < n; i++)
        if (!mw_json_number(mw_json_element(list, i), &values[i]) || !isfinite(values[i]))
            return NULL;
    *ret_n = n;
    return values;
}

static bool is_ascending(const double *values, size_t n, bool strictly)
{
    for (size_t i = 1; i < n; i++)
        if (!(values[i] > values[i - 1] || (!strictly && values[i] == values[i - 1])))
            return false;
    return true;
}

static bool adds_up(const double *counts, size_t n, double whole)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(counts[i] >= 0) || counts[i] != floor(counts[i]))
            return false;
        sum += counts[i];
    }
    return sum == whole;
}

static mw_status read_numbers(mw_profile *profile, const mw_json *node, mw_profile_column *column,
                              mw_error *err)
{
    size_t n_quantiles, n_counts;
    if (!get_number(node, "mean", &column->mean) ||
        !get_number(node, "deviation", &column->deviation) ||
        !get_number(node, "skewness", &column->skewness) ||
        !get_number(node, "kurtosis", &column->kurtosis) ||
        !get_number(node, "median", &column->median) || !get_number(node, "mad", &column->mad) ||
        !get_number(node, "low", &column->low) || !get_number(node, "high", &column->high))
        return wrong(err, "a moment or quantile is no number");
    if (column->n == 0)
        return MW_OK;
    column->quantiles = get_list(profile, node, "quantiles", &n_quantiles);
    column->edges = get_list(profile, node, "edges", &column->n_edges);
    column->counts = get_list(profile, node, "counts", &n_counts);
    if (!column->quantiles || n_quantiles != MW_PROFILE_QUANTILES ||
        !is_ascending(column->quantiles, n_quantiles, false))
        return wrong(err, "\"quantiles\" is no ascending list of 101 numbers");
    if (!column->edges || column->n_edges < 1 || column->n_edges > MW_PROFILE_DECILES + 1 ||
        !is_ascending(column->edges, column->n_edges, true))
        return wrong(err, "\"edges\" is no ascending list of 1 to 11 numbers");
    if (!column->counts || n_counts != column->n_edges + 1 ||
        !adds_up(column->counts, n_counts, column->n))
        return wrong(err, "\"counts\" is no list of one count more than \"edges\", whose sum is "
                          "\"count\"");
    return MW_OK;
}

static mw_status keep(mw_profile *profile, mw_view text, mw_view *ret_kept, mw_error *err)
{
    char *copy = mw_arena_text(&profile->memory, text);
    *ret_kept = (mw_view){copy, text.size};
    return copy ? MW_OK : mw_fail_memory(err, "a profile");
}

static mw_status read_category(mw_profile *profile, const mw_json *pair,
                               mw_profile_category *category, mw_error *err)
{
    const mw_json *text = mw_json_element(pair, 0);
    double rows;
    if (!mw_json_is_array(pair) || !mw_json_is_text(text) ||
        !mw_json_number(mw_json_element(pair, 1), &rows) || !(rows >= 0) || rows != floor(rows))
        return wrong(err, "a category is no pair of a text and a count");
    category->rows = rows;
    return keep(profile, mw_json_text(text), &category->text, err);
}

static mw_status read_categories(mw_profile *profile, const mw_json *node,
                                 mw_profile_column *column, mw_error *err)
{
    const mw_json *list = mw_json_member(node, "categories");
    size_t n = mw_json_count(list);
    double sum = 0;
    if (!mw_json_is_array(list) || n > MW_PROFILE_CATEGORIES)
        return wrong(err, "\"categories\" is no list of up to 1000 pairs");
    if (!get_rows(node, "others", &column->others))
        return wrong(err, "\"others\" is no count");
    mw_profile_category *kept = mw_arena_take_zeroed(&profile->memory, n + 1, sizeof *kept);
    if (!kept)
        return mw_fail_memory(err, "a profile");
    for (size_t i = 0; i < n; i++) {
        MW_TRY(read_category(profile, mw_json_element(list, i), &kept[i], err));
        sum += kept[i].rows;
    }
    column->categories = kept;
    column->n_categories = n;
    return sum + column->others == column->n
               ? MW_OK
               : wrong(err, "the categories' counts do not add up to \"count\"");
}

static mw_status read_column(mw_profile *profile, const mw_json *node, mw_profile_column *column,
                             mw_error *err)
{
    const mw_json *name = mw_json_member(node, "name");
    mw_view kind = mw_json_text(mw_json_member(node, "kind"));
    if (!mw_json_is_text(name) || mw_json_text(name).size == 0)
        return wrong(err, "a column has no name");
    MW_TRY(keep(profile, mw_json_text(name), &column->name, err));
    if (mw_profile_find(profile, column->name))
        return wrong(err, "two columns have one name");
    column->is_category = mw_view_is(kind, "category");
    if (!column->is_category && !mw_view_is(kind, "number"))
        return wrong(err, "\"kind\" is neither \"number\" nor \"category\"");
    column->is_label = mw_view_is(mw_json_text(mw_json_member(node, "role")), "label");
    if (!get_rows(node, "count", &column->n) || !get_rows(node, "missing", &column->missing) ||
        !get_rows(node, "infinite", &column->infinite) ||
        !get_rows(node, "distinct", &column->distinct) || column->distinct > column->n)
        return wrong(err, "a count is missing, or no whole number of 0 or more");
    if (column->n + column->missing + column->infinite != profile->rows)
        return wrong(err, "\"count\", \"missing\" and \"infinite\" do not add up to \"rows\"");
    return column->is_category ? read_categories(profile, node, column, err)
                               : read_numbers(profile, node, column, err);
}

static mw_status read_root(mw_profile *profile, const mw_json *root, mw_error *err)
{
    int64_t version = 0;
    const mw_json *columns = mw_json_member(root, "columns");
    size_t n = mw_json_count(columns);
    if (!mw_view_is(mw_json_text(mw_json_member(root, "format")), FORMAT_WORD))
        return wrong(err, "\"format\" is not \"" FORMAT_WORD "\"");
    if (!mw_json_integer(mw_json_member(root, "version"), &version) || version < 1)
        return wrong(err, "\"version\" is no number");
    if (version > FORMAT_VERSION) {
        mw_fail(err, MW_E_PROFILE_NEWER, "version %lld, and this program knows %d",
                (long long)version, FORMAT_VERSION);
        return mw_mend(err, "make the profile with this program, or use a newer one");
    }
    if (!get_rows(root, "rows", &profile->rows))
        return wrong(err, "\"rows\" is no count");
    MW_TRY(keep(profile, mw_json_text(mw_json_member(root, "source")), &profile->source, err));
    if (!mw_json_is_array(columns) || n == 0)
        return wrong(err, "\"columns\" is no list with columns in it");
    profile->columns = calloc(n, sizeof *profile->columns);
    if (!profile->columns)
        return mw_fail_memory(err, "a profile");
    profile->capacity = n;
    for (size_t c = 0; c < n; c++) {
        mw_status status =
            read_column(profile, mw_json_element(columns, c), &profile->columns[c], err);
        if (status != MW_OK)
            return mw_at(err, "columns[%zu]", c);
        profile->n_columns++;
    }
    return MW_OK;
}

mw_status mw_profile_read(mw_view text, mw_profile *ret_profile, mw_error *err)
{
    mw_json *root;
    mw_profile_init(ret_profile);
    MW_TRY(mw_json_read(text, &root, err));
    mw_status status = mw_json_is_object(root) ? read_root(ret_profile, root, err)
                                               : wrong(err, "it is no JSON object");
    mw_json_free(root);
    return status;
}
