/* Total time-outs: one list a kind, ordered by deadline because every member of a list waits
 * equally long. Setting, clearing and finding the next are O(1); there is no heap and no system
 * timer. */
#ifndef NET_TIMERS_H
#define NET_TIMERS_H

#include "net.h"

typedef enum net_timer_kind {
    NET_TIMER_HEAD,   /* the head must be whole */
    NET_TIMER_BODY,   /* the body's pace and end are looked at */
    NET_TIMER_IDLE,   /* the next request must begin */
    NET_TIMER_WRITE,  /* the next step of the answer must be taken */
    NET_TIMER_LINGER, /* a refused client's bytes are read no longer */
    NET_TIMER_DRAIN,  /* a draining server waits no longer for one more request */
    NET_TIMER_QUIET,  /* beside one of the others: what TLS keeps for the next record may go */
    NET_N_TIMERS,
    NET_TIMER_NONE = NET_N_TIMERS
} net_timer_kind;

/* Part of what is timed; in at most one list. */
typedef struct net_timer {
    struct net_timer *before, *after;
    uint64_t deadline_ns;
    net_timer_kind kind;
} net_timer;

typedef struct net_timers {
    struct {
        net_timer *first, *last;
        uint64_t period_ns;
    } lists[NET_N_TIMERS];
} net_timers;

void net_timers_init(net_timers *timers, const unsigned periods_ms[NET_N_TIMERS]);
void net_timer_init(net_timer *timer);
/* (Re)start: the deadline is one period of its kind from now. */
void net_timer_set(net_timers *timers, net_timer *timer, net_timer_kind kind, uint64_t now_ns);
void net_timer_clear(net_timers *timers, net_timer *timer);
/* Take one timer whose deadline has passed off its list, *ret_kind its kind; NULL when none has. */
net_timer *net_timers_due(net_timers *timers, uint64_t now_ns, net_timer_kind *ret_kind);
/* Milliseconds until the next deadline, rounded up; -1 when nothing is timed. */
int net_timers_wait_ms(const net_timers *timers, uint64_t now_ns);

#endif
