/* How good predictions were: observations, by version and slice, become numbers.
 *
 *     observations --query--> those of a group --slice--> parts --> stats --> see()
 *
 * Of several servers those of all are taken as if one had made them, so that what comes of it is
 * exact; what was usual at first (loss) is of this server's own. */
#include "join.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { SLICE_VALUES_MAX = 10, QUARTERS = 4, SLICE_BYTES = 96 };

typedef struct measuring {
    const journal_joiner *joiner;
    const journal_joiner *others; /* NULL: this server alone is told of */
    const mw_performance_query *query;
    void (*see)(void *user, const mw_performance_part *part);
    void *user;
    ptrdiff_t slice; /* of the joiner's; -1: none */
    ptrdiff_t group; /* that is told of, of the joiner's; below 0: others alone have it */
    ptrdiff_t *like; /* of each of the others' groups, which group that is */
    double threshold;
    const journal_observation **chosen; /* of a group */
    size_t n_chosen;
    const journal_observation **part; /* of a slice of it */
    double *room;                     /* 3 numbers an observation */
} measuring;

/* ---- numbers of one part --------------------------------------------------------------------- */

static void fill_delays(const measuring *m, const journal_observation *const *part, size_t n,
                        mw_performance_part *ret)
{
    double *delays = m->room;
    ret->first_ms = ret->last_ms = n ? part[0]->made_ms : 0;
    for (size_t i = 0; i < n; i++) {
        delays[i] = (double)(part[i]->told_ms - part[i]->made_ms) / 1000;
        ret->first_ms = part[i]->made_ms < ret->first_ms ? part[i]->made_ms : ret->first_ms;
        ret->last_ms = part[i]->made_ms > ret->last_ms ? part[i]->made_ms : ret->last_ms;
    }
    mw_sort(delays, n, m->room + n);
    const mw_sample sample = {.sorted = delays, .n = n};
    ret->delay_p50 = mw_sample_quantile(&sample, 0.5);
    ret->delay_p90 = mw_sample_quantile(&sample, 0.9);
    ret->delay_max = mw_sample_quantile(&sample, 1);
}

static mw_task task_of(const mw_log_shape *shape)
{
    if (shape->answer == MW_LOG_NUMBER)
        return MW_TASK_REGRESSION;
    return shape->n_classes > 2 ? MW_TASK_MULTICLASS : MW_TASK_BINARY;
}

/* Rows of probabilities, one behind another; NULL where there are none. */
static double *gather_shares(const mw_log_shape *shape, const journal_observation *const *part,
                             size_t n)
{
    bool has_shares = shape->answer == MW_LOG_PROBABILITIES && shape->n_outputs > 2;
    double *shares = has_shares ? malloc(n * shape->n_outputs * sizeof *shares) : NULL;
    for (size_t i = 0; shares && i < n; i++)
        memcpy(shares + i * shape->n_outputs, part[i]->shares, shape->n_outputs * sizeof *shares);
    return shares;
}

/* R2's would be drawn, too: by the delta method it costs nothing. */
static void fill_r2(const double *labels, const double *scores, size_t n, mw_performance_part *ret)
{
    enum { LEAST = 30 };
    size_t n_metrics;
    const mw_quality_metric *names = mw_quality_metrics(ret->task, &n_metrics);
    const mw_decay_error error = mw_r2_error(labels, scores, n);
    double away = 1.959963984540054 * mw_decay_error_of(&error, n);
    for (size_t m = 0; n >= LEAST && isfinite(away) && m < n_metrics; m++)
        if (strcmp(names[m].name, "r2") == 0) {
            ret->metrics[m].low = ret->metrics[m].value - away;
            ret->metrics[m].high = fmin(1, ret->metrics[m].value + away);
            ret->metrics[m].by = MW_BY_NORMAL;
        }
}

