/* Tree + samples of this moment -> a vector of labelled values. */
#include "expr.h"

#include <math.h>
#include <stdlib.h>

#include "expr_node.h"

/* ---- matchers -------------------------------------------------------------------------------- */

static bool is_like(const expr_matcher *matcher, mw_view value)
{
    char text[MW_LIMIT_NAME_BYTES * 4];
    if (value.size >= sizeof text)
        return false;
    if (value.size > 0)
        memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    return regexec(&matcher->like, text, 0, NULL, 0) == 0;
}

static bool holds(const expr_matcher *matcher, alert_labels labels)
{
    mw_view value = alert_label_of(labels, matcher->label);
    switch (matcher->kind) {
    case EXPR_IS:
        return mw_view_equal(value, matcher->text);
    case EXPR_IS_NOT:
        return !mw_view_equal(value, matcher->text);
    case EXPR_LIKE:
        return is_like(matcher, value);
    default:
        return !is_like(matcher, value);
    }
}

bool expr_matchers_hold(const expr_matchers *matchers, alert_labels labels)
{
    for (size_t i = 0; i < matchers->count; i++)
        if (!holds(&matchers->items[i], labels))
            return false;
    return true;
}

/* ---- vectors --------------------------------------------------------------------------------- */

static mw_status new_vector(const alert_moment *moment, size_t room, alert_vector *ret_vector,
                            mw_error *err)
{
    *ret_vector =
        (alert_vector){.items = mw_arena_take(moment->arena, room * sizeof(alert_element))};
    return ret_vector->items ? MW_OK : mw_fail_memory(err, "what a rule looks at");
}

static void put(alert_vector *vector, alert_labels labels, uint64_t hash, double value)
{
    vector->items[vector->count++] = (alert_element){labels, hash, value};
}

/* Elements by their labels: a table of their numbers from 1, open addressing. */
typedef struct finder {
    const alert_vector *vector;
    uint32_t *table;
    size_t mask;
} finder;

static mw_status index_vector(const alert_moment *moment, const alert_vector *vector, size_t room,
                              finder *ret_finder, mw_error *err)
{
    size_t size = 8;
    while (size < 2 * room)
        size *= 2;
    *ret_finder =
        (finder){vector, mw_arena_take_zeroed(moment->arena, size, sizeof(uint32_t)), size - 1};
    if (!ret_finder->table)
        return mw_fail_memory(err, "what a rule looks at");
    return MW_OK;
}

static uint32_t *slot_of(const finder *in, alert_labels labels, uint64_t hash)
{
    size_t at = (size_t)hash & in->mask;
    for (; in->table[at]; at = (at + 1) & in->mask) {
        const alert_element *one = &in->vector->items[in->table[at] - 1];
        if (one->hash == hash && alert_labels_equal(one->labels, labels))
            break;
    }
    return &in->table[at];
}

static mw_status index_all(const alert_moment *moment, const alert_vector *vector,
                           finder *ret_finder, mw_error *err)
{
    MW_TRY(index_vector(moment, vector, vector->count, ret_finder, err));
    for (size_t i = 0; i < vector->count; i++)
        *slot_of(ret_finder, vector->items[i].labels, vector->items[i].hash) = (uint32_t)i + 1;
    return MW_OK;
}

static const alert_element *find(const finder *in, const alert_element *like)
{
    uint32_t number = *slot_of(in, like->labels, like->hash);
    return number ? &in->vector->items[number - 1] : NULL;
}

/* ---- leaves ---------------------------------------------------------------------------------- */

static bool takes(const expr_node *node, const alert_sample *sample)
{
    return mw_view_equal(node->metric, sample->name) &&
           expr_matchers_hold(&node->matchers, sample->labels);
}

static mw_status select_samples(expr_node *node, const alert_moment *moment,
                                alert_vector *ret_vector, mw_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < moment->samples->count; i++)
        n += mw_view_equal(node->metric, moment->samples->items[i].name);
    MW_TRY(new_vector(moment, n, ret_vector, err));
    for (size_t i = 0; i < moment->samples->count; i++) {
        const alert_sample *sample = &moment->samples->items[i];
        if (!takes(node, sample))
            continue;
        uint64_t hash = alert_labels_hash(sample->labels);
        double value = sample->value;
        if (node->window)
            MW_TRY(alert_window_put(node->window, sample, hash, moment->now_ms, node->what, &value,
                                    err));
        put(ret_vector, sample->labels, hash, value);
    }
    if (node->window)
        alert_window_tidy(node->window, moment->now_ms);
    return MW_OK;
}

