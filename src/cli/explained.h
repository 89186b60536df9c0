/* Contributions behind answers: of which endpoints they are wanted, and what the fleet makes of
 * rows for the log and the watch. */
#ifndef CLI_EXPLAINED_H
#define CLI_EXPLAINED_H

#include "house.h"
#include "journal/journal.h"
#include "monitor/monitor.h"

typedef struct cli_explained cli_explained;

/* Shares by --log-contributions and its kin. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status cli_explained_open(const cli_call *call, cli_explained **ret_explained,
                                        mw_error *err);
/* From now on rows can be explained; models that cannot be are told of, each version once. Before
 * any thread answers. */
void cli_explained_begin(cli_explained *explained, mw_fleet *fleet);
/* An endpoint's own shares (cli_endpoint.limits); before it answers, or anew. Fails: MW_NOT_FOUND
 * (MW8405) predictions are not kept; MW_BAD_ARGUMENT nothing is watched; MW_NO_MEMORY. */
MW_CHECKED mw_status cli_explained_take(const cli_house *house, const cli_endpoint *endpoint,
                                        mw_error *err);
/* For the journal; its user stays the caller's. */
mw_log_explainer cli_explained_logger(cli_explained *explained);
mw_watch_explainer cli_explained_watcher(cli_explained *explained); /* and for the watch */
/* After the journal and the watch. NULL is fine. */
void cli_explained_free(cli_explained *explained);

#endif