/* Intervals that need rows drawn anew are left out: this is asked for while a server works. */
static mw_status fill_numbers(const measuring *m, const journal_observation *const *part, size_t n,
                              mw_performance_part *ret, mw_error *err)
{
    static const bool none[MW_QUALITY_MAX] = {false};
    const mw_log_shape *shape = ret->shape;
    mw_quality *quality;
    double *labels = m->room, *scores = labels + n;
    for (size_t i = 0; i < n; i++) {
        labels[i] = part[i]->label;
        scores[i] = part[i]->score;
    }
    double *shares = gather_shares(shape, part, n);
    const mw_judged judged = {.task = ret->task,
                              .n_rows = n,
                              .truth = labels,
                              .predicted = scores,
                              .shares = shares,
                              .n_classes = shape->n_classes,
                              .threshold = m->threshold,
                              .is_probability = shape->answer != MW_LOG_CLASS};
    mw_status status = mw_quality_new(&judged, &quality, err);
    if (status == MW_OK) {
        (void)mw_quality_metrics(ret->task, &ret->n_metrics);
        status = mw_quality_intervals(quality, none, 1, ret->metrics, err);
        mw_quality_free(quality);
    }
    if (status == MW_OK && ret->task == MW_TASK_REGRESSION)
        fill_r2(labels, scores, n, ret);
    free(shares);
    return status;
}

static int64_t step_of(const mw_performance_query *query, const journal_observation *item)
{
    return item->made_ms / query->step_ms;
}

/* When the oldest of the group's newest n predictions was made. */
static int64_t since_of(const journal_joiner *joiner, uint32_t group, double n)
{
    for (size_t i = joiner->n; i-- > 0;)
        if (joiner->items[i].group == group && --n <= 0)
            return joiner->items[i].made_ms;
    return 0;
}

static void fill_loss(const journal_joiner *joiner, uint32_t group, mw_performance_loss *ret)
{
    const journal_group *of = joiner->groups[group];
    if (journal_losses_look(&of->losses, &of->shape, ret) && ret->level.is_risen)
        ret->since_ms = since_of(joiner, group, ret->level.n);
}

static size_t servers_of(const journal_observation *const *part, size_t n)
{
    uint64_t seen = 0;
    for (size_t i = 0; i < n; i++)
        seen |= UINT64_C(1) << part[i]->server; /* JOURNAL_SERVERS are told apart */
    return (size_t)__builtin_popcountll(seen);
}

static mw_status tell(const measuring *m, const mw_log_shape *shape,
                      const journal_observation *const *part, size_t n, const char *slice,
                      mw_error *err)
{
    mw_performance_part ret = {
        .shape = shape, .slice = slice, .n_labels = n, .task = task_of(shape)};
    ret.step_begin_ms = m->query->step_ms ? step_of(m->query, part[0]) * m->query->step_ms : 0;
    fill_delays(m, part, n, &ret);
    ret.n_servers = servers_of(part, n);
    MW_TRY(fill_numbers(m, part, n, &ret, err));
    if (m->group >= 0 && !slice && m->query->step_ms == 0)
        fill_loss(m->joiner, (uint32_t)m->group, &ret.loss);
    m->see(m->user, &ret);
    return MW_OK;
}

/* ---- slices ---------------------------------------------------------------------------------- */

/* Up to ten values stand for themselves; more of them by the quarters of what is there. */
typedef struct slicing {
    double bounds[SLICE_VALUES_MAX + 1]; /* values, or upper ends of quarters */
    size_t n;
    bool by_value, has_missing;
    double least;
} slicing;

static slicing make_slices(const measuring *m)
{
    slicing s = {.by_value = true};
    double *values = m->room, *scratch = m->room + m->n_chosen;
    size_t n = 0;
    for (size_t i = 0; i < m->n_chosen; i++) {
        double value = (double)m->chosen[i]->slices[m->slice];
        if (isnan(value))
            s.has_missing = true;
        else
            values[n++] = value;
    }
    mw_sort(values, n, scratch);
    const mw_sample sample = {.sorted = values, .n = n};
    s.least = n ? values[0] : 0;
    s.by_value = mw_sample_distinct(&sample, SLICE_VALUES_MAX + 1) <= SLICE_VALUES_MAX;
    for (size_t i = 0; s.by_value && i < n; i++)
        if (i == 0 || values[i] > values[i - 1])
            s.bounds[s.n++] = values[i];
    for (size_t q = 1; !s.by_value && q <= QUARTERS; q++) {
        double bound = mw_sample_quantile(&sample, (double)q / QUARTERS);
        if (s.n == 0 || bound > s.bounds[s.n - 1])
            s.bounds[s.n++] = bound;
    }
    return s;
}

