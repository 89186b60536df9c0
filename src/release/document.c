/* What a rollout is to be, from YAML or JSON (which is YAML), or from the command line. */
#include "release.h"

#include <math.h>

enum { MS_PER_SECOND = 1000 };

#define UNSAID UINT64_MAX

static const char *const on_unknown_names[] = {"hold", "promote", "rollback"};

/* ---- what is usual --------------------------------------------------------------------------- */

static void set_steps(mw_rollout_document *document, const double *weights, size_t n,
                      uint64_t min_samples)
{
    document->n_steps = n;
    for (size_t i = 0; i < n; i++)
        document->steps[i] = (mw_rollout_step){.weight = weights[i], .min_samples = min_samples};
}

void mw_rollout_document_init(mw_rollout_document *document, mw_strategy strategy)
{
    static const double canary[] = {0.01, 0.05, 0.25};
    static const mw_rollout_metric metrics[] = {{MW_METRIC_ERRORS, 0.01, true},
                                                {MW_METRIC_LATENCY, 0.2, true},
                                                {MW_METRIC_SCORES, 0.2, false},
                                                {MW_METRIC_OUTCOME, 0.01, true}};
    bool is_test = strategy == MW_AB || strategy == MW_BANDIT;
    *document = (mw_rollout_document){.strategy = strategy,
                                      .alpha = 0.01,
                                      .deadline_ms = 24 * 3600 * MS_PER_SECOND,
                                      .watch_after_ms = 48 * 3600 * MS_PER_SECOND,
                                      .groups.threshold = (double)NAN};
    snprintf(document->key_header, sizeof document->key_header, "X-Millwright-Key");
    document->n_metrics = is_test ? 4 : 3; /* an outcome, where it decides */
    memcpy(document->metrics, metrics, sizeof metrics);
    if (strategy == MW_CANARY)
        set_steps(document, canary, MW_COUNT(canary), 200);
    else
        set_steps(document, is_test ? (const double[]){0.5} : (const double[]){0}, 1,
                  strategy == MW_BLUE_GREEN ? 0 : 1000);
    if (strategy == MW_SHADOW)
        document->steps[0].shadow = 1;
}

/* ---- refusals -------------------------------------------------------------------------------- */

static mw_status refuse(const mw_yaml *node, mw_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static mw_status refuse(const mw_yaml *node, mw_error *err, const char *format, ...)
{
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    mw_fail(err, MW_E_ROLLOUT_DOCUMENT, "%s", text);
    if (node)
        mw_at(err, "%u:%u", node->line, node->column);
    return mw_mend(err, "docs/reference/rollouts.md shows every key with an example");
}

/* ---- values ---------------------------------------------------------------------------------- */

/* "25%", "0.25"; behind "steps:" alone "25" is a percentage, too. */
static bool read_share(mw_view text, bool is_percent, double *ret_share)
{
    double value;
    bool has_sign = text.size > 1 && text.data[text.size - 1] == '%';
    char copy[32];
    size_t size = text.size - has_sign;
    if (size == 0 || size >= sizeof copy)
        return false;
    memcpy(copy, text.data, size);
    copy[size] = '\0';
    char *end;
    value = strtod(copy, &end);
    if (*end || end == copy || !isfinite(value))
        return false;
    *ret_share = has_sign || is_percent ? value / 100 : value;
    return true;
}

static bool read_duration(mw_view text, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}, {"w", 6.048e8}};
    char copy[32], *end;
    if (text.size == 0 || text.size >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    double value = strtod(copy, &end);
    if (end == copy || !(value >= 0) || value > 1e13)
        return false;
    for (size_t i = 0; i < MW_COUNT(units); i++)
        if (strcmp(end, units[i].unit) == 0) {
            *ret_ms = (int64_t)(value * units[i].ms);
            return true;
        }
    *ret_ms = 0;
    return value == 0 && *end == '\0';
}

static mw_status take_share(const mw_yaml *node, double most, double *ret_share, mw_error *err)
{
    if (node->kind == MW_YAML_SCALAR && read_share(node->text, false, ret_share) &&
        *ret_share >= 0 && *ret_share <= most)
        return MW_OK;
    return refuse(node, err, "'%.*s' of %.*s is no share: write 5%% or 0.05",
                  MW_VIEW_ARG(node->text), MW_VIEW_ARG(node->key));
}

