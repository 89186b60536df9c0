/* Who has roles on single endpoints sees what those endpoints concern, and no more. */
#include "engine.h"
#include "expr_node.h"

/* Of a matcher on endpoints alone: what else it asks may hold or not. */
static bool takes_endpoint(const expr_matchers *matchers, mw_view endpoint)
{
    const alert_label label = {MW_VIEW("endpoint"), endpoint};
    for (size_t i = 0; i < matchers->count; i++) {
        const expr_matchers one = {&matchers->items[i], 1};
        if (mw_view_is(matchers->items[i].label, "endpoint") &&
            !expr_matchers_hold(&one, (alert_labels){&label, 1}))
            return false;
    }
    return true;
}

bool alerts_concern(mw_view seen, const expr_matchers *matchers)
{
    if (!seen.data)
        return true;
    for (mw_view left = seen; left.size > 0;) {
        mw_view one = mw_view_cut(&left, '\n');
        if (one.size > 0 && takes_endpoint(matchers, one))
            return true;
    }
    return false;
}

/* Each thing that it looks at may be one of theirs. */
bool alerts_expr_concerns(mw_view seen, const alert_expr *expr)
{
    for (size_t i = 0; seen.data && expr && i < expr->n_nodes; i++) {
        const expr_node *node = expr->nodes[i];
        bool looks = node->kind == EXPR_SELECT || node->kind == EXPR_WINDOW;
        if (looks && !alerts_concern(seen, &node->matchers))
            return false;
    }
    return true;
}

bool alerts_rule_concerns(mw_view seen, const alert_rule *rule)
{
    for (size_t i = 0; i < rule->n_labels; i++)
        if (mw_view_is(rule->labels[i].name, "endpoint") &&
            !mw_view_lists(seen, rule->labels[i].value))
            return false;
    return alerts_expr_concerns(seen, rule->when) && alerts_expr_concerns(seen, rule->resolve_when);
}

void alerts_keep_seen(mw_view seen, alert_samples *samples)
{
    size_t n = 0;
    if (!seen.data)
        return;
    for (size_t i = 0; i < samples->count; i++) {
        mw_view endpoint = alert_label_of(samples->items[i].labels, MW_VIEW("endpoint"));
        if (mw_view_lists(seen, endpoint))
            samples->items[n++] = samples->items[i];
    }
    samples->count = n;
}
