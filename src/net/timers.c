/* Deadline lists; see timers.h. */
#include <limits.h>

#include "timers.h"

enum { NS_PER_MS = 1000000 };

void net_timers_init(net_timers *timers, const unsigned periods_ms[NET_N_TIMERS])
{
    for (size_t i = 0; i < NET_N_TIMERS; i++) {
        timers->lists[i].first = timers->lists[i].last = NULL;
        timers->lists[i].period_ns = (uint64_t)periods_ms[i] * NS_PER_MS;
    }
}

void net_timer_init(net_timer *timer)
{
    *timer = (net_timer){.kind = NET_TIMER_NONE};
}

void net_timer_clear(net_timers *timers, net_timer *timer)
{
    if (timer->kind == NET_TIMER_NONE)
        return;
    net_timer **before = timer->before ? &timer->before->after : &timers->lists[timer->kind].first;
    net_timer **after = timer->after ? &timer->after->before : &timers->lists[timer->kind].last;
    *before = timer->after;
    *after = timer->before;
    timer->kind = NET_TIMER_NONE;
}

void net_timer_set(net_timers *timers, net_timer *timer, net_timer_kind kind, uint64_t now_ns)
{
    net_timer_clear(timers, timer);
    timer->kind = kind;
    timer->deadline_ns = now_ns + timers->lists[kind].period_ns;
    timer->before = timers->lists[kind].last;
    timer->after = NULL;
    if (timer->before)
        timer->before->after = timer;
    else
        timers->lists[kind].first = timer;
    timers->lists[kind].last = timer;
}

net_timer *net_timers_due(net_timers *timers, uint64_t now_ns, net_timer_kind *ret_kind)
{
    for (size_t i = 0; i < NET_N_TIMERS; i++) {
        net_timer *first = timers->lists[i].first;
        if (first && first->deadline_ns <= now_ns) {
            *ret_kind = first->kind;
            net_timer_clear(timers, first);
            return first;
        }
    }
    return NULL;
}

int net_timers_wait_ms(const net_timers *timers, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;
    for (size_t i = 0; i < NET_N_TIMERS; i++)
        if (timers->lists[i].first && timers->lists[i].first->deadline_ns < next_ns)
            next_ns = timers->lists[i].first->deadline_ns;
    if (next_ns == UINT64_MAX)
        return -1;
    if (next_ns <= now_ns)
        return 0;
    uint64_t wait_ms = (next_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
    return wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}
