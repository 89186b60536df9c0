/* Limits from a file, and whether they are kept.
 *
 *     fairness:
 *       limits:
 *         demographic_parity_ratio: {min: 0.8}
 *         equalized_odds_difference: 0.1        # a number alone: max of a difference, min of a
 * ratio attributes: sex: {equal_opportunity_difference: 0.05}     # beside the limits of all
 *       min_group: 30            # rows, below which a group is not judged
 *       min_denominator: 10      # and rows to count among, for each rate
 *       undecided: warn          # or fail
 *
 * A limit is broken when the whole 95 % interval lies beyond it, kept when the whole lies inside,
 * and else undecided. A group that is too small to be judged is never a reason to pass. */
#include "fairness.h"

#include <math.h>
#include <stdlib.h>

#include "command.h"

enum { MIN_GROUP = 30, MIN_AMONG = 10, DRAWS = 1000, SEED = 1 };

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct reading {
    cli_fair *job;
    const char *path;
} reading;

static mw_status at_node(const reading *r, const mw_yaml *node, mw_error *err)
{
    bool is_keyed = node->key_line > 0;
    return mw_at(err, "%s:%u:%u", r->path, is_keyed ? node->key_line : node->line,
                 is_keyed ? node->key_column : node->column);
}

static mw_status fail_node(const reading *r, const mw_yaml *node, const char *what,
                           const char *mend, mw_error *err)
{
    mw_fail(err, MW_E_FAIRNESS_SUITE, "%s", what);
    mw_mend(err, "%s", mend);
    return at_node(r, node, err);
}

static mw_status fail_measure(const reading *r, const mw_yaml *node, mw_error *err)
{
    cli_nearest nearest = cli_nearest_to(node->key);
    for (size_t i = 0; i < mw_n_fair_measures; i++)
        cli_nearest_offer(&nearest, mw_fair_measures[i].name);
    mw_fail(err, MW_E_FAIRNESS_SUITE, "'%.*s' is no measure", MW_VIEW_ARG(node->key));
    if (nearest.name)
        mw_mend(err, "did you mean '%s'?", nearest.name);
    else
        mw_mend(err, "docs/how-to/check-a-model-for-bias.md lists them");
    return at_node(r, node, err);
}

static bool read_number(const mw_yaml *node, double *ret_value)
{
    return node->kind == MW_YAML_SCALAR && !node->quoted &&
           mw_number_parse(node->text.data, node->text.size, ret_value) && !isnan(*ret_value);
}

static mw_status read_bounds(const reading *r, const mw_yaml *node, cli_fair_limit *limit,
                             mw_error *err)
{
    static const char shape[] = "give a number, or {min: NUMBER}, {max: NUMBER}";
    double number;
    if (read_number(node, &number)) {
        *(limit->measure->is_ratio ? &limit->min : &limit->max) = number;
        return MW_OK;
    }
    if (node->kind != MW_YAML_MAP || node->count == 0)
        return fail_node(r, node, "a limit is a number", shape, err);
    for (const mw_yaml *one = node->first; one; one = one->next) {
        bool is_min = mw_view_is(one->key, "min");
        if ((!is_min && !mw_view_is(one->key, "max")) || !read_number(one, &number))
            return fail_node(r, one, "a limit has a min and a max", shape, err);
        *(is_min ? &limit->min : &limit->max) = number;
    }
    if (limit->min > limit->max)
        return fail_node(r, node, "nothing can keep this: the least is above the most", shape, err);
    return MW_OK;
}

static mw_status read_limits(const reading *r, const mw_yaml *map, mw_view attribute, mw_error *err)
{
    cli_fair *job = r->job;
    if (map->kind != MW_YAML_MAP)
        return fail_node(r, map, "limits are a map", "write 'measure: number', one a line", err);
    for (const mw_yaml *node = map->first; node; node = node->next) {
        cli_fair_limit *limit = &job->limits[job->n_limits];
        *limit = (cli_fair_limit){NULL, (double)NAN, (double)NAN, attribute};
        for (size_t i = 0; i < mw_n_fair_measures; i++)
            if (mw_view_is(node->key, mw_fair_measures[i].name))
                limit->measure = &mw_fair_measures[i];
        if (!limit->measure)
            return fail_measure(r, node, err);
        MW_TRY(read_bounds(r, node, limit, err));
        job->n_limits++;
    }
    return MW_OK;
}

