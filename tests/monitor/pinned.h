/* A watch whose time is set by hand, for one test after the other. */
#ifndef TESTS_MONITOR_PINNED_H
#define TESTS_MONITOR_PINNED_H

#include "../chance.h"
#include "monitor/monitor.h"

#define SECOND UINT64_C(1000000000)

static uint64_t now_ns, seed;
static int64_t now_ms;
static mw_monitor *monitor;

static inline int pinned_begin(size_t learn_rows, int64_t at_ms, uint64_t first_seed)
{
    mw_monitor_options options = {.learn_rows = learn_rows, .without_watcher = true};
    now_ns = 50 * SECOND;
    now_ms = at_ms;
    seed = first_seed;
    mw_clock_pin(&now_ns, &now_ms);
    return mw_monitor_new(&options, &monitor, NULL) != MW_OK;
}

static inline int end(void **state)
{
    (void)state;
    mw_monitor_free(monitor);
    mw_clock_pin(NULL, NULL);
    return 0;
}

#endif
