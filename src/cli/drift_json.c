/* The finding of a drift check for programs. The keys are in docs/reference/drift-report.md. */
#include "drift.h"
#include "members.h"

#include <math.h>

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
    cli_member(out, key);
    mw_buf_char(out, '{');
    cli_member_number(out, "mean", mean);
    cli_member_number(out, "sd", deviation);
    for (size_t i = 0; i < CLI_DRIFT_QUANTILES; i++)
        cli_member_number(out, names[i], quantiles[i]);
    mw_buf_char(out, '}');
}

static void put_bin(const cli_drift_bin *bin, double total_r, double total_c, mw_buf *out)
{
    mw_buf_char(out, '{');
    if (bin->is_missing)
        cli_member_bool(out, "missing", true);
    else if (bin->text.data) {
        cli_member(out, "category");
        mw_json_write_text(out, bin->text);
    } else {
        cli_member_number(out, "low", isinf(bin->low) ? (double)NAN : bin->low);
        cli_member_number(out, "high", isinf(bin->high) ? (double)NAN : bin->high);
    }
    cli_member_int(out, "reference", (int64_t)((size_t)bin->reference));
    cli_member_int(out, "current", (int64_t)((size_t)bin->current));
    cli_member_number(out, "share_reference", total_r > 0 ? bin->reference / total_r : 0);
    cli_member_number(out, "share_current", total_c > 0 ? bin->current / total_c : 0);
    mw_buf_char(out, '}');
}

static void put_bins(const cli_drift_feature *feature, mw_buf *out)
{
    double total_r = 0, total_c = 0;
    for (size_t i = 0; i < feature->n_bins; i++) {
        total_r += feature->bins[i].reference;
        total_c += feature->bins[i].current;
    }
    cli_member(out, "bins");
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
    cli_member_int(out, "n_new_categories", (int64_t)(feature->n_new));
    cli_member_int(out, "n_lost_categories", (int64_t)(feature->n_lost));
    cli_member_int(out, "rows_with_new_categories", (int64_t)(feature->new_rows));
    cli_member(out, "new_categories");
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
    cli_member_text(out, "type", mw_view_of(m->is_category ? "categorical" : "numeric"));
    cli_member_text(out, "method", mw_view_of(mw_drift_method_name(m->method)));
    cli_member_text(out, "kind", mw_view_of(mw_drift_is_test(m->method) ? "test" : "distance"));
    cli_member_number(out, "statistic", m->statistic);
    cli_member_number(out, "p_value", m->p_value);
    cli_member_number(out, "p_adjusted", m->p_adjusted);
    cli_member_number(out, "log_e_value", m->log_e_value);
    cli_member_number(out, "threshold", m->threshold);
    cli_member_int(out, "n_reference", (int64_t)(m->n_reference));
    cli_member_int(out, "n_current", (int64_t)(m->n_current));
    cli_member_int(out, "missing_reference", (int64_t)(m->missing_reference));
    cli_member_int(out, "missing_current", (int64_t)(m->missing_current));
    cli_member_number(out, "missing_share_reference", ratio(gone_r, gone_r + m->n_reference));
    cli_member_number(out, "missing_share_current", ratio(gone_c, gone_c + m->n_current));
    cli_member_bool(out, "missing_drifted", m->missing_drifted);
    cli_member_int(out, "infinite_reference", (int64_t)(m->infinite_reference));
    cli_member_int(out, "infinite_current", (int64_t)(m->infinite_current));
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
    cli_member(out, "feature");
    mw_json_write_text(out, feature->name);
    cli_member_bool(out, "drifted", cli_drift_has_drifted(feature));
    cli_member_text(out, "verdict", mw_view_of(cli_drift_state_name(feature)));
    cli_member_text(out, "why", mw_view_of(why.data));
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
    cli_member(out, key);
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
    cli_member(out, "schema");
    mw_buf_char(out, '{');
    cli_member(out, "added");
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
    cli_member(out, key);
    mw_buf_char(out, '{');
    cli_member_text(out, "path", mw_view_of(file->path));
    cli_member_int(out, "rows", (int64_t)(file->frame.n_rows));
    cli_member_int(out, "columns", (int64_t)(file->frame.n_columns));
    mw_buf_char(out, '}');
}

void cli_drift_json(const cli_drift *job, mw_buf *out)
{
    const mw_drift_summary *s = &job->summary;
    mw_buf_char(out, '{');
    cli_member_bool(out, "drifted", s->drifted);
    cli_member_int(out, "n_features", (int64_t)(s->n_features));
    cli_member_int(out, "n_compared", (int64_t)(s->n_compared));
    cli_member_int(out, "n_drifted", (int64_t)(s->n_drifted));
    cli_member_number(out, "share_drifted", s->share_drifted);
    cli_member_number(out, "drift_share", job->options.share);
    cli_member_text(out, "profile", mw_view_of(mw_drift_profile_name(job->options.profile)));
    cli_member_number(out, "alpha", job->options.alpha);
    cli_member_int(out, "n_reference", (int64_t)(job->reference.frame.n_rows));
    cli_member_int(out, "n_current", (int64_t)(job->current.frame.n_rows));
    put_file("reference", &job->reference, out);
    put_file("current", &job->current, out);
    put_schema(job, out);
    cli_drift_joint_json(job, out);
    cli_drift_mmd_json(job, out);
    cli_member(out, "features");
    mw_buf_char(out, '[');
    for (size_t f = 0; f < job->n_features; f++) {
        mw_buf_text(out, f ? ",\n" : "\n");
        put_feature(job, &job->features[f], out);
    }
    mw_buf_text(out, "\n]}\n");
}
