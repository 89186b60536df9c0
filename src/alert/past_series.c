/* What a metric of an endpoint was over time, out of the pages of the last week:
 *
 *     {"step": 300, "t": [..], "series": [{"metric", "labels", "values": [.., null]}]}
 *
 * A step has the page that stands first in it. */
#include <math.h>
#include <stdlib.h>

#include "engine.h"

enum { SERIES_MAX = 200, STEP_SECONDS = 60 };

typedef struct past_line {
    uint64_t hash; /* of its name and labels */
    mw_view head;  /* "metric":..., "labels":{...}; in the arena */
    double *values;
} past_line;

typedef struct past_reading {
    const mw_alert_history *query;
    mw_arena *kept, page;
    int64_t step_ms, last_step;
    size_t n_steps, n_lines;
    past_line lines[SERIES_MAX];
    mw_status status;
    mw_error *err;
} past_reading;

static bool is_wanted(const mw_alert_history *query, const alert_sample *sample)
{
    if (query->endpoint.data &&
        !mw_view_equal(alert_label_of(sample->labels, MW_VIEW("endpoint")), query->endpoint))
        return false;
    for (size_t i = 0; i < query->n_metrics; i++)
        if (mw_view_equal(query->metrics[i], sample->name))
            return true;
    return false;
}

static mw_view describe(past_reading *r, const alert_sample *sample)
{
    mw_buf text;
    mw_buf_init(&text, MW_MIB);
    mw_buf_text(&text, "\"metric\":");
    mw_json_write_text(&text, sample->name);
    mw_buf_text(&text, ",\"labels\":");
    alerts_put_labels(sample->labels, &text);
    const char *kept = text.failed ? NULL : mw_arena_text(r->kept, mw_buf_as_view(&text));
    mw_view head = {kept, kept ? text.size : 0};
    mw_buf_done(&text);
    return head;
}

/* NULL: there are too many, or memory is gone. */
static past_line *line_of(past_reading *r, const alert_sample *sample)
{
    uint64_t hash = mw_fnv_view(alert_labels_hash(sample->labels), sample->name);
    for (size_t i = 0; i < r->n_lines; i++)
        if (r->lines[i].hash == hash)
            return &r->lines[i];
    double *values =
        r->n_lines < SERIES_MAX ? mw_arena_take(r->kept, r->n_steps * sizeof *values) : NULL;
    mw_view head = values ? describe(r, sample) : (mw_view){NULL, 0};
    if (!head.data)
        return NULL;
    for (size_t i = 0; i < r->n_steps; i++)
        values[i] = (double)NAN;
    r->lines[r->n_lines] = (past_line){hash, head, values};
    return &r->lines[r->n_lines++];
}

static bool see(void *given, int64_t at_ms, mw_view page)
{
    past_reading *r = given;
    alert_samples samples;
    int64_t at = (at_ms - r->query->from_ms) / r->step_ms;
    if (at_ms >= r->query->to_ms)
        return false;
    if (at == r->last_step)
        return true;
    r->last_step = at;
    mw_arena_reset(&r->page);
    r->status = alert_samples_read(page, &r->page, &samples, r->err);
    for (size_t i = 0; r->status == MW_OK && i < samples.count; i++) {
        past_line *line =
            is_wanted(r->query, &samples.items[i]) ? line_of(r, &samples.items[i]) : NULL;
        if (line)
            line->values[at] = samples.items[i].value;
    }
    return r->status == MW_OK;
}

static void put(const past_reading *r, mw_buf *out)
{
    mw_buf_format(out, "{\"step\":%lld,\"t\":[", (long long)(r->step_ms / 1000));
    for (size_t i = 0; i < r->n_steps; i++)
        mw_buf_format(out, "%s%lld", i ? "," : "",
                      (long long)((r->query->from_ms + (int64_t)i * r->step_ms) / 1000));
    mw_buf_text(out, "],\"series\":[");
    for (size_t l = 0; l < r->n_lines; l++) {
        mw_buf_text(out, l ? ",\n{" : "\n{");
        mw_buf_view(out, r->lines[l].head);
        mw_buf_text(out, ",\"values\":[");
        for (size_t i = 0; i < r->n_steps; i++) {
            mw_buf_text(out, i ? "," : "");
            mw_json_write_double(out, r->lines[l].values[i]);
        }
        mw_buf_text(out, "]}");
    }
    mw_buf_text(out, "]}\n");
}

mw_status mw_alerts_history(const mw_alerts *alerts, const mw_alert_history *query, mw_buf *out,
                            mw_error *err)
{
    mw_arena kept;
    int64_t span = query->to_ms - query->from_ms, minute = (int64_t)STEP_SECONDS * 1000;
    past_reading *r = calloc(1, sizeof *r);
    if (!r)
        return mw_fail_memory(err, "the past of a metric");
    mw_arena_init(&kept, 64 * MW_KIB, 64 * MW_MIB);
    mw_arena_init(&r->page, 256 * MW_KIB, MW_LIMIT_ALERT_LOOK_BYTES);
    r->query = query;
    r->kept = &kept;
    r->err = err;
    r->last_step = -1;
    r->step_ms = (span / (int64_t)MW_ALERT_HISTORY_POINTS / minute + 1) * minute;
    r->n_steps = (size_t)((span + r->step_ms - 1) / r->step_ms);
    mw_status status =
        alerts->past ? alert_past_read(alerts->past, query->from_ms, see, r, err) : MW_OK;
    status = status == MW_OK ? r->status : status;
    if (status == MW_OK)
        put(r, out);
    mw_arena_done(&r->page);
    mw_arena_done(&kept);
    free(r);
    return status;
}