static void name_slice(const slicing *s, size_t i, const mw_log_column *column,
                       char name[SLICE_BYTES])
{
    double bound = s->bounds[i];
    bool is_category =
        column && column->categories && bound >= 0 && bound < (double)column->n_categories;
    if (i == s->n)
        snprintf(name, SLICE_BYTES, "missing");
    else if (is_category)
        snprintf(name, SLICE_BYTES, "%.*s", MW_VIEW_ARG(column->categories[(size_t)bound]));
    else if (s->by_value)
        snprintf(name, SLICE_BYTES, "%.7g", bound);
    else
        snprintf(name, SLICE_BYTES, "%.7g..%.7g", i ? s->bounds[i - 1] : s->least, bound);
}

static bool is_in(const slicing *s, size_t i, double value)
{
    if (i == s->n)
        return isnan(value);
    if (s->by_value)
        return value == s->bounds[i];
    return value <= s->bounds[i] && (i == 0 || value > s->bounds[i - 1]);
}

static mw_status tell_slices(const measuring *m, const journal_group *group, mw_error *err)
{
    char name[SLICE_BYTES];
    ptrdiff_t c = group->slices[m->slice];
    slicing s = make_slices(m);
    for (size_t i = 0; i < s.n + s.has_missing; i++) {
        size_t n = 0;
        for (size_t j = 0; j < m->n_chosen; j++)
            if (is_in(&s, i, (double)m->chosen[j]->slices[m->slice]))
                m->part[n++] = m->chosen[j];
        name_slice(&s, i, c >= 0 ? &group->shape.columns[c] : NULL, name);
        if (n > 0)
            MW_TRY(tell(m, &group->shape, m->part, n, name, err));
    }
    return MW_OK;
}

/* ---- groups ---------------------------------------------------------------------------------- */

static bool wants_group(const mw_performance_query *query, const mw_log_shape *shape)
{
    return (query->endpoint.size == 0 || mw_view_equal(query->endpoint, shape->endpoint)) &&
           (query->version == 0 || query->version == shape->version);
}

static int by_arrival(const void *a, const void *b)
{
    const journal_observation *x = *(const journal_observation *const *)a,
                              *y = *(const journal_observation *const *)b;
    return (x > y) - (x < y);
}

/* The newest labels of a group; they came in the order of the items. What both have is the own. */
static void choose_of(measuring *m, const journal_joiner *from, ptrdiff_t group, uint64_t most)
{
    const mw_performance_query *query = m->query;
    for (size_t i = from->n; i-- > 0;) {
        const journal_observation *item = &from->items[i];
        bool is_theirs = from == m->others;
        ptrdiff_t is_of = is_theirs ? m->like[item->group] : (ptrdiff_t)item->group;
        if (is_of != group || (query->from_ms && item->made_ms < query->from_ms) ||
            (query->to_ms && item->made_ms >= query->to_ms) ||
            (is_theirs && journal_find(m->joiner, item->key)))
            continue;
        m->chosen[m->n_chosen++] = item;
        if (m->n_chosen == most)
            break;
    }
}

static int newest_first(const void *a, const void *b)
{
    const journal_observation *x = *(const journal_observation *const *)a,
                              *y = *(const journal_observation *const *)b;
    if (x->told_ms != y->told_ms)
        return x->told_ms < y->told_ms ? 1 : -1;
    return (x->key > y->key) - (x->key < y->key); /* whichever server is asked */
}

/* The newest group of the same model, best with the same version: each server counts versions from
 * 1 at its start, so that a model may be its third here and its first there. -1: there is none. */
static ptrdiff_t group_like(const journal_joiner *joiner, const mw_log_shape *shape)
{
    ptrdiff_t found = -1;
    for (size_t g = 0; g < joiner->n_groups; g++) {
        const mw_log_shape *known = &joiner->groups[g]->shape;
        if (known->model != shape->model || !mw_view_equal(known->endpoint, shape->endpoint))
            continue;
        if (known->version == shape->version)
            return (ptrdiff_t)g;
        found = (ptrdiff_t)g;
    }
    return found;
}