static mw_status take_duration(const mw_yaml *node, int64_t *ret_ms, mw_error *err)
{
    if (node->kind == MW_YAML_SCALAR && read_duration(node->text, ret_ms))
        return MW_OK;
    return refuse(node, err, "'%.*s' of %.*s is no duration: write 90s, 10m, 24h or 7d",
                  MW_VIEW_ARG(node->text), MW_VIEW_ARG(node->key));
}

static mw_status take_text(const mw_yaml *node, char *ret_text, size_t size, mw_error *err)
{
    bool fits = node->kind == MW_YAML_SCALAR && node->text.size > 0 && node->text.size < size;
    for (size_t i = 0; fits && i < node->text.size; i++)
        fits = (unsigned char)node->text.data[i] >= 0x20;
    if (!fits)
        return refuse(node, err, "%.*s must be a text of 1 to %zu letters", MW_VIEW_ARG(node->key),
                      size - 1);
    memcpy(ret_text, node->text.data, node->text.size);
    ret_text[node->text.size] = '\0';
    return MW_OK;
}

static mw_status take_word(const mw_yaml *node, const char *const *words, size_t n_words,
                           unsigned *ret_index, mw_error *err)
{
    for (size_t i = 0; i < n_words; i++)
        if (node->kind == MW_YAML_SCALAR && mw_view_is(node->text, words[i])) {
            *ret_index = (unsigned)i;
            return MW_OK;
        }
    char list[160] = "";
    for (size_t i = 0; i < n_words; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", words[i]);
    return refuse(node, err, "%.*s is one of: %s", MW_VIEW_ARG(node->key), list);
}

static mw_status take_header(const mw_yaml *node, mw_rollout_document *document, mw_error *err)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    MW_TRY(take_text(node, document->key_header, sizeof document->key_header, err));
    if (strspn(document->key_header, allowed) == strlen(document->key_header))
        return MW_OK;
    return refuse(node, err, "'%s' is no name of a header", document->key_header);
}

static mw_status refuse_key(const mw_yaml *node, const char *of, mw_error *err)
{
    return refuse(node, err, "%s has no '%.*s'", of, MW_VIEW_ARG(node->key));
}

/* ---- steps ----------------------------------------------------------------------------------- */

static mw_status take_step_key(const mw_yaml *node, mw_rollout_step *step, mw_error *err)
{
    if (mw_view_is(node->key, "weight"))
        return take_share(node, 1, &step->weight, err);
    if (mw_view_is(node->key, "shadow"))
        return take_share(node, 1, &step->shadow, err);
    if (mw_view_is(node->key, "for"))
        return take_duration(node, &step->for_ms, err);
    if (mw_view_is(node->key, "approve"))
        return take_text(node, step->approve, sizeof step->approve, err);
    if (mw_view_is(node->key, "min_samples")) {
        if (node->kind == MW_YAML_SCALAR && mw_whole_parse(node->text, &step->min_samples))
            return MW_OK;
        return refuse(node, err, "min_samples must be a whole number");
    }
    return refuse_key(node, "a step", err);
}

/* A step of weight 1 is the promotion: its own wishes belong to the step before it. */
static mw_status put_step(const mw_yaml *node, const mw_rollout_step *step, uint64_t usual,
                          mw_rollout_document *document, mw_error *err)
{
    size_t n = document->n_steps;
    if (step->weight < 1) {
        if (n == MW_ROLLOUT_STEPS_MAX)
            return refuse(node, err, "more than %d steps", MW_ROLLOUT_STEPS_MAX);
        if (n > 0 && step->weight < document->steps[n - 1].weight)
            return refuse(node, err,
                          "the weights must rise from step to step: %g %% comes after %g %%",
                          100 * step->weight, 100 * document->steps[n - 1].weight);
        if (step->shadow > 0 && step->weight > 0)
            return refuse(node, err,
                          "a step gives answers (weight) or copies requests (shadow), not both");
        document->steps[n] = *step;
        if (step->min_samples == UNSAID) /* none come where nothing is sent */
            document->steps[n].min_samples = step->weight > 0 || step->shadow > 0 ? usual : 0;
        document->n_steps++;
        return MW_OK;
    }
    if (step->approve[0] || step->for_ms > 0 || step->min_samples != UNSAID)
        return refuse(node, err,
                      "100 %% is the promotion: what it waits for belongs to the step before it");
    return MW_OK;
}

