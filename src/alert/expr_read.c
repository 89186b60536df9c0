/* Text -> tree, by recursive descent; one level a binding power, as in PromQL:
 *
 *     or < and, unless < comparisons < + - < * / < unary minus < a term */
#include <stdlib.h>

#include "expr_node.h"

enum { DEPTH_MAX = 24, NODES_MAX = 256, TEXT_MAX = 4096, PATTERN_MAX = 256, MATCHERS_MAX = 16 };
enum { LEVELS = 5 };

typedef struct expr_reader {
    const char *begin, *at, *end;
    alert_expr *expr;
    mw_arena *arena;
    mw_error *err;
    unsigned depth;
    bool failed;
} expr_reader;

static void fault(expr_reader *in, const char *what, const char *mend)
{
    if (in->failed)
        return;
    in->failed = true;
    mw_fail(in->err, MW_E_ALERT_RULE, "%s", what);
    mw_mend(in->err, "%s", mend);
}

static void fault_memory(expr_reader *in)
{
    if (!in->failed)
        mw_fail_memory(in->err, "a rule");
    in->failed = true;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void skip(expr_reader *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t' || *in->at == '\n'))
        in->at++;
}

static bool sees(expr_reader *in, const char *text)
{
    size_t size = strlen(text);
    skip(in);
    return (size_t)(in->end - in->at) >= size && memcmp(in->at, text, size) == 0;
}

static bool take(expr_reader *in, const char *text)
{
    if (in->failed || !sees(in, text))
        return false;
    in->at += strlen(text);
    return true;
}

static void need(expr_reader *in, const char *text, const char *mend)
{
    char what[64];
    if (take(in, text))
        return;
    snprintf(what, sizeof what, "'%s' is missing here", text);
    fault(in, what, mend);
}

static mw_view peek_word(expr_reader *in)
{
    skip(in);
    size_t size = 0;
    for (const char *c = in->at; c < in->end; c++, size++) {
        bool letter =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_' || *c == ':';
        if (!letter && !(size > 0 && *c >= '0' && *c <= '9'))
            break;
    }
    return (mw_view){in->at, size};
}

static bool take_word(expr_reader *in, const char *word)
{
    if (in->failed || !mw_view_is(peek_word(in), word))
        return false;
    in->at += strlen(word);
    return true;
}

static mw_view keep(expr_reader *in, mw_view text)
{
    const char *kept = mw_arena_text(in->arena, text);
    if (!kept)
        fault_memory(in);
    return (mw_view){kept, kept ? text.size : 0};
}

/* "5m", "90s", "1h30m" -> milliseconds. */
static int64_t read_range(expr_reader *in)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    int64_t total = 0;
    need(in, "[", "write how long: rate(name[5m])");
    skip(in);
    while (!in->failed && in->at < in->end && *in->at != ']') {
        const char *from = in->at;
        uint64_t n;
        size_t u = 0;
        while (in->at < in->end && *in->at >= '0' && *in->at <= '9')
            in->at++;
        bool good = mw_whole_parse((mw_view){from, (size_t)(in->at - from)}, &n) && n < 1000000000;
        while (u < MW_COUNT(units) && !sees(in, units[u].unit))
            u++;
        if (!good || u == MW_COUNT(units)) {
            in->at = from;
            fault(in, "no length of time", "write a number and a unit: 90s, 5m, 2h, 1d");
            return 1;
        }
        in->at += strlen(units[u].unit);
        total += (int64_t)n * units[u].ms;
    }
    if (!in->failed && (total < 1000 || total > MW_LIMIT_ALERT_RANGE_MS))
        fault(in, "a window is 1s to 7d long", "look at a shorter or longer time");
    need(in, "]", "write how long: rate(name[5m])");
    return total;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static expr_node *new_node(expr_reader *in, expr_kind kind)
{
    expr_node *node = NULL;
    if (in->failed)
        return NULL;
    if (in->expr->n_nodes == NODES_MAX) {
        fault(in, "the condition is too long", "make two rules of it");
        return NULL;
    }
    node = mw_arena_take_zeroed(in->arena, 1, sizeof *node);
    if (!node) {
        fault_memory(in);
        return NULL;
    }
    node->kind = kind;
    in->expr->nodes[in->expr->n_nodes++] = node;
    return node;
}

static expr_node *pair(expr_reader *in, expr_kind kind, expr_op op, expr_node *left,
                       expr_node *right)
{
    expr_node *node = new_node(in, kind);
    if (!node)
        return NULL;
    node->op = op;
    node->left = left;
    node->right = right;
    return node;
}

/* ---- selectors ------------------------------------------------------------------------------- */

/* "..." or '...'; \\ \" \n are undone. */
static mw_view read_quoted(expr_reader *in)
{
    mw_buf text;
    mw_view kept = MW_VIEW("");
    skip(in);
    char quote = in->at < in->end ? *in->at : 0;
    if (quote != '"' && quote != '\'') {
        fault(in, "a text in quotes is missing here", "write name=\"value\"");
        return kept;
    }
    mw_buf_init(&text, TEXT_MAX);
    for (in->at++; in->at < in->end && *in->at != quote; in->at++) {
        bool escaped = *in->at == '\\' && in->at + 1 < in->end;
        in->at += escaped;
        mw_buf_char(&text, escaped && *in->at == 'n' ? '\n' : *in->at);
    }
    if (in->at >= in->end)
        fault(in, "the text does not end", "close it with a quote");
    else if (memchr(text.data, '\0', text.size))
        fault(in, "the text holds a zero byte", "leave it out");
    else {
        in->at++;
        kept = keep(in, mw_buf_as_view(&text));
    }
    mw_buf_done(&text);
    return kept;
}

static void compile(expr_reader *in, expr_matcher *matcher)
{
    char pattern[PATTERN_MAX + 8];
    if (in->failed || matcher->kind == EXPR_IS || matcher->kind == EXPR_IS_NOT)
        return;
    if (matcher->text.size > PATTERN_MAX) {
        fault(in, "the pattern is longer than 256 bytes", "write a shorter one");
        return;
    }
    snprintf(pattern, sizeof pattern, "^(%.*s)$", MW_VIEW_ARG(matcher->text));
    if (regcomp(&matcher->like, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        fault(in, "the pattern is no regular expression", "see 'man 7 regex': a|b, 5.., [0-9]+");
    else
        matcher->compiled = true;
}

static expr_match read_operator(expr_reader *in)
{
    static const char *const operators[] = {"=~", "!~", "!=", "="};
    static const expr_match kinds[] = {EXPR_LIKE, EXPR_NOT_LIKE, EXPR_IS_NOT, EXPR_IS};
    for (size_t i = 0; i < MW_COUNT(operators); i++)
        if (take(in, operators[i]))
            return kinds[i];
    fault(in, "one of = != =~ !~ is missing here", "write name=\"value\"");
    return EXPR_IS;
}

/* Up to `close`, which is taken; 0: up to the end. */
static void read_matchers(expr_reader *in, const char *close, expr_matchers *ret_matchers)
{
    ret_matchers->items = mw_arena_take_zeroed(in->arena, MATCHERS_MAX, sizeof(expr_matcher));
    if (!ret_matchers->items)
        fault_memory(in);
    while (!in->failed) {
        skip(in);
        if (close ? take(in, close) : in->at == in->end)
            return;
        mw_view label = peek_word(in);
        if (label.size == 0 || memchr(label.data, ':', label.size))
            fault(in, "the name of a label is missing here", "write {endpoint=\"churn\"}");
        if (ret_matchers->count == MATCHERS_MAX)
            fault(in, "more than 16 labels", "use fewer");
        if (in->failed)
            return;
        expr_matcher *matcher = &ret_matchers->items[ret_matchers->count++];
        in->at += label.size;
        matcher->label = keep(in, label);
        matcher->kind = read_operator(in);
        matcher->text = in->failed ? MW_VIEW("") : read_quoted(in);
        compile(in, matcher);
        skip(in);
        if (!take(in, ",") && !(close ? sees(in, close) : in->at == in->end))
            fault(in, "labels are parted by commas", "write {a=\"x\", b=\"y\"}");
    }
}

static void read_selector(expr_reader *in, expr_node *node)
{
    mw_view name = peek_word(in);
    if (name.size == 0) {
        fault(in, "the name of a metric is missing here", "GET /metrics lists them");
        return;
    }
    in->at += name.size;
    node->metric = keep(in, name);
    if (take(in, "{"))
        read_matchers(in, "}", &node->matchers);
}

/* ---- terms ----------------------------------------------------------------------------------- */

static expr_node *read_level(expr_reader *in, int level);

static expr_node *read_window(expr_reader *in, window_what what)
{
    expr_node *node = new_node(in, EXPR_WINDOW);
    need(in, "(", "write rate(name[5m])");
    if (in->failed || !node)
        return NULL;
    node->what = what;
    read_selector(in, node);
    int64_t range_ms = in->failed ? 0 : read_range(in);
    need(in, ")", "write rate(name[5m])");
    if (in->failed)
        return NULL;
    node->window = alert_window_new(range_ms);
    if (!node->window)
        fault_memory(in);
    return node;
}

static void read_by(expr_reader *in, expr_node *node)
{
    alert_label names[MATCHERS_MAX];
    if (!take_word(in, "by"))
        return;
    need(in, "(", "write sum by (endpoint) (...)");
    while (!in->failed && !take(in, ")")) {
        mw_view name = peek_word(in);
        if (name.size == 0 || node->n_by == MATCHERS_MAX)
            fault(in, "the name of a label is missing here", "write sum by (endpoint) (...)");
        if (in->failed)
            return;
        in->at += name.size;
        names[node->n_by++] = (alert_label){keep(in, name), MW_VIEW("")};
        if (!take(in, ",") && !sees(in, ")"))
            fault(in, "labels are parted by commas", "write by (endpoint, version)");
    }
    alert_labels_sort(names, node->n_by);
    node->by = mw_arena_take_zeroed(in->arena, MATCHERS_MAX, sizeof *node->by);
    if (!node->by)
        fault_memory(in);
    for (size_t i = 0; i < node->n_by && !in->failed; i++)
        node->by[i] = names[i].name;
}

static expr_node *read_inner(expr_reader *in)
{
    need(in, "(", "write what it is of in brackets");
    expr_node *inner = read_level(in, 0);
    need(in, ")", "each bracket that opens must close");
    return inner;
}

static expr_node *read_gather(expr_reader *in, expr_op op)
{
    expr_node *node = new_node(in, EXPR_GATHER);
    if (!node)
        return NULL;
    node->op = op;
    read_by(in, node);
    node->left = read_inner(in);
    if (node->n_by == 0)
        read_by(in, node); /* sum(...) by (endpoint) */
    return node;
}

static double read_number(expr_reader *in)
{
    double value = 0;
    skip(in);
    const char *behind = in->at < in->end ? mw_number_read(in->at, in->end, false, &value) : NULL;
    if (behind)
        in->at = behind;
    else
        fault(in, "a number is missing here", "write one, such as 0.95");
    return value;
}

static expr_node *read_quantile(expr_reader *in)
{
    expr_node *node = new_node(in, EXPR_QUANTILE);
    need(in, "(", "write histogram_quantile(0.99, sum by (le) (rate(name_bucket[5m])))");
    if (!node || in->failed)
        return NULL;
    node->number = read_number(in);
    if (!in->failed && !(node->number >= 0 && node->number <= 1))
        fault(in, "a quantile lies between 0 and 1", "write 0.99 for the 99th percentile");
    need(in, ",", "write histogram_quantile(0.99, ...)");
    node->left = read_level(in, 0);
    need(in, ")", "each bracket that opens must close");
    return node;
}

static expr_node *read_function(expr_reader *in, mw_view word)
{
    static const struct {
        const char *name;
        window_what what;
    } windows[] = {{"rate", WINDOW_RATE},         {"increase", WINDOW_INCREASE},
                   {"delta", WINDOW_DELTA},       {"changes", WINDOW_CHANGES},
                   {"avg_over_time", WINDOW_AVG}, {"min_over_time", WINDOW_MIN},
                   {"max_over_time", WINDOW_MAX}};
    static const struct {
        const char *name;
        expr_op op;
    } gathers[] = {{"sum", EXPR_SUM},
                   {"min", EXPR_MIN},
                   {"max", EXPR_MAX},
                   {"avg", EXPR_AVG},
                   {"count", EXPR_COUNT}};
    for (size_t i = 0; i < MW_COUNT(windows); i++)
        if (mw_view_is(word, windows[i].name) && take_word(in, windows[i].name))
            return read_window(in, windows[i].what);
    for (size_t i = 0; i < MW_COUNT(gathers); i++)
        if (mw_view_is(word, gathers[i].name) && take_word(in, gathers[i].name))
            return read_gather(in, gathers[i].op);
    if (take_word(in, "histogram_quantile"))
        return read_quantile(in);
    expr_kind kind = mw_view_is(word, "absent") ? EXPR_ABSENT : EXPR_ABS;
    in->at += word.size;
    expr_node *node = new_node(in, kind);
    expr_node *inner = read_inner(in);
    if (node)
        node->left = inner;
    if (kind == EXPR_ABSENT && inner && inner->kind != EXPR_SELECT)
        fault(in, "absent is of a metric", "write absent(name{endpoint=\"churn\"})");
    return node;
}

static bool is_function(mw_view word)
{
    static const char *const names[] = {
        "rate",          "increase",      "delta",  "changes", "avg_over_time",
        "min_over_time", "max_over_time", "sum",    "min",     "max",
        "avg",           "count",         "absent", "abs",     "histogram_quantile"};
    for (size_t i = 0; i < MW_COUNT(names); i++)
        if (mw_view_is(word, names[i]))
            return true;
    return false;
}

static expr_node *read_unknown(expr_reader *in, mw_view word)
{
    char what[96];
    snprintf(what, sizeof what, "'%.*s' is no function that rules have",
             word.size > 48 ? 48 : (int)word.size, word.data);
    fault(in, what,
          "rate, increase, delta, changes, avg_over_time, min_over_time, max_over_time, "
          "sum, min, max, avg, count, absent, abs, histogram_quantile");
    return NULL;
}

static expr_node *read_term(expr_reader *in)
{
    mw_view word = peek_word(in);
    if (sees(in, "("))
        return read_inner(in);
    if (word.size == 0) {
        expr_node *number = new_node(in, EXPR_NUMBER);
        if (number)
            number->number = read_number(in);
        return number;
    }
    if (is_function(word))
        return read_function(in, word);
    const char *behind = word.data + word.size;
    while (behind < in->end && *behind == ' ')
        behind++;
    if (behind < in->end && *behind == '(')
        return read_unknown(in, word);
    expr_node *node = new_node(in, EXPR_SELECT);
    if (node)
        read_selector(in, node);
    if (!in->failed && sees(in, "["))
        fault(in, "a window needs a function", "write rate(name[5m])");
    return node;
}

static expr_node *read_unary(expr_reader *in)
{
    if (!take(in, "-"))
        return read_term(in);
    expr_node *node = new_node(in, EXPR_NEGATE);
    expr_node *inner = read_term(in);
    if (node)
        node->left = inner;
    return node;
}

/* ---- operators ------------------------------------------------------------------------------- */

typedef struct operator_row {
    const char *text;
    int level;
    expr_kind kind;
    expr_op op;
} operator_row;

/* Longer ones before those that they begin with. */
static const operator_row operators[] = {
    {"or", 0, EXPR_SET, EXPR_OR},
    {"and", 1, EXPR_SET, EXPR_AND},
    {"unless", 1, EXPR_SET, EXPR_UNLESS},
    {">=", 2, EXPR_COMPARE, EXPR_AT_LEAST},
    {"<=", 2, EXPR_COMPARE, EXPR_AT_MOST},
    {"==", 2, EXPR_COMPARE, EXPR_EQUAL},
    {"!=", 2, EXPR_COMPARE, EXPR_DIFFERENT},
    {">", 2, EXPR_COMPARE, EXPR_ABOVE},
    {"<", 2, EXPR_COMPARE, EXPR_BELOW},
    {"+", 3, EXPR_ARITHMETIC, EXPR_ADD},
    {"-", 3, EXPR_ARITHMETIC, EXPR_SUBTRACT},
    {"*", 4, EXPR_ARITHMETIC, EXPR_MULTIPLY},
    {"/", 4, EXPR_ARITHMETIC, EXPR_DIVIDE},
};

static const operator_row *take_operator(expr_reader *in, int level)
{
    for (size_t i = 0; i < MW_COUNT(operators); i++) {
        const operator_row *row = &operators[i];
        bool is_word = row->kind == EXPR_SET;
        if (row->level == level && (is_word ? take_word(in, row->text) : take(in, row->text)))
            return row;
    }
    return NULL;
}

static expr_node *read_level(expr_reader *in, int level)
{
    const operator_row *row;
    if (++in->depth > DEPTH_MAX * LEVELS)
        fault(in, "brackets stand too deep", "make two rules of it");
    expr_node *left = in->failed        ? NULL
                      : level == LEVELS ? read_unary(in)
                                        : read_level(in, level + 1);
    while (level < LEVELS && !in->failed && (row = take_operator(in, level))) {
        expr_node *right = read_level(in, level + 1);
        left = pair(in, row->kind, row->op, left, right);
    }
    in->depth--;
    return left;
}

/* ---- doors ----------------------------------------------------------------------------------- */

static bool is_condition(const expr_node *node)
{
    if (node->kind == EXPR_SET)
        return is_condition(node->left) && (node->op == EXPR_UNLESS || is_condition(node->right));
    return node->kind == EXPR_COMPARE || node->kind == EXPR_ABSENT;
}

bool alert_expr_is_condition(const alert_expr *expr)
{
    return is_condition(expr->root);
}

static mw_status end_of(expr_reader *in, size_t *ret_at)
{
    *ret_at = (size_t)(in->at - in->begin);
    return in->failed ? in->err->status : MW_OK;
}

mw_status alert_expr_read(mw_view text, alert_expr **ret_expr, size_t *ret_at, mw_error *err)
{
    alert_expr *expr = calloc(1, sizeof *expr);
    *ret_at = 0;
    if (!expr)
        return mw_fail_memory(err, "a rule");
    mw_arena_init(&expr->arena, 4 * MW_KIB, MW_MIB);
    expr->nodes = mw_arena_take_zeroed(&expr->arena, NODES_MAX, sizeof(expr_node *));
    expr_reader in = {.begin = text.data,
                      .at = text.data,
                      .end = text.data + text.size,
                      .expr = expr,
                      .arena = &expr->arena,
                      .err = err};
    if (!expr->nodes)
        fault_memory(&in);
    else if (text.size > TEXT_MAX)
        fault(&in, "the condition is longer than 4096 bytes", "make two rules of it");
    expr->root = in.failed ? NULL : read_level(&in, 0);
    skip(&in);
    if (!in.failed && in.at < in.end)
        fault(&in, "an operator is missing here", "see docs/reference/alerts.md");
    mw_status status = end_of(&in, ret_at);
    if (status != MW_OK) {
        alert_expr_free(expr);
        return status;
    }
    *ret_expr = expr;
    return MW_OK;
}

mw_status alert_matchers_read(mw_view text, mw_arena *arena, expr_matchers *ret_matchers,
                              size_t *ret_at, mw_error *err)
{
    expr_reader in = {.begin = text.data,
                      .at = text.data,
                      .end = text.data + text.size,
                      .arena = arena,
                      .err = err};
    *ret_matchers = (expr_matchers){NULL, 0};
    if (text.size > TEXT_MAX)
        fault(&in, "the labels are longer than 4096 bytes", "use fewer");
    bool braces = !in.failed && take(&in, "{");
    if (!in.failed)
        read_matchers(&in, braces ? "}" : NULL, ret_matchers);
    skip(&in);
    if (!in.failed && in.at < in.end)
        fault(&in, "something stands behind the labels", "write {a=\"x\", b=\"y\"}");
    mw_status status = end_of(&in, ret_at);
    if (status != MW_OK)
        alert_matchers_done(ret_matchers);
    return status;
}

void alert_matchers_done(expr_matchers *matchers)
{
    for (size_t i = 0; i < matchers->count; i++)
        if (matchers->items[i].compiled)
            regfree(&matchers->items[i].like);
    *matchers = (expr_matchers){NULL, 0};
}

void alert_expr_free(alert_expr *expr)
{
    if (!expr)
        return;
    for (size_t i = 0; i < expr->n_nodes; i++) {
        alert_matchers_done(&expr->nodes[i]->matchers);
        alert_window_free(expr->nodes[i]->window);
    }
    mw_arena_done(&expr->arena);
    free(expr);
}