/* Where others alone have it, their own newest, below -1. */
static void liken(const measuring *m)
{
    for (size_t g = 0; m->others && g < m->others->n_groups; g++) {
        mw_log_shape shape = m->others->groups[g]->shape;
        m->like[g] = group_like(m->joiner, &shape);
        shape.version = 0; /* of any version */
        if (m->like[g] < 0)
            m->like[g] = -2 - group_like(m->others, &shape);
    }
}

/* By the labels' times: the same ones at whichever server, where each had them in another order. */
static void keep_newest(measuring *m, uint64_t last)
{
    size_t n = m->n_chosen, n_kept = 0;
    if (last > 0 && n > last) {
        for (size_t i = 0; i < n; i++)
            m->room[i] = (double)m->chosen[i]->told_ms;
        mw_sort(m->room, n, m->room + n);
        double edge = m->room[n - last];
        for (size_t i = 0; i < n; i++)
            if ((double)m->chosen[i]->told_ms >= edge)
                m->chosen[n_kept++] = m->chosen[i];
        m->n_chosen = n_kept;
    }
    qsort(m->chosen, m->n_chosen, sizeof *m->chosen, newest_first);
    m->n_chosen = last > 0 && m->n_chosen > last ? last : m->n_chosen;
}

static bool have_some(const measuring *m, ptrdiff_t group)
{
    for (size_t g = 0; m->others && g < m->others->n_groups; g++)
        if (m->like[g] == group)
            return true;
    return false;
}

static void choose(measuring *m, ptrdiff_t group)
{
    bool is_shared = have_some(m, group);
    m->n_chosen = 0;
    m->group = group;
    if (group >= 0)
        choose_of(m, m->joiner, group, is_shared ? 0 : m->query->last);
    if (is_shared) {
        choose_of(m, m->others, group, 0);
        keep_newest(m, m->query->last);
    } else {
        qsort(m->chosen, m->n_chosen, sizeof *m->chosen, by_arrival);
    }
}

/* ---- stretches of time ----------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
    const journal_observation *x = *(const journal_observation *const *)a,
                              *y = *(const journal_observation *const *)b;
    return x->made_ms != y->made_ms ? (x->made_ms > y->made_ms) - (x->made_ms < y->made_ms)
                                    : (x > y) - (x < y);
}

/* The chosen ones, one stretch after the other. */
static mw_status tell_steps(const measuring *m, const mw_log_shape *shape, mw_error *err)
{
    qsort(m->chosen, m->n_chosen, sizeof *m->chosen, by_time);
    for (size_t first = 0, end; first < m->n_chosen; first = end) {
        int64_t step = step_of(m->query, m->chosen[first]);
        for (end = first; end < m->n_chosen && step_of(m->query, m->chosen[end]) == step; end++)
            continue;
        MW_TRY(tell(m, shape, m->chosen + first, end - first, NULL, err));
    }
    return MW_OK;
}

/* ---- the first labels ------------------------------------------------------------------------ */

size_t journal_truth_scores(const mw_log_shape *shape)
{
    bool is_binary = task_of(shape) == MW_TASK_BINARY && shape->answer != MW_LOG_CLASS;
    bool is_several = shape->answer == MW_LOG_PROBABILITIES && shape->n_outputs > 2 &&
                      shape->n_outputs == shape->n_classes &&
                      shape->n_outputs <= JOURNAL_TRUTH_CLASSES;
    bool is_number = shape->answer == MW_LOG_NUMBER && shape->n_outputs == 1;
    return is_binary || is_number ? 1 : is_several ? shape->n_outputs : 0;
}

size_t journal_truth_room(const mw_log_shape *shape)
{
    size_t fits = MW_LIMIT_TRUTH_VALUES / (shape->n_columns + 1);
    bool is_number = shape->answer == MW_LOG_NUMBER;
    return is_number && fits < MW_LIMIT_TRUTH_ROWS ? fits : MW_LIMIT_TRUTH_ROWS;
}

/* False: one of its scores is no probability, or its label no class. */
static bool take_scores(const journal_observation *item, size_t n_scores, double *scores,
                        size_t stride)
{
    for (size_t k = 0; k < n_scores; k++) {
        double score = n_scores == 1 ? item->score : item->shares[k];
        if (!(score >= 0 && score <= 1))
            return false;
        scores[k * stride] = score;
    }
    return item->label >= 0 && item->label < (double)(n_scores == 1 ? 2 : n_scores);
}

