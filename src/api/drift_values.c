/* Of GET /drift: what values a column had, and what is odd about the stream.
 *
 *     sketches of the watch + texts of categories --> "values": { ... }     report --> "stream": {
 * ... } */
#include "drift.h"

#include <math.h>
#include <stdlib.h>

#include "model/model.h"

static void write_number(mw_buf *out, const char *key, double value)
{
    mw_buf_format(out, ",\"%s\":", key);
    mw_json_write_double(out, value);
}

/* By its text; what the model does not know by the text that came, or null where that is forgotten.
 */
static void write_category(mw_buf *out, const mw_column *column, double code)
{
    char text[MW_STRANGER_BYTES];
    if (code < 0 && code > -(double)UINT32_MAX) {
        size_t size = mw_stranger_text((uint32_t)-code, text);
        if (size > 0)
            mw_json_write_text(out, (mw_view){text, size});
        else
            mw_buf_text(out, "null");
    } else if (column && column->categories && code < (double)column->n_categories)
        mw_json_write_text(out, column->categories[(size_t)code]);
    else
        mw_json_write_double(out, code);
}

static void write_categories(mw_buf *out, const mw_column *column, const char *key,
                             const mw_watch_category *list, size_t n)
{
    mw_buf_format(out, ",\"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        mw_buf_text(out, i ? ",{\"category\":" : "{\"category\":");
        write_category(out, column, list[i].code);
        write_number(out, "share", list[i].share);
        write_number(out, "reference_share", list[i].reference_share);
        mw_buf_format(out, ",\"new\":%s}", list[i].is_new ? "true" : "false");
    }
    mw_buf_char(out, ']');
}

static void write_quantiles(mw_buf *out, const mw_watch_sketch *sketch)
{
    mw_buf_text(out, ",\"quantiles\":{");
    for (size_t i = 0; i < MW_WATCH_QUANTILES; i++) {
        mw_buf_format(out, "%s\"%g\":", i ? "," : "", mw_watch_quantile_shares[i]);
        mw_json_write_double(out, sketch->quantiles[i]);
    }
    mw_buf_char(out, '}');
}

void api_write_values(mw_monitor *monitor, const mw_endpoint_info *info, size_t c, bool is_category,
                      mw_watch_scope scope, mw_buf *out)
{
    mw_watch_sketch sketch;
    const mw_schema *schema = info->forest ? &info->forest->schema : NULL;
    const mw_column *column = schema && c < schema->n_columns ? &schema->columns[c] : NULL;
    bool is_there = scope == MW_WATCH_OF_THIS
                        ? mw_monitor_sketch_alone(monitor, info->name, info->version, c, &sketch)
                        : mw_monitor_sketch(monitor, info->name, info->version, c, &sketch);
    if (!is_there)
        return;
    mw_buf_format(out, ",\"values\":{\"rows\":%.0f", sketch.rows);
    if (sketch.n_servers > 1)
        mw_buf_format(out, ",\"servers\":%zu", sketch.n_servers);
    write_number(out, "seconds", sketch.seconds);
    write_number(out, "distinct", sketch.distinct);
    if (is_category) {
        write_categories(out, column, "categories", sketch.categories, sketch.n_categories);
        write_categories(out, column, "new_categories", sketch.news, sketch.n_new);
    } else {
        write_number(out, "mean", sketch.mean);
        write_number(out, "deviation", sketch.deviation);
        write_number(out, "least", sketch.least);
        write_number(out, "most", sketch.most);
        if (sketch.has_quantiles)
            write_quantiles(out, &sketch);
    }
    mw_buf_char(out, '}');
}

void api_write_stuck(const mw_endpoint_info *info, size_t c, const mw_watched *found, mw_buf *out)
{
    const mw_schema *schema = info->forest ? &info->forest->schema : NULL;
    const mw_column *column = schema && c < schema->n_columns ? &schema->columns[c] : NULL;
    mw_buf_format(out, ",\"stuck\":%s", found->stuck ? "true" : "false");
    if (!found->stuck)
        return;
    mw_buf_text(out, ",\"stuck_value\":");
    if (found->is_category && !isnan(found->stuck_value))
        write_category(out, column, found->stuck_value);
    else
        mw_json_write_double(out, found->stuck_value);
    mw_buf_format(out, ",\"stuck_rows\":%llu", (unsigned long long)found->stuck_rows);
    write_number(out, "stuck_seconds", found->stuck_seconds);
}

void api_write_stream(const mw_watch_stream *stream, mw_buf *out)
{
    mw_buf_format(out, ",\"stream\":{\"silence\":{\"found\":%s",
                  stream->is_silent ? "true" : "false");
    write_number(out, "seconds", stream->quiet_seconds);
    write_number(out, "usual_seconds", stream->usual_gap);
    mw_buf_format(out, "},\"burst\":{\"found\":%s", stream->is_burst ? "true" : "false");
    write_number(out, "requests_per_minute", stream->requests_minute);
    write_number(out, "usual_requests_per_minute", stream->usual_minute);
    write_number(out, "since_seconds", stream->burst_seconds);
    mw_buf_format(out, "},\"duplicates\":{\"found\":%s", stream->is_flood ? "true" : "false");
    write_number(out, "share", stream->repeated);
    write_number(out, "usual_share", stream->usual_repeated);
    write_number(out, "since_seconds", stream->flood_seconds);
    mw_buf_format(out, "},\"stuck_features\":%zu}", stream->n_stuck);
}
