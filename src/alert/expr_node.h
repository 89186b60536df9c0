/* The tree of an expression: between its reader (expr_read.c) and its evaluation (expr.c). */
#ifndef ALERT_EXPR_NODE_H
#define ALERT_EXPR_NODE_H

#include "expr.h"
#include "window.h"

typedef enum expr_kind {
    EXPR_NUMBER,
    EXPR_SELECT,
    EXPR_WINDOW,   /* rate(...) and its kin */
    EXPR_GATHER,   /* sum by (...) and its kin */
    EXPR_QUANTILE, /* histogram_quantile */
    EXPR_ABSENT,
    EXPR_ABS,
    EXPR_NEGATE,
    EXPR_ARITHMETIC,
    EXPR_COMPARE,
    EXPR_SET
} expr_kind;

typedef enum expr_op {
    EXPR_ADD,
    EXPR_SUBTRACT,
    EXPR_MULTIPLY,
    EXPR_DIVIDE,
    EXPR_ABOVE,
    EXPR_AT_LEAST,
    EXPR_BELOW,
    EXPR_AT_MOST,
    EXPR_EQUAL,
    EXPR_DIFFERENT,
    EXPR_AND,
    EXPR_UNLESS,
    EXPR_OR,
    EXPR_SUM,
    EXPR_MIN,
    EXPR_MAX,
    EXPR_AVG,
    EXPR_COUNT
} expr_op;

typedef struct expr_node {
    expr_kind kind;
    expr_op op;
    double number; /* NUMBER; the quantile */
    struct expr_node *left, *right;
    mw_view metric; /* SELECT, WINDOW */
    expr_matchers matchers;
    alert_window *window; /* WINDOW; owned */
    window_what what;
    mw_view *by; /* GATHER, sorted */
    size_t n_by;
} expr_node;

struct alert_expr {
    expr_node *root;
    mw_arena arena;
    expr_node **nodes; /* all of them, for the end */
    size_t n_nodes;
};

#endif