static mw_status check_last(const mw_yaml *node, mw_rollout_document *document, mw_error *err)
{
    if (document->n_steps > 0)
        return MW_OK;
    if (document->strategy != MW_BLUE_GREEN)
        return refuse(node, err, "no step below 100 %%: that is --strategy blue-green");
    document->steps[document->n_steps++] = (mw_rollout_step){.weight = 0};
    return MW_OK;
}

static mw_status take_steps(const mw_yaml *list, mw_rollout_document *document, mw_error *err)
{
    bool is_over = false;
    uint64_t usual = document->n_steps ? document->steps[0].min_samples : 0;
    if (list->kind != MW_YAML_LIST || list->count == 0)
        return refuse(list, err, "steps must be a list: [{weight: 5%%}, {weight: 100%%}]");
    document->n_steps = 0;
    for (const mw_yaml *item = list->first; item; item = item->next) {
        mw_rollout_step step = {.min_samples = UNSAID};
        if (is_over)
            return refuse(item, err, "a step behind the one of 100 %%, which is the promotion");
        if (item->kind == MW_YAML_SCALAR && read_share(item->text, true, &step.weight) &&
            step.weight >= 0 && step.weight <= 1)
            ; /* [1, 5, 25, 100] */
        else if (item->kind != MW_YAML_MAP)
            return refuse(item, err, "a step is a map, {weight: 5%%}, or a percentage");
        for (const mw_yaml *key = item->kind == MW_YAML_MAP ? item->first : NULL; key;
             key = key->next)
            MW_TRY(take_step_key(key, &step, err));
        MW_TRY(put_step(item, &step, usual, document, err));
        is_over = step.weight >= 1;
    }
    return check_last(list, document, err);
}

mw_status mw_rollout_steps_read(mw_view text, mw_rollout_document *document, mw_error *err)
{
    uint64_t usual = document->n_steps ? document->steps[0].min_samples : 0;
    mw_view rest = text;
    bool is_over = false;
    document->n_steps = 0;
    while (rest.size > 0) {
        mw_view part = mw_view_trim(mw_view_cut(&rest, ','));
        mw_rollout_step step = {.min_samples = UNSAID};
        if (!read_share(part, true, &step.weight) || step.weight < 0 || step.weight > 1)
            return refuse(NULL, err, "'%.*s' is no percentage: write --steps 1,5,25,100",
                          MW_VIEW_ARG(part));
        if (is_over)
            return refuse(NULL, err, "a step behind 100, which is the promotion");
        MW_TRY(put_step(NULL, &step, usual, document, err));
        is_over = step.weight >= 1;
    }
    return check_last(NULL, document, err);
}

/* ---- metrics --------------------------------------------------------------------------------- */

/* [F, M], or a number for each bound. */
static mw_status take_group_names(const mw_yaml *node, mw_rollout_groups *groups, mw_error *err)
{
    groups->n_names = 0;
    if (node->kind != MW_YAML_LIST || node->count < 2 || node->count > MW_ARM_GROUPS)
        return refuse(node, err, "groups is a list of 2 to %d values: [F, M]", MW_ARM_GROUPS);
    for (const mw_yaml *item = node->first; item; item = item->next)
        MW_TRY(take_text(item, groups->names[groups->n_names++], MW_COLUMN_NAME_BYTES, err));
    return MW_OK;
}

static mw_status take_bounds(const mw_yaml *node, mw_rollout_groups *groups, mw_error *err)
{
    groups->n_bounds = 0;
    if (node->kind != MW_YAML_LIST || node->count < 1 || node->count > MW_ARM_GROUPS - 1)
        return refuse(node, err, "bounds is a list of 1 to %d numbers: [25, 60]",
                      MW_ARM_GROUPS - 1);
    for (const mw_yaml *item = node->first; item; item = item->next) {
        double *bound = &groups->bounds[groups->n_bounds++];
        if (!mw_number_parse(item->text.data, item->text.size, bound) || !isfinite(*bound) ||
            (bound > groups->bounds && *bound <= bound[-1]))
            return refuse(item, err, "bounds are numbers that rise: [25, 60]");
    }
    return MW_OK;
}

