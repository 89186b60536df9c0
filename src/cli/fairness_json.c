/* The finding of a fairness check for programs: the keys are in docs/reference/fairness-report.md.
 * What is not defined is null, and listed with the reason. */
#include "fairness.h"
#include "members.h"

#include <math.h>

static void open_map(mw_buf *out, const char *key)
{
    cli_member(out, key);
    mw_buf_char(out, '{');
}

static void put_interval(mw_buf *out, const char *key, mw_interval interval)
{
    cli_member(out, key);
    mw_buf_char(out, '[');
    mw_json_write_double(out, interval.low);
    mw_buf_char(out, ',');
    mw_json_write_double(out, interval.high);
    mw_buf_char(out, ']');
}

/* ---- groups ---------------------------------------------------------------------------------- */

static const char *reason(mw_outcome_rate rate)
{
    switch (rate) {
    case MW_RATE_TPR:
    case MW_RATE_FNR:
        return "no positives";
    case MW_RATE_FPR:
    case MW_RATE_TNR:
        return "no negatives";
    case MW_RATE_PPV:
    case MW_RATE_FDR:
        return "none selected";
    case MW_RATE_NPV:
    case MW_RATE_FOR:
        return "all selected";
    default:
        return "no rows";
    }
}

static void put_undefined(mw_buf *out, const mw_confusion *counts)
{
    open_map(out, "undefined");
    for (mw_outcome_rate rate = 0; rate < MW_N_RATES; rate++)
        if (isnan(mw_outcome_rate_of(counts, rate)))
            cli_member_text(out, mw_outcome_rate_name(rate), mw_view_of(reason(rate)));
    mw_buf_char(out, '}');
}

static void put_group(mw_buf *out, const cli_fair *job, const cli_fair_group *group)
{
    char key[48];
    const mw_confusion *c = &group->counts;
    mw_buf_char(out, '{');
    cli_member_number(out, "count", mw_confusion_total(c));
    cli_member_number(out, "n", group->n_rows);
    cli_member_number(out, "positives", c->tp + c->fn);
    cli_member_number(out, "selected", c->tp + c->fp);
    cli_member_number(out, "tp", c->tp);
    cli_member_number(out, "fp", c->fp);
    cli_member_number(out, "fn", c->fn);
    cli_member_number(out, "tn", c->tn);
    for (mw_outcome_rate rate = 0; rate < MW_N_RATES; rate++)
        cli_member_number(out, mw_outcome_rate_name(rate), cli_fair_rate(job, c, rate));
    for (mw_outcome_rate rate = 0; rate < MW_N_RATES; rate++) {
        snprintf(key, sizeof key, "%s_wilson95", mw_outcome_rate_name(rate));
        put_interval(out, key, cli_fair_interval(group, rate));
    }
    cli_member_number(out, "auc", group->auc);
    cli_member_number(out, "mean_score", group->mean_score);
    cli_member_number(out, "calibration_gap",
                      group->mean_score - mw_outcome_rate_of(c, MW_RATE_BASE));
    cli_member_number(out, "brier", group->brier);
    cli_member_number(out, "ece_equal_width_10", group->ece);
    cli_member(out, "few_rows");
    mw_buf_text(out, group->is_small ? "true" : "false");
    put_undefined(out, c);
    mw_buf_char(out, '}');
}

/* ---- between groups -------------------------------------------------------------------------- */

static void put_gap_lists(mw_buf *out, const cli_fair_attribute *attribute)
{
    static const char *const names[] = {"difference_between_groups", "difference_to_overall",
                                        "ratio_between_groups", "ratio_to_overall"};
    for (size_t i = 0; i < MW_COUNT(names); i++) {
        open_map(out, names[i]);
        for (mw_outcome_rate rate = 0; rate < MW_N_RATES; rate++) {
            const mw_gaps *gaps = &attribute->gaps[rate];
            const double values[] = {gaps->difference, gaps->difference_to_overall, gaps->ratio,
                                     gaps->ratio_to_overall};
            cli_member_number(out, mw_outcome_rate_name(rate), values[i]);
        }
        mw_buf_char(out, '}');
    }
}

