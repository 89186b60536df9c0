/* Of GET /drift: how good a model still is, estimated before labels come, beside what they say
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
    const mw_watch_decay *decay;
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
    for (size_t m = 0; m < r->decay->n_metrics; m++)
        r->values[m] = api_decay_value(part, mw_watch_decay_name(r->decay->is_regression, m)).value;
}

static void write_metrics(const mw_watch_decay *decay, const realized *r, mw_buf *out)
{
    mw_buf_text(out, ",\"metrics\":{");
    for (size_t m = 0; m < decay->n_metrics; m++) {
        mw_buf_format(out, "%s\"%s\":{\"decayed\":%s", m ? "," : "",
                      mw_watch_decay_name(decay->is_regression, m),
                      decay->decayed[m] ? "true" : "false");
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
    bool is_number = decay->is_regression;
    const char *lost = is_number ? "mae_added" : "accuracy_lost";
    mw_buf_text(out, ",\"causes\":[");
    for (size_t i = 0; i < decay->n_causes; i++) {
        mw_buf_text(out, i ? "," : "");
        write_name(info, n_features, decay->causes[i].column, out);
        write_number(out, lost, decay->causes[i].lost);
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
        write_number(out, is_number ? "mae" : "accuracy", slice->value);
        write_number(out, is_number ? "mae_before" : "accuracy_before", slice->value_before);
        write_number(out, lost, slice->lost);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, ']');
}

void api_write_decay(mw_monitor *monitor, mw_journal *journal, const mw_endpoint_info *info,
                     size_t n_features, mw_buf *out)
{
    mw_watch_decay decay;
    realized r = {.endpoint = info->name, .decay = &decay};
    if (!info->forest || !mw_monitor_decay(monitor, info->name, info->version, &decay))
        return;
    for (size_t m = 0; m < MW_N_DECAY; m++)
        r.values[m] = (double)NAN;
    r.model = mw_journal_model(info->forest);
    if (journal)
        mw_journal_each_performance(journal, see, &r);
    mw_buf_format(out, ",\"decay\":{\"method\":\"%s\",\"decayed\":%s,\"reference_labels\":%zu",
                  decay.is_regression ? "dle" : "cbpe", decay.n_decayed > 0 ? "true" : "false",
                  decay.reference_labels);
    if (!decay.is_regression)
        mw_buf_format(out, ",\"calibrated\":%s", decay.is_calibrated ? "true" : "false");
    mw_buf_format(out, ",\"rows\":%llu", (unsigned long long)decay.rows);
    write_number(out, "seconds", decay.seconds);
    mw_buf_format(out, ",\"labels\":%zu", r.n_labels);
    write_metrics(&decay, &r, out);
    write_causes(&decay, info, n_features, out);
    mw_buf_char(out, '}');
}
