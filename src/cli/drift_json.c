/* The finding of a drift check for programs. The keys are in docs/reference/drift-report.md. */
#include "drift.h"

#include <math.h>

static void put_key(mw_buf *out, const char *key)
{
    char last = out->size ? out->data[out->size - 1] : '{';
    mw_buf_format(out, "%s\"%s\":", last == '{' ? "" : ",", key);
}

static void put_number(mw_buf *out, const char *key, double value)
{
    put_key(out, key);
    mw_json_write_double(out, value);
}

static void put_count(mw_buf *out, const char *key, size_t value)
{
    put_key(out, key);
    mw_buf_format(out, "%zu", value);
}

static void put_text(mw_buf *out, const char *key, const char *text)
{
    put_key(out, key);
    mw_json_write_text(out, mw_view_of(text));
}

static void put_flag(mw_buf *out, const char *key, bool value)
{
    put_key(out, key);
    mw_buf_text(out, value ? "true" : "false");
}

static double ratio(size_t part, size_t all)
{
    return all ? (double)part / (double)all : 0;
}

/* ---- one feature ----------------------------------------------------------------------------- */

static void put_side(mw_buf *out, const char *key, bool is_category, const double *quantiles,
                     double mean, double deviation)
{
    static const char *const names[CLI_DRIFT_QUANTILES] = {"min", "p05", "median", "p95", "max"};
    if (is_category)
        return;
    put_key(out, key);
    mw_buf_char(out, '{');
    put_number(out, "mean", mean);
    put_number(out, "sd", deviation);
    for (size_t i = 0; i < CLI_DRIFT_QUANTILES; i++)
        put_number(out, names[i], quantiles[i]);
    mw_buf_char(out, '}');
}

static void put_bin(const cli_drift_bin *bin, double total_r, double total_c, mw_buf *out)
{
    mw_buf_char(out, '{');
    if (bin->is_missing)
        put_flag(out, "missing", true);
    else if (bin->text.data) {
        put_key(out, "category");
        mw_json_write_text(out, bin->text);
    } else {
        put_number(out, "low", isinf(bin->low) ? (double)NAN : bin->low);
        put_number(out, "high", isinf(bin->high) ? (double)NAN : bin->high);
    }
    put_count(out, "reference", (size_t)bin->reference);
    put_count(out, "current", (size_t)bin->current);
    put_number(out, "share_reference", total_r > 0 ? bin->reference / total_r : 0);
    put_number(out, "share_current", total_c > 0 ? bin->current / total_c : 0);
    mw_buf_char(out, '}');
}

static void put_bins(const cli_drift_feature *feature, mw_buf *out)
{
    double total_r = 0, total_c = 0;
    for (size_t i = 0; i < feature->n_bins; i++) {
        total_r += feature->bins[i].reference;
        total_c += feature->bins[i].current;
    }
    put_key(out, "bins");
    mw_buf_char(out, '[');
    for (size_t i = 0; i < feature->n_bins; i++) {
        mw_buf_text(out, i ? "," : "");
        put_bin(&feature->bins[i], total_r, total_c, out);
    }
    mw_buf_char(out, ']');
}

static void put_new_categories(const cli_drift_feature *feature, mw_buf *out)
{
    bool first = true;
    if (!feature->measured.is_category)
        return;
    put_count(out, "n_new_categories", feature->n_new);
    put_count(out, "n_lost_categories", feature->n_lost);
    put_count(out, "rows_with_new_categories", feature->new_rows);
    put_key(out, "new_categories");
    mw_buf_char(out, '[');
    for (size_t i = 0; i < feature->n_bins; i++) {
        const cli_drift_bin *bin = &feature->bins[i];
        if (bin->is_missing || bin->reference > 0)
            continue;
        mw_buf_text(out, first ? "" : ",");
        mw_json_write_text(out, bin->text);
        first = false;
    }
    mw_buf_char(out, ']');
}