/* The labels that are said by '=' are those of the answer, as in Prometheus. */
static mw_status tell_absent(const expr_node *node, const alert_moment *moment,
                             alert_vector *vector, mw_error *err)
{
    const expr_matchers *matchers = &node->left->matchers;
    if (vector->count > 0) {
        vector->count = 0;
        return MW_OK;
    }
    MW_TRY(new_vector(moment, 1, vector, err));
    alert_label *labels = mw_arena_take(moment->arena, matchers->count * sizeof *labels);
    if (!labels)
        return mw_fail_memory(err, "what a rule looks at");
    size_t n = 0;
    for (size_t i = 0; i < matchers->count; i++)
        if (matchers->items[i].kind == EXPR_IS)
            labels[n++] = (alert_label){matchers->items[i].label, matchers->items[i].text};
    alert_labels_sort(labels, n);
    alert_labels kept = {labels, n};
    put(vector, kept, alert_labels_hash(kept), 1);
    return MW_OK;
}

/* ---- gathering ------------------------------------------------------------------------------- */

/* Those of `by`, or all but `without`, in order. */
static mw_status narrow(const alert_moment *moment, const expr_node *node, alert_labels labels,
                        alert_labels *ret_labels, mw_error *err)
{
    alert_label *kept = mw_arena_take(moment->arena, labels.count * sizeof *kept);
    size_t n = 0;
    if (!kept)
        return mw_fail_memory(err, "what a rule looks at");
    for (size_t i = 0; i < labels.count; i++) {
        bool wanted = node->kind == EXPR_QUANTILE && !mw_view_is(labels.items[i].name, "le");
        for (size_t b = 0; b < node->n_by && !wanted; b++)
            wanted = mw_view_equal(labels.items[i].name, node->by[b]);
        if (wanted)
            kept[n++] = labels.items[i];
    }
    *ret_labels = (alert_labels){kept, n};
    return MW_OK;
}

static double gathered(expr_op op, double so_far, double value, double n)
{
    switch (op) {
    case EXPR_MIN:
        return value < so_far ? value : so_far;
    case EXPR_MAX:
        return value > so_far ? value : so_far;
    case EXPR_AVG:
        return so_far + (value - so_far) / n;
    case EXPR_COUNT:
        return n;
    default:
        return so_far + value;
    }
}

static mw_status gather(const expr_node *node, const alert_moment *moment, alert_vector *vector,
                        mw_error *err)
{
    alert_vector groups;
    finder known;
    if (vector->is_scalar)
        return MW_OK;
    MW_TRY(new_vector(moment, vector->count, &groups, err));
    double *counts = mw_arena_take_zeroed(moment->arena, vector->count, sizeof *counts);
    if (!counts)
        return mw_fail_memory(err, "what a rule looks at");
    MW_TRY(index_vector(moment, &groups, vector->count, &known, err));
    for (size_t i = 0; i < vector->count; i++) {
        alert_labels labels;
        MW_TRY(narrow(moment, node, vector->items[i].labels, &labels, err));
        uint64_t hash = alert_labels_hash(labels);
        uint32_t *slot = slot_of(&known, labels, hash);
        double value = vector->items[i].value;
        if (*slot == 0) {
            put(&groups, labels, hash, node->op == EXPR_COUNT ? 1 : value);
            *slot = (uint32_t)groups.count;
            counts[groups.count - 1] = 1;
            continue;
        }
        alert_element *group = &groups.items[*slot - 1];
        double n = ++counts[*slot - 1];
        group->value = gathered(node->op, group->value, value, n);
    }
    *vector = groups;
    return MW_OK;
}

/* ---- quantiles of histograms ----------------------------------------------------------------- */

typedef struct bucket {
    size_t group;
    double bound, count;
} bucket;