/* False: `node` is no key of groups. */
static bool take_group_key(const mw_yaml *node, mw_rollout_groups *groups, mw_status *ret_status,
                           mw_error *err)
{
    if (mw_view_is(node->key, "column"))
        *ret_status = take_text(node, groups->column, sizeof groups->column, err);
    else if (mw_view_is(node->key, "groups"))
        *ret_status = take_group_names(node, groups, err);
    else if (mw_view_is(node->key, "bounds"))
        *ret_status = take_bounds(node, groups, err);
    else if (mw_view_is(node->key, "threshold"))
        *ret_status =
            node->kind == MW_YAML_SCALAR &&
                    mw_number_parse(node->text.data, node->text.size, &groups->threshold) &&
                    isfinite(groups->threshold)
                ? MW_OK
                : refuse(node, err, "threshold is a number: a score from there on selects");
    else
        return false;
    return true;
}

static mw_status take_metric_key(const mw_yaml *node, mw_rollout_metric *metric, mw_error *err)
{
    bool is_size = mw_view_is(node->key, "tolerance") ||
                   (metric->kind == MW_METRIC_SCORES && mw_view_is(node->key, "psi"));
    if (is_size) {
        MW_TRY(take_share(node, 1e6, &metric->tolerance, err));
        return metric->tolerance > 0
                   ? MW_OK
                   : refuse(node, err, "%.*s must be above 0: the smallest harm that matters",
                            MW_VIEW_ARG(node->key));
    }
    if (mw_view_is(node->key, "critical"))
        return mw_yaml_bool(node, &metric->critical)
                   ? MW_OK
                   : refuse(node, err, "critical is true or false");
    return refuse_key(node, "a metric", err);
}

/* {errors: {tolerance: 0.1%, critical: true}}, or the bare name. */
static mw_status take_metric(const mw_yaml *item, mw_rollout_document *document, mw_error *err)
{
    static const mw_rollout_metric usual[MW_N_METRICS] = {
        {MW_METRIC_ERRORS, 0.01, true},     {MW_METRIC_LATENCY, 0.2, true},
        {MW_METRIC_LATENCY_P99, 0.2, true}, {MW_METRIC_SCORES, 0.2, false},
        {MW_METRIC_OUTCOME, 0.01, true},    {MW_METRIC_CALIBRATION, 0.05, true},
        {MW_METRIC_FAIRNESS, 0.05, true}};
    const mw_yaml *body = item->kind == MW_YAML_MAP && item->count == 1 ? item->first : NULL;
    mw_view name = body ? body->key : item->text;
    size_t kind = 0;
    while (kind < MW_N_METRICS && !mw_view_is(name, mw_rollout_metric_names[kind]))
        kind++;
    if (kind == MW_N_METRICS || (item->kind != MW_YAML_SCALAR && !body))
        return refuse(item, err,
                      "no metric '%.*s': errors, latency, latency_p99, score_shift, outcome, "
                      "calibration, fairness",
                      MW_VIEW_ARG(name));
    for (size_t i = 0; i < document->n_metrics; i++)
        if (document->metrics[i].kind == kind)
            return refuse(item, err, "the metric '%.*s' stands there twice", MW_VIEW_ARG(name));
    mw_rollout_metric metric = usual[kind];
    for (const mw_yaml *key = body && body->kind == MW_YAML_MAP ? body->first : NULL; key;
         key = key->next) {
        mw_status status = MW_OK;
        if (kind != MW_METRIC_FAIRNESS || !take_group_key(key, &document->groups, &status, err))
            status = take_metric_key(key, &metric, err);
        MW_TRY(status);
    }
    const mw_rollout_groups *g = &document->groups;
    if (kind == MW_METRIC_FAIRNESS && !g->column[0] && g->n_names + g->n_bounds > 0)
        return refuse(item, err, "groups and bounds are of a column: name it");
    if (kind == MW_METRIC_FAIRNESS && g->n_names > 0 && g->n_bounds > 0)
        return refuse(item, err, "groups are named by values or by bounds, not by both");
    document->metrics[document->n_metrics++] = metric;
    return MW_OK;
}

