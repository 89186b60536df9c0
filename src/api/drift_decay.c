/* Of GET /drift: how good a classifier still is, estimated before labels come, beside what they say
 * once they are there.
 *
 *     estimates of the watch + performance of the journal --> "decay": { ... } */
#include "drift.h"

#include <math.h>
#include <stdlib.h>

#include "model/model.h"

typedef struct realized {
    const char *endpoint;
    uint64_t model;
    size_t n_labels;
    double values[MW_N_DECAY];
} realized;

static void write_number(mw_buf *out, const char *key, double value)
{
    mw_buf_format(out, ",\"%s\":", key);
    mw_json_write_double(out, value);
}

static void see(void *user, const mw_performance_part *part)
{
    realized *r = user;
    if (part->slice || part->shape->model != r->model ||
        !mw_view_is(part->shape->endpoint, r->endpoint))
        return;
    r->n_labels = part->n_labels;
    for (size_t m = 0; m < MW_N_DECAY; m++)
        r->values[m] = api_decay_value(part, m);
}

static void write_metrics(const mw_watch_decay *decay, const realized *r, mw_buf *out)
{
    mw_buf_text(out, ",\"metrics\":{");
    for (size_t m = 0; m < MW_N_DECAY; m++) {
        mw_buf_format(out, "%s\"%s\":{\"decayed\":%s", m ? "," : "",
                      mw_decay_name((mw_decay_metric)m), decay->decayed[m] ? "true" : "false");
        write_number(out, "estimated", decay->rows > 0 ? decay->estimated[m] : (double)NAN);
        write_number(out, "low", decay->rows > 0 ? decay->low[m] : (double)NAN);
        write_number(out, "high", decay->rows > 0 ? decay->high[m] : (double)NAN);
        write_number(out, "reference", decay->reference[m]);
        write_number(out, "realized", r->values[m]);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, '}');
}

static void write_name(const mw_endpoint_info *info, size_t n_features, size_t c, mw_buf *out)
{
    char room[32];
    mw_buf_text(out, "{\"feature\":");
    mw_json_write_text(out, api_column_name(info, n_features, c, room, sizeof room));
}

static void write_place(const mw_endpoint_info *info, const mw_watch_slice *slice, mw_buf *out)
{
    static const char *const kinds[] = {"range", "category", "others", "new", "missing"};
    const mw_watch_bin *bin = &slice->where;
    const mw_schema *schema = info->forest ? &info->forest->schema : NULL;
    mw_buf_format(out, ",\"kind\":\"%s\"", kinds[bin->kind]);
    if (bin->kind == MW_WATCH_BIN_RANGE) {
        write_number(out, "low", bin->low);
        write_number(out, "high", bin->high);
    }
    if (bin->kind != MW_WATCH_BIN_CATEGORY)
        return;
    const mw_column *column =
        schema && slice->column < schema->n_columns ? &schema->columns[slice->column] : NULL;
    mw_buf_text(out, ",\"category\":");
    if (column && column->categories && bin->code < column->n_categories)
        mw_json_write_text(out, column->categories[bin->code]);
    else
        mw_buf_format(out, "%u", bin->code);
}

static void write_causes(const mw_watch_decay *decay, const mw_endpoint_info *info,
                         size_t n_features, mw_buf *out)
{
    mw_buf_text(out, ",\"causes\":[");
    for (size_t i = 0; i < decay->n_causes; i++) {
        mw_buf_text(out, i ? "," : "");
        write_name(info, n_features, decay->causes[i].column, out);
        write_number(out, "accuracy_lost", decay->causes[i].lost);
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "],\"slices\":[");
    for (size_t i = 0; i < decay->n_slices; i++) {
        const mw_watch_slice *slice = &decay->slices[i];
        mw_buf_text(out, i ? "," : "");
        write_name(info, n_features, slice->column, out);
        write_place(info, slice, out);
        write_number(out, "share", slice->share);
        write_number(out, "share_before", slice->share_before);
        write_number(out, "accuracy", slice->accuracy);
        write_number(out, "accuracy_before", slice->accuracy_before);
        write_number(out, "accuracy_lost", slice->lost);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, ']');
}

void api_write_decay(mw_monitor *monitor, mw_journal *journal, const mw_endpoint_info *info,
                     size_t n_features, mw_buf *out)
{
    mw_watch_decay decay;
    realized r = {.endpoint = info->name};
    if (!info->forest || !mw_monitor_decay(monitor, info->name, info->version, &decay))
        return;
    for (size_t m = 0; m < MW_N_DECAY; m++)
        r.values[m] = (double)NAN;
    r.model = mw_journal_model(info->forest);
    if (journal)
        mw_journal_each_performance(journal, see, &r);
    mw_buf_format(out, ",\"decay\":{\"decayed\":%s,\"reference_labels\":%zu,\"calibrated\":%s",
                  decay.n_decayed > 0 ? "true" : "false", decay.reference_labels,
                  decay.is_calibrated ? "true" : "false");
    mw_buf_format(out, ",\"rows\":%llu", (unsigned long long)decay.rows);
    write_number(out, "seconds", decay.seconds);
    mw_buf_format(out, ",\"labels\":%zu", r.n_labels);
    write_metrics(&decay, &r, out);
    write_causes(&decay, info, n_features, out);
    mw_buf_char(out, '}');
}