static int compare_buckets(const void *a, const void *b)
{
    const bucket *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return (x->bound > y->bound) - (x->bound < y->bound);
}

/* As Prometheus' bucketQuantile: linear within a bucket; NaN without observations. */
static double quantile_of(const bucket *buckets, size_t n, double q)
{
    double total = n ? buckets[n - 1].count : 0;
    if (n < 2 || !isinf(buckets[n - 1].bound) || !(total > 0))
        return NAN;
    size_t at = 0;
    while (at + 1 < n && buckets[at].count < q * total)
        at++;
    if (at == n - 1)
        return buckets[n - 2].bound;
    double low = at ? buckets[at - 1].bound : 0, below = at ? buckets[at - 1].count : 0;
    double inside = buckets[at].count - below;
    if (at == 0 && buckets[0].bound <= 0)
        return buckets[0].bound;
    return inside > 0 ? low + (buckets[at].bound - low) * (q * total - below) / inside : low;
}

static bool read_bound(mw_view text, double *ret_bound)
{
    if (!mw_view_is(text, "+Inf"))
        return text.size > 0 && mw_number_parse(text.data, text.size, ret_bound);
    *ret_bound = INFINITY;
    return true;
}

static mw_status take_quantiles(const expr_node *node, const alert_moment *moment,
                                alert_vector *vector, mw_error *err)
{
    alert_vector groups;
    finder known;
    size_t n = 0;
    MW_TRY(new_vector(moment, vector->count, &groups, err));
    bucket *buckets = mw_arena_take(moment->arena, vector->count * sizeof *buckets);
    if (!buckets)
        return mw_fail_memory(err, "what a rule looks at");
    MW_TRY(index_vector(moment, &groups, vector->count, &known, err));
    for (size_t i = 0; i < vector->count; i++) {
        alert_labels labels;
        double bound;
        if (!read_bound(alert_label_of(vector->items[i].labels, MW_VIEW("le")), &bound))
            continue;
        MW_TRY(narrow(moment, node, vector->items[i].labels, &labels, err));
        uint64_t hash = alert_labels_hash(labels);
        uint32_t *slot = slot_of(&known, labels, hash);
        if (*slot == 0) {
            put(&groups, labels, hash, NAN);
            *slot = (uint32_t)groups.count;
        }
        buckets[n++] = (bucket){*slot - 1, bound, vector->items[i].value};
    }
    qsort(buckets, n, sizeof *buckets, compare_buckets);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && buckets[to].group == buckets[from].group; to++)
            continue;
        groups.items[buckets[from].group].value =
            quantile_of(buckets + from, to - from, node->number);
    }
    *vector = groups;
    return MW_OK;
}

/* ---- operators ------------------------------------------------------------------------------- */

static double compute(expr_op op, double a, double b)
{
    switch (op) {
    case EXPR_ADD:
        return a + b;
    case EXPR_SUBTRACT:
        return a - b;
    case EXPR_MULTIPLY:
        return a * b;
    default:
        return a / b;
    }
}

static bool compares(expr_op op, double a, double b)
{
    switch (op) {
    case EXPR_ABOVE:
        return a > b;
    case EXPR_AT_LEAST:
        return a >= b;
    case EXPR_BELOW:
        return a < b;
    case EXPR_AT_MOST:
        return a <= b;
    case EXPR_EQUAL:
        return a == b;
    default:
        return a != b;
    }
}

/* One value of each side; false: it is left out. */
static bool join(const expr_node *node, double a, double b, double kept, double *ret_value)
{
    if (node->kind == EXPR_ARITHMETIC) {
        *ret_value = compute(node->op, a, b);
        return true;
    }
    *ret_value = kept;
    return compares(node->op, a, b);
}

static mw_status join_scalars(const expr_node *node, const alert_moment *moment, double a, double b,
                              alert_vector *ret_vector, mw_error *err)
{
    *ret_vector = (alert_vector){.is_scalar = true, .scalar = compute(node->op, a, b)};
    if (node->kind == EXPR_ARITHMETIC)
        return MW_OK;
    MW_TRY(new_vector(moment, 1, ret_vector, err)); /* no labels; there when it holds */
    if (compares(node->op, a, b))
        put(ret_vector, (alert_labels){NULL, 0}, alert_labels_hash((alert_labels){NULL, 0}), a);
    return MW_OK;
}