static mw_status put_aggregates(mw_buf *out, const cli_fair *job,
                                const cli_fair_attribute *attribute, mw_confusion *counts,
                                mw_error *err)
{
    double value;
    open_map(out, "aggregates");
    for (size_t i = 0; i < mw_n_fair_measures; i++) {
        MW_TRY(cli_fair_value(job, &mw_fair_measures[i], counts, attribute->n_groups, &value, err));
        cli_member_number(out, mw_fair_measures[i].name, value);
    }
    put_gap_lists(out, attribute);
    cli_member_number(out, "between_group_generalized_entropy_alpha2",
                      mw_generalized_entropy_between(counts, attribute->n_groups, 2));
    mw_buf_char(out, '}');
    return MW_OK;
}

static void put_impact(mw_buf *out, const cli_fair_attribute *attribute)
{
    open_map(out, "impact_ratio_to_highest_rate");
    for (size_t g = 0; attribute->reference < attribute->n_groups && g < attribute->n_groups; g++) {
        double most =
            mw_outcome_rate_of(&attribute->groups[attribute->reference].counts, MW_RATE_SELECTION);
        double rate = mw_outcome_rate_of(&attribute->groups[g].counts, MW_RATE_SELECTION);
        cli_member(out, attribute->groups[g].name.data);
        mw_json_write_double(out, most > 0 ? rate / most : (double)NAN);
    }
    mw_buf_char(out, '}');
}

static void put_difference(mw_buf *out, const cli_fair_group *group, const cli_fair_group *most)
{
    double k, n, k_most, n_most;
    mw_outcome_rate_parts(&group->counts, MW_RATE_SELECTION, &k, &n);
    mw_outcome_rate_parts(&most->counts, MW_RATE_SELECTION, &k_most, &n_most);
    cli_member_number(out, "difference", k / n - k_most / n_most);
    put_interval(out, "difference_newcombe95",
                 mw_newcombe(k * group->worth, n * group->worth, k_most * most->worth,
                             n_most * most->worth));
}

static void put_tests(mw_buf *out, const cli_fair_attribute *attribute)
{
    open_map(out, "selection_tests");
    open_map(out, "pairs");
    for (size_t g = 0; g < attribute->n_groups && attribute->reference < attribute->n_groups; g++) {
        const cli_fair_pair *pair = &attribute->pairs[g];
        const cli_fair_group *most = &attribute->groups[attribute->reference];
        if (g == attribute->reference)
            continue;
        cli_member(out, attribute->groups[g].name.data);
        mw_buf_char(out, '{');
        cli_member_text(out, "reference", most->name);
        put_difference(out, &attribute->groups[g], most);
        cli_member_number(out, "z_pooled", pair->z);
        cli_member_number(out, "p_z", pair->p_z);
        cli_member_number(out, "p_fisher", pair->p_fisher);
        cli_member_number(out, "p_fisher_holm", pair->p_holm);
        cli_member_number(out, "p_fisher_fdr_bh", pair->p_bh);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, '}');
    open_map(out, "chi2");
    cli_member_number(out, "statistic", attribute->chi_square.statistic);
    cli_member_number(out, "dof", (double)attribute->n_groups - 1);
    cli_member_number(out, "p", attribute->chi_square.p_value);
    mw_buf_text(out, "}}");
}

static void put_checks(mw_buf *out, const cli_fair_attribute *attribute)
{
    cli_member(out, "checks");
    mw_buf_char(out, '[');
    for (size_t i = 0; i < attribute->n_checks; i++) {
        const cli_fair_check *check = &attribute->checks[i];
        mw_buf why;
        mw_buf_init(&why, 4 * MW_KIB);
        cli_fair_why(check, &why);
        mw_buf_text(out, i > 0 ? ",{" : "{");
        cli_member_text(out, "measure", mw_view_of(check->limit->measure->name));
        cli_member_number(out, "value", check->value);
        put_interval(out, "interval95", check->interval);
        cli_member_number(out, "min", check->limit->min);
        cli_member_number(out, "max", check->limit->max);
        cli_member_text(out, "verdict", mw_view_of(cli_fair_verdict_name(check->verdict)));
        cli_member_number(out, "groups_too_small", (double)check->n_small);
        cli_member_number(out, "more_rows", check->more_rows);
        cli_member_text(out, "why", mw_buf_as_view(&why));
        mw_buf_char(out, '}');
        mw_buf_done(&why);
    }
    mw_buf_char(out, ']');
}

