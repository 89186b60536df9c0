/* The servers of a record watch together: what each has counted is told through the record. */
#ifndef CLI_WATCH_SHARING_H
#define CLI_WATCH_SHARING_H

#include "monitor/monitor.h"
#include "registry/registry.h"

typedef struct cli_watch_sharing cli_watch_sharing;

/* Starts its thread. Both are borrowed. *ret_sharing is NULL where there is no watch, or the record
 * is this server's alone. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status cli_watch_sharing_start(mw_registry *registry, mw_monitor *monitor,
                                             cli_watch_sharing **ret_sharing, mw_error *err);
/* Tells once more, and ends. Before the registry and the monitor. NULL is fine. */
void cli_watch_sharing_end(cli_watch_sharing *sharing);

#endif