static mw_status read_attributes(const reading *r, const mw_yaml *map, mw_error *err)
{
    if (map->kind != MW_YAML_MAP)
        return fail_node(r, map, "attributes are a map", "write 'sex: {measure: number}'", err);
    for (const mw_yaml *node = map->first; node; node = node->next) {
        const cli_fair_attribute *found = NULL;
        for (size_t a = 0; a < r->job->n_attributes; a++)
            if (mw_view_equal(r->job->attributes[a].name, node->key))
                found = &r->job->attributes[a];
        if (!found)
            return fail_node(r, node, "this attribute is not looked at",
                             "name it in --groups, too; crossed ones as 'sex|race'", err);
        MW_TRY(read_limits(r, node, found->name, err));
    }
    return MW_OK;
}

static mw_status read_count(const reading *r, const mw_yaml *node, size_t *ret_count, mw_error *err)
{
    uint64_t count;
    if (node->kind != MW_YAML_SCALAR || !mw_whole_parse(node->text, &count) || count > INT32_MAX)
        return fail_node(r, node, "this is a count of rows", "give a whole number, such as 30",
                         err);
    *ret_count = (size_t)count;
    return MW_OK;
}

static mw_status read_undecided(const reading *r, const mw_yaml *node, mw_error *err)
{
    if (node->kind == MW_YAML_SCALAR && cli_undecided_read(node->text, &r->job->undecided))
        return MW_OK;
    return fail_node(r, node, "'undecided' is warn or fail", "write 'undecided: fail'", err);
}

static mw_status read_key(const reading *r, const mw_yaml *node, mw_error *err)
{
    if (mw_view_is(node->key, "limits"))
        return read_limits(r, node, (mw_view){NULL, 0}, err);
    if (mw_view_is(node->key, "attributes"))
        return read_attributes(r, node, err);
    if (mw_view_is(node->key, "min_group"))
        return read_count(r, node, &r->job->min_group, err);
    if (mw_view_is(node->key, "min_denominator"))
        return read_count(r, node, &r->job->min_among, err);
    if (mw_view_is(node->key, "undecided"))
        return read_undecided(r, node, err);
    return fail_node(r, node, "unknown key",
                     "there are limits, attributes, min_group, min_denominator, undecided", err);
}

static size_t count_nodes(const mw_yaml *node)
{
    size_t n = 1;
    for (const mw_yaml *one = node->first; one; one = one->next)
        n += count_nodes(one);
    return n;
}

static mw_status read_root(const reading *r, const mw_yaml *root, mw_error *err)
{
    const mw_yaml *own = root->kind == MW_YAML_MAP ? mw_yaml_member(root, "fairness") : NULL;
    root = own ? own : root;
    if (root->kind != MW_YAML_MAP || root->count == 0)
        return fail_node(r, root, "no limits in this file",
                         "write 'limits:' and under it 'demographic_parity_ratio: 0.8'", err);
    r->job->limits =
        mw_arena_take_zeroed(&r->job->memory, count_nodes(root), sizeof(cli_fair_limit));
    if (!r->job->limits)
        return mw_fail_memory(err, "the limits");
    for (const mw_yaml *node = root->first; node; node = node->next)
        MW_TRY(read_key(r, node, err));
    return MW_OK;
}

mw_status cli_fair_read_suite(cli_fair *job, mw_error *err)
{
    mw_file file;
    mw_yaml_document *document;
    reading r = {job, job->call->settings[CLI_FAIR_SUITE].text};
    job->min_group = MIN_GROUP;
    job->min_among = MIN_AMONG;
    if (!r.path)
        return MW_OK;
    MW_TRY(mw_file_read(r.path, MW_MIB, &file, err));
    mw_status status = mw_yaml_read((mw_view){file.data, file.size}, r.path, &document, err);
    mw_file_done(&file);
    MW_TRY(status);
    status = read_root(&r, mw_yaml_root(document), err);
    mw_yaml_free(document);
    return status;
}

/* ---- judging --------------------------------------------------------------------------------- */

static bool is_large_enough(const cli_fair *job, const cli_fair_group *group,
                            const mw_fair_measure *measure)
{
    double k, first, second;
    mw_outcome_rate_parts(&group->counts, measure->first, &k, &first);
    mw_outcome_rate_parts(&group->counts, measure->second, &k, &second);
    return group->n_rows >= (double)job->min_group &&
           fmin(first, second) * group->worth >= (double)job->min_among;
}

typedef struct drawing {
    const cli_fair *job;
    const mw_fair_measure *measure;
    mw_status status;
    mw_error *err;
} drawing;

static double value_of_draw(const mw_confusion *groups, size_t n, void *user)
{
    drawing *d = user;
    double value = (double)NAN;
    if (d->status == MW_OK)
        d->status = cli_fair_value(d->job, d->measure, groups, n, &value, d->err);
    return value;
}