/* Half of a reference's least rows of one kind would say nothing about it. */
size_t journal_first_labels(const journal_joiner *joiner, uint32_t group, size_t n_scores,
                            double *ret_scores, double *ret_labels, size_t room)
{
    enum { OF_EACH_KIND = 30, OF_EACH_CLASS = 10 };
    size_t n = 0, counts[JOURNAL_TRUTH_CLASSES] = {0}, n_classes = n_scores == 1 ? 2 : n_scores;
    for (size_t i = 0; i < joiner->n && n < room; i++) {
        const journal_observation *item = &joiner->items[i];
        if (item->group != group || !take_scores(item, n_scores, ret_scores + n, room))
            continue;
        ret_labels[n++] = item->label;
        counts[(size_t)item->label]++;
    }
    for (size_t k = 0; k < n_classes; k++)
        if (counts[k] < (n_scores == 1 ? OF_EACH_KIND : OF_EACH_CLASS))
            return 0;
    for (size_t k = 1; k < n_scores && n < room; k++) /* a class behind the other, without a gap */
        memmove(ret_scores + k * n, ret_scores + k * room, n * sizeof *ret_scores);
    return n;
}

/* An error whose fourth power is no number any more says nothing of the others. */
size_t journal_first_numbers(const journal_joiner *joiner, uint32_t group, double *ret_rows,
                             double *ret_scores, double *ret_labels, size_t room)
{
    size_t n = 0, n_columns = joiner->groups[group]->shape.n_columns;
    for (size_t i = 0; i < joiner->n && n < room; i++) {
        const journal_observation *item = &joiner->items[i];
        if (item->group != group || !item->shares || !(fabs(item->label - item->score) < 1e70))
            continue;
        memcpy(ret_rows + n * n_columns, item->shares, n_columns * sizeof *ret_rows);
        ret_scores[n] = item->score;
        ret_labels[n++] = item->label;
    }
    return n;
}

static mw_status find_slice(measuring *m, mw_error *err)
{
    m->slice = -1;
    if (m->query->slice.size == 0)
        return MW_OK;
    for (size_t s = 0; s < JOURNAL_SLICES_MAX && m->joiner->slice_names[s]; s++)
        if (mw_view_is(m->query->slice, m->joiner->slice_names[s])) {
            m->slice = (ptrdiff_t)s;
            return MW_OK;
        }
    mw_fail(err, MW_E_PERFORMANCE_QUERY, "nothing is kept by '%.*s'", MW_VIEW_ARG(m->query->slice));
    return mw_mend(err, "start the server with --log-slices %.*s; up to four columns",
                   MW_VIEW_ARG(m->query->slice));
}

/* What was chosen of a group. */
static mw_status tell_group(const measuring *m, const journal_group *group, mw_error *err)
{
    const mw_log_shape *shape = &group->shape;
    if (m->n_chosen == 0)
        return MW_OK;
    mw_status status = m->query->step_ms ? tell_steps(m, shape, err)
                                         : tell(m, shape, m->chosen, m->n_chosen, NULL, err);
    if (status == MW_OK && m->slice >= 0)
        status = tell_slices(m, group, err);
    return status;
}

static mw_status tell_groups(measuring *m, mw_error *err)
{
    const journal_joiner *own = m->joiner, *others = m->others;
    liken(m);
    for (size_t g = 0; g < own->n_groups; g++)
        if (wants_group(m->query, &own->groups[g]->shape)) {
            choose(m, (ptrdiff_t)g);
            MW_TRY(tell_group(m, own->groups[g], err));
        }
    for (size_t g = 0; others && g < others->n_groups; g++)
        if (m->like[g] == -2 - (ptrdiff_t)g && wants_group(m->query, &others->groups[g]->shape)) {
            choose(m, m->like[g]);
            MW_TRY(tell_group(m, others->groups[g], err));
        }
    return MW_OK;
}

