/* What a rule looks at: a small part of PromQL over the samples of this moment and of the last
 * hours. Pure, but for the windows of the past that an expression keeps.
 *
 *     sum by (endpoint) (rate(mw_requests_total{code=~"5.."}[1m]))
 *         / sum by (endpoint) (rate(mw_requests_total[1m])) > 0.05
 *
 *   selector     name{label="x", other!~"a|b"}
 *   of a window  rate increase delta changes avg_over_time min_over_time max_over_time (name[5m])
 *   of a vector  sum min max avg count, with by (labels); histogram_quantile(0.99, ...); abs;
 *                absent
 *   operators    + - * /   > >= < <= == !=   and unless or, bound as in PromQL; on equal labels
 *
 * As in PromQL a comparison keeps what it holds for. What differs: counters begin at 0 when they
 * are first seen, for they are this process's own; a window that is not yet full counts from its
 * beginning. Not done here: on, ignoring, group_left, offset, subqueries, bool.
 * Source: https://prometheus.io/docs/prometheus/latest/querying/basics/ */
#ifndef ALERT_EXPR_H
#define ALERT_EXPR_H

#include <regex.h>

#include "samples.h"

typedef enum expr_match { EXPR_IS, EXPR_IS_NOT, EXPR_LIKE, EXPR_NOT_LIKE } expr_match;

typedef struct expr_matcher {
    mw_view label, text;
    expr_match kind;
    bool compiled;
    regex_t like; /* of LIKE, NOT_LIKE: the whole value */
} expr_matcher;

typedef struct expr_matchers {
    expr_matcher *items;
    size_t count;
} expr_matchers;

/* Whether all of them hold. */
bool expr_matchers_hold(const expr_matchers *matchers, alert_labels labels);

typedef struct alert_expr alert_expr;

/* Read a condition; *ret_at, also on failure: where the fault is, in bytes from the beginning.
 * Fails: MW_BAD_ARGUMENT (MW8601), MW_NO_MEMORY. */
MW_CHECKED mw_status alert_expr_read(mw_view text, alert_expr **ret_expr, size_t *ret_at,
                                     mw_error *err);
/* "{a="b", c=~"d"}" or the same without braces; the same failures. */
MW_CHECKED mw_status alert_matchers_read(mw_view text, mw_arena *arena, expr_matchers *ret_matchers,
                                         size_t *ret_at, mw_error *err);
void alert_matchers_done(expr_matchers *matchers);
/* NULL is fine. */
void alert_expr_free(alert_expr *expr);
/* Whether it says yes or no: it compares, or asks what is absent. A bare number of a metric is no
 * condition. */
bool alert_expr_is_condition(const alert_expr *expr);

typedef struct alert_element {
    alert_labels labels;
    uint64_t hash;
    double value;
} alert_element;

typedef struct alert_vector {
    bool is_scalar;
    double scalar;
    alert_element *items;
    size_t count;
} alert_vector;

typedef struct alert_moment {
    const alert_samples *samples;
    int64_t now_ms;  /* on a clock that never goes back */
    mw_arena *arena; /* for what comes out */
} alert_moment;

/* To be called at each moment, in order: windows fill by it. One thread at a time.
 * Fails: MW_NO_MEMORY (MW8608 beyond MW_LIMIT_ALERT_SERIES). */
MW_CHECKED mw_status alert_expr_evaluate(alert_expr *expr, const alert_moment *moment,
                                         alert_vector *ret_vector, mw_error *err);

#endif
