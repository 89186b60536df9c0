/* What the watch is told about the models that are served: who they are, and their references. */
#ifndef CLI_WATCHING_H
#define CLI_WATCHING_H

#include "house.h"

typedef struct cli_watching cli_watching;
struct cli_explained; /* explained.h */

/* A watch, if it is wanted (--watch on), whose histories are kept in DATA/watch. *ret_watching is
 * NULL without one; contributions are watched, too, where somebody asks. Fails: as mw_monitor_new.
 */
MW_CHECKED mw_status cli_watching_open(const cli_call *call, struct cli_explained *explained,
                                       cli_watching **ret_watching, mw_monitor **ret_monitor,
                                       mw_error *err);
/* The fleet has its models: each is described, with the reference that --reference or its endpoint
 * names, or else millwright/profile.json in its folder. From now on the watcher asks for what is
 * loaded later. NULL is fine. Fails: MW_BAD_ARGUMENT (MW8009) whose it is is not known; as reading
 * a reference that was named, and mw_monitor_describe with it. */
MW_CHECKED mw_status cli_watching_begin(cli_watching *watching, mw_fleet *fleet,
                                        const cli_endpoint *endpoints, size_t n_endpoints,
                                        mw_error *err);
/* The reference of an endpoint that comes later; before the fleet has it. NULL is fine. */
MW_CHECKED mw_status cli_watching_refer(cli_watching *watching, const char *endpoint,
                                        const char *path, mw_error *err);
/* An mw_journal_options.truth, whose user is a cli_watching. */
bool cli_watching_truth(void *watching, const char *endpoint, uint64_t model,
                        const mw_log_truth *truth);
/* The fleet is going to end: it is not asked any more. NULL is fine. */
void cli_watching_end(cli_watching *watching);
/* After mw_monitor_stop. NULL is fine. */
void cli_watching_free(cli_watching *watching);

#endif
