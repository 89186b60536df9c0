/* Behind the door: rows in the order of a value. */
#ifndef STATS_ORDER_H
#define STATS_ORDER_H

#include "stats.h"

/* Rows 0 .. n - 1 by falling value, equal ones as they came. `room` holds n pairs twice. */
typedef struct stats_pair {
    uint64_t key;
    uint32_t row;
} stats_pair;

void stats_order_falling(const double *values, size_t n, stats_pair *room, uint32_t *ret_rows);

/* A sum that loses next to nothing: Neumaier 1974. */
typedef struct stats_sum {
    double sum, rest;
} stats_sum;

static inline void stats_add(stats_sum *s, double x)
{
    double sum = s->sum + x;
    double a = s->sum < 0 ? -s->sum : s->sum, b = x < 0 ? -x : x;
    s->rest += a >= b ? (s->sum - sum) + x : (x - sum) + s->sum;
    s->sum = sum;
}

static inline double stats_total(const stats_sum *s)
{
    return s->sum + s->rest;
}

#endif