static mw_status take_judge(const mw_yaml *map, mw_rollout_document *document, mw_error *err)
{
    for (const mw_yaml *node = map->first; node; node = node->next) {
        if (mw_view_is(node->key, "alpha")) {
            MW_TRY(take_share(node, 0.5, &document->alpha, err));
            if (document->alpha < 1e-9)
                return refuse(node, err, "alpha must be above 0: the chance of a false rollback");
        } else if (mw_view_is(node->key, "metrics") && node->kind == MW_YAML_LIST &&
                   node->count > 0) {
            document->n_metrics = 0;
            for (const mw_yaml *item = node->first; item; item = item->next)
                MW_TRY(take_metric(item, document, err));
        } else {
            return refuse_key(node, "judge", err);
        }
    }
    return MW_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static mw_status take_key(const mw_yaml *node, mw_rollout_document *document, mw_error *err)
{
    unsigned word;
    if (mw_view_is(node->key, "steps"))
        return take_steps(node, document, err);
    if (mw_view_is(node->key, "judge"))
        return take_judge(node, document, err);
    if (mw_view_is(node->key, "deadline"))
        return take_duration(node, &document->deadline_ms, err);
    if (mw_view_is(node->key, "watch_after"))
        return take_duration(node, &document->watch_after_ms, err);
    if (mw_view_is(node->key, "key"))
        return take_header(node, document, err);
    if (mw_view_is(node->key, "model"))
        return take_text(node, document->model, sizeof document->model, err);
    if (mw_view_is(node->key, "endpoint"))
        return take_text(node, document->endpoint, sizeof document->endpoint, err);
    if (mw_view_is(node->key, "on_unknown")) {
        MW_TRY(take_word(node, on_unknown_names, MW_COUNT(on_unknown_names), &word, err));
        document->on_unknown = (mw_on_unknown)word;
        return MW_OK;
    }
    return refuse_key(node, "a rollout", err);
}

static mw_status check_all(const mw_yaml *root, const mw_rollout_document *document, mw_error *err)
{
    bool is_test = document->strategy == MW_AB || document->strategy == MW_BANDIT;
    for (size_t i = 0; i < document->n_steps; i++) {
        const mw_rollout_step *step = &document->steps[i];
        if (document->strategy == MW_SHADOW && step->weight > 0)
            return refuse(root, err, "a shadow gives no answers: weight must be 0 in every step");
        if (is_test && !(step->weight > 0))
            return refuse(root, err, "an A/B test needs a weight above 0");
        if (step->min_samples > 0 && step->weight == 0 && step->shadow == 0)
            return refuse(root, err,
                          "step %zu waits for %llu requests, and none come: its weight is 0", i + 1,
                          (unsigned long long)step->min_samples);
    }
    return MW_OK;
}

mw_status mw_rollout_document_take(const mw_yaml *root, mw_rollout_document *document,
                                   mw_error *err)
{
    unsigned strategy = MW_CANARY;
    const mw_yaml *inner = mw_yaml_member(root, "rollout");
    if (inner)
        root = inner;
    if (root->kind != MW_YAML_MAP)
        return refuse(root, err, "a rollout is a map of keys");
    const mw_yaml *word = mw_yaml_member(root, "strategy");
    if (word && mw_view_is(word->text, "bluegreen"))
        strategy = MW_BLUE_GREEN;
    else if (word)
        MW_TRY(take_word(word, mw_strategy_names, MW_N_STRATEGIES, &strategy, err));
    mw_rollout_document_init(document, (mw_strategy)strategy);
    for (const mw_yaml *node = root->first; node; node = node->next)
        if (node != word)
            MW_TRY(take_key(node, document, err));
    return check_all(root, document, err);
}

mw_status mw_rollout_document_read(mw_view text, const char *name,
                                   mw_rollout_document *ret_document, mw_error *err)
{
    mw_yaml_document *yaml;
    mw_rollout_document document;
    MW_TRY(mw_yaml_read(text, name, &yaml, err));
    mw_status status = mw_rollout_document_take(mw_yaml_root(yaml), &document, err);
    mw_yaml_free(yaml);
    if (status != MW_OK)
        return mw_at(err, "%s", name);
    *ret_document = document;
    return MW_OK;
}

/* ---- what contradicts itself ----------------------------------------------------------------- */

mw_status mw_rollout_document_check(const mw_rollout_document *document, mw_error *err)
{
    int64_t least_ms = 0;
    for (size_t i = 0; i < document->n_steps; i++) {
        if (document->strategy == MW_BLUE_GREEN && document->steps[i].weight > 0) {
            mw_fail(err, MW_E_ROLLOUT_DOCUMENT,
                    "blue-green brings all of the traffic at once, and a step has %g %% of it",
                    100 * document->steps[i].weight);
            return mw_mend(err, "leave the steps out, or use the strategy canary");
        }
        least_ms += document->steps[i].for_ms;
    }
    if (document->deadline_ms > 0 && least_ms >= document->deadline_ms) {
        mw_fail(err, MW_E_ROLLOUT_DOCUMENT,
                "the steps last %lld s at least, and the deadline is %lld s from the start",
                (long long)(least_ms / MS_PER_SECOND),
                (long long)(document->deadline_ms / MS_PER_SECOND));
        return mw_mend(err, "a later 'deadline', 0 for none, or less in 'for'");
    }
    if (document->deadline_ms == 0 && document->on_unknown != MW_ON_UNKNOWN_HOLD) {
        mw_fail(err, MW_E_ROLLOUT_DOCUMENT, "on_unknown: %s is for the deadline, and there is none",
                on_unknown_names[document->on_unknown]);
        return mw_mend(err, "set a 'deadline', or leave on_unknown out");
    }
    return MW_OK;
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static void put_number(mw_buf *out, const char *key, double value)
{
    mw_buf_format(out, "\"%s\":", key);
    mw_json_write_double(out, value);
}

static void put_step_text(mw_buf *out, const mw_rollout_step *step)
{
    mw_buf_char(out, '{');
    put_number(out, "weight", step->weight);
    if (step->shadow > 0) {
        mw_buf_char(out, ',');
        put_number(out, "shadow", step->shadow);
    }
    mw_buf_format(out, ",\"min_samples\":%llu,\"for\":\"%lldms\"",
                  (unsigned long long)step->min_samples, (long long)step->for_ms);
    if (step->approve[0]) {
        mw_buf_text(out, ",\"approve\":");
        mw_json_write_text(out, mw_view_of(step->approve));
    }
    mw_buf_char(out, '}');
}

static void put_groups(mw_buf *out, const mw_rollout_groups *groups)
{
    mw_buf_text(out, ",\"column\":");
    mw_json_write_text(out, mw_view_of(groups->column));
    for (size_t i = 0; i < groups->n_names; i++) {
        mw_buf_text(out, i ? "," : ",\"groups\":[");
        mw_json_write_text(out, mw_view_of(groups->names[i]));
    }
    mw_buf_text(out, groups->n_names ? "]" : "");
    for (size_t i = 0; i < groups->n_bounds; i++) {
        mw_buf_text(out, i ? "," : ",\"bounds\":[");
        mw_json_write_double(out, groups->bounds[i]);
    }
    mw_buf_text(out, groups->n_bounds ? "]" : "");
    if (!isnan(groups->threshold)) {
        mw_buf_char(out, ',');
        put_number(out, "threshold", groups->threshold);
    }
}

static void put_judge(mw_buf *out, const mw_rollout_document *document)
{
    mw_buf_text(out, ",\"judge\":{");
    put_number(out, "alpha", document->alpha);
    mw_buf_text(out, ",\"metrics\":[");
    for (size_t m = 0; m < document->n_metrics; m++) {
        const mw_rollout_metric *metric = &document->metrics[m];
        mw_buf_format(out, "%s{\"%s\":{", m ? "," : "", mw_rollout_metric_names[metric->kind]);
        put_number(out, "tolerance", metric->tolerance);
        mw_buf_format(out, ",\"critical\":%s", metric->critical ? "true" : "false");
        if (metric->kind == MW_METRIC_FAIRNESS && document->groups.column[0])
            put_groups(out, &document->groups);
        mw_buf_text(out, "}}");
    }
    mw_buf_text(out, "]}");
}

void mw_rollout_document_write(const mw_rollout_document *document, mw_buf *out)
{
    mw_buf_format(out, "{\"strategy\":\"%s\",\"steps\":[", mw_strategy_names[document->strategy]);
    for (size_t i = 0; i < document->n_steps; i++) {
        mw_buf_text(out, i ? "," : "");
        put_step_text(out, &document->steps[i]);
    }
    mw_buf_text(out, "]");
    put_judge(out, document);
    mw_buf_format(
        out, ",\"deadline\":\"%lldms\",\"on_unknown\":\"%s\",\"watch_after\":\"%lldms\",\"key\":",
        (long long)document->deadline_ms, on_unknown_names[document->on_unknown],
        (long long)document->watch_after_ms);
    mw_json_write_text(out, mw_view_of(document->key_header));
    mw_buf_char(out, '}');
}