static mw_status put_attribute(mw_buf *out, const cli_fair *job,
                               const cli_fair_attribute *attribute, mw_error *err)
{
    mw_arena room;
    mw_arena_init(&room, 4 * MW_KIB, MW_LIMIT_STUDY_BYTES);
    mw_confusion *counts = mw_arena_take(&room, attribute->n_groups * sizeof *counts);
    if (!counts)
        return mw_fail_memory(err, "the groups");
    mw_buf_char(out, '{');
    open_map(out, "groups");
    for (size_t g = 0; g < attribute->n_groups; g++) {
        counts[g] = attribute->groups[g].counts;
        cli_member(out, attribute->groups[g].name.data);
        put_group(out, job, &attribute->groups[g]);
    }
    mw_buf_char(out, '}');
    cli_member_number(out, "empty_combinations", (double)attribute->n_empty);
    cli_member(out, "overall");
    put_group(out, job, &job->overall);
    mw_status status = put_aggregates(out, job, attribute, counts, err);
    mw_arena_done(&room);
    MW_TRY(status);
    put_impact(out, attribute);
    put_tests(out, attribute);
    put_checks(out, attribute);
    mw_buf_char(out, '}');
    return MW_OK;
}

/* ---- all ------------------------------------------------------------------------------------- */

/* The checks of all attributes as a gate keeps them: the shape of a validation's. */
static void put_gate(const cli_fair *job, const cli_fair_attribute *attribute,
                     const cli_fair_check *check, mw_buf *out)
{
    mw_buf name, why;
    mw_buf_init(&name, 4 * MW_KIB);
    mw_buf_init(&why, 4 * MW_KIB);
    mw_buf_format(&name, "%.*s/%s", MW_VIEW_ARG(attribute->name), check->limit->measure->name);
    cli_fair_why(check, &why);
    cli_member_comma(out);
    mw_buf_char(out, '{');
    cli_member_text(out, "name", mw_buf_as_view(&name));
    cli_member_bool(out, "passed",
                    check->verdict != CLI_FAIR_FAIL &&
                        !(check->verdict == CLI_FAIR_UNDECIDED && job->undecided_stops));
    cli_member_text(out, "verdict", mw_view_of(cli_fair_verdict_name(check->verdict)));
    cli_member_number(out, "value", check->value);
    open_map(out, "threshold");
    cli_member_double(out, "min", check->limit->min);
    cli_member_double(out, "max", check->limit->max);
    mw_buf_char(out, '}');
    put_interval(out, "interval", check->interval);
    cli_member_text(out, "why", mw_buf_as_view(&why));
    mw_buf_char(out, '}');
    mw_buf_done(&name);
    mw_buf_done(&why);
}

static void put_gates(const cli_fair *job, mw_buf *out)
{
    cli_member_bool(out, "passed", !job->stops);
    cli_member(out, "checks");
    mw_buf_char(out, '[');
    for (size_t a = 0; a < job->n_attributes; a++)
        for (size_t i = 0; i < job->attributes[a].n_checks; i++)
            put_gate(job, &job->attributes[a], &job->attributes[a].checks[i], out);
    mw_buf_char(out, ']');
}

static mw_status put_all(const cli_fair *job, mw_buf *out, mw_error *err)
{
    const mw_frame_column *columns = job->file.frame.columns;
    mw_buf_char(out, '{');
    cli_member_text(out, "kind", MW_VIEW("fairness"));
    cli_member_text(out, "data", mw_view_of(job->file.path));
    if (job->digest[0]) {
        cli_member(out, "digest");
        mw_buf_format(out, "\"sha256:%s\"", job->digest);
    }
    cli_member_number(out, "rows", (double)job->file.frame.n_rows);
    cli_member_text(out, "label", columns[job->label].name);
    cli_member_text(out, "score", columns[job->score].name);
    cli_member_number(out, "threshold", job->threshold);
    cli_member(out, "verdict");
    if (job->n_limits > 0)
        mw_json_write_text(out, mw_view_of(cli_fair_verdict_name(job->verdict)));
    else
        mw_buf_text(out, "null");
    put_gates(job, out);
    open_map(out, "attributes");
    for (size_t a = 0; a < job->n_attributes; a++) {
        cli_member(out, job->attributes[a].name.data);
        MW_TRY(put_attribute(out, job, &job->attributes[a], err));
    }
    mw_buf_char(out, '}');
    open_map(out, "individual");
    cli_member_number(out, "generalized_entropy_index_alpha1_theil",
                      mw_generalized_entropy(&job->overall.counts, 1));
    cli_member_number(out, "generalized_entropy_index_alpha2",
                      mw_generalized_entropy(&job->overall.counts, 2));
    mw_buf_text(out, "}}\n");
    return MW_OK;
}

mw_status cli_fair_json(const cli_fair *job, mw_buf *out, mw_error *err)
{
    return put_all(job, out, err);
}