static void put_measured(const cli_drift_feature *feature, mw_buf *out)
{
    const mw_drift_feature *m = &feature->measured;
    size_t gone_r = m->missing_reference + m->infinite_reference;
    size_t gone_c = m->missing_current + m->infinite_current;
    put_text(out, "type", m->is_category ? "categorical" : "numeric");
    put_text(out, "method", mw_drift_method_name(m->method));
    put_text(out, "kind", mw_drift_is_test(m->method) ? "test" : "distance");
    put_number(out, "statistic", m->statistic);
    put_number(out, "p_value", m->p_value);
    put_number(out, "p_adjusted", m->p_adjusted);
    put_number(out, "log_e_value", m->log_e_value);
    put_number(out, "threshold", m->threshold);
    put_count(out, "n_reference", m->n_reference);
    put_count(out, "n_current", m->n_current);
    put_count(out, "missing_reference", m->missing_reference);
    put_count(out, "missing_current", m->missing_current);
    put_number(out, "missing_share_reference", ratio(gone_r, gone_r + m->n_reference));
    put_number(out, "missing_share_current", ratio(gone_c, gone_c + m->n_current));
    put_flag(out, "missing_drifted", m->missing_drifted);
    put_count(out, "infinite_reference", m->infinite_reference);
    put_count(out, "infinite_current", m->infinite_current);
    put_new_categories(feature, out);
    put_side(out, "reference", m->is_category, feature->quantiles_reference, m->mean_reference,
             m->deviation_reference);
    put_side(out, "current", m->is_category, feature->quantiles_current, m->mean_current,
             m->deviation_current);
    put_bins(feature, out);
}

static void put_feature(const cli_drift *job, const cli_drift_feature *feature, mw_buf *out)
{
    mw_buf why;
    mw_buf_init(&why, 4 * MW_KIB);
    cli_drift_why(job, feature, &why);
    mw_buf_char(out, '{');
    put_key(out, "feature");
    mw_json_write_text(out, feature->name);
    put_flag(out, "drifted", cli_drift_has_drifted(feature));
    put_text(out, "verdict", cli_drift_state_name(feature));
    put_text(out, "why", why.data);
    if (feature->state == CLI_DRIFT_COMPARED)
        put_measured(feature, out);
    mw_buf_char(out, '}');
    mw_buf_done(&why);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void put_state_names(const cli_drift *job, const char *key, cli_drift_state state,
                            mw_buf *out)
{
    bool first = true;
    put_key(out, key);
    mw_buf_char(out, '[');
    for (size_t f = 0; f < job->n_features; f++) {
        if (job->features[f].state != state)
            continue;
        mw_buf_text(out, first ? "" : ",");
        mw_json_write_text(out, job->features[f].name);
        first = false;
    }
    mw_buf_char(out, ']');
}

static void put_schema(const cli_drift *job, mw_buf *out)
{
    put_key(out, "schema");
    mw_buf_char(out, '{');
    put_key(out, "added");
    mw_buf_char(out, '[');
    for (size_t i = 0; i < job->n_added; i++) {
        mw_buf_text(out, i ? "," : "");
        mw_json_write_text(out, job->added[i]);
    }
    mw_buf_char(out, ']');
    put_state_names(job, "removed", CLI_DRIFT_REMOVED, out);
    put_state_names(job, "retyped", CLI_DRIFT_RETYPED, out);
    mw_buf_char(out, '}');
}

static void put_file(const char *key, const cli_frame_file *file, mw_buf *out)
{
    put_key(out, key);
    mw_buf_char(out, '{');
    put_text(out, "path", file->path);
    put_count(out, "rows", file->frame.n_rows);
    put_count(out, "columns", file->frame.n_columns);
    mw_buf_char(out, '}');
}

void cli_drift_json(const cli_drift *job, mw_buf *out)
{
    const mw_drift_summary *s = &job->summary;
    mw_buf_char(out, '{');
    put_flag(out, "drifted", s->drifted);
    put_count(out, "n_features", s->n_features);
    put_count(out, "n_compared", s->n_compared);
    put_count(out, "n_drifted", s->n_drifted);
    put_number(out, "share_drifted", s->share_drifted);
    put_number(out, "drift_share", job->options.share);
    put_text(out, "profile", mw_drift_profile_name(job->options.profile));
    put_number(out, "alpha", job->options.alpha);
    put_count(out, "n_reference", job->reference.frame.n_rows);
    put_count(out, "n_current", job->current.frame.n_rows);
    put_file("reference", &job->reference, out);
    put_file("current", &job->current, out);
    put_schema(job, out);
    put_key(out, "features");
    mw_buf_char(out, '[');
    for (size_t f = 0; f < job->n_features; f++) {
        mw_buf_text(out, f ? ",\n" : "\n");
        put_feature(job, &job->features[f], out);
    }
    mw_buf_text(out, "\n]}\n");
}