mw_status journal_measure(const journal_joiner *joiner, const journal_joiner *others,
                          const mw_performance_query *query,
                          void (*see)(void *user, const mw_performance_part *part), void *user,
                          mw_error *err)
{
    measuring m = {.joiner = joiner,
                   .others = query->is_alone ? NULL : others,
                   .query = query,
                   .see = see,
                   .user = user};
    size_t n = joiner->n + (m.others ? others->n : 0);
    m.threshold = isnan(query->threshold) ? 0.5 : query->threshold;
    MW_TRY(find_slice(&m, err));
    m.chosen = calloc(2 * n + 1, sizeof *m.chosen);
    m.room = malloc((3 * n + 1) * sizeof *m.room);
    m.part = m.chosen + n;
    m.like = calloc((m.others ? others->n_groups : 0) + 1, sizeof *m.like);
    mw_status status = m.chosen && m.room && m.like ? tell_groups(&m, err)
                                                    : mw_fail_memory(err, "the performance");
    free(m.chosen);
    free(m.room);
    free(m.like);
    return status;
}

mw_status mw_log_performance(const char *folder, const mw_performance_query *query,
                             void (*see)(void *user, const mw_performance_part *part), void *user,
                             mw_feedback_counts *ret_counts, mw_error *err)
{
    char slices[1024];
    journal_joiner joiner;
    snprintf(slices, sizeof slices, "%.*s", MW_VIEW_ARG(query->slice));
    journal_joiner_init(&joiner, folder, slices, MW_LIMIT_OFFLINE_OBSERVATIONS);
    mw_status status = journal_join_all(&joiner, NULL, err);
    if (status == MW_OK)
        status = journal_measure(&joiner, NULL, query, see, user, err);
    if (status == MW_OK && ret_counts)
        *ret_counts = joiner.counts;
    journal_joiner_done(&joiner);
    return status;
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static void write_number(mw_buf *out, const char *key, double value)
{
    mw_buf_format(out, ",\"%s\":", key);
    mw_json_write_double(out, value);
}

static void write_loss(const mw_performance_loss *loss, mw_buf *out)
{
    const mw_level_state *level = &loss->level;
    mw_buf_format(out,
                  ",\"loss\":{\"name\":\"%s\",\"risen\":%s,\"labels\":%.0f,\"first_labels\":%.0f",
                  loss->name, level->is_risen ? "true" : "false", level->n, level->n_reference);
    write_number(out, "first", level->reference);
    write_number(out, "now", level->mean);
    write_number(out, "by_chance", level->bound);
    if (level->is_risen) {
        write_number(out, "before", level->before);
        write_number(out, "chance", level->chance);
    }
    if (loss->since_ms)
        mw_buf_format(out, ",\"since_ms\":%lld", (long long)loss->since_ms);
    mw_buf_char(out, '}');
}

void mw_performance_write(const mw_performance_part *part, mw_buf *out)
{
    const mw_log_shape *shape = part->shape;
    size_t n = 0, n_metrics;
    mw_buf_text(out, "{\"endpoint\":");
    mw_json_write_text(out, shape->endpoint);
    mw_buf_format(out, ",\"version\":%u,\"model\":\"%016llx\"", shape->version,
                  (unsigned long long)shape->model);
    mw_buf_format(out, ",\"task\":\"%s\"", mw_task_name(part->task));
    if (part->slice) {
        mw_buf_text(out, ",\"slice\":");
        mw_json_write_text(out, mw_view_of(part->slice));
    }
    mw_buf_format(out, ",\"labels\":%zu,\"first_ms\":%lld,\"last_ms\":%lld", part->n_labels,
                  (long long)part->first_ms, (long long)part->last_ms);
    write_number(out, "delay_seconds_p50", part->delay_p50);
    write_number(out, "delay_seconds_p90", part->delay_p90);
    write_number(out, "delay_seconds_max", part->delay_max);
    if (part->n_servers > 1)
        mw_buf_format(out, ",\"servers\":%zu", part->n_servers);
    if (part->loss.name)
        write_loss(&part->loss, out);
    mw_buf_text(out, ",\"metrics\":{");
    const mw_quality_metric *names = mw_quality_metrics(part->task, &n_metrics);
    for (size_t m = 0; m < n_metrics; m++) {
        const mw_estimate *e = &part->metrics[m];
        if (isnan(e->value))
            continue;
        mw_buf_format(out, "%s\"%s\":{\"value\":", n++ ? "," : "", names[m].name);
        mw_json_write_double(out, e->value);
        write_number(out, "low", e->low);
        write_number(out, "high", e->high);
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "}}");
}