static mw_status draw_interval(const cli_fair *job, const mw_fair_measure *measure,
                               const mw_confusion *groups, size_t n, mw_interval *ret_interval,
                               mw_error *err)
{
    double values[DRAWS];
    size_t n_values;
    drawing d = {job, measure, MW_OK, err};
    MW_TRY(mw_bootstrap_groups(groups, n, SEED, value_of_draw, &d, values, DRAWS, &n_values, err));
    MW_TRY(d.status);
    *ret_interval = (mw_interval){(double)NAN, (double)NAN};
    if (n_values > 0)
        *ret_interval = (mw_interval){values[n_values / 40], values[n_values - 1 - n_values / 40]};
    return MW_OK;
}

static cli_fair_verdict verdict_of(const cli_fair_check *check)
{
    const cli_fair_limit *limit = check->limit;
    double low = check->interval.low, high = check->interval.high;
    if (isnan(check->value) || isnan(low))
        return CLI_FAIR_UNDECIDED;
    if (high < limit->min || low > limit->max)
        return CLI_FAIR_FAIL;
    bool inside = !(low < limit->min) && !(high > limit->max);
    return inside && check->n_small == 0 ? CLI_FAIR_PASS : CLI_FAIR_UNDECIDED;
}

static mw_status judge(const cli_fair *job, const cli_fair_attribute *attribute,
                       const cli_fair_limit *limit, cli_fair_check *check, mw_error *err)
{
    size_t n = 0;
    double n_rows = 0;
    mw_confusion *groups = malloc((attribute->n_groups + 1) * sizeof *groups);
    *check = (cli_fair_check){.limit = limit};
    if (!groups)
        return mw_fail_memory(err, "the groups");
    for (size_t g = 0; g < attribute->n_groups; g++) {
        const cli_fair_group *group = &attribute->groups[g];
        if (!is_large_enough(job, group, limit->measure)) {
            check->n_small++;
            continue;
        }
        const mw_confusion *c = &group->counts;
        double w = group->worth;
        groups[n++] = (mw_confusion){c->tp * w, c->fp * w, c->fn * w, c->tn * w};
        n_rows += group->n_rows;
    }
    mw_status status = cli_fair_value(job, limit->measure, groups, n, &check->value, err);
    if (status == MW_OK)
        status = draw_interval(job, limit->measure, groups, n, &check->interval, err);
    free(groups);
    check->verdict = verdict_of(check);
    check->more_rows = (double)NAN;
    if (check->verdict == CLI_FAIR_UNDECIDED)
        check->more_rows =
            cli_rows_that_decide(check->value, check->interval, limit->min, limit->max, n_rows);
    return status;
}

static mw_status judge_attribute(cli_fair *job, cli_fair_attribute *attribute, mw_error *err)
{
    attribute->checks =
        mw_arena_take_zeroed(&job->memory, job->n_limits, sizeof *attribute->checks);
    if (job->n_limits > 0 && !attribute->checks)
        return mw_fail_memory(err, "the checks");
    for (size_t g = 0; g < attribute->n_groups; g++)
        attribute->groups[g].is_small = attribute->groups[g].n_rows < (double)job->min_group;
    for (size_t i = 0; i < job->n_limits; i++) {
        const cli_fair_limit *limit = &job->limits[i];
        if (limit->attribute.data && !mw_view_equal(limit->attribute, attribute->name))
            continue;
        cli_fair_check *check = &attribute->checks[attribute->n_checks++];
        MW_TRY(judge(job, attribute, limit, check, err));
        job->verdict = check->verdict > job->verdict ? check->verdict : job->verdict;
    }
    return MW_OK;
}

mw_status cli_fair_judge(cli_fair *job, mw_error *err)
{
    size_t n_kept = 0;
    job->verdict = CLI_FAIR_PASS;
    for (size_t a = 0; a < job->n_attributes; a++) {
        MW_TRY(judge_attribute(job, &job->attributes[a], err));
        for (size_t i = 0; i < job->attributes[a].n_checks; i++)
            n_kept += job->attributes[a].checks[i].verdict == CLI_FAIR_PASS;
    }
    job->undecided = cli_undecided_of(job->call, job->undecided);
    job->undecided_stops = cli_undecided_stops(job->undecided, n_kept);
    job->stops = job->verdict == CLI_FAIR_FAIL ||
                 (job->verdict == CLI_FAIR_UNDECIDED && job->undecided_stops);
    return MW_OK;
}

const char *cli_fair_verdict_name(cli_fair_verdict verdict)
{
    static const char *const names[] = {"pass", "undecided", "fail"};
    return names[verdict];
}