static mw_status join_vectors(const expr_node *node, const alert_moment *moment,
                              const alert_vector *left, const alert_vector *right,
                              alert_vector *ret_vector, mw_error *err)
{
    finder others;
    double value;
    if (left->is_scalar && right->is_scalar)
        return join_scalars(node, moment, left->scalar, right->scalar, ret_vector, err);
    const alert_vector *walked = left->is_scalar ? right : left;
    bool one_is_scalar = left->is_scalar || right->is_scalar;
    MW_TRY(new_vector(moment, walked->count, ret_vector, err));
    if (!one_is_scalar)
        MW_TRY(index_all(moment, right, &others, err));
    for (size_t i = 0; i < walked->count; i++) {
        const alert_element *one = &walked->items[i];
        const alert_element *other = one_is_scalar ? NULL : find(&others, one);
        if (!one_is_scalar && !other)
            continue;
        double a = left->is_scalar ? left->scalar : one->value;
        double b = right->is_scalar ? right->scalar : other ? other->value : one->value;
        if (join(node, a, b, one->value, &value))
            put(ret_vector, one->labels, one->hash, value);
    }
    return MW_OK;
}

static mw_status join_sets(const expr_node *node, const alert_moment *moment,
                           const alert_vector *left, const alert_vector *right,
                           alert_vector *ret_vector, mw_error *err)
{
    finder others, own;
    MW_TRY(new_vector(moment, left->count + right->count, ret_vector, err));
    MW_TRY(index_all(moment, right, &others, err));
    for (size_t i = 0; i < left->count; i++) {
        bool is_there = find(&others, &left->items[i]) != NULL;
        if (node->op == EXPR_OR || is_there == (node->op == EXPR_AND))
            ret_vector->items[ret_vector->count++] = left->items[i];
    }
    if (node->op != EXPR_OR)
        return MW_OK;
    MW_TRY(index_all(moment, left, &own, err));
    for (size_t i = 0; i < right->count; i++)
        if (!find(&own, &right->items[i]))
            ret_vector->items[ret_vector->count++] = right->items[i];
    return MW_OK;
}

static void apply(const expr_node *node, alert_vector *vector)
{
    bool negate = node->kind == EXPR_NEGATE;
    vector->scalar = negate ? -vector->scalar : fabs(vector->scalar);
    for (size_t i = 0; i < vector->count; i++)
        vector->items[i].value = negate ? -vector->items[i].value : fabs(vector->items[i].value);
}

/* ---- the tree -------------------------------------------------------------------------------- */

static mw_status evaluate(expr_node *node, const alert_moment *moment, alert_vector *ret_vector,
                          mw_error *err)
{
    alert_vector right;
    switch (node->kind) {
    case EXPR_NUMBER:
        *ret_vector = (alert_vector){.is_scalar = true, .scalar = node->number};
        return MW_OK;
    case EXPR_SELECT:
    case EXPR_WINDOW:
        return select_samples(node, moment, ret_vector, err);
    default:
        break;
    }
    MW_TRY(evaluate(node->left, moment, ret_vector, err));
    switch (node->kind) {
    case EXPR_GATHER:
        return gather(node, moment, ret_vector, err);
    case EXPR_QUANTILE:
        return take_quantiles(node, moment, ret_vector, err);
    case EXPR_ABSENT:
        return tell_absent(node, moment, ret_vector, err);
    case EXPR_ABS:
    case EXPR_NEGATE:
        apply(node, ret_vector);
        return MW_OK;
    default:
        break;
    }
    alert_vector left = *ret_vector;
    MW_TRY(evaluate(node->right, moment, &right, err));
    return (node->kind == EXPR_SET ? join_sets : join_vectors)(node, moment, &left, &right,
                                                               ret_vector, err);
}

mw_status alert_expr_evaluate(alert_expr *expr, const alert_moment *moment,
                              alert_vector *ret_vector, mw_error *err)
{
    return evaluate(expr->root, moment, ret_vector, err);
}
