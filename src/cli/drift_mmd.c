/* drift check --mmd: whether rows still come from the reference's distribution, whatever differs.
 *
 *     compared columns, row by row --> stats: mmd.c --> MMD², its p value, which columns it is of
 */
#include "drift.h"
#include "members.h"

#include <math.h>
#include <stdlib.h>

enum { TOLD_FEATURES = 3, SHARES_MAX = 64 }; /* each share costs as much as the kernel */

static int by_share(const void *a, const void *b, void *given)
{
    const cli_drift_mmd *mmd = given;
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    double x = mmd->shares[i], y = mmd->shares[j];
    return x != y ? (x < y) - (x > y) : (i > j) - (i < j);
}

static mw_status measure(cli_drift *job, cli_drift_mmd *mmd, mw_error *err)
{
    cli_drift_table table;
    mw_drift_mmd_options options;
    mw_drift_mmd_options_init(&options);
    options.alpha = job->options.alpha;
    MW_TRY(cli_drift_take(job, &table, err));
    mmd->n = table.n;
    mmd->shares = calloc(mmd->n + 1, sizeof *mmd->shares);
    mmd->order = calloc(mmd->n + 1, sizeof *mmd->order);
    mmd->features = table.features;
    mw_status status = mmd->shares && mmd->order ? MW_OK : mw_fail_memory(err, "the features");
    if (status == MW_OK)
        status =
            mw_mmd_check(table.rows, table.n_reference, table.rows + table.n_reference * table.n,
                         table.n_current, table.n, table.is_category, &options,
                         mmd->n <= SHARES_MAX ? mmd->shares : NULL, &mmd->summary, err);
    free(table.rows);
    free(table.is_category);
    return status;
}

mw_status cli_drift_check_mmd(cli_drift *job, mw_error *err)
{
    cli_drift_mmd *mmd = &job->mmd;
    if (!cli_is_on(job->call, CLI_MMD))
        return MW_OK;
    if (job->by_profile)
        return cli_drift_fail_profile(job, "--mmd", err);
    MW_TRY(measure(job, mmd, err));
    for (size_t k = 0; k < mmd->n; k++)
        mmd->order[k] = k;
    qsort_r(mmd->order, mmd->n, sizeof *mmd->order, by_share, mmd);
    mmd->is_told = true;
    job->summary.drifted |= mmd->summary.drifted;
    return MW_OK;
}

void cli_drift_mmd_done(cli_drift_mmd *mmd)
{
    free(mmd->features);
    free(mmd->shares);
    free(mmd->order);
}

/* ---- the finding ----------------------------------------------------------------------------- */

void cli_drift_mmd_sentence(const cli_drift *job, mw_buf *out)
{
    const cli_drift_mmd *mmd = &job->mmd;
    const mw_drift_mmd_summary *s = &mmd->summary;
    if (!mmd->is_told)
        return;
    mw_buf_format(out, "all rows: MMD² %.4g of %zu features (%zu rows against %zu, p ", s->mmd2,
                  s->n_features, s->n_current, s->n_reference);
    cli_drift_number(out, s->p_value);
    mw_buf_char(out, ')');
    bool has_shares = mmd->n <= SHARES_MAX;
    for (size_t k = 0; has_shares && s->drifted && k < mmd->n && k < TOLD_FEATURES; k++)
        if (mmd->shares[mmd->order[k]] > 0)
            mw_buf_format(out, "%s%.*s", k ? ", " : "; most of it with ",
                          MW_VIEW_ARG(mmd->features[mmd->order[k]]->name));
}

void cli_drift_mmd_json(const cli_drift *job, mw_buf *out)
{
    const cli_drift_mmd *mmd = &job->mmd;
    const mw_drift_mmd_summary *s = &mmd->summary;
    if (!mmd->is_told)
        return;
    cli_member(out, "mmd");
    mw_buf_char(out, '{');
    cli_member_bool(out, "drifted", s->drifted);
    cli_member_int(out, "n_features", (int64_t)s->n_features);
    cli_member_int(out, "n_reference", (int64_t)s->n_reference);
    cli_member_int(out, "n_current", (int64_t)s->n_current);
    cli_member_number(out, "mmd2", s->mmd2);
    cli_member_number(out, "bandwidth", s->bandwidth);
    cli_member_number(out, "p_value", s->p_value);
    cli_member(out, "features");
    mw_buf_char(out, '[');
    for (size_t k = 0; mmd->n <= SHARES_MAX && k < mmd->n; k++) {
        size_t at = mmd->order[k];
        mw_buf_text(out, k ? ",{\"feature\":" : "{\"feature\":");
        mw_json_write_text(out, mmd->features[at]->name);
        cli_member_number(out, "share", mmd->shares[at]);
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "]}");
}
